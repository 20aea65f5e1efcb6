"""What a follower and a cosigner say: cosignatures and acknowledgements that do not hold, its own trouble."""

from hansa.node.errors import NodeRefusal


class CosignatureUnfit(NodeRefusal, code="node.cosignature_unfit", field="cosignature"):
    status = 403
    zh = (
        "成员单位 {member} 对高度 {height} 的会签不成立：不是当时的见证方，或签名与区块头不符。"
        "请核对密钥与区块头。"
    )
    en = (
        "The cosignature of {member} at height {height} does not hold: it was no cosigner then, or the "
        "signature is not of this header. Check its key and the header."
    )


class CosignatureOther(NodeRefusal, code="node.cosignature_other", field="app_hash"):
    status = 409
    zh = (
        "以 {member} 名义交来的高度 {height} 会签属于另一部历史（{theirs}…，本节点为 {ours}…），未采纳。"
        "请双方出示区块头查明。"
    )
    en = (
        "What came in the name of {member} for height {height} is of another history ({theirs}…, here "
        "{ours}…) and was not taken. Both sides should show their headers and find out why."
    )


class CosignatureEarly(NodeRefusal, code="node.cosignature_early", field="height"):
    status = 404
    zh = "本节点只到高度 {head}，尚无法核对高度 {height} 的会签。请稍后重发。"
    en = "This node stands at height {head}, so a cosignature of {height} cannot be checked. Send it later."


class CosignatureLate(NodeRefusal, code="node.cosignature_late", field="height"):
    status = 410
    zh = "高度 {height} 的会签已不再收集（最早 {first}）。请会签较新的区块头。"
    en = "Cosignatures of height {height} are no longer collected, from {first} on only. Sign a newer header."


class PromiseUnfit(NodeRefusal, code="node.promise_unfit", field="acknowledgement"):
    status = 403
    zh = "该回执不是本链运营方节点所签，不能据以查核。请核对创世文件与回执来源。"
    en = (
        "The acknowledgement is not signed by this chain's operator, so nothing follows from it. Check the "
        "genesis file and where it came from."
    )


class PromiseEarly(NodeRefusal, code="node.promise_early", field="acknowledgement"):
    status = 503
    zh = "本节点只到高度 {head}，尚无法核对高度 {height} 的回执由谁签署。请稍后重交。"
    en = (
        "This node stands at height {head}, so it cannot tell yet who signs acknowledgements of {height}. "
        "Hand it in again later."
    )


class PromisesFull(NodeRefusal, code="node.promises_full", field="acknowledgement"):
    status = 429
    zh = "等待查核的回执已达 {limit} 项。请在本节点追上后重发。"
    en = "{limit} promises wait to be looked up already. Send this again once the node has caught up."


class HeaderFromFuture(NodeRefusal, code="node.header_from_future", field="time_ms"):
    status = 409
    zh = "区块 {height} 的时间比本机时钟快 {ahead_s} 秒（容许 {limit_s} 秒），暂不采用。请检查两边的时钟。"
    en = (
        "The time of block {height} is {ahead_s} s ahead of this machine's clock ({limit_s} s are allowed): "
        "it waits. Check both clocks."
    )


class HeaderFromPast(NodeRefusal, code="node.header_from_past", field="time_ms"):
    status = 409
    zh = (
        "区块 {height} 的时间不可信：运营方节点曾表示区块 {after} 之后没有新区块，而该区块的时间比那一刻"
        "（按本机时钟）还早 {behind_s} 秒（容许 {limit_s} 秒），不予采用。请检查两边的时钟并查问运营方；"
        "确认无误后以 hansa follow 目录 --retry 重新启动。"
    )
    en = (
        "Block {height} is dated {behind_s} s before a moment, by this machine's clock, at which the "
        "operator still had nothing after block {after} ({limit_s} s are allowed): it is refused. Check both "
        "clocks and ask the operator; once that is settled, start again with hansa follow DIRECTORY --retry."
    )


class OwnDiskChanged(NodeRefusal, code="node.own_disk_changed", field="state"):
    status = 503
    zh = (
        "本节点自己磁盘上的记录与其最后区块不符：已被改动或损坏，不归咎运营方，也不再会签。"
        "请从快照或备份恢复。"
    )
    en = (
        "The records on this node's own disk are not those of its last block: they were changed or damaged. "
        "Nobody is accused and nothing is cosigned. Restore from a snapshot or a backup."
    )


class CosigningStopped(NodeRefusal, code="node.cosigning_stopped", field="cosignature"):
    status = 409
    zh = (
        "本节点已停止会签该运营方的区块头，因为它掌握了对其不利的证据（{file}）。请把证据交给各成员单位，"
        "由联盟更换运营方；更换后会签自动恢复。若查明是本方的差错，可用 "
        "hansa follow 目录 --set-aside 案卷 搁置它。"
        "不要新建目录：signed.db 记着本节点签过什么。"
    )
    en = (
        "This node has stopped cosigning this operator's headers, since it holds evidence against it "
        "({file}). Hand it to the members, so that the consortium takes another operator: it then cosigns "
        "again by itself. If the mistake was your own, put it aside with hansa follow DIRECTORY --set-aside "
        "CASE. Keep the directory: signed.db knows what this node has signed."
    )


class CosigningStoppedByDisk(NodeRefusal, code="node.cosigning_stopped_by_disk", field="cosignature"):
    status = 503
    zh = (
        "本节点已停止会签，因为它自己磁盘上的内容曾被改动或损坏（{file}）。请恢复账本（保留 signed.db），"
        "再以 hansa follow 目录 --set-aside 案卷 启动，届时会重新核对。"
    )
    en = (
        "This node has stopped cosigning, since what lay on its own disk was changed or damaged ({file}). "
        "Restore the ledger, keep signed.db, then start with hansa follow DIRECTORY --set-aside CASE: it is "
        "checked anew."
    )


class CaseUnknown(NodeRefusal, code="node.case_unknown", field="case"):
    status = 404
    zh = "没有可搁置的案卷 {case}。现有：{known}。请给出 cases 目录中的文件名。"
    en = "There is no case {case} to put aside. There are: {known}. Name a file of the folder cases."


class CaseFileBroken(NodeRefusal, code="node.case_file_broken", field="cases"):
    zh = "证据文件 {path} 无法读取：{detail}。请从备份取回该文件；在此之前不会会签。"
    en = (
        "The case file {path} cannot be read: {detail}. Bring it back from a backup; until then nothing is "
        "cosigned."
    )


class PeerPlain(NodeRefusal, code="node.peer_plain", field="node_url"):
    status = 403
    zh = (
        "成员记录中的节点地址 {url} 不是 https，未予访问。请该成员改正；若确实如此，请写入 node.toml 的 "
        "[peers]。"
    )
    en = (
        "The address {url} of a member's record is not https and was not asked. Have that member change it; "
        "if it is meant so, name it in node.toml under [peers]."
    )


class PeerPrivate(NodeRefusal, code="node.peer_private", field="node_url"):
    status = 403
    zh = (
        "成员记录中的节点地址 {url} 指向 {address}，属于本机或内网，未予访问。请该成员改正；若确实如此，"
        "请写入 node.toml 的 [peers]，或设 peers_private = true。"
    )
    en = (
        "The address {url} of a member's record leads to {address}, on this machine or in a private net, and "
        "was not asked. Have that member change it; if it is meant so, name it in node.toml under [peers], "
        "or set peers_private = true."
    )


class PromisesTrouble(NodeRefusal, code="node.promises_trouble", field="promises"):
    status = 503
    zh = "本节点未能查核交来的回执（{cause}），稍后再试。请检查本机磁盘与内存，若仍出现请联系供应方。"
    en = (
        "This node could not look for what was acknowledged ({cause}) and tries again. Look at this "
        "machine's disk and memory; if it keeps coming, send it to the maker of the program."
    )


class PeersTrouble(NodeRefusal, code="node.peers_trouble", field="peers"):
    status = 503
    zh = "本节点未能与其他节点比对区块头（{cause}），稍后再试。请检查本机磁盘与内存，若仍出现请联系供应方。"
    en = (
        "This node could not compare heads with another one ({cause}) and tries again. Look at this "
        "machine's disk and memory; if it keeps coming, send it to the maker of the program."
    )


class OperatorAway(NodeRefusal, code="node.operator_away", field="node"):
    status = 503
    zh = "运营方节点 {url} 没有应答（{cause}），交易未能转交。请稍后原样重发；只读查询仍由本节点回答。"
    en = (
        "The operator's node {url} does not answer ({cause}), so the transactions were not passed on. Send "
        "the same bytes later; this node goes on answering reads."
    )
