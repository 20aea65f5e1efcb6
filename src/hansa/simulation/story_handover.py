"""Handing the line over: condition and counters, reported by one party and confirmed by the other.

Before the log begins, somebody reads each counter where the line changes hands: it shows then what the log's
first reading shows, since nothing is made in between.
"""

import hmac
from collections.abc import Iterator
from dataclasses import dataclass, replace

from hansa.apps.billing.messages import Binding
from hansa.apps.leasing.messages import ConfirmHandover, Direction, Item, ReportHandover, Shown
from hansa.apps.leasing.messages_told import Handovers
from hansa.apps.leasing.text_draft import Draft
from hansa.apps.metering.messages import AnchorReadings, CounterRecord, Counters, Feed, RecordCounters
from hansa.apps.metering.readings import StoredReading
from hansa.client.texts import Text
from hansa.edge.gateway import Delivery, feed_name
from hansa.edge.log_model import FeedLog
from hansa.kernel import digest, limits, pack
from hansa.simulation.cast import METER_OWNER, secret
from hansa.simulation.play import Play
from hansa.simulation.story import Asking, Story, asking

HANDOVER_ANCHOR = "handover"
LOOK_BACK_MS = limits.HOUR_MS
"""A counter's last good record is looked for in a stretch of this length, and then in ever longer ones."""
RECORDS_MAX = 10_000


@dataclass(frozen=True)
class Reading:
    """What a counter showed before the log begins. `feed`: its place among the log's feeds."""

    feed: int
    name: str
    value: int


def first_readings(play: Play) -> list[Reading]:
    """Of each counter that the lease counts; raises nothing: a counter without a reading is left out."""
    bound = {binding.feed for binding in play.bindings}
    found = []
    for place, feed in enumerate(play.log.feeds):
        name = feed_name(play.log.device, feed.spec)
        first = first_value(feed)
        if name in bound and feed.spec.kind == "counter" and first is not None:
            found.append(Reading(place, name, first))
    return found


def first_value(feed: FeedLog) -> int | None:
    return next((value for value, lost in zip(feed.value, feed.lost, strict=True) if not lost), None)


def why_not(play: Play) -> Text | None:
    """Why the line cannot be handed over by its counters; None if it can."""
    bound = {binding.feed for binding in play.bindings}
    read = {reading.name for reading in first_readings(play)}
    for feed in play.log.feeds:
        name = feed_name(play.log.device, feed.spec)
        if feed.spec.kind == "counter" and name in bound and name not in read:
            return Text(f"计数器 {name} 没有读数，无法交接", f"counter {name} has no reading to hand over by")
    return None


def read_counters(story: Story, play: Play) -> None:
    """The gateway records what the counters show as the line changes hands, before the log begins."""
    found = first_readings(play)
    if not found:
        return
    gateway, now_ms = story.world.gateway, story.world.clock.now_ms
    own = hmac.digest(secret(story.world.seed, METER_OWNER, "readings"), HANDOVER_ANCHOR.encode(), "sha256")
    readings = [StoredReading(feed=each.name, number=0, at_ms=now_ms, value=each.value) for each in found]
    root, count = gateway.store.add(HANDOVER_ANCHOR, own, readings)
    anchor = AnchorReadings(
        anchor=HANDOVER_ANCHOR,
        root=root.hex(),
        count=count,
        first_ms=now_ms,
        last_ms=now_ms,
        file_sha256=digest(readings),
    )
    wires = [gateway.client.sign(anchor)]
    for index, each in enumerate(found):
        counters = Counters(
            feed=each.name,
            generation=1,
            first_sequence=1,
            at_ms=pack([now_ms]),
            value=pack([each.value]),
            lost=pack([]),
        )
        record = RecordCounters(
            owner=METER_OWNER, counters=counters, anchor=HANDOVER_ANCHOR, index=pack([index])
        )
        wires.append(gateway.client.sign(record))
    gateway.client.submit(wires)


def after_handover(play: Play, delivery: Delivery, generation: int) -> Delivery:
    """A delivery whose records are numbered on from those of the handover."""
    if generation > 1:
        return delivery
    read = {reading.feed for reading in first_readings(play)}
    items = tuple(
        replace(item, record=item.record + 1) if item.record and item.feed in read else item
        for item in delivery.items
    )
    return replace(delivery, items=items)


def hand_over(story: Story, lease: str, direction: Direction, by: str, to: str, worn: str = "") -> None:
    """`by` reports condition and counters as they are now; `to` looks at them and confirms."""
    now_ms = story.world.clock.now_ms
    draft = asking(story.world, by).one("leasing.draft_of", Draft, lease=lease)
    counters = tuple(counters_now(story, draft, now_ms))
    items = tuple(
        Item(item=name, grade="worn" if name == worn else "good", photos=(digest([lease, direction, name]),))
        for name in draft.asset.checklist
    )
    report = ReportHandover(lease=lease, direction=direction, at_ms=now_ms, items=items, counters=counters)
    story.client(by).do(report)
    told = asking(story.world, to).one("leasing.handovers_of", Handovers, lease=lease)
    shown = told.taken if direction == "in" else told.given_back
    assert shown is not None
    photos = tuple(photo for item in shown.items for photo in item.photos)
    story.client(to).do(
        ConfirmHandover(lease=lease, direction=direction, content=shown.content, photos=photos)
    )


def counters_now(story: Story, draft: Draft, at_ms: int) -> Iterator[Shown]:
    """What each counter of a lease showed at its last good record."""
    ask = asking(story.world, METER_OWNER)
    for binding in draft.terms.meters:
        feed = ask.one("metering.feed_of", Feed, owner=binding.owner, feed=binding.feed)
        if feed.kind != "counter":
            continue
        last = last_good(ask, binding, at_ms)
        if last is not None:
            yield Shown(meter=binding.meter, value=last.start_value if last.life else last.value)


def last_good(ask: Asking, binding: Binding, at_ms: int) -> CounterRecord | None:
    """A counter's last good record up to an instant; None if there is none."""
    span_ms = LOOK_BACK_MS
    while True:
        rows = ask.one(
            "metering.records_of",
            list[tuple[tuple[int, int, int], CounterRecord]],
            owner=binding.owner,
            feed=binding.feed,
            from_ms=max(at_ms - span_ms, 0),
            to_ms=at_ms + 1,
            after=[],
            limit=RECORDS_MAX,
        )
        good = [record for _, record in rows if record.good]
        if good or span_ms >= at_ms:
            return good[-1] if good else None
        span_ms *= 4
