"""Bank statements as files: what is read, that a movement keeps its name, and what hostile files meet."""

import contextlib
import textwrap
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hansa.client.pay import bank_csv, camt, errors
from hansa.client.pay.bank_csv import Mapping, read_csv, read_mapping
from hansa.client.pay.camt import read_camt
from hansa.client.pay.items import BankLine, minor_of, named
from hansa.client.pay.needs import library
from hansa.client.tables import EPOCH
from hansa.kernel.refusal import Refusal

CHINESE = """
encoding = "gb18030"
date = "YYYYMMDD"
skip = 1
end = "合计"
account = "6222021234567890123"
currency = "CNY"
[columns]
day = "交易日期"
credit = "贷方发生额"
debit = "借方发生额"
payer = "对方户名"
payer_account = "对方账号"
text = ["摘要", "附言"]
bank_reference = "流水号"
"""
GERMAN = """
delimiter = ";"
decimal = ","
date = "DD.MM.YYYY"
account = "DE89370400440532013000"
pending = ["vorgemerkt"]
[columns]
day = "Valuta"
amount = "Betrag"
currency = "Währung"
payer = "Beteiligter"
text = ["Verwendungszweck"]
reference = "Referenz"
"""
CHINESE_FILE = """中国工商银行 明细,,,,,,,
交易日期,贷方发生额,借方发生额,对方户名,对方账号,摘要,附言,流水号
20261103,"1,234,567.89",,甲工厂有限公司,6222 0000 1111,货款,RF18 5390,F001
20261104 10:02:11,,￥88.00,水电公司,99,水费,,F002
20261105,0.00,0.00,,,利息说明,,F003
合计,"1,234,567.89",88.00,,,,,
"""
GERMAN_FILE = """Valuta;Betrag;Währung;Beteiligter;Verwendungszweck;Referenz;Status
03.11.2026;1.234,56;EUR;Plant AG;"Miete; Oktober";RF185390;
04.11.2026;-12,00;EUR;Bank;Gebühr;;vorgemerkt
"""


def mapping(tmp_path: Path, text: str) -> Mapping:
    file = tmp_path / "bank.toml"
    file.write_text(text, encoding="utf-8")
    return read_mapping(file)


def day(line: BankLine) -> str:
    return str(EPOCH.fromordinal(EPOCH.toordinal() + line.value_day))


def test_a_chinese_bank_with_two_columns_of_amounts(tmp_path: Path) -> None:
    lines = read_csv(CHINESE_FILE.encode("gb18030"), mapping(tmp_path, CHINESE), "icbc.csv")
    assert [(day(one), one.direction, one.amount_minor) for one in lines] == [
        ("2026-11-03", "in", 123_456_789),
        ("2026-11-04", "out", 8_800),
    ]
    assert lines[0].payer == "甲工厂有限公司"
    assert lines[0].text == "货款 RF18 5390"
    assert (lines[0].account, lines[0].currency, lines[0].bank_reference) == (
        "6222021234567890123",
        "CNY",
        "F001",
    )
    assert lines[0].source == "icbc.csv:3"


def test_a_german_bank_with_signs_and_decimal_commas(tmp_path: Path) -> None:
    lines = read_csv(b"\xef\xbb\xbf" + GERMAN_FILE.encode(), mapping(tmp_path, GERMAN), "konto.csv")
    assert [(one.direction, one.amount_minor, one.booked) for one in lines] == [
        ("in", 123_456, True),
        ("out", 1_200, False),
    ]
    assert (lines[0].text, lines[0].references) == ("Miete; Oktober", ("RF185390",))


def test_a_file_that_ends_within_quotes_is_not_whole(tmp_path: Path) -> None:
    broken = GERMAN_FILE + '05.11.2026;1,00;EUR;x;y;RF;"vorge'
    with pytest.raises(errors.FileTruncated) as refused:
        read_csv(broken.encode(), mapping(tmp_path, GERMAN), "x.csv")
    assert refused.value.values["line"] == 4


def test_account_numbers_that_banks_wrap_for_excel_are_unwrapped(tmp_path: Path) -> None:
    how = mapping(
        tmp_path, 'currency="CNY"\n[columns]\nday="d"\namount="a"\naccount="n"\npayer_account="p"\n'
    )
    (line,) = read_csv(b'd,a,n,p\n2026-01-02,5.00,="6222021234567890123",\t6222 \n', how, "x.csv")
    assert (line.account, line.payer_account) == ("6222021234567890123", "6222")


def test_a_column_of_words_says_which_way_money_went(tmp_path: Path) -> None:
    how = mapping(tmp_path, 'account="1"\ncurrency="CNY"\n[columns]\nday="d"\namount="a"\ndirection="w"\n')
    lines = read_csv("d,a,w\n2026-1-2,5.00,贷\n2026-01-02,5.00,借\n".encode(), how, "x.csv")
    assert [one.direction for one in lines] == ["in", "out"]
    with pytest.raises(errors.FieldInvalid) as refused:
        read_csv(b"d,a,w\n2026-1-2,5.00,?\n", how, "x.csv")
    assert refused.value.values["line"] == 2


@pytest.mark.parametrize(
    ("broken", "refusal", "line"),
    [
        (CHINESE_FILE.encode("utf-8"), errors.WrongEncoding, 0),
        (CHINESE_FILE.encode("utf-16"), errors.WrongEncoding, 1),
        (CHINESE_FILE.encode("gb18030")[:-60], errors.FileTruncated, 5),
        (CHINESE_FILE.split("合计")[0].encode("gb18030") + b'20261106,"1', errors.FileTruncated, 6),
        (CHINESE_FILE.split("合计")[0].encode("gb18030"), errors.FileTruncated, 6),
        (CHINESE_FILE.replace("对方户名", "户名").encode("gb18030"), errors.ColumnMissing, 0),
        (CHINESE_FILE.replace("20261103", "20261303").encode("gb18030"), errors.FieldInvalid, 3),
        (CHINESE_FILE.replace("20261104 ", "2026-11-04 ").encode("gb18030"), errors.FieldInvalid, 4),
        (CHINESE_FILE.replace("1,234,567.89", "NaN", 1).encode("gb18030"), errors.FieldInvalid, 3),
        (CHINESE_FILE.replace("1,234,567.89", "1e30", 1).encode("gb18030"), errors.FieldInvalid, 3),
        (CHINESE_FILE.replace("1,234,567.89", "1.234.567,89", 1).encode("gb18030"), errors.FieldInvalid, 3),
        (CHINESE_FILE.replace("1,234,567.89", "12,34", 1).encode("gb18030"), errors.FieldInvalid, 3),
        (CHINESE_FILE.replace("1,234,567.89", "1.234", 1).encode("gb18030"), errors.AmountInvalid, 0),
        (CHINESE_FILE.replace("1,234,567.89", "9" * 17, 1).encode("gb18030"), errors.AmountInvalid, 0),
        (CHINESE_FILE.replace('89",,', '89",5.00,', 1).encode("gb18030"), errors.FieldInvalid, 3),
        (b"", errors.FileTruncated, 0),
        (b"\x00" * 100, errors.WrongEncoding, 1),
    ],
)
def test_a_broken_file_is_refused_with_its_line_and_nothing_is_read(
    tmp_path: Path, broken: bytes, refusal: type[Refusal], line: int
) -> None:
    with pytest.raises(refusal) as refused:
        read_csv(broken, mapping(tmp_path, CHINESE), "b.csv")
    if line:
        assert str(line) in refused.value.en
        assert str(line) in refused.value.zh


def test_a_file_without_a_head_is_not_whole(tmp_path: Path) -> None:
    for data in (b"", b"\n\n"):
        with pytest.raises(errors.FileTruncated):
            read_csv(data, mapping(tmp_path, GERMAN), "x.csv")


def test_gb18030_under_a_mapping_of_utf_8_names_the_line(tmp_path: Path) -> None:
    with pytest.raises(errors.WrongEncoding) as refused:
        read_csv(GERMAN_FILE.replace("Plant", "甲").encode("gb18030"), mapping(tmp_path, GERMAN), "x.csv")
    assert refused.value.values["line"] == 1


def test_files_without_end_are_refused_before_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bank_csv, "LINES_MAX", 1)
    with pytest.raises(errors.TooManyLines):
        read_csv(CHINESE_FILE.encode("gb18030"), mapping(tmp_path, CHINESE), "b.csv")
    monkeypatch.setattr(camt, "LINES_MAX", 1)
    with pytest.raises(errors.TooManyLines):
        read_camt(message("camt.053.001.08", entry(True), entry(True)), "b.xml")
    monkeypatch.setattr(bank_csv, "FILE_BYTES_MAX", 100)
    monkeypatch.setattr(camt, "FILE_BYTES_MAX", 100)
    with pytest.raises(errors.FileTooLarge):
        read_csv(CHINESE_FILE.encode("gb18030"), mapping(tmp_path, CHINESE), "b.csv")
    with pytest.raises(errors.FileTooLarge):
        read_camt(b"<a>" * 100, "b.xml")


@pytest.mark.parametrize(
    "change",
    [
        ('date = "YYYYMMDD"', 'date = "ddmmyy"'),
        ('encoding = "gb18030"', 'encoding = "utf-7"'),
        ("skip = 1", "skip = -1"),
        ('account = "6222021234567890123"', ""),
        ('currency = "CNY"', ""),
        ('credit = "贷方发生额"', ""),
        ('day = "交易日期"', ""),
        ("[columns]", '[columns]\namount = "金额"'),
        ("skip = 1", "skipp = 1"),
        ("skip = 1", 'decimal = ","'),
        ("skip = 1", "skip = "),
    ],
)
def test_a_mapping_that_cannot_work_says_which_key(tmp_path: Path, change: tuple[str, str]) -> None:
    with pytest.raises(errors.MappingInvalid):
        mapping(tmp_path, CHINESE.replace(*change))


def test_a_movement_keeps_its_name_in_whatever_file_it_comes(tmp_path: Path) -> None:
    how = mapping(tmp_path, CHINESE)
    lines = read_csv(CHINESE_FILE.encode("gb18030"), how, "a.csv")
    again = read_csv(CHINESE_FILE.replace("20261103", "20261101").encode("gb18030"), how, "b.csv")
    assert [one.entry for one in lines] == [one.entry for one in again]
    assert len({one.entry for one in lines}) == 2


def test_without_the_banks_reference_lines_that_are_alike_are_counted() -> None:
    line = BankLine("", "1", 5, 100, "CNY", "in", payer="A", text="rent")
    first, second, other = named([line, line, replace(line, text="rent 2")])
    assert len({first.entry, second.entry, other.entry}) == 3
    assert (first.alike, second.alike, other.alike) == (0, 1, 0)
    assert named([replace(line, text="RENT ", account="0 1".replace("0 ", ""))])[0].entry == first.entry
    for changed in (
        replace(line, amount_minor=101), replace(line, currency="EUR"), replace(line, direction="out"),
        replace(line, value_day=6), replace(line, payer="B"), replace(line, account="2"),
        replace(line, reversal=True), replace(line, bank_reference="x"),
    ):  # fmt: skip
        assert named([changed])[0].entry != first.entry


# camt.052, camt.053.


def entry(new: bool, amount: str = "1234.56", **other: Any) -> dict[str, Any]:
    """An entry as a bank writes it, in the older or the newer form of party and status."""
    party = {"Nm": "Plant AG"}
    details = {
        "Refs": {"AcctSvcrRef": "B-1", "EndToEndId": "NOTPROVIDED"},
        "RltdPties": {
            "Dbtr": {"Pty": party} if new else party,
            "DbtrAcct": {"Id": {"IBAN": "DE89370400440532013000"}},
        },
        "RmtInf": {"Ustrd": ["rent"], "Strd": [{"CdtrRefInf": {"Ref": "RF18539007547034"}}]},
    }
    found = {
        "Amt": {"value": amount, "Ccy": "EUR"},
        "CdtDbtInd": "CRDT",
        "Sts": {"Cd": "BOOK"} if new else "BOOK",
        "BookgDt": {"Dt": "2026-11-04"},
        "ValDt": {"Dt": "2026-11-03"},
        "BkTxCd": {},
        "NtryDtls": [{"TxDtls": [details]}],
    }
    return {**found, **other}


CLOSING = {
    "Tp": {"CdOrPrtry": {"Cd": "CLBD"}},
    "Amt": {"value": "0", "Ccy": "EUR"},
    "CdtDbtInd": "CRDT",
    "Dt": {"Dt": "2026-11-04"},
}


def message(name: str, *entries: dict[str, Any], balances: Sequence[dict[str, Any]] = (CLOSING,)) -> bytes:
    """A camt message made by the library of that very version."""
    kind = library(f"pyiso20022.camt.{name.replace('.', '_')}").Document
    body, part = ("BkToCstmrStmt", "Stmt") if name.startswith("camt.053") else ("BkToCstmrAcctRpt", "Rpt")
    report = {
        "Id": "1",
        "ElctrncSeqNb": "1",
        "CreDtTm": "2026-11-04T00:00:00Z",
        "Acct": {"Id": {"IBAN": "GB82WEST12345698765432"}},
        "Bal": list(balances),
        "Ntry": list(entries),
    }
    head = {"MsgId": "1", "CreDtTm": "2026-11-04T00:00:00Z"}
    decoder = library("xsdata.formats.dataclass.parsers").DictDecoder(
        config=library("xsdata.formats.dataclass.parsers.config").ParserConfig(
            fail_on_converter_warnings=True
        )
    )
    document = decoder.decode({body: {"GrpHdr": head, part: [report]}}, kind)
    writer = library("xsdata.formats.dataclass.serializers").XmlSerializer()
    return bytes(writer.render(document, ns_map={None: kind.Meta.namespace}).encode())


VERSIONS = [f"camt.05{kind}.001.{version:02d}" for kind in (2, 3) for version in range(2, 13)]


def message_of(version: str, **other: Any) -> bytes:
    """In the form of party and status that the version has."""
    amount = {"Amt": {"value": "1234.56", "Ccy": "EUR"}, "CdtDbtInd": "CRDT"}
    for new, status, more in product((True, False), ({"Cd": "BOOK"}, "BOOK"), ({}, amount)):
        found = entry(new, Sts=status, **other)
        found["NtryDtls"][0]["TxDtls"][0].update(more)
        with contextlib.suppress(library("xsdata.exceptions").ParserError, AssertionError, TypeError):
            return message(version, found)
    raise AssertionError(version)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_tells_the_same_movement(version: str) -> None:
    (line,) = read_camt(message_of(version), "a.xml")
    assert (line.amount_minor, line.currency, line.direction, line.booked) == (123_456, "EUR", "in", True)
    assert (line.payer, line.payer_account) == ("Plant AG", "DE89370400440532013000")
    assert line.references == ("RF18539007547034",)
    assert (line.text, line.bank_reference, day(line)) == ("rent", "B-1", "2026-11-03")
    assert line.entry == read_camt(message_of("camt.053.001.02"), "b.xml")[0].entry


def test_an_intraday_report_and_the_statement_name_a_movement_alike() -> None:
    report, statement = (read_camt(message_of(f"camt.05{kind}.001.08"), "x")[0].entry for kind in (2, 3))
    assert report == statement


def test_a_batch_whose_parts_add_up_is_its_parts() -> None:
    def part(amount: str, number: int) -> dict[str, Any]:
        return {
            "Refs": {"AcctSvcrRef": f"B-{number}"},
            "Amt": {"value": amount, "Ccy": "EUR"},
            "CdtDbtInd": "CRDT",
        }

    batch = entry(True, "30.00", NtryDtls=[{"TxDtls": [part("10.00", 1), part("20.00", 2)]}])
    lines = read_camt(message("camt.053.001.08", batch), "a.xml")
    assert [(one.amount_minor, one.bank_reference) for one in lines] == [(1_000, "B-1"), (2_000, "B-2")]
    unequal = entry(True, "31.00", NtryDtls=[{"TxDtls": [part("10.00", 1), part("20.00", 2)]}])
    (line,) = read_camt(message("camt.053.001.08", unequal), "a.xml")
    assert line.amount_minor == 3_100


def test_pending_and_reversed_entries_say_so() -> None:
    pending = entry(True, Sts={"Cd": "PDNG"})
    reversed_ = entry(True, RvslInd="true", CdtDbtInd="DBIT")
    lines = read_camt(message("camt.052.001.08", pending, reversed_), "a.xml")
    assert [(one.booked, one.reversal, one.direction) for one in lines] == [
        (False, False, "in"),
        (True, True, "out"),
    ]


def test_a_real_report_of_a_bank_is_read_whole(shared_data: Path) -> None:
    data = (shared_data / "iso20022" / "camt052_001_02.xml").read_bytes()
    lines = read_camt(data, "camt052.xml")
    assert len(lines) == data.count(b"<Ntry>")
    amounts = [
        Decimal(text.split(b"<")[0].decode())
        for text in data.split(b"<Ntry>")[1:]
        for text in [text.split(b'">')[1]]
    ]
    assert [Decimal(one.amount_minor) / 100 for one in lines] == amounts
    assert len({one.entry for one in lines}) == len(lines)
    assert all(one.value_day for one in lines)


BOMB = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><a>&b;</a>'
OUTSIDE = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/passwd">]><a>&a;</a>'
DTD = '<!DOCTYPE a SYSTEM "http://example.org/a.dtd"><a/>'
NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"


@pytest.mark.parametrize("text", [BOMB, OUTSIDE, DTD])
def test_xml_that_looks_elsewhere_or_blows_up_is_not_read(text: str) -> None:
    with pytest.raises(errors.XmlRefused):
        read_camt(text.encode(), "evil.xml")


@pytest.mark.parametrize(
    ("data", "refusal"),
    [
        (b"", errors.FileTruncated),
        (b"no xml at all", errors.FileTruncated),
        (b"\xff\xfe\x00", errors.FileTruncated),
        (b'<?xml version="1.0" encoding="nonsense"?><a/>', errors.FileTruncated),
        (b"<a/>", errors.MessageUnknown),
        (b'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.001.001.08"/>', errors.MessageUnknown),
        (b'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.99"/>', errors.MessageUnknown),
        (b'<Document xmlns="urn:evil"/>', errors.MessageUnknown),
        (f'<Other xmlns="{NAMESPACE}"/>'.encode(), errors.MessageUnknown),
        (f'<Document xmlns="{NAMESPACE}"/>'.encode(), errors.MessageInvalid),
        (f'<Document xmlns="{NAMESPACE}"><Nonsense/></Document>'.encode(), errors.MessageInvalid),
    ],
)
def test_what_is_no_statement_is_refused_by_name(data: bytes, refusal: type[Refusal]) -> None:
    with pytest.raises(refusal):
        read_camt(data, "a.xml")


@pytest.mark.parametrize(
    ("there", "instead", "refusal"),
    [
        ("1234.56", "-1234.56", errors.AmountInvalid),
        ("1234.56", "0", errors.AmountInvalid),
        ("1234.56", "NaN", Refusal),
        ("1234.56", "Infinity", Refusal),
        ("1234.56", "1e30", errors.AmountInvalid),
        ("1234.56", "1234.567", errors.AmountInvalid),
        ("1234.56", "", Refusal),
        ("1234.56", "99999999999999999", errors.AmountInvalid),
        (">CRDT<", ">XXXX<", errors.MessageInvalid),
        ("2026-11-03", "2026-13-03", errors.MessageInvalid),
    ],
)
def test_a_value_that_cannot_be_is_refused_and_nothing_is_read(
    there: str, instead: str, refusal: type[Refusal]
) -> None:
    text = message_of("camt.053.001.08").decode()
    at = text.index("<Ntry>")
    with pytest.raises(refusal):
        read_camt((text[:at] + text[at:].replace(there, instead)).encode(), "a.xml")


def test_a_file_that_breaks_off_names_the_line() -> None:
    text = message_of("camt.053.001.08").decode().replace("><", ">\n<")
    for part in range(100, len(text) - 20, 97):
        with pytest.raises(errors.FileTruncated) as refused:
            read_camt(text[:part].encode(), "a.xml")
        assert refused.value.values["line"] <= text.count("\n") + 2


def test_a_message_of_a_hundred_thousand_levels_is_refused() -> None:
    deep = f'<Document xmlns="{NAMESPACE}">' + "<a>" * 100_000 + "</a>" * 100_000 + "</Document>"
    with pytest.raises(Refusal):
        read_camt(deep.encode(), "a.xml")


@settings(max_examples=50)
@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    how = Mapping(bank_csv.Columns(day="d", amount="a"), account="1", currency="CNY")
    for read in (lambda: read_csv(b"d,a\n" + data, how, "x"), lambda: read_camt(data, "x")):
        with contextlib.suppress(Refusal):
            read()


@given(st.integers(1, 2**53 - 1), st.sampled_from(["CNY", "JPY", "KWD", "CLF"]))
def test_amounts_are_exact_in_every_currency(amount_minor: int, currency: str) -> None:
    places = {"CNY": 2, "JPY": 0, "KWD": 3, "CLF": 4}[currency]
    text = format(Decimal(amount_minor).scaleb(-places), "f")
    assert minor_of(text, currency, "x") == amount_minor
    assert minor_of(text + ("0" if places else ".0"), currency, "x") == amount_minor
    with pytest.raises(errors.AmountInvalid):
        minor_of(text + ("1" if places else ".1"), currency, "x")


def test_the_page_of_the_mapping_explains_every_key() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "reference" / "bank-mapping.toml"
    found = read_mapping(page)
    text = page.read_text("utf-8")
    for name in (*Mapping.__struct_fields__, *bank_csv.Columns.__struct_fields__):
        assert name in text, textwrap.shorten(name, 40)
    assert found.columns.day
