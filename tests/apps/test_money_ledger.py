"""Money on a ledger with a node, signatures and all the rooms: what falls due, what a restart keeps."""

from pathlib import Path

import pytest

from hansa.apps.consortium.messages import Genesis, Licence
from hansa.apps.consortium.messages_approvals import ApprovalRule, SetApproval
from hansa.apps.money.interface import name_of
from hansa.apps.money.messages import Allocation, FellDue, Owe, Receive, Reverse, Settled
from hansa.apps.money.messages_bank import AcceptBank, AttestDeposit, HoldEnded, OpenBank, Pay, SetAside
from hansa.kernel import replace
from hansa.kernel.canonical import Malformed
from tests.apps.purse import CNY, entry
from tests.consortium import Consortium


def licensed(file: Genesis) -> Genesis:
    """The bank shows a banking licence when the consortium is founded."""
    licence = Licence("banking", entry("licence"))
    members = tuple(
        replace(member, licences=(licence,)) if member.id == "bank" else member for member in file.members
    )
    return replace(file, members=members)


def test_a_debt_is_overdue_in_time_and_settled_when_it_is_paid(consortium: Consortium) -> None:
    consortium.do("plant", Owe("repair-7", "maker", CNY, 2_700, consortium.in_days(10)))
    name = name_of("owed", "plant", "repair-7")

    consortium.pass_days(11)
    consortium.clock.advance(ms=1)
    consortium.node.wake()
    assert consortium.events(FellDue) == [FellDue(name, "plant", "maker")]

    received = Receive(entry(1), CNY, 3_000, consortium.clock(), "plant", (Allocation(name, 2_700),))
    consortium.do("maker", received)
    assert consortium.refused("maker", received).code == "money.entry_taken"
    assert consortium.events(Settled) == [Settled(name, received.value_ms)]
    (left,) = consortium.query("money.unapplied", creditor="maker")
    assert (left["receipt"]["payer"], left["receipt"]["applied_minor"]) == ("plant", 2_700)
    assert consortium.query("money.conservation") == []


def test_claims_and_holds_survive_a_restart(tmp_path: Path) -> None:
    made = Consortium(tmp_path / "ledger.db", change=licensed)
    made.do("bank", OpenBank())
    made.do("plant", AcceptBank("bank"))
    made.do("maker", AcceptBank("bank"))
    made.do("bank", AttestDeposit("plant", CNY, 1_000, "D-1"))
    made.do("plant", Owe("job-1", "maker", CNY, 300, made.in_days(30), bank="bank"))
    made.do("plant", SetAside("h-1", "maker", "bank", CNY, 200, made.in_days(2)))

    made.reopen()
    made.do("plant", Pay(name_of("owed", "plant", "job-1"), 300))
    made.pass_days(3)

    balances = {
        owner: [(row["pot"], row["amount_minor"]) for row in made.query("money.balances_of", owner=owner)]
        for owner in ("plant", "maker")
    }
    assert balances == {"plant": [("free", 700)], "maker": [("free", 300)]}
    assert made.events(HoldEnded) == [HoldEnded(name_of("hold", "plant", "h-1"), "expired", 200)]
    assert made.query("money.bank_books", bank="bank")[0]["difference_minor"] == 0
    assert made.query("money.conservation") == []
    made.close()


def test_a_transaction_of_which_one_action_is_refused_moves_nothing(consortium: Consortium) -> None:
    consortium.do("plant", Owe("d-1", "maker", CNY, 100, consortium.in_days(10)))
    name = name_of("owed", "plant", "d-1")
    right = Receive(entry(1), CNY, 100, consortium.clock(), "plant", (Allocation(name, 100),))

    refused = consortium.refused("maker", right, Reverse(entry(9), "mistake"))

    assert (refused.code, refused.field) == ("money.entry_unknown", "entry")
    assert consortium.query("money.receipts", creditor="maker") == []
    assert consortium.query("money.obligation", obligation=name)["obligation"].get("paid_minor", 0) == 0


def test_arguments_out_of_their_bounds_never_reach_the_room(consortium: Consortium) -> None:
    for action in (
        Owe("d-1", "maker", CNY, 0, consortium.in_days(10)),
        Owe("d-1", "maker", CNY, -5, consortium.in_days(10)),
        Owe("d-1", "maker", CNY, 2**53, consortium.in_days(10)),
        Owe("d-1", "maker", "cny", 5, consortium.in_days(10)),
        Owe("D 1", "maker", CNY, 5, consortium.in_days(10)),
        Owe("d-1", "", CNY, 5, consortium.in_days(10)),
        Receive("nohash", CNY, 5, consortium.clock()),
        Reverse(entry(1), ""),
        AttestDeposit("plant", CNY, 5, "R 1 – 企业"),
        AttestDeposit("plant", CNY, 5, "R" * 36),
        Pay("", 5),
    ):
        with pytest.raises(Malformed):
            consortium.submit("plant", action)


def test_an_approval_rule_of_a_member_holds_its_payments_back(consortium: Consortium) -> None:
    consortium.do("plant", consortium.key("plant", "k2"))
    rule = ApprovalRule(action="money.owe", holders=2, days=7, field="amount_minor", above=1_000)
    consortium.do("plant", SetApproval(rule=rule))

    consortium.do("plant", Owe("small", "maker", CNY, 1_000, consortium.in_days(10)))
    consortium.do("plant", Owe("large", "maker", CNY, 1_001, consortium.in_days(10)))

    owed = [row["id"] for row in consortium.query("money.owed_by", debtor="plant")]
    assert owed == [name_of("owed", "plant", "small")]
