"""Claims about stops and scrap: what the parties ask for, and what is told of it. Times are ms, UTC."""

from hansa.apps.billing.attribution import Claim, Liable
from hansa.kernel import Action, Event, Id, MemberId, Natural, OptionalHash, Positive, TimeMs


class ClaimStop(Action, tag="billing.claim_stop"):
    """A party says why a machine stood still from ≤ t < to, and who answers for it (停机认定申请).

    Stopped time within it counts so, unless the other party contests it before the period's close.
    """

    agreement: Id
    claim: Id
    """Its name within the agreement's period."""
    meter: Id
    """A state meter with rules of attribution."""
    from_ms: TimeMs
    to_ms: TimeMs
    reason: Id
    liable: Liable
    evidence: OptionalHash = ""
    """SHA-256 of what shows it: a repair report, a photo."""


class ClaimScrap(Action, tag="billing.claim_scrap"):
    """A party says why pieces counted as scrap from ≤ t < to were scrap, and who answers for them."""

    agreement: Id
    claim: Id
    meter: Id
    """A counter of scrap with a rule of attribution."""
    from_ms: TimeMs
    to_ms: TimeMs
    pieces: Positive
    reason: Id
    liable: Liable
    evidence: OptionalHash = ""


class ContestClaim(Action, tag="billing.contest_claim"):
    """The other party does not agree: the claim counts for nothing; the statement lists it as disputed."""

    agreement: Id
    period_ms: TimeMs
    """Start of the period that the claim lies in."""
    claim: Id
    evidence: OptionalHash = ""


class WithdrawClaim(Action, tag="billing.withdraw_claim"):
    """Whoever made a claim takes it back; it is as if it had never been made."""

    agreement: Id
    period_ms: TimeMs
    claim: Id


class Claimed(Event, tag="billing.claimed"):
    agreement: Id
    period_ms: TimeMs
    claim: Id
    by: MemberId
    meter: Id
    from_ms: TimeMs
    to_ms: TimeMs
    reason: Id
    liable: Liable
    pieces: Natural = 0


class ClaimContested(Event, tag="billing.claim_contested"):
    agreement: Id
    period_ms: TimeMs
    claim: Id
    by: MemberId


class ClaimWithdrawn(Event, tag="billing.claim_withdrawn"):
    agreement: Id
    period_ms: TimeMs
    claim: Id


__all__ = [
    "Claim",
    "ClaimContested",
    "ClaimScrap",
    "ClaimStop",
    "ClaimWithdrawn",
    "Claimed",
    "ContestClaim",
    "WithdrawClaim",
]
