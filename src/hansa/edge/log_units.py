"""Exact quantities from human text: units, scales, durations, numbers. Integers throughout, no float.

A raw number is read as a decimal, multiplied by its unit and scale as a ratio of integers, and brought to the
feed's base unit by the one rounding rule of the reader: **floor** (towards minus infinity).
"""

import re
from fractions import Fraction
from typing import NamedTuple

from hansa.edge import log_limits as limits
from hansa.edge.log_errors import BadCell, shown


class Unit(NamedTuple):
    """A unit as logs write it: `factor` base units each, and what flows when the mapping does not say."""

    base: str
    factor: Fraction
    carrier: str


def _units(base: str, carrier: str, **factors: int | str) -> dict[str, Unit]:
    return {name: Unit(base, Fraction(factor), carrier) for name, factor in factors.items()}


_JOULE_WH = "1/3600"

UNITS: dict[str, Unit] = {
    **_units("piece", "pieces", piece=1, pieces=1, pcs=1, pc=1, Stück=1, Stk=1, 件=1, 个=1, 只=1, 台=1, 片=1),
    **_units("ms", "time", ms=1, s=1000, sec=1000, min=60_000, h=3_600_000, d=86_400_000),
    **_units(
        "ms", "time", 毫秒=1, 秒=1000, 分=60_000, 分钟=60_000, 时=3_600_000, 小时=3_600_000, 天=86_400_000
    ),
    **_units("Wh", "electricity", Wh=1, kWh=1000, MWh=10**6, GWh=10**9, 度=1000, 千瓦时=1000),
    **_units("Wh", "electricity", J=_JOULE_WH, kJ="10/36", MJ="10000/36", GJ="10000000/36"),
    **_units("W", "electricity", mW="1/1000", W=1, kW=1000, MW=10**6, 瓦=1, 千瓦=1000),
    **_units("g", "weight", mg="1/1000", g=1, kg=1000, t=10**6, 克=1, 千克=1000, 公斤=1000, 吨=10**6),
    **_units("ml", "other", ml=1, l=1000, L=1000, m3=10**6, 升=1000, 立方米=10**6, **{"m³": 10**6}),
    **_units("mm", "other", mm=1, cm=10, m=1000, km=10**6, 毫米=1, 米=1000),
    **_units("varh", "other", varh=1, kvarh=1000, Mvarh=10**6),
    **_units("unit", "other", unit=1),
    **_units("call", "other", call=1, calls=1),
    **_units("inspection", "other", inspection=1, inspections=1),
}
"""Every unit the mapping may name. `h:m:s` and `h:m` (operating hours as clocks show them) come beside
these.
"""

CLOCK_UNITS = {"h:m:s": Unit("ms", Fraction(1000), "time"), "h:m": Unit("ms", Fraction(60_000), "time")}

_LOWER = {name.lower(): unit for name, unit in UNITS.items() if name not in ("mW", "MW")}
_DURATION = re.compile(r"(\d{1,12}(?:\.\d{1,12})?)\s*([^\s\d.]+)")
_RATIO = re.compile(r"(\d{1,20})(?:\.(\d{1,20}))?(?:\s*/\s*(\d{1,20})(?:\.(\d{1,20}))?)?")
_CLOCK = re.compile(r"(\d{1,9}):([0-5]?\d)(?::([0-5]?\d)(?:[.,](\d{1,9}))?)?")


def unit_named(text: str) -> Unit | None:
    """The unit of that name; upper and lower case are forgiven where no two units differ by them alone."""
    name = text.strip()
    return UNITS.get(name) or CLOCK_UNITS.get(name.lower()) or _LOWER.get(name.lower())


def ratio(text: str) -> Fraction | None:
    """An exact positive factor written as `12`, `0.001` or `1/3`; None when it is none of these."""
    found = _RATIO.fullmatch(text.strip())
    if not found:
        return None
    whole, part, below, below_part = found.groups()
    top = Fraction(f"{whole}.{part or 0}")
    bottom = Fraction(f"{below}.{below_part or 0}") if below else Fraction(1)
    return top / bottom if top and bottom else None


def duration_ms(text: str) -> int | None:
    """A positive duration such as `15min`, `42.5 s`, `1 h` in whole ms; None when it is not one."""
    found = _DURATION.fullmatch(text.strip())
    unit = unit_named(found[2]) if found else None
    if not found or unit is None or unit.base != "ms":
        return None
    exact = Fraction(found[1]) * unit.factor
    return int(exact) if exact > 0 and exact.denominator == 1 else None


def spelled_duration(span_ms: int) -> str:
    """A duration for people, in its largest whole unit: 900000 → `15min`."""
    for name, size in (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1000)):
        if span_ms and span_ms % size == 0:
            return f"{span_ms // size}{name}"
    return f"{span_ms}ms"


def number_pattern(decimal: str, thousands: str) -> re.Pattern[str]:
    """Numbers as a log writes them: sign, digits (grouped by threes where declared), decimals, exponent."""
    whole = r"\d+"
    if thousands:
        # A space in a file may be any of the spaces that spreadsheets use between groups.
        group = r"[ \u00a0\u2009\u202f]" if thousands == " " else re.escape(thousands)
        whole = rf"\d{{1,3}}(?:{group}\d{{3}})+|\d+"
    return re.compile(rf"([+-]?)({whole})?(?:{re.escape(decimal)}(\d*))?(?:[eE]([+-]?\d{{1,3}}))?", re.ASCII)


def exact_floor(raw: str, pattern: re.Pattern[str], factor: Fraction) -> int:
    """`raw × factor`, floored to an integer ≥ 0 and ≤ 2⁵³−1.

    Raises BadCell: not a number, negative, or too large.
    """
    found = pattern.fullmatch(raw) if len(raw) <= limits.NUMBER_TEXT_MAX else None
    if not found or not (found[2] or found[3]):
        raise BadCell("edge.number_unreadable", value=shown(raw))
    sign, whole, part, power = found.groups()
    digits = "".join(c for c in whole or "" if c.isdigit()) + (part or "")
    exponent = int(power or 0) - len(part or "")
    mantissa = int(digits)
    if sign == "-" and mantissa:
        raise BadCell("edge.number_negative", value=shown(raw))
    value = _scaled(mantissa, exponent, factor)
    if value > limits.VALUE_MAX:
        raise BadCell("edge.number_too_large", value=shown(raw))
    return value


def _scaled(mantissa: int, exponent: int, factor: Fraction) -> int:
    """`mantissa × 10^exponent × factor`, floored."""
    power: int = 10 ** abs(exponent)
    if exponent < 0:
        return mantissa * factor.numerator // (factor.denominator * power)
    return mantissa * power * factor.numerator // factor.denominator


def clock_floor(raw: str, factor: Fraction) -> int:
    """Operating time written `h:m:s` or `h:m`, in whole ms. `factor` is the mapping's scale × 1000.

    Raises BadCell when it is not written so.
    """
    found = _CLOCK.fullmatch(raw)
    if not found:
        raise BadCell("edge.number_unreadable", value=shown(raw))
    hours, minutes, seconds, part = found.groups()
    whole_s = int(hours) * 3600 + int(minutes) * 60 + int(seconds or 0)
    return _scaled(int(f"{whole_s}{part or ''}"), -len(part or ""), factor)
