"""The statements of an agreement from its first period to its last, recomputed from what had arrived when
each was closed. Nothing of Hansa is in it: see README.md.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from itertools import islice
from typing import Any, NamedTuple

from independent.elements import SLOT_MINUTES, Facts, Left, Line, Period, Slots, half_up, left_after
from independent.recompute import (
    DAY,
    Correction,
    correction_lines,
    local_of,
    rate,
    recompute,
    tax_percent,
    taxed,
)
from independent.slots import slots_of
from independent.usage import DURATIONS, Feed, Metered, usage_from_readings

LOOK_BACK_MS = 70 * DURATIONS["d"]
NEAR_RECORDS = 60
"""Records before and after a period that a gap at its borders may rest on."""


class Told(NamedTuple):
    """A record, in the order of time; `value` None: lost."""

    read_ms: int
    sequence: int
    value: Any
    span_ms: int
    arrived_ms: int


class Life(NamedTuple):
    """A declared reset of a counter (M5)."""

    at_ms: int
    final: int
    start: int
    arrived_ms: int


class Published(NamedTuple):
    """A value of an index, from a local date on."""

    owner: str
    index: str
    day: str
    value: Fraction
    arrived_ms: int


@dataclass
class Recorded:
    """A feed as it was declared, with all that it ever told."""

    periodic: bool = False
    modulus: int | None = None
    told: list[Told] = field(default_factory=list)
    lives: list[Life] = field(default_factory=list)

    def near(self, period: Period, known_ms: int, look_back_ms: int) -> Feed:
        """What had arrived by `known_ms`, as far as it can matter for a period."""
        self.told.sort()
        early = bisect_left(self.told, (period[0] - look_back_ms,))
        last = bisect_left(self.told, (period[1],))

        def known(numbers: Iterable[int]) -> Iterator[Told]:
            return (self.told[n] for n in numbers if self.told[n].arrived_ms <= known_ms)

        before = [*islice(known(range(early - 1, -1, -1)), NEAR_RECORDS)]
        after = islice(known(range(last, len(self.told))), NEAR_RECORDS)
        readings = [
            (told.read_ms, told.value, told.value is None, told.span_ms, 1, told.sequence)
            for told in (*reversed(before), *known(range(early, last)), *after)
        ]
        lives = [(life.at_ms, life.final, life.start) for life in self.lives if life.arrived_ms <= known_ms]
        return Feed(readings, self.periodic, self.modulus, lives)


def periods(sheet: Mapping[str, Any], from_ms: int, to_ms: int) -> Iterator[Period]:
    """U2: months, weeks or days of the local clock, clipped."""
    local = local_of(sheet)
    day = local.date_of(from_ms)
    first = {"month": day.replace(day=1), "week": day - day.weekday() * DAY, "day": day}[sheet["period"]]
    while (begin_ms := local.begin_of(first)) < to_ms:
        after = following(first, sheet["period"])
        end_ms = local.begin_of(after)
        yield max(begin_ms, from_ms), min(end_ms, to_ms), begin_ms, end_ms
        first = after


def following(first: date, length: str) -> date:
    if length == "month":
        return (first + 31 * DAY).replace(day=1)
    return first + (7 if length == "week" else 1) * DAY


class Charge(NamedTuple):
    """Interest that the next statement charges: contained tax, if any, is part of it."""

    period_ms: int
    gross_minor: int
    days: int


class Open(NamedTuple):
    """What is not stated yet: why, of which period, its lines with tax."""

    reason: str
    period: Period
    lines: list[Line]


@dataclass
class Followed:
    """One agreement. `sheet`: the tariff as people write it, with the terms; `feeds` by meter."""

    name: str
    provider: str
    user: str
    sheet: Mapping[str, Any]
    from_ms: int
    to_ms: int
    feeds: Mapping[str, Recorded]
    published: Sequence[Published] = ()
    billed: dict[Period, list[Line]] = field(default_factory=dict)
    """What statements carry for each closed period."""
    _metered: dict[Any, Metered] = field(default_factory=dict)
    _slots: dict[Any, Slots] = field(default_factory=dict)

    @property
    def cut_off_ms(self) -> int:
        return duration_ms(self.sheet["terms"]["cut_off"])

    def periods(self) -> list[Period]:
        return list(periods(self.sheet, self.from_ms, self.to_ms))

    def state(self, period: Period, known_ms: int, charges: Sequence[Charge] = ()) -> list[Line]:
        """The statement of a period, closed when all that is known had arrived by `known_ms`."""
        left, corrections = self._earlier(known_ms)
        metered = self.metered(period, known_ms)
        facts = self._facts(period, metered, left)
        interest = [self._interest(charge, period) for charge in charges]
        lines = recompute(self.sheet, metered.usage, period, corrections, facts, interest)
        self.billed[period] = [line for line in lines if line["kind"] not in ("correction", "interest")]
        for line in lines:
            if line["kind"] == "correction":
                self.billed[line["period"]].append(line)
        return lines

    def open_lines(self, until_ms: int, known_ms: int) -> list[Open]:
        """What is not stated at an instant: corrections that will come, then periods without a statement, as
        if the agreement ended there.
        """
        if until_ms <= self.from_ms:
            return []
        with_tax = self.sheet["prices"] == "with_tax"
        left, found = self._earlier(known_ms, until_ms)
        changed = [(each.period, correction_lines(each)) for each in found]
        out = [Open("correction", period, taxed(lines, with_tax)) for period, lines in changed if lines]
        for period in periods(self.sheet, self.from_ms, min(until_ms, self.to_ms)):
            if period in self.billed:
                continue
            metered = self.metered(period, known_ms)
            lines = rate(self.sheet, metered.usage, period, self._facts(period, metered, left))
            left = left_after(self.sheet, left, lines)
            reason = "running" if until_ms < period[3] else "to_close"
            out.append(Open(reason, period, taxed(lines, with_tax)))
        return out

    def metered(self, period: Period, known_ms: int) -> Metered:
        """Usage of a period by what had arrived; reckoned once for the same records."""
        gaps = self.sheet["terms"]["gaps"]
        feeds = {}
        for meter, recorded in self.feeds.items():
            back_ms = LOOK_BACK_MS if gaps[meter]["rule"] == "average_day" else 0
            feeds[meter] = recorded.near(period, known_ms, back_ms)
        key = (period, *(hash((tuple(feed.readings), tuple(feed.lives))) for feed in feeds.values()))
        if key not in self._metered:
            self._metered[key] = usage_from_readings(self.sheet, feeds, period, self.from_ms)
        return self._metered[key]

    def _earlier(self, known_ms: int, until_ms: int | None = None) -> tuple[Left, list[Correction]]:
        """All stated periods as known now, beside what was billed for them; and what they leave (C3)."""
        left, found = Left(), []
        for period, billed in sorted(self.billed.items()):
            if until_ms is not None and period[1] > until_ms:
                continue
            metered = self.metered(period, known_ms)
            facts = self._facts(period, metered, left)
            found.append(Correction(self.sheet, metered.usage, period, billed, facts))
            left = left_after(self.sheet, left, rate(self.sheet, metered.usage, period, facts))
        return left, found

    def _facts(self, period: Period, metered: Metered, left: Left) -> Facts:
        local = local_of(self.sheet)
        slots = {
            (element["meter"], SLOT_MINUTES[element["slot"]]): self._slots_of(metered, element, period)
            for element in self.sheet["elements"]
            if "slot" in element
        }
        first_day = local.date_of(period[0]).isoformat()
        closes_ms = period[1] + self.cut_off_ms

        def index(owner: str, name: str) -> Fraction:
            """E11."""
            values = [
                (each.day, each.value)
                for each in self.published
                if (each.owner, each.index) == (owner, name)
                and each.day <= first_day
                and each.arrived_ms <= closes_ms
            ]
            return max(values)[1]

        return Facts(slots, index, left)

    def _slots_of(self, metered: Metered, element: Mapping[str, Any], period: Period) -> Slots:
        meter, minutes = element["meter"], SLOT_MINUTES[element["slot"]]
        key = (id(metered), meter, minutes)  # What was metered is kept.
        if key not in self._slots:
            local, read, filled = local_of(self.sheet), metered.read[meter], metered.filled[meter]
            asked = [each for each in self.sheet["elements"] if "slot" in each and each["meter"] == meter]
            booked = min(SLOT_MINUTES[each["slot"]] for each in asked)
            self._slots[key] = slots_of(local, read, filled, period[0], minutes, booked)
        return self._slots[key]

    def _interest(self, charge: Charge, period: Period) -> Line:
        """I3: tax is contained in interest; without a code it bears none."""
        code = self.sheet["terms"]["settlement"].get("interest_tax", "")
        day = local_of(self.sheet).date_of(period[1] - 1).isoformat()
        percent = tax_percent(self.sheet, code, day) if code else Fraction(0)
        net = half_up(charge.gross_minor * 100 / (100 + percent))
        return {
            "clause": "late_payment",
            "kind": "interest",
            "quantity": Fraction(charge.days),
            "amount": charge.gross_minor if self.sheet["prices"] == "with_tax" else net,
            "percent": percent,
            "late_period_ms": charge.period_ms,
        }


def duration_ms(text: str) -> int:
    digits = text.rstrip("dhimns")
    return int(digits) * DURATIONS[text.removeprefix(digits)]
