"""What other rooms may ask of this one."""

from hansa.apps.billing import agreements, errors
from hansa.apps.billing.messages import Agreement, Statement
from hansa.apps.billing.tables import AGREEMENTS, STATEMENTS
from hansa.kernel import Context


def agreement(ctx: Context, name: str) -> Agreement:
    """An agreement, in whatever state. Raises AgreementUnknown."""
    found = AGREEMENTS.get(ctx, (name,))
    if found is None:
        raise errors.AgreementUnknown(agreement=name)
    return found


def statement(ctx: Context, name: str, period_ms: int) -> Statement | None:
    """The statement of the period that starts at an instant; None before its close."""
    return STATEMENTS.get(ctx, (name, period_ms))


def agree(ctx: Context, name: str, agreement: Agreement, content: str) -> None:
    """An agreement that both parties signed elsewhere: all checks of proposing and accepting, then it counts.

    The calling room vouches for the signatures. `content` is what they signed (`deal.content`). Raises the
    refusals of propose and accept.
    """
    agreements.agree(ctx, name, agreement, content)


def end_early(ctx: Context, name: str, to_ms: int) -> None:
    """The agreement ends at `to_ms`: now or later, after the periods closed. Raises EndTime, EndRecorded."""
    agreements.end_early(ctx, name, to_ms)


def extend(ctx: Context, name: str, to_ms: int) -> None:
    """The agreement goes on until `to_ms`, on the same tariff and terms. Raises EndTime, EndRecorded,
    Overlapping, CalendarOutside.
    """
    agreements.extend(ctx, name, to_ms)
