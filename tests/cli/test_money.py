"""`hansa money` as a maker, a plant and a bank type it: owed, received, put right, paid by claims."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.shell import running
from tests.cli.test_membership import Town

YES = ("--yes",)


class Street(Town):
    """The same three; one is a bank with a licence."""

    def company(self, name: str) -> tuple[str, ...]:
        if name != "bank":
            return super().company(name)
        *rest, _ = super().company(name)
        return (*rest, "bank", "--licence", f"banking:{self.licence}")

    @property
    def licence(self) -> Path:
        file = self.folder / "licence.pdf"
        file.write_bytes(b"licence")
        return file


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    made = Street(tmp_path_factory.mktemp("street"))
    with running(made.folder / "node"):
        made.join()
        yield made


def test_a_debt_is_acknowledged_received_put_right_and_waived(street: Street) -> None:
    maker, plant = street.shells["maker"], street.shells["plant"]
    plant.do("money", "owe", "maker", "27.00", "--id", "repair-7", "--due", "2031-01-31", *YES)
    plant.do("money", "owe", "maker", "10.00", "--id", "repair-8", "--due", "2031-02-28", *YES)

    first, second = plant.do("money", "owed", "--json").json
    assert (first["open_minor"], first["late_days"], first["other"]) == (2_700, 0, "maker")
    assert first["reference"] in maker.do("money", "owed", "--side", "to-us").out
    assert maker.do("money", "owed", "--side", "by-us", "--json").json == []
    plant.do(
        "money",
        "declare-paid",
        first["obligation"][:9],
        "--day",
        "2026-01-05",
        "--bank-reference",
        "FT1",
        *YES,
    )
    assert maker.do("money", "owed", "--json").json[0]["declared"] is True

    came = ("--amount", "30.00", "--day", "2026-01-06", "--payer", "plant", "--bank-reference", "B-1")
    receive = ("money", "receive", first["reference"], *came, "--account", "DE89370400440532013000")
    (action,) = maker.do(*receive, "--dry-run", "--json").json["body"]["actions"]
    assert action["allocations"] == [{"obligation": first["obligation"], "amount_minor": 2_700}]
    assert maker.do("money", "receipts", "--json").json == []
    maker.do(*receive, *YES)
    maker.refused("money.entry_taken", *receive[:2], *receive[3:], *YES)

    (left,) = maker.do("money", "unapplied", "--json").json
    assert left["unapplied_minor"] == 300
    entry = left["entry"][:10]
    maker.do("money", "apply", entry, f"{second['reference']}=2.00", *YES)
    maker.do("money", "refund", entry, "1.00", "--due", "2031-01-31", *YES)
    assert [row["open_minor"] for row in maker.do("money", "owed", "--json").json] == [800, 100]
    maker.do("money", "reverse", entry, second["reference"], "--reason", "mistake", *YES)
    maker.do("money", "waive", second["reference"], "--amount", "9.99", "--reason", "goodwill", *YES)
    (row, _) = maker.do("money", "owed", "--json").json
    assert (row["open_minor"], row["amount_minor"]) == (1, 1)

    back = maker.do("money", "owed", "--side", "by-us", "--json").json[0]["reference"]
    maker.refused("money.not_due", "money", "set-off", second["reference"], back, *YES)
    assert maker.do("money", "unapplied", "--payer", "bank", "--json").json == []
    maker.refused("cli.not_found", "money", "waive", "RF00", "--reason", "x", *YES)
    maker.refused("cli.not_found", "money", "apply", "zz", second["reference"], *YES)
    maker.refused("pay.amount_invalid", "money", "refund", entry, "1.001", "--due", "2031-01-31", *YES)


def test_claims_on_a_bank_are_paid_held_and_paid_out(street: Street) -> None:
    maker, plant, bank = (street.shells[name] for name in ("maker", "plant", "bank"))
    bank.do("money", "open-bank", *YES)
    plant.refused("money.bank_not_accepted", "money", "transfer", "maker", "1", "--bank", "bank", *YES)
    for shell in (maker, plant):
        shell.do("money", "accept-bank", "bank", *YES)
    bank.do("money", "deposit", "plant", "500.00", "--bank-reference", "D-1", *YES)
    assert "500.00" in plant.do("money", "balance").out

    plant.do("money", "transfer", "maker", "100.00", "--bank", "bank", *YES)
    held = ("money", "hold", "maker", "60.00", "--bank", "bank", "--id", "h-1")
    told = plant.do(*held, "--until", in_a_month(), *YES).err
    (listed,) = maker.do("money", "holds", "--json").json
    assert listed["hold"] in told
    maker.do("money", "capture", listed["hold"][:8], "--amount", "10.00", *YES)
    plant.refused("money.hold_not_yours", "money", "release", listed["hold"], *YES)
    maker.do("money", "release", listed["hold"], *YES)
    maker.refused("cli.not_found", "money", "capture", listed["hold"], *YES)

    owe = ("money", "owe", "maker", "50.00", "--id", "by-claims", "--due", "2031-01-31")
    plant.do(*owe, "--bank", "bank", *YES)
    name = next(row for row in plant.do("money", "owed", "--json").json if row["amount_minor"] == 5_000)
    plant.do("money", "pay", name["reference"], "--amount", "20.00", *YES)
    plant.do("money", "pay", name["reference"], *YES)

    maker.do("money", "withdraw", "90.00", "--bank", "bank", "--id", "w-1", *YES)
    maker.do("money", "withdraw", "1.00", "--bank", "bank", "--id", "w-2", *YES)
    assert [row["withdrawal"] for row in bank.do("money", "withdrawals", "--json").json] == ["w-1", "w-2"]
    bank.do("money", "paid-out", "maker", "w-1", "--bank-reference", "W-1", *YES)
    bank.do("money", "refuse-withdrawal", "maker", "w-2", "--reason", "closed", *YES)
    states = [row["state"] for row in maker.do("money", "withdrawals", "--bank", "bank", "--json").json]
    assert states == ["paid_out", "refused"]

    found = {who: shell.do("money", "balance", "--json").json for who, shell in (("m", maker), ("p", plant))}
    assert [(row["pot"], row["amount_minor"]) for row in found["m"]] == [("free", 7_000)]
    assert [(row["pot"], row["amount_minor"]) for row in found["p"]] == [("free", 34_000)]
    assert bank.do("money", "funds", "--json").json == []
    assert "可用" in plant.do("money", "balance", HANSA_LANG="zh").out


def in_a_month() -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(time.time() + 30 * 86_400))
