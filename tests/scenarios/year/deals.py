"""What the parties of the year agree on: four sheets as people write them.

The lease of a mill by the piece with quota, tiers and minimum, its sublease for some weeks, electricity by
the two-part tariff, and compressed air with take-or-pay, an index and a shared revenue.
"""

import json
from typing import Any

from hansa.client.tariff_templates import template
from tests.scenarios.year.tapes import Machines

Sheet = dict[str, Any]


def vat(year: int) -> Sheet:
    """The rate changes within a month: that of its last day counts."""
    return {"vat": [{"from": "2010-01-01", "rate": "17%"}, {"from": f"{year}-05-16", "rate": "16%"}]}


def sheet(machines: Machines, zone: str, **given: Any) -> Sheet:
    """What the sheets have in common."""
    year = machines.year
    return {
        "purpose": "internal",
        "currency": "CNY",
        "prices": "without_tax",
        "rounding": "half_up",
        "period": "month",
        "calendar": {"zone": zone, "from_year": year - 1, "to_year": year + 2},
        "taxes": vat(year),
    } | given


def lease(machines: Machines) -> Sheet:
    """Due thirty days after the invoice, at the latest sixty after the month: the lessee is large."""
    return sheet(
        machines,
        "Asia/Shanghai",
        name="mill",
        meters={"pieces": {"kind": "counter", "base_unit": "piece"}},
        elements=[
            {"kind": "fixed", "clause": "base", "tax": "vat", "amount": "3000.00"},
            {
                "kind": "usage",
                "clause": "piece",
                "tax": "vat",
                "meter": "pieces",
                "unit": "piece",
                "included": "30",
                "tiering": "graduated",
                "tiers": [
                    {"up_to": "100", "price": "35.0050"},
                    {"up_to": "180", "price": "31.505"},
                    {"price": "29.99"},
                ],
            },
            {
                "kind": "minimum",
                "clause": "at_least",
                "tax": "vat",
                "of": ["base", "piece"],
                "amount": "10500.00",
            },
        ],
        terms={
            "cut_off": "3d",
            "gaps": {"pieces": {"gap_longer_than": "20h", "rule": "counter_difference"}},
            "settlement": {"payment_days": 30, "runs_from": "invoice"},
        },
    )


def sublease(machines: Machines) -> Sheet:
    """By the lessee's own prices, with tax; silence counts."""
    return sheet(
        machines,
        "Asia/Shanghai",
        name="mill-sublet",
        prices="with_tax",
        meters={"pieces": {"kind": "counter", "base_unit": "piece"}},
        elements=[
            {
                "kind": "usage",
                "clause": "piece",
                "tax": "vat",
                "meter": "pieces",
                "unit": "piece",
                "price": "47.305",
            },
            {"kind": "fixed", "clause": "care", "tax": "vat", "amount": "1000.00"},
            {
                "kind": "discount",
                "clause": "rebate",
                "tax": "vat",
                "of": ["piece", "care"],
                "tiering": "graduated",
                "stages": [{"from": "500.00", "rate": "1.5%"}, {"from": "2000.00", "rate": "4%"}],
            },
        ],
        terms={
            "cut_off": "3d",
            "gaps": {"pieces": {"gap_longer_than": "20h", "rule": "counter_difference"}},
            "settlement": {
                "payment_days": 20,
                "runs_from": "period_end",
                "silence_days": 6,
                "interest": "18.25%",
            },
        },
    )


def power(machines: Machines) -> Sheet:
    """The template, as a sales clerk fills it in; four fifths of the log's own peak are agreed on."""
    made: Sheet = json.loads(template("two-part-electricity").data)
    highest_w = max((value or 0) * 3_600_000 // span_ms for _, value, span_ms in machines.energy.rows)
    minutes = machines.energy.rows[0][2] // 60_000
    agreed_kw = max(highest_w * 4 // 5_000, 1)
    made["calendar"] = {"zone": "Asia/Seoul", "from_year": machines.year, "to_year": machines.year + 2}
    made["taxes"] = vat(machines.year)
    for meter, unit in (("energy", "Wh"), ("reactive_energy", "varh")):
        made["meters"][meter] = {"kind": "amount", "base_unit": unit}
    made["elements"][0] |= {"agreed": str(agreed_kw), "slot": "15min" if minutes <= 15 else "1h"}
    made["terms"] = {
        "cut_off": "8d",
        "gaps": {
            "energy": {"gap_longer_than": "2h", "rule": "average_day", "days": 3},
            "reactive_energy": {"gap_longer_than": "2h", "rule": "last_rate"},
        },
        "settlement": {
            "payment_days": 20,
            "runs_from": "period_end",
            "silence_days": 4,
            "interest": "7.3%",
            "interest_tax": "vat",
        },
    }
    return made


DAY_AND_NIGHT = {
    "day": [{"days": ["workday"], "from": "06:00", "to": "22:00"}],
    "night": [
        {"days": ["workday"], "from": "22:00", "to": "06:00"},
        {"days": ["restday", "holiday"], "from": "00:00", "to": "24:00"},
    ],
}


def air(machines: Machines) -> Sheet:
    """Summer time, prices that follow an index, a fifth of the air for the toolmaker."""
    return sheet(
        machines,
        "Europe/Berlin",
        name="air",
        rounding="half_even",
        meters={"air": {"kind": "counter", "base_unit": "ml"}},
        windows=DAY_AND_NIGHT,
        elements=[
            {
                "kind": "usage",
                "clause": "air",
                "tax": "vat",
                "meter": "air",
                "unit": "m3",
                "tiering": "graduated",
                "tiers": [{"up_to": "90000", "price": "0.115"}, {"price": "0.098"}],
                "index": {"owner": "grid", "id": "power", "base": "72000"},
            },
            {
                "kind": "take_or_pay",
                "clause": "committed",
                "tax": "vat",
                "of": ["air"],
                "committed": "95000",
                "price": "0.08",
                "carry_periods": 4,
            },
            {
                "kind": "down_payment",
                "clause": "down",
                "tax": "vat",
                "of": ["air", "committed"],
                "amount": "10000.00",
                "periods": 7,
            },
            {
                "kind": "usage",
                "clause": "at_night",
                "tax": "vat",
                "meter": "air",
                "unit": "m3",
                "windows": ["night"],
                "price": "0.003",
            },
            {
                "kind": "split",
                "clause": "parts",
                "tax": "vat",
                "of": ["air", "committed", "down"],
                "payees": {"grid": "80%", "toolmaker": "20%"},
            },
        ],
        terms={
            "cut_off": "2d",
            "gaps": {"air": {"gap_longer_than": "30h", "rule": "last_rate"}},
            "settlement": {"payment_days": 14, "runs_from": "confirmation", "interest": "10%"},
        },
    )
