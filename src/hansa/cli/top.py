"""`hansa top`: several nodes on one screen, live."""

import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hansa.cli.common import Language, show_json

if TYPE_CHECKING:
    from rich.table import Table

    from hansa.node.supervision_status import Heard

RATE_OVER = 5
"""Rates are reckoned over so many looks."""
ENDING_KEYS = ("q", "Q", "\x03", "\x1b")


@click.command()
@click.argument("nodes", nargs=-1, metavar="[DIR|URL]...")
@click.option(
    "--every",
    "every_s",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0.2, 60),
    help="Seconds. 刷新间隔，秒。",
)
@click.option("--once", is_flag=True, help="Look twice, show, end. 只显示一次。")
@click.option("--json", "as_json", is_flag=True, help="JSON, once. 输出 JSON（一次）。")
@click.pass_obj
def top(lang: Language, nodes: tuple[str, ...], every_s: float, once: bool, as_json: bool) -> None:
    """Watch nodes live: height, lag, peers, pending, rates, what is wrong. Ends by q or Ctrl-C.

    Each node is a data directory of this machine or an address; of one directory, the others in its node.toml
    are watched, too. 实时查看节点：高度、落后、连接、待打包、速率。按 q 退出。
    """
    from hansa.node.supervision_status import hear_all

    urls, own = places(nodes or ("hansa-node",))
    looks: list[list[Heard]] = []

    def look() -> None:
        looks.append(hear_all(urls, trusted=own, figures=True))
        del looks[: -RATE_OVER - 1]

    look()
    if once or as_json or not sys.stdout.isatty():
        time.sleep(every_s)
        look()
        if as_json:
            show_json({"nodes": figures(looks), "differ": _differ(looks[-1])})
        else:
            from rich.console import Console

            Console(width=None if sys.stdout.isatty() else 160).print(screen(lang, looks))
        return
    _live(lang, looks, look, every_s)


def places(nodes: Sequence[str]) -> tuple[dict[str, str], str]:
    """(URL by name, that of this machine's own node or ""): of a folder its node, and those it names."""
    from hansa.node.supervision_checks import other_nodes, read_settings
    from hansa.node.supervision_status import own_url

    found: dict[str, str] = {}
    own = ""
    for node in nodes:
        if "://" in node:
            found[node.partition("://")[2].rstrip("/")] = node
            continue
        settings = read_settings(Path(node))
        own = found[settings.member] = own_url(settings)
        if len(nodes) == 1:
            found = {**found, **{k: v for k, v in other_nodes(settings).items() if v not in found.values()}}
    return found, own


def figures(looks: "Sequence[Sequence[Heard]]") -> list[dict[str, Any]]:
    """What is shown of each node: heights, lag in blocks of the engine, rates a second, what is wrong."""
    newest, oldest = looks[-1], looks[0]
    most = max((node.engine.engine_height for node in newest if node.engine), default=0)
    shown = []
    for node, before in zip(newest, oldest, strict=True):
        engine, then = node.engine, before.engine
        if engine is None:
            shown.append({"node": node.name, "url": node.url, "answers": False,
                          "zh": node.refusal_zh, "en": node.refusal_en})  # fmt: skip
            continue
        span_s = max(node.at_s - before.at_s, 0.001)
        blocks = engine.engine_height - then.engine_height if then and before.at_s else 0
        decided = max(node.decided - before.decided, 0) if then and before.at_s else 0
        shown.append(
            {
                "node": node.name, "url": node.url, "answers": True, "height": engine.height,
                "app_hash": engine.app_hash, "engine_height": engine.engine_height,
                "lag": most - engine.engine_height, "peers": len(engine.peers),
                "pending": engine.mempool + engine.waiting, "blocks_per_s": round(max(blocks, 0) / span_s, 2),
                "transactions_per_s": round(decided / span_s, 1), "block_age_ms": engine.block_age_ms,
                "zh": "；".join(check.zh for check in node.wrong),
                "en": " ".join(check.en for check in node.wrong),
            }
        )  # fmt: skip
    return shown


def screen(lang: Language, looks: "Sequence[Sequence[Heard]]") -> "Table":
    """All nodes as a table."""
    from rich.table import Table
    from rich.text import Text

    heads = (
        ("节点", "node"), ("高度", "height"), ("引擎高度", "engine height"), ("落后", "lag"),
        ("连接", "peers"), ("待打包", "pending"), ("区块/秒", "blocks/s"), ("所收交易/秒", "own tx/s"),
        ("最近区块", "last block"), ("异常", "wrong"),
    )  # fmt: skip
    table = Table()
    for number, (zh, en) in enumerate(heads):
        table.add_column(
            zh if lang == "zh" else en, justify="left" if number in (0, 9) else "right", overflow="fold"
        )
    for node in figures(looks):
        if not node["answers"]:
            table.add_row(node["node"], *["-"] * 8, Text(node[lang], style="red"))
            continue
        table.add_row(
            node["node"],
            f"{node['height']} {node['app_hash'][:6]}",
            str(node["engine_height"]),
            Text(str(node["lag"]), style="yellow" if node["lag"] > 1 else ""),
            str(node["peers"]),
            str(node["pending"]),
            f"{node['blocks_per_s']:.2f}",
            f"{node['transactions_per_s']:.1f}",
            f"{node['block_age_ms'] / 1_000:.1f} s",
            Text(node[lang], style="red"),
        )
    for height, names in _differ(looks[-1]):
        told = f"高度 {height} 的状态不一致" if lang == "zh" else f"at height {height} the states differ"
        table.add_row(", ".join(names), *[""] * 8, Text(told, style="bold red"))
    return table


def _differ(nodes: "Sequence[Heard]") -> list[tuple[int, list[str]]]:
    from hansa.node.supervision_status import differing

    return differing(nodes)


def _live(lang: Language, looks: "list[list[Heard]]", look: Any, every_s: float) -> None:
    from rich.live import Live

    over = threading.Event()
    with _keys(over), Live(screen(lang, looks), screen=True, auto_refresh=False) as live:
        while not over.wait(every_s):
            look()
            live.update(screen(lang, looks), refresh=True)


@contextmanager
def _keys(over: threading.Event) -> Iterator[None]:
    """Within it q, Esc and Ctrl-C end the show. The terminal is left as it was."""
    try:
        import select
        import termios
        import tty

        descriptor = sys.stdin.fileno()
        before = termios.tcgetattr(descriptor)
    except (ImportError, OSError, ValueError, AttributeError):
        yield  # No terminal that gives single keys: Ctrl-C ends it.
        return

    def read() -> None:
        while not over.is_set():
            if select.select([descriptor], [], [], 0.2)[0] and sys.stdin.read(1) in (*ENDING_KEYS, ""):
                over.set()

    tty.setcbreak(descriptor)
    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        yield
    except KeyboardInterrupt:
        over.set()
    finally:
        over.set()
        reader.join(1)
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
