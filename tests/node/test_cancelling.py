"""Long work can be cancelled at any moment by its progress, or by Ctrl-C; then all is as it was before."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from hansa.apps.rooms import release
from hansa.engines import restoring
from hansa.node import errors_operate as errors
from hansa.node.backup import backup, restore
from hansa.node.export import Progress, export, silent, until
from hansa.node.source import in_directory
from tests.node.test_backup import Town, app_hash

Work = Callable[[Town, Path, Progress], object]


def _export(town: Town, folder: Path, progress: Progress) -> object:
    with in_directory(town.directory, release()) as source:
        return export(source, "maker", folder / "out", progress=progress)


def _restore(name: str, *, replace: bool) -> Work:
    def work(town: Town, folder: Path, progress: Progress) -> object:
        into = folder / "there" if replace else folder / "new"
        return restore(folder / name, into, release(), replace=replace, progress=progress)

    return work


WORKS: dict[str, Work] = {
    "backup": lambda town, folder, told: backup(town.directory, folder / "to", release(), progress=told),
    "snapshot": lambda town, folder, told: backup(
        town.directory, folder / "to", release(), snapshot=True, progress=told
    ),
    "restore": _restore("copy", replace=False),
    "restore over one": _restore("copy", replace=True),
    "restore a snapshot over one": _restore("small", replace=True),
    "export": _export,
}


@pytest.fixture
def ground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Town, Path]:
    """A node, a backup, a snapshot and a directory that was restored before."""
    monkeypatch.setattr(restoring, "PAGES_AT_ONCE", 2)
    town, folder = Town(tmp_path / "node"), tmp_path / "work"
    folder.mkdir()
    backup(town.directory, folder / "copy", release())
    backup(town.directory, folder / "small", release(), snapshot=True)
    restore(folder / "copy", folder / "there", release())
    (folder / "there" / "node.toml").unlink()
    town.consortium.close()
    return town, folder


def content(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b""
        for path in folder.rglob("*")
        if not path.name.endswith(("-shm", "-wal"))
    }


@pytest.mark.parametrize("what", WORKS)
def test_at_whatever_step_it_is_cancelled_all_is_as_before(what: str, ground: tuple[Town, Path]) -> None:
    town, folder = ground
    steps: list[int] = []
    before = content(folder)
    for at in range(1_000):
        over, count = threading.Event(), [0]

        def told(*_: object, at: int = at, over: threading.Event = over, count: list[int] = count) -> None:
            count[0] += 1
            if count[0] == at:
                over.set()

        work = until(over, told)
        if at == 0:
            over.set()
        try:
            WORKS[what](town, folder, work)
        except errors.Cancelled:
            steps.append(at)
            assert content(folder) == before, f"cancelled at step {at}"
        else:
            break
    assert len(steps) >= 3
    assert content(folder) != before


@pytest.mark.parametrize("what", WORKS)
def test_ctrl_c_leaves_all_as_before(what: str, ground: tuple[Town, Path]) -> None:
    town, folder = ground
    before = content(folder)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        WORKS[what](town, folder, interrupted)
    assert content(folder) == before


def test_a_backup_in_pieces_is_of_one_instant_while_the_node_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restoring, "PAGES_AT_ONCE", 1)
    town = Town(tmp_path / "node")
    steps: list[tuple[int, int]] = []

    def told(zh: str, en: str, done: int, whole: int) -> None:
        if len(steps) < 10:
            town.work(1)
        steps.append((done, whole))

    made = backup(town.directory, tmp_path / "copy", release(), progress=told)
    assert made.height == 5
    assert town.height == 15
    assert len({whole for _, whole in steps}) == 1
    assert [done for done, _ in steps] == sorted({done for done, _ in steps}), "it never begins again"
    restore(tmp_path / "copy", tmp_path / "new", release())
    assert app_hash(tmp_path / "new") == town.consortium.node.ledger.header(5).header.app_hash
    town.consortium.close()


def test_what_is_not_cancelled_tells_its_progress() -> None:
    told: list[tuple[str, str, int, int]] = []
    until(threading.Event(), lambda *each: told.append(each))("账本", "ledger", 1, 2)
    assert told == [("账本", "ledger", 1, 2)]
    until(threading.Event())("账本", "ledger", 1, 2)
    silent("账本", "ledger", 1, 2)
