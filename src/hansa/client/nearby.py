"""A place as a user names it: coordinates, or a machine or an offer that stands there.

The ledger knows no place of a company, only of its machines.
"""

from typing import Any

from hansa.apps.leasing.messages_market import Offer
from hansa.client.market import Around, Asking
from hansa.client.sheet_values import value_of
from hansa.client.texts import both
from hansa.kernel.refusal import Refusal

OPTION = both("--near")


class PlaceUnknown(Refusal, code="market.place_unknown", field="near"):
    zh = (
        "“{given}”不是地点：应为纬度,经度（如 31.38,120.98），或设备、闲置报盘的编号（本单位的写编号，他人的"
        "写 单位/编号）。"
    )
    en = (
        "`{given}` is no place: write latitude,longitude, as 31.38,120.98, or the id of a machine or an "
        "offer (ID of your own, MEMBER/ID of others)."
    )


def around(ask: Asking, member: str, text: str, radius_m: int) -> Around:
    """A circle around what `text` names: `LAT,LON`, or `[MEMBER/]ID` of a machine, else of an offer.

    Raises PlaceUnknown, and CellWrong for what are no degrees.
    """
    latitude, comma, longitude = text.partition(",")
    if comma:
        north, east = (value_of("degrees", OPTION, part.strip()) for part in (latitude, longitude))
        return Around(north, east, radius_m)
    owner, _, name = text.rpartition("/")
    asset = _asset(ask, owner or member, name)
    if asset is None:
        offer: Offer | None = ask("leasing.offer_of", Offer | None, offerer=owner or member, offer=name)
        asset = _asset(ask, offer.asset_owner, offer.asset) if offer else None
    if asset is None:
        raise PlaceUnknown(given=text)
    place = asset["description"]["place"]
    return Around(place["latitude_e6"], place["longitude_e6"], radius_m)


def _asset(ask: Asking, owner: str, asset: str) -> dict[str, Any] | None:
    """A machine in its newest version."""
    found: dict[str, Any] | None = ask("leasing.asset_of", dict[str, Any] | None, owner=owner, asset=asset)
    return found
