"""Demand, power factor, price series and index as people write them in a tariff sheet. Client side."""

from collections.abc import Mapping
from typing import Literal

from hansa.apps.billing import errors_sheet as errors
from hansa.apps.billing.elements import UNITS, Index, Meter
from hansa.apps.billing.elements_energy import (
    FACTOR_MAX_E2,
    POWER_PER_UNIT,
    Basis,
    Demand,
    EnergyElement,
    FactorStep,
    PowerFactor,
    PriceKnown,
    Series,
)
from hansa.apps.billing.lines import PRICE_UNIT
from hansa.apps.billing.sheet_values import duration_ms, percent_bp, scaled
from hansa.kernel.limits import MINUTE_MS
from hansa.kernel.types import Id, MemberId, Natural, OptionalId, Positive, RegisteredName, Struct


class SheetDemand(Struct, tag_field="kind", tag="demand"):
    clause: Id
    tax: Id
    basis: Basis
    unit: Literal["kW", "kVA"]
    price: str
    meter: OptionalId = ""
    slot: str = ""
    windows: tuple[Id, ...] = ()
    agreed: str = "0"
    least: str = "0"
    allowed: str = "0%"
    excess: str = "0%"
    strip: bool = False


class _Step(Struct, rename={"start": "from"}):
    start: str
    add: str


class SheetPowerFactor(Struct, tag_field="kind", tag="power_factor"):
    clause: Id
    tax: Id
    of: tuple[Id, ...]
    active: Id
    reactive: Id
    steps: tuple[_Step, ...]


class _SeriesName(Struct):
    owner: MemberId
    id: Id
    version: Positive


class SheetSeries(Struct, tag_field="kind", tag="series"):
    clause: Id
    tax: Id
    meter: Id
    unit: RegisteredName
    slot: str
    series: _SeriesName
    known: PriceKnown
    unit_size: Natural = 0
    otherwise: str = ""


class SheetIndex(Struct):
    """Of a usage clause."""

    owner: MemberId
    id: Id
    base: str


SheetEnergy = SheetDemand | SheetPowerFactor | SheetSeries


def energy_element(entry: SheetEnergy, path: str, meters: Mapping[str, Meter]) -> EnergyElement:
    """The element that an entry stands for. Raises the refusals of `errors_sheet`."""
    match entry:
        case SheetDemand():
            return Demand(
                clause=entry.clause,
                tax=entry.tax,
                basis=entry.basis,
                unit=entry.unit,
                price_e8=scaled(entry.price, f"{path}.price", PRICE_UNIT),
                meter=entry.meter,
                slot_minutes=_minutes(entry.slot, f"{path}.slot") if entry.slot else 0,
                windows=entry.windows,
                agreed_base=scaled(entry.agreed, f"{path}.agreed", POWER_PER_UNIT),
                least_base=scaled(entry.least, f"{path}.least", POWER_PER_UNIT),
                allowed_bp=percent_bp(entry.allowed, f"{path}.allowed"),
                excess_bp=percent_bp(entry.excess, f"{path}.excess"),
                strip=entry.strip,
            )
        case SheetPowerFactor():
            return PowerFactor(
                clause=entry.clause,
                tax=entry.tax,
                of=entry.of,
                active=entry.active,
                reactive=entry.reactive,
                steps=tuple(_step(step, f"{path}.steps[{n}]") for n, step in enumerate(entry.steps)),
            )
        case SheetSeries():
            return _series(entry, path, meters)


def _series(entry: SheetSeries, path: str, meters: Mapping[str, Meter]) -> Series:
    return Series(
        clause=entry.clause,
        tax=entry.tax,
        meter=entry.meter,
        unit=entry.unit,
        unit_base=unit_size(entry.unit, entry.unit_size, entry.meter, path, meters),
        slot_minutes=_minutes(entry.slot, f"{path}.slot"),
        owner=entry.series.owner,
        series=entry.series.id,
        version=entry.series.version,
        known=entry.known,
        otherwise_e8=scaled(entry.otherwise, f"{path}.otherwise", PRICE_UNIT) if entry.otherwise else None,
    )


def unit_size(unit: str, given: int, meter: str, path: str, meters: Mapping[str, Meter]) -> int:
    """Base units in a priced unit: as given, or as it is known. Raises SheetUnitSize."""
    size = given or UNITS.get(unit, ("", 0))[1]
    base = meters[meter].base_unit if meter in meters else "?"
    if not size and unit != base:
        raise errors.SheetUnitSize(clause=path, path=path, unit=unit, base=base)
    return size or 1


def index_of(index: SheetIndex | None, path: str) -> Index | None:
    if index is None:
        return None
    return Index(index.owner, index.id, scaled(index.base, f"{path}.index.base", PRICE_UNIT))


def _step(step: _Step, path: str) -> FactorStep:
    negative = step.add.startswith("-")
    adjust_bp = percent_bp(step.add.removeprefix("-"), f"{path}.add")
    return FactorStep(
        scaled(step.start, f"{path}.from", FACTOR_MAX_E2), -adjust_bp if negative else adjust_bp
    )


def _minutes(text: str, path: str) -> int:
    """A slot's length in minutes; 1, which none has, if it is no whole number of them."""
    length_ms = duration_ms(text, path)
    return length_ms // MINUTE_MS if length_ms and length_ms % MINUTE_MS == 0 else 1
