"""A node's HTTP API without any I/O: what to ask, what an answer means, when to ask again.

Each call is a generator that yields what is to be sent (`Ask`) or waited for (`Pause`) and returns its
result; hansa.client.http and hansa.client.aio do the sending, one blocking, one not. Everything that is sent
may be sent again: the same signed bytes have the same outcome (rule 6), and reading changes nothing.
"""

import email.utils
import hashlib
import json
import random
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import msgspec

from hansa.client import errors
from hansa.client.asking import answered, batches, parameters
from hansa.client.bundle import Handover
from hansa.client.engine_answers import commit_of, reply_of
from hansa.client.operators import is_network, operators
from hansa.client.problems import refusal_of_problem
from hansa.client.transport import Delivery
from hansa.client.trust_errors import HostUnnamed
from hansa.kernel import encode
from hansa.kernel.canonical import Malformed, NotCanonical
from hansa.kernel.commit import EngineHeader
from hansa.kernel.evidence import BlockProof, Proof, SignedAcknowledgement, SignedHeader
from hansa.kernel.keys import Replayed
from hansa.kernel.messages import Receipt
from hansa.kernel.refusal import Refusal
from hansa.kernel.signatures import Signer, opening
from hansa.kernel.transaction import identity, join
from hansa.kernel.types import Hash

T = TypeVar("T")

EVENTS_PER_PAGE_MAX = 1_000
PAUSE_FIRST_MS = 100
PAUSE_MAX_MS = 5_000
FINAL_PAUSE_MS = 100
"""Between two looks at whether a header is final."""
PATIENCE_MS = 10_000
"""How long a call goes on trying while the node is away or busy."""
SESSION_MARGIN_MS = 30_000
"""A session is opened anew this long before its end."""
UNKNOWN = "node.receipt_unknown"
LOOPBACK = ("localhost", "127.0.0.1", "::1")
PASSING = (408, 429, 502, 503, 504)
"""States of a node, or of a proxy before it, that pass."""


@dataclass(frozen=True)
class Ask:
    """One request."""

    method: str
    path: str
    params: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    content_type: str = "application/json"
    url: str = ""
    """Of the node that it goes to; "": there is only one."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Beside the usual ones: the session at that node."""


@dataclass(frozen=True)
class Pause:
    ms: int


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    """By names in lower case."""
    body: bytes

    @property
    def code(self) -> str:
        """Code of the problem document, "" if it is none."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            return ""
        return str(found.get("code", "")) if isinstance(found, dict) else ""


Steps = Generator[Ask | Pause, Answer | Refusal | None, T]
"""Sends back an Answer, a Refusal when none came, or None after a Pause."""


@dataclass(frozen=True)
class Reading:
    """A query's answer, and the height and block time that it is of."""

    height: int
    time_ms: int
    value: bytes


class _Delivered(msgspec.Struct):
    receipts: tuple[Receipt, ...]
    acknowledgement: msgspec.Raw = msgspec.Raw(b"null")


class _Read(msgspec.Struct):
    height: int
    time_ms: int
    value: msgspec.Raw


class _Challenge(msgspec.Struct):
    chain: str
    node: str
    challenge: str
    expires_ms: int


class _Session(msgspec.Struct):
    token: str
    expires_ms: int


class CloudEvent(msgspec.Struct):
    """An event of the ledger in its CloudEvents 1.0 envelope; other attributes of the envelope are let by."""

    id: str
    type: str
    data: msgspec.Raw


class _Consistency(msgspec.Struct):
    path: tuple[Hash, ...]


class _Events(msgspec.Struct):
    events: list[CloudEvent]


class Api:
    """The calls of one node. Keeps its session, nothing else."""

    def __init__(
        self,
        url: str,
        *,
        signer: Signer | None = None,
        member: str = "",
        key: str = "",
        node: str = "",
        chain: str = "",
        allow_plain: bool = False,
        patience_ms: int = PATIENCE_MS,
    ) -> None:
        parts = _address(url)
        self.url = url.rstrip("/")
        self._signer, self._member, self._key = signer, member, key
        self._sealed = parts.scheme == "https" or parts.hostname in LOOPBACK or allow_plain
        self._node, self._chain = node, chain
        """Whose node it must be, "": the operator's; and of which chain, "": of its genesis."""
        self._patience_ms = patience_ms
        self._token, self._token_until = "", 0.0
        self._network: bool | None = None
        self.passed: Refusal | None = None
        """What ended its patience last: a state that passes, of the node or of the way to it."""
        self.asked_ms = 0
        """How long the node then asked to be left in peace; 0: it did not say."""

    def pin(self, node: str) -> None:
        """From now on it must be this member's node; a session at another's is given up."""
        if node != self._node:
            self._node, self._token = node, ""

    spare = 0
    """There is no other node."""

    def shun(self) -> bool:
        return False

    def headers(self) -> dict[str, str]:
        held = self._token and time.monotonic() < self._token_until
        return {"authorization": f"Bearer {self._token}"} if held else {}

    # Calls.

    def submit(self, wires: Sequence[bytes]) -> Steps[Delivery]:
        """Transactions in batches; returns when the outcome of each is known."""
        receipts: list[Receipt] = []
        acknowledgements: list[bytes] = []
        for batch in batches(wires):
            done = yield from self._submit_batch(batch)
            receipts += done.receipts
            acknowledgements += done.acknowledgements
        return Delivery(tuple(receipts), tuple(acknowledgements))

    def _submit_batch(self, wires: Sequence[bytes]) -> Steps[Delivery]:
        body = join(wires)
        answer = yield from self._ask(
            Ask("POST", "/v1/transactions", body=body, content_type="application/octet-stream"),
            let_by=(413,),
        )
        if answer.status == 413:
            if len(wires) == 1 or not answer.code:
                raise refusal_of_problem(self.url, answer.status, answer.body)
            half = len(wires) // 2
            first = yield from self._submit_batch(wires[:half])
            second = yield from self._submit_batch(wires[half:])
            return Delivery(
                first.receipts + second.receipts, first.acknowledgements + second.acknowledgements
            )
        done = self._decoded(answer, _Delivered)
        names = [identity(wire) for wire in wires]
        told = [receipt.transaction for receipt in done.receipts]
        if len(told) != len(names) or any(t not in (n, "") for t, n in zip(told, names, strict=True)):
            raise errors.AnswerUnusable(url=self.url, detail="receipts of other transactions")
        if any(not receipt.transaction and receipt.code == "ok" for receipt in done.receipts):
            raise errors.AnswerUnusable(url=self.url, detail="a receipt that names no transaction")
        word = bytes(done.acknowledgement)
        if word != b"null" or not (yield from self._is_network()):
            self._check_word(done.receipts, word)
        receipts = []
        for receipt in done.receipts:
            receipts.append((yield from self._first_outcome(receipt)))
        return Delivery(tuple(receipts), () if word == b"null" else (word,))

    def _check_word(self, receipts: Sequence[Receipt], word: bytes) -> None:
        """The acknowledgement is on all that rests on the ledger by the receipts, and on nothing else.

        Whose signature it bears is for those to check who know the operators.
        """
        rests = tuple(
            (one.transaction, one.code, one.height, one.index, one.app_hash) for one in receipts if one.height
        )
        try:
            signed = msgspec.json.decode(word, type=SignedAcknowledgement | None)
        except (msgspec.MsgspecError, RecursionError, ValueError) as error:
            raise errors.AnswerUnusable(url=self.url, detail=f"acknowledgement: {error}") from None
        items = signed.acknowledgement.items if signed is not None else ()
        if rests != tuple(
            (item.transaction, item.code, item.height, item.index, item.app_hash) for item in items
        ):
            raise errors.AnswerUnusable(url=self.url, detail="an acknowledgement of other outcomes, or none")

    def _first_outcome(self, receipt: Receipt) -> Steps[Receipt]:
        """A copy beside the first one is refused as replayed: then the first one's outcome counts."""
        if receipt.code != Replayed.code:
            return receipt
        return (yield from self.find(receipt.transaction)) or receipt

    def _is_network(self) -> Steps[bool]:
        """Whether nobody's word counts on this chain, so that none is given. Raises OtherChain."""
        if self._network is None:
            genesis = yield from self.genesis()
            try:
                self._network = is_network(genesis)
            except (Malformed, NotCanonical) as error:
                raise errors.AnswerUnusable(url=self.url, detail=f"genesis: {error}") from None
        return self._network

    def find(self, transaction: str) -> Steps[Receipt | None]:
        """The outcome of a transaction. None only where the node itself says that its ledger has none."""
        answer = yield from self._ask(Ask("GET", f"/v1/transactions/{quote(transaction)}"), let_by=(404,))
        if answer.status == 404:
            if answer.code != UNKNOWN:
                raise refusal_of_problem(self.url, answer.status, answer.body)
            return None
        return self._decoded(answer, Receipt)

    def read(self, name: str, arguments: bytes, height: int | None = None) -> Steps[Reading]:
        """A query by its dotted name, as of now or of a height."""
        room, _, query = name.partition(".")
        params = list(parameters(arguments))
        if height is not None:
            params.append(("height", str(height)))
        answer = yield from self._ask(Ask("GET", f"/v1/{quote(room)}/{quote(query)}", tuple(params)))
        read = self._decoded(answer, _Read)
        return Reading(read.height, read.time_ms, bytes(read.value))

    def events_page(self, height: int, index: int, limit: int) -> Steps[list[tuple[int, int, bytes]]]:
        """Events after (height, index) that the ledger holds now, at most `limit`, in its order: so whoever
        goes on from the last one comes to an end.
        """
        limit = max(1, min(limit, EVENTS_PER_PAGE_MAX))
        params = (("after", f"{height}.{index}"), ("limit", str(limit)))
        answer = yield from self._ask(Ask("GET", "/v1/events", params))
        found = [heard(self.url, event) for event in self._decoded(answer, _Events).events]
        places = [(height, index), *(event[:2] for event in found)]
        if len(found) > limit or any(after <= before for before, after in pairwise(places)):
            raise errors.AnswerUnusable(url=self.url, detail="events out of order, or too many")
        return found

    def genesis(self) -> Steps[bytes]:
        """The genesis file, of the chain that it must be of. Raises OtherChain."""
        answer = yield from self._ask(Ask("GET", "/v1/genesis"))
        self._check_chain(answer.body)
        return answer.body

    def _check_chain(self, genesis: bytes) -> str:
        found = hashlib.sha256(genesis).hexdigest()
        if self._chain not in ("", found):
            raise errors.OtherChain(url=self.url, found=found[:12], expected=self._chain[:12])
        return found

    def head(self, *, final: bool = False) -> Steps[SignedHeader | None]:
        """The newest header; `final`: the newest that a quorum of cosigners signed."""
        answer = yield from self._ask(Ask("GET", "/v1/head", (("final", "true"),) if final else ()))
        if answer.body == b"null":
            return None
        return self._decoded(answer, SignedHeader)

    def final(self, at_least: int = 0, within_ms: int = 0) -> Steps[SignedHeader | None]:
        """The newest final header; waits at most so long for one of a height."""
        waited_ms = 0
        while True:
            found = yield from self.head(final=True)
            if (found is not None and found.header.height >= at_least) or waited_ms >= within_ms:
                return found
            yield Pause(FINAL_PAUSE_MS)
            waited_ms += FINAL_PAUSE_MS

    def handovers(self) -> Steps[tuple[Handover, ...]]:
        """Each change of the cosigners since genesis, oldest first."""
        answer = yield from self._ask(Ask("GET", "/v1/handovers"))
        return self._decoded(answer, tuple[Handover, ...])

    def prove(self, kind: str, height: int, index: int, head: int = 0) -> Steps[Proof]:
        """A proof under the head of that height; 0 is the present one."""
        params = (("head", str(head)),) if head else ()
        answer = yield from self._ask(Ask("GET", f"/v1/proofs/{quote(kind)}/{height}/{index}", params))
        return self._decoded(answer, Proof)

    def prove_block(self, kind: str, height: int, head: int = 0) -> Steps[BlockProof]:
        """All items of a kind of a block at once, under the head of that height; 0 is the present one."""
        params = (("head", str(head)),) if head else ()
        answer = yield from self._ask(Ask("GET", f"/v1/proofs/{quote(kind)}/{height}", params))
        return self._decoded(answer, BlockProof)

    def consistency(self, old: int, new: int) -> Steps[tuple[str, ...]]:
        """That the log at one height is the beginning of the log at another (RFC 6962, 2.1.2)."""
        params = (("old", str(old)), ("new", str(new)))
        answer = yield from self._ask(Ask("GET", "/v1/consistency", params))
        return self._decoded(answer, _Consistency).path

    def engine_header(self, height: int) -> Steps[EngineHeader]:
        """On a network: the engine's header of a height of its own."""
        asked = {"id": 1, "jsonrpc": "2.0", "method": "commit", "params": {"height": str(height)}}
        answer = yield from self._ask(Ask("POST", "/v1/engine", body=encode(asked)))
        return commit_of(reply_of(answer.body)).header

    def get(self, path: str, params: tuple[tuple[str, str], ...] = ()) -> Steps[bytes]:
        """Any other reading route, as it comes."""
        answer = yield from self._ask(Ask("GET", path, params))
        return answer.body

    def post(self, path: str, body: bytes) -> Steps[bytes]:
        """Any other route that takes JSON."""
        answer = yield from self._ask(Ask("POST", path, body=body))
        return answer.body

    def hand_over(self, acknowledgement: bytes) -> Steps[None]:
        """Give a follower an acknowledgement, so that it looks for the transactions in its copy."""
        yield from self._ask(Ask("POST", "/v1/acknowledgements", body=acknowledgement))

    # Asking.

    def _ask(self, ask: Ask, let_by: tuple[int, ...] = ()) -> Steps[Answer]:
        """Ask until there is an answer that counts, or patience is over. Raises a Refusal."""
        waited_ms, pause_ms, opened = 0, PAUSE_FIRST_MS, False
        while True:
            answer = yield ask
            assert answer is not None
            if isinstance(answer, Answer):
                if answer.status < 300 or answer.status in let_by:
                    return answer
                if answer.status == 401 and not opened:
                    yield from self.open_session()
                    opened = True
                    continue
                if answer.status not in PASSING:
                    raise refusal_of_problem(self.url, answer.status, answer.body)
            elif not isinstance(answer, errors.Unreachable | errors.TimedOut):
                raise answer
            left_ms = self._patience_ms - waited_ms
            asked_ms = _asked_to_wait_ms(answer)
            if asked_ms > left_ms or left_ms <= 0:
                self.passed, self.asked_ms = self._out_of_patience(answer, asked_ms or pause_ms), asked_ms
                raise self.passed
            wait_ms = asked_ms or min(left_ms, int(pause_ms * (1 + random.random() / 4)))
            yield Pause(wait_ms)
            waited_ms, pause_ms = waited_ms + wait_ms, min(pause_ms * 2, PAUSE_MAX_MS)

    def _out_of_patience(self, answer: Answer | Refusal, wait_ms: int) -> Refusal:
        if isinstance(answer, Refusal):
            return answer
        if answer.status == 429 or not answer.code:
            return errors.Busy(url=self.url, seconds=-(-wait_ms // 1_000))
        return refusal_of_problem(self.url, answer.status, answer.body)

    def open_session(self) -> Steps[None]:
        """Sign a challenge of the node. Raises SessionNeeded without a key, PlainSession in the open."""
        if self._signer is None:
            raise errors.SessionNeeded()
        if not self._sealed:
            raise errors.PlainSession(url=self.url)
        self._token = ""
        node = self._node or (yield from self._operator())
        wish = encode({"key": self._key, "member": self._member})
        answer = yield from self._ask_once(Ask("POST", "/v1/sessions/challenge", body=wish))
        given = self._decoded(answer, _Challenge)
        if given.node != node:
            raise errors.OtherNode(url=self.url, node=given.node, expected=node)
        if self._chain not in ("", given.chain):
            raise errors.OtherChain(url=self.url, found=given.chain[:12], expected=self._chain[:12])
        message = opening(given.chain, given.node, _challenge_bytes(self.url, given.challenge))
        proof = encode({"challenge": given.challenge, "signature": self._signer.sign(message)})
        answer = yield from self._ask_once(Ask("POST", "/v1/sessions", body=proof))
        session = self._decoded(answer, _Session)
        life_ms = session.expires_ms - time.time_ns() // 1_000_000 - SESSION_MARGIN_MS
        self._token, self._token_until = session.token, time.monotonic() + max(life_ms, 1_000) / 1_000

    def whose(self) -> Steps[str]:
        """Whose node it says it is."""
        wish = encode({"key": self._key, "member": self._member})
        answer = yield from self._ask_once(Ask("POST", "/v1/sessions/challenge", body=wish))
        return self._decoded(answer, _Challenge).node

    def _operator(self) -> Steps[str]:
        """The operator of the newest set that can be followed from genesis on. Raises OtherChain."""
        genesis = (yield from self._ask_once(Ask("GET", "/v1/genesis"))).body
        chain = self._check_chain(genesis)
        try:
            if is_network(genesis):
                raise HostUnnamed(url=self.url)
            answer = yield from self._ask_once(Ask("GET", "/v1/handovers"))
            return operators(genesis, chain, self._decoded(answer, tuple[Handover, ...])).sets[-1].operator
        except (Malformed, NotCanonical) as error:
            raise errors.AnswerUnusable(url=self.url, detail=f"genesis: {error}") from None

    def _ask_once(self, ask: Ask) -> Steps[Answer]:
        answer = yield ask
        assert answer is not None
        if isinstance(answer, Refusal):
            raise answer
        if answer.status >= 300:
            raise refusal_of_problem(self.url, answer.status, answer.body)
        return answer

    def _decoded(self, answer: Answer, kind: type[T]) -> T:
        return answered(self.url, answer.body, kind)


def _address(url: str) -> Any:
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1)
    except ValueError:
        sound = False
    if not sound or parts.query or parts.fragment or parts.username:
        raise errors.UrlUnusable(url=url)
    return parts


def _challenge_bytes(url: str, challenge: str) -> bytes:
    """The challenge is 32 bytes in base64."""
    try:
        return msgspec.convert(challenge, bytes)
    except msgspec.ValidationError as error:
        raise errors.AnswerUnusable(url=url, detail=str(error)) from None


def _asked_to_wait_ms(answer: Answer | Refusal) -> int:
    """What `Retry-After` says, in seconds or as a date; 0 if it says nothing."""
    text = "" if isinstance(answer, Refusal) else answer.headers.get("retry-after", "")
    if text.isascii() and text.isdigit() and len(text) < 8:
        return int(text) * 1_000
    try:
        until = email.utils.parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return 0
    return max(0, int((until - time.time()) * 1_000))


def heard(url: str, event: CloudEvent) -> tuple[int, int, bytes]:
    """Height, index and canonical bytes of an event."""
    height, _, index = event.id.partition(".")
    try:
        return int(height), int(index), encode(msgspec.json.decode(event.data))
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise errors.AnswerUnusable(url=url, detail=f"event {event.id}: {error}") from None
