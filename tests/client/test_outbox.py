"""The outbox: stored before it is sent, the same bytes until there is an outcome, never twice in effect."""

import os
import random
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hansa.apps.consortium.messages import RevokeKey
from hansa.client import InProcess, errors
from hansa.client import operators as operators_module
from hansa.client import outbox_errors as refusals
from hansa.client.outbox import Flushed, Outbox, Pen, identity_of, refused_so_far
from hansa.client.transport import Delivery
from hansa.kernel import encode, limits
from hansa.kernel.canonical import Malformed
from hansa.kernel.evidence import Acknowledgement, Promise, SignedAcknowledgement, acknowledge
from hansa.kernel.messages import Receipt
from hansa.kernel.transaction import parse
from tests.client.lossy import REGISTRY, Add, Network, effects
from tests.consortium import Consortium, signer


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for a handover that does not come."""
    monkeypatch.setattr(operators_module, "HANDOVER_PAUSE_S", 0)


@pytest.fixture
def world(tmp_path: Path) -> Iterator["World"]:
    made = World(tmp_path / "outbox.db")
    yield made
    made.outbox.close()
    made.consortium.close()


class World:
    """A member, its outbox, and a node."""

    def __init__(self, path: Path, script: Any = ()) -> None:
        self.path = path
        self.consortium = Consortium(registry=REGISTRY)
        self.network = Network(self.consortium.node, random.Random(1), script)
        self.network.kinds = ["ok"]
        self.chain = identity_of(self.consortium.node.genesis_bytes)
        self.pen = Pen(REGISTRY, "k1", signer("plant"), self.consortium.clock)
        self.outbox = self.open()

    def open(self) -> Outbox:
        return Outbox(self.path, chain=self.chain, member="plant", wait_s=0)

    def reopen(self) -> None:
        self.outbox.close()
        self.outbox = self.open()

    def put(self, *numbers: int) -> list[int]:
        return [self.outbox.put(REGISTRY, Add(entry=number)) for number in numbers]

    def flush(self, **options: Any) -> Flushed:
        return self.outbox.flush(self.network, self.pen, **options)

    def fails(self, *script: str) -> None:
        """A flush that ends by the network."""
        self.network.script = list(script)
        with pytest.raises((errors.Unreachable, errors.TimedOut)):
            self.flush()

    def others_act(self) -> None:
        """The ledger's time moves to the clock's."""
        self.consortium.do("bank", Add(entry=999))


def test_what_was_put_is_sent_and_done(world: World) -> None:
    world.put(1, 2, 3)
    assert world.flush() == Flushed(done=3, refused=0, waiting=0, queued=0)
    assert effects(world.consortium) == {1: 1, 2: 1, 3: 1}
    entry = world.outbox.entry(2)
    assert entry.receipt is not None
    assert entry.receipt == world.consortium.node.find(entry.transaction)
    assert (entry.state, entry.sequence, entry.signings) == ("done", 2, 1)


def test_it_is_signed_and_stored_before_it_is_sent(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.put(1)
    stored: list[Any] = []

    def dies(wires: Any) -> Any:
        with sqlite3.connect(f"file:{world.path}?mode=ro", uri=True) as reader:
            stored.extend(reader.execute("SELECT wire, sent FROM entries").fetchall())
        raise KeyboardInterrupt

    monkeypatch.setattr(world.outbox._file, "_db", unlocked(world.outbox._file._db))
    monkeypatch.setattr(world.network, "deliver", dies)
    with pytest.raises(KeyboardInterrupt):
        world.flush()
    assert stored == [(world.outbox.entry(1).wire, 1)]
    assert stored[0][0]


def unlocked(connection: sqlite3.Connection) -> sqlite3.Connection:
    """Lets another connection look in, so that a test sees what is on disk."""
    connection.execute("PRAGMA locking_mode = NORMAL")
    connection.execute("SELECT count(*) FROM entries").fetchall()
    return connection


def test_a_lost_answer_costs_nothing(world: World) -> None:
    world.put(1)
    world.fails("answer_lost")
    assert world.outbox.entry(1).state == "signed"
    world.reopen()
    assert world.flush().done == 1
    assert effects(world.consortium) == {1: 1}
    first, second = world.network.sent
    assert first == second


def test_the_same_bytes_are_sent_until_there_is_an_outcome(world: World) -> None:
    world.put(1)
    for _ in range(4):
        world.fails("lost")
        world.reopen()
        world.consortium.clock.advance(minutes=10)
    world.flush()
    assert len({tuple(sent) for sent in world.network.sent}) == 1


def test_it_is_signed_anew_only_after_the_ledgers_time(world: World) -> None:
    world.put(1)
    world.fails("lost")
    first = world.outbox.entry(1)

    # By this machine's clock it is past; by the ledger's it is not.
    world.consortium.clock.advance(hours=2)
    world.fails("lost")
    assert world.outbox.entry(1).wire == first.wire

    # Now it is, and the node does not know it.
    world.others_act()
    world.fails("stray")
    again = world.outbox.entry(1)
    assert (again.signings, again.sequence) == (2, 2)
    assert again.wire != first.wire
    world.flush()
    world.network.strays += [first.wire, again.wire]
    world.network.strays_arrive()
    assert effects(world.consortium)[1] == 1


def test_what_the_node_knows_is_not_signed_anew(world: World) -> None:
    world.put(1)
    world.fails("answer_lost")
    world.consortium.clock.advance(hours=2)
    world.others_act()
    world.network.script = []
    assert world.flush().done == 1
    assert world.outbox.entry(1).signings == 1
    assert effects(world.consortium)[1] == 1


def test_what_expired_on_an_idle_chain_is_signed_anew_at_once(world: World) -> None:
    """The bytes are refused as expired, which uses up their sequence: they can never count."""
    world.put(1)
    world.fails("lost")
    world.consortium.clock.advance(hours=2)
    assert world.flush().done == 1
    entry = world.outbox.entry(1)
    assert (entry.signings, entry.sequence) == (2, 2)
    assert effects(world.consortium) == {1: 1}


def test_a_clock_that_is_behind_does_not_make_it_sign_for_ever(world: World) -> None:
    world.pen = Pen(REGISTRY, "k1", signer("plant"), lambda: world.consortium.clock() - 5 * limits.HOUR_MS)
    world.put(1)
    world.flush()
    assert world.outbox.entry(1).signings == 2  # By then it knows the ledger's time.
    assert effects(world.consortium) == {1: 1}


def test_what_is_refused_without_a_block_waits_until_it_can_never_count(world: World) -> None:
    """Nobody signed for that refusal: who gave it may still hold the bytes."""
    world.pen = Pen(REGISTRY, "k1", signer("rival"), world.consortium.clock)
    (number,) = world.put(1)
    assert world.flush() == Flushed(done=0, refused=0, waiting=1, queued=0)
    told = refused_so_far(world.outbox.entry(number))
    assert told is not None
    assert told.code == "kernel.wrong_signature"
    with pytest.raises(refusals.MayStillCount):
        world.outbox.drop(number, world.network)
    world.consortium.clock.advance(hours=2)
    world.others_act()
    assert world.flush().refused == 1
    assert world.outbox.entry(number).receipt == told
    assert world.flush().refused == 1
    assert len(world.network.sent) == 1  # It is not sent again.
    world.outbox.drop(number)
    assert world.outbox.entries("refused") == []


def test_what_the_ledger_refused_stands_with_its_receipt(world: World) -> None:
    number = world.outbox.put(REGISTRY, RevokeKey(id="no-such-key"))
    assert world.flush().refused == 1
    receipt = world.outbox.entry(number).receipt
    assert receipt is not None
    assert receipt.height
    world.outbox.drop(number)


def test_a_sequence_that_others_used_is_signed_anew_when_it_is_safe(world: World) -> None:
    """Somebody signs with the same key elsewhere: its number 1 is taken when ours arrives."""
    world.put(1)
    world.fails("lost")
    world.consortium.do("plant", Add(entry=7))
    assert world.flush() == Flushed(done=0, refused=0, waiting=1, queued=0)
    world.consortium.clock.advance(hours=2)
    world.others_act()
    assert world.flush().done == 1
    assert effects(world.consortium) == {1: 1, 7: 1, 999: 1}


# In flight, sequences.


def test_no_more_than_512_are_in_flight(world: World) -> None:
    world.put(*range(1, 601))
    world.fails("lost")
    assert len(world.outbox.entries("signed")) == limits.IN_FLIGHT_MAX
    assert len(world.outbox.entries("queued")) == 600 - limits.IN_FLIGHT_MAX
    world.fails("ok", "ok", "lost")
    assert len(world.outbox.entries("signed")) <= limits.IN_FLIGHT_MAX
    assert world.flush().done == 600
    assert max(len(sent) for sent in world.network.sent) == 100
    assert effects(world.consortium) == dict.fromkeys(range(1, 601), 1)


def test_numbers_go_on_from_the_larger_of_outbox_and_ledger(world: World) -> None:
    for _ in range(5):
        world.consortium.do("plant", Add(entry=7))
    world.put(1)
    world.flush()
    assert world.outbox.entry(1).sequence == 6
    world.put(2)
    world.fails("lost")
    world.put(3)
    world.flush()
    assert [entry.sequence for entry in world.outbox.entries()] == [6, 7, 8]


def test_an_outbox_that_starts_anew_goes_on_from_the_ledger(world: World) -> None:
    world.put(1, 2)
    world.flush()
    world.outbox.close()
    world.path.unlink()
    world.outbox = world.open()
    world.put(3)
    world.flush()
    assert world.outbox.entry(1).sequence == 3


def test_numbers_that_never_arrived_do_not_lock_the_key_out(world: World) -> None:
    """Signed and lost over and over, the numbers run 1,024 ahead; then they begin at the ledger's again."""
    world.put(*range(1, 401))
    for _ in range(4):
        world.fails("lost")
        world.consortium.clock.advance(hours=2)
        world.others_act()
    for _ in range(3):
        world.network.script = []
        standing = world.flush()
        world.consortium.clock.advance(hours=2)
        world.others_act()
    assert standing.done == 400
    found = effects(world.consortium)
    assert {number: found[number] for number in range(1, 401)} == dict.fromkeys(range(1, 401), 1)


def test_two_keys_of_a_member_share_an_outbox(world: World) -> None:
    world.put(1)
    world.fails("lost")
    world.pen = Pen(REGISTRY, "gateway-1", signer("plant", "gateway-1"), world.consortium.clock)
    world.put(2)
    standing = world.flush()
    assert (standing.done, standing.refused) == (1, 1)  # The gateway may not sign this.
    assert [entry.key for entry in world.outbox.entries()] == ["k1", "gateway-1"]
    assert [entry.sequence for entry in world.outbox.entries()] == [1, 1]


# Progress, cancel, dropping.


def test_progress_counts_up_and_cancel_stops_between_requests(world: World) -> None:
    world.put(*range(1, 251))
    told: list[tuple[int, int]] = []
    standing = world.flush(
        progress=lambda done, whole: told.append((done, whole)), cancel=lambda: len(told) == 2
    )
    assert told == [(100, 250), (200, 250)]
    assert standing.done == 200
    assert world.flush().done == 250


def test_what_was_never_sent_can_be_dropped(world: World) -> None:
    first, second = world.put(1, 2)
    world.outbox.drop(first)
    world.flush()
    assert effects(world.consortium) == {2: 1}
    with pytest.raises(refusals.EntryDone):
        world.outbox.drop(second)
    with pytest.raises(refusals.EntryUnknown):
        world.outbox.drop(99)


def test_what_may_still_count_cannot_be_dropped(world: World) -> None:
    (number,) = world.put(1)
    world.fails("stray")
    with pytest.raises(refusals.MayStillCount):
        world.outbox.drop(number)
    with pytest.raises(refusals.MayStillCount):
        world.outbox.drop(number, world.network)
    world.consortium.clock.advance(hours=2)
    world.others_act()
    world.outbox.drop(number, world.network)
    world.network.strays_arrive()
    assert world.flush().done == 0
    assert 1 not in effects(world.consortium)


def test_dropping_finds_out_what_took_effect(world: World) -> None:
    (number,) = world.put(1)
    world.fails("answer_lost")
    world.consortium.clock.advance(hours=2)
    world.others_act()
    with pytest.raises(refusals.EntryDone):
        world.outbox.drop(number, world.network)


# What is kept.


class Promising(InProcess):
    """A node in process that signs what it says, as one over HTTP does."""

    key = "node"

    def deliver(self, wires: Any) -> Delivery:
        receipts = self.submit(wires)
        items = tuple(Promise(r.transaction, r.code, r.height, r.index, r.app_hash) for r in receipts)
        promised = Acknowledgement(chain=self._node.chain.id, items=items)  # type: ignore[attr-defined]
        return Delivery(tuple(receipts), (encode(acknowledge(signer("maker", self.key), promised)),))


def test_acknowledgements_are_kept_and_handed_over_once(world: World) -> None:
    world.put(1, 2)
    world.outbox.flush(Promising(world.consortium.node), world.pen)
    handed: list[bytes] = []
    assert world.outbox.hand_over(handed.append) == 1
    world.reopen()
    assert world.outbox.hand_over(handed.append) == 0
    word = msgspec.json.decode(handed[0], type=SignedAcknowledgement)
    assert [item.transaction for item in word.acknowledgement.items] == [
        entry.transaction for entry in world.outbox.entries()
    ]
    lines = [msgspec.json.decode(line) for line in world.outbox.export()]
    assert [next(iter(line)) for line in lines] == ["entry", "entry", "acknowledgement"]
    assert lines[0]["entry"]["actions"] == [{"_type": "tally.add", "entry": 1}]


def test_an_acknowledgement_that_the_operator_did_not_sign_is_not_kept(world: World) -> None:
    node = Promising(world.consortium.node)
    node.key = "k1"
    world.put(1)
    assert world.outbox.flush(node, world.pen).done == 1
    assert world.outbox.acknowledgements() == []


def test_what_a_receiver_would_refuse_is_not_kept(world: World) -> None:
    with pytest.raises(Malformed):
        world.put(-1)
    assert world.outbox.entries() == []


def test_every_signed_form_is_a_transaction_of_its_entry(world: World) -> None:
    world.put(5)
    world.fails("lost")
    body = parse(REGISTRY, world.outbox.entry(1).wire).body
    assert body.actions == (Add(entry=5),)
    assert body.valid_until_ms == world.consortium.clock() + limits.HOUR_MS


# Files.


def test_only_its_user_reads_it(world: World) -> None:
    assert stat.S_IMODE(os.stat(world.path).st_mode) == 0o600


def test_two_processes_on_one_outbox_are_refused(world: World) -> None:
    with pytest.raises(refusals.InUse):
        world.open()
    code = (
        "import sys; from pathlib import Path; from hansa.client.outbox import Outbox\n"
        f"Outbox(Path({str(world.path)!r}), chain={world.chain!r}, member='plant', wait_s=0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "outbox.in_use" in done.stderr
    world.outbox.close()
    world.outbox = world.open()


def test_the_outbox_of_another_is_refused(world: World) -> None:
    world.outbox.close()
    for chain, member in (("0" * 64, "plant"), (world.chain, "maker")):
        with pytest.raises(refusals.OtherOwner):
            Outbox(world.path, chain=chain, member=member)
    world.outbox = world.open()


def test_a_node_of_another_chain_gets_nothing(world: World) -> None:
    other = Consortium(registry=REGISTRY, now_ms=world.consortium.clock() + 1)
    world.put(1)
    with pytest.raises(errors.OtherChain):
        world.outbox.flush(InProcess(other.node), world.pen)
    assert other.node.height == 0
    assert world.outbox.entry(1).state == "queued"
    other.close()


@pytest.mark.parametrize("damage", [b"rubbish" * 1_000, b"SQLite format 3\0" + b"\xff" * 4_000])
def test_a_damaged_file_is_named(world: World, damage: bytes) -> None:
    world.put(1)
    world.outbox.close()
    world.path.write_bytes(damage)
    with pytest.raises(refusals.Unusable) as unusable:
        world.open()
    assert str(world.path)[:60] in unusable.value.zh
    world.path.unlink()
    world.outbox = world.open()


def test_a_truncated_file_is_named(world: World) -> None:
    world.put(*range(1, 100))
    world.outbox.close()
    world.path.write_bytes(world.path.read_bytes()[:5_000])
    with pytest.raises(refusals.Unusable):
        world.open().entries()
    world.path.unlink()
    world.outbox = world.open()


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(refusals.Unusable):
        Outbox(tmp_path / "no" / "outbox.db", chain="0" * 64, member="plant")


def test_a_receipt_decides_by_its_code() -> None:
    from hansa.client.outbox import state_after

    def state(code: str, height: int) -> str:
        return state_after(Receipt(transaction="0" * 64, code=code, height=height))

    assert state("ok", 5) == "done"
    assert state("consortium.key_taken", 5) == "refused"
    assert state("kernel.expired", 5) == "queued"
    assert state("kernel.unknown_key", 0) == "signed"
    for code in ("kernel.sequence_ahead", "kernel.replayed", "kernel.block_full"):
        assert state(code, 0) == state(code, 5) == "signed"
