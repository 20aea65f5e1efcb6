"""Statements computed anew from records alone: what each party, and any outsider, does for itself.

Pure. Uses the same reading, booking, gap and rating rules as the contract, but no ledger: what the ledger kept up
to date record by record is built here at once, so agreement of the two says that nothing was left out or added.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from hansa.apps.billing.booking import Book, Measure
from hansa.apps.billing.gaps import Gap, GapLine, book_gaps
from hansa.apps.billing.messages import Agreement, FallLine
from hansa.apps.billing.rating import Line, Totals, close_statement, corrections, rate
from hansa.apps.billing.tariff import Tariff
from hansa.apps.billing.terms import GapRule
from hansa.apps.billing.windows import windows_at
from hansa.apps.consortium.calendars import Calendar, Period, clip, period_at
from hansa.apps.metering.chain import LowRun, Point, Reader, pending
from hansa.apps.metering.messages import Feed, Fold
from hansa.kernel.limits import LOOK_BACK_POINTS_MAX


@dataclass(frozen=True)
class Deal:
    """What the parties agreed on, with all that it refers to."""

    agreement: Agreement
    tariff: Tariff
    calendar: Calendar
    feeds: Mapping[str, Feed]
    """The declared feed of each meter of the tariff."""


@dataclass(frozen=True)
class Closed:
    """A period as recomputed."""

    period: Period
    totals: Totals
    gaps: tuple[GapLine, ...]
    falls: tuple[FallLine, ...]


@dataclass
class MeterBook:
    """One meter's records, read in order, and what they amount to. Answers `gaps.Source`."""

    measure: Measure
    reader: Reader
    points: list[Point] = field(default_factory=list)
    good: list[tuple[bool, int]] = field(default_factory=list)
    runs: list[LowRun] = field(default_factory=list)
    book: Book = field(init=False)
    fold: Fold = field(default_factory=Fold)
    first: int = 0

    def __post_init__(self) -> None:
        self.book = Book(self.measure)

    def add(self, points: Sequence[Point]) -> None:
        """Take in records, in any order; those before what was read make it be read anew."""
        ordered = sorted(points)
        if self.points and ordered and ordered[0] < self.points[-1]:
            known = self.points
            for point in ordered:
                insort(known, point)
            self.points, self.good, self.runs = [], [], []
            self.book, self.fold, self.first = Book(self.measure), Fold(), 0
            ordered = known
        for point in ordered:
            step = self.reader.step(self.fold, point)
            if step.good and not self.fold.some:
                self.first = point.at_ms
            self.fold = step.fold
            for interval in step.intervals:
                self.book.add(interval)
            if step.run is not None:
                self.runs.append(step.run)
            self.points.append(point)
            self.good.append((step.good, step.total))

    def usage(self, meter: str, period: Period) -> dict[tuple[str, str, str], int]:
        """Normal usage of a period by (meter, part, window)."""
        parts, windows = self.measure.parts(), self.measure.scheme.names
        return {
            (meter, parts[part], windows[window]): quantity
            for (start_ms, part, window), quantity in self.book.counts.items()
            if start_ms == period.from_ms
        }

    def falls(self, from_ms: int, to_ms: int) -> list[LowRun]:
        runs = list(self.runs)
        standing = pending(self.fold)
        return [run for run in [*runs, *([standing] if standing else [])] if from_ms <= run.first_ms < to_ms]

    def gaps(self, from_ms: int, to_ms: int) -> list[Gap]:
        found = [Gap(*name) for name, count in self.book.gaps.items() if count]
        return sorted(gap for gap in found if gap.from_ms < to_ms and gap.to_ms > from_ms)

    def records_before(self, before_ms: int) -> Iterator[tuple[Point, bool, int]]:
        end = bisect_left(self.points, Point(before_ms, 0, 0))
        for position in range(end - 1, max(end - 1 - LOOK_BACK_POINTS_MAX, -1), -1):
            yield self.points[position], *self.good[position]

    def day(self, day: int) -> dict[int, int]:
        return {part: quantity for (of, part), quantity in self.book.days.items() if of == day}

    def standing(self) -> Fold:
        return self.fold

    def first_ms(self) -> int:
        return self.first


def meter_books(deal: Deal) -> dict[str, MeterBook]:
    """An empty book per meter of the tariff."""
    scheme = windows_at(deal.tariff, deal.calendar)
    out = {}
    for meter, feed in deal.feeds.items():
        rule = gap_rule(deal, meter)
        measure = Measure(
            kind=feed.kind,
            reporting=feed.reporting,
            modulus=feed.modulus,
            states=feed.states,
            longer_than_ms=rule.longer_than_ms,
            daily=rule.rule == "average_day",
            scheme=scheme,
            calendar=deal.calendar,
            length=deal.tariff.period,
            from_ms=deal.agreement.from_ms,
            to_ms=deal.agreement.to_ms,
        )
        out[meter] = MeterBook(measure, Reader(feed.kind, feed.reporting, feed.modulus))
    return out


def gap_rule(deal: Deal, meter: str) -> GapRule:
    return next(gap for gap in deal.agreement.terms.gaps if gap.meter == meter)


def periods(deal: Deal) -> list[Period]:
    """The agreement's periods, first to last."""
    agreement = deal.agreement
    out: list[Period] = []
    at_ms = agreement.from_ms
    while at_ms < agreement.to_ms:
        whole = period_at(deal.calendar, deal.tariff.period, at_ms)
        out.append(clip(deal.calendar, whole, agreement.from_ms, agreement.to_ms))
        at_ms = out[-1].to_ms
    return out


def rate_period(
    deal: Deal, books: Mapping[str, MeterBook], period: Period
) -> tuple[tuple[Line, ...], list[GapLine], list[FallLine]]:
    """Lines, gaps and falls of a period by what the books hold."""
    usage: dict[tuple[str, str, str], int] = {}
    gaps: list[GapLine] = []
    falls: list[FallLine] = []
    for binding in deal.agreement.meters:
        book = books[binding.meter]
        parts, windows = book.measure.parts(), book.measure.scheme.names
        usage.update(book.usage(binding.meter, period))
        for booked in book_gaps(
            book.measure, gap_rule(deal, binding.meter), book, period.from_ms, period.to_ms
        ):
            for (part, window), quantity in booked.parts.items():
                bucket = (binding.meter, parts[part], windows[window])
                usage[bucket] = usage.get(bucket, 0) + quantity
            if booked.listed:
                gaps.append(booked.line)
        if book.reader.kind == "counter":
            falls += [_fall(binding.meter, run) for run in book.falls(period.from_ms, period.to_ms)]
    return rate(deal.tariff, usage, period), gaps, falls


def _fall(meter: str, run: LowRun) -> FallLine:
    return FallLine(
        meter=meter,
        from_ms=run.first_ms,
        to_ms=run.last_ms,
        readings=run.readings,
        value_base=run.value,
        good_base=run.good_value,
        status=run.status,
    )


def settle(deal: Deal, batches: Sequence[Mapping[str, Sequence[Point]]]) -> list[Closed]:
    """The statements of the first periods. `batches[k]`: what each meter's feed recorded since the close before,
    up to the close of period k. Late records correct earlier periods as rule C1 says.
    """
    books = meter_books(deal)
    out: list[Closed] = []
    billed: list[tuple[Period, tuple[Line, ...]]] = []
    for period, batch in zip(periods(deal), batches, strict=False):
        for meter, points in batch.items():
            books[meter].add(points)
        lines, gaps, falls = rate_period(deal, books, period)
        corrected: tuple[Line, ...] = ()
        for position, (earlier, of_earlier) in enumerate(billed):
            found = corrections(rate_period(deal, books, earlier)[0], of_earlier, earlier)
            billed[position] = (earlier, (*of_earlier, *found))
            corrected += found
        totals = close_statement(deal.tariff.tax_included, (*lines, *corrected))
        billed.append((period, lines))
        out.append(Closed(period, totals, tuple(gaps), tuple(falls)))
    return out
