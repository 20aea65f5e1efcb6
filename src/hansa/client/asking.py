"""How transactions and a query's arguments are put into requests, and what a query's answer may be."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import msgspec

from hansa.client.errors import AnswerUnusable
from hansa.kernel import encode
from hansa.kernel.refusal import shown

T = TypeVar("T")

TRANSACTIONS_PER_REQUEST_MAX = 100
REQUEST_BYTES_MAX = 4 * 2**20


def batches(wires: Sequence[bytes]) -> Iterable[Sequence[bytes]]:
    """Wires in order, as few requests as their limits allow."""
    start = size = 0
    for position, wire in enumerate(wires):
        full = position - start == TRANSACTIONS_PER_REQUEST_MAX or size + len(wire) + 4 > REQUEST_BYTES_MAX
        if position > start and full:
            yield wires[start:position]
            start, size = position, 0
        size += len(wire) + 4
    if start < len(wires):
        yield wires[start:]


def parameters(arguments: bytes) -> Iterable[tuple[str, str]]:
    """A query's arguments as they stand in an address: lists repeat the name, structures are JSON."""
    for name, value in msgspec.json.decode(arguments, type=dict[str, Any]).items():
        for part in value if isinstance(value, list) else [value]:
            yield name, part if isinstance(part, str) else encode(part).decode()


def answered(url: str, answer: bytes, kind: type[T]) -> T:
    """A node's answer as what it is to be. Raises AnswerUnusable."""
    try:
        return msgspec.json.decode(answer, type=kind)
    except (ValueError, RecursionError) as error:
        raise AnswerUnusable(url=url, detail=shown(str(error))) from None
