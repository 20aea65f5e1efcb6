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


class OtherGenesisKept(Refusal, code="engine.other_genesis_kept", field="genesis"):
    zh = (
        "共识引擎的数据（engine/data）属于用另一份创世文件建立的链。请换回原来的 genesis.json；"
        "确要加入现在这条链的，请另用一个空的数据目录。"
    )
    en = (
        "The engine's data (engine/data) are of a chain founded on another genesis file. Put back the "
        "genesis.json that they were made with; to join the chain of this one, use an empty data directory."
    )


class Behind(Refusal, code="engine.behind", field="engine"):
    zh = (
        "共识引擎的数据（engine/data）比账本旧或已被清空，无法接着执行。请停止节点，"
        "把账本与引擎数据从同一份备份恢复；没有备份的，清空二者（保留密钥）后用快照重新加入。账本本身没有问题，"
        "清空前可先备份。"
    )
    en = (
        "The engine's data (engine/data) are older than the ledger, or were cleared: it cannot go on from "
        "there. Stop the node and restore ledger and engine from one backup; without one, clear both, keep "
        "the keys, and join again by a snapshot. The ledger itself is sound: back it up first."
    )


class EngineDisk(Refusal, code="engine.disk", field="engine"):
    zh = "共识引擎无法写盘（{cause}），不再为区块签名。请腾出或修复数据目录所在的磁盘，然后重启节点。"
    en = (
        "The engine cannot write to its disk ({cause}) and signs no more blocks. Make room on the disk of "
        "the data directory, or mend it; then restart the node."
    )


class TooFarBehind(Refusal, code="engine.too_far_behind", field="engine"):
    zh = (
        "账本太旧：它之后的区块已被共识引擎清理，无法补齐。请停止节点，清空账本与引擎数据（保留密钥），"
        "用快照重新加入。"
    )
    en = (
        "The ledger is too old: the engine no longer keeps the blocks that follow it. Stop the node, clear "
        "ledger and engine data, keep the keys, and join again by a snapshot."
    )


class Diverged(Refusal, code="engine.diverged", field="app_hash"):
    zh = (
        "本节点执行区块的结果与超过三分之二的表决权重所认定的不同，共识引擎已停在该高度。请勿清空数据："
        "先用 hansa node diff 找出首个不同的记录，核对各节点的版本，再用快照重新加入。"
    )
    en = (
        "What this node computed differs from what more than two thirds of the voting power signed; the "
        "engine stands still at that height. Clear nothing yet: find the first differing record by "
        "`hansa node diff`, compare the versions, then join again by a snapshot."
    )


class OtherVersion(Refusal, code="engine.other_version", field="version"):
    zh = "快照来自使用另一应用协议版本的网络，不能采用。请安装其他成员单位所用的 Hansa 版本。"
    en = (
        "The snapshot is of a network whose application has another protocol version. Install the release of "
        "Hansa that the other members run."
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


class ChangeNear(Refusal, code="engine.change_near", field="actions"):
    zh = (
        "{blocks} 个区块之内将启用另一版规则或应用，届时该交易的格式不再有效，可能赶不上。"
        "它未执行，未占用序号；请在新版启用后按新格式重新签名提交。"
    )
    en = (
        "Within {blocks} blocks other rules or rooms come into force, under which this transaction is no "
        "longer well formed, and it might come too late. Nothing was done and no sequence used: sign it anew "
        "for the new version once that is in force."
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


class SnapshotNoRoom(Refusal, code="engine.snapshot_no_room", field="snapshot"):
    zh = (
        "高度 {height} 的快照需要 {needed_mb} MB 空间（快照文件及由其建立的账本），磁盘只剩 {free_mb} MB，"
        "因此未取用。请腾出空间后重新加入；若远大于账本应有的大小，则提供快照的节点不可信，"
        "引擎会换用其他节点的快照。"
    )
    en = (
        "The snapshot of height {height} needs {needed_mb} MB (its files, and the ledger made of them) and "
        "the disk has {free_mb} MB left, so it is not taken. Make room and join again; if that is far more "
        "than the ledger can be, its sender is not to be trusted, and the engine goes on with another's."
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
