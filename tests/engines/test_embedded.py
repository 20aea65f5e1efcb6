"""The embedded engine: durable or refused, never half; found again after any stop."""

import dataclasses
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hansa.apps.consortium.messages import Genesis
from hansa.client import Receipt, Refused
from hansa.engines import embedded, errors
from hansa.engines.embedded import Embedded
from hansa.engines.store import SqliteStore, StoreFault
from hansa.kernel import encode, limits, replace
from hansa.kernel.state import Damaged
from hansa.kernel.transaction import identity
from tests.consortium import START_MS, Consortium, VirtualClock, signer
from tests.kernel import room
from tests.kernel.room import Done, Drill, Later, Lend, Overdue, Register


def made(path: Path) -> Consortium:
    return Consortium(path, registry=room.registry())


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Consortium]:
    consortium = made(tmp_path / "ledger.db")
    yield consortium
    consortium.close()


def sequence_of(consortium: Consortium, member: str = "maker") -> int:
    return consortium.query("consortium.sequence", member=member, key="k1")  # type: ignore[no-any-return]


# Answers.


def test_a_receipt_says_where_the_transaction_rests(disk: Consortium) -> None:
    receipt = disk.do("maker", Register(tool="w-17"))
    head = disk.node.head()

    assert head is not None
    assert (receipt.height, receipt.index, receipt.app_hash) == (1, 0, head.header.app_hash)
    assert disk.node.find(receipt.transaction) == receipt


def test_the_same_bytes_are_answered_with_their_first_outcome_for_ever(disk: Consortium) -> None:
    refused = disk.client("maker").sign(Lend(tool="w-17", borrower="plant", due_ms=disk.in_days(1)))
    first = disk.node.submit([refused])[0]
    assert first.code == "toolcrib.tool_unknown"

    # It would succeed now, and later it is expired and the node was restarted: the answer stays.
    disk.do("maker", Register(tool="w-17"))
    assert disk.node.submit([refused]) == [first]
    disk.clock.advance(days=3)
    disk.reopen()
    assert disk.node.submit([refused]) == [first]
    assert disk.node.height == 2


def test_two_copies_in_a_group_count_once_and_both_are_answered(disk: Consortium) -> None:
    wire = disk.client("maker").sign(Register(tool="w-17"))
    one, two = disk.node.submit([wire, wire])

    assert (one.code, two.code) == ("ok", "kernel.replayed")
    assert disk.node.submit([wire]) == [one]
    assert disk.node.find(one.transaction) == one


def test_what_was_ahead_of_the_window_may_come_again(disk: Consortium) -> None:
    client = disk.client("maker")
    client.sequence = limits.WINDOW_WIDTH
    wire = client.sign(Register(tool="w-17"))
    assert disk.node.submit([wire])[0].code == "kernel.sequence_ahead"
    client.sequence = 0
    disk.do("maker", Register(tool="first"))

    receipt = disk.node.submit([wire])[0]
    assert receipt.code == "ok"
    assert disk.node.find(receipt.transaction) == receipt


def rubbish(disk: Consortium) -> dict[str, bytes]:
    client = disk.client("maker")
    good = client.sign(Register(tool="w-17"))
    return {
        "kernel.malformed": b"rubbish",
        "kernel.too_large": b"x" * (limits.TRANSACTION_BYTES_MAX + 1),
        "kernel.too_nested": b"[" * 10_000,
        "kernel.not_canonical": good.replace(b'"tool":"w-17"', b'"tool":"w-1\\u0037"'),
        "kernel.wrong_signature": good[:1] + bytes(64) + good[65:],
        "kernel.unknown_key": good.replace(b'"member":"maker"', b'"member":"rival"'),
        "kernel.wrong_chain": good.replace(disk.node.chain.id.encode(), b"0" * 64),
    }


def test_rubbish_is_refused_at_the_door_and_never_gets_on_the_ledger(disk: Consortium) -> None:
    disk.do("maker", Register(tool="first"))
    for code, wire in rubbish(disk).items():
        (receipt,) = disk.node.submit([wire])
        assert (receipt.code, receipt.height) == (code, 0)
        assert receipt.zh
        assert receipt.en
    assert disk.node.height == 1


def test_the_body_of_a_used_sequence_under_a_new_signature_stays_outside(disk: Consortium) -> None:
    """Else a member could fill the ledger with what will always be refused."""
    client = disk.client("maker")
    disk.do("maker", Register(tool="w-17"))
    client.sequence = 0
    again = client.sign(Register(tool="other"))
    (receipt,) = disk.node.submit([again])

    assert (receipt.code, receipt.height) == ("kernel.replayed", 0)
    assert disk.node.height == 1


def test_dear_work_comes_last_at_the_door(disk: Consortium, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what may be executed costs a signature check; only what parses costs a look-up."""
    checks: list[int] = []
    looked: list[int] = []
    verify, find = disk.node.chain.verify, disk.node._store.find_transaction
    monkeypatch.setattr(
        disk.node,
        "chain",
        dataclasses.replace(disk.node.chain, verify=lambda *a: checks.append(1) or verify(*a)),
    )
    monkeypatch.setattr(disk.node._store, "find_transaction", lambda i: looked.append(1) or find(i))
    cheap = rubbish(disk)
    bad_signature = cheap.pop("kernel.wrong_signature")
    parsed = [cheap.pop("kernel.unknown_key"), cheap.pop("kernel.wrong_chain")]
    for wire in cheap.values():
        disk.node.submit([wire])
    assert (checks, looked) == ([], [])
    disk.node.submit(parsed)
    assert (checks, len(looked)) == ([], 2)
    disk.node.submit([bad_signature])
    assert len(checks) == 1


def test_a_block_holds_as_many_as_its_limits_allow(disk: Consortium, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BLOCK_TRANSACTIONS_MAX", 3)
    client = disk.client("maker")
    receipts = disk.node.submit([client.sign(Register(tool=f"t{n}")) for n in range(7)])
    assert [receipt.height for receipt in receipts] == [1, 1, 1, 2, 2, 2, 3]

    monkeypatch.setattr(limits, "BLOCK_BYTES_MAX", 700)
    receipts = disk.node.submit([client.sign(Register(tool=f"u{n}")) for n in range(3)])
    assert [receipt.height for receipt in receipts] == [4, 4, 5]


def test_heavy_work_is_spread_over_blocks_and_all_of_it_is_answered(
    disk: Consortium, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "BLOCK_STEPS_MAX", 100)
    client = disk.client("maker")
    wires = [client.sign(Drill(kind="write", count=90, text=str(n))) for n in range(5)]
    receipts = disk.node.submit(wires)

    assert [(receipt.code, receipt.height, receipt.index) for receipt in receipts] == [
        ("ok", 1, 0), ("ok", 1, 1), ("ok", 2, 0), ("ok", 2, 1), ("ok", 3, 0),
    ]  # fmt: skip
    assert [receipt.transaction for receipt in receipts] == [identity(wire) for wire in wires]


# Time.


def test_block_time_never_goes_back(disk: Consortium) -> None:
    disk.clock.advance(hours=5)
    disk.do("maker", Register(tool="a"))
    before = disk.node.time_ms
    disk.client("maker")._clock = lambda: before
    disk.clock.advance(hours=-4)
    disk.do("maker", Register(tool="b"))
    assert disk.node.time_ms == before

    disk.reopen()
    disk.clock.advance(hours=-30)
    disk.do("maker", Register(tool="c"))
    assert disk.node.time_ms == before


def test_the_engine_wakes_when_something_is_due_and_rests_otherwise(disk: Consortium) -> None:
    disk.do("maker", Register(tool="w-17"))
    disk.do("maker", Lend(tool="w-17", borrower="plant", due_ms=disk.in_days(2)))
    head = disk.node.head()
    disk.pass_days(1)
    assert disk.node.head() == head

    disk.pass_days(1)
    assert disk.events(Overdue) == [Overdue(tool="w-17", borrower="plant")]
    assert disk.node.height == 3
    disk.pass_days(1)
    assert disk.node.height == 3


def test_a_long_backlog_is_worked_off_in_bounded_blocks(
    disk: Consortium, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "DUE_PER_BLOCK_MAX", 4)
    later = [Later(at_ms=disk.in_days(1), kind="drill", name=f"n{n}") for n in range(10)]
    disk.do("maker", *later)
    disk.pass_days(2)

    assert len(disk.events(Done)) == 10
    assert disk.node.height == 1 + 3


# Faults of the machine: rule 10.


class Broken:
    """A store whose next commit fails, as a full disk makes it fail."""

    def __init__(self, store: SqliteStore, method: str, fault: Exception) -> None:
        self._store, self._method, self._fault = store, method, fault

    def __getattr__(self, name: str) -> Any:
        if name == self._method:
            return self._fail
        return getattr(self._store, name)

    def _fail(self, *_: Any) -> Any:
        raise self._fault


FAULTS = [
    ("write_records", sqlite3.OperationalError("database or disk is full")),
    ("write_events", sqlite3.OperationalError("disk I/O error")),
    ("append_leaf", Damaged("node 0.0 of the block log is missing")),
    ("write_transactions", MemoryError()),
    ("set_meta", OSError(28, "No space left on device")),
]


@pytest.mark.parametrize(("method", "fault"), FAULTS, ids=[name for name, _ in FAULTS])
def test_a_fault_while_writing_stops_the_node_before_it_commits(
    disk: Consortium, monkeypatch: pytest.MonkeyPatch, method: str, fault: Exception
) -> None:
    disk.do("maker", Register(tool="before"))
    head, rows = disk.node.head(), sorted(disk.node._store.records())
    wire = disk.client("maker").sign(Register(tool="w-17"))
    if isinstance(fault, sqlite3.Error):
        fault = StoreFault(str(fault))
    monkeypatch.setattr(disk.node, "_store", Broken(disk.node._store, method, fault))

    with pytest.raises(errors.Stopped):
        disk.node.submit([wire])
    with pytest.raises(errors.Stopped):
        disk.node.submit([wire])
    monkeypatch.undo()
    assert disk.node.head() == head
    assert sorted(disk.node._store.records()) == rows
    assert disk.node.incidents[-1].what == "stopped"

    # Opened again, the block is tried again; the member who asks gets its outcome.
    disk.reopen()
    assert disk.node.submit([wire])[0].code == "ok"


def test_an_error_of_sqlite_within_a_commit_is_a_fault_of_the_machine(disk: Consortium) -> None:
    disk.do("maker", Register(tool="before"))
    disk.node._store._db.execute("ALTER TABLE blocks RENAME TO elsewhere")
    with pytest.raises(errors.Stopped, match="no such table"):
        disk.do("maker", Register(tool="w-17"))
    assert disk.node.height == 1


@pytest.mark.parametrize("kind", ["memory", "recurse", "disk"])
def test_a_fault_in_a_contract_stops_is_tried_again_once_then_the_node_waits(
    disk: Consortium, kind: Any
) -> None:
    disk.do("maker", Register(tool="before"))
    head, rows = disk.node.head(), sorted(disk.node._store.records())
    client = disk.client("maker")
    good, bad = client.sign(Register(tool="w-17")), client.sign(Drill(kind=kind, count=1))

    with pytest.raises(errors.Stopped):
        disk.node.submit([good, bad])
    disk.reopen()
    # The second stop came while opening: the node is up, says so, and reads.
    assert [incident.what for incident in disk.node.incidents] == ["stopped", "waiting"]
    with pytest.raises(errors.Waiting):
        disk.node.submit([good])
    assert disk.node.head() == head
    assert sorted(disk.node._store.records()) == rows
    # A restart does not loop.
    disk.reopen()
    assert [incident.what for incident in disk.node.incidents] == ["waiting"]
    with pytest.raises(errors.Waiting):
        disk.node.submit([client.sign(Register(tool="b"))])

    disk.node.retry()
    assert disk.node.submit([good])[0].code == "ok"
    disk.reopen()
    assert disk.node.incidents == []


def test_the_block_that_stopped_the_node_is_tried_again_at_restart(
    disk: Consortium, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = disk.client("maker")
    wires = [client.sign(Register(tool=f"t{n}")) for n in range(3)]
    monkeypatch.setattr(embedded, "apply", _raise(MemoryError()))
    with pytest.raises(errors.Stopped):
        disk.node.submit(wires)
    monkeypatch.undo()

    disk.reopen()
    assert disk.node.height == 1
    assert [receipt.code for receipt in disk.node.submit(wires)] == ["ok"] * 3
    assert disk.node._store.meta("stopped") is None


def _raise(fault: BaseException) -> Any:
    def raising(*_: Any, **__: Any) -> Any:
        raise fault

    return raising


def test_a_stop_that_cannot_be_noted_is_still_a_stop(
    disk: Consortium, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk.node._store, "commit", _raise(StoreFault("read-only file system")))
    with pytest.raises(errors.Stopped):
        disk.do("maker", Register(tool="w-17"))
    assert [incident.what for incident in disk.node.incidents] == ["stopped", "stopped"]


def test_an_interrupted_node_goes_on_only_after_a_restart(
    disk: Consortium, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "apply", _raise(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        disk.do("maker", Register(tool="w-17"))
    monkeypatch.undo()
    with pytest.raises(errors.Stopped):
        disk.do("maker", Register(tool="w-17"))
    disk.reopen()
    disk.do("maker", Register(tool="w-17"))


SUBMIT_FOR_EVER = """
import sys
from pathlib import Path
from tests.engines.test_embedded import made
from tests.kernel.room import Register
consortium = made(Path(sys.argv[1]))
client = consortium.client("maker")
client.sequence = consortium.query("consortium.sequence", member="maker", key="k1")
for number in range(client.sequence, 100_000):
    receipts = consortium.node.submit([client.sign(Register(tool=f"t{number}-{n}")) for n in range(3)])
    for receipt in receipts:
        print(receipt.transaction, receipt.code, receipt.height, receipt.index, receipt.app_hash, flush=True)
"""


def test_everything_acknowledged_is_there_after_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    acknowledged: list[list[str]] = []
    for after in (1, 12, 40):
        process = subprocess.Popen(
            [sys.executable, "-c", SUBMIT_FOR_EVER, str(path)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
            env=os.environ | {"PYTHONPATH": "."},
        )
        assert process.stdout is not None
        for line in process.stdout:
            acknowledged.append(line.split())
            if len(acknowledged) >= after:
                process.send_signal(signal.SIGKILL)
                break
        rest = [line.split() for line in process.stdout.read().splitlines()]
        acknowledged += [line for line in rest if len(line) == 5]
        process.wait()

    consortium = made(path)
    assert len(acknowledged) >= 40
    for transaction, code, height, index, app_hash in acknowledged:
        receipt = consortium.node.find(transaction)
        assert receipt is not None
        assert (code, "ok") == ("ok", receipt.code)
        assert (str(receipt.height), str(receipt.index), receipt.app_hash) == (height, index, app_hash)
    consortium.close()


# Damage and forgery: rule 20.


def edit(disk: Consortium, statement: str, *values: Any) -> None:
    """Change the file while the node is down."""
    disk.node.close()
    with sqlite3.connect(disk.path) as db:
        assert db.execute(statement, values).rowcount > 0
    db.close()


def open_again(disk: Consortium) -> None:
    disk.node = disk._open()
    for client in disk._clients.values():
        client.transport._node = disk.node  # type: ignore[attr-defined]


def flip(data: bytes, at: int = 40) -> bytes:
    at %= len(data)
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def test_a_damaged_record_is_found_when_it_is_read(disk: Consortium) -> None:
    disk.do("maker", Register(tool="w-17"))
    row = next(value for table, _, value in disk.node._store.records() if table == "toolcrib.tools")
    edit(disk, "UPDATE state SET value = ? WHERE tbl = 'toolcrib.tools'", flip(row))
    open_again(disk)

    with pytest.raises(Damaged):
        disk.query("toolcrib.borrowed_by", member="plant")
    with pytest.raises(errors.Stopped, match="damaged"):
        disk.do("maker", Lend(tool="w-17", borrower="plant", due_ms=disk.in_days(1)))
    assert disk.node.height == 1


@pytest.mark.parametrize("value", ["text", 7, None])
def test_a_record_whose_type_was_damaged_is_found_too(disk: Consortium, value: Any) -> None:
    disk.do("maker", Register(tool="w-17"))
    edit(disk, "UPDATE state SET value = ? WHERE tbl = 'toolcrib.tools'", value)
    open_again(disk)
    with pytest.raises(Damaged):
        disk.query("toolcrib.borrowed_by", member="plant")


def test_a_damaged_key_record_stops_the_node_at_the_door(disk: Consortium) -> None:
    disk.do("maker", Register(tool="w-17"))
    edit(disk, "UPDATE state SET crc = crc + 1 WHERE tbl = 'kernel.keys'")
    open_again(disk)
    with pytest.raises(errors.Stopped):
        disk.do("maker", Register(tool="b"))


LAST_BLOCK = {
    "its leaf": ("blocks", "leaf"),
    "its header": ("blocks", "header"),
    "a transaction": ("transactions", "wire"),
    "an outcome": ("transactions", "outcome"),
    "an event": ("events", "data"),
    "a node of the log": ("nodes", "hash"),
    "the sum": ("meta", "value"),
}


@pytest.mark.parametrize(("table", "column"), LAST_BLOCK.values(), ids=LAST_BLOCK.keys())
def test_a_damaged_last_block_is_found_at_start(disk: Consortium, table: str, column: str) -> None:
    disk.do("maker", Register(tool="w-17"))
    disk.do("maker", Lend(tool="w-17", borrower="plant", due_ms=disk.in_days(1)))
    where = {
        "meta": "name = 'state_sum'",
        "nodes": "level = 0 AND position = 1",
    }.get(table, "height = 2")
    (old,) = disk.node._store._db.execute(f"SELECT {column} FROM {table} WHERE {where}").fetchone()
    edit(disk, f"UPDATE {table} SET {column} = ? WHERE {where}", flip(old))

    with pytest.raises(errors.HistoryBroken):
        open_again(disk)
    edit_back(disk, f"UPDATE {table} SET {column} = ? WHERE {where}", old)
    open_again(disk)


def edit_back(disk: Consortium, statement: str, *values: Any) -> None:
    with sqlite3.connect(disk.path) as db:
        db.execute(statement, values)
    db.close()


def test_a_removed_last_block_or_transaction_is_found_at_start(disk: Consortium) -> None:
    disk.do("maker", Register(tool="w-17"))
    disk.do("maker", Register(tool="b"))
    edit(disk, "DELETE FROM transactions WHERE height = 2")
    with pytest.raises(errors.HistoryBroken):
        open_again(disk)
    edit_back(disk, "DELETE FROM blocks WHERE height = 2")
    with pytest.raises(errors.HistoryBroken):
        open_again(disk)
    edit_back(disk, "DELETE FROM blocks")
    with pytest.raises(errors.HistoryBroken):
        open_again(disk)
    disk.node = made(Path(":memory:")).node


def test_a_damaged_earlier_block_is_not_proved(disk: Consortium) -> None:
    disk.do("maker", Register(tool="w-17"))
    disk.do("maker", Register(tool="b"))
    (old,) = disk.node._store._db.execute("SELECT wire FROM transactions WHERE height = 1").fetchone()
    edit(disk, "UPDATE transactions SET wire = ? WHERE height = 1", flip(old))
    open_again(disk)
    with pytest.raises(Damaged):
        disk.node.prove("transaction", 1, 0)
    assert disk.node.prove("transaction", 2, 0)


def opened(disk: Consortium, path: Path, genesis: Genesis, key: str = "node") -> Embedded:
    return Embedded(path, encode(genesis), signer("maker", key), disk.clock, registry=disk.registry)


def test_another_genesis_is_another_consortium(disk: Consortium, tmp_path: Path) -> None:
    disk.node.close()
    other = replace(disk.genesis, name_en="Another consortium")
    with pytest.raises(errors.WrongGenesis):
        opened(disk, disk.path, other)
    open_again(disk)


def test_a_genesis_that_cannot_stand_is_refused_by_name(disk: Consortium, tmp_path: Path) -> None:
    genesis = disk.genesis
    path = tmp_path / "other.db"
    wrong: list[tuple[Any, str]] = [
        (replace(genesis, operator="rival"), "consortium.genesis_incomplete"),
        (replace(genesis, members=()), "consortium.genesis_incomplete"),
        (replace(genesis, members=(replace(genesis.members[0], keys=()),)), "consortium.genesis_incomplete"),
        (replace(genesis, members=genesis.members * 2), "kernel.exists"),
        (replace(genesis, node_public=bytes(32)), "consortium.key_invalid"),
        (replace(genesis, rules=limits.RULES_MAX + 1), "engine.rules_unknown"),
        (replace(genesis, created_ms=-1), "kernel.malformed"),
    ]
    for changed, code in wrong:
        with pytest.raises(Exception, match=code):
            opened(disk, path, changed)
    with pytest.raises(errors.WrongNodeKey):
        opened(disk, path, genesis, "k1")
    with pytest.raises(Exception, match=r"kernel\.malformed"):
        Embedded(path, b"{}", signer("maker", "node"), disk.clock, registry=disk.registry)
    assert not path.exists()


def test_a_file_that_cannot_be_used_is_named(disk: Consortium, tmp_path: Path) -> None:
    garbage = tmp_path / "garbage.db"
    garbage.write_bytes(b"not a database at all, only text " * 100)
    foreign = tmp_path / "foreign.db"
    with sqlite3.connect(foreign) as db:
        db.execute("CREATE TABLE other (x)")
    db.close()
    for path in (garbage, foreign, tmp_path / "no" / "folder.db", tmp_path):
        with pytest.raises(errors.FileUnusable) as refused:
            opened(disk, path, disk.genesis)
        assert path.name in refused.value.en


def test_one_process_at_a_time_uses_a_file(disk: Consortium, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hansa.engines.store.LOCK_WAIT_S", 0)
    with pytest.raises(errors.FileUnusable, match="locked"):
        opened(disk, disk.path, disk.genesis)
    disk.do("maker", Register(tool="still-works"))


# Reading what is not there.


def test_bad_questions_are_refused_by_name(disk: Consortium) -> None:
    disk.do("maker", Register(tool="w-17"))
    node = disk.node
    for kind, height, index in [
        ("event", 1, 0), ("transaction", 1, 1), ("transaction", 2, 0), ("transaction", 0, 0),
        ("outcome", -1, 0), ("outcome", 1, -1), ("outcome", 2**70, 0), ("outcome", 1, 2**70),
        ("rubbish", 1, 0),
    ]:  # fmt: skip
        with pytest.raises(errors.NotOnLedger):
            node.prove(kind, height, index)
    for old in (0, -1, 2, 2**70):
        with pytest.raises(errors.NotOnLedger):
            node.consistency(old)
    for name in ("", "zz" * 32, "a" * 63, "A" * 64, "0" * 64, "é" * 64):
        assert node.find(name) is None
    assert node.events_after(2**70, 0) == []
    assert node.events_after(0, -(2**70), -1) == []


def test_events_are_read_in_order_from_any_place(disk: Consortium) -> None:
    for _ in range(3):
        disk.do("maker", Drill(kind="emit", count=3))
    places = [(height, index) for height, index, _ in disk.node.events_after(0, -1)]

    assert places == [(height, index) for height in (1, 2, 3) for index in range(3)]
    for position, (height, index) in enumerate(places):
        assert [row[:2] for row in disk.node.events_after(height, index, 4)] == places[position + 1 :][:4]


def test_texts_of_a_refusal_survive_a_restart(disk: Consortium) -> None:
    receipt: Receipt = disk.refused("maker", Lend(tool="w-17", borrower="plant", due_ms=1))
    disk.reopen()
    assert disk.node.find(receipt.transaction) == receipt
    assert "w-17" in receipt.zh
    assert "w-17" in receipt.en


def test_a_consortium_goes_on_after_a_restart(disk: Consortium) -> None:
    disk.do("maker", Register(tool="w-17"))
    head = disk.node.head()
    disk.reopen()
    assert disk.node.head() == head
    disk.client("maker").sequence = sequence_of(disk)
    disk.do("maker", Lend(tool="w-17", borrower="plant", due_ms=disk.in_days(1)))
    assert disk.query("toolcrib.borrowed_by", member="plant") == ["w-17"]
    with pytest.raises(Refused):
        disk.client("maker").do(Register(tool="w-17"))


def test_a_clock_before_the_genesis_counts_as_its_time(tmp_path: Path) -> None:
    consortium = made(tmp_path / "ledger.db")
    consortium.clock = VirtualClock(5)
    consortium.node._clock = consortium.clock
    consortium.client("maker")._clock = lambda: START_MS
    consortium.do("maker", Register(tool="w-17"))
    assert consortium.node.time_ms == START_MS
    consortium.close()
