"""What of a log the ledger does not know yet: declarations, anchors, records, each once however often the
same log, or one that has grown since, is sent.

The ledger is asked what it has; the owner's store says which readings lie in batches that it knows.
"""

import hashlib
import os
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from hansa.apps.metering.messages import (
    Anchor,
    Batch,
    CounterRecord,
    Device,
    Feed,
    Generation,
    Life,
    RegisterDevice,
    RegisterFeed,
)
from hansa.apps.metering.readings import StoredReading
from hansa.edge import sending_errors as errors
from hansa.edge.gateway import Delivery, Item, declaration, feed_name, resets, stored, told_of
from hansa.edge.log_model import FeedLog, Log
from hansa.edge.mapping_model import Mapping
from hansa.edge.readings import ReadingStore
from hansa.kernel import Action, encode, limits

Ask = Callable[..., Any]
"""A query of the ledger: its name, the type of its answer, its arguments by name."""
PAGE = 1_000


@dataclass(frozen=True)
class Sending:
    """What is to be put on the ledger, in this order, one transaction each."""

    actions: tuple[Action, ...]
    registered: tuple[str, ...]
    """Device and feeds that the ledger did not know."""
    left_out: tuple[str, ...]
    """Counters that never rose: to register one now would be to say for good that it is not connected."""
    readings: int
    records: int
    known: int
    """Readings of the log that the ledger knew before."""


def sending_of(
    log: Log, mapping: Mapping, owner: str, source: str, ask: Ask, store: ReadingStore, keep: bool = True
) -> Sending:
    """What of a log is not on the ledger; its readings are in the store when this returns, if `keep`.

    `source` is the key that signs. Raises SourceOther, FeedDiffers, StateNew or ToldOtherwise; then nothing
    was stored.
    """
    there = ask("metering.device_of", tuple[Device, list[Generation]] | None, owner=owner, device=log.device)
    lives = there[1] if there else [Generation(source=source)]
    if lives[-1].source != source:
        raise errors.SourceOther(device=log.device, source=lives[-1].source, key=source)
    declared, left_out, feeds = _declared(log, mapping, owner, ask)
    fitting = replace(log, feeds=feeds)
    actions: list[Action] = [] if there else [RegisterDevice(device=log.device, source=source)]
    actions += declared
    registered = [log.device, *(one.feed for one in declared)] if not there else [o.feed for o in declared]
    told = {
        (feed_name(log.device, feed.spec), at_ms)
        for feed in feeds
        for at_ms, _ in ask(
            "metering.lives_of", list[tuple[int, Life]], owner=owner, feed=feed_name(log.device, feed.spec)
        )
    }
    actions += [one for one in resets(fitting, mapping) if (one.feed, one.at_ms) not in told]
    items = _unsent(fitting, owner, ask, store)
    begins = [life.from_ms for life in lives]
    numbered = _numbered(fitting, items, owner, begins, ask)
    for delivery, generation in _deliveries(fitting, numbered, begins) if keep else ():
        actions += told_of(fitting, delivery, owner, _kept(fitting, delivery, store), generation)
    whole = sum(len(feed.at_ms) for feed in feeds)
    records = sum(item.record > 0 for item in numbered)
    return Sending(tuple(actions), tuple(registered), left_out, len(items), records, known=whole - len(items))


def _declared(
    log: Log, mapping: Mapping, owner: str, ask: Ask
) -> tuple[list[RegisterFeed], tuple[str, ...], tuple[FeedLog, ...]]:
    """Feeds to be registered, those left out, and the log's feeds as the ledger counts them."""
    declared: list[RegisterFeed] = []
    left_out: list[str] = []
    feeds: list[FeedLog] = []
    for feed in log.feeds:
        name = feed_name(log.device, feed.spec)
        there = ask("metering.feed_of", Feed | None, owner=owner, feed=name)
        if there is not None:
            feeds.append(_as_declared(name, feed, there, mapping, log.device))
        elif not feed.wired:
            left_out.append(name)
        else:
            named = dict.fromkeys((*feed.states, *feed.spec.states.values())) if feed.states else {}
            whole = replace(feed, states=tuple(state for state in named if state != "UNKNOWN"))
            declared.append(RegisterFeed(feed=name, declaration=declaration(log.device, whole, mapping)))
            feeds.append(whole)
    return declared, tuple(left_out), tuple(feeds)


def _as_declared(name: str, feed: FeedLog, there: Feed, mapping: Mapping, device: str) -> FeedLog:
    """The feed's values by the states that the ledger knows. Raises FeedDiffers or StateNew."""
    said = declaration(device, feed, mapping)
    for key in ("device", "kind", "base_unit", "reporting", "modulus"):
        if getattr(said, key) != getattr(there, key):
            raise errors.FeedDiffers(
                feed=name, key=key, found=str(getattr(said, key)), known=str(getattr(there, key))
            )
    if there.kind != "state":
        return feed
    for state in feed.states:
        if state not in there.states:
            raise errors.StateNew(feed=name, state=state, known=", ".join(there.states))
    places = [there.states.index(state) for state in feed.states]
    return replace(feed, states=there.states, value=[places[value] for value in feed.value])


def _unsent(log: Log, owner: str, ask: Ask, store: ReadingStore) -> list[Item]:
    """Readings that no batch on the ledger holds, and records that are not there, in order of time."""
    anchored: dict[str, bool] = {}
    held: dict[tuple[str, int], StoredReading] = {}
    for batch, reading in store.readings():
        if batch not in anchored:
            found = ask("metering.anchor_of", Anchor | None, owner=owner, anchor=batch)
            anchored[batch] = found is not None
        if anchored[batch]:
            held[reading.feed, reading.at_ms] = reading
    items: list[Item] = []
    for number, feed in enumerate(log.feeds):
        name = feed_name(log.device, feed.spec)
        there = _records(feed, name, owner, ask)
        recorded, overlapping = set(feed.record), set(feed.overlaps)
        for at, at_ms in enumerate(feed.at_ms):
            value = feed.value[at], bool(feed.lost[at])
            before = there.get(at_ms) or held.get((name, at_ms))
            if before is not None and (before.value, before.lost) != value:
                raise errors.ToldOtherwise(
                    feed=name, at=_utc(at_ms), found=_shown(*value), known=_shown(before.value, before.lost)
                )
            due = at in recorded and at not in overlapping and at_ms not in there
            if due or before is None:
                items.append(Item(at_ms, number, at, int(due)))
    return sorted(items, key=lambda item: (item.at_ms, item.feed, item.reading))


def _utc(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1_000, UTC).isoformat(timespec="milliseconds")


def _shown(value: int, lost: bool) -> str:
    return "—" if lost else str(value)


def _records(feed: FeedLog, name: str, owner: str, ask: Ask) -> dict[int, CounterRecord]:
    """The feed's records on the ledger over the log's time; declared ends of a life left out."""
    found: dict[int, CounterRecord] = {}
    after: tuple[int, int, int] | tuple[()] = ()
    while feed.at_ms:
        page = ask(
            "metering.records_of",
            list[tuple[tuple[int, int, int], CounterRecord]],
            owner=owner,
            feed=name,
            from_ms=feed.at_ms[0],
            to_ms=feed.at_ms[-1] + 1,
            after=list(after),
            limit=PAGE,
        )
        found |= {key[0]: record for key, record in page if not record.life}
        if len(page) < PAGE:
            break
        after = page[-1][0]
    return found


def _numbered(log: Log, items: Sequence[Item], owner: str, begins: Sequence[int], ask: Ask) -> list[Item]:
    """Items whose records go on from the highest number of their feed and generation."""
    highest: dict[tuple[int, int], int] = {}
    for number, feed in enumerate(log.feeds):
        name = feed_name(log.device, feed.spec)
        batches = ask("metering.batches_of", list[tuple[tuple[int, int, int], Batch]], owner=owner, feed=name)
        for (generation, first, count), _ in batches:
            of = number, generation
            highest[of] = max(highest.get(of, 0), first + count - 1)
    numbered = []
    for item in items:
        of = item.feed, max(bisect_right(begins, item.at_ms), 1)
        if item.record:
            highest[of] = highest.get(of, 0) + 1
        numbered.append(replace(item, record=highest[of]) if item.record else item)
    return numbered


def _deliveries(log: Log, items: Sequence[Item], begins: Sequence[int]) -> Iterator[tuple[Delivery, int]]:
    """Batches by day (UTC) and by the device's lives, each named by what it holds."""

    def stretch(item: Item) -> tuple[int, int]:
        return max(bisect_right(begins, item.at_ms), 1), item.at_ms // limits.DAY_MS

    for (generation, _), group in groupby(items, stretch):
        members = tuple(group)
        for start in range(0, len(members), limits.READINGS_PER_BATCH_MAX):
            some = members[start : start + limits.READINGS_PER_BATCH_MAX]
            unnamed = Delivery("", some, some[-1].at_ms)
            digest = hashlib.sha256(b"".join(encode(reading) for reading in stored(log, unnamed))).hexdigest()
            yield replace(unnamed, name=f"{log.device[:40]}.{digest[:20]}"), generation


def _kept(log: Log, delivery: Delivery, store: ReadingStore) -> bytes:
    """The Merkle root of a delivery's readings, which are in the store now."""
    return store.root(delivery.name) or store.add(delivery.name, os.urandom(32), stored(log, delivery))[0]


__all__ = ["Sending", "sending_of"]
