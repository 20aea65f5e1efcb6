"""The sheet that people write: what is taken, and how what is wrong is named."""

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hansa.apps.billing.rating import Line
from hansa.apps.billing.sheet import FILE_BYTES_MAX, parse_sheet, read_sheet
from hansa.apps.billing.tariff import Tier, Usage
from hansa.apps.billing.texts import decimal_text, money_text, price_text, quantity_text, tariff_text
from hansa.apps.consortium.calendars import day_number
from hansa.kernel.refusal import Refusal

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs" / "reference" / "tariff.json"
TARIFFS = sorted((ROOT / "tests" / "tariffs").glob("*.json"))
DATA: dict[str, Any] = json.loads(REFERENCE.read_text("utf-8"))

Change = Callable[[dict[str, Any]], object]


def changed(change: Change) -> bytes:
    data = json.loads(json.dumps(DATA))
    change(data)
    return json.dumps(data).encode()


def refusal_of(data: bytes, folder: Path = ROOT) -> Refusal:
    with pytest.raises(Refusal) as refused:
        parse_sheet(data, folder)
    return refused.value


@pytest.mark.parametrize("path", TARIFFS, ids=lambda path: path.stem)
def test_the_tariffs_of_the_first_statement_are_sound(path: Path) -> None:
    sheet = read_sheet(path)
    assert {gap.meter for gap in sheet.terms.gaps} == {meter.name for meter in sheet.tariff.meters}


def test_what_is_written_is_what_is_taken() -> None:
    sheet = read_sheet(REFERENCE)
    per_piece = sheet.tariff.elements[1]
    assert isinstance(per_piece, Usage)
    assert per_piece.tiers == (Tier(350_000_000, 1_000), Tier(320_000_000, 5_000), Tier(290_000_000))
    assert per_piece.included_base == 200
    hours = sheet.tariff.elements[2]
    assert isinstance(hours, Usage)
    assert (hours.unit_base, hours.tiers[0].up_to_base) == (3_600_000, 360_000_000)
    assert sheet.tariff.taxes[0].rates[2].from_day == day_number(2019, 4, 1)
    assert [rate.rate_bp for rate in sheet.tariff.taxes[0].rates] == [1_700, 1_600, 1_300]
    assert sheet.terms.cut_off_ms == 5 * 86_400_000
    assert [gap.longer_than_ms for gap in sheet.terms.gaps] == [86_400_000, 86_400_000, 600_000, 600_000]
    assert not sheet.tariff.tax_included
    assert parse_sheet(changed(lambda d: d.update(prices="with_tax")), ROOT).tariff.tax_included


def element(position: int, **change: object) -> Change:
    return lambda data: data["elements"][position].update(change)


def tier(**change: object) -> Change:
    return lambda data: data["elements"][1]["tiers"][0].update(change)


def span(**change: object) -> Change:
    return lambda data: data["windows"]["peak"][0].update(change)


REFUSED: dict[str, tuple[Change, str, str]] = {
    "unknown key at the top": (lambda d: d.update(colour=1), "billing.sheet_unknown_key", "sheet"),
    "unknown key in an element": (element(1, pryce="1"), "billing.sheet_unknown_key", "elements[1]"),
    "unknown key in a tier": (tier(upto="1"), "billing.sheet_unknown_key", "elements[1].tiers[0]"),
    "unknown key in a span": (span(till="1"), "billing.sheet_unknown_key", "windows.peak[0]"),
    "missing key": (lambda d: d.pop("terms"), "billing.sheet_missing_key", "sheet"),
    "missing tax": (lambda d: d["elements"][0].pop("tax"), "billing.sheet_missing_key", "elements[0]"),
    "price as number": (tier(price=3.5), "billing.sheet_unquoted", "elements[1].tiers[0].price"),
    "price as whole number": (tier(price=3), "billing.sheet_unquoted", "elements[1].tiers[0].price"),
    "price as list": (tier(price=["3"]), "billing.sheet_shape", "elements[1].tiers[0].price"),
    "decimal comma": (tier(price="3,50"), "billing.sheet_decimal", "elements[1].tiers[0].price"),
    "sign": (tier(price="-3.50"), "billing.sheet_decimal", "elements[1].tiers[0].price"),
    "exponent": (tier(price="1e3"), "billing.sheet_decimal", "elements[1].tiers[0].price"),
    "line feed": (tier(price="3.50\n"), "billing.sheet_decimal", "elements[1].tiers[0].price"),
    "other digits": (tier(price="٣"), "billing.sheet_decimal", "elements[1].tiers[0].price"),
    "nine decimals": (tier(price="0.123456789"), "billing.sheet_too_fine", "elements[1].tiers[0].price"),
    "a tenth of a cent": (element(0, amount="3000.001"), "billing.sheet_too_fine", "elements[0].amount"),
    "half a piece": (element(1, included="0.5"), "billing.sheet_too_fine", "elements[1].included"),
    "bound of zero": (tier(up_to="0"), "billing.sheet_bound", "elements[1].tiers[0]"),
    "huge price": (tier(price="9" * 16), "billing.tariff_value", "per_piece"),
    "price and tiers": (element(1, price="1.00"), "billing.sheet_price", "elements[1]"),
    "no price, no tiers": (lambda d: d["elements"][3].pop("price"), "billing.sheet_price", "elements[3]"),
    "no tiering": (lambda d: d["elements"][1].pop("tiering"), "billing.sheet_price", "elements[1]"),
    "unit unknown": (lambda d: d["elements"][5].pop("unit_size"), "billing.sheet_unit_size", "elements[5]"),
    "unit of another size": (element(3, unit_size=60), "billing.tariff_unit_mismatch", "hours_active"),
    "kind unknown": (element(0, kind="surprise"), "billing.sheet_shape", "elements[0].kind"),
    "name in capitals": (lambda d: d.update(name="Demo"), "billing.sheet_name", "name"),
    "name ends in a line feed": (lambda d: d.update(name="demo\n"), "billing.sheet_name", "name"),
    "currency": (lambda d: d.update(currency="cny"), "billing.sheet_name", "currency"),
    "meter name": (lambda d: d["meters"].update(Ü=d["meters"]["pieces"]), "billing.sheet_name", "meters.Ü"),
    "meter kind": (
        lambda d: d["meters"]["pieces"].update(kind="x"), "billing.sheet_shape", "meters.pieces.kind",
    ),
    "rate without percent": (
        lambda d: d["taxes"]["vat-lease"][0].update(rate="0.16"), "billing.sheet_rate", "taxes.vat-lease[0]",
    ),
    "rate from no date": (
        lambda d: d["taxes"]["vat-lease"][0].update({"from": "2019-02-30"}),
        "billing.sheet_date", "taxes.vat-lease[0].from",
    ),
    "rate from a date in short": (
        lambda d: d["taxes"]["vat-lease"][0].update({"from": "20190401"}),
        "billing.sheet_date", "taxes.vat-lease[0].from",
    ),
    "rate before 1970": (
        lambda d: d["taxes"]["vat-lease"][0].update({"from": "1969-12-31"}),
        "billing.sheet_date", "taxes.vat-lease[0].from",
    ),
    "time of day": (span(to="8am"), "billing.sheet_clock", "windows.peak[0].to"),
    "minute 60": (span(to="11:60"), "billing.sheet_clock", "windows.peak[0].to"),
    "after midnight": (span(to="24:01"), "billing.sheet_clock", "windows.peak[0].to"),
    "day": (span(days=["monday"]), "billing.sheet_shape", "windows.peak[0].days[0]"),
    "hole": (span(to="11:59"), "billing.tariff_window_hole", ""),
    "cut-off": (lambda d: d["terms"].update(cut_off="5 days"), "billing.sheet_duration", "terms.cut_off"),
    "long cut-off": (lambda d: d["terms"].update(cut_off="63d"), "billing.cut_off", ""),
    "gap rule": (
        lambda d: d["terms"]["gaps"]["pieces"].update(rule="guess"),
        "billing.sheet_shape", "terms.gaps.pieces.rule",
    ),
    "gap without rule": (lambda d: d["terms"]["gaps"].pop("pieces"), "billing.gap_rule_missing", "pieces"),
    "zone": (lambda d: d["calendar"].update(zone="Asia/Beijing"), "consortium.calendar_zone", ""),
    "year without holidays": (
        lambda d: d["calendar"]["holidays"].pop("2024"), "billing.sheet_holiday_years", "calendar.holidays",
    ),
    "two sources of holidays": (
        lambda d: d["calendar"].update(holidays_file="x.json"), "billing.sheet_calendar", "calendar",
    ),
    "no years": (
        lambda d: d.update(calendar={"zone": "Asia/Shanghai"}), "billing.sheet_calendar", "calendar",
    ),
    "holiday file missing": (
        lambda d: d.update(calendar={"zone": "Asia/Shanghai", "holidays_file": "none.json"}),
        "consortium.holiday_file", "",
    ),
    "holiday twice": (
        lambda d: d["calendar"]["holidays"]["2024"]["holidays"].append("10-01"),
        "consortium.calendar_days", "",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("change", "code", "place"), REFUSED.values(), ids=REFUSED)
def test_what_is_wrong_is_named_with_its_place(change: Change, code: str, place: str) -> None:
    refusal = refusal_of(changed(change))
    assert (refusal.code, refusal.clause) == (code, place)
    assert refusal.zh != refusal.en
    assert any("\u4e00" <= letter <= "\u9fff" for letter in refusal.zh)
    if place and code.startswith("billing.sheet") and code != "billing.sheet_calendar":
        assert place in refusal.en or code == "billing.sheet_holiday_years"
        assert place in refusal.zh or code == "billing.sheet_holiday_years"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "billing.sheet_not_json"),
        (b"{", "billing.sheet_not_json"),
        (b"[]", "billing.sheet_shape"),
        (b"null", "billing.sheet_shape"),
        (b"{}", "billing.sheet_missing_key"),
        (b"\xff\xfe", "billing.sheet_unreadable"),
        (b"[" * 200_000, "billing.sheet_unreadable"),
        (b'{"name": "\\ud800"}', "billing.sheet_unreadable"),
        (b"1" * 5_000, "billing.sheet_unreadable"),
        (b" " * (FILE_BYTES_MAX + 1), "billing.sheet_unreadable"),
        (b'{"name": "a", "name": "b"}', "billing.sheet_key_twice"),
    ],
)
def test_a_file_that_is_no_sheet_is_refused(data: bytes, code: str) -> None:
    assert refusal_of(data).code == code


def test_broken_json_is_named_by_line_and_column() -> None:
    refusal = refusal_of(b'{\n  "name": "a",\n  "period" "month"\n}')
    assert (refusal.values["line"], refusal.values["column"]) == (3, 12)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(Refusal) as refused:
            read_sheet(path)
        assert refused.value.code == "billing.sheet_unreadable"


def test_a_byte_order_mark_does_no_harm() -> None:
    data = REFERENCE.read_bytes()
    assert parse_sheet(b"\xef\xbb\xbf" + data, ROOT) == parse_sheet(data, ROOT)


def with_holidays_in(name: str) -> bytes:
    return changed(lambda d: d.update(calendar={"zone": "Asia/Shanghai", "holidays_file": name}))


def test_holidays_may_lie_in_a_file_beside_the_sheet_and_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "cn.json").write_text(json.dumps(DATA["calendar"]["holidays"]), "utf-8")
    (tmp_path / "sub").mkdir()
    assert parse_sheet(with_holidays_in("cn.json"), tmp_path) == read_sheet(REFERENCE)
    for name in ("../cn.json", str(tmp_path / "cn.json")):
        refusal = refusal_of(with_holidays_in(name), tmp_path / "sub")
        assert refusal.code == "consortium.holiday_file"


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def places(value: object, path: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    found = [path] if path else []
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            found += places(inner, (*path, key))
    return found


PLACES = places(DATA)


@given(st.sampled_from(PLACES), values)
@settings(max_examples=250, deadline=None)
def test_anything_written_anywhere_is_taken_or_refused(path: tuple[Any, ...], value: object) -> None:
    data = json.loads(json.dumps(DATA))
    inner = data
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    with suppress(Refusal):
        parse_sheet(json.dumps(data).encode(), ROOT)


LINE = Line(
    "per_piece", "usage", 37_230_500, 0, "vat", 1_300, meter="machine_time", unit="h", unit_base=3_600_000
)
TEXTS = [
    (LINE, "per_piece：机器工时，按小时计费", "per_piece: machine time, per h"),
    (
        Line("a", "usage", 1, 0, "vat", 0, meter="energy", unit="kWh", windows=("peak", "night"), tier=2),
        "a：电量，按千瓦时计费，时段 峰、night，第 2 档",
        "a: energy, per kWh, window peak and night, tier 2",
    ),
    (
        Line("b", "usage", 1, 0, "vat", 0, meter="execution", unit="h", states=("ACTIVE", "unknown")),
        "b：运行状态，按小时计费，状态 运行、未知",
        "b: execution, per h, in ACTIVE or unknown",
    ),
    (
        Line("c", "included", 1, 0, "vat", 0, meter="pieces", unit="piece"),
        "c：产量，免费额度",
        "c: pieces, included",
    ),
    (Line("d", "fixed", 1, 0, "vat", 0), "d：固定费用", "d: fixed fee"),
    (Line("e", "minimum", 1, 0, "vat", 0), "e：补足最低收费", "e: up to the minimum charge"),
    (Line("f", "cap", 1, 0, "vat", 0), "f：超出封顶的减免", "f: reduction to the cap"),
    (
        Line(
            "g",
            "correction",
            1,
            0,
            "vat",
            0,
            meter="pieces",
            unit="pallet",
            corrects_day=day_number(2025, 2, 1),
        ),
        "g：更正 2025-02-01 起的结算期，产量，按 pallet 计费",
        "g: correction of the period from 2025-02-01, pieces, per pallet",
    ),
    (
        Line("h", "correction", 0, 0, "vat", 0, corrects_day=day_number(2025, 2, 1)),
        "h：更正 2025-02-01 起的结算期",
        "h: correction of the period from 2025-02-01",
    ),
]


@pytest.mark.parametrize(("line", "zh", "en"), TEXTS, ids=lambda value: getattr(value, "clause", None))
def test_lines_are_told_in_both_languages(line: Line, zh: str, en: str) -> None:
    assert tariff_text(line, "zh") == zh
    assert tariff_text(line, "en") == en


@given(st.integers(-(10**15), 10**15), st.sampled_from([1, 48, 60, 1_000, 60_000, 3_600_000, 10**6]))
def test_a_quantity_is_exact_where_its_decimal_ends_and_says_so(numerator: int, denominator: int) -> None:
    text, exact = decimal_text(numerator, denominator)
    whole, _, fraction = text.partition(".")
    back = int(whole.lstrip("-") + fraction) * (-1 if text.startswith("-") else 1)
    distance = abs(back * denominator - numerator * 10 ** len(fraction))
    if exact:
        assert distance == 0
        assert not fraction.endswith("0")
    else:
        assert len(fraction) == 6
        assert 0 < 2 * distance <= denominator


def test_quantity_price_and_money_as_people_read_them() -> None:
    assert quantity_text(LINE) == ("10.341806", False)
    assert quantity_text(Line("a", "fixed", 1, 0, "vat", 0)) == ("1", True)
    assert [price_text(p) for p in (350_000_000, 110_250_000, 0, 1)] == [
        "3.50",
        "1.1025",
        "0.00",
        "0.00000001",
    ]
    assert [money_text(-5, currency) for currency in ("CNY", "JPY", "KWD")] == ["-0.05", "-5", "-0.005"]
