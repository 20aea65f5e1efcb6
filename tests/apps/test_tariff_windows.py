"""An interval of time is cut exactly where the local clock enters another window, in any zone."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hansa.apps.billing.tariff import Span, Tariff, Window
from hansa.apps.billing.windows import NOWHERE, Cursor, WindowScheme, windows_at
from hansa.apps.consortium.calendars import day_number, start_of_day
from hansa.kernel.refusal import Refusal
from hansa.kernel.types import replace
from tests.apps.tariffs import HOLIDAYS, TARIFF, WINDOWS, calendar_of

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
ZONES = ["Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Havana"]
JANUARY_MS = int(datetime(2025, 1, 3, tzinfo=UTC).timestamp()) * 1000
DECEMBER_MS = int(datetime(2025, 12, 29, tzinfo=UTC).timestamp()) * 1000
LAST_MS = DECEMBER_MS + 2 * DAY_MS
"""The calendars end with the year, by their own clocks."""

zones = st.sampled_from(ZONES)
instants = st.integers(JANUARY_MS, DECEMBER_MS)


def scheme_of(zone: str, tariff: Tariff = TARIFF) -> WindowScheme:
    return windows_at(tariff, calendar_of(zone))


def expected_window(zone: str, at_ms: int) -> str:
    """The windows of `tariffs.WINDOWS`, told again with datetime alone."""
    moment = datetime.fromtimestamp(at_ms // 1000, UTC).astimezone(ZoneInfo(zone))
    if not 8 <= moment.hour < 22:
        return "valley"
    text = moment.strftime("%m-%d")
    if "01-28" <= text <= "02-04":
        return "flat"
    working = moment.weekday() < 5 or text in HOLIDAYS["2025"].makeup_workdays
    return "peak" if working else "flat"


@st.composite
def intervals(draw: st.DrawFn) -> tuple[str, int, int]:
    """A zone and an interval, mostly near a change of its clock or near the Spring Festival."""
    zone = draw(zones)
    anchors = [day_number(2025, 1, 28) * DAY_MS, *calendar_of(zone).transition_ms[1:]]
    start = draw(instants) if draw(st.booleans()) else draw(st.sampled_from(anchors))
    start = max(start + draw(st.integers(-2 * DAY_MS, DAY_MS)), JANUARY_MS)
    length = draw(st.one_of(st.integers(0, HOUR_MS), st.integers(0, 4 * DAY_MS)))
    return zone, start, min(start + length, max(start, LAST_MS))


@given(zones, instants)
@settings(max_examples=300)
def test_an_instant_lies_in_the_window_of_its_local_minute(zone: str, at_ms: int) -> None:
    scheme = scheme_of(zone)
    assert scheme.names[scheme.window_at(at_ms)] == expected_window(zone, at_ms)


@given(intervals())
@settings(max_examples=300)
def test_split_is_a_partition_by_window(case: tuple[str, int, int]) -> None:
    zone, from_ms, to_ms = case
    scheme = scheme_of(zone)
    pieces, _ = scheme.split(from_ms, to_ms)
    assert pieces[0][1] == from_ms
    assert pieces[-1][2] == to_ms
    for before, after in pairwise(pieces):
        assert before[2] == after[1]
        assert before[0] != after[0]
    for window, start, end in pieces:
        assert start < end or from_ms == to_ms
        for inside in (start, (start + end) // 2, max(end - 1, start)):
            assert scheme.names[window] == expected_window(zone, inside)


@given(intervals(), st.lists(st.integers(0, 6 * HOUR_MS), max_size=30))
@settings(max_examples=200)
def test_any_cursor_gives_the_same_pieces(case: tuple[str, int, int], steps: list[int]) -> None:
    zone, at_ms, _ = case
    scheme = scheme_of(zone)
    cursor: Cursor = NOWHERE
    for step in steps:
        pieces, cursor = scheme.split(at_ms, at_ms + step, cursor)
        assert pieces == scheme.split(at_ms, at_ms + step)[0]
        assert cursor[0] <= at_ms + step <= cursor[1]
        at_ms += step - (step % 3) * HOUR_MS


@given(intervals())
def test_the_order_of_windows_and_spans_does_not_matter(case: tuple[str, int, int]) -> None:
    zone, from_ms, to_ms = case
    turned = replace(TARIFF, windows=tuple(replace(w, spans=w.spans[::-1]) for w in reversed(WINDOWS)))
    one, other = scheme_of(zone), scheme_of(zone, turned)
    named = [[(s.names[w], a, b) for w, a, b in s.split(from_ms, to_ms)[0]] for s in (one, other)]
    assert named[0] == named[1]


@pytest.mark.parametrize(
    ("zone", "day", "valley_ms"),
    [
        ("Europe/Berlin", (2025, 3, 30), 9 * HOUR_MS),  # 02:00–03:00 is skipped
        ("Europe/Berlin", (2025, 10, 26), 11 * HOUR_MS),  # 02:00–03:00 comes twice
        ("Australia/Lord_Howe", (2025, 4, 6), 10 * HOUR_MS + HOUR_MS // 2),
        ("Asia/Shanghai", (2025, 3, 30), 10 * HOUR_MS),
    ],
)
def test_at_a_change_of_the_clocks_the_local_clock_decides(
    zone: str, day: tuple[int, int, int], valley_ms: int
) -> None:
    scheme = scheme_of(zone)
    number = day_number(*day)
    from_ms, to_ms = (start_of_day(scheme.calendar, n) for n in (number, number + 1))
    time: Counter[str] = Counter()
    for window, start, end in scheme.split(from_ms, to_ms)[0]:
        time[scheme.names[window]] += end - start
    assert time == {"flat": 14 * HOUR_MS, "valley": valley_ms}


def test_a_window_that_begins_in_the_hour_that_comes_twice_begins_twice() -> None:
    halves = (Window("a", (Span(("all",), 0, 150),)), Window("b", (Span(("all",), 150, 1440),)))
    scheme = scheme_of("Europe/Berlin", replace(TARIFF, windows=halves))
    midnight = start_of_day(scheme.calendar, day_number(2025, 10, 26))
    pieces, _ = scheme.split(midnight, midnight + 5 * HOUR_MS)
    hours = [(scheme.names[w], (b - a) * 2 // HOUR_MS) for w, a, b in pieces]
    # 00:00–02:30 summer time, the half hour after it, 02:00–02:30 again, the rest.
    assert hours == [("a", 5), ("b", 1), ("a", 1), ("b", 3)]


def test_an_interval_without_length_has_the_window_of_its_instant() -> None:
    scheme = scheme_of("Asia/Shanghai")
    eight = start_of_day(scheme.calendar, day_number(2025, 3, 3)) + 8 * HOUR_MS
    _, before = scheme.split(eight - HOUR_MS, eight)
    for cursor in (NOWHERE, before):
        assert scheme.split(eight, eight, cursor)[0] == [(0, eight, eight)]
        assert scheme.split(eight - 1, eight - 1, cursor)[0] == [(2, eight - 1, eight - 1)]


def test_one_window_is_one_piece_however_long() -> None:
    scheme = scheme_of("Europe/Berlin", replace(TARIFF, windows=()))
    assert scheme.names == ("all",)
    assert scheme.split(JANUARY_MS, DECEMBER_MS)[0] == [(0, JANUARY_MS, DECEMBER_MS)]


@pytest.mark.parametrize("tariff", [TARIFF, replace(TARIFF, windows=())])
def test_time_beyond_the_calendar_is_refused(tariff: Tariff) -> None:
    scheme = scheme_of("Asia/Shanghai", tariff)
    first, last = (start_of_day(scheme.calendar, day_number(year, 1, 1)) for year in (2025, 2026))
    pieces, _ = scheme.split(first, last)
    assert (pieces[0][1], pieces[-1][2]) == (first, last)
    for from_ms, to_ms in ((first - 1, first), (last - 1, last + 1), (last, last + 1), (0, 1)):
        with pytest.raises(Refusal) as refused:
            scheme.split(from_ms, to_ms)
        assert refused.value.code == "consortium.calendar_outside"


def test_a_year_of_windows_adds_up_to_the_year() -> None:
    """8,760 hours of 2025 in Shanghai, counted by date."""
    scheme = scheme_of("Asia/Shanghai")
    first, last = (start_of_day(scheme.calendar, day_number(year, 1, 1)) for year in (2025, 2026))
    hours: Counter[str] = Counter()
    for window, start, end in scheme.split(first, last)[0]:
        hours[scheme.names[window]] += (end - start) // HOUR_MS
    dates = [datetime(2025, 1, 1) + timedelta(n) for n in range(365)]
    peak_days = sum(expected_window("Asia/Shanghai", int(d.timestamp() * 1000)) == "peak" for d in (
        d.replace(hour=12, tzinfo=ZoneInfo("Asia/Shanghai")) for d in dates
    ))  # fmt: skip
    assert hours == {"peak": 14 * peak_days, "flat": 14 * (365 - peak_days), "valley": 10 * 365}
