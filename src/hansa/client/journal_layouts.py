"""Columns in which an accounting program imports vouchers: layouts as data files, to be copied and changed.

Programs number vouchers by month; here they are numbered from 1 in each month of a file, and each keeps its
own number of Hansa in its summary, so that what was imported is known again.
"""

import tomllib
from collections.abc import Iterable, Iterator
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import msgspec

from hansa.client.files import read_bounded
from hansa.client.journal import Entry, Voucher
from hansa.client.journal_accounts import Account, Chart
from hansa.client.tables import EPOCH, Column, Kind, Table
from hansa.client.texts import Language, Text
from hansa.kernel.refusal import Refusal, shown

BYTES_MAX, COLUMNS_MAX = 50_000, 60
LAYOUTS = ("kingdee", "ufida")
CUSTOMERS = (
    "receivable", "accrued_receivable", "prepayment_received", "unapplied_received", "deposit_held",
)  # fmt: skip
SUPPLIERS = ("payable", "accrued_payable", "prepayment_paid", "unapplied_paid", "deposit_paid")
"""Accounts that are usually kept by customer, by supplier (辅助核算)."""

Value = Literal[
    "day", "word", "number", "line", "attachments", "summary", "account", "account_name", "currency", "rate",
    "debit", "credit", "partner", "customer", "supplier", "tax_rate", "agreement", "document", "voucher",
    "empty",
]  # fmt: skip
"""What a column holds. `number`: the voucher's in its month; `voucher`: its number of Hansa."""
KINDS: dict[str, Kind] = {
    "day": "date", "currency": "currency", "debit": "money", "credit": "money", "tax_rate": "share",
    "number": "count", "line": "count", "attachments": "count", "rate": "count",
}  # fmt: skip
NEEDED = ("day", "number", "summary", "account", "currency", "debit", "credit")


class LayoutUnusable(Refusal, code="journal.layout_unusable", field="layout"):
    zh = "凭证导入栏目文件 {file} 不可用：{detail}。可复制 {known} 的范本修改（--show-layout）。"
    en = "The layout {file} cannot be used: {detail}. Start from one of {known} (--show-layout)."


class LayoutColumn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    head: str
    value: Value


class Layout(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of columns."""

    name: str
    columns: tuple[LayoutColumn, ...]
    word: str = "记"
    """Word of the vouchers (凭证字): 记, 转, …"""


def layout_text(name: str) -> str:
    """The layout that comes with Hansa, one of LAYOUTS."""
    return files("hansa.client").joinpath(f"journal_layout_{name}.toml").read_text("utf-8")


def read_layout(source: str | Path) -> Layout:
    """A layout by its name, or a company's own file. Raises LayoutUnusable."""
    known = ", ".join(LAYOUTS)
    file = source if isinstance(source, str) else source.name
    try:
        if isinstance(source, str):
            text = layout_text(source)
        else:
            text = read_bounded(source, BYTES_MAX).decode("utf-8-sig")
        layout = msgspec.convert(tomllib.loads(text), Layout)
    except (OSError, ValueError, RecursionError, msgspec.ValidationError) as error:
        raise LayoutUnusable(file=file, detail=shown(str(error)), known=known) from None
    held = [column.value for column in layout.columns]
    lacking = [value for value in NEEDED if value not in held]
    if lacking or held.count("currency") > 1 or len(held) > COLUMNS_MAX:
        detail = f"columns: {', '.join(lacking) or len(held)}"
        raise LayoutUnusable(file=file, detail=detail, known=known)
    return layout


def laid_out(vouchers: Iterable[Voucher], chart: Chart, layout: Layout, lang: Language) -> Table:
    """All lines by date and voucher, in a program's columns."""
    columns = tuple(
        Column(f"{number}_{column.value}", column.head, column.head, KINDS.get(column.value, "text"))
        for number, column in enumerate(layout.columns, 1)
    )
    ordered = sorted(vouchers, key=lambda voucher: (voucher.day, voucher.number))
    rows = [
        tuple(values[column.value] for column in layout.columns)
        for number, voucher in _numbered(ordered)
        for line, entry in enumerate(voucher.entries, 1)
        for values in [_values(voucher, number, line, entry, chart, layout, lang)]
    ]
    return Table(Text("记账凭证", "Journal"), columns, rows)


def _numbered(ordered: Iterable[Voucher]) -> Iterator[tuple[int, Voucher]]:
    """From 1 in each month."""
    month, number = (0, 0), 0
    for voucher in ordered:
        at = EPOCH + timedelta(days=voucher.day)
        number = number + 1 if (at.year, at.month) == month else 1
        month = (at.year, at.month)
        yield number, voucher


def _values(
    voucher: Voucher, number: int, line: int, entry: Entry, chart: Chart, layout: Layout, lang: Language
) -> dict[str, Any]:
    account: Account = getattr(chart.accounts, entry.role)
    return {
        "day": voucher.day,
        "word": layout.word,
        "number": number,
        "line": line,
        "attachments": 0,
        "summary": f"{voucher.text.of(lang)} {voucher.number}",
        "account": account.code,
        "account_name": account.zh if lang == "zh" else account.en,
        "currency": voucher.currency,
        "rate": 1,
        "debit": entry.debit_minor or None,
        "credit": entry.credit_minor or None,
        "partner": voucher.partner,
        "customer": voucher.partner if entry.role in CUSTOMERS else "",
        "supplier": voucher.partner if entry.role in SUPPLIERS else "",
        "tax_rate": entry.tax_rate_bp if entry.tax_rate_bp >= 0 else None,
        "agreement": voucher.agreement,
        "document": voucher.document,
        "voucher": voucher.number,
        "empty": "",
    }
