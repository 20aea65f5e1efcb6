"""What a vote puts in force at a later height: the next rules, and rooms from outside (rule 13).

Changes come into force in the order in which they were adopted, each on top of those before.
"""

from hansa.apps.consortium import errors_votes as errors
from hansa.apps.consortium.messages_votes import (
    ActivateRoom,
    ActivateRules,
    ActivationScheduled,
    DeactivateRoom,
)
from hansa.apps.consortium.parameters import parameter
from hansa.kernel import ACTIVE, Active, Context, RoomPin, in_force, limits, schedule

Activation = ActivateRules | ActivateRoom | DeactivateRoom
KERNEL = "kernel"


def newest(ctx: Context) -> tuple[int, Active]:
    """What is scheduled last, and its height; where nothing ever was, what is in force now, and 0."""
    rows = ACTIVE.scan(ctx, reverse=True, limit=1)
    return next(((int(key[0]), record) for key, record in rows), (0, Active(rules=ctx.rules)))


def check_activation(ctx: Context, subject: Activation) -> None:
    """Refuse rules that are not the next, rooms that cannot be, heights without notice."""
    _, base = newest(ctx)
    match subject:
        case ActivateRules():
            if subject.version != base.rules + 1:
                raise errors.RulesNotNext(next=base.rules + 1, version=subject.version)
        case ActivateRoom():
            _check_room(ctx, base, subject.room)
        case DeactivateRoom():
            if all(pin.name != subject.name for pin in base.rooms):
                raise errors.RoomUnknown(name=subject.name)
    least = _earliest(ctx, subject)
    if subject.height and subject.height < least:
        raise errors.HeightTooEarly(least=least)


def schedule_activation(ctx: Context, proposal: str, subject: Activation) -> None:
    """Schedule what was checked."""
    _, base = newest(ctx)
    height = subject.height or _earliest(ctx, subject)
    rules, rooms = base.rules, base.rooms
    match subject:
        case ActivateRules():
            rules = subject.version
        case ActivateRoom():
            rooms = (*(pin for pin in rooms if pin.name != subject.room.name), subject.room)
        case DeactivateRoom():
            rooms = tuple(pin for pin in rooms if pin.name != subject.name)
    schedule(ctx, height, rules, rooms)
    ctx.emit(ActivationScheduled(height=height, rules=rules, rooms=rooms, proposal=proposal))


def _earliest(ctx: Context, subject: Activation) -> int:
    """First height at which this can come into force: after its notice, not before what is scheduled."""
    name = "rules_notice_blocks" if isinstance(subject, ActivateRules) else "room_notice_blocks"
    return max(ctx.height + parameter(ctx, name), newest(ctx)[0])


def _check_room(ctx: Context, base: Active, room: RoomPin) -> None:
    # A room of the release itself: its name stands in the registry without a pin.
    foreign = [pin.name for pin in in_force(ctx.layer, ctx.height, ctx.rules).rooms]
    own = [known.name for known in ctx.registry.rooms if known.name not in foreign]
    if room.name in own or room.name == KERNEL:
        raise errors.RoomReserved(name=room.name)
    if room in base.rooms:
        raise errors.RoomUnchanged(name=room.name)
    others = [pin for pin in base.rooms if pin.name != room.name]
    if len(others) >= limits.ROOMS_MAX:
        raise errors.RoomsTooMany(limit=limits.ROOMS_MAX)
