"""A ledger handed over by its cosigners, for tests: founded, signed, begun anew, followed."""

from pathlib import Path
from typing import Any

from hansa.apps.consortium.handovers import Handover
from hansa.apps.consortium.messages_succession import Succeed
from hansa.engines.blocks import BlockData
from hansa.engines.embedded import Embedded
from hansa.engines.following import Following
from hansa.engines.restoring import restore_snapshot
from hansa.kernel import Cosignature, Cosigner, Succession, encode, merkle, replace, succession_bytes
from hansa.kernel.apply import Block
from hansa.kernel.evidence import Header, SignedHeader
from hansa.kernel.signatures import HEADER_DOMAIN, Signer
from tests.consortium import MEMBERS, Consortium, signer


def node_key(member: str) -> Signer:
    return signer(member, "node")


def founded(tmp_path: Path) -> Consortium:
    """Four cosigners, three of them a quorum; a few blocks of the maker's."""
    cosigners = tuple(Cosigner(member=m, public=node_key(m).public) for m in MEMBERS)
    made = Consortium(
        tmp_path / "maker" / "ledger.db",
        change=lambda file: replace(file, cosigners=cosigners, quorum=3),
    )
    for number in range(3):
        made.do("bank", made.key("bank", f"more-{number}"))
    return made


def following(old: Consortium, member: str, upto: int | None = None) -> Following:
    """A member's copy of the ledger, up to a height."""
    path = old.path.parent.parent / member / "ledger.db"
    path.parent.mkdir(exist_ok=True)
    made = Following(path, encode(old.genesis), registry=old.registry)
    for height in range(made.height + 1, (old.node.height if upto is None else upto) + 1):
        made.follow(old.node.ledger.block(height))
    return made


def succession(old: Consortium, operator: str = "plant", **fields: Any) -> Succession:
    """For the newest block of the old operator's, unless the test says otherwise."""
    height = fields.get("height", old.node.height)
    app_hash = old.node.ledger.header(height).header.app_hash if height else merkle.EMPTY_ROOT.hex()
    given = {"chain": old.node.chain.id, "height": height, "app_hash": app_hash, "operator": operator}
    return Succession(**(given | fields))


def signed(said: Succession, *members: str, keys: dict[str, Signer] | None = None) -> Succeed:
    def signature(member: str) -> Cosignature:
        key = (keys or {}).get(member) or node_key(member)
        return Cosignature(member=member, suite=1, signature=key.sign(succession_bytes(said)))

    return Succeed(succession=said, signatures=tuple(map(signature, members)))


QUORUM = ("plant", "bank", "auditor")


def wire(old: Consortium, said: Succeed, *more: Any, member: str = "plant") -> bytes:
    return old.client(member).sign(said, *more)


def took_over(old: Consortium, said: Succeed, member: str = "plant", by: bytes = b"") -> Embedded:
    """A member's node, opened as the operator's on its own copy."""
    following(old, member, said.succession.height).close()
    return Embedded(
        old.path.parent.parent / member / "ledger.db",
        encode(old.genesis),
        node_key(member),
        old.clock,
        registry=old.registry,
        succession=by or wire(old, said),
    )


def cheated(old: Consortium, *wires: bytes, by: str = "maker") -> BlockData:
    """The next block as its rules lead to it, signed by anybody at all."""
    ledger = old.node.ledger
    height = ledger.height + 1
    applied = ledger.execute(Block(height, old.clock(), wires))
    assert applied.leaf is not None
    leaves = [merkle.leaf_hash(encode(ledger.leaf(below))) for below in range(1, height)]
    root = merkle.root([*leaves, merkle.leaf_hash(encode(applied.leaf))]).hex()
    header = Header(chain=ledger.chain.id, height=height, time_ms=old.clock(), app_hash=root)
    signature = node_key(by).sign(HEADER_DOMAIN + encode(header))
    head = SignedHeader(header=header, suite=1, signature=signature)
    return BlockData(leaf=applied.leaf, header=head, wires=wires)


def handover(node: Embedded, height: int, *members: str) -> Handover:
    """The change of the set in a block, its header signed by these members."""
    header = node.ledger.header(height)
    message = HEADER_DOMAIN + encode(header.header)
    given = tuple(
        Cosignature(member=m, suite=1, signature=node_key(m).sign(message)) for m in sorted(members)
    )
    events = node.ledger.items("event", height)
    index = next(n for n, item in enumerate(events) if b"cosigners_changed" in item)
    return Handover(
        event=node.ledger.prove("event", height, index, height), head=replace(header, cosignatures=given)
    )


def restored(old: Consortium, folder: Path, name: str = "restored") -> Following:
    path = folder / name / "ledger.db"
    restore_snapshot(folder / "snapshot", path, encode(old.genesis), old.registry)
    return Following(path, encode(old.genesis), registry=old.registry)
