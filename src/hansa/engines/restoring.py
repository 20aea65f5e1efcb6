"""Back up whole, restore, and check a ledger as a whole before a node may use it (rules 19 and 20).

A backup is a copy of the ledger's file, with all blocks, taken by SQLite while the node goes on. What a
snapshot leaves out are the transactions, outcomes and events of past blocks. `signed.db` is part of neither:
what a key has signed is never taken back. So a restored node first hears from the followers
(`Embedded.recover`).
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from hansa.apps import rooms
from hansa.apps.consortium.handovers import followed
from hansa.engines import errors
from hansa.engines.durable import place, write_durably
from hansa.engines.founding import Founded, found
from hansa.engines.ledger import Ledger
from hansa.engines.reader import Reader, standing
from hansa.engines.reading import KINDS, Reading
from hansa.engines.replay import scrub
from hansa.engines.sealed import stands
from hansa.engines.snapshot import (
    MANIFEST,
    Broken,
    Chunk,
    FolderTaken,
    Manifest,
    OfNetwork,
    Pair,
    Progress,
    Unsigned,
    read_chunk,
    read_manifest,
)
from hansa.engines.store import SqliteStore, connect_to_read, faults
from hansa.kernel import Registry, Release, encode, lthash, merkle
from hansa.kernel.apply import BlockLeaf
from hansa.kernel.canonical import decode
from hansa.kernel.evidence import Header, SignedHeader, signed_by
from hansa.kernel.signatures import VerifiedCache
from hansa.kernel.state import Damaged, Name

LEDGER, ABOUT = "ledger.db", "backup.json"
Nodes = dict[tuple[int, int], bytes]
"""Nodes of the log of blocks by level and position."""
Read = Callable[[Chunk], list[Pair]]
"""The pairs of a chunk, checked by its hash. Raises Broken."""
PAGES_AT_ONCE = 1_024
"""4 MiB: how much is copied before progress is told, and whoever wants to can cancel."""


def write_backup(reader: Reader, folder: Path, progress: Progress | None = None) -> SignedHeader | None:
    """Copy a ledger as it stands into a new folder; the node goes on meanwhile. Returns the copy's head.

    Most of the work is SQLite's and the disk's, other threads of this process run on. `progress` counts
    pages. Raises FolderTaken, StoreFault, or what `progress` raises.
    """
    if folder.exists():
        raise FolderTaken(path=str(folder))
    folder.mkdir(parents=True)
    passing = folder / (LEDGER + ".part")
    with faults(), closing(sqlite3.connect(passing)) as target:
        source = connect_to_read(reader.path)
        assert isinstance(source, sqlite3.Connection)
        with closing(source):
            _copied(source, target, progress)
        # One file, not two, whose last write is on disk.
        target.execute("PRAGMA journal_mode=DELETE")
    place(passing, folder / LEDGER)
    with Reader(folder / LEDGER, reader.chain, reader.genesis).snapshot() as copy:
        head = copy.head()
    write_durably(folder / ABOUT, encode(head))
    return head


def restore_backup(
    folder: Path,
    path: Path,
    genesis: bytes,
    release: Release | Registry | None = None,
    progress: Progress | None = None,
) -> SignedHeader | None:
    """Lay a backup down as the ledger at `path`, after checking all of it. Returns its head.

    Raises FolderTaken, Broken, or what is wrong with the ledger in it: WrongGenesis, HistoryBroken,
    RecordsBroken, FileUnusable; or what `progress` raises.
    """
    with _restored(path, genesis, release) as (passing, founded):
        with faults():
            _copy(folder / LEDGER, passing, progress)
        ledger = _opened(passing, founded)
        with closing(ledger):
            check_whole(ledger, progress)
            ledger.store.note("restored", b"")
            return ledger.head()


def _copy(source: Path, target: Path, progress: Progress | None) -> None:
    if not source.is_file():
        raise Broken(what=source.name, detail="it is not there")
    with closing(connect_to_read(source)) as one, closing(sqlite3.connect(target)) as two:
        assert isinstance(one, sqlite3.Connection)
        _copied(one, two, progress)


def _copied(source: sqlite3.Connection, target: sqlite3.Connection, progress: Progress | None) -> None:
    """One state of the source, page by page, while others write to it."""
    source.execute("BEGIN")
    source.execute("SELECT count(*) FROM sqlite_master").fetchone()  # Here the view begins to stand still.

    def told(_: int, remaining: int, whole: int) -> None:
        if progress is not None:
            progress(whole - remaining, whole)

    source.backup(target, pages=PAGES_AT_ONCE, progress=told, sleep=0)
    source.execute("ROLLBACK")


def restore_snapshot(
    folder: Path,
    path: Path,
    genesis: bytes,
    release: Release | Registry | None = None,
    progress: Progress | None = None,
) -> Manifest:
    """Lay a snapshot down as the ledger at `path`, after checking all of it against the signed header.

    Who may sign that header is found by the genesis file and the handovers, each signed by the set before;
    the records have no say in it. The node then has the state, and all leaves and headers; of blocks it has
    what comes after. Raises FolderTaken, Broken, Unsigned, OfNetwork, WrongGenesis, HistoryBroken.
    """
    manifest = read_manifest(folder)
    with _restored(path, genesis, release) as (passing, founded):
        if manifest.chain != founded.chain.id:
            raise errors.WrongGenesis(chain=manifest.chain[:12])
        if founded.genesis.is_network:
            raise OfNetwork()
        _check_signer(manifest, founded)
        with closing(SqliteStore(passing)) as store, store.commit():
            _load(store, lambda chunk: read_chunk(folder, chunk), manifest, progress)
            store.set_meta("restored", b"")
        ledger = _opened(passing, founded)
        with closing(ledger):
            if not _as_it_says(ledger, manifest):
                raise Broken(what=MANIFEST, detail="what it says is not what the chunks hold")
            check_log(ledger, signatures=True)
    return manifest


def _check_signer(manifest: Manifest, founded: Founded) -> None:
    """Whether the operator signed the header, by the genesis file and the handovers. Raises Unsigned."""
    if manifest.header is None:
        return
    height = manifest.header.header.height
    operator = followed(founded.genesis, founded.chain.id, height, manifest.handovers)
    if not signed_by(manifest.header, operator.public):
        raise Unsigned(height=height, operator=operator.operator)


@contextmanager
def _restored(
    path: Path, genesis: bytes, release: Release | Registry | None
) -> Iterator[tuple[Path, Founded]]:
    """A file to be built beside `path`, which takes its place once all was found right."""
    founded = found(genesis, release or rooms.release(), VerifiedCache().verify)
    if path.exists():
        raise FolderTaken(path=str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    passing = path.with_name(path.name + ".part")
    _removed(passing)
    try:
        yield passing, founded
    except BaseException:
        _removed(passing)
        raise
    place(passing, path)


def _removed(passing: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        passing.with_name(passing.name + suffix).unlink(missing_ok=True)


def _opened(passing: Path, founded: Founded) -> Ledger:
    try:
        return Ledger(passing, founded)
    except OSError as fault:
        raise errors.FileUnusable(path=str(passing), cause=str(fault)) from fault


# From chunks to a file.


def adopt(ledger: Ledger, manifest: Manifest, read: Read, notes: Mapping[str, bytes]) -> None:
    """Lay a network's snapshot down in an open ledger that holds no block yet, in one commit: whole or not at
    all. `notes` are small facts that become durable with it.

    Nothing in it is believed but the manifest's `app_hash`, for which the caller answers. Raises Broken,
    WrongGenesis, HistoryBroken; then the ledger is as it was.
    """
    store = ledger.store
    if manifest.chain != ledger.chain.id:
        raise errors.WrongGenesis(chain=manifest.chain[:12])
    with store.commit():
        store.drop_records()
        store.drop_meta("stopped")
        state_sum = _load(store, read, manifest, None)
        for name, value in notes.items():
            store.set_meta(name, value)
        try:
            _check_adopted(ledger, manifest, state_sum)
        except Damaged as fault:
            # What was written this moment is not damaged: it came so.
            raise Broken(what="blocks", detail=str(fault)) from fault
    ledger.reopen()


def _check_adopted(ledger: Ledger, manifest: Manifest, state_sum: bytes) -> None:
    """Whether what was loaded is what the manifest's `app_hash` stands for."""
    reading = standing(ledger.store, ledger.chain, ledger.genesis, ledger.store.height())
    if not _as_it_says(reading, manifest):
        raise Broken(what=MANIFEST, detail="what it says is not what the chunks hold")
    last = reading.leaf(reading.height).state_digest if reading.height else ""
    if lthash.digest(state_sum) != (last or lthash.digest(ledger.founded_sum)):
        raise Broken(what="records", detail="they are not those that the last block commits to")
    check_log(reading, signatures=True)


def _load(store: SqliteStore, read: Read, manifest: Manifest, progress: Progress | None) -> bytes:
    """Everything in the chunks, as it lies there; the sum, which is returned, and the log are computed."""
    total = sum(chunk.rows for chunk in manifest.chunks)
    done, state_sum, height = 0, lthash.EMPTY, 0
    last: Name | None = None
    nodes: Nodes = {}
    for chunk in manifest.chunks:
        rows = read(chunk)
        if chunk.kind == "records":
            last = _last_in_order(chunk, rows, last)
            store.write_records({(chunk.table, key): value for key, value in rows})
            added = (lthash.element(chunk.table, key, value) for key, value in rows)
            state_sum = lthash.update(state_sum, [], added)
        else:
            height = _load_blocks(store, rows, height, nodes)
        done += chunk.rows
        if progress is not None:
            progress(done, total)
    store.set_meta("state_sum", state_sum)
    store.set_meta("chain", manifest.chain.encode())
    store.set_meta("blocks_from", (height + 1).to_bytes(8, "big"))
    return state_sum


def _last_in_order(chunk: Chunk, rows: list[Pair], last: Name | None) -> Name:
    """The last name of the chunk. Raises Broken unless all follow each other, and the chunk before.

    What is summed 2^16 times adds nothing to the sum: so no name may come twice.
    """
    for key, _ in rows:
        name = (chunk.table, key)
        if last is not None and name <= last:
            raise Broken(what=chunk.name, detail="its records are not in strict order")
        last = name
    assert last is not None
    return last


def _load_blocks(store: SqliteStore, rows: list[Pair], height: int, nodes: Nodes) -> int:
    def put(level: int, index: int, value: bytes) -> None:
        nodes[level, index] = value
        store.put_node(level, index, value)

    for leaf, header in rows:
        _append(nodes, height, merkle.leaf_hash(leaf), put)
        height += 1
        store.write_block(height, leaf, header)
    return height


def _append(nodes: Nodes, size: int, leaf_hash: bytes, put: merkle.PutNode) -> bytes:
    """Add a leaf to a log of which `nodes` holds the complete subtrees, and only these; the new root."""
    root = merkle.append(size, leaf_hash, lambda *at: nodes[at], put)
    kept = {at: nodes[at] for at in merkle.peaks(size + 1)}
    nodes.clear()
    nodes.update(kept)
    return root


def _as_it_says(reading: Reading, manifest: Manifest) -> bool:
    rows, height = reading.rows, reading.height
    counted = tuple((each.table, each.rows) for each in manifest.tables)
    frontier = tuple(rows.node(*peak).hex() for peak in merkle.peaks(height))
    root = merkle.root_of(height, rows.node).hex()
    return (
        (manifest.height, manifest.app_hash, manifest.frontier) == (height, root, frontier)
        and manifest.header == reading.head()
        and manifest.leaf == (reading.leaf(height) if height else None)
        and counted == tuple(rows.counts())
    )


# A ledger as a whole.


def check_whole(reading: Reading, progress: Progress | None = None) -> int:
    """Check all of a ledger: every leaf and header, every block that is kept, every record.

    Returns the number of records. Raises HistoryBroken with the first wrong block, RecordsBroken, Damaged.
    """
    check_log(reading, progress)
    for height in range(reading.blocks_from(), reading.height + 1):
        try:
            for kind in KINDS:
                reading.items(kind, height)
        except Damaged as error:
            raise errors.HistoryBroken(height=height) from error
        if progress is not None:
            progress(height, reading.height)
    if reading.height:
        return scrub(reading.rows, reading.leaf(reading.height).state_digest)
    return scrub(reading.rows, lthash.digest(reading.rows.meta("state_sum") or lthash.EMPTY))


def check_log(reading: Reading, progress: Progress | None = None, *, signatures: bool = False) -> None:
    """Check that the leaves are one log, and that each header is of the log at its height.

    `signatures`: and that the operator of each height signed its header, by the records as they stand.
    """
    nodes: Nodes = {}
    time_ms = reading.genesis.created_ms
    for height in range(1, reading.height + 1):
        try:
            leaf_bytes, header_bytes = reading.rows.block_at(height)
            leaf, signed = decode(leaf_bytes, BlockLeaf), decode(header_bytes, SignedHeader)
            root = _append(nodes, height - 1, merkle.leaf_hash(leaf_bytes), _putting(nodes))
            stored = reading.rows.node(0, height - 1)
        except (Damaged, ValueError) as error:
            raise errors.HistoryBroken(height=height) from error
        header = Header(chain=reading.chain.id, height=height, time_ms=leaf.time_ms, app_hash=root.hex())
        if (
            signed.header != header
            or leaf.height != height
            or leaf.time_ms < time_ms
            or stored != merkle.leaf_hash(leaf_bytes)
            or (signatures and not stands(signed, reading.genesis, reading.operator_key(height)))
        ):
            raise errors.HistoryBroken(height=height)
        time_ms = leaf.time_ms
        if progress is not None:
            progress(height, reading.height)


def _putting(nodes: Nodes) -> Callable[[int, int, bytes], None]:
    def put(level: int, index: int, value: bytes) -> None:
        nodes[level, index] = value

    return put
