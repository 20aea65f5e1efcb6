"""Connections under limits of time, number and header size, which uvicorn leaves to a proxy before it.

Whoever does not send in time is hung up on, and whoever does not take its answer in time is, too.
"""

from asyncio import TimerHandle, Transport
from collections.abc import Callable
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from hansa.kernel import encode
from hansa.kernel.refusal import Refusal
from hansa.node import errors, limits, problems
from hansa.node.errors import NodeRefusal
from hansa.node.settings import Limits
from hansa.node.shares import address_of


class Connection(HttpToolsProtocol):
    """One connection. A request's line and headers must be whole in time, and not too long; its body too.

    Each server has a class of its own, with its `bounds` and what it counts by address.
    """

    bounds = Limits()
    by_address: ClassVar[dict[str, int]] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._due: TimerHandle | None = None
        self._header_bytes = 0
        self._refusal: NodeRefusal | None = None
        self._reading = ""
        """What of a request has begun to come in and is not whole: its headers, or its body."""
        self.address = ""
        self._counted = False
        self._sending: TimerHandle | None = None
        self._answers = 0

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.address = address_of(self.client[0]) if self.client else ""
        limit, own = self.bounds.connections_per_address, self.by_address.get(self.address, 0)
        if len(self.connections) > self.bounds.connections or own >= limit:
            self._refuse(errors.ConnectionsFull(limit=limit, retry_s=limits.CONNECT_AGAIN_S))
            return
        self.by_address[self.address] = own + 1
        self._counted = True
        self._wait_at_most(self.bounds.header_time_s, self._close)

    def connection_lost(self, exc: Exception | None) -> None:
        self._came()
        if self._sending is not None:
            self._sending.cancel()
        if self._counted:
            self._counted = False
            self.by_address[self.address] -= 1
            if not self.by_address[self.address]:
                del self.by_address[self.address]
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

    # What is sent.

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_sending()

    def resume_writing(self) -> None:
        """Nearly all was taken: what is left, and what comes after it, has its own time."""
        if self._sending is not None:
            self._sending.cancel()
            self._sending = None
        self._watch_sending()
        super().resume_writing()

    def on_response_complete(self) -> None:
        self._answers += 1
        self._watch_sending()
        super().on_response_complete()

    def _watch_sending(self) -> None:
        """See in a while whether what is written was taken."""
        left = self.transport.get_write_buffer_size()
        if left and self._sending is None:
            self._sending = self.loop.call_later(self.bounds.send_time_s, self._look, left, self._answers)

    def _look(self, before: int, answers: int) -> None:
        """Hang up on a reader that took next to nothing of what waits."""
        self._sending = None
        left = self.transport.get_write_buffer_size()
        idle = answers == self._answers and (self.cycle is None or self.cycle.response_complete)
        # Else what was taken may have been replaced by more of it: that goes on until the buffer is full.
        comparable = self.flow.write_paused or idle
        if left and comparable and left > before - limits.SEND_BYTES_MIN:
            self.transport.abort()
        else:
            self._watch_sending()

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
            self._watch_sending()

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
        self._watch_sending()


def problem_bytes(refusal: Refusal, language: str, *, keep_alive: bool) -> bytes:
    """A refusal as a whole HTTP answer."""
    body = encode(problems.problem(refusal, language))
    headers = {**problems.headers_of(refusal, language), "content-length": str(len(body))}
    if not keep_alive:
        headers["connection"] = "close"
    lines = [f"{name}: {value}\r\n".encode() for name, value in headers.items()]
    return b"".join((STATUS_LINE[problems.status_of(refusal)], *lines, b"\r\n", body))
