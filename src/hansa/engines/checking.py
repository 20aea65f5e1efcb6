"""A block from another node: executed here and compared with what its operator signed (rule 27)."""

from hansa.engines import errors
from hansa.engines.blocks import BlockData
from hansa.engines.ledger import Ledger
from hansa.engines.signed import Signed
from hansa.kernel import encode, merkle, replace
from hansa.kernel.apply import Block, BlockLeaf
from hansa.kernel.evidence import Header, signed_by


def append(ledger: Ledger, block: BlockData, own: Signed) -> Header:
    """Execute the next block, compare everything, commit; returns its header.

    `own` is what this node has signed. Raises NotNext, NotByOperator; SignedOther if this node signed another
    header there; Differs with the first thing that is not what the transactions lead to: then nothing was
    done. Besides, MACHINE_FAULTS, Outdated, RoomMissing.
    """
    signed = block.header
    height = ledger.height + 1
    if signed.header.height != height:
        raise errors.NotNext(height=signed.header.height, expected=height)
    if not signed_by(signed, ledger.operator_key(height)):
        raise errors.NotByOperator(height=height)
    if height <= own.height and not own.allows(signed.header):
        raise errors.SignedOther(height=height)
    if block.leaf.time_ms < ledger.time_ms:
        raise errors.Differs(height=height, what="time")
    applied = ledger.execute(Block(height, block.leaf.time_ms, block.wires))
    what = _inside(block.leaf, applied.leaf)
    if what:
        raise errors.Differs(height=height, what=what, found=applied)

    def same(header: Header) -> bytes:
        if header != signed.header:
            raise errors.Differs(height=height, what="header", found=applied)
        return encode(replace(signed, cosignatures=()))

    ledger.commit(applied, block.wires, same)
    return signed.header


def _inside(leaf: BlockLeaf, own: BlockLeaf | None) -> str:
    """The first part of the leaf that executing the transactions does not lead to, or ""."""
    if own is None:  # Nothing happens in it, so it is not in the log.
        empty = merkle.EMPTY_ROOT.hex()
        own = replace(leaf, transactions_root=empty, outcomes_root=empty, events_root=empty, engine="none")
    for what, same in (
        ("transactions", leaf.transactions_root == own.transactions_root),
        ("outcomes", leaf.outcomes_root == own.outcomes_root),
        ("events", leaf.events_root == own.events_root),
        ("records", leaf.state_digest == own.state_digest),
        ("header", leaf == own),
    ):
        if not same:
            return what
    return ""
