"""Seats among the validators, consensus keys, ticks: what members do about the network itself."""

from hansa.apps.consortium.messages_validators import RotateConsensusKey, Tick
from hansa.apps.consortium.messages_votes import AnySubject, ProposedValidator, SetValidators
from hansa.apps.consortium.validators import message
from hansa.simulation.simulator.scenario import Send
from hansa.simulation.simulator.traffic.mind import Mind, Step

SEATS_MIN = 4
"""As many stay: with fewer, one node that is down stops all."""


def is_network(mind: Mind) -> bool:
    return bool(mind.rows("consortium.validators"))


def fresh(mind: Mind, member: str) -> tuple[bytes, bytes]:
    """A consensus key that never served, and its proof."""
    held = mind.signer(member, mind.name("v"))
    return held.public, held.sign(message(mind.picture.chain, member, held.public))


def nodes(mind: Mind) -> list[str]:
    """Members that have a node, or would have one."""
    active = mind.active
    having = (*mind.founders, *mind.world.scenario.joiners)
    return [member for member in having if member in active]


def subject(mind: Mind) -> AnySubject | None:
    """A seat more or less, another power, another key; now and then two at once."""
    having = nodes(mind)
    if not is_network(mind) or not having:
        return None
    return SetValidators(seats=tuple(_seat(mind, mind.one(having)) for _ in range(1 + mind.luck(0.2))))


def _seat(mind: Mind, member: str) -> ProposedValidator:
    present = mind.row("consortium.validators", member)
    if present is None or mind.luck(0.3):
        public, proof = fresh(mind, member)
        return ProposedValidator(member, present.power if present else 1, public, proof)
    if len(mind.rows("consortium.validators")) > SEATS_MIN and mind.luck(0.4):
        return ProposedValidator(member, 0)
    return ProposedValidator(member, mind.between(1, 2))


def rotate(mind: Mind) -> Send | None:
    found = mind.pick("consortium.validators")
    if found is None or mind.luck(0.5):
        return None
    member = str(found[0][0])
    return mind.send(mind.right(member), RotateConsensusKey(*fresh(mind, member)))


def tick(mind: Mind) -> Send | None:
    """What a node does on a ledger that rests, when something is due."""
    first_ms = min((int(key[0]) for key in mind.rows("kernel.due")), default=0)
    if not is_network(mind) or not (0 < first_ms <= mind.soon_ms or mind.luck(0.05)):
        return None
    return mind.send(mind.member(), Tick())


STEPS: tuple[tuple[int, Step], ...] = ((2, rotate), (5, tick))
