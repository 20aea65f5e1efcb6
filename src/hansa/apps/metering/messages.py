"""Devices, feeds, anchored readings, counter records. Times are ms since the epoch, UTC.

A *reading* stays with its owner; its batch's Merkle root is anchored here. A *counter record* (value at a
time) is what bills rest on: it lies on the ledger and names the reading it repeats.
"""

from typing import Literal

from hansa.kernel import (
    Action,
    DurationMs,
    Event,
    Hash,
    Id,
    Integer,
    KeyId,
    MemberId,
    Natural,
    OptionalHash,
    OptionalId,
    OptionalName,
    Positive,
    Record,
    StateName,
    Struct,
    TimeMs,
    UnitName,
)

FeedKind = Literal["counter", "amount", "state"]
BaseUnit = UnitName
"""What the integers count: piece, ms, Wh, g, ml, or another countable thing (`inspection`)."""
Carrier = Literal["pieces", "time", "electricity", "gas", "water", "heat", "weight", "other"]
Reporting = Literal["on_change", "periodic"]
FallStatus = Literal["pending", "false_reading", "reset"]


class LegalUse(Struct):
    """Whether a meter may settle trade (protocol, rule 25). Billing grade needs all that the certificate
    says.
    """

    grade: Literal["billing", "indicative"]
    certificate: OptionalName = ""
    """Number of the verification certificate, as printed."""
    valid_until_ms: TimeMs = 0
    accuracy_class: OptionalName = ""
    seal: OptionalName = ""
    ratio_primary: Natural = 0
    """Transformer ratio, primary : secondary, already applied in the values; 0 : 0 where there is none."""
    ratio_secondary: Natural = 0


class Device(Record, version=1, readers="members", retention="business"):
    """A machine or meter of a member. Its generation rises when it is replaced or restored (rule 23)."""

    generation: Positive


class Generation(Record, version=1, readers="members", retention="business"):
    """A device's life between replacements, and the key that speaks for it."""

    source: KeyId
    """A key of the owner: of kind device, which signs the records itself, or the gateway that read them."""
    from_ms: TimeMs = 0
    until_ms: TimeMs = 0
    """When it was replaced; 0 while it is in use."""


class Feed(Record, version=1, readers="members", retention="business"):
    """One signal of a device, as its owner declares it."""

    device: Id
    kind: FeedKind
    base_unit: BaseUnit
    carrier: Carrier
    reporting: Reporting
    """on_change: silence means no change. periodic: silence means loss."""
    legal_use: LegalUse
    wired: bool = False
    """The owner says that the signal is connected and has been seen to move. Billing refuses one that is
    not.
    """
    integrated: bool = False
    """Computed from another quantity, such as power: indicative always (rule 25)."""
    modulus: Natural = 0
    """The counter starts again at 0 here, base units; 0: it does not."""
    states: tuple[StateName, ...] = ()
    """Of a state feed: the names that values index; the first is `unknown`."""


class Fold(Struct):
    """How far a feed's records have been read (docs/metering-rules.md M3–M7, M13)."""

    at_ms: TimeMs = 0
    """Time of the last good reading, or of the last record of a state or amount."""
    value: Integer = 0
    """Its value: of a counter the running total, wraps undone; of a state the index."""
    some: bool = False
    """Whether there is one."""
    lost_ms: Integer = 0
    """First loss of signal since, plus one; 0: none."""
    fall_first_ms: Integer = 0
    """First of the pending low readings, plus one; 0: none."""
    fall_last_ms: TimeMs = 0
    fall_count: Natural = 0
    fall_value: Integer = 0
    """The first low value; generation and sequence of its record follow."""
    fall_generation: Natural = 0
    fall_sequence: Natural = 0


class Head(Record, version=1, readers="members", retention="business"):
    """Where a feed stands: its last record in order, and the fold up to it."""

    at_ms: TimeMs
    generation: Natural
    sequence: Natural
    fold: Fold
    first_ms: TimeMs = 0
    """Time of the first good reading; of amounts the start of the first one."""
    records: Natural = 0


class CounterRecord(Record, version=1, readers="members", retention="business"):
    """One record of a feed; time, generation and sequence stand in its key."""

    value: Integer = 0
    """Base units; of a state its index; 0 where the signal was lost."""
    span_ms: DurationMs = 0
    """Of an amount: the length of its interval, which ends at the record's time."""
    lost: bool = False
    life: bool = False
    """A declared end of one life of a counter, at `value`, and begin of the next, at `start_value` (M5)."""
    start_value: Natural = 0
    good: bool = False
    """Of a counter: the value stands (M4)."""
    total: Integer = 0
    """Of a good counter value: the running total, wraps undone."""
    anchor: OptionalId = ""
    """The batch that holds the reading this record repeats; "" for a declared point."""
    index: Natural = 0
    """Its index in that batch."""


class Numbers(Record, version=1, readers="members", retention="business"):
    """Which sequence numbers of a feed and generation are in use: none above `highest`."""

    highest: Positive
    longest: Positive
    """Of the batches that brought them, how many records the longest has."""


class Batch(Record, version=1, readers="members", retention="business"):
    """Which transaction brought records: from a sequence number on, so many, of which at least one was
    new.
    """

    transaction: Hash
    at_ms: bytes
    """Packed: under which time the record of each number stands."""
    received_ms: TimeMs = 0
    """Time of the block that brought them; 0 under rules 1."""


class Anchor(Record, version=1, readers="members", retention="business"):
    """The Merkle root over a batch of salted readings that their owner keeps (rule 18)."""

    root: Hash
    count: Positive
    first_ms: TimeMs
    last_ms: TimeMs
    file_sha256: OptionalHash = ""
    """Of the file that a gateway read; "" where the gateway read the device itself (rule 26)."""
    transaction: OptionalHash = ""
    """The one that anchored it."""


class Life(Record, version=1, readers="members", retention="business"):
    """A counter's declared end and new beginning at one instant (M5)."""

    final_value: Natural
    start_value: Natural
    generation: Positive
    """Of the device when it was declared; of a replacement, the one that ended."""
    replaced: bool = False
    """By another device; else the same one was reset."""
    transaction: OptionalHash = ""
    received_ms: TimeMs = 0
    """Time of the block that brought it; 0 under rules 1."""


class Fall(Record, version=1, readers="members", retention="business"):
    """Low readings of a counter, one after the other, and what became of them (M4, M5)."""

    last_ms: TimeMs
    count: Positive
    value: Integer
    """The first low value."""
    good_value: Integer
    """The last good total before it."""
    status: FallStatus


class Contradiction(Record, version=1, readers="members", retention="for ever"):
    """Two contents under one generation and sequence: a provable fault of the source (rule 23)."""

    first_at_ms: TimeMs
    first_value: Integer
    second_at_ms: TimeMs
    second_value: Integer
    second_lost: bool
    transaction: Hash


class RegisterDevice(Action, tag="metering.register_device"):
    """An owner makes a device known. `source` is the key of the owner's that signs for it."""

    device: Id
    source: KeyId


class ReplacedFeed(Struct):
    """What a counter showed last before the replacement, and what its successor starts from."""

    feed: Id
    final_value: Natural
    start_value: Natural


class ReplaceDevice(Action, tag="metering.replace_device"):
    """The device was replaced, or restored from a copy: its generation rises by one from at_ms on."""

    device: Id
    source: KeyId
    at_ms: TimeMs
    counters: tuple[ReplacedFeed, ...] = ()


class RegisterFeed(Action, tag="metering.register_feed"):
    """An owner makes a signal of a device known. It cannot be changed later, but for its legal use."""

    feed: Id
    declaration: Feed


class RenewLegalUse(Action, tag="metering.renew_legal_use"):
    """A new verification certificate, or the loss of the old one."""

    feed: Id
    legal_use: LegalUse


class AnchorReadings(Action, tag="metering.anchor"):
    """Commit to a batch of readings. They can be proved one by one later, and none can be put in or
    changed.
    """

    anchor: Id
    root: Hash
    count: Positive
    first_ms: TimeMs
    last_ms: TimeMs
    file_sha256: OptionalHash = ""


class Counters(Struct):
    """Records of one feed under consecutive sequence numbers: what a device signs (rule 23).

    The vectors are packed, of equal length; `span_ms` is empty but for amounts.
    """

    feed: Id
    generation: Positive
    first_sequence: Positive
    at_ms: bytes
    value: bytes
    lost: bytes
    """Positions within the batch at which the signal was lost, rising."""
    span_ms: bytes = b""


class RecordCounters(Action, tag="metering.record"):
    """Records arrive, in any order of time.

    `signature` is the device's over its key and `counters`; empty where the transaction's own key is the
    source: then a gateway vouches, and no device has signed (rule 26).
    """

    owner: MemberId
    counters: Counters
    anchor: Id
    index: bytes
    """Packed: index of each record's reading in the anchored batch."""
    signature: bytes = b""


class DeclareReset(Action, tag="metering.declare_reset"):
    """The owner explains a fall: the counter ended at final_value and began again from start_value at
    at_ms.
    """

    feed: Id
    at_ms: TimeMs
    final_value: Natural
    start_value: Natural


class DeviceRegistered(Event, tag="metering.device_registered"):
    owner: MemberId
    device: Id
    source: KeyId


class DeviceReplaced(Event, tag="metering.device_replaced"):
    owner: MemberId
    device: Id
    generation: Positive
    at_ms: TimeMs


class FeedRegistered(Event, tag="metering.feed_registered"):
    owner: MemberId
    feed: Id
    kind: FeedKind


class LegalUseRenewed(Event, tag="metering.legal_use_renewed"):
    owner: MemberId
    feed: Id
    valid_until_ms: TimeMs


class Anchored(Event, tag="metering.anchored"):
    owner: MemberId
    anchor: Id
    root: Hash
    count: Positive
    file_sha256: OptionalHash = ""


class Recorded(Event, tag="metering.recorded"):
    """How many records of a batch were new; repeats do nothing, contradictions are events of their own."""

    owner: MemberId
    feed: Id
    first_sequence: Positive
    new: Natural
    repeated: Natural
    contradicting: Natural


class Contradicted(Event, tag="metering.contradicted"):
    """A batch says otherwise than what stands under numbers that were used. Each has its record,
    Contradiction.
    """

    owner: MemberId
    feed: Id
    generation: Positive
    first_sequence: Positive
    """The first number contradicted."""
    count: Positive
    source: KeyId


class ResetDeclared(Event, tag="metering.reset_declared"):
    owner: MemberId
    feed: Id
    at_ms: TimeMs
    final_value: Natural
    start_value: Natural
