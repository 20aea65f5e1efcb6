"""Lines of the elements between trading partners (docs/tariff-rules.md, E20–E25). Pure; integers only.

No credit is larger than what its clauses come to: `of` names them, and every earlier credit of them.
"""

from hansa.apps.billing.carrying import left_minor, open_lots
from hansa.apps.billing.elements import Usage
from hansa.apps.billing.elements_trade import (
    WHOLE_BP,
    Availability,
    Discount,
    DownPayment,
    ScrapCredit,
    Split,
    TakeOrPay,
    TradeElement,
)
from hansa.apps.billing.lines import PRICE_UNIT, Line, LineKind, Work, bounded, divide, flat_line
from hansa.apps.billing.rating_usage import usage_lines, usage_quantity
from hansa.apps.billing.tariff import window_names


def trade_lines(work: Work, element: TradeElement) -> list[Line]:
    """The lines of one element; of a split none."""
    match element:
        case TakeOrPay():
            return [_take_or_pay(work, element)]
        case Discount():
            return [flat_line(work, element, "discount", -_discount(work, element))]
        case Availability():
            return [flat_line(work, element, "availability", -_availability(work, element))]
        case ScrapCredit():
            return [_scrap_credit(work, element)]
        case DownPayment():
            return _down_payment(work, element)
        case Split():
            return []


def _bearable(work: Work, of: tuple[str, ...]) -> int:
    """What the clauses named come to, as far as it is not below 0: no credit is larger."""
    return max(sum(work.amounts_minor[name] for name in of), 0)


def _first(work: Work, of: tuple[str, ...]) -> Usage:
    found = next(element for element in work.tariff.elements if element.clause == of[0])
    assert isinstance(found, Usage)
    return found


def _less(work: Work, usage: Usage, quantity: int, without: int) -> int:
    """How much less the clause would come to without so many of its base units."""
    with_all = sum(line.amount_minor for line in usage_lines(work, usage, quantity))
    with_less = sum(line.amount_minor for line in usage_lines(work, usage, quantity - without))
    return max(with_all - with_less, 0)


def _quantity_line(
    work: Work,
    element: TakeOrPay | ScrapCredit,
    usage: Usage,
    kind: LineKind,
    quantity: int,
    amount_minor: int,
    price_e8: int,
) -> Line:
    return Line(
        clause=element.clause,
        kind=kind,
        quantity_base=bounded(quantity, element.clause),
        amount_minor=bounded(amount_minor, element.clause),
        tax_code=element.tax,
        tax_rate_bp=work.rates_bp[element.tax],
        price_e8=price_e8,
        meter=usage.meter,
        unit=usage.unit,
        unit_base=usage.unit_base,
        base_unit=work.base_unit(usage.meter),
        states=usage.states,
        windows=usage.windows,
    )


def _take_or_pay(work: Work, element: TakeOrPay) -> Line:
    """E20: a shortfall is charged; what was taken beyond takes up earlier shortfalls, the oldest first."""
    usage, period = _first(work, element.of), work.period
    quantity = usage_quantity(work, usage)
    covered_ms, full_ms = period.to_ms - period.from_ms, period.full_to_ms - period.full_from_ms
    committed = element.committed_base * covered_ms // full_ms
    divisor = usage.unit_base * PRICE_UNIT
    if quantity <= committed:
        missing = committed - quantity
        amount_minor = work.money(missing * element.price_e8, divisor)
        return _quantity_line(work, element, usage, "take_or_pay", missing, amount_minor, element.price_e8)
    lots = sum(lot.left for lot in open_lots(work.facts.carry, element))
    taken_up = min(quantity - committed, lots)
    credit_minor = min(
        work.money(taken_up * element.price_e8, divisor),
        _less(work, usage, quantity, taken_up),
        _bearable(work, element.of),
    )
    return _quantity_line(work, element, usage, "take_or_pay", -taken_up, -credit_minor, element.price_e8)


def _discount(work: Work, element: Discount) -> int:
    """E21: by the stage that the sum reaches, or each part of it by its own."""
    base_minor = _bearable(work, element.of)
    numerator = 0
    for number, stage in enumerate(element.stages):
        if base_minor < stage.from_minor:
            break
        if element.tiering == "volume":
            numerator = base_minor * stage.rate_bp
        else:
            last = number + 1 == len(element.stages)
            to_minor = base_minor if last else min(base_minor, element.stages[number + 1].from_minor)
            numerator += (to_minor - stage.from_minor) * stage.rate_bp
    return divide(numerator, WHOLE_BP, work.tariff.rounding)


def _availability(work: Work, element: Availability) -> int:
    """E22: up time ÷ planned time within the service windows; only what the provider answers for is down."""
    windows = element.windows or window_names(work.tariff)
    planned_ms = sum(work.facts.planned.get(window, 0) for window in windows)
    down_ms = sum(work.facts.attributed.get((element.meter, "provider", window), 0) for window in windows)
    up_ms = max(planned_ms - down_ms, 0)
    credit_bp = 0
    for band in element.bands:
        if up_ms * WHOLE_BP < band.below_bp * planned_ms:
            credit_bp = band.credit_bp
    return divide(_bearable(work, element.of) * credit_bp, WHOLE_BP, work.tariff.rounding)


def _scrap_credit(work: Work, element: ScrapCredit) -> Line:
    """E23: as if the provider's scrap had not been made."""
    usage = _first(work, element.of)
    quantity = usage_quantity(work, usage)
    scrap = sum(
        pieces
        for (meter, liable, _), pieces in work.facts.attributed.items()
        if (meter, liable) == (element.meter, "provider")
    )
    scrap = min(scrap, quantity)
    credit_minor = min(_less(work, usage, quantity, scrap), _bearable(work, element.of))
    return _quantity_line(work, element, usage, "scrap_credit", -scrap, -credit_minor, 0)


def _down_payment(work: Work, element: DownPayment) -> list[Line]:
    """E24: equal parts, the remainder of the division in the later ones; what cannot be borne comes later."""
    carry = work.facts.carry
    number = carry.periods + 1
    due_minor = element.amount_minor * min(number, element.periods) // element.periods
    credited_minor = element.amount_minor - left_minor(carry, element)
    credit_minor = min(due_minor - credited_minor, _bearable(work, element.of))
    lines = [flat_line(work, element, "down_payment", -credit_minor)]
    if element.charged and number == 1:
        lines.insert(0, flat_line(work, element, "down_payment", element.amount_minor))
    return lines
