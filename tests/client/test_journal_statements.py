"""Statements in the books: tax at its own point, disputes when they are over, accruals of what is sure."""

from collections.abc import Sequence

import msgspec
import pytest

from hansa.apps.billing.accrual import Accrued
from hansa.apps.billing.elements_trade import Payee, Split
from hansa.apps.billing.messages import Agreement
from hansa.apps.consortium.calendars import local_day
from hansa.client.accruals import accrued
from hansa.client.journal import Voucher
from hansa.client.journal_accounts import read_chart
from hansa.client.journal_ledger import journal
from hansa.client.tables import EPOCH
from hansa.kernel import limits, replace
from tests.apps.statements import PIECES, TERMS, Desk
from tests.client.test_journal import (
    ALWAYS,
    PARTIES,
    Asking,
    balances,
    books,
    open_minor,
    until_today,
    vouchers,
)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def days_of(found: Sequence[Voucher], role: str) -> list[tuple[int, int]]:
    """(date, debits less credits) on an account."""
    return sorted(
        (voucher.day, entry.debit_minor - entry.credit_minor)
        for voucher in found
        for entry in voucher.entries
        if entry.role == role
    )


def test_tax_counts_when_it_is_invoiced(desk: Desk) -> None:
    statement = desk.close(pieces=1_000)
    desk.confirm()
    desk.move_to(desk.now_ms + 5 * limits.DAY_MS)
    desk.invoice()
    tax, day = statement.tax_minor, local_day(books(desk, "maker").stated[0].calendar, desk.now_ms)
    for member, role, waiting, sign in (
        ("maker", "output_tax", "output_tax_deferred", -1),
        ("plant", "input_tax", "input_tax_pending", 1),
    ):
        found = vouchers(desk, member)
        assert days_of(found, role) == [(day, sign * tax)]
        assert days_of(found, waiting) == [(day - 5, sign * tax), (day, -sign * tax)]
    at_once = msgspec.structs.replace(read_chart("cas"), tax_at="confirmation")
    found, _ = journal(books(desk, "plant"), at_once, *ALWAYS)
    assert days_of(found, "input_tax") == [(day - 5, tax)]


def test_without_an_invoice_output_tax_counts_when_it_is_due_and_input_tax_never(desk: Desk) -> None:
    statement = desk.close(pieces=1_000)
    desk.confirm()
    (owed,) = desk.obligations().values()
    due_day = local_day(books(desk, "maker").stated[0].calendar, owed.due_ms)
    assert days_of(vouchers(desk, "maker"), "output_tax") == [(due_day, -statement.tax_minor)]
    assert days_of(vouchers(desk, "plant"), "input_tax") == []
    desk.move_to(owed.due_ms + limits.DAY_MS)
    desk.invoice()
    assert days_of(vouchers(desk, "maker"), "output_tax") == [(due_day, -statement.tax_minor)]


def test_an_invoice_over_a_line_in_dispute_is_taxed_before_the_line_is_income(desk: Desk) -> None:
    statement = desk.close(pieces=1_000)
    desk.dispute("plant", 2)
    desk.confirm("maker")
    desk.invoice()
    line = statement.lines[1]
    maker = balances(vouchers(desk, "maker"))
    assert maker["output_tax"] == -statement.tax_minor
    assert maker["output_tax_deferred"] == line.tax_minor
    desk.withdraw("plant")
    maker = balances(vouchers(desk, "maker"))
    assert (maker["output_tax"], maker["output_tax_deferred"]) == (-statement.tax_minor, 0)


def test_the_end_of_a_dispute_is_booked_when_it_ends(desk: Desk) -> None:
    statement = desk.close(pieces=1_000)
    desk.dispute("plant", 2)
    desk.confirm("maker")
    before = {member: vouchers(desk, member, days=until_today(desk)) for member in PARTIES}
    desk.move_to(desk.now_ms + 40 * limits.DAY_MS)
    desk.withdraw("plant")
    today = local_day(books(desk, "maker").stated[0].calendar, desk.now_ms)
    for member in PARTIES:
        after = vouchers(desk, member)
        assert [voucher for voucher in after if voucher in before[member]] == before[member]
    late = [voucher for voucher in vouchers(desk, "maker") if voucher.number.startswith("D")]
    assert [voucher.day for voucher in late] == [today]
    assert balances(late)["receivable"] == statement.lines[1].gross_minor


def test_a_line_given_up_in_dispute_is_never_booked(desk: Desk) -> None:
    statement = desk.close(pieces=1_000)
    desk.dispute("plant", 2)
    desk.confirm("maker")
    desk.move_to(desk.now_ms + limits.DAY_MS)
    desk.concede("maker", l2=statement.lines[1].gross_minor)
    found = vouchers(desk, "maker", days=until_today(desk))
    assert [voucher.number[0] for voucher in found] == ["S"]
    assert balances(found)["receivable"] == open_minor(desk)


def test_a_providers_invoice_moves_no_tax_of_another_payee() -> None:
    clauses = tuple(element.clause for element in PIECES.elements)
    payees = (Payee("bank", 4_000), Payee("maker", 6_000))
    desk = Desk(tariff=replace(PIECES, elements=(*PIECES.elements, Split("shared", "vat", clauses, payees))))
    statement = desk.close(pieces=1_000)
    desk.confirm()
    desk.invoice()
    shares = {share.creditor: share.tax_minor for share in statement.shares}
    today = until_today(desk)
    assert balances(vouchers(desk, "maker", days=today))["output_tax"] == -shares["maker"]
    assert balances(vouchers(desk, "bank", days=today))["output_tax_deferred"] == -shares["bank"]
    plant = balances(vouchers(desk, "plant", days=today))
    assert (plant["input_tax"], plant["input_tax_pending"]) == (shares["maker"], shares["bank"])


def test_what_happens_after_the_years_of_the_calendar_is_booked_by_the_charts_clock(desk: Desk) -> None:
    desk.close(pieces=1_000)
    calendar = books(desk, "maker").stated[0].calendar
    desk.move_to(calendar.until_day * limits.DAY_MS)
    desk.confirm()
    (voucher,) = [one for one in vouchers(desk, "plant") if "/2025-02" in one.number]
    assert voucher.day == desk.now_ms // limits.DAY_MS


def test_the_party_that_a_line_in_dispute_counts_for_does_not_accrue_it(desk: Desk) -> None:
    statement = desk.close(pieces=1_000)
    desk.dispute("plant", 2)
    desk.confirm("maker")
    asks = Asking(desk)
    end = local_day(books(desk, "maker").stated[0].calendar, desk.now_ms) + 60

    def accrue(name: str, agreement: Agreement, day: int) -> Sequence[Accrued]:
        return [one for one in accrued(asks, name, agreement, day)[1] if one.reason == "disputed"]

    held = {member: books(desk, member) for member in PARTIES}
    line = statement.lines[1]
    maker, by_hand = journal(held["maker"], read_chart("cas"), end - 59, end, accrue)
    assert "accrued_receivable" not in balances(maker)
    assert by_hand
    assert all("333.33" in what for what in by_hand)
    plant, by_hand = journal(held["plant"], read_chart("cas"), end - 59, end, accrue)
    booked = [amount for _, amount in days_of(plant, "accrued_payable")]
    assert by_hand == []
    assert set(booked) == {-line.net_minor, line.net_minor}


def test_interest_that_waits_is_accrued_as_interest() -> None:
    late = replace(TERMS, payment_days=1, interest_bp=1_825)
    desk = Desk(late)
    desk.close(pieces=1_000)
    desk.confirm()
    desk.move_to(desk.now_ms + 12 * limits.DAY_MS)
    desk.pay_all()
    asks = Asking(desk)

    def accrue(name: str, agreement: Agreement, day: int) -> Sequence[Accrued]:
        return accrued(asks, name, agreement, day)[1]

    end = (EPOCH.fromisoformat("2025-03-31") - EPOCH).days
    items = accrue("g-1", books(desk, "maker").agreements[0][1], end)
    interest = sum(item.net_minor for item in items if item.reason == "interest")
    assert interest > 0
    for member, role, sign in (("maker", "interest_income", -1), ("plant", "interest_expense", 1)):
        found, _ = journal(books(desk, member), read_chart("cas"), end, end, accrue)
        assert days_of(found, role) == [(end, sign * interest)]
