"""A folder as a small volume of its own, which can be filled to the last byte."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

PAGE_BYTES = 4_096
SOCKETS = shutil.ignore_patterns("*.sock")


@contextmanager
def small_volume(folder: Path, room_bytes: int) -> Iterator[None]:
    """Within it the folder, with all it holds, is a volume with so much room left. Nobody may use it as this
    begins and ends. Where no volume may be mounted, the test is skipped and says so.
    """
    held = folder.with_name(f"{folder.name}-held")
    shutil.copytree(folder, held, symlinks=True, ignore=SOCKETS)
    size = room_bytes + sum(path.stat().st_size for path in held.rglob("*") if path.is_file())
    try:
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
        mounted = subprocess.run(command, capture_output=True, check=False)
        if mounted.returncode:
            pytest.skip(f"may mount no volume here: {mounted.stderr.decode(errors='replace').strip()}")
        try:
            shutil.copytree(held, folder, symlinks=True, dirs_exist_ok=True)
            yield
            shutil.rmtree(held)
            shutil.copytree(folder, held, symlinks=True, ignore=SOCKETS)
        finally:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
        shutil.copytree(held, folder, symlinks=True, dirs_exist_ok=True)
    finally:
        shutil.rmtree(held)


def fill(folder: Path) -> Path:
    """Leave no byte free on a folder's volume; the file that takes them, to be removed."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(PAGE_BYTES))
    return ballast
