"""A room from outside that members vote for while they work, and what they do in it.

Its work that falls due fails while its member is away: so there is something parked to try again or give up.
"""

from hansa.apps.consortium.interface import check_may_enter
from hansa.apps.consortium.messages_votes import ActivateRoom, AnySubject, DeactivateRoom, Propose
from hansa.kernel import (
    Action,
    Context,
    Event,
    Id,
    MemberId,
    Record,
    Refusal,
    Room,
    RoomPin,
    Table,
    TimeMs,
    due,
    limits,
)
from hansa.simulation.simulator.scenario import Send
from hansa.simulation.simulator.traffic.mind import Mind, Step

NAME = "errands"
PIN = RoomPin(name=NAME, version="1.0", sha256="e" * 64)


class Errand(Record, version=1, readers="members", retention="business"):
    """Something that a member wants to have done at a time."""

    at_ms: TimeMs


class Away(Record, version=1, readers="members", retention="business"):
    """The member does nothing at present."""

    since_ms: TimeMs


class Ask(Action, tag="errands.ask"):
    """Have an errand run at a time."""

    errand: Id
    at_ms: TimeMs


class Go(Action, tag="errands.go"):
    """From here on the member is away."""


class Return(Action, tag="errands.return"):
    """The member is back."""


class Ran(Event, tag="errands.ran"):
    member: MemberId
    errand: Id


class Taken(Refusal, code="errands.taken", field="errand"):
    zh = "差事 {errand} 已登记。请换一个编号。"
    en = "The errand {errand} is known already. Choose another id."


class NobodyThere(Refusal, code="errands.nobody_there", field="member"):
    zh = "{member} 不在。请等其返回后重试。"
    en = "{member} is away. Try again when it is back."


ERRANDS = Table("errands.errands", key=("member", "errand"), record=Errand)
AWAY = Table("errands.away", key=("member",), record=Away)


def ask(ctx: Context, a: Ask) -> None:
    # Checks.
    check_may_enter(ctx, ctx.member)
    if ERRANDS.get(ctx, (ctx.member, a.errand)) is not None:
        raise Taken(errand=a.errand)

    # Writes.
    ERRANDS.put(ctx, (ctx.member, a.errand), Errand(at_ms=a.at_ms))
    due.at(ctx, a.at_ms, run, ctx.member, ctx.member, a.errand)


def go(ctx: Context, a: Go) -> None:
    AWAY.put(ctx, (ctx.member,), Away(since_ms=ctx.time_ms))


def come_back(ctx: Context, a: Return) -> None:
    if AWAY.get(ctx, (ctx.member,)) is not None:
        AWAY.delete(ctx, (ctx.member,))


def run(ctx: Context, member: str, errand: str) -> None:
    if AWAY.get(ctx, (member,)) is not None:
        raise NobodyThere(member=member)
    if ERRANDS.get(ctx, (member, errand)) is not None:
        ERRANDS.delete(ctx, (member, errand))
        ctx.emit(Ran(member=member, errand=errand))


ROOM = Room(NAME, actions=[ask, go, come_back], due=[run], tables=[ERRANDS, AWAY], events=[Ran])


# What members do.


def in_force(mind: Mind) -> bool:
    return f"{NAME}.ask" in mind.picture.registry.tags


def subject(mind: Mind) -> AnySubject | None:
    """The room is put to the vote; later, now and then, its end."""
    if in_force(mind):
        return DeactivateRoom(name=NAME) if mind.luck(0.1) else None
    return ActivateRoom(room=PIN) if PIN in mind.installed else None


def begin(mind: Mind) -> Send | None:
    """Somebody wants the room, before anything else was put to the vote."""
    if PIN not in mind.installed or mind.rows("consortium.proposals"):
        return None
    return mind.send(mind.member(), Propose(proposal=mind.name("p"), subject=ActivateRoom(room=PIN)))


def errand(mind: Mind) -> Send | None:
    if not in_force(mind):
        return None
    member = mind.member()
    away = mind.row("errands.away", member)
    if mind.luck(0.4):
        return mind.send(member, Go() if away is None else Return())
    at_ms = mind.soon_ms + mind.between(0, 8) * limits.HOUR_MS
    return mind.send(member, Ask(mind.name("e"), at_ms))


STEPS: tuple[tuple[int, Step], ...] = ((8, errand),)
