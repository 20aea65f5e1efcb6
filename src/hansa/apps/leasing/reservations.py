"""Reservations: what both agreed to, booked until both have signed or its time is up."""

from hansa.apps.leasing import booking
from hansa.apps.leasing import errors_market as errors
from hansa.apps.leasing.messages_market import Lapsed, LeaseTerms, Reservation, Slot
from hansa.apps.leasing.tables import BARGAINS, RESERVATIONS
from hansa.apps.leasing.tables_life import LEASES
from hansa.kernel import Context, due, replace


def reserve(ctx: Context, name: str, terms: LeaseTerms, content: str) -> None:
    """Book what was agreed until `terms.sign_by_ms`. Terms and name are checked before. Raises AlreadyBooked,
    OutsideHead.
    """
    booking.book(ctx, name, slot_of(terms), until_ms=terms.sign_by_ms)
    RESERVATIONS.put(ctx, (name,), Reservation(terms=terms, content=content, state="reserved"))
    due.at(ctx, terms.sign_by_ms + 1, reservation_due, terms.lessor, name)


def slot_of(terms: LeaseTerms) -> Slot:
    """The stretch of the calendar that a lease takes."""
    return Slot(terms.asset_owner, terms.asset, terms.head, terms.from_ms, terms.to_ms)


def reserved(ctx: Context, name: str) -> Reservation:
    """A reservation that can be signed now. Raises ReservationUnknown, ReservationOver."""
    found = RESERVATIONS.get(ctx, (name,))
    if found is None:
        raise errors.ReservationUnknown(name=name)
    if found.state != "reserved" or ctx.time_ms > found.terms.sign_by_ms:
        state = "lapsed" if found.state == "reserved" else found.state
        raise errors.ReservationOver(name=name, until=errors.moment(found.terms.sign_by_ms), state=state)
    return found


def signed(ctx: Context, name: str) -> None:
    """Both have signed: the booking is firm. Raises ReservationUnknown, ReservationOver."""
    found = reserved(ctx, name)
    booking.keep(ctx, name)
    RESERVATIONS.put(ctx, (name,), replace(found, state="signed"))
    due.drop(ctx, found.terms.sign_by_ms + 1, reservation_due, found.terms.lessor, name)


def reservation_due(ctx: Context, name: str) -> None:
    """A reservation past its time to be signed: its stretch is given up. It counted for nothing already."""
    found = RESERVATIONS.get(ctx, (name,))
    if found is not None and found.state == "reserved" and ctx.time_ms > found.terms.sign_by_ms:
        give_up(ctx, name, found)


def give_up(ctx: Context, name: str, found: Reservation) -> None:
    """What was reserved is free again."""
    booking.unbook(ctx, name)
    RESERVATIONS.put(ctx, (name,), replace(found, state="lapsed"))
    lease = LEASES.get(ctx, (name,))
    if lease is not None:  # One had signed, or it was to take over another: it comes to nothing.
        LEASES.put(ctx, (name,), replace(lease, state="void"))
    ctx.emit(Lapsed(reservation=name))


def check_unused(ctx: Context, name: str) -> None:
    """No bargain, reservation or lease has this id. Raises BargainTaken."""
    if BARGAINS.get(ctx, (name,)) is not None or RESERVATIONS.get(ctx, (name,)) is not None:
        raise errors.BargainTaken(bargain=name)
