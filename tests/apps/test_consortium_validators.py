"""Who validates a network: by founding, vote, rotation, proof; and what keeps the set sound."""

from typing import Any

import pytest

from hansa.apps.consortium.messages import Leave, RegisterKey, UpdateMember
from hansa.apps.consortium.messages_approvals import ApprovalRule, Approve, SetApproval
from hansa.apps.consortium.messages_succession import Succeed
from hansa.apps.consortium.messages_validators import Tick, ValidatorsChanged
from hansa.apps.consortium.messages_votes import (
    Expel,
    Propose,
    ProposedValidator,
    Reinstate,
    SetParameter,
    SetValidators,
    Suspend,
    Vote,
)
from hansa.engines.founding import found
from hansa.kernel import Cosigner, Refusal, Succession, address, encode, limits, replace
from hansa.kernel.signatures import VerifiedCache
from tests.apps.ballots import seats
from tests.apps.networking import ALL_ROOMS, Network, consensus, founding
from tests.consortium import Consortium, genesis, new_key, signer

ALL = ("maker", "plant", "bank", "auditor")


@pytest.fixture
def network() -> Network:
    return Network()


def public(member: str, turn: int = 1) -> bytes:
    return consensus(member, turn).public


# Founding.


def test_a_network_begins_with_the_validators_of_its_genesis_file(network: Network) -> None:
    assert network.powers() == {public(member): 1 for member in ALL}
    row = network.query("consortium.validators")[0]
    assert (row["member"], row["address"], row["status"]) == ("auditor", address(public("auditor")), "active")
    assert network.query("consortium.cosigners") is None
    keys = network.query("consortium.consensus_keys")
    assert [key["address"] for key in keys] == sorted(address(public(member)) for member in ALL)


@pytest.mark.parametrize(("fields", "code"), [
    ({"operator": "maker"}, "consortium.genesis_mixed"),
    ({"node_public": signer("maker", "node").public}, "consortium.genesis_mixed"),
    ({"quorum": 1}, "consortium.genesis_mixed"),
    ({"cosigners": (Cosigner("maker", signer("maker", "node").public),)}, "consortium.genesis_mixed"),
    ({"rules": 1}, "consortium.genesis_mixed"),
    ({"validators": ()}, "consortium.genesis_incomplete"),
])  # fmt: skip
def test_a_genesis_file_is_of_exactly_one_kind(fields: dict[str, Any], code: str) -> None:
    with pytest.raises(Refusal) as refused:
        found(encode(founding({"maker": 1}, **fields)), ALL_ROOMS, VerifiedCache().verify)
    assert refused.value.code == code


def test_a_genesis_file_with_neither_operator_nor_validators_is_refused() -> None:
    neither = replace(genesis(ALL_ROOMS), operator="", node_public=b"")
    with pytest.raises(Refusal) as refused:
        found(encode(neither), ALL_ROOMS, VerifiedCache().verify)
    assert refused.value.code == "consortium.genesis_incomplete"


def test_founders_of_a_network_bring_a_key_that_manages_keys() -> None:
    sound = founding({"maker": 1})
    keyless = (*sound.members[:-1], replace(sound.members[-1], keys=()))
    with pytest.raises(Refusal) as refused:
        found(encode(replace(sound, members=keyless)), ALL_ROOMS, VerifiedCache().verify)
    assert refused.value.code == "consortium.no_managing_key"


@pytest.mark.parametrize(("powers", "code"), [
    ({"maker": 1, "stranger": 1}, "consortium.validators_invalid"),
    ({"maker": 2, "plant": 1}, "consortium.validators_unequal"),
    ({"maker": 3, "plant": 2, "bank": 2, "auditor": 2}, "consortium.validator_share"),
    ({"maker": limits.VALIDATOR_POWER_MAX + 1}, "consortium.validators_invalid"),
])  # fmt: skip
def test_founders_are_bound_as_votes_are(powers: dict[str, int], code: str) -> None:
    with pytest.raises(Refusal) as refused:
        found(encode(founding(powers)), ALL_ROOMS, VerifiedCache().verify)
    assert refused.value.code == code


def test_founding_validators_prove_their_keys_and_each_has_its_own() -> None:
    sound = founding(dict.fromkeys(ALL, 1))
    first, *others = sound.validators
    another = replace(first, public=public("maker", 2))
    k1 = replace(first, public=signer("maker").public)
    for broken, code in (
        (another, "consortium.consensus_proof"),
        (replace(others[0], member="maker"), "consortium.consensus_proof"),
        (replace(first, public=b"\x00" * 32), "consortium.consensus_key_invalid"),
        (k1, "consortium.consensus_key_taken"),
    ):
        with pytest.raises(Refusal) as refused:
            found(encode(replace(sound, validators=(broken, *others[1:]))), ALL_ROOMS, VerifiedCache().verify)
        assert refused.value.code == code
    for twice in ((first, first), (first, *others, first)):
        with pytest.raises(Refusal) as refused:
            found(encode(replace(sound, validators=twice)), ALL_ROOMS, VerifiedCache().verify)
        assert refused.value.code == "consortium.validators_invalid"


# By vote.


def test_a_vote_seats_changes_and_removes_and_the_engine_hears_of_differences(network: Network) -> None:
    assert network.decide(network.admit(turn=0), *ALL[:3]) == "adopted"
    assert network.shares() == dict.fromkeys(ALL, 1)
    assert network.decide(network.seats(network.seat("steel", turn=1)), *ALL) == "adopted"
    assert network.shares() == {**dict.fromkeys(ALL, 1), "steel": 1}
    shown = network.events(ValidatorsChanged)[-1]
    assert shown.proposal == "p-2"
    assert {each.member: each.power for each in shown.validators} == network.shares()
    assert {each.public: each.power for each in shown.validators} == network.powers() == network.told

    two = network.seats(network.seat("steel", 2), network.seat("bank", 2))
    assert network.decide(two, *ALL) == "adopted"
    assert network.shares()["steel"] == 2
    one = network.seats(network.seat("steel", 1), network.seat("bank", 0))
    assert network.decide(one, *ALL) == "adopted"
    assert "bank" not in network.shares()
    assert network.told == network.powers()
    ended = {key["address"]: key["key"].get("until", 0) for key in network.query("consortium.consensus_keys")}
    assert ended[address(public("bank"))] == network.replica.height
    assert network.told[public("steel")] == 1


def test_a_vote_without_effect_on_the_set_shows_none(network: Network) -> None:
    assert network.decide(network.seats(network.seat("bank", 1)), *ALL) == "consortium.validators_unchanged"
    network.block(faults=[network.fault("bank")])
    changes = len(network.events(ValidatorsChanged))
    assert network.decide(network.seats(network.seat("bank", 0)), *ALL) == "adopted"
    assert "bank" not in network.shares()
    assert len(network.events(ValidatorsChanged)) == changes


def seat(network: Network, member: str, power: int = 1, turn: int = 0, **fields: Any) -> ProposedValidator:
    return replace(network.seat(member, power, turn), **fields)


def test_hostile_seats_are_refused_when_they_are_proposed(network: Network) -> None:
    bank = network.key("bank", 2)
    for proposed, code in (
        ((), "validators_invalid"),
        ((seat(network, "bank", 1), seat(network, "bank", 0)), "validators_invalid"),
        ((seat(network, "stranger", 1, 2),), "validators_invalid"),
        ((seat(network, "stranger", 0),), "validator_unknown"),
        ((seat(network, "bank", 0, 2),), "validator_unknown"),
        ((seat(network, "bank", 1_001),), "validators_invalid"),
        ((seat(network, "bank", 2**53 - 1),), "validators_invalid"),
        ((seat(network, "bank", 2),), "validator_share"),
        ((seat(network, "bank", 1, 1),), "consensus_key_taken"),
        ((seat(network, "bank", 1, 2, public=public("maker")),), "consensus_key_taken"),
        ((seat(network, "bank", 1, 2, public=signer("plant").public),), "consensus_key_taken"),
        ((seat(network, "bank", 1, 2, public=b"\x01"),), "consensus_key_invalid"),
        ((seat(network, "bank", 1, 2, public=bytes(32)),), "consensus_key_invalid"),
        ((seat(network, "bank", 1, 2, proof=b""),), "consensus_proof"),
        ((seat(network, "plant", 1, public=bank.public, proof=bank.proof),), "consensus_proof"),
        ((seat(network, "bank", 1, 2), seat(network, "plant", 1, 2)), "validators_fresh"),
        (tuple(seat(network, member, 0) for member in ALL), "last_validator"),
        (tuple(seat(network, "bank") for _ in range(200)), "validators_invalid"),
    ):  # fmt: skip
        refusal = network.refused("maker", Propose(proposal="x-1", subject=SetValidators(seats=proposed)))
        assert refusal.code == f"consortium.{code}", proposed
    assert network.shares() == dict.fromkeys(ALL, 1)


def test_one_key_for_two_seats_of_a_vote_is_refused() -> None:
    network = Network({"maker": 10, "plant": 10, "bank": 10, "auditor": 10})
    bank = network.key("bank", 2)
    twice = [
        seat(network, "bank", 1, public=bank.public, proof=bank.proof),
        seat(network, "plant", 1, public=bank.public, proof=bank.proof),
    ]
    proposed = Propose(proposal="x-1", subject=SetValidators(seats=tuple(twice)))
    assert network.refused("maker", proposed).code == "consortium.consensus_key_taken"


def test_fewer_than_four_validators_are_equal() -> None:
    network = Network({"maker": 1})
    assert network.decide(network.seats(network.seat("plant", 2, 1)), *ALL) == "consortium.validators_unequal"
    assert network.decide(network.seats(network.seat("plant", 1, 1)), *ALL) == "adopted"
    assert network.decide(network.seats(network.seat("bank", 1, 1)), *ALL) == "adopted"
    equal = network.seats(*(network.seat(member, 7) for member in ("maker", "plant", "bank")))
    assert network.decide(equal, *ALL) == "adopted"
    assert network.decide(network.seats(network.seat("auditor", 11, 1)), *ALL) == "consortium.validator_share"
    spread = (
        *(network.seat(member, 7) for member in ("maker", "plant", "bank")),
        network.seat("auditor", 7, 1),
    )
    assert network.decide(network.seats(*spread), *ALL) == "adopted"


def test_what_became_impossible_before_the_last_vote_fails_whole(network: Network) -> None:
    """Bank leaves while its new power is voted on."""
    network.do("maker", Propose(proposal="x-1", subject=network.seats(network.seat("bank", 1, 2))))
    network.do("bank", Leave())
    for member in ("maker", "plant"):
        network.do(member, Vote(proposal="x-1", yes=True))
    ended = network.query("consortium.proposal", proposal="x-1")
    assert (ended["state"], ended["code"]) == ("failed", "consortium.validators_invalid")
    assert "bank" not in network.shares()


def test_no_more_are_named_than_there_are_seats(network: Network) -> None:
    many = [ProposedValidator(member=f"m-{n}", power=0) for n in range(limits.VALIDATORS_MAX + 1)]
    proposed = Propose(proposal="x-1", subject=SetValidators(seats=tuple(many)))
    assert network.refused("maker", proposed).code == "consortium.validators_invalid"


def test_suspended_seats_count_among_the_seats(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "VALIDATORS_MAX", 4)
    network.block(faults=[network.fault("bank")])
    assert network.decide(network.admit(turn=0), *ALL) == "adopted"
    assert network.decide(network.seats(network.seat("steel", 1, 1)), *ALL) == "consortium.validators_invalid"
    instead = network.seats(network.seat("steel", 1, 1), network.seat("bank", 0))
    assert network.decide(instead, *ALL, "steel") == "adopted"


def test_a_chain_with_an_operator_has_no_validators_and_a_network_no_operator(network: Network) -> None:
    consortium = Consortium()
    subject = SetValidators(seats=(ProposedValidator(member="maker", power=1),))
    assert consortium.refused("maker", Propose(proposal="p-1", subject=subject)).code == (
        "consortium.not_a_network"
    )
    assert consortium.refused("maker", network.rotation("maker", 2)).code == "consortium.validator_unknown"
    assert consortium.refused("maker", Tick()).code == "consortium.not_a_network"
    assert consortium.query("consortium.validators") == []
    proposed = Propose(proposal="p-1", subject=seats(consortium, "maker", quorum=1))
    assert network.refused("maker", proposed).code == "consortium.no_operator"
    after = Succession(chain=network.chain, height=network.replica.height, app_hash="0" * 64, operator="bank")
    assert network.refused("maker", Succeed(signatures=(), succession=after)).code == "consortium.no_operator"
    consortium.close()


# Admission.


def test_one_vote_admits_member_and_validator(network: Network) -> None:
    assert network.decide(network.admit(), *ALL[:3]) == "adopted"
    assert network.shares() == {**dict.fromkeys(ALL, 1), "steel": 1}
    assert network.query("consortium.member", member="steel")["status"] == "active"
    assert network.told == network.powers()


def test_who_joins_gets_the_least_power_and_both_thresholds_count() -> None:
    network = Network({"maker": 10, "plant": 12, "bank": 11, "auditor": 10})
    assert network.decide(SetParameter(name="threshold_validators_bp", value=10_000), *ALL) == "adopted"
    assert network.decide(network.admit(), *ALL[:3]) == "open"
    network.do("auditor", Vote(proposal="p-2", yes=True))
    assert network.shares()["steel"] == 10


def test_a_card_with_an_unfit_consensus_key_admits_nobody(network: Network) -> None:
    theirs = network.key("maker", 1)
    held = network.key("steel", 1)
    k1 = signer("steel").public
    for offered, code in (
        (theirs, "consensus_key_taken"),
        (replace(held, proof=theirs.proof), "consensus_proof"),
        (replace(held, public=k1), "consensus_key_taken"),
        (replace(held, public=b""), "validator_unknown"),
        (replace(held, public=b"x"), "consensus_key_invalid"),
    ):
        asked = network.admit(turn=0)
        admit = replace(asked, card=replace(asked.card, validator=offered))
        assert network.refused("maker", Propose(proposal="x-1", subject=admit)).code == f"consortium.{code}"
    changed = network.admit()
    stolen = replace(changed, card=replace(changed.card, validator=network.key("steel", 2)))
    refusal = network.refused("maker", Propose(proposal="x-1", subject=stolen))
    assert refusal.code == "consortium.card_signature"


def test_a_consensus_key_can_never_sign_transactions(network: Network) -> None:
    key = new_key(network.chain, "plant", "k9", consensus("plant"))
    assert network.refused("plant", RegisterKey(key=key)).code == "consortium.public_taken"


# Rotation.


def test_a_rotated_key_keeps_the_power_and_the_old_one_serves_no_more() -> None:
    network = Network({"maker": 4, "plant": 4, "bank": 4, "auditor": 3})
    network.do("bank", network.rotation("bank", 2))
    assert network.shares()["bank"] == 4
    assert public("bank") not in network.powers()
    assert network.told == network.powers()
    network.now_ms += limits.DAY_MS
    assert network.refused("bank", network.rotation("bank", 1)).code == "consortium.consensus_key_taken"
    shown = network.events(ValidatorsChanged)[-1]
    assert {each.public for each in shown.validators} == set(network.powers())
    assert shown.proposal == ""


def test_a_member_rotates_once_a_day_and_a_vote_needs_no_waiting(network: Network) -> None:
    network.do("bank", network.rotation("bank", 2))
    assert network.refused("bank", network.rotation("bank", 3)).code == "consortium.rotation_too_soon"
    assert network.decide(network.seats(network.seat("bank", 1, 3)), *ALL) == "adopted"
    network.do("bank", network.rotation("bank", 4))
    network.now_ms += limits.ROTATION_APART_MS
    network.do("bank", network.rotation("bank", 5))


def test_hostile_rotations(network: Network) -> None:
    network.decide(network.admit(turn=0), *ALL)
    own = network.rotation("bank", 2)
    for member, action, code in (
        ("steel", network.rotation("steel", 2), "validator_unknown"),
        ("maker", own, "consensus_proof"),
        ("bank", replace(own, proof=bytes(64)), "consensus_proof"),
        ("bank", replace(own, proof=b""), "consensus_proof"),
        ("bank", replace(own, public=b"\xff" * 32), "consensus_key_invalid"),
        ("bank", replace(own, public=public("plant")), "consensus_key_taken"),
        ("bank", network.rotation("bank", 1), "consensus_key_taken"),
    ):
        assert network.refused(member, action).code == f"consortium.{code}"
    network.block(faults=[network.fault("bank")])
    assert network.refused("bank", own).code == "consortium.validator_unknown"


def test_approval_rules_guard_the_consensus_key_and_hold_no_tick(network: Network) -> None:
    """A thief of one daily key does not take the member's vote on blocks along."""
    wang = new_key(network.chain, "bank", "wang", holder="h-wang")
    network.do("bank", RegisterKey(key=wang))
    rule = ApprovalRule(action="consortium.update_member", holders=2, days=3)
    network.do("bank", SetApproval(rule=rule))
    network.do("bank", network.rotation("bank", 2))
    assert public("bank", 2) not in network.powers()
    (waiting,) = network.query("consortium.held", member="bank")
    approve = network.wire("bank", Approve(held=waiting["transaction"]), key="wang")
    assert network.block(approve).outcomes[0].code == "ok"
    assert public("bank", 2) in network.powers()

    whole = ApprovalRule(action="consortium.*", holders=2, days=3)
    network.do("bank", SetApproval(rule=whole))
    assert network.refused("bank", Tick()).code == "consortium.nothing_due"
    both = (Tick(), UpdateMember(size="small", roles=("bank",)))
    assert network.refused("bank", *both).code == "consortium.approval_mixed"


# Status of the member.


@pytest.mark.parametrize("subject", [Suspend(member="bank"), Expel(member="bank")])
def test_who_is_suspended_or_expelled_has_no_power(network: Network, subject: Suspend | Expel) -> None:
    assert network.decide(subject, "maker", "plant", "auditor") == "adopted"
    assert "bank" not in network.shares()
    assert network.told == network.powers()
    assert network.events(ValidatorsChanged)[-1].proposal == "p-1"
    assert network.refused("bank", network.rotation("bank", 2)).code == "consortium.validator_unknown"
    assert network.decide(network.seats(network.seat("bank", 1, 2)), *ALL) == "consortium.validators_invalid"


def test_who_is_reinstated_has_a_seat_again_by_a_vote_and_a_fresh_key(network: Network) -> None:
    network.decide(Suspend(member="bank"), "maker", "plant", "auditor")
    network.decide(Reinstate(member="bank"), "maker", "plant", "auditor")
    assert "bank" not in network.shares()
    assert network.decide(network.seats(network.seat("bank", 1)), *ALL) == "consortium.validator_unknown"
    assert network.decide(network.seats(network.seat("bank", 1, 1)), *ALL) == "consortium.consensus_key_taken"
    assert network.decide(network.seats(network.seat("bank", 1, 2)), *ALL) == "adopted"
    assert network.told == network.powers()


def test_the_last_validator_neither_leaves_nor_is_put_out() -> None:
    network = Network({"maker": 1, "plant": 1})
    network.do("plant", Leave())
    assert network.refused("maker", Leave()).code == "consortium.last_validator"
    for subject in (Suspend(member="maker"), Expel(member="maker"), network.seats(network.seat("maker", 0))):
        refused = network.refused("bank", Propose(proposal="x-1", subject=subject))
        assert refused.code == "consortium.last_validator"
    assert network.powers() == {public("maker"): 1}
    network.do("bank", Leave())
    assert network.query("consortium.member", member="bank")["status"] == "left"
