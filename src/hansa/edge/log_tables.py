"""Rows of tables: wide (a column per signal) and long (time, item, value)."""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from hansa.edge.log_errors import BadCell, refusal, shown
from hansa.edge.log_files import Row
from hansa.edge.log_intake import Intake, Ticker, Track
from hansa.edge.mapping_model import Column, LogFormat, Values

Conditions = tuple[tuple[int, frozenset[str]], ...]


@dataclass(frozen=True, slots=True)
class Columns:
    """Where things stand in the rows of one file, numbered from 0."""

    width: int
    time: tuple[int, ...]
    item: int
    value: int
    feeds: tuple[int, ...]
    """Of a wide log: each track's column, the availability's last."""
    log_where: Conditions
    feed_where: tuple[Conditions, ...]

    def time_text(self, cells: list[str]) -> str:
        """Date and time in two columns are joined; a date cell of a workbook brings its own midnight
        along.
        """
        if len(self.time) == 1:
            return cells[self.time[0]]
        first, *others = (cells[index].strip() for index in self.time)
        return " ".join([first.removesuffix(" 00:00:00"), *others])


def take_table(
    intake: Intake, rows: Iterator[Row], header: list[str] | None, log: LogFormat, ticker: Ticker
) -> None:
    """Takes the rows of one file. Its first row gives the width where there is no header.

    Raises EdgeRefusal when a mapped column is missing.
    """
    first = next(rows, None)
    if first is None:
        return
    columns = _locate(intake, header, len(first[1]), log)
    take = _take_wide if log.format == "wide" else _take_long
    take(intake, _fitting(intake, first, rows, columns), columns, ticker)


def _locate(intake: Intake, header: list[str] | None, width: int, log: LogFormat) -> Columns:
    names = [name.strip() for name in header or []]
    while names and not names[-1]:
        names.pop()
    width = len(names) or width
    file = intake.file_names[-1]

    def index(column: Column, key: str) -> int:
        if isinstance(column, int) and 1 <= column <= width:
            return column - 1
        if isinstance(column, str) and column.strip() in names:
            return names.index(column.strip())
        near = get_close_matches(str(column), names, 1)
        known = shown(", ".join(near + [n for n in names if n not in near]) or f"1 … {width}", 300)
        value = shown(str(column))
        raise refusal("edge.column_missing", key, file=file, line=log.header_line, value=value, known=known)

    def where(table: dict[str, Values], key: str) -> Conditions:
        found = []
        for name, wanted in table.items():
            column = int(name) if name.isdecimal() and name not in names else name
            found.append((index(column, key), frozenset([wanted] if isinstance(wanted, str) else wanted)))
        return tuple(found)

    wide = log.format == "wide"
    tracks = intake.all_tracks()
    return Columns(
        width=width,
        time=tuple(index(column, "log.time") for column in log.time_columns),
        item=-1 if wide else index(log.item, "log.item"),
        value=-1 if wide else index(log.value, "log.value"),
        feeds=tuple(index(t.spec.column, f"feed[{t.spec.name}].column") for t in tracks) if wide else (),
        log_where=where(log.where, "log.where"),
        feed_where=tuple(where(t.spec.where, f"feed[{t.spec.name}].where") for t in tracks),
    )


def _fitting(intake: Intake, first: Row, rows: Iterator[Row], columns: Columns) -> Iterator[Row]:
    """Rows of the right width (empty cells past the end are forgiven) that meet the log's condition."""
    width, conditions = columns.width, columns.log_where
    row: Row | None = first
    while row is not None:
        number, cells = row
        size = len(cells)
        if size != width and (size < width or any(cells[width:])):
            intake.refuse(number, min(size, width) + 1, "edge.row_columns", need=width, value=size)
        elif conditions and not _meets(cells, conditions):
            intake.skipped["other"] += 1
        else:
            yield row
        row = next(rows, None)


def _meets(cells: list[str], conditions: Conditions) -> bool:
    return all(cells[index].strip() in wanted for index, wanted in conditions)


def _take_wide(intake: Intake, rows: Iterator[Row], columns: Columns, ticker: Ticker) -> None:
    sources = list(zip(intake.all_tracks(), columns.feeds, columns.feed_where, strict=True))
    read_time, time_at, joined = intake.time.read, columns.time[0], len(columns.time) > 1
    for number, cells in rows:
        column = time_at
        found: list[tuple[Track, int]] = []
        try:
            at_ns = read_time(columns.time_text(cells) if joined else cells[time_at])
            for track, column, conditions in sources:
                if not conditions or _meets(cells, conditions):
                    found.append((track, track.values[cells[column]]))
        except BadCell as bad:
            intake.refuse_cell(number, column + 1, bad)
            continue
        intake.add(at_ns, number, found)
        if number >= ticker.due:
            ticker.at(number)


def _take_long(intake: Intake, rows: Iterator[Row], columns: Columns, ticker: Ticker) -> None:
    conditions = dict(zip(intake.all_tracks(), columns.feed_where, strict=True))
    wanted = {
        item: [(track, conditions[track]) for track in tracks]
        for item, tracks in intake.tracks_by_item().items()
    }
    read_time, time_at, joined = intake.time.read, columns.time[0], len(columns.time) > 1
    item_at, value_at = columns.item, columns.value
    for number, cells in rows:
        column = time_at
        found: list[tuple[Track, int]] = []
        try:
            at_ns = read_time(columns.time_text(cells) if joined else cells[time_at])
            column = value_at
            for track, asked in wanted.get(cells[item_at]) or wanted.get(cells[item_at].strip()) or ():
                if not asked or _meets(cells, asked):
                    found.append((track, track.values[cells[value_at]]))
        except BadCell as bad:
            intake.refuse_cell(number, column + 1, bad)
            continue
        if not found:
            intake.skipped["other"] += 1
        intake.add(at_ns, number, found)
        if number >= ticker.due:
            ticker.at(number)
