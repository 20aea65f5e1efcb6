"""Clocks that only a play moves: one within a process, one that several processes read from a file."""

import mmap
import struct
from pathlib import Path

_TIME = struct.Struct("<qq")
"""The time, twice: a reader that met a writer between the two sees that they differ, and reads again."""


class ReplayClock:
    """Stands where the play has put it; never goes back. Milliseconds since the epoch, UTC."""

    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms

    def move_to(self, now_ms: int) -> None:
        self.now_ms = max(self.now_ms, now_ms)


class SharedClock(ReplayClock):
    """A replay clock whose time lies in a file, for the other processes of the play."""

    def __init__(self, path: Path, now_ms: int) -> None:
        super().__init__(now_ms)
        path.write_bytes(_TIME.pack(now_ms, now_ms))
        self._file = path.open("r+b")
        self._shared = mmap.mmap(self._file.fileno(), _TIME.size)

    def move_to(self, now_ms: int) -> None:
        super().move_to(now_ms)
        _TIME.pack_into(self._shared, 0, self.now_ms, self.now_ms)

    def close(self) -> None:
        self._shared.close()
        self._file.close()


class SeenClock:
    """The time of a SharedClock, in another process. The file must be there."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._shared = mmap.mmap(file.fileno(), _TIME.size, access=mmap.ACCESS_READ)

    def __call__(self) -> int:
        while True:
            first, second = _TIME.unpack_from(self._shared, 0)
            if first == second:
                return int(first)
