"""How refusals of contracts tell people a time or an amount. Pure."""

from hansa.apps.billing.tariff import minor_digits
from hansa.apps.consortium.calendars import date_text
from hansa.kernel import limits


def utc_text(at_ms: int) -> str:
    """`2026-02-01 16:00Z`: an instant to the minute, UTC."""
    day, in_day_ms = divmod(at_ms, limits.DAY_MS)
    hours, minutes = divmod(in_day_ms // limits.MINUTE_MS, 60)
    return f"{date_text(day)} {hours:02d}:{minutes:02d}Z"


def amount_text(amount_minor: int, currency: str) -> str:
    """`-12.50 CNY`: an amount with the digits of its currency."""
    digits = minor_digits(currency)
    whole, part = divmod(abs(amount_minor), 10**digits)
    decimals = f".{part:0{digits}d}" if digits else ""
    return f"{'-' if amount_minor < 0 else ''}{whole}{decimals} {currency}"
