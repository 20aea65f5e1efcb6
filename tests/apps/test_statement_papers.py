"""Invoices and red letters that are recorded, and terms of payment that the law refuses."""

import json
from pathlib import Path
from typing import Any

import pytest

from hansa.apps.billing import errors_life as errors
from hansa.apps.billing.errors import NotParty
from hansa.apps.billing.lawful import interest_minor, is_protected, late_days
from hansa.apps.billing.messages_life import RecordInvoice
from hansa.apps.billing.sheet import parse_sheet
from hansa.apps.billing.terms import Settlement, Terms
from hansa.kernel import Refusal, replace
from tests.apps.statements import DAY, FROM_MS, MARCH_MS, TERMS, TO_MS, Act, Desk

LONG = replace(TERMS, payment_days=61)


def invoiced(desk: Desk) -> None:
    desk.invoice()
    desk.concede("maker", l1=100)


def second_month(**changes: Any) -> Act:
    """An invoice for March, after that of February."""

    def act(desk: Desk) -> None:
        desk.invoice()
        desk.close(MARCH_MS)
        desk.confirm(period_ms=MARCH_MS)
        desk.invoice(period_ms=MARCH_MS, **changes)

    return act


def red_twice(desk: Desk) -> None:
    invoiced(desk)
    desk.red_letter()
    desk.concede("maker", l1=100)
    desk.red_letter(2)


def credit_note_of_an_invoice(desk: Desk) -> None:
    desk.invoice(kind="en16931", number="INV 2025/1")
    desk.concede("maker", l1=100)
    desk.red_letter(1, "INV 2025/1")


OTHER = "25312000000012345679"
NET, TAX, GROSS = 133_333, 17_333, 150_666
REFUSALS: list[tuple[type[Refusal], Act]] = [
    (NotParty, lambda desk: desk.do("bank", RecordInvoice("g-1", FROM_MS, desk.paper()))),
    (errors.NotIssuer, lambda desk: desk.do("plant", RecordInvoice("g-1", FROM_MS, desk.paper()))),
    (errors.InvoiceNumber, lambda desk: desk.invoice(number="2531200000001234567")),
    (errors.InvoiceNumber, lambda desk: desk.invoice(number="253120000000123456789")),
    (errors.InvoiceNumber, lambda desk: desk.invoice(number="2531200000001234567A")),
    (errors.InvoiceDay, lambda desk: desk.invoice(issued_day=desk.now_ms // DAY + 2)),
    (errors.InvoiceTaken, lambda desk: (desk.invoice(), desk.invoice(number="25312000000012345679"))),
    (errors.InvoiceTaken, lambda desk: (desk.invoice(), desk.invoice(number=OTHER, replaces=OTHER))),
    (errors.NoInvoice, lambda desk: desk.invoice(replaces=OTHER)),
    (errors.NumberUsed, lambda desk: (desk.invoice(), desk.invoice(replaces=desk.paper().number))),
    (errors.NumberUsed, second_month()),
    (errors.InvoiceAmounts, lambda desk: desk.invoice(gross_minor=GROSS - 1)),
    (errors.InvoiceAmounts, lambda desk: desk.invoice(net_minor=NET + 1, tax_minor=TAX - 1)),
    (errors.InvoiceNumber, lambda desk: (invoiced(desk), desk.red_letter(1, "123"))),
    (errors.NumberUsed, red_twice),
    (errors.NumberUsed, credit_note_of_an_invoice),
    (errors.CorrectionUnknown, lambda desk: (invoiced(desk), desk.red_letter(2))),
    (errors.CorrectionUnknown, lambda desk: (invoiced(desk), desk.red_letter(), desk.red_letter())),
]


@pytest.mark.parametrize(
    ("kind", "act"), REFUSALS, ids=[f"{n}-{k.code}" for n, (k, _) in enumerate(REFUSALS)]
)
def test_papers_that_are_refused(kind: type[Refusal], act: Act) -> None:
    desk = Desk()
    desk.close()
    desk.confirm()
    with pytest.raises(kind) as caught:
        act(desk)
    assert caught.value.zh
    assert caught.value.en


def test_an_amount_off_by_a_cent_is_refused_with_both_figures() -> None:
    desk = Desk()
    desk.close()
    desk.confirm()
    with pytest.raises(errors.InvoiceAmounts) as caught:
        desk.invoice(gross_minor=GROSS + 1)
    for text in (caught.value.zh, caught.value.en):
        assert "1506.67 CNY" in text
        assert "1506.66 CNY" in text


def test_an_invoice_recorded_by_mistake_is_replaced_and_days_to_pay_run_as_they_did() -> None:
    desk = Desk(replace(TERMS, runs_from="invoice"))
    desk.close()
    desk.dispute("plant", 2)
    desk.confirm("maker")
    desk.invoice()
    desk.now_ms += 5 * DAY
    desk.invoice(number=OTHER, replaces=desk.paper().number)
    invoice = desk.life().invoice
    assert invoice is not None
    assert invoice.number == OTHER
    desk.withdraw("plant")
    assert [each.due_ms for each in desk.obligations().values()] == [MARCH_MS + 30 * DAY] * 2


def test_another_number_serves_for_another_month() -> None:
    desk = Desk()
    desk.close()
    desk.confirm()
    second_month(number="25312000000012345679")(desk)
    assert desk.life(MARCH_MS).invoice


def test_a_number_of_the_european_standard_is_free_in_form() -> None:
    desk = Desk()
    desk.close()
    desk.confirm()
    desk.invoice(kind="en16931", number="INV 2025/1")
    desk.concede("maker", l1=100)
    desk.red_letter(1, "CN 2025/1")
    assert desk.corrections()[0].red_letter == "CN 2025/1"


TERMS_REFUSED: list[tuple[type[Refusal], Settlement, tuple[str, str]]] = [
    (errors.TermTooLong, LONG, ("small", "large")),
    (errors.TermTooLong, replace(LONG, runs_from="invoice"), ("medium", "large")),
    (errors.TermTooLong, replace(LONG, runs_from="confirmation"), ("micro", "large")),
    (errors.PayWhenPaid, replace(TERMS, pay_when_paid=True), ("small", "large")),
    (errors.PayWhenPaidUnseen, replace(TERMS, pay_when_paid=True), ("large", "large")),
    (errors.SettlementDays, replace(TERMS, payment_days=367), ("small", "small")),
    (errors.SettlementDays, replace(TERMS, silence_days=367), ("small", "small")),
    (errors.SettlementInterest, replace(TERMS, interest_bp=3_651), ("small", "small")),
    (errors.SettlementInterest, replace(TERMS, interest_tax="none"), ("small", "small")),
]


@pytest.mark.parametrize(
    ("kind", "settlement", "sizes"),
    TERMS_REFUSED,
    ids=[f"{n}-{r[0].code}" for n, r in enumerate(TERMS_REFUSED)],
)
def test_terms_that_are_refused(kind: type[Refusal], settlement: Settlement, sizes: tuple[str, str]) -> None:
    with pytest.raises(kind) as caught:
        Desk(settlement, sizes=sizes)
    assert caught.value.zh
    assert caught.value.en


@pytest.mark.parametrize(
    ("settlement", "sizes"),
    [
        (LONG, ("large", "large")),
        (LONG, ("small", "medium")),
        (LONG, ("large", "small")),
        (replace(LONG, long_term_reason="trade_custom"), ("small", "large")),
        (replace(TERMS, payment_days=60), ("small", "large")),
    ],
)
def test_terms_that_the_law_lets_pass(settlement: Settlement, sizes: tuple[str, str]) -> None:
    desk = Desk(settlement, sizes=sizes)
    assert desk.close().gross_minor == GROSS


def test_who_grew_between_proposal_and_acceptance_is_looked_at_again() -> None:
    class Grown(Desk):
        def do(self, member: str, action: Any) -> Any:
            if type(action).__name__ == "Accept":
                self.resize("plant", "large")
            return super().do(member, action)

    with pytest.raises(errors.TermTooLong):
        Grown(LONG)


def test_rules_1_know_no_terms_of_settlement() -> None:
    class Old(Desk):
        def context(self, member: str = "", key: str = "gateway-1") -> Any:
            ctx = super().context(member, key)
            ctx.rules = 1
            return ctx

    with pytest.raises(errors.SettlementRules):
        Old()


def test_only_a_large_debtor_of_a_smaller_creditor_is_bound() -> None:
    sizes = ("", "large", "medium", "small", "micro")
    bound = [(debtor, creditor) for debtor in sizes for creditor in sizes if is_protected(debtor, creditor)]
    assert bound == [("large", "medium"), ("large", "small"), ("large", "micro")]


@pytest.mark.parametrize(
    ("paid_ms", "days"), [(TO_MS - 1, 0), (TO_MS, 1), (TO_MS + DAY - 1, 1), (TO_MS + DAY, 2)]
)
def test_a_day_of_delay_counts_once_it_has_begun(paid_ms: int, days: int) -> None:
    assert late_days(TO_MS, paid_ms) == days


@pytest.mark.parametrize(
    ("interest_bp", "protected", "amount", "days", "interest"),
    [
        (1_800, False, 1_000_000, 365, 180_000),
        (1_800, False, 1_000_000, 1, 493),
        (1_800, True, 1_000_000, 1, 493),
        (0, True, 1_000_000, 10, 5_000),
        (0, True, 999, 1, 0),
        (0, True, 1_000, 1, 1),
        (0, False, 1_000_000, 365, 0),
        (365, False, -1_000_000, 10, -1_000),
    ],
)
def test_interest(interest_bp: int, protected: bool, amount: int, days: int, interest: int) -> None:
    assert interest_minor(replace(TERMS, interest_bp=interest_bp), amount, days, protected) == interest


SHEET = json.loads((Path(__file__).resolve().parents[2] / "docs" / "reference" / "tariff.json").read_text())


def written(settlement: dict[str, Any]) -> Terms:
    data = SHEET | {"terms": SHEET["terms"] | {"settlement": settlement}}
    return parse_sheet(json.dumps(data).encode(), Path()).terms


def test_terms_of_settlement_are_written_in_the_sheet() -> None:
    least = {"payment_days": 30, "runs_from": "period_end"}
    assert written(least).settlement == TERMS
    whole = least | {
        "runs_from": "invoice",
        "silence_days": 10,
        "long_term_reason": "law",
        "interest": "18.25%",
        "interest_tax": SHEET["elements"][0]["tax"],
        "bank": "bank-1",
    }
    assert written(whole).settlement == Settlement(
        30, "invoice", 10, "law", False, 1_825, SHEET["elements"][0]["tax"], "bank-1"
    )


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"runs_from": "delivery"}, "billing.sheet_shape"),
        ({"interest": "18.255%"}, "billing.sheet_rate"),
        ({"interest": "99%"}, "billing.settlement_interest"),
        ({"interest_tax": "nothing"}, "billing.settlement_interest"),
        ({"payment_days": -1}, "billing.sheet_shape"),
        ({"payment_days": 400}, "billing.settlement_days"),
        ({"days": 3}, "billing.sheet_unknown_key"),
    ],
)
def test_a_sheet_says_where_terms_of_settlement_are_wrong(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(Refusal) as caught:
        written({"payment_days": 30, "runs_from": "period_end"} | changes)
    assert caught.value.code == code
