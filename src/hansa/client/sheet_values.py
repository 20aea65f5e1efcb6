"""Cells of a sheet of machines as the values that they mean; what they do not mean is told."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from hansa.client import sheet_errors as errors
from hansa.client.sheet_rows import Cell, shown
from hansa.client.texts import Text
from hansa.kernel.limits import DAY_MS, MINUTE_MS
from hansa.kernel.types import INTEGER_MAX, Id, RegisteredName, UnitName

Kind = Literal[
    "id", "ids", "name", "unit", "degrees", "mm", "tolerance", "count", "minutes", "days", "time", "money",
    "price", "crew", "nature", "per", "zone", "currency",
]  # fmt: skip

SEPARATORS = re.compile(r"[;；、,，\s]+")
NUMBER = re.compile(r"-?\d{1,15}(\.\d{1,15})?", re.ASCII)
ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+/-]{0,63}")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CHOICES: Mapping[str, Mapping[str, str]] = {
    "crew": {"不带人": "without", "带人": "with", "均可": "either"},
    "nature": {"经营租赁": "operating", "服务": "service", "加工服务": "service", "融资租赁": "finance"},
    "per": {"件": "piece", "小时": "hour", "整租": "lease"},
}
WANTED: Mapping[str, Text] = {
    "id": Text("编号：小写字母、数字和 - _ . :，至多 64 个", "an id: a-z, 0-9 and - _ . :, at most 64"),
    "ids": Text("编号，以分号隔开", "ids with ; between them"),
    "name": Text("名称，至多 120 个字符", "a name of at most 120 characters"),
    "unit": Text("单位，如 piece", "a unit, such as piece"),
    "degrees": Text("度数，如 31.38", "degrees, such as 31.38"),
    "mm": Text("毫米数，至多三位小数", "millimetres, at most three decimals"),
    "tolerance": Text("毫米数，大于零，至多三位小数", "millimetres above 0, at most three decimals"),
    "count": Text("正整数", "a whole number from 1 on"),
    "minutes": Text("分钟数（整数）", "whole minutes"),
    "days": Text("天数，如 2 或 0.5", "days, such as 2 or 0.5"),
    "time": Text("日期时间，如 2026-12-01 08:00", "date and time, such as 2026-12-01 08:00"),
    "money": Text("金额，如 5000.00", "an amount, such as 5000.00"),
    "price": Text("金额，至多八位小数", "an amount, at most eight decimals"),
    "crew": Text("without 不带人、with 带人或 either 均可", "without, with or either"),
    "nature": Text("operating 经营租赁、service 服务或 finance 融资租赁", "operating, service or finance"),
    "per": Text("piece 件、hour 小时或 lease 整租", "piece, hour or lease"),
    "zone": Text("时区，如 Asia/Shanghai", "a time zone, such as Asia/Shanghai"),
    "currency": Text("币种，如 CNY", "a currency, such as CNY"),
}


class Unfit(ValueError):
    """The cell does not mean anything of its kind."""


def value_of(kind: Kind, column: Text, cell: Cell) -> Any:
    """A cell's value; `column`: its head, as people know it. Raises CellWrong."""
    try:
        return READERS[kind](cell)
    except (ValueError, ArithmeticError, ZoneInfoNotFoundError, OSError):
        wanted = WANTED[kind]
        raise errors.CellWrong(
            column_zh=column.zh,
            column_en=column.en,
            value=shown(cell),
            wanted_zh=wanted.zh,
            wanted_en=wanted.en,
        ) from None


def instant_ms(local: datetime, zone: str) -> int:
    """An instant by a zone's clock; of a repeated hour the first. Raises Unfit in a skipped one."""
    there = local.replace(tzinfo=ZoneInfo(zone))
    if there.astimezone(UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None) != local:
        raise Unfit
    return (there.astimezone(UTC) - EPOCH) // timedelta(milliseconds=1)


def _text(cell: Cell) -> str:
    """A text; a whole number typed as an id or name counts as its digits."""
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    if isinstance(cell, bool) or not isinstance(cell, str | int):
        raise Unfit
    return str(cell)


def _typed(kind: Any) -> Callable[[Cell], str]:
    def read(cell: Cell) -> str:
        try:
            found: str = msgspec.convert(_text(cell), kind)
        except msgspec.ValidationError:
            raise Unfit from None
        return found

    return read


def _ids(cell: Cell) -> tuple[str, ...]:
    read = _typed(Id)
    return tuple(read(part) for part in SEPARATORS.split(_text(cell)) if part)


def _number(cell: Cell) -> Decimal:
    """A number as the cell shows it: the shortest decimal that means the same."""
    if isinstance(cell, float) and abs(cell) <= INTEGER_MAX:
        return Decimal(repr(cell))
    if isinstance(cell, bool) or not isinstance(cell, str | int) or not NUMBER.fullmatch(str(cell)):
        raise Unfit
    return Decimal(str(cell))


def _scaled(places: int, least: int = 0, factor: int = 1) -> Callable[[Cell], int]:
    """Whole units of 10⁻ᵖˡᵃᶜᵉˢ, exactly."""

    def read(cell: Cell) -> int:
        scaled = _number(cell).scaleb(places) * factor
        if scaled != scaled.to_integral_value() or not least <= scaled <= INTEGER_MAX:
            raise Unfit
        return int(scaled)

    return read


def _degrees(cell: Cell) -> int:
    """Millionths of a degree, rounded: a place is known to 0.1 m then."""
    number = _number(cell)
    if abs(number) > 180:
        raise Unfit
    return round(number.scaleb(6))


def _time(cell: Cell) -> datetime:
    """A local time; texts in ISO 8601 only: 01.02.2026 would be two days."""
    if isinstance(cell, datetime):
        found = cell
    elif isinstance(cell, date):
        found = datetime(cell.year, cell.month, cell.day)
    elif isinstance(cell, str) and re.fullmatch(r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d)?)?", cell, re.ASCII):
        found = datetime.fromisoformat(cell)
    else:
        raise Unfit
    if found.tzinfo is not None or not 1970 < found.year < 2200:
        raise Unfit
    return found


def _choice(kind: str) -> Callable[[Cell], str]:
    known = CHOICES[kind]

    def read(cell: Cell) -> str:
        text = _text(cell)
        if text in known.values():
            return text
        if text not in known:
            raise Unfit
        return known[text]

    return read


def _zone(cell: Cell) -> str:
    name = _text(cell)
    if not ZONE.fullmatch(name):
        raise Unfit
    ZoneInfo(name)
    return name


def _currency(cell: Cell) -> str:
    text = _text(cell)
    if not re.fullmatch(r"[A-Z]{3}", text):
        raise Unfit
    return text


def _money(cell: Cell) -> Decimal:
    """Main units; how many decimals there may be the currency says."""
    number = _number(cell)
    if not 0 <= number <= INTEGER_MAX:
        raise Unfit
    return number


READERS: Mapping[str, Callable[[Cell], Any]] = {
    "id": _typed(Id),
    "ids": _ids,
    "name": _typed(RegisteredName),
    "unit": _typed(UnitName),
    "degrees": _degrees,
    "mm": _scaled(3),
    "tolerance": _scaled(3, 1),
    "count": _scaled(0, 1),
    "minutes": _scaled(0, 0, MINUTE_MS),
    "days": _scaled(0, 0, DAY_MS),
    "time": _time,
    "money": _money,
    "price": _scaled(8),
    "crew": _choice("crew"),
    "nature": _choice("nature"),
    "per": _choice("per"),
    "zone": _zone,
    "currency": _currency,
}
