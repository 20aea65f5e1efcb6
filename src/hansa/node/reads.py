"""Reads: each on a snapshot of its own, in a few threads beside loop and writer; who asks has a share.

Whoever asks much waits for the others' turns: members take turns, and no one of them has all threads. Whoever
has no session has a small share by address, and one thread for all of them.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple, TypeVar

from hansa.engines.reader import Reader
from hansa.engines.reading import Reading
from hansa.node import errors, limits
from hansa.node.metrics import Metrics
from hansa.node.settings import Limits

T = TypeVar("T")


class Asker(NamedTuple):
    """Who a read counts to: a member with a session, or a stranger's address."""

    name: str
    stranger: bool = False


NODE = Asker("")
"""The node itself."""


class Reads:
    """Answers questions about the ledger. Used on the event loop."""

    def __init__(self, reader: Reader, bounds: Limits, metrics: Metrics) -> None:
        self._reader, self._bounds, self._metrics = reader, bounds, metrics
        self._pool = ThreadPoolExecutor(bounds.readers, thread_name_prefix="reads")
        self._places: Counter[Asker] = Counter()
        """Reads that wait or are answered."""
        self._running: Counter[Asker] = Counter()
        self._waiting: dict[Asker, deque[asyncio.Future[None]]] = {}

    async def ask(self, work: Callable[[Reading], T], asker: Asker = NODE) -> T:
        """The result of `work` on a snapshot. Raises what `do` raises."""
        return await self.do(partial(self._on_snapshot, work), asker)

    async def do(self, work: Callable[[], T], asker: Asker = NODE) -> T:
        """The result of `work` in one of the threads for reads.

        Raises ReadsBusy where too many wait, ReadSlow past the time limit, or what `work` raises. Work past
        its time goes on to its own end, which the budgets of queries bound; it counts until then.
        """
        self._check_places(asker)
        started = time.monotonic()
        self._places[asker] += 1
        try:
            async with asyncio.timeout(self._bounds.read_time_s):
                await self._turn(asker)
                future = asyncio.get_running_loop().run_in_executor(self._pool, work)
                future.add_done_callback(partial(self._done, asker))
                return await asyncio.shield(future)
        except TimeoutError:
            raise errors.ReadSlow(limit_s=self._bounds.read_time_s) from None
        finally:
            self._metrics.read_time.observe(time.monotonic() - started)

    def _on_snapshot(self, work: Callable[[Reading], T]) -> T:
        with self._reader.snapshot() as reading:
            return work(reading)

    def _check_places(self, asker: Asker) -> None:
        bounds = self._bounds
        full = self._places.total() >= bounds.reads_waiting
        if asker.stranger:
            strangers = sum(count for each, count in self._places.items() if each.stranger)
            full |= strangers >= bounds.reads_strangers
            full |= self._places[asker] >= max(1, bounds.reads_strangers // limits.SOURCES_AT_LEAST)
        elif asker != NODE:
            full |= self._places[asker] >= bounds.reads_member
        if full:
            raise errors.ReadsBusy(retry_s=1)

    # Turns.

    async def _turn(self, asker: Asker) -> None:
        """Wait for a thread. Whoever stops waiting gives its place, or the thread, to the next."""
        if self._may_run(asker):
            self._running[asker] += 1
            return
        go = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(asker, deque()).append(go)
        try:
            await go
        except asyncio.CancelledError:
            if go.cancelled():
                self._leave(asker)
            else:
                self._free(asker)
            raise

    def _may_run(self, asker: Asker) -> bool:
        threads = self._bounds.readers
        if self._running.total() >= threads:
            return False
        if asker.stranger:
            return not any(each.stranger for each in self._running)
        return self._running[asker] < max(1, threads - 1)

    def _next(self) -> None:
        """Give free threads to those whose turn it is."""
        waiting, self._waiting = self._waiting, {}
        served: dict[Asker, deque[asyncio.Future[None]]] = {}
        for asker, line in waiting.items():
            while line and line[0].done():
                line.popleft()
            runs = bool(line) and self._may_run(asker)
            if runs:
                self._running[asker] += 1
                line.popleft().set_result(None)
            if line:
                (served if runs else self._waiting)[asker] = line
        self._waiting |= served

    def _free(self, asker: Asker) -> None:
        _less(self._running, asker)
        self._leave(asker)
        self._next()

    def _leave(self, asker: Asker) -> None:
        _less(self._places, asker)

    def _done(self, asker: Asker, future: "asyncio.Future[Any]") -> None:
        self._free(asker)
        if not future.cancelled():
            future.exception()  # Looked at here, so that what nobody waits for any more is no news.

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._reader.close()


def _less(counts: Counter[Asker], asker: Asker) -> None:
    counts[asker] -= 1
    if not counts[asker]:
        del counts[asker]
