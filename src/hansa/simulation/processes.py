"""A node of a play, as shipped, in a process of its own: only its clock is the play's.

The process lives as long as the play holds the other end of its line, so none outlives the play, however
that ends. Over the line come questions (`wake`, `due`) and go answers; the first word from here says at which
port the node listens, or why it cannot.
"""

import os
import signal
import sys
import threading
from contextlib import AbstractContextManager, nullcontext
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol

from hansa.kernel import Refusal
from hansa.simulation.clocks import SeenClock

LOG = "node.log"
STOP_WITHIN_S = 10.0


class Handle(Protocol):
    """What a running node lets its process do."""

    port: int

    def wake(self) -> None: ...

    def next_due_ms(self) -> int | None: ...

    def stop(self) -> None: ...


class Control(threading.Thread):
    """Listens to the play. When the play is gone, the node ends, and with it this process."""

    def __init__(self, line: Connection) -> None:
        super().__init__(daemon=True)
        self._line = line
        self._ready = threading.Event()
        self._handle: Handle | None = None

    def ready(self, handle: Handle) -> None:
        """Called once the node listens."""
        self._handle = handle
        self._ready.set()
        self._line.send({"port": handle.port})

    def run(self) -> None:
        try:
            while True:
                asked = self._line.recv()
                self._ready.wait()
                assert self._handle is not None
                self._line.send(self._answer(self._handle, asked))
        except (EOFError, OSError):
            self._end()

    def _end(self) -> None:
        if self._handle is None:
            os._exit(1)
        threading.Timer(STOP_WITHIN_S, os._exit, (1,)).start()
        self._handle.stop()

    def _answer(self, handle: Handle, asked: str) -> dict[str, Any]:
        try:
            if asked == "wake":
                handle.wake()
            return {"due_ms": handle.next_due_ms()}
        except Refusal as refusal:
            return told(refusal)


def told(refusal: Refusal) -> dict[str, Any]:
    return {"refused": {"code": refusal.code, "why_zh": refusal.zh, "why_en": refusal.en}}


def run_node(folder: Path, clock_file: Path, cheat: tuple[str, int], line: Connection) -> None:
    """The main function of the process: run the node of a data directory on a play's clock.

    `cheat`: what tampering.py changes in it, and by how much; ("", 0): nothing.
    """
    _detach(folder / LOG)
    control = Control(line)
    control.start()
    from hansa.node.run import serve
    from hansa.node.settings import read

    try:
        with _cheating(*cheat):
            serve(read(folder), clock=SeenClock(clock_file), ready=control.ready)
    except Refusal as refusal:
        line.send(told(refusal))
    # A thread that still waits for the network must not keep the process.
    sys.stderr.flush()
    os._exit(0)


def _detach(log: Path) -> None:
    """What the node writes goes to its log; Ctrl-C is for the play, which then ends its nodes in order."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for stream in (1, 2):
        os.dup2(out, stream)
    os.close(out)


def _cheating(kind: str, by: int) -> AbstractContextManager[object]:
    if not kind:
        return nullcontext()
    from hansa.simulation import tampering

    return tampering.overstating(by) if kind == "overstate" else tampering.altering(by)
