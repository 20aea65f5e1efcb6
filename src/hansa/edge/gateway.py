"""From a log that was read to the ledger: readings stored and anchored, counter records signed and submitted.

The gateway signs what it read; that is not a device's signature, and nothing here says it is (protocol, rule
26).
"""

import hashlib
import hmac
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from math import floor

from hansa.apps.metering.messages import (
    AnchorReadings,
    Counters,
    DeclareReset,
    Feed,
    LegalUse,
    RecordCounters,
    RegisterDevice,
    RegisterFeed,
)
from hansa.apps.metering.readings import StoredReading
from hansa.client import Client
from hansa.edge.log_model import FeedLog, Log
from hansa.edge.mapping_model import FeedSpec, Mapping
from hansa.edge.readings import ReadingStore
from hansa.kernel import Action, limits, pack

FEED_KINDS = {"counter": "counter", "amount": "amount", "state": "state", "power": "amount"}


@dataclass(frozen=True)
class Item:
    """A reading of a feed on its way: which feed, which reading, and its number among the feed's counter
    records.
    """

    at_ms: int
    feed: int
    reading: int
    record: int
    """0 if it does not become a counter record."""


@dataclass(frozen=True)
class Delivery:
    """What is sent together: readings of one stretch of time, all feeds."""

    name: str
    items: tuple[Item, ...]
    last_ms: int


def feed_name(device: str, spec: FeedSpec) -> str:
    return f"{device}.{spec.name}"


def declarations(log: Log, mapping: Mapping, source: str) -> list[Action]:
    """What the owner registers before the first record: the device and its feeds, as the mapping declares
    them.
    """
    actions: list[Action] = [RegisterDevice(device=log.device, source=source)]
    for feed in log.feeds:
        name = feed_name(log.device, feed.spec)
        actions.append(RegisterFeed(feed=name, declaration=declaration(log.device, feed, mapping)))
    return actions


def declaration(device: str, feed: FeedLog, mapping: Mapping) -> Feed:
    spec = feed.spec
    state = spec.kind == "state"
    legal = spec.legal_use
    primary, _, secondary = legal.ratio.partition("/")
    return Feed(
        device=device,
        kind=FEED_KINDS[spec.kind],  # type: ignore[arg-type]  # the three kinds that the ledger knows
        base_unit="ms" if state else feed.base_unit,
        carrier=spec.carries,  # type: ignore[arg-type]  # the mapping was checked
        reporting=spec.reporting,
        legal_use=LegalUse(
            grade=legal.grade,
            certificate=legal.certificate,
            valid_until_ms=mapping.valid_until_ms(spec),
            accuracy_class=legal.class_,
            seal=legal.seal,
            ratio_primary=int(primary) if primary.isdigit() else 0,
            ratio_secondary=int(secondary) if secondary.isdigit() else 0,
        ),
        wired=feed.wired,
        integrated=spec.kind == "power",
        modulus=spec.modulus_base,
        states=feed.states if state else (),
    )


def resets(log: Log, mapping: Mapping) -> list[DeclareReset]:
    """What the mapping declares of counters that began anew, in order of time.

    One by one, or that every fall is a reset: then the counter ended at its last value and began from 0.
    """
    out: list[DeclareReset] = []
    for feed in log.feeds:
        name = feed_name(log.device, feed.spec)
        if isinstance(feed.spec.resets, list):
            for reset in feed.spec.resets:
                final, start = (
                    floor(Fraction(str(value)) * feed.spec.factor) for value in (reset.final, reset.start)
                )
                at_ms = mapping.instant_ms(reset.at)
                out.append(DeclareReset(feed=name, at_ms=at_ms, final_value=final, start_value=start))
        elif feed.spec.resets == "every_fall":
            for index in feed.falls:
                before = next(i for i in range(index - 1, -1, -1) if not feed.lost[i])
                final = feed.value[before]
                at_ms = feed.at_ms[index]
                out.append(DeclareReset(feed=name, at_ms=at_ms, final_value=final, start_value=0))
    return sorted(out, key=lambda reset: (reset.at_ms, reset.feed))


def deliveries(
    log: Log, every_ms: int, starts_ms: Sequence[int] = (), replaced_ms: Sequence[int] = ()
) -> Iterator[Delivery]:
    """The log's readings in order of time, cut into stretches of `every_ms` and at the instants given.

    From each replacement of the device on, records are numbered from 1 again: each generation has its own.
    """
    cuts = sorted((*starts_ms, *replaced_ms))
    items = _items(log, sorted(replaced_ms))

    def stretch(item: Item) -> tuple[int, int]:
        return bisect_right(cuts, item.at_ms), item.at_ms // every_ms

    for number, (_, group) in enumerate(groupby(items, stretch), 1):
        members = list(group)
        for part in range(0, len(members), limits.READINGS_PER_BATCH_MAX):
            some = tuple(members[part : part + limits.READINGS_PER_BATCH_MAX])
            name = f"{log.device}.{number:06d}" + (f".{part}" if part else "")
            yield Delivery(name, some, some[-1].at_ms)


def _items(log: Log, replaced_ms: Sequence[int]) -> list[Item]:
    items = []
    for number, feed in enumerate(log.feeds):
        overlapping = set(feed.overlaps)  # The ledger would refuse them; the reader has listed them.
        records: dict[int, int] = {}
        counts: dict[int, int] = {}
        for reading in feed.record:
            if reading not in overlapping:
                generation = bisect_right(replaced_ms, feed.at_ms[reading])
                counts[generation] = counts.get(generation, 0) + 1
                records[reading] = counts[generation]
        items += [
            Item(at_ms, number, reading, records.get(reading, 0)) for reading, at_ms in enumerate(feed.at_ms)
        ]
    items.sort(key=lambda item: (item.at_ms, item.feed, item.reading))
    return items


class Gateway:
    """Signs for one device of its owner. `secret` is the gateway's own; salts and batch secrets come from
    it.
    """

    def __init__(self, client: Client, store: ReadingStore, secret: bytes) -> None:
        self.client = client
        self.store = store
        self._secret = secret

    def wires(self, log: Log, delivery: Delivery, generation: int = 1) -> list[bytes]:
        """Store a delivery's readings, and sign what the ledger is told of them: anchor first, then
        records.
        """
        secret = hmac.digest(self._secret, delivery.name.encode(), "sha256")
        root, _ = self.store.add(delivery.name, secret, stored(log, delivery))
        told = told_of(log, delivery, self.client.member, root, generation)
        return [self.client.sign(action) for action in told]


def stored(log: Log, delivery: Delivery) -> list[StoredReading]:
    """A delivery's readings as their owner keeps them."""
    return [_stored(log, item) for item in delivery.items]


def told_of(log: Log, delivery: Delivery, owner: str, root: bytes, generation: int) -> list[Action]:
    """What the ledger is told of a delivery whose readings have this Merkle root: anchor, then records."""
    times = [item.at_ms for item in delivery.items]
    files = sorted({log.files[log.feeds[item.feed].file[item.reading]].sha256 for item in delivery.items})
    told: list[Action] = [
        AnchorReadings(
            anchor=delivery.name,
            root=root.hex(),
            count=len(delivery.items),
            first_ms=min(times),
            last_ms=max(times),
            file_sha256=files[0] if len(files) == 1 else hashlib.sha256("".join(files).encode()).hexdigest(),
        )
    ]
    for number, feed in enumerate(log.feeds):
        chosen = [(i, item) for i, item in enumerate(delivery.items) if item.feed == number and item.record]
        for start in range(0, len(chosen), limits.RECORDS_PER_BATCH_MAX):
            part = chosen[start : start + limits.RECORDS_PER_BATCH_MAX]
            counters = _counters(feed_name(log.device, feed.spec), feed, part, generation)
            index = pack(index for index, _ in part)
            told.append(RecordCounters(owner=owner, counters=counters, anchor=delivery.name, index=index))
    return told


def _counters(name: str, feed: FeedLog, chosen: Sequence[tuple[int, Item]], generation: int) -> Counters:
    readings = [item.reading for _, item in chosen]
    spans = [feed.span_ms[reading] for reading in readings]
    return Counters(
        feed=name,
        generation=generation,
        first_sequence=chosen[0][1].record,
        at_ms=pack(feed.at_ms[reading] for reading in readings),
        value=pack(feed.value[reading] for reading in readings),
        lost=pack(position for position, reading in enumerate(readings) if feed.lost[reading]),
        span_ms=pack(spans) if any(spans) else b"",
    )


def _stored(log: Log, item: Item) -> StoredReading:
    feed = log.feeds[item.feed]
    return StoredReading(
        feed=feed_name(log.device, feed.spec),
        number=item.reading + 1,
        at_ms=item.at_ms,
        value=feed.value[item.reading],
        span_ms=feed.span_ms[item.reading],
        lost=bool(feed.lost[item.reading]),
    )
