"""What the law says of paying late: 保障中小企业款项支付条例, State Council Decree 802, in force 1 June 2025.

Art. 3: a company's size is what it was when the contract was made. Art. 9: a large company pays a medium,
small or micro one within 60 days from delivery; another term may be agreed on by the norms of the industry
and the customs of trade, never on the condition that a third party pays first. Art. 15: what is not in
dispute is paid in time. Art. 17: late payment bears interest at the agreed rate, which is not below the
one-year loan prime rate (LPR) when the contract was made; where none is agreed, 0.05 % a day. Pure.
"""

from hansa.apps.billing import errors_life as errors
from hansa.apps.billing.terms import Settlement
from hansa.kernel import limits

PAYMENT_DAYS_LAWFUL = 60
STATUTORY_E4_PER_DAY = 5
"""Ten-thousandths a day: 万分之五."""
DAYS_PER_YEAR = 365
WHOLE = 10_000
E8_PER_BASIS_POINT = 1_000_000
"""A basis point as per cent × 100,000,000."""
BASIS_POINTS_PER_PERCENT = 100


def is_protected(debtor_size: str, creditor_size: str) -> bool:
    """Whether the debtor is a large company and the creditor is not."""
    return debtor_size == "large" and creditor_size in ("medium", "small", "micro")


def check_lawful(settlement: Settlement, payer: str, payee: str, payer_size: str, payee_size: str) -> None:
    """Refuse terms that the law refuses. Raises PayWhenPaid, PayWhenPaidUnseen, TermTooLong."""
    protected = is_protected(payer_size, payee_size)
    if settlement.pay_when_paid:
        raise errors.PayWhenPaid(payer=payer, payee=payee) if protected else errors.PayWhenPaidUnseen()
    days = settlement.payment_days
    if protected and days > PAYMENT_DAYS_LAWFUL and not settlement.long_term_reason:
        raise errors.TermTooLong(payer=payer, payee=payee, days=days, limit=PAYMENT_DAYS_LAWFUL)


def check_floor(settlement: Settlement, floor_e8: int) -> None:
    """Refuse an agreed rate below a floor, per cent × 100,000,000. Raises InterestBelowFloor."""
    if settlement.interest_bp * E8_PER_BASIS_POINT < floor_e8:
        raise errors.InterestBelowFloor(
            rate=percent_text(settlement.interest_bp * E8_PER_BASIS_POINT), floor=percent_text(floor_e8)
        )


def percent_text(percent_e8: int) -> str:
    """`3.1 %`, as many decimals as it needs."""
    whole, part = divmod(percent_e8, E8_PER_BASIS_POINT * BASIS_POINTS_PER_PERCENT)
    digits = f"{part:08d}"
    while digits and digits.endswith("0"):
        digits = digits[:-1]
    return f"{whole}.{digits} %" if digits else f"{whole} %"


def latest_due_ms(settlement: Settlement, delivered_ms: int, protected: bool) -> int:
    """The latest time at which a debt may fall due by law; 0: the law sets none."""
    if not protected or settlement.long_term_reason:
        return 0
    return delivered_ms + PAYMENT_DAYS_LAWFUL * limits.DAY_MS


def late_days(due_ms: int, paid_ms: int) -> int:
    """Days of delay, each begun one whole; paid before `due_ms` is in time."""
    return (paid_ms - due_ms) // limits.DAY_MS + 1 if paid_ms >= due_ms else 0


def interest_minor(settlement: Settlement, amount_minor: int, days: int, protected: bool) -> int:
    """Simple interest on an amount paid so many days late, half up to the minor unit."""
    if settlement.interest_bp:
        numerator, denominator = settlement.interest_bp * days, WHOLE * DAYS_PER_YEAR
    else:
        numerator, denominator = (STATUTORY_E4_PER_DAY * days if protected else 0), WHOLE
    sign = 1 if amount_minor >= 0 else -1
    return sign * ((2 * abs(amount_minor) * numerator + denominator) // (2 * denominator))
