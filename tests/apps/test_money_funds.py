"""Deposits, prepayments, earnest money: each serves its own purpose, in either mode, and none another's."""

from collections.abc import Callable
from typing import Any

import pytest

from hansa.apps.money import errors
from hansa.apps.money import interface as money
from hansa.apps.money.interface import Fund, FundPaidIn, FundState, pay_in_of, return_of, same_again_of
from hansa.apps.money.messages import (
    FundDrawn,
    FundEnded,
    FundFilled,
    FundOpened,
    InvoiceNoted,
    NoteInvoice,
    Reverse,
    SetOff,
)
from hansa.apps.money.messages_bank import Capture, Pay, SetAside
from hansa.kernel import Refusal, limits
from hansa.kernel.types import INTEGER_MAX
from tests.apps.purse import CNY, DAY, START_MS, Purse, entry, purse, received

__all__ = ["purse"]


def opened(purse: Purse, kind: str, agreed_minor: int = 500, **changes: Any) -> str:
    """Plant is to pay so much into a fund that maker holds; its name is its kind."""
    given: dict[str, Any] = {
        "kind": kind,
        "payer": "plant",
        "holder": "maker",
        "currency": CNY,
        "agreed_minor": agreed_minor,
        "due_ms": purse.now_ms + 10 * DAY,
        "subject": "lease-1",
        "secured_minor": 2_500 if kind == "earnest_money" else 0,
    }
    name = changes.pop("name", kind)
    purse.call(money.open_fund, name, Fund(**given | changes))
    return name


def paid_in(purse: Purse, kind: str, amount_minor: int = 500, **changes: Any) -> str:
    """The same, paid in: 500 of 500 unless the test says otherwise."""
    name = opened(purse, kind, amount_minor, **changes)
    received(purse, hash_of(name), amount_minor, (pay_in_of(name), amount_minor))
    return name


def hash_of(name: str) -> int:
    return sum(ord(char) for char in name)


def at_bank(purse: Purse, kind: str, agreed_minor: int = 500) -> str:
    """The same with claims, paid in."""
    name = opened(purse, kind, agreed_minor, mode="bank", bank="bank")
    purse.do("plant", Pay(pay_in_of(name), agreed_minor))
    return name


def overdue(purse: Purse, name: str, amount_minor: int = 1_000, **changes: Any) -> str:
    return purse.owe(name, amount_minor, due_ms=purse.now_ms, **changes)


def fund(purse: Purse, name: str) -> Any:
    return purse.ask("fund", fund=name).fund


def test_a_prepayment_is_drawn_until_nothing_is_left_and_never_beyond_what_is_owed(purse: Purse) -> None:
    paid_in(purse, "prepayment", 500)
    purse.owe("o-1", 300)
    purse.owe("o-2", 300)

    assert purse.call(money.draw, "prepayment", 1_000, "o-1") == 300
    assert purse.call(money.draw, "prepayment", 1_000, "o-2") == 200
    assert purse.call(money.draw, "prepayment", 1_000, "o-2") == 0

    assert (purse.obligation("o-1").state, purse.obligation("o-2").paid_minor) == ("paid", 200)
    assert purse.call(money.fund, "prepayment") == FundState("prepayment", True, True, False)
    drawn = [(each.obligation, each.amount_minor) for each in purse.emitted(FundDrawn)]
    assert drawn == [("o-1", 300), ("o-2", 200)]
    assert not purse.broken()


def test_a_prepayment_has_a_tax_point_of_its_own_and_an_invoice_number(purse: Purse) -> None:
    opened(purse, "prepayment")
    with pytest.raises(errors.NotPaidIn):
        purse.do("maker", NoteInvoice("prepayment", "26312000000000000001"))
    purse.move_to(START_MS + 3 * DAY)
    received(purse, 1, 500, (pay_in_of("prepayment"), 500), value_ms=START_MS + 2 * DAY)

    purse.do("maker", NoteInvoice("prepayment", "26312000000000000001"))

    assert purse.emitted(FundFilled) == [FundFilled("prepayment", START_MS + 2 * DAY)]
    assert purse.emitted(InvoiceNoted) == [InvoiceNoted("prepayment", "26312000000000000001")]
    (told,) = purse.emitted(FundOpened)
    assert (told.kind, told.payer, told.holder, told.agreed_minor) == ("prepayment", "plant", "maker", 500)
    found = fund(purse, "prepayment")
    assert (found.received_ms, found.invoice) == (START_MS + 2 * DAY, "26312000000000000001")
    with pytest.raises(errors.NotHolder):
        purse.do("maker", NoteInvoice("prepayment", "26312000000000000002"))


def test_the_tax_point_is_that_of_the_latest_payment_whichever_was_recorded_first(purse: Purse) -> None:
    opened(purse, "prepayment")
    purse.move_to(START_MS + 3 * DAY)

    received(purse, 1, 200, (pay_in_of("prepayment"), 200), value_ms=START_MS + 2 * DAY)
    received(purse, 2, 300, (pay_in_of("prepayment"), 300), value_ms=START_MS + DAY)

    assert fund(purse, "prepayment").received_ms == START_MS + 2 * DAY


def test_other_rooms_hear_once_it_is_paid_in_whole(purse: Purse) -> None:
    opened(purse, "security_deposit")

    received(purse, 1, 200, (pay_in_of("security_deposit"), 200))
    assert purse.heard == []
    assert purse.call(money.fund, "security_deposit") == FundState("security_deposit", False, False, False)
    received(purse, 2, 300, (pay_in_of("security_deposit"), 300))

    assert FundPaidIn("security_deposit", "security_deposit", "lease-1") in purse.heard
    assert purse.call(money.fund, "security_deposit") == FundState("security_deposit", True, False, False)
    assert purse.call(money.fund, "none") is None


def test_a_security_deposit_is_touched_on_default_only(purse: Purse) -> None:
    paid_in(purse, "security_deposit")
    purse.owe("o-1", 300, due_ms=START_MS + 5 * DAY)
    with pytest.raises(errors.NotInDefault):
        purse.call(money.claim_fund, "security_deposit", 300, "o-1")

    purse.now_ms = START_MS + 5 * DAY
    assert purse.call(money.claim_fund, "security_deposit", 200, "o-1") == 200

    assert purse.obligation("o-1").paid_minor == 200
    assert not purse.broken()


def test_what_is_left_of_a_deposit_is_owed_back_at_the_end(purse: Purse) -> None:
    paid_in(purse, "security_deposit")
    overdue(purse, "o-1", 120)
    purse.call(money.claim_fund, "security_deposit", 1_000, "o-1")

    purse.call(money.return_fund, "security_deposit")

    back = purse.obligation(return_of("security_deposit"))
    assert (back.debtor, back.creditor, back.amount_minor, back.cause) == ("maker", "plant", 380, "return")
    assert purse.emitted(FundEnded) == [FundEnded("security_deposit", "returned", 380)]
    assert not purse.broken()


def test_what_was_never_paid_in_is_not_owed_any_more(purse: Purse) -> None:
    opened(purse, "security_deposit")
    received(purse, 1, 200, (pay_in_of("security_deposit"), 200))
    heard = len(purse.heard)

    purse.call(money.return_fund, "security_deposit")

    assert purse.obligation(pay_in_of("security_deposit")).amount_minor == 200
    assert purse.obligation(return_of("security_deposit")).amount_minor == 200
    assert purse.heard[heard:] == []
    assert not purse.broken()


def test_a_fund_of_which_nothing_came_ends_without_a_trace_of_debt(purse: Purse) -> None:
    opened(purse, "earnest_money")

    purse.call(money.double, "earnest_money")

    assert purse.obligation(pay_in_of("earnest_money")).state == "void"
    assert purse.ask("owed_by", debtor="maker") == []
    assert not purse.broken()


def test_earnest_money_is_forfeited_by_a_payer_that_withdraws(purse: Purse) -> None:
    paid_in(purse, "earnest_money")

    purse.call(money.forfeit, "earnest_money")

    assert fund(purse, "earnest_money").forfeited_minor == 500
    assert purse.ask("owed_by", debtor="maker") == []
    assert not purse.broken()


def test_earnest_money_is_owed_back_double_by_a_holder_that_withdraws(purse: Purse) -> None:
    paid_in(purse, "earnest_money")

    purse.call(money.double, "earnest_money")

    back = [purse.obligation(name("earnest_money")) for name in (return_of, same_again_of)]
    assert [(each.debtor, each.amount_minor, each.cause) for each in back] == [
        ("maker", 500, "return"),
        ("maker", 500, "damages"),
    ]
    assert not purse.broken()


def test_earnest_money_may_be_a_fifth_of_what_it_secures_and_no_cent_more(purse: Purse) -> None:
    opened(purse, "earnest_money", 500, secured_minor=2_500)
    with pytest.raises(errors.EarnestTooHigh):
        opened(purse, "earnest_money", 501, secured_minor=2_500, name="another")
    with pytest.raises(errors.EarnestTooHigh):
        opened(purse, "earnest_money", 1, secured_minor=0, name="another")


# With claims.


def test_a_deposit_lies_frozen_in_the_payers_name_and_comes_back_at_once(purse: Purse) -> None:
    purse.open_claims(plant=1_000)
    at_bank(purse, "security_deposit")
    assert purse.pots("plant") == {"free": 500, "security_deposit": 500}
    assert purse.pots("maker") == {}

    overdue(purse, "o-1", 120, mode="bank", bank="bank")
    purse.call(money.claim_fund, "security_deposit", 120, "o-1")
    assert purse.pots("maker") == {"free": 120}
    assert not purse.broken()
    purse.call(money.return_fund, "security_deposit")

    assert purse.pots("plant") == {"free": 880}
    assert purse.ask("owed_by", debtor="maker") == []
    assert not purse.broken()


def test_earnest_money_at_a_bank_goes_to_who_is_left_standing(purse: Purse) -> None:
    purse.open_claims(plant=1_000)
    at_bank(purse, "earnest_money")
    assert purse.pots("plant") == {"free": 500, "earnest_money": 500}
    purse.call(money.forfeit, "earnest_money")
    assert (purse.pots("plant"), purse.pots("maker")) == ({"free": 500}, {"free": 500})

    name = opened(purse, "earnest_money", 400, mode="bank", bank="bank", name="second")
    purse.do("plant", Pay(pay_in_of(name), 400))
    purse.call(money.double, name)

    assert purse.pots("plant") == {"free": 500}
    same_again = purse.obligation(same_again_of(name))
    assert (same_again.amount_minor, same_again.mode, same_again.cause) == (400, "bank", "damages")
    assert not purse.broken()


def test_a_prepayment_by_claims_is_its_holders_at_once(purse: Purse) -> None:
    purse.open_claims(plant=1_000)
    at_bank(purse, "prepayment")
    purse.owe("o-1", 300, mode="bank", bank="bank")

    purse.call(money.draw, "prepayment", 300, "o-1")
    purse.call(money.return_fund, "prepayment")

    assert purse.pots("maker") == {"free": 500}
    assert purse.obligation("o-1").state == "paid"
    back = purse.obligation(return_of("prepayment"))
    assert (back.mode, back.amount_minor) == ("bank", 200)
    assert not purse.broken()


def test_a_third_party_or_a_hold_may_pay_a_deposit_in(purse: Purse) -> None:
    purse.open_claims(plant=1_000, third=1_000)
    opened(purse, "security_deposit", mode="bank", bank="bank")
    purse.do("plant", SetAside("h-1", "maker", "bank", CNY, 300, purse.now_ms + DAY))

    purse.do("third", Pay(pay_in_of("security_deposit"), 200))
    hold = money.name_of("hold", "plant", "h-1")
    purse.do("maker", Capture(hold, 300, pay_in_of("security_deposit")))

    assert purse.pots("plant") == {"free": 700, "security_deposit": 500}
    assert purse.call(money.fund, "security_deposit") == FundState("security_deposit", True, False, False)
    assert not purse.broken()


# Never mixed.


def use(function: Any, *arguments: Any) -> Callable[[Purse], Any]:
    return lambda purse: purse.call(function, *arguments)


def claim(name: str, obligation: str) -> Callable[[Purse], Any]:
    return use(money.claim_fund, name, 1, obligation)


def draw(name: str, obligation: str) -> Callable[[Purse], Any]:
    return use(money.draw, name, 1, obligation)


def ended(end: Any, act: Callable[[Purse], Any]) -> Callable[[Purse], Any]:
    def both(purse: Purse) -> None:
        purse.call(end, "prepayment" if end is money.return_fund else "earnest_money")
        act(purse)

    return both


def spent(purse: Purse) -> None:
    purse.call(money.draw, "prepayment", 300, "o-1")
    purse.do("maker", Reverse(entry(hash_of("prepayment")), "mistake"))


def returned(purse: Purse) -> None:
    purse.call(money.return_fund, "prepayment")
    purse.do("maker", Reverse(entry(hash_of("prepayment")), "mistake"))


def set_off_deposit(purse: Purse) -> None:
    purse.owe("counter", debtor="maker", creditor="plant", due_ms=purse.now_ms)
    purse.do("plant", SetOff("counter", pay_in_of("unpaid"), 1))


WRONG: dict[str, tuple[Callable[[Purse], Any], type[Refusal]]] = {
    "drawing of a security deposit": (draw("security_deposit", "o-1"), errors.FundOfOtherKind),
    "drawing of earnest money": (draw("earnest_money", "o-1"), errors.FundOfOtherKind),
    "claiming of a prepayment": (claim("prepayment", "o-1"), errors.FundOfOtherKind),
    "claiming of earnest money": (claim("earnest_money", "o-1"), errors.FundOfOtherKind),
    "forfeiting a security deposit": (use(money.forfeit, "security_deposit"), errors.FundOfOtherKind),
    "forfeiting a prepayment": (use(money.forfeit, "prepayment"), errors.FundOfOtherKind),
    "doubling a prepayment": (use(money.double, "prepayment"), errors.FundOfOtherKind),
    "drawing a prepayment to pay a deposit in": (
        draw("prepayment", pay_in_of("unpaid")),
        errors.FundOfOtherKind,
    ),
    "claiming a deposit to pay a deposit in": (
        claim("security_deposit", pay_in_of("unpaid")),
        errors.FundOfOtherKind,
    ),
    "drawing for somebody else's debt": (draw("prepayment", "of-third"), errors.FundOfOthers),
    "drawing for a debt to somebody else": (draw("prepayment", "to-third"), errors.FundOfOthers),
    "drawing for a debt in another currency": (draw("prepayment", "in-euro"), errors.FundOfOthers),
    "drawing nothing": (use(money.draw, "prepayment", 0, "o-1"), errors.AmountUnfit),
    "drawing less than nothing": (use(money.draw, "prepayment", -5, "o-1"), errors.AmountUnfit),
    "drawing of what does not exist": (draw("nothing", "o-1"), errors.FundUnknown),
    "drawing what was returned": (ended(money.return_fund, draw("prepayment", "o-1")), errors.FundClosed),
    "returning twice": (ended(money.return_fund, use(money.return_fund, "prepayment")), errors.FundClosed),
    "doubling what was forfeited": (
        ended(money.forfeit, use(money.double, "earnest_money")),
        errors.FundClosed,
    ),
    "returning what was doubled": (
        ended(money.double, use(money.return_fund, "earnest_money")),
        errors.FundClosed,
    ),
    "undoing a payment that was drawn": (spent, errors.FundSpent),
    "undoing a payment that was returned": (returned, errors.FundSpent),
    "opening under a name that is taken": (
        lambda purse: opened(purse, "security_deposit", name="prepayment"),
        errors.FundTaken,
    ),
    "earnest money for more than a ledger holds": (
        lambda purse: opened(purse, "earnest_money", 1, secured_minor=INTEGER_MAX + 1, name="x"),
        errors.AmountUnfit,
    ),
    "setting a deposit to pay in off": (set_off_deposit, errors.NotMutual),
    "a fund between one": (
        lambda purse: opened(purse, "prepayment", holder="plant", name="x"),
        errors.SameParty,
    ),
    "a fund of nothing": (lambda purse: opened(purse, "prepayment", 0, name="x"), errors.AmountUnfit),
    "noting the invoice of a deposit": (
        lambda purse: purse.do("maker", NoteInvoice("security_deposit", "1")),
        errors.NotHolder,
    ),
    "the payer noting the invoice": (
        lambda purse: purse.do("plant", NoteInvoice("prepayment", "1")),
        errors.NotHolder,
    ),
    "correcting a deposit below what was paid in": (
        use(money.lessen, pay_in_of("security_deposit"), 1, "correction"),
        errors.LessenedTooMuch,
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_no_fund_does_anothers_work(purse: Purse, case: str) -> None:
    act, wanted = WRONG[case]
    for kind in ("prepayment", "security_deposit", "earnest_money"):
        paid_in(purse, kind)
    opened(purse, "security_deposit", name="unpaid", due_ms=purse.now_ms)
    overdue(purse, "o-1")
    overdue(purse, "of-third", debtor="third")
    overdue(purse, "to-third", creditor="third")
    overdue(purse, "in-euro", currency="EUR")
    before = [fund(purse, kind) for kind in ("prepayment", "security_deposit", "earnest_money")]

    with pytest.raises(Refusal) as caught:
        act(purse)

    assert type(caught.value) is wanted, caught.value
    assert caught.value.zh
    assert caught.value.en
    assert not purse.broken()
    if wanted is errors.FundOfOtherKind:
        assert [fund(purse, kind) for kind in ("prepayment", "security_deposit", "earnest_money")] == before


def test_a_payment_into_a_fund_is_undone_while_it_is_whole(purse: Purse) -> None:
    paid_in(purse, "security_deposit")

    purse.do("maker", Reverse(entry(hash_of("security_deposit")), "mistake"))

    assert fund(purse, "security_deposit").paid_in_minor == 0
    assert purse.call(money.fund, "security_deposit") == FundState("security_deposit", False, False, False)
    assert not purse.broken()


def test_funds_are_listed_for_both_sides(purse: Purse) -> None:
    for kind in ("prepayment", "security_deposit"):
        opened(purse, kind)

    for member in ("plant", "maker"):
        assert [each.id for each in purse.ask("funds_of", member=member)] == [
            "prepayment",
            "security_deposit",
        ]
    (second,) = purse.ask("funds_of", member="plant", after="prepayment", limit=5)
    assert second.id == "security_deposit"
    assert purse.ask("funds_of", member="third") == []


def test_what_goes_back_is_due_when_the_caller_says(purse: Purse) -> None:
    paid_in(purse, "prepayment")
    paid_in(purse, "security_deposit")

    purse.call(money.return_fund, "prepayment")
    purse.call(money.return_fund, "security_deposit", purse.now_ms + 5 * DAY)

    assert purse.obligation(return_of("prepayment")).due_ms == purse.now_ms + limits.RETURN_MS
    assert purse.obligation(return_of("security_deposit")).due_ms == purse.now_ms + 5 * DAY
