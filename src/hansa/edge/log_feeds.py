"""Raw readings of one feed → readings in time order, each time once, in the base unit; and what to record.

Rules, in this order:
1. Rows with a misdated time are left out.
2. Order is by time in full precision; equal times stay in file order (files by name).
3. Same time, same value: a duplicate, kept once. Same time, other value: a contradiction; **the last in file
   order stands**, and both places are listed. Times that differ below 1 ms share a ms: the later stands.
4. When the availability item is lost, every feed that is not lost already gets a lost mark at that time; a
   reading of that very time is lost with it. (An amount that ends then stands: it speaks of the time before.)
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from operator import lt

from hansa.edge import log_limits as limits
from hansa.edge.log_intake import Intake, Track
from hansa.edge.log_model import Contradiction, FeedLog
from hansa.edge.log_time import resolve_folds
from hansa.edge.log_units import duration_ms
from hansa.edge.log_values import LOST
from hansa.edge.mapping import FeedSpec, LogFormat

_MW_MS_PER_WH = 1000 * 3_600_000


@dataclass(slots=True)
class Readings:
    """Readings in the making, parallel lists; `value` is LOST where there is no signal."""

    at_ms: list[int] = field(default_factory=list)
    value: list[int] = field(default_factory=list)
    file: list[int] = field(default_factory=list)
    line: list[int] = field(default_factory=list)

    def add(self, at_ms: int, value: int, file: int, line: int) -> None:
        self.at_ms.append(at_ms)
        self.value.append(value)
        self.file.append(file)
        self.line.append(line)


@dataclass(slots=True)
class _Doubles:
    duplicates: int = 0
    overtaken: int = 0
    contradictions: list[Contradiction] = field(default_factory=list)
    count: int = 0


def feed_log(
    intake: Intake, track: Track, log: LogFormat, window: tuple[int, int], losses: Readings
) -> FeedLog:
    """The finished feed. `window`: first and last ms that are not misdated. `losses`: when the device was
    lost.
    """
    spec = track.spec
    doubles = _Doubles()
    readings = _in_order(intake, track, log, window, doubles)
    _move_to_interval(readings, spec, log)
    readings = _with_losses(readings, losses, amounts=spec.kind == "amount")
    if spec.kind == "power":
        readings, spans = integrated(readings, spec)
    else:
        spans = _spans(readings, spec)
    falls = _falls(readings.value, spec) if spec.kind == "counter" else []
    return FeedLog(
        spec=spec,
        base_unit=spec.base_unit,
        wired=_wired(readings.value, spec),
        at_ms=readings.at_ms,
        span_ms=spans,
        value=[max(value, 0) for value in readings.value],
        lost=bytearray(value == LOST for value in readings.value),
        file=readings.file,
        line=readings.line,
        states=tuple(track.states.names) if track.states else (),
        record=_recorded(readings, spec, falls),
        falls=falls,
        overlaps=_overlaps(readings.at_ms, spans),
        duplicates=doubles.duplicates,
        contradictions=doubles.contradictions,
        contradiction_count=doubles.count,
        overtaken=doubles.overtaken,
    )


def loss_marks(intake: Intake, log: LogFormat, window: tuple[int, int]) -> Readings:
    """The times at which the device was without signal, by its availability item; in order."""
    if intake.available is None:
        return Readings()
    marks = _in_order(intake, intake.available, log, window, _Doubles())
    lost = Readings()
    for at, value, file, line in zip(marks.at_ms, marks.value, marks.file, marks.line, strict=True):
        if value == LOST:
            lost.add(at, value, file, line)
    return lost


def _in_order(
    intake: Intake, track: Track, log: LogFormat, window: tuple[int, int], doubles: _Doubles
) -> Readings:
    rows, values = track.row, track.value
    row_ns = intake.row_ns
    at_ns = [row_ns[row] for row in rows]
    if intake.time.folds:
        files = [intake.file_of(row) for row in rows]
        resolve_folds(at_ns, files, intake.time.folds, log.fold, repeats_step=track.spec.kind == "amount")
    low, high = window[0] * limits.NS_PER_MS, (window[1] + 1) * limits.NS_PER_MS
    order: list[int] = [i for i, at in enumerate(at_ns) if low <= at < high]
    if any(at_ns[a] > at_ns[b] for a, b in pairwise(order)):
        order.sort(key=at_ns.__getitem__)
    starts, lines = intake.file_start, intake.row_line
    at_ms = [at_ns[i] // limits.NS_PER_MS for i in order]
    if all(map(lt, at_ms, at_ms[1:])):  # the common case: nothing stands twice
        places = [bisect_right(starts, rows[i]) - 1 for i in order]
        return Readings(at_ms, [values[i] for i in order], places, [lines[rows[i]] for i in order])
    readings = Readings()
    last_ns, last_ms = -(10**30), -(10**30)
    for i, now_ms in zip(order, at_ms, strict=True):
        value, place = values[i], (bisect_right(starts, rows[i]) - 1, lines[rows[i]])
        if now_ms != last_ms:
            readings.add(now_ms, value, *place)
        elif value == readings.value[-1]:
            doubles.duplicates += 1
        else:
            _note_double(doubles, readings, value, place, same=at_ns[i] == last_ns)
        last_ns, last_ms = at_ns[i], now_ms
    return readings


def _note_double(
    doubles: _Doubles, readings: Readings, value: int, place: tuple[int, int], *, same: bool
) -> None:
    if same:
        doubles.count += 1
        if doubles.count <= limits.CONTRADICTIONS_LISTED_MAX:
            before = (readings.at_ms[-1], readings.value[-1], readings.file[-1], readings.line[-1])
            doubles.contradictions.append(Contradiction(*before, value, *place))
    else:
        doubles.overtaken += 1
    readings.value[-1] = value
    readings.file[-1], readings.line[-1] = place


def _with_losses(readings: Readings, losses: Readings, *, amounts: bool) -> Readings:
    """Lost marks of the device, put among the readings of a feed (rule 4)."""
    if not losses.at_ms:
        return readings
    merged = Readings()
    marks = zip(losses.at_ms, losses.file, losses.line, strict=True)
    mark = next(marks, None)
    for at, value, file, line in _each(readings):
        while mark is not None and mark[0] < at:
            if merged.value and merged.value[-1] != LOST:
                merged.add(mark[0], LOST, mark[1], mark[2])
            mark = next(marks, None)
        if mark is not None and mark[0] == at:
            value = value if amounts else LOST
            mark = next(marks, None)
        merged.add(at, value, file, line)
    if mark is not None and merged.value and merged.value[-1] != LOST:
        merged.add(mark[0], LOST, mark[1], mark[2])
    return merged


def _each(readings: Readings) -> Iterator[tuple[int, int, int, int]]:
    return zip(readings.at_ms, readings.value, readings.file, readings.line, strict=True)


def _move_to_interval(readings: Readings, spec: FeedSpec, log: LogFormat) -> None:
    """Amounts are placed at the end, and states that speak of an interval at the start, of theirs."""
    shift = 0
    if spec.kind == "amount" and log.stamp == "start":
        shift = spec.interval_ms
    elif spec.kind == "state" and log.stamp == "end":
        shift = -spec.interval_ms
    if shift:
        readings.at_ms[:] = [at + shift for at in readings.at_ms]


def _spans(readings: Readings, spec: FeedSpec) -> list[int]:
    """Length of each amount's interval. `since_last` reaches back to the reading before, lost or not; the
    first amount of such a feed has no interval."""
    if spec.kind != "amount":
        return [0] * len(readings.at_ms)
    if spec.interval != "since_last":
        return [spec.interval_ms] * len(readings.at_ms)
    steps = (after - before for before, after in pairwise(readings.at_ms))
    return [0, *steps][: len(readings.at_ms)]


def _overlaps(at_ms: list[int], span_ms: list[int]) -> list[int]:
    return [i for i in range(1, len(at_ms)) if span_ms[i] and at_ms[i] - span_ms[i] < at_ms[i - 1]]


def integrated(power: Readings, spec: FeedSpec) -> tuple[Readings, list[int]]:
    """Power (mW) → energy (Wh) by steps: a reading holds until the next one, at most `hold_max`.

    Energy is cut at the whole multiples of the feed's `interval` (15 min where none is given), counted from
    the epoch, and where the power was not known. Each piece is floored by itself, so that a late reading
    changes no piece but its own. Where the power ceases to be known a lost mark follows, 1 ms after the
    piece that ends there. Returns the energies, each at its end, and their lengths in ms.
    """
    grid = spec.interval_ms or limits.POWER_INTERVAL_MS
    energy, spans = Readings(), list[int]()
    start = end = sum_mw_ms = 0
    place = (0, 0)

    def close() -> None:
        nonlocal start, sum_mw_ms
        if end > start:
            energy.add(end, sum_mw_ms // _MW_MS_PER_WH, *place)
            spans.append(end - start)
        start, sum_mw_ms = end, 0

    def lose(at: int) -> None:
        close()
        if not energy.value or energy.value[-1] != LOST:
            energy.add(at + (1 if energy.at_ms and energy.at_ms[-1] == at else 0), LOST, *place)
            spans.append(0)

    hold_max_ms = spec.hold_max_ms
    followed_by = [*power.at_ms[1:], *power.at_ms[-1:]]
    for (at, mw, file, line), following in zip(_each(power), followed_by, strict=True):
        if at != end:
            close()
            start = end = at
        place = (file, line)
        if mw == LOST:
            lose(at)
            continue
        stop = min(following, at + hold_max_ms)
        while end < stop:
            cut = min(stop, (end // grid + 1) * grid)
            sum_mw_ms += mw * (cut - end)
            end = cut
            if end % grid == 0:
                close()
        if stop < following:
            lose(stop)
    close()
    return energy, spans


def _falls(values: list[int], spec: FeedSpec) -> list[int]:
    modulus = spec.modulus_base
    found = []
    last = LOST
    for index, value in enumerate(values):
        if value == LOST:
            continue
        # A wrap is a fall that, counted on past the modulus, is a small step forward.
        if value < last and not (modulus and (value - last) % modulus * 2 < modulus):
            found.append(index)
        last = value
    return found


def _wired(values: list[int], spec: FeedSpec) -> bool:
    """A counter that never rises in its log has nothing connected to it, unless the mapping says
    otherwise.
    """
    if spec.kind != "counter" or isinstance(spec.wired, bool):
        return spec.wired is not False
    good = [value for value in values if value != LOST]
    return any(b > a for a, b in pairwise(good))


def _recorded(readings: Readings, spec: FeedSpec, falls: list[int]) -> list[int]:
    """Indices for the ledger. Kept in any case: first and last reading, both sides of each lost stretch and
    of each fall, every change of state, every amount. On the ledger the silence of a periodic feed is a loss,
    so what it repeats is left out only where the mapping names a duration."""
    values, size = readings.value, len(readings.value)
    repeats_speak = spec.reporting == "periodic" and spec.record_every == "change"
    if spec.kind in ("amount", "power") or spec.record_every == "all" or repeats_speak:
        return list(range(size))
    keep = bytearray(size)
    for index in (0, size - 1):
        if size:
            keep[index] = 1
    for fall in falls:
        keep[fall] = keep[fall - 1] = 1
    ends_too = spec.kind != "state"
    every_change = spec.record_every == "change" or spec.kind == "state"
    for index in range(1, size):
        before, now = values[index - 1], values[index]
        if before != now and (every_change or before == LOST or now == LOST):
            keep[index] = 1
            if ends_too:
                keep[index - 1] = 1
    if spec.record_every != "change":
        _keep_last_of_each(readings.at_ms, keep, spec.record_every)
    return [index for index in range(size) if keep[index]]


def _keep_last_of_each(at_ms: list[int], keep: bytearray, every: str) -> None:
    grid = duration_ms(every) or 1
    for index in range(len(at_ms) - 1):
        if at_ms[index] // grid != at_ms[index + 1] // grid:
            keep[index] = 1
