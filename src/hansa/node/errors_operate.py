"""What operating a node may refuse: export, backup, restore, uninstall. Doctor: errors_doctor.py."""

from hansa.kernel.refusal import Refusal


class ExportTaken(Refusal, code="export.folder_taken", field="to"):
    zh = "{path} 已存在，未作改动。请为导出另选一个新文件夹。"
    en = "{path} exists and was not touched. Name a new folder for the export."


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
