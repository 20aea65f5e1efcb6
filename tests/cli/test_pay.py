"""`hansa pay` as two companies type it: an order, the bank statement that follows of it, and its undoing."""

import json
from collections.abc import Iterator

import pytest

from tests.cli.fair import ACCOUNTS, MAPPING
from tests.cli.shell import Shell, running
from tests.cli.test_membership import Town


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    folder = tmp_path_factory.mktemp("town")
    made = Town(folder)
    (folder / "accounts.toml").write_text(ACCOUNTS)
    (folder / "bank.toml").write_text(MAPPING)
    with running(folder / "node"):
        made.join()
        yield made


def test_a_debt_is_paid_by_file_and_found_on_the_bank_statement(town: Town) -> None:
    plant, maker = town.shells["plant"], town.shells["maker"]
    accounts = ("--accounts", town.folder / "accounts.toml")
    owe(plant, "one", 12_345)
    owe(plant, "two", 500)

    listed = plant.do("pay", "list", "--json").json
    assert [row["open_minor"] for row in listed] == [12_345, 500]
    shown = plant.do("pay", "export", *accounts)
    assert "123.45" in shown.out
    assert not list(town.folder.glob("*.xml"))
    plant.do("pay", "export", listed[0]["obligation"], *accounts, "-o", town.folder)
    (order,) = town.folder.glob("*.xml")
    assert listed[0]["reference"] in order.read_text()
    plant.refused("pay.not_owed", "pay", "export", "nonsense", *accounts)

    bank = town.folder / "bank.csv"
    bank.write_text(
        f"day,amount,payer,text,number\n2026-01-02,123.45,East plant,{listed[0]['reference']},1\n"
    )
    see = ("pay", "match", bank, "--mapping", town.folder / "bank.toml", *accounts)
    first = json.loads(maker.do(*see, "--json").out)
    assert [line["reason"] for line in first] == ["exact"]
    assert len(plant.do("pay", "list", "--json").json) == 2, "nothing is recorded without --send"
    maker.do(*see, "--send", "--yes")
    assert [row["open_minor"] for row in plant.do("pay", "list", "--json").json] == [500]
    assert maker.do(*see, "--json").json[0]["reason"] == "recorded_before"

    undo = ("pay", "undo", bank, "--mapping", town.folder / "bank.toml", "--reason", "mistake")
    assert "1 receipts" in maker.do(*undo).err
    maker.do(*undo, "--send", "--yes")
    assert len(plant.do("pay", "list", "--json").json) == 2


def test_a_csv_without_its_mapping_is_refused(town: Town) -> None:
    file = town.folder / "other.csv"
    file.write_text("a,b\n")
    town.shells["maker"].refused(
        "pay.mapping_missing", "pay", "match", file, "--accounts", town.folder / "accounts.toml"
    )


def test_a_mapping_is_guessed_from_the_heads(town: Town) -> None:
    file = town.folder / "heads.csv"
    file.write_text("日期,金额,币种,账号\n2026-01-02,5.00,CNY,77\n", encoding="gb18030")
    text = town.shells["maker"].do("pay", "mapping", file).out
    (town.folder / "made.toml").write_text(text, encoding="utf-8")
    accounts = ("--accounts", town.folder / "accounts.toml")
    found = town.shells["maker"].do(
        "pay", "match", file, "--mapping", town.folder / "made.toml", *accounts, "--json"
    )
    assert [line["amount_minor"] for line in found.json] == [500]
    file.write_text("a,b\n")
    town.shells["maker"].refused("pay.head_unknown", "pay", "mapping", file)


def owe(shell: Shell, name: str, amount_minor: int) -> None:
    shell.do(
        "tx", "money.owe", "--id", name, "--creditor", "maker", "--currency", "CNY",
        "--amount-minor", amount_minor, "--due-ms", 2_000_000_000_000 - amount_minor, "--yes",
    )  # fmt: skip
