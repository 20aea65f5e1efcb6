"""Payment orders: what is paid to whom, and the file for the bank (CSV here; pain.001 in pain.py).

One payment for each obligation: so each carries its own reference, and the payee's books match line by line.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from hansa.apps.billing.texts import money_text
from hansa.apps.money.currencies import minor_digits
from hansa.apps.money.names import is_reference
from hansa.client.pay import errors
from hansa.client.pay.accounts import Account, account_of
from hansa.client.pay.items import OpenItem
from hansa.client.tables import BOM, EPOCH, Column, Table, harmless
from hansa.client.texts import Language, Text

PAYMENTS_MAX = 10_000

COLUMNS = (
    Column("obligation", "应付项", "obligation", short=12),
    Column("creditor", "收款单位", "creditor"),
    Column("name", "收款人户名", "payee"),
    Column("account", "收款账号", "account"),
    Column("cnaps", "联行号", "bank number"),
    Column("bic", "BIC", "BIC"),
    Column("bank", "开户行", "bank"),
    Column("currency", "币种", "currency", "currency"),
    Column("amount_minor", "金额", "amount", "money"),
    Column("reference", "附言号", "reference"),
    Column("text", "附言", "remittance"),
)


@dataclass(frozen=True)
class Payment:
    """One transfer."""

    obligation: str
    to: Account
    currency: str
    amount_minor: int
    reference: str
    text: str
    """What the payee reads: the reference again, for banks that drop the structured one."""


@dataclass(frozen=True)
class Order:
    """Transfers of one currency from one account, to be carried out on a local date."""

    id: str
    payer: Account
    currency: str
    day: int
    """Days since the epoch."""
    payments: tuple[Payment, ...]

    @property
    def sum_minor(self) -> int:
        """Control sum."""
        return sum(payment.amount_minor for payment in self.payments)


def orders(
    member: str, items: Iterable[OpenItem], accounts: Sequence[Account], *, day: int, id: str
) -> list[Order]:
    """Orders by currency for what a member owes. Nothing disputed is paid, nothing paid twice.

    Raises NotOwed for what another owes, ReferenceInvalid, AccountMissing, NothingToPay.
    """
    by_currency: dict[str, dict[str, Payment]] = {}
    for item in sorted(items, key=lambda item: (item.due_ms, item.name)):
        if item.debtor != member:
            raise errors.NotOwed(obligation=item.name, member=member)
        if not is_reference(item.reference):
            raise errors.ReferenceInvalid(obligation=item.name, reference=item.reference)
        if item.payable_minor:
            payment = _payment(item, accounts)
            by_currency.setdefault(item.currency, {})[item.name] = payment
    if not by_currency:
        raise errors.NothingToPay()
    return [
        Order(
            id=f"{id}-{currency}",
            payer=account_of(accounts, member, currency),
            currency=currency,
            day=day,
            payments=tuple(payments.values()),
        )
        for currency, payments in sorted(by_currency.items())
    ]


def _payment(item: OpenItem, accounts: Sequence[Account]) -> Payment:
    return Payment(
        obligation=item.name,
        to=account_of(accounts, item.creditor, item.currency),
        currency=item.currency,
        amount_minor=item.payable_minor,
        reference=item.reference,
        text=f"{item.reference} {item.subject}".strip(),
    )


def main_unit(amount_minor: int, currency: str) -> Decimal:
    """Money in the currency's main unit, with its decimals."""
    return Decimal(amount_minor).scaleb(-minor_digits(currency))


def table_of(found: Sequence[Order]) -> Table:
    """All transfers of the orders, for a person to look at."""
    rows = [
        (
            payment.obligation,
            payment.to.member,
            payment.to.name,
            payment.to.iban or payment.to.number,
            payment.to.cnaps,
            payment.to.bic,
            payment.to.bank,
            payment.currency,
            payment.amount_minor,
            payment.reference,
            payment.text,
        )
        for order in found
        for payment in order.payments
    ]
    return Table(Text("付款清单", "Payments"), COLUMNS, rows)


def csv_bytes(order: Order, lang: Language) -> bytes:
    """The order as CSV in UTF-8 with a mark for Excel: payments, then number of them and control sum."""
    table = table_of([order])
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    zh = lang == "zh"
    heads = ["序号", "付款账号", "付款人户名", "执行日期"] if zh else ["number", "from", "payer", "date"]
    writer.writerow([*heads, *(column.head(lang) for column in COLUMNS)])
    day = (EPOCH + timedelta(days=order.day)).isoformat()
    payer = order.payer
    for number, row in enumerate(table.rows, 1):
        first = [str(number), payer.iban or payer.number, harmless(payer.name), day]
        cells = zip(COLUMNS, table.texts(row), strict=True)
        writer.writerow(first + [harmless(text) if column.kind == "text" else text for column, text in cells])
    total = money_text(order.sum_minor, order.currency)
    end = ["合计" if zh else "total", "", "", "", str(len(order.payments)), *[""] * 6, order.currency, total]
    writer.writerow([*end, "", ""])
    return (BOM + out.getvalue()).encode()
