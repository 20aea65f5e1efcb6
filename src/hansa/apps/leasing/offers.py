"""Offers of idle time: who may offer what, and what leaves the board."""

from hansa.apps.billing import interface as billing
from hansa.apps.consortium import interface as consortium
from hansa.apps.leasing import booking, lease_rules
from hansa.apps.leasing import errors_market as errors
from hansa.apps.leasing.assets import check_crew, described, newest
from hansa.apps.leasing.board import delist, enlist
from hansa.apps.leasing.messages_market import (
    Offer,
    OfferEnded,
    Offering,
    OfferPublished,
    OfferState,
    OfferWithdrawn,
    PublishOffer,
    Slot,
    WithdrawOffer,
)
from hansa.apps.leasing.tables import OFFERING, OFFERS
from hansa.kernel import Context, due, limits, replace, since


@since(2)
def publish_offer(ctx: Context, a: PublishOffer) -> None:
    # Checks, cheapest first.
    check_times(a, ctx.time_ms)
    if OFFERS.get(ctx, (ctx.member, a.offer)) is not None:
        raise errors.OfferTaken(offer=a.offer)
    consortium.check_may_enter(ctx, ctx.member)
    offering = OFFERING.get(ctx, (ctx.member,)) or Offering(open=0)
    if offering.open >= limits.OFFERS_OPEN_MAX:
        raise errors.TooManyOffers(member=ctx.member, limit=limits.OFFERS_OPEN_MAX)
    if (a.asset_owner == ctx.member) != (a.head == ""):
        raise errors.HeadUnfit()
    version = newest(ctx, a.asset_owner, a.asset)
    description = described(ctx, a.asset_owner, a.asset, version)
    check_crew(a.asset, description, a.crew)
    billing.tariff(ctx, a.tariff_owner, a.tariff, a.tariff_version)
    lease_rules.check_nature(ctx, ctx.member, a.nature)
    if a.head:
        lease_rules.may_sublet(ctx, a.head, ctx.member, a.from_ms, a.to_ms)
    slot = Slot(a.asset_owner, a.asset, a.head, a.from_ms, a.to_ms)
    if not any(end_ms - start_ms >= a.smallest_ms for start_ms, end_ms in booking.free(ctx, slot)):
        raise errors.NothingFree(asset=a.asset)

    # Writes.
    offer = Offer(
        state="open",
        asset_owner=a.asset_owner,
        asset=a.asset,
        asset_version=version,
        from_ms=a.from_ms,
        to_ms=a.to_ms,
        notice_ms=a.notice_ms,
        smallest_ms=a.smallest_ms,
        largest_ms=a.largest_ms,
        tariff_owner=a.tariff_owner,
        tariff=a.tariff,
        tariff_version=a.tariff_version,
        nature=a.nature,
        crew=a.crew,
        security_deposit_minor=a.security_deposit_minor,
        prepayment_minor=a.prepayment_minor,
        earnest_minor=a.earnest_minor,
        head=a.head,
    )
    OFFERS.put(ctx, (ctx.member, a.offer), offer)
    OFFERING.put(ctx, (ctx.member,), Offering(open=offering.open + 1))
    enlist(ctx, ctx.member, a.offer, offer, description)
    due.at(ctx, a.to_ms, offer_due, ctx.member, ctx.member, a.offer)

    # Events.
    ctx.emit(
        OfferPublished(
            offerer=ctx.member,
            offer=a.offer,
            asset_owner=a.asset_owner,
            asset=a.asset,
            from_ms=a.from_ms,
            to_ms=a.to_ms,
        )
    )


@since(2)
def withdraw_offer(ctx: Context, a: WithdrawOffer) -> None:
    # Checks.
    offer = known(ctx, ctx.member, a.offer)
    if offer.state != "open":
        raise errors.OfferClosed(offer=a.offer)

    # Writes.
    _close(ctx, ctx.member, a.offer, offer, "withdrawn")
    due.drop(ctx, offer.to_ms, offer_due, ctx.member, ctx.member, a.offer)

    # Events.
    ctx.emit(OfferWithdrawn(offerer=ctx.member, offer=a.offer))


def offer_due(ctx: Context, offerer: str, name: str) -> None:
    """An offer whose window has passed leaves the board. Nobody could enquire any more as it was."""
    offer = OFFERS.get(ctx, (offerer, name))
    if offer is None or offer.state != "open" or ctx.time_ms < offer.to_ms:
        return
    _close(ctx, offerer, name, offer, "ended")
    ctx.emit(OfferEnded(offerer=offerer, offer=name))


def known(ctx: Context, offerer: str, name: str) -> Offer:
    """An offer, whatever its state. Raises OfferUnknown."""
    found = OFFERS.get(ctx, (offerer, name))
    if found is None:
        raise errors.OfferUnknown(offerer=offerer, offer=name)
    return found


def _close(ctx: Context, offerer: str, name: str, offer: Offer, state: OfferState) -> None:
    OFFERS.put(ctx, (offerer, name), replace(offer, state=state))
    offering = OFFERING.get(ctx, (offerer,))
    assert offering is not None
    OFFERING.put(ctx, (offerer,), Offering(open=offering.open - 1))
    delist(ctx, offerer, name, described(ctx, offer.asset_owner, offer.asset, offer.asset_version))


def check_times(a: PublishOffer, now_ms: int) -> None:
    """Refuse a window that is past, too long or too far ahead, and a notice or slices that do not do."""
    if a.from_ms < now_ms:
        raise errors.WindowInPast(start=errors.moment(a.from_ms), now=errors.moment(now_ms))
    if not a.from_ms < a.to_ms <= a.from_ms + limits.OFFER_MAX_MS or (
        a.from_ms > now_ms + limits.AHEAD_MAX_MS
    ):
        raise errors.WindowUnfit(
            start=errors.moment(a.from_ms),
            end=errors.moment(a.to_ms),
            days=limits.OFFER_MAX_MS // limits.DAY_MS,
            ahead=limits.AHEAD_MAX_MS // limits.DAY_MS,
        )
    if not 0 <= a.notice_ms <= limits.NOTICE_MAX_MS:
        raise errors.NoticeUnfit(
            notice_ms=a.notice_ms,
            limit_ms=limits.NOTICE_MAX_MS,
            days=limits.NOTICE_MAX_MS // limits.DAY_MS,
        )
    if not 0 < a.smallest_ms <= a.largest_ms <= a.to_ms - a.from_ms:
        raise errors.SliceUnfit()
