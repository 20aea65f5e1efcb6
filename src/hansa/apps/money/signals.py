"""What the room tells other rooms, within the transaction in which it happens. Times are ms, UTC."""

from dataclasses import dataclass

from hansa.apps.money.messages import Cause, FundKind
from hansa.kernel import Signal


@dataclass(frozen=True)
class Paid(Signal):
    """An obligation is paid in full. `paid_ms`: the latest value date of what paid it."""

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
class FundPaidIn(Signal):
    """A security deposit, prepayment or earnest money is paid in, whole."""

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
