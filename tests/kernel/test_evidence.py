"""Rules 16 and 17: any item of any block is proved under the newest header, and nothing else is."""

import hashlib

import pytest

from hansa.kernel import encode, merkle, replace
from hansa.kernel.apply import BlockLeaf
from hansa.kernel.evidence import Header, Inclusion, Proof, SignedHeader, holds, signed_by
from hansa.kernel.signatures import HEADER_DOMAIN
from tests.consortium import Consortium, signer
from tests.kernel import room
from tests.kernel.room import Lend, Register


@pytest.fixture
def played() -> Consortium:
    """Three blocks, the second with two transactions."""
    consortium = Consortium(registry=room.registry())
    consortium.do("maker", Register(tool="w-17"))
    maker, plant = consortium.client("maker"), consortium.client("plant")
    consortium.node.submit(
        [
            maker.sign(Lend(tool="w-17", borrower="plant", due_ms=consortium.in_days(1))),
            plant.sign(Register(tool="p-1")),
        ]
    )
    consortium.do("plant", Lend(tool="p-1", borrower="bank", due_ms=consortium.in_days(1)))
    return consortium


def header(consortium: Consortium) -> SignedHeader:
    head = consortium.node.head()
    assert head is not None
    return head


@pytest.mark.parametrize(
    ("kind", "height", "index"),
    [
        ("event", 2, 0),
        ("event", 3, 0),
        ("transaction", 1, 0),
        ("transaction", 2, 1),
        ("outcome", 2, 1),
        ("outcome", 3, 0),
    ],
)
def test_every_item_is_proved_under_the_newest_header(
    played: Consortium, kind: str, height: int, index: int
) -> None:
    proof = played.node.prove(kind, height, index)

    assert holds(proof, header(played).header)
    assert proof.block.height == height


def forgeries(proof: Proof) -> list[Proof]:
    flipped = hashlib.sha256(b"other").hexdigest()
    block, within_block, within_log = proof.block, proof.within_block, proof.within_log
    return [
        replace(proof, item=proof.item + b" "),
        replace(proof, kind="outcome"),
        replace(proof, block=replace(block, height=block.height + 1)),
        replace(proof, block=replace(block, time_ms=block.time_ms + 1)),
        replace(proof, block=replace(block, state_digest=flipped)),
        replace(proof, block=replace(block, transactions_root=flipped)),
        replace(proof, block=replace(block, engine="x")),
        replace(proof, within_block=replace(within_block, index=within_block.index ^ 1)),
        replace(proof, within_block=replace(within_block, path=(flipped,))),
        replace(proof, within_log=replace(within_log, index=0)),
        replace(proof, within_log=replace(within_log, size=within_log.size + 1)),
        replace(proof, within_log=replace(within_log, path=(*within_log.path, flipped))),
        replace(proof, within_log=replace(within_log, path=within_log.path[:-1])),
    ]


def test_no_change_to_a_proof_goes_unseen(played: Consortium) -> None:
    proof = played.node.prove("transaction", 2, 1)
    signed = header(played)

    assert holds(proof, signed.header)
    for forged in forgeries(proof):
        assert not holds(forged, signed.header), forged
    for wrong in (
        replace(signed.header, app_hash="0" * 64),
        replace(signed.header, height=2),
        replace(signed.header, height=4),
    ):
        assert not holds(proof, wrong)


def test_a_header_is_signed_by_the_node_and_nobody_else(played: Consortium) -> None:
    signed = header(played)
    node = signer("maker", "node")

    assert signed_by(signed, node.public)
    assert signed.signature == node.sign(b"hansa-header-1\x00" + encode(signed.header))
    assert not signed_by(signed, signer("plant").public)
    for changed in (
        replace(signed.header, time_ms=signed.header.time_ms + 1),
        replace(signed.header, app_hash="0" * 64),
        replace(signed.header, height=signed.header.height + 1),
        replace(signed.header, chain="0" * 64),
    ):
        assert not signed_by(replace(signed, header=changed), node.public)
    assert not signed_by(replace(signed, suite=2), node.public)


def test_the_signature_of_a_header_is_no_signature_of_a_transaction() -> None:
    domains = {HEADER_DOMAIN, b"hansa-tx-1\x00", b"hansa-counter-1\x00"}
    assert len(domains) == 3
    assert not any(a != b and a.startswith(b) for a in domains for b in domains)


def test_the_leaf_of_a_block_is_its_canonical_form(played: Consortium) -> None:
    """docs/protocol.md, block leaf: a checker recomputes it from the bundle alone."""
    proof = played.node.prove("event", 2, 0)
    leaf = encode(proof.block)
    path = [bytes.fromhex(step) for step in proof.within_log.path]
    root = merkle.root_from_path(hashlib.sha256(b"\x00" + leaf).digest(), 1, 3, path)

    assert root is not None
    assert root.hex() == header(played).header.app_hash
    assert sorted(BlockLeaf.__struct_fields__) == [
        "engine",
        "events_root",
        "height",
        "outcomes_root",
        "state_digest",
        "time_ms",
        "transactions_root",
    ]


def test_a_block_that_claims_another_height_than_its_place_in_the_log_proves_nothing(
    played: Consortium,
) -> None:
    """An operator that signs whatever it likes still cannot pass off one block as another."""
    proof = played.node.prove("event", 2, 0)
    for claimed in (1, 2, 3):
        leaf = replace(proof.block, height=claimed)
        app_hash = merkle.leaf_hash(encode(leaf)).hex()
        alone = replace(proof, block=leaf, within_log=Inclusion(index=0, size=1))
        assert holds(alone, replace(header(played).header, height=1, app_hash=app_hash)) == (claimed == 1)


def test_earlier_heads_are_prefixes_of_the_newest(played: Consortium) -> None:
    heads = [header(played).header]
    for number in range(6):
        played.do("maker", Register(tool=f"t{number}"))
        heads.append(header(played).header)
    newest = heads[-1]
    for old in heads:
        path = [bytes.fromhex(step) for step in played.node.consistency(old.height)]
        roots = bytes.fromhex(old.app_hash), bytes.fromhex(newest.app_hash)
        assert merkle.consistent(old.height, roots[0], newest.height, roots[1], path)
        assert old == newest or not merkle.consistent(old.height, roots[1], newest.height, roots[1], path)


def test_a_header_holds_what_the_page_says() -> None:
    assert Header.__struct_fields__ == ("chain", "height", "time_ms", "app_hash")
    assert Inclusion.__struct_fields__ == ("index", "size", "path")
