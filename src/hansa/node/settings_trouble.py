"""What is wrong in a node.toml, in words: which line, which setting, what it may be."""

import difflib
import re
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import msgspec.inspect as types

from hansa.node import errors_settings as errors
from hansa.node.errors import SettingsWrong

PLACE = re.compile(r" - at (?:`key` in )?`\$(\S*?)`$")
UNKNOWN = re.compile(r"unknown field `([^`]*)`")
MISSING = re.compile(r"missing required field `([^`]*)`")
SYNTAX_AT = re.compile(r"\(at line (\d+), column (\d+)\)")
TABLE = re.compile(r"^\s*\[\[?\s*([^\]]+?)\s*\]")
KEY = re.compile(r"""^\s*("[^"]*"|'[^']*'|[A-Za-z0-9_.-]+)\s*(?:\.\s*[A-Za-z0-9_-]+\s*)*=""")


class Words(NamedTuple):
    zh: str
    en: str


PATTERNS = {
    "{40}@": Words(
        "节点标识@主机:端口，标识为 40 位十六进制数字，端口至 65535",
        "ID@HOST:PORT, the id of 40 hexadecimal digits, the port up to 65535",
    ),
    "^https?:": Words("以 http:// 或 https:// 开头的地址", "an address that begins with http:// or https://"),
    "{1,253}:": Words("主机:端口，端口至 65535", "HOST:PORT, the port up to 65535"),
    "{64}": Words("64 位十六进制数字", "64 hexadecimal digits"),
    "_.:-": Words("编号：小写字母、数字和 - _ . :", "an id: small letters, digits and - _ . :"),
}
"""By what stands in a text's pattern; the first that fits."""


def explained(path: Path, error: Exception, kind: type[Any]) -> SettingsWrong:
    """The refusal for what reading a file of settings as `kind` raised. Never raises itself."""
    text = _text(path)
    if isinstance(error, tomllib.TOMLDecodeError):
        at = SYNTAX_AT.search(str(error))
        line = int(at[1]) if at else text.count("\n") + 1
        return errors.SettingsSyntax(path=str(path), line=line, text=_line(text, line), detail=str(error))
    if not isinstance(error, msgspec.ValidationError):
        return SettingsWrong(path=str(path), detail=str(error))
    found = PLACE.search(str(error))
    steps = [step for step in re.split(r"[.\[]", (found[1] if found else "").lstrip(".")) if step]
    names = [step for step in steps if not step.endswith("]")]
    if unknown := UNKNOWN.search(str(error)):
        known = sorted(set(_fields(_type_at(kind, names))) - {"directory"})
        near = difflib.get_close_matches(unknown[1], known, 1)
        return errors.SettingUnknown(
            path=str(path),
            line=_line_of(text, [*names, unknown[1]]),
            key=".".join([*names, unknown[1]]),
            known=", ".join(near or known),
        )
    if missing := MISSING.search(str(error)):
        return errors.SettingMissing(path=str(path), key=".".join([*names, missing[1]]))
    wanted = _wanted(_type_at(kind, steps))
    return errors.SettingWrong(
        path=str(path),
        line=_line_of(text, names),
        key=".".join(names),
        wanted_zh=wanted.zh,
        wanted_en=wanted.en,
    )


# Where it stands.


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _line(text: str, number: int) -> str:
    lines = text.splitlines()
    return lines[number - 1].strip() if 0 < number <= len(lines) else ""


def _line_of(text: str, names: list[str]) -> int:
    """Where a setting (or the deepest table around it) is written; 0 where that is not found."""
    table: list[str] = []
    best, line_found = 0, 0
    for number, line in enumerate(text.splitlines(), 1):
        if head := TABLE.match(line):
            table = _parts(head[1])
            here = table
        elif KEY.match(line):
            here = [*table, *_parts(line.partition("=")[0])]
        else:
            continue
        if here == names[: len(here)] and len(here) > best:
            best, line_found = len(here), number
    return line_found


def _parts(dotted: str) -> list[str]:
    return [part.strip().strip("\"'") for part in dotted.split(".")]


# What it may be.


def _type_at(kind: type[Any], steps: list[str]) -> types.Type | None:
    """The type of a setting; a step that ends in ] is an item of a list."""
    found: types.Type | None = types.type_info(kind)
    for step in steps:
        found = _inner(found, step)
    return found


def _inner(kind: types.Type | None, step: str) -> types.Type | None:
    if isinstance(kind, types.UnionType):
        kind = next((each for each in kind.types if not isinstance(each, types.NoneType)), None)
    if isinstance(kind, types.StructType):
        return next((field.type for field in kind.fields if field.encode_name == step), None)
    if isinstance(kind, types.DictType):
        return kind.key_type if step == "..." else kind.value_type
    return getattr(kind, "item_type", None)


def _fields(kind: types.Type | None) -> list[str]:
    if isinstance(kind, types.UnionType):
        kind = next((each for each in kind.types if isinstance(each, types.StructType)), None)
    return [field.encode_name for field in kind.fields] if isinstance(kind, types.StructType) else []


def _wanted(kind: types.Type | None) -> Words:
    """In words for who writes the file."""
    if isinstance(kind, types.UnionType):
        kind = next((each for each in kind.types if not isinstance(each, types.NoneType)), None)
    if isinstance(kind, types.LiteralType):
        values = [f'"{value}"' for value in kind.values]
        return Words("、".join(values) + " 之一", "one of " + ", ".join(values))
    if isinstance(kind, types.IntType):
        low, high = kind.ge, kind.le
        if high is not None and high < 2**31:
            return Words(f"{low}–{high} 的整数", f"a whole number from {low} to {high}")
        return Words(f"不小于 {low or 0} 的整数", f"a whole number of at least {low or 0}")
    if isinstance(kind, types.BoolType):
        return Words("true 或 false", "true or false")
    if isinstance(kind, types.StrType):
        words = next((words for mark, words in PATTERNS.items() if mark in (kind.pattern or "")), None)
        return words or Words("加引号的文字", "text in quotes")
    if isinstance(kind, types.VarTupleType | types.ListType):
        least = kind.min_length or 0
        if least:
            return Words(f"至少 {least} 项的列表 [ … ]", f"a list [ … ] of {least} or more")
        return Words("列表 [ … ]", "a list [ … ]")
    if isinstance(kind, types.DictType):
        return Words("一个表，键为成员单位编号", "a table whose keys are members' ids")
    return Words("一个表", "a table")
