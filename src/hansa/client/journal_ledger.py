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
from hansa.apps.consortium.messages import CalendarRecord
from hansa.apps.money.messages import Obligation
from hansa.apps.money.names import return_of, same_again_of
from hansa.apps.money.queries import ListedFund, ListedObligation, ListedPayment, ListedReceipt
from hansa.client.accruals import agreements
from hansa.client.journal import Voucher
from hansa.client.journal_accounts import Chart
from hansa.client.journal_accruals import accrual_vouchers, accrued_at, in_dispute
from hansa.client.journal_money import MoneyBooks, left_out, money_vouchers
from hansa.client.journal_statements import Stated, statement_vouchers
from hansa.client.tables import EPOCH
from hansa.kernel.refusal import Refusal

Accrue = Callable[[str, Agreement, int], Sequence[Accrued]]
"""What is not billed of an agreement at the end of a local date: its name, itself, the date."""


class Asks(Protocol):
    def all(self, name: str, kind: Any, last: Callable[[Any], str], **arguments: Any) -> list[Any]: ...
    def one(self, name: str, kind: Any, **arguments: Any) -> Any: ...


@dataclass(frozen=True)
class Books:
    """All that one member's journal is made of."""

    member: str
    stated: Sequence[Stated]
    money: MoneyBooks
    agreements: Sequence[tuple[str, Agreement, PublishedTariff, Calendar]] = ()


def gather(asks: Asks, member: str) -> Books:
    """Everything that concerns a member, as it stands now."""
    own = []
    for name, agreement in agreements(asks, member):
        tariff: PublishedTariff = asks.one(
            "billing.tariff_of",
            PublishedTariff,
            owner=agreement.tariff_owner,
            tariff=agreement.tariff,
            version=agreement.tariff_version,
        )
        calendar: CalendarRecord = asks.one(
            "consortium.calendar_of", CalendarRecord, member=tariff.calendar_owner, calendar=tariff.calendar
        )
        own.append((name, agreement, tariff, calendar.calendar))
    stated = [
        each for name, agreement, _, calendar in own for each in _stated(asks, name, agreement, calendar)
    ]
    return Books(member, stated, _money(asks, member, stated), own)


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


def _money(asks: Asks, member: str, stated: Sequence[Stated]) -> MoneyBooks:
    """Whoever recorded a receipt from the member is asked for it: so settled debts are found as well."""
    funds = asks.all("money.funds_of", ListedFund, lambda one: str(one.id), member=member)
    receipts = _receipts(asks, member)
    sides = dict(side for each in stated for side in _sides(member, each))
    members = asks.all("consortium.members", tuple[str, Any], lambda row: str(row[0]))
    listed = {
        id: asks.all("money.receipts", ListedReceipt, lambda one: str(one.entry), creditor=id)
        for id, _ in members
        if id != member
    }
    own = {
        (id, one.entry): _receipt(asks, id, one.entry)
        for id, found in listed.items()
        for one in found
        if one.receipt.payer == member and not one.receipt.reversed_reason
    }
    named = [*sides, *(name for one in (*receipts, *own.values()) for name, _ in one.shares)]
    obligations = _obligations(asks, member, named, stated, funds)
    payments = {
        name: asks.one("money.payments_of", list[ListedPayment], obligation=name) for name in obligations
    }
    entries = {each.source for paid in payments.values() for each in paid if each.by == "receipt"}
    strange = {
        (id, one.entry): _receipt(asks, id, one.entry)
        for id, found in listed.items()
        for one in found
        if one.entry in entries and (id, one.entry) not in own
    }
    return MoneyBooks(
        member=member,
        obligations=obligations,
        payments=payments,
        receipts=receipts,
        others=own | strange,
        funds={one.id: one.fund for one in funds},
        statement_sides=sides,
    )


def _receipts(asks: Asks, creditor: str) -> list[ListedReceipt]:
    """Receipts of a creditor that stand, with what they pay."""
    listed = asks.all("money.receipts", ListedReceipt, lambda one: str(one.entry), creditor=creditor)
    return [_receipt(asks, creditor, one.entry) for one in listed if not one.receipt.reversed_reason]


def _receipt(asks: Asks, creditor: str, entry: str) -> ListedReceipt:
    found: ListedReceipt = asks.one("money.receipt", ListedReceipt, creditor=creditor, entry=entry)
    return found


def _sides(member: str, stated: Stated) -> Iterator[tuple[str, str]]:
    """The account on which each obligation of a statement stands."""
    among = legs(stated.statement)
    for part in stated.life.parts if stated.life else ():
        if member in (part.debtor, part.creditor):
            yield part.obligation, "receivable" if among[part.leg].creditor == member else "payable"


def _obligations(
    asks: Asks,
    member: str,
    named: Sequence[str],
    stated: Sequence[Stated],
    funds: Sequence[ListedFund],
) -> dict[str, Obligation]:
    """What the member owes or is owed: open or settled, as far as anything points to it."""
    found: dict[str, Obligation] = {}

    def keep(listed: Iterable[ListedObligation]) -> None:
        for one in listed:
            if member in (one.obligation.debtor, one.obligation.creditor):
                found[one.id] = one.obligation

    for name, role in (("money.owed_to", "creditor"), ("money.owed_by", "debtor")):
        keep(asks.all(name, ListedObligation, lambda one: str(one.id), **{role: member}))
    subjects = {each.name for each in stated} | {one.fund.subject for one in funds if one.fund.subject}
    for subject in sorted(subjects):
        keep(asks.all("money.of_subject", ListedObligation, lambda one: str(one.id), subject=subject))
    names = [*named]
    for one in funds:
        names += [one.fund.obligation, return_of(one.id), same_again_of(one.id)]
    for name in dict.fromkeys(names):
        if name not in found:
            listed = asks.one("money.obligation", ListedObligation | None, obligation=name)
            keep([listed] if listed is not None else [])
    return found


def journal(
    books: Books, chart: Chart, from_day: int, to_day: int, accrue: Accrue | None = None
) -> tuple[list[Voucher], list[str]]:
    """All vouchers from one local date to another, both included, and what must be booked by hand."""
    found = [voucher for each in books.stated for voucher in statement_vouchers(books.member, each, chart)]
    found += money_vouchers(books.money, chart)
    by_hand = left_out(books.money)
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
