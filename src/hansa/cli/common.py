"""What commands share: the chosen profile, its node and outbox, words in two languages, rows and JSON."""

import contextlib
import csv
import functools
import io
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click
import msgspec

from hansa.apps.consortium.queries import InForce
from hansa.client import Client, Refused, errors, profiles
from hansa.client.asking import answered
from hansa.client.keyfiles import PrivateKey
from hansa.client.outbox import Outbox, Pen, identity_of, ledger_time_ms
from hansa.client.problems import printable
from hansa.client.profiles import Place, Profile
from hansa.kernel import OptionalId, Registry, Release, encode, replace
from hansa.kernel.refusal import Refusal
from hansa.kernel.registry import QueryArguments

if TYPE_CHECKING:  # Loaded when a node is asked: help is there without it.
    from hansa.client.happened import Happened
    from hansa.client.http import Http
    from hansa.client.trust import Trust

Language = Literal["zh", "en"]
F = TypeVar("F", bound=Callable[..., Any])

OFFLINE = (errors.Unreachable, errors.TimedOut, errors.Busy)
PATIENCE_S = 3
"""How long a command goes on trying a node that is away."""
PAGE = 1_000
"""Items asked for at a time, of lists told in pages."""


class NotConfirmed(Refusal, code="cli.not_confirmed", field="yes"):
    zh = "此操作不可撤销，且没有终端可以确认。请看清以上内容，再加 --yes 执行。"
    en = "This cannot be undone, and there is no terminal to ask. Look at what stands above, then add --yes."


class WrongCommand(Refusal, code="cli.wrong_use", field="option"):
    zh = "命令用法不对：{text_zh}"
    en = "The command cannot be used so: {text_en}"


class NotAnId(Refusal, code="cli.not_an_id", field="option"):
    zh = "“{given}”不是编号：编号由小写字母、数字和 - _ . : 组成，至多 64 个字符。"
    en = "`{given}` is no id: an id has small letters, digits and - _ . : in it, 64 at most."


class NotFound(Refusal, code="cli.not_found", field="option"):
    """What a user names is not there, or is not the only one."""

    zh = "请核对：{text_zh}"
    en = "Check what you named. {text_en}"


profile_option = click.option(
    "--profile", "-p", "profile_name", default="", help="Which profile; else the default one. 使用哪个配置。"
)
json_option = click.option("--json", "as_json", is_flag=True, help="JSON on standard output. 输出 JSON。")
yes_option = click.option("--yes", "-y", is_flag=True, help="Do not ask. 不再询问，直接执行。")
dry_run_option = click.option(
    "--dry-run", is_flag=True, help="Show what would be signed; sign and send nothing. 只显示，不签名不发送。"
)


def acting(command: F) -> F:
    """Options of every command that signs."""
    for option in (json_option, dry_run_option, yes_option, profile_option):
        command = option(command)
    return command


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def say(lang: Language, zh: str, en: str, *, err: bool = False) -> None:
    click.echo(zh if lang == "zh" else en, err=err)


def confirm(lang: Language, zh: str, en: str) -> None:
    """Ask before what cannot be undone. Raises NotConfirmed without a terminal, Abort on a no."""
    if not sys.stdin.isatty():
        raise NotConfirmed()
    click.confirm(zh if lang == "zh" else en, abort=True, err=True)


@dataclass
class Desk:
    """A profile at work: its files, its node, its key. Opens each only when it is asked for."""

    place: Place
    lang: Language

    @cached_property
    def zones(self) -> dict[tuple[str, str, int], str]:
        """Zones by tariff, as far as they were asked for."""
        return {}

    @cached_property
    def profile(self) -> Profile:
        return self.place.profile()

    @cached_property
    def genesis(self) -> bytes:
        return self.place.genesis()

    @cached_property
    def registry(self) -> Registry:
        """What is in force now: the rules, and of the rooms from outside those that are installed here.

        Who does not use a room need not have it. While the node is away, all that is known here: what is put
        into the outbox is signed later.
        """
        try:
            active = self.ask("consortium.active", InForce).active
        except OFFLINE:
            return newest(known_rooms(self.profile.data))
        known = known_rooms(self.profile.data)
        return known.registry(active.rules, tuple(pin for pin in active.rooms if pin in known.foreign))

    @cached_property
    def key(self) -> PrivateKey:
        return self.place.private_key(lambda: passphrase(self.lang))

    @cached_property
    def node(self) -> "Http":
        """The profile's node, of the profile's chain. Raises OtherChain."""
        from hansa.cli.host_check import check_host
        from hansa.client.http import Http
        from hansa.client.operators import is_network
        from hansa.client.several import Other

        profile = self.profile
        node = Http(
            profile.url,
            signer=self.key.signer,
            member=profile.member,
            key=profile.key,
            node=profile.node,
            chain=profile.chain,
            others=tuple(Other(each.url, each.node) for each in profile.others),
            ca=Path(profile.ca) if profile.ca else None,
            allow_plain=profile.allow_plain,
            patience_s=PATIENCE_S,
            lang=self.lang,
        )
        found = identity_of(node.genesis())
        if found != profile.chain:
            raise errors.OtherChain(url=profile.url, found=found[:12], expected=profile.chain[:12])
        if is_network(self.genesis):
            check_host(self, node)
        return node

    @cached_property
    def trust(self) -> "Trust":
        """On a network: what this profile knows of it."""
        from hansa.client.trust import Trust

        return Trust(self.genesis, self.profile.chain, self.place.trusted_file, now_ms)

    @property
    def pen(self) -> Pen:
        return Pen(self.registry, self.profile.key, self.key.signer, now_ms)

    def signing_as(self, key: str, private: PrivateKey) -> "Desk":
        """The same desk with another key of the member."""
        other = Desk(self.place, self.lang)
        other.__dict__.update(profile=replace(self.profile, key=key), key=private)
        return other

    def time_ms(self) -> int:
        """The ledger's time, or this machine's where that is later: by what a user reckons what has ended."""
        return max(now_ms(), ledger_time_ms(self.node, self.profile.chain, self.place.trusted_file))

    def outbox(self) -> Outbox:
        return Outbox(
            self.place.outbox_file,
            chain=self.profile.chain,
            member=self.profile.member,
            trusted=self.place.trusted_file,
        )

    def ask(self, name: str, kind: Any, **arguments: Any) -> Any:
        """A query's answer. Raises NotAnId for a text that can be no id."""
        try:
            return answered(self.node.url, self.node.query(name, encode(arguments)), kind)
        except (Refusal, Refused) as error:
            wrong = [each for each in arguments.values() if isinstance(each, str) and not _may_be_id(each)]
            if code_of(error) == QueryArguments.code and wrong:
                raise NotAnId(given=wrong[0]) from None
            raise

    def ask_all(self, name: str, kind: Any, last: Callable[[Any], str], **arguments: Any) -> list[Any]:
        """The whole of a list that is told in pages; `last` says up to which item one went."""
        found: list[Any] = []
        while True:
            after = last(found[-1]) if found else ""
            page = self.ask(name, list[kind], after=after, limit=PAGE, **arguments)
            found += page
            if len(page) < PAGE:
                return found

    def events(self, room: str) -> Iterator["Happened"]:
        """What happened in a room since founding."""
        from hansa.client.happened import events_by_http

        return events_by_http(self.node.get, room)

    @contextlib.contextmanager
    def client(self) -> Iterator[Client]:
        """A client that signs beside the outbox, which is held meanwhile so that numbers do not collide."""
        from hansa.client.operators import is_network

        with self.outbox() as outbox:
            used = self.ask("consortium.sequence", int, member=self.profile.member, key=self.profile.key)
            yield Client(
                self.node,
                self.registry,
                member=self.profile.member,
                key=self.profile.key,
                signer=self.key.signer,
                clock=now_ms,
                sequence=outbox.next_sequence(self.profile.key, used) - 1,
                trust=self.trust if is_network(self.genesis) else None,
            )


def _may_be_id(text: str) -> bool:
    try:
        msgspec.convert(text, OptionalId)
    except msgspec.ValidationError:
        return False
    return True


def code_of(error: Refusal | Refused) -> str:
    """The code of a refusal, whoever said it."""
    return error.receipt.code if isinstance(error, Refused) else error.code


def desk(lang: Language, profile_name: str) -> Desk:
    """The desk of the named profile. Raises what finding a profile raises."""
    return Desk(profiles.find(profile_name), lang)


def passphrase(lang: Language) -> str:
    """From HANSA_PASSPHRASE, or asked for at a terminal; "" where there is neither."""
    named = os.environ.get("HANSA_PASSPHRASE", "")
    if named or not sys.stdin.isatty():
        return named
    word: str = click.prompt("口令" if lang == "zh" else "Passphrase", hide_input=True, err=True)
    return word


def known_rooms(data: str = "") -> Release:
    """The rooms of this release, and those from outside in the node's data directory or installed."""
    from hansa.apps.rooms import release
    from hansa.engines.foreign_rooms import installed

    return release(installed(Path(data) / "rooms" if data else None))


def offered() -> Registry:
    """Rooms that commands are offered for: all that are here.

    The default profile's data directory is looked into; what is in force the ledger says when it is asked.
    """
    try:
        data = profiles.find().profile().data
    except Refusal:
        data = ""
    return newest(known_rooms(data))


def newest(release: Release) -> Registry:
    """The newest rules, and each room from outside in its newest version."""
    found = {pin.name: pin for pin in sorted(release.foreign, key=lambda pin: pin.version)}
    return release.registry(pins=tuple(found[name] for name in sorted(found)))


# Output.


def show_json(value: Any) -> None:
    """One JSON value; bytes as base64."""
    data = msgspec.json.format(msgspec.json.encode(value), indent=1)
    click.echo(data.decode())


@dataclass(frozen=True)
class Form:
    """How a list is shown: a table for people, CSV on standard output, or a workbook."""

    csv: bool = False
    xlsx: Path | None = None


TABLE = Form()
READABLE = 0o644


def form_options(command: F) -> Any:
    """Options of a list beside --json: `form`."""

    @functools.wraps(command)
    def run(*args: Any, as_csv: bool, xlsx: Path | None, **kwargs: Any) -> Any:
        if as_csv and xlsx is not None:
            raise click.UsageError("--csv, --xlsx: one of them. 只能选一种输出。")
        return command(*args, form=Form(as_csv, xlsx), **kwargs)

    xlsx = click.option(
        "--xlsx",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Write an Excel file. 写成 Excel 文件。",
    )
    return click.option("--csv", "as_csv", is_flag=True, help="CSV on standard output. 输出 CSV。")(xlsx(run))


def show_rows(
    lang: Language,
    heads: Sequence[tuple[str, str]],
    rows: Sequence[Sequence[object]],
    form: Form = TABLE,
    *,
    title: str = "",
) -> None:
    """A table for people; or CSV with the English heads, no text of which is a formula; or a workbook."""
    if form.xlsx is not None:
        _write_rows(lang, heads, rows, form.xlsx)
        return
    if form.csv:
        from hansa.client.tables import harmless

        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow([en for _, en in heads])
        writer.writerows(
            [[harmless(_cell(cell)) if type(cell) is str else _cell(cell) for cell in row] for row in rows]
        )
        click.echo(out.getvalue(), nl=False)
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title or None, title_justify="left")
    for zh, en in heads:
        table.add_column(zh if lang == "zh" else en, overflow="fold")
    for row in rows:
        table.add_row(*(Text(_cell(cell)) for cell in row))
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(table)


def _write_rows(
    lang: Language, heads: Sequence[tuple[str, str]], rows: Sequence[Sequence[object]], path: Path
) -> None:
    from hansa.client.files import write_over
    from hansa.client.tables import Column, Table, xlsx_bytes
    from hansa.client.texts import Text

    numbers = [all(type(row[at]) is int for row in rows) for at in range(len(heads))]
    columns = tuple(
        Column(f"c{at}", zh, en, "count" if numbers[at] else "text") for at, (zh, en) in enumerate(heads)
    )
    cells = [
        [cell if number else _cell(cell) for cell, number in zip(row, numbers, strict=True)] for row in rows
    ]
    write_over(path, xlsx_bytes(Table(Text("清单", "List"), columns, cells), lang), READABLE)
    say(lang, f"已写入 {path}（{len(rows)} 行）", f"{path}: {len(rows)} rows")


def _cell(value: object) -> str:
    if isinstance(value, str):
        return printable(value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "✓" if value else "✗"
    if isinstance(value, int):
        return str(value)
    return printable(msgspec.json.encode(value).decode())


def instant(at_ms: int) -> str:
    """UTC, to the second; "" for none."""
    from datetime import UTC, datetime

    if not at_ms:
        return ""
    return datetime.fromtimestamp(at_ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
