"""Uninstall says what would go, keeps what cannot be replaced, touches nothing outside the named folders."""

from pathlib import Path

import pytest

from hansa.apps.rooms import release
from hansa.engines.signed import Signed
from hansa.node import errors_operate as errors
from hansa.node.backup import backup, restore
from hansa.node.uninstall import Plan, carry_out, plan
from hansa.node.watchdog import Watchdog
from tests.node.test_backup import Town

BOTH = ("ledger", "keys")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory with a file of every kind, and some that are not Hansa's."""
    folder = tmp_path / "node"
    (folder / "cases").mkdir(parents=True)
    (folder / "mine").mkdir()
    for name in (
        "node.toml", "last-backup.json", "genesis.json", "ledger.db", "ledger.db-wal", "ledger.db-shm",
        "signed.db",
        "node.key", "member.key", "cosignatures.db", "promises.db", "cases/difference-000000000007.json",
        "notes.txt", "mine/ledger.db", "cases/photo.png",
    ):  # fmt: skip
        (folder / name).write_text(name)
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    for name in ("default", "profiles/me/profile.json", "profiles/me/genesis.json", "profiles/me/outbox.db",
                 "profiles/me/keys/clerk-1.pem"):  # fmt: skip
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


def names(made: Plan, *, going: bool) -> set[str]:
    return {
        str(item.path.relative_to(folder))
        for folder in made.folders
        for item in (made.going if going else made.staying)
        if folder in item.path.parents
    }


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_plan_touches_nothing_and_keeps_ledger_keys_and_what_is_not_hansas(data: Path) -> None:
    before = files(data)
    made = plan([data])
    assert names(made, going=True) == {"node.toml", "last-backup.json"}
    assert names(made, going=False) == {name for name in before if name != "mine/ledger.db"} - {
        "node.toml",
        "last-backup.json",
    } | {"mine"}
    assert files(data) == before


def test_what_was_planned_is_removed_and_nothing_else(data: Path) -> None:
    before = files(data)
    carry_out(plan([data]))
    assert files(data) == before - {"node.toml", "last-backup.json"}


@pytest.mark.parametrize(("also", "really"), [(["ledger"], []), ([], ["keys"]), (["ledger"], ["keys"])])
def test_ledger_and_keys_must_be_named_twice(also: list[str], really: list[str], data: Path) -> None:
    before = files(data)
    with pytest.raises(errors.NamedOnce):
        plan([data], also, really)
    assert files(data) == before


def test_a_ledger_named_twice_goes_and_the_keys_stay_with_what_they_signed(data: Path) -> None:
    carry_out(plan([data], ["ledger"], ["ledger"]))
    assert files(data) == {
        "node.key", "member.key", "signed.db", "notes.txt", "mine/ledger.db", "cases/photo.png",
    }  # fmt: skip


def test_all_named_twice_leaves_what_is_not_hansas(data: Path) -> None:
    removed = carry_out(plan([data], BOTH, BOTH))
    assert files(data) == {"notes.txt", "mine/ledger.db", "cases/photo.png"}
    assert all(data in path.parents for path in removed)


def test_an_empty_folder_goes_as_well(home: Path) -> None:
    carry_out(plan([home], BOTH, BOTH))
    assert not home.exists()
    assert home.parent.exists()


def test_profiles_go_and_their_keys_and_outboxes_stay(home: Path) -> None:
    carry_out(plan([home]))
    left = {"genesis.json", "outbox.db", "keys/clerk-1.pem"}
    assert files(home) == {f"profiles/me/{name}" for name in left}


def test_links_are_never_followed(data: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "keys").mkdir(parents=True)
    (outside / "ledger.db").write_text("of another node")
    (data / "node.toml").unlink()
    (data / "node.toml").symlink_to(outside / "ledger.db")
    (data / "profiles").symlink_to(outside)
    carry_out(plan([data], BOTH, BOTH))
    assert (outside / "ledger.db").read_text() == "of another node"
    assert (data / "node.toml").is_symlink()
    assert (outside / "keys").is_dir()


def test_a_folder_that_is_a_link_or_not_hansas_is_refused(data: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(data)
    (tmp_path / "documents").mkdir()
    for folder in (tmp_path / "link", tmp_path / "documents", tmp_path / "none", Path("/")):
        with pytest.raises(errors.NotHansas):
            plan([folder], BOTH, BOTH)


def test_a_directory_whose_node_runs_is_refused(data: Path) -> None:
    (data / "signed.db").unlink()
    held = Signed(data / "signed.db", "0" * 64)
    try:
        with pytest.raises(errors.NodeRuns):
            plan([data])
    finally:
        held.close()
    plan([data])


def test_everything_that_node_backup_and_restore_leave_is_known(tmp_path: Path) -> None:
    town = Town(tmp_path / "node")
    backup(town.directory, tmp_path / "copy", release())
    town.consortium.close()
    for _ in range(2):
        restore(tmp_path / "copy", town.directory, release(), replace=True)
    Watchdog(town.directory / "ledger.db", 60).close()
    for half in ("watch.trace.last", "restored.db.part-wal", ".last-backup.json.0a1b2c3d", "ledger.db.part"):
        (town.directory / half).write_text("half")
    made = plan([town.directory], BOTH, BOTH)
    assert [item.path.name for item in made.items if item.kind == "unknown"] == []
    assert any(item.path.name.startswith("before-restore-") for item in made.items)
    carry_out(made)
    assert not town.directory.exists()


def test_names_that_only_look_like_hansas_stay(data: Path) -> None:
    odd = ("before-restore-ledger.db", "my.ledger.db", ".notes.txt.0a1b2c3d", "notes.part", ".ledger.db.xyz")
    for name in odd:
        (data / name).write_text("mine")
    carry_out(plan([data], BOTH, BOTH))
    assert files(data) >= set(odd)
