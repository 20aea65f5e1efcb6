"""How a period is closed, by itself at its cut-off or when a party asks: usage and gaps to lines, earlier
periods corrected, tax reckoned once.
"""

from typing import NamedTuple

from hansa.apps.billing import errors
from hansa.apps.billing.booking import NEVER_MS
from hansa.apps.billing.books import claims_of, deal_of, of_party, sources_of
from hansa.apps.billing.carrying import NOTHING, Carry, carries, carry_after
from hansa.apps.billing.deal import Deal, bound, period_from
from hansa.apps.billing.interest import Watched, charge_lines, charged, charges_of, watched
from hansa.apps.billing.life import born
from hansa.apps.billing.messages import Agreement, Billed, Close, Held, Late, Stated, Statement
from hansa.apps.billing.meters import check_verified
from hansa.apps.billing.rating import Line, close_statement
from hansa.apps.billing.settling import Past, carry_before, correct_earlier, know, listed, rate_known
from hansa.apps.billing.signals import AgreementEnded, StatementClosed
from hansa.apps.billing.tables import ACCOUNTS, AGREEMENTS, BILLED, CARRIED, LATE, STATEMENTS
from hansa.apps.consortium.calendars import Period
from hansa.kernel import Context, Refusal, due, encode, limits, replace

CORRECTION_STEPS_MAX = limits.SCANNED_MAX // 2
"""Work of a close after which no further earlier period is rated again: it waits for the next close."""
CORRECTION_LINES_MAX = 256
"""Lines of corrections after which, likewise."""
CHARGES_RULES = 2
"""Rules under which late payments are known."""
STATEMENT_BYTES_MAX = limits.BYTES_MAX // 3
"""Each line is written twice: in the statement, and under the period that it is for."""


class Closing(NamedTuple):
    """What a close comes to, before anything is written."""

    statement: Statement
    billed: dict[int, tuple[Line, ...]]
    """The statement's lines before tax, by start of the period that they are for."""
    carried: dict[int, Carry]
    """What periods leave to those after them, by their start; none if the tariff carries nothing."""
    late: list[Watched]
    """Debts that it charges interest for."""


def reckon(ctx: Context, name: str, deal: Deal, period: Period) -> Closing:
    """Rate the period and correct earlier ones; writes nothing. Raises AmountTooLarge, StatementTooLarge."""
    sources = sources_of(ctx, name, deal)
    past = past_of(ctx, name)
    known = know(deal, sources, period, past.claims(period))
    late = LATE.get(ctx, (name,))
    # Looking up claims costs as well: fewer periods are corrected at once where there may be some.
    steps_max = CORRECTION_STEPS_MAX // (2 if deal.agreement.terms.attribution else 1)
    earlier = correct_earlier(
        deal,
        sources,
        past,
        since_ms=late.since_ms if late else NEVER_MS,
        until_ms=period.from_ms,
        enough=lambda lines: lines > CORRECTION_LINES_MAX or ctx.spent()[0] > steps_max,
    )
    carrying = carries(deal.tariff.elements)
    carry = carry_before(past, earlier, period) if carrying else NOTHING
    lines = rate_known(deal, known, carry)
    debts = watched(ctx, name, deal.agreement, period.to_ms) if ctx.rules >= CHARGES_RULES else []
    interest = charge_lines(deal.tariff, deal.agreement.terms.settlement, charges_of(debts), period)
    totals = close_statement(deal.tariff.tax_included, (*lines, *earlier.lines(), *interest))
    statement = Statement(
        agreement=name,
        provider=deal.agreement.provider,
        user=deal.agreement.user,
        period=period,
        currency=deal.tariff.currency,
        tax_included=deal.tariff.tax_included,
        lines=totals.lines,
        by_rate=totals.by_rate,
        net_minor=totals.net_minor,
        tax_minor=totals.tax_minor,
        gross_minor=totals.gross_minor,
        corrected_to_ms=earlier.stopped_ms,
        closed_ms=ctx.time_ms,
        closed_height=ctx.height,
        closed_by=ctx.transaction,
    )
    statement = replace(statement, **listed(deal, known, carry, lines, totals))
    if len(encode(statement)) > STATEMENT_BYTES_MAX:
        raise errors.StatementTooLarge(agreement=name, lines=len(statement.lines), limit=STATEMENT_BYTES_MAX)
    billed = {of.from_ms: lines for of, lines in earlier.found}
    carried = dict(earlier.carried)
    if carrying:
        carried[period.from_ms] = carry_after(deal.tariff.elements, carry, lines)
    return Closing(statement, billed | {period.from_ms: lines}, carried, debts)


def past_of(ctx: Context, name: str) -> Past:
    """What the ledger says of closed periods."""

    def carry(before_ms: int) -> tuple[int, Carry]:
        rows = CARRIED.scan(ctx, (name,), end=(name, before_ms), limit=1, reverse=True)
        return next(((int(key[1]), found) for key, found in rows), (0, NOTHING))

    return Past(
        billed=lambda period: _billed(ctx, name, period),
        claims=lambda period: claims_of(ctx, name, period.from_ms),
        carry=carry,
    )


def keep(ctx: Context, name: str, agreement: Agreement, closing: Closing) -> None:
    """Write a statement, and what it says of each period."""
    stated_ms = closing.statement.period.from_ms
    STATEMENTS.insert(ctx, (name, stated_ms), closing.statement)
    for period_ms, lines in closing.billed.items():
        BILLED.put(ctx, (name, period_ms, stated_ms), Billed(lines=lines))
    for period_ms, carry in closing.carried.items():
        CARRIED.put(ctx, (name, period_ms), carry)
    charged(ctx, name, agreement, closing.late, closing.statement.period.to_ms)
    if closing.statement.corrected_to_ms:
        LATE.put(ctx, (name,), Late(since_ms=closing.statement.corrected_to_ms))
    elif LATE.get(ctx, (name,)) is not None:
        LATE.delete(ctx, (name,))


def _billed(ctx: Context, name: str, period: Period) -> tuple[Line, ...]:
    """Every line that statements carry for a closed period."""
    rows = BILLED.scan(ctx, (name, period.from_ms), limit=limits.SCANNED_MAX)
    return tuple(line for _, billed in rows for line in billed.lines)


def close(ctx: Context, a: Close) -> None:
    # Checks, cheapest first.
    agreement = of_party(ctx, a.agreement)
    if agreement.state != "accepted":
        raise errors.WrongState(agreement=a.agreement, state=agreement.state)
    if not agreement.next_from_ms:
        raise errors.NothingToClose(agreement=a.agreement)
    deal = deal_of(ctx, agreement)
    period = period_from(deal, agreement.next_from_ms)
    if ctx.time_ms < period.to_ms + agreement.terms.cut_off_ms:
        raise errors.TooEarly(agreement=a.agreement)
    check_verified(deal, period)
    closing = reckon(ctx, a.agreement, deal, period)

    # Writes and events.
    _shut(ctx, a.agreement, deal, closing)


def close_due(ctx: Context, name: str) -> None:
    """The next period is past its cut-off: close it, or say why not. Late or early, it closes the same."""
    agreement = AGREEMENTS.get(ctx, (name,))
    if agreement is None or not agreement.next_from_ms:
        return
    deal = deal_of(ctx, agreement)
    period = period_from(deal, agreement.next_from_ms)
    if ctx.time_ms < period.to_ms + agreement.terms.cut_off_ms:
        return  # It was closed by hand, and the next one is not due yet.
    try:
        check_verified(deal, period)
        closing = reckon(ctx, name, deal, period)
    except Refusal as refusal:
        held = Held(agreement=name, period_from_ms=period.from_ms, code=refusal.code, clause=refusal.clause)
        ctx.emit(held)
        return
    _shut(ctx, name, deal, closing)


def _shut(ctx: Context, name: str, deal: Deal, closing: Closing) -> None:
    agreement, statement = deal.agreement, closing.statement
    period = statement.period
    keep(ctx, name, agreement, closing)
    next_from_ms = period.to_ms if period.to_ms < agreement.to_ms else 0
    AGREEMENTS.put(ctx, (name,), replace(agreement, next_from_ms=next_from_ms))
    if next_from_ms:
        next_to_ms = period_from(deal, next_from_ms).to_ms
        due.at(ctx, next_to_ms + agreement.terms.cut_off_ms, close_due, agreement.provider, name)
    else:  # No statement follows that could correct this one: the books are closed.
        for binding in bound(agreement):
            ACCOUNTS.delete(ctx, (binding.owner, binding.feed, name, binding.meter))
    _tell(ctx, name, deal, statement, ended=not next_from_ms)


def _tell(ctx: Context, name: str, deal: Deal, statement: Statement, ended: bool) -> None:
    """Events, and what follows of a statement that stands."""
    agreement, period = deal.agreement, statement.period
    ctx.emit(
        Stated(
            agreement=name,
            provider=agreement.provider,
            user=agreement.user,
            period_from_ms=period.from_ms,
            period_to_ms=period.to_ms,
            currency=statement.currency,
            net_minor=statement.net_minor,
            tax_minor=statement.tax_minor,
            gross_minor=statement.gross_minor,
        )
    )
    ctx.signal(StatementClosed(name, period.from_ms, statement.gross_minor))
    born(ctx, name, agreement, statement)
    if ended:
        ctx.signal(AgreementEnded(name))
