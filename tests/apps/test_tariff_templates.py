"""Each shipped template, settled for a month worked by hand; and the published table of the power factor."""

import json
from fractions import Fraction
from typing import Any

import pytest

from hansa.apps.billing.elements_energy import PowerFactor
from hansa.apps.billing.rating import Facts, rate
from hansa.apps.billing.rating_energy import power_factor_e2
from hansa.apps.billing.sheet import Sheet, parse_sheet
from hansa.apps.billing.slots import DaySlots, SlotUsage
from hansa.apps.billing.stops import planned
from hansa.apps.billing.windows import windows_at
from hansa.apps.consortium.calendars import day_number, period_at, start_of_day
from hansa.client.tariff_templates import FOLDER, template, templates

HOUR = 3_600_000
M3 = 1_000_000
USAGE: dict[str, tuple[dict[tuple[str, str, str], int], str]] = {
    # 2,000 free; 20,000 × 3.50 + 3,000 × 3.20
    "pay-per-piece": ({("pieces", "", "all"): 25_000}, "79600.00"),
    # 200 h × 120.00 + 50 h × 18.00; stopped and unknown time is free
    "hour-by-state": (
        {("execution", "ACTIVE", "all"): 200 * HOUR, ("execution", "READY", "all"): 50 * HOUR,
         ("execution", "STOPPED", "all"): 9 * HOUR, ("execution", "unknown", "all"): HOUR},
        "24900.00",
    ),
    # 180,000.00; 2,500 thousand sheets are in it; 1,500 × 58.00 + 200 × 49.00
    "three-part": ({("sheets", "", "all"): 4_200_000}, "276800.00"),
    # 1,000 kWh each at 1.4210, 1.1842, 0.7105, 0.3200
    "energy-time-of-use": (
        {("energy", "", window): 1_000_000 for window in ("sharp", "peak", "flat", "valley")}, "3635.70",
    ),
    # 800 kW × 40.00; 40 kW beyond 840 at 80.00; energy as above; power factor 0.98: −0.75 % of 38,835.70
    "two-part-electricity": (
        {("energy", "", window): 1_000_000 for window in ("sharp", "peak", "flat", "valley")}
        | {("reactive_energy", "", "peak"): 812_000},
        "38544.43",
    ),
    # 12,000.00; 100,000 m³ × 0.115 + 50,000 m³ × 0.098
    "compressed-air": ({("air", "", "all"): 150_000 * M3}, "28400.00"),
    # 500 h × 2.80; of four visits one is free: 3 × 850.00; 5 h late of 276 h: 98.19 %, 5 % off 3,950.00
    "repair-contract": (
        {("running_time", "", "service"): 300 * HOUR, ("running_time", "", "off"): 200 * HOUR,
         ("visits", "", "service"): 4, ("response", "LATE", "service"): 5 * HOUR},
        "3752.50",
    ),
    # 6,000 × 1.05, all at the price reached; 100 × 0.60
    "inspection-per-part": ({("inspected", "", "all"): 6_000, ("repeated", "", "all"): 100}, "6360.00"),
    # 10 thousand are free; 490 × 30.00
    "model-per-call": ({("calls", "", "all"): 500_000}, "14700.00"),
}  # fmt: skip
NOTHING = {"pay-per-piece": "30000.00", "three-part": "180000.00", "compressed-air": "18000.00",
           "inspection-per-part": "2000.00", "two-part-electricity": "32000.00"}  # fmt: skip
"""What an idle month costs; the others cost nothing."""


def sheet_of(name: str) -> Sheet:
    return parse_sheet(template(name).data, FOLDER)


def net(name: str, usage: dict[tuple[str, str, str], int], quarter_wh: int) -> Fraction:
    sheet = sheet_of(name)
    at_ms = start_of_day(sheet.calendar, day_number(2027, 3, 1))
    period = period_at(sheet.calendar, "month", at_ms)
    date = DaySlots(at_ms, (0, quarter_wh, *(0,) * 94), (), 0)
    late = usage.get(("response", "LATE", "service"), 0)
    facts = Facts(
        slots={"energy": SlotUsage(15, (date,))},
        planned=planned(windows_at(sheet.tariff, sheet.calendar), period),
        attributed={("response", "provider", "service"): late},
    )
    lines = rate(sheet.tariff, usage, period, facts)
    return Fraction(sum(line.amount_minor for line in lines), 100)


def test_every_template_has_its_month() -> None:
    assert set(USAGE) == {found.name for found in templates()}


@pytest.mark.parametrize("name", USAGE)
def test_a_month_worked_by_hand(name: str) -> None:
    usage, expected = USAGE[name]
    assert net(name, usage, 220_000) == Fraction(expected)


@pytest.mark.parametrize("name", USAGE)
def test_an_idle_month(name: str) -> None:
    assert net(name, {}, 0) == Fraction(NOTHING.get(name, "0"))


def published(e2: int) -> Fraction:
    """水电财字〔1983〕215号, standard 0.90, in per cent: each hundredth below costs 0.5 down to 0.70, 1 down
    to 0.65, 2 below; each above gives 0.15 up to 0.95.
    """
    if e2 >= 90:
        return -Fraction(15, 100) * (min(e2, 95) - 90)
    return Fraction(max(90 - max(e2, 70), 0), 2) + max(70 - max(e2, 65), 0) + 2 * max(65 - e2, 0)


def test_the_table_of_the_power_factor_is_the_published_one() -> None:
    element = sheet_of("two-part-electricity").tariff.elements[-1]
    assert isinstance(element, PowerFactor)
    for e2 in range(101):
        add_bp = next(step.adjust_bp for step in reversed(element.steps) if step.from_e2 <= e2)
        assert Fraction(add_bp, 100) == published(e2)
    assert power_factor_e2(4_000_000, 812_000) == 98


def test_templates_say_in_two_languages_what_they_are_for() -> None:
    for found in templates():
        sheet: dict[str, Any] = json.loads(found.data)
        assert sheet["name"] == found.name
        assert found.title.zh != found.title.en
