"""Elements of energy tariffs: demand charge, power-factor adjustment, price from a published series (E8–E10).

Their lines are made in `rating_energy`. The law is docs/tariff-rules.md, section 3.
"""

from collections.abc import Iterable
from typing import Literal

from hansa.apps.billing import errors_energy as errors
from hansa.apps.billing.elements import (
    Scope,
    check_count,
    check_meter,
    check_of,
    check_once,
    check_range,
    check_unit,
)
from hansa.apps.billing.errors_tariff import WindowUnknown
from hansa.apps.billing.slots import SLOT_MINUTES
from hansa.kernel.types import (
    INTEGER_MAX,
    BasisPoints,
    Id,
    Integer,
    MemberId,
    Natural,
    OptionalId,
    Positive,
    RegisteredName,
    Struct,
)

FACTOR_MAX_E2 = 100
STEPS_MAX = FACTOR_MAX_E2 + 1
ADJUST_MAX_BP = 100_000
WHOLE_BP = 10_000
POWER_PER_UNIT = 1_000
"""W in a kW, VA in a kVA."""

Basis = Literal["measured", "contracted", "capacity"]
PriceKnown = Literal["before", "after"]


class Demand(Struct, tag_field="_type", tag="demand"):
    """So much per kW or kVA and full period (E8; 需量电费, 容量电费), pro rata for a clipped one.

    `measured`: of the highest average of a slot. `contracted`: of the demand agreed on, and more for what
    goes beyond what is allowed of it. `capacity`: of the capacity agreed on; nothing is measured.
    """

    clause: Id
    tax: Id
    basis: Basis
    unit: Literal["kW", "kVA"]
    price_e8: Natural
    meter: OptionalId = ""
    """Counts Wh; none for `capacity`."""
    slot_minutes: Natural = 0
    """15, 30 or 60; 0 for `capacity`."""
    windows: tuple[Id, ...] = ()
    """Windows whose slots count, by their first instant; none named: all."""
    agreed_base: Natural = 0
    """Demand or capacity agreed on, W or VA; 0 for `measured`."""
    least_base: Natural = 0
    """Of `measured`: at least so many W are charged."""
    allowed_bp: BasisPoints = 0
    """Of `contracted`: up to this share of the agreed demand nothing is charged beyond it."""
    excess_bp: BasisPoints = 0
    """Of `contracted`: price of what goes beyond that share, as a share of the price."""
    strip: bool = False
    """Of `contracted`: whether what lies between the agreed demand and that share is charged at the price;
    else it is free.
    """


class FactorStep(Struct):
    """From this power factor on, up to the next step."""

    from_e2: Natural
    """Power factor × 100."""
    adjust_bp: Integer
    """What is added to the clauses named, basis points; negative: taken off."""


class PowerFactor(Struct, tag_field="_type", tag="power_factor"):
    """The clauses named rise or fall with the period's power factor (E9; 功率因数调整, 力调)."""

    clause: Id
    tax: Id
    of: tuple[Id, ...]
    active: Id
    """Meter of active energy, Wh."""
    reactive: Id
    """Meter of reactive energy, varh."""
    steps: tuple[FactorStep, ...]
    """Rising, the first from 0."""


class Series(Struct, tag_field="_type", tag="series"):
    """Usage at the prices of a published interval series (E10; 分时价格序列)."""

    clause: Id
    tax: Id
    meter: Id
    unit: RegisteredName
    unit_base: Positive
    """Base units in one priced unit."""
    slot_minutes: Positive
    owner: MemberId
    """Publishes the series; what was published never changes."""
    series: Id
    version: Positive
    known: PriceKnown
    """`before`: a price counts if it was published by the beginning of its slot. `after`: if it was published
    by the close.
    """
    otherwise_e8: Natural | None = None
    """Price of a slot that has none that counts; none: the period waits until it is published."""


EnergyElement = Demand | PowerFactor | Series


def slot_minutes(elements: Iterable[object], meter: str) -> int:
    """Length of the slots that a meter is to be booked by: the shortest that an element asks for; 0: none."""
    asked = [
        element.slot_minutes
        for element in elements
        if isinstance(element, Demand | Series) and element.meter == meter
    ]
    return min(asked, default=0)


def electric_meters(elements: Iterable[object]) -> dict[str, None]:
    """Meters that only electricity can have: those of demand and of the power factor."""
    found: dict[str, None] = {}
    for element in elements:
        if isinstance(element, Demand) and element.meter:
            found[element.meter] = None
        if isinstance(element, PowerFactor):
            found |= {element.active: None, element.reactive: None}
    return found


def check_energy(element: EnergyElement, scope: Scope) -> None:
    """Refuse an element that could not be applied to every possible usage."""
    match element:
        case Demand():
            _check_demand(element, scope)
        case PowerFactor():
            _check_power_factor(element, scope)
        case Series():
            _check_series(element, scope)


def _check_demand(element: Demand, scope: Scope) -> None:
    clause, basis = element.clause, element.basis
    check_range(clause, "price_e8", element.price_e8, 0, INTEGER_MAX)
    check_range(clause, "agreed_base", element.agreed_base, 0, INTEGER_MAX)
    check_range(clause, "least_base", element.least_base, 0, INTEGER_MAX)
    needed = {
        "measured": ("meter", "slot_minutes"),
        "contracted": ("meter", "slot_minutes", "agreed_base", "allowed_bp", "excess_bp"),
        "capacity": ("agreed_base",),
    }[basis]
    more = {"measured": ("least_base",), "contracted": ("strip",), "capacity": ()}[basis]
    allowed = (*needed, *more, "windows")
    given = {
        "meter": element.meter, "slot_minutes": element.slot_minutes, "agreed_base": element.agreed_base,
        "least_base": element.least_base, "allowed_bp": element.allowed_bp, "excess_bp": element.excess_bp,
        "strip": element.strip,
    }  # fmt: skip
    for name, value in given.items():
        if (not value and name in needed) or (value and name not in allowed):
            raise errors.DemandFields(clause=clause, element=clause, name=name, basis=basis)
    if basis == "capacity":
        if element.windows:
            raise errors.DemandFields(clause=clause, element=clause, name="windows", basis=basis)
        return
    if element.unit != "kW":
        raise errors.DemandUnit(clause=clause, element=clause, unit=element.unit)
    _check_slots(clause, element.slot_minutes)
    _check_counts(clause, element.meter, "Wh", scope)
    check_once("windows", clause, element.windows)
    for window in element.windows:
        if window not in scope.windows:
            raise WindowUnknown(clause=clause, element=clause, window=window)
    if basis == "contracted" and min(element.allowed_bp, element.excess_bp) < WHOLE_BP:
        raise errors.DemandExcess(
            clause=clause, element=clause, allowed_bp=element.allowed_bp, excess_bp=element.excess_bp
        )


def _check_power_factor(element: PowerFactor, scope: Scope) -> None:
    clause = element.clause
    check_of(clause, element.tax, element.of, scope)
    _check_counts(clause, element.active, "Wh", scope)
    _check_counts(clause, element.reactive, "varh", scope)
    check_count("steps", clause, len(element.steps), 1, STEPS_MAX)
    before = -1
    for step in element.steps:
        check_range(clause, "from_e2", step.from_e2, 0, FACTOR_MAX_E2)
        check_range(clause, "adjust_bp", step.adjust_bp, -WHOLE_BP, ADJUST_MAX_BP)
        if step.from_e2 <= before or (before < 0 and step.from_e2):
            raise errors.FactorSteps(clause=clause, element=clause, from_e2=step.from_e2)
        before = step.from_e2


def _check_series(element: Series, scope: Scope) -> None:
    clause = element.clause
    meter = check_meter(clause, element.meter, scope)
    if meter.kind == "state":
        raise errors.SlotMeter(clause=clause, element=clause, meter=meter.name)
    check_unit(clause, meter, element.unit, element.unit_base, scope)
    _check_slots(clause, element.slot_minutes)
    check_range(clause, "version", element.version, 1, INTEGER_MAX)
    if element.otherwise_e8 is not None:
        check_range(clause, "otherwise_e8", element.otherwise_e8, 0, INTEGER_MAX)
    elif element.known == "before":
        raise errors.OtherwiseMissing(clause=clause, element=clause)


def _check_slots(clause: str, minutes: int) -> None:
    if minutes not in SLOT_MINUTES:
        raise errors.SlotLength(clause=clause, element=clause, minutes=minutes)


def _check_counts(clause: str, name: str, base_unit: str, scope: Scope) -> None:
    meter = check_meter(clause, name, scope)
    if meter.kind == "state" or meter.base_unit != base_unit:
        raise errors.EnergyMeter(
            clause=clause, element=clause, meter=name, unit=meter.base_unit, base_unit=base_unit
        )
