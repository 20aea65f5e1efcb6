"""A node that has nothing joins by a snapshot of the others, as the engine's state sync does."""

from collections.abc import Sequence
from random import Random

from hansa.engines.cometbft import messages as abci
from hansa.simulation.simulator.node import Decided, Node
from hansa.simulation.simulator.scenario import Broken

HEADERS_AFTER = 2
"""Blocks that must follow a snapshot's height, since the light client looks at them."""
TRIES = 3
"""Times that a chunk is asked for anew, from whomever."""


def offered(peers: Sequence[Node], below: int) -> list[tuple[abci.Snapshot, list[Node]]]:
    """Snapshots that nodes have, the newest first, each with those who have the same."""
    found: dict[abci.Snapshot, list[Node]] = {}
    for peer in peers:
        for snapshot in peer.running.list_snapshots(abci.ListSnapshots()).snapshots:
            if snapshot.height <= below - HEADERS_AFTER:
                found.setdefault(snapshot, []).append(peer)
    return sorted(found.items(), key=lambda item: (item[0].height, item[0].hash), reverse=True)


def restore(node: Node, peers: Sequence[Node], blocks: Sequence[Decided], luck: Random) -> int:
    """Lay down the newest snapshot that can be had on a node that is up and empty. Returns the height that it
    then stands at; 0 where there was none. Raises Broken where what came of it is not that height.

    Now and then a peer sends a chunk that is not whole: then the node must ask another.
    """
    for snapshot, owners in offered(peers, len(blocks)):
        app_hash = blocks[snapshot.height - 1].answer.app_hash
        offer = node.running.offer_snapshot(abci.OfferSnapshot(snapshot, app_hash))
        if offer.result == abci.Offer.ACCEPT and _chunks(node, snapshot, owners, luck):
            info = node.running.info(abci.Info())
            if (info.last_block_height, info.last_block_app_hash) != (snapshot.height, app_hash):
                raise Broken(
                    "snapshot",
                    f"node {node.number} stands at {info.last_block_height} after one of {snapshot.height}",
                )
            node.answered = node.stored = snapshot.height
            return snapshot.height
    return 0


def _chunks(node: Node, snapshot: abci.Snapshot, owners: Sequence[Node], luck: Random) -> bool:
    waiting = [(index, 0) for index in range(snapshot.chunks)]
    while waiting:
        index, tries = waiting.pop(0)
        peer = luck.choice(owners)
        asked = abci.LoadSnapshotChunk(snapshot.height, snapshot.format, index)
        chunk = peer.running.load_snapshot_chunk(asked).chunk
        if tries == 0 and luck.random() < 0.3:
            chunk = _damaged(chunk, luck)
        answer = node.running.apply_snapshot_chunk(abci.ApplySnapshotChunk(index, chunk, str(peer.number)))
        if answer.result == abci.Apply.ACCEPT:
            waiting = [(again, tries + 1) for again in answer.refetch_chunks] + waiting
        elif answer.result == abci.Apply.RETRY and tries < TRIES:
            waiting.insert(0, (index, tries + 1))
        else:
            return False
    return True


def _damaged(chunk: bytes, luck: Random) -> bytes:
    at = luck.randrange(len(chunk)) if chunk else 0
    return chunk[:at] + bytes((chunk[at] ^ 1,)) + chunk[at + 1 :] if chunk else b"\x00"
