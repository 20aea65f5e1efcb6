"""What the other side agrees to. Pure: a client computes the same before it signs."""

from hansa.apps.leasing.messages_market import LeaseTerms
from hansa.kernel import digest


def content_of(bargain: str, number: int, terms: LeaseTerms, until_ms: int) -> str:
    """Digest of exactly this proposal: the bargain, which one it is, all its terms and its deadline."""
    return digest({"bargain": bargain, "round": number, "terms": terms, "until_ms": until_ms})
