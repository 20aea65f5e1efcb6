"""Parked work: tried again by any member; given up by the member on whose account it is."""

from hansa.apps.consortium import errors_parked as errors
from hansa.apps.consortium.messages_parked import DiscardParked, ListedParked, ParkedSettled, RetryParked
from hansa.kernel import Context, OptionalId, due, in_force, limits, since
from hansa.kernel.messages import Parked


@since(2)
def retry_parked(ctx: Context, a: RetryParked) -> None:
    item = _found(ctx, a)
    due.retry(ctx, (a.due_ms, a.id), item)
    _tell(ctx, a, item)


@since(2)
def discard_parked(ctx: Context, a: DiscardParked) -> None:
    item = _found(ctx, a)
    if item.member != ctx.member:
        raise errors.ParkedOfAnother(member=item.member)
    outside = {pin.name: pin for pin in in_force(ctx.layer, ctx.height, ctx.rules).rooms}
    if due.room_of(item.handler) not in outside and not due.is_orphaned(ctx, item):
        raise errors.ParkedNeeded(handler=item.handler)
    due.discard(ctx, (a.due_ms, a.id), item)
    _tell(ctx, a, item)


def _found(ctx: Context, a: RetryParked | DiscardParked) -> Parked:
    item = due.PARKED.get(ctx, (a.due_ms, a.id))
    if item is None:
        raise errors.ParkedUnknown()
    return item


def _tell(ctx: Context, a: RetryParked | DiscardParked, item: Parked) -> None:
    ctx.emit(
        ParkedSettled(
            due_ms=a.due_ms,
            handler=item.handler,
            member=item.member,
            settled_by=ctx.member,
            how="retried" if isinstance(a, RetryParked) else "discarded",
        )
    )


def parked(ctx: Context, member: OptionalId = "") -> list[ListedParked]:
    """Work that failed when it fell due, oldest first: of all members, or of one."""
    return [
        ListedParked(due_ms=due_ms, id=name, handler=item.handler, member=item.member, code=item.code)
        for (due_ms, name), item in due.parked(ctx, limits.SCANNED_MAX)
        if member in ("", item.member)
    ]
