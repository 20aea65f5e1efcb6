"""A line of a settlement statement, and what the elements of a tariff make their lines of. Pure; integers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from hansa.apps.billing import errors_tariff as errors
from hansa.apps.billing.facts import Facts
from hansa.apps.billing.tariff import Tariff, minor_digits
from hansa.apps.consortium.calendars import Day, Period
from hansa.kernel.types import (
    INTEGER_MAX,
    BasisPoints,
    Id,
    Integer,
    Natural,
    OptionalId,
    OptionalName,
    StateName,
    Struct,
    TimeMs,
)

PRICE_UNIT = 100_000_000
"""price_e8 per main unit of the currency."""

UNTAXED = "none"
"""Tax code of what bears no tax: interest on late payments, unless the parties named one for it."""

UsageOfPeriod = Mapping[tuple[str, str, str], int]
"""Base units by (meter, part, window); part is a machine state, or "" (U1). What is missing is 0."""
LineKind = Literal[
    "usage", "included", "fixed", "minimum", "cap", "correction",
    "demand", "power_factor", "series",
    "take_or_pay", "discount", "availability", "down_payment", "split", "scrap_credit", "interest",
]  # fmt: skip


class Line(Struct):
    """A line of a statement. `rate` leaves number and tax open (0); `close_statement` fills them in."""

    clause: Id
    kind: LineKind
    quantity_base: Integer
    """Base units of the meter; of the kinds without a unit, how often the clause applies: 1."""
    amount_minor: Integer
    """The line amount (E4–E7, C1): with or without tax, as the tariff states."""
    tax_code: Id
    tax_rate_bp: BasisPoints
    price_e8: Natural = 0
    """Price per priced unit; 0 for included quantity, and where there is no unit."""
    meter: OptionalId = ""
    unit: OptionalName = ""
    """Priced unit, `unit_base` of `base_unit`; "" for what has none, such as fixed, minimum and cap."""
    unit_base: Natural = 0
    base_unit: OptionalName = ""
    states: tuple[StateName, ...] = ()
    windows: tuple[Id, ...] = ()
    """States and windows that the clause counts; none: all there are."""
    tier: Natural = 0
    """1 for the first tier; 0 where tiers do not matter."""
    corrects_from_ms: TimeMs = 0
    """Start of the earlier period that a correction concerns; 0 on all other lines."""
    corrects_day: Day = 0
    """Local date of that start."""
    slot_ms: TimeMs = 0
    """Of a measured demand: start of the slot that was highest, the first of several."""
    estimated_base: Natural = 0
    """Of a measured demand: what of that slot's energy was spread or stems from a gap, not read (M20)."""
    loose_base: Natural = 0
    """What the period's usage has no slot for (M19)."""
    adjust_bp: Integer = 0
    """Of a power-factor adjustment: what is added to the clauses it looks at."""
    charged_minor: Integer = 0
    """Of interest: what it charges, tax contained; its gross may be off by the rounding of tax (X2)."""
    number: Natural = 0
    net_minor: Integer = 0
    tax_minor: Integer = 0
    gross_minor: Integer = 0


@dataclass(frozen=True)
class Work:
    """What the lines of an element may rest on."""

    tariff: Tariff
    usage: UsageOfPeriod
    period: Period
    facts: Facts
    rates_bp: Mapping[str, int]
    """Tax rate in force by tax code."""
    amounts_minor: Mapping[str, int]
    """What the clauses before it come to, by clause."""

    def money(self, numerator: int, denominator: int) -> int:
        """numerator ÷ denominator of the currency's main unit, in minor units, rounded once (E4)."""
        scale = 10 ** minor_digits(self.tariff.currency)
        return divide(numerator * scale, denominator, self.tariff.rounding)

    def base_unit(self, meter: str) -> str:
        return next(found.base_unit for found in self.tariff.meters if found.name == meter)


class _Clause(Protocol):
    """Any element."""

    @property
    def clause(self) -> str: ...
    @property
    def tax(self) -> str: ...


def flat_line(work: Work, element: _Clause, kind: LineKind, amount_minor: int) -> Line:
    """A line without meter, quantity or price: it applies once."""
    return Line(
        clause=element.clause,
        kind=kind,
        quantity_base=1,
        amount_minor=bounded(amount_minor, element.clause),
        tax_code=element.tax,
        tax_rate_bp=work.rates_bp[element.tax],
    )


def divide(numerator: int, denominator: int, rounding: str) -> int:
    """numerator ÷ denominator (positive) to the nearest integer.

    Ties go away from zero (`half_up`), or to the even neighbour (`half_even`).
    """
    quotient, rest = divmod(abs(numerator), denominator)
    if 2 * rest > denominator or (2 * rest == denominator and (rounding == "half_up" or quotient % 2)):
        quotient += 1
    return quotient if numerator >= 0 else -quotient


def bounded(value: int, where: str) -> int:
    """A result that the ledger can write down (protocol, rule 1)."""
    if not -INTEGER_MAX <= value <= INTEGER_MAX:
        raise errors.AmountTooLarge(clause=where, where=where)
    return value
