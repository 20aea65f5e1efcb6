"""A change of the cosigners as whoever has the genesis file checks it: each fault by itself."""

import dataclasses
from typing import Any

import pytest

from hansa.apps.consortium.handovers import Fault, Handover, InForce, counted, founding_set, handed_over
from hansa.apps.consortium.messages import CosignersChanged, Genesis
from hansa.apps.rooms import registry
from hansa.kernel import Cosignature, Cosigner, encode, merkle, replace
from hansa.kernel.apply import BlockLeaf
from hansa.kernel.evidence import Header, Inclusion, Proof, SignedHeader
from hansa.kernel.messages import Event
from hansa.kernel.signatures import HEADER_DOMAIN, Signer
from tests.consortium import MEMBERS, genesis, signer

CHAIN = "ab" * 32
SEATS = tuple(Cosigner(member=m, public=signer(m, "node").public) for m in MEMBERS)
VOTE = CosignersChanged(operator="maker", cosigners=SEATS, quorum=4, since=2, proposal="p-1")
SUCCESSION = CosignersChanged(operator="plant", cosigners=SEATS, quorum=3, since=1, succeeds="maker")


def founded() -> Genesis:
    return replace(genesis(registry()), cosigners=SEATS, quorum=3)


def node(member: str) -> Signer:
    return signer(member, "node")


def handover(event: Event, by: str, *others: str, chain: str = CHAIN) -> Handover:
    """The event as the only one of block 1, its header signed by an operator and cosigners."""
    item, empty = encode(event), merkle.EMPTY_ROOT.hex()
    leaf = BlockLeaf(
        height=1, time_ms=1, transactions_root=empty, outcomes_root=empty,
        events_root=merkle.root([merkle.leaf_hash(item)]).hex(), state_digest="00" * 32,
    )  # fmt: skip
    root = merkle.root([merkle.leaf_hash(encode(leaf))]).hex()
    header = Header(chain=chain, height=1, time_ms=1, app_hash=root)
    message = HEADER_DOMAIN + encode(header)
    given = tuple(Cosignature(member=m, suite=1, signature=node(m).sign(message)) for m in others)
    alone = Inclusion(index=0, size=1)
    return Handover(
        event=Proof(kind="event", item=item, within_block=alone, block=leaf, within_log=alone),
        head=SignedHeader(header=header, suite=1, signature=node(by).sign(message), cosignatures=given),
    )


def after(made: Handover, height: int = 5, before: InForce | None = None) -> InForce | str:
    found = handed_over(CHAIN, height, made, before or founding_set(founded()))
    return found.kind if isinstance(found, Fault) else found


def test_a_vote_hands_over_from_the_next_height_on() -> None:
    found = after(handover(VOTE, "maker", "plant", "bank"))
    assert isinstance(found, InForce)
    assert (found.operator, found.quorum, found.since, found.changed_at) == ("maker", 4, 2, 1)


def test_a_succession_hands_over_at_its_own_height() -> None:
    found = after(handover(SUCCESSION, "plant", "auditor", "bank"), height=1)
    assert isinstance(found, InForce)
    assert (found.operator, found.since, found.changed_at, found.changes) == ("plant", 1, 1, 1)
    assert found.public == node("plant").public


def bent(said: CosignersChanged, **fields: Any) -> CosignersChanged:
    return replace(said, **fields)


FEWER = SEATS[:3]
FAULTS = [
    ("chain", handover(VOTE, "maker", "plant", "bank", chain="cd" * 32)),
    ("event", replace(handover(VOTE, "maker", "plant", "bank"), event=handover(SUCCESSION, "plant").event)),
    ("set", handover(bent(VOTE, since=1), "maker", "plant", "bank")),
    ("set", handover(bent(VOTE, since=3), "maker", "plant", "bank")),
    ("set", handover(bent(VOTE, quorum=5), "maker", "plant", "bank")),
    ("set", handover(bent(VOTE, operator="insurer"), "maker", "plant", "bank")),
    ("set", handover(bent(SUCCESSION, since=2), "plant", "auditor", "bank")),
    ("set", handover(bent(SUCCESSION, cosigners=FEWER), "plant", "auditor", "bank")),
    ("set", handover(bent(SUCCESSION, quorum=1), "plant", "auditor", "bank")),
    ("set", handover(bent(SUCCESSION, succeeds="bank"), "plant", "auditor", "bank")),
    ("set", handover(bent(SUCCESSION, operator="maker"), "maker", "auditor", "bank")),
    ("operator", handover(VOTE, "plant", "auditor", "bank")),
    ("operator", handover(SUCCESSION, "maker", "plant", "auditor", "bank")),
    ("too_few", handover(VOTE, "maker", "plant")),
    ("too_few", handover(SUCCESSION, "plant", "bank")),
    ("twice", handover(VOTE, "maker", "plant", "plant")),
    ("no_seat", handover(VOTE, "maker", "plant", "insurer")),
]


@pytest.mark.parametrize(("kind", "made"), FAULTS, ids=[f"{n}-{kind}" for n, (kind, _) in enumerate(FAULTS)])
def test_what_is_no_handover_is_named(kind: str, made: Handover) -> None:
    assert after(made) == kind


def test_a_change_counts_for_what_comes_after_it_only() -> None:
    assert after(handover(VOTE, "maker", "plant", "bank"), height=1) == "order"
    later = dataclasses.replace(founding_set(founded()), since=2, changes=1)
    assert after(handover(VOTE, "maker", "plant", "bank"), before=later) == "order"


def test_a_signature_over_something_else_does_not_count() -> None:
    made = handover(VOTE, "maker", "plant", "bank")
    wrong = replace(made.head.cosignatures[0], signature=node("plant").sign(b"else"))
    head = replace(made.head, cosignatures=(wrong, made.head.cosignatures[1]))
    assert after(replace(made, head=head)) == "signature"


def test_an_event_that_is_none_is_no_change() -> None:
    made = handover(VOTE, "maker", "plant", "bank")
    assert after(replace(made, event=replace(made.event, kind="outcome"))) == "event"


@pytest.mark.parametrize("wrong_first", [True, False])
def test_who_signed_something_else_is_not_among_those_who_signed(wrong_first: bool) -> None:
    head = handover(VOTE, "maker", "plant", "bank").head
    true = head.cosignatures[0]
    wrong = replace(true, signature=node("plant").sign(b"else"))
    in_force = founding_set(founded())
    alone = counted(replace(head, cosignatures=(wrong, head.cosignatures[1])), in_force)
    assert alone == (["maker", "bank"], [Fault("signature", "plant")])
    both = (wrong, true) if wrong_first else (true, wrong)
    signed, faults = counted(replace(head, cosignatures=both), in_force)
    assert Fault("twice", "plant") in faults
    assert signed == (["maker"] if wrong_first else ["maker", "plant"])
