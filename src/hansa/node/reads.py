"""Reads: each on a snapshot of its own, in a few threads beside loop and writer, bounded in number."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from hansa.engines.reader import Reader
from hansa.engines.reading import Reading
from hansa.node import errors
from hansa.node.metrics import Metrics
from hansa.node.settings import Limits

T = TypeVar("T")


class Reads:
    """Answers questions about the ledger. Used on the event loop."""

    def __init__(self, reader: Reader, bounds: Limits, metrics: Metrics) -> None:
        self._reader, self._bounds, self._metrics = reader, bounds, metrics
        self._pool = ThreadPoolExecutor(bounds.readers, thread_name_prefix="reads")
        self._under_way = 0

    async def ask(self, work: Callable[[Reading], T]) -> T:
        """The result of `work` on a snapshot.

        Raises ReadsBusy where too many wait, ReadSlow past the time limit, or what `work` raises. Work past
        its time goes on to its own end, which the budgets of queries bound; it counts until then.
        """
        if self._under_way >= self._bounds.reads_waiting:
            raise errors.ReadsBusy(retry_s=1)
        started = time.monotonic()
        self._under_way += 1
        future = asyncio.get_running_loop().run_in_executor(self._pool, self._do, work)
        future.add_done_callback(self._done)
        try:
            async with asyncio.timeout(self._bounds.read_time_s):
                return await asyncio.shield(future)
        except TimeoutError:
            raise errors.ReadSlow(limit_s=self._bounds.read_time_s) from None
        finally:
            self._metrics.read_time.observe(time.monotonic() - started)

    def _do(self, work: Callable[[Reading], T]) -> T:
        with self._reader.snapshot() as reading:
            return work(reading)

    def _done(self, future: "asyncio.Future[Any]") -> None:
        self._under_way -= 1
        if not future.cancelled():
            future.exception()  # Looked at here, so that what nobody waits for any more is no news.

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._reader.close()
