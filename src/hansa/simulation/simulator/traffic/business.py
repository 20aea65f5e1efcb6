"""The traffic of a whole consortium: each seed has its own emphasis, so that each goes deep somewhere."""

from collections.abc import Sequence

from hansa.apps.consortium.messages import ParameterValue
from hansa.simulation.simulator.scenario import Happened, Send
from hansa.simulation.simulator.traffic import (
    billing,
    consortium,
    errands,
    leases,
    market,
    metering,
    money,
    statements,
    validators,
    votes,
)
from hansa.simulation.simulator.traffic.hostile import Hostile
from hansa.simulation.simulator.traffic.mind import Mind, Step
from hansa.simulation.simulator.traffic.picture import Picture
from hansa.simulation.simulator.world import World

SENT_MOST = 5
"""Transactions of one call, 1 … this many: three on average."""
EMPHASIS = 5
"""How much oftener the subjects of a seed come than the others."""
TRIES = 12
"""Steps drawn before nobody wants anything."""
SUBJECTS: tuple[tuple[tuple[int, Step], ...], ...] = (
    (*consortium.STEPS, *votes.STEPS, *validators.STEPS, *errands.STEPS),
    metering.STEPS,
    money.STEPS,
    (*billing.STEPS, *statements.STEPS),
    (*market.STEPS, *leases.STEPS),
)
PARAMETERS = (
    ParameterValue("ballot_days", 2),
    ParameterValue("notice_days", 3),
    ParameterValue("room_notice_blocks", 3),
)
"""Short enough that deadlines pass within a run."""


class Business:
    """Traffic over all rooms, and the picture that it is drawn from."""

    def __init__(self, world: World, emphasis: Sequence[int] = ()) -> None:
        """`emphasis`: how often each of SUBJECTS comes, in their order; none given: the seed's own."""
        self.picture = Picture.of(world)
        self.mind = Mind(world, self.picture)
        self._hostile = Hostile(self.mind)
        self._steps: list[Step] = []
        drawn = [EMPHASIS if self.mind.luck(0.35) else 1 for _ in SUBJECTS]
        for weight, subject in zip(emphasis or drawn, SUBJECTS, strict=True):
            for each, step in subject:
                self._steps += [step] * (each * weight)

    def next(self, world: World) -> Sequence[Send]:
        """What is sent now: what must be there first, until it is; then by chance."""
        begun = self._begin()
        if begun:
            return begun
        sends = []
        for _ in range(self.mind.between(1, SENT_MOST)):
            send = self._draw()
            if send is not None:
                sends.append(self._hostile.spoil(send))
        return sends

    def happened(self, world: World, happened: Happened) -> None:
        """Follow a block."""
        self.picture.take(happened)
        self.picture.registry = world.state().registry

    def _begin(self) -> list[Send]:
        """A bank, two machines, a calendar, tariffs: whatever of it is still missing."""
        mind = self.mind
        first, second = mind.founders[0], mind.founders[1 % len(mind.founders)]
        wanted = [metering.equip(mind, first), billing.publish_first(mind)]
        if mind.luck(0.5):
            wanted += [metering.equip(mind, second), money.open_a_bank(mind)]
            wanted.append(errands.begin(mind) if mind.luck(0.3) else None)
        return [send for send in wanted if send is not None and mind.luck(0.7)]

    def _draw(self) -> Send | None:
        for _ in range(TRIES):
            send = self.mind.one(self._steps)(self.mind)
            if send is not None:
                return send
        return None
