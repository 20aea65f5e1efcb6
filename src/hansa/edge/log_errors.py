"""Every refusal of the log reader, in both languages: what is wrong, where, and what to do."""

from typing import NamedTuple

TEXTS: dict[str, tuple[str, str]] = {
    # The mapping file.
    "edge.mapping_unreadable": (
        "映射文件 {file} 读不了：{detail}。请检查路径和编码（须为 UTF-8）。",
        "The mapping {file} cannot be read: {detail}. Check the path and the encoding (UTF-8).",
    ),
    "edge.mapping_syntax": (
        "映射文件 {file} 不是有效的 TOML：{detail}。请改正该处。",
        "The mapping {file} is not valid TOML: {detail}. Correct that place.",
    ),
    "edge.mapping_unknown_key": (
        "映射文件中 {at} 有未知的键“{key}”。请删除或改正拼写；全部可用的键见 docs/reference/mapping.toml。",
        "The mapping has an unknown key '{key}' in {at}. Remove it or correct its spelling; "
        "docs/reference/mapping.toml shows every key.",
    ),
    "edge.mapping_missing_key": (
        "映射文件中 {at} 缺少必填的键“{key}”。请补上；说明见 docs/reference/mapping.toml。",
        "The mapping lacks the required key '{key}' in {at}. Add it; see docs/reference/mapping.toml.",
    ),
    "edge.mapping_type": (
        "映射文件中 {field} 的值不合要求：{detail}。说明见 docs/reference/mapping.toml。",
        "The mapping's value for {field} is not allowed: {detail}. See docs/reference/mapping.toml.",
    ),
    "edge.mapping_value": (
        "映射文件中 {field} 写的是“{value}”；应为{need_zh}。请改正。",
        "The mapping says {field} = '{value}'; it must be {need_en}. Correct it.",
    ),
    "edge.mapping_needs": (
        "映射文件中 {field} 不能缺：{need_zh}。请补上。",
        "The mapping needs {field}: {need_en}. Add it.",
    ),
    "edge.mapping_not_for": (
        "映射文件中 {field} 在这里不起作用：{need_zh}。请删除。",
        "The mapping's {field} has no meaning here: {need_en}. Remove it.",
    ),
    "edge.unit_unknown": (
        "{field} 的单位“{value}”不认识。可用的单位：{known}；其他单位请配合 scale 换算。",
        "The unit '{value}' of {field} is not known. Known units: {known}; convert any other with scale.",
    ),
    "edge.legal_use_power": (
        "{field}：由功率积分得到的电量只能作参考，不能标为 billing。请改为 indicative，或映射电能表读数。",
        "{field}: energy integrated from power is always indicative, never billing. "
        "Say indicative, or map the meter's own energy reading.",
    ),
    # The files.
    "edge.no_files": (
        "{field} 没有找到任何文件：{value}。请检查路径或通配符。",
        "No file was found for {field}: {value}. Check the path or the pattern.",
    ),
    "edge.file_unreadable": (
        "文件 {file} 读不了：{detail}。请检查文件是否完整、是否有读取权限。",
        "The file {file} cannot be read: {detail}. Check that it is whole and that you may read it.",
    ),
    "edge.file_too_large": (
        "文件 {file} 有 {value} 字节，上限是 {limit} 字节。请按日期拆成几个文件。",
        "The file {file} has {value} bytes; the limit is {limit}. Split it by date.",
    ),
    "edge.too_many_files": (
        "一次给出了 {value} 个文件，上限是 {limit} 个。请分批导入。",
        "{value} files were given at once; the limit is {limit}. Import them in parts.",
    ),
    "edge.sheet_missing": (
        "工作簿 {file} 没有名为“{value}”的工作表；现有：{known}。请改正映射中的 log.sheet。",
        "The workbook {file} has no sheet '{value}'; it has {known}. Correct log.sheet in the mapping.",
    ),
    "edge.column_missing": (
        "文件 {file} 没有列“{value}”（映射键 {field}）；现有的列：{known}。请改正列名、分隔符或表头行号。",
        "The file {file} has no column '{value}' (mapping key {field}); it has {known}. "
        "Correct the name, the delimiter or header_line.",
    ),
    "edge.no_header": (
        "文件 {file} 在第 {line} 行没有表头。请改正映射中的 log.header_line（没有表头写 0，列用序号）。",
        "The file {file} has no header on line {line}. Correct log.header_line "
        "(0 for none, and name columns by number).",
    ),
    "edge.time_zone_missing": (
        "文件 {file} 第 {line} 行的时间“{value}”没有时区。请在映射的 log.time_zone 写明，如 Asia/Shanghai。",
        "The time '{value}' in {file}, line {line}, has no time zone. "
        "Say which in log.time_zone of the mapping, for example Asia/Shanghai.",
    ),
    "edge.too_many_states": (
        "{field} 出现了超过 {limit} 种不同的状态，这一列多半不是状态。请改映射，或在 states 中归并。",
        "{field} takes more than {limit} different states, so it is hardly a state. "
        "Map another column, or merge values in its states table.",
    ),
    "edge.rows_malformed": (
        "{file} 等文件中有 {more}{count} 行无法读取，导入已停止，什么也没有保存。最先的几行：\n{rows}\n"
        "请改正映射或文件；如确认可以跳过这些行，请在映射中写 keep_good_rows = true。",
        "{more}{count} rows in {file} or other files cannot be read; the import stopped, nothing was kept. "
        "The first of them:\n{rows}\nCorrect the mapping or the file; if these rows may be left out, "
        "say keep_good_rows = true in the mapping.",
    ),
    "edge.probe_no_time": (
        "在 {file} 里没有找到时间列，认不出这是什么日志。请照 docs/reference/mapping.toml 手写映射。",
        "No time column was found in {file}, so it was not recognised as a log. "
        "Write the mapping by hand after docs/reference/mapping.toml.",
    ),
    # Rows that are malformed: they stop the import unless good rows may be kept.
    "edge.row_columns": (
        "应有 {need} 列，实有 {value} 列",
        "{value} columns where {need} are expected",
    ),
    "edge.row_encoding": ("含有按 {value} 无法解码的字节", "holds bytes that are not {value}"),
    "edge.row_quote": ("引号没有配对", "a quotation mark is not closed"),
    "edge.row_pairs": ("项目与值不成对", "items and values do not come in pairs"),
    "edge.asset_unclosed": (
        "多行资产块没有结束标记“{value}”",
        "the multi-line asset has no closing mark '{value}'",
    ),
    "edge.time_unreadable": (
        "时间“{value}”不符合映射中的 time_format（{need}）",
        "the time '{value}' is not written as time_format says ({need})",
    ),
    "edge.time_impossible": (
        "时间“{value}”不存在于日历或钟面",
        "the time '{value}' is on no calendar or clock",
    ),
    "edge.time_skipped": (
        "当地时间“{value}”因夏令时开始而不存在",
        "the local time '{value}' does not exist: clocks went forward over it",
    ),
    "edge.number_unreadable": ("“{value}”不是数", "'{value}' is not a number"),
    "edge.number_negative": ("数值 {value} 为负", "the number {value} is negative"),
    "edge.number_too_large": ("数值 {value} 过大", "the number {value} is too large"),
    "edge.state_unnamed": (
        "状态“{value}”不含拉丁字母或数字；请在 states 表中给它命名",
        "the state '{value}' has no Latin letter or digit; name it in the states table",
    ),
    # Rows that are refused for their time: they never stop an import.
    "edge.clock_before": (
        "时间早于 {value}（not_before），视为时钟未校准",
        "earlier than {value} (not_before): taken for a clock set wrong",
    ),
    "edge.clock_after": (
        "时间晚于 {value}（not_after），视为时钟未校准",
        "later than {value} (not_after): taken for a clock set wrong",
    ),
    "edge.clock_future": (
        "时间晚于导入时刻（允许偏差 {value}）",
        "later than the time of import (allowed skew {value})",
    ),
    "edge.clock_apart": (
        "与其余各行相隔超过 {value} 天，且不足全部行的 1%，视为时钟未校准",
        "more than {value} days apart from the rest, and less than 1 % of all rows: a clock set wrong",
    ),
}


class EdgeRefusal(Exception):
    """A log or a mapping that is not taken, with the reason for people in both languages.

    `code` is stable. `field` is the mapping key or the part of the row concerned. `line` and `column` count
    from 1; 0 means that there is none. Immutable.
    """

    def __init__(
        self, code: str, field: str, zh: str, en: str, file: str = "", line: int = 0, column: int = 0
    ) -> None:
        super().__init__(code, field, zh, en, file, line, column)

    code = property(lambda self: str(self.args[0]))
    field = property(lambda self: str(self.args[1]))
    zh = property(lambda self: str(self.args[2]))
    en = property(lambda self: str(self.args[3]))
    file = property(lambda self: str(self.args[4]))
    line = property(lambda self: int(self.args[5]))
    column = property(lambda self: int(self.args[6]))

    def __str__(self) -> str:
        return f"{self.code}: {self.en}"


class BadCell(Exception):
    """Part of a row that cannot be read. Caught by the reader, which knows file, line and column."""

    def __init__(self, code: str, **params: str | int) -> None:
        super().__init__(code, params)
        self.code = code
        self.params = params


class RefusedRow(NamedTuple):
    """A row that was not taken. `line` and `column` count from 1; column 0 means the whole row."""

    file: str
    line: int
    column: int
    code: str
    zh: str
    en: str


def texts(code: str, **params: str | int) -> tuple[str, str]:
    """The zh and en text of a code, filled in."""
    zh, en = TEXTS[code]
    return zh.format(**params), en.format(**params)


def refusal(
    code: str, field: str, *, file: str = "", line: int = 0, column: int = 0, **params: str | int
) -> EdgeRefusal:
    """The refusal of that code, its texts filled in from its place and `params`."""
    zh, en = texts(code, field=field, file=file, line=line, column=column, **params)
    return EdgeRefusal(code, field, zh, en, file, line, column)


def shown(text: str, most: int = 60) -> str:
    """Foreign text, made fit for a message: one line, bounded, no control characters."""
    clean = "".join(c if c.isprintable() else "�" for c in text[: most + 1])
    return clean if len(clean) <= most else clean[:most] + "…"
