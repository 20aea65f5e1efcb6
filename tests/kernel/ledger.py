"""Blocks executed in memory, as a test composes them: no door, no disk."""

from typing import Any

from hansa.engines.replay import Replica
from hansa.kernel import Action, Context, Registry, encode, limits
from hansa.kernel.apply import Applied, Block
from hansa.kernel.signatures import Signer
from hansa.kernel.state import Overlay
from hansa.kernel.transaction import sign
from tests.consortium import START_MS, genesis, signer
from tests.kernel import room


class Ledger:
    """A replica with a clock, and the members' next sequence numbers."""

    def __init__(self, registry: Registry | None = None, *, cache_records: int | None = 100_000) -> None:
        self.registry = registry or room.registry()
        self.genesis = encode(genesis(self.registry))
        self.replica = Replica(self.genesis, self.registry, cache_records=cache_records)
        self.now_ms = START_MS
        self.sequences: dict[str, int] = {}

    def wire(
        self, member: str, *actions: Action, by: Signer | None = None, key: str = "k1", **fields: Any
    ) -> bytes:
        """A signed transaction, with any field of the body as the test wants it."""
        self.sequences[member] = self.sequences.get(member, 0) + 1
        body = {
            "chain": self.replica.chain.id,
            "member": member,
            "key": key,
            "sequence": self.sequences[member],
            "valid_until_ms": self.now_ms + limits.HOUR_MS,
            "actions": actions,
        }
        return sign(self.registry, by or signer(member, key), **(body | fields))

    def block(self, *wires: bytes, after_ms: int = 1_000) -> Applied:
        self.now_ms += after_ms
        return self.replica.execute(Block(self.replica.height + 1, self.now_ms, wires))

    def codes(self, *wires: bytes) -> list[str]:
        """Outcome codes of a block of these."""
        return [outcome.code for outcome in self.block(*wires).outcomes]

    def do(self, member: str, *actions: Action) -> Applied:
        """A block of one transaction that must succeed."""
        applied = self.block(self.wire(member, *actions))
        assert applied.outcomes[0].code == "ok", applied.refusals[0]
        return applied

    def context(self) -> Context:
        """A view of the state as it stands."""
        replica = self.replica
        return Context(
            self.registry,
            Overlay(replica._state),
            time_ms=self.now_ms,
            height=replica.height,
            chain=replica.chain.id,
        )

    def rows(self) -> dict[tuple[str, bytes], bytes]:
        """Every stored record."""
        return dict(self.replica._store.rows)
