"""`hansa tariff`: sheets to begin with, and whether a sheet of one's own can be agreed on."""

from pathlib import Path

import click

from hansa.cli.common import Language
from hansa.cli.tables import table_output
from hansa.client.tables import Column, Table
from hansa.client.tariff_templates import FileThere, FileUnwritable, template, templates
from hansa.client.texts import Text

READABLE = 0o644
TEMPLATES = (
    Column("name", "模板", "template"),
    Column("title", "用于", "for"),
    Column("kinds", "要素", "elements"),
)
CLAUSES = (
    Column("clause", "条款", "clause"),
    Column("kind", "要素", "element"),
    Column("says", "内容", "what it says"),
)


@click.group()
def tariff() -> None:
    """Tariff sheets: templates, and a check of your own. 资费表。"""


@tariff.command("list")
@table_output
@click.pass_obj
def list_(lang: Language) -> Table:
    """Templates to begin with. 资费模板。"""
    rows = tuple((found.name, getattr(found.title, lang), found.kinds) for found in templates())
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
    from hansa.simulation.tariff_lines import tariff_lines

    sheet = read_sheet(file).tariff
    said = [pair[0 if lang == "zh" else 1] for pair in tariff_lines(sheet)]
    kinds = [(each.clause, each.__struct_config__.tag) for each in sheet.elements]
    rows = [(*kind, says) for kind, says in zip(kinds, said, strict=False)]
    rows.append(("", "tax", said[-1]))
    name = f"{sheet.name} ({sheet.currency})"
    return Table(Text(f"资费表 {name} 无误", f"Tariff {name} is sound"), CLAUSES, tuple(rows))
