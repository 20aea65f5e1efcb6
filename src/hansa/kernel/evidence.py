"""Proofs for anyone to check offline: this item lies in that block, that block in the log under this header.

Item → its tree in the block (RFC 6962) → block leaf → log of blocks → `app_hash` in the signed header.
"""

from collections.abc import Sequence
from typing import Literal

from hansa.kernel import merkle
from hansa.kernel.apply import BlockLeaf
from hansa.kernel.canonical import encode
from hansa.kernel.commit import COMMIT, Commit
from hansa.kernel.signatures import (
    ACKNOWLEDGEMENT_DOMAIN,
    ED25519,
    HEADER_DOMAIN,
    SUCCESSION_DOMAIN,
    Signer,
    verify,
)
from hansa.kernel.types import Hash, Id, MemberId, Natural, Positive, Struct, TimeMs


class Header(Struct):
    """The head of the log as its operator signs it. The log then has `height` leaves."""

    chain: Hash
    height: Natural
    time_ms: TimeMs
    app_hash: Hash


class Cosigner(Struct):
    """A member whose node co-signs headers, and the key by which it does (rule 27)."""

    member: MemberId
    public: bytes


class Cosignature(Struct):
    """A cosigner's signature over the same bytes as the operator's."""

    member: MemberId
    suite: Positive
    signature: bytes


class Inclusion(Struct):
    """Position of a leaf in a tree, and the path from it to the root (RFC 6962, 2.1.1)."""

    index: Natural
    size: Positive
    path: tuple[Hash, ...] = ()


class Tip(Struct):
    """The last block under a header: where the header's height and time come from."""

    block: BlockLeaf
    within_log: Inclusion


class SignedHeader(Struct):
    """A header, and why it counts.

    By its operator's signature, with `cosignatures` of others as far as they have come in; or, of a network
    (suite COMMIT, no signature), by a commit of the engine over its `app_hash`, which `tip` leads up to.
    """

    header: Header
    suite: Positive
    signature: bytes
    cosignatures: tuple[Cosignature, ...] = ()
    commit: Commit | None = None
    """A header of the engine with this `app_hash`, and the validators' votes for it."""
    tip: Tip | None = None


class Succession(Struct):
    """The cosigners' word that the ledger goes on after this block with one of them as its operator."""

    chain: Hash
    height: Natural
    """Of the last block that stands; the successor's own first block is the next one."""
    app_hash: Hash
    """Root of the log up to that block."""
    operator: MemberId
    """The successor."""


class Promise(Struct):
    """One transaction in an acknowledgement: it is durable, and rests there with this outcome."""

    transaction: Hash
    code: Id
    height: Positive
    index: Natural
    app_hash: Hash
    """Root of the log once that block is in it."""


class Acknowledgement(Struct):
    """A node's word that transactions are durable. Signed, it convicts whoever drops one of them."""

    chain: Hash
    items: tuple[Promise, ...]


class SignedAcknowledgement(Struct):
    acknowledgement: Acknowledgement
    suite: Positive
    signature: bytes


class Proof(Struct):
    """An event, transaction or outcome, exactly as it stands on the ledger, with its way up to the header."""

    kind: Literal["transaction", "outcome", "event"]
    item: bytes
    within_block: Inclusion
    block: BlockLeaf
    within_log: Inclusion


class BlockProof(Struct):
    """All items of one kind of a block, with the block's way up to the header: many proofs in one."""

    kind: Literal["transaction", "outcome", "event"]
    items: tuple[bytes, ...]
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
    return included(proof.item, proof.within_block, _root_of(proof)) and _in_log(proof, header)


def holds_all(proof: BlockProof, header: Header) -> bool:
    """Whether the block has these items and no others, and the log that the header closes has the block."""
    root = merkle.root([merkle.leaf_hash(item) for item in proof.items]).hex()
    return root == _root_of(proof) and _in_log(proof, header)


def _root_of(proof: Proof | BlockProof) -> str:
    return {
        "transaction": proof.block.transactions_root,
        "outcome": proof.block.outcomes_root,
        "event": proof.block.events_root,
    }[proof.kind]


def _in_log(proof: Proof | BlockProof, header: Header) -> bool:
    return (
        proof.within_log.size == header.height
        and proof.within_log.index == proof.block.height - 1
        and included(encode(proof.block), proof.within_log, header.app_hash)
    )


def tip_of(leaf: BlockLeaf, node: merkle.NodeAt) -> Tip:
    """The last block of a log of so many blocks, with its way up; `node`: the log's complete subtrees."""
    path = merkle.inclusion_path(leaf.height - 1, leaf.height, node)
    return Tip(block=leaf, within_log=inclusion(leaf.height - 1, leaf.height, path))


def stands_on_its_commit(signed: SignedHeader) -> bool:
    """Whether this header says no more than its commit and its last block do: root, height and time.

    Whose votes the commit bears is for those to count who know the validators.
    """
    tip, commit, header = signed.tip, signed.commit, signed.header
    return (
        (signed.suite, signed.signature, signed.cosignatures) == (COMMIT, b"", ())
        and commit is not None
        and tip is not None
        and commit.header.app_hash == header.app_hash
        and (tip.block.height, tip.block.time_ms) == (header.height, header.time_ms)
        and (tip.within_log.index, tip.within_log.size) == (header.height - 1, header.height)
        and included(encode(tip.block), tip.within_log, header.app_hash)
    )


def signed_by(signed: SignedHeader, public: bytes) -> bool:
    """Whether the operator's key signed this header."""
    return verify(signed.suite, public, signed.signature, HEADER_DOMAIN + encode(signed.header))


def final(signed: SignedHeader, cosigners: Sequence[Cosigner]) -> int:
    """How many different cosigners of the set signed this header, the operator's own signature included.

    A signature of somebody else, of an unknown suite, or a second one of the same cosigner does not count.
    """
    message = HEADER_DOMAIN + encode(signed.header)
    given = {signature.member: signature for signature in signed.cosignatures}
    return sum(
        signed_by(signed, cosigner.public)
        or (
            (other := given.get(cosigner.member)) is not None
            and verify(other.suite, cosigner.public, other.signature, message)
        )
        for cosigner in cosigners
    )


def succession_bytes(succession: Succession) -> bytes:
    """What a cosigner's seat key signs to hand the ledger over."""
    return SUCCESSION_DOMAIN + encode(succession)


def acknowledgement_bytes(acknowledgement: Acknowledgement) -> bytes:
    """What the node's key signs to acknowledge."""
    return ACKNOWLEDGEMENT_DOMAIN + encode(acknowledgement)


def acknowledge(node: Signer, acknowledgement: Acknowledgement) -> SignedAcknowledgement:
    """The node's promise over all of a request's transactions: one signature."""
    signature = node.sign(acknowledgement_bytes(acknowledgement))
    return SignedAcknowledgement(acknowledgement=acknowledgement, suite=ED25519, signature=signature)


def promised_by(signed: SignedAcknowledgement, public: bytes) -> bool:
    """Whether this key signed the acknowledgement."""
    return verify(signed.suite, public, signed.signature, acknowledgement_bytes(signed.acknowledgement))
