"""A follower copies, executes, compares, cosigns; goes on where it stood; refuses what is off its clock."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from hansa.apps.consortium.handovers import counted
from hansa.apps.consortium.messages_votes import Propose, Seat, SetCosigners, Vote
from hansa.client.errors import AnswerUnusable
from hansa.client.verify import check_bundle
from hansa.engines.blocks import BlockData
from hansa.engines.restoring import restore_snapshot
from hansa.engines.snapshot import write_snapshot
from hansa.kernel import Release, encode, limits, merkle, replace
from hansa.kernel.evidence import Header, SignedHeader
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
        if self.kind == "crash":
            raise RuntimeError("a mistake in a library")
        return [BENT[self.kind](block) for block in found] if self.kind in BENT else found


def odd_height(block: BlockData) -> BlockData:
    return replace(block, header=replace(block.header, header=replace(block.header.header, height=99)))


BENT: dict[str, Callable[[BlockData], BlockData]] = {
    "unsigned": lambda block: replace(block, header=replace(block.header, signature=bytes(64))),
    "odd height": odd_height,
    "bit of a transaction": lambda block: replace(block, wires=(block.wires[0][:-3] + b"xyz",)),
    "no transactions": lambda block: replace(block, wires=()),
    "bit of a leaf": lambda block: replace(block, leaf=replace(block.leaf, events_root="0" * 64)),
    "another chain": lambda block: replace(block, header=signed_of_another_chain(block)),
}


def signed_of_another_chain(block: BlockData) -> SignedHeader:
    header = replace(block.header.header, chain="0" * 64)
    return replace(block.header, header=header, signature=NODE.sign(HEADER_DOMAIN + encode(header)))


@pytest.mark.parametrize("kind", ["order", "rubbish", "crash", *BENT])
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
        since_ms = plant.copying.progress.away_since_ms
        clock.advance(minutes=1)
        assert plant.height == 0
        until(lambda: line.asked.count("blocks") > 5)
        assert plant.copying.progress.away_since_ms == since_ms
        assert not {check.name: check for check in plant.checks()}["operator"].ok
        line.kind = ""
        until(lambda: same(plant, operator))
        until(lambda: plant.cosigner.signed_height == 2)
        assert plant.casebook.halt() == ""
        until(lambda: all(check.ok for check in plant.checks()))
        assert [case.kind for _, case in plant.casebook.all()] == (["note"] if kind in BENT else [])


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


def dated_back(folder: Path, operator: Operator, net: Net, own: VirtualClock) -> Any:
    """A follower that is level; then an hour passes on its clock, and the operator still has nothing."""
    made = following(folder / "plant", net, clock=own)
    plant = made.__enter__()
    lend(operator, "w-1")
    until(lambda: same(plant, operator) and plant.copying.progress.level)
    own.advance(hours=1)
    until(lambda: (level := plant.following.level) and level.at_ms == own())
    return made, plant


@pytest.mark.parametrize("evades", [False, True], ids=["at once", "after one refused request"])
def test_a_header_dated_back_is_refused_however_it_came(
    tmp_path: Path, operator: Operator, clock: VirtualClock, evades: bool
) -> None:
    own, net = VirtualClock(), Net(operator)
    made, plant = dated_back(tmp_path, operator, net, own)
    if evades:
        net.lines[""].cut = True
        until(lambda: plant.copying.progress.away_since_ms)
    lend(operator, "w-2")
    net.lines[""].cut = False
    until(lambda: plant.copying.progress.over)
    assert plant.copying.progress.trouble.code == "node.header_from_past"
    assert "block 3 is dated 36" in plant.copying.progress.trouble.en.lower()
    assert "after block 2" in plant.copying.progress.trouble.en
    assert plant.height == 2
    assert not {check.name: check for check in plant.checks()}["copy"].ok
    assert [(case.kind, case.against) for _, case in plant.casebook.all()] == [("clock", "")]
    assert plant.casebook.halt() == ""
    made.__exit__(None, None, None)

    # A restart takes it no more than before; the member's word does.
    with following(tmp_path / "plant", net, clock=own) as plant:
        until(lambda: plant.copying.progress.over)
        assert plant.height == 2
    plant = follower(tmp_path / "plant", net, clock=own)
    plant.following.retry()
    plant.begin()
    until(lambda: same(plant, operator))
    plant.end()


class Late(Line):
    """An answer that comes only when the follower wakes up."""

    def __init__(self, source: Any, sleep: Any) -> None:
        super().__init__(source)
        self.sleep = sleep

    def blocks(self, first: int, limit: int, wait_ms: int) -> Sequence[BlockData]:
        found = super().blocks(first, limit, wait_ms)
        if found:
            self.sleep()
        return found


def test_a_machine_that_slept_accuses_nobody(tmp_path: Path, operator: Operator, clock: VirtualClock) -> None:
    """The block was made while the question was open; its answer is taken in an hour later."""
    own, net = VirtualClock(), Net(operator)
    with following(tmp_path / "plant", net, clock=own) as plant:
        lend(operator, "w-1")
        until(lambda: plant.following.level and plant.following.level.height == 2)
    net.lines[""] = Late(operator, lambda: own.advance(hours=1))
    with following(tmp_path / "plant", net, clock=own) as plant:
        until(lambda: "blocks" in net.lines[""].asked)
        lend(operator, "w-2")
        until(lambda: same(plant, operator))
        assert plant.casebook.all() == []
        assert own() > operator.node.time_ms + limits.HOUR_MS - 1


def test_a_clock_that_was_ahead_and_is_right_again_accuses_nobody(
    tmp_path: Path, operator: Operator, clock: VirtualClock
) -> None:
    own, net = VirtualClock(), Net(operator)
    with following(tmp_path / "plant", net, clock=own) as plant:
        lend(operator, "w-1")
        until(lambda: same(plant, operator))
        own.advance(hours=1)
        until(lambda: (level := plant.following.level) and level.at_ms == own())
        net.lines[""].cut = True
        until(lambda: plant.copying.progress.away_since_ms)
        own.now_ms = clock()
        lend(operator, "w-2")
        net.lines[""].cut = False
        until(lambda: same(plant, operator))
        assert plant.casebook.all() == []


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
    first = operator.node.ledger.leaf(1)

    def back(block: BlockData) -> BlockData:
        if block.leaf.height == 1:
            return block
        leaf = replace(block.leaf, time_ms=block.leaf.time_ms - 1)
        leaves = [merkle.leaf_hash(encode(each)) for each in (first, leaf)]
        header = Header(
            chain=block.header.header.chain, height=2, time_ms=leaf.time_ms,
            app_hash=merkle.root(leaves).hex(),
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
        assert check_bundle(encode(case), operator.genesis).ok


def test_a_header_of_another_time_than_its_leaf_proves_itself(
    tmp_path: Path, operator: Operator, clock: VirtualClock
) -> None:
    lend(operator, "w-1")

    def later(block: BlockData) -> BlockData:
        header = replace(block.header.header, time_ms=block.leaf.time_ms + 1)
        return replace(
            block,
            header=replace(block.header, header=header, signature=NODE.sign(HEADER_DOMAIN + encode(header))),
        )

    net = Net(operator)
    net.lines[""].bend_block = later
    with following(tmp_path / "plant", net, clock=clock) as plant:
        case = until(lambda: next((case for _, case in plant.casebook.all()), None))
        assert (case.kind, case.difference.what) == ("difference", "header")
        assert check_bundle(encode(case), operator.genesis).ok


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
