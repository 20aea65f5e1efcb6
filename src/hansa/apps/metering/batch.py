"""Reading a batch of counter records out of its packed form: pure checks, before any other work."""

from itertools import pairwise

from hansa.apps.metering import errors
from hansa.apps.metering.chain import Point
from hansa.apps.metering.messages import Counters, Feed, RecordCounters
from hansa.kernel import limits, unpack


def decoded(a: RecordCounters, feed: Feed) -> tuple[list[Point], tuple[int, ...]]:
    """The records as points, and each one's index in the anchored batch. Raises BatchShape or ValueUnfit."""
    points = points_of(a.counters)
    readings = unpack(a.index)
    _shape(len(readings) == len(points), "索引个数与记录个数不同", "there are not as many indices as records")
    _shape(min(readings) >= 0, "索引不能为负", "an index is negative")
    amounts = feed.kind == "amount"
    for point in points:
        _shape(point.at_ms >= 0, "时间不能为负", "a time is negative")
        # An amount has a span, all else has none; and what is lost has neither value nor span.
        spanned = point.span_ms > 0 if amounts and not point.lost else point.span_ms == 0
        _shape(spanned and point.span_ms <= max(point.at_ms, 0), "时段长度有误", "a span does not fit")
        _check_value(feed, point)
    return points, readings


def points_of(counters: Counters) -> list[Point]:
    """The records of a batch in the order they were packed. Raises BatchShape."""
    at_ms, values, lost = unpack(counters.at_ms), unpack(counters.value), unpack(counters.lost)
    spans = unpack(counters.span_ms) or (0,) * len(at_ms)
    count = len(at_ms)
    _shape(
        1 <= count <= limits.RECORDS_PER_BATCH_MAX,
        f"每批 1 至 {limits.RECORDS_PER_BATCH_MAX} 条",
        f"a batch holds 1 to {limits.RECORDS_PER_BATCH_MAX} records",
    )
    _shape(count == len(values) == len(spans), "各列长度不同", "its vectors differ in length")
    rising = all(a < b for a, b in pairwise(lost))
    within = not lost or (lost[0] >= 0 and lost[-1] < count)
    _shape(rising and within, "失联位置须递增且不越界", "positions of lost signal must rise and exist")
    missing = dict.fromkeys(lost)
    return [
        Point(at, counters.generation, counters.first_sequence + k, values[k], spans[k], k in missing)
        for k, at in enumerate(at_ms)
    ]


def _check_value(feed: Feed, point: Point) -> None:
    if point.lost:
        fits = point.value == 0
    elif feed.kind == "state":
        fits = 0 <= point.value < len(feed.states)
    else:
        fits = point.value >= 0 and (feed.modulus == 0 or point.value < feed.modulus)
    if not fits:
        raise errors.ValueUnfit(value=point.value)


def _shape(holds: bool, problem_zh: str, problem_en: str) -> None:
    if not holds:
        raise errors.BatchShape(problem_zh=problem_zh, problem_en=problem_en)
