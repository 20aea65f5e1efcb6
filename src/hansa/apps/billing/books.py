"""The usage sums of agreements on the ledger: kept up to date as records arrive, read at the close."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from hansa.apps.billing import errors
from hansa.apps.billing.attribution import Claim
from hansa.apps.billing.booking import Book, Measure, changes_from
from hansa.apps.billing.deal import Deal, bound, measure
from hansa.apps.billing.gaps import Gap
from hansa.apps.billing.messages import Agreement, Binding, DayRecord, GapRecord, Late, UsageRecord
from hansa.apps.billing.messages_prices import SeriesDay, SlotRecord
from hansa.apps.billing.pricing import DatedValue
from hansa.apps.billing.slots import SlotSums, changed, slots_in
from hansa.apps.billing.tables import (
    ACCOUNTS,
    AGREEMENTS,
    BOOKED,
    CLAIMS,
    DAYS,
    GAPS,
    INDICES,
    LATE,
    SERIES_DAYS,
    SLOTS,
    TARIFFS,
    USAGE,
)
from hansa.apps.consortium import interface as consortium
from hansa.apps.consortium.calendars import Period, start_of_day
from hansa.apps.metering import interface as metering
from hansa.apps.metering.chain import Interval, LowRun, Point
from hansa.apps.metering.interface import IntervalsChanged
from hansa.apps.metering.messages import Fold, Head
from hansa.kernel import Context, limits

PIECES_PER_STEP = 16
"""Cutting an interval where windows change costs: so many pieces count as one row."""


def deal_of(ctx: Context, agreement: Agreement) -> Deal:
    """An agreement with all that it refers to. Raises TariffUnknown, FeedUnknown."""
    published = TARIFFS.get(ctx, (agreement.tariff_owner, agreement.tariff, agreement.tariff_version))
    if published is None:
        raise errors.TariffUnknown(
            owner=agreement.tariff_owner, id=agreement.tariff, version=agreement.tariff_version
        )
    calendar = consortium.calendar(ctx, published.calendar_owner, published.calendar)
    feeds = {binding.meter: metering.feed(ctx, binding.owner, binding.feed) for binding in bound(agreement)}
    return Deal(agreement, published.tariff, calendar, feeds, LedgerPrices(ctx))


def of_party(ctx: Context, name: str) -> Agreement:
    """An agreement, asked for by one of its parties. Raises AgreementUnknown, NotParty."""
    agreement = AGREEMENTS.get(ctx, (name,))
    if agreement is None:
        raise errors.AgreementUnknown(agreement=name)
    if ctx.member != agreement.provider and ctx.member != agreement.user:
        raise errors.NotParty(member=ctx.member, agreement=name)
    return agreement


def usage_changed(ctx: Context, signal: IntervalsChanged) -> None:
    """Listener: every agreement that counts by the feed books what is new and takes out what is gone
    (rule 22).
    """
    for key, _ in ACCOUNTS.scan(ctx, (signal.owner, signal.feed)):
        name, meter = str(key[2]), str(key[3])
        agreement = AGREEMENTS.get(ctx, (name,))
        assert agreement is not None
        of = measure(deal_of(ctx, agreement), meter)
        book = Book(of)
        for interval in signal.removed:
            book.add(interval, -1)
        for interval in signal.added:
            book.add(interval, 1)
        ctx.spend_scanned(book.cost() // PIECES_PER_STEP)
        _post(ctx, name, meter, book)
        _note_late(ctx, name, agreement, changes_from(of, signal.before, signal.from_ms))


def _post(ctx: Context, agreement: str, meter: str, book: Book) -> None:
    """Write a book's changes to the tables, one write per record."""
    windows = len(book.measure.scheme.names)
    parts = len(book.measure.parts())
    by_period: dict[int, dict[int, int]] = {}
    for (period_ms, part, window), quantity in book.counts.items():
        by_period.setdefault(period_ms, {})[part * windows + window] = quantity
    for period_ms, changes in by_period.items():
        at = (agreement, meter, period_ms)
        kept = USAGE.get(ctx, at)
        counts = _changed(kept.counts if kept else (0,) * (parts * windows), changes)
        if any(counts):
            USAGE.put(ctx, at, UsageRecord(counts=counts))
        elif kept:
            USAGE.delete(ctx, at)
    by_day: dict[int, dict[int, int]] = {}
    for (day, part), quantity in book.days.items():
        by_day.setdefault(day, {})[part] = quantity
    for day, changes in by_day.items():
        at = (agreement, meter, day)
        known = DAYS.get(ctx, at)
        counts = _changed(known.counts if known else (0,) * parts, changes)
        if any(counts):
            DAYS.put(ctx, at, DayRecord(counts=counts))
        elif known:
            DAYS.delete(ctx, at)
    if book.slots is not None:
        _post_slots(ctx, agreement, meter, book.slots)
    for (from_ms, _, _), sign in book.gaps.items():
        if sign < 0:
            GAPS.delete(ctx, (agreement, meter, from_ms))
    for (from_ms, to_ms, difference), sign in book.gaps.items():
        if sign > 0:
            GAPS.put(ctx, (agreement, meter, from_ms), GapRecord(to_ms=to_ms, difference=difference))


def _post_slots(ctx: Context, agreement: str, meter: str, sums: SlotSums) -> None:
    for day, (counts, estimated, loose) in sums.rows().items():
        at = (agreement, meter, day)
        kept = SLOTS.get(ctx, at)
        of = kept or SlotRecord()
        from_ms, to_ms = (start_of_day(sums.calendar, date) for date in (day, day + 1))
        length = slots_in(to_ms - from_ms, sums.minutes)
        record = SlotRecord(
            counts=changed(of.counts, counts, length),
            estimated=changed(of.estimated, estimated, length),
            loose=of.loose + loose,
        )
        if record != SlotRecord():
            SLOTS.put(ctx, at, record)
        elif kept:
            SLOTS.delete(ctx, at)


def forget(ctx: Context, name: str, agreement: Agreement) -> None:
    """Take out all that was booked for an agreement of which no period is closed: it begins later."""
    for binding in bound(agreement):
        for table in BOOKED:
            for key, _ in list(table.scan(ctx, (name, binding.meter), limit=limits.ALL_ROWS)):
                table.delete(ctx, key)
    if LATE.get(ctx, (name,)) is not None:
        LATE.delete(ctx, (name,))


def _changed(counts: Sequence[int], changes: Mapping[int, int]) -> tuple[int, ...]:
    out = list(counts)
    for position, quantity in changes.items():
        out[position] += quantity
    return tuple(out)


def _note_late(ctx: Context, name: str, agreement: Agreement, since_ms: int) -> None:
    """Closed periods from an instant on may come to something else now: the next close will look."""
    if since_ms >= agreement.next_from_ms:
        return
    late = LATE.get(ctx, (name,))
    if late is None or since_ms < late.since_ms:
        LATE.put(ctx, (name,), Late(since_ms=since_ms))


def claims_of(ctx: Context, name: str, period_ms: int) -> list[tuple[str, Claim]]:
    """The claims about a period of an agreement that were not taken back, by their names."""
    return [(of, claim) for of, claim in all_claims_of(ctx, name, period_ms) if not claim.withdrawn_ms]


def all_claims_of(ctx: Context, name: str, period_ms: int) -> list[tuple[str, Claim]]:
    """All claims ever made about a period of an agreement, by their names."""
    rows = CLAIMS.scan(ctx, (name, period_ms), limit=2 * limits.CLAIMS_MAX)
    return [(str(key[2]), claim) for key, claim in rows]


class LedgerPrices:
    """Answers of the ledger to `hansa.apps.billing.pricing`."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    def series_day(self, owner: str, series: str, version: int, day: int) -> SeriesDay | None:
        return SERIES_DAYS.get(self._ctx, (owner, series, version, day))

    def index_values(self, owner: str, index: str, day: int, limit: int) -> list[DatedValue]:
        rows = INDICES.scan(self._ctx, (owner, index), end=(owner, index, day + 1), limit=limit, reverse=True)
        return [DatedValue(int(key[2]), value) for key, value in rows]


class LedgerSource:
    """Answers of the ledger to `hansa.apps.billing.settling`."""

    def __init__(self, ctx: Context, name: str, binding: Binding, of: Measure) -> None:
        self._ctx = ctx
        self._of = (name, binding.meter)
        self._feed = (binding.owner, binding.feed)
        self._windows = len(of.scheme.names)

    @cached_property
    def _head(self) -> Head | None:
        return metering.head(self._ctx, *self._feed)

    def usage(self, period: Period) -> dict[tuple[int, int], int]:
        kept = USAGE.get(self._ctx, (*self._of, period.from_ms))
        return {divmod(k, self._windows): count for k, count in enumerate(kept.counts if kept else ())}

    def falls(self, from_ms: int, to_ms: int, limit: int) -> list[LowRun]:
        return metering.falls(self._ctx, *self._feed, from_ms, to_ms, limit)

    def gaps(self, from_ms: int, to_ms: int, limit: int) -> list[Gap]:
        before = GAPS.scan(self._ctx, self._of, end=(*self._of, from_ms), limit=1, reverse=True)
        rows = [(key, gap) for key, gap in before if gap.to_ms > from_ms]
        start, end = (*self._of, from_ms), (*self._of, to_ms)
        rows += GAPS.scan(self._ctx, self._of, start=start, end=end, limit=limit - len(rows))
        return [Gap(int(key[2]), gap.to_ms, gap.difference) for key, gap in rows]

    def records_before(self, before_ms: int) -> Iterator[tuple[Point, bool, int]]:
        return metering.records_before(self._ctx, *self._feed, before_ms)

    def intervals(self, from_ms: int, to_ms: int, limit: int) -> list[Interval]:
        return metering.intervals(self._ctx, *self._feed, from_ms, to_ms, limit)

    def day(self, day: int) -> dict[int, int]:
        kept = DAYS.get(self._ctx, (*self._of, day))
        return dict(enumerate(kept.counts)) if kept else {}

    def slots(self, from_day: int, until_day: int) -> dict[int, SlotRecord]:
        start, end = (*self._of, from_day), (*self._of, until_day)
        rows = SLOTS.scan(self._ctx, self._of, start=start, end=end)
        return {int(key[2]): record for key, record in rows}

    def standing(self) -> Fold:
        return self._head.fold if self._head else Fold()

    def first_ms(self) -> int:
        return self._head.first_ms if self._head else 0


def sources_of(ctx: Context, name: str, deal: Deal) -> dict[str, LedgerSource]:
    """What the ledger knows of each meter of an agreement."""
    return {
        binding.meter: LedgerSource(ctx, name, binding, measure(deal, binding.meter))
        for binding in bound(deal.agreement)
    }
