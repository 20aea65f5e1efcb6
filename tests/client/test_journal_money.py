"""Whatever is done with money: each member's books balance and say what the ledger says, and what was booked
stays booked.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from random import Random
from typing import Any, get_args

import pytest

from hansa.apps.money.conservation import fund_left
from hansa.apps.money.contract import ROOM
from hansa.apps.money.messages_bank import Capture, Posted, SetAside, Transfer, Why
from hansa.apps.money.names import back_of, name_of, return_of, same_again_of
from hansa.apps.money.receipts import unapplied_minor
from hansa.apps.money.tables import BALANCES, FUNDS, HOLDS, ISSUED, OBLIGATIONS, PAYMENTS, RECEIPTS
from hansa.client.errors import AnswerUnusable
from hansa.client.happened import Happened
from hansa.client.journal import Voucher, difference_minor
from hansa.client.journal_accounts import read_chart
from hansa.client.journal_claims import OPEN_CAPTURE, TEXTS
from hansa.client.journal_known import MoneyEvent, told
from hansa.client.journal_money import MoneyBooks, money_vouchers
from hansa.client.tables import EPOCH
from tests.apps.money_walk import STEPS, Walk
from tests.apps.purse import DAY, Purse, purse

__all__ = ["purse"]

CHART = read_chart("cas")
MEMBERS = ("maker", "plant", "third", "bank")
WALKS, LONG = 12, 150
LEDGER = (
    "receivable", "payable", "other_receivable", "other_payable", "unapplied_received", "unapplied_paid",
    "deposit_paid", "deposit_held", "prepayment_paid", "prepayment_received", "claims", "claims_frozen",
    "claims_issued", "bank",
)  # fmt: skip
"""Accounts whose balance the ledger says."""
TOLD_ELSEWHERE = {
    "money.refunded": "what is owed back is told by money.owed",
    "money.declared_paid": "the creditor has not found it yet",
    "money.settled": "what paid it is told",
    "money.reopened": "what was undone is told",
    "money.overdue": "moves nothing",
    "money.fund_paid_in": "what paid it is told",
    "money.bank_opened": "moves nothing",
    "money.bank_accepted": "moves nothing",
    "money.deposit_attested": "told by money.posted",
    "money.withdrawal_asked": "told by money.posted",
    "money.withdrawal_attested": "told by money.posted",
    "money.withdrawal_refused": "told by money.posted",
    "money.hold_made": "told by money.posted",
    "money.hold_ended": "told by money.posted",
}


def vouchers(purse: Purse, member: str) -> list[Voucher]:
    books = MoneyBooks(member, list(told(Happened(*each) for each in purse.happened)))
    return list(money_vouchers(books, CHART))


def balances(found: Sequence[Voucher]) -> Counter[tuple[str, str]]:
    """Debits less credits by role and currency."""
    sums: Counter[tuple[str, str]] = Counter()
    for voucher in found:
        for entry in voucher.entries:
            sums[entry.role, voucher.currency] += entry.debit_minor - entry.credit_minor
    return sums


def rows(purse: Purse, table: Any) -> dict[Any, Any]:
    return dict(purse.rows(table))


def said(purse: Purse, member: str) -> Counter[tuple[str, str]]:
    """What each account should come to, by the state of the ledger alone: debits are positive."""
    out: Counter[tuple[str, str]] = Counter()
    debts = {key[0]: debt for key, debt in rows(purse, OBLIGATIONS).items()}
    funds = {key[0]: fund for key, fund in rows(purse, FUNDS).items()}
    kinds = {return_of(name): fund.kind for name, fund in funds.items()}
    again = {same_again_of(name) for name in funds}
    for name, debt in debts.items():
        if member in (debt.debtor, debt.creditor) and not debt.fund:
            owed = debt.creditor == member
            role = account(name, debt, owed, kinds, again, debts)
            out[role, debt.currency] += (debt.amount_minor - debt.paid_minor) * (1 if owed else -1)
    for fund in funds.values():
        at_bank = fund.mode == "bank" and fund.kind != "prepayment"
        if not at_bank and member in (fund.payer, fund.holder):
            role = "prepayment" if fund.kind == "prepayment" else "deposit"
            side = ("_paid", 1) if fund.payer == member else (held_suffix(fund.kind), -1)
            out[role + side[0], fund.currency] += side[1] * fund_left(fund)
    for (_, owner, currency, pot), found in rows(purse, BALANCES).items():
        if owner == member:
            out["claims" if pot == "free" else "claims_frozen", currency] += found.amount_minor
    for (bank, currency), found in rows(purse, ISSUED).items():
        if bank == member:
            out["claims_issued", currency] -= found.amount_minor
    _money(purse, member, debts, out)
    return out


def held_suffix(kind: str) -> str:
    return "_received" if kind == "prepayment" else "_held"


def account(name: str, debt: Any, owed: bool, kinds: dict[str, str], again: set[str], debts: Any) -> str:
    """Where an open debt stands. Of what goes back of a debt: where that debt stands."""
    if name in kinds:
        role = "prepayment" if kinds[name] == "prepayment" else "deposit"
        return role + ("_paid" if owed else held_suffix(kinds[name]))
    if name in again:
        return "other_receivable" if owed else "other_payable"
    if debt.cause == "correction":
        origin = next(key for key, each in debts.items() if name in backs(key, each))
        return account(origin, debts[origin], not owed, kinds, again, debts)
    if debt.cause == "return":
        return "unapplied_paid" if owed else "unapplied_received"
    return "receivable" if owed else "payable"


def backs(name: str, debt: Any) -> list[str]:
    return [back_of(name, number) for number in range(1, debt.backs + 1)]


def _money(purse: Purse, member: str, debts: Any, out: Counter[tuple[str, str]]) -> None:
    """Bank, unapplied money, and what one paid for another."""
    receipts = {key: found for key, found in rows(purse, RECEIPTS).items() if not found.reversed_reason}
    holds = {key[0]: hold for key, hold in rows(purse, HOLDS).items()}
    for (creditor, _), receipt in receipts.items():
        if creditor == member:
            out["bank", receipt.currency] += receipt.amount_minor
            out["unapplied_received", receipt.currency] -= unapplied_minor(receipt)
        elif receipt.payer == member:
            out["bank", receipt.currency] -= receipt.amount_minor
            out["unapplied_paid", receipt.currency] += unapplied_minor(receipt)
    for (name, by, source), paid in rows(purse, PAYMENTS).items():
        debt = debts[name]
        payer = {
            "receipt": lambda: receipts[debt.creditor, source].payer,  # noqa: B023
            "claims": lambda: source,  # noqa: B023
            "hold": lambda: holds[source].payer,  # noqa: B023
        }.get(by, lambda: debt.debtor)()  # noqa: B023
        if debt.debtor == member and payer == "":
            out["bank", debt.currency] -= paid.amount_minor
        elif debt.debtor == member and payer != member:
            out["other_payable", debt.currency] -= paid.amount_minor
        elif payer == member and debt.debtor != member:
            out["other_receivable", debt.currency] += paid.amount_minor
    for event in purse.emitted(Posted):
        if event.why in ("deposit", "withdrawal") and member in (
            event.bank,
            event.from_owner or event.to_owner,
        ):
            sign = (1 if event.why == "withdrawal" else -1) * (-1 if member == event.bank else 1)
            out["bank", event.currency] += sign * event.amount_minor


def check(purse: Purse) -> None:
    for member in MEMBERS:
        found = vouchers(purse, member)
        assert all(difference_minor(voucher) == 0 for voucher in found)
        assert len({voucher.number for voucher in found}) == len(found)
        booked, wanted = balances(found), said(purse, member)
        for role in LEDGER:
            for currency in ("CNY", "EUR"):
                assert booked[role, currency] == wanted[role, currency], (member, role, currency)


def closed_until(purse: Purse) -> int:
    """The last day of the months whose books are closed."""
    today = EPOCH + timedelta(days=purse.now_ms // 86_400_000)
    first = today.replace(day=1)
    if today.day <= CHART.open_days:
        first = (first - timedelta(days=1)).replace(day=1)
    return (first - EPOCH).days - 1


@pytest.mark.parametrize("seed", range(WALKS))
def test_books_say_what_the_ledger_says_and_closed_months_never_change(seed: int) -> None:
    luck, walk = Random(seed), Walk()
    walk.all_have_claims_and_debts()
    before: dict[str, list[Voucher]] = {member: [] for member in MEMBERS}
    closed = 0
    for number in range(LONG):
        luck.choice(STEPS)(walk, luck)
        if number % 10 == 0:
            check(walk.purse)
            for member in MEMBERS:
                now = vouchers(walk.purse, member)
                assert now[: len(before[member])] == before[member]
                assert all(voucher.day > closed for voucher in now[len(before[member]) :])
                before[member] = now
            closed = closed_until(walk.purse)
    check(walk.purse)


def test_an_event_is_booked_or_there_is_a_reason() -> None:
    booked = {kind.__struct_config__.tag for kind in MoneyEvent.__args__}
    assert not booked & set(TOLD_ELSEWHERE)
    assert {kind.__struct_config__.tag for kind in ROOM.events} == booked | set(TOLD_ELSEWHERE)


def test_what_moves_claims_for_no_debt_says_what_to_decide(purse: Purse) -> None:
    purse.open_claims(plant=500)
    purse.do("plant", Transfer("bank", "maker", "CNY", 100))
    purse.do("plant", SetAside("h-1", "maker", "bank", "CNY", 200, purse.now_ms + DAY))
    purse.do("maker", Capture(name_of("hold", "plant", "h-1"), 50))
    for member, sign in (("plant", 1), ("maker", -1)):
        open_ones = [
            (voucher.text, entry.debit_minor - entry.credit_minor)
            for voucher in vouchers(purse, member)
            for entry in voucher.entries
            if entry.role == "to_decide"
        ]
        assert open_ones == [(TEXTS["transfer"], sign * 100), (OPEN_CAPTURE, sign * 50)]


@pytest.mark.parametrize(
    "data",
    [
        b'{"_type":"money.owed"}',
        b'{"_type":"money.owed","amount_minor":"much"}',
        b'{"_type":"money.posted"',
    ],
)
def test_an_event_that_is_not_as_known_is_no_hole_in_the_books(data: bytes) -> None:
    with pytest.raises(AnswerUnusable) as refused:
        list(told([Happened(7, 3, 0, data)]))
    assert "7.3" in refused.value.en
    assert list(told([Happened(7, 3, 0, b'{"_type":"money.owed_more"}')])) == []


def test_every_posting_has_a_name_for_people() -> None:
    assert set(get_args(Why)) == set(TEXTS)
