"""From paths to rows of text: finding files, decoding them, splitting rows. Knows nothing of signals."""

import csv
import glob
import hashlib
import io
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from os.path import commonpath
from pathlib import Path
from typing import NamedTuple

from hansa.edge import log_limits as limits
from hansa.edge.log_errors import EdgeRefusal, refusal, shown

DAMAGED = "\ufffd"
_DELIMITERS = {"tab": "\t", "space": " ", "comma": ",", "semicolon": ";", "pipe": "|"}
_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))

Refuse = Callable[..., None]
"""`refuse(line, column, code, **params)`: this row is malformed."""
Row = tuple[int, list[str]]
"""Line number from 1, and the cells."""


class Source(NamedTuple):
    """A file to read, and its name in reports: relative to what all files of the log have in common."""

    path: Path
    name: str


def find_files(paths: Sequence[Path] | Path | str) -> list[Source]:
    """The files that paths, folders (searched whole, hidden files left out) or a glob mean, ordered by name.

    The order does not depend on the order given. Raises EdgeRefusal when there is none, or too many.
    """
    given = [paths] if isinstance(paths, (Path, str)) else list(paths)
    found: set[Path] = set()
    try:
        for one in given:
            path = Path(one)
            if path.is_dir():
                inside = (p for p in path.rglob("*") if p.is_file())
                found.update(p.resolve() for p in inside if not _hidden(p.relative_to(path)))
            elif path.is_file():
                found.add(path.resolve())
            else:
                found.update(
                    Path(p).resolve() for p in glob.glob(str(one), recursive=True) if Path(p).is_file()
                )
    except (OSError, ValueError) as error:
        raise refusal("edge.no_files", "log", value=shown(f"{given[0]} ({error})", 200)) from None
    if not found:
        raise refusal("edge.no_files", "log", value=shown(" ".join(map(str, given)), 200))
    if len(found) > limits.FILES_MAX:
        raise refusal("edge.too_many_files", "log", value=len(found), limit=limits.FILES_MAX)
    root = Path(commonpath([path.parent for path in found]))
    return sorted((Source(path, path.relative_to(root).as_posix()) for path in found), key=lambda s: s.name)


def _hidden(path: Path) -> bool:
    return any(part.startswith((".", "~$")) for part in path.parts)


def file_bytes(source: Source) -> bytes:
    """The whole file. Raises EdgeRefusal when it is too large or cannot be read."""
    try:
        size = source.path.stat().st_size
        if size > limits.FILE_BYTES_MAX:
            raise refusal(
                "edge.file_too_large", "log", file=source.name, value=size, limit=limits.FILE_BYTES_MAX
            )
        return source.path.read_bytes()
    except OSError as error:
        raise refusal("edge.file_unreadable", "log", file=source.name, detail=str(error.strerror)) from None


def digest(data: bytes) -> str:
    """SHA-256 of a file, in hex."""
    return hashlib.sha256(data).hexdigest()


def guess_encoding(data: bytes) -> str:
    """The rule for `auto`: a byte-order mark; else UTF-8 where it holds; else GB18030 where it holds and
    nearly all bytes above ASCII stand in pairs as common Chinese does (in other tongues they stand alone);
    else UTF-8, whose damaged rows are then refused.
    """
    for mark, name in _BOMS:
        if data.startswith(mark):
            return name
    for name in ("utf-8", "gb18030"):
        try:
            data.decode(name)
        except UnicodeDecodeError:
            continue
        if name == "utf-8":
            return name
        alone = re.sub(rb"[\xa1-\xfe]{2}|[\x00-\x7f]+", b"", data)
        paired = len(re.findall(rb"[\xa1-\xfe]{2}", data))
        return name if paired > 10 * len(alone) else "utf-8"
    return "utf-8"


def decoded(data: bytes, encoding: str) -> tuple[str, str]:
    """Text and the encoding used. Bytes that do not decode become U+FFFD, so that their rows can be named."""
    name = guess_encoding(data) if encoding == "auto" else encoding
    if name.lower().replace("_", "-") in ("utf-8", "utf8"):
        name = "utf-8-sig"
    try:
        text = data.decode(name, errors="replace")
    except (UnicodeError, ValueError):
        text = DAMAGED
    return text, name.removesuffix("-sig")


def text_lines(text: str) -> list[str]:
    """Lines as editors number them: \\n, \\r\\n or \\r. Other separators of Unicode end no line."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    return lines


def delimiter_named(name: str, fallback: str) -> str:
    """The delimiter of the mapping: itself, or `tab`, `space`, `comma`, `semicolon`, `pipe`, `whitespace`."""
    return _DELIMITERS.get(name, name) or fallback


def split_line(line: str, delimiter: str) -> list[str]:
    """Cells of one line; a row never spans lines. Raises csv.Error when a quotation mark is not closed."""
    if delimiter == "whitespace":
        return line.split()
    if '"' not in line or len(delimiter) > 1:
        return line.split(delimiter)
    return next(csv.reader([line], delimiter=delimiter, strict=True), [])


def text_rows(lines: list[str], first: int, delimiter: str, comment: str, encoding: str, refuse: Refuse
              ) -> Iterator[Row]:  # fmt: skip
    """Rows from line `first` on, without blank and comment lines. Rows that cannot be split go to
    `refuse`.
    """
    damaged = any(DAMAGED in line for line in lines)
    quoted = any('"' in line for line in lines) or len(delimiter) > 1
    for number in range(first, len(lines) + 1):
        line = lines[number - 1]
        if not line or line.isspace() or (comment and line.startswith(comment)):
            continue
        if damaged and DAMAGED in line:
            refuse(
                number, 1 + line[: line.index(DAMAGED)].count(delimiter), "edge.row_encoding", value=encoding
            )
            continue
        if not quoted:
            yield number, line.split(delimiter)
            continue
        try:
            yield number, split_line(line, delimiter)
        except csv.Error:
            refuse(number, 0, "edge.row_quote")


def sheet_rows(data: bytes, sheet: str, name: str, decimal: str) -> list[Row]:
    """All rows of a sheet (the first, where the mapping names none) as text, with their row numbers.

    Dates come as `YYYY-MM-DD HH:MM:SS[.fff]`, numbers in the shortest decimal that means the same double,
    with the mapping's decimal sign, empty cells as "". Raises EdgeRefusal when the workbook is damaged or
    unpacks to more than a limit.
    """
    from openpyxl import load_workbook  # costs 0.2 s, and most logs are text

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            size = sum(entry.file_size for entry in packed.infolist())
        if size > limits.XLSX_UNPACKED_BYTES_MAX:
            raise refusal(
                "edge.file_too_large", "log", file=name, value=size, limit=limits.XLSX_UNPACKED_BYTES_MAX
            )
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        if sheet and sheet not in book.sheetnames:
            known = shown(", ".join(book.sheetnames), 200)
            raise refusal("edge.sheet_missing", "log.sheet", file=name, value=sheet, known=known)
        table = book[sheet or book.sheetnames[0]]
        rows = [
            (number, [cell_text(value, decimal) for value in row])
            for number, row in enumerate(table.iter_rows(values_only=True), 1)
        ]
    except EdgeRefusal:
        raise
    except MemoryError:
        raise
    except Exception as error:  # openpyxl raises whatever its parsers meet in a damaged workbook
        detail = f"{type(error).__name__}: {shown(str(error))}"
        raise refusal("edge.file_unreadable", "log", file=name, detail=detail) from None
    return [(number, cells) for number, cells in rows if any(cells)]


def cell_text(value: object, decimal: str = ".") -> str:
    """A spreadsheet cell as text; see `sheet_rows`."""
    if value is None:
        return ""
    if isinstance(value, float):
        return repr(value).removesuffix(".0").replace(".", decimal)
    if isinstance(value, datetime):
        return value.isoformat(" ")
    if isinstance(value, timedelta):
        total_ms = round(value / timedelta(milliseconds=1))
        minutes, rest_ms = divmod(total_ms, 60_000)
        return f"{minutes // 60}:{minutes % 60:02d}:{rest_ms // 1000:02d}.{rest_ms % 1000:03d}"
    if isinstance(value, (date, time)):
        return value.isoformat()
    return str(value)
