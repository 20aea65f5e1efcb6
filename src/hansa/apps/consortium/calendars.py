"""Local days of a place, computed in integers from a record that all members share.

Nodes' time zone tables differ, so the ledger carries what a tariff needs of them: when the offset from UTC
changes, which dates are holidays, which are make-up workdays (protocol, rule 11; tariff rules T1, T2, U2).
A *day* is a local date as a number: days since 1970-01-01. A date begins at the first instant at which the
local clock shows that date or a later one: a midnight that the clock skips begins where it jumps, and of a
repeated midnight the first counts.

Civil dates: H. Hinnant, "chrono-compatible low-level date algorithms" (days_from_civil, civil_from_days).
"""

from typing import Literal

from hansa.apps.consortium import errors_calendar as errors
from hansa.kernel.limits import DAY_MS, MINUTE_MS, SPECIAL_DAYS_MAX, TRANSITIONS_MAX
from hansa.kernel.types import Integer, Natural, RegisteredName, Struct, TimeMs

CALENDAR_DAYS_MAX = 60 * 366
OFFSET_MAX_MINUTES = 24 * 60
DAY_MAX = 200 * 366
DAYS_PER_WEEK = 7

Day = Natural
"""A local date: days since 1970-01-01."""
PeriodLength = Literal["month", "week", "day"]
DayClass = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun", "makeup", "holiday"]

WEEKDAYS: tuple[DayClass, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_CLASSES: tuple[DayClass, ...] = (*WEEKDAYS, "makeup", "holiday")


class Calendar(Struct):
    """Local time of a zone for the dates from_day ≤ date < until_day; see `check_calendar`."""

    zone: RegisteredName
    """IANA name, for people; nothing is looked up by it."""
    from_day: Day
    until_day: Day
    """The first date that is no longer covered."""
    transition_ms: tuple[TimeMs, ...]
    """Instants from which each offset holds, rising; the first at or before the start of from_day."""
    offset_minutes: tuple[Integer, ...]
    """Local time minus UTC, minutes; one for each of transition_ms."""
    holiday_days: tuple[Day, ...] = ()
    makeup_days: tuple[Day, ...] = ()
    """Rest days of the week that are worked, as declared by the authority that declares the holidays."""


class Period(Struct):
    """A billing period: the instants from_ms ≤ t < to_ms, all or part of full_from_ms ≤ t < full_to_ms."""

    from_ms: TimeMs
    to_ms: TimeMs
    full_from_ms: TimeMs
    full_to_ms: TimeMs
    first_day: Day
    """Local date of the first instant, from_ms."""
    last_day: Day
    """Local date of the last instant, to_ms − 1: tax rates are looked up by it (X1)."""


def check_calendar(calendar: Calendar) -> None:
    """Refuse a record that does not give each instant of its dates one local time and one day class."""
    days = calendar.until_day - calendar.from_day
    if not (1 <= days <= CALENDAR_DAYS_MAX and 0 <= calendar.from_day <= DAY_MAX):
        raise errors.CalendarValidity(zone=calendar.zone, days=days, limit=CALENDAR_DAYS_MAX)
    _check_transitions(calendar)
    for special in (calendar.holiday_days, calendar.makeup_days):
        before = calendar.from_day - 1
        for position, day in enumerate(special):
            if not before < day < calendar.until_day or position == SPECIAL_DAYS_MAX:
                raise errors.CalendarDays(zone=calendar.zone, day=date_text(day), limit=SPECIAL_DAYS_MAX)
            before = day
    holidays = dict.fromkeys(calendar.holiday_days)
    for day in calendar.makeup_days:
        if day in holidays:
            raise errors.CalendarDays(zone=calendar.zone, day=date_text(day), limit=SPECIAL_DAYS_MAX)


def _check_transitions(calendar: Calendar) -> None:
    times, offsets = calendar.transition_ms, calendar.offset_minutes
    before = -1
    for position in range(max(len(times), len(offsets), 1)):
        if (
            position >= min(len(times), len(offsets), TRANSITIONS_MAX)
            or times[position] <= before
            or abs(offsets[position]) > OFFSET_MAX_MINUTES
            or times[0] > calendar.from_day * DAY_MS - offsets[0] * MINUTE_MS
        ):
            raise errors.CalendarTransitions(zone=calendar.zone, position=position + 1, limit=TRANSITIONS_MAX)
        before = times[position]


def segment_at(calendar: Calendar, at_ms: int) -> int:
    """Position of the last change of offset at or before an instant; -1 before the first."""
    times = calendar.transition_ms
    low, high = 0, len(times)
    while low < high:
        middle = (low + high) // 2
        if times[middle] <= at_ms:
            low = middle + 1
        else:
            high = middle
    return low - 1


def local_time(calendar: Calendar, at_ms: int) -> tuple[int, int]:
    """Local date and minute of an instant (T1). Raises CalendarOutside beyond the dates covered."""
    segment = segment_at(calendar, at_ms)
    if segment < 0:
        raise outside(calendar, at_ms // DAY_MS)
    local_ms = at_ms + calendar.offset_minutes[segment] * MINUTE_MS
    day = local_ms // DAY_MS
    if not calendar.from_day <= day < calendar.until_day:
        raise outside(calendar, day)
    return day, local_ms % DAY_MS // MINUTE_MS


def local_day(calendar: Calendar, at_ms: int) -> int:
    """Local date of an instant. Raises CalendarOutside beyond the dates covered."""
    return local_time(calendar, at_ms)[0]


def day_class(calendar: Calendar, day: int) -> DayClass:
    """Class of a date (T2): `holiday` goes before `makeup`, both before the weekday."""
    if day in calendar.holiday_days:
        return "holiday"
    if day in calendar.makeup_days:
        return "makeup"
    return WEEKDAYS[weekday(day)]


def start_of_day(calendar: Calendar, day: int) -> int:
    """First instant at which the local clock shows this date or a later one; defined for until_day as well.

    Raises CalendarOutside beyond the dates covered.
    """
    if not calendar.from_day <= day <= calendar.until_day:
        raise outside(calendar, day)
    times, offsets = calendar.transition_ms, calendar.offset_minutes
    midnight_ms = day * DAY_MS
    # No offset exceeds a day, so the clock cannot show this date more than a day before midnight UTC.
    segment = max(segment_at(calendar, midnight_ms - OFFSET_MAX_MINUTES * MINUTE_MS), 0)
    start_ms = max(midnight_ms - offsets[segment] * MINUTE_MS, times[segment])
    while segment + 1 < len(times) and start_ms >= times[segment + 1]:
        segment += 1
        start_ms = max(midnight_ms - offsets[segment] * MINUTE_MS, times[segment])
    return start_ms


def period_at(calendar: Calendar, length: PeriodLength, at_ms: int) -> Period:
    """The whole calendar month, ISO week or day that contains an instant (U2).

    Where the clock goes back over a midnight, the repeated minutes belong to the period that has begun.
    Raises CalendarOutside when the period is not wholly covered.
    """
    first = _first_day(length, local_day(calendar, at_ms))
    start_ms = start_of_day(calendar, first)
    while True:
        after = _next_first_day(length, first)
        end_ms = start_of_day(calendar, after)
        if at_ms < end_ms:
            days = local_day(calendar, start_ms), local_day(calendar, end_ms - 1)
            return Period(start_ms, end_ms, start_ms, end_ms, *days)
        first, start_ms = after, end_ms


def next_period(calendar: Calendar, length: PeriodLength, period: Period) -> Period:
    """The whole period that begins where the whole of this one ends."""
    return period_at(calendar, length, period.full_to_ms)


def clip(calendar: Calendar, period: Period, from_ms: int, to_ms: int) -> Period:
    """The part of a period within an agreement's time from_ms ≤ t < to_ms; the two must overlap."""
    start_ms, end_ms = max(period.from_ms, from_ms), min(period.to_ms, to_ms)
    assert start_ms < end_ms
    days = local_day(calendar, start_ms), local_day(calendar, end_ms - 1)
    return Period(start_ms, end_ms, period.full_from_ms, period.full_to_ms, *days)


def _first_day(length: PeriodLength, day: int) -> int:
    if length == "day":
        return day
    if length == "week":
        return day - weekday(day)
    year, month, _ = civil(day)
    return day_number(year, month, 1)


def _next_first_day(length: PeriodLength, first: int) -> int:
    if length == "day":
        return first + 1
    if length == "week":
        return first + DAYS_PER_WEEK
    # From the first of a month, 31 days lead into the next month, whatever its length.
    return _first_day("month", first + 31)


def weekday(day: int) -> int:
    """0 for Monday … 6 for Sunday. Day 0, 1970-01-01, was a Thursday."""
    return (day + 3) % DAYS_PER_WEEK


def day_number(year: int, month: int, day_of_month: int) -> int:
    """Days since 1970-01-01 of a date of the Gregorian calendar."""
    year -= month <= 2
    era, year_of_era = year // 400, year % 400
    day_of_year = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day_of_month - 1
    return era * 146_097 + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year - 719_468


def civil(day: int) -> tuple[int, int, int]:
    """(year, month, day of month) of a day number; inverse of `day_number`."""
    day += 719_468
    era, day_of_era = day // 146_097, day % 146_097
    year_of_era = (day_of_era - day_of_era // 1_460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * day_of_year + 2) // 153
    month = shifted + 3 if shifted < 10 else shifted - 9
    return year_of_era + era * 400 + (month <= 2), month, day_of_year - (153 * shifted + 2) // 5 + 1


def date_text(day: int) -> str:
    """ISO 8601 text of a day number, for people."""
    year, month, day_of_month = civil(day)
    return f"{year:04d}-{month:02d}-{day_of_month:02d}"


def outside(calendar: Calendar, day: int) -> errors.CalendarOutside:
    """The refusal of a date that the calendar does not cover."""
    first, last = date_text(calendar.from_day), date_text(calendar.until_day - 1)
    return errors.CalendarOutside(zone=calendar.zone, first=first, last=last, day=date_text(day))
