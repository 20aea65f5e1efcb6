"""The validator sets of a network as whoever has the genesis file follows them, believing no list shown.

A set comes about by genesis or by the event `consortium.validators_changed`. The engine's header after the
block with the event names the set in force and the next one by their hashes, and its `app_hash` leads to the
event: so one commit by more than two thirds of the old set's power proves the new set with its members'
names. The new set votes from the header after that one on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from hansa.apps.consortium.handovers import Handover
from hansa.apps.consortium.messages import Genesis
from hansa.apps.consortium.messages_validators import ValidatorsChanged
from hansa.kernel import Refusal
from hansa.kernel.canonical import decode_strict
from hansa.kernel.commit import Count, Seat, can_stand, counted, ordered, validators_hash
from hansa.kernel.commit import FaultKind as CommitFaultKind
from hansa.kernel.evidence import SignedHeader, holds, stands_on_its_commit

FaultKind = Literal["head", "event", "order", "next"] | CommitFaultKind


class SetFault(NamedTuple):
    """What is wrong with a change of the set, or with the commit of a header."""

    kind: FaultKind
    member: str = ""
    power: int = 0
    whole: int = 0


@dataclass(frozen=True)
class ValidatorSet:
    """Who votes on blocks from the engine's height `since` on."""

    seats: tuple[Seat, ...]
    since: int = 1
    changes: int = 0
    """How often the set changed since genesis."""
    changed_at: int = 0
    """Height (of the ledger) of the block with the change; 0 for the founding set."""

    @property
    def power(self) -> int:
        return sum(seat.power for seat in self.seats)


def founding_validators(genesis: Genesis) -> ValidatorSet:
    """The set of the genesis file of a network."""
    return ValidatorSet(ordered(Seat(each.member, each.public, each.power) for each in genesis.validators))


def votes_for(head: SignedHeader, in_force: ValidatorSet, chain: str) -> Count | SetFault:
    """The votes of a set for a header of a network, or why there are none to count."""
    commit = head.commit
    if head.header.chain != chain:
        return SetFault("chain")
    if commit is None or not stands_on_its_commit(head):
        return SetFault("head")
    if commit.header.height < in_force.since:
        return SetFault("order")
    return counted(commit, in_force.seats, chain)


def first_fault(found: Count | SetFault) -> SetFault | None:
    """None where more than two thirds of the power voted for it, and nothing is false."""
    if isinstance(found, SetFault):
        return found
    if found.holds:
        return None
    kind, member = found.faults[0]
    return SetFault(kind, member, found.power, found.whole)


def set_after(chain: str, handover: Handover, before: ValidatorSet) -> ValidatorSet | SetFault:
    """The set after a change, or what is wrong with the change."""
    head, proof = handover.head, handover.event
    fault = first_fault(votes_for(head, before, chain))
    if fault is not None:
        return fault
    assert head.commit is not None
    engine = head.commit.header
    if proof.kind != "event" or proof.block.height != head.header.height or not holds(proof, head.header):
        return SetFault("event")
    try:
        changed = decode_strict(proof.item, ValidatorsChanged)
    except Refusal:
        return SetFault("event")
    seats = ordered(Seat(each.member, each.public, each.power) for each in changed.validators)
    if not can_stand(seats) or len({seat.member for seat in seats}) != len(seats):
        return SetFault("next")
    if engine.next_validators_hash != validators_hash(seats):
        return SetFault("next")
    return ValidatorSet(seats, engine.height + 1, before.changes + 1, head.header.height)


def sets_followed(genesis: Genesis, chain: str, handovers: Sequence[Handover]) -> tuple[ValidatorSet, ...]:
    """The sets since genesis as far as these changes hold, oldest first; never empty."""
    return followed_from(founding_validators(genesis), chain, handovers)


def followed_from(start: ValidatorSet, chain: str, handovers: Sequence[Handover]) -> tuple[ValidatorSet, ...]:
    """The same from a set that one knows; changes of before are let by."""
    sets = [start]
    for handover in handovers:
        if handover.head.header.height <= start.changed_at:
            continue
        found = set_after(chain, handover, sets[-1])
        if isinstance(found, SetFault):
            break
        sets.append(found)
    return tuple(sets)


def set_at(sets: Sequence[ValidatorSet], engine_height: int) -> ValidatorSet:
    """Whose votes a header of the engine stands on."""
    return next((each for each in reversed(sets) if each.since <= engine_height), sets[0])
