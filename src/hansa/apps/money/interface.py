"""What other rooms may ask of this one, and what it tells them.

No other room learns a balance: it owes, holds, captures, releases, transfers, and hears yes or a refusal
(protocol, rule 14). Under rules 1 nothing is owed or held (`money.rules_too_old`).
"""

from hansa.apps.money import banking, funds, holds, obligations
from hansa.apps.money.accounts import check_bank
from hansa.apps.money.funds import Fund, FundState, double, forfeit, open_fund, return_fund
from hansa.apps.money.messages import Cause, FundKind, Mode, WaiverCorrected
from hansa.apps.money.names import back_of, name_of, pay_in_of, reference_of, return_of, same_again_of
from hansa.apps.money.obligations import Owed
from hansa.apps.money.signals import FundPaidIn, Overdue, Paid, Unpaid, Waived
from hansa.apps.money.tables import PAYMENTS
from hansa.kernel import Context, limits


def owe(ctx: Context, name: str, owed: Owed) -> None:
    """An open obligation from now on. Raises ObligationTaken, SameParty, NotAccepted, …"""
    obligations.owe(ctx, name, owed)


def lessen(ctx: Context, name: str, amount_minor: int, cause: Cause, due_ms: int = 0) -> None:
    """So much less is owed. What was paid beyond is owed back under `back_of(name, n)`, as `cause`.

    `due_ms`: until when it goes back; 0: RETURN_MS from now. Raises ObligationUnknown, LessenedTooMuch.
    """
    obligations.tell(ctx, obligations.lessen(ctx, name, amount_minor, cause, cause, due_ms))


def correct_waiver(ctx: Context, name: str, amount_minor: int) -> None:
    """Say that so much of what was waived of an obligation was never owed: for the books of both parties.

    Raises ObligationUnknown, AmountUnfit.
    """
    obligations.check_amount(amount_minor)
    obligations.known(ctx, name)
    ctx.emit(WaiverCorrected(obligation=name, amount_minor=amount_minor))


def is_overdue(ctx: Context, name: str) -> bool:
    """Whether an obligation is open at or after its due time. Tests the block's time, no queue."""
    return obligations.is_late(ctx, obligations.known(ctx, name))


def paid_of(ctx: Context, name: str) -> tuple[int, int]:
    """(what is paid in minor units, when it was paid in full or 0): what its parties may know."""
    found = obligations.known(ctx, name)
    return found.paid_minor, found.paid_ms if found.state == "paid" else 0


def payments_of(ctx: Context, name: str) -> list[tuple[int, int]]:
    """(amount in minor units, value date) of whatever paid an obligation: what its parties may know."""
    rows = PAYMENTS.scan(ctx, (name,), limit=limits.ALL_ROWS)
    pieces = [piece for _, paid in rows for piece in obligations.pieces_of(paid)]
    return [(piece.amount_minor, piece.value_ms) for piece in pieces]


def subject_of(ctx: Context, name: str) -> str:
    """The agreement or lease that an obligation belongs to; "" where it belongs to none."""
    return obligations.known(ctx, name).subject


def fund(ctx: Context, name: str) -> FundState | None:
    """How far a fund is, without amounts; None if there is none of the name."""
    return funds.fund_state(ctx, name)


def draw(ctx: Context, fund: str, amount_minor: int, obligation: str) -> int:
    """Pay of a prepayment, at most so much; what was drawn: never more than is left, or owed."""
    taken, signals = funds.draw(ctx, fund, amount_minor, obligation)
    obligations.tell(ctx, signals)
    return taken


def claim_fund(ctx: Context, fund: str, amount_minor: int, obligation: str) -> int:
    """Pay an overdue obligation of a security deposit, at most so much; what was claimed."""
    taken, signals = funds.claim(ctx, fund, amount_minor, obligation)
    obligations.tell(ctx, signals)
    return taken


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
    """Set so much of the payer's claims aside for the payee. Raises NotEnough, NotAccepted, HoldTimeUnfit, …

    Whoever calls answers for the payer's consent.
    """
    holds.hold(ctx, name, payer, payee, bank, currency, amount_minor, expires_ms)


def capture(ctx: Context, name: str, amount_minor: int, obligation: str = "") -> None:
    """Move so much of a hold to its payee; it pays an obligation if one is named. Raises HoldOver, …"""
    obligations.tell(ctx, holds.capture(ctx, name, amount_minor, obligation))


def release(ctx: Context, name: str) -> None:
    """Give what is left of a hold back to its payer. Raises HoldOver."""
    holds.release(ctx, name)


def transfer(
    ctx: Context, bank: str, payer: str, payee: str, currency: str, amount_minor: int, subject: str = ""
) -> None:
    """Move claims from one member to another, whose consent the caller answers for. Raises NotEnough, …"""
    banking.move(ctx, bank, payer, payee, currency, amount_minor, subject)


__all__ = [
    "Cause",
    "Fund",
    "FundKind",
    "FundPaidIn",
    "FundState",
    "Mode",
    "Overdue",
    "Owed",
    "Paid",
    "Unpaid",
    "Waived",
    "back_of",
    "capture",
    "check_bank",
    "claim_fund",
    "correct_waiver",
    "double",
    "draw",
    "forfeit",
    "fund",
    "hold",
    "is_overdue",
    "lessen",
    "name_of",
    "open_fund",
    "owe",
    "paid_of",
    "pay_in_of",
    "payments_of",
    "reference_of",
    "release",
    "return_fund",
    "return_of",
    "same_again_of",
    "subject_of",
    "transfer",
]
