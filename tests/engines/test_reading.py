"""Reading beside the writer, as of past heights, what is pruned, what lies on disk beside the state."""

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hansa.engines import errors, reading
from hansa.engines.embedded import Embedded
from hansa.engines.ledger import Keep
from hansa.engines.reader import Reader
from hansa.engines.store import StoreFault
from hansa.kernel import encode, limits
from hansa.kernel.evidence import holds
from hansa.kernel.merkle import consistent
from hansa.kernel.state import Damaged
from tests.consortium import IN_MEMORY, Consortium, signer
from tests.engines.conftest import made
from tests.engines.test_faults import flip
from tests.engines.test_replay import play
from tests.kernel.room import Drill, GiveBack, Lend, Register


@pytest.fixture(params=["disk", "memory"])
def lenders(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Consortium]:
    consortium = made(tmp_path / "ledger.db" if request.param == "disk" else IN_MEMORY)
    yield consortium
    consortium.close()


@pytest.fixture
def reader(lenders: Consortium) -> Iterator[Reader]:
    found = lenders.node.reader()
    yield found
    found.close()


def borrowed(view: Any) -> list[str]:
    return view.query("toolcrib.borrowed_by", {"member": "plant"})  # type: ignore[no-any-return]


def lend(consortium: Consortium, tool: str) -> None:
    consortium.do("maker", Register(tool=tool))
    consortium.do("maker", Lend(tool=tool, borrower="plant", due_ms=consortium.in_days(9)))


# Snapshots.


def test_a_reader_sees_what_the_node_sees(lenders: Consortium, reader: Reader) -> None:
    for number in range(3):
        lend(lenders, f"t{number}")
        with reader.snapshot() as view:
            node = lenders.node
            assert (view.height, view.time_ms) == (node.height, node.time_ms)
            assert view.head() == node.head()
            assert borrowed(view) == [f"t{n}" for n in range(number + 1)]
            assert view.events_after(0, -1) == node.events_after(0, -1)
            assert view.prove("transaction", 1, 0) == node.prove("transaction", 1, 0)
            assert view.registry is node.registry


def test_a_snapshot_stands_still_while_the_ledger_goes_on(disk: Consortium) -> None:
    reader = disk.node.reader()
    lend(disk, "a")
    with reader.snapshot() as before:
        lend(disk, "b")
        disk.do("plant", GiveBack(owner="maker", tool="a"))
        with reader.snapshot() as after:
            assert (before.height, after.height) == (2, 5)
            assert (borrowed(before), borrowed(after)) == (["a"], ["b"])
            assert before.events_after(0, -1) == after.events_after(0, -1)[:1]
        assert before.find(encode("x").hex() * 16) is None
        with pytest.raises(errors.NotOnLedger):
            before.header(3)
    reader.close()


def test_many_threads_read_while_one_writes(lenders: Consortium, reader: Reader) -> None:
    """Each sees whole blocks: as many tools as the height says, never one of the next."""
    done = threading.Event()
    wrong: list[Any] = []
    seen: set[int] = set()

    def look() -> None:
        while not done.is_set():
            with reader.snapshot() as view:
                rows = view.records("toolcrib.tools", b"", 1_000)
                seen.add(view.height)
                if len(rows) != 2 * view.height:
                    wrong.append((view.height, len(rows)))

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(60):
        lenders.do("maker", Register(tool=f"a{number}"), Register(tool=f"b{number}"))
    done.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(seen) > 3


def test_a_header_is_shown_only_once_it_is_known_as_signed(
    disk: Consortium, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the two commits of a block, and after the second one failed, readers stand at the last one."""
    monkeypatch.setattr("hansa.engines.reader.PUBLISH_WAIT_S", 0.02)
    reader = disk.node.reader()
    lend(disk, "a")

    def full(*_: Any) -> None:
        raise StoreFault("database or disk is full")

    monkeypatch.setattr(disk.node.signed, "put", full)
    with pytest.raises(errors.Stopped):
        disk.do("plant", GiveBack(owner="maker", tool="a"))
    assert disk.node.ledger.height == 3
    with reader.snapshot() as view:
        assert view.height == 2
        assert borrowed(view) == ["a"]
        assert view.head() == view.header(2)
        with pytest.raises(errors.NotOnLedger):
            view.header(3)
    monkeypatch.undo()

    # At the next start it is known, and not tried a second time.
    disk.reopen()
    assert (disk.node.height, disk.node.signed.height) == (3, 3)
    with disk.node.reader().snapshot() as view:
        assert view.height == 3
    reader.close()


def test_damage_that_a_reader_meets_stops_the_node(lenders: Consortium, reader: Reader) -> None:
    lend(lenders, "a")
    lenders.node.ledger.store._db.execute("UPDATE state SET crc = crc + 1 WHERE tbl = 'toolcrib.tools'")
    with pytest.raises(errors.DamagedOnDisk, match="restore a backup"), reader.snapshot() as view:
        borrowed(view)
    assert [incident.what for incident in lenders.node.incidents] == ["damaged"]
    with pytest.raises(errors.DamagedOnDisk):
        lenders.do("maker", Register(tool="b"))


def test_a_reader_needs_no_node_and_changes_nothing(disk: Consortium) -> None:
    lend(disk, "a")
    with disk.node.reader().snapshot() as view, pytest.raises(sqlite3.OperationalError, match="readonly"):
        view.rows._db.execute("DELETE FROM state")
    disk.node.close()
    reader = Reader(disk.path, disk.node.chain, disk.genesis)
    with reader.snapshot() as view:
        assert borrowed(view) == ["a"]
    reader.close()
    disk.node = disk._open()
    with (
        pytest.raises(StoreFault),
        Reader(disk.path.with_name("x"), disk.node.chain, disk.genesis).snapshot(),
    ):
        raise AssertionError("there is no such file")


# Past heights.


def states(consortium: Consortium) -> list[dict[tuple[str, bytes], bytes]]:
    """All records after each height, kept while a history was played."""
    kept = [dict(rows(consortium))]
    ledger = consortium.node.ledger
    commit = ledger.commit

    def keeping(*arguments: Any) -> None:
        commit(*arguments)
        kept.append(dict(rows(consortium)))

    ledger.commit = keeping  # type: ignore[method-assign]
    play(consortium)
    return kept


def rows(consortium: Consortium) -> Iterator[tuple[tuple[str, bytes], bytes]]:
    return (((table, key), value) for table, key, value in consortium.node.ledger.store.records())


def test_every_past_state_is_read_as_it_was() -> None:
    consortium = made(IN_MEMORY)
    kept = states(consortium)
    assert len(kept) == consortium.node.height + 1 > 40
    tables = {table for state in kept for table, _ in state}
    for height, state in enumerate(kept):
        past = consortium.node.ledger.at(height)
        for table in tables:
            mine = [(key, value) for (name, key), value in sorted(state.items()) if name == table]
            assert past.records(table, b"", 10_000) == mine
            assert past.records(table, b"", 3) == mine[:3]
            assert past._state.store.scan(table, b"", b"\xff", 4, True) == mine[::-1][:4]
            if mine:
                assert past.records(table, mine[0][0], 2) == mine[1:3]
                assert past._state.store.get(table, mine[0][0]) == mine[0][1]


def test_a_question_may_name_a_height(lenders: Consortium, reader: Reader) -> None:
    lend(lenders, "a")
    times = lenders.node.time_ms
    lenders.clock.advance(days=1)
    lend(lenders, "b")
    with reader.snapshot() as view:
        answers = [
            view.answer("toolcrib.borrowed_by", {"member": "plant"}, height=height) for height in range(5)
        ]
    assert [answer.value for answer in answers] == [[], [], ["a"], ["a"], ["a", "b"]]
    assert [answer.height for answer in answers] == [0, 1, 2, 3, 4]
    later = times + limits.DAY_MS
    assert [answer.time_ms for answer in answers] == [lenders.genesis.created_ms, times, times, later, later]
    assert {answer.touched for answer in answers} == {frozenset({"members"})}


def test_evidence_as_of_a_past_height(lenders: Consortium) -> None:
    for tool in "abcde":
        lend(lenders, tool)
    ledger = lenders.node.ledger
    past = ledger.at(6)
    head = past.head()
    assert head is not None
    assert holds(past.prove("event", 4, 0), head.header)
    assert past.events_after(0, -1) == [row for row in ledger.events_after(0, -1) if row[0] <= 6]
    last = lenders.client("maker").sign(Register(tool="last"))
    receipt = lenders.node.submit([last])[0]
    assert ledger.find(receipt.transaction) == receipt
    assert past.find(receipt.transaction) is None
    roots = {height: bytes.fromhex(ledger.header(height).header.app_hash) for height in range(1, 12)}
    for old in range(1, 12):
        for new in range(old, 12):
            path = [bytes.fromhex(step) for step in ledger.consistency(old, new)]
            assert consistent(old, roots[old], new, roots[new], path)
    for old, new in ((5, 4), (1, 12), (0, 3)):
        with pytest.raises(errors.NotOnLedger):
            ledger.consistency(old, new)


def test_how_far_back_is_bounded_by_name(lenders: Consortium, monkeypatch: pytest.MonkeyPatch) -> None:
    for tool in "abc":
        lend(lenders, tool)
    ledger = lenders.node.ledger
    monkeypatch.setattr(reading, "HISTORY_BLOCKS_MAX", 3)
    assert borrowed(ledger.at(3)) == ["a"]
    with pytest.raises(errors.TooFarBack):
        ledger.at(2)
    monkeypatch.setattr(reading, "HISTORY_BLOCKS_MAX", 9)
    monkeypatch.setattr(reading, "HISTORY_WRITES_MAX", 4)
    with pytest.raises(errors.TooFarBack):
        ledger.at(1)
    for height in (-1, 7, 2**70):
        with pytest.raises(errors.NotOnLedger):
            ledger.at(height)


# Many proofs at once.


def test_proofs_of_a_block_are_those_of_each_item(lenders: Consortium) -> None:
    lenders.do("maker", Drill(kind="emit", count=13))
    lend(lenders, "a")
    ledger = lenders.node.ledger
    proofs = ledger.proofs("event", 1, range(13))
    assert proofs == [ledger.prove("event", 1, index) for index in range(13)]
    assert ledger.proofs("event", 1, [5, 2, 5]) == [proofs[5], proofs[2], proofs[5]]
    assert ledger.proofs("event", 1, []) == []
    with pytest.raises(errors.NotOnLedger):
        ledger.proofs("event", 1, [3, 13])


# What is kept.


def pruned(path: Path, keep: Keep, registry: Any, genesis: Any, clock: Any) -> Embedded:
    return Embedded(path, encode(genesis), signer("maker", "node"), clock, registry=registry, keep=keep)


def test_write_sets_are_dropped_by_policy_a_few_at_a_time(disk: Consortium) -> None:
    for number in range(30):
        disk.do("maker", Register(tool=f"t{number}"))
    disk.node.close()
    disk.node = pruned(disk.path, Keep(write_sets=5), disk.registry, disk.genesis, disk.clock)
    client = disk.client("maker")
    first = []
    for number in range(10):
        disk.node.submit([client.sign(Register(tool=f"u{number}"))])
        first.append(disk.node.ledger.store.first_writes())
    assert first == [5, 9, 13, 17, 21, 25, 29, 33, 35, 36]
    with pytest.raises(errors.Pruned, match="from block 36 on"):
        disk.node.ledger.write_set(35)
    assert disk.node.ledger.write_set(36)
    assert disk.node.ledger.at(35)
    with pytest.raises(errors.TooFarBack):
        disk.node.ledger.at(34)


def test_blocks_are_dropped_by_policy_their_leaves_never(disk: Consortium) -> None:
    for number in range(6):
        disk.do("maker", Drill(kind="emit", count=2, text=str(number)))
    head, old = disk.node.head(), disk.node.ledger.header(1)
    disk.node.close()
    disk.node = pruned(disk.path, Keep(blocks=3), disk.registry, disk.genesis, disk.clock)
    disk.node.submit([disk.client("maker").sign(Register(tool="a"))])
    ledger = disk.node.ledger
    assert (ledger.height, ledger.blocks_from()) == (7, 5)
    for ask in (
        lambda: ledger.block(4),
        lambda: ledger.prove("event", 4, 0),
        lambda: ledger.items("outcome", 1),
        lambda: ledger.events_after(0, -1),
        lambda: ledger.events_after(3, 1),
    ):
        with pytest.raises(errors.Pruned, match="from block 5 on"):
            ask()
    assert ledger.header(1) == old
    assert ledger.block(5).wires
    assert len(ledger.events_after(4, 1)) == 4
    assert holds(ledger.prove("event", 5, 0), ledger.head().header)  # type: ignore[union-attr]
    assert ledger.store._db.execute("SELECT min(height) FROM transactions").fetchone() == (5,)
    assert ledger.store._db.execute("SELECT min(height) FROM events").fetchone() == (5,)
    disk.reopen()
    assert disk.node.ledger.header(6) == head


def test_a_damaged_block_is_not_handed_on(disk: Consortium) -> None:
    lend(disk, "a")
    db = disk.node.ledger.store._db
    (wire,) = db.execute("SELECT wire FROM transactions WHERE height = 1").fetchone()
    db.execute("UPDATE transactions SET wire = ? WHERE height = 1", (flip(wire),))
    with pytest.raises(Damaged):
        disk.node.ledger.block(1)
    assert disk.node.ledger.block(2)
    db.execute("UPDATE writes SET data = x'93' WHERE height = 2")
    with pytest.raises(Damaged):
        disk.node.ledger.write_set(2)


# The layout of the first releases.


def test_a_ledger_of_the_first_layout_is_taken_over(disk: Consortium) -> None:
    lend(disk, "a")
    disk.node.close()
    with sqlite3.connect(disk.path) as db:
        db.executescript("DROP TABLE writes; PRAGMA user_version = 1;")
    db.close()
    disk.path.with_name("signed.db").unlink()
    disk.reopen()
    assert disk.node.signed.height == 2
    disk.node.recover([])
    lend(disk, "b")
    assert disk.node.ledger.write_set(3)
    with pytest.raises(errors.Pruned, match="from block 3 on"):
        disk.node.ledger.write_set(2)


@pytest.mark.parametrize("version", [0, 3, 99])
def test_another_layout_is_named(disk: Consortium, version: int) -> None:
    disk.node.close()
    with sqlite3.connect(disk.path) as db:
        db.execute(f"PRAGMA user_version = {version}")
    db.close()
    with pytest.raises(errors.FileUnusable, match=f"layout {version}"):
        disk.node = disk._open()
    with sqlite3.connect(disk.path) as db:
        db.execute("PRAGMA user_version = 2")
    db.close()
    disk.node = disk._open()
