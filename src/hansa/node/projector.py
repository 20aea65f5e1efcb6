"""Fills the read model behind the ledger, in a thread that gives way: the ledger never waits for it."""

import logging
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

from hansa.engines.reader import Reader
from hansa.engines.reading import Reading
from hansa.kernel.state import decode_key
from hansa.node.logs import note
from hansa.node.projection import FILE, Block, Projection

LOOK_EVERY_S = 0.2
BLOCKS_AT_ONCE = 64
ITEMS_AT_ONCE = 2_000
"""Transactions and events of one commit, unless one block alone has more."""
REST, REST_UNDER_LOAD = 1, 100
"""So many times as long as it worked it rests afterwards: under load it takes 1 % of the time."""
REST_MAX_S = 30.0
TROUBLE_WAIT_S = 5.0
PASSING = (
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_NOMEM,
)
"""Trouble of the disk, which a new file would meet as well. Any other is that of this file."""
MEMBERS_TABLE = "consortium.members"
MEMBERS_PER_READ = 1_000
CHANGES_MEMBERS = b'"_type":"consortium.'


class Projector:
    """Brings a projection up to the ledger's height. Used by one thread.

    While the ledger grows it rests nearly all the time, and takes in what is left when the ledger is at rest.
    Trouble of the read model is never the node's: it is made anew, and where the disk does not take it, it
    stays behind.
    """

    def __init__(self, projection: Projection, reader: Reader) -> None:
        self.projection, self._reader = projection, reader
        self._top = 0
        """Height of the ledger at the last look."""
        self._members: frozenset[bytes] | None = None
        self._height: int | None = None
        self._first = 1

    def step(self) -> int:
        """Take in the next blocks; returns how many. Raises Refusal, OSError, sqlite3.Error."""
        with self._reader.snapshot() as reading:
            self._top = reading.height
            if self._height is None:
                self._height = self._checked(reading)
            first = reading.blocks_from()
            blocks = list(_next(reading, max(self._height + 1, first)))
            if not blocks:
                return 0
            if self._members is None or any(
                CHANGES_MEMBERS in data for block in blocks for data in block.events
            ):
                self._members = frozenset(_members(reading))
            app_hash = reading.header(blocks[-1].height).header.app_hash
        if first > self._first:
            self.projection.forget(first)
            self._first = first
        try:
            self.projection.add(blocks, self._members, app_hash)
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in PASSING:
                raise  # It is tried again.
            self.projection.begin()
            blocks, self._height = [], 0
        else:
            self._height = blocks[-1].height
        return len(blocks)

    def _checked(self, reading: Reading) -> int:
        """How far the file goes, if it is of this very ledger; else it is begun anew."""
        height, app_hash = self.projection.standing()
        if 0 < height <= reading.height and reading.header(height).header.app_hash == app_hash:
            return height
        self.projection.begin()
        return 0

    def catch_up(self, progress: Callable[[int], None] = lambda height: None) -> int:
        """Up to the ledger's height, without a rest. Returns the height."""
        while self.step():
            progress(self._height or 0)
        return self._height or 0

    def run(self, over: Event) -> None:
        """Until it is over."""
        wait_s = 0.0
        while not over.wait(wait_s):
            started, top = time.monotonic(), self._top
            try:
                went_on = self.step()
            except Exception as error:  # Whatever it is: the next try may find it gone, and the node goes on.
                note("projector", logging.WARNING, cause=f"{type(error).__name__}: {error}")
                self._height, wait_s = None, TROUBLE_WAIT_S
                continue
            worked_s = time.monotonic() - started
            rest_s = min(REST_MAX_S, worked_s * (REST if self._top == top else REST_UNDER_LOAD))
            wait_s = rest_s if went_on else LOOK_EVERY_S


def _next(reading: Reading, height: int) -> Iterator[Block]:
    items = 0
    for at in range(height, min(reading.height, height + BLOCKS_AT_ONCE - 1) + 1):
        block = Block(at, reading.rows.transactions(at), reading.rows.events(at))
        items += len(block.transactions) + len(block.events)
        if at > height and items > ITEMS_AT_ONCE:
            return
        yield block


def _members(reading: Reading) -> Iterator[bytes]:
    table = reading.registry.tables.get(MEMBERS_TABLE)
    after = b""
    while table is not None and (page := reading.records(MEMBERS_TABLE, after, MEMBERS_PER_READ)):
        for key, _ in page:
            yield str(decode_key(key, table.integers)[0]).encode()
        after = page[-1][0]


@contextmanager
def projecting(folder: Path, reader: Reader) -> Iterator[Projection]:
    """The read model beside a node's ledger, kept up while the node runs."""
    projection = Projection(folder / FILE, reader.chain.id)
    over = Event()
    thread = Thread(target=Projector(projection, reader).run, args=(over,), name="projector", daemon=True)
    thread.start()
    try:
        yield projection
    finally:
        over.set()
        thread.join(REST_MAX_S)
