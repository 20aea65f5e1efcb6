"""Four nodes of a network on this machine: what they commit, how soon, and what it costs each."""

import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from nacl.bindings import crypto_sign_open

from bench import ground
from bench.load import FULL, Tally
from bench.measure import Row, cpu_seconds
from bench.network_ground import PEER_BYTES, Network, Peer, peer, running
from hansa.kernel.signatures import TRANSACTION_DOMAIN
from hansa.kernel.transaction import HEAD_BYTES

LONG = True
SECONDS = 20
FIRST_PER_S, STEP = 400, 1.3
"""Rates offered: the first, and each next one; until less than KEPT of what is offered is committed."""
KEPT = 0.9
CONNECTIONS = 4_000
"""One transaction of each is under way at a time: fewer of them would bound the rate by the latency."""
PER_REQUEST = 10
"""Transactions of one key that an outbox sends together."""
PEER_CONNECTIONS = 2_000
"""Its engines answer before a block is made, and serve 900 connections each."""
SETTINGS = f"\n[limits]\nconnections_per_address = {2 * CONNECTIONS}\nconnections = {4 * CONNECTIONS}\n"
SETTLE_S = 3
GOALS = {"behind a socket": 0.6, "in the engine's process": 0.0}
"""As a part of each peer's rate; the second is told, without a goal of its own."""


class Step(NamedTuple):
    """One rate offered."""

    offered_per_s: float
    per_s: float
    """Committed, once the first seconds are over (bench.load.WARM_S) and while more is sent."""
    p50_ms: float
    cores: tuple[float, float, float]
    """Applications, engines, generator."""
    tally: Tally

    @property
    def said(self) -> str:
        a, e, g = self.cores
        return (
            f"offered {self.offered_per_s:,.0f}/s; cores used: applications {a:.2f}, engines {e:.2f}, "
            f"generator {g:.2f}"
        )


def climbed(step: Callable[[float], Step], first_per_s: float = FIRST_PER_S) -> list[Step]:
    """Rates upwards until the committed rate stays behind what is offered."""
    found = [step(first_per_s)]
    while found[-1].per_s >= KEPT * found[-1].offered_per_s:
        found.append(step(found[-1].offered_per_s * STEP))
        time.sleep(SETTLE_S)
    return found


def best(steps: list[Step]) -> Step:
    return max(steps, key=lambda step: step.per_s)


def of_network(network: Network, rate_per_s: float, seconds: float = SECONDS, per_request: int = 1) -> Step:
    tally = network.load(
        CONNECTIONS // per_request, seconds, at_most_per_s=rate_per_s * 1.3,
        rate_per_s=rate_per_s / per_request, per_request=per_request,
    )  # fmt: skip
    return measured(rate_per_s, tally, tally.steady_per_s)


def measured(rate_per_s: float, tally: Tally, per_s: float) -> Step:
    """A load, and what it cost applications, engines and generator. The peer's engines refuse what their
    mempools do not hold.
    """
    assert set(tally.codes) <= {"ok", FULL}, tally.codes
    applications, engines = tally.steady_cores
    cores = (applications, engines, tally.cpu_s / tally.seconds)
    return Step(rate_per_s, per_s, tally.p50_ms, cores, tally)


def of_peer(found: Peer, rate_per_s: float) -> Step:
    return measured(rate_per_s, *found.load(PEER_CONNECTIONS, SECONDS, rate_per_s))


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
            together = best(
                climbed(lambda rate: of_network(network, rate, per_request=PER_REQUEST), own.per_s)
            )
            meanwhile_s = check_meanwhile_s(network, own.per_s)
        for what, other in peers.items():
            yield Row(
                f"4 nodes, one record of {PEER_BYTES} bytes per transaction; peer {what}",
                own.per_s / other.per_s, "× the peer", GOALS[what], at_most=False,
                detail=f"{own.per_s:,.0f}/s of {other.per_s:,.0f}/s; {own.said}; the peer's: {other.said}",
            )  # fmt: skip
        yield Row(
            f"the same, {PER_REQUEST} a request as an outbox sends them; peer behind a socket, one a request",
            together.per_s / peers["behind a socket"].per_s, "× the peer", 0.0, at_most=False,
            detail=f"{together.per_s:,.0f}/s; p50 {together.p50_ms / 1e3:.2f} s; {together.said}",
        )  # fmt: skip
        yield Row("one a request at half load, p50", half.p50_ms / 1e3, "s", 1.5, detail=half.said)
        mine_s = own.cores[0] / own.per_s / len(network.services)
        detail = (
            f"{mine_s * 1e6:,.0f} µs of {meanwhile_s * 1e6:,.0f} µs, at {own.per_s:,.0f}/s; a check on the "
            f"idle machine: {signature_check_s(network) * 1e6:,.0f} µs"
        )
        yield Row(
            "application's CPU per transaction and node", mine_s / meanwhile_s,
            "× a check made meanwhile", 2.5, detail=detail,
        )  # fmt: skip


def check_meanwhile_s(network: Network, rate_per_s: float) -> float:
    """CPU time of a check while the nodes have this load: cores that are busy make each program slower."""

    def later() -> float:
        time.sleep(SECONDS * 0.6)
        return signature_check_s(network)

    wires = ground.prepare(network.chain, network.used, 1 + int(rate_per_s * SECONDS / CONNECTIONS))
    with ThreadPoolExecutor(1) as beside:
        found = beside.submit(later)
        network.load(CONNECTIONS, SECONDS, at_most_per_s=0, rate_per_s=rate_per_s, prepared=wires)
        return found.result()


def signature_check_s(network: Network) -> float:
    """CPU time of one PyNaCl check of these bytes."""
    wires = [wire for own in ground.prepare(network.chain, [0], 500) for wire in own]
    public = ground.signer("maker", "k0").public
    signed = [wire[1:HEAD_BYTES] + TRANSACTION_DOMAIN + wire[HEAD_BYTES:] for wire in wires]
    return cpu_seconds(lambda: [crypto_sign_open(each, public) for each in signed], 5) / len(wires)
