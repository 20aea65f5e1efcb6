"""Four members with real engines under load, and what happens to one of them or to all: killed, stopped, cut
off, slow, without disk. Nothing answered is lost, nothing counts twice, and all are of one hash.

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

from tests.network.cables import Cables
from tests.network.load import Load
from tests.network.net import ROUNDS, SEED, Net, Node, at_length, wait

SETTINGS = {"empty_block_interval_s": 2, "timeout_propose_ms": 500}
MOMENT_S = 1.5
PATIENCE_S = 2.0

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


@pytest.mark.parametrize("which", [("engine",), ("application",), ("engine", "application")], ids="+".join)
def test_one_killed_at_any_moment_comes_back_in_step(net: Net, load: Load, which: tuple[str, ...]) -> None:
    random = Random(f"{SEED} {which}")
    for _ in range(ROUNDS):
        time.sleep(random.random() * MOMENT_S)
        node = random.choice(net.nodes)
        node.kill(*which)
        load.more()
        again(node)
    load.end()


def test_all_four_killed_at_once_again_and_again(net: Net, load: Load) -> None:
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


@pytest.mark.parametrize("which", [pytest.param("engine", marks=at_length), "application"])
def test_one_that_is_stopped_holds_up_nobody(net: Net, load: Load, which: str) -> None:
    process = getattr(net.nodes[1], which)
    process.send_signal(signal.SIGSTOP)
    load.more()
    process.send_signal(signal.SIGCONT)
    load.end()


@at_length
def test_two_that_are_stopped_stop_the_chain_and_it_goes_on_with_them(net: Net, load: Load) -> None:
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
    for node in net.nodes:
        node.stop()
        load.more(2)
        node.start()
        net.wait_for(max(other.height() for other in net.nodes), [node])
    load.end()


def test_one_that_is_cut_off_waits_and_catches_up(wired: tuple[Net, Cables], net: Net, load: Load) -> None:
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
    """It stays up and says so in its log; the others go on, and it with them once there is room."""
    node = net.nodes[3]
    assert node.engine is not None
    full(node.engine, node.home)
    wait(lambda: "file too large" in node.log() or not up(node), "an engine without disk")
    load.more()
    height = max(each.height() for each in net.nodes[:3])
    load.more()
    again(node)
    net.wait_for(height)
    load.end()


@pytest.mark.parametrize("off_s", [3_600, pytest.param(-3_600, marks=at_length)])
def test_one_whose_clock_is_off_moves_no_time(net: Net, load: Load, off_s: int) -> None:
    node = net.nodes[2]
    node.kill()
    node.start(BARE_CLOCK_S=str(off_s))
    load.more(10)
    reader = net.reader(net.nodes[0])
    with reader.snapshot() as view:
        assert abs(view.leaf(view.height).time_ms - time.time_ns() // 1_000_000) < 60_000
    reader.close()
    load.end()
    again(node)


@at_length
def test_one_whose_disk_is_slow_harms_nobody(net: Net, load: Load) -> None:
    node = net.nodes[2]
    node.kill()
    node.start(BARE_IS="SlowDisk")
    load.more(10)
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
