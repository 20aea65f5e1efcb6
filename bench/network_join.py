"""A node more, by a snapshot, while traffic goes on: from its start to the others' height."""

import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from bench.measure import Row
from bench.network import SETTINGS
from bench.network_ground import MEMBERS, Network, Service, running, until
from bench.network_readings import CONNECTIONS, Gateways
from hansa.kernel import limits
from hansa.node.joining_engine import block_hash, over_http, servers, status
from hansa.node.joining_folder import Sync

LONG = True
TRAFFIC_PER_S = 20
TRAFFIC_S = 120
INTERVAL = 20
"""Blocks between two snapshots: so many more has the joiner to execute, at most, and what came meanwhile."""


def rows(records: int = 200_000) -> Iterator[Row]:
    with (
        tempfile.TemporaryDirectory(prefix="hb") as name,
        running(
            Path(name) / "n",
            keys=CONNECTIONS,
            kind="gateway",
            settings=SETTINGS,
            snapshot_interval=INTERVAL,
        ) as network,
    ):
        gateways = Gateways(network)
        network.load(
            CONNECTIONS, 600, at_most_per_s=0, rate_per_s=100,
            prepared=[gateways.declared(n) for n in range(CONNECTIONS)],
        )  # fmt: skip
        whole = -(-records // limits.RECORDS_PER_BATCH_MAX)
        many = [
            [gateways.records(n, limits.RECORDS_PER_BATCH_MAX) for _ in range(n, whole, CONNECTIONS)]
            for n in range(CONNECTIONS)
        ]
        tally = network.load(CONNECTIONS, 1_200, at_most_per_s=0, rate_per_s=5, prepared=many)
        assert set(tally.codes) == {"ok"}, tally.codes
        each = TRAFFIC_PER_S * TRAFFIC_S // CONNECTIONS
        going = [[gateways.records(n) for _ in range(each)] for n in range(CONNECTIONS)]
        traffic = threading.Thread(
            target=network.load,
            args=(CONNECTIONS, TRAFFIC_S),
            kwargs={"at_most_per_s": 0, "rate_per_s": TRAFFIC_PER_S, "prepared": going},
        )
        traffic.start()
        took, joiner = joined(network)
        traffic.join()
        until(lambda: joiner.ledger_height() == network.services[0].ledger_height())
        first = int(joiner.get("/v1/engine")["earliest_engine_height"])
        joiner.stop()
        detail = (
            f"{records:,} records, {TRAFFIC_PER_S} transactions/s meanwhile; its engine begins at {first}"
        )
        yield Row("a fifth node joins by snapshot", took, "s", 60, detail=detail)


def joined(network: Network) -> tuple[float, Service]:
    """Seconds from the start of a node that has nothing until it stands where the others do."""
    ask, urls = over_http(), [f"http://127.0.0.1:{service.port}" for service in network.services[:2]]
    height = max(1, status(ask, urls[0]).height - INTERVAL)
    sync = Sync(tuple(servers(urls)), height, block_hash(ask, urls[0], height))
    joiner = network.lay("fifth", list(MEMBERS), owner="auditor", sync=sync)
    started = time.perf_counter()
    joiner.start()
    until(lambda: joiner.ledger_height() >= network.services[0].ledger_height() > 0)
    return time.perf_counter() - started, joiner
