"""What some elements of a tariff need to know beside the usage of a period. Pure data.

The ledger and whoever recomputes a statement fill it alike (`settling`); each field stands empty where no
element of the tariff asks for it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hansa.apps.billing.slots import SlotUsage
from hansa.kernel.messages import Record
from hansa.kernel.types import Id, Natural, Positive, Struct


class Balance(Struct):
    """What is left of one shortfall, or of a down payment."""

    clause: Id
    period: Positive
    """Number of the agreement's period that it stems from, the first being 1."""
    left: Positive
    """Of take-or-pay base units, of a down payment minor units."""


class Carry(Record, version=1, readers="members", retention="business"):
    """What the periods up to one leave to those after it."""

    periods: Natural = 0
    """How many there were."""
    balances: tuple[Balance, ...] = ()


NOTHING = Carry()
"""Before the first period."""


@dataclass(frozen=True)
class Facts:
    """Of one agreement and one period."""

    attributed: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    """Stopped ms, or pieces of scrap, by (meter, liable party, window); of scrap the window is ""."""
    planned: Mapping[str, int] = field(default_factory=dict)
    """ms of the period by window, where the tariff promises availability."""
    slots: Mapping[str, SlotUsage] = field(default_factory=dict)
    """Usage by slot, of the meters that an element asks it of."""
    prices: Mapping[str, Mapping[int, Sequence[int]]] = field(default_factory=dict)
    """Of each clause that follows a series: price_e8 by slot of a local date, by the date's first instant."""
    indices: Mapping[str, int] = field(default_factory=dict)
    """Of each clause that follows an index: the value in force, × 100,000,000."""
    carry: Carry = NOTHING
    """What the periods before leave to this one."""


NO_FACTS = Facts()
