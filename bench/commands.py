"""The commands of a user: help, a look at a log of a million rows, and its import down to the ledger."""

import csv
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.measure import Row
from hansa.edge.gateway import declarations, deliveries
from hansa.edge.log_reader import read_log
from hansa.edge.mapping import load_mapping
from hansa.kernel.limits import DAY_MS
from hansa.simulation.leasing import start_ms
from hansa.simulation.world import GATEWAY_KEY, METER_OWNER, found

ROWS = 1_000_000
NOW_MS = int(datetime(2026, 11, 1, tzinfo=UTC).timestamp() * 1_000)
HANSA = [sys.executable, "-c", "from hansa.cli.main import main; main()"]


def write_log(path: Path) -> None:
    """A machine's log: every 20 s a part counter, a running time, a power and a state, long form."""
    chance = random.Random(1)
    at, parts, seconds = datetime(2026, 1, 1, tzinfo=UTC), 0, 0
    with path.open("w", encoding="utf-8") as file:
        file.write("time;item;value\n")
        for step in range(ROWS // 4):
            at += timedelta(seconds=20)
            stamp = at.strftime("%Y-%m-%dT%H:%M:%S.000Z")
            parts += chance.randint(0, 3)
            seconds += 20
            state = "ACTIVE" if step // 90 % 3 else "READY"
            file.write(f"{stamp};Part_Count;{parts}\n{stamp};auto_time;{seconds}\n")
            file.write(f"{stamp};power;{chance.randint(500, 5_000)}\n{stamp};execution;{state}\n")


def wall_seconds(command: list[str], runs: int) -> float:
    """Median wall time of a command in a process of its own."""
    took = []
    for _ in range(runs):
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        took.append(time.perf_counter() - start)
    return statistics.median(took)


def in_one_run(work: Callable[[], object]) -> tuple[float, float]:
    """(wall, CPU) seconds of a piece of work."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def import_log(log_file: Path, mapping_file: Path, folder: Path) -> tuple[int, int]:
    """Read, store, salt, anchor, sign, and have the ledger take every record. Returns (readings, records)."""
    mapping = load_mapping(mapping_file)
    log = read_log(log_file, mapping, now_ms=NOW_MS)
    world = found(folder, start_ms(log))
    world.clients[METER_OWNER].do(*declarations(log, mapping, GATEWAY_KEY))
    for delivery in deliveries(log, DAY_MS):
        world.clock.move_to(delivery.last_ms)
        world.gateway.client.submit(world.gateway.wires(log, delivery))
    world.close()
    return sum(len(feed.at_ms) for feed in log.feeds), sum(len(feed.record) for feed in log.feeds)


def read_plainly(log_file: Path) -> None:
    with log_file.open(encoding="utf-8", newline="") as file:
        for _ in csv.reader(file, delimiter=";"):
            pass


def rows() -> Iterator[Row]:
    start = wall_seconds([sys.executable, "-c", "import click"], 9)
    help_ = wall_seconds([*HANSA, "--help"], 9)
    yield Row(
        "`hansa --help`", help_, "s", 0.3, detail=f"{help_ / start:.1f} × the start of Python with click"
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        log_file, mapping_file = folder / "log.csv", folder / "map.toml"
        write_log(log_file)
        floor, _ = in_one_run(lambda: read_plainly(log_file))
        probe = [*HANSA, "meter", "probe", str(log_file)]
        mapping_file.write_bytes(subprocess.run(probe, check=True, capture_output=True).stdout)
        looked = wall_seconds(probe, 3)
        detail = f"{looked / floor:.2f} × csv.reader over the file"
        yield Row(f"a log of {ROWS:,} rows probed", looked, "s", 3, detail=detail)
        counts: list[tuple[int, int]] = []
        wall, cpu = in_one_run(lambda: counts.append(import_log(log_file, mapping_file, folder / "world")))
        readings, records = counts[0]
        memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1_024
        cost = f"{wall / floor:.0f} × csv.reader; {cpu:.1f} s CPU, {memory_mb} MB"
        detail = f"{cost}; {readings:,} readings anchored, {records:,} records"
        yield Row(f"a log of {ROWS:,} rows imported", wall, "s", 30, detail=detail)
