"""Rooms from outside: found, hashed, loaded from the bytes that were hashed, in force where voted for."""

import hashlib
import importlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import msgspec
import pytest

from hansa.apps import rooms
from hansa.engines import room_errors as errors
from hansa.engines.foreign_rooms import check_loaded, examine, find, inspect, installed, load
from hansa.engines.replay import Replica
from hansa.engines.room_package import BYTES_MAX, FILES_MAX, Package, from_project
from hansa.engines.trial import Trial
from hansa.kernel import Action, Refusal, Registry, Release, Room, RoomPin
from hansa.kernel.active import RoomMissing
from hansa.kernel.apply import Block
from tests.engines.test_room_check import MESSAGES, package
from tests.kernel.ledger import Ledger
from tests.kernel.test_active import GATEHOUSE, Plan

PROJECT = """
[project]
name = "hansa-tools"
version = "{version}"

[project.entry-points."hansa.rooms"]
tools = "tools.contract:ROOM"
"""


def write(folder: Path, made: Package) -> None:
    for name, data in made.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def project(folder: Path, made: Package) -> Path:
    """A project as its author has it."""
    write(folder / made.top, made)
    (folder / "pyproject.toml").write_text(PROJECT.format(version=made.version), "utf-8")
    return folder


def install(rooms_folder: Path, made: Package) -> Path:
    """What `pip install --target` leaves."""
    folder = rooms_folder / f"{made.name}-{made.version}"
    write(folder / made.top, made)
    about = folder / f"hansa_{made.name}-{made.version}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: hansa-{made.name}\nVersion: {made.version}\n", "utf-8"
    )
    (about / "entry_points.txt").write_text(f"[hansa.rooms]\n{made.name} = {made.entry}\n", "utf-8")
    return folder


def version(made: Package, number: str) -> Package:
    return Package(made.name, number, made.entry, made.folder, made.files)


# Found and hashed.


def test_the_hash_is_that_of_the_list_of_files_and_their_hashes(tmp_path: Path) -> None:
    made = from_project(project(tmp_path, package()))
    paths = sorted(path.name for path in (tmp_path / "tools").iterdir())
    listed = [[path, hashlib.sha256((tmp_path / "tools" / path).read_bytes()).hexdigest()] for path in paths]
    plain = json.dumps(listed, separators=(",", ":")).encode()
    assert made.pin == RoomPin(name="tools", version="1.0", sha256=hashlib.sha256(plain).hexdigest())
    assert paths == ["__init__.py", "contract.py", "errors.py", "messages.py"]


def test_a_changed_added_or_renamed_file_is_another_room_and_compiled_ones_do_not_count(
    tmp_path: Path,
) -> None:
    folder = project(tmp_path, package()) / "tools"
    pins = [from_project(tmp_path).pin]
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "contract.cpython-311.pyc").write_bytes(b"anything")
    assert from_project(tmp_path).pin == pins[0]
    (folder / "note.md").write_text("A note.")
    pins.append(from_project(tmp_path).pin)
    (folder / "note.md").rename(folder / "other.md")
    pins.append(from_project(tmp_path).pin)
    (folder / "other.md").write_text("Another.")
    pins.append(from_project(tmp_path).pin)
    assert len({pin.sha256 for pin in pins}) == 4


def test_an_installed_room_has_the_hash_of_its_project(tmp_path: Path) -> None:
    install(tmp_path / "rooms", package())
    assert [*installed(tmp_path / "rooms")] == [from_project(project(tmp_path / "project", package())).pin]
    assert find("tools", tmp_path / "rooms").pin == find(str(tmp_path / "project")).pin


def test_without_rooms_from_outside_there_are_none(tmp_path: Path) -> None:
    assert installed(tmp_path / "missing") == {}
    assert installed() == {}
    with pytest.raises(errors.RoomUnknown):
        find("tools", tmp_path)


def test_several_versions_lie_side_by_side(tmp_path: Path) -> None:
    second = version(package(more="\n\ndef more(n: int) -> int:\n    return n\n\n"), "2.0")
    for made in (package(), second):
        install(tmp_path, made)
    assert sorted(pin.version for pin in installed(tmp_path)) == ["1.0", "2.0"]
    assert len({pin.sha256 for pin in installed(tmp_path)}) == 2


UNFIT = [
    ("room.file", "tools/fast.so", b"\x7fELF"),
    ("room.file", "tools/with space.md", b"x"),
    ("room.file", "tools/naïve.md", b"x"),
    ("room.too_large", "tools/data.csv", b"x" * (BYTES_MAX + 1)),
    ("room.project", "pyproject.toml", b"[project"),
    ("room.project", "pyproject.toml", b"\xff"),
    ("room.project", "pyproject.toml", b"[project]\nversion = '1'\n"),
    ("room.project", "pyproject.toml", b"project = 1\n"),
    ("room.project", "pyproject.toml", PROJECT.format(version="1").replace("tools =", "Tools =").encode()),
    ("room.project", "pyproject.toml", PROJECT.format(version="1").replace(":ROOM", "").encode()),
    ("room.project", "pyproject.toml", PROJECT.format(version="1").replace("tools.", "none.").encode()),
    ("room.project", "pyproject.toml", (PROJECT + "more = 'a:b'\n").format(version="1").encode()),
]


@pytest.mark.parametrize(("code", "path", "data"), UNFIT, ids=range(len(UNFIT)))
def test_a_package_that_is_none_is_named(code: str, path: str, data: bytes, tmp_path: Path) -> None:
    project(tmp_path, package())
    (tmp_path / path).write_bytes(data)
    with pytest.raises(Refusal) as refusal:
        from_project(tmp_path)
    assert refusal.value.code == code


def test_too_many_files_and_links_are_no_package(tmp_path: Path) -> None:
    folder = project(tmp_path, package()) / "tools"
    for number in range(FILES_MAX):
        (folder / f"n{number}.txt").touch()
    with pytest.raises(errors.TooLarge):
        from_project(tmp_path)
    for number in range(FILES_MAX):
        (folder / f"n{number}.txt").unlink()
    (folder / "link.py").symlink_to(folder / "contract.py")
    with pytest.raises(errors.FileUnfit):
        from_project(tmp_path)


def test_a_bad_package_beside_a_good_one_is_shown_and_left_out(tmp_path: Path) -> None:
    install(tmp_path, package())
    install(tmp_path, version(package(step="while True:\n    pass"), "2.0"))
    (install(tmp_path, version(package(), "3.0")) / "tools" / "fast.so").write_bytes(b"")
    assert [pin.version for pin in installed(tmp_path)] == ["1.0"]
    shown = {found.package.version: found for found in inspect(tmp_path) if found.package}
    assert [refusal.code for refusal in shown["2.0"].refusals] == ["room.while"]
    assert [f.refusals[0].code for f in inspect(tmp_path) if f.package is None] == ["room.file"]


# What runs is what was hashed.


def test_what_runs_are_the_bytes_that_were_hashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = project(tmp_path, package()) / "tools"
    made = from_project(tmp_path)
    (folder / "contract.py").write_text("import os\nROOM = None\n")
    impostor = ModuleType("tools.contract")
    monkeypatch.setitem(sys.modules, "tools.contract", impostor)
    room = load(made)
    assert [action.__name__ for action in room.actions] == ["Lend"]
    assert sys.modules["tools.contract"] is impostor
    assert "tools.messages" not in sys.modules


def test_a_loaded_room_has_the_built_ins_that_rooms_may_use_and_no_more() -> None:
    (handler,) = load(package()).actions.values()
    given = handler.__globals__["__builtins__"]
    assert given["len"] is len
    assert not {"open", "eval", "exec", "getattr", "compile", "float", "type", "print"} & set(given)


def test_a_room_that_cannot_be_loaded_says_why() -> None:
    broken = package(messages=MESSAGES.replace("loans: Natural = 0", "loans: Natural = 1 // 0"))
    with pytest.raises(errors.LoadFailed) as refusal:
        load(broken)
    assert "ZeroDivisionError" in refusal.value.en
    with pytest.raises(errors.NameTaken):
        check_loaded(Room("billing"))


# What a room that passed the check can still do, and what becomes of it.


def trial_of(step: str) -> tuple[Trial, type[Action]]:
    room, refusals = examine(package(step=step))
    assert room is not None, refusals
    return Trial(room), next(iter(room.actions))


HOSTILE = [
    ("kernel.over_budget", "for n in range(100_000):\n    TOOLS.get(ctx, (ctx.member, a.tool))"),
    ("kernel.over_budget", "for n in range(100_000):\n    ctx.emit(Lent(tool=a.tool))"),
    ("kernel.over_budget", "for n in range(100_000):\n    is_member(ctx, a.tool)"),
    ("room.range", "for n in range(10_000_000_000_000):\n    abs(n)"),
    ("room.range", "sum(range(5, 10_000_000_000_000 * 10_000_000_000_000))"),
    ("room.range", "n = 1 in range(100_001)"),
    ("kernel.internal", "n = 1 // a.times"),
    ("kernel.internal", "n = f'{a.tool:d}'"),
    ("kernel.internal", "assert a.times > 5"),
    ("kernel.out_of_range", "TOOLS.put(ctx, (ctx.member, a.tool), Tool(name=a.tool, loans=-1))"),
]


@pytest.mark.parametrize(("code", "step"), HOSTILE, ids=[step for _, step in HOSTILE])
def test_a_room_that_loops_through_ctx_floods_or_raises_is_refused_by_name(code: str, step: str) -> None:
    trial, lend = trial_of(step)
    assert trial.refused("plant", lend(tool="w-17")) == code  # type: ignore[call-arg]
    assert [incident.what for incident in trial.incidents] == ["internal"] * (code == "kernel.internal")
    assert trial.query("tools.known", owner="plant") == []


# In force where it was voted.


def release_with(foreign: dict[RoomPin, Room]) -> Release:
    return Release([*rooms.release().rooms, GATEHOUSE], foreign)


def founded(release: Release, everything: Registry) -> Ledger:
    """A ledger whose chain is that of the release; it can sign any action."""
    ledger = Ledger(everything)
    chain = ledger.replica.chain
    ledger.replica.chain = type(chain)(chain.id, release, chain.verify, rules=1)
    return ledger


def again(ledger: Ledger, release: Release, blocks: Sequence[Block]) -> Replica:
    """Another node executes the same blocks."""
    replica = Replica(ledger.genesis, release)
    for block in blocks:
        replica.execute(block)
    return replica


def test_a_voted_room_is_used_and_every_node_with_exactly_that_package_gets_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lends = "TOOLS.insert(ctx, (ctx.member, a.tool), Tool(name=a.tool))\nctx.emit(Lent(tool=a.tool))"
    install(tmp_path / "one", package(step=lends))
    install(tmp_path / "two", package(step=lends))
    install(tmp_path / "other", package(step=lends, more="\nWEEKS = 2\n\n"))
    here = installed(tmp_path / "one")
    ((pin, room),) = here.items()
    monkeypatch.setattr("tests.kernel.test_active.PIN", pin)
    lend = next(iter(room.actions))
    ledger = founded(release_with(here), Registry([*rooms.registry().rooms, GATEHOUSE, room]))
    made: list[Block] = []
    execute = ledger.replica.execute
    monkeypatch.setattr(ledger.replica, "execute", lambda block: (made.append(block), execute(block))[1])

    early = ledger.wire("plant", lend(tool="w-17"))  # type: ignore[call-arg]
    assert ledger.codes(early) == ["kernel.malformed"]
    ledger.do("maker", Plan(height=3, rules=1, with_visits=True))
    applied = ledger.do("plant", lend(tool="w-17"))  # type: ignore[call-arg]
    assert [msgspec.json.decode(event) for event in applied.events] == [
        {"_type": "tools.lent", "tool": "w-17"}
    ]

    second = again(ledger, release_with(installed(tmp_path / "two")), made)
    assert (second.app_hash, second.state_sum) == (ledger.replica.app_hash, ledger.replica.state_sum)
    for without in (release_with({}), release_with(installed(tmp_path / "other"))):
        with pytest.raises(RoomMissing) as refusal:
            again(ledger, without, made)
        assert f"tools 1.0 ({pin.sha256[:12]}" in refusal.value.en
        assert pin.sha256[:12] in refusal.value.zh


def test_the_example_imports_as_any_package_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its author's tests and tools need no loader."""
    project(tmp_path, package())
    monkeypatch.syspath_prepend(str(tmp_path))
    module = importlib.import_module("tools.contract")
    try:
        assert module.ROOM.name == "tools"
    finally:
        for name in ("", ".contract", ".errors", ".messages"):
            sys.modules.pop(f"tools{name}", None)
