"""The nodes of a play as four processes beside this one, which is the client: all speak HTTP on loopback."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from hansa.apps import rooms
from hansa.apps.consortium.messages import Genesis
from hansa.client.bundle import Handover
from hansa.client.http import Http
from hansa.client.keyfiles import write_key
from hansa.client.transport import Delivery, Transport
from hansa.engines.blocks import BlockData, unpack_blocks
from hansa.engines.folder import begin
from hansa.kernel import encode
from hansa.kernel.commit import EngineHeader
from hansa.kernel.evidence import BlockProof, Proof, SignedHeader
from hansa.kernel.messages import Receipt
from hansa.node.private import private
from hansa.node.settings import SETTINGS
from hansa.simulation.cast import FIRST_KEY, NODE_KEY, OPERATOR, secret, signer
from hansa.simulation.clocks import SharedClock
from hansa.simulation.errors import NodeBehind
from hansa.simulation.processes import LOG
from hansa.simulation.stage import GENESIS, LEDGER, Seen, directory, newest
from hansa.simulation.supervisor import NodeProcess, end_all, free_ports, until

CLOCK = "clock"
NODE_FILE, MEMBER_FILE = "node.key", "member.key"
CATCH_UP_WITHIN_S = 60.0

T = TypeVar("T")


class FiveProcesses:
    """Operator and followers run in the order of the members; `processes` by member."""

    def __init__(self, folder: Path, genesis: Genesis, seed: int) -> None:
        self.folder, self.genesis = folder, genesis
        self.clock = SharedClock(folder / CLOCK, genesis.created_ms)
        self.acknowledged = 0
        """Newest height that a node has acknowledged to anyone."""
        self.spent_ms: list[float] = []
        self._seed = seed
        self._own: dict[str, Http] = {}
        self._https: list[Http] = []
        self.members = [member.id for member in genesis.members]
        self.ports = dict(zip(self.members, free_ports(len(self.members)), strict=True))
        self.processes: dict[str, NodeProcess] = {}
        try:
            for member in self.members:
                place = directory(folder, member)
                settle_in(place, member, genesis, seed, self.ports)
                self.processes[member] = NodeProcess(place, folder / CLOCK)
            for node in self.processes.values():
                node.wait()
        except BaseException:
            self.close()
            raise

    def url(self, member: str) -> str:
        return f"http://127.0.0.1:{self.ports[member]}"

    def http(self, member: str, key: str = FIRST_KEY) -> Http:
        """A member's access to its own node, without waiting for anything."""
        return self._open(member, member, key)

    def _open(self, at: str, member: str, key: str) -> Http:
        own = signer(self._seed, member, key)
        opened = Http(self.url(at), signer=own, member=member, key=key, node=at)
        self._https.append(opened)
        return opened

    def own(self, member: str) -> Http:
        """The same, opened once."""
        if member not in self._own:
            self._own[member] = self.http(member)
        return self._own[member]

    def transport(self, member: str, key: str) -> Transport:
        at = member if member in self.processes else OPERATOR
        return AtOwnNode(self, at, self._open(at, member, key))

    def height(self, member: str) -> int:
        head = self.own(member).head()
        return head.header.height if head else 0

    def wait_for(self, member: str) -> None:
        """Until a member's node has all that was ever acknowledged. Raises NodeBehind."""
        if not until(lambda: self.height(member) >= self.acknowledged, CATCH_UP_WITHIN_S):
            raise NodeBehind(
                member=member,
                height=self.acknowledged,
                seconds=int(CATCH_UP_WITHIN_S),
                log=str(directory(self.folder, member) / LOG),
            )

    def calm(self) -> None:
        for member in self.members:
            self.wait_for(member)

    def next_due_ms(self) -> int | None:
        due_ms: int | None = self.processes[OPERATOR].ask("due")["due_ms"]
        return due_ms

    def wake(self) -> None:
        self.processes[OPERATOR].ask("wake")
        self.acknowledged = max(self.acknowledged, self.height(OPERATOR))
        self.calm()

    def block(self, height: int) -> BlockData:
        asked = (("from", str(height)), ("limit", "1"))
        return unpack_blocks(self.own(OPERATOR).get("/v1/blocks", asked))[0]

    def nodes(self) -> list[Seen]:
        seen = []
        for member in self.members:
            head = self.own(member).head()
            assert head is not None
            seen.append(Seen(member, self.url(member), head.header.height, head.header.app_hash))
        return seen

    def answered_ms(self) -> list[float]:
        return self.spent_ms

    def incidents(self) -> list[str]:
        noted = msgspec.json.decode(self.own(OPERATOR).get("/v1/incidents"), type=list[dict[str, Any]])
        return [f"{each['code']}: {each['en']}" for each in noted]

    def end(self) -> None:
        """End the nodes; their directories stay. Safe to call again."""
        for http in self._https:
            http.close()
        end_all(list(self.processes.values()))
        self.processes.clear()

    def close(self) -> None:
        self.end()
        self.clock.close()


@private()
def settle_in(place: Path, member: str, genesis: Genesis, seed: int, ports: dict[str, int]) -> None:
    """Write a member's data directory, as `hansa init` and `hansa follow` leave it."""
    place.mkdir(parents=True)
    (place / GENESIS).write_bytes(encode(genesis))
    write_key(place / NODE_FILE, secret(seed, member, "node"))
    write_key(place / MEMBER_FILE, secret(seed, member, NODE_KEY))
    if member == OPERATOR:
        begin(place / LEDGER, encode(genesis), rooms.release())
    write_settings(place, member, ports)


def write_settings(place: Path, member: str, ports: dict[str, int], operator: str = OPERATOR) -> None:
    """`node.toml`: the operator's node, or a follower of it which knows its peers."""
    urls = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    lines = [
        f'member = "{member}"',
        f'role = "{"operator" if member == operator else "follower"}"',
        f"port = {ports[member]}",
        f'key = "{NODE_KEY}"',
        'log = "warning"',
    ]
    if member != operator:
        lines.append(f'follow = "{urls[operator]}"')
    lines.append("[peers]")
    lines += [f'{name} = "{url}"' for name, url in urls.items() if name != member]
    (place / SETTINGS).write_text("\n".join(lines) + "\n", encoding="utf-8")


class AtOwnNode:
    """A Transport by a member's own node, which is asked only once it has all that was acknowledged."""

    def __init__(self, stage: FiveProcesses, member: str, http: Http) -> None:
        self._stage, self._member, self._http = stage, member, http

    def genesis(self) -> bytes:
        return self._http.genesis()

    def submit(self, wires: Sequence[bytes]) -> list[Receipt]:
        return list(self.deliver(wires).receipts)

    def deliver(self, wires: Sequence[bytes]) -> Delivery:
        """What the operator acknowledges is handed to the member's follower, which looks for it."""
        began_s = time.perf_counter()
        delivery = self._http.deliver(wires)
        self._stage.spent_ms.append((time.perf_counter() - began_s) * 1_000)
        self._stage.acknowledged = max(self._stage.acknowledged, newest(delivery.receipts))
        if self._member != OPERATOR:
            for acknowledgement in delivery.acknowledgements:
                self._http.hand_over(acknowledgement)
        return delivery

    def query(self, name: str, arguments: bytes) -> bytes:
        return self._when_there(lambda: self._http.query(name, arguments))

    def events_after(self, height: int, index: int, limit: int) -> list[tuple[int, int, bytes]]:
        return self._when_there(lambda: self._http.events_after(height, index, limit))

    def head(self) -> SignedHeader | None:
        return self._when_there(self._http.head)

    def prove(self, kind: str, height: int, index: int, head: int = 0) -> Proof:
        return self._when_there(lambda: self._http.prove(kind, height, index, head))

    def find(self, transaction: str) -> Receipt | None:
        return self._when_there(lambda: self._http.find(transaction))

    def final(self, at_least: int = 0, within_s: float = 0) -> SignedHeader | None:
        return self._when_there(lambda: self._http.final(at_least, within_s))

    def handovers(self) -> tuple[Handover, ...]:
        return self._when_there(self._http.handovers)

    def prove_block(self, kind: str, height: int, head: int = 0) -> BlockProof:
        return self._when_there(lambda: self._http.prove_block(kind, height, head))

    def consistency(self, old: int, new: int) -> tuple[str, ...]:
        return self._when_there(lambda: self._http.consistency(old, new))

    def engine_header(self, height: int) -> EngineHeader:
        return self._http.engine_header(height)

    def shun(self) -> bool:
        return self._http.shun()

    def _when_there(self, ask: Callable[[], T]) -> T:
        self._stage.wait_for(self._member)
        return ask()
