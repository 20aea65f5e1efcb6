"""Whatever happens to a lease, its statements are those that anyone computes from the records, and no
money is lost.
"""

from collections import Counter
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from hansa.apps.billing.books import deal_of
from hansa.apps.billing.deal import Deal, periods
from hansa.apps.billing.messages import Statement
from hansa.apps.billing.recompute import Closed, meter_books, settle
from hansa.apps.billing.settling import rate_period
from hansa.apps.billing.tables import AGREEMENTS, LATE
from hansa.apps.billing.terms import GapRule
from hansa.apps.metering.chain import Point, life_point
from hansa.apps.metering.messages import Life
from hansa.kernel import limits, replace
from tests.apps.ground import METERS, STATES, Ground, Reading, lease_feeds
from tests.apps.tariffs import TARIFF, calendar_of

DAY, HOUR = limits.DAY_MS, limits.HOUR_MS
START_MS = 20_109 * DAY - 8 * HOUR
"""2025-01-21 at midnight in Shanghai: holidays and make-up workdays lie ahead."""
DAYS = 16
CUT_OFF_MS = 5 * HOUR
DAILY = replace(TARIFF, purpose="internal", period="day")
RULES = {
    "counter": ["counter_difference", "zero", "last_rate", "average_day", "dispute"],
    "amount": ["zero", "last_rate", "average_day", "dispute"],
    "state": ["zero", "last_rate", "average_day", "dispute"],
}
LONGER = st.sampled_from([0, HOUR, 6 * HOUR])
STEPS = st.sampled_from([1, HOUR // 3, 2 * HOUR, 7 * HOUR, 20 * HOUR, 2 * DAY])


def rules_of(kind: str) -> st.SearchStrategy[tuple[str, int]]:
    return st.tuples(st.sampled_from(RULES[kind]), LONGER)


class Lease(RuleBasedStateMachine):
    """A machine on lease by the day: its three feeds report, or not, or late, or nonsense."""

    @initialize(
        counter=rules_of("counter"),
        amount=rules_of("amount"),
        state=rules_of("state"),
        periodic=st.booleans(),
    )
    def agree(self, periodic: bool, **rules: tuple[str, int]) -> None:
        self.ground = Ground(START_MS - 3 * DAY)
        reporting = "periodic" if periodic else "on_change"
        self.ground.register(**{n: replace(f, reporting=reporting) for n, f in lease_feeds().items()})
        self.ground.publish(DAILY, calendar_of("Asia/Shanghai"))
        gaps = (
            GapRule(METERS[kind], longer, name, 3 if name == "average_day" else 0)  # type: ignore[arg-type]
            for kind, (name, longer) in rules.items()
        )
        self.ground.agree(START_MS, START_MS + DAYS * DAY, *gaps, cut_off_ms=CUT_OFF_MS)
        self.total = 0
        self.sequence: Counter[str] = Counter()
        self.held_back: list[tuple[str, int, Reading]] = []
        self.arrived: list[tuple[int, str, Point]] = []
        """(statements made by then, meter, point)."""
        self.last_amount_ms = self.ground.now_ms

    def _tell(self, meter: str, value: int | None, late: bool, span_ms: int = 0) -> None:
        self.sequence[meter] += 1
        told = meter, self.sequence[meter], (self.ground.now_ms, value, span_ms)
        if late:
            self.held_back.append(told)
        else:
            self._send(*told)

    def _send(self, meter: str, sequence: int, reading: Reading) -> None:
        self.ground.record(meter, reading, first=sequence)
        at_ms, value, span_ms = (*reading, 0)[:3]
        point = Point(at_ms, 1, sequence, value or 0, span_ms, value is None)
        self.arrived.append((len(self.ground.statements()), meter, point))

    @rule(step_ms=STEPS)
    def time_passes(self, step_ms: int) -> None:
        self.ground.move_to(self.ground.now_ms + step_ms)

    @rule(made=st.integers(0, 60), step_ms=STEPS, late=st.booleans())
    def machine_counts(self, made: int, step_ms: int, late: bool) -> None:
        self.ground.move_to(self.ground.now_ms + step_ms)
        self.total += made
        self._tell("pieces", self.total, late)

    @rule(late=st.booleans())
    def counter_falls(self, late: bool) -> None:
        self._tell("pieces", 0, late)

    @rule(meter=st.sampled_from(["pieces", "execution"]), late=st.booleans())
    def signal_is_lost(self, meter: str, late: bool) -> None:
        self._tell(meter, None, late)

    @rule(state=st.integers(0, len(STATES) - 1), step_ms=STEPS, late=st.booleans())
    def state_changes(self, state: int, step_ms: int, late: bool) -> None:
        self.ground.move_to(self.ground.now_ms + step_ms)
        self._tell("execution", state, late)

    @rule(value=st.integers(0, 9_000), step_ms=STEPS, late=st.booleans(), share=st.sampled_from([1, 2]))
    def energy_flows(self, value: int, step_ms: int, late: bool, share: int) -> None:
        self.ground.move_to(self.ground.now_ms + step_ms)
        span_ms = (self.ground.now_ms - self.last_amount_ms) // share
        if span_ms > 0:
            self.last_amount_ms = self.ground.now_ms
            self._tell("energy", value, late, span_ms)

    @precondition(lambda self: self.held_back)
    @rule(data=st.data())
    def arrives_late(self, data: st.DataObject) -> None:
        told = data.draw(st.sampled_from(self.held_back))
        self.held_back.remove(told)
        self._send(*told)

    @rule(start=st.integers(0, 50))
    def counter_is_reset(self, start: int) -> None:
        at_ms = self.ground.now_ms = self.ground.now_ms + 1
        final = self.total
        self.ground.reset("pieces", at_ms, final, start)
        life = Life(final_value=final, start_value=start, generation=1)
        self.arrived.append((len(self.ground.statements()), "pieces", life_point(at_ms, life)))
        self.total = start

    def teardown(self) -> None:
        if not hasattr(self, "arrived"):
            return
        # All that is under way arrives before the last cut-off, if it is not past.
        if self.ground.now_ms < START_MS + DAYS * DAY:
            self.ground.move_to(START_MS + DAYS * DAY - 1)
            for told in self.held_back:
                self._send(*told)
        self.ground.move_to(START_MS + (DAYS + 2) * DAY)
        check_statements(self.ground, self.arrived)


def check_statements(ground: Ground, arrived: list[tuple[int, str, Point]]) -> None:
    """Statements are as recomputed from what had arrived; corrections make good what came after a close."""
    statements = ground.statements()
    assert len(statements) == DAYS
    ctx = ground.context()
    agreement = AGREEMENTS.get(ctx, ("g-1",))
    assert agreement is not None
    deal = deal_of(ctx, agreement)
    batches: list[dict[str, list[Point]]] = [{} for _ in statements]
    for number, meter, point in arrived:
        if number < len(batches):
            batches[number].setdefault(meter, []).append(point)
    closed = settle(deal, batches, [statement.corrected_to_ms for statement in statements])
    assert [shown(s) for s in statements] == [shown(c) for c in closed]
    if LATE.get(ctx, ("g-1",)) is None:
        assert billed(statements) == final(deal, batches)


def shown(found: Statement | Closed) -> dict[str, Any]:
    lines = found.lines if isinstance(found, Statement) else found.totals.lines
    return {"period": found.period, "lines": lines, "gaps": found.gaps, "falls": found.falls}


def billed(statements: list[Statement]) -> Counter[str]:
    sums: Counter[str] = Counter()
    for statement in statements:
        for line in statement.lines:
            sums[line.clause] += line.amount_minor
    return sums


def final(deal: Deal, batches: list[dict[str, list[Point]]]) -> Counter[str]:
    """What all periods come to by all that is known in the end."""
    books = meter_books(deal)
    for meter, book in books.items():
        book.add([point for batch in batches for point in batch.get(meter, ())])
    sums: Counter[str] = Counter()
    for period in periods(deal):
        for line in rate_period(deal, books, period).lines:
            sums[line.clause] += line.amount_minor
    return sums


Lease.TestCase.settings = settings(max_examples=120, stateful_step_count=35, deadline=None)
TestLease = Lease.TestCase
