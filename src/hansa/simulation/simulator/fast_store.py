"""A ledger's store without SQLite: the same interface, the same commit boundary, a tenth of the time.

What a crash leaves of it is what SQLite guarantees (WAL, synchronous=FULL): every commit that was answered,
whole; of the one under way all or nothing; nothing else. The tests hold it against SqliteStore call by call.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from threading import RLock
from typing import Any

from hansa.engines.store import IN_MEMORY, SqliteStore
from hansa.kernel.state import Changes, Damaged, MemoryStore

Row = tuple[bytes, bytes, bytes, bool, str, str]
"""A transaction's id, wire, outcome, whether it used its sequence, and the texts of its refusal."""

Step = Callable[[str], None]
"""Told of every step that touches the disk; raises Crashed to end the process there."""


class Crashed(BaseException):
    """The process is gone. `kept`: a commit that was under way is on disk all the same."""

    def __init__(self, *, kept: bool = False) -> None:
        super().__init__("the process ended here")
        self.kept = kept


def goes_on(step: str) -> None:
    """Nothing happens at this step."""


class FastStore(SqliteStore):
    """Steps are `begin`, `write`, `sync` (the commit is under way) and `synced` (it is on disk)."""

    def __init__(self, path: Path = Path(IN_MEMORY)) -> None:
        self.path = path
        self.lock = RLock()
        self.step: Step = goes_on
        self._records = MemoryStore()
        self._blocks: dict[Any, Any] = {}
        self._transactions: dict[Any, Any] = {}
        self._by_id: dict[Any, Any] = {}
        self._events: dict[Any, Any] = {}
        self._nodes: dict[Any, Any] = {}
        self._meta: dict[Any, Any] = {}
        self._writes: dict[Any, Any] = {}
        self._height = 0
        self._within = False
        self._undo: list[tuple[Callable[..., None], tuple[Any, ...]]] = []
        """What takes back the commit under way, and its arguments."""

    def close(self) -> None:
        """Nothing to close: what was committed stays for whoever opens it again."""

    def steady(self) -> Any:
        return nullcontext()

    # Commits.

    @contextmanager
    def commit(self) -> Iterator[None]:
        if self._within:
            raise RuntimeError("a commit within a commit")
        self.step("begin")
        self._within = True
        try:
            yield
            self.step("sync")
        except BaseException as error:
            if not (isinstance(error, Crashed) and error.kept):
                for undo, arguments in reversed(self._undo):
                    undo(*arguments)
            raise
        finally:
            self._within = False
            self._undo.clear()
        self.step("synced")

    def _set(self, rows: dict[Any, Any], name: Any, value: Any) -> None:
        """Put a row, or take it away (None)."""
        self._undo.append((_put, (rows, name, rows.get(name))))
        _put(rows, name, value)

    # Records.

    def get(self, table: str, key: bytes) -> bytes | None:
        return self._records.get(table, key)

    def scan(
        self, table: str, start: bytes, end: bytes, limit: int, reverse: bool
    ) -> list[tuple[bytes, bytes]]:
        return self._records.scan(table, start, end, limit, reverse)

    def counts(self) -> list[tuple[str, int]]:
        counted: dict[str, int] = {}
        for table, _ in self._records.rows:
            counted[table] = counted.get(table, 0) + 1
        return sorted(counted.items())

    def records(self) -> Iterator[tuple[str, bytes, bytes]]:
        for (table, key), value in sorted(self._records.rows.items()):
            yield table, key, value

    def write_records(self, changes: Changes) -> None:
        self.step("write")
        old: Changes = {name: self._records.rows.get(name) for name in changes}
        self._undo.append((self._records.write, (old,)))
        self._records.write(changes)

    # Blocks.

    def block(self, height: int) -> tuple[bytes, bytes] | None:
        found: tuple[bytes, bytes] | None = self._blocks.get(height)
        return found

    def height(self) -> int:
        return self._height

    def write_block(self, height: int, leaf: bytes, header: bytes) -> None:
        self.step("write")
        self._set(self._blocks, height, (leaf, header))
        self._undo.append((self._stand_at, (self._height,)))
        self._height = max(self._height, height)

    def _stand_at(self, height: int) -> None:
        self._height = height

    def transactions(self, height: int) -> list[tuple[bytes, bytes]]:
        return [(row[1], row[2]) for row in self._transactions.get(height, ())]

    def write_transactions(self, height: int, rows: Sequence[Row]) -> None:
        self.step("write")
        self._set(self._transactions, height, list(rows))
        for position, row in enumerate(rows):
            self._set(self._by_id, row[0], (*self._by_id.get(row[0], ()), (height, position)))

    def find_transaction(self, identity: bytes) -> tuple[int, int, bytes, bytes, bool, str, str] | None:
        copies = [
            (rows[position][3], height, position)
            for height, position in self._by_id.get(identity, ())
            if (rows := self._transactions.get(height)) is not None
        ]
        if not copies:
            return None
        _, height, position = max(copies)
        _, wire, outcome, consumed, zh, en = self._transactions[height][position]
        return height, position, wire, outcome, bool(consumed), zh, en

    def events(self, height: int) -> list[bytes]:
        return list(self._events.get(height, ()))

    def write_events(self, height: int, events: Sequence[bytes]) -> None:
        self.step("write")
        self._set(self._events, height, list(events))

    def events_after(self, height: int, position: int, last: int, limit: int) -> list[tuple[int, int, bytes]]:
        found: list[tuple[int, int, bytes]] = []
        for at in range(max(height, 1), min(last, self._height) + 1):
            if len(found) >= limit:
                break
            rows = enumerate(self._events.get(at, ()))
            found += [(at, place, data) for place, data in rows if (at, place) > (height, position)]
        return found[: max(limit, 0)]

    def writes(self, height: int) -> bytes | None:
        found: bytes | None = self._writes.get(height)
        return found

    def first_writes(self) -> int:
        return min(self._writes, default=0)

    def write_writes(self, height: int, data: bytes) -> None:
        self.step("write")
        self._set(self._writes, height, data)

    def prune(self, table: str, below: int, rows_max: int) -> None:
        """Whole blocks at a time, the oldest first, as long as `rows_max` rows reach."""
        rows = {"writes": self._writes, "transactions": self._transactions, "events": self._events}[table]
        for height in sorted(rows)[: bisect_left(sorted(rows), below)]:
            rows_max -= 1 if table == "writes" else len(rows[height])
            if rows_max < 0:
                return
            self._set(rows, height, None)

    # The log of blocks, and small facts.

    def node(self, level: int, position: int) -> bytes:
        found: bytes | None = self._nodes.get((level, position))
        if found is None:
            raise Damaged(f"node {level}.{position} of the block log is missing")
        return found

    def _put_node(self, level: int, position: int, value: bytes) -> None:
        self._set(self._nodes, (level, position), value)

    def meta(self, name: str) -> bytes | None:
        found: bytes | None = self._meta.get(name)
        return found

    def set_meta(self, name: str, value: bytes) -> None:
        self._set(self._meta, name, value)

    def drop_meta(self, name: str) -> None:
        self._set(self._meta, name, None)


def _put(rows: dict[Any, Any], name: Any, value: Any) -> None:
    if value is None:
        rows.pop(name, None)
    else:
        rows[name] = value
