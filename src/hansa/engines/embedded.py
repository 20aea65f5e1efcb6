"""The embedded engine: one process orders, executes, signs and stores blocks, a group of transactions each.

Durable means: the receipt names the height and index at which the transaction rests, and the block's commit
is on disk. Nothing acknowledged is lost; a fault of the machine stops the node before it commits (rule 10).
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

from hansa.apps import rooms
from hansa.engines import errors
from hansa.engines.blocks import BlockData
from hansa.engines.checking import append
from hansa.engines.folder import open_folder
from hansa.engines.founding import found
from hansa.engines.ledger import CACHE_RECORDS, KEEP, Keep, Watch, unwatched
from hansa.engines.operators import SUCCEED, succession_in, successor_after, successor_key
from hansa.engines.reader import Reader, reader_of
from hansa.engines.reading import EVENTS_PER_READ_MAX, receipt
from hansa.engines.stops import STOPS_MAX
from hansa.engines.store import Connect, connect
from hansa.kernel import Registry, Release, encode, keys, limits
from hansa.kernel.apply import MACHINE_FAULTS, Applied, Block, Incident
from hansa.kernel.canonical import Malformed
from hansa.kernel.due import QUEUE
from hansa.kernel.evidence import Header, Proof, SignedHeader
from hansa.kernel.messages import Outcome, Receipt
from hansa.kernel.refusal import Refusal
from hansa.kernel.signatures import ED25519, HEADER_DOMAIN, Signer, VerifiedCache
from hansa.kernel.transaction import identity

Clock = Callable[[], int]
"""Milliseconds since the epoch, UTC."""
UNSHOWN_MAX = 1_000
"""Blocks that were durable, but not in the journal of signed headers yet when a node ended, at most."""


class Ordered(NamedTuple):
    """What became of transactions, in their order; and what stopped the work, where some have no receipt."""

    receipts: list[Receipt | None]
    refusal: Refusal | None


class Embedded:
    """A node in one process, used by one thread at a time. `clock` gives block time, which never goes back.

    Others read beside it through `reader()`. Raises a Refusal of engines/errors.py if the folder, the genesis
    or the node's key cannot be used. `registry` stands for a release of its rooms: tests have their own.

    `succession`: a transaction by which the cosigners make this node the operator, of a follower's folder.
    Where it is not the operator yet, it begins with the block of that transaction.
    """

    def __init__(
        self,
        path: Path,
        genesis: bytes,
        node: Signer,
        clock: Clock,
        *,
        release: Release | None = None,
        registry: Registry | None = None,
        cache_records: int | None = CACHE_RECORDS,
        keep: Keep = KEEP,
        connect: Connect = connect,
        watch: Watch = unwatched,
        succession: bytes = b"",
    ) -> None:
        self._node, self._succession = node, succession
        self._clock = clock
        self._unshown: deque[SignedHeader] = deque()
        self._showing = Lock()
        self.verified = VerifiedCache()
        founded = found(genesis, registry or release or rooms.release(), self.verified.verify)
        self.genesis_bytes, self.genesis, self.chain = genesis, founded.genesis, founded.chain
        if node.public != self.genesis.node_public and not path.exists():
            raise errors.WrongNodeKey()  # Before anything is written.
        self.signed, self.ledger = open_folder(
            path, founded, cache_records=cache_records, keep=keep, connect=connect, watch=watch
        )
        try:
            self._start()
        except BaseException:
            self.close()
            raise

    def _start(self) -> None:
        ordering = self._orders(self.height + 1)
        if not ordering and (
            not self._succession or successor_key(self.ledger, self._succession) != self._node.public
        ):
            raise errors.WrongNodeKey()
        for height in range(max(self.signed.height, self.height - UNSHOWN_MAX) + 1, self.height + 1):
            head = self.ledger.header(height)
            self.signed.put(head.header, head)
        if ordering:
            self._resume()
        else:
            self.ledger.found_newest()  # By the word of the cosigners, who say which block is the last.
            self._make_block([self._succession], succeeding=True)
            self.show()

    def _resume(self) -> None:
        """Try the block that stopped the node once more; after the second stop, wait (rule 10)."""
        stop = self.ledger.stops.noted()
        if stop is None:
            return
        if stop.stops >= STOPS_MAX:
            self.ledger.stops.wait(stop.cause)
            return
        try:
            again = list(stop.transactions)
            self._fill(again, list(range(len(again))), [None] * len(again))
            self.show()
        except (errors.Waiting, errors.NotCaughtUp, errors.Restored):
            return  # The node can still be read; whoever writes is told.

    def retry(self, *, drop: bool = False) -> None:
        """The operator's word that the machine is mended: a waiting node takes transactions again.

        `drop`: it was not the machine. The transactions of the block that stopped the node are set aside:
        whoever sends them again is told so, and they are not tried.
        """
        self.ledger.stops.clear(drop=drop)

    def close(self) -> None:
        self.ledger.close()
        self.signed.close()

    # What is in force, and where the chain stands.

    @property
    def public(self) -> bytes:
        """The key under which this node signs headers."""
        return self._node.public

    @property
    def height(self) -> int:
        return self.ledger.height

    @property
    def time_ms(self) -> int:
        return self.ledger.time_ms

    @property
    def app_hash(self) -> str:
        return self.ledger.app_hash

    @property
    def registry(self) -> Registry:
        """The rooms in force for the next block. Raises Outdated or RoomMissing."""
        return self.ledger.registry

    @property
    def incidents(self) -> list[Incident]:
        """Trouble for the operator, newest last."""
        return self.ledger.stops.incidents

    # Writing.

    def submit(self, wires: Sequence[bytes]) -> list[Receipt]:
        """Order, execute and store transactions, in the order given, in as few blocks as their limits allow.

        Returns when all is durable and may be shown. Bytes that the ledger holds are answered with their
        first outcome; what would leave no trace in a block is refused by a receipt of height 0.
        Raises Stopped, Waiting, Outdated, RoomMissing, NotCaughtUp or Restored.
        """
        ordered = self.order(wires)
        self.show()
        if ordered.refusal is not None:
            raise ordered.refusal
        return [receipt for receipt in ordered.receipts if receipt is not None]

    def order(self, wires: Sequence[bytes]) -> "Ordered":
        """As `submit`, but the receipts may be handed out only after the next `show`.

        What stops it, stops it between two blocks: what was decided before keeps its receipts.
        """
        receipts: list[Receipt | None] = [None] * len(wires)
        try:
            with self.ledger.store.steady():
                for group in self._groups(wires, receipts):
                    self._fill(wires, group, receipts)
        except Refusal as refusal:
            for position, wire in enumerate(wires):
                receipts[position] = receipts[position] or self._known(wire)
            return Ordered(receipts, refusal if None in receipts else None)
        return Ordered(receipts, None)

    def _groups(self, wires: Sequence[bytes], receipts: list[Receipt | None]) -> Iterator[list[int]]:
        """Positions of what may lie in a block together. What need not be tried has its receipt at once."""
        group: list[int] = []
        size = 0
        for position, wire in enumerate(wires):
            if SUCCEED in wire and succession_in(self.ledger.registry, wire) is not None:
                receipts[position] = _refused(wire, errors.SuccessionNotHere())
                continue
            if self.ledger.stops.is_set_aside(wire):
                receipts[position] = _refused(wire, errors.SetAside(transaction=identity(wire)[:12]))
                continue
            if group and (
                len(group) == limits.BLOCK_TRANSACTIONS_MAX or size + len(wire) > limits.BLOCK_BYTES_MAX
            ):
                yield group
                group, size = [], 0
            group.append(position)
            size += len(wire)
        if group:
            yield group

    def show(self) -> None:
        """Let the blocks ordered so far be seen: their headers are known here for ever.

        May be called on a thread of its own, while the next blocks are ordered. Raises Stopped, SignedOther.
        """
        with self._showing:
            try:
                while self._unshown:
                    head = self._unshown[0]
                    self.signed.put(head.header, head)
                    self._unshown.popleft()
            except MACHINE_FAULTS as fault:
                raise self.ledger.stops.stop(fault, []) from fault

    def wake(self) -> None:
        """Make blocks until nothing is due at the clock's time. Raises what `submit` raises."""
        ctx = self.ledger.context(max(self.time_ms, self._clock()))
        while next(QUEUE.scan(ctx, end=(ctx.time_ms + 1,), limit=1), None) is not None:
            self._make_block([])
            ctx = self.ledger.context(self.time_ms)
        self.show()

    def next_due_ms(self) -> int | None:
        """When the next work falls due; None if none waits."""
        first = next(QUEUE.scan(self.ledger.context(self.time_ms), limit=1), None)
        return None if first is None else int(first[0][0])

    def recover(self, blocks: Iterable[BlockData]) -> None:
        """Append blocks that this node signed and its ledger lost: a restored older copy catches up.

        Each is executed and compared as a follower does. Without any, it is the operator's word that the
        followers hold nothing later. Raises NotByOperator, NotNext, Differs, SignedOther; then NotCaughtUp
        if the node has signed more than came.
        """
        for block in blocks:
            with self.ledger.stops.guarded():
                self.signed.put(append(self.ledger, block, self.signed))
        self._caught_up()
        self.ledger.found_newest()

    def _caught_up(self) -> None:
        if self.height < self.signed.height:
            raise errors.NotCaughtUp(height=self.height, signed=self.signed.height)

    def _orders(self, height: int) -> bool:
        """A vote may have made another node the operator: this one then orders no more."""
        return self._node.public == self.ledger.operator_key(height)

    def _fill(self, wires: Sequence[bytes], group: list[int], receipts: list[Receipt | None]) -> None:
        """Blocks for these transactions: one, unless their work is too much for one."""
        while group:
            applied = self._make_block([wires[position] for position in group])
            left_out = dict(applied.left_out)
            index = 0
            for place in range(len(applied.outcomes) + len(left_out)):
                wire = wires[group[place]]
                if place in left_out:
                    receipts[group[place]] = self._left_out(wire, left_out[place])
                    continue
                refusal = applied.refusals[index]
                zh, en = (refusal.zh, refusal.en) if refusal else ("", "")
                outcome = applied.outcomes[index]
                receipts[group[place]] = receipt(outcome, zh, en, self.height, index, self.app_hash)
                index += 1
            group = group[len(applied.outcomes) + len(left_out) :]

    def _left_out(self, wire: bytes, refusal: Refusal) -> Receipt:
        """The answer that needs no block: a first outcome, or a refusal that leaves no trace."""
        maybe = isinstance(refusal, keys.REFUSED_WHEN_KNOWN)
        if isinstance(refusal, Malformed):  # It may hold an action that was in force once.
            maybe = self.chain.id.encode() in wire
        return (self._known(wire) if maybe else None) or _refused(wire, refusal)

    def _known(self, wire: bytes) -> Receipt | None:
        """The first outcome of bytes that the ledger holds."""
        try:
            known = self.ledger.store.find_transaction(bytes.fromhex(identity(wire)))
            # A commit that failed may be on disk all the same: then it counts once the node was started anew.
            if known is not None and known[0] <= self.height and known[4] and known[2] == wire:
                return self.ledger.found_receipt(known)
        except MACHINE_FAULTS as fault:
            raise self.ledger.stops.stop(fault, []) from fault
        return None

    def _make_block(self, wires: Sequence[bytes], *, succeeding: bool = False) -> Applied:
        ledger = self.ledger
        ledger.stops.check()
        self._caught_up()
        if not succeeding and not self._orders(self.height + 1):
            raise errors.WrongNodeKey()
        if not succeeding and self.signed.handed(self.height):
            raise errors.HandedOver(height=self.height)
        if ledger.restored:
            raise errors.Restored(height=self.height)
        with ledger.stops.guarded(wires):
            block = Block(self.height + 1, max(self.time_ms, self._clock()), wires)
            applied = ledger.execute(block, alone=True)
            if successor_after(applied, block.height) != (self._node.public if succeeding else b""):
                # Nobody would take this block from this node.
                refused = [*dict(applied.left_out).values(), *filter(None, applied.refusals)]
                raise refused[0] if succeeding and refused else errors.WrongNodeKey()
            if applied.leaf is not None:
                ledger.commit(applied, self._sign)
                self._unshown.append(self._signing)
        return applied

    def _sign(self, header: Header) -> bytes:
        if header.height <= self.signed.height:
            raise errors.SignedOther(height=header.height)
        signature = self._node.sign(HEADER_DOMAIN + encode(header))
        self._signing = SignedHeader(header=header, suite=ED25519, signature=signature)
        return encode(self._signing)

    # Reading, on the state as it stands; from other threads, through `reader()`.

    def reader(self) -> Reader:
        """Snapshots beside the writer. A block is shown once its signature is recorded."""
        return reader_of(self.ledger, published=lambda: self.signed.height)

    def query(self, name: str, arguments: dict[str, Any]) -> Any:
        return self.ledger.query(name, arguments)

    def events_after(
        self, height: int, index: int, limit: int = EVENTS_PER_READ_MAX
    ) -> list[tuple[int, int, bytes]]:
        return self.ledger.events_after(height, index, limit)

    def head(self) -> SignedHeader | None:
        return self.ledger.head()

    def prove(self, kind: str, height: int, index: int, head: int | None = None) -> Proof:
        return self.ledger.prove(kind, height, index, head)

    def find(self, transaction: str) -> Receipt | None:
        return self.ledger.find(transaction)

    def consistency(self, old: int) -> list[str]:
        return self.ledger.consistency(old)


def _refused(wire: bytes, refusal: Refusal) -> Receipt:
    name = identity(wire) if len(wire) <= limits.TRANSACTION_BYTES_MAX else ""
    outcome = Outcome(name, refusal.code, refusal.field, refusal.clause)
    return receipt(outcome, refusal.zh, refusal.en)
