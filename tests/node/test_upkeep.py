"""Upkeep of a stopped node's folder: what it touches, and what it never does."""

import sqlite3
from pathlib import Path

import pytest

from hansa.client.keyfiles import write_key
from hansa.node import errors_supervision as errors
from hansa.node import supervision_upkeep as upkeep
from hansa.node.joining_folder import Plan, settings_text
from hansa.node.joining_rotation import STATE
from hansa.node.settings_engine import VALIDATOR_KEY
from hansa.node.supervision_checks import held
from tests.engines.cometbft.network import Network
from tests.kernel import room
from tests.node.network_world import seed
from tests.node.test_engine_binary import program

SIGNED = b'{"height":"9","round":0,"step":3}'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With a ledger of which much was pruned, and what an engine leaves."""
    net = Network(tmp_path / "ledger.db", registry=room.registry())
    net.init()
    for number in range(4):
        net.block(net.wire("maker", room.Register(tool=f"t{number}")))
    net.close()
    with sqlite3.connect(tmp_path / "ledger.db") as database:
        database.execute("CREATE TABLE ballast (data BLOB)")
        database.executemany("INSERT INTO ballast VALUES (?)", [(bytes(50_000),)] * 40)
    with sqlite3.connect(tmp_path / "ledger.db") as database:
        database.execute("DROP TABLE ballast")
    (tmp_path / "node.toml").write_text(settings_text(Plan("maker", listen="127.0.0.1:26656")))
    write_key(tmp_path / VALIDATOR_KEY, seed("maker", "validator"))
    for name in ("blockstore.db/000001.ldb", "cs.wal/wal", "state.db/CURRENT"):
        path = tmp_path / "engine" / "data" / name
        path.parent.mkdir(parents=True)
        path.write_bytes(b"data")
    (tmp_path / STATE).write_bytes(SIGNED)
    (tmp_path / "snapshots").mkdir()
    return tmp_path


def nothing(zh: str, en: str) -> None:
    assert zh
    assert en


@pytest.fixture
def engine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return program(tmp_path_factory.mktemp("bin") / "cometbft", 'echo "$@" > "$0.asked"')


def test_what_was_pruned_is_given_back(folder: Path, engine: Path) -> None:
    before = upkeep.kept(folder)
    assert (before.height, before.blocks_from, before.keep_blocks) == (4, 1, None)
    assert before.ledger_free_bytes > 1_500_000
    after = upkeep.prune(folder, engine, nothing)
    assert after.height == 4
    assert after.ledger_free_bytes < 100_000
    assert after.ledger_bytes < before.ledger_bytes - 1_000_000
    asked = Path(f"{engine}.asked").read_text()
    assert asked == f"experimental-compact-goleveldb --home {folder / 'engine'}\n"
    assert (folder / STATE).read_bytes() == SIGNED


def test_an_engine_that_cannot_compact_is_told(folder: Path, engine: Path) -> None:
    program(engine, "echo no such table >&2; exit 3")
    with pytest.raises(errors.PruneFailed, match="no such table"):
        upkeep.prune(folder, engine, nothing)


def test_there_must_be_room_to_compact(folder: Path, engine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = (folder / "ledger.db").stat().st_size
    before = (folder / "ledger.db").read_bytes()
    monkeypatch.setattr(upkeep.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 2 * size - 1})())
    with pytest.raises(errors.PruneRoom):
        upkeep.prune(folder, engine, nothing)
    assert (folder / "ledger.db").read_bytes() == before


def test_the_copy_is_set_aside_and_keys_and_what_they_signed_stay(folder: Path) -> None:
    ledger = (folder / "ledger.db").read_bytes()
    aside = upkeep.reset(folder)
    assert aside is not None
    assert (aside / "ledger.db").read_bytes() == ledger
    assert (aside / "engine" / "data" / "cs.wal" / "wal").exists()
    assert (aside / "snapshots").is_dir()
    assert not (folder / "ledger.db").exists()
    assert [path.name for path in (folder / "engine" / "data").iterdir()] == [STATE.name]
    assert (folder / STATE).read_bytes() == SIGNED
    assert (folder / VALIDATOR_KEY).exists()
    assert not (aside / STATE).exists()
    assert upkeep.reset(folder) is None


def test_nothing_is_touched_while_the_node_runs(folder: Path, engine: Path) -> None:
    with held(folder):
        assert upkeep.kept(folder).height == 4
        with pytest.raises(errors.FolderHeld):
            upkeep.reset(folder)
        with pytest.raises(errors.FolderHeld):
            upkeep.prune(folder, engine, nothing)
    assert (folder / "ledger.db").exists()


def test_a_folder_without_a_ledger_has_nothing_to_prune(folder: Path, engine: Path) -> None:
    upkeep.reset(folder)
    assert upkeep.kept(folder).height == 0
    assert upkeep.prune(folder, engine, nothing).ledger_bytes == 0
