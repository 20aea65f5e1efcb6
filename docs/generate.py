"""Writes docs/reference/*.md from what the code declares (`make docs`); a test compares the two."""

import ast
import importlib
import inspect
import json
import pkgutil
import re
import textwrap
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import msgspec

import hansa
from hansa.apps.consortium.messages import Genesis
from hansa.apps.rooms import registry
from hansa.cli.main import cli
from hansa.client.bundle import Bundle
from hansa.edge.log_errors import TEXTS
from hansa.kernel import Registry, types
from hansa.kernel.messages import Action, Event, Receipt, Record
from hansa.kernel.refusal import CATALOGUE
from hansa.node.openapi import document
from hansa.node.routes import ENDPOINTS

REFERENCE = Path(__file__).with_name("reference")
HEAD = "<!-- Written by `make docs` from the code; change the code, not this page. -->\n\n"
BASES = {msgspec.Struct, types.Struct, Action, Event, Record}
FILES = (Genesis, Bundle, Receipt)
"""What stands in files and answers."""
CLI_WIDTH = 100


def pages() -> dict[str, str]:
    """File name → text of every generated page."""
    rooms = registry()
    found = {
        "actions.md": actions_page(rooms),
        "events.md": events_page(rooms),
        "records.md": records_page(rooms),
        "queries.md": queries_page(rooms),
        "types.md": types_page(rooms),
        "refusals.md": refusals_page(),
        "limits.md": limits_page(),
        "cli.md": cli_page(),
        "http.md": http_page(rooms),
    }
    out = {name: HEAD + text.rstrip() + "\n" for name, text in found.items()}
    out["openapi.json"] = json.dumps(document(rooms), ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    return out


# One page each.


def actions_page(rooms: Registry) -> str:
    out = [
        "# Actions",
        "What a member may ask for: one or more of these, signed, make a transaction. `_type` names the "
        "action. A field with a default is left out where it has that value. Types: [types.md](types.md); "
        "what can be refused: [refusals.md](refusals.md).",
    ]
    for room in rooms.rooms:
        out.append(f"## {room.name}")
        out += [struct_section(action, f"`{tag_of(action)}`") for action in room.actions]
    return "\n\n".join(out)


def events_page(rooms: Registry) -> str:
    out = [
        "# Events",
        "What happened, for every member and for ever. Each event can be handed to an outsider with a proof "
        "of inclusion. Types: [types.md](types.md).",
    ]
    for room in rooms.rooms:
        out.append(f"## {room.name}")
        out += [struct_section(event, f"`{tag_of(event)}`") for event in room.events]
    return "\n\n".join(out)


def records_page(rooms: Registry) -> str:
    out = [
        "# Records",
        "What lies in the ledger's tables, who may read it and how long it is kept. In this release there is "
        "one class of readers, `members`: all members read all of it. `business` means as long as business "
        "documents must be kept. Types: [types.md](types.md).",
    ]
    for table in rooms.tables.values():
        record = table.record
        key = ", ".join(f"`{part}`" for part in table.key)
        about = f"Key: {key}. Readers: {record.readers}. Kept: {record.retention}. Version {record.version}."
        out.append(struct_section(record, f"`{table.name}`", about))
    return "\n\n".join(out)


def queries_page(rooms: Registry) -> str:
    out = [
        "# Queries",
        "What a client may ask of a node. Queries change nothing. Types: [types.md](types.md), records: "
        "[records.md](records.md).",
    ]
    for room in rooms.rooms:
        rows = []
        for name, query in room.queries.items():
            (node,) = ast.parse(inspect.getsource(query)).body
            assert isinstance(node, ast.FunctionDef)
            assert node.returns is not None
            _, *asked = ast.unparse(node.args).split(", ")
            rows.append((f"`{name}`", code(", ".join(asked)), code(ast.unparse(node.returns)), doc(query)))
        out += [f"## {room.name}", table_text(("query", "asks", "answers", "meaning"), rows)]
    return "\n\n".join(out)


def types_page(rooms: Registry) -> str:
    shown = {
        *rooms.actions,
        *(event for room in rooms.rooms for event in room.events),
        *(table.record for table in rooms.tables.values()),
    }
    every = {part for cls in (*shown, *FILES) for part in parts(cls)}
    out = [
        "# Types",
        "## Plain types",
        "Bounds are checked while a message is decoded, before any rule runs.",
        table_text(("type", "what it takes", "meaning"), [*plain_types(), *named_types(every)]),
        "## Structures",
        "Parts of actions, events, records and files.",
    ]
    inner = sorted(every - shown, key=lambda cls: cls.__name__)
    return "\n\n".join([*out, *(struct_section(cls, f"`{cls.__name__}`") for cls in inner)])


def refusals_page() -> str:
    for found in pkgutil.walk_packages(hansa.__path__, "hansa."):
        importlib.import_module(found.name)
    rows = {
        name: (f"`{kind.field}`", kind.zh, kind.en)
        for name, kind in CATALOGUE.items()
        if kind.__module__.startswith("hansa.")  # rooms of tests have refusals, too
    }
    rows |= {name: ("the mapping's key, or file, line, column", zh, en) for name, (zh, en) in TEXTS.items()}
    out = [
        "# Refusals",
        "Every refusal of Hansa 每一种拒绝: a stable code, the field it concerns, what is wrong and what to "
        "do, in Chinese and English. Words in braces are filled in. Codes stay the same between releases; "
        "texts may change.",
    ]
    for part in sorted({name.split(".")[0] for name in rows}):
        own = [(f"`{name}`", *rows[name]) for name in sorted(rows) if name.split(".")[0] == part]
        out += [f"## {part}", table_text(("code", "field", "zh", "en"), own)]
    return "\n\n".join(out)


def limits_page() -> str:
    out = [
        "# Limits",
        "Each bounds work or memory that somebody could otherwise ask for. Those of kernel and rooms are "
        "part of the rules: members must agree on them.",
    ]
    for title, name in (
        ("Kernel and rooms", "hansa.kernel.limits"),
        ("Log reader", "hansa.edge.log_limits"),
        ("Report", "hansa.console.report.limits"),
    ):
        module = importlib.import_module(name)
        rows = [
            (f"`{limit}`", f"{value:,}" if isinstance(value, int) else str(value), about)
            for limit, about in documented(module)
            if not isinstance(value := getattr(module, limit), ModuleType)
        ]
        out += [f"## {title}", f"`{name}`", table_text(("limit", "value", "meaning"), rows)]
    return "\n\n".join(out)


def cli_page() -> str:
    out = [
        "# Command line",
        "`hansa --lang zh` or `HANSA_LANG=zh` chooses the language of texts. Exit status: 0 done, 1 the "
        "evidence does not hold, 2 refused or called wrongly.",
    ]
    for path, command in commands(cli, "hansa"):
        with click.Context(
            command, info_name=path, terminal_width=CLI_WIDTH, max_content_width=CLI_WIDTH
        ) as ctx:
            out.append(f"## `{path}`\n\n```text\n{command.get_help(ctx)}\n```")
    return "\n\n".join(out)


def commands(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        ctx = click.Context(command)
        for name in command.list_commands(ctx):
            found = command.get_command(ctx, name)
            if found is not None:
                yield from commands(found, f"{path} {name}")


# What the sources say of a structure.


def struct_section(cls: type[Any], title: str, about: str = "") -> str:
    rows = [
        (f"`{name}`", code(kind), code(default), meaning)
        for base in reversed(cls.__mro__)
        if base.__module__.startswith("hansa.") and base not in BASES
        for name, kind, default, meaning in fields(base)
    ]
    body = table_text(("field", "type", "default", "meaning"), rows) if rows else "No fields."
    return "\n\n".join(part for part in (f"### {title}", doc(cls), about, body) if part)


def fields(cls: type[Any]) -> Iterator[tuple[str, str, str, str]]:
    """Name, type, default and meaning of the fields that a structure itself declares."""
    (node,) = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
    assert isinstance(node, ast.ClassDef)
    for item, after in zip(node.body, [*node.body[1:], None], strict=True):
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
            if ast.unparse(item.annotation).startswith("ClassVar"):
                continue
            default = ast.unparse(item.value) if item.value else ""
            yield item.target.id, ast.unparse(item.annotation), default, text_of(after)


def assignments(module: ModuleType) -> Iterator[tuple[ast.Assign, str]]:
    """What a module assigns to names that begin with a capital, in order, with the text below each."""
    body = ast.parse(inspect.getsource(module)).body
    for item, after in zip(body, [*body[1:], None], strict=True):
        name = ast.unparse(item.targets[0]) if isinstance(item, ast.Assign) else ""
        if isinstance(item, ast.Assign) and name[:1].isupper():
            yield item, text_of(after)


def documented(module: ModuleType) -> Iterator[tuple[str, str]]:
    """The names of these, with the text below each."""
    for item, about in assignments(module):
        yield ast.unparse(item.targets[0]), about


def plain_types() -> Iterator[tuple[str, str, str]]:
    for name, about in documented(types):
        kind = getattr(types, name)
        if hasattr(kind, "__metadata__"):
            yield f"`{name}`", f"{kind.__origin__.__name__}, {bounds(kind.__metadata__[0])}", about


def bounds(meta: msgspec.Meta) -> str:
    """What a Meta asks of a value, in words."""
    found = []
    if meta.ge is not None:
        found.append(f"{meta.ge:,} … {meta.le:,}")
    if meta.max_length is not None:
        found.append(f"{meta.min_length or 0} … {meta.max_length} characters")
    if meta.pattern:
        found.append(code(meta.pattern))
    return ", ".join(found)


def named_types(classes: set[type[Any]]) -> Iterator[tuple[str, str, str]]:
    """Names that the rooms give to types of their own, with their source."""
    for module in sorted({cls.__module__ for cls in classes}):
        for item, about in assignments(importlib.import_module(module)):
            name = ast.unparse(item.targets[0])
            if name != name.upper() and module != types.__name__:
                yield f"`{name}`", code(ast.unparse(item.value)), about


@cache
def parts(cls: type[Any]) -> frozenset[type[Any]]:
    """The structure and all structures that its fields hold."""
    found: set[type[Any]] = set()

    def walk(kind: msgspec.inspect.Type) -> None:
        if isinstance(kind, msgspec.inspect.StructType) and kind.cls not in found:
            found.add(kind.cls)
            for field in kind.fields:
                walk(field.type)
        for name in ("item_type", "key_type", "value_type"):
            inner = getattr(kind, name, None)
            if isinstance(inner, msgspec.inspect.Type):
                walk(inner)
        for name in ("types", "item_types"):
            for inner in getattr(kind, name, ()):
                walk(inner)

    walk(msgspec.inspect.type_info(cls))
    return frozenset(found)


# Markdown.


def tag_of(cls: type[Any]) -> str:
    return str(cls.__struct_config__.tag)


def text_of(node: ast.stmt | None) -> str:
    if (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    ):
        return joined(node.value.value)
    return ""


ACCESS = {
    "anyone": "anyone",
    "member": "a member's session",
    "own": "a session of the member whose node it is",
}
"""Who may ask, in words."""


def http_page(rooms: Registry) -> str:
    rows = [
        (f"`{route.method} {route.path}`", route.en, ACCESS[route.access], given(route.parameters))
        for route in ENDPOINTS
    ]
    return "\n\n".join(
        [
            "# HTTP",
            "Every route of a node. The same for programs, with all types and the queries of the rooms one "
            "by one: [openapi.json](openapi.json), which a node also gives under `/v1/openapi.json` for "
            "what is in force there. How to use them: [the HTTP API](../api.md).",
            table_text(("route", "what it does", "who may ask", "parameters"), rows),
            f"`GET /v1/{{room}}/{{query}}` stands for these {len(rooms.queries)}: "
            + ", ".join(f"`{name}`" for name in sorted(rooms.queries))
            + ". Their arguments: [queries.md](queries.md).",
        ]
    )


def given(parameters: type[msgspec.Struct] | None) -> str:
    """The names of a route's parameters."""
    return ", ".join(f"`{field}`" for field in parameters.__struct_fields__) if parameters else ""


def doc(thing: type[Any] | Callable[..., Any]) -> str:
    """Its own docstring, in one line."""
    return joined(thing.__dict__.get("__doc__") or "" if isinstance(thing, type) else thing.__doc__ or "")


def joined(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def code(text: str) -> str:
    return f"`{text}`" if text else ""


def table_text(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    def line(cells: tuple[str, ...]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", "<br>") for cell in cells) + " |"

    return "\n".join([line(heads), "|" + "---|" * len(heads), *map(line, rows)])


def main() -> None:
    REFERENCE.mkdir(exist_ok=True)
    for name, text in pages().items():
        (REFERENCE / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
