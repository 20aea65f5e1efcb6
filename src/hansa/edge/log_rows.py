"""One pass over the files of a log: rows become raw readings of the mapped feeds, or are refused by name.

A row is taken whole or not at all. What is no reading (other items, assets, adapter commands) is counted.
"""

import re
from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from fractions import Fraction

from hansa.edge import log_limits as limits
from hansa.edge.log_errors import BadCell, RefusedRow, refusal, shown, texts
from hansa.edge.log_files import (
    Row,
    Source,
    decoded,
    delimiter_named,
    sheet_rows,
    split_line,
    text_lines,
    text_rows,
)
from hansa.edge.log_time import TimeReader, ZoneMissing, zone_named
from hansa.edge.log_units import clock_floor, exact_floor, number_pattern, unit_named
from hansa.edge.mapping import Column, FeedSpec, LogFormat, Mapping, Values

LOST = -1
NO_READING = -2
_CONDITION_LEVELS = {"NORMAL", "WARNING", "FAULT", "UNAVAILABLE"}
_CONDITION_FIELDS = 7


class RawValues(dict[str, int]):
    """Raw text → integer of one feed, LOST or NO_READING. Each text is parsed once; raises BadCell."""

    def __init__(self, parse: Callable[[str], int], lost: Sequence[str], ignore: Sequence[str]) -> None:
        super().__init__()
        self._parse = parse
        self._lost = {text.strip().casefold() for text in lost}
        self._ignore = {text.strip().casefold() for text in ignore}

    def __missing__(self, raw: str) -> int:
        text = raw.strip()
        folded = text.casefold()
        if folded in self._ignore:
            value = NO_READING
        elif folded in self._lost:
            value = LOST
        else:
            value = self._parse(text)
        if len(self) < limits.CACHE_MAX:
            self[raw] = value
        return value


class StateNames:
    """Raw states → index into `names`, in order of first sight; index 0 is `unknown`."""

    def __init__(self, spec: FeedSpec) -> None:
        self.names = ["unknown"]
        self._table = dict(spec.states)
        self._folded = {raw.strip().casefold(): name for raw, name in spec.states.items()}
        self._field = f"feed[{spec.name}]"

    def index(self, text: str) -> int:
        name = self._table.get(text) or self._folded.get(text.casefold())
        if name is None:
            name = re.sub(r"[^A-Z0-9]+", "_", text.upper(), flags=re.ASCII).strip("_")[:64]
        if not name:
            raise BadCell("edge.state_unnamed", value=shown(text))
        if name in ("unknown", "UNKNOWN"):
            return LOST
        if name not in self.names:
            if len(self.names) > limits.STATES_MAX:
                raise refusal("edge.too_many_states", self._field, limit=limits.STATES_MAX)
            self.names.append(name)
        return self.names.index(name)


def number_parser(unit: str, factor: Fraction, decimal: str, thousands: str) -> Callable[[str], int]:
    """Text of a number → floored base units. Plain digits take a short way."""
    if unit_named(unit) and unit.strip().lower() in ("h:m:s", "h:m"):
        return lambda text: clock_floor(text, factor)
    pattern = number_pattern(decimal, thousands)
    top, bottom = factor.numerator, factor.denominator

    def parse(text: str) -> int:
        if text.isdecimal() and text.isascii() and len(text) <= 15:
            value = int(text) * top // bottom
            if value <= limits.VALUE_MAX:
                return value
        return exact_floor(text, pattern, factor)

    return parse


@dataclass(slots=True)
class Track:
    """Raw readings of one feed in file order: numbers of rows in the intake, and values (LOST for no signal)."""

    spec: FeedSpec
    values: RawValues
    states: StateNames | None
    row: list[int] = field(default_factory=list)
    value: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Intake:
    """All that one pass over the files collects. Rows are those whose time could be read."""

    tracks: list[Track]
    available: Track | None
    time: TimeReader
    row_ns: list[int] = field(default_factory=list)
    row_line: "array[int]" = field(default_factory=lambda: array("q"))
    file_names: list[str] = field(default_factory=list)
    file_start: list[int] = field(default_factory=list)
    """Per file, the number of its first row."""
    rows: int = 0
    distinct: set[int] = field(default_factory=set)
    skipped: Counter[str] = field(default_factory=Counter)
    malformed: int = 0
    malformed_rows: list[RefusedRow] = field(default_factory=list)
    stop_after: int = 0
    """End the pass after so many malformed rows; 0 for never."""

    def refuse(self, line: int, column: int, code: str, **params: str | int) -> None:
        """Notes a malformed row of the file being read."""
        self.malformed += 1
        if self.malformed <= limits.REFUSED_LISTED_MAX:
            zh, en = texts(code, **params)
            self.malformed_rows.append(RefusedRow(self.file_names[-1], line, column, code, zh, en))
        if self.stop_after and self.malformed >= self.stop_after:
            raise TooManyMalformed

    def refuse_cell(self, line: int, column: int, bad: BadCell) -> None:
        self.refuse(line, column, bad.code, **bad.params)

    def file_of(self, row: int) -> int:
        """Number of the file that a row stands in."""
        return bisect_right(self.file_start, row) - 1


class TooManyMalformed(Exception):
    """The pass is given up; the rows so far are in the intake."""


def new_intake(mapping: Mapping, stop_after: int) -> Intake:
    """An empty intake for that mapping."""
    log = mapping.log
    tracks = []
    for spec in mapping.feeds:
        states = StateNames(spec) if spec.kind == "state" else None
        parse = states.index if states else number_parser(spec.unit, spec.factor, log.decimal, log.thousands)
        tracks.append(Track(spec, RawValues(parse, log.lost, log.ignore), states))
    available = None
    if log.availability is not None:
        source = log.availability
        spec = FeedSpec(name="availability", kind="state", item=source.item, column=source.column)
        available = Track(spec, RawValues(lambda _: 0, source.lost, log.ignore), None)
    zone = zone_named(log.time_zone) if log.time_zone else None
    reader = TimeReader(log.time_formats, zone, closes_day=log.midnight == "closes_day")
    return Intake(tracks, available, reader, stop_after=stop_after)


def take_file(
    intake: Intake, source: Source, data: bytes, log: LogFormat, tick: Callable[[float], None]
) -> None:
    """Reads one file into the intake. `tick` hears the share of the file that is done.

    Raises EdgeRefusal when the file does not fit the mapping, TooManyMalformed past `stop_after`.
    """
    intake.file_names.append(source.name)
    intake.file_start.append(len(intake.row_ns))
    first = 1 if log.format == "shdr" and not log.first_row else log.first_data_line
    if data.startswith(b"PK\x03\x04"):
        sheet = sheet_rows(data, log.sheet, source.name)
        header = next((cells for number, cells in sheet if number == log.header_line), None)
        body = [row for row in sheet if row[0] >= first]
        width = max((len(cells) for _, cells in sheet), default=0)
        intake.rows += len(body)
        intake.distinct.update(hash(tuple(cells)) for _, cells in body)
        rows = ((number, cells + [""] * (width - len(cells))) for number, cells in body)
        take_table(intake, rows, header, log, _Ticker(tick, len(body)))
        return
    text, encoding = decoded(data, log.encoding)
    lines = text_lines(text)
    solid = [line for line in lines[first - 1 :] if line and not line.isspace()]
    if log.comment:
        solid = [line for line in solid if not line.startswith(log.comment)]
    intake.rows += len(solid)
    intake.distinct.update(map(hash, solid))
    delimiter = delimiter_named(log.delimiter, "|" if log.format == "shdr" else ",")
    ticker = _Ticker(tick, len(lines))
    if log.format == "shdr":
        kept = adapter_lines(intake, lines, first)
        take_adapter(intake, text_rows(kept, first, delimiter, log.comment, encoding, intake.refuse), ticker)
        return
    header = None
    if log.header_line and lines:
        if log.header_line > len(lines):
            raise refusal("edge.no_header", "log.header_line", file=source.name, line=log.header_line)
        header = _split_header(lines[log.header_line - 1], delimiter)
    rows = text_rows(lines, first, delimiter, log.comment, encoding, intake.refuse)
    take_table(intake, rows, header, log, ticker)


def _split_header(line: str, delimiter: str) -> list[str]:
    import csv

    try:
        return split_line(line, delimiter)
    except csv.Error:
        return line.split(delimiter)


class _Ticker:
    """Tells progress every so many rows."""

    def __init__(self, tick: Callable[[float], None], rows: int) -> None:
        self._tick, self._rows, self._next = tick, max(rows, 1), limits.PROGRESS_ROWS

    def at(self, rows: int) -> None:
        if rows >= self._next:
            self._next = rows + limits.PROGRESS_ROWS
            self._tick(min(rows / self._rows, 1.0))


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where things stand in the rows of one file, numbered from 0."""

    width: int
    time: tuple[int, ...]
    item: int
    value: int
    feeds: tuple[int, ...]
    available: int
    log_where: tuple[tuple[int, frozenset[str]], ...]
    feed_where: tuple[tuple[tuple[int, frozenset[str]], ...], ...]


def _locate(intake: Intake, header: list[str] | None, width: int, log: LogFormat) -> _Columns:
    names = [name.strip() for name in header or []]
    while names and not names[-1]:
        names.pop()

    def index(column: Column, key: str) -> int:
        if isinstance(column, int):
            if 1 <= column <= width:
                return column - 1
        elif column.strip() in names:
            return names.index(column.strip())
        near = get_close_matches(str(column), names, 1)
        known = shown(", ".join(near + [n for n in names if n not in near]) or f"1 … {width}", 300)
        line = log.header_line
        file = intake.file_names[-1]
        raise refusal("edge.column_missing", key, file=file, line=line, value=shown(str(column)), known=known)

    def where(table: dict[str, Values], key: str) -> tuple[tuple[int, frozenset[str]], ...]:
        return tuple(
            (index(int(name) if name.isdecimal() and name not in names else name, f"{key}.where"),
             frozenset([wanted] if isinstance(wanted, str) else wanted))
            for name, wanted in table.items()
        )  # fmt: skip

    wide = log.format == "wide"
    tracks = intake.tracks
    return _Columns(
        width=len(names) or width,
        time=tuple(index(column, "log.time") for column in log.time_columns),
        item=-1 if wide else index(log.item, "log.item"),
        value=-1 if wide else index(log.value, "log.value"),
        feeds=tuple(index(t.spec.column, f"feed[{t.spec.name}].column") for t in tracks) if wide else (),
        available=index(intake.available.spec.column, "log.availability.column")
        if wide and intake.available
        else -1,
        log_where=where(log.where, "log"),
        feed_where=tuple(where(t.spec.where, f"feed[{t.spec.name}]") for t in tracks),
    )


def take_table(intake: Intake, rows: Iterator[Row], header: list[str] | None, log: LogFormat, ticker: _Ticker
               ) -> None:  # fmt: skip
    """Rows of a wide or long table. The first row gives the width where there is no header."""
    first = next(rows, None)
    if first is None:
        return
    columns = _locate(intake, header, max(len(first[1]), len(header or [])), log)
    take = _take_wide if log.format == "wide" else _take_long
    take(intake, _even_rows(intake, first, rows, columns), columns, ticker)


def _even_rows(intake: Intake, first: Row, rows: Iterator[Row], columns: _Columns) -> Iterator[Row]:
    """Rows of the right width (empty cells past the end are forgiven) that meet the log's condition."""
    width, conditions = columns.width, columns.log_where
    row: Row | None = first
    while row is not None:
        number, cells = row
        if len(cells) != width and (len(cells) < width or any(cells[width:])):
            intake.refuse(
                number, min(len(cells), width) + 1, "edge.row_columns", need=width, value=len(cells)
            )
        elif conditions and not _meets(cells, conditions):
            intake.skipped["other"] += 1
        else:
            yield row
        row = next(rows, None)


def _meets(cells: list[str], conditions: tuple[tuple[int, frozenset[str]], ...]) -> bool:
    return all(cells[index].strip() in wanted for index, wanted in conditions)


def _row_time(intake: Intake, text: str, number: int, column: int) -> int | None:
    """The row's time; None when it cannot be read, which is noted."""
    try:
        return intake.time.read(text)
    except BadCell as bad:
        intake.refuse_cell(number, column, bad)
    except ZoneMissing as missing:
        file = intake.file_names[-1]
        raise refusal(
            "edge.time_zone_missing", "log.time_zone", file=file, line=number, column=column,
            value=shown(str(missing)),
        ) from None  # fmt: skip
    return None


def _time_text(cells: list[str], columns: _Columns) -> str:
    return " ".join(filter(None, (cells[index].strip() for index in columns.time)))


def _take_wide(intake: Intake, rows: Iterator[Row], columns: _Columns, ticker: _Ticker) -> None:
    sources = list(zip(intake.tracks, columns.feeds, columns.feed_where, strict=True))
    if intake.available is not None:
        sources.append((intake.available, columns.available, ()))
    lone = columns.time[0] if len(columns.time) == 1 else -1
    row_ns, row_line = intake.row_ns, intake.row_line
    for number, cells in rows:
        text = cells[lone] if lone >= 0 else _time_text(cells, columns)
        at_ns = _row_time(intake, text, number, columns.time[0] + 1)
        if at_ns is None:
            continue
        try:
            index = -1
            found = []
            for track, index, conditions in sources:
                if not conditions or _meets(cells, conditions):
                    found.append((track, track.values[cells[index]]))
        except BadCell as bad:
            intake.refuse_cell(number, index + 1, bad)
            continue
        row = len(row_ns)
        row_ns.append(at_ns)
        row_line.append(number)
        for track, value in found:
            if value != NO_READING:
                track.row.append(row)
                track.value.append(value)
        ticker.at(number)


def _wanted(intake: Intake) -> dict[str, list[int]]:
    """Item → numbers of the tracks that it feeds; the number past the last is the availability."""
    wanted: dict[str, list[int]] = {}
    tracks = [*intake.tracks, *([intake.available] if intake.available else [])]
    for number, track in enumerate(tracks):
        wanted.setdefault(track.spec.item.strip(), []).append(number)
    return wanted


def _take_long(intake: Intake, rows: Iterator[Row], columns: _Columns, ticker: _Ticker) -> None:
    tracks = [*intake.tracks, *([intake.available] if intake.available else [])]
    conditions = [*columns.feed_where, ()]
    wanted = _wanted(intake)
    lone = columns.time[0] if len(columns.time) == 1 else -1
    row_ns, row_line = intake.row_ns, intake.row_line
    item_at, value_at = columns.item, columns.value
    for number, cells in rows:
        text = cells[lone] if lone >= 0 else _time_text(cells, columns)
        at_ns = _row_time(intake, text, number, columns.time[0] + 1)
        if at_ns is None:
            continue
        numbers = wanted.get(cells[item_at]) or wanted.get(cells[item_at].strip())
        try:
            found = [(tracks[n], tracks[n].values[cells[value_at]]) for n in numbers or ()
                     if not conditions[n] or _meets(cells, conditions[n])]  # fmt: skip
        except BadCell as bad:
            intake.refuse_cell(number, value_at + 1, bad)
            continue
        row = len(row_ns)
        row_ns.append(at_ns)
        row_line.append(number)
        if not numbers:
            intake.skipped["other"] += 1
        for track, value in found:
            if value != NO_READING:
                track.row.append(row)
                track.value.append(value)
        ticker.at(number)


def adapter_lines(intake: Intake, lines: list[str], first: int) -> list[str]:
    """The lines with commands (`* …`) and assets, bodies included, made blank and counted."""
    if not any(line.startswith("*") or "|@" in line for line in lines):
        return lines
    kept = list(lines)
    marks: dict[str, list[int]] = {}
    for index, line in enumerate(lines):
        if line.startswith("--multiline--"):
            marks.setdefault(line.strip(), []).append(index)
    index = first - 1
    while index < len(lines):
        line = lines[index]
        end = index
        if line.startswith("*"):
            intake.skipped["command"] += 1
        elif (fields := line.split("|", 2))[1:] and fields[1].startswith("@"):
            mark = line[line.rfind("--multiline--") :].strip() if "--multiline--" in line else ""
            closing = marks.get(mark, [])
            place = bisect_left(closing, index + 1)
            if mark and place == len(closing):
                intake.refuse(index + 1, 0, "edge.asset_unclosed", value=shown(mark))
            else:
                end = closing[place] if mark else index
                body = sum(1 for one in lines[index : end + 1] if one.strip())
                intake.skipped["asset"] += body
        else:
            index += 1
            continue
        kept[index : end + 1] = [""] * (end + 1 - index)
        index = end + 1
    return kept


def take_adapter(intake: Intake, rows: Iterator[Row], ticker: _Ticker) -> None:
    """MTConnect adapter lines: a time, then items and values in pairs, or one condition or message."""
    tracks = [*intake.tracks, *([intake.available] if intake.available else [])]
    wanted = _wanted(intake)
    row_ns, row_line = intake.row_ns, intake.row_line
    for number, cells in rows:
        at_ns = _row_time(intake, cells[0].partition("@")[0], number, 1)
        if at_ns is None:
            continue
        size = len(cells)
        try:
            column = size
            if size == 3:
                numbers = wanted.get(cells[1])
                column = 2
                found = [(tracks[n], tracks[n].values[cells[2]]) for n in numbers or ()]
            else:
                found = []
                for column in _value_columns(cells, wanted):
                    for n in wanted.get(cells[column - 1], ()):
                        found.append((tracks[n], tracks[n].values[cells[column]]))
        except BadCell as bad:
            intake.refuse_cell(number, column + 1, bad)
            continue
        row = len(row_ns)
        row_ns.append(at_ns)
        row_line.append(number)
        if not found:
            intake.skipped["other"] += 1
        for track, value in found:
            if value != NO_READING:
                track.row.append(row)
                track.value.append(value)
        ticker.at(number)


def _value_columns(cells: list[str], wanted: dict[str, list[int]]) -> range:
    """Where the values stand in an adapter line. Raises BadCell when items and values do not pair up."""
    size = len(cells)
    if size % 2 == 0 and size > 2 and not cells[-1]:
        size -= 1
    # A condition has item, level, native code, severity, qualifier, text: a level word, and no mapped item after.
    if size == _CONDITION_FIELDS and cells[2].upper() in _CONDITION_LEVELS:
        if cells[3] not in wanted and cells[5] not in wanted:
            return range(2, 3)
    if size == 4 and cells[1] not in wanted:
        return range(0)  # a message: item, native code, text
    if size < 3 or size % 2 == 0:
        raise BadCell("edge.row_pairs")
    return range(2, size, 2)
