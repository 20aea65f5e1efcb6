"""A model of what the engine guarantees: one block per height, decided by more than two thirds of the power.

Tendermint in rounds (Buchman, Kwon, Milosevic, "The latest gossip on BFT consensus", 2018): propose, prevote,
precommit, with locks, so that no two blocks are decided at one height while less than a third of the power
lies; and it moves on once those who are honest reach each other. Votes are not signed and sent one by one:
a round asks each link whether it carries them. Heights, here, are the engine's.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from hansa.engines.cometbft import messages as abci
from hansa.kernel import Refusal
from hansa.simulation.simulator.fast_store import Crashed
from hansa.simulation.simulator.links import Links
from hansa.simulation.simulator.node import Node
from hansa.simulation.simulator.scenario import Broken


class Proposal(NamedTuple):
    """A block on its way. Two of one height are the same if all fields are."""

    height: int
    time_ns: int
    proposer: bytes
    """Address."""
    txs: tuple[bytes, ...]
    misbehavior: tuple[abci.Misbehavior, ...] = ()


class Seat(NamedTuple):
    """A validator of the set of a height, with the node that holds its key; None where there is none."""

    public: bytes
    power: int
    node: Node | None


class Round(NamedTuple):
    """What came of one."""

    decided: Proposal | None
    voters: tuple[Seat, ...]
    """Whose precommits made it."""
    heard: tuple[Node, ...]
    """Nodes that saw it decided."""


class Lie(NamedTuple):
    """What a lying proposer sends: to each node one of these, or nothing."""

    offers: tuple[Proposal, ...]
    to: Mapping[int, int]
    """Node number → place among the offers."""


@dataclass
class _Mind:
    """What a validator is bound to within a height. The engine keeps it on disk, so a crash does not free it.

    (Its write-ahead log is CometBFT's own; what it guarantees is taken as given.)
    """

    locked: tuple[int, Proposal] | None = None
    valid: tuple[int, Proposal] | None = None


@dataclass
class Height:
    """The rounds of one height, until a block is decided."""

    height: int
    time_ns: int
    """Of the block, by the votes on the one before: whoever proposes another time gets no vote."""
    seats: Sequence[Seat]
    links: Links
    liar: Callable[[Node], bool]
    """Whether a node lies at this height: less than a third of the power at any time."""
    check: Callable[[Node, Proposal, bool], None]
    """Told of each honest verdict on a proposal."""
    ended: Callable[[Node, Crashed | Refusal], None]
    """Told of a process that is gone."""
    minds: dict[bytes, _Mind] = field(default_factory=dict)
    round: int = 0
    decided: Proposal | None = None

    @cached_property
    def total(self) -> int:
        return sum(seat.power for seat in self.seats)

    def proposer(self) -> Seat:
        """In turn; over many heights each as often as its power says."""
        at = (self.height + self.round) * 7_919 % self.total if self.uneven else None
        if at is None:
            return self.seats[(self.height + self.round) % len(self.seats)]
        for seat in self.seats:
            at -= seat.power
            if at < 0:
                return seat
        raise AssertionError("powers add up to the total")

    @cached_property
    def uneven(self) -> bool:
        return len({seat.power for seat in self.seats}) > 1

    def mind(self, seat: Seat) -> _Mind:
        return self.minds.setdefault(seat.public, _Mind())

    def take_part(self, seat: Seat) -> bool:
        """Whether the validator votes at this height: it is up, and has all blocks before it."""
        return seat.node is not None and seat.node.up and seat.node.answered == self.height - 1

    def run(self, seat: Seat, offer: Lie) -> Round:
        """One round with these offers of its proposer. Raises Broken where two blocks are decided."""
        assert seat.node is not None
        present = [each for each in self.seats if self.take_part(each)]
        up = frozenset(each.node.number for each in present if each.node is not None)
        prevotes = self._prevotes(seat, offer, present, up)
        precommits = self._precommits(prevotes, present, up)
        outcome = self._decide(precommits, up)
        self.round += 1
        return outcome

    def _hears(self, end: Seat, start: Seat, up: frozenset[int]) -> bool:
        """Whether a validator hears another within the round."""
        if self.links.calm:
            return True
        assert end.node is not None
        assert start.node is not None
        here, there = start.node.number, end.node.number
        # Losses are made up for by gossip, from whomever has it: what is lost twice is lost for the round.
        lost = not self.links.arrivals(here, there) and not self.links.arrivals(here, there)
        return (here == there or not lost) and self.links.reaches(here, there, up)

    def _prevotes(
        self, seat: Seat, offer: Lie, present: Sequence[Seat], up: frozenset[int]
    ) -> dict[bytes, list[Proposal]]:
        """By public key: for which blocks each votes first. None: for no block."""
        votes: dict[bytes, list[Proposal]] = {}
        for each in present:
            node = each.node
            assert node is not None
            if self.liar(node):
                votes[each.public] = list(offer.offers)
                continue
            place = offer.to.get(node.number)
            if place is None or not self._hears(each, seat, up):
                continue
            proposal = offer.offers[place]
            if proposal.time_ns != self.time_ns or self._is_bound(each, proposal):
                continue
            verdict = self._verdict(node, proposal)
            if verdict is None:
                continue
            self.check(node, proposal, verdict)
            if verdict:
                votes[each.public] = [proposal]
        return votes

    def _is_bound(self, seat: Seat, proposal: Proposal) -> bool:
        """Locked on another block, and no newer majority for this one is known."""
        mind = self.mind(seat)
        if mind.locked is None or mind.locked[1] == proposal:
            return False
        known = [other.valid for other in self.minds.values() if other.valid is not None]
        newest = max((at for at, block in known if block == proposal), default=-1)
        return newest <= mind.locked[0]

    def _verdict(self, node: Node, proposal: Proposal) -> bool | None:
        """None: the process ended meanwhile."""
        try:
            return node.accepts(proposal.height, proposal.time_ns, proposal.proposer, proposal.txs)
        except (Crashed, Refusal) as end:
            self.ended(node, end)
            return None

    def _precommits(
        self, prevotes: Mapping[bytes, list[Proposal]], present: Sequence[Seat], up: frozenset[int]
    ) -> dict[bytes, list[Proposal]]:
        votes: dict[bytes, list[Proposal]] = {}
        for each in present:
            assert each.node is not None
            if not each.node.up:
                continue
            if self.liar(each.node):
                votes[each.public] = [block for blocks in prevotes.values() for block in blocks]
                continue
            proposal = self._majority(prevotes, each, present, up)
            if proposal is not None:
                mind = self.mind(each)
                mind.valid = (self.round, proposal)
                mind.locked = (self.round, proposal)
                votes[each.public] = [proposal]
        return votes

    def _majority(
        self,
        votes: Mapping[bytes, list[Proposal]],
        at: Seat,
        present: Sequence[Seat],
        up: frozenset[int],
    ) -> Proposal | None:
        """For which block one sees more than two thirds of the power: its own first, since liars tell each
        what it likes to hear.
        """
        calm, counted = self.links.calm, dict.fromkeys(votes.get(at.public, ()), 0)
        for other in present:
            for proposal in dict.fromkeys(votes.get(other.public, ())):
                if calm or self._hears(at, other, up):
                    counted[proposal] = counted.get(proposal, 0) + other.power
        return next((block for block, power in counted.items() if 3 * power > 2 * self.total), None)

    def _decide(self, precommits: Mapping[bytes, list[Proposal]], up: frozenset[int]) -> Round:
        present = [each for each in self.seats if each.node is not None and each.node.number in up]
        heard: list[Node] = []
        for each in present:
            assert each.node is not None
            if not each.node.up:
                continue
            found = self._majority(precommits, each, present, up)
            if found is None:
                continue
            if self.decided is not None and self.decided != found:
                raise Broken("safety", f"the model decided two blocks at engine height {self.height}")
            self.decided = found
            heard.append(each.node)
        if self.decided is None:
            return Round(None, (), ())
        voters = tuple(each for each in present if self.decided in precommits.get(each.public, ()))
        return Round(self.decided, voters, tuple(heard))
