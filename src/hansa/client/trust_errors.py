"""What a client of a network finds wrong with its host, and what to do about it."""

from hansa.kernel.refusal import Refusal


class TrustDamaged(Refusal, code="host.trusted_damaged", field="trusted"):
    zh = (
        "已核验的区块头文件 {path} 损坏：{detail}。没有它就认不出伪造的历史。请从备份恢复；"
        "或移走它，再用 hansa host use --checkpoint 以一个已知区块重新开始。"
    )
    en = (
        "The file of the newest checked header {path} is damaged: {detail}. Without it a forged history "
        "cannot be told. Restore it from a backup; or move it away and begin anew from a block that you "
        "know, with `hansa host use --checkpoint`."
    )


class HeadUnproved(Refusal, code="host.head_unproved", field="head"):
    zh = (
        "{url} 出示的区块头没有被验证节点证明：{why_zh}。不采信其内容。请换一个托管节点（hansa host use），"
        "并告知联盟。"
    )
    en = (
        "The header that {url} shows is not proved by the validators: {why_en}. Nothing of it is believed. "
        "Move to another host (`hansa host use`), and tell the consortium."
    )


class HostBehind(Refusal, code="host.behind", field="url"):
    zh = (
        "{url} 停在引擎高度 {height}，而本机已核验到 {seen}：它落后过多，或出示旧的历史。"
        "请稍后再试，或换一个托管节点（hansa host use）。"
    )
    en = (
        "{url} stands at the engine's height {height}, but {seen} was checked here before: it is too far "
        "behind, or shows an old history. Try later, or move to another host (`hansa host use`)."
    )


class HostAhead(Refusal, code="host.ahead", field="clock"):
    zh = (
        "{url} 的区块时间比本机时钟超前 {minutes} 分钟以上。请校准本机时钟（NTP）；若时钟无误，请换托管节点。"
    )
    en = (
        "The block time of {url} is more than {minutes} min ahead of this machine's clock. Set the clock "
        "(NTP); if it is right, move to another host."
    )


class HostFork(Refusal, code="host.fork", field="head"):
    zh = (
        "{url} 没有证明其高度 {height} 的历史是本机在高度 {seen} 核验过的那一部的延续："
        "该节点没有出示正确的一致性证明，或账本被改写、有两部历史。"
        "不采信其内容。两个区块头存于 {file}，请与别的节点核对（hansa host show），并交给联盟其他成员。"
    )
    en = (
        "{url} does not prove that its history at height {height} continues the one checked here at height "
        "{seen}: it shows no true proof of that, or the ledger was rewritten and there are two histories. "
        "Nothing of it is believed. Both headers lie in {file}: compare with another node (`hansa host "
        "show`), and show them to the other members."
    )


class HostEmpty(Refusal, code="host.empty", field="url"):
    zh = "{url} 还没有出示任何由验证节点证明的区块头。请稍后再试，或换一个托管节点（hansa host use）。"
    en = (
        "{url} shows no header that the validators proved yet. Try later, or move to another host "
        "(`hansa host use`)."
    )


class HostUnnamed(Refusal, code="host.unnamed", field="node"):
    zh = (
        "读取此内容须登录，但配置没有写明 {url} 是哪个成员单位的节点。"
        "请用 hansa host use {url} 或 hansa profile set --node。"
    )
    en = (
        "Reading this needs a session, but the profile does not say whose node {url} is. Use `hansa host use "
        "{url}`, or `hansa profile set --node`."
    )


class CheckpointDiffers(Refusal, code="host.checkpoint_differs", field="checkpoint"):
    zh = (
        "{url} 在引擎高度 {height} 的区块不是已知的 {hash}…，或缺少此前某次名单变更：这是另一部历史。"
        "不采信其内容。请核对检查点的来源，或换一个托管节点。"
    )
    en = (
        "At the engine's height {height} {url} has another block than the known {hash}…, or a change of the "
        "set before it is missing: it is another history, and nothing of it is believed. Check where the "
        "checkpoint comes from, or use another host."
    )


class HostUnknown(Refusal, code="host.unknown", field="url"):
    zh = "{url} 不在备用节点之中（{known}）。请核对地址；正在使用的节点用 hansa host use 更换。"
    en = (
        "{url} is not among the further nodes ({known}). Check the address; the node in use is changed by "
        "`hansa host use`."
    )


class NotANetwork(Refusal, code="host.no_network", field="profile"):
    zh = "该联盟由 {operator} 的节点出块，不用托管节点。请用 hansa profile set --url 改节点地址。"
    en = (
        "The node of {operator} orders the blocks of this consortium: there are no hosts. Change the node's "
        "address with `hansa profile set --url`."
    )
