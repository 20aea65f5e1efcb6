"""Lists as tables: one table, shown to people, written as CSV or xlsx, or told to programs as JSON.

A table holds values as Hansa keeps them (minor units, ms, days); what a reader sees is made from them by the
column's kind and words. In JSON they stay as they are, under the column's name, which carries the unit: JSON
is the same in every language.
"""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from hansa.apps.billing.texts import money_text, price_text
from hansa.apps.money.currencies import minor_digits
from hansa.client.problems import printable
from hansa.client.texts import Language, Text
from hansa.kernel.refusal import Refusal

Kind = Literal["text", "count", "money", "price", "currency", "time", "zone", "date", "flag", "share"]
"""How a column's values read.

`text`: a str, a Text (JSON tells both languages), or a tuple of these; `count`: int; `money`: minor units of
the row's `currency` column; `price`: e8 per unit; `currency`: its code; `time`: ms
since the epoch (0: none), shown by the clock of the row's `zone` column, else in UTC; `zone`: IANA name of
that clock, not drawn on a screen, where each time tells its offset; `date`: days since the epoch; `flag`:
bool; `share`: basis points, shown in percent. None shows as an empty cell.
"""

ROWS_MAX = 1_048_575
"""Rows under the head that a sheet of an xlsx file can hold."""
CELL_MAX = 32_767
"""Characters that a cell of an xlsx file can hold."""
SHEET_NAME_MAX = 31
WIDTH_MAX, WIDTH_LOOKED_AT = 60, 200
FORMULA = re.compile(r"[ \t\r\n'\"]*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r]")
"""How a text begins that a spreadsheet would run as a formula, also in full-width letters."""
EPOCH = date(1970, 1, 1)
BOM = "\ufeff"


class TableTooLong(Refusal, code="tables.too_long", field="xlsx"):
    zh = "共 {rows} 行，一张 Excel 工作表最多 {most} 行。请缩小范围，或改用 --csv。"
    en = "There are {rows} rows; a sheet of Excel holds {most}. Ask for less, or use --csv."


@dataclass(frozen=True)
class Column:
    """`name` is the key in JSON and ends in the unit where there is one (`gross_minor`, `due_ms`)."""

    name: str
    zh: str
    en: str
    kind: Kind = "text"
    words: Mapping[str, Text] = field(default_factory=dict)
    """What a column of codes says to people, by the code, which JSON tells; one without shows itself."""
    short: int = 0
    """Letters that are enough on a screen, by which commands know it; 0: all of them."""

    def head(self, lang: Language) -> str:
        return self.zh if lang == "zh" else self.en


@dataclass(frozen=True)
class Table:
    """Rows of as many values as there are columns. A money column needs a column of kind `currency`."""

    title: Text
    columns: tuple[Column, ...]
    rows: Sequence[Sequence[Any]]
    whole: object = None
    """What JSON tells instead of the rows, where there is more to tell than a table holds."""

    def told(self) -> list[dict[str, Any]]:
        """The rows as objects by column names, values as Hansa keeps them."""
        names = [column.name for column in self.columns]
        return [dict(zip(names, row, strict=True)) for row in self.rows]

    def currency_of(self, row: Sequence[Any]) -> str:
        """The currency of a row; "" where the table has none."""
        return next((row[at] for at, one in enumerate(self.columns) if one.kind == "currency"), "") or ""

    def zone_of(self, row: Sequence[Any]) -> str:
        """By whose clock a row's times are shown; "": UTC."""
        return next((row[at] for at, one in enumerate(self.columns) if one.kind == "zone"), "") or ""

    def texts(self, row: Sequence[Any], lang: Language = "en") -> list[str]:
        """A row as people read it."""
        currency, zone = self.currency_of(row), self.zone_of(row)
        return [
            cell_text(column.kind, said(column, value), currency, lang, zone)
            for column, value in zip(self.columns, row, strict=True)
        ]


def shortened(column: Column, value: Any) -> Any:
    """A value as a screen has room for it."""
    if isinstance(value, tuple | list):
        return tuple(shortened(column, one) for one in value)
    return value[: column.short] if column.short and isinstance(value, str) else value


def said(column: Column, value: Any) -> Any:
    """A code by the column's words, each of several; any other value as it is."""
    if isinstance(value, tuple | list):
        return tuple(said(column, one) for one in value)
    return column.words.get(value, value) if isinstance(value, str) else value


def cell_text(kind: Kind, value: Any, currency: str = "", lang: Language = "en", zone: str = "") -> str:
    """A value as people read it, in one line, without what steers a terminal."""
    if isinstance(value, Text):
        return printable(value.of(lang))
    if value is None or (kind == "time" and value == 0):
        return ""
    if kind == "money":
        return money_text(value, currency)
    if kind == "price":
        return price_text(value)
    if kind == "time":
        return time_text(value, zone)
    if kind == "date":
        return (EPOCH + timedelta(days=value)).isoformat()
    if kind == "flag":
        return "✓" if value else "✗"
    if kind == "share":
        return f"{Decimal(value).scaleb(-2)} %"
    if isinstance(value, tuple | list):
        between = "、" if lang == "zh" else ", "
        return between.join(cell_text("text", one, lang=lang) for one in value)
    return printable(str(value))


def time_text(at_ms: int, zone: str = "") -> str:
    """`2027-03-29 00:00 +08:00` by a zone's clock, with seconds if any; else UTC, as `…00:00Z`."""
    local = local_moment(at_ms, zone)
    if local is None:
        return moment(at_ms).strftime("%Y-%m-%d %H:%M:%SZ")
    clock = local.strftime("%Y-%m-%d %H:%M:%S").removesuffix(":00")
    offset = local.strftime("%z")
    return f"{clock} {offset[:3]}:{offset[3:5]}"


def local_moment(at_ms: int, zone: str) -> datetime | None:
    """An instant by a zone's clock; None where this machine knows no such zone."""
    try:
        return moment(at_ms).astimezone(ZoneInfo(zone)) if zone else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def moment(at_ms: int) -> datetime:
    """An instant in UTC."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)


def json_bytes(table: Table) -> bytes:
    """A list of objects by column names, values as Hansa keeps them; or `whole`."""
    found = table.told() if table.whole is None else table.whole
    return msgspec.json.format(msgspec.json.encode(found), indent=1)


def csv_text(table: Table, lang: Language, *, bom: bool = False) -> str:
    """Heads and cells as people read them. No cell of text can run as a formula: it gets a leading `'`.

    `bom`: begins with the mark by which Excel knows UTF-8.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n" if bom else "\n")
    writer.writerow([column.head(lang) for column in table.columns])
    for row in table.rows:
        cells = zip(table.columns, table.texts(row, lang), strict=True)
        writer.writerow([harmless(text) if column.kind == "text" else text for column, text in cells])
    return (BOM if bom else "") + out.getvalue()


def harmless(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if FORMULA.match(text) else text


def xlsx_bytes(table: Table, lang: Language) -> bytes:
    """One sheet: heads in bold and fixed, money and dates as numbers with their format, texts as texts.

    Raises TableTooLong.
    """
    from openpyxl import Workbook
    from openpyxl.utils import get_column_letter

    if len(table.rows) > ROWS_MAX:
        raise TableTooLong(rows=len(table.rows), most=ROWS_MAX)
    book = Workbook(write_only=True)
    sheet = book.create_sheet(_sheet_name(table.title.of(lang)))
    sheet.freeze_panes = "A2"
    for at, width in enumerate(_widths(table, lang), 1):
        sheet.column_dimensions[get_column_letter(at)].width = width
    sheet.append([_head(sheet, column.head(lang)) for column in table.columns])
    for row in table.rows:
        currency, zone = table.currency_of(row), table.zone_of(row)
        sheet.append(
            [
                _cell(sheet, one.kind, said(one, value), currency, lang, zone)
                for one, value in zip(table.columns, row, strict=True)
            ]
        )
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _head(sheet: Any, text: str) -> Any:
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font

    cell = WriteOnlyCell(sheet, text)
    cell.font = Font(bold=True)
    return cell


def _cell(sheet: Any, kind: Kind, value: Any, currency: str, lang: Language, zone: str) -> Any:
    """A number where the column is one; a text is stored as text, whatever it begins with."""
    from openpyxl.cell import WriteOnlyCell

    if value is None or (kind == "time" and value == 0):
        return None
    if kind == "money":
        places = minor_digits(currency)
        cell = WriteOnlyCell(sheet, Decimal(value).scaleb(-places))
        cell.number_format = "#,##0" + ("." + "0" * places if places else "")
    elif kind == "price":
        cell = WriteOnlyCell(sheet, Decimal(value).scaleb(-8))
        cell.number_format = "0.00######"
    elif kind == "share":
        cell = WriteOnlyCell(sheet, Decimal(value).scaleb(-4))
        cell.number_format = "0.00%"
    elif kind == "time":
        local = local_moment(value, zone)
        cell = WriteOnlyCell(sheet, (local or moment(value)).replace(tzinfo=None))
        cell.number_format = "yyyy-mm-dd hh:mm:ss" if local else 'yyyy-mm-dd hh:mm:ss"Z"'
    elif kind == "date":
        cell = WriteOnlyCell(sheet, EPOCH + timedelta(days=value))
        cell.number_format = "yyyy-mm-dd"
    elif kind == "count":
        cell = WriteOnlyCell(sheet, value)
    else:
        cell = WriteOnlyCell(sheet, cell_text(kind, value, lang=lang)[:CELL_MAX])
        cell.data_type = "s"
    return cell


def _sheet_name(title: str) -> str:
    return re.sub(r"[\[\]:*?/\\']", " ", printable(title))[:SHEET_NAME_MAX].strip() or "Hansa"


def _widths(table: Table, lang: Language) -> list[int]:
    """Width of each column by its first rows; a Chinese letter is as wide as two others."""
    shown = [[column.head(lang) for column in table.columns]]
    shown += [table.texts(row, lang) for row in table.rows[:WIDTH_LOOKED_AT]]
    return [
        min(WIDTH_MAX, 2 + max(sum(2 if ord(c) > 0x2E7F else 1 for c in row[at]) for row in shown))
        for at in range(len(table.columns))
    ]
