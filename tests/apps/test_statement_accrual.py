"""Accruals: what was used and is not billed, as of any date, equals what would be billed."""

from typing import Any

import pytest

from hansa.apps.billing.accrual import Accrued, Book, accrue
from hansa.apps.billing.booking import NEVER_MS
from hansa.apps.billing.books import deal_of
from hansa.apps.billing.interface import end_early
from hansa.apps.billing.tables import AGREEMENTS
from hansa.apps.metering.chain import Point
from hansa.kernel import limits, replace
from tests.apps.ground import REGISTRY
from tests.apps.statements import APRIL_MS, DAY, FROM_MS, MARCH_MS, MAY_MS, TERMS, Desk

GROSS = 150_666


def book_of(desk: Desk) -> Book:
    """As a client gathers it by queries."""

    def ask(name: str, *arguments: Any) -> Any:
        return desk.ask(REGISTRY.queries[name], *arguments)

    agreement = AGREEMENTS.get(desk.context(), ("g-1",))
    assert agreement is not None
    rows = ask("metering.records_of", "plant", "pieces", 0, desk.now_ms + DAY, [], limits.SCANNED_MAX)
    late = ask("billing.late_of", "g-1")
    return Book(
        deal=deal_of(desk.context(), agreement),
        points={"pieces": [Point(*key, record.value, record.span_ms) for key, record in rows]},
        statements=desk.statements(),
        lives=dict(ask("billing.lives_of", "g-1")),
        late_ms=late.since_ms if late else NEVER_MS,
        charges=ask("billing.interest_due_of", "g-1"),
    )


def accrued(desk: Desk, at_ms: int = 0) -> list[Accrued]:
    return accrue(book_of(desk), at_ms or desk.now_ms)


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
    assert sums(accrued(desk)) == [("unconfirmed", item.gross_minor)]


def test_what_is_confirmed_is_accrued_no_more_and_at_an_earlier_date_still_is() -> None:
    desk = Desk()
    desk.close()
    desk.now_ms += 3 * DAY
    desk.confirm()
    assert sums(accrued(desk, MARCH_MS)) == [("unconfirmed", GROSS)]
    [running] = accrued(desk)
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
    assert accrued(desk, MARCH_MS) == []


def test_interest_that_was_charged_is_no_part_of_what_a_period_is_corrected_by() -> None:
    desk = Desk(replace(TERMS, payment_days=10, interest_bp=1_825))
    desk.close()
    desk.confirm()
    desk.move_to(MARCH_MS + 12 * DAY)
    desk.pay_all()
    desk.close(MARCH_MS)
    desk.confirm(period_ms=MARCH_MS)
    desk.produce(0, FROM_MS)
    desk.produce(50, MARCH_MS - DAY)
    desk.now_ms = MAY_MS
    items = accrued(desk)
    desk.move_to(MAY_MS)
    assert [item.reason for item in items] == ["correction", "to_close"]
    assert sum(item.gross_minor for item in items) == desk.statement(APRIL_MS).gross_minor
