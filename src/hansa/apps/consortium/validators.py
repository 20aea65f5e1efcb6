"""The validator set of a network: who has a seat, with what power, and what keeps the set sound.

The engine is told by differences: `updates(before, after)` of what `powers` says before and after a block.
A key serves once. The set is never empty; whoever leaves, is suspended or expelled loses the seat.
"""

from collections.abc import Mapping, Sequence

from hansa.apps.consortium import errors_validators as errors
from hansa.apps.consortium.messages import KeyOwner
from hansa.apps.consortium.messages_validators import (
    ConsensusKey,
    ValidatorPower,
    ValidatorsChanged,
    ValidatorSeat,
)
from hansa.apps.consortium.tables import CONSENSUS_KEYS, PUBLICS, VALIDATORS
from hansa.kernel import ED25519, Context, address, is_public_key, limits, possession, replace
from hansa.kernel.state import Committed, Overlay

VALIDATOR_KEY = "validator"
"""Key id under which a consensus key proves that it is held."""
AT_FOUNDING = ""
"""In the place of the chain's id, for the proofs of a genesis file, of which that id is made."""
EQUAL_BELOW = 4
"""With fewer validators each has a third or more whatever their powers are: then all are equal."""

Powers = Mapping[bytes, int]
"""Voting power by consensus key: of the active seats."""


# For the engine. Pure.


def powers(layer: Overlay | Committed) -> dict[bytes, int]:
    """The validator set as records say it: voting power by public key. Empty: no network."""
    found: dict[bytes, int] = {}
    for _, entry in layer.rows(VALIDATORS.name, b"", b"\xff", False, VALIDATORS.decode):
        if entry is not None and entry[1].status == "active":
            found[entry[1].public] = entry[1].power
    return found


def updates(before: Powers, after: Powers) -> tuple[tuple[bytes, int], ...]:
    """What makes `after` of `before`: (public key, power), power 0 for a key that is out; by public key."""
    changed = {public: 0 for public in before if public not in after}
    changed |= {public: power for public, power in after.items() if before.get(public) != power}
    return tuple(sorted(changed.items()))


def message(chain: str, member: str, public: bytes) -> bytes:
    """What a consensus key signs to show that the member holds it."""
    return possession(chain, member, VALIDATOR_KEY, public)


# Reading.


def seats(ctx: Context) -> dict[str, ValidatorSeat]:
    """All seats by member, suspended ones too: at most VALIDATORS_MAX."""
    return {str(key[0]): seat for key, seat in VALIDATORS.scan(ctx, limit=limits.ALL_ROWS)}


def is_network(ctx: Context) -> bool:
    """Whether validators order the blocks: their set is never empty."""
    return next(VALIDATORS.scan(ctx, limit=1), None) is not None


def check_not_last(ctx: Context, member: str) -> None:
    """Raises LastValidator where the set would be empty without the member."""
    active = [name for name, seat in seats(ctx).items() if seat.status == "active"]
    if active == [member]:
        raise errors.LastValidator(member=member)


# What keeps a set sound.


def check_named_once(members: Sequence[str]) -> None:
    """Raises ValidatorsInvalid for none, too many, or a member named twice."""
    for place, member in enumerate(members):
        if place >= limits.VALIDATORS_MAX or member in members[:place]:
            raise _invalid(member)
    if not members:
        raise _invalid("")


def _invalid(member: str) -> errors.ValidatorsInvalid:
    return errors.ValidatorsInvalid(
        limit=limits.VALIDATORS_MAX, most=limits.VALIDATOR_POWER_MAX, member=member
    )


def check_powers(found: Mapping[str, int]) -> None:
    """Whether members may have these powers. Raises ValidatorsInvalid, ValidatorShare, ValidatorsUnequal.

    So no vote, and no founding, makes a set in which one member of four or more could halt the chain alone.
    """
    for member, power in found.items():
        if len(found) > limits.VALIDATORS_MAX or not 1 <= power <= limits.VALIDATOR_POWER_MAX:
            raise _invalid(member)
    total = sum(found.values())
    least = min(found.values())
    for member, power in found.items():
        if len(found) >= EQUAL_BELOW and power * 3 >= total:
            raise errors.ValidatorShare(member=member, power=power, total=total)
        if len(found) < EQUAL_BELOW and power != least:
            raise errors.ValidatorsUnequal(member=member, least=EQUAL_BELOW)


def check_key(ctx: Context, member: str, public: bytes) -> None:
    """Whether this can become a consensus key. Raises ConsensusKeyInvalid, ConsensusKeyTaken."""
    if not is_public_key(public):
        raise errors.ConsensusKeyInvalid(member=member)
    if PUBLICS.get(ctx, (public.hex(),)) is not None:
        raise errors.ConsensusKeyTaken(member=member)


def check_proof(ctx: Context, chain: str, member: str, public: bytes, proof: bytes) -> None:
    """Whether the member holds the key. Raises ConsensusProof."""
    if not ctx.verified(public, ED25519, proof, message(chain, member, public)):
        raise errors.ConsensusProof(member=member)


# Writing. Whoever calls these shows the new set once all is written.


def seat(ctx: Context, member: str, public: bytes, power: int) -> None:
    """Give a member a seat, or another key for its seat, by vote or founding; all was checked."""
    end_key(ctx, member)
    VALIDATORS.put(
        ctx,
        (member,),
        ValidatorSeat(public=public, power=power, status="active", since=ctx.height, seated=ctx.height),
    )
    begin_key(ctx, member, public)


def begin_key(ctx: Context, member: str, public: bytes) -> None:
    """A consensus key comes into force."""
    CONSENSUS_KEYS.insert(
        ctx, (address(public),), ConsensusKey(member=member, public=public, since=ctx.height)
    )
    PUBLICS.insert(ctx, (public.hex(),), KeyOwner(member=member, key=VALIDATOR_KEY))


def end_key(ctx: Context, member: str) -> None:
    """The key of a member's seat is in force no more; one that ended before stays as it ended."""
    found = VALIDATORS.get(ctx, (member,))
    if found is None or found.status != "active":
        return
    at = (address(found.public),)
    key = CONSENSUS_KEYS.get(ctx, at)
    assert key is not None
    assert not key.until
    CONSENSUS_KEYS.put(ctx, at, replace(key, until=ctx.height))


def vacate(ctx: Context, member: str, proposal: str = "") -> None:
    """A member loses its seat, if it has one; that it is not the last was checked."""
    found = VALIDATORS.get(ctx, (member,))
    if found is None:
        return
    end_key(ctx, member)
    VALIDATORS.delete(ctx, (member,))
    if found.status == "active":
        show(ctx, proposal)


def show(ctx: Context, proposal: str = "") -> None:
    """The whole set as it now is."""
    ctx.emit(ValidatorsChanged(validators=in_force(seats(ctx)), proposal=proposal))


def in_force(found: Mapping[str, ValidatorSeat]) -> tuple[ValidatorPower, ...]:
    """The active seats, by member."""
    return tuple(
        ValidatorPower(member=member, public=each.public, power=each.power)
        for member, each in sorted(found.items())
        if each.status == "active"
    )
