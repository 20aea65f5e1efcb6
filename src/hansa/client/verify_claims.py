"""Claims about stops and scrap as the parties signed them: which stood at each period's close."""

from collections.abc import Mapping, Sequence
from typing import Any

from hansa.apps.billing.attribution import Claim
from hansa.apps.billing.deal import Deal, period_from
from hansa.apps.billing.messages_claims import ClaimScrap, ClaimStop, ContestClaim, WithdrawClaim
from hansa.client.report import Report, note
from hansa.client.texts import Text
from hansa.client.verify_acts import Placed
from hansa.kernel import replace

Found = dict[int, dict[str, Claim]]
"""By start of the period, by name."""


def read_claims(report: Report, transactions: Sequence[Placed]) -> None:
    """Go through claims, contests and withdrawals in ledger order; only the parties' count."""
    assert report.deal is not None
    assert report.statement is not None
    deal, name = report.deal, report.statement.agreement
    parties = (deal.agreement.provider, deal.agreement.user)
    found: Found = {}
    closed = {statement.period.from_ms: statement.closed_height for statement in report.statements}
    problems: list[str] = []
    for placed in transactions:
        for action in placed.actions:
            about = isinstance(action, ClaimStop | ClaimScrap | ContestClaim | WithdrawClaim)
            if not about or action.agreement != name:
                continue
            if placed.member not in parties or not _take(deal, found, placed, action, closed):
                problems.append(f"{placed.where}: {action.claim}")
    report.claims = {period_ms: sorted(claims.items()) for period_ms, claims in found.items()}
    if not deal.agreement.terms.attribution:
        return
    count = sum(len(claims) for claims in found.values())
    note(
        report, "claims",
        Text("停机与废品的认定申请由双方签署，异议与撤回同样如此",
             "claims about stops and scrap are signed by the parties, as are contests and withdrawals"),
        problems, Text(f"{count} 份", f"{count}"),
    )  # fmt: skip


def _take(deal: Deal, found: Found, placed: Placed, action: Any, closed: Mapping[int, int]) -> bool:
    """Whether the action could have been done here; then it is. Nobody claims about what is `closed`."""
    agreement, height = deal.agreement, placed.place[0]
    if isinstance(action, ClaimStop | ClaimScrap):
        if not agreement.from_ms <= action.from_ms < action.to_ms <= agreement.to_ms:
            return False
        period_ms = period_from(deal, action.from_ms).from_ms
        claims = found.setdefault(period_ms, {})
        if action.claim in claims or height > closed.get(period_ms, height):
            return False
        claims[action.claim] = _claim(deal, placed, action)
        return True
    claims = found.get(action.period_ms, {})
    claim = claims.get(action.claim)
    if claim is None or height > closed.get(action.period_ms, height):
        return False
    if (claim.by == placed.member) == isinstance(action, ContestClaim):
        return False
    if isinstance(action, WithdrawClaim):
        del claims[action.claim]
    else:
        claims[action.claim] = replace(claim, contested=True, counter_evidence=action.evidence)
    return True


def _claim(deal: Deal, placed: Placed, action: ClaimStop | ClaimScrap) -> Claim:
    own = "provider" if placed.member == deal.agreement.provider else "user"
    return Claim(
        meter=action.meter,
        from_ms=action.from_ms,
        to_ms=action.to_ms,
        reason=action.reason,
        liable=action.liable,
        by=placed.member,
        made_ms=placed.time_ms,
        admitted=action.liable == own,
        pieces=action.pieces if isinstance(action, ClaimScrap) else 0,
        evidence=action.evidence,
    )
