"""Journal lines (记账凭证分录) of one company, from what the ledger says. Pure.

A statement is booked when both parties confirmed it (without terms of settlement: when it stands), without
the lines that are in dispute: those stay accrued. Corrections are booked when they take effect, payments at
the bank's value date. Deposits, prepayments and earnest money are no income: they are booked when they are
paid. Amounts are in the currency that was agreed, one voucher in one currency; nothing is converted.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from hansa.apps.billing.lifecycle import Leg, allot, disputed_lines, legs
from hansa.apps.billing.lines import Line
from hansa.apps.billing.messages import Agreement, Statement
from hansa.apps.billing.messages_life import Correction, CorrectionLine, Life
from hansa.apps.consortium.calendars import Calendar, date_text, local_day
from hansa.client.journal_accounts import Account, Chart
from hansa.client.tables import Column, Table
from hansa.client.texts import Language, Text


@dataclass(frozen=True)
class Entry:
    """One line of a voucher. One of the two amounts is 0; a negative one is a red entry (红字)."""

    role: str
    """Of `Accounts`."""
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


@dataclass(frozen=True)
class Stated:
    """A statement with what became of it."""

    name: str
    agreement: Agreement
    calendar: Calendar
    statement: Statement
    life: Life | None = None
    corrections: Sequence[Correction] = ()

    @property
    def booked_ms(self) -> int:
        """When it is booked; 0: not yet."""
        return self.life.confirmed_ms if self.life is not None else self.statement.closed_ms


@dataclass(frozen=True)
class AccruedAt:
    """What is not billed of an agreement at the end of a local date."""

    name: str
    day: int
    currency: str
    legs: Sequence[Leg]
    """Net amounts (in `gross_minor`), by who will owe whom."""


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


class Part(NamedTuple):
    """Amounts of one tax rate, of service or of interest."""

    interest: bool
    rate_bp: int
    net_minor: int
    tax_minor: int


def statement_vouchers(member: str, stated: Stated) -> Iterator[Voucher]:
    """Of a statement and its corrections, from the member's view; none if it has no part in it."""
    statement, life = stated.statement, stated.life
    title = f"{stated.name} {date_text(statement.period.first_day)}"
    if not stated.booked_ms:
        return
    disputed = disputed_lines(life) if life is not None else ()
    parts = [_part(line, line.kind) for line in statement.lines if line.number not in disputed]
    text = Text(f"结算单 {title}", f"Settlement statement {title}")
    yield from _of_legs(member, stated, parts, stated.booked_ms, "S", text)
    kinds: dict[int, str] = {line.number: line.kind for line in statement.lines}
    for number, correction in enumerate(stated.corrections, 1):
        if correction.effective_ms:
            lines = [line for line in correction.lines if line.line not in disputed]
            parts = [_part(line, kinds[line.line]) for line in lines]
            zh = f"结算单更正 {title} 第 {number} 次 {correction.red_letter}".strip()
            en = f"Correction {number} of statement {title} {correction.red_letter}".strip()
            at_ms = max(correction.effective_ms, stated.booked_ms)
            yield from _of_legs(member, stated, parts, at_ms, f"C{number}", Text(zh, en))


def _part(line: Line | CorrectionLine, kind: str) -> Part:
    return Part(kind == "interest", line.tax_rate_bp, line.net_minor, line.tax_minor)


def _of_legs(
    member: str, stated: Stated, parts: Sequence[Part], at_ms: int, mark: str, text: Text
) -> Iterator[Voucher]:
    """A voucher for each leg that the member stands at: revenue and receivable, or cost and payable."""
    statement = stated.statement
    among = legs(statement)
    whole = f"{stated.name}/{date_text(statement.period.first_day)}"
    for number, leg in enumerate(among):
        if member in (leg.debtor, leg.creditor):
            own = by_rate(parts) if not statement.shares else _allotted(parts, among, number)
            entries = service_entries(own, provides=member == leg.creditor)
            if entries:
                yield Voucher(
                    number=f"{mark}-{whole}-{number}",
                    day=local_day(stated.calendar, at_ms),
                    currency=statement.currency,
                    text=text,
                    partner=leg.debtor if member == leg.creditor else leg.creditor,
                    agreement=stated.name,
                    document=whole,
                    entries=entries,
                )


def by_rate(parts: Sequence[Part]) -> list[Part]:
    """Sums by kind and tax rate."""
    sums: dict[tuple[bool, int], tuple[int, int]] = {}
    for part in parts:
        net_minor, tax_minor = sums.get((part.interest, part.rate_bp), (0, 0))
        sums[part.interest, part.rate_bp] = (net_minor + part.net_minor, tax_minor + part.tax_minor)
    return [Part(*key, *amounts) for key, amounts in sorted(sums.items())]


def _allotted(parts: Sequence[Part], among: Sequence[Leg], number: int) -> list[Part]:
    """What a leg of a shared revenue gets: as billing allots what is owed, so that both agree to the cent."""
    net_minor = sum(part.net_minor for part in parts)
    gross_minor = net_minor + sum(part.tax_minor for part in parts)
    net_of_leg, gross_of_leg = allot(net_minor, among)[number], allot(gross_minor, among)[number]
    rates = {part.rate_bp for part in parts}
    rate_bp = rates.pop() if len(rates) == 1 else -1
    return [Part(False, rate_bp, net_of_leg, gross_of_leg - net_of_leg)]


def service_entries(parts: Sequence[Part], *, provides: bool) -> tuple[Entry, ...]:
    """Who provides has a receivable, revenue and output tax; who uses has cost, input tax and a payable."""
    draft = Draft()
    gross_minor = sum(part.net_minor + part.tax_minor for part in parts)
    if provides:
        draft.debit("receivable", gross_minor)
        for part in parts:
            draft.credit("interest_income" if part.interest else "revenue", part.net_minor, part.rate_bp)
            draft.credit("output_tax", part.tax_minor, part.rate_bp)
    else:
        for part in parts:
            draft.debit("interest_expense" if part.interest else "cost", part.net_minor, part.rate_bp)
            draft.debit("input_tax", part.tax_minor, part.rate_bp)
        draft.credit("payable", gross_minor)
    return tuple(draft.entries)


def accrual_vouchers(member: str, accrued: AccruedAt, chart: Chart) -> Iterator[Voucher]:
    """The accrual (暂估) at the end of a date, without tax, and its reversal on the next."""
    for number, leg in enumerate(accrued.legs):
        if member not in (leg.debtor, leg.creditor) or not leg.gross_minor:
            continue
        draft = Draft()
        if member == leg.creditor:
            draft.debit("accrued_receivable", leg.gross_minor)
            draft.credit("revenue", leg.gross_minor)
        else:
            draft.debit("cost", leg.gross_minor)
            draft.credit("accrued_payable", leg.gross_minor)
        title = f"{accrued.name} {date_text(accrued.day)}"
        voucher = Voucher(
            number=f"A-{accrued.name}-{date_text(accrued.day)}-{number}",
            day=accrued.day,
            currency=accrued.currency,
            text=Text(f"暂估 {title}", f"Accrual {title}"),
            partner=leg.debtor if member == leg.creditor else leg.creditor,
            agreement=accrued.name,
            document=accrued.name,
            entries=tuple(draft.entries),
        )
        yield voucher
        yield replace(
            voucher,
            number=f"R{voucher.number}",
            day=accrued.day + 1,
            text=Text(f"冲回暂估 {title}", f"Reversal of accrual {title}"),
            entries=tuple(reversed_entry(entry, chart) for entry in voucher.entries),
        )


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


def table(vouchers: Iterable[Voucher], chart: Chart, lang: Language) -> Table:
    """All lines by date and voucher, as accounting programs import them."""
    rows = []
    for voucher in sorted(vouchers, key=lambda voucher: (voucher.day, voucher.number)):
        for entry in voucher.entries:
            account: Account = getattr(chart.accounts, entry.role)
            row = (
                voucher.day,
                voucher.number,
                voucher.text.of(lang),
                account.code,
                account.zh if lang == "zh" else account.en,
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
