"""Founding, members, their keys, the calendars they reckon by. Times are ms since the epoch, UTC.

Votes and approval rules have modules of their own: messages_votes, messages_approvals.
"""

from typing import Literal

from hansa.apps.consortium.calendars import Calendar
from hansa.kernel import (
    Action,
    Cosigner,
    DurationMs,
    Event,
    Hash,
    Id,
    KeyId,
    MemberId,
    Natural,
    OptionalHash,
    OptionalId,
    OptionalName,
    Positive,
    Record,
    RegisteredName,
    Struct,
    TimeMs,
    Url,
)

RegistrationKind = Literal["uscc", "vat", "lei", "unchecked"]
SizeClass = Literal["large", "medium", "small", "micro"]
"""大型、中型、小型、微型企业, as the company declares it (for China: 中小企业划型标准规定)."""
OptionalSize = Literal["", "large", "medium", "small", "micro"]
Role = Literal[
    "lessor", "plant", "supplier", "carrier", "bank", "insurer", "auditor", "regulator", "research",
    "energy", "ict", "integrator",
]  # fmt: skip
"""What a member does in the consortium: for people and for looking up. It gives no rights."""
LicenceKind = Literal[
    "business", "customs", "metrology", "payment", "banking", "insurance", "audit", "transport",
    "electricity", "telecom", "production", "food", "hazardous", "quality", "finance_lease", "other",
]  # fmt: skip
Status = Literal["active", "suspended", "left"]


KeyKind = Literal["person", "device", "gateway", "worker"]
"""Kinds under rules 1."""
AnyKeyKind = Literal["person", "device", "gateway", "worker", "recovery"]
"""person: somebody who acts for the member. device: signs counter records only. gateway, worker: programs.
recovery: kept cold, signs `consortium.recover` only."""


class NewKey(Struct):
    """A key as it is registered. The holder is a pseudonym: who it is, the member's own directory says."""

    id: KeyId
    public: bytes
    holder: Id
    kind: AnyKeyKind
    scopes: tuple[str, ...]
    """Action tags it may sign: `billing.propose`, `billing.*` or `*`; none for a device."""
    expires_ms: TimeMs
    proof: bytes
    """Its signature over `signatures.possession(chain, member, id, public)`: who registers a key holds it."""


class Registration(Struct):
    """By what a company is registered, checked as far as the number itself allows (registration.py)."""

    kind: RegistrationKind
    """uscc 统一社会信用代码, vat, lei; `unchecked` only for members from the time of rules 1."""
    number: RegisteredName


class Licence(Struct):
    """A licence that a member shows by the hash of the document; the document itself lies at the member."""

    kind: LicenceKind
    sha256: Hash
    expires_ms: TimeMs = 0
    """When it ends; 0: it has no end."""
    number: OptionalName = ""


class Company(Struct):
    """What a company registers of itself. No natural person's data (rule 8)."""

    name_zh: RegisteredName
    name_en: RegisteredName
    registration: Registration
    size: SizeClass
    roles: tuple[Role, ...]
    licences: tuple[Licence, ...] = ()
    node_url: Url = ""
    """Where its node answers."""
    cosigner_url: Url = ""
    """Where its cosigner answers the others, if elsewhere (rule 27)."""


class GenesisKey(Struct):
    """A key that a member starts with."""

    id: KeyId
    public: bytes
    holder: Id
    kind: AnyKeyKind
    scopes: tuple[str, ...]
    expires_ms: TimeMs


class GenesisMember(Struct):
    """A founding member. From rules 2 on it gives `registration`, `size` and `roles`, as all members do."""

    id: MemberId
    name_zh: RegisteredName
    name_en: RegisteredName
    keys: tuple[GenesisKey, ...]
    register_id: OptionalName = ""
    """Rules 1 only: 统一社会信用代码, VAT id or LEI, unchecked."""
    role: OptionalId = ""
    """Rules 1 only."""
    registration: Registration | None = None
    size: OptionalSize = ""
    roles: tuple[Role, ...] = ()
    licences: tuple[Licence, ...] = ()
    node_url: Url = ""
    cosigner_url: Url = ""


class ParameterValue(Struct):
    """A parameter by its name in parameters.py."""

    name: Id
    value: Natural


class Validator(Struct):
    """A founding member whose node votes on blocks."""

    member: MemberId
    public: bytes
    """Consensus key, Ed25519, 32 bytes."""
    power: Positive
    """Voting power; all the same unless the founders agree otherwise."""
    proof: bytes
    """Of that key over `validators.message("", member, public)`: there is no chain yet."""


class Genesis(Struct):
    """What a consortium starts from. Its canonical bytes' SHA-256 is the chain's id: it can never change.

    Of two kinds: one member's node orders the blocks, or the validators do, a network.
    """

    name_zh: RegisteredName
    name_en: RegisteredName
    created_ms: TimeMs
    members: tuple[GenesisMember, ...]
    rules: Positive
    """Version of the rules in force from the first block on."""
    operator: OptionalId = ""
    """The member whose node orders the blocks; empty on a network."""
    node_public: bytes = b""
    """Key that signs headers; empty on a network."""
    charter_sha256: OptionalHash = ""
    """The founding document, which every later member accepts by this hash."""
    cosigners: tuple[Cosigner, ...] = ()
    """Whose signatures make a header final, the operator with `node_public` among them; empty: it alone."""
    quorum: Natural = 0
    """How many of them; more than (n+f)/2, f = (n−1)//3. 0 where `cosigners` is empty."""
    parameters: tuple[ParameterValue, ...] = ()
    """Those that differ from their defaults."""
    validators: tuple[Validator, ...] = ()
    """Of a network; then operator, node_public, cosigners and quorum are left out."""

    @property
    def is_network(self) -> bool:
        """Whether validators order the blocks."""
        return bool(self.validators)


class MemberV1(Record, version=1, tag="member.1", readers="members", retention="for ever"):
    """A company as rules 1 knew it."""

    name_zh: RegisteredName
    name_en: RegisteredName
    register_id: RegisteredName
    role: Id


class Member(Record, version=2, readers="members", retention="for ever"):
    """A company of the consortium (成员单位)."""

    name_zh: RegisteredName
    name_en: RegisteredName
    registration: Registration
    size: OptionalSize
    """Empty only for members from the time of rules 1."""
    roles: tuple[Role, ...]
    status: Status
    since_ms: TimeMs
    """Since when it has this status; 0: since the founding, under rules 1."""
    licences: tuple[Licence, ...] = ()
    node_url: Url = ""
    cosigner_url: Url = ""


class Registered(Record, version=1, readers="members", retention="for ever"):
    """Which member is registered by a number: no company votes twice."""

    member: MemberId


class KeyOwner(Record, version=1, readers="members", retention="for ever"):
    """Whose key a public key is: none is registered twice, by whomever."""

    member: MemberId
    key: KeyId


class CosignerSet(Record, version=1, readers="public", retention="for ever"):
    """Whose signatures make a header final, from height `since` on (rule 27)."""

    operator: MemberId
    """Orders the blocks; its key in `cosigners` signs headers and acknowledgements."""
    cosigners: tuple[Cosigner, ...]
    quorum: Positive
    since: Positive
    succeeds: OptionalId = ""
    """The operator that the cosigners replaced by a succession: `since` is then the height of the very block
    that says so. Empty for a set that a vote, or the genesis file, made.
    """


class Charter(Record, version=1, readers="members", retention="for ever"):
    """The founding document by its hash."""

    sha256: Hash


class Parameter(Record, version=1, readers="members", retention="for ever"):
    """A parameter that a vote, or the genesis file, set."""

    value: Natural


class CalendarRecord(Record, version=1, readers="members", retention="for ever"):
    """A published calendar. It never changes: whoever agreed to it knows what they agreed to."""

    calendar: Calendar


class UpdateMember(Action, tag="consortium.update_member"):
    """A member changes its own data, all of them at once. Names and registration change by vote (Amend)."""

    size: SizeClass
    roles: tuple[Role, ...]
    licences: tuple[Licence, ...] = ()
    node_url: Url = ""
    cosigner_url: Url = ""


class Leave(Action, tag="consortium.leave"):
    """A member leaves of its own will. Its history, obligations and keys stay; it enters nothing new."""


class AddKey(Action, tag="consortium.add_key"):
    """Rules 1 only: a member registers one more key of its own, without proof that it holds it."""

    id: KeyId
    public: bytes
    holder: Id
    kind: KeyKind
    scopes: tuple[str, ...]
    expires_ms: TimeMs


class RegisterKey(Action, tag="consortium.register_key"):
    """A member registers one more key of its own, or rotates one: the old key then ends after an overlap."""

    key: NewKey
    """Of a rotated key kind and holder stay; no scopes: those of the old."""
    replaces: OptionalId = ""
    overlap_ms: DurationMs = 0
    """How long the old key still serves."""


class RevokeKey(Action, tag="consortium.revoke_key"):
    """A member ends one of its keys at once: lost, or its holder left."""

    id: KeyId


class Recover(Action, tag="consortium.recover"):
    """Signed by a member's recovery key: ends the named keys and registers new ones.

    One of the new keys may be the next recovery key; the one that signs then ends.
    """

    revoke: tuple[KeyId, ...]
    keys: tuple[NewKey, ...]
    guarded: bool = False
    """Binds the new recovery key to the approval rules as they stand: what it signs then waits for as many
    holders as they demand, or for a notice."""


class PublishCalendar(Action, tag="consortium.publish_calendar"):
    """A member publishes a calendar under an id of its own: time zone changes, holidays, make-up workdays."""

    id: Id
    calendar: Calendar


class Attest(Action, tag="consortium.attest"):
    """Show a current record as an event, so that it can be proved (`kernel.attested`)."""

    table: Id
    key: tuple[str, ...]
    """Parts of the key; integers in decimal."""


class MemberAdmitted(Event, tag="consortium.member_admitted"):
    member: MemberId
    proposal: Id
    company: Company
    charter_sha256: OptionalHash = ""


class MemberUpdated(Event, tag="consortium.member_updated"):
    member: MemberId
    proposal: OptionalId = ""
    """The vote that changed names or registration; empty where the member changed its own data."""


class StatusChanged(Event, tag="consortium.status_changed"):
    member: MemberId
    status: Status
    proposal: OptionalId = ""
    """The vote that did it; empty where the member left of its own will."""


class CosignersChanged(Event, tag="consortium.cosigners_changed"):
    """The whole new set: whoever verifies follows these from the genesis file on."""

    operator: MemberId
    cosigners: tuple[Cosigner, ...]
    quorum: Positive
    since: Positive
    """First height whose header it is that this set makes final."""
    proposal: OptionalId = ""
    """The vote that decided it; none, where the cosigners replaced the operator without one."""
    succeeds: OptionalId = ""
    """The operator that was replaced without a vote: `since` is then the height of this event's own block."""


class ParameterChanged(Event, tag="consortium.parameter_changed"):
    name: Id
    value: Natural
    proposal: Id


class KeyAdded(Event, tag="consortium.key_added"):
    member: MemberId
    key: KeyId
    public: bytes


class KeyRegistered(Event, tag="consortium.key_registered"):
    """A key as the ledger holds it from here on, whether its member registered it or a vote."""

    member: MemberId
    key: KeyId
    public: bytes
    holder: Id
    kind: AnyKeyKind
    scopes: tuple[str, ...]
    expires_ms: TimeMs
    replaces: OptionalId = ""
    replaced_until_ms: TimeMs = 0
    """When the old key now expires."""
    proposal: OptionalId = ""
    """The vote that registered it."""


class KeyRevokedEvent(Event, tag="consortium.key_revoked"):
    member: MemberId
    key: KeyId
    proposal: OptionalId = ""
    """The vote that revoked it."""


class CalendarPublished(Event, tag="consortium.calendar_published"):
    member: MemberId
    id: Id


class KeyExpiry(Struct):
    """A key that ends soon."""

    member: MemberId
    key: KeyId
    holder: Id
    kind: Id
    expires_ms: TimeMs
