"""Obligations and external settlement: paid in full, in part, too much, undone, corrected, overdue."""

import pytest

from hansa.apps.money import errors, names, queries
from hansa.apps.money import interface as money
from hansa.apps.money.interface import Overdue, Paid, Unpaid, Waived
from hansa.apps.money.messages import (
    Allocation,
    Applied,
    Apply,
    DeclaredPaid,
    DeclarePaid,
    FellDue,
    HasSetOff,
    Lessened,
    Owing,
    Received,
    Refund,
    Refunded,
    Reopened,
    Reverse,
    Reversed,
    SetOff,
    Settled,
    Waive,
    WaiverCorrected,
)
from hansa.apps.money.tables import FALLING_DUE, OWED_BY, OWED_TO, PAYMENTS, SWEEPS, UNAPPLIED
from hansa.kernel import due, limits
from tests.apps.purse import DAY, START_MS, Purse, entry, purse, received

__all__ = ["purse"]


def test_a_payment_settles_what_it_is_for_and_the_creditor_room_hears_of_it(purse: Purse) -> None:
    purse.owe("o-1", 2_700)

    received(purse, 1, 2_700, ("o-1", 2_700))

    assert purse.obligation("o-1").state == "paid"
    assert purse.heard == [Paid("o-1", "statement", "lease-1", purse.now_ms, 0)]
    assert purse.emitted(Settled) == [Settled("o-1", purse.now_ms)]
    assert purse.rows(OWED_TO) == purse.rows(OWED_BY) == purse.rows(FALLING_DUE) == {}
    assert not purse.broken()


def test_what_is_owed_and_corrected_is_told_to_everyone(purse: Purse) -> None:
    purse.owe("o-1", 1_000)
    purse.call(money.lessen, "o-1", 400, "correction")
    received(purse, 1, 600, ("o-1", 600))
    purse.call(money.lessen, "o-1", 50, "correction")

    owing = purse.emitted(Owing)
    assert [(each.obligation, each.amount_minor, each.cause) for each in owing] == [
        ("o-1", 1_000, "statement"),
        (money.back_of("o-1", 1), 50, "correction"),
    ]
    assert owing[0].reference == names.reference_of("o-1")
    assert purse.emitted(Lessened) == [
        Lessened("o-1", 400, "correction"),
        Lessened("o-1", 50, "correction", money.back_of("o-1", 1)),
    ]


def test_a_correction_of_what_was_forgone_is_told_and_moves_nothing(purse: Purse) -> None:
    purse.owe("o-1", 1_000)
    purse.do("maker", Waive("o-1", 400, "kindness"))
    before = purse.obligation("o-1")
    purse.call(money.correct_waiver, "o-1", 400)
    assert purse.obligation("o-1") == before
    assert purse.emitted(WaiverCorrected) == [WaiverCorrected("o-1", 400)]
    assert purse.emitted(Lessened) == [Lessened("o-1", 400, "kindness", waived=True)]
    with pytest.raises(errors.ObligationUnknown):
        purse.call(money.correct_waiver, "o-2", 400)
    for amount_minor in (0, -1, 2**53):
        with pytest.raises(errors.AmountUnfit):
            purse.call(money.correct_waiver, "o-1", amount_minor)


def test_a_list_that_is_too_long_to_be_told_whole_is_refused(
    purse: Purse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "LISTED_MAX", 2)
    for number in range(2):
        purse.owe(f"o-{number}")
    assert len(purse.ask("owed_to", creditor="maker")) == 2
    purse.owe("o-2")
    assert len(purse.ask("owed_to", creditor="maker", limit=2)) == 2
    with pytest.raises(errors.ListTooLong):
        purse.ask("owed_to", creditor="maker")


def test_each_step_with_a_receipt_is_told_to_everyone(purse: Purse) -> None:
    purse.owe("o-1", 1_000)
    purse.owe("o-2", 1_000)
    purse.do("plant", DeclarePaid("o-1", 900, purse.now_ms, "FT-1"))
    received(purse, 1, 2_000, ("o-1", 1_000))
    purse.do("maker", Apply(entry(1), (Allocation("o-2", 500),)))
    purse.do("maker", Refund(entry(1), 200, purse.now_ms + DAY))
    purse.do("maker", Reverse(entry(1), "mistake", ("o-1",)))
    received(purse, 2, 70)
    purse.do("maker", Reverse(entry(2), "returned_by_bank"))

    one, two = (Allocation("o-1", 1_000),), (Allocation("o-2", 500),)
    back = names.name_of("refund", "maker", entry(1), "1")
    assert purse.emitted(DeclaredPaid) == [DeclaredPaid("o-1", 900, "FT-1")]
    assert purse.emitted(Received) == [
        Received("maker", entry(1), "CNY", 2_000, purse.now_ms, "plant", one),
        Received("maker", entry(2), "CNY", 70, purse.now_ms, "plant"),
    ]
    assert purse.emitted(Applied) == [Applied("maker", entry(1), two)]
    assert purse.emitted(Refunded) == [Refunded("maker", entry(1), 200, back)]
    assert purse.emitted(Reversed) == [
        Reversed("maker", entry(1), "mistake", False, one),
        Reversed("maker", entry(2), "returned_by_bank", True),
    ]


def test_one_payment_pays_many_obligations_and_what_is_left_stays_unapplied(purse: Purse) -> None:
    for name in ("o-1", "o-2", "o-3"):
        purse.owe(name, 1_000)

    received(purse, 1, 3_500, ("o-1", 1_000), ("o-2", 1_000), ("o-3", 400))

    assert [purse.obligation(name).state for name in ("o-1", "o-2", "o-3")] == ["paid", "paid", "open"]
    (left,) = purse.ask("unapplied", creditor="maker", payer="plant")
    assert left.receipt.amount_minor - left.receipt.applied_minor == 1_100
    purse.do("maker", Apply(entry(1), (Allocation("o-3", 600),)))
    assert purse.obligation("o-3").state == "paid"
    assert purse.heard[-1] == Paid("o-3", "statement", "lease-1", purse.now_ms, 0)
    assert not purse.broken()


def test_many_payments_pay_one_obligation_and_the_latest_value_date_counts(purse: Purse) -> None:
    purse.owe("o-1", 1_000, due_ms=START_MS + 5 * DAY)
    purse.move_to(START_MS + 10 * DAY)

    received(purse, 1, 600, ("o-1", 600), value_ms=START_MS + 8 * DAY)
    received(purse, 2, 400, ("o-1", 400), value_ms=START_MS + 3 * DAY)

    assert purse.heard[-1] == Paid("o-1", "statement", "lease-1", START_MS + 8 * DAY, 3 * DAY)
    assert purse.call(money.paid_of, "o-1") == (1_000, START_MS + 8 * DAY)
    assert not purse.broken()


def test_a_payment_off_by_a_cent_leaves_the_cent_open_until_the_creditor_waives_it(purse: Purse) -> None:
    purse.owe("o-1", 1_000)

    received(purse, 1, 999, ("o-1", 999))

    assert purse.obligation("o-1").state == "open"
    assert purse.heard == []
    purse.do("maker", Waive("o-1", 1, "bank_fee"))
    assert purse.obligation("o-1").state == "paid"
    assert purse.heard[0] == Waived("o-1", "statement", "lease-1", 1)
    assert purse.heard[1:] == [Paid("o-1", "statement", "lease-1", purse.now_ms, 0)]
    assert not purse.broken()


def test_a_payment_that_nothing_explains_is_kept_without_a_payer(purse: Purse) -> None:
    received(purse, 1, 500, payer="")

    (left,) = purse.ask("unapplied", creditor="maker")
    assert (left.receipt.payer, left.receipt.amount_minor) == ("", 500)
    with pytest.raises(errors.PayerUnknown):
        purse.do("maker", Refund(entry(1), 500, purse.now_ms + DAY))
    purse.owe("o-1", 500)
    purse.do("maker", Apply(entry(1), (Allocation("o-1", 500),)))
    assert purse.obligation("o-1").state == "paid"
    assert purse.rows(UNAPPLIED) == {}


def test_somebody_else_may_pay_and_the_rest_is_that_payers(purse: Purse) -> None:
    purse.owe("o-1", 1_000)

    received(purse, 1, 1_200, ("o-1", 1_000), payer="third")

    assert purse.obligation("o-1").state == "paid"
    assert [each.receipt.payer for each in purse.ask("unapplied", creditor="maker")] == ["third"]


def test_a_receipt_undone_opens_again_what_it_paid(purse: Purse) -> None:
    purse.owe("o-1", 1_000)
    purse.owe("o-2", 1_000)
    received(purse, 1, 2_500, ("o-1", 1_000), ("o-2", 300))

    purse.do("maker", Reverse(entry(1), "mistake"))

    assert [purse.obligation(name).paid_minor for name in ("o-1", "o-2")] == [0, 0]
    assert purse.obligation("o-1").paid_ms == 0
    assert purse.heard[-1] == Unpaid("o-1", "statement", "lease-1")
    assert purse.emitted(Reopened) == [Reopened("o-1")]
    assert purse.rows(PAYMENTS) == purse.rows(UNAPPLIED) == {}
    assert len(purse.rows(OWED_TO)) == len(purse.rows(FALLING_DUE)) == 2
    received(purse, 1, 2_500, ("o-2", 1_000))  # The same entry, recorded as it should have been.
    assert purse.obligation("o-2").state == "paid"
    assert not purse.broken()


def test_what_was_paid_to_the_wrong_obligation_is_taken_back_and_applied_anew(purse: Purse) -> None:
    purse.owe("o-1", 1_000)
    purse.owe("o-2", 1_000)
    received(purse, 1, 1_000, ("o-1", 1_000))

    purse.do("maker", Reverse(entry(1), "mistake", ("o-1",)))
    purse.do("maker", Apply(entry(1), (Allocation("o-2", 1_000),)))

    assert [purse.obligation(name).state for name in ("o-1", "o-2")] == ["open", "paid"]
    assert not purse.broken()


def test_a_payment_for_very_many_is_applied_and_undone_in_steps(purse: Purse) -> None:
    names_of = [f"o-{number}" for number in range(limits.ALLOCATIONS_MAX + 6)]
    for name in names_of:
        purse.owe(name, 10)
    received(purse, 1, 10 * len(names_of), *[(name, 10) for name in names_of[: limits.ALLOCATIONS_MAX]])
    purse.do("maker", Apply(entry(1), tuple(Allocation(n, 10) for n in names_of[limits.ALLOCATIONS_MAX :])))
    assert purse.rows(UNAPPLIED) == purse.rows(OWED_TO) == {}

    with pytest.raises(errors.TooManyAllocations):
        purse.do("maker", Reverse(entry(1), "mistake"))
    with pytest.raises(errors.TooManyAllocations):
        purse.do("maker", Reverse(entry(1), "mistake", tuple(names_of)))
    purse.do("maker", Reverse(entry(1), "mistake", tuple(names_of[:6])))
    purse.do("maker", Reverse(entry(1), "mistake"))

    assert len(purse.rows(OWED_TO)) == len(names_of)
    assert not purse.broken()


def test_unapplied_money_is_owed_back_once_and_the_receipt_stands(purse: Purse) -> None:
    received(purse, 1, 500)

    purse.do("maker", Refund(entry(1), 200, purse.now_ms + DAY))
    purse.do("maker", Refund(entry(1), 300, purse.now_ms + DAY))

    owed = purse.ask("owed_by", debtor="maker", creditor="plant")
    assert sorted(each.obligation.amount_minor for each in owed) == [200, 300]
    with pytest.raises(errors.BeyondReceipt):
        purse.do("maker", Refund(entry(1), 1, purse.now_ms + DAY))
    with pytest.raises(errors.ReceiptRefunded):
        purse.do("maker", Reverse(entry(1), "mistake"))
    assert not purse.broken()


def test_a_correction_takes_what_is_open_first_and_turns_the_rest_round(purse: Purse) -> None:
    purse.owe("o-1", 1_000)
    received(purse, 1, 300, ("o-1", 300))

    purse.call(money.lessen, "o-1", 800, "correction")

    first = purse.obligation("o-1")
    assert (first.state, first.amount_minor, first.paid_minor) == ("paid", 300, 300)
    back = purse.obligation(money.back_of("o-1", 1))
    assert (back.debtor, back.creditor, back.amount_minor) == ("maker", "plant", 100)
    assert (back.cause, back.due_ms) == ("correction", purse.now_ms + limits.RETURN_MS)
    with pytest.raises(errors.LessenedTooMuch):
        purse.call(money.lessen, "o-1", 201, "correction")
    purse.call(money.lessen, "o-1", 200, "correction")
    assert purse.obligation(money.back_of("o-1", 2)).amount_minor == 200
    assert not purse.broken()


def test_a_correction_of_all_before_anything_was_paid_makes_the_obligation_void(purse: Purse) -> None:
    purse.owe("o-1", 1_000)

    purse.call(money.lessen, "o-1", 1_000, "correction")

    assert purse.obligation("o-1").state == "void"
    assert purse.heard == [Paid("o-1", "statement", "lease-1", purse.now_ms, 0)]
    with pytest.raises(errors.ObligationClosed):
        received(purse, 1, 1, ("o-1", 1))


def test_what_is_due_at_the_edge_of_what_may_be_agreed(purse: Purse) -> None:
    purse.owe("o-1", due_ms=START_MS + limits.DUE_MAX_MS)
    with pytest.raises(errors.DueUnfit):
        purse.owe("o-2", due_ms=START_MS + limits.DUE_MAX_MS + 1)


def test_a_declared_payment_settles_nothing_and_shows(purse: Purse) -> None:
    purse.owe("o-1", 1_000)

    purse.do("plant", DeclarePaid("o-1", 1_000, purse.now_ms, "FT/26-1"))

    (item,) = purse.ask("owed_to", creditor="maker")
    assert item.declared.bank_reference == "FT/26-1"
    assert item.obligation.state == "open"
    with pytest.raises(errors.AlreadyDeclared):
        purse.do("plant", DeclarePaid("o-1", 1_000, purse.now_ms, "FT/26-1"))


def test_what_is_due_is_set_off_against_what_one_owes_the_same_member(purse: Purse) -> None:
    purse.owe("o-1", 1_000, due_ms=START_MS)
    purse.owe("back", 300, debtor="maker", creditor="plant")

    purse.do("maker", SetOff("o-1", "back", 100))
    purse.do("maker", SetOff("o-1", "back", 200))

    assert (purse.obligation("o-1").paid_minor, purse.obligation("back").state) == (300, "paid")
    assert purse.heard == [Paid("back", "statement", "lease-1", purse.now_ms, 0)]
    (paid,) = purse.ask("payments_of", obligation="o-1")
    assert (paid.by, paid.source, paid.amount_minor) == ("set_off", "back", 300)
    assert purse.emitted(HasSetOff) == [HasSetOff("o-1", "back", 100), HasSetOff("o-1", "back", 200)]
    assert not purse.broken()


# Overdue.


def test_what_is_open_at_its_due_time_is_overdue_and_told_once(purse: Purse) -> None:
    purse.owe("o-1", due_ms=START_MS + 3 * DAY)
    purse.owe("o-2", due_ms=START_MS + 5 * DAY)
    received(purse, 1, 1_000, ("o-2", 1_000))
    heard = len(purse.heard)

    purse.move_to(START_MS + 3 * DAY - 1)
    assert not purse.call(money.is_overdue, "o-1")
    purse.move_to(START_MS + 3 * DAY)
    assert purse.call(money.is_overdue, "o-1")
    purse.move_to(START_MS + 30 * DAY)

    assert purse.heard[heard:] == [Overdue("o-1", "statement", "lease-1", "plant", "maker")]
    assert purse.emitted(FellDue) == [FellDue("o-1", "plant", "maker")]
    assert not purse.call(money.is_overdue, "o-2")


def test_an_earlier_due_time_that_comes_later_is_told_in_time(purse: Purse) -> None:
    purse.owe("late", due_ms=START_MS + 20 * DAY)
    purse.owe("early", due_ms=START_MS + 2 * DAY)
    assert purse.rows(SWEEPS)[("maker",)].at_ms == START_MS + 2 * DAY  # type: ignore[attr-defined]
    purse.owe("past", due_ms=START_MS - DAY)
    assert purse.rows(SWEEPS)[("maker",)].at_ms == START_MS + 1  # type: ignore[attr-defined]
    assert len(purse.rows(due.QUEUE)) == 1

    purse.move_to(START_MS + 1 * DAY)
    assert [signal.obligation for signal in purse.heard if isinstance(signal, Overdue)] == ["past"]
    purse.move_to(START_MS + 2 * DAY + 1)
    assert [signal.obligation for signal in purse.heard if isinstance(signal, Overdue)] == ["past", "early"]
    purse.move_to(START_MS + 20 * DAY + 1)
    assert [s.obligation for s in purse.heard if isinstance(s, Overdue)] == ["past", "early", "late"]
    assert purse.rows(SWEEPS) == {}


def test_any_number_of_open_items_costs_the_creditor_one_piece_of_due_work(purse: Purse) -> None:
    for number in range(300):
        purse.owe(f"o-{number}", due_ms=START_MS + (30 + number % 2) * DAY)

    assert due.PENDING.get(purse.context(), ("maker",)).count == 1  # type: ignore[union-attr]
    purse.move_to(START_MS + 60 * DAY)
    assert len({s.obligation for s in purse.heard if isinstance(s, Overdue)}) == 300
    assert len(purse.heard) == 300
    assert purse.rows(due.QUEUE) == {}


def test_one_that_cannot_be_told_stops_no_other(purse: Purse) -> None:
    purse.deaf = True
    purse.owe("o-1", due_ms=START_MS + 2 * DAY, subject="deaf")
    purse.owe("o-2", due_ms=START_MS + 2 * DAY)
    purse.owe("o-3", due_ms=START_MS + 4 * DAY)

    parked = purse.move_to(START_MS + 5 * DAY)

    assert len(parked) == 1
    assert [s.obligation for s in purse.heard if isinstance(s, Overdue)] == ["o-2", "o-3"]


def test_a_look_that_was_parked_is_made_up_for_by_the_next_obligation(purse: Purse) -> None:
    purse.owe("o-1", due_ms=START_MS + 2 * DAY)
    purse.now_ms = START_MS + 3 * DAY  # The look due yesterday never came.

    purse.owe("o-2", due_ms=START_MS + 30 * DAY)
    purse.move_to(START_MS + 4 * DAY)

    assert [s.obligation for s in purse.heard if isinstance(s, Overdue)] == ["o-1"]
    assert purse.rows(SWEEPS)[("maker",)].at_ms == START_MS + 30 * DAY  # type: ignore[attr-defined]


def test_an_obligation_reopened_is_told_again(purse: Purse) -> None:
    purse.owe("o-1", due_ms=START_MS + 2 * DAY)
    received(purse, 1, 1_000, ("o-1", 1_000))
    purse.move_to(START_MS + 3 * DAY)

    purse.do("maker", Reverse(entry(1), "returned_by_bank"))
    purse.move_to(START_MS + 4 * DAY)

    assert isinstance(purse.heard[-1], Overdue)


# Lists.


def test_open_items_are_listed_by_due_time_in_pages_for_either_side(purse: Purse) -> None:
    for number in range(7):
        debtor = "third" if number == 3 else "plant"
        purse.owe(f"o-{number}", debtor=debtor, due_ms=START_MS + (10 - number) * DAY)

    page = purse.ask("owed_to", creditor="maker", limit=4)
    rest = purse.ask("owed_to", creditor="maker", limit=4, after=page[-1].id)
    assert [each.id for each in page + rest] == ["o-6", "o-5", "o-4", "o-3", "o-2", "o-1", "o-0"]
    assert [each.id for each in purse.ask("owed_to", creditor="maker", debtor="third")] == ["o-3"]
    assert [each.id for each in purse.ask("owed_by", debtor="third")] == ["o-3"]
    due_soon = purse.ask(
        "owed_by", debtor="plant", due_from_ms=START_MS + 5 * DAY, due_to_ms=START_MS + 8 * DAY
    )
    assert [each.id for each in due_soon] == ["o-5", "o-4"]
    assert len(purse.ask("of_subject", subject="lease-1", limit=3)) == 3
    received(purse, 1, 5_000, ("o-0", 1_000))
    assert len(purse.ask("owed_to", creditor="maker")) == 6
    assert len(purse.ask("of_subject", subject="lease-1")) == 7
    (paid,) = purse.ask("payments_of", obligation="o-0")
    assert (paid.by, paid.source, paid.amount_minor) == ("receipt", entry(1), 1_000)


def test_an_obligation_is_found_by_the_reference_on_the_transfer(purse: Purse) -> None:
    purse.owe("o-1")
    reference = purse.obligation("o-1").reference

    assert [each.id for each in purse.ask("by_reference", reference=reference)] == ["o-1"]
    assert purse.ask("by_reference", reference="RF00") == []


def test_references_have_check_digits_that_any_bank_can_test() -> None:
    assert names.is_reference("RF18539007547034")  # The example of ISO 11649.
    assert not names.is_reference("RF19539007547034")
    for number in range(50):
        made = names.reference_of(f"o-{number}")
        assert len(made) == 20
        assert names.is_reference(made)
        last = made[-1]
        another = next(c for c in names.DIGITS if c != last and c.isdigit() == last.isdigit())
        assert not names.is_reference(made[:-1] + another)
    for broken in (
        "",
        "RF18",
        "RF1853900754703 4",
        "rf18539007547034",
        "XX18539007547034",
        "RF18" + "1" * 22,
    ):
        assert not names.is_reference(broken)
    assert names.reference_of("o-1") != names.reference_of("o-2")
