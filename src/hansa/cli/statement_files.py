"""`hansa statement html|pdf|journal`: statements on paper, and journal lines for the books."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hansa.cli.common import Desk, Language, WrongCommand, desk, now_ms, profile_option, say
from hansa.cli.pay import AtDesk, given_day
from hansa.cli.tables import table_output
from hansa.client.files import write_over
from hansa.client.tables import Table
from hansa.kernel.refusal import Refusal

if TYPE_CHECKING:
    from hansa.console.statement.paper import Paper

READABLE = 0o644


class PeriodUnknown(Refusal, code="cli.period_unknown", field="period"):
    zh = "协议 {agreement} 没有从 {period} 开始的结算单。已有：{known}。"
    en = "Agreement {agreement} has no statement of a period from {period}. There are: {known}."


class NoStatement(Refusal, code="cli.no_statement", field="agreement"):
    zh = "协议 {agreement} 还没有结算单，或者没有这份协议。请用 hansa agreement list 查看。"
    en = "Agreement {agreement} has no statement yet, or there is none such. See `hansa agreement list`."


output_option = click.option(
    "--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="Write it here. 输出文件。"
)
paper_language = click.option(
    "--paper",
    type=click.Choice(["zh", "en"]),
    help="Language of the paper; that of the command by default. 结算单的语言。",
)


@click.command()
@click.argument("agreement")
@click.argument("period", default="")
@paper_language
@output_option
@profile_option
@click.pass_obj
def html(
    lang: Language,
    agreement: str,
    period: str,
    paper: Language | None,
    output: Path | None,
    profile_name: str,
) -> None:
    """A statement as HTML to print. PERIOD: its first day (YYYY-MM-DD); else the latest. 可打印的结算单。"""
    from hansa.console.statement.html import html_text

    made, at, name = _paper(lang, agreement, period, paper or lang, profile_name)
    _write(at.lang, output or Path(f"{name}.html"), html_text(made).encode())


@click.command()
@click.argument("agreement")
@click.argument("period", default="")
@paper_language
@output_option
@profile_option
@click.pass_obj
def pdf(
    lang: Language,
    agreement: str,
    period: str,
    paper: Language | None,
    output: Path | None,
    profile_name: str,
) -> None:
    """A statement as PDF, its letters embedded. PERIOD as in `html`. PDF 结算单（内嵌中文字体）。"""
    from hansa.console.statement.pdf import pdf_bytes

    made, at, name = _paper(lang, agreement, period, paper or lang, profile_name)
    _write(at.lang, output or Path(f"{name}.pdf"), pdf_bytes(made, now_ms()))


def _paper(
    lang: Language, agreement: str, period: str, paper: Language, profile_name: str
) -> tuple["Paper", Desk, str]:
    """The paper, and a name for its file."""
    from hansa.console.statement.case import gather
    from hansa.console.statement.paper import paper as made

    at = desk(lang, profile_name)
    period_ms, first_day = period_of(at, agreement, period)
    found = gather(AtDesk(at), at.profile.chain, agreement, period_ms)
    return made(found, paper), at, f"{agreement}-{first_day}"


def period_of(at: Desk, agreement: str, first_day: str) -> tuple[int, str]:
    """Start of the period that begins on a local date, and that date; of the latest without. Raises
    PeriodUnknown.
    """
    from hansa.apps.billing.messages import Statement
    from hansa.apps.consortium.calendars import date_text

    statements = at.ask("billing.statements_of", list[Statement], agreement=agreement)
    known = {date_text(one.period.first_day): one.period.from_ms for one in statements}
    if not known:
        raise NoStatement(agreement=agreement)
    wanted = first_day or max(known)
    if wanted not in known:
        raise PeriodUnknown(agreement=agreement, period=first_day, known=", ".join(known))
    return known[wanted], wanted


def _write(lang: Language, file: Path, data: bytes) -> None:
    write_over(file, data, READABLE)
    say(lang, f"已写入 {file}", f"{file} is written")


@click.command()
@click.option("--from", "from_", help="First date (YYYY-MM-DD). 起始日期。")
@click.option("--to", help="Last date. 截止日期。")
@click.option(
    "--chart",
    type=click.Choice(["cas", "ifrs"]),
    default="cas",
    show_default=True,
    help="Chart of accounts. 会计科目表。",
)
@click.option(
    "--accounts",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Your own account mapping instead. 本单位的科目对应文件。",
)
@click.option(
    "--accruals/--no-accruals", default=True, help="At month ends, reversed next day. 月末暂估与冲回。"
)
@click.option(
    "--show-chart", is_flag=True, help="Print the mapping, to copy and change. 输出科目对应文件范本。"
)
@click.option(
    "--layout",
    metavar="kingdee|ufida|FILE",
    help="Columns as an accounting program imports them. 按财务软件凭证导入的栏目输出。",
)
@click.option(
    "--show-layout", is_flag=True, help="Print the layout, to copy and change. 输出导入栏目文件范本。"
)
@profile_option
@table_output
@click.pass_obj
def journal(
    lang: Language,
    from_: str | None,
    to: str | None,
    chart: str,
    accounts: Path | None,
    accruals: bool,
    show_chart: bool,
    layout: str | None,
    show_layout: bool,
    profile_name: str,
) -> Table:
    """Journal lines of your company for a span of dates, ready to import. 记账凭证分录。"""
    from hansa.client.accruals import accrued
    from hansa.client.journal import table
    from hansa.client.journal_accounts import chart_text, read_chart
    from hansa.client.journal_layouts import LAYOUTS, laid_out, layout_text, read_layout
    from hansa.client.journal_ledger import gather
    from hansa.client.journal_ledger import journal as made

    if show_chart or show_layout:
        known = layout if layout in LAYOUTS else LAYOUTS[0]
        click.echo(chart_text(chart) if show_chart else layout_text(known), nl=False)
        click.get_current_context().exit(0)
    if from_ is None or to is None:
        raise WrongCommand(text_zh="须有 --from 与 --to。", text_en="give --from and --to.")
    book = read_chart(accounts or chart)
    columns = read_layout(layout if layout in LAYOUTS else Path(layout)) if layout else None
    at = desk(lang, profile_name)
    asks = AtDesk(at)
    accrue = (lambda name, agreement, day: accrued(asks, name, agreement, day)[1]) if accruals else None
    vouchers, by_hand = made(gather(asks, at.profile.member), book, given_day(from_), given_day(to), accrue)
    for what in by_hand:
        say(lang, f"未入账，请手工处理：{what}", f"Not booked, see to it yourself: {what}", err=True)
    waiting = sum(any(entry.role == "to_decide" for entry in voucher.entries) for voucher in vouchers)
    if waiting:
        account = book.accounts.to_decide
        zh = f"{waiting} 张凭证记入“{account.zh}”，摘要写明要认定什么。"
        say(
            lang, zh, f"{waiting} vouchers stand on “{account.en}”; their text says what to decide.", err=True
        )
    return laid_out(vouchers, book, columns, lang) if columns else table(vouchers, book)
