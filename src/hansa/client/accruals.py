"""What an accrual (暂估) needs of the ledger, gathered by its queries."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from hansa.apps.billing.accrual import Accrued, Book, accrue
from hansa.apps.billing.attribution import Claim
from hansa.apps.billing.booking import NEVER_MS
from hansa.apps.billing.deal import Deal, bound
from hansa.apps.billing.elements import Usage
from hansa.apps.billing.elements_energy import Series
from hansa.apps.billing.messages import Agreement, Binding, Late, PublishedTariff, Statement
from hansa.apps.billing.messages_life import LateCharge, Life
from hansa.apps.billing.messages_prices import IndexValue, SeriesDay
from hansa.apps.billing.pricing import DatedValue, StoredPrices
from hansa.apps.billing.tariff import Tariff
from hansa.apps.consortium.calendars import Calendar, local_day, start_of_day
from hansa.apps.consortium.messages import CalendarRecord
from hansa.apps.metering.chain import Point
from hansa.apps.metering.messages import CounterRecord, Feed

PAGE = 1_000
SERIES_DAYS_PAGE = 200


class Asks(Protocol):
    """A query of a node, its answer decoded as `kind`."""

    def one(self, name: str, kind: Any, **arguments: Any) -> Any: ...


def agreements(asks: Asks, member: str) -> Iterator[tuple[str, Agreement]]:
    """All agreements of a party, in order of their ids."""
    after = ""
    while True:
        rows, after = asks.one(
            "billing.agreements_of",
            tuple[list[tuple[str, Agreement]], str],
            member=member,
            after=after,
            limit=PAGE,
        )
        yield from rows
        if not after:
            return


def accrued(asks: Asks, name: str, agreement: Agreement, day: int) -> tuple[Deal, list[Accrued]]:
    """What of an agreement is not billed at the end of a local date, by all that the node knows now.

    Raises CalendarOutside, and what rating raises.
    """
    published: PublishedTariff = asks.one(
        "billing.tariff_of",
        PublishedTariff,
        owner=agreement.tariff_owner,
        tariff=agreement.tariff,
        version=agreement.tariff_version,
    )
    owner, calendar_id = published.calendar_owner, published.calendar
    found = asks.one("consortium.calendar_of", CalendarRecord, member=owner, calendar=calendar_id)
    at_ms = start_of_day(found.calendar, day + 1)
    book = book_of(asks, name, agreement, published.tariff, found.calendar, at_ms)
    return book.deal, accrue(book, at_ms)


def book_of(
    asks: Asks, name: str, agreement: Agreement, tariff: Tariff, calendar: Calendar, at_ms: int
) -> Book:
    """All that the ledger holds of an agreement. Asks for every record of its feeds."""
    feeds = {
        each.meter: asks.one("metering.feed_of", Feed, owner=each.owner, feed=each.feed)
        for each in bound(agreement)
    }
    prices = _prices(asks, tariff, calendar, agreement, at_ms)
    statements = asks.one("billing.statements_of", list[Statement], agreement=name)
    starts = dict.fromkeys([each.period.from_ms for each in statements] + [agreement.next_from_ms])
    late: Late | None = asks.one("billing.late_of", Late | None, agreement=name)
    return Book(
        deal=Deal(agreement, tariff, calendar, feeds, prices),
        points={each.meter: _points(asks, each) for each in bound(agreement)},
        statements=statements,
        lives=dict(asks.one("billing.lives_of", list[tuple[int, Life]], agreement=name)),
        claims={
            start: asks.one("billing.claims_of", list[tuple[str, Claim]], agreement=name, period_ms=start)
            for start in starts
            if agreement.terms.attribution
        },
        late_ms=late.since_ms if late else NEVER_MS,
        charges=asks.one("billing.interest_due_of", list[tuple[int, str, LateCharge]], agreement=name),
    )


def _points(asks: Asks, of: Binding) -> Sequence[Point]:
    """Every record of a feed, declared resets among them."""
    points: list[Point] = []
    after: list[int] = []
    while True:
        rows = asks.one(
            "metering.records_of",
            list[tuple[tuple[int, int, int], CounterRecord]],
            owner=of.owner,
            feed=of.feed,
            from_ms=0,
            to_ms=NEVER_MS,
            after=after,
            limit=PAGE,
        )
        points += [
            Point(at[0], at[1], at[2], found.value, found.span_ms, found.lost, found.life, found.start_value)
            for at, found in rows
        ]
        if len(rows) < PAGE:
            return points
        after = list(rows[-1][0])


def _prices(asks: Asks, tariff: Tariff, calendar: Calendar, agreement: Agreement, at_ms: int) -> StoredPrices:
    """Published prices and indices that the tariff names, up to an instant."""
    series: dict[tuple[str, str, int, int], SeriesDay] = {}
    indices: dict[tuple[str, str], Sequence[DatedValue]] = {}
    last_ms = min(max(at_ms, agreement.from_ms + 1), agreement.to_ms)
    first_day, until_day = local_day(calendar, agreement.from_ms), local_day(calendar, last_ms - 1) + 1
    for element in tariff.elements:
        if isinstance(element, Series):
            of = (element.owner, element.series, element.version)
            for day in range(first_day, until_day, SERIES_DAYS_PAGE):
                rows = asks.one(
                    "billing.series_days_of",
                    list[tuple[int, SeriesDay]],
                    owner=of[0],
                    series=of[1],
                    version=of[2],
                    from_day=day,
                    until_day=min(day + SERIES_DAYS_PAGE, until_day),
                )
                series |= {(*of, at): found for at, found in rows}
        elif isinstance(element, Usage) and element.index is not None:
            rows = asks.one(
                "billing.index_of",
                list[tuple[int, IndexValue]],
                owner=element.index.owner,
                index=element.index.index,
            )
            indices[element.index.owner, element.index.index] = [DatedValue(*row) for row in rows]
    return StoredPrices(series, indices)
