"""Elements between trading partners, attribution and check feeds as people write them in a sheet."""

import json
from pathlib import Path
from typing import Any

import pytest

from hansa.apps.billing.attribution import AttributionRule
from hansa.apps.billing.check_feeds import CheckFeed
from hansa.apps.billing.elements_trade import (
    Availability,
    Band,
    Discount,
    DownPayment,
    Payee,
    ScrapCredit,
    Split,
    Stage,
    TakeOrPay,
)
from hansa.apps.billing.sheet import Sheet, parse_sheet
from hansa.kernel import Refusal

SHEET: dict[str, Any] = {
    "name": "trade",
    "purpose": "trade_settlement",
    "currency": "CNY",
    "prices": "without_tax",
    "rounding": "half_up",
    "period": "month",
    "calendar": {"zone": "Asia/Shanghai", "from_year": 2026, "to_year": 2026},
    "taxes": {"vat": [{"from": "2019-04-01", "rate": "13%"}]},
    "meters": {
        "runtime": {"kind": "state", "base_unit": "ms"},
        "pieces": {"kind": "counter", "base_unit": "piece"},
        "scrap": {"kind": "counter", "base_unit": "piece"},
        "energy": {"kind": "amount", "base_unit": "Wh"},
    },
    "elements": [
        {"kind": "usage", "clause": "per_piece", "tax": "vat", "meter": "pieces", "unit": "piece",
         "price": "3.00"},
        {"kind": "usage", "clause": "power", "tax": "vat", "meter": "energy", "unit": "kWh", "price": "0.8"},
        {"kind": "take_or_pay", "clause": "commit", "tax": "vat", "of": ["power"], "committed": "1500.5",
         "price": "0.75", "carry_periods": 3},
        {"kind": "scrap_credit", "clause": "scrapped", "tax": "vat", "meter": "scrap", "of": ["per_piece"]},
        {"kind": "availability", "clause": "uptime", "tax": "vat", "meter": "runtime",
         "of": ["per_piece", "scrapped"], "target": "98%",
         "bands": [{"below": "98%", "credit": "5%"}, {"below": "95.5%", "credit": "12.5%"}]},
        {"kind": "discount", "clause": "rebate", "tax": "vat", "of": ["per_piece", "scrapped", "uptime"],
         "stages": [{"from": "1000.00", "rate": "2%"}], "tiering": "volume"},
        {"kind": "down_payment", "clause": "down", "tax": "vat",
         "of": ["per_piece", "scrapped", "uptime", "rebate"], "amount": "12000.00", "periods": 12},
        {"kind": "split", "clause": "parts", "tax": "vat", "of": ["power", "commit"],
         "payees": {"maker": "70%", "grid": "30%"}},
    ],
    "terms": {
        "cut_off": "3d",
        "gaps": {name: {"gap_longer_than": "1h", "rule": "zero"}
                 for name in ("runtime", "pieces", "scrap", "energy")},
        "attribution": {
            "runtime": [{"reason": "breakdown", "liable": "provider", "states": ["STOPPED"]}],
            "scrap": [{"reason": "tooling", "liable": "provider"}],
        },
        "checks": {"energy": {"owner": "plant", "feed": "meter-2", "tolerance": "2%", "rule": "dispute"}},
    },
}  # fmt: skip


def read(sheet: dict[str, Any]) -> Sheet:
    return parse_sheet(json.dumps(sheet).encode(), Path())


def changed(*way: Any, **values: Any) -> dict[str, Any]:
    """The sheet with other values at a place."""
    copy: dict[str, Any] = json.loads(json.dumps(SHEET))
    at: Any = copy
    for step in way:
        at = at[step]
    at.update(values)
    return copy


def test_a_sheet_with_all_of_them() -> None:
    sheet = read(SHEET)
    assert sheet.tariff.elements[2:] == (
        TakeOrPay("commit", "vat", ("power",), 1_500_500, 75_000_000, 3),
        ScrapCredit("scrapped", "vat", "scrap", ("per_piece",)),
        Availability(
            "uptime", "vat", "runtime", ("per_piece", "scrapped"), 9_800,
            (Band(9_800, 500), Band(9_550, 1_250)),
        ),
        Discount("rebate", "vat", ("per_piece", "scrapped", "uptime"), (Stage(100_000, 200),), "volume"),
        DownPayment("down", "vat", ("per_piece", "scrapped", "uptime", "rebate"), 1_200_000, 12),
        Split("parts", "vat", ("power", "commit"), (Payee("maker", 7_000), Payee("grid", 3_000))),
    )  # fmt: skip
    assert sheet.terms.attribution == (
        AttributionRule("runtime", "breakdown", "provider", ("STOPPED",)),
        AttributionRule("scrap", "tooling", "provider"),
    )
    assert sheet.terms.checks == (CheckFeed("energy", "plant", "meter-2", 200, 0, "dispute"),)


@pytest.mark.parametrize(
    ("sheet", "code", "clause"),
    [
        (changed("elements", 2, committed="1500.0005"), "billing.sheet_too_fine", "elements[2].committed"),
        (changed("elements", 2, price="-1"), "billing.sheet_decimal", "elements[2].price"),
        (changed("elements", 2, of=["fee"]), "billing.tariff_not_usage", "commit"),
        (changed("elements", 2, of=[]), "billing.tariff_not_usage", "commit"),
        (changed("elements", 2, carry_periods="3"), "billing.sheet_shape", "elements[2].carry_periods"),
        (changed("elements", 4, target="98"), "billing.sheet_rate", "elements[4]"),
        (changed("elements", 4, "bands", 1, credit="5"), "billing.sheet_rate", "elements[4].bands[1]"),
        (changed("elements", 4, "bands", 1, credit="5%"), "billing.tariff_steps_unordered", "uptime"),
        (changed("elements", 5, tiering="all"), "billing.sheet_shape", "elements[5].tiering"),
        (changed("elements", 5, of=["per_piece"]), "billing.tariff_credited_twice", "rebate"),
        (changed("elements", 5, surprise=1), "billing.sheet_unknown_key", "elements[5]"),
        (changed("elements", 6, amount="0.001"), "billing.sheet_too_fine", "elements[6].amount"),
        (changed("elements", 7, payees={"maker": "70%"}), "billing.tariff_shares_total", "parts"),
        (changed("elements", 7, payees={"Ma ker": "100%"}), "billing.sheet_name", "elements[7].payees"),
        (changed("elements", 7, payees={"maker": 100}), "billing.sheet_unquoted", None),
        (changed("terms", attribution={}), "billing.attribution_missing", "scrapped"),
        (changed("terms", "attribution", runtime=[]), "billing.attribution_missing", "uptime"),
        (changed("terms", "attribution", scrap=[{"reason": "x"}]), "billing.sheet_missing_key", None),
        (changed("terms", "attribution", scrap=[{"reason": "x", "liable": ""}]), "billing.sheet_shape", None),
        (changed("terms", "checks", energy={"owner": "plant"}), "billing.sheet_missing_key", None),
        (changed("terms", "checks", "energy", tolerance="2"), "billing.sheet_rate", "terms.checks.energy"),
        (changed("terms", "checks", "energy", rule="sum"), "billing.sheet_shape", None),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_place(sheet: Any, code: str, clause: str | None) -> None:
    with pytest.raises(Refusal) as caught:
        read(sheet)
    assert caught.value.code == code
    assert clause is None or caught.value.clause == clause
