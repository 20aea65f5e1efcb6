"""A follower: it copies another node's blocks, executes each again, co-signs what it found right (rule 27).

It believes nothing: a block counts once this node came to the same outcomes, events and records.
"""

from dataclasses import dataclass
from pathlib import Path

from hansa.apps import rooms
from hansa.engines import errors
from hansa.engines.blocks import BlockData, Write, pack_block, unpack_blocks
from hansa.engines.checking import append
from hansa.engines.embedded import Clock
from hansa.engines.folder import open_folder
from hansa.engines.founding import found
from hansa.engines.ledger import CACHE_RECORDS, KEEP, Keep, Watch, unwatched
from hansa.engines.reader import Reader, reader_of
from hansa.engines.store import Connect, connect
from hansa.kernel import Registry, Release, encode, limits
from hansa.kernel.apply import Incident
from hansa.kernel.evidence import Cosignature
from hansa.kernel.signatures import ED25519, HEADER_DOMAIN, Signer, VerifiedCache

REJECTED = "rejected"


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

    `clock` lets it refuse blocks from the future. Raises a Refusal of engines/errors.py if the folder or the
    genesis cannot be used.
    """

    def __init__(
        self,
        path: Path,
        genesis: bytes,
        release: Release | None = None,
        *,
        registry: Registry | None = None,
        clock: Clock | None = None,
        cache_records: int | None = CACHE_RECORDS,
        keep: Keep = KEEP,
        connect: Connect = connect,
        watch: Watch = unwatched,
    ) -> None:
        self._clock = clock
        self.verified = VerifiedCache()
        founded = found(genesis, registry or release or rooms.release(), self.verified.verify)
        self.genesis_bytes, self.genesis, self.chain = genesis, founded.genesis, founded.chain
        self.signed, self.ledger = open_folder(
            path, founded, cache_records=cache_records, keep=keep, connect=connect, watch=watch
        )
        self.rejected: Rejected | None = None
        try:
            self._look_again()
        except BaseException:
            self.close()
            raise

    def _look_again(self) -> None:
        """What was rejected before a restart is computed anew: a mended program may find it right."""
        kept = self.ledger.store.meta(REJECTED)
        if kept is None:
            return
        try:
            self._append(unpack_blocks(kept)[0])
        except (errors.Differs, errors.SignedOther) as found:
            self.ledger.stops.tell(Incident("differs", found.en))
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

        Raises NotNext, NotByOperator, OffClock: the block counts for nothing, another may be tried. Differs
        or SignedOther: the operator is caught; the block is kept in `rejected`, nothing is followed after it.
        Stopped, Waiting, Outdated or RoomMissing for this node's own trouble.
        """
        if self.rejected is not None:
            raise errors.Differs(height=self.rejected.height, what=self.rejected.what)
        try:
            self._append(block)
        except (errors.Differs, errors.SignedOther) as found:
            self.ledger.store.note(REJECTED, pack_block(block))
            self.ledger.stops.tell(Incident("differs", found.en))
            raise

    def _append(self, block: BlockData) -> None:
        header = block.header.header
        if self._clock is not None and header.time_ms > self._clock() + limits.SKEW_MAX_MS:
            raise errors.OffClock(height=header.height, limit=limits.SKEW_MAX_MS // limits.MINUTE_MS)
        with self.ledger.stops.guarded(block.wires):
            try:
                append(self.ledger, block, self.signed)
            except errors.Differs as found:
                self.rejected = self._rejected(found, block)
                raise
            except errors.SignedOther:
                self.rejected = Rejected(header.height, "header", block)
                raise

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
        """The member's word that the machine is mended: a waiting node follows again."""
        self.ledger.stops.clear()

    def cosign(self, member: str, signer: Signer) -> Cosignature:
        """This member's signature over the newest header here, kept on disk before it is given.

        One header per height, for ever. From any thread. Raises SignedOther; NotOnLedger before block 1.
        """
        header = self.ledger.last_header
        if header is None:
            raise errors.NotOnLedger(kind="block", height=0, index=0)
        self.signed.put(header)
        signature = signer.sign(HEADER_DOMAIN + encode(header))
        return Cosignature(member=member, suite=ED25519, signature=signature)

    def reader(self) -> Reader:
        """Snapshots beside the writer."""
        return reader_of(self.ledger)

    def close(self) -> None:
        self.ledger.close()
        self.signed.close()
