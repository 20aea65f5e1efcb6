"""Statements recomputed from the published rules alone, with nothing of Hansa in it.

Written from docs/tariff-rules.md and docs/write-a-tariff.md by someone who had not seen the code that they
describe, and in another style on purpose: exact fractions instead of scaled integers, the time zones of the
standard library instead of ledger calendars, windows by walking minute after minute. Slow and plain.

Times are ms since the epoch, UTC. Usage is in base units (pieces, ms, Wh, g, ml), money in minor units. Input
is taken as right: what the rules refuse ends here in a KeyError or ValueError, or is not noticed.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from functools import cached_property, lru_cache
from itertools import groupby, pairwise, product
from math import floor
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from independent.elements import (
    LINES,
    Facts,
    Line,
    Period,
    Usage,
    Work,
    half_even,
    half_up,
)

MINUTE_MS = 60_000
MIDNIGHT = time(0)
DAY = timedelta(days=1)
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SHORT_DAYS: dict[str, tuple[str, ...]] = {
    "all": (*WEEKDAYS, "holiday", "makeup"),
    "workday": (*WEEKDAYS[:5], "makeup"),
    "restday": ("sat", "sun"),
}
NO_FACTS = Facts()


# ---- local time and windows (T1–T6, U2) ------------------------------------------------------------------


def minute_of(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])


class Local:
    """The local clock of a tariff: dates, kinds of days, windows."""

    def __init__(self, tariff: Mapping[str, Any]) -> None:
        calendar = tariff["calendar"]
        if "holidays_file" in calendar:
            raise ValueError("put the content of holidays_file into the calendar first")
        self.zone = ZoneInfo(calendar["zone"])
        self.holidays: set[date] = set()
        self.makeup: set[date] = set()
        self._begins: dict[date, int] = {}
        for year, listed in calendar.get("holidays", {}).items():
            for name, dates in (("holidays", self.holidays), ("makeup_workdays", self.makeup)):
                for span in listed.get(name, []):
                    first, _, last = span.partition("..")
                    day = date.fromisoformat(f"{year}-{first}")
                    while day <= date.fromisoformat(f"{year}-{last or first}"):
                        dates.add(day)
                        day += DAY
        everywhen = {"all": [{"days": ["all"], "from": "00:00", "to": "24:00"}]}
        self.windows: Mapping[str, Any] = tariff.get("windows") or everywhen

    def clock(self, at_ms: int) -> datetime:
        return datetime.fromtimestamp(at_ms // 1000, UTC).astimezone(self.zone)

    def date_of(self, at_ms: int) -> date:
        return self.clock(at_ms).date()

    def begin_of(self, day: date) -> int:
        """U2: the first instant at which the clock shows this date or a later one."""
        if day not in self._begins:
            self._begins[day] = self._begin_of(day)
        return self._begins[day]

    def _begin_of(self, day: date) -> int:
        at_ms = int(datetime.combine(day, MIDNIGHT, self.zone).timestamp()) * 1000
        while self.date_of(at_ms - MINUTE_MS) >= day:  # the clock jumped over midnight, to later than 00:00
            at_ms -= MINUTE_MS
        return at_ms

    def day_class(self, day: date) -> str:
        if day in self.holidays:
            return "holiday"
        return "makeup" if day in self.makeup else WEEKDAYS[day.weekday()]

    def is_work(self, day: date) -> bool:
        return self.day_class(day) in SHORT_DAYS["workday"]

    @cached_property
    def minutes(self) -> dict[tuple[int, str, int], str]:
        """(month, day class, minute of the local day) -> window. A hole is a missing key, an overlap
        refused.
        """
        table: dict[tuple[int, str, int], str] = {}
        for window, spans in self.windows.items():
            for span in spans:
                first, last = minute_of(span["from"]), minute_of(span["to"])
                covered = [*range(first, last)] or [*range(last), *range(first, 1440)]
                classes = {name for word in span["days"] for name in SHORT_DAYS.get(word, (word,))}
                months = span.get("months") or range(1, 13)
                for key in product(months, classes, covered):
                    if key in table:
                        raise ValueError(f"{key} is in {table[key]} and in {window}")
                    table[key] = window
        return table

    def window_at(self, at_ms: int) -> str:
        """T6."""
        clock = self.clock(at_ms)
        return self.minutes[clock.month, self.day_class(clock.date()), clock.hour * 60 + clock.minute]

    def spread(self, amount: int, start: int, end: int) -> Counter[str]:
        """M9: an amount over the windows of [start, end), in proportion to time, minute after minute.

        Cutting more often than the window changes is harmless: the floors cancel within a window.
        """
        if start == end or len(self.windows) == 1:
            return Counter({self.window_at(start): amount})
        parts: Counter[str] = Counter()
        inner = range(start - start % MINUTE_MS + MINUTE_MS, end, MINUTE_MS)
        for left, right in pairwise((start, *inner, end)):
            taken = amount * (right - start) // (end - start) - amount * (left - start) // (end - start)
            parts[self.window_at(left)] += taken
        return parts


@lru_cache(maxsize=64)
def _local(written: str) -> Local:
    return Local(json.loads(written))


def local_of(tariff: Mapping[str, Any]) -> Local:
    """Made once for the same calendar and windows."""
    return _local(json.dumps({"calendar": tariff["calendar"], "windows": tariff.get("windows")}))


# ---- periods ---------------------------------------------------------------------------------------------


def rate(tariff: Mapping[str, Any], usage: Usage, period: Period, facts: Facts = NO_FACTS) -> list[Line]:
    """The lines of a period before tax: clause, kind, quantity, amount, percent."""
    last_day = local_of(tariff).date_of(period[1] - 1).isoformat()
    lines: list[Line] = []
    for element in tariff["elements"]:
        percent = tax_percent(tariff, element["tax"], last_day)
        found = LINES[element["kind"]](Work(tariff, usage, period, facts, lines), element)
        lines += [{"clause": element["clause"], **line, "percent": percent} for line in found]
    return lines


def tax_percent(tariff: Mapping[str, Any], code: str, day: str) -> Fraction:
    """X1, on a local date."""
    in_force = [dated["rate"] for dated in tariff["taxes"][code] if dated["from"] <= day]
    return Fraction(in_force[-1].removesuffix("%"))


# ---- statements (X1–X5, C1) ------------------------------------------------------------------------------


class Correction(NamedTuple):
    """A closed period to look at again: its tariff, its usage as known now, and what was billed for it.

    `billed`: the lines of its own statement that are no corrections, and later statements' corrections of it.
    """

    tariff: Mapping[str, Any]
    usage: Usage
    period: Period
    billed: Sequence[Line]
    facts: Facts = NO_FACTS


def correction_lines(correction: Correction) -> list[Line]:
    """C1, before tax."""
    now = rate(correction.tariff, correction.usage, correction.period, correction.facts)
    lines: list[Line] = []
    for clause, group in groupby(now, key=lambda line: line["clause"]):
        own = list(group)
        before = [line for line in correction.billed if line["clause"] == clause]
        quantity, amount = (
            sum(line[name] for line in own) - sum(line[name] for line in before)
            for name in ("quantity", "amount")
        )
        if amount:
            lines.append(
                {
                    "clause": clause,
                    "kind": "correction",
                    "quantity": Fraction(quantity),
                    "amount": amount,
                    "percent": own[0]["percent"],
                    "period": correction.period,
                }
            )
    return lines


def taxed(lines: list[Line], with_tax: bool) -> list[Line]:
    """X2–X4: the tax of each rate, allotted to its lines."""
    for percent in {line["percent"] for line in lines}:
        group = [line for line in lines if line["percent"] == percent]
        share = percent / (100 + percent) if with_tax else percent / 100
        missing = half_up(sum(line["amount"] for line in group) * share)
        for line in group:
            line["tax_minor"] = floor(line["amount"] * share)
            missing -= line["tax_minor"]
        by_remainder = sorted(group, key=lambda line: line["tax_minor"] - line["amount"] * share)
        for line in by_remainder[:missing]:
            line["tax_minor"] += 1
    for number, line in enumerate(lines, 1):
        line["number"] = number
        line["net_minor"] = line["amount"] - (line["tax_minor"] if with_tax else 0)
        line["gross_minor"] = line["net_minor"] + line["tax_minor"]
    return lines


def recompute(
    tariff_json: Mapping[str, Any],
    usage: Usage,
    period: Period,
    corrections: Sequence[Correction] = (),
    facts: Facts = NO_FACTS,
    interest: Sequence[Line] = (),
) -> list[Line]:
    """The lines of a statement.

    Each has number, clause, kind (that of its element, included, correction, interest), quantity (a Fraction
    of the priced unit), amount (what E4 rounds: net, or gross if prices are with tax), percent (of tax),
    net_minor, tax_minor and gross_minor; a correction also the period corrected. `interest`: I3.
    """
    lines = rate(tariff_json, usage, period, facts)
    for correction in sorted(corrections, key=lambda c: c.period):
        lines += correction_lines(correction)
    return taxed([*lines, *interest], tariff_json["prices"] == "with_tax")


__all__ = [
    "Correction",
    "Line",
    "Local",
    "Period",
    "Usage",
    "half_even",
    "half_up",
    "rate",
    "recompute",
    "taxed",
]
