"""How single values stand in a tariff sheet: decimals, dates, clock times, durations. Client side."""

import re
from datetime import date
from decimal import Decimal
from typing import Any, NoReturn, TypeVar

import msgspec

from hansa.apps.billing import errors_sheet as errors
from hansa.apps.billing.tariff import MINUTES_PER_DAY
from hansa.apps.consortium.calendars import day_number

T = TypeVar("T")

PRICE_DIGITS = 8

_DECIMAL = re.compile(r"\d{1,16}(\.\d{1,16})?", re.ASCII)
_PERCENT = re.compile(r"(\d{1,3}(?:\.\d{1,2})?)%", re.ASCII)
_CLOCK = re.compile(r"(\d\d):(\d\d)", re.ASCII)
_DURATION = re.compile(r"(\d{1,9})(ms|s|min|h|d)", re.ASCII)
_DURATION_MS = {"ms": 1, "s": 1_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}

_UNKNOWN = re.compile(r"^Object contains unknown field `(.*?)`", re.DOTALL)
_MISSING = re.compile(r"^Object missing required field `(.*?)`", re.DOTALL)
_PLACE = re.compile(r" - at `\$(.*)`$", re.DOTALL)
_PATTERN = re.compile(r" matching regex '")
_SAID = (
    (re.compile(r"^Expected `(.*?)`, got `(.*?)`"), r"应为 `\1`，而写成了 `\2`"),
    (re.compile(r"^Expected `(.*?)` of length (.*)", re.DOTALL), r"`\1` 的长度应 \2"),
    (re.compile(r"^Expected `(.*?)` ([<>]=? .*)", re.DOTALL), r"`\1` 应 \2"),
    (re.compile(r"^Invalid (?:enum )?value (.*)", re.DOTALL), r"值 \1 不在允许之列"),
)
"""What msgspec says, in Chinese."""


def convert(value: Any, kind: type[T], path: str) -> T:
    """Decode strictly; what does not fit becomes a refusal that names the place."""
    try:
        return msgspec.convert(value, kind, strict=True)
    except msgspec.ValidationError as error:
        _refuse(str(error), path)


def _refuse(message: str, path: str) -> NoReturn:
    place = _PLACE.search(message)
    where = (path + (place[1] if place else "")).removeprefix(".") or "sheet"
    if unknown := _UNKNOWN.match(message):
        raise errors.SheetUnknownKey(clause=where, path=where, key=unknown[1])
    if missing := _MISSING.match(message):
        raise errors.SheetMissingKey(clause=where, path=where, key=missing[1])
    detail = _PLACE.sub("", message)
    if detail.startswith("Expected `str`, got `") and detail.endswith(("`int`", "`float`")):
        raise errors.SheetUnquoted(clause=where, path=where)
    if _PATTERN.search(detail):
        raise errors.SheetName(clause=where, path=where)
    detail_zh = detail
    for said, chinese in _SAID:
        detail_zh = said.sub(chinese, detail_zh)
    raise errors.SheetShape(clause=where, path=where, detail=detail, detail_zh=detail_zh)


def scaled(text: str, path: str, scale: int) -> int:
    """A decimal times a whole scale, exactly: minor units, price_e8, base units."""
    if not _DECIMAL.fullmatch(text):
        raise errors.SheetDecimal(clause=path, path=path, text=text)
    whole, _, fraction = text.partition(".")
    numerator, denominator = int(whole + fraction) * scale, int(10 ** len(fraction))
    if numerator % denominator:
        raise errors.SheetTooFine(clause=path, path=path, text=text, step=f"1/{scale}")
    return numerator // denominator


def percent_bp(text: str, path: str) -> int:
    """`12.5%` as basis points."""
    match = _PERCENT.fullmatch(text)
    if match is None:
        raise errors.SheetRate(clause=path.rpartition(".")[0], path=path, text=text)
    return int(Decimal(match[1]) * 100)


def day(text: str, path: str) -> int:
    try:
        day = date.fromisoformat(text)
        if len(text) != len("2019-04-01") or day.year < 1970:
            raise ValueError
    except ValueError:
        raise errors.SheetDate(clause=path, path=path, text=text) from None
    return day_number(day.year, day.month, day.day)


def minute(text: str, path: str) -> int:
    match = _CLOCK.fullmatch(text)
    minute = int(match[1]) * 60 + int(match[2]) if match else -1
    if match is None or int(match[2]) > 59 or minute > MINUTES_PER_DAY:
        raise errors.SheetClock(clause=path, path=path, text=text)
    return minute


def duration_ms(text: str, path: str) -> int:
    match = _DURATION.fullmatch(text)
    if match is None:
        raise errors.SheetDuration(clause=path, path=path, text=text)
    return int(match[1]) * _DURATION_MS[match[2]]
