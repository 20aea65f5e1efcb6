"""Once all is well again each node is handed a transaction of its own, which must come into a block."""

from typing import Any

import pytest

from hansa.apps.consortium.messages import NewKey, RegisterKey, RevokeKey
from hansa.kernel import WINDOWS, limits
from hansa.kernel.signatures import possession
from hansa.simulation.simulator import run
from hansa.simulation.simulator.probes import NOTHING
from hansa.simulation.simulator.run import Options, Run
from hansa.simulation.simulator.world import World
from tests.simulation.simulator.attesting import scenario

SCENARIO = scenario()


def ending(world: World, count: int) -> list[bytes]:
    """The first of them ends the key that signs them all."""
    member, name = "auditor", "k1"
    window = WINDOWS.get(world.state(), (member, name))
    assert window is not None
    new = world.signer(member, "k-2")
    key = NewKey(
        id="k-2",
        public=new.public,
        holder=member,
        kind="person",
        scopes=("*",),
        expires_ms=world.now_ms + limits.DAY_MS,
        proof=new.sign(possession(world.chain, member, "k-2", new.public)),
    )
    first = window.highest + 100
    ends = world.sign(member, name, RegisterKey(key=key), RevokeKey(id=name), sequence=first)
    return [ends, *(world.sign(member, name, NOTHING, sequence=first + at) for at in range(1, count))]


def test_one_whose_key_ends_in_the_block_in_which_it_stands_was_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(run, "probes", ending)
    untold = 0
    for seed in range(8):
        over: Any = Run(seed, SCENARIO, Options(blocks=6))
        verdict = over.finish()
        assert verdict.broken is None, verdict.broken
        untold += sum(name not in over.clients.told for _, name in over._handed)
    assert untold
