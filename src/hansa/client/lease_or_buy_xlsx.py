"""The lease-or-buy sheet as a workbook that goes on reckoning: change an input, and the results follow.

The tariff itself stands as a table of quantities and charges, reckoned by the engine that rates statements;
between two quantities it is a straight line. Whoever changes the tariff makes the sheet anew.
"""

import io
from decimal import Decimal
from typing import Any

from hansa.apps.money.currencies import minor_digits
from hansa.client.lease_or_buy import Case, grid
from hansa.client.texts import Language

SHEETS = {"zh": ("输入", "资费", "结果"), "en": ("Inputs", "Tariff", "Result")}
"""Inputs, the tariff's charges, results."""
EDITABLE = "FFF6E5C8"
"""Ground of the cells that are there to be changed."""
COUNT = "#,##0"
NOTE = {
    "zh": "改动底色单元格，“结果”随之更新。“资费”由结算引擎算出；换资费时请重新生成本表。金额均不含税。",
    "en": "Change the shaded cells, and Result follows. Tariff was reckoned by the engine that rates "
    "statements; for another tariff make this workbook anew. All amounts are without tax.",
}
LABELS_ZH = (
    "月产量（件）", "小时", "资费", "人工", "能源", "租赁每月",
    "折旧与利息", "维护等", "人工", "能源", "购买每月", "更省",
)  # fmt: skip
LABELS_EN = (
    "Pieces a month", "Hours", "Tariff", "Crew", "Energy", "Lease, a month",
    "Capital", "Upkeep", "Crew", "Energy", "Buy, a month", "Cheaper",
)  # fmt: skip


def workbook_bytes(case: Case, lang: Language) -> bytes:
    """Three sheets: inputs, the tariff's charges, results with formulas."""
    from openpyxl import Workbook

    book = Workbook()
    points = grid(case)
    inputs, tariff, result = SHEETS[lang]
    book.active.title = inputs
    _inputs(book.active, case, lang)
    _tariff(book.create_sheet(tariff), case, points, lang)
    _result(book.create_sheet(result), case, len(points), lang)
    book.active = 2
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _money(case: Case, amount_minor: int) -> Decimal:
    return Decimal(amount_minor).scaleb(-minor_digits(case.tariff.currency))


def _money_format(case: Case) -> str:
    return COUNT + ("." + "0" * minor_digits(case.tariff.currency)).rstrip(".")


def _inputs(sheet: Any, case: Case, lang: Language) -> None:
    from openpyxl.styles import Alignment, PatternFill

    zh, currency, money = lang == "zh", case.tariff.currency, _money_format(case)
    hour, month = (f"{currency}/小时", f"{currency}/月") if zh else (f"{currency}/h", f"{currency}/month")
    rows: list[tuple[str, Any, str, str]] = [
        ("购买价" if zh else "Price", _money(case, case.price_minor), money, currency),
        ("残值" if zh else "Residual value", _money(case, case.residual_minor), money, currency),
        ("使用年限" if zh else "Life", case.life_months, COUNT, "月" if zh else "months"),
        ("年利率" if zh else "Interest a year", Decimal(case.interest_bp).scaleb(-4), "0.00%", ""),
        ("维护、保险、场地" if zh else "Upkeep", _money(case, case.upkeep_minor), money, month),
        ("操作人员" if zh else "Crew", _money(case, case.crew_minor), money, hour),
        ("能源" if zh else "Energy", _money(case, case.energy_minor), money, hour),
        ("产能" if zh else "Rate", case.pieces_per_hour, COUNT, "件/小时" if zh else "pieces/h"),
        ("租赁含操作人员" if zh else "Lease with crew", int(case.lease_with_crew), "0", _yes(zh)),
        ("租赁含能源" if zh else "Lease with energy", int(case.lease_with_energy), "0", _yes(zh)),
    ]
    for number, (label, value, shown, unit) in enumerate(rows, 1):
        _text(sheet, number, 1, label)
        cell = sheet.cell(number, 2, value)
        cell.number_format, cell.fill = shown, PatternFill("solid", fgColor=EDITABLE)
        _text(sheet, number, 3, unit)
    note = len(rows) + 2
    _text(sheet, note, 1, NOTE[lang])
    sheet.merge_cells(start_row=note, end_row=note + 2, start_column=1, end_column=3)
    sheet.cell(note, 1).alignment = Alignment(wrap_text=True, vertical="top")
    for column, width in (("A", 26), ("B", 18), ("C", 18)):
        sheet.column_dimensions[column].width = width


def _yes(zh: bool) -> str:
    return "1 是，0 否" if zh else "1 yes, 0 no"


def _tariff(sheet: Any, case: Case, points: list[int], lang: Language) -> None:
    zh = lang == "zh"
    _head(sheet, 1, 1, "月产量（件）" if zh else "Pieces a month")
    _head(sheet, 1, 2, f"{'资费（不含税）' if zh else 'Charge without tax'} {case.tariff.currency}")
    for number, pieces in enumerate(points, 2):
        sheet.cell(number, 1, pieces).number_format = COUNT
        sheet.cell(number, 2, _money(case, case.charge_minor(pieces))).number_format = _money_format(case)
    for column in "AB":
        sheet.column_dimensions[column].width = 24
    sheet.freeze_panes = "A2"


def _result(sheet: Any, case: Case, points: int, lang: Language) -> None:
    from openpyxl.styles import PatternFill

    _head(
        sheet, 1, 1, f"{'每月，不含税' if lang == 'zh' else 'A month, without tax'} ({case.tariff.currency})"
    )
    for number, label in enumerate(LABELS_ZH if lang == "zh" else LABELS_EN, 2):
        _text(sheet, number, 1, label)
    sheet.column_dimensions["A"].width = 30
    for at, scenario in enumerate(case.scenarios, 2):
        _head(sheet, 1, at, scenario.name)
        pieces = sheet.cell(2, at, scenario.pieces)
        pieces.number_format, pieces.fill = COUNT, PatternFill("solid", fgColor=EDITABLE)
        column = pieces.column_letter
        for number, formula in enumerate(formulas(column, points, lang), 3):
            cell = sheet.cell(number, at, formula)
            if number < 13:
                cell.number_format = "#,##0.0" if number == 3 else _money_format(case)
        sheet.column_dimensions[column].width = 18
    sheet.freeze_panes = "B2"


def formulas(column: str, points: int, lang: Language) -> list[str]:
    """Rows 3 to 13 of a scenario's column."""
    inputs, tariff = (f"'{name}'" for name in SHEETS[lang][:2])
    pieces = f"{column}2"
    quantities, charges = f"{tariff}!$A$2:$A${points + 1}", f"{tariff}!$B$2:$B${points + 1}"
    at = f"MIN(MATCH({pieces},{quantities},1),{points - 1})"
    low, high = f"INDEX({quantities},{at})", f"INDEX({quantities},{at}+1)"
    below, above = f"INDEX({charges},{at})", f"INDEX({charges},{at}+1)"
    lease, buy = ("租赁", "购买") if lang == "zh" else ("lease", "buy")
    price, residual, life, rate = (f"{inputs}!$B${row}" for row in (1, 2, 3, 4))
    return [
        f"={pieces}/{inputs}!$B$8",
        f"={below}+({pieces}-{low})*({above}-{below})/({high}-{low})",
        f"=IF({inputs}!$B$9=1,0,{column}3*{inputs}!$B$6)",
        f"=IF({inputs}!$B$10=1,0,{column}3*{inputs}!$B$7)",
        f"={column}4+{column}5+{column}6",
        f"=IF({rate}=0,({price}-{residual})/{life},-PMT({rate}/12,{life},{price},-{residual}))",
        f"={inputs}!$B$5",
        f"={column}3*{inputs}!$B$6",
        f"={column}3*{inputs}!$B$7",
        f"={column}8+{column}9+{column}10+{column}11",
        f'=IF({column}12<{column}7,"{buy}","{lease}")',
    ]


def _head(sheet: Any, row: int, column: int, text: str) -> None:
    from openpyxl.styles import Font

    _text(sheet, row, column, text)
    sheet.cell(row, column).font = Font(bold=True)


def _text(sheet: Any, row: int, column: int, text: str) -> None:
    """A text that stays one, whatever it begins with."""
    cell = sheet.cell(row, column, text)
    cell.data_type = "s"
