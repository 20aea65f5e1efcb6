"""Connections under limits of time, number and header size, which uvicorn leaves to a proxy before it."""

from asyncio import TimerHandle, Transport
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from hansa.kernel import encode
from hansa.kernel.refusal import Refusal
from hansa.node import errors, limits, problems
from hansa.node.errors import NodeRefusal
from hansa.node.settings import Limits
from hansa.node.shares import address_of


class Connection(HttpToolsProtocol):
    """One connection. A request's line and headers must be whole in time, and not too long; its body too."""

    bounds = Limits()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._due: TimerHandle | None = None
        self._header_bytes = 0
        self._refusal: NodeRefusal | None = None
        self._reading = ""
        """What of a request has begun to come in and is not whole: its headers, or its body."""
        self.address = ""

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.address = address_of(self.client[0]) if self.client else ""
        if len(self.connections) > self.bounds.connections:
            transport.close()
            return
        self._wait_at_most(self.bounds.header_time_s, self._close)

    def connection_lost(self, exc: Exception | None) -> None:
        self._came()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        super().data_received(data)
        if self._reading == "headers" and self._due is None:
            self._wait_at_most(self.bounds.header_time_s, self._close)
        elif self._reading == "body" and self._due is None:
            self._wait_at_most(self.bounds.body_time_s, self._too_slow)

    # What the parser tells.

    def on_message_begin(self) -> None:
        self._header_bytes = 0
        self._reading = "headers"
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._came()
        self._reading = "body"
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._came()
        self._reading = ""
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        self._refuse(self._refusal or errors.RequestMalformed())

    # Limits.

    def _count(self, size: int) -> None:
        self._header_bytes += size
        if self._header_bytes > limits.HEADER_BYTES_MAX:
            self._refusal = errors.HeadersTooLarge(limit=limits.HEADER_BYTES_MAX)
            raise self._refusal

    def _wait_at_most(self, seconds: float, otherwise: Callable[[], None]) -> None:
        self._due = self.loop.call_later(seconds, otherwise)

    def _came(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None

    def _close(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()

    def _too_slow(self) -> None:
        """A body is not whole in time. Whoever has its answer already is only hung up on."""
        if self.transport.is_closing() or self.cycle.response_started:
            self._close()
            return
        self.cycle.disconnected = True
        self.cycle.message_event.set()
        self._refuse(errors.BodySlow(limit_s=self.bounds.body_time_s))

    def _refuse(self, refusal: NodeRefusal) -> None:
        self.transport.write(problem_bytes(refusal, "en", keep_alive=False))
        self.transport.close()


def problem_bytes(refusal: Refusal, language: str, *, keep_alive: bool) -> bytes:
    """A refusal as a whole HTTP answer."""
    body = encode(problems.problem(refusal, language))
    headers = {**problems.headers_of(refusal, language), "content-length": str(len(body))}
    if not keep_alive:
        headers["connection"] = "close"
    lines = [f"{name}: {value}\r\n".encode() for name, value in headers.items()]
    return b"".join((STATUS_LINE[problems.status_of(refusal)], *lines, b"\r\n", body))
