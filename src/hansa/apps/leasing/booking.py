"""The calendars of assets: no stretch is ever taken twice, whatever arrives when.

An asset's owner has a calendar of it; whoever leases it has one within the lease (its *level* is the lease's
id), from which it may sublet, and so on. No two bookings of one calendar overlap, and all bookings of a
lease's calendar lie within the lease's own. A reservation takes its stretch until its time to be signed; from
then on it is as if it were not there, whether or not it was cleared away already.
"""

from collections.abc import Iterator

from hansa.apps.leasing import errors_market as errors
from hansa.apps.leasing.messages_market import Booked, Booking, Slot
from hansa.apps.leasing.tables import BOOKED, BOOKINGS
from hansa.kernel import Context, limits, replace


def book(ctx: Context, by: str, slot: Slot, until_ms: int = 0) -> None:
    """Take a stretch for a reservation or lease; `until_ms`: the time to sign it by, 0: it is firm.

    Raises BookingTaken, OutsideHead, AlreadyBooked.
    """
    if BOOKED.get(ctx, (by,)) is not None:
        raise errors.BookingTaken(by=by)
    if slot.from_ms >= slot.to_ms:
        raise errors.EndUnfit(by=by, start=errors.moment(slot.from_ms), end=errors.moment(slot.to_ms))
    _check_head(ctx, slot)
    _clear(ctx, slot)
    BOOKINGS.put(ctx, (*calendar(slot), slot.from_ms), Booking(to_ms=slot.to_ms, by=by, until_ms=until_ms))
    BOOKED.put(ctx, (by,), Booked(slot=slot))


def keep(ctx: Context, by: str) -> None:
    """A reservation becomes firm. Raises BookingUnknown where it lapsed or never was."""
    slot, booking = _own(ctx, by)
    if is_lapsed(ctx, booking):
        raise errors.BookingUnknown(by=by)
    BOOKINGS.put(ctx, (*calendar(slot), slot.from_ms), replace(booking, until_ms=0))


def move_end(ctx: Context, by: str, to_ms: int) -> None:
    """A booking ends earlier or later. Raises BookingUnknown, EndUnfit, OutsideHead, AlreadyBooked,
    StillSublet.
    """
    slot, booking = _own(ctx, by)
    if to_ms <= slot.from_ms:
        raise errors.EndUnfit(by=by, start=errors.moment(slot.from_ms), end=errors.moment(to_ms))
    if to_ms > slot.to_ms:
        longer = replace(slot, from_ms=slot.to_ms, to_ms=to_ms)
        _check_head(ctx, longer)
        _clear(ctx, longer)
    elif to_ms < slot.to_ms:
        _check_not_sublet(ctx, by, replace(slot, level=by, from_ms=to_ms))
    BOOKINGS.put(ctx, (*calendar(slot), slot.from_ms), replace(booking, to_ms=to_ms))
    BOOKED.put(ctx, (by,), Booked(slot=replace(slot, to_ms=to_ms)))


def unbook(ctx: Context, by: str) -> None:
    """Give a booking up; one that is not there is none. Raises StillSublet."""
    slot = slot_of(ctx, by)
    if slot is None:
        return
    _check_not_sublet(ctx, by, replace(slot, level=by))
    _remove(ctx, by, slot)


def slot_of(ctx: Context, by: str) -> Slot | None:
    """The stretch that a reservation or lease takes; None where it takes none."""
    found = BOOKED.get(ctx, (by,))
    return None if found is None else found.slot


def is_free(ctx: Context, slot: Slot) -> bool:
    """Whether the whole stretch could be booked now."""
    return free(ctx, slot) == [(slot.from_ms, slot.to_ms)]


def free(ctx: Context, slot: Slot) -> list[tuple[int, int]]:
    """The free stretches (from_ms, to_ms) within one of a calendar, in order."""
    from_ms, to_ms = slot.from_ms, slot.to_ms
    if slot.level:
        head = _head(ctx, slot)
        if head is None:
            return []
        from_ms, to_ms = max(from_ms, head.from_ms), min(to_ms, head.to_ms)
    found: list[tuple[int, int]] = []
    for start_ms, booking in _overlapping(ctx, slot):
        if is_lapsed(ctx, booking):
            continue
        if booking.to_ms < to_ms:
            found.append((booking.to_ms, to_ms))
        to_ms = min(to_ms, start_ms)
    if from_ms < to_ms:
        found.append((from_ms, to_ms))
    return found[::-1]


def bookings(ctx: Context, slot: Slot) -> list[tuple[int, Booking]]:
    """(from_ms, booking) of what takes part of a stretch, in order; lapsed reservations left out."""
    found = [(start, booking) for start, booking in _overlapping(ctx, slot) if not is_lapsed(ctx, booking)]
    return found[::-1]


def is_lapsed(ctx: Context, booking: Booking) -> bool:
    return 0 < booking.until_ms < ctx.time_ms


def calendar(slot: Slot) -> tuple[str, str, str]:
    """The part of a booking's key that names its calendar."""
    return slot.asset_owner, slot.asset, slot.level


def _overlapping(ctx: Context, slot: Slot) -> Iterator[tuple[int, Booking]]:
    """(from_ms, booking) of all that overlap a stretch, the last first. As none overlap each other, the first
    that ends before it ends the search.
    """
    of = calendar(slot)
    rows = BOOKINGS.scan(ctx, of, end=(*of, slot.to_ms), limit=limits.ALL_ROWS, reverse=True)
    for key, booking in rows:
        if booking.to_ms <= slot.from_ms:
            return
        yield int(key[3]), booking


def _clear(ctx: Context, slot: Slot) -> None:
    """Remove lapsed reservations in the way. Raises AlreadyBooked if anything else is."""
    for start_ms, booking in list(_overlapping(ctx, slot)):
        if not is_lapsed(ctx, booking):
            raise errors.AlreadyBooked(
                asset=slot.asset,
                owner=slot.asset_owner,
                start=errors.moment(start_ms),
                end=errors.moment(booking.to_ms),
            )
        _remove(ctx, booking.by, replace(slot, from_ms=start_ms))


def _remove(ctx: Context, by: str, slot: Slot) -> None:
    BOOKINGS.delete(ctx, (*calendar(slot), slot.from_ms))
    BOOKED.delete(ctx, (by,))


def _own(ctx: Context, by: str) -> tuple[Slot, Booking]:
    slot = slot_of(ctx, by)
    if slot is None:
        raise errors.BookingUnknown(by=by)
    booking = BOOKINGS.get(ctx, (*calendar(slot), slot.from_ms))
    assert booking is not None
    assert booking.by == by
    return slot, booking


def _head(ctx: Context, slot: Slot) -> Slot | None:
    """The firm booking of the lease whose calendar it is, of the same asset; None where there is none."""
    head = slot_of(ctx, slot.level)
    if head is None or (head.asset_owner, head.asset) != (slot.asset_owner, slot.asset):
        return None
    booking = BOOKINGS.get(ctx, (*calendar(head), head.from_ms))
    return head if booking is not None and booking.until_ms == 0 else None


def _check_head(ctx: Context, slot: Slot) -> None:
    """A stretch of a lease's calendar lies within that lease."""
    if not slot.level:
        return
    head = _head(ctx, slot)
    if head is None or not head.from_ms <= slot.from_ms < slot.to_ms <= head.to_ms:
        raise errors.OutsideHead(
            head=slot.level, start=errors.moment(slot.from_ms), end=errors.moment(slot.to_ms)
        )


def _check_not_sublet(ctx: Context, by: str, rest: Slot) -> None:
    """Nothing in a lease's calendar lies in what it gives up; lapsed reservations there go."""
    for start_ms, booking in list(_overlapping(ctx, rest)):
        if not is_lapsed(ctx, booking):
            raise errors.StillSublet(by=by, other=booking.by, end=errors.moment(booking.to_ms))
        _remove(ctx, booking.by, replace(rest, from_ms=start_ms))
