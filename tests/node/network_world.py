"""Network nodes for tests: node and engine of each member, on free ports of this machine.

The node runs in a thread of this process, the engine as a process of its own.
"""

import contextlib
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import msgspec

from hansa.apps.consortium.messages import Genesis, GenesisKey, GenesisMember
from hansa.apps.rooms import registry
from hansa.client.keyfiles import write_key
from hansa.engines.cometbft.home import node_id
from hansa.kernel import Action, Registry, Release, encode, limits, replace
from hansa.kernel.transaction import join, sign
from hansa.node import settings as files
from hansa.node.network_run import Handle
from hansa.node.run import serve
from hansa.node.server import now_ms
from hansa.node.settings import Settings
from hansa.node.settings_engine import ENGINE, VALIDATOR_KEY, EngineSettings, sockets
from hansa.node.supervision_place import settle
from tests import consortium
from tests.engines.cometbft import network as founded
from tests.node.world import OCTETS
from tests.ports import free_port

MEMBERS = ("maker", "plant", "bank", "auditor")
WAIT_S = 60.0
WORKER = "node-1"


def until(what: Callable[[], Any], wait_s: float = WAIT_S) -> Any:
    """What `what` gives once it is true. Fails after a time that a slow machine does not need."""
    end = time.monotonic() + wait_s
    while time.monotonic() < end:
        with contextlib.suppress(httpx2.HTTPError):
            if found := what():
                return found
        time.sleep(0.05)
    raise AssertionError(f"not within {wait_s} s")


@dataclass
class One:
    """A member's node. `engine` is None where none was started."""

    settings: Settings
    binary: Path | None
    clock: Callable[[], int] = now_ms
    release: Release | None = None
    handle: Handle | None = None
    engine: subprocess.Popen[bytes] | None = None
    failure: BaseException | None = None
    _thread: threading.Thread | None = None
    sequences: dict[str, int] = field(default_factory=dict)

    @property
    def network(self) -> Any:
        assert self.handle is not None
        return self.handle.network

    @property
    def url(self) -> str:
        assert self.handle is not None
        return f"http://127.0.0.1:{self.handle.port}"

    def start(self) -> None:
        """The node, then its engine."""
        ready = threading.Event()
        self.failure, self.handle = None, None

        def came(handle: Any) -> None:
            self.handle = handle
            ready.set()

        def run() -> None:
            try:
                serve(self.settings, clock=self.clock, release=self.release, ready=came)
            except BaseException as failure:
                self.failure = failure
            ready.set()

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()
        assert ready.wait(WAIT_S)
        if self.handle is None:
            assert self.failure is not None
            raise self.failure
        self.start_engine()

    def start_engine(self) -> None:
        if self.binary is None:
            return
        home = Path(self.settings.directory) / ENGINE
        sockets(self.settings.directory).rpc.unlink(missing_ok=True)  # Left by an engine that was killed.
        with (home / "log").open("ab") as log:
            self.engine = subprocess.Popen(
                [str(self.binary), "start", "--home", str(home)], stdout=log, stderr=log, cwd=home,
                env={**os.environ, "GOMAXPROCS": "2"},
            )  # fmt: skip

    def kill_engine(self) -> None:
        if self.engine is not None:
            self.engine.kill()
            self.engine.wait()
            self.engine = None

    def stop(self) -> None:
        """Engine first, then the node."""
        self.kill_engine()
        if self.handle is not None:
            self.handle.stop()
        if self._thread is not None:
            self._thread.join(WAIT_S)
            assert not self._thread.is_alive()

    def get(self, path: str) -> Any:
        return msgspec.json.decode(httpx2.get(self.url + path, timeout=30).content)

    def sign(
        self, *actions: Action, member: str = "", key: str = "k1", valid_ms: int = limits.HOUR_MS
    ) -> bytes:
        own = member or self.settings.member
        number = self.sequences[own] = self.sequences.get(own, 0) + 1
        rooms = registry() if self.release is None else self.release.registry()
        return sign(
            rooms, consortium.signer(own, key), chain=self.network.chain, member=own, key=key,
            sequence=number, valid_until_ms=now_ms() + valid_ms, actions=actions,
        )  # fmt: skip

    def submit(self, *wires: bytes, wait_s: float = WAIT_S) -> httpx2.Response:
        return httpx2.post(
            f"{self.url}/v1/transactions", content=join(wires), headers=OCTETS, timeout=wait_s + 30
        )


def folders(
    root: Path, members: Sequence[str] = MEMBERS, *, rooms: Registry | None = None, **engine: Any
) -> list[Settings]:
    """A data directory for each, of one genesis file in which all validate."""
    genesis = encode(with_workers(founded.genesis(rooms or registry(), now_ms(), members)))
    ports = [free_port() for _ in members]
    peers = [
        f"{node_id(consortium.signer(member, 'node').public)}@127.0.0.1:{port}"
        for member, port in zip(members, ports, strict=True)
    ]
    found = []
    for number, member in enumerate(members):
        folder = root / member
        folder.mkdir(parents=True)
        (folder / files.GENESIS).write_bytes(genesis)
        write_key(folder / files.NODE_KEY, seed(member, "node"))
        write_key(folder / VALIDATOR_KEY, seed(member, "validator"))
        write_key(folder / "member.key", seed(member, WORKER))
        settle(folder)
        given = EngineSettings(
            listen=f"127.0.0.1:{ports[number]}", peers=tuple(peers[:number] + peers[number + 1 :]), **engine
        )
        found.append(
            Settings(
                member=member,
                role="network",
                port=0,
                key=WORKER,
                directory=str(folder),
                engine=given,
                log="warning",
            )
        )
    return found


def with_workers(genesis: Genesis) -> Genesis:
    """Each member's node has a key of its own, for ticks."""

    def key(member: GenesisMember) -> GenesisKey:
        first = member.keys[0]
        public = consortium.signer(member.id, WORKER).public
        return replace(
            first,
            id=WORKER,
            public=public,
            kind="worker",
            holder=f"{member.id}-{WORKER}",
            scopes=("consortium.tick",),
        )

    members = (replace(member, keys=(*member.keys, key(member))) for member in genesis.members)
    return replace(genesis, members=tuple(members))


def seed(member: str, key: str) -> bytes:
    return f"{member}/{key}".encode().ljust(32, b".")


@contextmanager
def running(nodes: Sequence[One]) -> Iterator[Sequence[One]]:
    """All of them until the end of the block."""
    with ExitStack() as stack:
        for node in nodes:
            stack.callback(node.stop)
            node.start()
        yield nodes
