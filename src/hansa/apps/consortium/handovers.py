"""The sets of cosigners as whoever has the genesis file follows them, believing no list that it is shown.

A set comes about by genesis or by the event `consortium.cosigners_changed` in a block whose own header a
quorum of the set before signed. A vote's set serves from the next height on: the operator before signs that
header. A succession, by which the cosigners replace an operator that is gone or cheats, serves at the very
height of its block: the successor, which has a seat in the set before, signs that header.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from hansa.apps.consortium.messages import CosignersChanged, Genesis
from hansa.kernel import Cosigner, Refusal, Struct, encode
from hansa.kernel.canonical import decode_strict
from hansa.kernel.evidence import Proof, SignedHeader, holds, signed_by
from hansa.kernel.signatures import HEADER_DOMAIN, verify

COSIGNERS_MAX = 256
"""More than any consortium has: bounds the work that a stranger's file asks for."""

FaultKind = Literal[
    "chain",
    "operator",
    "order",
    "event",
    "too_many",
    "twice",
    "no_seat",
    "signature",
    "too_few",
    "set",
    "commit",
]


class Handover(Struct):
    """A change of the cosigners: its event, under the header of that height as the set before signed it."""

    event: Proof
    head: SignedHeader


class Fault(NamedTuple):
    """What is wrong with a handover, or with the signatures of a header."""

    kind: FaultKind
    member: str = ""
    signed: int = 0


@dataclass(frozen=True)
class InForce:
    """A set of cosigners, and the operator, under whose key headers stand from height `since` on."""

    operator: str
    public: bytes
    """The operator's key."""
    cosigners: tuple[Cosigner, ...]
    quorum: int
    since: int = 1
    changes: int = 0
    """How often the set changed since genesis."""
    succeeds: str = ""
    """The operator that the cosigners replaced without a vote."""

    @property
    def changed_at(self) -> int:
        """Height of the block that holds the change; 0 for the founding set."""
        if not self.changes:
            return 0
        return self.since if self.succeeds else self.since - 1

    def public_of(self, member: str) -> bytes:
        """The key of a member's seat; empty if it has none."""
        return next((seat.public for seat in self.cosigners if seat.member == member), b"")


def founding_set(genesis: Genesis) -> InForce:
    """The set of the genesis file; where it names none, the operator alone."""
    alone = (Cosigner(member=genesis.operator, public=genesis.node_public),)
    return InForce(genesis.operator, genesis.node_public, genesis.cosigners or alone, genesis.quorum or 1)


def set_of(changed: CosignersChanged, changes: int = 0) -> InForce | None:
    """The set that an event announces; None if it cannot stand."""
    members = {cosigner.member: cosigner.public for cosigner in changed.cosigners}
    whole = (
        0 < changed.quorum <= len(changed.cosigners) <= COSIGNERS_MAX
        and len(members) == len({*members.values()}) == len(changed.cosigners)
        and changed.operator in members
    )
    if not whole:
        return None
    public = members[changed.operator]
    return InForce(
        changed.operator,
        public,
        changed.cosigners,
        changed.quorum,
        changed.since,
        changes,
        changed.succeeds,
    )


def counted(head: SignedHeader, in_force: InForce) -> tuple[list[str], list[Fault]]:
    """Members of the set of whom the header bears a true signature, and what is wrong with its signatures.

    The operator's own signature counts for the cosigner with its key. Nothing that is not a true signature
    of exactly one cosigner is let pass, even where the others are enough.
    """
    keys = {cosigner.member: cosigner.public for cosigner in in_force.cosigners}
    message = HEADER_DOMAIN + encode(head.header)
    given: set[str] = set()
    signed: set[str] = set()
    faults: list[Fault] = []
    if len(head.cosignatures) > COSIGNERS_MAX:
        return [], [Fault("too_many")]
    if head.commit is not None or head.tip is not None:
        return [], [Fault("commit")]
    for cosignature in head.cosignatures:
        member = cosignature.member
        if member in given:
            faults.append(Fault("twice", member))
        elif member not in keys:
            faults.append(Fault("no_seat", member))
        elif not verify(cosignature.suite, keys[member], cosignature.signature, message):
            faults.append(Fault("signature", member))
        else:
            signed.add(member)
        given.add(member)
    if signed_by(head, in_force.public):
        signed |= {member for member, public in keys.items() if public == in_force.public}
    return [member for member in keys if member in signed], faults


def handed_over(chain: str, height: int, handover: Handover, before: InForce) -> InForce | Fault:
    """The set after a change, for a header of `height`; or what is wrong with the change."""
    header, proof = handover.head.header, handover.event
    if header.chain != chain:
        return Fault("chain")
    if proof.kind != "event" or proof.block.height != header.height or not holds(proof, header):
        return Fault("event")
    try:
        changed = decode_strict(proof.item, CosignersChanged)
    except Refusal:
        return Fault("event")
    after = set_of(changed, before.changes + 1)
    if after is None or after.changed_at != header.height:
        return Fault("set")
    if after.succeeds and not _succeeds(after, before):
        return Fault("set")
    signers = after if after.succeeds else before
    if not signed_by(handover.head, signers.public):
        return Fault("operator")
    if not before.since <= header.height or after.since > height:
        return Fault("order")
    signed, faults = counted(handover.head, signers)
    if faults:
        return faults[0]
    if len(signed) < before.quorum:
        return Fault("too_few", signed=len(signed))
    return after


def _succeeds(after: InForce, before: InForce) -> bool:
    """Whether only the operator is another, one of the same cosigners."""
    same = (after.cosigners, after.quorum) == (before.cosigners, before.quorum)
    return same and after.succeeds == before.operator != after.operator


def followed(genesis: Genesis, chain: str, height: int, handovers: Sequence[Handover]) -> InForce:
    """The set in force at a height by genesis and these handovers, as far as they hold, in order."""
    current = founding_set(genesis)
    for handover in handovers:
        found = handed_over(chain, height, handover, current)
        if isinstance(found, Fault):
            break
        current = found
    return current
