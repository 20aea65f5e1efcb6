"""What an outbox says when it cannot be used, or is asked for what would not be safe."""

from hansa.kernel.refusal import Refusal


class InUse(Refusal, code="outbox.in_use", field="path"):
    zh = "发件箱 {path} 正由另一进程使用。请等它结束；两个进程不能共用一个发件箱。"
    en = "Another process uses the outbox {path}. Wait until it ends: two cannot share one."


class Unusable(Refusal, code="outbox.unusable", field="path"):
    zh = "发件箱 {path} 无法使用：{cause}。未发送任何内容。请检查磁盘与权限；文件损坏时从备份恢复。"
    en = (
        "The outbox {path} cannot be used: {cause}. Nothing was sent. Look at the disk and the rights of the "
        "file, or restore a backup."
    )


class OtherOwner(Refusal, code="outbox.other_owner", field="path"):
    zh = "发件箱 {path} 属于成员单位 {member}（链 {chain}…），不能用于别处。请使用自己的发件箱文件。"
    en = "The outbox {path} belongs to member {member} on chain {chain}…. Use a file of its own."


class EntryUnknown(Refusal, code="outbox.entry_unknown", field="entry"):
    zh = "发件箱中没有第 {entry} 项。用 hansa tx list 查看。"
    en = "The outbox has no entry {entry}. `hansa tx list` shows them."


class EntryDone(Refusal, code="outbox.entry_done", field="entry"):
    zh = "第 {entry} 项已在账本上生效，不能撤下。"
    en = "Entry {entry} took effect on the ledger and cannot be dropped."


class MayStillCount(Refusal, code="outbox.may_still_count", field="entry"):
    zh = (
        "第 {entry} 项已发出而没有得到证明的结果：可能已经生效，或在账本时间 {until} 之前仍可能生效，"
        "现在不能撤下。请先用 hansa tx send 查明结果；节点不出示时，请换一个节点。"
    )
    en = (
        "Entry {entry} was sent and no outcome of it is proved: it may have taken effect, or may still do so "
        "until {until} of ledger time. So it cannot be dropped. Find out with `hansa tx send`, at another "
        "node if this one shows nothing."
    )


class SequenceFar(Refusal, code="outbox.sequence_far", field="sequence"):
    zh = "密钥 {key} 的序号已超前账本 {ahead} 个，须先等前面的交易有结果。请稍后再发。"
    en = (
        "The sequence numbers of key {key} are {ahead} ahead of the ledger; what was sent before must have "
        "its outcome first. Send again later."
    )
