"""Claims on a member bank: who holds how much at which bank, in which pot; holds, withdrawals. Amounts are in
minor units of the currency beside them; times are ms since the epoch, UTC.
"""

from typing import Literal

from hansa.kernel import (
    Action,
    CurrencyCode,
    DocumentNumber,
    Event,
    Id,
    MemberId,
    Natural,
    OptionalId,
    Positive,
    Record,
    TimeMs,
)

Pot = Literal["free", "held", "leaving", "security_deposit", "earnest_money"]
"""free: at its owner's disposal. held: set aside by holds. leaving: its withdrawal was asked for.
security_deposit, earnest_money: paid into such funds, still in the payer's name.
"""
OptionalPot = Literal["", "free", "held", "leaving", "security_deposit", "earnest_money"]
Why = Literal[
    "deposit", "withdrawal", "withdrawal_asked", "withdrawal_refused", "transfer", "payment", "hold",
    "capture", "release", "fund",
]  # fmt: skip
"""What a posting is for."""
HoldState = Literal["open", "captured", "released", "expired"]
WithdrawalState = Literal["asked", "paid_out", "refused", "lapsed"]
"""lapsed: the bank did not answer in time, and the money is its owner's as before."""


class Bank(Record, version=1, readers="members", retention="business"):
    """A member on which others may hold claims."""

    since_ms: TimeMs


class BankAccount(Record, version=1, readers="members", retention="business"):
    """A member accepts claims on a bank in payment."""

    since_ms: TimeMs


class Balance(Record, version=1, readers="members", retention="business"):
    """What a pot holds."""

    amount_minor: Positive


class Issued(Record, version=1, readers="members", retention="business"):
    """The other side of all pots at a bank: what it owes in a currency, deposits less payouts."""

    amount_minor: Natural


class BankEntry(Record, version=1, readers="members", retention="business"):
    """A reference that a bank used up: each attests one deposit or payout."""

    owner: MemberId
    at_ms: TimeMs


class Withdrawal(Record, version=1, readers="members", retention="business"):
    """Money that its owner asked a bank to pay out."""

    currency: CurrencyCode
    amount_minor: Positive
    asked_ms: TimeMs
    state: WithdrawalState


class Hold(Record, version=1, readers="members", retention="business"):
    """Claims of the payer set aside for the payee (冻结)."""

    payer: MemberId
    payee: MemberId
    bank: MemberId
    currency: CurrencyCode
    amount_minor: Positive
    """What was set aside at first."""
    expires_ms: TimeMs
    """Nothing is captured from this instant on."""
    state: HoldState
    captured_minor: Natural = 0


class OpenBank(Action, tag="money.open_bank"):
    """A member with the role `bank` and a valid banking licence offers claims on itself."""


class AcceptBank(Action, tag="money.accept_bank"):
    """A member accepts claims on a bank; nobody gets any without."""

    bank: MemberId


class AttestDeposit(Action, tag="money.attest_deposit"):
    """A bank says that it received money for a member: as much of claims comes into being."""

    owner: MemberId
    currency: CurrencyCode
    amount_minor: Positive
    bank_reference: DocumentNumber
    """The bank's own, once only."""


class RequestWithdrawal(Action, tag="money.request_withdrawal"):
    """A member asks a bank to pay out; until its answer, at most WITHDRAWAL_ANSWER_MS, the money is set
    apart.
    """

    bank: MemberId
    withdrawal: Id
    """The owner's own, once only at a bank."""
    currency: CurrencyCode
    amount_minor: Positive


class AttestWithdrawal(Action, tag="money.attest_withdrawal"):
    """A bank says in time that it paid out what was asked for: as much of claims is gone."""

    owner: MemberId
    withdrawal: Id
    bank_reference: DocumentNumber


class RefuseWithdrawal(Action, tag="money.refuse_withdrawal"):
    """A bank does not pay out what was asked for; the money is its owner's as before."""

    owner: MemberId
    withdrawal: Id
    reason: Id


class Transfer(Action, tag="money.transfer"):
    """A member gives claims to another."""

    bank: MemberId
    payee: MemberId
    currency: CurrencyCode
    amount_minor: Positive
    subject: OptionalId = ""


class Pay(Action, tag="money.pay"):
    """A member pays an obligation by claims, its own or another's."""

    obligation: Id
    amount_minor: Positive


class SetAside(Action, tag="money.hold"):
    """A member sets claims aside for a payee, who captures them until they expire.

    The hold's name on the ledger is `name_of("hold", payer, id)`.
    """

    id: Id
    """The payer's own, once only."""
    payee: MemberId
    bank: MemberId
    currency: CurrencyCode
    amount_minor: Positive
    expires_ms: TimeMs


class Capture(Action, tag="money.capture"):
    """The payee of a hold takes part or all of it (扣款)."""

    hold: Id
    amount_minor: Positive
    obligation: OptionalId = ""
    """Owed to the payee: it is paid by what is captured."""


class Release(Action, tag="money.release"):
    """The payee gives a hold up; once it has expired, its payer may take it back (解冻)."""

    hold: Id


class BankOpened(Event, tag="money.bank_opened"):
    bank: MemberId


class BankAccepted(Event, tag="money.bank_accepted"):
    bank: MemberId
    owner: MemberId


class Posted(Event, tag="money.posted"):
    """Claims on a bank moved from one pot to another. Without an owner: from or to outside the ledger."""

    bank: MemberId
    currency: CurrencyCode
    amount_minor: Positive
    why: Why
    from_owner: OptionalId = ""
    from_pot: OptionalPot = ""
    to_owner: OptionalId = ""
    to_pot: OptionalPot = ""
    subject: OptionalId = ""
    """The obligation, hold, fund or withdrawal that it was for."""


class DepositAttested(Event, tag="money.deposit_attested"):
    bank: MemberId
    owner: MemberId
    currency: CurrencyCode
    amount_minor: Positive
    bank_reference: DocumentNumber


class WithdrawalAsked(Event, tag="money.withdrawal_asked"):
    bank: MemberId
    owner: MemberId
    withdrawal: Id
    currency: CurrencyCode
    amount_minor: Positive


class WithdrawalAttested(Event, tag="money.withdrawal_attested"):
    bank: MemberId
    owner: MemberId
    withdrawal: Id
    bank_reference: DocumentNumber


class WithdrawalRefused(Event, tag="money.withdrawal_refused"):
    """`reason`: the bank's, or `no_answer` where its time was over."""

    bank: MemberId
    owner: MemberId
    withdrawal: Id
    reason: Id


class HoldMade(Event, tag="money.hold_made"):
    hold: Id
    payer: MemberId
    payee: MemberId
    bank: MemberId
    currency: CurrencyCode
    amount_minor: Positive
    expires_ms: TimeMs


class HoldEnded(Event, tag="money.hold_ended"):
    """Nothing is left of a hold. `released_minor`: what went back to the payer."""

    hold: Id
    how: HoldState
    released_minor: Natural
