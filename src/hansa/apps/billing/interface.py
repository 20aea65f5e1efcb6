"""What other rooms may ask of this one."""

from hansa.apps.billing import errors
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
