"""Vouchers in the columns of accounting programs."""

import csv
import io
from pathlib import Path

import pytest

from hansa.client.journal import Draft, Voucher
from hansa.client.journal_accounts import read_chart
from hansa.client.journal_layouts import LAYOUTS, LayoutUnusable, laid_out, layout_text, read_layout
from hansa.client.tables import csv_text
from hansa.client.texts import Text

CHART = read_chart("cas")
MARCH_31 = 20_178
"""Days since the epoch: 2025-03-31."""


def voucher(number: str, day: int, debit: str, credit: str) -> Voucher:
    draft = Draft()
    draft.debit(debit, 12_345)
    draft.credit(credit, 12_345)
    text = Text("收款", "Receipt")
    return Voucher(number, day, "CNY", text, "plant", "g-1", "e", tuple(draft.entries))


VOUCHERS = [
    voucher("M-9.1", MARCH_31, "bank", "receivable"),
    voucher("M-2.0", MARCH_31 - 5, "cost", "payable"),
    voucher("M-10.0", MARCH_31 + 1, "payable", "bank"),
]


def rows(name: str) -> list[dict[str, str]]:
    made = laid_out(VOUCHERS, CHART, read_layout(name), "zh")
    return list(csv.DictReader(io.StringIO(csv_text(made, "zh"))))


def test_vouchers_are_numbered_by_month_and_keep_their_own_number() -> None:
    found = rows("kingdee")
    numbers = [(row["日期"], row["凭证字"], row["凭证号"], row["分录号"]) for row in found]
    assert numbers == [
        ("2025-03-26", "记", "1", "1"), ("2025-03-26", "记", "1", "2"),
        ("2025-03-31", "记", "2", "1"), ("2025-03-31", "记", "2", "2"),
        ("2025-04-01", "记", "1", "1"), ("2025-04-01", "记", "1", "2"),
    ]  # fmt: skip
    assert [row["摘要"] for row in found[::2]] == ["收款 M-2.0", "收款 M-9.1", "收款 M-10.0"]
    assert [(row["科目代码"], row["借方金额"], row["贷方金额"]) for row in found[2:4]] == [
        ("1002", "123.45", ""),
        ("1122", "", "123.45"),
    ]


def test_customers_and_suppliers_stand_where_accounts_are_kept_by_them() -> None:
    found = rows("ufida")
    assert [(row["客户编码"], row["供应商编码"]) for row in found] == [
        ("", ""), ("", "plant"), ("", ""), ("plant", ""), ("", "plant"), ("", ""),
    ]  # fmt: skip


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout_that_comes_with_hansa_is_usable(name: str, tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(layout_text(name), encoding="utf-8-sig")
    assert read_layout(file) == read_layout(name)


CHANGES = [
    ('value = "debit"', 'value = "debits"'),
    ('value = "debit"', 'value = "empty"'),
    ('value = "empty"', 'value = "currency"'),
    ("columns =", "column ="),
    ("columns = [", "columns = [" + '{ head = "x", value = "empty" },' * 60),
    ('name = "金蝶"', "name = 1"),
    ("columns = [", "columns = "),
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_layout_that_cannot_be_used_says_why(change: tuple[str, str], tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(layout_text("kingdee").replace(*change), encoding="utf-8")
    with pytest.raises(LayoutUnusable):
        read_layout(file)


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    for file in (tmp_path / "no.toml", tmp_path):
        with pytest.raises(LayoutUnusable):
            read_layout(file)
