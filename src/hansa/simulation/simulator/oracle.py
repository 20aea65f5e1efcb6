"""The ledger that is right: a plain replica, no disk and no crashes; it executes each decided block once."""

from collections.abc import Sequence
from dataclasses import replace

from hansa.apps.consortium.validators import powers, updates
from hansa.engines.cometbft import messages as abci
from hansa.engines.replay import Replica
from hansa.kernel import KEYS, Context, Refusal, Release, encode
from hansa.kernel.apply import Applied, Block, Now, Verify
from hansa.kernel.facts import EngineFacts, Fault
from hansa.kernel.messages import Outcome
from hansa.kernel.signatures import TRANSACTION_DOMAIN
from hansa.kernel.state import Overlay
from hansa.kernel.transaction import parse
from hansa.simulation.simulator.scenario import Broken, Happened

KINDS = {
    abci.MisbehaviorType.DUPLICATE_VOTE: "duplicate_vote",
    abci.MisbehaviorType.LIGHT_CLIENT_ATTACK: "light_client_attack",
}


class Seen:
    """Where a transaction that used its sequence stands."""

    __slots__ = ("height", "index", "outcome")

    def __init__(self, height: int, index: int, outcome: Outcome) -> None:
        self.height, self.index, self.outcome = height, index, outcome


class Oracle:
    """Executes blocks of the engine, and remembers what became of every transaction."""

    def __init__(self, genesis: bytes, release: Release, verify: Verify) -> None:
        self.replica = Replica(genesis, release)
        self.replica.chain = replace(self.replica.chain, verify=verify)
        self._verify = verify
        self._now: tuple[int, Now] | None = None
        self.seen: dict[str, Seen] = {}
        """By identity: those that used their sequence."""
        self.leaves: list[bytes] = []
        """Canonical bytes of the leaf of each height, from 1 on."""

    def context(self) -> Context:
        """The records as they stand."""
        replica = self.replica
        if self._now is None or self._now[0] != replica.height:
            self._now = replica.height, replica.chain.at(replica._state, replica.height + 1)
        now = self._now[1]
        return Context(
            now.registry,
            Overlay(replica._state),
            time_ms=replica.time_ms,
            height=replica.height,
            chain=replica.chain.id,
            rules=now.rules,
        )

    def unfit(self, wires: Sequence[bytes]) -> tuple[int, ...]:
        """Places of those that no honest node lets into a block: malformed, oversized or badly signed."""
        ctx = self.context()
        return tuple(place for place, wire in enumerate(wires) if not self._fits(ctx, wire))

    def _fits(self, ctx: Context, wire: bytes) -> bool:
        try:
            transaction = parse(ctx.registry, wire)
        except Refusal:
            return False
        body = transaction.body
        key = KEYS.get(ctx, (body.member, body.key))
        message = TRANSACTION_DOMAIN + transaction.body_bytes
        return (
            body.chain == ctx.chain
            and key is not None
            and self._verify(key.public, transaction.suite, transaction.signature, message)
        )

    def execute(
        self,
        height: int,
        time_ns: int,
        proposer: bytes,
        misbehavior: Sequence[abci.Misbehavior],
        txs: tuple[bytes, ...],
        facts: str | None = None,
    ) -> tuple[Happened, abci.FinalizeBlockAnswer]:
        """The block at an engine height, and what every application must answer. Raises Broken.

        `facts`: as they were recorded, in the place of those that follow from the rest.
        """
        replica = self.replica
        before = powers(replica._state)
        if facts is None:
            caught = tuple(map(fault, misbehavior))
            facts = encode(EngineFacts(height=height, proposer=proposer.hex(), faults=caught)).decode()
        time_ms = max(replica.time_ms, time_ns // abci.NS_PER_MS)
        block = Block(replica.height + 1, time_ms, txs, facts)
        applied = replica.execute(block)
        self._remember(block, applied)
        changed = updates(before, powers(replica._state))
        answer = abci.FinalizeBlockAnswer(
            tx_results=tuple(abci.TxResult(0 if used else 1) for used in applied.consumed),
            validator_updates=tuple(
                abci.ValidatorUpdate(abci.PublicKey(public), power) for public, power in changed
            ),
            app_hash=bytes.fromhex(replica.app_hash),
        )
        return Happened(block, applied), answer

    def _remember(self, block: Block, applied: Applied) -> None:
        if applied.leaf is None:
            return
        self.leaves.append(encode(applied.leaf))
        for index, (outcome, used) in enumerate(zip(applied.outcomes, applied.consumed, strict=True)):
            if used:
                if outcome.transaction in self.seen:
                    where = self.seen[outcome.transaction]
                    raise Broken(
                        "once",
                        f"transaction {outcome.transaction[:12]} counts at height {where.height} and again "
                        f"at {block.height}",
                    )
                self.seen[outcome.transaction] = Seen(block.height, index, outcome)


def fault(each: abci.Misbehavior) -> Fault:
    """What the application makes of evidence."""
    return Fault(
        kind=KINDS[abci.MisbehaviorType(each.type)],  # type: ignore[arg-type]  # one of the two
        address=each.validator.address.hex(),
        height=each.height,
        time_ms=each.time_ns // abci.NS_PER_MS,
    )
