"""Proofs for anyone to check offline: this item lies in that block, that block in the log under this header.

Item → its tree in the block (RFC 6962) → block leaf → log of blocks → `app_hash` in the signed header.
"""

from collections.abc import Sequence
from typing import Literal

from hansa.kernel import merkle
from hansa.kernel.apply import BlockLeaf
from hansa.kernel.canonical import encode
from hansa.kernel.signatures import HEADER_DOMAIN, verify
from hansa.kernel.types import Hash, Natural, Positive, Struct, TimeMs


class Header(Struct):
    """The head of the log as its operator signs it. The log then has `height` leaves."""

    chain: Hash
    height: Natural
    time_ms: TimeMs
    app_hash: Hash


class SignedHeader(Struct):
    header: Header
    suite: Positive
    signature: bytes


class Inclusion(Struct):
    """Position of a leaf in a tree, and the path from it to the root (RFC 6962, 2.1.1)."""

    index: Natural
    size: Positive
    path: tuple[Hash, ...] = ()


class Proof(Struct):
    """An event, transaction or outcome, exactly as it stands on the ledger, with its way up to the header."""

    kind: Literal["transaction", "outcome", "event"]
    item: bytes
    within_block: Inclusion
    block: BlockLeaf
    within_log: Inclusion


def inclusion(index: int, size: int, path: Sequence[bytes]) -> Inclusion:
    return Inclusion(index=index, size=size, path=tuple(step.hex() for step in path))


def included(leaf: bytes, where: Inclusion, root: str) -> bool:
    """Whether leaf data lie where the path says, under this root."""
    path = [bytes.fromhex(step) for step in where.path]
    found = merkle.root_from_path(merkle.leaf_hash(leaf), where.index, where.size, path)
    return found is not None and found.hex() == root


def holds(proof: Proof, header: Header) -> bool:
    """Whether the item was in the block and the block in the log that the header closes."""
    roots = {
        "transaction": proof.block.transactions_root,
        "outcome": proof.block.outcomes_root,
        "event": proof.block.events_root,
    }
    return (
        included(proof.item, proof.within_block, roots[proof.kind])
        and proof.within_log.size == header.height
        and proof.within_log.index == proof.block.height - 1
        and included(encode(proof.block), proof.within_log, header.app_hash)
    )


def signed_by(signed: SignedHeader, public: bytes) -> bool:
    """Whether the operator's key signed this header."""
    return verify(signed.suite, public, signed.signature, HEADER_DOMAIN + encode(signed.header))
