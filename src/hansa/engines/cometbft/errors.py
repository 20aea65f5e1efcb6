"""What stands between this node and its consensus engine (CometBFT), said by name."""

from hansa.kernel.refusal import Refusal


class NoNetwork(Refusal, code="engine.no_network", field="validators"):
    zh = (
        "该创世文件没有验证节点：由一家运营方写入区块，不能接共识引擎。请用 hansa up 启动；"
        "若要多家共同出块，请以 hansa network create 另建联盟。"
    )
    en = (
        "This genesis file names no validators: one operator's node orders the blocks, without an engine. "
        "Start it with `hansa up`; for a network of several, found one with `hansa network create`."
    )


class OtherGenesis(Refusal, code="engine.other_genesis", field="genesis"):
    zh = (
        "共识引擎的创世文件与本联盟的不一致（{what}）。引擎的文件由 genesis.json 生成，不要手工修改："
        "请停止节点，确认数据目录中的 genesis.json 与其他成员单位的相同，再重新启动。"
    )
    en = (
        "The engine was founded on another genesis file than this consortium's ({what}). Its files are made "
        "of genesis.json and not edited: stop the node, see that genesis.json is the one that the other "
        "members have, and start again."
    )


class HeightUnexpected(Refusal, code="engine.height_unexpected", field="height"):
    zh = (
        "共识引擎要求执行高度 {height}，而本节点账本停在引擎高度 {own}。两者的数据不属于同一时刻："
        "请停止节点，从同一份备份恢复二者，或清空引擎数据与账本后以快照重新加入。"
    )
    en = (
        "The engine asks for height {height}, but this node's ledger stands at engine height {own}: the two "
        "are not from the same moment. Stop the node and restore both from one backup, or clear both and "
        "join again by a snapshot."
    )


class NothingFinalized(Refusal, code="engine.nothing_finalized", field="height"):
    zh = "共识引擎要求提交，但之前没有执行区块。请重启节点。"
    en = "The engine asks to commit, but no block was executed before. Restart the node."


class MempoolShare(Refusal, code="engine.mempool_share", field="member"):
    zh = (
        "成员单位 {member} 在待打包队列中的交易已占其份额，其余留给其他成员单位。该交易未执行，未占用序号；"
        "请稍后原样重发。"
    )
    en = (
        "Member {member} has its share of the mempool waiting already; the rest is left to the others. "
        "Nothing was done and no sequence used: send the same bytes again a little later."
    )


class OtherSnapshot(Refusal, code="engine.other_snapshot", field="snapshot"):
    zh = (
        "高度 {height} 的快照与验证节点所签的区块头不符（{what}），未采用，账本未变。引擎会换用其他节点的"
        "快照；若都不可用，请不用快照、改从创世起逐块同步。"
    )
    en = (
        "The snapshot of height {height} is not what the validators signed ({what}): it is not used and the "
        "ledger is as it was. The engine goes on with one of another node; where all fail, join without a "
        "snapshot, block by block."
    )


class FrameUnfit(Refusal, code="engine.frame_unfit", field="message"):
    zh = (
        "与共识引擎之间的报文无法识别（{detail}）。请用 hansa engine check 检查引擎的版本，"
        "并确认没有其他程序使用该套接字。"
    )
    en = (
        "A message between engine and application cannot be read ({detail}). Check the engine's version with "
        "`hansa engine check`, and that no other program uses the socket."
    )
