"""Obligations (应收应付项), receipts of payment (收款记录), funds. Amounts are in minor units of the currency
beside them; times are ms since the epoch, UTC. Claims on banks: messages_bank.py.
"""

from typing import Literal

from hansa.kernel import (
    Action,
    CurrencyCode,
    DocumentNumber,
    Event,
    Hash,
    Id,
    MemberId,
    Natural,
    OptionalId,
    OptionalName,
    Positive,
    Record,
    Struct,
    TimeMs,
)

Cause = Literal[
    "statement", "correction", "security_deposit", "prepayment", "earnest_money", "return", "interest",
    "damages", "other",
]  # fmt: skip
"""Why something is owed."""
FundKind = Literal["security_deposit", "prepayment", "earnest_money"]
"""保证金, 预付款, 定金: three purposes that are never mixed."""
Mode = Literal["external", "bank"]
"""external: through the members' own banks, recorded by the creditor. bank: by claims on a member bank."""
ObligationState = Literal["open", "paid", "void"]
"""void: lessened to nothing before anything was paid."""
PaidBy = Literal["receipt", "fund", "claims", "hold", "set_off"]
FundEnd = Literal["open", "returned", "forfeited", "doubled"]


class Obligation(Record, version=1, readers="members", retention="business"):
    """Who owes whom how much, until when, and why."""

    debtor: MemberId
    creditor: MemberId
    currency: CurrencyCode
    agreed_minor: Positive
    """What was owed at first."""
    amount_minor: Natural
    """What is owed in all, after corrections: paid and unpaid."""
    due_ms: TimeMs
    """Overdue from this instant on."""
    cause: Cause
    reference: DocumentNumber
    """What the payer writes on the transfer (ISO 11649)."""
    mode: Mode
    state: ObligationState
    since_ms: TimeMs
    subject: OptionalId = ""
    """The agreement or lease that it belongs to."""
    bank: OptionalId = ""
    """The bank of claims, in mode `bank`."""
    fund: OptionalId = ""
    """The fund that it pays in."""
    acknowledged: bool = False
    """The debtor entered it itself (`money.owe`)."""
    paid_minor: Natural = 0
    lessened_minor: Natural = 0
    """By how much corrections lessened it, what they turned into obligations back included."""
    backs: Natural = 0
    """Number of obligations back that corrections led to."""
    paid_ms: TimeMs = 0
    """The latest value date of what paid it; what it is paid in full since, while its state is `paid`."""


class OpenItem(Record, version=1, readers="members", retention="business"):
    """An open obligation in a member's list, by due time. `other`: who owes it, or is owed it."""

    other: MemberId


class Listed(Record, version=1, readers="members", retention="business"):
    """An entry of a list: its key says all."""


class Sweep(Record, version=1, readers="members", retention="business"):
    """When a creditor's list of what falls due is looked at next."""

    at_ms: TimeMs


class OwnDebts(Record, version=1, readers="members", retention="business"):
    """How many open obligations a member acknowledged by itself."""

    count: Natural = 0


class PaymentPiece(Struct):
    """What a source paid of an obligation at one time."""

    amount_minor: Positive
    value_ms: TimeMs
    recorded_ms: TimeMs


class Payment(Record, version=1, readers="members", retention="business"):
    """What one source paid of an obligation."""

    amount_minor: Positive
    value_ms: TimeMs
    """Value date of the last of it."""
    recorded_ms: TimeMs = 0
    """When the last of it was recorded."""
    pieces: tuple[PaymentPiece, ...] = ()
    """Of what was paid at several times, each; at most PAYMENT_PIECES_MAX, what comes after them is added to
    the last. None: it was paid at once.
    """


class Receipt(Record, version=1, readers="members", retention="business"):
    """A payment as its creditor found it on its bank statement (收款记录).

    amount = applied + refunded + unapplied (未核销款).
    """

    currency: CurrencyCode
    amount_minor: Positive
    value_ms: TimeMs
    """The bank's value date."""
    recorded_ms: TimeMs
    payer: OptionalId = ""
    """Who paid, as far as the creditor knows; need not be who owed it."""
    applied_minor: Natural = 0
    refunded_minor: Natural = 0
    """What became an obligation back to the payer."""
    refunds: Natural = 0
    reversed_reason: OptionalId = ""
    """Why it was undone; "" while it stands."""


class Share(Record, version=1, readers="members", retention="business"):
    """What an obligation got of a receipt."""

    amount_minor: Positive


class Declaration(Record, version=1, readers="members", retention="business"):
    """The debtor says that it transferred money. It settles nothing."""

    amount_minor: Positive
    transferred_ms: TimeMs
    bank_reference: DocumentNumber
    declared_ms: TimeMs


class FundRecord(Record, version=1, readers="members", retention="business"):
    """Money paid in for one purpose. What is left = paid in − drawn − returned − forfeited."""

    kind: FundKind
    payer: MemberId
    holder: MemberId
    currency: CurrencyCode
    agreed_minor: Positive
    obligation: Id
    """By which it is paid in."""
    mode: Mode
    state: FundEnd
    since_ms: TimeMs
    subject: OptionalId = ""
    bank: OptionalId = ""
    secured_minor: Natural = 0
    """The price that earnest money secures."""
    paid_in_minor: Natural = 0
    drawn_minor: Natural = 0
    """Drawn of a prepayment, or claimed of a security deposit."""
    returned_minor: Natural = 0
    forfeited_minor: Natural = 0
    received_ms: TimeMs = 0
    """Value date of the latest payment into it: by it the tax point of a prepayment is told."""
    invoice: OptionalName = ""
    """Number of the invoice for a prepayment, as its holder noted it."""


class Allocation(Struct):
    """So much of a receipt pays this obligation."""

    obligation: Id
    amount_minor: Positive


class Owe(Action, tag="money.owe"):
    """A debtor acknowledges a debt of its own, for what no agreement on this ledger bills.

    Its name on the ledger is `name_of("owed", debtor, id)`.
    """

    id: Id
    """The debtor's own, once only."""
    creditor: MemberId
    currency: CurrencyCode
    amount_minor: Positive
    due_ms: TimeMs
    subject: OptionalId = ""
    bank: OptionalId = ""
    """To be paid by claims on this bank; "": by bank transfer."""


class Receive(Action, tag="money.receive"):
    """A creditor records a payment that its bank statement shows; what is not allocated stays unapplied."""

    entry: Hash
    """SHA-256 of the entry as the bank gave it: each counts once for a creditor."""
    currency: CurrencyCode
    amount_minor: Positive
    value_ms: TimeMs
    payer: OptionalId = ""
    """Whose unapplied money the rest is; "" where the entry does not tell."""
    allocations: tuple[Allocation, ...] = ()
    """At most ALLOCATIONS_MAX."""


class Apply(Action, tag="money.apply"):
    """A creditor allocates what is unapplied of a receipt."""

    entry: Hash
    allocations: tuple[Allocation, ...]


class Reverse(Action, tag="money.reverse"):
    """A creditor undoes a receipt, or takes back what it gave to some obligations."""

    entry: Hash
    reason: Id
    """A code: `mistake`, `returned_by_bank`, …"""
    obligations: tuple[Id, ...] = ()
    """Only these, the money then being unapplied; none named: the whole receipt."""


class Refund(Action, tag="money.refund"):
    """A creditor owes unapplied money back to who paid it."""

    entry: Hash
    amount_minor: Positive
    due_ms: TimeMs


class DeclarePaid(Action, tag="money.declare_paid"):
    """A debtor says that it transferred money. It settles nothing: the creditor records what came."""

    obligation: Id
    amount_minor: Positive
    transferred_ms: TimeMs
    bank_reference: DocumentNumber


class Waive(Action, tag="money.waive"):
    """A creditor forgoes part or all of what is still open of an obligation."""

    obligation: Id
    amount_minor: Positive
    reason: Id


class SetOff(Action, tag="money.set_off"):
    """A creditor sets what is due to it off against what it owes the same member (抵销)."""

    obligation: Id
    """Owed to the signer, and due."""
    against: Id
    """Owed by the signer to who owes the first."""
    amount_minor: Positive


class NoteInvoice(Action, tag="money.note_invoice"):
    """The holder of a prepayment notes the number of the invoice that it issued for it."""

    fund: Id
    number: DocumentNumber


class Owing(Event, tag="money.owed"):
    """An obligation stands."""

    obligation: Id
    debtor: MemberId
    creditor: MemberId
    currency: CurrencyCode
    amount_minor: Positive
    due_ms: TimeMs
    cause: Cause
    reference: DocumentNumber
    subject: OptionalId = ""


class Lessened(Event, tag="money.lessened"):
    """Less is owed. `back`: the obligation by which what was paid beyond goes back."""

    obligation: Id
    amount_minor: Positive
    by: Id
    """Cause of the correction, or the reason code of a creditor that forgoes it."""
    back: OptionalId = ""
    waived: bool = False
    """Its creditor forgoes it (`money.waive`): no correction of what it is owed for."""


class WaiverCorrected(Event, tag="money.waiver_corrected"):
    """Of what a creditor forgave, so much was never owed, as a correction says now. It moves no money."""

    obligation: Id
    amount_minor: Positive


class Received(Event, tag="money.received"):
    creditor: MemberId
    entry: Hash
    currency: CurrencyCode
    amount_minor: Positive
    value_ms: TimeMs
    """The bank's value date."""
    payer: OptionalId = ""
    allocations: tuple[Allocation, ...] = ()


class Applied(Event, tag="money.applied"):
    creditor: MemberId
    entry: Hash
    allocations: tuple[Allocation, ...]


class Reversed(Event, tag="money.reversed"):
    """What stands here was taken back; `whole`: the receipt as well."""

    creditor: MemberId
    entry: Hash
    reason: Id
    whole: bool = False
    allocations: tuple[Allocation, ...] = ()


class Refunded(Event, tag="money.refunded"):
    creditor: MemberId
    entry: Hash
    amount_minor: Positive
    obligation: Id


class HasSetOff(Event, tag="money.has_set_off"):
    """Two obligations in opposite directions paid each other by so much."""

    obligation: Id
    against: Id
    amount_minor: Positive


class DeclaredPaid(Event, tag="money.declared_paid"):
    obligation: Id
    amount_minor: Positive
    bank_reference: DocumentNumber


class Settled(Event, tag="money.settled"):
    """Nothing of an obligation is open any more: it is paid in full, or was lessened to nothing."""

    obligation: Id
    paid_ms: TimeMs


class Reopened(Event, tag="money.reopened"):
    """A payment was undone: an obligation that was paid in full is open again."""

    obligation: Id


class FellDue(Event, tag="money.overdue"):
    """An obligation is open at its due time."""

    obligation: Id
    debtor: MemberId
    creditor: MemberId


class FundOpened(Event, tag="money.fund_opened"):
    fund: Id
    kind: FundKind
    payer: MemberId
    holder: MemberId
    currency: CurrencyCode
    agreed_minor: Positive
    subject: OptionalId = ""


class FundFilled(Event, tag="money.fund_paid_in"):
    """Nothing is to be paid in any more."""

    fund: Id
    received_ms: TimeMs


class FundDrawn(Event, tag="money.fund_drawn"):
    """A prepayment was drawn, or a security deposit claimed, to pay an obligation."""

    fund: Id
    obligation: Id
    amount_minor: Positive


class FundEnded(Event, tag="money.fund_ended"):
    """What was left was returned, forfeited, or is returned double."""

    fund: Id
    how: FundEnd
    amount_minor: Natural


class InvoiceNoted(Event, tag="money.invoice_noted"):
    fund: Id
    number: DocumentNumber
