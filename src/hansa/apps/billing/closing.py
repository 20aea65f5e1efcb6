"""How a period is closed: usage and gaps to lines, earlier periods corrected, tax reckoned once."""

from hansa.apps.billing.booking import NEVER_MS
from hansa.apps.billing.books import sources_of
from hansa.apps.billing.deal import Deal
from hansa.apps.billing.messages import Billed, Late, Statement
from hansa.apps.billing.rating import Line, close_statement
from hansa.apps.billing.settling import correct_earlier, rate_period
from hansa.apps.billing.tables import BILLED, LATE, STATEMENTS
from hansa.apps.consortium.calendars import Period
from hansa.kernel import Context, limits

CORRECTION_STEPS_MAX = limits.SCANNED_MAX // 2
"""Work of a close after which no further earlier period is rated again: it waits for the next close."""


def close_period(ctx: Context, name: str, deal: Deal, period: Period) -> Statement:
    """Rate the period, correct earlier ones, and keep the statement. Raises AmountTooLarge before any
    write.
    """
    sources = sources_of(ctx, name, deal)
    rated = rate_period(deal, sources, period)
    late = LATE.get(ctx, (name,))
    earlier = correct_earlier(
        deal,
        sources,
        lambda of: _billed(ctx, name, of),
        since_ms=late.since_ms if late else NEVER_MS,
        until_ms=period.from_ms,
        enough=lambda: ctx.spent()[0] > CORRECTION_STEPS_MAX,
    )
    totals = close_statement(deal.tariff.tax_included, (*rated.lines, *earlier.lines()))
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
        gaps=rated.gaps[: limits.STATEMENT_GAPS_MAX],
        gap_count=len(rated.gaps),
        falls=rated.falls[: limits.STATEMENT_GAPS_MAX],
        fall_count=len(rated.falls),
        corrected_to_ms=earlier.stopped_ms,
        closed_ms=ctx.time_ms,
        closed_height=ctx.height,
        closed_by=ctx.transaction,
    )
    STATEMENTS.insert(ctx, (name, period.from_ms), statement)
    BILLED.put(ctx, (name, period.from_ms), Billed(lines=rated.lines))
    for of, lines in earlier.found:
        BILLED.put(ctx, (name, of.from_ms), Billed(lines=(*_billed(ctx, name, of), *lines)))
    if earlier.stopped_ms:
        LATE.put(ctx, (name,), Late(since_ms=earlier.stopped_ms))
    elif late is not None:
        LATE.delete(ctx, (name,))
    return statement


def _billed(ctx: Context, name: str, period: Period) -> tuple[Line, ...]:
    """Every line that statements carry for a closed period."""
    billed = BILLED.get(ctx, (name, period.from_ms))
    assert billed is not None
    return billed.lines
