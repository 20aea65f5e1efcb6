"""What other rooms may ask of this one, and what it tells them."""

from collections.abc import Iterator
from dataclasses import dataclass

from hansa.apps.metering import errors
from hansa.apps.metering.chain import Interval, LowRun, Point, Reader, between, pending
from hansa.apps.metering.messages import CounterRecord, Fall, Feed, Fold, Head
from hansa.apps.metering.tables import FALLS, FEEDS, HEADS, RECORDS
from hansa.kernel import Context, Signal, limits


@dataclass(frozen=True)
class IntervalsChanged(Signal):
    """The records of a feed now say something else: these intervals are gone, those are there.

    Sums over intervals commute, so listeners may add and subtract in any order.
    """

    owner: str
    feed: str
    declaration: Feed
    removed: tuple[Interval, ...]
    added: tuple[Interval, ...]
    from_ms: int
    """First instant that the new records speak of."""
    before: Fold
    """How far the feed had been read just before the first of them."""


def feed(ctx: Context, owner: str, name: str) -> Feed:
    """A registered feed. Raises FeedUnknown."""
    found = FEEDS.get(ctx, (owner, name))
    if found is None:
        raise errors.FeedUnknown(owner=owner, feed=name)
    return found


def reader(declaration: Feed) -> Reader:
    return Reader(declaration.kind, declaration.reporting, declaration.modulus)


def head(ctx: Context, owner: str, name: str) -> Head | None:
    """Where the feed stands; None before its first record."""
    return HEADS.get(ctx, (owner, name))


def point(key: tuple[str | int, ...], record: CounterRecord) -> Point:
    """A stored record as its reading order sees it."""
    return Point(
        int(key[2]),
        int(key[3]),
        int(key[4]),
        record.value,
        record.span_ms,
        record.lost,
        record.life,
        record.start_value,
    )


def records_before(ctx: Context, owner: str, name: str, before_ms: int) -> Iterator[tuple[Point, bool, int]]:
    """(record, good, total) of the last records strictly before an instant, the latest first; few only."""
    rows = RECORDS.scan(
        ctx,
        (owner, name),
        end=(owner, name, before_ms),
        limit=limits.LOOK_BACK_POINTS_MAX,
        reverse=True,
    )
    for key, record in rows:
        yield point(key, record), record.good, record.total


def intervals(ctx: Context, owner: str, name: str, from_ms: int, to_ms: int, limit: int) -> list[Interval]:
    """What the records say of from ≤ t < to: the intervals that touch it, in order, out of the first `limit`
    records after the last good one up to from_ms.

    The first intervals and the last may reach beyond. Raises FeedUnknown.
    """
    read = reader(feed(ctx, owner, name))

    def after(at: Point | None) -> Iterator[Point]:
        start = (owner, name, from_ms + 1) if at is None else (owner, name, *at[:2], at[2] + 1)
        for key, record in RECORDS.scan(ctx, (owner, name), start=start, limit=limit):
            yield point(key, record)

    return between(read, records_before(ctx, owner, name, from_ms + 1), after, to_ms)


def records_within(ctx: Context, owner: str, name: str, from_ms: int, to_ms: int, limit: int) -> int:
    """How many records of a feed say something of from ≤ t < to; `limit` where there are as many or more."""
    of = (owner, name)
    return sum(1 for _ in RECORDS.scan(ctx, of, start=(*of, from_ms), end=(*of, to_ms), limit=limit))


def low_run(key: tuple[str | int, ...], fall: Fall) -> LowRun:
    """Stored low readings as the reading of records gives them."""
    return LowRun(
        int(key[2]),
        fall.last_ms,
        fall.count,
        fall.value,
        fall.good_value,
        fall.status,
        int(key[3]),
        int(key[4]),
    )


def falls(ctx: Context, owner: str, name: str, from_ms: int, to_ms: int, limit: int) -> list[LowRun]:
    """Runs of low readings of a counter that touch [from, to), and what became of them, the pending one last.

    At most `limit`. A run reaches from its first low reading to its last.
    """
    of = (owner, name)
    earlier = FALLS.scan(ctx, of, end=(*of, from_ms), limit=1, reverse=True)
    rows = [(key, fall) for key, fall in earlier if fall.last_ms >= from_ms]
    rows += FALLS.scan(ctx, of, start=(*of, from_ms), end=(*of, to_ms), limit=limit)
    out = [low_run(key, fall) for key, fall in rows]
    standing = head(ctx, owner, name)
    run = None if standing is None else pending(standing.fold)
    if run is not None and run.first_ms < to_ms and run.last_ms >= from_ms:
        out.append(run)
    return out[:limit]
