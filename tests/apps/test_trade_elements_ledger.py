"""Take-or-pay, down payment and split on the ledger: late records fold the balances anew, and all is as
recomputed.
"""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hansa.apps.billing import errors_trade
from hansa.apps.billing.books import deal_of
from hansa.apps.billing.carrying import NOTHING, carry_after
from hansa.apps.billing.deal import periods
from hansa.apps.billing.elements_trade import DownPayment, Payee, Split, TakeOrPay
from hansa.apps.billing.recompute import meter_books, settle
from hansa.apps.billing.settling import rate_period
from hansa.apps.billing.tables import AGREEMENTS, CARRIED
from hansa.apps.billing.terms import GapRule
from hansa.apps.metering.chain import Point
from hansa.kernel import Refusal, limits, replace
from tests.apps.ground import Ground, feed
from tests.apps.tariffs import PIECE, TARIFF, calendar_of

H, DAY = limits.HOUR_MS, limits.DAY_MS
START_MS = 20_150 * DAY - 8 * H
DAYS = 8
EACH = replace(PIECE, included_base=0, tiers=PIECE.tiers[1:])
TAKE = TakeOrPay("commit", "vat", ("per_piece",), committed_base=50, price_e8=200_000_000, carry_periods=3)
DOWN = DownPayment("down", "vat", ("per_piece", "commit"), amount_minor=20_000, periods=3)
PARTS = Split("parts", "vat", ("per_piece", "commit"), (Payee("maker", 6_667), Payee("bank", 3_333)))
SHEET = replace(
    TARIFF,
    purpose="internal",
    period="day",
    windows=(),
    meters=TARIFF.meters[:1],
    elements=(EACH, TAKE, DOWN, PARTS),
)


def lease(**changes: Any) -> Ground:
    ground = Ground(START_MS - DAY)
    ground.register(pieces=feed())
    ground.publish(replace(SHEET, **changes), calendar_of("Asia/Shanghai"))
    ground.agree(START_MS, START_MS + DAYS * DAY, GapRule("pieces", H, "zero"), cut_off_ms=0)
    return ground


def final(ground: Ground, points: list[Point]) -> Counter[str]:
    """What all periods come to by all that is known in the end, balances folded from the first on."""
    ctx = ground.context()
    agreement = AGREEMENTS.get(ctx, ("g-1",))
    assert agreement is not None
    deal = deal_of(ctx, agreement)
    books = meter_books(deal)
    books["pieces"].add(points)
    carry, sums = NOTHING, Counter[str]()
    for period in periods(deal):
        lines = rate_period(deal, books, period, (), carry).lines
        carry = carry_after(deal.tariff.elements, carry, lines)
        for line in lines:
            sums[line.clause] += line.amount_minor
    return sums


@settings(max_examples=80, deadline=None)
@given(
    made=st.lists(st.integers(0, 120), min_size=DAYS, max_size=DAYS),
    late=st.lists(st.tuples(st.integers(0, DAYS - 2), st.integers(1, 3)), max_size=4),
)
def test_late_records_fold_balances_anew(made: list[int], late: list[tuple[int, int]]) -> None:
    """Each day is read at noon; what the middle of a day made may come days later."""
    ground = lease()
    batches: list[dict[str, list[Point]]] = [{} for _ in range(DAYS)]
    held: dict[int, list[tuple[int, int, int]]] = {}
    total = 0
    for day, pieces in enumerate(made):
        noon_ms = START_MS + day * DAY + 12 * H
        ground.move_to(noon_ms + H)
        number = 10 * day + 1
        tell(ground, batches, noon_ms - 11 * H, total, number)
        total += pieces
        postponed = [after for of, after in late if of == day]
        if postponed:
            held.setdefault(day + postponed[0], []).append((noon_ms, total, number + 1))
        else:
            tell(ground, batches, noon_ms, total, number + 1)
        for told in held.pop(day, ()):
            tell(ground, batches, *told)
    ground.move_to(START_MS + DAYS * DAY - H)
    for rest in held.values():
        for told in rest:
            tell(ground, batches, *told)
    ground.move_to(START_MS + (DAYS + 1) * DAY)
    check(ground, batches)


def tell(ground: Ground, batches: list[dict[str, list[Point]]], at_ms: int, total: int, number: int) -> None:
    batches[len(ground.statements())].setdefault("pieces", []).append(Point(at_ms, 1, number, total))
    ground.record("pieces", (at_ms, total), first=number)


def check(ground: Ground, batches: list[dict[str, list[Point]]]) -> None:
    statements = ground.statements()
    assert len(statements) == DAYS
    ctx = ground.context()
    agreement = AGREEMENTS.get(ctx, ("g-1",))
    assert agreement is not None
    closed = settle(deal_of(ctx, agreement), batches, [each.corrected_to_ms for each in statements])
    for statement, found in zip(statements, closed, strict=True):
        assert statement.lines == found.totals.lines
        assert statement.shares == found.listed["shares"]
        assert sum(each.gross_minor for each in statement.shares) == statement.gross_minor
    billed: Counter[str] = Counter()
    for statement in statements:
        for line in statement.lines:
            billed[line.clause] += line.amount_minor
    points = [point for batch in batches for point in batch.get("pieces", ())]
    assert billed == final(ground, points)
    assert -billed["down"] <= DOWN.amount_minor


def test_a_shortfall_that_turns_out_none_takes_its_credit_back() -> None:
    """Day 1 seemed to make 20 of 50; 30 were credited on day 2; on day 3 it turns out that it made 50."""
    ground = lease(elements=(EACH, TAKE))
    ground.move_to(START_MS + 13 * H)
    ground.record("pieces", (START_MS + H, 0), (START_MS + 12 * H, 20))
    ground.move_to(START_MS + 37 * H)
    ground.record("pieces", (START_MS + 36 * H, 130), first=4)
    ground.move_to(START_MS + 49 * H)
    ground.record("pieces", (START_MS + 20 * H, 50), first=3)
    ground.move_to(START_MS + 72 * H)
    first, second, third = ([(x.clause, x.amount_minor) for x in s.lines] for s in ground.statements()[:3])
    assert first == [("per_piece", 6_000), ("commit", 6_000)]
    assert second == [("per_piece", 33_000), ("commit", -6_000)]
    # Day 1: 30 pieces more, no shortfall; day 2: 80 and not 110, nothing to take up.
    assert third[2:] == [("per_piece", 9_000), ("commit", -6_000), ("per_piece", -9_000), ("commit", 6_000)]


def test_what_is_left_lies_on_the_ledger_period_by_period() -> None:
    ground = lease(elements=(EACH, TAKE))
    ground.move_to(START_MS + 3 * DAY)
    rows = list(CARRIED.scan(ground.context(), ("g-1",)))
    assert [len(carry.balances) for _, carry in rows] == [1, 2, 3]
    plain = lease(elements=(EACH,))
    plain.move_to(START_MS + 3 * DAY)
    assert not list(CARRIED.scan(plain.context(), ("g-1",)))


@pytest.mark.parametrize(
    ("payee", "refusal"), [("stranger", errors_trade.PayeeUnknown), ("plant", errors_trade.PayeeIsUser)]
)
def test_a_share_for_no_member_or_for_who_pays_is_refused(payee: str, refusal: type[Refusal]) -> None:
    with pytest.raises(refusal):
        lease(elements=(EACH, replace(PARTS, of=("per_piece",), payees=(Payee(payee, 10_000),))))
