"""Acknowledgements that clients hand their follower: it looks for each transaction in its own copy (rule 27).

An acknowledgement says, under the operator's key, where a transaction rests and under which root. Once the
copy has that height, the transaction lies there, or the operator has broken its word and the file proves it.
"""

import sqlite3
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from hansa.client.case import Case
from hansa.client.texts import Text
from hansa.engines.errors import Pruned
from hansa.engines.reader import Reader
from hansa.engines.reading import Reading
from hansa.kernel import encode
from hansa.kernel.canonical import decode
from hansa.kernel.evidence import Promise, Proof, SignedAcknowledgement, promised_by
from hansa.kernel.messages import Outcome
from hansa.kernel.transaction import identity
from hansa.node import errors_follower as errors
from hansa.node.casebook import Casebook
from hansa.node.cosigning import sets_of

FILE = "promises.db"
PROMISES_MAX = 200_000
"""Promises that wait for the copy to reach their height."""
PER_ACKNOWLEDGEMENT_MAX = 5_000
WITHHELD_MAX_MS = 30_000

_SCHEMA = """
CREATE TABLE IF NOT EXISTS words (id INTEGER PRIMARY KEY, word BLOB);
CREATE TABLE IF NOT EXISTS promises (
    height INTEGER, word INTEGER, position INTEGER, PRIMARY KEY (height, word, position)
) WITHOUT ROWID;
"""


class Broken(NamedTuple):
    """What lies where a promise said something else."""

    text: Text
    instead: Proof | None = None


class Promises:
    """May be used by several threads. `path`: a file of its own beside the ledger, or `:memory:`."""

    def __init__(self, path: Path, reader: Reader, casebook: Casebook, operator: str) -> None:
        self._reader, self._casebook, self._operator, self._lock = reader, casebook, operator, Lock()
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.executescript(_SCHEMA)
        self.waiting: int = self._db.execute("SELECT count(*) FROM promises").fetchone()[0]
        self._lowest = self._next()
        self._beyond_since_ms = 0
        self.kept = 0
        """Promises found true since the start."""

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def take(self, signed: SignedAcknowledgement) -> None:
        """Look for each promise, now or once the copy is there; on disk when this returns.

        Raises PromiseUnfit unless the operator signed it for this chain, PromisesFull.
        """
        items = signed.acknowledgement.items
        with self._reader.snapshot() as reading:
            operators = {each.public for each in sets_of(reading)}
        sound = signed.acknowledgement.chain == self._chain and len(items) <= PER_ACKNOWLEDGEMENT_MAX
        if not (sound and any(promised_by(signed, public) for public in operators)):
            raise errors.PromiseUnfit()
        with self._lock:
            if self.waiting + len(items) > PROMISES_MAX:
                raise errors.PromisesFull(limit=PROMISES_MAX)
            self._keep(signed)
        # Asked only now: a block that came meanwhile was looked through before this promise was there.
        with self._reader.snapshot() as reading:
            height = reading.height
        self.look(height)

    @property
    def _chain(self) -> str:
        return self._reader.chain.id

    def _keep(self, signed: SignedAcknowledgement) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        word = self._db.execute("INSERT INTO words (word) VALUES (?)", (encode(signed),)).lastrowid
        rows = [(item.height, word, n) for n, item in enumerate(signed.acknowledgement.items)]
        self._db.executemany("INSERT INTO promises VALUES (?, ?, ?)", rows)
        self._db.execute("COMMIT")
        self.waiting += len(rows)
        self._lowest = self._next()

    def look(self, height: int) -> list[Case]:
        """Look up what was promised up to a height that the copy has; returns the broken ones."""
        if self._lowest is None or self._lowest > height:
            return []
        cases: list[Case] = []
        with self._lock, self._reader.snapshot() as reading:
            rows = self._db.execute(
                "SELECT height, word, position FROM promises WHERE height <= ? ORDER BY height",
                (min(height, reading.height),),
            ).fetchall()
            words: dict[int, SignedAcknowledgement] = {}
            for _, word, position in rows:
                if word not in words:
                    found = self._db.execute("SELECT word FROM words WHERE id = ?", (word,)).fetchone()
                    words[word] = decode(found[0], SignedAcknowledgement)
                signed = words[word]
                broken = broken_promise(reading, signed.acknowledgement.items[position])
                if broken is None:
                    self.kept += 1
                else:
                    cases.append(self._accuse(reading, signed, position, broken))
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany("DELETE FROM promises WHERE (height, word, position) = (?, ?, ?)", rows)
            self._db.execute("DELETE FROM words WHERE id NOT IN (SELECT word FROM promises)")
            self._db.execute("COMMIT")
            self.waiting -= len(rows)
            self._lowest = self._next()
        return cases

    def beyond(self, height: int) -> int:
        """The lowest promised height above this one; 0 if there is none."""
        return self._lowest if self._lowest is not None and self._lowest > height else 0

    def withheld(self, newest: int, now_ms: int) -> int:
        """A promised height that the operator has shown nobody for WITHHELD_MAX_MS; 0 if there is none.

        No proof: its block may still come. But a receipt is given for blocks that exist.
        """
        height = self.beyond(newest)
        if not height:
            self._beyond_since_ms = 0
        elif not self._beyond_since_ms:
            self._beyond_since_ms = now_ms
        late = height and now_ms - self._beyond_since_ms > WITHHELD_MAX_MS
        return height if late else 0

    def _next(self) -> int | None:
        lowest: int | None = self._db.execute("SELECT min(height) FROM promises").fetchone()[0]
        return lowest

    def _accuse(self, reading: Reading, signed: SignedAcknowledgement, position: int, broken: Broken) -> Case:
        promise = signed.acknowledgement.items[position]
        return self._casebook.report(
            "dropped",
            promise.height,
            broken.text,
            promise.transaction[:16],
            against=self._operator,
            headers=(reading.header(promise.height),),
            acknowledgement=signed,
            position=position,
            instead=broken.instead,
        )


def broken_promise(reading: Reading, promise: Promise) -> Broken | None:
    """None if the transaction lies where the operator said it does, with that outcome, under that root."""
    name, height, index = promise.transaction[:16], promise.height, promise.index
    zh = f"运营方确认交易 {name}… 已在区块 {height} 第 {index} 位"
    en = f"The operator acknowledged transaction {name}… in block {height} at {index}"
    header = reading.header(height).header
    if header.app_hash != promise.app_hash:
        where = reading.find(promise.transaction)
        found_zh = f"该交易现在区块 {where.height}" if where else "该交易不在账本上"
        found_en = f"it now lies in block {where.height}" if where else "it is not on the ledger"
        return Broken(
            Text(
                f"{zh}，但该高度的账本是另一部（{header.app_hash[:12]}…，回执为 {promise.app_hash[:12]}…）；"
                f"{found_zh}。",
                f"{en}, but the ledger of that height is another one ({header.app_hash[:12]}…, promised "
                f"{promise.app_hash[:12]}…); {found_en}.",
            )
        )
    try:
        wires, outcomes = reading.items("transaction", height), reading.items("outcome", height)
    except Pruned:
        return None  # The root is the promised one: what lay under it was looked at when it came.
    if index >= len(wires):
        last = reading.prove("transaction", height, len(wires) - 1, height) if wires else None
        few = Text(f"{zh}，但该区块只有 {len(wires)} 笔。", f"{en}, but that block has only {len(wires)}.")
        return Broken(few, last)
    if identity(wires[index]) != promise.transaction:
        other = reading.prove("transaction", height, index, height)
        return Broken(Text(f"{zh}，但那里是另一笔交易。", f"{en}, but another one lies there."), other)
    outcome = decode(outcomes[index], Outcome)
    if outcome.code != promise.code:
        other = reading.prove("outcome", height, index, height)
        return Broken(
            Text(
                f"{zh}，结果为 {promise.code}，账本上却是 {outcome.code}。",
                f"{en} with outcome {promise.code}, but the ledger says {outcome.code}.",
            ),
            other,
        )
    return None
