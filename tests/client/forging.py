"""What a forger can do to a bundle: change any part of it, sign with the keys it holds, or, as the operator,
build the whole log anew and sign its header.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

from hansa.apps.rooms import registry
from hansa.client.bundle import Bundle, Carried
from hansa.client.trails import LeftEvent, left_by_action, left_by_event
from hansa.kernel import Attested, encode, merkle, replace
from hansa.kernel.canonical import decode
from hansa.kernel.evidence import Proof, SignedHeader, inclusion
from hansa.kernel.messages import Outcome
from hansa.kernel.signatures import HEADER_DOMAIN, TRANSACTION_DOMAIN, Signer
from hansa.kernel.transaction import identity, parse
from tests.consortium import signer

NODE = signer("maker", "node")
LEFT: Any = LeftEvent
ROOTS = {"transaction": "transactions_root", "outcome": "outcomes_root", "event": "events_root"}


def nth(items: Sequence[Any], n: int, change: Callable[[Any], Any]) -> tuple[Any, ...]:
    """The same items, one of them changed."""
    n %= len(items)
    return (*items[:n], change(items[n]), *items[n + 1 :])


def flipped(text: str) -> str:
    """A hash with its first digit changed."""
    return ("1" if text[0] == "0" else "0") + text[1:]


def actions_of(carried: Carried) -> tuple[Any, ...]:
    actions: tuple[Any, ...] = parse(registry(), carried.transaction.item).body.actions
    return actions


def find(bundle: Bundle, kind: type, **fields: Any) -> int:
    """Position of the first transaction with such an action."""
    for n, carried in enumerate(bundle.transactions):
        for action in actions_of(carried):
            if isinstance(action, kind) and all(getattr(action, f) == v for f, v in fields.items()):
                return n
    raise AssertionError(f"no {kind.__name__} {fields}")


def resigned(carried: Carried, change: Callable[[Any], Any], by: Signer, **fields: Any) -> Carried:
    """A transaction with each action and these fields of the body changed, signed anew, its outcome to match.

    No path fits any more.
    """
    body = parse(registry(), carried.transaction.item).body
    changed = encode(replace(body, actions=tuple(change(action) for action in body.actions), **fields))
    return rewired(carried, b"\x01" + by.sign(TRANSACTION_DOMAIN + changed) + changed)


def at_time(carried: Carried, time_ms: int) -> Carried:
    """The same in a block of another time."""
    block = replace(carried.transaction.block, time_ms=time_ms)
    return Carried(replace(carried.transaction, block=block), replace(carried.outcome, block=block))


def headed(bundle: Bundle, time_ms: int) -> Bundle:
    """With the time of the header changed; to be relogged."""
    return replace(bundle, head=replace(bundle.head, header=replace(bundle.head.header, time_ms=time_ms)))


def rewired(carried: Carried, wire: bytes) -> Carried:
    outcome = Outcome(transaction=identity(wire), code="ok")
    return Carried(
        transaction=replace(carried.transaction, item=wire),
        outcome=replace(carried.outcome, item=encode(outcome)),
    )


def edited(bundle: Bundle, n: int, change: Callable[[Any], Any], by: Signer) -> Bundle:
    """The operator's work: one transaction changed and signed by somebody, the log built anew."""
    return relogged(
        replace(bundle, transactions=nth(bundle.transactions, n, lambda c: resigned(c, change, by)))
    )


def without(bundle: Bundle, n: int) -> Bundle:
    """One transaction less, with the events that it left; all that remains is true."""
    gone = events_of(bundle, n)
    return replace(
        bundle,
        transactions=(*bundle.transactions[:n], *bundle.transactions[n + 1 :]),
        events=tuple(proof for at, proof in enumerate(bundle.events) if at not in gone),
    )


def events_of(bundle: Bundle, n: int) -> list[int]:
    """Positions of the events that the actions of a transaction left in its block."""
    proof = bundle.transactions[n].transaction
    body = parse(registry(), proof.item).body
    trails = [trail for action in body.actions for trail in left_by_action(body.member, action)]
    return [
        at
        for at, event in enumerate(bundle.events)
        if event.block.height == proof.block.height and left_by_event(decode(event.item, LEFT)) in trails
    ]


def said_otherwise(bundle: Bundle, n: int, change: Callable[[Any], Any]) -> Bundle:
    """The operator's work: the events that a transaction left, changed; to be relogged."""
    events = bundle.events
    for at in events_of(bundle, n):
        events = nth(events, at, lambda p: replace(p, item=encode(change(decode(p.item, LEFT)))))
    return replace(bundle, events=events)


def attested(bundle: Bundle, table: str, change: Callable[[Any], Any], key: tuple[str, ...] = ()) -> Bundle:
    """The operator's work: records of a table (with this key) changed, the log built anew."""
    tables = registry().tables

    def of(proof: Proof) -> Proof:
        event = decode(proof.item, Attested)
        if event.table != table or (key and event.key != key):
            return proof
        record = encode(change(tables[table].decode(event.record)))
        return replace(proof, item=encode(replace(event, record=record)))

    return relogged(replace(bundle, attests=tuple(of(proof) for proof in bundle.attests)))


def attest_index(bundle: Bundle, table: str, key: tuple[str, ...] = ()) -> int:
    events = [decode(proof.item, Attested) for proof in bundle.attests]
    return next(n for n, e in enumerate(events) if e.table == table and (not key or e.key == key))


def relogged(bundle: Bundle) -> Bundle:
    """A log of the bundle's items at their heights, its header signed with the node's true key."""
    header = bundle.head.header
    proofs = [*bundle.attests, *bundle.events]
    for carried in bundle.transactions:
        proofs += [carried.transaction, carried.outcome]
    trees: dict[tuple[int, str], list[bytes]] = {}
    leaves = {proof.block.height: proof.block for proof in proofs}
    for proof in proofs:
        trees.setdefault((proof.block.height, proof.kind), []).append(merkle.leaf_hash(proof.item))
    for (height, kind), tree in trees.items():
        leaves[height] = replace(leaves[height], **{ROOTS[kind]: merkle.root(tree).hex()})
    log = [
        merkle.leaf_hash(encode(leaves[height]) if height in leaves else b"not shown")
        for height in range(1, header.height + 1)
    ]
    used: dict[tuple[int, str], int] = {}

    def proved(proof: Proof) -> Proof:
        height = proof.block.height
        tree = trees[height, proof.kind]
        index = used.get((height, proof.kind), 0)
        used[height, proof.kind] = index + 1
        return replace(
            proof,
            within_block=inclusion(index, len(tree), merkle.path_in(tree, index)),
            block=leaves[height],
            within_log=inclusion(height - 1, len(log), merkle.path_in(log, height - 1)),
        )

    signed = replace(header, app_hash=merkle.root(log).hex())
    return replace(
        bundle,
        head=SignedHeader(signed, 1, NODE.sign(HEADER_DOMAIN + encode(signed))),
        attests=tuple(proved(proof) for proof in bundle.attests),
        events=tuple(proved(proof) for proof in bundle.events),
        transactions=tuple(
            Carried(proved(carried.transaction), proved(carried.outcome)) for carried in bundle.transactions
        ),
    )


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
