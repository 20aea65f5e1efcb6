"""A look at a log without reading it whole: lines from head, middle and tail of its files, and how they are
split.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from hansa.edge import log_limits as limits
from hansa.edge.log_errors import BadCell, EdgeRefusal, refusal
from hansa.edge.log_files import (
    Source,
    decoded,
    delimiter_named,
    find_files,
    guess_encoding,
    sheet_rows,
    split_line,
    text_lines,
)
from hansa.edge.log_time import TimeReader, zone_named
from hansa.edge.probe_words import says

SAMPLE_BYTES = 2 * limits.MILLION
WHOLE_BYTES = 4 * limits.MILLION
SAMPLE_FILES = 120
HEAD_LINES = 200
_CLOCK_ONLY = re.compile(
    r"(上午|下午)?\d{1,2}[:时点]\d{1,2}([:分]\d{1,2}([.,]\d+)?)?秒?(\s*[AaPp]\.?[Mm]\.?)?"
)
_DAY_MONTH = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4}|\d\d)\b")
_NUMBER = re.compile(r"\d{1,13}([.,]\d+)?")


@dataclass(frozen=True, slots=True)
class Sample:
    """Rows of a log, in stretches that follow each other in a file."""

    source: Source
    device: str
    """What the names of all files have in common."""
    files: int
    bytes: int
    lines: int
    """Lines of all files, counted; of workbooks, rows of the first."""
    whole: bool
    encoding: str
    workbook: bool
    head: list[str]
    """The first lines of the first file."""
    stretches: list[list[str]]
    cells: list[list[str]]
    """Of a workbook: all rows, blank ones as []."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How rows are split and where the time stands. Columns count from 0."""

    delimiter: str
    width: int
    header_line: int
    first_row: int
    header: list[str]
    time: tuple[int, ...]
    time_format: str
    sure: bool
    """False when day and month could be the other way round."""


def take_sample(path: Path) -> Sample:
    """Raises EdgeRefusal when there is no file or it cannot be read."""
    sources = find_files(path)
    try:
        sizes = {source: source.path.stat().st_size for source in sources}
        total = sum(sizes.values())
        first = sources[0]
        with first.path.open("rb") as file:
            start = file.read(4)
        if start == b"PK\x03\x04":
            return _workbook_sample(first, sources, total)
        whole = total <= WHOLE_BYTES
        step = 1 if whole else max(1, len(sources) // SAMPLE_FILES)
        chosen = sources[::step]
        share = WHOLE_BYTES if whole else SAMPLE_BYTES // len(chosen)
        pieces = [piece for source in chosen for piece in _pieces(source, sizes[source], share)]
        lines = sum(_count_lines(source) for source in sources)
    except OSError as error:
        name = sources[0].name
        raise refusal("edge.file_unreadable", "log", file=name, detail=str(error.strerror)) from None
    encoding = guess_encoding(pieces[0]) if pieces else "utf-8"
    encoding = _single_byte(pieces) if encoding == "utf-8" else encoding
    stretches = [text_lines(decoded(piece, encoding)[0]) for piece in pieces]
    head = stretches[0][:HEAD_LINES] if stretches else []
    device = _common_name(sources)
    return Sample(first, device, len(sources), total, lines, whole, encoding, False, head, stretches, [])


def _workbook_sample(source: Source, sources: list[Source], total: int) -> Sample:
    rows = dict(sheet_rows(source.path.read_bytes(), "", source.name, "."))
    cells = [rows.get(number, []) for number in range(1, max(rows, default=0) + 1)]
    device = _common_name(sources)
    return Sample(source, device, len(sources), total, len(cells), True, "auto", True, [], [], cells)


def _common_name(sources: list[Source]) -> str:
    """`Hurco01` of `Hurco01-20170201.txt` and its like; of a lone file, its name."""
    stems = [source.path.stem for source in sources]
    first, last = min(stems), max(stems)
    alike = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    common = first if first == last else re.sub(r"[-_. ]+\d*$", "", first[:alike])
    return common or sources[0].path.parent.name


def _single_byte(pieces: list[bytes]) -> str:
    """UTF-8 that is none is cp1252 where lone bytes above ASCII stand between letters, as in `Stück`."""
    damaged = 0
    for piece in pieces:
        try:
            piece.decode("utf-8")
        except UnicodeDecodeError:
            damaged += len(re.findall(rb"[A-Za-z(][\x80-\xff][A-Za-z)/;,\t ]", piece))
    return "cp1252" if damaged else "utf-8"


def _pieces(source: Source, size: int, share: int) -> list[bytes]:
    """Head, middle and tail of a file, cut at line ends; the whole where it is short."""
    with source.path.open("rb") as file:
        if size <= share or file.read(2) in (b"\xff\xfe", b"\xfe\xff"):
            file.seek(0)
            return [file.read(max(share, WHOLE_BYTES))]
        found = []
        for at, length in ((0, share // 2), (size // 2, share // 4), (size - share // 4, share // 4)):
            file.seek(at)
            piece = file.read(length)
            begin = piece.find(b"\n") + 1 if at else 0
            end = piece.rfind(b"\n") + 1
            found.append(piece[begin : end or len(piece)])
        return found


def _count_lines(source: Source) -> int:
    count, last = 0, b"\n"
    with source.path.open("rb") as file:
        while block := file.read(1 << 22):
            count += block.count(b"\n")
            last = block
    return count + (not last.endswith(b"\n"))


def is_adapter(sample: Sample) -> bool:
    """Adapter lines: a time of ISO 8601, then items and values, parted by |, without a header."""
    lines = [line for line in sample.head if "|" in line]
    reader = TimeReader(("year_first",), zone_named("UTC"))
    good = sum(_reads(reader, line.partition("|")[0]) and line.count("|") >= 2 for line in lines)
    return bool(lines) and good >= 0.8 * len(lines) and _reads(reader, lines[0].partition("|")[0])


def find_layout(sample: Sample) -> Layout | None:
    """The split under which rows have one width and a time; None when there is none."""
    if sample.workbook:
        return _layout_of("", sample.cells[:HEAD_LINES])
    for delimiter in ("tab", ";", "|", ",", "whitespace"):
        rows = [_split(line, delimiter_named(delimiter, "")) for line in sample.head]
        layout = _layout_of(delimiter, rows)
        if layout is not None:
            return layout
    return None


def _split(line: str, delimiter: str) -> list[str]:
    try:
        return split_line(line, delimiter) if line.strip() else []
    except csv.Error:
        return line.split(delimiter)


def _layout_of(delimiter: str, rows: list[list[str]]) -> Layout | None:
    widths = Counter(len(row) for row in rows if len(row) > 1)
    if not widths:
        return None
    width, count = widths.most_common(1)[0]
    filled = sum(1 for row in rows if row)
    if count < 0.7 * filled and count < filled - 20:
        return None
    numbered = [(number, row) for number, row in enumerate(rows, 1) if len(row) == width]
    found = _find_time([row for _, row in numbered])
    if found is None:
        return None
    time, time_format, sure = found
    reader = TimeReader((time_format,), zone_named("UTC"), closes_day=False)
    first = next((n for n, row in numbered if _reads(reader, time_text(row, time))), 0)
    if not first:
        return None
    header_line = _header_line(rows[: first - 1], width)
    header = [cell.strip() for cell in rows[header_line - 1]] if header_line else []
    return Layout(delimiter, width, header_line, first, header, time, time_format, sure)


def _header_line(above: list[list[str]], width: int) -> int:
    """The topmost full row of words above the data (a row of units may follow it); 0 for none."""
    for number, row in enumerate(above, 1):
        words = [cell for cell in row if cell.strip() and not _NUMBER.fullmatch(cell.strip())]
        if len(row) >= width and len(words) >= max(2, width // 2) and len(set(words)) == len(words):
            return number
    return 0


def time_text(row: list[str], time: tuple[int, ...]) -> str:
    """The text of a row's time; date and time in two columns joined."""
    if len(time) == 1:
        return row[time[0]]
    return " ".join([row[time[0]].strip().removesuffix(" 00:00:00"), row[time[1]].strip()])


def _reads(reader: TimeReader, text: str) -> bool:
    try:
        reader.read(text)
    except (BadCell, EdgeRefusal):
        return False
    return True


def _find_time(rows: list[list[str]]) -> tuple[tuple[int, ...], str, bool] | None:
    """Columns of the time, its format, and whether that is beyond doubt."""
    body = rows[1:] if len(rows) > 1 else rows
    names = rows[0]
    found: list[tuple[int, str, bool]] = []
    clocks = []
    for column in range(len(names)):
        cells = [row[column].strip() for row in body if row[column].strip()]
        if cells and sum(bool(_CLOCK_ONLY.fullmatch(c)) for c in cells) >= 0.8 * len(cells):
            clocks.append(column)
        elif family := _time_family(names[column], cells):
            found.append((column, *family))
    if not found:
        return None
    # Prefer a column that says when its interval ends, then one named as a time, then the leftmost.
    found.sort(key=lambda f: (not says(names[f[0]], "interval_end"), not says(names[f[0]], "time"), f[0]))
    column, time_format, sure = found[0]
    has_clock = any(
        ":" in row[column] or "时" in row[column] for row in body if row[column][-9:] != " 00:00:00"
    )
    if clocks and not has_clock and time_format in ("year_first", "day_first", "month_first"):
        return (column, clocks[0]), time_format, sure
    return (column,), time_format, sure


def _time_family(name: str, cells: list[str]) -> tuple[str, bool] | None:
    if not cells:
        return None
    need = 0.8 * len(cells)
    reader = TimeReader(("year_first",), zone_named("UTC"))
    long_enough = [cell for cell in cells if len(cell) >= 8 and not cell.isdecimal()]
    if sum(_reads(reader, cell) for cell in long_enough) >= need:
        return "year_first", True
    ambiguous = day_or_month(cells)
    if ambiguous:
        return ambiguous
    numbers = [float(cell.replace(",", ".")) for cell in cells if _NUMBER.fullmatch(cell)]
    if len(numbers) < need:
        return None
    rising = sum(b >= a for a, b in pairwise(numbers)) >= 0.8 * (len(numbers) - 1)
    spans = (("epoch_s", 9.4e8, 4.2e9), ("epoch_ms", 9.4e11, 4.2e12), ("excel", 32_000.0, 74_000.0))
    for family, low, high in spans:
        fits = rising and all(low < number < high for number in numbers)
        if fits and (family != "excel" or says(name, "time")):
            return family, family != "excel"
    return None


def day_or_month(cells: list[str]) -> tuple[str, bool] | None:
    """Which of day and month comes first, and whether that is beyond doubt; None where cells are no such
    dates.
    """
    dates = [found for cell in cells if (found := _DAY_MONTH.match(cell.strip()))]
    if not dates or len(dates) < 0.8 * len(cells):
        return None
    pairs = [(int(found[1]), int(found[2])) for found in dates]
    if any(first > 12 for first, _ in pairs):
        return "day_first", True
    if any(second > 12 for _, second in pairs):
        return "month_first", True
    # Neither passes 12: the field that changes more often is the day.
    firsts = sum(a[0] != b[0] for a, b in pairwise(pairs))
    seconds = sum(a[1] != b[1] for a, b in pairwise(pairs))
    return ("month_first" if seconds > firsts else "day_first"), False


def body_rows(sample: Sample, layout: Layout) -> Iterable[tuple[bool, list[str]]]:
    """Rows of the sample, split; True with the first of a stretch. Rows of another width are left out."""
    if sample.workbook:
        cells = sample.cells[layout.first_row - 1 :]
        yield from ((not n, row + [""] * (layout.width - len(row))) for n, row in enumerate(cells) if row)
        return
    delimiter = delimiter_named(layout.delimiter, "")
    for stretch in sample.stretches:
        starts = True
        for line in stretch:
            row = _split(line, delimiter)
            if len(row) == layout.width or (len(row) > layout.width and not any(row[layout.width :])):
                yield starts, row
                starts = False
