"""Validators of a network: whose nodes vote on blocks, with what power and by which keys (rule 28).

Heights are those of the ledger; what the engine says of a fault has engine heights.
"""

from typing import Literal

from hansa.kernel import (
    Action,
    Address,
    Event,
    Fault,
    MemberId,
    Natural,
    OptionalId,
    Positive,
    Record,
    Struct,
    TimeMs,
)

SeatStatus = Literal["active", "suspended"]
"""suspended: its key was proved to have signed twice. It has no power until a vote gives it a fresh key."""


class ValidatorSeat(Record, version=1, readers="members", retention="for ever"):
    """A member's seat among the validators; no record: it has none."""

    public: bytes
    """Consensus key, Ed25519."""
    power: Positive
    """Voting power; it counts only while the seat is active."""
    status: SeatStatus
    since: Natural
    """Height of the block that gave it this key; 0: the founding."""
    seated: Natural
    """Height of the block of the newest vote that gave it a key; 0: the founding."""
    rotated_ms: TimeMs = 0
    """When the member itself last changed the key; 0: not since it was seated."""


class ConsensusKey(Record, version=1, readers="members", retention="for ever"):
    """A consensus key that is or was in force. None serves twice."""

    member: MemberId
    public: bytes
    since: Natural
    until: Natural = 0
    """Height of the block that ended it; 0: in force. The engine goes on with it for two blocks more."""
    fault: Fault | None = None
    """The first proof that it signed twice."""


class ValidatorPower(Struct):
    """A validator of the set in force."""

    member: MemberId
    public: bytes
    power: Positive


class ListedValidator(Struct):
    """A seat, for people and programs."""

    member: MemberId
    address: Address
    public: bytes
    power: Natural
    """What counts now: 0 while it is suspended."""
    status: SeatStatus
    since: Natural
    fault: Fault | None = None


class ListedKey(Struct):
    """A consensus key of any time."""

    address: Address
    key: ConsensusKey


class RotateConsensusKey(Action, tag="consortium.rotate_consensus_key"):
    """A validator's member puts another consensus key in the place of its own; its power stays."""

    public: bytes
    proof: bytes
    """Of the new key over `signatures.possession(chain, member, "validator", public)`."""


class Tick(Action, tag="consortium.tick"):
    """A node wakes due work on a network that rests (rule 17): its block does that work first."""


class ValidatorsChanged(Event, tag="consortium.validators_changed"):
    """The whole new set, by member. The engine goes by it two of its blocks later."""

    validators: tuple[ValidatorPower, ...]
    proposal: OptionalId = ""
    """The vote that did it, if one did."""


class DoubleSigned(Event, tag="consortium.double_signed"):
    """A consensus key was proved to have signed twice. Later proofs against the same key add nothing."""

    member: MemberId
    public: bytes
    fault: Fault
    suspended: bool = False
    """Whether it cost the member its power: not where the key was replaced by a vote, or is the last one."""
