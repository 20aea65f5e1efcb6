"""What other rooms may ask of this one, and what it tells them.

No other room learns a balance: it owes, holds, captures, releases, transfers, and hears yes or a refusal
(protocol, rule 14). Every function exists under rules 2; under rules 1 it is refused (`money.rules_too_old`).
"""

from dataclasses import dataclass

from hansa.apps.money import errors
from hansa.apps.money.messages import Cause, FundKind, Mode
from hansa.apps.money.signals import FundPaidIn, Overdue, Paid, Unpaid
from hansa.kernel import Context, digest


@dataclass(frozen=True)
class Owed:
    """What is to be owed. `subject`: the agreement or lease that it belongs to, or ""."""

    debtor: str
    creditor: str
    currency: str
    amount_minor: int
    due_ms: int
    """Overdue from this instant on."""
    cause: Cause
    subject: str = ""
    mode: Mode = "external"
    bank: str = ""
    """The member bank in mode "bank"; else ""."""


@dataclass(frozen=True)
class Fund:
    """Money that is paid in for a purpose: it goes from `payer` to `holder` and serves nothing else."""

    kind: FundKind
    payer: str
    holder: str
    currency: str
    agreed_minor: int
    due_ms: int
    subject: str = ""
    mode: Mode = "external"
    bank: str = ""
    secured_minor: int = 0
    """Earnest money only: the price that it secures; at most 20 % of it may be agreed."""


@dataclass(frozen=True)
class FundState:
    """What parties may know of a fund; no amounts."""

    kind: FundKind
    paid_in: bool
    """Whole."""
    drawn: bool
    """Something was drawn or claimed of it."""
    ended: bool
    """Returned, forfeited or returned double: nothing can be drawn any more."""


def name_of(*parts: str) -> str:
    """A name made of names of any length: always the same for the same parts."""
    return digest(list(parts))[:40]


def back_of(obligation: str, number: int) -> str:
    """Name of the obligation back that the n-th correction of a paid one led to, from 1 on."""
    return name_of("back", obligation, str(number))


def pay_in_of(fund: str) -> str:
    """Name of the obligation by which a fund is paid in."""
    return name_of("pay-in", fund)


def owe(ctx: Context, name: str, owed: Owed) -> None:
    """An open obligation from now on."""
    raise errors.RulesTooOld(rules=ctx.rules, wanted=2)


def lessen(ctx: Context, name: str, amount_minor: int, cause: Cause) -> None:
    """So much less is owed, and never was. What was paid beyond is owed back under `back_of(name, n)`."""
    raise errors.RulesTooOld(rules=ctx.rules, wanted=2)


def is_overdue(ctx: Context, name: str) -> bool:
    """Whether an obligation is open at or after its due time. Tests the block's time, no queue."""
    raise errors.RulesTooOld(rules=ctx.rules, wanted=2)


def paid_of(ctx: Context, name: str) -> tuple[int, int]:
    """(what is paid in minor units, when it was paid in full or 0): what its parties may know."""
    raise errors.RulesTooOld(rules=ctx.rules, wanted=2)


def open_fund(ctx: Context, name: str, fund: Fund) -> None:
    """Agree on a fund; its obligation to pay in is `pay_in_of(name)`."""
    raise errors.RulesTooOld(rules=ctx.rules, wanted=2)


def fund(ctx: Context, name: str) -> FundState | None:
    """How far a fund is, without amounts; None if there is none of the name."""
    raise errors.RulesTooOld(rules=ctx.rules, wanted=2)


def draw(ctx: Context, fund: str, amount_minor: int, obligation: str) -> int:
    """Pay of a prepayment, at most so much; what was drawn: never more than is left, or owed."""
    raise errors.RulesTooOld(rules=ctx.rules, wanted=2)


def claim_fund(ctx: Context, fund: str, amount_minor: int, obligation: str) -> int:
    """Pay an overdue obligation of a security deposit, at most so much; what was claimed."""
    raise errors.RulesTooOld(rules=ctx.rules, wanted=2)


def forfeit(ctx: Context, fund: str) -> None:
    """The payer of earnest money withdrew: the holder keeps it."""
    raise errors.RulesTooOld(rules=ctx.rules, wanted=2)


def double(ctx: Context, fund: str) -> None:
    """The holder of earnest money withdrew: it owes it back, and the same again."""
    raise errors.RulesTooOld(rules=ctx.rules, wanted=2)


def return_fund(ctx: Context, fund: str) -> None:
    """What is left goes back to the payer; what was not paid in is not owed any more."""
    raise errors.RulesTooOld(rules=ctx.rules, wanted=2)


def check_bank(ctx: Context, bank: str, *members: str) -> None:
    """Whether these members settle by claims on this bank: to be asked when terms are agreed."""
    raise errors.RulesTooOld(rules=ctx.rules, wanted=2)


def hold(
    ctx: Context,
    name: str,
    payer: str,
    payee: str,
    bank: str,
    currency: str,
    amount_minor: int,
    expires_ms: int,
) -> None:
    """Set so much of the payer's claims aside for the payee, until it expires."""
    raise errors.RulesTooOld(rules=ctx.rules, wanted=2)


def capture(ctx: Context, name: str, amount_minor: int, obligation: str = "") -> None:
    """Move so much of a hold to its payee; it pays an obligation if one is named."""
    raise errors.RulesTooOld(rules=ctx.rules, wanted=2)


def release(ctx: Context, name: str) -> None:
    """Give what is left of a hold back to its payer."""
    raise errors.RulesTooOld(rules=ctx.rules, wanted=2)


def transfer(
    ctx: Context, bank: str, payer: str, payee: str, currency: str, amount_minor: int, subject: str = ""
) -> None:
    """Move claims from one member to another."""
    raise errors.RulesTooOld(rules=ctx.rules, wanted=2)


__all__ = [
    "Cause", "Fund", "FundKind", "FundPaidIn", "FundState", "Mode", "Overdue", "Owed", "Paid", "Unpaid",
    "capture", "check_bank", "claim_fund", "double", "draw", "forfeit", "fund", "hold", "is_overdue",
    "back_of", "lessen", "name_of", "open_fund", "owe", "paid_of", "pay_in_of", "release", "return_fund", "transfer",
]  # fmt: skip
