"""Times as logs write them. Local times follow their zone, with a rule for the repeated hour."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hansa.edge.log_errors import BadCell
from hansa.edge.log_time import TimeReader, compiled, resolve_folds, zone_named

SHANGHAI = ZoneInfo("Asia/Shanghai")
BERLIN = ZoneInfo("Europe/Berlin")
S = 1_000_000_000


def ns(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp()) * S


def utc(text: str, *formats: str, zone=SHANGHAI, closes_day=False) -> int:
    return TimeReader(formats or ("year_first",), zone, closes_day=closes_day).read(text)


@pytest.mark.parametrize(
    ("text", "fmt"),
    [
        ("2024-03-01T08:00:00", "year_first"),
        ("2024-03-01 08:00", "year_first"),
        ("2024/3/1 8:00", "year_first"),
        ("2024.03.01 8:00:00", "year_first"),
        ("2024年3月1日 08:00", "year_first"),
        ("2024年3月1日8时00分00秒", "year_first"),
        ("2024年3月1日 上午8:00", "year_first"),
        ("2024-03-01 00:00:00Z", "year_first"),
        ("2024-03-01T08:00:00+08:00", "year_first"),
        ("2024-03-01T01:00:00.000+0100", "year_first"),
        ("20240301T080000", "year_first"),
        ("20240301080000", "year_first"),
        ("1/3/2024 8:00", "day_first"),
        ("01.03.2024 08:00:00", "day_first"),
        ("01.03.24 08:00", "day_first"),
        ("3/1/2024 8:00:00 AM", "month_first"),
        ("03-01-2024 08:00", "month_first"),
        ("1709251200", "epoch_s"),
        ("1709251200.0", "epoch_s"),
        ("1709251200000", "epoch_ms"),
        ("45352.3333333333", "excel"),
        ("01-Mar-2024 08:00:00", "%d-%b-%Y %H:%M:%S"),
        ("1. Mär 2024 8:00", "%d. %b %Y %H:%M"),
        ("08:00:00 2024-03-01", "%H:%M:%S %Y-%m-%d"),
    ],
)
def test_one_moment_in_many_spellings(text, fmt):
    assert utc(text, fmt) == ns("2024-03-01T08:00:00+08:00")


def test_fractions_of_any_length_are_kept_to_the_nanosecond():
    assert utc("2017-02-02T20:12:19.7968750Z") == ns("2017-02-02T20:12:19+00:00") + 796_875_000
    assert utc("2017-02-02T20:12:19.1234567891Z") == ns("2017-02-02T20:12:19+00:00") + 123_456_789


@given(
    st.datetimes(datetime(1980, 1, 1), datetime(2100, 1, 1)),
    st.sampled_from(["Z", "+08:00", "-03:30", ""]),
    st.sampled_from(["T", " "]),
)
def test_iso_8601_reads_as_the_standard_library_reads_it(moment, zone, between):
    text = moment.isoformat(between) + zone
    exact = datetime.fromisoformat(text)
    exact = exact if exact.tzinfo else exact.replace(tzinfo=UTC)
    reader = TimeReader(("year_first",), UTC)
    cold, warm = reader.read(text), reader.read(text.replace(".", ".", 1))
    micros = (exact - datetime(1970, 1, 1, tzinfo=UTC)) // (datetime.resolution)
    assert cold == warm == micros * 1000


@given(st.lists(st.datetimes(datetime(2018, 3, 25), datetime(2018, 3, 26)), min_size=1, max_size=30))
def test_what_was_read_before_changes_no_reading(moments):
    warm = TimeReader(("year_first",), BERLIN)
    for moment in moments:
        text = moment.replace(microsecond=0).isoformat(" ")
        assert outcome(warm, text) == outcome(TimeReader(("year_first",), BERLIN), text)


def outcome(reader: TimeReader, text: str) -> int | str:
    try:
        return reader.read(text)
    except BadCell as bad:
        return bad.code


def test_24_o_clock_is_the_next_midnight():
    assert utc("2024-03-01 24:00") == ns("2024-03-02T00:00:00+08:00")


def test_midnight_may_close_the_day_it_names():
    assert utc("2024-03-01 00:00", closes_day=True) == ns("2024-03-02T00:00:00+08:00")
    assert utc("2024-03-01 00:15", closes_day=True) == ns("2024-03-01T00:15:00+08:00")
    reader = TimeReader(("year_first",), SHANGHAI, closes_day=True)
    assert reader.read("2024-03-01 00:00:30") == ns("2024-03-01T00:00:30+08:00")
    assert reader.read("2024-03-01 00:00:00") == ns("2024-03-02T00:00:00+08:00")


@pytest.mark.parametrize(
    ("text", "fmt", "code"),
    [
        ("yesterday", "year_first", "edge.time_unreadable"),
        ("", "year_first", "edge.time_unreadable"),
        ("13/01/2018 00:00", "year_first", "edge.time_unreadable"),
        ("2024-03-01T08:00:00", "epoch_ms", ""),
        ("2024-02-30 08:00", "year_first", "edge.time_impossible"),
        ("2024-03-01 25:00", "year_first", "edge.time_impossible"),
        ("2024-03-01 24:30", "year_first", "edge.time_impossible"),
        ("2024-03-01 08:61", "year_first", "edge.time_impossible"),
        ("0000-00-00 00:00:00", "year_first", "edge.time_impossible"),
        ("13/13/2018 00:00", "day_first", "edge.time_impossible"),
        ("9" * 30, "epoch_ms", "edge.time_unreadable"),
        ("9" * 19, "excel", "edge.time_impossible"),
        ("x" * 500, "year_first", "edge.time_unreadable"),
    ],
)
def test_what_is_no_time_is_refused_by_name(text, fmt, code):
    assert (outcome(TimeReader((fmt,), SHANGHAI), text) if code else "") == code


def test_a_local_time_needs_a_zone():
    assert outcome(TimeReader(("year_first",), None), "2024-03-01 08:00") == "edge.time_zone_missing"
    assert TimeReader(("year_first",), None).read("2024-03-01 08:00Z") == ns("2024-03-01T08:00:00+00:00")


def test_a_time_that_clocks_skip_is_refused_save_its_first_moment():
    reader = TimeReader(("year_first",), BERLIN)
    assert reader.read("2018-03-25 02:00:00") == ns("2018-03-25T01:00:00+00:00")
    assert outcome(reader, "2018-03-25 02:00:30") == "edge.time_skipped"
    assert outcome(reader, "2018-03-25 02:59:59") == "edge.time_skipped"
    assert reader.read("2018-03-25 03:00:00") == ns("2018-03-25T01:00:00+00:00")


QUARTERS = ["01:45", "02:00", "02:15", "02:30", "02:45", "02:00", "02:15", "02:30", "02:45", "03:00"]


def autumn(texts: list[str], rule: str, *, repeats_step: bool) -> list[str]:
    reader = TimeReader(("year_first",), BERLIN)
    at = [reader.read(f"2018-10-28 {text}") for text in texts]
    resolve_folds(at, [0] * len(at), reader.folds, rule, repeats_step=repeats_step)
    return [f"{datetime.fromtimestamp(t // S, UTC):%H:%M}" for t in at]


def test_the_repeated_hour_is_told_apart_by_the_file_stepping_back():
    expected = ["23:45", "00:00", "00:15", "00:30", "00:45", "01:00", "01:15", "01:30", "01:45", "02:00"]
    assert autumn(QUARTERS, "file_order", repeats_step=True) == expected
    assert autumn(QUARTERS, "file_order", repeats_step=False) == expected


def test_hourly_amounts_show_the_same_hour_twice():
    assert autumn(["01:00", "02:00", "02:00", "03:00"], "file_order", repeats_step=True) == [
        "23:00", "00:00", "01:00", "02:00",
    ]  # fmt: skip


def test_the_rule_for_the_repeated_hour_can_be_chosen():
    assert autumn(["02:15", "02:00"], "first", repeats_step=False) == ["00:15", "00:00"]
    assert autumn(["02:15", "02:30"], "second", repeats_step=False) == ["01:15", "01:30"]


def test_zones_and_formats_that_do_not_exist_are_known_as_such():
    assert zone_named("Mars/Olympus") is None
    assert zone_named("../etc/passwd") is None
    assert zone_named("") is None
    assert zone_named("+25:00") is None
    assert compiled("whenever") is None
    assert compiled("%d/%m") is None
    assert compiled("%d %d %m %Y") is None
    assert compiled("%Q") is None
