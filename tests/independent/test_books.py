"""The second opinion on books, worked by hand from docs/bookkeeping-rules.md, rule by rule."""

from collections import Counter
from fractions import Fraction
from typing import Any

import pytest
from independent.books import Books
from independent.debts import DAY_MS, Agreement, allot, day_of
from independent.journal import Chart, Item, Voucher, accrual, accrual_vouchers, journal

VAT = Fraction(13)
START_MS = 20_120 * DAY_MS - 8 * 3_600_000
"""2025-02-01 in Shanghai."""
END_MS = START_MS + 28 * DAY_MS
DUE_MS = END_MS + 30 * DAY_MS
KEY = ("g", START_MS, 0)


def line(number: int, net: int, kind: str = "usage", percent: Fraction = VAT) -> dict[str, Any]:
    tax = int(net * percent / 100)
    return {"number": number, "kind": kind, "percent": percent, "net": net, "tax": tax, "gross": net + tax}


LINES = (line(1, 10_000), line(2, 2_000))
"""11,300 and 2,260 gross."""


def stated(*lines: dict[str, Any], shares: Any = (), **agreed: Any) -> Books:
    """A statement of February, closed as it ends."""
    books = Books([Agreement("g", "maker", "plant", **agreed)])
    what = {"agreement": "g", "period_ms": START_MS, "to_ms": END_MS}
    books.tell((END_MS, "stated", {**what, "lines": list(lines or LINES), "shares": shares}))
    return books


def act(books: Books, day: int, kind: str, **what: Any) -> None:
    """So many days after the close."""
    books.tell((END_MS + day * DAY_MS, kind, {"agreement": "g", "period_ms": START_MS, **what}))


def confirmed(books: Books, day: int = 1) -> Books:
    for by in ("maker", "plant"):
        act(books, day, "confirm", by=by)
    return books


def pay(books: Books, day: int, amount: int, value_day: int | None = None, **pays: int) -> None:
    """The first debt gets what `first` says of it."""
    told = {"entry": f"e{day}", "creditor": "maker", "payer": "plant", "amount": amount}
    value = day_of(END_MS, "UTC") + (day if value_day is None else value_day)
    keys = {KEY: pays["first"]} if pays else {}
    books.tell((END_MS + day * DAY_MS, "receipt", {**told, "value_day": value, "pays": keys}))


def sums(books: Books, member: str, chart: Chart | None = None) -> dict[str, int]:
    """Debits less credits by account; those that come to nothing are left out."""
    found: Counter[str] = Counter()
    for voucher in journal(books, chart or Chart()):
        assert sum(entry.debit - entry.credit for entry in voucher.entries) == 0
        for entry in voucher.entries if voucher.member == member else ():
            found[entry.role] += entry.debit - entry.credit
    return {role: amount for role, amount in found.items() if amount}


def days(books: Books, member: str, role: str, chart: Chart | None = None) -> list[tuple[int, int]]:
    """(days after the close, debit less credit)."""
    return [
        (voucher.day - day_of(END_MS, "Asia/Shanghai"), entry.debit - entry.credit)
        for voucher in journal(books, chart or Chart())
        for entry in voucher.entries
        if (voucher.member, entry.role) == (member, role)
    ]


def test_o1_silence_is_a_word_where_it_was_agreed_on() -> None:
    books = stated(silence_days=7)
    act(books, 2, "confirm", by="maker")
    books.move_to(END_MS + 7 * DAY_MS - 1)
    assert books.owed == {}
    books.move_to(END_MS + 7 * DAY_MS)
    assert books.owed[KEY].open == 13_560


def test_o3_the_tax_of_what_is_given_up_adds_up() -> None:
    books = stated(line(1, 100))
    for day, given in enumerate((37, 38, 38), 1):
        act(books, day, "concede", by="maker", gross={1: given})
    # 13 × 37/113 = 4.26, × 75/113 = 8.63, × 113/113 = 13.
    assert [tax for each in books.stated["g", START_MS].corrections for _, tax in each.values()] == [
        -4,
        -5,
        -4,
    ]
    assert books.stated["g", START_MS].standing == {1: (0, 0)}


@pytest.mark.parametrize(
    ("nets", "disputed", "agreed"),
    [
        ((100, 50, -30), [2], 70),
        ((100, 50, -30), [3], 120),
        ((100, -130), [1], -30),
        ((100, -130), [2], 0),
        ((100, -130), [1, 2], 0),
    ],
)
def test_o4_of_two_words_of_one_sign_the_smaller_of_two_signs_neither(
    nets: tuple[int, ...], disputed: list[int], agreed: int
) -> None:
    books = stated(*(line(n, net, percent=Fraction(0)) for n, net in enumerate(nets, 1)))
    act(books, 1, "dispute", by="plant", lines=disputed)
    act(books, 1, "confirm", by="maker")
    assert books.stated["g", START_MS].agreed() == agreed


def test_o6_the_law_has_a_latest_day() -> None:
    books = stated(payment_days=90, protected=True)
    assert confirmed(books).owed[KEY].due_ms == END_MS + 60 * DAY_MS
    assert confirmed(stated(payment_days=90)).owed[KEY].due_ms == END_MS + 90 * DAY_MS


def test_o7_largest_remainder_ties_to_the_earlier() -> None:
    assert allot(10, [100, 100, 100]) == [4, 3, 3]
    assert allot(-10, [-50, -50]) == [-5, -5]
    assert allot(300, [100, 100, 100]) == [100, 100, 100]


def test_o8_what_was_paid_beyond_goes_back() -> None:
    books = confirmed(stated())
    pay(books, 3, 13_000, first=13_000)
    act(books, 5, "concede", by="maker", gross={1: 1_130})
    assert (books.owed[KEY].amount, books.owed[KEY].open) == (13_000, 0)
    back = books.owed["g", START_MS, 1]
    assert (back.debtor, back.amount, back.due_ms) == ("maker", 570, END_MS + 35 * DAY_MS)
    assert sums(books, "maker")["receivable"] == -570


def test_o8_a_waiver_is_no_debt_again_and_a_correction_of_it_takes_back_the_relief() -> None:
    books = confirmed(stated())
    books.tell((END_MS + 2 * DAY_MS, "waive", {"key": KEY, "amount": 13_000}))
    assert books.owed[KEY].open == 560
    act(books, 3, "concede", by="maker", gross={1: 1_130})
    assert books.owed[KEY].open == 0
    # 560 less is owed, and 570 of what was waived was never owed: 12,430 is relief.
    assert sums(books, "maker")["relief_given"] == 12_430
    assert "receivable" not in sums(books, "maker")


def test_o9_a_prepayment_pays_first() -> None:
    books = stated()
    told = {"kind": "prepayment", "payer": "plant", "holder": "maker", "amount": 5_000, "agreement": "g"}
    books.tell((END_MS, "fund", {"fund": "g:prepayment", **told}))
    pay_in = {"creditor": "maker", "payer": "plant", "amount": 5_000, "value_day": 0}
    books.tell((END_MS, "receipt", {"entry": "p", **pay_in, "pays": {("pay-in", "g:prepayment"): 5_000}}))
    confirmed(books)
    assert (books.owed[KEY].open, books.funds["g:prepayment"].left) == (8_560, 0)
    assert sums(books, "maker")["receivable"] == 8_560
    assert "prepayment_received" not in sums(books, "maker")


def test_i2_each_payment_bears_interest_for_its_own_days() -> None:
    books = confirmed(stated(interest_bp=365))
    pay(books, 32, 3_560, first=3_560)
    # Due at day 30: 2 days and 8 hours by the bank's date, so 3; 10,000 for 10 days until day 40.
    [(_, _, gross, count)] = books.interest_due("g", END_MS + 40 * DAY_MS)
    assert (gross, count) == (1 + 10, 10)


def test_z_what_is_not_confirmed_and_what_is_in_dispute() -> None:
    books = stated()
    assert [(item.reason, len(item.lines)) for item in accrual(books, "g", END_MS)] == [("unconfirmed", 2)]
    act(books, 1, "dispute", by="plant", lines=[2])
    act(books, 1, "confirm", by="maker")
    [item] = accrual(books, "g", END_MS + DAY_MS)
    assert (item.reason, [one["number"] for one in item.lines]) == ("disputed", [2])


def of_accrual(*items: Item) -> dict[tuple[str, str], list[int]]:
    found: dict[tuple[str, str], list[int]] = {}
    for voucher in accrual_vouchers(Agreement("g", "maker", "plant"), 100, items, Chart()):
        assert sum(entry.debit - entry.credit for entry in voucher.entries) == 0
        for entry in voucher.entries:
            found.setdefault((voucher.member, entry.role), []).append(entry.debit - entry.credit)
    return found


def test_z6_z7_taken_back_on_the_next_date_and_disputes_accrued_by_who_may_pay() -> None:
    assert of_accrual(Item("running", 0, [line(1, 100)])) == {
        ("maker", "accrued_receivable"): [100, -100],
        ("maker", "revenue"): [-100, 100],
        ("plant", "cost"): [100, -100],
        ("plant", "accrued_payable"): [-100, 100],
    }
    disputed = of_accrual(Item("disputed", 0, [line(1, 100), line(2, -30)]))
    assert disputed["plant", "cost"] == [100, -100]
    assert disputed["maker", "revenue"] == [30, -30]


def test_j4_tax_waits_for_invoice_or_due_date() -> None:
    books = confirmed(stated())
    books.move_to(DUE_MS)
    assert days(books, "maker", "output_tax_deferred") == [(1, -1_560), (30, 1_560)]
    assert days(books, "maker", "output_tax") == [(30, -1_560)]
    assert days(books, "plant", "input_tax") == []
    act(books, 40, "invoice")
    assert days(books, "plant", "input_tax") == [(40, 1_560)]
    assert days(books, "plant", "input_tax", Chart(tax_at="confirmation")) == [(1, 1_560)]


def test_j4_an_invoice_is_over_the_whole_statement_and_the_providers_own() -> None:
    books = stated()
    act(books, 1, "dispute", by="plant", lines=[2])
    act(books, 1, "confirm", by="maker")
    act(books, 2, "invoice")
    assert sums(books, "maker")["output_tax"] == -1_560
    assert sums(books, "maker")["output_tax_deferred"] == 260
    act(books, 9, "withdraw", by="plant")
    assert "output_tax_deferred" not in sums(books, "maker")
    assert days(books, "maker", "revenue") == [(1, -10_000), (9, -2_000)]


def test_j5_shares_are_booked_as_they_stand() -> None:
    shares = [("plant", "maker", 8_400, 1_092, 9_492), ("plant", "toolmaker", 3_600, 468, 4_068)]
    books = confirmed(stated(shares=shares))
    act(books, 2, "invoice")
    assert sums(books, "toolmaker") == {"receivable": 4_068, "revenue": -3_600, "output_tax_deferred": -468}
    plant = sums(books, "plant")
    assert (plant["input_tax"], plant["input_tax_pending"]) == (1_092, 468)


@pytest.mark.parametrize(("value_day", "booked"), [(8, 8), (-20, 10)])
def test_j7_a_payment_found_after_its_month_was_closed_has_the_day_of_its_recording(
    value_day: int, booked: int
) -> None:
    books = confirmed(stated())
    pay(books, 10, 100, value_day=value_day + 1)
    day = day_of(END_MS, "Asia/Shanghai")
    found = [voucher.day - day for voucher in journal(books, Chart()) if voucher.entries[0].role == "bank"]
    assert found == [booked]


def test_j8_undone_is_a_voucher_of_its_own() -> None:
    books = confirmed(stated())
    pay(books, 3, 14_000, first=13_560)
    books.tell((END_MS + 9 * DAY_MS, "undo", {"entry": "e3", "creditor": "maker"}))
    assert [amount for _, amount in days(books, "maker", "bank")] == [14_000, -14_000]
    assert sums(books, "plant")["payable"] == -13_560
    assert books.owed[KEY].open == 13_560


def test_a_voucher_never_changes_by_what_comes_later() -> None:
    books = stated()
    act(books, 1, "dispute", by="plant", lines=[2])
    act(books, 1, "confirm", by="maker")
    before: list[Voucher] = journal(books, Chart())
    act(books, 50, "withdraw", by="plant")
    act(books, 51, "invoice")
    pay(books, 52, 13_560, first=11_300)
    assert journal(books, Chart())[: len(before)] == before
