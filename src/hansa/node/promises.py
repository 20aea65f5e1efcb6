"""Acknowledgements that clients hand their follower: it looks for each transaction in its own copy (rule 27).

An acknowledgement says, under the operator's key, where a transaction rests and under which root. Once the
copy has that height, the transaction lies there, or the operator has broken its word and the file proves it.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from threading import Lock
from typing import Literal, NamedTuple

from hansa.apps.consortium.handovers import InForce
from hansa.client import errors as client_errors
from hansa.client.case import Case
from hansa.client.texts import Text
from hansa.engines.errors import Pruned
from hansa.engines.reader import Reader
from hansa.engines.reading import Reading
from hansa.kernel import encode
from hansa.kernel.canonical import decode
from hansa.kernel.evidence import (
    Promise,
    Proof,
    SignedAcknowledgement,
    SignedHeader,
    holds,
    promised_by,
    signed_by,
)
from hansa.kernel.messages import Outcome
from hansa.kernel.refusal import Refusal
from hansa.kernel.state import Damaged
from hansa.kernel.transaction import identity
from hansa.node import errors_follower as errors
from hansa.node.casebook import Casebook
from hansa.node.cosigning import in_force, sets_of
from hansa.node.investigation import own_disk
from hansa.node.logs import note

FILE = "promises.db"
PROMISES_MAX = 200_000
"""Promises that wait to be looked for."""
PER_ACKNOWLEDGEMENT_MAX = 5_000
WITHHELD_MAX_MS = 30_000
UNSHOWN_MAX = 1_000
"""Promised heights, the lowest, that are watched for."""

ASKED_AT_ONCE_MAX = 50
ASKED_AGAIN_MS = 600_000
AWAY = (client_errors.Unreachable, client_errors.TimedOut, client_errors.Busy)

Prove = Callable[[str, int, int, int], Proof]
"""(kind, height, index, height of the header) → a proof of the operator's. Raises a Refusal."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS words (id INTEGER PRIMARY KEY, word BLOB);
CREATE TABLE IF NOT EXISTS promised (
    word INTEGER, position INTEGER, height INTEGER, ask_ms INTEGER, PRIMARY KEY (word, position)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_height ON promised (ask_ms, height);
"""
"""`ask_ms`: 0 while the copy is not there; then, where it keeps no such block, when to ask the operator."""


class Broken(NamedTuple):
    """What lies where a promise said something else."""

    text: Text
    instead: Proof | None = None


class Held(NamedTuple):
    """A promise on file, and the word that it stands in."""

    word: int
    position: int
    signed: SignedAcknowledgement

    @property
    def promise(self) -> Promise:
        return self.signed.acknowledgement.items[self.position]


class Promises:
    """May be used by several threads. `path`: a file of its own beside the ledger, or `:memory:`."""

    def __init__(self, path: Path, reader: Reader, casebook: Casebook) -> None:
        self._reader, self._casebook, self._lock = reader, casebook, Lock()
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.executescript(_SCHEMA)
        counted = "SELECT count(*) FROM promised WHERE ask_ms "
        self.waiting: int = self._db.execute(counted + "= 0").fetchone()[0]
        self.unlooked: int = self._db.execute(counted + "> 0").fetchone()[0]
        """Promises in blocks that are not kept here, and of which no proof has come yet."""
        self._lowest = self._next()
        self._by: dict[int, bytes] = {}
        """Words and the key that is known to have signed them."""
        self._unshown: dict[int, int] = {}
        """Promised heights that nobody showed yet, and since when that is so."""
        self.kept = 0
        """Promises found true since the start."""
        self.unfit = 0
        """Promises, since the start, that the operator of their height had not signed: they were let go."""

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def take(self, signed: SignedAcknowledgement) -> None:
        """Look for each promise, now or once the copy is there; on disk when this returns.

        Raises PromiseUnfit unless the operator of each height signed it for this chain; PromiseEarly where
        the copy is not there yet and knows no such operator; PromisesFull.
        """
        items = signed.acknowledgement.items
        with self._reader.snapshot() as reading:
            sets, height = sets_of(reading), reading.height
        signers = {item.height: in_force(sets, item.height).public for item in items}
        false = {public for public in {*signers.values()} if not promised_by(signed, public)}
        wrong = [at for at, public in signers.items() if public in false]
        ours = signed.acknowledgement.chain == self._reader.chain.id
        if not ours or not 0 < len(items) <= PER_ACKNOWLEDGEMENT_MAX or any(at <= height for at in wrong):
            raise errors.PromiseUnfit()
        if wrong:
            raise errors.PromiseEarly(height=min(wrong), head=height)
        with self._lock:
            if self.waiting + self.unlooked + len(items) > PROMISES_MAX:
                raise errors.PromisesFull(limit=PROMISES_MAX)
            self._keep(signed, *{*signers.values()})
        # Asked only now: a block that came meanwhile was looked through before this promise was there.
        self.look_up()

    def look_up(self) -> list[Case]:
        """Look up what was promised up to where the copy is."""
        with self._reader.snapshot() as reading:
            height = reading.height
        return self.look(height)

    def _keep(self, signed: SignedAcknowledgement, *by: bytes) -> None:
        with _transaction(self._db):
            word = self._db.execute("INSERT INTO words (word) VALUES (?)", (encode(signed),)).lastrowid
            rows = [(word, n, item.height) for n, item in enumerate(signed.acknowledgement.items)]
            self._db.executemany("INSERT INTO promised VALUES (?, ?, ?, 0)", rows)
        assert word is not None
        self._by[word] = by[0]
        self.waiting += len(rows)
        self._lowest = self._next()

    def _next(self) -> int | None:
        asked = "SELECT min(height) FROM promised WHERE ask_ms = 0"
        lowest: int | None = self._db.execute(asked).fetchone()[0]
        return lowest

    # Looking.

    def look(self, height: int) -> list[Case]:
        """Look up what was promised up to a height that the copy has; returns the broken ones.

        What lies in a block that is not kept here counts as nothing yet: the operator is asked for it.
        """
        if self._lowest is None or self._lowest > height:
            return []
        cases: list[Case] = []
        with self._lock, self._reader.snapshot() as reading:
            sets = sets_of(reading)
            held = self._held("ask_ms = 0 AND height <= ? ORDER BY height", min(height, reading.height))
            done: list[Held] = []
            unkept: list[Held] = []
            for at, promises in groupby(held, key=lambda each: each.promise.height):
                current, block = in_force(sets, at), block_at(reading, at)
                for each in promises:
                    found = self._believed(judged(reading, block, each.promise), block.header, current)
                    if found == "unkept":
                        unkept.append(each)
                    else:
                        done.append(each)
                        cases += self._settled(reading, each, found, current)
            self._write(done, unkept, ask_ms=1)
            self.waiting -= len(held)
            self.unlooked += len(unkept)
        return cases

    def _believed(
        self, found: "Broken | Literal['kept', 'unkept']", own: SignedHeader, current: InForce
    ) -> "Broken | Literal['kept', 'unkept']":
        """What was found, unless our own disk is not what the operator signed: that accuses nobody."""
        sound = not isinstance(found, Broken) or (
            signed_by(own, current.public) and (found.instead is None or holds(found.instead, own.header))
        )
        if not sound:
            own_disk(own.header.height, errors.OwnDiskChanged(), self._casebook)
        return found if sound else "unkept"

    def _held(self, where: str, *values: int) -> list[Held]:
        rows = self._db.execute(f"SELECT word, position FROM promised WHERE {where}", values).fetchall()
        words: dict[int, SignedAcknowledgement] = {}
        for word, _ in rows:
            if word not in words:
                found = self._db.execute("SELECT word FROM words WHERE id = ?", (word,)).fetchone()
                words[word] = decode(found[0], SignedAcknowledgement)
        return [Held(word, position, words[word]) for word, position in rows]

    def _write(self, done: Sequence[Held], later: Sequence[Held], ask_ms: int) -> None:
        """Forget what was looked for; ask for the others from a time on."""
        with _transaction(self._db):
            self._db.executemany(
                "DELETE FROM promised WHERE word = ? AND position = ?", [each[:2] for each in done]
            )
            self._db.executemany(
                "UPDATE promised SET ask_ms = ? WHERE word = ? AND position = ?",
                [(ask_ms, *each[:2]) for each in later],
            )
            for word in {each.word for each in done}:
                gone = (
                    "DELETE FROM words WHERE id = ? AND NOT EXISTS (SELECT 1 FROM promised WHERE word = id)"
                )
                if self._db.execute(gone, (word,)).rowcount:
                    self._by.pop(word, None)
        self._lowest = self._next()

    def _settled(
        self, reading: Reading, held: Held, found: "Broken | Literal['kept']", current: InForce
    ) -> list[Case]:
        """Count a promise, or accuse the operator of its height, if that one gave it."""
        if self._by.get(held.word) != current.public and not promised_by(held.signed, current.public):
            self.unfit += 1
            note("acknowledgement by another than the operator of its height", 30, height=held.promise.height)
            return []
        self._by[held.word] = current.public
        if found == "kept":
            self.kept += 1
            return []
        assert isinstance(found, Broken)
        return [self._accuse(reading, held, found, current.operator)]

    def _accuse(self, reading: Reading, held: Held, broken: Broken, operator: str) -> Case:
        promise = held.promise
        return self._casebook.report(
            "dropped",
            promise.height,
            broken.text,
            promise.transaction[:16],
            against=operator,
            headers=(reading.header(promise.height),),
            acknowledgement=held.signed,
            position=held.position,
            instead=broken.instead,
        )

    # Asking.

    def ask(self, prove: Prove, now_ms: int) -> list[Case]:
        """Ask the operator for proofs of what is promised in blocks that are not kept here; some at a time.

        What it gives no proof of is asked for again later. Raises the Refusal of a node that is away.
        """
        cases: list[Case] = []
        with self._lock:
            held = self._held("ask_ms BETWEEN 1 AND ? ORDER BY ask_ms LIMIT ?", now_ms, ASKED_AT_ONCE_MAX)
        for each in held:
            at = each.promise.height
            with self._reader.snapshot() as reading:
                header, current = reading.header(at), in_force(sets_of(reading), at)
            found = proved(header, each.promise, prove)
            with self._lock, self._reader.snapshot() as reading:
                if found == "unkept":
                    self._write((), (each,), now_ms + ASKED_AGAIN_MS)
                else:
                    cases += self._settled(reading, each, found, current)
                    self._write((each,), (), 0)
                    self.unlooked -= 1
        return cases

    # Watching.

    def watch(self, newest: int, now_ms: int) -> None:
        """Note which promised heights are above the newest that anybody has shown."""
        with self._lock:
            rows = self._db.execute(
                "SELECT DISTINCT height FROM promised WHERE ask_ms = 0 AND height > ? "
                "ORDER BY height LIMIT ?",
                (newest, UNSHOWN_MAX),
            ).fetchall()
        self._unshown = {height: self._unshown.get(height, now_ms) for (height,) in rows}

    def withheld(self, now_ms: int) -> int:
        """A promised height that nobody has shown for WITHHELD_MAX_MS, as `watch` saw it; 0 if there is none.

        No proof: its block may still come. But a receipt is given for blocks that exist.
        """
        late = [height for height, since_ms in self._unshown.items() if now_ms - since_ms > WITHHELD_MAX_MS]
        return min(late, default=0)


@contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


class Block(NamedTuple):
    """What promises of a height are compared with; no items where the block is not kept whole."""

    header: SignedHeader
    kept: bool
    wires: Sequence[bytes] = ()
    outcomes: Sequence[bytes] = ()


def block_at(reading: Reading, height: int) -> Block:
    """A block of this copy, read once for all that was promised of it."""
    header = reading.header(height)
    try:
        wires, outcomes = reading.items("transaction", height), reading.items("outcome", height)
    except (Pruned, Damaged):
        return Block(header, False)
    return Block(header, True, wires, outcomes)


def judged(reading: Reading, block: Block, promise: Promise) -> "Broken | Literal['kept', 'unkept']":
    """Whether the transaction lies where the operator said it does, with that outcome, under that root."""
    height, index = promise.height, promise.index
    header = block.header.header
    if header.app_hash != promise.app_hash:
        return _other_root(reading, promise, header.app_hash)
    if not block.kept:
        found = reading.find(promise.transaction)
        in_place = found is not None and (found.height, found.index, found.code) == (
            height,
            index,
            promise.code,
        )
        return "kept" if in_place else "unkept"
    if index >= len(block.wires):
        count = len(block.wires)
        last = reading.prove("transaction", height, count - 1, height) if count else None
        zh, en = _said(promise)
        return Broken(
            Text(f"{zh}，但该区块只有 {count} 笔。", f"{en}, but that block has only {count}."), last
        )
    found_kind = _what_else(promise, block.wires[index], block.outcomes[index])
    if found_kind is None:
        return "kept"
    return Broken(found_kind[1], reading.prove(found_kind[0], height, index, height))


def proved(header: SignedHeader, promise: Promise, prove: Prove) -> "Broken | Literal['kept', 'unkept']":
    """The same by proofs of the operator's under its own header, where this copy does not keep the block.

    Raises the Refusal of a node that is away; one that has no proof, or a wrong one, says nothing.
    """
    proofs = []
    for kind in ("transaction", "outcome"):
        try:
            proof = prove(kind, promise.height, promise.index, promise.height)
        except AWAY:
            raise
        except Refusal:
            return "unkept"
        place = (proof.kind, proof.block.height, proof.within_block.index)
        if place != (kind, promise.height, promise.index) or not holds(proof, header.header):
            return "unkept"
        proofs.append(proof)
    try:
        found = _what_else(promise, proofs[0].item, proofs[1].item)
    except Refusal:
        return "unkept"
    if found is None:
        return "kept"
    return Broken(found[1], proofs[found[0] == "outcome"])


def _what_else(promise: Promise, wire: bytes, outcome: bytes) -> tuple[str, Text] | None:
    """What lies in the promised place instead: its kind, in words."""
    zh, en = _said(promise)
    if identity(wire) != promise.transaction:
        return "transaction", Text(f"{zh}，但那里是另一笔交易。", f"{en}, but another one lies there.")
    code = decode(outcome, Outcome).code
    if code != promise.code:
        return "outcome", Text(
            f"{zh}，结果为 {promise.code}，账本上却是 {code}。",
            f"{en} with outcome {promise.code}, but the ledger says {code}.",
        )
    return None


def _other_root(reading: Reading, promise: Promise, app_hash: str) -> Broken:
    zh, en = _said(promise)
    where = reading.find(promise.transaction)
    found_zh = f"该交易现在区块 {where.height}" if where else "该交易不在账本上"
    found_en = f"it now lies in block {where.height}" if where else "it is not on the ledger"
    return Broken(
        Text(
            f"{zh}，但该高度的账本是另一部（{app_hash[:12]}…，回执为 {promise.app_hash[:12]}…）；"
            f"{found_zh}。",
            f"{en}, but the ledger of that height is another one ({app_hash[:12]}…, promised "
            f"{promise.app_hash[:12]}…); {found_en}.",
        )
    )


def _said(promise: Promise) -> tuple[str, str]:
    name, height, index = promise.transaction[:16], promise.height, promise.index
    return (
        f"运营方确认交易 {name}… 已在区块 {height} 第 {index} 位",
        f"The operator acknowledged transaction {name}… in block {height} at {index}",
    )
