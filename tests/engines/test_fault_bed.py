"""Crashes at every kind of place, faults of the disk at every kind of call, real kills.

Nothing acknowledged is lost, nothing is half-applied, opening again needs no repair. And without the sync,
all this is seen to fail.
"""

import contextlib
import os
import random
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import apsw
import pytest

from hansa.engines import errors
from hansa.engines.embedded import Embedded
from hansa.engines.ledger import Keep
from hansa.engines.replay import replay, scrub
from hansa.engines.signed import Signed
from hansa.engines.store import StoreFault
from hansa.kernel import encode
from hansa.kernel.messages import Receipt
from tests.consortium import Consortium, signer
from tests.engines.conftest import made
from tests.engines.faults import Call, Disk, Fault, Rest, crashed, laid_out
from tests.kernel.room import Drill, GiveBack, Later, Lend, Register

PATH = Path("/disk/ledger.db")
KEEP = Keep(write_sets=6)
ROOT = Path(__file__).parents[2]


class OnDisk(Consortium):
    """A consortium whose node has its files on a Disk."""

    def __init__(self, disk: Disk, base: Consortium) -> None:
        self.disk = disk
        self.path, self.clock, self.registry, self.genesis = PATH, base.clock, base.registry, base.genesis
        self._clients = {}
        self.node = self._open()

    def _open(self) -> Embedded:
        return Embedded(
            self.path,
            encode(self.genesis),
            signer("maker", "node"),
            self.clock,
            registry=self.registry,
            keep=KEEP,
            connect=self.disk.connect,
        )

    def close(self) -> None:
        """A disk may fail here too: all was acknowledged before."""
        with contextlib.suppress(StoreFault):
            super().close()

    def reopen(self) -> None:
        self.close()
        super().reopen()

    def submit(self, member: str, *actions: Any, key: str = "k1") -> Receipt:
        receipt = super().submit(member, *actions, key=key)
        self.disk.tell([receipt])
        return receipt


def work(consortium: OnDisk) -> None:
    """A run with a bit of everything, closed and opened again in its middle."""
    for week in range(4):
        tools = [f"t{week}-{number}" for number in range(3)]
        consortium.do("maker", *[Register(tool=tool) for tool in tools])
        for number, tool in enumerate(tools):
            consortium.do("maker", Lend(tool=tool, borrower="plant", due_ms=consortium.in_days(number + 1)))
        consortium.do("plant", GiveBack(owner="maker", tool=tools[1]))
        consortium.refused("bank", GiveBack(owner="maker", tool=tools[2]))
        consortium.do("bank", Drill(kind="write", count=12))
        consortium.do("bank", Drill(kind="delete", count=5), Drill(kind="emit", count=3))
        consortium.do("bank", Later(at_ms=consortium.in_days(2), kind="refuse", name="b"))
        client = consortium.client("plant")
        receipts = consortium.node.submit([client.sign(Register(tool=f"p{week}-{n % 3}")) for n in range(5)])
        consortium.disk.tell(receipts)
        consortium.pass_days(7)
        if week == 1:
            consortium.reopen()
    consortium.close()


@pytest.fixture(scope="module")
def base() -> Consortium:
    return made(Path(":memory:"))


@pytest.fixture
def fresh() -> Consortium:
    return made(Path(":memory:"))


def run(fresh: Consortium, **options: Any) -> list[Call]:
    disk = Disk(**options)
    work(OnDisk(disk, fresh))
    return disk.calls


class Lost(AssertionError):
    """What was acknowledged is not there, or what is there does not hold."""


def examine(folder: Path, base: Consortium, acknowledged: Sequence[Receipt]) -> int:
    """Open what a crash left, with the program as it is. Returns the height. Raises Lost."""
    path = folder / "ledger.db"
    told = max((receipt.height for receipt in acknowledged), default=0)
    try:
        signed = Signed(folder / "signed.db", base.node.chain.id)
        signed_up_to = signed.height
        signed.close()
        node = Embedded(
            path, encode(base.genesis), signer("maker", "node"), base.clock, registry=base.registry, keep=KEEP
        )
    except (errors.Refusal, StoreFault, sqlite3.Error) as refusal:
        raise Lost(f"cannot be opened: {refusal}") from refusal
    try:
        if signed_up_to < told:
            raise Lost(f"signed up to {signed_up_to}, but {told} was shown")
        for receipt in acknowledged:
            if node.find(receipt.transaction) != receipt:
                raise Lost(f"{receipt.transaction} of block {receipt.height}")
        store = node.ledger.store
        if store._db.execute("PRAGMA integrity_check").fetchall() != [("ok",)]:
            raise Lost("the file needs repair")
        replica = replay(store, encode(base.genesis), base.registry)
        if replica.app_hash != node.app_hash or replica.state_sum != node.ledger.state_sum:
            raise Lost("the records are not those of the log")
        if node.height:
            scrub(store, node.ledger.leaf(node.height).state_digest)
        client = base.client("auditor")
        client.sequence = node.query("consortium.sequence", {"member": "auditor", "key": "k1"})
        (receipt,) = node.submit([client.sign(Register(tool="goes-on"))])
        if receipt.code != "ok":
            raise Lost(f"it does not go on: {receipt.en}")
        return replica.height
    finally:
        node.close()


def receipts_in(calls: Sequence[Call]) -> list[Receipt]:
    return [receipt for call in calls if call.kind == "ack" for receipt in call.data if receipt.height]


def points(calls: Sequence[Call], number: int) -> list[int]:
    """Where to crash: evenly over the run, and right before and after every third sync."""
    syncs = [at for at, call in enumerate(calls) if call.kind == "sync"][::3]
    near = {at + step for at in syncs for step in (0, 1)}
    even = {len(calls) * part // number for part in range(number)}
    return sorted(even | near)


RESTS: tuple[Rest, ...] = ("none", "some", "all")


@pytest.mark.parametrize("part", range(3))
def test_nothing_acknowledged_is_lost_wherever_it_crashes(
    fresh: Consortium, tmp_path: Path, part: int
) -> None:
    calls = run(fresh)
    crashes = points(calls, 150)
    assert len(crashes) >= 200
    heights = set()
    for number, at in enumerate(crashes[part::3]):
        folder = tmp_path / str(at)
        laid_out(crashed(calls[:at], RESTS[number % 3], seed=at), folder)
        heights.add(examine(folder, fresh, receipts_in(calls[:at])))
    assert len(heights) > 30, "the crashes fell into few blocks"


def survivors(fresh: Consortium, folder: Path, calls: list[Call], rest: Rest) -> tuple[int, int]:
    """(crashes survived, crashes) of a run at some points."""
    survived, crashes = 0, points(calls, 24)[::4]
    for at in crashes:
        laid_out(crashed(calls[:at], rest, seed=at), folder / rest / str(at))
        try:
            examine(folder / rest / str(at), fresh, receipts_in(calls[:at]))
            survived += 1
        except Lost:
            continue
    return survived, len(crashes)


@pytest.mark.parametrize("options", [{"deaf": True}, {"synchronous": "OFF"}], ids=["deaf disk", "no sync"])
def test_without_the_sync_the_bed_sees_the_loss(
    fresh: Consortium, tmp_path: Path, options: dict[str, Any]
) -> None:
    calls = run(fresh, **options)
    for rest in RESTS:
        survived, crashes = survivors(fresh, tmp_path, calls, rest)
        assert (survived == crashes) if rest == "all" else (survived < crashes / 2), rest


# A disk that is full or broken.


def faulty(fresh: Consortium, fault: Fault) -> tuple[Disk, OnDisk | None]:
    """A run on a disk that fails there. Raises whatever is no named refusal."""
    disk = Disk(fault=fault)
    consortium = None
    try:
        consortium = OnDisk(disk, fresh)
        work(consortium)
    except (errors.Stopped, errors.Waiting, errors.FileUnusable):
        return disk, consortium
    return disk, consortium


@pytest.mark.parametrize("error", [apsw.FullError, apsw.IOError], ids=["full", "broken"])
@pytest.mark.parametrize("times", [1, None], ids=["once", "from then on"])
def test_a_disk_that_fails_stops_the_node_and_loses_nothing(
    fresh: Consortium, tmp_path: Path, error: type[apsw.Error], times: int | None
) -> None:
    disk = Disk()
    work(OnDisk(disk, fresh))
    chance = random.Random(f"{error.__name__}{times}")
    stopped = 0
    for at in sorted(chance.sample(range(1, disk.changes), 12)):
        base = made(Path(":memory:"))
        failing, consortium = faulty(base, Fault(at, error, times))
        assert failing.changes >= at
        if consortium is None or "stopped" in [incident.what for incident in consortium.node.incidents]:
            stopped += 1
        folder = tmp_path / str(at)
        laid_out({name: bytes(data) for name, data in failing.files.items()}, folder)
        failing.fault = None
        if consortium is not None:
            consortium.close()
        examine(folder, base, receipts_in(failing.calls))
    assert stopped > 6


def test_after_a_full_disk_the_operator_makes_room_and_goes_on(fresh: Consortium) -> None:
    disk = Disk()
    consortium = OnDisk(disk, fresh)
    consortium.do("maker", Register(tool="a"))
    head, reading = consortium.node.head(), consortium.node.height
    disk.fault = Fault(disk.changes, apsw.FullError)
    wire = consortium.client("maker").sign(Register(tool="b"))
    for _ in range(2):
        with pytest.raises(errors.Stopped, match="full"):
            consortium.node.submit([wire])
    assert (consortium.node.head(), consortium.node.height) == (head, reading)
    assert consortium.query("toolcrib.borrowed_by", member="plant") == []

    disk.fault = None
    consortium.node.retry()
    assert consortium.node.submit([wire])[0].code == "ok"
    consortium.reopen()
    assert consortium.node.height == 2
    consortium.close()


# Real kills of a real process.

KILLED_FOR_EVER = """
import os, random, signal, sys, time
from pathlib import Path
from tests.engines.conftest import made
from tests.kernel.room import Register

def submit_for_ever(path, out):
    consortium = made(path)
    client = consortium.client("maker")
    client.sequence = consortium.query("consortium.sequence", member="maker", key="k1")
    while True:
        number = client.sequence
        wires = [client.sign(Register(tool=f"t{number}-{n}")) for n in range(3)]
        for receipt in consortium.node.submit(wires):
            line = (receipt.transaction, receipt.code, receipt.height, receipt.index, receipt.app_hash)
            os.write(out, (" ".join(map(str, line)) + "\\n").encode())

chance = random.Random(int(sys.argv[3]))
for _ in range(int(sys.argv[2])):
    inner, outer = os.pipe()
    child = os.fork()
    if child == 0:
        submit_for_ever(Path(sys.argv[1]), outer)
    os.close(outer)
    wanted, told = chance.randrange(0, 24), b""
    while told.count(b"\\n") < wanted:
        told += os.read(inner, 65536)
    time.sleep(chance.random() / (20 if wanted == 0 else 200))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while more := os.read(inner, 65536):
        told += more
    os.close(inner)
    sys.stdout.write(told[: told.rfind(b"\\n") + 1].decode())
    print("killed", flush=True)
"""
KILLS = 44


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills are tried where processes can be forked")
def test_everything_acknowledged_is_there_after_kills(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    said = subprocess.run(
        [sys.executable, "-c", KILLED_FOR_EVER, str(path), str(KILLS), "4"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": f".{os.pathsep}src"},
        timeout=300,
    )
    assert said.returncode == 0, said.stderr
    lines = said.stdout.splitlines()
    acknowledged = [line.split() for line in lines if line != "killed"]
    assert lines.count("killed") == KILLS >= 40
    assert len(acknowledged) >= 3 * KILLS
    consortium = made(path)
    for transaction, code, height, index, app_hash in acknowledged:
        receipt = consortium.node.find(transaction)
        assert receipt is not None
        assert (code, "ok") == ("ok", receipt.code)
        assert (str(receipt.height), str(receipt.index), receipt.app_hash) == (height, index, app_hash)
    replica = replay(consortium.node.ledger.store, encode(consortium.genesis), consortium.registry)
    assert replica.app_hash == consortium.node.app_hash
    consortium.close()
