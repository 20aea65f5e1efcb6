"""Doctor: clock, disk, port, and the versions of what Hansa runs on."""

import importlib.metadata
import os
import re
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from hansa.engines.reading import Reading
from hansa.kernel import limits
from hansa.node import errors_doctor as errors
from hansa.node import limits as node_limits
from hansa.node import settings as files
from hansa.node.findings import Finding, finding, fine

MB = 2**20
PYTHON_MIN = (3, 11)
SQLITE_MIN = (3, 35, 0)
JUMP_MAX_MS = 100
SYNC_SLOW_MS = 50
GROWTH_DAYS = 7
"""Growth is reckoned by the blocks of so many days."""
FORECAST_WRONG_DAYS, FORECAST_WARN_DAYS = 7, 60


# Clock.


class Clocks:
    """Wall clock and monotonic clock, read together when the doctor begins: they must run alike."""

    def __init__(self, wall_ms: Callable[[], int], monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self.wall_ms, self._monotonic_s = wall_ms, monotonic_s
        self._wall, self._monotonic = wall_ms(), monotonic_s()

    def jumped_ms(self) -> int:
        """How far the wall clock moved against the other since the beginning."""
        passed_ms = round((self._monotonic_s() - self._monotonic) * 1_000)
        return self.wall_ms() - self._wall - passed_ms


def look_at_clock(clocks: Clocks, block_ms: int) -> Iterator[Finding]:
    """Does it lie behind the newest block? Did it jump?"""
    behind_ms = block_ms - clocks.wall_ms()
    if behind_ms > node_limits.CLOCK_BEHIND_MAX_MS:
        yield finding("clock", "wrong", errors.ClockBehind(seconds=behind_ms // 1_000))
    elif abs(jumped := clocks.jumped_ms()) > JUMP_MAX_MS:
        yield finding("clock", "warning", errors.ClockJumps(ms=jumped))
    else:
        yield fine(
            "clock", "时钟不早于最后区块，走时平稳。", "Not behind the newest block, and it runs evenly."
        )


# Disk.


def look_at_disk(directory: Path) -> Iterator[Finding]:
    """Can it be written and synced, and is there room?"""
    try:
        took_ms = _sync_ms(directory)
    except OSError as error:
        yield finding("disk", "wrong", errors.DiskUnwritable(cause=str(error)))
        return
    free = free_bytes(directory)
    if free < node_limits.DISK_FREE_MIN:
        yield finding("disk", "wrong", errors.DiskLow(free_mb=free // MB))
    elif took_ms > SYNC_SLOW_MS:
        yield finding("disk", "warning", errors.DiskSlow(ms=took_ms))
    else:
        yield fine(
            "disk",
            f"可写，同步一次 {took_ms} 毫秒，剩余 {free // MB:,} MB。",
            f"It can be written, a sync takes {took_ms} ms, {free // MB:,} MB are free.",
        )


def free_bytes(directory: Path) -> int:
    return shutil.disk_usage(directory).free


def _sync_ms(directory: Path) -> int:
    """Milliseconds that a small file takes to be safe on disk."""
    with tempfile.NamedTemporaryFile(dir=directory, prefix=".doctor-") as file:
        file.write(b"hansa" * 100)
        start = time.perf_counter()
        file.flush()
        os.fsync(file.fileno())
        return round((time.perf_counter() - start) * 1_000)


def look_at_growth(directory: Path, reading: Reading, now_ms: int) -> Iterator[Finding]:
    """When is the disk full, if blocks go on as in the last days?"""
    size = sum(path.stat().st_size for path in directory.glob(f"{files.LEDGER}*"))
    daily = daily_growth(size, reading, now_ms)
    days = free_bytes(directory) // daily if daily else 10**6
    full = errors.DiskForecast(daily_mb=-(-daily // MB), days=days)
    if days < FORECAST_WRONG_DAYS:
        yield finding("growth", "wrong", full)
    elif days < FORECAST_WARN_DAYS:
        yield finding("growth", "warning", full)
    else:
        yield fine(
            "growth",
            f"账本 {size / MB:,.1f} MB，近期每天约 {daily / MB:,.1f} MB。",
            f"The ledger has {size / MB:,.1f} MB and grows by about {daily / MB:,.1f} MB a day.",
        )


def daily_growth(size: int, reading: Reading, now_ms: int) -> int:
    """Bytes a day: what a block takes on average, times the blocks of the last days."""
    if reading.height == 0:
        return 0
    begin_ms = max(now_ms - GROWTH_DAYS * limits.DAY_MS, reading.genesis.created_ms)
    first = _first_since(reading, begin_ms)
    span_ms = max(now_ms - begin_ms, limits.HOUR_MS)
    blocks = reading.height - first + 1
    return size * blocks * limits.DAY_MS // (reading.height * span_ms)


def _first_since(reading: Reading, begin_ms: int) -> int:
    """The first block whose time is not before; one above the last where there is none."""
    low, high = 1, reading.height + 1
    while low < high:
        middle = (low + high) // 2
        if reading.leaf(middle).time_ms >= begin_ms:
            high = middle
        else:
            low = middle + 1
    return low


# Versions.


def look_at_versions() -> Iterator[Finding]:
    """Python, SQLite, and the libraries that this release asks for."""
    bad = [*_runtime(), *(wrong for text in _requirements() if (wrong := library_wrong(text)))]
    yield from (finding("versions", "wrong", refusal) for refusal in bad)
    if not bad:
        own, python = importlib.metadata.version("hansa"), ".".join(map(str, sys.version_info[:3]))
        told = f"Hansa {own}, Python {python}, SQLite {sqlite3.sqlite_version}"
        yield fine("versions", f"{told}，程序库相符。", f"{told}; libraries fit.")


def _runtime() -> Iterator[errors.PythonOld | errors.SqliteOld]:
    if tuple(sys.version_info[:2]) < PYTHON_MIN:
        found = ".".join(map(str, sys.version_info[:3]))
        yield errors.PythonOld(found=found, wanted=".".join(map(str, PYTHON_MIN)))
    if sqlite3.sqlite_version_info < SQLITE_MIN:
        yield errors.SqliteOld(found=sqlite3.sqlite_version, wanted=".".join(map(str, SQLITE_MIN)))


def _requirements() -> list[str]:
    return importlib.metadata.requires("hansa") or []


def library_wrong(text: str) -> errors.LibraryWrong | None:
    """What is wrong with a library that this release asks for (`name>=1.2; marker`); None where it fits.

    One that is asked for under a condition may be left out.
    """
    asked, _, condition = text.partition(";")
    name, _, least = asked.strip().partition(">=")
    try:
        found = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None if condition else errors.LibraryWrong(name=name, found="-", wanted=f">={least}")
    if _version(found) >= _version(least):
        return None
    return errors.LibraryWrong(name=name, found=found, wanted=f">={least}")


def _version(text: str) -> tuple[int, ...]:
    """The numbers in front: 1.10.2rc1 → (1, 10, 2)."""
    return tuple(int(part) for part in re.findall(r"[0-9]+", text)[:3])
