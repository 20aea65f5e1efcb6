"""Many actions in as few transactions as hold them."""

from collections.abc import Sequence

from hansa.kernel import Action, encode, limits

BATCH_BYTES_MAX = limits.TRANSACTION_BYTES_MAX // 2
"""Actions of one transaction together; the rest of its size is left to what signs it."""


def batches(actions: Sequence[Action]) -> tuple[tuple[Action, ...], ...]:
    """The actions in order, each transaction within the ledger's bounds."""
    found: list[list[Action]] = []
    size = 0
    for action in actions:
        length = len(encode(action))
        if not found or len(found[-1]) >= limits.ACTIONS_MAX or size + length > BATCH_BYTES_MAX:
            found.append([])
            size = 0
        found[-1].append(action)
        size += length
    return tuple(tuple(batch) for batch in found)
