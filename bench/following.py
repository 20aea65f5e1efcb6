"""A follower that catches up: blocks fetched, executed, compared, kept, against the floor on the same."""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.ground import MEMBERS, Ground, floor_per_s, free_port, running, signer
from bench.measure import Row
from bench.node import FLOOR_SAMPLE, KEYS, LOADS, RUNS
from hansa.client.keyfiles import write_key

LONG = True
TRANSACTIONS = 60_000
WAIT_S = 300
FOLLOW = (
    "import sys; from pathlib import Path; from hansa.node import follower, settings; "
    "follower.follow(settings.read(Path(sys.argv[1])))"
)


def follower_of(ground: Ground, folder: Path) -> tuple[Path, int]:
    """A follower's data directory, and its port. Its member's own key opens its sessions."""
    folder.mkdir()
    port = free_port()
    (folder / "genesis.json").write_bytes(ground.genesis_bytes)
    write_key(folder / "node.key", b"bench-follower".ljust(32, b"."))
    member = MEMBERS[1]
    write_key(folder / "member.key", f"bench/{member}/k0".encode().ljust(32, b".")[:32])
    assert signer(member, "k0")
    (folder / "node.toml").write_text(
        f'member = "{member}"\nrole = "follower"\nport = {port}\nkey = "k0"\nlog = "warning"\n'
        f'follow = "http://127.0.0.1:{ground.port}"\n',
        encoding="utf-8",
    )
    return folder, port


def rows() -> Iterator[Row]:
    per_request, connections, _ = LOADS[0]
    with tempfile.TemporaryDirectory() as name, running(Path(name), keys=KEYS) as ground:
        seconds = 30.0
        ground.load(connections, per_request, seconds, at_most_per_s=TRANSACTIONS / seconds)
        whole, sizes = ground.head_height(), ground.block_sizes()
        floors = []
        sample = [wire for turn in zip(*ground.wires, strict=True) for wire in turn][:FLOOR_SAMPLE]
        speeds = []
        for run in range(RUNS):
            folder, port = follower_of(ground, Path(name) / f"follower-{run}")
            log = (Path(name) / "follower.log").open("wb")
            process = subprocess.Popen([sys.executable, "-c", FOLLOW, str(folder)], stderr=log)
            try:
                speeds.append(caught_up(ground, port, whole, sizes, process))
            finally:
                process.terminate()
                process.wait(30)
            floors.append(floor_per_s(sample, ground.folder))
        ratio = statistics.median(speed / floor for speed, floor in zip(speeds, floors, strict=True))
        work = f"{sum(sizes.values()):,} transactions in {whole} blocks, {RUNS} runs"
        detail = f"{statistics.median(speeds):,.0f}/s of {statistics.median(floors):,.0f}/s; {work}"
        yield Row("a follower catching up", ratio, "× the floor", 0.8, at_most=False, detail=detail)


def caught_up(
    ground: Ground, port: int, whole: int, sizes: dict[int, int], process: "subprocess.Popen[bytes]"
) -> float:
    """Transactions a second between the first block that was seen and the last."""
    own = Ground.__new__(Ground)
    own.port, own.process = port, process
    first = first_s = 0.0
    start = time.perf_counter()
    while time.perf_counter() < start + WAIT_S:
        if process.poll() is not None:
            raise SystemExit("the follower ended")
        height = own.height_or_none()
        now = time.perf_counter()
        if height and not first:
            first, first_s = height, now
        if height == whole:
            done = sum(count for at, count in sizes.items() if at > first)
            return done / (now - first_s)
        time.sleep(0.02)
    raise SystemExit("the follower did not catch up")
