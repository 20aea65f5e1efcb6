"""Made-up leases, logs and tariffs: each statement of the ledger equals the second opinion."""

import json
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from independent.compare import Second

from hansa.apps.billing.sheet import parse_sheet
from hansa.kernel import limits, replace
from tests.apps.ground import STATES, Ground, lease_feeds

DAY, HOUR = limits.DAY_MS, limits.HOUR_MS
ZONES = {"Asia/Shanghai": 20_110, "Europe/Berlin": 20_175, "America/Sao_Paulo": 17_837}
"""A day in UTC shortly before holidays, the summer time of 2025, and a midnight that is skipped
(2018-11-04).
"""
HOLIDAYS = {str(year): {"holidays": [], "makeup_workdays": []} for year in range(2018, 2025)} | {
    "2025": {"holidays": ["01-28..02-04", "04-01"], "makeup_workdays": ["01-26", "03-30"]}
}
DAYS = 8
BEFORE_MS = 2 * DAY
CUT_OFF_MS = 6 * HOUR

PRICES = st.decimals(0, 50, places=4).map(str)
WINDOWS = [
    {},
    {
        "day": [{"days": ["workday"], "from": "08:00", "to": "20:00"}],
        "night": [
            {"days": ["workday"], "from": "20:00", "to": "08:00"},
            {"days": ["restday", "holiday"], "from": "00:00", "to": "24:00"},
        ],
    },
    {
        "early": [{"days": ["all"], "from": "22:30", "to": "02:15"}],
        "rest": [{"days": ["all"], "from": "02:15", "to": "22:30"}],
    },
]
RULES = {
    "pieces": ["counter_difference", "zero", "last_rate", "average_day", "dispute"],
    "energy": ["zero", "last_rate", "average_day", "dispute"],
    "execution": ["zero", "last_rate", "average_day", "dispute"],
}
UNITS = {"pieces": "piece", "energy": "kWh", "execution": "h"}


@st.composite
def usage_elements(draw: Any, meter: str, number: int, windows: list[str]) -> dict[str, Any]:
    element: dict[str, Any] = {
        "kind": "usage",
        "clause": f"{meter}_{number}",
        "tax": draw(st.sampled_from(["vat", "low"])),
        "meter": meter,
        "unit": UNITS[meter],
    }
    if meter == "execution":
        element["states"] = draw(st.lists(st.sampled_from(STATES), min_size=1, max_size=3, unique=True))
    if windows and draw(st.booleans()):
        element["windows"] = draw(st.lists(st.sampled_from(windows), min_size=1, unique=True))
    if draw(st.booleans()):
        element["included"] = str(draw(st.integers(1, 30)))
    if draw(st.booleans()):
        element["price"] = draw(PRICES)
    else:
        bound = draw(st.integers(1, 60))
        element["tiering"] = draw(st.sampled_from(["graduated", "volume"]))
        element["tiers"] = [{"up_to": str(bound), "price": draw(PRICES)}, {"price": draw(PRICES)}]
    return element


@st.composite
def sheets(draw: Any, zone: str) -> dict[str, Any]:
    windows = draw(st.sampled_from(WINDOWS))
    elements = [
        draw(usage_elements(meter, number, list(windows)))
        for number, meter in enumerate(draw(st.permutations(list(UNITS))))
    ]
    elements.append({"kind": "fixed", "clause": "fee", "tax": "vat", "amount": "100.01"})
    # A minimum and a cap carry the tax of what they name.
    named = [element["clause"] for element in elements if element["tax"] == "vat"]
    elements.append({"kind": "minimum", "clause": "least", "tax": "vat", "of": named, "amount": "120.00"})
    elements.append(
        {"kind": "cap", "clause": "most", "tax": "vat", "of": [*named, "least"], "amount": "300.00"}
    )
    gaps = {}
    for meter, rules in RULES.items():
        rule = draw(st.sampled_from(rules))
        longer = draw(st.sampled_from(["0min", "30min", "5h"]))
        gaps[meter] = {"gap_longer_than": longer, "rule": rule}
        if rule == "average_day":
            gaps[meter]["days"] = draw(st.integers(1, 3))
    return {
        "name": "drawn",
        "purpose": "internal",
        "currency": "CNY",
        "prices": draw(st.sampled_from(["with_tax", "without_tax"])),
        "rounding": draw(st.sampled_from(["half_up", "half_even"])),
        "period": draw(st.sampled_from(["day", "week"])),
        "calendar": {
            "zone": zone,
            "from_year": 2018,
            "to_year": 2025,
            "holidays": HOLIDAYS,
        },
        "taxes": {
            "vat": [{"from": "2017-01-01", "rate": "13%"}, {"from": "2025-01-30", "rate": "9%"}],
            "low": [{"from": "2017-01-01", "rate": "6%"}],
        },
        "meters": {
            "pieces": {"kind": "counter", "base_unit": "piece"},
            "energy": {"kind": "amount", "base_unit": "Wh"},
            "execution": {"kind": "state", "base_unit": "ms"},
        },
        **({"windows": windows} if windows else {}),
        "elements": elements,
        "terms": {"cut_off": "6h", "gaps": gaps},
    }


STEPS = st.sampled_from([1, 7, HOUR // 4, HOUR, 3 * HOUR + 1, 11 * HOUR, DAY])


@st.composite
def logs(draw: Any, start_ms: int) -> dict[str, list[tuple[int, int | None, int]]]:
    """What each feed reports from two days before the agreement on."""
    out: dict[str, list[tuple[int, int | None, int]]] = {}
    for meter in UNITS:
        steps = draw(st.lists(STEPS, max_size=30))
        times = [start_ms - BEFORE_MS + at for at in accumulate(steps)]
        total, before_ms, readings = 0, start_ms - BEFORE_MS - HOUR, []
        for at_ms in times:
            odd = draw(st.sampled_from(["", "", "", "lost", "zero"]))
            if meter == "pieces":
                total += draw(st.integers(0, 90))
                readings.append((at_ms, {"lost": None, "zero": 0}.get(odd, total), 0))
            elif meter == "execution":
                state = draw(st.integers(0, len(STATES) - 1))
                readings.append((at_ms, None if odd == "lost" else state, 0))
            else:
                span_ms = max((at_ms - before_ms) // draw(st.sampled_from([1, 1, 2])), 1)
                readings.append((at_ms, draw(st.integers(0, 20_000)), span_ms))
                before_ms = at_ms
        out[meter] = readings
    return out


@st.composite
def cases(draw: Any) -> tuple[Any, ...]:
    zone = draw(st.sampled_from(list(ZONES)))
    start_ms = ZONES[zone] * DAY + draw(st.sampled_from([0, 3, 16])) * HOUR
    late = draw(st.sampled_from([0, 0, 3]))
    return (
        draw(sheets(zone)),
        start_ms,
        draw(logs(start_ms)),
        draw(st.sampled_from(["on_change", "periodic"])),
        late,
    )


class Arrival(NamedTuple):
    """A record on its way: sorted by when it arrives."""

    arrives_ms: int
    at_ms: int
    meter: str
    number: int
    value: int | None
    span_ms: int


def arrivals(log: dict[str, list[tuple[int, int | None, int]]], start_ms: int, late: int) -> list[Arrival]:
    """Each `late`th record of a feed arrives after two days; 0: none does."""
    return sorted(
        Arrival(
            at_ms + (2 * DAY if late and number % late == 0 and at_ms >= start_ms else 0),
            at_ms,
            meter,
            number,
            value,
            span_ms,
        )
        for meter, readings in log.items()
        for number, (at_ms, value, span_ms) in enumerate(readings, 1)
    )


@settings(
    max_examples=60,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(cases())
def test_each_statement_of_a_made_up_lease_equals_the_second_opinion(case: tuple[Any, ...]) -> None:
    sheet, start_ms, log, reporting, late = case
    read = parse_sheet(json.dumps(sheet).encode(), Path("."))
    feeds = {name: replace(declared, reporting=reporting) for name, declared in lease_feeds().items()}
    end_ms = start_ms + DAYS * DAY
    ground = Ground(start_ms - BEFORE_MS)
    ground.register(**feeds)
    ground.publish(read.tariff, read.calendar)
    second = Second(sheet, feeds, start_ms)
    coming = arrivals(log, start_ms, late)
    checked = 0
    for early in (True, False):
        if not early:
            ground.agree(start_ms, end_ms, *read.terms.gaps, cut_off_ms=CUT_OFF_MS)
        for arrival in coming:
            if early == (arrival.arrives_ms < start_ms):
                checked = advance(ground, second, arrival.arrives_ms, checked)
                reading = (arrival.at_ms, arrival.value, arrival.span_ms)
                ground.record(arrival.meter, reading, first=arrival.number)
                second.told[arrival.meter].append((*reading, arrival.number))
    assert advance(ground, second, end_ms + 30 * DAY, checked) >= 2


def advance(ground: Ground, second: Second, to_ms: int, checked: int) -> int:
    """Let time pass; whatever was closed on the way must be what the second opinion says now."""
    ground.move_to(max(to_ms, ground.now_ms))
    statements = ground.statements()
    for statement in statements[checked:]:
        second.check(statement)
    return len(statements)
