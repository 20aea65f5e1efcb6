"""Several nodes of one chain in the place of one: who is well is asked, one's own first.

Without any I/O, as the calls of one node are. A node that is away, busy or of no use rests for a while, for
as long as it asked to; meanwhile the next one is asked the same, byte for byte, which takes effect once
(rule 6). What must agree with a header is asked of the node that showed it. Nobody is believed for being
many: what counts is checked elsewhere.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from hansa.client import errors
from hansa.client.bundle import Handover
from hansa.client.exchange import PATIENCE_MS, Answer, Api, Ask, Pause, Reading, Steps
from hansa.client.transport import Delivery
from hansa.kernel.commit import EngineHeader
from hansa.kernel.evidence import BlockProof, Proof, SignedHeader
from hansa.kernel.messages import Receipt
from hansa.kernel.refusal import Refusal

T = TypeVar("T")
Make = Callable[[Api], Steps[T]]

REST_FIRST_MS = 200
REST_MAX_MS = 30_000
"""A node that fails rests twice as long each time, unless it says how long."""
SHUNNED_MS = 600_000
"""How long a node is passed over that told what cannot be proved."""
OTHERS_MAX = 16


class Other(NamedTuple):
    """One more node: its address, and whose it is."""

    url: str
    node: str = ""


@dataclass
class Health:
    """What is remembered of a node."""

    failures: int = 0
    rests_until: float = 0
    """By the monotonic clock, seconds."""


def nodes(
    url: str, others: Sequence[Other], *, patience_ms: int = PATIENCE_MS, **session: Any
) -> "Api | Several":
    """The calls of a node; or of several, if others are named."""
    if not others:
        return Api(url, patience_ms=patience_ms, **session)
    node = session.pop("node", "")
    places = (Other(url, node), *others[:OTHERS_MAX])
    return Several(
        [Api(place.url, node=place.node, patience_ms=0, **session) for place in places], patience_ms
    )


class Several:
    """The calls of several nodes; the first is one's own."""

    def __init__(
        self,
        apis: Sequence[Api],
        patience_ms: int = PATIENCE_MS,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._apis, self._patience_ms, self._now = tuple(apis), patience_ms, now
        self._health = {api.url: Health() for api in self._apis}
        self._last = self._apis[0]
        self._shown: Api | None = None
        """Who showed the header that proofs are asked under."""

    @property
    def url(self) -> str:
        """Of the node that answered last."""
        return self._last.url

    @property
    def spare(self) -> int:
        """How many nodes there are besides the first."""
        return len(self._apis) - 1

    def headers(self) -> dict[str, str]:
        return self._last.headers()

    def pin(self, node: str) -> None:
        """Whose the first node must be."""
        self._apis[0].pin(node)

    def health(self) -> dict[str, Health]:
        """What is remembered of each node, by its address."""
        return dict(self._health)

    def shun(self) -> bool:
        """Pass over the node that answered last for a while. False if no other is left that does not rest."""
        self._rest(self._last, SHUNNED_MS)
        self._shown = None
        left = [api for api in self._apis if self._health[api.url].rests_until <= self._now()]
        if left:
            self._last = left[0]
        return bool(left)

    # Calls.

    def submit(self, wires: Sequence[bytes]) -> Steps[Delivery]:
        return self._any(lambda api: api.submit(wires))

    def find(self, transaction: str) -> Steps[Receipt | None]:
        return self._any(lambda api: api.find(transaction))

    def read(self, name: str, arguments: bytes, height: int | None = None) -> Steps[Reading]:
        return self._any(lambda api: api.read(name, arguments, height))

    def events_page(self, height: int, index: int, limit: int) -> Steps[list[tuple[int, int, bytes]]]:
        return self._any(lambda api: api.events_page(height, index, limit))

    def genesis(self) -> Steps[bytes]:
        return self._any(lambda api: api.genesis())

    def head(self, *, final: bool = False) -> Steps[SignedHeader | None]:
        return self._showing(lambda api: api.head(final=final))

    def final(self, at_least: int = 0, within_ms: int = 0) -> Steps[SignedHeader | None]:
        return self._showing(lambda api: api.final(at_least, within_ms))

    def handovers(self) -> Steps[tuple[Handover, ...]]:
        return self._same(lambda api: api.handovers())

    def prove(self, kind: str, height: int, index: int, head: int = 0) -> Steps[Proof]:
        return self._same(lambda api: api.prove(kind, height, index, head))

    def prove_block(self, kind: str, height: int, head: int = 0) -> Steps[BlockProof]:
        return self._same(lambda api: api.prove_block(kind, height, head))

    def consistency(self, old: int, new: int) -> Steps[tuple[str, ...]]:
        return self._same(lambda api: api.consistency(old, new))

    def engine_header(self, height: int) -> Steps[EngineHeader]:
        return self._any(lambda api: api.engine_header(height))

    def get(self, path: str, params: tuple[tuple[str, str], ...] = ()) -> Steps[bytes]:
        return self._any(lambda api: api.get(path, params))

    def post(self, path: str, body: bytes) -> Steps[bytes]:
        return self._any(lambda api: api.post(path, body))

    def hand_over(self, acknowledgement: bytes) -> Steps[None]:
        return self._any(lambda api: api.hand_over(acknowledgement))

    def open_session(self) -> Steps[None]:
        return self._at(self._last, self._last.open_session())

    # Choosing.

    def _order(self) -> Iterator[Api]:
        """Who does not rest, one's own first."""
        return (api for api in self._apis if self._health[api.url].rests_until <= self._now())

    def _any(self, make: Make[T]) -> Steps[T]:
        """Ask one after the other until one answers, or patience is over. Raises what the last one said."""
        waited_ms, refused = 0, False
        last: Refusal | None = None
        while True:
            for api in list(self._order()):
                try:
                    found = yield from self._at(api, make(api))
                except Refusal as refusal:
                    if not self._passes(api, refusal):
                        raise
                    last, refused = refusal, True
                else:
                    self._last, self._health[api.url] = api, Health()
                    return found
            soonest = min(health.rests_until for health in self._health.values())
            wait_ms = max(1, int((soonest - self._now()) * 1_000) + 1)
            if waited_ms + wait_ms > self._patience_ms:
                if not refused:  # All rest still: none was asked.
                    raise errors.Busy(url=self.url, seconds=-(-wait_ms // 1_000))
                assert last is not None
                raise last
            yield Pause(wait_ms)
            waited_ms += wait_ms

    def _showing(self, make: Make[T]) -> Steps[T]:
        found = yield from self._any(make)
        self._shown = self._last
        return found

    def _same(self, make: Make[T]) -> Steps[T]:
        """Ask who showed the header; where nobody did, anyone. It is not passed on: it would mean nothing."""
        shown = self._shown
        if shown is None:
            return (yield from self._any(make))
        try:
            found = yield from self._at(shown, make(shown))
        except Refusal as refusal:
            if self._passes(shown, refusal):
                self._shown = None
            raise
        self._last = shown
        return found

    def _at(self, api: Api, steps: Steps[T]) -> Steps[T]:
        """The steps of one node, each request with its address."""
        answer: Answer | Refusal | None = None
        while True:
            try:
                wanted = steps.send(answer)
            except StopIteration as done:
                result: T = done.value
                return result
            if isinstance(wanted, Ask):
                wanted = _to(wanted, api)
            answer = yield wanted

    def _passes(self, api: Api, refusal: Refusal) -> bool:
        """Whether it is the node's trouble and not what was asked; then the node rests."""
        known = isinstance(refusal, errors.Unreachable | errors.TimedOut | errors.Busy | errors.TlsFailed)
        useless = isinstance(refusal, errors.AnswerUnusable | errors.OtherChain | errors.OtherNode)
        if not known and not useless and refusal is not api.passed:
            return False
        asked_ms = api.asked_ms if refusal is api.passed else 0
        api.passed, api.asked_ms = None, 0
        health = self._health[api.url]
        pause_ms = min(REST_FIRST_MS << min(health.failures, 16), REST_MAX_MS)
        self._rest(api, SHUNNED_MS if useless else asked_ms or pause_ms)
        return True

    def _rest(self, api: Api, for_ms: int) -> None:
        before = self._health[api.url]
        self._health[api.url] = Health(before.failures + 1, self._now() + for_ms / 1_000)


def _to(ask: Ask, api: Api) -> Ask:
    return Ask(ask.method, ask.path, ask.params, ask.body, ask.content_type, api.url, api.headers())
