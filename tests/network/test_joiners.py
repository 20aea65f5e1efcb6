"""Who comes to four members that are at work: by snapshot, by all blocks, by a relay; and who does not."""

from collections.abc import Iterator

import pytest

from hansa.engines.cometbft.home import Sync, node_id
from hansa.kernel import encode
from tests import consortium
from tests.engines.cometbft.network import genesis
from tests.network.load import Load
from tests.network.net import Net, at_length, wait

SETTINGS = {"empty_block_interval_s": 2, "timeout_propose_ms": 500}
EVERY = 25
"""Blocks between two snapshots: two are kept, so a joiner has some ten seconds to fetch one."""
HONEST: dict[str, str] = {}
THRIFTY = {"BARE_BLOCKS": "1"}
"""Keeps no block for others but those that a snapshot needs after it."""
DAMAGED = THRIFTY | {"BARE_IS": "DamagedParts"}


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Net]:
    with Net(tmp_path_factory.mktemp("n"), **SETTINGS) as net:
        net.connect()
        for node, more in zip(net.nodes, (HONEST, THRIFTY, DAMAGED, DAMAGED), strict=True):
            node.start(BARE_SNAPSHOTS=str(EVERY), **more)
        net.wait_for(1)
        yield net


def test_one_joins_under_load_by_snapshot_and_one_by_all_blocks(net: Net) -> None:
    """Of three that the quick one asks for a snapshot two give damaged parts, and none keeps more blocks than
    it must. Fails where a part is not compared with its hash, and where blocks after a snapshot are dropped.
    """
    first, *thrifty = net.nodes
    with Load(net) as load:
        net.wait_for(2 * EVERY)
        trusted = first.call("commit", height=str(EVERY))["signed_header"]["commit"]["block_id"]["hash"]
        quick = net.add("quick", **SETTINGS)
        quick.sync = Sync(2 * (f"http://127.0.0.1:{first.rpc}",), EVERY, trusted)
        quick.peers = tuple(each.address for each in thrifty)
        slow = net.add("slow", **SETTINGS)
        for node in (quick, slow):
            node.start()
        load.more(20)
        for node in (quick, slow):
            net.wait_for(first.height(), [node])
        load.end()
    assert int(quick.call("status")["sync_info"]["earliest_block_height"]) > EVERY
    assert slow.call("status")["sync_info"]["earliest_block_height"] == "1"


@at_length
def test_one_that_nobody_reaches_hears_all_by_the_one_it_calls(net: Net) -> None:
    relay = net.nodes[0]
    node = net.add("hidden", **SETTINGS)
    node.peers = (relay.address,)
    node.listens = False
    with Load(net) as load:
        node.start()
        wait(lambda: node.height() > 0, "the hidden node")
        net.wait_for(relay.height(), [node])
        assert node.call("net_info")["n_peers"] == "1"
        load.more(10)
        load.end()


def test_one_of_another_genesis_is_let_in_by_nobody(net: Net) -> None:
    """Fails where the engine's chain id does not come from the genesis file."""
    other = encode(genesis(net.registry, net.created_ms + 1, net.names))
    node = net.add("stranger", **SETTINGS)
    node.genesis_bytes = other
    (node.folder / "genesis.json").write_bytes(other)
    try:
        node.start()
        wait(lambda: "different network" in node.log(), "a word of its engine")
        assert node.height() == 0
        assert node.call("net_info")["n_peers"] == "0"
    finally:
        node.kill()
        net.nodes.remove(node)
    assert node_id(consortium.signer("stranger", "p2p").public) not in str(net.nodes[0].call("net_info"))
