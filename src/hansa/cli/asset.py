"""`hansa asset`: machines and what they can do; a workbook of them, read in."""

from pathlib import Path
from typing import Any

import click

from hansa.apps.leasing.queries_market import ListedAsset
from hansa.cli.common import (
    Desk,
    Language,
    NotFound,
    WrongCommand,
    acting,
    confirm,
    desk,
    profile_option,
    say,
    show_json,
)
from hansa.cli.sending import act
from hansa.cli.tables import print_table, table_output
from hansa.client import reserve as reserves
from hansa.client.asset_import import Import, plan_import
from hansa.client.asset_sheet import read_sheet, reserves_of, template
from hansa.client.files import write_new
from hansa.client.sheet_errors import NotImported
from hansa.client.sheet_values import value_of
from hansa.client.tables import Column, Table
from hansa.client.texts import Text, both

READABLE = 0o644
ASSETS = (
    Column("owner", "所有方", "owner"),
    Column("asset", "设备资产", "asset"),
    Column("version", "版本", "version", "count"),
    Column("name", "名称", "name"),
    Column("place", "所在地", "place"),
    Column("processes", "工艺", "processes"),
    Column("since_ms", "登记于", "since", "time"),
)
WHAT = {
    "new": Text("新增", "new"),
    "update": Text("新版本", "update"),
    "unchanged": Text("无变化", "unchanged"),
}
ROWS = (
    Column("sheet", "工作表", "sheet"),
    Column("row", "行", "row", "count"),
    Column("name", "编号", "id"),
    Column("what", "结果", "what", words=WHAT),
)
PROBLEMS = (
    Column("sheet", "工作表", "sheet"),
    Column("row", "行", "row", "count"),
    Column("code", "代码", "code"),
    Column("text", "问题", "problem"),
)


@click.group()
def asset() -> None:
    """Machines: what they can do, where they stand. 设备资产。"""


@asset.command("list")
@click.option("--owner", default="", help="Else your own. 所有方；默认本单位。")
@profile_option
@table_output
@click.pass_obj
def list_(lang: Language, owner: str, profile_name: str) -> Table:
    """Machines of a member, in their newest versions. 列出设备。"""
    at = desk(lang, profile_name)
    found = at.ask_all(
        "leasing.assets", ListedAsset, lambda each: each.asset, owner=owner or at.profile.member
    )
    rows = []
    for each in found:
        described = each.record.description
        processes = list(dict.fromkeys(one.process for one in described.capabilities))
        name = Text(described.name_zh, described.name_en)
        place = Text(described.place.name_zh, described.place.name_en)
        rows.append((each.owner, each.asset, each.version, name, place, processes, each.record.since_ms))
    return Table(Text("设备资产", "Machines"), ASSETS, rows)


@asset.command()
@click.argument("name")
@click.option("--owner", default="", help="Else your own. 所有方；默认本单位。")
@click.option("--version", type=click.IntRange(0), default=0, help="Else the newest. 版本；默认最新。")
@profile_option
@click.pass_obj
def show(lang: Language, name: str, owner: str, version: int, profile_name: str) -> None:
    """A machine whole, as JSON. 设备全文（JSON）。"""
    at = desk(lang, profile_name)
    of = owner or at.profile.member
    found = at.ask("leasing.asset_of", Any, owner=of, asset=name, version=version)
    if found is None:
        raise NotFound(
            text_zh=f"{of} 没有设备 {name}。请用 hansa asset list 查看。",
            text_en=f"{of} has no machine {name}. `hansa asset list` lists them.",
        )
    show_json(found)


@asset.command("template")
@click.option(
    "-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help="xlsx 文件。"
)
@click.pass_obj
def template_(lang: Language, output: Path) -> None:
    """A workbook to fill in: machines, capabilities, idle windows. 生成模板。"""
    try:
        write_new(output, template(lang), READABLE)
    except FileExistsError:
        raise WrongCommand(text_zh=f"{output} 已存在。", text_en=f"{output} exists.") from None
    except OSError as error:
        raise WrongCommand(
            text_zh=f"{output}：{error.strerror}", text_en=f"{output}: {error.strerror}"
        ) from None
    say(lang, f"已写入 {output}。", f"{output} is written.")


@asset.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--zone", default="Asia/Shanghai", show_default=True, help="Of local times. 当地时间的时区。")
@acting
@click.pass_obj
def import_(
    lang: Language,
    files: tuple[Path, ...],
    zone: str,
    profile_name: str,
    yes: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Machines and idle windows from xlsx or CSV FILES, all of them or none. 导入设备与闲置时段。"""
    at = desk(lang, profile_name)
    sheet = read_sheet(files, at.profile.member, value_of("zone", both("--zone"), zone))
    plan = plan_import(at.ask, sheet, at.profile.member, at.time_ms())
    _report(lang, plan, as_json)
    if plan.problems:
        raise NotImported(count=len(plan.problems))
    if dry_run or not plan.batches:
        return
    if not yes:
        confirm(lang, "按上表导入？", "Import as listed?")
    for offer, least in reserves_of(sheet).items():
        reserves.keep(at.place.folder, offer, least)
    _send(at, plan)


def _send(at: Desk, plan: Import) -> None:
    """Each transaction whole; after a refusal the rest is not sent, and the same file goes on from there."""
    for batch in plan.batches:
        act(at, batch, dry_run=False, yes=True, as_json=False, quiet=True)
    count = sum(len(batch) for batch in plan.batches)
    say(
        at.lang,
        f"已导入 {count} 项，{len(plan.batches)} 笔交易。",
        f"{count} entries imported in {len(plan.batches)} transactions.",
        err=True,
    )


def _report(lang: Language, plan: Import, as_json: bool) -> None:
    """Row by row what will be, and what stands in the way."""
    rows = [(row.sheet, row.row, row.name, row.what) for row in plan.rows]
    problems = [
        (
            each.sheet,
            each.row,
            each.refusal.code,
            Text(each.refusal.zh, each.refusal.en),
        )
        for each in plan.problems
    ]
    done = Table(Text("导入结果", "What an import does"), ROWS, rows)
    wrong = Table(Text("问题", "Problems"), PROBLEMS, problems)
    if as_json:
        show_json({"rows": done.told(), "problems": wrong.told()})
        return
    print_table(done, lang)
    if problems:
        print_table(wrong, lang)
