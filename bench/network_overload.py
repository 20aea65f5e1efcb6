"""Five times what a network can do, for a minute: it goes on at its pace, and tells the rest when to come."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.measure import Row
from bench.network import CONNECTIONS, SETTINGS, best, climbed, of_network
from bench.network_ground import running

LONG = True
SECONDS = 60
TIMES = 6.5
"""Asked of the generator, so that it offers five times the peak: who waits for an answer misses its turn."""
PER_REQUEST = 8
"""So that all connections together have more waiting than the nodes' queues take."""
PROBE_S = 1.0
"""A single transaction in fewer seconds than this, and half again, shows that the network has recovered."""


def rows() -> Iterator[Row]:
    with (
        tempfile.TemporaryDirectory(prefix="hb") as name,
        running(Path(name) / "n", keys=CONNECTIONS, settings=SETTINGS) as network,
    ):
        peak = best(climbed(lambda rate: of_network(network, rate)))
        tally = network.load(
            CONNECTIONS, SECONDS, at_most_per_s=2 * peak.per_s, per_request=PER_REQUEST,
            rate_per_s=TIMES * peak.per_s / PER_REQUEST, patient=False,
        )  # fmt: skip
        started = time.perf_counter()
        while of_network(network, 10, PROBE_S).p50_ms > 1_500 * PROBE_S:
            pass
        recovered = time.perf_counter() - started
        committed = tally.codes.get("ok", 0)
        offered = tally.requests / tally.seconds * PER_REQUEST
        detail = f"offered {offered / peak.per_s:.1f} × {peak.per_s:,.0f}/s; answers {tally.statuses}"
        yield Row(
            f"network, overload for {SECONDS} s, committed", committed / tally.seconds / peak.per_s, "× peak",
            0.8, at_most=False, detail=detail,
        )  # fmt: skip
        detail = f"{tally.refused:,} refused with a retry time; codes {tally.codes}"
        yield Row(
            "network, overload, refused without a retry time", tally.unsaid, "requests", 0, detail=detail
        )
        silent = tally.requests - sum(tally.statuses.values())
        yield Row("network, overload, requests without an answer", silent, "requests", 0)
        yield Row("network, overload, recovered", recovered, "s", 10)
        answered = sum(network.used)
        for service in network.services:
            service.stop()
        on_ledger = sum(network.counted(network.services[0]).values())
        yield Row(
            "network, overload, acknowledged and not on the ledger", max(0, answered - on_ledger),
            "transactions", 0, detail=f"{answered:,} answered, {on_ledger:,} on the ledger",
        )  # fmt: skip
