"""What founding, joining and leaving a network refuse, and what to do about it."""

from hansa.kernel.refusal import Refusal


class CardWrong(Refusal, code="network.card_wrong", field="card"):
    zh = (
        "创始成员卡 {what} 的签名不成立：须由其所载每把密钥签署；内容被改动，或不是网络的创始成员卡。请向"
        "该单位重新索取（hansa network card）。"
    )
    en = (
        "The founder's card {what} does not bear the signature of each of its keys: it was changed, or is "
        "no card of a network's founder. Ask that company again (`hansa network card`)."
    )


class FoundingWrong(Refusal, code="network.founding_wrong", field="file"):
    zh = "创始文件 {what} 不成立：{detail_zh}。请勿使用；请汇总方重新制作，并逐张核对成员卡。"
    en = (
        "The founding file {what} does not hold: {detail_en}. Do not use it; have it made anew, and compare "
        "each card."
    )


class NotFounder(Refusal, code="network.not_founder", field="directory"):
    zh = "创始文件中没有本目录的密钥。请确认文件和目录都是本单位的，或请汇总方加入贵单位的成员卡。"
    en = (
        "No card of the founding file holds the keys of this directory. See that file and directory are "
        "your company's, or have your card added."
    )


class NoCards(Refusal, code="network.no_cards", field="card"):
    zh = "没有给出成员卡。请各创始单位用 hansa network card 制作，再用 --card 逐张给出。"
    en = "No card was given. Each founder makes one by `hansa network card`; name each by --card."


class AddressWrong(Refusal, code="network.address_wrong", field="address"):
    zh = "地址 {given} 不对。请写成 主机:端口，例如 node.example.com:26656。"
    en = "The address {given} is wrong. Write HOST:PORT, such as node.example.com:26656."


class NotMyKeys(Refusal, code="network.not_my_keys", field="member"):
    zh = (
        "创始文件中 {member} 的验证节点密钥与本目录的不同：有人换了密钥，或成员卡是另一次制作的。请勿使用"
        "；请把本目录的成员卡交给汇总方重做。"
    )
    en = (
        "The founding file names another validator key for {member} than this directory holds: somebody "
        "put a key in its place, or the card was made at another time. Do not use it; give out this "
        "directory's card again."
    )


class InvitationWrong(Refusal, code="network.invitation_wrong", field="invitation"):
    zh = "邀请文件 {what} 不成立：{detail_zh}。请向邀请方重新索取（hansa network invite）。"
    en = "The invitation {what} does not hold: {detail_en}. Ask for it again (`hansa network invite`)."


class NoNetwork(Refusal, code="network.no_network", field="invitation"):
    zh = "{what} 属于由一个运营方运行的联盟，不是多节点网络。请用 hansa follow 跟随其节点。"
    en = (
        "{what} is of a consortium that one operator runs, not of a network. Follow its node with `hansa "
        "follow`."
    )


class NoRelay(Refusal, code="network.no_relay", field="relay"):
    zh = "邀请文件里没有 {member} 的引擎地址，不能由它中继。请另选一个有对外地址的成员单位。"
    en = (
        "The invitation has no address for the engine of {member}, so it cannot relay. Choose a member that "
        "has one."
    )


class NoNetworkNode(Refusal, code="network.no_network_node", field="url"):
    zh = (
        "{url} 的答复不是网络节点的：{detail}。请检查地址；若中间有代理，请让 /v1/engine 直通，或换一个成"
        "员单位的节点。"
    )
    en = (
        "{url} does not answer as a node of a network: {detail}. Check the address; let a proxy between "
        "pass /v1/engine, or ask another member's node."
    )


class EngineSays(Refusal, code="network.engine_says", field="url"):
    zh = "{url} 的共识引擎答复：{detail}。稍后再试，或换一个成员单位的节点。"
    en = "The engine at {url} says: {detail}. Try again later, or ask another member's node."


class TooFewNodes(Refusal, code="network.too_few_nodes", field="nodes"):
    zh = (
        "只有 {answered} 个成员单位的节点作了答复，选取信任高度至少要 {needed} 个互相印证。请联系邀请方修"
        "复地址，或用 --replay 从创世区块重放（不需要信任高度）。"
    )
    en = (
        "Only {answered} members' nodes answered; a trusted height needs {needed} that confirm each "
        "other. Have the addresses mended, or join by --replay from the first block, which needs no "
        "trusted height."
    )


class NothingProved(Refusal, code="network.nothing_proved", field="nodes"):
    zh = (
        "{answered} 个节点作了答复，但没有一个能证明其区块由本网络的验证方签署：邀请文件里的地址可能被人换"
        "过，或这些节点还没有取得名单变更的证明。请勿以快照加入；先与邀请方通电话核对地址，或用 --replay "
        "从创世区块重放（逐块核对签名）。"
    )
    en = (
        "{answered} nodes answered, and none proves that the validators of this network signed its blocks: "
        "addresses of the invitation may have been changed on its way, or these nodes lack the changes of "
        "the set. Do not join by a snapshot. Compare the addresses with the inviter by telephone, or join by "
        "--replay from the first block, whose signatures are checked one after the other."
    )


class NodesDiffer(Refusal, code="network.nodes_differ", field="nodes"):
    zh = (
        "各成员单位的节点在高度 {height} 出示不同的区块：{said}。其中有节点出错、分叉或说谎；请勿加入，先"
        "把这一行发给各成员单位查清（hansa node diff）。"
    )
    en = (
        "Members' nodes show different blocks at height {height}: {said}. One of them is wrong, forked or "
        "lies. Do not join; send this line to the members and have it looked into (`hansa node diff`)."
    )


class DiskSmall(Refusal, code="network.disk_small", field="disk"):
    zh = "{path} 所在磁盘只剩 {free_gb} GB，运行节点建议至少 {needed_gb} GB。请清理或换一个目录。"
    en = "The disk of {path} has {free_gb} GB left; a node should have {needed_gb} GB. Make room, or move."


class PortTaken(Refusal, code="network.port_taken", field="port"):
    zh = "{setting} 要用的端口 {host}:{port} 已被占用。请停掉占用它的程序，或换一个端口。"
    en = "{setting} needs the port {host}:{port}, which is taken. End what holds it, or choose another port."


class PortUnusable(Refusal, code="network.port_unusable", field="port"):
    zh = (
        "{setting} 的地址 {host}:{port} 不能监听：本机没有此地址，或端口小于 1024 而无权使用。请改地址或端"
        "口。"
    )
    en = (
        "{setting}: {host}:{port} cannot be listened on: this machine has no such address, or may not use "
        "a port below 1024. Change the address or the port."
    )


class NodeAway(Refusal, code="network.node_away", field="node"):
    zh = "{member} 的节点 {url} 没有正常答复：{cause_zh}"
    en = "The node of {member}, {url}, does not answer well: {cause_en}"


class OtherNetwork(Refusal, code="network.other_network", field="node"):
    zh = "{member} 的节点 {url} 属于另一个网络（创世文件不同）。请核对地址和邀请文件的核对码，不要连接它。"
    en = (
        "The node of {member}, {url}, belongs to another network: its genesis file differs. Compare "
        "address and check number; do not connect to it."
    )


class OtherEngine(Refusal, code="network.other_engine", field="engine"):
    zh = "{member} 的共识引擎版本是 {found}，本程序用 {version}。请与该单位确认谁该升级。"
    en = "The engine of {member} has version {found}, this program runs {version}. See which of you upgrades."


class NodeCatchingUp(Refusal, code="network.node_catching_up", field="node"):
    zh = "{member} 的节点还在追赶（引擎高度 {height}）。它追上之前不用它作参照。"
    en = "The node of {member} is still catching up (engine height {height}); it is no measure until then."


class ClockUnknown(Refusal, code="network.clock_unknown", field="clock"):
    zh = "没有节点报出时间，无法核对本机时钟。请确认本机已用 NTP 对时。"
    en = "No node told its time, so this machine's clock cannot be compared. See that it is set by NTP."


class ClockOff(Refusal, code="network.clock_off", field="clock"):
    zh = "本机时钟比各成员单位节点的中位时间{side_zh} {seconds} 秒。请用 NTP 对时后再试。"
    en = (
        "This machine's clock is {seconds} s {side_en} of the middle one of the members' nodes. Set it by "
        "NTP, then try again."
    )


class PeerAway(Refusal, code="network.peer_away", field="peers"):
    zh = "连不上 {member} 的共识引擎 {address}：{cause}。请双方检查防火墙与端口转发（TCP，直通，不经代理）。"
    en = (
        "The engine of {member} at {address} cannot be dialled: {cause}. Look at both firewalls and "
        "forwarded ports (TCP, straight through, no proxy)."
    )


class NoPeer(Refusal, code="network.no_peer", field="peers"):
    zh = "没有一个成员单位的共识引擎连得上（中继：{relay}）。节点只需向外的 TCP 连接；请放行后再试。"
    en = (
        "No member's engine can be dialled (relay: {relay}). A node needs outbound TCP only; have it let "
        "through, then try again."
    )


class OldKeyThere(Refusal, code="network.old_key_there", field="path"):
    zh = "{path} 已存在：这把共识密钥换下过一次，不能再用。请查明目录里各密钥的来历；未作改动。"
    en = (
        "{path} exists: this consensus key was replaced once already and is never used again. See where "
        "the keys of the directory come from; nothing was changed."
    )


class SignStateDamaged(Refusal, code="network.sign_state_damaged", field="path"):
    zh = "{path} 损坏：{detail}。它记着本节点签到哪个高度；请勿删除，按 docs/operate-a-network.md 处理。"
    en = (
        "{path} is damaged: {detail}. It says up to which height this node has signed. Do not delete it; "
        "go on as docs/operate-a-network.md says."
    )


class FolderTaken(Refusal, code="network.folder_taken", field="directory"):
    zh = "目录 {path} 属于另一个网络，未作改动。请换一个目录；创世文件从不覆盖。"
    en = "{path} belongs to another network and was not touched. Choose another directory."


class FolderOfAnother(Refusal, code="network.folder_of_another", field="directory"):
    zh = "目录 {path} 是 {whose} 的节点，不是 {member} 的，未作改动。请核对目录和成员单位（--id 或配置）。"
    en = (
        "{path} is the node of {whose}, not of {member}, and was not touched. Check the directory, and whom "
        "you act for (--id, or the profile)."
    )


class IdTaken(Refusal, code="network.id_taken", field="id"):
    zh = "编号 {member} 在创世文件中已属于另一家创始单位，未作改动。请另选编号；编号从不重用。"
    en = (
        "The genesis file gives the id {member} to a founder; nothing was written. Choose another: ids are "
        "never used again."
    )


class FolderNotEmpty(Refusal, code="network.folder_not_empty", field="directory"):
    zh = "目录 {path} 不是空的，未作改动。试用网络须建在新的目录里。"
    en = "{path} is not empty and was not touched. A trial network takes a new directory."


class NoKeys(Refusal, code="network.no_keys", field="directory"):
    zh = (
        "目录 {path} 中没有本单位的密钥。请在生成密钥的那台机器上执行，目录与 hansa network card 所用的相同。"
    )
    en = (
        "The keys of your company are not in {path}. Run it on the machine and with the directory of your "
        "`hansa network card`."
    )


class CannotJoin(Refusal, code="network.cannot_join", field="checks"):
    zh = "还不能加入：有 {count} 项检查不通过（见上，标 ✗）。逐项处理后再执行同一命令；未写入任何文件。"
    en = (
        "You cannot join yet; checks that failed: {count} (above, marked ✗). See to each, then run the same "
        "command again; nothing was written."
    )


class InvitationDiffers(Refusal, code="network.invitation_differs", field="invitation"):
    zh = (
        "邀请文件说高度 {height} 的区块是 {invited}…，{member} 的节点出示的是 {found}…。两者之一属于另一段"
        "历史；请勿加入，先与邀请方和 {member} 查清。"
    )
    en = (
        "The invitation says that the block of height {height} is {invited}…; the node of {member} shows "
        "{found}…. One of them is of another history. Do not join; look into it with the inviter and "
        "{member}."
    )


class NodeLies(Refusal, code="network.node_lies", field="nodes"):
    zh = (
        "{member} 的节点 {url} 出示的区块头没有得到该高度验证方名单的签署：{why_zh} 请勿经它加入，并告知各"
        "成员单位。"
    )
    en = (
        "The node of {member}, {url}, shows a header that the validators of its height did not sign: "
        "{why_en} Do not join through it, and tell the members."
    )
