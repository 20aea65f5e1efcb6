"""What speaks for and against a network node's being well, in words."""

from pathlib import Path
from typing import TYPE_CHECKING

from hansa.node import limits
from hansa.node.member import Check
from hansa.node.operator import check_disk

if TYPE_CHECKING:
    from hansa.node.network import Network


def checks_of(node: "Network") -> list[Check]:
    """Each with a text for the member's IT."""
    return [
        _blocked(node),
        _application(node),
        _engine(node),
        _blocks(node),
        _hash(node),
        _peers(node),
        _clock(node),
        _validators(node),
        check_disk(Path(node.settings.directory), node.settings.limits.disk_free),
    ]


def _check(name: str, ok: bool, zh: str, en: str) -> Check:
    return Check(name=name, ok=ok, zh=zh, en=en)


def _blocked(node: "Network") -> Check:
    """Apart from the others: no restart mends it."""
    blocked = node.application.blocked
    if blocked is not None:
        return _check("blocked", False, blocked.zh, blocked.en)
    return _check("blocked", True, "账本接受新区块。", "The ledger takes blocks.")


def _application(node: "Network") -> Check:
    if node.submission.failed:
        return _check(
            "application",
            False,
            "交易提交因程序错误停止，日志中有经过。请重启节点。",
            "Submission ended on a mistake of the program; the log has it. Restart the node.",
        )
    return _check("application", True, "账本应用正常。", "The application is well.")


def _engine(node: "Network") -> Check:
    seen = node.watch.seen
    if node.watch.answers():
        state_zh, state_en = ("正在追赶，", "catching up, ") if seen.catching_up else ("", "")
        return _check(
            "engine",
            True,
            f"共识引擎有应答，{state_zh}引擎高度 {seen.height}，待打包 {seen.waiting} 笔。",
            f"The engine answers, {state_en}engine height {seen.height}, {seen.waiting} wait in its mempool.",
        )
    cause = seen.cause or "-"
    return _check(
        "engine",
        False,
        f"共识引擎没有应答（{cause}）。应由 hansa node run 启动并看护；请看其日志。",
        f"The engine does not answer ({cause}). `hansa node run` starts and minds it; see its log.",
    )


def _blocks(node: "Network") -> Check:
    watch = node.watch
    idle_s = round(watch.idle_s())
    most_s = 2 * node.settings.engine.empty_block_interval_s + limits.STALLED_AFTER_S
    if watch.stalled or idle_s > most_s:
        ahead = max(watch.seen.peers_height - 1 - node.application.engine_height, 0)
        zh, en = _held_up(node)
        return _check(
            "blocks",
            False,
            f"{idle_s} 秒没有新区块（轮次 {watch.seen.round}，其他节点领先 {ahead} 个高度）。"
            f"{zh}若其他节点也停住，说明赞成区块的验证节点未超过三分之二，请联系各成员单位；若只有本节点停住，请看下一项。",
            f"No block for {idle_s} s (round {watch.seen.round}; others are {ahead} heights ahead). {en}If "
            "the others stand still as well, no more than two thirds of the validators vote for a block: "
            "call the members. If only this node does, see the next line.",
        )
    return _check(
        "blocks",
        True,
        f"账本高度 {node.height}，{idle_s} 秒前有过区块。",
        f"The ledger is at height {node.height}; the last block came {idle_s} s ago.",
    )


def _held_up(node: "Network") -> tuple[str, str]:
    """Whose votes are missing for a decision, as the running rounds show it here."""
    absent, against = (", ".join(node.members_of(each)) for each in node.watch.seen.held_up)
    zh, en = "", ""
    if absent:
        zh, en = f"没有收到其表决：{absent}。", f"No vote came of: {absent}. "
    if against:
        zh, en = f"{zh}对区块都投反对票：{against}。", f"{en}Votes against every block: {against}. "
    return zh, en


def _hash(node: "Network") -> Check:
    if not node.watch.differs:
        return _check("hash", True, "状态与其他节点一致。", "The state agrees with the other nodes'.")
    height, own = node.application.engine_height, node.application.app_hash[:16]
    other = node.watch.differs[:16]
    return _check(
        "hash",
        False,
        f"引擎高度 {height} 之后，本节点的状态（{own}…）与区块所载（{other}…）不同，节点已停在此处。"
        "不要反复重启；请运行 hansa node diff 与另一节点比对，找出首个不同的记录。",
        f"After engine height {height} the state here ({own}…) is not that of the next block ({other}…), and "
        "the node stands still. Do not restart it again and again: compare with another node by "
        "`hansa node diff`, which names the first record that differs.",
    )


def _peers(node: "Network") -> Check:
    peers = node.watch.seen.peers
    names = ", ".join(sorted(peer.moniker for peer in peers)) or "-"
    alone = not peers and len(node.commits.seen) > 1
    return _check(
        "peers",
        not alone,
        f"连接 {len(peers)} 个节点：{names}。" + ("请检查网络与 node.toml 的 peers。" if alone else ""),
        f"Connected to {len(peers)} nodes: {names}."
        + (" See the network, and `peers` in node.toml." if alone else ""),
    )


def _clock(node: "Network") -> Check:
    off_ms = node.watch.clock_off_ms
    ok = abs(off_ms) <= limits.CLOCK_OFF_MAX_MS
    if ok:
        return _check("clock", True, "本机时钟与区块时间相符。", "The clock agrees with the time of blocks.")
    way_zh, way_en = ("快", "ahead of") if off_ms > 0 else ("慢", "behind")
    return _check(
        "clock",
        False,
        f"本机时钟比区块时间{way_zh} {abs(off_ms) // 1_000} 秒。请校准时钟（NTP）。",
        f"The clock is {abs(off_ms) // 1_000} s {way_en} the time of blocks. Set it right (NTP).",
    )


def _validators(node: "Network") -> Check:
    silent = node.silent()
    if not silent:
        return _check("validators", True, "各验证节点都在签署区块。", "All validators have signed of late.")
    zh = "、".join(f"{member}（{blocks} 个区块）" for member, blocks in silent)
    en = ", ".join(f"{member} ({blocks} blocks)" for member, blocks in silent)
    return _check(
        "validators",
        True,
        f"久未签署的验证节点：{zh}。请联系其成员单位；除名须由成员单位投票。",
        f"Validators that have not signed for long: {en}. Call their members; only a vote takes a seat away.",
    )
