"""What `hansa doctor` finds: refusals by form, with a code and texts that say what to do; none is raised."""

from hansa.kernel.refusal import Refusal

# Directory and files.


class NoDirectory(Refusal, code="doctor.no_directory", field="directory"):
    zh = "没有数据目录 {path}。请检查路径，或先运行 hansa init。"
    en = "There is no data directory {path}. Check the path, or run `hansa init` first."


class DirectoryOpen(Refusal, code="doctor.directory_open", field="directory"):
    zh = "其他用户可以写入数据目录 {path}（权限 {mode}）。请执行：chmod 700 {path}"
    en = "Others may write to the data directory {path} (mode {mode}). Run: chmod 700 {path}"


class RightsOpen(Refusal, code="doctor.rights_open", field="directory"):
    zh = "其他用户可以读取 {what}：账本内容不应外泄。请执行：chmod -R go= {path}"
    en = "Others may read {what}: what the ledger holds is not for them. Run: chmod -R go= {path}"


class KeySealedNode(Refusal, code="doctor.key_sealed", field="node.key"):
    zh = "节点私钥有口令保护，节点无法自行启动。请用 hansa key export 换成无口令的文件，并限制目录权限。"
    en = (
        "The node's key is sealed by a passphrase, so the node cannot start by itself. Replace it by a "
        "file without one and keep the directory to its user."
    )


class LedgerMissing(Refusal, code="doctor.ledger_missing", field="ledger.db"):
    zh = "数据目录中还没有账本文件。若节点从未启动，这是正常的；否则请从备份恢复（hansa restore）。"
    en = (
        "The directory holds no ledger yet. That is as it should be before the first start; else restore "
        "a backup (`hansa restore`)."
    )


# The ledger.


class StopNoted(Refusal, code="doctor.stop_noted", field="node"):
    zh = (
        "节点因机器故障停机 {stops} 次（{cause}），相关区块已记下。请排除故障后重启；停机两次后须由运维人"
        "员恢复写入。"
    )
    en = (
        "The node stopped {stops} times on a fault of its machine ({cause}); the block is noted. Mend "
        "the cause and restart it; after two stops its operator must let it write again."
    )


class BehindSigned(Refusal, code="doctor.behind_signed", field="ledger.db"):
    zh = (
        "账本到区块 {height}，而本节点已签到 {signed}：这是旧副本。请运行 hansa restore --from 从节点地"
        "址 取回区块。"
    )
    en = (
        "The ledger ends at block {height}, but this node has signed up to {signed}: it is an older "
        "copy. Fetch the blocks: `hansa restore --from URL-of-a-follower`."
    )


class IncidentFiles(Refusal, code="doctor.incidents", field="incidents"):
    zh = "节点记录了 {count} 起异常，最近一起：{last_zh}（文件 {path}）。请查看并通知有关成员单位。"
    en = (
        "The node noted {count} incidents, the last: {last_en} (file {path}). Look into it and tell the "
        "members."
    )


# Keys.


class KeyExpires(Refusal, code="doctor.key_expires", field="key"):
    zh = "密钥 {member}/{key} 将于 {date}（{days} 天后）到期。请用 hansa key rotate 换新。"
    en = (
        "Key {member}/{key} expires on {date}, in {days} days. Put a new one in its place: `hansa key "
        "rotate`."
    )


class KeyExpired(Refusal, code="doctor.key_expired", field="key"):
    zh = (
        "密钥 {member}/{key} 已于 {date} 到期，不能再签名。请登记新密钥；若全部到期，请用恢复密钥或提请表决。"
    )
    en = (
        "Key {member}/{key} expired on {date} and signs no more. Register another; if none is left, use "
        "the recovery key or ask for a vote."
    )


class KeyRevoked(Refusal, code="doctor.key_revoked", field="key"):
    zh = "本节点使用的密钥 {member}/{key} 已于 {date} 吊销。请在 node.toml 中换成有效的密钥。"
    en = "Key {member}/{key}, which this node uses, was revoked on {date}. Name another in node.toml."


class KeyNotOnLedger(Refusal, code="doctor.key_unknown", field="key"):
    zh = "node.toml 中的密钥 {member}/{key} 不在账本上。请检查拼写，或先登记。"
    en = "Key {member}/{key} of node.toml is not on the ledger. Check its name, or register it."


class NoKeyLeft(Refusal, code="doctor.no_key_left", field="key"):
    zh = "成员单位 {member} 没有仍然有效的密钥。请用恢复密钥，或请其他成员提请表决恢复。"
    en = "Member {member} has no key that is still good. Use the recovery key, or ask the others for a vote."


# The machine.


class ClockBehind(Refusal, code="doctor.clock_behind", field="clock"):
    zh = "本机时钟比最后区块的时间慢 {seconds} 秒：时钟被调回，或当时偏快。请启用网络对时（NTP）。"
    en = (
        "This machine's clock lies {seconds} s behind the newest block: it was set back, or was fast "
        "then. Let it be set by the network (NTP)."
    )


class ClockOff(Refusal, code="doctor.clock_off", field="clock"):
    zh = "本机时钟与 {url} 相差 {seconds} 秒。请启用网络对时（NTP）；偏差过大时从节点会拒绝区块头。"
    en = (
        "This machine's clock and that of {url} are {seconds} s apart. Let it be set by the network "
        "(NTP): followers refuse headers that are too far off."
    )


class ClockJumps(Refusal, code="doctor.clock_jumps", field="clock"):
    zh = "检查期间时钟跳动了 {ms} 毫秒。请检查对时服务，避免多个程序同时调整时钟。"
    en = "The clock jumped by {ms} ms while it was looked at. See that one service alone sets it."


class DiskLow(Refusal, code="doctor.disk_low", field="disk"):
    zh = "账本所在磁盘只剩 {free_mb} MB。磁盘写满时节点会停止。请清理或扩容。"
    en = "The ledger's disk has {free_mb} MB left. The node stops when it is full: make room."


class DiskForecast(Refusal, code="doctor.disk_forecast", field="disk"):
    zh = (
        "按近期增长（每天 {daily_mb} MB），磁盘将在约 {days} 天后写满。请扩容，或在 node.toml 中设置 "
        "keep_blocks。"
    )
    en = (
        "At the present growth ({daily_mb} MB a day) the disk is full in about {days} days. Make room, "
        "or set keep_blocks in node.toml."
    )


class DiskUnwritable(Refusal, code="doctor.disk_unwritable", field="disk"):
    zh = "数据目录无法写入：{cause}。请检查权限、只读挂载与磁盘状态。"
    en = "The data directory cannot be written: {cause}. Check rights, mounts and the disk."


class DiskSlow(Refusal, code="doctor.disk_slow", field="disk"):
    zh = "磁盘同步一次需 {ms} 毫秒，每个区块至少同步一次。请使用本地固态硬盘，避免网络盘。"
    en = "A sync of the disk takes {ms} ms, and every block needs one. Use a local SSD, no network drive."


class PortBusy(Refusal, code="doctor.port_busy", field="port"):
    zh = "{host} 的端口 {port} 被其他程序占用（{who}）。请停止它，或在 node.toml 中换一个端口。"
    en = (
        "Port {port} of {host} is taken by another program ({who}). Stop it, or name another port in "
        "node.toml."
    )


class HeldSilent(Refusal, code="doctor.held_silent", field="directory"):
    zh = (
        "有进程占用数据目录（{who}），但端口 {port} 上没有应答的节点。请查明该进程；一个目录只供一个节点使"
        "用。"
    )
    en = (
        "A process holds the data directory ({who}), but no node of it answers on port {port}. Find out "
        "what it is: one directory serves one node."
    )


class NodeUnwell(Refusal, code="doctor.node_unwell", field="node"):
    zh = "运行中的节点自报异常：{detail_zh}。请按其说明处理，或查看日志。"
    en = "The running node says that it is unwell: {detail_en}. Do what it says, or see its log."


class PythonOld(Refusal, code="doctor.python_old", field="python"):
    zh = "Python {found} 过旧，需要 {wanted} 或更新。请升级 Python 并重新安装。"
    en = "Python {found} is too old; {wanted} or newer is needed. Upgrade it and install Hansa anew."


class SqliteOld(Refusal, code="doctor.sqlite_old", field="sqlite"):
    zh = "SQLite {found} 过旧，需要 {wanted} 或更新。请升级 Python 或系统的 SQLite。"
    en = "SQLite {found} is too old; {wanted} or newer is needed. Upgrade Python, or the system's SQLite."


class LibraryWrong(Refusal, code="doctor.library_wrong", field="libraries"):
    zh = "程序库 {name} 不符：已装 {found}，需要 {wanted}。请重新安装汉萨（pip install --upgrade hansa）。"
    en = "Library {name} does not fit: {found} is here, {wanted} is needed. Install Hansa anew (pip)."


class RulesScheduled(Refusal, code="doctor.rules_scheduled", field="rules"):
    zh = (
        "联盟已表决：自区块 {height} 起使用第 {rules} 版规则，本程序只支持到第 {limit} 版（账本现在高度 "
        "{now}）。请在此之前升级程序。"
    )
    en = (
        "The consortium voted for rules version {rules} from block {height} on; this program knows up to "
        "{limit}. Upgrade it before then (the ledger is at {now})."
    )


class RoomScheduled(Refusal, code="doctor.room_scheduled", field="rooms"):
    zh = (
        "联盟已表决：自区块 {height} 起启用应用 {name} {version}，本节点没有安装与之完全一致的软件包。请安"
        "装。"
    )
    en = (
        "The consortium voted for room {name} {version} from block {height} on, and exactly that is not "
        "installed here. Install it."
    )


# Others.


class PeerAway(Refusal, code="doctor.peer_away", field="peers"):
    zh = "{member} 的节点 {url} 没有应答：{cause_zh}请检查网络，并与对方联系。"
    en = "The node of {member}, {url}, does not answer: {cause_en} Check the network, and ask them."


class PeerBehind(Refusal, code="doctor.peer_behind", field="peers"):
    zh = "{member} 的节点 {url} 在高度 {height}，落后 {blocks} 个区块。请与对方联系。"
    en = "The node of {member}, {url}, is at height {height}, {blocks} blocks behind. Ask them."


class PeerAhead(Refusal, code="doctor.peer_ahead", field="peers"):
    zh = "{member} 的节点 {url} 自称在高度 {height}，本节点落后 {blocks} 个区块。请检查本节点是否在运行。"
    en = (
        "The node of {member}, {url}, says that it is at height {height}: this one is {blocks} behind. See "
        "that it runs."
    )


class PeerOther(Refusal, code="doctor.peer_other", field="peers"):
    zh = "{member} 的节点 {url} 属于另一个联盟。请检查其地址。"
    en = "The node of {member}, {url}, belongs to another consortium. Check its address."


class PeerUnsigned(Refusal, code="doctor.peer_unsigned", field="peers"):
    zh = (
        "{member} 的节点 {url} 出示的高度 {height} 的区块头不是当时运营方所签，不说明任何问题。请检查其地址，"
        "并与对方联系。"
    )
    en = (
        "The node of {member}, {url}, shows a header of height {height} that the operator of then did not "
        "sign: nothing follows from it. Check its address, and ask them."
    )


class TwoHistories(Refusal, code="doctor.two_histories", field="peers"):
    zh = (
        "{member} 的节点 {url} 在高度 {height} 有另一个区块头：两份历史。请保留双方的区块头，并通知各成员"
        "单位。"
    )
    en = (
        "The node of {member}, {url}, has another header at height {height}: two histories. Keep both "
        "headers and tell the members."
    )


class PeerUncommitted(Refusal, code="doctor.peer_uncommitted", field="peers"):
    zh = (
        "{member} 的节点 {url} 出示的高度 {height} 的区块头没有验证节点的表决，不说明任何问题。请检查其地"
        "址，并与对方联系。"
    )
    en = (
        "The node of {member}, {url}, shows a header of height {height} without votes of validators: "
        "nothing follows from it. Check its address, and ask them."
    )


class OtherState(Refusal, code="doctor.other_state", field="peers"):
    zh = (
        "{member} 的节点 {url} 在高度 {height} 的状态与本节点不同。请运行 hansa node diff，它会指出首个不同"
        "的记录；不要清空任何数据。"
    )
    en = (
        "The node of {member}, {url}, holds another state at height {height} than this one. Run hansa node "
        "diff, which names the first record that differs; clear nothing."
    )


class NoBackup(Refusal, code="doctor.no_backup", field="backup"):
    zh = "从未备份本目录。请运行 hansa backup，并把备份放到另一台机器上。"
    en = "This directory was never backed up. Run `hansa backup`, and keep the backup on another machine."


class BackupOld(Refusal, code="doctor.backup_old", field="backup"):
    zh = "最近一次备份在 {days} 天前（高度 {height}，账本现在高度 {now}）。请再次备份。"
    en = "The last backup is {days} days old (height {height}; the ledger is at {now}). Make another."


class CheckFailed(Refusal, code="doctor.check_failed", field="check"):
    zh = "检查“{check}”未能完成：{cause}。请排除原因后再次运行。"
    en = "The check `{check}` could not be made: {cause}. Remove the cause and run it again."
