"""What must not be done with obligations and receipts: each a named refusal that leaves nothing behind."""

from collections.abc import Callable
from random import Random
from typing import Any

import msgspec
import pytest

from hansa.apps.consortium.errors_members import NotActive
from hansa.apps.money import errors
from hansa.apps.money import interface as money
from hansa.apps.money.interface import Fund, Owed
from hansa.apps.money.messages import (
    Allocation,
    Apply,
    DeclarePaid,
    Owe,
    Refund,
    Reverse,
    SetOff,
    Waive,
)
from hansa.apps.money.tables import OWN_DEBTS
from hansa.kernel import Context, Refusal, limits
from hansa.kernel.types import INTEGER_MAX
from tests.apps.purse import CNY, DAY, START_MS, Purse, entry, purse, received

__all__ = ["purse"]


def owed(**changes: Any) -> Callable[[Purse], Any]:
    return lambda purse: purse.owe("o-9", **changes)


def acknowledged(**changes: Any) -> Callable[[Purse], Any]:
    given: dict[str, Any] = {
        "id": "d-1",
        "creditor": "maker",
        "currency": CNY,
        "amount_minor": 10,
        "due_ms": START_MS + DAY,
    }
    by = changes.pop("by", "plant")
    return lambda purse: purse.do(by, Owe(**given | changes))


def receive(*allocations: tuple[str, int], **changes: Any) -> Callable[[Purse], Any]:
    return lambda purse: received(purse, 1, changes.pop("amount_minor", 1_000), *allocations, **changes)


def twice(act: Callable[[Purse], Any]) -> Callable[[Purse], Any]:
    def both(purse: Purse) -> None:
        act(purse)
        act(purse)

    return both


def after(*steps: Callable[[Purse], Any]) -> Callable[[Purse], Any]:
    def all_of_them(purse: Purse) -> None:
        for step in steps:
            step(purse)

    return all_of_them


def do(by: str, action: Any) -> Callable[[Purse], Any]:
    return lambda purse: purse.do(by, action)


PAID = receive(("o-1", 1_000))
REFUSED: dict[str, tuple[Callable[[Purse], Any], type[Refusal]]] = {
    "owing oneself": (owed(creditor="plant"), errors.SameParty),
    "owing a stranger": (owed(creditor="nobody"), errors.PartyUnknown),
    "a stranger owing": (owed(debtor="nobody"), errors.PartyUnknown),
    "owing nothing": (owed(amount_minor=0), errors.AmountUnfit),
    "owing less than nothing": (owed(amount_minor=-1), errors.AmountUnfit),
    "owing more than the ledger holds": (owed(amount_minor=INTEGER_MAX + 1), errors.AmountUnfit),
    "due in a hundred years": (owed(due_ms=START_MS + 36_600 * DAY), errors.DueUnfit),
    "owing under a name that is taken": (twice(owed()), errors.ObligationTaken),
    "acknowledging twice": (twice(acknowledged()), errors.ObligationTaken),
    "acknowledging what is due already": (acknowledged(due_ms=START_MS), errors.DueUnfit),
    "acknowledging to oneself": (acknowledged(creditor="plant"), errors.SameParty),
    "acknowledging while suspended": (
        after(lambda purse: purse.suspend("plant"), acknowledged()),
        NotActive,
    ),
    "an entry recorded twice": (twice(receive()), errors.EntryTaken),
    "an entry recorded twice, each time for something else": (
        after(PAID, receive(("o-2", 1_000))),
        errors.EntryTaken,
    ),
    "a payment of tomorrow": (receive(value_ms=START_MS + DAY), errors.ValueInFuture),
    "a payer that is no member": (receive(payer="nobody"), errors.PayerUnknown),
    "a payment of one's own": (receive(payer="maker"), errors.PayerUnknown),
    "applying more than came": (receive(("o-1", 1_000), amount_minor=999), errors.BeyondReceipt),
    "applying more than is owed": (receive(("o-1", 1_001), amount_minor=2_000), errors.Overpaid),
    "applying to what is paid": (
        after(PAID, lambda purse: received(purse, 2, 5, ("o-1", 5))),
        errors.ObligationClosed,
    ),
    "applying to what does not exist": (receive(("o-7", 1)), errors.ObligationUnknown),
    "applying to what is owed to another": (receive(("o-1", 1), by="third"), errors.NotCreditor),
    "the debtor recording its own payment": (receive(("o-1", 1), by="plant", payer=""), errors.NotCreditor),
    "another currency": (receive(("o-1", 1_000), currency="EUR"), errors.OtherCurrency),
    "more allocations than one action takes": (
        receive(*[("o-1", 1)] * (limits.ALLOCATIONS_MAX + 1)),
        errors.TooManyAllocations,
    ),
    "applying nothing": (after(receive(), do("maker", Apply(entry(1), ()))), errors.TooManyAllocations),
    "applying of another's receipt": (
        after(receive(), do("third", Apply(entry(1), (Allocation("o-1", 1),)))),
        errors.EntryUnknown,
    ),
    "undoing another's receipt": (after(PAID, do("plant", Reverse(entry(1), "x"))), errors.EntryUnknown),
    "undoing twice": (after(PAID, twice(do("maker", Reverse(entry(1), "x")))), errors.EntryUnknown),
    "taking back from what got nothing": (
        after(PAID, do("maker", Reverse(entry(1), "x", ("o-2",)))),
        errors.NotAllocated,
    ),
    "refunding more than is left": (
        after(PAID, do("maker", Refund(entry(1), 1, START_MS + DAY))),
        errors.BeyondReceipt,
    ),
    "refunding by yesterday": (after(receive(), do("maker", Refund(entry(1), 1, START_MS))), errors.DueUnfit),
    "declaring another's debt paid": (
        do("third", DeclarePaid("o-1", 1, START_MS, "R-1")),
        errors.NotDebtor,
    ),
    "declaring a transfer of tomorrow": (
        do("plant", DeclarePaid("o-1", 1, START_MS + DAY, "R-1")),
        errors.ValueInFuture,
    ),
    "declaring what is paid": (
        after(PAID, do("plant", DeclarePaid("o-1", 1, START_MS, "R-1"))),
        errors.ObligationClosed,
    ),
    "the debtor waiving its debt": (do("plant", Waive("o-1", 1, "x")), errors.NotCreditor),
    "waiving more than is open": (do("maker", Waive("o-1", 1_001, "x")), errors.LessenedTooMuch),
    "waiving what is paid": (after(PAID, do("maker", Waive("o-1", 1, "x"))), errors.LessenedTooMuch),
    "setting off what is not due": (
        after(owed(debtor="maker", creditor="plant"), do("maker", SetOff("o-1", "o-9", 1))),
        errors.NotDue,
    ),
    "setting off what is owed to another": (
        after(owed(debtor="maker", creditor="plant"), do("third", SetOff("due", "o-9", 1))),
        errors.NotCreditor,
    ),
    "setting off against what another owes": (
        after(owed(debtor="third", creditor="plant"), do("maker", SetOff("due", "o-9", 1))),
        errors.NotMutual,
    ),
    "setting off against what one owes another": (
        after(owed(debtor="maker", creditor="third"), do("maker", SetOff("due", "o-9", 1))),
        errors.NotMutual,
    ),
    "setting off in another currency": (
        after(owed(debtor="maker", creditor="plant", currency="EUR"), do("maker", SetOff("due", "o-9", 1))),
        errors.NotMutual,
    ),
    "setting off against what goes the same way": (do("maker", SetOff("due", "o-2", 1)), errors.NotMutual),
    "setting off more than one owes": (
        after(owed(debtor="maker", creditor="plant", amount_minor=10), do("maker", SetOff("due", "o-9", 11))),
        errors.Overpaid,
    ),
    "setting off what does not exist": (do("maker", SetOff("due", "none", 1)), errors.ObligationUnknown),
    "lessening by nothing": (
        lambda purse: purse.call(money.lessen, "o-1", 0, "correction"),
        errors.AmountUnfit,
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_must_not_be_is_refused_by_name_and_leaves_nothing(purse: Purse, case: str) -> None:
    act, wanted = REFUSED[case]
    purse.owe("o-1")
    purse.owe("o-2")
    purse.owe("due", due_ms=START_MS)

    with pytest.raises(Refusal) as caught:
        act(purse)

    assert type(caught.value) is wanted, caught.value
    assert caught.value.zh
    assert caught.value.en
    assert not purse.broken()


def test_the_second_of_two_allocations_that_overpay_together_is_refused(purse: Purse) -> None:
    purse.owe("o-1", 1_000)

    with pytest.raises(errors.Overpaid):
        received(purse, 1, 1_200, ("o-1", 600), ("o-1", 600))
    received(purse, 1, 1_200, ("o-1", 600), ("o-1", 400))

    assert purse.obligation("o-1").state == "paid"
    assert not purse.broken()


def test_a_debtor_floods_nobody_with_debts_of_its_own(purse: Purse) -> None:
    for number in range(limits.OWN_DEBTS_MAX):
        acknowledged(id=f"d-{number}")(purse)

    with pytest.raises(errors.TooManyOwnDebts):
        acknowledged(id="one-more")(purse)

    first = purse.ask("owed_by", debtor="plant", limit=1)[0].id
    received(purse, 1, 10, (first, 10))
    assert purse.rows(OWN_DEBTS)[("plant",)].count == limits.OWN_DEBTS_MAX - 1  # type: ignore[attr-defined]
    acknowledged(id="one-more")(purse)


def test_the_last_own_debt_that_is_settled_leaves_no_count(purse: Purse) -> None:
    acknowledged()(purse)
    received(purse, 1, 10, (purse.ask("owed_by", debtor="plant")[0].id, 10))

    assert purse.rows(OWN_DEBTS) == {}


def test_nobody_takes_the_name_of_what_another_room_will_owe(purse: Purse) -> None:
    acknowledged(id="st-1")(purse)

    purse.owe("st-1")

    assert purse.obligation("st-1").cause == "statement"


def test_who_is_suspended_still_pays_and_is_paid(purse: Purse) -> None:
    purse.owe("o-1")
    purse.suspend("plant")
    purse.suspend("maker")

    received(purse, 1, 1_000, ("o-1", 1_000))
    purse.owe("o-2")
    purse.do("plant", DeclarePaid("o-2", 1_000, purse.now_ms, "R-2"))

    assert purse.obligation("o-1").state == "paid"


def test_amounts_at_the_edge_of_what_a_ledger_holds(purse: Purse) -> None:
    purse.owe("o-1", INTEGER_MAX)
    purse.owe("o-2", INTEGER_MAX)

    received(purse, 1, INTEGER_MAX, ("o-1", INTEGER_MAX))
    with pytest.raises(errors.BeyondReceipt):
        received(purse, 2, INTEGER_MAX, ("o-2", INTEGER_MAX), ("o-2", INTEGER_MAX))

    assert not purse.broken()


RULES_1: dict[str, Callable[[Context], None]] = {
    "owed": lambda ctx: money.owe(ctx, "o-1", Owed("plant", "maker", CNY, 1, START_MS, "other")),
    "fund": lambda ctx: money.open_fund(ctx, "f", Fund("prepayment", "plant", "maker", CNY, 1, START_MS)),
    "hold": lambda ctx: money.hold(ctx, "h-1", "plant", "maker", "bank", CNY, 1, START_MS + DAY),
}


@pytest.mark.parametrize("what", RULES_1)
def test_a_ledger_of_rules_1_knows_no_money(purse: Purse, what: str) -> None:
    purse.open_claims(plant=1_000)
    with pytest.raises(errors.RulesTooOld):
        RULES_1[what](purse.context(rules=1))


STRANGE: dict[str, tuple[object, ...]] = {
    "str": ("plant", "maker", "o-1", "x", "zz:9", entry(1), entry(9)),
    "int": (0, 1, 2, START_MS, INTEGER_MAX),
}


@pytest.mark.parametrize("name", [name for name in Purse().registry.queries if name.startswith("money.")])
def test_any_question_has_an_answer_or_a_refusal(purse: Purse, name: str) -> None:
    purse.open_claims(plant=1_000)
    purse.owe("o-1", mode="bank", bank="bank")
    purse.owe("o-2")
    received(purse, 1, 2_000, ("o-2", 1_000))
    wanted = purse.registry.arguments(name)
    assert wanted is not None
    luck = Random(name)
    codes = []
    for _ in range(60):
        given = {
            field.name: luck.choice(STRANGE["int" if "_ms" in field.name or field.name == "limit" else "str"])
            for field in msgspec.structs.fields(wanted)
            if field.required or luck.random() < 0.7
        }
        try:
            purse.registry.query(purse.context(), name, given)
        except Refusal as refusal:
            codes.append(refusal.code)
        else:
            codes.append("ok")
    assert "ok" in codes
    assert {*codes} <= {"ok", "kernel.query_arguments", "money.list_too_long"}


def test_a_refusal_names_amounts_as_people_write_them(purse: Purse) -> None:
    purse.owe("o-1", 2_700)
    purse.owe("o-2", 2_700, currency="JPY")

    with pytest.raises(errors.Overpaid) as caught:
        received(purse, 1, 9_999, ("o-1", 2_705))
    assert "27.00 CNY" in caught.value.zh
    assert "27.05 CNY" in caught.value.en
    with pytest.raises(errors.Overpaid) as caught:
        received(purse, 1, 9_999, ("o-2", 2_701), currency="JPY")
    assert "2700 JPY" in caught.value.en


def test_cents_by_the_thousand_keep_no_period_from_closing(purse: Purse) -> None:
    name = purse.owe("o-1")
    for number in range(limits.PAYMENTS_MAX):
        received(purse, number, 1, (name, 1))
    rest = 1_000 - limits.PAYMENTS_MAX

    with pytest.raises(errors.TooManyPayments) as caught:
        received(purse, limits.PAYMENTS_MAX, 1, (name, 1))

    assert "9.36 CNY" in caught.value.en
    assert purse.obligation(name).paid_minor == limits.PAYMENTS_MAX
    received(purse, limits.PAYMENTS_MAX, rest, (name, rest))
    assert purse.obligation(name).state == "paid"
    assert purse.broken() == []
