"""What Hansa's client makes of the year for the accountants: accruals at each month's end, and journals."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from hansa.apps.billing.accrual import Accrued
from hansa.apps.billing.messages import Agreement
from hansa.client.accruals import accrued
from hansa.client.happened import Happened, events_of_node
from hansa.client.journal import Voucher
from hansa.client.journal_accounts import read_chart
from hansa.client.journal_ledger import gather, journal
from tests.scenarios.year.town import Town

PAGE = 200


@dataclass
class Asks:
    """Queries of the year's node, each asked once."""

    town: Town
    _answers: dict[Any, Any] = field(default_factory=dict)

    def one(self, name: str, kind: Any, **arguments: Any) -> Any:
        key = (name, repr(kind), msgspec.json.encode(arguments))
        if key not in self._answers:
            self._answers[key] = self.town.ask(name, kind, **arguments)
        return self._answers[key]

    def all(self, name: str, kind: Any, last: Callable[[Any], str], **arguments: Any) -> list[Any]:
        found: list[Any] = []
        while True:
            after = last(found[-1]) if found else ""
            page = self.one(name, list[kind], after=after, limit=PAGE, **arguments)
            found += page
            if len(page) < PAGE:
                return found

    def events(self, room: str) -> Iterator[Happened]:
        yield from events_of_node(self.town.node.client("auditor").transport, room)


@dataclass
class Ledgers:
    """Of all members, when the year is over."""

    town: Town
    asks: Asks
    accruals: dict[tuple[str, int], list[Accrued]] = field(default_factory=dict)
    """By agreement and local date."""

    def accrue(self, name: str, agreement: Agreement, day: int) -> list[Accrued]:
        if (name, day) not in self.accruals:
            self.accruals[name, day] = accrued(self.asks, name, agreement, day)[1]
        return self.accruals[name, day]

    def vouchers(self, member: str, chart: str, last_day: int) -> tuple[list[Voucher], list[str]]:
        books = gather(self.asks, member)
        return journal(books, read_chart(chart), 0, last_day, self.accrue)
