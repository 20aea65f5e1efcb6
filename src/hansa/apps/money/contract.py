"""The room put together."""

from hansa.apps.money import banking, messages, messages_bank, queries, receipts
from hansa.apps.money.funds import note_invoice
from hansa.apps.money.holds import expire_hold
from hansa.apps.money.obligations import look_at_due, tell_overdue
from hansa.apps.money.tables import ALL
from hansa.kernel import Room

ROOM = Room(
    "money",
    actions=[
        receipts.acknowledge,
        receipts.receive,
        receipts.apply,
        receipts.reverse,
        receipts.refund,
        receipts.declare_paid,
        receipts.waive,
        receipts.set_off,
        note_invoice,
        banking.open_bank,
        banking.accept_bank,
        banking.attest_deposit,
        banking.request_withdrawal,
        banking.attest_withdrawal,
        banking.refuse_withdrawal,
        banking.transfer,
        banking.pay,
        banking.set_aside,
        banking.capture,
        banking.release,
    ],
    due=[look_at_due, tell_overdue, expire_hold, banking.withdrawal_due],
    queries=queries.QUERIES,
    tables=ALL,
    events=[
        messages.Owing,
        messages.Lessened,
        messages.WaiverCorrected,
        messages.Received,
        messages.Applied,
        messages.Reversed,
        messages.Refunded,
        messages.HasSetOff,
        messages.DeclaredPaid,
        messages.Settled,
        messages.Reopened,
        messages.FellDue,
        messages.FundOpened,
        messages.FundFilled,
        messages.FundDrawn,
        messages.FundEnded,
        messages.InvoiceNoted,
        messages_bank.BankOpened,
        messages_bank.BankAccepted,
        messages_bank.Posted,
        messages_bank.DepositAttested,
        messages_bank.WithdrawalAsked,
        messages_bank.WithdrawalAttested,
        messages_bank.WithdrawalRefused,
        messages_bank.HoldMade,
        messages_bank.HoldEnded,
    ],
)
