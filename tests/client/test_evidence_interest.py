"""Late-payment interest in evidence: what a statement charges is believed only where it can be interest."""

import dataclasses
from collections.abc import Callable

import pytest

from hansa.apps.billing.messages import Statement
from hansa.apps.billing.rating import Line, close_statement
from hansa.apps.billing.terms import Settlement
from hansa.client.report import Report
from hansa.client.verify import not_proved, proved
from hansa.client.verify_statement import interest_of, made_up_interest
from hansa.kernel import replace
from tests.apps.statements import APRIL_MS, MARCH_MS
from tests.apps.test_statement_interest import WITH_INTEREST, deal, late_by

TAXED = replace(WITH_INTEREST, interest_tax="vat")


def charged(settlement: Settlement, *, tax_included: bool = False) -> Report:
    """February was paid late; March's statement charges interest."""
    desk = late_by(settlement, 8, tax_included)
    second = desk.close(MARCH_MS)
    first = desk.statement()
    report = Report(statements=[first, second], deal=deal(desk))
    report.statement = second
    return report


@pytest.mark.parametrize("settlement", [WITH_INTEREST, TAXED])
@pytest.mark.parametrize("tax_included", [False, True])
def test_interest_as_the_ledger_charges_it_holds(settlement: Settlement, tax_included: bool) -> None:
    report = charged(settlement, tax_included=tax_included)
    [line] = interest_of(report.statements[1])
    assert line.gross_minor > 0
    assert made_up_interest(report, 1) is None
    assert "late-payment interest" in " ".join(text.en for text in proved(report))
    assert f"(line {line.number})" in " ".join(text.en for text in not_proved(report))


FORGERIES: dict[str, Callable[[Line], Line]] = {
    "tax": lambda line: replace(line, tax_code="none", tax_rate_bp=0),
    "amount": lambda line: replace(line, amount_minor=line.amount_minor + 50_000),
    "clause": lambda line: replace(line, clause="per_piece"),
    "its own period": lambda line: replace(line, corrects_from_ms=MARCH_MS),
    "later period": lambda line: replace(line, corrects_from_ms=APRIL_MS),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_interest_that_does_not_follow_from_what_it_charges_is_seen(name: str) -> None:
    report = charged(TAXED)
    lines = report.statements[1].lines
    report.statements[1] = with_lines(report.statements[1], (*lines[:-1], FORGERIES[name](lines[-1])))
    assert made_up_interest(report, 1) is not None


@pytest.mark.parametrize("settlement", [None, replace(WITH_INTEREST, interest_bp=0)])
def test_interest_that_nobody_agreed_is_seen(settlement: Settlement | None) -> None:
    report = charged(WITH_INTEREST)
    assert report.deal is not None
    agreement = report.deal.agreement
    terms = replace(agreement.terms, settlement=settlement)
    report.deal = dataclasses.replace(report.deal, agreement=replace(agreement, terms=terms))
    assert made_up_interest(report, 1) is not None
    large = replace(agreement, terms=terms, user_size="large", provider_size="small")
    report.deal = dataclasses.replace(report.deal, agreement=large)
    assert (made_up_interest(report, 1) is None) == (settlement is not None)  # The law has a rate for these.


def with_lines(statement: Statement, lines: tuple[Line, ...]) -> Statement:
    totals = close_statement(statement.tax_included, lines)
    return replace(statement, lines=totals.lines)
