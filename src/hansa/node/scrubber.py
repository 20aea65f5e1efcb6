"""Rule 20 in the background: slowly, a running node reads all that it holds against its checksums.

Each record against its own, each block's transactions, outcomes and events against its leaf, each leaf
against the log of blocks, and the log against the header that the operator signed. Damage is met as any
reader meets it: the node stops, and says what to do. How far it came survives a restart.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

from hansa.client.files import write_over
from hansa.engines.reader import Reader
from hansa.engines.reading import KINDS, LAST_KEY, Reading
from hansa.engines.sealed import stands
from hansa.kernel import Struct, encode, limits, merkle
from hansa.kernel.canonical import Malformed, NotCanonical, decode_strict
from hansa.kernel.evidence import Header
from hansa.kernel.refusal import Refusal
from hansa.kernel.state import Damaged
from hansa.kernel.types import Natural
from hansa.node.logs import note

FILE = "scrub.json"
RECORDS_AT_ONCE, BLOCKS_AT_ONCE = 500, 8
REST = 100
"""So many times as long as it worked it rests: 1 % of the time; a million records take minutes."""
REST_MIN_S, REST_MAX_S = 0.02, 30.0
KEEP_EVERY_S = 30.0
PASS_EVERY_MS = limits.DAY_MS
TROUBLE_WAIT_S = 60.0


class Pass(Struct):
    """How far the reading came, and when it last was through."""

    table: str = ""
    """The table under way; "" before the first."""
    key: bytes = b""
    """The last key that was read in it."""
    height: Natural = 0
    """The last block that was read."""
    records: Natural = 0
    done_ms: Natural = 0
    """When everything was last read through; 0: never."""
    done_records: Natural = 0
    done_height: Natural = 0


def read_pass(folder: Path) -> Pass:
    """What is noted in a data directory; an empty one where nothing can be read."""
    try:
        return decode_strict((folder / FILE).read_bytes(), Pass)
    except (OSError, Malformed, NotCanonical):
        return Pass()


class Scrubber:
    """Reads on where it stopped. Used by one thread."""

    def __init__(self, folder: Path, reader: Reader, clock: Callable[[], int]) -> None:
        self._folder, self._reader, self._clock = folder, reader, clock
        self.at = read_pass(folder)
        self._tables: list[str] | None = None

    @property
    def is_due(self) -> bool:
        """Whether a pass is under way, or the last one is a day old."""
        under_way = bool(self.at.table or self.at.height)
        return under_way or self._clock() - self.at.done_ms >= PASS_EVERY_MS

    def step(self) -> None:
        """Read a little. Raises DamagedOnDisk, which has stopped the node then; StoreFault."""
        with self._reader.snapshot() as reading:
            if self._tables is None:
                self._tables = [table for table, _ in reading.rows.counts()]
            table = self.at.table or next(iter(self._tables), "")
            if self.at.height == 0 and table and self._records(reading, table):
                return
            if self._blocks(reading):
                return
            found = self.at
        self.at = Pass(done_ms=self._clock(), done_records=found.records, done_height=found.height)
        self._tables = None
        self.keep()

    def _records(self, reading: Reading, table: str) -> bool:
        """The next records; False where there are none left in any table."""
        assert self._tables is not None
        start = self.at.key + b"\x00" if self.at.key else b""
        page = reading.rows.scan(table, start, LAST_KEY, RECORDS_AT_ONCE, False)
        if page:
            self._move(table, page[-1][0], self.at.records + len(page))
            return True
        later = next((name for name in self._tables if name > table), "")
        if later:
            self._move(later, b"", self.at.records)
        return bool(later)

    def _move(self, table: str, key: bytes, records: int) -> None:
        self.at = Pass(
            table=table, key=key, records=records, done_ms=self.at.done_ms,
            done_records=self.at.done_records, done_height=self.at.done_height,
        )  # fmt: skip

    def _blocks(self, reading: Reading) -> bool:
        first = self.at.height + 1
        last = min(reading.height, first + BLOCKS_AT_ONCE - 1)
        for height in range(first, last + 1):
            _check_block(reading, height)
        if last < first:
            return False
        self.at = Pass(
            table=self.at.table, height=last, records=self.at.records, done_ms=self.at.done_ms,
            done_records=self.at.done_records, done_height=self.at.done_height,
        )  # fmt: skip
        return True

    def keep(self) -> None:
        """Note how far it came. Raises OSError."""
        write_over(self._folder / FILE, encode(self.at))

    def run(self, over: Event) -> None:
        """Until it is over, or damage was met: then the node has stopped."""
        kept_s, wait_s = time.monotonic(), REST_MIN_S
        while not over.wait(wait_s):
            if not self.is_due:
                wait_s = REST_MAX_S
                continue
            started_s = time.monotonic()
            try:
                self.step()
                if started_s - kept_s >= KEEP_EVERY_S:
                    self.keep()
                    kept_s = started_s
            except Refusal as refusal:
                note("scrub", 30, code=refusal.code, cause=refusal.en)
                return
            except OSError as error:
                note("scrub", 30, cause=str(error))
                wait_s = TROUBLE_WAIT_S
                continue
            wait_s = min(REST_MAX_S, max(REST_MIN_S, REST * (time.monotonic() - started_s)))


def _check_block(reading: Reading, height: int) -> None:
    """Raises Damaged where a block, its place in the log, or its signed header is not what it was."""
    try:
        sound = _is_signed(reading, height)
        for kind in KINDS if sound and height >= reading.blocks_from() else ():
            reading.items(kind, height)
    except (ValueError, TypeError):  # Damage may also turn bytes into text or number.
        sound = False
    if not sound:
        raise Damaged(f"block {height} was damaged on disk; restore a backup")


def _is_signed(reading: Reading, height: int) -> bool:
    leaf_bytes, header_bytes = reading.rows.block_at(height)
    leaf, signed = reading.leaf(height), reading.header(height)

    def same(level: int, index: int, value: bytes) -> None:
        if reading.rows.node(level, index) != value:
            raise ValueError("a node of the block log is another one")

    app_hash = merkle.append(height - 1, merkle.leaf_hash(leaf_bytes), reading.rows.node, same).hex()
    header = Header(chain=reading.chain.id, height=height, time_ms=leaf.time_ms, app_hash=app_hash)
    return (
        isinstance(header_bytes, bytes)
        and signed.header == header
        and stands(signed, reading.genesis, reading.operator_key(height))
    )


@contextmanager
def scrubbing(folder: Path, reader: Reader, clock: Callable[[], int]) -> Iterator[None]:
    """Within: the node's records and blocks are read through again and again."""
    over = Event()
    thread = Thread(target=Scrubber(folder, reader, clock).run, args=(over,), name="scrubber", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(REST_MAX_S)
