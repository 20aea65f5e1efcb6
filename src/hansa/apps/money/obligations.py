"""Obligations: made, lessened, paid, reopened, overdue. Whoever calls has checked who may ask for it.

Signals are returned, not sent: other rooms hear of it when everything is written.
"""

from dataclasses import dataclass

from hansa.apps.consortium import interface as consortium
from hansa.apps.money import errors
from hansa.apps.money.accounts import check_bank
from hansa.apps.money.conservation import fund_left
from hansa.apps.money.currencies import amount_text
from hansa.apps.money.messages import (
    Cause,
    FellDue,
    FundFilled,
    Lessened,
    Listed,
    Mode,
    Obligation,
    ObligationState,
    OpenItem,
    Owing,
    OwnDebts,
    PaidBy,
    Payment,
    PaymentPiece,
    Reopened,
    Settled,
    Sweep,
)
from hansa.apps.money.names import back_of, reference_of
from hansa.apps.money.signals import FundPaidIn, Overdue, Paid, Unpaid
from hansa.apps.money.tables import (
    FALLING_DUE,
    FUNDS,
    OBLIGATIONS,
    OF_SUBJECT,
    OWED_BY,
    OWED_TO,
    OWN_DEBTS,
    PAYMENTS,
    REFERENCES,
    SWEEPS,
)
from hansa.kernel import Context, due, limits, replace, since
from hansa.kernel.messages import Signal
from hansa.kernel.types import INTEGER_MAX

RULES = 2
"""Rules from which on there is money."""
DAYS_PER_YEAR = 366
Signals = list[Signal]


@dataclass(frozen=True)
class Owed:
    """What is to be owed. `subject`: the agreement or lease that it belongs to, or ""."""

    debtor: str
    creditor: str
    currency: str
    amount_minor: int
    due_ms: int
    """Overdue from this instant on; it may have passed."""
    cause: Cause
    subject: str = ""
    mode: Mode = "external"
    bank: str = ""
    """The member bank in mode "bank"; else ""."""


def check_rules(ctx: Context) -> None:
    """Raises RulesTooOld where the ledger's rules know no money."""
    if ctx.rules < RULES:
        raise errors.RulesTooOld(rules=ctx.rules, wanted=RULES)


def check_amount(amount_minor: int) -> None:
    """Raises AmountUnfit."""
    if not 0 < amount_minor <= INTEGER_MAX:
        raise errors.AmountUnfit(amount=amount_minor)


def check_parties(ctx: Context, debtor: str, creditor: str) -> None:
    """Two different members, whatever their standing. Raises SameParty, PartyUnknown."""
    if debtor == creditor:
        raise errors.SameParty(member=debtor)
    for member in (debtor, creditor):
        if not consortium.is_member(ctx, member):
            raise errors.PartyUnknown(member=member)


def known(ctx: Context, name: str) -> Obligation:
    """Raises ObligationUnknown."""
    found = OBLIGATIONS.get(ctx, (name,))
    if found is None:
        raise errors.ObligationUnknown(obligation=name)
    return found


def open_minor(obligation: Obligation) -> int:
    """What is still to be paid."""
    return obligation.amount_minor - obligation.paid_minor


def is_late(ctx: Context, obligation: Obligation) -> bool:
    return obligation.state == "open" and ctx.time_ms >= obligation.due_ms


def owe(ctx: Context, name: str, owed: Owed, *, fund: str = "", acknowledged: bool = False) -> None:
    """An open obligation from now on. Raises ObligationTaken, DueUnfit, NotAccepted, …"""
    # Checks, cheapest first.
    check_rules(ctx)
    check_amount(owed.amount_minor)
    if owed.due_ms > ctx.time_ms + limits.DUE_MAX_MS:
        raise errors.DueUnfit(years=limits.DUE_MAX_MS // limits.DAY_MS // DAYS_PER_YEAR)
    check_parties(ctx, owed.debtor, owed.creditor)
    if OBLIGATIONS.get(ctx, (name,)) is not None:
        raise errors.ObligationTaken(obligation=name)
    if owed.mode == "bank":
        check_bank(ctx, owed.bank, owed.debtor, owed.creditor)

    # Writes.
    obligation = Obligation(
        debtor=owed.debtor,
        creditor=owed.creditor,
        currency=owed.currency,
        agreed_minor=owed.amount_minor,
        amount_minor=owed.amount_minor,
        due_ms=owed.due_ms,
        cause=owed.cause,
        reference=reference_of(name),
        mode=owed.mode,
        state="open",
        since_ms=ctx.time_ms,
        subject=owed.subject,
        bank=owed.bank if owed.mode == "bank" else "",
        fund=fund,
        acknowledged=acknowledged,
    )
    _write(ctx, name, obligation, "void")
    REFERENCES.put(ctx, (obligation.reference, name), Listed())
    if owed.subject:
        OF_SUBJECT.put(ctx, (owed.subject, name), Listed())

    # Events.
    ctx.emit(
        Owing(
            obligation=name,
            debtor=owed.debtor,
            creditor=owed.creditor,
            currency=owed.currency,
            amount_minor=owed.amount_minor,
            due_ms=owed.due_ms,
            cause=owed.cause,
            reference=obligation.reference,
            subject=owed.subject,
        )
    )


def lessen(
    ctx: Context,
    name: str,
    amount_minor: int,
    by: str,
    cause: Cause = "correction",
    due_ms: int = 0,
    *,
    waived: bool = False,
) -> Signals:
    """So much less is owed; what was paid beyond is owed back, as `cause`. `by`: the event's word for it.

    What pays in a fund is lessened by what is open at most. Raises LessenedTooMuch.
    """
    check_amount(amount_minor)
    before = known(ctx, name)
    most = open_minor(before) if before.fund else before.agreed_minor - before.lessened_minor
    if amount_minor > most:
        raise errors.LessenedTooMuch(obligation=name, most=amount_text(most, before.currency))
    cut = min(amount_minor, open_minor(before))
    beyond = amount_minor - cut
    after = replace(
        before,
        amount_minor=before.amount_minor - cut,
        lessened_minor=before.lessened_minor + amount_minor,
        backs=before.backs + (1 if beyond else 0),
    )
    after = replace(after, state=_state(after))
    _write(ctx, name, after, before.state)
    back = back_of(name, after.backs) if beyond else ""
    ctx.emit(Lessened(obligation=name, amount_minor=amount_minor, by=by, back=back, waived=waived))
    if beyond:
        owe(ctx, back, turned_round(before, beyond, cause, due_ms or ctx.time_ms + limits.RETURN_MS))
    return _told(ctx, name, before, after)


def turned_round(obligation: Obligation, amount_minor: int, cause: Cause, due_ms: int) -> Owed:
    """What the creditor of an obligation owes its debtor."""
    return Owed(
        debtor=obligation.creditor,
        creditor=obligation.debtor,
        currency=obligation.currency,
        amount_minor=amount_minor,
        due_ms=due_ms,
        cause=cause,
        subject=obligation.subject,
        mode=obligation.mode,
        bank=obligation.bank,
    )


def settle(ctx: Context, name: str, by: PaidBy, source: str, amount_minor: int, value_ms: int) -> Signals:
    """A source pays so much. Raises ObligationClosed, Overpaid, TooManyPayments."""
    before = known(ctx, name)
    if before.state != "open":
        raise errors.ObligationClosed(clause=name, obligation=name)
    if amount_minor > open_minor(before):
        raise errors.Overpaid(
            clause=name,
            obligation=name,
            open=amount_text(open_minor(before), before.currency),
            amount=amount_text(amount_minor, before.currency),
        )
    after = replace(
        before,
        paid_minor=before.paid_minor + amount_minor,
        paid_ms=max(before.paid_ms, value_ms),
    )
    after = replace(after, state=_state(after))
    earlier = PAYMENTS.get(ctx, (name, by, source))
    if earlier is None and amount_minor < open_minor(before):
        _check_payments(ctx, name, before)
    PAYMENTS.put(ctx, (name, by, source), _paid(earlier, amount_minor, value_ms, ctx.time_ms))
    _write(ctx, name, after, before.state)
    if after.fund:
        _pay_in(ctx, after.fund, amount_minor, value_ms)
    return _told(ctx, name, before, after)


def _check_payments(ctx: Context, name: str, obligation: Obligation) -> None:
    """A close reads all payments of what is late: cents by the thousand would keep a period from closing."""
    if len(list(PAYMENTS.scan(ctx, (name,), limit=limits.PAYMENTS_MAX))) == limits.PAYMENTS_MAX:
        left = amount_text(open_minor(obligation), obligation.currency)
        raise errors.TooManyPayments(clause=name, obligation=name, limit=limits.PAYMENTS_MAX, open=left)


def _paid(earlier: Payment | None, amount_minor: int, value_ms: int, recorded_ms: int) -> Payment:
    """What a source paid in all, with so much more."""
    if earlier is None:
        return Payment(amount_minor=amount_minor, value_ms=value_ms, recorded_ms=recorded_ms)
    pieces, last = pieces_of(earlier), PaymentPiece(amount_minor, value_ms, recorded_ms)
    same = (pieces[-1].value_ms, pieces[-1].recorded_ms) == (value_ms, recorded_ms)
    if same or len(pieces) == limits.PAYMENT_PIECES_MAX:
        last = replace(last, amount_minor=amount_minor + pieces[-1].amount_minor)
        pieces = pieces[:-1]
    return Payment(
        amount_minor=earlier.amount_minor + amount_minor,
        value_ms=value_ms,
        recorded_ms=recorded_ms,
        pieces=(*pieces, last) if pieces else (),
    )


def pieces_of(paid: Payment) -> tuple[PaymentPiece, ...]:
    """What a source paid, by the times at which it did."""
    return paid.pieces or (PaymentPiece(paid.amount_minor, paid.value_ms, paid.recorded_ms),)


def unsettle(ctx: Context, name: str, by: PaidBy, source: str) -> Signals:
    """What a source paid is taken back. Raises FundSpent."""
    before = known(ctx, name)
    payment = PAYMENTS.get(ctx, (name, by, source))
    assert payment is not None
    if before.fund:
        _unpay_in(ctx, before.fund, payment.amount_minor)
    PAYMENTS.delete(ctx, (name, by, source))
    left = PAYMENTS.scan(ctx, (name,), limit=limits.ALL_ROWS)
    after = replace(
        before,
        paid_minor=before.paid_minor - payment.amount_minor,
        paid_ms=max((each.value_ms for _, each in left), default=0),
        state="open",
    )
    _write(ctx, name, after, before.state)
    if before.state == "open":
        return []
    ctx.emit(Reopened(obligation=name))
    return [Unpaid(name, after.cause, after.subject)]


def _state(obligation: Obligation) -> ObligationState:
    if open_minor(obligation):
        return "open"
    return "paid" if obligation.paid_minor else "void"


def _write(ctx: Context, name: str, obligation: Obligation, state_before: str) -> None:
    """The obligation, and the lists in which it stands while it is open."""
    OBLIGATIONS.put(ctx, (name,), obligation)
    if (obligation.state == "open") == (state_before == "open"):
        return
    debtor, creditor, due_ms = obligation.debtor, obligation.creditor, obligation.due_ms
    if obligation.state == "open":
        OWED_TO.put(ctx, (creditor, due_ms, name), OpenItem(other=debtor))
        OWED_BY.put(ctx, (debtor, due_ms, name), OpenItem(other=creditor))
        _await(ctx, creditor, due_ms, name)
    else:
        OWED_TO.delete(ctx, (creditor, due_ms, name))
        OWED_BY.delete(ctx, (debtor, due_ms, name))
        if FALLING_DUE.get(ctx, (creditor, due_ms, name)) is not None:
            FALLING_DUE.delete(ctx, (creditor, due_ms, name))
    if obligation.acknowledged:
        _count_own(ctx, debtor, 1 if obligation.state == "open" else -1)


def _count_own(ctx: Context, debtor: str, step: int) -> None:
    count = (OWN_DEBTS.get(ctx, (debtor,)) or OwnDebts()).count + step
    if count:
        OWN_DEBTS.put(ctx, (debtor,), OwnDebts(count=count))
    else:
        OWN_DEBTS.delete(ctx, (debtor,))


def _told(ctx: Context, name: str, before: Obligation, after: Obligation) -> Signals:
    """What others are to hear where nothing is open any more."""
    if after.state == "open" or before.state != "open":
        return []
    # What was lessened to nothing was paid by nobody: it is settled now, and was never late.
    paid_ms = after.paid_ms if after.state == "paid" else ctx.time_ms
    late_ms = max(0, paid_ms - after.due_ms) if after.state == "paid" else 0
    ctx.emit(Settled(obligation=name, paid_ms=paid_ms))
    told: Signals = [Paid(name, after.cause, after.subject, paid_ms, late_ms)]
    fund = FUNDS.get(ctx, (after.fund,)) if after.fund else None
    if fund is not None and fund.state == "open":
        ctx.emit(FundFilled(fund=after.fund, received_ms=paid_ms))
        told.append(FundPaidIn(after.fund, fund.kind, fund.subject))
    return told


def _pay_in(ctx: Context, name: str, amount_minor: int, value_ms: int) -> None:
    """What pays the obligation of a fund is paid into the fund."""
    fund = FUNDS.get(ctx, (name,))
    assert fund is not None
    paid_in_minor = fund.paid_in_minor + amount_minor
    received_ms = max(fund.received_ms, value_ms)
    FUNDS.put(ctx, (name,), replace(fund, paid_in_minor=paid_in_minor, received_ms=received_ms))


def _unpay_in(ctx: Context, name: str, amount_minor: int) -> None:
    fund = FUNDS.get(ctx, (name,))
    assert fund is not None
    if fund_left(fund) < amount_minor or fund.state != "open":
        raise errors.FundSpent(clause=name, fund=name, left=amount_text(fund_left(fund), fund.currency))
    FUNDS.put(ctx, (name,), replace(fund, paid_in_minor=fund.paid_in_minor - amount_minor))


# Overdue. One piece of due work looks at a creditor's list, so that any number of obligations costs its
# account one entry; each that is overdue is then told by a piece of its own, so that one that fails stops
# no other.


def _await(ctx: Context, creditor: str, due_ms: int, name: str) -> None:
    FALLING_DUE.put(ctx, (creditor, due_ms, name), Listed())
    at_ms = max(due_ms, ctx.time_ms + 1)
    sweep = SWEEPS.get(ctx, (creditor,))
    if sweep is None:
        _look_again(ctx, creditor, at_ms)
    elif at_ms < sweep.at_ms or sweep.at_ms <= ctx.time_ms:
        # Earlier than the others; or the look that was due has not come, or was parked: look at once.
        due.drop(ctx, sweep.at_ms, look_at_due, creditor, creditor)
        _look_again(ctx, creditor, at_ms if ctx.time_ms < sweep.at_ms else ctx.time_ms + 1)


def _look_again(ctx: Context, creditor: str, at_ms: int) -> None:
    SWEEPS.put(ctx, (creditor,), Sweep(at_ms=at_ms))
    due.at(ctx, at_ms, look_at_due, creditor, creditor, reserve=limits.SWEEP_MAX + 1)


@since(2)
def look_at_due(ctx: Context, creditor: str) -> None:
    """Have a creditor's obligations that fell due told, and look again when the next one falls due."""
    of = (creditor,)
    late = FALLING_DUE.scan(ctx, of, end=(creditor, ctx.time_ms + 1), limit=limits.SWEEP_MAX)
    for key, _ in list(late):
        FALLING_DUE.delete(ctx, key)
        name = str(key[2])
        due.at(ctx, ctx.time_ms, tell_overdue, creditor, name, reserve=limits.SWEEP_MAX)
    following = next(FALLING_DUE.scan(ctx, of, limit=1), None)
    if following is None:
        SWEEPS.delete(ctx, of)
    else:
        _look_again(ctx, creditor, max(int(following[0][1]), ctx.time_ms + 1))


@since(2)
def tell_overdue(ctx: Context, name: str) -> None:
    """Announce an obligation that is open at its due time; one that was paid meanwhile is not."""
    found = OBLIGATIONS.get(ctx, (name,))
    if found is None or not is_late(ctx, found):
        return
    ctx.emit(FellDue(obligation=name, debtor=found.debtor, creditor=found.creditor))
    ctx.signal(Overdue(name, found.cause, found.subject, found.debtor, found.creditor))


def tell(ctx: Context, signals: Signals) -> None:
    """Send what was gathered, once everything is written."""
    for signal in signals:
        ctx.signal(signal)
