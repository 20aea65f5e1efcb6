"""Lines of demand charge, power-factor adjustment and price series (docs/tariff-rules.md, E8–E10). Pure;
integers only.
"""

from collections.abc import Sequence
from typing import NamedTuple

from hansa.apps.billing.elements_energy import (
    POWER_PER_UNIT,
    WHOLE_BP,
    Demand,
    EnergyElement,
    PowerFactor,
    Series,
)
from hansa.apps.billing.errors_energy import FactsMissing
from hansa.apps.billing.lines import PRICE_UNIT, Line, Work, bounded, divide, flat_line
from hansa.apps.billing.slots import DaySlots, SlotUsage, date_slots
from hansa.kernel.limits import MINUTE_MS
from hansa.kernel.types import replace

MINUTES_PER_HOUR = 60
POWER_BASE = {"kW": "W", "kVA": "VA"}


def energy_lines(work: Work, element: EnergyElement) -> list[Line]:
    """The lines of one element."""
    match element:
        case Demand():
            return _demand(work, element)
        case PowerFactor():
            return [_power_factor(work, element)]
        case Series():
            return [_series(work, element)]


def _slots(work: Work, element: Demand | Series) -> SlotUsage:
    usage = work.facts.slots.get(element.meter)
    if usage is None:
        raise FactsMissing(clause=element.clause, element=element.clause)
    return usage


class Peak(NamedTuple):
    """The highest slot."""

    quantity: int
    """Base units in the slot."""
    from_ms: int
    estimated: int


def highest(of: SlotUsage, minutes: int, windows: tuple[str, ...]) -> Peak:
    """The slot in which most was counted, the first of several; of 0 if there is none.

    `minutes`: a multiple of the length that was booked by.
    """
    times, length_ms = minutes // of.minutes, minutes * MINUTE_MS
    peak = Peak(0, 0, 0)
    for date in of.days:
        counts = date_slots(date.counts, times)
        if windows:
            inside = [date.windows[number * times] in windows for number in range(len(counts))]
            counts = [count if within else 0 for count, within in zip(counts, inside, strict=True)]
        most = max(counts, default=0)
        if most > peak.quantity:
            number = counts.index(most)
            estimated = date_slots(date.estimated, times)
            peak = Peak(
                most, date.from_ms + number * length_ms, estimated[number] if number < len(estimated) else 0
            )
    return peak


def _demand(work: Work, element: Demand) -> list[Line]:
    """E8: highest average, or what was agreed on and what went beyond it."""
    if element.basis == "capacity":
        return [_demand_line(work, element, element.agreed_base, element.price_e8)]
    usage = _slots(work, element)
    peak = highest(usage, element.slot_minutes, element.windows)
    power = bounded(peak.quantity * MINUTES_PER_HOUR // element.slot_minutes, element.clause)
    seen = {
        "slot_ms": peak.from_ms,
        "estimated_base": peak.estimated,
        "loose_base": sum(date.loose for date in usage.days),
    }
    if element.basis == "measured":
        line = _demand_line(work, element, max(power, element.least_base), element.price_e8)
        return [replace(line, **seen)]
    allowed = element.agreed_base * element.allowed_bp // WHOLE_BP
    ordinary = max(element.agreed_base, min(power, allowed)) if element.strip else element.agreed_base
    line = _demand_line(work, element, ordinary, element.price_e8)
    if power <= allowed:
        return [replace(line, tier=1, **seen)]
    price_e8 = bounded(divide(element.price_e8 * element.excess_bp, WHOLE_BP, "half_up"), element.clause)
    beyond = _demand_line(work, element, power - allowed, price_e8)
    return [replace(line, tier=1), replace(beyond, tier=2, **seen)]


def _demand_line(work: Work, element: Demand, power: int, price_e8: int) -> Line:
    """So much power for a whole period, pro rata of a clipped one, rounded once."""
    covered_ms = work.period.to_ms - work.period.from_ms
    full_ms = work.period.full_to_ms - work.period.full_from_ms
    amount_minor = work.money(power * price_e8 * covered_ms, POWER_PER_UNIT * PRICE_UNIT * full_ms)
    return Line(
        clause=element.clause,
        kind="demand",
        quantity_base=bounded(power, element.clause),
        amount_minor=bounded(amount_minor, element.clause),
        tax_code=element.tax,
        tax_rate_bp=work.rates_bp[element.tax],
        price_e8=price_e8,
        meter=element.meter,
        unit=element.unit,
        unit_base=POWER_PER_UNIT,
        base_unit=POWER_BASE[element.unit],
        windows=element.windows,
    )


def _power_factor(work: Work, element: PowerFactor) -> Line:
    """E9: the step that the period's power factor reaches, on what the clauses come to."""
    active, reactive = (
        sum(quantity for (name, _, _), quantity in work.usage.items() if name == meter)
        for meter in (element.active, element.reactive)
    )
    factor_e2 = power_factor_e2(active, reactive)
    adjust_bp = next(step.adjust_bp for step in reversed(element.steps) if step.from_e2 <= factor_e2)
    if not active and not reactive:  # Nothing ran: there is no factor.
        adjust_bp = 0
    of_minor = sum(work.amounts_minor[name] for name in element.of)
    amount_minor = divide(of_minor * adjust_bp, WHOLE_BP, work.tariff.rounding)
    line = flat_line(work, element, "power_factor", amount_minor)
    return replace(line, quantity_base=factor_e2, unit_base=100, meter=element.active, adjust_bp=adjust_bp)


def power_factor_e2(active: int, reactive: int) -> int:
    """100 × active ÷ √(active² + reactive²), rounded half up; exact, by integers alone. 0 if both are 0.

    2 × 100 × factor, rounded down, is the root of a whole number rounded down; half of that and one more,
    rounded down, is 100 × factor rounded half up.
    """
    squared = active * active + reactive * reactive
    if not squared:
        return 0
    return (root(200 * 200 * active * active // squared) + 1) // 2


def root(number: int) -> int:
    """The largest integer whose square is at most `number` (not negative). Newton's method."""
    if number < 2:
        return number
    guess = 1 << ((number.bit_length() + 1) >> 1)
    while (better := (guess + number // guess) >> 1) < guess:
        guess = better
    return guess


def _series(work: Work, element: Series) -> Line:
    """E10: each slot at its price; rounded once."""
    usage = _slots(work, element)
    prices = work.facts.prices.get(element.clause, {})
    times = element.slot_minutes // usage.minutes
    total = value = loose = 0
    for date in usage.days:
        of_date = prices.get(date.from_ms, ())
        day_total, day_value = _day_value(element.clause, date, of_date, times)
        total, value, loose = total + day_total, value + day_value, loose + date.loose
    counted = sum(quantity for (name, _, _), quantity in work.usage.items() if name == element.meter)
    denominator = element.unit_base * PRICE_UNIT
    if counted != total:  # A check feed decides how much it was (K3); the slots say when.
        value, denominator = value * counted, denominator * max(total, 1)
    return Line(
        clause=element.clause,
        kind="series",
        quantity_base=bounded(counted, element.clause),
        amount_minor=bounded(work.money(value, denominator), element.clause),
        tax_code=element.tax,
        tax_rate_bp=work.rates_bp[element.tax],
        meter=element.meter,
        unit=element.unit,
        unit_base=element.unit_base,
        base_unit=work.base_unit(element.meter),
        loose_base=loose,
    )


def _day_value(clause: str, date: DaySlots, prices: Sequence[int], times: int) -> tuple[int, int]:
    """(base units, base units × price) of a local date; what is loose at the price of its first slot."""
    counts = date_slots(date.counts, times)
    if len(prices) < max(len(counts), 1):
        raise FactsMissing(clause=clause, element=clause)
    value = sum(count * prices[number] for number, count in enumerate(counts) if count)
    loose_value = date.loose * prices[0] if date.loose else 0
    return sum(counts) + date.loose, value + loose_value
