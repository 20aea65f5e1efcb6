"""A transaction on the wire and on the ledger: suite byte ‖ signature ‖ body bytes (rule 2)."""

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from hansa.kernel import limits
from hansa.kernel.canonical import Malformed, decode_strict, encode
from hansa.kernel.refusal import Refusal
from hansa.kernel.registry import Registry
from hansa.kernel.signatures import ED25519, SIGNATURE_BYTES, TRANSACTION_DOMAIN, Signer

HEAD_BYTES = 1 + SIGNATURE_BYTES
SEQUENCE = 0
"""First byte of a sequence of transactions. It is no suite, so no transaction begins with it."""
LENGTH_BYTES = 4


class TooLarge(Refusal, code="kernel.too_large", field="body"):
    zh = "交易过大：{size} 字节，上限 {limit}。请拆成几笔。"
    en = "The transaction is too large: {size} bytes, at most {limit}. Split it."


class TooNested(Refusal, code="kernel.too_nested", field="body"):
    zh = "交易结构过于复杂：{count} 个括号，上限 {limit}。"
    en = "The transaction has too many parts: {count} brackets, at most {limit}."


class Transaction(NamedTuple):
    """A decoded transaction. Its signature is not checked yet."""

    wire: bytes
    suite: int
    signature: bytes
    body_bytes: bytes
    body: Any
    """BodyFields and `actions`."""


def identity(wire: bytes) -> str:
    """SHA-256 of the body, in hexadecimal: the same whoever signed, so a signature cannot make it new."""
    return hashlib.sha256(wire[HEAD_BYTES:]).hexdigest()


def join(wires: Sequence[bytes]) -> bytes:
    """Transactions as one body of a request: one as it is, several as a zero byte, which is no suite, and
    then length (4 bytes, big-endian) ‖ transaction of each.
    """
    if len(wires) == 1:
        return wires[0]
    parts = [bytes((SEQUENCE,))]
    for wire in wires:
        parts += (len(wire).to_bytes(LENGTH_BYTES, "big"), wire)
    return b"".join(parts)


def parse(registry: Registry, wire: bytes) -> Transaction:
    """Decode what arrived. Limits come before work: size, then brackets, then strict decoding (rules 1–3).

    What was decoded before and set aside (`Registry.set_aside`) is handed out once, as it was.
    Raises TooLarge, TooNested, Malformed or NotCanonical.
    """
    if len(wire) > limits.TRANSACTION_BYTES_MAX:
        raise TooLarge(size=len(wire), limit=limits.TRANSACTION_BYTES_MAX)
    brackets = wire.count(b"{", HEAD_BYTES) + wire.count(b"[", HEAD_BYTES)
    if brackets > limits.TRANSACTION_BRACKETS_MAX:
        raise TooNested(count=brackets, limit=limits.TRANSACTION_BRACKETS_MAX)
    known: Transaction | None = registry.aside.pop(wire, None)
    if known is not None:
        return known
    if len(wire) <= HEAD_BYTES:
        raise Malformed(detail=f"{len(wire)} bytes are too few for suite, signature and body")
    body_bytes = wire[HEAD_BYTES:]
    body = decode_strict(body_bytes, registry.body)
    return Transaction(wire, wire[0], wire[1:HEAD_BYTES], body_bytes, body)


def sign(registry: Registry, signer: Signer, **fields: Any) -> bytes:
    """Wire bytes of a new transaction; `fields` are those of the body, `actions` among them.

    Constructors do not validate, so the bytes are decoded as a receiver would: raises what `parse` raises.
    """
    body = encode(registry.body(**fields))
    wire = bytes((ED25519,)) + signer.sign(TRANSACTION_DOMAIN + body) + body
    parse(registry, wire)
    return wire
