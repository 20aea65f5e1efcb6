"""A run told in words: what members sent, what went wrong, what did not hold."""

from collections.abc import Iterator
from typing import Literal

from hansa.kernel import Registry
from hansa.kernel.refusal import Refusal
from hansa.kernel.registry import action_tag
from hansa.kernel.transaction import parse
from hansa.simulation.simulator.faults import Fault
from hansa.simulation.simulator.run import Noted, Verdict

Language = Literal["zh", "en"]

TROUBLES = {
    "crash": (
        "节点 {nodes} 将在步骤 {step} 崩溃，{seconds} 秒后恢复",
        "node {nodes} is to crash at step {step}, and comes back after {seconds} s",
    ),
    "blackout": (
        "节点 {nodes} 同时断电，{seconds} 秒后恢复",
        "nodes {nodes} lose power at once, for {seconds} s",
    ),
    "cut": ("部分方向的网络中断 {seconds} 秒", "some directions of the network are cut for {seconds} s"),
    "weather": (
        "网络变差 {seconds} 秒：丢失、重复、延迟（千分之 {values}）",
        "bad network for {seconds} s: lost, twice, late ({values} in a thousand)",
    ),
    "clock": ("节点 {nodes} 的时钟偏差 {values} 毫秒", "the clock of node {nodes} is off by {values} ms"),
    "liar": (
        "节点 {nodes} 开始作假（时钟偏差 {values} 毫秒）",
        "node {nodes} begins to lie (its clock is off by {values} ms)",
    ),
    "wipe": (
        "节点 {nodes} 丢失磁盘，{seconds} 秒后以空盘恢复",
        "node {nodes} loses its disk, and comes back empty after {seconds} s",
    ),
    "join": ("新节点 {nodes} 加入", "node {nodes} joins"),
    "lost_key": ("成员单位 {member} 丢失密钥", "member {member} loses its key"),
    "old_program": ("节点 {nodes} 的程序较旧", "node {nodes} has an older program"),
}
"""What goes wrong, zh and en."""

WORDS = {
    "down": ("节点 {0} 停止", "node {0} goes down"),
    "ended": ("节点 {0} 的进程结束（{1}）", "node {0}'s process ends ({1})"),
    "up": ("节点 {0} 启动，引擎高度 {1}", "node {0} starts at engine height {1}"),
    "restored": (
        "节点 {0} 以快照加入，引擎高度 {1}（0：没有快照）",
        "node {0} joins by a snapshot of engine height {1} (0: there was none)",
    ),
    "lie": ("节点 {0} 作假（{1}），引擎高度 {2}", "node {0} lies ({1}) at engine height {2}"),
    "round": ("引擎高度 {0} 第 {1} 轮没有结果", "round {1} of engine height {0} decides nothing"),
    "upgraded": ("节点 {0} 换上新程序", "node {0} gets the new program"),
    "mended": ("网络恢复", "the network is mended"),
    "calm": ("此后一切恢复正常", "from here on all is well"),
}


def tell(verdict: Verdict, registry: Registry, lang: Language) -> list[str]:
    """Lines, in order of time; the last one says what did not hold."""
    start = verdict.diary[0].time_ms if verdict.diary else 0
    lines = [
        f"{(noted.time_ms - start) / 1_000:>12.3f} s  {line}"
        for noted in verdict.diary
        for line in _line(noted, registry, lang)
    ]
    if verdict.broken is not None:
        word = "不成立" if lang == "zh" else "does not hold"
        lines.append(f"{verdict.broken.rule} {word}: {verdict.broken.what}")
    return lines


def _line(noted: Noted, registry: Registry, lang: Language) -> Iterator[str]:
    at = lang != "zh"
    if noted.what == "trouble":
        fault = Fault(*noted.values)
        yield TROUBLES[fault.kind][at].format(
            nodes=", ".join(map(str, fault.nodes)),
            step=f"{fault.step} ({fault.left})",
            seconds=fault.for_ms / 1_000,
            values=", ".join(map(str, fault.values)),
            member=fault.member,
        )
    elif noted.what == "wire":
        yield (f"发送 {said(registry, noted.values[0])}", f"sent: {said(registry, noted.values[0])}")[at]
    elif noted.what == "outcomes":
        height, wires, codes = noted.values
        yield (f"区块 {height}：", f"block {height}:")[at]
        for wire, code in zip(wires, codes, strict=True):
            yield f"    {said(registry, wire)}: {code}"
    elif noted.what in WORDS:
        yield WORDS[noted.what][at].format(*noted.values)


def said(registry: Registry, wire: bytes) -> str:
    """Who says what in a transaction, shortly."""
    try:
        body = parse(registry, wire).body
    except Refusal as refusal:
        return f"{len(wire)} bytes ({refusal.code})"
    actions = ", ".join(action_tag(type(action)) for action in body.actions)
    return f"{body.member}/{body.key} #{body.sequence} {actions}"
