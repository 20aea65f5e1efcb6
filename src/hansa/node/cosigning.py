"""The cosignatures that a node knows of: checked against the set in force, kept, and what is final by them.

Every node keeps them, the operator and each follower for itself, so that no operator can hold finality back.
"""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock

from hansa.apps.consortium.handovers import Handover, InForce, counted, founding_set
from hansa.apps.consortium.messages import CosignersChanged, CosignerSet
from hansa.engines.reader import Reader
from hansa.engines.reading import Reading
from hansa.kernel import Cosigner, encode, limits, replace
from hansa.kernel.canonical import decode
from hansa.kernel.evidence import Cosignature, Proof, SignedHeader
from hansa.kernel.refusal import Refusal
from hansa.kernel.signatures import HEADER_DOMAIN, verify
from hansa.node import errors_follower as errors

FILE = "cosignatures.db"
HEIGHTS_MAX = 4_096
"""Newest heights whose cosignatures are kept; besides, for ever, those at which the set changed."""
SETS_MAX = 10_000
SETS_TABLE = "consortium.cosigners"
CHANGED_TAG = b'{"_type":"consortium.cosigners_changed"'
PAGE = 1_000
COSIGNERS_MAX = limits.COSIGNERS_MAX
"""Cosignatures of one header that another node may have us check: as many as a set can have."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS cosigned (
    height INTEGER, member TEXT, app_hash TEXT, suite INTEGER, signature BLOB, PRIMARY KEY (height, member)
) WITHOUT ROWID;
"""
"""With the root that was signed: the copy beside it may be made anew, and end with another block."""


def sets_of(reading: Reading) -> list[InForce]:
    """Every set of cosigners since genesis, oldest first; where the ledger has none, the founding one."""
    found = [founding_set(reading.genesis)]
    after = b""
    while page := reading.records(SETS_TABLE, after, PAGE) if SETS_TABLE in reading.registry.tables else []:
        for _, stored in page:
            record: CosignerSet = reading.registry.tables[SETS_TABLE].decode(stored)
            if record.succeeds:
                # A vote's set may have been succeeded at the very height from which it was to serve.
                voted = _stood(replace(record, operator=record.succeeds, succeeds=""), len(found))
                if _terms(voted) != _terms(found[-1]):
                    found.append(voted)
            if record.since > 1 or record.succeeds:
                found.append(_stood(record, len(found)))
        after = page[-1][0]
        if len(page) < PAGE or len(found) > SETS_MAX:
            break
    return found


def _stood(record: CosignerSet, changes: int) -> InForce:
    public = next(seat.public for seat in record.cosigners if seat.member == record.operator)
    return InForce(
        record.operator, public, record.cosigners, record.quorum, record.since, changes, record.succeeds
    )


def _terms(each: InForce) -> tuple[str, tuple[Cosigner, ...], int]:
    """Who stands for a header: what a succession leaves as it was, but for the operator."""
    return each.operator, each.cosigners, each.quorum


def in_force(sets: Sequence[InForce], height: int) -> InForce:
    """The set under which the header of a height stands."""
    return next(each for each in reversed(sets) if each.since <= height or each is sets[0])


class Cosignatures:
    """May be used by several threads. `path`: a file of its own beside the ledger, or `:memory:`."""

    def __init__(self, path: Path, reader: Reader) -> None:
        self._reader, self._lock = reader, Lock()
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")  # What is lost is handed in again.
        self._db.executescript(_SCHEMA)
        self._known: dict[int, dict[str, tuple[str, Cosignature]]] = {}
        """By height and member: the root that was signed, and the signature."""
        for height, member, app_hash, suite, signature in self._db.execute("SELECT * FROM cosigned"):
            self._known.setdefault(height, {})[member] = app_hash, Cosignature(member, suite, signature)
        self._handovers: dict[int, Handover] = {}
        self.handing_over = 0
        """Height of the first change of the set that too few of the set before are known to have signed."""
        self.final_height = self._highest_final()

    def close(self) -> None:
        with self._lock:
            self._db.close()

    # Taking.

    def take(self, height: int, app_hash: str, cosignature: Cosignature) -> None:
        """Keep a cosignature; the same again is nothing new.

        Raises CosignatureEarly, CosignatureLate, CosignatureUnfit; CosignatureOther for another history.
        """
        with self._reader.snapshot() as reading:
            if not 0 < height <= reading.height:
                raise errors.CosignatureEarly(height=height, head=reading.height)
            sets = sets_of(reading)
            first = reading.height - HEIGHTS_MAX + 1
            if height < first and all(each.changed_at != height for each in sets):
                raise errors.CosignatureLate(height=height, first=first)
            signed = reading.header(height)
        own_hash = signed.header.app_hash
        if app_hash != own_hash:
            raise errors.CosignatureOther(
                member=cosignature.member, height=height, theirs=app_hash[:12], ours=own_hash[:12]
            )
        current = in_force(sets, height)
        if not _holds(signed, cosignature, current):
            raise errors.CosignatureUnfit(member=cosignature.member, height=height)
        with self._lock:
            known = self._known.setdefault(height, {})
            if known.get(cosignature.member) != (own_hash, cosignature):
                row = (height, cosignature.member, own_hash, cosignature.suite, cosignature.signature)
                self._db.execute("INSERT OR REPLACE INTO cosigned VALUES (?, ?, ?, ?, ?)", row)
                known[cosignature.member] = own_hash, cosignature
                self._forget(first, sets)
            count = len(counted(self._dressed(signed), current)[0])
            if count >= current.quorum:
                self.final_height = max(self.final_height, height)

    def learn(self, signed: SignedHeader) -> int:
        """Take in what another node's header of our history carries; returns how many were of use."""
        taken = 0
        for cosignature in {given.member: given for given in signed.cosignatures[:COSIGNERS_MAX]}.values():
            try:
                self.take(signed.header.height, signed.header.app_hash, cosignature)
                taken += 1
            except Refusal:
                continue  # What does not hold is no news: whoever shows it is not accused for it.
        return taken

    # Showing.

    def dressed(self, signed: SignedHeader) -> SignedHeader:
        """A header of this ledger with the cosignatures known of it, by member."""
        with self._lock:
            return self._dressed(signed)

    def final(self) -> SignedHeader | None:
        """The newest header that a quorum of its set signed."""
        with self._reader.snapshot() as reading:
            head = reading.head()
            if head is not None:
                # The newest one may be final without others: where the quorum is one.
                current = in_force(sets_of(reading), reading.height)
                if len(counted(self.dressed(head), current)[0]) >= current.quorum:
                    self.final_height = reading.height
            return self.dressed(reading.header(self.final_height)) if self.final_height else None

    def handovers(self) -> tuple[Handover, ...]:
        """Each change of the set since genesis, as far as a quorum of the set before has signed it."""
        with self._reader.snapshot() as reading:
            sets, self.handing_over = sets_of(reading), 0
            for before, after in pairwise(sets):
                height = after.changed_at
                if height in self._handovers:
                    continue
                head = self.dressed(reading.header(height))
                signed, faults = counted(head, after if after.succeeds else before)
                if faults or len(signed) < before.quorum:
                    self.handing_over = height
                    break
                self._handovers[height] = Handover(event=_change_at(reading, height), head=head)
        return tuple(self._handovers[height] for height in sorted(self._handovers))

    def _dressed(self, signed: SignedHeader) -> SignedHeader:
        known = self._known.get(signed.header.height, {})
        own_hash = signed.header.app_hash
        fitting = [given for app_hash, given in known.values() if app_hash == own_hash]
        return replace(signed, cosignatures=tuple(sorted(fitting, key=lambda given: given.member)))

    def _highest_final(self) -> int:
        with self._reader.snapshot() as reading:
            sets = sets_of(reading)
            for height in sorted({*self._known, reading.height}, reverse=True):
                if 0 < height <= reading.height:
                    current = in_force(sets, height)
                    if len(counted(self._dressed(reading.header(height)), current)[0]) >= current.quorum:
                        return height
        return 0

    def _forget(self, first: int, sets: Sequence[InForce]) -> None:
        """Drop what is older than the newest heights, but for changes of the set."""
        if len(self._known) <= HEIGHTS_MAX:
            return
        kept = {each.changed_at for each in sets}
        for height in [height for height in self._known if height < first and height not in kept]:
            del self._known[height]
            self._db.execute("DELETE FROM cosigned WHERE height = ?", (height,))


def kept_handovers(path: Path, reader: Reader) -> tuple[Handover, ...]:
    """What the file of a node's cosignatures has of them; the node may run meanwhile. None without a file."""
    if not path.is_file():
        return ()
    with TemporaryDirectory() as folder:
        copy = Path(folder) / FILE
        where = f"{path.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(where, uri=True)) as one, closing(sqlite3.connect(copy)) as two:
            one.backup(two)
        with closing(Cosignatures(copy, reader)) as known:
            return known.handovers()


def _holds(signed: SignedHeader, cosignature: Cosignature, current: InForce) -> bool:
    public = next((c.public for c in current.cosigners if c.member == cosignature.member), b"")
    message = HEADER_DOMAIN + encode(signed.header)
    return verify(cosignature.suite, public, cosignature.signature, message)


def _change_at(reading: Reading, height: int) -> Proof:
    """The event of a change, proved under the header of its own height. The last one of a block counts."""
    indexes = [n for n, item in enumerate(reading.items("event", height)) if item.startswith(CHANGED_TAG)]
    proof = reading.prove("event", height, indexes[-1], height)
    decode(proof.item, CosignersChanged)
    return proof
