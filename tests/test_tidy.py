"""House rules that a reader relies on, checked over all the code: types, texts, sizes, words, constructs."""

import ast
import importlib
import inspect
import json
import pkgutil
import re
import string
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import msgspec.inspect as types
import pytest

import hansa
from hansa.apps.consortium.messages import Genesis
from hansa.apps.rooms import registry
from hansa.engines.room_rules import STANDARD, forbidden
from hansa.engines.room_types import faults, reached
from hansa.kernel import Action, Event, Natural, Record, evidence, messages, refusal
from hansa.kernel.apply import BlockLeaf

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src"
REGISTRY = registry()

for _module in pkgutil.walk_packages(hansa.__path__, "hansa."):
    importlib.import_module(_module.name)


# Types that travel or are stored: rule 1.

ROOM_TYPES: list[Any] = [
    REGISTRY.body,
    *REGISTRY.actions,
    *(event for room in REGISTRY.rooms for event in room.events),
    *(table.record for table in REGISTRY.tables.values()),
    *(older for table in REGISTRY.tables.values() for older in table._older),
]
KERNEL_TYPES: list[Any] = [
    Genesis,
    BlockLeaf,
    messages.Attested,
    messages.Outcome,
    evidence.Header,
    evidence.SignedHeader,
    evidence.Proof,
]


@pytest.mark.parametrize("kind", [*ROOM_TYPES, *KERNEL_TYPES], ids=lambda kind: kind.__name__)
def test_what_travels_or_is_stored_is_canonical_by_its_type(kind: Any) -> None:
    assert list(faults(kind)) == []


class Apart(Record, version=1):
    """Breaks rule 1 in every way that a type can."""

    size: int
    wide: Annotated[int, msgspec.Meta(ge=0, le=2**60)]
    share: float
    names: list[str]
    free: dict[str, Natural]
    level: Literal[1, 2]
    late: Natural = 7
    made: tuple[str, ...] = msgspec.field(default_factory=lambda: ())


class Loose(msgspec.Struct):
    """Neither frozen nor strict."""

    inner: Natural


def test_the_check_itself_finds_types_that_are_not_canonical() -> None:
    found = list(faults(Apart))
    assert [fault.split()[0] for fault in found] == [
        "Apart.late", "Apart.made", "Apart.size", "Apart.wide", "Apart.share", "Apart.names", "Apart.free",
        "Apart.level",
    ]  # fmt: skip
    assert len(list(faults(Loose))) == 2
    assert list(faults(Genesis)) == []


def test_patterns_end_where_the_text_ends() -> None:
    """`$` alone lets a line feed through."""
    for kind in [*ROOM_TYPES, *KERNEL_TYPES]:
        for way, part in reached(kind):
            if isinstance(part, types.StrType) and part.pattern is not None:
                tried = [text + "\n" for text in ("a", "0" * 64, "A", "unknown", "CNY", "2026-01-01", "")]
                assert not any(re.search(part.pattern, text) for text in tried), way


def test_tags_are_unique_and_name_their_room() -> None:
    tags = [kind.__struct_config__.tag for kind in ROOM_TYPES if issubclass(kind, Action | Event)]
    assert len(tags) == len(set(tags))
    for room in REGISTRY.rooms:
        own = [*room.actions, *room.events]
        for kind in own:
            room_name, _, verb = kind.__struct_config__.tag.partition(".")
            assert room_name in (room.name, "kernel"), kind
            assert verb, kind
        for table in room.tables:
            assert table.startswith(room.name + "."), table


def test_records_say_who_reads_them_and_how_long_they_are_kept() -> None:
    tags = set()
    for table in REGISTRY.tables.values():
        for record in (table.record, *table._older):
            assert record.readers in ("public", "members", "parties"), record
            assert record.retention, record
            assert record.__struct_config__.tag.endswith(f".{record.version}"), record
            tags.add((table.name, record.__struct_config__.tag))
    assert len(tags) == len({name for name, _ in tags}) + sum(
        len(table._older) for table in REGISTRY.tables.values()
    )


# Refusals.

CATALOGUE = [kind for kind in refusal.CATALOGUE.values() if kind.__module__.startswith("hansa.")]


def values_in(text: str) -> set[str]:
    """Names of the values in a text. A value that is itself in a language ends in _zh or _en."""
    names = [name for _, name, _, _ in string.Formatter().parse(text) if name is not None]
    return {re.sub("_(zh|en)$", "", name) for name in names}


@pytest.mark.parametrize("kind", CATALOGUE, ids=lambda kind: kind.code)
def test_every_refusal_says_in_two_languages_what_is_wrong(kind: type[refusal.Refusal]) -> None:
    assert re.fullmatch(r"[a-z]+(\.[a-z0-9_]+)+", kind.code), kind.code
    assert kind.field, "names no field"
    assert re.search(r"[\u4e00-\u9fff]", kind.zh), "has no Chinese text"
    assert re.search(r"[A-Za-z]{3}", kind.en), "has no English text"
    assert not re.search(r"[\u4e00-\u9fff]", kind.en), "has Chinese in its English text"
    assert values_in(kind.zh) == values_in(kind.en)
    assert kind.zh.endswith(("。", "?", "？", "}")), kind.zh
    assert kind.en.endswith((".", "?", "}")), kind.en


def test_the_catalogue_is_not_empty() -> None:
    assert len(CATALOGUE) > 60
    assert len({kind.code for kind in CATALOGUE}) == len(CATALOGUE)


# Files.

PYTHON = sorted(
    path for folder in ("src", "tests", "bench", "examples") for path in (ROOT / folder).rglob("*.py")
)
WORDS = ["TO" + "DO", "FIX" + "ME", "st" + "ub", "place" + "holder"]
FORBIDDEN_WORDS = re.compile(rf"\b({'|'.join(WORDS)})s?\b", re.IGNORECASE)
LINES_MAX = {"examples/check_evidence.py": 695}
"""One file that stands alone, so that a stranger has one thing to read; all others: 500."""


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@pytest.mark.parametrize("path", PYTHON, ids=name_of)
def test_a_file_can_be_read_in_one_sitting(path: Path) -> None:
    text = path.read_text()
    lines = text.splitlines()
    assert len(lines) <= LINES_MAX.get(name_of(path), 500), f"{len(lines)} lines"
    for number, line in enumerate(lines, 1):
        if len(line) > 110:
            shown = re.sub(r"  # (type: ignore|noqa).*", "", line)
            assert len(shown) <= 110, f"line {number} has {len(shown)} characters"
    if path != Path(__file__).resolve():
        found = FORBIDDEN_WORDS.search(text)
        assert found is None, f"line {text.count(chr(10), 0, found.start()) + 1}: {found.group()}"
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            length = node.end_lineno - node.lineno + 1
            assert length <= 60, f"{node.name} has {length} lines"
        if isinstance(node, ast.ExceptHandler):
            empty = all(isinstance(step, ast.Pass) for step in node.body)
            assert not empty, f"line {node.lineno} swallows an error"


MODULES = [path for path in PYTHON if SOURCE in path.parents and path.read_text().strip()]


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_says_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(tree_of(path)), "has no docstring"


@pytest.mark.parametrize("room", REGISTRY.rooms, ids=lambda room: room.name)
def test_every_room_has_the_same_files(room: Any) -> None:
    folder = SOURCE / "hansa" / "apps" / room.name
    for name in ("README.md", "messages.py", "contract.py", "errors.py", "interface.py"):
        assert (folder / name).is_file(), f"{room.name} has no {name}"
    readme = (folder / "README.md").read_text()
    for part in ("State", "Actions", "Events", "Invariant", "Example"):
        assert part in readme, f"{room.name}/README.md says nothing of {part}"
    for tag in (kind.__struct_config__.tag for kind in room.actions):
        assert tag.split(".")[1] in readme, f"{room.name}/README.md does not name {tag}"


# What members must compute alike: rule 11.


def module_name(path: Path) -> str:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


BY_NAME = {module_name(path): path for path in PYTHON if SOURCE in path.parents}


def imported(path: Path) -> list[tuple[str, str]]:
    """(module, name) of every import, resolved to the module that a name is, where it is one."""
    out = []
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            out += [(alias.name, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None
            assert node.level == 0
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                out.append((inner, "") if inner in BY_NAME else (node.module, alias.name))
    return out


def closure(start: str) -> set[str]:
    """The modules of the rooms that a contract is made of."""
    found: set[str] = set()
    todo = [start]
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += [module for module, _ in imported(BY_NAME[name]) if module.startswith("hansa.apps.")]
    return found


CONTRACTS = {room.name: closure(f"hansa.apps.{room.name}.contract") for room in REGISTRY.rooms}
CONTRACT_MODULES = sorted(set().union(*CONTRACTS.values()))
KERNEL_MODULES = sorted(name for name in BY_NAME if name.startswith(("hansa.kernel", "hansa.certificates")))
KERNEL_NEEDS = {
    *STANDARD, "bisect", "collections", "hashlib", "inspect", "struct", "zlib", "msgspec",
    "nacl.bindings", "nacl.exceptions",
}  # fmt: skip
ONLY_IN = {
    "numpy": "hansa.kernel.lthash",
    "numpy.typing": "hansa.kernel.lthash",
    "blake3": "hansa.kernel.lthash",
}


@pytest.mark.parametrize("name", CONTRACT_MODULES)
def test_a_contract_imports_what_the_rule_lists_and_nothing_else(name: str) -> None:
    room = name.split(".")[2]
    for module, what in imported(BY_NAME[name]):
        if module.startswith("hansa.apps."):
            other = module.split(".")[2]
            assert other == room or not touches_state(module) or module.endswith(".interface"), (
                f"{module} belongs to another room and touches its state"
            )
        else:
            allowed = module in STANDARD or module.split(".")[:2] in (
                ["hansa", "kernel"],
                ["hansa", "certificates"],
            )
            assert allowed, f"imports {module} {what}"


def touches_state(module: str) -> bool:
    """Whether a module itself works on tables: then only its own room may use it."""
    return any(what in ("Context", "Table", "KEYS", "WINDOWS") for _, what in imported(BY_NAME[module]))


@pytest.mark.parametrize("name", KERNEL_MODULES)
def test_the_kernel_is_pure(name: str) -> None:
    for module, what in imported(BY_NAME[name]):
        if module in ONLY_IN:
            assert ONLY_IN[module] == name, f"{module} may be used in {ONLY_IN[module]} only"
        else:
            assert module in KERNEL_NEEDS or module.startswith("hansa.kernel"), f"imports {module} {what}"


EXEMPT = {
    "hansa.kernel.refusal": "texts are for people, nothing of them is agreed on",
    "hansa.kernel.messages": "lower() of a class's name, when the module is loaded",
}


@pytest.mark.parametrize("name", [*KERNEL_MODULES, *CONTRACT_MODULES])
def test_nothing_that_members_could_compute_differently(name: str) -> None:
    for node in ast.walk(tree_of(BY_NAME[name])):
        what = forbidden(node, any_text_method=name in EXEMPT)
        assert not what, f"line {getattr(node, 'lineno', '?')}: {what}"


@pytest.mark.parametrize(
    "code",
    ["x = 1.5", "x = a / b", "x /= 2", "x = {1, 2}", "x = {a for a in b}", "x = set(a)", "x = hash(a)",
     "x = id(a)", "x = a.keys() | b", "x = b - a.items()", "x = a.encode('mbcs')", "x = a.split()",
     "x = a.lower()", "x = float(a)", "x = a.strip()", "x = '{}'.format(a)"],
)  # fmt: skip
def test_the_check_itself_finds_what_is_forbidden(code: str) -> None:
    assert any(forbidden(node) for node in ast.walk(ast.parse(code)))


def test_the_check_itself_lets_plain_code_pass() -> None:
    code = "x = a // b\ny = {'a': 1}\nz = a.id\nw = ','.join(b)\nv = a.split('.')[0]\nu = (1, 2).index(1)"
    assert not any(forbidden(node) for node in ast.walk(ast.parse(code)))


def test_the_kernel_names_its_limits_in_one_place() -> None:
    limits = importlib.import_module("hansa.kernel.limits")
    names = [name for name in vars(limits) if name.isupper()]
    assert len(names) > 30
    assert all(isinstance(getattr(limits, name), int) for name in names)
    assert inspect.getdoc(limits)
    assert json.dumps({name: getattr(limits, name) for name in names})
