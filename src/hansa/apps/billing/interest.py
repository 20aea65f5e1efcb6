"""Interest on what is paid late, or not at all: what a debt bears so far is a target, and each charge brings
what was charged to it (docs/tariff-rules.md, section 9).

Each statement charges what debts bear up to the end of its period, so nothing waits for a payment, and no day
is charged twice. Where no statement follows, or a third is to be paid, interest is owed by itself: when the
debt is paid, or when its creditor asks for it. What a payment that is undone or dated back, or a correction,
changes in a target is charged, or taken back, likewise.
"""

from collections.abc import Sequence
from typing import NamedTuple

from hansa.apps.billing import errors_life as errors
from hansa.apps.billing.lawful import interest_minor, is_protected, late_days
from hansa.apps.billing.lines import UNTAXED, Line, divide
from hansa.apps.billing.messages import Agreement
from hansa.apps.billing.messages_life import (
    ChargeInterest,
    InterestOwed,
    LateCharge,
    LateDebt,
    LateItem,
    Part,
)
from hansa.apps.billing.rating import TAX_UNIT
from hansa.apps.billing.tables import AGREEMENTS, INTEREST, LATE_DEBTS, LIVES, OWED_FOR, STATEMENTS
from hansa.apps.billing.tariff import Tariff, rate_in_force
from hansa.apps.billing.terms import Settlement
from hansa.apps.consortium.calendars import Period
from hansa.apps.money import interface as money
from hansa.kernel import Context, Id, limits, replace, since

CLAUSE = "late_payment"
Paid = tuple[int, int]
"""(amount in minor units, value date): what was paid of a debt."""


class Bears(NamedTuple):
    """Interest that a debt bears so far, and the days of delay of what came last or is open still."""

    interest_minor: int
    days: int


class Charge(NamedTuple):
    """What a statement, or an obligation of its own, charges for one debt."""

    period_ms: int
    """Start of the period whose statement led to the debt."""
    obligation: str
    interest_minor: int
    """Positive: the user owes it."""
    days: int
    """Of delay that were not charged before."""


class Watched(NamedTuple):
    """A debt on the list, by what is known of it at a close."""

    look_ms: int
    part: Part
    charge: Charge
    open: bool
    apart: bool
    """No statement charges it: one of the two is neither provider nor user."""


def bears(
    agreement: Agreement, settlement: Settlement, part: Part, payments: Sequence[Paid], until_ms: int
) -> Bears:
    """What a debt bears in interest up to an instant; `payments`: what was paid of it. Pure.

    Payments count by their value dates, the earliest first, up to what is owed by now; what is open bears
    interest for each day begun before `until_ms`.
    """
    protected = _is_protected(agreement, part)
    left_minor, whole_minor, days = part.amount_minor, 0, 0
    for amount_minor, value_ms in sorted(payments, key=_value_date):
        paid_minor = min(left_minor, amount_minor)
        left_minor -= paid_minor
        if paid_minor:
            days = late_days(part.due_ms, value_ms)
            whole_minor += interest_minor(settlement, paid_minor, days, protected)
    if left_minor:
        days = late_days(part.due_ms, until_ms - 1)
        whole_minor += interest_minor(settlement, left_minor, days, protected)
    return Bears(whole_minor, days)


def _value_date(paid: Paid) -> int:
    return paid[1]


def _is_protected(agreement: Agreement, part: Part) -> bool:
    """Whether the law has a rate for a debt where none was agreed. Of a third no size is known here."""
    sizes = {agreement.user: agreement.user_size, agreement.provider: agreement.provider_size}
    return is_protected(sizes.get(part.debtor, ""), sizes.get(part.creditor, ""))


def sign_of(agreement: Agreement, part: Part) -> int:
    """1 for what the user owes, -1 for what it is owed."""
    return 1 if part.debtor == agreement.user else -1


def is_apart(agreement: Agreement, part: Part) -> bool:
    """Whether no statement can charge a debt's interest: somebody else than provider and user is in it."""
    parties = (agreement.user, agreement.provider)
    return part.debtor not in parties or part.creditor not in parties


def charge_lines(
    tariff: Tariff, settlement: Settlement | None, charges: Sequence[Charge], period: Period
) -> tuple[Line, ...]:
    """A line for each: interest, with the tax that the parties agreed it bears contained in it. Pure."""
    if settlement is None:
        return ()
    tax = next((tax for tax in tariff.taxes if tax.code == settlement.interest_tax), None)
    rate_bp = rate_in_force(tax, period.last_day) if tax else 0
    out = []
    for charge in charges:
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
                corrects_from_ms=charge.period_ms,
                charged_minor=gross_minor,
            )
        )
    return tuple(out)


# The list of debts that may bear interest: from the time that they are owed until they were paid in time, or
# all that they bear was charged.


def watch(ctx: Context, name: str, period_ms: int, part: Part) -> None:
    """Put a debt on the list, unless it can never bear interest."""
    agreement = AGREEMENTS.get(ctx, (name,))
    assert agreement is not None
    settlement = agreement.terms.settlement
    assert settlement is not None
    if settlement.interest_bp or _is_protected(agreement, part):
        LATE_DEBTS.put(ctx, _place(ctx, name, part), LateDebt(period_ms=period_ms))


def _place(ctx: Context, name: str, part: Part) -> tuple[str, int, str]:
    """Where a debt stands: by its due time, then by the time up to which it was charged last."""
    kept = INTEREST.get(ctx, (name, part.obligation))
    return name, kept.look_ms if kept and kept.look_ms else part.due_ms, part.obligation


def reckon_paid(ctx: Context, name: str, period_ms: int, part: Part) -> None:
    """A debt is paid in full, or was corrected since: what it bears is known."""
    agreement = AGREEMENTS.get(ctx, (name,))
    assert agreement is not None
    found = _charge(ctx, agreement, name, period_ms, part, ctx.time_ms)
    waits = agreement.next_from_ms and not is_apart(agreement, part)
    if waits and found.interest_minor:
        watch(ctx, name, period_ms, part)
        return
    place = _place(ctx, name, part)
    if LATE_DEBTS.get(ctx, place) is not None:
        LATE_DEBTS.delete(ctx, place)
    if found.interest_minor:
        _owe(ctx, name, agreement, part, found)


def _charge(
    ctx: Context, agreement: Agreement, name: str, period_ms: int, part: Part, until_ms: int
) -> Charge:
    settlement = agreement.terms.settlement
    assert settlement is not None
    kept = INTEREST.get(ctx, (name, part.obligation)) or LateItem()
    found = bears(agreement, settlement, part, money.payments_of(ctx, part.obligation), until_ms)
    change_minor = sign_of(agreement, part) * found.interest_minor - kept.charged_minor
    return Charge(period_ms, part.obligation, change_minor, found.days - kept.days)


def watched(ctx: Context, name: str, agreement: Agreement, until_ms: int) -> list[Watched]:
    """Debts that a close at the end of a period charges interest for, those that waited longest first.

    At most INTEREST_ITEMS_MAX are looked at, INTEREST_APART_MAX of them with a third; the others wait for the
    next close, and lose nothing by it. So do those that fell due later; but for the last close no other
    follows.
    """
    out: list[Watched] = []
    end = (name, until_ms) if until_ms < agreement.to_ms else None
    for key, debt in LATE_DEBTS.scan(ctx, (name,), end=end, limit=limits.INTEREST_ITEMS_MAX):
        life = LIVES.get(ctx, (name, debt.period_ms))
        assert life is not None
        part = next(part for part in life.parts if part.obligation == str(key[2]))
        still_open = not part.paid_ms and part.amount_minor > 0
        charge = _charge(ctx, agreement, name, debt.period_ms, part, until_ms)
        apart = is_apart(agreement, part)
        if apart and sum(each.apart for each in out) == limits.INTEREST_APART_MAX:
            continue
        if charge.interest_minor or charge.days or not still_open:
            out.append(Watched(int(key[1]), part, charge, still_open, apart))
    return out


def charges_of(found: Sequence[Watched]) -> list[Charge]:
    """Those that a statement has a line for."""
    return [each.charge for each in found if each.charge.interest_minor and not each.apart]


def charged(ctx: Context, name: str, agreement: Agreement, found: Sequence[Watched], until_ms: int) -> None:
    """A statement charges them: what is paid leaves the list, what is open is looked at again."""
    for each in found:
        of = each.part.obligation
        LATE_DEBTS.delete(ctx, (name, each.look_ms, of))
        if each.apart and each.charge.interest_minor:
            _owe(ctx, name, agreement, each.part, each.charge)
        else:
            _keep(ctx, name, each.charge)
        if each.open:
            kept = INTEREST.get(ctx, (name, of)) or LateItem()
            INTEREST.put(ctx, (name, of), replace(kept, look_ms=until_ms))
            watch(ctx, name, each.charge.period_ms, each.part)


def _keep(ctx: Context, name: str, charge: Charge) -> LateItem:
    """Note what was charged; what was noted before."""
    kept = INTEREST.get(ctx, (name, charge.obligation)) or LateItem()
    more = replace(
        kept,
        charged_minor=kept.charged_minor + charge.interest_minor,
        charges=kept.charges + 1,
        days=kept.days + charge.days,
    )
    INTEREST.put(ctx, (name, charge.obligation), more)
    return kept


def _owe(ctx: Context, name: str, agreement: Agreement, part: Part, charge: Charge) -> None:
    """Interest by itself, at once; what was charged too much goes back the same way."""
    statement, settlement = STATEMENTS.get(ctx, (name, charge.period_ms)), agreement.terms.settlement
    assert statement is not None
    assert settlement is not None
    amount_minor = sign_of(agreement, part) * charge.interest_minor
    debtor, creditor = (part.debtor, part.creditor) if amount_minor > 0 else (part.creditor, part.debtor)
    own = money.name_of("interest", part.obligation, str(_keep(ctx, name, charge).charges))
    owed = money.Owed(
        debtor=debtor,
        creditor=creditor,
        currency=statement.currency,
        amount_minor=abs(amount_minor),
        due_ms=ctx.time_ms,
        cause="interest",
        subject=name,
        mode="bank" if settlement.bank else "external",
        bank=settlement.bank,
    )
    ctx.emit(
        InterestOwed(
            agreement=name, period_ms=charge.period_ms, obligation=own, interest_minor=abs(amount_minor)
        )
    )
    money.owe(ctx, own, owed)


@since(2)
def charge_interest(ctx: Context, a: ChargeInterest) -> None:
    # Checks, cheapest first.
    agreement, owed_for = AGREEMENTS.get(ctx, (a.agreement,)), OWED_FOR.get(ctx, (a.obligation,))
    if agreement is None or owed_for is None or owed_for.agreement != a.agreement:
        raise errors.InterestUnknown(agreement=a.agreement, obligation=a.obligation)
    life = LIVES.get(ctx, (a.agreement, owed_for.period_ms))
    assert life is not None
    part = next(part for part in life.parts if part.obligation == a.obligation)
    if ctx.member != part.creditor:
        raise errors.InterestOfOther(obligation=a.obligation, creditor=part.creditor)
    if agreement.next_from_ms:
        raise errors.InterestWaits(agreement=a.agreement)
    charge = _charge(ctx, agreement, a.agreement, owed_for.period_ms, part, ctx.time_ms)
    if sign_of(agreement, part) * charge.interest_minor <= 0:
        raise errors.InterestNone(obligation=a.obligation)

    # Writes and events.
    _owe(ctx, a.agreement, agreement, part, charge)


# Queries.


def interest_due_of(ctx: Context, agreement: Id) -> list[LateCharge]:
    """Interest that has run by now and that nothing charged yet, debt by debt."""
    found = AGREEMENTS.get(ctx, (agreement,))
    if found is None or found.terms.settlement is None:
        return []
    return [
        LateCharge(
            period_ms=each.charge.period_ms,
            obligation=each.charge.obligation,
            interest_minor=each.charge.interest_minor,
            days=each.charge.days,
        )
        for each in watched(ctx, agreement, found, ctx.time_ms)
        if each.charge.interest_minor
    ]


def interest_of(ctx: Context, agreement: Id) -> list[tuple[str, LateItem]]:
    """What was charged in interest so far, by obligation."""
    rows = INTEREST.scan(ctx, (agreement,), limit=limits.ALL_ROWS)
    return [(str(key[1]), found) for key, found in rows]


ACTIONS = (charge_interest,)
QUERIES = (interest_due_of, interest_of)
