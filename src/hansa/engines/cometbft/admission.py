"""Which transactions may wait in the mempool, and which may stand in a block at all (rules 6 and 29).

The state of the last commit decides, which is the same on all nodes: so what one proposes, all find fit.
"""

import hashlib
from collections.abc import Sequence
from typing import Any

from hansa.engines.cometbft.errors import ChangeNear
from hansa.engines.reading import Reading, receipt
from hansa.kernel import KEYS, WINDOWS, Registry, keys, limits
from hansa.kernel.apply import Applied, Verify
from hansa.kernel.canonical import decode_strict
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
    _check_chain(reading, body)
    key = KEYS.get(reading.context(reading.time_ms), (body.member, body.key))
    if key is None:
        raise keys.UnknownKey(member=body.member, key=body.key)
    _check_signature(verify, transaction, key)
    return body


def check(reading: Reading, verify: Verify, wire: bytes) -> Any:
    """The body of a transaction that may wait for a block: fit for one, and not known to be hopeless.

    The dearest check comes last. Raises what `fit` does, and KeyRevoked, KeyExpired, Expired, Replayed,
    SequenceAhead or ChangeNear.
    """
    transaction = parse(reading.registry, wire)
    body = transaction.body
    _check_chain(reading, body)
    ctx = reading.context(reading.time_ms)
    key = keys.current(ctx, body.member, body.key)
    if body.valid_until_ms <= reading.time_ms:
        raise keys.Expired()
    keys.used(WINDOWS.get(ctx, (body.member, body.key)) or Window(), body.sequence)
    _check_lasting(reading, transaction)
    _check_signature(verify, transaction, key)
    reading.registry.set_aside(wire, transaction)
    return body


class Fitness:
    """Remembers what was found fit: it stays so until a key or the rules change. By SHA-256 of the bytes."""

    def __init__(self) -> None:
        self._known: dict[bytes, None] = {}
        self._registry: Registry | None = None

    def learn(self, reading: Reading, wire: bytes) -> None:
        """It was found fit on the state as it stands."""
        self._look(reading)
        self._known[hashlib.sha256(wire).digest()] = None
        if len(self._known) > KNOWN_MAX:
            del self._known[next(iter(self._known))]

    def holds(self, reading: Reading, verify: Verify, wire: bytes) -> bool:
        """Whether it is fit for a block."""
        self._look(reading)
        if hashlib.sha256(wire).digest() in self._known:
            return True
        try:
            fit(reading, verify, wire)
        except Refusal:
            return False
        self.learn(reading, wire)
        return True

    def after(self, applied: Applied) -> None:
        """A block was committed. Where it changed keys, everything is looked at again."""
        if any(table == KEYS.name for table, _ in applied.changes):
            self._known.clear()

    def _look(self, reading: Reading) -> None:
        """Other rules, or other rooms, decode otherwise."""
        if reading.registry is not self._registry:
            self._registry = reading.registry
            self._known.clear()


def _check_chain(reading: Reading, body: Any) -> None:
    if body.chain != reading.chain.id:
        raise keys.WrongChain(chain=body.chain[:12])


def _check_signature(verify: Verify, transaction: Transaction, key: Key) -> None:
    message = TRANSACTION_DOMAIN + transaction.body_bytes
    if not verify(key.public, transaction.suite, transaction.signature, message):
        raise keys.WrongSignature(member=transaction.body.member, key=transaction.body.key)


def _check_lasting(reading: Reading, transaction: Transaction) -> None:
    """The engine never looks again at what waits. What no block may hold any more would wait for ever, in the
    place of others: so it must be well formed as well under what comes into force soon.
    """
    coming = reading.coming(SOON_BLOCKS)
    if coming is None:
        return
    try:
        decode_strict(transaction.body_bytes, coming.body)
    except Refusal as refusal:
        raise ChangeNear(blocks=SOON_BLOCKS) from refusal


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


SOON_BLOCKS = 20
"""A full mempool is fewer blocks."""
KNOWN_MAX = 32_768
"""Names that are remembered: about 4 MB."""
FRAME_BYTES = 4
"""What a transaction of at most 262,144 bytes costs in a block besides itself: a field's tag and length."""
