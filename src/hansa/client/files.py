"""Small files that are written whole or not at all."""

import contextlib
import os
import secrets
from pathlib import Path

SECRET_MODE = 0o600


def write_new(path: Path, data: bytes, mode: int = SECRET_MODE) -> None:
    """Write a file that is not there yet; durable when this returns. Raises FileExistsError."""
    part = _written(path, data, mode)
    try:
        try:
            os.link(part, path)  # Fails where the name is taken, which a rename does not.
        except FileExistsError:
            raise
        except OSError:  # No hard links here (FAT, some network drives).
            if path.exists():
                raise FileExistsError(str(path)) from None
            part.rename(path)
    finally:
        part.unlink(missing_ok=True)
    _sync_folder(path.parent)


def write_over(path: Path, data: bytes, mode: int = SECRET_MODE) -> None:
    """Write a file in place of what is there; who reads sees the old or the new one, never a part."""
    part = _written(path, data, mode)
    try:
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    _sync_folder(path.parent)


def read_bounded(path: Path, bytes_max: int) -> bytes:
    """A file's content. Raises ValueError if it is larger than such a file can be."""
    with path.open("rb") as file:
        data = file.read(bytes_max + 1)
    if len(data) > bytes_max:
        raise ValueError(f"it is larger than {bytes_max} bytes")
    return data


def _written(path: Path, data: bytes, mode: int) -> Path:
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return part


def _sync_folder(folder: Path) -> None:
    """Make the new name durable, where the system lets a folder be opened."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
