"""Vouchers of what was owed apart from statements, paid, paid in and given back. Pure: see journal.py."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from hansa.apps.money.messages import FundRecord, Obligation
from hansa.apps.money.names import return_of, same_again_of
from hansa.apps.money.queries import ListedPayment, ListedReceipt
from hansa.client.journal import Draft, Entry, Voucher
from hansa.client.journal_accounts import Chart
from hansa.client.texts import Text
from hansa.kernel.limits import DAY_MS

HELD = {
    "security_deposit": "deposit_held",
    "earnest_money": "deposit_held",
    "prepayment": "prepayment_received",
}
PAID = {"security_deposit": "deposit_paid", "earnest_money": "deposit_paid", "prepayment": "prepayment_paid"}
EARNS = {"interest": "interest_income", "damages": "other_income"}
COSTS = {"interest": "interest_expense", "damages": "other_expense"}
TEXTS = {
    "receipt": Text("收款", "Receipt of payment"),
    "payment": Text("付款", "Payment"),
    "claims": Text("以存于成员银行的款项结算", "Settled by claims on a member bank"),
    "fund": Text("以预付款或保证金抵付", "Drawn from a prepayment or deposit"),
    "beyond": Text("多付或代付款项", "Paid beyond, or for others"),
    "interest": Text("逾期利息", "Late-payment interest"),
    "damages": Text("赔偿", "Damages"),
    "other": Text("其他应收应付", "Other debt"),
    "tax": Text("预收款纳税义务", "Tax on a prepayment"),
}


@dataclass(frozen=True)
class MoneyBooks:
    """What the ledger says of a member's money, as its queries answer."""

    member: str
    obligations: Mapping[str, Obligation] = field(default_factory=dict)
    """All that it owes or is owed, settled ones too."""
    payments: Mapping[str, Sequence[ListedPayment]] = field(default_factory=dict)
    """What paid each of them."""
    receipts: Sequence[ListedReceipt] = ()
    """Recorded by the member, with what they pay."""
    others: Mapping[tuple[str, str], ListedReceipt] = field(default_factory=dict)
    """Recorded by those whom it owes: by creditor and entry."""
    funds: Mapping[str, FundRecord] = field(default_factory=dict)
    statement_sides: Mapping[str, str] = field(default_factory=dict)
    """Role by obligation that a statement led to: `receivable` or `payable`, whichever way it is owed."""


def money_vouchers(books: MoneyBooks, chart: Chart) -> Iterator[Voucher]:
    """All of them, in no order."""
    for name, obligation in books.obligations.items():
        yield from _recognised(books, name, obligation)
        yield from _paid(books, name, obligation)
    for listed in books.receipts:
        if not listed.receipt.reversed_reason:
            yield _received(books, listed)
    for (creditor, _), listed in books.others.items():
        yield from _beyond(books, creditor, listed)
    for name, fund in books.funds.items():
        yield from _tax(books, chart, name, fund)


def left_out(books: MoneyBooks) -> list[str]:
    """Names of funds whose end has no date on the ledger's records: to be booked by hand."""
    forfeited = [name for name, fund in books.funds.items() if fund.forfeited_minor]
    at_bank = [name for name, fund in books.funds.items() if fund.mode == "bank" and fund.returned_minor]
    return forfeited + at_bank


def role_of(books: MoneyBooks, name: str) -> str:
    """The account that an obligation stands on in the member's books; what is not known is another's debt."""
    obligation = books.obligations.get(name)
    if obligation is None:
        return "other_payable"
    owed = obligation.creditor == books.member
    if name in books.statement_sides:
        return books.statement_sides[name]
    if obligation.fund and obligation.fund in books.funds:
        kind = books.funds[obligation.fund].kind
        return HELD[kind] if owed else PAID[kind]
    for fund, record in books.funds.items():
        if name == return_of(fund):
            return PAID[record.kind] if owed else HELD[record.kind]
        if name == same_again_of(fund):
            return "other_receivable" if owed else "other_payable"
    if obligation.cause == "return":
        return "unapplied_paid" if owed else "unapplied_received"
    if obligation.cause in EARNS:
        return "other_receivable" if owed else "other_payable"
    if obligation.cause == "correction":  # What goes back of a debt that was paid.
        return "payable" if owed else "receivable"
    return "receivable" if owed else "payable"


def _recognised(books: MoneyBooks, name: str, obligation: Obligation) -> Iterator[Voucher]:
    """Income or expense of what no statement bills: interest, damages, what a debtor acknowledged."""
    known = name in books.statement_sides or obligation.cause not in (*EARNS, "other")
    if known or not obligation.amount_minor:
        return
    draft = Draft()
    if obligation.creditor == books.member:
        draft.debit(role_of(books, name), obligation.amount_minor)
        draft.credit(EARNS.get(obligation.cause, "revenue"), obligation.amount_minor)
    else:
        draft.debit(COSTS.get(obligation.cause, "cost"), obligation.amount_minor)
        draft.credit(role_of(books, name), obligation.amount_minor)
    text = TEXTS[obligation.cause]
    yield _voucher(books, f"O-{name}", obligation.since_ms, obligation, name, text, draft)


def _paid(books: MoneyBooks, name: str, obligation: Obligation) -> Iterator[Voucher]:
    """What paid an obligation. Receipts that the member recorded itself are booked as a whole."""
    owed = obligation.creditor == books.member
    for payment in books.payments.get(name, ()):
        if owed and payment.by == "receipt":
            continue
        other, what = _source(books, obligation, payment)
        draft = Draft()
        if owed:
            draft.debit(other, payment.amount_minor)
            draft.credit(role_of(books, name), payment.amount_minor)
        else:
            draft.debit(role_of(books, name), payment.amount_minor)
            draft.credit(other, payment.amount_minor)
        number = f"P-{name}-{payment.by}-{payment.source[:16]}"
        yield _voucher(books, number, payment.value_ms, obligation, name, TEXTS[what], draft)


def _source(books: MoneyBooks, obligation: Obligation, payment: ListedPayment) -> tuple[str, str]:
    """The account that a payment comes from, or goes to, and what it is called."""
    if payment.by == "fund":
        fund = books.funds.get(payment.source)
        roles = HELD if obligation.creditor == books.member else PAID
        return (roles[fund.kind] if fund else "prepayment_paid"), "fund"
    if payment.by in ("claims", "hold"):
        return "claims", "claims"
    listed = books.others.get((obligation.creditor, payment.source))
    if listed is not None and listed.receipt.payer not in ("", books.member):
        return "other_payable", "payment"  # Somebody else paid it.
    return "bank", "payment"


def _received(books: MoneyBooks, listed: ListedReceipt) -> Voucher:
    """A receipt: money at the bank, what it pays, and the rest that pays nothing yet."""
    receipt, draft = listed.receipt, Draft()
    draft.debit("bank", receipt.amount_minor)
    for name, amount_minor in listed.shares:
        draft.credit(role_of(books, name), amount_minor)
    draft.credit("unapplied_received", receipt.amount_minor - sum(amount for _, amount in listed.shares))
    return Voucher(
        number=f"B-{listed.entry[:16]}",
        day=receipt.value_ms // DAY_MS,
        currency=receipt.currency,
        text=TEXTS["receipt"],
        partner=receipt.payer,
        agreement="",
        document=listed.entry,
        entries=tuple(draft.entries),
    )


def _beyond(books: MoneyBooks, creditor: str, listed: ListedReceipt) -> Iterator[Voucher]:
    """What the member paid a creditor beyond its own debts: unapplied yet, or for others."""
    receipt = listed.receipt
    if receipt.payer != books.member or receipt.reversed_reason:
        return
    draft = Draft()
    strange = sum(
        amount
        for name, amount in listed.shares
        if name not in books.obligations or books.obligations[name].debtor != books.member
    )
    rest = receipt.amount_minor - sum(amount for _, amount in listed.shares)
    draft.debit("other_receivable", strange)
    draft.debit("unapplied_paid", rest)
    draft.credit("bank", strange + rest)
    if draft.entries:
        yield Voucher(
            number=f"X-{creditor}-{listed.entry[:16]}",
            day=receipt.value_ms // DAY_MS,
            currency=receipt.currency,
            text=TEXTS["beyond"],
            partner=creditor,
            agreement="",
            document=listed.entry,
            entries=tuple(draft.entries),
        )


def _tax(books: MoneyBooks, chart: Chart, name: str, fund: FundRecord) -> Iterator[Voucher]:
    """A prepayment's own tax point: tax falls due as it comes in, and is taken back as it is drawn.

    For its holder where the chart says so; for its payer as well once an invoice for it was noted.
    """
    holds = fund.holder == books.member
    if fund.kind != "prepayment" or not chart.prepayment_tax_bp or not (holds or fund.invoice):
        return
    moves = sorted(_moves(books, name, fund))
    left, taxed = 0, 0
    for number, (at_ms, step_minor) in enumerate(moves):
        left += step_minor
        whole = 10_000 + chart.prepayment_tax_bp
        tax = (2 * left * chart.prepayment_tax_bp + whole) // (2 * whole)
        draft = Draft()
        draft.debit("prepayment_tax" if holds else "input_tax", tax - taxed)
        draft.credit("output_tax" if holds else "prepayment_tax", tax - taxed)
        taxed = tax
        if draft.entries:
            yield Voucher(
                number=f"T-{name}-{number}",
                day=at_ms // DAY_MS,
                currency=fund.currency,
                text=TEXTS["tax"],
                partner=fund.payer if holds else fund.holder,
                agreement=fund.subject,
                document=name,
                entries=tuple(draft.entries),
            )


def _moves(books: MoneyBooks, name: str, fund: FundRecord) -> Iterator[tuple[int, int]]:
    """(when, minor units) of what came into a fund and went out of it."""
    for payment in books.payments.get(fund.obligation, ()):
        yield payment.value_ms, payment.amount_minor
    for payments in books.payments.values():
        for payment in payments:
            if payment.by == "fund" and payment.source == name:
                yield payment.value_ms, -payment.amount_minor
    for payment in books.payments.get(return_of(name), ()):
        yield payment.value_ms, -payment.amount_minor


def _voucher(
    books: MoneyBooks, number: str, at_ms: int, obligation: Obligation, name: str, text: Text, draft: Draft
) -> Voucher:
    owed = obligation.creditor == books.member
    entries: tuple[Entry, ...] = tuple(draft.entries)
    return Voucher(
        number=number,
        day=at_ms // DAY_MS,
        currency=obligation.currency,
        text=text,
        partner=obligation.debtor if owed else obligation.creditor,
        agreement=obligation.subject,
        document=name,
        entries=entries,
    )
