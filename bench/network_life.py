"""A network of four nodes in its life: how soon all see an event, and what one that is killed costs.

An event counts as seen by a node once its ledger stands at the event's block, asked every few milliseconds.
"""

import random
import signal
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from bench import ground
from bench.measure import Row
from bench.network import CONNECTIONS, SETTINGS, of_network
from bench.network_ground import Network, Service, post, running, until

LONG = True
T = TypeVar("T")
SAMPLES = 40
PAUSE_S = (1.0, 4.0)
ASK_S = 0.01
OWN_KEY = f"k{CONNECTIONS // 4}"
"""Of each member; no connection of a load uses it."""
KILL_RATE_PER_S = 600
"""Half of what a machine of this size commits: more would measure the machine, not the loss of a node."""
KILL_S = 20
KILL_AFTER_S = 3
"""From the beginning of the load: what counts begins two seconds later (bench.load.WARM_S)."""


def seen_by_all(network: Network, nodes: Sequence[Service], sequence: int) -> float:
    """Seconds from sending a record to one of the nodes until all of them have its block."""
    node = nodes[sequence % len(nodes)]
    wire = ground.signed(network.chain, node.member, OWN_KEY, sequence, ground.ATTEST)
    before = {each.member: each.ledger_height() for each in nodes}
    started = time.perf_counter()
    sender = threading.Thread(target=post, args=(node.port, [wire]))
    sender.start()
    for each in nodes:
        while each.ledger_height() <= before[each.member]:
            time.sleep(ASK_S)
    took = time.perf_counter() - started
    sender.join()
    return took


def latency(network: Network, nodes: Sequence[Service], first: int) -> tuple[float, float]:
    chance = random.Random(first)
    took = []
    for n in range(SAMPLES):
        time.sleep(chance.uniform(*PAUSE_S))
        took.append(seen_by_all(network, nodes, first + n))
    took.sort()
    return statistics.median(took), took[len(took) * 95 // 100]


def rows() -> Iterator[Row]:
    with (
        tempfile.TemporaryDirectory(prefix="hb") as name,
        running(Path(name) / "n", keys=CONNECTIONS + 4, settings=SETTINGS) as network,
    ):
        alive = network.services[:3]
        for work, nodes, first in (
            ("an event on all four nodes", network.services, 1),
            ("an event on all three, one dead", alive, 1 + SAMPLES),
        ):
            if nodes is alive:
                network.services[3].stop(signal.SIGKILL)
            median, late = latency(network, nodes, first)
            detail = f"{SAMPLES} records, one every {PAUSE_S[0]:.0f}–{PAUSE_S[1]:.0f} s"
            yield Row(f"{work}, p50", median, "s", 1, detail=detail)
            yield Row(f"{work}, p95", late, "s", 2, detail=detail)
        network.services[3].start()
        until(lambda: caught_up(network))
        yield from killed(network)


def later(do: Callable[[], T]) -> T:
    """In the midst of a load."""
    time.sleep(KILL_AFTER_S)
    return do()


def in_step(victim: Service, others: Sequence[Service]) -> float:
    """Start it; seconds until it has the blocks that the others have meanwhile, but for the newest."""
    started = time.perf_counter()
    victim.start()
    until(lambda: victim.ledger_height() >= max(other.ledger_height() for other in others) - 1)
    return time.perf_counter() - started


def caught_up(network: Network) -> bool:
    return len({service.ledger_height() for service in network.services}) == 1


def killed(network: Network) -> Iterator[Row]:
    """One node dies under load, and comes back under load. Its member's clients are at the others' nodes."""
    victim = network.services[3]
    network.spare(victim)
    whole = of_network(network, KILL_RATE_PER_S, KILL_S)
    with ThreadPoolExecutor(1) as beside:
        killing = beside.submit(later, lambda: victim.stop(signal.SIGKILL))  # Engine and application with it.
        without = of_network(network, KILL_RATE_PER_S, KILL_S)
        killing.result()
        yield Row(
            "one of four killed under load, committed from then on", without.per_s / whole.per_s, "× before",
            0.7, at_most=False, detail=f"{without.per_s:,.0f}/s of {whole.per_s:,.0f}/s; {without.said}",
        )  # fmt: skip
        back = beside.submit(later, lambda: in_step(victim, network.services[:3]))
        of_network(network, KILL_RATE_PER_S, KILL_S)
        yield Row("the killed one back in step", back.result(), "s", 30, detail="from its start, under load")
    until(lambda: caught_up(network))
    answered = sum(network.used)
    for service in network.services:
        service.stop()
    on_ledger = sum(network.counted(network.services[0]).values())
    lost = answered - on_ledger + 2 * SAMPLES
    yield Row(
        "acknowledged and not on the ledger", max(0, lost), "transactions", 0,
        detail=f"{answered:,} answered, {on_ledger:,} on the ledger",
    )  # fmt: skip
