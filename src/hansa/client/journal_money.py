"""Vouchers of debts, payments, funds and claims on banks: one for each effect that the ledger told of. Pure.

Events do not change and their blocks are dated, so what was booked once stays booked as it was: what is
undone later is a voucher of its own. What the ledger cannot know, for what money went from one to another,
stands on the account `to_decide` and says so.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from hansa.apps.consortium.calendars import Calendar, local_day
from hansa.apps.consortium.errors_calendar import CalendarOutside
from hansa.apps.money.messages import (
    Allocation,
    Applied,
    FundDrawn,
    FundEnded,
    FundOpened,
    HasSetOff,
    InvoiceNoted,
    Lessened,
    Owing,
    Received,
    Reversed,
    WaiverCorrected,
)
from hansa.apps.money.messages_bank import Posted
from hansa.client import journal_claims
from hansa.client.journal import Draft, Voucher, reversed_entry
from hansa.client.journal_accounts import Chart
from hansa.client.journal_known import HELD, Known, MoneyEvent, Told, sum_of
from hansa.client.money_words import CAUSES
from hansa.client.tables import EPOCH
from hansa.client.texts import Text
from hansa.kernel.limits import DAY_MS

EARNS = {"interest": "interest_income", "damages": "other_income"}
COSTS = {"interest": "interest_expense", "damages": "other_expense"}
TEXTS = {
    "receipt": Text("收款", "Receipt of payment"),
    "payment": Text("付款", "Payment"),
    "applied": Text("核销未核销款", "Unapplied payment applied"),
    "undone": Text("冲回收付款", "Payment undone"),
    "fund": Text("以预付款或保证金抵付", "Drawn from a prepayment or deposit"),
    "set_off": Text("抵销", "Set off"),
    "interest": Text(
        "逾期利息（属价外费用的，税额请认定）",
        "Late-payment interest (decide on its tax where it is part of a price)",
    ),
    "damages": Text(
        "赔偿（属价外费用的，税额请认定）", "Damages (decide on their tax where they are part of a price)"
    ),
    "doubled": Text("定金双倍返还（不计税）", "Earnest money returned double (no tax)"),
    "waived": Text("免除债务，销项税额不因此冲减", "Debt forgone; its tax is owed all the same"),
    "not_forgone": Text(
        "更正涉及已免除的债务，冲回免除",
        "A correction of what was forgone: it was never owed, and nothing was forgone",
    ),
    "tax": Text("预收款纳税义务", "Tax on a prepayment"),
    "forfeited": Text(
        "定金没收（合同未履行，不计销项税额）", "Earnest money forfeited (nothing was supplied: no tax)"
    ),
    "returned": Text("银行解冻退还保证金或定金", "Deposit or earnest money set free at the bank"),
    "other": Text(
        "账外往来确认的应收应付：请认定收入、成本或其他科目及税务处理",
        "A debt acknowledged for what Hansa does not bill: decide on revenue, cost or other, and on tax",
    ),
    "statement": Text(
        "未取得依据的应收应付：请对照协议认定科目",
        "A debt whose statement is not at hand: decide on its account by the agreement",
    ),
    "lessened": Text(
        "未取得依据的应收应付减少：请对照协议认定科目",
        "A debt lessened whose statement is not at hand: decide on its account by the agreement",
    ),
}


@dataclass(frozen=True)
class MoneyBooks:
    """What the money room told, with what other rooms know of it."""

    member: str
    told: Sequence[Told] = ()
    """In the order of the ledger."""
    sides: Mapping[str, str] = field(default_factory=dict)
    """Role by obligation that a statement led to: `receivable` or `payable`, whichever way it is owed."""
    calendars: Mapping[str, Calendar] = field(default_factory=dict)
    """By agreement: in whose dates what belongs to it is booked."""


def money_vouchers(books: MoneyBooks, chart: Chart) -> Iterator[Voucher]:
    """All of the member's, in the order of the ledger."""
    known = Known(books.member, books.sides)
    taxes = Taxes(chart)
    for each in books.told:
        known.take(each.event)
        draft = Draft()
        made = _booked(known, chart, draft, each.event)
        if made is not None and draft.entries:
            yield _voucher(books, known, chart, "M", each, made, draft)
        for number, (fund, taxed) in enumerate(taxes.of(known, each.event), 1):
            about = known.funds[fund]
            other = about.payer if about.holder == books.member else about.holder
            made = Made(TEXTS["tax"], other, about.currency, about.subject, fund)
            yield _voucher(books, known, chart, f"T{number}", each, made, taxed)


@dataclass(frozen=True)
class Made:
    """What a voucher says beside its entries."""

    text: Text
    partner: str
    currency: str
    subject: str
    document: str


def _about(text: Text, known: Known, debts: Iterable[str], subject: str) -> Text:
    """What it is called, with why the debts are owed and the agreement, as a summary (摘要) says it."""
    causes = [CAUSES[cause] for cause in dict.fromkeys(known.debts[debt].cause for debt in debts)]
    zh = " ".join(filter(None, ("、".join(cause[0] for cause in causes), subject)))
    en = " ".join(filter(None, (", ".join(cause[1] for cause in causes), subject)))
    return Text(f"{text.zh} {zh}", f"{text.en}: {en}") if zh else text


def _voucher(
    books: MoneyBooks, known: Known, chart: Chart, mark: str, each: Told, made: Made, draft: Draft
) -> Voucher:
    calendar = books.calendars.get(made.subject)
    recorded_day = local_date(calendar, chart, each.at_ms)
    return Voucher(
        number=f"{mark}-{each.height}.{each.place}",
        day=_bank_day(known, chart, each, recorded_day),
        currency=made.currency,
        text=made.text,
        partner=made.partner,
        agreement=made.subject,
        document=made.document,
        entries=tuple(draft.entries),
    )


def local_date(calendar: Calendar | None, chart: Chart, at_ms: int) -> int:
    """The date of an instant: in the agreement's calendar as far as that goes, else by the chart's clock."""
    if calendar is None:
        return _clock_date(chart, at_ms)
    try:
        return local_day(calendar, at_ms)
    except CalendarOutside:
        return _clock_date(chart, at_ms)


def _clock_date(chart: Chart, at_ms: int) -> int:
    return (datetime.fromtimestamp(at_ms // 1_000, ZoneInfo(chart.timezone)).date() - EPOCH).days


def _bank_day(known: Known, chart: Chart, each: Told, recorded_day: int) -> int:
    """A receipt has the bank's value date, unless the books of its month were closed when it was recorded."""
    if not isinstance(each.event, Received):
        return recorded_day
    value_day = min(each.event.value_ms // DAY_MS, recorded_day)
    recorded = EPOCH + timedelta(days=recorded_day)
    closed: date = recorded.replace(day=1)
    if recorded.day <= chart.open_days:
        closed = (closed - timedelta(days=1)).replace(day=1)
    return value_day if value_day >= (closed - EPOCH).days else recorded_day


def _booked(known: Known, chart: Chart, draft: Draft, event: MoneyEvent) -> Made | None:
    """Fill in the entries that an event leads to; None where it leads to none."""
    match event:
        case Owing():
            return _owed(known, draft, event)
        case Lessened():
            return _lessened(known, draft, event)
        case WaiverCorrected():
            return _waiver_corrected(known, draft, event)
        case Received():
            return _received(known, draft, event)
        case Applied() | Reversed():
            return _changed(known, chart, draft, event)
        case HasSetOff():
            return _set_off(known, draft, event)
        case FundDrawn():
            return _drawn(known, draft, event)
        case FundEnded():
            return _ended(known, draft, event)
        case Posted():
            return _posted(known, draft, event)
    return None


def _of_debt(known: Known, debt: str, text: Text) -> Made:
    owing = known.debts[debt]
    other = owing.debtor if owing.creditor == known.member else owing.creditor
    return Made(_about(text, known, (), owing.subject), other, owing.currency, owing.subject, debt)


def _owed(known: Known, draft: Draft, event: Owing) -> Made | None:
    """Income or expense of what no statement bills. Pay-ins and what goes back are no income."""
    name = event.obligation
    recognised = event.cause in (*EARNS, "other", "statement", "correction")
    if not recognised or name in known.sides or name in known.backs or not known.is_party(name):
        return None
    if event.creditor == known.member:
        draft.debit(known.role_of(name), event.amount_minor)
        draft.credit(EARNS.get(event.cause, "to_decide"), event.amount_minor)
    else:
        draft.debit(COSTS.get(event.cause, "to_decide"), event.amount_minor)
        draft.credit(known.role_of(name), event.amount_minor)
    text = "doubled" if name in known.doubles else "statement" if event.cause == "correction" else event.cause
    return _of_debt(known, name, TEXTS[text])


def _lessened(known: Known, draft: Draft, event: Lessened) -> Made | None:
    """What a creditor forgoes. Corrections of statements are booked with the statement, with their tax."""
    name = event.obligation
    booked_there = name in known.sides and not event.waived
    if booked_there or name in known.pay_ins or not known.is_party(name):
        return None
    role = known.role_of(name)
    if known.debts[name].creditor == known.member:
        draft.debit("relief_given" if event.waived else "to_decide", event.amount_minor)
        draft.credit(role, event.amount_minor)
    else:
        draft.debit(role, event.amount_minor)
        draft.credit("relief_received" if event.waived else "to_decide", event.amount_minor)
    return _of_debt(known, name, TEXTS["waived" if event.waived else "lessened"])


def _waiver_corrected(known: Known, draft: Draft, event: WaiverCorrected) -> Made | None:
    """The statement's correction takes the debt from the books with its tax: nothing was forgone then."""
    if not known.is_party(event.obligation):
        return None
    role = known.role_of(event.obligation)
    if known.debts[event.obligation].creditor == known.member:
        draft.debit(role, event.amount_minor)
        draft.credit("relief_given", event.amount_minor)
    else:
        draft.debit("relief_received", event.amount_minor)
        draft.credit(role, event.amount_minor)
    return _of_debt(known, event.obligation, TEXTS["not_forgone"])


def _received(known: Known, draft: Draft, event: Received) -> Made | None:
    """Money at the creditor's bank, from the payer's: what it pays, and the rest that pays nothing yet."""
    rest_minor = event.amount_minor - sum_of(event.allocations)
    if event.creditor == known.member:
        draft.debit("bank", event.amount_minor)
        _credit_debts(known, draft, event.allocations)
        draft.credit("unapplied_received", rest_minor)
        return _of_receipt(known, event, event, TEXTS["receipt"], event.payer)
    if event.payer == known.member:
        _debit_debts(known, draft, event.allocations)
        draft.debit("unapplied_paid", rest_minor)
        draft.credit("bank", event.amount_minor)
    else:
        _paid_for(known, draft, event, event.allocations)
    return _of_receipt(known, event, event, TEXTS["payment"], event.creditor)


def _changed(known: Known, chart: Chart, draft: Draft, event: Applied | Reversed) -> Made | None:
    """Unapplied money that pays debts; or a receipt, or what it paid, taken back as it was booked."""
    receipt = known.receipts[event.creditor, event.entry]
    undone, whole = isinstance(event, Reversed), isinstance(event, Reversed) and event.whole
    moved_minor = receipt.amount_minor if whole else sum_of(event.allocations)
    rest_minor = moved_minor - sum_of(event.allocations)
    if event.creditor == known.member:
        draft.debit("bank" if whole else "unapplied_received", moved_minor)
        _credit_debts(known, draft, event.allocations)
        draft.credit("unapplied_received", rest_minor)
    elif receipt.payer == known.member:
        _debit_debts(known, draft, event.allocations)
        draft.debit("unapplied_paid", rest_minor)
        draft.credit("bank" if whole else "unapplied_paid", moved_minor)
    else:
        _paid_for(known, draft, receipt, event.allocations)
    if undone:
        draft.entries = [reversed_entry(entry, chart) for entry in draft.entries]
    other = receipt.payer if event.creditor == known.member else event.creditor
    return _of_receipt(known, event, receipt, TEXTS["undone" if undone else "applied"], other)


def _of_receipt(
    known: Known, event: Received | Applied | Reversed, receipt: Received, text: Text, partner: str
) -> Made:
    subject = _subject(known, event)
    said = _about(text, known, (each.obligation for each in event.allocations), subject)
    return Made(said, partner, receipt.currency, subject, event.entry)


def _credit_debts(known: Known, draft: Draft, allocations: Sequence[Allocation]) -> None:
    for each in allocations:
        draft.credit(known.role_of(each.obligation), each.amount_minor)


def _debit_debts(known: Known, draft: Draft, allocations: Sequence[Allocation]) -> None:
    """What the member paid: its own debts, or another's, who owes it to the member from now on."""
    for each in allocations:
        own = known.debts[each.obligation].debtor == known.member
        draft.debit(known.role_of(each.obligation) if own else "other_receivable", each.amount_minor)


def _paid_for(known: Known, draft: Draft, receipt: Received, allocations: Sequence[Allocation]) -> None:
    """The member's debts, paid by another; by itself where the creditor does not say by whom."""
    for each in allocations:
        if known.debts[each.obligation].debtor == known.member:
            draft.debit(known.role_of(each.obligation), each.amount_minor)
            draft.credit("other_payable" if receipt.payer else "bank", each.amount_minor)


def _subject(known: Known, event: Received | Applied | Reversed) -> str:
    """The agreement that all that is paid belongs to; "" where it is several, or none."""
    subjects = {known.debts[each.obligation].subject for each in event.allocations}
    return subjects.pop() if len(subjects) == 1 else ""


def _set_off(known: Known, draft: Draft, event: HasSetOff) -> Made | None:
    if not known.is_party(event.obligation):
        return None
    owed = known.debts[event.obligation].creditor == known.member
    paid, gone = (event.against, event.obligation) if owed else (event.obligation, event.against)
    draft.debit(known.role_of(paid), event.amount_minor)
    draft.credit(known.role_of(gone), event.amount_minor)
    return _of_debt(known, event.obligation, TEXTS["set_off"])


def _drawn(known: Known, draft: Draft, event: FundDrawn) -> Made | None:
    """A prepayment drawn, or a security deposit claimed on default."""
    if not known.is_party(event.obligation):
        return None
    role = known.role_of(event.obligation)
    if known.debts[event.obligation].creditor == known.member:
        draft.debit(_with_holder(known, event.fund), event.amount_minor)
        draft.credit(role, event.amount_minor)
    else:
        draft.debit(role, event.amount_minor)
        draft.credit(known.fund_role(event.fund), event.amount_minor)
    return _of_debt(known, event.obligation, TEXTS["fund"])


def _with_holder(known: Known, fund: str) -> str:
    """Whence its holder takes what a fund pays: of what lies at the bank it gets claims."""
    return "claims" if fund in known.at_bank else HELD[known.funds[fund].kind]


def _ended(known: Known, draft: Draft, event: FundEnded) -> Made | None:
    """Forfeited, or set free at the bank. What is owed back is booked when it is paid."""
    fund = known.funds[event.fund]
    if known.member not in (fund.payer, fund.holder):
        return None
    if event.how == "forfeited":
        if fund.holder == known.member:
            draft.debit(_with_holder(known, event.fund), event.amount_minor)
            draft.credit("other_income", event.amount_minor)
        else:
            draft.debit("other_expense", event.amount_minor)
            draft.credit(known.fund_role(event.fund), event.amount_minor)
    elif event.fund in known.at_bank and fund.payer == known.member:
        draft.debit("claims", event.amount_minor)
        draft.credit("claims_frozen", event.amount_minor)
    other = fund.payer if fund.holder == known.member else fund.holder
    text = _about(TEXTS["forfeited" if event.how == "forfeited" else "returned"], known, (), fund.subject)
    return Made(text, other, fund.currency, fund.subject, event.fund)


def _posted(known: Known, draft: Draft, event: Posted) -> Made:
    draft.entries += journal_claims.entries_of(known, event).entries
    parties = [
        each for each in (event.from_owner, event.to_owner, event.bank) if each not in ("", known.member)
    ]
    subject = known.debts[event.subject].subject if event.subject in known.debts else ""
    text = journal_claims.text_of(known, event)
    return Made(text, parties[0] if parties else "", event.currency, subject, event.subject or event.bank)


@dataclass
class Taxes:
    """A prepayment's own tax point: tax falls due as it comes in, and is taken back as it is drawn.

    For its holder where the chart says so; for its payer as well from the noting of its invoice on.
    """

    chart: Chart
    left_minor: dict[str, int] = field(default_factory=dict)
    taxed_minor: dict[str, int] = field(default_factory=dict)
    invoiced: set[str] = field(default_factory=set)

    def of(self, known: Known, event: MoneyEvent) -> Iterator[tuple[str, Draft]]:
        """(fund, entries) of what an event changes."""
        changed = []
        if isinstance(event, InvoiceNoted):
            self.invoiced.add(event.fund)
            changed.append(event.fund)
        elif not isinstance(event, FundOpened):
            for fund, step_minor in known.moved(event):
                self.left_minor[fund] = self.left_minor.get(fund, 0) + step_minor
                changed.append(fund)
        for fund in dict.fromkeys(changed):
            draft = Draft()
            self._tax(known, fund, draft)
            if draft.entries:
                yield fund, draft

    def _tax(self, known: Known, fund: str, draft: Draft) -> None:
        opened = known.funds[fund]
        holds = opened.holder == known.member
        concerns = holds or (opened.payer == known.member and fund in self.invoiced)
        rate_bp = self.chart.prepayment_tax_bp
        if opened.kind != "prepayment" or not rate_bp or not concerns:
            return
        whole = 10_000 + rate_bp
        tax_minor = (2 * self.left_minor.get(fund, 0) * rate_bp + whole) // (2 * whole)
        step_minor = tax_minor - self.taxed_minor.get(fund, 0)
        self.taxed_minor[fund] = tax_minor
        draft.debit("prepayment_tax" if holds else "input_tax", step_minor)
        draft.credit("output_tax" if holds else "prepayment_tax", step_minor)
