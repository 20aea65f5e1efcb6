"""What must hold, whatever members, nodes and networks do: looked at after each block, and at the end wholly.

The promises are checked against a picture of their own, and against what members *asked for*, never against
the contracts' word alone. The promises themselves stand in invariants_kernel, _consortium, _metering, _money,
_billing and _leasing.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from hansa.kernel import Action
from hansa.kernel.messages import Outcome
from hansa.kernel.transaction import HEAD_BYTES
from hansa.simulation.simulator.scenario import Broken, Happened
from hansa.simulation.simulator.traffic.picture import Key, Picture, Told
from hansa.simulation.simulator.world import World

OK = "ok"


class Act(NamedTuple):
    """An action that was done: within its own transaction, or when others had approved it."""

    member: str
    key: str
    action: Action


class Scene(NamedTuple):
    """A block, and the ledger after it."""

    picture: Picture
    happened: Happened
    acts: tuple[Act, ...]

    @property
    def told(self) -> tuple[Told, ...]:
        """Events of the block."""
        return self.picture.told

    def changed(self, table: str) -> dict[Key, Any]:
        """Records of a table that the block wrote; None where one is gone."""
        return self.picture.changed.get(table, {})

    def touched(self, *tables: str) -> bool:
        return any(table in self.picture.changed for table in tables)


Finding = tuple[str, str]
"""(rule, what was found)."""


class Promise:
    """Something that holds. Each looks at what a block did, or at everything at the end, or at both."""

    def before(self, picture: Picture, happened: Happened) -> Iterator[Finding]:
        """By the ledger as it was before the block."""
        return iter(())

    def after(self, scene: Scene) -> Iterator[Finding]:
        """By the ledger as it is after the block."""
        return iter(())

    def at_end(self, picture: Picture, world: World) -> Iterator[Finding]:
        return iter(())


class Watch:
    """An invariant of a scenario made of promises that share one picture of the ledger."""

    def __init__(self, world: World, promises: Sequence[Promise]) -> None:
        self.picture = Picture.of(world)
        self._before = [promise for promise in promises if type(promise).before is not Promise.before]
        self._after = [promise for promise in promises if type(promise).after is not Promise.after]
        self._promises = tuple(promises)
        self._held: dict[tuple[str, str], tuple[Action, ...]] = {}
        """What waits for approval, by member and transaction."""

    def after(self, world: World, happened: Happened) -> None:
        """Raises Broken with the first promise that does not hold."""
        for promise in self._before:
            _raise(promise.before(self.picture, happened), happened.block.height)
        self.picture.take(happened)
        scene = Scene(self.picture, happened, tuple(self._acts(happened)))
        for promise in self._after:
            _raise(promise.after(scene), happened.block.height)
        self.picture.registry = world.state().registry  # A vote may have put a room in force.

    def at_end(self, world: World) -> None:
        """Raises Broken with the first promise that does not hold."""
        for promise in self._promises:
            _raise(promise.at_end(self.picture, world), self.picture.height)

    def _acts(self, happened: Happened) -> Iterator[Act]:
        """What was done: not what was refused, not what waits for approval, but what waited until now."""
        told = self.picture.told
        waiting = {each.fields["transaction"] for each in told if each.tag == "consortium.held"}
        for body, outcome, _ in bodies(self.picture, happened):
            if outcome.transaction in waiting:
                self._held[body.member, outcome.transaction] = body.actions
            elif outcome.code == OK:
                yield from (Act(body.member, body.key, action) for action in body.actions)
        for each in told:
            if each.tag == "consortium.carried_out":
                member, key = each.fields["member"], each.fields["key"]
                actions = self._held.pop((member, each.fields["held"]), ())
                yield from (Act(member, key, action) for action in actions)


def _raise(findings: Iterator[Finding], height: int) -> None:
    for rule, what in findings:
        raise Broken(rule, f"{what} (height {height})")


def bodies(picture: Picture, happened: Happened) -> Iterator[tuple[Any, Outcome, bool]]:
    """(body, outcome, whether it used its sequence) of each transaction that can be read."""
    applied = happened.applied
    for wire, outcome, consumed in zip(applied.transactions, applied.outcomes, applied.consumed, strict=True):
        try:
            body = msgspec.json.decode(wire[HEAD_BYTES:], type=picture.registry.body)
        except ValueError:
            continue
        yield body, outcome, consumed


def tag_of(action: Action) -> str:
    """`money.pay`."""
    return str(type(action).__struct_config__.tag)
