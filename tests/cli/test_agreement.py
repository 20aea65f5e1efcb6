"""`hansa agreement` as two companies type it: proposed from a sheet, read, accepted, taken back."""

import datetime
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.shell import Shell, running
from tests.cli.test_membership import Town
from tests.cli.test_tariff import dearer, sheet
from tests.waiting import until

TODAY = datetime.datetime.now(datetime.UTC).date()
YES = ("--yes",)


def day(ahead: int) -> str:
    return str(TODAY + datetime.timedelta(days=ahead))


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    made = Town(tmp_path_factory.mktemp("town"))
    with running(made.folder / "node"):
        made.join()
        yield made


@pytest.fixture(scope="module")
def daily(town: Town) -> Path:
    """A sheet that maker has published."""
    file = sheet(town.folder / "daily.json")
    town.shells["maker"].do("tariff", "publish", file, *YES)
    return file


def propose(shell: Shell, name: str, file: Path, *more: str, first: int = -2, last: int = 40) -> None:
    shell.do(
        "agreement", "propose", name, "--sheet", file, "--with", "plant", "--from", day(first), "--to",
        day(last), *more, *YES,
    )  # fmt: skip


def listed(shell: Shell, name: str) -> dict[str, object]:
    rows = shell.do("agreement", "list", "--json").json
    found: dict[str, object] = next(row for row in rows if row["agreement"] == name)
    return found


def test_what_one_proposes_the_other_reads_and_accepts_and_it_is_billed(town: Town, daily: Path) -> None:
    maker, plant = town.shells["maker"], town.shells["plant"]
    propose(maker, "service-1", daily)
    assert (listed(plant, "service-1")["state"], listed(plant, "service-1")["turn"]) == ("proposed", "plant")

    said = plant.do("agreement", "show", "service-1").out
    for part in ("maker provides, plant pays", "200.00 CNY", "30 days", "silence confirms nothing"):
        assert part in said, said
    zh = plant.do("agreement", "show", "service-1", HANSA_LANG="zh").out
    for part in ("maker 提供，plant 付款", "不答复不视为确认", "（Asia/Shanghai 当地时间"):
        assert part in zh, zh
    digest = plant.do("agreement", "show", "service-1", "--json").json["content"]

    plant.refused("billing.other_content", "agreement", "accept", "service-1", "--content", "0" * 64, *YES)
    maker.refused("billing.own_proposal", "agreement", "accept", "service-1", *YES)
    plant.do("agreement", "accept", "service-1", "--content", digest, *YES)
    assert listed(maker, "service-1")["state"] == "accepted"
    # A date is one of the tariff's calendar: midnight in Shanghai.
    assert str(listed(maker, "service-1")["from_ms"]).endswith("00000")
    hour = datetime.datetime.fromtimestamp(
        int(str(listed(maker, "service-1")["from_ms"])) / 1_000, datetime.UTC
    ).hour
    assert hour == 16
    assert until(
        lambda: any(row["agreement"] == "service-1" for row in maker.do("statement", "list", "--json").json),
        within_s=30,
    )
    plant.refused("billing.wrong_state", "agreement", "withdraw", "service-1", *YES)


def test_a_proposal_is_taken_back_or_turned_down(town: Town, daily: Path) -> None:
    maker, plant = town.shells["maker"], town.shells["plant"]
    for name, shell in (("s-2", maker), ("s-3", plant)):
        propose(maker, name, daily, first=5)
        shell.do("agreement", "withdraw", name, *YES)
        assert listed(plant, name)["state"] == "withdrawn"
    states = {row["state"] for row in maker.do("agreement", "list", "--state", "withdrawn", "--json").json}
    assert states == {"withdrawn"}


def test_the_side_that_pays_may_propose_by_the_providers_price(town: Town, daily: Path) -> None:
    plant, maker = town.shells["plant"], town.shells["maker"]
    plant.do(
        "agreement", "propose", "s-4", "--sheet", daily, "--with", "maker", "--as", "user", "--tariff",
        "maker/daily/1", "--from", day(3), "--to", day(9), *YES,
    )  # fmt: skip
    row = listed(maker, "s-4")
    assert (row["provider"], row["user"], row["tariff"], row["turn"]) == (
        "maker", "plant", "maker/daily/1", "maker",
    )  # fmt: skip
    maker.do("agreement", "accept", "s-4", *YES)


def test_a_sheet_that_says_otherwise_than_what_is_published_is_refused(
    town: Town, daily: Path, tmp_path: Path
) -> None:
    maker = town.shells["maker"]
    other = sheet(tmp_path / "other.json", elements=dearer("1.00"))
    given = ("--with", "plant", "--from", day(3), "--to", day(9), *YES)
    maker.refused("agreement.sheet_differs", "agreement", "propose", "s-5", "--sheet", other, *given)
    unknown = sheet(tmp_path / "unknown.json", name="unknown")
    maker.refused("billing.tariff_unknown", "agreement", "propose", "s-5", "--sheet", unknown, *given)
    maker.refused(
        "market.binding_wrong", "agreement", "propose", "s-5", "--sheet", daily, "--meter", "x", *given
    )
    maker.refused("cli.value_wrong", "agreement", "propose", "s-5", "--sheet", daily, "--with", "plant",
                  "--from", "2026-02-30", "--to", day(9), *YES)  # fmt: skip
    maker.refused("consortium.calendar_outside", "agreement", "propose", "s-5", "--sheet", daily, "--with",
                  "plant", "--from", "2041-01-01", "--to", "2041-02-01", *YES)  # fmt: skip
    maker.refused("billing.agreement_unknown", "agreement", "show", "s-5")
    maker.refused("billing.agreement_unknown", "agreement", "accept", "s-5", *YES)


def test_a_dry_run_shows_the_proposal_and_sends_nothing(town: Town, daily: Path) -> None:
    maker = town.shells["maker"]
    said = maker.do(
        "agreement", "propose", "s-6", "--sheet", daily, "--with", "plant", "--from", day(3), "--to", day(9),
        "--dry-run", "--json",
    ).json  # fmt: skip
    assert said["body"]["actions"][0]["agreement"] == "s-6"
    assert "s-6" not in json.dumps(maker.do("agreement", "list", "--json").json)
    asked = maker(
        "agreement", "propose", "s-6", "--sheet", daily, "--with", "plant", "--from", day(3), "--to", day(9)
    )
    assert asked.status == 2
    assert "cli.not_confirmed" in asked.err
    assert "maker provides, plant pays" in asked.err


def test_nothing_is_closed_before_its_time(town: Town, daily: Path) -> None:
    maker = town.shells["maker"]
    propose(maker, "s-7", daily, first=20)
    ran = maker("agreement", "close", "s-7", *YES)
    assert ran.status == 2
    assert "billing." in ran.err


def test_who_shares_a_revenue_sees_the_statements_of_it(town: Town, tmp_path: Path) -> None:
    """Maker bills plant; a fifth is the bank's: it lists the statements, and reads who owes whom."""
    maker, plant, bank = (town.shells[name] for name in ("maker", "plant", "bank"))
    split = {
        "kind": "split", "clause": "parts", "tax": "vat", "of": ["day"],
        "payees": {"maker": "80%", "bank": "20%"},
    }  # fmt: skip
    file = sheet(tmp_path / "shared.json", name="shared", elements=[*dearer("200.00"), split])
    maker.do("tariff", "publish", file, *YES)
    propose(maker, "s-8", file)
    plant.do("agreement", "accept", "s-8", *YES)

    def listed_for_bank() -> bool:
        rows = bank.do("statement", "list", "--json").json
        return any(row["agreement"] == "s-8" for row in rows)

    assert until(listed_for_bank, within_s=30)
    said = bank.do("statement", "show", "s-8").out
    assert "45.20" in said
    assert "180.80" in said
