"""Model disks: what lies on them outlives the process, and a crash leaves what the machine guarantees."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from hansa.engines.cometbft.application import Shelves
from hansa.engines.cometbft.shelf import MemoryShelf
from hansa.engines.store import SqliteStore
from hansa.simulation.simulator.fast_store import FastStore, Step, goes_on

NOWHERE = Path(":memory:")


class Disk(Protocol):
    """One node's disk."""

    @property
    def path(self) -> Path:
        """Where the ledger lies on it now."""
        ...

    @property
    def shelves(self) -> Shelves:
        """Where snapshots lie on it."""
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


class Stepped(Protocol):
    """What is told of steps."""

    step: Step


class StepShelf(MemoryShelf):
    """Files of snapshots, each written whole or not at all; each writing is the step `shelf`."""

    def __init__(self, disk: Stepped) -> None:
        super().__init__()
        self._disk = disk

    def put(self, height: int, name: str, data: bytes) -> None:
        self._disk.step("shelf")
        super().put(height, name, data)

    def drop(self, height: int) -> None:
        self._disk.step("shelf")
        super().drop(height)


def stepping(disk: Stepped) -> Shelves:
    """Empty shelves for a disk: for its own snapshots, and for one that arrives."""
    return StepShelf(disk), StepShelf(disk)


class FastDisk:
    """A fast store that outlives its process. `make` gives an empty one: planted faults have their own."""

    def __init__(self, make: Callable[[], FastStore] = FastStore) -> None:
        self._make = make
        self.path = NOWHERE
        self.store = make()
        self.shelves = stepping(self)
        self.step: Step = goes_on

    def open(self, path: Path) -> SqliteStore:
        return self.store

    def watch(self, step: Step) -> None:
        self.store.step = self.step = step

    def crash(self) -> None:
        self.store.step = self.step = goes_on

    def wipe(self) -> None:
        self.store, self.shelves = self._make(), stepping(self)
