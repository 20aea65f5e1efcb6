"""Readings as they are proved: what a leaf of an anchored batch holds, and what is handed out with one.

Pure. A leaf is `salt ‖ canonical bytes of the reading`; the salt is shown only with it (protocol, rule 18).
"""

from collections.abc import Sequence
from typing import Protocol

from hansa.kernel import DurationMs, Hash, Id, Integer, Natural, Struct, TimeMs

SALT_BYTES = 16


class StoredReading(Struct):
    """One reading as its leaf holds it. `number` counts the feed's readings in their order, from 1."""

    feed: Id
    number: Natural
    at_ms: TimeMs
    value: Integer = 0
    span_ms: DurationMs = 0
    lost: bool = False


class ProvedReading(Struct):
    """A reading handed out with all that its check needs besides the anchor's root and count."""

    anchor: Id
    index: Natural
    data: bytes
    salt: bytes
    path: tuple[Hash, ...] = ()


class HeldReadings(Protocol):
    """An owner's readings, wherever they rest."""

    def prove(self, batch: str, indices: Sequence[int]) -> list[ProvedReading]:
        """Readings of an anchored batch. Raises KeyError for a batch that is not held."""
        ...
