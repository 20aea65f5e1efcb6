"""The rules of billing: two parties agree on feeds and a tariff; each period is closed by rule, not by
either of them. The actions stand in agreements.py and closing.py; here is what may be asked.
"""

from hansa.apps.billing import claims, interest, invoices, life, listing, messages_life, prices, words
from hansa.apps.billing.agreements import accept, propose, publish_tariff, withdraw
from hansa.apps.billing.books import usage_changed
from hansa.apps.billing.closing import close, close_due
from hansa.apps.billing.messages import (
    Accepted,
    Agreement,
    AgreementChanged,
    GapRecord,
    Held,
    Late,
    Proposed,
    PublishedTariff,
    Stated,
    Statement,
    TariffPublished,
    UsageRecord,
    Withdrawn,
)
from hansa.apps.billing.tables import AGREEMENTS, ALL, GAPS, LATE, STATEMENTS, TARIFFS, USAGE
from hansa.kernel import Context, Room, limits

# Queries.


def agreement_of(ctx: Context, agreement: str) -> Agreement | None:
    return AGREEMENTS.get(ctx, (agreement,))


def tariff_of(ctx: Context, owner: str, tariff: str, version: int) -> PublishedTariff | None:
    return TARIFFS.get(ctx, (owner, tariff, version))


def statement_of(ctx: Context, agreement: str, period_ms: int) -> Statement | None:
    return STATEMENTS.get(ctx, (agreement, period_ms))


def statements_of(ctx: Context, agreement: str) -> list[Statement]:
    """All statements of an agreement, oldest first."""
    return [found for _, found in STATEMENTS.scan(ctx, (agreement,), limit=limits.ALL_ROWS)]


def late_of(ctx: Context, agreement: str) -> Late | None:
    """Since when what is known of closed periods has changed; None if the statements stand as they are."""
    return LATE.get(ctx, (agreement,))


def usage_of(ctx: Context, agreement: str, meter: str) -> list[tuple[int, UsageRecord]]:
    """Sums by start of period, without gaps."""
    rows = USAGE.scan(ctx, (agreement, meter), limit=limits.ALL_ROWS)
    return [(int(key[2]), found) for key, found in rows]


def gaps_of(ctx: Context, agreement: str, meter: str) -> list[tuple[int, GapRecord]]:
    """Unknown stretches that a later reading ended, by their start."""
    rows = GAPS.scan(ctx, (agreement, meter), limit=limits.ALL_ROWS)
    return [(int(key[2]), found) for key, found in rows]


ROOM = Room(
    "billing",
    actions=[
        publish_tariff,
        propose,
        accept,
        withdraw,
        close,
        *claims.ACTIONS,
        *words.ACTIONS,
        *invoices.ACTIONS,
        *interest.ACTIONS,
        *prices.ACTIONS,
    ],
    due=[close_due, life.statement_due],
    listeners=[usage_changed, *life.LISTENERS],
    queries=[
        agreement_of,
        tariff_of,
        statement_of,
        statements_of,
        late_of,
        usage_of,
        gaps_of,
        *claims.QUERIES,
        *life.QUERIES,
        *interest.QUERIES,
        *prices.QUERIES,
        *listing.QUERIES,
    ],
    tables=ALL,
    events=[
        TariffPublished,
        Proposed,
        Accepted,
        Withdrawn,
        Stated,
        Held,
        AgreementChanged,
        *claims.EVENTS,
        *messages_life.EVENTS,
        *prices.EVENTS,
    ],
)
