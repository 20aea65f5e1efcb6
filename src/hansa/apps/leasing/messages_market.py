"""Assets with what they can do, offers of their idle time, bargaining up to a reservation.

Times are ms since the epoch, UTC; a period is from ≤ t < to. Lengths are µm, amounts minor units of the
currency. Every member reads all of it.
"""

from typing import Literal

from hansa.apps.billing.messages import Binding
from hansa.apps.billing.terms import Terms
from hansa.kernel import (
    Action,
    CopiedId,
    CopiedIds,
    CurrencyCode,
    DurationMs,
    Event,
    Hash,
    Id,
    Integer,
    MemberId,
    Natural,
    OptionalId,
    Positive,
    Record,
    RegisteredName,
    Struct,
    TimeMs,
    UnitName,
)

Nature = Literal["operating", "service", "finance"]
"""operating: an operating lease of the asset; service: the lessor works with it for the other, processing or
capacity; finance: a finance lease, for licensed lessors only."""
Crew = Literal["without", "with", "either"]
"""Whether an asset is let with the people who run it."""
Language = Literal["zh", "en"]
PaymentMode = Literal["external", "bank"]
"""external: paid by bank transfer outside the ledger. bank: by claims on a member bank."""
OfferState = Literal["open", "withdrawn", "ended"]
BargainState = Literal["open", "agreed", "declined"]
ReservationState = Literal["reserved", "signed", "lapsed"]


class Place(Struct):
    """Where an asset stands."""

    name_zh: RegisteredName
    name_en: RegisteredName
    latitude_e6: Integer
    """Millionths of a degree, north positive, WGS 84."""
    longitude_e6: Integer
    """Millionths of a degree, east positive, WGS 84."""
    region: Id
    """Code of the region in small letters, as ISO 3166-2 has it (`cn-32`)."""


class Size(Struct):
    """Three edges of a box around a part, in any order, µm."""

    x_um: Natural
    y_um: Natural
    z_um: Natural


class Capability(Struct):
    """One process that an asset can do."""

    process: Id
    materials: tuple[Id, ...]
    smallest: Size
    """The smallest part that it can hold: edge by edge, longest to longest."""
    largest: Size
    """The largest part that fits, likewise."""
    tolerance_um: Positive
    """What it holds, ± µm."""
    rate_per_hour: Positive
    """How many `unit` in an hour at best."""
    unit: UnitName
    crew: Crew
    changeover_ms: DurationMs = 0


class Certificate(Struct):
    """A document that speaks for the asset; the document itself stays with its owner."""

    name: RegisteredName
    """What it is and its number, as printed."""
    sha256: Hash
    valid_until_ms: TimeMs = 0
    """0: without end."""


class Description(Struct):
    """What an asset is and can do, as its owner declares it."""

    name_zh: RegisteredName
    name_en: RegisteredName
    place: Place
    capabilities: tuple[Capability, ...]
    feeds: tuple[Id, ...] = ()
    """The owner's feeds that measure it."""
    checklist: tuple[Id, ...] = ()
    """What is looked at when it is handed over."""
    certificates: tuple[Certificate, ...] = ()


class Asset(Record, version=1, readers="members", retention="business"):
    """A version of an asset. It never changes: leases keep the one that they were agreed on."""

    description: Description
    since_ms: TimeMs


class Offer(Record, version=1, readers="members", retention="business"):
    """Idle time of an asset, offered to all members. It does not change; it may be withdrawn."""

    state: OfferState
    asset_owner: MemberId
    asset: Id
    asset_version: Positive
    from_ms: TimeMs
    to_ms: TimeMs
    notice_ms: DurationMs
    """An agreement must stand so long before its start."""
    smallest_ms: DurationMs
    largest_ms: DurationMs
    """The shortest and the longest slice of the window that is let."""
    tariff_owner: MemberId
    tariff: Id
    tariff_version: Positive
    """The list price."""
    nature: Nature
    crew: Crew
    security_deposit_minor: Natural = 0
    prepayment_minor: Natural = 0
    earnest_minor: Natural = 0
    head: OptionalId = ""
    """The lease by which the offerer holds an asset that is not its own; "" for an owner's offer."""


class Listed(Record, version=1, readers="members", retention="business"):
    """One capability of an open offer, with all that a search tells of it."""

    asset_owner: MemberId
    asset: Id
    asset_version: Positive
    name_zh: RegisteredName
    name_en: RegisteredName
    place: Place
    capability: Capability
    crew: Crew
    from_ms: TimeMs
    to_ms: TimeMs
    notice_ms: DurationMs
    smallest_ms: DurationMs
    largest_ms: DurationMs
    tariff_owner: MemberId
    tariff: Id
    tariff_version: Positive
    head: OptionalId = ""
    shelf: Natural = 0
    """The shelf of its cell on which it stands."""


class OnShelf(Struct, array_like=True):
    """What a search compares of one capability of an open offer."""

    offerer: CopiedId
    offer: CopiedId
    number: Natural
    """Of the asset's capability."""
    asset_owner: CopiedId
    asset: CopiedId
    head: CopiedId
    latitude_e6: Integer
    longitude_e6: Integer
    point: tuple[Integer, Integer, Integer]
    """The place on a sphere, for distances (`sphere.py`)."""
    materials: CopiedIds
    smallest: tuple[Natural, Natural, Natural]
    """Edges of the smallest part, the longest first, µm."""
    largest: tuple[Natural, Natural, Natural]
    """Edges of the largest part, likewise."""
    tolerance_um: Positive
    rate_per_hour: Positive
    crew: Crew
    from_ms: TimeMs
    to_ms: TimeMs
    notice_ms: DurationMs
    smallest_ms: DurationMs
    largest_ms: DurationMs


class Shelf(Record, version=1, readers="members", retention="business"):
    """Some of the open offers of a process in one cell of the map, in no order."""

    rows: tuple[OnShelf, ...]


class Offering(Record, version=1, readers="members", retention="business"):
    """How many open offers a member has."""

    open: Natural


class Need(Struct):
    """What the enquirer wants to make, to be checked against what the asset can do."""

    process: Id
    material: Id
    size: Size
    tolerance_um: Positive
    quantity: Natural = 0
    """How many, in the capability's unit; 0: not said."""


class LeaseTerms(Struct):
    """All that lessor and lessee agree on: a whole proposal, and later the lease."""

    lessor: MemberId
    """Lets, and is paid: the owner, or who subleases."""
    lessee: MemberId
    """Uses, and pays."""
    asset_owner: MemberId
    asset: Id
    asset_version: Positive
    from_ms: TimeMs
    to_ms: TimeMs
    sign_by_ms: TimeMs
    """A reservation that both have not signed by then lapses."""
    tariff_owner: MemberId
    tariff: Id
    tariff_version: Positive
    meters: tuple[Binding, ...]
    terms: Terms
    currency: CurrencyCode
    nature: Nature
    governing_law: Id
    """Country in small letters, as ISO 3166-1 has it (`cn`)."""
    prevailing_language: Language
    mode: PaymentMode
    bank: OptionalId = ""
    """The member bank; "" for payment outside."""
    with_crew: bool = False
    substitution_right: bool = False
    """Whether the lessor may put another asset in its place."""
    early_end_notice_ms: DurationMs = 0
    """Either party may end it so long ahead; 0: only both together."""
    extension_ms: DurationMs = 0
    """How much longer the lessee may have it, at its wish; 0: only if both agree."""
    security_deposit_minor: Natural = 0
    prepayment_minor: Natural = 0
    earnest_minor: Natural = 0
    expected_minor: Natural = 0
    """What the lease is expected to come to, with tax; needed with earnest money, which is a share of it."""
    head: OptionalId = ""
    """The lease by which the lessor holds the asset; "" where it owns it."""


class Bargain(Record, version=1, readers="members", retention="business"):
    """Enquiry and counter-offers of two members over an offer. Its id becomes that of the lease."""

    offerer: MemberId
    offer: Id
    lessee: MemberId
    need: Need
    rounds: Positive
    """Number of proposals so far; the last one counts."""
    state: BargainState


class Bargaining(Record, version=1, readers="members", retention="business"):
    """A member takes part in a bargain, on one side or the other."""

    offerer: MemberId
    lessee: MemberId


class Proposal(Record, version=1, readers="members", retention="business"):
    """One side's whole proposal in a bargain. It binds whoever made it until its deadline."""

    proposer: MemberId
    terms: LeaseTerms
    content: Hash
    """What the other agrees to: digest of bargain, round, terms and deadline."""
    until_ms: TimeMs


class Reservation(Record, version=1, readers="members", retention="business"):
    """What was agreed, booked until both have signed or its time is up (`terms.sign_by_ms`)."""

    terms: LeaseTerms
    content: Hash
    state: ReservationState


class Slot(Struct):
    """A stretch of an asset's calendar."""

    asset_owner: MemberId
    asset: Id
    level: OptionalId
    """Whose calendar: "" the owner's; a lease's id that of its lessee, within that lease."""
    from_ms: TimeMs
    to_ms: TimeMs


class Booking(Record, version=1, readers="members", retention="business"):
    """A stretch of a calendar that is taken, by its start."""

    to_ms: TimeMs
    by: Id
    """The reservation or lease that takes it."""
    until_ms: TimeMs = 0
    """A reservation's time to be signed; 0: it is firm."""


class Booked(Record, version=1, readers="members", retention="business"):
    """Where the booking of a reservation or lease stands."""

    slot: Slot


class RegisterAsset(Action, tag="leasing.register_asset"):
    """A member makes an asset of its own known. Ids are the owner's own."""

    asset: Id
    description: Description


class UpdateAsset(Action, tag="leasing.update_asset"):
    """Its owner describes an asset anew. Offers and leases that exist keep their version."""

    asset: Id
    version: Positive
    """The number of the new one: one more than that of the newest."""
    description: Description


class PublishOffer(Action, tag="leasing.publish_offer"):
    """The owner, or a lessee who may sublease, offers idle time to all members. Ids are the offerer's own."""

    offer: Id
    asset_owner: MemberId
    asset: Id
    from_ms: TimeMs
    to_ms: TimeMs
    notice_ms: Integer
    smallest_ms: DurationMs
    largest_ms: DurationMs
    tariff_owner: MemberId
    tariff: Id
    tariff_version: Positive
    nature: Nature
    crew: Crew
    security_deposit_minor: Natural = 0
    prepayment_minor: Natural = 0
    earnest_minor: Natural = 0
    head: OptionalId = ""


class WithdrawOffer(Action, tag="leasing.withdraw_offer"):
    """The offerer takes no more enquiries. What it proposed in a bargain stands until its deadline."""

    offer: Id


class Enquire(Action, tag="leasing.enquire"):
    """A member asks for a slice of an offer, with a whole proposal."""

    bargain: Id
    offerer: MemberId
    offer: Id
    need: Need
    terms: LeaseTerms
    until_ms: TimeMs
    """The other may agree until then."""


class Counter(Action, tag="leasing.counter"):
    """The party whose turn it is proposes otherwise."""

    bargain: Id
    terms: LeaseTerms
    until_ms: TimeMs


class Agree(Action, tag="leasing.agree"):
    """The other side agrees to exactly the last proposal: the asset is booked until both have signed."""

    bargain: Id
    content: Hash


class Decline(Action, tag="leasing.decline"):
    """Either party ends a bargain."""

    bargain: Id


class AssetRegistered(Event, tag="leasing.asset_registered"):
    owner: MemberId
    asset: Id


class AssetUpdated(Event, tag="leasing.asset_updated"):
    owner: MemberId
    asset: Id
    version: Positive


class OfferPublished(Event, tag="leasing.offer_published"):
    offerer: MemberId
    offer: Id
    asset_owner: MemberId
    asset: Id
    from_ms: TimeMs
    to_ms: TimeMs


class OfferWithdrawn(Event, tag="leasing.offer_withdrawn"):
    offerer: MemberId
    offer: Id


class OfferEnded(Event, tag="leasing.offer_ended"):
    """Its window has passed."""

    offerer: MemberId
    offer: Id


class Proposed(Event, tag="leasing.proposed"):
    """An enquiry (round 1) or a counter-offer."""

    bargain: Id
    offerer: MemberId
    lessee: MemberId
    proposer: MemberId
    round: Positive
    content: Hash
    until_ms: TimeMs


class Agreed(Event, tag="leasing.agreed"):
    """Both agree, and the asset is booked."""

    bargain: Id
    lessor: MemberId
    lessee: MemberId
    asset_owner: MemberId
    asset: Id
    from_ms: TimeMs
    to_ms: TimeMs
    content: Hash
    sign_by_ms: TimeMs


class Declined(Event, tag="leasing.declined"):
    bargain: Id
    by: MemberId


class Lapsed(Event, tag="leasing.lapsed"):
    """A reservation was not signed in time: the asset is free again."""

    reservation: Id
