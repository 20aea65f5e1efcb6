"""How the validator set changes: by founding, vote, rotation by the member, proven double signing."""

from collections.abc import Mapping, Sequence

from hansa.apps.consortium import errors_validators as errors
from hansa.apps.consortium import validators
from hansa.apps.consortium.members import is_active
from hansa.apps.consortium.messages import Genesis
from hansa.apps.consortium.messages_validators import (
    ConsensusKey,
    DoubleSigned,
    RotateConsensusKey,
    Tick,
    ValidatorSeat,
)
from hansa.apps.consortium.messages_votes import ProposedValidator
from hansa.apps.consortium.tables import CONSENSUS_KEYS, VALIDATORS
from hansa.kernel import Context, Fault, limits, replace, since


def found_validators(ctx: Context, genesis: Genesis) -> None:
    """Lay down the set of a genesis file. That its members are founders, the caller knows."""
    validators.check_named_once([each.member for each in genesis.validators])
    validators.check_powers({each.member: each.power for each in genesis.validators})
    for each in genesis.validators:
        validators.check_key(ctx, each.member, each.public)
        validators.check_proof(ctx, validators.AT_FOUNDING, each.member, each.public, each.proof)
        validators.seat(ctx, each.member, each.public, each.power)


# By vote.


def check_seats(ctx: Context, seats: Sequence[ProposedValidator], joining: str = "") -> None:
    """Whether a vote can seat these; who is not named stays as it is. `joining`: a member as yet to come.

    Cheapest first; the signatures cost most.
    """
    if not validators.is_network(ctx):
        raise errors.NotANetwork()
    validators.check_named_once([each.member for each in seats])
    now = validators.seats(ctx)
    for each in seats:
        _check_seat(ctx, now, each, joining)
    left = {member: seat for member, seat in now.items() if all(member != each.member for each in seats)}
    after = {member: seat.power for member, seat in left.items() if seat.status == "active"}
    after |= {each.member: each.power for each in seats if each.power}
    if not after:
        raise errors.LastValidator(member=seats[0].member)
    if len(left) + sum(1 for each in seats if each.power) > limits.VALIDATORS_MAX:
        raise errors.ValidatorsInvalid(
            limit=limits.VALIDATORS_MAX, most=limits.VALIDATOR_POWER_MAX, member=seats[-1].member
        )
    if all(_stays(now, each) for each in seats):
        raise errors.ValidatorsUnchanged()
    _check_fresh(seats, sum(after.values()))
    validators.check_powers(after)
    for each in seats:
        if each.public:
            validators.check_proof(ctx, ctx.chain, each.member, each.public, each.proof)


def _check_seat(
    ctx: Context, now: Mapping[str, ValidatorSeat], each: ProposedValidator, joining: str
) -> None:
    present = now.get(each.member)
    if each.power == 0:
        if present is None or each.public:
            raise errors.ValidatorUnknown(member=each.member)
        return
    if each.member != joining and not is_active(ctx, each.member):
        raise errors.ValidatorsInvalid(
            limit=limits.VALIDATORS_MAX, most=limits.VALIDATOR_POWER_MAX, member=each.member
        )
    if each.public:
        validators.check_key(ctx, each.member, each.public)
    elif present is None or present.status != "active":
        raise errors.ValidatorUnknown(member=each.member)


def _stays(now: Mapping[str, ValidatorSeat], each: ProposedValidator) -> bool:
    present = now.get(each.member)
    return present is not None and present.power == each.power and not each.public


def _check_fresh(seats: Sequence[ProposedValidator], total: int) -> None:
    """A single new key is always let in; several have less than a third, should none of their nodes be up.

    Two seats with one key: the second finds it taken when it is written, so it is asked here.
    """
    fresh = [each for each in seats if each.public]
    for place, each in enumerate(fresh):
        if any(each.public == other.public for other in fresh[:place]):
            raise errors.ConsensusKeyTaken(member=each.member)
    if len(fresh) > 1 and sum(each.power for each in fresh) * 3 >= total:
        raise errors.ValidatorsFresh(count=len(fresh))


def set_seats(ctx: Context, seats: Sequence[ProposedValidator], proposal: str) -> None:
    """Write what `check_seats` let pass, and show the set where its powers change."""
    before = validators.in_force(validators.seats(ctx))
    for each in seats:
        present = VALIDATORS.get(ctx, (each.member,))
        if each.public:
            validators.seat(ctx, each.member, each.public, each.power)
        elif each.power:
            assert present is not None
            VALIDATORS.put(ctx, (each.member,), replace(present, power=each.power))
        else:
            validators.end_key(ctx, each.member)
            VALIDATORS.delete(ctx, (each.member,))
    if validators.in_force(validators.seats(ctx)) != before:
        validators.show(ctx, proposal)


def joining_seat(ctx: Context, member: str, public: bytes, proof: bytes) -> ProposedValidator:
    """The seat that a card asks for: with the least power of the active ones, so that nobody gains by it."""
    active = [seat.power for seat in validators.seats(ctx).values() if seat.status == "active"]
    return ProposedValidator(member=member, power=min(active, default=1), public=public, proof=proof)


# By the member itself.


@since(2)
def rotate_consensus_key(ctx: Context, a: RotateConsensusKey) -> None:
    # Checks, cheapest first.
    present = VALIDATORS.get(ctx, (ctx.member,))
    if present is None or present.status != "active":
        raise errors.ValidatorUnknown(member=ctx.member)
    if present.rotated_ms and ctx.time_ms < present.rotated_ms + limits.ROTATION_APART_MS:
        raise errors.RotationTooSoon(member=ctx.member, hours=limits.ROTATION_APART_MS // limits.HOUR_MS)
    validators.check_key(ctx, ctx.member, a.public)
    validators.check_proof(ctx, ctx.chain, ctx.member, a.public, a.proof)

    # Writes. Since when it is seated stays: a proof against an older key of this seat still counts.
    validators.end_key(ctx, ctx.member)
    VALIDATORS.put(
        ctx, (ctx.member,), replace(present, public=a.public, since=ctx.height, rotated_ms=ctx.time_ms)
    )
    validators.begin_key(ctx, ctx.member, a.public)

    # Events.
    validators.show(ctx)


# By proof.


@since(2)
def accuse(ctx: Context, fault: Fault) -> None:
    """The engine found that a consensus key signed twice: the seat has no power from here on.

    The first proof against a key counts, later ones add nothing. A member that rotated since does not escape;
    one that a vote seated since with a fresh key has answered for it. The last active seat keeps its power:
    an empty set makes no block, and nobody could vote any more.
    """
    at = (fault.address,)
    key = CONSENSUS_KEYS.get(ctx, at)
    if key is None:
        raise errors.AddressUnknown(address=fault.address)
    if key.fault is not None:
        return

    # Writes.
    CONSENSUS_KEYS.put(ctx, at, replace(key, fault=fault))
    suspended = _suspend(ctx, key)

    # Events.
    ctx.emit(DoubleSigned(member=key.member, public=key.public, fault=fault, suspended=suspended))
    if suspended:
        validators.show(ctx)


def _suspend(ctx: Context, key: ConsensusKey) -> bool:
    """Take the power of the seat that this key is or was of; False where it is another's or the last one."""
    seat = VALIDATORS.get(ctx, (key.member,))
    if seat is None or seat.status != "active" or key.since < seat.seated:
        return False
    if len(validators.in_force(validators.seats(ctx))) == 1:
        return False
    validators.end_key(ctx, key.member)
    VALIDATORS.put(ctx, (key.member,), replace(seat, status="suspended"))
    return True


# Waking.


@since(2)
def tick(ctx: Context, a: Tick) -> None:
    """The block did what was due before this; what is more than one block does waits for the next."""
    if not validators.is_network(ctx):
        raise errors.NotANetwork()
    if not ctx.woken:
        raise errors.NothingDue()
