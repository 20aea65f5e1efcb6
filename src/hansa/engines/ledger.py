"""A chain on disk with one writing thread: what an operator and a follower share.

Blocks are executed on the state as it stands and committed whole, or not at all; memory moves on only after
the commit is on disk.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hansa.engines import errors
from hansa.engines.blocks import Write, pack_writes, write_set
from hansa.engines.founding import Founded
from hansa.engines.reading import KINDS, Reading
from hansa.engines.sealed import stands
from hansa.engines.stops import Stops
from hansa.engines.store import Connect, OpenStore, SqliteStore, connect
from hansa.kernel import encode, lthash, merkle
from hansa.kernel.apply import Applied, Block, BlockLeaf, apply
from hansa.kernel.canonical import decode
from hansa.kernel.evidence import Header, SignedHeader
from hansa.kernel.state import Committed, Damaged, Name, Overlay, Store

CACHE_RECORDS = 100_000
PRUNED_PER_COMMIT = 4
"""Write sets dropped at one commit, at most."""
PRUNED_ROWS_PER_COMMIT = 10_000
"""Rows of transactions or events, likewise."""


@dataclass(frozen=True)
class Keep:
    """How many of the newest blocks a node keeps in part or whole. Leaves and headers are kept for ever."""

    write_sets: int = 10_000
    blocks: int | None = None
    """Blocks with transactions, outcomes and events; None: all."""


KEEP = Keep()
NO_NOTES: Mapping[str, bytes] = {}

Watch = Callable[[Sequence[bytes]], AbstractContextManager[object]]
"""What a block of these transactions is executed within: a watchdog, which may end the process."""


def unwatched(wires: Sequence[bytes]) -> AbstractContextManager[object]:
    """Nobody watches."""
    return nullcontext()


class _Present(Committed):
    """The committed records; it notes what a block found in the place of each record that it wrote."""

    def __init__(self, store: Store, capacity: int | None) -> None:
        super().__init__(store, capacity)
        self.before: dict[Name, bytes | None] = {}

    def stored(self, name: Name) -> bytes | None:
        old = super().stored(name)
        self.before[name] = old
        return old


class Ledger(Reading):
    """Used by one thread at a time, in a folder that is held (folder.py).

    Raises OSError if the file cannot be used, WrongGenesis or HistoryBroken if it holds another history.
    """

    def __init__(
        self,
        path: Path,
        founded: Founded,
        *,
        cache_records: int | None = CACHE_RECORDS,
        keep: Keep = KEEP,
        connect: Connect = connect,
        watch: Watch = unwatched,
        open_store: OpenStore = SqliteStore,
    ) -> None:
        self.path, self.keep, self._watch = path, keep, watch
        self._founded = founded
        self.store = open_store(path, connect)
        try:
            self._present = _Present(self.store, cache_records)
            created_ms = founded.genesis.created_ms
            super().__init__(self.store, self._present, founded.chain, founded.genesis, 0, created_ms)
            self.stops = Stops(self.store)
            self._open()
        except BaseException:
            self.store.close()
            raise

    # Start.

    def _open(self) -> None:
        known = self.store.meta("chain")
        if known is None:
            self._found()
        elif known != self.chain.id.encode():
            raise errors.WrongGenesis(chain=known[:12].decode(errors="replace"))
        self.state_sum = self.store.meta("state_sum") or lthash.EMPTY
        self.app_hash = merkle.EMPTY_ROOT.hex()
        self.last_header: Header | None = None
        self._restored = self.store.meta("restored") is not None
        self.height = self.store.height()
        if self.height:
            self._check_head()
        elif self.state_sum != self._founded.state_sum:
            raise errors.HistoryBroken(height=0)

    def _found(self) -> None:
        """State at height 0: the members and keys of the genesis file."""
        with self.store.commit():
            self.store.write_records(self._founded.changes)
            self.store.set_meta("chain", self.chain.id.encode())
            self.store.set_meta("state_sum", self._founded.state_sum)
        self._remember(self._founded.entries)

    def _check_head(self) -> None:
        """Start checks the header and the last block only (rule 20)."""
        try:
            leaf_bytes, header_bytes = self._block(self.height)
            leaf, signed = decode(leaf_bytes, BlockLeaf), decode(header_bytes, SignedHeader)
            app_hash = merkle.root_of(self.height, self.store.node).hex()
            public = self.operator_key(self.height)
            if self.height >= self.blocks_from():
                for kind in KINDS:
                    self.items(kind, self.height)
        except (Damaged, ValueError) as error:
            raise errors.HistoryBroken(height=self.height) from error
        header = Header(chain=self.chain.id, height=self.height, time_ms=leaf.time_ms, app_hash=app_hash)
        sound = (
            signed.header == header
            and stands(signed, self.genesis, public)
            and self.store.node(0, self.height - 1) == merkle.leaf_hash(leaf_bytes)
            and leaf.height == self.height
            and leaf.state_digest == lthash.digest(self.state_sum)
        )
        if not sound:
            raise errors.HistoryBroken(height=self.height)
        self.time_ms, self.app_hash, self.last_header = leaf.time_ms, app_hash, header

    @property
    def restored(self) -> bool:
        """Whether this ledger came from a backup and nobody has said yet that it is the newest."""
        return self._restored

    def is_copy(self) -> None:
        """Nobody knows whether it is the newest: noted until `found_newest`."""
        self.store.note("restored", b"")
        self._restored = True

    def found_newest(self) -> None:
        """It is: asked of the followers, or caught up from them."""
        self.store.note("restored", None)
        self._restored = False

    def reopen(self) -> None:
        """Begin anew from what lies on disk, replaced there as a whole. Raises as opening does."""
        self._present.forget()
        self.time_ms = self.genesis.created_ms
        self._open()

    def reread(self) -> None:
        """Drop what memory holds of the records and of their sum: both come from disk again."""
        self._present.forget()
        self.state_sum = self.store.meta("state_sum") or lthash.EMPTY

    def close(self) -> None:
        self.store.close()

    # Blocks.

    def execute(self, block: Block, *, alone: bool = False) -> Applied:
        """What a block leads to on the state as it stands; nothing moves. Raises MACHINE_FAULTS, Outdated."""
        self._present.before = {}
        with self._watch(block.transactions), self.store.steady():
            return apply(self.chain, self._present, self.state_sum, block, alone=alone)

    def commit(
        self,
        applied: Applied,
        signed: Callable[[Header], bytes] | bytes,
        notes: Mapping[str, bytes] = NO_NOTES,
    ) -> None:
        """All of the block last executed, in one commit. Memory moves on only after it.

        `signed` are the bytes of the signed header, or what makes them of the header that these bytes must
        sign: it may raise, and nothing was done. `notes` are small facts that become durable with the block.
        Blocks that change nothing (no leaf) are no blocks.
        """
        leaf = applied.leaf
        assert leaf is not None
        leaf_bytes = encode(leaf)
        rows = _transaction_rows(applied)
        with self.store.commit():
            app_hash = self.store.append_leaf(leaf.height - 1, merkle.leaf_hash(leaf_bytes)).hex()
            header = Header(chain=self.chain.id, height=leaf.height, time_ms=leaf.time_ms, app_hash=app_hash)
            header_bytes = signed if isinstance(signed, bytes) else signed(header)
            self.store.write_block(leaf.height, leaf_bytes, header_bytes)
            self.store.write_transactions(leaf.height, rows)
            self.store.write_events(leaf.height, applied.events)
            self.store.write_records(applied.changes)
            self.store.write_writes(leaf.height, pack_writes(applied.changes, self._present.before))
            self.store.set_meta("state_sum", applied.state_sum)
            self._note(notes)
            self._prune(leaf.height)
        self._remember(applied.entries)
        self.state_sum = applied.state_sum
        self.height, self.time_ms, self.app_hash = leaf.height, leaf.time_ms, app_hash
        self.last_header = header
        self.stops.tell(*applied.incidents)

    def rest(self, notes: Mapping[str, bytes]) -> None:
        """A block of a network's engine that changed nothing: only these facts of it become durable."""
        with self.store.commit():
            self._note(notes)

    def _note(self, notes: Mapping[str, bytes]) -> None:
        self.store.drop_meta("stopped")
        for name, value in notes.items():
            self.store.set_meta(name, value)

    @property
    def founded_sum(self) -> bytes:
        """Sum over the records of the genesis file."""
        return self._founded.state_sum

    @property
    def state(self) -> Committed:
        """The records as the last block left them."""
        return self._present

    def after(self, applied: Applied) -> Overlay:
        """The records as the block last executed would leave them."""
        layer = Overlay(self._present)
        for name, entry in applied.entries.items():
            layer.set(name, entry)
        return layer

    def writes_of(self, applied: Applied) -> tuple[Write, ...]:
        """The write set of the block last executed, whether committed or not, in order of table and key."""
        return write_set(pack_writes(applied.changes, self._present.before))

    def _prune(self, height: int) -> None:
        """Drop what the policy no longer keeps, in small steps."""
        self.store.prune("writes", height - self.keep.write_sets + 1, PRUNED_PER_COMMIT)
        if self.keep.blocks is not None and (first := height - self.keep.blocks + 1) > self.blocks_from():
            # Named before it is gone: a block is then refused as pruned, never taken for damaged.
            self.store.set_meta("blocks_from", first.to_bytes(8, "big"))
            for table in ("transactions", "events"):
                self.store.prune(table, first, PRUNED_ROWS_PER_COMMIT)

    def _remember(self, entries: dict[Name, Any]) -> None:
        for name, entry in entries.items():
            self._present.remember(name, entry)


def _transaction_rows(applied: Applied) -> list[tuple[bytes, bytes, bytes, bool, str, str]]:
    return [
        (
            bytes.fromhex(outcome.transaction),
            applied.transactions[index],
            encode(outcome),
            applied.consumed[index],
            refusal.zh if (refusal := applied.refusals[index]) else "",
            refusal.en if refusal else "",
        )
        for index, outcome in enumerate(applied.outcomes)
    ]
