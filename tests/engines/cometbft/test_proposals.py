"""What may wait in the mempool, what is proposed, and what is refused of a proposal (rule 29)."""

import dataclasses
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hansa.apps.consortium.contract import ROOM as CONSORTIUM
from hansa.apps.consortium.messages_validators import Tick
from hansa.engines.cometbft import messages as abci
from hansa.engines.cometbft.admission import SOON_BLOCKS, Fitness
from hansa.engines.cometbft.application import PROBE, STALE_MS, Policy
from hansa.kernel import ACTIVE, KEYS, Active, Release, RoomPin, encode, limits, replace
from hansa.kernel.apply import Applied, Block
from hansa.kernel.canonical import decode_strict
from hansa.kernel.facts import address
from hansa.kernel.messages import Receipt
from hansa.kernel.signatures import TRANSACTION_DOMAIN, verify
from hansa.kernel.state import encode_key
from hansa.kernel.transaction import HEAD_BYTES
from tests import consortium
from tests.engines.cometbft.network import NS, START_MS, Network, register, validator_key
from tests.kernel import room

# What waits, and what is proposed.


def refusal(answer: abci.CheckTxAnswer) -> Receipt:
    assert answer.code == 1
    told = msgspec.json.decode(answer.log, type=Receipt)
    assert answer.codespace == told.code
    assert told.zh
    assert told.en
    return told


def test_what_can_never_count_does_not_wait(net: Network) -> None:
    good = register(net)
    assert net.check(good) == abci.CheckTxAnswer()
    late = register(net, valid_until_ms=START_MS)
    far = register(net, sequence=limits.WINDOW_WIDTH + 2)
    forged = good[:1] + bytes(64) + good[HEAD_BYTES:]
    foreign = register(net, chain="0" * 64)
    unknown = net.wire("maker", room.Register(tool="x"), key="k9")
    for wire, code in (
        (b"", "malformed"),
        (b"\x01" * (limits.TRANSACTION_BYTES_MAX + 1), "too_large"),
        (good + b" ", "malformed"),
        (forged, "wrong_signature"),
        (foreign, "wrong_chain"),
        (unknown, "unknown_key"),
        (late, "expired"),
        (far, "sequence_ahead"),
    ):
        assert refusal(net.check(wire)).code.removeprefix("kernel.") in (code, "not_canonical")
    net.block(good)
    assert refusal(net.check(good)).code == "kernel.replayed"


def test_a_signature_is_checked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bytes] = []

    def counting(suite: int, public: bytes, signature: bytes, message: bytes) -> bool:
        seen.append(message)
        return verify(suite, public, signature, message)

    monkeypatch.setattr("hansa.kernel.signatures.verify", counting)
    net = Network(registry=room.registry())
    wire = register(net)
    seen.clear()
    net.check(wire)
    net.check(wire)
    assert net.propose(wire) == (wire,)
    assert net.accepts(wire)
    net.block(wire)
    assert seen == [TRANSACTION_DOMAIN + wire[HEAD_BYTES:]]
    net.close()


def test_no_member_fills_the_mempool() -> None:
    net = Network(registry=room.registry(), policy=Policy(mempool_transactions=8, mempool_bytes=2**20))
    flood = [register(net, f"t{number}") for number in range(8)]
    assert [net.check(wire).code for wire in flood] == [0] * 4 + [1] * 4
    assert refusal(net.check(flood[7])).code == "engine.mempool_share"
    assert [net.check(register(net, "a", "plant")).code for _ in range(3)] == [0, 0, 1]
    assert net.check(register(net, "a", "bank")).code == 0
    assert net.check(flood[0]).code == 0, "known bytes count once"
    net.block(*flood[:4])
    assert net.check(flood[4]).code == 0
    assert net.application.shares.transactions == 4
    net.close()


def test_bytes_count_as_well_and_what_the_engine_lost_is_forgotten() -> None:
    net = Network(registry=room.registry(), policy=Policy(mempool_transactions=100, mempool_bytes=1_000))
    sent = [register(net, f"t{number}") for number in range(4)]
    assert [net.check(wire).code for wire in sent] == [0, 0, 1, 1]
    net.now_ms += limits.MINUTE_MS
    assert net.check(sent[2]).code == 0
    assert net.application.shares.of("maker") == (1, len(sent[2]))
    net.close()


def test_what_a_coming_change_would_leave_waiting_for_ever_does_not_wait(tmp_path: Path) -> None:
    """The engine never looks again at what waits, and what is in front of its mempool is proposed first."""
    pin = RoomPin(name="toolcrib", version="1", sha256="0" * 64)
    net = Network(tmp_path / "ledger.db", registry=room.registry())
    change = {0: Active(rules=2, rooms=(pin,)), SOON_BLOCKS + 3: Active(rules=2)}
    with net.application.ledger.store.commit():
        net.application.ledger.store.write_records(
            {(ACTIVE.name, encode_key((height,))): encode(active) for height, active in change.items()}
        )
    net.reopen(registry=None, release=Release([CONSORTIUM], {pin: room.ROOM}))
    for number in range(2):
        wire = register(net, f"t{number}")
        assert net.check(wire).code == 0
        net.block(wire)
    told = refusal(net.check(register(net, "late")))
    assert (told.code, str(SOON_BLOCKS) in told.en) == ("engine.change_near", True)
    assert net.check(net.wire("maker", Tick())).code == 0, "what both know may wait"
    for _ in range(SOON_BLOCKS):
        net.block(net.wire("maker", Tick()))
    assert net.propose(register(net, "gone")) == ()
    assert refusal(net.check(register(net, "gone"))).code == "kernel.malformed"
    net.close()


def test_a_proposal_leaves_out_what_others_would_refuse_and_nothing_else(net: Network) -> None:
    used = register(net)
    net.block(used)
    late = register(net, valid_until_ms=START_MS)
    forged = bytearray(register(net))
    forged[7] ^= 1
    good = register(net, "saw-1")
    unknown = net.wire("maker", room.Register(tool="x"), key="k9")
    wires = (late, bytes(forged), used, b"rubbish", good, unknown, register(net, chain="0" * 64))
    assert net.propose(*wires) == (late, used, good)
    assert net.accepts(late, used, good)
    for bad in (wires[1], wires[3], *wires[5:]):
        assert not net.accepts(good, bad)


def test_a_proposal_keeps_the_bounds(net: Network) -> None:
    wires = [register(net, f"t{number}") for number in range(6)]
    room_for_three = sum(len(wire) + 4 for wire in wires[:3])
    assert net.propose(*wires, max_tx_bytes=room_for_three) == tuple(wires[:3])
    assert net.propose(*wires, max_tx_bytes=room_for_three - 1) == tuple(wires[:2])


def test_where_there_is_no_room_for_all_members_take_turns(net: Network) -> None:
    """Else one that floods block after block leaves nobody a place."""
    flood = [register(net, f"t{number}") for number in range(4)]
    plant = [register(net, f"p{number}", "plant") for number in range(2)]
    bank, gone = register(net, "b", "bank"), register(net, "g", "auditor")
    for wire in (*flood, *plant, bank):
        assert net.check(wire).code == 0
    came = (*flood, *plant, bank, gone)
    assert net.propose(*came) == came, "there is room for all"
    places = sum(len(wire) + 4 for wire in (flood[0], plant[0], bank, gone, flood[1]))
    assert net.propose(*came, max_tx_bytes=places) == (flood[0], plant[0], bank, gone, flood[1])


def test_after_a_block_that_was_too_dear_members_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a transaction costs is known once it is done: who sends dear ones shares the next block."""
    net = Network(registry=room.registry())
    flood = [register(net, f"t{number}") for number in range(3)]
    plant = register(net, "p", "plant")
    came = (*flood, plant)
    for wire in came:
        assert net.check(wire).code == 0
    assert net.propose(*came) == came
    with monkeypatch.context() as tight:
        for name in ("BLOCK_STEPS_MAX", "BLOCK_STEPS_MAX_RULES_1"):
            tight.setattr(limits, name, 1)
        block = register(net, "first"), register(net, "second")
        assert [result.code for result in net.block(*block).tx_results] == [0, 1]
    assert net.propose(*came) == (flood[0], plant, *flood[1:])
    net.block(flood[0])
    assert net.propose(*came[1:]) == came[1:], "there was room for all again"
    net.close()


def test_a_proposal_of_too_many_is_refused(net: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BLOCK_TRANSACTIONS_MAX", 3)
    wires = [register(net, f"t{number}") for number in range(4)]
    assert net.propose(*wires) == tuple(wires[:3])
    assert net.accepts(*wires[:3])
    assert not net.accepts(*wires)


def test_after_a_rest_the_first_block_is_empty(net: Network) -> None:
    wire = register(net)
    net.now_ms += STALE_MS + 1
    assert net.propose(wire, time_ns=START_MS * NS) == ()
    assert net.propose(wire, time_ns=START_MS * NS + NS) == (wire,)
    assert net.accepts(wire, time_ns=START_MS * NS), "whoever votes looks at no clock"


def test_only_the_probe_is_answered(net: Network) -> None:
    net.block(register(net))
    told = net.application.query(abci.Query(path=PROBE))
    assert msgspec.json.decode(told.value)["engine_height"] == 1
    assert net.application.query(abci.Query(path="/store")).code == 1


def test_what_was_fit_is_looked_at_again_once_keys_change() -> None:
    """A key may be replaced under its own id; then what the old one signed is badly signed."""
    net = Network()
    net.init()
    wire = net.wire("maker", Tick())
    assert net.check(wire).code == 0
    assert net.accepts(wire)
    layer = net.application.ledger.state
    table, key = KEYS.name, encode_key(("maker", "k1"))
    record = KEYS.decode(layer.stored((table, key)) or b"")
    other = replace(record, public=consortium.signer("maker", "another").public)
    layer.remember((table, key), (encode(other), other))
    assert net.accepts(wire), "nobody said that a key changed"
    ledger, execute = net.application.ledger, net.application.ledger.execute

    def changing(block: Block) -> Applied:
        return dataclasses.replace(execute(block), changes={(table, key): b""})

    ledger.execute = changing  # type: ignore[assignment,method-assign]
    net.block()
    assert not net.accepts(wire)
    assert net.propose(wire) == ()
    net.close()


def test_what_was_fit_is_looked_at_again_under_other_rules(net: Network) -> None:
    """Other rooms in force decode otherwise."""
    wire = register(net)
    fitness, verify = Fitness(), net.application.verify
    ledger = net.application.ledger
    fitness.learn(ledger, wire)
    other = Network()
    assert not fitness.holds(other.application.ledger, verify, wire)
    other.close()


def test_a_transaction_is_decoded_once(net: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """And handed out once: a second copy is decoded by itself, whatever was done to the first."""
    decoded: list[bytes] = []

    def counting(data: bytes, kind: type[Any]) -> Any:
        decoded.append(data)
        return decode_strict(data, kind)

    monkeypatch.setattr("hansa.kernel.transaction.decode_strict", counting)
    wire = register(net)
    decoded.clear()
    net.check(wire)
    assert net.propose(wire) == (wire,)
    assert net.accepts(wire)
    net.block(wire)
    assert decoded == [wire[HEAD_BYTES:]]
    net.block(wire)
    assert decoded == 2 * [wire[HEAD_BYTES:]]


def test_what_is_set_aside_is_bounded_by_its_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also what the mempool has no room for: else one member's large ones fill the memory of every node."""
    monkeypatch.setattr("hansa.kernel.registry.ASIDE_BYTES_MAX", 8_000)
    net = Network(registry=room.registry(), policy=Policy(mempool_bytes=1))
    for number in range(8):
        wire = net.wire("maker", *(room.Register(tool=f"t{number}") for _ in range(limits.ACTIONS_MAX)))
        assert net.check(wire).codespace == "engine.mempool_share"
        assert len(wire) <= sum(map(len, net.application.ledger.registry.aside)) <= 8_000
    net.close()


def test_whose_proposals_are_refused_is_told_once_by_name(net: Network) -> None:
    proposer = bytes.fromhex(address(validator_key("plant").public))
    assert net.accepts(register(net), proposer_address=proposer)
    assert not net.application.incidents
    for _ in range(2):
        assert not net.accepts(b"no transaction", proposer_address=proposer)
    assert not net.accepts(b"no transaction", proposer_address=bytes(20))
    told = [(incident.what, incident.detail) for incident in net.application.incidents]
    assert told == [("proposal", "plant"), ("proposal", "00" * 20)]
