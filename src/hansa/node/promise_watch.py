"""Looks for promises block by block; on a timer for what is withheld, and for what only a proof can show."""

from collections.abc import Callable
from threading import Event, Thread

from hansa.kernel.apply import Incident
from hansa.kernel.refusal import Refusal
from hansa.node import errors_follower as errors
from hansa.node.logs import note
from hansa.node.promises import Promises
from hansa.node.upstream import Upstream

EVERY_S = 1.0
AWAY_PAUSE_S = 30.0
STOP_S = 5.0
INCIDENTS_MAX = 100


class PromiseWatch:
    """`on_block` is called by the executing thread; the timer has one of its own.

    `newest`: the highest height that anybody has shown; `connect` makes a connection to the operator's node.
    Trouble of this machine is told, ends neither, and stops no copying.
    """

    def __init__(
        self,
        promises: Promises,
        newest: Callable[[], int],
        clock: Callable[[], int],
        connect: Callable[[], Upstream],
    ) -> None:
        self._promises, self._newest, self._clock, self._connect = promises, newest, clock, connect
        self._upstream: Upstream | None = None
        self._ask_after_ms = 0
        self._stop = Event()
        self._thread = Thread(target=self._run, name="promises", daemon=True)
        self.trouble: Refusal | None = None
        """Why looking failed the last time, if it did."""
        self.incidents: list[Incident] = []

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=STOP_S)

    def on_block(self, height: int) -> None:
        """Look for what was promised up to this block."""
        self._guarded(lambda: self._promises.look(height))

    def look_around(self) -> None:
        """Once around the timer: which promised heights nobody shows, and what the operator can prove."""
        self._guarded(self._around)

    def _around(self) -> None:
        self._promises.look_up()  # Where it failed before.
        self._promises.watch(self._newest(), self._clock())
        if not self._promises.unlooked or self._clock() < self._ask_after_ms:
            return
        try:
            self._upstream = self._upstream or self._connect()
            self._promises.ask(self._upstream.prove, self._clock())
        except Refusal:
            self._ask_after_ms = self._clock() + int(AWAY_PAUSE_S * 1_000)

    def _guarded(self, work: Callable[[], object]) -> None:
        try:
            work()
            self.trouble = None
        except Exception as error:
            self.trouble = errors.PromisesTrouble(cause=f"{type(error).__name__}: {error}")
            incident = Incident("promises", str(self.trouble.values["cause"]), at_ms=self._clock())
            known = {each.detail for each in self.incidents}
            if incident.detail not in known and len(known) < INCIDENTS_MAX:
                self.incidents.append(incident)
                note("looking for promises failed", 40, trace=True)

    def _run(self) -> None:
        while not self._stop.wait(EVERY_S):
            self.look_around()
        if self._upstream is not None:
            self._upstream.close()
