"""Transactions that any node takes from anybody: whether the consortium still does business at all."""

from hansa.apps.consortium.messages import Attest
from hansa.kernel import KEYS, WINDOWS, limits
from hansa.simulation.simulator.world import World

NOTHING = Attest(table="consortium.members", key=("nobody",))
"""Refused, whoever signs it; but it makes a block, and uses its sequence."""


def probes(world: World, count: int) -> list[bytes]:
    """So many, signed by the first key of a founder that may sign; none where no founder has such a key.

    They depend on the ledger alone, and leave the sequences of the traffic as they are.
    """
    ctx = world.state()
    for (member, name), key in KEYS.scan(ctx, limit=KEYS_MAX):
        member, name = str(member), str(name)
        ends_ms = min(key.expires_ms, key.revoked_ms or key.expires_ms)
        if ends_ms > world.now_ms + LASTS_MS and world.signer(member, name).public == key.public:
            window = WINDOWS.get(ctx, (member, name))
            first = (window.highest if window else 0) + BEYOND
            return [world.sign(member, name, NOTHING, sequence=first + number) for number in range(count)]
    return []


KEYS_MAX = 1_000
LASTS_MS = 3_600_000
"""A key must be good for so long still."""
BEYOND = limits.WINDOW_WIDTH // 2
"""So far ahead are their sequences, since what the key signed before may still be on its way."""
