"""A feed's readings as a person looks at them: a curve, bands of states, low readings, lives."""

from dataclasses import dataclass

from hansa.apps.metering.chain import Point, Reader, life_point
from hansa.apps.metering.messages import DeclareReset, Fold, Life, ReplaceDevice
from hansa.edge.gateway import feed_name
from hansa.edge.log_model import FeedLog
from hansa.simulation.leasing import Play


@dataclass(frozen=True)
class LifeAt:
    at_ms: int
    final_value: int
    start_value: int
    replaced: bool


@dataclass(frozen=True)
class Signal:
    """`series`: (time, value or None where the signal breaks), good readings only. `made`: what was counted
    in all.
    """

    series: tuple[tuple[int, int | None], ...]
    low: tuple[tuple[int, int], ...]
    lives: tuple[LifeAt, ...]
    bands: tuple[tuple[int, int, int], ...]
    state_ms: tuple[int, ...]
    made: int


def signal_of(play: Play, feed: FeedLog) -> Signal:
    """All readings of a feed, read by the ledger's own rules."""
    lives = _lives(play, feed)
    points = sorted([*_points(play, feed), *(_life_point(life) for life in lives)])
    kind = "amount" if feed.spec.kind == "power" else feed.spec.kind
    reader = Reader(kind, feed.spec.reporting, feed.spec.modulus_base)
    fold = Fold()
    series: list[tuple[int, int | None]] = []
    low: list[tuple[int, int]] = []
    bands: list[tuple[int, int, int]] = []
    made = 0
    for point in points:
        step = reader.step(fold, point)
        for interval in step.intervals:
            if kind == "state":
                bands.append((interval.from_ms, interval.to_ms, interval.quantity or 0))
            else:
                made += interval.quantity or 0
        if kind == "state":
            pass  # Shown as bands.
        elif point.lost:
            series.append((point.at_ms, None))
        elif point.life:
            series += [(point.at_ms, point.value), (point.at_ms, None), (point.at_ms, point.start_value)]
        elif step.good:
            series.append((point.at_ms, point.value))
        else:
            low.append((point.at_ms, point.value))
        fold = step.fold
    state_ms = [0] * len(feed.states) if kind == "state" else []
    for from_ms, to_ms, state in bands:
        state_ms[state] += to_ms - from_ms
    joined = _joined(bands)
    return Signal(tuple(series), tuple(low), tuple(lives), tuple(joined), tuple(state_ms), made)


def _points(play: Play, feed: FeedLog) -> list[Point]:
    overlapping = set(feed.overlaps)
    return [
        Point(at_ms, 1, number + 1, feed.value[number], feed.span_ms[number], bool(feed.lost[number]))
        for number, at_ms in enumerate(feed.at_ms)
        if number not in overlapping
    ]


def _lives(play: Play, feed: FeedLog) -> list[LifeAt]:
    name = feed_name(play.log.device, feed.spec)
    out = []
    for occurrence in play.occurrences:
        action = occurrence.action
        if isinstance(action, DeclareReset) and action.feed == name:
            out.append(LifeAt(action.at_ms, action.final_value, action.start_value, False))
        elif isinstance(action, ReplaceDevice):
            out += [
                LifeAt(action.at_ms, counter.final_value, counter.start_value, True)
                for counter in action.counters
                if counter.feed == name
            ]
    return out


def _life_point(life: LifeAt) -> Point:
    return life_point(
        life.at_ms, Life(final_value=life.final_value, start_value=life.start_value, generation=1)
    )


def _joined(bands: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Neighbouring bands of one state are one."""
    out: list[tuple[int, int, int]] = []
    for from_ms, to_ms, state in bands:
        if out and out[-1][2] == state and out[-1][1] == from_ms:
            out[-1] = (out[-1][0], to_ms, state)
        else:
            out.append((from_ms, to_ms, state))
    return out
