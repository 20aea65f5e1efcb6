"""What other rooms may ask of this one."""

from hansa.apps.consortium import errors
from hansa.apps.consortium.calendars import Calendar
from hansa.apps.consortium.members import check_active, known
from hansa.apps.consortium.messages import Member
from hansa.apps.consortium.tables import CALENDARS, MEMBERS
from hansa.kernel import Context


def is_member(ctx: Context, member: str) -> bool:
    """Whether a company of this id belongs, or belonged, to the consortium: it may do what it is bound to."""
    return MEMBERS.get(ctx, (member,)) is not None


def company(ctx: Context, member: str) -> Member:
    """A member as it is registered: names, number, size, roles, licences. Raises MemberUnknown."""
    return known(ctx, member)


def check_may_enter(ctx: Context, *members: str) -> None:
    """Whether these members may enter something new. Raises NotActive for one that is suspended or gone.

    An id that is no member's passes: what that means, the caller says.
    """
    for member in members:
        if is_member(ctx, member):
            check_active(ctx, member)


def calendar(ctx: Context, member: str, name: str) -> Calendar:
    """A published calendar. Raises CalendarUnknown."""
    record = CALENDARS.get(ctx, (member, name))
    if record is None:
        raise errors.CalendarUnknown(member=member, id=name)
    return record.calendar
