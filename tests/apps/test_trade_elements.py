"""Elements between trading partners: worked figures, bounds that hold for every usage, what is refused."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hansa.apps.billing import errors_tariff, errors_trade
from hansa.apps.billing.carrying import NOTHING, Carry, carry_after, left_minor, open_lots
from hansa.apps.billing.elements_trade import (
    Availability,
    Band,
    Discount,
    DownPayment,
    Payee,
    ScrapCredit,
    Split,
    Stage,
    TakeOrPay,
)
from hansa.apps.billing.rating import Facts, Line, close_statement, rate
from hansa.apps.billing.sharing_out import allot, shares
from hansa.apps.billing.tariff import Meter, Tariff, check_tariff
from hansa.apps.consortium.calendars import Period, clip, period_at
from hansa.kernel import Refusal, limits, replace
from tests.apps.tariffs import FEE, MOST, PIECE, TARIFF, calendar_of

DAY = limits.DAY_MS
START_MS = 20_150 * DAY - 8 * limits.HOUR_MS
"""2025-03-03 at midnight in Shanghai."""
EACH = replace(PIECE, included_base=0, tiers=PIECE.tiers[1:])
"""3.00 a piece."""
TIERED = replace(PIECE, included_base=20)
"""20 free, then 3.50 up to 100, then 3.00."""
BASE = replace(
    TARIFF,
    period="day",
    windows=(),
    meters=(Meter("pieces", "counter", "piece"), Meter("scrap", "counter", "piece"), TARIFF.meters[1]),
    elements=(EACH,),
)
TAKE = TakeOrPay("commit", "vat", ("per_piece",), committed_base=100, price_e8=250_000_000, carry_periods=2)
UP = Availability("uptime", "vat", "execution", ("per_piece",), 9_800, (Band(9_800, 500), Band(9_000, 2_000)))
BAD = ScrapCredit("scrapped", "vat", "scrap", ("per_piece",))
LESS = Discount("rebate", "vat", ("per_piece",), (Stage(10_000, 500), Stage(20_000, 1_000)), "graduated")
DOWN = DownPayment("down", "vat", ("per_piece",), amount_minor=10_000, periods=3)
PARTS = Split(
    "parts", "vat", ("per_piece",), (Payee("maker", 3_333), Payee("bank", 3_333), Payee("plant", 3_334))
)


def period(day: int = 0) -> Period:
    calendar = calendar_of("Asia/Shanghai")
    return period_at(calendar, "day", START_MS + day * DAY)


def sheet(*elements: Any, **changes: Any) -> Tariff:
    tariff = replace(BASE, elements=(EACH, *elements), **changes)
    check_tariff(tariff)
    return tariff


def rated(tariff: Tariff, pieces: int, facts: Facts | None = None, of: Period | None = None) -> list[Line]:
    return list(rate(tariff, {("pieces", "", "all"): pieces}, of or period(), facts or Facts()))


def amounts(lines: list[Line], clause: str) -> list[tuple[int, int]]:
    return [(line.quantity_base, line.amount_minor) for line in lines if line.clause == clause]


# Take-or-pay.


def months(tariff: Tariff, *pieces: int) -> tuple[list[tuple[int, int]], Carry]:
    """The commitment's line of each period, and what is left after the last."""
    carry, out = NOTHING, []
    for day, made in enumerate(pieces):
        lines = rated(tariff, made, Facts(carry=carry), period(day))
        out += amounts(lines, "commit")
        carry = carry_after(tariff.elements, carry, lines)
    return out, carry


def test_a_shortfall_is_charged_and_later_taken_up_the_oldest_first() -> None:
    lines, carry = months(sheet(TAKE), 70, 90, 125, 130)
    # 30 and 10 short; 25 of the first 30 taken up; the 5 left expired, the 10 of the second day are taken up.
    assert lines == [(30, 7_500), (10, 2_500), (-25, -6_250), (-10, -2_500)]
    assert carry.balances == ()


def test_without_carry_a_shortfall_is_gone() -> None:
    lines, carry = months(sheet(replace(TAKE, carry_periods=0)), 70, 200)
    assert lines == [(30, 7_500), (0, 0)]
    assert carry.balances == ()


def test_a_shortfall_expires_after_so_many_periods() -> None:
    lines, carry = months(sheet(TAKE), 70, 100, 100, 200)
    assert lines == [(30, 7_500), (0, 0), (0, 0), (0, 0)]
    assert carry.balances == ()


def test_the_credit_is_not_larger_than_what_the_pieces_cost() -> None:
    """Paid for at 9.00, taken at 3.00."""
    lines, _ = months(sheet(replace(TAKE, price_e8=900_000_000)), 70, 130)
    assert lines == [(30, 27_000), (-30, -9_000)]


def test_a_clipped_period_is_committed_in_proportion() -> None:
    whole = period()
    half = clip(calendar_of("Asia/Shanghai"), whole, whole.from_ms, whole.from_ms + DAY // 2)
    assert amounts(rated(sheet(TAKE), 30, None, half), "commit") == [(20, 5_000)]


@given(st.lists(st.integers(0, 300), max_size=12), st.integers(0, 5), st.integers(0, 10**9))
def test_take_or_pay_never_costs_more_than_commitment_and_actual(
    made: list[int], carry_periods: int, price_e8: int
) -> None:
    """Over any periods, but for a cent of rounding in each: between nothing and what was committed."""
    tariff = sheet(replace(TAKE, carry_periods=carry_periods, price_e8=price_e8))
    lines, carry = months(tariff, *made)
    paid = sum(amount for _, amount in lines)
    committed = len(made) * 100 * price_e8 // 10**6
    assert -len(made) <= paid <= committed + len(made)
    short = sum(quantity for quantity, _ in lines if quantity > 0)
    taken_up = -sum(quantity for quantity, _ in lines if quantity < 0)
    assert taken_up + sum(lot.left for lot in carry.balances) <= short
    assert all(carry.periods - lot.period < max(carry_periods, 1) for lot in carry.balances)


def test_what_is_credited_already_is_not_credited_again() -> None:
    """All 130 pieces are the provider's scrap: nothing is left that a shortfall could be credited against."""
    tariff = sheet(BAD, replace(TAKE, of=("per_piece", "scrapped")))
    carry = carry_after(tariff.elements, NOTHING, rated(tariff, 70))
    facts = Facts(attributed={("scrap", "provider", ""): 130}, carry=carry)
    assert amounts(rated(tariff, 130, facts, period(1)), "commit") == [(-30, 0)]


# Discount.


@pytest.mark.parametrize(
    ("pieces", "tiering", "minor"),
    [
        (33, "graduated", 0),
        (34, "graduated", -10),  # 102.00: 2.00 at 5 %.
        (100, "graduated", -1_500),  # 300.00: 100.00 at 5 %, 100.00 at 10 %.
        (33, "volume", 0),
        (34, "volume", -510),
        (100, "volume", -3_000),
    ],
)
def test_a_discount_by_stages(pieces: int, tiering: Any, minor: int) -> None:
    lines = rated(sheet(replace(LESS, tiering=tiering)), pieces)
    assert amounts(lines, "rebate") == [(1, minor)]


# Availability and scrap.


def down(ms: int) -> Facts:
    found = {("execution", "provider", "all"): ms, ("execution", "user", "all"): DAY}
    return Facts(attributed=found, planned={"all": DAY})


@pytest.mark.parametrize(
    ("down_ms", "minor"),
    [
        (0, 0),
        (DAY * 2 // 100, 0),  # 98.00 %: as promised.
        (DAY * 2 // 100 + 1, -1_500),
        (DAY * 10 // 100, -1_500),
        (DAY * 10 // 100 + 1, -6_000),
        (5 * DAY, -6_000),
    ],
)
def test_availability_counts_only_what_the_provider_answers_for(down_ms: int, minor: int) -> None:
    assert amounts(rated(sheet(UP), 100, down(down_ms)), "uptime") == [(1, minor)]


def test_without_planned_time_nothing_was_missed() -> None:
    assert amounts(rated(sheet(UP), 100), "uptime") == [(1, 0)]


@pytest.mark.parametrize(
    ("scrap", "line"),
    [
        (0, (0, 0)),
        (10, (-10, -3_000)),  # 130 → 120, all in the last tier.
        (40, (-40, -13_500)),  # Of 130 20 are free, 100 cost 3.50, 10 cost 3.00: gone are 10 and 30.
        (500, (-130, -38_000)),
    ],
)
def test_scrap_of_the_provider_is_not_paid_for(scrap: int, line: tuple[int, int]) -> None:
    tariff = replace(BASE, elements=(TIERED, BAD))
    facts = Facts(attributed={("scrap", "provider", ""): scrap, ("scrap", "user", ""): 7})
    assert amounts(rated(tariff, 130, facts), "scrapped") == [line]


def test_less_scrap_that_would_have_cost_more_is_no_charge() -> None:
    """By volume 101 pieces cost 3.00 each, 100 cost 3.50: without one piece the clause would be dearer."""
    dear = replace(PIECE, included_base=0, tiering="volume")
    tariff = replace(BASE, elements=(dear, BAD))
    facts = Facts(attributed={("scrap", "provider", ""): 1})
    assert amounts(rated(tariff, 101, facts), "scrapped") == [(-1, 0)]


# Down payment.


def test_a_down_payment_is_credited_in_equal_parts_and_what_cannot_be_borne_later() -> None:
    tariff = sheet(DOWN)
    carry, credits = NOTHING, []
    for day, pieces in enumerate((100, 5, 100, 100, 100)):
        lines = rated(tariff, pieces, Facts(carry=carry), period(day))
        credits += [amount for _, amount in amounts(lines, "down")]
        carry = carry_after(tariff.elements, carry, lines)
    assert credits == [-3_333, -1_500, -5_167, 0, 0]
    assert sum(credits) == -10_000
    assert left_minor(carry, DOWN) == 0


def test_a_down_payment_that_the_first_statement_charges() -> None:
    tariff = sheet(replace(DOWN, charged=True))
    first = rated(tariff, 100)
    assert amounts(first, "down") == [(1, 10_000), (1, -3_333)]
    carry = carry_after(tariff.elements, NOTHING, first)
    assert amounts(rated(tariff, 100, Facts(carry=carry), period(1)), "down") == [(1, -3_333)]


# Split.


def test_a_split_names_who_settles_with_whom_to_the_last_cent() -> None:
    tariff = sheet(replace(FEE, amount_minor=101), PARTS)
    totals = close_statement(False, rated(tariff, 1))
    found = shares(tariff.elements, "maker", "plant", totals.lines)
    assert [(each.creditor, each.net_minor, each.clause) for each in found] == [
        ("maker", 100, "parts"), ("bank", 100, "parts"), ("plant", 100, "parts"), ("maker", 101, ""),
    ]  # fmt: skip
    assert sum(each.gross_minor for each in found) == totals.gross_minor


@given(
    st.integers(-(2**50), 2**50),
    st.lists(st.integers(1, 5_000), min_size=1, max_size=8).map(
        lambda cuts: [*cuts, 10_000 - sum(cuts)] if sum(cuts) < 10_000 else [10_000]
    ),
)
def test_parts_are_the_whole_and_off_by_less_than_one(amount: int, shares_bp: list[int]) -> None:
    payees = [Payee(f"m-{n}", share) for n, share in enumerate(shares_bp)]
    parts = allot(amount, payees)
    assert sum(parts) == amount
    for part, payee in zip(parts, payees, strict=True):
        assert abs(part * 10_000 - amount * payee.share_bp) < 10_000


# What holds for all credits together.


@given(
    pieces=st.integers(0, 400),
    scrap=st.integers(0, 500),
    down_ms=st.integers(0, 2 * DAY),
    lots=st.integers(1, 300),
    rate_bp=st.integers(0, 10_000),
)
def test_no_credit_takes_more_than_there_is(
    pieces: int, scrap: int, down_ms: int, lots: int, rate_bp: int
) -> None:
    """Every credit there is, one after the other, each as large as it can be."""
    tariff = sheet(
        replace(TAKE, of=("per_piece",)),
        replace(BAD, of=("per_piece", "commit")),
        replace(UP, of=("per_piece", "commit", "scrapped"), bands=(Band(9_800, 10_000),)),
        replace(LESS, of=("per_piece", "commit", "scrapped", "uptime"), stages=(Stage(0, rate_bp),)),
        replace(DOWN, of=("per_piece", "commit", "scrapped", "uptime", "rebate")),
    )
    lot = carry_after((TAKE,), NOTHING, rated(sheet(TAKE), max(100 - lots, 0)))
    facts = Facts(
        attributed={("scrap", "provider", ""): scrap, ("execution", "provider", "all"): down_ms},
        planned={"all": DAY},
        carry=replace(lot, balances=(*lot.balances,)),
    )
    assert sum(line.amount_minor for line in rated(tariff, pieces, facts)) >= 0
    assert open_lots(facts.carry, TAKE)


# What is refused.


@pytest.mark.parametrize(
    ("refusal", "elements"),
    [
        (errors_trade.NotUsage, [FEE, replace(TAKE, of=("base_fee",))]),
        (errors_tariff.ClauseNotEarlier, [replace(TAKE, of=("later",))]),
        (errors_tariff.ClauseTax, [replace(TAKE, tax="power")]),
        (errors_tariff.TariffValue, [replace(TAKE, committed_base=0)]),
        (errors_tariff.TariffValue, [replace(TAKE, carry_periods=121)]),
        (errors_tariff.TariffValue, [replace(TAKE, price_e8=2**53)]),
        (errors_tariff.TariffSize, [replace(TAKE, of=())]),
        (errors_trade.StepsUnordered, [replace(LESS, stages=(Stage(5, 1), Stage(5, 2)))]),
        (errors_tariff.TariffValue, [replace(LESS, stages=(Stage(0, 10_001),))]),
        (errors_tariff.TariffSize, [replace(LESS, stages=())]),
        (errors_tariff.TariffSize, [replace(LESS, stages=tuple(Stage(n, 1) for n in range(17)))]),
        (errors_trade.MeterKind, [replace(UP, meter="pieces")]),
        (errors_tariff.MeterUnknown, [replace(UP, meter="nothing")]),
        (errors_tariff.WindowUnknown, [replace(UP, windows=("peak",))]),
        (errors_trade.StepsUnordered, [replace(UP, bands=(Band(9_801, 5),))]),
        (errors_trade.StepsUnordered, [replace(UP, bands=(Band(9_800, 5), Band(9_000, 5)))]),
        (errors_trade.StepsUnordered, [replace(UP, bands=(Band(9_000, 5), Band(9_500, 6)))]),
        (errors_tariff.TariffSize, [replace(UP, bands=())]),
        (errors_trade.MeterKind, [replace(BAD, meter="execution")]),
        (errors_tariff.TariffValue, [replace(DOWN, periods=0)]),
        (errors_tariff.TariffValue, [replace(DOWN, amount_minor=-1)]),
        (errors_trade.SharesTotal, [replace(PARTS, payees=(Payee("maker", 9_999),))]),
        (errors_tariff.NameTwice, [replace(PARTS, payees=(Payee("maker", 5_000), Payee("maker", 5_000)))]),
        (errors_trade.SharedTwice, [PARTS, replace(PARTS, clause="again")]),
        (errors_trade.CreditedTwice, [LESS, replace(LESS, clause="again")]),
        (errors_trade.CreditedTwice, [UP, BAD]),
        (errors_trade.CreditedTwice, [replace(MOST, of=("per_piece",)), LESS]),
    ],
)
def test_what_is_refused_names_its_clause(refusal: type[Refusal], elements: list[Any]) -> None:
    with pytest.raises(refusal) as caught:
        sheet(*elements)
    assert caught.value.clause
    assert caught.value.zh != refusal.zh or "{" not in refusal.zh


def test_scrap_in_another_unit_or_of_some_windows_cannot_be_credited() -> None:
    meters = (BASE.meters[0], Meter("scrap", "counter", "g"), BASE.meters[2])
    with pytest.raises(errors_trade.ScrapUnit):
        sheet(BAD, meters=meters)
    peak = replace(EACH, windows=("peak",))
    with pytest.raises(errors_trade.NotUsage):
        check_tariff(replace(BASE, elements=(peak, BAD), windows=TARIFF.windows))


@pytest.mark.parametrize("element", [TAKE, UP, BAD, LESS, DOWN, PARTS], ids=lambda each: each.clause)
def test_rules_1_know_none_of_them(element: Any) -> None:
    with pytest.raises(errors_tariff.NotYet):
        check_tariff(replace(BASE, elements=(EACH, element)), 1)


def test_shares_that_no_ledger_can_hold_are_refused_by_name() -> None:
    """Two lines that cancel each other in the whole, but not where only one is shared."""
    line = replace(rated(sheet(), 1)[0], net_minor=2**53 - 1, gross_minor=2**53 - 1)
    lines = [line, line, *(replace(line, clause="rest", net_minor=-each.net_minor) for each in (line, line))]
    with pytest.raises(errors_tariff.AmountTooLarge):
        shares((PARTS,), "maker", "plant", lines)
