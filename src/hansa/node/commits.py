"""Why the heads of a network count: commits of the engine, checked, in a file of the node's own.

The newest are kept, and for ever those under which the validator set changed; so the engine may prune its
store, and proofs lose nothing. The file may be lost: what the engine and other members keep fills it again.
"""

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from threading import Lock
from typing import Any

from hansa.apps.consortium.handovers import Handover
from hansa.client.engine_answers import EngineAnswerUnusable, commit_of, seats_of
from hansa.engines.reader import Reader
from hansa.engines.reading import Reading
from hansa.kernel import encode, merkle, replace
from hansa.kernel.canonical import decode
from hansa.kernel.commit import (
    COMMIT,
    FOR_BLOCK,
    Commit,
    Seat,
    counted,
    merged,
    validators_hash,
    without_false_votes,
)
from hansa.kernel.evidence import Cosignature, Proof, SignedHeader, Tip, inclusion
from hansa.kernel.facts import read_facts
from hansa.node import limits
from hansa.node.engine_rpc import EngineRpc
from hansa.node.errors import NotHere
from hansa.node.errors_engine import EngineAway, EngineSaid
from hansa.node.logs import Sparse, note

FILE = "commits.db"
CHANGED_TAG = b'{"_type":"consortium.validators_changed"'
BACK_MAX = 8
"""Heights below the newest in which the one that a commit proves is looked for."""
SCANNED_AT_ONCE = 200
PAGE = 100
"""Validators in one answer of the engine, at most."""
SETS_MAX = 64
SEEN_MAX = 32

_SCHEMA = """
CREATE TABLE IF NOT EXISTS heads (height INTEGER PRIMARY KEY, engine INTEGER, data BLOB);
CREATE TABLE IF NOT EXISTS handovers (height INTEGER PRIMARY KEY, data BLOB);
CREATE TABLE IF NOT EXISTS wanted (height INTEGER PRIMARY KEY, engine INTEGER);
CREATE TABLE IF NOT EXISTS scanned (height INTEGER);
CREATE TABLE IF NOT EXISTS lacking (height INTEGER);
CREATE TABLE IF NOT EXISTS differs (engine INTEGER PRIMARY KEY, own TEXT, theirs TEXT);
"""


class Commits:
    """A node's `cosigned`. The loop calls `follow`; all else any thread. `path` may be `:memory:`."""

    def __init__(self, path: Path, reader: Reader, rpc: EngineRpc) -> None:
        self._reader, self._rpc, self._lock = reader, rpc, Lock()
        self._db = _opened(path)
        self._sets: dict[str, tuple[Seat, ...]] = {}
        """Validator sets by their hash."""
        self._newest: SignedHeader | None = self._load(
            "SELECT data FROM heads ORDER BY height DESC LIMIT 1", SignedHeader
        )
        self.engine_height = 0
        """Of the newest commit that was fetched."""
        self._seen: dict[int, Commit] = {}
        """The newest commits, by engine height, with the votes that this node saw itself."""
        self.seen: dict[str, int] = {}
        """By address of the present set: engine height of the last commit that it signed."""
        self._unfit = Sparse(1)

    def close(self) -> None:
        with self._lock:
            self._db.close()

    # Cosigned.

    @property
    def final_height(self) -> int:
        return 0 if self._newest is None else self._newest.header.height

    def take(self, height: int, app_hash: str, cosignature: Cosignature) -> None:
        """Nobody co-signs here. Raises NotHere."""
        raise NotHere(role="network", other="-")

    def dressed(self, signed: SignedHeader) -> SignedHeader:
        """A header of this ledger with its commit, where one is kept."""
        row = "SELECT data FROM heads WHERE height = ?"
        found = self._load(row, SignedHeader, signed.header.height)
        kept: SignedHeader = signed if found is None or found.header != signed.header else found
        return kept

    def final(self) -> SignedHeader | None:
        """The newest header with a commit."""
        return self._newest

    def handovers(self) -> tuple[Handover, ...]:
        """Each change of the validator set since genesis, oldest first."""
        with self._lock:
            rows = self._db.execute("SELECT data FROM handovers ORDER BY height").fetchall()
        return tuple(decode(row[0], Handover) for row in rows)

    @property
    def lacking(self) -> int:
        """Up to this height changes are not known here, since the node began with a snapshot; 0: all are."""
        with self._lock:
            return self._db.execute("SELECT max(height) FROM lacking").fetchone()[0] or 0

    def adopt(self, handovers: Sequence[Handover]) -> None:
        """Keep changes that others showed, once they were checked from genesis on: all up to `lacking`."""
        with self._lock:
            for each in handovers:
                row = (each.head.header.height, encode(each))
                self._db.execute("INSERT OR IGNORE INTO handovers VALUES (?, ?)", row)
                self._db.execute("DELETE FROM wanted WHERE height = ?", row[:1])
            self._db.execute("DELETE FROM lacking")

    def _lack(self, height: int) -> None:
        if height > self.lacking:
            with self._lock:
                self._db.execute("INSERT INTO lacking VALUES (?)", (height,))

    # That this node came to another state: for the next start, too.

    def note_differs(self, engine_height: int, own: str, theirs: str) -> None:
        """A block shows another hash for what is durable here."""
        with self._lock:
            self._db.execute("INSERT OR REPLACE INTO differs VALUES (?, ?, ?)", (engine_height, own, theirs))

    def differs(self, engine_height: int, own: str) -> str:
        """The other hash that was noted of this very state; "" where none was."""
        with self._lock:
            sql = "SELECT theirs FROM differs WHERE engine = ? AND own = ?"
            row = self._db.execute(sql, (engine_height, own)).fetchone()
        return "" if row is None else str(row[0])

    # The engine's answers.

    async def follow(self, engine_height: int) -> bool:
        """Take in the commit of this engine height, and what is wanted of earlier ones.

        False where the engine was away or had no answer: to be asked again.
        """
        try:
            while await asyncio.to_thread(self._scan):
                pass
            for height, engine in self._wanted():
                if engine <= engine_height:
                    await self._try_change(height, engine)
            await self._newest_head(engine_height)
        except (EngineAway, EngineSaid, EngineAnswerUnusable) as refusal:
            self._unfit.note("no commit", 30, code=refusal.code, cause=refusal.en)
            return False
        return True

    async def _try_change(self, height: int, engine: int) -> None:
        """What the engine has no commit of any more, others may have."""
        try:
            await self._hand_over(height, engine)
        except (EngineSaid, EngineAnswerUnusable) as refusal:
            self._unfit.note("no commit of a change", 30, height=height, cause=refusal.en)
            self._lack(height)

    async def _newest_head(self, engine_height: int) -> None:
        commit = await self._commit(engine_height)
        seats = await self._seats(commit)
        await self._note_signers(commit, seats)
        self.engine_height = engine_height
        self._seen[engine_height] = commit
        if len(self._seen) > SEEN_MAX:
            del self._seen[next(iter(self._seen))]
        if counted(commit, seats, self._reader.chain.id).faults:
            commit = without_false_votes(commit, seats)
            if not self._holds(commit, seats):
                return
        with self._reader.snapshot() as reading:
            height = height_of(reading, commit.header.app_hash)
            if height:
                self._keep(_head(reading, height, commit))

    async def _hand_over(self, height: int, engine: int) -> None:
        """Height whose block changes the set, under the commit of the very next engine height."""
        commit = await self._commit(engine)
        seats = await self._seats(commit)
        # The next proposer chose whose votes to keep; what this node saw itself may be more.
        commit = merged(commit, self._seen.get(engine, commit), seats)
        if commit.header.validators_hash == commit.header.next_validators_hash:
            self._drop_wanted(height)  # What changed it, and what changed it back, stand in one block.
            return
        with self._reader.snapshot() as reading:
            head = _head(reading, height, commit)
            if not self._holds(commit, seats) or head.header.app_hash != commit.header.app_hash:
                self._lack(height)  # Others may have seen more of its votes.
                return
            made = Handover(event=change_at(reading, height), head=head)
        with self._lock:
            self._db.execute("INSERT OR REPLACE INTO handovers VALUES (?, ?)", (height, encode(made)))
        self._drop_wanted(height)

    def _holds(self, commit: Commit, seats: Sequence[Seat]) -> bool:
        count = counted(commit, seats, self._reader.chain.id)
        if not count.holds:
            faults = ", ".join(fault.kind for fault in count.faults)
            self._unfit.note("commit unfit", 40, engine_height=commit.header.height, faults=faults)
        return count.holds

    async def _commit(self, engine_height: int) -> Commit:
        return commit_of(await self._rpc.ask("commit", height=str(engine_height)))

    async def _seats(self, commit: Commit) -> tuple[Seat, ...]:
        """The set of a header: known, or asked for and compared with its hash."""
        wanted = commit.header.validators_hash
        known = self._sets.get(wanted)
        if known is not None:
            return known
        found: list[Seat] = []
        total = 1
        while len(found) < total:
            page = str(len(found) // PAGE + 1)
            said = await self._rpc.ask(
                "validators", height=str(commit.header.height), page=page, per_page=str(PAGE)
            )
            more, total = seats_of(said)
            found += more
        if validators_hash(found) != wanted:
            raise EngineAnswerUnusable(detail="the validators are not those of the header")
        if len(self._sets) >= SETS_MAX:
            del self._sets[next(iter(self._sets))]
        self._sets[wanted] = tuple(found)
        return self._sets[wanted]

    async def _note_signers(self, commit: Commit, seats: Sequence[Seat]) -> None:
        """Who signed the block (a vote for none is no signature): a vote that was late for the newest commit
        stands in the one of the height before.
        """
        height = commit.header.height
        present = {seat.address for seat in seats}
        self.seen = {address: self.seen.get(address, height - 1) for address in present}
        signers = {vote.address for vote in commit.votes if vote.flag == FOR_BLOCK}
        for address in present & signers:
            self.seen[address] = height
        if present - signers and height > 1:
            before = await self._commit(height - 1)
            for vote in before.votes:
                if vote.flag == FOR_BLOCK and vote.address in self.seen:
                    self.seen[vote.address] = max(self.seen[vote.address], height - 1)

    # The file.

    def _keep(self, head: SignedHeader) -> None:
        height = head.header.height
        assert head.commit is not None
        with self._lock:
            row = (height, head.commit.header.height, encode(head))
            self._db.execute("INSERT OR REPLACE INTO heads VALUES (?, ?, ?)", row)
            self._db.execute("DELETE FROM heads WHERE height <= ?", (height - limits.COMMITS_KEPT,))
        if height >= self.final_height:
            self._newest = head

    def _scan(self) -> bool:
        """Look for changes of the set in blocks not looked at yet; whether there are more."""
        with self._lock, self._reader.snapshot() as reading:
            row = self._db.execute("SELECT max(height) FROM scanned").fetchone()
            first = (row[0] or 0) + 1
            last = min(reading.height, first + SCANNED_AT_ONCE - 1)
            if first > last:
                return False
            self._db.execute("BEGIN")
            if first < (kept_from := reading.blocks_from()):
                # Their events are not kept here.
                self._db.execute("INSERT INTO lacking VALUES (?)", (kept_from - 1,))
                first, last = kept_from, max(last, kept_from - 1)
            for height in range(first, last + 1):
                if any(event.startswith(CHANGED_TAG) for event in reading.rows.events(height)):
                    facts = read_facts(reading.leaf(height).engine)
                    assert facts is not None
                    self._db.execute(
                        "INSERT OR REPLACE INTO wanted VALUES (?, ?)", (height, facts.height + 1)
                    )
            self._db.execute("DELETE FROM scanned")
            self._db.execute("INSERT INTO scanned VALUES (?)", (last,))
            self._db.execute("COMMIT")
            return last < reading.height

    def _wanted(self) -> list[tuple[int, int]]:
        with self._lock:
            return self._db.execute("SELECT height, engine FROM wanted ORDER BY height").fetchall()

    def _drop_wanted(self, height: int) -> None:
        with self._lock:
            self._db.execute("DELETE FROM wanted WHERE height = ?", (height,))

    def _load(self, sql: str, kind: Any, *values: Any) -> Any:
        with self._lock:
            row = self._db.execute(sql, values).fetchone()
        return None if row is None else decode(row[0], kind)


def _opened(path: Path) -> sqlite3.Connection:
    """The file, made where it is missing. A damaged one is set aside: what it held is fetched again."""
    try:
        return _connected(path)
    except sqlite3.OperationalError:
        raise  # No rights, no room, held by another: the file may be sound.
    except sqlite3.DatabaseError as error:
        for ending in ("", "-wal", "-shm"):
            part = path.with_name(path.name + ending)
            if part.exists():
                part.replace(path.with_name(f"{path.name}.damaged{ending}"))
        note("commits set aside", 40, path=str(path), cause=str(error))
        return _connected(path)


def _connected(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=NORMAL")
        db.executescript(_SCHEMA)
        if (found := db.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
            raise sqlite3.DatabaseError(found)
    except BaseException:
        db.close()
        raise
    return db


def height_of(reading: Reading, app_hash: str) -> int:
    """The newest height whose root this is; 0: none of the last few."""
    for height in range(reading.height, max(0, reading.height - BACK_MAX), -1):
        if reading.header(height).header.app_hash == app_hash:
            return height
    return 0


def _head(reading: Reading, height: int, commit: Commit) -> SignedHeader:
    path = merkle.inclusion_path(height - 1, height, reading.rows.node)
    tip = Tip(block=reading.leaf(height), within_log=inclusion(height - 1, height, path))
    return replace(reading.header(height), suite=COMMIT, signature=b"", commit=commit, tip=tip)


def change_at(reading: Reading, height: int) -> Proof:
    """The event of a change, proved under the header of its own height. The last one of a block counts."""
    indexes = [n for n, item in enumerate(reading.items("event", height)) if item.startswith(CHANGED_TAG)]
    return reading.prove("event", height, indexes[-1], height)


def kept_changes(path: Path) -> tuple[Handover, ...]:
    """Changes of the validator set that a node's file has; the node may run meanwhile. None without it."""
    if not path.is_file():
        return ()
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
        rows = db.execute("SELECT data FROM handovers ORDER BY height").fetchall()
    return tuple(decode(row[0], Handover) for row in rows)


def kept_head(path: Path, height: int) -> SignedHeader | None:
    """The newest head with a commit, up to a height, that a node's file has."""
    if not path.is_file():
        return None
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
        sql = "SELECT data FROM heads WHERE height <= ? ORDER BY height DESC LIMIT 1"
        row = db.execute(sql, (height,)).fetchone()
    return None if row is None else decode(row[0], SignedHeader)
