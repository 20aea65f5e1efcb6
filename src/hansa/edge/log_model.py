"""What reading a log gives: frozen data that others sign, anchor and show. Do not change the lists inside."""

from dataclasses import dataclass
from typing import NamedTuple

from hansa.edge.log_errors import RefusedRow
from hansa.edge.mapping_model import FeedSpec


class Contradiction(NamedTuple):
    """Two readings of one feed at one time. Values in base units (−1: no signal); the second one stands."""

    at_ms: int
    value: int
    file: int
    line: int
    stands: int
    stands_file: int
    stands_line: int


@dataclass(frozen=True, slots=True)
class FeedLog:
    """Readings of one feed: parallel lists in time order, one reading per ms. Do not change the lists.

    `at_ms`: UTC; for amounts the **end** of the interval. `span_ms`: its length (0 for other kinds).
    `value`: base units; for states an index into `states`; 0 where `lost`. `file`, `line`: where it stands;
    an amount integrated from power names the last power reading in it.
    `record`: indices of the readings that become counter records. `falls`: indices where a counter is below
    its previous reading (a declared wrap is none). `overlaps`: indices of amounts that begin before the last
    one ended.
    """

    spec: FeedSpec
    base_unit: str
    wired: bool
    at_ms: list[int]
    span_ms: list[int]
    value: list[int]
    lost: bytearray
    file: list[int]
    line: list[int]
    states: tuple[str, ...]
    record: list[int]
    falls: list[int]
    overlaps: list[int]
    duplicates: int
    contradictions: list[Contradiction]
    """The first of them, by a limit."""
    contradiction_count: int
    overtaken: int
    """Readings followed by another within the same ms."""


class LogFile(NamedTuple):
    """A file that was read. `sha256` in hex over its bytes as they lie on disk."""

    name: str
    sha256: str
    rows: int
    bytes: int


class Gap(NamedTuple):
    """A stretch of a feed without readings. `reason`: `lost` (the log says so) or `silence`."""

    feed: str
    from_ms: int
    to_ms: int
    reason: str


@dataclass(frozen=True, slots=True)
class ReadReport:
    """What became of the rows: each is taken, skipped or malformed; misdated ones may be among the skipped.

    `rows` leaves out blank and comment lines. `duplicates`: rows that repeat another word for word.
    `out_of_order`: rows earlier than the row before them in their file. `skipped`: by reason (`other`: no
    mapped item, or a condition not met; `asset`, `command`). The lists of refused rows hold the first of
    them.
    """

    rows: int
    readings: int
    duplicates: int
    out_of_order: int
    misdated: int
    malformed: int
    skipped: dict[str, int]
    misdated_rows: tuple[RefusedRow, ...]
    malformed_rows: tuple[RefusedRow, ...]
    gaps: tuple[Gap, ...]
    first_ms: int
    last_ms: int


@dataclass(frozen=True, slots=True)
class Log:
    """One device's log, read. The same files and mapping give the same Log, in whatever order they are
    named.
    """

    device: str
    feeds: tuple[FeedLog, ...]
    files: tuple[LogFile, ...]
    report: ReadReport
