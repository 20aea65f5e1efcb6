"""The rules of metering: who may speak for a meter, what its records say, and what becomes of the odd
ones.
"""

from collections.abc import Iterable, Mapping, Sequence

from hansa.apps.consortium import interface as consortium
from hansa.apps.metering import errors
from hansa.apps.metering.batch import decoded
from hansa.apps.metering.chain import Point, life_point
from hansa.apps.metering.declaration import check_declaration, check_legal_use
from hansa.apps.metering.messages import (
    Anchor,
    Anchored,
    AnchorReadings,
    Batch,
    Contradicted,
    Contradiction,
    CounterRecord,
    Counters,
    DeclareReset,
    Device,
    DeviceRegistered,
    DeviceReplaced,
    Fall,
    Feed,
    FeedRegistered,
    Generation,
    Head,
    LegalUseRenewed,
    Life,
    Numbers,
    RecordCounters,
    Recorded,
    RegisterDevice,
    RegisterFeed,
    RenewLegalUse,
    ReplaceDevice,
    ResetDeclared,
)
from hansa.apps.metering.recording import New, join
from hansa.apps.metering.tables import (
    ALL,
    ANCHORS,
    BATCHES,
    CONTRADICTIONS,
    DEVICES,
    FALLS,
    FEEDS,
    GENERATIONS,
    HEADS,
    LIVES,
    NUMBERS,
    RECORDS,
)
from hansa.kernel import Context, Room, encode, keys, limits, pack, replace, unpack
from hansa.kernel.signatures import COUNTER_DOMAIN

RECEIVED_RULES = 2
"""Rules under which the ledger says when it received records."""
SOURCE_KINDS = ("device", "gateway")


def register_device(ctx: Context, a: RegisterDevice) -> None:
    # Checks.
    _check_may_enter(ctx)
    _check_source(ctx, a.source)
    if DEVICES.get(ctx, (ctx.member, a.device)) is not None:
        raise errors.DeviceTaken(device=a.device)

    # Writes.
    DEVICES.put(ctx, (ctx.member, a.device), Device(generation=1))
    GENERATIONS.put(ctx, (ctx.member, a.device, 1), Generation(source=a.source))

    # Events.
    ctx.emit(DeviceRegistered(owner=ctx.member, device=a.device, source=a.source))


def _check_may_enter(ctx: Context) -> None:
    """Whoever is suspended or has left declares nothing new; what broke it replaces."""
    if ctx.rules >= 2:
        consortium.check_may_enter(ctx, ctx.member)


def replace_device(ctx: Context, a: ReplaceDevice) -> None:
    # Checks, cheapest first.
    if a.at_ms > ctx.time_ms:
        raise errors.ReplacedBefore()
    _check_source(ctx, a.source)
    device = DEVICES.get(ctx, (ctx.member, a.device))
    if device is None:
        raise errors.DeviceUnknown(owner=ctx.member, device=a.device)
    old_key = (ctx.member, a.device, device.generation)
    old = GENERATIONS.get(ctx, old_key)
    assert old is not None
    if a.at_ms <= old.from_ms:
        raise errors.ReplacedBefore()

    # Writes: the new life; each counter's end and beginning.
    generation = device.generation + 1
    DEVICES.put(ctx, (ctx.member, a.device), Device(generation=generation))
    GENERATIONS.put(ctx, old_key, replace(old, until_ms=a.at_ms))
    GENERATIONS.put(ctx, (ctx.member, a.device, generation), Generation(source=a.source, from_ms=a.at_ms))
    for counter in a.counters:
        feed = _feed(ctx, ctx.member, counter.feed)
        if feed.device != a.device:
            raise errors.FeedElsewhere(feed=counter.feed, device=feed.device)
        life = Life(
            final_value=counter.final_value,
            start_value=counter.start_value,
            generation=device.generation,
            replaced=True,
            transaction=ctx.transaction,
        )
        _new_life(ctx, counter.feed, feed, a.at_ms, life)

    # Events.
    ctx.emit(DeviceReplaced(owner=ctx.member, device=a.device, generation=generation, at_ms=a.at_ms))


def register_feed(ctx: Context, a: RegisterFeed) -> None:
    # Checks.
    _check_may_enter(ctx)
    check_declaration(a.declaration)
    if DEVICES.get(ctx, (ctx.member, a.declaration.device)) is None:
        raise errors.DeviceUnknown(owner=ctx.member, device=a.declaration.device)
    if FEEDS.get(ctx, (ctx.member, a.feed)) is not None:
        raise errors.FeedTaken(feed=a.feed)

    # Writes.
    FEEDS.put(ctx, (ctx.member, a.feed), a.declaration)

    # Events.
    ctx.emit(FeedRegistered(owner=ctx.member, feed=a.feed, kind=a.declaration.kind))


def renew_legal_use(ctx: Context, a: RenewLegalUse) -> None:
    # Checks.
    feed = _feed(ctx, ctx.member, a.feed)
    check_legal_use(a.legal_use, feed.integrated)

    # Writes.
    FEEDS.put(ctx, (ctx.member, a.feed), replace(feed, legal_use=a.legal_use))

    # Events.
    ctx.emit(LegalUseRenewed(owner=ctx.member, feed=a.feed, valid_until_ms=a.legal_use.valid_until_ms))


def anchor(ctx: Context, a: AnchorReadings) -> None:
    # Checks.
    if a.count > limits.READINGS_PER_BATCH_MAX or a.last_ms < a.first_ms:
        raise errors.AnchorShape(limit=limits.READINGS_PER_BATCH_MAX)
    _check_not_future(ctx, a.last_ms)
    record = Anchor(
        root=a.root,
        count=a.count,
        first_ms=a.first_ms,
        last_ms=a.last_ms,
        file_sha256=a.file_sha256,
        transaction=ctx.transaction,
    )
    known = ANCHORS.get(ctx, (ctx.member, a.anchor))
    if known is not None and replace(known, transaction=ctx.transaction) == record:
        return  # A gateway that was not sure of its first try.
    if known is not None:
        raise errors.AnchorTaken(anchor=a.anchor)

    # Writes.
    ANCHORS.put(ctx, (ctx.member, a.anchor), record)

    # Events.
    ctx.emit(
        Anchored(owner=ctx.member, anchor=a.anchor, root=a.root, count=a.count, file_sha256=a.file_sha256)
    )


def record(ctx: Context, a: RecordCounters) -> None:
    # Checks, cheapest first.
    counters = a.counters
    feed = _feed(ctx, a.owner, counters.feed)
    points, readings = decoded(a, feed)
    times = [point.at_ms for point in points]
    first_ms, last_ms = min(times), max(times)
    _check_not_future(ctx, last_ms)
    source = _check_life(ctx, a.owner, feed, counters.generation, first_ms, last_ms)
    anchored = ANCHORS.get(ctx, (a.owner, a.anchor))
    if anchored is None or max(readings) >= anchored.count:
        raise errors.AnchorUnknown(owner=a.owner, anchor=a.anchor)
    _check_spoken_for(ctx, a, source)

    # What of it is new; a repeat does nothing.
    standing = _standing(ctx, a.owner, counters, len(points))
    new, contradicting = _told(ctx, a, points, readings, standing)

    # Writes.
    if new:
        _note_batch(ctx, a.owner, counters, [standing.get(p.sequence, p.at_ms) for p in points])
        new.sort(key=lambda item: item[0])
        join(ctx, a.owner, counters.feed, feed, new)

    # Events.
    if contradicting:
        ctx.emit(
            Contradicted(
                owner=a.owner,
                feed=counters.feed,
                generation=counters.generation,
                first_sequence=contradicting[0].sequence,
                count=len(contradicting),
                source=source,
            )
        )
    ctx.emit(
        Recorded(
            owner=a.owner,
            feed=counters.feed,
            first_sequence=counters.first_sequence,
            new=len(new),
            repeated=len(points) - len(new) - len(contradicting),
            contradicting=len(contradicting),
        )
    )


def declare_reset(ctx: Context, a: DeclareReset) -> None:
    # Checks.
    feed = _feed(ctx, ctx.member, a.feed)
    _check_not_future(ctx, a.at_ms)
    device = DEVICES.get(ctx, (ctx.member, feed.device))
    assert device is not None

    # Writes.
    life = Life(
        final_value=a.final_value,
        start_value=a.start_value,
        generation=device.generation,
        transaction=ctx.transaction,
    )
    _new_life(ctx, a.feed, feed, a.at_ms, life)

    # Events.
    ctx.emit(
        ResetDeclared(
            owner=ctx.member,
            feed=a.feed,
            at_ms=a.at_ms,
            final_value=a.final_value,
            start_value=a.start_value,
        )
    )


def _new_life(ctx: Context, name: str, feed: Feed, at_ms: int, life: Life) -> None:
    """M5: the end of the old life and the begin of the new one, at one instant."""
    if feed.kind != "counter":
        raise errors.NotCounter(feed=name)
    for value in (life.final_value, life.start_value):
        if value < 0 or (feed.modulus and value >= feed.modulus):
            raise errors.ValueUnfit(value=value)
    if LIVES.get(ctx, (ctx.member, name, at_ms)) is not None:
        raise errors.ResetTwice(feed=name)
    LIVES.put(ctx, (ctx.member, name, at_ms), replace(life, received_ms=_received_ms(ctx)))
    content = CounterRecord(value=life.final_value, life=True, start_value=life.start_value)
    join(ctx, ctx.member, name, feed, [(life_point(at_ms, life), content)])


def _received_ms(ctx: Context) -> int:
    """When records lie on the ledger. Rules 1 do not say it."""
    return ctx.time_ms if ctx.rules >= RECEIVED_RULES else 0


def _standing(ctx: Context, owner: str, counters: Counters, count: int) -> dict[int, int]:
    """Time of the record that stands under each sequence number of a batch; numbers not yet used are left
    out.
    """
    of = (owner, counters.feed, counters.generation)
    first, end = counters.first_sequence, counters.first_sequence + count
    numbers = NUMBERS.get(ctx, of)
    if numbers is None or first > numbers.highest:
        return {}
    out: dict[int, int] = {}
    start = (*of, max(first - numbers.longest + 1, 1))
    for key, batch in BATCHES.scan(ctx, of, start=start, end=(*of, end), limit=limits.SCANNED_MAX):
        for sequence, at_ms in enumerate(unpack(batch.at_ms), int(key[3])):
            if first <= sequence < end:
                out[sequence] = at_ms
    return out


def _note_batch(ctx: Context, owner: str, counters: Counters, at_ms: Sequence[int]) -> None:
    of, count = (owner, counters.feed, counters.generation), len(at_ms)
    batch = Batch(transaction=ctx.transaction, at_ms=pack(at_ms), received_ms=_received_ms(ctx))
    BATCHES.put(ctx, (*of, counters.first_sequence, count), batch)
    before = NUMBERS.get(ctx, of) or Numbers(highest=1, longest=1)
    highest = max(before.highest, counters.first_sequence + count - 1)
    NUMBERS.put(ctx, of, Numbers(highest=highest, longest=max(before.longest, count)))


def _told(
    ctx: Context,
    a: RecordCounters,
    points: Iterable[Point],
    readings: Iterable[int],
    standing: Mapping[int, int],
) -> tuple[list[New], list[Point]]:
    """What of a batch is new, and what contradicts: other content under a number in use (M1, rule 23)."""
    new: list[New] = []
    contradicting: list[Point] = []
    for point, reading in zip(points, readings, strict=True):
        known_ms = standing.get(point.sequence)
        if known_ms is None:
            content = CounterRecord(
                value=point.value, span_ms=point.span_ms, lost=point.lost, anchor=a.anchor, index=reading
            )
            new.append((point, content))
        elif not _same(ctx, a.owner, a.counters.feed, known_ms, point):
            contradicting.append(point)
            _note_contradiction(ctx, a, known_ms, point)
    return new, contradicting


def _feed(ctx: Context, owner: str, name: str) -> Feed:
    feed = FEEDS.get(ctx, (owner, name))
    if feed is None:
        raise errors.FeedUnknown(owner=owner, feed=name)
    return feed


def _check_source(ctx: Context, source: str) -> None:
    key = keys.current(ctx, ctx.member, source)
    if key.kind not in SOURCE_KINDS:
        raise errors.SourceUnfit(key=source)


def _check_not_future(ctx: Context, at_ms: int) -> None:
    if at_ms > ctx.time_ms + limits.SKEW_MAX_MS:
        raise errors.InFuture(at_ms=at_ms, limit_s=limits.SKEW_MAX_MS // limits.SECOND_MS)


def _check_life(ctx: Context, owner: str, feed: Feed, generation: int, first_ms: int, last_ms: int) -> str:
    """Times must lie within the generation's life. Returns the key that speaks for it."""
    life = GENERATIONS.get(ctx, (owner, feed.device, generation))
    if life is None or first_ms < life.from_ms or (life.until_ms and last_ms >= life.until_ms):
        raise errors.OutsideLife(at_ms=first_ms, generation=generation)
    return life.source


def _check_spoken_for(ctx: Context, a: RecordCounters, source: str) -> None:
    """A device's own signature, or the gateway that is the source signed the transaction: nothing in
    between.
    """
    key = keys.current(ctx, a.owner, source)
    if not a.signature:
        by_gateway = ctx.member == a.owner and ctx.key == source and key.kind == "gateway"
        if not by_gateway:
            raise errors.NotSource(feed=a.counters.feed, source=source)
        return
    message = COUNTER_DOMAIN + key.public + encode(a.counters)
    if key.kind != "device" or not ctx.verified(key.public, key.suite, a.signature, message):
        raise errors.NotSource(feed=a.counters.feed, source=source)


def _same(ctx: Context, owner: str, name: str, known_ms: int, point: Point) -> bool:
    if known_ms != point.at_ms:
        return False
    found = RECORDS.get(ctx, (owner, name, *point[:3]))
    assert found is not None
    return (found.value, found.span_ms, found.lost) == (point.value, point.span_ms, point.lost)


def _note_contradiction(ctx: Context, a: RecordCounters, known_ms: int, point: Point) -> None:
    number = (a.owner, a.counters.feed, point.generation, point.sequence)
    if CONTRADICTIONS.get(ctx, number) is not None:
        return  # Proved once is proved.
    first = RECORDS.get(ctx, (a.owner, a.counters.feed, known_ms, point.generation, point.sequence))
    assert first is not None
    CONTRADICTIONS.put(
        ctx,
        number,
        Contradiction(
            first_at_ms=known_ms,
            first_value=first.value,
            second_at_ms=point.at_ms,
            second_value=point.value,
            second_lost=point.lost,
            transaction=ctx.transaction,
        ),
    )


# Queries.


def feed_of(ctx: Context, owner: str, feed: str) -> Feed | None:
    return FEEDS.get(ctx, (owner, feed))


def head_of(ctx: Context, owner: str, feed: str) -> Head | None:
    return HEADS.get(ctx, (owner, feed))


def device_of(ctx: Context, owner: str, device: str) -> tuple[Device, list[Generation]] | None:
    """A device and its lives, first to last."""
    found = DEVICES.get(ctx, (owner, device))
    lives = [life for _, life in GENERATIONS.scan(ctx, (owner, device))]
    return None if found is None else (found, lives)


def records_of(
    ctx: Context, owner: str, feed: str, from_ms: int, to_ms: int, after: list[int], limit: int
) -> list[tuple[tuple[int, int, int], CounterRecord]]:
    """Records with from ≤ time < to in reading order, after the given (time, generation, sequence) if
    there is one; what is left out of it is 0.
    """
    at_ms, generation, sequence = (*after, 0, 0, 0)[:3]
    start = (owner, feed, at_ms, generation, sequence + 1) if after else (owner, feed, from_ms)
    rows = RECORDS.scan(
        ctx,
        (owner, feed),
        start=start,
        end=(owner, feed, to_ms),
        limit=min(limit, limits.SCANNED_MAX),
    )
    return [((int(key[2]), int(key[3]), int(key[4])), found) for key, found in rows]


def batches_of(ctx: Context, owner: str, feed: str) -> list[tuple[tuple[int, int, int], Batch]]:
    """Which transactions brought the feed's records, by (generation, first sequence, count)."""
    rows = BATCHES.scan(ctx, (owner, feed), limit=limits.ALL_ROWS)
    return [((int(key[2]), int(key[3]), int(key[4])), batch) for key, batch in rows]


def anchor_of(ctx: Context, owner: str, anchor: str) -> Anchor | None:
    return ANCHORS.get(ctx, (owner, anchor))


def lives_of(ctx: Context, owner: str, feed: str) -> list[tuple[int, Life]]:
    """Declared resets and replacements of a counter, by their time."""
    return [(int(key[2]), life) for key, life in LIVES.scan(ctx, (owner, feed), limit=limits.ALL_ROWS)]


def contradictions_of(ctx: Context, owner: str, feed: str) -> list[tuple[tuple[int, int], Contradiction]]:
    """What was said a second time in other words, by (generation, sequence); the first stands (M1)."""
    rows = CONTRADICTIONS.scan(ctx, (owner, feed), limit=limits.ALL_ROWS)
    return [((int(key[2]), int(key[3])), found) for key, found in rows]


def falls_of(ctx: Context, owner: str, feed: str) -> list[tuple[int, Fall]]:
    """Decided low runs, by their first time; the pending one stands in the head."""
    return [(int(key[2]), fall) for key, fall in FALLS.scan(ctx, (owner, feed), limit=limits.ALL_ROWS)]


ROOM = Room(
    "metering",
    actions=[
        register_device,
        replace_device,
        register_feed,
        renew_legal_use,
        anchor,
        record,
        declare_reset,
    ],
    queries=[
        feed_of,
        head_of,
        device_of,
        records_of,
        batches_of,
        anchor_of,
        lives_of,
        contradictions_of,
        falls_of,
    ],
    tables=ALL,
    events=[
        DeviceRegistered,
        DeviceReplaced,
        FeedRegistered,
        LegalUseRenewed,
        Anchored,
        Recorded,
        Contradicted,
        ResetDeclared,
    ],
)
