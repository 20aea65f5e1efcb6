"""Deposits, prepayments and earnest money in the books: no income before they are, tax at its own point."""

from collections import Counter
from typing import Any

import msgspec
import pytest

from hansa.apps.money import interface as money
from hansa.apps.money.messages import Allocation, FundKind, NoteInvoice, Receive, Received, Reverse
from hansa.client.journal import difference_minor
from hansa.client.journal_accounts import Chart, read_chart
from hansa.client.journal_known import told
from hansa.client.journal_ledger import gather, journal
from hansa.kernel import limits
from tests.apps.statements import Desk
from tests.client.test_journal import ALWAYS, Asking, balances

TAXED = read_chart("cas")


def taxed(rate_bp: int = 1_300) -> Chart:
    return msgspec.structs.replace(TAXED, prepayment_tax_bp=rate_bp)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def call(desk: Desk, function: Any, *arguments: Any) -> Any:
    """What another room's contract does."""
    ctx = desk.context()
    found = function(ctx, *arguments)
    desk.keep(ctx)
    return found


def open_fund(desk: Desk, kind: FundKind, amount_minor: int = 1_130) -> str:
    """The plant pays, the maker holds; paid in at once."""
    name = money.name_of("g-1", kind)
    secured = amount_minor * 10 if kind == "earnest_money" else 0
    fund = money.Fund(
        kind, "plant", "maker", "CNY", amount_minor, desk.now_ms + limits.DAY_MS, "g-1", secured_minor=secured
    )
    call(desk, money.open_fund, name, fund)
    receive(desk, money.pay_in_of(name), amount_minor)
    return name


def receive(desk: Desk, obligation: str, amount_minor: int, by: str = "maker", payer: str = "plant") -> None:
    entry = f"{desk.height:064x}"
    desk.do(
        by, Receive(entry, "CNY", amount_minor, desk.now_ms, payer, (Allocation(obligation, amount_minor),))
    )


def sums(desk: Desk, member: str, chart: Chart = TAXED) -> Counter[str]:
    found, left = journal(gather(Asking(desk), member), chart, *ALWAYS)
    assert left == []
    assert all(difference_minor(voucher) == 0 for voucher in found)
    return balances(found)


def test_a_security_deposit_is_owed_back_and_never_income(desk: Desk) -> None:
    name = open_fund(desk, "security_deposit")
    assert sums(desk, "maker") == {"bank": 1_130, "deposit_held": -1_130}
    assert sums(desk, "plant") == {"bank": -1_130, "deposit_paid": 1_130}
    call(desk, money.return_fund, name)
    assert sums(desk, "maker")["deposit_held"] == -1_130, "owed back, not yet paid"
    receive(desk, money.return_of(name), 1_130, by="plant", payer="maker")
    assert sums(desk, "maker") == sums(desk, "plant") == {}


def test_a_deposit_that_is_claimed_pays_what_was_in_default(desk: Desk) -> None:
    name = open_fund(desk, "security_deposit", 500)
    statement = desk.close(pieces=10)
    desk.confirm()
    (owed,) = [key for key, one in desk.obligations().items() if one.cause == "statement"]
    desk.move_to(desk.now_ms + 60 * limits.DAY_MS)
    assert call(desk, money.claim_fund, name, 500, owed) == 500
    maker = sums(desk, "maker")
    assert maker["deposit_held"] == 0
    assert maker["receivable"] == statement.gross_minor - 500 + sum_of_later(desk)
    assert sums(desk, "plant")["deposit_paid"] == 0


def sum_of_later(desk: Desk) -> int:
    """What other confirmed statements add."""
    return sum(one.amount_minor for one in desk.obligations().values() if one.cause == "statement") - next(
        one.amount_minor for one in desk.obligations().values() if one.cause == "statement"
    )


def test_a_prepayment_is_drawn_by_statements_and_taxed_at_its_own_point(desk: Desk) -> None:
    name = open_fund(desk, "prepayment", 226_000)
    assert sums(desk, "maker") == {"bank": 226_000, "prepayment_received": -226_000}
    assert sums(desk, "maker", taxed()) == {
        "bank": 226_000, "prepayment_received": -226_000, "prepayment_tax": 26_000, "output_tax": -26_000,
    }  # fmt: skip
    assert "input_tax" not in sums(desk, "plant", taxed())
    desk.do("maker", NoteInvoice(name, "25312000000012345678"))
    assert sums(desk, "plant", taxed())["input_tax"] == 26_000
    statement = desk.close(pieces=10)
    desk.confirm()
    gross = statement.gross_minor
    assert 0 < gross < 226_000, "the prepayment covers it"
    maker = sums(desk, "maker", taxed())
    assert maker["receivable"] == 0
    assert maker["prepayment_received"] == gross - 226_000
    left = 226_000 - gross
    assert maker["prepayment_tax"] == (2 * left * 1_300 + 11_300) // 22_600
    assert maker["output_tax"] == -statement.tax_minor - maker["prepayment_tax"]
    call(desk, money.return_fund, name)
    receive(desk, money.return_of(name), left, by="plant", payer="maker")
    assert sums(desk, "maker", taxed())["prepayment_tax"] == 0
    assert sums(desk, "plant", taxed())["prepayment_paid"] == 0


def test_the_tax_of_a_prepayment_goes_with_a_receipt_that_is_undone(desk: Desk) -> None:
    open_fund(desk, "prepayment", 226_000)
    assert sums(desk, "maker", taxed())["output_tax"] == -26_000
    (entry,) = [
        event.entry for *_, event in told(Asking(desk).events("money")) if isinstance(event, Received)
    ]
    desk.do("maker", Reverse(entry, "returned_by_bank"))
    assert sums(desk, "maker", taxed()) == {}


def test_a_receipt_that_pays_two_prepayments_has_the_tax_of_both(desk: Desk) -> None:
    names = [money.name_of(f"g-{number}", "prepayment") for number in (1, 2)]
    for name in names:
        due_ms = desk.now_ms + limits.DAY_MS
        call(desk, money.open_fund, name, money.Fund("prepayment", "plant", "maker", "CNY", 1_130, due_ms))
    shares = tuple(Allocation(money.pay_in_of(name), 1_130) for name in names)
    desk.do("maker", Receive("ab" * 32, "CNY", 2_260, desk.now_ms, "plant", shares))
    found, _ = journal(gather(Asking(desk), "maker"), taxed(), *ALWAYS)
    assert balances(found)["output_tax"] == -260
    assert len({voucher.number for voucher in found}) == len(found) == 3


def test_earnest_money_doubled_is_an_expense_here_and_income_there(desk: Desk) -> None:
    name = open_fund(desk, "earnest_money")
    call(desk, money.double, name)
    again = money.same_again_of(name)
    assert sums(desk, "maker")["other_expense"] == sums(desk, "plant")["other_income"] * -1 == 1_130
    receive(desk, again, 1_130, by="plant", payer="maker")
    receive(desk, money.return_of(name), 1_130, by="plant", payer="maker")
    assert sums(desk, "maker") == {"bank": -1_130, "other_expense": 1_130}
    assert sums(desk, "plant") == {"bank": 1_130, "other_income": -1_130}


def test_earnest_money_that_is_forfeited_is_income_here_and_an_expense_there(desk: Desk) -> None:
    call(desk, money.forfeit, open_fund(desk, "earnest_money"))
    assert sums(desk, "maker") == {"bank": 1_130, "other_income": -1_130}
    assert sums(desk, "plant") == {"bank": -1_130, "other_expense": 1_130}
