"""External settlement: what a creditor finds on its bank statement, and which obligations it pays.

One payment may pay many obligations, and many one; what no obligation takes stays unapplied, for its payer.
The creditor alone records what came: it only takes from what it is owed. A payment of another's obligation
counts, as the creditor says (民法典 第五百二十四条).
"""

from collections.abc import Sequence

from hansa.apps.consortium import interface as consortium
from hansa.apps.money import errors
from hansa.apps.money.currencies import amount_text
from hansa.apps.money.messages import (
    Allocation,
    Applied,
    Apply,
    Declaration,
    DeclaredPaid,
    DeclarePaid,
    HasSetOff,
    Listed,
    Owe,
    Receipt,
    Receive,
    Received,
    Refund,
    Refunded,
    Reverse,
    Reversed,
    SetOff,
    Share,
    Waive,
)
from hansa.apps.money.names import name_of
from hansa.apps.money.obligations import (
    DAYS_PER_YEAR,
    Owed,
    Signals,
    known,
    lessen,
    open_minor,
    owe,
    settle,
    tell,
    unsettle,
)
from hansa.apps.money.signals import Waived
from hansa.apps.money.tables import DECLARATIONS, OWN_DEBTS, RECEIPTS, SHARES, UNAPPLIED
from hansa.kernel import Context, limits, replace, since


@since(2)
def acknowledge(ctx: Context, a: Owe) -> None:
    # Checks, cheapest first.
    if not ctx.time_ms < a.due_ms <= ctx.time_ms + limits.DUE_MAX_MS:
        raise errors.DueUnfit(years=limits.DUE_MAX_MS // limits.DAY_MS // DAYS_PER_YEAR)
    consortium.check_may_enter(ctx, ctx.member)
    own = OWN_DEBTS.get(ctx, (ctx.member,))
    if own is not None and own.count >= limits.OWN_DEBTS_MAX:
        raise errors.TooManyOwnDebts(member=ctx.member, limit=limits.OWN_DEBTS_MAX)

    # Further checks and writes.
    owed = Owed(
        debtor=ctx.member,
        creditor=a.creditor,
        currency=a.currency,
        amount_minor=a.amount_minor,
        due_ms=a.due_ms,
        cause="other",
        subject=a.subject,
        mode="bank" if a.bank else "external",
        bank=a.bank,
    )
    owe(ctx, name_of("owed", ctx.member, a.id), owed, acknowledged=True)


@since(2)
def receive(ctx: Context, a: Receive) -> None:
    # Checks, cheapest first.
    if a.value_ms > ctx.time_ms + limits.SKEW_MAX_MS:
        raise errors.ValueInFuture()
    earlier = RECEIPTS.get(ctx, (ctx.member, a.entry))
    if earlier is not None and not earlier.reversed_reason:
        raise errors.EntryTaken(entry=a.entry)
    if a.payer and (a.payer == ctx.member or not consortium.is_member(ctx, a.payer)):
        raise errors.PayerUnknown(payer=a.payer)
    if len(a.allocations) > limits.ALLOCATIONS_MAX:
        raise errors.TooManyAllocations(limit=limits.ALLOCATIONS_MAX)

    # Writes.
    receipt = Receipt(
        currency=a.currency,
        amount_minor=a.amount_minor,
        value_ms=a.value_ms,
        recorded_ms=ctx.time_ms,
        payer=a.payer,
    )
    signals = _allocate(ctx, a.entry, receipt, a.allocations)

    # Events.
    ctx.emit(
        Received(
            creditor=ctx.member,
            entry=a.entry,
            currency=a.currency,
            amount_minor=a.amount_minor,
            value_ms=a.value_ms,
            payer=a.payer,
            allocations=a.allocations,
        )
    )
    tell(ctx, signals)


@since(2)
def apply(ctx: Context, a: Apply) -> None:
    # Checks.
    if not 0 < len(a.allocations) <= limits.ALLOCATIONS_MAX:
        raise errors.TooManyAllocations(limit=limits.ALLOCATIONS_MAX)
    receipt = _standing(ctx, a.entry)

    # Further checks and writes.
    signals = _allocate(ctx, a.entry, receipt, a.allocations)

    # Events.
    ctx.emit(Applied(creditor=ctx.member, entry=a.entry, allocations=a.allocations))
    tell(ctx, signals)


@since(2)
def reverse(ctx: Context, a: Reverse) -> None:
    # Checks.
    if len(a.obligations) > limits.ALLOCATIONS_MAX:
        raise errors.TooManyAllocations(limit=limits.ALLOCATIONS_MAX)
    receipt = _standing(ctx, a.entry)
    whole = not a.obligations
    if whole and receipt.refunded_minor:
        raise errors.ReceiptRefunded(entry=a.entry)
    taken_back = _shares(ctx, a.entry, a.obligations)

    # Writes.
    signals: Signals = []
    for each in taken_back:
        SHARES.delete(ctx, (ctx.member, a.entry, each.obligation))
        signals += unsettle(ctx, each.obligation, "receipt", a.entry)
    applied_minor = receipt.applied_minor - sum(each.amount_minor for each in taken_back)
    reason = a.reason if whole else ""
    _keep(ctx, a.entry, replace(receipt, applied_minor=applied_minor, reversed_reason=reason))

    # Events.
    ctx.emit(
        Reversed(
            creditor=ctx.member,
            entry=a.entry,
            reason=a.reason,
            whole=whole,
            allocations=tuple(taken_back),
        )
    )
    tell(ctx, signals)


@since(2)
def refund(ctx: Context, a: Refund) -> None:
    # Checks.
    if not ctx.time_ms < a.due_ms <= ctx.time_ms + limits.DUE_MAX_MS:
        raise errors.DueUnfit(years=limits.DUE_MAX_MS // limits.DAY_MS // DAYS_PER_YEAR)
    receipt = _standing(ctx, a.entry)
    if not receipt.payer:
        raise errors.PayerUnknown(payer=receipt.payer)
    _check_unapplied(receipt, a.amount_minor)

    # Writes.
    count = receipt.refunds + 1
    refunded_minor = receipt.refunded_minor + a.amount_minor
    _keep(ctx, a.entry, replace(receipt, refunded_minor=refunded_minor, refunds=count))
    name = name_of("refund", ctx.member, a.entry, str(count))
    back = Owed(
        debtor=ctx.member,
        creditor=receipt.payer,
        currency=receipt.currency,
        amount_minor=a.amount_minor,
        due_ms=a.due_ms,
        cause="return",
    )
    owe(ctx, name, back)

    # Events.
    ctx.emit(Refunded(creditor=ctx.member, entry=a.entry, amount_minor=a.amount_minor, obligation=name))


@since(2)
def declare_paid(ctx: Context, a: DeclarePaid) -> None:
    # Checks, cheapest first.
    if a.transferred_ms > ctx.time_ms + limits.SKEW_MAX_MS:
        raise errors.ValueInFuture()
    owed = known(ctx, a.obligation)
    if owed.debtor != ctx.member:
        raise errors.NotDebtor(member=ctx.member, obligation=a.obligation)
    if owed.mode == "bank":
        raise errors.PaidByClaims(obligation=a.obligation, bank=owed.bank)
    if owed.state != "open":
        raise errors.ObligationClosed(obligation=a.obligation)
    earlier = DECLARATIONS.get(ctx, (a.obligation,))
    if earlier is not None and earlier.bank_reference == a.bank_reference:
        raise errors.AlreadyDeclared(obligation=a.obligation)

    # Writes.
    declared = Declaration(
        amount_minor=a.amount_minor,
        transferred_ms=a.transferred_ms,
        bank_reference=a.bank_reference,
        declared_ms=ctx.time_ms,
    )
    DECLARATIONS.put(ctx, (a.obligation,), declared)

    # Events.
    ctx.emit(
        DeclaredPaid(obligation=a.obligation, amount_minor=a.amount_minor, bank_reference=a.bank_reference)
    )


@since(2)
def waive(ctx: Context, a: Waive) -> None:
    # Checks.
    owed = known(ctx, a.obligation)
    if owed.creditor != ctx.member:
        raise errors.NotCreditor(obligation=a.obligation, member=ctx.member)
    if a.amount_minor > open_minor(owed):
        most = amount_text(open_minor(owed), owed.currency)
        raise errors.LessenedTooMuch(obligation=a.obligation, most=most)

    # Writes and events.
    told = lessen(ctx, a.obligation, a.amount_minor, a.reason, waived=True)
    tell(ctx, [Waived(a.obligation, owed.cause, owed.subject, a.amount_minor), *told])


@since(2)
def set_off(ctx: Context, a: SetOff) -> None:
    """By one side's word, once its own claim is due (民法典 第五百六十八条)."""
    # Checks.
    owed, against = known(ctx, a.obligation), known(ctx, a.against)
    if owed.creditor != ctx.member:
        raise errors.NotCreditor(obligation=a.obligation, member=ctx.member)
    mutual = (against.debtor, against.creditor, against.currency) == (ctx.member, owed.debtor, owed.currency)
    if not mutual or owed.fund or against.fund:
        raise errors.NotMutual(obligation=a.obligation, against=a.against)
    if ctx.time_ms < owed.due_ms:
        raise errors.NotDue(obligation=a.obligation)

    # Writes.
    signals = settle(ctx, a.obligation, "set_off", a.against, a.amount_minor, ctx.time_ms)
    signals += settle(ctx, a.against, "set_off", a.obligation, a.amount_minor, ctx.time_ms)

    # Events.
    ctx.emit(HasSetOff(obligation=a.obligation, against=a.against, amount_minor=a.amount_minor))
    tell(ctx, signals)


def unapplied_minor(receipt: Receipt) -> int:
    """What of a receipt pays nothing yet; 0 once it was reversed."""
    if receipt.reversed_reason:
        return 0
    return receipt.amount_minor - receipt.applied_minor - receipt.refunded_minor


def _standing(ctx: Context, entry: str) -> Receipt:
    """A receipt of the signer that was not reversed. Raises EntryUnknown."""
    found = RECEIPTS.get(ctx, (ctx.member, entry))
    if found is None or found.reversed_reason:
        raise errors.EntryUnknown(entry=entry)
    return found


def _check_unapplied(receipt: Receipt, amount_minor: int) -> None:
    left = unapplied_minor(receipt)
    if amount_minor > left:
        shown = (amount_text(left, receipt.currency), amount_text(amount_minor, receipt.currency))
        raise errors.BeyondReceipt(unapplied=shown[0], amount=shown[1])


def _allocate(ctx: Context, entry: str, receipt: Receipt, allocations: Sequence[Allocation]) -> Signals:
    """Pay obligations of the signer by a receipt, each by so much, and keep it. Raises what refuses one."""
    total_minor = sum(each.amount_minor for each in allocations)
    _check_unapplied(receipt, total_minor)
    signals: Signals = []
    for each in allocations:
        name = each.obligation
        owed = known(ctx, name)
        if owed.creditor != ctx.member:
            raise errors.NotCreditor(clause=name, obligation=name, member=ctx.member)
        if owed.mode == "bank":
            raise errors.PaidByClaims(clause=name, obligation=name, bank=owed.bank)
        if owed.currency != receipt.currency:
            raise errors.OtherCurrency(
                clause=name, obligation=name, wanted=owed.currency, currency=receipt.currency
            )
        signals += settle(ctx, name, "receipt", entry, each.amount_minor, receipt.value_ms)
        key = (ctx.member, entry, name)
        share = SHARES.get(ctx, key)
        amount_minor = each.amount_minor + (share.amount_minor if share else 0)
        SHARES.put(ctx, key, Share(amount_minor=amount_minor))
    _keep(ctx, entry, replace(receipt, applied_minor=receipt.applied_minor + total_minor))
    return signals


def _shares(ctx: Context, entry: str, obligations: Sequence[str]) -> list[Allocation]:
    """What a receipt pays, of these obligations or of all. Raises NotAllocated, TooManyAllocations."""
    if not obligations:
        rows = list(SHARES.scan(ctx, (ctx.member, entry), limit=limits.ALLOCATIONS_MAX + 1))
        if len(rows) > limits.ALLOCATIONS_MAX:
            raise errors.TooManyAllocations(limit=limits.ALLOCATIONS_MAX)
        return [Allocation(str(key[2]), share.amount_minor) for key, share in rows]
    found = []
    for name in dict.fromkeys(obligations):
        share = SHARES.get(ctx, (ctx.member, entry, name))
        if share is None:
            raise errors.NotAllocated(clause=name, entry=entry, obligation=name)
        found.append(Allocation(name, share.amount_minor))
    return found


def _keep(ctx: Context, entry: str, receipt: Receipt) -> None:
    """The receipt, and the list of those with unapplied money."""
    RECEIPTS.put(ctx, (ctx.member, entry), receipt)
    key = (ctx.member, receipt.payer, entry)
    if unapplied_minor(receipt):
        UNAPPLIED.put(ctx, key, Listed())
    elif UNAPPLIED.get(ctx, key) is not None:
        UNAPPLIED.delete(ctx, key)
