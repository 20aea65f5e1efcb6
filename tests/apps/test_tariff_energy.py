"""Demand charge, power factor, price series and index: lines worked by hand, and sheets that are refused."""

from decimal import ROUND_HALF_UP, Decimal, getcontext
from math import isqrt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hansa.apps.billing import errors_energy as errors
from hansa.apps.billing import errors_tariff
from hansa.apps.billing.elements import Index
from hansa.apps.billing.elements_energy import Demand, FactorStep, PowerFactor, Series, slot_minutes
from hansa.apps.billing.rating import NO_FACTS, Facts, Line, rate
from hansa.apps.billing.rating_energy import power_factor_e2, root
from hansa.apps.billing.slots import DaySlots, SlotUsage
from hansa.apps.billing.tariff import Element, Fixed, Meter, Tariff, check_tariff
from hansa.apps.consortium.calendars import Period
from hansa.kernel.refusal import Refusal
from hansa.kernel.types import INTEGER_MAX, replace
from tests.apps.tariffs import ENERGY, PIECE, TARIFF

getcontext().prec = 60
QUARTER = 900_000
PERIOD = Period(0, 31 * 96 * QUARTER, 0, 31 * 96 * QUARTER, 17_897, 17_927)
METERS = (
    Meter("energy", "counter", "Wh"),
    Meter("reactive", "counter", "varh"),
    Meter("pieces", "counter", "piece"),
    Meter("execution", "state", "ms"),
)
DEMAND = Demand("demand", "vat", "measured", "kW", 4_000_000_000, "energy", 15)
CONTRACTED = replace(DEMAND, basis="contracted", agreed_base=100_000, allowed_bp=10_500, excess_bp=20_000)
CAPACITY = Demand("capacity", "vat", "capacity", "kVA", 2_600_000_000, agreed_base=315_000)
BASE = Fixed("base", "vat", 100_000)
FACTOR = PowerFactor(
    "factor", "vat", ("base",), "energy", "reactive",
    (FactorStep(0, 3_000), FactorStep(85, 250), FactorStep(90, 0), FactorStep(95, -75)),
)  # fmt: skip
SERIES = Series("spot", "vat", "energy", "kWh", 1_000, 15, "grid", "day-ahead", 1, "after")


def tariff_of(*elements: Element, **changes: Any) -> Tariff:
    given: dict[str, Any] = {"meters": METERS, "windows": (), "elements": elements}
    return replace(TARIFF, **given | changes)


def day_of(counts: dict[int, int], loose: int = 0, estimated: tuple[int, ...] = (), day: int = 0) -> DaySlots:
    return DaySlots(
        day * 96 * QUARTER, tuple(counts.get(number, 0) for number in range(96)), estimated, loose
    )


def lines_of(
    *elements: Element,
    days: tuple[DaySlots, ...] = (),
    usage: dict[tuple[str, str, str], int] | None = None,
    facts: dict[str, Any] | None = None,
    period: Period = PERIOD,
    **changes: Any,
) -> tuple[Line, ...]:
    tariff = tariff_of(*elements, **changes)
    check_tariff(tariff)
    known = Facts(slots={"energy": SlotUsage(15, days)}, **facts or {})
    return rate(tariff, usage or {}, period, known)


# Demand.


def test_demand_is_the_highest_quarter_of_an_hour() -> None:
    """26.5 kWh in 15 minutes are 106 kW, at 40.00."""
    days = (day_of({3: 26_000, 4: 26_500}), day_of({90: 26_499}, day=1))
    (line,) = lines_of(DEMAND, days=days)
    assert (line.quantity_base, line.amount_minor, line.slot_ms) == (106_000, 424_000, 4 * QUARTER)
    assert (line.kind, line.unit, line.base_unit, line.tier) == ("demand", "kW", "W", 0)


def test_of_two_equal_slots_the_first_is_named() -> None:
    (line,) = lines_of(DEMAND, days=(day_of({7: 10, 9: 10}), day_of({3: 10}, day=1)))
    assert line.slot_ms == 7 * QUARTER


def test_demand_by_the_hour_averages_four_quarters() -> None:
    """10 + 0 + 10 + 20 kWh in an hour are 40 kW; the quarters alone would say 80."""
    (line,) = lines_of(replace(DEMAND, slot_minutes=60), days=(day_of({8: 10_000, 10: 10_000, 11: 20_000}),))
    assert (line.quantity_base, line.slot_ms) == (40_000, 8 * QUARTER)


def test_demand_counts_in_its_windows_only() -> None:
    names = tuple("valley" if number < 32 else "peak" for number in range(96))
    date = day_of({0: 90_000, 40: 10_000})._replace(windows=names)
    (line,) = lines_of(replace(DEMAND, windows=("peak",)), days=(date,), windows=TARIFF.windows)
    assert (line.quantity_base, line.slot_ms) == (40_000, 40 * QUARTER)


def test_what_of_a_peak_was_estimated_and_what_has_no_slot_is_told() -> None:
    days = (day_of({5: 1_000}, loose=70, estimated=(0, 0, 0, 0, 0, 400)), day_of({}, loose=5, day=1))
    (line,) = lines_of(DEMAND, days=days)
    assert (line.estimated_base, line.loose_base) == (400, 75)


def test_nothing_used_is_no_demand_but_the_least_one() -> None:
    assert lines_of(DEMAND)[0].amount_minor == 0
    assert lines_of(replace(DEMAND, least_base=40_000))[0].amount_minor == 160_000


def test_a_clipped_period_pays_demand_pro_rata() -> None:
    half = replace(PERIOD, to_ms=PERIOD.to_ms // 2)
    (line,) = lines_of(DEMAND, days=(day_of({0: 25_000}),), period=half)
    assert (line.quantity_base, line.amount_minor) == (100_000, 200_000)


def test_within_what_is_allowed_the_agreed_demand_is_paid() -> None:
    """105 kW of 100 agreed: 105 % are allowed, 100 kW × 40.00 are paid; so they are at 50 kW."""
    for quantity in (26_250, 12_500):
        (line,) = lines_of(CONTRACTED, days=(day_of({1: quantity}),))
        assert (line.quantity_base, line.amount_minor) == (100_000, 400_000)


def test_beyond_what_is_allowed_the_price_is_double() -> None:
    """120 kW: 100 × 40.00 and 15 × 80.00."""
    agreed, beyond = lines_of(CONTRACTED, days=(day_of({1: 30_000}),))
    assert (agreed.quantity_base, agreed.amount_minor, agreed.tier) == (100_000, 400_000, 1)
    assert (beyond.quantity_base, beyond.amount_minor, beyond.tier) == (15_000, 120_000, 2)
    assert beyond.price_e8 == 2 * CONTRACTED.price_e8


@pytest.mark.parametrize(("quantity", "amounts"), [
    (12_500, [400_000]), (25_000, [400_000]), (25_750, [412_000]), (26_250, [420_000]),
    (30_000, [420_000, 120_000]),
])  # fmt: skip
def test_what_lies_between_agreed_and_allowed_is_charged_where_the_parties_say_so(
    quantity: int, amounts: list[int]
) -> None:
    """50, 100, 103, 105 and 120 kW of 100 agreed, 105 % allowed."""
    lines = lines_of(replace(CONTRACTED, strip=True), days=(day_of({1: quantity}),))
    assert [line.amount_minor for line in lines] == amounts


def test_capacity_is_not_measured() -> None:
    """315 kVA × 26.00."""
    (line,) = rate(tariff_of(CAPACITY), {}, PERIOD)
    assert (line.quantity_base, line.amount_minor, line.unit, line.base_unit) == (
        315_000, 819_000, "kVA", "VA",
    )  # fmt: skip


@given(st.lists(st.integers(0, 10**7), max_size=96), st.sampled_from([15, 30, 60]))
def test_demand_is_what_a_plain_loop_finds(counts: list[int], minutes: int) -> None:
    (line,) = lines_of(replace(DEMAND, slot_minutes=minutes), days=(day_of(dict(enumerate(counts))),))
    padded = counts + [0] * (96 - len(counts))
    each = minutes // 15
    sums = [sum(padded[at : at + each]) for at in range(0, 96, each)]
    assert line.quantity_base == max(sums) * 60 // minutes


@pytest.mark.parametrize("element", [DEMAND, SERIES, replace(PIECE, index=Index("grid", "cpi", 1))])
def test_without_what_it_needs_a_clause_is_not_rated_as_nothing(element: Element) -> None:
    with pytest.raises(errors.FactsMissing):
        rate(tariff_of(element), {("pieces", "", "all"): 30}, PERIOD, NO_FACTS)


def test_a_slot_without_a_price_is_not_free() -> None:
    for date, prices in ((day_of({0: 1}), {}), (day_of({95: 1}), {0: [1] * 95}), (day_of({}, loose=1), {})):
        with pytest.raises(errors.FactsMissing):
            lines_of(SERIES, days=(date,), facts={"prices": {"spot": prices}})


# Power factor.


@given(st.integers(0, 10**12), st.integers(0, 10**12))
def test_the_power_factor_is_exact(active: int, reactive: int) -> None:
    """Against 60 digits of decimals."""
    if not active and not reactive:
        assert power_factor_e2(active, reactive) == 0
        return
    exact = 100 * Decimal(active) / (Decimal(active) ** 2 + Decimal(reactive) ** 2).sqrt()
    assert power_factor_e2(active, reactive) == int(exact.quantize(Decimal(1), ROUND_HALF_UP))


@given(st.integers(0, 2**120))
def test_roots_are_those_of_the_standard_library(number: int) -> None:
    assert root(number) == isqrt(number)


@pytest.mark.parametrize(("active", "reactive", "factor", "minor"), [
    (1_000_000, 484_322, 90, 0), (1_000_000, 600_000, 86, 2_500), (1_000_000, 0, 100, -750),
    (0, 5, 0, 30_000), (0, 0, 0, 0), (3, 4, 60, 30_000),
])  # fmt: skip
def test_power_factor_by_hand(active: int, reactive: int, factor: int, minor: int) -> None:
    """Of 1,000.00: 2.5 % are 25.00, −0.75 % are −7.50; without any energy nothing is adjusted."""
    usage = {("energy", "", "all"): active, ("reactive", "", "all"): reactive}
    _, line = lines_of(BASE, FACTOR, usage=usage)
    assert (line.quantity_base, line.unit_base, line.amount_minor) == (factor, 100, minor)
    assert line.kind == "power_factor"


# Series and index.


def test_each_slot_has_its_price() -> None:
    """2 kWh × 0.50 + 1 kWh × −0.10 + 0.004 kWh × 1.25 = 0.905: rounded once, 0.91."""
    prices = [0] * 96
    prices[4], prices[5], prices[6] = 50_000_000, -10_000_000, 125_000_000
    usage = {("energy", "", "all"): 3_004}
    facts = {"prices": {"spot": {0: prices}}}
    (line,) = lines_of(SERIES, days=(day_of({4: 2_000, 5: 1_000, 6: 4}),), usage=usage, facts=facts)
    assert (line.quantity_base, line.amount_minor, line.kind) == (3_004, 91, "series")


def test_a_series_may_come_to_less_than_nothing() -> None:
    usage, facts = {("energy", "", "all"): 1_000}, {"prices": {"spot": {0: [-50_000_000] * 96}}}
    (line,) = lines_of(SERIES, days=(day_of({0: 1_000}),), usage=usage, facts=facts)
    assert line.amount_minor == -50


def test_what_has_no_slot_takes_the_price_of_the_dates_first() -> None:
    prices = [10_000_000] * 95 + [90_000_000]
    usage, facts = {("energy", "", "all"): 3_000}, {"prices": {"spot": {0: prices}}}
    (line,) = lines_of(SERIES, days=(day_of({95: 1_000}, loose=2_000),), usage=usage, facts=facts)
    assert (line.amount_minor, line.loose_base) == (110, 2_000)


def test_a_check_feed_decides_how_much_and_the_slots_when() -> None:
    """The slots say 2 kWh for 3.00; what counts is 1 kWh."""
    prices = [100_000_000, 200_000_000] + [0] * 94
    usage, facts = {("energy", "", "all"): 1_000}, {"prices": {"spot": {0: prices}}}
    (line,) = lines_of(SERIES, days=(day_of({0: 1_000, 1: 1_000}),), usage=usage, facts=facts)
    assert (line.quantity_base, line.amount_minor) == (1_000, 150)


INDEXED = replace(
    ENERGY, clause="energy_peak", tax="vat", windows=(), index=Index("grid", "copper", 200_000_000)
)


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_an_index_at_its_base_changes_nothing(quantity: int, price_e8: int) -> None:
    tiers = (replace(INDEXED.tiers[0], price_e8=price_e8),)
    usage = {("energy", "", "all"): quantity}
    (indexed,) = lines_of(
        replace(INDEXED, tiers=tiers), usage=usage, facts={"indices": {"energy_peak": 200_000_000}}
    )
    (plain,) = lines_of(replace(INDEXED, tiers=tiers, index=None), usage=usage)
    assert indexed == plain


def test_a_price_follows_its_index_rounded_half_up() -> None:
    """1.05330000 × 3 ÷ 2 = 1.57995; 0.00000001 × 3 ÷ 2 = 0.000000015, rounded 0.00000002."""
    facts = {"indices": {"energy_peak": 300_000_000}}
    (line,) = lines_of(INDEXED, usage={("energy", "", "all"): 1_000_000}, facts=facts)
    assert (line.price_e8, line.amount_minor) == (157_995_000, 157_995)
    (small,) = lines_of(replace(INDEXED, tiers=(replace(INDEXED.tiers[0], price_e8=1),)), facts=facts)
    assert small.price_e8 == 2


def test_an_index_beyond_all_bounds_is_refused_not_written() -> None:
    usage = {("energy", "", "all"): 1_000_000}
    dear = replace(INDEXED, tiers=(replace(INDEXED.tiers[0], price_e8=10**10),))
    with pytest.raises(errors_tariff.AmountTooLarge):
        lines_of(dear, usage=usage, facts={"indices": {"energy_peak": INTEGER_MAX}})


# What is refused.


def refused(kind: type[Refusal], *elements: Element, rules: int = 2, **changes: Any) -> Refusal:
    with pytest.raises(kind) as caught:
        check_tariff(tariff_of(*elements, **changes), rules)
    assert "{" not in caught.value.zh + caught.value.en
    return caught.value


@pytest.mark.parametrize("changes", [
    {"meter": ""}, {"slot_minutes": 0}, {"agreed_base": 1}, {"allowed_bp": 10_500}, {"excess_bp": 1},
    {"strip": True},
])  # fmt: skip
def test_a_measured_demand_needs_its_fields_and_no_others(changes: dict[str, Any]) -> None:
    refused(errors.DemandFields, replace(DEMAND, **changes))


@pytest.mark.parametrize("changes", [
    {"agreed_base": 0}, {"allowed_bp": 0}, {"excess_bp": 0}, {"least_base": 1}, {"meter": ""},
])  # fmt: skip
def test_a_contracted_demand_needs_its_fields_and_no_others(changes: dict[str, Any]) -> None:
    refused(errors.DemandFields, replace(CONTRACTED, **changes))


@pytest.mark.parametrize("changes", [
    {"strip": True},
    {"agreed_base": 0}, {"meter": "energy"}, {"slot_minutes": 15}, {"windows": ("all",)}, {"least_base": 1},
])  # fmt: skip
def test_a_capacity_needs_its_size_alone(changes: dict[str, Any]) -> None:
    refused(errors.DemandFields, replace(CAPACITY, **changes))


@pytest.mark.parametrize("minutes", [1, 5, 20, 45, 61, 1440, INTEGER_MAX])
def test_slots_are_quarters_halves_or_hours(minutes: int) -> None:
    refused(errors.SlotLength, replace(DEMAND, slot_minutes=minutes))
    refused(errors.SlotLength, replace(SERIES, slot_minutes=minutes))


def test_a_demand_is_of_energy() -> None:
    for meter in ("pieces", "execution", "reactive"):
        refused(errors.EnergyMeter, replace(DEMAND, meter=meter))
    refused(errors_tariff.MeterUnknown, replace(DEMAND, meter="gas"))
    refused(errors.DemandUnit, replace(DEMAND, unit="kVA"))
    refused(errors_tariff.WindowUnknown, replace(DEMAND, windows=("peak",)))


@pytest.mark.parametrize("changes", [{"allowed_bp": 9_999}, {"excess_bp": 9_999}])
def test_what_is_beyond_cannot_cost_less(changes: dict[str, Any]) -> None:
    refused(errors.DemandExcess, replace(CONTRACTED, **changes))


@pytest.mark.parametrize("steps", [
    ((1, 0),), ((0, 0), (0, 1)), ((0, 0), (90, 1), (80, 2)),
])  # fmt: skip
def test_steps_of_the_factor_begin_at_nothing_and_rise(steps: tuple[tuple[int, int], ...]) -> None:
    refused(errors.FactorSteps, BASE, replace(FACTOR, steps=tuple(FactorStep(*step) for step in steps)))


def test_steps_of_the_factor_are_bounded() -> None:
    for step in (FactorStep(101, 0), FactorStep(0, -10_001), FactorStep(0, 100_001)):
        refused(errors_tariff.TariffValue, BASE, replace(FACTOR, steps=(step,)))
    refused(errors_tariff.TariffSize, BASE, replace(FACTOR, steps=()))
    refused(errors_tariff.TariffSize, BASE, replace(FACTOR, steps=(FactorStep(0, 0),) * 102))


def test_a_factor_is_of_active_and_reactive_energy() -> None:
    refused(errors.EnergyMeter, BASE, replace(FACTOR, reactive="energy"))
    refused(errors.EnergyMeter, BASE, replace(FACTOR, active="reactive"))
    refused(errors_tariff.ClauseNotEarlier, FACTOR)
    refused(errors_tariff.ClauseTax, replace(BASE, tax="power"), FACTOR)


def test_a_series_is_of_a_quantity() -> None:
    refused(errors.SlotMeter, replace(SERIES, meter="execution", unit="h", unit_base=3_600_000))
    refused(errors_tariff.UnitMismatch, replace(SERIES, unit="kvarh"))
    refused(errors_tariff.TariffValue, replace(SERIES, version=0))


def test_prices_known_before_need_another_for_those_that_come_late() -> None:
    refused(errors.OtherwiseMissing, replace(SERIES, known="before"))
    check_tariff(tariff_of(replace(SERIES, known="before", otherwise_e8=0)))


@pytest.mark.parametrize("element", [
    DEMAND, CONTRACTED, CAPACITY, SERIES, replace(PIECE, index=Index("grid", "cpi", 1)),
])  # fmt: skip
def test_rules_1_know_none_of_it(element: Element) -> None:
    check_tariff(tariff_of(element), 2)
    assert refused(errors_tariff.NotYet, element, rules=1).clause == element.clause


def test_reactive_energy_has_its_units() -> None:
    kvarh = replace(ENERGY, tax="vat", meter="reactive", unit="kvarh", windows=())
    check_tariff(tariff_of(kvarh))
    refused(errors_tariff.UnitMismatch, replace(kvarh, unit_base=500))
    check_tariff(tariff_of(replace(kvarh, unit_base=500)), 1)  # A name like any other, as it was.


def test_a_meter_is_booked_by_the_shortest_slot_asked_for() -> None:
    elements = (replace(SERIES, slot_minutes=60), replace(DEMAND, slot_minutes=30))
    assert slot_minutes(elements, "energy") == 30
    assert slot_minutes(elements, "reactive") == 0
