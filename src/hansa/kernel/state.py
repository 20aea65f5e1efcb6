"""State: typed tables over ordered bytes, in layers that are merged or dropped whole.

store (on disk, or its in-memory twin) ← block layer ← transaction layer. Keys are tuples of strings and integers,
encoded so that byte order is tuple order. Values are canonical bytes of one Record.
"""

import zlib
from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

Entry = tuple[bytes, Any]
"""Stored bytes and the record they hold."""


class Damaged(OSError):
    """Stored bytes do not match their checksum. The node stops; see the disk (rule 20)."""


class Store(Protocol):
    """Where committed records rest. The in-memory twin is MemoryStore."""

    def get(self, table: str, key: bytes) -> bytes | None: ...

    def scan(
        self, table: str, start: bytes, end: bytes, limit: int, reverse: bool
    ) -> list[tuple[bytes, bytes]]:
        """Rows with start ≤ key < end, in key order or against it."""
        ...


class MemoryStore:
    """A Store in dictionaries, for tests, simulation and checks off the ledger."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, bytes], bytes] = {}
        self._keys: dict[str, list[bytes]] = {}

    def get(self, table: str, key: bytes) -> bytes | None:
        return self.rows.get((table, key))

    def scan(
        self, table: str, start: bytes, end: bytes, limit: int, reverse: bool
    ) -> list[tuple[bytes, bytes]]:
        keys = _between(self._keys.get(table, []), start, end, limit, reverse)
        return [(key, self.rows[table, key]) for key in keys]

    def write(self, changes: "Changes") -> None:
        for (table, key), value in changes.items():
            keys = self._keys.setdefault(table, [])
            if value is None:
                if self.rows.pop((table, key), None) is not None:
                    del keys[bisect_left(keys, key)]
            else:
                if (table, key) not in self.rows:
                    insort(keys, key)
                self.rows[table, key] = value


Changes = dict[tuple[str, bytes], bytes | None]
"""What a block writes: new bytes per record, None where one is deleted."""


def _between(keys: Sequence[bytes], start: bytes, end: bytes, limit: int, reverse: bool) -> Sequence[bytes]:
    low, high = bisect_left(keys, start), bisect_left(keys, end)
    if reverse:
        return keys[max(low, high - limit) : high][::-1]
    return keys[low : min(high, low + limit)]


class Committed:
    """The bottom layer: a store behind a bounded cache of decoded records. Memory does not grow with the state."""

    def __init__(self, store: Store, capacity: int | None = 100_000) -> None:
        self.store = store
        self._capacity = capacity
        self._cache: OrderedDict[tuple[str, bytes], Entry | None] = OrderedDict()

    def get(self, table: str, key: bytes, decode: Any) -> Entry | None:
        name = (table, key)
        if name in self._cache:
            self._cache.move_to_end(name)
            return self._cache[name]
        stored = self.store.get(table, key)
        entry = None if stored is None else (stored, decode(stored))
        self.remember(name, entry)
        return entry

    def stored(self, table: str, key: bytes) -> bytes | None:
        """The bytes as they rest, without decoding them."""
        entry = self._cache.get((table, key))
        return entry[0] if entry is not None else self.store.get(table, key)

    def remember(self, name: tuple[str, bytes], entry: Entry | None) -> None:
        if self._capacity == 0:
            return
        self._cache[name] = entry
        self._cache.move_to_end(name)
        if self._capacity is not None and len(self._cache) > self._capacity:
            self._cache.popitem(last=False)

    def rows(
        self, table: str, start: bytes, end: bytes, limit: int, reverse: bool, decode: Any
    ) -> Iterator[tuple[bytes, Entry]]:
        for key, stored in self.store.scan(table, start, end, limit, reverse):
            cached = self._cache.get((table, key))
            yield key, cached if cached is not None else (stored, decode(stored))


class Overlay:
    """Writes on top of a layer below; nothing below changes until they are merged."""

    def __init__(self, below: "Committed | Overlay") -> None:
        self.below = below
        self.entries: dict[tuple[str, bytes], Entry | None] = {}
        self._keys: dict[str, list[bytes]] = {}

    def get(self, table: str, key: bytes, decode: Any) -> Entry | None:
        name = (table, key)
        if name in self.entries:
            return self.entries[name]
        return self.below.get(table, key, decode)

    def set(self, table: str, key: bytes, entry: Entry | None) -> None:
        name = (table, key)
        if name not in self.entries:
            keys = self._keys.get(table)
            if keys is None:
                self._keys[table] = [key]
            elif key > keys[-1]:
                keys.append(key)
            else:
                insort(keys, key)
        self.entries[name] = entry

    def rows(
        self, table: str, start: bytes, end: bytes, limit: int, reverse: bool, decode: Any
    ) -> Iterator[tuple[bytes, Entry]]:
        """Merged rows in order, read lazily: the cost is that of the rows given and of those this layer hides."""
        mine = self._keys.get(table, [])
        low, high = bisect_left(mine, start), bisect_left(mine, end)
        if low == high:
            yield from self.below.rows(table, start, end, limit, reverse, decode)
            return
        own = iter(range(high - 1, low - 1, -1) if reverse else range(low, high))
        below = self._below(table, start, end, limit, reverse, decode)
        at = next(own, None)
        row = next(below, None)
        given = 0
        while given < limit and (at is not None or row is not None):
            key = None if at is None else mine[at]
            if row is not None and (key is None or (row[0] > key if reverse else row[0] < key)):
                yield row
                given += 1
                row = next(below, None)
                continue
            assert key is not None
            if row is not None and row[0] == key:
                row = next(below, None)
            entry = self.entries[table, key]
            if entry is not None:
                yield key, entry
                given += 1
            at = next(own, None)

    def _below(
        self, table: str, start: bytes, end: bytes, limit: int, reverse: bool, decode: Any
    ) -> Iterator[tuple[bytes, Entry]]:
        """All rows of the layer below, a page at a time."""
        while True:
            page = list(self.below.rows(table, start, end, limit, reverse, decode))
            yield from page
            if len(page) < limit:
                return
            if reverse:
                end = page[-1][0]
            else:
                start = page[-1][0] + b"\x00"

    def merge_into(self, upper: "Overlay") -> None:
        for (table, key), entry in self.entries.items():
            upper.set(table, key, entry)


# Keys.

INTEGER_BYTES = 8


def encode_key(parts: Sequence[str | int]) -> bytes:
    """Byte order is tuple order: text ends with a zero byte (ids hold none), integers are 8 bytes big-endian."""
    return b"".join(
        part.encode() + b"\x00" if isinstance(part, str) else part.to_bytes(INTEGER_BYTES, "big")
        for part in parts
    )


def decode_key(data: bytes, integers: Sequence[bool]) -> tuple[str | int, ...]:
    """Inverse of `encode_key`, told which parts are integers."""
    out: list[str | int] = []
    at = 0
    for integer in integers:
        if integer:
            out.append(int.from_bytes(data[at : at + INTEGER_BYTES], "big"))
            at += INTEGER_BYTES
        else:
            end = data.index(b"\x00", at)
            out.append(data[at:end].decode())
            at = end + 1
    return tuple(out)


def after_prefix(prefix: bytes) -> bytes:
    """The first key above all that start with the prefix."""
    trimmed = prefix.rstrip(b"\xff")
    return trimmed[:-1] + bytes((trimmed[-1] + 1,)) if trimmed else b"\xff" * 64


def checksum(table: str, key: bytes, value: bytes) -> int:
    """Finds damage on disk, not forgery: the state digest does that."""
    return zlib.crc32(value, zlib.crc32(key, zlib.crc32(table.encode())))
