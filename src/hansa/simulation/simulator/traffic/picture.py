"""What a member knows that follows every block: the records in force, and what happened in the last block.

It is kept from what blocks changed, never read from a replica: so it also says what every replica must hold.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from hansa.kernel import Context, Registry
from hansa.kernel.apply import Applied
from hansa.kernel.state import Changes, Committed, MemoryStore, Name, Overlay, decode_key

Key = tuple[str | int, ...]
"""Parts of a record's key, as its table has them."""


class Seen(NamedTuple):
    """A block as one replica executed it."""

    height: int
    """Of the ledger; that of the next block where this one left no leaf."""
    time_ms: int
    applied: Applied
    updates: tuple[tuple[bytes, int], ...] = ()
    """(consensus key, power; 0: none any more) that the application told the engine, in the order told."""


class Happened(NamedTuple):
    """An event: what it is, and its fields as plain values."""

    tag: str
    fields: dict[str, Any]


class Picture:
    """Records by table and key, and the block that came last."""

    def __init__(self, registry: Registry, chain: str, *, rules: int, time_ms: int) -> None:
        self.registry = registry
        self.chain = chain
        self.rules = rules
        self.height = 0
        self.time_ms = time_ms
        self.store = MemoryStore()
        self.happened: tuple[Happened, ...] = ()
        """Events of the last block."""
        self.changed: dict[str, dict[Key, Any]] = {}
        """What the last block wrote, by table; None where a record is gone."""
        self._state = Committed(self.store, None)
        self._rows: dict[str, dict[Key, Any]] = {}

    def found(self, changes: Changes) -> None:
        """The state that the genesis file lays down."""
        tables = self.registry.tables
        self._take({name: (data, tables[name[0]].decode(data)) for name, data in changes.items() if data})

    def take(self, seen: Seen) -> None:
        """Follow a block."""
        self.height, self.time_ms = seen.height, max(self.time_ms, seen.time_ms)
        self.happened = tuple(_happened(seen.applied.events))
        self._take(seen.applied.entries)

    def rows(self, table: str) -> Mapping[Key, Any]:
        """Records of a table by key, oldest first."""
        return self._rows.get(table, {})

    def row(self, table: str, *key: str | int) -> Any:
        """A record; None where there is none."""
        return self._rows.get(table, {}).get(key)

    def ask(self, query: Callable[..., Any], *arguments: Any) -> Any:
        """What a function of a room that reads a ledger answers."""
        return query(self.context(), *arguments)

    def context(self) -> Context:
        """To read by, as a query does."""
        return Context(
            self.registry,
            Overlay(self._state),
            time_ms=self.time_ms,
            height=self.height,
            chain=self.chain,
            rules=self.rules,
        )

    def _take(self, entries: Mapping[Name, Any]) -> None:
        self.store.write({name: entry[0] if entry else None for name, entry in entries.items()})
        self.changed = {}
        for (name, key), entry in entries.items():
            self._state.remember((name, key), entry)
            table = self.registry.tables.get(name)
            if table is None:
                continue
            parts = decode_key(key, table.integers)
            rows = self._rows.setdefault(name, {})
            self.changed.setdefault(name, {})[parts] = entry[1] if entry else None
            if entry is None:
                rows.pop(parts, None)
            else:
                rows[parts] = entry[1]


def _happened(events: Iterable[bytes]) -> Iterator[Happened]:
    for data in events:
        fields = json.loads(data)
        yield Happened(fields.pop("_type"), fields)
