"""Who used an asset when, and what its counters say: leases, their subleases, and what each counted.

Every lease counts by the same readings: an interval between two readings counts for a lease that it lies in
whole (metering rule M17). So of a head lease's count the subleases' are parts, what crosses a handover stays
with the head lease, and nothing is counted twice on one level.
"""

from collections.abc import Iterator

from hansa.apps.leasing import errors
from hansa.apps.leasing.lease_rules import known, under
from hansa.apps.leasing.messages import Lease
from hansa.apps.leasing.messages_told import Chain, ChainLink, Counted, MeterTotal
from hansa.apps.leasing.tables_life import CHAIN
from hansa.apps.metering import interface as metering
from hansa.apps.metering.chain import Interval
from hansa.kernel import Context, Id, MemberId, TimeMs, limits

Leases = dict[str, Lease]
Feed = tuple[str, str]
"""Owner and name."""


def chain_of(ctx: Context, asset_owner: MemberId, asset: Id, from_ms: TimeMs, to_ms: TimeMs) -> Chain:
    """The leases of an asset in from ≤ t < to that were handed over, and what each counted within that time.

    Per feed: what it counted in all = the sum of `own` over all leases + `outside`. Raises ChainTooLong.
    """
    leases = _leases(ctx, asset_owner, asset, from_ms, to_ms)
    of_feed = {feed: _read(ctx, feed, from_ms, to_ms) for feed in _feeds(ctx, leases)}
    counted = {
        (name, each.meter): _sum(of_feed[each.owner, each.feed], lease.start_ms, lease.end_ms)
        for name, lease in leases.items()
        for each in lease.terms.meters
        if (each.owner, each.feed) in of_feed
    }
    return Chain(
        links=tuple(_link(name, lease) for name, lease in leases.items()),
        counted=tuple(
            _counted(leases, counted, name, meter, quantity) for (name, meter), quantity in counted.items()
        ),
        meters=tuple(_total(leases, of_feed, counted, feed) for feed in of_feed),
    )


def _leases(ctx: Context, asset_owner: str, asset: str, from_ms: int, to_ms: int) -> Leases:
    """Those that ran in the time, head leases before what hangs on them."""
    found: Leases = {}
    waiting = list(_of_owner(ctx, asset_owner, asset, from_ms, to_ms))
    while waiting:
        name, lease = waiting.pop(0)
        if lease.start_ms and lease.start_ms < to_ms and from_ms < lease.end_ms:
            found[name] = lease
            waiting += under(ctx, name, lease)
        if len(found) + len(waiting) > limits.CHAIN_LEASES_MAX:
            raise errors.ChainTooLong(limit=limits.CHAIN_LEASES_MAX)
    return found


def _of_owner(
    ctx: Context, asset_owner: str, asset: str, from_ms: int, to_ms: int
) -> Iterator[tuple[str, Lease]]:
    """The owner's own leases, the last first. None overlap: one that began before ends the search."""
    of = (asset_owner, asset, "")
    for key, _ in CHAIN.scan(ctx, of, end=(*of, to_ms), limit=limits.CHAIN_LEASES_MAX + 1, reverse=True):
        lease = known(ctx, str(key[4]))
        yield str(key[4]), lease
        if lease.start_ms and lease.terms.from_ms <= from_ms:
            return


def _feeds(ctx: Context, leases: Leases) -> list[Feed]:
    """What counts something by the piece or by amounts; states are time, not quantities."""
    feeds = dict.fromkeys((each.owner, each.feed) for lease in leases.values() for each in lease.terms.meters)
    return [feed for feed in feeds if metering.feed(ctx, *feed).kind != "state"]


def _read(ctx: Context, feed: Feed, from_ms: int, to_ms: int) -> list[Interval]:
    """The intervals that are booked in the time: by the instant before their later reading (M9)."""
    most = limits.CHAIN_RECORDS_MAX
    if metering.records_within(ctx, *feed, from_ms, to_ms, most) >= most:
        raise errors.ChainTooLong(limit=most)
    read = metering.intervals(ctx, *feed, from_ms, to_ms, most + limits.LOOK_BACK_POINTS_MAX)
    return [each for each in read if from_ms <= _booked(each) < to_ms]


def _booked(interval: Interval) -> int:
    return max(interval.from_ms, interval.to_ms - 1)


def _sum(intervals: list[Interval], from_ms: int, to_ms: int) -> int:
    """What lies whole between two handovers."""
    return sum(each.quantity or 0 for each in intervals if from_ms <= each.from_ms and _booked(each) < to_ms)


def _counted(
    leases: Leases, counted: dict[tuple[str, str], int], name: str, meter: str, quantity: int
) -> Counted:
    feed = next((each.owner, each.feed) for each in leases[name].terms.meters if each.meter == meter)
    sublet = sum(
        counted[other, each.meter]
        for other, lease in leases.items()
        if lease.terms.head == name
        for each in lease.terms.meters
        if (each.owner, each.feed) == feed
    )
    return Counted(lease=name, meter=meter, counted=quantity, sublet=sublet, own=quantity - sublet)


def _total(
    leases: Leases, of_feed: dict[Feed, list[Interval]], counted: dict[tuple[str, str], int], feed: Feed
) -> MeterTotal:
    total = sum(each.quantity or 0 for each in of_feed[feed])
    leased = sum(
        counted[name, each.meter]
        for name, lease in leases.items()
        if not lease.terms.head
        for each in lease.terms.meters
        if (each.owner, each.feed) == feed
    )
    return MeterTotal(owner=feed[0], feed=feed[1], counted=total, outside=total - leased)


def _link(name: str, lease: Lease) -> ChainLink:
    return ChainLink(
        lease=name,
        head=lease.terms.head,
        lessor=lease.terms.lessor,
        lessee=lease.terms.lessee,
        from_ms=lease.start_ms,
        to_ms=lease.end_ms,
        state=lease.state,
    )
