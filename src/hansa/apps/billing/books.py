"""The usage sums of agreements on the ledger: kept up to date as records arrive, read at the close."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from hansa.apps.billing import errors
from hansa.apps.billing.booking import Book, Measure
from hansa.apps.billing.gaps import Gap
from hansa.apps.billing.messages import (
    Agreement,
    Binding,
    DayRecord,
    GapRecord,
    Late,
    UsageRecord,
)
from hansa.apps.billing.tables import (
    ACCOUNTS,
    AGREEMENTS,
    BILLED,
    DAYS,
    GAPS,
    LATE,
    TARIFFS,
    USAGE,
)
from hansa.apps.billing.tariff import Tariff
from hansa.apps.billing.windows import WindowScheme, windows_at
from hansa.apps.consortium import interface as consortium
from hansa.apps.consortium.calendars import Calendar
from hansa.apps.metering import interface as metering
from hansa.apps.metering.chain import Point
from hansa.apps.metering.interface import IntervalsChanged
from hansa.apps.metering.messages import Feed, Fold
from hansa.kernel import Context, limits


@dataclass(frozen=True)
class Terms:
    """An agreement with all that it refers to."""

    agreement: Agreement
    tariff: Tariff
    calendar: Calendar
    scheme: WindowScheme


def terms_of(ctx: Context, agreement: Agreement) -> Terms:
    published = TARIFFS.get(ctx, (agreement.tariff_owner, agreement.tariff, agreement.tariff_version))
    if published is None:
        raise errors.TariffUnknown(
            owner=agreement.tariff_owner, id=agreement.tariff, version=agreement.tariff_version
        )
    calendar = consortium.calendar(ctx, published.calendar_owner, published.calendar)
    return Terms(agreement, published.tariff, calendar, windows_at(published.tariff, calendar))


def measure(terms: Terms, meter: str, feed: Feed) -> Measure:
    """How a meter of an agreement is booked."""
    rule = next(gap for gap in terms.agreement.terms.gaps if gap.meter == meter)
    return Measure(
        kind=feed.kind,
        reporting=feed.reporting,
        modulus=feed.modulus,
        states=feed.states,
        longer_than_ms=rule.longer_than_ms,
        daily=rule.rule == "average_day",
        scheme=terms.scheme,
        calendar=terms.calendar,
        length=terms.tariff.period,
        from_ms=terms.agreement.from_ms,
        to_ms=terms.agreement.to_ms,
    )


def usage_changed(ctx: Context, signal: IntervalsChanged) -> None:
    """Listener: every agreement that counts by the feed books what is new and takes out what is gone (rule 22)."""
    for key, _ in ACCOUNTS.scan(ctx, (signal.owner, signal.feed)):
        name, meter = str(key[2]), str(key[3])
        agreement = AGREEMENTS.get(ctx, (name,))
        assert agreement is not None
        book = Book(measure(terms_of(ctx, agreement), meter, signal.declaration))
        for interval in signal.removed:
            book.add(interval, -1)
        for interval in signal.added:
            book.add(interval, 1)
        _post(ctx, name, meter, book)


def _post(ctx: Context, agreement: str, meter: str, book: Book) -> None:
    """Write a book's changes to the tables, one write per record; note closed periods that changed."""
    windows = len(book.measure.scheme.names)
    parts = len(book.measure.parts())
    by_period: dict[int, dict[int, int]] = {}
    for (period_ms, part, window), quantity in book.counts.items():
        if quantity:
            by_period.setdefault(period_ms, {})[part * windows + window] = quantity
    for period_ms, changes in by_period.items():
        kept = USAGE.get(ctx, (agreement, meter, period_ms))
        counts = _changed(kept.counts if kept else (0,) * (parts * windows), changes)
        USAGE.put(ctx, (agreement, meter, period_ms), UsageRecord(counts=counts))
        _note_late(ctx, agreement, period_ms)
    by_day: dict[int, dict[int, int]] = {}
    for (day, part), quantity in book.days.items():
        by_day.setdefault(day, {})[part] = quantity
    for day, changes in by_day.items():
        known = DAYS.get(ctx, (agreement, meter, day))
        counts = _changed(known.counts if known else (0,) * parts, changes)
        DAYS.put(ctx, (agreement, meter, day), DayRecord(counts=counts))
    _post_gaps(ctx, agreement, meter, book)


def _post_gaps(ctx: Context, agreement: str, meter: str, book: Book) -> None:
    for (from_ms, _, _), sign in book.gaps.items():
        if sign < 0:
            GAPS.delete(ctx, (agreement, meter, from_ms))
    for (from_ms, to_ms, difference), sign in book.gaps.items():
        if sign > 0:
            GAPS.put(ctx, (agreement, meter, from_ms), GapRecord(to_ms=to_ms, difference=difference))
        if sign:
            _note_late_between(ctx, book.measure, agreement, from_ms, to_ms)


def _note_late_between(ctx: Context, of: Measure, agreement: str, from_ms: int, to_ms: int) -> None:
    """Closed periods that a gap touches, the latest first: earlier ones cost nothing."""
    for key, _ in BILLED.scan(ctx, (agreement,), end=(agreement, to_ms), reverse=True):
        period_ms = int(key[1])
        if of.period(period_ms).to_ms <= from_ms:
            return
        _note_late(ctx, agreement, period_ms)


def _note_late(ctx: Context, agreement: str, period_ms: int) -> None:
    if BILLED.get(ctx, (agreement, period_ms)) is not None and LATE.get(ctx, (agreement, period_ms)) is None:
        LATE.put(ctx, (agreement, period_ms), Late(since_ms=ctx.time_ms))


def _changed(counts: Sequence[int], changes: Mapping[int, int]) -> tuple[int, ...]:
    out = list(counts)
    for position, quantity in changes.items():
        out[position] += quantity
    return tuple(out)


class LedgerSource:
    """Answers of the ledger to `hansa.apps.billing.gaps`."""

    def __init__(self, ctx: Context, agreement: str, binding: Binding, feed: Feed) -> None:
        self._ctx = ctx
        self._agreement = agreement
        self._binding = binding
        self._feed = feed

    def gaps(self, from_ms: int, to_ms: int) -> list[Gap]:
        prefix = (self._agreement, self._binding.meter)
        before = GAPS.scan(self._ctx, prefix, end=(*prefix, from_ms), limit=1, reverse=True)
        rows = [(key, gap) for key, gap in before if gap.to_ms > from_ms]
        rows += GAPS.scan(
            self._ctx, prefix, start=(*prefix, from_ms), end=(*prefix, to_ms), limit=limits.SCANNED_MAX
        )
        return [Gap(int(key[2]), gap.to_ms, gap.difference) for key, gap in rows]

    def records_before(self, before_ms: int) -> Iterator[tuple[Point, bool, int]]:
        return metering.records_before(self._ctx, self._binding.owner, self._binding.feed, before_ms)

    def day(self, day: int) -> dict[int, int]:
        kept = DAYS.get(self._ctx, (self._agreement, self._binding.meter, day))
        return dict(enumerate(kept.counts)) if kept else {}

    def standing(self) -> Fold:
        head = metering.head(self._ctx, self._binding.owner, self._binding.feed)
        return head.fold if head else Fold()

    def first_ms(self) -> int:
        head = metering.head(self._ctx, self._binding.owner, self._binding.feed)
        return head.first_ms if head else 0
