"""Demand, power factor, series, index and seasons as a tariff sheet writes them."""

import json
from pathlib import Path
from typing import Any

import pytest

from hansa.apps.billing import errors_energy, errors_sheet
from hansa.apps.billing.elements import Index, Usage
from hansa.apps.billing.elements_energy import Demand, FactorStep, PowerFactor, Series
from hansa.apps.billing.sheet import parse_sheet
from hansa.apps.billing.tariff import Element, Tariff
from hansa.kernel.refusal import Refusal

HEAD = {"clause": "c", "tax": "vat"}
MEASURED = {
    "kind": "demand",
    "basis": "measured",
    "unit": "kW",
    "price": "40.00",
    "meter": "energy",
    "slot": "15min",
}
FACTOR = {
    "kind": "power_factor", "of": ["kwh"], "active": "energy", "reactive": "reactive",
    "steps": [{"from": "0", "add": "30%"}, {"from": "0.90", "add": "0%"}, {"from": "0.95", "add": "-0.75%"}],
}  # fmt: skip
SPOT = {
    "kind": "series", "meter": "energy", "unit": "kWh", "slot": "1h", "known": "before", "otherwise": "0.60",
    "series": {"owner": "grid", "id": "day-ahead", "version": 2},
}  # fmt: skip
KWH = {"kind": "usage", "clause": "kwh", "tax": "vat", "meter": "energy", "unit": "kWh", "price": "0.50"}


def sheet(*elements: dict[str, Any], **changes: Any) -> bytes:
    given = {
        "name": "power", "purpose": "internal", "currency": "CNY", "prices": "without_tax",
        "rounding": "half_up", "period": "month",
        "calendar": {"zone": "Asia/Shanghai", "from_year": 2025, "to_year": 2025},
        "taxes": {"vat": [{"from": "2019-04-01", "rate": "13%"}]},
        "meters": {
            "energy": {"kind": "counter", "base_unit": "Wh"},
            "reactive": {"kind": "counter", "base_unit": "varh"},
        },
        "elements": [KWH, *(HEAD | element for element in elements)],
        "terms": {"cut_off": "3d", "gaps": {
            name: {"gap_longer_than": "1h", "rule": "counter_difference"} for name in ("energy", "reactive")
        }},
    }  # fmt: skip
    return json.dumps(given | changes).encode()


def read(*elements: dict[str, Any], **changes: Any) -> Tariff:
    return parse_sheet(sheet(*elements, **changes), Path()).tariff


def refused(kind: type[Refusal], *elements: dict[str, Any], **changes: Any) -> Refusal:
    with pytest.raises(kind) as caught:
        read(*elements, **changes)
    return caught.value


@pytest.mark.parametrize(("entry", "element"), [
    (MEASURED, Demand("c", "vat", "measured", "kW", 4_000_000_000, "energy", 15)),
    (MEASURED | {"slot": "30min", "least": "12.5"},
     Demand("c", "vat", "measured", "kW", 4_000_000_000, "energy", 30, least_base=12_500)),
    (MEASURED | {"basis": "contracted", "agreed": "100", "allowed": "105%", "excess": "200%"},
     Demand("c", "vat", "contracted", "kW", 4_000_000_000, "energy", 15, agreed_base=100_000,
            allowed_bp=10_500, excess_bp=20_000)),
    ({"kind": "demand", "basis": "capacity", "unit": "kVA", "price": "26", "agreed": "315"},
     Demand("c", "vat", "capacity", "kVA", 2_600_000_000, agreed_base=315_000)),
    (FACTOR, PowerFactor("c", "vat", ("kwh",), "energy", "reactive",
                         (FactorStep(0, 3_000), FactorStep(90, 0), FactorStep(95, -75)))),
    (SPOT, Series("c", "vat", "energy", "kWh", 1_000, 60, "grid", "day-ahead", 2, "before", 60_000_000)),
])  # fmt: skip
def test_an_entry_is_read_as_it_stands(entry: dict[str, Any], element: Element) -> None:
    assert read(entry).elements[1] == element


def test_a_price_names_its_index() -> None:
    entry = KWH | {"clause": "c", "index": {"owner": "grid", "id": "copper", "base": "102.5"}}
    element = read(entry).elements[1]
    assert isinstance(element, Usage)
    assert element.index == Index("grid", "copper", 10_250_000_000)


def test_a_span_names_its_months() -> None:
    windows = {
        "sharp": [{"days": ["all"], "from": "14:00", "to": "17:00", "months": [7, 8]}],
        "rest": [
            {"days": ["all"], "from": "17:00", "to": "14:00"},
            {"days": ["all"], "from": "14:00", "to": "17:00", "months": [1, 2, 3, 4, 5, 6, 9, 10, 11, 12]},
        ],
    }
    assert read(windows=windows).windows[0].spans[0].months == (7, 8)


@pytest.mark.parametrize(("kind", "entry"), [
    (errors_sheet.SheetDecimal, MEASURED | {"price": "a lot"}),
    (errors_sheet.SheetTooFine, MEASURED | {"least": "0.0001"}),
    (errors_sheet.SheetDuration, MEASURED | {"slot": "a while"}),
    (errors_energy.SlotLength, MEASURED | {"slot": "20min"}),
    (errors_energy.SlotLength, MEASURED | {"slot": "930s"}),
    (errors_sheet.SheetRate, MEASURED | {"least": "1", "allowed": "105"}),
    (errors_sheet.SheetShape, MEASURED | {"unit": "MW"}),
    (errors_sheet.SheetUnknownKey, MEASURED | {"slots": "15min"}),
    (errors_sheet.SheetRate, FACTOR | {"steps": [{"from": "0", "add": "--1%"}]}),
    (errors_sheet.SheetTooFine, FACTOR | {"steps": [{"from": "0.905", "add": "1%"}]}),
    (errors_sheet.SheetUnitSize, SPOT | {"unit": "pallet"}),
    (errors_energy.OtherwiseMissing, SPOT | {"otherwise": ""}),
    (errors_sheet.SheetMissingKey, SPOT | {"series": {"owner": "grid", "id": "day-ahead"}}),
    (errors_sheet.SheetUnquoted, KWH | {"index": {"owner": "grid", "id": "copper", "base": 1}}),
])  # fmt: skip
def test_what_is_written_wrongly_is_named(kind: type[Refusal], entry: dict[str, Any]) -> None:
    refusal = refused(kind, entry)
    assert refusal.zh
    assert refusal.en
