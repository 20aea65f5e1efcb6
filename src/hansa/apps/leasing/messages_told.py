"""What happened to leases, and what queries tell of them. Times are ms since the epoch, UTC."""

from hansa.apps.leasing.messages import Direction, Ground, Handover, Lease, LeaseState, Liable, MotionKind
from hansa.kernel import (
    CurrencyCode,
    Event,
    Hash,
    Id,
    Integer,
    MemberId,
    Natural,
    OptionalId,
    Positive,
    Struct,
    TimeMs,
)


class Signed(Event, tag="leasing.signed"):
    lease: Id
    by: MemberId
    content: Hash


class Concluded(Event, tag="leasing.concluded"):
    """Both have signed."""

    lease: Id
    lessor: MemberId
    lessee: MemberId
    content: Hash
    replaces: OptionalId = ""


class Withdrawn(Event, tag="leasing.withdrawn"):
    """Ended before the handover; by "" where both agreed."""

    lease: Id
    by: OptionalId


class HandoverReported(Event, tag="leasing.handover_reported"):
    lease: Id
    direction: Direction
    by: MemberId
    content: Hash


class HandoverConfirmed(Event, tag="leasing.handover_confirmed"):
    """From the one of direction `in` on the lease runs."""

    lease: Id
    direction: Direction
    by: MemberId
    content: Hash
    disputed: tuple[Id, ...] = ()


class HandoverRefused(Event, tag="leasing.handover_refused"):
    lease: Id
    direction: Direction
    by: MemberId
    content: Hash
    disputed: tuple[Id, ...]


class SubleaseConsented(Event, tag="leasing.sublease_consented"):
    lease: Id
    consent: Id
    from_ms: TimeMs
    to_ms: TimeMs
    member: OptionalId = ""


class ConsentRevoked(Event, tag="leasing.consent_revoked"):
    lease: Id
    consent: Id


class SubleaseReserved(Event, tag="leasing.sublease_reserved"):
    lease: Id
    sublease: Id
    lessee: MemberId


class TransferProposed(Event, tag="leasing.transfer_proposed"):
    lease: Id
    successor: Id
    lessee: MemberId


class Moved(Event, tag="leasing.moved"):
    """A party wants another end; nothing has changed yet."""

    lease: Id
    kind: MotionKind
    by: MemberId
    to_ms: TimeMs


class EndedEarly(Event, tag="leasing.ended_early"):
    lease: Id
    to_ms: TimeMs
    ground: Ground


class Extended(Event, tag="leasing.extended"):
    lease: Id
    to_ms: TimeMs


class JobStarted(Event, tag="leasing.job_started"):
    lease: Id
    job: Id


class BreakdownReported(Event, tag="leasing.breakdown_reported"):
    lease: Id
    breakdown: Id
    by: MemberId
    from_ms: TimeMs
    reason: Id
    liable: Liable


class BreakdownEnded(Event, tag="leasing.breakdown_ended"):
    lease: Id
    breakdown: Id
    to_ms: TimeMs


class SuspensionNoticed(Event, tag="leasing.suspension_noticed"):
    """From `from_ms` on no new job starts, unless it is paid before."""

    lease: Id
    from_ms: TimeMs


class Resumed(Event, tag="leasing.resumed"):
    """No more suspended; by "" where all that was overdue is paid."""

    lease: Id
    by: OptionalId


class DamageClaimed(Event, tag="leasing.damage_claimed"):
    lease: Id
    damage: Id
    currency: CurrencyCode
    amount_minor: Positive


class DamageAgreed(Event, tag="leasing.damage_agreed"):
    lease: Id
    damage: Id
    obligation: Id


class DamageWithdrawn(Event, tag="leasing.damage_withdrawn"):
    lease: Id
    damage: Id


class DepositClaimed(Event, tag="leasing.deposit_claimed"):
    lease: Id
    obligation: Id
    currency: CurrencyCode
    amount_minor: Positive


class Closed(Event, tag="leasing.closed"):
    lease: Id


class ListedLease(Struct):
    """A lease in a list."""

    id: Id
    lease: Lease


class Handovers(Struct):
    """Both handovers of a lease; None where none was reported."""

    taken: Handover | None
    given_back: Handover | None


class Counted(Struct):
    """What one counter counted while a lease ran, within the time asked for; base units."""

    lease: Id
    meter: Id
    counted: Natural
    """All of it, by readings from start to end of the lease (metering rule M17)."""
    sublet: Natural
    """Of that, what subleases counted."""
    own: Integer
    """The rest: used by the lessee itself, or in a reading that crosses a handover."""


class ChainLink(Struct):
    """A lease of a chain."""

    lease: Id
    head: OptionalId
    lessor: MemberId
    lessee: MemberId
    from_ms: TimeMs
    to_ms: TimeMs
    state: LeaseState


class MeterTotal(Struct):
    """What a counter counted in all within the time asked for, and what of it no lease did; base units."""

    owner: MemberId
    feed: Id
    counted: Natural
    outside: Integer


class Chain(Struct):
    """Who used an asset when, and what the counters say: of each feed, what counted in all is the sum of
    `own` over all leases, plus `outside`.
    """

    links: tuple[ChainLink, ...]
    counted: tuple[Counted, ...]
    meters: tuple[MeterTotal, ...]
