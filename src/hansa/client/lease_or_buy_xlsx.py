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

INPUTS = "Inputs"
TARIFF = "Tariff"
RESULT = "Result"
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
    _inputs(book.active, case, lang)
    _tariff(book.create_sheet(TARIFF), case, points, lang)
    _result(book.create_sheet(RESULT), case, len(points), lang)
    book.active = 2
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _money(case: Case, amount_minor: int) -> Decimal:
    return Decimal(amount_minor).scaleb(-minor_digits(case.tariff.currency))


def _inputs(sheet: Any, case: Case, lang: Language) -> None:
    zh = lang == "zh"
    sheet.title = INPUTS
    rows: list[tuple[str, Any]] = [
        ("购买价" if zh else "Price", _money(case, case.price_minor)),
        ("残值" if zh else "Residual value", _money(case, case.residual_minor)),
        ("使用月数" if zh else "Life, months", case.life_months),
        ("年利率" if zh else "Interest a year", Decimal(case.interest_bp).scaleb(-4)),
        ("每月维护等" if zh else "Upkeep a month", _money(case, case.upkeep_minor)),
        ("每小时人工" if zh else "Crew an hour", _money(case, case.crew_minor)),
        ("每小时能源" if zh else "Energy an hour", _money(case, case.energy_minor)),
        ("每小时件数" if zh else "Pieces an hour", case.pieces_per_hour),
        ("租赁含人工（1 是）" if zh else "Lease with crew (1: yes)", int(case.lease_with_crew)),
        ("租赁含能源（1 是）" if zh else "Lease with energy (1: yes)", int(case.lease_with_energy)),
    ]
    for number, (label, value) in enumerate(rows, 1):
        _text(sheet, number, 1, label)
        sheet.cell(number, 2, value)
    sheet["B4"].number_format = "0.00%"
    sheet.column_dimensions["A"].width = 26
    sheet.column_dimensions["B"].width = 18


def _tariff(sheet: Any, case: Case, points: list[int], lang: Language) -> None:
    zh = lang == "zh"
    _text(sheet, 1, 1, "月产量（件）" if zh else "Pieces a month")
    _text(sheet, 1, 2, f"{'资费（不含税）' if zh else 'Charge without tax'} {case.tariff.currency}")
    for number, pieces in enumerate(points, 2):
        sheet.cell(number, 1, pieces)
        sheet.cell(number, 2, _money(case, case.charge_minor(pieces)))


def _result(sheet: Any, case: Case, points: int, lang: Language) -> None:
    zh = lang == "zh"
    labels = LABELS_ZH if zh else LABELS_EN
    for number, label in enumerate(labels, 2):
        _text(sheet, number, 1, label)
    sheet.column_dimensions["A"].width = 22
    format_ = "#,##0" + ("." + "0" * minor_digits(case.tariff.currency)).rstrip(".")
    for at, scenario in enumerate(case.scenarios, 2):
        _text(sheet, 1, at, scenario.name)
        sheet.cell(2, at, scenario.pieces)
        column = sheet.cell(1, at).column_letter
        for number, formula in enumerate(formulas(column, points, zh), 3):
            cell = sheet.cell(number, at, formula)
            if 4 <= number <= 12:
                cell.number_format = format_
        sheet.column_dimensions[column].width = 18


def formulas(column: str, points: int, zh: bool) -> list[str]:
    """Rows 3 to 13 of a scenario's column."""
    pieces = f"{column}2"
    quantities, charges = f"{TARIFF}!$A$2:$A${points + 1}", f"{TARIFF}!$B$2:$B${points + 1}"
    at = f"MIN(MATCH({pieces},{quantities},1),{points - 1})"
    low, high = f"INDEX({quantities},{at})", f"INDEX({quantities},{at}+1)"
    below, above = f"INDEX({charges},{at})", f"INDEX({charges},{at}+1)"
    lease, buy = ("租赁", "购买") if zh else ("lease", "buy")
    price, residual, life, rate = "Inputs!$B$1", "Inputs!$B$2", "Inputs!$B$3", "Inputs!$B$4"
    return [
        f"={pieces}/Inputs!$B$8",
        f"={below}+({pieces}-{low})*({above}-{below})/({high}-{low})",
        f"=IF(Inputs!$B$9=1,0,{column}3*Inputs!$B$6)",
        f"=IF(Inputs!$B$10=1,0,{column}3*Inputs!$B$7)",
        f"={column}4+{column}5+{column}6",
        f"=IF({rate}=0,({price}-{residual})/{life},-PMT({rate}/12,{life},{price},-{residual}))",
        "=Inputs!$B$5",
        f"={column}3*Inputs!$B$6",
        f"={column}3*Inputs!$B$7",
        f"={column}8+{column}9+{column}10+{column}11",
        f'=IF({column}12<{column}7,"{buy}","{lease}")',
    ]


def _text(sheet: Any, row: int, column: int, text: str) -> None:
    """A text that stays one, whatever it begins with."""
    cell = sheet.cell(row, column, text)
    cell.data_type = "s"
