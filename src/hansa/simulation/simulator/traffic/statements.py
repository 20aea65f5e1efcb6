"""What parties do about a statement: confirm, dispute, give up, invoice, charge interest."""

from typing import Any

from hansa.apps.billing import lifecycle
from hansa.apps.billing.messages_life import (
    ChargeInterest,
    Concede,
    Concession,
    ConfirmStatement,
    DisputeStatement,
    Invoice,
    Life,
    RecordInvoice,
    RecordRedLetter,
    WithdrawDispute,
)
from hansa.kernel import limits
from hansa.simulation.simulator.scenario import Send
from hansa.simulation.simulator.traffic.mind import Mind, Step

FAPIAO_DIGITS, RED_LETTER_DIGITS = 20, 20


def _case(mind: Mind, fit: Any) -> tuple[str, int, Life, Any] | None:
    """A statement whose life fits, most often."""
    found = mind.pick("billing.lives", fit)
    if found is None:
        return None
    (name, period_ms), life = found
    return str(name), int(period_ms), life, mind.row("billing.statements", name, period_ms)


def confirm(mind: Mind) -> Send | None:
    case = _case(mind, lambda life: not life.confirmed_ms)
    if case is None:
        return None
    name, period_ms, life, statement = case
    member = statement.user if life.provider_ms else statement.provider
    member = member if mind.luck(0.8) else mind.one((statement.user, statement.provider))
    return mind.send(mind.right(member), ConfirmStatement(name, period_ms, life.content))


def dispute(mind: Mind) -> Send | None:
    case = _case(mind, lambda life: not life.confirmed_ms)
    if case is None or mind.luck(0.4):
        return None
    name, period_ms, _, statement = case
    user = mind.luck(0.7)
    against = [line.number for line in statement.lines if (line.gross_minor > 0) == user and line.gross_minor]
    if not against:
        return None
    lines = tuple(sorted(dict.fromkeys(mind.one(against) for _ in range(2))))
    member = statement.user if user else statement.provider
    return mind.send(mind.right(member), DisputeStatement(name, period_ms, lines, "wrong_count"))


def withdraw_dispute(mind: Mind) -> Send | None:
    case = _case(mind, lambda life: bool(life.disputes))
    if case is None:
        return None
    name, period_ms, life, statement = case
    by = mind.one(life.disputes).by if life.disputes else statement.user
    return mind.send(mind.right(by), WithdrawDispute(name, period_ms))


def concede(mind: Mind) -> Send | None:
    """A party gives up something of a line that counts for it, disputed lines first."""
    invoiced = mind.luck(0.5)
    case = _case(mind, lambda life: life.invoice is not None if invoiced else not life.settled_ms)
    if case is None:
        return None
    name, period_ms, life, statement = case
    disputed = lifecycle.disputed_lines(life)
    lines = [line for line in statement.lines if line.gross_minor and line.number in disputed]
    lines = lines or [line for line in statement.lines if line.gross_minor]
    if not lines or (not disputed and not invoiced and mind.luck(0.7)):
        return None
    line = mind.one(lines)
    standing = abs(lifecycle.standing_minor(life, line))
    given = (Concession(line.number, mind.between(1, max(1, standing)) if mind.luck(0.6) else standing or 1),)
    member = statement.provider if line.gross_minor > 0 else statement.user
    return mind.send(mind.right(member), Concede(name, period_ms, given, "agreed"))


def invoice(mind: Mind) -> Send | None:
    case = _case(mind, lambda life: bool(life.provider_ms and life.user_ms) and life.invoice is None)
    if case is None:
        return None
    name, period_ms, life, statement = case
    sums = lifecycle.standing_sums(statement, life)
    paper = Invoice(
        kind="fapiao",
        number=f"{mind.random.randrange(10**FAPIAO_DIGITS):0{FAPIAO_DIGITS}d}",
        issued_day=mind.now_ms // limits.DAY_MS,
        net_minor=sums.net_minor,
        tax_minor=sums.tax_minor,
        gross_minor=sums.gross_minor,
        sha256=mind.hash(),
    )
    before = life.invoice.number if life.invoice and mind.luck(0.8) else ""
    return mind.send(mind.right(statement.provider), RecordInvoice(name, period_ms, paper, before))


def red_letter(mind: Mind) -> Send | None:
    case = _case(mind, lambda life: life.waiting > 0)
    if case is None:
        return None
    name, period_ms, _, statement = case
    waiting = [
        int(key[2])
        for key, row in mind.rows("billing.corrections").items()
        if key[:2] == (name, period_ms) and not row.effective_ms
    ]
    if not waiting:
        return None
    number = f"{mind.random.randrange(10**RED_LETTER_DIGITS):0{RED_LETTER_DIGITS}d}"
    return mind.send(
        mind.right(statement.provider), RecordRedLetter(name, period_ms, mind.one(waiting), number)
    )


def charge_interest(mind: Mind) -> Send | None:
    """After the last statement of an agreement."""
    found = mind.sure("billing.owed_for", lambda _, row: _is_over(mind, row.agreement))
    if found is None:
        return None
    (obligation,), row = found
    owed = mind.row("money.obligations", obligation)
    return mind.send(mind.right(owed.creditor), ChargeInterest(row.agreement, str(obligation)))


def _is_over(mind: Mind, name: str) -> bool:
    agreement = mind.row("billing.agreements", name)
    return not agreement.next_from_ms or mind.luck(0.05)


STEPS: tuple[tuple[int, Step], ...] = (
    (16, confirm),
    (3, dispute),
    (3, withdraw_dispute),
    (4, concede),
    (5, invoice),
    (8, red_letter),
    (3, charge_interest),
)
