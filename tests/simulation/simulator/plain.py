"""A run of traffic without network and disk: one plain replica, whose clock takes what steps it likes."""

import dataclasses
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from hansa.engines.replay import Replica
from hansa.kernel import Context, encode, limits
from hansa.kernel.apply import Block
from hansa.kernel.state import Overlay
from hansa.simulation.simulator.founding import genesis
from hansa.simulation.simulator.scenario import Broken, Happened, Scenario, Send
from hansa.simulation.simulator.signing import cheap_suite
from hansa.simulation.simulator.world import World

LONG_MS, SHORT_MS = 4 * limits.HOUR_MS, 20_000
"""How long members do nothing between two blocks, at most: for the most part, and in between."""


class Plain:
    """Views of a world with one replica."""

    def __init__(self, seed: int, scenario: Scenario) -> None:
        self.suite = cheap_suite()
        self.scenario = scenario
        file = genesis(scenario)
        self.now_ms = file.created_ms
        self.replica = Replica(encode(file), scenario.release(), cache_records=None)
        self.replica.chain = dataclasses.replace(self.replica.chain, verify=self.suite.verify)
        self.world = World(seed, scenario, file, self.replica.chain.id, self.suite, self)
        self.traffic = scenario.traffic(self.world)
        self.invariants = scenario.invariants(self.world)
        self.tally: Counter[tuple[str, str]] = Counter()
        self.sent = 0
        self.raised: list[Any] = []

    @property
    def height(self) -> int:
        return self.replica.height

    def context(self, at: int | None) -> Context:
        state = self.replica._state
        now = self.replica.chain.at(state, self.height + 1)
        return Context(
            now.registry,
            Overlay(state),
            time_ms=self.now_ms,
            height=self.height,
            chain=self.replica.chain.id,
            rules=now.rules,
        )

    def submit(self, wire: bytes, at: int | None, once: bool) -> None:
        raise NotImplementedError

    def running(self) -> Sequence[int]:
        return (0,)

    def block(self, sends: Sequence[Send]) -> Happened:
        """One block of what is sent; everybody is told."""
        wires = [send.wire or self.world.sign(send.member, send.key, *send.actions) for send in sends]
        self.now_ms += 1
        block = Block(self.height + 1, self.now_ms, wires)
        applied = self.replica.execute(block)
        self._count(sends, applied)
        happened = Happened(block, applied)
        self.traffic.happened(self.world, happened)
        for each in self.invariants:
            each.after(self.world, happened)
        return happened

    def _count(self, sends: Sequence[Send], applied: Any) -> None:
        self.raised += applied.incidents
        for send, outcome in zip(sends, applied.outcomes, strict=True):
            self.sent += 1
            self.tally["", outcome.code] += not send.actions
            for action in send.actions:
                self.tally[str(type(action).__struct_config__.tag), outcome.code] += 1

    def run(self, blocks: int) -> "Plain":
        """So many blocks, hours between them for the most part; raises Broken."""
        for _ in range(blocks):
            self.now_ms += self._gap_ms()
            self.block(self.traffic.next(self.world))
        for each in self.invariants:
            each.at_end(self.world)
        return self

    def _gap_ms(self) -> int:
        luck = self.world.random
        return luck.randrange(LONG_MS if luck.random() < 0.7 else SHORT_MS)


def seeds_until_broken(make: Callable[[int], Plain], most: int, blocks: int = 100) -> tuple[int, str]:
    """(how many seeds it took, which rule did not hold); (0, "") where all held."""
    for number in range(1, most + 1):
        try:
            make(number).run(blocks)
        except Broken as broken:
            return number, broken.rule
    return 0, ""
