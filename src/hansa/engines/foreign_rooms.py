"""Rooms from outside: found among installed packages, hashed, checked, and loaded from the bytes checked.

A room is in force where the consortium voted for exactly its name, version and hash (`RoomPin`). Its modules
are run apart from Python's own table of modules: with the few built-in names that rooms may use, and without
compiled files. So several versions of a room lie side by side, and nothing else can slip in under its name.
"""

import builtins
import importlib
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from hansa.apps import rooms
from hansa.engines import room_errors as errors
from hansa.engines.room_check import check
from hansa.engines.room_meter import HELPERS, ITERTOOLS, apart
from hansa.engines.room_names import BUILTINS, read
from hansa.engines.room_package import Package, from_distribution, from_project, installed_packages
from hansa.engines.room_rewrite import rewritten
from hansa.engines.room_types import changeable, faults
from hansa.kernel import Refusal, Registry, Room, RoomPin

RESERVED = ("client", "edge", "engine", "hansa", "kernel", "node", "room")
"""Names that stand at the beginning of codes and tables already."""


@dataclass(frozen=True)
class Found:
    """An installed room, and the room itself or all that keeps it from being loaded."""

    name: str
    package: Package | None
    room: Room | None
    refusals: tuple[Refusal, ...]


def installed(folder: Path | None = None) -> dict[RoomPin, Room]:
    """Every room that may be loaded, of those installed with Hansa and those in folders within `folder`.

    One that may not is left out: a node for which it was voted stops before it and says so.
    """
    return {
        found.package.pin: found.room
        for found in inspect(folder)
        if found.package is not None and found.room is not None
    }


def inspect(folder: Path | None = None) -> list[Found]:
    """Every installed room, with what is wrong where something is."""
    out = []
    for name, distribution, entry in installed_packages(folder):
        try:
            package = from_distribution(distribution, entry)
        except Refusal as refusal:
            out.append(Found(name, None, None, (refusal,)))
            continue
        room, refusals = examine(package)
        out.append(Found(name, package, room, tuple(refusals)))
    return out


def find(place: str, folder: Path | None = None) -> Package:
    """A package by the path of its project, or by the name of an installed room. Raises RoomUnknown."""
    if (Path(place) / "pyproject.toml").is_file():
        return from_project(Path(place))
    for name, distribution, entry in installed_packages(folder):
        if name == place:
            return from_distribution(distribution, entry)
    raise errors.RoomUnknown(name=place)


def examine(package: Package) -> tuple[Room | None, list[Refusal]]:
    """The room, or all that is wrong with it."""
    refusals = check(package)
    if refusals:
        return None, refusals
    try:
        room = load(package)
        check_loaded(room)
    except Refusal as refusal:
        return None, [refusal]
    return room, []


def load(package: Package) -> Room:
    """Run the modules of a package that passed the check; returns its room. Raises LoadFailed.

    Each is run with what it does counted (`room_meter`), as all of its functions are later.
    """
    modules: dict[str, ModuleType] = {}
    program = read(package)

    def module_of(name: str) -> ModuleType:
        if name not in modules:
            modules[name] = module = ModuleType(name)
            module.__dict__["__builtins__"] = {**allowed, "__import__": bring}
            if source := program.sources.get(name):
                where = str(package.folder / source.path)
                exec(compile(rewritten(program, source), where, "exec", dont_inherit=True), module.__dict__)
        return modules[name]

    def bring(name: str, given: Any = None, local: Any = None, wanted: Any = (), level: int = 0) -> Any:
        if name == "itertools":
            return ITERTOOLS
        if name.partition(".")[0] != package.top:
            return importlib.import_module(name)
        module = module_of(name)
        for part in wanted or ():
            if f"{name}.{part}" in program.sources:
                setattr(module, part, module_of(f"{name}.{part}"))
        return module

    allowed = {name: getattr(builtins, name) for name in (*BUILTINS, "__build_class__")} | HELPERS
    entry, _, attribute = package.entry.partition(":")
    try:
        room = getattr(apart(module_of)(entry), attribute)
    except Exception as error:
        raise errors.LoadFailed(name=package.name, detail=f"{type(error).__name__}: {error}") from error
    if not isinstance(room, Room):
        raise errors.LoadFailed(name=package.name, detail=f"{package.entry} is no Room")
    for table in room.tables.values():
        table._older = {kind: apart(upgraded) for kind, upgraded in table._older.items()}
    return room


def check_loaded(room: Room) -> None:
    """What only the types themselves tell. Raises NameTaken, TypeUnfit or LoadFailed."""
    release = rooms.release()
    if room.name in RESERVED or room.name in (shipped.name for shipped in release.rooms):
        raise errors.NameTaken(name=room.name)
    try:
        kinds = [*room.actions, *room.events, *(table.record for table in room.tables.values())]
        kinds += [older for table in room.tables.values() for older in table._older]
        wrong = [fault for kind in kinds for fault in (*faults(kind), *changeable(kind))]
        Registry([*release.rooms, room])
    except Exception as error:
        raise errors.LoadFailed(name=room.name, detail=f"{type(error).__name__}: {error}") from error
    if wrong:
        raise errors.TypeUnfit(name=room.name, detail=wrong[0])
