"""A small tariff to vary, and calendars to lay it over."""

from functools import cache

from hansa.apps.billing.tariff import (
    Cap,
    Fixed,
    Meter,
    Minimum,
    Span,
    Tariff,
    Tax,
    TaxRate,
    Tier,
    Usage,
    Window,
)
from hansa.apps.consortium.calendar_file import SpecialDays, build_calendar
from hansa.apps.consortium.calendars import Calendar, day_number

PIECE = Usage(
    clause="per_piece",
    tax="vat",
    meter="pieces",
    unit="piece",
    unit_base=1,
    tiers=(Tier(350_000_000, 100), Tier(300_000_000)),
    tiering="graduated",
    included_base=20,
)
HOURS = Usage(
    clause="hours_active",
    tax="vat",
    meter="execution",
    unit="h",
    unit_base=3_600_000,
    tiers=(Tier(5_200_000_000),),
    tiering="graduated",
    states=("ACTIVE",),
)
ENERGY = Usage(
    clause="energy_peak",
    tax="power",
    meter="energy",
    unit="kWh",
    unit_base=1_000,
    tiers=(Tier(105_330_000),),
    tiering="graduated",
    windows=("peak",),
)
FEE = Fixed(clause="base_fee", tax="vat", amount_minor=310_000)
LEAST = Minimum(clause="at_least", tax="vat", of=("base_fee", "per_piece"), amount_minor=400_000)
MOST = Cap(clause="at_most", tax="vat", of=("base_fee", "per_piece", "at_least"), amount_minor=900_000)

WINDOWS = (
    Window("peak", (Span(("workday",), 480, 1320),)),
    Window("flat", (Span(("restday", "holiday"), 480, 1320),)),
    Window("valley", (Span(("all",), 1320, 480),)),
)
TARIFF = Tariff(
    name="demo",
    purpose="trade_settlement",
    currency="CNY",
    rounding="half_up",
    period="month",
    meters=(
        Meter("pieces", "counter", "piece"),
        Meter("execution", "state", "ms"),
        Meter("energy", "amount", "Wh"),
    ),
    elements=(FEE, PIECE, HOURS, ENERGY, LEAST, MOST),
    taxes=(
        Tax(
            "vat",
            (TaxRate(day_number(2018, 5, 1), 1_600), TaxRate(day_number(2019, 4, 1), 1_300)),
        ),
        Tax("power", (TaxRate(day_number(2016, 5, 1), 600),)),
    ),
    windows=WINDOWS,
)
HOLIDAYS = {"2025": SpecialDays(("01-28..02-04",), ("01-26", "02-08"))}


@cache
def calendar_of(zone: str, year: int = 2025) -> Calendar:
    """A year of a zone; 2025 has the Spring Festival of China, wherever."""
    return build_calendar(zone, year, year, HOLIDAYS)
