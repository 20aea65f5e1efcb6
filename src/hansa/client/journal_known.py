"""What the money room's events have said up to a moment: debts, funds, receipts; and on which account each
debt stands in a member's books. Pure.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from hansa.apps.money.messages import (
    Allocation,
    Applied,
    FundDrawn,
    FundEnded,
    FundOpened,
    HasSetOff,
    InvoiceNoted,
    Lessened,
    Owing,
    Received,
    Reversed,
    WaiverCorrected,
)
from hansa.apps.money.messages_bank import Posted
from hansa.apps.money.names import pay_in_of, return_of, same_again_of
from hansa.client import errors
from hansa.client.happened import Happened
from hansa.kernel.refusal import shown

MoneyEvent = (
    Owing | Lessened | Received | Applied | Reversed | HasSetOff | FundOpened | FundDrawn | FundEnded
    | InvoiceNoted | Posted | WaiverCorrected
)  # fmt: skip
"""What books are made of. Whatever else the room tells moves no money, or says again what these say."""
HELD = {
    "security_deposit": "deposit_held",
    "earnest_money": "deposit_held",
    "prepayment": "prepayment_received",
}
PAID = {"security_deposit": "deposit_paid", "earnest_money": "deposit_paid", "prepayment": "prepayment_paid"}
OTHERS = ("interest", "damages")
"""Causes that are booked as other receivables and payables."""
FROZEN = ("security_deposit", "earnest_money")
"""Pots in which a fund lies at a bank, in its payer's name."""

_TAGS = tuple(f'{{"_type":"{kind.__struct_config__.tag}"'.encode() for kind in MoneyEvent.__args__)
_decoder = msgspec.json.Decoder(MoneyEvent)


class Told(NamedTuple):
    """An event of the money room, and where and when it stands on the ledger."""

    height: int
    place: int
    at_ms: int
    event: MoneyEvent


def told(happened: Iterable[Happened]) -> Iterator[Told]:
    """Those events that books are made of, in the order of the ledger.

    Raises AnswerUnusable where one is not as this release knows it: books with a hole in them are none.
    """
    for height, place, at_ms, data in happened:
        if not data.startswith(_TAGS):
            continue
        try:
            event = _decoder.decode(data)
        except (msgspec.MsgspecError, RecursionError) as error:
            where = f"/v1/events {height}.{place}"
            raise errors.AnswerUnusable(url=where, detail=shown(str(error))) from None
        yield Told(height, place, at_ms, event)


@dataclass
class Known:
    """What is known by a moment; `take` goes on by one event."""

    member: str
    sides: Mapping[str, str]
    """Role by obligation that a statement led to."""
    debts: dict[str, Owing] = field(default_factory=dict)
    backs: dict[str, str] = field(default_factory=dict)
    """What goes back of a debt that was paid beyond what it is lessened to: its name, the debt's."""
    funds: dict[str, FundOpened] = field(default_factory=dict)
    pay_ins: dict[str, str] = field(default_factory=dict)
    returns: dict[str, str] = field(default_factory=dict)
    """Fund by the debt that pays it in, or gives it back."""
    doubles: dict[str, str] = field(default_factory=dict)
    """Fund by the debt that gives as much again."""
    at_bank: dict[str, str] = field(default_factory=dict)
    """The bank of funds that lie there in their payer's name."""
    receipts: dict[tuple[str, str], Received] = field(default_factory=dict)
    """By creditor and entry, the last one of an entry that was undone and recorded anew."""

    def take(self, event: MoneyEvent) -> None:
        """Whatever an event says that later ones speak of."""
        if isinstance(event, Owing):
            self.debts[event.obligation] = event
        elif isinstance(event, Lessened) and event.back:
            self.backs[event.back] = event.obligation
        elif isinstance(event, FundOpened):
            self.funds[event.fund] = event
            self.pay_ins[pay_in_of(event.fund)] = event.fund
            self.returns[return_of(event.fund)] = event.fund
            self.doubles[same_again_of(event.fund)] = event.fund
        elif isinstance(event, Received):
            self.receipts[event.creditor, event.entry] = event
        elif isinstance(event, Posted) and event.to_pot in FROZEN and event.subject in self.pay_ins:
            self.at_bank[self.pay_ins[event.subject]] = event.bank

    def is_party(self, debt: str) -> bool:
        owing = self.debts[debt]
        return self.member in (owing.debtor, owing.creditor)

    def role_of(self, debt: str) -> str:
        """The account on which the member's own debt or claim stands."""
        if debt in self.sides:
            return self.sides[debt]
        if debt in self.backs:
            return self.role_of(self.backs[debt])
        owing = self.debts[debt]
        owed = owing.creditor == self.member
        if debt in self.pay_ins:
            return (HELD if owed else PAID)[self.funds[self.pay_ins[debt]].kind]
        if debt in self.returns:
            return (PAID if owed else HELD)[self.funds[self.returns[debt]].kind]
        if debt in self.doubles or owing.cause in OTHERS:
            return "other_receivable" if owed else "other_payable"
        if owing.cause == "return":
            return "unapplied_paid" if owed else "unapplied_received"
        return "receivable" if owed else "payable"

    def fund_role(self, fund: str) -> str:
        """The account on which a fund's money stands with the member, its payer or holder."""
        opened = self.funds[fund]
        if opened.payer == self.member:
            return "claims_frozen" if fund in self.at_bank else PAID[opened.kind]
        return HELD[opened.kind]

    def moved(self, event: MoneyEvent) -> Iterator[tuple[str, int]]:
        """(fund, minor units) that an event brings into funds, or takes out of them."""
        for debt, amount_minor in paid_by(self, event):
            if debt in self.pay_ins:
                yield self.pay_ins[debt], amount_minor
            elif debt in self.returns:
                yield self.returns[debt], -amount_minor
        if isinstance(event, FundDrawn):
            yield event.fund, -event.amount_minor


def paid_by(known: Known, event: MoneyEvent) -> list[tuple[str, int]]:
    """(debt, minor units) that a receipt or claims pay; negative where it is undone."""
    if isinstance(event, Received | Applied | Reversed):
        sign = -1 if isinstance(event, Reversed) else 1
        return [(each.obligation, sign * each.amount_minor) for each in event.allocations]
    if isinstance(event, HasSetOff):
        return [(event.obligation, event.amount_minor), (event.against, event.amount_minor)]
    if isinstance(event, Posted) and event.why in ("payment", "capture") and event.subject in known.debts:
        return [(event.subject, event.amount_minor)]
    return []


def sum_of(allocations: Iterable[Allocation]) -> int:
    return sum(each.amount_minor for each in allocations)
