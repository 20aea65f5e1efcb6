"""A follower copies, executes, compares, cosigns; goes on where it stood; refuses what is off its clock."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from hansa.apps.consortium.messages_votes import Propose, Seat, SetCosigners, Vote
from hansa.client.errors import AnswerUnusable
from hansa.client.verify_quorum import counted
from hansa.engines.blocks import BlockData
from hansa.engines.restoring import restore_snapshot
from hansa.engines.snapshot import write_snapshot
from hansa.kernel import Release, encode, limits, replace
from hansa.kernel.evidence import Header
from hansa.kernel.signatures import HEADER_DOMAIN
from hansa.node import copying
from hansa.node.cosigning import in_force, sets_of
from hansa.node.follower import Follower
from tests.consortium import MEMBERS, VirtualClock
from tests.kernel import room
from tests.kernel.room import Lend, Register
from tests.node.following_world import (
    NODE,
    Line,
    Net,
    Operator,
    cosigner_key,
    follower,
    following,
    until,
)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def operator(tmp_path: Path, clock: VirtualClock) -> Iterator[Operator]:
    made = Operator(tmp_path / "operator", clock)
    yield made
    if not made.away:
        made.close()


def lend(operator: Operator, tool: str) -> None:
    """Two blocks of ordinary business."""
    operator.do("maker", Register(tool=tool))
    operator.do("maker", Lend(tool=tool, borrower="plant", due_ms=operator.clock() + limits.DAY_MS))


def same(one: Follower, operator: Operator) -> bool:
    return (one.height, one.following.ledger.app_hash) == (operator.node.height, operator.node.app_hash)


def test_it_catches_up_keeps_up_and_cosigns(tmp_path: Path, operator: Operator, clock: VirtualClock) -> None:
    for n in range(5):
        lend(operator, f"w-{n}")
    net = Net(operator)
    with following(tmp_path / "plant", net, clock=clock) as plant:
        until(lambda: same(plant, operator))
        until(lambda: plant.cosigner.signed_height == 10)
        lend(operator, "w-9")
        until(lambda: same(plant, operator) and plant.cosigner.signed_height == 12)
        head = operator.node.head()
        assert head is not None
        until(lambda: operator.cosignatures.dressed(head).cosignatures)
        assert [c.member for c in operator.cosignatures.dressed(head).cosignatures] == ["plant"]
        assert operator.cosignatures.final() is None
        assert all(check.ok for check in plant.checks()), plant.checks()
        assert list(plant.incidents()) == []


def test_two_followers_and_the_operator_make_a_height_final_everywhere(
    tmp_path: Path, operator: Operator, clock: VirtualClock
) -> None:
    net = Net(operator)
    with (
        following(tmp_path / "plant", net, "plant", clock=clock, peers=["bank"]) as plant,
        following(tmp_path / "bank", net, "bank", clock=clock, peers=["plant"]) as bank,
    ):
        lend(operator, "w-1")
        until(lambda: operator.cosignatures.final_height == 2)
        until(lambda: plant.cosignatures.final_height == bank.cosignatures.final_height == 2)
        net.lines["maker"].cut = net.lines[""].cut = True
        final = plant.cosignatures.final()
        assert final is not None
        assert len(final.cosignatures) == 2


def test_it_goes_on_where_it_stood_and_signs_no_second_header(
    tmp_path: Path, operator: Operator, clock: VirtualClock
) -> None:
    net = Net(operator)
    lend(operator, "w-1")
    with following(tmp_path / "plant", net, clock=clock) as plant:
        until(lambda: plant.cosigner.signed_height == 2)
    lend(operator, "w-2")
    net.lines[""].asked.clear()
    with following(tmp_path / "plant", net, clock=clock) as plant:
        assert plant.height == 2
        until(lambda: plant.cosigner.signed_height == 4)
        assert plant.following.signed.height == 4


def test_a_resting_chain_is_cosigned_after_a_restart(
    tmp_path: Path, operator: Operator, clock: VirtualClock
) -> None:
    """The operator lost what it was handed in; the follower signs the same header again."""
    net = Net(operator)
    lend(operator, "w-1")
    with following(tmp_path / "plant", net, clock=clock) as plant:
        until(lambda: plant.cosigner.signed_height == 2)
    operator.cosignatures._known.clear()
    with following(tmp_path / "plant", net, clock=clock):
        until(lambda: operator.cosignatures._known.get(2))


def test_it_waits_while_the_operator_is_away_and_says_so(
    tmp_path: Path, operator: Operator, clock: VirtualClock
) -> None:
    net = Net(operator)
    with following(tmp_path / "plant", net, clock=clock) as plant:
        lend(operator, "w-1")
        until(lambda: same(plant, operator))
        net.lines[""].cut = True
        until(lambda: plant.copying.progress.away_since_ms)
        clock.advance(minutes=2)
        checks = {check.name: check for check in plant.checks()}
        assert not checks["operator"].ok
        assert "120 s" in checks["operator"].en
        net.lines[""].cut = False
        lend(operator, "w-2")
        until(lambda: same(plant, operator) and not plant.copying.progress.away_since_ms)
        assert all(check.ok for check in plant.checks())


class Garbage(Line):
    """Sends what is no ledger, until it is told to stop."""

    kind = "order"

    def blocks(self, first: int, limit: int, wait_ms: int) -> Sequence[BlockData]:
        found = list(super().blocks(first, limit, wait_ms))
        if self.kind == "rubbish":
            raise AnswerUnusable(url=self.url, detail="a length in a frame is wrong")
        if self.kind == "order":
            return found[::-1] + found
        if self.kind == "unsigned":
            return [replace(block, header=replace(block.header, signature=bytes(64))) for block in found]
        return found


@pytest.mark.parametrize("kind", ["order", "rubbish", "unsigned"])
def test_garbage_is_let_go_and_accuses_nobody(
    tmp_path: Path, operator: Operator, clock: VirtualClock, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "PAUSE_FIRST_S", 0.01)
    net = Net(operator)
    net.lines[""] = line = Garbage(operator)
    line.kind = kind
    lend(operator, "w-1")
    with following(tmp_path / "plant", net, clock=clock) as plant:
        until(lambda: plant.copying.progress.away_since_ms)
        assert plant.height == 0
        line.kind = ""
        until(lambda: same(plant, operator))
        assert plant.casebook.halt() == ""
        assert [case.kind for _, case in plant.casebook.all()] == (["note"] if kind == "unsigned" else [])


# Clocks (rule 17).


def test_a_header_from_the_future_waits_until_its_time(
    tmp_path: Path, operator: Operator, clock: VirtualClock
) -> None:
    own = VirtualClock()
    net = Net(operator)
    with following(tmp_path / "plant", net, clock=own) as plant:
        clock.advance(minutes=6)
        lend(operator, "w-1")
        until(lambda: plant.copying.progress.trouble)
        assert plant.copying.progress.trouble.code == "node.header_from_future"  # type: ignore[union-attr]
        assert plant.height == 0
        assert [case.kind for _, case in plant.casebook.all()] == ["clock"]
        own.advance(minutes=2)
        until(lambda: same(plant, operator))
        assert plant.casebook.halt() == ""


def test_a_live_header_from_the_past_is_refused_until_somebody_looked(
    tmp_path: Path, operator: Operator, clock: VirtualClock
) -> None:
    own = VirtualClock()
    net = Net(operator)
    with following(tmp_path / "plant", net, clock=own) as plant:
        lend(operator, "w-1")
        until(lambda: same(plant, operator) and plant.copying.progress.level)
        own.advance(minutes=6)
        lend(operator, "w-2")
        until(lambda: plant.copying.progress.over)
        assert plant.copying.progress.trouble.code == "node.header_from_past"  # type: ignore[union-attr]
        assert plant.height == 2
        assert not {check.name: check for check in plant.checks()}["copy"].ok
    with following(tmp_path / "plant", net, clock=own) as plant:
        until(lambda: same(plant, operator))


def test_old_blocks_are_taken_when_catching_up(
    tmp_path: Path, operator: Operator, clock: VirtualClock
) -> None:
    lend(operator, "w-1")
    own = VirtualClock()
    own.advance(days=400)
    with following(tmp_path / "plant", Net(operator), clock=own) as plant:
        until(lambda: same(plant, operator))


def test_time_that_goes_back_is_a_case(tmp_path: Path, operator: Operator, clock: VirtualClock) -> None:
    lend(operator, "w-1")

    def back(block: BlockData) -> BlockData:
        if block.leaf.height == 1:
            return block
        leaf = replace(block.leaf, time_ms=block.leaf.time_ms - 1)
        header = Header(
            chain=block.header.header.chain, height=2, time_ms=leaf.time_ms,
            app_hash=block.header.header.app_hash,
        )  # fmt: skip
        return replace(
            block,
            leaf=leaf,
            header=replace(block.header, header=header, signature=NODE.sign(HEADER_DOMAIN + encode(header))),
        )

    net = Net(operator)
    net.lines[""].bend_block = back
    with following(tmp_path / "plant", net, clock=clock) as plant:
        case = until(lambda: next((case for _, case in plant.casebook.all()), None))
        assert case.difference.what == "time"
        assert [signed.header.height for signed in case.headers] == [1, 2]
        assert case.headers[1].header.time_ms < case.headers[0].header.time_ms


# Cosigners change.


def test_the_set_before_signs_the_change_and_the_set_after_what_follows(
    tmp_path: Path, operator: Operator, clock: VirtualClock
) -> None:
    net = Net(operator)
    with (
        following(tmp_path / "plant", net, "plant", clock=clock) as plant,
        following(tmp_path / "bank", net, "bank", clock=clock) as bank,
    ):
        seats = tuple(Seat(member=m, public=cosigner_key(m).public) for m in MEMBERS if m != "bank")
        operator.do("plant", Propose(proposal="three", subject=SetCosigners(seats=seats, quorum=2)))
        for member in ("maker", "plant", "auditor"):
            operator.do(member, Vote(proposal="three", yes=True))
        height = operator.node.height
        sets = until(lambda: (found := sets_of(plant.following.ledger))[1:] and found)
        assert sets[-1].since == height + 1
        # Both sign the change, though it puts one of them out.
        until(lambda: len(operator.cosignatures._known.get(height, {})) == 2)
        lend(operator, "w-1")
        until(lambda: same(plant, operator) and same(bank, operator))
        until(lambda: operator.cosignatures.final_height == height + 2)
        until(lambda: plant.cosigner.signed_height == height + 2)
        assert bank.cosigner.signed_height == height
        [handover] = operator.cosignatures.handovers()
        assert handover.head.header.height == height
        assert len(counted(handover.head, sets[0])[0]) == 3
        final = operator.cosignatures.final()
        assert final is not None
        assert [c.member for c in final.cosignatures] == ["plant"]
        assert in_force(sets, height).quorum == 3


def test_it_starts_from_a_snapshot(tmp_path: Path, operator: Operator, clock: VirtualClock) -> None:
    for n in range(3):
        lend(operator, f"w-{n}")
    write_snapshot(operator.reader, tmp_path / "snapshot")
    release = Release(room.registry().rooms)
    (tmp_path / "plant").mkdir()
    restore_snapshot(tmp_path / "snapshot", tmp_path / "plant" / "ledger.db", operator.genesis, release)
    net = Net(operator)
    lend(operator, "w-9")
    with following(tmp_path / "plant", net, clock=clock) as plant:
        until(lambda: same(plant, operator))
        assert plant.following.ledger.blocks_from() > 1


KILLED = """
import sys, threading
from pathlib import Path
from tests.consortium import VirtualClock
from tests.node.following_world import Net, Operator, follower
folder = Path(sys.argv[1])
operator = Operator(folder / "copy", VirtualClock())
plant = follower(folder / "plant", Net(operator), clock=VirtualClock())
print("ready", flush=True)
plant.begin()
threading.Event().wait()
"""


def test_kill_9_in_the_middle_of_catching_up_loses_nothing(tmp_path: Path, clock: VirtualClock) -> None:
    operator = Operator(tmp_path / "copy", clock)
    for n in range(40):
        operator.do("maker", Register(tool=f"w-{n}"))
    operator.close()
    heights = []
    for pause_s in (0.05, 0.15):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(tmp_path)],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        time.sleep(pause_s)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        net: Any = Net(operator)
        plant = follower(tmp_path / "plant", net, clock=clock)
        heights.append(plant.height)
        assert plant.following.signed.height <= max(plant.height, 0)
        plant.end()
    assert heights == sorted(heights)
    again = Operator(tmp_path / "copy", clock)
    with following(tmp_path / "plant", Net(again), clock=clock) as plant:
        until(lambda: same(plant, again))
    again.close()
