"""The consensus engine's program on this machine: where it lies, and whether it is the right one.

Hansa runs one version of CometBFT, unmodified. `hansa engine install` (node/engine_install.py) lays it down
with a note of where it came from; nothing else of Hansa knows how it got there.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Literal

import msgspec

from hansa.client.files import read_bounded
from hansa.kernel.types import Hash, Natural, Struct, TimeMs
from hansa.node import errors_engine_binary as errors

VERSION = "0.38.25"
NAMED = "HANSA_ENGINE"
"""The environment's variable that names a program, or the folder that it lies in, before all others."""
PROGRAM = "cometbft.exe" if os.name == "nt" else "cometbft"
NOTE = "installed.json"
"""Beside an installed program: what was installed."""
NOTE_BYTES_MAX = 65_536
ANSWER_TIME_MAX_S = 60
"""How long the program may take to tell its version: its first start on a busy machine reads 40 MB."""


class Installed(Struct):
    """What `hansa engine install` noted of the program that it laid down."""

    version: str
    sha256: Hash
    size_bytes: Natural
    source: str
    at_ms: TimeMs


class Found(Struct):
    """A program that was looked at. `note` is None where nobody noted what was installed."""

    path: str
    version: str
    sha256: Hash
    how: Literal["named", "installed", "path"]
    note: Installed | None = None


def home() -> Path:
    """The folder that programs are installed in: of this user, and of no project."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return base / "hansa" / "engine" / VERSION


def find() -> Path:
    """The program that nodes of this machine run: HANSA_ENGINE, else the installed one, else on the PATH.

    Only looks; `check` runs it. Raises EngineMissing or EngineNamedMissing, which say how to get it.
    """
    return _found()[0]


def check() -> Found:
    """The program that `find` finds, seen to run, to be of the exact version, and unchanged since install.

    Raises what `find` raises, and EngineBroken, EngineVersion, EngineChanged.
    """
    path, how = _found()
    note = noted(path.parent)
    digest = sha256_of(path)
    if note is not None and digest != note.sha256:
        raise errors.EngineChanged(path=str(path), found=digest[:12], recorded=note.sha256[:12])
    return Found(path=str(path), version=require_version(path), sha256=digest, how=how, note=note)


def require_version(path: Path) -> str:
    """The version, which is that of this release. Raises EngineBroken or EngineVersion."""
    found = version_of(path)
    if found != VERSION:
        raise errors.EngineVersion(path=str(path), found=found, version=VERSION)
    return found


def version_of(path: Path) -> str:
    """What the program says its version is. Raises EngineBroken where it says nothing."""
    try:
        ran = subprocess.run(
            [str(path), "version"], capture_output=True, timeout=ANSWER_TIME_MAX_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise errors.EngineBroken(path=str(path), cause=str(error)) from None
    told = ran.stdout.decode("utf-8", "replace").strip()
    if ran.returncode or not told:
        words = ran.stderr.decode("utf-8", "replace").strip().splitlines()
        cause = words[-1] if words else f"exit code {ran.returncode}"
        raise errors.EngineBroken(path=str(path), cause=cause)
    return told.removeprefix("v")


def sha256_of(path: Path) -> str:
    """Of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def noted(folder: Path) -> Installed | None:
    """What was noted at install in a folder; None where nothing (readable) was."""
    try:
        return msgspec.json.decode(read_bounded(folder / NOTE, NOTE_BYTES_MAX), type=Installed)
    except (OSError, ValueError, msgspec.MsgspecError):
        return None


def _found() -> tuple[Path, Literal["named", "installed", "path"]]:
    if named := os.environ.get(NAMED):
        path = Path(named) / PROGRAM if Path(named).is_dir() else Path(named)
        if not _runnable(path):
            raise errors.EngineNamedMissing(path=str(path))
        return path.resolve(), "named"
    installed = home() / PROGRAM
    if _runnable(installed):
        return installed, "installed"
    if on_path := shutil.which(PROGRAM):
        return Path(on_path).resolve(), "path"
    raise errors.EngineMissing(version=VERSION, looked=str(installed))


def _runnable(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)
