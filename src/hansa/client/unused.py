"""Which sequence numbers of a key are unused for good, proved (rule 6): on a network no node is asked for its
word that it does not know a transaction, since one that lies would have an effect doubled.

The key's window is attested in a transaction of its own. Bytes whose number is not marked in a window that
stood once the ledger's time had passed their `valid_until_ms` can never take effect. Nor can those whose
number other bytes of the key are proved to have used: two programs had it, or a host told an old number.
"""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from hansa.apps.consortium.errors import RecordUnknown
from hansa.apps.consortium.messages import Attest
from hansa.client.asking import answered
from hansa.client.outbox_states import uses_its_number
from hansa.client.validators import AWAY, Call, Calls, Validators
from hansa.kernel import Attested, limits
from hansa.kernel.canonical import decode, decode_strict
from hansa.kernel.evidence import Proof, holds
from hansa.kernel.keys import WINDOWS
from hansa.kernel.messages import Outcome, Receipt, Window
from hansa.kernel.refusal import Refusal
from hansa.kernel.transaction import HEAD_BYTES, identity
from hansa.kernel.types import Positive

EVENTS_PER_PAGE = 1_000
PAGES_MAX = 100
"""Of a block: a host that goes on and on shows nothing."""
LISTED_MAX = 1_000
"""A key's newest transactions, about as many as its window has numbers."""


class Shown(NamedTuple):
    """The window of a key as a block left it."""

    time_ms: int
    window: Window

    def unused(self, sequence: int, valid_until_ms: int) -> bool | None:
        """Whether bytes with this number can never count; None where this does not say it."""
        if self.time_ms < valid_until_ms:
            return None
        back = self.window.highest - sequence
        if back < 0:
            return True
        if back >= limits.WINDOW_WIDTH:
            return None
        return not int.from_bytes(self.window.used, "big") >> back & 1


def wanted(member: str, key: str) -> Attest:
    """What has the window of a key shown, alone in its transaction."""
    return Attest(table=WINDOWS.name, key=(member, key))


def shown(validators: Validators, url: str, member: str, key: str, receipt: Receipt) -> Calls[Shown | None]:
    """The window that a transaction had shown, proved under a header; None where it is not.

    A key that never signed has no window: that the transaction was refused for it is proved alike. The
    block's time is that of its leaf. Raises a Refusal where the node is away, or lies about its head.
    """
    head = validators.trust.head
    if head is None or head.header.height < receipt.height:
        head = yield from validators.newest(url, receipt.height)
    under = head.header.height
    try:
        if receipt.code != "ok":
            proof = yield Call("prove", ("outcome", receipt.height, receipt.index, under))
            outcome = decode_strict(proof.item, Outcome)
            refused = (outcome.transaction, outcome.code) == (receipt.transaction, RecordUnknown.code)
            return Shown(proof.block.time_ms, Window()) if refused and holds(proof, head.header) else None
        place = (receipt.height, -1)
        for _ in range(PAGES_MAX):
            page = yield Call("events_after", (*place, EVENTS_PER_PAGE))
            here = [(index, data) for height, index, data in page if height == receipt.height]
            for index, data in here:
                if _window(data, member, key) is None:
                    continue
                proof = yield Call("prove", ("event", receipt.height, index, under))
                window = _window(proof.item, member, key)  # What is proved counts, not what was told.
                if window is None or not holds(proof, head.header):
                    return None
                return Shown(proof.block.time_ms, window)
            if len(here) < EVENTS_PER_PAGE:
                return None
            place = (receipt.height, here[-1][0])
        return None
    except AWAY:
        raise
    except Refusal:
        return None


def _window(event: bytes, member: str, key: str) -> Window | None:
    """The window of this key, if that is what an event shows."""
    if not event.startswith(b'{"_type":"kernel.attested"'):
        return None
    attested = decode(event, Attested)
    if (attested.table, attested.key) != (WINDOWS.name, (member, key)):
        return None
    return decode_strict(attested.record, Window)


class _Listed(msgspec.Struct):
    transaction: str
    height: Positive
    index: int
    sequence: int
    code: str


class _List(msgspec.Struct):
    transactions: tuple[_Listed, ...]


class _Body(msgspec.Struct):
    member: str
    key: str
    sequence: int


def spent(validators: Validators, url: str, member: str, key: str, own: Mapping[int, str]) -> Calls[set[int]]:
    """Which of these numbers other bytes used, proved. `own`: the number and identity of one's own bytes.

    The node's list says where to look, nothing else. Raises a Refusal where the node is away, or lies about
    its head.
    """
    found: set[int] = set()
    asked = (("member", member), ("key", key), ("limit", str(LISTED_MAX)))
    try:
        listed = answered(url, (yield Call("get", ("/v1/transactions", asked))), _List).transactions
        others = {  # One for each number: that is where the node says it was used.
            one.sequence: one
            for one in listed
            if own.get(one.sequence, one.transaction) != one.transaction and uses_its_number(one.code)
        }
        for one in others.values():
            head = validators.trust.head
            if head is None or head.header.height < one.height:
                head = yield from validators.newest(url, one.height)
            place = (one.height, one.index, head.header.height)
            wire: bytes = (yield Call("prove", ("transaction", *place))).item
            proof: Proof = yield Call("prove", ("outcome", *place))
            body, outcome = answered(url, wire[HEAD_BYTES:], _Body), decode_strict(proof.item, Outcome)
            same = (body.member, body.key, body.sequence) == (member, key, one.sequence)
            other = identity(wire) == outcome.transaction != own[one.sequence]
            if same and other and uses_its_number(outcome.code) and holds(proof, head.header):
                found.add(one.sequence)
    except AWAY:
        raise
    except Refusal:
        return found
    return found
