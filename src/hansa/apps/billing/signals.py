"""What the room tells other rooms, within the transaction in which it happens."""

from dataclasses import dataclass

from hansa.kernel import Signal


@dataclass(frozen=True)
class StatementClosed(Signal):
    """A period was closed and its statement stands."""

    agreement: str
    period_ms: int
    gross_minor: int


@dataclass(frozen=True)
class StatementConfirmed(Signal):
    """Both parties agree to a statement, or to all lines but those in dispute."""

    agreement: str
    period_ms: int


@dataclass(frozen=True)
class StatementPaid(Signal):
    """Nothing of a statement is open any more. Told again when an undone payment was made good."""

    agreement: str
    period_ms: int


@dataclass(frozen=True)
class AgreementEnded(Signal):
    """The last period of an agreement was closed; its statements may still be open."""

    agreement: str
