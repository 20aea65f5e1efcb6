"""Readings over a network of four nodes: forty records under one signature, and anchored batches."""

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from bench import ground
from bench.measure import Row
from bench.network import KEPT, SETTINGS, STEP, Step, measured
from bench.network_ground import MEMBERS, Network, running
from hansa.apps.metering.messages import (
    AnchorReadings,
    Counters,
    Feed,
    LegalUse,
    RecordCounters,
    RegisterDevice,
    RegisterFeed,
)
from hansa.kernel import limits, pack, replace

LONG = True
CONNECTIONS = 400
"""Gateways, each with a counter of its own."""
PER_BATCH = 40
PER_ANCHOR = 1_000
SECONDS = 25
FIRST_PER_S = {"records": 20, "anchors": 30}
EACH_MS = 1_000
FEED = Feed("d", "counter", "piece", "pieces", "periodic", LegalUse(grade="indicative"), wired=True)


class Gateways:
    """What each gateway has sent so far."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.sequence = [0] * CONNECTIONS
        self.record = [0] * CONNECTIONS
        self.anchor = [0] * CONNECTIONS
        self.from_ms = time.time_ns() // 1_000_000 - 10 * limits.DAY_MS

    def signed(self, n: int, *actions: object) -> bytes:
        member, key = ground.signing_keys(CONNECTIONS)[n]
        self.sequence[n] += 1
        return ground.signed(self.network.chain, member, key, self.sequence[n], *actions)  # type: ignore[arg-type]

    def declared(self, n: int) -> list[bytes]:
        feed = replace(FEED, device=f"d-{n}")
        whole = AnchorReadings(f"whole-{n}", "0" * 64, limits.READINGS_PER_BATCH_MAX, 0, 0)
        key = ground.signing_keys(CONNECTIONS)[n][1]
        return [self.signed(n, RegisterDevice(f"d-{n}", key), RegisterFeed(f"f-{n}", feed), whole)]

    def records(self, n: int, count: int = PER_BATCH) -> bytes:
        """So many records of the counter, under one signature."""
        first = self.record[n]
        self.record[n] += count
        numbers = range(first, first + count)
        counters = Counters(
            feed=f"f-{n}", generation=1, first_sequence=first + 1,
            at_ms=pack(self.from_ms + EACH_MS * each for each in numbers),
            value=pack(3 * each for each in numbers), lost=b"",
        )  # fmt: skip
        owner = MEMBERS[n % len(MEMBERS)]
        return self.signed(n, RecordCounters(owner, counters, f"whole-{n}", pack(numbers)))

    def anchors(self, n: int) -> bytes:
        """A thousand readings by the root of their tree; one in a thousand is a record besides."""
        first = self.record[n]
        self.anchor[n] += 1
        at_ms = self.from_ms + (first + self.anchor[n] * PER_ANCHOR) * EACH_MS
        self.record[n] += 1
        counters = Counters(
            feed=f"f-{n}", generation=1, first_sequence=first + 1, at_ms=pack([at_ms]),
            value=pack([3 * first]), lost=b"",
        )  # fmt: skip
        name, owner = f"a-{n}-{self.anchor[n]}", MEMBERS[n % len(MEMBERS)]
        return self.signed(
            n,
            AnchorReadings(name, "0" * 64, PER_ANCHOR, at_ms, at_ms + PER_ANCHOR * EACH_MS),
            RecordCounters(owner, counters, name, pack([0])),
        )


def at_rate(gateways: Gateways, make: Callable[[int], bytes], rate_per_s: float) -> Step:
    each = max(1, round(rate_per_s * SECONDS / CONNECTIONS))
    wires: Sequence[Sequence[bytes]] = [[make(n) for _ in range(each)] for n in range(CONNECTIONS)]
    tally = gateways.network.load(
        CONNECTIONS, 4 * SECONDS, at_most_per_s=0, rate_per_s=rate_per_s, prepared=wires
    )
    return measured(rate_per_s, tally, tally.steady_per_s)


def rows() -> Iterator[Row]:
    with (
        tempfile.TemporaryDirectory(prefix="hb") as name,
        running(Path(name) / "n", keys=CONNECTIONS, kind="gateway", settings=SETTINGS) as network,
    ):
        gateways = Gateways(network)
        wires = [gateways.declared(n) for n in range(CONNECTIONS)]
        tally = network.load(CONNECTIONS, 120, at_most_per_s=0, rate_per_s=100, prepared=wires)
        assert set(tally.codes) == {"ok"}, tally.codes
        for what, make, many, goal in (
            ("records", gateways.records, PER_BATCH, 4_000),
            ("anchors", gateways.anchors, PER_ANCHOR, 70_000),
        ):
            rate, found = float(FIRST_PER_S[what]), []
            while not found or found[-1].per_s >= KEPT * found[-1].offered_per_s:
                found.append(at_rate(gateways, make, rate))
                rate *= STEP
            best = max(found, key=lambda step: step.per_s)
            work = {
                "records": f"4 nodes, batches of {PER_BATCH} readings under one signature",
                "anchors": f"4 nodes, anchored batches of {PER_ANCHOR:,} readings",
            }[what]
            detail = f"{best.per_s:,.0f} transactions/s; p50 {best.p50_ms / 1e3:.2f} s; {best.said}"
            yield Row(work, many * best.per_s, "readings/s", goal, at_most=False, detail=detail)
            if what == "records":
                kept = [step for step in found if step.per_s * many >= goal] or [best]
                tally = kept[0].tally
                detail = f"at {kept[0].per_s * many:,.0f} readings/s; p99 {tally.p99_ms / 1e3:.2f} s"
                yield Row("the same, p95", tally.p95_ms / 1e3, "s", 3, detail=detail)
