"""Devices, feeds, anchors, counter records: what machines tell, mostly in order, and sometimes not."""

from collections.abc import Iterable
from typing import Any

from hansa.apps.consortium.messages import RegisterKey
from hansa.apps.metering.messages import (
    AnchorReadings,
    Counters,
    DeclareReset,
    Feed,
    LegalUse,
    RecordCounters,
    RegisterDevice,
    RegisterFeed,
    RenewLegalUse,
    ReplaceDevice,
    ReplacedFeed,
)
from hansa.kernel import encode, limits, pack
from hansa.kernel.signatures import COUNTER_DOMAIN
from hansa.simulation.simulator.scenario import Send
from hansa.simulation.simulator.traffic.consortium import new_key
from hansa.simulation.simulator.traffic.mind import GATEWAY, Mind, Step

LINE = "line"
"""The device that every owner of a machine starts with."""
PIECES, SCRAP, STATE = "pieces", "scrap", "execution"
STATES = ("unknown", "ACTIVE", "DOWN", "IDLE")
ANCHOR = "a-1"
ANCHORED = limits.READINGS_PER_BATCH_MAX
INDICATIVE = LegalUse(grade="indicative")
READINGS_MOST = 4
"""Records of a batch."""
CYCLE_MS = 2 * limits.MINUTE_MS
"""How long a piece takes."""
OVERLAP = 0.06
"""How often a source repeats numbers that it has used: the same, or others."""


def declaration(kind: str, **changes: Any) -> Feed:
    """A wired feed that reports on change."""
    given: dict[str, Any] = {
        "device": LINE,
        "kind": kind,
        "base_unit": "ms" if kind == "state" else "piece",
        "carrier": "time" if kind == "state" else "pieces",
        "reporting": "on_change",
        "legal_use": INDICATIVE,
        "wired": True,
        "states": STATES if kind == "state" else (),
    }
    return Feed(**given | changes)


def equip(mind: Mind, owner: str) -> Send | None:
    """What is still to be done until an owner's machine can tell something; None: it can."""
    if mind.row("kernel.keys", owner, GATEWAY) is None:
        key = new_key(mind, owner, GATEWAY, kind="gateway", scopes=("metering.*",))
        return mind.send(owner, RegisterKey(key=key))
    if mind.row("metering.feeds", owner, STATE) is None:
        return mind.send(
            owner,
            RegisterDevice(device=LINE, source=GATEWAY),
            RegisterFeed(feed=PIECES, declaration=declaration("counter")),
            RegisterFeed(feed=SCRAP, declaration=declaration("counter")),
            RegisterFeed(feed=STATE, declaration=declaration("state")),
            AnchorReadings(anchor=ANCHOR, root=mind.hash(), count=ANCHORED, first_ms=0, last_ms=0),
        )
    return None


def register(mind: Mind) -> Send:
    """One more device or feed."""
    member = mind.member()
    devices = [key for key in mind.rows("metering.devices") if key[0] == member]
    if not devices or mind.luck(0.3):
        source = mind.one(mind.keys_of(member, "metering.record", "gateway") or devices_keys(mind, member))
        return mind.send(member, RegisterDevice(device=mind.name("d"), source=source))
    kind = mind.one(("counter", "state", "amount"))
    of = str(mind.one(devices)[1])
    return mind.send(member, RegisterFeed(feed=mind.name("f"), declaration=declaration(kind, device=of)))


def devices_keys(mind: Mind, member: str) -> list[str]:
    """Keys of devices; else one that will not do."""
    rows = mind.rows("kernel.keys").items()
    return [str(key[1]) for key, row in rows if key[0] == member and row.kind == "device"] or ["none"]


def renew(mind: Mind) -> Send | None:
    found = mind.pick("metering.feeds")
    if found is None:
        return None
    (owner, feed), _ = found
    until_ms = mind.soon_ms + limits.DAY_MS
    use = mind.one((INDICATIVE, LegalUse("billing", "No. 7", until_ms, "B", "S-1")))
    return mind.send(str(owner), RenewLegalUse(feed=str(feed), legal_use=use))


def anchor(mind: Mind) -> Send:
    last_ms = mind.now_ms - limits.MINUTE_MS
    action = AnchorReadings(mind.name("a"), mind.hash(), mind.between(1, 5_000), last_ms - 10_000, last_ms)
    return mind.send(mind.member(), action)


def replace_device(mind: Mind) -> Send | None:
    found = mind.pick("metering.devices")
    if found is None:
        return None
    (owner, device), record = found
    life = mind.row("metering.generations", owner, device, record.generation)
    counters = tuple(
        ReplacedFeed(str(name), shown(mind, str(owner), str(name)), 0)
        for (of, name), feed in mind.rows("metering.feeds").items()
        if of == owner and feed.device == device and feed.kind == "counter"
    )
    action = ReplaceDevice(str(device), life.source, mind.now_ms, counters)
    return mind.send(str(owner), action)


def shown(mind: Mind, owner: str, feed: str) -> int:
    """What a counter showed last."""
    for key, row in reversed(mind.rows("metering.records").items()):
        if key[:2] == (owner, feed) and (row.good or row.life):
            value: int = row.start_value if row.life else row.value
            return value
    return 0


def declare_reset(mind: Mind) -> Send | None:
    found = mind.pick("metering.feeds", lambda feed: feed.kind == "counter")
    if found is None:
        return None
    owner, feed = map(str, found[0])
    return mind.send(owner, DeclareReset(feed, mind.now_ms, shown(mind, owner, feed), 0))


def record(mind: Mind) -> Send | None:
    """The newest of a feed; sometimes what was told before, or something else under the same numbers."""
    found = mind.pick("metering.feeds", lambda feed: feed.wired and feed.kind != "amount")
    if found is None:
        return None
    owner, feed = map(str, found[0])
    return told(mind, owner, feed, found[1], mind.between(1, READINGS_MOST))


def told(mind: Mind, owner: str, feed: str, declared: Feed, count: int) -> Send | None:
    """A batch of records up to now."""
    device = mind.row("metering.devices", owner, declared.device)
    if device is None:
        return None
    life = mind.row("metering.generations", owner, declared.device, device.generation)
    numbers = mind.row("metering.numbers", owner, feed, device.generation)
    highest = numbers.highest if numbers else 0
    first = highest + 1 if mind.luck(1 - OVERLAP) else max(1, highest - mind.between(0, 2))
    head = mind.row("metering.heads", owner, feed)
    since_ms = max(head.at_ms if head else mind.now_ms - limits.HOUR_MS, life.from_ms)
    step_ms = max((mind.now_ms - since_ms) // count, 1)
    times = [since_ms + step_ms * (number + 1) for number in range(count)]
    if declared.kind == "state":
        values = [mind.between(0, len(STATES) - 1) for _ in times]
    else:
        values = _rising(mind, shown(mind, owner, feed), count, step_ms)
    lost = [number for number in range(count) if mind.luck(0.03)]
    values = [0 if number in lost else value for number, value in enumerate(values)]
    batch = packed(feed, device.generation, first, times, values, lost)
    return by_source(mind, owner, life.source, batch, range(first, first + count))


def _rising(mind: Mind, last: int, count: int, step_ms: int) -> list[int]:
    """Pieces as the line makes them; now and then a low reading."""
    values = []
    for _ in range(count):
        last += mind.between(0, max(1, step_ms // CYCLE_MS))
        values.append(last if mind.luck(0.98) else last // 2)
    return values


def packed(
    feed: str, generation: int, first: int, times: Iterable[int], values: Iterable[int], lost: Iterable[int]
) -> Counters:
    """Records as a source packs them."""
    return Counters(feed, generation, first, pack(times), pack(values), pack(lost))


def by_source(mind: Mind, owner: str, source: str, batch: Counters, index: Iterable[int]) -> Send:
    """The gateway signs the transaction; or the device the records, and anybody brings them."""
    key = mind.row("kernel.keys", owner, source)
    signature, by, signs = b"", owner, source
    if key is not None and key.kind == "device":
        held = mind.signer(owner, source)
        signature, by, signs = held.sign(COUNTER_DOMAIN + held.public + encode(batch)), mind.member(), ""
    action = RecordCounters(owner, batch, ANCHOR, pack(index), signature)
    return mind.send(by, action, key=signs)


STEPS: tuple[tuple[int, Step], ...] = (
    (3, register),
    (1, renew),
    (2, anchor),
    (1, replace_device),
    (1, declare_reset),
    (30, record),
)
