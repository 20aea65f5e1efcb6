"""The outbox's file: SQLite, each step one durable commit, one process at a time."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec

from hansa.client import outbox_errors as errors
from hansa.kernel.messages import Receipt
from hansa.kernel.refusal import shown

State = Literal["queued", "signed", "done", "refused", "dropped"]
FORMAT = "hansa-outbox-1"
ENDS = "('done', 'refused', 'dropped')"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS entries (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  draft BLOB NOT NULL,
  made_ms INTEGER NOT NULL,
  state TEXT NOT NULL,
  key TEXT NOT NULL DEFAULT '',
  wire BLOB NOT NULL DEFAULT x'',
  tx TEXT NOT NULL DEFAULT '',
  sequence INTEGER NOT NULL DEFAULT 0,
  valid_until_ms INTEGER NOT NULL DEFAULT 0,
  sent INTEGER NOT NULL DEFAULT 0,
  signings INTEGER NOT NULL DEFAULT 0,
  receipt BLOB NOT NULL DEFAULT x''
);
CREATE INDEX IF NOT EXISTS entries_by_state ON entries (state, number);
CREATE TABLE IF NOT EXISTS sequences (key TEXT PRIMARY KEY, last INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS acknowledgements (
  number INTEGER PRIMARY KEY AUTOINCREMENT, word BLOB NOT NULL, handed INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS aside (number INTEGER PRIMARY KEY, reason TEXT NOT NULL);
"""
_COLUMNS = "number, draft, made_ms, state, key, wire, tx, sequence, valid_until_ms, sent, signings, receipt"


@dataclass(frozen=True)
class Entry:
    """One transaction on its way. Fields of the signature are empty while it is queued."""

    number: int
    draft: bytes
    """Canonical body with the actions; key, sequence and validity in it do not count."""
    made_ms: int
    state: State
    key: str
    wire: bytes
    transaction: str
    """Identity of what was signed last."""
    sequence: int
    valid_until_ms: int
    sent: bool
    """Whether these bytes may have left this machine."""
    signings: int
    """How often it was signed: more than once where earlier bytes expired."""
    receipt: Receipt | None

    @property
    def actions(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = msgspec.json.decode(self.draft)["actions"]
        return found

    def as_dict(self) -> dict[str, Any]:
        """For JSON: what people and programs outside ask."""
        return {
            "number": self.number,
            "state": self.state,
            "made_ms": self.made_ms,
            "actions": self.actions,
            "key": self.key,
            "transaction": self.transaction,
            "sequence": self.sequence,
            "valid_until_ms": self.valid_until_ms,
            "sent": self.sent,
            "signings": self.signings,
            "wire": self.wire,
            "receipt": None if self.receipt is None else msgspec.structs.asdict(self.receipt),
        }


class OutboxFile:
    """The rows. Every method that writes is durable when it returns. Raises InUse, Unusable, OtherOwner."""

    def __init__(self, path: Path, chain: str, member: str, wait_s: float) -> None:
        self._path = path
        with self._faults():
            if not path.exists():
                os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
            self._db = sqlite3.connect(path, timeout=wait_s, isolation_level=None)
        try:
            with self._faults():
                self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
                self._db.execute("PRAGMA journal_mode = DELETE")
                self._db.execute("PRAGMA synchronous = EXTRA")
                self._db.execute("BEGIN EXCLUSIVE")  # Held until the file is closed, or its process ends.
                self._db.execute("COMMIT")
                self._db.executescript(_SCHEMA)
            self._check_owner(chain, member)
        except BaseException:
            self._db.close()
            raise

    def _check_owner(self, chain: str, member: str) -> None:
        wanted = {"format": FORMAT, "chain": chain, "member": member}
        found = dict(self._rows("SELECT name, value FROM about"))
        if not found:
            with self._commit():
                self._db.executemany("INSERT INTO about VALUES (?, ?)", list(wanted.items()))
        elif found.get("format") != FORMAT:
            raise errors.Unusable(path=str(self._path), cause=f"format {found.get('format')}")
        elif found != wanted:
            raise errors.OtherOwner(
                path=str(self._path), member=str(found["member"]), chain=str(found["chain"])[:12]
            )

    def close(self) -> None:
        self._db.close()

    # Writing.

    def add(self, draft: bytes, now_ms: int) -> int:
        with self._commit():
            done = self._db.execute(
                "INSERT INTO entries (draft, made_ms, state) VALUES (?, ?, 'queued')", (draft, now_ms)
            )
        assert done.lastrowid is not None
        return done.lastrowid

    def keep_signed(self, key: str, signed: Sequence[tuple[int, bytes, str, int, int]]) -> None:
        """(number, wire, identity, sequence, valid_until_ms) of each; the key's last number with them."""
        with self._commit():
            self._db.executemany(
                "UPDATE entries SET state = 'signed', key = ?, wire = ?, tx = ?, sequence = ?, "
                "valid_until_ms = ?, sent = 0, signings = signings + 1, receipt = x'' "
                "WHERE number = ? AND state = 'queued'",
                [(key, wire, name, seq, until_ms, number) for number, wire, name, seq, until_ms in signed],
            )
            for _, _, _, sequence, _ in signed[-1:]:
                self._db.execute("INSERT OR REPLACE INTO sequences VALUES (?, ?)", (key, sequence))

    def mark_sent(self, numbers: Sequence[int]) -> None:
        with self._commit():
            self._db.executemany(
                "UPDATE entries SET sent = 1 WHERE number = ?", [(number,) for number in numbers]
            )

    def decide(self, decided: Sequence[tuple[int, State, bytes]]) -> None:
        """(number, state, receipt) of entries that were signed."""
        with self._commit():
            self._db.executemany(
                "UPDATE entries SET state = ?, receipt = ? WHERE number = ? AND state = 'signed'",
                [(state, receipt, number) for number, state, receipt in decided],
            )

    def set_state(self, number: int, state: State) -> None:
        with self._commit():
            self._db.execute("UPDATE entries SET state = ? WHERE number = ?", (state, number))

    def keep_acknowledgements(self, words: Sequence[bytes]) -> None:
        if words:
            with self._commit():
                self._db.executemany(
                    "INSERT INTO acknowledgements (word) VALUES (?)", [(word,) for word in words]
                )

    def mark_handed(self, number: int) -> None:
        with self._commit():
            self._db.execute("UPDATE acknowledgements SET handed = 1 WHERE number = ?", (number,))

    def put_aside(self, number: int, reason: str) -> None:
        """An acknowledgement that is not handed over again."""
        with self._commit():
            self._db.execute("UPDATE acknowledgements SET handed = 1 WHERE number = ?", (number,))
            self._db.execute("INSERT OR REPLACE INTO aside VALUES (?, ?)", (number, reason))

    def archive(self, path: Path, lines: Sequence[bytes]) -> None:
        """Append lines to another file, which only its user reads; on disk when this returns."""
        with (
            self._faults(),
            os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as file,
        ):
            file.write(b"".join(line + b"\n" for line in lines))
            file.flush()
            os.fsync(file.fileno())

    def remove(self, numbers: Sequence[int], acknowledgements: Sequence[int]) -> None:
        """Entries that have their end, and acknowledgements, all or none."""
        with self._commit():
            self._db.executemany(
                f"DELETE FROM entries WHERE number = ? AND state IN {ENDS}",
                [(number,) for number in numbers],
            )
            for table in ("acknowledgements", "aside"):
                self._db.executemany(
                    f"DELETE FROM {table} WHERE number = ?", [(number,) for number in acknowledgements]
                )

    # Reading.

    def entries(self, states: Sequence[State], limit: int = -1) -> list[Entry]:
        marks = ", ".join("?" * len(states))
        where = f"WHERE state IN ({marks})" if states else ""
        return [
            _entry(row)
            for row in self._rows(
                f"SELECT {_COLUMNS} FROM entries {where} ORDER BY number LIMIT ?", *states, limit
            )
        ]

    def ended(self, before_ms: int) -> list[Entry]:
        """What was put in before then and has its end."""
        ends = f"state IN {ENDS} AND made_ms < ?"
        return [
            _entry(row)
            for row in self._rows(f"SELECT {_COLUMNS} FROM entries WHERE {ends} ORDER BY number", before_ms)
        ]

    def entry(self, number: int) -> Entry | None:
        rows = self._rows(f"SELECT {_COLUMNS} FROM entries WHERE number = ?", number)
        return _entry(rows[0]) if rows else None

    def counts(self) -> dict[str, int]:
        found = dict(self._rows("SELECT state, count(*) FROM entries GROUP BY state"))
        return {state: found.get(state, 0) for state in ("queued", "signed", "done", "refused", "dropped")}

    def in_flight(self, key: str) -> int:
        rows = self._rows("SELECT count(*) FROM entries WHERE state = 'signed' AND key = ?", key)
        count: int = rows[0][0]
        return count

    def last_signed(self, key: str, at_most: int) -> int:
        """The largest number up to a bound that counted or may count; 0 where there is none."""
        rows = self._rows(
            "SELECT max(sequence) FROM entries WHERE key = ? AND sequence <= ? AND state IN "
            "('signed', 'done', 'refused')",
            key,
            at_most,
        )
        return rows[0][0] or 0

    def last_sequence(self, key: str) -> int:
        rows = self._rows("SELECT last FROM sequences WHERE key = ?", key)
        return int(rows[0][0]) if rows else 0

    def acknowledgements(self, unhanded: bool) -> list[tuple[int, bytes]]:
        where = "WHERE handed = 0" if unhanded else ""
        return self._rows(f"SELECT number, word FROM acknowledgements {where} ORDER BY number")

    def aside(self) -> dict[int, str]:
        return dict(self._rows("SELECT number, reason FROM aside ORDER BY number"))

    def _rows(self, sql: str, *values: Any) -> list[Any]:
        with self._faults():
            return self._db.execute(sql, values).fetchall()

    @contextlib.contextmanager
    def _commit(self) -> Iterator[None]:
        with self._faults():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    @contextlib.contextmanager
    def _faults(self) -> Iterator[None]:
        """Faults of the file by name."""
        try:
            yield
        except (sqlite3.Error, OSError) as fault:
            locked = isinstance(fault, sqlite3.OperationalError) and "locked" in str(fault)
            if locked:
                raise errors.InUse(path=str(self._path)) from fault
            raise errors.Unusable(path=str(self._path), cause=shown(str(fault))) from fault


def _entry(row: Any) -> Entry:
    number, draft, made_ms, state, key, wire, name, sequence, valid_until_ms, sent, signings, receipt = row
    return Entry(
        number=number,
        draft=draft,
        made_ms=made_ms,
        state=state,
        key=key,
        wire=wire,
        transaction=name,
        sequence=sequence,
        valid_until_ms=valid_until_ms,
        sent=bool(sent),
        signings=signings,
        receipt=msgspec.json.decode(receipt, type=Receipt) if receipt else None,
    )
