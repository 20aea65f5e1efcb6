"""Settlement statements (结算单) of an export: a row each, a row per line, amounts as people write them."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import msgspec

from hansa.apps.billing.messages import Statement
from hansa.apps.billing.texts import decimal_text, money_text, price_text, quantity_text, tariff_text
from hansa.apps.consortium.calendars import date_text

COLUMNS = (
    "agreement", "provider", "user", "first_day", "last_day", "currency", "net", "tax", "gross", "lines",
    "gaps", "low_readings",
)  # fmt: skip
LINE_COLUMNS = (
    "agreement", "first_day", "number", "clause", "text_zh", "text_en", "quantity", "unit", "price",
    "currency", "tax_rate_percent", "net", "tax", "gross",
)  # fmt: skip


class Rows(Protocol):
    def row(self, exact: Any, cells: Sequence[Any]) -> None: ...


def write(sheet: Callable[[str, Sequence[str]], Rows], statements: Iterable[Statement]) -> None:
    """Sheets of all statements, in the order of their agreements and periods; none, no sheet."""
    ordered = sorted(statements, key=lambda one: (one.agreement, one.period.from_ms))
    if not ordered:
        return
    heads, lines = sheet("own/statements", COLUMNS), sheet("own/statement_lines", LINE_COLUMNS)
    for statement in ordered:
        heads.row(msgspec.to_builtins(statement), _head_cells(statement))
        for line, cells in zip(statement.lines, _line_cells(statement), strict=True):
            whose = {"agreement": statement.agreement, "period_from_ms": statement.period.from_ms}
            lines.row({**whose, "line": msgspec.to_builtins(line)}, cells)


def _head_cells(statement: Statement) -> Sequence[Any]:
    sums = (statement.net_minor, statement.tax_minor, statement.gross_minor)
    return (
        statement.agreement,
        statement.provider,
        statement.user,
        date_text(statement.period.first_day),
        date_text(statement.period.last_day),
        statement.currency,
        *(Number(money_text(amount, statement.currency)) for amount in sums),
        len(statement.lines),
        statement.gap_count,
        statement.fall_count,
    )


def _line_cells(statement: Statement) -> Iterable[Sequence[Any]]:
    currency = statement.currency
    for line in statement.lines:
        yield (
            statement.agreement,
            date_text(statement.period.first_day),
            line.number,
            line.clause,
            tariff_text(line, "zh"),
            tariff_text(line, "en"),
            Number(quantity_text(line)[0]),
            line.unit,
            Number(price_text(line.price_e8)) if line.unit else "",
            currency,
            Number(decimal_text(line.tax_rate_bp, 100, 2)[0]),
            *(Number(money_text(n, currency)) for n in (line.net_minor, line.tax_minor, line.gross_minor)),
        )


class Number(str):
    """A number written out: a minus sign in front of it starts no formula."""
