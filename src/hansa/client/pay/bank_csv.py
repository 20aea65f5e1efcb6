"""Bank statements as CSV: a mapping file says which column means what, and how amounts and dates stand."""

import csv
import io
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Literal, NoReturn, get_args

import msgspec

from hansa.apps.money.currencies import amount_text
from hansa.client.files import read_bounded
from hansa.client.pay import errors
from hansa.client.pay.items import BankLine, minor_of, named
from hansa.client.tables import EPOCH
from hansa.kernel.refusal import shown

FILE_BYTES_MAX = 50_000_000
LINES_MAX = 200_000
MAPPING_BYTES_MAX = 100_000

DATE_FORMS = {
    "YYYY-MM-DD": r"(?P<y>\d{4})-(?P<m>\d{1,2})-(?P<d>\d{1,2})",
    "YYYY/MM/DD": r"(?P<y>\d{4})/(?P<m>\d{1,2})/(?P<d>\d{1,2})",
    "YYYYMMDD": r"(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})",
    "YYYY年MM月DD日": r"(?P<y>\d{4})年(?P<m>\d{1,2})月(?P<d>\d{1,2})日",
    "DD.MM.YYYY": r"(?P<d>\d{1,2})\.(?P<m>\d{1,2})\.(?P<y>\d{4})",
    "DD/MM/YYYY": r"(?P<d>\d{1,2})/(?P<m>\d{1,2})/(?P<y>\d{4})",
    "MM/DD/YYYY": r"(?P<m>\d{1,2})/(?P<d>\d{1,2})/(?P<y>\d{4})",
}
CLOCK = r"(?:[ T]?\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?\Z"


Encoding = Literal["utf-8", "gb18030", "big5", "utf-16", "windows-1252"]
ENCODINGS = get_args(Encoding)


class Columns(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Heads of the columns. Amounts: `amount` (signed, or with `direction`), or `credit` and `debit`."""

    day: str
    """Value date; where the bank gives none, the date of booking."""
    amount: str = ""
    credit: str = ""
    """Money that came in."""
    debit: str = ""
    """Money that went out."""
    direction: str = ""
    currency: str = ""
    account: str = ""
    payer: str = ""
    payer_account: str = ""
    reference: str = ""
    text: tuple[str, ...] = ()
    bank_reference: str = ""
    """The bank's own number of the movement."""
    balance: str = ""
    """Balance after the movement: by it a row that is missing is noticed."""


class Mapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a bank writes its CSV. `docs/reference/bank-mapping.toml` explains every key."""

    columns: Columns
    encoding: Encoding = "utf-8"
    delimiter: Literal[",", ";", "\t", "|"] = ","
    decimal: Literal[".", ","] = "."
    date: str = "YYYY-MM-DD"
    skip: int = 0
    """Lines before the head."""
    end: str = ""
    """A row whose first cell begins so ends the movements: totals. A file without it is not whole."""
    account: str = ""
    currency: str = ""
    words_in: tuple[str, ...] = ("贷", "收入", "C", "CR", "CRDT", "H", "in")
    """Words of the column `direction` for money that came in."""
    words_out: tuple[str, ...] = ("借", "支出", "D", "DR", "DBIT", "S", "out")
    pending: tuple[str, ...] = ()


def read_mapping(path: Path) -> Mapping:
    """Raises MappingInvalid, naming the key."""
    try:
        raw = tomllib.loads(read_bounded(path, MAPPING_BYTES_MAX).decode("utf-8-sig"))
        mapping = msgspec.convert(raw, Mapping)
    except (OSError, ValueError, RecursionError, msgspec.ValidationError) as error:
        raise errors.MappingInvalid(file=path.name, detail=shown(str(error))) from None
    columns = mapping.columns
    fault = ""
    if mapping.date not in DATE_FORMS:
        fault = f"date = {mapping.date}: {', '.join(DATE_FORMS)}"
    elif not 0 <= mapping.skip <= 1_000:
        fault = "skip: 0 … 1000"
    elif bool(columns.amount) == bool(columns.credit or columns.debit):
        fault = "columns: amount | credit + debit"
    elif not columns.amount and not (columns.credit and columns.debit):
        fault = "columns: credit + debit"
    elif not (columns.account or mapping.account):
        fault = "account | columns.account"
    elif not (columns.currency or mapping.currency):
        fault = "currency | columns.currency"
    elif mapping.decimal == mapping.delimiter:
        fault = 'decimal = "," needs another delimiter'
    if fault:
        raise errors.MappingInvalid(file=path.name, detail=fault)
    return mapping


@dataclass(frozen=True)
class _Row:
    """A row of the file with what is needed to say where it is wrong."""

    file: str
    line: int
    cells: dict[str, str]
    mapping: Mapping

    def get(self, column: str) -> str:
        """A cell, out of the quotes by which banks keep Excel from rounding account numbers."""
        text = self.cells[column].strip() if column else ""
        return text[2:-1].strip() if text.startswith('="') and text.endswith('"') and len(text) > 2 else text

    def wrong(self, column: str, rule_zh: str, rule_en: str) -> NoReturn:
        raise errors.FieldInvalid(
            file=self.file,
            line=self.line,
            column=column,
            value=self.get(column) or "—",
            rule_zh=rule_zh,
            rule_en=rule_en,
        )


def read_csv(data: bytes, mapping: Mapping, file: str) -> list[BankLine]:
    """The movements of a CSV file, in its order.

    Raises WrongEncoding, FileTruncated, ColumnMissing, FieldInvalid, BalanceBreaks, TooManyLines, each with
    the line; then nothing of the file was taken.
    """
    lines: list[BankLine] = []
    stated: dict[tuple[str, str], list[tuple[int, int, int]]] = defaultdict(list)
    for row in _rows(_decoded(data, mapping, file), mapping, file):
        found = _line(row) if row.get(mapping.columns.day) else []
        lines += found
        if len(lines) > LINES_MAX:
            raise errors.TooManyLines(file=file, limit=LINES_MAX)
        for one in found if row.get(mapping.columns.balance) else ():
            moved = one.amount_minor if one.direction == "in" else -one.amount_minor
            balance = _amount(row, mapping.columns.balance, one.currency)
            stated[one.account, one.currency].append((row.line, moved if one.booked else 0, balance))
    for (_, currency), balances in stated.items():
        _check_balances(balances, currency, file)
    return named(lines)


def _check_balances(stated: Sequence[tuple[int, int, int]], currency: str, file: str) -> None:
    """(line, what moved, balance after it): each balance is the one before and what moved.

    Banks list the oldest first, or the newest: what fits from one end to the other is whole. Of a file in
    another order nothing can be said so, and its mapping names no column of balances.
    """
    upwards = [(line, after - before - moved) for (_, _, before), (line, moved, after) in pairwise(stated)]
    downwards = [(line, before - after - moved) for (_, moved, before), (line, _, after) in pairwise(stated)]
    wrong = [[one for one in steps if one[1]] for steps in (upwards, downwards)]
    if all(wrong):
        line, difference_minor = min(wrong, key=len)[0]
        difference = amount_text(difference_minor, currency)
        raise errors.BalanceBreaks(file=file, where=str(line), difference=difference)


def _decoded(data: bytes, mapping: Mapping, file: str) -> str:
    if len(data) > FILE_BYTES_MAX:
        raise errors.FileTooLarge(file=file, limit=FILE_BYTES_MAX)
    try:
        text = data.decode("utf-8-sig" if mapping.encoding == "utf-8" else mapping.encoding)
        at = len(text[: text.index("\0")].encode(mapping.encoding)) if "\0" in text else -1
    except UnicodeDecodeError as error:
        text, at = "", error.start
    if at >= 0:
        line = data.count(b"\n", 0, at) + 1
        known = ", ".join(ENCODINGS)
        raise errors.WrongEncoding(file=file, line=line, encoding=mapping.encoding, known=known)
    return text


def _rows(text: str, mapping: Mapping, file: str) -> Iterator[_Row]:
    """Rows under the head up to the totals, each as wide as the head."""
    lines = io.StringIO(text, newline="")
    for _ in range(mapping.skip):
        lines.readline()
    reader = csv.reader(lines, delimiter=mapping.delimiter, strict=True)
    heads: list[str] = []
    at = mapping.skip + 1
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                at = mapping.skip + reader.line_num + 1
                continue
            if not heads:
                heads = _heads(cells, mapping, file)
            elif mapping.end and cells[0].strip().startswith(mapping.end):
                return
            else:
                yield _Row(file, at, _wide(cells, heads, at, file), mapping)
            at = mapping.skip + reader.line_num + 1
    except csv.Error as error:
        told = shown(str(error))
        raise errors.FileTruncated(file=file, line=at, cause_zh=told, cause_en=told) from None
    if not heads:
        raise errors.FileTruncated(file=file, line=at, cause_zh="没有表头", cause_en="there is no head")
    if mapping.end:
        zh, en = f"没有“{mapping.end}”行", f"there is no row “{mapping.end}”"
        raise errors.FileTruncated(file=file, line=at, cause_zh=zh, cause_en=en)


def _heads(cells: list[str], mapping: Mapping, file: str) -> list[str]:
    heads = [cell.strip() for cell in cells]
    for wanted in msgspec.structs.astuple(mapping.columns):
        for column in wanted if isinstance(wanted, tuple) else (wanted,):
            if column and column not in heads:
                raise errors.ColumnMissing(file=file, column=column, heads=" | ".join(heads))
    return heads


def _wide(cells: list[str], heads: list[str], line: int, file: str) -> dict[str, str]:
    """The row by heads. Banks end lines with a delimiter more; fewer cells mean that something is gone."""
    if len(cells) < len(heads) or any(cell.strip() for cell in cells[len(heads) :]):
        raise errors.FileTruncated(
            file=file,
            line=line,
            cause_zh=f"该行 {len(cells)} 列，表头 {len(heads)} 列",
            cause_en=f"it has {len(cells)} columns, the head has {len(heads)}",
        )
    return dict(zip(heads, cells, strict=False))


def _line(row: _Row) -> list[BankLine]:
    """The movement of a row; none where both amounts are empty or zero: a row of information."""
    columns, mapping = row.mapping.columns, row.mapping
    currency = row.get(columns.currency) or mapping.currency
    if not re.fullmatch("[A-Z]{3}", currency):
        row.wrong(columns.currency, "币种为三个大写字母", "a currency is three capital letters")
    moved = _moved(row, currency)
    if moved is None:
        return []
    return [
        BankLine(
            entry="",
            account=row.get(columns.account) or mapping.account,
            value_day=_day(row),
            amount_minor=abs(moved),
            currency=currency,
            direction="in" if moved > 0 else "out",
            payer=row.get(columns.payer),
            payer_account=row.get(columns.payer_account),
            references=(row.get(columns.reference),) if row.get(columns.reference) else (),
            text=" ".join(row.get(column) for column in columns.text).strip(),
            bank_reference=row.get(columns.bank_reference),
            booked=not any(word in row.cells.values() for word in mapping.pending),
            source=f"{row.file}:{row.line}",
        )
    ]


def _moved(row: _Row, currency: str) -> int | None:
    """What came in (above zero) or went out (below), in minor units; None where nothing moved."""
    columns = row.mapping.columns
    if not columns.amount:
        came, went = _amount(row, columns.credit, currency), _amount(row, columns.debit, currency)
        if came and went:
            row.wrong(columns.debit, "收入与支出不能同时有值", "money came in and went out in one row")
        return came - abs(went) or None
    amount = _amount(row, columns.amount, currency)
    if not columns.direction:
        return amount or None
    word = row.get(columns.direction)
    if word in row.mapping.words_in:
        return amount or None
    if word not in row.mapping.words_out:
        row.wrong(columns.direction, "须为收入或支出的标记", "it must be a word for in or out")
    return -amount or None


def _amount(row: _Row, column: str, currency: str) -> int:
    """Minor units of a cell; 0 where it is empty. Thousands may be set off, in threes."""
    text = re.sub(r"[\s¥￥€$£]", "", row.get(column)).replace("−", "-")
    if not text or text == "-":
        return 0
    mark, other = (r"\.", ",") if row.mapping.decimal == "." else (",", r"\.")
    if not re.fullmatch(rf"[+-]?(\d{{1,18}}|\d{{1,3}}({other}\d{{3}}){{1,5}})({mark}\d+)?", text):
        row.wrong(
            column,
            f"金额，小数点为“{row.mapping.decimal}”",
            f"an amount, decimals after “{row.mapping.decimal}”",
        )
    plain = re.sub(other, "", text).replace(row.mapping.decimal, ".")
    return minor_of(plain, currency, f"{row.file}:{row.line}", signed=True)


def _day(row: _Row) -> int:
    form = row.mapping.date
    found = re.match(DATE_FORMS[form] + CLOCK, row.get(row.mapping.columns.day))
    try:
        if found is None:
            raise ValueError(form)
        return (date(int(found["y"]), int(found["m"]), int(found["d"])) - EPOCH).days
    except ValueError:
        row.wrong(row.mapping.columns.day, f"日期须为 {form}", f"a date is written {form}")
