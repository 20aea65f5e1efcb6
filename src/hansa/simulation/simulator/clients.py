"""Members' clients: they send, send again to another node, and stop once they saw what became of it."""

import zlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from hansa.kernel import Refusal
from hansa.simulation.simulator.agenda import Agenda
from hansa.simulation.simulator.fast_store import Crashed
from hansa.simulation.simulator.links import Links
from hansa.simulation.simulator.node import Node

AGAIN_MS = (4_000, 15_000, 60_000, 600_000)
"""When a client sends again, each time after the one before; then it gives up, as one that goes home."""
GOSSIP_MS = 2_000
"""After so long a node sends again what did not arrive at another."""


class Sent(NamedTuple):
    """What went out, as a script that can be played again."""

    time_ms: int
    wire: bytes
    at: int | None
    once: bool


class Clients:
    """Between members and nodes. `is_seen` says whether a transaction's outcome is known."""

    def __init__(
        self,
        agenda: Agenda,
        links: Links,
        nodes: Sequence[Node],
        is_seen: Callable[[bytes], bool],
        waits: Callable[[], None],
        ended: Callable[[Node, Crashed | Refusal], None],
    ) -> None:
        self._agenda, self._links, self._nodes = agenda, links, nodes
        self._is_seen, self._waits, self._ended = is_seen, waits, ended
        self.script: list[Sent] = []
        """All that members sent, in order."""

    def submit(self, wire: bytes, at: int | None, once: bool) -> None:
        """A member sends."""
        self.script.append(Sent(self._agenda.now_ms, wire, at, once))
        self._send(wire, at, len(AGAIN_MS) if once else 0)

    def _send(self, wire: bytes, at: int | None, tries: int) -> None:
        up = [node for node in self._nodes if node.up]
        if up:
            # By the bytes themselves, so that leaving out others changes nothing for these.
            drawn = zlib.crc32(wire, tries) if at is None else at
            node = up[drawn % len(up)]
            for delay in self._links.arrivals(-1, node.number):
                self._agenda.after(delay, partial(self._arrive, node, wire))
        if tries < len(AGAIN_MS):
            self._agenda.after(AGAIN_MS[tries], partial(self._send_again, wire, tries + 1))

    def _send_again(self, wire: bytes, tries: int) -> None:
        if not self._is_seen(wire):
            self._send(wire, None, tries)

    def _arrive(self, node: Node, wire: bytes) -> None:
        """At a node, by its client or by gossip: what is new there goes on to the others."""
        if not node.up:
            return
        try:
            new = node.check(wire)
        except (Crashed, Refusal) as end:
            self._ended(node, end)
            return
        if new:
            for other in self._nodes:
                if other is not node:
                    self._gossip(node, other, wire)
            self._waits()

    def greet(self, node: Node) -> None:
        """A node came up: the others send it what waits with them."""
        for other in self._nodes:
            if other is not node and other.up:
                for wire in other.mempool:
                    self._gossip(other, node, wire)

    def _gossip(self, node: Node, other: Node, wire: bytes) -> None:
        """Send on what waits here, again until it arrives or waits no more."""
        if wire not in node.mempool or other.never_ran:
            return
        arrivals = self._links.arrivals(node.number, other.number) if other.up else ()
        for delay in arrivals:
            self._agenda.after(delay, partial(self._arrive, other, wire))
        if not arrivals:
            self._agenda.after(GOSSIP_MS, partial(self._gossip, node, other, wire))
