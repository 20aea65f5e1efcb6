"""What the room tells other rooms, within the transaction in which it happens. Times are ms, UTC."""

from dataclasses import dataclass

from hansa.apps.money.messages import Cause, FundKind
from hansa.kernel import Signal


@dataclass(frozen=True)
class Paid(Signal):
    """Nothing of an obligation is open any more. `paid_ms`: the latest value date of what paid it; the
    present where nothing did, because it was waived or corrected to nothing.
    """

    obligation: str
    cause: Cause
    subject: str
    paid_ms: int
    late_ms: int
    """How long after its due time; 0 if not late."""


@dataclass(frozen=True)
class Unpaid(Signal):
    """An obligation that had been paid in full is open again: a payment was undone."""

    obligation: str
    cause: Cause
    subject: str


@dataclass(frozen=True)
class Waived(Signal):
    """The creditor forgoes so much of what was open."""

    obligation: str
    cause: Cause
    subject: str
    amount_minor: int


@dataclass(frozen=True)
class FundPaidIn(Signal):
    """A security deposit, prepayment or earnest money is paid in, as far as it is owed."""

    fund: str
    kind: FundKind
    subject: str


@dataclass(frozen=True)
class Overdue(Signal):
    """An obligation is still open at its due time. Told once, at or after that time."""

    obligation: str
    cause: Cause
    subject: str
    debtor: str
    creditor: str
