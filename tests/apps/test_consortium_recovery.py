"""The recovery key and approval rules: one stolen daily key never keeps the member from recovering."""

from typing import Any

import pytest

from hansa.apps.consortium.messages import KeyRegistered, Recover, RevokeKey
from hansa.apps.consortium.messages_approvals import (
    Approve,
    CarriedOut,
    HeldEnded,
    Reject,
    Rejected,
    RemoveApproval,
)
from hansa.apps.consortium.messages_votes import RecoverMember, SetParameter
from hansa.kernel import due, limits
from tests.apps.approving import RULE, UPDATE, guarded, held, rule, size, waiting
from tests.apps.ballots import decide
from tests.consortium import Consortium, new_key, signer

__all__ = ["guarded"]

COLD: dict[str, Any] = {"kind": "recovery", "scopes": ("consortium.recover",)}
NOTICE_DAYS = 7


def recovery(consortium: Consortium, *revoke: str, name: str = "n1", **fields: Any) -> Recover:
    """Ends keys, and registers one for everything."""
    new = new_key(consortium.node.chain.id, "plant", name, holder="h-new")
    return Recover(**({"revoke": revoke, "keys": (new,)} | fields))


@pytest.fixture
def bound(guarded: Consortium) -> Consortium:
    """Plant's recovery key `safe` was registered with the consent of two holders: its rules bind it."""
    cold = guarded.key("plant", "safe", holder="h-safe", **COLD)
    guarded.do("plant", Approve(held=held(guarded, cold)), key="wang")
    return guarded


def revoked(consortium: Consortium, key: str) -> bool:
    rows = dict(consortium.query("consortium.keys_of", member="plant"))
    return bool(rows[key].get("revoked_ms"))


# A recovery key that no rule binds.


def test_a_rule_that_came_after_the_recovery_key_holds_no_recovery(consortium: Consortium) -> None:
    """However long it has stood: a thief of one key could have made it, and two holders of its own."""
    consortium.do("plant", consortium.key("plant", "safe", holder="h-safe", **COLD))
    consortium.do("plant", consortium.key("plant", "t1", holder="t-1"), rule(action="consortium.*"))
    consortium.pass_days(60)
    consortium.do("plant", recovery(consortium, "k1", "t1"), key="safe")
    assert consortium.query("consortium.held", member="plant") == []
    assert revoked(consortium, "k1")


def test_a_recovery_that_misses_a_key_of_the_thief_binds_no_new_recovery_key(consortium: Consortium) -> None:
    consortium.do("plant", consortium.key("plant", "safe", holder="h-safe", **COLD))
    consortium.do("plant", *(consortium.key("plant", name, holder=name) for name in ("t1", "t2")))
    consortium.do("plant", rule(action="consortium.*"))
    cold = new_key(consortium.node.chain.id, "plant", "safe-2", holder="h-safe", **COLD)
    consortium.do("plant", recovery(consortium, "k1", keys=(cold,)), key="safe")
    consortium.do("plant", recovery(consortium, "t1", "t2"), key="safe-2")
    assert revoked(consortium, "t1")


def test_a_recovery_binds_the_new_recovery_key_if_it_says_so(guarded: Consortium) -> None:
    chain = guarded.node.chain.id
    guarded.do("plant", RemoveApproval(action=RULE.action))
    guarded.do("plant", Approve(held=waiting_name(guarded)), key="wang")
    guarded.do("plant", guarded.key("plant", "safe", holder="h-safe", **COLD))
    guarded.do("plant", rule(holders=3))
    cold = new_key(chain, "plant", "safe-2", holder="h-safe", **COLD)
    guarded.do("plant", Recover(revoke=(), keys=(cold,), guarded=True), key="safe")
    held(guarded, recovery(guarded, "k1"), key="safe-2")
    assert waiting(guarded)[0]["holders"] == 3


def waiting_name(consortium: Consortium) -> str:
    name: str = consortium.query("consortium.held", member="plant")[0]["transaction"]
    return name


@pytest.mark.parametrize("with_rule", [True, False])
def test_nothing_can_be_bound_without_a_rule_or_without_a_recovery_key(
    consortium: Consortium, with_rule: bool
) -> None:
    consortium.do("plant", consortium.key("plant", "safe", holder="h-safe", **COLD))
    keys = (new_key(consortium.node.chain.id, "plant", "safe-2", holder="h-safe", **COLD),)
    if with_rule:
        consortium.do("plant", consortium.key("plant", "b", holder="h-b"), rule())
        keys = (new_key(consortium.node.chain.id, "plant", "n1"),)
    refusal = consortium.refused("plant", Recover(revoke=(), keys=keys, guarded=True), key="safe")
    assert (refusal.code, refusal.field) == ("consortium.recovery_unguarded", "guarded")


def test_no_rule_is_left_to_bind_the_recovery_key(bound: Consortium) -> None:
    bound.do("plant", Approve(held=held(bound, RemoveApproval(action=RULE.action))), key="wang")
    bound.do("plant", recovery(bound, "k1"), key="safe")
    assert revoked(bound, "k1")


# One that the rules bind.


def test_a_bound_recovery_is_done_at_once_with_the_other_holders(bound: Consortium) -> None:
    name = held(bound, recovery(bound, "k1"), key="safe")
    assert not revoked(bound, "k1")
    bound.do("plant", Approve(held=name), key="wang")
    assert bound.refused("plant", UPDATE).code == "kernel.key_revoked"
    held(bound, UPDATE, key="n1")


def test_a_bound_recovery_comes_into_force_by_itself_after_its_notice(bound: Consortium) -> None:
    """The thief has k1, has ended the other holders' keys, and rejects what it can."""
    for key in ("wang", "zhao"):
        bound.do("plant", RevokeKey(id=key))
    name = held(bound, recovery(bound, "k1", "li-2"), key="safe")
    bound.do("plant", Reject(held=name))
    refusal = bound.refused("plant", Reject(held=name), key="li-2")
    assert (refusal.code, refusal.field) == ("consortium.rejected_already", "held")
    bound.clock.advance(days=NOTICE_DAYS, ms=-1)
    bound.node.wake()
    assert not revoked(bound, "k1")
    bound.clock.advance(ms=1)
    bound.node.wake()
    assert revoked(bound, "k1")
    assert waiting(bound) == []
    assert bound.events(Rejected) == [Rejected(member="plant", held=name, key="k1", holder="plant-k1")]
    assert bound.events(CarriedOut)[-1] == CarriedOut(
        member="plant", held=name, key="safe", holder="h-safe", approvals=()
    )
    assert bound.events(KeyRegistered)[-1].key == "n1"
    held(bound, UPDATE, key="n1")


def test_two_holders_keep_a_stolen_recovery_key_from_recovering(bound: Consortium) -> None:
    name = held(bound, recovery(bound, "k1", "wang", "zhao"), key="safe")
    bound.do("plant", Reject(held=name))
    bound.do("plant", Reject(held=name), key="wang")
    assert bound.events(HeldEnded)[-1] == HeldEnded(member="plant", held=name, outcome="rejected", key="wang")
    bound.pass_days(NOTICE_DAYS)
    assert not revoked(bound, "k1")


def test_a_rejection_by_a_key_that_ended_counts_no_more(bound: Consortium) -> None:
    name = held(bound, recovery(bound, "k1"), key="safe")
    bound.do("plant", Reject(held=name), key="zhao")
    bound.do("plant", RevokeKey(id="zhao"))
    bound.do("plant", Reject(held=name), key="wang")
    assert len(waiting(bound)) == 1


def test_no_rejection_counts_once_the_notice_is_over(
    bound: Consortium, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even while the queue lags behind (rule 12)."""
    name = held(bound, recovery(bound, "k1"), key="safe")
    bound.do("plant", Reject(held=name), key="zhao")
    monkeypatch.setattr(limits, "DUE_PER_BLOCK_MAX", 0)
    bound.clock.advance(days=NOTICE_DAYS)
    assert bound.refused("plant", Reject(held=name), key="wang").code == "consortium.held_expired"


def test_only_the_recovery_key_lays_down_a_recovery(bound: Consortium) -> None:
    """Else a thief would fill the places."""
    refusal = bound.refused("plant", recovery(bound, "wang"))
    assert (refusal.code, refusal.field) == ("consortium.recovery_key_only", "key")


def test_a_thief_that_fills_all_places_leaves_one_for_the_recovery(bound: Consortium) -> None:
    for _ in range(limits.HELD_MAX):
        bound.do("plant", UPDATE)
    assert bound.refused("plant", UPDATE).code == "consortium.held_too_many"
    held(bound, recovery(bound, "k1"), key="safe")


def test_a_thief_that_fills_the_queue_leaves_room_for_the_recovery(
    bound: Consortium, monkeypatch: pytest.MonkeyPatch
) -> None:
    bound.do("plant", UPDATE)
    monkeypatch.setattr(limits, "DUE_PER_MEMBER_MAX", 1)
    assert bound.refused("plant", UPDATE).code == "kernel.too_much_pending"
    held(bound, recovery(bound, "k1"), key="safe")
    bound.pass_days(NOTICE_DAYS)
    assert revoked(bound, "k1")


def test_no_key_is_registered_while_a_recovery_waits(bound: Consortium) -> None:
    """Else a thief would make itself another one in time, or take the id of the new one."""
    name = held(bound, recovery(bound, "k1"), key="safe")
    gate = bound.key("plant", "n1", signer("thief"), kind="gateway")
    refusal = bound.refused("plant", gate)
    assert (refusal.code, refusal.field) == ("consortium.recovery_waits", "key")
    for key in ("k1", "wang"):
        bound.do("plant", Reject(held=name), key=key)
    bound.do("plant", gate)


def test_a_later_recovery_replaces_the_one_that_waits(bound: Consortium) -> None:
    first = held(bound, recovery(bound, "k1"), key="safe")
    bound.do("plant", Reject(held=first), key="wang")
    bound.clock.advance(days=3)
    second = held(bound, recovery(bound, "k1", "robot"), key="safe")
    assert [row["transaction"] for row in bound.query("consortium.held", member="plant")] == [second]
    assert bound.events(HeldEnded)[-1] == HeldEnded(
        member="plant", held=first, outcome="replaced", key="safe"
    )
    bound.do("plant", Reject(held=second), key="zhao")
    bound.pass_days(NOTICE_DAYS - 1)
    assert not revoked(bound, "k1")
    bound.pass_days(1)
    assert revoked(bound, "k1")
    assert revoked(bound, "robot")


def test_a_recovery_that_waits_does_not_hang_on_another_key(bound: Consortium) -> None:
    clerk = new_key(bound.node.chain.id, "plant", "n1", scopes=("billing.*",))
    refusal = bound.refused("plant", Recover(revoke=("k1",), keys=(clerk,)), key="safe")
    assert refusal.code == "consortium.no_managing_key"
    two = (recovery(bound, "k1"), recovery(bound, "wang", name="n2"))
    assert bound.refused("plant", *two, key="safe").code == "consortium.recovery_alone"


def test_a_recovery_fails_where_its_key_was_taken_away_by_vote_meanwhile(bound: Consortium) -> None:
    name = held(bound, recovery(bound, "k1", "wang"), key="safe")
    decide(bound, SetParameter(name="notice_days", value=3), "maker", "plant", "bank", proposal="p-0")
    new = new_key(bound.node.chain.id, "plant", "m1")
    decide(bound, RecoverMember(member="plant", revoke=("safe",), keys=(new,)), "maker", "bank")
    bound.pass_days(3)
    bound.pass_days(4)
    assert bound.events(HeldEnded)[-1] == HeldEnded(
        member="plant", held=name, outcome="failed", code="kernel.key_revoked"
    )
    assert not revoked(bound, "wang")


def test_the_recovery_keys_bond_is_not_made_tighter_by_a_thief(bound: Consortium) -> None:
    bound.do("plant", rule(action="billing.*", holders=3))
    name = held(bound, recovery(bound, "k1"), key="safe")
    assert waiting(bound)[0]["holders"] == 2
    bound.do("plant", Approve(held=name), key="wang")
    assert revoked(bound, "k1")


# What has ended waits for nothing.


def test_what_ended_takes_its_entry_out_of_the_queue(bound: Consortium) -> None:
    def entries() -> int:
        return sum(table == due.QUEUE.name for table, _, _ in bound.node.ledger.store.records())

    assert entries() == 0
    for _ in range(3):
        first, second = held(bound), held(bound, recovery(bound, "zhao"), key="safe")
        assert entries() == 2
        bound.do("plant", Reject(held=first), key="wang")
        for key in ("k1", "wang"):
            bound.do("plant", Reject(held=second), key=key)
        assert entries() == 0
    bound.do("plant", Approve(held=held(bound)), key="wang")
    assert (entries(), size(bound)) == (0, "small")
