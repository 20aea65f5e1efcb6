"""Height after height: who proposes, what is decided, and how it comes to every node."""

from collections.abc import Mapping, Sequence
from functools import partial
from random import Random
from typing import NamedTuple, Protocol

from hansa.apps.consortium.messages import Genesis
from hansa.apps.consortium.tables import CONSENSUS_KEYS
from hansa.engines.cometbft import messages as abci
from hansa.kernel import Refusal, address
from hansa.kernel.merkle import EMPTY_ROOT
from hansa.simulation.simulator.agenda import Agenda
from hansa.simulation.simulator.consensus import Height, Lie, Proposal, Round, Seat
from hansa.simulation.simulator.fast_store import Crashed
from hansa.simulation.simulator.liars import lie
from hansa.simulation.simulator.links import Links
from hansa.simulation.simulator.node import Decided, Node, init_chain
from hansa.simulation.simulator.oracle import Oracle
from hansa.simulation.simulator.scenario import Broken, Happened

TIMEOUT_COMMIT_MS = 200
TIMEOUT_PROPOSE_MS = 1_000
PROPOSES_MS = 80
"""What waits this long is in the proposer's mempool, too, if links carry it."""
TIMEOUT_DELTA_MS = 500
TIMEOUT_MAX_MS = 20_000
CRASH = "crash"
"""Why a process ended, if not by a refusal's code."""
BARREN_MAX = 100
SYNC_MS = 300
"""After so long a node that missed a block asks for it."""
EVIDENCE_CHANCE = 0.3
"""That whoever signs two blocks of one height is shown to have done so."""


class Told(Protocol):
    """Who follows what happens."""

    def decided(self, happened: Happened, block: Decided) -> None: ...

    def executed(self, node: Node, block: Decided) -> None: ...

    def ended(self, node: Node, why: str) -> None:
        """A node's process ended, by a crash or by its own decision."""
        ...

    def note(self, what: str, *values: object) -> None:
        """Something for the trace."""
        ...


class Streams(NamedTuple):
    """Chance for different purposes, so that one draws nothing away from another."""

    liars: Random
    evidence: Random


class Chain:
    """The engine of all nodes. Heights are the engine's unless they are called the ledger's."""

    def __init__(
        self,
        agenda: Agenda,
        links: Links,
        nodes: Sequence[Node],
        oracle: Oracle,
        genesis: Genesis,
        streams: Streams,
        told: Told,
        interval_ms: int,
    ) -> None:
        self._agenda, self._links, self._nodes, self._oracle = agenda, links, nodes, oracle
        self._streams, self._told, self._interval_ms = streams, told, interval_ms
        self.liars: set[int] = set()
        """Numbers of nodes that lie, while they have less than a third of the power."""
        self.blocks: list[Decided] = []
        founders = {each.public: each.power for each in genesis.validators}
        self._powers: dict[int, Mapping[bytes, int]] = {1: founders, 2: founders}
        self._homes: dict[bytes, Node | None] = {}
        self._by_member = {node.member: node for node in nodes}
        self._voters: dict[int, frozenset[int]] = {}
        self._evidence: list[abci.Misbehavior] = []
        self._accused: set[bytes] = set()
        self._old: list[bytes] = []
        self._barren = 0
        """Blocks in a row without a transaction, although some waited."""
        self._judged: tuple[tuple[bytes, ...], tuple[int, ...]] | None = None
        """The proposal last looked at, and the places in it that no honest node lets pass."""
        self._rests = True
        self._resting_since_ms = agenda.now_ms
        self._genesis_ns = genesis.created_ms * abci.NS_PER_MS
        self.init = init_chain(
            oracle.replica.chain.id,
            genesis.created_ms,
            tuple(abci.ValidatorUpdate(abci.PublicKey(public), power) for public, power in founders.items()),
        )
        self._height = self._next()

    @property
    def height(self) -> int:
        return len(self.blocks)

    @property
    def rests(self) -> bool:
        """Whether no block is on its way."""
        return self._rests

    def votes(self, node: Node) -> bool:
        """Whether a node is a validator's of the height that comes."""
        return any(seat.node is node for seat in self._height.seats)

    def known(self, height: int) -> Decided:
        return self.blocks[height - 1]

    # A height begins.

    def wake(self) -> None:
        """A transaction waits, a node came up, a link healed: a resting chain looks around."""
        if self._rests:
            self._rests = False
            self._agenda.after(PROPOSES_MS, self._round)

    def _next(self) -> Height:
        at = self.height + 1
        seats = [Seat(public, power, self._home(public)) for public, power in self._powers[at].items()]
        return Height(at, self._time_ns(at), seats, self._links, self._lies, self._judge, self.ended)

    def _home(self, public: bytes) -> Node | None:
        """The node that holds a consensus key: its member's."""
        if public not in self._homes:
            key = CONSENSUS_KEYS.get(self._oracle.context(), (address(public),))
            self._homes[public] = None if key is None else self._by_member.get(key.member)
        return self._homes[public]

    def _time_ns(self, height: int) -> int:
        """The median of what the clocks of those showed who voted for the block before, by their power."""
        if height == 1:
            return self._genesis_ns
        powers = self._powers[height - 1]
        votes = sorted((time_ms, powers[public]) for public, time_ms in self.known(height - 1).votes)
        half = sum(power for _, power in votes) / 2
        for time_ms, power in votes:
            half -= power
            if half <= 0:
                return time_ms * abci.NS_PER_MS
        raise AssertionError("somebody voted")

    def _lies(self, node: Node) -> bool:
        if node.number not in self.liars:
            return False
        seats = self._height.seats
        lying = sum(seat.power for seat in seats if seat.node and seat.node.number in self.liars)
        return 3 * lying < self._height.total

    # Rounds.

    def _wants_block(self) -> bool:
        """Whether something waits, or the last block changed the hash that the next header shows."""
        before = self.known(self.height - 1).answer.app_hash if self.height > 1 else EMPTY_ROOT
        if self.height == 0 or self.known(self.height).answer.app_hash != before:
            return True
        if self._interval_ms and self._agenda.now_ms - self._resting_since_ms >= self._interval_ms:
            return True
        return any(seat.node is not None and seat.node.mempool for seat in self._height.seats)

    def _round(self) -> None:
        if not self._wants_block():
            self._rests = True
            if self._interval_ms:
                self._agenda.at(self._resting_since_ms + self._interval_ms, self.wake)
            return
        height = self._height
        seat = height.proposer()
        outcome = Round(None, (), ())
        if height.take_part(seat):
            offer = self._offer(seat)
            if offer is None:
                height.round += 1
            else:
                outcome = height.run(seat, offer)
        else:
            height.round += 1
        if outcome.decided is None:
            self._told.note("round", height.height, height.round)
            wait = min(TIMEOUT_MAX_MS, TIMEOUT_PROPOSE_MS + height.round * TIMEOUT_DELTA_MS)
            self._agenda.after(wait, self._round)
        else:
            self._decided(outcome.decided, outcome)

    def _offer(self, seat: Seat) -> Lie | None:
        """What the proposer of this round sends; None: it went down over it."""
        node = seat.node
        assert node is not None
        valid = self._height.mind(seat).valid
        numbers = [each.number for each in self._nodes]
        if valid is not None and not self._lies(node):
            return Lie((valid[1],), dict.fromkeys(numbers, 0))
        try:
            at, time_ns, who = self._height.height, self._height.time_ns, bytes.fromhex(address(seat.public))
            txs = node.prepare(at, time_ns, who)
        except (Crashed, Refusal) as end:
            self.ended(node, end)
            return None
        proposal = Proposal(at, time_ns, who, txs, tuple(self._evidence))
        if not self._lies(node):
            return Lie((proposal,), dict.fromkeys(numbers, 0))
        kind, offer = lie(self._streams.liars, proposal, self._old, numbers)
        self._told.note("lie", node.number, kind, at)
        if len(offer.offers) > 1 and self._streams.evidence.random() < EVIDENCE_CHANCE:
            self._accuse(seat)
        return offer

    def _accuse(self, seat: Seat) -> None:
        """Two signed blocks of one height were seen: the next honest proposer shows them."""
        if seat.public not in self._accused:
            self._accused.add(seat.public)
            caught = abci.Validator(bytes.fromhex(address(seat.public)), seat.power)
            kind, height = abci.MisbehaviorType.DUPLICATE_VOTE, self._height
            self._evidence.append(abci.Misbehavior(kind, caught, height.height, height.time_ns, height.total))

    def _judge(self, node: Node, proposal: Proposal, verdict: bool) -> None:
        """An honest node judged a proposal: it must refuse what no honest node proposes, and only that."""
        if self._judged is None or self._judged[0] != proposal.txs:
            self._judged = proposal.txs, self._oracle.unfit(proposal.txs)
        if verdict and self._judged[1]:
            raise Broken(
                "proposal", f"node {node.number} accepts a badly signed or malformed one at {proposal.height}"
            )
        if not verdict and not any(
            self._lies(seat.node)
            for seat in self._height.seats
            if seat.node is not None and bytes.fromhex(address(seat.public)) == proposal.proposer
        ):
            raise Broken("proposal", f"node {node.number} refuses an honest proposal at {proposal.height}")

    # A block is decided.

    def _decided(self, proposal: Proposal, outcome: Round) -> None:
        height, now_ms = self._height, self._agenda.now_ms
        first = proposal.time_ns // abci.NS_PER_MS + 1
        votes = tuple(
            (seat.public, max(first, now_ms + (seat.node.skew_ms if seat.node else 0)))
            for seat in outcome.voters
        )
        happened, answer = self._oracle.execute(
            proposal.height, proposal.time_ns, proposal.proposer, proposal.misbehavior, proposal.txs
        )
        block = Decided(
            proposal.height,
            proposal.time_ns,
            proposal.txs,
            proposal.proposer,
            proposal.misbehavior,
            votes,
            answer,
        )
        self._judged = None
        self._look_for_stall(proposal.txs)
        self._evidence = [each for each in self._evidence if each not in proposal.misbehavior]
        self._old.extend(proposal.txs)
        self.blocks.append(block)
        self._voters[block.height] = frozenset(seat.node.number for seat in outcome.voters if seat.node)
        after = dict(self._powers[height.height + 1])
        for update in answer.validator_updates:
            after[update.pub_key.ed25519] = update.power
        self._powers[height.height + 2] = {public: power for public, power in after.items() if power}
        self._resting_since_ms = now_ms
        self._told.decided(happened, block)
        late, heard = 0, {node.number for node in outcome.heard}
        for node in outcome.heard:
            delay = 2 * self._links.delay_ms()
            late = max(late, delay)
            self._agenda.after(delay, partial(self.feed, node))
        for node in self._nodes:
            if node.up and node.number not in heard:
                self._agenda.after(SYNC_MS, partial(self.feed, node))
        self._height = self._next()
        self._agenda.after(late + TIMEOUT_COMMIT_MS, self._round)

    def _look_for_stall(self, txs: tuple[bytes, ...]) -> None:
        """Raises Broken where block follows block, and what waits comes into none of them."""
        waits = any(seat.node is not None and seat.node.mempool for seat in self._height.seats)
        self._barren = self._barren + 1 if waits and not txs else 0
        if self._barren > BARREN_MAX:
            raise Broken("liveness", f"{BARREN_MAX} blocks in a row hold nothing, though something waits")

    # To every node.

    def feed(self, node: Node) -> None:
        """Hand a node the blocks that it lacks, one by one, as far as it can get them."""
        while node.up and node.answered < self.height:
            block = self.known(node.answered + 1)
            if not self._gets(node, block.height):
                if not node.syncing:
                    node.syncing = True
                    self._agenda.after(SYNC_MS, partial(self._ask_again, node))
                return
            self.execute(node, block)
        self.wake()

    def _ask_again(self, node: Node) -> None:
        node.syncing = False
        self.feed(node)

    def _gets(self, node: Node, height: int) -> bool:
        """Whether someone has the block who reaches the node."""
        up = frozenset(each.number for each in self._nodes if each.up)
        have = self._voters[height]
        return any(
            (other.stored >= height or other.number in have)
            and self._links.reaches(other.number, node.number, up)
            for other in self._nodes
            if other.up
        )

    def execute(self, node: Node, block: Decided) -> None:
        """Have a node execute its next block, whatever becomes of its process meanwhile."""
        try:
            node.execute(block)
        except (Crashed, Refusal) as end:
            self.ended(node, end)
        else:
            self._told.executed(node, block)

    def ended(self, node: Node, end: Crashed | Refusal) -> None:
        """A process is gone: by a crash, or because its application takes no more blocks."""
        why = end.code if isinstance(end, Refusal) else CRASH
        node.down(why)
        self._told.ended(node, why)
