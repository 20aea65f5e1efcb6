"""`hansa asset` and `hansa offer` as a maker and a plant type them: imported, found, haggled over, agreed."""

import datetime
import json
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec
import openpyxl
import pytest

from hansa.apps.billing.sheet import read_sheet
from hansa.client.sheet_columns import EXAMPLES
from tests.cli.shell import Shell, running
from tests.cli.test_membership import Town

TODAY = datetime.datetime.now(datetime.UTC).date()
YES = ("--yes",)
RESERVE = "1234.56781234"
"""Least price of a lease: digits that stand nowhere else."""
SHEET = {
    "name": "daily",
    "purpose": "internal",
    "currency": "CNY",
    "prices": "without_tax",
    "rounding": "half_up",
    "period": "day",
    "calendar": {"zone": "UTC", "from_year": TODAY.year - 1, "to_year": TODAY.year + 2},
    "taxes": {"vat": [{"from": "2019-04-01", "rate": "13%"}]},
    "meters": {},
    "elements": [{"kind": "fixed", "clause": "day", "tax": "vat", "amount": "200.00"}],
    "terms": {"cut_off": "0h", "gaps": {}},
}


def day(ahead: int) -> str:
    return (TODAY + datetime.timedelta(days=ahead)).isoformat()


def told(value: object) -> str:
    return msgspec.json.encode(value).decode()


def workbook(path: Path, **changes: object) -> Path:
    """One machine, one capability, one window of four weeks from the 40th day on."""
    window = dict(EXAMPLES["windows"]) | {
        "offer": "weeks", "asset": "mill-7", "from": day(40), "to": day(68), "zone": "UTC", "tariff": "daily",
        "reserve": float(RESERVE), "reserve_per": "lease",
    } | changes  # fmt: skip
    book = openpyxl.Workbook()
    book.remove(book.active)
    rows = {"machines": dict(EXAMPLES["machines"]), "capabilities": dict(EXAMPLES["capabilities"])}
    for name, row in (*rows.items(), ("windows", window)):
        sheet = book.create_sheet(name)
        row = row if name == "windows" else row | {"asset": "mill-7"}
        sheet.append(list(row))
        sheet.append(list(row.values()))
    book.save(path)
    return path


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """The maker has published a price of 200.00 a day."""
    made = Town(tmp_path_factory.mktemp("town"))
    with running(made.folder / "node"):
        made.join()
        (made.folder / "daily.json").write_text(json.dumps(SHEET))
        sheet = read_sheet(made.folder / "daily.json")
        maker = made.shells["maker"]
        maker.do("tx", "consortium.publish_calendar", "--id", "c-1", "--calendar", told(sheet.calendar), *YES)
        for name, version in (("daily", 1), ("daily", 2)):
            maker.do(
                "tx", "billing.publish_tariff", "--id", name, "--version", version, "--tariff",
                told(sheet.tariff), "--calendar-owner", "maker", "--calendar", "c-1", *YES,
            )  # fmt: skip
        yield made


def enquiry(town: Town, name: str, first: int, last: int) -> tuple[object, ...]:
    return (
        "offer", "enquire", "maker", "weeks", "--id", name, "--process", "milling", "--material", "steel",
        "--size", "100x200x50", "--tolerance", "0.025", "--quantity", "700", "--from", day(first),
        "--to", day(last), "--sheet", town.folder / "daily.json",
    )  # fmt: skip


def import_and_find(maker: Shell, plant: Shell, file: Path) -> None:
    """The maker's workbook goes onto the ledger once; the plant finds what it says."""
    looked = maker.do("asset", "import", file, "--dry-run", "--json").json
    assert [(row["sheet"], row["what"]) for row in looked["rows"]] == [
        ("machines", "new"),
        ("windows", "new"),
    ]
    assert maker.do("asset", "list", "--json").json == []
    maker.do("asset", "import", file, *YES)
    assert maker.do("asset", "list", "--json").json[0]["processes"] == ["milling"]
    assert maker.do("asset", "show", "mill-7").json["description"]["name_en"] == "Five-axis centre"
    again = maker.do("asset", "import", file, "--json", *YES).json
    assert [row["what"] for row in again["rows"]] == ["unchanged", "unchanged"]

    near = ("--near", "31.40,121.00", "--km", "50")
    week = ("--from", day(40), "--to", day(47), "--quantity", "700")
    (found,) = plant.do("offer", "search", "milling", *near, *week, "--json").json
    assert (found["offer"], found["net_minor"], found["distance_km"]) == ("weeks", 140_000, 2)
    assert plant.do("offer", "search", "milling", "--near", "39.9,116.4", "--km", "50", "--json").json == []
    assert "Kunshan works" in plant.do("offer", "search", "milling", *near).out
    for shell, place in ((maker, "mill-7"), (plant, "maker/mill-7"), (plant, "maker/weeks")):
        (there,) = shell.do("offer", "search", "milling", "--near", place, "--km", "1", "--json").json
        assert there["distance_km"] == 0


def test_a_line_is_imported_found_bargained_over_and_agreed(town: Town, tmp_path: Path) -> None:
    maker, plant, bank = (town.shells[name] for name in ("maker", "plant", "bank"))
    import_and_find(maker, plant, workbook(tmp_path / "machines.xlsx"))
    plant.do(*enquiry(town, "b-1", 40, 47), *YES)
    plant.refused("leasing.capability_lacking", *enquiry(town, "b-9", 40, 47)[:7], "turning",
                  *enquiry(town, "b-9", 40, 47)[8:], *YES)  # fmt: skip
    (row,) = maker.do("offer", "bargains", "--json").json
    assert (row["bargain"], row["turn"], row["state"]) == ("b-1", "maker", "open")

    judged = maker.do("offer", "judge", "b-1")
    verdict = json.loads(judged.out)
    assert (verdict["enough"], verdict["expected_minor"], verdict["reserve_minor"]) == (
        True,
        140_000,
        123_457,
    )
    bank.refused("market.reserve_unknown", "offer", "judge", "b-1")

    maker.do("offer", "counter", "b-1", "--deposit", "500.00", "--to", day(46), "--end-notice", "1d", *YES)
    assert json.loads(maker.do("offer", "judge", "b-1").out)["enough"] is False
    shown = plant.do("offer", "bargain", "b-1").json
    assert [one["terms"]["to_ms"] - one["terms"]["from_ms"] for one in shown["proposals"]] == [
        7 * 86_400_000, 6 * 86_400_000
    ]  # fmt: skip
    maker.refused("leasing.own_proposal", "offer", "agree", "b-1", *YES)
    agreed = plant.do("offer", "agree", "b-1", *YES)
    assert "security deposit: 500.00 CNY" in agreed.err
    assert "security deposit 500.00" in agreed.err
    assert f"{day(40)} 00:00 +00:00 to {day(46)} 00:00 +00:00, 6.00 days" in agreed.err

    plant.do(*enquiry(town, "b-2", 45, 48), *YES)
    maker.refused("leasing.already_booked", "offer", "agree", "b-2", *YES)
    maker.do("offer", "decline", "b-2", *YES)
    rows = plant.do("offer", "bargains", "--json").json
    assert [(row["bargain"], row["state"]) for row in rows] == [("b-1", "agreed"), ("b-2", "declined")]

    weeks = plant.do("offer", "calendar", "maker", "weeks", "--zone", "UTC", "--json").json
    days = "".join(row["days"] for row in weeks)
    assert days.strip() == "░" * 6 + "·" * 22
    maker.do("offer", "withdraw", "weeks", *YES)
    assert maker.do("offer", "list", "--open", "--json").json == []
    assert [row["state"] for row in plant.do("offer", "list", "--by", "maker", "--json").json] == [
        "withdrawn"
    ]


def test_a_reserve_price_is_in_nothing_that_leaves_the_machine(town: Town, tmp_path: Path) -> None:
    """Published by command, imported from a workbook, noted by hand: it stands in one file, for its owner."""
    maker = town.shells["maker"]
    dates = ("--from", day(100), "--to", day(130), "--tariff", "daily", "--crew", "either")
    maker.do("asset", "import", workbook(tmp_path / "m.xlsx", offer="secret", to=day(69)), *YES)
    maker.do("offer", "publish", "mine", "--asset", "mill-7", *dates, "--reserve", RESERVE, "--dry-run")
    folder = next((town.folder / "maker" / "profiles").iterdir())
    assert "mine" not in (folder / "reserve.json").read_text()
    maker.do("offer", "publish", "mine", "--asset", "mill-7", *dates, "--reserve", RESERVE, *YES)
    maker.do("offer", "reserve", "other", RESERVE, "--per", "lease")

    kept = json.loads((folder / "reserve.json").read_text())["offers"]
    assert {"mine", "other", "secret"} <= set(kept)
    assert stat.S_IMODE((folder / "reserve.json").stat().st_mode) == 0o600
    digits = RESERVE.replace(".", "").encode()
    everything = {path: path.read_bytes() for path in town.folder.rglob("*") if path.is_file()}
    holding = [path for path, data in everything.items() if digits in data or RESERVE.encode() in data]
    assert holding == [folder / "reserve.json"]
    looked_through = [path for path, data in everything.items() if b'"offer":"mine"' in data]
    assert any(town.folder / "node" in path.parents for path in looked_through), "the ledger, too"


def test_an_import_with_a_wrong_row_takes_nothing(town: Town, tmp_path: Path) -> None:
    maker = town.shells["maker"]
    before = maker.do("offer", "list", "--json").json
    file = workbook(tmp_path / "wrong.xlsx", offer="wrong", notice=-1)
    ran = maker.refused("sheet.not_imported", "asset", "import", file, *YES)
    assert "sheet.cell_wrong" in ran.out
    assert maker.do("offer", "list", "--json").json == before
    zh = Shell(maker.home, "zh").refused("sheet.not_imported", "asset", "import", file, *YES)
    assert "提前通知天数 notice" in zh.out
    maker.refused("sheet.unreadable", "asset", "import", tmp_path / "nothing.xlsx", *YES)


def test_a_template_is_written_once(town: Town, tmp_path: Path) -> None:
    maker = town.shells["maker"]
    maker.do("asset", "template", "-o", tmp_path / "t.xlsx")
    maker.refused("cli.wrong_use", "asset", "template", "-o", tmp_path / "t.xlsx")
    maker.refused("cli.wrong_use", "asset", "template", "-o", tmp_path / "no" / "t.xlsx")
    maker.refused("sheet.nothing", "asset", "import", tmp_path / "t.xlsx", *YES)


@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        ("cli.value_wrong", ("offer", "search", "milling", "--size", "10x20")),
        ("sheet.cell_wrong", ("offer", "search", "milling", "--size", "axbxc")),
        ("market.place_unknown", ("offer", "search", "milling", "--near", "here")),
        ("cli.not_an_id", ("offer", "search", "milling", "--near", "Over There!")),
        ("sheet.cell_wrong", ("offer", "search", "milling", "--near", "north,east")),
        ("cli.value_wrong", ("offer", "search", "milling", "--for", "soon")),
        ("sheet.cell_wrong", ("offer", "reserve", "x", "-5")),
        ("sheet.cell_wrong", ("offer", "reserve", "x", "5", "--currency", "yuan")),
        ("market.offer_missing", ("offer", "show", "maker", "nothing")),
        ("market.bargain_missing", ("offer", "bargain", "nothing")),
        ("market.bargain_missing", ("offer", "agree", "nothing", "--yes")),
        ("cli.not_found", ("asset", "show", "nothing")),
        ("leasing.offer_unknown", ("offer", "withdraw", "nothing", "--yes")),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(town: Town, code: str, arguments: tuple[str, ...]) -> None:
    if "-5" in arguments:
        arguments = (*arguments[:2], "--", *arguments[2:])
    town.shells["maker"].refused(code, *arguments)
