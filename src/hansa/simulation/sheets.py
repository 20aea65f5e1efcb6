"""Tariff sheets of the play: one for a log that came without a tariff, and sheets fitted to a log's years."""

import json
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from hansa.apps.billing.sheet import Sheet, parse_sheet
from hansa.edge.log_model import FeedLog, Log
from hansa.kernel import Refusal

PRICES = {"piece": "3.50", "ms": "60.00", "Wh": "0.80", "g": "0.50", "ml": "0.005"}
PRICED_UNIT = {"piece": "piece", "ms": "h", "Wh": "kWh", "g": "kg", "ml": "l"}
PRICED_SIZE = {"piece": 1, "ms": 3_600_000, "Wh": 1_000, "g": 1_000, "ml": 1_000}
RUNNING_STATES = ("ACTIVE", "RUNNING", "AUTO", "AUTOMATIC", "EXECUTE", "PRODUCTION", "RUN")
LEGAL_CARRIERS = ("electricity", "gas", "water", "heat", "weight")
TAX_FROM = "1994-01-01"


class NothingBillable(Refusal, code="play.nothing_billable", field="log"):
    zh = "设备 {device} 的日志中没有可计费的信号：{reasons_zh}。请检查映射文件，或用 --tariff 指定资费。"
    en = (
        "The log of {device} has no signal to bill by: {reasons_en}. Check the mapping, or name a "
        "tariff with --tariff."
    )


def years(log: Log) -> tuple[int, int]:
    """First and last year of the log's readings, with a year to spare on both sides."""
    first, last = log.report.first_ms, log.report.last_ms
    return (
        datetime.fromtimestamp(first / 1000, UTC).year - 1,
        datetime.fromtimestamp(last / 1000, UTC).year + 1,
    )


def default_sheet(log: Log, zone: str) -> Sheet:
    """A plain tariff over every feed of the log that can carry one. Raises NothingBillable."""
    first, last = years(log)
    usable = [feed for feed in log.feeds if _problem(feed) == ("", "")]
    if not usable:
        reasons = [(feed.spec.name, *_problem(feed)) for feed in log.feeds]
        raise NothingBillable(
            device=log.device,
            reasons_zh=";".join(f"{name} {zh}" for name, zh, _ in reasons) or "没有计量点",
            reasons_en="; ".join(f"{name} {en}" for name, _, en in reasons) or "there is no feed",
        )
    raw: dict[str, Any] = {
        "name": f"default-{log.device}"[:60],
        "purpose": "trade_settlement" if all(map(_settles_trade, usable)) else "internal",
        "currency": "CNY",
        "prices": "without_tax",
        "rounding": "half_up",
        "period": "month",
        "calendar": {"zone": zone, "from_year": first, "to_year": last},
        "taxes": {"vat": [{"from": TAX_FROM, "rate": "13%"}]},
        "meters": {feed.spec.name: {"kind": _kind(feed), "base_unit": _base(feed)} for feed in usable},
        "elements": [_element(feed, len(usable) == 1) for feed in usable],
        "terms": {
            "cut_off": "5d",
            "gaps": {
                feed.spec.name: {"gap_longer_than": _gap_longer_than(feed), "rule": _gap_rule(feed)}
                for feed in usable
            },
        },
    }
    return parse_sheet(json.dumps(raw).encode(), Path())


def _kind(feed: FeedLog) -> str:
    return "amount" if feed.spec.kind == "power" else feed.spec.kind


def _base(feed: FeedLog) -> str:
    return "ms" if feed.spec.kind == "state" else feed.base_unit


def _problem(feed: FeedLog) -> tuple[str, str]:
    """Why a feed cannot carry a tariff, zh and en; empty if it can."""
    if not any(not lost for lost in feed.lost):
        return "没有读数", "has no reading"
    if not feed.wired:
        return "未接线（从未变化）", "is not wired (never moved)"
    if _base(feed) not in PRICES:
        return f"单位 {feed.base_unit} 没有默认价格", f"counts {feed.base_unit}, which has no default price"
    if feed.spec.kind == "state" and len(feed.states) < 2:
        return "没有已知状态", "has no known state"
    return "", ""


def _settles_trade(feed: FeedLog) -> bool:
    return feed.spec.carries not in LEGAL_CARRIERS or feed.spec.legal_use.grade == "billing"


def _gap_longer_than(feed: FeedLog) -> str:
    """Ten minutes; of a feed that reports at intervals, three of them if that is more."""
    steps = sorted(b - a for a, b in pairwise(feed.at_ms))
    usual_ms = steps[len(steps) // 2] if steps and feed.spec.reporting == "periodic" else 0
    return f"{max(10, -(-3 * usual_ms // 60_000))}min"


def _gap_rule(feed: FeedLog) -> str:
    return "counter_difference" if feed.spec.kind == "counter" else "zero"


def _element(feed: FeedLog, alone: bool) -> dict[str, Any]:
    base = _base(feed)
    clause = "per_piece" if base == "piece" and alone else f"per_{PRICED_UNIT[base]}_{feed.spec.name}"
    element: dict[str, Any] = {
        "kind": "usage",
        "clause": "per_piece" if feed.spec.name == "pieces" else clause.lower(),
        "tax": "vat",
        "meter": feed.spec.name,
        "unit": PRICED_UNIT[base],
        "price": PRICES[base],
    }
    if feed.spec.kind == "state":
        named = [state for state in feed.states if state != "unknown"]
        running = [state for state in named if state in RUNNING_STATES]
        element["states"] = running or named[:1]
    return element
