"""One of four members lies to the others, each in a way of its own: the three go on, nothing false comes on
the ledger, and the liar is named.
"""

import shutil
import time
from collections.abc import Iterator

import pytest

from tests.network.load import Load
from tests.network.net import Net, Node, at_length, wait

LIAR = "auditor"
SETTINGS = {"empty_block_interval_s": 2, "timeout_propose_ms": 500}


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Net]:
    with Net(tmp_path_factory.mktemp("n"), **SETTINGS) as net:
        net.connect()
        for node in net.nodes:
            node.patience_s = 2.0
        net.start()
        net.wait_for(1)
        yield net


@pytest.fixture
def net(four: Net) -> Iterator[Net]:
    yield four
    if liar(four).environment:
        honest(four)


def liar(net: Net) -> Node:
    return next(node for node in net.nodes if node.member == LIAR)


def others(net: Net) -> list[Node]:
    return [node for node in net.nodes if node.member != LIAR]


def lies(net: Net, how: str) -> Node:
    node = liar(net)
    node.kill()
    node.start(BARE_IS=how)
    return node


def honest(net: Net) -> None:
    """As `hansa node reset` mends it: its ledger and the engine's data are set aside, all but what its key
    has signed; the blocks come from the others.
    """
    node = liar(net)
    node.kill()
    for path in node.folder.glob("*.db*"):
        path.unlink()
    for path in (node.home / "data").iterdir():
        if path.is_dir():
            shutil.rmtree(path)
    node.start()


@pytest.mark.parametrize("how", ["WrongHash", pytest.param("WrongResults", marks=at_length)])
def test_one_that_comes_to_another_state_stands_still_alone(net: Net, how: str) -> None:
    from hansa.engines.cometbft.trouble import explained

    with Load(net) as load:
        load.more()
        node = lies(net, how)
        wait(lambda: any(explained(line) for line in node.log().splitlines()), "a word of its engine")
        said = {refusal.code for line in node.log().splitlines() if (refusal := explained(line))}
        assert said == {"engine.diverged"}
        load.more(20)
        assert node.height() < others(net)[0].height()
        honest(net)
        load.end()


@pytest.mark.parametrize(
    "how", ["BadlySigned", *(pytest.param(how, marks=at_length) for how in ("Malformed", "Oversized"))]
)
def test_what_nobody_may_propose_is_refused_by_all_and_by_name(net: Net, how: str) -> None:
    watcher = others(net)[0]
    watcher.kill()
    watcher.start()  # It tells of each proposer once.
    before = len(watcher.log("bare.log"))
    with Load(net) as load:
        load.more()
        lies(net, how)
        wait(lambda: "proposal: " in watcher.log("bare.log")[before:], "a word about the proposal")
        assert f"proposal: {LIAR}\n" in watcher.log("bare.log")[before:]
        load.more(20)
        honest(net)
        load.end()
    assert watcher.log("bare.log")[before:].count("proposal: ") == 1


@at_length
def test_one_that_refuses_every_proposal_stops_nothing(net: Net) -> None:
    with Load(net) as load:
        load.more()
        lies(net, "Refuses")
        load.more(30)
        honest(net)
        load.end()


@at_length
def test_a_proposer_makes_no_time_older_than_a_rest(net: Net) -> None:
    """It puts transactions into a block of an old time: the others take it, and the time is at most as old
    as the longest rest of the chain.
    """
    lies(net, "Stale")
    with Load(net, every_s=3.0) as load:
        seen_ms = time.time_ns() // 1_000_000
        load.more(4)
        reader = net.reader(others(net)[0])
        with reader.snapshot() as view:
            for receipt in load.answered.values():
                assert view.leaf(receipt.height).time_ms > seen_ms - 10_000
        reader.close()
        honest(net)
        load.end()
