"""`hansa tx`: any action of any room from the command line, and the outbox behind it."""

import sys
from collections.abc import Sequence
from typing import Any

import click
import msgspec

from hansa.cli.common import (
    TABLE,
    Desk,
    Form,
    Language,
    desk,
    form_options,
    instant,
    json_option,
    offered,
    profile_option,
    say,
    show_json,
    show_rows,
)
from hansa.cli.common import acting as acting_options
from hansa.cli.fields import Field, FileUnusable, fields_of, given_values, options_of, read_input
from hansa.cli.sending import act, follower_of, send, tell_it_may_count
from hansa.client.outbox import Entry, refused_so_far
from hansa.kernel import Action
from hansa.kernel.canonical import Malformed

HEADS = (
    ("编号", "number"),
    ("状态", "state"),
    ("操作", "actions"),
    ("结果", "outcome"),
    ("高度", "height"),
    ("有效至", "valid until"),
    ("交易", "transaction"),
)
ON_LEDGER = (
    ("位置", "place"),
    ("成员单位", "member"),
    ("密钥", "key"),
    ("操作", "actions"),
    ("结果", "outcome"),
    ("交易", "transaction"),
)
STATES = ("queued", "signed", "done", "refused", "dropped")
STATES_ZH = {
    "queued": "待签名",
    "signed": "已签名待结果",
    "done": "已上账",
    "refused": "被拒绝",
    "dropped": "已撤下",
}


class ActionGroup(click.Group):
    """The commands of the outbox, and one for each action of the registry."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), *offered().tags]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        own = super().get_command(ctx, cmd_name)
        if own is not None:
            return own
        action = offered().tags.get(cmd_name)
        return None if action is None else _command(cmd_name, action)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Outbox 发件箱"):
            own = [(name, self.commands[name].get_short_help_str(80)) for name in sorted(self.commands)]
            formatter.write_dl(own)
        with formatter.section("Actions 操作"):
            formatter.write_dl([(tag, _summary(action)) for tag, action in offered().tags.items()])


def _summary(action: type[Action]) -> str:
    return (action.__doc__ or "").strip().split("\n")[0]


@click.group(cls=ActionGroup)
def tx() -> None:
    """Sign and send a transaction: an action of any room, with its fields as options.

    What is signed goes into the outbox first, so that nothing is lost and nothing takes effect twice.
    签名并发送交易：任一操作，字段即选项；先入发件箱，不丢失，不重复生效。
    """


def _command(tag: str, action: type[Action]) -> click.Command:
    fields = fields_of(action)

    def run(profile_name: str, yes: bool, dry_run: bool, as_json: bool, source: str, **options: Any) -> None:
        lang: Language = click.get_current_context().obj
        values = given_values(fields, options)
        if source:
            values = {**_whole(read_input(source), tag), **values}
        act(desk(lang, profile_name), [made(action, values)], dry_run=dry_run, yes=yes, as_json=as_json)

    command = click.Command(tag, callback=run, help=action.__doc__, params=[*options_of(fields), _source()])
    acting_options(run)
    command.params += list(reversed(run.__click_params__))  # type: ignore[attr-defined]
    return command


def _source() -> click.Option:
    return click.Option(
        ["--file", "source"],
        default="",
        help="Fields from a JSON file (- for standard input). 由 JSON 文件给出字段。",
    )


def _whole(data: bytes, tag: str) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(data, type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise FileUnusable(path=tag, cause=str(error)) from None
    if found.pop("_type", tag) != tag:
        raise FileUnusable(path=tag, cause="_type is that of another action")
    return found


def made(action: type[Action], values: dict[str, Any]) -> Action:
    """An action from plain values, checked as a receiver would. Raises Malformed, which names the field."""
    config = action.__struct_config__
    try:
        return msgspec.convert({**values, str(config.tag_field): config.tag}, action, strict=True)
    except (msgspec.ValidationError, RecursionError) as error:
        raise Malformed(detail=str(error)) from None


@tx.command("batch")
@click.argument("file")
@acting_options
@click.pass_obj
def batch(lang: Language, file: str, profile_name: str, yes: bool, dry_run: bool, as_json: bool) -> None:
    """Sign the actions of a JSON FILE (one, or a list) as one transaction: all or none. 一笔交易多个操作。"""
    at = desk(lang, profile_name)
    try:
        found = msgspec.json.decode(read_input(file))
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        raise FileUnusable(path=file, cause=str(error)) from None
    items: Sequence[Any] = found if isinstance(found, list) else [found]
    actions = []
    for item in items:
        tag = item.get("_type", "") if isinstance(item, dict) else ""
        if tag not in at.registry.tags:
            raise FileUnusable(path=file, cause=f"_type {tag!r} is no action")
        actions.append(made(at.registry.tags[tag], item))
    act(at, actions, dry_run=dry_run, yes=yes, as_json=as_json)


@tx.command("list")
@click.option("--state", type=click.Choice(STATES), multiple=True, help="Only these. 只列这些状态。")
@click.option("--ledger", is_flag=True, help="What lies on the ledger instead, newest first. 账本上的交易。")
@click.option("--member", default="", help="On the ledger: of this member only. 账本上：只列该成员单位。")
@click.option("--key", default="", help="On the ledger: signed by this key only. 账本上：只列该密钥所签。")
@click.option("--code", default="", help="On the ledger: with this outcome only. 账本上：只列该结果。")
@click.option("--before", default="", metavar="PLACE", help="On the ledger: before height.index. 早于此处。")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 1_000), help="行数上限。")
@json_option
@form_options
@profile_option
@click.pass_obj
def list_(
    lang: Language,
    /,
    state: tuple[Any, ...],
    ledger: bool,
    limit: int,
    as_json: bool,
    form: Form,
    profile_name: str,
    **chosen: str,
) -> None:
    """What lies in the outbox; or (--ledger) on the ledger, by member, key and outcome. 发件箱或账本内容。"""
    at = desk(lang, profile_name)
    if ledger or any(chosen.values()):
        _show_ledger(lang, at, limit, chosen, as_json, form)
        return
    with at.outbox() as outbox:
        entries = outbox.entries(*state)
    if as_json:
        show_json([entry.as_dict() for entry in entries])
    else:
        show_rows(lang, HEADS, [_row(entry, lang) for entry in entries], form)


def _show_ledger(
    lang: Language, at: Desk, limit: int, chosen: dict[str, str], as_json: bool, form: Form
) -> None:
    given = [("limit", str(limit)), *((name, value) for name, value in chosen.items() if value)]
    found = msgspec.json.decode(at.node.get("/v1/transactions", tuple(given)))
    if as_json:
        show_json(found)
        return
    rows = [
        [f"{one['height']}.{one['index']}", one["member"], one["key"], ", ".join(one["actions"]), one["code"],
         one["transaction"]]
        for one in found["transactions"]
    ]  # fmt: skip
    show_rows(lang, ON_LEDGER, rows, form)
    if form == TABLE:
        say(lang, f"截至区块 {found['height']}。", f"Up to block {found['height']}.", err=True)


def _row(entry: Entry, lang: Language) -> list[object]:
    receipt = entry.receipt
    return [
        entry.number,
        STATES_ZH[entry.state] if lang == "zh" else entry.state,
        ", ".join(str(action["_type"]) for action in entry.actions),
        receipt.code if receipt else "",
        receipt.height if receipt and receipt.height else "",
        instant(entry.valid_until_ms),
        entry.transaction,
    ]


@tx.command()
@click.argument("number", type=int)
@profile_option
@click.pass_obj
def status(lang: Language, number: int, profile_name: str) -> None:
    """All about entry NUMBER, as JSON. 某一项的全部内容。"""
    with desk(lang, profile_name).outbox() as outbox:
        entry = outbox.entry(number)
    show_json(entry.as_dict())
    if entry.receipt is not None and entry.receipt.code != "ok":
        say(lang, entry.receipt.zh, entry.receipt.en, err=True)


@tx.command()
@click.argument("number", type=int)
@profile_option
@click.pass_obj
def drop(lang: Language, number: int, profile_name: str) -> None:
    """Give up entry NUMBER; refused while it may still take effect. 撤下某一项；可能生效时不予撤下。"""
    at = desk(lang, profile_name)
    with at.outbox() as outbox:
        entry = outbox.entry(number)
        if entry.state == "signed" and entry.sent:
            with follower_of(at) as follower:
                outbox.drop(number, at.node, follower)
        else:
            outbox.drop(number)
    say(lang, f"已撤下第 {number} 项。", f"Entry {number} is dropped.")


@tx.command("send")
@json_option
@profile_option
@click.pass_obj
def send_(lang: Language, as_json: bool, profile_name: str) -> None:
    """Send what waits, and find out what became of it. Ctrl-C stops between two requests. 发送待发项。"""
    at = desk(lang, profile_name)
    with at.outbox() as outbox:
        before = {entry.number for entry in outbox.entries("queued", "signed")}
        send(at, outbox, progress=_progress(lang))
        standing = outbox.standing()
        refused = [entry for entry in outbox.entries("refused") if entry.number in before]
        waiting = [entry for entry in outbox.entries("signed") if refused_so_far(entry) is not None]
    if as_json:
        show_json(standing)
    else:
        say(
            lang,
            f"已上账 {standing.done}，被拒绝 {standing.refused}，待结果 {standing.waiting}，"
            f"待签名 {standing.queued}",
            f"done {standing.done}, refused {standing.refused}, waiting {standing.waiting}, "
            f"queued {standing.queued}",
        )
    for entry in [*refused, *waiting]:
        assert entry.receipt is not None
        zh, en = entry.receipt.zh, entry.receipt.en
        say(lang, f"第 {entry.number} 项：{zh}", f"Entry {entry.number}: {en}", err=True)
    for entry in waiting:
        tell_it_may_count(lang, entry)
    sys.exit(2 if refused or waiting else 0)


def _progress(lang: Language) -> Any:
    def tell(done: int, whole: int) -> None:
        if whole > 1:
            say(lang, f"{done} / {whole}", f"{done} of {whole}", err=True)

    return tell


@tx.command()
@click.argument("file", type=click.File("wb"))
@profile_option
@click.pass_obj
def export(lang: Language, file: Any, profile_name: str) -> None:
    """Write all entries, receipts and acknowledgements to FILE as JSON lines. 导出发件箱与回执。"""
    with desk(lang, profile_name).outbox() as outbox:
        for line in outbox.export():
            file.write(line + b"\n")


__all__ = ["Field", "made", "tx"]
