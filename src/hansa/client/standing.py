"""How a statement stands, in words: what was said of it, what follows of a yes, what silence means.

From what the ledger's queries answer; nothing is asked here.
"""

from collections.abc import Sequence

from hansa.apps.billing import lifecycle
from hansa.apps.billing.lawful import is_protected
from hansa.apps.billing.lifecycle import Leg
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
    if life.waiting:
        return "red_letter"
    return "due" if life.parts else "confirmed"


def next_due_ms(life: Life | None) -> int:
    """When the first unpaid obligation is due; 0: there is none."""
    open_ms = [part.due_ms for part in life.parts if not part.paid_ms] if life else []
    return min(open_ms, default=0)


def standing(
    agreement: Agreement,
    statement: Statement,
    life: Life | None,
    calendar: Calendar,
    now_ms: int,
    corrections: Sequence[Correction] = (),
) -> list[Text]:
    """What a person must know before answering a statement, line by line."""
    settlement = agreement.terms.settlement
    if life is None or settlement is None:
        return [
            Text(
                "该协议没有约定结算办法：结算单无须确认，也不形成应收应付。",
                "The agreement has no terms of settlement: nothing is confirmed, and nothing is owed by it.",
            )
        ]
    out = [_said(agreement, life, calendar)]
    out += _disputes(statement, life)
    out += _papers(statement, life, corrections)
    if life.confirmed_ms:
        out += [_owed(part, statement.currency, calendar) for part in life.parts if part.amount_minor]
        if not life.parts and lifecycle.agreed_minor(statement, life):
            out.append(Text("登记发票后到期日才起算。", "Days of payment run from the invoice."))
    else:
        out += _if_confirmed(agreement, settlement, statement, life, calendar, now_ms)
        out.append(_silence(settlement, life, calendar))
    return out


def _said(agreement: Agreement, life: Life, calendar: Calendar) -> Text:
    def word(member: str, at_ms: int) -> Text:
        if not at_ms:
            return Text(f"{member} 尚未表态", f"{member} has not answered")
        at = instant_text(calendar, at_ms)
        return Text(f"{member} 于 {at} 确认", f"{member} confirmed at {at}")

    provider, user = word(agreement.provider, life.provider_ms), word(agreement.user, life.user_ms)
    silent = Text("（默认确认）", " (by silence)") if life.silent else Text("", "")
    return Text(f"{provider.zh}；{user.zh}{silent.zh}。", f"{provider.en}; {user.en}{silent.en}.")


def _disputes(statement: Statement, life: Life) -> list[Text]:
    out = []
    for each in life.disputes:
        numbers = [str(line) for line in each.lines]
        one = len(numbers) == 1
        lines = f"Line {numbers[0]} is" if one else f"Lines {', '.join(numbers)} are"
        left = [lifecycle.standing_minor(life, x) for x in statement.lines if x.number in each.lines]
        amount = money(sum(left), statement.currency)
        zh = "由副表规则提出" if each.automatic else f"由 {each.by} 提出"
        en = "by the check feed's rule" if each.automatic else f"by {each.by}"
        out.append(
            Text(
                f"第 {'、'.join(numbers)} 行有异议，{zh}（理由 {each.reason}），计 {amount}；其余照付。",
                f"{lines} disputed {en} (reason {each.reason}), {amount}; all else is due.",
            )
        )
    return out


def _papers(statement: Statement, life: Life, corrections: Sequence[Correction]) -> list[Text]:
    out = []
    if life.corrected_gross_minor:
        amount = money(life.corrected_gross_minor, statement.currency)
        out.append(Text(f"已更正 {amount}。", f"Corrected by {amount}."))
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
        paper = life.invoice.number
        out.append(Text(f"发票 {paper} 已登记。", f"Invoice {paper} is recorded."))
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
) -> list[Text]:
    """What each is owed once both have confirmed, now."""
    then = replace(
        life,
        provider_ms=life.provider_ms or now_ms,
        user_ms=life.user_ms or now_ms,
        confirmed_ms=now_ms,
    )
    among = lifecycle.legs(statement)
    amounts_minor = lifecycle.allot(lifecycle.agreed_minor(statement, then), among)
    return [
        _would_owe(agreement, settlement, statement, then, calendar, leg, amount_minor)
        for leg, amount_minor in zip(among, amounts_minor, strict=True)
        if amount_minor or not any(amounts_minor)
    ]


def _would_owe(
    agreement: Agreement,
    settlement: Settlement,
    statement: Statement,
    then: Life,
    calendar: Calendar,
    leg: Leg,
    amount_minor: int,
) -> Text:
    debtor, creditor = (leg.debtor, leg.creditor) if amount_minor >= 0 else (leg.creditor, leg.debtor)
    protected = is_protected(agreement.user_size, agreement.provider_size) and debtor == agreement.user
    due_ms = lifecycle.due_ms(settlement, statement, then, protected)
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
