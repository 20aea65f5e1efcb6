"""Four trials, each on a copy: the operator cheats, and the follower of another member, as shipped, finds it.

Operator and followers run in processes of their own on copies of their directories. What the operator runs is
the node as shipped too, but for what tampering.py changes in it, or run twice under the same key.
"""

import hashlib
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from hansa.apps.consortium.messages import Attest
from hansa.apps.metering.tables import RECORDS
from hansa.client import Client
from hansa.client.http import Http
from hansa.client.texts import Text
from hansa.simulation.cast import OPERATOR, signer
from hansa.simulation.cheat import Cheat
from hansa.simulation.errors import NodeEnded
from hansa.simulation.five import CLOCK, MEMBER_FILE, NODE_FILE, write_settings
from hansa.simulation.processes import LOG
from hansa.simulation.stage import GENESIS, LEDGER, directory
from hansa.simulation.supervisor import NodeProcess, end_all, free_ports, until
from hansa.simulation.tampering import disown, rewind
from hansa.simulation.world import Progress, World, silent

CHEATS = "cheats"
FOUND_WITHIN_S = 30.0
NAMED_WITHIN_S = 10.0
"""For a follower to look through all records, once it knows that one differs."""
PATIENCE_S = 5.0
ALTERED_BY = 1
"""Base units by which a counter record is made larger."""
OVERSTATED_MINOR = 100_000
SECOND = "second"
"""The operator's second node, where it has one."""
AT_ONCE = 2
"""Trials that run beside one another."""
_COPIED = (GENESIS, NODE_FILE, MEMBER_FILE, LEDGER, LEDGER + "-wal")


class Noted(msgspec.Struct):
    """An incident as a node tells it."""

    code: str
    zh: str
    en: str
    height: int = 0


@dataclass
class Ground:
    """Where trials take place: a play whose own nodes have ended, and all nodes of all trials."""

    world: World
    started: list[NodeProcess] = field(default_factory=list)
    given_up: threading.Event = field(default_factory=threading.Event)

    def give_up(self) -> None:
        """Kill every node: whoever waits for one is told at once. No trial starts another."""
        self.given_up.set()
        for node in self.started:
            node.kill()


@dataclass
class Trial:
    """The processes of one cheat. A role is a member, or the operator's second node."""

    ground: Ground
    folder: Path
    ports: dict[str, int]
    nodes: dict[str, NodeProcess] = field(default_factory=dict)

    @property
    def world(self) -> World:
        return self.ground.world

    def http(self, role: str, member: str, key: str) -> Http:
        url = f"http://127.0.0.1:{self.ports[role]}"
        own = signer(self.world.seed, member, key)
        node = OPERATOR if role == SECOND else role
        return Http(url, signer=own, member=member, key=key, node=node, patience_s=PATIENCE_S)

    def client(self, role: str, member: str) -> Client:
        """A member's client at one of the trial's nodes, which goes on where the play's client stopped."""
        played = self.world.clients[member]
        return Client(
            self.http(role, member, played.key),
            self.world.registry,
            member=member,
            key=played.key,
            signer=signer(self.world.seed, member, played.key),
            clock=self.world.clock,
            sequence=played.sequence,
        )

    def start(self, role: str, member: str, at: str = OPERATOR, cheat: tuple[str, int] = ("", 0)) -> None:
        """Start a member's node on its copy; a follower copies from the node of the role `at`."""
        place = self.folder / role
        peers = {**self.ports, OPERATOR: self.ports[at], member: self.ports[role]}
        peers.pop(SECOND, None)
        write_settings(place, member, peers)
        if self.ground.given_up.is_set():
            raise NodeEnded(member=member, log=str(place / LOG))
        self.nodes[role] = NodeProcess(place, self.world.folder / CLOCK, cheat)
        self.ground.started.append(self.nodes[role])

    def wait(self) -> None:
        for node in self.nodes.values():
            node.wait()

    def incident(self, member: str, names: str) -> tuple[Noted | None, int]:
        """What a follower found, and after how many ms. Waits a little longer until it names the thing."""
        with self.http(member, member, self.world.clients[member].key) as http:
            noted: list[Noted] = []
            began, first = time.monotonic(), 0.0

            def found() -> bool:
                nonlocal first
                noted[:] = msgspec.json.decode(http.get("/v1/incidents"), type=list[Noted])
                first = first or (time.monotonic() if noted else 0.0)
                return bool(noted)

            if until(found, FOUND_WITHIN_S) and names not in noted[0].en:
                until(lambda: found() and names in noted[0].en, NAMED_WITHIN_S)
        return (noted[0], int((first - began) * 1_000)) if noted else (None, 0)


@contextmanager
def _trial(ground: Ground, kind: str, roles: Sequence[tuple[str, str]]) -> Iterator[Trial]:
    """Copies for (role, member) in a folder of the trial; ends what was started in it."""
    folder = ground.world.folder / CHEATS / kind
    ports = dict(zip((role for role, _ in roles), free_ports(len(roles)), strict=True))
    for role, member in roles:
        _copy(directory(ground.world.folder, member), folder / role)
    trial = Trial(ground, folder, ports)
    try:
        yield trial
    finally:
        end_all(list(trial.nodes.values()))


def _copy(of: Path, to: Path) -> None:
    to.mkdir(parents=True)
    for name in _COPIED:
        if (of / name).exists():
            shutil.copy2(of / name, to / name)
    disown(to / LEDGER, hashlib.sha256((to / GENESIS).read_bytes()).hexdigest())


def _caught(kind: str, done: Text, by: str, trial: Trial, names: str = "") -> Cheat:
    incident, after_ms = trial.incident(by, names)
    if incident is None:
        return Cheat(kind, done)
    return Cheat(kind, done, by, incident.code, Text(incident.zh, incident.en), after_ms)


def _something(client: Client) -> None:
    """A transaction of no consequence, so that there is a block."""
    client.do(Attest(table="consortium.members", key=(client.member,)))


def altered_record(ground: Ground) -> Cheat:
    """A counter record of the past says more than was read; the operator's sums agree with it."""
    done = Text(
        f"在自己的账本中把一条过去的计量记录改大 {ALTERED_BY}，并改好全部校验和，然后照常出块",
        f"Made a past counter record in its own ledger larger by {ALTERED_BY}, corrected all sums, went on",
    )
    by = "auditor"
    with _trial(ground, "altered_record", ((OPERATOR, OPERATOR), (by, by))) as trial:
        trial.start(OPERATOR, OPERATOR, cheat=("alter", ALTERED_BY))
        trial.start(by, by)
        trial.wait()
        _something(trial.client(OPERATOR, OPERATOR))
        return _caught("altered_record", done, by, trial, RECORDS.name)


def dropped_transaction(ground: Ground) -> Cheat:
    """The bank's transaction is acknowledged by one node of the operator, and missing in what it serves."""
    done = Text(
        "签名确认了银行的一笔交易已落账，却在公布的账本中丢弃了它",
        "Signed that a transaction of the bank is durable, and left it out of the ledger that it serves",
    )
    by, other = "bank", SECOND
    roles = ((OPERATOR, OPERATOR), (other, OPERATOR), (by, by))
    with _trial(ground, "dropped_transaction", roles) as trial:
        trial.start(OPERATOR, OPERATOR)
        trial.start(other, OPERATOR, at=other)
        trial.start(by, by)
        trial.wait()
        bank = trial.client(other, by)
        wire = bank.sign(Attest(table="consortium.members", key=(by,)))
        promised = bank.transport.deliver([wire]).acknowledgements
        _something(trial.client(OPERATOR, OPERATOR))
        with trial.http(by, by, bank.key) as follower:
            for acknowledgement in promised:
                follower.hand_over(acknowledgement)
        return _caught("dropped_transaction", done, by, trial)


def two_histories(ground: Ground) -> Cheat:
    """Two nodes under the operator's key: the plant's follower gets one block, the bank's another."""
    done = Text(
        "同一高度给工厂和银行两个不同的区块，两个都有自己的签名",
        "Gave plant and bank two different blocks of one height, both under its own signature",
    )
    by, misled, other = "plant", "bank", SECOND
    roles = ((OPERATOR, OPERATOR), (other, OPERATOR), (by, by), (misled, misled))
    with _trial(ground, "two_histories", roles) as trial:
        trial.start(OPERATOR, OPERATOR)
        trial.start(other, OPERATOR, at=other)
        trial.start(misled, misled, at=other)
        trial.start(by, by)
        trial.wait()
        _something(trial.client(OPERATOR, OPERATOR))
        _something(trial.client(other, by))
        return _caught("two_histories", done, by, trial)


def other_amount(ground: Ground, closed_height: int) -> Cheat:
    """The last statement is closed once more, by a program that adds to it. Followers have their own."""
    done = Text(
        f"用改过的程序关账，结算单多出 {OVERSTATED_MINOR:,} 个最小货币单位",
        f"Closed the period with a changed program that states {OVERSTATED_MINOR:,} minor units more",
    )
    by = "plant"
    with _trial(ground, "other_amount", ((OPERATOR, OPERATOR), (by, by))) as trial:
        for role in (OPERATOR, by):
            rewind(trial.folder / role / LEDGER, closed_height - 1)
        trial.start(OPERATOR, OPERATOR, cheat=("overstate", OVERSTATED_MINOR))
        trial.start(by, by)
        trial.wait()
        trial.nodes[OPERATOR].ask("wake")
        return _caught("other_amount", done, by, trial)


def try_all(world: World, closed_height: int, progress: Progress = silent) -> list[Cheat]:
    """The four, in this order. The play's own nodes must have ended. Raises refusals of the processes."""
    ground = Ground(world)
    trials: list[Callable[[], Cheat]] = [
        lambda: altered_record(ground),
        lambda: dropped_transaction(ground),
        lambda: two_histories(ground),
        lambda: other_amount(ground, closed_height),
    ]
    found: list[Cheat] = []
    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        for cheat in pool.map(lambda trial: trial(), trials):
            found.append(cheat)
            progress("运营方作弊试验", "The operator cheats", len(found), len(trials))
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        ground.give_up()
        raise
    finally:
        pool.shutdown()
    return found
