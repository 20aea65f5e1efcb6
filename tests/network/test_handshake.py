"""The real engine and the application find each other again after every kind of crash; and a joiner's
snapshot. One validator, so that it costs little: what four do among themselves is tested elsewhere.
"""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hansa.apps.consortium.messages import Attest
from hansa.engines.cometbft.home import Sync
from hansa.engines.recorded import record, recorded, through_application, through_ledger, through_replica
from hansa.kernel.facts import read_facts
from hansa.kernel.transaction import identity
from tests.network.bare import STEPS
from tests.network.net import Net, Node, at_length, network, now_ms, wait

EVERY = 4


@pytest.fixture
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Net]:
    with network(tmp_path_factory.mktemp("n"), members=1, timeout_commit_ms=20) as made:
        yield made


def grow(net: Net, count: int = 1) -> None:
    """So many blocks with a transaction each."""
    node = net.nodes[0]
    for _ in range(count):
        before = node.probe()["height"]
        assert node.submit(net.wire("maker", Attest(table="consortium.members", key=("maker",))))["code"] == 0
        wait(lambda before=before: node.probe()["height"] > before, "the block of a transaction")


def made(net: Net) -> list[int]:
    """Engine heights of the blocks that left a leaf."""
    reader = net.reader(net.nodes[0])
    with reader.snapshot() as view:
        found = [read_facts(view.leaf(height).engine) for height in range(1, view.height + 1)]
    reader.close()
    return [facts.height for facts in found if facts]


def gone(node: Node) -> bool:
    assert node.engine is not None
    return node.engine.poll() is not None


@pytest.mark.parametrize(
    "step",
    [pytest.param(step, marks=at_length) if step.startswith("before") else step for step in STEPS],
)
def test_an_application_that_died_within_a_block_goes_on(net: Net, step: str) -> None:
    """Fails where Info does not tell the height that is durable, where FinalizeBlock leaves something on
    disk, and where a block and the engine's height become durable one after the other.
    """
    node = net.nodes[0]
    grow(net)
    # An empty block follows, which shows the new hash; then the chain rests.
    wait(lambda: node.height() > made(net)[-1], "rest")
    at = node.height() + 1
    node.kill()
    node.start(BARE_DIES=f"{step} {at}")
    wait(lambda: node.height() > 0, "the engine again")
    wire = net.wire("maker", Attest(table="consortium.members", key=("maker",)))
    node.submit(wire)
    wait(lambda: gone(node), "end of the engine")
    node.kill()
    node.start()
    net.wait_for(at)
    grow(net)
    assert made(net).count(at) == 1
    reader = net.reader(node)
    with reader.snapshot() as view:
        receipt = view.find(identity(wire))
        assert receipt is not None
        assert receipt.code == "ok"
    reader.close()


def test_an_engine_that_died_finds_the_same_application(net: Net) -> None:
    node = net.nodes[0]
    grow(net, 2)
    node.kill("engine")
    node.start_engine()
    net.wait_for(1)
    grow(net, 2)


def test_an_application_that_lost_its_ledger_hears_all_blocks_again(net: Net) -> None:
    node = net.nodes[0]
    grow(net, 3)
    before = node.probe()
    node.kill()
    for path in node.folder.glob("*.db*"):
        path.unlink()
    node.start()
    wait(lambda: node.height() > 0, "the engine")
    after = node.probe()
    assert after["height"] >= before["height"]
    with net.reader(node).snapshot() as view:
        assert view.header(before["height"]).header.app_hash == before["app_hash"]


def test_an_application_ahead_of_its_engine_is_told_what_to_do(net: Net) -> None:
    """The engine cannot go on, and says so in words of its own; the node knows what they mean."""
    from hansa.engines.cometbft.trouble import explained

    node = net.nodes[0]
    grow(net, 3)
    node.kill()
    shutil.rmtree(node.home)
    node.start()
    wait(lambda: gone(node), "end of the engine")
    told = [refusal for line in node.log().splitlines() if (refusal := explained(line)) is not None]
    assert told
    assert {refusal.code for refusal in told} == {"engine.behind"}


def test_blocks_recorded_of_the_real_engine_lead_to_the_same_hash(net: Net, tmp_path: Path) -> None:
    grow(net, 4)
    node = net.nodes[0]
    node.stop()
    reader = net.reader(node)
    count = record(reader, net.genesis_bytes, tmp_path / "r.gz")
    reader.close()
    assert count >= 4
    recording = recorded(tmp_path / "r.gz")
    expected = [block.app_hash for block in recording.blocks]
    assert through_ledger(recording, net.registry) == expected
    assert through_replica(recording, net.registry) == expected
    assert through_application(recording, net.registry) == expected


def test_a_node_joins_by_a_snapshot(tmp_path_factory: pytest.TempPathFactory) -> None:
    with Net(tmp_path_factory.mktemp("n"), members=1, timeout_commit_ms=20) as net:
        first = net.nodes[0]
        first.start(BARE_SNAPSHOTS=str(EVERY))
        net.wait_for(1)
        while first.height() < 2 * EVERY + 3:
            grow(net)
        trusted = first.call("commit", height=str(EVERY))["signed_header"]["commit"]["block_id"]["hash"]
        joiner = net.add("plant", timeout_commit_ms=20)
        server = f"http://127.0.0.1:{first.rpc}"
        joiner.sync = Sync((server, server), EVERY, trusted)
        joiner.start()
        wait(lambda: joiner.height() >= 2 * EVERY + 2, "the joiner")
        grow(net)
        net.wait_for(first.height())
        assert int(joiner.call("status")["sync_info"]["earliest_block_height"]) > EVERY
        wait(lambda: joiner.probe() == first.probe(), "one state on both")
        with net.reader(joiner).snapshot() as view:
            assert view.blocks_from() > 1


def test_after_a_rest_transactions_are_dated_in_the_present(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The engine would give the first block after a rest the time of the votes before it. Fails where the
    proposer does not put an empty one first.
    """
    with Net(
        tmp_path_factory.mktemp("n"), members=1, timeout_commit_ms=20, empty_block_interval_s=600
    ) as net:
        node = net.nodes[0]
        node.start(BARE_STALE_MS="1500")
        net.wait_for(1)
        grow(net)
        time.sleep(3)
        before_ms, height = now_ms(), node.height()
        grow(net)
        with net.reader(node).snapshot() as view:
            assert view.leaf(view.height).time_ms >= before_ms
        assert node.height() >= height + 2, "an empty one came first"
