"""The board of open offers: laid out so that a search looks at few of them.

Offers lie by process, and within it by cells of one degree by one degree, row by row from the south. A search
asks for a process and a box; a client takes the box around its circle, and measures distances itself.
"""

from collections.abc import Iterator
from typing import Literal

from hansa.apps.leasing import booking
from hansa.apps.leasing.capability import fits, size_fits
from hansa.apps.leasing.messages_market import Description, Listed, Offer, Place, Size, Slot
from hansa.apps.leasing.tables import LISTED
from hansa.kernel import (
    Context,
    Id,
    Integer,
    MemberId,
    Natural,
    OptionalId,
    Struct,
    TimeMs,
    limits,
)

CELL_E6 = 1_000_000
COLUMNS = 361
"""Cells in a row: the longitudes −180 and 180 have one each."""
SOUTH_E6, NORTH_E6 = -90_000_000, 90_000_000
WEST_E6, EAST_E6 = -180_000_000, 180_000_000
FOUND_MAX = limits.SCAN_MAX


class Stretch(Struct):
    """Free time, from ≤ t < to."""

    from_ms: TimeMs
    to_ms: TimeMs


class Found(Struct):
    """An offer that fits, and what of its window is free within the time asked for."""

    offerer: MemberId
    offer: Id
    cell: Natural
    number: Natural
    """Go on after (cell, offerer, offer, number) to find more."""
    listed: Listed
    free: tuple[Stretch, ...]


def enlist(ctx: Context, offerer: str, name: str, offer: Offer, description: Description) -> None:
    """Put an open offer on the board, once for each capability that is let with the offered crew."""
    for number, capability in enumerate(description.capabilities):
        if fits(capability.crew, offer.crew):
            listed = Listed(
                asset_owner=offer.asset_owner,
                asset=offer.asset,
                asset_version=offer.asset_version,
                name_zh=description.name_zh,
                name_en=description.name_en,
                place=description.place,
                capability=capability,
                crew=offer.crew if capability.crew == "either" else capability.crew,
                from_ms=offer.from_ms,
                to_ms=offer.to_ms,
                notice_ms=offer.notice_ms,
                smallest_ms=offer.smallest_ms,
                largest_ms=offer.largest_ms,
                tariff_owner=offer.tariff_owner,
                tariff=offer.tariff,
                tariff_version=offer.tariff_version,
                head=offer.head,
            )
            LISTED.put(ctx, _key(capability.process, description.place, offerer, name, number), listed)


def delist(ctx: Context, offerer: str, name: str, description: Description) -> None:
    """Take an offer off the board."""
    for number, capability in enumerate(description.capabilities):
        key = _key(capability.process, description.place, offerer, name, number)
        if LISTED.get(ctx, key) is not None:
            LISTED.delete(ctx, key)


def _key(process: str, place: Place, offerer: str, name: str, number: int) -> tuple[str | int, ...]:
    return process, cell_of(place.latitude_e6, place.longitude_e6), offerer, name, number


def cell_of(latitude_e6: int, longitude_e6: int) -> int:
    """Number of the cell in which a point lies."""
    row, column = (latitude_e6 - SOUTH_E6) // CELL_E6, (longitude_e6 - WEST_E6) // CELL_E6
    return row * COLUMNS + column


def search(
    ctx: Context,
    process: Id,
    material: OptionalId = "",
    x_um: Natural = 0,
    y_um: Natural = 0,
    z_um: Natural = 0,
    tolerance_um: Natural = 0,
    rate_per_hour: Natural = 0,
    crew: Literal["", "with", "without"] = "",
    from_ms: TimeMs = 0,
    to_ms: TimeMs = 0,
    for_ms: Natural = 0,
    south_e6: Integer = SOUTH_E6,
    north_e6: Integer = NORTH_E6,
    west_e6: Integer = WEST_E6,
    east_e6: Integer = EAST_E6,
    after_cell: Natural = 0,
    after_offerer: OptionalId = "",
    after_offer: OptionalId = "",
    after_number: Natural = 0,
    limit: Natural = 0,
) -> list[Found]:
    """Open offers of a process that can do what is asked, in a box (west > east: across 180°), and are free.

    What is 0 or "" does not matter. A part of the edges x, y, z must fit however it is turned; `tolerance_um`
    and `rate_per_hour` must be reached. With from_ms and to_ms the time between must be free: all of it, or a
    stretch of `for_ms`; the notice asked for and the slices let are heeded. At most `limit` offers, and never
    more than FOUND_MAX, by cell, offerer and id; go on `after` the last one.
    """
    part = Size(x_um, y_um, z_um)
    sized = x_um or y_um or z_um
    found: list[Found] = []
    after = (process, after_cell, after_offerer, after_offer, after_number)
    for key, listed in _in_cells(ctx, process, south_e6, north_e6, west_e6, east_e6, after):
        capability, place = listed.capability, listed.place
        if (
            (not material or material in capability.materials)
            and (not tolerance_um or capability.tolerance_um <= tolerance_um)
            and capability.rate_per_hour >= rate_per_hour
            and (not crew or fits(listed.crew, crew))
            and south_e6 <= place.latitude_e6 <= north_e6
            and _between(place.longitude_e6, west_e6, east_e6)
            and (not sized or size_fits(capability, part))
            and (stretches := _free(ctx, listed, from_ms, to_ms, for_ms))
        ):
            cell, number = int(key[1]), int(key[4])
            found.append(Found(str(key[2]), str(key[3]), cell, number, listed, stretches))
            if len(found) >= min(limit or FOUND_MAX, FOUND_MAX):
                break
    return found


def _between(longitude_e6: int, west_e6: int, east_e6: int) -> bool:
    if west_e6 <= east_e6:
        return west_e6 <= longitude_e6 <= east_e6
    return longitude_e6 >= west_e6 or longitude_e6 <= east_e6


def _in_cells(
    ctx: Context,
    process: str,
    south_e6: int,
    north_e6: int,
    west_e6: int,
    east_e6: int,
    after: tuple[str | int, ...],
) -> Iterator[tuple[tuple[str | int, ...], Listed]]:
    """Rows of the cells that a box touches, after a key, in order."""
    south_e6, north_e6 = max(south_e6, SOUTH_E6), min(north_e6, NORTH_E6)
    west_e6, east_e6 = min(max(west_e6, WEST_E6), EAST_E6), min(max(east_e6, WEST_E6), EAST_E6)
    whole_rows = (west_e6, east_e6) == (WEST_E6, EAST_E6)
    first, last = cell_of(south_e6, 0) // COLUMNS, cell_of(north_e6, 0) // COLUMNS
    for row in range(1) if whole_rows else range(first, last + 1):
        for west, east in (
            [(west_e6, east_e6)]
            if west_e6 <= east_e6
            else [
                (WEST_E6, east_e6),
                (west_e6, EAST_E6),
            ]
        ):
            low = cell_of(south_e6, WEST_E6) if whole_rows else row * COLUMNS + cell_of(SOUTH_E6, west)
            high = cell_of(north_e6, EAST_E6) if whole_rows else row * COLUMNS + cell_of(SOUTH_E6, east)
            if high < int(after[1]):
                continue
            start = max((process, low), after)
            rows = LISTED.scan(ctx, (process,), start=start, end=(process, high + 1), limit=limits.ALL_ROWS)
            yield from ((key, listed) for key, listed in rows if key != after)


def _free(ctx: Context, listed: Listed, from_ms: int, to_ms: int, for_ms: int) -> tuple[Stretch, ...]:
    """What of the time asked for can be had: all of it, or stretches that are long enough; none: nothing."""
    first_ms = max(listed.from_ms, ctx.time_ms + listed.notice_ms)
    last_ms = listed.to_ms
    least_ms = listed.smallest_ms
    if to_ms:
        first_ms, last_ms = max(first_ms, from_ms), min(last_ms, to_ms)
        wanted_ms = for_ms or to_ms - from_ms
        if wanted_ms > listed.largest_ms:
            return ()
        least_ms = max(least_ms, wanted_ms)
    if last_ms - first_ms < max(least_ms, 1):
        return ()
    slot = Slot(listed.asset_owner, listed.asset, listed.head, first_ms, last_ms)
    stretches = booking.free(ctx, slot)
    return tuple(Stretch(start, end) for start, end in stretches if end - start >= least_ms)
