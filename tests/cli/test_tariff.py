"""`hansa tariff`: templates listed, shown, copied; a sheet of one's own checked and told in sentences."""

import json
import re
from pathlib import Path

import pytest

from hansa.client.tariff_templates import templates
from tests.cli.shell import Shell

NAMES = [found.name for found in templates()]


def test_templates_are_listed_with_what_they_are_for(quick: Shell) -> None:
    rows = quick.do("tariff", "list", "--json").json
    assert [row["name"] for row in rows] == NAMES
    assert len(NAMES) >= 8
    assert all(row["title"] and row["kinds"] for row in rows)


@pytest.mark.parametrize("name", NAMES)
def test_a_template_is_copied_edited_and_checked(quick: Shell, tmp_path: Path, name: str) -> None:
    path = tmp_path / "mine.json"
    quick.do("tariff", "new", name, path)
    rows = quick.do("tariff", "check", path, "--json").json
    sheet = json.loads(path.read_text())
    kinds = [row["kind"] for row in rows]
    first = kinds.index("tax")
    assert [row["clause"] for row in rows[:first]] == [element["clause"] for element in sheet["elements"]]
    assert set(kinds[first + 1 :]) == {"terms"}
    told = " ".join(row["says"]["en"] for row in rows[first:])
    assert all(f"gaps of {meter} longer than" in told for meter in sheet["terms"]["gaps"])
    assert quick.do("tariff", "show", name).out == path.read_text()
    sheet["elements"][0]["clause"] = "Not A Name"
    path.write_text(json.dumps(sheet))
    quick.refused("billing.sheet_name", "tariff", "check", path)


def test_what_is_there_is_not_overwritten(quick: Shell, tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text("mine")
    quick.refused("tariff.file_there", "tariff", "new", NAMES[0], path)
    assert path.read_text() == "mine"


def test_what_cannot_be_is_named(quick: Shell, tmp_path: Path) -> None:
    quick.refused("tariff.template_unknown", "tariff", "show", "../secrets")
    quick.refused("tariff.template_unknown", "tariff", "new", "nothing", tmp_path / "x.json")
    quick.refused("tariff.file_unwritable", "tariff", "new", NAMES[0], tmp_path / "no" / "x.json")
    quick.refused("billing.sheet_unreadable", "tariff", "check", tmp_path / "none.json")


def sheet(path: Path, **changed: object) -> Path:
    """The sheet that the pages begin with, some of it otherwise."""
    made = {
        "name": "daily",
        "purpose": "internal",
        "currency": "CNY",
        "prices": "without_tax",
        "rounding": "half_up",
        "period": "day",
        "calendar": {"zone": "Asia/Shanghai", "from_year": 2025, "to_year": 2034},
        "taxes": {"vat": [{"from": "2019-04-01", "rate": "13%"}]},
        "meters": {},
        "elements": [{"kind": "fixed", "clause": "day", "tax": "vat", "amount": "200.00"}],
        "terms": {"cut_off": "0h", "gaps": {}, "settlement": {"payment_days": 30, "runs_from": "period_end"}},
    }
    path.write_text(json.dumps(made | changed))
    return path


def dearer(amount: str) -> list[dict[str, str]]:
    return [{"kind": "fixed", "clause": "day", "tax": "vat", "amount": amount}]


def versions(shell: Shell, name: str) -> list[int]:
    rows = shell.do("tariff", "published", "--json").json
    return [row["version"] for row in rows if row["tariff"] == name]


def test_a_sheet_is_published_once_and_a_change_is_a_new_version(quick: Shell, tmp_path: Path) -> None:
    file = sheet(tmp_path / "daily.json")
    quick.do("tariff", "publish", file, "--dry-run")
    assert versions(quick, "daily") == []
    told = quick.do("tariff", "publish", file, "--yes").out
    assert re.search(r"Tariff (\S+)/daily/1 is published, on the calendar \1/daily\.", told)
    again = quick.do("tariff", "publish", file, "--yes")
    assert "published already" in again.out
    assert versions(quick, "daily") == [1]

    sheet(file, elements=dearer("210.00"))
    quick.refused("tariff.twice", "tariff", "publish", file, "--version", 1, "--yes")
    quick.do("tariff", "publish", file, "--yes")
    assert versions(quick, "daily") == [1, 2]
    assert "200.00 CNY" in quick.do("tariff", "read", "daily/1").out
    newest = quick.do("tariff", "read", "daily", HANSA_LANG="zh").out
    assert "210.00 CNY" in newest


def test_the_calendar_is_published_with_it_or_is_one_that_says_the_same(quick: Shell, tmp_path: Path) -> None:
    quick.do("tariff", "publish", sheet(tmp_path / "a.json", name="north"), "--yes")
    calendars = {row["tariff"]: row["calendar"] for row in quick.do("tariff", "published", "--json").json}
    other = sheet(tmp_path / "b.json", name="south", elements=dearer("3.00"))
    quick.do("tariff", "publish", other, "--calendar", "north", "--yes")
    rows = {row["tariff"]: row["calendar"] for row in quick.do("tariff", "published", "--json").json}
    assert rows["south"] == calendars["north"]

    abroad = sheet(
        tmp_path / "c.json", calendar={"zone": "Europe/Berlin", "from_year": 2025, "to_year": 2034}
    )
    quick.refused("tariff.calendar_differs", "tariff", "publish", abroad, "--calendar", "north", "--yes")
    quick.refused("tariff.calendar_missing", "tariff", "publish", abroad, "--calendar", "nobody/n", "--yes")
    moved = sheet(
        tmp_path / "d.json", name="north", calendar={"zone": "Asia/Tokyo", "from_year": 2025, "to_year": 2026}
    )
    quick.do("tariff", "publish", moved, "--yes")
    rows = {
        (row["tariff"], row["version"]): row["calendar"]
        for row in quick.do("tariff", "published", "--json").json
    }
    assert rows["north", 2].endswith("/north.2")


def test_what_is_no_tariff_is_named(quick: Shell, tmp_path: Path) -> None:
    quick.refused("tariff.name_wrong", "tariff", "read", "a/b/c")
    quick.refused("tariff.name_wrong", "tariff", "read", "/a")
    quick.refused("billing.tariff_unknown", "tariff", "read", "nobody/nothing/7")
    quick.refused("billing.tariff_unknown", "tariff", "read", "nothing")
    quick.refused("billing.sheet_unreadable", "tariff", "publish", tmp_path / "none.json", "--yes")
    quick.refused("cli.not_confirmed", "tariff", "publish", sheet(tmp_path / "x.json", name="x"))
    assert versions(quick, "x") == []
