"""Every refusal of the report."""

from hansa.kernel.refusal import Refusal


class ReportDataUnfit(Refusal, code="report.data_unfit", field="data"):
    zh = "报告数据不符合约定：{reason}（位置 {place}）。请改正该字段后重新生成报告。"
    en = (
        "The report data break the rule: {reason} (at {place}). Correct that field and make the report again."
    )


class ReportTooLarge(Refusal, code="report.too_large", field="data"):
    zh = "{place} 有 {count} 项，报告每处最多 {limit} 项。请先抽稀或只取一段时间。"
    en = (
        "{place} has {count} entries; a report holds at most {limit} there. Thin them or take a shorter time."
    )
