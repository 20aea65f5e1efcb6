"""What a lying proposer offers: to each node what it likes, and to no two the same if it likes."""

from collections.abc import Sequence
from random import Random

from hansa.kernel import limits
from hansa.simulation.simulator.consensus import Lie, Proposal

KINDS = (
    "silent",
    "nonsense",
    "forged",
    "oversized",
    "replayed",
    "twice",
    "empty",
    "backwards",
    "other_time",
    "two_faced",
)
REPLAYED = 3
"""Old transactions that a liar puts into a block again."""
HOUR_NS = 3_600 * 10**9


def lie(luck: Random, honest: Proposal, old: Sequence[bytes], nodes: Sequence[int]) -> tuple[str, Lie]:
    """A lie of some kind, and its name. `honest` is what it should propose, `old` what stood in blocks."""
    kind = luck.choice(KINDS)
    to = dict.fromkeys(nodes, 0)
    if kind == "silent":
        return kind, Lie((), {})
    if kind == "other_time":
        return kind, Lie((honest._replace(time_ns=honest.time_ns + luck.choice((-1, 1)) * HOUR_NS),), to)
    if kind == "two_faced":
        split = {number: luck.randrange(2) for number in nodes}
        return kind, Lie((honest, honest._replace(txs=honest.txs[:-1] or tuple(old[-1:]))), split)
    return kind, Lie((honest._replace(txs=_bent(kind, luck, honest.txs, old)),), to)


def _bent(kind: str, luck: Random, txs: tuple[bytes, ...], old: Sequence[bytes]) -> tuple[bytes, ...]:
    known = (*txs, *old[-20:])
    if kind == "nonsense" or not known:
        return (*txs, luck.randbytes(luck.randrange(200)))
    if kind == "forged":
        at, wire = luck.randrange(1, 65), luck.choice(known)
        return (*txs, wire[:at] + bytes((wire[at] ^ 1,)) + wire[at + 1 :])
    if kind == "oversized":
        return (*txs, luck.choice(known) + b" " * limits.TRANSACTION_BYTES_MAX)
    if kind == "replayed":
        return (*(luck.choice(known) for _ in range(REPLAYED)), *txs)
    if kind == "twice":
        return (*txs, *txs)
    return () if kind == "empty" else txs[::-1]
