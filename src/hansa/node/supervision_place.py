"""Is this the folder whose node ran here, or a copy of it? So that of two equal folders one stands back.

Two folders with one validator key may be equal to the byte, and started at one moment. What no copy takes
along is where the original lies: its machine, and the inode of a file. The mark notes both when the key is
made here and whenever its node may start. A folder without a true mark was copied, moved or laid together
anew, and looks around longer before it starts.
"""

import hashlib
import os
from pathlib import Path

import msgspec

from hansa.client.files import read_bounded
from hansa.kernel.types import Natural, Struct

MARK = Path("run") / "place.json"
MARK_BYTES_MAX = 4_096
MACHINE_FILES = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))


class Place(Struct):
    """Where the mark was made."""

    machine: str
    inode: Natural
    """Of the mark's own file."""


def at_home(directory: Path) -> bool:
    """Whether the mark was made here: on this machine, and as this very file."""
    path = directory / MARK
    try:
        found = msgspec.json.decode(read_bounded(path, MARK_BYTES_MAX), type=Place)
        return found == Place(machine(), path.stat().st_ino)
    except (OSError, ValueError, msgspec.MsgspecError):
        return False


def settle(directory: Path) -> None:
    """From now on this folder is at home here. Raises OSError."""
    if at_home(directory):
        return
    path = directory / MARK
    part = path.with_suffix(".part")
    path.parent.mkdir(mode=0o700, exist_ok=True)
    with part.open("wb") as file:
        file.write(msgspec.json.encode(Place(machine(), os.fstat(file.fileno()).st_ino)))
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def machine() -> str:
    """What tells this machine from others: the hash of its id; "" where it has none, as in a container, whose
    host's name is another each time it is made.
    """
    for path in MACHINE_FILES:
        try:
            found = path.read_text().strip()
        except OSError:
            continue
        if found:
            return hashlib.sha256(found.encode()).hexdigest()
    return ""
