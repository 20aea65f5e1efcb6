"""A year of a steel works under the two-part electricity tariff: demand, seasons of 尖峰平谷, power factor.

What is expected is worked out from the file by docs/tariff-rules.md alone, with csv, datetime and fractions.
"""

import csv
import dataclasses
import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from functools import cache
from math import floor, isqrt
from pathlib import Path
from typing import Any

import pytest

from hansa.apps.billing import errors
from hansa.apps.billing.sheet import Sheet, parse_sheet
from hansa.client.tariff_templates import template
from hansa.edge.gateway import declarations, deliveries, feed_name
from hansa.edge.log_model import Log
from hansa.edge.log_reader import read_log
from hansa.edge.mapping import load_mapping
from hansa.kernel import limits, replace
from hansa.simulation.leasing import Play, agreement_time, bind
from tests.apps.ground import INDICATIVE, Ground

TESTS = Path(__file__).resolve().parents[1]
MAPPING = TESTS / "mappings" / "steel-two-part.toml"
LOG = Path("machine-logs") / "steel-energy" / "Steel_industry_data.csv"
SEOUL = timedelta(hours=9)
AGREED_KW = 500
NOW_MS = 1_780_000_000_000

Terms = dict[str, Any]


def terms() -> Terms:
    """The template, as a sales clerk would fill it in."""
    sheet: Terms = json.loads(template("two-part-electricity").data)
    sheet["calendar"] = {"zone": "Asia/Seoul", "from_year": 2018, "to_year": 2018}
    sheet["taxes"] = {"vat": [{"from": "2016-01-01", "rate": "10%"}, {"from": "2018-07-31", "rate": "13%"}]}
    sheet["meters"] = {
        "energy": {"kind": "amount", "base_unit": "Wh"},
        "reactive_energy": {"kind": "amount", "base_unit": "varh"},
    }
    sheet["elements"][0]["agreed"] = str(AGREED_KW)
    sheet["terms"]["cut_off"] = "8d"
    for gap in sheet["terms"]["gaps"].values():
        gap["rule"] = "zero"
    return sheet


@cache
def log_of(path: Path) -> Log:
    return read_log(path, load_mapping(MAPPING), now_ms=NOW_MS)


def lease(log: Log, sheet: Sheet, grade: bool = True) -> tuple[Ground, dict[str, str], int]:
    """The log's feeds declared, of billing grade or not, and an agreement on them."""
    bindings = bind(log, sheet, {})
    from_ms, to_ms = agreement_time(Play(log, load_mapping(MAPPING), sheet, bindings))
    ground = Ground(from_ms)
    for action in declarations(log, load_mapping(MAPPING), "gateway-1"):
        declaration = getattr(action, "declaration", None)
        if declaration is not None and not grade and declaration.base_unit == "varh":
            action = replace(action, declaration=replace(declaration, legal_use=INDICATIVE, carrier="other"))
        ground.do("plant", action)
    ground.publish(sheet.tariff, sheet.calendar)
    feeds = {binding.meter: binding.feed for binding in bindings}
    ground.agree(from_ms, to_ms, *sheet.terms.gaps, cut_off_ms=sheet.terms.cut_off_ms, feeds=feeds)
    return ground, feeds, to_ms


def play(ground: Ground, log: Log, feeds: dict[str, str], to_ms: int) -> None:
    """Records arrive week by week, each before its month is closed."""
    for delivery in deliveries(log, 7 * limits.DAY_MS):
        ground.move_to(max(delivery.last_ms, ground.now_ms))
        for number, feed in enumerate(log.feeds):
            name = feed_name(log.device, feed.spec)
            items = [item for item in delivery.items if item.feed == number and item.record]
            if name in feeds.values() and items:
                told = [(i.at_ms, feed.value[i.reading], feed.span_ms[i.reading]) for i in items]
                ground.record(name, *told, first=items[0].record)
    ground.move_to(to_ms + 10 * limits.DAY_MS)


# What is expected, from the file.


def rounded(value: Fraction) -> int:
    """Half up, ties away from zero."""
    return floor(value + Fraction(1, 2)) if value >= 0 else -floor(-value + Fraction(1, 2))


def readings(path: Path) -> Iterator[tuple[datetime, int, int]]:
    """(begin of the quarter by the clock of Seoul, Wh, varh). A stamp of 0:00 closes the day it names."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            stamp = datetime.strptime(row["date"], "%d/%m/%Y %H:%M")
            if (stamp.hour, stamp.minute) == (0, 0):
                stamp += timedelta(days=1)
            values = (row["Usage_kWh"], row["Lagging_Current_Reactive.Power_kVarh"])
            energy, reactive = (rounded(Fraction(value) * 1_000) for value in values)
            yield stamp - timedelta(minutes=15), energy, reactive


def window_of(at: datetime) -> str:
    """The template's hours, told again."""
    hour, month = at.hour, at.month
    if hour >= 23 or hour < 7:
        return "valley"
    if (month in (7, 8) and 14 <= hour < 17) or (month in (1, 12) and 18 <= hour < 20):
        return "sharp"
    return "peak" if 8 <= hour < 11 or 17 <= hour < 22 else "flat"


def factor_e2(active: int, reactive: int) -> int:
    """The hundredth nearest to the power factor, found by trying all."""
    near = isqrt(10**12 * active**2 // (active**2 + reactive**2))
    return (near + 5_000) // 10_000


def adjustment(e2: int) -> Fraction:
    """水电财字〔1983〕215号, standard 0.90, in per cent."""
    if e2 >= 90:
        return -min(Fraction(15, 100) * (e2 - 90), Fraction(75, 100))
    if e2 >= 70:
        return Fraction(90 - e2, 2)
    return Fraction(10 + 70 - e2) if e2 >= 65 else Fraction(15 + 2 * (65 - e2))


PRICES = {"sharp": "1.4210", "peak": "1.1842", "flat": "0.7105", "valley": "0.3200"}


def expected(rows: list[tuple[datetime, int, int]], rate: int) -> tuple[list[tuple[str, int, int]], int, int]:
    """(clause, quantity, minor units) of a month's lines; net and tax."""
    highest_w = 4 * max(energy for _, energy, _ in rows)
    demand = [("demand", AGREED_KW * 1_000, AGREED_KW * 4_000)]
    beyond_w = highest_w - AGREED_KW * 1_050
    if beyond_w > 0:
        demand.append(("demand", beyond_w, rounded(Fraction(beyond_w, 1_000) * 80 * 100)))
    sums: Counter[str] = Counter()
    for at, energy, _ in rows:
        sums[window_of(at)] += energy
    lines = demand + [
        (f"energy_{name}", sums[name], rounded(Fraction(sums[name], 1_000) * Fraction(price) * 100))
        for name, price in PRICES.items()
    ]
    e2 = factor_e2(sum(energy for _, energy, _ in rows), sum(reactive for *_, reactive in rows))
    so_far = sum(amount for *_, amount in lines)
    lines.append(("power_factor", e2, rounded(so_far * adjustment(e2) / 100)))
    net = sum(amount for *_, amount in lines)
    return lines, net, rounded(Fraction(net * rate, 100))


def test_a_year_is_settled_as_anyone_can_work_it_out(shared_data: Path) -> None:
    path = shared_data / LOG
    log, sheet = log_of(path), parse_sheet(json.dumps(terms()).encode(), TESTS)
    ground, feeds, to_ms = lease(log, sheet)
    play(ground, log, feeds, to_ms)
    months: dict[int, list[tuple[datetime, int, int]]] = {}
    for row in readings(path):
        months.setdefault(row[0].month, []).append(row)
    statements = ground.statements()
    assert len(statements) == len(months) == 12
    exceeded = 0
    for month, statement in enumerate(statements, 1):
        assert datetime.fromtimestamp(statement.period.from_ms // 1000, UTC) + SEOUL == datetime(
            2018, month, 1, tzinfo=UTC
        )
        lines, net, tax = expected(months[month], 10 if month < 7 else 13)
        assert [(n.clause, n.quantity_base, n.amount_minor) for n in statement.lines] == lines
        assert (statement.net_minor, statement.tax_minor) == (net, tax)
        assert statement.gaps == ()
        peak = next(line for line in reversed(statement.lines) if line.kind == "demand")
        at = datetime.fromtimestamp(peak.slot_ms // 1000, UTC) + SEOUL
        energy = {row[0].replace(tzinfo=UTC): row[1] for row in months[month]}
        assert energy[at] == max(energy.values())
        assert (peak.estimated_base, peak.loose_base) == (0, 0)
        exceeded += peak.tier == 2
    assert 0 < exceeded < 12  # The figures tell both rules apart.


def test_without_billing_grade_it_is_refused_for_the_reactive_meter_too(shared_data: Path) -> None:
    """However the reactive feed calls what it counts."""
    sheet = parse_sheet(json.dumps(terms()).encode(), TESTS)
    with pytest.raises(errors.LegalUseMissing) as refused:
        lease(log_of(shared_data / LOG), sheet, grade=False)
    assert refused.value.clause == "reactive_energy"
    internal = dataclasses.replace(sheet, tariff=replace(sheet.tariff, purpose="internal"))
    lease(log_of(shared_data / LOG), internal, grade=False)
