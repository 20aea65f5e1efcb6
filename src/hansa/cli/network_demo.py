"""`hansa network demo`: four companies, four nodes, none of them trusted, on this machine."""

import json
import sys
import time
from pathlib import Path
from typing import Any

import click

from hansa.cli.common import Language, say
from hansa.cli.main import refusal_of

STORIES_ZH = {"": "", "joined": "由快照加入", "rotated": "已换共识密钥", "left": "已退出并停机"}
STORIES_EN = {
    "": "",
    "joined": "joined by snapshot",
    "rotated": "another consensus key",
    "left": "left, then stopped",
}


@click.command()
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=Path("network-demo-data"),
    show_default=True,
    help="The demo's own folder; made anew each time. 演示数据目录（每次重建）。",
)
@click.option(
    "--json", "as_json", is_flag=True, help="One JSON object on standard output. 标准输出一个 JSON 对象。"
)
@click.pass_obj
def demo(lang: Language, data: Path, as_json: bool) -> None:
    """Four companies run a network on this machine, do business, and everything happens to their nodes.

    Runs of a line are recorded, settled and paid; meanwhile one node loses power and comes back, a fifth
    company joins by snapshot and vote, one changes its key, one leaves. About two minutes; Ctrl-C ends all.
    The clock is real, the line made up.
    四个单位在本机各运行一个节点：边结算，边断电恢复、加入第五个、换密钥、退出。约两分钟，Ctrl-C 随时结束。
    """
    from hansa.cli.show import Steps
    from hansa.simulation import network_demo as plays
    from hansa.simulation.demo import prepare

    began = time.monotonic()
    try:
        with Steps(lang) as steps:
            done = plays.run(prepare(data), steps.progress)
    except KeyboardInterrupt:
        zh, en = "已中断，全部节点已结束；数据与日志在", "Interrupted; all nodes have ended. Data and logs:"
        say(lang, f"{zh} {data}", f"{en} {data}", err=True)
        raise
    except Exception as error:
        refusal = refusal_of(error)
        if refusal is None or not as_json:
            raise
        click.echo(json.dumps({"refusal": refusal}, ensure_ascii=False))
        click.echo(f"{refusal['code']}: {refusal[lang]}", err=True)
        sys.exit(2)
    seconds = time.monotonic() - began
    if as_json:
        click.echo(json.dumps(as_object(done, seconds), ensure_ascii=False, indent=1))
    else:
        _show(done, lang, seconds)
    if not done.report.ok:
        sys.exit(1)


def as_object(done: Any, seconds: float) -> dict[str, Any]:
    """What `--json` prints: height and nodes first."""
    happened = done.happened
    return {
        "height": done.nodes[0].height,
        "app_hash": done.nodes[0].app_hash,
        "chain": done.chain,
        "nodes": [_node(each) for each in done.nodes],
        "left": _node(done.left),
        "killed": {"member": happened.killed, "back_in_step_s": round(happened.came_back_s, 1)},
        "joined": {
            "member": happened.joined,
            "seconds": round(happened.joined_s, 1),
            "snapshot_height": happened.snapshot_height,
            "statements_settled_meanwhile": happened.settled_while_joining,
        },
        "rotated": dict(zip(("old_address", "new_address"), happened.rotated, strict=True)),
        "statements": [
            {"agreement": agreement, "gross_minor": gross_minor}
            for agreement, gross_minor in happened.statements
        ],
        "verified": done.report.ok,
        "evidence_file": str(done.evidence_file),
        "genesis_file": str(done.genesis_file),
        "seconds": round(seconds, 1),
    }


def _node(seen: Any) -> dict[str, Any]:
    return {
        "member": seen.member,
        "height": seen.height,
        "app_hash": seen.app_hash,
        "engine_height": seen.engine_height,
        "power": seen.power,
        "validators": seen.validators,
        "story": seen.story,
    }


def _show(done: Any, lang: Language, seconds: float) -> None:
    from rich.console import Console
    from rich.table import Table

    from hansa.apps.billing.texts import money_text
    from hansa.cli.show import WIDTH_MIN, show_report
    from hansa.simulation.network_demo_story import MAIN, MINIMUM

    console = Console()
    console = console if console.width >= WIDTH_MIN else Console(width=WIDTH_MIN)
    zh, happened = lang == "zh", done.happened
    console.rule("各节点所见" if zh else "What each node sees")
    table = Table()
    for head in (
        ("成员单位", "高度", "引擎高度", "app_hash", "表决权重", "验证节点数", "")
        if zh
        else ("member", "height", "engine height", "app_hash", "power", "validators", "")
    ):
        table.add_column(head)
    for each in (*done.nodes, done.left):
        row = (each.height, each.engine_height, f"{each.app_hash[:16]}…", each.power, each.validators)
        words = (STORIES_ZH if zh else STORIES_EN)[each.story]
        table.add_row(each.member, *(str(cell) for cell in row), words)
    console.print(table)
    lines = (
        (
            f"{happened.killed} 的节点断电后 {happened.came_back_s:.1f} 秒追上",
            f"The node of {happened.killed} was back in step {happened.came_back_s:.1f} s after it started",
        ),
        (
            f"{happened.joined} 用时 {happened.joined_s:.1f} 秒加入"
            f"（引擎高度 {happened.snapshot_height} 的快照），"
            f"其间结算了 {happened.settled_while_joining} 份结算单",
            f"{happened.joined} joined in {happened.joined_s:.1f} s, by the snapshot of engine height "
            f"{happened.snapshot_height}; statements settled meanwhile: {happened.settled_while_joining}",
        ),
        *(
            (
                f"{agreement}：{money_text(gross, 'CNY')} CNY（含税）已确认、开票、付款",
                f"{agreement}: {money_text(gross, 'CNY')} CNY with tax, confirmed, invoiced, paid",
            )
            for agreement, gross in happened.statements
        ),
        (
            f"{MAIN} 为已开工数小时的主单；其余为几秒钟的打样，按资费的最低收费 {MINIMUM} CNY（未税）结算",
            f"{MAIN} is the order that the line has run for hours; the others are samples of a few seconds, "
            f"billed at the tariff's minimum of {MINIMUM} CNY without tax",
        ),
    )
    for text_zh, text_en in lines:
        console.print(text_zh if zh else text_en, markup=False, highlight=False)
    console.rule("离线验证" if zh else "Checked offline")
    show_report(done.report, lang)
    console.print(str(done.evidence_file), soft_wrap=True, markup=False, highlight=False)
    console.print(f"{seconds:.1f} s")
