"""An upgrade in mid-flight: members vote a room from outside into force, and not every node has it in time.

A node without it stops before the height from which it counts, says so, and goes on once it is installed.
"""

from collections.abc import Sequence
from random import Random

from hansa.apps.consortium.messages import ParameterValue
from hansa.apps.consortium.messages_votes import ActivateRoom, Propose, Vote
from hansa.kernel import Action, Context, Id, Natural, Record, Release, Room, RoomPin, Table
from hansa.simulation.simulator.scenario import Happened, Send, Traffic
from hansa.simulation.simulator.world import World

PROPOSAL = "simulated-upgrade"
NOTICE = ParameterValue("room_notice_blocks", 4)
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


class Upgrading:
    """A scenario's traffic, and the vote besides it, from some height on."""

    def __init__(self, traffic: Traffic, luck: Random, blocks: int) -> None:
        self._traffic, self._luck = traffic, luck
        self._from = luck.randint(1, max(1, blocks // 2))
        self._waiting: list[tuple[str, Action]] = []
        self._begun = False

    def next(self, world: World) -> Sequence[Send]:
        sends = list(self._traffic.next(world))
        if not self._begun and world.height >= self._from:
            self._begun = True
            subject = ActivateRoom(room=PIN)
            self._waiting = [(world.members[0], Propose(proposal=PROPOSAL, subject=subject))]
            self._waiting += [(member, Vote(proposal=PROPOSAL, yes=True)) for member in world.members]
        if self._waiting:
            member, action = self._waiting.pop(0)
            sends.append(Send(member, (action,)))
        elif self._begun and Count in world.state().registry.actions:
            sends.append(Send(self._luck.choice(world.members), (Count(name="x"),)))
        return sends

    def happened(self, world: World, happened: Happened) -> None:
        self._traffic.happened(world, happened)
