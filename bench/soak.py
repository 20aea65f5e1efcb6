"""Half an hour at half load: does memory grow, and does the disk grow as it did at first?

`python -m bench soak --minutes 30`
"""

import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.ground import running
from bench.measure import Row
from bench.node import KEYS, LOADS, peak

LONG = True
ROUND_S = 60
WARM_PART = 3
"""The first third is the warm-up."""
SETTLED = 3
"""Rounds whose median counts, after the warm-up and at the end."""


def rows(minutes: int = 30) -> Iterator[Row]:
    per_request, connections, _ = LOADS[0]
    with tempfile.TemporaryDirectory() as name, running(Path(name), keys=KEYS) as ground:
        speed = peak(ground, per_request, connections, runs=1).per_s
        half = speed / 2
        memory, disk, done = [], [ground.disk_bytes()], [sum(ground.used)]
        for number in range(minutes * 60 // ROUND_S):
            tally = ground.load(
                connections, per_request, ROUND_S, at_most_per_s=half * 1.05, rate_per_s=half / per_request
            )
            assert set(tally.codes) == {"ok"}, tally
            memory.append(ground.rss_mb())
            disk.append(ground.disk_bytes())
            done.append(sum(ground.used))
            told = f"round {number + 1}: {memory[-1]:.0f} MB, {disk[-1] / 2**20:.0f} MB on disk"
            print(f"{told}, p99 {tally.p99_ms:.0f} ms", file=sys.stderr, flush=True)
        warm = max(1, len(memory) // WARM_PART)
        begin = statistics.median(memory[warm : warm + SETTLED])
        growth = 100 * (statistics.median(memory[-SETTLED:]) / begin - 1)
        detail = f"{begin:.0f} MB after {warm} minutes, {done[-1]:,} transactions at {half:,.0f}/s"
        yield Row(f"soak {minutes} min, memory growth after warm-up", growth, "%", 5, detail=detail)
        forecast = (disk[warm] - disk[0]) / (done[warm] - done[0])
        found = (disk[-1] - disk[warm]) / (done[-1] - done[warm])
        off = 100 * abs(found / forecast - 1)
        detail = f"{found:,.0f} bytes a transaction, {forecast:,.0f} during the warm-up"
        yield Row(f"soak {minutes} min, disk off its forecast", off, "%", 10, detail=detail)
