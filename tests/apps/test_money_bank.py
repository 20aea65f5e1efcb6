"""Claims on a member bank: who brings them into being, who moves them, and what is refused."""

from collections.abc import Callable
from typing import Any

import pytest

from hansa.apps.consortium.errors_members import NotActive
from hansa.apps.consortium.messages import Licence
from hansa.apps.money import errors
from hansa.apps.money import errors_bank as refusals
from hansa.apps.money import interface as money
from hansa.apps.money.interface import Paid, name_of
from hansa.apps.money.messages import Allocation, DeclarePaid, Receive
from hansa.apps.money.messages_bank import (
    AcceptBank,
    AttestDeposit,
    AttestWithdrawal,
    Capture,
    HoldEnded,
    OpenBank,
    Pay,
    Posted,
    RefuseWithdrawal,
    Release,
    RequestWithdrawal,
    SetAside,
    Transfer,
)
from hansa.apps.money.tables import BALANCES, BANK_ENTRIES, HOLDS_OF
from hansa.kernel import Refusal, due, limits
from hansa.kernel.types import INTEGER_MAX
from tests.apps.purse import CNY, DAY, LICENCE_ENDS_MS, START_MS, Purse, entry, purse

__all__ = ["purse"]

H = name_of("hold", "plant", "h-1")
"""The hold of `held`, by its name on the ledger."""


def deposit(owner: str, amount_minor: int, reference: str, by: str = "bank") -> Callable[[Purse], Any]:
    return lambda purse: purse.do(by, AttestDeposit(owner, CNY, amount_minor, reference))


def held(**changes: Any) -> Callable[[Purse], Any]:
    """Plant sets 600 of its 1,000 aside for maker, for ten days."""
    given: dict[str, Any] = {
        "id": "h-1",
        "payee": "maker",
        "bank": "bank",
        "currency": CNY,
        "amount_minor": 600,
        "expires_ms": START_MS + 10 * DAY,
    }
    by = changes.pop("by", "plant")
    return lambda purse: purse.do(by, SetAside(**given | changes))


def do(by: str, action: Any) -> Callable[[Purse], Any]:
    return lambda purse: purse.do(by, action)


def after(*steps: Callable[[Purse], Any]) -> Callable[[Purse], Any]:
    def all_of_them(purse: Purse) -> None:
        for step in steps:
            step(purse)

    return all_of_them


def days(count: int) -> Callable[[Purse], Any]:
    def pass_them(purse: Purse) -> None:
        purse.now_ms += count * DAY  # Nothing that falls due is done: the queue may be late.

    return pass_them


def bank_debt(**changes: Any) -> Callable[[Purse], Any]:
    return lambda purse: purse.owe("b-1", **{"mode": "bank", "bank": "bank"} | changes)


def test_every_posting_has_two_sides_and_the_bank_owes_what_all_pots_hold(purse: Purse) -> None:
    purse.open_claims(plant=1_000)

    purse.do("plant", Transfer("bank", "maker", CNY, 300))
    purse.do("maker", RequestWithdrawal("bank", "w-1", CNY, 100))

    assert purse.pots("plant") == {"free": 700}
    assert purse.pots("maker") == {"free": 200, "leaving": 100}
    (books,) = purse.ask("bank_books", bank="bank")
    assert (books.issued_minor, books.pots_minor, books.difference_minor) == (1_000, 1_000, 0)
    moved = [(each.from_owner, each.from_pot, each.to_owner, each.to_pot) for each in purse.emitted(Posted)]
    assert moved == [
        ("", "", "plant", "free"),
        ("plant", "free", "maker", "free"),
        ("maker", "free", "maker", "leaving"),
    ]
    assert not purse.broken()


def test_a_withdrawal_is_set_apart_until_the_bank_says_that_it_paid(purse: Purse) -> None:
    purse.open_claims(plant=1_000)
    purse.do("plant", RequestWithdrawal("bank", "w-1", CNY, 400))
    purse.do("plant", RequestWithdrawal("bank", "w-2", CNY, 500))
    assert [each.id for each in purse.ask("withdrawals_asked", bank="bank")] == ["w-1", "w-2"]

    purse.do("bank", AttestWithdrawal("plant", "w-1", "W-1"))
    purse.do("bank", RefuseWithdrawal("plant", "w-2", "account_closed"))

    assert purse.pots("plant") == {"free": 600}
    states = [each.withdrawal.state for each in purse.ask("withdrawals_of", bank="bank", owner="plant")]
    assert states == ["paid_out", "refused"]
    assert purse.ask("withdrawals_asked", bank="bank") == []
    assert not purse.broken()


def test_an_obligation_is_paid_by_claims_in_parts_and_by_anyone(purse: Purse) -> None:
    purse.open_claims(plant=1_000, third=1_000)
    bank_debt()(purse)

    purse.do("plant", Pay("b-1", 400))
    purse.do("third", Pay("b-1", 100))
    purse.do("plant", Pay("b-1", 500))

    assert purse.obligation("b-1").state == "paid"
    assert purse.heard == [Paid("b-1", "statement", "lease-1", purse.now_ms, 0)]
    paid = {each.source: each.amount_minor for each in purse.ask("payments_of", obligation="b-1")}
    assert paid == {"plant": 900, "third": 100}
    assert purse.pots("maker") == {"free": 1_000}
    assert not purse.broken()


def test_a_hold_is_captured_in_parts_and_the_rest_released(purse: Purse) -> None:
    purse.open_claims(plant=1_000)
    held()(purse)
    assert purse.pots("plant") == {"free": 400, "held": 600}

    purse.do("maker", Capture(H, 250))
    purse.do("maker", Capture(H, 50))
    purse.do("maker", Release(H))

    assert purse.pots("plant") == {"free": 700}
    assert purse.pots("maker") == {"free": 300}
    assert purse.emitted(HoldEnded) == [HoldEnded(H, "released", 300)]
    assert purse.rows(HOLDS_OF) == purse.rows(due.QUEUE) == {}
    assert not purse.broken()


def test_a_hold_used_up_is_over(purse: Purse) -> None:
    purse.open_claims(plant=1_000)
    held()(purse)

    purse.do("maker", Capture(H, 600))

    assert purse.ask("hold", hold=H).hold.state == "captured"
    assert purse.rows(due.QUEUE) == {}


def test_a_hold_that_expires_goes_back_by_itself(purse: Purse) -> None:
    purse.open_claims(plant=1_000)
    held()(purse)
    purse.do("maker", Capture(H, 100))

    purse.move_to(START_MS + 10 * DAY)

    assert purse.pots("plant") == {"free": 900}
    assert purse.ask("hold", hold=H).hold.state == "expired"
    assert not purse.broken()


def test_a_payer_takes_an_expired_hold_back_though_the_queue_is_late(purse: Purse) -> None:
    purse.open_claims(plant=1_000)
    held()(purse)
    days(10)(purse)

    purse.do("plant", Release(H))

    assert purse.pots("plant") == {"free": 1_000}
    assert purse.move_to(START_MS + 20 * DAY) == []
    assert purse.pots("plant") == {"free": 1_000}


def test_a_capture_pays_an_obligation_of_the_payee(purse: Purse) -> None:
    purse.open_claims(plant=1_000)
    bank_debt(amount_minor=500)(purse)
    held()(purse)

    purse.do("maker", Capture(H, 500, "b-1"))

    assert purse.obligation("b-1").state == "paid"
    (paid,) = purse.ask("payments_of", obligation="b-1")
    assert (paid.by, paid.source) == ("hold", H)
    assert not purse.broken()


def test_other_rooms_hold_capture_release_and_transfer(purse: Purse) -> None:
    purse.open_claims(plant=1_000)

    purse.call(money.hold, "job-1", "plant", "maker", "bank", CNY, 500, START_MS + DAY)
    purse.call(money.capture, "job-1", 200)
    purse.call(money.release, "job-1")
    purse.call(money.transfer, "bank", "maker", "third", CNY, 150, "lease-1")

    assert [purse.pots(member) for member in ("plant", "maker", "third")] == [
        {"free": 800},
        {"free": 50},
        {"free": 150},
    ]
    assert not purse.broken()


def test_without_a_licence_nothing_new_comes_into_being_and_what_there_is_goes_on(purse: Purse) -> None:
    purse.open_claims(plant=1_000)
    bank_debt(due_ms=START_MS + 800 * DAY)(purse)
    purse.now_ms = LICENCE_ENDS_MS

    with pytest.raises(refusals.NotLicensed):
        deposit("plant", 1, "D-9")(purse)
    purse.do("plant", Pay("b-1", 400))
    purse.do("plant", Transfer("bank", "third", CNY, 100))
    purse.do("maker", RequestWithdrawal("bank", "w-1", CNY, 400))
    purse.do("bank", AttestWithdrawal("maker", "w-1", "W-1"))

    assert purse.pots("plant") == {"free": 500}
    assert not purse.broken()


def test_who_is_suspended_still_pays_and_withdraws(purse: Purse) -> None:
    purse.open_claims(plant=1_000)
    bank_debt()(purse)
    purse.suspend("plant")
    purse.suspend("bank")

    purse.do("plant", Pay("b-1", 600))
    purse.do("plant", RequestWithdrawal("bank", "w-1", CNY, 400))
    purse.do("bank", AttestWithdrawal("plant", "w-1", "W-1"))

    assert purse.pots("maker") == {"free": 600}
    with pytest.raises(refusals.NotLicensed):
        deposit("plant", 1, "D-9")(purse)


def test_a_bank_is_paid_in_claims_on_itself(purse: Purse) -> None:
    purse.open_claims(plant=1_000)

    purse.do("plant", Transfer("bank", "bank", CNY, 30))

    assert purse.pots("bank") == {"free": 30}
    assert [each.amount_minor for each in purse.ask("balances_of", owner="bank")] == [30]
    purse.do("bank", Transfer("bank", "maker", CNY, 30))
    assert not purse.broken()


def licence(kind: Any, **changes: Any) -> Callable[[Purse], Any]:
    """`unlicensed` now shows this licence."""
    return lambda purse: purse.licences("unlicensed", Licence(kind, entry("l"), **changes))


OTHER_BANK = after(licence("banking"), do("unlicensed", OpenBank()), do("plant", AcceptBank("unlicensed")),
                   do("maker", AcceptBank("unlicensed")))  # fmt: skip
REFUSED: dict[str, tuple[Callable[[Purse], Any], type[Refusal]]] = {
    "a plant opening as a bank": (do("plant", OpenBank()), refusals.NotLicensed),
    "a bank without a licence": (do("unlicensed", OpenBank()), refusals.NotLicensed),
    "a bank whose licence ended": (
        after(licence("banking", expires_ms=START_MS), do("unlicensed", OpenBank())),
        refusals.NotLicensed,
    ),
    "a payment licence": (after(licence("payment"), do("unlicensed", OpenBank())), refusals.NotLicensed),
    "a banking licence without the role": (
        after(
            licence("banking"),
            lambda purse: purse.licences("unlicensed", Licence("banking", entry("l")), roles=("plant",)),
            do("unlicensed", OpenBank()),
        ),
        refusals.NotLicensed,
    ),
    "a suspended bank": (
        after(licence("banking"), lambda purse: purse.suspend("unlicensed"), do("unlicensed", OpenBank())),
        refusals.NotLicensed,
    ),
    "opening twice": (do("bank", OpenBank()), refusals.BankTaken),
    "accepting a bank that is none": (do("plant", AcceptBank("maker")), refusals.BankUnknown),
    "accepting twice": (do("plant", AcceptBank("bank")), refusals.AcceptedAlready),
    "a bank accepting itself": (do("bank", AcceptBank("bank")), refusals.OwnBank),
    "accepting while suspended": (
        after(
            licence("banking"),
            do("unlicensed", OpenBank()),
            lambda purse: purse.suspend("plant"),
            do("plant", AcceptBank("unlicensed")),
        ),
        NotActive,
    ),
    "a deposit attested twice": (deposit("plant", 5, "D-plant"), refusals.ReferenceUsed),
    "a deposit for a stranger": (deposit("nobody", 5, "D-2"), refusals.NotAccepted),
    "a deposit for one who did not accept the bank": (deposit("unlicensed", 5, "D-2"), refusals.NotAccepted),
    "a deposit for the bank itself": (deposit("bank", 5, "D-2"), refusals.OwnBank),
    "a deposit attested by the owner": (deposit("maker", 5, "D-2", by="plant"), refusals.BankUnknown),
    "a deposit at another bank": (deposit("third", 5, "D-2", by="unlicensed"), refusals.BankUnknown),
    "more than a ledger holds": (deposit("plant", INTEGER_MAX, "D-2"), refusals.BalanceTooLarge),
    "a payout under the reference of a deposit": (
        after(
            do("plant", RequestWithdrawal("bank", "w-1", CNY, 5)),
            do("bank", AttestWithdrawal("plant", "w-1", "D-plant")),
        ),
        refusals.ReferenceUsed,
    ),
    "a payout attested twice": (
        after(
            do("plant", RequestWithdrawal("bank", "w-1", CNY, 5)),
            do("bank", AttestWithdrawal("plant", "w-1", "W-1")),
            do("bank", AttestWithdrawal("plant", "w-1", "W-2")),
        ),
        refusals.WithdrawalUnknown,
    ),
    "a payout refused after it was paid": (
        after(
            do("plant", RequestWithdrawal("bank", "w-1", CNY, 5)),
            do("bank", AttestWithdrawal("plant", "w-1", "W-1")),
            do("bank", RefuseWithdrawal("plant", "w-1", "x")),
        ),
        refusals.WithdrawalUnknown,
    ),
    "a payout that nobody asked for": (
        do("bank", AttestWithdrawal("plant", "w-9", "W-1")),
        refusals.WithdrawalUnknown,
    ),
    "a payout attested by another bank": (
        after(
            OTHER_BANK,
            do("plant", RequestWithdrawal("bank", "w-1", CNY, 5)),
            do("unlicensed", AttestWithdrawal("plant", "w-1", "W-1")),
        ),
        refusals.WithdrawalUnknown,
    ),
    "asking twice under one id": (
        after(
            do("plant", RequestWithdrawal("bank", "w-1", CNY, 5)),
            do("plant", RequestWithdrawal("bank", "w-1", CNY, 5)),
        ),
        refusals.WithdrawalTaken,
    ),
    "withdrawing what one has not": (
        do("plant", RequestWithdrawal("bank", "w-1", CNY, 1_001)),
        refusals.NotEnough,
    ),
    "withdrawing what is held": (
        after(held(), do("plant", RequestWithdrawal("bank", "w-1", CNY, 401))),
        refusals.NotEnough,
    ),
    "a bank paying itself out": (do("bank", RequestWithdrawal("bank", "w-1", CNY, 1)), refusals.OwnBank),
    "transferring to oneself": (do("plant", Transfer("bank", "plant", CNY, 1)), errors.SameParty),
    "transferring to a stranger": (do("plant", Transfer("bank", "nobody", CNY, 1)), errors.PartyUnknown),
    "transferring to one who did not accept": (
        do("plant", Transfer("bank", "unlicensed", CNY, 1)),
        refusals.NotAccepted,
    ),
    "transferring more than one has": (
        do("plant", Transfer("bank", "maker", CNY, 1_001)),
        refusals.NotEnough,
    ),
    "transferring another currency": (do("plant", Transfer("bank", "maker", "EUR", 1)), refusals.NotEnough),
    "owing by claims that the creditor did not accept": (
        bank_debt(creditor="unlicensed"),
        refusals.NotAccepted,
    ),
    "owing by claims on no bank": (bank_debt(bank="maker"), refusals.BankUnknown),
    "paying twice": (
        after(
            bank_debt(),
            do("plant", Pay("b-1", 1_000)),
            deposit("plant", 1_000, "D-2"),
            do("plant", Pay("b-1", 1_000)),
        ),
        errors.ObligationClosed,
    ),
    "paying more than is owed": (
        after(bank_debt(amount_minor=10), do("plant", Pay("b-1", 11))),
        errors.Overpaid,
    ),
    "the creditor paying itself": (
        after(bank_debt(), deposit("maker", 1_000, "D-2"), do("maker", Pay("b-1", 1_000))),
        errors.SameParty,
    ),
    "paying by claims what is owed by transfer": (
        after(lambda purse: purse.owe("o-1"), do("plant", Pay("o-1", 1))),
        refusals.PaidByTransfer,
    ),
    "recording as received what is owed by claims": (
        after(
            bank_debt(),
            do("maker", Receive(entry(1), CNY, 5, START_MS, allocations=(Allocation("b-1", 5),))),
        ),
        errors.PaidByClaims,
    ),
    "declaring paid what is owed by claims": (
        after(bank_debt(), do("plant", DeclarePaid("b-1", 1, START_MS, "R-1"))),
        errors.PaidByClaims,
    ),
    "holding twice under one id": (after(held(amount_minor=1), held(amount_minor=1)), refusals.HoldTaken),
    "holding more than one has": (held(amount_minor=1_001), refusals.NotEnough),
    "holding for oneself": (held(payee="plant"), errors.SameParty),
    "holding until now": (held(expires_ms=START_MS), refusals.HoldTimeUnfit),
    "holding for ever": (held(expires_ms=START_MS + limits.HOLD_MAX_MS + 1), refusals.HoldTimeUnfit),
    "capturing more than is held": (after(held(), do("maker", Capture(H, 601))), refusals.BeyondHold),
    "capturing in parts more than is held": (
        after(held(), do("maker", Capture(H, 500)), do("maker", Capture(H, 101))),
        refusals.BeyondHold,
    ),
    "capturing at the expiry, the queue being late": (
        after(held(), days(10), do("maker", Capture(H, 1))),
        refusals.HoldOver,
    ),
    "capturing what was released": (
        after(held(), do("maker", Release(H)), do("maker", Capture(H, 1))),
        refusals.HoldOver,
    ),
    "the payer capturing": (after(held(), do("plant", Capture(H, 1))), refusals.HoldNotYours),
    "a stranger capturing": (after(held(), do("third", Capture(H, 1))), refusals.HoldNotYours),
    "capturing what is no hold": (do("maker", Capture("h-1", 1)), refusals.HoldUnknown),
    "capturing for a debt to another": (
        after(held(), bank_debt(creditor="third"), do("maker", Capture(H, 1, "b-1"))),
        errors.NotCreditor,
    ),
    "capturing for a debt at another bank": (
        after(OTHER_BANK, held(), bank_debt(bank="unlicensed"), do("maker", Capture(H, 1, "b-1"))),
        refusals.PaidByTransfer,
    ),
    "capturing for a debt in another currency": (
        after(held(), bank_debt(currency="EUR"), do("maker", Capture(H, 1, "b-1"))),
        errors.OtherCurrency,
    ),
    "the payer releasing before the expiry": (
        after(held(), days(9), do("plant", Release(H))),
        refusals.HoldNotYours,
    ),
    "a stranger releasing after the expiry": (
        after(held(), days(11), do("third", Release(H))),
        refusals.HoldNotYours,
    ),
    "releasing twice": (after(held(), do("maker", Release(H)), do("maker", Release(H))), refusals.HoldOver),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_must_not_be_is_refused_by_name_and_leaves_nothing(purse: Purse, case: str) -> None:
    act, wanted = REFUSED[case]
    purse.open_claims(plant=1_000)

    with pytest.raises(Refusal) as caught:
        act(purse)

    assert type(caught.value) is wanted, caught.value
    assert caught.value.zh
    assert caught.value.en
    assert not purse.broken()


def test_the_same_reference_of_another_bank_is_another(purse: Purse) -> None:
    purse.open_claims(plant=1_000)
    OTHER_BANK(purse)

    deposit("plant", 7, "D-plant", by="unlicensed")(purse)

    assert len(purse.rows(BANK_ENTRIES)) == 2
    assert len(purse.rows(BALANCES)) == 2
    assert [each.bank for each in purse.ask("balances_of", owner="plant")] == ["bank", "unlicensed"]
    assert purse.ask("banks") == ["bank", "unlicensed"]
    assert not purse.broken()


def test_currencies_never_mix(purse: Purse) -> None:
    purse.open_claims(plant=1_000)

    purse.do("bank", AttestDeposit("plant", "EUR", 70, "D-2"))
    purse.do("plant", Transfer("bank", "maker", "EUR", 30))

    found = [(each.currency, each.pots_minor) for each in purse.ask("bank_books", bank="bank")]
    assert found == [("CNY", 1_000), ("EUR", 70)]
    assert not purse.broken()
