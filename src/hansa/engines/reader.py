"""Reading beside the writer, from any thread: each snapshot stands still while the ledger goes on."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from hansa.apps.consortium.messages import Genesis
from hansa.engines import errors
from hansa.engines.ledger import Ledger
from hansa.engines.reading import Reading
from hansa.engines.store import IN_MEMORY, Rows, connect_to_read, faults
from hansa.kernel.apply import Chain
from hansa.kernel.state import Committed, Damaged

IDLE_MAX = 8
"""Connections kept open for the next snapshots."""
CACHE_RECORDS = 10_000
"""Decoded records that a connection keeps while the height stays."""
PUBLISH_WAIT_S = 0.5


class Reader:
    """Snapshots of a chain's file. It may be used by any number of threads; each has a snapshot of its own.

    `published` says up to which height headers may be shown; what lies above is not there yet for readers.
    `on_damage` turns damage met by a reader into the refusal that the node gives from then on.
    """

    def __init__(
        self,
        path: Path,
        chain: Chain,
        genesis: Genesis,
        *,
        published: Callable[[], int] | None = None,
        on_damage: Callable[[Damaged], Exception] | None = None,
    ) -> None:
        self.path, self.chain, self.genesis = path, chain, genesis
        self._published, self._on_damage = published, on_damage or _damaged
        self._idle: list[_Connection] = []
        self._lock = Lock()
        self._closed = False

    @contextmanager
    def snapshot(self) -> Iterator[Reading]:
        """The chain at its newest published height, for a `with`. Raises DamagedOnDisk, StoreFault."""
        connection = self._take()
        try:
            with connection.rows.steady():
                yield self._at_published(connection)
        except Damaged as fault:
            raise self._on_damage(fault) from fault
        finally:
            self._give_back(connection)

    def _at_published(self, connection: "_Connection") -> Reading:
        reading = connection.reading(self.chain, self.genesis)
        if self._published is None or reading.height <= self._published():
            return reading
        # The writer is between its two commits, for a moment; unless the second one failed.
        until = time.monotonic() + PUBLISH_WAIT_S
        while reading.height > self._published():
            if time.monotonic() > until:
                return reading.at(self._published())
            time.sleep(0.001)
        return reading

    def close(self) -> None:
        """Close what is idle; what is in use closes when its snapshot ends."""
        with self._lock:
            self._closed, idle = True, self._idle
            self._idle = []
        for connection in idle:
            connection.rows.close()

    def _take(self) -> "_Connection":
        with self._lock:
            if self._idle:
                return self._idle.pop()
        with faults():
            return _Connection(Rows(connect_to_read(self.path)))

    def _give_back(self, connection: "_Connection") -> None:
        with self._lock:
            if not self._closed and len(self._idle) < IDLE_MAX:
                self._idle.append(connection)
                return
        connection.rows.close()


class _Connection:
    """A connection with what it has decoded at the height where it last stood."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self._last: Reading | None = None

    def reading(self, chain: Chain, genesis: Genesis) -> Reading:
        height = self.rows.height()
        if self._last is None or self._last.height != height:
            self._last = standing(self.rows, chain, genesis, height)
        return self._last


def standing(rows: Rows, chain: Chain, genesis: Genesis, height: int) -> Reading:
    """A reading of these rows at their height."""
    reading = Reading(rows, Committed(rows, CACHE_RECORDS), chain, genesis, height, genesis.created_ms)
    if height:
        reading.time_ms = reading.leaf(height).time_ms
    return reading


class MemoryReader(Reader):
    """The same for a ledger in memory, which has one connection only: readers and writer take turns."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger.path, ledger.chain, ledger.genesis)
        self._ledger = ledger

    @contextmanager
    def snapshot(self) -> Iterator[Reading]:
        ledger = self._ledger
        with ledger.store.lock:
            try:
                yield standing(ledger.store, ledger.chain, ledger.genesis, ledger.store.height())
            except Damaged as fault:
                raise ledger.stops.damaged(fault) from fault


def reader_of(ledger: Ledger, published: Callable[[], int] | None = None) -> Reader:
    """A reader beside this ledger."""
    if str(ledger.path) == IN_MEMORY:
        return MemoryReader(ledger)
    return Reader(
        ledger.path,
        ledger.chain,
        ledger.genesis,
        published=published,
        on_damage=ledger.stops.damaged,
    )


def _damaged(fault: Damaged) -> Exception:
    return errors.DamagedOnDisk(cause=str(fault))
