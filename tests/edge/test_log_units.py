"""Raw text × unit × scale is exact, and floored once."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hansa.edge.log_errors import BadCell
from hansa.edge.log_units import clock_floor, duration_ms, exact_floor, number_pattern, ratio, unit_named

PLAIN = number_pattern(".", "")


@given(st.integers(0, 10**12), st.integers(0, 10**6 - 1), st.fractions(Fraction(1, 1000), 1000))
def test_scaling_is_the_floor_of_the_exact_product(whole, millionths, factor):
    exact = (whole + Fraction(millionths, 10**6)) * factor
    if exact < 2**53:
        assert exact_floor(f"{whole}.{millionths:06d}", PLAIN, factor) == exact.__floor__()


def test_a_tenth_of_a_kilowatt_hour_is_exactly_100_wh():
    assert exact_floor("0.1", PLAIN, Fraction(1000)) == 100
    assert exact_floor("0.29", PLAIN, Fraction(100)) == 29  # in doubles 28.999…


@pytest.mark.parametrize(
    ("text", "decimal", "thousands", "value"),
    [
        ("1234.5", ".", "", 1234500),
        ("1,234.5", ".", ",", 1234500),
        ("1.234,5", ",", ".", 1234500),
        ("1 234,5", ",", " ", 1234500),
        ("1\u202f234,5", ",", " ", 1234500),
        ("1'234.5", ".", "'", 1234500),
        ("+7", ".", "", 7000),
        (".5", ".", "", 500),
        ("5.", ".", "", 5000),
        ("1.5e2", ".", "", 150000),
        ("15E-1", ".", "", 1500),
        ("-0", ".", "", 0),
    ],
)
def test_numbers_as_logs_write_them(text, decimal, thousands, value):
    assert exact_floor(text, number_pattern(decimal, thousands), Fraction(1000)) == value


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "edge.number_unreadable"),
        (".", "edge.number_unreadable"),
        ("1,5", "edge.number_unreadable"),
        ("0x10", "edge.number_unreadable"),
        ("1_000", "edge.number_unreadable"),
        ("٣", "edge.number_unreadable"),
        ("12 34", "edge.number_unreadable"),
        ("9" * 49, "edge.number_unreadable"),
        ("-1", "edge.number_negative"),
        ("9007199254740992", "edge.number_too_large"),
        ("1e31", "edge.number_too_large"),
        ("1e999", "edge.number_too_large"),
        ("1e1000", "edge.number_unreadable"),
    ],
)
def test_what_is_no_quantity_is_refused_by_name(text, code):
    with pytest.raises(BadCell) as refused:
        exact_floor(text, PLAIN, Fraction(1))
    assert refused.value.code == code


def test_wrongly_grouped_thousands_are_refused_rather_than_guessed():
    with pytest.raises(BadCell):
        exact_floor("1,23,456", number_pattern(".", ","), Fraction(1))


@pytest.mark.parametrize(
    ("text", "ms"),
    [("15min", 900_000), ("42.5 s", 42_500), ("1 h", 3_600_000), ("500ms", 500), ("2 d", 172_800_000)],
)
def test_durations_are_written_for_people(text, ms):
    assert duration_ms(text) == ms


@pytest.mark.parametrize("text", ["", "15", "min", "0 s", "0.0001 s", "5 kWh", "-1 s", "1h30"])
def test_what_is_no_duration_is_none(text):
    assert duration_ms(text) is None


def test_units_forgive_case_but_never_confuse_milli_and_mega():
    assert unit_named("KWH") == unit_named("kWh")
    assert unit_named("mW") != unit_named("MW")
    assert unit_named("mw") is None
    assert unit_named("furlong") is None


def test_a_ratio_is_exact_and_positive():
    assert ratio("1/3") == Fraction(1, 3)
    assert ratio("0.001") == Fraction(1, 1000)
    assert ratio("0") is None
    assert ratio("1/0") is None
    assert ratio("-2") is None


def test_operating_hours_as_clocks_show_them():
    assert clock_floor("1234:05:10.5", Fraction(1000)) == (1234 * 3600 + 5 * 60 + 10) * 1000 + 500
    assert clock_floor("7:30", Fraction(1000)) == 27_000_000
    with pytest.raises(BadCell):
        clock_floor("7:61", Fraction(1000))
