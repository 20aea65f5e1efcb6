"""Vouchers of accruals (暂估): docs/bookkeeping-rules.md, A1–A6. Pure: see journal.py."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from hansa.apps.billing.accrual import Accrued
from hansa.apps.billing.lifecycle import Leg
from hansa.apps.billing.lines import Line
from hansa.apps.billing.messages import Agreement
from hansa.apps.billing.sharing_out import shares
from hansa.apps.billing.tariff import Tariff
from hansa.apps.consortium.calendars import date_text
from hansa.client.journal import Draft, Voucher, merged, reversed_entry
from hansa.client.journal_accounts import Chart
from hansa.client.texts import Text


@dataclass(frozen=True)
class AccruedAt:
    """What is not billed of an agreement at the end of a local date."""

    name: str
    day: int
    currency: str
    sides: Sequence["Side"]


class Side(NamedTuple):
    """What one will owe another."""

    leg: Leg
    """Its amount is net."""
    interest: bool = False
    disputed: bool = False


def accrued_at(
    name: str, agreement: Agreement, tariff: Tariff, day: int, items: Iterable[Accrued]
) -> AccruedAt:
    """Who will owe whom of what is not billed: service, interest and what is in dispute apart."""
    groups: dict[tuple[bool, bool, bool], list[Line]] = {}
    for item in items:
        for line in item.lines:
            disputed = item.reason == "disputed"
            key = (line.kind == "interest", disputed, disputed and line.gross_minor < 0)
            groups.setdefault(key, []).append(line)
    sides = []
    for (interest, disputed, _), lines in sorted(groups.items()):
        provider, user = agreement.provider, agreement.user
        shared = shares(tariff.elements, provider, user, lines)
        whole = Leg(user, provider, sum(line.net_minor for line in lines))
        among = [Leg(one.debtor, one.creditor, one.net_minor) for one in shared] or [whole]
        sides += [Side(leg, interest, disputed) for leg in among]
    return AccruedAt(name, day, tariff.currency, sides)


def accrual_vouchers(member: str, accrued: AccruedAt, chart: Chart) -> Iterator[Voucher]:
    """The accrual (暂估) at the end of a date, without tax, and its reversal on the next.

    What is in dispute is accrued by the party that it counts against alone: the other has no right to it yet
    (CAS 14 art. 16, IFRS 15.56; prudence).
    """
    partners: dict[str, Draft] = {}
    for side in accrued.sides:
        leg = side.leg
        if member not in (leg.debtor, leg.creditor) or (side.disputed and _favours(member, leg)):
            continue
        draft = partners.setdefault(leg.debtor if member == leg.creditor else leg.creditor, Draft())
        if member == leg.creditor:
            draft.debit("accrued_receivable", leg.gross_minor)
            draft.credit("interest_income" if side.interest else "revenue", leg.gross_minor)
        else:
            draft.debit("interest_expense" if side.interest else "cost", leg.gross_minor)
            draft.credit("accrued_payable", leg.gross_minor)
    for partner, draft in partners.items():
        if not draft.entries:
            continue
        title = f"{accrued.name} {date_text(accrued.day)}"
        voucher = Voucher(
            number=f"A-{accrued.name}-{date_text(accrued.day)}-{partner}",
            day=accrued.day,
            currency=accrued.currency,
            text=Text(f"暂估 {title}", f"Accrual {title}"),
            partner=partner,
            agreement=accrued.name,
            document=accrued.name,
            entries=merged(draft.entries),
        )
        yield voucher
        yield replace(
            voucher,
            number=f"R{voucher.number}",
            day=accrued.day + 1,
            text=Text(f"冲回暂估 {title}", f"Reversal of accrual {title}"),
            entries=tuple(reversed_entry(entry, chart) for entry in voucher.entries),
        )


def in_dispute(member: str, accrued: AccruedAt) -> int:
    """Net amounts in dispute that count for a member: not accrued, to be decided by its accountant."""
    return sum(
        abs(side.leg.gross_minor)
        for side in accrued.sides
        if side.disputed and member in (side.leg.debtor, side.leg.creditor) and _favours(member, side.leg)
    )


def _favours(member: str, leg: Leg) -> bool:
    return member == (leg.creditor if leg.gross_minor > 0 else leg.debtor)
