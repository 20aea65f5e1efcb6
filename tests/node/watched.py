"""A node in a process of its own under a watchdog, with a room that loops: run by test_watchdog.py.

The room stands for a shipped one with a mistake: in one from outside, loops are counted and refused.

    python -m tests.node.watched FOLDER SECONDS MODE [name …]

Prints what it met: incidents, then a line for each tool lent, then the engine's refusal, if any.
"""

import importlib
import sys
from pathlib import Path

from hansa.apps import rooms
from hansa.engines.embedded import Embedded
from hansa.kernel import Refusal, Registry, Room, encode
from hansa.kernel.transaction import sign
from hansa.node.watchdog import Watchdog
from tests.consortium import START_MS, genesis, signer
from tests.engines.test_room_check import package

LONG = "range(100_000)"
STEP = {
    "python": f"if a.times:\n    sum(i for i in {LONG} for j in {LONG} for k in {LONG})",
    "c": "n = 3\nif a.times:\n    for i in range(40):\n        n = n * n",
}
"""A loop in a loop; and numbers so long that one product of them takes hours and never lets go of Python."""


def plain(folder: Path, step: str) -> Room:
    """The room as Python itself imports it."""
    made = package(step=step)
    for name, data in made.files.items():
        path = folder / "plain" / made.top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    sys.path.insert(0, str(folder / "plain"))
    room: Room = importlib.import_module("tools.contract").ROOM
    return room


def main(folder: Path, seconds: int, mode: str, names: list[str]) -> None:
    room = plain(folder, f"{STEP[mode]}\nTOOLS.insert(ctx, (ctx.member, a.tool), Tool(name=a.tool))")
    lend = next(iter(room.actions))
    registry = Registry([*rooms.registry().rooms, room])
    dog = Watchdog(folder / "ledger.db", seconds)
    for incident in dog.incidents:
        print(f"incident {incident.what} {incident.detail}", flush=True)
    node = Embedded(
        folder / "ledger.db",
        encode(genesis(registry)),
        signer("maker", "node"),
        lambda: START_MS,
        registry=registry,
        watch=dog.watch,
    )
    for incident in node.incidents:
        print(f"incident {incident.what} {incident.detail}", flush=True)
    try:
        for name in names:
            if name == "retry":
                node.retry()
                continue
            if name == "drop":
                node.retry(drop=True)
                continue
            wire = sign(
                registry,
                signer("plant"),
                chain=node.chain.id,
                member="plant",
                key="k1",
                sequence=sum(name.encode()) % 1_000 + 1,
                valid_until_ms=START_MS + 3_600_000,
                actions=[lend(tool=name, times=int(name.startswith("loop")))],  # type: ignore[call-arg]
            )
            print(name, node.submit([wire])[0].code, flush=True)
    except Refusal as refusal:
        print(f"refusal {refusal.code} {refusal.en}", flush=True)
    print("height", node.height, *node.query("tools.known", {"owner": "plant"}), flush=True)
    node.close()
    dog.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:])
