"""Tables: what a reader sees, what a spreadsheet gets, what a program is told."""

import csv
import io
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from hansa.cli.tables import print_table, table_output
from hansa.client import tables
from hansa.client.tables import Column, Table, csv_text, json_bytes, xlsx_bytes
from hansa.client.texts import Text

COLUMNS = (
    Column("party", "单位", "party"),
    Column("currency", "币种", "currency", "currency"),
    Column("gross_minor", "含税", "gross", "money"),
    Column("price_e8", "单价", "price", "price"),
    Column("pieces", "件数", "pieces", "count"),
    Column("due_ms", "到期", "due", "time"),
    Column("day", "日期", "day", "date"),
    Column("paid", "已付", "paid", "flag"),
    Column("rate_bp", "税率", "rate", "share"),
)
ROWS = [
    ("甲厂", "CNY", -12345, 12_345_678, 7, 1_487_009_440_000, 17_210, True, 1300),
    ("=1+1", "JPY", 500, 100_000_000, 0, 0, None, False, 0),
    ("x", "KWD", 1, None, None, None, None, None, None),
]
TABLE = Table(Text("应付", "Payable"), COLUMNS, ROWS)


def test_people_read_money_by_its_currency_times_in_utc_and_dates() -> None:
    assert TABLE.texts(ROWS[0]) == [
        "甲厂", "CNY", "-123.45", "0.12345678", "7", "2017-02-13 18:10:40Z", "2017-02-13", "✓", "13.00 %",
    ]  # fmt: skip
    assert TABLE.texts(ROWS[1])[2:6] == ["500", "1.00", "0", ""]
    assert TABLE.texts(ROWS[2])[2:] == ["0.001", "", "", "", "", "", ""]


def test_programs_are_told_what_hansa_keeps() -> None:
    found = json.loads(json_bytes(TABLE))
    assert found[0] == dict(zip((column.name for column in COLUMNS), ROWS[0], strict=True))


def test_words_follow_the_language_and_json_does_not() -> None:
    columns = (
        Column("state", "状态", "state", words={"open": Text("在用", "in use")}),
        Column("name", "名称", "name"),
    )
    table = Table(
        Text("款项", "Funds"), columns, [("open", Text("甲", "A")), ("odd", (Text("乙", "B"), "c"))]
    )
    assert [table.texts(row, "zh") for row in table.rows] == [["在用", "甲"], ["odd", "乙、c"]]
    assert [table.texts(row, "en") for row in table.rows] == [["in use", "A"], ["odd", "B, c"]]
    assert csv_text(table, "zh").split("\n")[1] == "在用,甲"
    sheet = load_workbook(io.BytesIO(xlsx_bytes(table, "zh"))).active
    assert sheet is not None
    assert [cell.value for cell in sheet[2]] == ["在用", "甲"]
    assert json.loads(json_bytes(table)) == [
        {"state": "open", "name": {"zh": "甲", "en": "A"}},
        {"state": "odd", "name": [{"zh": "乙", "en": "B"}, "c"]},
    ]


def test_times_are_shown_by_the_clock_of_the_row() -> None:
    columns = (
        Column("from_ms", "开始", "from", "time"),
        Column("zone", "时区", "zone", "zone"),
    )
    at_ms = 1_804_176_000_000  # 2027-03-04 16:00 UTC
    rows = [(at_ms, "Asia/Shanghai"), (at_ms + 30_000, "Europe/Berlin"), (at_ms, "Nowhere/There"), (0, "")]
    table = Table(Text("租约", "Leases"), columns, rows)
    assert [table.texts(row)[0] for row in rows] == [
        "2027-03-05 00:00 +08:00", "2027-03-04 17:00:30 +01:00", "2027-03-04 16:00:00Z", "",
    ]  # fmt: skip
    sheet = load_workbook(io.BytesIO(xlsx_bytes(table, "zh"))).active
    assert sheet is not None
    assert [cell.value for cell in sheet["A"]][1:3] == [datetime(2027, 3, 5), datetime(2027, 3, 4, 17, 0, 30)]
    assert json.loads(json_bytes(table))[0] == {"from_ms": at_ms, "zone": "Asia/Shanghai"}


def test_ids_are_short_on_a_screen_only(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table(
        Text("", ""), (Column("id", "编号", "id", short=6),), [("0123456789",), (("abcdefgh", "x"),)]
    )
    print_table(table, "en")
    shown = capsys.readouterr().out
    assert "012345 " in shown
    assert "abcdef, x" in shown
    assert "0123456789" in csv_text(table, "en")


def test_csv_reads_back_and_begins_with_the_mark_for_excel_where_asked() -> None:
    text = csv_text(TABLE, "zh", bom=True)
    assert text.startswith("\ufeff单位,币种,含税")
    assert csv_text(TABLE, "en").startswith("party,")
    rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))
    assert rows[1][2] == "-123.45"
    assert rows[2][0] == "'=1+1"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", " =", "＝", "'=", '"='])
def test_no_text_can_run_as_a_formula(start: str) -> None:
    evil = start + 'HYPERLINK("http://x","y")'
    table = Table(Text("t", "t"), (Column("a", "a", "a"),), [(evil,)])
    cell = next(csv.reader(io.StringIO(csv_text(table, "en").split("\n", 1)[1])))[0]
    assert cell.startswith(("'", "?"))
    sheet = load_workbook(io.BytesIO(xlsx_bytes(table, "en"))).active
    assert sheet is not None
    assert sheet["A2"].data_type == "s"


def test_a_sheet_holds_numbers_as_numbers_with_their_format() -> None:
    sheet: Any = load_workbook(io.BytesIO(xlsx_bytes(TABLE, "zh"))).active
    assert sheet.title == "应付"
    assert [cell.value for cell in sheet[1]] == [column.zh for column in COLUMNS]
    assert (float(sheet["C2"].value), sheet["C2"].number_format) == (-123.45, "#,##0.00")
    assert (sheet["C3"].value, sheet["C3"].number_format) == (500, "#,##0")
    assert sheet["F2"].value.isoformat() == "2017-02-13T18:10:40"
    assert sheet["G2"].value.date().isoformat() == "2017-02-13"
    assert sheet["I2"].value == pytest.approx(0.13)


def test_a_list_too_long_for_a_sheet_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "ROWS_MAX", 2)
    with pytest.raises(tables.TableTooLong) as refused:
        xlsx_bytes(TABLE, "en")
    assert "3" in refused.value.zh


@given(st.text(max_size=40))
def test_any_text_can_be_shown_written_and_read(text: str) -> None:
    table = Table(Text(text, text), (Column("a", "a", "a"),), [(text,)])
    assert next(csv.reader(io.StringIO(csv_text(table, "en")))) == ["a"]
    sheet = load_workbook(io.BytesIO(xlsx_bytes(table, "en"))).active
    assert sheet is not None
    json_bytes(table)


@click.command()
@table_output
@click.pass_obj
def listed(lang: str) -> Table:
    assert lang == "zh"
    return TABLE


def shown(*options: object) -> str:
    told = CliRunner().invoke(listed, [str(option) for option in options], obj="zh")
    assert told.exit_code == 0, told.output
    return told.stdout_bytes.decode()


def test_a_command_shows_its_table_in_every_form(tmp_path: Path) -> None:
    assert "甲厂" in shown()
    assert "-123.45" in shown()
    assert json.loads(shown("--json"))[1]["gross_minor"] == 500
    assert shown("--csv") == csv_text(TABLE, "zh")
    assert shown("--bom") == csv_text(TABLE, "zh", bom=True)
    assert "3 行" in shown("--xlsx", tmp_path / "a.xlsx")
    assert (tmp_path / "a.xlsx").read_bytes()[:2] == b"PK"


def test_one_form_at_a_time() -> None:
    told = CliRunner().invoke(listed, ["--json", "--csv"], obj="zh")
    assert told.exit_code == 2
