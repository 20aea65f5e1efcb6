"""What a report shows of business, to sales clerk, bank and accountant: sections of words, bars and tables.

Whoever fills them writes every text in both languages. Times are ms since the epoch; amounts are minor units
of the agreement's currency.
"""

from typing import Literal

from hansa.console.report.part import Part, Text

Kind = Literal[
    "text",
    "proper",
    "member",
    "money",
    "number",
    "quantity",
    "period",
    "time",
    "date",
    "badge",
    "hash",
    "file",
]
Tone = Literal["good", "warn", "bad", ""]


class Label(Part):
    """A text in a table; in a column of badges with a sign by its tone."""

    zh: str
    en: str
    tone: Tone = ""


class Column(Part):
    name: Text
    kind: Kind
    """What its cells are. text: in both languages; quantity: likewise, a number with its unit; proper: the
    same in every language; period: days, likewise; member: by its id; hash: a digest, cut on screen; file: a
    path below the report's own folder, with `/`. The heads of money name the currency."""


Cell = Label | str | int | None
"""As its column's kind says; None is left empty. `time` and `date` are ms."""


class Grid(Part):
    """A table. Each row has a cell for each column; a column in which all are empty is not shown."""

    title: Text
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    empty: Text
    """Said instead where there is no row."""
    foot: tuple[tuple[Cell, ...], ...] = ()
    """Sums, below the rows."""


class Bar(Part):
    """A stretch of a calendar."""

    text: Text
    from_ms: int
    to_ms: int
    tone: Literal["idle", "let", "sublet"]


class Lane(Part):
    """One line of a calendar: an asset, a lease."""

    name: Text
    bars: tuple[Bar, ...]


class Timetable(Part):
    """Lanes over the same time, from ≤ t < to."""

    title: Text
    from_ms: int
    to_ms: int
    lanes: tuple[Lane, ...]


class Section(Part):
    title: Text
    paragraphs: tuple[Text, ...] = ()
    timetable: Timetable | None = None
    grids: tuple[Grid, ...] = ()


class Business(Part):
    """A tab each for sales clerk and bank; `books` stands below the accountant's statements."""

    sales: tuple[Section, ...]
    bank: tuple[Section, ...]
    books: tuple[Section, ...]
