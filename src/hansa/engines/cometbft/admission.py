"""Which transactions may wait in the mempool, and which may stand in a block at all (rules 6 and 29).

The state of the last commit decides, which is the same on all nodes: so what one proposes, all find fit.
"""

from collections.abc import Sequence
from typing import Any

from hansa.engines.reading import Reading, receipt
from hansa.kernel import KEYS, WINDOWS, Context, keys, limits
from hansa.kernel.apply import Verify
from hansa.kernel.messages import Key, Outcome, Receipt, Window
from hansa.kernel.refusal import Refusal
from hansa.kernel.signatures import TRANSACTION_DOMAIN
from hansa.kernel.transaction import Transaction, identity, parse


def fit(reading: Reading, verify: Verify, wire: bytes) -> Any:
    """The body of a transaction that may stand in a block: well formed, and signed by a key of this chain.

    It may be expired or replayed, and its key revoked: execution says so, and it is out of the mempool.
    Raises TooLarge, TooNested, Malformed, NotCanonical, WrongChain, UnknownKey or WrongSignature.
    """
    transaction = parse(reading.registry, wire)
    body = transaction.body
    ctx = reading.context(reading.time_ms)
    key = _known(ctx, reading, body)
    _check_signature(verify, transaction, key)
    return body


def check(reading: Reading, verify: Verify, wire: bytes) -> Any:
    """The body of a transaction that may wait for a block: fit for one, and not known to be hopeless.

    The dearest check comes last. Raises what `fit` does, and KeyRevoked, KeyExpired, Expired, Replayed or
    SequenceAhead.
    """
    transaction = parse(reading.registry, wire)
    body = transaction.body
    ctx = reading.context(reading.time_ms)
    key = _known(ctx, reading, body)
    keys.current(ctx, body.member, body.key)
    if body.valid_until_ms <= reading.time_ms:
        raise keys.Expired()
    keys.used(WINDOWS.get(ctx, (body.member, body.key)) or Window(), body.sequence)
    _check_signature(verify, transaction, key)
    return body


def _known(ctx: Context, reading: Reading, body: Any) -> Key:
    if body.chain != reading.chain.id:
        raise keys.WrongChain(chain=body.chain[:12])
    key = KEYS.get(ctx, (body.member, body.key))
    if key is None:
        raise keys.UnknownKey(member=body.member, key=body.key)
    return key


def _check_signature(verify: Verify, transaction: Transaction, key: Key) -> None:
    message = TRANSACTION_DOMAIN + transaction.body_bytes
    if not verify(key.public, transaction.suite, transaction.signature, message):
        raise keys.WrongSignature(member=transaction.body.member, key=transaction.body.key)


def refused(wire: bytes, refusal: Refusal) -> Receipt:
    """What its sender is told: a receipt of height 0, with both texts."""
    name = identity(wire) if len(wire) <= limits.TRANSACTION_BYTES_MAX else ""
    return receipt(Outcome(name, refusal.code, refusal.field, refusal.clause), refusal.zh, refusal.en)


def fits_together(wires: Sequence[bytes], bytes_max: int) -> int:
    """How many of them, from the first on, a block may hold: by number, and by bytes as the engine counts."""
    size = 0
    for count, wire in enumerate(wires):
        size += len(wire) + FRAME_BYTES
        if count == limits.BLOCK_TRANSACTIONS_MAX or size > bytes_max:
            return count
    return len(wires)


FRAME_BYTES = 4
"""What a transaction of at most 262,144 bytes costs in a block besides itself: a field's tag and length."""
