"""The board of open offers: laid out so that a search reads little for each of them.

What a search compares stands in small rows, many to a shelf; shelves lie by process, and within it by cells
of one degree by one degree, row by row from the south. All shelves of a cell but its last are full: where an
offer goes, the last one of its cell takes its place. So what has ended costs nobody anything.
"""

from collections.abc import Iterator

from hansa.apps.leasing.capability import fits, sorted_edges
from hansa.apps.leasing.messages_market import Capability, Description, Listed, Offer, OnShelf, Place, Shelf
from hansa.apps.leasing.sphere import point_of
from hansa.apps.leasing.tables import LISTED, SHELVES
from hansa.kernel import Context, limits, replace

CELL_E6 = 1_000_000
COLUMNS = 361
"""Cells in a row: the longitudes −180 and 180 have one each."""
SOUTH_E6, NORTH_E6 = -90_000_000, 90_000_000
WEST_E6, EAST_E6 = -180_000_000, 180_000_000

Cell = tuple[str, int]
"""A process, and the number of a cell."""


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
            shelf = _put_up(ctx, _cell(listed), on_shelf(offerer, name, number, listed))
            LISTED.put(ctx, (offerer, name, number), replace(listed, shelf=shelf))


def delist(ctx: Context, offerer: str, name: str, description: Description) -> None:
    """Take an offer off the board."""
    for number in range(len(description.capabilities)):
        key = (offerer, name, number)
        listed = LISTED.get(ctx, key)
        if listed is not None:
            LISTED.delete(ctx, key)
            _take_down(ctx, _cell(listed), listed.shelf, key)


def on_shelf(offerer: str, name: str, number: int, listed: Listed) -> OnShelf:
    """What a search compares."""
    capability, place = listed.capability, listed.place
    return OnShelf(
        offerer=offerer,
        offer=name,
        number=number,
        asset_owner=listed.asset_owner,
        asset=listed.asset,
        head=listed.head,
        latitude_e6=place.latitude_e6,
        longitude_e6=place.longitude_e6,
        point=point_of(place.latitude_e6, place.longitude_e6),
        materials=_words(capability),
        smallest=sorted_edges(capability.smallest),
        largest=sorted_edges(capability.largest),
        tolerance_um=capability.tolerance_um,
        rate_per_hour=capability.rate_per_hour,
        crew=listed.crew,
        from_ms=listed.from_ms,
        to_ms=listed.to_ms,
        notice_ms=listed.notice_ms,
        smallest_ms=listed.smallest_ms,
        largest_ms=listed.largest_ms,
    )


def _words(capability: Capability) -> str:
    return f" {' '.join(capability.materials)} "


def _cell(listed: Listed) -> Cell:
    place: Place = listed.place
    return listed.capability.process, cell_of(place.latitude_e6, place.longitude_e6)


def _put_up(ctx: Context, cell: Cell, row: OnShelf) -> int:
    """The number of the shelf on which it stands now."""
    last, rows = _last(ctx, cell)
    if len(rows) == limits.SHELF_ROWS_MAX:
        last, rows = last + 1, ()
    SHELVES.put(ctx, (*cell, last), Shelf(rows=(*rows, row)))
    return last


def _take_down(ctx: Context, cell: Cell, shelf: int, name: tuple[str, str, int]) -> None:
    """The last row of the cell's last shelf takes the place of what goes."""
    last, rows = _last(ctx, cell)
    moved = rows[-1]
    if len(rows) > 1:
        SHELVES.put(ctx, (*cell, last), Shelf(rows=rows[:-1]))
    else:
        SHELVES.delete(ctx, (*cell, last))
    if _name(moved) == name:
        return
    found = SHELVES.get(ctx, (*cell, shelf))
    assert found is not None
    SHELVES.put(
        ctx, (*cell, shelf), Shelf(rows=tuple(moved if _name(row) == name else row for row in found.rows))
    )
    listed = LISTED.get(ctx, _name(moved))
    assert listed is not None
    if listed.shelf != shelf:
        LISTED.put(ctx, _name(moved), replace(listed, shelf=shelf))


def _last(ctx: Context, cell: Cell) -> tuple[int, tuple[OnShelf, ...]]:
    """Number and rows of a cell's last shelf."""
    for key, shelf in SHELVES.scan(ctx, cell, limit=1, reverse=True):
        return int(key[2]), shelf.rows
    return 0, ()


def _name(row: OnShelf) -> tuple[str, str, int]:
    return row.offerer, row.offer, row.number


def cell_of(latitude_e6: int, longitude_e6: int) -> int:
    """Number of the cell in which a point lies."""
    row, column = (latitude_e6 - SOUTH_E6) // CELL_E6, (longitude_e6 - WEST_E6) // CELL_E6
    return row * COLUMNS + column


def shelves(
    ctx: Context, process: str, south_e6: int, north_e6: int, west_e6: int, east_e6: int, first: int
) -> Iterator[tuple[int, Shelf]]:
    """(cell, shelf) in order, from cell `first` on, where a box touches the cell. Each row counts as scanned.

    west > east: across 180°.
    """
    south_e6, north_e6 = max(south_e6, SOUTH_E6), min(north_e6, NORTH_E6)
    west_e6, east_e6 = min(max(west_e6, WEST_E6), EAST_E6), min(max(east_e6, WEST_E6), EAST_E6)
    for low, high in _stretches(south_e6, north_e6, west_e6, east_e6):
        if first <= high:
            start, end = (process, max(low, first)), (process, high + 1)
            for key, shelf in SHELVES.scan(ctx, (process,), start=start, end=end, limit=limits.ALL_ROWS):
                ctx.spend_scanned(len(shelf.rows))
                yield int(key[1]), shelf


def _stretches(south_e6: int, north_e6: int, west_e6: int, east_e6: int) -> Iterator[tuple[int, int]]:
    """(first, last) of the cells that a box touches, as they follow each other."""
    if (west_e6, east_e6) == (WEST_E6, EAST_E6):
        if south_e6 <= north_e6:
            yield cell_of(south_e6, WEST_E6), cell_of(north_e6, EAST_E6)
        return
    sides = [(west_e6, east_e6)] if west_e6 <= east_e6 else [(WEST_E6, east_e6), (west_e6, EAST_E6)]
    first, last = cell_of(south_e6, WEST_E6) // COLUMNS, cell_of(north_e6, WEST_E6) // COLUMNS
    for row in range(first, last + 1):
        for west, east in sides:
            yield row * COLUMNS + cell_of(SOUTH_E6, west), row * COLUMNS + cell_of(SOUTH_E6, east)
