"""Height 0: the state that a genesis file lays down, the same on every node."""

import hashlib
from dataclasses import dataclass
from typing import Any

from hansa.apps.consortium import contract as consortium
from hansa.apps.consortium.messages import Genesis
from hansa.kernel import Context, Registry, Release, lthash
from hansa.kernel.apply import Chain, Verify
from hansa.kernel.canonical import decode_strict
from hansa.kernel.state import Changes, Committed, MemoryStore, Name, Overlay


@dataclass(frozen=True)
class Founded:
    """What every node of the chain starts from."""

    genesis_bytes: bytes
    genesis: Genesis
    chain: Chain
    changes: Changes
    entries: dict[Name, Any]
    state_sum: bytes


def found(genesis_bytes: bytes, release: Release | Registry, verify: Verify) -> Founded:
    """Lay down members and keys. Raises the Refusal of a genesis file that cannot stand.

    A Registry stands for a release of its rooms: tests have rooms of their own.
    """
    genesis = decode_strict(genesis_bytes, Genesis)
    if isinstance(release, Registry):
        release = Release(release.rooms)
    chain = Chain(hashlib.sha256(genesis_bytes).hexdigest(), release, verify, genesis.rules)
    registry = release.registry(genesis.rules)
    layer = Overlay(Committed(MemoryStore()))
    ctx = Context(
        registry,
        layer,
        time_ms=genesis.created_ms,
        height=0,
        chain=chain.id,
        rules=genesis.rules,
        verify=verify,
    )
    consortium.found(ctx, genesis)
    changes: Changes = {name: entry[0] for name, entry in layer.entries.items() if entry}
    added = [lthash.element(table, key, value) for (table, key), value in changes.items() if value]
    return Founded(
        genesis_bytes, genesis, chain, changes, layer.entries, lthash.update(lthash.EMPTY, [], added)
    )
