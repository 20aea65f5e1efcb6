"""Check feeds: what counts within and beyond the tolerance, what is then disputed, and what is refused."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hansa.apps.billing import errors, errors_attribution, errors_tariff
from hansa.apps.billing.books import deal_of
from hansa.apps.billing.check_feeds import CheckFeed, CheckResult, compare, is_beyond
from hansa.apps.billing.elements_energy import Demand
from hansa.apps.billing.life import life_of
from hansa.apps.billing.messages import Binding, Propose, Statement
from hansa.apps.billing.recompute import settle
from hansa.apps.billing.tables import ACCOUNTS, AGREEMENTS
from hansa.apps.billing.terms import GapRule, Settlement, Terms, check_terms
from hansa.apps.metering.chain import Point
from hansa.apps.metering.messages import (
    AnchorReadings,
    LegalUse,
    RecordCounters,
    RegisterDevice,
    RegisterFeed,
)
from hansa.kernel import KEYS, Refusal, limits, pack, replace
from tests.apps.ground import ANCHOR, Ground, accept, counters, feed, lease_feeds
from tests.apps.tariffs import FEE, PIECE, TARIFF, calendar_of

H, DAY = limits.HOUR_MS, limits.DAY_MS
START_MS = 20_150 * DAY - 8 * H
DAYS = 2
EACH = replace(PIECE, included_base=0, tiers=PIECE.tiers[1:])
SHEET = replace(
    TARIFF, purpose="internal", period="day", windows=(), meters=TARIFF.meters[:1], elements=(FEE, EACH)
)
CHECK = CheckFeed("pieces", "maker", "count", tolerance_bp=200, tolerance_base=3, rule="dispute")


def ground_of_two(tariff: Any = SHEET, **changes: Any) -> Ground:
    """Plant counts the pieces, maker counts them as well."""
    ground = Ground(START_MS - DAY)
    ctx = ground.context("maker")
    key = KEYS.get(ctx, ("plant", "gateway-1"))
    assert key is not None
    KEYS.put(ctx, ("maker", "gateway-1"), replace(key, holder="m"))
    ctx.layer.merge_into(ground.layer)
    ground.register(pieces=feed(), **{k: v for k, v in lease_feeds().items() if k != "pieces"})
    ground.do("maker", RegisterDevice(device="press", source="gateway-1"))
    ground.do("maker", RegisterFeed(feed="count", declaration=feed(**changes)))
    ground.do("maker", AnchorReadings(anchor=ANCHOR, root="0" * 64, count=65_536, first_ms=0, last_ms=0))
    ground.publish(tariff, calendar_of("Asia/Shanghai"))
    return ground


def agree(ground: Ground, *checks: CheckFeed, meters: tuple[str, ...] = ("pieces",)) -> Ground:
    bindings = tuple(Binding(meter, "plant", meter) for meter in meters)
    gaps = tuple(GapRule(meter, H, "zero") for meter in meters)
    terms = Terms(0, gaps, checks=checks)
    to_ms = START_MS + DAYS * DAY
    ground.do("maker", Propose("g-1", "maker", "plant", "maker", "t-1", 1, bindings, terms, START_MS, to_ms))
    ground.do("plant", accept("g-1"))
    return ground


def tell(ground: Ground, owner: str, name: str, *readings: Any) -> None:
    batch = counters(name, readings)
    action = RecordCounters(owner=owner, counters=batch, anchor=ANCHOR, index=pack(range(len(readings))))
    ground.do(owner, action)


def stated(main: int, other: int, **changes: Any) -> Statement:
    ground = agree(ground_of_two(), replace(CHECK, **changes))
    ground.move_to(START_MS + 20 * H)
    for owner, name, made in (("plant", "pieces", main), ("maker", "count", other)):
        tell(ground, owner, name, (START_MS, 0), (START_MS + 12 * H, made))
    ground.move_to(START_MS + DAY)
    return ground.statements()[0]


@pytest.mark.parametrize(
    ("rule", "main", "other", "counted", "beyond"),
    [
        ("main", 1_000, 1_020, 1_000, False),
        ("main", 1_000, 900, 1_000, True),
        ("mean", 1_000, 980, 1_000, False),
        ("mean", 1_000, 979, 989, True),
        ("mean", 1_000, 1_101, 1_050, True),
        ("lower", 1_000, 979, 979, True),
        ("lower", 1_000, 1_021, 1_000, True),
        ("lower", 1_000, 1_020, 1_000, False),
        ("dispute", 1_000, 1_020, 1_000, False),
        ("dispute", 1_000, 1_021, 1_000, True),
        ("lower", 10, 7, 10, False),  # 3 pieces are within the other tolerance.
        ("lower", 10, 6, 6, True),
        ("mean", 0, 4, 2, True),
        ("lower", 7, 0, 0, True),
    ],
)
def test_what_counts(rule: Any, main: int, other: int, counted: int, beyond: bool) -> None:
    statement = stated(main, other, rule=rule)
    assert statement.checks == (CheckResult("pieces", "maker", "count", rule, main, other, counted, beyond),)
    assert statement.lines[1].quantity_base == counted
    # Line 2 rests on the meter, line 1 is the fee.
    assert statement.check_lines == ((2,) if beyond and rule == "dispute" else ())


def test_gaps_of_the_check_feed_count_by_the_meters_rule_and_outsiders_find_the_same() -> None:
    ground = agree(ground_of_two(), replace(CHECK, rule="lower"))
    ground.move_to(START_MS + 20 * H)
    mains = [(START_MS, 0), (START_MS + 12 * H, 100)]
    others = [(START_MS, 0), (START_MS + 2 * H, None), (START_MS + 12 * H, 100), (START_MS + 13 * H, 110)]
    tell(ground, "plant", "pieces", *mains)
    tell(ground, "maker", "count", *others)
    ground.move_to(START_MS + DAY)
    (statement,) = ground.statements()
    assert (statement.checks[0].check_base, statement.checks[0].counted_base) == (10, 10)
    ctx = ground.context()
    agreement = AGREEMENTS.get(ctx, ("g-1",))
    assert agreement is not None
    batch = {
        name: [Point(at, 1, n, value or 0, 0, value is None) for n, (at, value) in enumerate(rows, 1)]
        for name, rows in (("pieces", mains), ("pieces/check", others))
    }
    (found,) = settle(deal_of(ctx, agreement), [batch])
    assert found.totals.lines == statement.lines
    assert found.listed["checks"] == statement.checks


def test_with_the_books_the_check_feed_is_free_again() -> None:
    ground = agree(ground_of_two(), CHECK)
    assert len(list(ACCOUNTS.scan(ground.context(), ("maker", "count")))) == 1
    ground.move_to(START_MS + (DAYS + 1) * DAY)
    assert not list(ACCOUNTS.scan(ground.context(), ("maker", "count")))


def test_a_check_feed_may_bill_elsewhere_between_the_same_two() -> None:
    """It bills nothing here, so nothing is billed twice."""
    ground = agree(ground_of_two(), CHECK)
    terms = Terms(0, (GapRule("pieces", H, "zero"),))
    meters = (Binding("pieces", "maker", "count"),)
    to_ms = START_MS + DAY
    ground.do("maker", Propose("g-2", "maker", "plant", "maker", "t-1", 1, meters, terms, START_MS, to_ms))
    ground.do("plant", accept("g-2"))
    assert len(list(ACCOUNTS.scan(ground.context(), ("maker", "count")))) == 2


@given(st.integers(0, 2**40), st.integers(0, 2**40), st.integers(0, 10_000), st.integers(0, 2**20))
def test_what_counts_lies_between_the_two(main: int, other: int, bp: int, base: int) -> None:
    for rule in ("main", "mean", "lower", "dispute"):
        check = replace(CHECK, tolerance_bp=bp, tolerance_base=base, rule=rule)  # type: ignore[arg-type]
        result, counted = compare(check, {"all": main}, {"all": other})
        assert min(main, other) <= result.counted_base <= max(main, other)
        assert sum(counted.values()) == result.counted_base
        assert result.beyond or result.counted_base == main
        assert result.beyond == is_beyond(check, main, other)
    assert not is_beyond(replace(CHECK, tolerance_bp=bp, tolerance_base=base), main, main)


@pytest.mark.parametrize(
    ("refusal", "check"),
    [
        (errors_attribution.CheckMeter, replace(CHECK, meter="nothing")),
        (errors_attribution.CheckOwner, replace(CHECK, owner="plant", feed="pieces")),
        (errors_attribution.CheckOwner, replace(CHECK, owner="bank")),
        (errors_attribution.CheckTolerance, replace(CHECK, tolerance_bp=10_001)),
        (errors_attribution.CheckTolerance, replace(CHECK, tolerance_base=-1)),
    ],
)
def test_check_feeds_that_cannot_be_compared(refusal: type[Refusal], check: CheckFeed) -> None:
    ground = ground_of_two()
    if check.owner == "bank":
        ctx = ground.context("bank")
        key = KEYS.get(ctx, ("plant", "gateway-1"))
        assert key is not None
        KEYS.put(ctx, ("bank", "gateway-1"), replace(key, holder="b"))
        ctx.layer.merge_into(ground.layer)
        ground.do("bank", RegisterDevice(device="press", source="gateway-1"))
        ground.do("bank", RegisterFeed(feed="count", declaration=feed()))
    with pytest.raises(refusal):
        agree(ground, check)


@pytest.mark.parametrize(
    "changes", [{"wired": False}, {"base_unit": "part"}, {"kind": "amount"}], ids=["wired", "unit", "kind"]
)
def test_a_check_feed_that_counts_something_else(changes: dict[str, Any]) -> None:
    with pytest.raises(errors_attribution.CheckUnfit):
        agree(ground_of_two(**changes), CHECK)


def test_two_check_feeds_and_one_of_a_state_meter() -> None:
    with pytest.raises(errors_attribution.CheckTwice):
        agree(ground_of_two(), CHECK, CHECK)
    tariff = replace(SHEET, meters=TARIFF.meters[:2])
    with pytest.raises(errors_attribution.CheckMeter):
        agree(ground_of_two(tariff), replace(CHECK, meter="execution"), meters=("pieces", "execution"))


@pytest.mark.parametrize(
    ("rule", "refused"), [("main", False), ("dispute", False), ("mean", True), ("lower", True)]
)
def test_what_may_be_billed_by_is_verified(rule: Any, refused: bool) -> None:
    """An indicative check feed may show a difference in electricity, and not be paid by."""
    verified = LegalUse("billing", "C-1", START_MS + 365 * DAY, "1", "S-1")
    ground = ground_of_two(
        replace(SHEET, purpose="trade_settlement"), carrier="electricity", legal_use=verified
    )
    loose = feed(carrier="electricity")
    ground.do("maker", RegisterFeed(feed="loose", declaration=loose))
    check = replace(CHECK, feed="loose", rule=rule)
    if refused:
        with pytest.raises(errors.LegalUseMissing):
            agree(ground, check)
    else:
        agree(ground, check)


@pytest.mark.parametrize("rule", ["main", "mean", "lower", "dispute"])
def test_a_sum_cannot_take_the_place_of_slots(rule: Any) -> None:
    demand = Demand("peak", "power", "measured", "kW", 10**8, meter="energy", slot_minutes=15)
    tariff = replace(SHEET, meters=TARIFF.meters[2:], elements=(demand,))
    check = CheckFeed("energy", "maker", "count", 200, 0, rule)
    terms = Terms(0, (GapRule("energy", H, "zero"),), checks=(check,))
    if rule in ("mean", "lower"):
        with pytest.raises(errors_attribution.CheckRule):
            check_terms(tariff, terms)
    else:
        check_terms(tariff, terms)


def test_sums_that_no_ledger_can_hold_are_refused_by_name() -> None:
    huge = {"peak": 2**53 - 1, "valley": 2**53 - 1}
    with pytest.raises(errors_tariff.AmountTooLarge):
        compare(CHECK, huge, {"peak": 1})
    with pytest.raises(errors_tariff.AmountTooLarge):
        compare(CHECK, {"peak": 1}, huge)


@pytest.mark.parametrize(("rule", "held"), [("dispute", False), ("lower", True)])
def test_a_period_is_held_while_what_may_count_is_out_of_verification(rule: Any, held: bool) -> None:
    verified = LegalUse("billing", "C-1", START_MS + 365 * DAY, "1", "S-1")
    short = replace(verified, valid_until_ms=START_MS + H)
    ground = ground_of_two(replace(SHEET, purpose="trade_settlement"), carrier="electricity", legal_use=short)
    agree(ground, replace(CHECK, rule=rule))
    ground.move_to(START_MS + DAY)
    assert len(ground.statements()) == (0 if held else 1)


def test_beyond_the_tolerance_a_dispute_opens_by_itself_and_the_rest_stays_due() -> None:
    """The fee is agreed; the line that rests on the meter is disputed in the name of who would pay it."""
    ground = ground_of_two()
    gaps = (GapRule("pieces", H, "zero"),)
    terms = Terms(0, gaps, checks=(CHECK,), settlement=Settlement(30, "confirmation"))
    to_ms = START_MS + DAYS * DAY
    meters = (Binding("pieces", "plant", "pieces"),)
    ground.do("maker", Propose("g-1", "maker", "plant", "maker", "t-1", 1, meters, terms, START_MS, to_ms))
    ground.do("plant", accept("g-1"))
    ground.move_to(START_MS + 20 * H)
    for owner, name, made in (("plant", "pieces", 1_000), ("maker", "count", 900)):
        tell(ground, owner, name, (START_MS, 0), (START_MS + 12 * H, made))
    ground.move_to(START_MS + DAY)
    life = ground.ask(life_of, "g-1", START_MS)
    assert [(each.by, each.lines, each.automatic) for each in life.disputes] == [("plant", (2,), True)]
