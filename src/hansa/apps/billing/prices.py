"""Publishing of price series and indices. What is published is never changed, only continued."""

from hansa.apps.billing import errors_energy as errors
from hansa.apps.billing.deal import Deal, period_from
from hansa.apps.billing.elements import check_unit_name
from hansa.apps.billing.elements_energy import Series
from hansa.apps.billing.messages_prices import (
    DeclareSeries,
    IndexPublished,
    IndexValue,
    PublishedSeries,
    PublishIndex,
    PublishSeries,
    SeriesDay,
    SeriesDeclared,
    SeriesPublished,
)
from hansa.apps.billing.pricing import indices_of
from hansa.apps.billing.slots import SLOT_MINUTES, slots_in
from hansa.apps.billing.tables import INDICES, SERIES, SERIES_DAYS
from hansa.apps.billing.tariff import Tariff
from hansa.apps.consortium import interface as consortium
from hansa.apps.consortium.calendars import DAY_MAX, date_text, start_of_day
from hansa.kernel import Context, limits, since


@since(2)
def declare_series(ctx: Context, a: DeclareSeries) -> None:
    # Checks, cheapest first.
    if a.form.minutes not in SLOT_MINUTES:
        raise errors.SlotLength(clause=a.id, element=a.id, minutes=a.form.minutes)
    check_unit_name(a.id, a.form.unit)
    if SERIES.get(ctx, (ctx.member, a.id, a.version)) is not None:
        raise errors.SeriesTaken(series=a.id, version=a.version)
    consortium.check_may_enter(ctx, ctx.member)
    consortium.calendar(ctx, a.form.calendar_owner, a.form.calendar)

    # Writes.
    SERIES.put(ctx, (ctx.member, a.id, a.version), PublishedSeries(form=a.form))

    # Events.
    ctx.emit(SeriesDeclared(owner=ctx.member, id=a.id, version=a.version))


@since(2)
def publish_series(ctx: Context, a: PublishSeries) -> None:
    # Checks, cheapest first.
    published = SERIES.get(ctx, (ctx.member, a.id, a.version))
    if published is None:
        raise errors.SeriesUnknown(owner=ctx.member, series=a.id, version=a.version)
    at = (ctx.member, a.id, a.version, a.day)
    if SERIES_DAYS.get(ctx, at) is not None:
        raise errors.SeriesDayTaken(series=a.id, day=date_text(a.day))
    form = published.form
    calendar = consortium.calendar(ctx, form.calendar_owner, form.calendar)
    length_ms = start_of_day(calendar, a.day + 1) - start_of_day(calendar, a.day)
    wanted = slots_in(length_ms, form.minutes)
    if len(a.prices_e8) != wanted:
        raise errors.SeriesCount(
            series=a.id, day=date_text(a.day), wanted=wanted, minutes=form.minutes, given=len(a.prices_e8)
        )

    # Writes.
    SERIES_DAYS.put(ctx, at, SeriesDay(prices_e8=a.prices_e8, published_ms=ctx.time_ms))

    # Events.
    ctx.emit(SeriesPublished(owner=ctx.member, id=a.id, version=a.version, day=a.day))


@since(2)
def publish_index(ctx: Context, a: PublishIndex) -> None:
    # Checks, cheapest first.
    if a.from_day > DAY_MAX:
        raise errors.IndexDay(index=a.id, last=date_text(DAY_MAX))
    for key, _ in INDICES.scan(ctx, (ctx.member, a.id), limit=1, reverse=True):
        last = int(key[2])
        if a.from_day <= last:
            raise errors.IndexOrder(index=a.id, last=date_text(last), day=date_text(a.from_day))
    consortium.check_may_enter(ctx, ctx.member)

    # Writes.
    value = IndexValue(value_e8=a.value_e8, published_ms=ctx.time_ms)
    INDICES.put(ctx, (ctx.member, a.id, a.from_day), value)

    # Events.
    ctx.emit(IndexPublished(owner=ctx.member, id=a.id, from_day=a.from_day, value_e8=a.value_e8))


def check_series(ctx: Context, tariff: Tariff, calendar_owner: str, calendar: str) -> None:
    """Refuse a tariff whose clauses do not fit their series. Raises SeriesUnknown, SeriesUnfit."""
    for element in tariff.elements:
        if not isinstance(element, Series):
            continue
        published = SERIES.get(ctx, (element.owner, element.series, element.version))
        if published is None:
            raise errors.SeriesUnknown(
                clause=element.clause, owner=element.owner, series=element.series, version=element.version
            )
        form = published.form
        for name, wanted, given in (
            ("slot_minutes", f"{element.slot_minutes}", f"{form.minutes}"),
            ("unit", element.unit, form.unit),
            ("currency", tariff.currency, form.currency),
            ("calendar", f"{calendar_owner}/{calendar}", f"{form.calendar_owner}/{form.calendar}"),
        ):
            if wanted != given:
                raise errors.SeriesUnfit(
                    clause=element.clause, element=element.clause, series=element.series, name=name,
                    wanted=wanted, given=given,
                )  # fmt: skip


def check_indices(deal: Deal) -> None:
    """Refuse an agreement one of whose indices has no value for its first period; if it has one,
    later periods have one, too. Raises IndexMissing.
    """
    period = period_from(deal, deal.agreement.from_ms)
    indices_of(deal.prices, deal.tariff.elements, period, deal.agreement.terms.cut_off_ms)


# Queries.


def series_of(ctx: Context, owner: str, series: str, version: int) -> PublishedSeries | None:
    return SERIES.get(ctx, (owner, series, version))


def series_days_of(
    ctx: Context, owner: str, series: str, version: int, from_day: int, until_day: int
) -> list[tuple[int, SeriesDay]]:
    """Published prices of local dates from ≤ date < until, at most a scan's worth."""
    of = (owner, series, version)
    rows = SERIES_DAYS.scan(ctx, of, start=(*of, from_day), end=(*of, until_day))
    return [(int(key[3]), found) for key, found in rows]


def index_of(ctx: Context, owner: str, index: str) -> list[tuple[int, IndexValue]]:
    """All values of an index by the local date from which each is in force."""
    rows = INDICES.scan(ctx, (owner, index), limit=limits.ALL_ROWS)
    return [(int(key[2]), found) for key, found in rows]


ACTIONS = (declare_series, publish_series, publish_index)
QUERIES = (series_of, series_days_of, index_of)
EVENTS = (SeriesDeclared, SeriesPublished, IndexPublished)
