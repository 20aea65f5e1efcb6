"""What goes wrong, done: at the heights of the plan, or at the times of a script."""

from collections.abc import Callable, Sequence
from functools import partial
from random import Random

from hansa.kernel import Refusal
from hansa.kernel.active import Outdated, RoomMissing
from hansa.simulation.simulator.agenda import Agenda
from hansa.simulation.simulator.chain import CRASH, Chain
from hansa.simulation.simulator.fast_store import Crashed
from hansa.simulation.simulator.faults import Fault
from hansa.simulation.simulator.links import Links
from hansa.simulation.simulator.node import Armed, Node
from hansa.simulation.simulator.scenario import Broken
from hansa.simulation.simulator.snapshots import restore

PATIENCE_MS = 3_000
"""After so long a process ends in any case, whether it came to the step at which it was to end or not."""
BACK_MS = 1_000
"""After so long a supervisor starts a process anew that ended by itself."""
MISSING = (Outdated.code, RoomMissing.code)
"""Why a node with an old program stops."""


class Troubles:
    """Does the faults of a plan, and starts nodes again.

    `greet` sends a node what waits elsewhere; `lose` takes a member's key away.
    """

    def __init__(
        self,
        agenda: Agenda,
        links: Links,
        nodes: Sequence[Node],
        chain: Chain,
        voters: int,
        luck: Random,
        greet: Callable[[Node], None],
        lose: Callable[[str], None],
        note: Callable[..., None],
    ) -> None:
        self._agenda, self._links, self._nodes, self._chain = agenda, links, nodes, chain
        self._voters, self._luck, self._note = voters, luck, note
        self._greet, self._lose = greet, lose
        self.plan: list[Fault] = []
        self.done: list[tuple[int, Fault]] = []
        """(ms, fault) of all that were done, in order."""
        self._late_ms = 0
        """How long the owner of an old program takes to install the new one."""
        self._back: dict[int, int] = {}
        """For how long a node stays away whose process is about to end."""
        self.over = False
        """All is well from now on."""

    def reached(self, height: int) -> None:
        """The ledger stands at a height: what was planned for it or below comes now."""
        while self.plan and self.plan[0].height <= height:
            self.do(self.plan.pop(0))

    def do(self, fault: Fault) -> None:
        if self.over:
            return
        self.done.append((self._agenda.now_ms, fault))
        self._note("trouble", *fault)
        getattr(self, f"_{fault.kind}")(fault)

    # Processes.

    def _crash(self, fault: Fault) -> None:
        node = self._nodes[fault.nodes[0]]
        if node.up:
            node.armed = Armed(fault.step, fault.left, fault.kept)
            self._back[node.number] = fault.for_ms
            self._agenda.after(PATIENCE_MS, partial(self._lose_patience, node, node.armed))

    def _lose_patience(self, node: Node, armed: Armed) -> None:
        if node.armed is armed:
            self._down(node)
            self.ended(node, CRASH)

    def _blackout(self, fault: Fault) -> None:
        for number in fault.nodes:
            if self._nodes[number].up:
                self._down(self._nodes[number])
            self._agenda.after(fault.for_ms + number, partial(self.start, self._nodes[number]))

    def _wipe(self, fault: Fault) -> None:
        """The disk is lost, and with it the application's and the engine's memory."""
        node = self._nodes[fault.nodes[0]]
        if not node.never_ran:
            node.down("wiped")
            node.disk.wipe()
            node.stored = node.answered = 0
            self._agenda.after(fault.for_ms, partial(self.start, node))

    def _join(self, fault: Fault) -> None:
        self.start(self._nodes[fault.nodes[0]])

    def _down(self, node: Node) -> None:
        node.down(CRASH)
        self._note("down", node.number)

    def ended(self, node: Node, why: str) -> None:
        """A process ended: its supervisor brings it back. Raises Broken where nothing made it end."""
        if node.old and why in MISSING:
            self._agenda.after(BACK_MS if self.over else self._late_ms, partial(self._upgrade, node))
            return
        if why != CRASH:
            raise Broken("stopped", f"node {node.number} takes no more blocks: {why}")
        self._agenda.after(self._back.pop(node.number, BACK_MS), partial(self.start, node))

    def start(self, node: Node) -> None:
        """Start a node that is down; it may end again over the blocks that it executes anew."""
        if node.up:
            return
        try:
            node.start(self._chain.known, self._chain.init)
            if node.answered == 0 and self._chain.height:
                self._join_by_snapshot(node)
        except (Crashed, Refusal) as end:
            self._chain.ended(node, end)
            return
        self._note("up", node.number, node.answered)
        self._greet(node)
        self._chain.feed(node)
        self._chain.wake()

    def _join_by_snapshot(self, node: Node) -> None:
        up = frozenset(each.number for each in self._nodes if each.up)
        peers = [
            each
            for each in self._nodes
            if each.up and each is not node and self._links.reaches(each.number, node.number, up)
        ]
        height = restore(node, peers, self._chain.blocks, self._luck)
        self._note("restored", node.number, height)

    # Programs.

    def _old_program(self, fault: Fault) -> None:
        """Before the node starts: it lacks the room that members will vote for."""
        node = self._nodes[fault.nodes[0]]
        node.old, self._late_ms = True, fault.for_ms

    def _upgrade(self, node: Node) -> None:
        node.old = False
        self._note("upgraded", node.number)
        self.start(node)

    # Links and clocks.

    def _cut(self, fault: Fault) -> None:
        ends = {(value // self._voters, value % self._voters) for value in fault.values}
        self._links.cut |= {(start, end) for start, end in ends if start != end}
        self._agenda.after(fault.for_ms, self._mended)

    def _weather(self, fault: Fault) -> None:
        self._links.loss, self._links.twice, self._links.slow = fault.values
        self._agenda.after(fault.for_ms, self._mended)

    def _mended(self) -> None:
        self._links.heal()
        self._note("mended")
        self._chain.wake()

    def _clock(self, fault: Fault) -> None:
        self._nodes[fault.nodes[0]].skew_ms = fault.values[0]

    def _liar(self, fault: Fault) -> None:
        self._nodes[fault.nodes[0]].skew_ms = fault.values[0]
        self._chain.liars.add(fault.nodes[0])

    def _lost_key(self, fault: Fault) -> None:
        self._lose(fault.member)

    # The end of it.

    def heal(self) -> None:
        """Nothing goes wrong any more, and every node that was ever started runs."""
        self.over = True
        self._links.heal()
        self._chain.liars.clear()
        for node in self._nodes:
            node.armed = None
            node.skew_ms = 0
            if not node.never_ran:
                self._agenda.after(0, partial(self.start, node))
        self._chain.wake()
