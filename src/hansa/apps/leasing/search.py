"""A search on the board: what fits is put in order, then looked up in its calendar until a page is full."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from hansa.apps.leasing import booking
from hansa.apps.leasing.board import EAST_E6, NORTH_E6, SOUTH_E6, WEST_E6, shelves
from hansa.apps.leasing.capability import fits, sorted_edges
from hansa.apps.leasing.messages_market import Listed, OnShelf, Shelf, Size, Slot
from hansa.apps.leasing.sphere import Point, point_of, square_of_chord
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

FOUND_MAX = limits.SCAN_MAX
ANY_TOLERANCE_UM = 2**53

Fit = tuple[int, str, str, int, str, str, str, int, int, int]
"""An offer that fits: measure, offerer, offer, number; its calendar (owner, asset, level); what of its window
was asked for (from, to), and the least length of that.
"""


class Stretch(Struct):
    """Free time, from ≤ t < to."""

    from_ms: TimeMs
    to_ms: TimeMs


class Found(Struct):
    """An offer that fits, and what of its window is free within the time asked for."""

    measure: Natural
    """What it was put in order by: its cell; the square of the chord to the point; the first free moment."""
    offerer: MemberId
    offer: Id
    number: Natural
    """Go on after (measure, offerer, offer, number) to find more."""
    listed: Listed
    free: tuple[Stretch, ...]


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
    order: Literal["", "distance", "start"] = "",
    latitude_e6: Integer = 0,
    longitude_e6: Integer = 0,
    after_measure: Natural = 0,
    after_offerer: OptionalId = "",
    after_offer: OptionalId = "",
    after_number: Natural = 0,
    limit: Natural = 0,
) -> list[Found]:
    """Open offers of a process that can do what is asked, in a box (west > east: across 180°), and are free.

    What is 0 or "" does not matter. A part of the edges x, y, z must fit however it is turned; `tolerance_um`
    and `rate_per_hour` must be reached. With from_ms and to_ms the time between must be free: all of it, or a
    stretch of `for_ms`; the notice asked for and the slices let are heeded. The first `limit` offers, never
    more than FOUND_MAX: the nearest to the point, or those that are free first, else cell by cell from the
    south-west; then by offerer and id. Go on `after` the last one.
    """
    asked = _Asked(
        times=(from_ms, to_ms, for_ms),
        words=f" {material} " if material else "",
        edges=sorted_edges(Size(x_um, y_um, z_um)),
        tolerance_um=tolerance_um or ANY_TOLERANCE_UM,
        rate_per_hour=rate_per_hour,
        crews=tuple(one for one in ("with", "without", "either") if not crew or fits(one, crew)),
        box=(south_e6, north_e6, west_e6, east_e6),
        order=order,
        point=point_of(_within(latitude_e6, NORTH_E6), _within(longitude_e6, EAST_E6)),
    )
    after = (after_measure, after_offerer, after_offer, after_number)
    found = shelves(ctx, process, *asked.box, after_measure if not order else 0)
    fitting = _in_order(found, asked, ctx.time_ms)
    return _free_ones(ctx, fitting, order == "start", after, min(limit or FOUND_MAX, FOUND_MAX))


@dataclass(frozen=True)
class _Asked:
    times: tuple[int, int, int]
    words: str
    edges: tuple[int, int, int]
    tolerance_um: int
    rate_per_hour: int
    crews: tuple[str, ...]
    box: tuple[int, int, int, int]
    order: str
    point: Point


def _in_order(found: Iterator[tuple[int, Shelf]], asked: _Asked, now_ms: int) -> Iterator[Fit]:
    """What fits, read as it is asked for: cell by cell where nothing else orders, else all at once."""
    for _, cell in groupby(found, lambda each: 0 if asked.order else each[0]):
        yield from sorted(fit for number, shelf in cell for fit in _fitting(number, shelf, asked, now_ms))


def _fitting(cell: int, shelf: Shelf, asked: _Asked, now_ms: int) -> Iterator[Fit]:
    """What fits on a shelf, its calendar apart. Ten thousand rows pass here in one search."""
    words, edges, crews, order = asked.words, asked.edges, asked.crews, asked.order
    tolerance_um, rate_per_hour = asked.tolerance_um, asked.rate_per_hour
    south_e6, north_e6, west_e6, east_e6 = asked.box
    turned = west_e6 > east_e6
    from_ms, to_ms, for_ms = asked.times
    wanted_ms = (for_ms or to_ms - from_ms) if to_ms else 0
    for row in shelf.rows:
        if row.tolerance_um > tolerance_um or row.rate_per_hour < rate_per_hour or row.crew not in crews:
            continue
        if not south_e6 <= row.latitude_e6 <= north_e6 or words not in row.materials:
            continue
        west, east = row.longitude_e6 < west_e6, row.longitude_e6 > east_e6
        if ((west and east) if turned else (west or east)) or (edges[0] and not _holds(row, edges)):
            continue
        earliest_ms = now_ms + row.notice_ms
        first_ms = row.from_ms if row.from_ms > earliest_ms else earliest_ms
        last_ms = row.to_ms
        least_ms = row.smallest_ms if row.smallest_ms > wanted_ms else wanted_ms
        if to_ms:
            first_ms = first_ms if first_ms > from_ms else from_ms
            last_ms = last_ms if last_ms < to_ms else to_ms
        if wanted_ms <= row.largest_ms and last_ms - first_ms >= least_ms > 0:
            measure = first_ms if order == "start" else cell
            if order == "distance":
                measure = square_of_chord(asked.point, row.point)
            yield (
                measure,
                row.offerer,
                row.offer,
                row.number,
                row.asset_owner,
                row.asset,
                row.head,
                first_ms,
                last_ms,
                least_ms,
            )


def _free_ones(
    ctx: Context, fitting: Iterable[Fit], by_start: bool, after: tuple[int, str, str, int], limit: int
) -> list[Found]:
    """The first ones after a place of which enough is free.

    An offer stands among `fitting` by the earliest moment at which it could be free: where the start decides,
    it may turn out to come later, never sooner. So looking ends where nothing can come before what was found.
    """
    found: list[tuple[tuple[int, str, str, int], tuple[Stretch, ...]]] = []
    for fit in fitting:
        place = fit[:4]
        if len(found) >= limit and found[limit - 1][0] < place:
            break
        if not by_start and place <= after:
            continue
        free = _free(ctx, fit)
        if free and by_start:
            place = (free[0].from_ms, *place[1:])
        if free and place > after:
            found.append((place, free))
            if by_start:
                found.sort(key=_place)
    return [_told(ctx, *one) for one in found[:limit]]


def _place(one: tuple[tuple[int, str, str, int], tuple[Stretch, ...]]) -> tuple[int, str, str, int]:
    return one[0]


def _told(ctx: Context, place: tuple[int, str, str, int], free: tuple[Stretch, ...]) -> Found:
    listed = LISTED.get(ctx, place[1:])
    assert listed is not None
    return Found(*place, listed, free)


def _within(angle_e6: int, most_e6: int) -> int:
    return min(max(angle_e6, -most_e6), most_e6)


def _holds(row: OnShelf, edges: tuple[int, ...]) -> bool:
    """Whether a part fits, edge by edge, longest to longest."""
    return all(
        small <= edge <= large for small, edge, large in zip(row.smallest, edges, row.largest, strict=True)
    )


def _free(ctx: Context, fit: Fit) -> tuple[Stretch, ...]:
    """What of the time asked for can be had: all of it, or stretches that are long enough; none: nothing."""
    *_, owner, asset, head, from_ms, to_ms, least_ms = fit
    stretches = booking.free(ctx, Slot(owner, asset, head, from_ms, to_ms))
    return tuple(Stretch(start, end) for start, end in stretches if end - start >= least_ms)
