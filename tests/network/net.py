"""A network on this machine for tests: real engines, each beside an application process of its own.

with Net(tmp_path, members=4) as net:
    net.start()
    net.wait_for(height=3)
"""

import base64
import contextlib
import hashlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hansa.apps.rooms import registry as all_rooms
from hansa.engines.cometbft.home import Setup, Sync, lay_out, node_id
from hansa.engines.cometbft.mark import MARK, Mark
from hansa.engines.founding import found
from hansa.engines.reader import Reader
from hansa.kernel import Action, Refusal, encode, limits
from hansa.kernel.canonical import decode
from hansa.kernel.signatures import Signer, VerifiedCache
from hansa.kernel.transaction import sign
from hansa.node import engine_binary, supervision_shim
from tests import consortium
from tests.engines.cometbft.network import genesis, validator_key
from tests.network.cables import Cables
from tests.ports import free_ports

ROOT = Path(__file__).resolve().parents[2]
NO_ENVIRONMENT: Mapping[str, str] = {}
WAIT_S = float(os.environ.get("HANSA_NETWORK_WAIT_S", "90"))
"""How long anything may take on a busy machine."""
LONG = bool(os.environ.get("HANSA_NETWORK_LONG"))
"""Whether all faults are tried, and at more moments: else a short set, as `make test` has time for."""
ROUNDS = int(os.environ.get("HANSA_NETWORK_ROUNDS", "5" if LONG else "1"))
SEED = int(os.environ.get("HANSA_NETWORK_SEED", "1"))
at_length = pytest.mark.skipif(not LONG, reason="of the long set: HANSA_NETWORK_LONG=1 runs it")


def engine() -> Path:
    """The engine's program; where there is none, the test is skipped and says so."""
    try:
        return Path(engine_binary.find())
    except Refusal as refusal:
        if os.environ.get("HANSA_ENGINE_REQUIRED"):
            pytest.fail(f"the consensus engine is required: {refusal.en}")
        pytest.skip(f"needs the consensus engine: {refusal.en}")


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Node:
    """One member's two processes. Its folder has a short path: a socket lies in it."""

    def __init__(self, folder: Path, member: str, ports: Sequence[int], genesis_bytes: bytes) -> None:
        self.folder, self.member = folder, member
        self.p2p, self.rpc = ports
        self.key: Signer = consortium.signer(member, "p2p")
        self.peers: tuple[str, ...] = ()
        self.listens = True
        """Else it only calls its peers."""
        self.environment: Mapping[str, str] = NO_ENVIRONMENT
        """What its application was started with."""
        self.settings: dict[str, Any] = {}
        """Of Setup, where a test wants others."""
        self.sync: Sync | None = None
        self.genesis_bytes = genesis_bytes
        self.application: subprocess.Popen[bytes] | None = None
        self.engine: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True)
        (folder / "genesis.json").write_bytes(genesis_bytes)

    @property
    def address(self) -> str:
        return f"{node_id(self.key.public)}@127.0.0.1:{self.p2p}"

    @property
    def home(self) -> Path:
        return self.folder / "engine"

    # Processes.

    def start(self, **environment: str) -> None:
        """The application first, in this environment; then the engine."""
        self.environment = environment
        self.start_application(**environment)
        self.start_engine()

    def start_application(self, **environment: str) -> None:
        (self.folder / "abci.sock").unlink(missing_ok=True)  # Of one that was killed.
        self.application = self._run(
            [sys.executable, "-m", "tests.network.bare", str(self.folder)], "application.log", environment
        )
        wait(lambda: (self.folder / "abci.sock").exists(), "the application's socket")

    def start_engine(self) -> None:
        setup = Setup(
            moniker=self.member,
            abci=self.folder / "abci.sock",
            rpc=f"tcp://127.0.0.1:{self.rpc}",
            listen=f"127.0.0.1:{self.p2p}" if self.listens else "",
            peers=self.peers,
            sync=self.sync,
            **self.settings,
        )
        lay_out(self.home, setup, self.genesis_bytes, self.key, validator_key(self.member))
        self.engine = self._run([str(engine()), "start", "--home", str(self.home)], "engine.log")

    def _run(
        self, command: list[str], log: str, environment: Mapping[str, str] = NO_ENVIRONMENT
    ) -> "subprocess.Popen[bytes]":
        paths = f"{ROOT / 'src'}{os.pathsep}{ROOT}"
        with (self.folder / log).open("ab") as out:
            return subprocess.Popen(
                # They go when this process goes, however it ends.
                [sys.executable, "-I", supervision_shim.__file__, str(os.getpid()), *command],
                stdout=out,
                stderr=out,
                cwd=ROOT,
                env=os.environ | {"PYTHONPATH": paths, **environment},
            )

    def kill(self, *which: str, by: signal.Signals = signal.SIGKILL) -> None:
        """`engine`, `application`, or both in that order; waits until they are gone."""
        for name in which or ("engine", "application"):
            process = getattr(self, name)
            if process is not None:
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(signal.SIGCONT)
                    process.send_signal(by)
                process.wait(WAIT_S)
                setattr(self, name, None)

    def stop(self) -> None:
        """In good order."""
        self.kill(by=signal.SIGTERM)

    def set_clock(self, off_s: int) -> None:
        """The clock of its application jumps; the engine's stays right."""
        passing = self.folder / "clock_s.part"
        passing.write_text(str(off_s))
        passing.replace(self.folder / "clock_s")

    # The engine's RPC.

    patience_s = 10.0
    """How long its engine is waited for."""

    def call(self, method: str, **params: Any) -> Any:
        """Raises OSError where nothing answers, RuntimeError for what it refuses."""
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.rpc}", body, {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=self.patience_s) as answer:
                told = json.loads(answer.read())
        except urllib.error.HTTPError as error:
            told = json.loads(error.read())
        if "error" in told:
            raise RuntimeError(str(told["error"]))
        return told["result"]

    def height(self) -> int:
        """The engine's height; 0 where it does not answer."""
        try:
            return int(self.call("status")["sync_info"]["latest_block_height"])
        except OSError:
            return 0

    def blocks(self) -> int:
        """Engine height of the newest block that is durable at its application, running or not."""
        with closing(sqlite3.connect(f"file:{self.folder / 'ledger.db'}?mode=ro", uri=True)) as file:
            found = file.execute("SELECT value FROM meta WHERE name = ?", (MARK,)).fetchone()
        return 0 if found is None else int(decode(found[0], Mark).height)

    def app_hash(self, height: int) -> str:
        """After a height: it stands in the header of the next one."""
        header = self.call("commit", height=str(height + 1))["signed_header"]["header"]
        return str(header["app_hash"]).lower()

    def submit(self, wire: bytes) -> dict[str, Any]:
        """Into the mempool; the verdict of CheckTx."""
        found: dict[str, Any] = self.call("broadcast_tx_sync", tx=base64.b64encode(wire).decode())
        return found

    def probe(self) -> dict[str, Any]:
        told = self.call("abci_query", path="/hansa/probe")["response"]
        found: dict[str, Any] = json.loads(base64.b64decode(told["value"]))
        return found

    def log(self, name: str = "engine.log") -> str:
        return (self.folder / name).read_text(errors="replace")


class Net:
    """Nodes of as many members as asked for, each connected to all others. Ends every process it started."""

    def __init__(self, folder: Path, members: int = 4, **settings: Any) -> None:
        engine()
        self.folder = folder
        self.registry = all_rooms()
        self.names = consortium.MEMBERS[:members]
        self.created_ms = now_ms() - 60_000
        self.genesis_bytes = encode(genesis(self.registry, self.created_ms, self.names))
        self.chain = hashlib.sha256(self.genesis_bytes).hexdigest()
        self._sequences: dict[tuple[str, str], int] = {}
        ports = iter(free_ports(2 * members))
        self.nodes = [
            Node(folder / name, name, (next(ports), next(ports)), self.genesis_bytes) for name in self.names
        ]
        for node in self.nodes:
            node.settings = settings
        self.connect()

    def connect(self) -> None:
        """Every node has all others as its peers."""
        for node in self.nodes:
            node.peers = tuple(other.address for other in self.nodes if other is not node)

    def connect_by(self, cables: Cables) -> None:
        """The same, each by a cable of its own: call it before the start."""
        for node in self.nodes:
            node.peers = tuple(
                f"{node_id(other.key.public)}@127.0.0.1:{cables.lay(node.member, other.member, other.p2p)}"
                for other in self.nodes
                if other is not node
            )

    def add(self, name: str, **settings: Any) -> Node:
        """One more node, not started, that calls the others."""
        p2p, rpc = free_ports(2)
        node = Node(self.folder / name, name, (p2p, rpc), self.genesis_bytes)
        node.settings = settings
        node.peers = tuple(other.address for other in self.nodes)
        self.nodes.append(node)
        return node

    def __enter__(self) -> "Net":
        return self

    def __exit__(self, *_: object) -> None:
        for node in self.nodes:
            node.kill()

    def start(self) -> None:
        for node in self.nodes:
            node.start()

    def wait_for(self, height: int, nodes: Sequence[Node] = ()) -> None:
        """Until these nodes (all) have the engine's block of a height."""
        for node in nodes or self.nodes:
            wait(lambda node=node: node.height() >= height, f"height {height} at {node.member}")

    def wire(self, member: str, *actions: Action, key: str = "k1") -> bytes:
        """A signed transaction with the next sequence of its key, valid for an hour."""
        sequence = self._sequences[member, key] = self._sequences.get((member, key), 0) + 1
        return sign(
            self.registry,
            consortium.signer(member, key),
            chain=self.chain,
            member=member,
            key=key,
            sequence=sequence,
            valid_until_ms=now_ms() + limits.HOUR_MS,
            actions=actions,
        )

    def reader(self, node: Node) -> Reader:
        """What a node has on its disk. The caller closes it."""
        founded = found(self.genesis_bytes, self.registry, VerifiedCache().verify)
        return Reader(node.folder / "ledger.db", founded.chain, founded.genesis)

    def same_hash(self, height: int) -> str:
        """The app hash after a height that all nodes have; they must agree."""
        self.wait_for(height + 1)
        found = {node.member: node.app_hash(height) for node in self.nodes}
        assert len(set(found.values())) == 1, found
        return next(iter(found.values()))


def wait(until: Callable[[], bool], what: str, seconds: float = WAIT_S) -> None:
    """Until something holds. Fails by name."""
    end = time.monotonic() + seconds
    while not until():
        if time.monotonic() > end:
            raise AssertionError(f"no {what} within {seconds} s")
        time.sleep(0.05)


@contextlib.contextmanager
def network(folder: Path, members: int = 4, **settings: Any) -> Iterator[Net]:
    """Started, and past its first block."""
    with Net(folder, members, **settings) as net:
        net.start()
        net.wait_for(1)
        yield net
