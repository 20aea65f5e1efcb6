"""Where a play runs: all nodes in this process, or each in its own (five.py)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from hansa.apps.consortium.messages import Genesis
from hansa.client import InProcess, Transport
from hansa.engines.blocks import BlockData
from hansa.engines.embedded import Embedded
from hansa.kernel import encode
from hansa.kernel.messages import Receipt
from hansa.simulation.cast import OPERATOR, node_signer
from hansa.simulation.clocks import ReplayClock

LEDGER, GENESIS = "ledger.db", "genesis.json"
NODES = "nodes"
"""Folder of the members' data directories, each named by its member."""


@dataclass(frozen=True)
class Seen:
    """A node: whose it is, where it listens ("": nowhere), how far it has come."""

    member: str
    url: str
    height: int
    app_hash: str


class Stage(Protocol):
    """The nodes of a play and their common clock."""

    @property
    def clock(self) -> ReplayClock: ...

    def transport(self, member: str, key: str) -> Transport:
        """A member's way to the ledger, with one of its keys: by its own node where it has one."""
        ...

    def calm(self) -> None:
        """Return when every node has all that was ever acknowledged."""
        ...

    def next_due_ms(self) -> int | None:
        """When the next work falls due; None if none waits."""
        ...

    def wake(self) -> None:
        """Do what is due at the clock's time."""
        ...

    def block(self, height: int) -> BlockData: ...

    def nodes(self) -> list[Seen]:
        """Every node of the play as it stands now, the operator's first."""
        ...

    def answered_ms(self) -> list[float]:
        """How long each submission took to be answered; none where no network lies between."""
        ...

    def incidents(self) -> list[str]:
        """Trouble that the operator's node noted, for people."""
        ...

    def close(self) -> None: ...


def directory(folder: Path, member: str) -> Path:
    """A member's data directory in the folder of a play."""
    return folder / NODES / member


class OneProcess:
    """The operator's ledger in this process; every member goes to it."""

    def __init__(self, folder: Path, genesis: Genesis, seed: int) -> None:
        self.clock = ReplayClock(genesis.created_ms)
        own = directory(folder, OPERATOR)
        own.mkdir(parents=True)
        self.node = Embedded(own / LEDGER, encode(genesis), node_signer(seed, OPERATOR), self.clock)
        self._transport = InProcess(self.node)

    def transport(self, member: str, key: str) -> Transport:
        return self._transport

    def calm(self) -> None:
        """One ledger is never behind itself."""

    def next_due_ms(self) -> int | None:
        return self.node.next_due_ms()

    def wake(self) -> None:
        self.node.wake()

    def block(self, height: int) -> BlockData:
        return self.node.ledger.block(height)

    def nodes(self) -> list[Seen]:
        return [Seen(OPERATOR, "", self.node.height, self.node.app_hash)]

    def answered_ms(self) -> list[float]:
        return []

    def incidents(self) -> list[str]:
        return [f"{incident.what}: {incident.detail}" for incident in self.node.incidents]

    def close(self) -> None:
        self.node.close()


def newest(receipts: Sequence[Receipt]) -> int:
    """The greatest height at which one of these transactions rests; 0 if none does."""
    return max((receipt.height for receipt in receipts), default=0)
