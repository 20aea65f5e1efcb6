"""Claims set aside for a payee (冻结), captured in parts (扣款), released (解冻) or expired. Whoever calls
has checked who may ask for it.
"""

from hansa.apps.money import errors_bank as errors
from hansa.apps.money.accounts import Spot, check_bank, free, post
from hansa.apps.money.currencies import amount_text
from hansa.apps.money.errors import NotCreditor, OtherCurrency
from hansa.apps.money.funds import target_of
from hansa.apps.money.messages import Listed
from hansa.apps.money.messages_bank import Hold, HoldEnded, HoldMade, HoldState
from hansa.apps.money.obligations import Signals, check_amount, check_parties, check_rules, known, settle
from hansa.apps.money.tables import HOLDS, HOLDS_OF
from hansa.kernel import Context, due, limits, replace, since


def hold(
    ctx: Context,
    name: str,
    payer: str,
    payee: str,
    bank: str,
    currency: str,
    amount_minor: int,
    expires_ms: int,
) -> None:
    """Set so much of the payer's claims aside until it expires. Raises HoldTaken, NotEnough, …"""
    # Checks, cheapest first.
    check_rules(ctx)
    check_amount(amount_minor)
    if not ctx.time_ms < expires_ms <= ctx.time_ms + limits.HOLD_MAX_MS:
        raise errors.HoldTimeUnfit(days=limits.HOLD_MAX_MS // limits.DAY_MS)
    if HOLDS.get(ctx, (name,)) is not None:
        raise errors.HoldTaken(hold=name)
    check_parties(ctx, payer, payee)
    check_bank(ctx, bank, payer, payee)

    # Writes.
    post(ctx, bank, currency, free(payer), Spot(payer, "held"), amount_minor, "hold", name)
    made = Hold(
        payer=payer,
        payee=payee,
        bank=bank,
        currency=currency,
        amount_minor=amount_minor,
        expires_ms=expires_ms,
        state="open",
    )
    HOLDS.put(ctx, (name,), made)
    for member in (payer, payee):
        HOLDS_OF.put(ctx, (member, name), Listed())
    due.at(ctx, expires_ms, expire_hold, payer, name)

    # Events.
    ctx.emit(
        HoldMade(
            hold=name,
            payer=payer,
            payee=payee,
            bank=bank,
            currency=currency,
            amount_minor=amount_minor,
            expires_ms=expires_ms,
        )
    )


def known_hold(ctx: Context, name: str) -> Hold:
    """Raises HoldUnknown."""
    found = HOLDS.get(ctx, (name,))
    if found is None:
        raise errors.HoldUnknown(hold=name)
    return found


def capture(ctx: Context, name: str, amount_minor: int, obligation: str = "") -> Signals:
    """Move so much to the payee; it pays an obligation if one is named. Raises HoldOver, BeyondHold, …

    Nothing is captured from the expiry on, whether its due work has come or not.
    """
    # Checks, cheapest first.
    check_amount(amount_minor)
    found = known_hold(ctx, name)
    if found.state != "open" or ctx.time_ms >= found.expires_ms:
        raise errors.HoldOver(hold=name)
    left = found.amount_minor - found.captured_minor
    if amount_minor > left:
        shown = (amount_text(left, found.currency), amount_text(amount_minor, found.currency))
        raise errors.BeyondHold(hold=name, left=shown[0], amount=shown[1])
    target = free(found.payee)
    if obligation:
        owed = known(ctx, obligation)
        if owed.creditor != found.payee:
            raise NotCreditor(obligation=obligation, member=found.payee)
        if owed.mode != "bank" or owed.bank != found.bank:
            raise errors.PaidByTransfer(obligation=obligation, bank=found.bank)
        if owed.currency != found.currency:
            raise OtherCurrency(obligation=obligation, wanted=owed.currency, currency=found.currency)
        target = target_of(ctx, owed)

    # Writes.
    source = Spot(found.payer, "held")
    post(ctx, found.bank, found.currency, source, target, amount_minor, "capture", obligation or name)
    after = replace(found, captured_minor=found.captured_minor + amount_minor)
    HOLDS.put(ctx, (name,), after)
    if amount_minor == left:
        _end(ctx, name, after, "captured")
    if not obligation:
        return []
    return settle(ctx, obligation, "hold", name, amount_minor, ctx.time_ms)


def release(ctx: Context, name: str, how: HoldState = "released") -> None:
    """Give what is left back to the payer. Raises HoldOver."""
    found = known_hold(ctx, name)
    if found.state != "open":
        raise errors.HoldOver(hold=name)
    left = found.amount_minor - found.captured_minor
    post(ctx, found.bank, found.currency, Spot(found.payer, "held"), free(found.payer), left, "release", name)
    _end(ctx, name, found, how)


def _end(ctx: Context, name: str, found: Hold, how: HoldState) -> None:
    HOLDS.put(ctx, (name,), replace(found, state=how))
    for member in (found.payer, found.payee):
        HOLDS_OF.delete(ctx, (member, name))
    due.drop(ctx, found.expires_ms, expire_hold, found.payer, name)
    ctx.emit(HoldEnded(hold=name, how=how, released_minor=found.amount_minor - found.captured_minor))


@since(2)
def expire_hold(ctx: Context, name: str) -> None:
    """What is left of a hold at its end is its payer's again."""
    found = HOLDS.get(ctx, (name,))
    if found is not None and found.state == "open" and ctx.time_ms >= found.expires_ms:
        release(ctx, name, "expired")
