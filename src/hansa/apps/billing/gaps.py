"""What a gap counts for under the agreement's gap rule (docs/metering-rules.md, M10, M15, G1–G7). Pure.

`Source` is what the rules need to look up: the contract answers from its tables, a checker from the records.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple, Protocol

from hansa.apps.billing.booking import NO_DIFFERENCE, UNKNOWN, Book, Measure
from hansa.apps.billing.terms import GapRule, GapRuleName
from hansa.apps.consortium.calendars import day_class, local_day, start_of_day, weekday
from hansa.apps.metering.chain import Point, unwrapped
from hansa.apps.metering.messages import Fold
from hansa.kernel.limits import LOOK_BACK_DAYS_MAX
from hansa.kernel.types import Id, Integer, Struct, TimeMs, replace

GapState = Literal["closed", "open"]


class GapLine(Struct):
    """A gap as a statement lists it: what was not known, the rule, and what it counted for."""

    meter: Id
    from_ms: TimeMs
    to_ms: TimeMs
    rule: GapRuleName
    quantity_base: Integer
    """Booked in this period."""
    state: GapState
    """open: no reading had ended it when the period was closed."""
    difference_base: Integer = 0
    """What the counter says was made in the gap; meaningless unless `known`."""
    known: bool = False
    """Whether there is a difference."""


class Gap(NamedTuple):
    """As stored: `difference` is NO_DIFFERENCE where nothing is known of it."""

    from_ms: int
    to_ms: int
    difference: int


class Source(Protocol):
    """Looks up what lies around a gap of one meter."""

    def gaps(self, from_ms: int, to_ms: int) -> Sequence[Gap]:
        """Gaps that overlap from ≤ t < to, in order; of states, unknown stretches of any length."""
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
        """Time of the feed's first good reading; 0 if there is none."""
        ...


class Booked(NamedTuple):
    line: GapLine
    parts: dict[tuple[int, int], int]
    """Base units by (part, window)."""
    listed: bool
    """False for short unknown stretches of states: booked as `unknown`, they are no gaps (M15)."""


def book_gaps(measure: Measure, rule: GapRule, source: Source, from_ms: int, to_ms: int) -> list[Booked]:
    """All unknown stretches of a period, each with what it counts for."""
    gaps = [(gap, gap.to_ms > to_ms) for gap in source.gaps(from_ms, to_ms)]
    fold = source.standing()
    unread = not fold.some or (measure.kind != "state" and fold.at_ms < measure.from_ms)
    if unread:  # M6: before the first reading nothing is metered, whatever the rule.
        rule = replace(rule, rule="zero") if rule.rule != "dispute" else rule
    start_ms = measure.from_ms if unread else _open_from(measure, fold, to_ms)
    if to_ms - start_ms > (0 if measure.kind == "state" else rule.longer_than_ms):
        gaps.append((Gap(max(start_ms, measure.from_ms), to_ms, NO_DIFFERENCE), True))
    return [
        _book(measure, rule, source, gap, from_ms, to_ms, "open" if is_open else "closed")
        for gap, is_open in _merged(measure, gaps)
    ]


def _merged(measure: Measure, gaps: list[tuple[Gap, bool]]) -> list[tuple[Gap, bool]]:
    """M15: unknown stretches of states that touch are one."""
    if measure.kind != "state":
        return gaps
    out: list[tuple[Gap, bool]] = []
    for gap, is_open in gaps:
        if out and out[-1][0].to_ms == gap.from_ms:
            gap = Gap(out.pop()[0].from_ms, gap.to_ms, NO_DIFFERENCE)
        out.append((gap, is_open))
    return out


def _open_from(measure: Measure, fold: Fold, end_ms: int) -> int:
    """M10, M12, M16: from when on nothing is known at the end of the period; `end_ms` if all is."""
    if fold.at_ms >= end_ms:
        return end_ms
    if measure.kind == "amount":
        return fold.at_ms
    if measure.kind == "state":
        return fold.at_ms if measure.reporting == "periodic" or fold.value == UNKNOWN else end_ms
    candidates = [at - 1 for at in (fold.lost_ms, fold.fall_first_ms) if at]
    if not candidates and measure.reporting == "periodic":
        candidates.append(fold.at_ms)
    return min(candidates, default=end_ms)


def _book(
    measure: Measure, rule: GapRule, source: Source, gap: Gap, from_ms: int, to_ms: int, state: GapState
) -> Booked:
    part_from, part_to = max(gap.from_ms, from_ms, measure.from_ms), min(gap.to_ms, to_ms)
    short = measure.kind == "state" and gap.to_ms - gap.from_ms <= rule.longer_than_ms
    parts: dict[tuple[int, int], int] = {}
    if short:
        parts = _time(measure, UNKNOWN, part_from, part_to)
    elif rule.rule == "counter_difference":
        if gap.difference != NO_DIFFERENCE and from_ms <= gap.to_ms - 1 < to_ms:
            parts = _spread(measure, 0, gap.difference, gap.from_ms, gap.to_ms)
    elif rule.rule == "last_rate":
        parts = _last_rate(measure, source, gap, part_from, part_to)
    elif rule.rule == "average_day":
        parts = _average_day(measure, rule, source, part_from, part_to)
    cut = measure.kind == "state" or rule.rule in ("last_rate", "average_day")
    known = gap.difference != NO_DIFFERENCE
    line = GapLine(
        meter=rule.meter,
        from_ms=part_from if cut else gap.from_ms,
        to_ms=part_to if cut else gap.to_ms,
        rule=rule.rule,
        quantity_base=sum(parts.values()),
        state=state,
        difference_base=gap.difference if known else 0,
        known=known,
    )
    return Booked(line, parts, not short)


def _last_rate(
    measure: Measure, source: Source, gap: Gap, from_ms: int, to_ms: int
) -> dict[tuple[int, int], int]:
    """G4: as it went just before."""
    before = list(source.records_before(gap.from_ms + (measure.kind != "state")))
    if measure.kind == "state":
        for point, _, total in before:
            if total != UNKNOWN and point.at_ms < gap.from_ms:
                return _time(measure, total, from_ms, to_ms)
        return {}
    found = _last_normal(measure, source, before, gap.from_ms)
    if found is None:
        return {}
    quantity, length_ms = found
    return _spread(measure, 0, quantity * (to_ms - from_ms) // length_ms, from_ms, to_ms)


def _last_normal(
    measure: Measure, source: Source, before: Sequence[tuple[Point, bool, int]], until_ms: int
) -> tuple[int, int] | None:
    """(quantity, length) of the last normal interval that ends at or before an instant."""
    good = [(point, total) for point, is_good, total in before if is_good]
    if measure.kind == "amount":
        ended = [point for point, _ in good if point.at_ms <= until_ms and point.span_ms > 0]
        return (ended[0].value, ended[0].span_ms) if ended else None
    for (later, later_total), (earlier, earlier_total) in zip(good, good[1:], strict=False):
        if earlier.at_ms == later.at_ms:
            continue
        # A gap that ended with the later reading makes the interval no normal one.
        if not any(gap.to_ms == later.at_ms for gap in source.gaps(earlier.at_ms, later.at_ms)):
            end = unwrapped(later.value, earlier_total, measure.modulus) if later.life else later_total
            return end - earlier_total, later.at_ms - earlier.at_ms
    return None


def _average_day(
    measure: Measure, rule: GapRule, source: Source, from_ms: int, to_ms: int
) -> dict[tuple[int, int], int]:
    """G5: as on the last days of the same type."""
    out: dict[tuple[int, int], int] = {}
    first_day = local_day(measure.calendar, from_ms)
    at_ms = from_ms
    while at_ms < to_ms:
        day = local_day(measure.calendar, at_ms)
        end_ms = min(start_of_day(measure.calendar, day + 1), to_ms)
        if end_ms <= at_ms:  # The clock went back over midnight.
            end_ms = min(start_of_day(measure.calendar, day + 2), to_ms)
        sums, length_ms = _like_days(measure, rule, source, first_day, _rests(measure, day))
        for part, quantity in sums.items():
            if not length_ms:
                continue
            share = quantity * (end_ms - at_ms) // length_ms
            booked = _spread(measure, part, share, at_ms, end_ms)
            for bucket, amount in booked.items():
                out[bucket] = out.get(bucket, 0) + amount
        at_ms = end_ms
    return out


def _like_days(
    measure: Measure, rule: GapRule, source: Source, before_day: int, rests: bool
) -> tuple[dict[int, int], int]:
    """Sums by part, and the length, of the last whole days of a type before a date."""
    sums: dict[int, int] = {}
    length_ms = found = 0
    first_ms = source.first_ms()
    for day in range(before_day - 1, before_day - 1 - LOOK_BACK_DAYS_MAX, -1):
        if found == rule.days or day < measure.calendar.from_day:
            break
        if _rests(measure, day) != rests:
            continue
        start_ms, end_ms = start_of_day(measure.calendar, day), start_of_day(measure.calendar, day + 1)
        if not first_ms or start_ms < max(first_ms, measure.from_ms) or source.gaps(start_ms, end_ms):
            continue
        found += 1
        length_ms += end_ms - start_ms
        for part, quantity in source.day(day).items():
            sums[part] = sums.get(part, 0) + quantity
    return sums, length_ms


def _rests(measure: Measure, day: int) -> bool:
    name = day_class(measure.calendar, day)
    return name == "holiday" or (name != "makeup" and weekday(day) >= 5)


def _time(measure: Measure, state: int, from_ms: int, to_ms: int) -> dict[tuple[int, int], int]:
    pieces, _ = measure.scheme.split(from_ms, to_ms)
    out: dict[tuple[int, int], int] = {}
    for window, start_ms, end_ms in pieces:
        out[state, window] = out.get((state, window), 0) + end_ms - start_ms
    return out


def _spread(
    measure: Measure, part: int, quantity: int, from_ms: int, to_ms: int
) -> dict[tuple[int, int], int]:
    out: dict[tuple[int, int], int] = {}
    for share, window in Book(measure).spread(quantity, from_ms, to_ms):
        out[part, window] = out.get((part, window), 0) + share
    return out
