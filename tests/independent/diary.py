"""What parties agreed on and what happened since, as plain data: all that a stranger needs to recompute what
they owe each other. Nothing of Hansa is in it.

Times are ms since the epoch, UTC; `at_ms` is when it was entered in the ledger (block time). Amounts are
minor units. `agreement` and `period_ms` (the start of its period) name a statement. Debts have plain names:

- `st:<agreement>:<period_ms>:<n>`: the n-th debt (0, 1, …) that a statement led to
- `back:<debt>:<n>`: what goes back of it once it was paid beyond what is owed, n = 1, 2, …
- `in:<agreement>:<kind>`: a fund is paid in; `return:<agreement>:<kind>`: what is left of it goes back
- `interest:<debt>:<n>`: interest that no statement charges, n = 0, 1, …
- `refund:<entry>:<n>`: unapplied money goes back, n = 0, 1, …
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Period = tuple[int, int, int, int]
"""from_ms, to_ms (clipped to the agreement), full_from_ms, full_to_ms."""
Line = dict[str, Any]


@dataclass(frozen=True)
class Fund:
    """security_deposit, prepayment or earnest_money, agreed on with the agreement."""

    kind: str
    agreed_minor: int
    due_ms: int


@dataclass(frozen=True)
class Metered:
    """A feed as its owner declared it."""

    kind: str
    reporting: str
    modulus: int = 0
    states: tuple[str, ...] = ()


@dataclass(frozen=True)
class Agreed:
    """One agreement. `sheet` is the tariff as people write it (docs/write-a-tariff.md), `terms` with it."""

    name: str
    provider: str
    user: str
    sheet: Mapping[str, Any]
    feeds: Mapping[str, str]
    """The feed of each meter."""
    from_ms: int
    to_ms: int
    agreed_ms: int
    """When both had agreed."""
    provider_size: str = "medium"
    user_size: str = "medium"
    funds: tuple[Fund, ...] = ()


@dataclass(frozen=True)
class Reading:
    """`value` None: lost."""

    at_ms: int
    feed: str
    read_ms: int
    value: Any
    span_ms: int
    sequence: int


@dataclass(frozen=True)
class Priced:
    """A value of a published index, from a local date (`YYYY-MM-DD`) on."""

    at_ms: int
    owner: str
    index: str
    day: str
    value: int


@dataclass(frozen=True)
class Confirmed:
    at_ms: int
    by: str
    agreement: str
    period_ms: int


@dataclass(frozen=True)
class Disputed:
    """Lines by their numbers; all others of the statement are confirmed by it."""

    at_ms: int
    by: str
    agreement: str
    period_ms: int
    lines: tuple[int, ...]


@dataclass(frozen=True)
class Withdrawn:
    at_ms: int
    by: str
    agreement: str
    period_ms: int


@dataclass(frozen=True)
class Conceded:
    """`lines`: number → gross_minor given up, positive."""

    at_ms: int
    by: str
    agreement: str
    period_ms: int
    lines: Mapping[int, int]


@dataclass(frozen=True)
class Invoiced:
    at_ms: int
    agreement: str
    period_ms: int
    number: str
    issued_day: str
    """Date on the invoice, YYYY-MM-DD."""
    net_minor: int
    tax_minor: int
    gross_minor: int


@dataclass(frozen=True)
class RedLettered:
    """The confirmation that the n-th correction (1, 2, …) of a statement waited for."""

    at_ms: int
    agreement: str
    period_ms: int
    correction: int
    number: str


@dataclass(frozen=True)
class Received:
    """A payment on the creditor's bank statement. `shares`: debt → amount; the rest stays unapplied."""

    at_ms: int
    creditor: str
    payer: str
    entry: str
    currency: str
    amount_minor: int
    value_ms: int
    shares: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Applied:
    """What was unapplied of a receipt pays these."""

    at_ms: int
    creditor: str
    entry: str
    shares: Mapping[str, int]


@dataclass(frozen=True)
class Refunded:
    at_ms: int
    creditor: str
    entry: str
    amount_minor: int
    due_ms: int


@dataclass(frozen=True)
class FundReturned:
    """An agreement was closed: what is left of its fund goes back."""

    at_ms: int
    agreement: str
    kind: str


Happening = (
    Reading
    | Priced
    | Confirmed
    | Disputed
    | Withdrawn
    | Conceded
    | Invoiced
    | RedLettered
    | Received
    | Applied
    | Refunded
    | FundReturned
)


@dataclass(frozen=True)
class Stated:
    """A statement as it was closed."""

    at_ms: int
    agreement: str
    period: Period
    lines: Sequence[Line]
    """As `recompute` gives them; interest lines among them, kind `interest`."""
    shares: Sequence[tuple[str, str, int, int]] = ()
    """(debtor, creditor, net_minor, tax_minor) where the tariff splits a revenue; else none."""


@dataclass(frozen=True)
class Charge:
    """Interest that the next statement charges, positive: to the user. `period_ms`: of what was paid late."""

    period_ms: int
    debt: str
    days: int
    interest_minor: int


@dataclass
class Diary:
    """All of it, in the order of the ledger."""

    agreed: list[Agreed] = field(default_factory=list)
    happened: list[Happening] = field(default_factory=list)
