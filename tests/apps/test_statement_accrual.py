"""Accruals: what was used and is not billed, as of any date, equals what would be billed."""

from types import SimpleNamespace
from typing import Any

import pytest

from hansa.apps.billing.accrual import Accrued, Book, accrue, claims_at
from hansa.apps.billing.attribution import Claim
from hansa.apps.billing.books import deal_of
from hansa.apps.billing.contract import late_of
from hansa.apps.billing.elements_trade import Payee, Split
from hansa.apps.billing.interface import end_early
from hansa.apps.billing.messages import Binding
from hansa.apps.billing.messages_life import ChargeInterest
from hansa.apps.billing.tables import AGREEMENTS
from hansa.apps.metering.messages import Batch, CounterRecord
from hansa.apps.metering.messages import Life as CounterLife
from hansa.apps.money.messages import Waive
from hansa.client import accruals
from hansa.client.accruals import book_of as gathered
from hansa.kernel import replace
from tests.apps.statements import APRIL_MS, DAY, FROM_MS, MARCH_MS, MAY_MS, PIECES, TERMS, TO_MS, Act, Desk

GROSS = 150_666


def book_of(desk: Desk, at_ms: int = 0) -> Book:
    """As a client gathers it by queries."""
    agreement = AGREEMENTS.get(desk.reading(), ("g-1",))
    assert agreement is not None
    deal = deal_of(desk.reading(), agreement)
    return gathered(desk, "g-1", agreement, deal.tariff, deal.calendar, at_ms or desk.now_ms)


def accrued(desk: Desk, at_ms: int = 0) -> list[Accrued]:
    """What was so just before an instant; none given: before now."""
    at_ms = at_ms or desk.now_ms
    return accrue(book_of(desk, at_ms), at_ms)


def sums(items: list[Accrued]) -> list[tuple[str, int]]:
    return [(item.reason, item.gross_minor) for item in items]


@pytest.mark.parametrize("days", [1, 10, 17])
def test_a_running_period_is_accrued_as_if_the_agreement_ended_there(days: int) -> None:
    """The ledger itself says what that comes to: by ending the agreement."""
    at_ms = FROM_MS + days * DAY
    desk, ended = Desk(), Desk()
    for each in (desk, ended):
        for day in range(days):
            each.produce(7 * day, FROM_MS + day * DAY)
        each.now_ms = at_ms
    ctx = ended.context("maker")
    end_early(ctx, "g-1", at_ms)
    ctx.layer.merge_into(ended.layer)
    ended.move_to(at_ms + 1)
    # What comes after the date is none of it.
    desk.produce(1_000, at_ms + DAY)
    [item] = accrued(desk, at_ms)
    assert item.reason == "running"
    statement = ended.statement()
    assert item.lines == statement.lines
    assert item.by_rate == statement.by_rate
    assert (item.net_minor, item.tax_minor) == (statement.net_minor, statement.tax_minor)


def test_at_the_end_of_a_period_it_is_what_the_statement_then_says() -> None:
    desk = Desk(replace(TERMS, silence_days=0))
    desk.produce(0, FROM_MS)
    desk.produce(100, MARCH_MS - DAY)
    desk.now_ms = MARCH_MS
    [item] = accrued(desk)
    assert item.reason == "to_close"
    desk.move_to(MARCH_MS)
    assert item.lines == desk.statement().lines
    [unconfirmed, running] = accrued(desk, MARCH_MS + 1)
    assert sums([unconfirmed]) == [("unconfirmed", item.gross_minor)]
    assert running.reason == "running"
    assert accrued(desk, MARCH_MS) == [item]


def test_what_is_confirmed_is_accrued_no_more_and_at_an_earlier_date_still_is() -> None:
    desk = Desk()
    desk.close()
    desk.now_ms += 3 * DAY
    desk.confirm()
    assert sums(accrued(desk, MARCH_MS)) == [("to_close", GROSS)]
    assert sums(accrued(desk)[:1]) == [("unconfirmed", GROSS)]
    [running] = accrued(desk, desk.now_ms + 1)
    assert running.reason == "running"


def test_what_is_in_dispute_is_accrued_apart() -> None:
    desk = Desk()
    desk.close()
    desk.dispute("plant", 2)
    desk.confirm("maker")
    desk.concede("maker", l2=7_666)
    [disputed, _] = accrued(desk, MARCH_MS + DAY)
    assert sums([disputed]) == [("disputed", 30_000)]
    assert disputed.net_minor + disputed.tax_minor == 30_000


def test_late_records_and_interest_wait_in_the_accrual() -> None:
    desk = Desk(replace(TERMS, payment_days=10, interest_bp=1_825))
    desk.close()
    desk.confirm()
    desk.move_to(MARCH_MS + 12 * DAY)
    desk.pay_all()
    desk.produce(0, FROM_MS)
    desk.produce(50, MARCH_MS - DAY)
    desk.now_ms = APRIL_MS
    items = accrued(desk)
    assert [item.reason for item in items] == ["correction", "to_close", "interest"]
    desk.move_to(APRIL_MS)
    statement = desk.statement(MARCH_MS)
    lines = [line.amount_minor for item in items for line in item.lines]
    stated = [line.amount_minor for line in statement.lines]
    assert sorted(lines) == sorted(stated)
    assert sum(item.gross_minor for item in items) == statement.gross_minor


def test_before_the_agreement_there_is_nothing_and_after_its_end_no_more() -> None:
    desk = Desk()
    assert accrued(desk, FROM_MS) == []
    assert accrued(desk, 1) == []
    desk.close()
    desk.confirm()
    far = accrued(desk, FROM_MS + 3_000 * DAY)
    assert [item.reason for item in far] == ["to_close"] * 3


def test_without_terms_of_settlement_a_statement_is_billed_once_it_stands() -> None:
    desk = Desk(None)
    desk.close()
    assert sums(accrued(desk, MARCH_MS)) == [("to_close", GROSS)]
    assert [item.reason for item in accrued(desk, MARCH_MS + 1)] == ["running"]


def test_interest_that_was_charged_is_no_part_of_what_a_period_is_corrected_by() -> None:
    desk = Desk(replace(TERMS, payment_days=10, interest_bp=1_825))
    desk.close()
    desk.confirm()
    desk.move_to(MARCH_MS + 12 * DAY)
    desk.pay_all()
    desk.close(MARCH_MS)
    desk.confirm(period_ms=MARCH_MS)
    desk.pay_all()
    desk.produce(0, FROM_MS)
    desk.produce(50, MARCH_MS - DAY)
    desk.now_ms = MAY_MS
    items = accrued(desk)
    desk.move_to(MAY_MS)
    assert [item.reason for item in items] == ["correction", "to_close"]
    assert sum(item.gross_minor for item in items) == desk.statement(APRIL_MS).gross_minor


def late_record(desk: Desk) -> None:
    desk.produce(0, FROM_MS)
    desk.produce(50, MARCH_MS - DAY)


def agreed(desk: Desk) -> None:
    if not desk.life().provider_ms:
        desk.confirm("maker")


def paid(desk: Desk) -> None:
    agreed(desk)
    desk.pay_all()


def conceded(desk: Desk) -> None:
    agreed(desk)
    desk.concede("maker", l1=500, l2=37_666)


def given_up(desk: Desk) -> None:
    agreed(desk)
    for name, owed in desk.obligations().items():
        desk.do("maker", Waive(name, owed.amount_minor, "goodwill"))


def corrected(desk: Desk) -> None:
    late_record(desk)
    desk.move_to(MAY_MS)


def withdrawn(desk: Desk) -> None:
    agreed(desk)
    desk.withdraw("plant")


LATER: dict[str, Act] = {
    "late record": late_record,
    "corrected": corrected,
    "confirmed": agreed,
    "paid": paid,
    "conceded": conceded,
    "given up": given_up,
    "withdrawn": withdrawn,
    "ended": lambda desk: desk.move_to(TO_MS + 40 * DAY),
}


@pytest.mark.parametrize("later", LATER)
@pytest.mark.parametrize("both", [False, True])
def test_what_comes_after_a_date_changes_nothing_of_its_accrual(later: str, both: bool) -> None:
    desk = Desk(replace(TERMS, payment_days=5, interest_bp=1_825))
    desk.produce(0, FROM_MS + DAY)
    desk.close(pieces=100)
    desk.dispute("plant", 2)
    if both:
        agreed(desk)
    desk.now_ms = at_ms = MARCH_MS + 20 * DAY
    before = accrued(desk, at_ms)
    assert len(before) == (3 if both else 2)
    LATER[later](desk)
    assert accrued(desk, at_ms) == before
    desk.now_ms += DAY
    assert accrued(desk, desk.now_ms) != before


def test_interest_is_accrued_day_by_day_and_charged_interest_no_more() -> None:
    desk = Desk(replace(TERMS, payment_days=10, interest_bp=1_825))
    desk.close()
    desk.confirm()
    found = []
    for day in (9, 10, 11, 20):
        items = accrued(desk, MARCH_MS + day * DAY)
        found.append([item.gross_minor for item in items if item.reason == "interest"])
    assert found == [[], [], [75], [(GROSS * 10 * 5 + 5_000) // 10_000]]
    [interest] = [item for item in accrued(desk, APRIL_MS) if item.reason == "interest"]
    stated = desk.close(MARCH_MS).lines[-1]
    assert (interest.lines[0].gross_minor, interest.lines[0].quantity_base) == (stated.gross_minor, 21)
    [interest] = [item for item in accrued(desk, APRIL_MS + DAY) if item.reason == "interest"]
    assert (interest.gross_minor, interest.lines[0].quantity_base) == (75, 1)


def test_interest_that_nobody_charges_any_more_is_accrued_until_its_creditor_does() -> None:
    desk = Desk(replace(TERMS, payment_days=10, interest_bp=1_825))
    for period_ms in (FROM_MS, MARCH_MS, APRIL_MS):
        desk.close(period_ms)
        desk.confirm(period_ms=period_ms)
        desk.pay_all()
    desk.close(MAY_MS)
    desk.confirm(period_ms=MAY_MS)
    desk.move_to(TO_MS + 30 * DAY)
    assert sums(accrued(desk)) == [("interest", (GROSS * 20 * 5 + 5_000) // 10_000)]
    [owed] = [name for name, each in desk.obligations().items() if each.state == "open"]
    desk.do("maker", ChargeInterest("g-1", owed))
    charged_ms = desk.now_ms
    desk.move_to(TO_MS + 31 * DAY)
    [(reason, left_minor)] = sums(accrued(desk))
    assert (reason, left_minor) == ("interest", 75)
    assert sums(accrued(desk, charged_ms)) == [("interest", (GROSS * 20 * 5 + 5_000) // 10_000)]


def test_a_claim_counts_in_an_accrual_as_it_stood() -> None:
    made = Claim("m", FROM_MS, MARCH_MS, "breakdown", "provider", "plant", 10)
    contested = replace(made, contested=True, contested_ms=30)
    withdrawn = replace(made, withdrawn_ms=30)
    assert [claims_at((("c", made),), at_ms) for at_ms in (10, 11)] == [[], [("c", made)]]
    found = [claims_at((("c", contested),), at_ms)[0][1].contested for at_ms in (30, 31)]
    assert found == [False, True]
    assert [len(claims_at((("c", withdrawn),), at_ms)) for at_ms in (30, 31)] == [1, 0]


def test_what_was_charged_is_accrued_no_more_although_its_tax_was_rounded() -> None:
    """Taxed at 13 % and rounded with the rest of its statement, a charge may come to a cent more or less."""
    off = 0
    for days in range(1, 9):
        desk = Desk(replace(TERMS, payment_days=10, interest_bp=1_825, interest_tax="vat"))
        desk.close()
        desk.confirm()
        desk.move_to(MARCH_MS + (9 + days) * DAY)
        desk.pay_all()
        line = desk.close(MARCH_MS).lines[-1]
        off += line.gross_minor != line.charged_minor
        assert line.charged_minor == (GROSS * days * 5 + 5_000) // 10_000
        assert [item.reason for item in accrued(desk, APRIL_MS + DAY)] == ["unconfirmed", "running"]
    assert off


def test_interest_that_a_third_is_owed_is_none_of_the_parties() -> None:
    shared = Split("shared", "vat", ("service",), (Payee("bank", 4_000), Payee("maker", 6_000)))
    desk = Desk(
        replace(TERMS, payment_days=10, interest_bp=1_825),
        replace(PIECES, elements=(*PIECES.elements, shared)),
    )
    for period_ms in (FROM_MS, MARCH_MS, APRIL_MS):
        desk.close(period_ms)
        desk.confirm(period_ms=period_ms)
        desk.move_to(desk.now_ms + 12 * DAY)
        desk.pay_all()
    desk.close(MAY_MS)
    desk.confirm(period_ms=MAY_MS)
    desk.pay_all()
    assert [owed.cause for owed in desk.obligations().values()].count("interest") == 3
    assert accrued(desk, desk.now_ms + DAY) == []


def test_what_was_corrected_since_is_still_in_the_accrual_of_a_date_before() -> None:
    """The next close corrected it, and nothing waits any more: the records tell when they came."""
    desk = Desk()
    desk.close()
    desk.now_ms = MARCH_MS + 5 * DAY
    late_record(desk)
    at_ms = desk.now_ms + DAY
    before = accrued(desk, at_ms)
    assert [item.reason for item in before] == ["unconfirmed", "correction", "running"]
    desk.move_to(APRIL_MS)
    assert desk.ask(late_of, "g-1") is None
    assert accrued(desk, at_ms) == before


def test_a_record_that_was_sent_twice_came_when_it_came_first() -> None:
    """Two batches hold number 2: that of the earlier block counts."""
    answers: dict[str, list[Any]] = {
        "metering.batches_of": [
            ((1, 1, 2), Batch("ab" * 32, b"", 700)),
            ((1, 2, 2), Batch("cd" * 32, b"", 900)),
        ],
        "metering.lives_of": [(40, CounterLife(9, 0, 1, received_ms=800))],
        "metering.records_of": [
            ((10, 1, 1), CounterRecord(5)),
            ((20, 1, 2), CounterRecord(7)),
            ((30, 1, 3), CounterRecord(8)),
            ((40, 1, 0), CounterRecord(9, life=True)),
        ],
    }
    for order in (1, -1):
        answers["metering.batches_of"] = answers["metering.batches_of"][::order]
        asks = SimpleNamespace(one=lambda name, kind, **arguments: answers[name])
        found = accruals._records(asks, Binding("pieces", "plant", "pieces"))
        assert [(point.value, at_ms) for point, at_ms in found] == [(5, 700), (7, 700), (8, 900), (9, 800)]
