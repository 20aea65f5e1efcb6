"""A follower: it copies another node's blocks, executes each again, co-signs what it found right (rule 27).

It believes nothing: a block counts once this node came to the same outcomes, events and records.
"""

from dataclasses import dataclass
from pathlib import Path

from hansa.apps import rooms
from hansa.engines import errors
from hansa.engines.blocks import BlockData, Write, pack_block, unpack_blocks
from hansa.engines.checking import append
from hansa.engines.folder import open_folder
from hansa.engines.founding import found
from hansa.engines.ledger import CACHE_RECORDS, KEEP, Keep, Watch, unwatched
from hansa.engines.reader import Reader, reader_of
from hansa.engines.stops import STOPS_MAX
from hansa.engines.store import Connect, connect
from hansa.kernel import Refusal, Registry, Release, Struct, encode
from hansa.kernel.apply import Incident
from hansa.kernel.canonical import decode
from hansa.kernel.evidence import Cosignature
from hansa.kernel.signatures import ED25519, HEADER_DOMAIN, Signer, VerifiedCache
from hansa.kernel.types import Natural, TimeMs

REJECTED, LEVEL = "rejected", "level"
LEVEL_EVERY_MS = 10_000
"""The newest `Level` is on disk at most this much later."""


class Level(Struct):
    """When the operator was asked, by this node's clock, and had nothing after block `height`.

    Whatever comes after that block was made later.
    """

    height: Natural
    at_ms: TimeMs


@dataclass(frozen=True)
class Rejected:
    """A block that its operator signed and that is wrong, with what this node computed instead.

    Empty where it did not come to that: the block was wrong before anything was executed.
    """

    height: int
    what: str
    block: BlockData
    outcomes: tuple[bytes, ...] = ()
    events: tuple[bytes, ...] = ()
    writes: tuple[Write, ...] = ()


class Following:
    """A node that follows, used by one thread at a time but for `cosign` and `reader`.

    Raises a Refusal of engines/errors.py if the folder or the genesis cannot be used. A node that a block
    stopped twice opens for reading, and follows no further until `retry` (rule 10).
    """

    def __init__(
        self,
        path: Path,
        genesis: bytes,
        release: Release | None = None,
        *,
        registry: Registry | None = None,
        cache_records: int | None = CACHE_RECORDS,
        keep: Keep = KEEP,
        connect: Connect = connect,
        watch: Watch = unwatched,
    ) -> None:
        self.verified = VerifiedCache()
        founded = found(genesis, registry or release or rooms.release(), self.verified.verify)
        self.genesis_bytes, self.genesis, self.chain = genesis, founded.genesis, founded.chain
        self.signed, self.ledger = open_folder(
            path, founded, cache_records=cache_records, keep=keep, connect=connect, watch=watch
        )
        self.rejected: Rejected | None = None
        try:
            kept = self.ledger.store.meta(LEVEL)
            self.level = None if kept is None else decode(kept, Level)
            """The newest word of the operator that there was nothing more."""
            self._level_kept_ms = self.level.at_ms if self.level else 0
            self._resume()
        except BaseException:
            self.close()
            raise

    def _resume(self) -> None:
        stop = self.ledger.stops.noted()
        if stop is not None and stop.stops >= STOPS_MAX:
            self.ledger.stops.wait(stop.cause)
        else:
            self._look_again()

    def _look_again(self) -> None:
        """What was rejected before a restart is computed anew: a mended program may find it right."""
        kept = self.ledger.store.meta(REJECTED)
        if kept is None:
            return
        try:
            self._append(unpack_blocks(kept)[0])
        except (errors.Differs, errors.SignedOther) as found:
            self.ledger.stops.tell(Incident("differs", found.en, found.zh))
        except (errors.NotNext, errors.NotByOperator, errors.BlockUnfit):
            self.forget_rejected()  # It is none of the operator's in force: nothing speaks against anybody.
        except Refusal:
            return  # This node's own trouble: it opens for reading, and who follows meets the same again.
        else:
            self.ledger.store.note(REJECTED, None)

    @property
    def height(self) -> int:
        return self.ledger.height

    @property
    def incidents(self) -> list[Incident]:
        """Trouble for this member's operator, newest last."""
        return self.ledger.stops.incidents

    def follow(self, block: BlockData) -> None:
        """Execute the next block, compare everything with what its operator signed, and commit it.

        Raises NotNext, NotByOperator, BlockUnfit: what came counts for nothing, another may be tried. Differs
        or SignedOther: the operator is caught; the block is kept in `rejected`, nothing is followed after it.
        DamagedOnDisk, Stopped, Waiting, Outdated or RoomMissing for this node's own trouble.
        """
        if self.rejected is not None:
            raise errors.Differs(height=self.rejected.height, what=self.rejected.what)
        try:
            self._append(block)
        except (errors.Differs, errors.SignedOther) as found:
            self.ledger.store.note(REJECTED, pack_block(block))
            self.ledger.stops.tell(Incident("differs", found.en, found.zh))
            raise

    def _append(self, block: BlockData) -> None:
        with self.ledger.stops.guarded(block.wires):
            try:
                self._append_twice(block)
            except errors.Differs as found:
                self.rejected = self._rejected(found, block)
                raise
            except errors.SignedOther:
                self.rejected = Rejected(block.header.header.height, "header", block)
                raise

    def _append_twice(self, block: BlockData) -> None:
        """What differs is executed once more on records read anew: this node's memory may have been bent."""
        try:
            append(self.ledger, block, self.signed)
        except errors.Differs:
            self.ledger.reread()
            append(self.ledger, block, self.signed)
            height = block.header.header.height
            self.ledger.stops.tell(Incident("bent", str(height)))

    def _rejected(self, found: errors.Differs, block: BlockData) -> Rejected:
        if found.found is None:
            return Rejected(found.height, found.what, block)
        outcomes = tuple(encode(outcome) for outcome in found.found.outcomes)
        writes = self.ledger.writes_of(found.found)
        return Rejected(found.height, found.what, block, outcomes, found.found.events, writes)

    def forget_rejected(self) -> None:
        """The member's word to follow again from where it stands."""
        self.ledger.store.note(REJECTED, None)
        self.rejected = None

    def retry(self) -> None:
        """The member's word that machine and clock are right: a waiting node follows again.

        Raises what opening does.
        """
        self.ledger.stops.clear()
        self.forget_level()
        if self.rejected is None:
            self._look_again()

    def forget_level(self) -> None:
        """Another operator is followed, or the clock was wrong: what was asked says nothing of what comes."""
        self.ledger.store.note(LEVEL, None)
        self.level, self._level_kept_ms = None, 0

    def had_nothing_after(self, height: int, at_ms: int) -> None:
        """Keep the operator's word: asked at `at_ms` of this node's clock, it had nothing after a block."""
        self.level = Level(height=height, at_ms=at_ms)
        if not 0 <= at_ms - self._level_kept_ms < LEVEL_EVERY_MS:
            self.ledger.store.note(LEVEL, encode(self.level))
            self._level_kept_ms = at_ms

    def cosign(self, member: str, signer: Signer) -> Cosignature:
        """This member's signature over the newest header here, kept on disk before it is given.

        One header per height, for ever. From any thread. Raises SignedOther; NotOnLedger before block 1.
        """
        head = self.ledger.head()
        if head is None:
            raise errors.NotOnLedger(kind="block", height=0, index=0)
        header = head.header
        self.signed.put(header, head)
        signature = signer.sign(HEADER_DOMAIN + encode(header))
        return Cosignature(member=member, suite=ED25519, signature=signature)

    def reader(self) -> Reader:
        """Snapshots beside the writer."""
        return reader_of(self.ledger)

    def close(self) -> None:
        self.ledger.close()
        self.signed.close()
