"""Signatures checked ahead, in other threads: the one that executes then finds them known (rule 5).

PyNaCl lets other threads run while it computes, so that a second core checks what comes next.
"""

from collections.abc import Iterable

import msgspec

from hansa.engines.reader import Reader
from hansa.kernel import KEYS
from hansa.kernel.signatures import TRANSACTION_DOMAIN, VerifiedCache
from hansa.kernel.state import KeyUnfit
from hansa.kernel.transaction import HEAD_BYTES


class _Signer(msgspec.Struct):
    """Of a body, who signed it."""

    member: str
    key: str


_signer = msgspec.json.Decoder(_Signer)


def verify_ahead(reader: Reader, verified: VerifiedCache, wires: Iterable[bytes]) -> None:
    """Check what can be checked now. Decides nothing: whoever fails here is refused when executed, or not."""
    publics: dict[tuple[str, str], bytes] = {}
    with reader.snapshot() as view:
        ctx = view.context(view.time_ms)
        for wire in wires:
            body = wire[HEAD_BYTES:]
            try:
                by = _signer.decode(body)
                who = (by.member, by.key)
                if who not in publics:
                    key = KEYS.get(ctx, who)
                    publics[who] = b"" if key is None else key.public
            except (msgspec.MsgspecError, KeyUnfit, RecursionError, ValueError):
                continue
            if publics[who]:
                verified.verify(publics[who], wire[0], wire[1:HEAD_BYTES], TRANSACTION_DOMAIN + body)
