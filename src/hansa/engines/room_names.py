"""What each name in a room's modules stands for. Nothing is run: it is read from the source alone."""

import ast
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from hansa.engines import room_errors as errors
from hansa.engines.room_package import Package
from hansa.kernel import limits
from hansa.kernel.refusal import Refusal

BASES = ("Action", "Event", "Record", "Refusal", "Struct")
KERNEL = {
    **dict.fromkeys(BASES, "base"),
    **dict.fromkeys(
        ("BasisPoints", "CurrencyCode", "DurationMs", "Hash", "Id", "Integer", "KeyId", "LocalDate",
         "MemberId", "Minute", "Natural", "OptionalHash", "OptionalId", "OptionalName", "Positive",
         "RegisteredName", "StateName", "TimeMs", "UnitName"),
        "type",
    ),
    **dict.fromkeys(("digest", "encode", "pack", "replace", "unpack"), "call"),
    "Context": "context",
    "Room": "room type",
    "Table": "table type",
    "due": "due",
    "limits": "limits",
    "since": "mark",
    "until": "mark",
}  # fmt: skip
"""What a room from outside may have of the kernel: not the kernel's own tables, nor the registry."""
STANDARD = {
    "typing": dict.fromkeys(("Final", "Literal"), "type"),
    "collections.abc": dict.fromkeys(("Iterable", "Iterator", "Mapping", "Sequence"), "type"),
    "itertools": dict.fromkeys(("chain", "islice", "pairwise", "zip_longest"), "call"),
}
"""Of rule 11's modules, what cannot run without end and keeps nothing between calls."""
CALLABLE = (
    "abs", "all", "any", "bool", "dict", "divmod", "enumerate", "int", "isinstance", "len", "list", "max",
    "min", "range", "reversed", "sorted", "sum", "tuple", "zip",
)  # fmt: skip
TYPES = ("bool", "bytes", "dict", "int", "list", "object", "str", "tuple")
DEEP_MAX = 100
"""Levels of code within code."""
BUILTINS = tuple(sorted({*CALLABLE, *TYPES}))


@dataclass(frozen=True)
class Meaning:
    """`kind` of what a name stands for; `target` says which: `module:name` in the package, else its name."""

    kind: str
    target: str = ""


LOCAL = Meaning("local")
UNKNOWN = Meaning("unknown")


@dataclass
class Source:
    """A module of the room as it was read."""

    module: str
    path: str
    tree: ast.Module
    defined: dict[str, Meaning] = field(default_factory=dict)
    names: dict[str, Meaning] = field(default_factory=dict)
    """Those defined, and those imported."""


@dataclass
class Program:
    """All modules of a room, and what was found wrong with them."""

    room: str
    sources: dict[str, Source] = field(default_factory=dict)
    fields: set[str] = field(default_factory=set)
    """Names of all fields that values in this room can have."""
    problems: list[Refusal] = field(default_factory=list)
    with_ctx: set[str] = field(default_factory=set)
    """Functions, here and abroad, whose first argument is ctx."""
    listed: set[str] = field(default_factory=set)
    """What the Room(...) lists as its own."""
    calls: dict[str, dict[str, tuple[str, int]]] = field(default_factory=dict)
    """Which function calls which, and where: (path, line)."""

    def meaning(self, source: Source, node: ast.expr) -> Meaning:
        """What a name, or `module.name`, stands for outside of any function."""
        if isinstance(node, ast.Name):
            if node.id in source.names:
                return source.names[node.id]
            return Meaning("builtin", node.id) if node.id in BUILTINS else UNKNOWN
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            of = source.names.get(node.value.id, UNKNOWN)
            if of.kind == "module":
                return self.sources[of.target].defined.get(node.attr, UNKNOWN)
            if of.kind == "interface":
                known = node.attr in exports(of.target)
                return Meaning("abroad", f"{of.target}:{node.attr}") if known else UNKNOWN
            if of.kind == "limits":
                known = node.attr.isupper() and hasattr(limits, node.attr)
                return Meaning("constant", node.attr) if known else UNKNOWN
        return UNKNOWN


def read(package: Package) -> Program:
    """Parse every module and settle its names. What cannot be read or imported is a problem."""
    program = Program(package.name)
    for module, path in package.modules().items():
        try:
            tree = ast.parse(package.files[path], path)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            line = getattr(error, "lineno", 0) or 0
            detail = getattr(error, "msg", "") or str(error) or type(error).__name__
            program.problems.append(errors.SyntaxUnfit(file=path, line=line, detail=detail))
            continue
        if (line := _too_deep(tree)) is not None:
            detail = f"nested more than {DEEP_MAX} deep"
            program.problems.append(errors.SyntaxUnfit(file=path, line=line, detail=detail))
        else:
            program.sources[module] = Source(module, path, tree)
    for source in program.sources.values():
        source.defined = dict(_defined(source))
        program.fields |= fields_of(source.tree)
        program.with_ctx |= {
            f"{source.module}:{node.name}"
            for node in source.tree.body
            if isinstance(node, ast.FunctionDef) and takes_ctx(node)
        }
    for source in program.sources.values():
        _settle(program, source)
    return program


def _too_deep(tree: ast.Module) -> int | None:
    """Where code lies too deep within code. How deep Python can read differs from node to node."""
    nodes: list[tuple[ast.AST, int, int]] = [(tree, 0, 0)]
    for node, deep, line in nodes:
        if deep > DEEP_MAX:
            return line
        at = getattr(node, "lineno", line)
        nodes += [(part, deep + 1, at) for part in ast.iter_child_nodes(node)]
    return None


def _defined(source: Source) -> Iterator[tuple[str, Meaning]]:
    for node in source.tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, Meaning("function", f"{source.module}:{node.name}")
        elif isinstance(node, ast.ClassDef):
            yield node.name, Meaning("class", f"{source.module}:{node.name}")
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if isinstance(target, ast.Name):
                yield target.id, Meaning(_kind(node.value), f"{source.module}:{target.id}")


def _kind(value: ast.expr | None) -> str:
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
        return {"Table": "table", "Room": "room"}.get(value.func.id, "constant")
    if isinstance(value, ast.Subscript) or (
        isinstance(value, ast.BinOp) and isinstance(value.op, ast.BitOr) and _kind(value.left) == "alias"
    ):
        return "alias"
    return "constant"


def _settle(program: Program, source: Source) -> None:
    """The module's names: its own, and what it imports."""
    source.names = dict(source.defined)
    seen: set[str] = set()
    for node in source.tree.body:
        for name in _bound(node):
            if name in seen or name in BUILTINS:
                program.problems.append(
                    errors.NameForbidden(
                        file=source.path,
                        line=node.lineno,
                        name=name,
                        why_zh="同一模块中一个名称只能有一个含义",
                        why_en="a name means one thing in a module",
                    )
                )
            if f"{source.module}.{name}" in program.sources and not _imports(node, source.module):
                program.problems.append(
                    errors.NameForbidden(
                        file=source.path,
                        line=node.lineno,
                        name=name,
                        why_zh="本软件包有同名模块",
                        why_en="a module of this package has it",
                    )
                )
            seen.add(name)
        if not isinstance(node, ast.ImportFrom):
            continue
        for alias in node.names:
            meaning = _imported(program, node, alias.name)
            if meaning is None:
                name = f"{'.' * node.level}{node.module or ''}.{alias.name}"
                program.problems.append(errors.ImportForbidden(file=source.path, line=node.lineno, name=name))
            source.names[alias.asname or alias.name] = meaning or UNKNOWN


def _imports(node: ast.stmt, package: str) -> bool:
    """Whether it brings modules of a package by their own names."""
    alike = isinstance(node, ast.ImportFrom) and all(a.asname in (None, a.name) for a in node.names)
    return alike and isinstance(node, ast.ImportFrom) and node.module == package


def _bound(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.ImportFrom):
        yield from (alias.asname or alias.name for alias in node.names)
    elif isinstance(node, ast.Assign):
        yield from (target.id for target in node.targets if isinstance(target, ast.Name))
    elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        yield node.target.id


def _imported(program: Program, node: ast.ImportFrom, name: str) -> Meaning | None:
    """What an import brings, or None where a room may not have it."""
    module = node.module or ""
    if node.level:
        return None
    inner = f"{module}.{name}"
    if inner in program.sources:
        return Meaning("module", inner)
    if module in program.sources:
        return program.sources[module].defined.get(name)
    if module == "hansa.kernel":
        return Meaning(KERNEL[name], name) if name in KERNEL else None
    if module in STANDARD:
        return Meaning(STANDARD[module][name], name) if name in STANDARD[module] else None
    interface = inner if name == "interface" else module
    if not (interface.startswith("hansa.apps.") and interface.endswith(".interface")):
        return None
    if not (found := exports(interface)):
        return None
    program.fields |= fields_abroad(interface)
    program.with_ctx |= {f"{interface}:{function}" for function, with_ctx in found.items() if with_ctx}
    if interface == inner:
        return Meaning("interface", interface)
    return Meaning("abroad", f"{interface}:{name}") if name in found else None


def fields_of(tree: ast.Module) -> set[str]:
    """Names of the fields that a module's classes declare."""
    return {
        step.target.id
        for node in tree.body
        if isinstance(node, ast.ClassDef)
        for step in node.body
        if isinstance(step, ast.AnnAssign) and isinstance(step.target, ast.Name)
    }


def takes_ctx(function: ast.FunctionDef) -> bool:
    """Whether the first argument is ctx."""
    first = [*function.args.posonlyargs, *function.args.args][:1]
    return [argument.arg for argument in first] == ["ctx"]


@cache
def exports(interface: str) -> dict[str, bool]:
    """Functions that a shipped room's interface defines, each with whether it takes ctx.

    What the interface imports itself, such as its room's tables, is not for others.
    """
    file = _folder(interface) / "interface.py"
    if not file.is_file():
        return {}
    functions = [node for node in ast.parse(file.read_bytes()).body if isinstance(node, ast.FunctionDef)]
    return {node.name: takes_ctx(node) for node in functions if not node.name.startswith("_")}


@cache
def fields_abroad(interface: str) -> frozenset[str]:
    """Fields of all that a shipped room's interface can answer."""
    return frozenset().union(
        *(fields_of(ast.parse(path.read_bytes())) for path in sorted(_folder(interface).glob("*.py")))
    )


def _folder(interface: str) -> Path:
    room = interface.rpartition(".")[0]
    try:
        spec = importlib.util.find_spec(room)
    except ModuleNotFoundError:
        spec = None
    places = list(spec.submodule_search_locations or ()) if spec else []
    return Path(places[0]) if places else Path(room)
