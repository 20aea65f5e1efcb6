"""What nobody may do with claims on a bank: each a named refusal that leaves nothing behind."""

from collections.abc import Callable
from typing import Any

import pytest

from hansa.apps.consortium.errors_members import NotActive
from hansa.apps.consortium.messages import Licence
from hansa.apps.money import errors
from hansa.apps.money import errors_bank as refusals
from hansa.apps.money import interface as money
from hansa.apps.money.messages import Allocation, DeclarePaid, Receive
from hansa.apps.money.messages_bank import (
    AcceptBank,
    AttestWithdrawal,
    Capture,
    OpenBank,
    Pay,
    RefuseWithdrawal,
    Release,
    RequestWithdrawal,
    Transfer,
)
from hansa.kernel import Refusal, limits
from hansa.kernel.types import INTEGER_MAX
from tests.apps.claims import OTHER_BANK, H, after, bank_debt, days, deposit, do, held, licence
from tests.apps.purse import CNY, DAY, START_MS, Purse, entry, purse

__all__ = ["purse"]


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
    "a deposit under the reference of a payout": (
        after(
            do("plant", RequestWithdrawal("bank", "w-1", CNY, 5)),
            do("bank", AttestWithdrawal("plant", "w-1", "W-1")),
            deposit("plant", 5, "W-1"),
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
    "holding for one who did not accept the bank": (held(payee="unlicensed"), refusals.NotAccepted),
    "holding at what is no bank": (held(bank="maker"), refusals.BankUnknown),
    "accepting a bank whose licence has ended": (
        after(
            licence("banking", expires_ms=START_MS + DAY),
            do("unlicensed", OpenBank()),
            days(1),
            do("plant", AcceptBank("unlicensed")),
        ),
        refusals.NotLicensed,
    ),
    "withdrawing at a bank that one did not accept": (
        do("unlicensed", RequestWithdrawal("bank", "w-1", CNY, 1)),
        refusals.NotAccepted,
    ),
    "paying by claims on a bank that one did not accept": (
        after(bank_debt(), do("unlicensed", Pay("b-1", 1))),
        refusals.NotAccepted,
    ),
    "a room transferring less than nothing": (
        lambda purse: purse.call(money.transfer, "bank", "maker", "plant", CNY, -5),
        errors.AmountUnfit,
    ),
    "a room holding nothing": (
        lambda purse: purse.call(money.hold, "h", "plant", "maker", "bank", CNY, 0, START_MS + DAY),
        errors.AmountUnfit,
    ),
    "a room capturing less than nothing": (
        after(held(), lambda purse: purse.call(money.capture, H, -1)),
        errors.AmountUnfit,
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
