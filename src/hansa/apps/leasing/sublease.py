"""One asset, several users: consent to sublease, subleases between members that know each other, transfer.

A sublease is a lease like any other, by an agreement of its own on the counters of its head lease. The lessor
of every lease above it has consented, and it lies within the time of the one that it hangs on.
"""

from hansa.apps.billing import interface as billing
from hansa.apps.consortium import interface as consortium
from hansa.apps.leasing import errors
from hansa.apps.leasing.bargaining import check_terms
from hansa.apps.leasing.lease_rules import BINDING, check_room, of_lessee, of_lessor
from hansa.apps.leasing.messages import Consent, ConsentSublease, Lease, RevokeConsent, Sublet, Transfer
from hansa.apps.leasing.messages_market import LeaseTerms, Reservation
from hansa.apps.leasing.messages_told import (
    ConsentRevoked,
    SubleaseConsented,
    SubleaseReserved,
    TransferProposed,
)
from hansa.apps.leasing.reservations import check_unused, reservation_due, reserve
from hansa.apps.leasing.tables import RESERVATIONS
from hansa.apps.leasing.tables_life import CONSENTS, LEASES
from hansa.kernel import Context, digest, due, limits, since


@since(2)
def consent_sublease(ctx: Context, a: ConsentSublease) -> None:
    # Checks, cheapest first.
    lease = of_lessor(ctx, a.lease, *BINDING)
    if not lease.terms.from_ms <= a.from_ms < a.to_ms <= lease.end_ms:
        raise errors.ConsentTime(lease=a.lease)
    if a.member:
        consortium.company(ctx, a.member)
    given = list(CONSENTS.scan(ctx, (a.lease,), limit=limits.CONSENTS_MAX))
    if len(given) == limits.CONSENTS_MAX or CONSENTS.get(ctx, (a.lease, a.consent)) is not None:
        raise errors.ConsentTaken(lease=a.lease, consent=a.consent, limit=limits.CONSENTS_MAX)

    # Writes.
    CONSENTS.put(ctx, (a.lease, a.consent), Consent(from_ms=a.from_ms, to_ms=a.to_ms, member=a.member))

    # Events.
    ctx.emit(
        SubleaseConsented(lease=a.lease, consent=a.consent, from_ms=a.from_ms, to_ms=a.to_ms, member=a.member)
    )


@since(2)
def revoke_consent(ctx: Context, a: RevokeConsent) -> None:
    # Checks, cheapest first.
    of_lessor(ctx, a.lease, *BINDING)
    if CONSENTS.get(ctx, (a.lease, a.consent)) is None:
        raise errors.ConsentUnknown(lease=a.lease, consent=a.consent)

    # Writes.
    CONSENTS.delete(ctx, (a.lease, a.consent))

    # Events.
    ctx.emit(ConsentRevoked(lease=a.lease, consent=a.consent))


@since(2)
def sublet(ctx: Context, a: Sublet) -> None:
    # Checks, cheapest first.
    terms = a.terms
    if not terms.head or terms.lessor != ctx.member or terms.lessee == ctx.member:
        raise errors.NotSublease()
    if not ctx.time_ms < terms.sign_by_ms <= terms.from_ms:
        raise errors.SignTime()
    check_unused(ctx, a.sublease)
    check_room(ctx, terms.head)
    check_terms(ctx, a.sublease, terms)

    # Writes: the booking refuses what is taken, and then nothing of this was.
    billing.keep_id(ctx, a.sublease)
    reserve(ctx, a.sublease, terms, digest(terms))

    # Events.
    ctx.emit(SubleaseReserved(lease=terms.head, sublease=a.sublease, lessee=terms.lessee))


@since(2)
def transfer(ctx: Context, a: Transfer) -> None:
    # Checks, cheapest first.
    lease = of_lessee(ctx, a.lease, "running")
    terms = a.terms
    _check_rest(ctx, a.lease, lease, terms)
    if not ctx.time_ms < terms.sign_by_ms <= terms.from_ms:
        raise errors.SignTime()
    check_unused(ctx, a.successor)
    check_terms(ctx, a.successor, terms)

    # Writes: it takes no booking yet, the old lease has it until both have signed.
    billing.keep_id(ctx, a.successor)
    reservation = Reservation(terms=terms, content=digest(terms), state="reserved")
    RESERVATIONS.put(ctx, (a.successor,), reservation)
    due.at(ctx, terms.sign_by_ms + 1, reservation_due, terms.lessor, a.successor)
    successor = Lease(
        terms=terms,
        content="0" * 64,
        edition=0,
        state="signing",
        end_ms=terms.to_ms,
        depth=lease.depth,
        replaces=a.lease,
    )
    LEASES.put(ctx, (a.successor,), successor)

    # Events.
    ctx.emit(TransferProposed(lease=a.lease, successor=a.successor, lessee=terms.lessee))


def _check_rest(ctx: Context, name: str, lease: Lease, terms: LeaseTerms) -> None:
    """The successor has the rest of the lease, and nothing else."""
    old = lease.terms
    for field, wanted, given in (
        ("asset_owner", old.asset_owner, terms.asset_owner),
        ("asset", old.asset, terms.asset),
        ("lessor", old.lessor, terms.lessor),
        ("head", old.head, terms.head),
    ):
        if wanted != given:
            raise errors.TransferUnfit(clause=field, lease=name, name=field)
    if terms.lessee in (old.lessee, old.lessor):
        raise errors.TransferUnfit(clause="lessee", lease=name, name="lessee")
    if terms.to_ms != lease.end_ms:
        raise errors.TransferUnfit(clause="to_ms", lease=name, name="to_ms")
    if not max(ctx.time_ms, lease.start_ms) < terms.from_ms < lease.end_ms:
        raise errors.TransferUnfit(clause="from_ms", lease=name, name="from_ms")
