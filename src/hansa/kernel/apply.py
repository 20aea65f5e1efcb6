"""The state transition: `apply(state, block)`. Read it as a checklist.

Order is given, so nothing conflicts and nothing is retried. A refused transaction leaves its outcome and its
used sequence number, nothing else. Everything is a function of the records below and of the block.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import starmap
from typing import Any

from hansa.kernel import due, keys, limits, lthash, merkle
from hansa.kernel.active import in_force
from hansa.kernel.canonical import encode
from hansa.kernel.context import Context
from hansa.kernel.facts import in_order, read_facts
from hansa.kernel.messages import DueDropped, Key, Outcome, Window
from hansa.kernel.refusal import Refusal
from hansa.kernel.registry import BodyFields, Registry, Release, action_tag
from hansa.kernel.signatures import TRANSACTION_DOMAIN
from hansa.kernel.state import Changes, Committed, Overlay
from hansa.kernel.transaction import Transaction, identity, parse
from hansa.kernel.types import Hash, Natural, Struct, TimeMs

Verify = Callable[[bytes, int, bytes, bytes], bool]
"""(public key, suite, signature, message) → whether it holds: VerifiedCache's `verify` or the plain one."""

MACHINE_FAULTS = (MemoryError, RecursionError, OSError)
"""Faults of the machine, not of a transaction: the node stops before it commits (rule 10)."""


class Internal(Refusal, code="kernel.internal", field="actions"):
    zh = "处理该交易时程序出错，未产生任何影响；节点运维人员已收到异常通知。"
    en = "The program failed on this transaction; it had no effect, and the node's operator was told."


class BlockFull(Refusal, code="kernel.block_full", field="actions"):
    zh = "本区块的工作量已满，该交易未执行，也未占用序号。请原样重新提交。"
    en = "The block has no room for more work: this was not tried and its sequence not used. Submit it again."


class BlockLeaf(Struct):
    """What the log of blocks commits to (rule 17). Hashes in hexadecimal."""

    height: Natural
    time_ms: TimeMs
    transactions_root: Hash
    outcomes_root: Hash
    events_root: Hash
    state_digest: Hash
    """SHA-256 of the LtHash sum over all records after this block."""
    engine: str = ""
    """Facts of the engine that ordered the block (facts.py); empty for the embedded one."""


@dataclass(frozen=True)
class Block:
    height: int
    time_ms: int
    transactions: Sequence[bytes]
    engine: str = ""
    """As it goes into the leaf."""


@dataclass(frozen=True)
class Incident:
    """Trouble for the node's operator: not part of what members agree on."""

    what: str
    detail: str
    detail_zh: str = ""
    """Where the detail is itself in a language: the same in Chinese."""
    at_ms: int = field(default=0, compare=False)
    """When it was told, by the clock of whoever keeps it; 0: it was not kept yet."""


@dataclass(frozen=True)
class Applied:
    """Result of a block. `leaf` is None without transactions, writes and events: then the chain rests."""

    leaf: BlockLeaf | None
    transactions: tuple[bytes, ...]
    """Those of the block, as given, but for what an engine that orders alone had left out or cut off."""
    outcomes: tuple[Outcome, ...]
    refusals: tuple[Refusal | None, ...]
    """Per transaction, what refused it, for its texts: the outcome alone is agreed on."""
    consumed: tuple[bool, ...]
    """Per transaction, whether it used its sequence: the same bytes are then answered with this outcome."""
    events: tuple[bytes, ...]
    changes: Changes
    entries: dict[tuple[str, bytes], Any]
    state_sum: bytes
    incidents: tuple[Incident, ...] = field(default=())
    left_out: tuple[tuple[int, Refusal], ...] = field(default=())
    """(place among those given, why) of what is not in the block."""


@dataclass(frozen=True)
class Chain:
    """What stays the same over all blocks."""

    id: str
    release: Release
    verify: Verify
    rules: int = limits.RULES_MAX
    """Those of the genesis file."""

    def at(self, layer: Overlay | Committed, height: int) -> "Now":
        """What is in force at a height. Raises Outdated or RoomMissing where this program lacks it."""
        active = in_force(layer, height, self.rules)
        return Now(self, self.release.registry(active.rules, active.rooms), active.rules)


@dataclass(frozen=True)
class Now:
    """What stays the same within a block."""

    chain: Chain
    registry: Registry
    rules: int

    @property
    def steps_max(self) -> int:
        """Steps of a block. Of due work no further item begins once half of them are taken."""
        return limits.BLOCK_STEPS_MAX if self.rules >= 2 else limits.BLOCK_STEPS_MAX_RULES_1


class Work:
    """What a block has cost so far."""

    def __init__(self) -> None:
        self.steps = self.written = 0
        self.woken = 0
        """Pieces of due work."""

    def add(self, ctx: Context) -> None:
        steps, written = ctx.spent()
        self.steps += steps
        self.written += written

    def leave_half(self, steps_max: int, before: tuple[int, int]) -> None:
        """However much was done since `before` (steps, bytes), it counts as half of the block at most."""
        self.steps = min(self.steps, max(before[0], steps_max // 2))
        self.written = min(self.written, max(before[1], limits.BLOCK_WRITTEN_MAX // 2))

    def beyond(self, steps_max: int) -> bool:
        return self.steps > steps_max or self.written > limits.BLOCK_WRITTEN_MAX


def apply(chain: Chain, state: Committed, state_sum: bytes, block: Block, *, alone: bool = False) -> Applied:
    """Execute a block on the state below it; nothing below changes.

    Raises MACHINE_FAULTS; and before any work Outdated or RoomMissing, where this program lacks what is in
    force at the block's height, Malformed or NotCanonical for facts that no engine of this program gives.

    An engine that orders `alone` has whatever would leave no trace left out of the block, so that nobody
    fills the ledger with rubbish, and the block cut before the first transaction that finds no room in it.
    The result is then that of the shorter block.
    """
    layer = Overlay(state)
    now = chain.at(state, block.height)
    incidents: list[Incident] = []
    work = Work()

    # Who was caught, then what fell due, so that transactions of the block see the effects.
    events = _hear_faults(now, layer, block, work, incidents)
    events += _do_due(now, layer, block, work, incidents)

    # Transactions, in the order given.
    outcomes: list[Outcome] = []
    refusals: list[Refusal | None] = []
    consumed: list[bool] = []
    taken: list[bytes] = []
    left_out: list[tuple[int, Refusal]] = []
    for place, wire in enumerate(block.transactions):
        if alone and work.beyond(now.steps_max):
            break
        name = identity(wire)
        refusal, used, emitted = _transact(now, layer, block, wire, name, work, incidents)
        if refusal is not None:
            # Where it was raised: frames that hold all of the block, which holds the refusal.
            refusal.__traceback__ = refusal.__context__ = None
        if alone and refusal is not None and not used:
            left_out.append((place, refusal))
            continue
        taken.append(wire)
        outcomes.append(_outcome(name, refusal))
        refusals.append(refusal)
        consumed.append(used)
        events.extend(emitted)

    # What changed, once per record, and the commitment to all of it.
    changes, new_sum = _changes(state, layer, state_sum)
    leaf = _leaf(block, taken, outcomes, events, new_sum) if taken or events or changes else None
    return Applied(
        leaf=leaf,
        transactions=tuple(taken),
        outcomes=tuple(outcomes),
        refusals=tuple(refusals),
        consumed=tuple(consumed),
        events=tuple(events),
        changes=changes,
        entries=layer.entries,
        state_sum=new_sum,
        incidents=tuple(incidents),
        left_out=tuple(left_out),
    )


def _admit(ctx: Context, chain: Chain, transaction: Transaction) -> tuple[Key, Window]:
    """Chain, key, sequence, signature: who fails these leaves no trace. The dearest check comes last.

    Returns the key and its window once the sequence is used up. Raises a Refusal and writes nothing.
    """
    body = transaction.body
    if body.chain != chain.id:
        raise keys.WrongChain(chain=body.chain[:12])
    key = keys.current(ctx, body.member, body.key)
    window = keys.used(keys.WINDOWS.get(ctx, (body.member, body.key)) or Window(), body.sequence)
    message = TRANSACTION_DOMAIN + transaction.body_bytes
    if not chain.verify(key.public, transaction.suite, transaction.signature, message):
        raise keys.WrongSignature(member=body.member, key=body.key)
    return key, window


def _transact(
    now: Now, layer: Overlay, block: Block, wire: bytes, name: str, work: Work, incidents: list[Incident]
) -> tuple[Refusal | None, bool, list[bytes]]:
    """One transaction: admitted, then executed on a layer of its own.

    Returns its refusal, if any; whether its sequence is used up; and its events.
    """
    if work.beyond(now.steps_max):
        return BlockFull(), False, []
    try:
        # Limits, shape, canonical form: before any other work.
        transaction = parse(now.registry, wire)
        body = transaction.body
        ctx = _context(now, Overlay(layer), block, body, name)
        ctx.woken = work.woken
        key, window = _admit(ctx, now.chain, transaction)
    except Refusal as refusal:
        return refusal, False, []

    # From here on the sequence is used up, whatever becomes of the transaction (rule 6).
    keys.WINDOWS.put(ctx, (body.member, body.key), window)
    ctx.layer.merge_into(layer)
    ctx.layer = Overlay(layer)

    try:
        # Time and scope.
        _check_validity(ctx, body)
        for action in body.actions:
            tag = action_tag(type(action))
            if not keys.in_scope(key.scopes, tag):
                raise keys.OutOfScope(key=body.key, action=tag)

        # Execution: all actions or none; or a gate holds them all back (rule 7).
        if not any(gate(ctx, body.actions) for gate in now.registry.gates):
            for action in body.actions:
                now.registry.actions[type(action)](ctx, action)
    except Refusal as refusal:
        return refusal, True, []
    except MACHINE_FAULTS:
        raise
    except Exception as error:
        incidents.append(Incident("internal", _described(f"transaction {name}", error)))
        return Internal(), True, []
    finally:
        work.add(ctx)
    ctx.layer.merge_into(layer)
    return None, True, ctx.events


def _check_validity(ctx: Context, body: BodyFields) -> None:
    if body.valid_until_ms <= ctx.time_ms:
        raise keys.Expired()
    if body.valid_until_ms > ctx.time_ms + limits.VALID_MAX_MS:
        raise keys.ValidTooLong(hours=limits.VALID_MAX_MS // limits.HOUR_MS)


def _hear_faults(
    now: Now, layer: Overlay, block: Block, work: Work, incidents: list[Incident]
) -> list[bytes]:
    """Tell the room that answers for it who was caught by the engine. What it refuses has no effect."""
    events: list[bytes] = []
    for fault in in_order(read_facts(block.engine)):
        ctx = _context(now, Overlay(layer), block)
        try:
            if now.registry.faults is not None:
                now.registry.faults(ctx, fault)
        except MACHINE_FAULTS:
            raise
        except Exception as error:
            incidents.append(Incident("fault", _described(f"{fault.kind} {fault.address}", error)))
        else:
            ctx.layer.merge_into(layer)
            events.extend(ctx.events)
        finally:
            work.add(ctx)
    return events


def _do_due(now: Now, layer: Overlay, block: Block, work: Work, incidents: list[Incident]) -> list[bytes]:
    """Run what is due. What fails is parked with an incident, and stops nothing else.

    Work of a room that is no longer in force is dropped, under one event of the block for each such room.
    """
    events: list[bytes] = []
    heard = (work.steps, work.written)
    dropped: dict[str, int] = {}
    for key, item in due.next_due(_context(now, layer, block)):
        if work.beyond(now.steps_max // 2):
            break  # The rest waits for the next block.
        if now.rules >= 2 and not due.waits(_context(now, layer, block), key):
            continue  # What was done before it took it back.

        # Out of the queue first, on a budget of its own: whatever becomes of it, it is not tried again.
        work.woken += 1
        due.remove(_context(now, layer, block), key, item)

        ctx = _context(now, Overlay(layer), block)
        ctx.account = item.member
        if now.rules >= 2 and due.is_orphaned(ctx, item):
            room = due.room_of(item.handler)
            dropped[room] = dropped.get(room, 0) + 1
            continue
        what = f"due {item.handler}{item.arguments}"
        try:
            now.registry.due[item.handler](ctx, *item.arguments)
        except MACHINE_FAULTS:
            raise
        except Exception as error:
            code = error.code if isinstance(error, Refusal) else Internal.code
            due.park(_context(now, layer, block), key, item, code)
            incidents.append(Incident("parked", _described(what, error)))
        else:
            ctx.layer.merge_into(layer)
            events.extend(ctx.events)
        finally:
            work.add(ctx)
    if now.rules >= 2:
        work.leave_half(now.steps_max, heard)
    events += [encode(DueDropped(room=room, count=count)) for room, count in dropped.items()]
    return events


def _described(what: str, error: Exception) -> str:
    return f"{what}: {type(error).__name__}: {error}"[: limits.INCIDENT_MAX]


def _context(
    now: Now, layer: Overlay, block: Block, body: BodyFields | None = None, transaction: str = ""
) -> Context:
    return Context(
        now.registry,
        layer,
        time_ms=block.time_ms,
        height=block.height,
        chain=now.chain.id,
        rules=now.rules,
        member=body.member if body else "",
        key=body.key if body else "",
        transaction=transaction,
        verify=now.chain.verify,
    )


def _outcome(transaction: str, refusal: Refusal | None) -> Outcome:
    if refusal is None:
        return Outcome(transaction=transaction, code="ok")
    return Outcome(transaction=transaction, code=refusal.code, field=refusal.field, clause=refusal.clause)


def _changes(state: Committed, layer: Overlay, state_sum: bytes) -> tuple[Changes, bytes]:
    """One net update per dirty record: what lay there before is taken out of the sum as stored (rule 15)."""
    changes: Changes = {}
    removed: list[tuple[str, bytes, bytes]] = []
    added: list[tuple[str, bytes, bytes]] = []
    for (table, key), entry in layer.entries.items():
        old = state.stored((table, key))
        new = None if entry is None else entry[0]
        if old == new:
            continue
        changes[table, key] = new
        if old is not None:
            removed.append((table, key, old))
        if new is not None:
            added.append((table, key, new))
    if not changes:
        return changes, state_sum
    elements = lthash.element
    return changes, lthash.update(state_sum, starmap(elements, removed), starmap(elements, added))


def _leaf(
    block: Block, taken: Sequence[bytes], outcomes: Sequence[Outcome], events: Sequence[bytes], new_sum: bytes
) -> BlockLeaf:
    return BlockLeaf(
        height=block.height,
        time_ms=block.time_ms,
        transactions_root=_root(taken),
        outcomes_root=_root([encode(outcome) for outcome in outcomes]),
        events_root=_root(events),
        state_digest=lthash.digest(new_sum),
        engine=block.engine,
    )


def _root(items: Sequence[bytes]) -> str:
    return merkle.root([merkle.leaf_hash(item) for item in items]).hex()
