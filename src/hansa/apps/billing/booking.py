"""From intervals to tariff buckets: where a quantity is booked, and what is a gap (metering rules M8–M17).

Pure. The contract adds what arrives to its tables; a checker adds all records of a feed to an empty book.
"""

from dataclasses import dataclass, field

from hansa.apps.billing.slots import SlotSums, date_at
from hansa.apps.billing.windows import NOWHERE, Cursor, WindowScheme
from hansa.apps.consortium.calendars import (
    Calendar,
    Period,
    PeriodLength,
    clip,
    period_at,
)
from hansa.apps.metering.chain import Interval
from hansa.apps.metering.messages import FeedKind, Fold, Reporting
from hansa.kernel.types import INTEGER_MAX

UNKNOWN = 0
"""Index of the state `unknown`."""
NO_DIFFERENCE = -1
NEVER_MS = INTEGER_MAX
"""Later than any instant."""


@dataclass(frozen=True)
class Measure:
    """How one meter of one agreement is booked."""

    kind: FeedKind
    reporting: Reporting
    modulus: int
    states: tuple[str, ...]
    longer_than_ms: int
    """An unknown stretch is a gap if it is longer."""
    daily: bool
    """Whether the gap rule needs sums per day."""
    scheme: WindowScheme
    calendar: Calendar
    length: PeriodLength
    from_ms: int
    to_ms: int
    """The agreement's time, from ≤ t < to."""
    stretches_max: int
    """Unknown stretches of a period that gap rules are applied to (G8)."""
    slot_minutes: int = 0
    """Length of the slots that sums are kept by; 0: of none (M18)."""

    def parts(self) -> tuple[str, ...]:
        """Names of what is counted apart: the states, or "" for a counter or an amount."""
        return self.states or ("",)

    def period(self, at_ms: int) -> Period:
        """The billing period of an instant within the agreement's time."""
        return clip(self.calendar, period_at(self.calendar, self.length, at_ms), self.from_ms, self.to_ms)


Bucket = tuple[int, int, int]
"""(start of the period, part, window): positions in `Measure.parts()` and `scheme.names`."""


@dataclass
class Book:
    """A meter's sums, or changes to them: base units per bucket and per (day, part), unknown stretches."""

    measure: Measure
    counts: dict[Bucket, int] = field(default_factory=dict)
    days: dict[tuple[int, int], int] = field(default_factory=dict)
    gaps: dict[tuple[int, int, int], int] = field(default_factory=dict)
    """(from_ms, to_ms, difference or NO_DIFFERENCE) → +1 added, −1 removed, 0 as it was."""
    slots: SlotSums | None = None
    """Sums by slot, where an element asks for them."""
    pieces: int = 0
    """How often an interval was cut at a change of windows: what the booking cost."""
    _cursor: Cursor = NOWHERE
    _period: Period | None = None
    _day: tuple[int, int, int] = (0, 0, 0)

    def __post_init__(self) -> None:
        if self.measure.slot_minutes:
            self.slots = SlotSums(self.measure.calendar, self.measure.slot_minutes)

    def cost(self) -> int:
        """How often intervals were cut."""
        return self.pieces + (self.slots.pieces if self.slots else 0)

    def add(self, interval: Interval, sign: int = 1) -> None:
        """Book an interval, or with sign −1 take it out again."""
        if self.measure.kind == "state":
            self._state(interval, sign)
            return
        measure = self.measure
        within = measure.from_ms <= interval.from_ms and _last(interval) < measure.to_ms  # M17
        if interval.to_ms - interval.unknown_from_ms > measure.longer_than_ms:  # M8, M12
            difference = interval.quantity if within and interval.quantity is not None else NO_DIFFERENCE
            self._gap(interval.unknown_from_ms, interval.to_ms, difference, sign)
            return
        if not within or interval.quantity is None:
            return
        period = self._period_at(_last(interval))  # M9: booked when read.
        for part_quantity, window in self.spread(interval.quantity, interval.from_ms, interval.to_ms):
            self._count((period.from_ms, 0, window), sign * part_quantity)
        if self.slots is not None and interval.quantity:
            self.slots.add(sign * interval.quantity, interval.from_ms, interval.to_ms, period.from_ms)
        if measure.daily:
            self._count_day(self._day_at(_last(interval)), 0, sign * interval.quantity)

    def _state(self, interval: Interval, sign: int) -> None:
        """M13–M15: time is exact, and is cut where periods, windows and days change."""
        measure = self.measure
        assert interval.quantity is not None
        state, length_ms = interval.quantity, interval.to_ms - interval.from_ms
        silent = measure.reporting == "periodic" and length_ms > measure.longer_than_ms
        if state == UNKNOWN or silent:
            self._gap(interval.from_ms, interval.to_ms, NO_DIFFERENCE, sign)
            return
        from_ms, to_ms = max(interval.from_ms, measure.from_ms), min(interval.to_ms, measure.to_ms)
        self.count_state(state, from_ms, to_ms, sign)
        if measure.daily:
            at_ms = from_ms
            while at_ms < to_ms:
                day = self._day_at(at_ms)
                end_ms = min(self._day[1], to_ms)
                self._count_day(day, state, sign * (end_ms - at_ms))
                at_ms = end_ms

    def count_state(self, state: int, from_ms: int, to_ms: int, sign: int) -> None:
        """Book time in a state, cut at the ends of periods and where the window changes."""
        at_ms = from_ms
        while at_ms < to_ms:
            period = self._period_at(at_ms)
            end_ms = min(period.to_ms, to_ms)
            pieces, self._cursor = self.measure.scheme.split(at_ms, end_ms, self._cursor)
            self.pieces += len(pieces)
            for window, start_ms, stop_ms in pieces:
                self._count((period.from_ms, state, window), sign * (stop_ms - start_ms))
            at_ms = end_ms

    def spread(self, quantity: int, from_ms: int, to_ms: int) -> list[tuple[int, int]]:
        """(quantity, window): in proportion to time over the windows of an interval, nothing lost (M9)."""
        pieces, self._cursor = self.measure.scheme.split(from_ms, to_ms, self._cursor)
        self.pieces += len(pieces)
        if len(pieces) == 1:
            return [(quantity, pieces[0][0])]
        length_ms = to_ms - from_ms
        return [
            (quantity * (end - from_ms) // length_ms - quantity * (start - from_ms) // length_ms, window)
            for window, start, end in pieces
        ]

    def _gap(self, from_ms: int, to_ms: int, difference: int, sign: int) -> None:
        """A gap that has a part in the agreement's time (M17). It is kept whole: its length may matter
        (M15).
        """
        if from_ms < self.measure.to_ms and to_ms > self.measure.from_ms:
            name = (from_ms, to_ms, difference)
            self.gaps[name] = self.gaps.get(name, 0) + sign

    def _count(self, bucket: Bucket, quantity: int) -> None:
        self.counts[bucket] = self.counts.get(bucket, 0) + quantity

    def _count_day(self, day: int, part: int, quantity: int) -> None:
        self.days[day, part] = self.days.get((day, part), 0) + quantity

    def _period_at(self, at_ms: int) -> Period:
        if self._period is None or not self._period.from_ms <= at_ms < self._period.to_ms:
            self._period = self.measure.period(at_ms)
        return self._period

    def _day_at(self, at_ms: int) -> int:
        start_ms, end_ms, _ = self._day
        if not start_ms <= at_ms < end_ms:
            self._day = date_at(self.measure.calendar, at_ms)
        return self._day[2]


def open_from(of: Measure, fold: Fold) -> int:
    """M10, M12, M16: from when on nothing is known after the last reading; NEVER_MS if nothing is missing."""
    if of.kind == "amount":
        return fold.at_ms
    if of.kind == "state":
        return fold.at_ms if of.reporting == "periodic" or fold.value == UNKNOWN else NEVER_MS
    candidates = [at - 1 for at in (fold.lost_ms, fold.fall_first_ms) if at]
    if of.reporting == "periodic" and not fold.lost_ms:
        candidates.append(fold.at_ms)
    return min(candidates, default=NEVER_MS)


def changes_from(of: Measure, before: Fold, from_ms: int) -> int:
    """An instant before which records cannot change anything: they speak of from_ms on, and follow on
    `before`.
    """
    since_ms = before.at_ms if of.kind == "state" else open_from(of, before)
    # A count that is read at from_ms is booked at the instant before (M9).
    return max(min(since_ms, from_ms - 1), 0)


def _last(interval: Interval) -> int:
    """The last instant of an interval, at which its quantity is booked; an interval without length is its
    instant.
    """
    return max(interval.to_ms - 1, interval.from_ms)


__all__ = [
    "NEVER_MS", "NO_DIFFERENCE", "UNKNOWN", "Book", "Bucket", "Measure", "changes_from", "date_at",
    "open_from",
]  # fmt: skip
