"""A network node's figures for Prometheus, beside those of every node; and the engine's own as they are."""

from collections.abc import Callable

import httpx2
from prometheus_client import CollectorRegistry, Gauge

from hansa.client.aio import read_within
from hansa.kernel.refusal import Refusal
from hansa.node.commits import Commits
from hansa.node.engine_watch import EngineWatch
from hansa.node.submission import Submission

ENGINE_TIMEOUT_S = 2
ENGINE_BYTES_MAX = 2**20


def register(
    registry: CollectorRegistry,
    watch: EngineWatch,
    submission: Submission,
    commits: Commits,
    silent: Callable[[], int],
) -> None:
    """Add a network node's figures; they are read when somebody asks for them."""

    def gauge(name: str, what: str, value: Callable[[], float]) -> None:
        Gauge(name, what, registry=registry).set_function(value)

    gauge("hansa_engine_height", "Newest block of the engine", lambda: watch.seen.height)
    gauge("hansa_engine_answers", "1 while the engine answers", lambda: int(watch.answers()))
    gauge("hansa_engine_catching_up", "1 while it catches up", lambda: int(watch.seen.catching_up))
    gauge("hansa_engine_peers", "Engines it is connected to", lambda: len(watch.seen.peers))
    gauge("hansa_engine_mempool", "Transactions in its mempool", lambda: watch.seen.waiting)
    gauge("hansa_engine_mempool_bytes", "Their size", lambda: watch.seen.waiting_bytes)
    gauge("hansa_block_age_seconds", "Since the last block became durable here", watch.idle_s)
    gauge("hansa_clock_off_seconds", "This clock minus block time", lambda: watch.clock_off_ms / 1_000)
    gauge("hansa_hash_differs", "1 where a block stands on another state", lambda: int(bool(watch.differs)))
    gauge("hansa_flying", "Transactions of this node at the engine", lambda: len(submission.flight.wires))
    gauge("hansa_final_height", "Newest height with a commit", lambda: commits.final_height)
    gauge("hansa_validators_silent", "Validators that have not signed for long", silent)


class EngineMetrics:
    """The engine's own figures, from its port on this machine. Used on the event loop."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/metrics" if port else ""
        self._client = httpx2.AsyncClient(timeout=ENGINE_TIMEOUT_S, trust_env=False)

    async def text(self) -> bytes:
        """Them in Prometheus' format; nothing where the engine is away."""
        if not self._url:
            return b""
        try:
            async with self._client.stream("GET", self._url) as answer:
                return await read_within(self._url, answer, ENGINE_BYTES_MAX, ENGINE_TIMEOUT_S)
        except (httpx2.HTTPError, OSError, Refusal):
            return b""

    async def close(self) -> None:
        await self._client.aclose()
