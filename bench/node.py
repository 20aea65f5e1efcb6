"""The node end to end over HTTP: what it commits, how soon it answers, how soon it is there."""

import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bench.ground import Ground, floor_per_s, running
from bench.load import Tally
from bench.measure import Row

KEYS = 1_000
SECONDS, WARM_SECONDS = 6, 2
RUNS = 5
FLOOR_SAMPLE = 20_000
AT_MOST_PER_S = 16_000
"""Transactions are prepared for this rate; a faster node would run out of them before the time is over."""
LOADS = ((100, 32, 0.5), (1, 1_000, 0.25))
"""(transactions per request, connections, goal as part of the floor)."""


def committed_per_s(tally: Tally) -> float:
    assert set(tally.codes) == {"ok"}, tally.codes
    assert not tally.lost, tally
    return tally.codes["ok"] / tally.seconds


class Peak(NamedTuple):
    """Medians over runs, of the ratio the least and the most too; and the last run's tally."""

    per_s: float
    floor_per_s: float
    ratio: float
    least: float
    most: float
    tally: Tally


def peak(ground: Ground, per_request: int, connections: int, runs: int = RUNS) -> Peak:
    """What the node commits when each connection sends as soon as it has its answer.

    Node and floor are warm. Each run stands between two floors and is measured against their mean.
    """
    ground.load(connections, per_request, WARM_SECONDS, at_most_per_s=AT_MOST_PER_S)
    floor_beside(ground)
    floors, speeds, ratios = [floor_beside(ground)], [], []
    for _ in range(runs):
        tally = ground.load(connections, per_request, SECONDS, at_most_per_s=AT_MOST_PER_S)
        speeds.append(committed_per_s(tally))
        floors.append(floor_beside(ground))
        ratios.append(speeds[-1] / statistics.mean(floors[-2:]))
    median = statistics.median
    return Peak(median(speeds), median(floors), median(ratios), min(ratios), max(ratios), tally)


def floor_beside(ground: Ground) -> float:
    """The floor on the bytes last prepared, while the node has nothing to do."""
    ground.settle()
    sample = [wire for turn in zip(*ground.wires, strict=True) for wire in turn][:FLOOR_SAMPLE]
    return floor_per_s(sample, ground.folder)


def detail_of(tally: Tally) -> str:
    generator = f"generator {tally.cpu_s / tally.seconds:.2f} core"
    return f"p50 {tally.p50_ms:.0f} ms, p99 {tally.p99_ms:.0f} ms; {generator}"


def rows() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as name, running(Path(name), keys=KEYS) as ground:
        peaks = {}
        for per_request, connections, goal in LOADS:
            found = peak(ground, per_request, connections)
            peaks[per_request] = found.per_s
            detail = (
                f"{found.least:.3f}–{found.most:.3f} in {RUNS} runs; {found.per_s:,.0f}/s of "
                f"{found.floor_per_s:,.0f}/s; {connections} sockets; {detail_of(found.tally)}"
            )
            work = f"node over HTTP, {per_request} per request"
            yield Row(work, found.ratio, "× the floor", goal, at_most=False, detail=detail)
        for per_request, connections, _ in LOADS:
            half = peaks[per_request] / 2
            tally = ground.load(
                connections, per_request, SECONDS, at_most_per_s=half * 1.1, rate_per_s=half / per_request
            )
            detail = (
                f"{committed_per_s(tally):,.0f}/s; {detail_of(tally)}; sent late {tally.late_p99_ms:.0f} ms"
            )
            work = f"p99 at half load, {per_request} per request"
            yield Row(work, tally.p99_ms, "ms", 250, detail=detail)
        ground.stop()
        starts = []
        for _ in range(RUNS):
            starts.append(ground.start())
            ground.stop()
        blocks = sum(ground.used)
        yield Row(
            "node start", statistics.median(starts), "s", 2,
            detail=f"process to /health; {blocks:,} transactions on its ledger",
        )  # fmt: skip
