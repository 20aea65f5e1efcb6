"""A network node's figures for Prometheus, beside those of every node; and the engine's own as they are."""

import asyncio
import re
import time
from collections.abc import Callable, Collection

import httpx2
from prometheus_client import CollectorRegistry, Gauge

from hansa.node.commits import Commits
from hansa.node.engine_watch import EngineWatch
from hansa.node.submission import Submission

ENGINE_TIMEOUT_S = 2
ENGINE_BYTES_MAX = 2**20
PEER_ID = re.compile(r'peer_id="([^"]*)"')
KEPT_S = 1.0
"""So long an answer serves all who ask: anyone may."""


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
    """The engine's own figures, from its port on this machine. Used on the event loop.

    Of single peers those of `peers` (ids of engines) alone: strangers may come under ever new names, and the
    engine forgets none of them.
    """

    def __init__(self, port: int, peers: Collection[str] = ()) -> None:
        self._peers = frozenset(peers)
        self._url = f"http://127.0.0.1:{port}/metrics" if port else ""
        self._client = httpx2.AsyncClient(timeout=ENGINE_TIMEOUT_S, trust_env=False)
        self._asked: asyncio.Task[bytes] | None = None
        self._asked_s = 0.0

    async def text(self) -> bytes:
        """Them in Prometheus' format; nothing where the engine is away."""
        now_s = time.monotonic()
        if self._asked is None or (self._asked.done() and now_s - self._asked_s >= KEPT_S):
            self._asked, self._asked_s = asyncio.create_task(self._text()), now_s
        return await asyncio.shield(self._asked)

    async def _text(self) -> bytes:
        if not self._url:
            return b""
        kept: list[str] = []
        size = 0
        try:
            async with asyncio.timeout(ENGINE_TIMEOUT_S), self._client.stream("GET", self._url) as answer:
                async for line in answer.aiter_lines():
                    peer = PEER_ID.search(line)
                    if peer is not None and peer[1] not in self._peers:
                        continue
                    size += len(line) + 1
                    if size > ENGINE_BYTES_MAX:
                        break
                    kept.append(line)
        except (httpx2.HTTPError, OSError):
            return b""
        return "".join(f"{line}\n" for line in kept).encode()

    async def close(self) -> None:
        await self._client.aclose()
