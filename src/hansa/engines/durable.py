"""Files that are there whole or not at all, also when the machine stops: contents first, then the name."""

import contextlib
import os
from pathlib import Path


def write_durably(path: Path, data: bytes) -> None:
    """Write a file in place of what is there; on disk under its name when this returns. Raises OSError."""
    passing = path.with_name(path.name + ".part")
    passing.write_bytes(data)
    place(passing, path)


def place(made: Path, path: Path) -> None:
    """Give a file that was made beside it its name; on disk, with all it holds, when this returns."""
    sync(made)
    made.replace(path)
    sync(path.parent)


def sync(path: Path) -> None:
    """What a file holds, or which names a folder has, is on disk when this returns. Raises OSError.

    Where the system does not open folders, the names are its own affair.
    """
    folder = path.is_dir()
    with contextlib.suppress(OSError) if folder else contextlib.nullcontext():
        descriptor = os.open(path, os.O_RDONLY if folder else os.O_RDWR)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
