"""What all chapters of the play's story share: how they ask, wait, and tell what was done or left out.

A chapter that the ledger refuses for the log at hand is left out, and the refusal is told; nothing else is.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import msgspec

from hansa.client import Client, Refused
from hansa.client.happened import Happened, events_of_node
from hansa.client.texts import Text
from hansa.kernel import encode, limits
from hansa.simulation.world import Progress, World

PAGE = 500
ACTIONS_AT_ONCE = 16


@dataclass(frozen=True)
class Step:
    """One thing that happened, or was left out: then `why` says why."""

    at_ms: int
    text: Text
    why: Text | None = None


@dataclass
class Story:
    """A play's business side while it runs. `steps` in their order."""

    world: World
    progress: Progress
    steps: list[Step] = field(default_factory=list)

    def tell(self, zh: str, en: str) -> None:
        self.steps.append(Step(self.world.clock.now_ms, Text(zh, en)))

    def leave_out(self, zh: str, en: str, why: Text) -> None:
        self.steps.append(Step(self.world.clock.now_ms, Text(zh, en), why))

    def attempt(self, zh: str, en: str, chapter: Callable[[], None]) -> bool:
        """Whether a chapter was played whole; if the ledger refused, it is left out from there on."""
        self.progress(zh, en, 0, 1)
        try:
            chapter()
        except Refused as refused:
            receipt = refused.receipt
            self.leave_out(zh, en, Text(f"{receipt.code}：{receipt.zh}", f"{receipt.code}: {receipt.en}"))
            return False
        finally:
            self.progress(zh, en, 1, 1)
        return True

    def client(self, member: str) -> Client:
        return self.world.clients[member]

    def wait(self, span_ms: int = limits.HOUR_MS) -> None:
        self.world.advance(self.world.clock.now_ms + span_ms)


@dataclass(frozen=True)
class Asking:
    """A member's queries, as client libraries ask them."""

    client: Client

    def one(self, name: str, kind: Any, **arguments: Any) -> Any:
        return msgspec.json.decode(self.client.transport.query(name, encode(arguments)), type=kind)

    def all(self, name: str, kind: Any, last: Callable[[Any], str], **arguments: Any) -> list[Any]:
        """The whole of a list that is told in pages; `last` says up to which item one went."""
        found: list[Any] = []
        while True:
            after = last(found[-1]) if found else ""
            page = self.one(name, list[kind], after=after, limit=PAGE, **arguments)
            found += page
            if len(page) < PAGE:
                return found

    def events(self, room: str) -> Iterator[Happened]:
        return events_of_node(self.client.transport, room)


class Remembering(Asking):
    """The same while nothing changes: what was asked once is not asked again."""

    @cached_property
    def _answers(self) -> dict[tuple[str, bytes, str], Any]:
        return {}

    def one(self, name: str, kind: Any, **arguments: Any) -> Any:
        asked = (name, encode(arguments), repr(kind))
        if asked not in self._answers:
            self._answers[asked] = super().one(name, kind, **arguments)
        return self._answers[asked]


def asking(world: World, member: str) -> Asking:
    return Asking(world.clients[member])
