"""What hostile and careless members make of a sound intention: other figures or signers, the same again."""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from hansa.apps.consortium.messages_votes import ActivateRoom, ActivateRules
from hansa.kernel import Action, Registry, encode, limits
from hansa.kernel.types import INTEGER_MAX
from hansa.simulation.simulator.scenario import Send
from hansa.simulation.simulator.traffic.mind import Mind

T = TypeVar("T")
LONG = 3_000
"""Characters, or parts, of what is far too long."""
KEPT = 64
"""Intentions that are remembered, to be tried again."""


class Hostile:
    """Spoils some of what it is given; remembers the others, to have them tried once more."""

    def __init__(self, mind: Mind) -> None:
        self._mind = mind
        self._kept: list[Send] = []
        self._wires: list[bytes] = []

    def spoil(self, send: Send) -> Send:
        """The same, most often; else something near it that should be refused, or do no harm."""
        mind = self._mind
        drawn = mind.random.random()
        for share, way in self._WAYS:
            if drawn < share:
                return way(self, send)
            drawn -= share
        _keep(self._kept, send)
        return send

    def _twisted(self, send: Send) -> Send:
        """One value anywhere in one of the actions is another."""
        place = self._mind.between(0, len(send.actions) - 1)
        if isinstance(getattr(send.actions[place], "subject", None), ActivateRoom | ActivateRules):
            return send  # All nodes would stop, and rightly, for what nobody has installed.
        twisted = twist(self._mind, self._mind.picture.registry, send.actions[place])
        if twisted is None:
            return send
        actions = (*send.actions[:place], twisted, *send.actions[place + 1 :])
        return send._replace(actions=actions)

    def _by_another(self, send: Send) -> Send:
        """Another member wants it done."""
        return send._replace(member=self._mind.other(send.member), key="k1")

    def _by_another_key(self, send: Send) -> Send:
        """Another key of the member signs it, whatever it is good for."""
        keys = [str(key[1]) for key in self._mind.rows("kernel.keys") if key[0] == send.member]
        return send._replace(key=self._mind.one(keys or [send.key]))

    def _again(self, send: Send) -> Send:
        """What was wanted before is wanted once more."""
        return self._mind.one(self._kept) if self._kept else send

    def _late(self, send: Send) -> Send:
        """The bytes are signed for a time that is over."""
        world = self._mind.world
        wire = world.sign(send.member, send.key, *send.actions, valid_ms=-1)
        return Send(send.member, send.actions, send.key, wire=wire, once=True)

    def _replayed(self, send: Send) -> Send:
        """Bytes that were sent before."""
        if self._wires and self._mind.luck(0.7):
            wire = self._mind.one(self._wires)
            return Send(send.member, (), send.key, wire=wire, once=True)
        wire = self._mind.world.sign(send.member, send.key, *send.actions)
        _keep(self._wires, wire)
        return Send(send.member, send.actions, send.key, wire=wire)

    _WAYS: tuple[tuple[float, "Callable[[Hostile, Send], Send]"], ...] = (
        (0.10, _twisted),
        (0.03, _by_another),
        (0.02, _by_another_key),
        (0.04, _again),
        (0.01, _late),
        (0.03, _replayed),
    )
    """(share, way); what is left of all is sound."""


def _keep(kept: list[T], one: T) -> None:
    kept.append(one)
    if len(kept) > KEPT:
        del kept[: KEPT // 2]


def twist(mind: Mind, registry: Registry, action: Action) -> Action | None:
    """The action with one value replaced; None where no such action can be sent."""
    plain = msgspec.json.decode(encode(action))
    at: Any = plain
    while True:
        keys = [key for key in at if key != "_type"] if isinstance(at, dict) else list(range(len(at)))
        if not keys:
            return None
        key = mind.one(keys)
        if isinstance(at[key], dict | list) and at[key] and mind.luck(0.8):
            at = at[key]
            continue
        at[key] = another(mind, at[key])
        break
    try:
        return registry.decode_action(encode(plain))
    except msgspec.ValidationError:
        return None


def another(mind: Mind, value: Any) -> Any:
    """Something else of the same kind: too much, too little, too early, too late, another's, too long."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return mind.one(
            (0, 1, -value, value + 1, 2 * value + 1, INTEGER_MAX, mind.now_ms, value - limits.DAY_MS)
        )
    if isinstance(value, str):
        return mind.one(("", mind.member(), mind.hash(), "x" * LONG, value[:-1], "CNY"))
    if isinstance(value, list):
        return mind.one(([], value * 2, (value * LONG)[:LONG]))
    return value
