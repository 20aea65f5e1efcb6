"""Leases from signature to the last statement. Times are ms since the epoch, UTC.

A lease's id is that of the reservation it comes from, and that of its agreement in billing: one name for
life. Photos and documents stay at the members; their hashes stand here.
"""

from typing import Literal

from hansa.apps.leasing.messages_market import LeaseTerms
from hansa.kernel import (
    Action,
    Hash,
    Id,
    KeyId,
    MemberId,
    Natural,
    OptionalHash,
    OptionalId,
    Positive,
    Record,
    Struct,
    TimeMs,
)

LeaseState = Literal["signing", "signed", "running", "returned", "closed", "void"]
"""signing: one party has signed, or none. signed: both have. running: handed over, both confirmed. returned:
handed back, both confirmed. closed: all is settled. void: ended before it was handed over."""
Direction = Literal["in", "out"]
"""in: to the lessee; out: back to the lessor."""
Grade = Literal["good", "worn", "damaged", "missing"]
"""Condition of an item: good; worn by ordinary use; damaged; missing."""
Ground = Literal["agreed", "notice", "default"]
"""Why a lease ends early: both agree; by the notice that it provides for; the lessor, since the lessee was
suspended for non-payment and has still not paid."""
Liable = Literal["provider", "user", "neither"]
HandoverState = Literal["reported", "confirmed", "refused"]
MotionKind = Literal["end", "extend"]


class Attachment(Struct):
    """A document that is part of the contract."""

    name: Id
    sha256: Hash


class Signature(Struct):
    """Who signed the contract, by which key, when."""

    member: MemberId
    key: KeyId
    at_ms: TimeMs


class Lease(Record, version=1, readers="members", retention="business"):
    """A lease (租约): what was signed, and where it stands."""

    terms: LeaseTerms
    content: Hash
    """What the signatures stand under: digest of terms, text in both languages and attachments."""
    edition: Natural
    """Of the contract text; 0 before the first signature."""
    state: LeaseState
    end_ms: TimeMs
    """Its end as it stands: agreed, extended or brought forward."""
    depth: Natural = 0
    """0: let by the owner; 1: sublet by its lessee, and so on."""
    start_ms: TimeMs = 0
    """Since when it runs; 0 before the handover was confirmed."""
    returned_ms: TimeMs = 0
    suspended_from_ms: TimeMs = 0
    """From when on no new job may start, for want of payment; 0: it is not suspended."""
    replaces: OptionalId = ""
    """The lease whose rest it takes over; "" for any other."""
    attachments: tuple[Attachment, ...] = ()
    signatures: tuple[Signature, ...] = ()


class Part(Record, version=1, readers="members", retention="business"):
    """That a member is a party of a lease."""

    lessor: bool = False


class Link(Record, version=1, readers="members", retention="business"):
    """Where a lease stands in the calendar of its asset: by its key: the head lease, from when on."""


class Motion(Record, version=1, readers="members", retention="business"):
    """What one party wants changed; it is done once the other says the same."""

    by: MemberId
    to_ms: TimeMs


class Item(Struct):
    """An item of the condition checklist (状况清单)."""

    item: Id
    grade: Grade
    photos: tuple[Hash, ...] = ()
    """SHA-256 of each photo; the photos stay at whoever took them."""


class Shown(Struct):
    """What a counter shows when the asset is handed over."""

    meter: Id
    value: Natural


class Handover(Record, version=1, readers="members", retention="business"):
    """One handover (交接): what one party reports, and what the other says to it."""

    by: MemberId
    at_ms: TimeMs
    """When condition and counters were looked at."""
    items: tuple[Item, ...]
    counters: tuple[Shown, ...]
    content: Hash
    """What the other confirms: digest of lease, direction and the report."""
    reported_ms: TimeMs
    state: HandoverState
    disputed: tuple[Id, ...] = ()
    """Items and meters that the other sees otherwise."""
    settled_ms: TimeMs = 0
    """When the other confirmed or refused it."""


class Consent(Record, version=1, readers="members", retention="business"):
    """The lessor lets its lessee sublease (转租同意)."""

    from_ms: TimeMs
    to_ms: TimeMs
    member: OptionalId = ""
    """To whom; "": to any member."""


class Breakdown(Record, version=1, readers="members", retention="business"):
    """The asset does not work, as a party reports it. What it costs, billing says."""

    by: MemberId
    from_ms: TimeMs
    reason: Id
    liable: Liable
    """As the reporting party sees it."""
    to_ms: TimeMs = 0
    """When it worked again; 0: not yet."""
    evidence: OptionalHash = ""


class Damage(Record, version=1, readers="members", retention="business"):
    """What the lessor asks for damage found at the return."""

    amount_minor: Positive
    items: tuple[Id, ...]
    state: Literal["claimed", "agreed", "withdrawn"]
    obligation: OptionalId = ""
    """The open item in money, once agreed."""
    photos: tuple[Hash, ...] = ()


class Job(Record, version=1, readers="members", retention="business"):
    """A job that the lessee began on the asset."""

    at_ms: TimeMs


class Sign(Action, tag="leasing.sign"):
    """A party signs the contract. When both have, it binds: agreement, funds and booking stand."""

    lease: Id
    content: Hash
    """Digest of terms, text in both languages and attachments (`text.content`): nobody signs another text."""
    attachments: tuple[Attachment, ...] = ()


class Withdraw(Action, tag="leasing.withdraw"):
    """A party steps back before the handover. The lessee forfeits earnest money, the lessor doubles it."""

    lease: Id


class ReportHandover(Action, tag="leasing.handover"):
    """Either party reports condition and counters as they are when the asset changes hands."""

    lease: Id
    direction: Direction
    at_ms: TimeMs
    items: tuple[Item, ...]
    """Every item of the asset's checklist, once."""
    counters: tuple[Shown, ...]
    """What every counter of the lease shows at `at_ms`: the value of its last record."""


class ConfirmHandover(Action, tag="leasing.confirm_handover"):
    """The other party confirms the report, all of it or all but what it names."""

    lease: Id
    direction: Direction
    content: Hash
    disputed: tuple[Id, ...] = ()
    """Items and meters that it sees otherwise: they are listed as disputed; the rest stands."""
    photos: tuple[Hash, ...] = ()
    """Photos that it has seen, of those in the report."""


class DisputeHandover(Action, tag="leasing.dispute_handover"):
    """The other party does not take the asset over as reported: it must be reported anew."""

    lease: Id
    direction: Direction
    content: Hash
    disputed: tuple[Id, ...]
    """Items and meters that are why."""


class ConsentSublease(Action, tag="leasing.consent_sublease"):
    """The lessor lets its lessee sublease in a period, to one member or to any."""

    lease: Id
    consent: Id
    from_ms: TimeMs
    to_ms: TimeMs
    member: OptionalId = ""


class RevokeConsent(Action, tag="leasing.revoke_consent"):
    """The lessor takes a consent back: for subleases that both have signed it stands, for no others."""

    lease: Id
    consent: Id


class Sublet(Action, tag="leasing.sublet"):
    """A lessee reserves part of its time for another member, whom it knows; both then sign."""

    sublease: Id
    """Id of the new lease."""
    terms: LeaseTerms


class Transfer(Action, tag="leasing.transfer"):
    """The lessee wants another member to take the rest of its lease over. It does once lessor and successor
    have signed.
    """

    lease: Id
    successor: Id
    """Id of the new lease."""
    terms: LeaseTerms
    """Those of the new lease: same asset and lessor, up to the old end."""


class EndEarly(Action, tag="leasing.end_early"):
    """Brings the end forward. `agreed` takes effect when the other party says the same time."""

    lease: Id
    to_ms: TimeMs
    ground: Ground


class Extend(Action, tag="leasing.extend"):
    """Moves the end out. It takes effect when both say the same time; within the lessee's option at once."""

    lease: Id
    to_ms: TimeMs


class StartJob(Action, tag="leasing.start_job"):
    """The lessee begins a job. Refused while the lease, or one that it hangs on, is suspended."""

    lease: Id
    job: Id


class ReportBreakdown(Action, tag="leasing.report_breakdown"):
    """A party reports that the asset does not work."""

    lease: Id
    breakdown: Id
    from_ms: TimeMs
    reason: Id
    liable: Liable
    evidence: OptionalHash = ""


class EndBreakdown(Action, tag="leasing.end_breakdown"):
    """A party reports that the asset works again."""

    lease: Id
    breakdown: Id
    to_ms: TimeMs


class Suspend(Action, tag="leasing.suspend"):
    """The lessor gives notice: while an open item is overdue, no new job starts from then on. What runs goes
    on.
    """

    lease: Id
    from_ms: TimeMs


class Resume(Action, tag="leasing.resume"):
    """The lessor takes its notice back."""

    lease: Id


class ClaimDamage(Action, tag="leasing.claim_damage"):
    """After the return the lessor asks for damage, with photos of either handover."""

    lease: Id
    damage: Id
    amount_minor: Positive
    items: tuple[Id, ...]
    photos: tuple[Hash, ...] = ()


class AgreeDamage(Action, tag="leasing.agree_damage"):
    """The lessee owes exactly what was asked."""

    lease: Id
    damage: Id
    amount_minor: Positive


class WithdrawDamage(Action, tag="leasing.withdraw_damage"):
    """The lessor asks no more."""

    lease: Id
    damage: Id


class ClaimDeposit(Action, tag="leasing.claim_deposit"):
    """The lessor takes what is owed out of the security deposit: an overdue open item of the lease, or agreed
    damage.
    """

    lease: Id
    obligation: Id
    amount_minor: Positive


class Close(Action, tag="leasing.close"):
    """Either party: all is settled, so what is left of security deposit and prepayment goes back."""

    lease: Id
