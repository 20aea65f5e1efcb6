"""What the other side agrees to, and the agreement that billing makes of it. Pure: a client computes the same
before it signs.
"""

from hansa.apps.billing.messages import Agreement
from hansa.apps.leasing.messages_market import LeaseTerms
from hansa.kernel import digest


def content_of(bargain: str, number: int, terms: LeaseTerms, until_ms: int) -> str:
    """Digest of exactly this proposal: the bargain, which one it is, all its terms and its deadline."""
    return digest({"bargain": bargain, "round": number, "terms": terms, "until_ms": until_ms})


def agreement_of(terms: LeaseTerms) -> Agreement:
    """The agreement by which billing settles a lease."""
    return Agreement(
        provider=terms.lessor,
        user=terms.lessee,
        proposer=terms.lessor,
        tariff_owner=terms.tariff_owner,
        tariff=terms.tariff,
        tariff_version=terms.tariff_version,
        meters=terms.meters,
        terms=terms.terms,
        from_ms=terms.from_ms,
        to_ms=terms.to_ms,
        state="proposed",
    )


def lenders_of(terms: LeaseTerms) -> tuple[str, ...]:
    """Whose feeds a lease counts by, besides its parties: of a sublease, those of its head leases."""
    owners = dict.fromkeys(binding.owner for binding in terms.meters)
    return tuple(owner for owner in owners if owner not in (terms.lessor, terms.lessee))
