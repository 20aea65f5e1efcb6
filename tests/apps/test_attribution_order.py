"""Whatever arrives in whatever order: stops, scrap, carried balances and shares are those that anyone
recomputes.
"""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hansa.apps.billing import errors_attribution as errors
from hansa.apps.billing.books import deal_of
from hansa.apps.billing.claims import all_claims_of, claims_of, open_claims
from hansa.apps.billing.messages import Statement
from hansa.apps.billing.recompute import settle
from hansa.apps.billing.tables import AGREEMENTS
from hansa.apps.metering.chain import Point
from hansa.kernel import Refusal, limits, replace
from tests.apps.ground import Ground, Reading
from tests.apps.test_attribution import (
    CUT_OFF_MS,
    DAYS,
    START_MS,
    STATES,
    contest,
    first,
    lease,
    scrap,
    stop,
    withdraw,
)
from tests.apps.test_attribution import at as hour

H, DAY = limits.HOUR_MS, limits.DAY_MS

HOURS = st.integers(0, 47).map(lambda half: half / 2)
STATES_OF_A_DAY = st.lists(
    st.tuples(st.integers(1, 24 * 12 - 1), st.sampled_from([None, *range(len(STATES))])), max_size=14
)
CLAIMS = st.lists(
    st.tuples(
        st.sampled_from(["maker", "plant"]),
        HOURS,
        st.integers(1, 12),
        st.sampled_from(["provider", "user", "neither"]),
        st.booleans(),
    ),
    max_size=6,
)


def records_of(day: list[tuple[int, int | None]]) -> list[tuple[int, Reading]]:
    """(sequence, reading) of the state meter, from midnight to one in the night."""
    readings = [(hour(0), 1), *((hour(0) + at * 5 * 60_000, state) for at, state in day), (hour(25), 1)]
    return list(enumerate(readings, 1))


def act(ground: Ground, said: tuple[str, float, int, Any, bool], number: int) -> None:
    """A claim, which the other party may contest; one that overlaps is refused, and that is that."""
    member, from_hour, length, liable, disputed = said
    name = f"c-{number}"
    try:
        to_hour = min(from_hour + length / 2, 24)
        ground.do(member, stop(name, hours=(from_hour, to_hour), reason=f"r-{liable}", liable=liable))
    except Refusal as refusal:
        assert refusal.code == "billing.claim_overlaps"  # noqa: PT017
        return
    if disputed:
        ground.do("plant" if member == "maker" else "maker", contest(name))


def shown(statement: Statement) -> Statement:
    return replace(statement, closed_height=0, closed_by="")


@settings(max_examples=60, deadline=None)
@given(day=STATES_OF_A_DAY, claims=CLAIMS, seed=st.integers(0, 2**32))
def test_records_and_claims_may_come_in_any_order(day: Any, claims: Any, seed: int) -> None:
    """Claims among each other keep their order: the first of two that overlap stands."""
    told = records_of(day)
    in_turn, mixed = lease(), lease()
    for ground in (in_turn, mixed):
        ground.move_to(hour(25))
    for sequence, reading in told:
        in_turn.record("execution", reading, first=sequence)
    for number, said in enumerate(claims):
        act(in_turn, said, number)
    order = random.Random(seed)
    waiting = order.sample(told, len(told))
    for number, said in enumerate(claims):
        for _ in range(order.randint(0, len(waiting))):
            sequence, reading = waiting.pop()
            mixed.record("execution", reading, first=sequence)
        act(mixed, said, number)
    for sequence, reading in waiting:
        mixed.record("execution", reading, first=sequence)
    assert shown(first(in_turn)) == shown(first(mixed))


@settings(max_examples=60, deadline=None)
@given(
    day=STATES_OF_A_DAY,
    claims=CLAIMS,
    late=st.lists(st.tuples(st.integers(1, 287), st.integers(0, 3)), max_size=3),
    scrapped=st.integers(0, 40),
)
def test_statements_are_those_that_anyone_recomputes(day: Any, claims: Any, late: Any, scrapped: int) -> None:
    ground = lease()
    ground.move_to(hour(25))
    points: list[dict[str, list[Point]]] = [{} for _ in range(DAYS)]

    def tell(close: int, meter: str, sequence: int, reading: Reading) -> None:
        ground.record(meter, reading, first=sequence)
        at_ms, value = reading[:2]
        point = Point(at_ms, 1, sequence, value or 0, 0, value is None)
        points[close].setdefault(meter, []).append(point)

    for sequence, reading in records_of(day):
        tell(0, "execution", sequence, reading)
    for meter, made in (("pieces", 100), ("scrap", scrapped)):
        tell(0, meter, 1, (hour(0), 0))
        tell(0, meter, 2, (hour(20), made))
    for number, said in enumerate(claims):
        act(ground, said, number)
    if scrapped > 1:
        ground.do("maker", scrap("s-1", hours=(0, 24), pieces=scrapped // 2))
    ground.move_to(START_MS + DAY + CUT_OFF_MS)
    for number, (at, state) in enumerate(late):
        tell(1, "execution", 100 + number, (hour(0) + at * 5 * 60_000, state))
    ground.move_to(START_MS + (DAYS + 1) * DAY + CUT_OFF_MS)
    check(ground, points)


def check(ground: Ground, points: list[dict[str, list[Point]]]) -> None:
    statements = ground.statements()
    assert len(statements) == DAYS
    ctx = ground.context()
    agreement = AGREEMENTS.get(ctx, ("g-1",))
    assert agreement is not None
    claims = {each.period.from_ms: ground.ask(claims_of, "g-1", each.period.from_ms) for each in statements}
    stops_ms = [each.corrected_to_ms for each in statements]
    closed = settle(deal_of(ctx, agreement), points, stops_ms, claims)
    for statement, found in zip(statements, closed, strict=True):
        assert statement.lines == found.totals.lines
        for name, value in found.listed.items():
            assert getattr(statement, name) == value, name
        states = [each for each in statement.stops if each.meter == "execution"]
        assert sum(each.stopped_ms for each in states) <= DAY


def test_withdrawing_frees_the_time_but_nobody_claims_without_end() -> None:
    ground = lease()
    ground.move_to(hour(25))
    for number in range(limits.CLAIMS_MAX):
        ground.do("maker", stop(f"c-{number}"))
        ground.do("maker", withdraw(f"c-{number}"))
    assert ground.ask(claims_of, "g-1", START_MS) == ground.ask(open_claims, "g-1") == []
    assert len(ground.ask(all_claims_of, "g-1", START_MS)) == limits.CLAIMS_MAX
    for name, refused in (("c-0", errors.ClaimTaken), ("c-x", errors.TooManyClaims)):
        with pytest.raises(refused):
            ground.do("maker", stop(name))
    with pytest.raises(errors.ClaimUnknown):
        ground.do("plant", contest("c-0"))
