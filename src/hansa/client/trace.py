"""Which readings each counted quantity comes from: a meter's records read once more, piece by piece.

Pure. The sums of the pieces equal the sums that the statement was reckoned from; `explain` checks it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from hansa.apps.billing.booking import Book, Bucket
from hansa.apps.billing.recompute import Deal, MeterBook, meter_books
from hansa.apps.metering.chain import Interval, Point
from hansa.apps.metering.messages import Fold


@dataclass(frozen=True)
class Piece:
    """What one interval between two readings counted in one bucket, base units."""

    quantity: int
    interval: Interval
    first: Point | None
    """The reading at its start; None for an amount, which says all by itself."""
    last: Point


@dataclass
class Trace:
    """A meter's book, and the pieces that its sums are made of."""

    book: MeterBook
    pieces: dict[Bucket, list[Piece]] = field(default_factory=dict)
    """By (start of the period, part, window)."""
    unknown: list[Piece] = field(default_factory=list)
    """Intervals of which nothing was booked as they were read: gaps. Their quantity is 0."""


def trace(deal: Deal, meter: str, points: Sequence[Point]) -> Trace:
    """Read a meter's records, given in reading order. Raises what reading them raises."""
    out = Trace(meter_books(deal)[meter])
    out.book.add(points)
    single = Book(out.book.measure)
    fold, before = Fold(), None
    for point in points:
        step = out.book.reader.step(fold, point)
        for interval in step.intervals:
            own = out.book.reader.kind == "amount" and interval.to_ms == point.at_ms
            single.add(interval)
            first = None if own else before
            for bucket, quantity in single.counts.items():
                out.pieces.setdefault(bucket, []).append(Piece(quantity, interval, first, point))
            if single.gaps:
                out.unknown.append(Piece(0, interval, first, point))
            single.counts, single.days, single.gaps = {}, {}, {}
        fold = step.fold
        before = point if step.good else before
    return out
