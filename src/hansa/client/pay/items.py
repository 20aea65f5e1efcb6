"""What is open between two members, and lines of a bank statement: what is brought together."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from hashlib import sha256
from typing import Literal

from hansa.apps.money.currencies import minor_digits
from hansa.client.pay import errors
from hansa.client.pay.accounts import compact
from hansa.kernel.types import INTEGER_MAX

PLAIN_NUMBER = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]{1,9})?\Z")


@dataclass(frozen=True)
class OpenItem:
    """An obligation (应收应付项) that is not paid in full."""

    name: str
    """The obligation's id."""
    reference: str
    """What the payer writes on the transfer (ISO 11649)."""
    debtor: str
    creditor: str
    currency: str
    open_minor: int
    due_ms: int
    cause: str = "statement"
    subject: str = ""
    disputed_minor: int = 0
    """Of what is open, as much as is disputed: nothing of it is paid before the dispute ends."""
    since_ms: int = 0

    @property
    def payable_minor(self) -> int:
        return max(0, self.open_minor - self.disputed_minor)


@dataclass(frozen=True)
class BankLine:
    """One movement on an account, from whatever file. Days are local dates, days since the epoch."""

    entry: str
    """The same for the same movement in whatever file it comes, and how often."""
    account: str
    value_day: int
    amount_minor: int
    """Always above zero; `direction` says which way."""
    currency: str
    direction: Literal["in", "out"]
    reversal: bool = False
    """The bank takes an earlier movement back."""
    payer: str = ""
    payer_account: str = ""
    references: tuple[str, ...] = ()
    """Structured references."""
    text: str = ""
    bank_reference: str = ""
    booked: bool = True
    """False while the bank says pending or for information."""
    source: str = ""
    """Where it stands in its file, for people."""
    count: int = 1
    """How many payments it is: above 1 where the bank books several as one and does not say each."""
    charges_minor: int = 0
    """What banks kept of the payment before it came."""
    alike: int = 0
    """How many lines before it in the file are alike in all that the bank tells, without a reference of the
    bank by which they could be told apart: two payments, or one twice.
    """


def named(lines: Iterable[BankLine]) -> list[BankLine]:
    """The lines with their `entry`. Without a reference of the bank, lines that are alike are counted."""
    found: list[BankLine] = []
    alike: dict[str, int] = {}
    for line in lines:
        entry, before = entry_hash(line, 0), 0
        if not line.bank_reference:
            before = alike.get(entry, 0)
            alike[entry] = before + 1
            entry = entry_hash(line, before) if before else entry
        found.append(replace(line, entry=entry, alike=before))
    return found


def entry_hash(line: BankLine, ordinal: int) -> str:
    """Names a movement by what every file tells of it alike.

    With the bank's own reference: account, reference, amount and direction. Without: account, day, amount,
    direction, payer and text, and its place among lines that are alike in all of that.
    """
    what: tuple[str, ...] = (
        compact(line.account),
        line.currency,
        str(line.amount_minor),
        line.direction,
        "reversal" if line.reversal else "",
    )
    if line.bank_reference:
        what += ("bank", compact(line.bank_reference))
    else:
        told = (*line.references, line.text)
        what += ("told", str(line.value_day), folded(line.payer), *(folded(text) for text in told))
    return sha256("\x1f".join((*what, str(ordinal))).encode()).hexdigest()


def folded(text: str) -> str:
    """A text as it is compared: letters and digits alone, in capitals, of full and half width alike."""
    wide = unicodedata.normalize("NFKC", text).upper()
    return "".join(c for c in wide if c.isalnum())


def minor_of(value: str | Decimal, currency: str, where: str, *, signed: bool = False) -> int:
    """An amount in minor units, exact. Raises AmountInvalid where it is none, not above zero, too fine, too
    large.

    `signed`: may be below zero, and zero.
    """
    places = minor_digits(currency)
    text = value if isinstance(value, str) else format(value, "f") if value.is_finite() else str(value)
    limit = INTEGER_MAX // 10**places
    fault = errors.AmountInvalid(where=where, value=text, currency=currency, places=places, limit=limit)
    if not PLAIN_NUMBER.match(text):
        raise fault
    scaled = Decimal(text).scaleb(places)
    if scaled != scaled.to_integral_value() or abs(scaled) > INTEGER_MAX or (scaled <= 0 and not signed):
        raise fault
    return int(scaled)
