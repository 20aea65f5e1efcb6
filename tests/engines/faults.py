"""The fault bed: a disk that keeps what was not synced apart, and can fail at any call.

A `Disk` is a file system for SQLite, in memory. It notes every call that changes a file. What would lie on
the disk after a crash at any of them is then computed from the notes: what was synced, and of the rest all,
nothing, or sectors by chance: a machine may write what it was not asked to, in any order, and tear a write.
"""

import random
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, Literal, NamedTuple

import apsw

SECTOR = 512
CHECKPOINT_PAGES = 24
"""So few that a short run has many checkpoints."""

Rest = Literal["all", "none", "some"]
"""What becomes of the writes that were not synced."""


class Call(NamedTuple):
    """A call that changes a file; or, as kind `ack`, that somebody was told something."""

    kind: Literal["write", "truncate", "sync", "delete", "ack"]
    file: str = ""
    at: int = 0
    data: Any = b""


class Fault(NamedTuple):
    """Fails the calls from the `at`th on; `times` of them, or all that follow."""

    at: int
    error: type[apsw.Error]
    times: int | None = None


_names = count()


class Disk(apsw.VFS):  # type: ignore[misc]
    """Files in memory. To test the bed itself, `synchronous` may be OFF, and a `deaf` disk hears no sync."""

    def __init__(self, *, deaf: bool = False, synchronous: str = "FULL", fault: Fault | None = None) -> None:
        self.name = f"faults-{next(_names)}"
        self.files: dict[str, bytearray] = {}
        self.calls: list[Call] = []
        self.changes = 0
        self.deaf, self.synchronous, self.fault = deaf, synchronous, fault
        super().__init__(self.name, base="")

    # For the test.

    def connect(self, path: Path) -> "Connection":
        """What SqliteStore and Signed ask for in the place of sqlite3.connect."""
        return Connection(self, path)

    def tell(self, what: Any) -> None:
        """Note that somebody was told: from this call on it must not be lost."""
        self.calls.append(Call("ack", data=what))

    def call(self, kind: Any, file: str, at: int = 0, data: bytes = b"") -> None:
        """Every change passes here: it fails, or is noted."""
        self.changes += 1
        fault = self.fault
        if fault is not None and fault.at <= self.changes < fault.at + (fault.times or self.changes + 1):
            raise fault.error("disk full" if fault.error is apsw.FullError else "disk broken")
        if not (kind == "sync" and self.deaf):
            self.calls.append(Call(kind, file, at, data))

    # For SQLite.

    def xOpen(self, name: Any, flags: list[int]) -> "File":
        path = name.filename() if hasattr(name, "filename") else name
        flags[1] = flags[0]
        return File(self, path)

    def xDelete(self, name: str, sync: bool) -> None:
        if name in self.files:
            self.call("delete", name)
            del self.files[name]

    def xAccess(self, name: str, flags: int) -> bool:
        return name in self.files

    def xFullPathname(self, name: str) -> str:
        return name


class File:
    """An open file of a Disk. One without a name is SQLite's own scratch paper, and not noted."""

    def __init__(self, disk: Disk, name: str | None) -> None:
        self.disk, self.name = disk, name
        self.data = bytearray() if name is None else disk.files.setdefault(name, bytearray())

    def _call(self, kind: str, at: int = 0, data: bytes = b"") -> None:
        if self.name is not None:
            self.disk.call(kind, self.name, at, data)

    def xRead(self, amount: int, offset: int) -> bytes:
        return bytes(self.data[offset : offset + amount])

    def xWrite(self, data: bytes, offset: int) -> None:
        self._call("write", offset, bytes(data))
        put(self.data, offset, data)

    def xTruncate(self, size: int) -> None:
        self._call("truncate", size)
        del self.data[size:]

    def xSync(self, flags: int) -> None:
        self._call("sync")

    def xFileSize(self) -> int:
        return len(self.data)

    def xClose(self) -> None:
        return None

    def xLock(self, level: int) -> None:
        return None

    def xUnlock(self, level: int) -> None:
        return None

    def xCheckReservedLock(self) -> bool:
        return False

    def xFileControl(self, op: int, pointer: int) -> bool:
        return False

    def xSectorSize(self) -> int:
        return SECTOR

    def xDeviceCharacteristics(self) -> int:
        return int(apsw.SQLITE_IOCAP_POWERSAFE_OVERWRITE)


def put(data: bytearray, at: int, new: bytes) -> None:
    if len(data) < at:
        data.extend(bytes(at - len(data)))
    data[at : at + len(new)] = new


class Connection:
    """apsw under the few methods of sqlite3 that a store uses, with sqlite3's errors."""

    def __init__(self, disk: Disk, path: Path) -> None:
        self._disk = disk
        with as_sqlite3():
            self._db = apsw.Connection(str(path), vfs=disk.name)
            # Only so does SQLite keep a write-ahead log on a file system without shared memory.
            self.execute("PRAGMA locking_mode=EXCLUSIVE")
            self.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")

    @property
    def in_transaction(self) -> bool:
        return self._db.in_transaction

    def execute(self, sql: str, values: Sequence[Any] = (), /) -> Any:
        sql = sql.replace("synchronous=FULL", f"synchronous={self._disk.synchronous}")
        with as_sqlite3():
            return self._db.execute(sql, values)

    def executemany(self, sql: str, rows: Any, /) -> Any:
        with as_sqlite3():
            return self._db.executemany(sql, rows)

    def executescript(self, sql: str, /) -> Any:
        return self.execute(sql)

    def close(self) -> None:
        with as_sqlite3():
            self._db.close()


@contextmanager
def as_sqlite3() -> Iterator[None]:
    try:
        yield
    except apsw.Error as error:
        raise sqlite3.OperationalError(str(error)) from error


# What a crash leaves.


def crashed(calls: Sequence[Call], rest: Rest, seed: int) -> dict[str, bytes]:
    """The files as they lie on the disk after a crash that follows these calls."""
    chance = random.Random(seed)
    synced: dict[str, bytearray] = {}
    waiting: dict[str, list[Call]] = {}
    for call in calls:
        if call.kind == "sync":
            for each in waiting.pop(call.file, []):
                change(synced, each, lambda: True)
            synced.setdefault(call.file, bytearray())
        elif call.kind == "delete":  # SQLite has the folder synced then.
            synced.pop(call.file, None)
            waiting.pop(call.file, None)
        elif call.kind != "ack":
            waiting.setdefault(call.file, []).append(call)
    keep = {"all": lambda: True, "none": lambda: False, "some": lambda: chance.random() < 0.5}[rest]
    for file in waiting.values():
        for each in file:
            change(synced, each, keep)
    return {name: bytes(data) for name, data in synced.items()}


def change(files: dict[str, bytearray], call: Call, keep: Callable[[], bool]) -> None:
    """Do a write or a cut, each sector of it if `keep` says so."""
    if call.kind == "truncate":
        if keep():
            del files.setdefault(call.file, bytearray())[call.at :]
        return
    start, end = call.at, call.at + len(call.data)
    while start < end:
        after = min(end, start - start % SECTOR + SECTOR)
        if keep():
            data = files.setdefault(call.file, bytearray())
            put(data, start, call.data[start - call.at : after - call.at])
        start = after


def laid_out(files: dict[str, bytes], folder: Path) -> None:
    """The files of a Disk in a real folder."""
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / Path(name).name).write_bytes(data)
