"""Options made from declarations: the fields of an action, the parameters of a query."""

import ast
import inspect
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click
import msgspec
from msgspec import inspect as types

from hansa.client.keyfiles import PublicUnusable, parse_public
from hansa.kernel import encode
from hansa.kernel.limits import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS
from hansa.kernel.refusal import Refusal

LENGTHS_MS = {"d": DAY_MS, "h": HOUR_MS, "m": MINUTE_MS, "s": SECOND_MS}
RESERVED = frozenset({"file", "json", "csv", "xlsx", "yes", "dry_run", "profile", "height", "help"})
"""Options that commands have themselves; a field of that name is given as `--set-NAME`."""
INPUT_BYTES_MAX = 2**20


class ValueWrong(Refusal, code="cli.value_wrong", field="option"):
    zh = "--{name} 的值 {given} 不对：应为{wanted_zh}。"
    en = "{given} is no value of --{name}: it is {wanted_en}."


class FileUnusable(Refusal, code="cli.file_unusable", field="option"):
    zh = "文件 {path} 无法使用：{cause}。请检查路径与内容。"
    en = "The file {path} cannot be used: {cause}. Check its path and its content."


class FileTaken(Refusal, code="cli.file_taken", field="output"):
    zh = "文件 {path} 已存在，未作改动。请换一个文件名，或先把它移走。"
    en = "{path} exists and was not touched. Choose another name, or move it away first."


@dataclass(frozen=True)
class Field:
    """A field as an option: how it is given, what it takes, what it means."""

    name: str
    kind: types.Type
    annotation: str
    """As the source writes it: tells a time from a length of time."""
    doc: str
    required: bool

    @property
    def option(self) -> str:
        name = self.name.replace("_", "-")
        return f"--set-{name}" if self.name in RESERVED else f"--{name}"

    @property
    def parameter(self) -> str:
        """Its name among a command's parameters, which have names of their own."""
        return f"field_{self.name}"

    @property
    def many(self) -> bool:
        """Whether the option is repeated: a list of plain values."""
        return isinstance(self.kind, types.VarTupleType | types.ListType) and _plain(self.kind.item_type)


def fields_of(struct: type[msgspec.Struct]) -> list[Field]:
    """Every field of a Struct, in its order."""
    info = types.type_info(struct)
    assert isinstance(info, types.StructType)
    docs = _declared(struct)
    return [
        Field(
            name=field.encode_name,
            kind=field.type,
            annotation=docs.get(field.name, ("", ""))[0],
            doc=docs.get(field.name, ("", ""))[1],
            required=field.required,
        )
        for field in info.fields
    ]


def options_of(fields: Sequence[Field]) -> list[click.Option]:
    return [
        click.Option(
            [field.option, field.parameter],
            multiple=field.many,
            metavar=metavar(field),
            help=_help(field),
        )
        for field in fields
    ]


def given_values(fields: Sequence[Field], options: dict[str, Any]) -> dict[str, Any]:
    """What the options say, as plain JSON values; left out where not given. Raises ValueWrong."""
    out: dict[str, Any] = {}
    for field in fields:
        given = options.get(field.parameter)
        if given is None or given == ():
            continue
        if field.many:
            item = field.kind.item_type  # type: ignore[attr-defined]
            out[field.name] = [_value(field, item, text) for text in given]
        else:
            out[field.name] = _value(field, field.kind, given)
    return out


def metavar(field: Field) -> str:
    kind = field.kind.item_type if field.many else field.kind  # type: ignore[attr-defined]
    if isinstance(kind, types.LiteralType):
        return "|".join(map(str, kind.values))
    if isinstance(kind, types.BoolType):
        return "true|false"
    if isinstance(kind, types.IntType):
        return {"TimeMs": "TIME", "DurationMs": "LENGTH"}.get(field.annotation, "INTEGER")
    if isinstance(kind, types.BytesType):
        return "PEM|BASE64|@FILE"
    return "TEXT" if isinstance(kind, types.StrType) else "JSON|@FILE"


def _help(field: Field) -> str:
    hints = {
        "TIME": "2026-01-31T08:00+08:00, +30d, or ms. 时刻。",
        "LENGTH": "30d, 12h, 5m, or ms. 时长。",
        "JSON|@FILE": "JSON, or @FILE that holds it. JSON 或 @文件。",
    }
    parts = [field.doc, hints.get(metavar(field), "")]
    if field.required:
        parts.append("[required]")
    return " ".join(part for part in parts if part)


def _plain(kind: types.Type) -> bool:
    return isinstance(kind, types.StrType | types.IntType | types.BytesType | types.LiteralType)


def _value(field: Field, kind: types.Type, text: str) -> Any:
    if isinstance(kind, types.IntType):
        return _integer(field, text)
    if isinstance(kind, types.BoolType):
        if text not in ("true", "false"):
            raise ValueWrong(
                name=field.name, given=text, wanted_zh=" true 或 false", wanted_en="true or false"
            )
        return text == "true"
    if isinstance(kind, types.BytesType):
        return _bytes(field, text)
    if isinstance(kind, types.StrType | types.LiteralType):
        return text
    return _json(field, text)


def _integer(field: Field, text: str) -> int:
    if text.lstrip("-").isdigit() and text.isascii():
        return int(text[:20])
    if field.annotation == "TimeMs":
        return time_ms(text, field.name)
    if field.annotation == "DurationMs" and (length := _length_ms(text)) is not None:
        return length
    raise ValueWrong(name=field.name, given=text, wanted_zh="整数", wanted_en="an integer")


def time_ms(text: str, name: str, zone: str = "") -> int:
    """A moment: ms since the epoch, `+30d` from now, or ISO 8601; without an offset by a zone's clock, else
    UTC. Raises ValueWrong, also for a time that the zone's clock did not show.
    """
    if text.isascii() and text.isdigit():
        return int(text[:20])
    now = datetime.now(UTC)
    if text.startswith("+") and (length := _length_ms(text[1:])) is not None:
        return int((now + timedelta(milliseconds=length)).timestamp() * 1_000)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueWrong(
            name=name,
            given=text,
            wanted_zh="时刻，如 2026-01-31T08:00+08:00、+30d 或毫秒数",
            wanted_en="a time: 2026-01-31T08:00+08:00, +30d or milliseconds",
        ) from None
    if moment.tzinfo is None:
        moment = _local(moment, zone, name, text)
    return int(moment.timestamp() * 1_000)


def _local(moment: datetime, zone: str, name: str, given: str) -> datetime:
    try:
        there = moment.replace(tzinfo=ZoneInfo(zone) if zone else UTC)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        there = moment.replace(tzinfo=UTC)
    if there.astimezone(UTC).astimezone(there.tzinfo).replace(tzinfo=None) != moment:
        raise ValueWrong(
            name=name,
            given=given,
            wanted_zh=f" {zone} 存在的时刻（当天拨快了时钟）",
            wanted_en=f"a time that there is in {zone}, where clocks went forward",
        )
    return there


def _length_ms(text: str) -> int | None:
    number, unit = text[:-1], text[-1:]
    if unit in LENGTHS_MS and number.isascii() and number.isdigit() and len(number) < 8:
        return int(number) * LENGTHS_MS[unit]
    return None


def _bytes(field: Field, text: str) -> str:
    """Base64, as JSON has bytes. A file is taken as it is, but for a public key in PEM."""
    data = read_input(text[1:]) if text.startswith("@") else text.encode()
    try:
        return _base64(parse_public(data.decode("ascii")))
    except (PublicUnusable, UnicodeDecodeError):
        if text.startswith("@"):
            return _base64(data)
    try:
        return _base64(msgspec.convert(text, bytes))
    except msgspec.ValidationError:
        raise ValueWrong(
            name=field.name,
            given=text,
            wanted_zh="公钥（PEM、十六进制或 base64）、base64 或 @文件",
            wanted_en="a public key (PEM, hexadecimal, base64), base64, or @FILE",
        ) from None


def _base64(data: bytes) -> str:
    found: str = msgspec.json.decode(encode(data))
    return found


def _json(field: Field, text: str) -> Any:
    data = read_input(text[1:]) if text.startswith("@") else text.encode()
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        raise ValueWrong(
            name=field.name, given=text[:60], wanted_zh=f" JSON（{error}）", wanted_en=f"JSON ({error})"
        ) from None


def read_input(name: str) -> bytes:
    """A file's content, or standard input for `-`. Raises FileUnusable."""
    try:
        with click.open_file(name, "rb") as file:
            data = file.read(INPUT_BYTES_MAX + 1)
    except OSError as error:
        raise FileUnusable(path=name, cause=str(error)) from None
    if len(data) > INPUT_BYTES_MAX:
        raise FileUnusable(path=name, cause=f"> {INPUT_BYTES_MAX} bytes")
    return bytes(data)


@cache
def _declared(struct: type[Any]) -> dict[str, tuple[str, str]]:
    """Annotation and doc of each field, from the source; nothing where there is none (a made Struct)."""
    out: dict[str, tuple[str, str]] = {}
    for base in reversed(struct.__mro__):
        try:
            tree = ast.parse(textwrap.dedent(inspect.getsource(base)))
        except (OSError, TypeError, SyntaxError):
            continue
        out.update(_fields_in(tree.body[0]))
    return out


def _fields_in(node: ast.stmt) -> Iterator[tuple[str, tuple[str, str]]]:
    body = node.body if isinstance(node, ast.ClassDef) else []
    for position, statement in enumerate(body):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            after = body[position + 1] if position + 1 < len(body) else None
            is_doc = (
                isinstance(after, ast.Expr)
                and isinstance(after.value, ast.Constant)
                and isinstance(after.value.value, str)
            )
            doc = " ".join(after.value.value.split()) if is_doc else ""  # type: ignore[union-attr]
            yield statement.target.id, (ast.unparse(statement.annotation), doc)
