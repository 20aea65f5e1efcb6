"""A room that counts how often each entry took effect, and a network that loses, repeats and reorders."""

import random
from collections.abc import Sequence
from typing import Any

from hansa.apps.consortium.contract import ROOM as CONSORTIUM
from hansa.client import InProcess, errors
from hansa.client.transport import Delivery
from hansa.kernel import Action, Context, Natural, Positive, Record, Registry, Room, Table
from tests.consortium import Consortium


class Count(Record, version=1, readers="members", retention="business"):
    """How often an entry took effect."""

    times: Natural


class Add(Action, tag="tally.add"):
    """One more effect of an entry."""

    entry: Positive


COUNTS = Table("tally.counts", key=("entry",), record=Count)


def add(ctx: Context, a: Add) -> None:
    found = COUNTS.get(ctx, (str(a.entry),))
    COUNTS.put(ctx, (str(a.entry),), Count(times=(found.times if found else 0) + 1))


def counts(ctx: Context) -> list[tuple[str, int]]:
    """Effects by entry."""
    return [(str(key[0]), count.times) for key, count in COUNTS.scan(ctx, limit=50_000)]


TALLY = Room("tally", actions=[add], queries=[counts], tables=[COUNTS])
REGISTRY = Registry([CONSORTIUM, TALLY])


def effects(consortium: Consortium) -> dict[int, int]:
    """How often each entry took effect."""
    return {int(entry): times for entry, times in consortium.query("tally.counts")}


class Network(InProcess):
    """What may happen to a request, by chance or by a script of words; `strays` are copies on their way.

    ok; lost; answer_lost; part (some arrive, in another order, and the answer is lost); stray (copies arrive
    at any later time); twice.
    """

    def __init__(self, node: Any, chance: random.Random, script: Sequence[str] = ()) -> None:
        super().__init__(node)
        self.chance = chance
        self.script = list(script)
        self.kinds = ["ok", "ok", "lost", "answer_lost", "part", "stray", "twice"]
        self.strays: list[bytes] = []
        self.sent: list[list[bytes]] = []
        self.node = node

    def deliver(self, wires: Sequence[bytes]) -> Delivery:
        self.sent.append(list(wires))
        kind = self.script.pop(0) if self.script else self.chance.choice(self.kinds)
        if kind in ("stray", "lost"):
            self.strays += wires if kind == "stray" else []
            raise errors.Unreachable(url="network", cause=kind)
        if kind == "part":
            some = self.chance.sample(list(wires), self.chance.randint(0, len(wires)))
            self.node.submit(some)
            raise errors.TimedOut(url="network", seconds=1)
        if kind == "twice":
            self.node.submit([*wires, *wires])
        receipts = self.node.submit(wires)
        if kind == "answer_lost":
            raise errors.TimedOut(url="network", seconds=1)
        return Delivery(tuple(receipts))

    def strays_arrive(self) -> None:
        """Copies that were on their way come in, in any order, some of them more than once."""
        self.node.submit(self.chance.choices(self.strays, k=2 * len(self.strays)) if self.strays else [])
