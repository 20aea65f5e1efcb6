"""Signatures of waiting transactions, checked on several threads before the engine asks for them.

What holds goes into the chain's cache of verified signatures (rule 5), where the engine finds it. Whether the
key may act is the engine's to say: here only rubbish falls, at the price of one check.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from hansa.kernel.apply import Verify
from hansa.kernel.keys import WrongSignature
from hansa.kernel.messages import Receipt
from hansa.kernel.signatures import TRANSACTION_DOMAIN
from hansa.kernel.transaction import HEAD_BYTES, identity
from hansa.node import limits
from hansa.node.wires import NOBODY, Claim, claim

Publics = Callable[[Claim], bytes | None]
"""The public key that the ledger holds under a claim's name, or None."""


class Checking:
    """Checks for one chain. `verify` is the chain's, with its cache; the writer's thread asks `publics`."""

    def __init__(self, verify: Verify, publics: Publics, threads: int) -> None:
        self._verify, self._publics = verify, publics
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="checks")
        self._known: OrderedDict[Claim, bytes] = OrderedDict()

    def known(self, own: Claim) -> Claim:
        """The claim, if it names a key met before; else NOBODY: only keys of the ledger get turns."""
        return own if own in self._known else NOBODY

    def check(self, claims: dict[bytes, Claim]) -> dict[bytes, Receipt]:
        """Check all; returns receipts for those whose signature is wrong."""
        work = [
            (wire, public) for wire, own in claims.items() if (public := self._public(wire, own)) is not None
        ]
        if len(work) <= limits.CHECK_CHUNK:
            parts = [self._check_some(work)]
        else:
            chunks = [work[at : at + limits.CHECK_CHUNK] for at in range(0, len(work), limits.CHECK_CHUNK)]
            parts = list(self._pool.map(self._check_some, chunks))
        return {wire: _refused(wire) for part in parts for wire in part}

    def close(self) -> None:
        self._pool.shutdown(wait=False)

    def _public(self, wire: bytes, own: Claim) -> bytes | None:
        """The key to check a wire by. What the cache knows costs nothing; the rest is asked of the ledger."""
        found = self._known.get(own)
        if found is None:
            named = own if own is not NOBODY else claim(wire)
            found = self._known.get(named) or self._publics(named)
            if found is not None:
                self._known[named] = found
                if len(self._known) > limits.KNOWN_KEYS_MAX:
                    self._known.popitem(last=False)
        return found

    def _check_some(self, work: Sequence[tuple[bytes, bytes]]) -> list[bytes]:
        """The wires whose signature does not hold."""
        verify = self._verify
        return [
            wire
            for wire, public in work
            if not verify(public, wire[0], wire[1:HEAD_BYTES], TRANSACTION_DOMAIN + wire[HEAD_BYTES:])
        ]


def _refused(wire: bytes) -> Receipt:
    own = claim(wire)
    refusal = WrongSignature(member=own.member, key=own.key)
    return Receipt(
        transaction=identity(wire), code=refusal.code, field=refusal.field, zh=refusal.zh, en=refusal.en
    )
