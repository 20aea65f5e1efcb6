"""Who holds a port or a file, as far as the system tells (Linux: /proc). "" where it does not."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

PROCESSES = Path("/proc")
LISTENING = "0A"


def holder_of_port(port: int) -> str:
    """The program that listens on a TCP port of this machine."""
    sockets = {f"socket:[{inode}]" for inode in _listening(port)}
    return _holder(lambda link: link in sockets) if sockets else ""


def holder_of_file(path: Path) -> str:
    """Another program than this one that has a file open."""
    wanted = str(path.resolve())
    return _holder(lambda link: link == wanted)


def _listening(port: int) -> Iterator[str]:
    for table in ("tcp", "tcp6"):
        with suppress(OSError, ValueError, IndexError):
            for line in (PROCESSES / "net" / table).read_text().splitlines()[1:]:
                parts = line.split()
                if parts[3] == LISTENING and int(parts[1].rsplit(":", 1)[1], 16) == port:
                    yield parts[9]


def _holder(fits: Callable[[str], bool]) -> str:
    for process in _processes():
        with suppress(OSError):
            for link in (process / "fd").iterdir():
                with suppress(OSError):
                    if fits(os.readlink(link)):
                        return f"{_name(process)}, pid {process.name}"
    return ""


def _processes() -> Iterator[Path]:
    with suppress(OSError):
        for process in PROCESSES.iterdir():
            if process.name.isdigit() and int(process.name) != os.getpid():
                yield process


def _name(process: Path) -> str:
    command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    return command[:60] or (process / "comm").read_text().strip()


def port_is_free(host: str, port: int) -> bool:
    """Whether one could listen there now."""
    with suppress(OSError), socket.socket(_family(host), socket.SOCK_STREAM) as probe:
        if os.name == "posix":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
        probe.listen(1)
        return True
    return False


def _family(host: str) -> int:
    return socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0][0]
