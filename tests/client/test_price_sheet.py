"""Interval prices from files: whole days exactly as they stand, each fault by its row, nothing guessed."""

from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from hansa.apps.billing.messages_prices import SeriesDay
from hansa.apps.consortium.calendar_file import build_calendar
from hansa.client.price_errors import PriceNothing
from hansa.client.price_sheet import Read, plan_prices, read_prices

SHANGHAI = build_calendar("Asia/Shanghai", 2026, 2027, {})
BERLIN = build_calendar("Europe/Berlin", 2026, 2027, {})
EPOCH = datetime(1970, 1, 1)


def hours(day: str, count: int = 24) -> list[tuple[str, str]]:
    start = datetime.fromisoformat(day)
    return [(str(start + timedelta(hours=number)), f"0.{number:02d}") for number in range(count)]


def written(path: Path, rows: list[tuple[Any, ...]], head: str = "from,price") -> Path:
    path.write_text("\n".join([head, *(",".join(map(str, row)) for row in rows)]) + "\n")
    return path


def read(path: Path, calendar: Any = SHANGHAI, minutes: int = 60, per: int = 1) -> Read:
    return read_prices([path], calendar, minutes, per)


def told(found: Read) -> list[tuple[int, str]]:
    for problem in found.problems:
        assert "{" not in problem.refusal.zh + problem.refusal.en
    return [(problem.row, problem.refusal.code) for problem in found.problems]


def test_a_day_is_read_slot_by_slot(tmp_path: Path) -> None:
    found = read(written(tmp_path / "a.csv", hours("2026-03-01")))
    assert told(found) == []
    [day] = found.days
    assert day.day == (datetime(2026, 3, 1) - EPOCH).days
    assert day.prices_e8 == tuple(number * 1_000_000 for number in range(24))


def test_rows_may_stand_in_any_order_and_heads_in_either_language(tmp_path: Path) -> None:
    rows = [(price, start) for start, price in reversed(hours("2026-03-01"))]
    assert (
        read(written(tmp_path / "a.csv", rows, "电价,开始")).days
        == read(written(tmp_path / "b.csv", hours("2026-03-01"))).days
    )


def test_prices_of_a_megawatt_hour_become_those_of_a_kilowatt_hour(tmp_path: Path) -> None:
    rows = [(start, "-385.25") for start, _ in hours("2026-03-01")]
    assert set(read(written(tmp_path / "a.csv", rows), per=1_000).days[0].prices_e8) == {-38_525_000}


def test_a_workbook_says_the_same_as_a_text(tmp_path: Path) -> None:
    book = Workbook()
    sheet: Any = book.active
    sheet.append(["from", "price"])
    for start, price in hours("2026-03-01"):
        sheet.append([datetime.fromisoformat(start), float(price)])
    book.save(tmp_path / "a.xlsx")
    text = read(written(tmp_path / "a.csv", hours("2026-03-01")))
    assert read(tmp_path / "a.xlsx").days == text.days


@pytest.mark.parametrize(("day", "slots"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)])
def test_days_on_which_the_clock_changes_have_their_own_number_of_slots(
    tmp_path: Path, day: str, slots: int
) -> None:
    zone, start = ZoneInfo("Europe/Berlin"), datetime.fromisoformat(day)
    first = start.replace(tzinfo=zone).timestamp()
    instants = [datetime.fromtimestamp(first + 3_600 * number, zone) for number in range(slots)]
    assert instants[-1].date() == start.date()
    local = [(at.replace(tzinfo=None), Decimal(n)) for n, at in enumerate(instants)]
    offset = [(at.isoformat(), Decimal(n)) for n, at in enumerate(instants)]
    utc = [
        (at.astimezone(ZoneInfo("UTC")).isoformat().replace("+00:00", "Z"), n)
        for n, at in enumerate(instants)
    ]
    wanted = tuple(number * 10**8 for number in range(slots))
    for rows in (local, offset, utc):
        found = read(written(tmp_path / "a.csv", list(rows)), BERLIN)
        assert told(found) == []
        assert found.days[0].prices_e8 == wanted


def test_each_fault_is_named_by_its_row(tmp_path: Path) -> None:
    rows = hours("2026-03-01")
    rows[3] = ("2026-03-01 02:00:00", "9")  # row 5 says what row 4 said: 03:00 is missing then
    rows[6] = ("2026-03-01 06:30:00", "1")
    rows[8] = ("1.3.2026 8:00", "1")
    rows[10] = ("2026-03-01 10:00", "cheap")
    rows[12] = ("2026-03-01T12:00+01:00", "1")
    found = read(written(tmp_path / "a.csv", rows))
    assert told(found) == [
        (4, "price.gap"), (5, "price.twice"), (7, "price.gap"), (8, "price.slot"), (9, "price.gap"),
        (10, "price.time"), (12, "price.value"), (13, "price.gap"), (14, "price.zone"),
    ]  # fmt: skip
    assert found.days == []
    zone = found.problems[-1].refusal
    assert "+08:00" in zone.en
    assert "Asia/Shanghai" in zone.zh


@pytest.mark.parametrize("given", ["", "2026-03-01", "2026-W09-7", "20260301T0000", "2026-02-30 08:00", "8"])
def test_what_is_no_time_is_named(tmp_path: Path, given: str) -> None:
    rows = [(given, "1"), *hours("2026-03-01")[1:]]
    assert told(read(written(tmp_path / "a.csv", rows)))[-1] == (2, "price.time")


def test_another_step_is_named(tmp_path: Path) -> None:
    rows = [
        (start, str(datetime.fromisoformat(start) + timedelta(minutes=30)), p)
        for start, p in hours("2026-03-01")
    ]
    found = read(written(tmp_path / "a.csv", rows, "from,to,price"))
    assert told(found) == [(row, "price.step") for row in range(2, 26)]
    # Quarters, for a series of hours: the first of each hour is taken for it, the others are no slots.
    quarters = [(f"2026-03-01 {n // 4:02d}:{n % 4 * 15:02d}", 1) for n in range(96)]
    codes = [code for _, code in told(read(written(tmp_path / "b.csv", quarters)))]
    assert codes == ["price.slot"] * 72


def test_a_file_of_another_zone_shows_where_the_clock_changes(tmp_path: Path) -> None:
    rows = hours("2026-03-29")  # 24 hours of Shanghai, read as Berlin's: 02:00 was not.
    assert told(read(written(tmp_path / "a.csv", rows), BERLIN)) == [(4, "price.time_skipped")]


def test_whole_days_that_are_missing_are_one_gap(tmp_path: Path) -> None:
    found = read(written(tmp_path / "a.csv", hours("2026-03-01") + hours("2026-03-04")))
    assert told(found) == [(25, "price.gap")]
    assert "48" in found.problems[0].refusal.en
    short = read(written(tmp_path / "b.csv", hours("2026-03-01", 20)))
    assert told(short) == [(21, "price.gap")]


def test_what_is_no_file_of_prices_is_said(tmp_path: Path) -> None:
    assert told(read(written(tmp_path / "a.csv", [("1", "2")], "day,euro"))) == [(1, "price.columns")]
    with pytest.raises(PriceNothing):
        read(written(tmp_path / "b.csv", []))
    outside = read(written(tmp_path / "c.csv", hours("2041-03-01")))
    assert {code for _, code in told(outside)} == {"consortium.calendar_outside"}


def test_what_is_published_is_left_out_and_never_changed(tmp_path: Path) -> None:
    found = read(written(tmp_path / "a.csv", hours("2026-03-01") + hours("2026-03-02") + hours("2026-03-03")))
    first, second, third = found.days

    def ask(name: str, kind: Any, **arguments: Any) -> Any:
        known = {first.day: first.prices_e8, second.day: second.prices_e8[::-1]}
        days = range(arguments["from_day"], arguments["until_day"])
        return [(day, SeriesDay(known[day], 1)) for day in days if day in known]

    actions = plan_prices(ask, "maker", "spot", 1, found)
    assert [(action.day, action.prices_e8) for action in actions] == [(third.day, third.prices_e8)]
    assert [code for _, code in told(found)] == ["price.published_otherwise"]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 47), unique=True, min_size=1, max_size=47))
def test_whatever_is_left_out_of_two_days_is_found_as_gaps(tmp_path_factory: Any, left: list[int]) -> None:
    rows = [row for n, row in enumerate(hours("2026-03-01") + hours("2026-03-02")) if n not in left]
    folder: Path = tmp_path_factory.mktemp("gaps")
    found = read(written(folder / "a.csv", rows))
    days = {n // 24 for n in range(48) if n not in left}
    expected = sum(1 for n in left if n // 24 in days)
    counts = [int(problem.refusal.en.split(", ")[1].split()[0]) for problem in found.problems]
    assert sum(counts) == expected
    assert len(found.days) == sum(1 for day in days if not any(n // 24 == day for n in left))
