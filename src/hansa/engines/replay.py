"""Execute the log again, alone: the same blocks must lead to the same leaves, outcomes, events and state.

What a follower does block by block, what `hansa doctor` does from the start, and what shows that a release
still computes what its forerunners did.
"""

from collections.abc import Iterator
from typing import Protocol

from hansa.apps.consortium.messages import Genesis
from hansa.engines import errors
from hansa.engines.founding import found
from hansa.engines.operators import operator_key
from hansa.engines.sealed import stands
from hansa.kernel import Refusal, Registry, Release, encode, lthash, merkle
from hansa.kernel.apply import Applied, Block, BlockLeaf, apply
from hansa.kernel.canonical import decode
from hansa.kernel.evidence import Header, SignedHeader
from hansa.kernel.facts import read_facts
from hansa.kernel.signatures import VerifiedCache
from hansa.kernel.state import Committed, MemoryStore


class Log(Protocol):
    """The blocks as a node has them. An engine's store is one."""

    def height(self) -> int: ...

    def block(self, height: int) -> tuple[bytes, bytes] | None:
        """(leaf, signed header)."""
        ...

    def transactions(self, height: int) -> list[tuple[bytes, bytes]]:
        """(wire, outcome) of each, in order."""
        ...

    def events(self, height: int) -> list[bytes]: ...


class Replica:
    """A state of its own, in memory, that grows by executing blocks."""

    def __init__(
        self, genesis: bytes, release: Release | Registry, *, cache_records: int | None = 100_000
    ) -> None:
        founded = found(genesis, release, VerifiedCache().verify)
        self.genesis = founded.genesis
        self.chain = founded.chain
        self.height = 0
        self.time_ms = founded.genesis.created_ms
        self.state_sum = founded.state_sum
        self.app_hash = merkle.EMPTY_ROOT.hex()
        self._store = MemoryStore()
        self._store.write(founded.changes)
        self._state = Committed(self._store, cache_records)
        self._nodes: dict[tuple[int, int], bytes] = {}

    def execute(self, block: Block) -> Applied:
        """Apply the next block and move on to the state after it."""
        applied = apply(self.chain, self._state, self.state_sum, block)
        self._store.write(applied.changes)
        for name, entry in applied.entries.items():
            self._state.remember(name, entry)
        self.state_sum = applied.state_sum
        if applied.leaf is not None:
            leaf_hash = merkle.leaf_hash(encode(applied.leaf))
            root = merkle.append(self.height, leaf_hash, self._node, self._put_node)
            self.height, self.time_ms, self.app_hash = block.height, block.time_ms, root.hex()
        return applied

    def _node(self, level: int, index: int) -> bytes:
        return self._nodes[level, index]

    def _put_node(self, level: int, index: int, value: bytes) -> None:
        self._nodes[level, index] = value


def replay(
    log: Log, genesis: bytes, release: Release | Registry, *, cache_records: int | None = 100_000
) -> Replica:
    """Execute every block of a log from genesis on.

    Returns the replica at the log's height. Raises HistoryBroken, which names the first block whose leaf,
    outcomes, events, header or signature is not what its transactions lead to.
    """
    replica = Replica(genesis, release, cache_records=cache_records)
    for height in range(1, log.height() + 1):
        if not _same(log, replica, height):
            raise errors.HistoryBroken(height=height)
    return replica


def _same(log: Log, replica: Replica, height: int) -> bool:
    found_block = log.block(height)
    if found_block is None:
        return False
    leaf_bytes, header_bytes = found_block
    try:
        leaf, signed = decode(leaf_bytes, BlockLeaf), decode(header_bytes, SignedHeader)
    except ValueError:
        return False
    rows = log.transactions(height)
    if leaf.time_ms < replica.time_ms or not _facts_fit(leaf, replica.genesis):
        return False
    applied = replica.execute(Block(height, leaf.time_ms, [wire for wire, _ in rows], leaf.engine))
    header = Header(chain=replica.chain.id, height=height, time_ms=leaf.time_ms, app_hash=replica.app_hash)
    return (
        applied.leaf == leaf
        and encode(leaf) == leaf_bytes
        and [encode(outcome) for outcome in applied.outcomes] == [outcome for _, outcome in rows]
        and list(applied.events) == log.events(height)
        and signed.header == header
        and stands(signed, replica.genesis, operator_key(replica._state, replica.genesis, height))
    )


def _facts_fit(leaf: BlockLeaf, genesis: Genesis) -> bool:
    """Whether what the leaf says of its engine is what an engine of this kind of chain says."""
    try:
        return (read_facts(leaf.engine) is not None) == genesis.is_network
    except Refusal:
        return False


class Records(Protocol):
    """All records that rest on a disk."""

    def records(self) -> Iterator[tuple[str, bytes, bytes]]: ...


def scrub(records: Records, state_digest: str) -> int:
    """Read every record and sum them anew: finds what was changed, added or lost.

    Returns their number. Raises RecordsBroken if they are not those of the digest in the last block's leaf,
    Damaged at the first record that does not match its checksum.
    """
    count, total, page = 0, lthash.EMPTY, []
    for table, key, value in records.records():
        count += 1
        page.append(lthash.element(table, key, value))
        if len(page) == SCRUB_PAGE:
            total, page = lthash.update(total, [], page), []
    if lthash.digest(lthash.update(total, [], page)) != state_digest:
        raise errors.RecordsBroken()
    return count


SCRUB_PAGE = 1_000
"""Elements summed at a time: 2 MB."""
