"""Steps with claims on a bank that tests put together: deposits, holds, debts, licences, days."""

from collections.abc import Callable
from typing import Any

from hansa.apps.consortium.messages import Licence
from hansa.apps.money.interface import name_of
from hansa.apps.money.messages_bank import (
    AcceptBank,
    AttestDeposit,
    OpenBank,
    SetAside,
)
from tests.apps.purse import CNY, DAY, START_MS, Purse, entry

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


def licence(kind: Any, **changes: Any) -> Callable[[Purse], Any]:
    """`unlicensed` now shows this licence."""
    return lambda purse: purse.licences("unlicensed", Licence(kind, entry("l"), **changes))


OTHER_BANK = after(licence("banking"), do("unlicensed", OpenBank()), do("plant", AcceptBank("unlicensed")),
                   do("maker", AcceptBank("unlicensed")))  # fmt: skip
