"""What a price sheet's elements are made of and refer to, and the elements that every sheet knows (E1–E7).

Usage, fixed fee, minimum, cap; those of energy are in `elements_energy`, those of trade in `elements_trade`.
Prices are `price_e8`: 1/100,000,000 of the currency's main unit per priced unit.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from hansa.apps.billing import errors_tariff as errors
from hansa.kernel.limits import STATES_MAX
from hansa.kernel.types import INTEGER_MAX, Id, MemberId, Natural, Positive, RegisteredName, StateName, Struct

ELEMENTS_MAX = 64
TIERS_MAX = 32
UNIT_NAME_MAX = 16

MeterKind = Literal["counter", "amount", "state"]
Tiering = Literal["graduated", "volume"]

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
    "varh": ("varh", 1),
    "kvarh": ("varh", 1_000),
    "Mvarh": ("varh", 1_000_000),
}
"""Units whose size is fixed: base unit, and how many of it make one."""


class Meter(Struct):
    """What the tariff counts. The agreement binds each meter to one feed."""

    name: Id
    kind: MeterKind
    base_unit: RegisteredName
    """`piece`, `ms`, `Wh`, `g`, `ml`, or another countable thing; `ms` for every state meter."""


class Tier(Struct):
    price_e8: Natural
    up_to_base: Natural = 0
    """Upper bound (inclusive) of the billable quantity, base units; 0 in the last tier: none."""


class Index(Struct):
    """A price follows a published index (E11): price × value ÷ base."""

    owner: MemberId
    """Publishes it, value after value, and can change none."""
    index: Id
    base_e8: Positive
    """The value, × 100,000,000, at which prices are as this sheet states them."""


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
    index: Index | None = None
    """Prices of the tiers follow it."""


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


@dataclass(frozen=True)
class Scope:
    """What an element may refer to."""

    meters: Mapping[str, Meter]
    windows: tuple[str, ...]
    earlier: Mapping[str, str]
    """Tax code by clause, of the elements that stand before it."""
    units: Mapping[str, tuple[str, int]]
    """UNITS, as far as the version of the rules knows them."""


def check_usage(element: Usage, scope: Scope) -> None:
    clause = element.clause
    meter = check_meter(clause, element.meter, scope)
    if meter.kind == "state" and not element.states:
        raise errors.StatesMissing(clause=clause, element=clause, meter=meter.name)
    if meter.kind != "state" and element.states:
        raise errors.StatesUnfit(clause=clause, element=clause, meter=meter.name)
    check_count("states", clause, len(element.states), 0, STATES_MAX)
    check_once("states", clause, element.states)
    check_once("windows", clause, element.windows)
    for window in element.windows:
        if window not in scope.windows:
            raise errors.WindowUnknown(clause=clause, element=clause, window=window)
    check_unit(clause, meter, element.unit, element.unit_base, scope)
    check_range(clause, "included_base", element.included_base, 0, INTEGER_MAX)
    if element.index is not None:
        check_range(clause, "base_e8", element.index.base_e8, 1, INTEGER_MAX)
    check_tiers(clause, element.tiers)


def check_meter(clause: str, name: str, scope: Scope) -> Meter:
    """The meter of that name. Raises MeterUnknown."""
    meter = scope.meters.get(name)
    if meter is None:
        raise errors.MeterUnknown(clause=clause, element=clause, meter=name)
    return meter


def check_unit(clause: str, meter: Meter, unit: str, unit_base: int, scope: Scope) -> None:
    """A priced unit must be one of the meter's own kind, of its known size. Raises UnitMismatch."""
    check_unit_name(clause, unit)
    check_range(clause, "unit_base", unit_base, 1, INTEGER_MAX)
    own = (meter.base_unit, 1 if unit == meter.base_unit else unit_base)
    base, size = scope.units.get(unit, own)
    if (base, size) != (meter.base_unit, unit_base):
        raise errors.UnitMismatch(
            clause=clause, element=clause, unit=unit, size=size, base=base,
            meter=meter.name, meter_base=meter.base_unit, given=unit_base,
        )  # fmt: skip


def check_tiers(clause: str, tiers: tuple[Tier, ...]) -> None:
    check_count("tiers", clause, len(tiers), 1, TIERS_MAX)
    bound = 0
    for number, tier in enumerate(tiers, 1):
        check_range(clause, "price_e8", tier.price_e8, 0, INTEGER_MAX)
        check_range(clause, "up_to_base", tier.up_to_base, 0, INTEGER_MAX)
        if number == len(tiers):
            if tier.up_to_base:
                raise errors.TierBounded(clause=clause, element=clause, bound=tier.up_to_base)
        elif tier.up_to_base <= bound:
            raise errors.TierHole(
                clause=clause, element=clause, tier=number, bound=tier.up_to_base, below=bound
            )
        bound = tier.up_to_base


def check_fixed(element: Fixed, scope: Scope) -> None:
    check_range(element.clause, "amount_minor", element.amount_minor, 0, INTEGER_MAX)


def check_bound(element: Minimum | Cap, scope: Scope) -> None:
    check_range(element.clause, "amount_minor", element.amount_minor, 0, INTEGER_MAX)
    check_of(element.clause, element.tax, element.of, scope)


def check_of(clause: str, tax: str, of: tuple[str, ...], scope: Scope) -> None:
    """Clauses that an element looks at: earlier ones of its own tax code, each once. Raises ClauseNotEarlier,
    ClauseTax.
    """
    check_count("of", clause, len(of), 1, ELEMENTS_MAX)
    check_once("of", clause, of)
    for name in of:
        if name not in scope.earlier:
            raise errors.ClauseNotEarlier(clause=clause, element=clause, name=name)
        if scope.earlier[name] != tax:
            raise errors.ClauseTax(
                clause=clause, element=clause, name=name, tax=tax, other=scope.earlier[name]
            )


def check_count(name: str, clause: str, count: int, least: int, most: int) -> None:
    if not least <= count <= most:
        raise errors.TariffSize(clause=clause, name=name, count=count, least=least, most=most)


def check_range(clause: str, name: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise errors.TariffValue(clause=clause, where=clause, name=name, value=value, least=least, most=most)


def check_once(name: str, clause: str, values: Iterable[str]) -> None:
    seen: dict[str, None] = {}
    for value in values:
        if value in seen:
            raise errors.NameTwice(clause=clause, name=name, value=value)
        seen[value] = None


def check_unit_name(clause: str, unit: str) -> None:
    """Units are words, not free text (protocol, rule 8)."""
    letters = all("a" <= c <= "z" or "A" <= c <= "Z" or "0" <= c <= "9" or c == "_" for c in unit)
    if not (unit and letters and len(unit) <= UNIT_NAME_MAX):
        raise errors.UnitName(clause=clause, where=clause, unit=unit, limit=UNIT_NAME_MAX)
