"""One file → rows of the intake, by the kind of file and the format of the mapping."""

import csv
from collections.abc import Callable, Iterator

from hansa.edge.log_adapter import adapter_lines, take_adapter
from hansa.edge.log_errors import refusal
from hansa.edge.log_files import (
    Source,
    decoded,
    delimiter_named,
    sheet_rows,
    split_line,
    text_lines,
    text_rows,
)
from hansa.edge.log_intake import Intake, Ticker
from hansa.edge.log_tables import take_table
from hansa.edge.mapping_model import LogFormat


def take_file(
    intake: Intake, source: Source, data: bytes, log: LogFormat, tell: Callable[[float], None]
) -> None:
    """Reads one file into the intake. `tell` hears the share of the file that is done.

    Raises EdgeRefusal when the file does not fit the mapping, TooManyMalformed past the intake's
    `stop_after`.
    """
    intake.file_names.append(source.name)
    intake.file_start.append(len(intake.row_ns))
    if data.startswith(b"PK\x03\x04"):
        _take_workbook(intake, source, data, log, tell)
    else:
        _take_text(intake, source, data, log, tell)


def _take_workbook(
    intake: Intake, source: Source, data: bytes, log: LogFormat, tell: Callable[[float], None]
) -> None:
    sheet = sheet_rows(data, log.sheet, source.name, log.decimal)
    header = next((cells for number, cells in sheet if number == log.header_line), None)
    if log.header_line and sheet and header is None:
        raise refusal("edge.no_header", "log.header_line", file=source.name, line=log.header_line)
    body = [row for row in sheet if row[0] >= log.first_data_line]
    width = max((len(cells) for _, cells in sheet), default=0)
    intake.rows += len(body)
    intake.compare(tuple(cells) for _, cells in body)
    rows = ((number, cells + [""] * (width - len(cells))) for number, cells in body)
    take_table(intake, rows, header, log, Ticker(tell, len(body)))


def _take_text(
    intake: Intake, source: Source, data: bytes, log: LogFormat, tell: Callable[[float], None]
) -> None:
    text, encoding = decoded(data, log.encoding)
    lines = text_lines(text)
    first = log.first_data_line
    intake.rows += sum(1 for _ in _solid(lines[first - 1 :], log.comment))
    ticker = Ticker(tell, len(lines))
    if log.format == "shdr":
        lines = adapter_lines(intake, lines, first)
    intake.compare(_solid(lines[first - 1 :], log.comment))
    if log.format == "shdr":
        take_adapter(intake, text_rows(lines, first, "|", log.comment, encoding, intake.refuse), ticker)
        return
    delimiter = delimiter_named(log.delimiter, ",")
    header = None
    if log.header_line and lines:
        if log.header_line > len(lines):
            raise refusal("edge.no_header", "log.header_line", file=source.name, line=log.header_line)
        header = _header_cells(lines[log.header_line - 1], delimiter)
    rows = text_rows(lines, first, delimiter, log.comment, encoding, intake.refuse)
    take_table(intake, rows, header, log, ticker)


def _solid(lines: list[str], comment: str) -> Iterator[str]:
    """Lines that are neither blank nor comments."""
    solid = filter(str.strip, lines)
    return (line for line in solid if not line.startswith(comment)) if comment else solid


def _header_cells(line: str, delimiter: str) -> list[str]:
    try:
        return split_line(line, delimiter)
    except csv.Error:
        return line.split(delimiter)
