"""Windows of a tariff: which minutes of which days of which months belong to which (T3–T5). Pure."""

from collections.abc import Iterable
from typing import Literal

from hansa.apps.billing import errors_tariff as errors
from hansa.apps.billing.elements import check_count, check_once, check_range
from hansa.apps.consortium.calendars import DAY_CLASSES, WEEKDAYS
from hansa.kernel.types import Id, Minute, Natural, Struct

WINDOWS_MAX = 24
SPANS_MAX = 48
MINUTES_PER_DAY = 1440
MONTHS = 12

Month = Natural
"""1 for January … 12 for December; `check_tariff` refuses other numbers."""
DayName = Literal[
    "mon", "tue", "wed", "thu", "fri", "sat", "sun", "makeup", "holiday", "all", "workday", "restday"
]

SHORT_FORMS: dict[str, tuple[str, ...]] = {
    "all": DAY_CLASSES,
    "workday": (*WEEKDAYS[:5], "makeup"),
    "restday": WEEKDAYS[5:],
}
"""Day names that stand for several day classes (T3)."""


class Span(Struct):
    """Minutes from ≤ m < to of the local day; if from > to, up to midnight and from midnight on (T4)."""

    days: tuple[DayName, ...]
    from_minute: Minute
    to_minute: Minute
    months: tuple[Month, ...] = ()
    """Months of the local date, 1 to 12, in which the span holds; none named: all."""


class Window(Struct):
    """A named part of the week, or of the weeks of some months, such as `peak`."""

    name: Id
    spans: tuple[Span, ...]


Segment = tuple[int, int, int]
"""(from minute, to minute, position of the window) of a day."""
DayPlans = tuple[tuple[Segment, ...], ...]
"""Segments for each of DAY_CLASSES."""


def year_plans(windows: tuple[Window, ...]) -> tuple[DayPlans, ...]:
    """The plans of January to December; one for all months where no span names any (T5).

    Raises WindowHole, WindowOverlap, of seasons SeasonHole, SeasonOverlap, and the refusals of a malformed
    span or name.
    """
    if not any(span.months for window in windows for span in window.spans):
        return (day_plans(windows),)
    known: dict[tuple[bool, ...], DayPlans] = {}
    out = []
    for month in range(1, MONTHS + 1):
        held = tuple(_holds(span, month) for window in windows for span in window.spans)
        if held not in known:
            known[held] = day_plans(windows, month)
        out.append(known[held])
    return tuple(out)


def day_plans(windows: tuple[Window, ...], month: int = 0) -> DayPlans:
    """Which window covers which minutes, for each of DAY_CLASSES (T3–T5): ascending, from minute 0 to 1440.

    `month`: where spans name months, the one that is meant. Raises as `year_plans`.
    """
    if not windows:
        return (((0, MINUTES_PER_DAY, 0),),) * len(DAY_CLASSES)
    check_count("windows", "", len(windows), 1, WINDOWS_MAX)
    check_once("windows", "", (window.name for window in windows))
    found: dict[str, list[Segment]] = {name: [] for name in DAY_CLASSES}
    for position, window in enumerate(windows):
        check_count("spans", window.name, len(window.spans), 1, SPANS_MAX)
        for span in window.spans:
            _check_months(window, span)
            classes, minutes = _classes(window, span), _minutes(window, span)
            for name in classes if _holds(span, month) else ():
                found[name] += [(start, end, position) for start, end in minutes]
    return tuple(_day_plan(name, found[name], windows, month) for name in DAY_CLASSES)


def _holds(span: Span, month: int) -> bool:
    return not span.months or month in span.months


def _check_months(window: Window, span: Span) -> None:
    for month in span.months:
        check_range(window.name, "months", month, 1, MONTHS)
    for month, before in zip(span.months[1:], span.months, strict=False):
        if month <= before:
            raise errors.MonthsNotRising(clause=window.name, window=window.name, month=month)


def _classes(window: Window, span: Span) -> Iterable[str]:
    """The day classes that a span lists, each once."""
    classes: dict[str, None] = {}
    for name in span.days:
        if name not in SHORT_FORMS and name not in DAY_CLASSES:
            raise errors.DayUnknown(clause=window.name, window=window.name, day=name)
        classes.update(dict.fromkeys(SHORT_FORMS.get(name, (name,))))
    if not classes:
        raise errors.DayUnknown(clause=window.name, window=window.name, day="")
    return classes


def _minutes(window: Window, span: Span) -> tuple[tuple[int, int], ...]:
    """The stretches of minutes of a span: one, or two around midnight (T4)."""
    start, end = span.from_minute, span.to_minute
    check_range(window.name, "from_minute", start, 0, MINUTES_PER_DAY)
    check_range(window.name, "to_minute", end, 0, MINUTES_PER_DAY)
    if start == end:
        raise errors.SpanEmpty(clause=window.name, window=window.name, at=clock_text(start))
    if start < end:
        return ((start, end),)
    return tuple(part for part in ((0, end), (start, MINUTES_PER_DAY)) if part[0] < part[1])


def _day_plan(day: str, found: list[Segment], windows: tuple[Window, ...], month: int) -> tuple[Segment, ...]:
    covered = 0
    before = ""
    for start, end, position in [*sorted(found), (MINUTES_PER_DAY, MINUTES_PER_DAY, 0)]:
        if start > covered:
            at, until = clock_text(covered), clock_text(start)
            if month:
                raise errors.SeasonHole(day=day, month=month, minute=covered, start=at, end=until)
            raise errors.WindowHole(day=day, minute=covered, start=at, end=until)
        if start < covered:
            name, at = windows[position].name, clock_text(start)
            if month:
                raise errors.SeasonOverlap(
                    clause=name, day=day, month=month, minute=start, at=at, first=before, second=name
                )
            raise errors.WindowOverlap(clause=name, day=day, minute=start, at=at, first=before, second=name)
        covered, before = end, windows[position].name
    return tuple(sorted(found))


def clock_text(minute: int) -> str:
    """`08:30` for minute 510 of a day."""
    return f"{minute // 60:02d}:{minute % 60:02d}"
