"""Snapshots for those who join (rule 19), in the engine's frame: taken every so many heights, kept a few.

All nodes take them at the same heights of the engine and get the same bytes, so that a joiner may have its
chunks from several. Chunk 0 is the manifest, whose SHA-256 is the snapshot's hash; the others are its files
one after the other, several small ones in one chunk. The writer goes on meanwhile: only its view is held, and
files are written beside it.
"""

import hashlib
from collections.abc import Callable
from contextlib import ExitStack
from threading import Thread

from hansa.engines.cometbft import messages as abci
from hansa.engines.cometbft.shelf import Shelf
from hansa.engines.reader import Reader
from hansa.engines.snapshot import MANIFEST, Chunk, Manifest, write_chunks
from hansa.kernel import Refusal
from hansa.kernel.apply import MACHINE_FAULTS, Incident
from hansa.kernel.canonical import decode_strict
from hansa.kernel.refusal import shown

FORMAT = 1
PARCEL_BYTES_MAX = 2**20
"""Of files that travel together: part of the format, since both sides reckon by it."""
CHUNK_MESSAGE_BYTES_MAX = 16_000_000
"""The engine carries no larger chunk."""


def parcels(manifest: Manifest) -> list[tuple[Chunk, ...]]:
    """Which files of a snapshot travel together: as many as fit into PARCEL_BYTES_MAX, in their order."""
    found: list[list[Chunk]] = []
    size = PARCEL_BYTES_MAX
    for each in manifest.chunks:
        size += each.size
        if size > PARCEL_BYTES_MAX:
            found.append([])
            size = each.size
        found[-1].append(each)
    return [tuple(each) for each in found]


Beside = Callable[[Callable[[], None]], None]
"""Has work done beside the writer: in a thread; in a simulation at once."""


def in_thread(work: Callable[[], None]) -> None:
    """Done while the caller goes on; a process that ends does not wait for it."""
    Thread(target=work, name="snapshot", daemon=True).start()


def at_once(work: Callable[[], None]) -> None:
    """Done before the caller goes on."""
    work()


class Giving:
    """The snapshots of this node. Called by the writer's thread; files are written `beside` it."""

    def __init__(
        self,
        shelf: Shelf,
        *,
        interval: int,
        kept: int,
        tell: Callable[[Incident], None],
        beside: Beside = in_thread,
    ) -> None:
        self._shelf, self._interval, self._kept = shelf, interval, kept
        self._tell, self._beside = tell, beside
        self._busy = False
        self._known: dict[int, tuple[abci.Snapshot, Manifest]] = {}
        shelf.drop_unfinished()

    def is_due(self, engine_height: int) -> bool:
        """At the same heights on all nodes."""
        return self._interval > 0 and engine_height % self._interval == 0

    def take(self, reader: Reader, engine_height: int) -> bool:
        """Begin a snapshot of the state as it stands right now; False where one is still being written.

        Trouble with it is an incident: other nodes have the same one.
        """
        if self._busy:
            return False
        stack = ExitStack()
        try:
            view = stack.enter_context(reader.snapshot())
        except (*MACHINE_FAULTS, Refusal) as fault:
            self._failed(engine_height, fault)
            return False
        self._busy = True

        def put(name: str, data: bytes) -> None:
            self._shelf.put(engine_height, name, data)

        def work() -> None:
            try:
                with stack:
                    self._shelf.drop(engine_height)
                    write_chunks(view, put, engine_height=engine_height)
                for old in self._shelf.heights()[: -self._kept]:
                    self._shelf.drop(old)
            except (*MACHINE_FAULTS, Refusal) as fault:
                self._failed(engine_height, fault)
            finally:
                self._busy = False

        self._beside(work)
        return True

    def _failed(self, engine_height: int, fault: BaseException) -> None:
        cause = shown(f"height {engine_height}: {type(fault).__name__}: {fault}")
        self._tell(Incident("snapshot_unwritten", cause))

    def oldest(self) -> int:
        """Height of the oldest snapshot that is kept; 0: there is none."""
        return min(self._shelf.heights(), default=0)

    def listed(self) -> tuple[abci.Snapshot, ...]:
        """Those that are whole and can be read, oldest first."""
        heights = self._shelf.heights()
        self._known = {height: known for height, known in self._known.items() if height in heights}
        found = (self._looked_up(height) for height in heights)
        return tuple(each[0] for each in found if each is not None)

    def chunk(self, height: int, number: int) -> bytes:
        """A chunk's bytes; empty where this node no longer has it."""
        known = self._looked_up(height)
        if known is None or not 0 <= number < known[0].chunks:
            return b""
        try:
            if not number:
                return self._shelf.get(height, MANIFEST)
            together = parcels(known[1])[number - 1]
            return b"".join(self._shelf.get(height, each.name) for each in together)
        except OSError as fault:
            self._failed(height, fault)
            return b""

    def _looked_up(self, height: int) -> tuple[abci.Snapshot, Manifest] | None:
        if height not in self._known:
            try:
                data = self._shelf.get(height, MANIFEST)
                manifest = decode_strict(data, Manifest)
            except (OSError, Refusal) as fault:
                if not isinstance(fault, FileNotFoundError):
                    self._failed(height, fault)
                return None
            count = 1 + len(parcels(manifest))
            offered = abci.Snapshot(height, FORMAT, count, hashlib.sha256(data).digest())
            self._known[height] = offered, manifest
        return self._known[height]
