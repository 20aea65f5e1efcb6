"""Where the files of snapshots rest: a folder for each height of the engine; and the same in memory."""

import shutil
import sys
from pathlib import Path
from typing import Protocol

from hansa.engines.durable import write_durably
from hansa.engines.snapshot import MANIFEST


class Shelf(Protocol):
    """Files by height and name. A height counts once its manifest is there, which comes last."""

    def heights(self) -> list[int]:
        """Heights that are whole, oldest first."""
        ...

    def put(self, height: int, name: str, data: bytes) -> None:
        """Keep a file durably. Raises OSError."""
        ...

    def get(self, height: int, name: str) -> bytes:
        """Raises OSError where it is not there."""
        ...

    def drop(self, height: int) -> None:
        """Forget a height, if anything of it is there."""
        ...

    def drop_unfinished(self) -> None:
        """Forget what a process that ended in the middle left."""
        ...

    def free_bytes(self) -> int:
        """For how much there is room."""
        ...


class FolderShelf:
    """On disk. The names that come in are this program's own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _of(self, height: int) -> Path:
        return self._folder / f"{height:012}"

    def _all(self) -> list[Path]:
        if not self._folder.is_dir():
            return []
        return sorted(path for path in self._folder.iterdir() if path.name.isdecimal())

    def heights(self) -> list[int]:
        return [int(path.name) for path in self._all() if (path / MANIFEST).is_file()]

    def put(self, height: int, name: str, data: bytes) -> None:
        self._of(height).mkdir(parents=True, exist_ok=True)
        write_durably(self._of(height) / name, data)

    def get(self, height: int, name: str) -> bytes:
        return (self._of(height) / name).read_bytes()

    def drop(self, height: int) -> None:
        # Its manifest first: what is half gone counts no more.
        (self._of(height) / MANIFEST).unlink(missing_ok=True)
        shutil.rmtree(self._of(height), ignore_errors=True)

    def drop_unfinished(self) -> None:
        whole = self.heights()
        for path in self._all():
            if int(path.name) not in whole:
                shutil.rmtree(path, ignore_errors=True)

    def free_bytes(self) -> int:
        there = next(path for path in (self._folder, *self._folder.parents) if path.is_dir())
        return shutil.disk_usage(there).free


class MemoryShelf:
    """In memory."""

    def __init__(self) -> None:
        self._files: dict[int, dict[str, bytes]] = {}

    def heights(self) -> list[int]:
        return sorted(height for height, files in self._files.items() if MANIFEST in files)

    def put(self, height: int, name: str, data: bytes) -> None:
        self._files.setdefault(height, {})[name] = data

    def get(self, height: int, name: str) -> bytes:
        try:
            return self._files[height][name]
        except KeyError:
            raise FileNotFoundError(f"{height}/{name}") from None

    def drop(self, height: int) -> None:
        self._files.pop(height, None)

    def drop_unfinished(self) -> None:
        whole = self.heights()
        for height in [each for each in self._files if each not in whole]:
            del self._files[height]

    def free_bytes(self) -> int:
        return sys.maxsize
