"""What a node, a backup or an export makes is for its user alone."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from hansa.apps.rooms import release
from hansa.node.backup import backup, restore
from hansa.node.export import export
from hansa.node.settings import LEDGER, SIGNED
from hansa.node.source import in_directory
from tests.node.test_backup import Town
from tests.node.world import founded, served

pytestmark = pytest.mark.skipif(os.name != "posix", reason="modes as POSIX has them")
PUBLIC = {"genesis.json", "node.toml"}


@pytest.fixture(autouse=True)
def usual() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def open_to_others(folder: Path) -> set[str]:
    found = {"."} if stat.S_IMODE(folder.stat().st_mode) & 0o077 else set()
    for path in folder.rglob("*"):
        if path.stat().st_mode & 0o077 and path.name not in PUBLIC:
            found.add(path.name)
    return found


def test_a_backup_what_is_restored_and_an_export(tmp_path: Path) -> None:
    town = Town(tmp_path / "node")
    backup(town.directory, tmp_path / "copy", release())
    backup(town.directory, tmp_path / "small", release(), snapshot=True)
    restore(tmp_path / "copy", tmp_path / "new", release())
    with in_directory(town.directory, release()) as source:
        export(source, "maker", tmp_path / "out")
    town.consortium.close()
    for made in ("copy", "small", "new", "out"):
        assert open_to_others(tmp_path / made) == set(), made
    assert os.umask(0o022) == 0o022, "the process is as it was"


def test_what_a_running_node_makes(tmp_path: Path) -> None:
    settings = founded(tmp_path / "node", port=0)
    for name in (LEDGER, SIGNED):
        settings.file(name).chmod(0o600)
    with served(settings):
        made = open_to_others(tmp_path / "node") - {"."}
    assert made == set()
