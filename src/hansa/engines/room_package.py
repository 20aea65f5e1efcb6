"""A room from outside as a package: where it is found, which files it is made of, and the hash of them.

The hash, for which the consortium votes, is SHA-256 of the canonical JSON array of [path, SHA-256 of the
file] for every file of the package, sorted by path; paths are relative to the package's folder, with `/`.
Left out are `__pycache__` folders and `.pyc` files, nothing else. What runs are exactly the bytes that were
hashed.
"""

import hashlib
import importlib.util
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, EntryPoint, distributions
from pathlib import Path

from hansa.engines import room_errors as errors
from hansa.kernel import RoomPin, encode

GROUP = "hansa.rooms"
"""Entry points of this group name a room: `visitors = "visitors.contract:ROOM"`."""
FILES_MAX = 200
BYTES_MAX = 2 * 2**20
SUFFIXES = (".py", ".md", ".toml", ".json", ".txt", ".csv", ".typed")
PATH = re.compile(r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*\Z")
ENTRY = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*:[A-Za-z][A-Za-z0-9_]*\Z")
ROOM_NAME = re.compile(r"[a-z][a-z0-9]*\Z")


@dataclass(frozen=True)
class Package:
    """A room's package as it was read: what is checked and run are these files, not those on disk later."""

    name: str
    version: str
    entry: str
    """`module:attribute` of the room."""
    folder: Path
    files: dict[str, bytes]

    @property
    def top(self) -> str:
        """The package's own name, with which its modules begin."""
        return self.entry.partition(":")[0].partition(".")[0]

    @property
    def pin(self) -> RoomPin:
        """What the consortium votes for."""
        listed = [(path, hashlib.sha256(self.files[path]).hexdigest()) for path in sorted(self.files)]
        sha256 = hashlib.sha256(encode(listed)).hexdigest()
        return RoomPin(name=self.name, version=self.version, sha256=sha256)

    def modules(self) -> dict[str, str]:
        """Path of each module's file, by the module's name."""
        found = {}
        for path in sorted(self.files):
            if path.endswith(".py"):
                parts = [self.top, *path.removesuffix(".py").split("/")]
                found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
        return found


def from_project(folder: Path) -> Package:
    """The room that a project folder holds: its pyproject.toml names it. Raises a Refusal of room_errors."""
    file = folder / "pyproject.toml"
    try:
        project = tomllib.loads(file.read_text("utf-8"))["project"]
        version, listed = str(project["version"]), project["entry-points"][GROUP]
        ((name, entry),) = listed.items()
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise errors.ProjectUnfit(file=str(file), detail=str(error)) from None
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise errors.ProjectUnfit(file=str(file), detail=f"{type(error).__name__} {error}") from None
    top = str(entry).partition(":")[0].partition(".")[0]
    for at in (folder / top, folder / "src" / top):
        if at.is_dir():
            return _read(name, version, str(entry), at)
    raise errors.ProjectUnfit(file=str(file), detail=f"no folder {top}")


def from_folder(name: str, entry: str, folder: Path) -> Package:
    """The package in a folder, under no version: to be tried, not to be voted for. Raises as from_project."""
    return _read(name, "0", entry, folder)


def installed_packages(folder: Path | None = None) -> Iterator[tuple[str, Distribution, EntryPoint]]:
    """(name, distribution, entry point) of each room installed with Hansa, or in a folder within `folder`.

    Each folder in `folder` holds one room, as `pip install --target` leaves it: so several versions of a room
    lie side by side, one to replay the past, one that was voted for.
    """
    places: list[list[str] | None] = [None]
    if folder is not None and folder.is_dir():
        places += [[str(path)] for path in sorted(folder.iterdir()) if path.is_dir()]
    for place in places:
        for found in distributions() if place is None else distributions(path=place):
            for entry in found.entry_points:
                if entry.group == GROUP:
                    yield entry.name, found, entry


def from_distribution(found: Distribution, entry: EntryPoint) -> Package:
    """An installed room, read but not imported. Raises a Refusal of room_errors."""
    top = entry.value.partition(":")[0].partition(".")[0]
    folder = Path(str(found.locate_file(top)))
    if not folder.is_dir():
        # An editable install keeps its files elsewhere; a top-level name is found without running anything.
        spec = importlib.util.find_spec(top) if re.fullmatch(r"\w+", top) else None
        places = list(spec.submodule_search_locations or ()) if spec else []
        if not places:
            raise errors.RoomUnknown(name=entry.name)
        folder = Path(places[0])
    return _read(entry.name, found.version, entry.value, folder)


def _read(name: str, version: str, entry: str, folder: Path) -> Package:
    """All files of a package. Raises FileUnfit, TooLarge or ProjectUnfit."""
    if not ENTRY.match(entry) or not ROOM_NAME.match(name):
        raise errors.ProjectUnfit(file=str(folder), detail=f"{name} = {entry!r}")
    files: dict[str, bytes] = {}
    size = 0
    for path in sorted(folder.rglob("*")):
        if "__pycache__" in path.relative_to(folder).parts or path.suffix == ".pyc":
            continue
        shown = path.relative_to(folder).as_posix()
        if path.is_symlink():
            raise errors.FileUnfit(file=shown, detail="symlink")
        if path.is_dir():
            continue
        if not path.is_file() or path.suffix not in SUFFIXES or not PATH.match(shown):
            raise errors.FileUnfit(file=shown, detail=f"name or kind {path.suffix!r}")
        size += path.stat().st_size
        if len(files) == FILES_MAX or size > BYTES_MAX:
            raise errors.TooLarge(files=FILES_MAX, bytes=BYTES_MAX)
        files[shown] = path.read_bytes()
    return Package(name, version, entry, folder, files)
