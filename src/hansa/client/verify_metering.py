"""Checks of what was metered: who vouches for each record, which close counted it, its reading."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, NamedTuple

from hansa.apps.billing.deal import bound
from hansa.apps.billing.messages import Statement
from hansa.apps.metering.batch import points_of
from hansa.apps.metering.chain import Point, life_point
from hansa.apps.metering.messages import (
    AnchorReadings,
    Counters,
    DeclareReset,
    Life,
    RecordCounters,
    ReplaceDevice,
    ReplacedFeed,
)
from hansa.apps.metering.readings import SALT_BYTES, ProvedReading, StoredReading
from hansa.client.bundle import Bundle
from hansa.client.report import Origin, Report, need, note
from hansa.client.texts import Text
from hansa.client.verify_acts import Placed
from hansa.client.verify_deal import Signed
from hansa.client.verify_ledger import Attests
from hansa.kernel import Key, encode, merkle, unpack
from hansa.kernel.canonical import decode_strict
from hansa.kernel.signatures import COUNTER_DOMAIN, verify

Batches = list[dict[str, list[Point]]]
"""Per close, per meter: what the feed had recorded since the close before."""


class Said(NamedTuple):
    """One record as an action states it."""

    owner: str
    feed: str
    point: Point
    origin: Origin


def read_records(report: Report, records: Attests, transactions: Sequence[Placed]) -> Batches:
    """All records of the agreement's meters, each vouched for; the first copy of a number stands."""
    assert report.deal is not None
    closes = report.statements
    meters = {(b.owner, b.feed): b.meter for b in bound(report.deal.agreement)}
    asked = {placed.id: placed.place for placed in transactions}
    out: Batches = [{} for _ in closes]
    signed = Signed()
    problems: list[str] = []
    seen: set[tuple[str, int, int]] = set()
    for placed in transactions:
        number = next((n for n, close in enumerate(closes) if _before(placed.place, close, asked)), None)
        member = placed.member
        for action in placed.actions:
            if isinstance(action, AnchorReadings):
                report.anchors.setdefault((member, action.anchor), action)
            said = list(_said(meters, records, signed, placed, action, report.anchors, problems))
            signed.take(member, action, placed.time_ms)
            for owner, feed, point, origin in said:
                meter = meters[owner, feed]
                copy = (meter, point.generation, point.sequence)
                if number is None or (point.sequence and copy in seen):
                    continue
                seen.add(copy)
                report.origins[meter, *point[:3]] = replace(origin, close=number)
                report.points.setdefault(meter, []).append(point)
                out[number].setdefault(meter, []).append(point)
    for points in report.points.values():
        points.sort()
    _note_sources(report, problems)
    report.missing = list(_missing(report))
    return out


def _note_sources(report: Report, problems: Sequence[str]) -> None:
    by_device: dict[str, bool] = {}
    for (meter, *_), origin in report.origins.items():
        if origin.anchor:
            by_device[meter] = by_device.get(meter, True) and origin.by_device
    report.device_meters = tuple(meter for meter, all_of_it in sorted(by_device.items()) if all_of_it)
    report.signed_by_device = bool(by_device) and all(by_device.values())
    who = Text("设备签名", "signed by the device")
    if not report.signed_by_device:
        who = Text(
            "由读取日志的网关签名，不是设备签名", "signed by the gateway that read the log, not by a device"
        )
        if report.device_meters:
            names = ", ".join(report.device_meters)
            who = Text(
                f"{names} 由设备签名，其余{who.zh}", f"{names} signed by the device, all else {who.en}"
            )
    need(
        report, "source",
        Text("计数记录由计量点登记的来源签署，并指明其存证",
             "counter records are vouched for by the feed's source, and name their anchor"),
        problems, who,
    )  # fmt: skip


def _before(place: tuple[int, int], close: Statement, asked: Mapping[str, tuple[int, int]]) -> bool:
    """Whether a close counted it: in an earlier block, or earlier in the block of the one that asked."""
    if place[0] != close.closed_height or not close.closed_by:
        return place[0] < close.closed_height
    return place < asked[close.closed_by]


def _said(
    meters: Mapping[tuple[str, str], str],
    records: Attests,
    signed: Signed,
    placed: Placed,
    action: Any,
    anchors: Mapping[tuple[str, str], AnchorReadings],
    problems: list[str],
) -> Iterator[Said]:
    """What an action says of the agreement's feeds. `signed`: what was said before it."""

    def origin(by_device: bool = False, anchor: str = "", index: int = 0) -> Origin:
        return Origin(placed.id, placed.place[0], placed.member, placed.key, by_device, anchor, index, None)

    if isinstance(action, RecordCounters) and (action.owner, action.counters.feed) in meters:
        counters = action.counters
        points, indices = points_of(counters), unpack(action.index)
        anchor = anchors.get((action.owner, action.anchor))
        anchored = anchor is not None and all(0 <= index < anchor.count for index in indices)
        if not (anchored and len(points) == len(indices) and _vouched(records, signed, placed, action)):
            problems.append(
                f"{placed.where}: {counters.feed} {counters.generation}.{counters.first_sequence}"
            )
            return
        for point, index in zip(points, indices, strict=True):
            yield Said(
                action.owner, counters.feed, point, origin(bool(action.signature), action.anchor, index)
            )
    elif isinstance(action, DeclareReset) and (placed.member, action.feed) in meters:
        yield Said(placed.member, action.feed, life_point(action.at_ms, _life(action)), origin())
    elif isinstance(action, ReplaceDevice):
        for counter in action.counters:
            if (placed.member, counter.feed) in meters:
                yield Said(placed.member, counter.feed, life_point(action.at_ms, _life(counter)), origin())


def _life(declared: DeclareReset | ReplacedFeed) -> Life:
    return Life(final_value=declared.final_value, start_value=declared.start_value, generation=1)


def _vouched(records: Attests, signed: Signed, placed: Placed, action: RecordCounters) -> bool:
    """By the device's own signature, or by the gateway that is the registered source (rule 26)."""
    counters: Counters = action.counters
    feed = signed.feeds.get((action.owner, counters.feed))
    lives = signed.lives.get((action.owner, feed.device), []) if feed else []
    if counters.generation > len(lives):
        return False
    source = lives[counters.generation - 1].source
    key = records.get(Key, "kernel.keys", action.owner, source)
    if placed.time_ms > key.expires_ms or (key.revoked_ms and placed.time_ms > key.revoked_ms):
        return False
    if not action.signature:
        return (placed.member, placed.key, key.kind) == (action.owner, source, "gateway")
    message = COUNTER_DOMAIN + key.public + encode(counters)
    return key.kind == "device" and verify(key.suite, key.public, action.signature, message)


def _missing(report: Report) -> Iterator[str]:
    """Sequence numbers below the highest for which there is no record: not sent yet, or left out."""
    numbers: dict[tuple[str, int], list[int]] = {}
    for meter, _, generation, sequence in report.origins:
        if sequence:
            numbers.setdefault((meter, generation), [0]).append(sequence)
    for (meter, generation), found in sorted(numbers.items()):
        for low, high in pairwise(sorted(found)):
            if high - low > 1:
                stretch = f"{low + 1}" if high - low == 2 else f"{low + 1}–{high - 1}"
                yield f"{meter} {generation}.{stretch}"


def check_readings(report: Report, bundle: Bundle) -> None:
    """Readings lie under their anchors, and counter records repeat them."""
    held: dict[tuple[str, str, int], StoredReading] = {}
    problems: list[str] = []
    for n, item in enumerate(bundle.readings):
        reading = item.reading
        name = (item.owner, reading.anchor, reading.index)
        anchor = report.anchors.get(name[:2])
        if anchor is None or not _lies_under(anchor, reading):
            problems.append(f"readings[{n}] ({reading.anchor} #{reading.index})")
            report.broken.add(name)
            continue
        held[name] = decode_strict(reading.data, StoredReading)
    repeated = _match(report, held, problems)
    note(
        report, "readings",
        Text("读数在其存证之下，计数记录与读数一致",
             "readings lie under their anchors, and counter records repeat them"),
        problems,
        Text(f"{len(bundle.readings)} 条读数，对应 {repeated} 条计数记录",
             f"{len(bundle.readings)} readings, repeated by {repeated} counter records"),
    )  # fmt: skip


def _lies_under(anchor: AnchorReadings, reading: ProvedReading) -> bool:
    """Whether the reading is that leaf of the anchored batch."""
    if len(reading.salt) != SALT_BYTES:
        return False
    leaf = merkle.leaf_hash(reading.salt + reading.data)
    path = [bytes.fromhex(step) for step in reading.path]
    root = merkle.root_from_path(leaf, reading.index, anchor.count, path)
    return root is not None and root.hex() == anchor.root


def _match(report: Report, held: Mapping[tuple[str, str, int], StoredReading], problems: list[str]) -> int:
    """Put each record's reading beside it; a difference is a problem. Returns how many were found."""
    assert report.deal is not None
    repeated = 0
    for binding in bound(report.deal.agreement):
        for point in report.points.get(binding.meter, ()):
            name = (binding.meter, *point[:3])
            origin = report.origins[name]
            reading = held.get((binding.owner, origin.anchor, origin.index))
            if point.life or reading is None:
                continue
            report.origins[name] = replace(origin, reading=reading)
            if repeats(point, reading, binding.feed):
                repeated += 1
            else:
                problems.append(f"{binding.feed} {point.generation}.{point.sequence}")
    return repeated


def repeats(point: Point, reading: StoredReading, feed: str) -> bool:
    """Whether a counter record says what its reading says."""
    return (reading.feed, reading.at_ms, reading.value, reading.span_ms, reading.lost) == (
        feed, point.at_ms, point.value, point.span_ms, point.lost,
    )  # fmt: skip
