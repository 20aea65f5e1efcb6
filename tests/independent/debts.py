"""What the second opinion on books knows of agreements, debts, funds, statements: docs/bookkeeping-rules.md.

Plain data with the rules that need nothing else. Times are ms since the epoch, UTC; amounts minor units.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from fractions import Fraction
from math import floor
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

DAY_MS = 86_400_000
EPOCH = date(1970, 1, 1)
Key = tuple[Any, ...]
"""Of a debt: (agreement, period_ms, n), ("pay-in", fund), ("return", fund), ("same-again", fund),
("refund", creditor, entry, n), ("interest", key, n), ("back", key, n) or what the teller calls it.
"""
Happening = tuple[int, str, Mapping[str, Any]]


class Agreement(NamedTuple):
    """What the parties agreed on beside the tariff."""

    name: str
    provider: str
    user: str
    zone: str = "Asia/Shanghai"
    currency: str = "CNY"
    payment_days: int = 30
    runs_from: str = "period_end"
    silence_days: int = 0
    interest_bp: int = 0
    interest_percent: str | None = None
    protected: bool = False
    """The user is large, the provider is not."""
    long_term: bool = False
    settled: bool = True
    """False: no terms of settlement; statements stand when they are closed, and nothing is owed."""
    to_ms: int = 0
    """The end of the last period; 0: statements go on."""
    with_tax: bool = False
    """The tariff's prices contain their tax."""


class Effect(NamedTuple):
    """Something that books have to tell; journal.py says how."""

    at_ms: int
    kind: str
    what: Any


@dataclass
class Debt:
    debtor: str
    creditor: str
    currency: str
    amount: int
    due_ms: int
    cause: str
    agreement: str = ""
    leg: int = 0
    back_of: Key | None = None
    waived: int = 0
    backs: int = 0
    """What went back of it in all."""
    payments: list[tuple[Key, int, int, int]] = field(default_factory=list)
    """(what it came from, amount, value date in ms, when it was recorded)."""
    fund: str = ""
    """That it pays in."""

    @property
    def paid(self) -> int:
        return sum(amount for _, amount, *_ in self.payments)

    @property
    def open(self) -> int:
        return self.amount - self.paid

    @property
    def stands_for(self) -> int:
        """Of what is agreed on (O8)."""
        return self.amount - self.backs


@dataclass
class Fund:
    kind: str
    payer: str
    holder: str
    currency: str
    agreement: str
    paid_in: int = 0
    drawn: int = 0
    returned: int = 0
    forfeited: int = 0
    ended: bool = False
    invoiced: bool = False

    @property
    def left(self) -> int:
        return self.paid_in - self.drawn - self.returned - self.forfeited


@dataclass
class Receipt:
    creditor: str
    payer: str
    currency: str
    amount: int
    value_ms: int
    pays: dict[Key, int]
    refunded: int = 0
    refunds: int = 0
    undone: bool = False


@dataclass
class Stated:
    """A statement and all that became of it."""

    agreement: Agreement
    period_ms: int
    to_ms: int
    closed_ms: int
    lines: list[dict[str, Any]]
    shares: list[tuple[str, str, int, int, int]]
    standing: dict[int, tuple[int, int]] = field(default_factory=dict)
    """(net, tax) by line."""
    words: dict[str, int] = field(default_factory=dict)
    disputes: dict[str, list[int]] = field(default_factory=dict)
    given: dict[int, tuple[int, int]] = field(default_factory=dict)
    """(gross, tax) given up so far by line, in effect or not."""
    corrections: list[dict[int, tuple[int, int]]] = field(default_factory=list)
    waiting: dict[int, dict[int, tuple[int, int]]] = field(default_factory=dict)
    invoice_ms: int = 0
    parts: list[Key] = field(default_factory=list)

    @property
    def confirmed_ms(self) -> int:
        parties = (self.agreement.provider, self.agreement.user)
        return max(self.words[one] for one in parties) if all(one in self.words for one in parties) else 0

    @property
    def silence_ms(self) -> int:
        days = self.agreement.silence_days
        return self.closed_ms + days * DAY_MS if days else 0

    @property
    def latest_ms(self) -> int:
        """The latest day that the law allows; 0: it sets none."""
        of = self.agreement
        return self.to_ms + 60 * DAY_MS if of.protected and not of.long_term else 0

    def due_ms(self, debtor: str, now_ms: int) -> int:
        """O6."""
        of = self.agreement
        starts = {"period_end": self.to_ms, "confirmation": self.confirmed_ms, "invoice": self.invoice_ms}
        start_ms = starts[of.runs_from]
        found = [start_ms + of.payment_days * DAY_MS] if start_ms else []
        if debtor == of.user and self.latest_ms:
            found.append(self.latest_ms)
        return min(found) if found else now_ms + 30 * DAY_MS

    @property
    def disputed(self) -> set[int]:
        return {line for lines in self.disputes.values() for line in lines}

    def gross(self, number: int) -> int:
        return sum(self.standing[number])

    def waits(self) -> set[int]:
        """O4: the lines that are not agreed on."""
        whole = sum(self.gross(number) for number in self.standing)
        charges = {number for number in self.disputed if self.gross(number) > 0}
        credits = {number for number in self.disputed if self.gross(number) < 0}
        if not self.disputed:
            return set()
        if whole > sum(self.gross(number) for number in charges):
            return charges
        if whole < sum(self.gross(number) for number in credits):
            return credits
        return set(self.standing)

    def agreed(self) -> int:
        """Gross."""
        waits = self.waits()
        return sum(self.gross(number) for number in self.standing if number not in waits)

    def legs(self) -> list[tuple[str, str, int]]:
        """O7."""
        if not self.shares:
            whole = sum(line["gross"] for line in self.lines)
            return [(self.agreement.user, self.agreement.provider, whole)]
        sums: dict[tuple[str, str], int] = {}
        for debtor, creditor, _, _, gross in self.shares:
            sums[debtor, creditor] = sums.get((debtor, creditor), 0) + gross
        return [(*pair, gross) for pair, gross in sums.items() if pair[0] != pair[1]]


def half_up(x: Fraction) -> int:
    size = floor(abs(x) + Fraction(1, 2))
    return size if x >= 0 else -size


def allot(amount: int, weights: Sequence[int]) -> list[int]:
    """O7: floors, then one unit each by largest remainder."""
    whole = sum(weights)
    if amount == whole:
        return list(weights)
    if not whole:
        return [amount, *[0] * (len(weights) - 1)]
    exact = [Fraction(amount * weight, whole) for weight in weights]
    parts = [floor(one) for one in exact]
    by_rest = sorted(range(len(exact)), key=lambda n: parts[n] - exact[n])
    for n in by_rest[: amount - sum(parts)]:
        parts[n] += 1
    return parts


def day_of(at_ms: int, zone: str) -> int:
    """The local date of an instant, in days since the epoch."""
    return (datetime.fromtimestamp(at_ms // 1000, UTC).astimezone(ZoneInfo(zone)).date() - EPOCH).days


def interest_on(agreement: Agreement, debt: Debt, until_ms: int) -> tuple[int, int]:
    """(interest, days of delay of the last amount): docs/tariff-rules.md, section 9."""
    if agreement.interest_bp:
        daily = Fraction(agreement.interest_bp, 10_000 * 365)
    else:
        covered = agreement.protected and (debt.debtor, debt.creditor) == (agreement.user, agreement.provider)
        daily = Fraction(5, 10_000) if covered else Fraction(0)
    left, sum_minor, days = debt.stands_for, 0, 0
    for _, amount, value_ms, _ in sorted(debt.payments, key=lambda paid: paid[2]):
        taken = min(left, amount)
        left -= taken
        if taken:
            days = (value_ms - debt.due_ms) // DAY_MS + 1 if value_ms >= debt.due_ms else 0
            sum_minor += half_up(taken * daily * days)
    if left:
        last_ms = until_ms - 1
        days = (last_ms - debt.due_ms) // DAY_MS + 1 if last_ms >= debt.due_ms else 0
        sum_minor += half_up(left * daily * days)
    return sum_minor, days
