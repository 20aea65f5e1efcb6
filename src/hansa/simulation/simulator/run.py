"""One run: from a seed to a verdict. The same seed and script lead to the same trace, in any process."""

import hashlib
import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any, NamedTuple

from hansa.engines.cometbft.application import Application, Policy
from hansa.engines.cometbft.giving import at_once
from hansa.kernel import Context, encode
from hansa.kernel.transaction import identity
from hansa.simulation.simulator.agenda import Agenda
from hansa.simulation.simulator.at_end import check_end, check_told, describe_standstill, stands_together
from hansa.simulation.simulator.chain import Chain, Streams
from hansa.simulation.simulator.clients import Clients, Sent
from hansa.simulation.simulator.disks import Disk, FastDisk
from hansa.simulation.simulator.faults import Fault, plan
from hansa.simulation.simulator.founding import genesis
from hansa.simulation.simulator.links import Links
from hansa.simulation.simulator.node import Decided, Node
from hansa.simulation.simulator.once import Shared, remembered
from hansa.simulation.simulator.oracle import Oracle
from hansa.simulation.simulator.probes import probes
from hansa.simulation.simulator.scenario import Broken, Happened, Scenario
from hansa.simulation.simulator.signing import cheap_suite, real_suite
from hansa.simulation.simulator.troubles import Troubles
from hansa.simulation.simulator.upgrade import NOTICE, Upgrading, upgraded
from hansa.simulation.simulator.world import World

ENTRIES_PER_BLOCK_MAX = 5_000
"""Entries of the agenda after which a run counts as one that never ends."""
BEATS_PER_BLOCK = 4
"""Times that members may send, at most: some of what they send leads to no block."""
CALM_BEATS = 3
"""Times that members send once all is well again."""
CALM_GAP_MS = 2_000
CALM_MS = 300_000
"""How long the consortium may then take to stand at one height with nothing waiting."""
INTERVALS_MS = (0, 0, 0, 30_000)
"""After which the engine makes an empty block, by run; 0: it rests. Where it does, nobody waits for days."""
SNAPSHOT_INTERVALS = (0, 60, 100)
"""Blocks of the engine from one snapshot to the next, by run; 0: none."""
SNAPSHOTS_KEPT = 2
UPGRADES = 0.25
"""Share of the seeds in which members vote a new room into force."""
BURSTS = 0.25
BURST_MS = (60, 160)
"""Now and then members send on at once: into the block that shows the hash of the one before."""
TOGETHER_MS = 30
"""Within which goes out what members send at one time."""


KINDS: dict[str, Callable[..., str]] = {
    "trouble": lambda height, kind, *rest: kind,
    "lie": lambda node, kind, height: f"lie.{kind}",
    "ended": lambda node, why: f"ended.{why}",
    "restored": lambda node, height: "restored.snapshot" if height else "restored.nothing",
    "upgraded": lambda node: "upgraded",
}
"""What is counted of a run, by kind."""


class Noted(NamedTuple):
    """An entry of the diary."""

    time_ms: int
    what: str
    values: tuple[Any, ...]


@dataclass(frozen=True)
class Script:
    """What members sent and what went wrong, with times, so that parts of it can be left out."""

    sent: tuple[Sent, ...]
    troubles: tuple[tuple[int, Fault], ...]
    until_ms: int


@dataclass(frozen=True)
class Options:
    """How to run a seed."""

    blocks: int = 100
    real: bool = False
    """Real signatures."""
    make_disk: Callable[[int], Disk] = lambda number: FastDisk()
    make_application: Callable[..., Application] = Application
    script: Script | None = None
    """Played in the place of traffic and plan."""
    tell: bool = False
    """Keep a diary, to be told in words (story.py)."""


OPTIONS = Options()


@dataclass(frozen=True)
class Verdict:
    """What came of a run."""

    seed: int
    broken: Broken | None
    height: int
    """Of the ledger."""
    transactions: int
    """In blocks."""
    troubles: int
    trace: str
    """SHA-256 over all that happened, in hexadecimal."""
    script: Script
    happened: Mapping[str, int]
    """How often what went wrong, by kind: so one sees that it did."""
    diary: tuple[Noted, ...] = ()
    """What happened, in order, if it was to be told."""


class Run:
    """A seed on its way. `finish` says what came of it."""

    def __init__(self, seed: int, scenario: Scenario, options: Options = OPTIONS) -> None:
        self.seed, self.scenario, self.options = seed, scenario, options
        suite = real_suite() if options.real else cheap_suite()
        self._verify = suite.verify
        release = scenario.release()
        upgrade = self.luck("upgrade")
        upgrades = upgrade.random() < UPGRADES
        self._old = Shared(release)
        self._release = Shared(upgraded(release)) if upgrades else self._old
        self.genesis = genesis(scenario, (NOTICE,) if upgrades else ())
        self._genesis_bytes = encode(self.genesis)
        self._trace = hashlib.sha256()
        self._diary: list[Noted] = []
        self._happened: Counter[str] = Counter()
        self._transactions = 0
        self._handed: list[tuple[Node, str]] = []
        """What each node was handed once all was well again."""
        script = options.script
        self._beats_left = 0 if script else BEATS_PER_BLOCK * options.blocks
        self._last_send_ms = max((sent.time_ms for sent in script.sent), default=0) if script else 0
        self._beats = self.luck("beats")
        self.agenda = Agenda(self.genesis.created_ms)
        self.oracle = Oracle(self._genesis_bytes, self._release, suite.verify)
        founders = [each.id for each in scenario.companies if each.validates]
        self._begin_network([*founders, *scenario.joiners], len(founders))
        self.world = World(seed, scenario, self.genesis, self.oracle.replica.chain.id, suite, self)
        traffic = scenario.traffic(self.world)
        self.traffic = Upgrading(traffic, upgrade, options.blocks) if upgrades else traffic
        self.invariants = tuple(scenario.invariants(self.world))

    def _begin_network(self, members: Sequence[str], voters: int) -> None:
        self.links = Links(self.luck("links"), len(members))
        self.nodes = [self._node(number, member) for number, member in enumerate(members)]
        streams = Streams(self.luck("liars"), self.luck("evidence"))
        self._snapshot_interval = self.luck("snapshots").choice(SNAPSHOT_INTERVALS)
        self._interval_ms = self.luck("interval").choice(INTERVALS_MS)
        self.chain = Chain(
            self.agenda, self.links, self.nodes, self.oracle, self.genesis, streams, self, self._interval_ms
        )
        self.clients = Clients(self.agenda, self.links, self.nodes, self.chain.wake, self.chain.ended)
        self.troubles = Troubles(
            self.agenda, self.links, self.nodes, self.chain, voters, self.luck("snapshots"),
            self.clients.greet, self._lose_key, self.note,
        )  # fmt: skip
        if self.options.script is None:
            self.troubles.plan = list(
                plan(
                    self.luck("troubles"),
                    blocks=self.options.blocks,
                    voters=voters,
                    nodes=len(members),
                    members=[each.id for each in self.scenario.companies],
                )
            )

    def luck(self, purpose: str) -> Random:
        """Chance for one purpose: what one draws changes nothing for the others."""
        return Random(f"{self.seed}/{purpose}")

    def _node(self, number: int, member: str) -> Node:
        disk = self.options.make_disk(number)

        def opens() -> Application:
            return self.options.make_application(
                disk.path,
                self._genesis_bytes,
                lambda: self.agenda.now_ms + node.skew_ms,
                release=self._old if node.old else self._release,
                verify=self._verify,
                policy=Policy(snapshot_interval=self._snapshot_interval, snapshots_kept=SNAPSHOTS_KEPT),
                shelves=disk.shelves,
                beside=at_once,
                open_store=lambda path, connect: disk.open(path),
                on_block=lambda made: self.clients.answered(node, made),
            )

        node = Node(number, member, disk, opens)
        return node

    # From beginning to end.

    def finish(self) -> Verdict:
        """Carry it out. What does not hold is in the verdict; other errors are the simulator's own."""
        broken = None
        try:
            self._live()
            self._settle()
        except Broken as found:
            broken = found
        until_ms = self._calm_from_ms or self.agenda.now_ms + 1
        script = Script(tuple(self.clients.script), tuple(self.troubles.done), until_ms)
        self.note("end", str(broken), self.oracle.replica.app_hash)
        return Verdict(
            self.seed,
            broken,
            self.oracle.replica.height,
            self._transactions,
            len(self.troubles.done),
            self._trace.hexdigest(),
            script,
            dict(self._happened + self._ends()),
            tuple(self._diary),
        )

    def _ends(self) -> Counter[str]:
        """At which steps processes ended."""
        ends = sum((node.ends for node in self.nodes), Counter[str]())
        return Counter({f"crash.{step}": count for step, count in ends.items()})

    def close(self) -> None:
        """Close what is open on disks."""
        for node in self.nodes:
            if node.app is not None:
                node.app.close()

    def forget(self) -> None:
        """Let go of everything. All parts know each other, so that else only a search of all memory for such
        circles would bring theirs back, at a fifth of what a run costs.
        """
        for part in (self.agenda, self.chain, self.clients, self.troubles, *self.nodes, self):
            vars(part).clear()

    def _live(self) -> None:
        """Until the ledger is as high as asked; or, of a script, as long as it goes."""
        self._calm_from_ms = 0
        self.troubles.reached(0)
        for node in self.nodes[: len(self.genesis.validators)]:
            self.troubles.start(node)
        script = self.options.script
        if script is None:
            self._beat()
            self._until(lambda: self.height >= self.options.blocks or not self._beats_left)
            return
        for sent in script.sent:
            self.agenda.at(sent.time_ms, partial(self.submit, sent.wire, sent.at, sent.once))
        for time_ms, fault in script.troubles:
            self.agenda.at(time_ms, partial(self.troubles.do, fault))
        for time_ms in (script.until_ms, self._last_send_ms + 1):
            self.agenda.at(time_ms, self.chain.wake)
        self._until(lambda: self.agenda.now_ms >= script.until_ms)

    def _settle(self) -> None:
        """All is well again: everything moves on, and all disks hold the same."""
        self._calm_from_ms = self.agenda.now_ms
        self.note("calm")
        self.troubles.heal()
        if self.options.script is None:
            self._beats_left = CALM_BEATS
            self.agenda.after(CALM_GAP_MS, self._beat)
        until_ms = max(self._last_send_ms, self._calm_from_ms + CALM_BEATS * CALM_GAP_MS) + CALM_MS
        self._stand_together(until_ms)
        self._hand_to_each()
        self._stand_together(self.agenda.now_ms + CALM_MS)
        check_told(self.clients.told, self.oracle)
        check_end(self.nodes, self.chain, self.oracle)
        for invariant in self.invariants:
            invariant.at_end(self.world)

    def _stand_together(self, until_ms: int) -> None:
        self._until(lambda: self._is_settled() or self.agenda.now_ms > until_ms)
        if not self._is_settled():
            raise Broken("liveness", describe_standstill(self.nodes, self.chain))
        for node, name in self._handed:
            if node.running.ledger.store.find_transaction(bytes.fromhex(name)) is None:
                raise Broken("liveness", f"node {node.number} takes nothing any more, although all is well")

    def _hand_to_each(self) -> None:
        """Each node is handed a transaction of its own, which must come into a block.

        What is still under way may end its key in the same block: it stands there all the same.
        """
        up = [node for node in self.nodes if node.up]
        for node, wire in zip(up, probes(self.world, len(up)), strict=False):
            self._handed.append((node, identity(wire)))
            self.clients.hand(node, wire)

    def _is_settled(self) -> bool:
        sent = not self._beats_left and self.agenda.now_ms > self._last_send_ms
        return sent and stands_together(self.nodes, self.chain)

    def _until(self, done: Callable[[], bool]) -> None:
        agenda, most = self.agenda, ENTRIES_PER_BLOCK_MAX * (self.options.blocks + CALM_BEATS)
        while not done():
            if agenda.done > most or not agenda.step():
                raise Broken("liveness", describe_standstill(self.nodes, self.chain))

    def _beat(self) -> None:
        """Members send; and again after a while, which may be days."""
        if not self._beats_left:
            return
        self._beats_left -= 1
        for send in self.traffic.next(self.world):
            wire = send.wire or self.world.sign(send.member, send.key, *send.actions)
            delay_ms = self._beats.randrange(TOGETHER_MS)
            self._last_send_ms = max(self._last_send_ms, self.agenda.now_ms + delay_ms)
            self.agenda.after(delay_ms, partial(self.submit, wire, send.at, send.once))
        gap = CALM_GAP_MS if self.troubles.over else self._gap_ms()
        self.agenda.after(gap, self._beat)

    def _gap_ms(self) -> int:
        if self._beats.random() < BURSTS:
            return self._beats.randint(*BURST_MS)
        weights = [weight for weight, _, _ in self.scenario.gaps_ms]
        _, low, high = self._beats.choices(self.scenario.gaps_ms, weights=weights)[0]
        gap = self._beats.randint(low, high)
        return min(gap, 5 * self._interval_ms) if self._interval_ms else gap

    # What the chain tells.

    def decided(self, happened: Happened, block: Decided) -> None:
        self.note("decided", block.height, block.time_ns, len(block.txs), self.oracle.replica.app_hash)
        if happened.applied.leaf is None:
            return
        self._transactions += len(block.txs)
        if block.txs:
            codes = tuple(outcome.code for outcome in happened.applied.outcomes)
            self._tell("outcomes", happened.block.height, block.txs, codes)
        self.traffic.happened(self.world, happened)
        for invariant in self.invariants:
            invariant.after(self.world, happened)
        self.troubles.reached(self.height)

    def executed(self, node: Node, block: Decided) -> None:
        self.note("executed", node.number, block.height)

    def ended(self, node: Node, why: str) -> None:
        self.note("ended", node.number, why)
        self.troubles.ended(node, why)

    def note(self, what: str, *values: object) -> None:
        """Part of the trace by which two runs are compared."""
        self._trace.update(repr((self.agenda.now_ms, what, values)).encode())
        kind = KINDS.get(what)
        if kind is not None:
            self._happened[kind(*values)] += 1
        self._tell(what, *values)

    def _tell(self, what: str, *values: Any) -> None:
        if self.options.tell:
            self._diary.append(Noted(self.agenda.now_ms, what, values))

    def _lose_key(self, member: str) -> None:
        self.world.lost.add((member, "k1"))

    # For the world.

    @property
    def now_ms(self) -> int:
        return self.agenda.now_ms

    @property
    def height(self) -> int:
        return self.oracle.replica.height

    def context(self, at: int | None) -> Context:
        if at is None:
            return self.oracle.context()
        ledger = self.nodes[at].running.ledger
        return ledger.context(ledger.time_ms)

    def submit(self, wire: bytes, at: int | None, once: bool) -> None:
        self.note("sent", zlib.crc32(wire))
        self._tell("wire", wire)
        self.clients.submit(wire, at, once)

    def running(self) -> Sequence[int]:
        return [node.number for node in self.nodes if node.up]


def finished(seed: int, scenario: Scenario, options: Options) -> Verdict:
    """What a seed comes to, from beginning to end."""
    run = Run(seed, scenario, options)
    try:
        with remembered():
            return run.finish()
    finally:
        run.close()
        run.forget()
