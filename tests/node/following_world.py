"""An operator's engine and followers in this process, on a double of the network that a test can bend."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hansa.apps.consortium.contract import ROOM as CONSORTIUM
from hansa.apps.consortium.messages_votes import Propose, Seat, SetCosigners, Vote
from hansa.client import Client, InProcess, Receipt, errors
from hansa.engines.blocks import BlockData, Write
from hansa.engines.embedded import Embedded
from hansa.kernel import Action, Registry, Release, encode, replace
from hansa.kernel.evidence import Cosignature, Cosigner, Proof, SignedHeader
from hansa.kernel.signatures import Signer
from hansa.node.cosigning import Cosignatures
from hansa.node.difference import Contents, Row
from hansa.node.follower import Follower, Keys
from hansa.node.metrics import Metrics
from hansa.node.settings import Settings
from tests.consortium import MEMBERS, VirtualClock, genesis, signer
from tests.kernel import room

WAIT_S = 10.0
LONG_POLL_S = 0.2
NODE = signer("maker", "node")


def cosigner_key(member: str) -> Signer:
    """The key of a member's node; the operator's signs headers."""
    return signer(member, "node")


def founding(quorum: int = 3) -> bytes:
    """A genesis with the four members as cosigners, `maker` operates."""
    cosigners = tuple(Cosigner(member=m, public=cosigner_key(m).public) for m in MEMBERS)
    return encode(replace(genesis(room.registry()), cosigners=cosigners, quorum=quorum))


def until(true: Callable[[], Any], what: str = "") -> Any:
    """Wait for something to come true; fails loudly if it does not."""
    end = time.monotonic() + WAIT_S
    while not (found := true()):
        assert time.monotonic() < end, f"waited in vain {what}"
        time.sleep(0.005)
    return found


class Operator:
    """The operator's engine, with its clients. A cheat opens another one on a copy of the folder."""

    def __init__(
        self,
        folder: Path,
        clock: VirtualClock,
        registry: Registry | None = None,
        genesis_bytes: bytes = b"",
        node: Signer = NODE,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.clock = folder, clock
        self.registry = registry or room.registry()
        self.genesis = genesis_bytes or founding()
        self.node = Embedded(folder / "ledger.db", self.genesis, node, clock, registry=self.registry)
        self.reader = self.node.reader()
        self.cosignatures = Cosignatures(folder / "cosignatures.db", self.reader)
        self.away = False
        self.lock = threading.RLock()
        self.clients: dict[str, Client] = {}

    def do(self, member: str, *actions: Action) -> Receipt:
        if member not in self.clients:
            transport: Any = InProcess(self.node)
            self.clients[member] = Client(
                transport, self.registry, member=member, key="k1", signer=signer(member), clock=self.clock
            )
        client = self.clients[member]
        receipt: Receipt = client.transport.submit([client.sign(*actions)])[0]
        assert receipt.code == "ok", receipt.en
        return receipt

    def cheat(self, folder: Path, registry: Registry | None = None) -> "Operator":
        """The same operator going on from here on a copy of its folder, under other rules."""
        self.close()
        shutil.copytree(self.folder, folder)
        made = Operator(folder, self.clock, registry or self.registry, self.genesis)
        made.clients = self.clients
        for client in made.clients.values():
            client.transport = InProcess(made.node)
        return made

    def succeeded(self, member: str) -> "Operator":
        """The members vote another operator in, whose engine goes on in the same folder."""
        seats = tuple(Seat(member=m, public=cosigner_key(m).public) for m in MEMBERS)
        subject = SetCosigners(seats=seats, quorum=3, operator=member)
        self.do("plant", Propose(proposal=f"operator-{member}", subject=subject))
        for voter in ("maker", "plant", "auditor"):
            self.do(voter, Vote(proposal=f"operator-{member}", yes=True))
        self.close()
        made = Operator(self.folder, self.clock, self.registry, self.genesis, cosigner_key(member))
        made.clients = self.clients
        for client in made.clients.values():
            client.transport = InProcess(made.node)
        return made

    def close(self) -> None:
        with self.lock:
            self.away = True
            self.cosignatures.close()
            self.reader.close()
            self.node.close()


def unbent(sent: Any) -> Any:
    """As it is."""
    return sent


@dataclass
class Line:
    """A connection to an operator, or to a follower, that a test may cut or bend."""

    source: Any
    url: str = "test://node"
    bend_block: Callable[[BlockData], BlockData] = unbent
    bend_head: Callable[[SignedHeader], SignedHeader] = unbent
    cut: bool = False
    asked: list[str] = field(default_factory=list)

    @contextmanager
    def _reading(self, what: str) -> Iterator[Any]:
        """A snapshot of whoever answers, unless it is away."""
        self.asked.append(what)
        with getattr(self.source, "lock", nullcontext()):
            if self.cut or getattr(self.source, "away", False):
                raise errors.Unreachable(url=self.url, cause="cut")
            with self.source.reader.snapshot() as reading:
                yield reading

    def blocks(self, first: int, limit: int, wait_ms: int) -> Sequence[BlockData]:
        end = time.monotonic() + min(wait_ms / 1_000, LONG_POLL_S)
        while True:
            with self._reading("blocks") as reading:
                last = min(reading.height, first + limit - 1)
                found = [self.bend_block(reading.block(height)) for height in range(first, last + 1)]
            if found or time.monotonic() > end:
                return found
            time.sleep(0.005)

    def head(self) -> SignedHeader | None:
        with self._reading("head") as reading:
            head = reading.head()
            return None if head is None else self.bend_head(self.source.cosignatures.dressed(head))

    def header(self, height: int) -> SignedHeader:
        with self._reading("header") as reading:
            return self.bend_head(self.source.cosignatures.dressed(reading.header(height)))

    def contents(self, height: int) -> Contents:
        with self._reading("contents") as reading:
            outcomes, events = (tuple(reading.items(kind, height)) for kind in ("outcome", "event"))
            return Contents(outcomes=outcomes, events=events)

    def writes(self, height: int) -> tuple[Write, ...]:
        with self._reading("writes") as reading:
            found: tuple[Write, ...] = reading.write_set(height)
            return found

    def records(self, table: str, after: bytes, limit: int, height: int) -> list[Row]:
        with self._reading("records") as reading:
            found: list[Row] = reading.at(height).records(table, after, limit)
            return found

    def prove(self, kind: str, height: int, index: int, head: int) -> Proof:
        with self._reading("prove") as reading:
            found: Proof = reading.prove(kind, height, index, head)
            return found

    def cosign(self, height: int, app_hash: str, cosignature: Cosignature) -> None:
        with self._reading("cosign"):
            self.source.cosignatures.take(height, app_hash, cosignature)

    def close(self) -> None:
        """Nothing is held open."""


class Net:
    """Who answers under which member's name; "" is the operator as followers reach it."""

    def __init__(self, operator: Operator) -> None:
        self.lines: dict[str, Line] = {"": Line(operator), "maker": Line(operator)}

    def serve(self, operator: Operator) -> None:
        """From now on this one answers as the operator."""
        for name in ("", "maker"):
            self.lines[name].source = operator

    def connect(self, member: str, url: str, timeout_s: float) -> Any:
        del url, timeout_s
        if member not in self.lines:
            raise errors.Unreachable(url=member, cause="no such node")
        return self.lines[member]


def follower(
    folder: Path,
    net: Net,
    member: str = "plant",
    *,
    clock: Callable[[], int],
    peers: Sequence[str] = (),
    genesis_bytes: bytes = b"",
    release: Release | None = None,
) -> Follower:
    """A follower that is not started."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = Settings(
        member=member, role="follower", directory=str(folder), follow="http://operator.test",
        peers={peer: f"http://{peer}.test" for peer in peers}, log="warning",
    )  # fmt: skip
    keys = Keys(cosigner_key(member), cosigner_key(member))
    made = Follower(
        settings, genesis_bytes or founding(), keys, clock, Metrics(),
        release=release or Release([CONSORTIUM, room.ROOM]), connect=net.connect,
    )  # fmt: skip
    net.lines[member] = Line(made)
    return made


@contextmanager
def following(folder: Path, net: Net, member: str = "plant", **more: Any) -> Iterator[Follower]:
    """A follower at work."""
    made = follower(folder, net, member, **more)
    made.begin()
    try:
        yield made
    finally:
        made.end()
