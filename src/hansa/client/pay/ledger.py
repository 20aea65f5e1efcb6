"""Between the ledger and the bank: what is open as items to pay or match, what was matched as actions."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from hansa.apps.money.messages import Allocation, Receive, Reverse
from hansa.apps.money.names import is_reference
from hansa.apps.money.queries import ListedObligation, ListedReceipt
from hansa.client.pay.accounts import Account
from hansa.client.pay.items import BankLine, OpenItem, folded
from hansa.client.pay.matching import REFERENCE_START, Found, Known, match
from hansa.client.pay.reasons import OUTCOMES, REASONS
from hansa.client.tables import Column, Table
from hansa.client.texts import Text
from hansa.kernel.limits import DAY_MS
from hansa.kernel.refusal import Refusal

REFERENCE_LENGTH = 20
COLUMNS = (
    Column("number", "序号", "no.", "count"),
    Column("outcome", "结果", "outcome", words=OUTCOMES),
    Column("reason", "理由", "why", words=REASONS),
    Column("value_day", "起息日", "value date", "date"),
    Column("payer", "付款人", "payer"),
    Column("currency", "币种", "currency", "currency"),
    Column("amount_minor", "金额", "amount", "money"),
    Column("rest_minor", "多付", "beyond", "money"),
    Column("obligations", "应收项", "obligations", short=12),
    Column("told", "附言", "remittance"),
    Column("source", "出处", "where"),
    Column("entry", "流水", "entry", short=12),
)


class ProposalUnknown(Refusal, code="pay.proposal_unknown", field="accept"):
    zh = "第 {number} 行不是可采纳的建议。请先不带 --send 运行，查看“待确认”的行。"
    en = "Line {number} is no proposal that can be accepted. Run without --send and look at the proposals."


class Asks(Protocol):
    """The queries that are needed: `all` gathers the pages of a list, `one` asks once."""

    def all(self, name: str, kind: Any, last: Callable[[Any], str], **arguments: Any) -> list[Any]: ...
    def one(self, name: str, kind: Any, **arguments: Any) -> Any: ...


@dataclass(frozen=True)
class Matched:
    """All that a match found, and what of it is to be sent."""

    found: list[Found]

    def table(self) -> Table:
        rows = [
            (
                number,
                one.outcome,
                one.reason,
                one.line.value_day,
                one.payer or one.line.payer,
                one.line.currency,
                one.line.amount_minor if one.line.direction == "in" else -one.line.amount_minor,
                one.rest_minor or None,
                tuple(name for name, _ in one.allocations) or one.candidates,
                " ".join((*one.line.references, one.line.text)),
                one.line.source,
                one.line.entry,
            )
            for number, one in enumerate(self.found, 1)
        ]
        whole = [_told(number, one) for number, one in enumerate(self.found, 1)]
        return Table(Text("银行流水匹配结果", "Bank lines matched"), COLUMNS, rows, whole)

    def actions(self, accepted: Sequence[int] = ()) -> list[Receive]:
        """Certain matches as receipts, and the proposals that a person accepted by their numbers from 1.

        Raises ProposalUnknown.
        """
        for number in accepted:
            there = 0 < number <= len(self.found)
            if (
                not there
                or self.found[number - 1].outcome != "proposal"
                or not self.found[number - 1].allocations
            ):
                raise ProposalUnknown(number=number)
        return [
            _receive(one)
            for number, one in enumerate(self.found, 1)
            if one.outcome == "certain" or number in accepted
        ]


def open_item(listed: ListedObligation) -> OpenItem:
    """An obligation as an item. What is disputed is no obligation: billing owes what both agree on."""
    found = listed.obligation
    return OpenItem(
        name=listed.id,
        reference=found.reference,
        debtor=found.debtor,
        creditor=found.creditor,
        currency=found.currency,
        open_minor=found.amount_minor - found.paid_minor,
        due_ms=found.due_ms,
        cause=found.cause,
        subject=found.subject,
        since_ms=found.since_ms,
    )


def owed(asks: Asks, member: str, *, to: bool) -> list[ListedObligation]:
    """Open obligations that are settled through the members' own banks: owed `to` a member, or by it."""
    name, role = ("money.owed_to", "creditor") if to else ("money.owed_by", "debtor")
    found = asks.all(name, ListedObligation, lambda listed: str(listed.id), **{role: member})
    return [listed for listed in found if listed.obligation.mode == "external"]


def matched(
    asks: Asks, member: str, lines: Sequence[BankLine], accounts: Sequence[Account], now_ms: int
) -> Matched:
    """What the lines of a member's account are, by what the ledger knows."""
    items = [open_item(listed) for listed in owed(asks, member, to=True)]
    members = asks.all("consortium.members", tuple[str, Any], lambda row: str(row[0]))
    receipts = asks.all("money.receipts", ListedReceipt, lambda listed: str(listed.entry), creditor=member)
    known = Known(
        accounts={account.id: account.member for account in accounts if account.member != member},
        names=_names(members, accounts, member),
        closed=_closed(asks, member, lines, items),
        receipts={
            listed.entry: (listed.receipt.currency, listed.receipt.amount_minor, listed.receipt.payer)
            for listed in receipts
            if not listed.receipt.reversed_reason
        },
        today=now_ms // DAY_MS,
    )
    return Matched(match(lines, items, known))


def reversals(asks: Asks, member: str, entries: Iterable[str], reason: str) -> list[Reverse]:
    """Undo the receipts of these entries that stand; entries of which none is recorded are passed over."""
    found = [
        asks.one("money.receipt", ListedReceipt | None, creditor=member, entry=entry) for entry in entries
    ]
    return [
        Reverse(entry=listed.entry, reason=reason)
        for listed in found
        if listed is not None and not listed.receipt.reversed_reason
    ]


def _names(members: Sequence[tuple[str, Any]], accounts: Iterable[Account], own: str) -> Mapping[str, str]:
    """Names under which members pay. A name that several have is nobody's."""
    pairs = [(folded(record[name]), id) for id, record in members for name in ("name_zh", "name_en")]
    pairs += [(folded(account.name), account.member) for account in accounts]
    names: dict[str, str] = {}
    for name, id in pairs:
        names[name] = id if names.get(name, id) == id else ""
    return {name: id for name, id in names.items() if name and id and id != own}


def _closed(
    asks: Asks, member: str, lines: Sequence[BankLine], items: Sequence[OpenItem]
) -> Mapping[str, str]:
    """References in the lines that are of obligations which are open no more."""
    still = {item.reference for item in items}
    closed: dict[str, str] = {}
    for line in lines:
        text = folded(" ".join((*line.references, line.text)))
        for start in REFERENCE_START.finditer(text):
            reference = text[start.start() : start.start() + REFERENCE_LENGTH]
            if reference in still or reference in closed or not is_reference(reference):
                continue
            for listed in asks.one("money.by_reference", list[ListedObligation], reference=reference):
                if listed.obligation.creditor == member:
                    closed[reference] = listed.id
    return closed


def _receive(found: Found) -> Receive:
    line = found.line
    return Receive(
        entry=line.entry,
        currency=line.currency,
        amount_minor=line.amount_minor,
        value_ms=line.value_day * DAY_MS,
        payer=found.payer,
        allocations=tuple(Allocation(name, amount) for name, amount in found.allocations),
    )


def _told(number: int, found: Found) -> dict[str, Any]:
    """A line of the result for programs."""
    line = found.line
    return {
        "number": number,
        "outcome": found.outcome,
        "reason": found.reason,
        "entry": line.entry,
        "source": line.source,
        "value_day": line.value_day,
        "direction": line.direction,
        "currency": line.currency,
        "amount_minor": line.amount_minor,
        "payer": found.payer,
        "payer_told": line.payer,
        "references": line.references,
        "text": line.text,
        "allocations": [{"obligation": name, "amount_minor": amount} for name, amount in found.allocations],
        "rest_minor": found.rest_minor,
        "candidates": found.candidates,
    }
