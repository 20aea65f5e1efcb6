"""The market's rules: who may offer which line, who bargains with whom, and what both agree on is booked."""

from collections.abc import Callable
from typing import Any

from hansa.kernel import Event

ACTIONS: tuple[Callable[..., None], ...] = ()
DUE: tuple[Callable[..., None], ...] = ()
QUERIES: tuple[Callable[..., Any], ...] = ()
EVENTS: tuple[type[Event], ...] = ()
