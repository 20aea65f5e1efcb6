"""The tariff sheet as data, and what makes a tariff fit to be agreed. The law is docs/tariff-rules.md.

Prices are `price_e8`: 1/100,000,000 of the currency's main unit per priced unit, which is `unit_base` base
units of the meter (an hour is 3,600,000 ms). Money is in minor units of the currency. Dates are days since
1970-01-01. Pure: whoever imports this module and `rating` recomputes any statement.
"""

from collections.abc import Mapping
from typing import Literal

from hansa.apps.billing import errors_tariff as errors
from hansa.apps.billing.elements import (
    ELEMENTS_MAX,
    UNITS,
    Cap,
    Fixed,
    Meter,
    MeterKind,
    Minimum,
    Scope,
    Tier,
    Tiering,
    Usage,
    check_bound,
    check_count,
    check_fixed,
    check_once,
    check_range,
    check_unit_name,
    check_usage,
)
from hansa.apps.billing.elements_energy import Demand, PowerFactor, Series, check_energy
from hansa.apps.billing.elements_trade import (
    Availability,
    Discount,
    DownPayment,
    ScrapCredit,
    Split,
    TakeOrPay,
    check_together,
    check_trade,
)
from hansa.apps.billing.spans import MINUTES_PER_DAY, Segment, Span, Window, clock_text, day_plans, year_plans
from hansa.apps.consortium.calendars import Day, PeriodLength, date_text
from hansa.apps.money.currencies import minor_digits
from hansa.kernel.limits import METERS_MAX, RULES_MAX
from hansa.kernel.types import BasisPoints, CurrencyCode, Id, Struct

TAXES_MAX = 16
RATES_MAX = 32
RATE_MAX_BP = 100_000

ALL = "all"
"""Name of the one window of a tariff without windows (T5)."""


Purpose = Literal["trade_settlement", "internal"]
"""`trade_settlement`: money is paid by it, so law may ask for billing-grade feeds (protocol, rule 25).
`internal`: cost accounting, where indicative feeds will do."""
Rounding = Literal["half_up", "half_even"]
UNITS_SINCE_2 = ("varh", "kvarh", "Mvarh")
"""Units that rules 1 took for names like any other."""


Element = (
    Usage | Fixed | Minimum | Cap
    | Demand | PowerFactor | Series
    | TakeOrPay | Discount | Availability | ScrapCredit | DownPayment | Split
)  # fmt: skip


class TaxRate(Struct):
    from_day: Day
    """The first local date on which the rate is in force."""
    rate_bp: BasisPoints


class Tax(Struct):
    """A tax code and its rates, ascending by date; each holds until the next (X1)."""

    code: Id
    rates: tuple[TaxRate, ...]


class Tariff(Struct):
    """A whole tariff sheet. Sound once `check_tariff` let it pass."""

    name: Id
    purpose: Purpose
    currency: CurrencyCode
    rounding: Rounding
    """Of line amounts (E4, E5). Tax always rounds half up."""
    period: PeriodLength
    meters: tuple[Meter, ...]
    elements: tuple[Element, ...]
    """In the order in which they are applied and printed."""
    taxes: tuple[Tax, ...]
    windows: tuple[Window, ...] = ()
    """Together they cover each minute of each day class once; none: one window `all`."""
    tax_included: bool = False
    """Whether prices and amounts of this sheet contain the tax."""


def window_names(tariff: Tariff) -> tuple[str, ...]:
    """Names of the tariff's windows by position; `all` alone if it has none."""
    return tuple(window.name for window in tariff.windows) or (ALL,)


def rate_in_force(tax: Tax, day: int) -> int:
    """Rate in basis points on a local date (X1). Raises TaxBeforeFirst for a date before the first rate."""
    found = -1
    for rate in tax.rates:
        if rate.from_day <= day:
            found = rate.rate_bp
    if found < 0:
        first = date_text(tax.rates[0].from_day) if tax.rates else "—"
        raise errors.TaxBeforeFirst(clause=tax.code, tax=tax.code, day=date_text(day), first=first)
    return found


def check_successor(now: Tariff, new: Tariff) -> None:
    """Refuse a new version of an agreement's tariff by which corrections of old periods could not add up."""
    if new.currency != now.currency:
        raise errors.SuccessorDiffers(name="currency")
    if new.tax_included != now.tax_included:
        raise errors.SuccessorDiffers(name="tax_included")
    if new.period != now.period:
        raise errors.SuccessorDiffers(name="period")


def check_rates(tariff: Tariff, last_day: int) -> None:
    """Refuse a tariff without a rate for a period whose last local date is `last_day` (Period.last_day).

    To be asked at proposal for the agreement's first period; later periods then have a rate, too.
    """
    for tax in tariff.taxes:
        rate_in_force(tax, last_day)


def check_tariff(tariff: Tariff, rules: int = RULES_MAX) -> None:
    """Refuse a tariff that could not be applied to every possible usage, naming what is wrong and where.

    Assumes only that the fields have their Python types. Raises the refusals of `errors_tariff`; NotYet for
    what the version of the rules in force does not know.
    """
    if rules < 2:
        _check_known_to_rules_1(tariff)
    check_count("elements", "", len(tariff.elements), 1, ELEMENTS_MAX)
    units = {name: unit for name, unit in UNITS.items() if rules >= 2 or name not in UNITS_SINCE_2}
    _check_meters(tariff.meters, units)
    year_plans(tariff.windows)
    _check_taxes(tariff.taxes)
    taxes = {tax.code: tax for tax in tariff.taxes}
    earlier: dict[str, str] = {}
    scope = Scope({meter.name: meter for meter in tariff.meters}, window_names(tariff), earlier, units)
    for element in tariff.elements:
        if element.clause in earlier:
            raise errors.ClauseDuplicate(clause=element.clause, name=element.clause)
        if element.tax not in taxes:
            raise errors.TaxUnknown(clause=element.clause, element=element.clause, tax=element.tax)
        _check_element(element, scope)
        earlier[element.clause] = element.tax
    check_together(tariff.elements, scope.meters)


def _check_element(element: Element, scope: Scope) -> None:
    """Each type of element by its own check."""
    match element:
        case Usage():
            check_usage(element, scope)
        case Fixed():
            check_fixed(element, scope)
        case Minimum() | Cap():
            check_bound(element, scope)
        case TakeOrPay() | Discount() | Availability() | ScrapCredit() | DownPayment() | Split():
            check_trade(element, scope)
        case Demand() | PowerFactor() | Series():
            check_energy(element, scope)


def _check_known_to_rules_1(tariff: Tariff) -> None:
    """Rules 1 know four elements, no index, no seasons."""
    for element in tariff.elements:
        indexed = isinstance(element, Usage) and element.index is not None
        if indexed or not isinstance(element, Usage | Fixed | Minimum | Cap):
            raise errors.NotYet(clause=element.clause, where=element.clause)
    for window in tariff.windows:
        if any(span.months for span in window.spans):
            raise errors.NotYet(clause=window.name, where=window.name)


def _check_meters(meters: tuple[Meter, ...], units: Mapping[str, tuple[str, int]]) -> None:
    check_count("meters", "", len(meters), 0, METERS_MAX)
    check_once("meters", "", (meter.name for meter in meters))
    for meter in meters:
        check_unit_name(meter.name, meter.base_unit)
        base, size = units.get(meter.base_unit, (meter.base_unit, 1))
        if (base, size) != (meter.base_unit, 1):
            raise errors.BaseUnit(clause=meter.name, meter=meter.name, unit=meter.base_unit, base=base)
        if meter.kind == "state" and meter.base_unit != "ms":
            raise errors.BaseUnit(clause=meter.name, meter=meter.name, unit=meter.base_unit, base="ms")


def _check_taxes(taxes: tuple[Tax, ...]) -> None:
    check_count("taxes", "", len(taxes), 1, TAXES_MAX)
    check_once("taxes", "", (tax.code for tax in taxes))
    for tax in taxes:
        check_count("rates", tax.code, len(tax.rates), 1, RATES_MAX)
        before = -1
        for rate in tax.rates:
            check_range(tax.code, "rate_bp", rate.rate_bp, 0, RATE_MAX_BP)
            if rate.from_day <= before:
                raise errors.RatesNotRising(clause=tax.code, tax=tax.code, day=date_text(rate.from_day))
            before = rate.from_day


__all__ = [
    "ELEMENTS_MAX", "MINUTES_PER_DAY", "UNITS", "Cap", "Element", "Fixed", "Meter", "MeterKind", "Minimum",
    "Segment", "Span", "Tariff", "Tax", "TaxRate", "Tier", "Tiering", "Usage", "Window", "clock_text",
    "day_plans", "minor_digits",
]  # fmt: skip
