"""Whether the books add up: pure, over records as they lie in the tables, for the ledger and for anyone who
has a copy of it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hansa.apps.money.messages import FundRecord, Obligation, Payment, Receipt, Share
from hansa.apps.money.messages_bank import Balance, Hold, Issued, Withdrawal
from hansa.kernel import Struct

BankPot = tuple[str, str, str, str]
"""(bank, owner, currency, pot)."""


@dataclass(frozen=True)
class Books:
    """All records that carry amounts, by the keys of their tables."""

    obligations: Mapping[str, Obligation]
    payments: Mapping[tuple[str, str, str], Payment]
    receipts: Mapping[tuple[str, str], Receipt]
    shares: Mapping[tuple[str, str, str], Share]
    funds: Mapping[str, FundRecord]
    balances: Mapping[BankPot, Balance]
    issued: Mapping[tuple[str, str], Issued]
    holds: Mapping[str, Hold]
    withdrawals: Mapping[tuple[str, str, str], Withdrawal]


class Breach(Struct):
    """A sum that does not hold; in minor units."""

    rule: str
    about: str
    is_minor: int
    should_be_minor: int


Check = tuple[str, str, int, int]
"""(rule, about what, what it is, what it should be)."""


def breaches(books: Books) -> list[Breach]:
    """Every sum that does not hold; none as long as the rules do their work."""
    checks = [*_obligations(books), *_receipts(books), *_funds(books), *_claims(books)]
    return [Breach(*check) for check in checks if check[2] != check[3]]


def _obligations(books: Books) -> Iterator[Check]:
    """What is paid of an obligation is the sum of what paid it, and never more than is owed."""
    paid: dict[str, int] = {}
    for (name, _, _), payment in books.payments.items():
        paid[name] = paid.get(name, 0) + payment.amount_minor
    for (name, by, source), payment in books.payments.items():
        if by == "set_off":
            other = books.payments.get((source, by, name))
            yield "set_off.both", name, payment.amount_minor, other.amount_minor if other else 0
    for name in paid:
        yield "payment.obligation", name, int(name in books.obligations), 1
    for name, each in books.obligations.items():
        yield "obligation.paid", name, each.paid_minor, paid.get(name, 0)
        in_order = 0 <= each.paid_minor <= each.amount_minor <= each.agreed_minor
        yield "obligation.bounds", name, int(in_order), 1
        rest = each.amount_minor - each.paid_minor
        state = "open" if rest else "paid" if each.paid_minor else "void"
        yield "obligation.state", name, int(each.state == state), 1


def _receipts(books: Books) -> Iterator[Check]:
    """What a receipt pays is what obligations got of it, and with refunds never more than came."""
    shared: dict[tuple[str, str], int] = {}
    for (creditor, entry, name), share in books.shares.items():
        shared[creditor, entry] = shared.get((creditor, entry), 0) + share.amount_minor
        payment = books.payments.get((name, "receipt", entry))
        yield "share.payment", name, share.amount_minor, payment.amount_minor if payment else 0
        owed = books.obligations.get(name)
        yield "share.creditor", name, int(owed is not None and owed.creditor == creditor), 1
    for key in shared:
        yield "share.receipt", key[1], int(key in books.receipts), 1
    for key, each in books.receipts.items():
        used = each.applied_minor + each.refunded_minor
        yield "receipt.applied", key[1], each.applied_minor, shared.get(key, 0)
        yield "receipt.bounds", key[1], int(0 <= each.applied_minor <= used <= each.amount_minor), 1
        yield "receipt.reversed", key[1], used if each.reversed_reason else 0, 0
    of_receipts = sum(1 for (_, by, _) in books.payments if by == "receipt")
    yield "payment.share", "receipts", of_receipts, len(books.shares)


def _funds(books: Books) -> Iterator[Check]:
    """A fund holds what paid its obligation, less what its own purpose took."""
    drawn: dict[str, int] = {}
    for (name, by, source), payment in books.payments.items():
        if by == "fund":
            drawn[source] = drawn.get(source, 0) + payment.amount_minor
            fund, owed = books.funds.get(source), books.obligations.get(name)
            yield "fund.parties", source, int(_may_pay(fund, owed)), 1
    for name, each in books.funds.items():
        pay_in = books.obligations.get(each.obligation)
        yield "fund.paid_in", name, each.paid_in_minor, pay_in.paid_minor if pay_in else 0
        yield "fund.drawn", name, each.drawn_minor, drawn.get(name, 0)
        left = fund_left(each)
        yield "fund.left", name, left if each.state != "open" or left < 0 else 0, 0
        if each.kind == "earnest_money":
            yield "earnest_money.drawn", name, each.drawn_minor, 0
        else:
            yield "fund.forfeited", name, each.forfeited_minor, 0


def _may_pay(fund: FundRecord | None, owed: Obligation | None) -> bool:
    """Whether the two are between the same parties, and no fund pays into another."""
    if fund is None or owed is None or owed.fund:
        return False
    return (fund.payer, fund.holder, fund.currency) == (owed.debtor, owed.creditor, owed.currency)


def fund_left(fund: FundRecord) -> int:
    """What is left in a fund."""
    return fund.paid_in_minor - fund.drawn_minor - fund.returned_minor - fund.forfeited_minor


def _claims(books: Books) -> Iterator[Check]:
    """All pots at a bank together are what it issued; each pot but the free one holds what it is for."""
    pots: dict[tuple[str, str], int] = {}
    for (bank, _, currency, _), balance in books.balances.items():
        pots[bank, currency] = pots.get((bank, currency), 0) + balance.amount_minor
    for at in {**pots, **books.issued}:
        issued = books.issued.get(at)
        yield "bank.issued", ".".join(at), issued.amount_minor if issued else 0, pots.get(at, 0)
    wanted = _set_apart(books)
    apart = {key: each for key, each in books.balances.items() if key[3] != "free"}
    for key in {**wanted, **apart}:
        found = apart.get(key)
        yield f"pot.{key[3]}", ".".join(key), found.amount_minor if found else 0, wanted.get(key, 0)
    for key, balance in books.balances.items():
        yield "pot.bounds", ".".join(key), int(balance.amount_minor > 0), 1
    captured: dict[str, int] = {}
    for (_, by, source), payment in books.payments.items():
        if by == "hold":
            captured[source] = captured.get(source, 0) + payment.amount_minor
    for name, hold in books.holds.items():
        in_order = 0 <= captured.get(name, 0) <= hold.captured_minor <= hold.amount_minor
        yield "hold.bounds", name, int(in_order), 1


def _set_apart(books: Books) -> dict[BankPot, int]:
    """What each pot but the free one should hold."""
    found: dict[BankPot, int] = {}

    def add(key: BankPot, amount_minor: int) -> None:
        if amount_minor:
            found[key] = found.get(key, 0) + amount_minor

    for hold in books.holds.values():
        if hold.state == "open":
            add((hold.bank, hold.payer, hold.currency, "held"), hold.amount_minor - hold.captured_minor)
    for (bank, owner, _), asked in books.withdrawals.items():
        if asked.state == "asked":
            add((bank, owner, asked.currency, "leaving"), asked.amount_minor)
    for fund in books.funds.values():
        if fund.mode == "bank" and fund.kind != "prepayment" and fund.state == "open":
            add((fund.bank, fund.payer, fund.currency, fund.kind), fund_left(fund))
    return found
