"""`hansa price`, `hansa index`: declared, published from a file once it is whole, read; used by a tariff."""

import datetime
import json
from pathlib import Path

import pytest

from tests.cli.shell import Shell
from tests.cli.test_tariff import sheet

YES = ("--yes",)


def prices(path: Path, *days: str, left: int = -1) -> Path:
    """Hourly prices, 0.30 rising by 0.01 each hour; `left`: the one that is left out."""
    rows = []
    for day in days:
        start = datetime.datetime.fromisoformat(day)
        for hour in range(24):
            if hour != left:
                rows.append(f"{start + datetime.timedelta(hours=hour)},0.{30 + hour}")
    path.write_text("\n".join(["from,price", *rows]))
    return path


def energy_sheet(path: Path, owner: str) -> Path:
    """Electricity by an interval series of this owner."""
    series = {"owner": owner, "id": "spot", "version": 1}
    spot = {
        "kind": "series", "clause": "spot", "tax": "vat", "meter": "energy", "unit": "kWh", "slot": "60min",
        "series": series, "known": "after",
    }  # fmt: skip
    gaps = {"energy": {"gap_longer_than": "1h", "rule": "counter_difference"}}
    return sheet(
        path,
        name="power",
        meters={"energy": {"kind": "counter", "base_unit": "Wh"}},
        elements=[spot],
        terms={"cut_off": "1h", "gaps": gaps},
    )


@pytest.fixture(scope="module")
def owner(quick: Shell) -> str:
    found: str = quick.do("member", "list", "--json").json[0]["id"]
    return found


def reach(shell: Shell, name: str, version: int = 1) -> tuple[object, object]:
    rows = shell.do("price", "list", "--json").json
    row = next(each for each in rows if (each["series"], each["version"]) == (name, version))
    return row["first_day"], row["last_day"]


def number(day: str) -> int:
    return (datetime.date.fromisoformat(day) - datetime.date(1970, 1, 1)).days


def test_a_series_is_declared_from_the_sheet_that_uses_it_and_filled_from_a_file(
    quick: Shell, owner: str, tmp_path: Path
) -> None:
    power = energy_sheet(tmp_path / "power.json", owner)
    quick.refused("billing.series_unknown", "tariff", "publish", power, *YES)
    quick.refused("price.series_not_in_sheet", "price", "declare", "other", "--sheet", power, *YES)
    quick.do("price", "declare", "spot", "--sheet", power, *YES)
    assert reach(quick, "spot") == (None, None)
    quick.do("tariff", "publish", power, *YES)

    holed = prices(tmp_path / "holed.csv", "2026-03-01", left=7)
    ran = quick.refused("sheet.not_imported", "price", "publish", "spot", holed, *YES)
    assert "2026-03-01 07:00" in ran.out
    zh = quick("price", "publish", "spot", holed, *YES, HANSA_LANG="zh")
    assert "没有价格，缺 1 段" in zh.out
    assert reach(quick, "spot") == (None, None)

    whole = prices(tmp_path / "whole.csv", "2026-03-01", "2026-03-02")
    told = quick.do("price", "publish", "spot", whole, "--dry-run", "--json").json
    assert [(row["slots"], row["what"]) for row in told["days"]] == [(24, "new")] * 2
    assert reach(quick, "spot") == (None, None)
    assert "2 days published" in quick.do("price", "publish", "spot", whole, *YES).err
    assert reach(quick, "spot") == (number("2026-03-01"), number("2026-03-02"))
    again = quick.do("price", "publish", "spot", whole, *YES, "--json").json
    assert {row["what"] for row in again["days"]} == {"there"}

    rows = quick.do("price", "show", "spot", "--day", "2026-03-01", "--days", 2, "--json").json
    assert len(rows) == 48
    assert (rows[3]["local"], rows[3]["price_e8"]) == ("2026-03-01 03:00:00", 33_000_000)
    assert len(quick.do("price", "show", "spot", "--json").json) == 24

    changed = whole.read_text().replace("0.30", "0.31")
    whole.write_text(changed)
    ran = quick.refused("sheet.not_imported", "price", "publish", "spot", whole, *YES)
    assert "price.published_otherwise" in ran.out


def test_a_series_is_declared_by_hand_on_a_calendar(quick: Shell, tmp_path: Path) -> None:
    quick.refused("cli.wrong_use", "price", "declare", "grid", *YES)
    quick.refused("tariff.calendar_missing", "price", "declare", "grid", "--calendar", "no", *YES)
    quick.do("tariff", "publish", sheet(tmp_path / "s.json", name="days"), *YES)
    quick.do("price", "declare", "grid", "--calendar", "days", "--minutes", "30", "--currency", "EUR", *YES)
    row = next(each for each in quick.do("price", "list", "--json").json if each["series"] == "grid")
    assert (row["minutes"], row["unit"], row["currency"]) == (30, "kWh", "EUR")
    quick.refused(
        "billing.series_unknown", "price", "publish", "none", prices(tmp_path / "p.csv", "2026-03-01")
    )
    quick.refused("billing.series_unknown", "price", "show", "none")
    assert quick.do("price", "show", "grid", "--json").json == []


def test_an_index_is_continued_and_never_changed(quick: Shell, owner: str) -> None:
    quick.do("index", "publish", "cpi", "--from", "2026-01-01", "--value", "100", *YES)
    quick.do("index", "publish", "cpi", "--from", "2026-02-01", "--value", "100.25", *YES)
    quick.refused(
        "billing.index_order", "index", "publish", "cpi", "--from", "2026-02-01", "--value", "1", *YES
    )
    rows = quick.do("index", "show", "cpi", "--json").json
    assert [(row["from_day"], row["value_e8"]) for row in rows] == [
        (number("2026-01-01"), 10_000_000_000), (number("2026-02-01"), 10_025_000_000),
    ]  # fmt: skip
    [listed] = quick.do("index", "list", "--json").json
    assert (listed["owner"], listed["index"], listed["value_e8"]) == (owner, "cpi", 10_025_000_000)
    quick.refused("sheet.cell_wrong", "index", "publish", "cpi", "--from", "2026-03-01", "--value", "x", *YES)
    assert "100.25" in quick.do("index", "show", "cpi", "--csv").out
    assert json.loads(quick.do("index", "list", "--json", HANSA_LANG="zh").out) == [listed]
