"""Journals: every voucher balances, both parties' books mirror each other, balances are the ledger's own."""

import csv
import functools
import hashlib
import io
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hansa.apps.billing.accrual import Accrued
from hansa.apps.billing.elements_trade import Payee, Split
from hansa.apps.billing.lifecycle import disputed_lines
from hansa.apps.billing.messages import Agreement
from hansa.apps.billing.terms import Settlement
from hansa.apps.consortium.calendars import local_day, start_of_day
from hansa.apps.money.messages import Allocation, Owe, Receive, Refund, Reverse, SetOff, Waive
from hansa.client.accruals import accrued
from hansa.client.happened import Happened
from hansa.client.journal import Voucher, difference_minor, table
from hansa.client.journal_accounts import CHARTS, Accounts, MappingUnusable, chart_text, read_chart
from hansa.client.journal_ledger import Books, gather, journal, month_ends
from hansa.client.tables import EPOCH, csv_text, xlsx_bytes
from hansa.kernel import limits, replace
from hansa.kernel.refusal import Refusal
from tests.apps.ground import REGISTRY
from tests.apps.statements import APRIL_MS, FROM_MS, MARCH_MS, PIECES, TO_MS, Desk

ALWAYS = (0, 60_000)
PARTIES = ("maker", "plant")
MIRRORS = {
    "receivable": "payable", "revenue": "cost", "bank": "bank",
    "other_receivable": "other_payable", "unapplied_received": "unapplied_paid",
    "accrued_receivable": "accrued_payable", "interest_income": "interest_expense",
    "other_income": "other_expense", "relief_given": "relief_received", "to_decide": "to_decide",
    "deposit_held": "deposit_paid", "prepayment_received": "prepayment_paid",
}  # fmt: skip


class Asking:
    """Queries of rooms in memory, answered through JSON, lists in pages of three; and what happened there."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def one(self, name: str, kind: Any, **arguments: Any) -> Any:
        query = REGISTRY.queries[name]
        found = self.desk.ask(lambda ctx: functools.partial(query, ctx)(**arguments))
        return msgspec.json.decode(msgspec.json.encode(found), type=kind)

    def all(self, name: str, kind: Any, last: Callable[[Any], str], **arguments: Any) -> list[Any]:
        found: list[Any] = []
        while True:
            after = last(found[-1]) if found else ""
            page = self.one(name, list[kind], after=after, limit=3, **arguments)
            found += page
            if len(page) < 3:
                return found

    def events(self, room: str) -> Iterator[Happened]:
        for each in self.desk.happened:
            if msgspec.json.decode(each[-1])["_type"].startswith(f"{room}."):
                yield Happened(*each)


def books(desk: Desk, member: str) -> Books:
    return gather(Asking(desk), member)


def vouchers(desk: Desk, member: str, chart: str = "cas", days: tuple[int, int] = ALWAYS) -> list[Voucher]:
    found, by_hand = journal(books(desk, member), read_chart(chart), *days)
    assert by_hand == []
    return found


def balances(found: Sequence[Voucher]) -> Counter[str]:
    """Debits less credits by role; roles that come to nothing are left out."""
    sums: Counter[str] = Counter()
    for voucher in found:
        for entry in voucher.entries:
            sums[entry.role] += entry.debit_minor - entry.credit_minor
    return Counter({role: amount for role, amount in sums.items() if amount})


def pay(desk: Desk, amount_minor: int, *names: str, entry: str = "11" * 32, payer: str = "plant") -> None:
    """The maker finds a payment on its bank statement."""
    left, shares = amount_minor, []
    for name in names:
        found = desk.obligations()[name]
        part = min(left, found.amount_minor - found.paid_minor)
        shares.append(Allocation(name, part))
        left -= part
    value_ms = desk.now_ms // limits.DAY_MS * limits.DAY_MS
    desk.do("maker", Receive(entry, "CNY", amount_minor, value_ms, payer, tuple(shares)))


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_confirmed_statement_is_revenue_here_and_cost_there(desk: Desk) -> None:
    statement = desk.close(pieces=1_000)
    assert vouchers(desk, "maker") == vouchers(desk, "plant") == [], "nobody confirmed it"
    desk.confirm()
    net, tax, gross = statement.net_minor, statement.tax_minor, statement.gross_minor
    maker, plant = vouchers(desk, "maker", days=until_today(desk)), vouchers(desk, "plant")
    assert balances(maker) == {"receivable": gross, "revenue": -net, "output_tax_deferred": -tax}
    assert balances(plant) == {"payable": -gross, "cost": net, "input_tax_pending": tax}
    (voucher,) = maker
    assert (voucher.partner, voucher.agreement, voucher.currency) == ("plant", "g-1", "CNY")
    assert vouchers(desk, "third") == []


def until_today(desk: Desk) -> tuple[int, int]:
    return 0, desk.now_ms // limits.DAY_MS + 1


def test_disputed_lines_are_not_booked_and_corrections_when_they_count(desk: Desk) -> None:
    statement = desk.close(pieces=1_000)
    desk.dispute("plant", 2)
    desk.confirm("maker")
    gross = statement.gross_minor - statement.lines[1].gross_minor
    assert balances(vouchers(desk, "maker"))["receivable"] == gross
    desk.withdraw("plant")
    assert balances(vouchers(desk, "maker"))["receivable"] == statement.gross_minor
    desk.concede("maker", l1=11_300)
    after = balances(vouchers(desk, "maker"))
    assert after["receivable"] == statement.gross_minor - 11_300
    assert after["output_tax"] == -(statement.tax_minor - 1_300), "it is due some day"
    assert open_minor(desk) == after["receivable"]


def test_a_correction_waits_in_the_books_for_its_red_letter(desk: Desk) -> None:
    statement = desk.close(pieces=1_000)
    desk.confirm()
    desk.invoice()
    desk.concede("maker", l1=11_300)
    assert balances(vouchers(desk, "maker"))["receivable"] == statement.gross_minor
    desk.move_to(desk.now_ms + 3 * limits.DAY_MS)
    desk.red_letter()
    stated, corrected = vouchers(desk, "maker")
    assert corrected.day == stated.day + 3
    assert "44030725051001117191" in corrected.text.zh
    assert balances([corrected])["receivable"] == -11_300


def test_a_correction_is_never_booked_before_its_statement(desk: Desk) -> None:
    statement = desk.close(pieces=1_000)
    desk.concede("maker", l1=11_300)
    assert vouchers(desk, "maker") == []
    desk.move_to(desk.now_ms + 2 * limits.DAY_MS)
    desk.confirm()
    found = vouchers(desk, "maker", days=until_today(desk))
    assert len({voucher.day for voucher in found}) == 1
    assert balances(found)["receivable"] == statement.gross_minor - 11_300


def test_what_is_given_up_of_a_line_in_dispute_is_booked_with_the_line(desk: Desk) -> None:
    statement = desk.close(pieces=1_000)
    desk.dispute("plant", 2)
    desk.confirm("maker")
    desk.concede("maker", l2=100)
    rest = statement.gross_minor - statement.lines[1].gross_minor
    booked = rest if disputed_lines(desk.life()) else statement.gross_minor - 100
    assert balances(vouchers(desk, "maker"))["receivable"] == booked == open_minor(desk)


def test_what_was_forgone_and_then_corrected_was_never_forgone(desk: Desk) -> None:
    statement = desk.close()
    desk.confirm()
    (name,) = desk.obligations()
    desk.do("maker", Waive(name, statement.gross_minor, "goodwill"))
    assert balances(vouchers(desk, "maker"))["relief_given"] == statement.gross_minor
    assert balances(vouchers(desk, "plant"))["relief_received"] == -statement.gross_minor
    desk.concede("maker", l1=11_300)
    maker, plant = balances(vouchers(desk, "maker")), balances(vouchers(desk, "plant"))
    assert maker["relief_given"] == -plant["relief_received"] == statement.gross_minor - 11_300
    assert maker["receivable"] == plant["payable"] == open_minor(desk) == 0


def test_a_third_payee_books_its_share_when_the_statement_is_confirmed() -> None:
    payees = (Payee("bank", 3_000), Payee("maker", 7_000))
    split = Split("shared", "vat", ("base_fee", "service", "per_piece"), payees)
    tariff = replace(PIECES, elements=(*PIECES.elements, split))
    desk = Desk(Settlement(payment_days=30, runs_from="invoice"), tariff)
    statement = desk.close()
    desk.confirm()
    before = vouchers(desk, "bank", days=until_today(desk))
    assert balances(before)["revenue"] == -40_000
    assert statement.net_minor == 133_333
    desk.move_to(desk.now_ms + 40 * limits.DAY_MS)
    desk.invoice()
    assert vouchers(desk, "bank")[: len(before)] == before
    assert gather(Asking(desk), "third").stated == []


def open_minor(desk: Desk) -> int:
    """What the plant still owes the maker of statements, less what goes back."""
    sign = {"plant": 1, "maker": -1}
    return sum(sign[one.debtor] * (one.amount_minor - one.paid_minor) for one in desk.obligations().values())


def test_payments_meet_what_they_pay_and_the_rest_waits(desk: Desk) -> None:
    desk.close(pieces=1_000)
    desk.confirm()
    (name,) = desk.obligations()
    owed = desk.obligations()[name].amount_minor
    pay(desk, owed + 500, name)
    maker, plant = balances(vouchers(desk, "maker")), balances(vouchers(desk, "plant"))
    assert (maker["receivable"], maker["bank"], maker["unapplied_received"]) == (0, owed + 500, -500)
    assert (plant["payable"], plant["bank"], plant["unapplied_paid"]) == (0, -owed - 500, 500)
    desk.do("maker", Refund("11" * 32, 500, desk.now_ms + limits.DAY_MS))
    assert balances(vouchers(desk, "maker")) == maker, "it is owed back, not yet paid"
    desk.do("maker", Reverse("11" * 32, "mistake", (name,)))
    assert balances(vouchers(desk, "maker"))["receivable"] == owed


def test_a_payment_by_somebody_else_is_no_money_of_the_debtor(desk: Desk) -> None:
    desk.close(pieces=10)
    desk.confirm()
    (name,) = desk.obligations()
    owed = desk.obligations()[name].amount_minor
    pay(desk, owed, name, payer="bank")
    plant = balances(vouchers(desk, "plant"))
    assert (plant["bank"], plant["other_payable"], plant["payable"]) == (0, -owed, 0)


def test_a_debt_that_its_debtor_acknowledged_is_booked_on_both_sides(desk: Desk) -> None:
    desk.do("plant", Owe("tools", "maker", "EUR", 700, desk.now_ms + limits.DAY_MS))
    assert balances(vouchers(desk, "maker")) == {"receivable": 700, "to_decide": -700}
    assert balances(vouchers(desk, "plant")) == {"payable": -700, "to_decide": 700}
    assert {voucher.currency for voucher in vouchers(desk, "plant")} == {"EUR"}


@pytest.mark.parametrize("chart", CHARTS)
def test_accruals_stand_for_a_day_and_are_taken_back_on_the_next(desk: Desk, chart: str) -> None:
    desk.close(pieces=1_000)
    desk.move_to(APRIL_MS + limits.DAY_MS)
    asks = Asking(desk)

    def accrue(name: str, agreement: Agreement, day: int) -> Sequence[Accrued]:
        return accrued(asks, name, agreement, day)[1]

    end = (EPOCH.fromisoformat("2025-02-28") - EPOCH).days
    for member, role, sign in (("maker", "accrued_receivable", 1), ("plant", "accrued_payable", -1)):
        held = books(desk, member)
        at_end, by_hand = journal(held, read_chart(chart), 0, end, accrue)
        assert by_hand == []
        february = desk.statement(FROM_MS)
        assert balances(at_end)[role] == sign * february.net_minor
        after, _ = journal(held, read_chart(chart), 0, end + 1, accrue)
        assert not balances(after)
        assert all(difference_minor(voucher) == 0 for voucher in after)
        reds = [entry for voucher in after for entry in voucher.entries if entry.debit_minor < 0]
        assert bool(reds) == (chart == "cas")


def test_the_reversal_of_a_month_before_the_span_is_in_the_span(desk: Desk) -> None:
    desk.close(pieces=1_000)
    asks = Asking(desk)
    first = (EPOCH.fromisoformat("2025-03-01") - EPOCH).days

    def accrue(name: str, agreement: Agreement, day: int) -> Sequence[Accrued]:
        return accrued(asks, name, agreement, day)[1]

    found, _ = journal(books(desk, "maker"), read_chart("cas"), first, first + 5, accrue)
    assert [voucher.number[0] for voucher in found] == ["R"]


def test_what_cannot_be_reckoned_is_named_and_the_rest_is_booked(desk: Desk) -> None:
    desk.close(pieces=1_000)
    desk.confirm()

    def accrue(name: str, agreement: Agreement, day: int) -> Sequence[Accrued]:
        raise MappingUnusable(file=name, detail="x")

    first = (EPOCH.fromisoformat("2025-03-01") - EPOCH).days
    found, by_hand = journal(books(desk, "maker"), read_chart("cas"), first, first + 29, accrue)
    assert len(found) == 1
    assert by_hand == ["g-1 2025-02-28: journal.mapping_unusable"]


DEEDS = (
    "confirm", "dispute", "withdraw", "concede", "pay", "undo", "owe", "waive", "set_off", "wait", "invoice",
    "red_letter",
)  # fmt: skip
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["confirm", "dispute", "withdraw", "concede", "pay", "undo", "owe", "waive", "set_off"]
        ),
        st.sampled_from(PARTIES),
        st.sampled_from([FROM_MS, MARCH_MS]),
        st.integers(1, 200_000),
    ),
    max_size=14,
)


@settings(max_examples=50)
@given(STEPS)
def test_whatever_happens_books_balance_and_mirror_each_other(steps: list[tuple[str, str, int, int]]) -> None:
    desk = Desk()
    desk.close(pieces=500)
    desk.close(MARCH_MS, pieces=300)
    booked: dict[str, list[Voucher]] = {"maker": [], "plant": []}
    for number, (what, member, period_ms, amount) in enumerate(steps):
        closed = closed_until(desk)
        try:
            _step(desk, number, what, member, period_ms, amount)
        except Refusal:
            continue
        for member in PARTIES:
            booked[member] = _goes_on(booked[member], vouchers(desk, member, days=until_now(desk)), closed)
    sums = {}
    for member in PARTIES:
        held = books(desk, member)
        for chart in CHARTS:
            found, by_hand = journal(held, read_chart(chart), *ALWAYS)
            assert by_hand == []
            assert all(difference_minor(voucher) == 0 for voucher in found)
            assert len({voucher.number for voucher in found}) == len(found)
        sums[member] = balances(found)
    for role, other in MIRRORS.items():
        assert sums["maker"][role] == -sums["plant"][other], role
        assert sums["plant"][role] == -sums["maker"][other], role
    for sold, bought in (("maker", "plant"), ("plant", "maker")):
        output = sums[sold]["output_tax"] + sums[sold]["output_tax_deferred"]
        assert output == -sums[bought]["input_tax"] - sums[bought]["input_tax_pending"]
    assert sums["maker"]["receivable"] - sums["plant"]["receivable"] == open_minor(desk)
    _compare_with_statements(desk, sums["maker"])


def until_now(desk: Desk) -> tuple[int, int]:
    return 0, local_day(books(desk, "maker").stated[0].calendar, desk.now_ms)


def closed_until(desk: Desk) -> int:
    """The last day of the months whose books are closed: from the 6th on, those before this one."""
    today = EPOCH + timedelta(days=until_now(desk)[1])
    first = today.replace(day=1)
    if today.day <= 5:
        first = (first - timedelta(days=1)).replace(day=1)
    return (first - EPOCH).days - 1


def _goes_on(before: list[Voucher], after: list[Voucher], closed: int) -> list[Voucher]:
    """Months that were closed before something happened are as they were."""
    now, then = ([voucher for voucher in found if voucher.day <= closed] for found in (after, before))
    assert now == then
    return after


def _step(desk: Desk, number: int, what: str, member: str, period_ms: int, amount: int) -> None:
    if what == "confirm":
        desk.confirm(member, period_ms=period_ms)
    elif what == "dispute":
        desk.dispute(member, 1 + amount % 4, period_ms=period_ms)
    elif what == "withdraw":
        desk.withdraw(member, period_ms)
    elif what == "concede":
        desk.concede(member, period_ms, **{f"l{1 + amount % 4}": amount})
    elif what == "pay":
        names = [
            name
            for name, one in desk.obligations().items()
            if one.creditor == "maker" and one.state == "open"
        ]
        pay(desk, amount, *names[:2], entry=named(number))
    elif what == "undo":
        desk.do("maker", Reverse(named(amount % 14), "mistake"))
    elif what == "waive":
        for name, one in desk.obligations().items():
            if one.state == "open":
                left = one.amount_minor - one.paid_minor
                desk.do(one.creditor, Waive(name, min(amount, left), "goodwill"))
                return
    elif what == "set_off":
        desk.move_to(desk.now_ms + 40 * limits.DAY_MS)
        open_ = {name: one for name, one in desk.obligations().items() if one.state == "open"}
        pairs = [(a, b) for a, one in open_.items() for b, two in open_.items() if one.debtor == two.creditor]
        for first, second in pairs[:1]:
            desk.do(open_[first].creditor, SetOff(first, second, amount))
    elif what == "wait":
        desk.move_to(desk.now_ms + 1 + amount % 20 * limits.DAY_MS)
    elif what == "invoice":
        desk.invoice(period_ms)
    elif what == "red_letter":
        desk.red_letter(period_ms)
    elif what == "owe":
        desk.do("plant", Owe(f"own-{number}", "maker", "CNY", amount, desk.now_ms + limits.DAY_MS))


def named(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def _compare_with_statements(desk: Desk, maker: Counter[str]) -> None:
    """Revenue and tax reckoned anew, line by line, from the statements themselves."""
    net = tax = 0
    for period_ms in (FROM_MS, MARCH_MS):
        life, statement = desk.life(period_ms), desk.statement(period_ms)
        if life.confirmed_ms:
            lines = [line for line in statement.lines if line.number not in disputed_lines(life)]
            net += sum(line.net_minor for line in lines)
            tax += sum(line.tax_minor for line in lines)
        for correction in desk.corrections(period_ms):
            for line in correction.lines if correction.effective_ms and life.confirmed_ms else ():
                if line.line not in disputed_lines(life):
                    net, tax = net + line.net_minor, tax + line.tax_minor
    owed = sum(one.agreed_minor for one in desk.obligations().values() if one.cause == "other")
    assert -maker["revenue"] == net
    assert -maker["to_decide"] == owed
    assert -maker["output_tax"] - maker["output_tax_deferred"] == tax


def test_dates_are_local_and_the_span_includes_its_ends(desk: Desk) -> None:
    desk.close(pieces=10)
    desk.confirm()
    life = desk.life()
    calendar = books(desk, "maker").stated[0].calendar
    day = local_day(calendar, life.confirmed_ms)
    assert len(vouchers(desk, "maker", days=(day, day))) == 1
    assert vouchers(desk, "maker", days=(day + 1, day + 9)) == []
    assert (
        start_of_day(calendar, day)
        == life.confirmed_ms // limits.DAY_MS * limits.DAY_MS + 16 * limits.HOUR_MS
    )
    assert desk.now_ms < TO_MS


def test_ends_of_months() -> None:
    days = [str(EPOCH.fromordinal(EPOCH.toordinal() + day)) for day in month_ends(20_088, 20_150)]
    assert days == ["2024-12-31", "2025-01-31", "2025-02-28"]
    assert month_ends(20_089, 20_090) == []


def test_the_table_is_ready_for_an_accounting_program(desk: Desk) -> None:
    desk.close(pieces=10)
    desk.confirm()
    made = table(vouchers(desk, "maker", days=until_today(desk)), read_chart("cas"))
    rows = list(csv.DictReader(io.StringIO(csv_text(made, "zh"))))
    assert [row["科目编码"] for row in rows] == ["1122", "5001", "222109"]
    assert rows[2]["科目名称"] == "应交税费—待转销项税额"
    assert rows[1]["税率"] == "13.00 %"
    assert sum(float(row["借方金额"] or 0) for row in rows) == pytest.approx(
        sum(float(row["贷方金额"] or 0) for row in rows)
    )
    assert xlsx_bytes(made, "zh")[:2] == b"PK"


@pytest.mark.parametrize("name", CHARTS)
def test_charts_have_an_account_for_every_role(name: str) -> None:
    chart = read_chart(name)
    codes = [getattr(chart.accounts, role).code for role in Accounts.__struct_fields__]
    assert len(set(codes)) == len(codes)


CHANGES = [
    ('code = "1002"', 'code = " "'),
    ("bank =", "banc ="),
    ('"red"', '"blue"'),
    ("tax_bp = 0", "tax_bp = -1"),
    ("tax_bp = 0", "tax_bp = 20000"),
    ("tax_bp = 0", "tax_bp = 1.5"),
    ("[accounts]", "[accounts"),
    ("open_days = 5", "open_days = -1"),
    ("open_days = 5", "open_days = 29"),
    ("Asia/Shanghai", "Nowhere/Atall"),
    ("Asia/Shanghai", "../Shanghai"),
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_mapping_that_cannot_be_used_says_why(tmp_path: Path, change: tuple[str, str]) -> None:
    file = tmp_path / "accounts.toml"
    file.write_text(chart_text("cas").replace(*change), encoding="utf-8")
    with pytest.raises(MappingUnusable):
        read_chart(file)
    file.write_text(chart_text("cas"), encoding="utf-8")
    assert read_chart(file) == read_chart("cas")
