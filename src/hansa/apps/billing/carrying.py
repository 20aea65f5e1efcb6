"""What one period leaves to the next: take-or-pay shortfalls that were paid, what is left of a down payment.

A fold over the periods of an agreement, the first to the last; when an earlier period is rated anew, so are
the balances after it (docs/tariff-rules.md, E20, E24). Pure.
"""

from collections.abc import Sequence
from typing import Any

from hansa.apps.billing.elements_trade import DownPayment, TakeOrPay
from hansa.apps.billing.facts import NOTHING, Balance, Carry
from hansa.apps.billing.lines import Line


def carries(elements: Sequence[Any]) -> bool:
    """Whether a tariff with these elements leaves anything from period to period."""
    return any(isinstance(element, TakeOrPay | DownPayment) for element in elements)


def open_lots(carry: Carry, element: TakeOrPay) -> list[Balance]:
    """Shortfalls that the period after `carry` may take up, the oldest first: what expired is not kept."""
    return [lot for lot in carry.balances if lot.clause == element.clause]


def left_minor(carry: Carry, element: DownPayment) -> int:
    """What of a down payment is not credited yet."""
    if not carry.periods:
        return element.amount_minor
    return sum(balance.left for balance in carry.balances if balance.clause == element.clause)


def carry_after(elements: Sequence[Any], carry: Carry, lines: Sequence[Line]) -> Carry:
    """The balances after a period that began with `carry` and came to `lines`."""
    number = carry.periods + 1
    balances: list[Balance] = []
    for element in elements:
        own = [line for line in lines if line.clause == element.clause]
        if isinstance(element, TakeOrPay):
            balances += _lots_after(element, carry, sum(line.quantity_base for line in own))
        elif isinstance(element, DownPayment):
            credited = -sum(line.amount_minor for line in own if line.amount_minor < 0)
            left = left_minor(carry, element) - credited
            balances += [Balance(element.clause, 1, left)] if left else []
    return Carry(periods=number, balances=tuple(balances))


def _lots_after(element: TakeOrPay, carry: Carry, quantity: int) -> list[Balance]:
    """Negative quantity: taken up, the oldest first; positive: a new shortfall. What expires is gone."""
    number = carry.periods + 1
    taken = max(-quantity, 0)
    out: list[Balance] = []
    for lot in open_lots(carry, element):
        used = min(taken, lot.left)
        taken -= used
        if lot.left > used and number - lot.period < element.carry_periods:
            out.append(Balance(lot.clause, lot.period, lot.left - used))
    if quantity > 0 and element.carry_periods:
        out.append(Balance(element.clause, number, quantity))
    return out


__all__ = ["NOTHING", "Balance", "Carry", "carries", "carry_after", "left_minor", "open_lots"]
