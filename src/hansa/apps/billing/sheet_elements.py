"""The elements of a price sheet as people write them in a tariff sheet. Client side."""

from collections.abc import Mapping, Sequence
from typing import Literal

from hansa.apps.billing import errors_sheet as errors
from hansa.apps.billing.elements import Cap, Fixed, Meter, Minimum, Tier, Tiering, Usage
from hansa.apps.billing.sheet_energy import (
    SheetDemand,
    SheetEnergy,
    SheetIndex,
    SheetPowerFactor,
    SheetSeries,
    energy_element,
    index_of,
    unit_size,
)
from hansa.apps.billing.sheet_trade import (
    SheetAvailability,
    SheetDiscount,
    SheetDownPayment,
    SheetScrapCredit,
    SheetSplit,
    SheetTakeOrPay,
    SheetTrade,
    trade_element,
)
from hansa.apps.billing.sheet_values import PRICE_DIGITS, scaled
from hansa.apps.billing.tariff import Element, minor_digits
from hansa.kernel.types import Id, Natural, RegisteredName, StateName, Struct


class _Tier(Struct):
    price: str
    up_to: str = ""


class _Usage(Struct, tag_field="kind", tag="usage"):
    clause: Id
    tax: Id
    meter: Id
    unit: RegisteredName
    unit_size: Natural = 0
    states: tuple[StateName, ...] = ()
    windows: tuple[Id, ...] = ()
    included: str = "0"
    price: str = ""
    tiers: tuple[_Tier, ...] = ()
    tiering: Literal["graduated", "volume", ""] = ""
    index: SheetIndex | None = None


class _Fixed(Struct, tag_field="kind", tag="fixed"):
    clause: Id
    tax: Id
    amount: str


class _Minimum(Struct, tag_field="kind", tag="minimum"):
    clause: Id
    tax: Id
    of: tuple[Id, ...]
    amount: str


class _Cap(Struct, tag_field="kind", tag="cap"):
    clause: Id
    tax: Id
    of: tuple[Id, ...]
    amount: str


SheetElement = (
    _Usage | _Fixed | _Minimum | _Cap
    | SheetDemand | SheetPowerFactor | SheetSeries
    | SheetTakeOrPay | SheetDiscount | SheetAvailability | SheetScrapCredit | SheetDownPayment | SheetSplit
)  # fmt: skip


def elements_of(
    entries: Sequence[SheetElement], currency: str, meters: Mapping[str, Meter]
) -> tuple[Element, ...]:
    """What the entries of a sheet stand for, in their order. Raises the refusals of `errors_sheet`."""
    found: list[Element] = []
    for position, entry in enumerate(entries):
        path = f"elements[{position}]"
        if isinstance(entry, SheetTrade):
            earlier = {element.clause: element for element in found}
            found.append(trade_element(entry, path, currency, earlier))
        elif isinstance(entry, SheetEnergy):
            found.append(energy_element(entry, path, meters))
        else:
            found.append(_element(entry, path, currency, meters))
    return tuple(found)


def _element(
    element: _Usage | _Fixed | _Minimum | _Cap, path: str, currency: str, meters: Mapping[str, Meter]
) -> Element:
    if isinstance(element, _Usage):
        return _usage(element, path, meters)
    amount_minor = scaled(element.amount, f"{path}.amount", 10 ** minor_digits(currency))
    if isinstance(element, _Fixed):
        return Fixed(element.clause, element.tax, amount_minor)
    kind = Minimum if isinstance(element, _Minimum) else Cap
    return kind(element.clause, element.tax, element.of, amount_minor)


def _usage(element: _Usage, path: str, meters: Mapping[str, Meter]) -> Usage:
    unit_base = unit_size(element.unit, element.unit_size, element.meter, path, meters)
    tiers = element.tiers or (_Tier(price=element.price),)
    if bool(element.price) == bool(element.tiers) or (len(tiers) > 1 and not element.tiering):
        raise errors.SheetPrice(clause=path, path=path)
    tiering: Tiering = element.tiering or "graduated"
    prefix = f"{path}.tiers" if element.tiers else path
    return Usage(
        clause=element.clause,
        tax=element.tax,
        meter=element.meter,
        unit=element.unit,
        unit_base=unit_base,
        tiers=tuple(
            _tier(tier, f"{prefix}[{n}]" if element.tiers else path, unit_base)
            for n, tier in enumerate(tiers)
        ),
        tiering=tiering,
        states=element.states,
        windows=element.windows,
        included_base=scaled(element.included, f"{path}.included", unit_base),
        index=index_of(element.index, path),
    )


def _tier(tier: _Tier, path: str, unit_base: int) -> Tier:
    price_e8 = scaled(tier.price, f"{path}.price", 10**PRICE_DIGITS)
    if not tier.up_to:
        return Tier(price_e8)
    up_to_base = scaled(tier.up_to, f"{path}.up_to", unit_base)
    if not up_to_base:
        raise errors.SheetBound(clause=path, path=f"{path}.up_to", text=tier.up_to)
    return Tier(price_e8, up_to_base)
