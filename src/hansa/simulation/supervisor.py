"""Starts the processes of a play, speaks to them, and ends them: whatever happens, none is left behind."""

import multiprocessing
import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import count, islice
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any

from hansa.simulation.errors import NodeEnded, NodeRefused
from hansa.simulation.processes import LOG, run_node

START_WITHIN_S = 60.0
END_WITHIN_S = 15.0
FORKS = "forkserver"
PORTS_FROM, PORTS, PORTS_PER_PLAY = 20_000, 12_000, 40
PAUSE_FIRST_S, PAUSE_MAX_S = 0.002, 0.05


@cache
def _context() -> BaseContext:
    """Where the system can fork, one process loads the program and the others begin as copies of it."""
    if FORKS not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context(FORKS)
    context.set_forkserver_preload(["hansa.simulation.preload"])
    return context


class NodeProcess:
    """One node in a process of its own. Starts at once; `wait` returns when it listens.

    `cheat`: what it does to others, as `processes.run_node` has it.
    """

    def __init__(self, folder: Path, clock_file: Path, cheat: tuple[str, int] = ("", 0)) -> None:
        self.folder, self.port = folder, 0
        self._line, other = multiprocessing.Pipe()
        self._process = _context().Process(  # type: ignore[attr-defined]  # every context has it
            target=run_node, args=(folder, clock_file, cheat, other), daemon=True
        )
        self._process.start()
        other.close()

    @property
    def pid(self) -> int:
        found: int = self._process.pid
        return found

    def wait(self) -> None:
        """Raises NodeRefused with what the node said, or NodeEnded."""
        self.port = self._hear()["port"]

    def ask(self, what: str) -> dict[str, Any]:
        """One question, one answer. Raises NodeRefused or NodeEnded."""
        try:
            self._line.send(what)
        except OSError as error:
            raise self._ended() from error
        return self._hear()

    def close(self) -> None:
        """Let go of the line: it ends by itself."""
        self._line.close()

    def kill(self) -> None:
        """End it at once; `ended` still has to be called."""
        self._process.kill()

    def ended(self, within_s: float = END_WITHIN_S) -> None:
        """Return when it has ended; one that does not is killed."""
        self._process.join(within_s)
        if self._process.exitcode is None:
            self._process.kill()
            self._process.join()

    def _hear(self) -> dict[str, Any]:
        try:
            if not self._line.poll(START_WITHIN_S):
                raise self._ended()
            answer: dict[str, Any] = self._line.recv()
        except (EOFError, OSError) as error:
            raise self._ended() from error
        if "refused" in answer:
            raise NodeRefused(**answer["refused"])
        return answer

    def _ended(self) -> NodeEnded:
        return NodeEnded(member=self.folder.name, log=str(self.folder / LOG))


def end_all(processes: Sequence[NodeProcess]) -> None:
    """End them together: followers do not wait for one another."""
    for process in processes:
        process.close()
    until_s = time.monotonic() + END_WITHIN_S
    for process in processes:
        process.ended(max(until_s - time.monotonic(), 0.1))


def free_ports(number: int) -> list[int]:
    """Ports on loopback that nobody has now, each given out once.

    They lie below those that systems give to outgoing connections, and each play begins at a place of its
    own: so hardly anybody takes one before it is used.
    """
    return list(islice(filter(_free, _candidates), number))


def _ring() -> Iterator[int]:
    start = os.getpid() * PORTS_PER_PLAY
    return (PORTS_FROM + (start + step) % PORTS for step in count())


_candidates = _ring()


def _free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def until(what: Callable[[], bool], within_s: float) -> bool:
    """Whether something came true within this time. Looks often at first, then less often."""
    end, pause_s = time.monotonic() + within_s, PAUSE_FIRST_S
    while not what():
        if time.monotonic() > end:
            return False
        time.sleep(pause_s)
        pause_s = min(pause_s * 2, PAUSE_MAX_S)
    return True


def warm_up() -> None:
    """Begin to load the program for the processes to come, while this one does something else."""
    context = _context()
    if context.get_start_method() == FORKS:
        from multiprocessing.forkserver import ensure_running

        ensure_running()
