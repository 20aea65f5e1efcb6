"""What a node says when it cannot start, cannot go on, or is asked for what it does not have."""

from hansa.kernel.refusal import Refusal


class Stopped(Refusal, code="engine.stopped", field="node"):
    zh = "节点因机器故障停机（{cause}），未提交任何内容。排除故障后重启节点，会再试同一区块。"
    en = (
        "The node stopped on a fault of its machine ({cause}); nothing was committed. "
        "Mend the cause and restart the node: it will try the same block again."
    )


class Waiting(Refusal, code="engine.waiting", field="node"):
    zh = "区块两次使节点停机（{cause}）。节点现只读等待：请查看事件，排除故障后再恢复写入。"
    en = (
        "A block stopped the node twice ({cause}). It now only reads: look at its incidents, "
        "mend the cause, then let it write again."
    )


class FileUnusable(Refusal, code="engine.file_unusable", field="path"):
    zh = "账本文件 {path} 无法使用：{cause}。请检查是否有另一进程正在使用它、磁盘是否正常，或从备份恢复。"
    en = (
        "The ledger file {path} cannot be used: {cause}. See whether another process has it open and whether "
        "the disk is sound, or restore a backup."
    )


class WrongGenesis(Refusal, code="engine.wrong_genesis", field="genesis"):
    zh = "该数据目录属于另一个联盟（链 {chain}…）。请使用它自己的创世文件，或另选目录。"
    en = "This data directory belongs to another consortium (chain {chain}…). Use its genesis file."


class WrongNodeKey(Refusal, code="engine.wrong_node_key", field="node_public"):
    zh = "节点私钥与创世文件中的节点公钥不符，它签的区块头无人承认。请使用创世时登记的节点私钥。"
    en = (
        "The node's key is not the one in the genesis file, so nobody would accept its headers. Use that key."
    )


class HistoryBroken(Refusal, code="engine.history_broken", field="header"):
    zh = "第 {height} 个区块与其签名、内容或状态不符：账本文件被改动或损坏。请从备份恢复。"
    en = (
        "Block {height} does not fit its signature, its content or the state: the ledger file was changed "
        "or damaged. Restore a backup."
    )


class RecordsBroken(Refusal, code="engine.records_broken", field="state"):
    zh = "磁盘上的全部记录与最后区块承诺的状态摘要不符：有记录被改动、增加或丢失。请从备份恢复。"
    en = (
        "The records on disk are not those that the last block commits to: some were changed, added or lost. "
        "Restore a backup."
    )


class NotOnLedger(Refusal, code="engine.not_on_ledger", field="height"):
    zh = "账本上没有这一项（{kind}）：区块 {height}，位置 {index}。请检查高度和位置。"
    en = "The ledger holds no such item: {kind} in block {height} at {index}. Check height and index."
