"""The embedded engine's disk: one SQLite file (WAL, synchronous=FULL). All of a block is in one commit."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hansa.kernel import merkle
from hansa.kernel.state import Changes, Damaged, checksum

SCHEMA_VERSION = 1
APPLICATION_ID = 0x48616E73
"""Marks the file as a ledger of Hansa, in SQLite's header."""
LOCK_WAIT_S = 1

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


class StoreFault(OSError):
    """The disk or its file failed. The node stops before it commits (rule 10)."""


@contextmanager
def _faults() -> Iterator[None]:
    """SQLite's own errors are faults of the machine, not of a transaction."""
    try:
        yield
    except sqlite3.Error as error:
        raise StoreFault(f"the ledger's file cannot be used: {error}") from error


class SqliteStore:
    """Records, blocks and the nodes of the block log on disk. One process uses a file at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with _faults():
            self._db = sqlite3.connect(
                path, isolation_level=None, check_same_thread=False, timeout=LOCK_WAIT_S
            )
            try:
                self._prepare()
            except BaseException:
                self._db.close()
                raise

    def _prepare(self) -> None:
        for setting in (
            "locking_mode=EXCLUSIVE",
            "journal_mode=WAL",
            "synchronous=FULL",
            "cache_size=-65536",
        ):
            self._db.execute(f"PRAGMA {setting}")
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
            self._db.executescript(
                f"BEGIN IMMEDIATE;{_SCHEMA}PRAGMA user_version={SCHEMA_VERSION};"
                f"PRAGMA application_id={APPLICATION_ID};COMMIT;"
            )
        elif self._db.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
            raise StoreFault("this is another program's database")
        elif version != SCHEMA_VERSION:
            raise StoreFault(f"another version of Hansa wrote it (layout {version})")

    def close(self) -> None:
        with _faults():
            self._db.close()

    @contextmanager
    def commit(self) -> Iterator[None]:
        """All writes within are durable together, or none is."""
        with _faults():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    # Records.

    def get(self, table: str, key: bytes) -> bytes | None:
        with _faults():
            row = self._db.execute(
                "SELECT value, crc FROM state WHERE tbl = ? AND key = ?", (table, key)
            ).fetchone()
        return None if row is None else _whole(table, key, row[0], row[1])

    def scan(
        self, table: str, start: bytes, end: bytes, limit: int, reverse: bool
    ) -> list[tuple[bytes, bytes]]:
        order = "DESC" if reverse else "ASC"
        with _faults():
            rows = self._db.execute(
                "SELECT key, value, crc FROM state WHERE tbl = ? AND key >= ? AND key < ? "
                f"ORDER BY key {order} LIMIT ?",
                (table, start, end, limit),
            ).fetchall()
        return [(key, _whole(table, key, value, crc)) for key, value, crc in rows]

    def records(self) -> Iterator[tuple[str, bytes, bytes]]:
        """(table, key, value) of every record, each checked against its checksum."""
        with _faults():
            for table, key, value, crc in self._db.execute("SELECT tbl, key, value, crc FROM state"):
                yield table, key, _whole(table, key, value, crc)

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

    # Blocks.

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

    def block(self, height: int) -> tuple[bytes, bytes] | None:
        """(leaf, signed header) of a height."""
        with _faults():
            row = self._db.execute("SELECT leaf, header FROM blocks WHERE height = ?", (height,)).fetchone()
        return None if row is None else (row[0], row[1])

    def height(self) -> int:
        with _faults():
            row = self._db.execute("SELECT max(height) FROM blocks").fetchone()
        return row[0] or 0

    def transactions(self, height: int) -> list[tuple[bytes, bytes]]:
        """(wire, outcome) of each transaction of a block, in order."""
        with _faults():
            return self._db.execute(
                "SELECT wire, outcome FROM transactions WHERE height = ? ORDER BY position", (height,)
            ).fetchall()

    def events(self, height: int) -> list[bytes]:
        with _faults():
            rows = self._db.execute("SELECT data FROM events WHERE height = ? ORDER BY position", (height,))
            return [row[0] for row in rows]

    def events_after(self, height: int, position: int, limit: int) -> list[tuple[int, int, bytes]]:
        with _faults():
            return self._db.execute(
                "SELECT height, position, data FROM events WHERE (height, position) > (?, ?) "
                "ORDER BY height, position LIMIT ?",
                (height, position, limit),
            ).fetchall()

    def find_transaction(self, identity: bytes) -> tuple[int, int, bytes, bytes, bool, str, str] | None:
        """(height, position, wire, outcome, consumed, zh, en) of the copy that counts.

        That is the one that used up its sequence; where none did, the newest.
        """
        with _faults():
            row = self._db.execute(
                "SELECT height, position, wire, outcome, consumed, zh, en FROM transactions WHERE id = ? "
                "ORDER BY consumed DESC, height DESC, position DESC LIMIT 1",
                (identity,),
            ).fetchone()
        return None if row is None else (row[0], row[1], row[2], row[3], bool(row[4]), row[5], row[6])

    # The log of blocks.

    def node(self, level: int, position: int) -> bytes:
        with _faults():
            row = self._db.execute(
                "SELECT hash FROM nodes WHERE level = ? AND position = ?", (level, position)
            ).fetchone()
        if row is None:
            raise Damaged(f"node {level}.{position} of the block log is missing")
        found: bytes = row[0]
        return found

    def append_leaf(self, size: int, leaf_hash: bytes) -> bytes:
        """Add a leaf to a log of `size` leaves; returns the new root. O(log size)."""
        return merkle.append(size, leaf_hash, self.node, self._put_node)

    def _put_node(self, level: int, position: int, value: bytes) -> None:
        self._db.execute("INSERT INTO nodes VALUES (?, ?, ?)", (level, position, value))

    # Small facts.

    def meta(self, name: str) -> bytes | None:
        with _faults():
            row = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if row is None else row[0]

    def set_meta(self, name: str, value: bytes) -> None:
        self._db.execute(
            "INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value", (name, value)
        )

    def drop_meta(self, name: str) -> None:
        self._db.execute("DELETE FROM meta WHERE name = ?", (name,))


def _whole(table: Any, key: Any, value: Any, crc: Any) -> bytes:
    # Damage may also turn bytes into text or number: SQLite keeps the type with each value.
    sound = isinstance(table, str) and isinstance(key, bytes) and isinstance(value, bytes)
    if not sound or checksum(table, key, value) != crc:
        raise Damaged(f"a record of {table} was damaged on disk; restore a backup")
    whole: bytes = value
    return whole
