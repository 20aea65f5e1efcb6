"""What operating a node may refuse: export, backup, restore, uninstall. Doctor: errors_doctor.py."""

from hansa.kernel.refusal import Refusal


class ExportTaken(Refusal, code="export.folder_taken", field="to"):
    zh = "{path} 已存在，未作改动。请为导出另选一个新文件夹。"
    en = "{path} exists and was not touched. Name a new folder for the export."


class Cancelled(Refusal, code="operate.cancelled", field="progress"):
    zh = "已取消，未留下任何半成品。需要时请重新运行。"
    en = "Cancelled; nothing half-made is left. Run it again when you like."


class MemberUnknown(Refusal, code="export.member_unknown", field="member"):
    zh = "账本上没有成员单位 {member} 的任何记录。请检查成员单位的标识。"
    en = "The ledger holds nothing of a member {member}. Check the member's id."


class ReadingsUnusable(Refusal, code="export.readings_unusable", field="readings"):
    zh = "{path} 不是读数库：{cause}。请给出网关的读数库文件。"
    en = "{path} is no store of readings: {cause}. Name the file of a gateway's readings."


class NodeRuns(Refusal, code="uninstall.node_runs", field="directory"):
    zh = "数据目录 {path} 的节点正在运行。请先停止它。"
    en = "The node of {path} runs. Stop it first."


class NotHansas(Refusal, code="uninstall.not_hansas", field="directory"):
    zh = "{path} 不是汉萨的数据目录或配置目录，未作改动。请检查路径。"
    en = (
        "{path} is neither a data directory nor a folder of profiles of Hansa; nothing was touched. Check it."
    )


class NamedOnce(Refusal, code="uninstall.named_once", field="also"):
    zh = "{what} 一旦删除无法找回，须点名两次：--also {what} --really {what}。未作改动。"
    en = (
        "What is removed of {what} is gone. Name it twice: --also {what} --really {what}. Nothing was "
        "touched."
    )


class LedgerThere(Refusal, code="restore.ledger_there", field="directory"):
    zh = "{path} 已有账本（高度 {height}），未作改动。请另选目录；确要替换请加 --replace，原文件会改名保留。"
    en = (
        "{path} holds a ledger already (height {height}); nothing was touched. Choose another directory, "
        "or add --replace: what is there is renamed and kept."
    )


class NoBackupThere(Refusal, code="restore.no_backup", field="backup"):
    zh = "{path} 不是备份或快照文件夹。请给出 hansa backup 写出的文件夹。"
    en = "{path} is no backup and no snapshot. Name a folder that `hansa backup` wrote."


class GenesisMissing(Refusal, code="restore.genesis_missing", field="genesis"):
    zh = "快照不带创世文件，{path} 中也没有。请把可信的 genesis.json 放到该目录后再恢复。"
    en = (
        "A snapshot brings no genesis file, and {path} has none. Put genesis.json there, from a source "
        "you trust."
    )


class OtherHistory(Refusal, code="restore.other_history", field="header"):
    zh = (
        "{url} 在高度 {height} 的区块头与恢复出的账本不同：这不是同一份账本的延续。请勿启动节点，并与各成"
        "员单位核对。"
    )
    en = (
        "The header of {url} at height {height} is not the restored ledger's: it does not continue the "
        "same log. Do not start the node; compare with the members."
    )


class NotSignedByOperator(Refusal, code="restore.not_signed", field="header"):
    zh = "{url} 出示的高度 {height} 的区块头没有运营方节点的有效签名，不予采信。请换一个从节点。"
    en = (
        "The header that {url} shows for height {height} is not signed by the operator and counts for "
        "nothing. Ask another follower."
    )


class StillBehind(Refusal, code="restore.still_behind", field="height"):
    zh = (
        "账本到区块 {height}，而 {url} 已到 {head}，取不到缺少的区块。请用 --from 指定保存完整区块的跟随节"
        "点。"
    )
    en = (
        "The ledger ends at block {height}, {url} is at {head}, and the blocks between could not be had. "
        "Name a follower that keeps all blocks (--from)."
    )


class NobodyAsked(Refusal, code="restore.nobody_asked", field="from"):
    zh = "请用 --from 指定至少一个从节点；若确无其他节点，请用 --alone 确认没有更新的区块。"
    en = (
        "Name at least one follower (--from); or, where there is no other node at all, say with --alone "
        "that there are no later blocks."
    )
