"""Local days against Python's own datetime and zoneinfo, in zones that make it hard."""

from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hansa.apps.consortium import calendars
from hansa.apps.consortium.calendar_file import SpecialDays, build_calendar, read_special_days
from hansa.apps.consortium.calendars import (
    Calendar,
    check_calendar,
    civil,
    clip,
    day_class,
    day_number,
    local_time,
    next_period,
    period_at,
    start_of_day,
    weekday,
)
from hansa.kernel.refusal import Refusal
from hansa.kernel.types import replace

# Half-hour zone, half-hour change; midnight skipped (Sao_Paulo, Beirut) or repeated (Havana, St_Johns); a
# date left out (Apia); the clock put back for Ramadan (Casablanca).
ZONES = [
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Asia/Shanghai",
    "America/Sao_Paulo",
    "America/Havana",
    "America/St_Johns",
    "Asia/Beirut",
    "Pacific/Apia",
    "Africa/Casablanca",
]
FIRST_YEAR, LAST_YEAR = 2008, 2020
EPOCH = date(1970, 1, 1)
HOUR_MS, DAY_MS = 3_600_000, 86_400_000

zones = st.sampled_from(ZONES)
instants = st.integers(
    int(datetime(FIRST_YEAR, 2, 1, tzinfo=UTC).timestamp()) * 1000,
    int(datetime(LAST_YEAR, 11, 20, tzinfo=UTC).timestamp()) * 1000,
)
lengths = st.sampled_from(["month", "week", "day"])


@cache
def calendar_of(zone: str) -> Calendar:
    return build_calendar(zone, FIRST_YEAR, LAST_YEAR)


def local(zone: str, at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms // 1000, UTC).astimezone(ZoneInfo(zone))


def day_of(moment: date) -> int:
    return (date(moment.year, moment.month, moment.day) - EPOCH).days


def changes(zone: str) -> list[int]:
    return list(calendar_of(zone).transition_ms[1:])


@st.composite
def near_changes(draw: st.DrawFn) -> tuple[str, int]:
    """A zone and an instant, mostly within two days of a change of its clock."""
    zone = draw(zones)
    near = [at for at in changes(zone) if at > 1_202_000_000_000 and at < 1_600_000_000_000]
    if not near or draw(st.booleans()):
        return zone, draw(instants)
    return zone, draw(st.sampled_from(near)) + draw(st.integers(-2 * DAY_MS, 2 * DAY_MS))


@given(st.integers(0, 200 * 365))
def test_day_numbers_are_those_of_the_gregorian_calendar(number: int) -> None:
    moment = EPOCH + timedelta(number)
    assert civil(number) == (moment.year, moment.month, moment.day)
    assert day_number(moment.year, moment.month, moment.day) == number
    assert weekday(number) == moment.weekday()


@given(near_changes())
@settings(max_examples=300)
def test_local_time_is_what_the_zone_table_says(case: tuple[str, int]) -> None:
    zone, at_ms = case
    moment = local(zone, at_ms)
    assert local_time(calendar_of(zone), at_ms) == (day_of(moment), moment.hour * 60 + moment.minute)


@given(near_changes())
@settings(max_examples=150)
def test_a_date_begins_at_the_first_minute_that_shows_it_or_a_later_one(case: tuple[str, int]) -> None:
    zone, at_ms = case
    day = day_of(local(zone, at_ms)) + 1
    start_ms = start_of_day(calendar_of(zone), day)
    assert start_ms % 60_000 == 0
    # By brute force: nothing in the two days before shows the date, the minute itself does.
    assert day_of(local(zone, start_ms)) >= day
    for before in range(start_ms - 2 * DAY_MS, start_ms, 15 * 60_000):
        assert day_of(local(zone, before)) < day
    assert day_of(local(zone, start_ms - 60_000)) < day


@given(near_changes(), lengths)
@settings(max_examples=300)
def test_a_period_contains_its_instant_and_joins_the_next_without_a_gap(
    case: tuple[str, int], length: calendars.PeriodLength
) -> None:
    zone, at_ms = case
    calendar = calendar_of(zone)
    period = period_at(calendar, length, at_ms)
    assert period.from_ms <= at_ms < period.to_ms
    assert (period.full_from_ms, period.full_to_ms) == (period.from_ms, period.to_ms)
    after = next_period(calendar, length, period)
    assert after.from_ms == period.to_ms
    for inside in (period.from_ms, (period.from_ms + period.to_ms) // 2, period.to_ms - 1):
        assert period_at(calendar, length, inside) == period
    assert period.last_day == day_of(local(zone, period.to_ms - 1))
    assert period.first_day == day_of(local(zone, period.from_ms))


def test_months_and_weeks_begin_where_people_begin_them() -> None:
    calendar = calendar_of("Asia/Shanghai")
    at_ms = int(datetime(2017, 2, 15, 3, tzinfo=UTC).timestamp()) * 1000
    month, week = period_at(calendar, "month", at_ms), period_at(calendar, "week", at_ms)
    assert local("Asia/Shanghai", month.from_ms).isoformat() == "2017-02-01T00:00:00+08:00"
    assert local("Asia/Shanghai", month.to_ms).isoformat() == "2017-03-01T00:00:00+08:00"
    assert local("Asia/Shanghai", week.from_ms).strftime("%a %d %b") == "Mon 13 Feb"
    assert local("Asia/Shanghai", week.to_ms).strftime("%a %d %b") == "Mon 20 Feb"


@pytest.mark.parametrize(
    ("zone", "day", "length_ms"),
    [
        ("Europe/Berlin", date(2018, 3, 25), 23 * HOUR_MS),
        ("Europe/Berlin", date(2018, 10, 28), 25 * HOUR_MS),
        ("America/New_York", date(2018, 3, 11), 23 * HOUR_MS),
        ("America/New_York", date(2018, 11, 4), 25 * HOUR_MS),
        ("Australia/Lord_Howe", date(2018, 4, 1), 24 * HOUR_MS + HOUR_MS // 2),
        ("Australia/Lord_Howe", date(2018, 10, 7), 23 * HOUR_MS + HOUR_MS // 2),
        ("America/Sao_Paulo", date(2017, 10, 15), 23 * HOUR_MS),  # midnight skipped
        ("America/Havana", date(2018, 11, 4), 25 * HOUR_MS),  # midnight repeated
        ("Pacific/Apia", date(2011, 12, 30), 0),  # the date was left out
        ("Asia/Kolkata", date(2018, 3, 25), 24 * HOUR_MS),
    ],
)
def test_a_day_is_as_long_as_the_clock_says(zone: str, day: date, length_ms: int) -> None:
    calendar = calendar_of(zone)
    number = day_of(day)
    assert start_of_day(calendar, number + 1) - start_of_day(calendar, number) == length_ms


def test_minutes_before_a_midnight_that_comes_again_belong_to_the_period_that_has_begun() -> None:
    # St. John's put its clock from 00:01 back to 23:01 on 1 November 2009.
    calendar = calendar_of("America/St_Johns")
    november = start_of_day(calendar, day_number(2009, 11, 1))
    again = november + 30 * 60_000
    assert local("America/St_Johns", again).strftime("%d %H:%M") == "31 23:30"
    assert period_at(calendar, "month", again).from_ms == november
    assert period_at(calendar, "day", again).from_ms == november
    assert period_at(calendar, "month", november - 1).to_ms == november


def test_a_clipped_period_keeps_the_whole_and_knows_its_last_day() -> None:
    calendar = calendar_of("Europe/Berlin")
    whole = period_at(calendar, "month", start_of_day(calendar, day_number(2018, 3, 5)))
    part = clip(calendar, whole, start_of_day(calendar, day_number(2018, 3, 10)), whole.to_ms + DAY_MS)
    assert (part.full_from_ms, part.full_to_ms) == (whole.from_ms, whole.to_ms)
    assert part.to_ms == whole.to_ms
    assert (part.first_day, part.last_day) == (day_number(2018, 3, 10), day_number(2018, 3, 31))


def test_a_holiday_goes_before_a_makeup_day_and_both_before_the_weekday() -> None:
    monday = day_number(2018, 1, 1)
    calendar = replace(
        calendar_of("Asia/Shanghai"), holiday_days=(monday, monday + 1), makeup_days=(monday, monday + 5)
    )
    assert [day_class(calendar, monday + n) for n in range(7)] == [
        "holiday", "holiday", "wed", "thu", "fri", "makeup", "sun"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"until_day": day_number(2008, 1, 1)}, "consortium.calendar_validity"),
        ({"until_day": day_number(2008, 1, 1) + 60 * 366 + 1}, "consortium.calendar_validity"),
        ({"from_day": -1, "until_day": 5}, "consortium.calendar_validity"),
        ({"transition_ms": (), "offset_minutes": ()}, "consortium.calendar_transitions"),
        ({"transition_ms": (0,), "offset_minutes": (0, 60)}, "consortium.calendar_transitions"),
        ({"transition_ms": (0, 5), "offset_minutes": (0,)}, "consortium.calendar_transitions"),
        ({"transition_ms": (5, 5), "offset_minutes": (0, 60)}, "consortium.calendar_transitions"),
        ({"transition_ms": (0,), "offset_minutes": (1441,)}, "consortium.calendar_transitions"),
        ({"transition_ms": (2**42,), "offset_minutes": (0,)}, "consortium.calendar_transitions"),
        (
            {"transition_ms": tuple(range(401)), "offset_minutes": (0,) * 401},
            "consortium.calendar_transitions",
        ),
        ({"holiday_days": (14_000, 14_000)}, "consortium.calendar_days"),
        ({"holiday_days": (14_001, 14_000)}, "consortium.calendar_days"),
        ({"makeup_days": (10,)}, "consortium.calendar_days"),
        ({"makeup_days": (30_000,)}, "consortium.calendar_days"),
        ({"holiday_days": tuple(range(13_879, 13_879 + 2_001))}, "consortium.calendar_days"),
        ({"holiday_days": (14_000,), "makeup_days": (14_000,)}, "consortium.calendar_days"),
    ],
)
def test_a_calendar_that_says_nothing_clear_is_refused(change: dict[str, object], code: str) -> None:
    calendar = calendar_of("Europe/Berlin")
    check_calendar(calendar)
    with pytest.raises(Refusal) as refused:
        check_calendar(replace(calendar, **change))
    assert refused.value.code == code


@pytest.mark.parametrize(
    "at_ms", [0, 10**12, 1_199_145_599_999 - 8 * HOUR_MS, 1_609_459_200_000 - 8 * HOUR_MS]
)
def test_an_instant_beyond_the_dates_covered_is_refused(at_ms: int) -> None:
    with pytest.raises(Refusal) as refused:
        local_time(calendar_of("Asia/Shanghai"), at_ms)
    assert refused.value.code == "consortium.calendar_outside"
    assert "2008-01-01" in refused.value.en
    assert "2020-12-31" in refused.value.zh


def test_a_period_that_is_not_wholly_covered_is_refused() -> None:
    calendar = calendar_of("Asia/Shanghai")
    new_year = start_of_day(calendar, day_number(2008, 1, 1))
    assert period_at(calendar, "month", new_year).from_ms == new_year
    for length in ("month", "week"):
        at_ms = new_year if length == "week" else start_of_day(calendar, day_number(2021, 1, 1))
        with pytest.raises(Refusal) as refused:
            period_at(calendar, length, at_ms)
        assert refused.value.code == "consortium.calendar_outside"


@pytest.mark.parametrize("zone", ["", "Asia", "../Berlin", "Europe/Nowhere", "a" * 300, "\x00", " ", "Ä/Ö"])
def test_a_zone_that_does_not_exist_is_refused(zone: str) -> None:
    with pytest.raises(Refusal) as refused:
        build_calendar(zone, 2020, 2021)
    assert refused.value.code == "consortium.calendar_zone"


@pytest.mark.parametrize("years", [(2021, 2020), (1900, 2000), (2100, 2500), (2000, 2100)])
def test_years_out_of_order_or_too_many_are_refused(years: tuple[int, int]) -> None:
    with pytest.raises(Refusal) as refused:
        build_calendar("Europe/Berlin", *years)
    assert refused.value.code in ("consortium.calendar_years", "consortium.calendar_validity")


def test_holidays_come_from_json_and_toml_alike(tmp_path: Path) -> None:
    (tmp_path / "days.json").write_text(
        '{"2025": {"holidays": ["01-28..02-04"], "makeup_workdays": ["01-26"]}}'
    )
    (tmp_path / "days.toml").write_text('[2025]\nholidays = ["01-28..02-04"]\nmakeup_workdays = ["01-26"]\n')
    from_json, from_toml = (read_special_days(tmp_path / f"days.{kind}") for kind in ("json", "toml"))
    assert from_json == from_toml
    calendar = build_calendar("Asia/Shanghai", 2024, 2025, from_json)
    assert calendar.holiday_days == tuple(range(day_number(2025, 1, 28), day_number(2025, 2, 5)))
    assert calendar.makeup_days == (day_number(2025, 1, 26),)


@pytest.mark.parametrize(
    "text", ["1-1", "02-30", "02-05..02-04", "2025-01-01", "", "01-01\n", "13-01", "01-01.."]
)
def test_a_holiday_that_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(Refusal) as refused:
        build_calendar("Asia/Shanghai", 2025, 2025, {"2025": SpecialDays(holidays=(text,))})
    assert refused.value.code == "consortium.holiday_date"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", "consortium.holiday_file"),
        ("[" * 100_000, "consortium.holiday_file"),
        ("[1]", "consortium.holiday_year"),
        ('{"25": {}}', "consortium.holiday_year"),
        ('{"2025": {"holiday": []}}', "consortium.holiday_year"),
        ('{"2025": {"holidays": [1]}}', "consortium.holiday_year"),
    ],
)
def test_a_holiday_file_that_cannot_be_understood_is_refused(tmp_path: Path, text: str, code: str) -> None:
    (tmp_path / "days.json").write_text(text)
    with pytest.raises(Refusal) as refused:
        read_special_days(tmp_path / "days.json")
    assert refused.value.code == code
    with pytest.raises(Refusal, match=r"consortium\.holiday_file"):
        read_special_days(tmp_path / "missing.json")


@pytest.mark.parametrize("day", [day_number(2007, 12, 31), day_number(2021, 1, 2)])
def test_the_start_of_a_date_that_is_not_covered_is_refused(day: int) -> None:
    calendar = calendar_of("Asia/Shanghai")
    assert start_of_day(calendar, calendar.until_day) - start_of_day(calendar, calendar.from_day) > 0
    with pytest.raises(Refusal) as refused:
        start_of_day(calendar, day)
    assert refused.value.code == "consortium.calendar_outside"
