"""The engine's RPC on this machine: JSON-RPC 2.0 over HTTP, on a Unix socket that nobody outside reaches."""

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx2
import msgspec

from hansa.client.aio import read_within
from hansa.client.errors import AnswerUnusable, TimedOut
from hansa.kernel.refusal import Refusal, shown
from hansa.node import limits
from hansa.node.errors_engine import EngineAway, EngineSaid

URL = "http://engine/"
AWAY_RETRY_S = 2
IN_CACHE = "tx already exists in cache"
MEMPOOL_FULL = "mempool is full"
_JSON = {"content-type": "application/json"}


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
        self._client = httpx2.AsyncClient(
            transport=httpx2.AsyncHTTPTransport(
                uds=str(socket),
                limits=httpx2.Limits(max_connections=limits.RPC_CONNECTIONS, keepalive_expiry=60),
            ),
            timeout=limits.RPC_TIMEOUT_S,
            trust_env=False,
        )

    async def close(self) -> None:
        await self._client.aclose()

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
        calls = [("broadcast_tx_async", {"tx": base64.b64encode(wire).decode()}) for wire in wires]
        return [
            str(answer.values["detail"]) if isinstance(answer, Refusal) else ""
            for answer in await self._ask(calls, batch=True)
        ]

    async def raw(self, body: bytes) -> bytes:
        """The answer to a JSON-RPC request, as it came. Raises EngineAway."""
        try:
            async with self._client.stream("POST", URL, content=body, headers=_JSON) as answer:
                return await read_within(URL, answer, limits.RPC_ANSWER_MAX, limits.RPC_TIMEOUT_S)
        except (httpx2.HTTPError, OSError) as error:
            raise EngineAway(cause=type(error).__name__, retry_s=AWAY_RETRY_S) from None
        except (AnswerUnusable, TimedOut) as refusal:
            raise EngineAway(cause=refusal.code, retry_s=AWAY_RETRY_S) from None

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
