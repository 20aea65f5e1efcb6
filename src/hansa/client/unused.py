"""Which sequence numbers of a key are unused for good, proved (rule 6): on a network no node is asked for its
word that it does not know a transaction, since one that lies would have an effect doubled.

The key's window is attested in a transaction of its own. Bytes whose number is not marked in a window that
stood once the ledger's time had passed their `valid_until_ms` can never take effect.
"""

from collections.abc import Sequence
from typing import NamedTuple

from hansa.apps.consortium.messages import Attest
from hansa.client.validators import AWAY, Call, Calls, Validators
from hansa.kernel import Attested, limits
from hansa.kernel.canonical import decode, decode_strict
from hansa.kernel.evidence import holds
from hansa.kernel.keys import WINDOWS
from hansa.kernel.messages import Receipt, Window
from hansa.kernel.refusal import Refusal

EVENTS_PER_PAGE = 1_000


class Windows(NamedTuple):
    """The windows of a member's keys as a block left them."""

    time_ms: int
    by_key: dict[str, Window]

    def unused(self, key: str, sequence: int, valid_until_ms: int) -> bool | None:
        """Whether bytes with this number can never count; None where this does not say it."""
        window = self.by_key.get(key)
        if window is None or self.time_ms < valid_until_ms:
            return None
        back = window.highest - sequence
        if back < 0:
            return True
        if back >= limits.WINDOW_WIDTH:
            return None
        return not int.from_bytes(window.used, "big") >> back & 1


def wanted(member: str, keys: Sequence[str]) -> tuple[Attest, ...]:
    """What has the windows of keys shown."""
    return tuple(Attest(table=WINDOWS.name, key=(member, key)) for key in dict.fromkeys(keys))


def shown(validators: Validators, url: str, member: str, receipt: Receipt) -> Calls[Windows | None]:
    """The windows that a transaction had shown, proved under a header; None where they are not.

    The block's time is that of its leaf. Raises a Refusal where the node is away, or lies about its head.
    """
    head = validators.trust.head
    if head is None or head.header.height < receipt.height:
        head = yield from validators.newest(url, receipt.height)
    found: dict[str, Window] = {}
    time_ms, place = 0, (receipt.height, -1)
    try:
        while True:
            page = yield Call("events_after", (*place, EVENTS_PER_PAGE))
            here = [(index, data) for height, index, data in page if height == receipt.height]
            for index, data in here:
                if not data.startswith(b'{"_type":"kernel.attested"'):
                    continue
                attested = decode(data, Attested)
                if attested.table != WINDOWS.name or attested.key[:1] != (member,):
                    continue
                proof = yield Call("prove", ("event", receipt.height, index, head.header.height))
                sound = (proof.kind, proof.item) == ("event", data) and holds(proof, head.header)
                if not sound or proof.block.height != receipt.height:
                    return None
                found[attested.key[1]] = decode_strict(attested.record, Window)
                time_ms = proof.block.time_ms
            if len(here) < EVENTS_PER_PAGE:
                return Windows(time_ms, found) if found else None
            place = (receipt.height, here[-1][0])
    except AWAY:
        raise
    except (Refusal, IndexError):
        return None
