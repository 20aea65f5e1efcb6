"""Interest on late payments: reckoned when a debt is paid, charged by the next statement.

Simple interest on each payment for the days that it came late (lawful.py). Where no statement follows, or a
third is to be paid, it is owed by itself. A payment that is undone and made again is reckoned anew: the next
statement charges, or takes back, the difference.
"""

from collections.abc import Sequence

from hansa.apps.billing.lawful import interest_minor, is_protected, late_days
from hansa.apps.billing.lines import UNTAXED, Line, divide
from hansa.apps.billing.messages import Agreement
from hansa.apps.billing.messages_life import InterestOwed, LateCharge, LateItem, Part
from hansa.apps.billing.rating import TAX_UNIT
from hansa.apps.billing.tables import AGREEMENTS, INTEREST, INTEREST_DUE, STATEMENTS
from hansa.apps.billing.tariff import Tariff, rate_in_force
from hansa.apps.billing.terms import Settlement
from hansa.apps.consortium.calendars import Period
from hansa.apps.money import interface as money
from hansa.kernel import Context, limits

CLAUSE = "late_payment"
Charge = tuple[int, str, LateCharge]
"""(start of the period whose statement was paid late, obligation, what is charged)."""


def reckon_late(ctx: Context, name: str, period_ms: int, part: Part) -> None:
    """A part was paid in full: note what it bears in interest, beyond what was charged of it."""
    agreement = AGREEMENTS.get(ctx, (name,))
    assert agreement is not None
    settlement = agreement.terms.settlement
    assert settlement is not None
    protected = is_protected(*(_size(agreement, member) for member in (part.debtor, part.creditor)))
    late = [
        (amount_minor, late_days(part.due_ms, value_ms))
        for amount_minor, value_ms in money.payments_of(ctx, part.obligation)
    ]
    whole_minor = sum(interest_minor(settlement, amount, days, protected) for amount, days in late)
    kept = INTEREST.get(ctx, (name, part.obligation)) or LateItem()
    sign = 1 if part.debtor == agreement.user else -1
    change_minor = sign * whole_minor - kept.charged_minor
    pair = (part.debtor, part.creditor)
    with_user = pair in ((agreement.user, agreement.provider), (agreement.provider, agreement.user))
    if with_user and agreement.next_from_ms:
        days = max((days for _, days in late), default=0)
        _note(ctx, (name, period_ms, part.obligation), LateCharge(change_minor, days))
    elif change_minor:
        INTEREST.put(ctx, (name, part.obligation), _more(kept, change_minor))
        own = money.name_of("interest", part.obligation, str(kept.charges))
        _owe(ctx, own, (name, period_ms), settlement, part, sign * change_minor)


def _size(agreement: Agreement, member: str) -> str:
    sizes = {agreement.user: agreement.user_size, agreement.provider: agreement.provider_size}
    return sizes.get(member, "")


def _note(ctx: Context, at: tuple[str, int, str], charge: LateCharge) -> None:
    if charge.interest_minor:
        INTEREST_DUE.put(ctx, at, charge)
    elif INTEREST_DUE.get(ctx, at) is not None:
        INTEREST_DUE.delete(ctx, at)


def _more(kept: LateItem, change_minor: int) -> LateItem:
    return LateItem(charged_minor=kept.charged_minor + change_minor, charges=kept.charges + 1)


def _owe(
    ctx: Context, own: str, of: tuple[str, int], settlement: Settlement, part: Part, amount_minor: int
) -> None:
    """Interest by itself, at once; what was charged too much goes back the same way."""
    statement = STATEMENTS.get(ctx, of)
    assert statement is not None
    debtor, creditor = (part.debtor, part.creditor) if amount_minor > 0 else (part.creditor, part.debtor)
    owed = money.Owed(
        debtor=debtor,
        creditor=creditor,
        currency=statement.currency,
        amount_minor=abs(amount_minor),
        due_ms=ctx.time_ms,
        cause="interest",
        subject=of[0],
        mode="bank" if settlement.bank else "external",
        bank=settlement.bank,
    )
    ctx.emit(InterestOwed(agreement=of[0], period_ms=of[1], obligation=own, interest_minor=abs(amount_minor)))
    money.owe(ctx, own, owed)


def due_charges(ctx: Context, name: str) -> list[Charge]:
    """What the next statement charges, the oldest period first, at most INTEREST_ITEMS_MAX."""
    rows = INTEREST_DUE.scan(ctx, (name,), limit=limits.INTEREST_ITEMS_MAX)
    return [(int(key[1]), str(key[2]), charge) for key, charge in rows]


def charge_lines(
    tariff: Tariff, settlement: Settlement | None, charges: Sequence[Charge], period: Period
) -> tuple[Line, ...]:
    """A line for each: interest, with the tax that the parties agreed it bears contained in it. Pure."""
    if settlement is None:
        return ()
    tax = next((tax for tax in tariff.taxes if tax.code == settlement.interest_tax), None)
    rate_bp = rate_in_force(tax, period.last_day) if tax else 0
    out = []
    for period_ms, _, charge in charges:
        gross_minor = charge.interest_minor
        net_minor = divide(gross_minor * TAX_UNIT, TAX_UNIT + rate_bp, "half_up")
        out.append(
            Line(
                clause=CLAUSE,
                kind="interest",
                quantity_base=charge.days,
                amount_minor=gross_minor if tariff.tax_included else net_minor,
                tax_code=tax.code if tax else UNTAXED,
                tax_rate_bp=rate_bp,
                corrects_from_ms=period_ms,
            )
        )
    return tuple(out)


def charged(ctx: Context, name: str, charges: list[Charge]) -> None:
    """A statement charges them: they are due no more."""
    for period_ms, obligation, charge in charges:
        kept = INTEREST.get(ctx, (name, obligation)) or LateItem()
        INTEREST_DUE.delete(ctx, (name, period_ms, obligation))
        INTEREST.put(ctx, (name, obligation), _more(kept, charge.interest_minor))
