"""Claims on a member bank: who brings them into being, who moves them, and what is refused."""

import pytest

from hansa.apps.money import errors_bank as refusals
from hansa.apps.money import interface as money
from hansa.apps.money.interface import Paid
from hansa.apps.money.messages_bank import (
    AttestDeposit,
    AttestWithdrawal,
    BankAccepted,
    BankOpened,
    Capture,
    DepositAttested,
    HoldEnded,
    HoldMade,
    Pay,
    Posted,
    RefuseWithdrawal,
    Release,
    RequestWithdrawal,
    Transfer,
    WithdrawalAsked,
    WithdrawalAttested,
    WithdrawalRefused,
)
from hansa.apps.money.tables import BALANCES, BANK_ENTRIES, HOLDS_OF
from hansa.kernel import due, limits
from tests.apps.claims import OTHER_BANK, H, bank_debt, days, deposit, held
from tests.apps.purse import CNY, DAY, LICENCE_ENDS_MS, START_MS, Purse, purse

__all__ = ["purse"]


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


def test_what_one_payer_pays_in_parts_keeps_its_dates(purse: Purse) -> None:
    """Interest goes by them: what came in time must not count as late because of the rest."""
    purse.open_claims(plant=1_000)
    bank_debt()(purse)
    first_ms = purse.now_ms
    purse.do("plant", Pay("b-1", 300))
    purse.do("plant", Pay("b-1", 100))
    purse.now_ms += 40 * DAY
    purse.do("plant", Pay("b-1", 50))
    assert purse.call(money.payments_of, "b-1") == [(400, first_ms), (50, purse.now_ms)]
    (paid,) = purse.ask("payments_of", obligation="b-1")
    assert (paid.amount_minor, paid.value_ms) == (450, purse.now_ms)
    assert [(each.amount_minor, each.recorded_ms) for each in paid.pieces] == [
        (400, first_ms),
        (50, purse.now_ms),
    ]
    assert not purse.broken()


def test_a_payer_that_pays_cent_by_cent_fills_no_record(purse: Purse) -> None:
    purse.open_claims(plant=1_000)
    bank_debt()(purse)
    for _ in range(limits.PAYMENT_PIECES_MAX + 9):
        purse.now_ms += 1
        purse.do("plant", Pay("b-1", 1))
    pieces = purse.call(money.payments_of, "b-1")
    assert len(pieces) == limits.PAYMENT_PIECES_MAX
    assert pieces[-1] == (10, purse.now_ms)
    assert sum(amount for amount, _ in pieces) == limits.PAYMENT_PIECES_MAX + 9


def test_a_withdrawal_that_the_bank_does_not_answer_goes_back_to_its_owner(purse: Purse) -> None:
    purse.open_claims(plant=1_000)
    asked_ms = purse.now_ms
    for name, amount in (("w-1", 300), ("w-2", 200)):
        purse.do("plant", RequestWithdrawal("bank", name, CNY, amount))
    purse.do("bank", AttestWithdrawal("plant", "w-2", "out-2"))
    purse.now_ms = asked_ms + limits.WITHDRAWAL_ANSWER_MS
    # The queue may be late: the time has passed all the same.
    for action in (AttestWithdrawal("plant", "w-1", "out-1"), RefuseWithdrawal("plant", "w-1", "closed")):
        with pytest.raises(refusals.WithdrawalLapsed):
            purse.do("bank", action)
    purse.move_to(purse.now_ms)
    assert purse.pots("plant") == {"free": 800}
    states = [each.withdrawal.state for each in purse.ask("withdrawals_of", bank="bank", owner="plant")]
    assert states == ["lapsed", "paid_out"]
    assert purse.ask("withdrawals_asked", bank="bank") == []
    with pytest.raises(refusals.WithdrawalLapsed):
        purse.do("bank", AttestWithdrawal("plant", "w-1", "out-1"))


def test_a_withdrawal_is_answered_up_to_its_last_moment_and_waits_for_nothing_then(purse: Purse) -> None:
    purse.open_claims(plant=1_000)
    asked_ms = purse.now_ms
    purse.do("plant", RequestWithdrawal("bank", "w-1", CNY, 300))
    purse.move_to(asked_ms + limits.WITHDRAWAL_ANSWER_MS - 1)
    assert purse.pots("plant") == {"free": 700, "leaving": 300}
    purse.do("bank", AttestWithdrawal("plant", "w-1", "out-1"))
    assert not list(due.QUEUE.scan(purse.context()))


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
    for name in ("w-1", "w-2"):
        with pytest.raises(refusals.WithdrawalUnknown):
            purse.do("bank", AttestWithdrawal("plant", name, "W-9"))
    assert not purse.broken()


def test_each_step_at_a_bank_is_told_to_everyone(purse: Purse) -> None:
    purse.open_claims(plant=1_000)
    purse.do("plant", RequestWithdrawal("bank", "w-1", CNY, 400))
    purse.do("plant", RequestWithdrawal("bank", "w-2", CNY, 500))
    purse.do("bank", AttestWithdrawal("plant", "w-1", "W-1"))
    purse.do("bank", RefuseWithdrawal("plant", "w-2", "closed"))
    held(amount_minor=10)(purse)

    assert purse.emitted(BankOpened) == [BankOpened("bank")]
    assert purse.emitted(BankAccepted) == [BankAccepted("bank", who) for who in ("maker", "plant", "third")]
    assert purse.emitted(DepositAttested) == [DepositAttested("bank", "plant", CNY, 1_000, "D-plant")]
    assert purse.emitted(WithdrawalAsked) == [
        WithdrawalAsked("bank", "plant", "w-1", CNY, 400),
        WithdrawalAsked("bank", "plant", "w-2", CNY, 500),
    ]
    assert purse.emitted(WithdrawalAttested) == [WithdrawalAttested("bank", "plant", "w-1", "W-1")]
    assert purse.emitted(WithdrawalRefused) == [WithdrawalRefused("bank", "plant", "w-2", "closed")]
    ends_ms = START_MS + 10 * DAY
    assert purse.emitted(HoldMade) == [HoldMade(H, "plant", "maker", "bank", CNY, 10, ends_ms)]


def test_an_obligation_is_paid_by_claims_in_parts_and_by_anyone(purse: Purse) -> None:
    purse.open_claims(plant=1_000, third=1_000)
    bank_debt()(purse)

    purse.do("plant", Pay("b-1", 400))
    purse.do("third", Pay("b-1", 100))
    purse.now_ms += DAY
    purse.do("plant", Pay("b-1", 500))
    dates = {each.source: each.value_ms for each in purse.ask("payments_of", obligation="b-1")}
    assert dates == {"plant": START_MS + DAY, "third": START_MS}

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
