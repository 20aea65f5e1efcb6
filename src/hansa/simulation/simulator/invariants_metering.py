"""Promises of metering: each number tells one thing for ever, the first that was told; totals never fall."""

from collections.abc import Iterator

from hansa.apps.metering.messages import RecordCounters
from hansa.kernel import unpack
from hansa.simulation.simulator.invariants import Finding, Promise, Scene
from hansa.simulation.simulator.traffic.picture import Key, Picture
from hansa.simulation.simulator.world import World

Number = tuple[str, str, int, int]
"""Owner, feed, generation, sequence."""
Content = tuple[int, int, bool]
"""(time, value, whether the signal was lost)."""


class FirstTold(Promise):
    """A record is what its source told first under its number; what it told later changes nothing."""

    def __init__(self) -> None:
        self._told: dict[Number, Content] = {}
        self._lives: dict[tuple[str, str, int], None] = {}

    def after(self, scene: Scene) -> Iterator[Finding]:
        for act in scene.acts:
            if isinstance(act.action, RecordCounters):
                for number, content in told(act.action):
                    self._told.setdefault(number, content)
        stand: dict[Number, int] = {}
        for key, row in scene.changed("metering.records").items():
            owner, feed, at_ms, generation, sequence = key
            if row is None:
                yield "record", f"a record of {owner}.{feed} is gone: {sequence}"
            elif not row.life:
                number = (str(owner), str(feed), int(generation), int(sequence))
                if stand.setdefault(number, int(at_ms)) != at_ms:
                    yield "record", f"two records stand under {number}"
                if self._told.get(number) != (at_ms, row.value, row.lost):
                    yield "record", f"{number} says {(at_ms, row.value, row.lost)}, told was something else"

    def at_end(self, picture: Picture, world: World) -> Iterator[Finding]:
        found: dict[Number, int] = {}
        for key, row in picture.rows("metering.records").items():
            owner, feed, _, generation, sequence = key
            if not row.life:
                number = (str(owner), str(feed), int(generation), int(sequence))
                found[number] = found.get(number, 0) + 1
        if found.keys() != self._told.keys() or any(count != 1 for count in found.values()):
            yield "record", f"{len(self._told)} readings were told, {sum(found.values())} records stand"


def told(action: RecordCounters) -> Iterator[tuple[Number, Content]]:
    """What a batch says, number by number."""
    batch = action.counters
    lost = unpack(batch.lost)
    for place, (at_ms, value) in enumerate(zip(unpack(batch.at_ms), unpack(batch.value), strict=True)):
        number = (action.owner, batch.feed, batch.generation, batch.first_sequence + place)
        yield number, (at_ms, value, place in lost)


class Totals(Promise):
    """The good values of one life of a counter never fall, in the order of their times."""

    def after(self, scene: Scene) -> Iterator[Finding]:
        if scene.touched("metering.records") and scene.picture.height % EVERY == 0:
            yield from self._look(scene.picture)

    def at_end(self, picture: Picture, world: World) -> Iterator[Finding]:
        return self._look(picture)

    def _look(self, picture: Picture) -> Iterator[Finding]:
        feeds = {key for key, row in picture.rows("metering.feeds").items() if row.kind == "counter"}
        rows = sorted(
            (key, row.life, row.total)
            for key, row in picture.rows("metering.records").items()
            if key[:2] in feeds and row.good
        )
        last: dict[Key, int] = {}
        for key, life, total in rows:
            if not life and total < last.get(key[:2], 0):
                yield "total", f"the total of {key[0]}.{key[1]} falls to {total} at {key[2]}"
            last[key[:2]] = 0 if life else total


EVERY = 16
"""Totals are looked at after every so many blocks, and at the end."""
