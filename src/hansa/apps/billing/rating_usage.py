"""Lines of a usage element (docs/tariff-rules.md, E1–E4, E11). Pure; integers only."""

from hansa.apps.billing.elements import Tier, Usage
from hansa.apps.billing.errors_energy import FactsMissing
from hansa.apps.billing.lines import PRICE_UNIT, Line, LineKind, Work, bounded, divide
from hansa.apps.billing.tariff import window_names


def usage_quantity(work: Work, element: Usage) -> int:
    """E1: what the clause counts in the period, base units."""
    return sum(
        work.usage.get((element.meter, state, window), 0)
        for state in element.states or ("",)
        for window in element.windows or window_names(work.tariff)
    )


def usage_lines(work: Work, element: Usage, quantity: int) -> list[Line]:
    """E1–E4: a quantity by quota and tiers, one rounding per line."""
    base_unit = work.base_unit(element.meter)
    rate_bp = work.rates_bp[element.tax]

    def line(kind: LineKind, quantity: int, price_e8: int, tier: int) -> Line:
        price_e8 = indexed_price(work, element, price_e8)
        amount_minor = work.money(quantity * price_e8, element.unit_base * PRICE_UNIT)
        return Line(
            clause=element.clause, kind=kind, quantity_base=bounded(quantity, element.clause),
            amount_minor=bounded(amount_minor, element.clause), tax_code=element.tax, tax_rate_bp=rate_bp,
            price_e8=price_e8, meter=element.meter, unit=element.unit, unit_base=element.unit_base,
            base_unit=base_unit, states=element.states, windows=element.windows, tier=tier,
        )  # fmt: skip

    included = min(quantity, element.included_base)
    lines = [line("included", included, 0, 0)] if included else []
    several = len(element.tiers) > 1
    for number, part, price_e8 in _in_tiers(element, quantity - included):
        lines.append(line("usage", part, price_e8, number if several else 0))
    return lines or [line("usage", 0, element.tiers[0].price_e8, 1 if several else 0)]


def indexed_price(work: Work, element: Usage, price_e8: int) -> int:
    """E11: the price that holds in the period, rounded half up to a whole price_e8."""
    if element.index is None:
        return price_e8
    value_e8 = work.facts.indices.get(element.clause)
    if value_e8 is None:
        raise FactsMissing(clause=element.clause, element=element.clause)
    return bounded(divide(price_e8 * value_e8, element.index.base_e8, "half_up"), element.clause)


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
