"""Lease or buy: the annuity, the tariff's own charge, where one overtakes the other, a sheet that reckons."""

import io
import json
import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from hansa.apps.billing.sheet import read_sheet
from hansa.cli.offer_sheet import lease_or_buy
from hansa.client.lease_or_buy import (
    Case,
    CaseInvalid,
    TariffUnfit,
    break_even_texts,
    break_evens,
    grid,
    read_case,
    table,
)
from hansa.client.lease_or_buy_xlsx import workbook_bytes
from hansa.client.pay.errors import AmountInvalid

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "docs" / "reference" / "lease-or-buy.toml"
TARIFFS = ROOT / "tests" / "tariffs"
PER_PIECE = TARIFFS / "1-per-piece.json"
DAY = 20_780


def case_of(tariff: Path = PER_PIECE, **changes: Any) -> Case:
    return replace(read_case(EXAMPLE, read_sheet(tariff).tariff, DAY), **changes)


@pytest.fixture(scope="module")
def case() -> Case:
    return case_of()


def test_capital_is_the_annuity_that_pays_the_price_back(case: Case) -> None:
    """Month by month: what is owed grows by interest, less the payment; at the end the residual is owed."""
    owed = Fraction(case.price_minor)
    for _ in range(case.life_months):
        owed += owed * case.interest_bp / 120_000 - case.capital_minor
    assert abs(owed - case.residual_minor) < case.life_months
    plain = replace(case, interest_bp=0)
    assert plain.capital_minor == round(Fraction(100_000_000, 96))


def test_leasing_costs_what_its_statement_would(case: Case) -> None:
    """20 free, 100 at 3.50, 200 more at 3.20 up to 200, then 2.85: by hand."""
    assert case.charge_minor(0) == 0
    assert case.charge_minor(20) == 0
    assert case.charge_minor(120) == 100 * 350
    assert case.charge_minor(320) == 100 * 350 + 100 * 320 + 100 * 285
    assert case.lease_minor(600) - case.charge_minor(600) == 8_500 + 3_200
    assert replace(case, lease_with_crew=True).lease_minor(600) - case.charge_minor(600) == 3_200


def test_hours_and_energy_are_charged_by_the_same_quantity() -> None:
    by_hour = case_of(TARIFFS / "2-per-machine-hour.json")
    assert by_hour.charge_minor(240_000) > by_hour.charge_minor(120_000) > by_hour.charge_minor(0)
    by_energy = case_of(TARIFFS / "4-per-kwh-time-of-use.json")
    assert by_energy.charge_minor(1_200) > 0


def test_from_the_break_even_on_the_other_way_is_cheaper() -> None:
    case = case_of(price_minor=3_000_000_00, crew_minor=0, energy_minor=0)
    found = break_evens(case)
    assert [one.cheaper for one in found] == ["lease", "buy"]
    at = found[1].pieces
    assert case.buy_minor(at) < case.lease_minor(at)
    assert case.buy_minor(at - 1) >= case.lease_minor(at - 1)
    assert f"{at:,}" in break_even_texts(found)[1].zh


PLAIN = case_of()
POINTS = grid(PLAIN)


@given(st.integers(0, 446_400))
def test_between_the_points_of_the_grid_the_charge_is_a_line(pieces: int) -> None:
    case, points = PLAIN, POINTS
    at = max(number for number, point in enumerate(points[:-1]) if point <= pieces)
    low, high = points[at], points[at + 1]
    line = case.charge_minor(low) + Fraction(pieces - low, high - low) * (
        case.charge_minor(high) - case.charge_minor(low)
    )
    assert abs(line - case.charge_minor(pieces)) <= 2


# The workbook: its formulas are reckoned here, by the few functions that they use.


def test_the_workbook_reckons_what_the_table_says(case: Case) -> None:
    check_workbook(case)


@pytest.mark.parametrize("change", [{"interest_bp": 0}, {"lease_with_crew": True, "lease_with_energy": True}])
def test_the_workbook_follows_its_inputs(change: dict[str, Any]) -> None:
    check_workbook(case_of(**change))


def check_workbook(case: Case) -> None:
    book = load_workbook(io.BytesIO(workbook_bytes(case, "en")))
    for number, scenario in enumerate(case.scenarios):
        column = "BCDEFG"[number]
        reckoned = Reckoner(book)
        lease, buy = reckoned.value("Result", f"{column}7"), reckoned.value("Result", f"{column}12")
        assert lease * 100 == pytest.approx(case.lease_minor(scenario.pieces), abs=2)
        assert buy * 100 == pytest.approx(case.buy_minor(scenario.pieces), abs=3)
        cheaper = "buy" if case.buy_minor(scenario.pieces) < case.lease_minor(scenario.pieces) else "lease"
        assert reckoned.value("Result", f"{column}13") == cheaper


def test_a_changed_quantity_in_the_workbook_is_charged_by_the_tariff(case: Case) -> None:
    book = load_workbook(io.BytesIO(workbook_bytes(case, "zh")))
    for pieces in (0, 7, 20, 21, 119, 250, 99_999, 446_400):
        book["结果"]["B2"] = pieces
        assert Reckoner(book).value("结果", "B4") * 100 == pytest.approx(case.charge_minor(pieces), abs=2)


def test_a_workbook_is_in_one_language_says_units_and_marks_what_may_be_changed(case: Case) -> None:
    book = load_workbook(io.BytesIO(workbook_bytes(case, "zh")))
    assert book.sheetnames == ["输入", "资费", "结果"]
    for sheet in book:
        words = [cell.value for row in sheet for cell in row if isinstance(cell.value, str)]
        own = {scenario.name for scenario in case.scenarios}
        said = " ".join(word for word in words if not word.startswith("=") and word not in own)
        assert set(re.findall("[A-Za-z]{2,}", said)) <= {case.tariff.currency}
    inputs = book["输入"]
    shaded = [cell.coordinate for row in inputs for cell in row if cell.fill.fill_type == "solid"]
    assert shaded == [f"B{row}" for row in range(1, 11)]
    assert case.tariff.currency in inputs["C1"].value
    assert inputs["B1"].number_format == "#,##0.00"
    assert book["结果"]["B12"].number_format == "#,##0.00"


class Reckoner:
    """Works out cells of a workbook by IF, MIN, MATCH, INDEX and PMT."""

    def __init__(self, book: Any) -> None:
        self.book = book

    def value(self, sheet: str, cell: str) -> Any:
        found = self.book[sheet][cell].value
        if not (isinstance(found, str) and found.startswith("=")):
            return found
        text = re.sub(r"(?<![<>=])=(?!=)", "==", found[1:])
        spot = r"(?:'(\w+)'!)?\$?([A-Z])\$?(\d+)"
        text = re.sub(
            rf'{spot}:\$?([A-Z])\$?(\d+)|{spot}|"[^"]*"', lambda match: self._named(match, sheet), text
        )
        names = {
            "IF": lambda test, yes, no: yes if test else no,
            "MIN": min,
            "MATCH": _match,
            "INDEX": _index,
            "PMT": _pmt,
        }
        return eval(text, {"__builtins__": {}}, {**names, "cell": self.value, "span": self._span})

    def _named(self, match: re.Match[str], sheet: str) -> str:
        if match[0].startswith('"'):
            return match[0]
        if match[5]:
            return f"span({match[1]!r}, {match[2]!r}, {match[3]}, {match[5]})"
        return (
            f"cell({match[6] or sheet!r}, {match[7] + match[8]!r})"
            if not match[6]
            else f"cell({match[6]!r}, {match[7] + match[8]!r})"
        )

    def _span(self, sheet: str, column: str, first: int, last: int) -> list[Any]:
        return [self.value(sheet, f"{column}{row}") for row in range(first, last + 1)]


def _match(wanted: float, values: list[float], kind: int) -> int:
    assert kind == 1
    return sum(value <= wanted for value in values)


def _index(values: list[float], at: int) -> float:
    return values[at - 1]


def _pmt(rate: float, months: int, now: float, later: float) -> float:
    if rate == 0:
        return -(now + later) / months
    growth = (1 + rate) ** months
    return -(now * growth + later) * rate / (growth - 1)


@pytest.mark.parametrize(
    "change",
    [
        ("life_months = 96", "life_months = 0"),
        ("life_months = 96", "life_months = 9600"),
        ("interest_bp = 450", "interest_bp = -1"),
        ("pieces_per_hour = 600", "pieces_per_hour = 0"),
        ("pieces = 24000", "pieces = -1"),
        ("pieces = 24000", "pieces = 999999999"),
        ('name = "one shift"', 'name = "three shifts"'),
        ('residual = "200000.00"', 'residual = "2000000.00"'),
        ('price = "1200000.00"', 'price = "-1"'),
        ('price = "1200000.00"', 'prize = "1"'),
        ("[[scenario]]", "[[scenarios]]"),
        ("life_months = 96", "life_months = 9.5"),
    ],
)  # fmt: skip
def test_a_case_that_cannot_be_is_refused(tmp_path: Path, change: tuple[str, str]) -> None:
    file = tmp_path / "case.toml"
    file.write_text(EXAMPLE.read_text("utf-8").replace(*change), encoding="utf-8")
    with pytest.raises(CaseInvalid):
        read_case(file, read_sheet(PER_PIECE).tariff, DAY)


@pytest.mark.parametrize("amount", ["NaN", "1e30", "1.005", "Infinity", "", "abc", "99999999999999999999"])
def test_amounts_that_are_none_are_refused(tmp_path: Path, amount: str) -> None:
    file = tmp_path / "case.toml"
    file.write_text(EXAMPLE.read_text("utf-8").replace('"1200000.00"', f'"{amount}"'), encoding="utf-8")
    with pytest.raises(AmountInvalid):
        read_case(file, read_sheet(PER_PIECE).tariff, DAY)


def test_a_tariff_of_another_quantity_is_refused(case: Case) -> None:
    meter = case.tariff.meters[0]
    tariff = msgspec.structs.replace(case.tariff, meters=(msgspec.structs.replace(meter, base_unit="g"),))
    with pytest.raises(TariffUnfit):
        replace(case, tariff=tariff).charge_minor(5)


def test_the_table_has_every_scenario_and_a_price_a_piece(case: Case) -> None:
    made = table(case)
    assert [row[0] for row in made.rows] == ["one week a month", "one shift", "three shifts"]
    for row in made.rows:
        assert row[8] == pytest.approx(row[5] * 10**6 / row[1], abs=1)


def test_the_command_shows_the_table_and_writes_the_workbook(tmp_path: Path) -> None:
    told = CliRunner().invoke(lease_or_buy, [str(EXAMPLE), "--tariff", str(PER_PIECE)], obj="zh")
    assert told.exit_code == 0, told.output
    assert "更省" in told.stdout
    told = CliRunner().invoke(lease_or_buy, [str(EXAMPLE), "--tariff", str(PER_PIECE), "--json"], obj="en")
    assert set(json.loads(told.stdout)) == {"scenarios", "break_even"}
    file = tmp_path / "a.xlsx"
    CliRunner().invoke(
        lease_or_buy, [str(EXAMPLE), "--tariff", str(PER_PIECE), "--xlsx", str(file)], obj="en"
    )
    assert load_workbook(file).sheetnames == ["Inputs", "Tariff", "Result"]
