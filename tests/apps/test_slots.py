"""Usage by slot of the local day: nothing lost, any order, days of 23 and 25 hours (rules M18–M20)."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hansa.apps.billing.booking import Book, Measure
from hansa.apps.billing.gaps import Share
from hansa.apps.billing.messages_prices import SlotRecord
from hansa.apps.billing.slots import SPREAD_MAX_MS, SlotSums, changed, date_slots, slots_in
from hansa.apps.billing.slotting import slot_usage
from hansa.apps.billing.windows import windows_at
from hansa.apps.consortium.calendars import Calendar, day_number, start_of_day
from hansa.apps.metering.chain import Interval
from hansa.kernel import limits, replace
from tests.apps.tariffs import TARIFF, calendar_of

QUARTER, HOUR, DAY = 15 * limits.MINUTE_MS, limits.HOUR_MS, limits.DAY_MS
ZONES = ["Asia/Shanghai", "Europe/Berlin", "Australia/Lord_Howe", "America/Havana"]
FROM_MS = int(datetime(2025, 3, 20, tzinfo=UTC).timestamp()) * 1000


def measure(zone: str, minutes: int = 15) -> Measure:
    calendar = calendar_of(zone)
    start, end = (start_of_day(calendar, day_number(2025, *date)) for date in ((2, 1), (12, 1)))
    plain = replace(TARIFF, windows=(), elements=TARIFF.elements[:1])
    scheme = windows_at(plain, calendar)
    return Measure(
        "counter", "on_change", 0, (), DAY, False, scheme, calendar, "month", start, end, 100, minutes
    )


@st.composite
def readings(draw: st.DrawFn) -> list[Interval]:
    """Neighbouring intervals around a change of clocks or of months, some short, some longer than a day."""
    at_ms = FROM_MS + draw(st.integers(0, 20 * DAY))
    out = []
    for _ in range(draw(st.integers(1, 12))):
        length = draw(st.one_of(st.just(QUARTER), st.integers(0, HOUR), st.integers(0, 3 * DAY)))
        out.append(Interval(at_ms, at_ms + length, draw(st.integers(0, 10**6)), at_ms + length))
        at_ms += length
    return out


def booked(of: Measure, intervals: list[Interval], *signs: int) -> Book:
    book = Book(of)
    for sign in signs or (1,):
        for interval in intervals:
            book.add(interval, sign)
    return book


@given(st.sampled_from(ZONES), st.sampled_from([15, 30, 60]), readings())
@settings(max_examples=150)
def test_slots_of_each_period_add_up_to_its_usage(zone: str, minutes: int, intervals: list[Interval]) -> None:
    of = measure(zone, minutes)
    book = booked(of, intervals)
    assert book.slots is not None
    usage: dict[int, int] = {}
    for (period_ms, _, _), quantity in book.counts.items():
        usage[period_ms] = usage.get(period_ms, 0) + quantity
    found: dict[int, int] = {}
    for day, (counts, _, loose) in book.slots.rows().items():
        period_ms = of.period(start_of_day(of.calendar, day)).from_ms
        found[period_ms] = found.get(period_ms, 0) + sum(counts.values()) + loose
    assert {at: quantity for at, quantity in found.items() if quantity} == {
        at: quantity for at, quantity in usage.items() if quantity
    }


@given(st.sampled_from(ZONES), readings(), st.randoms(use_true_random=False))
def test_the_order_of_arrival_makes_no_difference(
    zone: str, intervals: list[Interval], chance: Random
) -> None:
    of = measure(zone)
    mixed = list(intervals)
    chance.shuffle(mixed)
    one, other = booked(of, intervals).slots, booked(of, mixed).slots
    assert one is not None
    assert other is not None
    assert one.rows() == other.rows()


@given(st.sampled_from(ZONES), readings())
def test_what_is_taken_out_leaves_nothing(zone: str, intervals: list[Interval]) -> None:
    slots = booked(measure(zone), intervals, 1, -1).slots
    assert slots is not None
    for counts, estimated, loose in slots.rows().values():
        assert (any(counts.values()), any(estimated.values()), loose) == (False, False, 0)


@given(st.integers(0, 3 * HOUR), st.integers(1, 5 * HOUR), st.integers(0, 10**9))
def test_shares_are_in_proportion_to_time(start: int, length: int, quantity: int) -> None:
    """Each is within one base unit of the exact share, worked out again with fractions."""
    sums = SlotSums(calendar_of("Asia/Shanghai"), 15)
    from_ms = start_of_day(sums.calendar, day_number(2025, 5, 6)) + start
    sums.add(quantity, from_ms, from_ms + length, 0)
    assert sum(sums.counts.values()) == quantity
    for (_, slot), count in sums.counts.items():
        low, high = slot * QUARTER, (slot + 1) * QUARTER
        within = max(min(high, start + length) - max(low, start), 0)
        assert abs(Fraction(quantity * within, length) - count) < 1


def slot_of(zone: str, at_ms: int) -> tuple[int, int]:
    """(date, quarter of an hour since its first instant), with datetime alone."""
    moment = datetime.fromtimestamp(at_ms // 1000, UTC).astimezone(ZoneInfo(zone))
    midnight = datetime(moment.year, moment.month, moment.day, tzinfo=ZoneInfo(zone))
    elapsed = moment.astimezone(UTC) - midnight.astimezone(UTC)
    return day_number(moment.year, moment.month, moment.day), int(elapsed / timedelta(minutes=15))


@pytest.mark.parametrize(("zone", "date", "slots"), [
    ("Asia/Shanghai", (2025, 3, 30), 96), ("Europe/Berlin", (2025, 3, 30), 92),
    ("Europe/Berlin", (2025, 10, 26), 100), ("Australia/Lord_Howe", (2025, 4, 6), 98),
])  # fmt: skip
def test_a_day_has_as_many_slots_as_it_is_long(zone: str, date: tuple[int, int, int], slots: int) -> None:
    calendar: Calendar = calendar_of(zone)
    day = day_number(*date)
    from_ms, to_ms = start_of_day(calendar, day), start_of_day(calendar, day + 1)
    assert slots_in(to_ms - from_ms, 15) == slots
    sums = SlotSums(calendar, 15)
    for number in range(slots):
        at_ms = from_ms + number * QUARTER
        sums.add(number + 1, at_ms, at_ms + QUARTER, 0)
        assert (day, number) == slot_of(zone, at_ms)
    assert sums.counts == {(day, number): number + 1 for number in range(slots)}
    assert not sums.estimated


def test_a_reading_over_several_slots_is_an_estimate_of_each() -> None:
    sums = SlotSums(calendar_of("Asia/Shanghai"), 15)
    from_ms = start_of_day(sums.calendar, day_number(2025, 5, 6))
    sums.add(10, from_ms, from_ms + QUARTER, 0)
    sums.add(100, from_ms + QUARTER, from_ms + 3 * QUARTER, 0)
    assert list(sums.counts.values()) == [10, 50, 50]
    assert list(sums.estimated.values()) == [50, 50]


def test_a_reading_over_more_than_a_day_says_nothing_of_slots() -> None:
    sums = SlotSums(calendar_of("Asia/Shanghai"), 15)
    day = day_number(2025, 5, 6)
    from_ms = start_of_day(sums.calendar, day)
    sums.add(7, from_ms, from_ms + SPREAD_MAX_MS + 1, 0)
    assert sums.counts == {}
    assert sums.loose == {day + 1: 7}


def test_what_lies_before_the_period_is_loose() -> None:
    sums = SlotSums(calendar_of("Asia/Shanghai"), 15)
    day = day_number(2025, 6, 1)
    from_ms = start_of_day(sums.calendar, day)
    sums.add(30, from_ms - 10 * limits.MINUTE_MS, from_ms + 5 * limits.MINUTE_MS, from_ms)
    assert sums.loose == {day: 20}
    assert sums.counts == {(day, 0): 10}


def test_longer_slots_are_sums_of_shorter_ones() -> None:
    assert date_slots((1, 2, 3, 4, 5), 2) == [3, 7, 5]
    assert date_slots((1, 2), 1) == [1, 2]


def test_a_row_of_nothing_is_left_out() -> None:
    assert changed((1, 0), {0: -1}, 2) == ()
    assert changed((), {1: 4}, 3) == (0, 4, 0)


def test_the_last_slot_of_a_date_may_be_shorter() -> None:
    """Lord Howe turns its clock by half an hour: 24.5 hours, the last slot of 60 minutes has 30."""
    calendar = calendar_of("Australia/Lord_Howe")
    day = day_number(2025, 4, 6)
    end_ms = start_of_day(calendar, day + 1)
    sums = SlotSums(calendar, 60)
    sums.add(90, end_ms - HOUR // 2, end_ms + HOUR, 0)
    assert sums.counts == {(day, 24): 30, (day + 1, 0): 60}


def test_what_a_gap_counts_for_is_an_estimate_of_its_slots() -> None:
    """800 Wh over two hours: 100 in each quarter, beside what was read; before the period it is loose."""
    of = measure("Asia/Shanghai")
    day = day_number(2025, 6, 1)
    from_ms = start_of_day(of.calendar, day)
    period = of.period(from_ms)
    kept = {day: SlotRecord(counts=(5, *(0,) * 95), loose=1)}
    shares = [Share(0, 800, from_ms - HOUR, from_ms + HOUR)]
    (date,) = slot_usage(of, kept, shares, period, named=False).days
    assert (date.from_ms, date.counts[:5], sum(date.counts)) == (from_ms, (105, 100, 100, 100, 0), 405)
    assert (date.estimated[:5], date.loose) == ((100, 100, 100, 100, 0), 401)
