"""Read a tariff sheet: the JSON file that people write, into a Tariff, a Calendar and Terms. Client side.

Decimals are strings and are taken exactly or refused; bounds and quotas are in priced units. Every refusal
names the place in the file. Reference sheet: docs/reference/tariff.json; guide: docs/write-a-tariff.md.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, NoReturn, TypeVar

import msgspec

from hansa.apps.billing import errors_sheet as errors
from hansa.apps.billing.tariff import (
    MINUTES_PER_DAY,
    UNITS,
    Cap,
    DayName,
    Element,
    Fixed,
    Meter,
    MeterKind,
    Minimum,
    Purpose,
    Rounding,
    Span,
    Tariff,
    Tax,
    TaxRate,
    Tier,
    Tiering,
    Usage,
    Window,
    check_tariff,
    minor_digits,
)
from hansa.apps.billing.terms import GapRule, GapRuleName, Terms, check_terms
from hansa.apps.consortium.calendar_file import build_calendar, read_special_days, special_days
from hansa.apps.consortium.calendars import Calendar, PeriodLength, day_number
from hansa.apps.consortium.errors_calendar import HolidayFile
from hansa.kernel.types import (
    CurrencyCode,
    Id,
    Natural,
    RegisteredName,
    StateName,
    Struct,
)

T = TypeVar("T")

FILE_BYTES_MAX = 1_048_576
PRICE_DIGITS = 8

_DECIMAL = re.compile(r"\d{1,16}(\.\d{1,16})?", re.ASCII)
_RATE = re.compile(r"(\d{1,3}(?:\.\d{1,2})?)%", re.ASCII)
_CLOCK = re.compile(r"(\d\d):(\d\d)", re.ASCII)
_DURATION = re.compile(r"(\d{1,9})(ms|s|min|h|d)", re.ASCII)
_DURATION_MS = {"ms": 1, "s": 1_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}


@dataclass(frozen=True)
class Sheet:
    """A sheet that was read: each part passed its check."""

    tariff: Tariff
    calendar: Calendar
    terms: Terms


# The file as it is written. Tables by name (meters, windows, taxes, gaps) are decoded entry by entry, so that
# a refusal can say which entry is wrong.


class _File(Struct):
    name: Id
    purpose: Purpose
    currency: CurrencyCode
    prices: Literal["without_tax", "with_tax"]
    rounding: Rounding
    period: PeriodLength
    calendar: "_Calendar"
    taxes: dict[str, Any]
    meters: dict[str, Any]
    elements: "tuple[_Usage | _Fixed | _Minimum | _Cap, ...]"
    terms: "_Terms"
    windows: dict[str, Any] = {}


class _Calendar(Struct):
    zone: str
    from_year: Natural = 0
    to_year: Natural = 0
    holidays: dict[str, Any] = {}
    holidays_file: str = ""


class _Meter(Struct):
    kind: MeterKind
    base_unit: RegisteredName


class _Span(Struct, rename={"start": "from", "end": "to"}):
    days: tuple[DayName, ...]
    start: str
    end: str


class _Rate(Struct, rename={"start": "from"}):
    start: str
    rate: str


class _Tier(Struct):
    price: str
    up_to: str = ""


class _Usage(Struct, tag_field="kind", tag="usage"):
    clause: Id
    tax: Id
    meter: Id
    unit: RegisteredName
    unit_size: Natural = 0
    states: tuple[StateName, ...] = ()
    windows: tuple[Id, ...] = ()
    included: str = "0"
    price: str = ""
    tiers: tuple[_Tier, ...] = ()
    tiering: Literal["graduated", "volume", ""] = ""


class _Fixed(Struct, tag_field="kind", tag="fixed"):
    clause: Id
    tax: Id
    amount: str


class _Minimum(Struct, tag_field="kind", tag="minimum"):
    clause: Id
    tax: Id
    of: tuple[Id, ...]
    amount: str


class _Cap(Struct, tag_field="kind", tag="cap"):
    clause: Id
    tax: Id
    of: tuple[Id, ...]
    amount: str


class _Gap(Struct):
    gap_longer_than: str
    rule: GapRuleName
    days: Natural = 0


class _Terms(Struct):
    cut_off: str
    gaps: dict[str, Any]


def read_sheet(path: Path, cover: tuple[int, int] | None = None) -> Sheet:
    """Read and check a sheet; a `holidays_file` is looked for beside it.

    `cover`: first and last year that the calendar has to reach over; years that the sheet does not list get
    no holidays. Raises the refusals of errors_sheet, errors_tariff and errors_calendar, and nothing else for
    bad input.
    """
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise errors.SheetUnreadable(
            file=str(path), detail=error.strerror or type(error).__name__, limit=FILE_BYTES_MAX
        ) from None
    return parse_sheet(data, path.parent, cover)


def parse_sheet(data: bytes, folder: Path, cover: tuple[int, int] | None = None) -> Sheet:
    """As `read_sheet`, from the bytes of a sheet that lies, or might lie, in `folder`."""
    if len(data) > FILE_BYTES_MAX:
        raise errors.SheetUnreadable(file="JSON", detail=f"> {FILE_BYTES_MAX} bytes", limit=FILE_BYTES_MAX)
    try:
        decoded = json.loads(data.decode("utf-8-sig"), object_pairs_hook=_object, parse_constant=str)
        json.dumps(decoded, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except json.JSONDecodeError as error:
        raise errors.SheetNotJson(line=error.lineno, column=error.colno, detail=error.msg) from None
    except UnicodeDecodeError as error:
        raise errors.SheetUnreadable(file="JSON", detail=str(error), limit=FILE_BYTES_MAX) from None
    except (RecursionError, ValueError) as error:
        detail = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise errors.SheetUnreadable(file="JSON", detail=detail, limit=FILE_BYTES_MAX) from None
    sheet = _convert(decoded, _File, "")
    tariff = _tariff(sheet)
    check_tariff(tariff)
    terms = _terms(sheet.terms)
    check_terms(tariff, terms)
    return Sheet(tariff, _calendar(sheet.calendar, folder, cover), terms)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise errors.SheetKeyTwice(clause=key, key=key)
        found[key] = value
    return found


def _tariff(sheet: _File) -> Tariff:
    meters = {
        name: Meter(_id(name, "meters"), meter.kind, meter.base_unit)
        for name, meter in _table(sheet.meters, _Meter, "meters").items()
    }
    taxes = _table(sheet.taxes, tuple[_Rate, ...], "taxes")
    windows = _table(sheet.windows, tuple[_Span, ...], "windows")
    return Tariff(
        name=sheet.name,
        purpose=sheet.purpose,
        currency=sheet.currency,
        rounding=sheet.rounding,
        period=sheet.period,
        meters=tuple(meters.values()),
        elements=tuple(
            _element(element, f"elements[{position}]", sheet.currency, meters)
            for position, element in enumerate(sheet.elements)
        ),
        taxes=tuple(
            Tax(_id(code, "taxes"), tuple(_rate(rate, f"taxes.{code}[{n}]") for n, rate in enumerate(rates)))
            for code, rates in taxes.items()
        ),
        windows=tuple(
            Window(
                _id(name, "windows"),
                tuple(_span(span, f"windows.{name}[{n}]") for n, span in enumerate(spans)),
            )
            for name, spans in windows.items()
        ),
        tax_included=sheet.prices == "with_tax",
    )


def _rate(rate: _Rate, path: str) -> TaxRate:
    match = _RATE.fullmatch(rate.rate)
    if match is None:
        raise errors.SheetRate(clause=path, path=f"{path}.rate", text=rate.rate)
    return TaxRate(from_day=_day(rate.start, f"{path}.from"), rate_bp=int(Decimal(match[1]) * 100))


def _span(span: _Span, path: str) -> Span:
    return Span(span.days, _minute(span.start, f"{path}.from"), _minute(span.end, f"{path}.to"))


def _element(
    element: _Usage | _Fixed | _Minimum | _Cap, path: str, currency: str, meters: Mapping[str, Meter]
) -> Element:
    if isinstance(element, _Usage):
        return _usage(element, path, meters)
    amount_minor = _scaled(element.amount, f"{path}.amount", 10 ** minor_digits(currency))
    if isinstance(element, _Fixed):
        return Fixed(element.clause, element.tax, amount_minor)
    kind = Minimum if isinstance(element, _Minimum) else Cap
    return kind(element.clause, element.tax, element.of, amount_minor)


def _usage(element: _Usage, path: str, meters: Mapping[str, Meter]) -> Usage:
    unit_base = element.unit_size or UNITS.get(element.unit, ("", 0))[1]
    if element.meter in meters and element.unit == meters[element.meter].base_unit:
        unit_base = unit_base or 1
    if not unit_base:
        base = meters[element.meter].base_unit if element.meter in meters else "?"
        raise errors.SheetUnitSize(clause=path, path=path, unit=element.unit, base=base)
    tiers = element.tiers or (_Tier(price=element.price),)
    if bool(element.price) == bool(element.tiers) or (len(tiers) > 1 and not element.tiering):
        raise errors.SheetPrice(clause=path, path=path)
    tiering: Tiering = element.tiering or "graduated"
    prefix = f"{path}.tiers" if element.tiers else path
    return Usage(
        clause=element.clause,
        tax=element.tax,
        meter=element.meter,
        unit=element.unit,
        unit_base=unit_base,
        tiers=tuple(
            _tier(tier, f"{prefix}[{n}]" if element.tiers else path, unit_base)
            for n, tier in enumerate(tiers)
        ),
        tiering=tiering,
        states=element.states,
        windows=element.windows,
        included_base=_scaled(element.included, f"{path}.included", unit_base),
    )


def _tier(tier: _Tier, path: str, unit_base: int) -> Tier:
    price_e8 = _scaled(tier.price, f"{path}.price", 10**PRICE_DIGITS)
    if not tier.up_to:
        return Tier(price_e8)
    up_to_base = _scaled(tier.up_to, f"{path}.up_to", unit_base)
    if not up_to_base:
        raise errors.SheetBound(clause=path, path=f"{path}.up_to", text=tier.up_to)
    return Tier(price_e8, up_to_base)


def _terms(terms: _Terms) -> Terms:
    return Terms(
        cut_off_ms=_duration_ms(terms.cut_off, "terms.cut_off"),
        gaps=tuple(
            GapRule(
                meter=_id(meter, "terms.gaps"),
                longer_than_ms=_duration_ms(gap.gap_longer_than, f"terms.gaps.{meter}.gap_longer_than"),
                rule=gap.rule,
                days=gap.days,
            )
            for meter, gap in _table(terms.gaps, _Gap, "terms.gaps").items()
        ),
    )


def _calendar(calendar: _Calendar, folder: Path, cover: tuple[int, int] | None) -> Calendar:
    if calendar.holidays and calendar.holidays_file:
        raise errors.SheetCalendar(clause="calendar")
    if calendar.holidays_file:
        if Path(calendar.holidays_file).name != calendar.holidays_file:
            raise HolidayFile(file=calendar.holidays_file, detail="not a file beside the sheet")
        special = read_special_days(folder / calendar.holidays_file)
    else:
        special = special_days(calendar.holidays)
    years = sorted(int(year) for year in special)
    if not years and not (calendar.from_year and calendar.to_year):
        raise errors.SheetCalendar(clause="calendar")
    first = calendar.from_year or years[0]
    last = calendar.to_year or years[-1]
    stretched = (min(first, cover[0]), max(last, cover[1])) if cover else (first, last)
    result = build_calendar(calendar.zone, *stretched, special)
    for year in range(first, last + 1):
        if special and str(year) not in special:
            raise errors.SheetHolidayYears(clause="calendar.holidays", first=first, last=last, year=year)
    return result


def _table(entries: dict[str, Any], kind: type[T], path: str) -> dict[str, T]:
    return {name: _convert(value, kind, f"{path}.{name}") for name, value in entries.items()}


def _id(name: str, path: str) -> str:
    return _convert(name, Id, f"{path}.{name}")


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


def _convert(value: Any, kind: type[T], path: str) -> T:
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


def _scaled(text: str, path: str, scale: int) -> int:
    """A decimal times a whole scale, exactly: minor units, price_e8, base units."""
    if not _DECIMAL.fullmatch(text):
        raise errors.SheetDecimal(clause=path, path=path, text=text)
    whole, _, fraction = text.partition(".")
    numerator, denominator = int(whole + fraction) * scale, int(10 ** len(fraction))
    if numerator % denominator:
        raise errors.SheetTooFine(clause=path, path=path, text=text, step=f"1/{scale}")
    return numerator // denominator


def _day(text: str, path: str) -> int:
    try:
        day = date.fromisoformat(text)
        if len(text) != len("2019-04-01") or day.year < 1970:
            raise ValueError
    except ValueError:
        raise errors.SheetDate(clause=path, path=path, text=text) from None
    return day_number(day.year, day.month, day.day)


def _minute(text: str, path: str) -> int:
    match = _CLOCK.fullmatch(text)
    minute = int(match[1]) * 60 + int(match[2]) if match else -1
    if match is None or int(match[2]) > 59 or minute > MINUTES_PER_DAY:
        raise errors.SheetClock(clause=path, path=path, text=text)
    return minute


def _duration_ms(text: str, path: str) -> int:
    match = _DURATION.fullmatch(text)
    if match is None:
        raise errors.SheetDuration(clause=path, path=path, text=text)
    return int(match[1]) * _DURATION_MS[match[2]]
