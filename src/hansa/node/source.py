"""Where a whole ledger is read from: a node's directory, running or not, or a node over HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Protocol

import msgspec

from hansa.apps.consortium.handovers import Handover
from hansa.client.http import Http
from hansa.engines import errors as engine_errors
from hansa.engines.blocks import unpack_blocks
from hansa.engines.founding import found
from hansa.engines.reader import Reader
from hansa.engines.reading import Reading
from hansa.kernel import Registry, Release, encode
from hansa.kernel.apply import BlockLeaf
from hansa.kernel.evidence import SignedHeader
from hansa.kernel.signatures import VerifiedCache
from hansa.node import errors
from hansa.node.commits import FILE as COMMITS
from hansa.node.commits import kept_changes, kept_head
from hansa.node.routes.blocks import Contents, Records
from hansa.node.settings import GENESIS, LEDGER

BLOCKS_PER_READ = 100
RECORDS_PER_READ = 1_000


class Whole(NamedTuple):
    """A block with all that it led to. `kept` is False where a node keeps leaf and header only."""

    leaf: BlockLeaf
    header: SignedHeader
    kept: bool
    wires: tuple[bytes, ...] = ()
    outcomes: tuple[bytes, ...] = ()
    events: tuple[bytes, ...] = ()


class Source(Protocol):
    """A ledger as it stands at `height`."""

    genesis_bytes: bytes
    registry: Registry
    height: int

    def blocks(self) -> Iterator[Whole]:
        """Every block from 1 to `height`."""
        ...

    def records(self, table: str) -> Iterator[tuple[bytes, bytes]]:
        """(key, stored bytes) of every record of a table, in order of their keys."""
        ...

    def commits(self) -> tuple[tuple[Handover, ...], SignedHeader | None]:
        """Of a network: each change of the validator set, and the newest head with a commit."""
        ...


class InDirectory:
    """A snapshot of a directory's ledger: it stands still, and no node is disturbed."""

    def __init__(self, genesis_bytes: bytes, reading: Reading, folder: Path | None = None) -> None:
        self.genesis_bytes, self.reading, self.folder = genesis_bytes, reading, folder
        self.registry, self.height = reading.registry, reading.height

    def blocks(self) -> Iterator[Whole]:
        reading = self.reading
        for height in range(1, self.height + 1):
            try:
                parts = [tuple(reading.items(kind, height)) for kind in ("transaction", "outcome", "event")]
            except engine_errors.Pruned:
                yield Whole(reading.leaf(height), reading.header(height), False)
            else:
                yield Whole(reading.leaf(height), reading.header(height), True, *parts)

    def records(self, table: str) -> Iterator[tuple[bytes, bytes]]:
        after = b""
        while page := self.reading.records(table, after, RECORDS_PER_READ):
            yield from page
            after = page[-1][0]

    def commits(self) -> tuple[tuple[Handover, ...], SignedHeader | None]:
        if self.folder is None or not self.reading.genesis.is_network:
            return (), None
        return kept_changes(self.folder / COMMITS), kept_head(self.folder / COMMITS, self.height)


def directory_reader(directory: Path, release: Release) -> tuple[bytes, Reader]:
    """Genesis file and a reader of a data directory. Raises FileMissing, or a refusal of the genesis file."""
    for name in (GENESIS, LEDGER):
        if not (directory / name).is_file():
            raise errors.FileMissing(path=str(directory / name))
    genesis_bytes = (directory / GENESIS).read_bytes()
    founded = found(genesis_bytes, release, VerifiedCache().verify)
    return genesis_bytes, Reader(directory / LEDGER, founded.chain, founded.genesis)


@contextmanager
def in_directory(directory: Path, release: Release) -> Iterator[InDirectory]:
    """The ledger of a data directory, for a `with`."""
    genesis_bytes, reader = directory_reader(directory, release)
    try:
        with reader.snapshot() as reading:
            yield InDirectory(genesis_bytes, reading, directory)
    finally:
        reader.close()


class AtUrl:
    """A node's ledger up to its height now; records are as they stand when they are read."""

    def __init__(self, http: Http, release: Release) -> None:
        self._http = http
        self.genesis_bytes = http.genesis()
        self._head = http.head()
        self.height = self._head.header.height if self._head else 0
        self.registry = release.registry()

    def blocks(self) -> Iterator[Whole]:
        height = 0
        while height < self.height:
            asked = (("from", str(height + 1)), ("limit", str(BLOCKS_PER_READ)))
            page = unpack_blocks(self._http.get("/v1/blocks", asked))
            if not page or page[0].leaf.height != height + 1:
                raise engine_errors.NotOnLedger(kind="block", height=height + 1, index=0)
            for block in page:
                height = block.leaf.height
                if height > self.height:
                    return
                shown = msgspec.json.decode(self._http.get(f"/v1/blocks/{height}/contents"), type=Contents)
                outcomes = tuple(map(encode, shown.outcomes))
                yield Whole(block.leaf, block.header, True, block.wires, outcomes, shown.events)

    def records(self, table: str) -> Iterator[tuple[bytes, bytes]]:
        after = ""
        while True:
            asked = (
                ("table", table),
                ("limit", str(RECORDS_PER_READ)),
                *([("after", after)] if after else []),
            )
            page = msgspec.json.decode(self._http.get("/v1/records", asked), type=Records)
            yield from ((row.key, row.value) for row in page.records)
            if not page.next:
                return
            after = msgspec.to_builtins(page.next)

    def commits(self) -> tuple[tuple[Handover, ...], SignedHeader | None]:
        if self._head is None or self._head.commit is None:
            return (), None
        changes = self._http.handovers()
        return tuple(one for one in changes if one.head.header.height <= self.height), self._head
