"""What a node says when it cannot start, cannot go on, or is asked for what it does not have."""

from hansa.kernel.apply import Applied
from hansa.kernel.refusal import Refusal


class Stopped(Refusal, code="engine.stopped", field="node"):
    zh = "节点因机器故障停机（{cause}），未确认任何内容。排除故障后重启节点，会再试同一区块。"
    en = (
        "The node stopped on a fault of its machine ({cause}); nothing more was acknowledged. "
        "Mend the cause and restart the node: it will try the same block again."
    )


class SetAside(Refusal, code="engine.set_aside", field="transaction"):
    zh = "交易 {transaction}… 曾两次使节点停机，运维人员已将其搁置，未执行。请联系运维单位，或改用其他操作。"
    en = (
        "Transaction {transaction}… was in a block that stopped the node twice, and its operator set it "
        "aside; it was not tried. Ask the operator, or do it in another way."
    )


class Waiting(Refusal, code="engine.waiting", field="node"):
    zh = "区块两次使节点停机（{cause}）。节点现只读等待：请查看异常记录，排除故障后再恢复写入。"
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
    zh = "节点私钥不是现任运营方节点的私钥，它签的区块头无人承认。请用登记的私钥；运营方已改选的，改为跟随。"
    en = (
        "The node's key is not that of the operator in force, so nobody would accept its headers. Use the "
        "registered key; where another operator was voted in, run this node as a follower."
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


class InUse(Refusal, code="engine.in_use", field="path"):
    zh = "数据目录 {path} 正被另一进程使用。请先停止那个节点；一个目录同一时间只供一个节点使用。"
    en = (
        "Another process uses the data directory {path}. Stop that node first: one directory serves one node."
    )


class DamagedOnDisk(Refusal, code="engine.damaged", field="state"):
    zh = "节点磁盘上的内容已损坏（{cause}）。节点已停止写入；请检查磁盘并从备份恢复。"
    en = (
        "What the node read from its disk is damaged ({cause}). It takes no more transactions: "
        "look at the disk and restore a backup."
    )


class Pruned(Refusal, code="engine.pruned", field="height"):
    zh = "本节点不再保存区块 {height} 的这部分内容（{what}），只从区块 {first} 起保存。请向完整节点查询。"
    en = (
        "This node no longer keeps that part of block {height} ({what}); it has it from block {first} on. "
        "Ask a node that keeps all."
    )


class TooFarBack(Refusal, code="engine.too_far_back", field="height"):
    zh = "高度 {height} 的状态已无法读出：至多回看 {limit} 个区块，且其改动须仍有保存。请改用较近的高度。"
    en = (
        "The state at height {height} cannot be read any more: at most {limit} blocks back, and no more "
        "changes than this node keeps and can lay aside at once. Ask for a later height."
    )


class NotNext(Refusal, code="engine.not_next", field="height"):
    zh = "收到区块 {height}，但本节点的下一个区块应为 {expected}。请从 {expected} 起发送。"
    en = "Block {height} came, but the next one here is {expected}. Send from {expected} on."


class NotByOperator(Refusal, code="engine.not_by_operator", field="header"):
    zh = "区块 {height} 的区块头没有运营方节点的有效签名，不予采用，也不构成证据。请检查其来源。"
    en = (
        "The header of block {height} has no good signature of the operator: it counts for nothing. "
        "See whence it came."
    )


class HandedOver(NotByOperator, code="engine.handed_over", field="header"):
    zh = (
        "本节点已签署接任文件：区块 {height} 之后由继任运营方续接，不再采用原运营方的区块。"
        "请等候继任方，或撤回本节点的签署：hansa succession withdraw。"
    )
    en = (
        "This node signed that the ledger goes on after block {height} with a successor, and takes no "
        "further block of the operator before. Wait for the successor, or take it back: "
        "`hansa succession withdraw`."
    )


class OtherSuccessor(NotByOperator, code="engine.other_successor", field="header"):
    zh = (
        "该区块由 {operator} 在区块 {height} 之后接任写入，而本节点签署或采用的接任方是 {signed}，未采用。"
        "该接任已有法定会签数的签名：请与其他成员单位认定其一；若为 {operator}，"
        "先执行 hansa succession withdraw，再以其文件执行 take。"
    )
    en = (
        "This block has {operator} succeed after block {height}, but this node signed or took a succession "
        "by {signed}, so it does not take the block. It has the signatures of a quorum: agree with the "
        "other members on one. If it is {operator}: `hansa succession withdraw`, then `take` with its file."
    )


class SuccessionNotHere(Refusal, code="engine.succession_not_here", field="actions"):
    zh = "接任交易不由现任运营方排序：须由继任方以 hansa succession start 作为其首个区块写入。未作改动。"
    en = (
        "A succession is not ordered by the operator that it replaces: the successor begins its first block "
        "with it, by `hansa succession start`. Nothing was done."
    )


class BlockUnfit(Refusal, code="engine.block_unfit", field="block"):
    zh = (
        "收到的区块 {height} 与运营方签名的区块头对不上（{what}）：可能在途中被改动，也可能出示者另有内容。"
        "不予采用，不归咎任何一方；本节点会再次索取。"
    )
    en = (
        "Block {height} as it came does not lie under the header that the operator signed ({what}): it may "
        "have been changed on its way, or somebody shows another one. It counts for nothing and accuses "
        "nobody; this node asks for it again."
    )


class Differs(Refusal, code="engine.differs", field="header"):
    """Signed by the operator, and wrong: evidence against it.

    `what` is transactions, outcomes, events, records, time or header; `found` is what this node computed,
    where it came to executing the block.
    """

    zh = "运营方签名的区块 {height} 与重新执行的结果不符：{what}。已留作证据，不再跟随；请通知各成员单位。"
    en = (
        "Block {height}, signed by the operator, is not what its transactions lead to: {what} differ. "
        "It is kept as evidence and not followed; tell the members."
    )

    def __init__(self, *, height: int, what: str, found: Applied | None = None) -> None:
        super().__init__(height=height, what=what)
        self.height, self.what, self.found = height, what, found


class SignedOther(Refusal, code="engine.signed_other", field="header"):
    zh = "本节点在高度 {height} 已签过另一个区块头，绝不再签第二个。请查明是谁出示了两份历史。"
    en = (
        "This node signed another header at height {height} and never signs a second one. "
        "Find out who shows two histories."
    )


class NotCaughtUp(Refusal, code="engine.not_caught_up", field="height"):
    zh = "账本只到区块 {height}，而本节点已签到 {signed}：这是旧副本。请先向从节点取回缺少的区块，再写入。"
    en = (
        "The ledger ends at block {height}, but this node has signed up to {signed}: it is an older copy. "
        "Fetch the missing blocks from a follower before it orders again."
    )


class Restored(Refusal, code="engine.restored", field="height"):
    zh = (
        "账本到区块 {height}，可能不是最新的：它来自备份，或其签名记录（signed.db）丢失，或其他节点已有更新的"
        "区块。写入之前请向从节点取回：hansa restore 数据目录 --from 从节点地址；确无其他节点时用 --alone。"
    )
    en = (
        "The ledger ends at block {height} and may not be the newest: it comes from a backup, or its record "
        "of signatures (signed.db) is gone, or others hold later blocks. Before it orders again: hansa "
        "restore DIRECTORY --from URL-of-a-follower; where there is no other node at all, --alone."
    )
