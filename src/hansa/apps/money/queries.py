"""What can be asked of the room.

A list has at most `limit` items, LISTED_MAX at most: go on `after` the last one shown. Without a limit it is
whole, or refused (ListTooLong): nothing is cut off unsaid. What takes more than SCANNED_MAX rows to find is
refused as kernel.over_budget.
"""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, TypeVar

from hansa.apps.money import errors
from hansa.apps.money.conservation import Books, Breach, breaches
from hansa.apps.money.messages import (
    Declaration,
    FundRecord,
    Obligation,
    OpenItem,
    PaidBy,
    PaymentPiece,
    Receipt,
)
from hansa.apps.money.messages_bank import Hold, Pot, Withdrawal
from hansa.apps.money.tables import (
    ASKED,
    BALANCES,
    BANK_ACCOUNTS,
    BANKS,
    DECLARATIONS,
    FUNDS,
    FUNDS_OF,
    HOLDS,
    HOLDS_OF,
    ISSUED,
    OBLIGATIONS,
    OF_SUBJECT,
    OWED_BY,
    OWED_TO,
    PAYMENTS,
    RECEIPTS,
    REFERENCES,
    SHARES,
    UNAPPLIED,
    WITHDRAWALS,
)
from hansa.kernel import (
    Context,
    CurrencyCode,
    DocumentNumber,
    Hash,
    Id,
    Integer,
    MemberId,
    Natural,
    OptionalHash,
    OptionalId,
    Positive,
    Record,
    Struct,
    Table,
    TimeMs,
    limits,
)
from hansa.kernel.types import INTEGER_MAX

LISTED_MAX = limits.SCAN_MAX

T = TypeVar("T")
R = TypeVar("R", bound=Record)


class ListedObligation(Struct):
    """An obligation with its name; `declared`: what its debtor says that it transferred."""

    id: Id
    obligation: Obligation
    declared: Declaration | None = None


class ListedPayment(Struct):
    """What one source paid of an obligation."""

    by: PaidBy
    source: Id
    amount_minor: Positive
    value_ms: TimeMs
    recorded_ms: TimeMs = 0
    """When the last of it was recorded."""
    pieces: tuple[PaymentPiece, ...] = ()
    """At which times, of what was paid at several."""


class ListedReceipt(Struct):
    """A receipt with its entry, and what it pays."""

    entry: Hash
    receipt: Receipt
    shares: tuple[tuple[Id, Positive], ...] = ()
    """(obligation, minor units); at most LISTED_MAX of them."""


class ListedFund(Struct):
    id: Id
    fund: FundRecord


class ListedHold(Struct):
    id: Id
    hold: Hold


class ListedWithdrawal(Struct):
    bank: MemberId
    owner: MemberId
    id: Id
    withdrawal: Withdrawal


class ListedBalance(Struct):
    """What an owner has at a bank in a pot."""

    bank: MemberId
    owner: MemberId
    currency: CurrencyCode
    pot: Pot
    amount_minor: Positive


class BankBooks(Struct):
    """What a bank owes in a currency, and what all pots at it hold: `difference_minor` is always 0."""

    bank: MemberId
    currency: CurrencyCode
    issued_minor: Natural
    pots_minor: Natural
    difference_minor: Integer


def _listed(rows: Iterator[T], limit: int) -> list[T]:
    """The first `limit` of them; without one all of them. Raises ListTooLong."""
    found = list(islice(rows, min(limit or LISTED_MAX, LISTED_MAX)))
    if not limit and next(rows, None) is not None:
        raise errors.ListTooLong(limit=LISTED_MAX)
    return found


def _obligation(ctx: Context, name: str) -> ListedObligation:
    found = OBLIGATIONS.get(ctx, (name,))
    assert found is not None
    return ListedObligation(id=name, obligation=found, declared=DECLARATIONS.get(ctx, (name,)))


def obligation(ctx: Context, obligation: Id) -> ListedObligation | None:
    """An obligation, in whatever state."""
    return _obligation(ctx, obligation) if OBLIGATIONS.get(ctx, (obligation,)) else None


def by_reference(ctx: Context, reference: DocumentNumber) -> list[ListedObligation]:
    """The obligations with a payment reference: one, as good as always."""
    rows = REFERENCES.scan(ctx, (reference,), limit=LISTED_MAX)
    return [_obligation(ctx, str(key[1])) for key, _ in rows]


def owed_to(
    ctx: Context,
    creditor: MemberId,
    debtor: OptionalId = "",
    due_from_ms: TimeMs = 0,
    due_to_ms: TimeMs = 0,
    after: OptionalId = "",
    limit: Natural = 0,
) -> list[ListedObligation]:
    """Open items of a creditor by due time: of one debtor or all, due from ≤ t < to (0: no end)."""
    return _open(ctx, OWED_TO, creditor, debtor, due_from_ms, due_to_ms, after, limit)


def owed_by(
    ctx: Context,
    debtor: MemberId,
    creditor: OptionalId = "",
    due_from_ms: TimeMs = 0,
    due_to_ms: TimeMs = 0,
    after: OptionalId = "",
    limit: Natural = 0,
) -> list[ListedObligation]:
    """Open items of a debtor by due time, likewise."""
    return _open(ctx, OWED_BY, debtor, creditor, due_from_ms, due_to_ms, after, limit)


def _open(
    ctx: Context,
    table: Table[OpenItem],
    member: str,
    other: str,
    due_from_ms: int,
    due_to_ms: int,
    after: str,
    limit: int,
) -> list[ListedObligation]:
    last = OBLIGATIONS.get(ctx, (after,)) if after else None
    start = (member, last.due_ms, after) if last else (member, due_from_ms)
    end = (member, due_to_ms or INTEGER_MAX)
    rows = table.scan(ctx, (member,), start=start, end=end, limit=limits.ALL_ROWS)
    names = (
        str(key[2]) for key, item in rows if other in ("", item.other) and not (last and key[2] == after)
    )
    return _listed((_obligation(ctx, name) for name in names), limit)


def of_subject(
    ctx: Context, subject: Id, after: OptionalId = "", limit: Natural = 0
) -> list[ListedObligation]:
    """All obligations of an agreement or lease, settled ones too, by id."""
    rows = OF_SUBJECT.scan(ctx, (subject,), start=(subject, after), limit=limits.ALL_ROWS)
    return _listed((_obligation(ctx, str(key[1])) for key, _ in rows if key[1] != after), limit)


def payments_of(ctx: Context, obligation: Id) -> list[ListedPayment]:
    """What paid an obligation."""
    rows = PAYMENTS.scan(ctx, (obligation,), limit=limits.ALL_ROWS)
    return [
        ListedPayment(
            by=_paid_by(str(key[1])),
            source=str(key[2]),
            amount_minor=payment.amount_minor,
            value_ms=payment.value_ms,
            recorded_ms=payment.recorded_ms,
            pieces=payment.pieces,
        )
        for key, payment in rows
    ]


def _paid_by(text: str) -> PaidBy:
    known: tuple[PaidBy, ...] = ("receipt", "fund", "claims", "hold", "set_off")
    return next(each for each in known if each == text)


def receipt(ctx: Context, creditor: MemberId, entry: Hash) -> ListedReceipt | None:
    """A receipt by the hash of its bank entry, and what it pays."""
    found = RECEIPTS.get(ctx, (creditor, entry))
    if found is None:
        return None
    rows = SHARES.scan(ctx, (creditor, entry), limit=LISTED_MAX)
    shares = tuple((str(key[2]), share.amount_minor) for key, share in rows)
    return ListedReceipt(entry=entry, receipt=found, shares=shares)


def receipts(
    ctx: Context, creditor: MemberId, after: OptionalHash = "", limit: Natural = 0
) -> list[ListedReceipt]:
    """Receipts of a creditor by entry, without what they pay."""
    rows = RECEIPTS.scan(ctx, (creditor,), start=(creditor, after), limit=limits.ALL_ROWS)
    listed = (ListedReceipt(entry=str(key[1]), receipt=found) for key, found in rows if key[1] != after)
    return _listed(listed, limit)


def unapplied(
    ctx: Context, creditor: MemberId, payer: OptionalId = "", after: OptionalHash = "", limit: Natural = 0
) -> list[ListedReceipt]:
    """Receipts of a creditor with money that pays nothing yet: of one payer, or of all."""
    last = RECEIPTS.get(ctx, (creditor, after)) if after else None
    prefix = (creditor, payer) if payer else (creditor,)
    start = (creditor, last.payer, after) if last else prefix
    rows = UNAPPLIED.scan(ctx, prefix, start=start, limit=limits.ALL_ROWS)
    listed = (_receipt(ctx, creditor, str(key[2])) for key, _ in rows if not (last and key[2] == after))
    return _listed(listed, limit)


def _receipt(ctx: Context, creditor: str, entry: str) -> ListedReceipt:
    found = RECEIPTS.get(ctx, (creditor, entry))
    assert found is not None
    return ListedReceipt(entry=entry, receipt=found)


def fund(ctx: Context, fund: Id) -> ListedFund | None:
    """A deposit, prepayment or earnest money."""
    found = FUNDS.get(ctx, (fund,))
    return ListedFund(id=fund, fund=found) if found else None


def funds_of(ctx: Context, member: MemberId, after: OptionalId = "", limit: Natural = 0) -> list[ListedFund]:
    """Funds that a member pays or holds, ended ones too, by id."""
    rows = FUNDS_OF.scan(ctx, (member,), start=(member, after), limit=limits.ALL_ROWS)
    names = (str(key[1]) for key, _ in rows if key[1] != after)
    found = ((name, FUNDS.get(ctx, (name,))) for name in names)
    return _listed((ListedFund(id=name, fund=each) for name, each in found if each is not None), limit)


def banks(ctx: Context) -> list[str]:
    """Members that keep claims."""
    return [str(key[0]) for key, _ in BANKS.scan(ctx, limit=limits.ALL_ROWS)]


def banks_of(ctx: Context, owner: MemberId) -> list[str]:
    """Banks on which a member accepts claims."""
    return [str(key[1]) for key, _ in BANK_ACCOUNTS.scan(ctx, (owner,), limit=limits.ALL_ROWS)]


def balances_of(ctx: Context, owner: MemberId) -> list[ListedBalance]:
    """What a member has, by bank, currency, pot."""
    own = [owner] if BANKS.get(ctx, (owner,)) else []
    return [
        ListedBalance(
            bank=bank,
            owner=owner,
            currency=str(key[2]),
            pot=_pot(str(key[3])),
            amount_minor=each.amount_minor,
        )
        for bank in [*own, *banks_of(ctx, owner)]
        for key, each in BALANCES.scan(ctx, (bank, owner), limit=limits.ALL_ROWS)
    ]


def _pot(text: str) -> Pot:
    known: tuple[Pot, ...] = ("free", "held", "leaving", "security_deposit", "earnest_money")
    return next(each for each in known if each == text)


def bank_books(ctx: Context, bank: MemberId) -> list[BankBooks]:
    """Conservation: what a bank issued against what all pots at it hold, by currency."""
    pots: dict[str, int] = {}
    for key, each in BALANCES.scan(ctx, (bank,), limit=limits.ALL_ROWS):
        pots[str(key[2])] = pots.get(str(key[2]), 0) + each.amount_minor
    issued = {str(key[1]): each.amount_minor for key, each in ISSUED.scan(ctx, (bank,))}
    return [
        BankBooks(
            bank=bank,
            currency=currency,
            issued_minor=issued.get(currency, 0),
            pots_minor=pots.get(currency, 0),
            difference_minor=issued.get(currency, 0) - pots.get(currency, 0),
        )
        for currency in sorted({**issued, **pots})
    ]


def holds_of(ctx: Context, member: MemberId, after: OptionalId = "", limit: Natural = 0) -> list[ListedHold]:
    """Open holds that a member is payer or payee of, by id."""
    rows = HOLDS_OF.scan(ctx, (member,), start=(member, after), limit=limits.ALL_ROWS)
    names = (str(key[1]) for key, _ in rows if key[1] != after)
    found = ((name, HOLDS.get(ctx, (name,))) for name in names)
    return _listed((ListedHold(id=name, hold=each) for name, each in found if each is not None), limit)


def hold(ctx: Context, hold: Id) -> ListedHold | None:
    """A hold, in whatever state."""
    found = HOLDS.get(ctx, (hold,))
    return ListedHold(id=hold, hold=found) if found else None


def withdrawals_of(ctx: Context, bank: MemberId, owner: MemberId) -> list[ListedWithdrawal]:
    """Withdrawals of an owner at a bank, done ones too, by id."""
    rows = WITHDRAWALS.scan(ctx, (bank, owner), limit=LISTED_MAX + 1)
    listed = (
        ListedWithdrawal(bank=bank, owner=owner, id=str(key[2]), withdrawal=found) for key, found in rows
    )
    return _listed(listed, 0)


def withdrawals_asked(ctx: Context, bank: MemberId, limit: Natural = 0) -> list[ListedWithdrawal]:
    """Withdrawals that wait for a bank, by owner."""
    rows = ASKED.scan(ctx, (bank,), limit=limits.ALL_ROWS)
    found = ((key, WITHDRAWALS.get(ctx, key)) for key, _ in rows)
    return _listed(
        (
            ListedWithdrawal(bank=bank, owner=str(key[1]), id=str(key[2]), withdrawal=each)
            for key, each in found
            if each is not None
        ),
        limit,
    )


def conservation(ctx: Context) -> list[Breach]:
    """Sums that do not hold, over all the books: none. A large ledger is checked on a copy (`breaches`)."""
    return breaches(books(ctx))


def books(ctx: Context) -> Books:
    """All records that carry amounts. Raises kernel.over_budget where there are too many."""

    def rows(table: Table[R]) -> list[tuple[list[str], R]]:
        return [([str(part) for part in key], each) for key, each in table.scan(ctx, limit=limits.ALL_ROWS)]

    return Books(
        obligations={key[0]: each for key, each in rows(OBLIGATIONS)},
        payments={(key[0], key[1], key[2]): each for key, each in rows(PAYMENTS)},
        receipts={(key[0], key[1]): each for key, each in rows(RECEIPTS)},
        shares={(key[0], key[1], key[2]): each for key, each in rows(SHARES)},
        funds={key[0]: each for key, each in rows(FUNDS)},
        balances={(key[0], key[1], key[2], key[3]): each for key, each in rows(BALANCES)},
        issued={(key[0], key[1]): each for key, each in rows(ISSUED)},
        holds={key[0]: each for key, each in rows(HOLDS)},
        withdrawals={(key[0], key[1], key[2]): each for key, each in rows(WITHDRAWALS)},
    )


QUERIES: list[Callable[..., Any]] = [
    obligation,
    by_reference,
    owed_to,
    owed_by,
    of_subject,
    payments_of,
    receipt,
    receipts,
    unapplied,
    fund,
    funds_of,
    banks,
    banks_of,
    balances_of,
    bank_books,
    holds_of,
    hold,
    withdrawals_of,
    withdrawals_asked,
    conservation,
]
