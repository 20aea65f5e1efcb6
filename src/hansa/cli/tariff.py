"""`hansa tariff`: sheets to begin with, whether one's own can be agreed on, and what is published."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from hansa.apps.billing.listing import ListedTariff
from hansa.apps.billing.tariff import Tariff
from hansa.cli.common import Desk, Language, acting, desk, profile_option, say
from hansa.cli.sending import act
from hansa.cli.tables import print_table, table_output
from hansa.client.agreement_words import terms_in_words
from hansa.client.tables import Column, Table
from hansa.client.tariff_templates import FileThere, FileUnwritable, template, templates
from hansa.client.texts import Text

READABLE = 0o644
PURPOSES = {"trade_settlement": Text("贸易结算", "settlement"), "internal": Text("内部核算", "internal")}
PERIODS = {"month": Text("月", "month"), "week": Text("周", "week"), "day": Text("日", "day")}
ELEMENTS = {
    "usage": Text("用量", "usage"),
    "fixed": Text("固定费用", "fixed"),
    "minimum": Text("最低收费", "minimum"),
    "cap": Text("封顶", "cap"),
    "demand": Text("需量电费", "demand charge"),
    "power_factor": Text("功率因数调整", "power factor adjustment"),
    "series": Text("分时价格序列", "price series"),
    "take_or_pay": Text("照付不议", "take-or-pay"),
    "discount": Text("折扣", "discount"),
    "availability": Text("可用率扣减", "availability credit"),
    "scrap_credit": Text("废品扣减", "scrap credit"),
    "down_payment": Text("首付款", "down payment"),
    "split": Text("收入分成", "revenue split"),
    "tax": Text("税", "tax"),
    "terms": Text("条款", "terms"),
}
TEMPLATES = (
    Column("name", "模板", "template"),
    Column("title", "用于", "for"),
    Column("kinds", "要素", "elements", words=ELEMENTS),
)
PUBLISHED = (
    Column("owner", "发布方", "owner"),
    Column("tariff", "资费", "tariff"),
    Column("version", "版本", "version", "count"),
    Column("name", "表名", "sheet"),
    Column("purpose", "用途", "purpose", words=PURPOSES),
    Column("currency", "币种", "currency", "currency"),
    Column("period", "结算期", "period", words=PERIODS),
    Column("calendar", "日历", "calendar"),
)
CLAUSES = (
    Column("clause", "条款", "clause"),
    Column("kind", "要素", "element", words=ELEMENTS),
    Column("says", "内容", "what it says"),
)


@click.group()
def tariff() -> None:
    """Tariff sheets: templates, a check of your own, what is published. 资费表：模板、检查、发布。"""


@tariff.command("list")
@table_output
@click.pass_obj
def list_(lang: Language) -> Table:
    """Templates to begin with. 资费模板。"""
    rows = tuple((found.name, found.title, found.kinds) for found in templates())
    return Table(Text("资费模板", "Tariff templates"), TEMPLATES, rows)


@tariff.command("show")
@click.argument("name")
def show(name: str) -> None:
    """A template as it stands. 显示模板。"""
    click.echo(template(name).data.decode(), nl=False)


@tariff.command("new")
@click.argument("name")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.pass_obj
def new(lang: Language, name: str, file: Path) -> None:
    """Copy a template into a file of your own. 由模板新建资费表。"""
    from hansa.client.files import write_new

    data = template(name).data
    try:
        write_new(file, data, READABLE)
    except FileExistsError:
        raise FileThere(file=str(file)) from None
    except OSError as error:
        raise FileUnwritable(file=str(file), detail=error.strerror or type(error).__name__) from None
    click.echo(
        f"已写入 {file}。修改后运行：hansa tariff check {file}"
        if lang == "zh"
        else f"{file} is written. Edit it, then: hansa tariff check {file}"
    )


@tariff.command("check")
@click.argument("file", type=click.Path(path_type=Path))
@table_output
@click.pass_obj
def check(lang: Language, file: Path) -> Table:
    """Whether a sheet can be agreed on, and what it says. 检查资费表。"""
    from hansa.apps.billing.sheet import read_sheet

    sheet = read_sheet(file)
    name = f"{sheet.tariff.name} ({sheet.tariff.currency})"
    made = clauses(sheet.tariff, Text(f"资费表 {name} 无误", f"Tariff {name} is sound"))
    terms = [("", "terms", text) for text in terms_in_words(sheet.terms)]
    return replace(made, rows=(*made.rows, *terms))


def clauses(tariff: Tariff, title: Text) -> Table:
    """What a tariff says, clause by clause, and its taxes."""
    from hansa.simulation.tariff_lines import tariff_lines

    said = [Text(*pair) for pair in tariff_lines(tariff)]
    kinds = [(each.clause, each.__struct_config__.tag) for each in tariff.elements]
    rows: list[tuple[Any, ...]] = [(*kind, says) for kind, says in zip(kinds, said, strict=False)]
    rows.append(("", "tax", said[-1]))
    return Table(title, CLAUSES, rows)


@tariff.command("publish")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--id", "name", default="", help="Else the sheet's name. 资费编号；默认为表名。")
@click.option("--version", type=click.IntRange(1), help="Else the next one. 版本；默认为下一版。")
@click.option(
    "--calendar", default="", metavar="[OWNER/]ID", help="A published one; else the sheet's own. 所用日历。"
)
@acting
@click.pass_obj
def publish(
    lang: Language,
    /,
    file: Path,
    name: str,
    version: int | None,
    calendar: str,
    profile_name: str,
    **how: Any,
) -> None:
    """Publish a sheet as your tariff, with its calendar; it never changes, a new one is a new version.

    发布资费表（连同其日历）。发布后不可更改，改动须发新版。
    """
    from hansa.apps.billing.sheet import read_sheet
    from hansa.client.publishing import plan_tariff

    at = desk(lang, profile_name)
    sheet = read_sheet(file)
    plan = plan_tariff(at.ask, at.profile.member, sheet, name, version or 0, calendar)
    full = f"{plan.owner}/{plan.tariff}/{plan.version}"
    if not plan.actions:
        say(lang, f"资费 {full} 早已发布，内容相同。", f"{full} is published already, and says the same.")
        return
    if not (how["yes"] or how["dry_run"]):
        print_table(clauses(sheet.tariff, Text(f"资费 {full}", f"Tariff {full}")), lang, err=True)
    if act(at, plan.actions, told=True, **how) is not None and not how["as_json"]:
        on = f"{plan.calendar_owner}/{plan.calendar}"
        say(lang, f"资费 {full} 已发布，日历 {on}。", f"Tariff {full} is published, on the calendar {on}.")


@tariff.command("published")
@click.option("--owner", default="", help="Else your own. 发布方；默认本单位。")
@profile_option
@table_output
@click.pass_obj
def published(lang: Language, owner: str, profile_name: str) -> Table:
    """Tariffs that a member has published, each version. 已发布的资费。"""
    at = desk(lang, profile_name)
    rows = [
        (
            each.owner, each.tariff, each.version, each.name, each.purpose, each.currency, each.period,
            f"{each.calendar_owner}/{each.calendar}",
        )
        for each in _all(at, owner or at.profile.member)
    ]  # fmt: skip
    return Table(Text("已发布的资费", "Published tariffs"), PUBLISHED, rows)


def _all(at: Desk, owner: str) -> list[ListedTariff]:
    found: list[ListedTariff] = []
    while True:
        after = {"after": found[-1].tariff, "after_version": found[-1].version} if found else {}
        page = at.ask("billing.tariffs_of", list[ListedTariff], owner=owner, **after)
        found += page
        if not page:
            return found


@tariff.command("read")
@click.argument("name", metavar="[OWNER/]ID[/VERSION]")
@profile_option
@table_output
@click.pass_obj
def read(lang: Language, name: str, profile_name: str) -> Table:
    """What a published tariff says; its newest version, or the one named. 查看已发布的资费。"""
    from hansa.apps.billing.errors import TariffUnknown
    from hansa.apps.billing.messages import PublishedTariff
    from hansa.client.publishing import newest_version, tariff_named

    at = desk(lang, profile_name)
    owner, tariff_id, version = tariff_named(name, at.profile.member)
    version = version or newest_version(at.ask, owner, tariff_id) or 1
    found = at.ask(
        "billing.tariff_of", PublishedTariff | None, owner=owner, tariff=tariff_id, version=version
    )
    if found is None:
        raise TariffUnknown(owner=owner, id=tariff_id, version=version)
    full = f"{owner}/{tariff_id}/{version} ({found.tariff.currency})"
    return clauses(found.tariff, Text(f"资费 {full}", f"Tariff {full}"))
