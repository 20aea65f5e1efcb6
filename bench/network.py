"""Four nodes of a network on this machine: what they commit, how soon, and what it costs each."""

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from nacl.bindings import crypto_sign_open

from bench import ground
from bench.load import Tally
from bench.measure import Row, cpu_seconds
from bench.network_ground import PEER_BYTES, Network, Peer, peer, running
from hansa.kernel.signatures import TRANSACTION_DOMAIN
from hansa.kernel.transaction import HEAD_BYTES

LONG = True
SECONDS = 15
FIRST_PER_S, STEP = 400, 1.3
"""Rates offered: the first, and each next one; until less than KEPT of what is offered is committed."""
KEPT = 0.9
CONNECTIONS = 2_000
SETTINGS = f"\n[limits]\nconnections_per_address = {2 * CONNECTIONS}\nconnections = {4 * CONNECTIONS}\n"
SETTLE_S = 3
GOALS = {"behind a socket": 0.6, "in the engine's process": 0.0}
"""As a part of each peer's rate; the second is told, without a goal of its own."""


class Step(NamedTuple):
    """One rate offered."""

    offered_per_s: float
    per_s: float
    """Committed, from the first sent until all of it was."""
    p50_ms: float
    cores: tuple[float, float, float]
    """Applications, engines, generator."""
    transactions: int
    application_s: float
    tally: Tally

    @property
    def said(self) -> str:
        a, e, g = self.cores
        return (
            f"offered {self.offered_per_s:,.0f}/s; cores used: applications {a:.2f}, engines {e:.2f}, "
            f"generator {g:.2f}"
        )


def climbed(step: Callable[[float], Step]) -> list[Step]:
    """Rates upwards until the committed rate stays behind what is offered."""
    found = [step(FIRST_PER_S)]
    while found[-1].per_s >= KEPT * found[-1].offered_per_s:
        found.append(step(found[-1].offered_per_s * STEP))
        time.sleep(SETTLE_S)
    return found


def best(steps: list[Step]) -> Step:
    return max(steps, key=lambda step: step.per_s)


def of_network(network: Network, rate_per_s: float, seconds: float = SECONDS) -> Step:
    return measured(
        network,
        rate_per_s,
        lambda: network.load(CONNECTIONS, seconds, at_most_per_s=rate_per_s * 1.3, rate_per_s=rate_per_s),
    )


def measured(network: Network, rate_per_s: float, load: Callable[[], Tally]) -> Step:
    """A load, and what it cost applications, engines and generator."""
    before, started = network.cpu_s(), time.perf_counter()
    tally = load()
    took = time.perf_counter() - started
    used = [after - earlier for after, earlier in zip(network.cpu_s(), before, strict=True)]
    count = sum(tally.codes.values())
    assert set(tally.codes) == {"ok"}, tally.codes
    cores = (used[0] / took, used[1] / took, tally.cpu_s / took)
    return Step(rate_per_s, count / tally.seconds, tally.p50_ms, cores, count, used[0], tally)


def of_peer(found: Peer, rate_per_s: float) -> Step:
    before, started = found.cpu_s(), time.perf_counter()
    tally, per_s = found.load(CONNECTIONS, SECONDS, rate_per_s)
    took = time.perf_counter() - started
    used = [after - earlier for after, earlier in zip(found.cpu_s(), before, strict=True)]
    cores = (used[0] / took, used[1] / took, tally.cpu_s / took)
    return Step(rate_per_s, per_s, tally.p50_ms, cores, tally.requests, used[0], tally)


def rows() -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="hb") as name:
        folder = Path(name)
        peers = {}
        for what, inside in (("behind a socket", False), ("in the engine's process", True)):
            with peer(folder / f"peer-{inside}", inside=inside) as found:
                peers[what] = best(climbed(lambda rate, found=found: of_peer(found, rate)))
        with running(folder / "network", keys=CONNECTIONS, settings=SETTINGS) as network:
            own = best(climbed(lambda rate: of_network(network, rate)))
            half = of_network(network, own.per_s / 2)
        for what, other in peers.items():
            yield Row(
                f"4 nodes, one record of {PEER_BYTES} bytes per transaction; peer {what}",
                own.per_s / other.per_s, "× the peer", GOALS[what], at_most=False,
                detail=f"{own.per_s:,.0f}/s of {other.per_s:,.0f}/s; {own.said}; the peer's: {other.said}",
            )  # fmt: skip
        yield Row("the same at half load, p50", half.p50_ms / 1e3, "s", 1.5, detail=half.said)
        check_s = signature_check_s(network)
        mine_s = own.application_s / own.transactions / len(network.services)
        detail = f"{mine_s * 1e6:,.0f} µs of {check_s * 1e6:,.0f} µs, at {own.per_s:,.0f}/s"
        yield Row(
            "application's CPU per transaction and node", mine_s / check_s, "× a check", 2.5, detail=detail
        )


def signature_check_s(network: Network) -> float:
    """CPU time of one PyNaCl check of these bytes."""
    wires = [wire for own in ground.prepare(network.chain, [0], 500) for wire in own]
    public = ground.signer("maker", "k0").public
    signed = [wire[1:HEAD_BYTES] + TRANSACTION_DOMAIN + wire[HEAD_BYTES:] for wire in wires]
    return cpu_seconds(lambda: [crypto_sign_open(each, public) for each in signed], 5) / len(wires)
