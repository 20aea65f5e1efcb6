"""What gets its name is on disk before, and the name after: seen by the calls of the system."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hansa.apps.rooms import release
from hansa.engines import durable
from hansa.node.backup import backup, restore
from tests.node.test_backup import Town

Calls = list[tuple[str, str]]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """(what, name of the file or folder), in order."""
    made: Calls = []
    opened: dict[int, str] = {}

    def noting(name: str, note: Callable[..., None]) -> None:
        honest = getattr(os, name)

        def noted(*arguments: Any, **more: Any) -> Any:
            found = honest(*arguments, **more)
            note(found, *arguments)
            return found

        monkeypatch.setattr(os, name, noted)

    noting("open", lambda found, path, *_: opened.update({found: Path(os.fspath(path)).name}))
    noting("fsync", lambda _, descriptor: made.append(("sync", opened.get(descriptor, "?"))))
    noting("replace", lambda _, source, target: made.append(("name", Path(target).name)))
    return made


def test_contents_then_name_then_folder(tmp_path: Path, calls: Calls) -> None:
    durable.write_durably(tmp_path / "a", b"1")
    assert calls == [("sync", "a.part"), ("name", "a"), ("sync", tmp_path.name)]
    assert (tmp_path / "a").read_bytes() == b"1"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_backup_and_what_is_restored_of_it_are_on_disk(tmp_path: Path, calls: Calls) -> None:
    town = Town(tmp_path / "node")
    backup(town.directory, tmp_path / "copy", release())
    at = calls.index(("name", "ledger.db"))
    assert calls[at - 1 : at + 2] == [("sync", "ledger.db.part"), ("name", "ledger.db"), ("sync", "copy")]
    assert {name for what, name in calls if what == "sync"} >= {"genesis.json", "node.toml"}
    calls.clear()
    restore(tmp_path / "copy", tmp_path / "new", release())
    at = calls.index(("name", "ledger.db"))
    assert calls[at - 1 : at + 2] == [("sync", "restored.db"), ("name", "ledger.db"), ("sync", "new")]
    town.consortium.close()
