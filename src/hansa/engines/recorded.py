"""Blocks as they were decided, in a file: executed again by any engine they must lead to the same app hash.

JSON lines under gzip: the genesis file first, then each block with height, time, facts of its engine,
transactions, and the root of the log that it led to where it was recorded.
"""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from hansa.apps.consortium.messages import Genesis
from hansa.engines import errors
from hansa.engines.cometbft import messages as abci
from hansa.engines.cometbft.application import Application, Policy
from hansa.engines.founding import found
from hansa.engines.ledger import Ledger
from hansa.engines.reader import Reader
from hansa.engines.replay import Replica
from hansa.engines.sealed import sealed
from hansa.engines.store import IN_MEMORY
from hansa.kernel import Hash, Positive, Registry, Release, Struct, TimeMs, encode
from hansa.kernel.apply import Block
from hansa.kernel.canonical import Malformed, decode_strict
from hansa.kernel.facts import read_facts
from hansa.kernel.signatures import VerifiedCache

LINE_BYTES_MAX = 2**26
MEMORY = Path(IN_MEMORY)


class RecordedChain(Struct):
    """The first line."""

    genesis: bytes


class RecordedBlock(Struct):
    """Every other line."""

    height: Positive
    time_ms: TimeMs
    app_hash: Hash
    """Root of the log with this block, where it was recorded."""
    engine: str = ""
    """As it stands in the leaf; empty: the embedded engine made it."""
    wires: tuple[bytes, ...] = ()


class Recording(NamedTuple):
    genesis: bytes
    blocks: tuple[RecordedBlock, ...]


def record(reader: Reader, genesis: bytes, path: Path) -> int:
    """Write all blocks of a ledger; returns their number. Raises Pruned where not all are kept."""
    with reader.snapshot() as view, gzip.GzipFile(path, "wb", mtime=0) as out:
        out.write(encode(RecordedChain(genesis=genesis)) + b"\n")
        for height in range(1, view.height + 1):
            block = view.block(height)
            line = RecordedBlock(
                height=height,
                time_ms=block.leaf.time_ms,
                app_hash=block.header.header.app_hash,
                engine=block.leaf.engine,
                wires=block.wires,
            )
            out.write(encode(line) + b"\n")
        return view.height


def recorded(path: Path) -> Recording:
    """Read a recording. Raises OSError, Malformed or NotCanonical."""
    try:
        with gzip.open(path, "rb") as file:
            lines = _lines(file)
            first = decode_strict(next(lines, b""), RecordedChain)
            blocks = tuple(decode_strict(line, RecordedBlock) for line in lines)
    except EOFError:
        raise Malformed(detail="the file ends in the middle") from None
    except zlib.error as error:
        raise Malformed(detail=str(error)) from None
    for height, block in enumerate(blocks, 1):
        if block.height != height:
            raise Malformed(detail=f"block {block.height} stands where {height} should")
    return Recording(first.genesis, blocks)


def _lines(file: gzip.GzipFile) -> Iterator[bytes]:
    while line := file.readline(LINE_BYTES_MAX):
        yield line.removesuffix(b"\n")


# Executing it. Each gives the roots after the blocks in order, and raises HistoryBroken at the first that is
# not the recorded one.


def through_ledger(recording: Recording, release: Release | Registry, path: Path = MEMORY) -> list[str]:
    """By what the embedded engine stands on: executed and committed on disk."""
    ledger = Ledger(path, found(recording.genesis, release, VerifiedCache().verify))
    try:
        return [_agreed(block, _ledgers(ledger, block)) for block in recording.blocks]
    finally:
        ledger.close()


def _ledgers(ledger: Ledger, block: RecordedBlock) -> str:
    applied = ledger.execute(_block(block))
    if applied.leaf is not None:
        ledger.commit(applied, lambda header: encode(sealed(header)))
    return ledger.app_hash


def through_replica(recording: Recording, release: Release | Registry) -> list[str]:
    """By a state in memory, as a check of the whole log does."""
    replica = Replica(recording.genesis, release)

    def root(block: RecordedBlock) -> str:
        replica.execute(_block(block))
        return replica.app_hash

    return [_agreed(block, root(block)) for block in recording.blocks]


def through_application(recording: Recording, registry: Registry, path: Path = MEMORY) -> list[str]:
    """By FinalizeBlock and Commit of a network's application. Heights of the engine at which nothing was left
    behind are empty blocks again.
    """
    application = _Again(
        path, recording.genesis, lambda: 0, registry=registry, policy=Policy(snapshot_interval=0)
    )
    try:
        return [_agreed(block, application.root(block)) for block in recording.blocks]
    finally:
        application.close()


class _Again(Application):
    """Executes blocks of either kind of chain, each with the facts that were recorded of it."""

    recorded_facts = ""

    def _check_genesis(self, genesis: Genesis) -> None:
        """Either kind."""

    def _facts(self, asked: abci.FinalizeBlock) -> str:
        return self.recorded_facts

    def root(self, block: RecordedBlock) -> str:
        facts = read_facts(block.engine)
        self.recorded_facts = block.engine
        height = facts.height if facts else self.engine_height + 1
        for rested in range(self.engine_height + 1, height):
            self._make(abci.FinalizeBlock(height=rested, time_ns=self.ledger.time_ms * abci.NS_PER_MS))
        asked = abci.FinalizeBlock(block.wires, height=height, time_ns=block.time_ms * abci.NS_PER_MS)
        return self._make(asked)

    def _make(self, asked: abci.FinalizeBlock) -> str:
        answer = self.finalize_block(asked)
        self.commit(abci.Commit())
        return answer.app_hash.hex()


def _block(block: RecordedBlock) -> Block:
    return Block(block.height, block.time_ms, block.wires, block.engine)


def _agreed(block: RecordedBlock, root: str) -> str:
    if root != block.app_hash:
        raise errors.HistoryBroken(height=block.height)
    return root
