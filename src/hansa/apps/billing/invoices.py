"""Papers of a statement, issued outside Hansa and recorded here: invoice, red-letter confirmation."""

from hansa.apps.billing import errors_life as errors
from hansa.apps.billing import lifecycle
from hansa.apps.billing.life import Case, carry_on, case_of, heard
from hansa.apps.billing.messages_life import (
    InvoiceKind,
    InvoiceRecorded,
    RecordInvoice,
    RecordRedLetter,
    RedLetterRecorded,
    UsedNumber,
)
from hansa.apps.billing.saying import amount_text, utc_text
from hansa.apps.billing.tables import CORRECTIONS, NUMBERS
from hansa.apps.billing.words import effective
from hansa.apps.consortium.calendars import date_text
from hansa.kernel import Context, limits, replace, since

DIGITS = "0123456789"
FAPIAO_DIGITS = 20
"""Of a 数电票, and of the 红字信息确认单 that lessens one."""


@since(2)
def record_invoice(ctx: Context, a: RecordInvoice) -> None:
    # Checks, cheapest first.
    case = _of_issuer(ctx, a.agreement, a.period_ms)
    invoice = a.invoice
    _check_number(invoice.kind, invoice.number)
    if invoice.issued_day * limits.DAY_MS > ctx.time_ms + limits.DAY_MS:
        raise errors.InvoiceDay(day=date_text(invoice.issued_day))
    life = heard(ctx, case)
    if not (life.provider_ms and life.user_ms):
        raise errors.NotConfirmed(agreement=a.agreement)
    before = life.invoice.number if life.invoice else ""
    if a.replaces != before:
        raise (
            errors.InvoiceTaken(agreement=a.agreement, number=before)
            if before
            else errors.NoInvoice(agreement=a.agreement, number=a.replaces)
        )
    stated = lifecycle.standing_sums(case.statement, life)
    found = lifecycle.Sums(invoice.net_minor, invoice.tax_minor, invoice.gross_minor)
    if found != stated:
        raise errors.InvoiceAmounts(found=_sums_text(case, found), stated=_sums_text(case, stated))
    _check_unused(ctx, case, invoice.kind, invoice.number)

    # Writes.
    NUMBERS.put(ctx, _place(case, invoice.kind, invoice.number), UsedNumber(a.agreement, a.period_ms))

    # Events, then what follows.
    ctx.emit(
        InvoiceRecorded(
            agreement=a.agreement, period_ms=a.period_ms, kind=invoice.kind, number=invoice.number
        )
    )
    carry_on(ctx, case, replace(life, invoice=invoice, invoice_ms=life.invoice_ms or ctx.time_ms))


@since(2)
def record_red_letter(ctx: Context, a: RecordRedLetter) -> None:
    # Checks, cheapest first.
    case = _of_issuer(ctx, a.agreement, a.period_ms)
    correction = CORRECTIONS.get(ctx, (a.agreement, a.period_ms, a.correction))
    if correction is None or correction.effective_ms or case.life.invoice is None:
        raise errors.CorrectionUnknown(agreement=a.agreement, correction=a.correction)
    kind = case.life.invoice.kind
    _check_number(kind, a.number)
    # A red-letter confirmation has numbers of its own, a credit note those of invoices.
    numbers = "red_letter" if kind == "fapiao" else kind
    _check_unused(ctx, case, numbers, a.number)

    # Writes.
    NUMBERS.put(ctx, _place(case, numbers, a.number), UsedNumber(a.agreement, a.period_ms, a.correction))
    CORRECTIONS.put(
        ctx,
        (a.agreement, a.period_ms, a.correction),
        replace(correction, effective_ms=ctx.time_ms, red_letter=a.number, red_letter_sha256=a.sha256),
    )

    # Events, then what follows.
    ctx.emit(
        RedLetterRecorded(
            agreement=a.agreement, period_ms=a.period_ms, correction=a.correction, number=a.number
        )
    )
    carry_on(ctx, case, effective(case, case.life, correction, ctx.time_ms))


def _of_issuer(ctx: Context, name: str, period_ms: int) -> Case:
    case = case_of(ctx, name, period_ms)
    if ctx.member != case.agreement.provider:
        raise errors.NotIssuer(member=ctx.member, agreement=name)
    return case


def _check_number(kind: InvoiceKind, number: str) -> None:
    """As far as the number itself allows: a fapiao's has twenty digits, a BT-1 is free."""
    if kind == "fapiao" and (len(number) != FAPIAO_DIGITS or any(c not in DIGITS for c in number)):
        raise errors.InvoiceNumber(number=number)


def _check_unused(ctx: Context, case: Case, kind: str, number: str) -> None:
    used = NUMBERS.get(ctx, _place(case, kind, number))
    if used is not None:
        raise errors.NumberUsed(
            issuer=case.agreement.provider,
            number=number,
            other=used.agreement,
            start=utc_text(used.period_ms),
        )


def _sums_text(case: Case, sums: lifecycle.Sums) -> str:
    """Net, tax and gross, as on paper."""
    amounts = (sums.net_minor, sums.tax_minor, sums.gross_minor)
    return " / ".join(amount_text(amount, case.statement.currency) for amount in amounts)


def _place(case: Case, kind: str, number: str) -> tuple[str, str, str]:
    return (case.agreement.provider, kind, number)


ACTIONS = (record_invoice, record_red_letter)
