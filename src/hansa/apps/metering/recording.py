"""How records join a feed: in order at its head in constant time, late ones by reading their
neighbourhood anew.
"""

from collections.abc import Sequence
from itertools import chain as joined
from typing import NamedTuple

from hansa.apps.metering import errors
from hansa.apps.metering.chain import Interval, LowRun, Point, Reader, Step, after_good
from hansa.apps.metering.interface import IntervalsChanged, point, reader
from hansa.apps.metering.messages import CounterRecord, Fall, Feed, Fold, Head
from hansa.apps.metering.tables import FALLS, HEADS, RECORDS
from hansa.kernel import Context, limits, replace

New = tuple[Point, CounterRecord]


def join(ctx: Context, owner: str, name: str, feed: Feed, new: Sequence[New]) -> None:
    """Add records that are not yet there, given in reading order, and tell the listeners what changed."""
    if not new:
        return
    head = HEADS.get(ctx, (owner, name))
    if head is None or new[0][0][:3] > (head.at_ms, head.generation, head.sequence):
        changed = _append(ctx, owner, name, reader(feed), head, new)
    else:
        changed = _insert(ctx, owner, name, reader(feed), head, new)
    from_ms = min(at.at_ms - at.span_ms for at, _ in new)
    removed, added = _without_common(changed.removed, changed.added)
    ctx.signal(IntervalsChanged(owner, name, feed, removed, added, from_ms, changed.before))


class _Changed(NamedTuple):
    removed: list[Interval]
    added: list[Interval]
    before: Fold
    """The fold just before the first new record."""


def _append(
    ctx: Context, owner: str, name: str, read: Reader, head: Head | None, new: Sequence[New]
) -> _Changed:
    before = fold = head.fold if head else Fold()
    first_ms = head.first_ms if head else 0
    intervals: list[Interval] = []
    for at, record in new:
        step = _arrive(read, fold, at)
        if step.good and not fold.some:
            first_ms = at.at_ms - at.span_ms
        fold = step.fold
        intervals += step.intervals
        if step.run is not None:
            _keep_run(ctx, owner, name, step.run)
        _keep(ctx, owner, name, at, record, step)
    _keep_head(ctx, owner, name, new[-1][0], fold, first_ms, (head.records if head else 0) + len(new))
    return _Changed([], intervals, before)


def _insert(ctx: Context, owner: str, name: str, read: Reader, head: Head, new: Sequence[New]) -> _Changed:
    """Read on from the last good record before the first new one, with and without the new ones, until
    both agree.
    """
    base, fold_base = _last_good(ctx, owner, name, new[0][0])
    before = old_fold = new_fold = fold_base
    removed: list[Interval] = []
    added: list[Interval] = []
    old_runs: list[LowRun] = []
    new_runs: list[LowRun] = []
    waiting = list(reversed(new))
    known = RECORDS.scan(
        ctx,
        (owner, name),
        start=(owner, name) if base is None else (owner, name, *base[:2], base[2] + 1),
        limit=limits.REFOLD_MAX + 1,
    )
    last = new[-1][0]
    in_step = False
    for seen, (key, record) in enumerate(joined(known, [((), CounterRecord())])):
        at = point(key, record) if key else None
        while waiting and (at is None or waiting[-1][0] < at):
            arrived, content = waiting.pop()
            if len(waiting) + 1 == len(new):
                before = new_fold
            step = _arrive(read, new_fold, arrived)
            new_fold = _take(step, added, new_runs)
            _keep(ctx, owner, name, arrived, content, step)
        if at is None:
            break
        if seen == limits.REFOLD_MAX:
            raise errors.TooDisruptive(limit=limits.REFOLD_MAX)
        without, after = read.step(old_fold, at), read.step(new_fold, at)
        old_fold = _take(without, removed, old_runs)
        new_fold = _take(after, added, new_runs)
        last = max(last, at)
        if (after.good, after.total) != (record.good, record.total):
            _keep(ctx, owner, name, at, record, after)
        in_step = not waiting and after.good and old_fold == new_fold
        if in_step:
            break
    _keep_runs(ctx, owner, name, old_runs, new_runs)
    first = head.first_ms if base is not None else _first_good(ctx, owner, name)
    # In step before the end, what follows stands as it was read; else all was read to the end.
    fold, newest = (head.fold, _at_head(head)) if in_step else (new_fold, last)
    _keep_head(ctx, owner, name, newest, fold, first, head.records + len(new))
    return _Changed(removed, added, before)


def _arrive(read: Reader, fold: Fold, at: Point) -> Step:
    """Read a record that is new. Raises Overlap (M11), FinalTooLow (M5)."""
    step = read.step(fold, at)
    if step.final_too_low:
        raise errors.FinalTooLow(final_value=at.value, good_value=fold.value)
    return step


def _last_good(ctx: Context, owner: str, name: str, before: Point) -> tuple[Point | None, Fold]:
    """The last good record before a point, and the fold right after it; from the feed's beginning if
    there is none.
    """
    rows = RECORDS.scan(
        ctx, (owner, name), end=(owner, name, *before[:3]), limit=limits.REFOLD_MAX, reverse=True
    )
    for count, (key, record) in enumerate(rows, 1):
        if record.good:
            at = point(key, record)
            return at, after_good(at.at_ms, record.total)
        if count == limits.REFOLD_MAX:
            raise errors.TooDisruptive(limit=limits.REFOLD_MAX)
    return None, Fold()


def _at_head(head: Head) -> Point:
    return Point(head.at_ms, head.generation, head.sequence)


def _first_good(ctx: Context, owner: str, name: str) -> int:
    for key, record in RECORDS.scan(ctx, (owner, name), limit=limits.REFOLD_MAX):
        if record.good:
            return int(key[2]) - record.span_ms
    return 0


def _take(step: Step, intervals: list[Interval], runs: list[LowRun]) -> Fold:
    intervals += step.intervals
    if step.run is not None:
        runs.append(step.run)
    return step.fold


def _keep(ctx: Context, owner: str, name: str, at: Point, record: CounterRecord, step: Step) -> None:
    RECORDS.put(ctx, (owner, name, *at[:3]), replace(record, good=step.good, total=step.total))


def _keep_head(
    ctx: Context, owner: str, name: str, newest: Point, fold: Fold, first_ms: int, records: int
) -> None:
    HEADS.put(
        ctx,
        (owner, name),
        Head(
            at_ms=newest.at_ms,
            generation=newest.generation,
            sequence=newest.sequence,
            fold=fold,
            first_ms=first_ms,
            records=records,
        ),
    )


def _keep_run(ctx: Context, owner: str, name: str, run: LowRun) -> None:
    FALLS.put(
        ctx,
        (owner, name, run.first_ms, run.generation, run.sequence),
        Fall(
            last_ms=run.last_ms,
            count=run.readings,
            value=run.value,
            good_value=run.good_value,
            status=run.status,
        ),
    )


def _keep_runs(ctx: Context, owner: str, name: str, old: Sequence[LowRun], new: Sequence[LowRun]) -> None:
    for run in old:
        if run not in new:
            FALLS.delete(ctx, (owner, name, run.first_ms, run.generation, run.sequence))
    for run in new:
        if run not in old:
            _keep_run(ctx, owner, name, run)


def _without_common(
    removed: list[Interval], added: list[Interval]
) -> tuple[tuple[Interval, ...], tuple[Interval, ...]]:
    counts: dict[Interval, int] = {}
    for interval in removed:
        counts[interval] = counts.get(interval, 0) + 1
    new = []
    for interval in added:
        if counts.get(interval, 0):
            counts[interval] -= 1
        else:
            new.append(interval)
    return tuple(interval for interval, count in counts.items() for _ in range(count)), tuple(new)
