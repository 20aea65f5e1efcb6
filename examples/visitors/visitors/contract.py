"""The rules of visits: nobody unknown, nobody without an end; who stays too long is announced once."""

from hansa.apps.consortium.interface import check_may_enter, is_member
from hansa.kernel import Context, MemberId, Room, Table, due, limits
from visitors import errors
from visitors.messages import Admit, Leave, Overstayed, Visit

VISITS = Table("visitors.visits", key=("plant", "visitor"), record=Visit)


def admit(ctx: Context, a: Admit) -> None:
    # Checks, cheapest first.
    if not ctx.time_ms < a.until_ms <= ctx.time_ms + limits.DAY_MS:
        raise errors.TooLong(hours=limits.DAY_MS // limits.HOUR_MS)
    if not is_member(ctx, a.company):
        raise errors.CompanyUnknown(company=a.company)
    check_may_enter(ctx, ctx.member, a.company)

    # Writes.
    visit = Visit(visitor=a.visitor, company=a.company, until_ms=a.until_ms)
    VISITS.insert(ctx, (ctx.member, a.visitor), visit)
    due.at(ctx, a.until_ms, announce, ctx.member, ctx.member, a.visitor)


def leave(ctx: Context, a: Leave) -> None:
    if VISITS.get(ctx, (ctx.member, a.visitor)) is None:
        raise errors.NotInside(visitor=a.visitor)
    VISITS.delete(ctx, (ctx.member, a.visitor))


def announce(ctx: Context, plant: str, visitor: str) -> None:
    visit = VISITS.get(ctx, (plant, visitor))
    # He may have left, or left and come again for longer.
    if visit is not None and visit.until_ms <= ctx.time_ms:
        ctx.emit(Overstayed(plant=plant, visitor=visitor))


def inside(ctx: Context, plant: MemberId) -> list[Visit]:
    """Who is at a plant now."""
    return [visit for _, visit in VISITS.scan(ctx, (plant,))]


ROOM = Room(
    "visitors", actions=[admit, leave], due=[announce], queries=[inside], tables=[VISITS], events=[Overstayed]
)
