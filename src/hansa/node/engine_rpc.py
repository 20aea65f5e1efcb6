"""The engine's RPC on this machine: JSON-RPC 2.0 over HTTP, on a Unix socket that nobody outside reaches."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import httptools
import msgspec

from hansa.kernel.refusal import Refusal, shown
from hansa.node import limits
from hansa.node.errors_engine import EngineAway, EngineSaid

AWAY_RETRY_S = 2
IN_CACHE = "tx already exists in cache"
MEMPOOL_FULL = "mempool is full"
_HEAD = b"POST / HTTP/1.1\r\nhost: engine\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"


class _Error(msgspec.Struct):
    message: str = ""
    data: Any = ""


class _Answer(msgspec.Struct):
    id: Any = None
    result: msgspec.Raw = msgspec.Raw()
    error: _Error | None = None


_answers = msgspec.json.Decoder(list[_Answer] | _Answer)


class EngineRpc:
    """Questions to one engine, used on one event loop. It may be away at any time: it is another process."""

    def __init__(self, socket: Path) -> None:
        self._socket = str(socket)
        self._idle: list[_Connection] = []
        self._closed = False

    async def close(self) -> None:
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    async def ask(self, method: str, **params: str) -> bytes:
        """The `result` of one call, as JSON. Raises EngineAway, EngineSaid."""
        (answer,) = await self._ask([(method, params)], batch=False)
        if isinstance(answer, Refusal):
            raise answer
        return bytes(answer)

    async def hand_in(self, wires: Sequence[bytes]) -> list[str]:
        """Give transactions to the mempool, without waiting for its verdict: for each "", or why not.

        Raises EngineAway: then nobody knows which of them it took.
        """
        calls = [("broadcast_tx_async", {"tx": wire}) for wire in wires]  # Bytes become base64.
        return [
            str(answer.values["detail"]) if isinstance(answer, Refusal) else ""
            for answer in await self._ask(calls, batch=True)
        ]

    async def raw(self, body: bytes) -> bytes:
        """The answer to a JSON-RPC request, as it came. Raises EngineAway."""
        try:
            async with asyncio.timeout(limits.RPC_TIMEOUT_S):
                return await self._exchange(body)
        except (OSError, TimeoutError, httptools.HttpParserError) as error:
            cause = str(error) if isinstance(error, _Broken) else type(error).__name__
            raise EngineAway(cause=cause, retry_s=AWAY_RETRY_S) from None

    async def _exchange(self, body: bytes) -> bytes:
        while self._idle:
            kept = self._idle.pop()
            try:
                return await self._over(kept, body)
            except _Broken:
                continue  # The engine had hung up meanwhile; what is asked twice counts once.
        loop = asyncio.get_running_loop()
        _, fresh = await loop.create_unix_connection(_Connection, self._socket)
        return await self._over(fresh, body)

    async def _over(self, connection: "_Connection", body: bytes) -> bytes:
        try:
            answer = await connection.ask(body)
        except BaseException:
            connection.close()
            raise
        if self._closed or not connection.lives or len(self._idle) >= limits.RPC_CONNECTIONS:
            connection.close()
        else:
            self._idle.append(connection)
        return answer

    async def ask_all(self, methods: Sequence[str]) -> list[bytes]:
        """The `result` of several calls without parameters. Raises EngineAway, EngineSaid."""
        answers = await self._ask([(method, {}) for method in methods], batch=True)
        for answer in answers:
            if isinstance(answer, Refusal):
                raise answer
        return [bytes(answer) for answer in answers if isinstance(answer, msgspec.Raw)]

    async def _ask(
        self, calls: Sequence[tuple[str, Mapping[str, Any]]], *, batch: bool
    ) -> list[msgspec.Raw | Refusal]:
        asked = [
            {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
            for number, (method, params) in enumerate(calls)
        ]
        said = await self.raw(msgspec.json.encode(asked if batch else asked[0]))
        try:
            found = _answers.decode(said)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise EngineAway(cause=shown(str(error)), retry_s=AWAY_RETRY_S) from None
        answers = found if isinstance(found, list) else [found]
        by_id = {answer.id: answer for answer in answers if isinstance(answer.id, int)}
        return [_result(by_id.get(number), method) for number, (method, _) in enumerate(calls)]


def _result(answer: _Answer | None, method: str) -> msgspec.Raw | Refusal:
    if answer is None:
        return EngineSaid(method=method, detail="no answer to it")
    if answer.error is not None:
        detail = f"{answer.error.message}: {answer.error.data}" if answer.error.data else answer.error.message
        return EngineSaid(method=method, detail=shown(detail))
    return answer.result


class _Broken(ConnectionError):
    """The connection ended within an answer, or what came is none."""


class _Connection(asyncio.Protocol):
    """One connection, which has one question at a time."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._body = bytearray()
        self._answer: asyncio.Future[bytes] | None = None
        self._transport: asyncio.Transport | None = None

    @property
    def lives(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    async def ask(self, body: bytes) -> bytes:
        """The body of the answer. Raises _Broken."""
        if self._transport is None or not self.lives:
            raise _Broken("closed")
        self._body.clear()
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(_HEAD % len(body) + body)
        return await self._answer

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own is no subclass of it.

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail("hung up")

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(shown(str(error)))
            self.close()

    # Called by the parser.

    def on_body(self, data: bytes) -> None:
        self._body += data
        if len(self._body) > limits.RPC_ANSWER_MAX:
            self._fail(f"over {limits.RPC_ANSWER_MAX} bytes")
            self.close()

    def on_message_complete(self) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(bytes(self._body))

    def _fail(self, cause: str) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(_Broken(cause))
