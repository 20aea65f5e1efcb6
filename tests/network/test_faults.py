"""Four members with real engines under load, and what happens to one of them or to all: killed, stopped, cut
off, slow, without disk. Nothing answered is lost, nothing counts twice, and all are of one hash.

Each test says without which protection it was seen to fail; all of them stand in docs/engine.md.

HANSA_NETWORK_LONG=1 tries all of it; HANSA_NETWORK_ROUNDS says how often what comes at random moments comes;
HANSA_NETWORK_SEED, which moments.
"""

import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from hansa.engines.cometbft.trouble import disk_trouble
from tests.network.bare import STEPS
from tests.network.cables import Cables
from tests.network.load import Load
from tests.network.net import ROUNDS, SEED, Net, Node, at_length, wait
from tests.network.volume import fill, small_volume

SETTINGS = {"empty_block_interval_s": 2, "timeout_propose_ms": 500}
TURNS = 8
"""Heights in which each of four has its turn to propose."""
MOMENT_S = 1.5
PATIENCE_S = 2.0
ROOM_BYTES = 16 * 2**20
"""Left on a small volume: the engine makes new files as it starts."""

linux = pytest.mark.skipif(sys.platform != "linux", reason="sets limits of other processes")


@pytest.fixture(scope="module")
def wired(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Net, Cables]]:
    with Cables() as cables, Net(tmp_path_factory.mktemp("n"), **SETTINGS) as net:
        net.connect_by(cables)
        for node in net.nodes:
            node.patience_s = PATIENCE_S
        net.start()
        net.wait_for(1)
        yield net, cables


@pytest.fixture
def net(wired: tuple[Net, Cables]) -> Iterator[Net]:
    """All four, and all connected, whatever the test before left."""
    net, cables = wired
    yield net
    cables.mend()
    for node in net.nodes:
        node.set_clock(0)
        for process in (node.application, node.engine):
            if process is not None:
                process.send_signal(signal.SIGCONT)
        if not up(node):
            node.kill()
            node.start()


@pytest.fixture
def load(net: Net) -> Iterator[Load]:
    with Load(net) as load:
        load.more()
        yield load


def up(node: Node) -> bool:
    both = (node.application, node.engine)
    return all(process is not None and process.poll() is None for process in both)


def again(node: Node) -> None:
    """As its supervisor does: both at once."""
    node.kill()
    node.start()


def go_on(net: Net, *but: Node, heights: int = TURNS) -> None:
    """All others come to so many heights more."""
    others = [node for node in net.nodes if node not in but]
    net.wait_for(others[0].height() + heights, others)


@pytest.mark.parametrize("which", [("engine",), ("application",), ("engine", "application")], ids="+".join)
def test_one_killed_at_any_moment_comes_back_in_step(net: Net, load: Load, which: tuple[str, ...]) -> None:
    """Fails where Info does not tell the height that is durable, and where a used sequence counts again."""
    random = Random(f"{SEED} {which}")
    for _ in range(ROUNDS):
        time.sleep(random.random() * MOMENT_S)
        node = random.choice(net.nodes)
        node.kill(*which)
        load.more()
        again(node)
        load.again_at(node)
    load.end()


def test_all_four_killed_at_once_again_and_again(net: Net, load: Load) -> None:
    """Fails where Info does not tell the height that is durable."""
    random = Random(SEED)
    for _ in range(ROUNDS):
        time.sleep(random.random() * MOMENT_S)
        for node in net.nodes:
            for process in (node.engine, node.application):
                assert process is not None
                process.kill()
        for node in net.nodes:
            node.kill()
        for node in net.nodes:
            node.start()
        load.more()
    load.end()


@pytest.mark.parametrize(
    "step", ["after_disk", *(pytest.param(step, marks=at_length) for step in STEPS if step != "after_disk")]
)
def test_all_four_die_at_one_step_of_one_block(net: Net, load: Load, step: str) -> None:
    """The worst moment: nobody is ahead whom the others could ask. Fails where a block and the engine's
    height become durable one after the other, whichever comes first.
    """
    for node in net.nodes:
        node.kill()
    at = 3 + max(node.blocks() for node in net.nodes)
    for node in net.nodes:
        node.start(BARE_DIES=f"{step} {at}")
    # The fourth may not hear of the block any more.
    wait(lambda: sum(not up(node) for node in net.nodes) >= 3, "end of three")
    for node in net.nodes:
        node.kill()
    for node in net.nodes:
        node.start()
    load.more()
    load.end()


@pytest.mark.parametrize("which", [pytest.param("engine", marks=at_length), "application"])
def test_one_that_is_stopped_holds_up_nobody(net: Net, load: Load, which: str) -> None:
    """Fails where a silent proposer is waited for much longer."""
    process = getattr(net.nodes[1], which)
    process.send_signal(signal.SIGSTOP)
    load.more()
    go_on(net, net.nodes[1])
    process.send_signal(signal.SIGCONT)
    load.end()


@at_length
def test_two_that_are_stopped_stop_the_chain_and_it_goes_on_with_them(net: Net, load: Load) -> None:
    """The engine's own quorum. Fails where powers are not the genesis file's: no commit counts then."""
    for node in net.nodes[2:]:
        assert node.engine is not None
        node.engine.send_signal(signal.SIGSTOP)
    load.none(3)
    for node in net.nodes[2:]:
        assert node.engine is not None
        node.engine.send_signal(signal.SIGCONT)
    load.more()
    load.end()


def test_each_is_started_anew_one_after_the_other(net: Net, load: Load) -> None:
    """Fails where Info does not tell the height that is durable."""
    for node in net.nodes:
        node.stop()
        load.more(2)
        node.start()
        net.wait_for(max(other.height() for other in net.nodes), [node])
    load.end()


def test_one_that_is_cut_off_waits_and_catches_up(wired: tuple[Net, Cables], net: Net, load: Load) -> None:
    """The engine's own quorum, and its way back."""
    alone, *others = net.nodes
    for other in others:
        wired[1].cut(alone.member, other.member)
    wait(lambda: alone.call("net_info")["n_peers"] == "0", "end of the connections")
    load.more()
    stood = alone.height()
    load.more()
    assert alone.height() == stood
    wired[1].mend()
    load.end()


@at_length
def test_two_halves_decide_nothing_and_never_apart(wired: tuple[Net, Cables], net: Net, load: Load) -> None:
    """The engine's own quorum. Fails where powers are not the genesis file's: no commit counts then."""
    for one in net.nodes[:2]:
        for other in net.nodes[2:]:
            wired[1].cut(one.member, other.member)
    load.none(3)
    wired[1].mend()
    load.more()
    load.end()


@at_length
def test_one_that_hears_and_is_not_heard_harms_nobody(
    wired: tuple[Net, Cables], net: Net, load: Load
) -> None:
    mute, *others = net.nodes
    for other in others:
        wired[1].hold(mute.member, other.member)
    load.more()
    wired[1].mend()
    load.end()


def full(process: "subprocess.Popen[bytes]", folder: Path) -> None:
    """No file of a process grows beyond the largest that lies in its folder."""
    largest = max(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (largest, largest))


@linux
def test_an_application_whose_disk_is_full_ends_before_it_says_done(net: Net, load: Load) -> None:
    """Fails where a fault of the disk is passed over, and where the server serves on after one."""
    node = net.nodes[3]
    assert node.application is not None
    process = node.application
    full(process, node.folder)
    wait(lambda: process.poll() is not None, "end of the application")
    assert "The node stopped on a fault of its machine" in node.log("bare.log")
    load.more()
    again(node)
    load.end()


@linux
@at_length
def test_an_engine_whose_disk_is_full_signs_nothing_more(net: Net, load: Load) -> None:
    """It stays up and says so in its log, which the node understands; the others go on, and it with them once
    there is room.
    """
    node = net.nodes[3]
    assert node.engine is not None
    full(node.engine, node.home)
    wait(lambda: any(map(disk_trouble, node.log().splitlines())) or not up(node), "an engine without disk")
    load.more()
    height = max(each.height() for each in net.nodes[:3])
    load.more()
    again(node)
    net.wait_for(height)
    load.end()


@linux
@at_length
def test_a_node_whose_volume_is_full_harms_nobody_and_goes_on_once_there_is_room(
    net: Net, load: Load
) -> None:
    """Engine and application share it, as at a member's. Fails where a fault of the disk is passed over."""
    node = net.nodes[3]
    node.kill()
    with small_volume(node.folder, ROOM_BYTES):
        try:
            node.start()
            ballast = fill(node.folder)
            wait(lambda: not up(node) or any(map(disk_trouble, node.log().splitlines())), "word of the disk")
            load.more()
            go_on(net, node)
            ballast.unlink()
            again(node)
            load.end()
        finally:
            node.kill()


JUMPS_S = [(3_600, -3_600), pytest.param((3_600, 3_600), marks=at_length),
           pytest.param((-3_600, -3_600), marks=at_length)]  # fmt: skip


@pytest.mark.parametrize("jumps_s", JUMPS_S, ids=str)
def test_clocks_that_jump_move_no_time_and_stop_nothing(
    net: Net, load: Load, jumps_s: tuple[int, int]
) -> None:
    """Fails where a block has the application's time, and where a vote on a proposal looks at a clock."""
    for node, off_s in zip(net.nodes[2:], jumps_s, strict=True):
        node.set_clock(off_s)
    load.more(10)
    go_on(net)
    reader = net.reader(net.nodes[0])
    with reader.snapshot() as view:
        assert abs(view.leaf(view.height).time_ms - time.time_ns() // 1_000_000) < 60_000
    reader.close()
    load.end()


@at_length
@pytest.mark.parametrize("slow", [1, 2])
def test_a_slow_disk_stops_nothing(net: Net, load: Load, slow: int) -> None:
    """Nobody need wait for one; of two, each block needs one. Fails where rounds do not wait for votes."""
    for node in net.nodes[-slow:]:
        node.kill()
        node.start(BARE_IS="SlowDisk")
    load.more(10)
    go_on(net, *net.nodes[-slow:])
    for node in net.nodes[-slow:]:
        again(node)
    load.end()


@at_length
def test_an_engine_that_runs_in_bursts_keeps_up(net: Net, load: Load) -> None:
    process = net.nodes[1].engine
    assert process is not None
    for _ in range(8):
        process.send_signal(signal.SIGSTOP)
        time.sleep(0.4)
        process.send_signal(signal.SIGCONT)
        time.sleep(0.2)
    load.end()
