"""Whatever the order in which records arrive, in whatever batches and however often, the ledger knows the
same.
"""

from itertools import accumulate, pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hansa.apps.billing.books import deal_of
from hansa.apps.billing.deal import measure
from hansa.apps.billing.recompute import MeterBook
from hansa.apps.billing.tables import AGREEMENTS, DAYS, GAPS, USAGE
from hansa.apps.billing.terms import GapRule
from hansa.apps.metering.chain import Point, Reader, life_point, read
from hansa.apps.metering.contract import head_of
from hansa.apps.metering.interface import low_run, point
from hansa.apps.metering.messages import Contradiction, Feed, Life, ReplaceDevice, ReplacedFeed
from hansa.apps.metering.tables import CONTRADICTIONS, FALLS, RECORDS
from hansa.kernel import limits, replace
from tests.apps.ground import METERS, STATES, Ground, Reading, feed, lease_feeds
from tests.apps.tariffs import TARIFF, calendar_of

DAY = limits.DAY_MS
HOUR = limits.HOUR_MS
START_MS = 20_089 * DAY
"""2025-01-01, 08:00 in Shanghai."""
FROM_MS, TO_MS = START_MS - 8 * HOUR + 3 * DAY, START_MS - 8 * HOUR + 60 * DAY
"""The agreement's time begins and ends at midnight, within most logs."""
FIRST_CAME = ("metering.batches", "metering.numbers", "metering.contradictions", "metering.lives")
"""Facts of who came first and with what: these may differ."""

FEEDS = st.sampled_from(
    [
        feed(),
        feed(reporting="periodic"),
        feed(modulus=1_000),
        feed("amount", carrier="electricity"),
        feed("state", states=STATES),
        feed("state", states=STATES, reporting="periodic"),
    ]
)
STEPS = st.sampled_from([0, 1, HOUR // 4, HOUR, 5 * HOUR, 23 * HOUR, 3 * DAY])


@st.composite
def logs(draw: Any, declared: Feed) -> list[Reading]:
    """A log in order of time, with losses, false zeros, holes and readings at one instant."""
    steps = draw(st.lists(STEPS, min_size=1, max_size=24))
    times = [START_MS + at for at in accumulate(steps)]
    if declared.kind == "state":
        states = st.one_of(st.none(), st.integers(0, len(STATES) - 1))
        return [(at, draw(states)) for at in times]
    if declared.kind == "amount":
        edges = sorted(set(times))
        shares = st.sampled_from([1, 2])
        spans = [(b, b - a) for a, b in pairwise([START_MS - HOUR, *edges]) if b - a >= 2]
        return [(b, draw(st.integers(0, 50)), length // draw(shares)) for b, length in spans]
    total, readings = 0, []
    for at in times:
        kind = draw(st.sampled_from(["good", "good", "good", "same", "zero", "lost"]))
        total += draw(st.integers(1, 300)) if kind == "good" else 0
        value = {"zero": 0, "lost": None}.get(kind, total % (declared.modulus or 2**40))
        readings.append((at, value))
    return readings


@st.composite
def arrivals(draw: Any, count: int) -> list[tuple[int, int]]:
    """Ranges of sequence numbers, in the order in which they arrive: every number at least once."""
    cuts = draw(st.lists(st.integers(1, max(count - 1, 1)), max_size=8))
    edges = sorted({0, count, *(cut for cut in cuts if cut < count)})
    ranges = list(pairwise(edges))
    again = st.integers(0, count - 1)
    repeats = draw(st.lists(st.tuples(again, st.integers(1, 6)), max_size=4))
    ranges += [(start, min(start + length, count)) for start, length in repeats]
    return draw(st.permutations(ranges))


CASES = FEEDS.flatmap(
    lambda declared: (
        logs(declared)
        .filter(bool)
        .flatmap(
            lambda log: st.tuples(
                st.just(declared), st.just(log), arrivals(len(log)), st.permutations(range(len(log)))
            )
        )
    )
)


def ground(declared: Feed) -> tuple[Ground, str]:
    """A ledger with an agreement on a feed of each kind, one of them as declared here, and the name of
    that.
    """
    made = Ground(START_MS)
    meter = METERS[declared.kind]
    made.register(**lease_feeds() | {meter: declared})
    made.publish(replace(TARIFF, purpose="internal"), calendar_of("Asia/Shanghai"))
    made.agree(FROM_MS, TO_MS, *(GapRule(m, 2 * HOUR, "average_day", 3) for m in METERS.values()))
    made.now_ms = START_MS + 400 * DAY
    return made, meter


def points_of(made: Ground, name: str) -> list[Point]:
    rows = RECORDS.scan(made.context(), ("plant", name), limit=limits.SCANNED_MAX)
    return [point(key, record) for key, record in rows]


def recomputed(made: Ground, meter: str) -> MeterBook:
    """The meter's book made at once from all records on the ledger."""
    ctx = made.context()
    agreement = AGREEMENTS.get(ctx, ("g-1",))
    assert agreement is not None
    deal = deal_of(ctx, agreement)
    declared = deal.feeds[meter]
    book = MeterBook(measure(deal, meter), Reader(declared.kind, declared.reporting, declared.modulus))
    book.add(points_of(made, meter))
    return book


def check_books(made: Ground, meter: str) -> None:
    """What the ledger kept up to date record by record is what its records say when they are read at once."""
    ctx = made.context()
    book = recomputed(made, meter)
    head = head_of(ctx, "plant", meter)
    assert head is not None
    assert head.fold == book.fold
    assert head.first_ms == book.first
    assert head.records == len(book.points)
    falls = FALLS.scan(ctx, ("plant", meter), limit=limits.SCANNED_MAX)
    assert [low_run(key, fall) for key, fall in falls] == book.runs
    windows = len(book.measure.scheme.names)
    usage = {
        (int(key[2]), *divmod(k, windows)): count
        for key, kept in USAGE.scan(ctx, ("g-1", meter))
        for k, count in enumerate(kept.counts)
        if count
    }
    assert usage == {bucket: count for bucket, count in book.book.counts.items() if count}
    days = {
        (int(key[2]), part): count
        for key, kept in DAYS.scan(ctx, ("g-1", meter))
        for part, count in enumerate(kept.counts)
        if count
    }
    assert days == {day: count for day, count in book.book.days.items() if count}
    gaps = [
        (int(key[2]), gap.to_ms, gap.difference)
        for key, gap in GAPS.scan(ctx, ("g-1", meter), limit=limits.SCANNED_MAX)
    ]
    assert gaps == sorted(name for name, count in book.book.gaps.items() if count)


@settings(max_examples=150, deadline=None)
@given(CASES)
def test_any_order_and_any_batches_lead_to_the_same_records_usage_gaps_and_falls(
    case: tuple[Feed, list[Reading], list[tuple[int, int]], list[int]],
) -> None:
    declared, log, ranges, shuffled = case
    # Sequence numbers need not follow time: the source's order is one of any.
    told = [log[position] for position in shuffled]
    at_once, meter = ground(declared)
    at_once.record(meter, *told)
    bit_by_bit, _ = ground(declared)
    for start, end in ranges:
        bit_by_bit.record(meter, *told[start:end], first=start + 1)

    for rooms in ("metering", "billing"):
        one = at_once.tables(rooms, without=FIRST_CAME)
        assert one == bit_by_bit.tables(rooms, without=FIRST_CAME)
    check_books(bit_by_bit, meter)


@settings(max_examples=80, deadline=None)
@given(logs(feed()).filter(bool), st.data())
def test_a_declared_reset_means_the_same_before_and_after_the_records_around_it(
    log: list[Reading], data: st.DataObject
) -> None:
    at_ms = data.draw(st.sampled_from([at for at, *_ in log])) + data.draw(st.integers(-1, 1))
    final = max((value or 0) for _, value, *_ in log) + 5
    ranges = data.draw(arrivals(len(log)))
    place = data.draw(st.integers(0, len(ranges)))
    at_once, meter = ground(feed())
    at_once.record(meter, *log)
    at_once.reset(meter, at_ms, final, 0)
    bit_by_bit, _ = ground(feed())
    for number, (start, end) in enumerate(ranges):
        if number == place:
            bit_by_bit.reset(meter, at_ms, final, 0)
        bit_by_bit.record(meter, *log[start:end], first=start + 1)
    if place == len(ranges):
        bit_by_bit.reset(meter, at_ms, final, 0)

    for rooms in ("metering", "billing"):
        one = at_once.tables(rooms, without=FIRST_CAME)
        assert one == bit_by_bit.tables(rooms, without=FIRST_CAME)
    check_books(bit_by_bit, meter)


class Metering(RuleBasedStateMachine):
    """A counter with all that happens to counters, against its records read from scratch."""

    @initialize(declared=st.sampled_from([feed(), feed(reporting="periodic"), feed(modulus=500)]))
    def begin(self, declared: Feed) -> None:
        self.ground, self.meter = ground(declared)
        self.modulus = declared.modulus
        self.now_ms = START_MS
        self.value = 0
        self.generation = 1
        self.sequence = 0
        self.sent: list[tuple[int, int, Reading]] = []
        self.held_back: list[tuple[int, int, Reading]] = []
        self.lives: list[int] = []

    def _next(self, value: int | None, step_ms: int) -> tuple[int, int, Reading]:
        self.now_ms += step_ms
        self.sequence += 1
        shown = value if value is None or not self.modulus else value % self.modulus
        return self.generation, self.sequence, (self.now_ms, shown)

    def _send(self, told: tuple[int, int, Reading]) -> None:
        generation, sequence, reading = told
        self.ground.record(self.meter, reading, first=sequence, generation=generation)
        self.sent.append(told)

    @rule(made=st.integers(0, 90), step_ms=STEPS, late=st.booleans())
    def counts(self, made: int, step_ms: int, late: bool) -> None:
        self.value += made
        told = self._next(self.value, step_ms)
        if late:
            self.held_back.append(told)
        else:
            self._send(told)

    @rule(step_ms=STEPS)
    def falls_to_zero_for_a_moment(self, step_ms: int) -> None:
        self._send(self._next(0, step_ms))

    @rule(step_ms=STEPS)
    def is_lost(self, step_ms: int) -> None:
        self._send(self._next(None, step_ms))

    @precondition(lambda self: self.held_back)
    @rule(data=st.data())
    def arrives_late(self, data: st.DataObject) -> None:
        told = data.draw(st.sampled_from(self.held_back))
        self.held_back.remove(told)
        self._send(told)

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def is_repeated(self, data: st.DataObject) -> None:
        before = self.ground.tables("metering", "billing")
        generation, sequence, reading = data.draw(st.sampled_from(self.sent))
        self.ground.record(self.meter, reading, first=sequence, generation=generation)
        assert self.ground.tables("metering", "billing") == before

    @precondition(lambda self: self.sent)
    @rule(data=st.data(), by=st.integers(1, 9))
    def is_contradicted(self, data: st.DataObject, by: int) -> None:
        generation, sequence, reading = data.draw(st.sampled_from(self.sent))
        before = self.ground.tables("metering", "billing", without=("metering.contradictions",))
        other = (reading[0], (reading[1] + by) % (self.modulus or 2**40) if reading[1] is not None else by)
        self.ground.record(self.meter, other, first=sequence, generation=generation)
        assert self.ground.tables("metering", "billing", without=("metering.contradictions",)) == before
        noted = CONTRADICTIONS.get(self.ground.context(), ("plant", self.meter, generation, sequence))
        assert isinstance(noted, Contradiction)

    @rule(step_ms=STEPS, replaced=st.booleans(), start=st.integers(0, 400))
    def begins_a_new_life(self, step_ms: int, replaced: bool, start: int) -> None:
        self.now_ms += step_ms + 1
        final = self.value % self.modulus if self.modulus else self.value
        if self.modulus and not self._reachable(final):
            return
        if replaced:
            ends = (ReplacedFeed(feed=self.meter, final_value=final, start_value=start),)
            action = ReplaceDevice(device="press", source="gateway-1", at_ms=self.now_ms, counters=ends)
            self.ground.do("plant", action)
            self.generation += 1
            self.sequence = 0
        else:
            self.ground.reset(self.meter, self.now_ms, final, start)
        self.value = start
        self.lives.append(self.now_ms)

    def _reachable(self, final: int) -> bool:
        """Whether the ledger will take the final value for the last good one or a higher one (M3)."""
        head = head_of(self.ground.context(), "plant", self.meter)
        return head is None or (final - head.fold.value) % self.modulus * 2 < self.modulus

    @invariant()
    def the_books_are_those_of_all_records_read_from_scratch(self) -> None:
        if getattr(self, "sent", None) or getattr(self, "lives", None):
            check_books(self.ground, self.meter)

    def teardown(self) -> None:
        if not getattr(self, "sent", None):
            return
        for told in self.held_back:
            self._send(told)
        check_books(self.ground, self.meter)
        points = points_of(self.ground, self.meter)
        assert sorted(points) == points
        assert len({p[1:3] for p in points if not p.life}) == len(self.sent)


Metering.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestMetering = Metering.TestCase


def test_a_life_stands_before_all_readings_of_its_instant() -> None:
    """M5: records at or after the instant belong to the new life, whatever their generation."""
    life = Life(final_value=90, start_value=0, generation=3)
    told = [Point(10, 1, 1, 80), Point(20, 1, 2, 4), life_point(20, life), Point(30, 4, 1, 9)]

    found = read(Reader("counter", "on_change"), sorted(told))

    assert [(i.from_ms, i.to_ms, i.quantity) for i in found.intervals] == [
        (10, 20, 10),
        (20, 20, 4),
        (20, 30, 5),
    ]
    assert found.runs == []
