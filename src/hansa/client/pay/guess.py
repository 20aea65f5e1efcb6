"""A mapping for a bank's CSV, guessed from the heads that banks use, for a person to look through."""

import csv
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from hansa.client.pay import errors
from hansa.client.pay.bank_csv import CLOCK, DATE_FORMS, FILE_BYTES_MAX

ROWS_LOOKED_AT = 200
HEAD_WITHIN = 40
"""Lines in which the head is looked for."""
TOTALS = ("合计", "总计", "小计", "total", "summe")


@cache
def words() -> dict[str, list[str]]:
    """Heads by what they mean: heads.toml."""
    return tomllib.loads(files("hansa.client.pay").joinpath("heads.toml").read_text("utf-8"))


@dataclass(frozen=True)
class _Read:
    encoding: str
    delimiter: str
    skip: int
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]


def guessed(data: bytes, file: str) -> str:
    """The text of a mapping file. Raises FileTooLarge, HeadUnknown."""
    if len(data) > FILE_BYTES_MAX:
        raise errors.FileTooLarge(file=file, limit=FILE_BYTES_MAX)
    texts = _decoded(data)
    read = [found for encoding, text in texts if (found := _read(encoding, text)) is not None]
    if not read:
        first = next((line for _, text in texts for line in text.splitlines() if line.strip()), "")
        raise errors.HeadUnknown(file=file, first=first[:80])
    best = max(read, key=lambda found: len(_columns(found.heads)))
    return _written(best, _columns(best.heads))


def _decoded(data: bytes) -> list[tuple[str, str]]:
    """In each encoding that it may be in: what is no UTF-8 often passes for several."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return [("utf-16", data.decode("utf-16", "replace"))]
    found = []
    for encoding in ("utf-8", "gb18030", "big5", "windows-1252"):
        try:
            found.append((encoding, data.decode("utf-8-sig" if encoding == "utf-8" else encoding)))
        except UnicodeDecodeError:
            continue
        if encoding == "utf-8":
            break
    return found


def _read(encoding: str, text: str) -> _Read | None:
    """The delimiter and line by which most heads are known."""
    lines = text.splitlines()[:ROWS_LOOKED_AT]
    best: tuple[int, _Read] | None = None
    for delimiter in (",", ";", "\t", "|"):
        for skip, line in enumerate(lines[:HEAD_WITHIN]):
            heads = [head.strip() for head in _cut([line], delimiter)[0]]
            columns = _columns(heads)
            moves = "amount" in columns or {"credit", "debit"} <= set(columns)
            if "day" in columns and moves and (best is None or len(columns) > best[0]):
                rows = _cut(lines[skip + 1 :], delimiter)
                best = (len(columns), _Read(encoding, delimiter, skip, heads, rows))
    return best[1] if best else None


def _cut(lines: Sequence[str], delimiter: str) -> list[list[str]]:
    """Lines as cells, as far as they can be read."""
    try:
        return list(csv.reader(lines, delimiter=delimiter)) or [[]]
    except csv.Error:
        return [[]]


def _columns(heads: Sequence[str]) -> dict[str, list[str]]:
    """Heads by what they mean; of `text` all, of the rest the best."""
    plain = {head.strip().strip('"').lower(): head.strip() for head in heads}
    found: dict[str, list[str]] = {}
    for name, heads_of in words().items():
        known = [plain[head] for head in heads_of if head in plain]
        taken = [head for used in found.values() for head in used]
        own = [head for head in known if head not in taken]
        if own:
            found[name] = own if name == "text" else own[:1]
    if {"credit", "debit"} <= set(found):
        found.pop("amount", None)
        found.pop("direction", None)
    else:
        found.pop("credit", None)
        found.pop("debit", None)
    return found


def _written(found: _Read, columns: dict[str, list[str]]) -> str:
    """As a mapping file; what a person fills in, or looks at, says so."""
    cells = {name: _cells(found, heads[0]) for name, heads in columns.items()}
    days = [cell for cell in cells["day"] if any(char.isdigit() for char in cell)]
    forms = [form for form in DATE_FORMS if days and all(_fits(cell, form) for cell in days)]
    amounts = [cell for name in ("amount", "credit", "debit") for cell in cells.get(name, ())]
    comma = any(re.search(r",\d{2}\Z", cell) for cell in amounts) and found.delimiter != ","
    firsts = [row[0].strip() for row in found.rows if row]
    ends = [word for word in TOTALS if any(first.lower().startswith(word) for first in firsts)]
    look = "" if len(forms) == 1 else "  # 请核对 please look"
    fill = "  # 请填写 fill in"
    lines = [
        f"encoding = {_quoted(found.encoding)}",
        f"delimiter = {_quoted(found.delimiter)}",
        f"decimal = {_quoted(',' if comma else '.')}",
        f"date = {_quoted(forms[0] if forms else 'YYYY-MM-DD')}{look}",
        f"skip = {found.skip}",
        f"end = {_quoted(ends[0])}" if ends else 'end = ""',
        *([] if "account" in columns else [f'account = ""{fill}']),
        *([] if "currency" in columns else [f'currency = "CNY"{fill}']),
        "",
        "[columns]",
    ]
    for name in words():
        if name == "text" and name in columns:
            lines.append(f"text = [{', '.join(_quoted(head) for head in columns[name])}]")
        elif name in columns:
            lines.append(f"{name} = {_quoted(columns[name][0])}")
    return "\n".join(lines) + "\n"


def _fits(cell: str, form: str) -> bool:
    """Whether a cell is a date of this form; a month is not above 12."""
    found = re.match(DATE_FORMS[form] + CLOCK, cell)
    return found is not None and 1 <= int(found["m"]) <= 12 and 1 <= int(found["d"]) <= 31


def _cells(found: _Read, head: str) -> list[str]:
    at = found.heads.index(head)
    return [row[at].strip() for row in found.rows if len(row) > at and row[at].strip()]


def _quoted(text: str) -> str:
    """As a string of TOML."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t")
    return '"' + re.sub(r"[\x00-\x1f\x7f]", "", escaped) + '"'
