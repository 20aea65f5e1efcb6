"""The tariff sheet as data, and what makes a tariff fit to be agreed. The law is docs/tariff-rules.md.

Prices are `price_e8`: 1/100,000,000 of the currency's main unit per priced unit, which is `unit_base` base
units of the meter (an hour is 3,600,000 ms). Money is in minor units of the currency. Dates are days since
1970-01-01. Pure: whoever imports this module and `rating` recomputes any statement.
"""

from collections.abc import Iterable
from typing import Literal

from hansa.apps.billing import errors_tariff as errors
from hansa.apps.consortium.calendars import DAY_CLASSES, WEEKDAYS, Day, PeriodLength, date_text
from hansa.kernel.limits import METERS_MAX, STATES_MAX
from hansa.kernel.types import (
    INTEGER_MAX,
    BasisPoints,
    CurrencyCode,
    Id,
    Minute,
    Natural,
    Positive,
    RegisteredName,
    StateName,
    Struct,
)

ELEMENTS_MAX = 64
WINDOWS_MAX = 24
SPANS_MAX = 48
TIERS_MAX = 32
TAXES_MAX = 16
RATES_MAX = 32
UNIT_NAME_MAX = 16
MINUTES_PER_DAY = 1440
RATE_MAX_BP = 100_000

ALL = "all"
"""Name of the one window of a tariff without windows (T5)."""

MeterKind = Literal["counter", "amount", "state"]
Purpose = Literal["trade_settlement", "internal"]
"""`trade_settlement`: money is paid by it, so law may ask for billing-grade feeds (protocol, rule 25).
`internal`: cost accounting, where indicative feeds will do."""
Rounding = Literal["half_up", "half_even"]
Tiering = Literal["graduated", "volume"]
DayName = Literal[
    "mon", "tue", "wed", "thu", "fri", "sat", "sun", "makeup", "holiday", "all", "workday", "restday"
]

SHORT_FORMS: dict[str, tuple[str, ...]] = {
    "all": DAY_CLASSES,
    "workday": (*WEEKDAYS[:5], "makeup"),
    "restday": WEEKDAYS[5:],
}
"""Day names that stand for several day classes (T3)."""

UNITS: dict[str, tuple[str, int]] = {
    "piece": ("piece", 1),
    "ms": ("ms", 1),
    "s": ("ms", 1_000),
    "min": ("ms", 60_000),
    "h": ("ms", 3_600_000),
    "Wh": ("Wh", 1),
    "kWh": ("Wh", 1_000),
    "MWh": ("Wh", 1_000_000),
    "g": ("g", 1),
    "kg": ("g", 1_000),
    "t": ("g", 1_000_000),
    "ml": ("ml", 1),
    "l": ("ml", 1_000),
    "m3": ("ml", 1_000_000),
}
"""Units whose size is fixed: base unit, and how many of it make one."""

MINOR_DIGITS: dict[str, int] = {
    "BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0, "PYG": 0,
    "RWF": 0, "UGX": 0, "UYI": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
    "BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3, "CLF": 4, "UYW": 4,
}  # fmt: skip
"""Currencies whose minor unit is not 1/100 (ISO 4217)."""


class Meter(Struct):
    """What the tariff counts. The agreement binds each meter to one feed."""

    name: Id
    kind: MeterKind
    base_unit: RegisteredName
    """`piece`, `ms`, `Wh`, `g`, `ml`, or another countable thing; `ms` for every state meter."""


class Span(Struct):
    """Minutes from ≤ m < to of the local day; if from > to, up to midnight and from midnight on (T4)."""

    days: tuple[DayName, ...]
    from_minute: Minute
    to_minute: Minute


class Window(Struct):
    """A named part of the week, such as `peak`."""

    name: Id
    spans: tuple[Span, ...]


class Tier(Struct):
    price_e8: Natural
    up_to_base: Natural = 0
    """Upper bound (inclusive) of the billable quantity, base units; 0 in the last tier: none."""


class Usage(Struct, tag_field="_type", tag="usage"):
    """So much per unit of a meter (E1–E4)."""

    clause: Id
    tax: Id
    meter: Id
    unit: RegisteredName
    unit_base: Positive
    """Base units in one priced unit."""
    tiers: tuple[Tier, ...]
    tiering: Tiering
    states: tuple[StateName, ...] = ()
    """Of a state meter: the states whose time counts."""
    windows: tuple[Id, ...] = ()
    """Windows whose usage counts; none named: all."""
    included_base: Natural = 0
    """Quota that costs nothing, base units per period."""


class Fixed(Struct, tag_field="_type", tag="fixed"):
    """So much per full period, pro rata for a clipped one (E5)."""

    clause: Id
    tax: Id
    amount_minor: Natural


class Minimum(Struct, tag_field="_type", tag="minimum"):
    """The clauses named come to at least this much per period (E6)."""

    clause: Id
    tax: Id
    of: tuple[Id, ...]
    amount_minor: Natural


class Cap(Struct, tag_field="_type", tag="cap"):
    """The clauses named come to at most this much per period (E7)."""

    clause: Id
    tax: Id
    of: tuple[Id, ...]
    amount_minor: Natural


Element = Usage | Fixed | Minimum | Cap


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


Segment = tuple[int, int, int]
"""(from minute, to minute, position of the window) of a day."""


def minor_digits(currency: str) -> int:
    """Decimal places of the currency's minor unit: 2 for CNY, 0 for JPY, 3 for KWD."""
    return MINOR_DIGITS.get(currency, 2)


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


def check_tariff(tariff: Tariff) -> None:
    """Refuse a tariff that could not be applied to every possible usage, naming what is wrong and where.

    Assumes only that the fields have their Python types. Raises the refusals of `errors_tariff`.
    """
    _check_count("elements", "", len(tariff.elements), 1, ELEMENTS_MAX)
    _check_meters(tariff.meters)
    day_plans(tariff.windows)
    _check_taxes(tariff.taxes)
    meters = {meter.name: meter for meter in tariff.meters}
    taxes = {tax.code: tax for tax in tariff.taxes}
    earlier: dict[str, Element] = {}
    for element in tariff.elements:
        if element.clause in earlier:
            raise errors.ClauseDuplicate(clause=element.clause, name=element.clause)
        if element.tax not in taxes:
            raise errors.TaxUnknown(clause=element.clause, element=element.clause, tax=element.tax)
        if isinstance(element, Usage):
            _check_usage(element, meters, window_names(tariff))
        else:
            _check_range(element.clause, "amount_minor", element.amount_minor, 0, INTEGER_MAX)
        if isinstance(element, Minimum | Cap):
            _check_bound(element, earlier)
        earlier[element.clause] = element


def _check_meters(meters: tuple[Meter, ...]) -> None:
    _check_count("meters", "", len(meters), 0, METERS_MAX)
    _check_once("meters", "", (meter.name for meter in meters))
    for meter in meters:
        _check_unit_name(meter.name, meter.base_unit)
        if meter.base_unit in UNITS and UNITS[meter.base_unit] != (meter.base_unit, 1):
            base = UNITS[meter.base_unit][0]
            raise errors.BaseUnit(clause=meter.name, meter=meter.name, unit=meter.base_unit, base=base)
        if meter.kind == "state" and meter.base_unit != "ms":
            raise errors.BaseUnit(clause=meter.name, meter=meter.name, unit=meter.base_unit, base="ms")


def _check_taxes(taxes: tuple[Tax, ...]) -> None:
    _check_count("taxes", "", len(taxes), 1, TAXES_MAX)
    _check_once("taxes", "", (tax.code for tax in taxes))
    for tax in taxes:
        _check_count("rates", tax.code, len(tax.rates), 1, RATES_MAX)
        before = -1
        for rate in tax.rates:
            _check_range(tax.code, "rate_bp", rate.rate_bp, 0, RATE_MAX_BP)
            if rate.from_day <= before:
                raise errors.RatesNotRising(clause=tax.code, tax=tax.code, day=date_text(rate.from_day))
            before = rate.from_day


def _check_usage(element: Usage, meters: dict[str, Meter], windows: tuple[str, ...]) -> None:
    clause = element.clause
    meter = meters.get(element.meter)
    if meter is None:
        raise errors.MeterUnknown(clause=clause, element=clause, meter=element.meter)
    if meter.kind == "state" and not element.states:
        raise errors.StatesMissing(clause=clause, element=clause, meter=meter.name)
    if meter.kind != "state" and element.states:
        raise errors.StatesUnfit(clause=clause, element=clause, meter=meter.name)
    _check_count("states", clause, len(element.states), 0, STATES_MAX)
    _check_once("states", clause, element.states)
    _check_once("windows", clause, element.windows)
    for window in element.windows:
        if window not in windows:
            raise errors.WindowUnknown(clause=clause, element=clause, window=window)
    _check_unit_name(clause, element.unit)
    _check_range(clause, "unit_base", element.unit_base, 1, INTEGER_MAX)
    own = (meter.base_unit, 1 if element.unit == meter.base_unit else element.unit_base)
    base, size = UNITS.get(element.unit, own)
    if (base, size) != (meter.base_unit, element.unit_base):
        raise errors.UnitMismatch(
            clause=clause, element=clause, unit=element.unit, size=size, base=base,
            meter=meter.name, meter_base=meter.base_unit, given=element.unit_base,
        )  # fmt: skip
    _check_range(clause, "included_base", element.included_base, 0, INTEGER_MAX)
    _check_tiers(clause, element.tiers)


def _check_tiers(clause: str, tiers: tuple[Tier, ...]) -> None:
    _check_count("tiers", clause, len(tiers), 1, TIERS_MAX)
    bound = 0
    for number, tier in enumerate(tiers, 1):
        _check_range(clause, "price_e8", tier.price_e8, 0, INTEGER_MAX)
        _check_range(clause, "up_to_base", tier.up_to_base, 0, INTEGER_MAX)
        if number == len(tiers):
            if tier.up_to_base:
                raise errors.TierBounded(clause=clause, element=clause, bound=tier.up_to_base)
        elif tier.up_to_base <= bound:
            raise errors.TierHole(
                clause=clause, element=clause, tier=number, bound=tier.up_to_base, below=bound
            )
        bound = tier.up_to_base


def _check_bound(element: Minimum | Cap, earlier: dict[str, Element]) -> None:
    clause = element.clause
    _check_count("of", clause, len(element.of), 1, ELEMENTS_MAX)
    _check_once("of", clause, element.of)
    for name in element.of:
        if name not in earlier:
            raise errors.ClauseNotEarlier(clause=clause, element=clause, name=name)
        if earlier[name].tax != element.tax:
            raise errors.ClauseTax(
                clause=clause, element=clause, name=name, tax=element.tax, other=earlier[name].tax
            )


def day_plans(windows: tuple[Window, ...]) -> tuple[tuple[Segment, ...], ...]:
    """Which window covers which minutes, for each of DAY_CLASSES (T3–T5): ascending, from minute 0 to 1440.

    Raises WindowHole, WindowOverlap and the refusals of a malformed span or name.
    """
    if not windows:
        return (((0, MINUTES_PER_DAY, 0),),) * len(DAY_CLASSES)
    _check_count("windows", "", len(windows), 1, WINDOWS_MAX)
    _check_once("windows", "", (window.name for window in windows))
    found: dict[str, list[Segment]] = {name: [] for name in DAY_CLASSES}
    for position, window in enumerate(windows):
        _check_count("spans", window.name, len(window.spans), 1, SPANS_MAX)
        for span in window.spans:
            for name in _classes(window, span):
                found[name] += [(start, end, position) for start, end in _minutes(window, span)]
    return tuple(_day_plan(name, found[name], windows) for name in DAY_CLASSES)


def _classes(window: Window, span: Span) -> Iterable[str]:
    """The day classes that a span lists, each once."""
    classes: dict[str, None] = {}
    for name in span.days:
        if name not in SHORT_FORMS and name not in DAY_CLASSES:
            raise errors.DayUnknown(clause=window.name, window=window.name, day=name)
        classes.update(dict.fromkeys(SHORT_FORMS.get(name, (name,))))
    if not classes:
        raise errors.DayUnknown(clause=window.name, window=window.name, day="")
    return classes


def _minutes(window: Window, span: Span) -> tuple[tuple[int, int], ...]:
    """The stretches of minutes of a span: one, or two around midnight (T4)."""
    start, end = span.from_minute, span.to_minute
    _check_range(window.name, "from_minute", start, 0, MINUTES_PER_DAY)
    _check_range(window.name, "to_minute", end, 0, MINUTES_PER_DAY)
    if start == end:
        raise errors.SpanEmpty(clause=window.name, window=window.name, at=clock_text(start))
    if start < end:
        return ((start, end),)
    return tuple(part for part in ((0, end), (start, MINUTES_PER_DAY)) if part[0] < part[1])


def _day_plan(day: str, found: list[Segment], windows: tuple[Window, ...]) -> tuple[Segment, ...]:
    covered = 0
    before = ""
    for start, end, position in [*sorted(found), (MINUTES_PER_DAY, MINUTES_PER_DAY, 0)]:
        if start > covered:
            raise errors.WindowHole(day=day, minute=covered, start=clock_text(covered), end=clock_text(start))
        if start < covered:
            name = windows[position].name
            raise errors.WindowOverlap(
                clause=name, day=day, minute=start, at=clock_text(start), first=before, second=name
            )
        covered, before = end, windows[position].name
    return tuple(sorted(found))


def clock_text(minute: int) -> str:
    """`08:30` for minute 510 of a day."""
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _check_count(name: str, clause: str, count: int, least: int, most: int) -> None:
    if not least <= count <= most:
        raise errors.TariffSize(clause=clause, name=name, count=count, least=least, most=most)


def _check_range(clause: str, name: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise errors.TariffValue(clause=clause, where=clause, name=name, value=value, least=least, most=most)


def _check_once(name: str, clause: str, values: Iterable[str]) -> None:
    seen: dict[str, None] = {}
    for value in values:
        if value in seen:
            raise errors.NameTwice(clause=clause, name=name, value=value)
        seen[value] = None


def _check_unit_name(clause: str, unit: str) -> None:
    """Units are words, not free text (protocol, rule 8)."""
    letters = all("a" <= c <= "z" or "A" <= c <= "Z" or "0" <= c <= "9" or c == "_" for c in unit)
    if not (unit and letters and len(unit) <= UNIT_NAME_MAX):
        raise errors.UnitName(clause=clause, where=clause, unit=unit, limit=UNIT_NAME_MAX)
