"""`hansa pay`: payment files for the bank, and its statements matched with what is owed to you."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hansa.cli.common import Desk, Language, desk, now_ms, profile_option, say, yes_option
from hansa.cli.fields import ValueWrong
from hansa.cli.tables import table_output
from hansa.client.files import read_bounded, write_new
from hansa.client.money_words import CAUSES
from hansa.client.pay import errors
from hansa.client.tables import EPOCH, Column, Table
from hansa.client.texts import Text, words_of
from hansa.kernel import Action, limits

if TYPE_CHECKING:
    from hansa.client.happened import Happened

READABLE = 0o644
ACCOUNTS = "accounts.toml"
AT_ONCE = 16
"""Receipts in a transaction: however many obligations each pays, it stays within its bounds."""
OWED = (
    Column("obligation", "编号", "obligation", short=12),
    Column("creditor", "收款单位", "to"),
    Column("cause", "事由", "cause", words=words_of(CAUSES)),
    Column("subject", "协议", "agreement"),
    Column("currency", "币种", "currency", "currency"),
    Column("open_minor", "未付", "open", "money"),
    Column("due_ms", "到期", "due", "time"),
    Column("declared", "已告付款", "declared paid", "flag"),
    Column("reference", "附言号", "reference"),
    Column("zone", "时区", "zone", "zone"),
)

OWING = (OWED[0], Column("debtor", "付款单位", "from"), *OWED[2:])
"""The same, of what is owed to you."""

accounts_option = click.option(
    "--accounts",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default=ACCOUNTS,
    show_default=True,
    help="Bank accounts of you and your partners. 账户文件。",
)


@dataclass(frozen=True)
class AtDesk:
    """The queries of a desk's node."""

    at: Desk

    def all(self, name: str, kind: Any, last: Callable[[Any], str], **arguments: Any) -> list[Any]:
        return self.at.ask_all(name, kind, last, **arguments)

    def one(self, name: str, kind: Any, **arguments: Any) -> Any:
        return self.at.ask(name, kind, **arguments)

    def events(self, room: str) -> Iterator["Happened"]:
        return self.at.events(room)


@click.group()
def pay() -> None:
    """Pay what you owe, and see what was paid to you. 付款与收款。"""


@pay.command("list")
@click.option("--incoming", is_flag=True, help="What is owed to you. 列出应收项。")
@profile_option
@table_output
@click.pass_obj
def list_(lang: Language, incoming: bool, profile_name: str) -> Table:
    """What you owe, by due date: what `hansa pay export` pays. 应付项。"""
    from hansa.cli.zones import zones_of_agreements
    from hansa.client.pay.ledger import owed

    at = desk(lang, profile_name)
    zones = zones_of_agreements(at)
    rows = [
        (
            listed.id,
            listed.obligation.debtor if incoming else listed.obligation.creditor,
            listed.obligation.cause,
            listed.obligation.subject,
            listed.obligation.currency,
            listed.obligation.amount_minor - listed.obligation.paid_minor,
            listed.obligation.due_ms,
            listed.declared is not None,
            listed.obligation.reference,
            zones.get(listed.obligation.subject, ""),
        )
        for listed in owed(AtDesk(at), at.profile.member, to=incoming)
    ]
    title = Text("应收项", "Owed to you") if incoming else Text("应付项", "What you owe")
    return Table(title, OWING if incoming else OWED, rows)


@pay.command()
@click.argument("obligations", nargs=-1)
@click.option("--due-until", help="All that is due until this date (YYYY-MM-DD). 截至该日到期的全部应付项。")
@click.option(
    "--format",
    "form",
    type=click.Choice(["pain001", "csv"]),
    default="pain001",
    show_default=True,
    help="What your bank takes. 文件格式。",
)
@click.option("--version", default="09", show_default=True, help="Of pain.001.001. 版本。")
@click.option("--day", help="Day of execution (YYYY-MM-DD); today by default. 执行日期。")
@click.option("--again", is_flag=True, help="Also what you declared paid already. 含已告付款的应付项。")
@click.option("--output", "-o", type=click.Path(path_type=Path), help="Folder for the files. 输出目录。")
@accounts_option
@profile_option
@table_output
@click.pass_obj
def export(
    lang: Language,
    obligations: tuple[str, ...],
    due_until: str | None,
    form: str,
    version: str,
    day: str | None,
    again: bool,
    output: Path | None,
    accounts: Path,
    profile_name: str,
) -> Table:
    """Write a payment file of OBLIGATIONS, or of all that is due: one file for each currency.

    Only shows what it would pay without --output. 生成付款文件；不带 --output 只列出。
    """
    from hansa.client.pay.accounts import read_accounts
    from hansa.client.pay.ledger import open_item, owed
    from hansa.client.pay.orders import csv_bytes, orders, table_of
    from hansa.client.pay.pain import pain_bytes

    at = desk(lang, profile_name)
    member, now = at.profile.member, now_ms()
    listed = {one.id: one for one in owed(AtDesk(at), member, to=False)}
    for name in obligations:
        if name not in listed:
            raise errors.NotOwed(obligation=name, member=member)
    until_ms = (given_day(due_until) + 1) * limits.DAY_MS if due_until else 0
    chosen = [
        open_item(one)
        for name, one in listed.items()
        if (name in obligations or (not obligations and (not until_ms or one.obligation.due_ms < until_ms)))
        and (again or one.declared is None)
    ]
    on_day = given_day(day) if day else now // limits.DAY_MS
    made = orders(member, chosen, read_accounts(accounts), day=on_day, id=f"HANSA-{now}")
    for order in made if output is not None else ():
        assert output is not None
        data = csv_bytes(order, lang) if form == "csv" else pain_bytes(order, member, now, version)
        file = output / f"{order.id}.{'csv' if form == 'csv' else 'xml'}"
        output.mkdir(parents=True, exist_ok=True)
        write_new(file, data, READABLE)
        say(
            lang,
            f"已写入 {file}（{len(order.payments)} 笔）",
            f"{file}: {len(order.payments)} payments",
            err=True,
        )
    return table_of(made)


@pay.command()
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option(
    "--mapping",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="How a CSV is written: docs/reference/bank-mapping.toml. CSV 的列对应文件。",
)
@click.option("--send", is_flag=True, help="Record what is certain on the ledger. 将确定的收款入账。")
@click.option("--accept", multiple=True, type=int, help="Also this proposal, by its number. 采纳该建议。")
@yes_option
@accounts_option
@profile_option
@table_output
@click.pass_obj
def match(
    lang: Language,
    files: tuple[Path, ...],
    mapping: Path | None,
    send: bool,
    accept: tuple[int, ...],
    yes: bool,
    accounts: Path,
    profile_name: str,
) -> Table:
    """Find what the lines of bank statements pay (camt.052, camt.053, CSV). Records nothing without --send.

    匹配银行流水；不带 --send 只列出结果。
    """
    from hansa.client.pay.accounts import read_accounts
    from hansa.client.pay.ledger import matched

    at = desk(lang, profile_name)
    lines = [line for file in files for line in read_lines(file, mapping)]
    found = matched(AtDesk(at), at.profile.member, lines, read_accounts(accounts), now_ms())
    actions = found.actions(accept)
    if send:
        _send(at, actions, yes)
    else:
        _tell(lang, len(actions), sum(one.outcome == "proposal" for one in found.found) - len(accept))
    return found.table()


def _tell(lang: Language, certain: int, proposals: int) -> None:
    """What a match came to, and what records it."""
    if certain:
        say(lang, f"可入账 {certain} 笔：加 --send。", f"{certain} can be recorded: add --send.", err=True)
    if proposals > 0:
        say(
            lang,
            f"待确认 {proposals} 笔：以 --accept 序号 采纳，不采纳则不入账。",
            f"{proposals} to be decided: --accept NUMBER takes one up, else it is not recorded.",
            err=True,
        )
    if not certain and proposals <= 0:
        say(lang, "没有可入账的流水。", "There is nothing to be recorded.", err=True)


@pay.command()
@click.argument("what", nargs=-1, required=True)
@click.option("--reason", required=True, help="Reason code, such as mistake. 理由代码。")
@click.option(
    "--mapping", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Of a CSV. 对应文件。"
)
@click.option("--send", is_flag=True, help="Undo them on the ledger; else only counted. 执行撤销。")
@yes_option
@profile_option
@click.pass_obj
def undo(
    lang: Language,
    what: tuple[str, ...],
    reason: str,
    mapping: Path | None,
    send: bool,
    yes: bool,
    profile_name: str,
) -> None:
    """Undo receipts: WHAT is an entry's hash, or a bank file, all of whose receipts are undone. 撤销收款。"""
    from hansa.client.pay.ledger import reversals

    at = desk(lang, profile_name)
    entries = [
        entry
        for one in what
        for entry in (
            [line.entry for line in read_lines(Path(one), mapping)] if Path(one).is_file() else [one]
        )
    ]
    actions = reversals(AtDesk(at), at.profile.member, dict.fromkeys(entries), reason)
    say(lang, f"可撤销 {len(actions)} 笔收款。", f"{len(actions)} receipts can be undone.", err=True)
    if send:
        _send(at, actions, yes)


@pay.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def mapping(file: Path) -> None:
    """Print a mapping for a bank's CSV, guessed from its heads, to look through. 按表头生成列对应文件。"""
    from hansa.client.pay.guess import guessed

    click.echo(guessed(_read(file), file.name), nl=False)


def read_lines(file: Path, mapping: Path | None) -> list[Any]:
    """The movements of a bank file, by what it is: XML as camt, all else as CSV by the mapping."""
    from hansa.client.pay.bank_csv import read_csv, read_mapping
    from hansa.client.pay.camt import read_camt

    data = _read(file)
    if data.lstrip(b"\xef\xbb\xbf\xff\xfe \r\n\t\x00").startswith(b"<"):
        return read_camt(data, file.name)
    if mapping is None:
        raise errors.MappingMissing(file=file.name)
    return read_csv(data, read_mapping(mapping), file.name)


def _read(file: Path) -> bytes:
    from hansa.client.pay.bank_csv import FILE_BYTES_MAX

    try:
        return read_bounded(file, FILE_BYTES_MAX)
    except ValueError:
        raise errors.FileTooLarge(file=file.name, limit=FILE_BYTES_MAX) from None
    except OSError as error:
        cause = str(error.strerror)
        raise errors.FileUnreadable(file=file.name, cause_zh=cause, cause_en=cause) from None


def _send(at: Desk, actions: Sequence[Action], yes: bool) -> None:
    """As few transactions as hold them; each is recorded whole or not at all."""
    from hansa.cli.sending import act

    for start in range(0, len(actions), AT_ONCE):
        act(at, actions[start : start + AT_ONCE], dry_run=False, yes=yes, as_json=False, quiet=True)
    say(at.lang, f"已入账 {len(actions)} 笔。", f"{len(actions)} recorded.", err=True)


def given_day(text: str) -> int:
    """Days since the epoch of a date as a user gives it."""
    try:
        return (date.fromisoformat(text) - EPOCH).days
    except ValueError:
        raise ValueWrong(
            name="day", given=text, wanted_zh="日期，如 2026-01-31", wanted_en="a date: 2026-01-31"
        ) from None
