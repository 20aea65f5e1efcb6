"""What the engine tells a network: who signed twice, and when nothing happens; what due work then does."""

import dataclasses
from typing import Any

import msgspec
import pytest

from hansa.apps.consortium import validators
from hansa.apps.consortium.messages_validators import DoubleSigned, Tick
from hansa.apps.consortium.messages_votes import (
    Expel,
    Propose,
    SetParameter,
)
from hansa.engines.replay import Replica
from hansa.kernel import Refusal, address, encode, limits
from hansa.kernel.apply import Block
from hansa.kernel.canonical import Malformed
from hansa.kernel.facts import EngineFacts, Fault, in_order, read_facts
from tests.apps.networking import ALL_ROOMS, Network, consensus
from tests.consortium import MEMBERS

ALL = ("maker", "plant", "bank", "auditor")


@pytest.fixture
def network() -> Network:
    return Network()


def public(member: str, turn: int = 1) -> bytes:
    return consensus(member, turn).public


# Proof.


def test_who_signed_twice_has_no_power_at_once_and_a_vote_with_a_fresh_key_gives_it_back(
    network: Network,
) -> None:
    fault = network.fault("bank", height=7)
    applied = network.block(network.wire("maker", Tick()), faults=[fault])
    assert applied.incidents == ()
    assert network.shares() == {"auditor": 1, "bank": 0, "maker": 1, "plant": 1}
    assert network.told == network.powers()
    (told,) = network.events(DoubleSigned)
    assert (told.member, told.public, told.fault, told.suspended) == ("bank", public("bank"), fault, True)
    row = next(row for row in network.query("consortium.validators") if row["member"] == "bank")
    assert (row["status"], row["fault"]["height"]) == ("suspended", 7)
    assert network.query("consortium.member", member="bank")["status"] == "active"

    assert network.decide(network.seats(network.seat("bank", 1)), *ALL) == "consortium.validator_unknown"
    assert network.decide(network.seats(network.seat("bank", 1, 2)), *ALL) == "adopted"
    assert network.shares() == dict.fromkeys(ALL, 1)
    network.block(faults=[network.fault("bank", 1, height=8)])
    assert network.shares() == dict.fromkeys(ALL, 1), "it answered for that key already"
    assert len(network.events(DoubleSigned)) == 1


def test_a_light_client_attack_counts_alike(network: Network) -> None:
    network.block(faults=[network.fault("bank", kind="light_client_attack")])
    assert network.shares()["bank"] == 0


def test_rotating_washes_nothing_off(network: Network) -> None:
    network.do("bank", network.rotation("bank", 2))
    network.block(faults=[network.fault("bank", 1)])
    assert network.shares()["bank"] == 0
    assert network.told == network.powers()


def test_a_proof_against_a_key_that_a_vote_replaced_is_shown_and_costs_nothing(network: Network) -> None:
    network.decide(network.seats(network.seat("bank", 1, 2)), *ALL)
    network.block(faults=[network.fault("bank", 1)])
    assert network.shares() == dict.fromkeys(ALL, 1)
    (told,) = network.events(DoubleSigned)
    assert not told.suspended
    network.decide(Expel(member="bank"), "maker", "plant", "auditor")
    network.block(faults=[network.fault("bank", 2)])
    assert [told.suspended for told in network.events(DoubleSigned)] == [False, False]


def test_facts_of_nobody_repeated_or_in_another_order_change_nothing_else(network: Network) -> None:
    unknown = Fault(kind="duplicate_vote", address="ab" * 20, height=1, time_ms=0)
    faults = [network.fault("bank"), unknown, network.fault("plant"), network.fault("bank", height=2)]
    other = Network()
    first = network.block(faults=[*faults, *faults])
    second = other.block(faults=faults[::-1])
    assert first.changes == second.changes
    assert first.events == second.events
    assert [incident.what for incident in first.incidents] == ["fault"]
    assert unknown.address in first.incidents[0].detail
    assert network.shares() == {"auditor": 1, "bank": 0, "maker": 1, "plant": 0}
    again = network.block(faults=faults)
    assert (again.leaf, again.events, again.changes) == (None, (), {})


def test_an_unknown_address_alone_leaves_no_leaf(network: Network) -> None:
    before = network.replica.app_hash
    applied = network.block(faults=[Fault(kind="duplicate_vote", address="ab" * 20, height=1, time_ms=0)])
    assert applied.leaf is None
    assert network.replica.app_hash == before


def test_who_was_caught_is_heard_before_what_fell_due(network: Network) -> None:
    network.do("maker", Propose(proposal="p-1", subject=SetParameter(name="ballot_days", value=3)))
    network.now_ms += 14 * limits.DAY_MS
    told = network.block(faults=[network.fault("bank")]).events
    assert [msgspec.json.decode(event)["_type"].partition(".")[2] for event in told] == [
        "double_signed", "validators_changed", "proposal_ended",
    ]  # fmt: skip


def test_even_if_all_signed_twice_somebody_can_still_make_a_block(network: Network) -> None:
    network.block(faults=[network.fault(member) for member in ALL])
    (kept,) = network.powers()
    assert [told.suspended for told in network.events(DoubleSigned)] == [True, True, True, False]
    assert kept == max((public(member) for member in ALL), key=address)
    members = [member for member in ALL if public(member) != kept]
    network.decide(network.seats(network.seat(members[0], 1, 2)), *ALL)
    assert len(network.powers()) == 2


# Facts in the leaf.


def test_facts_stand_in_the_leaf_as_they_came_and_alone_make_none(network: Network) -> None:
    applied = network.block(network.wire("maker", Tick()))
    assert applied.leaf is not None
    facts = read_facts(applied.leaf.engine)
    assert facts == EngineFacts(height=1)
    assert network.block().leaf is None
    assert network.replica.height == 1


def test_a_text_that_no_engine_writes_is_refused_before_any_work(network: Network) -> None:
    for text in ("{}", "x", '{"height":0}', '{"height": 1}', '{"height":1,"proposer":"XY"}'):
        with pytest.raises(Refusal) as refused:
            network.replica.execute(Block(1, network.now_ms, (), text))
        assert refused.value.code in ("kernel.malformed", "kernel.not_canonical")
    assert network.replica.height == 0
    assert read_facts("") is None
    assert in_order(None) == ()
    assert issubclass(Malformed, Refusal)


def test_a_replica_comes_to_the_same_by_the_same_blocks(network: Network) -> None:
    network.decide(network.admit(), *ALL)
    network.do("bank", network.rotation("bank", 2))
    network.block(network.wire("maker", Tick()), faults=[network.fault("plant")])
    again = Replica(network.genesis, ALL_ROOMS)
    for block in network.blocks:
        again.execute(block)
    assert again.app_hash == network.replica.app_hash
    other = Replica(network.genesis, ALL_ROOMS)
    for block in network.blocks[:-1]:
        other.execute(block)
    last = network.blocks[-1]
    other.execute(replace_block(last, engine=encode(EngineFacts(height=network.engine_height)).decode()))
    assert other.app_hash != network.replica.app_hash


def replace_block(block: Block, **fields: Any) -> Block:
    return dataclasses.replace(block, **fields)


def test_updates_make_the_set_after_of_the_set_before() -> None:
    a, b, c, d = (bytes([n]) * 32 for n in range(4))
    assert validators.updates({a: 1, b: 2, c: 3}, {a: 1, b: 5, d: 4}) == ((b, 5), (c, 0), (d, 4))
    assert validators.updates({a: 1}, {a: 1}) == ()
    assert validators.updates({}, {b: 1, a: 1}) == ((a, 1), (b, 1))


# Waking.


def test_a_tick_is_refused_where_nothing_is_due_and_wakes_what_is(network: Network) -> None:
    assert network.refused("maker", Tick()).code == "consortium.nothing_due"
    network.do("maker", Propose(proposal="p-1", subject=SetParameter(name="ballot_days", value=3)))
    assert network.refused("maker", Tick()).code == "consortium.nothing_due"
    network.now_ms += 14 * limits.DAY_MS
    two = network.block(network.wire("maker", Tick()), network.wire("plant", Tick()))
    assert [outcome.code for outcome in two.outcomes] == ["ok", "ok"]
    assert network.query("consortium.proposal", proposal="p-1")["state"] == "expired"
    assert network.refused("maker", Tick()).code == "consortium.nothing_due"


def test_due_work_makes_a_leaf_of_an_engine_block_without_transactions(network: Network) -> None:
    network.do("maker", Propose(proposal="p-1", subject=SetParameter(name="ballot_days", value=3)))
    height = network.replica.height
    network.now_ms += 14 * limits.DAY_MS
    assert network.block().leaf is not None
    assert network.replica.height == height + 1
    assert network.block().leaf is None


def test_a_tick_costs_its_window_and_little_else(network: Network) -> None:
    applied = network.block(*(network.wire("maker", Tick()) for _ in range(50)))
    assert [table for table, _ in applied.changes] == ["kernel.windows"]
    assert applied.events == ()


def test_somebody_outside_the_set_may_tick_and_every_member_counts(network: Network) -> None:
    assert MEMBERS == ALL
    network.decide(network.admit(turn=0), *ALL)
    assert network.refused("steel", Tick()).code == "consortium.nothing_due"
