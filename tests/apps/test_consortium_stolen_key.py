"""Approval rules and one stolen key: it undoes none of them."""

from typing import Any

import pytest

from hansa.apps.consortium.messages import (
    KeyRegistered,
    Leave,
    Recover,
    RevokeKey,
)
from hansa.apps.consortium.messages_approvals import (
    ApprovalRemoved,
    Approve,
    RemoveApproval,
)
from hansa.apps.consortium.messages_votes import RecoverMember
from hansa.kernel import Action, replace
from tests.apps.approving import RULE, UPDATE, guarded, held, rule, size, waiting
from tests.apps.ballots import decide
from tests.consortium import Consortium, new_key, signer

__all__ = ["guarded"]


# One stolen key. The thief has Li's key k1.


def stolen(consortium: Consortium) -> list[Action]:
    """What would undo the rule."""
    thief = signer("thief")
    recovery: dict[str, Any] = {"kind": "recovery", "scopes": ("consortium.recover",)}
    return [
        RemoveApproval(action=RULE.action),
        rule(action=RULE.action, field="size", above=0),
        replace(consortium.key("plant", "mine", thief, holder="h-mine")),
        replace(consortium.key("plant", "mine", thief, **recovery)),
        replace(consortium.key("plant", "mine", thief, holder="h-wang", scopes=()), replaces="wang"),
        Leave(),
    ]


@pytest.mark.parametrize("which", range(6))
def test_one_stolen_key_undoes_no_rule(guarded: Consortium, which: int) -> None:
    guarded.pass_days(7)
    before = guarded.query("consortium.keys_of", member="plant")
    name = held(guarded, stolen(guarded)[which])
    assert guarded.query("consortium.approvals", member="plant")[0]["holders"] == 2
    assert guarded.query("consortium.keys_of", member="plant") == before
    assert guarded.refused("plant", Approve(held=name)).code == "consortium.approval_by_proposer"


@pytest.mark.parametrize(
    ("old", "new", "waits"),
    [
        ({"holders": 3}, {"holders": 2}, True),
        ({"holders": 2}, {"holders": 3}, False),
        ({"field": "version", "above": 5}, {"field": "version", "above": 6}, True),
        ({"field": "version", "above": 5}, {"field": "version", "above": 4}, False),
        ({"field": "version", "above": 5}, {}, False),
        ({}, {"field": "version"}, True),
        ({}, {"days": 9}, False),
    ],
)
def test_a_rule_is_made_weaker_by_as_many_as_it_demands(
    guarded: Consortium, old: dict[str, Any], new: dict[str, Any], waits: bool
) -> None:
    guarded.do("plant", rule(action="billing.publish_tariff", **old))
    guarded.do("plant", rule(action="billing.publish_tariff", **new))
    assert bool(waiting(guarded)) == waits
    shown = guarded.query("consortium.approvals", member="plant")[0]
    changed = all(shown.get(name, 0) == value for name, value in new.items()) if new else "field" not in shown
    assert changed != waits


def test_the_strictest_rule_guards_all_of_them(guarded: Consortium) -> None:
    guarded.do("plant", rule(action="billing.*", holders=3))
    name = held(guarded, RemoveApproval(action=RULE.action))
    assert waiting(guarded)[0]["holders"] == 3
    guarded.do("plant", Approve(held=name), key="wang")
    assert len(guarded.query("consortium.approvals", member="plant")) == 2
    guarded.do("plant", Approve(held=name), key="zhao")
    assert guarded.events(ApprovalRemoved) == [ApprovalRemoved(member="plant", action=RULE.action)]


def test_a_member_takes_its_last_rule_away_and_is_free(guarded: Consortium) -> None:
    name = held(guarded, RemoveApproval(action=RULE.action))
    guarded.do("plant", Approve(held=name), key="wang")
    guarded.do("plant", UPDATE)
    assert size(guarded) == "small"


def test_a_program_and_a_device_are_registered_without_waiting(guarded: Consortium) -> None:
    """They count as no holder, so they undo nothing."""
    guarded.do("plant", guarded.key("plant", "gate-2", kind="gateway", holder="h-gate"))
    guarded.do("plant", guarded.key("plant", "meter", kind="device", scopes=()))
    guarded.do("plant", RevokeKey(id="wang"))
    assert "gate-2" in [event.key for event in guarded.events(KeyRegistered)]


def test_who_lost_too_many_holders_is_given_new_ones_by_vote(guarded: Consortium) -> None:
    for key in ("wang", "zhao"):
        guarded.do("plant", RevokeKey(id=key))
    chain = guarded.node.chain.id
    keys = (new_key(chain, "plant", "n1", holder="h-n1"), new_key(chain, "plant", "n2", holder="h-n2"))
    decide(guarded, RecoverMember(member="plant", revoke=("k1",), keys=keys), "maker", "bank")
    guarded.pass_days(7)
    name = held(guarded, key="n1")
    guarded.do("plant", Approve(held=name), key="n2")
    assert size(guarded) == "small"


# A thief that sets rules of its own.


def test_a_thief_does_not_bar_the_recovery_key_by_a_rule_of_its_own(consortium: Consortium) -> None:
    """Plant has no rule. The thief makes itself two holders and lets everything need both."""
    chain = consortium.node.chain.id
    safe = consortium.key("plant", "safe", kind="recovery", holder="h-safe", scopes=("consortium.recover",))
    consortium.do("plant", safe)
    consortium.do(
        "plant", consortium.key("plant", "t1", holder="h-1"), consortium.key("plant", "t2", holder="h-2")
    )
    consortium.do("plant", rule(action="consortium.*", holders=2), key="t1")
    name = held(consortium, rule(action="consortium.*", holders=3), key="t1")
    consortium.do("plant", Approve(held=name), key="t2")

    consortium.clock.advance(days=30)
    new = tuple(new_key(chain, "plant", f"n{n}", holder=f"h-n{n}") for n in range(3))
    consortium.do("plant", Recover(revoke=("k1", "t1", "t2"), keys=new), key="safe")
    assert consortium.query("consortium.held", member="plant") == []
    # The thief's rule is taken away by as many holders as it demands.
    name = held(consortium, RemoveApproval(action="consortium.*"), key="n0")
    for key in ("n1", "n2"):
        consortium.do("plant", Approve(held=name), key=key)
    assert consortium.query("consortium.approvals", member="plant") == []
