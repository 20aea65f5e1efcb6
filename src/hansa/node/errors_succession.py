"""What handing the ledger to another operator may refuse, before anything is signed or changed."""

from hansa.kernel.refusal import Refusal


class SuccessionFileBroken(Refusal, code="succession.file_broken", field="file"):
    zh = "{path} 不是接任文件：{detail}。请向发件方重新索取。"
    en = "{path} is no succession file: {detail}. Ask its sender for it again."


class SuccessionFileTaken(Refusal, code="succession.file_taken", field="out"):
    zh = "{path} 已存在，未作改动。请另取文件名。"
    en = "{path} exists and was not touched. Name another file."


class SuccessionsDiffer(Refusal, code="succession.files_differ", field="file"):
    zh = "{path} 与第一个文件所签内容不同（联盟链、区块或继任方）。请只合并同一份接任文件。"
    en = "{path} signs another chain, block or successor than the first file. Join files of one only."


class SuccessionOtherChain(Refusal, code="succession.other_chain", field="chain"):
    zh = "接任文件属于另一联盟链 {chain}…，未签署。请检查文件与数据目录。"
    en = "The succession is of another chain, {chain}…: nothing was signed. Check the file and the directory."


class SuccessionBehind(Refusal, code="succession.behind", field="height"):
    zh = (
        "本节点在区块 {here}，比接任文件所列的区块 {height} 落后 {count} 个，未签署。"
        "请先让本节点跟上：可改从另一成员单位的从节点复制（node.toml 的 follow）。"
    )
    en = (
        "This copy is at block {here}, {count} behind block {height} of the succession: nothing was signed. "
        "Let it catch up first, if need be from another member's follower (`follow` in node.toml)."
    )


class SuccessionAhead(Refusal, code="succession.ahead", field="height"):
    zh = (
        "本节点在区块 {here}，比接任文件所列的区块 {height} 超前 {count} 个，未签署：这些区块也应保留。"
        "请由区块最高的成员单位重新发起。"
    )
    en = (
        "This copy is at block {here}, {count} ahead of block {height} of the succession: nothing was "
        "signed, since those blocks are to stand. Have the member with the highest block begin it anew."
    )


class SuccessionOtherHistory(Refusal, code="succession.other_history", field="app_hash"):
    zh = (
        "接任文件在区块 {height} 的根与本节点的账本不同：双方持有两部历史，未签署。"
        "请各成员单位比对各自的区块头与案卷，认定其一。"
    )
    en = (
        "The root at block {height} in the succession is not this copy's: there are two histories, and "
        "nothing was signed. Compare headers and cases with the other members, and agree on one."
    )


class SuccessionSignedHigher(Refusal, code="succession.signed_higher", field="height"):
    zh = "本节点会签过区块 {signed}，而账本只到区块 {here}：这是较旧的副本，未签署。请先补齐区块。"
    en = (
        "This node cosigned block {signed} and its ledger ends at block {here}: it is an older copy, and "
        "nothing was signed. Let it catch up first."
    )


class SuccessionSignedOther(Refusal, code="succession.signed_other", field="operator"):
    zh = (
        "本节点已签署或采用由 {signed} 在区块 {height} 之后接任的文件，而该文件指定 {operator}，未作改动："
        "两份文件都够数时，联盟链会分成两条。若各方已改定，请先撤回：hansa succession withdraw 目录。"
    )
    en = (
        "This node signed or took a succession by {signed} after block {height}, and this one names "
        "{operator}: nothing was changed, since with a quorum under both the chain would split in two. If "
        "all agreed on another successor, take the first back: `hansa succession withdraw DIRECTORY`."
    )


class SuccessionForgotten(Refusal, code="succession.forgotten", field="directory"):
    zh = (
        "该目录的账本来自备份或快照，或其签名记录（signed.db）曾丢失：无从得知本节点密钥是否会签过"
        "区块 {here} 之后的区块，未签署。请先向其他成员单位核实有无更高的区块；"
        "确无，再加 --nothing-later 执行。"
    )
    en = (
        "This ledger came from a backup or a snapshot, or its record of signatures (signed.db) was lost: "
        "nobody here knows whether this node's key cosigned a block after {here}, and nothing was signed. "
        "Ask the other members whether any holds a later block; if none does, run it again with "
        "--nothing-later."
    )


class SuccessionNotCounted(Refusal, code="succession.not_counted", field="signatures"):
    zh = (
        "本副本在区块 {here}，比接任文件所列的区块 {height} 落后 {count} 个；按本副本所知的见证方，"
        "文件的签名不成立（{cause}），未作改动。若席位此后经表决变动，请先改从另一成员单位的从节点复制"
        "（node.toml 的 follow），跟上后再执行；否则请向发件方重新索取文件。"
    )
    en = (
        "This copy is at block {here}, {count} behind block {height} of the succession, and by the cosigners "
        "that it knows the signatures do not count ({cause}): nothing was changed. If a vote changed the "
        "seats since, catch up first from another member's follower (`follow` in node.toml) and run this "
        "again; else ask the file's sender for it anew."
    )


class NoSeatHere(Refusal, code="succession.no_seat", field="directory"):
    zh = "{member} 的这把节点密钥没有见证席位，其签名不计数，未签署。请在见证方的数据目录中执行。"
    en = (
        "This node key of {member} has no seat among the cosigners, so its signature would not count: "
        "nothing was signed. Run it on a cosigner's data directory."
    )


class NotTheSuccessor(Refusal, code="succession.not_the_successor", field="directory"):
    zh = "接任文件指定 {operator}，而该目录属于 {member} 或其节点密钥不符，未作改动。请由继任方执行。"
    en = (
        "The succession names {operator}; this directory is {member}'s, or its node key is another. Nothing "
        "was changed: the successor itself starts it."
    )


class SuccessionPassed(Refusal, code="succession.passed", field="directory"):
    zh = (
        "本副本在区块 {height} 之后沿用了被接替运营方的区块（现在区块 {here}），这些区块已不算数，未作改动。"
        "请将该目录的 ledger.db 及其 -wal、-shm 文件移到别处（signed.db 与案卷必须留下），再执行本命令，"
        "由继任方重新复制。"
    )
    en = (
        "This copy went on after block {height} with the operator that is replaced (it is at block {here}): "
        "those blocks no longer count, and nothing was changed. Move ledger.db with its -wal and -shm out of "
        "the directory (signed.db and the cases must stay) and run this again: it copies anew."
    )


class NothingSigned(Refusal, code="succession.nothing_signed", field="directory"):
    zh = "本节点在区块 {height} 没有签署过接任文件，无可撤回。"
    en = "This node signed no succession after block {height}: there is nothing to take back."
