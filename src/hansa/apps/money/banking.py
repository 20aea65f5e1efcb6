"""Actions on claims: a bank opens itself, attests what came and went; owners accept it, pay, transfer, hold.

Claims come into being and go by the word of the bank alone on which they are. Once its licence has ended it
brings no more into being; what there is goes on, so that every owner gets its money.
"""

from hansa.apps.consortium import interface as consortium
from hansa.apps.money import errors_bank as errors
from hansa.apps.money import holds
from hansa.apps.money.accounts import Spot, check_bank, check_licensed, free, post
from hansa.apps.money.funds import target_of
from hansa.apps.money.messages import Listed
from hansa.apps.money.messages_bank import (
    AcceptBank,
    AttestDeposit,
    AttestWithdrawal,
    Bank,
    BankAccepted,
    BankAccount,
    BankEntry,
    BankOpened,
    Capture,
    DepositAttested,
    OpenBank,
    Pay,
    RefuseWithdrawal,
    Release,
    RequestWithdrawal,
    SetAside,
    Transfer,
    Withdrawal,
    WithdrawalAsked,
    WithdrawalAttested,
    WithdrawalRefused,
)
from hansa.apps.money.names import name_of
from hansa.apps.money.obligations import check_amount, check_parties, known, settle, tell
from hansa.apps.money.tables import ASKED, BANK_ACCOUNTS, BANK_ENTRIES, BANKS, WITHDRAWALS
from hansa.kernel import Context, due, limits, replace, since

NO_ANSWER = "no_answer"
"""Why a withdrawal was given back that its bank did not answer."""


@since(2)
def open_bank(ctx: Context, a: OpenBank) -> None:
    # Checks.
    check_licensed(ctx, ctx.member)
    if BANKS.get(ctx, (ctx.member,)) is not None:
        raise errors.BankTaken(bank=ctx.member)

    # Writes.
    BANKS.put(ctx, (ctx.member,), Bank(since_ms=ctx.time_ms))

    # Events.
    ctx.emit(BankOpened(bank=ctx.member))


@since(2)
def accept_bank(ctx: Context, a: AcceptBank) -> None:
    # Checks, cheapest first.
    if a.bank == ctx.member:
        raise errors.OwnBank(bank=a.bank)
    check_bank(ctx, a.bank)
    if BANK_ACCOUNTS.get(ctx, (ctx.member, a.bank)) is not None:
        raise errors.AcceptedAlready(member=ctx.member, bank=a.bank)
    consortium.check_may_enter(ctx, ctx.member)
    check_licensed(ctx, a.bank)

    # Writes.
    BANK_ACCOUNTS.put(ctx, (ctx.member, a.bank), BankAccount(since_ms=ctx.time_ms))

    # Events.
    ctx.emit(BankAccepted(bank=a.bank, owner=ctx.member))


@since(2)
def attest_deposit(ctx: Context, a: AttestDeposit) -> None:
    # Checks, cheapest first.
    if a.owner == ctx.member:
        raise errors.OwnBank(bank=ctx.member)
    check_bank(ctx, ctx.member, a.owner)
    check_licensed(ctx, ctx.member)
    _check_reference(ctx, a.bank_reference)

    # Writes.
    _use_reference(ctx, a.bank_reference, a.owner)
    post(ctx, ctx.member, a.currency, None, free(a.owner), a.amount_minor, "deposit")

    # Events.
    ctx.emit(
        DepositAttested(
            bank=ctx.member,
            owner=a.owner,
            currency=a.currency,
            amount_minor=a.amount_minor,
            bank_reference=a.bank_reference,
        )
    )


@since(2)
def request_withdrawal(ctx: Context, a: RequestWithdrawal) -> None:
    # Checks, cheapest first.
    if a.bank == ctx.member:
        raise errors.OwnBank(bank=a.bank)
    key = (a.bank, ctx.member, a.withdrawal)
    if WITHDRAWALS.get(ctx, key) is not None:
        raise errors.WithdrawalTaken(withdrawal=a.withdrawal)
    check_bank(ctx, a.bank, ctx.member)

    # Writes.
    leaving = Spot(ctx.member, "leaving")
    post(
        ctx,
        a.bank,
        a.currency,
        free(ctx.member),
        leaving,
        a.amount_minor,
        "withdrawal_asked",
        a.withdrawal,
    )
    asked = Withdrawal(currency=a.currency, amount_minor=a.amount_minor, asked_ms=ctx.time_ms, state="asked")
    WITHDRAWALS.put(ctx, key, asked)
    ASKED.put(ctx, key, Listed())
    due.at(ctx, _answer_ms(asked), withdrawal_due, ctx.member, *key)

    # Events.
    ctx.emit(
        WithdrawalAsked(
            bank=a.bank,
            owner=ctx.member,
            withdrawal=a.withdrawal,
            currency=a.currency,
            amount_minor=a.amount_minor,
        )
    )


@since(2)
def attest_withdrawal(ctx: Context, a: AttestWithdrawal) -> None:
    # Checks, cheapest first.
    asked = _asked(ctx, a.owner, a.withdrawal)
    _check_reference(ctx, a.bank_reference)

    # Writes.
    key = (ctx.member, a.owner, a.withdrawal)
    _use_reference(ctx, a.bank_reference, a.owner)
    leaving = Spot(a.owner, "leaving")
    post(ctx, ctx.member, asked.currency, leaving, None, asked.amount_minor, "withdrawal", a.withdrawal)
    _answered(ctx, key, replace(asked, state="paid_out"))

    # Events.
    ctx.emit(
        WithdrawalAttested(
            bank=ctx.member, owner=a.owner, withdrawal=a.withdrawal, bank_reference=a.bank_reference
        )
    )


@since(2)
def refuse_withdrawal(ctx: Context, a: RefuseWithdrawal) -> None:
    # Checks.
    asked = _asked(ctx, a.owner, a.withdrawal)

    # Writes and events.
    _give_back(ctx, (ctx.member, a.owner, a.withdrawal), replace(asked, state="refused"), a.reason)


@since(2)
def withdrawal_due(ctx: Context, bank: str, owner: str, withdrawal: str) -> None:
    """The bank's time to answer is over: the money is its owner's as before."""
    found = WITHDRAWALS.get(ctx, (bank, owner, withdrawal))
    if found is None or found.state != "asked":
        return
    _give_back(ctx, (bank, owner, withdrawal), replace(found, state="lapsed"), NO_ANSWER)


@since(2)
def transfer(ctx: Context, a: Transfer) -> None:
    # Checks and writes.
    move(ctx, a.bank, ctx.member, a.payee, a.currency, a.amount_minor, a.subject)


def move(
    ctx: Context, bank: str, payer: str, payee: str, currency: str, amount_minor: int, subject: str = ""
) -> None:
    """Claims from one member to another. Raises SameParty, NotAccepted, NotEnough, …"""
    check_amount(amount_minor)
    check_parties(ctx, payer, payee)
    check_bank(ctx, bank, payer, payee)
    post(ctx, bank, currency, free(payer), free(payee), amount_minor, "transfer", subject)


@since(2)
def pay(ctx: Context, a: Pay) -> None:
    """Anyone may pay, also what another owes (民法典 第五百二十四条): the creditor is paid, and the event
    names who did it. What payer and debtor settle between themselves is theirs.
    """
    # Checks, cheapest first.
    owed = known(ctx, a.obligation)
    if owed.mode != "bank":
        raise errors.PaidByTransfer(obligation=a.obligation, bank=owed.bank)
    check_parties(ctx, ctx.member, owed.creditor)
    check_bank(ctx, owed.bank, ctx.member)

    # Writes.
    target = target_of(ctx, owed)
    post(ctx, owed.bank, owed.currency, free(ctx.member), target, a.amount_minor, "payment", a.obligation)
    tell(ctx, settle(ctx, a.obligation, "claims", ctx.member, a.amount_minor, ctx.time_ms))


@since(2)
def set_aside(ctx: Context, a: SetAside) -> None:
    # Checks and writes.
    name = name_of("hold", ctx.member, a.id)
    holds.hold(ctx, name, ctx.member, a.payee, a.bank, a.currency, a.amount_minor, a.expires_ms)


@since(2)
def capture(ctx: Context, a: Capture) -> None:
    # Checks.
    found = holds.known_hold(ctx, a.hold)
    if ctx.member != found.payee:
        raise errors.HoldNotYours(member=ctx.member, hold=a.hold)

    # Further checks and writes.
    tell(ctx, holds.capture(ctx, a.hold, a.amount_minor, a.obligation))


@since(2)
def release(ctx: Context, a: Release) -> None:
    # Checks.
    found = holds.known_hold(ctx, a.hold)
    expired = ctx.time_ms >= found.expires_ms
    if ctx.member != found.payee and not (ctx.member == found.payer and expired):
        raise errors.HoldNotYours(member=ctx.member, hold=a.hold)

    # Further checks and writes.
    holds.release(ctx, a.hold, "expired" if expired else "released")


def _check_reference(ctx: Context, reference: str) -> None:
    if BANK_ENTRIES.get(ctx, (ctx.member, reference)) is not None:
        raise errors.ReferenceUsed(bank=ctx.member, reference=reference)


def _use_reference(ctx: Context, reference: str, owner: str) -> None:
    BANK_ENTRIES.put(ctx, (ctx.member, reference), BankEntry(owner=owner, at_ms=ctx.time_ms))


def _asked(ctx: Context, owner: str, withdrawal: str) -> Withdrawal:
    """A withdrawal at the signer that waits for it. Raises WithdrawalUnknown, WithdrawalLapsed."""
    found = WITHDRAWALS.get(ctx, (ctx.member, owner, withdrawal))
    if found is None or found.state not in ("asked", "lapsed"):
        raise errors.WithdrawalUnknown(owner=owner, withdrawal=withdrawal)
    if ctx.time_ms >= _answer_ms(found):
        days = limits.WITHDRAWAL_ANSWER_MS // limits.DAY_MS
        raise errors.WithdrawalLapsed(owner=owner, withdrawal=withdrawal, days=days)
    return found


def _answer_ms(asked: Withdrawal) -> int:
    """Until when the bank answers."""
    return asked.asked_ms + limits.WITHDRAWAL_ANSWER_MS


def _answered(ctx: Context, key: tuple[str, str, str], answered: Withdrawal) -> None:
    """A withdrawal waits no more."""
    WITHDRAWALS.put(ctx, key, answered)
    ASKED.delete(ctx, key)
    due.drop(ctx, _answer_ms(answered), withdrawal_due, key[1], *key)


def _give_back(ctx: Context, key: tuple[str, str, str], answered: Withdrawal, reason: str) -> None:
    """What was set apart is at its owner's disposal again."""
    bank, owner, withdrawal = key
    leaving, amount_minor = Spot(owner, "leaving"), answered.amount_minor
    post(ctx, bank, answered.currency, leaving, free(owner), amount_minor, "withdrawal_refused", withdrawal)
    _answered(ctx, key, answered)
    ctx.emit(WithdrawalRefused(bank=bank, owner=owner, withdrawal=withdrawal, reason=reason))
