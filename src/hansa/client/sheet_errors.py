"""What is wrong with a sheet of machines: the file as a whole, or one cell that its owner can find."""

from hansa.kernel.refusal import Refusal


class SheetUnreadable(Refusal, code="sheet.unreadable", field="file"):
    zh = "文件 {file} 无法读取：{detail}。请用 Excel 另存为 xlsx，或存为 UTF-8 编码的 CSV。"
    en = "The file {file} cannot be read: {detail}. Save it as xlsx with Excel, or as CSV in UTF-8."


class SheetTooLarge(Refusal, code="sheet.too_large", field="file"):
    zh = "文件 {file} 过大：{what} 为 {value}，上限 {limit}。请分成几个文件，并删去多余的空行。"
    en = "The file {file} is too large: {what} is {value}, at most {limit}. Split it, and delete blank rows."


class SheetMissing(Refusal, code="sheet.missing", field="file"):
    zh = "没有名为 {sheets} 的工作表或 CSV 文件。请用 hansa asset template 生成模板并照其填写。"
    en = "There is no sheet, or CSV file, named {sheets}. Make a template with `hansa asset template`."


class ColumnMissing(Refusal, code="sheet.column_missing", field="column"):
    zh = "工作表 {sheet} 缺少列“{column}”。请照模板补上列名。"
    en = "Sheet {sheet} has no column `{column}`. Put the heads as in the template."


class ColumnUnknown(Refusal, code="sheet.column_unknown", field="column"):
    zh = "工作表 {sheet} 中的列“{column}”不认识或重复。请照模板更正列名，或删去该列。"
    en = "Sheet {sheet} has a column `{column}` that is unknown or there twice. Correct or delete it."


class CellMissing(Refusal, code="sheet.cell_missing", field="cell"):
    zh = "“{column_zh}”没有填写。合并的单元格只算其第一行，请逐行填写。"
    en = "`{column_en}` is empty. Merged cells count for their first row only: fill in each row."


class CellFormula(Refusal, code="sheet.cell_formula", field="cell"):
    zh = "“{column_zh}”是公式。请以“选择性粘贴—数值”换成数值：公式的结果因软件而异。"
    en = "`{column_en}` is a formula. Paste its value instead: what a formula gives depends on the program."


class CellWrong(Refusal, code="sheet.cell_wrong", field="cell"):
    zh = "“{column_zh}”的值 {value} 不对：应为{wanted_zh}。"
    en = "`{column_en}` is {value}, and should be {wanted_en}."


class RowTwice(Refusal, code="sheet.row_twice", field="cell"):
    zh = "“{column_zh}”的值 {value} 已在第 {row} 行出现。请删去一行，或换一个编号。"
    en = "`{column_en}` {value} stands in row {row} already. Delete one of them, or choose another id."


class MachineUnknown(Refusal, code="sheet.machine_unknown", field="cell"):
    zh = "设备 {asset} 既不在工作表 machines 中，也没有登记。请先补上该设备。"
    en = "Machine {asset} is neither in the sheet `machines` nor registered. Add it there first."


class CapabilityNone(Refusal, code="sheet.capability_none", field="cell"):
    zh = "设备 {asset} 在工作表 capabilities 中没有任何一行。请写明它能做什么。"
    en = "Machine {asset} has no row in the sheet `capabilities`. Say what it can do."


class OfferDiffers(Refusal, code="sheet.offer_differs", field="cell"):
    zh = "编号为 {offer} 的闲置报盘已存在，内容不同。请换一个编号，或先撤回旧的。"
    en = "An offer {offer} exists and says otherwise. Choose another id, or withdraw that one first."


class NothingInSheet(Refusal, code="sheet.nothing", field="file"):
    zh = "文件中没有任何数据行。请照模板填写。"
    en = "There are no rows in it. Fill it in as the template shows."


class NotImported(Refusal, code="sheet.not_imported", field="file"):
    zh = "文件中有 {count} 处问题，未导入任何内容。请按上表逐项更正后再导入。"
    en = "Nothing was imported, for {count} problems, which are listed above. Correct them, then try again."
