"""The same client for asyncio: `AsyncHttp` and `AsyncClient`, call for call as hansa.client.http."""

import asyncio
import hashlib
import ssl
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import httpx2

from hansa.client import OnWord, Refused, Signing, errors, not_proved, not_the_operators
from hansa.client.asking import answered
from hansa.client.bundle import Handover
from hansa.client.exchange import PATIENCE_MS, Answer, Ask, Pause, Reading, Steps
from hansa.client.http import (
    AGENT,
    ANSWER_BYTES_MAX,
    EVENT_BYTES_MAX,
    REOPEN_FIRST_S,
    REOPEN_MAX_S,
    SILENCE_MAX_S,
    TIMEOUT_S,
    Heard,
    heard_event,
    lower,
    refusal_of_network,
    request_headers,
    stream_refusal,
    stream_request,
    tls_context,
)
from hansa.client.operators import HANDOVER_PAUSE_S, HANDOVER_TRIES, is_network, operators
from hansa.client.several import Other, nodes
from hansa.client.transport import Delivery
from hansa.client.trust import Trust
from hansa.client.validators import Calls, Validators
from hansa.kernel import Action, Registry, encode, limits
from hansa.kernel.commit import EngineHeader
from hansa.kernel.evidence import BlockProof, Proof, SignedHeader
from hansa.kernel.messages import Receipt
from hansa.kernel.refusal import Refusal
from hansa.kernel.signatures import Signer
from hansa.kernel.types import Natural

T = TypeVar("T")


class AsyncHttp:
    """A node's HTTP API; used by many tasks of one event loop at once. Guarantees and errors as Http."""

    def __init__(
        self,
        url: str,
        *,
        signer: Signer | None = None,
        member: str = "",
        key: str = "",
        node: str = "",
        chain: str = "",
        others: Sequence[Other] = (),
        ca: Path | None = None,
        allow_plain: bool = False,
        timeout_s: float = TIMEOUT_S,
        patience_s: float = PATIENCE_MS / 1_000,
        lang: str = "en",
        over: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self.api = nodes(
            url,
            others,
            signer=signer,
            member=member,
            key=key,
            node=node,
            chain=chain,
            allow_plain=allow_plain,
            patience_ms=int(patience_s * 1_000),
        )
        self._timeout_s, self._genesis = timeout_s, b""
        self._client = httpx2.AsyncClient(
            transport=over,
            verify=tls_context(ca) if url.startswith("https") else False,
            headers={"user-agent": AGENT, "accept-language": lang},
            timeout=timeout_s,
            trust_env=False,
        )

    async def __aenter__(self) -> "AsyncHttp":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._client.aclose()

    @property
    def url(self) -> str:
        return self.api.url

    async def genesis(self) -> bytes:
        if not self._genesis:
            self._genesis = await self._run(self.api.genesis())
        return self._genesis

    async def submit(self, wires: Sequence[bytes]) -> list[Receipt]:
        return list((await self.deliver(wires)).receipts)

    async def query(self, name: str, arguments: bytes) -> bytes:
        return (await self.read(name, arguments)).value

    async def events_after(self, height: int, index: int, limit: int) -> list[tuple[int, int, bytes]]:
        return await self._run(self.api.events_page(height, index, limit))

    async def head(self) -> SignedHeader | None:
        return await self._run(self.api.head())

    async def final(self, at_least: int = 0, within_s: float = 0) -> SignedHeader | None:
        return await self._run(self.api.final(at_least, int(within_s * 1_000)))

    async def handovers(self) -> tuple[Handover, ...]:
        return await self._run(self.api.handovers())

    async def prove(self, kind: str, height: int, index: int, head: int = 0) -> Proof:
        return await self._run(self.api.prove(kind, height, index, head))

    async def prove_block(self, kind: str, height: int, head: int = 0) -> BlockProof:
        return await self._run(self.api.prove_block(kind, height, head))

    async def consistency(self, old: int, new: int) -> tuple[str, ...]:
        return await self._run(self.api.consistency(old, new))

    async def engine_header(self, height: int) -> EngineHeader:
        return await self._run(self.api.engine_header(height))

    def shun(self) -> bool:
        """The node that answered last is not to be believed: ask others for a while. False: there is none."""
        return self.api.shun()

    async def find(self, transaction: str) -> Receipt | None:
        return await self._run(self.api.find(transaction))

    async def deliver(self, wires: Sequence[bytes]) -> Delivery:
        return await self._run(self.api.submit(wires))

    async def read(self, name: str, arguments: bytes, height: int | None = None) -> Reading:
        return await self._run(self.api.read(name, arguments, height))

    async def get(self, path: str, params: tuple[tuple[str, str], ...] = ()) -> bytes:
        return await self._run(self.api.get(path, params))

    async def hand_over(self, acknowledgement: bytes) -> None:
        await self._run(self.api.hand_over(acknowledgement))

    async def open_session(self) -> None:
        await self._run(self.api.open_session())

    async def events(
        self, after: tuple[int, int] = (0, -1), *, room: str = "", type: str = "", give_up_s: float = 0
    ) -> AsyncIterator[Heard]:
        """Events as they happen, each once and in order, across broken lines. Ends only by an error."""
        broken_s, pause_s = 0.0, REOPEN_FIRST_S
        while True:
            try:
                async for event in self._stream(after, room, type):
                    after, broken_s, pause_s = (event.height, event.index), 0.0, REOPEN_FIRST_S
                    yield event
            except (errors.Unreachable, errors.TimedOut, errors.Busy):
                self.api.shun()
                broken_s += pause_s
                if give_up_s and broken_s > give_up_s:
                    raise
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, REOPEN_MAX_S)

    async def _stream(self, after: tuple[int, int], room: str, type_: str) -> AsyncIterator[Heard]:
        params, headers = stream_request(after, room, type_)
        timeout = httpx2.Timeout(self._timeout_s, read=SILENCE_MAX_S)
        for again in (True, False):
            try:
                async with self._client.stream(
                    "GET",
                    f"{self.url}/v1/events",
                    params=params,
                    headers={**headers, **self.api.headers()},
                    timeout=timeout,
                ) as response:
                    if response.status_code == 401 and again:
                        await response.aclose()
                    elif response.status_code != 200:
                        said = await read_within(self.url, response, EVENT_BYTES_MAX, self._timeout_s)
                        raise stream_refusal(self.url, response.status_code, said)
                    else:
                        async for sent in httpx2.EventSource(response, EVENT_BYTES_MAX):
                            event = heard_event(self.url, sent)
                            if event is not None and (event.height, event.index) > after:
                                after = (event.height, event.index)
                                yield event
                        return
            except (httpx2.HTTPError, ssl.SSLError) as error:
                raise refusal_of_network(self.url, error, SILENCE_MAX_S) from error
            await self.open_session()

    async def _run(self, steps: Steps[T]) -> T:
        answer: Answer | Refusal | None = None
        while True:
            try:
                wanted = steps.send(answer)
            except StopIteration as done:
                result: T = done.value
                return result
            if isinstance(wanted, Pause):
                await asyncio.sleep(wanted.ms / 1_000)
                answer = None
            else:
                answer = await self._send(wanted)

    async def _send(self, ask: Ask) -> Answer | Refusal:
        try:
            async with self._client.stream(
                ask.method,
                (ask.url or self.url) + ask.path,
                params=list(ask.params),
                content=ask.body or None,
                headers=request_headers(ask, self.api),
            ) as response:
                body = await read_within(ask.url or self.url, response, ANSWER_BYTES_MAX, self._timeout_s)
                return Answer(response.status_code, lower(response.headers), body)
        except (httpx2.HTTPError, ssl.SSLError) as error:
            return refusal_of_network(ask.url or self.url, error, self._timeout_s)
        except (errors.AnswerUnusable, errors.TimedOut) as refusal:
            return refusal


class AsyncClient(Signing):
    """One key's access to the ledger for many tasks at once; at most 512 transactions are in flight."""

    def __init__(
        self,
        transport: AsyncHttp,
        registry: Registry,
        *,
        chain: str,
        member: str,
        key: str,
        signer: Signer,
        clock: Callable[[], int],
        sequence: int = 0,
        on_word: OnWord = lambda word: None,
        trust: Trust | None = None,
    ) -> None:
        super().__init__(
            registry,
            chain=chain,
            member=member,
            key=key,
            signer=signer,
            clock=clock,
            sequence=sequence,
            on_word=on_word,
        )
        self.transport = transport
        self._trust = trust
        self._in_flight = asyncio.Semaphore(limits.IN_FLIGHT_MAX)
        self._learning = asyncio.Lock()  # Who the operator is, is asked by one task for all.

    @classmethod
    async def open(
        cls,
        transport: AsyncHttp,
        registry: Registry,
        *,
        member: str,
        key: str,
        signer: Signer,
        clock: Callable[[], int],
        on_word: OnWord = lambda word: None,
        trust: Trust | None = None,
    ) -> "AsyncClient":
        """A client of the node's chain that goes on where its key stopped."""
        chain = hashlib.sha256(await transport.genesis()).hexdigest()
        used = await transport.query("consortium.sequence", encode({"key": key, "member": member}))
        return cls(
            transport,
            registry,
            chain=chain,
            member=member,
            key=key,
            signer=signer,
            clock=clock,
            sequence=answered(transport.url, used, Natural),
            on_word=on_word,
            trust=trust,
        )

    async def do(self, *actions: Action) -> Receipt:
        """Submit one transaction and wait until it is durable. Raises Refused, as Client.do; or
        AnswerUnusable where the acknowledgement is not the operator's, or on a network nothing is proved.
        """
        async with self._in_flight:
            delivery = await self.transport.deliver([self.sign(*actions)])
        receipt = delivery.receipts[0]
        async with self._learning:
            if await self._on_network():
                await self._check_proved(receipt)
            else:
                await self._hear(delivery.acknowledgements)
        if receipt.code != "ok":
            raise Refused(receipt)
        return receipt

    async def _on_network(self) -> bool:
        """Whether outcomes count by proof. Raises OtherChain."""
        if self._validators is None and self._operators is None:
            genesis = await self.transport.genesis()
            found = hashlib.sha256(genesis).hexdigest()
            if found != self.chain:
                raise errors.OtherChain(url=self.transport.url, found=found[:12], expected=self.chain[:12])
            if is_network(genesis):
                trust = self._trust or Trust(genesis, self.chain, None, self.clock)
                self._validators = Validators(trust)
        return self._validators is not None

    async def _check_proved(self, receipt: Receipt) -> None:
        """Raises AnswerUnusable where the ledger is told to have what is not proved."""
        assert self._validators is not None
        if not receipt.height and receipt.code != "ok":
            return
        calls = self._validators.proving(self.transport.url, [receipt])
        if receipt not in await run_async(self.transport, calls):
            raise not_proved(self.transport.url)

    async def _hear(self, words: Sequence[bytes]) -> None:
        for attempt in range(HANDOVER_TRIES + 2):
            if self._hand_on(words):
                return
            await asyncio.sleep(HANDOVER_PAUSE_S if attempt > 1 else 0)
            genesis, handovers = await self.transport.genesis(), await self.transport.handovers()
            self._operators = operators(genesis, self.chain, handovers)
        raise not_the_operators(self.transport.url)

    async def query(self, name: str, kind: type[T], **arguments: Any) -> T:
        """Ask a room. The answer is decoded as `kind`. Raises AnswerUnusable where it is none."""
        return answered(self.transport.url, await self.transport.query(name, encode(arguments)), kind)


async def run_async(transport: AsyncHttp, calls: Calls[T]) -> T:
    """The same as `hansa.client.validators.run`."""
    answer: Any = None
    refusal: Refusal | None = None
    while True:
        try:
            call = calls.send(answer) if refusal is None else calls.throw(refusal)
        except StopIteration as done:
            result: T = done.value
            return result
        answer, refusal = None, None
        try:
            answer = await getattr(transport, call.name)(*call.arguments)
        except Refusal as found:
            refusal = found


async def read_within(url: str, response: httpx2.Response, most: int, within_s: float) -> bytes:
    """The same as `hansa.client.http.read_within`."""
    deadline, body = time.monotonic() + within_s, bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > most:
            raise errors.AnswerUnusable(url=url, detail=f"over {most} bytes")
        if time.monotonic() > deadline:
            raise errors.TimedOut(url=url, seconds=within_s)
    return bytes(body)
