"""Bases of all that travels or is stored: actions, events, signals, records; and the kernel's own records."""

from typing import Any, ClassVar

from hansa.kernel.types import (
    FrozenMeta,
    Hash,
    Id,
    KeyId,
    MemberId,
    Natural,
    Positive,
    RegisteredName,
    Struct,
    TimeMs,
)


class _RecordMeta(FrozenMeta):
    """Takes `version`, `readers`, `retention` from the class line; the stored tag is `name.version`."""

    def __new__(
        mcls,
        name: str,
        bases: tuple[type, ...],
        namespace: dict[str, Any],
        *,
        version: int = 1,
        readers: str = "members",
        retention: str = "business",
        **config: Any,
    ) -> Any:
        if bases != (Struct,):
            config.setdefault("tag", f"{name.lower()}.{version}")
        cls: Any = super().__new__(mcls, name, bases, namespace, tag_field="_type", **config)
        cls.version, cls.readers, cls.retention = version, readers, retention
        return cls


class Record(Struct, metaclass=_RecordMeta):
    """What lies in a table. `readers` and `retention` say who may read it and how long it is kept.

    An earlier version that a table still holds keeps its stored name by `tag="name.version"`.
    """

    version: ClassVar[int]
    readers: ClassVar[str]
    retention: ClassVar[str]


class Action(Struct, tag_field="_type"):
    """What a member asks for. Subclass with `tag="room.verb"`."""


class Event(Struct, tag_field="_type"):
    """What happened, for everyone and for ever. Subclass with `tag="room.past_participle"`."""


class Signal:
    """What one room tells others within a transaction. A frozen dataclass; rooms name their listeners."""


class Key(Record, version=1, readers="members", retention="for ever"):
    """A public key of a member and what it may sign. The holder is a pseudonym (rule 8)."""

    suite: Positive
    public: bytes
    holder: Id
    kind: Id
    """person, device, gateway or worker."""
    scopes: tuple[str, ...]
    """Action tags it may sign: `billing.propose`, `billing.*`, or `*`."""
    expires_ms: TimeMs
    revoked_ms: TimeMs = 0
    """When it was revoked; 0 while it is not."""


class Window(Record, version=1, readers="members", retention="for ever"):
    """Which sequence numbers of a key are used: `highest`, and a bit for each of the 1,024 up to it."""

    highest: Natural = 0
    used: bytes = b""


class Due(Record, version=1, readers="members", retention="business"):
    """A piece of work waiting for its time."""

    handler: Id
    member: MemberId
    arguments: tuple[str, ...] = ()


class Pending(Record, version=1, readers="members", retention="business"):
    """How much work waits for a member."""

    count: Natural = 0


class Parked(Record, version=1, readers="members", retention="business"):
    """Work that failed when it fell due. It is tried again when a member asks for it."""

    handler: Id
    member: MemberId
    code: Id
    arguments: tuple[str, ...] = ()


class RoomPin(Struct):
    """A room from outside this release, exactly as the consortium voted for it."""

    name: Id
    version: RegisteredName
    sha256: Hash


class Active(Record, version=1, readers="public", retention="for ever"):
    """What is in force from a height on: the rules, and the rooms besides those of the release (rule 13)."""

    rules: Positive
    rooms: tuple[RoomPin, ...] = ()


class DueDropped(Event, tag="kernel.due_dropped"):
    """Work fell due of a room from outside that is no longer in force: there is nothing that could do it."""

    room: Id
    count: Positive


class Attested(Event, tag="kernel.attested"):
    """A current record, shown as an event so that it can be proved: true at this height (rule 15)."""

    table: Id
    key: tuple[str, ...]
    record: bytes


class Outcome(Struct):
    """Result of a transaction in a block, as members agree on it: code `ok`, or that of the refusal."""

    transaction: str
    """SHA-256 of the body, hexadecimal."""
    code: Id
    field: str = ""
    clause: str = ""


class Receipt(Struct):
    """A node's answer: what became of a transaction. Height 0: refused before a block, without a trace."""

    transaction: str
    code: str
    field: str = ""
    clause: str = ""
    zh: str = ""
    en: str = ""
    height: Natural = 0
    index: Natural = 0
    app_hash: str = ""


__all__ = [
    "Action",
    "Active",
    "Attested",
    "Due",
    "Event",
    "Id",
    "Key",
    "KeyId",
    "Outcome",
    "Parked",
    "Pending",
    "Receipt",
    "Record",
    "RoomPin",
    "Signal",
    "Window",
]
