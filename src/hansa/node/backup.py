"""Back up a node while it runs; restore it; show that what was restored goes on with the same log.

A backup is a folder: the ledger with all blocks, the genesis file, the settings, the node's evidence. Private
keys and what the node has signed (`signed.db`) are never in it: keys are kept apart, and nothing that was
signed is ever taken back. A restored operator therefore asks its followers before it orders again.
"""

import shutil
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from hansa.engines import errors as engine_errors
from hansa.engines.blocks import BlockData
from hansa.engines.durable import place, sync
from hansa.engines.embedded import Clock, Embedded
from hansa.engines.founding import found
from hansa.engines.reader import Reader
from hansa.engines.reading import Reading
from hansa.engines.restoring import LEDGER as COPY
from hansa.engines.restoring import restore_backup, restore_snapshot, write_backup
from hansa.engines.snapshot import MANIFEST, Broken, read_manifest, write_snapshot
from hansa.kernel import Release, Struct
from hansa.kernel.evidence import SignedHeader, signed_by
from hansa.kernel.refusal import Refusal
from hansa.kernel.signatures import Signer, VerifiedCache
from hansa.kernel.state import Damaged
from hansa.kernel.types import Natural, TimeMs
from hansa.node import errors_operate as errors
from hansa.node.backup_note import BackupNote, write_note
from hansa.node.commits import FILE as COMMITS
from hansa.node.commits import kept_changes
from hansa.node.cosigning import FILE as COSIGNATURES
from hansa.node.cosigning import kept_handovers
from hansa.node.doctor_files import is_held
from hansa.node.export import Progress, silent
from hansa.node.network_run import check_no_network
from hansa.node.private import private
from hansa.node.settings import GENESIS, LEDGER, SETTINGS
from hansa.node.source import directory_reader
from hansa.node.upstream import Upstream

ASIDE = "before-restore"
BLOCKS_PER_READ = 100
FILES = (GENESIS, SETTINGS)
DATABASES = ("cosignatures.db", "promises.db", COMMITS)
CASES = "cases"


class About(Struct):
    """What a backup or snapshot holds."""

    kind: str
    """backup (with all blocks) or snapshot (records, leaves and headers)."""
    chain: str
    height: Natural
    time_ms: TimeMs


class Agreed(Struct):
    """A node whose head stands in the restored ledger."""

    url: str
    height: Natural


def now_ms() -> int:
    return time.time_ns() // 1_000_000


# Back up.


@private()
def backup(
    directory: Path, to: Path, release: Release, *, snapshot: bool = False, progress: Progress = silent
) -> About:
    """Copy a node's data to a new folder, whether the node runs or not. Returns what the copy holds.

    Whatever interrupts it, Ctrl-C or what `progress` raises, leaves nothing behind. Raises FileMissing,
    FolderTaken, StoreFault, DamagedOnDisk, OSError (disk full).
    """
    _, reader = directory_reader(directory, release)
    with closing(reader), _new_folder(to):
        if snapshot:
            network = reader.genesis.is_network
            told = (
                kept_changes(directory / COMMITS)
                if network
                else kept_handovers(directory / COSIGNATURES, reader)
            )
            write_snapshot(reader, to, lambda done, whole: progress("快照", "snapshot", done, whole), told)
        else:
            write_backup(reader, to, lambda done, whole: progress("账本", "ledger", done, whole))
            _copy_rest(directory, to)
    made = about(to, release, directory)
    write_note(directory, BackupNote(at_ms=now_ms(), height=made.height, to=str(to)))
    return made


def _copy_rest(directory: Path, to: Path) -> None:
    for name in FILES:
        if (directory / name).is_file():
            shutil.copy2(directory / name, to / name)
    for name in DATABASES:
        if (directory / name).is_file():
            where = f"{(directory / name).absolute().as_uri()}?mode=ro"
            with closing(sqlite3.connect(where, uri=True)) as one, closing(sqlite3.connect(to / name)) as two:
                one.backup(two)
    if (directory / CASES).is_dir():
        shutil.copytree(directory / CASES, to / CASES)
    for path in sorted(to.rglob("*"), reverse=True):
        sync(path)
    sync(to)


@contextmanager
def _new_folder(folder: Path) -> Iterator[None]:
    """A folder that is made within: it is whole afterwards, or it is not there."""
    there = folder.exists()
    try:
        yield
    except BaseException:
        if not there:
            shutil.rmtree(folder, ignore_errors=True)
        raise


def about(folder: Path, release: Release, directory: Path) -> About:
    """What a folder holds. Raises NoBackupThere, GenesisMissing, or what is wrong with its ledger."""
    if (folder / MANIFEST).is_file():
        manifest = read_manifest(folder)
        time_ms = manifest.header.header.time_ms if manifest.header else 0
        return About(kind="snapshot", chain=manifest.chain, height=manifest.height, time_ms=time_ms)
    if not (folder / COPY).is_file():
        raise errors.NoBackupThere(path=str(folder))
    genesis = (folder if (folder / GENESIS).is_file() else directory) / GENESIS
    if not genesis.is_file():
        raise errors.GenesisMissing(path=str(directory))
    _, reader = _reader_of(folder / COPY, genesis.read_bytes(), release)
    with closing(reader), reader.snapshot() as reading:
        return About(kind="backup", chain=reading.chain.id, height=reading.height, time_ms=reading.time_ms)


def _reader_of(ledger: Path, genesis_bytes: bytes, release: Release) -> tuple[bytes, Reader]:
    founded = found(genesis_bytes, release, VerifiedCache().verify)
    return genesis_bytes, Reader(ledger, founded.chain, founded.genesis)


# Restore.


@private()
def restore(
    folder: Path, directory: Path, release: Release, *, replace: bool = False, progress: Progress = silent
) -> About:
    """Lay a backup or snapshot down in a directory, after checking all of it. Returns what it held.

    A ledger that is there is refused (LedgerThere), or with `replace` set aside under another name once the
    new one was found good; `signed.db` and keys stay as they are. Whatever interrupts it, Ctrl-C or what
    `progress` raises, leaves the directory as it was. Raises what `about` and the engine raise.
    """
    if is_held(directory):
        raise engine_errors.InUse(path=str(directory))
    found = about(folder, release, directory)
    ledger = directory / LEDGER
    if ledger.exists() and not replace:
        raise errors.LedgerThere(path=str(directory), height=_height(directory, release))
    arriving = ledger.with_name("restored.db")
    with _new_folder(directory), _brought(folder, directory):
        genesis = (directory / GENESIS).read_bytes()
        arriving.unlink(missing_ok=True)
        told = lambda done, whole: progress("恢复并核对", "restoring and checking", done, whole)  # noqa: E731
        try:
            if found.kind == "snapshot":
                restore_snapshot(folder, arriving, genesis, release, told)
            else:
                restore_backup(folder, arriving, genesis, release, told)
        except Damaged as damage:
            raise Broken(what=str(folder), detail=str(damage)) from damage
    _set_aside(ledger)
    place(arriving, ledger)
    return found


def _height(directory: Path, release: Release) -> int:
    """Where the ledger in a directory stands; 0 where it cannot be read."""
    try:
        _, reader = directory_reader(directory, release)
        with closing(reader), reader.snapshot() as reading:
            return reading.height
    except (Refusal, OSError):
        return 0


@contextmanager
def _brought(folder: Path, directory: Path) -> Iterator[None]:
    """Files that the directory lacks; they go again where what follows breaks off.

    What it has stays: above all its keys and what it signed.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    names = [
        name
        for name in (*FILES, *DATABASES, CASES)
        if (folder / name).exists() and not (directory / name).exists()
    ]
    try:
        for name in names:
            copy = shutil.copytree if name == CASES else shutil.copy2
            copy(folder / name, directory / name)
        if not (directory / GENESIS).is_file():
            raise errors.GenesisMissing(path=str(directory))
        yield
    except BaseException:
        for name in names:
            if name == CASES:
                shutil.rmtree(directory / name, ignore_errors=True)
            else:
                (directory / name).unlink(missing_ok=True)
        raise


def _set_aside(ledger: Path) -> None:
    """Rename a ledger with all its parts; nothing is deleted."""
    if not ledger.exists():
        return
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    for ending in ("", "-wal", "-shm", "-journal"):
        part = ledger.with_name(ledger.name + ending)
        if part.exists():
            part.rename(ledger.with_name(f"{ASIDE}-{stamp}-{part.name}"))


# Go on with the same log.


@private()
def catch_up(
    directory: Path, node: Signer, release: Release, others: Sequence[Upstream], *, alone: bool = False,
    clock: Clock = now_ms, progress: Progress = silent,
) -> tuple[int, list[Agreed]]:  # fmt: skip
    """An operator's restored ledger takes from others what this node signed and lost, and may order again.

    Without any ledger it takes all blocks from them; `alone`: the operator's word that there are none.

    Every other's head must lie on the ledger then: so it goes on with the same log. Returns its height and
    who agreed. Raises NobodyAsked, NetworkChain, OtherHistory, NotSignedByOperator, StillBehind, or what the
    engine does.
    """
    if not others and not alone:
        raise errors.NobodyAsked()
    genesis_bytes = (directory / GENESIS).read_bytes()
    check_no_network(genesis_bytes)
    there = (directory / LEDGER).exists()
    with closing(Embedded(directory / LEDGER, genesis_bytes, node, clock, release=release)) as engine:
        if not there:
            engine.ledger.is_copy()  # Until all came: whoever breaks off here begins no second history.
        heads = [(other, other.head()) for other in others]
        for other, head in heads:
            if head is not None:
                _check_signed(engine.ledger, other.url, head)
        ahead = [(other, head.header.height) for other, head in heads if head is not None]
        source, top = max(ahead, key=lambda one: one[1], default=(None, 0))
        if source is not None and top > engine.height:
            engine.recover(_missing(source, engine.height, top, progress))
        agreed = [_agrees(engine.ledger, other.url, head) for other, head in heads if head is not None]
        engine.recover([])
        return engine.height, agreed


def _check_signed(reading: Reading, url: str, head: SignedHeader) -> None:
    height = head.header.height
    known = reading.header(height) if 0 < height <= reading.height else None
    if head.header.chain != reading.chain.id or not signed_by(head, reading.operator_key(height)):
        raise errors.NotSignedByOperator(url=url, height=height)
    if known is not None and known.header != head.header:
        raise errors.OtherHistory(url=url, height=height)


def _missing(source: Upstream, height: int, top: int, progress: Progress) -> Iterator[BlockData]:
    """The blocks above a height, as another node has them; the engine checks each."""
    start = height
    while height < top:
        page = source.blocks(height + 1, BLOCKS_PER_READ, 0)
        if not page:
            raise errors.StillBehind(height=height, url=source.url, head=top)
        yield from page
        height = page[-1].leaf.height
        progress("取回区块", "fetching blocks", height - start, top - start)


def _agrees(reading: Reading, url: str, head: SignedHeader) -> Agreed:
    height = head.header.height
    if height > reading.height:
        raise errors.StillBehind(height=reading.height, url=url, head=height)
    if height and reading.header(height).header != head.header:
        raise errors.OtherHistory(url=url, height=height)
    return Agreed(url=url, height=height)
