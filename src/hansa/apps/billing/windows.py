"""Which window of the tariff an instant lies in (T1–T6), fast enough for every counter record.

`windows_at` joins a tariff and a calendar once. `split` then cuts an interval of time where the window
changes, across midnights, holidays and changes of the clocks. Pure; the cursor that makes calls in order
cheap is a value that the caller keeps.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from hansa.apps.billing.spans import DayPlans, Window, year_plans
from hansa.apps.billing.tariff import Tariff, window_names
from hansa.apps.consortium.calendars import (
    DAY_CLASSES,
    Calendar,
    civil,
    outside,
    segment_at,
    start_of_day,
    weekday,
)
from hansa.kernel.limits import DAY_MS, MINUTE_MS

Piece = tuple[int, int, int]
"""(window, from_ms, to_ms): a stretch of time in one window, by the window's position in `names`."""
Cursor = tuple[int, int, int]
"""(from_ms, to_ms, window) of the stretch last looked up; any such value is right, a near one is fast."""

NOWHERE: Cursor = (0, 0, 0)
KEPT_MAX = 256
"""Windows, and lists of special days, kept as laid out, by what they are: so it changes nothing."""


@dataclass(frozen=True, slots=True)
class WindowScheme:
    """A tariff's windows laid over a calendar."""

    names: tuple[str, ...]
    calendar: Calendar
    plans: tuple[DayPlans, ...]
    """For January to December, or once for all months; of each of DAY_CLASSES (from, to, window), ms of the
    local day.
    """
    special: Mapping[int, int]
    """Class of the dates that are not of the class of their weekday."""

    def window_at(self, at_ms: int) -> int:
        """Position of the window an instant lies in. Raises CalendarOutside."""
        return self.stretch_at(at_ms)[2]

    def split(self, from_ms: int, to_ms: int, cursor: Cursor = NOWHERE) -> tuple[list[Piece], Cursor]:
        """Cut from_ms ≤ t < to_ms where the window changes: pieces in order, neighbours of different windows.

        An interval without length gives one piece, of the window its instant lies in. Pass the cursor
        returned to the next call. Raises CalendarOutside for what the calendar does not cover.
        """
        if cursor[0] <= from_ms < cursor[1] and to_ms <= cursor[1]:
            return [(cursor[2], from_ms, to_ms)], cursor
        cursor = self.stretch_at(from_ms)
        start_ms, window = from_ms, cursor[2]
        pieces = []
        while cursor[1] < to_ms:
            cursor = self.stretch_at(cursor[1])
            if cursor[2] != window:
                pieces.append((window, start_ms, cursor[0]))
                start_ms, window = cursor[0], cursor[2]
        pieces.append((window, start_ms, to_ms))
        return pieces, cursor

    def stretch_at(self, at_ms: int) -> Cursor:
        """The stretch around an instant within one local date, one window and one offset from UTC."""
        calendar = self.calendar
        times = calendar.transition_ms
        position = segment_at(calendar, at_ms)
        if position < 0:
            raise outside(calendar, at_ms // DAY_MS)
        day, in_day_ms = divmod(at_ms + calendar.offset_minutes[position] * MINUTE_MS, DAY_MS)
        if not calendar.from_day <= day < calendar.until_day:
            raise outside(calendar, day)
        if len(self.names) == 1:
            return start_of_day(calendar, calendar.from_day), start_of_day(calendar, calendar.until_day), 0
        plans = self.plans[0] if len(self.plans) == 1 else self.plans[civil(day)[1] - 1]
        plan = plans[self.special.get(day, weekday(day))]
        from_day_ms, to_day_ms, window = next(segment for segment in plan if in_day_ms < segment[1])
        midnight_ms = at_ms - in_day_ms
        from_ms = max(midnight_ms + from_day_ms, times[position])
        to_ms = midnight_ms + to_day_ms
        if position + 1 < len(times):
            to_ms = min(to_ms, times[position + 1])
        return from_ms, to_ms, window


def windows_at(tariff: Tariff, calendar: Calendar) -> WindowScheme:
    """Lay the windows of a sound tariff over a sound calendar."""
    special = _special(calendar.makeup_days, calendar.holiday_days)
    return WindowScheme(window_names(tariff), calendar, _plans(tariff.windows), special)


@lru_cache(maxsize=KEPT_MAX)
def _plans(windows: tuple[Window, ...]) -> tuple[DayPlans, ...]:
    """The plans of the months, in ms: it costs up to a millisecond, and many agreements ask for the same."""
    return tuple(
        tuple(
            tuple((start * MINUTE_MS, end * MINUTE_MS, window) for start, end, window in plan)
            for plan in of_month
        )
        for of_month in year_plans(windows)
    )


@lru_cache(maxsize=KEPT_MAX)
def _special(makeup_days: tuple[int, ...], holiday_days: tuple[int, ...]) -> Mapping[int, int]:
    makeup, holiday = DAY_CLASSES.index("makeup"), DAY_CLASSES.index("holiday")
    return {**dict.fromkeys(makeup_days, makeup), **dict.fromkeys(holiday_days, holiday)}
