"""Usage recomputed from readings by the published rules alone, with nothing of Hansa in it.

Written from docs/metering-rules.md as recompute.py was from the tariff's pages; where that page can be read
in two ways, README.md says which way this program took. Times are ms since the epoch, UTC; values are whole
numbers in the base unit of their meter.
"""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from fractions import Fraction
from functools import cached_property
from itertools import groupby, pairwise
from math import floor
from typing import Any, NamedTuple

from independent.recompute import DAY, Local, Period, local_of

UNKNOWN = "unknown"
LOOK_BACK = 16
DURATIONS = {"ms": 1, "s": 1_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}


# ---- from records to what was seen (M1–M16) --------------------------------------------------------------


class Reading(NamedTuple):
    """A record (M1)."""

    at_ms: int
    value: Any  # an integer of a counter or an amount, a text of a state, anything if lost
    lost: bool = False
    span_ms: int = 0  # of an amount
    generation: int = 0
    sequence: int | None = None  # None: the place in the list


class Feed(NamedTuple):
    """What a meter is bound to. Readings are tuples of the fields of Reading, in the order of arrival."""

    readings: Sequence[tuple[Any, ...]]
    periodic: bool = False
    modulus: int | None = None
    lives: Sequence[tuple[int, int, int]] = ()  # declared: at_ms, final_value, start_value (M5)


class Terms(NamedTuple):
    """What the sheet says of a meter."""

    kind: str  # counter, amount, state
    longer_ms: int  # gap_longer_than
    rule: str
    days: int  # of average_day


class Span(NamedTuple):
    """What is asked for: a period of an agreement that starts at starts_ms."""

    starts_ms: int
    from_ms: int
    to_ms: int


class Normal(NamedTuple):
    """Usage that was seen: `amount` base units in [start, end); of a state feed `part` is the state."""

    start: int
    end: int
    amount: int
    part: str = ""


class Gap(NamedTuple):
    """[start, end) of which nothing is known. `difference`: what the counter shows over it, if known."""

    start: int
    end: int
    difference: int | None = None
    since: int = 0  # with a difference: the good reading it is reckoned from
    empty: bool = False  # the last sentence of M10: counts 0 under every rule


class Fall(NamedTuple):
    """A reading below the last good one; `outcome` is false_reading or pending."""

    at_ms: int
    value: int
    last_good: int
    outcome: str


class Seen(NamedTuple):
    """What the records of one feed say, before any gap rule."""

    normal: list[Normal]
    gaps: list[Gap]
    falls: list[Fall]
    instants: Sequence[int]  # of all records, in order
    first_ms: int | None  # where the first one begins
    known: Sequence[tuple[int, str]] = ()  # (at_ms, state) of a state feed


def in_order(readings: Sequence[tuple[Any, ...]]) -> list[Reading]:
    """M1: a repeat counts once; of contradicting records the first to arrive stands."""
    first: dict[tuple[int, int], Reading] = {}
    for place, fields in enumerate(readings):
        reading = Reading(*fields)
        sequence = place if reading.sequence is None else reading.sequence
        first.setdefault((reading.generation, sequence), reading._replace(sequence=sequence))
    return sorted(first.values(), key=lambda r: (r.at_ms, r.generation, r.sequence))


def see_counter(feed: Feed, terms: Terms, span: Span) -> Seen:
    """M3–M8, M10: one life after the other. A declaration (M5) ends one, begins the next."""
    records = in_order(feed.readings)
    cuts = sorted(feed.lives)
    instants = sorted([r.at_ms for r in records] + [at_ms for at_ms, _, _ in cuts])
    goods: list[int] = []
    seen = Seen([], [], [], instants, None)
    last_good: int | None = None
    for number in range(len(cuts) + 1):
        life = list(records)
        if number > 0:
            at_ms, _, start = cuts[number - 1]
            life = [Reading(at_ms, start), *(r for r in life if r.at_ms >= at_ms)]
        if number < len(cuts):
            at_ms, final, _ = cuts[number]
            life = [*(r for r in life if r.at_ms < at_ms), Reading(at_ms, final)]
        last_good = see_life(life, feed, terms, span, seen, goods, is_last=number == len(cuts))
    if last_good is None or last_good < span.starts_ms:
        seen.gaps[:] = [gap for gap in seen.gaps if gap.difference is not None]
        if span.to_ms - span.starts_ms > terms.longer_ms:
            seen.gaps.append(Gap(span.starts_ms, span.to_ms, empty=True))
    return seen._replace(first_ms=min(goods, default=None))


def unheard(terms: Terms, span: Span) -> list[Gap]:
    """M10, last sentence: a feed without a single record."""
    return (
        [Gap(span.starts_ms, span.to_ms, empty=True)] if span.to_ms - span.starts_ms > terms.longer_ms else []
    )


def see_life(
    life: Sequence[Reading],
    feed: Feed,
    terms: Terms,
    span: Span,
    seen: Seen,
    goods: list[int],
    *,
    is_last: bool,
) -> int | None:
    """M3, M4, M6–M8 for one life: adds to `seen`, returns when the last good reading was.

    The last reading of a life that has ended is good by declaration.
    """
    good_ms: int | None = None
    good = 0
    lost: int | None = None
    low: list[tuple[int, int]] = []
    for place, reading in enumerate(life):
        at_ms, value = reading.at_ms, reading.value
        if reading.lost:
            lost = at_ms if lost is None else lost
            continue
        declared = not is_last and place == len(life) - 1
        if good_ms is not None and value < good:
            if feed.modulus and 2 * ((value - good) % feed.modulus) < feed.modulus:
                value = good + (value - good) % feed.modulus
            elif not declared:
                low.append((at_ms, value))
                continue
        if declared:
            value = max(value, good)  # a record above the final value stands (M5)
        if good_ms is not None:
            unknown = lost if lost is not None and lost < at_ms else good_ms if feed.periodic else at_ms
            if at_ms - unknown > terms.longer_ms:
                seen.gaps.append(Gap(unknown, at_ms, value - good, good_ms))
            else:
                seen.normal.append(Normal(good_ms, at_ms, value - good))
            seen.falls.extend(Fall(at, fallen, good, "false_reading") for at, fallen in low)
        good_ms, good, lost, low = at_ms, value, None, []
        goods.append(at_ms)
    if is_last and good_ms is not None:
        seen.falls.extend(Fall(at, fallen, good, "pending") for at, fallen in low)
        begins = [at for at, _ in low[:1]] + [at for at in (lost,) if at is not None]
        if feed.periodic and lost is None:
            begins.append(good_ms)
        begin = min(begins, default=span.to_ms)
        if span.to_ms - begin > terms.longer_ms:
            seen.gaps.append(Gap(begin, span.to_ms))
    return good_ms


def see_amounts(feed: Feed, terms: Terms, span: Span) -> Seen:
    """M11, M12."""
    records = in_order(feed.readings)
    normal = [Normal(r.at_ms - r.span_ms, r.at_ms, r.value) for r in records if not r.lost]
    between = [Gap(a.end, b.start) for a, b in pairwise(normal)]
    between += [Gap(last.end, span.to_ms) for last in normal[-1:]]
    gaps = [gap for gap in between if gap.end - gap.start > terms.longer_ms]
    gaps = gaps if records else unheard(terms, span)
    return Seen(normal, gaps, [], [r.at_ms for r in records], normal[0].start if normal else None)


def see_states(feed: Feed, terms: Terms, span: Span) -> Seen:
    """M13–M16. Of one instant the last record in order counts."""
    latest = {r.at_ms: r for r in in_order(feed.readings)}
    records = list(latest.values())
    stretches: list[tuple[int, int, str, bool]] = []
    for a, b in pairwise(records):
        silent = feed.periodic and b.at_ms - a.at_ms > terms.longer_ms
        stretches.append((a.at_ms, b.at_ms, UNKNOWN if a.lost or silent else a.value, False))
    ends_unknown = bool(records) and (records[-1].lost or records[-1].value == UNKNOWN)
    if records and (feed.periodic or ends_unknown) and records[-1].at_ms < span.to_ms:
        stretches.append((records[-1].at_ms, span.to_ms, UNKNOWN, True))
    normal: list[Normal] = []
    gaps: list[Gap] = []
    # M15 joins what touches the period; what lies outside it is joined apart.
    joined = groupby(stretches, key=lambda s: (s[2], s[0] < span.to_ms and s[1] > span.from_ms))
    for (state, _), group in joined:
        run = list(group)
        start, end, _, is_open = run[0][0], *run[-1][1:]
        if state == UNKNOWN and (is_open or end - start > terms.longer_ms):
            gaps.append(Gap(start, end))
        else:
            normal.append(Normal(start, end, end - start, state))
    known = [(r.at_ms, r.value) for r in records if not r.lost and r.value != UNKNOWN]
    gaps = gaps if records else unheard(terms, span)
    instants = list(latest)
    return Seen(normal, gaps, [], instants, min(instants, default=None), known)


SEE = {"counter": see_counter, "amount": see_amounts, "state": see_states}


# ---- gap rules and booking (M9, M13, G1–G7) --------------------------------------------------------------


def pieces_of(n: Normal, terms: Terms, span: Span) -> list[Normal]:
    """M9, M13, M17: what of it the period gets. States are cut, all else is booked whole, at its last ms."""
    if terms.kind == "state":
        left, right = max(n.start, span.from_ms), min(n.end, span.to_ms)
        return [Normal(left, right, right - left, n.part)] if left < right else []
    counts = n.start >= span.starts_ms and span.from_ms <= max(n.start, n.end - 1) < span.to_ms
    return [n] if counts else []


def by_gap_rule(seen: Seen, terms: Terms, gap: Gap, span: Span, days: "Days") -> list[Normal]:
    """G1–G5: what a gap puts into the period."""
    if gap.empty:
        return []
    if terms.rule == "counter_difference":
        counts = gap.since >= span.starts_ms and span.from_ms < gap.end <= span.to_ms
        known = gap.difference is not None and counts
        return [Normal(gap.start, gap.end, gap.difference or 0)] if known else []
    f, t = max(gap.start, span.from_ms), min(gap.end, span.to_ms)
    if f >= t or terms.rule in ("zero", "dispute"):
        return []
    if terms.rule == "average_day":
        return days.fill(f, t)
    if terms.rule != "last_rate":
        raise ValueError(f"no such gap rule: {terms.rule}")
    up_to = bisect_right(seen.instants, gap.start)
    recent = seen.instants[max(0, up_to - LOOK_BACK) : up_to]
    if terms.kind == "state":
        states = [state for at_ms, state in seen.known if at_ms in recent]
        return [Normal(f, t, t - f, state) for state in states[-1:]]
    earliest = recent[0] if recent else gap.start
    before = [
        n
        for n in seen.normal
        if n.start < n.end <= gap.start and earliest <= (n.start if terms.kind == "counter" else n.end)
    ]
    return [Normal(f, t, n.amount * (t - f) // (n.end - n.start)) for n in before[-1:]]


class Days:
    """G5: a feed's usage date by date, and which dates may stand for others."""

    def __init__(self, seen: Seen, terms: Terms, local: Local, starts_ms: int) -> None:
        self.seen, self.terms, self.local, self.starts_ms = seen, terms, local, starts_ms

    def dates(self, start: int, end: int) -> Iterator[tuple[date, int, int]]:
        """The local dates that [start, end) touches, each with the part of it that lies there."""
        day = self.local.date_of(start)
        while (begin := self.local.begin_of(day)) < end:
            yield day, max(start, begin), min(end, self.local.begin_of(day + DAY))
            day += DAY

    @cached_property
    def usage(self) -> dict[date, Counter[str]]:
        usage: dict[date, Counter[str]] = defaultdict(Counter)
        for n in self.seen.normal:
            if self.terms.kind != "state" and n.start < self.starts_ms:
                continue
            if self.terms.kind != "state":
                usage[self.local.date_of(max(n.start, n.end - 1))][n.part] += n.amount
                continue
            for day, left, right in self.dates(n.start, n.end):
                usage[day][n.part] += right - left
        return usage

    @cached_property
    def in_gap(self) -> set[date]:
        unknown = [(gap.start, gap.end) for gap in self.seen.gaps]
        unknown += [(n.start, n.end) for n in self.seen.normal if n.part == UNKNOWN]
        return {day for start, end in unknown for day, _, _ in self.dates(start, end)}

    def fill(self, f: int, t: int) -> list[Normal]:
        first = self.local.date_of(f)
        pieces: list[Normal] = []
        for day, left, right in self.dates(f, t):
            amounts, length_ms = self.before(first, self.local.is_work(day))
            pieces += [
                Normal(left, right, floor(Fraction(amount, length_ms) * (right - left)), part)
                for part, amount in amounts.items()
            ]
        return pieces

    def before(self, first: date, work: bool) -> tuple[Counter[str], int]:
        """Usage per part and length in ms of the last usable dates before `first`."""
        amounts: Counter[str] = Counter()
        length_ms = found = 0
        for day in (first - back * DAY for back in range(1, 61)):
            begin = self.local.begin_of(day)
            too_early = self.seen.first_ms is None or begin < max(self.seen.first_ms, self.starts_ms)
            if found == self.terms.days or too_early or day in self.in_gap or self.local.is_work(day) != work:
                continue
            found += 1
            length_ms += self.local.begin_of(day + DAY) - begin
            amounts.update(self.usage.get(day, {}))
        return amounts, length_ms


class ListedGap(NamedTuple):
    """G7. `quantity` is what was booked in the period for it, over all windows (and states)."""

    meter: str
    from_ms: int
    to_ms: int
    rule: str
    quantity: int
    difference: int | None


class Metered(NamedTuple):
    usage: dict[tuple[str, str, str], int]
    gaps: list[ListedGap]
    falls: list[tuple[str, Fall]]
    read: Mapping[str, Sequence[Normal]] = {}
    """By meter: what was read and is booked in the period (M9); slots are made of it (M18)."""
    filled: Mapping[str, Sequence[Normal]] = {}
    """By meter: what gaps count for."""


def terms_of(tariff: Mapping[str, Any], meter: str) -> Terms:
    gaps = tariff["terms"]["gaps"][meter]
    longer = str(gaps["gap_longer_than"])
    digits = longer.rstrip("dhimns")
    longer_ms = int(digits) * DURATIONS[longer.removeprefix(digits)]
    return Terms(tariff["meters"][meter]["kind"], longer_ms, gaps["rule"], gaps.get("days", 0))


def usage_from_readings(
    tariff_json: Mapping[str, Any], feeds: Mapping[str, Feed], period: Period, starts_ms: int
) -> Metered:
    """Usage, gaps and falls of a period, from all records known at its close (later ones than its end, too).

    `starts_ms` is the agreement's start. A gap is listed if it touches the period, a fall if it lies in it.
    """
    local = local_of(tariff_json)
    span = Span(starts_ms, *period[:2])
    usage: Counter[tuple[str, str, str]] = Counter()
    gaps: list[ListedGap] = []
    falls: list[tuple[str, Fall]] = []
    read: dict[str, list[Normal]] = {}
    filled: dict[str, list[Normal]] = {meter: [] for meter in feeds}
    for meter, feed in feeds.items():
        terms = terms_of(tariff_json, meter)
        seen = SEE[terms.kind](feed, terms, span)
        days = Days(seen, terms, local, starts_ms)
        read[meter] = [piece for n in seen.normal for piece in pieces_of(n, terms, span)]
        for gap in seen.gaps:
            booked = by_gap_rule(seen, terms, gap, span, days)
            filled[meter] += booked
            if gap.start < span.to_ms and gap.end > span.from_ms:
                total = sum(n.amount for n in booked)
                gaps.append(ListedGap(meter, gap.start, gap.end, terms.rule, total, gap.difference))
        for n in (*read[meter], *filled[meter]):
            for window, amount in local.spread(n.amount, n.start, n.end).items():
                usage[meter, n.part, window] += amount
        falls += [(meter, fall) for fall in seen.falls if span.from_ms <= fall.at_ms < span.to_ms]
    return Metered({key: amount for key, amount in usage.items() if amount}, gaps, falls, read, filled)
