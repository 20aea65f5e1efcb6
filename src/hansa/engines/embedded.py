"""The embedded engine: one process orders, executes, signs and stores blocks, a group of transactions each.

Durable means: the receipt names the height and index at which the transaction rests, and the block's commit is on
disk. Nothing acknowledged is lost; a fault of the machine stops the node before it commits (protocol, rule 10).
"""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hansa.apps import rooms
from hansa.apps.consortium import contract as consortium
from hansa.apps.consortium.messages import Genesis
from hansa.engines.store import SqliteStore
from hansa.kernel import Context, Registry, encode, limits, lthash, merkle
from hansa.kernel.apply import MACHINE_FAULTS, Applied, Block, BlockLeaf, Chain, Incident, admit, apply
from hansa.kernel.canonical import decode, decode_strict
from hansa.kernel.due import QUEUE
from hansa.kernel.evidence import Header, Inclusion, Proof, SignedHeader, inclusion
from hansa.kernel.messages import Outcome
from hansa.kernel.refusal import CATALOGUE, Refusal
from hansa.kernel.signatures import ED25519, HEADER_DOMAIN, Signer, VerifiedCache
from hansa.kernel.state import Committed, Overlay
from hansa.kernel.transaction import identity, parse
from hansa.kernel.types import Natural, Struct

Clock = Callable[[], int]
"""Milliseconds since the epoch, UTC."""

CACHE_RECORDS = 100_000
EVENTS_PER_READ_MAX = 10_000


class Stopped(Refusal, code="engine.stopped", field=""):
    zh = "节点因机器故障停机({cause}),未提交任何内容。排除故障后重启节点。"
    en = "The node stopped on a fault of its machine ({cause}); nothing was committed. Mend it and start again."


class Waiting(Refusal, code="engine.waiting", field=""):
    zh = "同一区块两次使节点停机({cause})。节点只读等待,请查看事件并联系支持。"
    en = "The same block stopped the node twice ({cause}). The node now only reads; see its incidents."


class WrongGenesis(Refusal, code="engine.wrong_genesis", field="genesis"):
    zh = "该数据目录属于另一个联盟(链 {chain}…)。请使用它自己的创世文件,或另选目录。"
    en = "This data directory belongs to another consortium (chain {chain}…). Use its own genesis file."


class HistoryBroken(Refusal, code="engine.history_broken", field="header"):
    zh = "最后一个区块与其签名或状态不符:账本文件被改动或损坏。请从备份恢复。"
    en = "The last block does not fit its signature or its state: the ledger file was changed. Restore a backup."


class Receipt(Struct):
    """What became of a transaction. Height 0: it was refused before a block and left no trace."""

    transaction: str
    code: str
    field: str = ""
    clause: str = ""
    zh: str = ""
    en: str = ""
    height: Natural = 0
    index: Natural = 0
    app_hash: str = ""


class Embedded:
    """A node in one process. `clock` gives block time, which never goes back."""

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
        self.genesis_bytes = genesis
        self.genesis = decode_strict(genesis, Genesis)
        self.registry = registry or rooms.registry()
        self.incidents: list[Incident] = []
        self._node = node
        self._clock = clock
        self._store = SqliteStore(path)
        self._state = Committed(self._store, cache_records)
        self._signatures = VerifiedCache()
        self._stopped: Refusal | None = None
        self.chain = Chain(
            id=hashlib.sha256(genesis).hexdigest(),
            registry=self.registry,
            verify=self._signatures.verify,
            rules=self.genesis.rules,
        )
        self._open()

    # Start.

    def _open(self) -> None:
        known = self._store.meta("chain")
        if known is None:
            self._found()
        elif known.decode() != self.chain.id:
            raise WrongGenesis(chain=known.decode()[:12])
        self._sum = self._store.meta("state_sum") or lthash.EMPTY
        self.height = self._store.height()
        self.time_ms = self.genesis.created_ms
        if self.height:
            self._check_head()
        self._resume()

    def _found(self) -> None:
        """State at height 0: the members and keys of the genesis file."""
        layer = Overlay(self._state)
        ctx = Context(
            self.registry,
            layer,
            time_ms=self.genesis.created_ms,
            height=0,
            chain=self.chain.id,
            rules=self.chain.rules,
        )
        consortium.found(ctx, self.genesis)
        changes = {name: entry[0] if entry else None for name, entry in layer.entries.items()}
        added = [lthash.element(table, key, value) for (table, key), value in changes.items() if value]
        with self._store.commit():
            self._store.write_records(changes)
            self._store.set_meta("chain", self.chain.id.encode())
            self._store.set_meta("state_sum", lthash.update(lthash.EMPTY, [], added))
        self._remember(layer.entries)

    def _check_head(self) -> None:
        """Start checks the header and the last block only (rule 20)."""
        leaf_bytes, _ = self._block(self.height)
        leaf = decode(leaf_bytes, BlockLeaf)
        signed = self.head()
        assert signed is not None
        root = merkle.root_of(self.height, self._store.node).hex()
        sound = (
            leaf.state_digest == lthash.digest(self._sum)
            and signed.header.app_hash == root
            and self._store.node(0, self.height - 1) == merkle.leaf_hash(leaf_bytes)
            and self._signatures.verify(
                self._node.public, signed.suite, signed.signature, HEADER_DOMAIN + encode(signed.header)
            )
        )
        if not sound:
            raise HistoryBroken()
        self.time_ms = leaf.time_ms

    def _resume(self) -> None:
        """Try once more the block that stopped the node; after the second stop, wait with an incident (rule 10)."""
        stopped = self._store.meta("stopped")
        if stopped is None:
            return
        attempts, cause = stopped.decode().split(":", 1)
        if int(attempts) >= 2:
            self._stopped = Waiting(cause=cause)
            self.incidents.append(Incident("waiting", cause))

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

        Returns when all is durable. Bytes that the ledger holds already are answered with their first outcome.
        """
        receipts: list[Receipt | None] = [None] * len(wires)
        group: list[tuple[int, bytes]] = []
        size = 0
        for position, wire in enumerate(wires):
            receipts[position] = self._first_outcome(wire) or self._refused_at_the_door(wire)
            if receipts[position] is not None:
                continue
            if group and (
                len(group) == limits.BLOCK_TRANSACTIONS_MAX or size + len(wire) > limits.BLOCK_BYTES_MAX
            ):
                self._fill(receipts, group)
                group, size = [], 0
            group.append((position, wire))
            size += len(wire)
        if group:
            self._fill(receipts, group)
        return [receipt for receipt in receipts if receipt is not None]

    def wake(self) -> None:
        """Make a block if work has fallen due."""
        ctx = self._reading(max(self.time_ms, self._clock()))
        while next(iter(QUEUE.scan(ctx, end=(ctx.time_ms + 1,), limit=1)), None) is not None:
            self._make_block([])
            ctx = self._reading(self.time_ms)

    def _first_outcome(self, wire: bytes) -> Receipt | None:
        for height, index, stored, outcome, consumed, zh, en in self._store.find_transaction(
            bytes.fromhex(identity(wire))
        ):
            if consumed and stored == wire:
                return self._receipt(decode(outcome, Outcome), height, index, zh, en)
        return None

    def _refused_at_the_door(self, wire: bytes) -> Receipt | None:
        """What would leave no trace in a block does not get into one: nobody fills the ledger with rubbish."""
        try:
            transaction = parse(self.registry, wire)
            body = transaction.body
            ctx = self._reading(max(self.time_ms, self._clock()))
            ctx.member, ctx.key = body.member, body.key
            admit(ctx, self.chain, transaction, sequence=False)
        except Refusal as refusal:
            return Receipt(
                transaction=identity(wire),
                code=refusal.code,
                field=refusal.field,
                clause=refusal.clause,
                zh=refusal.zh,
                en=refusal.en,
            )
        return None

    def _fill(self, receipts: list[Receipt | None], group: Sequence[tuple[int, bytes]]) -> None:
        applied = self._make_block([wire for _, wire in group])
        for index, (position, _) in enumerate(group):
            refusal = applied.refusals[index]
            zh, en = (refusal.zh, refusal.en) if refusal else ("", "")
            receipts[position] = self._receipt(applied.outcomes[index], self.height, index, zh, en)

    def _make_block(self, wires: Sequence[bytes]) -> Applied:
        if self._stopped is not None:
            raise self._stopped
        block = Block(self.height + 1, max(self.time_ms, self._clock()), wires)
        try:
            applied = apply(self.chain, self._state, self._sum, block)
            if applied.leaf is not None:
                self._write(applied, applied.leaf, wires)
        except MACHINE_FAULTS as fault:
            self._stop(fault)
            raise self._stopped from fault  # type: ignore[misc]  # _stop has set it
        self.incidents.extend(applied.incidents)
        self._remember(applied.entries)
        return applied

    def _remember(self, entries: dict[tuple[str, bytes], Any]) -> None:
        for name, entry in entries.items():
            self._state.remember(name, entry)

    def _write(self, applied: Applied, leaf: BlockLeaf, wires: Sequence[bytes]) -> None:
        """All of a block in one commit; what is in memory moves on only after it."""
        leaf_bytes = encode(leaf)
        rows = [
            (
                bytes.fromhex(outcome.transaction),
                wire,
                encode(outcome),
                applied.consumed[index],
                refusal.zh if (refusal := applied.refusals[index]) else "",
                refusal.en if refusal else "",
            )
            for index, (wire, outcome) in enumerate(zip(wires, applied.outcomes, strict=True))
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
            if self._store.meta("stopped") is not None:
                self._store.drop_meta("stopped")
        self._sum = applied.state_sum
        self.height, self.time_ms = leaf.height, leaf.time_ms

    def _stop(self, fault: BaseException) -> None:
        cause = f"{type(fault).__name__}: {fault}"
        self._stopped = Stopped(cause=cause)
        self.incidents.append(Incident("stopped", cause))
        try:
            before = self._store.meta("stopped")
            attempts = int(before.decode().split(":", 1)[0]) + 1 if before else 1
            with self._store.commit():
                self._store.set_meta("stopped", f"{attempts}:{cause}".encode())
        except OSError as error:
            self.incidents.append(Incident("stopped", f"the stop itself could not be noted: {error}"))

    # Reading.

    def _reading(self, time_ms: int) -> Context:
        return Context(
            self.registry,
            Overlay(self._state),
            time_ms=time_ms,
            height=self.height,
            chain=self.chain.id,
            rules=self.chain.rules,
        )

    def query(self, name: str, arguments: dict[str, Any]) -> Any:
        """A room's query on the committed state. Raises KeyError for a name that does not exist."""
        return self.registry.queries[name](self._reading(self.time_ms), **arguments)

    def events_after(
        self, height: int, index: int, limit: int = EVENTS_PER_READ_MAX
    ) -> list[tuple[int, int, bytes]]:
        """Events in ledger order after (height, index), at most `limit`."""
        return self._store.events_after(height, index, min(limit, EVENTS_PER_READ_MAX))

    def head(self) -> SignedHeader | None:
        """The newest signed header; None before the first block."""
        return decode(self._block(self.height)[1], SignedHeader) if self.height else None

    def prove(self, kind: str, height: int, index: int) -> Proof:
        """Proof of a transaction, outcome or event under the present head. Raises IndexError where there is none."""
        leaf_bytes, _ = self._block(height)
        transactions = self._store.transactions(height)
        items = {
            "transaction": lambda: [wire for wire, _ in transactions],
            "outcome": lambda: [outcome for _, outcome in transactions],
            "event": lambda: self._store.events(height),
        }[kind]()
        path = merkle.path_in([merkle.leaf_hash(item) for item in items], index)
        return Proof(
            kind=kind,  # type: ignore[arg-type]  # one of the three above
            item=items[index],
            within_block=inclusion(index, len(items), path),
            block=decode(leaf_bytes, BlockLeaf),
            within_log=self._log_path(height),
        )

    def _log_path(self, height: int) -> Inclusion:
        path = merkle.inclusion_path(height - 1, self.height, self._store.node)
        return inclusion(height - 1, self.height, path)

    def find(self, transaction: str) -> Receipt | None:
        """Where a transaction lies, by its identity."""
        for height, index, _, outcome, _, zh, en in self._store.find_transaction(bytes.fromhex(transaction)):
            return self._receipt(decode(outcome, Outcome), height, index, zh, en)
        return None

    def consistency(self, old: int) -> list[str]:
        """Path that shows that the log at height `old` is a prefix of the present one."""
        return [step.hex() for step in merkle.consistency_path(old, self.height, self._store.node)]

    def _block(self, height: int) -> tuple[bytes, bytes]:
        found = self._store.block(height)
        if found is None:
            raise IndexError(f"no block {height}")
        return found

    def _receipt(self, outcome: Outcome, height: int, index: int, zh: str, en: str) -> Receipt:
        header = decode(self._block(height)[1], SignedHeader).header
        if outcome.code in CATALOGUE and not en:
            zh, en = CATALOGUE[outcome.code].zh, CATALOGUE[outcome.code].en
        return Receipt(
            transaction=outcome.transaction,
            code=outcome.code,
            field=outcome.field,
            clause=outcome.clause,
            zh=zh,
            en=en,
            height=height,
            index=index,
            app_hash=header.app_hash,
        )
