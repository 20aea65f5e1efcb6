"""Whatever parties do: each debt, each fund and each journal line of both equals the second opinion's."""

from collections import Counter
from fractions import Fraction
from functools import partial
from math import floor
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from independent.debts import DAY_MS, Debt, allot
from independent.journal import Entry, accrual
from independent.journal import Voucher as SecondVoucher
from independent.journal import accrual_vouchers as second_accruals
from independent.journal import journal as second_journal
from independent.told import PERIODS, Told, chart_of, lines_here, lines_there

from hansa.apps.billing import lifecycle
from hansa.apps.billing.accrual import accrue
from hansa.apps.billing.elements import Cap
from hansa.apps.billing.elements_trade import Payee, Split
from hansa.apps.billing.lifecycle import Leg
from hansa.apps.billing.tariff import Tariff
from hansa.apps.billing.terms import Settlement
from hansa.client.accruals import book_of
from hansa.client.journal import difference_minor
from hansa.client.journal_accounts import CHARTS, read_chart
from hansa.client.journal_accruals import accrual_vouchers, accrued_at
from hansa.client.journal_ledger import gather, journal
from hansa.kernel import replace
from hansa.kernel.refusal import Refusal
from tests.apps.statements import FROM_MS, MARCH_MS, PIECES, TERMS
from tests.client.test_journal import Asking

PARTIES = ("maker", "plant", "bank")
KINDS = ("security_deposit", "prepayment", "earnest_money")
TAXED = msgspec.structs.replace(read_chart("cas"), prepayment_tax_bp=1_300, tax_at="confirmation")
MAPPINGS = (*(read_chart(name) for name in CHARTS), TAXED)
STEPS = (
    "confirm", "dispute", "part", "withdraw", "concede", "invoice", "red_letter", "pay", "pay", "apply",
    "undo", "refund", "waive", "set_off", "owe", "fund", "claim", "end", "wait", "note",
)  # fmt: skip


def compare(told: Told) -> None:
    """Debts, funds, and every journal line of either party, by either chart."""
    told.compare()
    for chart in MAPPINGS:
        second = second_journal(told.books, chart_of(chart))
        for member in PARTIES:
            days = (0, told.desk.now_ms // DAY_MS + 1)
            found, by_hand = journal(gather(Asking(told.desk), member), chart, *days)
            assert by_hand == []
            assert all(difference_minor(voucher) == 0 for voucher in found)
            own = [voucher for voucher in second if voucher.member == member]
            assert lines_here(member, found) == lines_there(own)
            check_sums(told, member, lines_there(own))
    compare_accruals(told)


def compare_accruals(told: Told) -> None:
    """What is stated and not booked, and interest; what is not stated is a matter of rating."""
    asks, at_ms = Asking(told.desk), told.desk.now_ms + 1
    [(name, agreement, tariff, calendar)] = gather(asks, "maker").agreements
    found = accrue(book_of(asks, name, agreement, tariff.tariff, calendar, at_ms), at_ms)
    here = [
        (item.reason, 0 if item.reason == "interest" else item.period.from_ms, item.net_minor)
        for item in found
        if item.reason in ("unconfirmed", "disputed", "interest")
    ]
    items = accrual(told.books, name, at_ms)
    there = [(item.reason, item.period_ms, sum(line["net"] for line in item.lines)) for item in items]
    assert here == there
    stated = [item for item in found if item.reason in ("unconfirmed", "disputed", "interest")]
    booked = accrued_at(name, agreement, tariff.tariff, 100, stated)
    splits = [element for element in tariff.tariff.elements if isinstance(element, Split)]
    split = partial(shared, splits[0]) if splits else None
    for chart in MAPPINGS:
        of = told.books.agreements[name]
        second = merged(second_accruals(of, 100, items, chart_of(chart), split))
        for member in PARTIES:
            vouchers = list(accrual_vouchers(member, booked, chart))
            assert lines_here(member, vouchers) == lines_there(one for one in second if one.member == member)


def shared(split: Split, lines: list[dict[str, Any]]) -> list[tuple[str, str, int]]:
    """E25: floors, then one unit each by largest remainder, of a tie to the lower member id."""
    whole = sum(line["net"] for line in lines if line["clause"] in split.of)
    exact = [Fraction(whole * payee.share_bp, 10_000) for payee in split.payees]
    parts = [floor(one) for one in exact]
    order = sorted(range(len(exact)), key=lambda n: (parts[n] - exact[n], split.payees[n].member))
    for n in order[: whole - sum(parts)]:
        parts[n] += 1
    rest = [line for line in lines if line["clause"] not in split.of]
    own = [("plant", "maker", sum(line["net"] for line in rest))] if rest else []
    return [("plant", payee.member, part) for payee, part in zip(split.payees, parts, strict=True)] + own


def merged(vouchers: list[SecondVoucher]) -> list[SecondVoucher]:
    """Entries on one account and side as one."""
    out = []
    for voucher in vouchers:
        sums: dict[tuple[str, bool], tuple[int, int]] = {}
        for entry in voucher.entries:
            key = (entry.role, bool(entry.debit))
            debit, credit = sums.get(key, (0, 0))
            sums[key] = (debit + entry.debit, credit + entry.credit)
        entries = tuple(Entry(role, *both) for (role, _), both in sums.items() if any(both))
        out.append(voucher._replace(entries=entries))
    return out


def check_sums(told: Told, member: str, lines: Counter[Any]) -> None:
    """V2, V5: accounts are what is owed, and what is in funds, as the debts themselves say."""
    sums: Counter[str] = Counter()
    for line, times in lines.items():
        sums[line[5]] += (line[6] - line[7]) * times
    owed = [debt for debt in told.books.owed.values() if debt.cause == "statement"]
    owed += [one for key, one in told.books.owed.items() if key[0] == "own"]
    net = sum(_sign(one, member) * one.open for one in owed)
    unbilled = sum(_not_owed_yet(told, period_ms, member) for period_ms in told.stated)
    assert sums["receivable"] + sums["payable"] == net + unbilled
    holds = sum(told.books.funds[name].paid_in - told.books.funds[name].drawn for name in told.books.funds)
    holds -= sum(debt.paid + debt.waived for key, debt in told.books.owed.items() if key[0] == "return")
    holds -= sum(fund.forfeited for fund in told.books.funds.values())
    names = ("deposit_held", "prepayment_received", "deposit_paid", "prepayment_paid")
    sign = {"maker": -1, "plant": 1, "bank": 0}[member]
    assert sum(sums[name] for name in names) == sign * holds


def _not_owed_yet(told: Told, period_ms: int, member: str) -> int:
    stated = told.books.stated["g-1", period_ms]
    if not stated.confirmed_ms or stated.parts or stated.agreement.runs_from != "invoice":
        return 0
    among = stated.legs()
    parts = allot(stated.agreed(), [gross for _, _, gross in among])
    pairs = zip(among, parts, strict=True)
    return sum(part * ((member == leg[1]) - (member == leg[0])) for leg, part in pairs)


def _sign(debt: Debt, member: str) -> int:
    return (member == debt.creditor) - (member == debt.debtor)


class Walk:
    """Steps drawn by chance, what is refused left out."""

    def __init__(self, told: Told) -> None:
        self.told = told

    def step(self, what: str, by: str, period_ms: int, number: int) -> None:
        try:
            getattr(self, f"_{what}")(by, period_ms, number)
        except Refusal:
            self.told.look()

    def _confirm(self, by: str, period_ms: int, number: int) -> None:
        self.told.confirm(by, period_ms)
        self.told.confirm("plant" if by == "maker" else "maker", period_ms)

    def _dispute(self, by: str, period_ms: int, number: int) -> None:
        lines = self.told.books.stated["g-1", period_ms].lines
        sign = 1 if by == "plant" else -1
        against = [line["number"] for line in lines if sign * line["gross"] > 0]
        self.told.dispute(by, period_ms, *against[number % 2 : 1 + number % 4])
        if number % 3:
            self.told.confirm("plant" if by == "maker" else "maker", period_ms)

    def _withdraw(self, by: str, period_ms: int, number: int) -> None:
        disputes = self.told.books.stated["g-1", period_ms].disputes
        self.told.withdraw(next(iter(disputes), by), period_ms)

    def _concede(self, by: str, period_ms: int, number: int) -> None:
        lines = self.told.books.stated["g-1", period_ms].lines
        line = lines[number % len(lines)]
        for_whom, size = ("maker" if line["gross"] > 0 else "plant"), abs(line["gross"])
        self.told.concede(
            for_whom, period_ms, line["number"], size if number % 3 == 0 else number % (size + 1)
        )

    def _invoice(self, by: str, period_ms: int, number: int) -> None:
        self.told.invoice(period_ms)
        if number % 2:
            self.told.wait(1)
            self._concede("maker", period_ms, number)
            self.told.wait(1)
            self._red_letter("maker", period_ms, number)

    def _red_letter(self, by: str, period_ms: int, number: int) -> None:
        waiting = self.told.books.stated["g-1", period_ms].waiting
        self.told.red_letter(period_ms, min(waiting, default=1))

    def _pay(self, by: str, period_ms: int, number: int) -> None:
        payer = ("plant", "maker", "bank")[number % 3] if by == "maker" else "maker"
        self.told.pay(by, payer, 1 + number * 3, self.told.open_names(by)[: 1 + number % 3], number % 40)

    def _entry(self, number: int, by: str = "maker") -> str:
        found = [entry for creditor, entry in self.told.books.receipts if creditor == by] or ["0" * 64]
        return found[number % len(found)]

    def _apply(self, by: str, period_ms: int, number: int) -> None:
        self.told.apply(by, self._entry(number, by), 1 + number % 1_000, self.told.open_names(by)[:2])

    def _undo(self, by: str, period_ms: int, number: int) -> None:
        entry = self._entry(number, by)
        receipt = self.told.books.receipts.get((by, entry))
        names = {key: name for name, key in self.told.names.items()}
        some = [names[key] for key in receipt.pays][:1] if receipt and number % 2 else []
        self.told.undo(by, entry, *some)

    def _refund(self, by: str, period_ms: int, number: int) -> None:
        self.told.refund(by, self._entry(number, by), 1 + number % 1_000)

    def _waive(self, by: str, period_ms: int, number: int) -> None:
        for name in self.told.open_names(by)[:1]:
            self.told.waive(name, 1 + number)

    def _set_off(self, by: str, period_ms: int, number: int) -> None:
        other = "plant" if by == "maker" else "maker"
        for name, against in zip(
            self.told.open_names(by)[:1], self.told.open_names(other)[-1:], strict=False
        ):
            self.told.set_off(name, against, 1 + number)

    def _owe(self, by: str, period_ms: int, number: int) -> None:
        self.told.owe(by, "plant" if by == "maker" else "maker", 1 + number)

    def _fund(self, by: str, period_ms: int, number: int) -> None:
        self.told.open_fund(KINDS[number % 3], 1 + number * 2)

    def _note(self, by: str, period_ms: int, number: int) -> None:
        self.told.note_invoice("g-1:prepayment")

    def _claim(self, by: str, period_ms: int, number: int) -> None:
        for name in self.told.open_names("maker")[:2]:
            self.told.claim("g-1:security_deposit", name, 1 + number)

    def _end(self, by: str, period_ms: int, number: int) -> None:
        kind = KINDS[number % 3]
        hows = ("returned", "forfeited", "doubled") if kind == "earnest_money" else ("returned",)
        self.told.end_fund(f"g-1:{kind}", hows[number % len(hows)])

    def _part(self, by: str, period_ms: int, number: int) -> None:
        """Both disagree on a line or two: charges the one, credits the other."""
        self._dispute("plant", period_ms, number - number % 3)
        self._dispute("maker", period_ms, number - number % 3)

    def _wait(self, by: str, period_ms: int, number: int) -> None:
        self.told.wait(1 + number % 45)


CALENDAR_ENDS_MS = FROM_MS + 290 * DAY_MS
"""Weeks before it does, so that a last step cannot lead beyond it."""
DRAWN = st.lists(
    st.tuples(
        st.sampled_from(STEPS),
        st.sampled_from(PARTIES[:2]),
        st.sampled_from(PERIODS),
        st.integers(1, 200_000),
    ),
    min_size=8,
    max_size=30,
)
CLAUSES = tuple(element.clause for element in PIECES.elements)
CREDITED = replace(PIECES, elements=(*PIECES.elements, Cap("most", "vat", CLAUSES, 120_000)))
"""The last line is a credit."""
PAYEES = (Payee("bank", 3_333), Payee("maker", 6_667))
SHARED = replace(PIECES, elements=(*PIECES.elements, Split("shared", "vat", CLAUSES[:1], PAYEES)))
HALVES = (Payee("bank", 5_000), Payee("maker", 5_000))
HALVED = replace(PIECES, elements=(*PIECES.elements, Split("halved", "vat", CLAUSES, HALVES)))
TARIFFS = (PIECES, CREDITED, SHARED, HALVED)
AGREED = (
    TERMS,
    Settlement(payment_days=10, runs_from="confirmation", silence_days=12),
    Settlement(payment_days=40, runs_from="invoice"),
    Settlement(payment_days=5, runs_from="confirmation", interest_bp=730, interest_tax="vat"),
)


@settings(max_examples=25, deadline=None, phases=(Phase.explicit, Phase.generate))
@given(st.sampled_from(AGREED), st.sampled_from(["small", "large"]), st.sampled_from(TARIFFS), DRAWN)
def test_whatever_parties_do_both_say_the_same(
    settlement: Settlement, size: str, tariff: Tariff, steps: list[tuple[str, str, int, int]]
) -> None:
    told = Told(settlement, ("small", size), tariff)
    told.close(FROM_MS, 500)
    told.close(MARCH_MS, 300)
    walk = Walk(told)
    for step in steps:
        walk.step(*step)
    compare(told)


@pytest.mark.parametrize("seed", range(60))
def test_a_long_walk(seed: int) -> None:
    """Months of it, until the agreement is over: what falls due, is paid late, goes back and is undone."""
    random = Random(seed)
    told = Told(random.choice(AGREED), ("small", random.choice(["small", "large"])), TARIFFS[seed % 4])
    told.close(FROM_MS, 500)
    told.close(MARCH_MS, 300)
    walk = Walk(told)
    for _ in range(70):
        if told.desk.now_ms < CALENDAR_ENDS_MS:
            by, period_ms = random.choice(PARTIES[:2]), random.choice(PERIODS)
            walk.step(random.choice(STEPS), by, period_ms, random.randint(1, 200_000))
    compare(told)


def test_a_case_by_hand() -> None:
    """A dispute in part given up, a red letter, a prepayment drawn, a payment in two, one too much."""
    told = Told(TERMS)
    told.open_fund("prepayment", 100_000)
    told.pay("maker", "plant", 100_000, told.open_names("maker"))
    told.close(FROM_MS, 500)
    told.dispute("plant", FROM_MS, 2)
    told.confirm("maker", FROM_MS)
    told.invoice(FROM_MS)
    told.wait(5)
    told.concede("maker", FROM_MS, 2, 10_000)
    told.wait(3)
    told.red_letter(FROM_MS, 1)
    told.withdraw("plant", FROM_MS)
    compare(told)
    names = told.open_names("maker")
    told.pay("maker", "plant", 30_000, names)
    told.wait(60)
    told.pay("maker", "plant", 300_000, names)
    told.refund("maker", f"{told.entries:064x}", 5_000)
    compare(told)
    told.undo("maker", f"{2:064x}")
    compare(told)
    assert told.books.funds["g-1:prepayment"].left == 0


def test_what_a_provider_owes_before_any_invoice_is_not_overdue_since_ever() -> None:
    """A credit that is larger than the charges left, at the law's latest day."""
    terms = Settlement(payment_days=40, runs_from="invoice", interest_bp=730)
    told = Told(terms, ("small", "large"), CREDITED)
    told.close(FROM_MS, 500)
    told.concede("maker", FROM_MS, 1, 113_000)
    told.concede("maker", FROM_MS, 5, 128_820)
    for by in ("maker", "plant"):
        told.confirm(by, FROM_MS)
    told.wait(62)
    [debt] = told.books.owed.values()
    assert (debt.debtor, debt.due_ms) == ("maker", MARCH_MS + 90 * DAY_MS)
    compare(told)


def test_what_goes_back_of_a_debt_that_was_waived_in_part_goes_back_each_time() -> None:
    """A waiver is of one debt; what goes back of it carries none of it."""
    told = Told(TERMS)
    told.close(FROM_MS, 500)
    for by in ("maker", "plant"):
        told.confirm(by, FROM_MS)
    [name] = told.open_names("maker")
    told.waive(name, 100_000)
    told.pay("maker", "plant", 1_000_000, [name])
    for gross in (20_000, 8_000):
        told.concede("maker", FROM_MS, 1, gross)
    backs = [debt.amount for debt in told.books.owed.values() if debt.back_of]
    assert backs == [20_000, 8_000]
    compare(told)


def test_the_first_debt_of_a_statement_is_its_tax_point() -> None:
    """The user owes at the law's latest day; more than that is given up then, and goes the other way."""
    told = Told(Settlement(payment_days=40, runs_from="invoice"), ("small", "large"), CREDITED)
    told.close(FROM_MS, 500)
    for by in ("maker", "plant"):
        told.confirm(by, FROM_MS)
    told.wait(62)
    told.concede("maker", FROM_MS, 1, 113_000)
    told.concede("maker", FROM_MS, 5, 128_820)
    assert [debt.debtor for debt in told.books.owed.values()] == ["plant", "maker"]
    compare(told)


@given(st.integers(-200, 200), st.lists(st.integers(-50, 50), min_size=1, max_size=4))
def test_what_is_allotted_is_the_same(amount: int, weights: list[int]) -> None:
    among = [Leg("plant", "maker", weight) for weight in weights]
    assert lifecycle.allot(amount, among) == allot(amount, weights)


@pytest.mark.parametrize("how", ["returned", "forfeited", "doubled"])
def test_earnest_money_by_hand(how: str) -> None:
    told = Told(TERMS)
    told.open_fund("earnest_money", 1_000)
    told.pay("maker", "plant", 1_000, told.open_names("maker"))
    told.end_fund("g-1:earnest_money", how)
    compare(told)
    for name in told.open_names("plant"):
        told.pay("plant", "maker", 1_000, [name])
    compare(told)
