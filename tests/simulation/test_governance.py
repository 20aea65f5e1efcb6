"""What the report says of votes, approvals and keys: each with the transaction by which it came about."""

from dataclasses import dataclass
from typing import Any

import pytest

from hansa.apps.consortium.messages import Attest, Recover, RevokeKey, UpdateMember
from hansa.apps.consortium.messages_approvals import ApprovalRule, Approve, Reject, SetApproval
from hansa.apps.consortium.messages_votes import (
    Propose,
    RecoverMember,
    SetParameter,
    Suspend,
    Vote,
)
from hansa.apps.consortium.telling import told
from hansa.client import Client
from hansa.console.report import data_node as page
from hansa.engines.blocks import BlockData
from hansa.kernel import Action
from hansa.kernel.registry import Registry
from hansa.kernel.transaction import identity
from hansa.simulation.governance import read_governance
from tests.apps.ballots import admit, seats
from tests.consortium import Consortium, consortium, new_key, signer

__all__ = ["consortium"]

COLD: dict[str, Any] = {"kind": "recovery", "scopes": ("consortium.recover",)}
SHOW = Attest(table="consortium.members", key=("maker",))


@dataclass
class Stage:
    consortium: Consortium

    def block(self, height: int) -> BlockData:
        return self.consortium.node.ledger.block(height)


@dataclass
class Small:
    """As much of a play's world as the reader of its governance asks for."""

    stage: Stage
    clients: dict[str, Client]
    registry: Registry


def read(consortium: Consortium) -> page.Governance:
    world = Small(Stage(consortium), {"auditor": consortium.client("auditor")}, consortium.registry)
    return read_governance(world)  # type: ignore[arg-type]  # as much of it as is asked for


def together(consortium: Consortium, *acts: tuple[str, tuple[Action, ...], str]) -> list[str]:
    """Transactions of one block, in this order; their ids."""
    wires = [consortium.client(member, key).sign(*actions) for member, actions, key in acts]
    receipts = consortium.client("maker").transport.submit(wires)
    assert len({receipt.height for receipt in receipts}) == 1
    return [identity(wire) for wire in wires]


def test_two_votes_of_a_member_in_one_block_are_two_transactions(consortium: Consortium) -> None:
    """And what was refused is none of them."""
    for n in (1, 2):
        subject = SetParameter(name="ballot_days", value=20 + n)
        consortium.do("maker", Propose(proposal=f"p-{n}", subject=subject))
    unknown = Attest(table="consortium.members", key=("nobody",))
    vote_1, vote_2 = Vote(proposal="p-1", yes=True), Vote(proposal="p-2", yes=False)
    _, first, second, _ = together(
        consortium,
        ("bank", (vote_1, unknown), "k1"),
        ("bank", (vote_1,), "k1"),
        ("bank", (vote_2,), "k1"),
        ("bank", (vote_1, SHOW), "k1"),
    )
    one, two = read(consortium).proposals
    assert [one.ballots[0].place.transaction, two.ballots[0].place.transaction] == [first, second]


def test_a_company_was_admitted_by_the_vote_that_decided_it(consortium: Consortium) -> None:
    consortium.do("maker", Propose(proposal="p-1", subject=admit(consortium)))
    other = SetParameter(name="ballot_days", value=20)
    consortium.do("maker", Propose(proposal="p-2", subject=other))
    for member in ("maker", "plant"):
        consortium.do(member, Vote(proposal="p-1", yes=True))
    deciding, _ = together(
        consortium,
        ("bank", (Vote(proposal="p-1", yes=True),), "k1"),
        ("maker", (Vote(proposal="p-2", yes=True),), "k1"),
    )
    found = read(consortium)
    (steel,) = [member for member in found.members if member.id == "steel"]
    (key,) = [change for change in found.key_changes if change.member == "steel"]
    assert (steel.place.transaction, key.place.transaction, key.change) == (deciding, deciding, "added")


def test_keys_of_one_block_have_each_their_own_transaction(consortium: Consortium) -> None:
    first, second = together(
        consortium,
        ("plant", (consortium.key("plant", "a"),), "k1"),
        ("plant", (consortium.key("plant", "b"), RevokeKey(id="gateway-1")), "k1"),
    )
    shown = {(change.key, change.change): change.place.transaction for change in read(consortium).key_changes}
    assert shown == {("a", "added"): first, ("b", "added"): second, ("gateway-1", "revoked"): second}


@pytest.fixture
def guarded(consortium: Consortium) -> Consortium:
    """Plant's update of its data needs two of its three holders; its recovery key is bound to that."""
    consortium.do("plant", *(consortium.key("plant", name, holder=f"h-{name}") for name in ("b", "c")))
    consortium.do(
        "plant",
        SetApproval(rule=ApprovalRule(action="consortium.update_member", holders=2, days=3)),
        SetApproval(rule=ApprovalRule(action="consortium.vote", holders=2, days=3)),
    )
    held = consortium.do("plant", consortium.key("plant", "cold", holder="h-cold", **COLD))
    consortium.do("plant", Approve(held=held.transaction), key="b")
    return consortium


def test_who_approved_rejected_or_took_back_is_shown_with_its_transaction(guarded: Consortium) -> None:
    change = UpdateMember(size="small", roles=("plant",))
    names = [guarded.do("plant", change).transaction for _ in range(3)]
    done = together(
        guarded,
        ("plant", (Approve(held=names[0]),), "b"),
        ("plant", (Reject(held=names[1]),), "b"),
        ("plant", (Reject(held=names[2]),), "k1"),
    )
    found = {approval.id: approval for approval in read(guarded).approvals}
    shown = [
        (found[name].status, each.part, each.holder, each.key, each.place.transaction)
        for name in names
        for each in found[name].signatories[1:]
    ]
    assert shown == [
        ("carried_out", "approved", "h-b", "b", done[0]),
        ("rejected", "rejected", "h-b", "b", done[1]),
        ("withdrawn", "withdrew", "plant-k1", "k1", done[2]),
    ]


def test_a_vote_that_was_held_is_shown_at_its_approval(guarded: Consortium) -> None:
    """Be it in the same block."""
    for n in (1, 2):
        subject = SetParameter(name="ballot_days", value=20 + n)
        guarded.do("maker", Propose(proposal=f"p-{n}", subject=subject))
    held = guarded.do("plant", Vote(proposal="p-1", yes=True)).transaction
    later = guarded.do("plant", Approve(held=held), key="b").transaction
    vote = guarded.client("plant").sign(Vote(proposal="p-2", yes=True))
    approval = guarded.client("plant", "b").sign(Approve(held=identity(vote)))
    receipts = guarded.client("plant").transport.submit([vote, approval])
    assert receipts[0].height == receipts[1].height
    shown = [proposal.ballots[0].place.transaction for proposal in read(guarded).proposals]
    assert shown == [later, identity(approval)]


def test_a_recovery_is_shown_as_one_and_its_rejections_too(guarded: Consortium) -> None:
    chain = guarded.node.chain.id
    recovery = Recover(revoke=("c",), keys=(new_key(chain, "plant", "n1"),))
    name = guarded.do("plant", recovery, key="cold").transaction
    no = guarded.do("plant", Reject(held=name)).transaction
    guarded.pass_days(7)
    found = read(guarded)
    approval = found.approvals[-1]
    assert (approval.id, approval.status) == (name, "carried_out")
    assert [(each.part, each.place.transaction) for each in approval.signatories[1:]] == [("rejected", no)]
    shown = {change.key: (change.change, change.place.transaction) for change in found.key_changes[-2:]}
    # No transaction did it, but the end of its notice.
    assert shown == {"n1": ("recovered", ""), "c": ("revoked", "")}
    assert found.key_changes[-1].place.height > approval.signatories[0].place.height


def test_two_rejections_of_a_recovery_are_shown_once_each(guarded: Consortium) -> None:
    recovery = Recover(revoke=("c",), keys=(new_key(guarded.node.chain.id, "plant", "n1"),))
    name = guarded.do("plant", recovery, key="cold").transaction
    no = [guarded.do("plant", Reject(held=name), key=key).transaction for key in ("k1", "b")]
    approval = read(guarded).approvals[-1]
    assert approval.status == "rejected"
    shown = [(each.part, each.key, each.place.transaction) for each in approval.signatories[1:]]
    assert shown == [("rejected", "k1", no[0]), ("rejected", "b", no[1])]


def test_a_recovery_by_vote_is_shown_at_the_block_of_its_effect(consortium: Consortium) -> None:
    new = new_key(consortium.node.chain.id, "bank", "n1")
    consortium.do(
        "maker", Propose(proposal="p-1", subject=RecoverMember(member="bank", revoke=("k1",), keys=(new,)))
    )
    for member in ("maker", "plant"):
        consortium.do(member, Vote(proposal="p-1", yes=True))
    assert read(consortium).proposals[0].status == "notice"
    consortium.pass_days(7)
    shown = {change.key: change for change in read(consortium).key_changes}
    assert (shown["n1"].change, shown["n1"].place.transaction) == ("recovered", "")
    assert shown["k1"].change == "revoked"
    assert shown["n1"].place.height == consortium.node.height


def test_a_line_tells_whom_a_vote_touches_and_which_keys(consortium: Consortium) -> None:
    chain = consortium.node.chain.id
    new = new_key(chain, "bank", "n1")
    public = new.public.hex()[:16]
    for lang in told(RecoverMember(member="bank", revoke=("k1", "k2"), keys=(new,))):
        assert all(part in lang for part in ("bank", "k1, k2", "n1", "bank-n1", public))
    changed = told(seats(consortium, "maker", "plant", quorum=2, operator="plant"))
    assert "运营方改为 plant" in changed[0]
    assert "Operator becomes plant" in changed[1]
    assert signer("plant", "node").public.hex()[:16] in changed[1]
    assert "Operator stays" in told(seats(consortium, "maker", quorum=1))[1]
    assert told(Suspend(member="bank")) == ("暂停 bank", "Suspend bank")
    admitted = told(admit(consortium))[1]
    assert signer("steel").public.hex()[:16] in admitted
