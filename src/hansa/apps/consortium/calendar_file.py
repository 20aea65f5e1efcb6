"""Build a calendar from the time zone tables of this computer and a file of holidays. Client side.

A holiday file is JSON or TOML: for each year `holidays` and `makeup_workdays`, lists of `MM-DD` or
`MM-DD..MM-DD`, and for people a `source`. What is registered is the calendar: tables may differ afterwards.
"""

import json
import re
import tomllib
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from hansa.apps.consortium import errors_calendar as errors
from hansa.apps.consortium.calendars import Calendar, check_calendar, day_number
from hansa.kernel.types import Struct

YEAR_FIRST, YEAR_LAST = 1972, 2169
"""Before 1972 some zones had offsets with seconds; calendars count minutes."""
FILE_BYTES_MAX = 1_048_576
DAY_S = 86_400
STEP_S = DAY_S
"""No zone changes its offset twice in so short a time (closest in the tables since 1972: 7 days)."""

_DAYS = re.compile(r"(\d\d)-(\d\d)(?:\.\.(\d\d)-(\d\d))?", re.ASCII)
_YEAR = re.compile(r"\d{4}", re.ASCII)


class SpecialDays(Struct):
    """Holidays and make-up workdays of one year, as written."""

    holidays: tuple[str, ...] = ()
    makeup_workdays: tuple[str, ...] = ()
    source: str = ""


def build_calendar(
    zone: str, from_year: int, to_year: int, special: Mapping[str, SpecialDays] | None = None
) -> Calendar:
    """The calendar of a zone for whole years, both included. Years without special days have none.

    Raises CalendarZone, CalendarYears, HolidayDate and the refusals of `check_calendar`.
    """
    if not YEAR_FIRST <= from_year <= to_year <= YEAR_LAST:
        raise errors.CalendarYears(years=f"{from_year}–{to_year}", first=YEAR_FIRST, last=YEAR_LAST)
    try:
        table = ZoneInfo(zone)
    except (KeyError, OSError, ValueError):
        # Not in the table, a folder of the table, or no name at all.
        raise errors.CalendarZone(zone=zone) from None
    from_day, until_day = day_number(from_year, 1, 1), day_number(to_year + 1, 1, 1)
    times_s, offsets_s = _transitions(table, (from_day - 2) * DAY_S, (until_day + 2) * DAY_S)
    holidays: list[int] = []
    makeup: list[int] = []
    for year in range(from_year, to_year + 1):
        days = (special or {}).get(str(year), SpecialDays())
        holidays += [day for text in days.holidays for day in _days(year, text)]
        makeup += [day for text in days.makeup_workdays for day in _days(year, text)]
    calendar = Calendar(
        zone=zone,
        from_day=from_day,
        until_day=until_day,
        transition_ms=tuple(at * 1_000 for at in times_s),
        offset_minutes=tuple(offset // 60 for offset in offsets_s),
        holiday_days=tuple(sorted(holidays)),
        makeup_days=tuple(sorted(makeup)),
    )
    check_calendar(calendar)
    return calendar


def read_special_days(path: Path) -> dict[str, SpecialDays]:
    """Special days by year from a JSON or TOML file. Raises HolidayFile, HolidayYear."""
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
        if len(data) > FILE_BYTES_MAX:
            raise errors.HolidayFile(file=str(path), detail=f"> {FILE_BYTES_MAX} bytes")
        parse: Callable[[str], Any] = tomllib.loads if path.suffix.lower() == ".toml" else json.loads
        return special_days(parse(data.decode("utf-8-sig")))
    except (OSError, ValueError, RecursionError) as error:
        raise errors.HolidayFile(file=str(path), detail=str(error)) from None


def special_days(data: object) -> dict[str, SpecialDays]:
    """Special days by year from decoded JSON or TOML. Raises HolidayYear."""
    if not isinstance(data, dict):
        raise errors.HolidayYear(year="—", detail="expected an object")
    found = {}
    for year, days in data.items():
        if not _YEAR.fullmatch(year):
            raise errors.HolidayYear(year=year, detail="expected a year such as 2025")
        try:
            found[year] = msgspec.convert(days, SpecialDays, strict=True)
        except msgspec.ValidationError as error:
            raise errors.HolidayYear(year=year, detail=str(error)) from None
    return found


def _days(year: int, text: str) -> range:
    """Day numbers of `MM-DD` or, both ends included, of `MM-DD..MM-DD`."""
    match = _DAYS.fullmatch(text)
    try:
        if match is None:
            raise ValueError
        month, day, to_month, to_day = (int(part or 0) for part in match.groups())
        first = date(year, month, day)
        last = date(year, to_month, to_day) if to_month else first
        if last < first:
            raise ValueError
    except ValueError:
        raise errors.HolidayDate(year=year, day=text) from None
    return range(day_number(year, first.month, first.day), day_number(year, last.month, last.day) + 1)


def _transitions(table: ZoneInfo, from_s: int, to_s: int) -> tuple[list[int], list[int]]:
    """Times and offsets, in seconds, of a zone's changes of offset; the first stands at `from_s`."""

    def offset_at(at_s: int) -> int:
        offset = datetime.fromtimestamp(at_s, table).utcoffset()
        return (offset or timedelta()) // timedelta(seconds=1)

    times, offsets = [from_s], [offset_at(from_s)]
    for end in range(from_s + STEP_S, to_s + STEP_S, STEP_S):
        if offset_at(end) == offsets[-1]:
            continue
        low, high = end - STEP_S, end
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if offset_at(middle) == offsets[-1] else (low, middle)
        times.append(high)
        offsets.append(offset_at(high))
    return times, offsets
