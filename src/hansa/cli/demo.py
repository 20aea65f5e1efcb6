"""`hansa demo`: the whole job, on a made-up month or on a log of your own."""

import glob
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Literal

import click

from hansa.cli.main import refusal_of


@click.command()
@click.option(
    "--log",
    "log_path",
    help="A file, folder or pattern of your own log. 自己的日志（文件、文件夹或通配符）。",
)
@click.option("--map", "mapping", type=click.Path(path_type=Path), help="The log's mapping. 映射文件。")
@click.option("--tariff", type=click.Path(path_type=Path), help="A tariff sheet; else a plain one. 资费表。")
@click.option(
    "--bind",
    multiple=True,
    metavar="METER=FEED",
    help="Which feed a meter of the tariff is. 指定计量项对应的计量点。",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=Path("demo-data"),
    show_default=True,
    help="The demo's own folder; made anew each time. 演示数据目录（每次重建）。",
)
@click.option("--keep-good-rows", is_flag=True, help="Go on past malformed rows. 跳过坏行，保留好行。")
@click.option("--dry-run", is_flag=True, help="Read the log and report; found nothing. 只读取日志并报告。")
@click.option(
    "--one-process",
    is_flag=True,
    envvar="HANSA_ONE_PROCESS",
    help="All in this process: no followers, no cheats. 全部在一个进程内：没有从节点，不做作弊试验。",
)
@click.option(
    "--json", "as_json", is_flag=True, help="One JSON object on standard output. 标准输出一个 JSON 对象。"
)
@click.pass_obj
def demo(
    lang: Literal["zh", "en"],
    log_path: str | None,
    mapping: Path | None,
    tariff: Path | None,
    bind: tuple[str, ...],
    data: Path,
    keep_good_rows: bool,
    dry_run: bool,
    one_process: bool,
    as_json: bool,
) -> None:
    """Run the whole job: log, statement, explanation, evidence, offline check, forgery found.

    Five processes: the operator's node, three followers, and this command. At the end the operator cheats
    in four ways, and the followers find it. Without --log it plays a made-up month of a packaging line with
    the faults of real logs. 五个进程：运营方节点、三个从节点和本命令；最后运营方作弊四次，由从节点发现。
    无 --log 时播放一条包装线的虚构月份。
    """
    if (log_path is None) != (mapping is None):
        raise click.UsageError("--log and --map go together. --log 与 --map 须同时给出。")
    if log_path is None and (tariff is not None or bind):
        raise click.UsageError("--tariff and --bind need --log. --tariff 与 --bind 须与 --log 同用。")
    try:
        chosen = dict(_pair(item) for item in bind)
        _run(lang, log_path, mapping, tariff, chosen, data, keep_good_rows, dry_run, one_process, as_json)
    except Exception as error:
        refusal = refusal_of(error)
        if refusal is None or not as_json:
            raise
        click.echo(json.dumps({"refusal": refusal}, ensure_ascii=False))
        click.echo(f"{refusal['code']}: {refusal[lang]}", err=True)
        sys.exit(2)


def _pair(text: str) -> tuple[str, str]:
    meter, sep, feed = text.partition("=")
    if not sep:
        raise click.BadParameter(f"{text}: write METER=FEED. 请写成 计量项=计量点。")
    return meter, feed


def _run(
    lang: Literal["zh", "en"],
    log_path: str | None,
    mapping: Path | None,
    tariff: Path | None,
    chosen: dict[str, str],
    data: Path,
    keep_good_rows: bool,
    dry_run: bool,
    one_process: bool,
    as_json: bool,
) -> None:
    from hansa.cli.show import Steps, show_demo
    from hansa.edge.log_report import report_lines
    from hansa.simulation import demo as plays
    from hansa.simulation.report import write_report
    from hansa.simulation.supervisor import warm_up

    now_ms = time.time_ns() // 1_000_000
    started = time.monotonic()
    if not (one_process or dry_run):
        warm_up()
    with Steps(lang) as steps:
        named = [log_path, *glob.glob(log_path)] if log_path else []
        inputs = [Path(path) for path in (*named, mapping, tariff) if path]
        folder = plays.prepare(Path(tempfile.mkdtemp()) if dry_run else data, inputs)
        steps.note("读取日志", "Reading the log")
        if log_path is None or mapping is None:
            play = plays.packaging_play(folder)
        else:
            play = plays.foreign_play(log_path, mapping, tariff, chosen, keep_good_rows, now_ms)
        for text in report_lines(play.log, lang):
            click.echo(text, err=True)
        if dry_run:
            shutil.rmtree(folder)
            return
        done = plays.run(folder, play, steps.progress, processes=not one_process)
        steps.note("撰写报告", "Writing the report")
        write_report(done, now_ms)
    try:
        if as_json:
            click.echo(json.dumps(plays.as_json(done), ensure_ascii=False, indent=1))
        else:
            show_demo(done, lang, time.monotonic() - started)
    finally:
        done.world.close()
    unseen = [cheat for cheat in done.cheats if not cheat.caught_by]
    if not done.report.ok or done.tampered.ok or unseen:
        for cheat in unseen:
            click.echo(
                f"✗ {getattr(cheat.done, lang)}: {'没有被发现' if lang == 'zh' else 'not found'}", err=True
            )
        for check in done.report.checks:
            if not check.ok:
                text, detail = (getattr(part, lang) for part in (check.text, check.detail))
                click.echo(f"✗ {text}: {detail}", err=True)
        sys.exit(1)
