"""Figures as a contract writes them: money, prices, times, lengths of time; zh and en. Pure."""

from hansa.apps.billing.tariff import minor_digits
from hansa.apps.consortium.calendars import Calendar, date_text, local_time
from hansa.kernel import limits

Pair = tuple[str, str]
"""The same in Chinese and in English."""

PRICE_DIGITS = 8
MINUTES_PER_HOUR = 60
SPANS: tuple[tuple[int, str, str], ...] = (
    (limits.DAY_MS, "天", "day"),
    (limits.HOUR_MS, "小时", "hour"),
    (limits.MINUTE_MS, "分钟", "minute"),
    (limits.SECOND_MS, "秒", "second"),
    (1, "毫秒", "millisecond"),
)


def money(amount_minor: int, currency: str) -> str:
    """`CNY 1200.00`, with the decimals of the currency's minor unit."""
    return f"{currency} {_decimal(amount_minor, minor_digits(currency))}"


def price(price_e8: int) -> str:
    """A price in the main unit: at least two decimals, no more than it needs."""
    digits = PRICE_DIGITS
    while digits > 2 and price_e8 % 10 == 0:
        price_e8, digits = price_e8 // 10, digits - 1
    return _decimal(price_e8, digits)


def _decimal(value: int, digits: int) -> str:
    if not digits:
        return f"{value}"
    whole, part = divmod(value, 10**digits)
    return f"{whole}.{part:0{digits}d}"


def percent(basis_points: int) -> str:
    """`13 %`, `0.05 %`."""
    whole, part = divmod(basis_points, 100)
    if part % 10:
        return f"{whole}.{part:02d} %"
    return f"{whole}.{part // 10} %" if part else f"{whole} %"


def moment(calendar: Calendar, at_ms: int) -> str:
    """Local date and minute; seconds where there are any."""
    day, minute = local_time(calendar, at_ms)
    second, rest = divmod(at_ms % limits.MINUTE_MS, limits.SECOND_MS)
    clock = f"{minute // MINUTES_PER_HOUR:02d}:{minute % MINUTES_PER_HOUR:02d}"
    if second or rest:
        clock += f":{second:02d}"
    if rest:
        clock += f".{rest:03d}"
    return f"{date_text(day)} {clock}"


def span(length_ms: int) -> Pair:
    """`3 天`, `3 days`: in the largest unit of which it is a whole number."""
    for size, zh, en in SPANS:
        if length_ms % size == 0:
            count = length_ms // size
            return f"{count} {zh}", f"{count} {en}" + ("" if count == 1 else "s")
    raise AssertionError("every length is a whole number of milliseconds")
