"""Runs a node's processes as one unit: they start in order, stop together and are started again together.

The engine leaves with exit code 0 when the application dies, and a hung one leaves the other alive: so each
end and each hang of one ends all (the last started first), and after a pause they are started again, always.
The pause grows while the unit never runs for long; after some tries the supervisor waits much longer between
them and says so. What no restart can mend (`Hold`) is left as it is, for people to look at.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO, Any, NamedTuple, cast

from hansa.kernel.refusal import Refusal
from hansa.node.supervision_logs import Reader, Stream

SHIM = Path(__file__).with_name("supervision_shim.py")
READY_EVERY_S = 0.05
ENDS_TOGETHER_S = 2.0
"""A program that ends because its partner did may be heard this much before it: whose last lines are still
read is told late."""


class Hold(Exception):
    """Seen was what no restart mends, and what it is, in both languages."""

    def __init__(self, zh: str, en: str) -> None:
        self.zh, self.en = zh, en
        super().__init__(en)


IDLE_PART = 0.02
"""Of a core: a program that uses less does nothing."""


def cpu_s(pid: int) -> float:
    """CPU time that a process has used, in seconds; the clock's where the system does not tell, so that it
    counts as at work.
    """
    try:
        parts = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
        return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return time.monotonic()


class Child(NamedTuple):
    """One program of the unit."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    ready: Callable[[], bool]
    """Whether the next one may be started."""
    probe: Callable[[], str]
    """"" while it is well, else what is wrong. Must come back within its own deadline. May raise Hold."""
    before: Callable[[], None] = lambda: None
    """Called each time before it starts; may raise a Refusal, which ends this try."""
    first: tuple[str, ...] = ()
    """More arguments of the command, at the first start only: somebody's word, which is said once."""
    slow_start: bool = False
    """It may answer nobody for long once it has begun (an engine that replays): until a first good answer,
    bad ones count only while it does nothing either."""
    heard: Callable[[dict[str, Any]], Refusal | str] = lambda _line: ""
    """Looks at each log line; a refusal or a text is a reason to start anew. May raise Hold."""


class Bounds(NamedTuple):
    """Times and counts of a supervisor."""

    start_s: float = 900.0
    """For one program to become ready, so that the next is started."""
    probe_every_s: float = 5.0
    probes_failed: int = 4
    """So many bad probes in a row, after a good one, and the unit is started anew."""
    probes_silent: int = 12
    """So many bad probes in a row of one that does nothing, also before a good one."""
    steady_s: float = 60.0
    """A unit that ran so long had a good start: the count of tries begins anew."""
    pause_first_s: float = 1.0
    pause_max_s: float = 30.0
    tries: int = 8
    waiting_s: float = 600.0
    """Between further tries."""
    stop_s: float = 30.0
    """For one program to end when asked; then it is killed."""


BOUNDS = Bounds()


class Told(NamedTuple):
    """What the supervisor does now, for whoever shows it. `state`: starting, running, pausing, waiting, held,
    stopped."""

    state: str
    restarts: int
    cause: str
    pids: dict[str, int]
    cause_zh: str = ""
    """The same in Chinese, where it is more than a program's own words."""


class _Said(NamedTuple):
    """What reached the supervisor: ended, unwell, hold, stop or again; of which run and child."""

    what: str
    child: str = ""
    detail: str = ""
    run: int = 0
    zh: str = ""
    orderly: bool = False
    """It ended with exit code 0, as one does whose partner died."""


class _Running:
    """A started program, with the threads that watch it."""

    def __init__(
        self, child: Child, run: int, said: SimpleQueue[_Said], stream: Stream, bounds: Bounds
    ) -> None:
        self.child, self._run, self._said, self._bounds = child, run, said, bounds
        self._over = threading.Event()
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-I",
                "-S",
                str(SHIM),
                str(os.getpid()),
                *child.command,
                *(child.first if run == 1 else ()),
            ],
            env=dict(child.environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C at a terminal is for the supervisor alone.
        )
        self.log = Reader(child.name, cast(IO[bytes], self.process.stdout), stream, self._hear)
        self.log.start()
        self._was_well = False
        threading.Thread(target=self._wait, name=f"wait {child.name}", daemon=True).start()
        threading.Thread(target=self._probe, name=f"probe {child.name}", daemon=True).start()

    def is_ready(self) -> None:
        """From here on a bad answer counts, unless it is slow to start."""
        self._was_well = self._was_well or not self.child.slow_start

    def end(self) -> None:
        """Ask it to end, then make it. Returns when it is gone."""
        self._over.set()
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(self._bounds.stop_s)
            except subprocess.TimeoutExpired:
                self.kill()
        self.process.wait()
        self.log.join(1.0)
        if self.process.stdin is not None:
            self.process.stdin.close()

    def kill(self) -> None:
        """One that hangs gets no time."""
        self._over.set()
        if hasattr(os, "killpg"):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)  # And whatever it started.
        self.process.kill()

    def last_words(self) -> str:
        return next((line for line in reversed(self.log.last) if line.strip()), "")

    def _tell(self, what: str, detail: str = "", zh: str = "", orderly: bool = False) -> None:
        if not self._over.is_set():
            self._said.put(_Said(what, self.child.name, detail, self._run, zh, orderly))

    def _wait(self) -> None:
        code = self.process.wait()
        self.log.join(1.0)
        how = f"exit code {code}" if code >= 0 else f"signal {-code}"
        self._tell("ended", f"{how}; {self.last_words()}" if code > 0 else how, orderly=code == 0)

    def _hear(self, line: dict[str, Any]) -> None:
        try:
            wrong = self.child.heard(line)
            if isinstance(wrong, Refusal):
                self._tell("unwell", str(wrong), f"{wrong.code}: {wrong.zh}")
            elif wrong:
                self._tell("unwell", wrong)
        except Hold as reason:
            self._tell("hold", reason.en, reason.zh)

    def _probe(self) -> None:
        failed = silent = 0
        used_s = cpu_s(self.process.pid)
        while not self._over.wait(self._bounds.probe_every_s):
            try:
                wrong = self.child.probe()
            except Hold as reason:
                self._tell("hold", reason.en, reason.zh)
                continue
            self._was_well = self._was_well or not wrong
            failed = failed + 1 if wrong and self._was_well else 0
            before_s, used_s = used_s, cpu_s(self.process.pid)
            idle = used_s - before_s < IDLE_PART * self._bounds.probe_every_s
            silent = silent + 1 if wrong and idle else 0
            if failed >= self._bounds.probes_failed or silent >= self._bounds.probes_silent:
                self._tell("unwell", wrong)
                return


class Supervisor:
    """Runs the children until it is told to stop. `told` is called whenever what it does changes.

    `children` is asked before each start, and may raise a Refusal, which ends that try: settings may have
    changed.

    Use it from the main thread of its process: children die with the thread that started them.
    """

    def __init__(
        self,
        children: Callable[[], Sequence[Child]],
        stream: Stream,
        told: Callable[[Told], None] = lambda _: None,
        bounds: Bounds = BOUNDS,
    ) -> None:
        self._children, self._stream, self._told, self._bounds = children, stream, told, bounds
        self.stopping = threading.Event()
        """Set once it was told to stop: for what takes long before a start."""
        self._said: SimpleQueue[_Said] = SimpleQueue()
        self._up: list[_Running] = []
        self._run = self._restarts = 0
        self._held: _Said | None = None

    def stop(self) -> None:
        """Ask it to end all. Safe from any thread and from a signal handler."""
        self.stopping.set()
        self._said.put(_Said("stop"))

    def again(self) -> None:
        """Ask it to stop and start all at once, also where it holds or waits."""
        self._said.put(_Said("again"))

    def run(self) -> None:
        """Returns when it was told to stop and all have ended. Never raises for what the children do."""
        quick = 0
        try:
            while True:
                began = time.monotonic()
                said = self._cause(self._once())
                self._end_all(said)
                if said.what == "stop":
                    return
                self._restarts += 1
                quick = 0 if time.monotonic() - began >= self._bounds.steady_s else quick + 1
                if said.what != "again" and self._pause(quick, said):
                    return
                self._held = None
        finally:
            self._end_all(_Said("stop"))
            self._tell("stopped")

    def handle_signals(self) -> None:
        """SIGTERM and SIGINT stop, SIGHUP starts anew."""
        for name in ("SIGTERM", "SIGINT"):
            signal.signal(getattr(signal, name), lambda *_: self.stop())
        if hasattr(signal, "SIGHUP"):
            signal.signal(signal.SIGHUP, lambda *_: self.again())

    def _once(self) -> _Said:
        """Start all in order and watch them; what ended this run."""
        self._run += 1
        self._tell("starting")
        try:
            children = self._children()
        except Refusal as refusal:
            return _Said("ended", "settings", str(refusal), zh=f"{refusal.code}: {refusal.zh}")
        for child in children:
            try:
                child.before()
                if self.stopping.is_set():
                    return _Said("stop")
                running = _Running(child, self._run, self._said, self._stream, self._bounds)
            except Refusal as refusal:
                return _Said("ended", child.name, str(refusal), zh=f"{refusal.code}: {refusal.zh}")
            except OSError as error:
                return _Said("ended", child.name, str(error))
            self._up.append(running)
            self._stream.note("started", child=child.name, pid=running.process.pid)
            if said := self._until_ready(running):
                return said
        if self._held is None:
            self._tell("running")
        return self._watched()

    def _until_ready(self, running: _Running) -> _Said | None:
        end = time.monotonic() + self._bounds.start_s
        while not running.child.ready():
            if time.monotonic() > end and self._held is None:
                return _Said("unwell", running.child.name, f"not ready within {self._bounds.start_s:.0f} s")
            said = self._next(READY_EVERY_S)
            if said is not None and self._ends(said):
                return said
        running.is_ready()
        return None

    def _watched(self) -> _Said:
        while True:
            said = self._next(None)
            if said is not None and self._ends(said):
                return said

    def _cause(self, said: _Said) -> _Said:
        """What ended this run: not one program's orderly end, nor its word that something is wrong, where
        another's end is heard right after.
        """
        end = time.monotonic() + ENDS_TOGETHER_S
        while (said.orderly or said.what == "unwell") and (left_s := end - time.monotonic()) > 0:
            other = self._next(left_s)
            if other is None or not self._ends(other) or other.orderly:
                continue
            if other.what != "unwell":
                return other
            said = other if said.orderly else said
        return said

    def _ends(self, said: _Said) -> bool:
        """Whether what was said ends this run. One that is held stays as it is, hung or not."""
        if said.what == "hold" and self._held is None:
            self._held = said
            self._tell("held", said)
        return said.what not in (("hold", "unwell") if self._held else ("hold",))

    def _pause(self, quick: int, cause: _Said) -> bool:
        """Wait before the next start; True if told to stop meanwhile."""
        bounds = self._bounds
        if self._held is not None:
            self._tell("held", self._held)
            pause = None
        elif quick >= bounds.tries:
            self._tell("waiting", cause)
            pause = bounds.waiting_s
        else:
            self._tell("pausing", cause)
            pause = min(bounds.pause_first_s * 2 ** max(quick - 1, 0), bounds.pause_max_s)
        end = None if pause is None else time.monotonic() + pause
        while end is None or time.monotonic() < end:
            said = self._next(None if end is None else max(end - time.monotonic(), 0))
            if said is not None and said.what in ("stop", "again"):
                return said.what == "stop"
        return False

    def _next(self, within_s: float | None) -> _Said | None:
        """What is said of this run, or to all; None in time."""
        try:
            said = self._said.get(timeout=within_s)
        except Empty:
            return None
        return said if said.run in (0, self._run) else None

    def _end_all(self, said: _Said) -> None:
        """The last started first. The one that hangs is killed at once."""
        for running in self._up:
            if said.what == "unwell" and running.child.name == said.child:
                running.kill()
        for running in reversed(self._up):
            running.end()
            if said.what != "stop" and running.child.name == said.child:
                self._stream.note(said.what, "error", child=said.child, detail=said.detail)
        self._up = []

    def _tell(self, state: str, why: _Said | None = None) -> None:
        pids = {running.child.name: running.process.pid for running in self._up}
        child, en, zh = (why.child, why.detail, why.zh) if why is not None else ("", "", "")
        cause = f"{child}: {en}".strip(": ")
        self._stream.note("supervisor", "warning" if cause else "info", state=state, cause=cause)
        self._told(Told(state, self._restarts, cause, pids, f"{child}：{zh}" if zh else cause))
