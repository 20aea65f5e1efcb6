"""A mapping guessed from the heads of a bank's CSV reads that very file; a person looks through it before."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hansa.client.pay import errors
from hansa.client.pay.bank_csv import Columns, read_csv
from hansa.client.pay.guess import guessed, words
from tests.client.test_pay_files import CHINESE_FILE, GERMAN_FILE, mapping

SWISS = """Date|Amount|Currency|Account|Counterparty|Balance
02/01/2026|5.00|CHF|77|A|5.00
13/01/2026|-1.00|CHF|77|A|4.00
"""


def test_a_chinese_file_is_read_by_what_is_guessed_of_it(tmp_path: Path) -> None:
    data = CHINESE_FILE.encode("gb18030")
    text = guessed(data, "icbc.csv")
    assert 'account = ""  # 请填写' in text
    filled = text.replace('account = ""', 'account = "6222"')
    lines = read_csv(data, mapping(tmp_path, filled), "icbc.csv")
    assert [(one.amount_minor, one.direction, one.payer, one.bank_reference) for one in lines] == [
        (123_456_789, "in", "甲工厂有限公司", "F001"),
        (8_800, "out", "水电公司", "F002"),
    ]
    assert lines[0].text == "货款 RF18 5390"
    with pytest.raises(errors.FileTruncated):
        read_csv(data.split("合计".encode("gb18030"))[0], mapping(tmp_path, filled), "icbc.csv")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "windows-1252", "utf-16"])
def test_a_german_file_in_any_encoding(tmp_path: Path, encoding: str) -> None:
    data = GERMAN_FILE.encode(encoding)
    filled = guessed(data, "konto.csv").replace('account = ""', 'account = "DE89370400440532013000"')
    lines = read_csv(data, mapping(tmp_path, filled), "konto.csv")
    assert [(one.amount_minor, one.direction, one.currency) for one in lines] == [
        (123_456, "in", "EUR"),
        (1_200, "out", "EUR"),
    ]


def test_a_day_that_could_be_a_month_is_told_by_the_others(tmp_path: Path) -> None:
    text = guessed(SWISS.encode(), "x.csv")
    assert 'date = "DD/MM/YYYY"\n' in text
    assert len(read_csv(SWISS.encode(), mapping(tmp_path, text), "x.csv")) == 2
    doubtful = guessed(SWISS.replace("13/01", "03/01").encode(), "x.csv")
    assert 'date = "DD/MM/YYYY"  # 请核对' in doubtful


@pytest.mark.parametrize(
    "data", [b"", b"a,b\n1,2\n", b"\x00\xff" * 40, "日期,摘要\n".encode(), b"PK\x03\x04"]
)
def test_a_file_without_such_heads_is_named(data: bytes) -> None:
    with pytest.raises(errors.HeadUnknown):
        guessed(data, "x.csv")


def test_a_file_too_large_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hansa.client.pay.guess.FILE_BYTES_MAX", 10)
    with pytest.raises(errors.FileTooLarge):
        guessed(SWISS.encode(), "x.csv")


@given(st.text(max_size=200))
def test_any_text_is_guessed_or_refused(text: str) -> None:
    for data in (text.encode("utf-8", "ignore"), ("日期,金额\n" + text).encode("utf-8", "ignore")):
        try:
            made = guessed(data, "x.csv")
        except errors.HeadUnknown:
            continue
        assert "[columns]" in made


def test_heads_are_known_for_every_column() -> None:
    assert set(words()) == set(Columns.__struct_fields__)
