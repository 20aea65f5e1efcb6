"""What can be asked of the market. A list has at most `limit` items, LISTED_MAX at most: go on `after` the
last one shown.
"""

from hansa.apps.leasing import booking
from hansa.apps.leasing.assets import newest
from hansa.apps.leasing.messages_market import (
    Asset,
    Bargain,
    Offer,
    Proposal,
    Reservation,
    Slot,
)
from hansa.apps.leasing.tables import ASSETS, BARGAINING, BARGAINS, OFFERS, PROPOSALS, RESERVATIONS
from hansa.kernel import (
    Context,
    Id,
    MemberId,
    Natural,
    OptionalId,
    Positive,
    Struct,
    TimeMs,
    limits,
)

LISTED_MAX = limits.SCAN_MAX


class ListedAsset(Struct):
    """An asset in its newest version."""

    owner: MemberId
    asset: Id
    version: Positive
    record: Asset


class ListedOffer(Struct):
    """An offer by its id."""

    offerer: MemberId
    offer: Id
    record: Offer


class ListedBargain(Struct):
    """A bargain, its last proposal, and whether somebody can still answer that."""

    bargain: Id
    record: Bargain
    last: Proposal
    answerable: bool


class ListedBooking(Struct):
    """A stretch of an asset's calendar that is taken."""

    from_ms: TimeMs
    to_ms: TimeMs
    by: Id
    until_ms: TimeMs
    """A reservation is to be signed by then; 0: it is firm."""


def asset_of(ctx: Context, owner: MemberId, asset: Id, version: Natural = 0) -> Asset | None:
    """An asset: the version asked for, or the newest."""
    number = version or newest(ctx, owner, asset)
    return ASSETS.get(ctx, (owner, asset, number)) if number else None


def assets(ctx: Context, owner: MemberId, after: OptionalId = "", limit: Natural = 0) -> list[ListedAsset]:
    """Assets of a member in their newest versions, by id."""
    found: dict[str, ListedAsset] = {}
    for key, record in ASSETS.scan(ctx, (owner,), start=(owner, after), limit=limits.ALL_ROWS):
        name = str(key[1])
        if name == after:
            continue
        if name not in found and len(found) >= _bounded(limit):
            break
        found[name] = ListedAsset(owner=owner, asset=name, version=int(key[2]), record=record)
    return list(found.values())


def newest_of(ctx: Context, owner: MemberId, asset: Id) -> ListedAsset | None:
    """An asset in its newest version, with that version's number."""
    number = newest(ctx, owner, asset)
    record = ASSETS.get(ctx, (owner, asset, number)) if number else None
    return None if record is None else ListedAsset(owner=owner, asset=asset, version=number, record=record)


def offer_of(ctx: Context, offerer: MemberId, offer: Id) -> Offer | None:
    """An offer."""
    return OFFERS.get(ctx, (offerer, offer))


def offers(
    ctx: Context,
    offerer: OptionalId = "",
    open_only: bool = False,
    after_offerer: OptionalId = "",
    after_offer: OptionalId = "",
    limit: Natural = 0,
) -> list[ListedOffer]:
    """Offers of a member or of all, by offerer and id."""
    after = (after_offerer, after_offer)
    prefix = (offerer,) if offerer else ()
    found: list[ListedOffer] = []
    for key, record in OFFERS.scan(ctx, prefix, start=after, limit=limits.ALL_ROWS):
        if key != after and (record.state == "open" or not open_only):
            found.append(ListedOffer(offerer=str(key[0]), offer=str(key[1]), record=record))
            if len(found) >= _bounded(limit):
                break
    return found


def bargain_of(ctx: Context, bargain: Id) -> Bargain | None:
    """A bargain."""
    return BARGAINS.get(ctx, (bargain,))


def proposals_of(ctx: Context, bargain: Id) -> list[Proposal]:
    """All proposals of a bargain, the enquiry first."""
    return [record for _, record in PROPOSALS.scan(ctx, (bargain,), limit=limits.ROUNDS_MAX)]


def bargains_of(
    ctx: Context, member: MemberId, after: OptionalId = "", limit: Natural = 0
) -> list[ListedBargain]:
    """Bargains that a member takes part in, on either side, by id."""
    found: list[ListedBargain] = []
    for key, _ in BARGAINING.scan(ctx, (member,), start=(member, after), limit=limits.ALL_ROWS):
        name = str(key[1])
        record = BARGAINS.get(ctx, (name,))
        if name == after or record is None:
            continue
        last = PROPOSALS.get(ctx, (name, record.rounds))
        assert last is not None
        answerable = record.state == "open" and ctx.time_ms <= last.until_ms
        found.append(ListedBargain(bargain=name, record=record, last=last, answerable=answerable))
        if len(found) >= _bounded(limit):
            break
    return found


def reservation_of(ctx: Context, reservation: Id) -> Reservation | None:
    """A reservation."""
    return RESERVATIONS.get(ctx, (reservation,))


def bookings_of(
    ctx: Context,
    asset_owner: MemberId,
    asset: Id,
    from_ms: TimeMs,
    to_ms: TimeMs,
    level: OptionalId = "",
) -> list[ListedBooking]:
    """What is taken of an asset's calendar within a time, in order; `level`: within that lease."""
    slot = Slot(asset_owner, asset, level, from_ms, to_ms)
    return [
        ListedBooking(from_ms=start_ms, to_ms=each.to_ms, by=each.by, until_ms=each.until_ms)
        for start_ms, each in booking.bookings(ctx, slot)
    ]


def _bounded(limit: int) -> int:
    return min(limit or LISTED_MAX, LISTED_MAX)
