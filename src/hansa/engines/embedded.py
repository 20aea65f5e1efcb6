"""The embedded engine: one process orders, executes, signs and stores blocks, a group of transactions each.

Durable means: the receipt names the height and index at which the transaction rests, and the block's commit
is on disk. Nothing acknowledged is lost; a fault of the machine stops the node before it commits (rule 10).
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hansa.apps import rooms
from hansa.engines import errors
from hansa.engines.founding import found
from hansa.engines.store import SqliteStore
from hansa.kernel import Context, Registry, encode, limits, lthash, merkle
from hansa.kernel.active import Outdated, RoomMissing
from hansa.kernel.apply import MACHINE_FAULTS, Applied, Block, BlockLeaf, Incident, Now, admit, apply
from hansa.kernel.canonical import decode
from hansa.kernel.due import QUEUE
from hansa.kernel.evidence import Header, Inclusion, Proof, SignedHeader, inclusion, signed_by
from hansa.kernel.messages import Outcome, Receipt
from hansa.kernel.refusal import Refusal, shown
from hansa.kernel.signatures import ED25519, HEADER_DOMAIN, Signer, VerifiedCache
from hansa.kernel.state import Committed, Damaged, Name, Overlay
from hansa.kernel.transaction import identity, parse
from hansa.kernel.types import Positive, Struct

Clock = Callable[[], int]
"""Milliseconds since the epoch, UTC."""

CACHE_RECORDS = 100_000
EVENTS_PER_READ_MAX = 10_000
STOPS_MAX = 2
"""Stops on a block after which the node waits for its operator (rule 10)."""
KINDS = ("transaction", "outcome", "event")


class Stop(Struct):
    """Noted on disk when a fault of the machine stops the node, with the block that is to be tried again."""

    stops: Positive
    cause: str
    transactions: tuple[bytes, ...] = ()


class Embedded:
    """A node in one process, used by one thread at a time. `clock` gives block time, which never goes back.

    Raises a Refusal of engines/errors.py if the file, the genesis or the node's key cannot be used.
    """

    def __init__(
        self,
        path: Path,
        genesis: bytes,
        node: Signer,
        clock: Clock,
        *,
        registry: Registry | None = None,
        cache_records: int | None = CACHE_RECORDS,
    ) -> None:
        self.incidents: list[Incident] = []
        self._node = node
        self._clock = clock
        self._stopped: Refusal | None = None
        self._founded = found(genesis, registry or rooms.release(), VerifiedCache().verify)
        self.genesis_bytes, self.genesis, self.chain = genesis, self._founded.genesis, self._founded.chain
        if node.public != self.genesis.node_public:
            raise errors.WrongNodeKey()
        try:
            self._store = SqliteStore(path)
        except OSError as fault:
            raise errors.FileUnusable(path=str(path), cause=str(fault)) from fault
        try:
            self._state = Committed(self._store, cache_records)
            self._open()
        except BaseException as fault:
            self._store.close()
            if isinstance(fault, OSError):
                raise errors.FileUnusable(path=str(path), cause=str(fault)) from fault
            raise

    # Start.

    def _open(self) -> None:
        known = self._store.meta("chain")
        if known is None:
            self._found()
        elif known != self.chain.id.encode():
            raise errors.WrongGenesis(chain=known[:12].decode(errors="replace"))
        self._sum = self._store.meta("state_sum") or lthash.EMPTY
        self.height = self._store.height()
        self.time_ms = self.genesis.created_ms
        self.app_hash = merkle.EMPTY_ROOT.hex()
        if self.height:
            self._check_head()
        elif self._sum != self._founded.state_sum:
            raise errors.HistoryBroken(height=0)
        self._resume()

    def _found(self) -> None:
        """State at height 0: the members and keys of the genesis file."""
        with self._store.commit():
            self._store.write_records(self._founded.changes)
            self._store.set_meta("chain", self.chain.id.encode())
            self._store.set_meta("state_sum", self._founded.state_sum)
        self._remember(self._founded.entries)

    @property
    def now(self) -> Now:
        """What is in force for the next block. Raises Outdated or RoomMissing."""
        return self.chain.at(self._state, self.height + 1)

    @property
    def registry(self) -> Registry:
        return self.now.registry

    def _check_head(self) -> None:
        """Start checks the header and the last block only (rule 20)."""
        try:
            leaf_bytes, header_bytes = self._block(self.height)
            leaf, signed = decode(leaf_bytes, BlockLeaf), decode(header_bytes, SignedHeader)
            app_hash = merkle.root_of(self.height, self._store.node).hex()
        except (Damaged, ValueError) as error:
            raise errors.HistoryBroken(height=self.height) from error
        header = Header(chain=self.chain.id, height=self.height, time_ms=leaf.time_ms, app_hash=app_hash)
        sound = (
            signed.header == header
            and signed_by(signed, self._node.public)
            and self._store.node(0, self.height - 1) == merkle.leaf_hash(leaf_bytes)
            and leaf.height == self.height
            and leaf.state_digest == lthash.digest(self._sum)
            and all(_root(self._items(kind, self.height)) == root for kind, root in _roots(leaf).items())
        )
        if not sound:
            raise errors.HistoryBroken(height=self.height)
        self.time_ms, self.app_hash = leaf.time_ms, app_hash

    def _resume(self) -> None:
        """Try the block that stopped the node once more; after the second stop, wait (rule 10)."""
        stop = self._noted_stop()
        if stop is None:
            return
        if stop.stops >= STOPS_MAX:
            self._wait(stop.cause)
            return
        try:
            self._fill(list(stop.transactions))
        except errors.Waiting:
            return  # The incident says so; the node can still be read.

    def retry(self) -> None:
        """The operator's word that the machine is mended: a waiting node takes transactions again."""
        with self._store.commit():
            self._store.drop_meta("stopped")
        self._stopped = None

    def close(self) -> None:
        self._store.close()

    # Writing.

    def submit(self, wires: Sequence[bytes]) -> list[Receipt]:
        """Order, execute and store transactions, in the order given, in as few blocks as their limits allow.

        Returns when all is durable. Bytes that the ledger holds are answered with their first outcome. What
        would leave no trace in a block is refused at the door, on the state as it stands: nobody fills the
        ledger with rubbish, and a key serves from the block after the one that adds it.
        Raises Stopped or Waiting.
        """
        receipts: dict[int, Receipt] = {}
        group: list[int] = []
        size = 0
        for position, wire in enumerate(wires):
            known = self._at_door(wire)
            if known is not None:
                receipts[position] = known
                continue
            if group and (
                len(group) == limits.BLOCK_TRANSACTIONS_MAX or size + len(wire) > limits.BLOCK_BYTES_MAX
            ):
                receipts.update(zip(group, self._fill([wires[at] for at in group]), strict=True))
                group, size = [], 0
            group.append(position)
            size += len(wire)
        if group:
            receipts.update(zip(group, self._fill([wires[at] for at in group]), strict=True))
        return [receipts[position] for position in range(len(wires))]

    def wake(self) -> None:
        """Make blocks until nothing is due at the clock's time. Raises Stopped or Waiting."""
        ctx = self._reading(max(self.time_ms, self._clock()))
        while next(QUEUE.scan(ctx, end=(ctx.time_ms + 1,), limit=1), None) is not None:
            self._make_block([])
            ctx = self._reading(self.time_ms)

    def next_due_ms(self) -> int | None:
        """When the next work falls due; None if none waits."""
        first = next(QUEUE.scan(self._reading(self.time_ms), limit=1), None)
        return None if first is None else int(first[0][0])

    def _at_door(self, wire: bytes) -> Receipt | None:
        """The answer that needs no block: a first outcome, or a refusal that leaves no trace."""
        try:
            transaction = parse(self.registry, wire)
            name = identity(wire)
            known = self._store.find_transaction(bytes.fromhex(name))
            if known is not None and known[4] and known[2] == wire:
                return self._found_receipt(known)
            admit(self._reading(max(self.time_ms, self._clock())), self.chain, transaction, at_door=True)
        except Refusal as refusal:
            name = identity(wire) if len(wire) <= limits.TRANSACTION_BYTES_MAX else ""
            outcome = Outcome(name, refusal.code, refusal.field, refusal.clause)
            return _receipt(outcome, refusal.zh, refusal.en)
        except MACHINE_FAULTS as fault:
            raise self._stop(fault, []) from fault
        return None

    def _fill(self, wires: list[bytes]) -> list[Receipt]:
        """Blocks for these transactions: one, unless their work is too much for one."""
        receipts: list[Receipt] = []
        while True:
            applied = self._make_block(wires[len(receipts) :])
            for index, (outcome, refusal) in enumerate(zip(applied.outcomes, applied.refusals, strict=True)):
                zh, en = (refusal.zh, refusal.en) if refusal else ("", "")
                receipts.append(_receipt(outcome, zh, en, self.height, index, self.app_hash))
            if len(receipts) == len(wires):
                return receipts

    def _make_block(self, wires: Sequence[bytes]) -> Applied:
        if self._stopped is not None:
            raise self._stopped
        block = Block(self.height + 1, max(self.time_ms, self._clock()), wires)
        try:
            applied = apply(self.chain, self._state, self._sum, block, cut=True)
            if applied.leaf is not None:
                self._write(applied, applied.leaf, wires)
        except MACHINE_FAULTS as fault:
            raise self._stop(fault, wires) from fault
        except (Outdated, RoomMissing) as refusal:
            self._stopped = refusal
            self.incidents.append(Incident("outdated", refusal.en))
            raise
        except BaseException:
            # Interrupted: memory may lag behind the disk, so only a restart goes on.
            self._stopped = errors.Stopped(cause="interrupted")
            raise
        self.incidents.extend(applied.incidents)
        self._remember(applied.entries)
        return applied

    def _remember(self, entries: dict[Name, Any]) -> None:
        for name, entry in entries.items():
            self._state.remember(name, entry)

    def _write(self, applied: Applied, leaf: BlockLeaf, wires: Sequence[bytes]) -> None:
        """All of a block in one commit; what is in memory moves on only after it."""
        leaf_bytes = encode(leaf)
        rows = [
            (
                bytes.fromhex(outcome.transaction),
                wires[index],
                encode(outcome),
                applied.consumed[index],
                refusal.zh if (refusal := applied.refusals[index]) else "",
                refusal.en if refusal else "",
            )
            for index, outcome in enumerate(applied.outcomes)
        ]
        with self._store.commit():
            app_hash = self._store.append_leaf(leaf.height - 1, merkle.leaf_hash(leaf_bytes)).hex()
            header = Header(chain=self.chain.id, height=leaf.height, time_ms=leaf.time_ms, app_hash=app_hash)
            signature = self._node.sign(HEADER_DOMAIN + encode(header))
            signed = SignedHeader(header=header, suite=ED25519, signature=signature)
            self._store.write_block(leaf.height, leaf_bytes, encode(signed))
            self._store.write_transactions(leaf.height, rows)
            self._store.write_events(leaf.height, applied.events)
            self._store.write_records(applied.changes)
            self._store.set_meta("state_sum", applied.state_sum)
            self._store.drop_meta("stopped")
        self._sum = applied.state_sum
        self.height, self.time_ms, self.app_hash = leaf.height, leaf.time_ms, app_hash

    def _stop(self, fault: BaseException, wires: Sequence[bytes]) -> Refusal:
        """Nothing was committed. Note the stop and its block, as far as the disk allows."""
        cause = shown(f"{type(fault).__name__}: {fault}")
        self.incidents.append(Incident("stopped", cause))
        self._stopped = errors.Stopped(cause=cause)
        try:
            before = self._noted_stop()
            stop = Stop(stops=before.stops + 1 if before else 1, cause=cause, transactions=tuple(wires))
            with self._store.commit():
                self._store.set_meta("stopped", encode(stop))
            if stop.stops >= STOPS_MAX:
                self._wait(cause)
        except MACHINE_FAULTS as error:
            self.incidents.append(Incident("stopped", f"the stop itself could not be noted: {error}"))
        return self._stopped

    def _noted_stop(self) -> Stop | None:
        noted = self._store.meta("stopped")
        return None if noted is None else decode(noted, Stop)

    def _wait(self, cause: str) -> None:
        self._stopped = errors.Waiting(cause=cause)
        self.incidents.append(Incident("waiting", cause))

    # Reading.

    def query(self, name: str, arguments: dict[str, Any]) -> Any:
        """A room's query on the committed state. Raises QueryUnknown or QueryArguments."""
        return self.registry.query(self._reading(self.time_ms), name, arguments)

    def events_after(
        self, height: int, index: int, limit: int = EVENTS_PER_READ_MAX
    ) -> list[tuple[int, int, bytes]]:
        """Events in ledger order after (height, index), at most `limit`."""
        if height > self.height:
            return []
        return self._store.events_after(height, max(index, -1), max(0, min(limit, EVENTS_PER_READ_MAX)))

    def head(self) -> SignedHeader | None:
        """The newest signed header; None before the first block."""
        return decode(self._block(self.height)[1], SignedHeader) if self.height else None

    def prove(self, kind: str, height: int, index: int) -> Proof:
        """Proof of a transaction, outcome or event under the present head.

        Raises NotOnLedger where there is none, Damaged where the disk no longer holds what the block had.
        """
        items = self._items(kind, height) if kind in KINDS and 0 < height <= self.height else []
        if not 0 <= index < len(items):
            raise errors.NotOnLedger(kind=kind, height=height, index=index)
        leaf = decode(self._block(height)[0], BlockLeaf)
        if _root(items) != _roots(leaf)[kind]:
            raise Damaged(f"block {height} was damaged on disk; restore a backup")
        path = merkle.path_in([merkle.leaf_hash(item) for item in items], index)
        return Proof(
            kind=kind,  # type: ignore[arg-type]  # one of the three
            item=items[index],
            within_block=inclusion(index, len(items), path),
            block=leaf,
            within_log=self._log_path(height),
        )

    def find(self, transaction: str) -> Receipt | None:
        """Where a transaction lies, by its identity (SHA-256 of the body, hexadecimal)."""
        if len(transaction) != 64 or transaction.strip("0123456789abcdef"):
            return None
        known = self._store.find_transaction(bytes.fromhex(transaction))
        return None if known is None else self._found_receipt(known)

    def consistency(self, old: int) -> list[str]:
        """Path that shows that the log at height `old` is a prefix of the present one. Raises NotOnLedger."""
        if not 0 < old <= self.height:
            raise errors.NotOnLedger(kind="block", height=old, index=0)
        return [step.hex() for step in merkle.consistency_path(old, self.height, self._store.node)]

    def _reading(self, time_ms: int) -> Context:
        now = self.now
        return Context(
            now.registry,
            Overlay(self._state),
            time_ms=time_ms,
            height=self.height,
            chain=self.chain.id,
            rules=now.rules,
        )

    def _items(self, kind: str, height: int) -> list[bytes]:
        if kind == "event":
            return self._store.events(height)
        return [row[kind == "outcome"] for row in self._store.transactions(height)]

    def _log_path(self, height: int) -> Inclusion:
        path = merkle.inclusion_path(height - 1, self.height, self._store.node)
        return inclusion(height - 1, self.height, path)

    def _block(self, height: int) -> tuple[bytes, bytes]:
        found_block = self._store.block(height)
        if found_block is None:
            raise Damaged(f"block {height} is missing")
        return found_block

    def _found_receipt(self, known: tuple[int, int, bytes, bytes, bool, str, str]) -> Receipt:
        height, index, _, outcome, _, zh, en = known
        app_hash = decode(self._block(height)[1], SignedHeader).header.app_hash
        return _receipt(decode(outcome, Outcome), zh, en, height, index, app_hash)


def _receipt(
    outcome: Outcome, zh: str, en: str, height: int = 0, index: int = 0, app_hash: str = ""
) -> Receipt:
    return Receipt(
        transaction=outcome.transaction,
        code=outcome.code,
        field=outcome.field,
        clause=outcome.clause,
        zh=zh,
        en=en,
        height=height,
        index=index,
        app_hash=app_hash,
    )


def _roots(leaf: BlockLeaf) -> dict[str, str]:
    return {
        "transaction": leaf.transactions_root,
        "outcome": leaf.outcomes_root,
        "event": leaf.events_root,
    }


def _root(items: Sequence[bytes]) -> str:
    return merkle.root([merkle.leaf_hash(item) for item in items]).hex()
