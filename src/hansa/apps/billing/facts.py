"""What some elements of a tariff need to know beside the usage of a period. Pure data.

The ledger and whoever recomputes a statement fill it alike (`settling`); each field stands empty where no
element of the tariff asks for it.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Facts:
    """Of one agreement and one period."""


NO_FACTS = Facts()
