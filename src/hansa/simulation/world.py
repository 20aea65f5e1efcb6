"""A running play: a founded consortium, its members' clients, the gateway at the plant, one clock for all."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hansa.apps.consortium.messages import Genesis
from hansa.apps.rooms import registry as all_rooms
from hansa.client import Client
from hansa.edge.gateway import Gateway
from hansa.edge.readings import ReadingStore
from hansa.kernel import Registry, encode
from hansa.simulation import cast
from hansa.simulation.cast import COMPANIES, FIRST_KEY, GATEWAY_KEY, METER_OWNER, Company, secret, signer
from hansa.simulation.clocks import ReplayClock
from hansa.simulation.stage import GENESIS, OneProcess, Stage


@dataclass
class World:
    """`clients` by member; the gateway speaks for the plant's devices."""

    folder: Path
    registry: Registry
    genesis: Genesis
    seed: int
    stage: Stage
    clients: dict[str, Client]
    gateway: Gateway

    @property
    def genesis_file(self) -> Path:
        return self.folder / GENESIS

    @property
    def chain(self) -> str:
        return hashlib.sha256(encode(self.genesis)).hexdigest()

    @property
    def clock(self) -> ReplayClock:
        return self.stage.clock

    def client(self, member: str, key: str) -> Client:
        """A member's access with one of its keys."""
        return Client(
            self.stage.transport(member, key),
            self.registry,
            member=member,
            key=key,
            signer=signer(self.seed, member, key),
            clock=self.clock,
        )

    def advance(self, to_ms: int) -> None:
        """Move the clock on, stopping wherever work falls due. First every node has all that was done."""
        self.stage.calm()
        while (due_ms := self.stage.next_due_ms()) is not None and due_ms <= to_ms:
            self.clock.move_to(due_ms)
            self.stage.wake()
        self.clock.move_to(to_ms)

    def close(self) -> None:
        self.gateway.store.close()
        self.stage.close()


def found(
    folder: Path,
    start_ms: int,
    seed: int = 1,
    companies: Sequence[Company] = COMPANIES,
    processes: bool = False,
) -> World:
    """Found a consortium in an empty folder, its nodes in this process or each in one of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    genesis = cast.genesis(seed, start_ms, companies)
    (folder / GENESIS).write_bytes(encode(genesis))
    stage = _open(folder, genesis, seed, processes)
    try:
        return _people(folder, genesis, seed, stage)
    except BaseException:
        stage.close()
        raise


def _open(folder: Path, genesis: Genesis, seed: int, processes: bool) -> Stage:
    if not processes:
        return OneProcess(folder, genesis, seed)
    from hansa.simulation.five import FiveProcesses  # Only then is the network's library needed.

    return FiveProcesses(folder, genesis, seed)


def _people(folder: Path, genesis: Genesis, seed: int, stage: Stage) -> World:
    registry = all_rooms()

    def client(member: str, key: str) -> Client:
        return Client(
            stage.transport(member, key),
            registry,
            member=member,
            key=key,
            signer=signer(seed, member, key),
            clock=stage.clock,
        )

    gateway = Gateway(
        client(METER_OWNER, GATEWAY_KEY),
        ReadingStore(folder / "readings.db"),
        secret(seed, METER_OWNER, "readings"),
    )
    clients = {member.id: client(member.id, FIRST_KEY) for member in genesis.members}
    return World(folder, registry, genesis, seed, stage, clients, gateway)


Progress = Callable[[str, str, int, int], None]
"""(zh, en, done, all): how far a play is; all is 0 where it cannot be told."""


def silent(zh: str, en: str, done: int, whole: int) -> None:
    """No progress shown."""
    del zh, en, done, whole


__all__ = ["GATEWAY_KEY", "METER_OWNER", "Progress", "World", "found", "silent"]
