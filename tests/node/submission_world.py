"""A submission with an engine of its own, for tests: what it was given, and blocks as they are told."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import msgspec

from hansa.apps.consortium.messages import Attest
from hansa.apps.rooms import registry
from hansa.engines.reading import receipt
from hansa.kernel import Refusal, limits
from hansa.kernel.messages import Outcome
from hansa.kernel.transaction import identity, sign
from hansa.node.answers import Submitted
from hansa.node.errors_engine import EngineAway
from hansa.node.metrics import Metrics
from hansa.node.settings import Limits
from hansa.node.submission import Looked, Submission
from hansa.node.wires import claim
from tests.consortium import START_MS, signer

CHAIN = "ab" * 32
LONG_S = 20


def wire(member: str, sequence: int, until_ms: int = START_MS + limits.HOUR_MS) -> bytes:
    return sign(
        registry(), signer(member), chain=CHAIN, member=member, key="k1", sequence=sequence,
        valid_until_ms=until_ms, actions=(Attest(table="consortium.members", key=(member,)),),
    )  # fmt: skip


@dataclass
class Engine:
    """Takes what it is given, or says why not, as it is told."""

    said: str = ""
    away: bool = False
    batches: list[list[bytes]] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)

    async def hand_in(self, wires: Sequence[bytes]) -> list[str]:
        self.came.set()
        if self.away:
            raise EngineAway(cause="gone", retry_s=1)
        self.batches.append(list(wires))
        return [self.said] * len(wires)

    @property
    def taken(self) -> list[bytes]:
        return [one for batch in self.batches for one in batch]

    async def has(self, count: int) -> None:
        """Wait until so many came."""
        async with asyncio.timeout(LONG_S):
            while len(self.taken) < count:
                await asyncio.sleep(0.005)


def looked(wires: Sequence[bytes]) -> list[Looked]:
    """All are well."""
    return [Looked(claim(one).member) for one in wires]


def refuses(code: str, of: list[bytes]) -> Callable[[Sequence[bytes]], list[Looked]]:
    """A look that refuses these so; all others are well."""

    def look(wires: Sequence[bytes]) -> list[Looked]:
        said = [receipt(Outcome(identity(one), code), "不行", "no") for one in wires]
        return [Looked("", no) if one in of else Looked("maker") for one, no in zip(wires, said, strict=True)]

    return look


def decide(
    submission: Submission, *wires: bytes, refusal: Refusal | None = None, time_ms: int = START_MS
) -> None:
    """A block with these transactions."""
    code = refusal.code if refusal else "ok"
    applied: Any = SimpleNamespace(
        transactions=wires, outcomes=[Outcome(identity(one), code) for one in wires],
        refusals=[refusal] * len(wires),
    )  # fmt: skip
    submission.decided(7, "cd" * 32, applied, time_ms)


def told(answer: bytes) -> Submitted:
    return msgspec.json.decode(answer, type=Submitted)


def play(
    story: Callable[[Submission, Engine], Coroutine[None, None, None]],
    look: Callable[[Sequence[bytes]], list[Looked]] = looked,
    bounds: Limits = Limits(),  # noqa: B008 (frozen)
) -> None:
    async def run() -> None:
        engine = Engine()
        submission = Submission(engine, look, Metrics(), bounds)
        submission.start()
        try:
            async with asyncio.timeout(LONG_S):
                await story(submission, engine)
        finally:
            await submission.stop()
        assert submission.waiting == submission.waiting_bytes == 0

    asyncio.run(run())
