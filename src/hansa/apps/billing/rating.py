"""From the usage of a period to the lines of its statement. Read it beside docs/tariff-rules.md.

`rate` applies the elements of a tariff (E1–E7), `corrections` compares a period rated again with what was
billed for it (C1), `close_statement` numbers the lines and reckons the tax once (X1–X5). Pure; integers only.
"""

from collections.abc import Iterable, Sequence

from hansa.apps.billing import errors_tariff as errors
from hansa.apps.billing.elements import Cap, Fixed, Minimum, Usage
from hansa.apps.billing.elements_energy import Demand, PowerFactor, Series
from hansa.apps.billing.elements_trade import (
    Availability,
    Discount,
    DownPayment,
    ScrapCredit,
    Split,
    TakeOrPay,
)
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
from hansa.apps.billing.rating_energy import energy_lines
from hansa.apps.billing.rating_trade import trade_lines
from hansa.apps.billing.rating_usage import usage_lines, usage_quantity
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
            return usage_lines(work, element, usage_quantity(work, element))
        case Fixed():
            return [_fixed_line(work, element)]
        case Minimum() | Cap():
            return [_bound_line(work, element)]
        case TakeOrPay() | Discount() | Availability() | ScrapCredit() | DownPayment() | Split():
            return trade_lines(work, element)
        case Demand() | PowerFactor() | Series():
            return energy_lines(work, element)


def _check_usage(tariff: Tariff, usage: UsageOfPeriod) -> None:
    kinds = {meter.name: meter.kind for meter in tariff.meters}
    windows = window_names(tariff)
    for (meter, part, window), quantity in usage.items():
        if meter not in kinds or window not in windows or (part != "") != (kinds[meter] == "state"):
            raise errors.UsageUnknown(meter=meter, part=part, window=window)
        if quantity < 0:
            raise errors.UsageNegative(meter=meter, window=window, quantity=quantity)


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
