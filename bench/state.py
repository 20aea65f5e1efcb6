"""A million records of state: restart, memory, and what it does to the speed of the engine.

The records are accounts of a room that exists in the bench only (bench/kernel.py): a transaction reads two of
them and writes both. All goes through the embedded engine on disk, signatures and durable commits included.
"""

import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from bench.ground import NODE_SEED, genesis, signer
from bench.kernel import ACCOUNTS, Account, Move, move
from bench.measure import Row
from hansa.apps.consortium.contract import ROOM as CONSORTIUM
from hansa.engines.embedded import Embedded
from hansa.kernel import Action, Context, Natural, Positive, Registry, Room, encode, limits
from hansa.kernel.signatures import Signer
from hansa.kernel.transaction import sign

LONG = True
MANY, FEW = 1_000_000, 10_000
PER_FILL = 20_000
PER_BLOCK = 1_000
WARM_BLOCKS, BLOCKS = 20, 15
RUNS = 3
ROUNDS = 5
"""Times that two ledgers are compared, each time opened anew."""
KEYS = 64
"""A quarter of them is one member's: each time that a ledger is opened, its next key signs."""


BACK_UP = (
    "import sys; from pathlib import Path; from hansa.apps.rooms import release; "
    "from hansa.node.backup import backup; backup(Path(sys.argv[1]), Path(sys.argv[2]), release())"
)


class Fill(Action, tag="bench.fill"):
    """Open accounts first … first + count − 1."""

    first: Natural
    count: Positive


def fill(ctx: Context, a: Fill) -> None:
    for number in range(a.first, a.first + a.count):
        ACCOUNTS.put(ctx, (name_of(number),), Account(balance=10_000_000))


def name_of(number: int) -> str:
    return f"account-{number:07}"


def rooms() -> Registry:
    return Registry([CONSORTIUM, Room("bench", actions=[move, fill], tables=[ACCOUNTS])])


class Node:
    """A ledger on disk, and transactions for it."""

    def __init__(self, folder: Path, key: int) -> None:
        file = folder / "genesis.json"
        if not file.exists():
            file.write_bytes(encode(genesis(KEYS)))
        self.registry = rooms()
        start = time.perf_counter()
        self.engine = Embedded(
            folder / "ledger.db",
            file.read_bytes(),
            Signer(NODE_SEED),
            lambda: time.time_ns() // 1_000_000,
            registry=self.registry,
        )
        self.opened_s = time.perf_counter() - start
        self.key, self.used = f"k{key}", 0

    def wire(self, action: Action) -> bytes:
        self.used += 1
        return sign(
            self.registry,
            signer("maker", self.key),
            chain=self.engine.chain.id,
            member="maker",
            key=self.key,
            sequence=self.used,
            valid_until_ms=time.time_ns() // 1_000_000 + limits.HOUR_MS,
            actions=(action,),
        )

    def fill(self, records: int) -> None:
        for first in range(0, records, PER_FILL):
            count = min(PER_FILL, records - first)
            receipts = self.engine.submit([self.wire(Fill(first=first, count=count))])
            assert receipts[0].code == "ok", receipts[0]

    def block(self, pairs: Sequence[tuple[int, int]]) -> float:
        """Seconds for a block of transfers between these accounts."""
        wires = [self.wire(Move(source=name_of(a), target=name_of(b), amount=1)) for a, b in pairs]
        start = time.perf_counter()
        receipts = self.engine.submit(wires)
        took = time.perf_counter() - start
        assert all(receipt.code == "ok" for receipt in receipts), receipts[0]
        return took


def pairs(records: int, uniform: bool, chance: random.Random) -> list[tuple[int, int]]:
    """Accounts of a block's transfers: drawn from all, or nine of ten from one in a hundred."""

    def draw() -> int:
        hot = not uniform and chance.random() < 0.9
        return chance.randrange(records // 100 if hot else records)

    found = []
    while len(found) < PER_BLOCK:
        pair = draw(), draw()
        if pair[0] != pair[1]:
            found.append(pair)
    return found


def speed(many: Path, few: Path, uniform: bool, key: int) -> tuple[float, float, float]:
    """(ratio, per s with many, per s with few): medians over blocks in turn, after a warm-up of both."""
    nodes, chance = ((Node(many, key), MANY), (Node(few, key), FEW)), random.Random(1)
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(WARM_BLOCKS + BLOCKS):
        for (node, records), took in zip(nodes, times, strict=True):
            # One in a hundred of the many are as many as the few: of these all are drawn alike.
            seconds = node.block(pairs(records, uniform or records == FEW, chance))
            if number >= WARM_BLOCKS:
                took.append(seconds)
    for node, _ in nodes:
        node.engine.close()
    ratio = statistics.median(b / a for a, b in zip(*times, strict=True))
    return ratio, PER_BLOCK / statistics.median(times[0]), PER_BLOCK / statistics.median(times[1])


def alone(folder: Path, key: int) -> dict[str, float]:
    """Open, work a little over all records, and say what it took: run in a process of its own."""
    node, chance = Node(folder, key), random.Random(2)
    for _ in range(WARM_BLOCKS):
        node.block(pairs(MANY, True, chance))
    peak_kb = next(
        int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line
    )
    node.engine.close()
    return {"opened_s": node.opened_s, "peak_mb": peak_kb / 1_024}


def rows() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as name:
        many, few = Path(name) / "many", Path(name) / "few"
        for folder, records in ((many, MANY), (few, FEW)):
            folder.mkdir()
            node = Node(folder, 0)
            node.fill(records)
            node.engine.close()
        found = []
        for run in range(RUNS):
            done = subprocess.run(
                [sys.executable, "-m", "bench.state", str(many), str(run + 1)],
                check=True,
                stdout=subprocess.PIPE,
            )
            found.append(json.loads(done.stdout))
        size_mb = (many / "ledger.db").stat().st_size / 2**20
        opened = statistics.median(one["opened_s"] for one in found)
        yield Row(f"restart with {MANY:,} records", opened, "s", 5, detail=f"ledger of {size_mb:.0f} MB")
        memory = max(one["peak_mb"] for one in found)
        detail = f"peak of a process that worked over all records, {WARM_BLOCKS} blocks"
        yield Row(f"memory with {MANY:,} records", memory, "MB", 400, detail=detail)
        yield compared(many, few, False, 0.85, range(RUNS + 1, RUNS + 1 + ROUNDS))
        yield compared(many, few, True, 0.6, range(RUNS + 1 + ROUNDS, RUNS + 1 + 2 * ROUNDS))
        yield from backed_up(many, Path(name) / "copy", RUNS + 1 + 2 * ROUNDS)


def compared(many: Path, few: Path, uniform: bool, goal: float, keys: Iterable[int]) -> Row:
    """Medians over rounds, one for each of these keys."""
    ratios, fast, slow = zip(*(speed(many, few, uniform, key) for key in keys), strict=True)
    what = "uniform access" if uniform else "90 % of access on 1 % of records"
    detail = (
        f"{min(ratios):.3f}–{max(ratios):.3f} in {ROUNDS} rounds; {statistics.median(fast):,.0f}/s against "
        f"{statistics.median(slow):,.0f}/s, signatures checked on the same thread"
    )
    ratio = statistics.median(ratios)
    return Row(f"{MANY:,} records, {what}", ratio, f"× {FEW:,} records", goal, at_most=False, detail=detail)


def backed_up(folder: Path, to: Path, key: int) -> Iterator[Row]:
    """A backup by a process of its own while this one goes on with transfers over ten thousand accounts."""
    node, chance = Node(folder, key), random.Random(3)
    for _ in range(WARM_BLOCKS):
        node.block(pairs(FEW, True, chance))
    before = [node.block(pairs(FEW, True, chance)) for _ in range(BLOCKS)]
    begun = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", BACK_UP, str(folder), str(to)])
    meanwhile = []
    while process.poll() is None:
        meanwhile.append(node.block(pairs(FEW, True, chance)))
    took = time.perf_counter() - begun
    node.engine.close()
    assert process.returncode == 0
    detail = f"copy of {(to / 'ledger.db').stat().st_size / 2**20:.0f} MB with all blocks, in its own process"
    yield Row(f"backup of {MANY:,} records while running", took, "s", 10, detail=detail)
    ratio = statistics.median(before) / statistics.mean(meanwhile)
    detail = f"{len(meanwhile)} blocks of {PER_BLOCK:,} meanwhile"
    yield Row("throughput while backed up", ratio, "× before", 0.5, at_most=False, detail=detail)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(alone(Path(sys.argv[1]), int(sys.argv[2]))))
