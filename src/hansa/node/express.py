"""The short way of a small request with transactions: from the parser to the queue, and back at once.

The same answers as by the long way (serving.submit), without a task, a route and a scope for each: these cost
more than all that the ledger does with one transaction. Whatever is unusual takes the long way.
"""

from asyncio import CancelledError, Future
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from hansa.kernel.refusal import Refusal
from hansa.node import errors, problems
from hansa.node.bodies import OCTETS
from hansa.node.connection import Connection, problem_bytes
from hansa.node.front import Front
from hansa.node.logs import note
from hansa.node.routes import TRANSACTIONS_PATH

BODY_BYTES_MAX = 60_000
"""Below the mark at which a connection stops reading."""
_URL = TRANSACTIONS_PATH.encode()
_OCTETS = OCTETS.encode()
_OK = b"HTTP/1.1 200 OK\r\n%scontent-type: application/json\r\ncontent-length: %d\r\n%s\r\n"
_CLOSE = b"connection: close\r\n"


class _Nobody:
    """Stands for the task that would wait for the body."""

    def set(self) -> None:
        """Nobody waits."""


class _Cycle:
    """A request under way, as far as the protocol of uvicorn looks at one."""

    __slots__ = ("body", "disconnected", "keep_alive", "more_body", "response_complete", "response_started")
    message_event = _Nobody()

    def __init__(self, keep_alive: bool) -> None:
        self.body = bytearray()
        self.keep_alive = keep_alive
        self.more_body = True
        self.disconnected = self.response_started = self.response_complete = False


class Express(Connection):
    """A connection that hands transactions straight to `offer`, which answers by a future."""

    front: Front
    offer: Callable[[bytes, str], "Future[bytes]"]
    goes_by: Callable[[Any], bool]
    _short: _Cycle | None = None
    _kept = 0
    """Bytes of a body that is not whole yet: they count to the memory for bodies."""

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._short is None:
            return
        more = len(self._short.body) - self._kept
        try:
            self.front.budget.take(more, self.address)
        except errors.QueueFull as refusal:
            self._short.disconnected = True
            self._refuse(refusal)
        else:
            self._kept += more

    def on_headers_complete(self) -> None:
        length = self._is_short()
        if not length:
            super().on_headers_complete()
            return
        self._came()
        self._reading = "body"
        cycle = _Cycle(self.parser.should_keep_alive())
        self.cycle = cycle  # type: ignore[assignment]  # all that is asked of one here
        try:
            self.front.member.check_room(length, self.address)
        except Exception as error:
            # Told before the body is read; what comes of it is let fall.
            self._end(cycle, self._refused(error, self.headers, cycle))
        else:
            self._short = cycle

    def connection_lost(self, exc: Exception | None) -> None:
        self._short = None
        self._give_back()
        super().connection_lost(exc)

    def _give_back(self) -> None:
        if self._kept:
            self.front.budget.give_back(self._kept, self.address)
            self._kept = 0

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._give_back()
        cycle, self._short = self._short, None
        if cycle is None:
            return
        headers = self.headers
        try:
            future = type(self).offer(bytes(cycle.body), self.address)
        except Exception as error:
            self._end(cycle, self._refused(error, headers, cycle))
        else:
            future.add_done_callback(lambda done: self._answered(cycle, headers, done))

    def _is_short(self) -> int:
        """The length of its body, if nothing about a request is unusual; else 0. Its headers are in."""
        if self.url != _URL or self.parser.get_method() != b"POST" or self.expect_100_continue:
            return 0
        if self.flow.write_paused or (self.cycle is not None and not self.cycle.response_complete):
            return 0
        length, octets = -1, False
        for name, value in self.headers:
            if name == b"content-length":
                length = int(value) if value.isdigit() and len(value) < 9 else -1
            elif name == b"content-type":
                octets = value == _OCTETS
            elif name == b"upgrade":
                return 0
        if not octets or not 0 < length <= BODY_BYTES_MAX or self.parser.get_http_version() != "1.1":
            return 0
        return length if type(self).goes_by({"headers": self.headers, "http_version": "1.1"}) else 0

    def _answered(self, cycle: _Cycle, headers: list[tuple[bytes, bytes]], done: "Future[bytes]") -> None:
        try:
            body = done.result()
        except CancelledError:
            self.transport.close()
            return
        except Exception as error:
            self._end(cycle, self._refused(error, headers, cycle))
            return
        always = _lines(tuple(self.server_state.default_headers))
        self._end(cycle, _OK % (always, len(body), b"" if cycle.keep_alive else _CLOSE) + body)

    def _refused(self, error: Exception, headers: list[tuple[bytes, bytes]], cycle: _Cycle) -> bytes:
        if not isinstance(error, Refusal):
            note("request failed", 40, path=TRANSACTIONS_PATH, cause=type(error).__name__)
            error = errors.Internal()
        self.front.metrics.refused_early.labels(error.code).inc()
        return problem_bytes(error, problems.language_of(headers), keep_alive=cycle.keep_alive)

    def _end(self, cycle: _Cycle, answer: bytes) -> None:
        if cycle.disconnected or self.transport.is_closing():
            return
        cycle.response_started = cycle.response_complete = True
        self.transport.write(answer)
        if not cycle.keep_alive:
            self.transport.close()
        self.on_response_complete()


@lru_cache(maxsize=2)
def _lines(headers: tuple[tuple[bytes, bytes], ...]) -> bytes:
    """Header lines that every answer has; they change once a second."""
    return b"".join(b"%s: %s\r\n" % header for header in headers)


def protocol(front: Front, goes_by: Callable[[Any], bool]) -> type[Connection]:
    """The protocol class of a server: with the short way where the member has a queue of its own."""
    own: dict[str, Any] = {"bounds": front.settings.limits, "by_address": {}}
    offer = getattr(front.member, "offer", None)
    if offer is None:
        return type("Bound", (Connection,), own)
    own |= {"front": front, "offer": staticmethod(offer), "goes_by": staticmethod(goes_by)}
    return type("BoundExpress", (Express,), own)
