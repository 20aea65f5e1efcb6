"""`hansa evidence get`: the bundle of a statement, from a node in the network."""

from pathlib import Path

import click

from hansa.apps.billing.messages import Statement
from hansa.apps.metering.readings import HeldReadings
from hansa.cli.common import (
    Form,
    Language,
    WrongCommand,
    confirm,
    desk,
    form_options,
    instant,
    json_option,
    profile_option,
    say,
    show_json,
    show_rows,
    yes_option,
)
from hansa.cli.fields import time_ms
from hansa.client.files import write_over
from hansa.kernel import encode

HEADS = (("期初", "from"), ("期末", "to"), ("币种", "currency"), ("含税（最小单位）", "gross_minor"))
READABLE = 0o644


@click.group()
def evidence() -> None:
    """Evidence for people outside: a file that is checked offline (`hansa verify`). 证据包。"""


@evidence.command("list")
@click.argument("agreement")
@json_option
@form_options
@profile_option
@click.pass_obj
def list_(lang: Language, agreement: str, as_json: bool, form: Form, profile_name: str) -> None:
    """Statements of AGREEMENT that evidence can be had of. 可取证据的结算单。"""
    found = desk(lang, profile_name).ask("billing.statements_of", list[Statement], agreement=agreement)
    if as_json:
        show_json(found)
        return
    rows = [[instant(s.period.from_ms), instant(s.period.to_ms), s.currency, s.gross_minor] for s in found]
    show_rows(lang, HEADS, rows, form)


@evidence.command("get")
@click.argument("agreement")
@click.option("--period", default="", help="A moment in it; else the last one. 期内时刻。")
@click.option(
    "--readings",
    multiple=True,
    metavar="OWNER=FILE",
    help="Store of readings at hand, to hand some out. 随附读数的本地库。",
)
@click.option(
    "--checkpoint",
    type=click.IntRange(0, 2**53 - 1),
    default=0,
    metavar="HEIGHT",
    help="On a network: bring the engine's header of this height along. 附上引擎该高度的区块头。",
)
@click.option("--output", "-o", type=click.Path(path_type=Path), required=True, help="Write it here. 输出。")
@yes_option
@profile_option
@click.pass_obj
def get_(
    lang: Language,
    agreement: str,
    period: str,
    readings: tuple[str, ...],
    checkpoint: int,
    output: Path,
    yes: bool,
    profile_name: str,
) -> None:
    """Write the evidence of a statement of AGREEMENT; its records are attested first, in one transaction.

    取得结算单的证据包（先以一笔交易出具记录证明）。
    """
    from hansa.client.evidence import READINGS_IN_BUNDLE_MAX, gather
    from hansa.edge.readings import ReadingStore

    at = desk(lang, profile_name)
    if not yes:
        confirm(lang, "签署一笔出具证明的交易？", "Sign a transaction that has the records attested?")
    found = at.ask("billing.statements_of", list[Statement], agreement=agreement)
    subject = _chosen(found, period, agreement)
    stores: dict[str, HeldReadings] = {}
    for text in readings:
        owner, _, path = text.partition("=")
        if not Path(path).is_file():
            raise WrongCommand(
                text_zh=f"没有读数库 {path}。", text_en=f"There is no store of readings {path}."
            )
        stores[owner] = ReadingStore(Path(path))

    def told(done: int, whole: int) -> None:
        if done % 100 == 0 or done == whole:
            say(lang, f"{done} / {whole}", f"{done} of {whole}", err=True)

    with at.client() as client:
        bundle = gather(client, agreement, subject.period.from_ms, stores, told, checkpoint=checkpoint)
    write_over(output, encode(bundle), READABLE)
    say(
        lang,
        f"证据包：{output}（验证：hansa verify {output} --genesis {at.place.genesis_file}）",
        f"The evidence is in {output}; check it: hansa verify {output} --genesis {at.place.genesis_file}",
    )
    if len(bundle.readings) == READINGS_IN_BUNDLE_MAX:
        say(
            lang,
            f"随附读数以 {READINGS_IN_BUNDLE_MAX} 条为限，本期其余读数（如有）仍由所有方保存，可逐条证明。",
            f"At most {READINGS_IN_BUNDLE_MAX} readings are handed out; others of the period, if any, stay "
            "with their owner, who can prove each.",
            err=True,
        )


def _chosen(found: list[Statement], period: str, agreement: str) -> Statement:
    at_ms = time_ms(period, "period") if period else 0
    for statement in reversed(found):
        if not period or statement.period.from_ms <= at_ms < statement.period.to_ms:
            return statement
    raise WrongCommand(
        text_zh=f"协议 {agreement} 没有这一期的结算单。用 hansa evidence list 查看。",
        text_en=f"Agreement {agreement} has no such statement. See `hansa evidence list {agreement}`.",
    )
