"""Approval rules: what is held, who approves, what carries it out, and that one stolen key undoes nothing."""

from pathlib import Path
from typing import Any

import pytest

from hansa.apps.billing.messages import PublishTariff
from hansa.apps.consortium.messages import (
    Attest,
    PublishCalendar,
    RevokeKey,
)
from hansa.apps.consortium.messages_approvals import (
    Approval,
    ApprovalRule,
    ApprovalSet,
    Approve,
    Approved,
    CarriedOut,
    Held,
    HeldEnded,
    Reject,
    RemoveApproval,
    SetApproval,
)
from hansa.apps.rooms import registry as all_rooms
from hansa.kernel import Action, Context, Natural, Registry, Room, limits, replace
from tests.apps.approving import UPDATE, guarded, held, rule, size, waiting
from tests.apps.tariffs import TARIFF, calendar_of
from tests.consortium import Consortium

__all__ = ["guarded"]


# Held, approved, carried out.


def test_a_held_transaction_has_no_effect_but_its_own_existence(guarded: Consortium) -> None:
    name = held(guarded)
    assert size(guarded) == "medium"
    (event,) = guarded.events(Held)
    assert (event.transaction, event.key, event.holder, event.holders) == (name, "k1", "plant-k1", 2)
    assert event.tags == ("consortium.update_member",)
    assert event.until_ms == guarded.in_days(3)
    (row,) = guarded.query("consortium.held", member="plant")
    assert row["transaction"] == name


def test_the_approval_of_another_holder_carries_it_out_and_shows_who_stood_for_it(
    guarded: Consortium,
) -> None:
    name = held(guarded)
    approving = guarded.do("plant", Approve(held=name), key="wang").transaction
    assert size(guarded) == "small"
    assert waiting(guarded) == []
    assert guarded.events(Approved) == [Approved(member="plant", held=name, key="wang", holder="h-wang")]
    assert guarded.events(CarriedOut) == [
        CarriedOut(
            member="plant",
            held=name,
            key="k1",
            holder="plant-k1",
            approvals=(Approval(key="wang", holder="h-wang", transaction=approving),),
        )
    ]


def test_three_holders_are_three(guarded: Consortium) -> None:
    guarded.do("plant", rule(holders=3))
    name = held(guarded)
    guarded.do("plant", Approve(held=name), key="zhao")
    assert size(guarded) == "medium"
    assert [given["holder"] for given in waiting(guarded)[0]["approvals"]] == ["h-zhao"]
    guarded.do("plant", Approve(held=name), key="wang")
    assert size(guarded) == "small"


def test_a_transaction_is_held_whole(guarded: Consortium) -> None:
    name = held(guarded, Attest(table="consortium.members", key=("plant",)), UPDATE, RevokeKey(id="robot"))
    guarded.do("plant", Attest(table="consortium.members", key=("plant",)), key="robot")
    guarded.do("plant", Approve(held=name), key="wang")
    assert guarded.refused("plant", UPDATE, key="robot").code == "kernel.key_revoked"


def test_what_no_rule_holds_is_done_at_once_and_other_members_have_their_own(guarded: Consortium) -> None:
    guarded.do("plant", Attest(table="consortium.members", key=("plant",)))
    guarded.do("bank", UPDATE)
    assert guarded.query("consortium.held", member="bank") == []
    assert guarded.query("consortium.member", member="bank")["size"] == "small"


def test_a_rule_for_a_room_holds_all_its_actions(guarded: Consortium) -> None:
    guarded.do("plant", rule(action="consortium.*", holders=3))
    name = held(guarded, Attest(table="consortium.members", key=("plant",)))
    for key in ("wang", "zhao"):
        guarded.do("plant", Approve(held=name), key=key)
    assert waiting(guarded) == []
    # Of two rules the stricter counts.
    held(guarded, UPDATE)
    assert waiting(guarded)[0]["holders"] == 3


def test_a_held_transaction_is_its_first_keys_and_is_done_as_if_it_signed_then(guarded: Consortium) -> None:
    """What is registered is bounded by the proposer's scope, not by the approver's."""
    narrow = guarded.key("plant", "desk", holder="h-desk", scopes=("consortium.register_key",))
    first = held(guarded, narrow)
    guarded.do("plant", Approve(held=first), key="wang")
    beyond = guarded.key("plant", "more", scopes=("*",))
    name = held(guarded, beyond, key="desk")
    refusal = guarded.refused("plant", Approve(held=name), key="wang")
    assert refusal.code == "consortium.scope_beyond_own"


# Who approves.


def test_nobody_approves_its_own_whatever_key_it_uses(guarded: Consortium) -> None:
    name = held(guarded)
    for key in ("k1", "li-2"):
        refusal = guarded.refused("plant", Approve(held=name), key=key)
        assert (refusal.code, refusal.field) == ("consortium.approval_by_proposer", "held")
    assert size(guarded) == "medium"


def test_one_holder_approves_once(guarded: Consortium) -> None:
    guarded.do("plant", rule(holders=3))
    guarded.do(
        "plant", Approve(held=held(guarded, guarded.key("plant", "wang-2", holder="h-wang"))), key="wang"
    )
    name = held(guarded)
    guarded.do("plant", Approve(held=waiting_id(guarded, "consortium.register_key")), key="zhao")
    guarded.do("plant", Approve(held=name), key="wang")
    for key in ("wang", "wang-2"):
        assert guarded.refused("plant", Approve(held=name), key=key).code == "consortium.approved_already"


def waiting_id(consortium: Consortium, tag: str) -> str:
    rows = consortium.query("consortium.held", member="plant")
    (found,) = [row["transaction"] for row in rows if row["held"]["tags"] == [tag]]
    return str(found)


def test_only_persons_with_scope_for_what_is_held_approve_or_reject(guarded: Consortium) -> None:
    name = held(guarded)
    for action in (Approve(held=name), Reject(held=name)):
        assert guarded.refused("plant", action, key="robot").code == "consortium.approver_kind"
        refusal = guarded.refused("plant", action, key="clerk")
        assert (refusal.code, refusal.field) == ("consortium.approver_scope", "key")
        assert "consortium.update_member" in refusal.en


def test_another_member_approves_nothing_of_ones_own(guarded: Consortium) -> None:
    name = held(guarded)
    for action in (Approve(held=name), Reject(held=name)):
        refusal = guarded.refused("bank", action)
        assert (refusal.code, refusal.field) == ("consortium.held_unknown", "held")


def test_a_program_that_proposes_is_no_holder(guarded: Consortium) -> None:
    """Else a thief of one person's key would register a program with another holder, and be two."""
    name = held(guarded, key="robot")
    guarded.do("plant", Approve(held=name), key="wang")
    assert size(guarded) == "medium"
    guarded.do("plant", Approve(held=name), key="zhao")
    assert size(guarded) == "small"


def test_an_approval_by_a_key_that_was_revoked_meanwhile_counts_no_more(guarded: Consortium) -> None:
    guarded.do("plant", rule(holders=3))
    name = held(guarded)
    guarded.do("plant", Approve(held=name), key="wang")
    guarded.do("plant", RevokeKey(id="wang"))
    guarded.do("plant", Approve(held=name), key="zhao")
    assert size(guarded) == "medium"
    assert [given["holder"] for given in waiting(guarded)[0]["approvals"]] == ["h-zhao"]


def test_an_approval_cannot_be_replayed_for_another_transaction(guarded: Consortium) -> None:
    first = held(guarded)
    wire = guarded.client("plant", "wang").sign(Approve(held=first))
    transport = guarded.client("plant", "wang").transport
    assert transport.submit([wire])[0].code == "ok"
    second = held(guarded, replace(UPDATE, size="large"))
    again = transport.submit([wire])[0]
    assert again.height < guarded.node.height  # the first outcome of the same bytes
    assert [row["transaction"] for row in guarded.query("consortium.held", member="plant")] == [second]


# When it is carried out.


def test_the_first_key_must_still_be_good_when_it_is_carried_out(guarded: Consortium) -> None:
    name = held(guarded)
    guarded.do("plant", RevokeKey(id="k1"), key="wang")
    refusal = guarded.refused("plant", Approve(held=name), key="wang")
    assert refusal.code == "kernel.key_revoked"
    assert size(guarded) == "medium"
    guarded.do("plant", Reject(held=name), key="wang")


def test_what_is_refused_when_it_is_carried_out_refuses_the_approval_and_waits(guarded: Consortium) -> None:
    name = held(guarded, UPDATE, RevokeKey(id="unknown"))
    refusal = guarded.refused("plant", Approve(held=name), key="wang")
    assert refusal.code == "consortium.key_unknown"
    assert size(guarded) == "medium"
    assert waiting(guarded)[0]["holders"] == 2
    assert "approvals" not in waiting(guarded)[0]
    assert guarded.events(Approved) == []


def test_a_held_transaction_ends_with_its_days(guarded: Consortium) -> None:
    name = held(guarded)
    guarded.clock.advance(days=3, ms=-1)
    guarded.node.wake()
    assert len(waiting(guarded)) == 1
    guarded.clock.advance(ms=1)
    guarded.node.wake()
    assert waiting(guarded) == []
    (event,) = guarded.events(HeldEnded)
    assert (event.held, event.outcome, event.key) == (name, "expired", "")
    assert guarded.refused("plant", Approve(held=name), key="wang").code == "consortium.held_unknown"


def test_an_approval_after_its_time_counts_not_even_before_the_queue_has_run(
    guarded: Consortium, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = held(guarded)
    monkeypatch.setattr(limits, "DUE_PER_BLOCK_MAX", 0)
    guarded.clock.advance(days=3)
    refusal = guarded.refused("plant", Approve(held=name), key="wang")
    assert (refusal.code, refusal.field) == ("consortium.held_expired", "held")


def test_who_could_approve_may_reject_and_the_proposer_takes_it_back(guarded: Consortium) -> None:
    first, second, third = (held(guarded, replace(UPDATE, node_url=f"http://n{n}.example")) for n in range(3))
    guarded.do("plant", Reject(held=first), key="wang")
    guarded.do("plant", Reject(held=second), key="k1")
    guarded.do("plant", Reject(held=third), key="li-2")
    ended = [(event.held, event.outcome, event.key) for event in guarded.events(HeldEnded)]
    assert ended == [
        (first, "rejected", "wang"),
        (second, "withdrawn", "k1"),
        (third, "withdrawn", "li-2"),
    ]
    assert guarded.refused("plant", Approve(held=first), key="wang").code == "consortium.held_unknown"
    guarded.pass_days(4)
    assert len(guarded.events(HeldEnded)) == 3


def test_what_is_made_stricter_meanwhile_needs_the_more(guarded: Consortium) -> None:
    name = held(guarded)
    guarded.do("plant", rule(holders=3))
    guarded.do("plant", Approve(held=name), key="wang")
    assert size(guarded) == "medium"
    guarded.do("plant", Approve(held=name), key="zhao")
    assert size(guarded) == "small"


def test_so_many_transactions_wait_and_no_more(guarded: Consortium) -> None:
    for n in range(limits.HELD_MAX):
        held(guarded, replace(UPDATE, node_url=f"http://n{n}.example"))
    refusal = guarded.refused("plant", UPDATE)
    assert (refusal.code, refusal.field) == ("consortium.held_too_many", "actions")
    guarded.do("plant", Reject(held=str(guarded.query("consortium.held", member="plant")[0]["transaction"])))
    held(guarded)


def test_who_approves_approves_nothing_else_in_a_held_transaction(guarded: Consortium) -> None:
    name = held(guarded)
    for action in (Approve(held=name), Reject(held=name)):
        refusal = guarded.refused("plant", action, UPDATE, key="wang")
        assert (refusal.code, refusal.field) == ("consortium.approval_mixed", "actions")


def test_a_held_transaction_of_an_action_that_is_gone_is_refused_by_name(
    guarded: Consortium, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = held(guarded)
    registry = guarded.node.registry
    tags = {tag: kind for tag, kind in registry.tags.items() if tag != "consortium.update_member"}
    monkeypatch.setattr(registry, "tags", tags)
    refusal = guarded.refused("plant", Approve(held=name), key="wang")
    assert (refusal.code, refusal.field) == ("consortium.held_outdated", "held")


# Thresholds.


@pytest.fixture
def above(consortium: Consortium) -> Consortium:
    """Maker has two holders; to publish a tariff of a version above 10 needs both."""
    consortium.do("maker", consortium.key("maker", "k2", holder="h-2"))
    demanded = ApprovalRule(action="billing.publish_tariff", holders=2, days=1, field="version", above=10)
    consortium.do("maker", SetApproval(rule=demanded))
    return consortium


def publish(version: int, name: str = "t") -> Action:
    return PublishTariff(name, version, TARIFF, calendar_owner="maker", calendar="c")


def test_a_threshold_lets_pass_what_is_not_above_it(above: Consortium) -> None:
    above.do("maker", PublishCalendar("c", calendar_of("Asia/Shanghai", 2026)))
    above.do("maker", publish(10))
    assert above.query("consortium.held", member="maker") == []
    held(above, publish(11), member="maker")


class Pay(Action, tag="tolls.pay"):
    cents: Natural


class PayRenamed(Action, tag="tolls.pay"):
    """The same action in the room's next version, which calls its amount otherwise."""

    fen: Natural


def pay(ctx: Context, a: Pay) -> None:
    """Nothing but what it says of itself."""


def pay_renamed(ctx: Context, a: PayRenamed) -> None:
    """Likewise."""


def test_a_rule_whose_field_a_newer_version_has_no_more_holds(tmp_path: Path) -> None:
    """Not passed by, and no fault of the program."""
    rooms = all_rooms().rooms
    consortium = Consortium(tmp_path / "ledger.db", registry=Registry([*rooms, Room("tolls", actions=[pay])]))
    consortium.do("maker", consortium.key("maker", "k2", holder="h-2"))
    consortium.do("maker", rule(action="tolls.pay", field="cents", above=100))
    consortium.do("maker", Pay(cents=100))
    assert consortium.query("consortium.held", member="maker") == []
    consortium.registry = Registry([*rooms, Room("tolls", actions=[pay_renamed])])
    consortium.reopen()
    held(consortium, PayRenamed(fen=1), member="maker", key="k2")
    consortium.close()


def test_a_threshold_is_for_the_sum_of_a_transaction(above: Consortium) -> None:
    held(above, publish(6), publish(5), member="maker")
    receipt = above.refused("maker", publish(5), publish(5))  # no calendar is there: it was executed
    assert receipt.code == "consortium.calendar_unknown"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"holders": 1}, "consortium.approval_holders"),
        ({"holders": 6}, "consortium.approval_holders"),
        ({"holders": 5}, "consortium.approval_holders"),
        ({"holders": 2**53 - 1}, "consortium.approval_holders"),
        ({"days": 31}, "consortium.approval_days"),
        ({"action": "billing.nothing"}, "consortium.approval_action"),
        ({"action": "nowhere.*"}, "consortium.approval_action"),
        ({"action": "consortium.approve"}, "consortium.approval_action"),
        ({"action": "consortium.reject"}, "consortium.approval_action"),
        ({"action": "consortium.add_key"}, "consortium.approval_action"),
        ({"above": 5}, "consortium.approval_field"),
        ({"field": "tariff"}, "consortium.approval_field"),
        ({"field": "nothing"}, "consortium.approval_field"),
        ({"field": "id"}, "consortium.approval_field"),
        ({"action": "billing.*", "field": "version"}, "consortium.approval_field"),
        ({"action": "consortium.vote", "field": "yes"}, "consortium.approval_field"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(guarded: Consortium, fields: dict[str, Any], code: str) -> None:
    given = {"action": "billing.publish_tariff"} | fields
    assert guarded.refused("plant", rule(**given)).code == code


def test_a_rule_asks_for_no_more_holders_than_there_are(consortium: Consortium) -> None:
    assert consortium.refused("plant", rule()).code == "consortium.approval_holders"
    consortium.do("plant", consortium.key("plant", "k2", holder="plant-k1"))
    consortium.do("plant", consortium.key("plant", "k3", holder="other", kind="worker"))
    refusal = consortium.refused("plant", rule())
    assert "1" in refusal.en
    consortium.do("plant", consortium.key("plant", "k4", holder="other"))
    consortium.do("plant", rule())
    # Who is gone is no holder any more.
    consortium.do("plant", RevokeKey(id="k4"))
    assert consortium.refused("plant", rule(action="billing.*")).code == "consortium.approval_holders"


def test_a_member_has_so_many_rules_and_no_more(guarded: Consortium, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "APPROVAL_RULES_MAX", 2)
    guarded.do("plant", rule(action="billing.*"))
    assert guarded.refused("plant", rule(action="metering.*")).code == "consortium.approvals_too_many"
    guarded.do("plant", rule(holders=3))


def test_rules_are_shown(guarded: Consortium) -> None:
    guarded.do("plant", rule(action="billing.*"))
    shown = guarded.query("consortium.approvals", member="plant")
    assert [row["action"] for row in shown] == ["billing.*", "consortium.update_member"]
    assert guarded.query("consortium.approvals", member="bank") == []
    assert len(guarded.events(ApprovalSet)) == 2
    refusal = guarded.refused("bank", RemoveApproval(action="billing.*"))
    assert (refusal.code, refusal.field) == ("consortium.approval_unknown", "action")
