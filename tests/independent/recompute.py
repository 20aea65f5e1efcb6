"""Statements recomputed from the published rules alone, with nothing of Hansa in it.

Written from docs/tariff-rules.md and docs/write-a-tariff.md by someone who had not seen the code that they
describe, and in another style on purpose: exact fractions instead of scaled integers, the time zones of the
standard library instead of ledger calendars, windows by walking minute after minute. Slow and plain.

Times are ms since the epoch, UTC. Usage is in base units (pieces, ms, Wh, g, ml), money in minor units. Input
is taken as right: what the rules refuse ends here in a KeyError or ValueError, or is not noticed.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from functools import cached_property
from itertools import groupby, pairwise
from math import floor
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

Usage = Mapping[tuple[str, str, str], int]
"""(meter, part, window) -> base units. Part is the state of a state meter, else empty."""
Period = tuple[int, int, int, int]
"""from_ms, to_ms (clipped to the agreement), full_from_ms, full_to_ms."""
Line = dict[str, Any]

MINUTE_MS = 60_000
MIDNIGHT = time(0)
DAY = timedelta(days=1)
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SHORT_DAYS: dict[str, tuple[str, ...]] = {
    "all": (*WEEKDAYS, "holiday", "makeup"),
    "workday": (*WEEKDAYS[:5], "makeup"),
    "restday": ("sat", "sun"),
}
UNIT_SIZES = {
    "piece": 1, "ms": 1, "s": 1_000, "min": 60_000, "h": 3_600_000, "Wh": 1, "kWh": 1_000, "MWh": 1_000_000,
    "g": 1, "kg": 1_000, "t": 1_000_000, "ml": 1, "l": 1_000, "m3": 1_000_000,
}  # fmt: skip
MINOR_PER_MAIN = {  # 100 for all others
    **dict.fromkeys(["BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF"], 1),
    **dict.fromkeys(["UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"], 1),
    **dict.fromkeys(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"], 1_000),
    **dict.fromkeys(["CLF", "UYW"], 10_000),
}


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
    def minutes(self) -> dict[tuple[str, int], str]:
        """(day class, minute of the local day) -> window. A hole is a missing key, an overlap refused."""
        table: dict[tuple[str, int], str] = {}
        for window, spans in self.windows.items():
            for span in spans:
                first, last = minute_of(span["from"]), minute_of(span["to"])
                covered = [*range(first, last)] or [*range(last), *range(first, 1440)]
                classes = {name for word in span["days"] for name in SHORT_DAYS.get(word, (word,))}
                for key in ((name, minute) for name in classes for minute in covered):
                    if key in table:
                        raise ValueError(f"{key} is in {table[key]} and in {window}")
                    table[key] = window
        return table

    def window_at(self, at_ms: int) -> str:
        """T6."""
        clock = self.clock(at_ms)
        return self.minutes[self.day_class(clock.date()), clock.hour * 60 + clock.minute]

    def spread(self, amount: int, start: int, end: int) -> Counter[str]:
        """M9: an amount over the windows of [start, end), in proportion to time, minute after minute.

        Cutting more often than the window changes is harmless: the floors cancel within a window.
        """
        if start == end:
            return Counter({self.window_at(start): amount})
        parts: Counter[str] = Counter()
        inner = range(start - start % MINUTE_MS + MINUTE_MS, end, MINUTE_MS)
        for left, right in pairwise((start, *inner, end)):
            taken = amount * (right - start) // (end - start) - amount * (left - start) // (end - start)
            parts[self.window_at(left)] += taken
        return parts


# ---- elements (E1–E7) ------------------------------------------------------------------------------------


def half_up(x: Fraction) -> int:
    """To the nearest integer, ties away from zero."""
    size = floor(abs(x) + Fraction(1, 2))
    return size if x >= 0 else -size


def half_even(x: Fraction) -> int:
    return round(x)  # a Fraction rounds ties to even


ROUNDINGS = {"half_up": half_up, "half_even": half_even}


def minor_units(tariff: Mapping[str, Any], money: Fraction) -> Fraction:
    return money * MINOR_PER_MAIN.get(tariff["currency"], 100)


def usage_lines(tariff: Mapping[str, Any], element: Mapping[str, Any], usage: Usage) -> list[Line]:
    """E1–E4."""
    rounded = ROUNDINGS[tariff["rounding"]]
    size = element.get("unit_size") or UNIT_SIZES.get(element["unit"], 1)
    q = Fraction(0)  # in priced units, as are quota and bounds on the sheet
    for (meter, part, window), base in usage.items():
        counts = meter == element["meter"] and part in element.get("states", [part])
        if counts and window in element.get("windows", [window]):
            q += Fraction(base, size)
    tiers = element.get("tiers") or [{"price": element["price"]}]
    included = min(q, Fraction(element.get("included", 0)))
    rest = q - included
    shares: list[tuple[str, Fraction, Fraction]] = []
    if included > 0:
        shares.append(("included", included, Fraction(0)))
    if element.get("tiering") == "volume":
        reached = next(tier for tier in tiers if "up_to" not in tier or rest <= Fraction(tier["up_to"]))
        shares.append(("usage", rest, Fraction(reached["price"])))
    else:
        below = Fraction(0)
        for tier in tiers:
            above = min(rest, Fraction(tier["up_to"])) if "up_to" in tier else rest
            shares.append(("usage", above - below, Fraction(tier["price"])))
            below = above
    shares = [share for share in shares if share[1] > 0] or [
        ("usage", Fraction(0), Fraction(tiers[0]["price"]))
    ]
    return [
        {"kind": kind, "quantity": amount, "amount": rounded(minor_units(tariff, amount * price))}
        for kind, amount, price in shares
    ]


def rate(tariff: Mapping[str, Any], usage: Usage, period: Period) -> list[Line]:
    """The lines of a period before tax: clause, kind, quantity, amount, percent."""
    from_ms, to_ms, full_from_ms, full_to_ms = period
    local = Local(tariff)
    last_day = local.date_of(to_ms - 1).isoformat()
    lines: list[Line] = []
    for element in tariff["elements"]:
        kind = element["kind"]
        if kind == "usage":
            new = usage_lines(tariff, element, usage)
        else:
            money = minor_units(tariff, Fraction(element["amount"]))
            if kind == "fixed":
                part = Fraction(to_ms - from_ms, full_to_ms - full_from_ms)
                amount = ROUNDINGS[tariff["rounding"]](money * part)
            else:
                missing = int(money) - sum(
                    line["amount"] for line in lines if line["clause"] in element["of"]
                )
                amount = {"minimum": max, "cap": min}[kind](missing, 0)
            new = [{"kind": kind, "quantity": Fraction(1), "amount": amount}]
        in_force = [dated["rate"] for dated in tariff["taxes"][element["tax"]] if dated["from"] <= last_day]
        percent = Fraction(in_force[-1].removesuffix("%"))
        lines += [{"clause": element["clause"], **line, "percent": percent} for line in new]
    return lines


# ---- statements (X1–X5, C1) ------------------------------------------------------------------------------


class Correction(NamedTuple):
    """A closed period to look at again: its tariff, its usage as known now, and what was billed for it.

    `billed`: the lines of its own statement that are no corrections, and later statements' corrections of it.
    """

    tariff: Mapping[str, Any]
    usage: Usage
    period: Period
    billed: Sequence[Line]


def correction_lines(correction: Correction) -> list[Line]:
    """C1, before tax."""
    now = rate(correction.tariff, correction.usage, correction.period)
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
    tariff_json: Mapping[str, Any], usage: Usage, period: Period, corrections: Sequence[Correction] = ()
) -> list[Line]:
    """The lines of a statement.

    Each has number, clause, kind (usage, included, fixed, minimum, cap, correction), quantity (a Fraction of
    the priced unit), amount (what E4 rounds: net, or gross if prices are with tax), percent (of tax),
    net_minor, tax_minor and gross_minor; a correction also the period corrected.
    """
    lines = rate(tariff_json, usage, period)
    for correction in sorted(corrections, key=lambda c: c.period):
        lines += correction_lines(correction)
    return taxed(lines, tariff_json["prices"] == "with_tax")
