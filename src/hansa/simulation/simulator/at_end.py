"""What is looked at once all is well again: every replica against the ledger that is right, byte by byte."""

from collections.abc import Mapping, Sequence

from hansa.kernel import encode
from hansa.kernel.lthash import EMPTY, element, update
from hansa.kernel.state import Name
from hansa.simulation.simulator.chain import Chain
from hansa.simulation.simulator.clients import Receipt
from hansa.simulation.simulator.node import Node
from hansa.simulation.simulator.oracle import Oracle
from hansa.simulation.simulator.scenario import Broken


def stands_together(nodes: Sequence[Node], chain: Chain) -> bool:
    """Whether all that run are at the newest height, and nothing waits at those who propose.

    Others may hold what validators refuse, since it expired meanwhile: nobody looks at it again.
    """
    running = [node for node in nodes if not node.never_ran]
    return chain.rests and all(
        node.up and node.answered == chain.height and not (chain.votes(node) and node.mempool)
        for node in running
    )


def check_end(nodes: Sequence[Node], chain: Chain, oracle: Oracle) -> None:
    """Same height, hash, state, log and transactions on every disk. Raises Broken.

    So nothing that anyone saw in a block is lost, for all of that is on the ledger that is right.
    """
    rows = dict(oracle.replica._store.rows)
    check_sum(rows, oracle.replica.state_sum)
    for node in nodes:
        if node.up:
            _check(node, chain, oracle, rows)


def check_told(told: Mapping[str, Receipt], oracle: Oracle) -> None:
    """What a node told a client stands on the right ledger, where and as it was told. Raises Broken."""
    for name, receipt in told.items():
        where = oracle.seen.get(name)
        if where is None or receipt[1:] != (where.height, where.index, encode(where.outcome)):
            raise Broken(
                "acknowledged",
                f"node {receipt.node} told of transaction {name[:12]} what is not on the ledger: "
                f"height {receipt.height}, place {receipt.place}, {receipt.outcome.decode()}",
            )


def check_sum(rows: dict[Name, bytes], state_sum: bytes) -> None:
    """Whether a sum that was kept block by block is that of the records. Raises Broken."""
    elements = [element(table, key, value) for (table, key), value in rows.items()]
    if update(EMPTY, [], elements) != state_sum:
        raise Broken("state digest", "the sum kept block by block is not that of the records")


def _check(node: Node, chain: Chain, oracle: Oracle, rows: dict[Name, bytes]) -> None:
    ledger = node.running.ledger
    right = oracle.replica
    for rule, own, others in (
        ("one hash", ledger.app_hash, right.app_hash),
        ("one height", ledger.height, right.height),
        ("one height", node.running.engine_height, chain.height),
        ("one hash", ledger.state_sum, right.state_sum),
    ):
        if own != others:
            raise Broken(rule, f"node {node.number} ends with {own!r}, not {others!r}"[:300])
    kept = {(table, key): value for table, key, value in ledger.store.records()}
    if kept != rows:
        names = sorted(name for name in {*kept, *rows} if kept.get(name) != rows.get(name))
        raise Broken("records", f"node {node.number} has another record {names[0]} on disk")
    for height, leaf in enumerate(oracle.leaves, 1):
        found = ledger.store.block(height)
        if found is None or found[0] != leaf:
            raise Broken("log", f"node {node.number} has lost block {height}")
    first = ledger.blocks_from()  # Whoever joined by a snapshot knows of older blocks only that they were.
    for name, where in oracle.seen.items():
        row = ledger.store.find_transaction(bytes.fromhex(name)) if where.height >= first else None
        if row is None:
            if where.height >= first:
                raise Broken("nothing lost", f"node {node.number} has lost transaction {name[:12]}")
        elif row[:2] != (where.height, where.index) or row[3] != encode(where.outcome):
            raise Broken("nothing lost", f"node {node.number} answers otherwise for transaction {name[:12]}")


def describe_standstill(nodes: Sequence[Node], chain: Chain) -> str:
    """Where everyone stands, for whoever looks into a run that does not go on."""
    each = [
        f"{node.number}: {node.answered}" + ("" if node.up else f" ({node.why_down})")
        + (f", {len(node.mempool)} wait" if node.mempool else "")
        for node in nodes
    ]  # fmt: skip
    return f"engine height {chain.height}; nodes " + "; ".join(each)
