"""The room's tables."""

from typing import Any

from hansa.apps.leasing.messages_market import (
    Asset,
    Bargain,
    Bargaining,
    Booked,
    Booking,
    Listed,
    Offer,
    Offering,
    Proposal,
    Reservation,
    Shelf,
)
from hansa.kernel import Table

ASSETS = Table("leasing.assets", key=("owner", "asset", "version"), record=Asset, integers=("version",))
OFFERS = Table("leasing.offers", key=("offerer", "offer"), record=Offer)
LISTED = Table("leasing.listed", key=("offerer", "offer", "number"), record=Listed, integers=("number",))
"""The board of open offers; number: of the asset's capability."""
SHELVES = Table("leasing.shelves", key=("process", "cell", "shelf"), record=Shelf, integers=("cell", "shelf"))
"""The same by what they can do and where they stand, for search."""
OFFERING = Table("leasing.offering", key=("member",), record=Offering)
BARGAINS = Table("leasing.bargains", key=("bargain",), record=Bargain)
BARGAINING = Table("leasing.bargaining", key=("member", "bargain"), record=Bargaining)
PROPOSALS = Table("leasing.proposals", key=("bargain", "round"), record=Proposal, integers=("round",))
RESERVATIONS = Table("leasing.reservations", key=("reservation",), record=Reservation)
BOOKINGS = Table(
    "leasing.bookings",
    key=("asset_owner", "asset", "level", "from_ms"),
    record=Booking,
    integers=("from_ms",),
)
"""Calendars of assets: level "" is the owner's, a lease's id that of its lessee. No two rows of one calendar
overlap.
"""
BOOKED = Table("leasing.booked", key=("by",), record=Booked)

MARKET: tuple[Table[Any], ...] = (
    ASSETS,
    OFFERS,
    LISTED,
    SHELVES,
    OFFERING,
    BARGAINS,
    BARGAINING,
    PROPOSALS,
    RESERVATIONS,
    BOOKINGS,
    BOOKED,
)
"""Assets, offers, bargaining and bookings."""

ALL: tuple[Table[Any], ...] = (*MARKET,)
