"""What one pass over the files of a log collects: raw readings per feed, and what was not taken.

A row is taken whole or not at all.
"""

from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field

from hansa.edge import log_limits as limits
from hansa.edge.log_errors import BadCell, RefusedRow, refusal, texts
from hansa.edge.log_time import TimeReader, zone_named
from hansa.edge.log_values import LOST, NO_READING, RawValues, StateNames, number_parser
from hansa.edge.mapping_model import FeedSpec, Mapping


class TooManyMalformed(Exception):
    """The pass is given up; what was read so far is in the intake."""


@dataclass(slots=True, eq=False)
class Track:
    """Raw readings of one feed in file order: numbers of rows in the intake, and values (LOST for no
    signal).
    """

    spec: FeedSpec
    values: RawValues
    states: StateNames | None
    row: list[int] = field(default_factory=list)
    value: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Intake:
    """All that one pass collects. `row_ns` and `row_line` tell time and line of each row whose time was
    read.
    """

    tracks: list[Track]
    available: Track | None
    time: TimeReader
    stop_after: int = 0
    """End the pass after so many malformed rows; 0 for never."""
    row_ns: list[int] = field(default_factory=list)
    row_line: "array[int]" = field(default_factory=lambda: array("q"))
    file_names: list[str] = field(default_factory=list)
    file_start: list[int] = field(default_factory=list)
    """Per file, the number of its first row."""
    rows: int = 0
    compared: int = 0
    distinct: set[int] = field(default_factory=set)
    """Hashes of the rows compared, to count those that repeat another."""
    skipped: Counter[str] = field(default_factory=Counter)
    malformed: int = 0
    malformed_rows: list[RefusedRow] = field(default_factory=list)

    def all_tracks(self) -> list[Track]:
        """The feeds' tracks, and the availability's last where there is one."""
        return [*self.tracks, *([self.available] if self.available else [])]

    def tracks_by_item(self) -> dict[str, list[Track]]:
        """Item → the tracks that it feeds."""
        wanted: dict[str, list[Track]] = {}
        for track in self.all_tracks():
            wanted.setdefault(track.spec.item.strip(), []).append(track)
        return wanted

    def compare(self, rows: Iterable[Hashable]) -> None:
        """Notes which rows are alike, word for word."""
        hashes = list(map(hash, rows))
        self.compared += len(hashes)
        self.distinct.update(hashes)

    def file_of(self, row: int) -> int:
        """Number of the file that a row stands in."""
        return bisect_right(self.file_start, row) - 1

    def refuse(self, line: int, column: int, code: str, **params: str | int) -> None:
        """Notes a malformed row of the file being read. Raises TooManyMalformed past `stop_after`."""
        self.malformed += 1
        if self.malformed <= limits.REFUSED_LISTED_MAX:
            zh, en = texts(code, **params)
            self.malformed_rows.append(RefusedRow(self.file_names[-1], line, column, code, zh, en))
        if self.stop_after and self.malformed >= self.stop_after:
            raise TooManyMalformed

    def refuse_cell(self, line: int, column: int, bad: BadCell) -> None:
        """As `refuse`. A time without a zone is a fault of the mapping, not of the row: raises
        EdgeRefusal.
        """
        if bad.code == "edge.time_zone_missing":
            file = self.file_names[-1]
            raise refusal(bad.code, "log.time_zone", file=file, line=line, column=column, **bad.params)
        self.refuse(line, column, bad.code, **bad.params)

    def add(self, at_ns: int, line: int, found: list[tuple[Track, int]]) -> None:
        """Takes a row. Where it says that the device is not available, it holds no signal of any feed."""
        row = len(self.row_ns)
        self.row_ns.append(at_ns)
        self.row_line.append(line)
        if self.available is not None and (self.available, LOST) in found:
            found = [(track, LOST) for track, _ in found]
        for track, value in found:
            if value != NO_READING:
                track.row.append(row)
                track.value.append(value)


def new_intake(mapping: Mapping, stop_after: int) -> Intake:
    """An empty intake for that mapping."""
    log = mapping.log
    tracks = []
    for spec in mapping.feeds:
        states = StateNames(spec) if spec.kind == "state" else None
        parse = states.index if states else number_parser(spec, log.decimal, log.thousands)
        tracks.append(Track(spec, RawValues(parse, log.lost, log.ignore), states))
    available = None
    if log.availability is not None:
        source = log.availability
        spec = FeedSpec(name="availability", kind="state", item=source.item, column=source.column)
        available = Track(spec, RawValues(lambda _: 0, source.lost, log.ignore), None)
    zone = zone_named(log.time_zone) if log.time_zone else None
    reader = TimeReader(log.time_formats, zone, closes_day=log.midnight == "closes_day")
    return Intake(tracks, available, reader, stop_after)


class Ticker:
    """Tells progress every so many lines."""

    def __init__(self, tell: Callable[[float], None], lines: int) -> None:
        self._tell, self._lines, self.due = tell, max(lines, 1), limits.PROGRESS_ROWS

    def at(self, line: int) -> None:
        """To be called from line `due` on."""
        self.due = line + limits.PROGRESS_ROWS
        self._tell(min(line / self._lines, 1.0))
