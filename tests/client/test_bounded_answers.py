"""What a node says is read up to a bound: an answer, or why there is no stream."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator

import httpx2
import pytest

from hansa.client import aio, errors, http
from hansa.client.aio import AsyncHttp
from hansa.client.http import Http

CHUNK = b"x" * 65_536


class Endless(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    """Goes on until nobody reads any more."""

    def __init__(self) -> None:
        self.sent = 0

    def __iter__(self) -> Iterator[bytes]:
        for _ in range(10_000):
            self.sent += len(CHUNK)
            yield CHUNK

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self:
            yield chunk


@pytest.fixture
def body(monkeypatch: pytest.MonkeyPatch) -> Endless:
    for module in (http, aio):
        monkeypatch.setattr(module, "ANSWER_BYTES_MAX", 2**20)
    return Endless()


def answering(status: int, body: Endless) -> httpx2.MockTransport:
    return httpx2.MockTransport(lambda request: httpx2.Response(status, stream=body))


def events(transport: httpx2.MockTransport) -> None:
    with Http("http://node", over=transport) as node:
        next(iter(node.events()))


def head(transport: httpx2.MockTransport) -> None:
    with Http("http://node", over=transport, patience_s=0) as node:
        node.head()


def events_async(transport: httpx2.MockTransport) -> None:
    async def listen() -> None:
        async with AsyncHttp("http://node", over=transport) as node:
            async for _ in node.events():
                return

    asyncio.run(listen())


def head_async(transport: httpx2.MockTransport) -> None:
    async def ask() -> None:
        async with AsyncHttp("http://node", over=transport, patience_s=0) as node:
            await node.head()

    asyncio.run(ask())


@pytest.mark.parametrize(
    ("ask", "status"), [(head, 200), (events, 400), (head_async, 200), (events_async, 400)]
)
def test_an_answer_without_end_is_no_answer(
    ask: Callable[[httpx2.MockTransport], None], status: int, body: Endless
) -> None:
    with pytest.raises(errors.AnswerUnusable, match="over"):
        ask(answering(status, body))
    assert body.sent <= 2**20 + len(CHUNK)
