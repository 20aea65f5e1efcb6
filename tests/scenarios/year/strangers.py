"""The year as strangers see it: told what was agreed on and what happened, they say what must follow."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from independent.books import Books
from independent.debts import EPOCH, Agreement, Key
from independent.elements import Line, Period, shares
from independent.journal import Item, Split, accrual
from independent.recompute import DAY, Local, tax_percent
from independent.statements import Charge, Followed
from independent.usage import Metered

from hansa.apps.billing.messages import Statement
from tests.scenarios.year.play import Looked, Year
from tests.scenarios.year.town import SIZES, Closed, Deal, Town

Debts = Mapping[Key, tuple[Any, ...]]
Funds = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Stated:
    """A statement as it was closed, and as the strangers state it."""

    closed: Closed
    lines: list[Line]
    shares: list[tuple[str, str, int, int, int]]
    metered: Metered


@dataclass(frozen=True)
class Told:
    """What was owed and held when the node was looked at, by the node and by the strangers."""

    looked: Looked
    debts: Debts
    funds: Funds


@dataclass(frozen=True)
class MonthEnd:
    """What of an agreement is not billed at the end of a local date, days since the epoch."""

    agreement: str
    day: int
    items: list[Item]


@dataclass
class Strangers:
    """They follow the year from its begin; what they say is kept for tests to look at."""

    year: Year
    agreements: dict[str, Followed] = field(default_factory=dict)
    books: Books = field(default_factory=lambda: Books([]))
    stated: list[Stated] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    accrued: list[MonthEnd] = field(default_factory=list)

    def __post_init__(self) -> None:
        town = self.year.town
        self.agreements = {name: followed(town, deal) for name, deal in town.deals.items()}
        self.books = Books([terms_of(deal) for deal in town.deals.values()])
        ends = [(at_ms, "month_end", end) for name in town.deals for at_ms, end in self._month_ends(name)]
        # What happens at the end of a month is of the next one.
        for at_ms, what, data in sorted([*ends, *town.happened], key=lambda each: each[0]):
            match what:
                case "month_end":
                    self._accrue(at_ms, **data)
                case "closed":
                    self._state(at_ms, data["closed"])
                case "looked":
                    self.books.move_to(at_ms)
                    self.told.append(Told(data["at"], debts_of(self.books), funds_of(self.books)))
                case _:
                    self.books.tell((at_ms, what, data))

    def _month_ends(self, name: str) -> Iterator[tuple[int, dict[str, Any]]]:
        """By an agreement's own clock, until the year was looked at for the last time."""
        local, of = Local(self.agreements[name].sheet), self.agreements[name]
        first = local.date_of(of.from_ms).replace(day=1)
        while True:
            first = (first + 31 * DAY).replace(day=1)
            at_ms = local.begin_of(first)
            if at_ms > self.year.looked[-1].at_ms:
                return
            yield at_ms, {"name": name, "day": (first - EPOCH).days - 1}

    def _accrue(self, at_ms: int, name: str, day: int) -> None:
        """As of just before the instant, with the records that a statement cut there would count."""
        of = self.agreements[name]
        self.books.move_to(at_ms - 1)
        code = of.sheet["terms"]["settlement"].get("interest_tax", "")
        if code:  # X1: by the last date that is accrued.
            date = Local(of.sheet).date_of(min(at_ms, of.to_ms) - 1).isoformat()
            terms, percent = self.books.agreements[name], tax_percent(of.sheet, code, date)
            self.books.agreements[name] = terms._replace(interest_percent=str(percent))
        unstated = [
            Item(each.reason, each.period[0], [plain(line) for line in each.lines])
            for each in of.open_lines(at_ms, at_ms + of.cut_off_ms - 1)
        ]
        self.accrued.append(MonthEnd(name, day, accrual(self.books, name, at_ms, unstated)))

    def _state(self, at_ms: int, closed: Closed) -> None:
        """The statement that must have been closed then: of the first period that is not stated yet."""
        of = self.agreements[closed.agreement]
        period = next(period for period in of.periods() if period not in of.billed)
        self.books.move_to(at_ms)
        charges = [
            Charge(period_ms, gross, days)
            for period_ms, _, gross, days in self.books.interest_due(of.name, period[1])
        ]
        lines = of.state(period, at_ms, charges)
        shared = shares(of.sheet, of.provider, of.user, lines)
        self.stated.append(Stated(closed, lines, shared, of.metered(period, at_ms)))
        told = {"agreement": of.name, "period_ms": period[0], "to_ms": period[1], "shares": shared}
        self.books.tell((at_ms, "stated", {**told, "lines": [plain(line) for line in lines]}))


def followed(town: Town, deal: Deal) -> Followed:
    feeds = {binding.meter: town.recorded[binding.feed] for binding in deal.meters}
    times = (deal.from_ms, deal.to_ms)
    return Followed(deal.name, deal.provider, deal.user, deal.written, *times, feeds, town.published)


def terms_of(deal: Deal) -> Agreement:
    """What was agreed on beside the tariff, as the sheet has it."""
    sheet, settled = deal.written, deal.written["terms"]["settlement"]
    return Agreement(
        name=deal.name,
        provider=deal.provider,
        user=deal.user,
        zone=sheet["calendar"]["zone"],
        currency=sheet["currency"],
        payment_days=settled["payment_days"],
        runs_from=settled["runs_from"],
        silence_days=settled.get("silence_days", 0),
        interest_bp=int(Fraction(settled.get("interest", "0%").removesuffix("%")) * 100),
        protected=SIZES[deal.user] == "large" and SIZES[deal.provider] != "large",
        to_ms=deal.to_ms,
        with_tax=sheet["prices"] == "with_tax",
    )


def plain(line: Line) -> dict[str, Any]:
    return {
        "number": line["number"],
        "clause": line["clause"],
        "kind": line["kind"],
        "percent": line["percent"],
        "net": line["net_minor"],
        "tax": line["tax_minor"],
        "gross": line["gross_minor"],
    }


def split_of(of: Followed) -> Split:
    """Who will owe whom of lines that are not billed yet, net."""

    def split(lines: list[dict[str, Any]]) -> list[tuple[str, str, int]]:
        told = [
            {"clause": "late_payment", **line, "net_minor": line["net"], "tax_minor": 0} for line in lines
        ]
        found = shares(of.sheet, of.provider, of.user, told)
        whole = [(of.user, of.provider, sum(line["net"] for line in lines), 0, 0)]
        return [(debtor, creditor, net) for debtor, creditor, net, *_ in found or whole]

    return split


def debts_of(books: Books) -> Debts:
    return {
        key: (one.debtor, one.creditor, one.currency, one.amount, one.paid, one.due_ms, one.open > 0)
        for key, one in books.owed.items()
    }


def funds_of(books: Books) -> Funds:
    return {
        name: (one.paid_in, one.drawn, one.returned, one.forfeited, one.left)
        for name, one in books.funds.items()
    }


# ---- set beside each other ---------------------------------------------------------------------------------

Shown = tuple[Any, ...]


def period_of(statement: Statement) -> Period:
    of = statement.period
    return of.from_ms, of.to_ms, of.full_from_ms, of.full_to_ms


def of_hansa(statement: Statement) -> list[Shown]:
    return [
        (
            line.number,
            line.clause,
            line.kind,
            Fraction(line.quantity_base, line.unit_base or 1),
            Fraction(line.tax_rate_bp, 100),
            line.net_minor,
            line.tax_minor,
            line.gross_minor,
            line.corrects_from_ms,
            line.slot_ms,
            line.estimated_base,
            line.loose_base,
        )
        for line in statement.lines
    ]


def of_strangers(lines: Sequence[Line]) -> list[Shown]:
    return [
        (
            line["number"],
            line["clause"],
            line["kind"],
            line["quantity"],
            line["percent"],
            line["net_minor"],
            line["tax_minor"],
            line["gross_minor"],
            line["period"][0] if "period" in line else line.get("late_period_ms", 0),
            line.get("slot_ms", 0),
            line.get("estimated", 0),
            line.get("loose", 0),
        )
        for line in lines
    ]


def shares_of(statement: Statement) -> list[tuple[str, str, int, int, int]]:
    return [
        (share.debtor, share.creditor, share.net_minor, share.tax_minor, share.gross_minor)
        for share in statement.shares
    ]


def debts_here(year: Year, looked: Looked, debts: Debts) -> Debts:
    """What the node said was owed, by the strangers' names of debts; by its own where they know none."""
    names = {year.clerks.hansa_name(key): key for key in debts}
    return {
        names.get(name, (name,)): (
            one.debtor,
            one.creditor,
            one.currency,
            one.amount_minor,
            one.paid_minor,
            one.due_ms,
            one.state == "open",
        )
        for name, one in looked.obligations.items()
    }


def funds_here(year: Year, looked: Looked) -> Funds:
    found = {}
    for one in looked.funds.values():
        sums = (one.paid_in_minor, one.drawn_minor, one.returned_minor, one.forfeited_minor)
        found[f"{one.subject}:{one.kind}"] = (*sums, sums[0] - sum(sums[1:]))
    return found
