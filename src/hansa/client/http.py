"""A node somewhere in the network, blocking: `Http` is a Transport over its HTTP API."""

import ssl
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import httpx2
import msgspec

from hansa.client import errors
from hansa.client.bundle import Handover
from hansa.client.exchange import (
    PATIENCE_MS,
    Answer,
    Api,
    Ask,
    CloudEvent,
    Pause,
    Reading,
    Steps,
    heard,
)
from hansa.client.problems import refusal_of_problem
from hansa.client.several import Other, Several, nodes
from hansa.client.transport import Delivery
from hansa.kernel.commit import EngineHeader
from hansa.kernel.evidence import BlockProof, Proof, SignedHeader
from hansa.kernel.messages import Receipt
from hansa.kernel.refusal import Refusal, shown
from hansa.kernel.signatures import Signer

T = TypeVar("T")

TIMEOUT_S = 30
"""How long one request may take from its first byte to its last."""
SILENCE_MAX_S = 60
"""A stream of events that says nothing for so long, not even a heartbeat, is opened anew."""
ANSWER_BYTES_MAX = 128 * 2**20
EVENT_BYTES_MAX = 2**20
AGENT = "hansa-client"
REOPEN_FIRST_S, REOPEN_MAX_S = 0.1, 5.0


@dataclass(frozen=True)
class Heard:
    """An event and its place on the ledger; `data` are its canonical bytes."""

    height: int
    index: int
    type: str
    data: bytes


class Http:
    """A node's HTTP API as a Transport. Used by one thread at a time; close it when done.

    With `others` it is one of several nodes of the chain, asked first: whoever is well answers in its place.
    With `signer`, `member` and `key` it opens a session when something to be read needs one, at the node of
    member `node` ("": the operator of the set in force, followed from the genesis of `chain`, or else from
    the genesis that the node shows), and nobody can use the signature elsewhere. `ca`: file of the authority
    (PEM) that issued the node's certificate, instead of the system's. A call that meets a node that is away
    or busy is repeated, the same bytes, for `patience_s`. Raises Refusals of client.errors and those of the
    node.
    """

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
        over: httpx2.BaseTransport | None = None,
        answer_bytes_max: int = 0,
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
        self._timeout_s, self._genesis, self._answer_bytes_max = timeout_s, b"", answer_bytes_max
        self._client = httpx2.Client(
            transport=over,
            verify=tls_context(ca) if url.startswith("https") else False,
            headers={"user-agent": AGENT, "accept-language": lang},
            timeout=timeout_s,
            trust_env=False,
        )

    def __enter__(self) -> "Http":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._client.close()

    @property
    def url(self) -> str:
        """Of the node that is asked, or of the one among several that is asked first."""
        return self.api.url

    @property
    def spare(self) -> int:
        """How many other nodes there are to ask."""
        return self.api.spare

    # Transport.

    def genesis(self) -> bytes:
        if not self._genesis:
            self._genesis = self._run(self.api.genesis())
        return self._genesis

    def submit(self, wires: Sequence[bytes]) -> list[Receipt]:
        """Receipts alone; `deliver` gives the acknowledgements with them."""
        return list(self.deliver(wires).receipts)

    def query(self, name: str, arguments: bytes) -> bytes:
        return self.read(name, arguments).value

    def events_after(self, height: int, index: int, limit: int) -> list[tuple[int, int, bytes]]:
        return self._run(self.api.events_page(height, index, limit))

    def head(self) -> SignedHeader | None:
        return self._run(self.api.head())

    def final(self, at_least: int = 0, within_s: float = 0) -> SignedHeader | None:
        return self._run(self.api.final(at_least, int(within_s * 1_000)))

    def handovers(self) -> tuple[Handover, ...]:
        return self._run(self.api.handovers())

    def prove(self, kind: str, height: int, index: int, head: int = 0) -> Proof:
        return self._run(self.api.prove(kind, height, index, head))

    def prove_block(self, kind: str, height: int, head: int = 0) -> BlockProof:
        return self._run(self.api.prove_block(kind, height, head))

    def consistency(self, old: int, new: int) -> tuple[str, ...]:
        return self._run(self.api.consistency(old, new))

    def engine_header(self, height: int) -> EngineHeader:
        return self._run(self.api.engine_header(height))

    def whose(self) -> str:
        """Whose node it says it is; not known of several."""
        return self._run(self.api.whose()) if isinstance(self.api, Api) else ""

    def shun(self) -> bool:
        """The node that answered last is not to be believed: ask others for a while. False: there is none."""
        return self.api.shun()

    def find(self, transaction: str) -> Receipt | None:
        return self._run(self.api.find(transaction))

    # What only a node in the network has.

    def deliver(self, wires: Sequence[bytes]) -> Delivery:
        """Submit, and keep what the node signed about it."""
        return self._run(self.api.submit(wires))

    def read(self, name: str, arguments: bytes, height: int | None = None) -> Reading:
        """A query as of now or of a height."""
        return self._run(self.api.read(name, arguments, height))

    def get(self, path: str, params: tuple[tuple[str, str], ...] = ()) -> bytes:
        return self._run(self.api.get(path, params))

    def post(self, path: str, body: bytes) -> bytes:
        return self._run(self.api.post(path, body))

    def hand_over(self, acknowledgement: bytes) -> None:
        self._run(self.api.hand_over(acknowledgement))

    def open_session(self) -> None:
        """Open a session now; calls do it by themselves when they need one."""
        self._run(self.api.open_session())

    def events(
        self, after: tuple[int, int] = (0, -1), *, room: str = "", type: str = "", give_up_s: float = 0
    ) -> Iterator[Heard]:
        """Events as they happen, from after (height, index) on: each once, in order, across broken lines.

        Ends only by an error: a Refusal of the node, or, with `give_up_s`, of a line that stays broken.
        """
        broken_s, pause_s = 0.0, REOPEN_FIRST_S
        while True:
            try:
                for event in self._stream(after, room, type):
                    after, broken_s, pause_s = (event.height, event.index), 0.0, REOPEN_FIRST_S
                    yield event
            except (errors.Unreachable, errors.TimedOut, errors.Busy):
                self.api.shun()
                broken_s += pause_s
                if give_up_s and broken_s > give_up_s:
                    raise
            time.sleep(pause_s)
            pause_s = min(pause_s * 2, REOPEN_MAX_S)

    def _stream(self, after: tuple[int, int], room: str, type_: str) -> Iterator[Heard]:
        params, headers = stream_request(after, room, type_)
        timeout = httpx2.Timeout(self._timeout_s, read=SILENCE_MAX_S)
        for again in (True, False):
            try:
                with self._client.stream(
                    "GET",
                    f"{self.url}/v1/events",
                    params=params,
                    headers={**headers, **self.api.headers()},
                    timeout=timeout,
                ) as response:
                    if response.status_code == 401 and again:
                        response.close()
                    elif response.status_code != 200:
                        raise stream_refusal(
                            self.url,
                            response.status_code,
                            read_within(self.url, response, EVENT_BYTES_MAX, self._timeout_s),
                        )
                    else:
                        yield from newer(self.url, after, httpx2.EventSource(response, EVENT_BYTES_MAX))
                        return
            except (httpx2.HTTPError, ssl.SSLError) as error:
                raise refusal_of_network(self.url, error, SILENCE_MAX_S) from error
            self.open_session()

    # Driving.

    def _run(self, steps: Steps[T]) -> T:
        """Do what the steps ask for, until they return."""
        answer: Answer | Refusal | None = None
        while True:
            try:
                wanted = steps.send(answer)
            except StopIteration as done:
                result: T = done.value
                return result
            if isinstance(wanted, Pause):
                time.sleep(wanted.ms / 1_000)
                answer = None
            else:
                answer = self._send(wanted)

    def _send(self, ask: Ask) -> Answer | Refusal:
        most = self._answer_bytes_max or ANSWER_BYTES_MAX
        try:
            with self._client.stream(
                ask.method,
                (ask.url or self.url) + ask.path,
                params=list(ask.params),
                content=ask.body or None,
                headers=request_headers(ask, self.api),
            ) as response:
                body = read_within(ask.url or self.url, response, most, self._timeout_s)
                return Answer(response.status_code, lower(response.headers), body)
        except (httpx2.HTTPError, ssl.SSLError) as error:
            return refusal_of_network(ask.url or self.url, error, self._timeout_s)
        except (errors.AnswerUnusable, errors.TimedOut) as refusal:
            return refusal


def read_within(url: str, response: httpx2.Response, most: int, within_s: float) -> bytes:
    """The body of an answer whose head has come. Raises AnswerUnusable where it is longer, or TimedOut."""
    deadline, body = time.monotonic() + within_s, bytearray()
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > most:
            raise errors.AnswerUnusable(url=url, detail=f"over {most} bytes")
        if time.monotonic() > deadline:
            raise errors.TimedOut(url=url, seconds=within_s)
    return bytes(body)


# Shared with hansa.client.aio.


def tls_context(ca: Path | None) -> ssl.SSLContext:
    """Certificates are always checked: against `ca`, or against the system's authorities."""
    try:
        return ssl.create_default_context(cafile=None if ca is None else str(ca))
    except (OSError, ssl.SSLError) as error:
        raise errors.CaUnusable(path=str(ca), cause=str(error)) from error


def request_headers(ask: Ask, api: Api | Several) -> dict[str, str]:
    typed = {"content-type": ask.content_type} if ask.method == "POST" else {}
    return {**typed, **(ask.headers if ask.url else api.headers())}


def lower(headers: httpx2.Headers) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def refusal_of_network(url: str, error: Exception, timeout_s: float) -> Refusal:
    """What a failure of the network means to a user."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return errors.TlsFailed(url=url, cause=cause.verify_message)
        if isinstance(cause, ssl.SSLError):
            return errors.TlsFailed(url=url, cause=shown(str(cause)))
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpx2.TimeoutException):
        return errors.TimedOut(url=url, seconds=timeout_s)
    if isinstance(error, httpx2.DecodingError | httpx2.SSEError):
        return errors.AnswerUnusable(url=url, detail=shown(str(error)))
    return errors.Unreachable(url=url, cause=shown(str(error) or type(error).__name__))


def stream_request(after: tuple[int, int], room: str, type_: str) -> tuple[dict[str, str], dict[str, str]]:
    """Parameters and headers of a stream that goes on after an event."""
    params = {name: value for name, value in (("room", room), ("type", type_)) if value}
    place = f"{after[0]}.{after[1]}"
    return {**params, "after": place}, {"accept": "text/event-stream", "last-event-id": place}


def stream_refusal(url: str, status: int, body: bytes) -> Refusal:
    if status in (429, 502, 503, 504):
        return errors.Busy(url=url, seconds=int(REOPEN_MAX_S))
    return refusal_of_problem(url, status, body)


def newer(url: str, after: tuple[int, int], source: Any) -> Iterator[Heard]:
    """The events of a stream that come after a place; what was heard before is let by."""
    for sent in source:
        event = heard_event(url, sent)
        if event is not None and (event.height, event.index) > after:
            after = (event.height, event.index)
            yield event


def heard_event(url: str, sent: httpx2.ServerSentEvent) -> Heard | None:
    if not sent.data:
        return None
    if sent.event == "problem":  # Why the node tells no more.
        raise stream_refusal(url, _status_of(sent.data), sent.data.encode())
    try:
        envelope = msgspec.json.decode(sent.data, type=CloudEvent)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise errors.AnswerUnusable(url=url, detail=str(error)) from None
    height, index, data = heard(url, envelope)
    return Heard(height, index, envelope.type, data)


def _status_of(problem: str) -> int:
    try:
        return msgspec.json.decode(problem, type=_Problem).status
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return 0


class _Problem(msgspec.Struct):
    status: int
