"""Machines and idle windows from workbooks: what people fill in, and what they should not have sent."""

import contextlib
import io
import zipfile
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hansa.apps.billing.errors import TariffUnknown
from hansa.apps.leasing.messages_market import PublishOffer, RegisterAsset, UpdateAsset
from hansa.apps.metering.errors import FeedUnknown
from hansa.client import sheet_errors as errors
from hansa.client import sheet_rows
from hansa.client.asset_import import plan_import
from hansa.client.asset_sheet import Sheet, read_sheet, reserves_of, template
from hansa.client.sheet_columns import COLUMNS, EXAMPLES
from hansa.client.sheet_values import WANTED, value_of
from hansa.client.texts import both
from hansa.kernel import encode, limits
from hansa.kernel.refusal import Refusal
from hansa.kernel.types import INTEGER_MAX
from tests.apps.leasing import DAY, HOUR, START_MS, Market, market
from tests.client.test_market import Asked

ZONE = "Asia/Shanghai"
Rows = Sequence[Mapping[str, Any]]
MACHINE = dict(EXAMPLES["machines"]) | {"asset": "mill-7", "checklist": "spindle"}
ABILITY = dict(EXAMPLES["capabilities"]) | {"asset": "mill-7"}
WINDOW = dict(EXAMPLES["windows"]) | {
    "offer": "feb",
    "asset": "mill-7",
    "from": "2025-02-01 08:00",
    "to": "2025-02-28 20:00",
    "tariff": "t-1",
}


def book(
    path: Path,
    machines: Rows = (MACHINE,),
    capabilities: Rows = (ABILITY,),
    windows: Rows = (WINDOW,),
) -> Path:
    """A workbook as a person fills it in: heads in English, the columns of the first row."""
    made = openpyxl.Workbook()
    made.remove(made.active)
    for name, rows in (("machines", machines), ("capabilities", capabilities), ("windows", windows)):
        sheet = made.create_sheet(name)
        heads = list(dict.fromkeys(head for row in rows for head in row)) or [h.name for h in COLUMNS[name]]
        sheet.append(heads)
        for row in rows:
            sheet.append([row.get(head) for head in heads])
    made.save(path)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "machines.xlsx"


def read(path: Path) -> Sheet:
    return read_sheet([path], "maker", ZONE)


def told(sheet: Sheet) -> list[tuple[str, int, str]]:
    return [(each.sheet, each.row, each.refusal.code) for each in sheet.problems]


# What people fill in.


def test_a_row_becomes_a_machine_a_capability_an_offer(path: Path) -> None:
    sheet = read(book(path))
    assert sheet.problems == ()
    (machine,), (window,) = sheet.machines, sheet.windows
    description = machine.description
    assert (machine.asset, description.name_zh, description.place.latitude_e6) == (
        "mill-7", "五轴加工中心", 31_380_000
    )  # fmt: skip
    (ability,) = description.capabilities
    assert (ability.tolerance_um, ability.largest.x_um, ability.changeover_ms) == (20, 800_000, 7_200_000)
    assert ability.materials == ("steel", "aluminium")
    offer = window.action
    assert offer.from_ms == START_MS + 31 * DAY + 8 * HOUR
    assert offer.to_ms == START_MS + 58 * DAY + 20 * HOUR
    assert (offer.notice_ms, offer.smallest_ms, offer.largest_ms) == (2 * DAY, DAY, 14 * DAY)
    assert (offer.asset_owner, offer.security_deposit_minor) == ("maker", 500_000)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_template_is_read_back_and_its_examples_alone_are_nothing(path: Path, lang: Any) -> None:
    path.write_bytes(template(lang))
    with pytest.raises(errors.NothingInSheet):
        read(path)
    filled = openpyxl.load_workbook(path)
    for name in COLUMNS:
        heads = [cell.value for cell in filled[name][1]]
        at = next(n for n, head in enumerate(heads, 1) if str(head).endswith("asset"))
        filled[name].cell(2, at, "mill-7")
    filled.save(path)
    sheet = read(path)
    assert sheet.problems == ()
    assert (len(sheet.machines), len(sheet.windows)) == (1, 1)


def test_an_example_left_beside_real_rows_is_left_out(path: Path) -> None:
    machines, abilities = (EXAMPLES["machines"], MACHINE), (EXAMPLES["capabilities"], ABILITY)
    sheet = read(book(path, machines, abilities, (EXAMPLES["windows"],)))
    assert [machine.asset for machine in sheet.machines] == ["mill-7"]
    assert (sheet.windows, sheet.problems) == ((), ())


@pytest.mark.parametrize(
    "at", ["2025-02-01 08:00", "2025-02-01T08:00:00", datetime(2025, 2, 1, 8), datetime(2025, 2, 1, 8, 0, 0)]
)
def test_times_are_dates_of_the_program_or_iso_texts(path: Path, at: Any) -> None:
    sheet = read(book(path, windows=(WINDOW | {"from": at},)))
    assert [window.action.from_ms for window in sheet.windows] == [START_MS + 31 * DAY + 8 * 3_600_000]
    midnight = read(book(path, windows=(WINDOW | {"from": date(2025, 2, 1)},)))
    assert [window.action.from_ms for window in midnight.windows] == [START_MS + 31 * DAY]


def test_a_row_may_name_its_own_time_zone(path: Path) -> None:
    sheet = read(book(path, windows=(WINDOW | {"zone": "Europe/Berlin"},)))
    assert sheet.windows[0].action.from_ms == START_MS + 31 * DAY + (8 + 7) * 3_600_000


def test_chinese_heads_and_words_do(tmp_path: Path) -> None:
    """As CSV files in GB 18030, semicolons between the cells."""
    crewed = ABILITY | {"crew": "带人"}
    for name, row in (("machines", MACHINE), ("capabilities", crewed), ("windows", WINDOW)):
        heads = [head for head in COLUMNS[name] if head.name in row]
        cells = [str(row[head.name]).replace(";", " ") for head in heads]
        text = ";".join(head.zh for head in heads) + "\r\n" + ";".join(cells) + "\r\n"
        (tmp_path / f"{name}.csv").write_bytes(text.encode("gb18030"))
    sheet = read_sheet(sorted(tmp_path.glob("*.csv")), "maker", ZONE)
    assert told(sheet) == []
    assert sheet.machines[0].description.capabilities[0].crew == "with"
    assert sheet.machines[0].description.name_zh == "五轴加工中心"


def test_reserve_prices_are_read_apart_and_are_in_no_action(path: Path) -> None:
    sheet = read(book(path, windows=(WINDOW | {"reserve": 2.87654321},)))
    assert reserves_of(sheet)["feb"].price_e8 == 287_654_321
    assert b"87654321" not in encode([window.action for window in sheet.windows])


# What they should not have sent.


@pytest.mark.parametrize(
    ("column", "value", "code"),
    [
        ("asset", None, "sheet.cell_missing"),
        ("asset", "Mill 7", "sheet.cell_wrong"),
        ("asset", "x" * 65, "sheet.cell_wrong"),
        ("name_zh", "a\u202eb", "sheet.cell_wrong"),
        ("name_zh", "x" * 121, "sheet.cell_wrong"),
        ("latitude", "31,38", "sheet.cell_wrong"),
        ("latitude", "31°22'", "sheet.cell_wrong"),
        ("latitude", 91, "leasing.place_unfit"),
        ("longitude", 181, "sheet.cell_wrong"),
        ("longitude", True, "sheet.cell_wrong"),
        ("feeds", "a;B", "sheet.cell_wrong"),
        ("feeds", "a;a", "leasing.list_unfit"),
        ("name_zh", "=1+1", "sheet.cell_formula"),
        ("latitude", "=A1", "sheet.cell_formula"),
    ],
)
def test_a_cell_of_a_machine_that_is_wrong_is_named_with_its_row(
    path: Path, column: str, value: Any, code: str
) -> None:
    other = {"asset": "ok-1"}
    sheet = read(book(path, (MACHINE | other, MACHINE | {column: value}), (ABILITY | other, ABILITY)))
    assert told(sheet)[0] == ("machines", 3, code)
    assert [machine.asset for machine in sheet.machines] == ["ok-1"]


@pytest.mark.parametrize(
    ("column", "value", "code"),
    [
        ("tolerance", 0, "sheet.cell_wrong"),
        ("tolerance", 0.0205, "sheet.cell_wrong"),
        ("tolerance", -0.02, "sheet.cell_wrong"),
        ("max_x", 1e300, "sheet.cell_wrong"),
        ("max_x", "1e999999999", "sheet.cell_wrong"),
        ("max_x", datetime(2025, 1, 1), "sheet.cell_wrong"),
        ("rate_per_hour", 0, "sheet.cell_wrong"),
        ("rate_per_hour", 1.5, "sheet.cell_wrong"),
        ("rate_per_hour", "９９", "sheet.cell_wrong"),
        ("crew", "maybe", "sheet.cell_wrong"),
        ("unit", "", "sheet.cell_ok"),
        ("materials", " ; ", "leasing.list_unfit"),
        ("min_x", 900, "leasing.size_unfit"),
        ("asset", "other", "sheet.machine_unknown"),
    ],
)
def test_a_cell_of_a_capability_likewise(path: Path, column: str, value: Any, code: str) -> None:
    sheet = read(book(path, capabilities=(ABILITY, ABILITY | {"process": "drilling", column: value})))
    if code == "sheet.cell_ok":
        assert told(sheet) == []
    else:
        assert code in [each.refusal.code for each in sheet.problems]


@pytest.mark.parametrize(
    ("column", "value", "code"),
    [
        ("from", "01.02.2025", "sheet.cell_wrong"),
        ("from", "2025-02-30", "sheet.cell_wrong"),
        ("from", "1/2/25", "sheet.cell_wrong"),
        ("from", 45_689, "sheet.cell_wrong"),
        ("from", "2025-02-01T08:00Z", "sheet.cell_wrong"),
        ("to", None, "sheet.cell_missing"),
        ("zone", "Mars/Olympus", "sheet.cell_wrong"),
        ("zone", "../../etc/passwd", "sheet.cell_wrong"),
        ("zone", "Asia", "sheet.cell_wrong"),
        ("zone", "x" * 300, "sheet.cell_wrong"),
        ("notice", -1, "sheet.cell_wrong"),
        ("notice", "two", "sheet.cell_wrong"),
        ("deposit", 100.005, "sheet.cell_wrong"),
        ("deposit", -5, "sheet.cell_wrong"),
        ("currency", "yuan", "sheet.cell_wrong"),
        ("currency", None, "sheet.cell_missing"),
        ("reserve_per", "week", "sheet.cell_wrong"),
        ("reserve_per", None, "sheet.cell_missing"),
        ("nature", "gift", "sheet.cell_wrong"),
        ("offer", None, "sheet.cell_missing"),
    ],
)
def test_a_cell_of_a_window_likewise(path: Path, column: str, value: Any, code: str) -> None:
    sheet = read(book(path, windows=(WINDOW | {"offer": "ok"}, WINDOW | {column: value})))
    assert told(sheet) == [("windows", 3, code)]
    assert [window.action.offer for window in sheet.windows] == ["ok"]


def test_an_hour_that_the_clocks_skip_is_no_time(path: Path) -> None:
    row = WINDOW | {"zone": "Europe/Berlin", "from": "2025-03-30 02:30", "to": "2025-04-02 00:00"}
    assert told(read(book(path, windows=(row,)))) == [("windows", 2, "sheet.cell_wrong")]
    row["from"] = "2025-03-30 03:00"
    assert told(read(book(path, windows=(row,)))) == []


def test_merged_cells_count_for_their_first_row_only(path: Path) -> None:
    book(path, (MACHINE, MACHINE | {"asset": "mill-8"}), (ABILITY, ABILITY | {"asset": "mill-8"}))
    made = openpyxl.load_workbook(path)
    made["machines"].merge_cells("B2:B3")
    made.save(path)
    sheet = read(path)
    assert told(sheet) == [("machines", 3, "sheet.cell_missing")]


def test_ids_stand_once_and_machines_can_do_something(path: Path) -> None:
    twice = read(book(path, (MACHINE, MACHINE), (ABILITY,), (WINDOW, WINDOW)))
    assert told(twice) == [("machines", 3, "sheet.row_twice"), ("windows", 3, "sheet.row_twice")]
    idle = read(book(path, (MACHINE, MACHINE | {"asset": "mill-8"})))
    assert told(idle) == [("machines", 3, "sheet.capability_none")]


def test_columns_are_known_and_there(path: Path) -> None:
    less = {name: value for name, value in MACHINE.items() if name != "region"}
    assert told(read(book(path, (less,)))) == [("machines", 0, "sheet.column_missing")]
    more = MACHINE | {"colour": "red"}
    assert told(read(book(path, (more,)))) == [("machines", 0, "sheet.column_unknown")]
    made = openpyxl.load_workbook(book(path))
    made["machines"].cell(1, 40, "asset")
    made.save(path)
    assert told(read(path)) == [("machines", 0, "sheet.column_unknown")]


def test_sheets_that_are_needed_and_others_that_are_let_be(path: Path) -> None:
    made = openpyxl.load_workbook(book(path))
    made.create_sheet("our own notes").append(["whatever", "=1+1"])
    made.save(path)
    assert told(read(path)) == []
    del made["capabilities"]
    made.save(path)
    with pytest.raises(errors.SheetMissing):
        read(path)
    del made["machines"]
    made.save(path)
    assert len(read(path).windows) == 1
    del made["windows"]
    made.save(path)
    with pytest.raises(errors.SheetMissing):
        read(path)


def test_an_empty_file_says_so(path: Path) -> None:
    with pytest.raises(errors.NothingInSheet):
        read(book(path, (), (), ()))


def damaged(path: Path, how: str) -> None:
    whole = book(path).read_bytes()
    if how == "text":
        path.write_bytes(b"\xff\xfe\x00garbage\x00" * 9)
    elif how == "cut":
        path.write_bytes(whole[: len(whole) // 2])
    elif how == "no book":
        with zipfile.ZipFile(path, "w") as packed:
            packed.writestr("hello.txt", "hello")
    elif how == "old xls":
        path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 600)
    elif how == "entities":
        _with_part(path, "xl/workbook.xml", _LAUGHS)
    elif how == "outside":
        _with_part(path, "xl/workbook.xml", _OUTSIDE)
    elif how == "quotes":
        path.with_name("machines.csv").write_text('asset,name_zh\n"a,b\n')
        path.unlink()


_LAUGHS = (
    '<!DOCTYPE x [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 20}">' for n in range(9))
    + "]><workbook>&j;</workbook>"
)
_OUTSIDE = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><workbook>&a;</workbook>'


def _with_part(path: Path, name: str, text: str) -> None:
    """The workbook with one of its parts replaced."""
    out = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(out, "w") as new:
        for entry in old.infolist():
            new.writestr(entry.filename, text if entry.filename == name else old.read(entry))
    path.write_bytes(out.getvalue())


@pytest.mark.parametrize("how", ["text", "cut", "no book", "old xls", "entities", "outside", "quotes"])
def test_a_file_that_is_no_workbook_is_refused_by_name(path: Path, how: str) -> None:
    damaged(path, how)
    with pytest.raises(Refusal) as refused:
        read(path if path.exists() else path.with_name("machines.csv"))
    assert refused.value.code in ("sheet.unreadable", "sheet.missing")
    assert "passwd" not in refused.value.en


def test_a_file_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(errors.SheetUnreadable):
        read(tmp_path / "nothing.xlsx")
    with pytest.raises(errors.SheetUnreadable):
        read(tmp_path)


def test_a_bomb_is_refused_before_it_is_unpacked(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/workbook.xml", b"<x>" + b" " * (sheet_rows.UNPACKED_BYTES_MAX + 1))
    assert path.stat().st_size < 200_000
    with pytest.raises(errors.SheetTooLarge):
        read(path)
    with zipfile.ZipFile(path, "w") as packed:
        for n in range(sheet_rows.PARTS_MAX + 1):
            packed.writestr(f"part-{n}", "")
    with pytest.raises(errors.SheetTooLarge):
        read(path)


def test_a_hundred_thousand_rows_are_refused_and_not_read_to_the_end(path: Path) -> None:
    made = openpyxl.Workbook(write_only=True)
    sheet = made.create_sheet("machines")
    for n in range(100_000):
        sheet.append([n])
    made.save(path)
    with pytest.raises(errors.SheetTooLarge):
        read(path)


def test_limits_of_size_and_rows_count_to_the_last_one(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(sheet_rows, "ROWS_MAX", 3)
    lines = "asset\n" + "a-1\n" * 3
    (tmp_path / "machines.csv").write_text(lines)
    assert len(sheet_rows.read_grids([tmp_path / "machines.csv"])[0].rows) == 4
    (tmp_path / "machines.csv").write_text(lines + "a-1\n")
    with pytest.raises(errors.SheetTooLarge):
        sheet_rows.read_grids([tmp_path / "machines.csv"])
    monkeypatch.setattr(sheet_rows, "ROWS_MAX", 100)
    monkeypatch.setattr(sheet_rows, "FILE_BYTES_MAX", len(lines))
    with pytest.raises(errors.SheetTooLarge):
        sheet_rows.read_grids([tmp_path / "machines.csv"])


CELLS = (
    st.text(max_size=30)
    | st.integers()
    | st.floats()
    | st.booleans()
    | st.datetimes()
    | st.dates()
    | st.times()
    | st.from_regex(r"-?[0-9]{0,20}([.,][0-9]{0,20})?([eE]-?[0-9]{1,9})?", fullmatch=True)
)


@settings(max_examples=300)
@given(st.sampled_from(sorted(WANTED)), CELLS)
def test_whatever_stands_in_a_cell_is_a_value_or_a_named_refusal(kind: Any, cell: Any) -> None:
    with contextlib.suppress(errors.CellWrong):
        found = value_of(kind, both("column"), cell)
        assert not isinstance(found, float)
        assert not isinstance(found, int) or abs(found) <= INTEGER_MAX


# Beside the ledger.


@pytest.fixture
def ground() -> Market:
    return market()


def plan(ground: Market, path: Path) -> Any:
    return plan_import(Asked(ground), read(path), "maker", ground.now_ms)


def send(ground: Market, found: Any) -> None:
    for batch in found.batches:
        for action in batch:
            ground.do("maker", action)


def test_an_import_sends_what_is_new_once_and_what_changed_anew(ground: Market, path: Path) -> None:
    first = plan(ground, book(path))
    assert [type(action) for action in first.batches[0]] == [RegisterAsset, PublishOffer]
    assert [row.what for row in first.rows] == ["new", "new"]
    send(ground, first)

    again = plan(ground, path)
    assert (again.batches, [row.what for row in again.rows]) == ((), ["unchanged", "unchanged"])

    changed = plan(ground, book(path, capabilities=(ABILITY | {"tolerance": 0.01},)))
    assert [type(action) for action in changed.batches[0]] == [UpdateAsset]
    assert [row.what for row in changed.rows] == ["update", "unchanged"]
    send(ground, changed)
    assert plan(ground, path).batches == ()


@pytest.mark.parametrize(
    ("machine", "window", "kind"),
    [
        ({"feeds": "nothing"}, {}, FeedUnknown),
        ({}, {"tariff": "t-9"}, TariffUnknown),
        ({}, {"tariff_owner": "plant"}, TariffUnknown),
        ({}, {"asset": "nothing"}, errors.MachineUnknown),
    ],
)
def test_one_row_that_cannot_be_keeps_all_of_it_back(
    ground: Market, path: Path, machine: dict[str, Any], window: dict[str, Any], kind: type[Refusal]
) -> None:
    found = plan(ground, book(path, (MACHINE | machine,), windows=(WINDOW | window,)))
    assert [each.refusal.code for each in found.problems] == [kind.code]
    assert found.batches == ()


def test_windows_in_the_past_and_offers_that_say_otherwise_are_told(ground: Market, path: Path) -> None:
    past = plan(ground, book(path, windows=(WINDOW | {"from": "2024-12-01", "to": "2024-12-20"},)))
    assert [each.refusal.code for each in past.problems] == ["leasing.window_in_past"]
    send(ground, plan(ground, book(path)))
    other = plan(ground, book(path, windows=(WINDOW | {"notice": 3},)))
    assert [each.refusal.code for each in other.problems] == ["sheet.offer_differs"]


def test_an_offer_of_a_machine_registered_before_needs_no_row_of_it(ground: Market, path: Path) -> None:
    found = plan(ground, book(path, (), (), (WINDOW | {"asset": "press-1"},)))
    assert [row.what for row in found.rows] == ["new"]
    send(ground, found)


def test_many_machines_go_in_several_transactions_of_their_size(ground: Market, path: Path) -> None:
    names = [f"mill-{n}" for n in range(150)]
    found = plan(
        ground,
        book(
            path,
            [MACHINE | {"asset": name} for name in names],
            [ABILITY | {"asset": name} for name in names],
            [WINDOW | {"asset": name, "offer": name} for name in names],
        ),
    )
    assert sum(len(batch) for batch in found.batches) == 300
    assert all(len(batch) <= limits.ACTIONS_MAX for batch in found.batches)
    assert all(len(encode(batch)) <= limits.TRANSACTION_BYTES_MAX for batch in found.batches)
    send(ground, found)
    assert plan(ground, path).batches == ()
