"""What records and gaps count for, rule by rule (docs/metering-rules.md). Figures are worked by hand."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hansa.apps.billing.booking import Book, Measure
from hansa.apps.billing.gaps import GapLine, book_gaps
from hansa.apps.billing.recompute import MeterBook
from hansa.apps.billing.tariff import Span, Window
from hansa.apps.billing.terms import GapRule
from hansa.apps.billing.windows import windows_at
from hansa.apps.metering.chain import Interval, Point, Reader, life_point
from hansa.apps.metering.messages import Life
from hansa.kernel import limits, replace
from tests.apps.ground import STATES
from tests.apps.tariffs import TARIFF, calendar_of

H, DAY = limits.HOUR_MS, limits.DAY_MS
MONDAY = 20_150 * DAY - 8 * H
"""2025-03-03 at midnight in Shanghai."""
UNKNOWN, ACTIVE, READY = 0, 1, 2
EARLY_LATE = (
    Window("early", (Span(("all",), 0, 120),)),
    Window("late", (Span(("all",), 120, 1440),)),
)


def h(hours: float) -> int:
    return MONDAY + int(hours * H)


class Metered:
    """One meter's records, read and booked for a period; the agreement begins with `starts`, h after
    Monday.
    """

    def __init__(
        self,
        kind: str,
        *told: tuple[Any, ...],
        rule: str = "zero",
        longer_h: float = 0.5,
        days: int = 0,
        period: tuple[float, float] = (0, 24),
        starts: float = 0,
        ends: float = 24 * 20,
        lives: tuple[tuple[float, int, int], ...] = (),
        zone: str = "Asia/Shanghai",
        stretches_max: int = 100,
        **feed: Any,
    ) -> None:
        calendar = calendar_of(zone)
        tariff = replace(TARIFF, windows=EARLY_LATE)
        self.measure = Measure(
            kind=kind,  # type: ignore[arg-type]
            reporting=feed.get("reporting", "on_change"),
            modulus=feed.get("modulus", 0),
            states=STATES if kind == "state" else (),
            longer_than_ms=int(longer_h * H),
            daily=rule == "average_day",
            scheme=windows_at(tariff, calendar),
            calendar=calendar,
            length="day",
            from_ms=h(starts),
            to_ms=h(ends),
            stretches_max=stretches_max,
        )
        points = [
            Point(h(at), 1, n, value or 0, int(rest[0] * H) if rest else 0, value is None)
            for n, (at, value, *rest) in enumerate(told, 1)
        ]
        points += [life_point(h(at), Life(final, start, 1)) for at, final, start in lives]
        self.book = MeterBook(self.measure, Reader(kind, self.measure.reporting, self.measure.modulus))  # type: ignore[arg-type]
        self.book.add(points)
        from_ms, to_ms = h(period[0]), h(period[1])
        gap_rule = GapRule("m", int(longer_h * H), rule, days)  # type: ignore[arg-type]
        self.booked = book_gaps(self.measure, gap_rule, self.book, from_ms, to_ms)
        self.sums: dict[tuple[int, int], int] = {}
        for (start_ms, part, window), quantity in self.book.book.counts.items():
            if from_ms <= start_ms < to_ms:
                self.sums[part, window] = self.sums.get((part, window), 0) + quantity
        for gap in self.booked:
            for bucket, quantity in gap.parts.items():
                self.sums[bucket] = self.sums.get(bucket, 0) + quantity

    @property
    def total(self) -> int:
        return sum(self.sums.values())

    @property
    def by_window(self) -> tuple[int, int]:
        """(early, late), all parts together."""
        early, late = (sum(q for (_, w), q in self.sums.items() if w == window) for window in (0, 1))
        return early, late

    @property
    def by_state(self) -> dict[str, float]:
        """Hours by state."""
        out: dict[str, float] = {}
        for (part, _), quantity in self.sums.items():
            out[STATES[part]] = out.get(STATES[part], 0) + quantity / H
        return {state: hours for state, hours in out.items() if hours}

    @property
    def gaps(self) -> list[tuple[float, float, int, str]]:
        """(from, to, quantity, state) of the gaps listed, h after Monday."""
        return [
            ((g.from_ms - MONDAY) / H, (g.to_ms - MONDAY) / H, g.quantity_base, g.state) for g in self.lines
        ]

    @property
    def lines(self) -> list[GapLine]:
        return [booked.line for booked in self.booked if booked.listed]

    @property
    def falls(self) -> list[tuple[float, int, int, str]]:
        found = self.book.falls(0, 2**53, 100)
        return [((r.first_ms - MONDAY) / H, r.readings, r.good_value, r.status) for r in found]


# Records and counters: M1–M10.


def test_m1_order_is_time_then_generation_then_sequence() -> None:
    told = ((2, 30), (1, 20), (1, 10))  # at 1 h the 20 comes before the 10: a fall
    assert Metered("counter", *told).total == 10
    assert Metered("counter", *told).falls == [(1, 1, 20, "false_reading")]


def test_m2_m7_m8_a_loss_longer_than_agreed_is_a_gap_with_the_whole_difference() -> None:
    told = ((1, 10), (2, None), (2.2, None), (4, 20))
    assert Metered("counter", *told, longer_h=2).gaps == []
    assert Metered("counter", *told, longer_h=2).total == 10
    found = Metered("counter", *told, longer_h=1)
    assert found.gaps == [(2, 4, 0, "closed")]
    assert (found.lines[0].known, found.lines[0].difference_base) == (True, 10)


@pytest.mark.parametrize(
    ("modulus", "values", "total"),
    [
        (0, (990, 5), 0),
        (1_000, (990, 5), 15),
        (1_000, (990, 489), 499),
        (1_000, (990, 490), 0),  # half a turn is no smaller step forward
        (1_000, (990, 5, 30), 40),
        (1_000, (10, 900), 890),  # not below the last good one: no fall, however far
        (1_000, (990, 5, 0), 15),  # a false zero after the wrap
        (1_000, (600, 0, 610), 400),  # a false zero beyond half a turn reads as a wrap,
        (1_000, (600, 0, 610, 990, 3), 403),  # and the true wrap puts it right
    ],
)
def test_m3_a_wrap_is_the_smaller_step_forward(modulus: int, values: tuple[int, ...], total: int) -> None:
    assert Metered("counter", *enumerate(values, 1), modulus=modulus).total == total


def test_m4_low_readings_are_false_when_a_good_one_follows_and_pending_until_then() -> None:
    low = ((1, 10), (2, 0), (3, 4))
    assert Metered("counter", *low).falls == [(2, 2, 10, "pending")]
    assert Metered("counter", *low).total == 0
    assert Metered("counter", *low, (4, 12)).falls == [(2, 2, 10, "false_reading")]
    assert Metered("counter", *low, (4, 12)).total == 2


def test_m5_a_declared_reset_ends_one_life_and_begins_the_next() -> None:
    found = Metered("counter", (1, 10), (3, 2), (4, 5), lives=((2.5, 14, 0),))
    assert found.total == 4 + 2 + 3
    late_declared = Metered("counter", (1, 10), (3, 2), (4, 5), lives=((3.5, 14, 4),))
    assert late_declared.falls == [(3, 1, 10, "reset")]
    assert late_declared.total == 4 + 1


def test_m5_a_record_above_the_final_value_stands() -> None:
    """It came after the declaration: nobody's word takes a reading away."""
    assert Metered("counter", (1, 10), (2, 30), (4, 5), lives=((3, 14, 0),)).total == 20 + 0 + 5


def test_m6_nothing_is_metered_before_the_first_reading() -> None:
    assert Metered("counter", (5, 1_000), (6, 1_001)).total == 1


def test_m7_silence_of_a_periodic_feed_is_loss_and_a_lost_record_says_from_when() -> None:
    assert Metered("counter", (1, 10), (4, 20)).gaps == []
    assert Metered("counter", (1, 10), (4, 20), reporting="periodic").gaps[0] == (1, 4, 0, "closed")
    told = ((1, 10), (2, None), (4, 20))
    assert Metered("counter", *told, reporting="periodic").gaps[0] == (2, 4, 0, "closed")


def test_m9_a_count_is_booked_when_it_is_read_and_spread_over_windows_by_time() -> None:
    told = ((1, 0), (4, 10), (25, 31))
    assert Metered("counter", *told).by_window == (3, 7)  # floor(10·1/3) of it before 2 o'clock
    assert Metered("counter", *told, period=(24, 48)).total == 21
    at_midnight = ((1, 0), (24, 10))
    assert Metered("counter", *at_midnight).total == 10  # b − 1 lies before midnight
    assert Metered("counter", (1, 0), (1, 5)).by_window == (5, 0)


@pytest.mark.parametrize(
    ("told", "reporting", "begin"),
    [
        (((1, 10), (5, None)), "on_change", 5),
        (((1, 10), (5, 3)), "on_change", 5),
        (((1, 10), (5, 3), (6, None)), "on_change", 5),
        (((1, 10), (5, None), (6, 3)), "periodic", 5),
        (((1, 10), (5, 3)), "periodic", 1),
        (((1, 10),), "periodic", 1),
    ],
)
def test_m10_an_open_gap_begins_where_nothing_is_known_any_more(
    told: tuple[Any, ...], reporting: str, begin: float
) -> None:
    assert Metered("counter", *told, reporting=reporting).gaps == [(begin, 24, 0, "open")]
    assert Metered("counter", *told, reporting=reporting, longer_h=23).gaps == []


def test_m10_an_open_gap_ends_with_the_next_good_reading() -> None:
    told = ((1, 10), (5, None), (30, 20))
    assert Metered("counter", *told).gaps == [(5, 30, 0, "open")]
    found = Metered("counter", *told, rule="counter_difference", period=(24, 48))
    assert (found.gaps, found.total) == ([(5, 30, 10, "closed")], 10)


@pytest.mark.parametrize("kind", ["counter", "amount", "state"])
@pytest.mark.parametrize("rule", ["last_rate", "average_day", "zero", "dispute"])
def test_m10_a_feed_never_read_is_an_open_gap_that_counts_nothing(kind: str, rule: str) -> None:
    assert Metered(kind, rule=rule, days=3).gaps == [(0, 24, 0, "open")]


def test_m10_readings_before_the_agreement_are_no_reading_of_it() -> None:
    found = Metered("counter", (-5, 10), (-4, 20), rule="last_rate")
    assert found.gaps == [(0, 24, 0, "open")]


# Amounts: M11, M12.


def test_m12_holes_between_amounts_are_gaps_without_a_difference() -> None:
    found = Metered("amount", (1, 40, 1), (2, 40, 1), (5, 90, 2), (23, 70, 18))
    assert found.total == 240
    assert found.gaps == [(2, 3, 0, "closed"), (23, 24, 0, "open")]
    assert not found.lines[0].known
    assert Metered("amount", (1, 40, 1), (2, None), (2, 40, 1), (24, 7, 22)).gaps == []


def test_m11_an_amount_is_booked_where_it_ends_and_spread_over_its_own_time() -> None:
    assert Metered("amount", (4, 90, 3)).by_window == (30, 60)
    assert Metered("amount", (25, 90, 3), period=(24, 48)).total == 90


# States: M13–M16.


def test_m13_states_are_exact_and_cut_at_windows_and_periods() -> None:
    told = ((1, ACTIVE), (3, READY), (3, ACTIVE), (26, READY), (27, READY))
    found = Metered("state", *told)
    assert found.by_state == {"ACTIVE": 23}
    assert found.by_window == (1 * H, 22 * H)
    assert Metered("state", *told, period=(24, 48)).by_state == {"ACTIVE": 2, "READY": 1}


def test_m14_a_periodic_state_that_falls_silent_is_unknown() -> None:
    told = ((1, ACTIVE), (2, ACTIVE), (4, ACTIVE), (24, ACTIVE))
    found = Metered("state", *told, longer_h=1.5, reporting="periodic")
    assert found.by_state == {"ACTIVE": 1}
    assert found.gaps == [(2, 24, 0, "closed")]
    assert Metered("state", *told, longer_h=1.5).by_state == {"ACTIVE": 23}


def test_m15_short_unknown_time_is_a_state_and_stretches_that_touch_are_one_gap() -> None:
    told = ((1, ACTIVE), (2, None), (2.4, ACTIVE), (5, None), (5.3, UNKNOWN), (5.6, READY), (24, READY))
    found = Metered("state", *told)
    assert found.by_state == {"ACTIVE": 3.6, "READY": 18.4, "unknown": 0.4}
    assert found.gaps == [(5, 5.6, 0, "closed")]


def test_m15_the_length_of_a_stretch_is_its_whole_length() -> None:
    """Of 40 minutes around midnight, each period has its 20: a gap in both."""
    told = ((1, ACTIVE), (24 - 1 / 3, None), (24 + 1 / 3, ACTIVE), (48, ACTIVE))
    assert [gap[0] for gap in Metered("state", *told).gaps] == [pytest.approx(24 - 1 / 3)]
    assert Metered("state", *told, period=(24, 48)).gaps[0][0] == 24
    first = Metered("state", *told, starts=24, period=(24, 48))
    assert first.gaps[0][:2] == (24, pytest.approx(24 + 1 / 3))


def test_m16_time_after_the_last_record() -> None:
    assert Metered("state", (1, ACTIVE)).by_state == {}
    assert Metered("state", (1, ACTIVE)).gaps == []
    assert Metered("state", (1, ACTIVE), (23.9, None)).gaps == [(23.9, 24, 0, "open")]
    assert Metered("state", (1, ACTIVE), (23.9, ACTIVE), reporting="periodic", longer_h=99).gaps == [
        (23.9, 24, 0, "open")
    ]


# The agreement's time: M17.


def test_m17_a_count_runs_from_the_reading_at_handover_to_the_reading_at_return() -> None:
    told = ((-1, 0), (1, 10), (2, 13), (30, 20))
    assert Metered("counter", *told).total == 3
    assert Metered("counter", *told, period=(24, 28), ends=28).total == 0
    assert Metered("amount", (1, 40, 2), (2, 5, 1), (4, 50, 2), (6, 70, 2), period=(0, 5), ends=5).total == 55
    assert Metered("state", (-1, ACTIVE), (30, READY), starts=0, ends=28).by_state == {"ACTIVE": 24}


def test_m17_of_a_gap_across_the_start_or_the_end_the_part_within_counts() -> None:
    before = ((-4, 0), (-2, 20), (-1, None), (3, 50), (4, 50))
    found = Metered("counter", *before, rule="last_rate")
    assert found.gaps == [(0, 3, 30, "closed")]
    assert not found.lines[0].known
    assert Metered("counter", *before, rule="counter_difference").total == 0
    after = ((1, 0), (2, 10), (20, None), (30, 50))
    found = Metered("counter", *after, rule="last_rate", period=(0, 24), ends=24)
    assert found.gaps == [(20, 24, 40, "open")]


# Gap rules: G1–G8.

LOSS = ((1, 0), (2, 12), (3, 12), (3, None), (6, 40), (24, 40))
"""12 in the last hour with a count, none in the last before the loss; 28 in the three hours lost."""


@pytest.mark.parametrize(("rule", "booked"), [("counter_difference", 28), ("zero", 0), ("dispute", 0)])
def test_g1_g2_difference_zero_dispute(rule: str, booked: int) -> None:
    found = Metered("counter", *LOSS, rule=rule)
    assert found.gaps == [(3, 6, booked, "closed")]
    assert found.total == 12 + booked
    assert found.lines[0].difference_base == 28


def test_g1_the_difference_of_a_gap_is_spread_over_its_own_time() -> None:
    found = Metered("counter", (1, 0), (1, None), (4, 30), rule="counter_difference")
    assert found.by_window == (10, 20)


def test_g3_g4_last_rate_goes_on_as_it_went_and_is_cut_at_the_end_of_the_period() -> None:
    told = ((1, 0), (2, 12), (20, 12), (22, 36), (22, None), (30, 90))
    found = Metered("counter", *told, rule="last_rate")
    assert found.gaps == [(22, 24, 24, "open")]
    assert Metered("counter", *told, rule="last_rate", period=(24, 48)).gaps == [(24, 30, 72, "closed")]


def test_g4_a_last_interval_without_a_count_is_a_rate_of_nothing() -> None:
    assert Metered("counter", *LOSS, rule="last_rate").gaps == [(3, 6, 0, "closed")]


def test_g4_passes_over_gaps_falls_and_instants_and_stops_after_16_records() -> None:
    told = ((1, 0), (2, 10), (2, 10), (3, 1), (4, None), (5, 99), (5, 99), (6, None), (8, 100))
    assert Metered("counter", *told, rule="last_rate").gaps == [(4, 5, 10, "closed"), (6, 8, 20, "closed")]
    many = ((1, 0), (2, 10), *((3 + n / 100, 1) for n in range(15)), (4, None), (6, 100))
    assert Metered("counter", *many, rule="last_rate").gaps == [(4, 6, 0, "closed")]


def test_g4_the_interval_that_ends_a_life_counts_to_the_final_value() -> None:
    told = ((1, 0), (5, None), (6, 90))
    assert Metered("counter", *told, rule="last_rate", lives=((3, 8, 50),)).gaps == [(5, 6, 4, "closed")]


def test_g4_an_amount_goes_on_at_the_rate_of_its_last_interval() -> None:
    found = Metered(
        "amount", (1, 40, 1), (2, 30, 0.5), (4, 1, 1), (24, 1, 20), rule="last_rate", longer_h=0.4
    )
    assert found.gaps == [(1, 1.5, 20, "closed"), (2, 3, 60, "closed")]


def test_g4_a_state_goes_on_the_last_of_an_instant_counts() -> None:
    told = ((1, READY), (2, ACTIVE), (2, None), (5, READY), (24, READY))
    assert Metered("state", *told, rule="last_rate").by_state == {"READY": 23}
    silent = ((1, READY), (2, ACTIVE), (5, READY), (5.2, READY))
    found = Metered("state", *silent, rule="last_rate", reporting="periodic", longer_h=1.5)
    assert found.by_state["ACTIVE"] == 3


DAYS_OF_WORK = tuple((24 * day + at, 100 * day + 10 * at) for day in range(-7, 3) for at in (0, 5))
"""50 counts from 0 to 5 o'clock of each day, 50 until the next midnight."""


def test_g5_average_of_the_last_days_of_the_same_type() -> None:
    told = tuple((at, value + 700) for at, value in DAYS_OF_WORK)
    # Wednesday from 5:00 on nothing is known; Tuesday and Monday count 100 each.
    found = Metered("counter", *told, (53, None), rule="average_day", days=2, period=(48, 72), starts=-168)
    assert found.gaps == [(53, 72, 100 * 19 // 24, "open")]
    # Sunday is like Saturday, if Saturday lies wholly in the agreement's time.
    lost = (*[x for x in told if x[0] < -20], (-20, None))
    for starts, booked in ((-48, 100 * 20 // 24), (-47, 0)):
        found = Metered("counter", *lost, rule="average_day", days=2, period=(-24, 0), starts=starts)
        assert found.gaps == [(-20, 0, booked, "open")]


def test_g5_days_with_a_gap_do_not_stand_for_others_nor_do_those_in_the_open_one() -> None:
    told = [(at, value + 700) for at, value in DAYS_OF_WORK if at < 24]
    told += [(24, 800), (25, None), (29, 800)]  # Tuesday has a gap
    found = Metered("counter", *told, (53, None), rule="average_day", days=1, period=(72, 96), starts=-168)
    # Thursday, all of it in the gap since Wednesday: Monday stands for it, with what was booked on it.
    assert found.gaps == [(72, 96, 100, "open")]


def test_g5_a_date_before_the_first_reading_stands_for_none() -> None:
    told = ((24, 0), (47, 46), (48, 50), (53, None))
    found = Metered("counter", *told, rule="average_day", days=2, period=(48, 72))
    assert found.gaps == [(53, 72, 50 * 19 // 24, "open")]  # Tuesday alone, not Monday with nothing
    amounts = ((25, 48, 1), (48, 46, 23))
    found = Metered("amount", *amounts, rule="average_day", days=2, period=(48, 72))
    assert found.gaps == [(48, 72, 94, "open")]  # its first interval begins with Tuesday


def test_g5_a_short_day_counts_by_its_true_length() -> None:
    """2025-03-30 has 23 hours in Berlin: 23 counts on it are one an hour."""
    midnight = (20_177 * DAY - 1 * H - MONDAY) / H  # Sunday, before the clocks change
    told = ((midnight - 24, 0), (midnight, 24), (midnight + 23, 47), (midnight + 23, None))
    saturday = {"zone": "Europe/Berlin", "starts": midnight - 24, "ends": midnight + 24 * 9}
    period = (midnight + 24 * 5 + 23, midnight + 24 * 6 + 23)  # the Saturday after
    found = Metered("counter", *told, rule="average_day", days=2, period=period, **saturday)
    assert found.gaps[0][2] == 47 * 24 // 47


def test_g7_gaps_are_listed_in_order_each_with_its_rule() -> None:
    found = Metered("counter", *LOSS, (24, None), (48, 41), rule="dispute", period=(0, 48))
    assert [(line.from_ms, line.rule) for line in found.lines] == [(h(3), "dispute"), (h(24), "dispute")]


def test_g8_beyond_the_bound_gaps_count_nothing_and_are_not_listed() -> None:
    told = [(n, v) for k in range(10) for n, v in ((2 * k, 10 * k), (2 * k + 0.1, None))]
    assert Metered("counter", *told, (20, 100), rule="counter_difference").total == 100
    few = Metered("counter", *told, (20, 100), rule="counter_difference", stretches_max=4)
    assert (few.total, len(few.lines)) == (40, 4)


@pytest.mark.parametrize(("lows", "booked"), [(5, 20), (6, 0)])
def test_g8_last_rate_looks_at_no_more_records_than_the_bound(lows: int, booked: int) -> None:
    """Four stretches: eight records. The loss, the low ones, and the two good ones before."""
    low = tuple((1 + n / 10, 3) for n in range(1, lows + 1))
    told = ((0, 0), (1, 10), *low, (2, None), (4, 100), (24, 100))
    assert Metered("counter", *told, rule="last_rate", stretches_max=4).lines[0].quantity_base == booked


@given(st.integers(0, 10**15), st.integers(0, 20 * DAY), st.integers(0, 40 * DAY))
def test_nothing_is_lost_or_made_where_a_quantity_is_spread(quantity: int, start: int, length: int) -> None:
    """M9: over windows, midnights and a change of the clocks; and what is taken out again leaves nothing."""
    from_ms, to_ms = MONDAY + start, MONDAY + start + length
    for zone in ("Asia/Shanghai", "Europe/Berlin"):
        measure = Metered("counter", zone=zone, ends=24 * 90).measure
        shares = Book(measure).spread(quantity, from_ms, to_ms)
        assert sum(share for share, _ in shares) == quantity
        assert all(share >= 0 for share, _ in shares)
        book = Book(measure)
        book.add(Interval(from_ms, to_ms, quantity, to_ms))
        assert sum(book.counts.values()) == quantity
        book.add(Interval(from_ms, to_ms, quantity, to_ms), -1)
        assert not any(book.counts.values())


def test_g7_a_run_of_low_readings_is_listed_in_each_period_that_it_touches() -> None:
    told = ((1, 10), (20, 3), (30, 4), (40, 11), (41, 2), (90, 12))
    found = Metered("counter", *told)
    for day, firsts in enumerate(([20], [20, 41], [], [])):
        runs = found.book.falls(h(24 * day), h(24 * day + 24), 9)
        assert [(run.first_ms - MONDAY) / H for run in runs] == firsts
