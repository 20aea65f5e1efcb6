"""Who signs the header of a height: the operator of the newest set in force in the state after its block.

A set that a vote decides serves from the next height on, so a block's own header is signed by the one before.
A succession, which begins a block, serves at once: the successor signs the header of its own first block.
"""

from typing import Protocol

from hansa.apps.consortium.messages import CosignerSet, Genesis
from hansa.apps.consortium.messages_succession import Succeed
from hansa.apps.consortium.succession import check_succession
from hansa.apps.consortium.tables import COSIGNERS
from hansa.engines import errors
from hansa.kernel import Cosigner, Refusal, Registry
from hansa.kernel.apply import Applied, Chain
from hansa.kernel.evidence import Header, SignedHeader, signed_by
from hansa.kernel.signatures import verify
from hansa.kernel.state import Committed, encode_key
from hansa.kernel.transaction import parse

SUCCEED = b'"consortium.succeed"'


class Standing(Protocol):
    """A ledger as it stands."""

    height: int
    app_hash: str
    chain: Chain
    genesis: Genesis

    def operator_key(self, height: int) -> bytes: ...

    def set_at(self, height: int) -> CosignerSet | None: ...

    @property
    def registry(self) -> Registry: ...


class Handed(Protocol):
    """What a node remembers of all that it signed."""

    def handed(self, height: int) -> str: ...

    def allows(self, header: Header) -> bool: ...

    def operators(self, height: int) -> SignedHeader | None: ...


def set_at(state: Committed, height: int) -> CosignerSet | None:
    """The set of cosigners of a height that the state knows, or of the next one; rules 1 have none."""
    end = encode_key((height + 1,))
    for _, entry in state.rows(COSIGNERS.name, b"", end, True, COSIGNERS.decode):
        if entry is not None:
            found: CosignerSet = entry[1]
            return found
    return None


def operator_key(state: Committed, genesis: Genesis, height: int) -> bytes:
    """The operator's public key for a height that the state knows, or for the next one."""
    found = set_at(state, height)
    return genesis.node_public if found is None else _key(found)


def _key(found: CosignerSet) -> bytes:
    return next((seat.public for seat in found.cosigners if seat.member == found.operator), b"")


def succession_in(registry: Registry, wire: bytes) -> Succeed | None:
    """The succession that a transaction is; None for any other."""
    if SUCCEED not in wire:
        return None
    try:
        actions = parse(registry, wire).body.actions
    except Refusal:
        return None
    return next((action for action in actions if isinstance(action, Succeed)), None)


def successor_key(ledger: Standing, wire: bytes) -> bytes:
    """The key that orders the next block if it begins with this transaction: empty for anything but a
    succession for this very place, signed by a quorum of the set in force.
    """
    seat = successor(ledger, wire)
    return b"" if seat is None else seat.public


def successor(ledger: Standing, wire: bytes) -> Cosigner | None:
    """The seat that orders the next block if it begins with this transaction: as `successor_key`."""
    found = succession_in(ledger.registry, wire)
    present = ledger.set_at(ledger.height + 1)
    if found is None or present is None or not goes_on_here(ledger, found):
        return None
    try:
        check_succession(present, found, holds)
    except Refusal:
        return None
    return next(seat for seat in present.cosigners if seat.member == found.succession.operator)


def holds(public: bytes, suite: int, signature: bytes, message: bytes) -> bool:
    """Whether a signature holds, asked in the order of a contract's context."""
    return verify(suite, public, signature, message)


def goes_on_here(ledger: Standing, found: Succeed) -> bool:
    """Whether the last block that stands by a succession is the newest one here."""
    said = found.succession
    return (said.chain, said.height, said.app_hash) == (ledger.chain.id, ledger.height, ledger.app_hash)


def check_before(ledger: Standing, header: SignedHeader, wires: tuple[bytes, ...], own: Handed) -> bytes:
    """Before a block of another node is executed: the key that signed it, if it may order it at all.

    Raises NotByOperator; HandedOver for a block of an operator whose ledger this node handed over,
    OtherSuccessor for one of a successor to whom it did not.
    """
    height = ledger.height + 1
    operator, handed = ledger.operator_key(height), own.handed(ledger.height)
    if signed_by(header, operator):
        if handed:
            raise errors.HandedOver(height=ledger.height)
        return operator
    seat = successor(ledger, wires[0]) if wires else None
    if seat is None or not signed_by(header, seat.public):
        raise errors.NotByOperator(height=height)
    if handed not in ("", seat.member):
        raise errors.OtherSuccessor(height=ledger.height, operator=seat.member, signed=handed)
    return seat.public


def contradicts(own: Handed, header: Header, operator: bytes) -> bool:
    """Whether this node signed another header of that height under the same operator.

    Another one under an operator that was succeeded since accuses nobody: that one's branch was left.
    """
    if own.allows(header):
        return False
    before = own.operators(header.height)
    return before is None or signed_by(before, operator)


def successor_after(applied: Applied, height: int) -> bytes:
    """The successor's key where the block just executed holds a succession; empty for any other block."""
    stored = applied.changes.get((COSIGNERS.name, encode_key((height,))))
    return b"" if stored is None else _key(COSIGNERS.decode(stored))


def check_after(ledger: Standing, applied: Applied, header: SignedHeader) -> None:
    """After it was executed and before it counts. Raises NotByOperator."""
    height = ledger.height + 1
    if not signed_by(header, successor_after(applied, height) or ledger.operator_key(height)):
        raise errors.NotByOperator(height=height)
