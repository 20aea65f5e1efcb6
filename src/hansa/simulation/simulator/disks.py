"""Model disks: what lies on them outlives the process, and a crash leaves what the machine guarantees."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from hansa.engines.store import SqliteStore
from hansa.simulation.simulator.fast_store import FastStore, Step, goes_on

NOWHERE = Path(":memory:")


class Disk(Protocol):
    """One node's disk."""

    @property
    def path(self) -> Path:
        """Where the ledger lies on it now."""
        ...

    def open(self, path: Path) -> SqliteStore:
        """The store as it lies there, for a process that begins."""
        ...

    def watch(self, step: Step) -> None:
        """Tell of each step of the store that is open."""
        ...

    def crash(self) -> None:
        """The process ended without closing anything."""
        ...

    def wipe(self) -> None:
        """All is lost."""
        ...


class FastDisk:
    """A fast store that outlives its process. `make` gives an empty one: planted faults have their own."""

    def __init__(self, make: Callable[[], FastStore] = FastStore) -> None:
        self._make = make
        self.path = NOWHERE
        self.store = make()

    def open(self, path: Path) -> SqliteStore:
        return self.store

    def watch(self, step: Step) -> None:
        self.store.step = step

    def crash(self) -> None:
        self.store.step = goes_on

    def wipe(self) -> None:
        self.store = self._make()
