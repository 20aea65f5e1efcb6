"""Half an hour of a network at half load: does memory grow, and does the disk grow as it did at first?

`python -m bench network_soak --minutes 30`
"""

import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench import ground
from bench.measure import Row
from bench.network import CONNECTIONS, SETTINGS, best, climbed, of_network
from bench.network_ground import Network, running
from bench.soak import ROUND_S, SETTLED, WARM_PART

LONG = True


def memory_mb(network: Network, name: str) -> float:
    """The most that a process of this kind holds."""
    return max(ground.rss_mb(service.children[name]) for service in network.services)


def disk_bytes(network: Network) -> int:
    """Of the first node: ledger, read model, kept commits, the engine's stores."""
    folder = network.services[0].folder
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and path.name != "log")


def rows(minutes: int = 30) -> Iterator[Row]:
    with (
        tempfile.TemporaryDirectory(prefix="hb") as name,
        running(Path(name) / "n", keys=CONNECTIONS, settings=SETTINGS) as network,
    ):
        half = best(climbed(lambda rate: of_network(network, rate))).per_s / 2
        memory: dict[str, list[float]] = {"application": [], "engine": []}
        disk, done = [disk_bytes(network)], [sum(network.used)]
        for number in range(minutes * 60 // ROUND_S):
            found = of_network(network, half, ROUND_S)
            for what, sizes in memory.items():
                sizes.append(memory_mb(network, what))
            disk.append(disk_bytes(network))
            done.append(sum(network.used))
            told = ", ".join(f"{what} {sizes[-1]:.0f} MB" for what, sizes in memory.items())
            print(
                f"round {number + 1}: {told}, {disk[-1] / 2**20:.0f} MB on disk, p50 {found.p50_ms:.0f} ms",
                file=sys.stderr,
                flush=True,
            )
        warm = max(1, len(disk) // WARM_PART)
        for what, sizes in memory.items():
            begin = statistics.median(sizes[warm : warm + SETTLED])
            growth = 100 * (statistics.median(sizes[-SETTLED:]) / begin - 1)
            detail = f"{begin:.0f} MB after {warm} minutes, {done[-1]:,} transactions at {half:,.0f}/s"
            yield Row(f"network soak {minutes} min, growth of the {what}", growth, "%", 5, detail=detail)
        forecast = (disk[warm] - disk[0]) / (done[warm] - done[0])
        per_transaction = (disk[-1] - disk[warm]) / (done[-1] - done[warm])
        off = 100 * abs(per_transaction / forecast - 1)
        detail = f"{per_transaction:,.0f} bytes a transaction, {forecast:,.0f} during the warm-up"
        yield Row(f"network soak {minutes} min, disk off its forecast", off, "%", 10, detail=detail)
