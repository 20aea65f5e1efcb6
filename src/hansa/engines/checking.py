"""A block from another node: executed here and compared with what its operator signed (rule 27)."""

from hansa.engines import errors
from hansa.engines.blocks import BlockData
from hansa.engines.ledger import Ledger
from hansa.engines.operators import check_after, check_before, contradicts
from hansa.engines.signed import Signed
from hansa.kernel import encode, merkle, replace
from hansa.kernel.apply import Block, BlockLeaf
from hansa.kernel.evidence import Header


def append(ledger: Ledger, block: BlockData, own: Signed) -> Header:
    """Execute the next block, compare everything, commit; returns its header.

    `own` is what this node has signed. Raises NotNext, NotByOperator, HandedOver, BlockUnfit: what came is no
    block of the operator's, and nobody's fault is shown. SignedOther if this node signed another header
    there; Differs with the first thing that is not what the transactions lead to: then nothing was done.
    Besides, MACHINE_FAULTS, Outdated, RoomMissing.
    """
    signed = block.header
    height = ledger.height + 1
    if signed.header.height != height:
        raise errors.NotNext(height=signed.header.height, expected=height)
    if signed.header.chain != ledger.chain.id:
        raise errors.NotByOperator(height=height)
    operator = check_before(ledger, signed, block.wires, own)
    if height <= own.height and contradicts(own, signed.header, operator):
        raise errors.SignedOther(height=height)
    _check_leaf(ledger, block)
    if block.leaf.time_ms < ledger.time_ms:
        _check_wires(block, merkle.root([merkle.leaf_hash(wire) for wire in block.wires]).hex())
        raise errors.Differs(height=height, what="time")
    applied = ledger.execute(Block(height, block.leaf.time_ms, block.wires))
    check_after(ledger, applied, signed)
    _check_wires(block, applied.leaf.transactions_root if applied.leaf else merkle.EMPTY_ROOT.hex())
    what = _inside(block.leaf, applied.leaf)
    if what:
        raise errors.Differs(height=height, what=what, found=applied)

    def same(header: Header) -> bytes:
        if header != signed.header:
            raise errors.Differs(height=height, what="header", found=applied)
        return encode(replace(signed, cosignatures=()))

    ledger.commit(applied, same)
    return signed.header


def _check_leaf(ledger: Ledger, block: BlockData) -> None:
    """The leaf lies under the signed header: only for what does may its signer be held to account.

    Leaf and transactions carry no signature of their own; whoever passed them on may have changed them.
    Raises BlockUnfit; DamagedOnDisk if it is this node's own log that is not what it was.
    """
    height = block.header.header.height
    if log_root(ledger, ledger.height, block.leaf) != block.header.header.app_hash:
        if log_root(ledger, ledger.height) != ledger.app_hash:
            raise errors.DamagedOnDisk(cause=f"the log of blocks up to block {ledger.height}")
        raise errors.BlockUnfit(height=height, what="leaf")


def _check_wires(block: BlockData, root: str) -> None:
    """The transactions, whose root this is, are those of the leaf. Raises BlockUnfit."""
    if root != block.leaf.transactions_root:
        raise errors.BlockUnfit(height=block.leaf.height, what="transactions")


def log_root(ledger: Ledger, size: int, leaf: BlockLeaf | None = None) -> str:
    """Root of the first `size` blocks as they lie on this disk, and of one more leaf after them."""
    if leaf is None:
        return merkle.root_of(size, ledger.store.node).hex()
    added: dict[tuple[int, int], bytes] = {}

    def node(level: int, index: int) -> bytes:
        known = added.get((level, index))
        return ledger.store.node(level, index) if known is None else known

    def put(level: int, index: int, value: bytes) -> None:
        added[level, index] = value

    return merkle.append(size, merkle.leaf_hash(encode(leaf)), node, put).hex()


def _inside(leaf: BlockLeaf, own: BlockLeaf | None) -> str:
    """The first part of the leaf that executing the transactions does not lead to, or ""."""
    if own is None:  # Nothing happens in it, so it is not in the log.
        empty = merkle.EMPTY_ROOT.hex()
        own = replace(leaf, outcomes_root=empty, events_root=empty, engine="none")
    for what, same in (
        ("outcomes", leaf.outcomes_root == own.outcomes_root),
        ("events", leaf.events_root == own.events_root),
        ("records", leaf.state_digest == own.state_digest),
        ("header", leaf == own),
    ):
        if not same:
            return what
    return ""
