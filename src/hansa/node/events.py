"""Events as they happen: CloudEvents over SSE, each block read and framed once for all listeners.

`id` is height.index, so that whoever comes back with it goes on exactly where they were. No answer ends
without a word: a listener that takes too long is told so, and what it missed waits on the ledger; where the
ledger cannot be read, a problem document says why.
"""

import asyncio
import datetime
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

import msgspec
from starlette.types import Receive, Scope, Send

from hansa.engines.reading import Reading
from hansa.kernel import encode
from hansa.kernel.refusal import Refusal
from hansa.kernel.types import Struct
from hansa.node import errors, limits, problems
from hansa.node.logs import note
from hansa.node.metrics import Metrics
from hansa.node.pulse import Pulse, within
from hansa.node.reads import Asker, Reads
from hansa.node.settings import Limits

CONTENT_TYPE = "text/event-stream"
CUT_OFF = (
    b": this listener is too slow and was cut off; come back with the Last-Event-ID of its last event\n\n"
)
NODE_STOPS = b": the node stops; come back with the Last-Event-ID of its last event\n\n"
SESSION_OVER = b": the session is over; open another and come back\n\n"
HEARTBEAT = b"id: %d.%d\n: at rest\n\n"
"""Says how far the ledger was read, so that whoever hears nothing for long can still come back."""
PROBLEM = b"event: problem\ndata: %s\n\n"
BEGIN = b": resume with Last-Event-ID\nretry: 2000\n\n"
SEND_BYTES = 65_536
"""Frames are joined up to about this much before they are sent."""


class CloudEvent(Struct):
    """An event in the envelope of CloudEvents 1.0. `data` in canonical form is the event itself."""

    specversion: str
    id: str
    """height.index"""
    source: str
    """urn:hansa: and the chain's id."""
    type: str
    time: str
    """Time of its block, RFC 3339, UTC."""
    datacontenttype: str
    data: msgspec.Raw


class Position(NamedTuple):
    """Where an event lies; an index of -1 lies before the first of its block."""

    height: int
    place: int


class Frame(NamedTuple):
    """An event, ready to be sent."""

    at: Position
    type: str
    data: bytes

    def wanted(self, room: str, kind: str) -> bool:
        return (not room or self.type.startswith(room + ".")) and (not kind or self.type == kind)


class _Tag(msgspec.Struct):
    type: str = msgspec.field(name="_type")


_tag = msgspec.json.Decoder(_Tag)


def cloud_event(chain: str, at: Position, time_ms: int, data: bytes) -> CloudEvent:
    """An event of the ledger in its envelope."""
    instant = datetime.datetime.fromtimestamp(time_ms / 1_000, datetime.UTC)
    return CloudEvent(
        specversion="1.0",
        id=f"{at.height}.{at.place}",
        source=f"urn:hansa:{chain}",
        type=_tag.decode(data).type,
        time=instant.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        datacontenttype="application/json",
        data=msgspec.Raw(data),
    )


def events_after(reading: Reading, after: Position, limit: int) -> list[tuple[Position, CloudEvent]]:
    """Events of the ledger after a position, in order."""
    times: dict[int, int] = {}
    found = []
    for height, index, data in reading.events_after(after.height, after.place, limit):
        if height not in times:
            times[height] = reading.leaf(height).time_ms
        at = Position(height, index)
        found.append((at, cloud_event(reading.chain.id, at, times[height], data)))
    return found


def frames_after(reading: Reading, after: Position, limit: int) -> list[Frame]:
    """The same as frames of SSE."""
    return [
        Frame(
            at,
            event.type,
            b"id: %s\nevent: %s\ndata: %s\n\n" % (event.id.encode(), event.type.encode(), encode(event)),
        )
        for at, event in events_after(reading, after, limit)
    ]


class Broadcast:
    """The newest events, kept for all listeners together. Used on the event loop."""

    def __init__(
        self, reads: Reads, pulse: Pulse, metrics: Metrics, bounds: Limits, height: Callable[[], int]
    ) -> None:
        self._reads, self._pulse, self._metrics, self._bounds = reads, pulse, metrics, bounds
        self._height = height
        self.news = Pulse()
        self.first = self.last = Position(0, -1)
        """Before the oldest frame at hand; the newest one."""
        self.base = 0
        """How many frames there were before the oldest at hand."""
        self._frames: list[Frame] = []
        self._bytes = 0
        self.breaks = 0
        self.broken: Refusal | None = None
        """How often the ledger could not be read on, and why the last time."""
        self.ended = False
        self._members: Counter[str] = Counter()

    async def run(self) -> None:
        """Read each new block's events as it comes, while anybody listens. Goes on whatever happens."""
        while True:
            beat = self._pulse.next()
            try:
                await self._read_on()
            except Exception as error:
                refusal = error if isinstance(error, Refusal) else errors.EventsUnreadable(retry_s=1)
                note("events cannot be read", 40, trace=refusal is not error, code=refusal.code)
                self._break_off(refusal)
                await within(beat, limits.EVENTS_AGAIN_S)
            else:
                await beat.wait()

    async def _read_on(self) -> None:
        while self._members:
            try:
                found, height = await self._reads.ask(self._news)
            except (errors.ReadsBusy, errors.ReadSlow):
                await asyncio.sleep(0.1)
                continue
            if found:
                self._add(found)
            if len(found) < limits.EVENTS_PER_READ_MAX:
                # Blocks without events may be pruned before the next event comes.
                self.last = max(self.last, Position(height + 1, -1))
                return

    def _news(self, reading: Reading) -> tuple[list[Frame], int]:
        return frames_after(reading, self.last, limits.EVENTS_PER_READ_MAX), reading.height

    def _break_off(self, refusal: Refusal) -> None:
        """What comes next cannot be read: all listeners are told, and news begin anew with the next block."""
        self.broken = refusal
        self.breaks += 1
        self._begin_anew()
        self.news.beat()

    def _begin_anew(self) -> None:
        """With what comes after the newest block. What lies between is on the ledger."""
        self.base += len(self._frames) + 1
        self._frames.clear()
        self._bytes = 0
        self.first = self.last = max(self.last, Position(self._height() + 1, -1))

    def _add(self, found: Sequence[Frame]) -> None:
        self._frames.extend(found)
        self.last = found[-1].at
        self._bytes += sum(len(frame.data) for frame in found)
        if len(self._frames) > limits.RECENT_EVENTS_MAX or self._bytes > limits.RECENT_BYTES_MAX:
            # Down to half at once, so that it is seldom done.
            kept = 0
            drop = len(self._frames)
            while drop and len(self._frames) - drop < limits.RECENT_EVENTS_MAX // 2:
                if kept + len(self._frames[drop - 1].data) > limits.RECENT_BYTES_MAX // 2:
                    break
                drop -= 1
                kept += len(self._frames[drop].data)
            if drop:
                self.first = self._frames[drop - 1].at
                self.base += drop
                self._bytes = kept
                del self._frames[:drop]
        self.news.beat()

    def end_all(self) -> None:
        """Let all listeners end: the node stops."""
        self.ended = True
        self.news.beat()

    def has_at_hand(self, after: Position) -> bool:
        """Whether what comes after a position is read already, or was not there yet."""
        return bool(self._members) and after >= self.first

    def place(self, after: Position) -> int:
        """The number of the first frame after a position that is at hand."""
        return self.base + bisect_right(self._frames, after, key=lambda frame: frame.at)

    @property
    def end(self) -> int:
        return self.base + len(self._frames)

    def frames(self, start: int) -> Sequence[Frame]:
        return self._frames[start - self.base :]

    async def past(self, after: Position, member: str) -> list[Frame]:
        """A page of frames that are no longer at hand, from the ledger. Raises Pruned, DamagedOnDisk."""
        while True:
            try:
                return await self._reads.ask(
                    lambda reading: frames_after(reading, after, limits.EVENTS_PER_READ_MAX), Asker(member)
                )
            except (errors.ReadsBusy, errors.ReadSlow):
                await asyncio.sleep(0.1)

    def admit(self, member: str) -> None:
        """Count a listener in. Raises ListenersFull."""
        for count, limit in (
            (self._members.total(), self._bounds.listeners),
            (self._members[member], self._bounds.listeners_per_member),
        ):
            if count >= limit:
                raise errors.ListenersFull(limit=limit, retry_s=10)
        if not self._members:
            self._begin_anew()  # Nobody listened, so nothing was read.
        self._members[member] += 1
        self._metrics.listeners.inc()

    def dismiss(self, member: str) -> None:
        self._members[member] -= 1
        if not self._members[member]:
            del self._members[member]
        self._metrics.listeners.dec()


class Listening:
    """An answer that goes on as long as its listener does. An ASGI application of one request."""

    def __init__(
        self,
        broadcast: Broadcast,
        member: str,
        still_allowed: Callable[[], Awaitable[bool]],
        *,
        after: Position | None,
        room: str,
        kind: str,
        heartbeat_s: float,
    ) -> None:
        self._broadcast, self._member, self._still_allowed = broadcast, member, still_allowed
        self._after, self._room, self._kind = after or broadcast.last, room, kind
        self._heartbeat_s = heartbeat_s
        self._breaks = broadcast.breaks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the listener hangs up, falls behind, may no longer read, or the node stops."""
        self._send = send
        try:
            headers = [
                (b"content-type", CONTENT_TYPE.encode()),
                (b"cache-control", b"no-store"),
                (b"x-accel-buffering", b"no"),
            ]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            gone = asyncio.ensure_future(_hang_up(receive))
            telling = asyncio.ensure_future(self._tell())
            try:
                await asyncio.wait((gone, telling), return_when=asyncio.FIRST_COMPLETED)
            finally:
                gone.cancel()
                telling.cancel()
                await asyncio.gather(gone, telling, return_exceptions=True)
        finally:
            self._broadcast.dismiss(self._member)

    async def _tell(self) -> None:
        """Tell until there is nothing more to tell, and why."""
        await self._put(BEGIN)
        try:
            last_word = await self._tell_all()
        except Refusal as refusal:
            last_word = PROBLEM % encode(problems.problem(refusal, "en"))
        await self._put(last_word)
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _tell_all(self) -> bytes:
        """Returns the last word. Raises a Refusal where the ledger cannot be read."""
        place = await self._catch_up()
        allowed_s = time.monotonic()
        while True:
            news = self._broadcast.news.next()
            if self._broadcast.broken is not None and self._breaks != self._broadcast.breaks:
                raise self._broadcast.broken
            if place < self._broadcast.base:
                return CUT_OFF
            frames = self._broadcast.frames(place)
            place += len(frames)
            await self._put_frames(frames)
            if self._broadcast.ended:
                return NODE_STOPS
            at_rest = place == self._broadcast.end and not await within(news, self._heartbeat_s)
            if time.monotonic() - allowed_s >= self._heartbeat_s:
                if not await self._still_allowed():
                    return SESSION_OVER
                allowed_s = time.monotonic()
            if at_rest:
                await self._put(HEARTBEAT % max(self._after, self._broadcast.last))

    async def _catch_up(self) -> int:
        """Send what is no longer at hand from the ledger; returns the number of the next frame at hand."""
        while self._after < self._broadcast.first:
            page = await self._broadcast.past(self._after, self._member)
            if not page:
                break
            await self._put_frames(page)
        return self._broadcast.place(self._after)

    async def _put_frames(self, frames: Sequence[Frame]) -> None:
        parts: list[bytes] = []
        size = 0
        for frame in frames:
            # The ledger may have been read further than the frames at hand went then.
            if frame.at > self._after and frame.wanted(self._room, self._kind):
                parts.append(frame.data)
                size += len(frame.data)
                if size >= SEND_BYTES:
                    await self._put(b"".join(parts))
                    parts, size = [], 0
        if parts:
            await self._put(b"".join(parts))
        if frames:
            self._after = max(self._after, frames[-1].at)

    async def _put(self, data: bytes) -> None:
        """Raises TimeoutError where the listener takes nothing for too long."""
        async with asyncio.timeout(limits.SEND_TIME_MAX_S):
            await self._send({"type": "http.response.body", "body": data, "more_body": True})


async def _hang_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
