"""`hansa statement html|pdf|journal`: statements on paper, and journal lines for the books."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hansa.cli.common import Desk, Language, desk, now_ms, profile_option, say
from hansa.cli.pay import AtDesk
from hansa.client.files import write_over
from hansa.kernel.refusal import Refusal

if TYPE_CHECKING:
    from hansa.console.statement.paper import Paper

READABLE = 0o644


class PeriodUnknown(Refusal, code="cli.period_unknown", field="period"):
    zh = "协议 {agreement} 没有从 {period} 开始的结算单。已有：{known}。"
    en = "Agreement {agreement} has no statement of a period from {period}. There are: {known}."


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
    """A statement as HTML to print. PERIOD: its first day (YYYY-MM-DD); the latest without. 可打印的结算单。"""
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
    wanted = first_day or max(known, default="")
    if wanted not in known:
        raise PeriodUnknown(agreement=agreement, period=first_day or "—", known=", ".join(known) or "—")
    return known[wanted], wanted


def _write(lang: Language, file: Path, data: bytes) -> None:
    write_over(file, data, READABLE)
    say(lang, f"已写入 {file}", f"{file} is written")
