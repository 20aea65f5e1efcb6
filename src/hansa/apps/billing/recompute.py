"""Statements computed anew from records alone: what each party, and any outsider, does for itself.

Pure. Uses the reading, booking, gap and rating rules of the contract, but no ledger. What the ledger kept up
to date record by record is built here at once: if the two agree, nothing was left out or added.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, repeat
from typing import Any

from hansa.apps.billing.booking import NEVER_MS, Book, Measure, changes_from
from hansa.apps.billing.carrying import NOTHING, Carry, carries, carry_after
from hansa.apps.billing.deal import Deal, gap_rule, measure, periods
from hansa.apps.billing.gaps import Gap, GapLine
from hansa.apps.billing.messages import FallLine
from hansa.apps.billing.messages_prices import SlotRecord
from hansa.apps.billing.rating import Line, Totals, close_statement
from hansa.apps.billing.settling import (
    Claims,
    Past,
    correct_earlier,
    know,
    listed,
    rate_known,
    rate_period,
)
from hansa.apps.billing.slots import SlotSums, changed, slots_in
from hansa.apps.consortium.calendars import Period, start_of_day
from hansa.apps.metering.chain import Interval, LowRun, Point, Reader, between, pending
from hansa.apps.metering.messages import Fold
from hansa.kernel.limits import LOOK_BACK_POINTS_MAX

NO_INTEREST: Mapping[int, Sequence[Line]] = {}


@dataclass(frozen=True)
class Closed:
    """A period as recomputed."""

    period: Period
    totals: Totals
    gaps: tuple[GapLine, ...]
    falls: tuple[FallLine, ...]
    listed: Mapping[str, Any]
    """What the statement lists beside its sums, by field of `Statement`."""


NO_CLAIMS: Mapping[int, Claims] = {}


@dataclass
class MeterBook:
    """One meter's records, read in order, and what they amount to. Answers `settling.Source`."""

    measure: Measure
    reader: Reader
    points: list[Point] = field(default_factory=list)
    good: list[tuple[bool, int]] = field(default_factory=list)
    runs: list[LowRun] = field(default_factory=list)
    book: Book = field(init=False)
    fold: Fold = field(default_factory=Fold)
    first: int = 0
    _index: "_Index | None" = None

    def __post_init__(self) -> None:
        self.book = Book(self.measure)

    def add(self, points: Sequence[Point]) -> int:
        """Take in records, in any order; those before what was read make it be read anew.

        Returns an instant before which nothing changed.
        """
        ordered = sorted(points)
        if not ordered:
            return NEVER_MS
        self._index = None
        changed_ms = changes_from(self.measure, self.fold, min(p.at_ms - p.span_ms for p in ordered))
        if self.points and ordered[0] < self.points[-1]:
            changed_ms = self._last_good_ms(ordered[0])
            known = self.points
            for point in ordered:
                insort(known, point)
            self.points, self.good, self.runs = [], [], []
            self.book, self.fold, self.first = Book(self.measure), Fold(), 0
            ordered = known
        for point in ordered:
            step = self.reader.step(self.fold, point)
            if step.good and not self.fold.some:
                self.first = point.at_ms - point.span_ms
            self.fold = step.fold
            for interval in step.intervals:
                self.book.add(interval)
            if step.run is not None:
                self.runs.append(step.run)
            self.points.append(point)
            self.good.append((step.good, step.total))
        return changed_ms

    def _last_good_ms(self, before: Point) -> int:
        """Time of the last good record before a point; 0 if there is none."""
        position = bisect_left(self.points, before)
        goods = (k for k in range(position - 1, -1, -1) if self.good[k][0])
        return next((self.points[k].at_ms for k in goods), 0)

    def usage(self, period: Period) -> Mapping[tuple[int, int], int]:
        return self._indexed().usage.get(period.from_ms, {})

    def falls(self, from_ms: int, to_ms: int, limit: int) -> list[LowRun]:
        start, end = (bisect_left(self.runs, at, key=lambda run: run.first_ms) for at in (from_ms, to_ms))
        if start and self.runs[start - 1].last_ms >= from_ms:
            start -= 1
        standing = pending(self.fold)
        touches = standing is not None and standing.first_ms < to_ms and standing.last_ms >= from_ms
        late = [standing] if standing is not None and touches else []
        return [*self.runs[start:end], *late][:limit]

    def gaps(self, from_ms: int, to_ms: int, limit: int) -> list[Gap]:
        known = self._indexed().gaps
        start = bisect_left(known, from_ms, key=lambda gap: gap.from_ms)
        if start and known[start - 1].to_ms > from_ms:
            start -= 1
        end = bisect_left(known, to_ms, key=lambda gap: gap.from_ms)
        return known[start : min(end, start + limit)]

    def records_before(self, before_ms: int) -> Iterator[tuple[Point, bool, int]]:
        end = bisect_left(self.points, Point(before_ms, 0, 0))
        for position in range(end - 1, max(end - 1 - LOOK_BACK_POINTS_MAX, -1), -1):
            yield self.points[position], *self.good[position]

    def intervals(self, from_ms: int, to_ms: int, limit: int) -> list[Interval]:
        def after(at: Point | None) -> list[Point]:
            start = bisect_left(self.points, Point(from_ms + 1, 0, 0))
            start = start if at is None else bisect_left(self.points, at) + 1
            return self.points[start : start + limit]

        return between(self.reader, self.records_before(from_ms + 1), after, to_ms)

    def day(self, day: int) -> Mapping[int, int]:
        return self._indexed().days.get(day, {})

    def slots(self, from_day: int, until_day: int) -> Mapping[int, SlotRecord]:
        rows = self._indexed().slots
        return {day: rows[day] for day in range(from_day, until_day) if day in rows}

    def standing(self) -> Fold:
        return self.fold

    def first_ms(self) -> int:
        return self.first

    def _indexed(self) -> "_Index":
        if self._index is None:
            self._index = _index(self.book)
        return self._index


@dataclass(frozen=True)
class _Index:
    """A book's sums by where they are asked for."""

    usage: Mapping[int, Mapping[tuple[int, int], int]]
    days: Mapping[int, Mapping[int, int]]
    gaps: list[Gap]
    slots: Mapping[int, SlotRecord]


def _index(book: Book) -> _Index:
    usage: dict[int, dict[tuple[int, int], int]] = {}
    for (period_ms, part, window), quantity in book.counts.items():
        usage.setdefault(period_ms, {})[part, window] = quantity
    days: dict[int, dict[int, int]] = {}
    for (day, part), quantity in book.days.items():
        days.setdefault(day, {})[part] = quantity
    gaps = sorted(Gap(*name) for name, count in book.gaps.items() if count)
    return _Index(usage, days, gaps, _slot_rows(book.slots) if book.slots else {})


def _slot_rows(sums: SlotSums) -> dict[int, SlotRecord]:
    out = {}
    for day, (counts, estimated, loose) in sums.rows().items():
        from_ms, to_ms = (start_of_day(sums.calendar, date) for date in (day, day + 1))
        length = slots_in(to_ms - from_ms, sums.minutes)
        out[day] = SlotRecord(changed((), counts, length), changed((), estimated, length), loose)
    return out


def meter_books(deal: Deal) -> dict[str, MeterBook]:
    """An empty book per meter of the tariff, and per check feed."""
    return {
        meter: MeterBook(measure(deal, meter), Reader(feed.kind, feed.reporting, feed.modulus))
        for meter, feed in deal.feeds.items()
    }


def rate_again(
    deal: Deal, books: Mapping[str, MeterBook], period: Period, claims: Mapping[int, Claims] = NO_CLAIMS
) -> tuple[Line, ...]:
    """The lines of one of the agreement's periods by all that the books know."""
    carry, elements = NOTHING, deal.tariff.elements
    for earlier in periods(deal) if carries(elements) else ():
        if earlier.from_ms == period.from_ms:
            break
        known = know(deal, books, earlier, claims.get(earlier.from_ms, ()))
        carry = carry_after(elements, carry, rate_known(deal, known, carry))
    return rate_known(deal, know(deal, books, period, claims.get(period.from_ms, ())), carry)


def settle(
    deal: Deal,
    batches: Sequence[Mapping[str, Sequence[Point]]],
    stops_ms: Sequence[int] = (),
    claims: Mapping[int, Claims] = NO_CLAIMS,
    interest: Mapping[int, Sequence[Line]] = NO_INTEREST,
) -> list[Closed]:
    """The statements of the first periods.

    `batches[k]`: what each meter's feed recorded since the close before, up to the close of period k. Late
    records correct earlier periods as rule C1 says; `stops_ms[k]` is where the statement says that its
    corrections stopped (`corrected_to_ms`). `claims`: those that stood at a period's close, by its start.
    `interest`: lines on late payments that a statement charges, likewise; no record tells of payments.
    """
    books = meter_books(deal)
    out: list[Closed] = []
    billed: dict[int, tuple[Line, ...]] = {}
    carried: dict[int, Carry] = {}

    def carry_to(before_ms: int) -> tuple[int, Carry]:
        last_ms = max((at_ms for at_ms in carried if at_ms < before_ms), default=0)
        return last_ms, carried.get(last_ms, NOTHING)

    past = Past(lambda of: billed[of.from_ms], lambda of: claims.get(of.from_ms, ()), carry_to)
    elements = deal.tariff.elements
    since_ms = NEVER_MS
    stops = chain(stops_ms, repeat(0))
    for period, batch, stop_ms in zip(periods(deal), batches, stops, strict=False):
        since_ms = min([since_ms, *(books[meter].add(points) for meter, points in batch.items())])
        known = know(deal, books, period, past.claims(period))
        earlier = correct_earlier(deal, books, past, since_ms, period.from_ms, stop_ms)
        since_ms = earlier.stopped_ms or NEVER_MS
        for of, lines in earlier.found:
            billed[of.from_ms] += lines
        carried |= earlier.carried
        carry = carry_to(period.from_ms)[1]
        billed[period.from_ms] = own = rate_known(deal, known, carry)
        if carries(elements):
            carried[period.from_ms] = carry_after(elements, carry, own)
        charges = interest.get(period.from_ms, ())
        totals = close_statement(deal.tariff.tax_included, (*own, *earlier.lines(), *charges))
        out.append(Closed(period, totals, known.gaps, known.falls, listed(deal, known, carry, own, totals)))
    return out


__all__ = [
    "Claims",
    "Closed",
    "Deal",
    "MeterBook",
    "gap_rule",
    "meter_books",
    "periods",
    "rate_again",
    "rate_period",
    "settle",
]
