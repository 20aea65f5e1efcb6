"""Doctor: the data directory, its files and their rights, and who holds it."""

import os
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

from hansa.client import keyfiles
from hansa.engines import errors as engine_errors
from hansa.kernel import Refusal
from hansa.node import errors_doctor as errors
from hansa.node import settings as files
from hansa.node.findings import Finding, finding, fine
from hansa.node.private import OTHERS
from hansa.node.settings import Settings

OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def look_at_directory(directory: Path) -> Iterator[Finding]:
    """Is there one, and is it for its user alone?"""
    if not directory.is_dir():
        yield finding("directory", "wrong", errors.NoDirectory(path=str(directory)))
        return
    mode = stat.S_IMODE(directory.stat().st_mode)
    if os.name == "posix" and mode & OTHERS_WRITE:
        refusal = errors.DirectoryOpen(path=str(directory), mode=f"{mode:04o}")
        yield finding("directory", "wrong", refusal)
    elif os.name == "posix" and (what := _open_to_others(directory, mode)):
        yield finding("directory", "warning", errors.RightsOpen(path=str(directory), what=", ".join(what)))
    else:
        yield fine("directory", f"数据目录 {directory}，权限 {mode:04o}。", f"{directory}, mode {mode:04o}.")


def _open_to_others(directory: Path, mode: int) -> list[str]:
    """What others of this machine may read: the directory, and files with contents of the ledger."""
    found = [f"{directory} ({mode:04o})"] if mode & OTHERS else []
    for path in sorted(directory.glob("*.db*")):
        rights = stat.S_IMODE(path.stat().st_mode)
        if rights & OTHERS:
            found.append(f"{path.name} ({rights:04o})")
    return found


def look_at_key(settings: Settings, expected: bytes | None) -> Iterator[Finding]:
    """Is the node's key there, readable by its user alone, and an operator's the `expected` one?"""
    path = settings.file(files.NODE_KEY)
    try:
        public = keyfiles.read_key(path).public
    except keyfiles.KeySealed:
        yield finding("node key", "wrong", errors.KeySealedNode())
        return
    except Refusal as refusal:
        yield finding("node key", "wrong", refusal)
        return
    if settings.role == "operator" and expected is not None and public != expected:
        yield finding("node key", "wrong", engine_errors.WrongNodeKey())
    else:
        yield fine(
            "node key", "节点私钥可用，仅本用户可读。", "The node's key is good; its user alone reads it."
        )


def is_held(directory: Path) -> bool:
    """Whether a process holds the directory: a node that runs."""
    path = directory / files.SIGNED
    # Whoever holds the file has opened its log beside it. Without one, asking SQLite would only leave traces.
    if not path.is_file() or not path.with_name(f"{path.name}-wal").exists():
        return False
    try:
        probe = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=0)
    except sqlite3.Error:
        return False
    try:
        probe.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError as error:
        return "locked" in str(error)
    except sqlite3.Error:
        return False
    else:
        return False
    finally:
        probe.close()
