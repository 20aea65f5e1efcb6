"""Enquiry and counter-offer: two members pass whole proposals to each other until one agrees or declines.

Sides take turns: after a proposal only the other side can propose or agree, and either can decline. So what
is agreed to is never in doubt, and a bargain ends by its number of rounds if by nothing else.
"""

from hansa.apps.billing import interface as billing
from hansa.apps.leasing import errors_market as errors
from hansa.apps.leasing import lease_rules
from hansa.apps.leasing.assets import check_need, described
from hansa.apps.leasing.capability import fits
from hansa.apps.leasing.messages_market import (
    Agree,
    Agreed,
    Bargain,
    Bargaining,
    Counter,
    Decline,
    Declined,
    Enquire,
    LeaseTerms,
    Offer,
    Proposal,
    Proposed,
)
from hansa.apps.leasing.offers import known
from hansa.apps.leasing.proposals import agreement_of, content_of, lenders_of
from hansa.apps.leasing.reservations import check_unused, reserve
from hansa.apps.leasing.tables import BARGAINING, BARGAINS, PROPOSALS
from hansa.apps.money import interface as money
from hansa.kernel import Context, limits, replace, since

BP = 10_000
"""Basis points in one whole."""


@since(2)
def enquire(ctx: Context, a: Enquire) -> None:
    # Checks, cheapest first.
    if a.offerer == ctx.member:
        raise errors.OwnOffer(offer=a.offer)
    check_unused(ctx, a.bargain)
    offer = known(ctx, a.offerer, a.offer)
    if offer.state != "open":
        raise errors.OfferClosed(offer=a.offer)
    if offer.asset_owner == ctx.member:
        raise errors.OwnAsset(asset=offer.asset)
    bargain = Bargain(
        offerer=a.offerer, offer=a.offer, lessee=ctx.member, need=a.need, rounds=1, state="open"
    )
    description = described(ctx, offer.asset_owner, offer.asset, offer.asset_version)
    check_need(offer.asset, description, a.need)
    _check_proposal(ctx, a.bargain, bargain, offer, a.terms, a.until_ms)

    # Writes.
    billing.keep_id(ctx, a.bargain)
    for member in (a.offerer, ctx.member):
        BARGAINING.put(ctx, (member, a.bargain), Bargaining(offerer=a.offerer, lessee=ctx.member))

    # Writes and events.
    _propose(ctx, a.bargain, bargain, a.terms, a.until_ms)


@since(2)
def counter(ctx: Context, a: Counter) -> None:
    # Checks, cheapest first.
    bargain = _open(ctx, a.bargain)
    _check_turn(ctx, a.bargain, bargain)
    if bargain.rounds >= limits.ROUNDS_MAX:
        raise errors.TooManyRounds(bargain=a.bargain, limit=limits.ROUNDS_MAX)
    offer = known(ctx, bargain.offerer, bargain.offer)
    _check_proposal(ctx, a.bargain, bargain, offer, a.terms, a.until_ms)

    # Writes and events.
    _propose(ctx, a.bargain, replace(bargain, rounds=bargain.rounds + 1), a.terms, a.until_ms)


@since(2)
def agree(ctx: Context, a: Agree) -> None:
    # Checks, cheapest first. What held when it was proposed may not hold any more.
    bargain = _open(ctx, a.bargain)
    proposal = _check_turn(ctx, a.bargain, bargain)
    if a.content != proposal.content:
        raise errors.OtherContent(bargain=a.bargain)
    terms = proposal.terms
    offer = known(ctx, bargain.offerer, bargain.offer)
    _check_proposal(ctx, a.bargain, bargain, offer, terms, proposal.until_ms)

    # Writes: the booking refuses what is taken, and then nothing of this was.
    reserve(ctx, a.bargain, terms, proposal.content)
    BARGAINS.put(ctx, (a.bargain,), replace(bargain, state="agreed"))

    # Events.
    ctx.emit(
        Agreed(
            bargain=a.bargain,
            lessor=terms.lessor,
            lessee=terms.lessee,
            asset_owner=terms.asset_owner,
            asset=terms.asset,
            from_ms=terms.from_ms,
            to_ms=terms.to_ms,
            content=proposal.content,
            sign_by_ms=terms.sign_by_ms,
        )
    )


@since(2)
def decline(ctx: Context, a: Decline) -> None:
    # Checks.
    bargain = _open(ctx, a.bargain)

    # Writes.
    BARGAINS.put(ctx, (a.bargain,), replace(bargain, state="declined"))

    # Events.
    ctx.emit(Declined(bargain=a.bargain, by=ctx.member))


def _propose(ctx: Context, name: str, bargain: Bargain, terms: LeaseTerms, until_ms: int) -> None:
    content = content_of(name, bargain.rounds, terms, until_ms)
    BARGAINS.put(ctx, (name,), bargain)
    proposal = Proposal(proposer=ctx.member, terms=terms, content=content, until_ms=until_ms)
    PROPOSALS.put(ctx, (name, bargain.rounds), proposal)
    ctx.emit(
        Proposed(
            bargain=name,
            offerer=bargain.offerer,
            lessee=bargain.lessee,
            proposer=ctx.member,
            round=bargain.rounds,
            content=content,
            until_ms=until_ms,
        )
    )


def _open(ctx: Context, name: str) -> Bargain:
    """A bargain of the signer's that goes on. Raises BargainUnknown, NotParty, BargainOver."""
    bargain = BARGAINS.get(ctx, (name,))
    if bargain is None:
        raise errors.BargainUnknown(bargain=name)
    if ctx.member not in (bargain.offerer, bargain.lessee):
        raise errors.NotParty(member=ctx.member, bargain=name)
    if bargain.state != "open":
        raise errors.BargainOver(bargain=name, state=bargain.state)
    return bargain


def _check_turn(ctx: Context, name: str, bargain: Bargain) -> Proposal:
    """The last proposal, if the signer can answer it now. Raises OwnProposal, ProposalLapsed."""
    last = PROPOSALS.get(ctx, (name, bargain.rounds))
    assert last is not None
    if last.proposer == ctx.member:
        raise errors.OwnProposal(bargain=name)
    if ctx.time_ms > last.until_ms:
        raise errors.ProposalLapsed(bargain=name, until=errors.moment(last.until_ms))
    return last


def _check_proposal(
    ctx: Context, name: str, bargain: Bargain, offer: Offer, terms: LeaseTerms, until_ms: int
) -> None:
    """Refuse a proposal that is not of this offer, or could never be kept."""
    _check_as_offered(bargain, offer, terms)
    _check_times(ctx, offer, terms, until_ms)
    check_terms(ctx, name, terms)


def _check_as_offered(bargain: Bargain, offer: Offer, terms: LeaseTerms) -> None:
    for field, offered, given in (
        ("lessor", bargain.offerer, terms.lessor),
        ("lessee", bargain.lessee, terms.lessee),
        ("asset_owner", offer.asset_owner, terms.asset_owner),
        ("asset", offer.asset, terms.asset),
        ("asset_version", f"{offer.asset_version}", f"{terms.asset_version}"),
        ("nature", offer.nature, terms.nature),
        ("head", offer.head, terms.head),
    ):
        if offered != given:
            raise errors.NotAsOffered(clause=field, name=field, offered=offered or "—", given=given or "—")
    crew = "with" if terms.with_crew else "without"
    if not fits(offer.crew, crew):
        raise errors.NotAsOffered(clause="with_crew", name="with_crew", offered=offer.crew, given=crew)


def _check_times(ctx: Context, offer: Offer, terms: LeaseTerms, until_ms: int) -> None:
    start, end = errors.moment(terms.from_ms), errors.moment(terms.to_ms)
    if not offer.from_ms <= terms.from_ms < terms.to_ms <= offer.to_ms:
        raise errors.OutsideWindow(
            start=start, end=end, first=errors.moment(offer.from_ms), last=errors.moment(offer.to_ms)
        )
    length_ms = terms.to_ms - terms.from_ms
    if not offer.smallest_ms <= length_ms <= offer.largest_ms:
        raise errors.SliceLength(length_ms=length_ms, least_ms=offer.smallest_ms, most_ms=offer.largest_ms)
    if not ctx.time_ms <= until_ms <= terms.sign_by_ms <= terms.from_ms:
        raise errors.DeadlineUnfit()
    if until_ms + offer.notice_ms > terms.from_ms:
        raise errors.NoticeTooShort(until=errors.moment(until_ms), start=start, notice_ms=offer.notice_ms)


def check_terms(ctx: Context, name: str, terms: LeaseTerms) -> None:
    """Refuse terms that two members cannot make a lease of now, whatever was offered.

    Raises NotActive, AssetUnknown, FeedElsewhere, CurrencyMix, BankUnfit, EarnestUnfit, and what billing, the
    bank, the nature and a sublease ask for.
    """
    description = described(ctx, terms.asset_owner, terms.asset, terms.asset_version)
    if terms.head:
        lease_rules.may_sublet(ctx, terms.head, terms.lessor, terms.from_ms, terms.to_ms, terms.lessee)
        lease_rules.check_feeds(ctx, terms)
        lease_rules.check_same_count(ctx, terms)
    else:
        _check_feeds(terms, description.feeds)
    published = billing.tariff(ctx, terms.tariff_owner, terms.tariff, terms.tariff_version)
    if published.tariff.currency != terms.currency:
        raise errors.CurrencyMix(currency=terms.currency, other=published.tariff.currency)
    settlement = terms.terms.settlement
    if (terms.mode == "bank") != (terms.bank != "") or (settlement and settlement.bank != terms.bank):
        raise errors.BankUnfit()
    if terms.bank:
        money.check_bank(ctx, terms.bank, terms.lessor, terms.lessee)
    if terms.earnest_minor * BP > terms.expected_minor * limits.EARNEST_BP:
        raise errors.EarnestUnfit(
            earnest_minor=terms.earnest_minor,
            expected_minor=terms.expected_minor,
            share=limits.EARNEST_BP * 100 // BP,
        )
    lease_rules.check_nature(ctx, terms.lessor, terms.nature)
    billing.check_agreement(ctx, name, agreement_of(terms), lenders_of(terms))


def _check_feeds(terms: LeaseTerms, of_asset: tuple[str, ...]) -> None:
    """Each meter reads the asset, or is the lessee's own."""
    for binding in terms.meters:
        measured = binding.owner == terms.asset_owner and binding.feed in of_asset
        if not measured and binding.owner != terms.lessee:
            raise errors.FeedElsewhere(
                clause=binding.meter, meter=binding.meter, feed=binding.feed, owner=binding.owner
            )
