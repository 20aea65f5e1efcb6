"""`hansa meter`: look at a machine's log, and read it without sending anything."""

import time
from pathlib import Path

import click

from hansa.cli.meter_renew import renew
from hansa.cli.meter_send import send


@click.group()
def meter() -> None:
    """Look at machine logs, read them, send them. 查看、读取、发送机器日志。"""


meter.add_command(send)
meter.add_command(renew)


@meter.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--output", "-o", type=click.Path(path_type=Path), help="Write the mapping here. 写入文件。")
def probe(file: Path, output: Path | None) -> None:
    """Look at FILE (or a folder, or a pattern) and write a commented mapping: guesses named as guesses.

    查看日志，猜出各列含义，写出带注释的映射文件。
    """
    from hansa.edge.probe import mapping_text
    from hansa.edge.probe import probe as look

    text = mapping_text(look(file))
    if output is None:
        click.echo(text, nl=False)
        return
    if output.exists():
        raise click.ClickException(f"{output} exists; nothing was written. 文件已存在，未写入。")
    output.write_text(text, encoding="utf-8")
    click.echo(f"{output}", err=True)


@meter.command()
@click.argument("log")
@click.option(
    "--map", "mapping", type=click.Path(path_type=Path), required=True, help="The mapping. 映射文件。"
)
@click.option(
    "--dry-run", is_flag=True, default=True, help="Read and report only (always so here). 只读取并报告。"
)
@click.option("--keep-good-rows", is_flag=True, help="Go on past malformed rows. 跳过坏行，保留好行。")
@click.pass_obj
def read(lang: str, log: str, mapping: Path, dry_run: bool, keep_good_rows: bool) -> None:
    """Read LOG under a mapping and report rows, gaps, falls and refused rows; nothing is sent. 试读。"""
    from hansa.edge.log_reader import read_log
    from hansa.edge.log_report import report_lines
    from hansa.edge.mapping import load_mapping

    del dry_run  # Reading never sends anything; the flag says so to those who look for it.
    found = read_log(
        log,
        load_mapping(mapping),
        now_ms=time.time_ns() // 1_000_000,
        keep_good_rows=keep_good_rows or None,
    )
    click.echo("\n".join(report_lines(found, lang)))
