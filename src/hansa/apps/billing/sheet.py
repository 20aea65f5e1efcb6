"""Read a tariff sheet: the JSON file that people write, into a Tariff, a Calendar and Terms. Client side.

Decimals are strings and are taken exactly or refused; bounds and quotas are in priced units. Every refusal
names the place in the file. Reference sheet: docs/reference/tariff.json; guide: docs/write-a-tariff.md.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from hansa.apps.billing import errors_sheet as errors
from hansa.apps.billing.sheet_elements import SheetElement, elements_of
from hansa.apps.billing.sheet_settlement import SheetSettlement, settlement_of
from hansa.apps.billing.sheet_trade import SheetAttribution, SheetCheck, attribution_of, checks_of, unknown_of
from hansa.apps.billing.sheet_values import convert, day, duration_ms, minute, percent_bp
from hansa.apps.billing.spans import DayName
from hansa.apps.billing.tariff import (
    Meter,
    MeterKind,
    Purpose,
    Rounding,
    Span,
    Tariff,
    Tax,
    TaxRate,
    Window,
    check_tariff,
)
from hansa.apps.billing.terms import GapRule, GapRuleName, Terms, check_terms
from hansa.apps.consortium.calendar_file import build_calendar, read_special_days, special_days
from hansa.apps.consortium.calendars import Calendar, PeriodLength
from hansa.apps.consortium.errors_calendar import HolidayFile
from hansa.kernel.types import (
    CurrencyCode,
    Id,
    Natural,
    RegisteredName,
    Struct,
)

T = TypeVar("T")

FILE_BYTES_MAX = 1_048_576


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
    elements: tuple[SheetElement, ...]
    terms: "_Terms"
    windows: dict[str, Any] = {}
    about: "_About | None" = None


class _About(Struct):
    """A note to readers of the file; it is no part of the tariff."""

    zh: str = ""
    en: str = ""


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
    months: tuple[Natural, ...] = ()


class _Rate(Struct, rename={"start": "from"}):
    start: str
    rate: str


class _Gap(Struct):
    gap_longer_than: str
    rule: GapRuleName
    days: Natural = 0


class _Terms(Struct):
    cut_off: str
    gaps: dict[str, Any]
    attribution: dict[str, Any] = {}
    checks: dict[str, Any] = {}
    unknown: dict[str, str] = {}
    """By state meter, the share of a period that may be unknown: "5%"."""
    settlement: SheetSettlement | None = None


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
    sheet = convert(decoded, _File, "")
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
        elements=elements_of(sheet.elements, sheet.currency, meters),
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
    return TaxRate(from_day=day(rate.start, f"{path}.from"), rate_bp=percent_bp(rate.rate, f"{path}.rate"))


def _span(span: _Span, path: str) -> Span:
    return Span(span.days, minute(span.start, f"{path}.from"), minute(span.end, f"{path}.to"), span.months)


def _terms(terms: _Terms) -> Terms:
    return Terms(
        cut_off_ms=duration_ms(terms.cut_off, "terms.cut_off"),
        gaps=tuple(
            GapRule(
                meter=_id(meter, "terms.gaps"),
                longer_than_ms=duration_ms(gap.gap_longer_than, f"terms.gaps.{meter}.gap_longer_than"),
                rule=gap.rule,
                days=gap.days,
            )
            for meter, gap in _table(terms.gaps, _Gap, "terms.gaps").items()
        ),
        attribution=attribution_of(
            _table(terms.attribution, tuple[SheetAttribution, ...], "terms.attribution")
        ),
        checks=checks_of(_table(terms.checks, SheetCheck, "terms.checks")),
        unknown=unknown_of(terms.unknown),
        settlement=settlement_of(terms.settlement, "terms.settlement"),
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
    return {name: convert(value, kind, f"{path}.{name}") for name, value in entries.items()}


def _id(name: str, path: str) -> str:
    return convert(name, Id, f"{path}.{name}")
