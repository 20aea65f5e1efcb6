"""What follows from bytes alone is worked out once for all replicas of a run, and remembered for a while.

Whoever has other bytes finds nothing here: so what one replica does wrong is seen as before.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from hansa.kernel import Registry, Release, RoomPin, Table, limits, lthash

ELEMENTS = 4_096
"""Remembered, of 2 KB each."""
SUMS = 64
"""Likewise, with the elements that they are made of."""
RECORDS = 8_192
"""Likewise, of about 1 KB each. No type of a record lets it be changed in place (engines.room_types)."""


class _Kept(dict[bytes, Any]):
    """Transactions set aside, handed to whoever decodes them, not to the first alone."""

    pop = dict.get


class Shared(Release):
    """A release whose registries decode a transaction once: whatever one replica let wait in its mempool."""

    def __init__(self, release: Release) -> None:
        super().__init__(release.rooms, release.foreign)

    def registry(self, rules: int = limits.RULES_MAX, pins: tuple[RoomPin, ...] = ()) -> Registry:
        made = super().registry(rules, pins)
        if type(made.aside) is not _Kept:
            made.aside = _Kept()
        return made


@contextmanager
def remembered() -> Iterator[None]:
    """Elements of the sum over all records, such sums, and records of their bytes. What checks the sums at
    the end has its own.
    """
    sound = lthash.element, lthash.update, Table.decode
    known = lru_cache(RECORDS)(Table.decode)

    @lru_cache(SUMS)
    def added_up(total: bytes, removed: tuple[bytes, ...], added: tuple[bytes, ...]) -> bytes:
        return sound[1](total, removed, added)

    def update(total: bytes, removed: Iterable[bytes], added: Iterable[bytes]) -> bytes:
        return added_up(total, tuple(removed), tuple(added))

    def decode(table: Table[Any], stored: bytes) -> Any:
        # What brings older records up to date is a room's program, which may differ from replica to replica.
        return sound[2](table, stored) if table._older else known(table, stored)

    _swap(lru_cache(ELEMENTS)(sound[0]), update, decode)
    try:
        yield
    finally:
        _swap(*sound)


def _swap(element: Any, update: Any, decode: Any) -> None:
    vars(lthash).update(element=element, update=update)
    Table.decode = decode  # type: ignore[method-assign]
