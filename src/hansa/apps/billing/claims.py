"""The rules of claims: either party may say why a machine stood still or pieces were scrap, the other may
contest it, until the period closes. Who may call: claiming, either party; contesting, the other one;
withdrawing, who claimed.
"""

from hansa.apps.billing import books
from hansa.apps.billing import errors_attribution as refusals
from hansa.apps.billing.attribution import Claim, claimed, of_meter
from hansa.apps.billing.books import deal_of, of_party, sources_of
from hansa.apps.billing.deal import Deal, measure, period_from
from hansa.apps.billing.messages import Agreement
from hansa.apps.billing.messages_claims import (
    ClaimContested,
    Claimed,
    ClaimScrap,
    ClaimStop,
    ClaimWithdrawn,
    ContestClaim,
    WithdrawClaim,
)
from hansa.apps.billing.tables import AGREEMENTS, CLAIMS
from hansa.apps.metering import interface as metering
from hansa.kernel import Context, limits, replace, since


@since(2)
def claim_stop(ctx: Context, a: ClaimStop) -> None:
    # Checks, cheapest first.
    deal, period_ms = _check_claim(ctx, a, "state")
    _check_free(ctx, a, deal, period_ms)
    _check_records(ctx, a, deal)

    # Writes and events.
    _keep(ctx, a, deal.agreement, period_ms, 0)


@since(2)
def claim_scrap(ctx: Context, a: ClaimScrap) -> None:
    # Checks, cheapest first.
    deal, period_ms = _check_claim(ctx, a, "counter")
    _check_free(ctx, a, deal, period_ms)
    _check_records(ctx, a, deal)
    _check_pieces(ctx, a, deal)

    # Writes and events.
    _keep(ctx, a, deal.agreement, period_ms, a.pieces)


@since(2)
def contest_claim(ctx: Context, a: ContestClaim) -> None:
    # Checks, cheapest first.
    claim = _open_claim(ctx, a)
    if claim.by == ctx.member:
        raise refusals.ClaimOwn(claim=a.claim)
    if claim.contested:
        raise refusals.ClaimContested(claim=a.claim)

    # Writes.
    contested = replace(claim, contested=True, counter_evidence=a.evidence, contested_ms=ctx.time_ms)
    CLAIMS.put(ctx, (a.agreement, a.period_ms, a.claim), contested)

    # Events.
    ctx.emit(ClaimContested(agreement=a.agreement, period_ms=a.period_ms, claim=a.claim, by=ctx.member))


@since(2)
def withdraw_claim(ctx: Context, a: WithdrawClaim) -> None:
    # Checks, cheapest first.
    claim = _open_claim(ctx, a)
    if claim.by != ctx.member:
        raise refusals.ClaimOfOther(claim=a.claim, by=claim.by)

    # Writes.
    CLAIMS.put(ctx, (a.agreement, a.period_ms, a.claim), replace(claim, withdrawn_ms=ctx.time_ms))

    # Events.
    ctx.emit(ClaimWithdrawn(agreement=a.agreement, period_ms=a.period_ms, claim=a.claim))


def _check_claim(ctx: Context, a: ClaimStop | ClaimScrap, kind: str) -> tuple[Deal, int]:
    """What both kinds of claims have in common: the deal, and the start of the period."""
    agreement = _of_party(ctx, a.agreement)
    if not agreement.from_ms <= a.from_ms < a.to_ms <= min(agreement.to_ms, ctx.time_ms):
        raise refusals.ClaimTime(agreement=a.agreement)
    if not agreement.next_from_ms or a.from_ms < agreement.next_from_ms:
        raise refusals.ClaimClosed(agreement=a.agreement)
    if not of_meter(agreement.terms.attribution, a.meter):
        raise refusals.ClaimMeter(agreement=a.agreement, meter=a.meter)
    deal = deal_of(ctx, agreement)
    if deal.feeds[a.meter].kind != kind:
        raise refusals.ClaimKind(meter=a.meter)
    period = period_from(deal, a.from_ms)
    if a.to_ms > period.to_ms:
        raise refusals.ClaimTime(agreement=a.agreement)
    return deal, period.from_ms


def _check_free(ctx: Context, a: ClaimStop | ClaimScrap, deal: Deal, period_ms: int) -> None:
    """A3: of claims that nobody contested no two cover the same time of a meter."""
    own = 0
    for name, claim in books.all_claims_of(ctx, a.agreement, period_ms):
        if name == a.claim:
            raise refusals.ClaimTaken(claim=a.claim)
        own += claim.by == ctx.member
        overlaps = claim.meter == a.meter and claim.from_ms < a.to_ms and a.from_ms < claim.to_ms
        if overlaps and not claim.contested and not claim.withdrawn_ms:
            raise refusals.ClaimOverlaps(claim=name, by=claim.by)
    if own >= limits.CLAIMS_MAX:
        raise refusals.TooManyClaims(agreement=a.agreement, limit=limits.CLAIMS_MAX)


def _check_records(ctx: Context, a: ClaimStop | ClaimScrap, deal: Deal) -> None:
    """A claim whose records are too many to be looked at would count in part only (A5)."""
    binding = next(each for each in deal.agreement.meters if each.meter == a.meter)
    enough = limits.CLAIM_RECORDS_MAX
    found = metering.records_within(ctx, binding.owner, binding.feed, a.from_ms, a.to_ms, enough)
    if found >= enough:
        raise refusals.ClaimTooLong(limit=enough)


def _check_pieces(ctx: Context, a: ClaimScrap, deal: Deal) -> None:
    """No more than the counter shows by now; what comes later changes nothing for the worse (A5)."""
    source = sources_of(ctx, a.agreement, deal)[a.meter]
    wanted = _claim(ctx, a, deal.agreement, a.pieces)
    counted = claimed(measure(deal, a.meter), source, a.claim, wanted).moved[0, 0]
    if counted < a.pieces:
        raise refusals.ClaimPieces(pieces=a.pieces, counted=counted)


def _keep(ctx: Context, a: ClaimStop | ClaimScrap, agreement: Agreement, period_ms: int, pieces: int) -> None:
    # Writes.
    CLAIMS.insert(ctx, (a.agreement, period_ms, a.claim), _claim(ctx, a, agreement, pieces))

    # Events.
    ctx.emit(
        Claimed(
            agreement=a.agreement,
            period_ms=period_ms,
            claim=a.claim,
            by=ctx.member,
            meter=a.meter,
            from_ms=a.from_ms,
            to_ms=a.to_ms,
            reason=a.reason,
            liable=a.liable,
            pieces=pieces,
        )
    )


def _claim(ctx: Context, a: ClaimStop | ClaimScrap, agreement: Agreement, pieces: int) -> Claim:
    own = "provider" if ctx.member == agreement.provider else "user"
    return Claim(
        meter=a.meter,
        from_ms=a.from_ms,
        to_ms=a.to_ms,
        reason=a.reason,
        liable=a.liable,
        by=ctx.member,
        made_ms=ctx.time_ms,
        admitted=a.liable == own,
        pieces=pieces,
        evidence=a.evidence,
    )


def _of_party(ctx: Context, name: str) -> Agreement:
    agreement = of_party(ctx, name)
    if agreement.state != "accepted":
        raise refusals.ClaimNotRunning(agreement=name, state=agreement.state)
    return agreement


def _open_claim(ctx: Context, a: ContestClaim | WithdrawClaim) -> Claim:
    """A claim of a period that is not closed."""
    agreement = _of_party(ctx, a.agreement)
    claim = CLAIMS.get(ctx, (a.agreement, a.period_ms, a.claim))
    if claim is None or claim.withdrawn_ms:
        raise refusals.ClaimUnknown(agreement=a.agreement, claim=a.claim)
    if not agreement.next_from_ms or a.period_ms < agreement.next_from_ms:
        raise refusals.ClaimClosed(agreement=a.agreement)
    return claim


# Queries.


def claims_of(ctx: Context, agreement: str, period_ms: int) -> list[tuple[str, Claim]]:
    """Claims about a period, by their names; of one that is closed, those that its statement rests on."""
    return books.claims_of(ctx, agreement, period_ms)


def all_claims_of(ctx: Context, agreement: str, period_ms: int) -> list[tuple[str, Claim]]:
    """Every claim that was ever made about a period, those that were taken back too."""
    return books.all_claims_of(ctx, agreement, period_ms)


def open_claims(ctx: Context, agreement: str) -> list[tuple[int, str, Claim]]:
    """Claims about periods that are not closed: (start of the period, name, claim), the oldest first."""
    found = AGREEMENTS.get(ctx, (agreement,))
    if found is None or not found.next_from_ms:
        return []
    rows = CLAIMS.scan(ctx, (agreement,), start=(agreement, found.next_from_ms), limit=limits.ALL_ROWS)
    return [(int(key[1]), str(key[2]), claim) for key, claim in rows if not claim.withdrawn_ms]


ACTIONS = (claim_stop, claim_scrap, contest_claim, withdraw_claim)
QUERIES = (claims_of, all_claims_of, open_claims)
EVENTS = (Claimed, ClaimContested, ClaimWithdrawn)
