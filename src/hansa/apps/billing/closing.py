"""How a period is closed: usage and gaps to lines, earlier periods corrected, tax reckoned once."""

from hansa.apps.billing.books import LedgerSource, Terms, measure
from hansa.apps.billing.gaps import GapLine, book_gaps
from hansa.apps.billing.messages import Billed, FallLine, Statement
from hansa.apps.billing.rating import Line, close_statement, corrections, rate
from hansa.apps.billing.tables import BILLED, LATE, STATEMENTS, USAGE
from hansa.apps.consortium.calendars import Period, clip, period_at
from hansa.apps.metering import interface as metering
from hansa.kernel import Context, limits


def period_from(terms: Terms, from_ms: int) -> Period:
    """The agreement's period that starts at an instant."""
    agreement = terms.agreement
    whole = period_at(terms.calendar, terms.tariff.period, from_ms)
    return clip(terms.calendar, whole, agreement.from_ms, agreement.to_ms)


def following(terms: Terms, period: Period) -> int:
    """Start of the next period; 0 after the agreement's last."""
    return period.to_ms if period.to_ms < terms.agreement.to_ms else 0


def close_period(ctx: Context, name: str, terms: Terms, period: Period) -> Statement:
    """Rate the period, correct earlier ones, and keep the statement."""
    lines, gaps, falls = rate_period(ctx, name, terms, period)
    corrected = _correct_earlier(ctx, name, terms)
    totals = close_statement(terms.tariff.tax_included, (*lines, *corrected))
    statement = Statement(
        agreement=name,
        provider=terms.agreement.provider,
        user=terms.agreement.user,
        period=period,
        currency=terms.tariff.currency,
        tax_included=terms.tariff.tax_included,
        lines=totals.lines,
        by_rate=totals.by_rate,
        net_minor=totals.net_minor,
        tax_minor=totals.tax_minor,
        gross_minor=totals.gross_minor,
        gaps=tuple(gaps[: limits.STATEMENT_GAPS_MAX]),
        gap_count=len(gaps),
        falls=tuple(falls[: limits.STATEMENT_GAPS_MAX]),
        fall_count=len(falls),
        closed_ms=ctx.time_ms,
        closed_height=ctx.height,
        closed_by=ctx.transaction,
    )
    STATEMENTS.insert(ctx, (name, period.from_ms), statement)
    BILLED.put(ctx, (name, period.from_ms), Billed(lines=lines))
    return statement


def rate_period(
    ctx: Context, name: str, terms: Terms, period: Period
) -> tuple[tuple[Line, ...], list[GapLine], list[FallLine]]:
    """The lines of a period by what is known now, its gaps and its low readings."""
    usage: dict[tuple[str, str, str], int] = {}
    gaps: list[GapLine] = []
    falls: list[FallLine] = []
    windows = terms.scheme.names
    for binding in terms.agreement.meters:
        feed = metering.feed(ctx, binding.owner, binding.feed)
        of = measure(terms, binding.meter, feed)
        parts = of.parts()
        kept = USAGE.get(ctx, (name, binding.meter, period.from_ms))
        for position, count in enumerate(kept.counts if kept else ()):
            bucket = (binding.meter, parts[position // len(windows)], windows[position % len(windows)])
            usage[bucket] = count
        rule = next(gap for gap in terms.agreement.terms.gaps if gap.meter == binding.meter)
        source = LedgerSource(ctx, name, binding, feed)
        for booked in book_gaps(of, rule, source, period.from_ms, period.to_ms):
            for (part, window), quantity in booked.parts.items():
                bucket = (binding.meter, parts[part], windows[window])
                usage[bucket] = usage.get(bucket, 0) + quantity
            if booked.listed:
                gaps.append(booked.line)
        if feed.kind == "counter":
            runs = metering.falls(ctx, binding.owner, binding.feed, period.from_ms, period.to_ms)
            falls += [
                FallLine(
                    meter=binding.meter,
                    from_ms=run.first_ms,
                    to_ms=run.last_ms,
                    readings=run.readings,
                    value_base=run.value,
                    good_base=run.good_value,
                    status=run.status,
                )
                for run in runs
            ]
    return rate(terms.tariff, usage, period), gaps, falls


def _correct_earlier(ctx: Context, name: str, terms: Terms) -> tuple[Line, ...]:
    """Rate closed periods again whose usage changed; the oldest first, a bounded number at each close (C1)."""
    out: tuple[Line, ...] = ()
    late = list(LATE.scan(ctx, (name,), limit=limits.CORRECTED_PERIODS_MAX))
    for key, _ in late:
        period = period_from(terms, int(key[1]))
        billed = BILLED.get(ctx, (name, period.from_ms))
        assert billed is not None
        lines, _, _ = rate_period(ctx, name, terms, period)
        found = corrections(lines, billed.lines, period)
        if found:
            BILLED.put(ctx, (name, period.from_ms), Billed(lines=(*billed.lines, *found)))
        LATE.delete(ctx, (name, period.from_ms))
        out += found
    return out
