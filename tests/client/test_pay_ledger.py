"""From what is open on the ledger to a payment order, and from the payee's bank statement back."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from hansa.apps.money.messages import Owe
from hansa.apps.money.queries import ListedReceipt
from hansa.client.pay.accounts import Account
from hansa.client.pay.items import BankLine, named
from hansa.client.pay.ledger import Matched, ProposalUnknown, matched, open_item, owed, reversals
from hansa.client.pay.orders import orders
from hansa.client.tables import csv_text, json_bytes
from hansa.kernel.limits import DAY_MS
from tests.apps.statements import Desk
from tests.client.test_journal import Asking as InRooms
from tests.consortium import START_MS, Consortium

ACCOUNTS = (
    Account("maker", "East China maker Ltd", iban="DE89370400440532013000"),
    Account("plant", "Plant", number="622202123456", cnaps="102100099996"),
)
DAY = START_MS // DAY_MS


class Asking:
    """A member's questions, a page of two at a time."""

    def __init__(self, consortium: Consortium, member: str) -> None:
        self.client = consortium.client(member)

    def one(self, name: str, kind: Any, **arguments: Any) -> Any:
        return self.client.query(name, kind, **arguments)

    def all(self, name: str, kind: Any, last: Callable[[Any], str], **arguments: Any) -> list[Any]:
        found: list[Any] = []
        while True:
            after = last(found[-1]) if found else ""
            page = self.client.query(name, list[kind], after=after, limit=2, **arguments)  # type: ignore[valid-type]
            found += page
            if len(page) < 2:
                return found


@pytest.fixture
def town() -> Consortium:
    """The plant owes the maker 100, 200 and 300."""
    made = Consortium()
    for number in (1, 2, 3):
        made.do(
            "plant",
            Owe(
                id=f"o{number}",
                creditor="maker",
                currency="CNY",
                amount_minor=number * 10_000,
                due_ms=made.in_days(30 + number),
            ),
        )
    return made


def paid(town: Consortium) -> list[BankLine]:
    """What the maker's bank shows after the plant's bank carried out its order."""
    items = [open_item(listed) for listed in owed(Asking(town, "plant"), "plant", to=False)]
    (order,) = orders("plant", items, ACCOUNTS, day=DAY, id="P")
    return named(
        BankLine(
            entry="", account="DE89370400440532013000", value_day=order.day,
            amount_minor=payment.amount_minor, currency=order.currency, direction="in", payer="PLANT",
            payer_account="6222 0212 3456", text=payment.text, bank_reference=f"B{number}",
        )
        for number, payment in enumerate(order.payments)
    )  # fmt: skip


def seen(town: Consortium, lines: list[BankLine]) -> Matched:
    return matched(Asking(town, "maker"), "maker", lines, ACCOUNTS, town.clock())


def test_an_order_that_was_carried_out_settles_what_was_owed(town: Consortium) -> None:
    lines = paid(town)
    found = seen(town, lines)
    assert [one.reason for one in found.found] == ["exact"] * 3
    town.do("maker", *found.actions())
    assert owed(Asking(town, "plant"), "plant", to=False) == []


def test_the_same_file_again_records_nothing_twice(town: Consortium) -> None:
    lines = paid(town)
    town.do("maker", *seen(town, lines).actions())
    again = seen(town, lines)
    assert [one.reason for one in again.found] == ["recorded_before"] * 3
    assert again.actions() == []
    other = named([replace(lines[0], bank_reference="X")])
    assert [one.reason for one in seen(town, other).found] == ["reference_not_open"]


def test_what_was_undone_can_be_recorded_again(town: Consortium) -> None:
    lines = paid(town)
    town.do("maker", *seen(town, lines).actions())
    entries = [line.entry for line in lines]
    undone = reversals(Asking(town, "maker"), "maker", [*entries, "f" * 64], "mistake")
    assert len(undone) == 3
    town.do("maker", *undone)
    assert reversals(Asking(town, "maker"), "maker", entries, "mistake") == []
    assert [one.reason for one in seen(town, lines).found] == ["exact"] * 3
    town.do("maker", *seen(town, lines).actions())


def test_only_proposals_that_a_person_accepted_are_sent(town: Consortium) -> None:
    line = replace(paid(town)[1], text="货款")
    found = seen(town, named([line]))
    assert [one.reason for one in found.found] == ["payer_and_amount"]
    assert found.actions() == []
    (receive,) = found.actions([1])
    town.do("maker", receive)
    receipt = town.client("maker").query(
        "money.receipt", ListedReceipt, creditor="maker", entry=receive.entry
    )
    assert receipt.receipt.payer == "plant"
    assert [amount for _, amount in receipt.shares] == [20_000]
    for wrong in (0, 2, 7, -1):
        with pytest.raises(ProposalUnknown):
            found.actions([wrong])
    with pytest.raises(ProposalUnknown):
        seen(town, named([line])).actions([1])


def test_a_name_that_several_have_is_nobodys(town: Consortium) -> None:
    line = replace(paid(town)[1], text="货款", payer_account="", payer="East China plant Ltd")
    assert [one.reason for one in seen(town, named([line])).found] == ["payer_and_amount"]
    twin = Account("bank", "EAST CHINA PLANT LTD", iban="GB82WEST12345698765432")
    found = matched(Asking(town, "maker"), "maker", named([line]), (*ACCOUNTS, twin), town.clock())
    assert [one.reason for one in found.found] == ["payer_unknown"]


def test_what_is_paid_beyond_stays_unapplied(town: Consortium) -> None:
    line = replace(paid(town)[0], amount_minor=15_000)
    found = seen(town, named([line]))
    assert [(one.reason, one.rest_minor) for one in found.found] == [("over", 5_000)]
    town.do("maker", *found.actions())
    (left,) = town.client("maker").query("money.unapplied", list[ListedReceipt], creditor="maker")
    assert left.receipt.amount_minor - left.receipt.applied_minor == 5_000


def test_the_result_can_be_shown_in_every_form(town: Consortium) -> None:
    table = seen(town, paid(town)).table()
    assert "附言号相符，金额相等" in csv_text(table, "zh")
    assert b'"allocations"' in json_bytes(table)


def test_what_is_disputed_is_never_in_a_payment_order() -> None:
    """Line 2 is disputed: the order pays the rest; once the dispute ends, it pays that too."""
    desk = Desk()
    statement = desk.close(pieces=100)
    desk.dispute("plant", 2)
    desk.confirm("maker")
    assert to_pay(desk) == statement.gross_minor - statement.lines[1].gross_minor
    desk.withdraw("plant")
    assert to_pay(desk) == statement.gross_minor


def to_pay(desk: Desk) -> int:
    items = [open_item(listed) for listed in owed(InRooms(desk), "plant", to=False)]
    return sum(order.sum_minor for order in orders("plant", items, ACCOUNTS, day=DAY, id="P"))
