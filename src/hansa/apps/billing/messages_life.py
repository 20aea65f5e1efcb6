"""What becomes of a statement: confirmed, disputed, corrected, invoiced, owed, paid. Times are ms since the
epoch, UTC; amounts in minor units of the statement's currency.
"""

from typing import Literal

from hansa.apps.consortium.calendars import Day
from hansa.kernel import (
    Action,
    CurrencyCode,
    Event,
    Hash,
    Id,
    Integer,
    MemberId,
    Natural,
    OptionalHash,
    OptionalId,
    OptionalPrintedNumber,
    Positive,
    PrintedNumber,
    Record,
    Struct,
    TimeMs,
)

InvoiceKind = Literal["fapiao", "en16931"]
"""fapiao: 数电票, fully digitalised e-invoice. en16931: by the European standard, its number BT-1."""


class Dispute(Struct):
    """Lines that a party does not agree with. All other lines stand, and are due."""

    by: MemberId
    """The party that the lines count against."""
    lines: tuple[Positive, ...]
    """Numbers of the statement's lines."""
    reason: Id
    evidence: OptionalHash = ""
    automatic: bool = False
    """Opened by the agreement's own rule (check feed 副表), not by the party."""
    opened_ms: TimeMs = 0
    ended_ms: TimeMs = 0
    """When it was withdrawn, or nothing was left of these lines; 0: it goes on."""


class LineSum(Struct):
    """What was conceded of a line so far, as positive amounts."""

    line: Positive
    gross_minor: Positive
    tax_minor: Natural
    """Of it."""
    effective_minor: Natural = 0
    """Of the gross: what waits for no red-letter confirmation any more."""


class Lessening(Struct):
    """By how much an obligation was lessened, by a correction or because its creditor gave it up."""

    at_ms: TimeMs
    amount_minor: Positive


class Part(Struct):
    """An obligation (应收应付项) that a statement led to."""

    obligation: Id
    debtor: MemberId
    creditor: MemberId
    amount_minor: Natural
    """As it stands now: corrections lessen it."""
    due_ms: TimeMs
    """From here on a payment is late, and bears interest."""
    leg: Natural = 0
    """Of a statement that several are paid by: which of them, by its place."""
    waived_minor: Natural = 0
    """What its creditor gave up of it for good (`money.waive`), beside any correction."""
    paid_ms: TimeMs = 0
    """When it was paid in full; 0: it is not."""
    overdue: bool = False
    back_of: OptionalId = ""
    """What goes back of an obligation that was paid beyond what is owed by now; "": it goes nowhere back."""
    since_ms: TimeMs = 0
    """When it was first owed."""
    lessened: tuple[Lessening, ...] = ()
    """At most LESSENINGS_MAX; what comes after them is added to the last."""


class Invoice(Struct):
    """The invoice that the provider issued for a statement, outside Hansa."""

    kind: InvoiceKind
    number: PrintedNumber
    issued_day: Day
    """Local date on the invoice, days since 1970-01-01."""
    net_minor: Integer
    tax_minor: Integer
    gross_minor: Integer
    sha256: Hash
    """Of the original file."""


class Life(Record, version=1, readers="members", retention="for ever"):
    """How far a statement is; by agreement and start of its period."""

    content: Hash
    """Digest of the statement: what is confirmed."""
    stated_ms: TimeMs
    provider_ms: TimeMs = 0
    user_ms: TimeMs = 0
    """When the provider, the user, confirmed it or all lines but those it disputes; 0: not yet."""
    confirmed_ms: TimeMs = 0
    """When both had; 0: not yet."""
    silent: bool = False
    """Silence confirmed it for one of them, as agreed."""
    disputes: tuple[Dispute, ...] = ()
    """Those that go on."""
    ended: tuple[Dispute, ...] = ()
    """Those that are over, or so many of their lines, in the order in which they ended."""
    conceded: tuple[LineSum, ...] = ()
    corrections: Natural = 0
    waiting: Natural = 0
    """How many corrections there are, and how many of them wait for a red-letter confirmation number."""
    corrected_net_minor: Integer = 0
    corrected_tax_minor: Integer = 0
    corrected_gross_minor: Integer = 0
    """What effective corrections change the statement by."""
    invoice: Invoice | None = None
    invoice_ms: TimeMs = 0
    """When the invoice was recorded."""
    parts: tuple[Part, ...] = ()
    settled_ms: TimeMs = 0
    """When nothing was open any more; 0: something is."""


class CorrectionLine(Struct):
    """What a correction changes in one line."""

    line: Positive
    """Number of the statement's line."""
    clause: Id
    tax_code: Id
    tax_rate_bp: Natural
    net_minor: Integer
    tax_minor: Integer
    gross_minor: Integer


class Correction(Record, version=1, readers="members", retention="for ever"):
    """A negative statement (红字): what a party gives up of lines that count for it."""

    by: MemberId
    reason: Id
    made_ms: TimeMs
    currency: CurrencyCode
    lines: tuple[CorrectionLine, ...]
    net_minor: Integer
    tax_minor: Integer
    gross_minor: Integer
    """Negative where the provider gives up, positive where the user gives up a credit."""
    evidence: OptionalHash = ""
    effective_ms: TimeMs = 0
    """Since when it counts; 0: it waits for its red-letter confirmation."""
    red_letter: OptionalPrintedNumber = ""
    """红字信息确认单编号, or the number of the credit note."""
    red_letter_sha256: OptionalHash = ""


class OpenItems(Record, version=1, readers="members", retention="business"):
    """Of an agreement's statements: how many are not settled, disputed, overdue. None of any: no record."""

    unsettled: Natural = 0
    disputed: Natural = 0
    overdue: Natural = 0


class OwedFor(Record, version=1, readers="members", retention="business"):
    """Which statement an obligation came of."""

    agreement: Id
    period_ms: TimeMs


class UsedNumber(Record, version=1, readers="members", retention="for ever"):
    """A number that an issuer has used up, and for what."""

    agreement: Id
    period_ms: TimeMs
    correction: Natural = 0
    """0: the statement itself."""


class LateItem(Record, version=1, readers="members", retention="business"):
    """Interest on one obligation that was charged so far."""

    charged_minor: Integer = 0
    """Positive: charged to the user."""
    charges: Natural = 0
    """How often."""
    days: Integer = 0
    """Of delay that were charged."""
    look_ms: TimeMs = 0
    """End of the last period for which it was charged while it was open; 0: none."""


class LateDebt(Record, version=1, readers="members", retention="business"):
    """An obligation that interest may run on, by when it is to be looked at."""

    period_ms: TimeMs
    """Start of the period whose statement led to it."""


class LateCharge(Struct):
    """Interest on one obligation that nothing charged yet."""

    period_ms: TimeMs
    obligation: Id
    interest_minor: Integer
    """Positive: the user owes it."""
    days: Integer
    """Of delay that were not charged before."""


class ConfirmStatement(Action, tag="billing.confirm_statement"):
    """A party agrees to a statement (对账确认), exactly as it stands."""

    agreement: Id
    period_ms: TimeMs
    """Start of the statement's period."""
    content: Hash
    """Digest of the statement: nobody confirms another one."""


class DisputeStatement(Action, tag="billing.dispute"):
    """A party does not agree with lines that count against it, and agrees to all others."""

    agreement: Id
    period_ms: TimeMs
    lines: tuple[Positive, ...]
    reason: Id
    evidence: OptionalHash = ""


class WithdrawDispute(Action, tag="billing.withdraw_dispute"):
    """A party agrees to the lines after all: they become due."""

    agreement: Id
    period_ms: TimeMs


class Concession(Struct):
    """What is given up of a line."""

    line: Positive
    gross_minor: Positive


class Concede(Action, tag="billing.concede"):
    """A party gives up part or all of lines that count for it, disputed or not: a correction."""

    agreement: Id
    period_ms: TimeMs
    concessions: tuple[Concession, ...]
    reason: Id
    evidence: OptionalHash = ""


class RecordInvoice(Action, tag="billing.record_invoice"):
    """The provider records the invoice that it issued for a confirmed statement."""

    agreement: Id
    period_ms: TimeMs
    invoice: Invoice
    replaces: OptionalPrintedNumber = ""
    """Number of the invoice recorded before, mistyped or issued anew; days to pay run as they did."""


class RecordRedLetter(Action, tag="billing.record_red_letter"):
    """The provider records the red-letter confirmation, or credit note, that a correction waits for."""

    agreement: Id
    period_ms: TimeMs
    correction: Positive
    number: PrintedNumber
    sha256: OptionalHash = ""


class ChargeInterest(Action, tag="billing.charge_interest"):
    """After an agreement's last statement, a creditor has the interest that a debt bears so far owed."""

    agreement: Id
    obligation: Id


class Confirmed(Event, tag="billing.confirmed"):
    agreement: Id
    period_ms: TimeMs
    by: OptionalId = ""
    """"" where it was silence."""
    both: bool = False
    """It is confirmed by both now."""


class Disputed(Event, tag="billing.disputed"):
    agreement: Id
    period_ms: TimeMs
    by: MemberId
    lines: tuple[Positive, ...]
    reason: Id
    automatic: bool = False


class DisputeWithdrawn(Event, tag="billing.dispute_withdrawn"):
    agreement: Id
    period_ms: TimeMs
    by: MemberId


class Corrected(Event, tag="billing.corrected"):
    """A correction was made; `effective`: it counts at once."""

    agreement: Id
    period_ms: TimeMs
    correction: Positive
    gross_minor: Integer
    effective: bool = False


class InvoiceRecorded(Event, tag="billing.invoice_recorded"):
    agreement: Id
    period_ms: TimeMs
    kind: InvoiceKind
    number: PrintedNumber


class RedLetterRecorded(Event, tag="billing.red_letter_recorded"):
    agreement: Id
    period_ms: TimeMs
    correction: Positive
    number: PrintedNumber


class Settled(Event, tag="billing.settled"):
    """Nothing of a statement is open any more."""

    agreement: Id
    period_ms: TimeMs


class InterestOwed(Event, tag="billing.interest_owed"):
    """Interest on a late payment is owed by itself, since no statement can charge it."""

    agreement: Id
    period_ms: TimeMs
    obligation: Id
    interest_minor: Positive


EVENTS: tuple[type[Event], ...] = (
    Confirmed,
    Disputed,
    DisputeWithdrawn,
    Corrected,
    InvoiceRecorded,
    RedLetterRecorded,
    Settled,
    InterestOwed,
)
