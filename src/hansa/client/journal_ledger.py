"""What a journal rests on, asked of a node; and the journal of a span of dates."""

from calendar import monthrange
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Protocol

from hansa.apps.billing.accrual import Accrued
from hansa.apps.billing.lifecycle import legs
from hansa.apps.billing.messages import Agreement, PublishedTariff, Statement
from hansa.apps.billing.messages_life import Correction, Life
from hansa.apps.billing.saying import amount_text
from hansa.apps.consortium.calendars import Calendar, date_text, local_day
from hansa.client.accruals import agreements
from hansa.client.agreements import priced_by
from hansa.client.happened import Happened
from hansa.client.journal import Voucher
from hansa.client.journal_accounts import Chart
from hansa.client.journal_accruals import accrual_vouchers, accrued_at, in_dispute
from hansa.client.journal_known import told
from hansa.client.journal_money import MoneyBooks, money_vouchers
from hansa.client.journal_statements import Stated, statement_vouchers
from hansa.client.tables import EPOCH
from hansa.kernel.refusal import Refusal

Accrue = Callable[[str, Agreement, int], Sequence[Accrued]]
"""What is not billed of an agreement at the end of a local date: its name, itself, the date."""


class Asks(Protocol):
    def one(self, name: str, kind: Any, **arguments: Any) -> Any: ...
    def events(self, room: str) -> Iterable[Happened]: ...


@dataclass(frozen=True)
class Books:
    """All that one member's journal is made of."""

    member: str
    stated: Sequence[Stated]
    money: MoneyBooks
    agreements: Sequence[tuple[str, Agreement, PublishedTariff, Calendar]] = ()


def gather(asks: Asks, member: str) -> Books:
    """Everything that concerns a member, as it stands now."""
    own = dict(agreements(asks, member)) | dict(agreements(asks, member, shared=True))
    found = [(name, agreement, *priced_by(asks.one, agreement)) for name, agreement in own.items()]
    stated = [
        each for name, agreement, _, calendar in found for each in _stated(asks, name, agreement, calendar)
    ]
    money = MoneyBooks(
        member=member,
        told=list(told(asks.events("money"))),
        sides=dict(side for each in stated for side in _sides(member, each)),
        calendars={name: calendar for name, _, _, calendar in found},
    )
    return Books(member, stated, money, found)


def _stated(asks: Asks, name: str, agreement: Agreement, calendar: Calendar) -> list[Stated]:
    statements = asks.one("billing.statements_of", list[Statement], agreement=name)
    lives = dict(asks.one("billing.lives_of", list[tuple[int, Life]], agreement=name))
    found = []
    for statement in statements:
        period_ms = statement.period.from_ms
        life = lives.get(period_ms)
        corrections: list[Correction] = []
        if life is not None and life.corrections:
            corrections = asks.one(
                "billing.corrections_of", list[Correction], agreement=name, period_ms=period_ms
            )
        found.append(Stated(name, agreement, calendar, statement, life, corrections))
    return found


def _sides(member: str, stated: Stated) -> Iterator[tuple[str, str]]:
    """The account on which each obligation of a statement stands."""
    among = legs(stated.statement)
    for part in stated.life.parts if stated.life else ():
        if member in (part.debtor, part.creditor):
            yield part.obligation, "receivable" if among[part.leg].creditor == member else "payable"


def journal(
    books: Books, chart: Chart, from_day: int, to_day: int, accrue: Accrue | None = None
) -> tuple[list[Voucher], list[str]]:
    """All vouchers from one local date to another, both included, and what must be booked by hand."""
    found = [voucher for each in books.stated for voucher in statement_vouchers(books.member, each, chart)]
    found += money_vouchers(books.money, chart)
    by_hand: list[str] = []
    for day in month_ends(from_day - 1, to_day) if accrue is not None else ():
        for name, agreement, tariff, calendar in books.agreements:
            if agreement.state != "accepted" or day < local_day(calendar, agreement.from_ms):
                continue
            assert accrue is not None
            try:
                accrued = accrued_at(name, agreement, tariff.tariff, day, accrue(name, agreement, day))
            except Refusal as refused:
                by_hand.append(f"{name} {date_text(day)}: {refused.code}")
                continue
            found += accrual_vouchers(books.member, accrued, chart)
            open_minor = in_dispute(books.member, accrued)
            if open_minor:
                amount = amount_text(open_minor, accrued.currency)
                by_hand.append(f"{name} {date_text(day)}: 有争议，未暂估 in dispute, not accrued: {amount}")
    vouchers = [voucher for voucher in found if from_day <= voucher.day <= to_day]
    return sorted(vouchers, key=lambda voucher: (voucher.day, voucher.number)), by_hand


def month_ends(from_day: int, to_day: int) -> list[int]:
    """The last days of months among these dates."""
    found: list[int] = []
    at = EPOCH + timedelta(days=from_day)
    while True:
        last = date(at.year, at.month, monthrange(at.year, at.month)[1])
        if (last - EPOCH).days > to_day:
            return found
        found.append((last - EPOCH).days)
        at = last + timedelta(days=1)
