"""A plain scenario for tests of the simulator itself: members have a record attested, again and again."""

from collections.abc import Sequence

from hansa.apps.consortium.messages import Attest
from hansa.simulation.simulator.scenario import Happened, Scenario, Send
from hansa.simulation.simulator.world import World


class Attesting:
    """Each founder sends one transaction at a time."""

    def __init__(self, world: World) -> None:
        self.heights: list[int] = []

    def next(self, world: World) -> Sequence[Send]:
        return [
            Send(member, (Attest(table="consortium.members", key=(member,)),)) for member in world.members
        ]

    def happened(self, world: World, happened: Happened) -> None:
        self.heights.append(happened.block.height)


def scenario() -> Scenario:
    return Scenario("attesting", Attesting)
