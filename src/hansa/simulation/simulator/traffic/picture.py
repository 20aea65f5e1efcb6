"""What a member knows that follows every block: the records in force, and what happened in the last block.

It is kept from what blocks changed, never read from a replica: so it also says what every replica must hold.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from hansa.kernel import Context, Registry, encode, limits
from hansa.kernel.state import Committed, MemoryStore, Name, Overlay, decode_key, encode_key
from hansa.simulation.simulator.scenario import Happened
from hansa.simulation.simulator.world import World

Key = tuple[str | int, ...]
"""Parts of a record's key, as its table has them."""


class Told(NamedTuple):
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
        self.told: tuple[Told, ...] = ()
        """Events of the last block."""
        self.changed: dict[str, dict[Key, Any]] = {}
        """What the last block wrote, by table; None where a record is gone."""
        self._state = Committed(self.store, None)
        self._rows: dict[str, dict[Key, Any]] = {}

    @classmethod
    def of(cls, world: World) -> "Picture":
        """The ledger as it stands: at the beginning, what the genesis file laid down."""
        ctx = world.state()
        made = cls(ctx.registry, world.chain, rules=ctx.rules, time_ms=world.genesis.created_ms)
        entries: dict[Name, Any] = {}
        for name, table in ctx.registry.tables.items():
            for key, record in table.scan(ctx, limit=limits.ALL_ROWS):
                entries[name, encode_key(key)] = (encode(record), record)
        made._take(entries)
        return made

    def take(self, happened: Happened) -> None:
        """Follow a block."""
        block, applied = happened
        self.height, self.time_ms = block.height, max(self.time_ms, block.time_ms)
        self.told = tuple(_told(applied.events))
        self._take(applied.entries)

    def rows(self, table: str) -> dict[Key, Any]:
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


def _told(events: Iterable[bytes]) -> Iterator[Told]:
    for data in events:
        fields = json.loads(data)
        yield Told(fields.pop("_type"), fields)
