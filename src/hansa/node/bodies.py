"""Bodies of requests, received under limits of size, time and memory, whatever the sender announces."""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from hansa.kernel.refusal import shown
from hansa.node import errors, limits

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Headers = Iterable[tuple[bytes, bytes]]

OCTETS, JSON = "application/octet-stream", "application/json"


class Gone(Exception):
    """The sender hung up before its body was whole: there is nobody to answer."""


class Budget:
    """Memory that all bodies in transit share. One address has at most a part of it."""

    def __init__(self, limit: int) -> None:
        self.limit, self.used = limit, 0
        self._by_address: dict[str, int] = {}

    def take(self, size: int, address: str) -> None:
        """Raises QueueFull."""
        own = self._by_address.get(address, 0) + size
        if self.used + size > self.limit or own > self.limit // limits.SOURCES_AT_LEAST:
            raise errors.QueueFull(retry_s=1)
        self.used += size
        self._by_address[address] = own

    def give_back(self, size: int, address: str) -> None:
        self.used -= size
        own = self._by_address.get(address, 0) - size
        if own > 0:
            self._by_address[address] = own
        else:
            self._by_address.pop(address, None)


def announced(headers: Headers, wanted: str, limit: int) -> int:
    """The announced length, 0 if none. Raises ContentTypeWrong or BodyTooLarge, before anything is read."""
    length, given = 0, ""
    for name, value in headers:
        if name == b"content-length":
            length = int(value) if value.isdigit() and len(value) < 16 else limit + 1
        elif name == b"content-type":
            given = value.decode("latin-1").partition(";")[0].strip().lower()
    if given != wanted:
        raise errors.ContentTypeWrong(given=shown(given or "-"), wanted=wanted)
    if length > limit:
        raise errors.BodyTooLarge(limit=limit)
    return length


async def receive_body(receive: Receive, limit: int, budget: Budget, address: str) -> bytes:
    """A whole body. Raises BodyTooLarge, QueueFull where memory for bodies is used up, or Gone.

    How long it may take is the connection's to say.
    """
    message = _present(await receive())
    body: bytes = message.get("body", b"")
    if not message.get("more_body", False):
        if len(body) > limit:
            raise errors.BodyTooLarge(limit=limit)
        return body
    taken = 0
    try:
        parts = []
        while True:
            budget.take(len(body), address)
            taken += len(body)
            if taken > limit:
                raise errors.BodyTooLarge(limit=limit)
            parts.append(body)
            if not message.get("more_body", False):
                return b"".join(parts)
            message = _present(await receive())
            body = message.get("body", b"")
    finally:
        budget.give_back(taken, address)


def _present(message: Message) -> Message:
    if message["type"] == "http.disconnect":
        raise Gone
    return message
