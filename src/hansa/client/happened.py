"""A room's events since founding, each with the time of its block: by HTTP in pages, or from any node."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, NamedTuple

import msgspec

from hansa.client import errors
from hansa.client.transport import Transport
from hansa.kernel import encode

PAGE = 1_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Happened(NamedTuple):
    """An event as it stands on the ledger."""

    height: int
    place: int
    at_ms: int
    """Time of its block, UTC."""
    data: bytes


Get = Callable[[str, tuple[tuple[str, str], ...]], bytes]
"""Asks for a path of a node's API, with parameters."""


class _Envelope(msgspec.Struct):
    id: str
    time: Annotated[datetime, msgspec.Meta(tz=True)]
    data: msgspec.Raw


class _Page(msgspec.Struct):
    events: list[_Envelope]
    after: str


def events_of_node(transport: Transport, room: str) -> Iterator[Happened]:
    """From a node in this process, say: asks for the time of each block that has such an event."""
    begin = b'{"_type":"%s.' % room.encode()  # In canonical form no key sorts before the type.
    after, times = (0, -1), dict[int, int]()
    while page := transport.events_after(*after, PAGE):
        for height, index, data in page:
            after = (height, index)
            if data.startswith(begin):
                if height not in times:
                    times[height] = transport.prove("event", height, index).block.time_ms
                yield Happened(height, index, times[height], data)


def events_by_http(get: Get, room: str) -> Iterator[Happened]:
    """By the lists of a node in the network. Raises AnswerUnusable, and what `get` raises."""
    after = ""
    while True:
        start = (("after", after),) if after else ()
        answer = get("/v1/events", (("room", room), *start, ("limit", str(PAGE))))
        try:
            page = msgspec.json.decode(answer, type=_Page)
            found = [_happened(event) for event in page.events]
            goes_on = not after or _place(page.after) > _place(after)
        except (ValueError, RecursionError) as error:
            raise errors.AnswerUnusable(url="/v1/events", detail=str(error)) from None
        yield from found
        if not goes_on:
            return  # Nothing was looked at any more.
        after = page.after


def _place(text: str) -> tuple[int, int]:
    height, _, index = text.partition(".")
    return int(height), int(index)


def _happened(event: _Envelope) -> Happened:
    at_ms = (event.time - EPOCH) // timedelta(milliseconds=1)
    return Happened(*_place(event.id), at_ms, encode(msgspec.json.decode(event.data)))
