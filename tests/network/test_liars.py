"""One of four members lies to the others, each in a way of its own: the three go on, nothing false comes on
the ledger, and the liar is named. Each test says without which protection it was seen to fail.
"""

import shutil
import time
from collections.abc import Iterator

import pytest

from hansa.apps.consortium.messages import Attest
from hansa.engines.cometbft.trouble import explained
from hansa.kernel.facts import address, read_facts
from hansa.node.engine_votes import HeldUp, RoundVotes, held_up
from tests.engines.cometbft.network import validator_key
from tests.network.load import Load
from tests.network.net import Net, Node, at_length, now_ms, wait

LIAR = "auditor"
REST_S = 8
"""Far longer than the interval of empty blocks."""
LATE_MS = 5_000
"""A block may be that interval old, and the length of a round."""
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
    """Fails where the engine's word of it is not understood, and where the hash answered covers no state."""
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
    "how",
    ["BadlySigned", *(pytest.param(how, marks=at_length) for how in ("Malformed", "Oversized", "Swarm"))],
)
def test_what_nobody_may_propose_is_refused_by_all_and_by_name(net: Net, how: str) -> None:
    """Fails where ProcessProposal takes what comes, and where no incident names the proposer."""
    watcher = others(net)[0]
    watcher.kill()
    watcher.start()  # It tells of each proposer once.
    before = len(watcher.log("bare.log"))
    with Load(net) as load:
        load.more()
        lies(net, how)
        height = 1 + max(node.blocks() for node in others(net))
        wait(lambda: "proposal: " in watcher.log("bare.log")[before:], "a word about the proposal")
        assert f"proposal: {LIAR}\n" in watcher.log("bare.log")[before:]
        load.more(20)
        assert of(liar(net)) not in proposers(net, height)
        honest(net)
        load.end()
    assert watcher.log("bare.log")[before:].count("proposal: ") == 1


@at_length
def test_one_that_refuses_every_proposal_stops_nothing_and_is_named_where_it_does(net: Net) -> None:
    """Alone it harms nobody: it signs what the others have agreed on. With one more away the chain stands,
    and the votes of the running rounds say why. Fails where these are not read.
    """
    with Load(net) as load:
        load.more()
        lies(net, "Refuses")
        load.more(30)
        gone, watcher = others(net)[:2]
        gone.kill()
        load.none(3)
        expected = HeldUp((of(gone),), (of(liar(net)),))
        wait(lambda: votes(watcher) == expected, "word of who holds up the height")
        gone.start()
        load.more()
        honest(net)
        load.end()


def proposers(net: Net, after: int) -> set[str]:
    """Whose blocks left a leaf after a height of the engine."""
    reader = net.reader(others(net)[0])
    with reader.snapshot() as view:
        leaves = [read_facts(view.leaf(height).engine) for height in range(1, view.height + 1)]
    reader.close()
    return {facts.proposer for facts in leaves if facts and facts.height > after}


def of(node: Node) -> str:
    return address(validator_key(node.member).public)


def votes(node: Node) -> HeldUp:
    """Who holds up the running height, as a node looks at it."""
    state = node.call("dump_consensus_state")["round_state"]
    seats = [seat["address"].lower() for seat in state["validators"]["validators"]]
    return held_up(seats, [RoundVotes(tuple(each["prevotes"])) for each in state["votes"]])


@at_length
def test_proposers_make_no_time_older_than_a_rest(net: Net) -> None:
    """All put transactions into a block of an old time: others cannot tell, but a chain at rest makes empty
    blocks, and so the time is at most as old as its interval. Fails without these.
    """
    for node in net.nodes:
        node.kill()
        node.start(BARE_IS="Stale")
    node = net.nodes[0]
    net.wait_for(1)
    time.sleep(REST_S)
    height, asked_ms = node.probe()["height"], now_ms()
    assert node.submit(net.wire("maker", Attest(table="consortium.members", key=("maker",))))["code"] == 0
    wait(lambda: node.probe()["height"] > height, "the block of a record")
    reader = net.reader(node)
    with reader.snapshot() as view:
        assert view.leaf(height + 1).time_ms > asked_ms - LATE_MS
    reader.close()
    for node in net.nodes:
        node.kill()
        node.start()
