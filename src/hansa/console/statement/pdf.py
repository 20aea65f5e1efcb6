"""The paper as PDF, with the letters that it needs embedded: it looks and reads the same on every machine."""

from datetime import UTC, datetime
from functools import cache
from importlib.resources import as_file, files
from typing import Any

from hansa.client.pay.needs import library
from hansa.console.statement.paper import Grid, Paper

FONT = "Noto"
FONT_FILE = "vendor/noto-sans-cjk-sc/NotoSansCJKsc-Regular-part.otf"
MARGIN_MM, WIDTH_MM = 12, 186
QR_MM = 27
SEAL_MM = 34
LINE_MM = 4.4
CHINESE = 0x2E7F
"""Letters beyond it are Chinese."""
PAYMENT_PAIRS = 5
"""Of an obligation, the reference last."""


def pdf_bytes(paper: Paper, made_ms: int) -> bytes:
    """The same paper made at the same instant gives the same bytes. Raises LibraryMissing."""
    pdf = _empty(paper, made_ms)
    _head(pdf, paper)
    _pairs(pdf, paper.facts)
    pdf.set_font_size(12)
    pdf.cell(0, 8, letters(f"{paper.sum[0]}  {paper.sum[1]}"), new_x="LMARGIN", new_y="NEXT")
    for grid in paper.grids:
        _grid(pdf, grid)
    _payment(pdf, paper)
    pdf.set_font_size(7.5)
    pdf.multi_cell(0, 4, f"SHA-256 {paper.evidence}", new_x="LMARGIN", new_y="NEXT")
    for note in paper.notes:
        pdf.multi_cell(0, 4, letters(note), new_x="LMARGIN", new_y="NEXT")
    _seals(pdf, paper.seals)
    return bytes(pdf.output())


def _empty(paper: Paper, made_ms: int) -> Any:
    """A document with one page, the font and the foot of every page."""

    def foot(pdf: Any) -> None:
        pdf.set_y(-12)
        pdf.set_font(FONT, size=7)
        pdf.cell(0, 4, letters(f"{paper.title} {paper.number}"))
        pdf.cell(0, 4, f"{pdf.page_no()} / {{nb}}", align="R")

    pdf: Any = type("Document", (library("fpdf").FPDF,), {"footer": foot})(format="A4")
    pdf.set_creation_date(datetime.fromtimestamp(made_ms // 1_000, UTC))
    pdf.set_title(f"{paper.title} {paper.number}")
    pdf.set_lang("zh-CN" if paper.lang == "zh" else "en")
    pdf.set_margins(MARGIN_MM, MARGIN_MM)
    pdf.set_auto_page_break(True, 16)
    with as_file(files("hansa.console.statement").joinpath(FONT_FILE)) as path:
        pdf.add_font(FONT, "", path)
    pdf.set_font(FONT, size=9)
    pdf.add_page()
    return pdf


def _head(pdf: Any, paper: Paper) -> None:
    top = pdf.get_y()
    _qr(pdf, paper.code, MARGIN_MM + WIDTH_MM - QR_MM, top)
    pdf.set_font_size(18)
    pdf.cell(WIDTH_MM - QR_MM, 10, letters(paper.title), new_x="LMARGIN", new_y="NEXT")
    pdf.set_font_size(9)
    pdf.cell(WIDTH_MM - QR_MM, 6, letters(paper.number), new_x="LMARGIN", new_y="NEXT")
    for role, name, registration in paper.parties:
        text = letters(f"{role}  {name}  {registration}")
        pdf.multi_cell(WIDTH_MM - QR_MM - 4, LINE_MM, text, align="L", new_x="LMARGIN", new_y="NEXT")
    pdf.set_y(max(pdf.get_y(), top + QR_MM) + 1)
    pdf.line(MARGIN_MM, pdf.get_y(), MARGIN_MM + WIDTH_MM, pdf.get_y())
    pdf.ln(2)


def _qr(pdf: Any, code: str, left: float, top: float) -> None:
    """The code as squares: sharp at any size, no image."""
    rows = [list(row) for row in library("segno").make(code, error="m", micro=False).matrix]
    step = QR_MM / len(rows)
    pdf.set_fill_color(0)
    for down, row in enumerate(rows):
        for across, dark in enumerate(row):
            if dark:
                pdf.rect(left + across * step, top + down * step, step, step, style="F")


def _pairs(pdf: Any, pairs: tuple[tuple[str, str], ...]) -> None:
    """Labels and values, two pairs a row; the last has the whole row where it is alone."""
    pdf.set_font_size(9)
    with pdf.table(
        borders_layout="NONE", first_row_as_headings=False, line_height=LINE_MM, align="L"
    ) as table:
        for at in range(0, len(pairs), 2):
            two = pairs[at : at + 2]
            row = table.row()
            for label, value in two:
                text = f"{label}：{value}" if ord(label[0]) > CHINESE else f"{label}: {value}"
                row.cell(letters(text), colspan=3 - len(two))


def _grid(pdf: Any, grid: Grid) -> None:
    if pdf.will_page_break(18):
        pdf.add_page()
    pdf.set_font_size(10)
    pdf.cell(0, 8, letters(grid.title), new_x="LMARGIN", new_y="NEXT")
    pdf.set_font_size(8)
    plain = library("fpdf.fonts").FontFace(emphasis="")
    with pdf.table(
        borders_layout="HORIZONTAL_LINES",
        headings_style=plain,
        col_widths=_widths(pdf, grid),
        text_align=tuple("RIGHT" if at in grid.right else "LEFT" for at in range(len(grid.heads))),
        line_height=LINE_MM,
        padding=(0.5, 1),
    ) as table:
        for cells in (grid.heads, *grid.rows):
            row = table.row()
            for cell in cells:
                row.cell(letters(cell))


def _widths(pdf: Any, grid: Grid) -> tuple[float, ...]:
    """What each column needs; wide ones get what is left, or all are narrowed alike."""
    need = [
        max(pdf.get_string_width(letters(row[at])) for row in (grid.heads, *grid.rows)) + 3.5
        for at in range(len(grid.heads))
    ]
    narrow = sum(width for at, width in enumerate(need) if at not in grid.wide)
    wide = [at for at in range(len(need)) if at in grid.wide]
    if wide and WIDTH_MM - narrow >= 30 * len(wide):
        for at in wide:
            need[at] = (WIDTH_MM - narrow) / len(wide)
    return tuple(width / sum(need) for width in need)


def _payment(pdf: Any, paper: Paper) -> None:
    if pdf.will_page_break(LINE_MM * (len(paper.payment) + 2)):
        pdf.add_page()
    pdf.ln(3)
    top = pdf.get_y()
    pdf.ln(1.5)
    for at in range(0, len(paper.payment), PAYMENT_PAIRS):
        _pairs(pdf, paper.payment[at : at + PAYMENT_PAIRS])
    pdf.rect(MARGIN_MM, top, WIDTH_MM, pdf.get_y() - top + 1.5)
    pdf.ln(4)


def _seals(pdf: Any, seals: tuple[str, str]) -> None:
    if pdf.will_page_break(SEAL_MM + 6):
        pdf.add_page()
    pdf.ln(4)
    top, width = pdf.get_y(), (WIDTH_MM - 10) / 2
    for number, seal in enumerate(seals):
        left = MARGIN_MM + number * (width + 10)
        pdf.set_xy(left + 2, top + 1)
        pdf.cell(width - 4, 5, letters(seal))
        with pdf.local_context(dash_pattern={"dash": 1, "gap": 1}):
            pdf.rect(left, top, width, SEAL_MM)
    pdf.set_y(top + SEAL_MM)


@cache
def _known() -> frozenset[int]:
    """Characters that the font has."""
    fonts = library("fontTools.ttLib")
    with as_file(files("hansa.console.statement").joinpath(FONT_FILE)) as path, fonts.TTFont(path) as font:
        return frozenset(font.getBestCmap())


def letters(text: str) -> str:
    """The text with what the font lacks written as code points: nothing is printed as an empty box."""
    return "".join(char if ord(char) in _known() else f"[U+{ord(char):04X}]" for char in text)
