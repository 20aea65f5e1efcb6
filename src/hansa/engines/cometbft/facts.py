"""What the engine says of a block besides its transactions, as it goes into the block leaf (rule 17)."""

from hansa.engines.cometbft import messages as abci
from hansa.kernel import encode
from hansa.kernel.facts import ADDRESS_BYTES, EngineFacts, Fault
from hansa.kernel.types import INTEGER_MAX


def facts_of(asked: abci.FinalizeBlock) -> str:
    """Canonical JSON of EngineFacts. What is no proof against an address says nothing and is left out."""
    proposer = asked.proposer_address.hex() if len(asked.proposer_address) == ADDRESS_BYTES else ""
    faults = tuple(fault for each in asked.misbehavior if (fault := _fault(each)) is not None)
    return encode(EngineFacts(height=asked.height, proposer=proposer, faults=faults)).decode()


def _fault(each: abci.Misbehavior) -> Fault | None:
    known = (abci.MisbehaviorType.DUPLICATE_VOTE, abci.MisbehaviorType.LIGHT_CLIENT_ATTACK)
    time_ms = each.time_ns // abci.NS_PER_MS
    sound = len(each.validator.address) == ADDRESS_BYTES and 0 < each.height <= INTEGER_MAX
    if each.type not in known or not sound or not 0 <= time_ms <= INTEGER_MAX:
        return None
    twice = each.type == abci.MisbehaviorType.DUPLICATE_VOTE
    return Fault(
        kind="duplicate_vote" if twice else "light_client_attack",
        address=each.validator.address.hex(),
        height=each.height,
        time_ms=time_ms,
    )
