"""A snapshot (rule 19): the state at a height in files that anyone can check. The node goes on meanwhile.

A folder holds `manifest.json` and chunks. A chunk is a sequence of pairs of byte strings, each string after
its length in 4 bytes, big-endian: (key, stored bytes) of records of one table in key order, or (leaf, signed
header) of blocks in the order of their heights. A chunk has at most 1 MiB, unless one pair alone is larger.
The manifest is the canonical JSON of `Manifest`: the hash and size of every chunk, the last leaf, the signed
header over it, the handovers by which its signer became the operator, and the frontier of the log of blocks:
the hashes of its complete subtrees, largest first.

Nothing in it is believed. The header is signed by the operator, whose key comes from the genesis file and the
handovers, never from the records; the leaves lead to its `app_hash`; the records, summed anew, lead to the
state digest in the last leaf. Records stand in strict order of table and key: none can come twice, since what
is summed 2^16 times adds nothing to the sum. A chunk's hash only says early which file is broken.

A network's snapshot has no signature: its `app_hash` is shown by a commit of the validators. It is the same,
byte for byte, on every node that takes it at one height of the engine.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from hansa.apps.consortium.handovers import Handover
from hansa.engines.durable import write_durably
from hansa.engines.reader import Reader
from hansa.engines.reading import Reading
from hansa.kernel import Refusal, encode, merkle, replace
from hansa.kernel.apply import BlockLeaf
from hansa.kernel.canonical import decode_strict
from hansa.kernel.evidence import SignedHeader
from hansa.kernel.types import Hash, Natural, Positive, Struct

CHUNK_BYTES_MAX = 2**20
PAIR_BYTES_MAX = 2**24
"""Bound on one pair, so that a broken length asks for no memory."""
MANIFEST_BYTES_MAX = 2**26
MANIFEST = "manifest.json"
Kind = Literal["records", "blocks"]

Pair = tuple[bytes, bytes]
Put = Callable[[str, bytes], None]
"""Keeps a file under its name, durably."""
Progress = Callable[[int, int], None]
"""Called with what is done and what there is in all, rows; may raise to cancel."""


class Chunk(Struct):
    """A file of the snapshot."""

    name: str
    kind: Kind
    rows: Positive
    size: Positive
    sha256: Hash
    table: str = ""
    """Whose records; empty for blocks."""


class TableCount(Struct):
    table: str
    rows: Positive


class Manifest(Struct):
    """What a snapshot says of itself."""

    format: Literal["hansa-snapshot-1"]
    chain: Hash
    height: Natural
    app_hash: Hash
    tables: tuple[TableCount, ...]
    chunks: tuple[Chunk, ...]
    frontier: tuple[Hash, ...] = ()
    leaf: BlockLeaf | None = None
    """Of the last block; none at height 0."""
    header: SignedHeader | None = None
    engine_height: Natural = 0
    """Of a network's engine; its next block is the first one that is not in here."""
    handovers: tuple[Handover, ...] = ()
    """Each change of the cosigners since genesis, signed by a quorum of the set before, as far as known."""


class Broken(Refusal, code="engine.snapshot_broken", field="snapshot"):
    zh = "快照或备份不可用：{what}（{detail}）。请换用另一份。"
    en = "The snapshot or backup cannot be used: {what} ({detail}). Take another one."


class Unsigned(Refusal, code="engine.snapshot_unsigned", field="header"):
    zh = (
        "快照的区块头（高度 {height}）不是由 {operator} 签名：依创世文件及所附的历次交接，运营方应为该单位。"
        "不予采用；请由知悉全部交接的节点重做快照，或从创世复制。"
    )
    en = (
        "The header of the snapshot, at height {height}, is not signed by {operator}, the operator by the "
        "genesis file and the handovers in it: it is not used. Have a node that knows all handovers make "
        "another, or copy from genesis."
    )


class OfNetwork(Refusal, code="engine.snapshot_of_network", field="snapshot"):
    zh = (
        "这是网络的快照，由共识引擎排序的账本不能从文件夹恢复：引擎须自己从其他节点取得同一高度的状态。"
        "请用 hansa network join 加入，或从备份恢复账本并由引擎补齐其后的区块。"
    )
    en = (
        "This is a network's snapshot. A ledger behind a consensus engine is not restored from a folder: the "
        "engine has to take the state of that height from other nodes by itself. Join with `hansa network "
        "join`, or restore the ledger from a backup and let the engine send the blocks that follow."
    )


class FolderTaken(Refusal, code="engine.folder_taken", field="path"):
    zh = "{path} 已存在。请另选位置；恢复和备份从不覆盖已有文件。"
    en = "{path} exists already. Choose another place: backup and restore never overwrite what is there."


def write_snapshot(
    reader: Reader, folder: Path, progress: Progress | None = None, handovers: Sequence[Handover] = ()
) -> Manifest:
    """Write the state at the newest height into a new folder; the node goes on meanwhile.

    `handovers`: those that the node knows, oldest first; without them a snapshot from after a change of the
    operator can be used by nobody. The manifest comes last: a folder without one is not a snapshot. Raises
    FolderTaken, StoreFault, OSError, DamagedOnDisk where a record does not match its checksum.
    """
    if folder.exists():
        raise FolderTaken(path=str(folder))
    folder.mkdir(parents=True)
    with reader.snapshot() as view:
        known = tuple(each for each in handovers if each.head.header.height <= view.height)
        return write_chunks(view, into(folder), progress, handovers=known)


def into(folder: Path) -> Put:
    """Files of a folder."""
    return lambda name, data: write_durably(folder / name, data)


def write_chunks(view: Reading, put: Put, progress: Progress | None = None, **more: Any) -> Manifest:
    """Put every chunk of a state that stands still, then the manifest. `more`: further fields of it."""
    counts = [TableCount(table=table, rows=rows) for table, rows in view.rows.counts()]
    total = sum(count.rows for count in counts) + view.height
    writer = _Writer(put, total, progress)
    for count in counts:
        writer.write("records", _records(view, count.table), count.table)
    writer.write("blocks", map(view.rows.block_at, range(1, view.height + 1)))
    manifest = replace(_manifest(view, tuple(counts), tuple(writer.chunks)), **more)
    put(MANIFEST, encode(manifest))
    return manifest


def _manifest(view: Reading, counts: tuple[TableCount, ...], chunks: tuple[Chunk, ...]) -> Manifest:
    head = view.head()
    return Manifest(
        format="hansa-snapshot-1",
        chain=view.chain.id,
        height=view.height,
        app_hash=head.header.app_hash if head else merkle.EMPTY_ROOT.hex(),
        tables=counts,
        chunks=chunks,
        frontier=tuple(view.rows.node(*peak).hex() for peak in merkle.peaks(view.height)),
        leaf=view.leaf(view.height) if head else None,
        header=head,
    )


def _records(view: Reading, table: str) -> Iterator[Pair]:
    after = b""
    while rows := view.records(table, after, 1_000):
        yield from rows
        after = rows[-1][0]


class _Writer:
    """Writes pairs into chunks, and keeps their hashes."""

    def __init__(self, put: Put, total: int, progress: Progress | None) -> None:
        self.chunks: list[Chunk] = []
        self._keep, self._total, self._progress = put, total, progress
        self._done = 0

    def write(self, kind: Kind, pairs: Iterable[Pair], table: str = "") -> None:
        parts: list[bytes] = []
        size = rows = 0
        for one, two in pairs:
            more = 8 + len(one) + len(two)
            if rows and size + more > CHUNK_BYTES_MAX:
                self._put(kind, table, parts, rows)
                parts, size, rows = [], 0, 0
            parts += (len(one).to_bytes(4, "big"), one, len(two).to_bytes(4, "big"), two)
            size += more
            rows += 1
        if rows:
            self._put(kind, table, parts, rows)

    def _put(self, kind: Kind, table: str, parts: list[bytes], rows: int) -> None:
        data = b"".join(parts)
        name = f"{kind}-{len(self.chunks):06}.bin"
        self._keep(name, data)
        digest = hashlib.sha256(data).hexdigest()
        self.chunks.append(Chunk(name=name, kind=kind, rows=rows, size=len(data), sha256=digest, table=table))
        self._done += rows
        if self._progress is not None:
            self._progress(self._done, self._total)


# Reading it back.


def read_manifest(folder: Path) -> Manifest:
    """What a snapshot says of itself, well formed; nothing of it is checked yet. Raises Broken."""
    path = folder / MANIFEST
    try:
        if path.stat().st_size > MANIFEST_BYTES_MAX:
            raise Broken(what=MANIFEST, detail="too large")
        return decode_strict(path.read_bytes(), Manifest)
    except OSError as fault:
        raise Broken(what=MANIFEST, detail=str(fault)) from fault
    except Refusal as refusal:
        raise Broken(what=MANIFEST, detail=refusal.en) from refusal


def read_chunk(folder: Path, chunk: Chunk) -> list[Pair]:
    """The pairs of a chunk, if its size, hash, form and number are those of the manifest. Raises Broken."""
    path = folder / chunk.name
    try:
        if path.parent != folder or path.stat().st_size != chunk.size:
            raise Broken(what=chunk.name, detail="its size is not that of the manifest")
        data = path.read_bytes()
    except OSError as fault:
        raise Broken(what=chunk.name, detail=str(fault)) from fault
    return unpack_chunk(chunk, data)


def unpack_chunk(chunk: Chunk, data: bytes) -> list[Pair]:
    """The pairs in a chunk's bytes, if they are those of the manifest. Raises Broken.

    A large chunk holds one pair, so that millions of tiny ones ask for no memory.
    """
    if hashlib.sha256(data).hexdigest() != chunk.sha256:
        raise Broken(what=chunk.name, detail="its hash is not that of the manifest")
    if len(data) > CHUNK_BYTES_MAX and chunk.rows > 1:
        raise Broken(what=chunk.name, detail=f"{len(data)} bytes of {chunk.rows} rows are too many")
    pairs = list(islice(_pairs(data, chunk.name), chunk.rows + 1))
    if len(pairs) != chunk.rows:
        raise Broken(what=chunk.name, detail=f"its rows are not {chunk.rows}")
    return pairs


def _pairs(data: bytes, name: str) -> Iterator[Pair]:
    at = 0
    while at < len(data):
        middle = at + 4 + int.from_bytes(data[at : at + 4], "big")
        end = middle + 4 + int.from_bytes(data[middle : middle + 4], "big")
        if end > len(data) or end - at > PAIR_BYTES_MAX:
            raise Broken(what=name, detail="a length in it is wrong")
        yield data[at + 4 : middle], data[middle + 4 : end]
        at = end
