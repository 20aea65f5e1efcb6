"""Routes of a network node about its engine: who validates, whom it is connected to; and, for joiners and
light members, the engine's own answers to a few questions, which they check themselves.
"""

import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from starlette.responses import Response
from starlette.types import ASGIApp

from hansa.apps.consortium.tables import VALIDATORS
from hansa.engines.reading import Reading
from hansa.kernel import limits as kernel_limits
from hansa.kernel.facts import address
from hansa.kernel.refusal import shown
from hansa.kernel.types import Hash, Id, Natural, Positive, Struct, TimeMs
from hansa.node import errors, limits
from hansa.node.bodies import JSON, announced, receive_body
from hansa.node.endpoint import UNKNOWN, Asked, Endpoint, json_response
from hansa.node.errors_engine import MethodNotServed, QuestionMalformed, TooManyQuestions
from hansa.node.network import Network
from hansa.node.shares import address_of_caller

SERVED = ("commit", "consensus_params", "genesis", "header", "health", "status", "validators")
"""What the engine's light client asks, and what any joiner may know: it only reads, and costs little. No
blocks: what members tell each other is not for whoever asks."""
WINDOW_S = 1.0
ADDRESSES_MAX = 4_096


class Question(msgspec.Struct):
    """A JSON-RPC 2.0 request for the engine."""

    method: str
    jsonrpc: str = "2.0"
    id: Any = None
    params: Any = None


class Seated(Struct):
    """A seat of the validator set, as the ledger has it."""

    member: Id
    address: str
    public: bytes
    power: Positive
    status: str
    silent_blocks: Natural = 0
    """Blocks that went by since it last signed one, as seen here."""


class ValidatorList(Struct):
    height: Natural
    engine_height: Natural
    validators: tuple[Seated, ...]


class Connected(Struct):
    """A peer of this node's engine."""

    id: str
    moniker: str
    address: str
    outbound: bool


class EngineState(Struct):
    """Where this node's engine stands."""

    answers: bool
    engine_height: Natural
    """Of the engine's newest block."""
    ledger_engine_height: Natural
    """Up to which the ledger here is durable."""
    height: Natural
    app_hash: Hash
    earliest_engine_height: Natural
    catching_up: bool
    block_ms: TimeMs
    """Time of the last block; 0: none since the start."""
    block_age_ms: Natural
    mempool: Natural
    mempool_bytes: Natural
    flying: Natural
    """Transactions handed in here that no block has yet."""
    waiting: Natural
    """The same with those that wait for their turn."""
    peers: tuple[Connected, ...]
    chain: Hash


def network_of(asked: Asked) -> Network:
    """The member as a network node. Raises NotHere."""
    member = asked.front.member
    if not isinstance(member, Network):
        raise errors.NotHere(role=member.role, other="network")
    return member


async def validators(asked: Asked) -> ASGIApp:
    network = network_of(asked)
    newest, seen = network.commits.engine_height, dict(network.commits.seen)

    def work(reading: Reading) -> ValidatorList:
        ctx = reading.context(reading.time_ms)
        seats = []
        for key, seat in VALIDATORS.scan(ctx, limit=kernel_limits.ALL_ROWS):
            own = address(seat.public)
            silent = max(0, newest - seen.get(own, newest))
            seats.append(Seated(str(key[0]), own, seat.public, seat.power, seat.status, silent))
        return ValidatorList(height=reading.height, engine_height=newest, validators=tuple(seats))

    return json_response(await asked.read(work))


async def state(asked: Asked) -> ASGIApp:
    network = network_of(asked)
    watch, submission = network.watch, network.submission
    seen = watch.seen
    engine_height, app_hash = network.stands()
    told = EngineState(
        answers=watch.answers(),
        engine_height=seen.height,
        ledger_engine_height=engine_height,
        height=network.height,
        app_hash=app_hash,
        earliest_engine_height=seen.earliest,
        catching_up=seen.catching_up,
        block_ms=watch.last_ms,
        block_age_ms=round(watch.idle_s() * 1_000),
        mempool=seen.waiting,
        mempool_bytes=seen.waiting_bytes,
        flying=len(submission.flight.wires),
        waiting=submission.waiting,
        peers=tuple(Connected(peer.id, peer.moniker, peer.address, peer.outbound) for peer in seen.peers),
        chain=network.chain,
    )
    return json_response(told)


class Rates:
    """Questions of each address within the running second, and how many are under way."""

    def __init__(self) -> None:
        self._asked: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._under_way = 0

    @contextmanager
    def under_way(self) -> Iterator[None]:
        """Within it a question is asked: few at a time, so that strangers take the engine from nobody.

        Raises ReadsBusy.
        """
        if self._under_way >= limits.ENGINE_ASKED_AT_ONCE:
            raise errors.ReadsBusy(retry_s=1)
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1

    def count(self, address: str) -> None:
        """One more. Raises TooManyQuestions."""
        now_s = time.monotonic()
        since_s, asked = self._asked.pop(address, (now_s, 0))
        if now_s - since_s >= WINDOW_S:
            since_s, asked = now_s, 0
        self._asked[address] = (since_s, asked + 1)
        if len(self._asked) > ADDRESSES_MAX:
            self._asked.popitem(last=False)
        if asked >= limits.ENGINE_ASKED_PER_S:
            raise TooManyQuestions(limit=limits.ENGINE_ASKED_PER_S, retry_s=1)


RATES = Rates()


async def engine(asked: Asked) -> ASGIApp:
    """Pass a question on to the engine, and its answer back as it is."""
    network = network_of(asked)
    request = asked.request
    address = address_of_caller(request.scope) or UNKNOWN
    RATES.count(address)
    announced(request.scope["headers"], JSON, limits.ENGINE_ASKED_BYTES_MAX)
    body = await receive_body(request.receive, limits.ENGINE_ASKED_BYTES_MAX, asked.front.budget, address)
    question = question_of(body)
    with RATES.under_way():
        answer = await network.rpc.raw(question)
    return Response(answer, media_type=JSON)


def question_of(body: bytes) -> bytes:
    """A question that may be passed on, written anew. Raises QuestionMalformed, MethodNotServed."""
    try:
        question = msgspec.json.decode(body, type=Question)
        written = msgspec.json.encode(question)
    except (msgspec.MsgspecError, RecursionError, ValueError, OverflowError) as error:
        raise QuestionMalformed(detail=shown(str(error))) from None
    if question.method not in SERVED:
        raise MethodNotServed(method=shown(question.method), allowed=", ".join(SERVED))
    if not isinstance(question.id, int | str):
        raise QuestionMalformed(detail="its id is neither an integer nor a text")
    return written


ENDPOINTS = (
    Endpoint(
        "GET", "/v1/validators", "validators", validators,
        "The validator set of a network, by the ledger here.",
        access="anyone", answer=ValidatorList, statuses=(404,),
    ),
    Endpoint(
        "GET", "/v1/engine", "engine_state", state,
        "Where this node's engine stands, and whom it is connected to.",
        access="anyone", answer=EngineState, statuses=(404,),
    ),
    Endpoint(
        "POST", "/v1/engine", "ask_engine", engine,
        f"A question to the engine by JSON-RPC 2.0, for those who join and for light members: "
        f"{', '.join(SERVED)}. What it answers is for the asker to check.",
        access="anyone", body=Question, answer=dict, statuses=(404, 408, 413, 415),
    ),
)  # fmt: skip
