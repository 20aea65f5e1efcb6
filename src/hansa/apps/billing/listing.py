"""What a member has published to price by: its tariffs, price series and indices.

A list has at most `limit` items, LISTED_MAX at most: go on after the last one shown.
"""

from hansa.apps.billing.messages_prices import SeriesForm
from hansa.apps.billing.tables import INDICES, SERIES, SERIES_DAYS, TARIFFS
from hansa.apps.billing.tariff import Purpose
from hansa.apps.consortium.calendars import DAY_MAX, Day, PeriodLength
from hansa.kernel import (
    Context,
    CurrencyCode,
    Id,
    MemberId,
    Natural,
    OptionalId,
    Positive,
    RegisteredName,
    Struct,
    limits,
)

LISTED_MAX = limits.SCAN_MAX


class ListedTariff(Struct):
    """A version of a tariff, told apart from others; the whole of it: `tariff_of`."""

    owner: MemberId
    tariff: Id
    version: Positive
    name: RegisteredName
    purpose: Purpose
    currency: CurrencyCode
    period: PeriodLength
    calendar_owner: MemberId
    calendar: Id


class ListedSeries(Struct):
    """A version of a price series, and the dates from which and to which it has prices."""

    owner: MemberId
    series: Id
    version: Positive
    form: SeriesForm
    first_day: Day | None = None
    last_day: Day | None = None


class ListedIndex(Struct):
    """An index with its first date and its last value."""

    owner: MemberId
    index: Id
    first_day: Day
    last_day: Day
    value_e8: Positive


def tariffs_of(
    ctx: Context, owner: MemberId, after: OptionalId = "", after_version: Natural = 0, limit: Natural = 0
) -> list[ListedTariff]:
    """Versions of a member's tariffs, by id and version; those that follow the named one."""
    start = (owner, after, after_version + 1) if after else None
    return [
        ListedTariff(
            owner=owner,
            tariff=str(key[1]),
            version=int(key[2]),
            name=found.tariff.name,
            purpose=found.tariff.purpose,
            currency=found.tariff.currency,
            period=found.tariff.period,
            calendar_owner=found.calendar_owner,
            calendar=found.calendar,
        )
        for key, found in TARIFFS.scan(ctx, (owner,), start=start, limit=_bounded(limit))
    ]


def series_by(
    ctx: Context, owner: MemberId, after: OptionalId = "", after_version: Natural = 0, limit: Natural = 0
) -> list[ListedSeries]:
    """Versions of a member's price series, by id and version; those that follow the named one."""
    start = (owner, after, after_version + 1) if after else None
    out = []
    for key, found in SERIES.scan(ctx, (owner,), start=start, limit=_bounded(limit)):
        name, version = str(key[1]), int(key[2])
        days = [
            int(row[3])
            for newest in (False, True)
            for row, _ in SERIES_DAYS.scan(ctx, (owner, name, version), limit=1, reverse=newest)
        ]
        out.append(
            ListedSeries(
                owner=owner,
                series=name,
                version=version,
                form=found.form,
                first_day=days[0] if days else None,
                last_day=days[-1] if days else None,
            )
        )
    return out


def indices_by(
    ctx: Context, owner: MemberId, after: OptionalId = "", limit: Natural = 0
) -> list[ListedIndex]:
    """A member's indices by id; those after the named one."""
    out: list[ListedIndex] = []
    while len(out) < _bounded(limit):
        start = (owner, after, DAY_MAX + 1) if after else None
        first = next(INDICES.scan(ctx, (owner,), start=start, limit=1), None)
        if first is None:
            break
        after = str(first[0][1])
        for key, found in INDICES.scan(ctx, (owner, after), limit=1, reverse=True):
            out.append(
                ListedIndex(
                    owner=owner,
                    index=after,
                    first_day=int(first[0][2]),
                    last_day=int(key[2]),
                    value_e8=found.value_e8,
                )
            )
    return out


def _bounded(limit: int) -> int:
    return min(limit, LISTED_MAX) if limit else LISTED_MAX


QUERIES = (tariffs_of, series_by, indices_by)
