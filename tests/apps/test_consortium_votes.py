"""Votes: who may propose and vote, when a proposal is decided, and that it is decided once."""

import pytest

from hansa.apps.consortium.messages import Leave
from hansa.apps.consortium.messages_votes import (
    ProposalEnded,
    ProposalMade,
    Propose,
    Reinstate,
    SetParameter,
    Suspend,
    Vote,
    VoteCast,
    Withdraw,
)
from hansa.kernel import limits
from tests.apps.ballots import admit, company, decide, stands, status
from tests.consortium import Consortium, new_key, signer

DAYS = SetParameter(name="ballot_days", value=30)
YES, NO = Vote(proposal="p-1", yes=True), Vote(proposal="p-1", yes=False)


def days(consortium: Consortium) -> int:
    rows = consortium.query("consortium.parameters")
    (found,) = [row["value"] for row in rows if row["name"] == "ballot_days"]
    return int(found)


# Counting.


def test_two_thirds_of_the_members_decide_and_the_vote_that_does_carries_it_out(
    consortium: Consortium,
) -> None:
    consortium.do("maker", Propose(proposal="p-1", subject=DAYS))
    for member, state in (("maker", "open"), ("plant", "open"), ("bank", "adopted")):
        assert days(consortium) == 14
        consortium.do(member, YES)
        assert stands(consortium)["state"] == state
    assert days(consortium) == 30
    assert consortium.events(ProposalEnded) == [
        ProposalEnded(proposal="p-1", state="adopted", yes=3, voters=4)
    ]
    assert [event.member for event in consortium.events(VoteCast)] == ["maker", "plant", "bank"]
    (made,) = consortium.events(ProposalMade)
    assert (made.proposer, made.threshold_bp, made.subject) == ("maker", 6_666, DAYS)


def test_what_can_no_longer_reach_its_threshold_is_rejected_at_once(consortium: Consortium) -> None:
    consortium.do("maker", Propose(proposal="p-1", subject=DAYS))
    consortium.do("bank", NO)
    assert stands(consortium)["state"] == "open"
    consortium.do("auditor", NO)
    ended = stands(consortium)
    assert (ended["state"], ended["yes"], ended["no"], ended["voters"]) == ("rejected", 0, 2, 4)
    refusal = consortium.refused("maker", YES)
    assert (refusal.code, refusal.field) == ("consortium.proposal_closed", "proposal")
    assert days(consortium) == 14


def test_a_majority_is_more_than_half(consortium: Consortium) -> None:
    decide(consortium, Suspend(member="bank"), "maker", "plant", proposal="p-0")
    proposal = decide(consortium, Reinstate(member="bank"), "maker", proposal="p-1")
    assert (proposal["state"], proposal["threshold_bp"]) == ("open", 5_001)
    consortium.do("plant", YES)
    assert stands(consortium)["state"] == "adopted"


def test_two_of_three_are_two_thirds(consortium: Consortium) -> None:
    decide(consortium, Suspend(member="bank"), "maker", "plant", proposal="p-0")
    assert decide(consortium, DAYS, "maker", "plant")["state"] == "adopted"


def test_a_threshold_of_all_needs_all(consortium: Consortium) -> None:
    all_of_them = SetParameter(name="threshold_parameter_bp", value=10_000)
    decide(consortium, all_of_them, "maker", "plant", "bank", proposal="p-0")
    assert decide(consortium, DAYS, "maker", "plant", "bank")["state"] == "open"
    consortium.do("auditor", YES)
    assert stands(consortium)["state"] == "adopted"


def test_the_threshold_is_that_of_the_day_of_the_proposal(consortium: Consortium) -> None:
    consortium.do("maker", Propose(proposal="p-1", subject=DAYS))
    stricter = SetParameter(name="threshold_parameter_bp", value=10_000)
    decide(consortium, stricter, "maker", "plant", "bank", proposal="p-2")
    for member in ("maker", "plant", "bank"):
        consortium.do(member, YES)
    assert stands(consortium)["state"] == "adopted"


def test_counted_is_who_is_active_when_it_is_counted(consortium: Consortium) -> None:
    """Auditor said no and was suspended: its no is gone, and its seat among the voters."""
    consortium.do("maker", Propose(proposal="p-1", subject=DAYS))
    consortium.do("auditor", NO)
    decide(consortium, Suspend(member="auditor"), "maker", "plant", proposal="p-2")
    consortium.do("bank", YES)
    consortium.do("plant", YES)
    ended = stands(consortium)
    assert (ended["state"], ended["yes"], ended["no"], ended["voters"]) == ("adopted", 2, 0, 3)


def test_who_is_admitted_meanwhile_votes_as_well(consortium: Consortium) -> None:
    consortium.do("maker", Propose(proposal="p-1", subject=DAYS))
    decide(consortium, admit(consortium), "maker", "plant", "bank", proposal="p-2")
    consortium.do("steel", YES)
    assert (stands(consortium)["yes"], stands(consortium)["voters"]) == (1, 5)


# One member, one vote, in time.


def test_one_member_has_one_vote_and_never_another(consortium: Consortium) -> None:
    consortium.do("maker", Propose(proposal="p-1", subject=DAYS))
    consortium.do("bank", NO)
    for again in (YES, NO):
        refusal = consortium.refused("bank", again)
        assert (refusal.code, refusal.field) == ("consortium.voted_already", "proposal")
    consortium.do("bank", consortium.key("bank", "k2"))
    assert consortium.refused("bank", YES, key="k2").code == "consortium.voted_already"
    assert len(consortium.query("consortium.votes", proposal="p-1")) == 1


def test_nobody_votes_twice_within_a_transaction(consortium: Consortium) -> None:
    consortium.do("maker", Propose(proposal="p-1", subject=DAYS))
    assert consortium.refused("bank", YES, YES).code == "consortium.voted_already"
    assert consortium.query("consortium.votes", proposal="p-1") == []


def test_a_vote_for_nothing_is_refused(consortium: Consortium) -> None:
    refusal = consortium.refused("bank", YES)
    assert (refusal.code, refusal.field) == ("consortium.proposal_unknown", "proposal")
    assert consortium.refused("bank", Withdraw(proposal="p-1")).code == "consortium.proposal_unknown"


def test_a_proposal_expires_at_its_deadline_and_no_vote_counts_from_then_on(consortium: Consortium) -> None:
    consortium.do("maker", Propose(proposal="p-1", subject=DAYS))
    consortium.do("maker", YES)
    consortium.do("plant", YES)
    consortium.clock.advance(days=14, ms=-1)
    consortium.node.wake()
    assert stands(consortium)["state"] == "open"
    consortium.clock.advance(ms=1)
    assert consortium.refused("bank", YES).code == "consortium.proposal_closed"
    assert stands(consortium)["state"] == "expired"
    assert days(consortium) == 14
    assert consortium.events(ProposalEnded)[-1].state == "expired"


def test_a_vote_after_the_deadline_counts_not_even_before_the_queue_has_run(
    consortium: Consortium, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rule 12: contracts test deadlines by the time of the block; a backlog of the queue changes nothing."""
    consortium.do("maker", Propose(proposal="p-1", subject=DAYS))
    monkeypatch.setattr(limits, "DUE_PER_BLOCK_MAX", 0)
    consortium.clock.advance(days=14)
    assert consortium.refused("maker", YES).code == "consortium.proposal_closed"
    assert consortium.refused("maker", Withdraw(proposal="p-1")).code == "consortium.proposal_closed"
    assert stands(consortium)["state"] == "open"


def test_what_is_decided_does_not_expire(consortium: Consortium) -> None:
    decide(consortium, DAYS, "maker", "plant", "bank")
    consortium.pass_days(31)
    assert stands(consortium)["state"] == "adopted"
    assert len(consortium.events(ProposalEnded)) == 1


def test_only_the_proposer_takes_a_proposal_back(consortium: Consortium) -> None:
    consortium.do("maker", Propose(proposal="p-1", subject=DAYS))
    refusal = consortium.refused("bank", Withdraw(proposal="p-1"))
    assert (refusal.code, refusal.field) == ("consortium.not_proposer", "proposal")
    consortium.do("maker", Withdraw(proposal="p-1"))
    assert stands(consortium)["state"] == "withdrawn"
    assert consortium.refused("bank", YES).code == "consortium.proposal_closed"
    assert consortium.refused("maker", Withdraw(proposal="p-1")).code == "consortium.proposal_closed"


def test_an_id_of_a_proposal_is_used_once(consortium: Consortium) -> None:
    consortium.do("maker", Propose(proposal="p-1", subject=DAYS), Withdraw(proposal="p-1"))
    refusal = consortium.refused("bank", Propose(proposal="p-1", subject=DAYS))
    assert (refusal.code, refusal.field) == ("consortium.proposal_taken", "proposal")


def test_a_member_has_so_many_open_proposals_and_no_more(consortium: Consortium) -> None:
    many = [Propose(proposal=f"p-{n}", subject=DAYS) for n in range(limits.OPEN_PROPOSALS_MAX)]
    consortium.do("maker", *many)
    one_more = Propose(proposal="q", subject=DAYS)
    assert consortium.refused("maker", one_more).code == "consortium.proposals_too_many"
    consortium.do("bank", one_more)
    consortium.do("maker", Withdraw(proposal="p-3"), Propose(proposal="r", subject=DAYS))
    consortium.pass_days(14)
    consortium.do("maker", Propose(proposal="s", subject=DAYS))


# Who.


def test_who_is_suspended_or_left_neither_proposes_nor_votes(consortium: Consortium) -> None:
    consortium.do("maker", Propose(proposal="p-1", subject=DAYS))
    decide(consortium, Suspend(member="bank"), "maker", "plant", proposal="p-2")
    consortium.do("auditor", Leave())
    for member in ("bank", "auditor"):
        for action in (YES, Propose(proposal="p-9", subject=DAYS)):
            refusal = consortium.refused(member, action)
            assert (refusal.code, refusal.field) == ("consortium.not_active", "member")


def test_who_it_is_about_has_no_vote_on_it(consortium: Consortium) -> None:
    consortium.do("maker", Propose(proposal="p-1", subject=Suspend(member="bank")))
    refusal = consortium.refused("bank", NO)
    assert (refusal.code, refusal.field) == ("consortium.vote_on_itself", "proposal")
    consortium.do("maker", YES)
    consortium.do("plant", YES)
    ended = stands(consortium)
    assert (ended["state"], ended["voters"]) == ("adopted", 3)
    assert status(consortium, "bank") == "suspended"


def test_a_key_votes_by_its_scope_only(consortium: Consortium) -> None:
    consortium.do("maker", Propose(proposal="p-1", subject=DAYS))
    consortium.do("bank", consortium.key("bank", "k2", scopes=("consortium.attest",)))
    assert consortium.refused("bank", YES, key="k2").code == "kernel.out_of_scope"


# Carried out whole, or not at all.


def test_what_can_be_done_no_longer_ends_as_failed_and_blocks_nobodys_vote(consortium: Consortium) -> None:
    """Two companies ask for one id: whoever is decided later is out of luck, and its voters are not."""
    first, second = (
        admit(consortium, company=company(number), keys=(new_key(consortium.node.chain.id, "steel", name),),
              by=signer("steel", name))
        for number, name in ((7, "a"), (8, "b"))
    )  # fmt: skip
    consortium.do("maker", Propose(proposal="p-1", subject=first))
    consortium.do("maker", Propose(proposal="p-2", subject=second))
    for proposal in ("p-1", "p-2"):
        for member in ("maker", "plant", "bank"):
            consortium.do(member, Vote(proposal=proposal, yes=True))
    assert stands(consortium, "p-1")["state"] == "adopted"
    # The company that was admitted first is one of five voters now.
    consortium.do("auditor", Vote(proposal="p-2", yes=True))
    failed = stands(consortium, "p-2")
    assert (failed["state"], failed["code"], failed["yes"]) == ("failed", "consortium.member_taken", 4)
    assert [name for name, _ in consortium.query("consortium.keys_of", member="steel")] == ["a"]


def test_a_vote_in_a_crowded_transaction_makes_no_proposal_fail(
    consortium: Consortium, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else who is against it would spend the budget first and vote yes."""
    chain = consortium.node.chain.id
    keys = tuple(new_key(chain, "steel", f"k{n}") for n in range(1, 4))
    decide(consortium, admit(consortium, keys=keys), "maker", "plant")
    monkeypatch.setattr(limits, "READS_MAX", 2 * limits.READS_PER_SIGNATURE)
    assert consortium.refused("auditor", YES).code == "kernel.over_budget"
    monkeypatch.undo()
    assert stands(consortium)["state"] == "open"
    consortium.do("auditor", YES)
    assert stands(consortium)["state"] == "adopted"


# What can be asked.


def test_proposals_are_listed_by_state_and_in_pages(consortium: Consortium) -> None:
    for n in range(5):
        consortium.do("maker", Propose(proposal=f"p-{n}", subject=DAYS))
    consortium.do("maker", Withdraw(proposal="p-1"))

    def listed(**arguments: object) -> list[str]:
        return [row["id"] for row in consortium.query("consortium.proposals", **arguments)]

    assert listed() == ["p-0", "p-1", "p-2", "p-3", "p-4"]
    assert listed(state="open", limit=2) == ["p-0", "p-2"]
    assert listed(state="open", after="p-2", limit=2) == ["p-3", "p-4"]
    assert listed(state="withdrawn") == ["p-1"]
    assert listed(after="p-4") == []
    assert consortium.query("consortium.proposal", proposal="nobody") is None
