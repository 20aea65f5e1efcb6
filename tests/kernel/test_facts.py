"""Facts of a network's engine: read strictly, heard once and in one order; what goes wrong hurts nobody."""

from typing import Any

import pytest

from hansa.apps.consortium.contract import ROOM as CONSORTIUM
from hansa.apps.consortium.messages import Attest
from hansa.engines.replay import Replica
from hansa.kernel import Context, Natural, Record, Refusal, Registry, Room, Table, encode, limits
from hansa.kernel.apply import Applied, Block
from hansa.kernel.facts import EngineFacts, Fault, address, in_order, read_facts
from hansa.kernel.transaction import sign
from tests.consortium import START_MS, genesis, signer


class Heard(Record, version=1, readers="members", retention="business"):
    """How often an address was named."""

    times: Natural


class Deaf(Refusal, code="listening.deaf", field="address"):
    zh = "{address} 不予理会。请检查。"
    en = "{address} is not heard. Check it."


HEARD = Table("listening.heard", key=("address",), record=Heard)
REFUSED, BROKEN, DEAR, MACHINE = (f"{n:040x}" for n in range(1, 5))


def hear(ctx: Context, fault: Fault) -> None:
    known = HEARD.get(ctx, (fault.address,))
    HEARD.put(ctx, (fault.address,), Heard(times=known.times + 1 if known else 1))
    if fault.address == REFUSED:
        raise Deaf(address=fault.address)
    if fault.address == BROKEN:
        raise KeyError(fault.address)
    if fault.address == MACHINE:
        raise MemoryError
    if fault.address == DEAR:
        for _ in range(100):
            HEARD.get(ctx, (fault.address,))


LISTENING = Room("listening", faults=hear, tables=[HEARD])


def without_its_own(room: Room) -> Room:
    """The consortium, deaf: one room hears of faults."""
    made = room.at(limits.RULES_MAX)
    made.faults = None
    return made


REGISTRY = Registry([without_its_own(CONSORTIUM), LISTENING])


def block(replica: Replica, *faults: Fault, wires: tuple[bytes, ...] = ()) -> Applied:
    engine = encode(EngineFacts(height=replica.height + 1, faults=faults)).decode()
    return replica.execute(Block(replica.height + 1, START_MS + 1_000, wires, engine))


def fault(at: str, **fields: Any) -> Fault:
    given: dict[str, Any] = {"kind": "duplicate_vote", "address": at, "height": 1, "time_ms": 0}
    return Fault(**(given | fields))


@pytest.fixture
def replica() -> Replica:
    return Replica(encode(genesis(REGISTRY)), REGISTRY)


OTHER = "f" * 40


def test_what_a_handler_refuses_or_breaks_on_has_no_effect_and_is_told(replica: Replica) -> None:
    applied = block(replica, fault(REFUSED), fault(BROKEN), fault(OTHER))
    assert [key for _, key in applied.changes] == [OTHER.encode() + b"\x00"]
    assert [each.what for each in applied.incidents] == ["fault", "fault"]
    assert "listening.deaf" in applied.incidents[0].detail
    assert "KeyError" in applied.incidents[1].detail


def test_a_fault_of_the_machine_stops_the_block(replica: Replica) -> None:
    with pytest.raises(MemoryError):
        block(replica, fault(MACHINE))
    assert replica.height == 0


def test_what_hearing_costs_is_of_the_blocks_steps(replica: Replica, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BLOCK_STEPS_MAX", 80)
    wire = sign(
        REGISTRY, signer("maker"), chain=replica.chain.id, member="maker", key="k1", sequence=1,
        valid_until_ms=START_MS + limits.HOUR_MS,
        actions=(Attest(table="consortium.members", key=("maker",)),),
    )  # fmt: skip
    assert block(replica, fault(OTHER), wires=(wire,)).outcomes[0].code == "ok"
    refused = block(replica, fault(DEAR), wires=(wire,))
    assert refused.outcomes[0].code == "kernel.block_full"


def test_each_fault_is_heard_once_in_an_order_of_its_own(replica: Replica) -> None:
    one, other = fault(OTHER), fault(OTHER, kind="light_client_attack")
    later = fault(OTHER, height=2)
    facts = EngineFacts(height=9, faults=(later, other, one, one, later))
    assert in_order(facts) == (one, other, later)
    applied = block(replica, later, other, one, one, later)
    assert Heard(times=3) in [entry[1] for entry in applied.entries.values()]


def test_without_a_room_that_hears_facts_are_kept_and_nothing_more() -> None:
    deaf = Registry([without_its_own(CONSORTIUM)])
    replica = Replica(encode(genesis(deaf)), deaf)
    applied = block(replica, fault(OTHER))
    assert (applied.leaf, applied.incidents) == (None, ())


def test_two_rooms_cannot_both_answer_for_faults() -> None:
    with pytest.raises(TypeError, match="two rooms"):
        Registry([CONSORTIUM, LISTENING])


@pytest.mark.parametrize("text", [
    "{}", "x", '"7"', '{"height":0}', '{"height":-1}', '{"height": 1}', '{"height":1,"proposer":""}',
    '{"height":1,"more":1}', '{"height":1.5}', '{"proposer":"","height":1}', '{"height":9007199254740992}',
    '{"height":1,"proposer":"' + "A" * 40 + '"}', '{"height":1,"proposer":"ab\\n"}', "[" * 5_000,
    '{"faults":[{"address":"' + "0" * 40 + '","height":1,"kind":"other","time_ms":0}],"height":1}',
    '{"faults":[{"address":"' + "0" * 39 + '","height":1,"kind":"duplicate_vote","time_ms":0}],"height":1}',
])  # fmt: skip
def test_facts_that_no_engine_writes_are_refused(text: str, replica: Replica) -> None:
    with pytest.raises(Refusal) as refused:
        read_facts(text)
    assert refused.value.code in ("kernel.malformed", "kernel.not_canonical")
    with pytest.raises(Refusal):
        replica.execute(Block(1, START_MS, (), text))


def test_the_embedded_engine_has_none() -> None:
    assert read_facts("") is None
    assert in_order(None) == ()


def test_an_address_is_the_beginning_of_a_hash() -> None:
    assert address(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4"
