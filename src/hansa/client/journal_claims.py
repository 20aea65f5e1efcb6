"""Entries of what moves claims on a member bank. Pure: see journal_money.py.

Claims that are held, asked back, or paid in as a deposit that lies at the bank are still their owner's, but
not at its disposal: `claims_frozen`. Whom a bank owes what is its own liability: `claims_issued`.
"""

from hansa.apps.money.messages_bank import Posted
from hansa.client.journal import Draft
from hansa.client.journal_known import FROZEN, Known
from hansa.client.texts import Text

TEXTS = {
    "deposit": Text("存入成员银行，取得记账款", "Paid in at a member bank"),
    "withdrawal": Text("记账款提取", "Paid out by a member bank"),
    "withdrawal_asked": Text("申请提取记账款，银行尚未付出", "Asked back of a bank, not paid out yet"),
    "withdrawal_refused": Text("银行未付出，记账款退回", "Not paid out by the bank"),
    "transfer": Text(
        "记账款转账，未载明用途：请认定科目与税务处理",
        "Claims transferred, for what the ledger does not say: decide on account and tax",
    ),
    "payment": Text("以记账款结算", "Settled by claims on a member bank"),
    "hold": Text("冻结记账款", "Held for a payee"),
    "capture": Text("自冻结的记账款扣款", "Captured of what was held"),
    "release": Text("记账款解冻", "Held no more"),
    "fund": Text("保证金或定金在成员银行转移", "A deposit moved at a member bank"),
}
OPEN_CAPTURE = Text(
    "自冻结的记账款扣款，未对应应收应付项：请认定科目与税务处理",
    "Captured of what was held, paying no debt on the ledger: decide on account and tax",
)


def text_of(known: Known, event: Posted) -> Text:
    """What it is called. Where the ledger says no purpose, so does the text."""
    aimless = event.why == "capture" and event.subject not in known.debts
    return OPEN_CAPTURE if aimless else TEXTS[event.why]


def entries_of(known: Known, event: Posted) -> Draft:
    """Of the member: as bank, payer, payee or debtor."""
    draft = Draft()
    if known.member == event.bank:
        _issued(draft, event)
    if event.why in ("payment", "capture") and event.subject in known.debts:
        _settled(known, draft, event)
    elif event.why != "fund":  # That is told by what was drawn, or how the fund ended.
        _moved(known, draft, event)
    return draft


def _issued(draft: Draft, event: Posted) -> None:
    """What the bank owes: to whom it was, and to whom it is."""
    draft.debit("claims_issued" if event.from_owner else "bank", event.amount_minor)
    draft.credit("claims_issued" if event.to_owner else "bank", event.amount_minor)


def account_of(pot: str) -> str:
    return "claims" if pot == "free" else "claims_frozen"


def _moved(known: Known, draft: Draft, event: Posted) -> None:
    """From pot to pot, from or to a member's own bank, or from member to member for no debt."""
    member, amount_minor = known.member, event.amount_minor
    other = "bank" if event.why in ("deposit", "withdrawal") else "to_decide"
    source = account_of(event.from_pot) if event.from_owner == member else other
    target = account_of(event.to_pot) if event.to_owner == member else other
    if member in (event.from_owner, event.to_owner):
        draft.debit(target, amount_minor)
        draft.credit(source, amount_minor)


def _settled(known: Known, draft: Draft, event: Posted) -> None:
    """A debt paid by claims: by who owes it, or by another for it."""
    owing, member, amount_minor = known.debts[event.subject], known.member, event.amount_minor
    frozen = event.to_pot in FROZEN
    own = "claims_frozen" if frozen else known.role_of(event.subject) if known.is_party(event.subject) else ""
    if member == event.from_owner:
        draft.debit(own if member == owing.debtor else "other_receivable", amount_minor)
        draft.credit(account_of(event.from_pot), amount_minor)
    elif member == owing.debtor:
        draft.debit(own, amount_minor)
        draft.credit("other_payable", amount_minor)
    if member == owing.creditor and not frozen:
        draft.debit("claims", amount_minor)
        draft.credit(own, amount_minor)
