"""From the usage of a period to the lines of its statement. Read it beside docs/tariff-rules.md.

`rate` applies the elements of a tariff (E1–E7), `corrections` compares a period rated again with what was
billed for it (C1), `close_statement` numbers the lines and reckons the tax once (X1–X5). Pure; integers only.
"""

from collections.abc import Iterable, Sequence

from hansa.apps.billing import errors_tariff as errors
from hansa.apps.billing.elements import Cap, Fixed, Minimum, Tier, Usage
from hansa.apps.billing.facts import NO_FACTS, Facts
from hansa.apps.billing.lines import (
    PRICE_UNIT,
    Line,
    LineKind,
    UsageOfPeriod,
    Work,
    bounded,
    divide,
    flat_line,
)
from hansa.apps.billing.tariff import Element, Tariff, rate_in_force, window_names
from hansa.apps.consortium.calendars import Period
from hansa.kernel.types import BasisPoints, Integer, Struct, replace

TAX_UNIT = 10_000
"""Basis points in one whole."""


class RateTotal(Struct):
    """Sums over the lines of one tax rate."""

    tax_rate_bp: BasisPoints
    net_minor: Integer
    tax_minor: Integer
    gross_minor: Integer


class Totals(Struct):
    """A closed statement: numbered lines, sums by tax rate (highest first), sums of all lines (X5)."""

    lines: tuple[Line, ...]
    by_rate: tuple[RateTotal, ...]
    net_minor: Integer
    tax_minor: Integer
    gross_minor: Integer


def rate(tariff: Tariff, usage: UsageOfPeriod, period: Period, facts: Facts = NO_FACTS) -> tuple[Line, ...]:
    """The lines of one period, in the order of the tariff's elements.

    The tariff must be sound (`check_tariff`). Usage that no element prices costs nothing. Raises UsageUnknown
    and UsageNegative for usage that cannot be this tariff's, TaxBeforeFirst, AmountTooLarge.
    """
    _check_usage(tariff, usage)
    rates_bp = {tax.code: rate_in_force(tax, period.last_day) for tax in tariff.taxes}
    lines: list[Line] = []
    amounts_minor: dict[str, int] = {}
    work = Work(tariff, usage, period, facts, rates_bp, amounts_minor)
    for element in tariff.elements:
        of_element = _lines(work, element)
        amounts_minor[element.clause] = sum(line.amount_minor for line in of_element)
        lines += of_element
    return tuple(lines)


def _lines(work: Work, element: Element) -> list[Line]:
    """Each type of element by its own rule."""
    match element:
        case Usage():
            return _usage_lines(work, element)
        case Fixed():
            return [_fixed_line(work, element)]
        case Minimum() | Cap():
            return [_bound_line(work, element)]


def _check_usage(tariff: Tariff, usage: UsageOfPeriod) -> None:
    kinds = {meter.name: meter.kind for meter in tariff.meters}
    windows = window_names(tariff)
    for (meter, part, window), quantity in usage.items():
        if meter not in kinds or window not in windows or (part != "") != (kinds[meter] == "state"):
            raise errors.UsageUnknown(meter=meter, part=part, window=window)
        if quantity < 0:
            raise errors.UsageNegative(meter=meter, window=window, quantity=quantity)


def _usage_lines(work: Work, element: Usage) -> list[Line]:
    """E1–E4: quantity, quota, tiers, one rounding per line."""
    base_unit = work.base_unit(element.meter)
    rate_bp = work.rates_bp[element.tax]

    def line(kind: LineKind, quantity: int, price_e8: int, tier: int) -> Line:
        amount_minor = work.money(quantity * price_e8, element.unit_base * PRICE_UNIT)
        return Line(
            clause=element.clause, kind=kind, quantity_base=bounded(quantity, element.clause),
            amount_minor=bounded(amount_minor, element.clause), tax_code=element.tax, tax_rate_bp=rate_bp,
            price_e8=price_e8, meter=element.meter, unit=element.unit, unit_base=element.unit_base,
            base_unit=base_unit, states=element.states, windows=element.windows, tier=tier,
        )  # fmt: skip

    quantity = sum(
        work.usage.get((element.meter, state, window), 0)
        for state in element.states or ("",)
        for window in element.windows or window_names(work.tariff)
    )
    included = min(quantity, element.included_base)
    lines = [line("included", included, 0, 0)] if included else []
    several = len(element.tiers) > 1
    for number, part, price_e8 in _in_tiers(element, quantity - included):
        lines.append(line("usage", part, price_e8, number if several else 0))
    return lines or [line("usage", 0, element.tiers[0].price_e8, 1 if several else 0)]


def _in_tiers(element: Usage, quantity: int) -> list[tuple[int, int, int]]:
    """(number, quantity, price) of each tier that the billable quantity reaches (E2)."""
    if element.tiering == "volume":
        reached = enumerate(element.tiers, 1)
        number, tier = next(found for found in reached if _last(found[1]) or quantity <= found[1].up_to_base)
        return [(number, quantity, tier.price_e8)] if quantity else []
    parts = []
    below = 0
    for number, tier in enumerate(element.tiers, 1):
        part = (quantity if _last(tier) else min(quantity, tier.up_to_base)) - below
        if part <= 0:
            break
        parts.append((number, part, tier.price_e8))
        below = tier.up_to_base
    return parts


def _last(tier: Tier) -> bool:
    return tier.up_to_base == 0


def _fixed_line(work: Work, element: Fixed) -> Line:
    """E5: pro rata of a whole period."""
    covered_ms = work.period.to_ms - work.period.from_ms
    full_ms = work.period.full_to_ms - work.period.full_from_ms
    amount_minor = divide(element.amount_minor * covered_ms, full_ms, work.tariff.rounding)
    return flat_line(work, element, "fixed", amount_minor)


def _bound_line(work: Work, element: Minimum | Cap) -> Line:
    """E6, E7: the clauses named, lifted or lowered to the bound."""
    missing_minor = element.amount_minor - sum(work.amounts_minor[name] for name in element.of)
    if isinstance(element, Minimum):
        return flat_line(work, element, "minimum", max(missing_minor, 0))
    return flat_line(work, element, "cap", min(missing_minor, 0))


def corrections(rated: Sequence[Line], billed: Iterable[Line], period: Period) -> tuple[Line, ...]:
    """The correction lines of one earlier period (C1).

    `rated`: its lines as `rate` gives them now, with the tariff that held for it. `billed`: every line that
    earlier statements carry for it, its own and corrections of it, in any order. Empty if all amounts agree.
    The lines stand in the tariff's order; where several periods are corrected, put the oldest first.
    """
    quantities: dict[str, int] = {}
    amounts_minor: dict[str, int] = {}
    clauses: dict[str, Line] = {}
    for sign, lines in ((1, rated), (-1, billed)):
        for line in lines:
            # Met first in `rated`: untaxed, and in the tariff's order.
            clauses.setdefault(line.clause, line)
            quantities[line.clause] = quantities.get(line.clause, 0) + sign * line.quantity_base
            amounts_minor[line.clause] = amounts_minor.get(line.clause, 0) + sign * line.amount_minor
    return tuple(
        replace(
            clauses[clause],
            kind="correction",
            quantity_base=bounded(quantities[clause], clause),
            amount_minor=bounded(amount_minor, clause),
            price_e8=0,
            tier=0,
            corrects_from_ms=period.from_ms,
            corrects_day=period.first_day,
        )
        for clause, amount_minor in amounts_minor.items()
        if amount_minor
    )


def close_statement(tax_included: bool, lines: Iterable[Line]) -> Totals:
    """Number the lines as they stand, reckon tax once per rate, allot it to the lines, add up (X2–X5).

    `lines`: the period's own, then corrections. Raises AmountTooLarge.
    """
    ordered = tuple(lines)
    rates_bp = sorted(dict.fromkeys(line.tax_rate_bp for line in ordered), reverse=True)
    taxes_minor: dict[int, int] = {}
    for rate_bp in rates_bp:
        numbers = [n for n, line in enumerate(ordered) if line.tax_rate_bp == rate_bp]
        amounts_minor = [ordered[n].amount_minor for n in numbers]
        shares_minor = allot_tax(amounts_minor, rate_bp, tax_included)
        taxes_minor.update(zip(numbers, shares_minor, strict=True))
    closed = tuple(
        _closed(line, number, taxes_minor[number], tax_included) for number, line in enumerate(ordered)
    )
    by_rate = tuple(
        RateTotal(rate_bp, *_sums(line for line in closed if line.tax_rate_bp == rate_bp))
        for rate_bp in rates_bp
    )
    return Totals(closed, by_rate, *_sums(closed))


def allot_tax(amounts_minor: Sequence[int], rate_bp: int, tax_included: bool) -> list[int]:
    """Tax on each of the amounts of one rate, adding up to the rounded tax on their sum (X2–X4)."""
    divisor = TAX_UNIT + rate_bp if tax_included else TAX_UNIT
    tax_minor = divide(sum(amounts_minor) * rate_bp, divisor, "half_up")
    shares = [amount * rate_bp // divisor for amount in amounts_minor]
    # A negative sort key puts the largest remainder first; sorting keeps lower lines before higher at a tie.
    by_remainder = sorted(range(len(shares)), key=lambda n: -(amounts_minor[n] * rate_bp % divisor))
    for n in by_remainder[: tax_minor - sum(shares)]:
        shares[n] += 1
    return shares


def _closed(line: Line, position: int, tax_minor: int, tax_included: bool) -> Line:
    net_minor = line.amount_minor - tax_minor if tax_included else line.amount_minor
    return replace(
        line,
        number=position + 1,
        net_minor=bounded(net_minor, line.clause),
        tax_minor=bounded(tax_minor, line.clause),
        gross_minor=bounded(net_minor + tax_minor, line.clause),
    )


def _sums(lines: Iterable[Line]) -> tuple[int, int, int]:
    net_minor = tax_minor = gross_minor = 0
    for line in lines:
        net_minor = bounded(net_minor + line.net_minor, "statement")
        tax_minor = bounded(tax_minor + line.tax_minor, "statement")
        gross_minor = bounded(gross_minor + line.gross_minor, "statement")
    return net_minor, tax_minor, gross_minor


__all__ = [
    "NO_FACTS", "PRICE_UNIT", "TAX_UNIT", "Facts", "Line", "LineKind", "RateTotal", "Totals", "UsageOfPeriod",
    "allot_tax", "close_statement", "corrections", "divide", "rate",
]  # fmt: skip
