"""Members' clients: they send, send again to another node, and stop once a node told what became of it.

What they were told they keep: at the end it must stand on the ledger just so.
"""

import zlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from hansa.engines.cometbft.application import Made
from hansa.kernel import Refusal, encode
from hansa.kernel.transaction import identity
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


class Receipt(NamedTuple):
    """What a node told a client of its transaction, once the block was on that node's disk."""

    node: int
    height: int
    place: int
    outcome: bytes


class Clients:
    """Between members and nodes."""

    def __init__(
        self,
        agenda: Agenda,
        links: Links,
        nodes: Sequence[Node],
        waits: Callable[[], None],
        ended: Callable[[Node, Crashed | Refusal], None],
    ) -> None:
        self._agenda, self._links, self._nodes = agenda, links, nodes
        self._waits, self._ended = waits, ended
        self.told: dict[str, Receipt] = {}
        """By identity: what clients know, as a node said it first."""
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
                self._agenda.after(delay, partial(self.hand, node, wire))
        if tries < len(AGAIN_MS):
            self._agenda.after(AGAIN_MS[tries], partial(self._send_again, wire, tries + 1))

    def _send_again(self, wire: bytes, tries: int) -> None:
        if identity(wire) not in self.told:
            self._send(wire, None, tries)

    def hand(self, node: Node, wire: bytes) -> None:
        """A client is at a node: it is told at once of known bytes, of others when they are in a block."""
        if not node.up:
            return
        name = identity(wire)
        known = node.running.ledger.store.find_transaction(bytes.fromhex(name))
        if known is not None and known[4]:
            self.told.setdefault(name, Receipt(node.number, known[0], known[1], known[3]))
        else:
            node.asked[name] = None
            self._arrive(node, wire)

    def answered(self, node: Node, made: Made) -> None:
        """A block is on a node's disk: who waits there is told."""
        applied = made.applied
        for index, (outcome, used) in enumerate(zip(applied.outcomes, applied.consumed, strict=True)):
            if used and outcome.transaction in node.asked:
                del node.asked[outcome.transaction]
                receipt = Receipt(node.number, made.height, index, encode(outcome))
                self.told.setdefault(outcome.transaction, receipt)

    def _arrive(self, node: Node, wire: bytes) -> None:
        """At a node, by its client or by gossip: what is new there goes on to the others."""
        if wire in node.cache or not node.up:
            return  # Mostly known: every node sends it to every other.
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
