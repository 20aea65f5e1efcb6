"""Rules 10 and 20: faults of the machine, kills, damage: nothing half-applied, nothing acknowledged lost."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from hansa.apps.consortium.messages import Genesis
from hansa.engines import errors, ledger
from hansa.engines.embedded import Embedded
from hansa.engines.store import SqliteStore, StoreFault
from hansa.kernel import encode, limits, replace
from hansa.kernel.evidence import Header, SignedHeader
from hansa.kernel.signatures import HEADER_DOMAIN
from hansa.kernel.state import Damaged
from tests.consortium import Consortium, signer
from tests.engines.conftest import made
from tests.kernel.room import Drill, Lend, Register

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
    head, rows = disk.node.head(), sorted(disk.node.ledger.store.records())
    wire = disk.client("maker").sign(Register(tool="w-17"))
    if isinstance(fault, sqlite3.Error):
        fault = StoreFault(str(fault))
    monkeypatch.setattr(disk.node.ledger, "store", Broken(disk.node.ledger.store, method, fault))

    damaged = isinstance(fault, Damaged)
    for _ in range(2):
        with pytest.raises(errors.DamagedOnDisk if damaged else errors.Stopped):
            disk.node.submit([wire])
    monkeypatch.undo()
    assert disk.node.head() == head
    assert sorted(disk.node.ledger.store.records()) == rows
    assert disk.node.incidents[-1].what == ("damaged" if damaged else "stopped")

    # Opened again, the block is tried again; the member who asks gets its outcome.
    disk.reopen()
    assert disk.node.submit([wire])[0].code == "ok"


def test_an_error_of_sqlite_within_a_commit_is_a_fault_of_the_machine(disk: Consortium) -> None:
    disk.do("maker", Register(tool="before"))
    disk.node.ledger.store._db.execute("ALTER TABLE blocks RENAME TO elsewhere")
    with pytest.raises(errors.Stopped, match="no such table"):
        disk.do("maker", Register(tool="w-17"))
    assert disk.node.height == 1


@pytest.mark.parametrize("kind", ["memory", "recurse", "disk"])
def test_a_fault_in_a_contract_stops_is_tried_again_once_then_the_node_waits(
    disk: Consortium, kind: Any
) -> None:
    disk.do("maker", Register(tool="before"))
    head, rows = disk.node.head(), sorted(disk.node.ledger.store.records())
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
    assert sorted(disk.node.ledger.store.records()) == rows
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
    monkeypatch.setattr(ledger, "apply", _raise(MemoryError()))
    with pytest.raises(errors.Stopped):
        disk.node.submit(wires)
    monkeypatch.undo()

    disk.reopen()
    assert disk.node.height == 1
    assert [receipt.code for receipt in disk.node.submit(wires)] == ["ok"] * 3
    assert disk.node.ledger.store.meta("stopped") is None


def _raise(fault: BaseException) -> Any:
    def raising(*_: Any, **__: Any) -> Any:
        raise fault

    return raising


def test_a_stop_that_cannot_be_noted_is_still_a_stop(
    disk: Consortium, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk.node.ledger.store, "commit", _raise(StoreFault("read-only file system")))
    with pytest.raises(errors.Stopped):
        disk.do("maker", Register(tool="w-17"))
    assert [incident.what for incident in disk.node.incidents] == ["stopped", "unnoted"]


def test_an_interrupted_node_goes_on_only_after_a_restart(
    disk: Consortium, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "apply", _raise(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        disk.do("maker", Register(tool="w-17"))
    monkeypatch.undo()
    with pytest.raises(errors.Stopped):
        disk.do("maker", Register(tool="w-17"))
    disk.reopen()
    disk.do("maker", Register(tool="w-17"))


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
    row = next(value for table, _, value in disk.node.ledger.store.records() if table == "toolcrib.tools")
    edit(disk, "UPDATE state SET value = ? WHERE tbl = 'toolcrib.tools'", flip(row))
    open_again(disk)

    with pytest.raises(Damaged):
        disk.query("toolcrib.borrowed_by", member="plant")
    with pytest.raises(errors.DamagedOnDisk, match="toolcrib"):
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
    with pytest.raises(errors.DamagedOnDisk):
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
    (old,) = disk.node.ledger.store._db.execute(f"SELECT {column} FROM {table} WHERE {where}").fetchone()
    edit(disk, f"UPDATE {table} SET {column} = ? WHERE {where}", flip(old))

    with pytest.raises(errors.HistoryBroken):
        open_again(disk)
    edit_back(disk, f"UPDATE {table} SET {column} = ? WHERE {where}", old)
    open_again(disk)


def edit_back(disk: Consortium, statement: str, *values: Any) -> None:
    with sqlite3.connect(disk.path) as db:
        db.execute(statement, values)
    db.close()


HEADERS = {
    "another time, signed by the node": lambda signed: signed_anew(
        replace(signed.header, time_ms=signed.header.time_ms + 1)
    ),
    "another hash, signed by the node": lambda signed: signed_anew(replace(signed.header, app_hash="0" * 64)),
    "another height, signed by the node": lambda signed: signed_anew(replace(signed.header, height=1)),
    "signed by somebody else": lambda signed: signed_anew(signed.header, "k1"),
    "not signed": lambda signed: replace(signed, signature=bytes(64)),
}


def signed_anew(header: Header, key: str = "node") -> SignedHeader:
    signature = signer("maker", key).sign(HEADER_DOMAIN + encode(header))
    return SignedHeader(header=header, suite=1, signature=signature)


@pytest.mark.parametrize("forge", HEADERS.values(), ids=HEADERS.keys())
def test_a_forged_header_is_found_at_start(disk: Consortium, forge: Any) -> None:
    disk.do("maker", Register(tool="w-17"))
    disk.do("maker", Register(tool="b"))
    head = disk.node.head()
    edit(disk, "UPDATE blocks SET header = ? WHERE height = 2", encode(forge(head)))
    with pytest.raises(errors.HistoryBroken):
        open_again(disk)
    edit_back(disk, "UPDATE blocks SET header = ? WHERE height = 2", encode(head))
    open_again(disk)


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
    (old,) = disk.node.ledger.store._db.execute("SELECT wire FROM transactions WHERE height = 1").fetchone()
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
        (replace(genesis, rules=limits.RULES_MAX + 1), "kernel.outdated"),
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
    for name in ("one", "two", "two/folder"):
        (tmp_path / name).mkdir()
    garbage = tmp_path / "one" / "garbage.db"
    garbage.write_bytes(b"not a database at all, only text " * 100)
    foreign = tmp_path / "two" / "foreign.db"
    with sqlite3.connect(foreign) as db:
        db.execute("CREATE TABLE other (x)")
    db.close()
    for path in (garbage, foreign, tmp_path / "no" / "folder.db", tmp_path / "two" / "folder"):
        with pytest.raises(errors.FileUnusable) as refused:
            opened(disk, path, disk.genesis)
        assert path.name in refused.value.en


def test_one_process_at_a_time_uses_a_file(disk: Consortium, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hansa.engines.store.LOCK_WAIT_S", 0)
    with pytest.raises(errors.InUse) as refused:
        opened(disk, disk.path, disk.genesis)
    assert disk.path.parent.name[:20] in refused.value.en
    disk.do("maker", Register(tool="still-works"))
