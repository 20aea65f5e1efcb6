"""Members, their keys, the calendars they reckon by. Times are ms since the epoch, UTC."""

from typing import Literal

from hansa.apps.consortium.calendars import Calendar
from hansa.kernel import (
    Action,
    Event,
    Id,
    KeyId,
    MemberId,
    Positive,
    Record,
    RegisteredName,
    Struct,
    TimeMs,
)

KeyKind = Literal["person", "device", "gateway", "worker"]


class GenesisKey(Struct):
    """A key that a member starts with."""

    id: KeyId
    public: bytes
    holder: Id
    kind: KeyKind
    scopes: tuple[str, ...]
    expires_ms: TimeMs


class GenesisMember(Struct):
    id: MemberId
    name_zh: RegisteredName
    name_en: RegisteredName
    register_id: RegisteredName
    """统一社会信用代码, VAT id or LEI, as registered."""
    role: Id
    """maker, plant, bank, auditor, …: for people; it gives no rights."""
    keys: tuple[GenesisKey, ...]


class Genesis(Struct):
    """What a consortium starts from. Its canonical bytes' SHA-256 is the chain's id: it can never change."""

    name_zh: RegisteredName
    name_en: RegisteredName
    created_ms: TimeMs
    operator: MemberId
    """The member whose node orders the blocks."""
    node_public: bytes
    """Key that signs headers."""
    members: tuple[GenesisMember, ...]
    rules: Positive
    """Version of the rules in force from the first block on."""


class Member(Record, version=1, readers="members", retention="for ever"):
    """A company of the consortium (成员单位)."""

    name_zh: RegisteredName
    name_en: RegisteredName
    register_id: RegisteredName
    role: Id


class CalendarRecord(Record, version=1, readers="members", retention="for ever"):
    """A published calendar. It never changes: whoever agreed to it knows what they agreed to."""

    calendar: Calendar


class AddKey(Action, tag="consortium.add_key"):
    """A member registers one more key of its own. Rotation: add the new one, let the old one expire."""

    id: KeyId
    public: bytes
    holder: Id
    kind: KeyKind
    scopes: tuple[str, ...]
    expires_ms: TimeMs


class RevokeKey(Action, tag="consortium.revoke_key"):
    """A member ends one of its keys at once: lost, or its holder left."""

    id: KeyId


class PublishCalendar(Action, tag="consortium.publish_calendar"):
    """A member publishes a calendar under an id of its own: time zone changes, holidays, make-up workdays."""

    id: Id
    calendar: Calendar


class Attest(Action, tag="consortium.attest"):
    """Show a current record as an event, so that it can be proved (`kernel.attested`)."""

    table: Id
    key: tuple[str, ...]
    """Parts of the key; integers in decimal."""


class KeyAdded(Event, tag="consortium.key_added"):
    member: MemberId
    key: KeyId
    public: bytes


class KeyRevokedEvent(Event, tag="consortium.key_revoked"):
    member: MemberId
    key: KeyId


class CalendarPublished(Event, tag="consortium.calendar_published"):
    member: MemberId
    id: Id
