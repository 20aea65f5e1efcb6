"""Transactions as they come over HTTP: one, or a zero byte and then length ‖ transaction of each (rule 2)."""

from typing import NamedTuple

import msgspec

from hansa.kernel import limits as kernel_limits
from hansa.kernel.transaction import HEAD_BYTES, LENGTH_BYTES, SEQUENCE
from hansa.node import errors, limits


class Claim(NamedTuple):
    """Who a transaction says it is from. Nothing of it is checked."""

    member: str
    key: str


NOBODY = Claim("", "")
"""Whoever sends what cannot be read, or names a key that the ledger does not know."""


class _Envelope(msgspec.Struct):
    member: str = ""
    key: str = ""
    sequence: int = 0


_envelope = msgspec.json.Decoder(_Envelope)


def split(body: bytes) -> list[bytes]:
    """The transactions of a request's body, at least one: inverse of `hansa.kernel.transaction.join`.

    Raises SequenceBroken or TransactionsTooMany. What a transaction holds is not looked at: that has an
    outcome of its own.
    """
    if not body:
        raise errors.SequenceBroken(detail="the body is empty")
    if body[0] != SEQUENCE:
        return [body]
    wires: list[bytes] = []
    at = 1
    while at < len(body):
        start = at + LENGTH_BYTES
        end = start + int.from_bytes(body[at:start], "big")
        if start > len(body) or end > len(body):
            raise errors.SequenceBroken(detail=f"it ends within transaction {len(wires) + 1}")
        wires.append(body[start:end])
        if len(wires) > limits.REQUEST_TRANSACTIONS_MAX:
            raise errors.TransactionsTooMany(limit=limits.REQUEST_TRANSACTIONS_MAX)
        at = end
    if not wires:
        raise errors.SequenceBroken(detail="it holds no transaction")
    return wires


def claim(wire: bytes) -> Claim:
    """Member and key that a transaction names, read without checking the rest: about a microsecond."""
    return signed_by(wire)[0]


def signed_by(wire: bytes) -> tuple[Claim, int]:
    """The same with its sequence number."""
    if not HEAD_BYTES < len(wire) <= kernel_limits.TRANSACTION_BYTES_MAX:
        return NOBODY, 0
    try:
        found = _envelope.decode(memoryview(wire)[HEAD_BYTES:])
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return NOBODY, 0
    return Claim(found.member, found.key), found.sequence
