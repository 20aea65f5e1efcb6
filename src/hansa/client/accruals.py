"""What an accrual (暂估) needs of the ledger, gathered by its queries."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from hansa.apps.billing.accrual import Accrued, Apart, Book, Payment, accrue
from hansa.apps.billing.attribution import Claim
from hansa.apps.billing.booking import NEVER_MS
from hansa.apps.billing.deal import Deal, bound
from hansa.apps.billing.elements import Usage
from hansa.apps.billing.elements_energy import Series
from hansa.apps.billing.interest import is_apart
from hansa.apps.billing.messages import Agreement, Binding, Late, PublishedTariff, Statement
from hansa.apps.billing.messages_life import Correction, LateItem, Life
from hansa.apps.billing.messages_prices import IndexValue, SeriesDay
from hansa.apps.billing.pricing import DatedValue, StoredPrices
from hansa.apps.billing.tariff import Tariff
from hansa.apps.consortium.calendars import Calendar, local_day, start_of_day
from hansa.apps.consortium.messages import CalendarRecord
from hansa.apps.metering.chain import Point
from hansa.apps.metering.messages import Batch, CounterRecord, Feed
from hansa.apps.metering.messages import Life as CounterLife
from hansa.apps.money.names import name_of
from hansa.apps.money.queries import ListedObligation, ListedPayment

PAGE = 1_000
SERIES_DAYS_PAGE = 200


class Asks(Protocol):
    """A query of a node, its answer decoded as `kind`."""

    def one(self, name: str, kind: Any, **arguments: Any) -> Any: ...


def agreements(asks: Asks, member: str, *, shared: bool = False) -> Iterator[tuple[str, Agreement]]:
    """All agreements of a party by their ids; `shared`: those of others whose revenue is shared with it."""
    after = ""
    while True:
        rows, after = asks.one(
            "billing.shared_with" if shared else "billing.agreements_of",
            tuple[list[tuple[str, Agreement]], str],
            member=member,
            after=after,
            limit=PAGE,
        )
        yield from rows
        if not after:
            return


def accrued(asks: Asks, name: str, agreement: Agreement, day: int) -> tuple[Deal, list[Accrued]]:
    """What of an agreement was not billed at the end of a local date, by what lay on the ledger then.

    Of a date that is not over: by all that lies there now. Raises CalendarOutside, and what rating raises.
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
    records = {each.meter: _records(asks, each) for each in bound(agreement)}
    lives = dict(asks.one("billing.lives_of", list[tuple[int, Life]], agreement=name))
    debts = [
        (start, part) for start, life in lives.items() for part in life.parts if not is_apart(agreement, part)
    ]
    return Book(
        deal=Deal(agreement, tariff, calendar, feeds, prices),
        points={meter: [point for point, _ in rows] for meter, rows in records.items()},
        received={meter: [at_ms for _, at_ms in rows] for meter, rows in records.items()},
        statements=statements,
        lives=lives,
        corrections={
            start: asks.one("billing.corrections_of", list[Correction], agreement=name, period_ms=start)
            for start, life in lives.items()
            if life.corrections
        },
        claims={
            start: asks.one("billing.all_claims_of", list[tuple[str, Claim]], agreement=name, period_ms=start)
            for start in starts
            if agreement.terms.attribution
        },
        late_ms=late.since_ms if late else NEVER_MS,
        payments={
            part.obligation: _payments(asks, part.obligation) for _, part in debts if part.due_ms < at_ms
        },
        apart=_apart(asks, name, agreement, {part.obligation: start for start, part in debts}),
    )


def _records(asks: Asks, of: Binding) -> list[tuple[Point, int]]:
    """Every record of a feed, declared resets among them, each with when it came to lie on the ledger."""
    batches = asks.one(
        "metering.batches_of", list[tuple[tuple[int, int, int], Batch]], owner=of.owner, feed=of.feed
    )
    received: dict[tuple[int, int], int] = {}
    for (generation, first, count), batch in batches:
        for sequence in range(first, first + count):
            at_ms = received.get((generation, sequence), batch.received_ms)
            received[generation, sequence] = min(at_ms, batch.received_ms)
    lives = dict(asks.one("metering.lives_of", list[tuple[int, CounterLife]], owner=of.owner, feed=of.feed))
    found: list[tuple[Point, int]] = []
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
        for at, record in rows:
            point = Point(
                at[0],
                at[1],
                at[2],
                record.value,
                record.span_ms,
                record.lost,
                record.life,
                record.start_value,
            )
            known_ms = lives[at[0]].received_ms if record.life else received[at[1], at[2]]
            found.append((point, known_ms))
        if len(rows) < PAGE:
            return found
        after = list(rows[-1][0])


def _payments(asks: Asks, obligation: str) -> list[Payment]:
    rows = asks.one("money.payments_of", list[ListedPayment], obligation=obligation)
    return [
        Payment(piece.amount_minor, piece.value_ms, piece.recorded_ms)
        for each in rows
        for piece in each.pieces or (each,)
    ]


def _apart(asks: Asks, name: str, agreement: Agreement, starts: dict[str, int]) -> dict[int, list[Apart]]:
    """Interest on these debts that was owed by itself, after the agreement's last statement."""
    out: dict[int, list[Apart]] = {}
    if agreement.next_from_ms or agreement.terms.settlement is None:
        return out
    for of, charged in asks.one("billing.interest_of", list[tuple[str, LateItem]], agreement=name):
        for number in range(charged.charges) if of in starts else ():
            own = name_of("interest", of, str(number))
            listed: ListedObligation | None = asks.one(
                "money.obligation", ListedObligation | None, obligation=own
            )
            if listed is not None:
                owed = listed.obligation
                sign = 1 if owed.debtor == agreement.user else -1
                out.setdefault(starts[of], []).append(Apart(owed.since_ms, sign * owed.agreed_minor))
    return out


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
