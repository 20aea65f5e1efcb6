"""What may wait in the mempool, what is proposed, and what is refused of a proposal (rule 29)."""

import dataclasses
from typing import Any

import msgspec
import pytest

from hansa.apps.consortium.messages_validators import Tick
from hansa.engines.cometbft import messages as abci
from hansa.engines.cometbft.admission import Fitness
from hansa.engines.cometbft.application import PROBE, STALE_MS, Policy
from hansa.kernel import KEYS, encode, limits, replace
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


def test_what_is_set_aside_is_bounded(net: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hansa.kernel.registry.ASIDE_MAX", 3)
    for number in range(8):
        net.check(register(net, f"t{number}"))
    assert len(net.registry.aside) <= 3


def test_whose_proposals_are_refused_is_told_once_by_name(net: Network) -> None:
    proposer = bytes.fromhex(address(validator_key("plant").public))
    assert net.accepts(register(net), proposer_address=proposer)
    assert not net.application.incidents
    for _ in range(2):
        assert not net.accepts(b"no transaction", proposer_address=proposer)
    assert not net.accepts(b"no transaction", proposer_address=bytes(20))
    told = [(incident.what, incident.detail) for incident in net.application.incidents]
    assert told == [("proposal", "plant"), ("proposal", "00" * 20)]
