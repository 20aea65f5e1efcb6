"""Rows of xlsx and CSV files as people send them: bounded before anything is unpacked, formulas known."""

import csv
import io
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from hansa.client import sheet_errors as errors
from hansa.client.problems import printable

FILE_BYTES_MAX = 8 * 2**20
UNPACKED_BYTES_MAX = 64 * 2**20
PARTS_MAX = 500
"""Files within an xlsx file, which is a zip archive."""
ROWS_MAX = 5_000
"""Rows of a sheet, the blank ones too."""
COLUMNS_MAX = 64
CELL_MAX = 2_000
"""Characters of a cell."""
DELIMITERS = ",;\t"

Value = str | int | float | bool | datetime | date | time | None


@dataclass(frozen=True)
class Formula:
    """A cell that holds a formula."""


Cell = Value | Formula


@dataclass(frozen=True)
class Grid:
    """A sheet: its name, and its rows that are not blank, with their numbers as the program shows them."""

    name: str
    rows: Sequence[tuple[int, tuple[Cell, ...]]]


def read_grids(paths: Sequence[Path], rows_max: int = 0) -> list[Grid]:
    """All sheets of xlsx files, and CSV files as sheets named as the file is. `rows_max`: of each; else
    ROWS_MAX. Raises SheetUnreadable, SheetTooLarge.
    """
    rows_max = rows_max or ROWS_MAX
    grids: list[Grid] = []
    for path in paths:
        data = _bytes_of(path)
        if data[:2] == b"PK":
            grids += _workbook(data, path.name, rows_max)
        else:
            grids.append(Grid(path.stem, _bounded(_csv_rows(data, path.name), path.name, rows_max)))
    return grids


def _bytes_of(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise errors.SheetUnreadable(file=path.name, detail=error.strerror or "?") from None
    if len(data) > FILE_BYTES_MAX:
        raise errors.SheetTooLarge(file=path.name, what="bytes", value=len(data), limit=FILE_BYTES_MAX)
    return data


def _workbook(data: bytes, name: str, rows_max: int) -> list[Grid]:
    from openpyxl import load_workbook  # Costs 0.2 s, and CSV files need none of it.

    _check_archive(data, name)
    try:
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=False)
        return [Grid(sheet.title, _bounded(_sheet_rows(sheet), name, rows_max)) for sheet in book.worksheets]
    except (errors.SheetTooLarge, MemoryError):
        raise
    except Exception as error:  # openpyxl raises whatever its parsers meet in a damaged workbook.
        raise errors.SheetUnreadable(file=name, detail=f"{type(error).__name__}") from None


def _check_archive(data: bytes, name: str) -> None:
    """What it would unpack to, by its own word; zipfile reads no entry beyond that."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            sizes = [entry.file_size for entry in packed.infolist()]
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        raise errors.SheetUnreadable(file=name, detail=f"{type(error).__name__}") from None
    if len(sizes) > PARTS_MAX:
        raise errors.SheetTooLarge(file=name, what="parts", value=len(sizes), limit=PARTS_MAX)
    if sum(sizes) > UNPACKED_BYTES_MAX:
        raise errors.SheetTooLarge(file=name, what="bytes", value=sum(sizes), limit=UNPACKED_BYTES_MAX)


def _sheet_rows(sheet: Any) -> Iterator[tuple[int, tuple[Cell, ...]]]:
    for number, row in enumerate(sheet.iter_rows(max_col=COLUMNS_MAX), 1):
        yield number, tuple(Formula() if cell.data_type == "f" else cell.value for cell in row)


def _csv_rows(data: bytes, name: str) -> Iterator[tuple[int, tuple[Cell, ...]]]:
    text = _decoded(data, name)
    head = text[: text.find("\n")] if "\n" in text else text
    delimiter = max(DELIMITERS, key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for row in reader:
            yield reader.line_num, tuple(cell.strip() or None for cell in row[:COLUMNS_MAX])
    except csv.Error as error:
        raise errors.SheetUnreadable(file=name, detail=f"{reader.line_num}: {error}") from None


def _decoded(data: bytes, name: str) -> str:
    """UTF-8, or GB 18030 as Excel writes it in China."""
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text:
            return text
    raise errors.SheetUnreadable(file=name, detail="neither UTF-8 nor GB 18030")


def _bounded(
    rows: Iterator[tuple[int, tuple[Cell, ...]]], name: str, rows_max: int
) -> list[tuple[int, tuple[Cell, ...]]]:
    """Rows that hold anything. Raises SheetTooLarge for more than `rows_max`, blank ones counted."""
    found = []
    for position, (number, cells) in enumerate(rows):
        if position > rows_max:
            raise errors.SheetTooLarge(file=name, what="rows", value=f"> {rows_max}", limit=rows_max)
        clean = tuple(_clean(cell) for cell in cells)
        if any(cell is not None for cell in clean):
            found.append((number, clean))
    return found


def _clean(cell: Cell) -> Cell:
    """Texts without blanks around them; one that is too long for any column is cut for its refusal."""
    if isinstance(cell, str):
        return cell.strip()[:CELL_MAX] or None
    if isinstance(cell, float) and cell != cell:
        return "NaN"
    return cell


def shown(cell: Cell) -> str:
    """A cell for a report."""
    if isinstance(cell, datetime | date | time):
        return cell.isoformat()
    return printable(str(cell))
