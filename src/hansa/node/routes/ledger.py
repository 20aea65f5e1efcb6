"""Routes of everyday use: hand in, ask a room, look up a receipt, listen."""

import re
from typing import Annotated, Any

import msgspec
from starlette.responses import Response
from starlette.types import ASGIApp

from hansa.engines.reading import Answer, Reading
from hansa.kernel.messages import Receipt
from hansa.kernel.refusal import shown
from hansa.kernel.registry import QueryUnknown
from hansa.kernel.types import Hash, Natural, Struct, TimeMs
from hansa.node import errors, limits, parameters
from hansa.node.answers import Submitted
from hansa.node.endpoint import Asked, Endpoint, json_response
from hansa.node.events import CONTENT_TYPE, CloudEvent, Listening, Position, events_after
from hansa.node.front import Front
from hansa.node.routes.history import chosen

_POSITION = re.compile(r"([0-9]{1,16})\.(-1|[0-9]{1,16})\Z")
PositionText = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,16}\.(-1|[0-9]{1,16})$", max_length=33)]
"""height.index; an index of -1 lies before the first event of its block."""


class OfTransaction(Struct):
    id: Hash
    """SHA-256 of the transaction's body."""


class OfEvents(Struct):
    after: PositionText | None = None
    """Go on after this event. Without it: from now on; for a list, from the beginning."""
    limit: Annotated[int, msgspec.Meta(ge=1, le=limits.EVENTS_PER_READ_MAX)] | None = None
    """How many events a list holds at most. A list is also what is asked for without SSE's Accept header."""
    room: Annotated[str, msgspec.Meta(max_length=64)] = ""
    """Events of this room only."""
    type: Annotated[str, msgspec.Meta(max_length=128)] = ""
    """Events of this type only."""
    member: Annotated[str, msgspec.Meta(max_length=64)] = ""
    """Events in which this member is named only; of a list, not as they happen."""


class Asking(Struct):
    """An answer of a room, with where the ledger stood."""

    height: Natural
    time_ms: TimeMs
    value: Any


class EventList(Struct):
    """Events of the ledger, oldest first."""

    events: tuple[CloudEvent, ...]
    after: str
    """Where to go on: the position of the last event that was looked at."""


async def receipt(asked: Asked) -> ASGIApp:
    found = await asked.read(lambda reading: reading.find(asked.given.id))
    if found is None:
        raise errors.ReceiptUnknown(transaction=asked.given.id[:12])
    return json_response(found)


async def query(asked: Asked) -> ASGIApp:
    """A query of any room in force. Its parameters are those of its function, and `height`."""
    front = asked.front
    full = ".".join(asked.request.path_params.values())
    pairs = asked.request.query_params.multi_items()
    heights = [text for parameter, text in pairs if parameter == "height"]
    height = parameters.read(_Height, {}, [("height", text) for text in heights]).height
    if height is not None:
        front.check_reader("members", asked.session)  # A past state costs much to restore.

    def may_read(readers: str) -> None:
        front.check_reader(readers, asked.session)

    def work(reading: Reading) -> Answer:
        kind = reading.registry.arguments(full)
        if kind is None:
            raise QueryUnknown(name=shown(full))
        given = parameters.raw(kind, [pair for pair in pairs if pair[0] != "height"])
        if height is not None and height > reading.height:
            raise errors.HeightUnknown(height=height, head=reading.height)
        return reading.answer(full, given, height=height, may_read=may_read)

    answer = await asked.read(work)
    value = Asking(height=answer.height, time_ms=answer.time_ms, value=answer.value)
    return json_response(value, {"hansa-height": str(answer.height)})


class _Height(Struct):
    height: Natural | None = None


async def events(asked: Asked) -> ASGIApp:
    front, given = asked.front, asked.given
    after = _position(asked)
    if given.limit is not None or CONTENT_TYPE not in asked.request.headers.get("accept", ""):
        return json_response(await asked.read(lambda reading: _listed(reading, front, given, after)))
    await front.check_key(asked.caller)
    if after is not None and not front.broadcast.has_at_hand(after):
        # Said before anything else is: a place that is no longer kept has no continuation.
        await asked.read(lambda reading: reading.events_after(after.height, after.place, 0))
    if asked.request.method == "HEAD":
        return Response(media_type=CONTENT_TYPE)
    front.broadcast.admit(asked.caller.holder.member)
    return Listening(
        front.broadcast,
        asked.caller.holder.member,
        lambda: front.still_allowed(asked.caller),
        after=after,
        room=given.room,
        kind=given.type,
        heartbeat_s=front.settings.limits.heartbeat_s,
    )


def _listed(reading: Reading, front: Front, given: OfEvents, after: Position | None) -> EventList:
    start = after or Position(0, -1)
    if given.room or given.type or given.member:
        found, last = chosen(reading, front.projection, given, start)
    else:
        page = events_after(reading, start, given.limit or limits.EVENTS_PER_READ_MAX)
        found, last = [event for _, event in page], page[-1][0] if page else start
    return EventList(events=tuple(found), after=f"{last.height}.{last.place}")


def _position(asked: Asked) -> Position | None:
    """Where to go on: Last-Event-ID, which a browser sends by itself, before `after`."""
    text = asked.request.headers.get("last-event-id") or asked.given.after
    if not text:
        return None
    match = _POSITION.match(text)
    if match is None:
        raise errors.ParameterWrong(name="Last-Event-ID", detail="it is not height.index")
    return Position(int(match[1]), int(match[2]))


ENDPOINTS = (
    Endpoint(
        "POST", "/v1/transactions", "submit", None,
        "Hand in one signed transaction, or several: a zero byte, then the length of each in 4 bytes, "
        "big-endian, and its bytes. Answers when all is durable, with an outcome for each.",
        access="anyone", body=bytes, answer=Submitted, statuses=(408, 413, 415, 429, 503),
    ),
    Endpoint(
        "GET", "/v1/transactions/{id}", "receipt", receipt,
        "What became of a transaction.", parameters=OfTransaction, answer=Receipt, statuses=(404,),
    ),
    Endpoint(
        "GET", "/v1/events", "events", events,
        "Events on the ledger; with `Accept: text/event-stream` and no `limit`, events as they happen.",
        parameters=OfEvents, answer=EventList, content=CONTENT_TYPE, statuses=(410,),
    ),
)  # fmt: skip
