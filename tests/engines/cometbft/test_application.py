"""The application as an engine drives it: blocks, crashes, stops."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hansa.apps.consortium.messages_validators import RotateConsensusKey
from hansa.apps.consortium.validators import message
from hansa.engines import errors as engine_errors
from hansa.engines.cometbft import errors
from hansa.engines.cometbft import messages as abci
from hansa.engines.cometbft.application import Application, Policy
from hansa.engines.replay import replay, scrub
from hansa.kernel import ACTIVE, Active, Refusal, RoomPin, encode, limits, merkle
from hansa.kernel.active import Outdated, RoomMissing
from hansa.kernel.facts import EngineFacts, address
from hansa.kernel.state import encode_key
from hansa.kernel.transaction import HEAD_BYTES
from tests import consortium
from tests.engines.cometbft.network import NS, START_MS, Network, codes, register, validator_key
from tests.kernel import room

# The first height.


def test_founding_answers_the_empty_log(net: Network) -> None:
    assert net.init().app_hash == merkle.EMPTY_ROOT
    told = net.application.info(abci.Info())
    assert (told.last_block_height, told.last_block_app_hash, told.app_version) == (0, b"", 1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"chain_id": "another"},
        {"time_ns": (START_MS + 1) * NS},
        {"validators": ()},
        {"validators": (abci.ValidatorUpdate(abci.PublicKey(b"\x07" * 32), 1),)},
        {"initial_height": 2},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_an_engine_founded_otherwise_is_refused(net: Network, wrong: dict[str, Any]) -> None:
    with pytest.raises(errors.OtherGenesis) as refused:
        net.application.init_chain(net.founding(**wrong))
    assert next(iter(wrong)).removesuffix("_ns") in refused.value.en


def test_a_genesis_of_one_operator_is_no_network(tmp_path: Path) -> None:
    alone = encode(consortium.genesis(room.registry()))
    with pytest.raises(errors.NoNetwork):
        Application(tmp_path / "l.db", alone, lambda: START_MS, registry=room.registry())
    assert not (tmp_path / "l.db").exists()


# Blocks.


def test_a_block_is_durable_once_committed_and_not_before(disk: Network) -> None:
    wire = register(disk)
    answer = disk.finalize(wire)
    assert answer.app_hash != merkle.EMPTY_ROOT
    with disk.application.reader().snapshot() as view:
        assert view.height == 0
    disk.application.commit(abci.Commit())
    with disk.application.reader().snapshot() as view:
        assert view.height == 1
        head = view.head()
        assert head is not None
        assert bytes.fromhex(head.header.app_hash) == answer.app_hash
        assert view.items("transaction", 1) == [wire]
    assert disk.application.info(abci.Info()).last_block_height == 1
    assert disk.application.info(abci.Info()).last_block_app_hash == answer.app_hash
    assert (disk.made[-1].engine_height, disk.made[-1].height) == (1, 1)


def test_the_leaf_says_what_the_engine_says(net: Network) -> None:
    net.block()
    net.block(register(net))
    facts = msgspec.json.decode(net.application.ledger.leaf(1).engine, type=EngineFacts)
    assert facts == EngineFacts(height=2, proposer=address(validator_key("maker").public))


def test_an_empty_block_leaves_no_leaf_and_the_hash_as_it_is(disk: Network) -> None:
    first = disk.block(register(disk)).app_hash
    rested = disk.block()
    assert rested.app_hash == first
    assert (disk.application.height, disk.application.engine_height) == (1, 2)
    assert disk.made[-1].height == 0
    disk.reopen()
    told = disk.application.info(abci.Info())
    assert (told.last_block_height, told.last_block_app_hash) == (2, first)


def test_time_is_the_engines_in_whole_milliseconds(net: Network) -> None:
    net.block(register(net), time_ns=(START_MS + 5) * NS + 999_999)
    assert net.application.ledger.time_ms == START_MS + 5


def test_block_time_never_goes_back(net: Network) -> None:
    net.block(register(net, "one"))
    net.block(register(net, "two"), time_ns=(START_MS - 60_000) * NS)
    assert [net.application.ledger.leaf(height).time_ms for height in (1, 2)] == [START_MS] * 2


def test_what_failed_to_be_executed_is_never_committed(net: Network, monkeypatch: Any) -> None:
    """Not even what was finalized before it."""
    net.finalize(register(net))
    monkeypatch.setattr(net.application.ledger, "execute", lambda block: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        net.finalize()
    net.application.ledger.stops.clear()
    with pytest.raises(errors.NothingFinalized):
        net.application.commit(abci.Commit())


def test_every_height_comes_once_and_in_order(net: Network) -> None:
    for height in (0, 2, 7):
        with pytest.raises(errors.HeightUnexpected):
            net.finalize(height=height)
    with pytest.raises(errors.NothingFinalized):
        net.application.commit(abci.Commit())
    net.block()
    with pytest.raises(errors.NothingFinalized):
        net.application.commit(abci.Commit())
    with pytest.raises(errors.HeightUnexpected):
        net.finalize(height=1)


def test_results_tell_used_sequences_from_unused_ones(net: Network) -> None:
    """Where the sequence was not used, the engine must forget the bytes: they may come again."""
    taken, again = register(net), register(net)
    stranger = b"\x01" + bytes(64) + register(net)[HEAD_BYTES:]
    answer = net.block(taken, again, taken, stranger)
    assert [result.code for result in answer.tx_results] == [0, 0, 1, 1]
    assert codes(net) == ["ok", "toolcrib.tool_taken", "kernel.replayed", "kernel.wrong_signature"]


def test_a_block_is_checked_although_nobody_proposed_it_here(net: Network) -> None:
    forged = bytearray(register(net))
    forged[5] ^= 1
    net.block(bytes(forged), b"", b"rubbish", register(net, chain="0" * 64))
    assert codes(net) == ["kernel.wrong_signature"] + 2 * ["kernel.malformed"] + ["kernel.wrong_chain"]
    assert net.made[-1].applied.events == ()


def test_the_log_can_be_replayed_and_scrubbed(net: Network) -> None:
    for number in range(5):
        net.block(register(net, f"tool-{number}"))
        net.block()
    ledger = net.application.ledger
    found = replay(ledger.store, net.genesis_bytes, net.registry)
    assert (found.height, found.app_hash) == (5, net.application.app_hash)
    assert scrub(ledger.store, ledger.leaf(5).state_digest) > 0


# Validators.


def test_another_consensus_key_is_told_to_the_engine() -> None:
    net = Network()
    net.init()
    fresh = consortium.signer("maker", "validator-2")
    proof = fresh.sign(message(net.application.chain.id, "maker", fresh.public))
    answer = net.block(net.wire("maker", RotateConsensusKey(public=fresh.public, proof=proof)))
    old = validator_key("maker").public
    expected = {(old, 0), (fresh.public, 1)}
    assert {(each.pub_key.ed25519, each.power) for each in answer.validator_updates} == expected
    assert net.block().validator_updates == ()
    net.close()


def test_proven_double_signing_takes_the_power_away_and_is_on_the_ledger() -> None:
    net = Network()
    net.init()
    public = validator_key("plant").public
    caught = abci.Misbehavior(
        abci.MisbehaviorType.DUPLICATE_VOTE,
        abci.Validator(bytes.fromhex(address(public)), 1),
        1,
        START_MS * NS,
        4,
    )
    unknown = caught._replace(type=0)
    answer = net.block(misbehavior=(unknown, caught))
    assert [(each.pub_key.ed25519, each.power) for each in answer.validator_updates] == [(public, 0)]
    assert net.application.height == 1
    facts = msgspec.json.decode(net.application.ledger.leaf(1).engine, type=EngineFacts)
    assert [fault.address for fault in facts.faults] == [address(public)]
    net.close()


# Crashes.


def test_a_block_that_was_not_committed_comes_again(disk: Network) -> None:
    disk.block(register(disk))
    wire = register(disk, "saw-1")
    first = disk.finalize(wire)
    assert disk.finalize(wire) == first, "an engine that died asks the same application again"
    disk.reopen()
    assert disk.application.info(abci.Info()).last_block_height == 1
    assert disk.block(wire) == first


class Failing:
    """A connection whose commits can be made to fail: after the disk took them, or before."""

    fail = ""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)

    def execute(self, sql: str, values: Any = ()) -> Any:
        if sql == "COMMIT" and Failing.fail == "before":
            raise sqlite3.OperationalError("disk I/O error")
        done = self._db.execute(sql, values)
        if sql == "COMMIT" and Failing.fail == "after":
            raise sqlite3.OperationalError("disk I/O error")
        return done

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)


@pytest.fixture
def failing(tmp_path: Path) -> Iterator[Network]:
    Failing.fail = ""
    made = Network(tmp_path / "ledger.db", registry=room.registry(), connect=Failing)
    made.init()
    yield made
    Failing.fail = ""
    made.close()


@pytest.mark.parametrize(("where", "height"), [("before", 0), ("after", 1)])
@pytest.mark.parametrize("empty", [False, True])
def test_a_commit_that_fails_is_answered_by_nobody(
    failing: Network, where: str, height: int, empty: bool
) -> None:
    """It may be on disk all the same; then the engine finds the application equal, else behind."""
    wires = () if empty else (register(failing),)
    answer = failing.finalize(*wires)
    Failing.fail = where
    with pytest.raises(engine_errors.Stopped):
        failing.application.commit(abci.Commit())
    assert isinstance(failing.application.blocked, engine_errors.Stopped)
    assert failing.made == []
    Failing.fail = ""
    failing.reopen()
    told = failing.application.info(abci.Info())
    assert told.last_block_height == height
    assert told.last_block_app_hash == (answer.app_hash if height else b"")
    if not height:
        assert failing.block(*wires) == answer


def test_the_second_stop_on_a_block_waits_with_an_incident(disk: Network, monkeypatch: Any) -> None:
    def broken(*_: object, **__: object) -> None:
        raise MemoryError

    wire = register(disk)
    for stops in (1, 2):
        with monkeypatch.context() as patch:
            patch.setattr("hansa.engines.ledger.apply", broken)
            with pytest.raises((engine_errors.Stopped, engine_errors.Waiting)):
                disk.finalize(wire)
        with pytest.raises((engine_errors.Stopped, engine_errors.Waiting)):
            disk.application.info(abci.Info())
        disk.reopen()
        assert (disk.application.blocked is not None) == (stops == 2)
    assert isinstance(disk.application.blocked, engine_errors.Waiting)
    assert disk.application.incidents[-1].what == "waiting"
    disk.application.retry()
    assert disk.application.blocked is None
    disk.block(wire)
    assert codes(disk) == ["ok"]


@pytest.mark.parametrize(
    ("active", "kind"),
    [
        (Active(rules=limits.RULES_MAX + 1), Outdated),
        (Active(rules=2, rooms=(RoomPin(name="visits", version="1.0", sha256="ab" * 32),)), RoomMissing),
    ],
)
def test_what_this_program_lacks_stops_it_before_the_height(
    disk: Network, active: Active, kind: type[Refusal]
) -> None:
    """It was voted in for block 3; block 2 is still executed."""
    disk.block(register(disk, "one"))
    store = disk.application.ledger.store
    with store.commit():
        store.write_records({(ACTIVE.name, encode_key((3,))): encode(active)})
    disk.block(register(disk, "two"))
    before = disk.application.info(abci.Info())
    with pytest.raises(kind):
        disk.finalize(register(disk, "three"))
    assert isinstance(disk.application.blocked, kind)
    disk.reopen()
    assert isinstance(disk.application.blocked, kind), "not served again: nothing loops"
    assert disk.application.incidents[-1].what == "outdated"
    with disk.application.reader().snapshot() as view:
        assert view.height == 2
    with pytest.raises(kind):
        disk.application.info(abci.Info())
    assert before.last_block_height == 2


def test_a_bug_in_a_room_refuses_the_transaction_and_stops_nobody(net: Network) -> None:
    net.block(net.wire("maker", room.Drill(kind="bug", count=1)))
    assert codes(net) == ["kernel.internal"]
    assert net.application.incidents


def test_a_listener_that_fails_undoes_no_block() -> None:
    def broken(made: object) -> None:
        raise ValueError("no")

    net = Network(registry=room.registry(), on_block=broken)
    net.block(register(net))
    assert net.application.height == 1
    assert net.application.incidents[-1].what == "on_block"
    net.close()


def test_two_processes_never_share_a_ledger(disk: Network) -> None:
    with pytest.raises(engine_errors.InUse):
        disk.open()


def test_what_the_engine_may_forget_is_said(net: Network) -> None:
    net.close()
    net.application = net.open(policy=Policy(engine_blocks=2, snapshot_interval=3, snapshots_kept=2))
    retained = []
    for _ in range(13):
        net.finalize()
        retained.append(net.application.commit(abci.Commit()).retain_height)
    assert retained == [0, 0, 2, 3, 3, 3, 3, 3, 6, 6, 6, 9, 9], "not beyond what a joiner needs"
