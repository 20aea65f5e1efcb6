"""`hansa offer lease-or-buy`: what a machine costs a month either way."""

from datetime import date
from pathlib import Path

import click

from hansa.cli.common import Language, say
from hansa.cli.tables import show_table

READABLE = 0o644


@click.command("lease-or-buy")
@click.argument("case", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--tariff",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="The tariff sheet of the lease. 租赁的资费表。",
)
@click.option("--json", "as_json", is_flag=True, help="JSON on standard output. 输出 JSON。")
@click.option("--csv", "as_csv", is_flag=True, help="CSV on standard output. 输出 CSV。")
@click.option(
    "--xlsx",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A workbook that goes on reckoning. 含公式的 Excel 测算表。",
)
@click.pass_obj
def lease_or_buy(
    lang: Language, case: Path, tariff: Path, as_json: bool, as_csv: bool, xlsx: Path | None
) -> None:
    """Compare leasing by a tariff with buying, for the uses that CASE names.

    docs/reference/lease-or-buy.toml has every key of CASE. It compares monthly costs without tax; nothing is
    written to any ledger. 租赁与购买的月成本比较。
    """
    from hansa.apps.billing.sheet import read_sheet
    from hansa.client.files import write_over
    from hansa.client.lease_or_buy import break_even_texts, break_evens, read_case, table
    from hansa.client.lease_or_buy_xlsx import workbook_bytes
    from hansa.client.tables import EPOCH

    today = (date.today() - EPOCH).days
    found = read_case(case, read_sheet(tariff).tariff, today)
    if xlsx is not None:
        write_over(xlsx, workbook_bytes(found, lang), READABLE)
        say(lang, f"已写入 {xlsx}", f"{xlsx} is written", err=as_json or as_csv)
    show_table(table(found), as_json=as_json, as_csv=as_csv)
    if not as_json and not as_csv:
        for text in break_even_texts(break_evens(found)):
            click.echo(text.of(lang))
