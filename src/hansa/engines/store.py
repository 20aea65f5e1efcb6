"""A node's disk: one SQLite file (WAL, synchronous=FULL). All of a block is in one commit.

One connection writes; others read beside it, each its own snapshot. Who else may use the folder: signed.py.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from threading import RLock
from typing import Any, Protocol

from hansa.kernel import merkle
from hansa.kernel.state import Changes, Damaged, checksum

SCHEMA_VERSION = 2
APPLICATION_ID = 0x48616E73
"""Marks the file as a ledger of Hansa, in SQLite's header."""
LOCK_WAIT_S = 1
IN_MEMORY = ":memory:"

_SCHEMA = """
CREATE TABLE state (tbl TEXT, key BLOB, value BLOB, crc INTEGER, PRIMARY KEY (tbl, key)) WITHOUT ROWID;
CREATE TABLE blocks (height INTEGER PRIMARY KEY, leaf BLOB, header BLOB);
CREATE TABLE transactions (
    height INTEGER, position INTEGER, id BLOB, wire BLOB, outcome BLOB, consumed INTEGER, zh TEXT, en TEXT,
    PRIMARY KEY (height, position)
) WITHOUT ROWID;
CREATE INDEX transactions_by_id ON transactions (id);
CREATE TABLE events (
    height INTEGER, position INTEGER, data BLOB, PRIMARY KEY (height, position)
) WITHOUT ROWID;
CREATE TABLE nodes (level INTEGER, position INTEGER, hash BLOB, PRIMARY KEY (level, position)) WITHOUT ROWID;
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID;
"""
_SINCE_2 = "CREATE TABLE writes (height INTEGER PRIMARY KEY, data BLOB);"
"""Write sets, which the first layout did not have."""


class StoreFault(OSError):
    """The disk or its file failed. The node stops before it commits (rule 10)."""


class Cursor(Protocol):
    def fetchone(self) -> Any: ...

    def fetchall(self) -> list[Any]: ...

    def __iter__(self) -> Iterator[Any]: ...


class Connection(Protocol):
    """The few methods of sqlite3.Connection that a store uses."""

    @property
    def in_transaction(self) -> bool: ...

    def execute(self, sql: str, values: Sequence[Any] = ..., /) -> Cursor: ...

    def executemany(self, sql: str, rows: Any, /) -> Any: ...

    def executescript(self, sql: str, /) -> Any: ...

    def close(self) -> None: ...


Connect = Callable[[Path], Connection]


def connect(path: Path) -> Connection:
    """To write, or for a file in memory. The thread that uses it may change."""
    return sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=LOCK_WAIT_S)


def connect_to_read(path: Path) -> Connection:
    """To read beside the writer; the file must be there."""
    where = f"{path.absolute().as_uri()}?mode=ro"
    return sqlite3.connect(
        where, uri=True, isolation_level=None, check_same_thread=False, timeout=LOCK_WAIT_S
    )


class _Faults:
    """Not a generator: entered for each record that is read."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, sqlite3.Error):
            raise StoreFault(f"the ledger's file cannot be used: {error}") from error


_FAULTS = _Faults()


def faults() -> AbstractContextManager[None]:
    """SQLite's own errors are faults of the machine, not of a transaction."""
    return _FAULTS


class Rows:
    """What can be read from a ledger's file over one connection, used by one thread at a time."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    def close(self) -> None:
        with faults():
            self._db.close()

    @contextmanager
    def steady(self) -> Iterator[None]:
        """All reads within see one state of the file; and they are cheaper, since they lock it once."""
        if self._db.in_transaction:
            yield
            return
        with faults():
            self._db.execute("BEGIN")
        try:
            yield
        finally:
            if self._db.in_transaction:
                with faults():
                    self._db.execute("ROLLBACK")

    # Records.

    def get(self, table: str, key: bytes) -> bytes | None:
        with faults():
            row = self._db.execute(
                "SELECT value, crc FROM state WHERE tbl = ? AND key = ?", (table, key)
            ).fetchone()
        return None if row is None else _whole(table, key, row[0], row[1])

    def scan(
        self, table: str, start: bytes, end: bytes, limit: int, reverse: bool
    ) -> list[tuple[bytes, bytes]]:
        order = "DESC" if reverse else "ASC"
        with faults():
            rows = self._db.execute(
                "SELECT key, value, crc FROM state WHERE tbl = ? AND key >= ? AND key < ? "
                f"ORDER BY key {order} LIMIT ?",
                (table, start, end, limit),
            ).fetchall()
        return [(key, _whole(table, key, value, crc)) for key, value, crc in rows]

    def counts(self) -> list[tuple[str, int]]:
        """(table, number of records) of every table that has any."""
        with faults():
            return self._db.execute("SELECT tbl, count(*) FROM state GROUP BY tbl ORDER BY tbl").fetchall()

    def records(self) -> Iterator[tuple[str, bytes, bytes]]:
        """(table, key, value) of every record, in order, each checked against its checksum."""
        with faults():
            rows = self._db.execute("SELECT tbl, key, value, crc FROM state ORDER BY tbl, key")
            for table, key, value, crc in rows:
                yield table, key, _whole(table, key, value, crc)

    # Blocks.

    def block(self, height: int) -> tuple[bytes, bytes] | None:
        """(leaf, signed header) of a height."""
        with faults():
            row = self._db.execute("SELECT leaf, header FROM blocks WHERE height = ?", (height,)).fetchone()
        return None if row is None else (row[0], row[1])

    def block_at(self, height: int) -> tuple[bytes, bytes]:
        """The same where it must be. Raises Damaged."""
        found = self.block(height)
        if found is None:
            raise Damaged(f"block {height} is missing")
        return found

    def height(self) -> int:
        with faults():
            row = self._db.execute("SELECT max(height) FROM blocks").fetchone()
        return row[0] or 0

    def transactions(self, height: int) -> list[tuple[bytes, bytes]]:
        """(wire, outcome) of each transaction of a block, in order."""
        with faults():
            return self._db.execute(
                "SELECT wire, outcome FROM transactions WHERE height = ? ORDER BY position", (height,)
            ).fetchall()

    def events(self, height: int) -> list[bytes]:
        with faults():
            rows = self._db.execute("SELECT data FROM events WHERE height = ? ORDER BY position", (height,))
            return [row[0] for row in rows]

    def events_after(self, height: int, position: int, last: int, limit: int) -> list[tuple[int, int, bytes]]:
        """(height, position, data) of events after a place, up to block `last`, at most `limit`."""
        with faults():
            return self._db.execute(
                "SELECT height, position, data FROM events "
                "WHERE (height, position) > (?, ?) AND height <= ? ORDER BY height, position LIMIT ?",
                (height, position, last, limit),
            ).fetchall()

    def find_transaction(self, identity: bytes) -> tuple[int, int, bytes, bytes, bool, str, str] | None:
        """(height, position, wire, outcome, consumed, zh, en) of the copy that counts.

        That is the one that used up its sequence; where none did, the newest.
        """
        with faults():
            row = self._db.execute(
                "SELECT height, position, wire, outcome, consumed, zh, en FROM transactions WHERE id = ? "
                "ORDER BY consumed DESC, height DESC, position DESC LIMIT 1",
                (identity,),
            ).fetchone()
        return None if row is None else (row[0], row[1], row[2], row[3], bool(row[4]), row[5], row[6])

    def writes(self, height: int) -> bytes | None:
        """The packed write set of a block; None where it is no longer kept."""
        with faults():
            row = self._db.execute("SELECT data FROM writes WHERE height = ?", (height,)).fetchone()
        return None if row is None else row[0]

    def first_writes(self) -> int:
        """The first block whose write set is kept; 0 if none is."""
        with faults():
            row = self._db.execute("SELECT min(height) FROM writes").fetchone()
        return row[0] or 0

    # The log of blocks, and small facts.

    def node(self, level: int, position: int) -> bytes:
        with faults():
            row = self._db.execute(
                "SELECT hash FROM nodes WHERE level = ? AND position = ?", (level, position)
            ).fetchone()
        if row is None:
            raise Damaged(f"node {level}.{position} of the block log is missing")
        found: bytes = row[0]
        return found

    def meta(self, name: str) -> bytes | None:
        with faults():
            row = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if row is None else row[0]


class SqliteStore(Rows):
    """The writing end: records, blocks and the nodes of the block log. `connect` opens the file."""

    def __init__(self, path: Path, connect: Connect = connect) -> None:
        self.path = path
        self.lock = RLock()
        """Held while a commit is under way: a file in memory is read over this same connection."""
        with faults():
            super().__init__(connect(path))
            try:
                self._prepare()
            except BaseException:
                self._db.close()
                raise

    def _prepare(self) -> None:
        for setting in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-65536"):
            self._db.execute(f"PRAGMA {setting}")
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
            self._lay_out(_SCHEMA + _SINCE_2)
        elif self._db.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
            raise StoreFault("this is another program's database")
        elif version == 1:
            self._lay_out(_SINCE_2)
        elif version != SCHEMA_VERSION:
            raise StoreFault(f"another version of Hansa wrote it (layout {version})")

    def _lay_out(self, tables: str) -> None:
        self._db.executescript(
            f"BEGIN IMMEDIATE;{tables}PRAGMA user_version={SCHEMA_VERSION};"
            f"PRAGMA application_id={APPLICATION_ID};COMMIT;"
        )

    @contextmanager
    def commit(self) -> Iterator[None]:
        """All writes within are durable together, or none is."""
        with self.lock, faults():
            if not self._db.in_transaction:  # Else a steady view goes on as the commit.
                self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def write_records(self, changes: Changes) -> None:
        self._db.executemany(
            "INSERT INTO state VALUES (?, ?, ?, ?) "
            "ON CONFLICT DO UPDATE SET value = excluded.value, crc = excluded.crc",
            [
                (table, key, value, checksum(table, key, value))
                for (table, key), value in changes.items()
                if value is not None
            ],
        )
        self._db.executemany(
            "DELETE FROM state WHERE tbl = ? AND key = ?",
            [name for name, value in changes.items() if value is None],
        )

    def drop_records(self) -> None:
        """All of them: others take their place in the same commit."""
        self.write_records({(table, key): None for table, key, _ in list(self.records())})

    def write_block(self, height: int, leaf: bytes, header: bytes) -> None:
        self._db.execute("INSERT INTO blocks VALUES (?, ?, ?)", (height, leaf, header))

    def write_transactions(
        self, height: int, rows: Sequence[tuple[bytes, bytes, bytes, bool, str, str]]
    ) -> None:
        """Rows of (id, wire, outcome, consumed, zh, en), in block order."""
        self._db.executemany(
            "INSERT INTO transactions VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [(height, position, *row) for position, row in enumerate(rows)],
        )

    def write_events(self, height: int, events: Sequence[bytes]) -> None:
        self._db.executemany(
            "INSERT INTO events VALUES (?, ?, ?)",
            [(height, position, data) for position, data in enumerate(events)],
        )

    def write_writes(self, height: int, data: bytes) -> None:
        self._db.execute("INSERT INTO writes VALUES (?, ?)", (height, data))

    def prune(self, table: str, below: int, rows_max: int) -> None:
        """Drop the oldest rows of a height below this one, a few at a time so that no commit is long."""
        key = "height" if table == "writes" else "height, position"
        self._db.execute(
            f"DELETE FROM {table} WHERE ({key}) IN "
            f"(SELECT {key} FROM {table} WHERE height < ? ORDER BY {key} LIMIT ?)",
            (below, rows_max),
        )

    def append_leaf(self, size: int, leaf_hash: bytes) -> bytes:
        """Add a leaf to a log of `size` leaves; returns the new root. O(log size)."""
        return merkle.append(size, leaf_hash, self.node, self._put_node)

    def put_node(self, level: int, position: int, value: bytes) -> None:
        """A node of the log of blocks."""
        self._put_node(level, position, value)

    def _put_node(self, level: int, position: int, value: bytes) -> None:
        self._db.execute("INSERT INTO nodes VALUES (?, ?, ?)", (level, position, value))

    def set_meta(self, name: str, value: bytes) -> None:
        self._db.execute(
            "INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value", (name, value)
        )

    def drop_meta(self, name: str) -> None:
        self._db.execute("DELETE FROM meta WHERE name = ?", (name,))

    def note(self, name: str, value: bytes | None) -> None:
        """Keep or drop (None) a small fact, in a commit of its own."""
        with self.commit():
            if value is None:
                self.drop_meta(name)
            else:
                self.set_meta(name, value)


OpenStore = Callable[[Path, Connect], SqliteStore]
"""Opens a ledger's store; the simulator has one of its own kind."""


def _whole(table: Any, key: Any, value: Any, crc: Any) -> bytes:
    # Damage may also turn bytes into text or number: SQLite keeps the type with each value.
    sound = isinstance(table, str) and isinstance(key, bytes) and isinstance(value, bytes)
    if not sound or checksum(table, key, value) != crc:
        raise Damaged(f"a record of {table} was damaged on disk; restore a backup")
    whole: bytes = value
    return whole
