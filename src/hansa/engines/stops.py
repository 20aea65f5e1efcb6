"""When a node stands still: a fault of its machine is noted with the block to be tried again (rule 10)."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Protocol

from hansa.engines import errors
from hansa.kernel import Refusal, Struct, encode
from hansa.kernel.active import Outdated, RoomMissing
from hansa.kernel.apply import MACHINE_FAULTS, Incident
from hansa.kernel.canonical import decode
from hansa.kernel.refusal import shown
from hansa.kernel.state import Damaged
from hansa.kernel.transaction import identity
from hansa.kernel.types import Positive

STOPS_MAX = 2
"""Stops on a block after which the node waits for its operator (rule 10)."""
SET_ASIDE_MAX = 10_000
"""Transactions set aside, the newest."""
INCIDENTS_MAX = 1_000
"""Incidents kept in memory, the newest."""


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


class Stop(Struct):
    """Noted on disk when a fault of the machine stops the node, with the block that is to be tried again."""

    stops: Positive
    cause: str
    transactions: tuple[bytes, ...] = ()


class Notes(Protocol):
    """Where small facts rest: the store."""

    def meta(self, name: str) -> bytes | None: ...

    def note(self, name: str, value: bytes | None) -> None:
        """Keep or drop (None) a fact, durably."""
        ...


class Stops:
    """Why the node stands still, if it does; and its incidents, newest last."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self.reason: Refusal | None = None
        self.incidents: list[Incident] = []
        self.clock: Callable[[], int] = _wall_ms
        """What incidents are dated by: ms since the epoch."""
        kept = notes.meta("set_aside")
        self._set_aside: dict[str, None] = dict.fromkeys(
            () if kept is None else decode(kept, tuple[str, ...])
        )
        """Identities of transactions that stopped the node and are not tried again."""

    def check(self) -> None:
        """Raises Stopped, Waiting, or what else the node stands still for."""
        if self.reason is not None:
            raise self.reason

    def tell(self, *incidents: Incident) -> None:
        """Keep incidents, each with the time at which it was told."""
        self.incidents.extend(replace(incident, at_ms=self.clock()) for incident in incidents)
        del self.incidents[:-INCIDENTS_MAX]

    @contextmanager
    def guarded(self, wires: Sequence[bytes] = ()) -> Iterator[None]:
        """Work on a block of these transactions: a fault of the machine within it stops the node.

        A refusal passes; what else interrupts the work stops the node too, since memory may then lag behind
        the disk, and only a restart goes on.
        """
        self.check()
        try:
            yield
        except MACHINE_FAULTS as fault:
            raise self.stop(fault, wires) from fault
        except (Outdated, RoomMissing) as refusal:
            self.reason = refusal
            self.tell(Incident("outdated", refusal.en, refusal.zh))
            raise
        except Refusal:
            raise
        except BaseException:
            self.reason = errors.Stopped(cause="interrupted")
            raise

    def stop(self, fault: BaseException, wires: Sequence[bytes]) -> Refusal:
        """Nothing was committed. Note the stop and its block, as far as the disk allows.

        A record that is damaged on disk needs a backup, not a restart, and the reason says so. A fault met
        while the node stands still already is no second stop: the block to be tried again stays noted.
        """
        if self.reason is not None:
            return self.reason
        cause = shown(f"{type(fault).__name__}: {fault}")
        if isinstance(fault, Damaged):
            self.tell(Incident("damaged", shown(str(fault))))
            self.reason = errors.DamagedOnDisk(cause=shown(str(fault)))
        else:
            self.tell(Incident("stopped", cause))
            self.reason = errors.Stopped(cause=cause)
        try:
            before = self.noted()
            stop = Stop(stops=before.stops + 1 if before else 1, cause=cause, transactions=tuple(wires))
            self._notes.note("stopped", encode(stop))
            if stop.stops >= STOPS_MAX and not isinstance(fault, Damaged):
                self.wait(cause)
        except MACHINE_FAULTS as error:
            self.tell(Incident("unnoted", shown(f"{type(error).__name__}: {error}")))
        return self.reason

    def damaged(self, fault: BaseException) -> Refusal:
        """A reader met damage: the writer takes no more. Not noted: who meets it again, stops again."""
        refusal = errors.DamagedOnDisk(cause=shown(str(fault)))
        if self.reason is None:
            self.reason = refusal
            self.tell(Incident("damaged", shown(str(fault))))
        return refusal

    def is_set_aside(self, wire: bytes) -> bool:
        """Whether this transaction stopped the node, and its operator said not to try it again."""
        return bool(self._set_aside) and identity(wire) in self._set_aside

    def noted(self) -> Stop | None:
        noted = self._notes.meta("stopped")
        return None if noted is None else decode(noted, Stop)

    def wait(self, cause: str) -> None:
        self.reason = errors.Waiting(cause=cause)
        self.tell(Incident("waiting", cause))

    def clear(self, *, drop: bool = False) -> None:
        """The operator's word that the machine is mended; or (`drop`) that it was the transactions."""
        stop = self.noted()
        if drop and stop is not None:
            names = [identity(wire) for wire in stop.transactions]
            kept = tuple(dict.fromkeys((*self._set_aside, *names)))[-SET_ASIDE_MAX:]
            self._notes.note("set_aside", encode(kept))
            self._set_aside = dict.fromkeys(kept)
        self._notes.note("stopped", None)
        self.reason = None
