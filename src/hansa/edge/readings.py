"""The owner's own store of readings: what was read, batched, salted, and provable one by one.

Nothing in it leaves the owner but by the owner's act. A reading's leaf is `salt ‖ canonical bytes`; the salt
is HMAC-SHA-256(secret of the batch, index), shown only with that reading (protocol, rule 18).
"""

import hmac
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from hansa.apps.metering.readings import SALT_BYTES, ProvedReading, StoredReading
from hansa.kernel import merkle
from hansa.kernel.canonical import decode, encode

_SCHEMA = """
CREATE TABLE IF NOT EXISTS batches (id TEXT PRIMARY KEY, secret BLOB, root BLOB, count INTEGER);
CREATE TABLE IF NOT EXISTS readings (batch TEXT, position INTEGER, data BLOB, PRIMARY KEY (batch, position))
WITHOUT ROWID;
"""


def salt_of(secret: bytes, index: int) -> bytes:
    return hmac.digest(secret, index.to_bytes(8, "big"), "sha256")[:SALT_BYTES]


class ReadingStore:
    """A file of readings. Use from one thread."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        self._db.close()

    def add(self, batch: str, secret: bytes, readings: Iterable[StoredReading]) -> tuple[bytes, int]:
        """Store a batch durably; returns its Merkle root and count. The same batch again is refused by
        SQLite.
        """
        data = [encode(reading) for reading in readings]
        root = merkle.root(_leaves(secret, data))
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._db.execute("INSERT INTO batches VALUES (?, ?, ?, ?)", (batch, secret, root, len(data)))
            self._db.executemany(
                "INSERT INTO readings VALUES (?, ?, ?)",
                ((batch, position, item) for position, item in enumerate(data)),
            )
            self._db.execute("COMMIT")
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        return root, len(data)

    def root(self, batch: str) -> bytes:
        """The Merkle root of a batch that lies here; b"" if none does."""
        found = self._db.execute("SELECT root FROM batches WHERE id = ?", (batch,)).fetchone()
        return found[0] if found else b""

    def readings(self) -> Iterator[tuple[str, StoredReading]]:
        """(batch, reading) of all that lies here."""
        for batch, data in self._db.execute("SELECT batch, data FROM readings"):
            yield batch, decode(data, StoredReading)

    def batches(self) -> Iterator[tuple[str, bytes, bytes, list[bytes]]]:
        """(id, secret, root, readings) of each batch: all that its owner has, for an export of its own."""
        found = self._db.execute("SELECT id, secret, root FROM batches ORDER BY id").fetchall()
        for batch, secret, root in found:
            rows = self._db.execute("SELECT data FROM readings WHERE batch = ? ORDER BY position", (batch,))
            yield batch, secret, root, [row[0] for row in rows]

    def prove(self, batch: str, indices: Sequence[int]) -> list[ProvedReading]:
        """Readings of a batch with salts and paths. Raises KeyError for a batch that is not held here."""
        found = self._db.execute("SELECT secret FROM batches WHERE id = ?", (batch,)).fetchone()
        if found is None:
            raise KeyError(batch)
        secret: bytes = found[0]
        rows = self._db.execute("SELECT data FROM readings WHERE batch = ? ORDER BY position", (batch,))
        data = [row[0] for row in rows]
        tree = merkle.levels(_leaves(secret, data))
        return [
            ProvedReading(
                anchor=batch,
                index=index,
                data=data[index],
                salt=salt_of(secret, index),
                path=tuple(
                    step.hex() for step in merkle.inclusion_path(index, len(data), lambda k, i: tree[k][i])
                ),
            )
            for index in indices
        ]


def _leaves(secret: bytes, data: Sequence[bytes]) -> list[bytes]:
    digest, leaf_hash = hmac.digest, merkle.leaf_hash
    return [
        leaf_hash(digest(secret, index.to_bytes(8, "big"), "sha256")[:SALT_BYTES] + item)
        for index, item in enumerate(data)
    ]
