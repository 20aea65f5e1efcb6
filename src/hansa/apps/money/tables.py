"""The room's tables."""

from hansa.apps.money.messages import (
    Declaration,
    FundRecord,
    Listed,
    Obligation,
    OpenItem,
    OwnDebts,
    Payment,
    Receipt,
    Share,
    Sweep,
)
from hansa.apps.money.messages_bank import Balance, Bank, BankAccount, BankEntry, Hold, Issued, Withdrawal
from hansa.kernel import Table

OBLIGATIONS = Table("money.obligations", key=("obligation",), record=Obligation)
OWED_TO = Table(
    "money.owed_to", key=("creditor", "due_ms", "obligation"), record=OpenItem, integers=("due_ms",)
)
"""What is open, by who is owed it."""
OWED_BY = Table(
    "money.owed_by", key=("debtor", "due_ms", "obligation"), record=OpenItem, integers=("due_ms",)
)
"""What is open, by who owes it."""
OF_SUBJECT = Table("money.of_subject", key=("subject", "obligation"), record=Listed)
REFERENCES = Table("money.references", key=("reference", "obligation"), record=Listed)
FALLING_DUE = Table(
    "money.falling_due", key=("creditor", "due_ms", "obligation"), record=Listed, integers=("due_ms",)
)
"""What is open and not told to be overdue."""
SWEEPS = Table("money.sweeps", key=("creditor",), record=Sweep)
OWN_DEBTS = Table("money.own_debts", key=("debtor",), record=OwnDebts)
PAYMENTS = Table("money.payments", key=("obligation", "by", "source"), record=Payment)
"""`source`: the receipt's entry, the fund, the payer, the hold, the obligation set off."""

RECEIPTS = Table("money.receipts", key=("creditor", "entry"), record=Receipt)
UNAPPLIED = Table("money.unapplied", key=("creditor", "payer", "entry"), record=Listed)
SHARES = Table("money.shares", key=("creditor", "entry", "obligation"), record=Share)
DECLARATIONS = Table("money.declarations", key=("obligation",), record=Declaration)

FUNDS = Table("money.funds", key=("fund",), record=FundRecord)
FUNDS_OF = Table("money.funds_of", key=("member", "fund"), record=Listed)

BANKS = Table("money.banks", key=("bank",), record=Bank)
BANK_ACCOUNTS = Table("money.bank_accounts", key=("owner", "bank"), record=BankAccount)
BALANCES = Table("money.balances", key=("bank", "owner", "currency", "pot"), record=Balance)
ISSUED = Table("money.issued", key=("bank", "currency"), record=Issued)
BANK_ENTRIES = Table("money.bank_entries", key=("bank", "reference"), record=BankEntry)
WITHDRAWALS = Table("money.withdrawals", key=("bank", "owner", "withdrawal"), record=Withdrawal)
ASKED = Table("money.asked", key=("bank", "owner", "withdrawal"), record=Listed)
"""Withdrawals that wait for the bank."""
HOLDS = Table("money.holds", key=("hold",), record=Hold)
HOLDS_OF = Table("money.holds_of", key=("member", "hold"), record=Listed)

ALL = (
    OBLIGATIONS,
    OWED_TO,
    OWED_BY,
    OF_SUBJECT,
    REFERENCES,
    FALLING_DUE,
    SWEEPS,
    OWN_DEBTS,
    PAYMENTS,
    RECEIPTS,
    UNAPPLIED,
    SHARES,
    DECLARATIONS,
    FUNDS,
    FUNDS_OF,
    BANKS,
    BANK_ACCOUNTS,
    BALANCES,
    ISSUED,
    BANK_ENTRIES,
    WITHDRAWALS,
    ASKED,
    HOLDS,
    HOLDS_OF,
)
