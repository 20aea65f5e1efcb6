"""A run of traffic without network and disk: one plain replica, whose clock takes what steps it likes."""

import dataclasses
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from hansa.engines.replay import Replica
from hansa.kernel import Context, encode
from hansa.kernel.apply import Block
from hansa.kernel.state import Overlay
from hansa.simulation.simulator.founding import genesis
from hansa.simulation.simulator.scenario import Happened, Scenario, Send
from hansa.simulation.simulator.signing import cheap_suite
from hansa.simulation.simulator.world import World


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
            for action in send.actions:
                self.tally[str(type(action).__struct_config__.tag), outcome.code] += 1

    def run(self, blocks: int, wait: Callable[["Plain"], int]) -> "Plain":
        for _ in range(blocks):
            self.now_ms += wait(self)
            self.block(self.traffic.next(self.world))
        for each in self.invariants:
            each.at_end(self.world)
        return self
