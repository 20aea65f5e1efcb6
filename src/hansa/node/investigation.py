"""What a follower does when a block is not what its transactions lead to: whose fault, and what differs.

Its own disk comes first. Only where all its records are still those of its last block is the operator
accused.
"""

from collections.abc import Callable

from hansa.client.case import Case, Difference, difference_text
from hansa.client.texts import Text
from hansa.engines.checking import log_root
from hansa.engines.errors import DamagedOnDisk, HistoryBroken, RecordsBroken
from hansa.engines.following import Following, Rejected
from hansa.engines.founding import found
from hansa.engines.replay import scrub
from hansa.engines.restoring import check_log
from hansa.kernel import Refusal, lthash, merkle
from hansa.kernel.evidence import SignedHeader, inclusion
from hansa.kernel.signatures import VerifiedCache
from hansa.kernel.state import Damaged
from hansa.node.casebook import Casebook
from hansa.node.difference import Shows, first_difference, in_records
from hansa.node.errors_follower import OwnDiskChanged

EVIDENCE_BYTES_MAX = 8 * 2**20
"""A block's transactions go into its case up to this size; the ledger file keeps the block as well."""


def own_trouble(following: Following) -> Refusal | None:
    """OwnDiskChanged if this node's log or records are not those of its last block. Reads all of them."""
    ledger = following.ledger
    try:
        if ledger.height:
            check_log(ledger)
            state_digest = ledger.leaf(ledger.height).state_digest
        else:
            founded = found(following.genesis_bytes, following.chain.release, VerifiedCache().verify)
            state_digest = lthash.digest(founded.state_sum)
        if log_root(ledger, ledger.height) != ledger.app_hash:
            return OwnDiskChanged()
        scrub(ledger.store, state_digest)
    except (HistoryBroken, RecordsBroken, DamagedOnDisk, Damaged):
        return OwnDiskChanged()
    return None


def investigate(
    following: Following,
    rejected: Rejected,
    operator: Shows,
    casebook: Casebook,
    accused: str,
    stop: Callable[[], bool],
) -> Case:
    """Find out what is wrong with a rejected block and keep the evidence. May ask the operator's node."""
    trouble = own_trouble(following)
    if trouble is not None:
        return own_disk(rejected.height, trouble, casebook)
    registry = following.ledger.registry
    difference = first_difference(rejected, operator, registry)
    case = _report(following, rejected, difference, casebook, accused)
    if difference.what == "state":
        # The case stands; which record it is may take long to find.
        difference = in_records(rejected, following.ledger, operator, registry, stop)
        case = _report(following, rejected, difference, casebook, accused)
    return case


def own_disk(height: int, trouble: Refusal, casebook: Casebook) -> Case:
    """This node's own disk is not what it was: it accuses nobody and cosigns nothing."""
    text = Text(f"区块 {height}：{trouble.zh}", f"Block {height}: {trouble.en}")
    return casebook.report("own_disk", height, text)


def signed_other(following: Following, rejected: Rejected, casebook: Casebook, accused: str) -> Case:
    """This node cosigned another header of the same operator at the block's height.

    Two histories where what it signed lies here under the operator's signature; else a note of it.
    """
    height = rejected.height
    text = Text(
        f"运营方在高度 {height} 出示另一部历史：本节点在该高度已会签过另一个区块头。",
        f"The operator shows another history at height {height}: this node cosigned another header there.",
    )
    kept, now = following.signed.operators(height), bare(rejected.block.header)
    if kept is None or kept.header.app_hash == now.header.app_hash:
        return casebook.report("note", height, text, f"{accused}-signed", headers=(now,))
    return casebook.report("two_histories", height, text, against=accused, headers=(kept, now))


def set_aside(following: Following, casebook: Casebook, name: str, person: str) -> None:
    """A member's word on a case: this node cosigns again, and looks anew at the block that was rejected.

    What it has signed stays known. `name`: of the case's file; `person`: who says so. Raises CaseUnknown, and
    OwnDiskChanged while this node's disk is not what it has to be.
    """
    case = casebook.get(name)
    if case.kind == "own_disk" and (trouble := own_trouble(following)) is not None:
        raise trouble
    casebook.set_aside(name, person)
    rejected = following.rejected
    if rejected is not None and rejected.height == case.height:
        following.forget_rejected()


def _report(
    following: Following, rejected: Rejected, difference: Difference, casebook: Casebook, accused: str
) -> Case:
    block = rejected.block
    small = sum(map(len, block.wires)) <= EVIDENCE_BYTES_MAX
    headers = [bare(block.header)]
    before = [following.ledger.store.node(*peak) for peak in reversed(merkle.peaks(rejected.height - 1))]
    if difference.what == "time" and rejected.height > 1:
        headers.insert(0, following.ledger.header(rejected.height - 1))
    return casebook.report(
        "difference",
        rejected.height,
        difference_text(difference),
        against=accused,
        headers=tuple(headers),
        leaf=block.leaf,
        within_log=inclusion(rejected.height - 1, rejected.height, before),
        transactions=block.wires if small else (),
        difference=difference,
    )


def bare(signed: SignedHeader) -> SignedHeader:
    """Without cosignatures: the operator's signature is what convicts."""
    return SignedHeader(header=signed.header, suite=signed.suite, signature=signed.signature)
