"""`hansa statement`: what stands of it, and what a party says of it. Accruals: statement_accrual.py."""

import functools
import hashlib
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hansa.apps.billing.messages import Agreement, Statement
from hansa.apps.billing.messages_life import (
    Concede,
    Concession,
    ConfirmStatement,
    DisputeStatement,
    Invoice,
    Life,
    RecordInvoice,
    RecordRedLetter,
    WithdrawDispute,
)
from hansa.apps.billing.tariff import minor_digits
from hansa.apps.billing.texts import quantity_text, tariff_text
from hansa.cli.common import Desk, Language, WrongCommand, acting, desk, profile_option
from hansa.cli.pay import AtDesk
from hansa.cli.sending import act
from hansa.cli.statement_accrual import accrual
from hansa.cli.statement_files import html, journal, pdf, period_of
from hansa.cli.tables import print_table, table_output
from hansa.cli.zones import zone_of
from hansa.client.accruals import agreements
from hansa.client.standing import STATES, next_due_ms, standing, state_of
from hansa.client.tables import Column, Table
from hansa.client.texts import Text, both, money, period_text
from hansa.kernel import Action
from hansa.kernel.types import INTEGER_MAX

if TYPE_CHECKING:
    from hansa.console.statement.case import Case

DAY = click.DateTime(formats=["%Y-%m-%d"])
EPOCH = date(1970, 1, 1)
GROUNDS_MAX = 20
LISTED = (
    Column("agreement", "协议", "agreement"),
    Column("period", "结算期", "period"),
    Column("provider", "提供方", "provider"),
    Column("user", "使用方", "user"),
    Column("currency", "币种", "currency", "currency"),
    Column("gross_minor", "价税合计", "gross", "money"),
    Column("corrected_minor", "更正", "corrected", "money"),
    Column("state", "状态", "state", words=STATES),
    Column("due_ms", "到期", "due", "time"),
    Column("invoice", "发票", "invoice"),
    Column("zone", "时区", "zone", "zone"),
)
LINES = (
    Column("number", "行", "line", "count"),
    Column("clause", "条款", "clause"),
    Column("text", "内容", "what"),
    Column("quantity", "数量", "quantity"),
    Column("currency", "币种", "currency", "currency"),
    Column("net_minor", "不含税", "net", "money"),
    Column("tax_minor", "税额", "tax", "money"),
    Column("gross_minor", "价税合计", "gross", "money"),
    Column("standing_minor", "现为", "stands at", "money"),
    Column("disputed", "异议", "disputed", "flag"),
)


@click.group()
def statement() -> None:
    """Settlement statements: read, confirm, dispute, correct, book. 结算单：查看、对账、异议、更正、入账。"""


statement_argument = click.argument("agreement")
period_argument = click.argument("period", default="")


@statement.command("list")
@click.option("--agreement", default="", help="Of this agreement only. 只列该协议。")
@click.option("--open", "unsettled", is_flag=True, help="Not settled yet. 只列未结清的。")
@profile_option
@table_output
@click.pass_obj
def list_(lang: Language, agreement: str, unsettled: bool, profile_name: str) -> Table:
    """Statements of your agreements, and what is to be done with each. 结算单一览。"""
    at = desk(lang, profile_name)
    rows = []
    asks, member = AtDesk(at), at.profile.member
    for name, found in chain(agreements(asks, member), agreements(asks, member, shared=True)):
        if agreement in ("", name):
            rows += _rows(at, name, found, unsettled)
    return Table(Text("结算单", "Statements"), LISTED, rows)


def _rows(at: Desk, name: str, of: Agreement, unsettled: bool) -> list[tuple[object, ...]]:
    zone = zone_of(at, of.tariff_owner, of.tariff, of.tariff_version)
    lives = dict(at.ask("billing.lives_of", list[tuple[int, Life]], agreement=name))
    out: list[tuple[object, ...]] = []
    for each in at.ask("billing.statements_of", list[Statement], agreement=name):
        life = lives.get(each.period.from_ms)
        state = state_of(life)
        if unsettled and state in ("settled", "stated"):
            continue
        corrected_minor = life.corrected_gross_minor if life else 0
        number = life.invoice.number if life and life.invoice else ""
        out.append(
            (
                name, period_text(each.period), of.provider, of.user, each.currency, each.gross_minor,
                corrected_minor, state, next_due_ms(life), number, zone,
            )
        )  # fmt: skip
    return out


@statement.command()
@statement_argument
@period_argument
@profile_option
@table_output
@click.pass_obj
def lines(lang: Language, agreement: str, period: str, profile_name: str) -> Table:
    """The lines of a statement. PERIOD: its first day (YYYY-MM-DD); else the latest. 结算单明细。"""
    return _lines(_case(desk(lang, profile_name), agreement, period), lang)


def _lines(case: "Case", lang: Language) -> Table:
    from hansa.apps.billing import lifecycle

    disputed = lifecycle.disputed_lines(case.life) if case.life else ()
    rows = []
    for line in case.statement.lines:
        stands = lifecycle.standing_minor(case.life, line) if case.life else line.gross_minor
        charge = Text(tariff_text(line, "zh"), tariff_text(line, "en"))
        rows.append(
            (
                line.number, line.clause, charge, quantity_text(line)[0],
                case.statement.currency, line.net_minor, line.tax_minor, line.gross_minor, stands,
                line.number in disputed,
            )
        )  # fmt: skip
    title = f"{case.name} {period_text(case.statement.period)}"
    return Table(Text(f"结算单 {title}", f"Statement {title}"), LINES, rows)


@statement.command()
@statement_argument
@period_argument
@profile_option
@click.pass_obj
def show(lang: Language, agreement: str, period: str, profile_name: str) -> None:
    """A statement, how it stands, and what follows if you confirm it. 结算单及其状态。"""
    at = desk(lang, profile_name)
    _show(at, _case(at, agreement, period))


def _show(at: Desk, case: "Case", *, err: bool = False, whole: bool = True) -> None:
    """The statement with all that a person must know before answering it. `whole`: with its lines, and what
    they rest on.
    """
    stated = case.statement
    if whole:
        print_table(_lines(case, at.lang), at.lang, err=err)
        for table in _grounds(case, at.lang):
            print_table(table, at.lang, err=err)
    amounts = (stated.net_minor, stated.tax_minor, stated.gross_minor)
    net, tax, gross = (money(amount, stated.currency) for amount in amounts)
    parties = f"{case.agreement.provider} → {case.agreement.user}"
    told = [
        Text(
            f"{parties}：不含税 {net}，税额 {tax}，合计 {gross}",
            f"{parties}: net {net}, tax {tax}, gross {gross}",
        ),
        *standing(case.agreement, stated, case.life, case.calendar, at.time_ms(), case.corrections),
        Text(f"内容摘要 {case.evidence}", f"digest {case.evidence}"),
    ]
    for text in told:
        click.echo(text.of(at.lang), err=err)


def _grounds(case: "Case", lang: Language) -> list[Table]:
    """What the lines rest on, as far as there is any of it: shares, gaps, low readings, stops, claims, check
    feeds. Of each the first GROUNDS_MAX; the paper has all that the statement tells.
    """
    from hansa.console.statement import paper

    grids = (
        paper.shares_grid, paper.gaps_grid, paper.falls_grid, paper.stops_grid, paper.claims_grid,
        paper.checks_grid,
    )  # fmt: skip
    out = []
    for grid in (each(case, lang) for each in grids):
        if grid.rows:
            kinds = ["count" if at in grid.right else "text" for at in range(len(grid.heads))]
            columns = tuple(
                Column(f"c{at}", head, head, kind)  # type: ignore[arg-type]  # both are kinds
                for at, (head, kind) in enumerate(zip(grid.heads, kinds, strict=True))
            )
            rows: list[tuple[str, ...]] = list(grid.rows[:GROUNDS_MAX])
            if len(grid.rows) > GROUNDS_MAX:
                left = len(grid.rows) - GROUNDS_MAX
                more = f"… 另有 {left} 行，见 html" if lang == "zh" else f"… {left} more: see html"
                rows.append((more, *[""] * (len(columns) - 1)))
            out.append(Table(both(grid.title), columns, rows))
    return out


def _case(at: Desk, agreement: str, period: str) -> "Case":
    from hansa.console.statement.case import gather

    period_ms, _ = period_of(at, agreement, period)
    return gather(AtDesk(at), at.profile.chain, agreement, period_ms)


def answering(command: Callable[..., Action]) -> Callable[..., None]:
    """Shows how the statement stands before anything is asked, then signs what the command says of it."""

    def run(
        lang: Language,
        agreement: str,
        period: str,
        profile_name: str,
        yes: bool,
        dry_run: bool,
        as_json: bool,
        **given: Any,
    ) -> None:
        at = desk(lang, profile_name)
        case = _case(at, agreement, period)
        action = command(case, **given)
        _show(at, case, err=True, whole=not yes)
        currency = case.statement.currency
        act(at, [action], dry_run=dry_run, yes=yes, as_json=as_json, currency=currency)

    named: Callable[..., None] = functools.wraps(command)(run)
    wrapped: Callable[..., None] = acting(click.pass_obj(named))
    return statement_argument(period_argument(wrapped))


reason_option = click.option("--reason", required=True, help="Reason code, for people. 理由代码。")
evidence_option = click.option(
    "--evidence",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file; its SHA-256 is recorded, it stays with you. 证据文件（只记录其摘要）。",
)


@statement.command()
@answering
def confirm(case: "Case") -> Action:
    """Agree to a statement: exactly the one that is shown. 对账确认。"""
    return ConfirmStatement(case.name, case.statement.period.from_ms, case.evidence)


@statement.command()
@click.option("--line", "numbers", type=int, multiple=True, required=True, help="Its number. 行号。")
@reason_option
@evidence_option
@answering
def dispute(case: "Case", numbers: Sequence[int], reason: str, evidence: Path | None) -> Action:
    """Disagree with lines that count against you, and agree to all others. 提出异议。"""
    return DisputeStatement(
        case.name, case.statement.period.from_ms, tuple(numbers), reason, _digest(evidence)
    )


@statement.command()
@answering
def withdraw(case: "Case") -> Action:
    """Agree to the lines that you disputed. 撤回异议。"""
    return WithdrawDispute(case.name, case.statement.period.from_ms)


def _concede(case: "Case", given: Sequence[str], reason: str, evidence: Path | None) -> Action:
    given_up = tuple(_concession(each, case.statement.currency) for each in given)
    return Concede(case.name, case.statement.period.from_ms, given_up, reason, _digest(evidence))


line_option = click.option(
    "--line", "given", multiple=True, required=True, help="`2=12.50`: 12.50 gross of line 2. 行号=价税合计。"
)


@statement.command()
@line_option
@reason_option
@evidence_option
@answering
def concede(case: "Case", given: Sequence[str], reason: str, evidence: Path | None) -> Action:
    """Give up part or all of lines that count for you, in a dispute. 对异议让步。"""
    return _concede(case, given, reason, evidence)


@statement.command()
@line_option
@reason_option
@evidence_option
@answering
def correct(case: "Case", given: Sequence[str], reason: str, evidence: Path | None) -> Action:
    """Correct a statement downwards, disputed or not: a negative statement. 开具更正（负数）结算单。"""
    return _concede(case, given, reason, evidence)


@statement.command()
@click.option("--number", required=True, help="As printed on the invoice. 发票号码。")
@click.option(
    "--kind", type=click.Choice(["fapiao", "en16931"]), default="fapiao", show_default=True,
    help="数电票, or an invoice by EN 16931. 发票种类。",
)  # fmt: skip
@click.option("--date", "issued", type=DAY, required=True, help="Date of issue, YYYY-MM-DD. 开票日期。")
@click.option("--gross", required=True, help="With tax, as printed. 价税合计。")
@click.option("--tax", required=True, help="As printed. 税额。")
@click.option(
    "--file", "original", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=True,
    help="The original; its SHA-256 is recorded. 发票原件（只记录其摘要）。",
)  # fmt: skip
@click.option("--replaces", default="", help="Number recorded before, now replaced. 所替换的号码。")
@answering
def invoice(
    case: "Case",
    number: str,
    kind: Any,
    issued: datetime,
    gross: str,
    tax: str,
    original: Path,
    replaces: str,
) -> Action:
    """Record the invoice that you issued; its amounts must be the statement's. 登记发票。"""
    gross_minor, tax_minor = (_minor(text, case.statement.currency) for text in (gross, tax))
    recorded = Invoice(
        kind=kind,
        number=number,
        issued_day=(issued.date() - EPOCH).days,
        net_minor=gross_minor - tax_minor,
        tax_minor=tax_minor,
        gross_minor=gross_minor,
        sha256=_digest(original),
    )
    return RecordInvoice(case.name, case.statement.period.from_ms, recorded, replaces)


@statement.command("red-letter")
@click.option("--correction", type=int, default=0, help="Which one; else the first that waits. 第几次更正。")
@click.option("--number", required=True, help="红字信息确认单编号; or of the credit note.")
@click.option(
    "--file", "original", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Its original; the SHA-256 is recorded. 原件（只记录其摘要）。",
)  # fmt: skip
@answering
def red_letter(case: "Case", correction: int, number: str, original: Path | None) -> Action:
    """Record the red letter that a correction waits for: then it counts. 登记红字信息确认单。"""
    waiting = (n for n, each in enumerate(case.corrections, 1) if not each.effective_ms)
    chosen = correction or next(waiting, 1)
    return RecordRedLetter(case.name, case.statement.period.from_ms, chosen, number, _digest(original))


def _digest(path: Path | None) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path else ""


def _concession(text: str, currency: str) -> Concession:
    number, _, amount = text.partition("=")
    if not number.isdecimal() or not number.isascii():
        raise WrongCommand(
            text_zh=f"{text} 不是“行号=金额”，例如 --line 2=12.50。",
            text_en=f"{text} is not LINE=AMOUNT, such as --line 2=12.50.",
        )
    return Concession(int(number), _minor(amount, currency))


def _minor(text: str, currency: str) -> int:
    """An amount as people write it, exactly. Raises WrongCommand."""
    try:
        scaled = Decimal(text).scaleb(minor_digits(currency))
    except InvalidOperation:
        scaled = Decimal("NaN")
    if not scaled.is_finite() or scaled != scaled.to_integral_value() or abs(scaled) > INTEGER_MAX:
        raise WrongCommand(
            text_zh=f"{text} 不是 {currency} 的金额。", text_en=f"{text} is no amount of {currency}."
        )
    return int(scaled)


for command in (accrual, html, journal, pdf):
    statement.add_command(command)
