"""What would take a member over, or put it out by a single vote: after a notice, and not against its word."""

from collections.abc import Iterator

import pytest

from hansa.apps.consortium.messages import Genesis, KeyRegistered, Leave, RevokeKey
from hansa.apps.consortium.messages_approvals import ApprovalRule, SetApproval
from hansa.apps.consortium.messages_votes import (
    Expel,
    Object,
    Objected,
    ProposalAnnounced,
    ProposalEnded,
    Propose,
    RecoverMember,
    SetParameter,
    Suspend,
    Vote,
    Withdraw,
)
from hansa.kernel import due, limits, replace
from tests.apps.ballots import decide, stands, status
from tests.consortium import START_MS, Consortium, new_key

NOTICE_DAYS = 7
OBJECT = Object(proposal="p-1")


def recovery(consortium: Consortium, member: str = "bank", *, name: str = "k9") -> RecoverMember:
    return RecoverMember(
        member=member, revoke=("k1",), keys=(new_key(consortium.node.chain.id, member, name),)
    )


def waits(consortium: Consortium) -> int:
    """Entries in the queue of due work."""
    return sum(table == due.QUEUE.name for table, _, _ in consortium.node.ledger.store.records())


@pytest.fixture
def two() -> Iterator[Consortium]:
    """Maker and plant alone."""

    def change(file: Genesis) -> Genesis:
        return replace(file, members=file.members[:2])

    made = Consortium(change=change)
    yield made
    made.close()


# A recovery by vote.


def test_a_recovery_by_vote_comes_into_force_after_its_notice(consortium: Consortium) -> None:
    found = decide(consortium, recovery(consortium), "maker", "plant")
    effective_ms = START_MS + NOTICE_DAYS * limits.DAY_MS
    assert (found["state"], found["effective_ms"]) == ("notice", effective_ms)
    assert consortium.events(ProposalAnnounced) == [
        ProposalAnnounced(proposal="p-1", member="bank", effective_ms=effective_ms)
    ]
    consortium.clock.advance(days=NOTICE_DAYS, ms=-1)
    consortium.node.wake()
    assert consortium.events(KeyRegistered) == []
    consortium.clock.advance(ms=1)
    consortium.node.wake()
    assert stands(consortium)["state"] == "adopted"
    (event,) = consortium.events(KeyRegistered)
    assert (event.member, event.key, event.proposal) == ("bank", "k9", "p-1")
    assert consortium.refused("bank", OBJECT, key="k9").code == "consortium.proposal_closed"


@pytest.mark.parametrize("decided", [True, False])
def test_any_good_key_of_the_member_ends_a_recovery_by_vote(consortium: Consortium, decided: bool) -> None:
    """Before it is decided, or while its notice runs."""
    clerk = consortium.key("bank", "clerk", scopes=("consortium.object",), kind="worker")
    consortium.do("bank", clerk)
    decide(consortium, recovery(consortium), *(("maker", "plant") if decided else ("maker",)))
    consortium.do("bank", OBJECT, key="clerk")
    assert stands(consortium)["state"] == "objected"
    assert consortium.events(Objected) == [Objected(proposal="p-1", member="bank", key="clerk")]
    assert consortium.events(ProposalEnded)[-1].state == "objected"
    assert waits(consortium) == 0
    consortium.pass_days(30)
    assert [event.key for event in consortium.events(KeyRegistered)] == ["clerk"]
    assert consortium.refused("plant", Vote(proposal="p-1", yes=True)).code == "consortium.proposal_closed"


def test_a_narrow_key_and_another_member_end_nothing(consortium: Consortium) -> None:
    consortium.do("bank", consortium.key("bank", "clerk", scopes=("billing.*",)))
    decide(consortium, recovery(consortium), "maker", "plant")
    assert consortium.refused("bank", OBJECT, key="clerk").code == "kernel.out_of_scope"
    refusal = consortium.refused("auditor", OBJECT)
    assert (refusal.code, refusal.field) == ("consortium.not_about_you", "proposal")
    assert consortium.refused("maker", Withdraw(proposal="p-1")).code == "consortium.proposal_closed"
    assert stands(consortium)["state"] == "notice"


def test_who_was_suspended_or_has_left_objects_as_well(consortium: Consortium) -> None:
    consortium.do("bank", Leave())
    decide(consortium, recovery(consortium), "maker", "plant")
    consortium.do("bank", OBJECT)
    assert stands(consortium)["state"] == "objected"


def test_no_approval_rule_holds_an_objection(consortium: Consortium) -> None:
    """Its other holders may be gone; and it may be the last day."""
    consortium.do("bank", consortium.key("bank", "k2", holder="h-2"))
    rule = ApprovalRule(action="consortium.*", holders=2, days=3)
    consortium.do("bank", SetApproval(rule=rule))
    decide(consortium, recovery(consortium), "maker", "plant")
    mixed = consortium.refused("bank", OBJECT, RevokeKey(id="k2"))
    assert mixed.code == "consortium.approval_mixed"
    consortium.do("bank", OBJECT)
    assert stands(consortium)["state"] == "objected"


def test_an_objection_counts_before_the_notice_is_over_only(
    consortium: Consortium, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even while the queue lags behind (rule 12)."""
    decide(consortium, recovery(consortium), "maker", "plant")
    monkeypatch.setattr(limits, "DUE_PER_BLOCK_MAX", 0)
    consortium.clock.advance(days=NOTICE_DAYS)
    assert consortium.refused("bank", OBJECT).code == "consortium.proposal_closed"


def test_what_can_be_done_no_longer_when_the_notice_is_over_has_failed(consortium: Consortium) -> None:
    decide(consortium, recovery(consortium), "maker", "plant")
    consortium.do("bank", consortium.key("bank", "k9"))
    consortium.pass_days(NOTICE_DAYS)
    assert (stands(consortium)["state"], stands(consortium)["code"]) == ("failed", "consortium.key_taken")
    assert waits(consortium) == 0


def test_the_notice_is_a_parameter(consortium: Consortium) -> None:
    longer = SetParameter(name="notice_days", value=20)
    decide(consortium, longer, "maker", "plant", "bank", proposal="p-0")
    found = decide(consortium, recovery(consortium), "maker", "plant")
    assert found["effective_ms"] == START_MS + 20 * limits.DAY_MS


# A single voter.


def test_one_company_alone_never_takes_over_anothers_keys(two: Consortium) -> None:
    refusal = two.refused("maker", Propose(proposal="p-1", subject=recovery(two, "plant")))
    assert (refusal.code, refusal.field) == ("consortium.too_few_voters", "subject")


def test_nor_once_the_others_that_could_vote_have_gone(consortium: Consortium) -> None:
    consortium.do("maker", Propose(proposal="p-1", subject=recovery(consortium)))
    consortium.do("auditor", Leave())
    consortium.do("plant", Leave())
    consortium.do("maker", Vote(proposal="p-1", yes=True))
    ended = stands(consortium)
    assert (ended["state"], ended["code"]) == ("failed", "consortium.too_few_voters")


@pytest.mark.parametrize(("kind", "becomes"), [(Suspend, "suspended"), (Expel, "left")])
def test_a_single_vote_puts_a_member_out_after_a_notice(
    two: Consortium, kind: type[Suspend | Expel], becomes: str
) -> None:
    assert decide(two, kind(member="plant"), "maker")["state"] == "notice"
    assert status(two, "plant") == "active"
    two.pass_days(NOTICE_DAYS)
    assert (status(two, "plant"), stands(two)["state"]) == (becomes, "adopted")


@pytest.mark.parametrize("kind", [Suspend, Expel])
def test_and_not_if_the_member_objects(two: Consortium, kind: type[Suspend | Expel]) -> None:
    decide(two, kind(member="plant"), "maker")
    two.do("plant", OBJECT)
    two.pass_days(NOTICE_DAYS)
    assert (status(two, "plant"), stands(two)["state"]) == ("active", "objected")


def test_two_votes_suspend_at_once_and_no_objection_helps(consortium: Consortium) -> None:
    consortium.do("maker", Propose(proposal="p-1", subject=Suspend(member="bank")))
    refusal = consortium.refused("bank", OBJECT)
    assert (refusal.code, refusal.field) == ("consortium.no_objection", "proposal")
    for member in ("maker", "plant"):
        consortium.do(member, Vote(proposal="p-1", yes=True))
    assert status(consortium, "bank") == "suspended"


def test_what_was_decided_waits_in_the_queue_no_more(consortium: Consortium) -> None:
    days = SetParameter(name="ballot_days", value=30)
    consortium.do("maker", Propose(proposal="p-0", subject=days), Withdraw(proposal="p-0"))
    decide(consortium, days, "maker", "plant", "bank")
    assert waits(consortium) == 0
