"""Reading a chain: queries, events, proofs, blocks, write sets, as of the height where the reading stands."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

from hansa.apps.consortium.messages import CosignerSet, Genesis
from hansa.engines import errors
from hansa.engines.blocks import BlockData, Write, unpack_writes, write_set
from hansa.engines.operators import operator_key, set_at
from hansa.engines.past import Past
from hansa.engines.store import Rows
from hansa.kernel import Context, Registry, merkle
from hansa.kernel.active import Outdated, RoomMissing
from hansa.kernel.apply import BlockLeaf, Chain, Now
from hansa.kernel.canonical import decode
from hansa.kernel.evidence import BlockProof, Inclusion, Proof, SignedHeader, inclusion
from hansa.kernel.messages import Outcome, Receipt
from hansa.kernel.state import Committed, Damaged, Name, Overlay

EVENTS_PER_READ_MAX = 10_000
RECORDS_PER_READ_MAX = 10_000
HISTORY_BLOCKS_MAX = 1_000
HISTORY_WRITES_MAX = 1_000_000
"""Writes that are taken back for one question about the past: about 200 MB for a moment."""
T = TypeVar("T")
KINDS = ("transaction", "outcome", "event")
LAST_KEY = b"\xff"
"""Above every key of a record."""


class Answer(NamedTuple):
    """A query's value, where the ledger stood, and the readers' classes of the records that it rests on."""

    value: Any
    height: int
    time_ms: int
    touched: frozenset[str]


class _Touched(dict[str, None]):
    """Classes of records, each let in before it is read."""

    def __init__(self, may_read: Callable[[str], None]) -> None:
        super().__init__()
        self._may_read = may_read

    def __setitem__(self, readers: str, value: None) -> None:
        if readers not in self:
            self._may_read(readers)
            super().__setitem__(readers, value)


class Reading:
    """The chain at one height. Used by one thread at a time.

    Whatever was asked and is not there is refused by name: NotOnLedger, Pruned, TooFarBack, QueryUnknown,
    QueryArguments. Raises Damaged where the disk no longer holds what a block had.
    """

    def __init__(
        self, rows: Rows, state: Committed, chain: Chain, genesis: Genesis, height: int, time_ms: int
    ) -> None:
        self.rows, self.chain, self.genesis = rows, chain, genesis
        self.height, self.time_ms = height, time_ms
        self._state = state
        self._now: tuple[int, Now] | None = None
        self._coming: tuple[int, Registry | None] | None = None

    @property
    def now(self) -> Now:
        """What is in force for the next block. Raises Outdated or RoomMissing."""
        if self._now is None or self._now[0] != self.height:
            self._now = self.height, self.chain.at(self._state, self.height + 1)
        return self._now[1]

    @property
    def registry(self) -> Registry:
        return self.now.registry

    def coming(self, blocks: int) -> Registry | None:
        """What is in force so many blocks after the next; None where nothing changes till then, or where this
        program lacks it. To be asked for one number of blocks.
        """
        if self._coming is None or self._coming[0] != self.height:
            try:
                found = self.chain.at(self._state, self.height + 1 + blocks).registry
            except (Outdated, RoomMissing):
                found = self.registry
            self._coming = self.height, None if found is self.registry else found
        return self._coming[1]

    def context(self, time_ms: int) -> Context:
        """A view of the records, for the code of a room."""
        return Context(
            self.now.registry,
            Overlay(self._state),
            time_ms=time_ms,
            height=self.height,
            chain=self.chain.id,
            rules=self.now.rules,
        )

    def operator_key(self, height: int) -> bytes:
        """The public key under which the header of a height stands, up to the next one."""
        return operator_key(self._state, self.genesis, height)

    def set_at(self, height: int) -> CosignerSet | None:
        """The set of cosigners of a height, up to the next one; None under rules 1."""
        return set_at(self._state, height)

    # Questions to rooms.

    def query(self, name: str, arguments: dict[str, Any]) -> Any:
        """A room's query on the committed state."""
        return self.answer(name, arguments).value

    def answer(
        self,
        name: str,
        arguments: dict[str, Any],
        *,
        height: int | None = None,
        may_read: Callable[[str], None] = lambda readers: None,
    ) -> Answer:
        """The same with what it rests on; as of a past height if one is named.

        `may_read` is asked once for each class of records, before the first of it is read: what it raises
        ends the query.
        """
        if height is not None and height != self.height:
            return self.at(height).answer(name, arguments, may_read=may_read)
        ctx = self.context(self.time_ms)
        ctx.touched = _Touched(may_read)
        value = ctx.registry.query(ctx, name, arguments)
        return Answer(value, self.height, self.time_ms, frozenset(ctx.touched))

    def at(self, height: int) -> "Reading":
        """The chain as it stood at an earlier height. Raises NotOnLedger or TooFarBack."""
        if not 0 <= height <= self.height:
            raise errors.NotOnLedger(kind="block", height=height, index=0)
        past = Past(self.rows, self._taken_back(height))
        time_ms = self.leaf(height).time_ms if height else self.genesis.created_ms
        return Reading(self.rows, Committed(past), self.chain, self.genesis, height, time_ms)

    def _taken_back(self, height: int) -> dict[Name, bytes | None]:
        """What lay at a height under each record that was written since."""
        before: dict[Name, bytes | None] = {}
        too_far = errors.TooFarBack(height=height, limit=HISTORY_BLOCKS_MAX)
        if self.height - height > HISTORY_BLOCKS_MAX:
            raise too_far
        for later in range(self.height, height, -1):
            data = self.rows.writes(later)
            if data is None or len(before) > HISTORY_WRITES_MAX:
                raise too_far
            for table, key, old, _ in unpack_writes(data):
                before[table, key] = old
        return before

    def records(self, table: str, after: bytes, limit: int) -> list[tuple[bytes, bytes]]:
        """(key, stored bytes) of a table's records whose key is above `after`, in order."""
        limit = max(0, min(limit, RECORDS_PER_READ_MAX))
        start = after + b"\x00" if after else b""
        return self._state.store.scan(table, start, LAST_KEY, limit, False)

    # Blocks.

    def head(self) -> SignedHeader | None:
        """The newest signed header; None before the first block."""
        return self.header(self.height) if self.height else None

    def header(self, height: int) -> SignedHeader:
        return _stored(self._block(height)[1], SignedHeader, height)

    def leaf(self, height: int) -> BlockLeaf:
        return _stored(self._block(height)[0], BlockLeaf, height)

    def block(self, height: int) -> BlockData:
        """A block to hand on. Raises Pruned where only its leaf and header are kept."""
        wires = tuple(self.items("transaction", height))
        return BlockData(leaf=self.leaf(height), header=self.header(height), wires=wires)

    def write_set(self, height: int) -> tuple[Write, ...]:
        """What a block did to the records, in order of table and key. Raises Pruned."""
        self._block(height)
        data = self.rows.writes(height)
        if data is None:
            raise errors.Pruned(height=height, what="writes", first=self.rows.first_writes())
        return write_set(data)

    def items(self, kind: str, height: int) -> list[bytes]:
        """A block's transactions, outcomes or events, checked against its leaf. Raises Pruned, Damaged."""
        leaf = self.leaf(height)
        found = self._stored_items(kind, height)
        if _root(found) != roots(leaf)[kind]:
            first = self.blocks_from()
            if height < first:
                raise errors.Pruned(height=height, what=kind, first=first)
            raise Damaged(f"block {height} was damaged on disk; restore a backup")
        return found

    def blocks_from(self) -> int:
        """The first block whose transactions, outcomes and events are kept."""
        return int.from_bytes(self.rows.meta("blocks_from") or b"\x01", "big")

    def events_after(
        self, height: int, index: int, limit: int = EVENTS_PER_READ_MAX
    ) -> list[tuple[int, int, bytes]]:
        """Events in ledger order after (height, index), at most `limit`. Raises Pruned."""
        if height > self.height:
            return []
        height, first = max(height, 0), self.blocks_from()
        if height < first - 1:
            raise errors.Pruned(height=height + 1, what="event", first=first)
        limit = max(0, min(limit, EVENTS_PER_READ_MAX))
        return self.rows.events_after(height, max(index, -1), self.height, limit)

    def find(self, transaction: str) -> Receipt | None:
        """Where a transaction lies, by its identity (SHA-256 of the body, hexadecimal)."""
        if len(transaction) != 64 or transaction.strip("0123456789abcdef"):
            return None
        known = self.rows.find_transaction(bytes.fromhex(transaction))
        return None if known is None or known[0] > self.height else self.found_receipt(known)

    def found_receipt(self, known: tuple[int, int, bytes, bytes, bool, str, str]) -> Receipt:
        """The receipt of a row of `find_transaction`."""
        height, index, _, outcome, _, zh, en = known
        app_hash = self.header(height).header.app_hash
        return receipt(decode(outcome, Outcome), zh, en, height, index, app_hash)

    # Proofs.

    def prove(self, kind: str, height: int, index: int, head: int | None = None) -> Proof:
        """Proof of a transaction, outcome or event under the header of height `head` (here: the newest)."""
        return self.proofs(kind, height, [index], head)[0]

    def proofs(self, kind: str, height: int, indexes: Sequence[int], head: int | None = None) -> list[Proof]:
        """Proofs of several items of one block: its tree is built once."""
        head = self.height if head is None else head
        known = kind in KINDS and 0 < height <= head <= self.height
        items = self.items(kind, height) if known else []
        for index in indexes:
            if not 0 <= index < len(items):
                raise errors.NotOnLedger(kind=kind, height=height, index=index)
        tree = merkle.levels([merkle.leaf_hash(item) for item in items])
        return list(self._proofs(kind, self._log_path(height, head), indexes, items, tree))

    def _proofs(
        self,
        kind: str,
        within_log: Inclusion,
        indexes: Sequence[int],
        items: list[bytes],
        tree: list[list[bytes]],
    ) -> Iterator[Proof]:
        leaf = self.leaf(within_log.index + 1)
        for index in indexes:
            path = merkle.inclusion_path(index, len(items), lambda level, at: tree[level][at])
            yield Proof(
                kind=kind,  # type: ignore[arg-type]  # one of the three
                item=items[index],
                within_block=inclusion(index, len(items), path),
                block=leaf,
                within_log=within_log,
            )

    def prove_block(self, kind: str, height: int, head: int | None = None) -> BlockProof:
        """All items of a kind of a block, under the header of height `head` (here: the newest)."""
        head = self.height if head is None else head
        if kind not in KINDS or not 0 < height <= head <= self.height:
            raise errors.NotOnLedger(kind=kind, height=height, index=0)
        return BlockProof(
            kind=kind,  # type: ignore[arg-type]  # one of the three
            items=tuple(self.items(kind, height)),
            block=self.leaf(height),
            within_log=self._log_path(height, head),
        )

    def consistency(self, old: int, new: int | None = None) -> list[str]:
        """Path that shows that the log at height `old` is a prefix of the one at `new` (or now)."""
        new = self.height if new is None else new
        if not 0 < old <= new <= self.height:
            raise errors.NotOnLedger(kind="block", height=old if new <= self.height else new, index=0)
        return [step.hex() for step in merkle.consistency_path(old, new, self.rows.node)]

    def _log_path(self, height: int, head: int) -> Inclusion:
        path = merkle.inclusion_path(height - 1, head, self.rows.node)
        return inclusion(height - 1, head, path)

    def _stored_items(self, kind: str, height: int) -> list[bytes]:
        if kind == "event":
            return self.rows.events(height)
        return [row[kind == "outcome"] for row in self.rows.transactions(height)]

    def _block(self, height: int) -> tuple[bytes, bytes]:
        if not 0 < height <= self.height:
            raise errors.NotOnLedger(kind="block", height=height, index=0)
        return self.rows.block_at(height)


def receipt(
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


def roots(leaf: BlockLeaf) -> dict[str, str]:
    """The three roots that a leaf commits to, by kind of item."""
    return {
        "transaction": leaf.transactions_root,
        "outcome": leaf.outcomes_root,
        "event": leaf.events_root,
    }


def _stored(data: bytes, kind: type[T], height: int) -> T:
    try:
        return decode(data, kind)
    except (ValueError, TypeError) as error:  # Damage may also turn bytes into a number.
        raise Damaged(f"block {height} was damaged on disk; restore a backup") from error


def _root(items: Sequence[bytes]) -> str:
    return merkle.root([merkle.leaf_hash(item) for item in items]).hex()
