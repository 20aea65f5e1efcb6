"""`hansa node`: run and mind this member's node of a network."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hansa.cli.common import Language, instant, json_option, say, show_json, show_rows
from hansa.cli.node_diff import diff
from hansa.cli.node_upkeep import backup, prune, reset, snapshot
from hansa.cli.validators import SEAT_STATUS_ZH

if TYPE_CHECKING:  # Loaded when a node is asked: help is there without it.
    from hansa.node.supervision_status import Engine, Status

MB = 2**20
INCIDENTS_SHOWN = 5
"""The newest; `--json` has all."""

directory_argument = click.argument("directory", type=click.Path(path_type=Path), default=Path("hansa-node"))


@click.group()
def node() -> None:
    """This member's node of a network that several companies run. 网络节点。"""


@node.command()
@directory_argument
@click.option(
    "--only-node",
    is_flag=True,
    help="You are sure that no other node has this validator key. 确知没有别的节点使用此密钥。",
)
@click.option("--retry", is_flag=True, help="A waiting ledger: try its block again. 恢复写入，再试一次。")
@click.pass_obj
def run(lang: Language, directory: Path, only_node: bool, retry: bool) -> None:
    """Run the node of DIRECTORY: application and consensus engine as one service, until Ctrl-C.

    Either one that ends or hangs has both started anew. What both log goes to standard error, a JSON object a
    line. 运行节点：应用与共识引擎同起同停，自动看护。
    """
    from hansa.node.supervision_node import supervise

    supervise(directory, alone=only_node, retry=retry, told=lambda now, settings: _say(lang, now, settings))


@node.command()
@directory_argument
@json_option
@click.pass_obj
def status(lang: Language, directory: Path, as_json: bool) -> None:
    """Show how the node of DIRECTORY stands, and those of the others as they answer. 节点状态。

    Exit status 1 when somebody has to do something; the table says what.
    """
    import msgspec

    from hansa.node.supervision_status import differing, status_of

    found = status_of(directory)
    differ = differing([found.node, *found.others])
    if as_json:
        show_json({"well": found.well and not differ, **msgspec.to_builtins(found), "differ": differ})
    else:
        show_rows(lang, (("项目", "what"), ("值", "value")), _rows(lang, found))
        for height, names in differ:
            at = ", ".join(names)
            say(
                lang,
                f"✗ 高度 {height} 的状态不一致：{at}。请用 hansa node diff 找出首个不同的记录。",
                f"✗ At height {height} the states differ: {at}. hansa node diff names the first record.",
            )
    sys.exit(0 if found.well and not differ else 1)


@node.command()
@directory_argument
@click.option("--user", default="hansa", show_default=True, help="Whom the service runs as. 运行服务的用户。")
@click.pass_obj
def unit(lang: Language, directory: Path, user: str) -> None:
    """Print a systemd unit that runs the node of DIRECTORY for good. 生成 systemd 服务文件。"""
    from hansa.node.engine_binary import find
    from hansa.node.supervision_checks import read_settings
    from hansa.node.supervision_unit import unit as unit_of

    _, text = unit_of(directory, read_settings(directory).member, user, find())
    click.echo(text, nl=False)


for _command in (backup, diff, prune, reset, snapshot):
    node.add_command(_command)

STATES = {
    "starting": ("正在启动", "starting"),
    "running": ("在运行", "running"),
    "pausing": ("稍后重新启动", "to be started anew"),
    "waiting": ("多次启动未成，每 10 分钟再试", "failed to start; tried again every 10 minutes"),
    "held": ("停在原处，需要处理", "stands still; somebody has to act"),
    "stopped": ("未运行", "not running"),
}


def _rows(lang: Language, found: "Status") -> list[tuple[str, str]]:
    """What a person on call wants to know, most important first."""

    def word(zh: str, en: str) -> str:
        return zh if lang == "zh" else en

    cause = word(found.cause_zh, found.cause)
    rows = [
        (word("节点", "node"), f"{found.member}  {found.url}"),
        (word("状态", "state"), f"{word(*STATES[found.state])}{f': {cause}' if cause else ''}"),
    ]
    if found.state != "stopped":
        rows.append((word("本次起自", "since"), instant(found.since_ms)))
        rows.append((word("重启次数", "restarts"), str(found.restarts)))
    engine = found.node.engine
    if engine is None:
        rows.append((word("应答", "answer"), word(found.node.refusal_zh, found.node.refusal_en) or "-"))
    else:
        rows += [
            (word("账本高度", "ledger height"), f"{engine.height}  {engine.app_hash[:16]}…"),
            (word("引擎高度", "engine height"), str(engine.engine_height)),
            (word("落后", "behind"), word(f"{found.lag} 个区块", f"{found.lag} blocks")),
            (word("最近区块", "last block"), word(_age(engine), f"{_age(engine)} ago")),
            (word("待打包", "pending"), str(engine.mempool + engine.waiting)),
            (word("连接", "peers"), ", ".join(sorted(peer.moniker for peer in engine.peers)) or "-"),
        ]
    rows += [(f"✗ {check.name}", word(check.zh, check.en)) for check in found.node.wrong]
    for seat in found.node.seats:
        quiet = word(f"，{seat.silent_blocks} 个区块未签", f", {seat.silent_blocks} blocks not signed")
        status = SEAT_STATUS_ZH.get(seat.status, seat.status) if lang == "zh" else seat.status
        told = f"{seat.member}  {seat.power}  {status}{quiet if seat.silent_blocks else ''}"
        rows.append((word("验证节点", "validator"), told))
    for other in found.others:
        stands = other.engine
        told = word(other.refusal_zh, other.refusal_en)
        if stands is not None:
            told = word(f"引擎高度 {stands.engine_height}", f"engine height {stands.engine_height}")
        rows.append((word("其他节点", "other node"), f"{other.name}  {told}"))
    rows += [
        (word("事件", "incident"), f"{instant(one.at_ms)}  {word(one.zh, one.en)}")
        for one in found.incidents[-INCIDENTS_SHOWN:]
    ]
    sizes = (
        (found.ledger_bytes, "账本", "ledger"),
        (found.engine_bytes, "引擎", "engine"),
        (found.free_bytes, "剩余", "free"),
    )
    disk = word("，", ", ").join(f"{word(zh, en)} {size // MB:,} MB" for size, zh, en in sizes)
    return [*rows, (word("磁盘", "disk"), disk)]


def _age(engine: "Engine") -> str:
    return f"{engine.block_age_ms / 1_000:.1f} s"


def _say(lang: Language, now: Any, settings: Any) -> None:
    """What a person at the terminal wants to know; logs have all of it."""
    scheme = "https" if settings.tls_certificate else "http"
    url = f"{scheme}://{settings.host}:{settings.port}"
    texts = {
        "running": (f"节点在运行：{url}（Ctrl-C 停止）", f"The node runs at {url} (Ctrl-C ends it)"),
        "pausing": (f"将重新启动：{now.cause_zh}", f"It will be started anew: {now.cause}"),
        "waiting": (
            f"多次启动未成，10 分钟后再试：{now.cause_zh}",
            f"It failed to start several times; the next try is in 10 minutes: {now.cause}",
        ),
        "held": (
            f"节点已停在原处，不会自动重启：{now.cause_zh} 请运行 hansa node status。",
            f"The node stands still and is not started anew: {now.cause} Run hansa node status.",
        ),
        "stopped": ("节点已停止。", "The node has ended."),
    }
    if now.state in texts:
        say(lang, *texts[now.state], err=True)
        sys.stderr.flush()
