"""Windows that differ by month, as 尖峰平谷 do: each month is whole, each minute of it in one window."""

from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hansa.apps.billing import errors_tariff as errors
from hansa.apps.billing.spans import MINUTES_PER_DAY, Span, Window, year_plans
from hansa.apps.billing.tariff import Tariff, check_tariff
from hansa.apps.billing.windows import windows_at
from hansa.kernel.refusal import Refusal
from hansa.kernel.types import replace
from tests.apps.tariffs import ENERGY, TARIFF, calendar_of

SUMMER, REST = (7, 8), (1, 2, 3, 4, 5, 6, 9, 10, 11, 12)
SEASONS = (
    Window("sharp", (Span(("all",), 840, 1020, SUMMER),)),
    Window("peak", (Span(("all",), 480, 840), Span(("all",), 1020, 1320), Span(("all",), 840, 1020, REST))),
    Window("valley", (Span(("all",), 1320, 480),)),
)
SEASONAL = replace(TARIFF, windows=SEASONS)
ZONES = ["Asia/Shanghai", "Europe/Berlin", "Australia/Lord_Howe"]
YEAR_MS = [int(datetime(2025, *day, tzinfo=UTC).timestamp()) * 1000 for day in ((1, 3), (12, 29))]


def expected(zone: str, at_ms: int) -> str:
    moment = datetime.fromtimestamp(at_ms // 1000, UTC).astimezone(ZoneInfo(zone))
    if not 8 <= moment.hour < 22:
        return "valley"
    return "sharp" if moment.month in SUMMER and 14 <= moment.hour < 17 else "peak"


@given(st.sampled_from(ZONES), st.integers(*YEAR_MS))
@settings(max_examples=200)
def test_an_instant_lies_in_the_window_of_its_month(zone: str, at_ms: int) -> None:
    scheme = windows_at(SEASONAL, calendar_of(zone))
    assert scheme.names[scheme.window_at(at_ms)] == expected(zone, at_ms)


@given(st.sampled_from(ZONES), st.integers(*YEAR_MS), st.integers(1, 40 * 86_400_000))
@settings(max_examples=60)
def test_seasons_partition_time(zone: str, from_ms: int, length_ms: int) -> None:
    """Pieces lie end to end, and each is of the window its first and its last instant lie in."""
    scheme = windows_at(SEASONAL, calendar_of(zone))
    to_ms = min(from_ms + length_ms, YEAR_MS[1])
    if from_ms >= to_ms:
        return
    pieces, _ = scheme.split(from_ms, to_ms)
    assert (pieces[0][1], pieces[-1][2]) == (from_ms, to_ms)
    assert all(before[2] == after[1] for before, after in pairwise(pieces))
    for window, start_ms, end_ms in pieces:
        assert scheme.names[window] == expected(zone, start_ms) == expected(zone, end_ms - 1)


@st.composite
def windows_by_chance(draw: st.DrawFn) -> tuple[Window, ...]:
    """Each month's day cut in two by chance; sometimes a month is left out, or named twice."""
    spans: list[Span] = []
    for month in range(1, 13):
        for _ in range(draw(st.sampled_from((1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 2)))):
            spans.append(Span(("all",), 0, MINUTES_PER_DAY, (month,)))
    return (Window("some", tuple(spans)),) if spans else (Window("some", (Span(("mon",), 0, 1),)),)


@given(windows_by_chance())
def test_what_passes_covers_each_minute_of_each_month_once(windows: tuple[Window, ...]) -> None:
    months = [month for span in windows[0].spans for month in span.months]
    try:
        plans = year_plans(windows)
    except Refusal:
        assert sorted(months) != list(range(1, 13))
        return
    assert sorted(months) == list(range(1, 13))
    for of_month in plans:
        for plan in of_month:
            assert sum(end - start for start, end, _ in plan) == MINUTES_PER_DAY


def refused(kind: type[Refusal], tariff: Tariff, rules: int = 2) -> Refusal:
    with pytest.raises(kind) as caught:
        check_tariff(tariff, rules)
    assert caught.value.zh
    assert caught.value.en
    return caught.value


def test_a_month_left_out_is_a_hole() -> None:
    peak = replace(SEASONS[1], spans=(*SEASONS[1].spans[:2], Span(("all",), 840, 1020, REST[:-1])))
    refusal = refused(errors.SeasonHole, replace(SEASONAL, windows=(SEASONS[0], peak, SEASONS[2])))
    assert refusal.values["month"] == 12
    assert refusal.values["start"] == "14:00"


def test_a_month_of_two_windows_is_an_overlap() -> None:
    sharp = replace(SEASONS[0], spans=(Span(("all",), 840, 1020, (6, *SUMMER)),))
    refusal = refused(errors.SeasonOverlap, replace(SEASONAL, windows=(sharp, *SEASONS[1:])))
    assert refusal.values["month"] == 6


@pytest.mark.parametrize("months", [(0,), (13,), (2**53 - 1,)])
def test_there_are_twelve_months(months: tuple[int, ...]) -> None:
    sharp = replace(SEASONS[0], spans=(Span(("all",), 840, 1020, months),))
    refused(errors.TariffValue, replace(SEASONAL, windows=(sharp, *SEASONS[1:])))


@pytest.mark.parametrize("months", [(7, 7), (8, 7), (7,) * 5_000])
def test_months_rise(months: tuple[int, ...]) -> None:
    sharp = replace(SEASONS[0], spans=(Span(("all",), 840, 1020, months),))
    refused(errors.MonthsNotRising, replace(SEASONAL, windows=(sharp, *SEASONS[1:])))


def test_rules_1_have_no_seasons() -> None:
    energy = replace(ENERGY, windows=("valley",))
    plain = replace(SEASONAL, elements=(energy,))
    check_tariff(plain, 2)
    assert refused(errors.NotYet, plain, 1).clause == "sharp"
