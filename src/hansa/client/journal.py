"""Journal lines (记账凭证分录) of one company, from what the ledger says: docs/bookkeeping-rules.md. Pure.

A statement is booked when both parties confirmed it (without terms of settlement: when it stands), as far as
they agree on it; the rest when its dispute is over. Corrections are booked when they take effect, payments at
the bank's value date. Tax counts with the tax office when it is invoiced or due, and waits till then.
Deposits, prepayments and earnest money are no income: they are booked when they are paid. Amounts are in the
currency that was agreed, one voucher in one currency; nothing is converted.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from hansa.client.journal_accounts import Account, Chart
from hansa.client.tables import Column, Table
from hansa.client.texts import Text


@dataclass(frozen=True)
class Entry:
    """One line of a voucher. One of the two amounts is 0; a negative one is a red entry (红字)."""

    role: str
    """A field of `Accounts`."""
    debit_minor: int
    credit_minor: int
    tax_rate_bp: int = -1
    """-1 where no tax rate matters."""


@dataclass(frozen=True)
class Voucher:
    """Lines that belong together; debits equal credits."""

    number: str
    """The same in every run, so that a program can tell what it has imported."""
    day: int
    """Local date, days since the epoch."""
    currency: str
    text: Text
    partner: str
    agreement: str
    document: str
    """Statement, obligation or bank entry that it stems from."""
    entries: tuple[Entry, ...]


@dataclass
class Draft:
    """Entries of a voucher as they are gathered: positive amounts by role; zero ones are left out."""

    entries: list[Entry] = field(default_factory=list)

    def debit(self, role: str, amount_minor: int, rate_bp: int = -1) -> None:
        if amount_minor:
            self.entries.append(Entry(role, amount_minor, 0, rate_bp))

    def credit(self, role: str, amount_minor: int, rate_bp: int = -1) -> None:
        if amount_minor:
            self.entries.append(Entry(role, 0, amount_minor, rate_bp))


def merged(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """One entry for each account, side and tax rate, in the order in which they come."""
    sums: dict[tuple[str, bool, int], tuple[int, int]] = {}
    for entry in entries:
        key = (entry.role, bool(entry.debit_minor), entry.tax_rate_bp)
        debit_minor, credit_minor = sums.get(key, (0, 0))
        sums[key] = (debit_minor + entry.debit_minor, credit_minor + entry.credit_minor)
    return tuple(Entry(role, *both, rate) for (role, _, rate), both in sums.items() if any(both))


def reversed_entry(entry: Entry, chart: Chart) -> Entry:
    """The entry taken back, in red or with its sides changed, as the chart says."""
    if chart.reversal == "red":
        return replace(entry, debit_minor=-entry.debit_minor, credit_minor=-entry.credit_minor)
    return replace(entry, debit_minor=entry.credit_minor, credit_minor=entry.debit_minor)


def difference_minor(voucher: Voucher) -> int:
    """Debits less credits: 0 in every voucher that is made here."""
    return sum(entry.debit_minor - entry.credit_minor for entry in voucher.entries)


COLUMNS = (
    Column("day", "日期", "date", "date"),
    Column("number", "凭证号", "voucher"),
    Column("text", "摘要", "text"),
    Column("account", "科目编码", "account"),
    Column("account_name", "科目名称", "account name"),
    Column("currency", "币种", "currency", "currency"),
    Column("debit_minor", "借方金额", "debit", "money"),
    Column("credit_minor", "贷方金额", "credit", "money"),
    Column("tax_rate_bp", "税率", "tax rate", "share"),
    Column("partner", "往来单位", "partner"),
    Column("agreement", "协议", "agreement"),
    Column("document", "依据", "document"),
)


def table(vouchers: Iterable[Voucher], chart: Chart) -> Table:
    """All lines by date and voucher, as accounting programs import them."""
    rows = []
    for voucher in sorted(vouchers, key=lambda voucher: (voucher.day, voucher.number)):
        for entry in voucher.entries:
            account: Account = getattr(chart.accounts, entry.role)
            row = (
                voucher.day,
                voucher.number,
                voucher.text,
                account.code,
                Text(account.zh, account.en),
                voucher.currency,
                entry.debit_minor or None,
                entry.credit_minor or None,
                entry.tax_rate_bp if entry.tax_rate_bp >= 0 else None,
                voucher.partner,
                voucher.agreement,
                voucher.document,
            )
            rows.append(row)
    return Table(Text("记账凭证", "Journal"), COLUMNS, rows)
