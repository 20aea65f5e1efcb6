"""Connections under limits of time, number and header size, which uvicorn leaves to a proxy before it."""

from asyncio import TimerHandle, Transport
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from hansa.kernel import encode
from hansa.node import errors, limits, problems
from hansa.node.errors import NodeRefusal
from hansa.node.settings import Limits


def protocol(bounds: Limits) -> type[HttpToolsProtocol]:
    """The protocol class of a server with these limits."""

    class Connection(HttpToolsProtocol):
        """One connection. A request's line and headers must be whole in time, and not too long."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self._headers_due: TimerHandle | None = None
            self._header_bytes = 0

        def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            if len(self.connections) > bounds.connections:
                transport.close()
                return
            self._await_headers()

        def connection_lost(self, exc: Exception | None) -> None:
            self._headers_came()
            super().connection_lost(exc)

        def on_message_begin(self) -> None:
            self._header_bytes = 0
            self._await_headers()
            super().on_message_begin()

        def on_url(self, url: bytes) -> None:
            self._count(len(url))
            super().on_url(url)

        def on_header(self, name: bytes, value: bytes) -> None:
            self._count(len(name) + len(value))
            super().on_header(name, value)

        def on_headers_complete(self) -> None:
            self._headers_came()
            super().on_headers_complete()

        def data_received(self, data: bytes) -> None:
            if not self.transport.is_closing():
                super().data_received(data)

        def send_400_response(self, msg: str) -> None:
            self._refuse(self._refusal or errors.RequestMalformed())

        _refusal: NodeRefusal | None = None

        def _count(self, size: int) -> None:
            self._header_bytes += size
            if self._header_bytes > limits.HEADER_BYTES_MAX:
                self._refusal = errors.HeadersTooLarge(limit=limits.HEADER_BYTES_MAX)
                raise self._refusal

        def _await_headers(self) -> None:
            if self._headers_due is None:
                self._headers_due = self.loop.call_later(bounds.header_time_s, self._close)

        def _headers_came(self) -> None:
            if self._headers_due is not None:
                self._headers_due.cancel()
                self._headers_due = None

        def _close(self) -> None:
            if not self.transport.is_closing():
                self.transport.close()

        def _refuse(self, refusal: NodeRefusal) -> None:
            body = encode(problems.problem(refusal, "en"))
            headers = {**problems.headers_of(refusal, "en"), "content-length": str(len(body))}
            lines = [f"{name}: {value}\r\n".encode() for name, value in headers.items()]
            self.transport.write(
                b"".join((STATUS_LINE[refusal.status], *lines, b"connection: close\r\n\r\n", body))
            )
            self.transport.close()

    return Connection
