"""What banks do beside single payments: several statements in a file, batches, charges, reversals, balances,
encodings; and that a clerk is told what is the matter.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hansa.apps.money.names import reference_of
from hansa.client.pay import errors
from hansa.client.pay.bank_csv import read_csv
from hansa.client.pay.camt import read_camt
from hansa.client.pay.items import BankLine, OpenItem
from hansa.client.pay.matching import Known, match
from hansa.client.pay.reasons import REASONS
from hansa.kernel.limits import DAY_MS
from tests.client.test_pay_files import entry, mapping, message

V = "camt.053.001.08"
DAY = 20_000
ITEM = OpenItem("o-1", reference_of("o-1"), "plant", "maker", "EUR", 100_000, DAY * DAY_MS)


def line(amount_minor: int, **more: Any) -> BankLine:
    return BankLine("e", "1", DAY, amount_minor, "EUR", "in", references=(ITEM.reference,), **more)


def part(amount: str, **refs: str) -> dict[str, Any]:
    return {"Refs": refs, "Amt": {"value": amount, "Ccy": "EUR"}, "CdtDbtInd": "CRDT"}


def batch(*parts: dict[str, Any], amount: str = "30.00", **more: Any) -> dict[str, Any]:
    return entry(True, amount, AcctSvcrRef="E-1", NtryDtls=[{"TxDtls": list(parts), **more}])


def test_several_statements_of_several_accounts_in_a_file() -> None:
    text = message(V, entry(True)).decode()
    start, end = text.index("<Stmt>"), text.index("</Stmt>") + len("</Stmt>")
    second = text[start:end].replace("GB82WEST12345698765432", "DE89370400440532013000")
    lines = read_camt((text[:end] + second + text[end:]).encode(), "a.xml")
    assert [one.account for one in lines] == ["GB82WEST12345698765432", "DE89370400440532013000"]
    assert len({one.entry for one in lines}) == 2


@pytest.mark.parametrize("refs", [{}, {"EndToEndId": "NOTPROVIDED"}, {"AcctSvcrRef": "E-1"}])
def test_parts_of_a_batch_that_are_alike_are_payments_of_their_own(refs: dict[str, str]) -> None:
    parts = [part("10.00", **refs), part("10.00", **refs), part("10.00", **refs)]
    lines = read_camt(message(V, batch(*parts)), "a.xml")
    assert [one.amount_minor for one in lines] == [1_000] * 3
    assert len({one.entry for one in lines}) == 3
    again = read_camt(message("camt.053.001.09", batch(*parts)), "b.xml")
    assert [one.entry for one in again] == [one.entry for one in lines]


def test_a_batch_that_the_bank_does_not_take_apart_is_listed_as_one() -> None:
    (whole,) = read_camt(message(V, batch(Btch={"NbOfTxs": "50"})), "a.xml")
    assert whole.count == 50
    known = Known(names={"PLANTAG": "plant"})
    owed = replace(ITEM, open_minor=3_000, due_ms=whole.value_day * DAY_MS)
    (found,) = match([replace(whole, payer="Plant AG")], [owed], known)
    assert (found.outcome, found.reason) == ("unmatched", "batch")
    (found,) = match([replace(whole, payer="Plant AG", count=1)], [owed], known)
    assert found.reason == "payer_and_amount"
    assert REASONS["batch"].zh
    (two,) = read_camt(message(V, batch(part("1.00"), part("2.00"))), "a.xml")
    assert two.count == 2, "its parts do not add up"


NEW = {"Chrgs": {"TtlChrgsAndTaxAmt": {"value": "15.00", "Ccy": "EUR"}}}
RECORDS = {
    "Chrgs": {"Rcrd": [{"Amt": {"value": "5.00", "Ccy": "EUR"}}, {"Amt": {"value": "10", "Ccy": "EUR"}}]}
}


@pytest.mark.parametrize("charges", [NEW, RECORDS])
def test_charges_that_banks_kept_are_told(charges: dict[str, Any]) -> None:
    (of_entry,) = read_camt(message(V, entry(True, "985.00", **charges)), "a.xml")
    one = entry(True, "985.00")
    one["NtryDtls"][0]["TxDtls"][0].update(charges)
    (of_part,) = read_camt(message(V, one), "a.xml")
    assert of_entry.charges_minor == of_part.charges_minor == 1_500
    one |= charges
    (of_both,) = read_camt(message(V, one), "a.xml")
    assert of_both.charges_minor == 1_500, "the same charges, told twice"


def test_charges_of_an_older_version_are_told() -> None:
    old = entry(False, "985.00", Chrgs=[{"Amt": {"value": "15.00", "Ccy": "EUR"}}])
    (found,) = read_camt(message("camt.053.001.02", old), "a.xml")
    assert found.charges_minor == 1_500


def test_a_payment_less_charges_is_for_a_person_to_decide() -> None:
    (found,) = match([line(98_500, charges_minor=1_500)], [ITEM])
    assert (found.outcome, found.reason, found.allocations) == ("proposal", "charges", (("o-1", 98_500),))
    for other in (line(98_500, charges_minor=1_400), line(98_500), line(100_000, charges_minor=1_500)):
        (found,) = match([other], [ITEM])
        assert found.outcome == "certain"


def test_a_reversal_names_who_had_paid() -> None:
    paid = entry(True)
    back = entry(True, CdtDbtInd="DBIT", RvslInd="true", AcctSvcrRef="other")
    back["NtryDtls"][0]["TxDtls"][0]["Refs"] = {"AcctSvcrRef": "B-2"}
    back["NtryDtls"][0]["TxDtls"][0]["RmtInf"] = {}
    lines = read_camt(message(V, paid, back), "a.xml")
    assert [(one.payer, one.payer_account) for one in lines] == [("Plant AG", "DE89370400440532013000")] * 2
    assert [one.reason for one in match(lines, [])] == ["taken_back", "takes_back"]


def balance(kind: str, amount: str, sign: str = "CRDT", currency: str = "EUR") -> dict[str, Any]:
    return {
        "Tp": {"CdOrPrtry": {"Cd": kind}}, "Amt": {"value": amount, "Ccy": currency}, "CdtDbtInd": sign,
        "Dt": {"Dt": "2026-11-04"},
    }  # fmt: skip


def stated(*balances: dict[str, Any], version: str = V) -> bytes:
    entries = [
        entry(True, "100.00"),
        entry(True, "30.00", CdtDbtInd="DBIT"),
        entry(True, "7.00", Sts={"Cd": "PDNG"}),
    ]
    return message(version, *entries, balances=balances)


@pytest.mark.parametrize(
    "balances",
    [
        (balance("OPBD", "10.00"), balance("CLBD", "80.00")),
        (balance("OPBD", "90.00", "DBIT"), balance("CLBD", "20.00", "DBIT")),
        (balance("PRCD", "10.00"), balance("CLBD", "80.00"), balance("CLAV", "5.00")),
        (balance("OPBD", "10.00"), balance("ITBD", "3.00")),
        (balance("CLBD", "3.00"),),
        (balance("OPBD", "10.00", currency="USD"), balance("CLBD", "3.00")),
        (balance("OPBD", "10.00", currency="USD"), balance("CLBD", "3.00", currency="USD")),
    ],
)
def test_a_statement_whose_balances_agree_or_say_nothing_is_read(
    balances: tuple[dict[str, Any], ...],
) -> None:
    assert len(read_camt(stated(*balances), "a.xml")) == 3


def test_a_statement_that_lacks_a_movement_is_refused() -> None:
    with pytest.raises(errors.BalanceBreaks) as refused:
        read_camt(stated(balance("OPBD", "10.00"), balance("CLBD", "90.00")), "a.xml")
    assert refused.value.values["difference"] == "10.00"
    report = stated(balance("OPBD", "10.00"), balance("CLBD", "90.00"), version="camt.052.001.08")
    assert len(read_camt(report, "a.xml")) == 3, "a report of the day need not be whole"


@pytest.mark.parametrize("encoding", ["GBK", "gb2312", "GB18030"])
def test_xml_in_a_chinese_encoding_is_read(encoding: str) -> None:
    text = message(V, entry(True)).decode().replace("Plant AG", "甲工厂")
    data = text.replace("UTF-8", encoding, 1).encode("gb18030")
    assert encoding.encode() in data
    (found,) = read_camt(data, "a.xml")
    assert found.payer == "甲工厂"
    with pytest.raises(errors.WrongEncoding) as refused:
        read_camt(data.replace("甲工厂".encode("gb18030"), b"\xff\xff"), "a.xml")
    assert refused.value.values["encoding"] == encoding


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "big5", "utf-16", "windows-1252"])
def test_csv_in_the_encodings_of_banks(tmp_path: Path, encoding: str) -> None:
    name = "Müller" if encoding == "windows-1252" else "甲廠"
    how = f'encoding="{encoding}"\naccount="1"\ncurrency="CNY"\n[columns]\nday="d"\namount="a"\npayer="p"\n'
    (found,) = read_csv(f"d,a,p\n2026-01-02,5.00,{name}\n".encode(encoding), mapping(tmp_path, how), "x.csv")
    assert found.payer == name


BALANCES = 'account="1"\ncurrency="CNY"\n[columns]\nday="d"\namount="a"\nbalance="b"\n'
ROWS = ["2026-01-02,5.00,15.00", "2026-01-03,-2.00,13.00", "2026-01-03,10.00,23.00", "2026-01-04,1.00,24.00"]


def test_a_row_that_is_missing_is_noticed_by_the_balances(tmp_path: Path) -> None:
    how = mapping(tmp_path, BALANCES)
    for rows in (ROWS, ROWS[::-1], ROWS[:1], []):
        assert len(read_csv("\n".join(["d,a,b", *rows, ""]).encode(), how, "x.csv")) == len(rows)
    for gone, upwards, downwards in ((1, "3", "4"), (2, "4", "3")):
        left = ROWS[:gone] + ROWS[gone + 1 :]
        for rows, where in ((left, upwards), (left[::-1], downwards)):
            with pytest.raises(errors.BalanceBreaks) as refused:
                read_csv("\n".join(["d,a,b", *rows, ""]).encode(), how, "x.csv")
            assert refused.value.values["where"] == where
    empty = [row.rsplit(",", 1)[0] + "," for row in ROWS[1:3]]
    assert len(read_csv("\n".join(["d,a,b", ROWS[0], *empty, ""]).encode(), how, "x.csv")) == 3


def test_balances_of_several_accounts_are_told_apart(tmp_path: Path) -> None:
    how = mapping(tmp_path, BALANCES.replace('account="1"', "").replace('day="d"', 'day="d"\naccount="n"'))
    rows = ["d,a,b,n", "2026-01-02,5.00,15.00,1", "2026-01-02,5.00,99.00,2", "2026-01-03,1.00,16.00,1"]
    assert len(read_csv("\n".join([*rows, "2026-01-03,1.00,100.00,2", ""]).encode(), how, "x.csv")) == 4
    with pytest.raises(errors.BalanceBreaks):
        read_csv("\n".join([*rows, "2026-01-03,1.00,100.01,2", ""]).encode(), how, "x.csv")


@pytest.mark.parametrize(
    "amount", ["1E+999999999999", "1E-999999999999", "1e5", "NaN", "Infinity", "", "１００"]
)
def test_an_amount_that_is_no_plain_decimal_is_refused_before_it_is_reckoned_with(amount: str) -> None:
    """A few bytes that would become a number of a billion digits."""
    text = message(V, entry(True, "30.00")).decode()
    assert text.count(">30.00<") == 1
    with pytest.raises(errors.AmountInvalid):
        read_camt(text.replace(">30.00<", f">{amount}<").encode(), "a.xml")
