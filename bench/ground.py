"""A node for the benches: a consortium with many keys, a data directory, transactions, the floor."""

import contextlib
import functools
import hashlib
import http.client
import json
import os
import socket
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from nacl.bindings import crypto_sign_open

from bench.load import Plan, Tally, generate
from bench.measure import cpu_s
from hansa.apps.consortium.messages import (
    AnyKeyKind,
    Attest,
    Genesis,
    GenesisKey,
    GenesisMember,
    Registration,
)
from hansa.apps.rooms import registry, release
from hansa.client.keyfiles import write_key
from hansa.engines.folder import begin
from hansa.kernel import Action, encode, limits
from hansa.kernel.signatures import ED25519, TRANSACTION_DOMAIN, Signer
from hansa.kernel.transaction import HEAD_BYTES

MEMBERS = ("maker", "plant", "bank", "auditor")
NODE_SEED = b"bench-node".ljust(32, b".")
KEYS_MAX = 2_048
GROUP = 1_000
START_WAIT_S = 60
SETTLE_S = 0.5
SETTLE_MAX_S = 120
"""A floor is measured, and a run begun, when the node took less than a twentieth of a core for so long."""
_BODY = registry().body
ATTEST = Attest(table="consortium.members", key=("bank",))
SERVE = (
    "import sys; from pathlib import Path; from hansa.node import run, settings; "
    "run.serve(settings.read(Path(sys.argv[1])))"
)


@functools.cache
def signer(member: str, key: str) -> Signer:
    return Signer(f"bench/{member}/{key}".encode().ljust(32, b".")[:32])


def genesis(keys: int, kind: AnyKeyKind = "person") -> Genesis:
    """Four members whose keys, `keys` in all, may sign everything."""
    now_ms = time.time_ns() // 1_000_000
    far_ms = now_ms + 366 * limits.DAY_MS

    def member(name: str, count: int) -> GenesisMember:
        given = tuple(
            GenesisKey(f"k{n}", signer(name, f"k{n}").public, f"{name}-{n}", kind, ("*",), far_ms)
            for n in range(count)
        )
        registration = Registration(kind="vat", number=f"DE{100_000_000 + MEMBERS.index(name)}")
        return GenesisMember(
            id=name,
            name_zh=name,
            name_en=name,
            keys=given,
            registration=registration,
            size="medium",
            roles=("plant",),
        )

    return Genesis(
        name_zh="测速", name_en="Bench", created_ms=now_ms - limits.MINUTE_MS, operator="maker",
        node_public=Signer(NODE_SEED).public, rules=limits.RULES_MAX,
        members=tuple(member(name, -(-keys // len(MEMBERS))) for name in MEMBERS),
    )  # fmt: skip


def signing_keys(count: int) -> list[tuple[str, str]]:
    """(member, key): the members in turn."""
    return [(MEMBERS[n % len(MEMBERS)], f"k{n // len(MEMBERS)}") for n in range(count)]


def prepare(chain: str, after: Sequence[int], each: int) -> list[list[bytes]]:
    """Signed transactions, `each` per key after its last sequence: a member's record shown as an event.

    About 300 bytes each, of which 234 are the body.
    """
    return [
        [signed(chain, member, key, sequence, ATTEST) for sequence in range(last + 1, last + each + 1)]
        for (member, key), last in zip(signing_keys(len(after)), after, strict=True)
    ]


def signed(chain: str, member: str, key: str, sequence: int, *actions: Action) -> bytes:
    """A transaction that is valid for nearly a day."""
    body = encode(
        _BODY(
            chain=chain,
            member=member,
            key=key,
            sequence=sequence,
            valid_until_ms=time.time_ns() // 1_000_000 + 23 * limits.HOUR_MS,
            actions=actions,
        )
    )
    return bytes((ED25519,)) + signer(member, key).sign(TRANSACTION_DOMAIN + body) + body


def floor_per_s(wires: Sequence[bytes], folder: Path) -> float:
    """What no node on one thread can save: decode, check the signature, append durably in groups of 1,000."""
    publics = {name: signer(*name).public for name in signing_keys(KEYS_MAX)}
    decoder = msgspec.json.Decoder(registry().body, strict=True)
    path = folder / "floor.db"
    path.unlink(missing_ok=True)
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.execute("CREATE TABLE log (position INTEGER PRIMARY KEY, wire BLOB)")
    start = time.perf_counter()
    for first in range(0, len(wires), GROUP):
        group = wires[first : first + GROUP]
        for wire in group:
            body = decoder.decode(wire[HEAD_BYTES:])
            signed = wire[1:HEAD_BYTES] + TRANSACTION_DOMAIN + wire[HEAD_BYTES:]
            crypto_sign_open(signed, publics[body.member, body.key])
        database.execute("BEGIN IMMEDIATE")
        database.executemany("INSERT INTO log VALUES (?, ?)", enumerate(group, first))
        database.execute("COMMIT")
    took = time.perf_counter() - start
    database.close()
    return len(wires) / took


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


class Ground:
    """A data directory, and the node that serves it in a process of its own."""

    def __init__(self, folder: Path, *, keys: int, settings: str = "") -> None:
        self.folder = folder
        self.directory = folder / "node"
        self.directory.mkdir(parents=True)
        self.genesis_bytes = encode(genesis(keys))
        self.port = free_port()
        (self.directory / "genesis.json").write_bytes(self.genesis_bytes)
        write_key(self.directory / "node.key", NODE_SEED)
        begin(self.directory / "ledger.db", self.genesis_bytes, release())
        (self.directory / "node.toml").write_text(
            f'member = "maker"\nport = {self.port}\nlog = "warning"\n{settings}', encoding="utf-8"
        )
        self.used = [0] * keys
        self.wires: list[list[bytes]] = []
        self.process: subprocess.Popen[bytes] | None = None

    def load(
        self,
        connections: int,
        per_request: int,
        seconds: float,
        *,
        at_most_per_s: float,
        rate_per_s: float = 0,
        patient: bool = True,
    ) -> Tally:
        """Send prepared transactions by a process of its own. `at_most_per_s`: how many to prepare.

        `rate_per_s`: requests a second; 0: each connection sends when it has its answer.
        """
        each = -(-int(at_most_per_s * seconds) // connections // per_request) * per_request
        chain = hashlib.sha256(self.genesis_bytes).hexdigest()
        self.wires = prepare(chain, self.used[:connections], max(each, per_request))
        path = self.folder / "wires"
        path.write_bytes(msgspec.msgpack.encode(self.wires))
        plan = Plan("127.0.0.1", self.port, str(path), per_request, seconds, rate_per_s, patient)
        tally = generate(plan, self.folder)
        for number, used in enumerate(tally.used):
            self.used[number] += used
        return tally

    def start(self) -> float:
        """Seconds until the node says that it is well."""
        log = (self.folder / "node.log").open("ab")
        start = time.perf_counter()
        self.process = subprocess.Popen([sys.executable, "-c", SERVE, str(self.directory)], stderr=log)
        while time.perf_counter() < start + START_WAIT_S:
            with contextlib.suppress(OSError, http.client.HTTPException):
                if self.get("/health")[0] == 200:
                    return time.perf_counter() - start
            if self.process.poll() is not None:
                break
            time.sleep(0.01)
        raise SystemExit("the node did not start: " + (self.folder / "node.log").read_text()[-2_000:])

    def settle(self) -> None:
        """Wait until the node has done what it leaves for later, its read model above all."""
        until = time.perf_counter() + SETTLE_MAX_S
        while time.perf_counter() < until:
            before = self.cpu_s()
            time.sleep(SETTLE_S)
            if self.cpu_s() - before < SETTLE_S / 20:
                return

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(30)
            self.process = None

    def get(self, path: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def head_height(self) -> int:
        found = json.loads(self.get("/v1/head")[1])
        return int(found["header"]["height"]) if found else 0

    def height_or_none(self) -> int | None:
        """The height; None while nobody answers."""
        with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
            return self.head_height()
        return None

    def block_sizes(self) -> dict[int, int]:
        """Transactions of each block."""
        database = sqlite3.connect(f"file:{self.directory / 'ledger.db'}?mode=ro", uri=True)
        try:
            return dict(database.execute("SELECT height, count(*) FROM transactions GROUP BY height"))
        finally:
            database.close()

    def rss_mb(self) -> float:
        assert self.process is not None
        return rss_mb(self.process.pid)

    def cpu_s(self) -> float:
        assert self.process is not None
        return cpu_s(self.process.pid)

    def disk_bytes(self) -> int:
        return sum(path.stat().st_size for path in self.directory.iterdir() if path.name.startswith("ledger"))

    def counted(self) -> dict[str, int]:
        """Transactions on the ledger's disk by outcome. For a node that is stopped."""
        return counted(self.directory)


def counted(directory: Path) -> dict[str, int]:
    """Transactions on a ledger's disk by outcome. For a node that is stopped."""
    database = sqlite3.connect(f"file:{directory / 'ledger.db'}?mode=ro", uri=True)
    try:
        rows = database.execute("SELECT outcome FROM transactions").fetchall()
    finally:
        database.close()
    codes = Counter(json.loads(row[0])["code"] for row in rows)
    return dict(codes)


def rss_mb(pid: int) -> float:
    """Memory that a process holds now (Linux)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


@contextlib.contextmanager
def running(folder: Path, *, keys: int, settings: str = "") -> Iterator[Ground]:
    ground = Ground(folder, keys=keys, settings=settings)
    try:
        ground.start()
        yield ground
    finally:
        ground.stop()
