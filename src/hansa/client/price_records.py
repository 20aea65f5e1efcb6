"""Published prices in a bundle: the days of a series and the values of an index that statements rest on."""

from collections.abc import Sequence

from hansa.apps.billing.elements import Usage
from hansa.apps.billing.elements_energy import Series
from hansa.apps.billing.messages import Statement
from hansa.apps.billing.messages_prices import IndexValue, SeriesDay
from hansa.apps.billing.pricing import DatedValue, StoredPrices
from hansa.apps.billing.tariff import Tariff
from hansa.apps.consortium.messages import Attest
from hansa.client import Client
from hansa.client.trails import Trail
from hansa.client.verify_ledger import Attests

DAYS_AT_ONCE = 366
TRAILS = {"billing.series_days": "prices", "billing.indices": "index"}
"""Of what leaves a record of such a table (trails.py)."""


def price_attests(client: Client, tariff: Tariff, statements: Sequence[Statement]) -> list[Attest]:
    """What a tariff's clauses were priced by in these statements' periods."""
    wanted: list[Attest] = []
    for element in tariff.elements:
        if isinstance(element, Series):
            for first, last in ((each.period.first_day, each.period.last_day) for each in statements):
                wanted += _series_days(client, element, first, last + 1)
        if isinstance(element, Usage) and element.index is not None:
            owner, index = element.index.owner, element.index.index
            rows = client.query("billing.index_of", list[tuple[int, IndexValue]], owner=owner, index=index)
            wanted += [Attest(table="billing.indices", key=(owner, index, str(day))) for day, _ in rows]
    return wanted


def price_trails(client: Client, tariff: Tariff, statements: Sequence[Statement]) -> list[Trail]:
    """What their publishers left when they published these prices."""
    wanted = price_attests(client, tariff, statements)
    return [(TRAILS[attest.table], *attest.key) for attest in wanted]


def _series_days(client: Client, element: Series, from_day: int, until_day: int) -> list[Attest]:
    out = []
    for start in range(from_day, until_day, DAYS_AT_ONCE):
        rows = client.query(
            "billing.series_days_of",
            list[tuple[int, SeriesDay]],
            owner=element.owner,
            series=element.series,
            version=element.version,
            from_day=start,
            until_day=min(start + DAYS_AT_ONCE, until_day),
        )
        name = (element.owner, element.series, str(element.version))
        out += [Attest(table="billing.series_days", key=(*name, str(day))) for day, _ in rows]
    return out


def shown_prices(records: Attests) -> StoredPrices:
    """The prices that a bundle shows."""
    series = {
        (key[0], key[1], int(key[2]), int(key[3])): record
        for key, record in records.all(SeriesDay, "billing.series_days")
    }
    indices: dict[tuple[str, str], list[DatedValue]] = {}
    for key, record in records.all(IndexValue, "billing.indices"):
        indices.setdefault((key[0], key[1]), []).append(DatedValue(int(key[2]), record))
    for found in indices.values():
        found.sort(key=lambda dated: dated.from_day)
    return StoredPrices(series, indices)
