"""Proposals and votes: one member one vote, decided once the outcome cannot change. Times are ms, UTC."""

from typing import Literal

from hansa.apps.consortium.messages import Company, NewKey, Registration
from hansa.kernel import (
    Action,
    BasisPoints,
    Event,
    Id,
    KeyId,
    MemberId,
    Natural,
    OptionalHash,
    OptionalId,
    Positive,
    Record,
    RegisteredName,
    RoomPin,
    Struct,
    TimeMs,
)


class OfferedKey(Struct):
    """The consensus key of a company whose node is to vote on blocks."""

    public: bytes
    proof: bytes
    """Of that key over `signatures.possession(chain, member, "validator", public)`."""


class Card(Struct):
    """What a company that wants to join gives the consortium."""

    member: MemberId
    """The id it asks for; ids are never used again."""
    company: Company
    keys: tuple[NewKey, ...]
    """Its first keys, a recovery key among them if it wants one; the first of them signs the card."""
    valid_until_ms: TimeMs
    """By when it must be admitted: no old card is ever drawn."""
    charter_sha256: OptionalHash = ""
    """The charter it accepts: the consortium's."""
    validator: OfferedKey | None = None
    """On a network: its node becomes a validator by the same vote, with the least power of them."""


class Seat(Struct):
    """A cosigner as it is proposed."""

    member: MemberId
    public: bytes
    proof: bytes = b""
    """Signature of the cosigner's key over `signatures.possession(chain, member, "cosigner", public)`; none
    for a seat that stays as it is."""


class ProposedValidator(Struct):
    """A seat among the validators as it is proposed."""

    member: MemberId
    power: Natural
    """Voting power; 0: it loses its seat."""
    public: bytes = b""
    """A fresh consensus key; empty: the one that it has stays."""
    proof: bytes = b""
    """As of OfferedKey."""


# What can be voted on. `Subject` carries its kind in `_type`.


class Subject(Struct, tag_field="_type"):
    """What a proposal would do."""


class Admit(Subject, tag="admit"):
    """A company joins."""

    card: Card
    signature: bytes
    """Of the card's first key over cards.message(chain, card): nobody is admitted unasked."""


class Suspend(Subject, tag="suspend"):
    """A member enters nothing new and votes no more, until it is reinstated; its obligations go on."""

    member: MemberId


class Reinstate(Subject, tag="reinstate"):
    """A suspended member is active again."""

    member: MemberId


class Expel(Subject, tag="expel"):
    """A member is made to leave."""

    member: MemberId


class Amend(Subject, tag="amend"):
    """A member's registered names or number change: a new legal name, a merger."""

    member: MemberId
    name_zh: RegisteredName
    name_en: RegisteredName
    registration: Registration


class RecoverMember(Subject, tag="recover"):
    """New keys for a member that lost all of its own; after a notice, and by two voters at least."""

    member: MemberId
    revoke: tuple[KeyId, ...]
    keys: tuple[NewKey, ...]


class SetCosigners(Subject, tag="cosigners"):
    """Another set of cosigners, or another operator."""

    seats: tuple[Seat, ...]
    quorum: Positive
    operator: OptionalId = ""
    """Empty: it stays."""


class SetValidators(Subject, tag="validators"):
    """Seats among a network's validators: new, with another key or power, or gone. Others stay."""

    seats: tuple[ProposedValidator, ...]


class SetParameter(Subject, tag="parameter"):
    name: Id
    value: Natural


class ActivateRules(Subject, tag="rules"):
    """The next version of the rules comes into force."""

    version: Positive
    height: Natural = 0
    """From this height on; 0: once the notice of parameter `rules_notice_blocks` has passed."""


class ActivateRoom(Subject, tag="room"):
    """A room from outside the release comes into force, or another version of it."""

    room: RoomPin
    height: Natural = 0
    """As for rules, with `room_notice_blocks`."""


class DeactivateRoom(Subject, tag="room_off"):
    """A room from outside is in force no more; what it recorded stays."""

    name: Id
    height: Natural = 0


AnySubject = (
    Admit
    | Suspend
    | Reinstate
    | Expel
    | Amend
    | RecoverMember
    | SetCosigners
    | SetValidators
    | SetParameter
    | ActivateRules
    | ActivateRoom
    | DeactivateRoom
)
ProposalState = Literal[
    "open", "notice", "adopted", "rejected", "failed", "withdrawn", "expired", "objected"
]  # fmt: skip
"""notice: decided, and comes into force when its notice is over. objected: by the member that it is about.
failed: adopted, but what it would have done was no longer possible; `code` says why."""


class Proposal(Record, version=1, readers="members", retention="for ever"):
    proposer: MemberId
    subject: AnySubject
    proposed_ms: TimeMs
    deadline_ms: TimeMs
    """No vote counts at or after it."""
    threshold_bp: BasisPoints
    """Adopted when yes ÷ voters reaches it; as it stood when this was proposed."""
    state: ProposalState
    code: OptionalId = ""
    yes: Natural = 0
    no: Natural = 0
    voters: Natural = 0
    """Counted at the newest vote: members active then, without the one it is about."""
    effective_ms: TimeMs = 0
    """When its notice is over; 0: it had none."""
    ended_ms: TimeMs = 0


class Ballot(Record, version=1, readers="members", retention="for ever"):
    """A member's vote, for ever."""

    yes: bool
    key: KeyId
    at_ms: TimeMs


class OpenProposal(Record, version=1, readers="members", retention="business"):
    """A member's proposal that has not ended."""

    deadline_ms: TimeMs


class Propose(Action, tag="consortium.propose"):
    """Put something to the vote. Ids are the proposer's choice and never used again. It is no vote itself."""

    proposal: Id
    subject: AnySubject


class Vote(Action, tag="consortium.vote"):
    """One member, one vote, never changed. The one that decides also carries out what is adopted."""

    proposal: Id
    yes: bool


class Withdraw(Action, tag="consortium.withdraw"):
    """The proposer takes an open proposal back."""

    proposal: Id


class Object(Action, tag="consortium.object"):
    """The member that a proposal is about ends it, while it has no effect yet: by any key of this scope.

    A recovery, at any time before it comes into force; suspending or expelling, where a single vote decided.
    """

    proposal: Id


class ProposalMade(Event, tag="consortium.proposal_made"):
    proposal: Id
    proposer: MemberId
    subject: AnySubject
    deadline_ms: TimeMs
    threshold_bp: BasisPoints


class VoteCast(Event, tag="consortium.vote_cast"):
    proposal: Id
    member: MemberId
    key: KeyId
    yes: bool


class ProposalAnnounced(Event, tag="consortium.proposal_announced"):
    """Decided; it comes into force at `effective_ms`, unless the member that it is about objects."""

    proposal: Id
    member: MemberId
    effective_ms: TimeMs


class Objected(Event, tag="consortium.objected"):
    proposal: Id
    member: MemberId
    key: KeyId


class ProposalEnded(Event, tag="consortium.proposal_ended"):
    proposal: Id
    state: ProposalState
    code: OptionalId = ""
    """Why it failed: the code of the refusal."""
    yes: Natural = 0
    no: Natural = 0
    voters: Natural = 0


class ActivationScheduled(Event, tag="consortium.activation_scheduled"):
    """What will be in force from a height on (rule 13): a node without it stops before."""

    height: Positive
    rules: Positive
    rooms: tuple[RoomPin, ...]
    proposal: Id


class ListedProposal(Struct):
    """A proposal with its id."""

    id: Id
    proposal: Proposal


class CastBallot(Struct):
    """A vote and whose it is."""

    member: MemberId
    ballot: Ballot
