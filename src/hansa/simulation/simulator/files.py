"""Disks of real SQLite files, and what a crash leaves of them.

A commit that a crash cuts short was writing to the write-ahead log: any sectors of it may be on disk and any
may not, in any order; or the log was synced, and a checkpoint was writing to the database. What was synced
before is there. So the files before and after the commit are mixed, sector by sector, by chance.
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random

from hansa.engines.store import Connect, SqliteStore, connect
from hansa.kernel.state import Changes
from hansa.simulation.simulator.disks import stepping
from hansa.simulation.simulator.fast_store import Crashed, Row, Step, goes_on

SECTOR = 512
CHECKPOINT_PAGES = 24
"""So few that a short run has many checkpoints."""
LEDGER = "ledger.db"
Files = Mapping[str, bytes]


class FileStore(SqliteStore):
    """SQLite's, telling the same steps as the fast store."""

    def __init__(self, disk: "FileDisk", path: Path, connect: Connect = connect) -> None:
        self._disk = disk
        super().__init__(path, connect)
        self._db.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")

    @contextmanager
    def commit(self) -> Iterator[None]:
        self._disk.step("begin")
        crash = None
        with super().commit():
            yield
            try:
                self._disk.step("sync")
            except Crashed as now:
                crash = now
                self._disk.before()
        if crash is not None:
            self._disk.torn(kept=crash.kept)
            raise crash
        self._disk.step("synced")

    def write_records(self, changes: Changes) -> None:
        self._disk.step("write")
        super().write_records(changes)

    def write_block(self, height: int, leaf: bytes, header: bytes) -> None:
        self._disk.step("write")
        super().write_block(height, leaf, header)

    def write_transactions(self, height: int, rows: Sequence[Row]) -> None:
        self._disk.step("write")
        super().write_transactions(height, rows)

    def write_events(self, height: int, events: Sequence[bytes]) -> None:
        self._disk.step("write")
        super().write_events(height, events)

    def write_writes(self, height: int, data: bytes) -> None:
        self._disk.step("write")
        super().write_writes(height, data)


class FileDisk:
    """A folder of files; each crash makes another, so that what was open writes to nothing that counts."""

    def __init__(self, folder: Path, luck: Random) -> None:
        self._folder, self._luck = folder, luck
        self.lives = 0
        """Crashes so far."""
        self._image: Files | None = None
        self._before: Files = {}
        self.step: Step = goes_on
        self.shelves = stepping(self)
        self.path.parent.mkdir(parents=True)

    @property
    def path(self) -> Path:
        return self._folder / str(self.lives) / LEDGER

    def open(self, path: Path) -> SqliteStore:
        return FileStore(self, path)

    def watch(self, step: Step) -> None:
        self.step = step

    def crash(self) -> None:
        """What is on disk now is what the next life finds."""
        self.step = goes_on
        self._next(self._read() if self._image is None else self._image)

    def wipe(self) -> None:
        self._next({})
        self.shelves = stepping(self)

    def _next(self, files: Files) -> None:
        old = self.path.parent
        self.lives, self._image = self.lives + 1, None
        self.path.parent.mkdir()
        for name, data in files.items():
            (self.path.parent / name).write_bytes(data)
        shutil.rmtree(old)

    def _read(self) -> Files:
        found = sorted(self.path.parent.iterdir())
        return {each.name: each.read_bytes() for each in found if not each.name.endswith("-shm")}

    # A commit that is cut short.

    def before(self) -> None:
        """A commit is about to write."""
        self._before = self._read()

    def torn(self, *, kept: bool) -> None:
        """It has written: what of it is on disk after the crash."""
        after = self._read()
        log, data = f"{LEDGER}-wal", LEDGER
        image = dict(after)
        if kept:  # The log is synced; a checkpoint may have been under way.
            image[data] = mixed(self._before.get(data, b""), after[data], self._luck)
        else:
            image[data] = self._before.get(data, b"")
            image[log] = mixed(self._before.get(log, b""), after[log], self._luck)
            if self._luck.random() < 0.5:
                image[log] = self._before.get(log, b"")
        self._image = image


def mixed(before: bytes, after: bytes, luck: Random) -> bytes:
    """Some sectors as they were, some as they were to be."""
    size = luck.choice((len(before), len(after))) if len(after) > len(before) else len(after)
    out = bytearray(before[:size].ljust(size, b"\x00"))
    for start in range(0, size, SECTOR):
        new = after[start : min(start + SECTOR, size)]
        if luck.random() < 0.5 and new != out[start : start + len(new)]:
            out[start : start + len(new)] = new
    return bytes(out)
