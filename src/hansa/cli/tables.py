"""What every list of the command line offers: a table in the terminal, --json, --csv, --xlsx.

@group.command("list")
@profile_option
@table_output
@click.pass_obj
def list_(lang: Language, profile_name: str) -> Table: ...
"""

import functools
import sys
from collections.abc import Callable
from itertools import compress
from pathlib import Path
from typing import Any

import click

from hansa.client.files import write_over
from hansa.client.tables import Table, csv_text, json_bytes, shortened, xlsx_bytes
from hansa.client.texts import Language

NUMBERS = ("count", "money", "price", "share")
WIDTH = 160
"""Columns of the table where the output is no terminal."""
READABLE = 0o644


def table_output(command: Callable[..., Table]) -> Callable[..., None]:
    """Shows the table that a command returns, in the form that the user asks for.

    Stands above `click.pass_obj`. --xlsx writes a file, in place of what is there, and says so.
    """

    @functools.wraps(command)
    def shown(*args: Any, as_json: bool, as_csv: bool, bom: bool, xlsx: Path | None, **kwargs: Any) -> None:
        if sum((as_json, as_csv or bom, xlsx is not None)) > 1:
            raise click.UsageError("--json, --csv, --xlsx: one of them. 只能选一种输出。")
        show_table(command(*args, **kwargs), as_json=as_json, as_csv=as_csv or bom, bom=bom, xlsx=xlsx)

    for option in reversed(_OPTIONS):
        shown = option(shown)
    return shown


_OPTIONS = (
    click.option("--json", "as_json", is_flag=True, help="JSON on standard output. 输出 JSON。"),
    click.option("--csv", "as_csv", is_flag=True, help="CSV on standard output. 输出 CSV。"),
    click.option("--bom", is_flag=True, help="CSV that Excel knows as UTF-8. 供 Excel 直接打开的 CSV。"),
    click.option(
        "--xlsx",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Write an Excel file. 写成 Excel 文件。",
    ),
)


def show_table(
    table: Table, *, as_json: bool = False, as_csv: bool = False, bom: bool = False, xlsx: Path | None = None
) -> None:
    """A table on standard output, or in a file."""
    lang: Language = click.get_current_context().obj
    if as_json:
        click.echo(json_bytes(table).decode())
    elif as_csv:
        click.echo(csv_text(table, lang, bom=bom).encode(), nl=False)
    elif xlsx is not None:
        write_over(xlsx, xlsx_bytes(table, lang), READABLE)
        told = f"已写入 {xlsx}（{len(table.rows)} 行）" if lang == "zh" else f"{xlsx}: {len(table.rows)} rows"
        click.echo(told)
    else:
        print_table(table, lang)


def print_table(table: Table, lang: Language, *, err: bool = False) -> None:
    """The table for people; an empty one says so. `err`: on standard error, beside a result."""
    from rich.console import Console
    from rich.table import Table as Drawn
    from rich.text import Text

    drawn = Drawn(title=table.title.of(lang) or None, title_justify="left")
    drawn_columns = [column.kind != "zone" for column in table.columns]
    for column in compress(table.columns, drawn_columns):
        right = column.kind in NUMBERS
        drawn.add_column(column.head(lang), justify="right" if right else "left", overflow="fold")
    for row in table.rows:
        short = [shortened(column, value) for column, value in zip(table.columns, row, strict=True)]
        drawn.add_row(*(Text(text) for text in compress(table.texts(short, lang), drawn_columns)))
    stream = sys.stderr if err else sys.stdout
    console = Console(file=stream, width=None if stream.isatty() else WIDTH)
    console.print(drawn)
    if not table.rows:
        console.print("（无）" if lang == "zh" else "(none)", style="dim")
