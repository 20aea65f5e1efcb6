"""What Hansa put on a machine, file by file, and its removal: nothing outside the named folders, ever.

Settings and notes go; the ledger and private keys stay unless each is named twice. A file that is not known
to be Hansa's stays and is listed, and so does whatever a link points to.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hansa.node import errors_operate as errors
from hansa.node.backup import ASIDE
from hansa.node.doctor_files import is_held

Kind = Literal["settings", "ledger", "keys", "unknown"]
PRECIOUS: tuple[Kind, ...] = ("ledger", "keys")
"""Kinds that must be named twice."""

_DATABASE = ("", "-wal", "-shm", "-journal")
_KINDS: dict[str, Kind] = {
    "node.toml": "settings",
    "last-backup.json": "settings",
    "genesis.json": "ledger",
    "node.key": "keys",
    "member.key": "keys",
    "default": "settings",
    "profile.json": "settings",
    "read.db": "settings",
    "watch.block": "settings",
    "watch.trace": "settings",
    "watch.trace.last": "settings",
    "scrub.json": "settings",
    "ledger.db": "ledger",
    "restored.db": "ledger",
    "cosignatures.db": "ledger",
    "promises.db": "ledger",
    "outbox.db": "ledger",
    "outbox-archive.jsonl": "ledger",
    # What a key has signed belongs to it: without it the key might sign a height twice.
    "signed.db": "keys",
}
_HALF = re.compile(r"\.(?P<name>.+)\.[0-9a-f]{8}|(?P<part>.+)\.part")
"""What a crash leaves of a file that was being written."""
_ASIDE = re.compile(rf"{ASIDE}-[0-9]{{8}}-[0-9]{{6}}-(?P<name>ledger\.db.*)")
"""A ledger that a restore set aside."""
_FOLDERS: dict[str, Kind] = {"cases": "ledger", "profiles": "settings", "keys": "keys"}
"""Folders of Hansa's, and the kind of the files in them that have no name of their own above."""
DATA_MARKS, HOME_MARKS = ("node.toml", "ledger.db", "genesis.json"), ("profiles", "default")


@dataclass(frozen=True)
class Item:
    path: Path
    kind: Kind
    bytes: int
    goes: bool


@dataclass(frozen=True)
class Plan:
    """What would go and what would stay, folder by folder."""

    folders: tuple[Path, ...]
    items: tuple[Item, ...]

    @property
    def going(self) -> list[Item]:
        return [item for item in self.items if item.goes]

    @property
    def staying(self) -> list[Item]:
        return [item for item in self.items if not item.goes]


def plan(folders: Iterable[Path], also: Sequence[str] = (), really: Sequence[str] = ()) -> Plan:
    """What an uninstall of these folders would do; touches nothing. Raises NotHansas, NodeRuns, NamedOnce."""
    for kind in PRECIOUS:
        if (kind in also) != (kind in really):
            raise errors.NamedOnce(what=kind)
    known = tuple(folder.absolute() for folder in folders)
    for folder in known:
        _check(folder)
    going: set[Kind] = {"settings", *(kind for kind in PRECIOUS if kind in also)}
    items = [
        Item(path, kind, path.lstat().st_size, kind in going)
        for folder in known
        for path, kind in _sorted(folder)
    ]
    return Plan(known, tuple(items))


def carry_out(made: Plan) -> list[Path]:
    """Remove what goes, and folders that are empty then. Returns what was removed. Raises OSError."""
    removed = []
    for item in made.going:
        item.path.unlink(missing_ok=True)
        removed.append(item.path)
    for folder in made.folders:
        for inner in sorted(_own_folders(folder), key=lambda path: len(path.parts), reverse=True):
            if not any(inner.iterdir()):
                inner.rmdir()
                removed.append(inner)
    return removed


def _check(folder: Path) -> None:
    if folder.is_symlink() or not any((folder / mark).exists() for mark in (*DATA_MARKS, *HOME_MARKS)):
        raise errors.NotHansas(path=str(folder))
    if is_held(folder):
        raise errors.NodeRuns(path=str(folder))


def _sorted(folder: Path, kind: Kind = "unknown") -> Iterator[tuple[Path, Kind]]:
    """Every file of a folder with its kind. Folders that are not Hansa's are one unknown item."""
    for path in sorted(folder.iterdir()):
        if path.is_symlink():
            yield path, "unknown"
        elif path.is_dir():
            inner = _folder_kind(path)
            if inner is None:
                yield path, "unknown"
            else:
                yield from _sorted(path, inner)
        else:
            yield path, _file_kind(path, kind)


def _folder_kind(path: Path) -> Kind | None:
    """The kind of a folder's files; each profile is a folder of its own name."""
    if path.parent.name == "profiles":
        return "unknown"
    return _FOLDERS.get(path.name)


def _file_kind(path: Path, inside: Kind) -> Kind:
    plain = _plain(path.name)
    for ending in _DATABASE:
        name = _plain(plain.removesuffix(ending) if ending else plain)
        if name in _KINDS:
            return _KINDS[name]
    of_folder = {"cases": ".json", "keys": ".pem"}.get(path.parent.name, "?")
    return inside if plain.endswith(of_folder) else "unknown"


def _plain(name: str) -> str:
    """The name of what a file is a part or an older copy of; else its own."""
    aside = _ASIDE.fullmatch(name)
    name = aside["name"] if aside else name
    half = _HALF.fullmatch(name)
    return (half["name"] or half["part"]) if half else name


def _own_folders(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        return
    yield folder
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink() and _folder_kind(path) is not None:
            yield from _own_folders(path)
