"""Payment orders: what is paid, to which account, in a file that a bank takes."""

import csv
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hansa.apps.money.names import reference_of
from hansa.client.pay import errors, needs, pain
from hansa.client.pay.accounts import Account, account_of, check_account, is_cnaps, read_accounts
from hansa.client.pay.camt import read_camt
from hansa.client.pay.items import OpenItem
from hansa.client.pay.orders import Order, csv_bytes, orders, table_of
from hansa.client.pay.pain import VERSIONS, pain_bytes

NOW_MS = 1_795_000_000_000
DAY = 20_780
PLANT = Account(
    "plant", "甲工厂有限公司", number="6222 0212 3456 7890 123", cnaps="102100099996", bank="工商银行"
)
MAKER = Account("maker", "Maker GmbH", iban="DE89 3704 0044 0532 0130 00", bic="COBADEFFXXX")
RIVAL = Account("rival", "=Rival", iban="GB82 WEST 1234 5698 7654 32")
ACCOUNTS = (PLANT, MAKER, RIVAL)


def item(name: str = "a", amount: int = 123_456, **other: Any) -> OpenItem:
    found = OpenItem(name, reference_of(name), "plant", "maker", "CNY", amount, 1, subject="lease-7")
    return replace(found, **other)


def order(*items: OpenItem) -> Order:
    return orders("plant", items or (item(),), ACCOUNTS, day=DAY, id="P1")[0]


def xml(data: bytes) -> Any:
    return needs.library("defusedxml.ElementTree").fromstring(data, forbid_dtd=True)


def values(root: Any, tag: str) -> list[str]:
    return [found.text for found in root.iter() if found.tag.rpartition("}")[2] == tag]


@pytest.mark.parametrize("version", VERSIONS)
def test_an_order_is_a_message_of_the_version_that_the_bank_takes(version: str) -> None:
    made = order(item("a", 1), item("b", 999_999_999_99), item("c", creditor="rival"))
    root = xml(pain_bytes(made, "Plant", NOW_MS, version))
    assert root.tag == f"{{urn:iso:std:iso:20022:tech:xsd:pain.001.001.{version}}}Document"
    assert values(root, "CtrlSum") == ["1000001234.56"] * 2
    assert values(root, "NbOfTxs") == ["3", "3"]
    assert [found.text for found in root.iter() if found.tag.endswith("}InstdAmt")] == [
        "0.01",
        "999999999.99",
        "1234.56",
    ]
    assert values(root, "EndToEndId") == values(root, "Ref") == [reference_of(name) for name in "abc"]
    assert all(reference_of(name) in text for name, text in zip("abc", values(root, "Ustrd"), strict=True))
    assert values(root, "IBAN") == ["DE89370400440532013000"] * 2 + ["GB82WEST12345698765432"]
    assert "6222021234567890123" in values(root, "Id")
    assert values(root, "MmbId") == ["102100099996"]
    assert "2026-11-23" in (*values(root, "ReqdExctnDt"), *values(root, "Dt"))


def test_the_library_reads_the_message_back(shared_data: Path) -> None:
    """The sample of a bank and our own go through the same reader."""
    parsers = needs.library("xsdata.formats.dataclass.parsers")
    handlers = needs.library("xsdata.formats.dataclass.parsers.handlers")
    kind = needs.library("pyiso20022.pain.pain_001_001_08").Document
    reader = parsers.XmlParser(handler=handlers.XmlEventHandler)
    theirs = reader.from_bytes((shared_data / "iso20022" / "pain001_001_08.xml").read_bytes(), kind)
    ours = reader.from_bytes(pain_bytes(order(), "Plant", NOW_MS, "08"), kind)
    for document in (theirs, ours):
        head = document.cstmr_cdt_trf_initn.grp_hdr
        batch = document.cstmr_cdt_trf_initn.pmt_inf[0]
        assert int(head.nb_of_txs) == len(batch.cdt_trf_tx_inf) == 1
        assert head.ctrl_sum == sum(one.amt.instd_amt.value for one in batch.cdt_trf_tx_inf)


def test_amounts_have_the_decimals_of_their_currency() -> None:
    for currency, text in (("JPY", "123456"), ("KWD", "123.456"), ("CNY", "1234.56")):
        root = xml(pain_bytes(order(item(currency=currency)), "Plant", NOW_MS))
        assert values(root, "InstdAmt") == values(root, "CtrlSum")[:1] == [text]


def test_nothing_disputed_is_paid() -> None:
    made = order(item("a", 500, disputed_minor=200), item("b", 100, disputed_minor=100), item("c", 7))
    assert [(one.obligation, one.amount_minor) for one in made.payments] == [("a", 300), ("c", 7)]
    assert made.sum_minor == 307
    with pytest.raises(errors.NothingToPay):
        order(item(disputed_minor=123_456))


def test_an_obligation_is_paid_once_however_often_it_is_named() -> None:
    assert len(order(item(), item()).payments) == 1


def test_each_currency_has_an_order_of_its_own() -> None:
    found = orders("plant", [item("a"), item("b", currency="EUR")], ACCOUNTS, day=DAY, id="P")
    assert [(one.currency, one.id, len(one.payments)) for one in found] == [
        ("CNY", "P-CNY", 1),
        ("EUR", "P-EUR", 1),
    ]


@pytest.mark.parametrize(
    ("wrong", "refusal"),
    [
        (item(debtor="maker"), errors.NotOwed),
        (item(reference="RF00ABC"), errors.ReferenceInvalid),
        (item(creditor="stranger"), errors.AccountMissing),
    ],
)
def test_what_cannot_be_paid_is_refused_by_name(wrong: OpenItem, refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        order(wrong)


def test_what_the_schema_refuses_is_refused_with_its_place() -> None:
    named = replace(order(), payer=Account("plant", "x", number="1" * 40, cnaps="102100099996"))
    with pytest.raises(errors.SchemaRefused) as refused:
        pain_bytes(named, "Plant", NOW_MS)
    assert "DbtrAcct" in refused.value.en
    with pytest.raises(errors.SchemaRefused) as refused:
        pain_bytes(replace(order(), currency="cny"), "Plant", NOW_MS)
    with pytest.raises(errors.VersionUnknown):
        pain_bytes(order(), "Plant", NOW_MS, "99")


def test_what_the_library_does_not_know_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pain, "_message", lambda *given: {"CstmrCdtTrfInitn": {"Nonsense": "1"}})
    with pytest.raises(errors.SchemaRefused):
        pain_bytes(order(), "Plant", NOW_MS)


def test_the_csv_ends_with_the_control_sum_and_runs_nothing() -> None:
    data = csv_bytes(order(item("a", 100), item("b", 50, creditor="rival")), "zh")
    rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))
    assert rows[0][0] == "序号"
    assert {len(row) for row in rows} == {len(rows[0])}
    amount = rows[0].index("金额")
    assert [row[amount] for row in rows[1:]] == ["1.00", "0.50", "1.50"]
    assert rows[2][rows[0].index("收款人户名")] == "'=Rival"
    assert rows[1][3] == "2026-11-23"


def test_the_list_for_people_has_every_payment() -> None:
    assert len(table_of([order(item("a"), item("b"))]).rows) == 2


# Accounts.


@pytest.mark.parametrize(
    ("account", "refusal"),
    [
        (Account("m", "M", iban="DE88370400440532013000"), errors.IbanInvalid),
        (Account("m", "M", iban="DE8937040044053201300"), errors.IbanInvalid),
        (Account("m", "M", iban="ZZ89370400440532013000"), errors.IbanInvalid),
        (Account("m", "M", number="622202123456", cnaps="102100099995"), errors.CnapsInvalid),
        (Account("m", "M", number="622202123456", cnaps="10210009999"), errors.CnapsInvalid),
        (Account("m", "M", number="62x2", cnaps="102100099996"), errors.NumberInvalid),
        (Account("m", "M", number="622202123456"), errors.AccountForm),
        (Account("m", "M"), errors.AccountForm),
        (Account("m", " ", iban="DE89370400440532013000"), errors.AccountForm),
        (
            Account("m", "M", iban="DE89370400440532013000", number="12345", cnaps="102100099996"),
            errors.AccountForm,
        ),
        (Account("m", "M", iban="DE89370400440532013000", bic="COBADE"), errors.BicInvalid),
    ],
)
def test_an_account_with_a_wrong_number_is_refused(account: Account, refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        check_account(account)


@pytest.mark.parametrize(
    "number", ["102100099996", "104100000004", "105100000017", "103100000026", "308584000013", "313290000017"]
)
def test_bank_numbers_of_china_hold_and_no_digit_can_be_changed(number: str) -> None:
    """Published numbers of head offices."""
    assert is_cnaps(number)
    for at, digit in enumerate(number):
        other = str((int(digit) + 1) % 10)
        assert not is_cnaps(number[:at] + other + number[at + 1 :])


def test_accounts_are_read_from_their_file(tmp_path: Path) -> None:
    file = tmp_path / "accounts.toml"
    file.write_text(
        '[[account]]\nmember = "plant"\nname = "甲"\nnumber = "6222 0212 3456"\ncnaps = "102100099996"\n'
        '[[account]]\nmember = "plant"\nname = "甲"\niban = "DE89370400440532013000"\ncurrency = "EUR"\n',
        encoding="utf-8",
    )
    found = read_accounts(file)
    assert account_of(found, "plant", "EUR").iban
    wrong = file.read_text("utf-8").replace("DE89370400440532013000", "DE89370400440532013001")
    (tmp_path / "wrong.toml").write_text(wrong, encoding="utf-8")
    with pytest.raises(errors.IbanInvalid):
        read_accounts(tmp_path / "wrong.toml")
    assert account_of(found, "plant", "USD").number
    with pytest.raises(errors.AccountMissing):
        account_of(found, "maker", "CNY")


@pytest.mark.parametrize(
    "text", ["", "[account]", '[[account]]\nmembre = "x"', "\x00", "[[account]]\nmember = 1"]
)
def test_a_file_of_accounts_that_cannot_be_used_says_why(tmp_path: Path, text: str) -> None:
    file = tmp_path / "accounts.toml"
    file.write_text(text)
    if text == "":
        assert read_accounts(file) == ()
        return
    with pytest.raises(errors.AccountsInvalid):
        read_accounts(file)


def test_a_missing_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.import_module", lambda name: (_ for _ in ()).throw(ImportError(name)))
    with pytest.raises(errors.LibraryMissing) as refused:
        read_camt(b"<a/>", "a.xml")
    assert "hansa[business]" in refused.value.zh
