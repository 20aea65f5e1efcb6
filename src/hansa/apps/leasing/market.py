"""The market of the room, put together: assets, offers, bargaining, reservations, and what can be asked."""

from collections.abc import Callable
from typing import Any

from hansa.apps.leasing import assets, bargaining, offers, queries_market, reservations, search
from hansa.apps.leasing import messages_market as messages
from hansa.kernel import Event

ACTIONS: tuple[Callable[..., None], ...] = (
    assets.register_asset,
    assets.update_asset,
    offers.publish_offer,
    offers.withdraw_offer,
    bargaining.enquire,
    bargaining.counter,
    bargaining.agree,
    bargaining.decline,
)
DUE: tuple[Callable[..., None], ...] = (offers.offer_due, reservations.reservation_due)
QUERIES: tuple[Callable[..., Any], ...] = (
    search.search,
    queries_market.asset_of,
    queries_market.newest_of,
    queries_market.assets,
    queries_market.offer_of,
    queries_market.offers,
    queries_market.bargain_of,
    queries_market.proposals_of,
    queries_market.bargains_of,
    queries_market.reservation_of,
    queries_market.bookings_of,
)
EVENTS: tuple[type[Event], ...] = (
    messages.AssetRegistered,
    messages.AssetUpdated,
    messages.OfferPublished,
    messages.OfferWithdrawn,
    messages.OfferEnded,
    messages.Proposed,
    messages.Agreed,
    messages.Declined,
    messages.Lapsed,
)
