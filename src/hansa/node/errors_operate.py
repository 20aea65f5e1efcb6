"""What operating a node may refuse: export, backup, restore, uninstall. Findings of `doctor`: findings.py."""

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
