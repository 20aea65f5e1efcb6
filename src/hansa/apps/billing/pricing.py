"""Which published prices and index values hold in a period (docs/tariff-rules.md, E10, E11). Pure.

What was published never changes, and whether it came in time is told by when it was published: so a period
comes to the same however late it is looked at.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from hansa.apps.billing import errors_energy as errors
from hansa.apps.billing.elements import Index, Usage
from hansa.apps.billing.elements_energy import Series
from hansa.apps.billing.messages_prices import IndexValue, SeriesDay
from hansa.apps.billing.slots import DaySlots, SlotUsage, date_at, date_slots
from hansa.apps.consortium.calendars import Calendar, Period, date_text
from hansa.kernel.limits import INDEX_LOOK_BACK_MAX, MINUTE_MS


class DatedValue(NamedTuple):
    """An index value and the local date from which it is in force."""

    from_day: int
    value: IndexValue


class Prices(Protocol):
    """Looks up what was published."""

    def series_day(self, owner: str, series: str, version: int, day: int) -> SeriesDay | None:
        """The prices of a local date; None while they are not published."""
        ...

    def index_values(self, owner: str, index: str, day: int, limit: int) -> Sequence[DatedValue]:
        """Values in force from dates up to and including a local date, the latest first."""
        ...


@dataclass(frozen=True)
class StoredPrices:
    """Prices held in memory, as a checker has them."""

    series: Mapping[tuple[str, str, int, int], SeriesDay] = field(default_factory=dict)
    """By (owner, series, version, day)."""
    indices: Mapping[tuple[str, str], Sequence[DatedValue]] = field(default_factory=dict)
    """By (owner, index), in the order of their dates."""

    def series_day(self, owner: str, series: str, version: int, day: int) -> SeriesDay | None:
        return self.series.get((owner, series, version, day))

    def index_values(self, owner: str, index: str, day: int, limit: int) -> Sequence[DatedValue]:
        held = [value for value in self.indices.get((owner, index), ()) if value.from_day <= day]
        return held[::-1][:limit]


NO_PRICES = StoredPrices()


def index_value(prices: Prices, index: Index, period: Period, cut_off_ms: int) -> int:
    """E11: the value in force on the period's first date, of those published by its cut-off.

    Raises IndexMissing.
    """
    closes_ms = period.to_ms + cut_off_ms
    return value_in_force(prices, index.owner, index.index, period.first_day, closes_ms)


def value_in_force(prices: Prices, owner: str, index: str, day: int, until_ms: int) -> int:
    """The value of an index in force on a local date, × 100,000,000, of those published by an instant.

    Raises IndexMissing.
    """
    for dated in prices.index_values(owner, index, day, INDEX_LOOK_BACK_MAX):
        if dated.value.published_ms <= until_ms:
            return dated.value.value_e8
    raise errors.IndexMissing(clause=index, index=index, owner=owner, day=date_text(day))


def indices_of(prices: Prices, elements: Iterable[object], period: Period, cut_off_ms: int) -> dict[str, int]:
    """Index values by the clauses that follow them. Raises IndexMissing."""
    return {
        element.clause: index_value(prices, element.index, period, cut_off_ms)
        for element in elements
        if isinstance(element, Usage) and element.index is not None
    }


def series_prices(
    prices: Prices, element: Series, calendar: Calendar, usage: SlotUsage, closes_ms: int
) -> dict[int, tuple[int, ...]]:
    """E10: price_e8 by slot of each date on which something was counted, by the date's first instant; 0 for a
    slot in which nothing was. Raises SeriesHole.
    """
    times = element.slot_minutes // usage.minutes
    out = {}
    for date in usage.days:
        day = date_at(calendar, date.from_ms)[2]
        row = prices.series_day(element.owner, element.series, element.version, day)
        out[date.from_ms] = tuple(_of_date(element, row, date, day, times, closes_ms))
    return out


def _of_date(
    element: Series, row: SeriesDay | None, date: DaySlots, day: int, times: int, closes_ms: int
) -> list[int]:
    out = []
    for number, count in enumerate(date_slots(date.counts, times) or [0]):
        starts_ms = date.from_ms + number * element.slot_minutes * MINUTE_MS
        if row is not None and number < len(row.prices_e8) and _counts(element, row, starts_ms, closes_ms):
            out.append(row.prices_e8[number])
        elif element.otherwise_e8 is not None:
            out.append(element.otherwise_e8)
        elif count or (date.loose and not number):
            raise errors.SeriesHole(
                clause=element.clause, series=element.series, day=date_text(day), number=number + 1
            )
        else:
            out.append(0)
    return out


def _counts(element: Series, row: SeriesDay, starts_ms: int, closes_ms: int) -> bool:
    """Whether prices were published in time. Without another price the period waits for them."""
    if element.known == "before":
        return row.published_ms <= starts_ms
    return element.otherwise_e8 is None or row.published_ms <= closes_ms
