"""What several actions of a lease ask first: who is who, in which state, by whose consent."""

from collections.abc import Iterator

from hansa.apps.billing import interface as billing
from hansa.apps.consortium import interface as consortium
from hansa.apps.leasing import errors
from hansa.apps.leasing.messages import Lease, LeaseState
from hansa.apps.leasing.messages_market import LeaseTerms, Nature
from hansa.apps.leasing.tables_life import CHAIN, CONSENTS, LEASES
from hansa.kernel import Context, limits, replace

LICENCE = "finance_lease"
"""Kind of licence that a lessor of a finance lease shows in its registration."""
BINDING: tuple[LeaseState, ...] = ("signed", "running")
"""States in which a lease holds its asset."""


def known(ctx: Context, name: str) -> Lease:
    """A lease, in whatever state. Raises LeaseUnknown."""
    lease = LEASES.get(ctx, (name,))
    if lease is None:
        raise errors.LeaseUnknown(lease=name)
    return lease


def of_party(ctx: Context, name: str, *states: LeaseState) -> Lease:
    """A lease of the signer's in one of these states. Raises LeaseUnknown, NotOfLease, WrongState."""
    lease = known(ctx, name)
    if ctx.member not in (lease.terms.lessor, lease.terms.lessee):
        raise errors.NotOfLease(member=ctx.member, lease=name)
    if lease.state not in states:
        raise errors.WrongState(lease=name, state=lease.state)
    return lease


def of_lessor(ctx: Context, name: str, *states: LeaseState) -> Lease:
    """A lease that the signer lets. Raises as `of_party`, NotLessor."""
    lease = of_party(ctx, name, *states)
    if ctx.member != lease.terms.lessor:
        raise errors.NotLessor(lease=name, lessor=lease.terms.lessor)
    return lease


def of_lessee(ctx: Context, name: str, *states: LeaseState) -> Lease:
    """A lease that the signer uses. Raises as `of_party`, NotLessee."""
    lease = of_party(ctx, name, *states)
    if ctx.member != lease.terms.lessee:
        raise errors.NotLessee(lease=name, lessee=lease.terms.lessee)
    return lease


def other_party(ctx: Context, lease: Lease) -> str:
    """The party that did not sign this transaction."""
    return lease.terms.lessee if ctx.member == lease.terms.lessor else lease.terms.lessor


def heads(ctx: Context, name: str) -> Iterator[tuple[str, Lease]]:
    """A lease and those that it hangs on, up to the owner's own."""
    while name:
        lease = known(ctx, name)
        yield name, lease
        name = lease.terms.head


def check_nature(ctx: Context, lessor: str, nature: Nature) -> None:
    """A finance lease is for lessors with a licence for it. Raises NatureUnlicensed."""
    if nature != "finance":
        return
    for licence in consortium.company(ctx, lessor).licences:
        if licence.kind == LICENCE and (not licence.expires_ms or licence.expires_ms > ctx.time_ms):
            return
    raise errors.NatureUnlicensed(member=lessor)


def may_sublet(ctx: Context, head: str, member: str, from_ms: int, to_ms: int, lessee: str = "") -> None:
    """Whether a member may sublet in this time what it holds by a lease, to `lessee` ("": to somebody).

    Every lessor up to the owner must have consented. Raises LeaseUnknown, WrongState, NotLessee,
    SubleaseTooLong, SubleaseTooDeep, ConsentMissing.
    """
    first = known(ctx, head)
    if first.state not in BINDING:
        raise errors.WrongState(lease=head, state=first.state)
    if first.terms.lessee != member:
        raise errors.NotLessee(lease=head, lessee=first.terms.lessee)
    if not first.terms.from_ms <= from_ms < to_ms <= first.end_ms:
        raise errors.SubleaseTooLong(head=head, to_ms=first.end_ms)
    if first.depth + 1 > limits.SUBLEASE_DEPTH_MAX:
        raise errors.SubleaseTooDeep(head=head, limit=limits.SUBLEASE_DEPTH_MAX)
    check_consented(ctx, head, from_ms, to_ms, lessee)


def check_consented(ctx: Context, head: str, from_ms: int, to_ms: int, lessee: str) -> None:
    """Every lessor from a lease up to the owner has consented. Raises ConsentMissing."""
    for name, lease in heads(ctx, head):
        if not _consented(ctx, name, from_ms, to_ms, lessee):
            raise errors.ConsentMissing(lease=name, lessor=lease.terms.lessor, lessee=lessee or "…")


def _consented(ctx: Context, name: str, from_ms: int, to_ms: int, lessee: str) -> bool:
    """Whether one consent covers the whole time and, where it is known, who is to use the asset."""
    for _, consent in CONSENTS.scan(ctx, (name,), limit=limits.CONSENTS_MAX):
        fits = not consent.member or not lessee or consent.member == lessee
        if fits and consent.from_ms <= from_ms and to_ms <= consent.to_ms:
            return True
    return False


def check_feeds(ctx: Context, terms: LeaseTerms) -> None:
    """A sublease counts by the counters of its head lease, and no others. Raises OtherCounters."""
    of_head = [(each.owner, each.feed) for each in known(ctx, terms.head).terms.meters]
    for binding in terms.meters:
        if (binding.owner, binding.feed) not in of_head:
            raise errors.OtherCounters(clause=binding.meter, feed=binding.feed, head=terms.head)


def check_same_count(ctx: Context, terms: LeaseTerms) -> None:
    """What a sublease counts of a feed is a part of what its head lease counts, gaps and estimates included.

    So both count a feed's gaps by the same rule, not by the average of days that each has its own of, and by
    no check feed; where a rule estimates, both cut it at the ends of the same periods. Raises GapsUnlike,
    PeriodsUnlike, CheckedApart.
    """
    head = known(ctx, terms.head).terms
    same_periods = _periods_of(ctx, terms) == _periods_of(ctx, head)
    for binding in terms.meters:
        feed = (binding.owner, binding.feed)
        above = next(each.meter for each in head.meters if (each.owner, each.feed) == feed)
        rule = next(gap for gap in head.terms.gaps if gap.meter == above)
        own = next((gap for gap in terms.terms.gaps if gap.meter == binding.meter), rule)
        if replace(own, meter=above) != rule or rule.rule == "average_day":
            raise errors.GapsUnlike(
                clause=binding.meter, meter=binding.meter, head=terms.head, rule=rule.rule
            )
        if rule.rule == "last_rate" and not same_periods:
            raise errors.PeriodsUnlike(clause=binding.meter, meter=binding.meter, head=terms.head)
        checks = [each.rule for each in head.terms.checks if each.meter == above]
        checks += [each.rule for each in terms.terms.checks if each.meter == binding.meter]
        if "mean" in checks or "lower" in checks:
            raise errors.CheckedApart(clause=binding.meter, meter=binding.meter, head=terms.head)


def _periods_of(ctx: Context, terms: LeaseTerms) -> tuple[str, str, str]:
    """What tells where the billing periods of a lease end."""
    published = billing.tariff(ctx, terms.tariff_owner, terms.tariff, terms.tariff_version)
    return published.tariff.period, published.calendar_owner, published.calendar


def under(ctx: Context, name: str, lease: Lease) -> Iterator[tuple[str, Lease]]:
    """The direct subleases of a lease, by their start."""
    of = (lease.terms.asset_owner, lease.terms.asset, name)
    for key, _ in CHAIN.scan(ctx, of, limit=limits.SUBLEASES_MAX + 1):
        yield str(key[4]), known(ctx, str(key[4]))


def check_room(ctx: Context, head: str) -> None:
    """One more sublease of a lease may be made. Raises SubleasesTooMany."""
    if len(list(under(ctx, head, known(ctx, head)))) >= limits.SUBLEASES_MAX:
        raise errors.SubleasesTooMany(head=head, limit=limits.SUBLEASES_MAX)


def check_not_sublet(ctx: Context, name: str, lease: Lease) -> None:
    """No sublease holds the asset any more. Raises SubletStill.

    One whose end is long past holds nothing, though nobody has reported its return.
    """
    for sublease, found in under(ctx, name, lease):
        over = ctx.time_ms >= found.end_ms + limits.HANDOVER_SILENCE_MS
        if found.state in BINDING and not over:
            raise errors.SubletStill(lease=name, sublease=sublease, lessee=found.terms.lessee)
