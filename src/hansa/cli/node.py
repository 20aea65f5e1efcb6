"""`hansa node`: run and mind this member's node of a network."""

import sys
from pathlib import Path
from typing import Any

import click

from hansa.cli.common import Language, say

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
@click.pass_obj
def run(lang: Language, directory: Path, only_node: bool) -> None:
    """Run the node of DIRECTORY: application and consensus engine as one service, until Ctrl-C.

    Either one that ends or hangs has both started anew. What both log goes to standard error, a JSON object a
    line. 运行节点：应用与共识引擎同起同停，自动看护。
    """
    from hansa.node.supervision_node import supervise

    supervise(directory, alone=only_node, told=lambda now, settings: _say(lang, now, settings))


def _say(lang: Language, now: Any, settings: Any) -> None:
    """What a person at the terminal wants to know; logs have all of it."""
    scheme = "https" if settings.tls_certificate else "http"
    url = f"{scheme}://{settings.host}:{settings.port}"
    texts = {
        "running": (f"节点在运行：{url}（Ctrl-C 停止）", f"The node runs at {url} (Ctrl-C ends it)"),
        "pausing": (f"将重新启动：{now.cause}", f"It will be started anew: {now.cause}"),
        "waiting": (
            f"多次启动未成，10 分钟后再试：{now.cause}",
            f"It failed to start several times; the next try is in 10 minutes: {now.cause}",
        ),
        "held": (
            f"节点已停在原处，不会自动重启：{now.cause}。请运行 hansa node status。",
            f"The node stands still and is not started anew: {now.cause}. Run hansa node status.",
        ),
        "stopped": ("节点已停止。", "The node has ended."),
    }
    if now.state in texts:
        say(lang, *texts[now.state], err=True)
        sys.stderr.flush()
