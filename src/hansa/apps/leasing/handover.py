"""The asset changes hands: one party reports condition and counters, the other confirms.

Into the lessee's hands: from the confirmation on the lease runs, and is charged. Back: from the confirmation
on nothing is charged any more. Photos stay with whoever took them; the ledger holds their digests.
"""

from hansa.apps.billing import interface as billing
from hansa.apps.leasing import booking, errors
from hansa.apps.leasing.assets import described
from hansa.apps.leasing.lease_rules import check_not_sublet, known, of_party
from hansa.apps.leasing.messages import (
    ConfirmHandover,
    Direction,
    DisputeHandover,
    Handover,
    Item,
    Lease,
    LeaseState,
    ReportHandover,
    Shown,
)
from hansa.apps.leasing.messages_told import HandoverConfirmed, HandoverRefused, HandoverReported
from hansa.apps.leasing.reports import content_of
from hansa.apps.leasing.signing import LAST_MS, begin, give_back
from hansa.apps.leasing.tables_life import HANDOVERS, LEASES
from hansa.apps.metering import interface as metering
from hansa.apps.money import interface as money
from hansa.kernel import Context, Hash, Id, limits, replace, since

BEFORE: dict[str, LeaseState] = {"in": "signed", "out": "running"}
"""In which state a lease is handed over."""
SILENCE_DAYS = limits.HANDOVER_SILENCE_MS // limits.DAY_MS
PAID_BEFORE: tuple[tuple[money.FundKind, str, str], ...] = (
    ("security_deposit", "保证金", "security deposit"),
    ("prepayment", "预付款", "prepayment"),
)


@since(2)
def handover(ctx: Context, a: ReportHandover) -> None:
    # Checks, cheapest first.
    lease = of_party(ctx, a.lease, BEFORE[a.direction])
    oldest_ms = ctx.time_ms - limits.HANDOVER_AGE_MAX_MS
    if a.direction == "out":
        oldest_ms = max(oldest_ms, lease.start_ms)
    if not oldest_ms <= a.at_ms <= ctx.time_ms:
        raise errors.HandoverTime(days=limits.HANDOVER_AGE_MAX_MS // limits.DAY_MS)
    _check_order(ctx, a.lease, lease, a.direction)
    _check_items(ctx, lease, a.items)
    _check_counters(ctx, lease, a.counters, a.at_ms)

    # Writes.
    content = content_of(a.lease, a.direction, ctx.member, a)
    report = Handover(
        by=ctx.member,
        at_ms=a.at_ms,
        items=a.items,
        counters=a.counters,
        content=content,
        reported_ms=ctx.time_ms,
        state="reported",
    )
    HANDOVERS.put(ctx, (a.lease, a.direction), report)

    # Events.
    ctx.emit(HandoverReported(lease=a.lease, direction=a.direction, by=ctx.member, content=content))


@since(2)
def confirm_handover(ctx: Context, a: ConfirmHandover) -> None:
    # Checks, cheapest first. What held when it was reported may not hold any more.
    lease = of_party(ctx, a.lease, BEFORE[a.direction])
    report = _reported(ctx, a.lease, a.direction, a.content)
    if report.by == ctx.member and not _is_unanswered(ctx, a.direction, report):
        raise errors.HandoverOwn(lease=a.lease, days=SILENCE_DAYS)
    _check_disputed(report, a.disputed)
    photos = [photo for item in report.items for photo in item.photos]
    for photo in a.photos:
        if photo not in photos:
            raise errors.PhotoUnknown(clause=photo[:12], photo=photo[:12])
    _check_order(ctx, a.lease, lease, a.direction)
    _check_counters(ctx, lease, report.counters, report.at_ms, a.disputed)
    if a.direction == "in":
        _check_paid_in(ctx, a.lease)

    # Writes.
    settled = replace(report, state="confirmed", disputed=a.disputed, settled_ms=ctx.time_ms)
    HANDOVERS.put(ctx, (a.lease, a.direction), settled)
    if a.direction == "in":
        _start(ctx, a.lease, lease)
    else:
        _return(ctx, a.lease, lease)

    # Events.
    ctx.emit(
        HandoverConfirmed(
            lease=a.lease,
            direction=a.direction,
            by=ctx.member,
            content=a.content,
            disputed=a.disputed,
        )
    )


@since(2)
def dispute_handover(ctx: Context, a: DisputeHandover) -> None:
    # Checks, cheapest first.
    of_party(ctx, a.lease, BEFORE[a.direction])
    report = _reported(ctx, a.lease, a.direction, a.content)
    if report.by == ctx.member:
        raise errors.HandoverOwn(lease=a.lease, days=SILENCE_DAYS)
    if not a.disputed:
        raise errors.DisputedUnfit(name="—")
    _check_disputed(report, a.disputed)

    # Writes.
    refused = replace(report, state="refused", disputed=a.disputed, settled_ms=ctx.time_ms)
    HANDOVERS.put(ctx, (a.lease, a.direction), refused)

    # Events.
    ctx.emit(
        HandoverRefused(
            lease=a.lease,
            direction=a.direction,
            by=ctx.member,
            content=a.content,
            disputed=a.disputed,
        )
    )


def _start(ctx: Context, name: str, lease: Lease) -> None:
    """The lease runs: from its agreed start, or from now where the handover is late."""
    start_ms = max(ctx.time_ms, lease.terms.from_ms)
    begin(ctx, name, start_ms)
    give_back(ctx, name, "earnest_money")
    LEASES.put(ctx, (name,), replace(lease, state="running", start_ms=start_ms))


def _return(ctx: Context, name: str, lease: Lease) -> None:
    """The lease is over: at its end, or now where both confirm the return before."""
    end_ms = lease.end_ms
    if ctx.time_ms < end_ms:
        end_ms = ctx.time_ms
        billing.end_early(ctx, name, end_ms)
        if end_ms > lease.terms.from_ms:
            booking.move_end(ctx, name, end_ms)
        else:
            booking.unbook(ctx, name)
    ended = replace(lease, state="returned", end_ms=end_ms, returned_ms=ctx.time_ms)
    LEASES.put(ctx, (name,), ended)


def _reported(ctx: Context, name: str, direction: Direction, content: Hash) -> Handover:
    """The report that waits for a word. Raises HandoverUnknown, HandoverChanged."""
    report = HANDOVERS.get(ctx, (name, direction))
    if report is None or report.state != "reported":
        raise errors.HandoverUnknown(lease=name)
    if report.content != content:
        raise errors.HandoverChanged(lease=name)
    return report


def _is_unanswered(ctx: Context, direction: Direction, report: Handover) -> bool:
    """Whether a return was reported so long ago that who reported it may confirm it alone.

    Else a lessor that says nothing would keep the deposit for ever.
    """
    return direction == "out" and ctx.time_ms >= report.reported_ms + limits.HANDOVER_SILENCE_MS


def _check_order(ctx: Context, name: str, lease: Lease, direction: Direction) -> None:
    """A sublease is taken over while its head lease runs; a head lease is returned after its subleases."""
    if direction == "out":
        check_not_sublet(ctx, name, lease)
        return
    if ctx.time_ms >= lease.end_ms - LAST_MS:
        raise errors.HandoverOver(lease=name)
    if lease.terms.head:
        head = known(ctx, lease.terms.head)
        if head.state != "running":
            raise errors.WrongState(lease=lease.terms.head, state=head.state)


def _check_paid_in(ctx: Context, name: str) -> None:
    for kind, kind_zh, kind_en in PAID_BEFORE:
        fund = money.fund(ctx, money.name_of(name, kind))
        if fund is not None and not fund.paid_in:
            raise errors.FundOpen(clause=kind, lease=name, kind_zh=kind_zh, kind_en=kind_en)


def _check_items(ctx: Context, lease: Lease, items: tuple[Item, ...]) -> None:
    """The asset's checklist, each item once."""
    terms = lease.terms
    wanted = described(ctx, terms.asset_owner, terms.asset, terms.asset_version).checklist
    found = [each.item for each in items]
    for name in (*found, *wanted):
        if name not in wanted or found.count(name) != 1:
            raise errors.ItemsUnfit(clause=name, item=name)
    for item in items:
        twice = any(item.photos.index(photo) != at for at, photo in enumerate(item.photos))
        if twice or len(item.photos) > limits.PHOTOS_PER_ITEM_MAX:
            raise errors.PhotosUnfit(clause=item.item, item=item.item, limit=limits.PHOTOS_PER_ITEM_MAX)


def _check_counters(
    ctx: Context, lease: Lease, counters: tuple[Shown, ...], at_ms: int, disputed: tuple[Id, ...] = ()
) -> None:
    """Each counter once, at the value of its last good record up to the handover, unless it is disputed."""
    shown = [each.meter for each in counters]
    wanted = {
        each.meter: each
        for each in lease.terms.meters
        if metering.feed(ctx, each.owner, each.feed).kind == "counter"
    }
    for meter in (*shown, *wanted):
        if meter not in wanted or shown.count(meter) != 1:
            raise errors.CounterUnfit(clause=meter, meter=meter)
    for each in counters:
        binding = wanted[each.meter]
        recorded = standing_at(ctx, binding.owner, binding.feed, at_ms)
        if recorded is None:
            raise errors.CounterUnread(clause=each.meter, feed=binding.feed)
        if recorded != each.value and each.meter not in disputed:
            raise errors.CounterDiffers(
                clause=each.meter,
                meter=each.meter,
                value=each.value,
                feed=binding.feed,
                recorded=recorded,
            )


def standing_at(ctx: Context, owner: str, feed: str, at_ms: int) -> int | None:
    """What a counter showed at an instant: the value of its last good record up to then; None if none is."""
    for point, good, _ in metering.records_before(ctx, owner, feed, at_ms + 1):
        if good:
            return point.start_value if point.life else point.value
    return None


def _check_disputed(report: Handover, disputed: tuple[Id, ...]) -> None:
    known_names = [*(each.item for each in report.items), *(each.meter for each in report.counters)]
    for position, name in enumerate(disputed):
        if name not in known_names or disputed.index(name) != position:
            raise errors.DisputedUnfit(clause=name, name=name)
