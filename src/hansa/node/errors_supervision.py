"""What running, watching and comparing nodes of a network may refuse; each says what to do."""

from hansa.kernel.refusal import Refusal


class FolderHeld(Refusal, code="node.folder_held", field="directory"):
    zh = "{path} 的节点已由另一进程运行（{who}）。一个目录同一时间只供一个节点使用；请先停止那个进程。"
    en = (
        "Another process runs the node of {path} ({who}). One directory serves one node; end that process "
        "first."
    )


class FolderLacks(Refusal, code="node.folder_lacks", field="directory"):
    zh = (
        "网络节点的目录缺少 {path}。请检查目录名；新节点的目录由 hansa network confirm（创始单位）或 hansa "
        "network "
        "join 建立，丢失的密钥文件请从另行保管之处放回。"
    )
    en = (
        "A network node's folder lacks {path}. Check the folder's name; the folder of a new node is made by "
        "hansa network confirm (founders) or hansa network join, and a key file that was lost comes from "
        "where "
        "you keep the keys apart."
    )


class GenesisDamaged(Refusal, code="node.genesis_damaged", field="genesis.json"):
    zh = "创世文件 {path} 无法读取：{detail_zh} 请从其他成员单位取回同一网络的 genesis.json，不要自行修改。"
    en = (
        "The genesis file {path} cannot be read: {detail_en} Take genesis.json of the same network from "
        "another "
        "member; never change it."
    )


class GenesisUnlike(Refusal, code="node.genesis_unlike", field="genesis.json"):
    zh = (
        "作出应答的其他节点（{members}）属于另一个网络：本目录的 genesis.json 与他们的不是同一份，或 node.t"
        "oml "
        "的 [peers] 写的是另一个网络的地址。节点没有启动。请与其他成员单位核对核对码，换回同一份 genesis.js"
        "on。"
    )
    en = (
        "The other nodes that answer ({members}) are of another network: genesis.json of this folder is not "
        "theirs, or [peers] of node.toml names nodes of another network. The node was not started. Compare "
        "the "
        "check number with the other members, and put back the genesis.json that they have."
    )


class NotNetwork(Refusal, code="node.not_network", field="role"):
    zh = (
        "{path} 的 node.toml 中 role 是 {role}：hansa node 只用于多家共同运行的网络节点。该目录请用 {other}。"
    )
    en = (
        "node.toml of {path} has the role {role}; `hansa node` is for nodes of a network that several "
        "companies run. Use {other} for this one."
    )


class KeyInUse(Refusal, code="node.key_in_use", field="validator.key"):
    zh = (
        "共识密钥 {address} 正在别处签名（引擎高度 {height} 的区块上有它的新签名）。两处同用一把密钥会构成"
        "双重签名并被停权，本节点没有启动引擎。请停止另一台机器上的节点；若密钥被盗，请立即用 hansa "
        "validator rotate 轮换。"
    )
    en = (
        "The consensus key {address} signs elsewhere: the block of engine height {height} bears a new "
        "signature of it. Two nodes with one key sign twice and lose their power, so the engine was not "
        "started. End the node on the other machine; if the key was stolen, rotate it at once: hansa "
        "validator rotate."
    )


class KeyUnsure(Refusal, code="node.key_unsure", field="validator.key"):
    zh = (
        "本目录没有该共识密钥的最新签名记录（{path}），或是从别处复制来的；而且{cause_zh}，无法确认密钥没有"
        "在别处"
        "使用。为避免双重签名，没有启动引擎。请等其他成员单位的节点恢复并出块后再试；若确知没有别的节点用这把"
        "密钥（例如链正因缺少本节点而停住）：hansa node run --only-node。"
    )
    en = (
        "This folder does not know what its consensus key signed last ({path}), or it was copied here from "
        "elsewhere; and {cause_en}: the key may be in use elsewhere. So that nothing is signed twice, the "
        "engine was not started. Try again when other members' nodes answer and make blocks; if you are sure "
        "that no other node has this key, say where the chain stands because this one is missing: "
        "hansa node run --only-node."
    )


class TwinConnected(Refusal, code="node.twin_connected", field="node.key"):
    zh = (
        "{member} 的节点此刻正与另一个使用本目录密钥的节点相连：本目录被复制过，另一份正在运行。为避免双重"
        "签名，没有"
        "启动引擎。请只保留其中一个；原机器刚断电时，它最多还会显示为相连约两分钟，之后会自动再试。"
    )
    en = (
        "The node of {member} is connected at this moment to another node with this folder's keys: the "
        "folder "
        "was copied, and the other copy runs. So that nothing is signed twice, the engine was not started. "
        "Keep one of them; a machine that has just lost its power may be shown as connected for two minutes "
        "more, then this is tried again by itself."
    )


class ClockWrong(Refusal, code="node.clock_wrong", field="clock"):
    zh = (
        "本机时钟与其他成员单位的节点相差 {seconds} 秒（允许 {limit} 秒）。节点没有启动。请启用时间同步（例"
        "如 systemctl enable --now systemd-timesyncd 或 chrony），再运行 hansa node run。"
    )
    en = (
        "This machine's clock is {seconds} s off those of the other members' nodes ({limit} s are "
        "allowed). The node was not started. Have the clock set by the network (systemd-timesyncd, "
        "chrony), then run hansa node run again."
    )


class ClockOther(Refusal, code="node.clock_other", field="clock"):
    zh = (
        "{member} 的节点所报时间与本机相差 {seconds} 秒（允许 {limit} 秒），但多数节点并非如此。本机照常启动"
        "；请核对是哪一方的时钟不准。"
    )
    en = (
        "The node of {member} says a time {seconds} s off this machine's ({limit} s are allowed), but most "
        "nodes do not. The node starts all the same; see which of the two clocks is wrong."
    )


class NodeAlreadyDown(Refusal, code="node.not_running", field="directory"):
    zh = "{path} 的节点没有在运行。用 hansa node run {path} 启动。"
    en = "The node of {path} does not run. Start it: hansa node run {path}."


class NoSuchRecordHeight(Refusal, code="diff.height_missing", field="height"):
    zh = "{where} 没有高度 {height} 的区块（目前到 {head}，或更早的已清理）。请用 --height 选两边都有的高度。"
    en = (
        "{where} has no block of height {height} (it stands at {head}, or older ones were pruned). Choose "
        "a height that both have by --height."
    )


class DiffOther(Refusal, code="diff.other_chain", field="nodes"):
    zh = "{one} 与 {other} 不属于同一条链（创世文件不同），无法比较。请核对目录和地址。"
    en = "{one} and {other} are not of one chain: their genesis files differ. Check folders and addresses."


class DiffWhose(Refusal, code="diff.whose_node", field="nodes"):
    zh = (
        "{url} 是哪个成员单位的节点？节点的记录只向成员单位的会话出示，会话要写明对方。请写成 成员单位=地"
        "址，例如 plant={url}。"
    )
    en = (
        "Whose node is {url}? Records are shown to members' sessions, which name the node. Write "
        "MEMBER=URL, such as plant={url}."
    )


class PortHeld(Refusal, code="node.port_held", field="port"):
    zh = (
        "node.toml 的 {setting} 要用 {host} 的端口 {port}，它已被占用（{who}），或本机没有该地址。请停止那"
        "个程序，或在 node.toml 中换一个。"
    )
    en = (
        "`{setting}` of node.toml needs port {port} of {host}: it is taken ({who}), or this machine has no "
        "such address. Stop that program, or name another in node.toml."
    )


class GenesisOther(Refusal, code="node.genesis_other", field="genesis.json"):
    zh = (
        "{path} 的创世文件没有验证节点：这条链由一家运营方排序，不是多家共同运行的网络。请换用网络的创世文"
        "件；该链的节点用 hansa up 或 hansa follow 运行。"
    )
    en = (
        "The genesis file of {path} names no validators: one operator orders this chain. Take the genesis "
        "file of the network; nodes of this chain run by `hansa up` or `hansa follow`."
    )


class PruneRoom(Refusal, code="prune.room_missing", field="disk"):
    zh = "{path} 所在磁盘只剩 {free_mb} MB，压缩时需要 {needed_mb} MB。请先腾出空间。"
    en = (
        "The disk of {path} has {free_mb} MB left; compacting takes {needed_mb} MB for a while. Make room "
        "first."
    )


class PruneFailed(Refusal, code="prune.engine_failed", field="engine"):
    zh = (
        "共识引擎的数据没有压缩成：{cause}。账本文件已压缩，数据没有损失；请用 hansa engine check 检查引擎"
        "后再试。"
    )
    en = (
        "The engine's data could not be compacted: {cause}. The ledger's files are done and nothing is "
        "lost; look at the engine (`hansa engine check`) and try again."
    )
