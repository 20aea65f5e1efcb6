"""What a gap counts for under the agreement's gap rule (docs/metering-rules.md, M10, M15, G1–G7). Pure.

`GapSource` is what the rules need to look up: the contract answers from its tables, a checker from records.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

from hansa.apps.billing.booking import NEVER_MS, NO_DIFFERENCE, UNKNOWN, Book, Measure, date_at, open_from
from hansa.apps.billing.terms import GapRule, GapRuleName
from hansa.apps.consortium.calendars import day_class, start_of_day, weekday
from hansa.apps.metering.chain import Point, unwrapped
from hansa.apps.metering.messages import Fold
from hansa.kernel.limits import LOOK_BACK_DAYS_MAX
from hansa.kernel.types import Id, Integer, Struct, TimeMs, replace

GapState = Literal["closed", "open"]
Parts = dict[tuple[int, int], int]
"""Base units by (part, window): positions in `Measure.parts()` and `scheme.names`."""
LOOK_BACKS_PER_STRETCH = 2
"""Records that `last_rate` looks at in a period: so many for each stretch that is allowed (G8)."""


class GapLine(Struct):
    """A gap as a statement lists it: what was not known, the rule, and what it counted for."""

    meter: Id
    from_ms: TimeMs
    to_ms: TimeMs
    rule: GapRuleName
    quantity_base: Integer
    """Booked in this period."""
    state: GapState
    """open: it goes on after the end of the period, or no reading has ended it yet."""
    difference_base: Integer = 0
    """What the counter says was made in the gap; meaningless unless `known`."""
    known: bool = False
    """Whether there is a difference."""


class Gap(NamedTuple):
    """As stored: `difference` is NO_DIFFERENCE where nothing is known of it."""

    from_ms: int
    to_ms: int
    difference: int


class GapSource(Protocol):
    """Looks up what lies around a gap of one meter."""

    def gaps(self, from_ms: int, to_ms: int, limit: int) -> Sequence[Gap]:
        """Gaps that overlap from ≤ t < to, in order, at most `limit`; of states, unknown stretches of any
        length.
        """
        ...

    def records_before(self, before_ms: int) -> Iterable[tuple[Point, bool, int]]:
        """(record, good, total): at most 16 records before an instant, the latest first."""
        ...

    def day(self, day: int) -> Mapping[int, int]:
        """Normal usage of a local date: base units by part."""
        ...

    def standing(self) -> Fold:
        """The fold over all records of the feed."""
        ...

    def first_ms(self) -> int:
        """Time of the feed's first good reading, of amounts the start of the first; 0 if there is none."""
        ...


class Share(NamedTuple):
    """So much of a part falls evenly on a stretch of time."""

    part: int
    quantity: int
    from_ms: int
    to_ms: int


class Booked(NamedTuple):
    line: GapLine
    parts: Parts
    listed: bool
    """False for short unknown stretches of states: booked as `unknown`, they are no gaps (M15)."""
    shares: tuple[Share, ...]
    """What `parts` are the sums of, by time."""


def book_gaps(measure: Measure, rule: GapRule, source: GapSource, from_ms: int, to_ms: int) -> list[Booked]:
    """All unknown stretches of a period, each with what it counts for."""
    gaps = list(source.gaps(from_ms, to_ms, measure.stretches_max))
    fold = source.standing()
    unread = not fold.some or (measure.kind == "counter" and fold.at_ms < measure.from_ms)
    if unread:  # M6: before the first reading nothing is metered, whatever the rule.
        rule = replace(rule, rule="zero") if rule.rule != "dispute" else rule
    open_ms = measure.from_ms if unread else open_from(measure, fold)
    # How long the time after the last state will be is not known: it is a gap however short it is yet.
    least_ms = 0 if measure.kind == "state" and not unread else rule.longer_than_ms
    is_open = to_ms - open_ms > least_ms and len(gaps) < measure.stretches_max
    if is_open:
        gaps.append(Gap(open_ms, to_ms, NO_DIFFERENCE))
    if measure.kind == "state":
        gaps = _joined(gaps)
    lookup = _Lookup(measure, rule, source, open_ms if is_open else NEVER_MS)
    return [_book(lookup, gap, from_ms, to_ms, unended=is_open and gap is gaps[-1]) for gap in gaps]


def _joined(gaps: Sequence[Gap]) -> list[Gap]:
    """M15: unknown stretches of states that touch are one."""
    out: list[Gap] = []
    for gap in gaps:
        if out and out[-1].to_ms == gap.from_ms:
            gap = Gap(out.pop().from_ms, gap.to_ms, NO_DIFFERENCE)
        out.append(gap)
    return out


@dataclass
class _Lookup:
    """What a meter's gaps of one period rest on; nothing is looked up twice, and not without end (G8)."""

    measure: Measure
    rule: GapRule
    source: GapSource
    open_ms: int
    """Start of the open gap, NEVER_MS if there is none."""
    records_left: int = field(init=False)
    days: dict[int, tuple[int, Mapping[int, int]] | None] = field(default_factory=dict)
    """Length and sums of a date; None for one that cannot stand for another."""
    averages: dict[tuple[int, bool], tuple[dict[int, int], int]] = field(default_factory=dict)
    """Sums and length of the dates that stand for those of a type, by the date before which they lie."""

    def __post_init__(self) -> None:
        self.records_left = LOOK_BACKS_PER_STRETCH * self.measure.stretches_max

    def records_to(self, at_ms: int) -> Iterator[tuple[Point, bool, int]]:
        """The last records up to an instant, it included, the latest first."""
        for row in self.source.records_before(at_ms + 1):
            if not self.records_left:
                return
            self.records_left -= 1
            yield row

    def date(self, day: int) -> tuple[int, Mapping[int, int]] | None:
        if day not in self.days:
            self.days[day] = self._date(day)
        return self.days[day]

    def _date(self, day: int) -> tuple[int, Mapping[int, int]] | None:
        calendar = self.measure.calendar
        from_ms, to_ms = start_of_day(calendar, day), start_of_day(calendar, day + 1)
        first_ms = self.source.first_ms()
        metered = first_ms and max(first_ms, self.measure.from_ms) <= from_ms and to_ms <= self.open_ms
        if not metered or self.source.gaps(from_ms, to_ms, 1):
            return None
        return to_ms - from_ms, self.source.day(day)


def _book(lookup: _Lookup, gap: Gap, from_ms: int, to_ms: int, *, unended: bool) -> Booked:
    """What a gap counts for in a period. A short unknown stretch of states is no gap (M15)."""
    measure, rule = lookup.measure, lookup.rule
    part_from, part_to = max(gap.from_ms, from_ms), min(gap.to_ms, to_ms)
    is_state = measure.kind == "state"
    short = is_state and not unended and gap.to_ms - gap.from_ms <= rule.longer_than_ms
    known = gap.difference != NO_DIFFERENCE
    shares: list[Share] = []
    if short:
        shares = [Share(UNKNOWN, part_to - part_from, part_from, part_to)]
    elif rule.rule == "counter_difference":
        if known and from_ms <= gap.to_ms - 1 < to_ms:
            shares = [Share(0, gap.difference, gap.from_ms, gap.to_ms)]
    elif rule.rule == "last_rate":
        shares = _last_rate(lookup, gap, part_from, part_to)
    elif rule.rule == "average_day":
        shares = _average_day(lookup, part_from, part_to)
    parts = _spread(measure, shares)
    cut = is_state or rule.rule in ("last_rate", "average_day")
    line = GapLine(
        meter=rule.meter,
        from_ms=part_from if cut else max(gap.from_ms, measure.from_ms),
        to_ms=part_to if cut else min(gap.to_ms, measure.to_ms),
        rule=rule.rule,
        quantity_base=sum(parts.values()),
        state="open" if unended or gap.to_ms > to_ms else "closed",
        difference_base=gap.difference if known else 0,
        known=known,
    )
    return Booked(line, parts, not short, tuple(shares))


def _last_rate(lookup: _Lookup, gap: Gap, from_ms: int, to_ms: int) -> list[Share]:
    """G4: as it went just before."""
    if lookup.measure.kind == "state":
        state = _last_state(lookup, gap.from_ms)
        return [] if state == UNKNOWN else [Share(state, to_ms - from_ms, from_ms, to_ms)]
    quantity, length_ms = _last_normal(lookup, gap.from_ms)
    if not quantity:
        return []
    return [Share(0, quantity * (to_ms - from_ms) // length_ms, from_ms, to_ms)]


def _last_state(lookup: _Lookup, at_ms: int) -> int:
    """The last known state reported up to an instant; of several records at one time the last in order
    counts.
    """
    seen_ms = -1
    for point, _, state in lookup.records_to(at_ms):
        if point.at_ms != seen_ms and state != UNKNOWN:
            return state
        seen_ms = point.at_ms
    return UNKNOWN


def _last_normal(lookup: _Lookup, at_ms: int) -> tuple[int, int]:
    """(quantity, length) of the last normal interval that ends up to an instant; (0, 1) if there is none."""
    measure = lookup.measure
    later: tuple[Point, int] | None = None
    lost_ms = NEVER_MS
    for point, good, total in lookup.records_to(at_ms):
        if point.lost:
            lost_ms = point.at_ms
        if not good:
            continue
        if measure.kind == "amount":
            return point.value, point.span_ms
        if later is not None and point.at_ms < later[0].at_ms:
            end_ms = later[0].at_ms
            silent_ms = point.at_ms if measure.reporting == "periodic" else end_ms
            unknown_ms = lost_ms if lost_ms < NEVER_MS else silent_ms
            if end_ms - unknown_ms <= measure.longer_than_ms:  # M8: else it is a gap itself.
                return _end_total(measure, *later, total) - total, end_ms - point.at_ms
        later, lost_ms = (point, total), NEVER_MS
    return 0, 1


def _end_total(measure: Measure, point: Point, total: int, before: int) -> int:
    """What a good reading shows at the end of the interval before it: of a declared life its final value
    (M5).
    """
    return max(unwrapped(point.value, before, measure.modulus), before) if point.life else total


def _average_day(lookup: _Lookup, from_ms: int, to_ms: int) -> list[Share]:
    """G5: as on the last days of the same type."""
    measure = lookup.measure
    calendar = measure.calendar
    out: list[Share] = []
    first_day = date_at(calendar, from_ms)[2]
    at_ms = from_ms
    while at_ms < to_ms:
        _, next_ms, day = date_at(calendar, at_ms)
        end_ms = min(next_ms, to_ms)
        sums, length_ms = _like_days(lookup, first_day, _rests(measure, day))
        for part, quantity in sums.items():
            out.append(Share(part, quantity * (end_ms - at_ms) // length_ms, at_ms, end_ms))
        at_ms = end_ms
    return out


def _like_days(lookup: _Lookup, before_day: int, rests: bool) -> tuple[dict[int, int], int]:
    """Sums by part, and the length, of the last whole days of a type before a date."""
    if (before_day, rests) in lookup.averages:
        return lookup.averages[before_day, rests]
    sums: dict[int, int] = {}
    length_ms = found = 0
    earliest = max(before_day - LOOK_BACK_DAYS_MAX, lookup.measure.calendar.from_day)
    for day in range(before_day - 1, earliest - 1, -1):
        if found == lookup.rule.days:
            break
        date = lookup.date(day) if _rests(lookup.measure, day) == rests else None
        if date is None:
            continue
        found += 1
        length_ms += date[0]
        for part, quantity in date[1].items():
            sums[part] = sums.get(part, 0) + quantity
    lookup.averages[before_day, rests] = sums, length_ms
    return sums, length_ms


def _rests(measure: Measure, day: int) -> bool:
    name = day_class(measure.calendar, day)
    return name == "holiday" or (name != "makeup" and weekday(day) >= 5)


def _spread(measure: Measure, shares: Iterable[Share]) -> Parts:
    """M9: each share over the windows of its time. Time itself falls on them as it lies there."""
    out: Parts = {}
    for share in shares:
        for quantity, window in Book(measure).spread(share.quantity, share.from_ms, share.to_ms):
            out[share.part, window] = out.get((share.part, window), 0) + quantity
    return out
