"""Vectors worked by hand from docs/metering-rules.md, rule by rule. No figure was copied from a program."""

from datetime import datetime
from typing import Any

import pytest
from independent.usage import Fall, Feed, ListedGap, Metered, usage_from_readings

HOUR = 3_600_000
MINUTE = 60_000


def at(text: str) -> int:
    return int(datetime.fromisoformat(text + "+08:00").timestamp() * 1000)


MONDAY = at("2025-03-03T00:00")


def h(hours: float) -> int:
    """Hours after the begin of Monday, 2025-03-03, in Shanghai."""
    return MONDAY + int(hours * HOUR)


EARLY_LATE = {
    "early": [{"days": ["all"], "from": "00:00", "to": "02:00"}],
    "late": [{"days": ["all"], "from": "02:00", "to": "24:00"}],
}


def metered(
    kind: str,
    readings: list[tuple[Any, ...]],
    *,
    rule: str = "zero",
    longer: str = "10min",
    days: int = 2,
    windows: dict[str, Any] | None = None,
    period: tuple[int, int] = (h(0), h(24)),
    starts_ms: int = 0,
    **feed: Any,
) -> Metered:
    tariff = {
        "calendar": {"zone": "Asia/Shanghai", "holidays": {"2025": {"holidays": ["02-25"]}}},
        "meters": {"m": {"kind": kind, "base_unit": "ms" if kind == "state" else "piece"}},
        "terms": {"gaps": {"m": {"gap_longer_than": longer, "rule": rule, "days": days}}},
        "windows": windows or {},
    }
    return usage_from_readings(tariff, {"m": Feed(readings, **feed)}, (*period, *period), starts_ms)


def amounts(found: Metered) -> dict[str, int]:
    """What was booked, by state and window, whichever is used."""
    return {part or window: amount for (_, part, window), amount in found.usage.items()}


def total(found: Metered) -> int:
    return sum(found.usage.values())


# ---- M1, M2: records


def test_m1_order_repeats_and_contradictions() -> None:
    arrived = [
        (h(2), 30, False, 0, 1, 3),
        (h(0), 10, False, 0, 1, 1),
        (h(1), 20, False, 0, 1, 2),
        (h(1), 20, False, 0, 1, 2),  # a repeat
        (h(0), 5, False, 0, 1, 1),  # a contradiction: the 10 stands
    ]
    assert total(metered("counter", arrived)) == 30 - 10


def test_m1_the_generation_decides_within_one_instant() -> None:
    arrived = [(h(1), 7, False, 0, 2, 1), (h(1), 5, False, 0, 1, 9), (h(2), 8, False, 0, 2, 2)]
    # 5 (generation 1), 7 (2), 8: taken as they arrived, 5 would be a fall.
    assert metered("counter", arrived).falls == []
    assert total(metered("counter", arrived)) == 3


def test_m2_a_value_ends_the_loss() -> None:
    readings = [(h(0), 0), (h(1), None, True), (h(2), 5), (h(20), 9)]
    # [1 h, 2 h) is unknown; from 2 h on the feed reports on change and silence is no loss.
    assert [(gap.from_ms, gap.to_ms) for gap in metered("counter", readings).gaps] == [(h(1), h(2))]


# ---- M3–M6: counters


@pytest.mark.parametrize(
    ("last", "value", "usage"),
    [
        (990, 5, 15),  # 15 steps on
        (990, 600, 0),  # 610 steps on is more than half of 1,000: a fall
        (600, 99, 499),  # 2 · 499 < 1,000
        (600, 100, 0),  # 2 · 500 is not
    ],
)
def test_m3_wrap(last: int, value: int, usage: int) -> None:
    assert total(metered("counter", [(h(0), last), (h(1), value)], modulus=1000)) == usage


def test_m3_after_a_wrap_the_count_goes_on() -> None:
    # 990 → 1,005 → 1,005 (stands still) → 1,300 → 1,700 → 2,010
    readings = [(h(0), 990), (h(1), 5), (h(2), 5), (h(3), 300), (h(4), 700), (h(5), 10)]
    assert total(metered("counter", readings, modulus=1000)) == 2010 - 990


def test_m3_without_a_modulus_every_lower_value_is_a_fall() -> None:
    assert total(metered("counter", [(h(0), 990), (h(1), 5)])) == 0


def test_m4_a_false_zero_is_left_out() -> None:
    found = metered("counter", [(h(0), 100), (h(1), 0), (h(2), 3), (h(3), 105)])
    assert total(found) == 5
    assert found.falls == [
        ("m", Fall(h(1), 0, 100, "false_reading")),
        ("m", Fall(h(2), 3, 100, "false_reading")),
    ]


def test_m4_a_fall_with_nothing_good_after_it_is_pending() -> None:
    found = metered("counter", [(h(0), 100), (h(1), 104), (h(2), 0), (h(3), 3)])
    assert total(found) == 4
    assert [fall.outcome for _, fall in found.falls] == ["pending", "pending"]


def test_m5_a_declared_reset_begins_a_new_life() -> None:
    readings = [(h(0), 100), (h(1), 110), (h(2), 1), (h(3), 7)]
    # 100 → 110 → 120 declared as final; 0 declared as start → 1 → 7. The record at 2 h is of the new life.
    assert total(metered("counter", readings, lives=[(h(2), 120, 0)])) == 20 + 7


def test_m5_a_record_at_the_instant_of_the_reset_is_of_the_new_life() -> None:
    assert total(metered("counter", [(h(0), 100), (h(2), 4)], lives=[(h(2), 120, 0)])) == 20 + 4


def test_m5_the_declared_end_may_lie_behind_a_wrap() -> None:
    # 990 → 1,005, declared as 5
    assert total(metered("counter", [(h(0), 990)], modulus=1000, lives=[(h(2), 5, 0)])) == 15


def test_m5_a_low_reading_before_the_declared_end_was_false() -> None:
    found = metered("counter", [(h(0), 100), (h(1), 2), (h(3), 7)], lives=[(h(2), 100, 0)])
    assert found.falls == [("m", Fall(h(1), 2, 100, "false_reading"))]
    assert total(found) == 7


def test_m6_what_lies_before_the_first_good_reading_is_not_metered() -> None:
    assert total(metered("counter", [(h(5), 4711)])) == 0
    assert total(metered("counter", [(h(5), 4711), (h(6), 4712)])) == 1


# ---- M7–M10: unknown stretches of counters

LOSS = [(h(0), 100), (h(1), None, True), (h(1.5), None, True), (h(3), 160)]


def test_m7_m8_g1_the_gap_is_the_unknown_stretch_with_the_whole_difference() -> None:
    found = metered("counter", LOSS, rule="counter_difference", windows=EARLY_LATE)
    # [1 h, 3 h) with 60, half of it before 2 h.
    assert found.gaps == [ListedGap("m", h(1), h(3), "counter_difference", 60, 60)]
    assert amounts(found) == {"early": 30, "late": 30}


def test_m8_not_longer_is_normal_usage() -> None:
    found = metered("counter", LOSS, rule="zero", longer="2h", windows=EARLY_LATE)
    # 60 over [0 h, 3 h), two thirds before 2 h
    assert found.gaps == []
    assert amounts(found) == {"early": 40, "late": 20}


def test_m7_a_periodic_feed_that_is_silent_is_unknown_from_its_last_good_reading() -> None:
    readings = [(h(0), 100), (h(1), 110), (h(3), 160)]
    found = metered("counter", readings, periodic=True, longer="1h", period=(h(0), h(3)))
    assert [(gap.from_ms, gap.to_ms, gap.difference) for gap in found.gaps] == [(h(1), h(3), 50)]
    assert total(found) == 10
    assert total(metered("counter", readings, periodic=False, longer="1h")) == 60


def test_m9_floors_of_the_running_sum() -> None:
    found = metered("counter", [(h(1) + 50 * MINUTE, 0), (h(2) + 20 * MINUTE, 11)], windows=EARLY_LATE)
    # 10 of 30 minutes before 2 h: floor(11 × 10/30) = 3, the rest is 8.
    assert amounts(found) == {"early": 3, "late": 8}


def test_m9_booked_in_the_period_of_its_last_ms() -> None:
    tuesday = (h(24), h(48))
    until_one = [(h(23), 0), (h(25), 60)]
    assert total(metered("counter", until_one)) == 0
    assert total(metered("counter", until_one, period=tuesday)) == 60
    until_midnight = [(h(23), 0), (h(24), 60)]
    assert total(metered("counter", until_midnight)) == 60
    assert total(metered("counter", until_midnight, period=tuesday)) == 0


def test_m9_two_readings_at_one_instant() -> None:
    same = [(h(24), 0), (h(24), 4)]
    assert total(metered("counter", same)) == 0
    found = metered("counter", same, period=(h(24), h(48)), windows=EARLY_LATE)
    assert amounts(found) == {"early": 4}


@pytest.mark.parametrize(
    ("after", "periodic", "begins"),
    [
        ([(h(20), None, True)], False, 20),
        ([(h(21), 1)], False, 21),  # a pending fall
        ([(h(21), 1), (h(22), None, True)], False, 21),  # the first of the two
        ([], True, 2),
        ([(h(20), None, True)], True, 20),  # the lost record, not the last good reading
        ([], False, None),
        ([(h(20), None, True), (h(30), 120)], True, 20),  # goes on to the good reading of Tuesday
        ([(h(23.9), None, True)], False, None),  # 6 minutes
    ],
)
def test_m10_open_gap(after: list[tuple[Any, ...]], periodic: bool, begins: float | None) -> None:
    found = metered("counter", [(h(2), 100), *after], periodic=periodic)
    ends = h(30) if (h(30), 120) in after else h(24)
    expected = [] if begins is None else [(h(begins), ends)]
    assert [(gap.from_ms, gap.to_ms) for gap in found.gaps] == expected


def test_m10_nothing_good_since_the_agreements_start() -> None:
    readings = [(h(-30), 100), (h(-26), 110), (h(-26), None, True)]
    found = metered("counter", readings, rule="last_rate", starts_ms=h(-24))
    assert found.gaps == [ListedGap("m", h(-24), h(24), "last_rate", 0, None)]
    assert found.usage == {}


# ---- M11, M12: amounts


def test_m11_an_amount_lies_before_its_instant() -> None:
    readings = [(h(3), 30, False, 2 * HOUR), (h(24), 7, False, HOUR), (h(25), 99, False, HOUR)]
    # 30 over [1 h, 3 h), half before 2 h; 7 still of Monday; 99 of Tuesday.
    found = metered("amount", readings, windows=EARLY_LATE)
    assert amounts(found) == {"early": 15, "late": 15 + 7}


def test_m12_gaps_lie_between_records_and_after_the_last() -> None:
    readings = [(h(3), 30, False, HOUR), (h(3.5), None, True), (h(8), 7, False, 2 * HOUR)]
    found = metered("amount", readings)
    assert [(gap.from_ms, gap.to_ms) for gap in found.gaps] == [(h(3), h(6)), (h(8), h(24))]


# ---- M13–M17: states


def test_m13_time_is_cut_exactly() -> None:
    readings = [(h(-2), "ACTIVE"), (h(2), "IDLE"), (h(2), "READY"), (h(5.5), "STOPPED"), (h(26), "ACTIVE")]
    assert amounts(metered("state", readings)) == {
        "ACTIVE": 2 * HOUR,
        "READY": 3.5 * HOUR,
        "STOPPED": 18.5 * HOUR,
    }


def test_m14_a_silent_periodic_feed_is_unknown() -> None:
    readings = [(h(0), "ACTIVE"), (h(1), "ACTIVE"), (h(3), "READY"), (h(4), "READY")]
    found = metered("state", readings, periodic=True, longer="1h", period=(h(0), h(4)))
    assert amounts(found) == {"ACTIVE": HOUR, "READY": HOUR}
    assert [(gap.from_ms, gap.to_ms) for gap in found.gaps] == [(h(1), h(3))]


def test_m15_short_unknown_time_is_booked_as_such() -> None:
    readings = [(h(0), "ACTIVE"), (h(1), None, True), (h(1) + 10 * MINUTE, "ACTIVE"), (h(2), "READY")]
    found = metered("state", readings)
    assert found.gaps == []
    assert amounts(found) == {"ACTIVE": HOUR + 50 * MINUTE, "unknown": 10 * MINUTE}


def test_m15_the_length_of_the_whole_stretch_counts() -> None:
    readings = [(h(23), "ACTIVE"), (h(24) - 6 * MINUTE, None, True), (h(24) + 5 * MINUTE, "ACTIVE")]
    # 11 minutes, 6 of them on Monday: a gap, though neither part is longer than 10.
    found = metered("state", readings)
    assert [(gap.from_ms, gap.to_ms) for gap in found.gaps] == [(h(24) - 6 * MINUTE, h(24) + 5 * MINUTE)]
    assert amounts(found) == {"ACTIVE": 54 * MINUTE}


def test_m15_only_what_touches_the_period_is_joined() -> None:
    readings = [
        (h(-2), "ACTIVE"),
        (h(0) - 8 * MINUTE, None, True),
        (h(0), None, True),
        (h(0) + 5 * MINUTE, "ACTIVE"),
        (h(1), "READY"),
    ]
    # 13 minutes in all, but the first 8 end where Monday begins: its own 5 are no gap.
    found = metered("state", readings)
    assert found.gaps == []
    assert amounts(found) == {"unknown": 5 * MINUTE, "ACTIVE": 55 * MINUTE}


def test_m16_after_the_last_record() -> None:
    readings = [(h(0), "ACTIVE"), (h(1), "READY")]
    on_change = metered("state", readings)
    assert amounts(on_change) == {"ACTIVE": HOUR}
    assert on_change.gaps == []
    periodic = metered("state", readings, periodic=True, longer="1h")
    assert [(gap.from_ms, gap.to_ms) for gap in periodic.gaps] == [(h(1), h(24))]
    # However short: M16 names no length.
    short = metered("state", [*readings, (h(24) - 5 * MINUTE, "READY")], periodic=True, longer="1d")
    assert [(gap.from_ms, gap.to_ms) for gap in short.gaps] == [(h(24) - 5 * MINUTE, h(24))]


def test_m17_from_the_reading_at_the_handover() -> None:
    readings = [(h(-1), 0), (h(1), 10), (h(2), 13)]
    assert total(metered("counter", readings, starts_ms=h(0))) == 3
    assert total(metered("counter", readings, starts_ms=h(-1))) == 13
    lost = [(h(-1), 0), (h(-0.5), None, True), (h(1), 10), (h(2), 13)]
    assert total(metered("counter", lost, starts_ms=h(0), rule="counter_difference")) == 3


# ---- G: gap rules


@pytest.mark.parametrize("rule", ["zero", "dispute"])
def test_g2_nothing_is_booked_but_the_gap_is_listed(rule: str) -> None:
    found = metered("counter", LOSS, rule=rule)
    assert found.usage == {}
    assert found.gaps == [ListedGap("m", h(1), h(3), rule, 0, 60)]


def test_g1_the_difference_goes_where_the_gap_ends() -> None:
    over_midnight = [(h(20), 100), (h(20), None, True), (h(28), 180)]
    monday = metered("counter", over_midnight, rule="counter_difference")
    tuesday = metered("counter", over_midnight, rule="counter_difference", period=(h(24), h(48)))
    assert (total(monday), total(tuesday)) == (0, 80)


def test_g3_g4_last_rate_of_a_counter_in_the_part_of_the_period() -> None:
    readings = [(h(18), 0), (h(20), 21), (h(20), None, True), (h(31), 1000)]
    # 21 in 2 h; Monday's part of the gap has 4 h: 42; Tuesday's 7 h: floor(73.5)
    assert total(metered("counter", readings, rule="last_rate")) == 21 + 42
    assert total(metered("counter", readings, rule="last_rate", period=(h(24), h(48)))) == 73


def test_g4_last_rate_skips_an_interval_without_length_and_needs_one() -> None:
    readings = [(h(0), 0), (h(1), 6), (h(1), 8), (h(1), None, True), (h(3), 100)]
    assert total(metered("counter", readings, rule="last_rate")) == 6 + 2 + 12
    alone = [(h(1), 8), (h(1), None, True), (h(3), 100)]
    assert total(metered("counter", alone, rule="last_rate")) == 0


def test_g4_last_rate_looks_back_16_records() -> None:
    def after(lost: int) -> list[tuple[Any, ...]]:
        losses = [(h(1) + n, None, True) for n in range(lost)]
        return [(h(0), 0), (h(1), 6), *losses, (h(3), 100)]

    # 0, 6 and the first lost record, where the gap begins, are 3 of 16; what follows lies after its begin.
    assert total(metered("counter", after(40), rule="last_rate")) == 6 + 12
    falls = [(h(0) + n, 1) for n in range(1, 15)]
    readings = [(h(-1), 0), (h(0), 6), *falls, (h(1), None, True), (h(3), 100)]
    # Up to the lost record: −1 h, 0 h, 14 falls and itself are 17: the reading at −1 h is out of sight.
    assert total(metered("counter", readings, rule="last_rate")) == 0
    assert total(metered("counter", [*readings[:2], *falls[1:], *readings[16:]], rule="last_rate")) == 12


def test_g4_last_rate_of_an_amount_and_of_a_state() -> None:
    readings = [(h(1), 10, False, HOUR), (h(5), 20, False, HOUR), (h(24), 0, False, 19 * HOUR)]
    # 10, 20, 0, and 10 per hour over [1 h, 4 h)
    assert total(metered("amount", readings, rule="last_rate")) == 30 + 30
    states = [(h(0), "ACTIVE"), (h(1), None, True), (h(3), "READY"), (h(4), "READY")]
    assert amounts(metered("state", states, rule="last_rate")) == {"ACTIVE": 3 * HOUR, "READY": HOUR}


DAYS = [
    # Full days, Saturday 2025-02-22 to Sunday 2025-03-02; Tuesday 02-25 is a holiday, so a rest day.
    *((h(24 * (1 - back)), amount, False, 24 * HOUR) for back, amount in
      ((9, 1), (8, 2), (7, 4), (6, 8), (5, 16), (4, 24), (3, 48), (2, 172), (1, 24))),
]  # fmt: skip


def test_g5_average_of_the_last_dates_of_the_same_type() -> None:
    readings = [*DAYS, (h(10), 5, False, 10 * HOUR), (h(24), 6, False, 11 * HOUR)]
    # Gap [10 h, 13 h) of a Monday. Work days before it: Friday 48, Thursday 24: 72 in 48 h; floor(4.5).
    assert total(metered("amount", readings, rule="average_day")) == 5 + 6 + 4
    # Over 4 days (Tuesday is a holiday): 48, 24, Wednesday 16, Monday 4: 92 in 96 h; floor(2.875).
    assert total(metered("amount", readings, rule="average_day", days=4)) == 5 + 6 + 2


def test_g5_each_date_of_a_gap_by_its_own_type() -> None:
    sunday_to_monday = [*DAYS[:-1], (h(-2), 11, False, 22 * HOUR), (h(24), 6, False, 22 * HOUR)]
    # Gap [22:00 of Sunday, 02:00 of Monday). Rest days before Sunday: Saturday 172, Tuesday 8: 180 in 48 h;
    # 2 h: floor(7.5). Work days: 72 in 48 h; 2 h: 3.
    march = (at("2025-03-02T00:00"), at("2025-04-01T00:00"))
    found = metered("amount", sunday_to_monday, rule="average_day", period=march)
    assert [gap.quantity for gap in found.gaps if gap.to_ms == h(2)] == [7 + 3]


def test_g5_dates_with_a_gap_or_before_the_first_record_do_not_count() -> None:
    monday = [(h(10), 5, False, 10 * HOUR), (h(24), 6, False, 11 * HOUR)]
    half_friday = [*DAYS[:6], (h(-60), 40, False, 12 * HOUR), *DAYS[7:], *monday]
    # Friday [12 h, 24 h) is a gap: Thursday 24 and Wednesday 16 stand for it: 40 in 48 h; 3 h: floor(2.5).
    assert total(metered("amount", half_friday, rule="average_day")) == 5 + 6 + 2
    # From Friday noon on: Friday was not there from its begin, and there is no other work day.
    late = [(h(-48), 40, False, 12 * HOUR), *DAYS[7:], *monday]
    assert total(metered("amount", late, rule="average_day")) == 5 + 6


def test_g5_looks_back_60_dates_from_the_first_of_the_part() -> None:
    day = 24 * HOUR
    old = [(at("2025-01-01T00:00"), 9, False, day), (at("2025-01-02T00:00"), 999, False, day)]
    readings = [*old, (at("2025-01-03T00:00"), 48, False, day), (h(48), 6, False, 11 * HOUR)]
    # Monday, 3 March, less 60 is 2 January: 48 in 24 h. The gap's part is Monday, 24 h, and Tuesday, 13 h.
    found = metered("amount", readings, rule="average_day", period=(h(0), h(48)))
    assert total(found) == 48 + 26 + 6
    # Alone, Tuesday looks back no further than 3 January.
    assert total(metered("amount", readings, rule="average_day", period=(h(24), h(48)))) == 6


def test_g5_per_state() -> None:
    friday = at("2025-02-28T00:00")
    readings = [
        (friday, "ACTIVE"),
        (friday + 6 * HOUR, "READY"),
        (friday + 24 * HOUR, "OFF"),
        (h(1), None, True),
        (h(5), "OFF"),
        (h(24), "OFF"),
    ]
    # Friday: 6 h of 24 ACTIVE, 18 READY. 4 h of gap: 1 h and 3 h.
    found = metered("state", readings, rule="average_day")
    assert amounts(found) == {"ACTIVE": HOUR, "READY": 3 * HOUR, "OFF": 20 * HOUR}


def test_g7_gaps_and_falls_are_listed() -> None:
    found = metered("counter", [*LOSS, (h(4), 2), (h(5), 170)], rule="last_rate")
    # Nothing normal before the gap: 0 booked, the difference is told.
    assert found.gaps == [ListedGap("m", h(1), h(3), "last_rate", 0, 60)]
    assert found.falls == [("m", Fall(h(4), 2, 160, "false_reading"))]
