"""Upkeep of a stopped node's folder: give free disk back, or begin anew from the others.

What the consensus key signed (`priv_validator_state.json`) is never touched, moved or copied by any of it.
"""

import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from hansa.engines.store import Connection, connect_to_read
from hansa.kernel.types import Natural, Struct
from hansa.node import errors_supervision as errors
from hansa.node.joining_rotation import STATE
from hansa.node.settings import LEDGER, Settings
from hansa.node.settings_engine import ENGINE
from hansa.node.supervision_checks import held, read_settings

READ_MODEL = "read.db"
SNAPSHOTS, JOINING = "snapshots", "joining"
ASIDE = "before-reset"
COMPACT_TIME_MAX_S = 3_600
ENDINGS = ("", "-wal", "-shm", "-journal")


class Kept(Struct):
    """What a folder holds of the past, in bytes, and what its settings let go."""

    height: Natural
    blocks_from: Natural
    """The first block that is kept whole; leaves and headers of all others stay for proofs."""
    keep_blocks: Natural | None
    """As node.toml has it; None: all."""
    ledger_bytes: Natural
    ledger_free_bytes: Natural
    """Within the files, of what was pruned: given back by `prune`."""
    engine_bytes: Natural


Tell = Callable[[str, str], None]


def kept(directory: Path) -> Kept:
    """What there is to prune. Changes nothing. Raises FileMissing, NotNetwork, sqlite3.Error."""
    settings = read_settings(directory)
    height, first, free = 0, 1, 0
    for name in (LEDGER, READ_MODEL):
        path = settings.file(name)
        if not path.is_file():
            continue
        with closing(connect_to_read(path)) as database:
            free += _pragma(database, "freelist_count") * _pragma(database, "page_size")
            if name == LEDGER:
                height = database.execute("SELECT max(height) FROM blocks").fetchone()[0] or 0
                said = database.execute("SELECT value FROM meta WHERE name = 'blocks_from'").fetchone()
                first = int.from_bytes(said[0], "big") if said else 1
    return Kept(
        height=height,
        blocks_from=first,
        keep_blocks=settings.retention.keep_blocks,
        ledger_bytes=sum(path.stat().st_size for path in _ledger_files(settings)),
        ledger_free_bytes=free,
        engine_bytes=sum(path.stat().st_size for path in settings.file(ENGINE).rglob("*") if path.is_file()),
    )


def prune(directory: Path, engine: Path, tell: Tell) -> Kept:
    """Give the disk back that pruned blocks took, of the ledger and of the engine. What is left then.

    Which blocks go is the settings' word (`[retention] keep_blocks`), followed while the node runs; here only
    the files shrink. Raises FolderHeld while the node runs, PruneRoom, PruneFailed, sqlite3.Error.
    """
    settings = read_settings(directory)
    with held(directory):
        largest = max((path.stat().st_size for path in _ledger_files(settings)), default=0)
        free = shutil.disk_usage(directory).free
        if free < 2 * largest:
            raise errors.PruneRoom(path=str(directory), free_mb=free // 2**20, needed_mb=2 * largest // 2**20)
        for name in (LEDGER, READ_MODEL):
            if settings.file(name).is_file():
                tell(f"压缩 {name}…", f"Compacting {name}…")
                with closing(sqlite3.connect(settings.file(name), isolation_level=None)) as database:
                    database.execute("VACUUM")
                    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        home = settings.file(ENGINE)
        if (home / "data" / "blockstore.db").is_dir():
            tell("压缩共识引擎的数据…", "Compacting the engine's data…")
            _compact(engine, home)
    return kept(directory)


def _compact(engine: Path, home: Path) -> None:
    command = [str(engine), "experimental-compact-goleveldb", "--home", str(home)]
    try:
        ran = subprocess.run(command, capture_output=True, timeout=COMPACT_TIME_MAX_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise errors.PruneFailed(cause=str(error)) from None
    if ran.returncode:
        words = (ran.stderr or ran.stdout).decode("utf-8", "replace").strip().splitlines()
        raise errors.PruneFailed(cause=words[-1] if words else f"exit code {ran.returncode}")


def to_set_aside(directory: Path) -> list[Path]:
    """What `reset` would rename: the copy of the ledger, and what the engine holds. Keys are not in it."""
    settings = read_settings(directory)
    stays = settings.file(str(STATE))
    found = [*_ledger_files(settings)]
    found += [settings.file(name) for name in (SNAPSHOTS, JOINING) if settings.file(name).is_dir()]
    found += [path for path in sorted((settings.file(ENGINE) / "data").glob("*")) if path != stays]
    return found


def reset(directory: Path) -> Path | None:
    """Set this copy of the ledger aside, so that the node begins anew from the others. Nothing is deleted.

    Keys, settings, and what the key signed stay where they are. Returns the folder with the old copy, None
    where there was nothing. Raises FolderHeld while the node runs.
    """
    with held(directory):
        found = to_set_aside(directory)
        if not found:
            return None
        stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
        aside = directory / f"{ASIDE}-{stamp}"
        for path in found:
            to = aside / path.relative_to(directory)
            to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.rename(to)
        return aside


def _ledger_files(settings: Settings) -> Iterator[Path]:
    for name in (LEDGER, READ_MODEL):
        for ending in ENDINGS:
            if (path := settings.file(name + ending)).is_file():
                yield path


def _pragma(database: Connection, name: str) -> int:
    return int(database.execute(f"PRAGMA {name}").fetchone()[0])
