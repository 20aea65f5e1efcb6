"""How the records of a feed are read, in order of (time, generation, sequence). Pure.

Contract and checker read by the same lines. The rules are those of docs/metering-rules.md (M3–M7, M11–M13);
their numbers stand beside the code.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from hansa.apps.metering import errors
from hansa.apps.metering.messages import FallStatus, FeedKind, Fold, Life, Reporting
from hansa.kernel.types import replace


class Point(NamedTuple):
    """A record with its key; tuples compare in reading order, since (at, generation, sequence) is unique."""

    at_ms: int
    generation: int
    sequence: int
    value: int = 0
    span_ms: int = 0
    lost: bool = False
    life: bool = False
    """A declared end of one life, at `value`, and begin of the next, at `start_value`."""
    start_value: int = 0


def life_point(at_ms: int, life: Life) -> Point:
    """What a declared reset or replacement stands for (M5). Numbers 0, 0: before all readings of its
    instant.
    """
    return Point(at_ms, 0, 0, life.final_value, life=True, start_value=life.start_value)


class Interval(NamedTuple):
    """What two successive readings say of the time between them, [from_ms, to_ms)."""

    from_ms: int
    to_ms: int
    quantity: int | None
    """Base units; of a state its index. None: nothing is known of it (a hole between amounts)."""
    unknown_from_ms: int
    """Start of the unknown stretch up to to_ms (M7); equal to to_ms where all is known."""


class LowRun(NamedTuple):
    """Low readings of a counter, one after the other (M4)."""

    first_ms: int
    last_ms: int
    readings: int
    value: int
    good_value: int
    status: FallStatus
    generation: int
    """Of the first of them; its sequence follows."""
    sequence: int


class Step(NamedTuple):
    fold: Fold
    intervals: tuple[Interval, ...] = ()
    run: LowRun | None = None
    """Low readings whose fate this record decided."""
    good: bool = False
    total: int = 0
    final_too_low: bool = False
    """Of a declared life: a reading before it shows more than its final value."""


class Reader(NamedTuple):
    """What of a feed's declaration the reading of its records depends on."""

    kind: FeedKind
    reporting: Reporting
    modulus: int = 0

    def step(self, fold: Fold, point: Point) -> Step:
        """Read the next record. Raises Overlap (M11)."""
        if self.kind == "counter":
            return _counter(self, fold, point)
        if self.kind == "amount":
            return _amount(fold, point)
        return _state(fold, point)


class Reading(NamedTuple):
    """Result of reading records from a fold on."""

    fold: Fold
    intervals: list[Interval]
    runs: list[LowRun]


def read(reader: Reader, points: Iterable[Point], fold: Fold | None = None) -> Reading:
    """All intervals and decided low runs of records given in order."""
    fold = fold or Fold()
    intervals: list[Interval] = []
    runs: list[LowRun] = []
    for point in points:
        step = reader.step(fold, point)
        fold = step.fold
        intervals += step.intervals
        if step.run is not None:
            runs.append(step.run)
    return Reading(fold, intervals, runs)


def between(
    reader: Reader,
    before: Iterable[tuple[Point, bool, int]],
    after: Callable[[Point | None], Iterable[Point]],
    to_ms: int,
) -> list[Interval]:
    """Intervals from the last good record before an instant on, until one reaches up to `to_ms`.

    `before`: (record, good, total) up to that instant, the latest first, as far as one looks. `after`: what
    follows a record in order; None asks for what follows the instant.
    """
    base = next(((point, total) for point, good, total in before if good), None)
    fold = after_good(base[0].at_ms, base[1]) if base else Fold()
    intervals: list[Interval] = []
    for point in after(base[0] if base else None):
        step = reader.step(fold, point)
        fold = step.fold
        intervals += step.intervals
        if fold.some and fold.at_ms >= to_ms:
            break
    return intervals


def after_good(point_at_ms: int, total: int) -> Fold:
    """The fold right after a good reading, or after a state or amount."""
    return Fold(at_ms=point_at_ms, value=total, some=True)


def pending(fold: Fold) -> LowRun | None:
    """Low readings whose fate is open."""
    return _run(fold, "pending") if fold.fall_first_ms else None


def _counter(reader: Reader, fold: Fold, point: Point) -> Step:
    if point.life:
        return _new_life(reader, fold, point)
    if point.lost:  # M2, M7: the first loss counts.
        lost = fold if fold.lost_ms or not fold.some else replace(fold, lost_ms=point.at_ms + 1)
        return Step(lost)
    if not fold.some:  # M6: what lies before the first good reading is not metered.
        return Step(after_good(point.at_ms, point.value), good=True, total=point.value)
    total = unwrapped(point.value, fold.value, reader.modulus)
    if total < fold.value:
        return Step(_lower(fold, point))
    interval = _between(reader, fold, point.at_ms, total - fold.value)
    run = _run(fold, "false_reading") if fold.fall_first_ms else None
    return Step(after_good(point.at_ms, total), (interval,), run, True, total)


def _new_life(reader: Reader, fold: Fold, point: Point) -> Step:
    """M5: the old life ends at its final value, the new one begins; nothing lies between them."""
    begun = after_good(point.at_ms, point.start_value)
    if not fold.some:
        return Step(begun, good=True, total=point.start_value)
    final = unwrapped(point.value, fold.value, reader.modulus)
    # A reading that came late may show more than was declared: then that reading ends the old life.
    interval = _between(reader, fold, point.at_ms, max(final - fold.value, 0))
    run = _run(fold, "reset") if fold.fall_first_ms else None
    return Step(begun, (interval,), run, True, point.start_value, final < fold.value)


def unwrapped(value: int, good: int, modulus: int) -> int:
    """M3: below the last good value, a counter with a modulus may have wrapped; then it stands for a
    higher number.
    """
    if modulus == 0 or value >= good:
        return value
    forward = (value - good) % modulus
    return good + forward if 2 * forward < modulus else value


def _between(reader: Reader, fold: Fold, to_ms: int, quantity: int) -> Interval:
    if fold.lost_ms:
        unknown = fold.lost_ms - 1
    else:
        unknown = fold.at_ms if reader.reporting == "periodic" else to_ms
    return Interval(fold.at_ms, to_ms, quantity, unknown)


def _lower(fold: Fold, point: Point) -> Fold:
    if fold.fall_first_ms:
        return replace(fold, fall_last_ms=point.at_ms, fall_count=fold.fall_count + 1)
    return replace(
        fold,
        fall_first_ms=point.at_ms + 1,
        fall_last_ms=point.at_ms,
        fall_count=1,
        fall_value=point.value,
        fall_generation=point.generation,
        fall_sequence=point.sequence,
    )


def _run(fold: Fold, status: FallStatus) -> LowRun:
    return LowRun(
        fold.fall_first_ms - 1,
        fold.fall_last_ms,
        fold.fall_count,
        fold.fall_value,
        fold.value,
        status,
        fold.fall_generation,
        fold.fall_sequence,
    )


def _amount(fold: Fold, point: Point) -> Step:
    if point.lost:  # M12: the hole in the records says it already.
        return Step(fold)
    start = point.at_ms - point.span_ms
    if fold.some and start < fold.at_ms:
        raise errors.Overlap(at_ms=point.at_ms)
    own = Interval(start, point.at_ms, point.value, point.at_ms)
    hole: tuple[Interval, ...] = ()
    if fold.some and start > fold.at_ms:
        hole = (Interval(fold.at_ms, start, None, fold.at_ms),)
    return Step(after_good(point.at_ms, point.value), (*hole, own), good=True, total=point.value)


def _state(fold: Fold, point: Point) -> Step:
    state = 0 if point.lost else point.value
    lasted: tuple[Interval, ...] = ()
    if fold.some and point.at_ms > fold.at_ms:  # M13: of several at one time the last counts.
        lasted = (Interval(fold.at_ms, point.at_ms, fold.value, point.at_ms),)
    return Step(after_good(point.at_ms, state), lasted, good=True, total=state)
