"""Another operator without the old one: handed over by the cosigners, followed, refused where it is none."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from hansa.apps.consortium.handovers import Handover, followed
from hansa.apps.consortium.messages import CosignersChanged
from hansa.apps.consortium.messages_approvals import ApprovalRule, SetApproval
from hansa.apps.consortium.messages_succession import Succeed
from hansa.apps.consortium.messages_votes import Propose, Vote
from hansa.engines import errors
from hansa.engines.embedded import Embedded
from hansa.engines.following import Following
from hansa.engines.replay import replay
from hansa.engines.restoring import restore_snapshot
from hansa.engines.snapshot import write_snapshot
from hansa.kernel import Cosigner, encode, replace
from hansa.kernel.apply import Block
from hansa.kernel.canonical import decode
from hansa.kernel.evidence import signed_by
from hansa.node.cosigning import in_force, sets_of
from tests.apps.ballots import decide, seats
from tests.consortium import MEMBERS, Consortium, signer
from tests.engines.handing import (
    QUORUM,
    cheated,
    following,
    founded,
    handover,
    node_key,
    restored,
    signed,
    succession,
    took_over,
    wire,
)


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Consortium]:
    (tmp_path / "maker").mkdir()
    made = founded(tmp_path)
    yield made
    made.close()


def test_the_chain_goes_on_under_the_successor(old: Consortium) -> None:
    last = old.node.height
    said = signed(succession(old), *QUORUM)
    by = wire(old, said)
    new = took_over(old, said, by=by)
    assert new.height == last + 1
    head = new.head()
    assert head is not None
    assert signed_by(head, node_key("plant").public)
    assert new.ledger.items("transaction", last + 1) == [by]
    event = decode(new.ledger.items("event", last + 1)[0], CosignersChanged)
    assert (event.operator, event.succeeds, event.since) == ("plant", "maker", last + 1)
    assert event.proposal == ""

    old.node.close()
    new.close()  # It starts again as any operator's node does, with or without the file.
    for again in (b"", by):
        path = old.path.parent.parent / "plant" / "ledger.db"
        new = Embedded(
            path, encode(old.genesis), node_key("plant"), old.clock, registry=old.registry, succession=again
        )
        receipt = new.submit([old.client("bank").sign(old.key("bank", f"later-{len(again)}"))])[0]
        assert receipt.code == "ok", receipt.en
        if not again:
            new.close()

    third = Following(old.path.parent.parent / "third.db", encode(old.genesis), registry=old.registry)
    for height in range(1, new.height + 1):
        third.follow(new.ledger.block(height))
    assert third.ledger.app_hash == new.app_hash
    assert replay(new.ledger.store, encode(old.genesis), old.registry).app_hash == new.app_hash
    third.close()
    new.close()


def test_before_the_first_block_as_well(tmp_path: Path) -> None:
    cosigners = tuple(Cosigner(member=m, public=node_key(m).public) for m in MEMBERS)
    (tmp_path / "maker").mkdir()
    old = Consortium(
        tmp_path / "maker" / "ledger.db", change=lambda file: replace(file, cosigners=cosigners, quorum=3)
    )
    new = took_over(old, signed(succession(old), *QUORUM))
    assert new.height == 1
    assert [(each.operator, each.since) for each in sets_of(new.ledger)] == [("maker", 1), ("plant", 1)]
    follower = following(old, "bank", 0)
    follower.follow(new.ledger.block(1))
    follower.close()
    new.close()
    old.close()


def test_a_voted_operator_that_never_comes_is_succeeded_too(old: Consortium) -> None:
    decide(old, seats(old, *MEMBERS, quorum=3, operator="bank"), "maker", "plant", "auditor")
    assert old.node.ledger.operator_key(old.node.height + 1) == node_key("bank").public
    new = took_over(old, signed(succession(old), *QUORUM))
    event = decode(new.ledger.items("event", new.height)[0], CosignersChanged)
    assert (event.operator, event.succeeds, event.since) == ("plant", "bank", new.height)
    follower = following(old, "auditor")
    follower.follow(new.ledger.block(new.height))
    follower.close()

    sets = sets_of(new.ledger)
    assert [(each.operator, each.since, each.changed_at) for each in sets] == [
        ("maker", 1, 0),
        ("bank", new.height, new.height - 1),
        ("plant", new.height, new.height),
    ]
    assert in_force(sets, new.height).operator == "plant"
    assert in_force(sets, new.height - 1).operator == "maker"
    changes = (
        handover(new, new.height - 1, "plant", "auditor"),
        handover(new, new.height, "bank", "auditor"),
    )
    chain = new.chain.id
    assert [found_by(old, chain, height, changes) for height in (1, new.height, 99)] == [
        "maker", "plant", "plant",
    ]  # fmt: skip
    new.close()


@pytest.mark.parametrize(("members", "quorum"), [(MEMBERS, 4), (MEMBERS[:3], 3), (MEMBERS, 3)])
def test_a_voted_set_under_the_same_operator_that_is_succeeded_before_it_served(
    old: Consortium, members: Sequence[str], quorum: int
) -> None:
    """The succession takes the record's place; whoever checks from genesis on still needs the vote."""
    decide(old, seats(old, *members, quorum=quorum), "maker", "plant", "bank")
    new = took_over(old, signed(succession(old), *members))
    last = new.height
    sets = sets_of(new.ledger)
    assert [(each.operator, len(each.cosigners), each.quorum) for each in (sets[0], sets[-1])] == [
        ("maker", 4, 3), ("plant", len(members), quorum),
    ]  # fmt: skip
    assert [each.changes for each in sets] == list(range(len(sets)))
    changes = tuple(handover(new, each.changed_at, *members) for each in sets[1:])
    assert found_by(old, new.chain.id, last, changes) == "plant"
    place = old.path.parent.parent
    write_snapshot(new.reader(), place / "snapshot", handovers=changes)
    again = restored(old, place)
    assert again.ledger.app_hash == new.app_hash
    again.close()
    new.close()


def found_by(old: Consortium, chain: str, height: int, changes: Sequence[Handover]) -> str:
    return followed(old.genesis, chain, height, changes).operator


def test_the_old_operator_orders_no_succession(old: Consortium) -> None:
    before = old.node.height
    receipt = old.node.submit([wire(old, signed(succession(old), *QUORUM))])[0]
    assert (receipt.code, receipt.height) == ("engine.succession_not_here", 0)
    assert old.node.height == before


def test_the_rule_holds_for_the_state_after_the_block(old: Consortium) -> None:
    said = wire(old, signed(succession(old), *QUORUM))
    follower = following(old, "bank")
    with pytest.raises(errors.NotByOperator):
        follower.follow(cheated(old, said, by="maker"))
    with pytest.MonkeyPatch.context() as patch:  # A stranger's block is not even executed.
        patch.setattr(follower.ledger, "execute", None)
        with pytest.raises(errors.NotByOperator):
            follower.follow(cheated(old, said, by="bank"))
    with pytest.raises(errors.NotByOperator):
        follower.follow(cheated(old, wire(old, old.key("plant", "x")), said, by="plant"))
    assert follower.height == old.node.height
    assert follower.rejected is None
    follower.follow(cheated(old, said, by="plant"))
    follower.close()


def too_few(old: Consortium) -> Succeed:
    return signed(succession(old), "plant", "bank")


def foreign(old: Consortium) -> Succeed:
    return signed(succession(old, chain="ab" * 32), *QUORUM)


def other_height(old: Consortium) -> Succeed:
    return signed(succession(old, height=old.node.height - 1), *QUORUM)


def later_height(old: Consortium) -> Succeed:
    head = old.node.app_hash
    return signed(replace(succession(old), height=old.node.height + 1, app_hash=head), *QUORUM)


def other_history(old: Consortium) -> Succeed:
    return signed(succession(old, app_hash="cd" * 32), *QUORUM)


def seat_twice(old: Consortium) -> Succeed:
    return signed(succession(old), "plant", "bank", "bank")


def other_key(old: Consortium) -> Succeed:
    return signed(succession(old), *QUORUM, keys={"bank": signer("bank", "before")})


def no_seat(old: Consortium) -> Succeed:
    return signed(succession(old, operator="insurer"), *QUORUM)


def stranger_signs(old: Consortium) -> Succeed:
    return signed(succession(old), "plant", "bank", "insurer")


def same_operator(old: Consortium) -> Succeed:
    return signed(succession(old, operator="maker"), *QUORUM)


def other_successor(old: Consortium) -> Succeed:
    """Signed for the bank, brought for the plant."""
    said = signed(succession(old, operator="bank"), *QUORUM)
    return replace(said, succession=succession(old))


HOSTILE = [
    too_few, foreign, other_height, later_height, other_history, seat_twice, other_key, no_seat,
    stranger_signs, same_operator, other_successor,
]  # fmt: skip


@pytest.mark.parametrize("made", HOSTILE, ids=lambda made: made.__name__)
def test_what_is_no_succession_opens_no_node_and_is_followed_by_none(
    old: Consortium, made: Callable[[Consortium], Succeed]
) -> None:
    said = made(old)
    by = wire(old, said)
    with pytest.raises(errors.WrongNodeKey):
        took_over(old, replace(said, succession=replace(said.succession, height=old.node.height)), by=by)
    follower = following(old, "bank")
    with pytest.raises(errors.NotByOperator):
        follower.follow(cheated(old, by, by="plant"))
    assert follower.height == old.node.height
    follower.close()


@pytest.mark.parametrize(
    ("made", "code"),
    [
        (too_few, "succession_too_few"),
        (foreign, "succession_elsewhere"),
        (other_height, "succession_elsewhere"),
        (later_height, "succession_elsewhere"),
        (seat_twice, "succession_signature"),
        (other_key, "succession_signature"),
        (no_seat, "successor_unfit"),
        (stranger_signs, "succession_signature"),
        (same_operator, "successor_unfit"),
        (other_successor, "succession_signature"),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_the_contract_itself_refuses_it(
    old: Consortium, made: Callable[[Consortium], Succeed], code: str
) -> None:
    ledger = old.node.ledger
    applied = ledger.execute(Block(ledger.height + 1, old.clock(), (wire(old, made(old)),)))
    assert applied.outcomes[0].code == f"consortium.{code}"
    assert not any(name[0] == "consortium.cosigners" for name in applied.changes)


def test_it_stands_alone_and_is_never_held(old: Consortium) -> None:
    said = signed(succession(old), *QUORUM)
    ledger = old.node.ledger
    both = wire(old, said, old.key("plant", "x"))
    applied = ledger.execute(Block(ledger.height + 1, old.clock(), (both,)))
    assert applied.outcomes[0].code == "consortium.succession_alone"


def test_approval_rules_do_not_hold_it(old: Consortium) -> None:
    old.do("plant", old.key("plant", "k2"))
    rule = ApprovalRule(action="consortium.*", holders=2, days=3)
    old.do("plant", SetApproval(rule=rule))
    new = took_over(old, signed(succession(old), *QUORUM))
    assert new.ledger.operator_key(new.height) == node_key("plant").public
    new.close()


def outcomes(old: Consortium, *wires: bytes) -> list[str]:
    ledger = old.node.ledger
    applied = ledger.execute(Block(ledger.height + 1, old.clock(), wires))
    return [outcome.code for outcome in applied.outcomes]


def test_one_change_a_block_whichever_comes_first(old: Consortium) -> None:
    subject = seats(old, *MEMBERS, quorum=4)
    old.do("maker", Propose(proposal="p-1", subject=subject))
    for member in ("maker", "plant"):
        old.do(member, Vote(proposal="p-1", yes=True))
    vote = old.client("bank").sign(Vote(proposal="p-1", yes=True))
    first = wire(old, signed(succession(old), *QUORUM))
    second = wire(old, signed(succession(old, operator="bank"), *QUORUM), member="auditor")
    assert outcomes(old, vote, first) == ["ok", "consortium.cosigners_twice"]
    assert outcomes(old, first, second) == ["ok", "consortium.cosigners_twice"]
    ledger = old.node.ledger
    applied = ledger.execute(Block(ledger.height + 1, old.clock(), (first, vote)))
    changed = [item for item in applied.events if b"cosigners_changed" in item]
    assert len(changed) == 1


def test_a_successor_that_began_with_a_snapshot_need_not_ask_for_later_blocks(old: Consortium) -> None:
    """The cosigners have said which block is the last."""
    place = old.path.parent.parent
    write_snapshot(old.node.reader(), place / "snapshot")
    restore_snapshot(place / "snapshot", place / "plant" / "ledger.db", encode(old.genesis), old.registry)
    new = took_over(old, signed(succession(old), *QUORUM))
    assert not new.ledger.restored
    new.close()


def test_it_cannot_be_brought_again_at_a_later_height(old: Consortium) -> None:
    said = signed(succession(old), *QUORUM)
    new = took_over(old, said)
    ledger = new.ledger
    again = old.client("bank").sign(said)
    applied = ledger.execute(Block(ledger.height + 1, old.clock(), (again,)))
    assert applied.outcomes[0].code == "consortium.succession_elsewhere"
    assert new.submit([again])[0].code == "engine.succession_not_here"
    new.close()


def test_the_old_operators_own_branch_is_refused(old: Consortium) -> None:
    said = signed(succession(old), *QUORUM)
    new = took_over(old, said)
    follower = following(old, "bank")
    follower.follow(new.ledger.block(new.height))
    old.do("bank", old.key("bank", "own-branch"))
    old.do("bank", old.key("bank", "own-branch-2"))
    with pytest.raises(errors.NotByOperator):
        follower.follow(old.node.ledger.block(new.height + 1))
    follower.close()
    new.close()


def test_who_signed_a_succession_takes_no_block_of_the_operator_before(old: Consortium) -> None:
    follower = following(old, "bank")
    last = follower.height
    follower.signed.hand_over(last, "plant")
    said = signed(succession(old), *QUORUM)
    new = took_over(old, said)
    old.do("bank", old.key("bank", "own-branch"))
    follower.close()
    follower = following(old, "bank", last)  # Kept over a restart.
    with pytest.raises(errors.HandedOver):
        follower.follow(old.node.ledger.block(last + 1))
    assert follower.rejected is None
    follower.follow(new.ledger.block(last + 1))
    assert follower.height == last + 1
    follower.close()
    new.close()


def test_who_signed_for_one_successor_takes_no_block_of_another(old: Consortium) -> None:
    """Both have a quorum, as where the same cosigners signed twice: the chain may not split here."""
    last = old.node.height
    auditor, maker = following(old, "auditor"), following(old, "maker-copy")
    auditor.signed.hand_over(last, "plant")
    said = signed(succession(old, operator="bank"), *QUORUM)
    other = took_over(old, said, member="bank", by=wire(old, said, member="bank"))
    with pytest.raises(errors.OtherSuccessor) as refused:
        auditor.follow(other.ledger.block(last + 1))
    assert "bank" in refused.value.en
    assert "plant" in refused.value.en
    assert (auditor.height, auditor.rejected) == (last, None)
    new = took_over(old, signed(succession(old), *QUORUM))
    auditor.follow(new.ledger.block(last + 1))
    assert auditor.height == last + 1
    maker.follow(other.ledger.block(last + 1))  # Who gave no word takes what a quorum signed.
    for opened in (auditor, maker, other, new):
        opened.close()


def test_a_succession_taken_back_binds_no_more(old: Consortium) -> None:
    follower = following(old, "bank")
    last = follower.height
    follower.signed.hand_over(last, "plant")
    follower.signed.withdraw(last)
    old.do("bank", old.key("bank", "own-branch"))
    follower.follow(old.node.ledger.block(last + 1))
    follower.close()


def test_the_set_changes_once_a_block(old: Consortium) -> None:
    """Both verifiers follow each change from block to block: a second one of a block would be nobody's."""
    subject = seats(old, *MEMBERS, quorum=4)
    old.do("maker", Propose(proposal="p-1", subject=subject), Propose(proposal="p-2", subject=subject))
    votes = [
        old.client(member).sign(Vote(proposal=f"p-{n}", yes=True))
        for n in (1, 2)
        for member in ("maker", "plant", "bank")
    ]
    receipts = old.node.submit(votes)
    assert len({receipt.height for receipt in receipts}) == 1
    states = {n: old.query("consortium.proposal", proposal=f"p-{n}") for n in (1, 2)}
    assert states[1]["state"] == "adopted"
    assert (states[2]["state"], states[2]["code"]) == ("failed", "consortium.cosigners_twice")
    assert len(old.events(CosignersChanged)) == 1
