"""An upgrade in mid-flight: members vote a room from outside into force, and not every node has it in time.

A node without it stops before the height from which it counts, says so, and goes on once it is installed.
"""

from collections.abc import Sequence
from random import Random

from hansa.apps.consortium.messages import Attest, ParameterValue
from hansa.apps.consortium.messages_votes import ActivateRoom, Propose, Vote
from hansa.kernel import Action, Context, Id, Natural, Record, Release, Room, RoomPin, Table
from hansa.simulation.simulator.scenario import Happened, Send, Traffic
from hansa.simulation.simulator.world import World

NOTICE = ParameterValue("room_notice_blocks", 4)
"""From the vote on a room until it counts."""
PIN = RoomPin(name="tallies", version="1", sha256="7a" * 32)


class Tally(Record, version=1, readers="public", retention="business"):
    """How often a member counted."""

    count: Natural


class Count(Action, tag="tallies.count"):
    """One more, under a name."""

    name: Id


TALLIES = Table("tallies.tallies", key=("member", "name"), record=Tally)


def count(ctx: Context, a: Count) -> None:
    found = TALLIES.get(ctx, (ctx.member, a.name))
    TALLIES.put(ctx, (ctx.member, a.name), Tally(count=found.count + 1 if found else 1))


ROOM = Room("tallies", actions=[count], tables=[TALLIES])


def upgraded(release: Release) -> Release:
    """The release with the new room beside it."""
    return Release(release.rooms, {**release.foreign, PIN: ROOM})


PASSES = Attest(table="consortium.members", key=("nobody",))
"""Refused, but it makes a block, and in blocks the notice is counted."""


class VotedIn:
    """A scenario's traffic, and besides it the vote that puts a room from outside into force.

    The founders propose and vote once the ledger is at `height`; the charter's parameter NOTICE makes the
    room count a few blocks later (Scenario.parameters).
    """

    def __init__(self, traffic: Traffic, pin: RoomPin, height: int = 0) -> None:
        self._traffic, self._pin, self._height = traffic, pin, height
        self._waiting: list[tuple[str, Action]] | None = None

    def next(self, world: World) -> Sequence[Send]:
        sends = list(self._traffic.next(world))
        if self._waiting is None and world.height >= self._height:
            proposal = f"room-{self._pin.name}"
            subject = ActivateRoom(room=self._pin)
            self._waiting = [(world.members[0], Propose(proposal=proposal, subject=subject))]
            self._waiting += [(member, Vote(proposal=proposal, yes=True)) for member in world.members]
        if self._waiting:
            member, action = self._waiting.pop(0)
            sends.append(Send(member, (action,)))
        elif self._waiting is not None and not self._counts(world):
            sends.append(Send(world.members[0], (PASSES,)))
        return sends

    def _counts(self, world: World) -> bool:
        return any(room.name == self._pin.name for room in world.state().registry.rooms)

    def happened(self, world: World, happened: Happened) -> None:
        self._traffic.happened(world, happened)


class Upgrading(VotedIn):
    """The vote on the room of this module, somewhere in the first half of a run; then its use."""

    def __init__(self, traffic: Traffic, luck: Random, blocks: int) -> None:
        super().__init__(traffic, PIN, luck.randint(1, max(1, blocks // 2)))
        self._luck = luck

    def next(self, world: World) -> Sequence[Send]:
        sends = list(super().next(world))
        if Count in world.state().registry.actions:
            sends.append(Send(self._luck.choice(world.members), (Count(name="x"),)))
        return sends
