"""The check of the books finds what is wrong with them: each sum broken once, by hand."""

from collections.abc import Callable
from dataclasses import replace as changed
from typing import Any

import pytest

from hansa.apps.money import interface as money
from hansa.apps.money.conservation import Books, breaches
from hansa.apps.money.interface import Fund, name_of, pay_in_of
from hansa.apps.money.messages import Allocation, Receive, SetOff
from hansa.apps.money.messages_bank import Balance, Capture, Issued, Pay, RequestWithdrawal, SetAside
from hansa.apps.money.queries import books
from hansa.kernel import replace
from tests.apps.purse import CNY, DAY, START_MS, Purse, entry, received

HOLD = name_of("hold", "plant", "h-1")


def kept() -> Books:
    """Books with one of everything, and nothing wrong."""
    purse = Purse()
    purse.open_claims(plant=5_000)
    for kind in ("prepayment", "security_deposit", "earnest_money"):
        mode = "bank" if kind == "security_deposit" else "external"
        fund: Any = Fund(kind, "plant", "maker", CNY, 100, START_MS + DAY, "lease-1", mode, "bank", 500)  # type: ignore[arg-type]
        purse.call(money.open_fund, kind, fund)
    received(purse, 1, 300, (pay_in_of("prepayment"), 100), (pay_in_of("earnest_money"), 100))
    purse.do("plant", Pay(pay_in_of("security_deposit"), 100))
    purse.owe("o-1", 80)
    purse.owe("o-2", 50, due_ms=START_MS)
    purse.owe("back", 20, debtor="maker", creditor="plant")
    purse.owe("b-1", 60, mode="bank", bank="bank")
    purse.call(money.draw, "prepayment", 40, "o-1")
    purse.do("maker", Receive(entry(2), CNY, 30, START_MS, "plant", (Allocation("o-1", 30),)))
    purse.do("maker", SetOff("o-2", "back", 15))
    purse.do("plant", SetAside("h-1", "maker", "bank", CNY, 500, START_MS + DAY))
    purse.do("maker", Capture(HOLD, 25, "b-1"))
    purse.do("plant", RequestWithdrawal("bank", "w-1", CNY, 70))
    return books(purse.context())


def alter(part: str, key: Any, **changes: Any) -> Callable[[Books], Books]:
    def apply(found: Books) -> Books:
        rows = dict(getattr(found, part))
        rows[key] = replace(rows[key], **changes)
        return changed(found, **{part: rows})

    return apply


def drop(part: str, key: Any) -> Callable[[Books], Books]:
    return lambda found: changed(
        found, **{part: {name: row for name, row in getattr(found, part).items() if name != key}}
    )


def add(part: str, key: Any, record: Any) -> Callable[[Books], Books]:
    return lambda found: changed(found, **{part: {**getattr(found, part), key: record}})


PLANT = ("bank", "plant", CNY)
BROKEN: dict[str, tuple[Callable[[Books], Books], str]] = {
    "paid that nothing paid": (alter("obligations", "o-1", paid_minor=71), "obligation.paid"),
    "a payment gone": (drop("payments", ("o-1", "fund", "prepayment")), "obligation.paid"),
    "a payment of what is not owed": (drop("obligations", "o-1"), "payment.obligation"),
    "a fund without its obligation": (drop("obligations", pay_in_of("prepayment")), "fund.paid_in"),
    "a draw of no fund": (drop("funds", "prepayment"), "fund.parties"),
    "paid beyond what is owed": (alter("obligations", "o-1", amount_minor=69), "obligation.bounds"),
    "open though paid": (alter("obligations", "back", amount_minor=15), "obligation.state"),
    "paid though open": (alter("obligations", "o-1", state="paid"), "obligation.state"),
    "one side of a set-off": (alter("payments", ("o-2", "set_off", "back"), amount_minor=14), "set_off.both"),
    "applied that nobody got": (alter("receipts", ("maker", entry(1)), applied_minor=201), "receipt.applied"),
    "refunded beyond what came": (
        alter("receipts", ("maker", entry(1)), refunded_minor=101),
        "receipt.bounds",
    ),
    "reversed and still applied": (
        alter("receipts", ("maker", entry(2)), reversed_reason="x"),
        "receipt.reversed",
    ),
    "a share that paid less": (
        alter("shares", ("maker", entry(2), "o-1"), amount_minor=31),
        "share.payment",
    ),
    "a share of no receipt": (drop("receipts", ("maker", entry(2))), "share.receipt"),
    "a share of another's": (alter("obligations", "o-1", creditor="third"), "share.creditor"),
    "a receipt's payment without its share": (drop("shares", ("maker", entry(2), "o-1")), "payment.share"),
    "a fund fuller than what paid it": (alter("funds", "prepayment", paid_in_minor=101), "fund.paid_in"),
    "drawn that nothing got": (alter("funds", "prepayment", drawn_minor=41), "fund.drawn"),
    "a fund emptied twice": (alter("funds", "prepayment", returned_minor=61), "fund.left"),
    "a fund ended with something in it": (alter("funds", "prepayment", state="returned"), "fund.left"),
    "drawn for others": (alter("obligations", "o-1", debtor="third"), "fund.parties"),
    "earnest money drawn": (alter("funds", "earnest_money", drawn_minor=1), "earnest_money.drawn"),
    "a prepayment forfeited": (alter("funds", "prepayment", forfeited_minor=1), "fund.forfeited"),
    "claims from nowhere": (add("balances", (*PLANT, "free"), Balance(9_999)), "bank.issued"),
    "claims gone": (drop("balances", (*PLANT, "free")), "bank.issued"),
    "issued and nowhere": (add("issued", ("bank", "EUR"), Issued(1)), "bank.issued"),
    "held without a hold": (alter("holds", HOLD, state="released"), "pot.held"),
    "leaving without being asked": (
        alter("withdrawals", ("bank", "plant", "w-1"), state="paid_out"),
        "pot.leaving",
    ),
    "a deposit that lies elsewhere": (
        drop("balances", (*PLANT, "security_deposit")),
        "pot.security_deposit",
    ),
    "captured less than it paid": (alter("holds", HOLD, captured_minor=24), "hold.bounds"),
    "an empty pot": (add("balances", ("bank", "third", CNY, "free"), Balance(0)), "pot.bounds"),
}


def test_books_kept_by_the_rules_have_no_fault() -> None:
    assert breaches(kept()) == []


@pytest.mark.parametrize("case", BROKEN)
def test_a_fault_in_the_books_is_found_and_named(case: str) -> None:
    breaking, rule = BROKEN[case]
    assert rule in {each.rule for each in breaches(breaking(kept()))}
