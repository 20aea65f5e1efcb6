"""The room's tables."""

from typing import Any

from hansa.kernel import Table

MARKET: tuple[Table[Any], ...] = ()
"""Assets, offers, bargaining and bookings."""

ALL: tuple[Table[Any], ...] = (*MARKET,)
