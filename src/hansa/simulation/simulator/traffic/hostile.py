"""What hostile and careless members make of a sound intention: other figures or signers, the same again."""

from typing import Any

import msgspec

from hansa.kernel import Action, Registry, encode, limits
from hansa.kernel.types import INTEGER_MAX
from hansa.simulation.simulator.scenario import Send
from hansa.simulation.simulator.traffic.mind import Mind

LONG = 3_000
"""Characters, or parts, of what is far too long."""
SPOILED = 0.1
FOREIGN = 0.03
AGAIN = 0.04
KEPT = 64
"""Intentions that are remembered, to be tried again."""


class Hostile:
    """Spoils some of what it is given; remembers the others, to have them tried once more."""

    def __init__(self, mind: Mind) -> None:
        self._mind = mind
        self._kept: list[Send] = []

    def spoil(self, send: Send) -> Send:
        """The same, most often; else something near it that should be refused, or do no harm."""
        mind = self._mind
        drawn = mind.random.random()
        if drawn < SPOILED:
            return self._twisted(send)
        if drawn < SPOILED + FOREIGN:
            return send._replace(member=mind.other(send.member), key="k1")
        if drawn < SPOILED + FOREIGN + AGAIN and self._kept:
            return mind.one(self._kept)
        self._kept.append(send)
        if len(self._kept) > KEPT:
            del self._kept[: KEPT // 2]
        return send

    def _twisted(self, send: Send) -> Send:
        """One value anywhere in one of the actions is another."""
        place = self._mind.between(0, len(send.actions) - 1)
        twisted = twist(self._mind, self._mind.picture.registry, send.actions[place])
        if twisted is None:
            return send
        actions = (*send.actions[:place], twisted, *send.actions[place + 1 :])
        return send._replace(actions=actions)


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
