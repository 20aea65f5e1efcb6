"""What other rooms may ask of this one."""

from hansa.apps.consortium import errors
from hansa.apps.consortium.calendars import Calendar
from hansa.apps.consortium.tables import CALENDARS, MEMBERS
from hansa.kernel import Context


def is_member(ctx: Context, member: str) -> bool:
    """Whether a company of this id belongs to the consortium."""
    return MEMBERS.get(ctx, (member,)) is not None


def calendar(ctx: Context, member: str, name: str) -> Calendar:
    """A published calendar. Raises CalendarUnknown."""
    record = CALENDARS.get(ctx, (member, name))
    if record is None:
        raise errors.CalendarUnknown(member=member, id=name)
    return record.calendar
