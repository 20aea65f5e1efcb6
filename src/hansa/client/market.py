"""Finding an idle line: the node looks up who can do it and is free, the client measures and prices."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Literal, Protocol

from hansa.apps.billing.messages import PublishedTariff
from hansa.apps.consortium.calendars import Calendar
from hansa.apps.consortium.messages import CalendarRecord
from hansa.apps.leasing.board import EAST_E6, NORTH_E6, SOUTH_E6, WEST_E6
from hansa.apps.leasing.messages_market import Place, Size
from hansa.apps.leasing.search import Found
from hansa.client.estimate import Estimate, Plan, estimate, running_ms
from hansa.client.texts import Text
from hansa.kernel.refusal import Refusal

EARTH_RADIUS_M = 6_371_008.8
"""Mean radius (IUGG), by which distances on the ellipsoid are right within 0.6 %."""
PRICED_MAX = 200
"""Offers of one search whose price is reckoned, the nearest ones; of others it stays open."""
MOST = 100
"""Offers that a search tells, unless asked for more."""
PAGE = 100
"""Offers that a node is asked for at a time."""
NEARBY_M, WIDER = 100_000, 4
"""The first circle in which the nearest are looked for, and by what the next one is wider."""
ROUND_OFF_E6 = 1

ANY_SIZE = Size(0, 0, 0)
Order = Literal["price", "distance", "start"]


class Asking(Protocol):
    """How a query is asked: `Desk.ask`, `Client.query` or a test's own."""

    def __call__(self, name: str, kind: Any, **arguments: Any) -> Any: ...


@dataclass(frozen=True)
class Wanted:
    """What is looked for. What is 0 or "" does not matter."""

    process: str
    material: str = ""
    size: Size = ANY_SIZE
    tolerance_um: int = 0
    rate_per_hour: int = 0
    crew: Literal["", "with", "without"] = ""
    from_ms: int = 0
    to_ms: int = 0
    for_ms: int = 0
    """How long it is needed between from and to; 0: all the time between."""
    quantity: int = 0
    """How many are to be made: prices are reckoned for it; 0: no prices."""
    given: dict[str, int] = field(default_factory=dict)
    """Further planned usage, base units by meter of the tariffs."""


@dataclass(frozen=True)
class Around:
    """A circle on the map."""

    latitude_e6: int
    longitude_e6: int
    radius_m: int


@dataclass(frozen=True)
class Hit:
    """An offer that was found. `price` is None where none was asked for or could be told; `note` says why."""

    found: Found
    distance_m: int
    """0 where no point was named."""
    price: Estimate | None
    note: Text


def search(
    ask: Asking,
    wanted: Wanted,
    around: Around | None = None,
    order: Order = "distance",
    most: int = MOST,
) -> list[Hit]:
    """The first `most` open offers that fit, within the circle if there is one, in the order asked for.

    Ties, and offers without a price when prices order, follow by distance, offerer and id. The first
    PRICED_MAX have prices, by distance where prices order; those beyond have none and come last.
    """
    prices = Prices(ask)
    found = _first(ask, wanted, around, order, max(most, PRICED_MAX) if order == "price" else most)
    hits = [
        Hit(
            each,
            _distance_m(around, each.listed.place) if around else 0,
            *(prices.of(each, wanted) if at < PRICED_MAX else (None, _TOO_MANY)),
        )
        for at, each in enumerate(found)
    ]
    return sorted(hits, key=_by_price)[:most] if order == "price" else hits


def _first(ask: Asking, wanted: Wanted, around: Around | None, order: Order, most: int) -> list[Found]:
    """The first `most`. The nearest are looked for in a small circle, then in larger ones."""
    if around is None or order == "start":
        return list(islice(_found(ask, wanted, around, order), most))
    radius_m = NEARBY_M
    while radius_m < around.radius_m:
        found = list(islice(_found(ask, wanted, replace(around, radius_m=radius_m), order), most))
        if len(found) == most:
            return found
        radius_m *= WIDER
    return list(islice(_found(ask, wanted, around, order), most))


def _by_price(hit: Hit) -> tuple[bool, str, int]:
    return (False, hit.price.currency, hit.price.net_minor) if hit.price else (True, "", 0)


_TOO_MANY = Text(
    f"只为最近的 {PRICED_MAX} 份测算价格，请缩小范围",
    f"only the nearest {PRICED_MAX} are priced: ask for less",
)
_NOT_ASKED = Text("", "")


def _found(ask: Asking, wanted: Wanted, around: Around | None, order: Order) -> Iterator[Found]:
    """What fits, in order; the node is asked page by page, as more is needed."""
    given = _given(wanted, around, order)
    after: dict[str, Any] = {}
    while True:
        page: list[Found] = ask("leasing.search", list[Found], **given, **after)
        for found in page:
            if around is None or _distance_m(around, found.listed.place) <= around.radius_m:
                yield found
        if len(page) < given["limit"]:
            return
        last = page[-1]
        after = {
            "after_measure": last.measure,
            "after_offerer": last.offerer,
            "after_offer": last.offer,
            "after_number": last.number,
        }


def _given(wanted: Wanted, around: Around | None, order: Order) -> dict[str, Any]:
    """What the node is asked."""
    south, north, west, east = box(around) if around else (SOUTH_E6, NORTH_E6, WEST_E6, EAST_E6)
    by = order if order == "start" else "distance" if around else ""
    return {
        "process": wanted.process,
        "material": wanted.material,
        "x_um": wanted.size.x_um,
        "y_um": wanted.size.y_um,
        "z_um": wanted.size.z_um,
        "tolerance_um": wanted.tolerance_um,
        "rate_per_hour": wanted.rate_per_hour,
        "crew": wanted.crew,
        "from_ms": wanted.from_ms,
        "to_ms": wanted.to_ms,
        "for_ms": wanted.for_ms,
        "south_e6": south,
        "north_e6": north,
        "west_e6": west,
        "east_e6": east,
        "order": by,
        "latitude_e6": around.latitude_e6 if around else 0,
        "longitude_e6": around.longitude_e6 if around else 0,
        "limit": PRICED_MAX if order == "price" else PAGE,
    }


def box(around: Around) -> tuple[int, int, int, int]:
    """South, north, west, east of a box around a circle, e6; west > east where it crosses 180°."""
    latitude = around.latitude_e6 / 1e6
    angle = math.degrees(around.radius_m / EARTH_RADIUS_M)
    south, north = latitude - angle, latitude + angle
    if south <= -90 or north >= 90:
        return max(_e6(south), SOUTH_E6), min(_e6(north), NORTH_E6), WEST_E6, EAST_E6
    ratio = math.sin(math.radians(angle)) / math.cos(math.radians(latitude))
    if angle >= 90 or ratio >= 1:
        return _e6(south), _e6(north), WEST_E6, EAST_E6
    wide = _e6(math.degrees(math.asin(ratio))) + ROUND_OFF_E6
    if 2 * wide >= EAST_E6 - WEST_E6:
        return _e6(south), _e6(north), WEST_E6, EAST_E6
    west, east = _turned(around.longitude_e6 - wide), _turned(around.longitude_e6 + wide)
    return _e6(south) - ROUND_OFF_E6, _e6(north) + ROUND_OFF_E6, west, east


def _e6(degrees: float) -> int:
    return round(degrees * 1e6)


def _turned(longitude_e6: int) -> int:
    """A longitude within −180 … 180°."""
    return (longitude_e6 - WEST_E6) % (EAST_E6 - WEST_E6) + WEST_E6


def _distance_m(around: Around, place: Place) -> int:
    return distance_m(around.latitude_e6, around.longitude_e6, place.latitude_e6, place.longitude_e6)


def distance_m(latitude_e6: int, longitude_e6: int, other_latitude_e6: int, other_longitude_e6: int) -> int:
    """Great-circle distance of two points (haversine: R. W. Sinnott, 1984), m."""
    one, other = math.radians(latitude_e6 / 1e6), math.radians(other_latitude_e6 / 1e6)
    across = math.radians((other_longitude_e6 - longitude_e6) / 1e6)
    half = math.sin((other - one) / 2) ** 2 + math.cos(one) * math.cos(other) * math.sin(across / 2) ** 2
    return round(2 * EARTH_RADIUS_M * math.asin(math.sqrt(min(1.0, half))))


class Prices:
    """Estimates of offers by their list prices; tariffs and calendars are asked for once."""

    def __init__(self, ask: Asking) -> None:
        self._ask = ask
        self._tariffs: dict[tuple[str, str, int], tuple[PublishedTariff, Calendar]] = {}
        self._calendars: dict[tuple[str, str], Calendar] = {}

    def tariff(self, owner: str, name: str, version: int) -> tuple[PublishedTariff, Calendar]:
        """A published tariff and its calendar, of one that exists."""
        at = (owner, name, version)
        if at not in self._tariffs:
            published = self._ask(
                "billing.tariff_of", PublishedTariff, owner=owner, tariff=name, version=version
            )
            named = (published.calendar_owner, published.calendar)
            if named not in self._calendars:
                record = self._ask(
                    "consortium.calendar_of", CalendarRecord, member=named[0], calendar=named[1]
                )
                self._calendars[named] = record.calendar
            self._tariffs[at] = (published, self._calendars[named])
        return self._tariffs[at]

    def of(self, found: Found, wanted: Wanted) -> tuple[Estimate | None, Text]:
        """The offer's estimate for what is wanted, or why there is none."""
        if not wanted.quantity:
            return None, _NOT_ASKED
        listed, first = found.listed, found.free[0]
        needed_ms = wanted.for_ms or wanted.to_ms - wanted.from_ms
        if not needed_ms:
            runs_ms = running_ms(listed.capability, wanted.quantity) + listed.capability.changeover_ms
            needed_ms = min(max(runs_ms, listed.smallest_ms), listed.largest_ms)
        plan = Plan(first.from_ms, min(first.from_ms + needed_ms, first.to_ms), wanted.quantity, wanted.given)
        try:
            published, calendar = self.tariff(listed.tariff_owner, listed.tariff, listed.tariff_version)
            return estimate(published, calendar, listed.capability, plan), _NOT_ASKED
        except Refusal as refusal:
            return None, Text(refusal.zh, refusal.en)
