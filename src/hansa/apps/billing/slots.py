"""Usage by slot: quarters of an hour, halves or whole hours of the local day (metering rules M18–M20). Pure.

A local day has as many slots as it is long: 92, 96 or 100 quarters of an hour where the clocks change. Slots
are counted from its first instant on. Sums over slots commute, as those over windows do.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from hansa.apps.consortium.calendars import Calendar, local_day, start_of_day
from hansa.kernel.limits import DAY_MS, MINUTE_MS

SLOT_MINUTES = (15, 30, 60)
SPREAD_MAX_MS = DAY_MS
"""A reading over a longer time tells nothing of slots (M19)."""


class DaySlots(NamedTuple):
    """A local date's slots in order, base units."""

    from_ms: int
    counts: Sequence[int]
    estimated: Sequence[int]
    """What of each count was spread over more than one slot, or stems from a gap; empty if nothing was."""
    loose: int
    """Booked on this date, but of no slot of it (M19)."""
    windows: Sequence[str] = ()
    """Window of each slot's first instant; empty where no element asks."""


class SlotUsage(NamedTuple):
    """What a meter counted in a period, by slot; dates on which it counted nothing may be left out."""

    minutes: int
    days: tuple[DaySlots, ...]


def date_at(calendar: Calendar, at_ms: int) -> tuple[int, int, int]:
    """(from_ms, to_ms, day) of the local date that an instant belongs to (U2)."""
    day = local_day(calendar, at_ms)
    end_ms = start_of_day(calendar, day + 1)
    if at_ms >= end_ms:
        # The clock went back over midnight: what it shows again is of the new date.
        day, end_ms = day + 1, start_of_day(calendar, day + 2)
    return start_of_day(calendar, day), end_ms, day


@dataclass
class SlotSums:
    """Sums by (day, slot), or changes to them."""

    calendar: Calendar
    minutes: int
    counts: dict[tuple[int, int], int] = field(default_factory=dict)
    estimated: dict[tuple[int, int], int] = field(default_factory=dict)
    loose: dict[int, int] = field(default_factory=dict)
    """By day."""
    pieces: int = 0
    """How often a quantity was cut: what it cost."""
    _date: tuple[int, int, int] = (0, 0, 0)

    def add(self, quantity: int, from_ms: int, to_ms: int, since_ms: int) -> None:
        """Take in normal usage of [from, to) that is booked in the period that begins at `since_ms` (M18,
        M19); a negative quantity takes it out again.
        """
        slot_ms = self.minutes * MINUTE_MS
        if to_ms - from_ms > SPREAD_MAX_MS:
            self._loosen(self._day(to_ms - 1), quantity)
        else:
            self.spread(quantity, from_ms, to_ms, since_ms, estimated=to_ms - from_ms > slot_ms)

    def spread(self, quantity: int, from_ms: int, to_ms: int, since_ms: int, *, estimated: bool) -> None:
        """Spread a quantity over the slots of [from, to) in proportion to time, nothing lost: shares are
        differences of floor(quantity × elapsed ÷ length), of a negative quantity of what it takes back. What
        lies before `since_ms` is loose.
        """
        sign = -1 if quantity < 0 else 1
        amount, length_ms, done = abs(quantity), max(to_ms - from_ms, 1), 0
        at_ms = from_ms
        if from_ms < since_ms:
            at_ms, done = since_ms, amount * (since_ms - from_ms) // length_ms
            self._loosen(self._day(since_ms), sign * done)
        slot_ms = self.minutes * MINUTE_MS
        while True:
            day = self._day(at_ms)
            start_ms, end_of_day_ms, _ = self._date
            slot = (at_ms - start_ms) // slot_ms
            end_ms = min(start_ms + (slot + 1) * slot_ms, end_of_day_ms)
            last = end_ms >= to_ms
            reached = amount if last else amount * (end_ms - from_ms) // length_ms
            self._count((day, slot), sign * (reached - done), estimated)
            if last:
                return
            at_ms, done = end_ms, reached

    def rows(self) -> dict[int, tuple[dict[int, int], dict[int, int], int]]:
        """By day: (counts by slot, estimated by slot, loose)."""
        out: dict[int, tuple[dict[int, int], dict[int, int], int]] = {}
        for day, quantity in self.loose.items():
            out[day] = ({}, {}, quantity)
        for (day, slot), quantity in self.counts.items():
            out.setdefault(day, ({}, {}, 0))[0][slot] = quantity
        for (day, slot), quantity in self.estimated.items():
            out[day][1][slot] = quantity
        return out

    def _count(self, at: tuple[int, int], quantity: int, estimated: bool) -> None:
        self.pieces += 1
        self.counts[at] = self.counts.get(at, 0) + quantity
        if estimated:
            self.estimated[at] = self.estimated.get(at, 0) + quantity

    def _loosen(self, day: int, quantity: int) -> None:
        self.pieces += 1
        self.loose[day] = self.loose.get(day, 0) + quantity

    def _day(self, at_ms: int) -> int:
        from_ms, to_ms, _ = self._date
        if not from_ms <= at_ms < to_ms:
            self._date = date_at(self.calendar, at_ms)
        return self._date[2]


def slots_in(length_ms: int, minutes: int) -> int:
    """How many slots a local date of that length has; the last may be shorter than the others."""
    return -(-length_ms // (minutes * MINUTE_MS))


def changed(counts: Sequence[int], changes: dict[int, int], length: int) -> tuple[int, ...]:
    """A row of counts with changes, as long as the date has slots; empty if all of it is 0."""
    out = [*counts, *(0,) * (length - len(counts))]
    for slot, quantity in changes.items():
        out[slot] += quantity
    return tuple(out) if any(out) else ()


def date_slots(counts: Sequence[int], times: int) -> list[int]:
    """A date's counts by slots that are so many times as long."""
    if times == 1:
        return list(counts)
    return [sum(counts[start : start + times]) for start in range(0, len(counts), times)]
