"""Networks for the benches: four members' nodes as services on this machine, and the peer beside them.

The peer is the engine's own example application (`abci-cli kvstore`, Go) behind the same kind of socket, with
the same engine, settings, number of nodes, bytes per transaction and load generator. Its program is named by
BENCH_KVSTORE; `go install github.com/cometbft/cometbft/abci/cmd/abci-cli@v0.38.25` makes it.
"""

import contextlib
import hashlib
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from bench import ground
from bench.load import WARM_S, Plan, Tally, generate
from hansa.apps.consortium.messages import AnyKeyKind, Genesis, Validator
from hansa.apps.consortium.validators import message
from hansa.client.keyfiles import write_key
from hansa.engines.cometbft.home import Setup, lay_out, node_id
from hansa.kernel import encode, replace
from hansa.kernel.signatures import Signer
from hansa.kernel.transaction import join
from hansa.node import engine_binary
from hansa.node import settings as files
from hansa.node.joining_folder import DAILY_FILE, WORKER_FILE, Sync, settings_text
from hansa.node.joining_folder import Plan as Place
from hansa.node.settings_engine import VALIDATOR_KEY
from hansa.node.supervision_place import settle
from hansa.node.supervision_state import STATE_FILE

MEMBERS = ground.MEMBERS
WAIT_S = 180
PEER = "BENCH_KVSTORE"
PEER_BYTES = 300
RUN = "from hansa.cli.main import main; main()"


def until(what: Callable[[], Any], wait_s: float = WAIT_S) -> Any:
    end = time.monotonic() + wait_s
    while time.monotonic() < end:
        with contextlib.suppress(OSError, http.client.HTTPException, ValueError, KeyError):
            if found := what():
                return found
        time.sleep(0.05)
    raise SystemExit(f"not within {wait_s} s")


def post(port: int, wires: Sequence[bytes]) -> int:
    """Hand transactions to a node; the status of its answer, once they are in a block."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT_S)
    try:
        connection.request(
            "POST", "/v1/transactions", join(wires), {"Content-Type": "application/octet-stream"}
        )
        return connection.getresponse().status
    finally:
        connection.close()


def _seed(member: str, key: str) -> bytes:
    return f"bench/{member}/{key}".encode().ljust(32, b".")


def _key(member: str, key: str) -> Signer:
    return Signer(_seed(member, key))


def founded(keys: int, kind: AnyKeyKind = "person") -> Genesis:
    """The members of the other benches, each a validator."""

    def validator(member: str) -> Validator:
        key = _key(member, "validator")
        return Validator(
            member=member, public=key.public, power=1, proof=key.sign(message("", member, key.public))
        )

    alone = ground.genesis(keys, kind)
    return replace(alone, operator="", node_public=b"", validators=tuple(map(validator, MEMBERS)))


class Service:
    """A member's node as `hansa node run` keeps it."""

    def __init__(self, folder: Path, member: str, port: int) -> None:
        self.folder, self.member, self.port = folder, member, port
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", RUN, "node", "run", str(self.folder)], stdout=log, stderr=log
            )

    def stop(self, way: signal.Signals = signal.SIGTERM) -> None:
        if self.process is not None:
            self.process.send_signal(way)
            self.process.wait(WAIT_S)
            self.process = None
            until(lambda: not self.children)  # They end with it, a moment later.

    @property
    def children(self) -> dict[str, int]:
        """Process numbers of `application` and `engine`, of those that run."""
        with contextlib.suppress(OSError, ValueError, KeyError):
            found: dict[str, int] = json.loads((self.folder / STATE_FILE).read_bytes())["children"]
            return {name: pid for name, pid in found.items() if Path(f"/proc/{pid}").exists()}
        return {}

    def get(self, path: str) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def ledger_height(self) -> int:
        """Blocks with a leaf; -1 where nobody answers."""
        with contextlib.suppress(OSError, http.client.HTTPException, ValueError, KeyError):
            return int(self.get("/v1/engine")["height"])
        return -1

    def height(self) -> int:
        """Of its engine; -1 where nobody answers."""
        with contextlib.suppress(OSError, http.client.HTTPException, ValueError, KeyError):
            return int(self.get("/v1/engine")["engine_height"])
        return -1


class Network:
    """Four nodes and the transactions for them."""

    def __init__(
        self, folder: Path, *, keys: int, kind: AnyKeyKind = "person", settings: str = "", **engine: Any
    ) -> None:
        self.folder = folder
        self.genesis_bytes = encode(founded(keys, kind))
        self.chain = hashlib.sha256(self.genesis_bytes).hexdigest()
        self.p2p = {member: ground.free_port() for member in MEMBERS}
        self.services = []
        self._more, self._settings = tuple(engine.items()), settings
        for member in MEMBERS:
            self.services.append(self.lay(member, peers=[each for each in MEMBERS if each != member]))
        self.used = [0] * keys
        self._spared: Service | None = None
        self.ports = tuple(service.port for service in self.services)

    def address(self, member: str) -> str:
        return f"{node_id(_key(member, 'node').public)}@127.0.0.1:{self.p2p[member]}"

    def lay(self, member: str, peers: Sequence[str], *, owner: str = "", sync: Sync | None = None) -> Service:
        """A data directory; its node is not started. `owner`: whose second node it is, with keys of its own
        and no power.
        """
        folder, port = self.folder / member, ground.free_port()
        folder.mkdir(parents=True)
        self.p2p.setdefault(member, ground.free_port())
        (folder / files.GENESIS).write_bytes(self.genesis_bytes)
        for name, key in ((files.NODE_KEY, "node"), (VALIDATOR_KEY, "validator")):
            write_key(folder / name, _seed(member, key))
        for name in (WORKER_FILE, DAILY_FILE):
            write_key(folder / name, _seed(owner or member, "k0"))
        settle(folder)
        place = Place(
            owner or member,
            port=port,
            listen=f"127.0.0.1:{self.p2p[member]}",
            peers=tuple(map(self.address, peers)),
            sync=sync,
        )
        text = settings_text(place, more=self._more)
        text = text.replace('key = "node-1"', 'key = "k0"') + self._settings
        (folder / files.SETTINGS).write_text(text)
        return Service(folder, member, port)

    def start(self) -> None:
        for service in self.services:
            service.start()
        for service in self.services:
            until(lambda service=service: service.height() >= 0 and "engine" in service.children)
        until(lambda: self.services[0].height() >= 1)

    def stop(self) -> None:
        for service in self.services:
            service.stop()

    def load(
        self,
        connections: int,
        seconds: float,
        *,
        at_most_per_s: float,
        rate_per_s: float = 0,
        per_request: int = 1,
        patient: bool = True,
        prepared: Sequence[Sequence[bytes]] = (),
    ) -> Tally:
        """Connection n belongs to member n % 4 and goes to that member's node."""
        each = max(per_request, -(-int(at_most_per_s * seconds) // connections))
        wires = prepared or ground.prepare(self.chain, self.used[:connections], each)
        path = self.folder / "wires"
        path.write_bytes(msgspec.msgpack.encode(wires))
        plan = Plan(
            "127.0.0.1", 0, str(path), per_request, seconds, rate_per_s, patient, self.ports, self.watched()
        )
        tally = generate(plan, self.folder)
        if not prepared:
            for number, used in enumerate(tally.used):
                self.used[number] += used
        return tally

    def spare(self, victim: Service) -> None:
        """From here on that node gets no load: its members' connections go to the next one. Its CPU time is
        not counted: it may end meanwhile.
        """
        self._spared = victim
        self.ports = tuple(
            service.port if service is not victim else self.services[0].port
            for service in self.services[: len(MEMBERS)]
        )

    def counted(self, service: Service) -> dict[str, int]:
        return ground.counted(service.folder)

    def watched(self) -> tuple[tuple[int, ...], ...]:
        """Process numbers of all applications, of all engines."""
        running = [service.children for service in self.services if service is not self._spared]
        return tuple(
            tuple(each[name] for each in running if name in each) for name in ("application", "engine")
        )


@contextlib.contextmanager
def running(folder: Path, **given: Any) -> Iterator[Network]:
    network = Network(folder, **given)
    try:
        network.start()
        yield network
    finally:
        network.stop()


class Peer:
    """Four engines with the example application; `inside` runs it in the engine's own process."""

    def __init__(self, folder: Path, *, inside: bool) -> None:
        self.folder, self.inside = folder, inside
        self.processes: dict[str, list[subprocess.Popen[bytes]]] = {"application": [], "engine": []}
        self.ports = [ground.free_port() for _ in MEMBERS]
        self.sent = 0

    def start(self) -> None:
        program, engine = os.environ.get(PEER) or shutil.which("abci-cli"), engine_binary.find()
        if not program and not self.inside:
            raise SystemExit(
                f"the peer's program is missing: name it by {PEER} (see bench/network_ground.py)"
            )
        genesis_bytes = encode(founded(4))
        p2p = [ground.free_port() for _ in MEMBERS]
        peers = [
            f"{node_id(_key(m, 'node').public)}@127.0.0.1:{port}"
            for m, port in zip(MEMBERS, p2p, strict=True)
        ]
        for number, member in enumerate(MEMBERS):
            home = self.folder / member
            home.mkdir(parents=True)
            setup = Setup(
                moniker=member, abci=home / "abci.sock", rpc=f"tcp://127.0.0.1:{self.ports[number]}",
                listen=f"127.0.0.1:{p2p[number]}", peers=tuple(p for p in peers if p != peers[number]),
                mempool_transactions=50_000, mempool_bytes=2**26,
            )  # fmt: skip
            lay_out(home / "engine", setup, genesis_bytes, _key(member, "node"), _key(member, "validator"))
            if not self.inside:
                assert program
                self._run("application", [program, "kvstore", "--address", f"unix://{setup.abci}"], home)
                until(setup.abci.exists)
            own = ["--proxy_app", "kvstore"] if self.inside else []
            self._run("engine", [str(engine), "start", "--home", str(home / "engine"), *own], home)
        until(lambda: self.call("status")["sync_info"]["latest_block_height"] != "0")

    def _run(self, what: str, command: list[str], home: Path) -> None:
        with (home / f"{what}.log").open("ab") as log:
            self.processes[what].append(subprocess.Popen(command, stdout=log, stderr=log))

    def stop(self) -> None:
        for process in (*self.processes["engine"], *self.processes["application"]):
            process.terminate()
        for process in (*self.processes["engine"], *self.processes["application"]):
            process.wait(WAIT_S)

    def call(self, method: str, **params: Any) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.ports[0], timeout=10)
        try:
            body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
            connection.request("POST", "/", body, {"Content-Type": "application/json"})
            return json.loads(connection.getresponse().read())["result"]
        finally:
            connection.close()

    def load(self, connections: int, seconds: float, rate_per_s: float) -> tuple[Tally, float]:
        """Offer at a rate; what became of it, and what was committed a second by the times of the blocks,
        but for the first WARM_S and the last two blocks, which may be part empty.
        """
        each = -(-int(rate_per_s * seconds * 1.2) // connections)
        wires = [[self._wire() for _ in range(each)] for _ in range(connections)]
        path = self.folder / "wires"
        path.write_bytes(msgspec.msgpack.encode(wires))
        before = int(self.call("status")["sync_info"]["latest_block_height"])
        watched = tuple(
            tuple(each.pid for each in self.processes[name]) for name in ("application", "engine")
        )
        plan = Plan("127.0.0.1", 0, str(path), 1, seconds, rate_per_s, True, tuple(self.ports), watched, True)
        tally = generate(plan, self.folder)
        until(lambda: self.call("num_unconfirmed_txs")["total"] == "0")
        last = int(self.call("status")["sync_info"]["latest_block_height"])
        blocks = []
        for height in range(before + 1, last + 1, 20):
            metas = self.call("blockchain", minHeight=str(height), maxHeight=str(min(last, height + 19)))
            for meta in metas["block_metas"]:
                at = datetime.fromisoformat(meta["header"]["time"][:26].rstrip("Z") + "+00:00")
                blocks.append((at.timestamp(), int(meta["num_txs"])))
        full = sorted(each for each in blocks if each[1])[1:-2]  # The first is dated before its rest.
        steady = [each for each in full if each[0] >= full[0][0] + WARM_S]
        return tally, sum(count for _, count in steady[1:]) / (steady[-1][0] - steady[0][0])

    def _wire(self) -> bytes:
        self.sent += 1
        key = hashlib.sha256(str(self.sent).encode()).hexdigest().encode()
        return key + b"=" + b"x" * (PEER_BYTES - len(key) - 1)


@contextlib.contextmanager
def peer(folder: Path, *, inside: bool = False) -> Iterator[Peer]:
    found = Peer(folder, inside=inside)
    try:
        found.start()
        yield found
    finally:
        found.stop()
