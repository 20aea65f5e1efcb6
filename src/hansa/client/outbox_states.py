"""Where a receipt leaves an entry of the outbox."""

from hansa.client.outbox_file import Entry, State
from hansa.kernel.apply import BlockFull
from hansa.kernel.keys import (
    REFUSED_WHEN_KNOWN,
    Expired,
    OutOfScope,
    Replayed,
    SequenceAhead,
    UnknownKey,
    ValidTooLong,
    WrongSignature,
)
from hansa.kernel.messages import Receipt

UNDECIDED = frozenset(kind.code for kind in (SequenceAhead, Replayed, BlockFull))
"""Outcomes that are none: the same bytes may still count, or their entry is signed anew."""
TRACELESS = UNDECIDED | {kind.code for kind in (UnknownKey, WrongSignature, *REFUSED_WHEN_KNOWN)}
"""Outcomes that use no sequence number, also where a block of a network holds them (rule 6): maybe of a copy
of what counted before. So they decide nothing, proved or not.
"""


def uses_its_number(code: str) -> bool:
    """Whether bytes with this outcome used up their sequence number, so that no others with it ever count."""
    return code in ("ok", Expired.code, ValidTooLong.code, OutOfScope.code) or not code.startswith("kernel.")


def state_of_passed(entry: Entry, found: Receipt | None) -> State:
    """What becomes of bytes that can take no effect any more, unless they are on the ledger."""
    if found is not None:
        return "queued" if found.code in UNDECIDED else state_after(found)
    return "refused" if refused_so_far(entry) is not None else "queued"


def refused_so_far(entry: Entry) -> Receipt | None:
    """The refusal that a node gave to bytes that may still count: it used no sequence number, so nothing but
    the ledger's time rules out that they are sent again.
    """
    receipt = entry.receipt
    passing = receipt is None or receipt.code in {*UNDECIDED, Expired.code, "ok"}
    return None if passing or entry.state != "signed" else receipt


def state_after(receipt: Receipt) -> State:
    """Where a receipt leaves its entry."""
    if receipt.code == "ok":
        return "done"
    if not receipt.height or receipt.code in TRACELESS:
        return "signed"
    if receipt.code == Expired.code:
        return "queued"  # Its sequence is used up without effect: it can be signed anew.
    return "refused"
