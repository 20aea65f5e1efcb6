"""How a statement stands, in words: what was said of it, what follows of a yes, what silence means.

From what the ledger's queries answer; nothing is asked here.
"""

from collections.abc import Sequence

from hansa.apps.billing import lifecycle
from hansa.apps.billing.lawful import is_protected
from hansa.apps.billing.messages import Agreement, Statement
from hansa.apps.billing.messages_life import Correction, Life, Part
from hansa.apps.billing.terms import Settlement
from hansa.apps.consortium.calendars import Calendar
from hansa.apps.money.names import reference_of
from hansa.client.texts import Text, instant_text, money
from hansa.kernel import replace

STATES = {
    "stated": Text("已出具", "stated"),
    "awaits": Text("待确认", "awaits confirmation"),
    "disputed": Text("有异议", "disputed"),
    "confirmed": Text("已确认，待开票", "confirmed, awaits invoice"),
    "red_letter": Text("待红字确认", "awaits red letter"),
    "due": Text("应付", "owed"),
    "overdue": Text("逾期", "overdue"),
    "settled": Text("已结清", "settled"),
}


def state_of(life: Life | None) -> str:
    """One of STATES: what is to be done next, the most urgent first."""
    if life is None:
        return "stated"
    if life.settled_ms:
        return "settled"
    if any(part.overdue for part in life.parts if not part.paid_ms):
        return "overdue"
    if life.disputes:
        return "disputed"
    if not life.confirmed_ms:
        return "awaits"
    for number, each in enumerate(corrections, 1):
        amount = money(each.gross_minor, statement.currency)
        if not each.effective_ms:
            out.append(
                Text(
                    f"第 {number} 次更正（{amount}）待登记红字确认单后生效。",
                    f"Correction {number} ({amount}) waits for its red-letter confirmation.",
                )
            )
    if life.invoice is not None:
        number = life.invoice.number
        out.append(Text(f"发票 {number} 已登记。", f"Invoice {number} is recorded."))
    return out


def _owed(part: Part, currency: str, calendar: Calendar) -> Text:
    amount, due = money(part.amount_minor, currency), instant_text(calendar, part.due_ms)
    reference = reference_of(part.obligation)
    if part.paid_ms:
        at = instant_text(calendar, part.paid_ms)
        return Text(
            f"{part.debtor} 应付 {part.creditor} {amount}，已于 {at} 付清。",
            f"{part.debtor} owed {part.creditor} {amount}; paid at {at}.",
        )
    return Text(
        f"{part.debtor} 应付 {part.creditor} {amount}，{due} 前到期，转账附言 {reference}。",
        f"{part.debtor} owes {part.creditor} {amount}, due before {due}; payment reference {reference}.",
    )


def _if_confirmed(
    agreement: Agreement,
    settlement: Settlement,
    statement: Statement,
    life: Life,
    calendar: Calendar,
    now_ms: int,
) -> Text:
    """What is owed once both have confirmed, now."""
    then = replace(
        life,
        provider_ms=life.provider_ms or now_ms,
        user_ms=life.user_ms or now_ms,
        confirmed_ms=now_ms,
    )
    amount_minor = lifecycle.agreed_minor(statement, then)
    debtor, creditor = agreement.user, agreement.provider
    if amount_minor < 0:
        debtor, creditor = creditor, debtor
    sizes = {agreement.user: agreement.user_size, agreement.provider: agreement.provider_size}
    due_ms = lifecycle.due_ms(settlement, statement, then, is_protected(sizes[debtor], sizes[creditor]))
    amount = money(abs(amount_minor), statement.currency)
    zh = f"，{instant_text(calendar, due_ms)} 前到期" if due_ms else "，到期日自登记发票起算"
    en = f", due before {instant_text(calendar, due_ms)}" if due_ms else ", due as of the invoice"
    return Text(
        f"双方确认后：{debtor} 应付 {creditor} {amount}{zh}。",
        f"Once both confirmed: {debtor} owes {creditor} {amount}{en}.",
    )


def _silence(settlement: Settlement, life: Life, calendar: Calendar) -> Text:
    silence_ms = lifecycle.silence_ms(settlement, life)
    if not silence_ms:
        return Text("不答复不视为确认。", "Silence does not count: without an answer nothing is confirmed.")
    at = instant_text(calendar, silence_ms)
    return Text(f"{at} 前不答复，视为确认。", f"Who has not answered by {at} has confirmed.")
