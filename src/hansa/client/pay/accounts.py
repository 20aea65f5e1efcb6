"""Bank accounts of the parties: a file that each company keeps for itself, never on the ledger.

[[account]]
member = "maker"
name = "Maker GmbH"
iban = "DE89 3704 0044 0532 0130 00"
bic = "COBADEFFXXX"

[[account]]
member = "plant"
name = "甲工厂有限公司"
number = "6222 0212 3456 7890 123"
cnaps = "102100099996"
bank = "中国工商银行"
currency = "CNY"
"""

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path

import msgspec

from hansa.client.files import read_bounded
from hansa.client.pay import errors
from hansa.client.pay.needs import library
from hansa.kernel.refusal import shown

ACCOUNTS_BYTES_MAX = 1_000_000
NUMBER = re.compile(r"[0-9](?:-?[0-9]){4,33}\Z")


class Account(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a member is paid: by `iban`, or by `number` with `cnaps` (bank 3, area 4, branch 4, check 1)."""

    member: str
    name: str
    """The holder, as the bank writes it."""
    iban: str = ""
    number: str = ""
    cnaps: str = ""
    bic: str = ""
    bank: str = ""
    """Name of the bank, for files that people read."""
    currency: str = ""
    """Only for this currency; "" for every one."""

    @property
    def id(self) -> str:
        """IBAN or number without spaces and hyphens: by this accounts are compared."""
        return compact(self.iban or self.number)


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    account: tuple[Account, ...] = ()


def compact(number: str) -> str:
    """An account number as it is compared: without spaces and hyphens, in capitals."""
    return re.sub(r"[\s\-]", "", number).upper()


def read_accounts(path: Path) -> tuple[Account, ...]:
    """The accounts of a file, each checked. Raises AccountsInvalid, and what `check_account` raises."""
    try:
        raw = tomllib.loads(read_bounded(path, ACCOUNTS_BYTES_MAX).decode("utf-8-sig"))
        found = msgspec.convert(raw, _File).account
    except (OSError, ValueError, RecursionError, msgspec.ValidationError) as error:
        raise errors.AccountsInvalid(file=path.name, detail=shown(str(error))) from None
    for account in found:
        check_account(account)
    return found


def check_account(account: Account) -> None:
    """Raises AccountForm, IbanInvalid, NumberInvalid, CnapsInvalid or BicInvalid."""
    member = account.member
    if not (account.name.strip() and member) or bool(account.iban) == bool(account.number):
        raise errors.AccountForm(member=member)
    if account.iban and not library("stdnum.iban").is_valid(account.iban):
        raise errors.IbanInvalid(member=member, iban=account.iban)
    if account.number and not NUMBER.match(re.sub(r"\s", "", account.number)):
        raise errors.NumberInvalid(member=member, number=account.number)
    if account.number and not account.bic and not account.cnaps:
        raise errors.AccountForm(member=member)
    if account.cnaps and not is_cnaps(account.cnaps):
        raise errors.CnapsInvalid(member=member, cnaps=account.cnaps)
    if account.bic and not library("stdnum.bic").is_valid(account.bic):
        raise errors.BicInvalid(member=member, bic=account.bic)


def is_cnaps(number: str) -> bool:
    """Whether this is a bank number of China's payment system: 12 digits, the last by ISO 7064 MOD 11,10."""
    right = re.fullmatch(r"[0-9]{12}", number) is not None
    return right and bool(library("stdnum.iso7064.mod_11_10").is_valid(number))


def account_of(accounts: Iterable[Account], member: str, currency: str) -> Account:
    """The member's account for a currency, or its account for any. Raises AccountMissing."""
    own = [account for account in accounts if account.member == member]
    for wanted in (currency, ""):
        for account in own:
            if account.currency == wanted:
                return account
    raise errors.AccountMissing(member=member, currency=currency)
