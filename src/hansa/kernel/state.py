"""State: typed tables over ordered bytes, in layers that are merged or dropped whole.

store (on disk, or its in-memory twin) ← block layer ← transaction layer. Keys are tuples of strings and
integers, encoded so that byte order is tuple order. Values are canonical bytes of one Record.
"""

import zlib
from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, Final, Protocol

from hansa.kernel import limits
from hansa.kernel.refusal import Refusal
from hansa.kernel.types import INTEGER_MAX

Name = tuple[str, bytes]
"""Table and key of a record."""
Entry = tuple[bytes, Any]
"""Stored bytes and the record they hold."""


Row = tuple[bytes, Entry | None]
"""A key and what lies there; None where an upper layer deleted what a lower one holds."""

PAGE_MIN, PAGE_MAX = 8, 512
"""Rows fetched at a time in a scan: few at first, since most scans look at few."""


KEYS_REMEMBERED = 8_192
"""Keys whose bytes are remembered: a few MB."""
_UNKNOWN: Final[Any] = object()


class Damaged(OSError):
    """Stored bytes do not match their checksum. The node stops; see the disk (rule 20)."""


class KeyUnfit(Refusal, code="kernel.key_unfit", field="key"):
    zh = "键的一部分不能使用：{part}。文本不得含零字符，整数须在 0 与 2^53-1 之间，整个键至多 {limit} 字节。"
    en = (
        "Part of a key cannot be used: {part}. Text holds no zero character, an integer lies between 0 "
        "and 2^53-1, and a whole key has at most {limit} bytes."
    )


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
        self.rows: dict[Name, bytes] = {}
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


Changes = dict[Name, bytes | None]
"""What a block writes: new bytes per record, None where one is deleted."""


def _between(keys: Sequence[bytes], start: bytes, end: bytes, limit: int, reverse: bool) -> Sequence[bytes]:
    low, high = bisect_left(keys, start), bisect_left(keys, end)
    if reverse:
        return keys[max(low, high - limit) : high][::-1]
    return keys[low : min(high, low + limit)]


CACHE_BYTES_MAX = 2**26
"""Of records as they rest; decoded they take a few times as much besides."""


class Committed:
    """The bottom layer: a store behind a cache of decoded records, bounded by their number and bytes.

    With `capacity` None all stay that were ever read.
    """

    def __init__(self, store: Store, capacity: int | None = 100_000) -> None:
        self.store = store
        self._capacity = capacity
        self._cache: OrderedDict[Name, Entry | None] = OrderedDict()
        self._bytes = 0

    def get(self, table: str, key: bytes, decode: Any) -> Entry | None:
        name = (table, key)
        known: Entry | None = self._cache.get(name, _UNKNOWN)
        if known is not _UNKNOWN:
            self._cache.move_to_end(name)
            return known
        stored = self.store.get(table, key)
        entry = None if stored is None else (stored, decode(stored))
        self.remember(name, entry)
        return entry

    def stored(self, name: Name) -> bytes | None:
        """The bytes as they rest, without decoding them."""
        entry: Entry | None = self._cache.get(name, _UNKNOWN)
        if entry is _UNKNOWN:
            return self.store.get(*name)
        return None if entry is None else entry[0]

    def remember(self, name: Name, entry: Entry | None) -> None:
        """Keep what the store holds now. Whoever writes to the store must tell, or forget, what it wrote."""
        if self._capacity == 0:
            return
        before = self._cache.pop(name, None)
        self._cache[name] = entry
        if self._capacity is None:
            return
        self._bytes += (len(entry[0]) if entry else 0) - (len(before[0]) if before else 0)
        while len(self._cache) > self._capacity or self._bytes > CACHE_BYTES_MAX:
            _, gone = self._cache.popitem(last=False)
            self._bytes -= len(gone[0]) if gone else 0

    def forget(self) -> None:
        """Read every record anew from the store."""
        self._cache.clear()
        self._bytes = 0

    def rows(self, table: str, start: bytes, end: bytes, reverse: bool, decode: Any) -> Iterator[Row]:
        """Rows in order, fetched a page at a time as they are asked for."""
        page = PAGE_MIN
        while True:
            rows = self.store.scan(table, start, end, page, reverse)
            for key, stored in rows:
                cached = self._cache.get((table, key))
                yield key, cached if cached is not None else (stored, decode(stored))
            if len(rows) < page:
                return
            start, end = (start, rows[-1][0]) if reverse else (rows[-1][0] + b"\x00", end)
            page = min(2 * page, PAGE_MAX)


class Overlay:
    """Writes on top of a layer below; nothing below changes until they are merged."""

    def __init__(self, below: "Committed | Overlay") -> None:
        self.below = below
        self.entries: dict[Name, Entry | None] = {}
        self._keys: dict[str, list[bytes]] = {}

    def get(self, table: str, key: bytes, decode: Any) -> Entry | None:
        name = (table, key)
        layer: Committed | Overlay = self
        while isinstance(layer, Overlay):  # In a loop: there is no reading that does not come by here.
            found: Entry | None = layer.entries.get(name, _UNKNOWN)
            if found is not _UNKNOWN:
                return found
            layer = layer.below
        return layer.get(table, key, decode)

    def set(self, name: Name, entry: Entry | None) -> None:
        if name not in self.entries:
            table, key = name
            keys = self._keys.get(table)
            if keys is None:
                self._keys[table] = [key]
            elif key > keys[-1]:
                keys.append(key)
            else:
                insort(keys, key)
        self.entries[name] = entry

    def rows(self, table: str, start: bytes, end: bytes, reverse: bool, decode: Any) -> Iterator[Row]:
        """Rows of both layers in order, read lazily. A deleted row is given as None, so that it is counted.

        The table may be written to meanwhile: a row that is put ahead of the scan is met by it. Only the
        uppermost layer is ever written to, so those below that hold nothing of the table are passed over.
        """
        layer = self.below
        while isinstance(layer, Overlay) and table not in layer._keys:
            layer = layer.below
        below = layer.rows(table, start, end, reverse, decode)
        row = next(below, None)
        own = self._first_key(table, start, end, reverse)
        while row is not None or own is not None:
            if own is None or (row is not None and (row[0] > own if reverse else row[0] < own)):
                assert row is not None
                at, entry = row
            else:
                at, entry = own, self.entries[table, own]
            yield at, entry
            if row is not None and row[0] == at:
                row = next(below, None)
            start, end = (start, at) if reverse else (at + b"\x00", end)
            own = self._first_key(table, start, end, reverse)

    def _first_key(self, table: str, start: bytes, end: bytes, reverse: bool) -> bytes | None:
        """The first own key in start ≤ key < end; the last, if reverse."""
        keys = self._keys.get(table)
        if keys is None:
            return None
        position = bisect_left(keys, end) - 1 if reverse else bisect_left(keys, start)
        if not 0 <= position < len(keys) or not start <= keys[position] < end:
            return None
        return keys[position]

    def merge_into(self, upper: "Overlay") -> None:
        for name, entry in self.entries.items():
            upper.set(name, entry)


# Keys.

INTEGER_BYTES = 8


def encode_key(parts: Sequence[str | int]) -> bytes:
    """Byte order is tuple order: text is UTF-8 ended by a zero byte, an integer is 8 bytes, big-endian.

    Raises KeyUnfit for text with a zero character, for an integer that is negative or beyond 2⁵³−1, and for
    keys longer than KEY_BYTES_MAX.
    """
    return _key_bytes(tuple(parts))


@lru_cache(KEYS_REMEMBERED)
def _key_bytes(parts: tuple[str | int, ...]) -> bytes:
    out = b""
    for part in parts:
        if isinstance(part, str):
            if "\x00" in part:
                raise KeyUnfit(part=part, limit=limits.KEY_BYTES_MAX)
            out += part.encode() + b"\x00"
        elif 0 <= part <= INTEGER_MAX:
            out += part.to_bytes(INTEGER_BYTES, "big")
        else:
            raise KeyUnfit(part=str(part), limit=limits.KEY_BYTES_MAX)
    if len(out) > limits.KEY_BYTES_MAX:
        raise KeyUnfit(part=str(parts[-1]), limit=limits.KEY_BYTES_MAX)
    return out


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
    """The first key above all that start with the prefix; no key starts with 0xFF."""
    while prefix and prefix[-1] == 0xFF:
        prefix = prefix[:-1]
    return prefix[:-1] + bytes((prefix[-1] + 1,)) if prefix else b"\xff"


def checksum(table: str, key: bytes, value: bytes) -> int:
    """Finds damage on disk, not forgery: the state digest does that."""
    return zlib.crc32(value, zlib.crc32(key, zlib.crc32(table.encode())))
