"""The read model, `read.db`: where events and transactions lie, by type, member, key and code.

Nothing in it is the ledger: it holds places, and may be thrown away at any time. It goes up to `height`; what
it says is of the ledger up to there. Its file is made anew where it is missing, damaged, of another version,
or not of this ledger.
"""

import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from heapq import merge
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from hansa.kernel.transaction import HEAD_BYTES
from hansa.kernel.types import KeyId, MemberId, Natural

FILE = "read.db"
VERSION = 1
APPLICATION_ID = 0x48617264
_SCHEMA = f"""
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {VERSION};
CREATE TABLE about (chain TEXT, height INTEGER, app_hash TEXT);
CREATE TABLE events (
    type TEXT, height INTEGER, position INTEGER, PRIMARY KEY (type, height, position)
) WITHOUT ROWID;
CREATE TABLE named (
    member TEXT, height INTEGER, position INTEGER, type TEXT, PRIMARY KEY (member, height, position)
) WITHOUT ROWID;
CREATE TABLE transactions (
    height INTEGER, position INTEGER, id TEXT, member TEXT, key TEXT, sequence INTEGER, code TEXT,
    actions TEXT, PRIMARY KEY (height, position)
) WITHOUT ROWID;
CREATE INDEX by_member ON transactions (member, height, position);
CREATE INDEX by_key ON transactions (member, key, height, position);
CREATE INDEX by_outcome ON transactions (member, code, height, position);
CREATE INDEX by_code ON transactions (code, height, position);
"""
_WAIT_S = 1
_TEXT = re.compile(rb'"[^"]*":|"([^"]*)"')
"""A text of canonical JSON, or (an empty group) the name of a field; where no text has a backslash."""

Place = tuple[int, int]
"""(height, position)"""


class Row(NamedTuple):
    """A transaction on the ledger. Of one that cannot be read nothing is known but its id and its outcome."""

    height: int
    position: int
    id: str
    member: str
    key: str
    sequence: int
    code: str
    actions: str
    """Their names, separated by commas; "" where there are none."""


class Block(NamedTuple):
    """A block as it lies on disk."""

    height: int
    transactions: Sequence[tuple[bytes, bytes]]
    events: Sequence[bytes]


class _Tag(msgspec.Struct):
    type: str = msgspec.field(name="_type")


class _Body(msgspec.Struct):
    member: MemberId
    key: KeyId
    sequence: Natural
    actions: tuple[_Tag, ...]


class _Outcome(msgspec.Struct):
    transaction: str
    code: str


_tag, _body = msgspec.json.Decoder(_Tag), msgspec.json.Decoder(_Body)
_UNREADABLE = _Body(member="", key="", sequence=0, actions=())
_outcome = msgspec.json.Decoder(_Outcome)


class Projection:
    """Reading may be done by any thread; writing by one. Raises sqlite3.Error where the file is unusable."""

    def __init__(self, path: Path, chain: str) -> None:
        self.path, self.chain = path, chain

    def height(self) -> int:
        """Up to which block it goes; 0 where it holds nothing, or nothing of this chain."""
        return self.standing()[0]

    def standing(self) -> tuple[int, str]:
        """(height, app_hash of that height) of what it holds; (0, "") where it holds nothing usable."""
        if not self.path.is_file():
            return 0, ""
        try:
            with self._reading() as db:
                version = db.execute("PRAGMA user_version").fetchone()[0]
                if version != VERSION or db.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
                    return 0, ""
                row = db.execute("SELECT chain, height, app_hash FROM about").fetchone()
        except sqlite3.Error:
            return 0, ""
        return (int(row[1]), str(row[2])) if row and row[0] == self.chain else (0, "")

    # Writing.

    def begin(self) -> None:
        """An empty one, in place of what is there."""
        self.remove()
        with closing(self._connect()) as db:
            db.execute("PRAGMA journal_mode = WAL")
            db.executescript(f"BEGIN;{_SCHEMA}")
            db.execute("INSERT INTO about VALUES (?, 0, '')", (self.chain,))
            db.execute("COMMIT")

    def remove(self) -> None:
        """Nothing is lost by it."""
        for ending in ("", "-wal", "-shm", "-journal"):
            self.path.with_name(self.path.name + ending).unlink(missing_ok=True)

    def add(self, blocks: Sequence[Block], members: frozenset[bytes], app_hash: str) -> None:
        """Take in the next blocks, in one commit. `members`: who may be named in an event.

        `app_hash`: of the last one. Each table is filled by one statement, within which the interpreter is
        free for other threads.
        """
        events = [
            (block.height, at, _tag.decode(data).type, sorted(_named(data, members)))
            for block in blocks
            for at, data in enumerate(block.events)
        ]
        with closing(self._connect()) as db:
            db.execute("PRAGMA synchronous = NORMAL")  # A lost commit is taken in again.
            db.execute("BEGIN IMMEDIATE")
            _fill(db, "events", 3, [(kind, height, at) for height, at, kind, _ in events])
            named = [(who, height, at, kind) for height, at, kind, whom in events for who in whom]
            _fill(db, "named", 4, named)
            _fill(db, "transactions", 8, [row for block in blocks for row in _rows(block)])
            db.execute("UPDATE about SET height = ?, app_hash = ?", (blocks[-1].height, app_hash))
            db.execute("COMMIT")

    def forget(self, below: int) -> None:
        """Drop what lies in blocks that the ledger no longer keeps."""
        with closing(self._connect()) as db:
            for table in ("events", "named", "transactions"):
                db.execute(f"DELETE FROM {table} WHERE height < ?", (below,))

    # Reading.

    def events(
        self, after: Place, last: int, limit: int, *, room: str = "", kind: str = "", member: str = ""
    ) -> list[Place]:
        """Where the next events lie, up to block `last`, at most `limit`."""
        with self._reading() as db:
            if member:
                rows = db.execute(
                    "SELECT height, position, type FROM named "
                    "WHERE member = ? AND (height, position) > (?, ?) AND height <= ? "
                    "ORDER BY height, position",
                    (member, *after, last),
                )
                found = ((height, at) for height, at, found in rows if _wanted(found, room, kind))
                return list(islice(found, limit))
            kinds = [kind] if kind else self._kinds(db, room)
            pages = [
                db.execute(
                    "SELECT height, position FROM events WHERE type = ? AND (height, position) > (?, ?) "
                    "AND height <= ? ORDER BY height, position LIMIT ?",
                    (each, *after, last, limit),
                )
                for each in kinds
                if _wanted(each, room, kind)
            ]
            return list(islice(merge(*pages), limit))

    @staticmethod
    def _kinds(db: sqlite3.Connection, room: str) -> list[str]:
        """Types of events of a room; found by leaps through the index, not by reading all of it."""
        found: list[str] = []
        at, end = (f"{room}.", f"{room}/") if room else ("", "\U0010ffff")
        next_one = "SELECT min(type) FROM events WHERE type > ? AND type < ?"
        while (kind := db.execute(next_one, (at, end)).fetchone()[0]) is not None:
            at = str(kind)
            found.append(at)
        return found

    def transactions(
        self, before: Place, limit: int, *, member: str = "", key: str = "", code: str = ""
    ) -> list[Row]:
        """The newest transactions before a place, newest first, at most `limit`."""
        given = [(name, value) for name, value in (("member", member), ("key", key), ("code", code)) if value]
        where = " AND ".join(["(height, position) < (?, ?)", *(f"{name} = ?" for name, _ in given)])
        with self._reading() as db:
            rows = db.execute(
                f"SELECT * FROM transactions WHERE {where} ORDER BY height DESC, position DESC LIMIT ?",
                (*before, *(value for _, value in given), limit),
            )
            return [Row(*row) for row in rows]

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, isolation_level=None, timeout=_WAIT_S)

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        where = f"{self.path.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(where, uri=True, isolation_level=None, timeout=_WAIT_S)) as db:
            yield db


def _fill(db: sqlite3.Connection, table: str, columns: int, rows: Sequence[Sequence[Any]]) -> None:
    values = ", ".join(f"json_extract(value, '$[{at}]')" for at in range(columns))
    db.execute(
        f"INSERT INTO {table} SELECT {values} FROM json_each(?)", (msgspec.json.encode(rows).decode(),)
    )


def _rows(block: Block) -> Iterator[Row]:
    for at, (wire, outcome) in enumerate(block.transactions):
        body, became = _read(wire), _outcome.decode(outcome)
        actions = ",".join(action.type for action in body.actions)
        yield Row(
            block.height, at, became.transaction, body.member, body.key, body.sequence, became.code, actions
        )


def _read(wire: bytes) -> _Body:
    """What a transaction says; an operator may also order what cannot be read, and it is refused there."""
    try:
        return _body.decode(wire[HEAD_BYTES:])
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return _UNREADABLE


def _wanted(found: str, room: str, kind: str) -> bool:
    return (not room or found.startswith(f"{room}.")) and kind in ("", found)


def _named(data: bytes, members: frozenset[bytes]) -> set[str]:
    """Members whose id stands anywhere in an event as a text."""
    if b"\\" in data:
        texts: Iterable[bytes] = _texts(msgspec.json.decode(data))
    else:
        texts = _TEXT.findall(data)
    return {text.decode() for text in members.intersection(texts)}


def _texts(value: Any) -> Iterator[bytes]:
    if isinstance(value, str):
        yield value.encode()
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)
