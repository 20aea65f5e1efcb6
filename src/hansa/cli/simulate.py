"""`hansa simulate`: a whole consortium in one process per seed, and everything that can go wrong."""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import click

from hansa.cli.common import Language, WrongCommand, json_option, say, show_json

if TYPE_CHECKING:
    from hansa.simulation.simulator.sweep import Job, Stage, Summary

PROGRESS_S = 10
"""Between two lines of progress, where there is no terminal for a bar."""
WORKERS_MAX = 64


@click.command()
@click.option("--seeds", type=click.IntRange(1), default=100, show_default=True, help="How many. 种子个数。")
@click.option("--first-seed", type=click.IntRange(0), default=1, show_default=True, help="From. 首个种子。")
@click.option(
    "--blocks",
    type=click.IntRange(1),
    default=100,
    show_default=True,
    help="Blocks per seed. 每个种子的区块数。",
)
@click.option(
    "--scenario",
    type=click.Path(path_type=Path),
    help="A Python file with scenario(); it runs as a program of yours. 场景文件（会作为程序执行）。",
)
@click.option(
    "--workers", type=click.IntRange(1, WORKERS_MAX), default=2, show_default=True, help="Processes. 进程数。"
)
@click.option("--plant", default="", help="A bug put in on purpose; `list` names them. 故意植入的错误。")
@click.option(
    "--keep", default="", help="Only these pieces of one seed, as a shrunk story names them. 只重放这些片段。"
)
@click.option("--all", "go_on", is_flag=True, help="Go on after a seed that fails. 失败后继续。")
@json_option
@click.pass_obj
def simulate(
    lang: Language,
    seeds: int,
    first_seed: int,
    blocks: int,
    scenario: Path | None,
    workers: int,
    plant: str,
    keep: str,
    go_on: bool,
    as_json: bool,
) -> None:
    """Run a consortium from seeds: virtual time and network, crashes, lies, the business of all rooms.

    Each seed is one story, the same each time. Checked all along: one hash per height, money conserved,
    the promises of each room, nothing lost that stood in a block, life after healing. A seed that fails is
    shrunk to a short story, with the command that plays it again. Exit code 1 if a seed failed.
    从种子运行一个模拟联盟；失败的种子会缩减成一段简短的经过，并给出重放命令。
    """
    from hansa.simulation.simulator.sweep import Job, stage

    job = Job(blocks, scenario, _plant(lang, plant))
    if plant == "list":
        return
    there = stage(job)
    if keep:
        _play(lang, there, first_seed, keep, as_json)
        return
    begun = time.monotonic()
    found = _sweep(lang, job, range(first_seed, first_seed + seeds), workers, go_on)
    spent_ms = int((time.monotonic() - begun) * 1_000)
    failed = [each for each in found if each.rule]
    story = _story(lang, there, min(failed)) if failed else []
    if as_json:
        show_json(_told(found, spent_ms, story))
    else:
        _say_sum(lang, found, spent_ms)
        for line in story:
            click.echo(line)
    if failed:
        raise SystemExit(1)


def _plant(lang: Language, name: str) -> str:
    """The name of a planted fault, if there is one of it; `list` shows all."""
    if not name:
        return ""
    from hansa.simulation.simulator.plants import known

    if name == "list":
        for each in known().values():
            click.echo(f"{each.name:<28} {each.zh if lang == 'zh' else each.en}")
    elif name not in known():
        raise WrongCommand(
            text_zh=f"没有名为 {name} 的植入错误；--plant list 列出全部。",
            text_en=f"No bug to plant is called {name}; --plant list names all.",
        )
    return name


@contextmanager
def _progress(lang: Language, zh: str, en: str, whole: int) -> Iterator[Callable[[int], None]]:
    """Shows on standard error how many are done: a bar on a terminal, else a line now and then."""
    what = zh if lang == "zh" else en
    if not sys.stderr.isatty():
        shown_s = time.monotonic()

        def tell(done: int) -> None:
            nonlocal shown_s
            if time.monotonic() - shown_s > PROGRESS_S:
                shown_s = time.monotonic()
                click.echo(f"{what} {done}/{whole}", err=True)

        yield tell
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=whole)
        yield lambda done: bar.update(task, completed=done)


def _sweep(lang: Language, job: "Job", seeds: range, workers: int, go_on: bool) -> list["Summary"]:
    from hansa.simulation.simulator.sweep import sweep

    found: list[Summary] = []
    try:
        with _progress(lang, "种子", "seeds", len(seeds)) as progress:

            def tell(each: "Summary") -> None:
                found.append(each)
                progress(len(found))

            sweep(job, seeds, workers, tell, go_on=go_on)
    except KeyboardInterrupt:
        say(lang, f"已停止：完成 {len(found)} 个种子。", f"Stopped: {len(found)} seeds were done.", err=True)
        raise
    return found


def _say_sum(lang: Language, found: list["Summary"], spent_ms: int) -> None:
    blocks, sent = sum(each.height for each in found), sum(each.transactions for each in found)
    troubles, failed = sum(each.troubles for each in found), sum(bool(each.rule) for each in found)
    say(
        lang,
        f"{len(found)} 个种子，{blocks} 个区块，{sent} 笔交易，{troubles} 次故障，"
        f"用时 {spent_ms / 1_000:.1f} 秒；失败 {failed} 个。",
        f"{len(found)} seeds, {blocks} blocks, {sent} transactions, {troubles} troubles in "
        f"{spent_ms / 1_000:.1f} s; {failed} failed.",
    )


def _told(found: list["Summary"], spent_ms: int, story: list[str]) -> dict[str, object]:
    return {
        "seeds": len(found),
        "blocks": sum(each.height for each in found),
        "transactions": sum(each.transactions for each in found),
        "troubles": sum(each.troubles for each in found),
        "blocks_least": min((each.height for each in found), default=0),
        "happened": dict(sorted(sum((Counter(each.happened) for each in found), Counter[str]()).items())),
        "spent_ms": spent_ms,
        "failed": [
            {"seed": each.seed, "rule": each.rule, "what": each.what} for each in sorted(found) if each.rule
        ],
        "story": story,
    }


def _story(lang: Language, there: "Stage", failed: "Summary") -> list[str]:
    """A failed seed, shrunk, in words; and how to see it again."""
    from hansa.simulation.simulator.run import finished
    from hansa.simulation.simulator.shrink import RUNS_MAX, replay, shrink
    from hansa.simulation.simulator.story import tell

    zh, seed = lang == "zh", failed.seed
    title = f"{'种子' if zh else 'Seed'} {seed}{'：' if zh else ': '}{failed.rule}: {failed.what}"
    with there.options(seed) as options, there.naming(seed):
        whole = finished(seed, there.scenario, options)
        if whole.broken is None:
            return [title, NOT_AGAIN[lang]]
        shrinking = f"缩减种子 {seed}", f"shrinking seed {seed}"
        with _progress(lang, *shrinking, RUNS_MAX) as progress:
            keep = shrink(whole, there.scenario, options, progress)
        verdict = replay(seed, there.scenario, options, keep)
        pieces = bool(verdict.broken)
        if not pieces:  # It hangs on what comes first within a millisecond.
            verdict = finished(seed, there.scenario, replace(options, tell=True))
    registry = there.scenario.release().registry()
    again = "重放：" if zh else "Again: "
    return [
        title,
        *tell(verdict, registry, lang),
        again + _command(there.job, seed, keep if pieces else None),
    ]


NOT_AGAIN = {
    "zh": "同一种子再次运行没有失败：场景用了种子以外的东西（时钟、随机数、集合顺序、全局变量），请先改正。",
    "en": (
        "Run again, the same seed did not fail: the scenario uses something besides the seed, as a clock, "
        "chance of its own, the order of a set, a global. Mend that first."
    ),
}


def _command(job: "Job", seed: int, keep: Sequence[int] | None) -> str:
    """What plays a shrunk story again; or the whole seed, where only that fails."""
    from hansa.simulation.simulator.shrink import spans

    pieces = "--seeds 1" if keep is None else f"--keep {spans(keep) or '-'}"
    parts = ["hansa simulate", f"--first-seed {seed}", f"--blocks {job.blocks}", pieces]
    parts += [f"--scenario {quote(str(job.scenario))}"] if job.scenario else []
    parts += [f"--plant {job.plant}"] if job.plant else []
    return " ".join(parts)


def _play(lang: Language, there: "Stage", seed: int, keep: str, as_json: bool) -> None:
    from hansa.simulation.simulator.shrink import numbers_of, replay
    from hansa.simulation.simulator.story import tell

    try:
        numbers = () if keep == "-" else numbers_of(keep)
    except ValueError as error:
        raise WrongCommand(
            text_zh=f"--keep 写作 3,17,20-22，不是 {keep}。",
            text_en=f"--keep is like 3,17,20-22, not {keep}.",
        ) from error
    with there.options(seed) as options, there.naming(seed):
        verdict = replay(seed, there.scenario, options, numbers)
    lines = tell(verdict, there.scenario.release().registry(), lang)
    if as_json:
        broken = verdict.broken
        failed = [{"seed": seed, "rule": broken.rule, "what": broken.what}] if broken else []
        show_json({"failed": failed, "story": lines})
    else:
        for line in lines:
            click.echo(line)
        if verdict.broken is None:
            say(lang, "一切成立。", "Everything holds.")
    if verdict.broken is not None:
        raise SystemExit(1)
