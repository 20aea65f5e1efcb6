"""A node's own trouble, as its operator is told (rule 10): never part of what members agree on."""

from hansa.kernel.apply import Incident
from hansa.kernel.types import Natural, Struct, TimeMs
from hansa.node.watchdog import TooSlow

TEXTS = {
    "behind": (
        "其他节点持有本节点签过而本机账本没有的区块（成员单位、地址、高度）：{detail}。本机数据是旧副本，写"
        "入已停"
        "止。请停止节点，运行 hansa restore 数据目录 --from 其中一个地址，再启动。",
        "Other nodes hold blocks that this node signed and its ledger lacks (member, address, height): "
        "{detail}. The data here are an older copy, and nothing is ordered. End the node, run hansa restore "
        "DIRECTORY --from one of these addresses, start it again.",
    ),
    "internal": (
        "应用程序代码出错，该交易被拒绝：{detail}。请将此信息发给软件供应方。",
        "The code of a room failed and its transaction was refused: {detail}. Send this to its maker.",
    ),
    "parked": (
        "一项到期工作执行失败，未产生影响：{detail}。请查明原因；排除后，"
        "任何成员单位可用 hansa tx consortium.retry_parked 重试。",
        "A piece of due work failed and had no effect: {detail}. Mend the cause; any member may then have it "
        "retried: `hansa tx consortium.retry_parked`.",
    ),
    "stopped": (
        "节点因机器故障停机：{detail}。请排除故障后重启节点。",
        "The node stopped on a fault of its machine: {detail}. Mend the cause and restart the node.",
    ),
    "waiting": (
        "节点停机两次，现只读等待：{detail}。请排除故障后恢复写入。",
        "The node stopped twice and now only reads: {detail}. Mend the cause, then let it write again.",
    ),
    "outdated": (
        "节点缺少即将生效的规则或应用：{detail}",
        "The node lacks rules or rooms that come into force: {detail}",
    ),
    "peers": (
        "本节点未能与其他节点比对区块头：{detail}。请检查本机磁盘与内存；若反复出现，请发给软件供应方。",
        "This node could not compare heads with other nodes: {detail}. Look at this machine's disk and "
        "memory; if it keeps coming, send it to the maker of the program.",
    ),
    "promises": (
        "本节点未能查核交来的回执：{detail}。请检查本机磁盘与内存；若反复出现，请发给软件供应方。",
        "This node could not look for what was acknowledged: {detail}. Look at this machine's disk and "
        "memory; if it keeps coming, send it to the maker of the program.",
    ),
    "writer": (
        "写入线程因程序错误停止（{detail}），日志中有经过。请重启节点并将日志发给软件供应方。",
        "The writer ended on a mistake of the program ({detail}); the log has it. Restart the node and send "
        "its maker the log.",
    ),
    "damaged": (
        "磁盘上的账本数据已损坏：{detail}。节点已停止写入，未确认任何后续内容。请停止节点、检查磁盘并更换，"
        "然后用 hansa restore 由备份或从节点恢复。",
        "The ledger's data on disk are damaged: {detail}. The node takes no more transactions. End it, look "
        "at the disk and replace it, then `hansa restore` a backup, or from a follower.",
    ),
    "unnoted": (
        "停机的原因未能记入磁盘：{detail}。请检查磁盘空间与权限；排除后重启节点。",
        "Why the node stopped could not be noted on its disk: {detail}. See whether the disk has room and "
        "may be written to; then restart the node.",
    ),
    "differs": ("{detail}", "{detail}"),
    "snapshot": ("{detail}", "{detail}"),
    "fault": (
        "引擎报告了违规证据，但账本未能据此处理：{detail}。请各成员单位核对该验证节点，并将日志发给软件供应"
        "方。",
        "The engine brought evidence of misbehaviour that the ledger could not act upon: {detail}. Look at "
        "that validator together, and send the log to whoever supplies the program.",
    ),
    "on_block": (
        "区块已落账，但节点在随后的处理中出错：{detail}。账本不受影响；请重启节点，并将日志发给软件供应方。",
        "A block is durable, but the node failed in what follows it: {detail}. The ledger is not touched; "
        "restart the node and send the log to whoever supplies the program.",
    ),
    "snapshot_unwritten": (
        "给加入者的快照未能写成：{detail}。账本不受影响，下次到时再试；请检查磁盘。",
        "A snapshot for joiners could not be written: {detail}. The ledger is not touched; the next one is "
        "tried when it is due. See the disk.",
    ),
    "hash": (
        "本节点的状态与下一个区块所载的不同（引擎高度、本节点的哈希、区块中的哈希）：{detail}。节点已停在此"
        "处，"
        "未执行该区块。请勿反复重启；运行 hansa node diff 与另一节点比对，并将结果发给软件供应方。",
        "The state here is not that of the next block (engine height, hash here, hash there): {detail}. "
        "The node stands still and has not executed that block. Do not restart it again and again: compare "
        "with another node by hansa node diff, and send what it finds to the maker of the program.",
    ),
    "proposal": (
        "成员单位 {detail} 的验证节点提交了不合规的区块（交易格式有误、过大，或签名不成立），"
        "本节点已拒绝，账本不受影响。请该成员单位检查其节点程序与机器；若全体成员的区块都被本节点拒绝，则请"
        "检查本机。",
        "The validator of {detail} proposed a block with transactions that are malformed, too large or not "
        "truly signed; it was refused here and nothing of it is on the ledger. Ask that member to check its "
        "node's program and machine; if the blocks of all members are refused here, check this machine.",
    ),
    "silent": (
        "验证节点久未签署区块：{detail}。请联系该成员单位；除名须由成员单位投票。",
        "A validator has not signed for long: {detail}. Call that member; only a vote takes its seat away.",
    ),
    "bent": (
        "执行区块 {detail} 时，本机内存中的记录与磁盘上的不符；已按磁盘重新计算，结果一致，节点继续运行。"
        "请检查内存。",
        "While block {detail} was executed, this machine's memory was not what lies on its disk. It was "
        "computed anew from disk and agrees; the node goes on. Test the memory.",
    ),
    "restarted": (
        "监护进程已将应用与引擎一同重新启动。偶尔一次无需处理；反复出现请看日志。原因：{detail}",
        "The supervisor started application and engine anew. Once in a while that is nothing to act on; "
        "where "
        "it keeps coming, see the log. Cause: {detail}",
    ),
    "failing": (
        "应用与引擎多次启动未成，此后每 10 分钟再试。排除原因后向监护进程发送 SIGHUP（systemctl reload），"
        "即刻再试。"
        "原因：{detail}",
        "Application and engine failed to start several times, and are tried again every 10 minutes. Mend "
        "the "
        "cause, then send the supervisor SIGHUP (systemctl reload): it tries at once. Cause: {detail}",
    ),
    "held": (
        "监护进程让节点停在原处，不再自动重启，等您处理：hansa node status 说明应做什么。原因：{detail}",
        "The supervisor holds the node where it stands and starts nothing anew until you act: hansa node "
        "status says what to do. Cause: {detail}",
    ),
    TooSlow.code: ("{detail}", "{detail}"),
}
"""By code: (zh, en). `differs` and the watchdog's bring both texts along."""
OTHER = ("{detail}", "{detail}")


class Noted(Struct):
    """An incident as it is shown. `evidence` names a file in the data directory that proves it, if any."""

    code: str
    at_ms: TimeMs
    zh: str
    en: str
    height: Natural = 0
    evidence: str = ""


def noted(incident: Incident, height: int) -> Noted:
    """An incident with its texts. `height`: where the ledger stands."""
    zh, en = TEXTS.get(incident.what, OTHER)
    return Noted(
        code=f"incident.{incident.what}",
        at_ms=incident.at_ms,
        zh=zh.format(detail=incident.detail_zh or incident.detail),
        en=en.format(detail=incident.detail),
        height=height,
    )
