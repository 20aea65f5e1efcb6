"""A scenario for `hansa simulate`: the room of examples/visitors, voted into force and used under faults.

hansa simulate --seeds 100 --scenario examples/visitors_scenario.py
"""

from collections.abc import Sequence
from pathlib import Path

from hansa.apps.rooms import release
from hansa.engines.foreign_rooms import examine, find
from hansa.kernel import limits
from hansa.kernel.canonical import decode
from hansa.simulation.simulator.scenario import Broken, Happened, Scenario, Send
from hansa.simulation.simulator.upgrade import NOTICE, VotedIn
from hansa.simulation.simulator.world import World

PACKAGE = find(str(Path(__file__).parent / "visitors"))
ROOM, REFUSALS = examine(PACKAGE)
if ROOM is None:
    raise SystemExit(f"the room cannot be used: {REFUSALS}")
ADMIT, LEAVE = ROOM.actions
(OVERSTAYED,) = ROOM.events
VISITS = ROOM.tables["visitors.visits"]
VISITORS = ("w-1", "w-2", "w-3")


class Visiting:
    """Members let people in and out, some for too long, some who are not there."""

    def next(self, world: World) -> Sequence[Send]:
        if ADMIT not in world.state().registry.actions:
            return ()  # Not in force yet.
        luck, sends = world.random, []
        for plant in luck.sample(world.members, 3):
            visitor, company = luck.choice(VISITORS), luck.choice(world.members)
            until_ms = world.now_ms + luck.randint(-1, 30) * limits.HOUR_MS
            action = ADMIT(visitor=visitor, company=company, until_ms=until_ms)
            sends.append(Send(plant, (luck.choice((action, LEAVE(visitor=visitor))),)))
        return sends

    def happened(self, world: World, happened: Happened) -> None:
        """Nothing to remember: the ledger has it all."""


class Promises:
    """No visit without an end within a day; who stays longer is announced, and only then."""

    def __init__(self) -> None:
        self.announced: set[tuple[str, str]] = set()

    def after(self, world: World, happened: Happened) -> None:
        now_ms = happened.block.time_ms
        for (table, _), entry in happened.applied.entries.items():
            if table == VISITS.name and entry and entry[1].until_ms > now_ms + limits.DAY_MS:
                raise Broken("a day at most", f"{entry[1].visitor} may stay until {entry[1].until_ms}")
        for data in happened.applied.events:
            if data.startswith(b'{"_type":"visitors.overstayed"'):
                event = decode(data, OVERSTAYED)
                self.announced.add((event.plant, event.visitor))

    def at_end(self, world: World) -> None:
        state = world.state()
        for key, visit in VISITS.scan(state):
            if visit.until_ms < state.time_ms and (key[0], key[1]) not in self.announced:
                raise Broken("announced", f"{key[1]} overstays at {key[0]}, and nobody was told")


def scenario() -> Scenario:
    """Four companies; the room is installed on every node and put to the vote at once."""
    return Scenario(
        "visitors",
        traffic=lambda world: VotedIn(Visiting(), PACKAGE.pin),
        invariants=lambda world: [Promises()],
        release=lambda: release({PACKAGE.pin: ROOM}),
        parameters=(NOTICE,),
    )
