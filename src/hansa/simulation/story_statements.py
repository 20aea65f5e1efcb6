"""After the close: both confirm each statement, the provider records its invoice; what is not billed."""

import hashlib
from collections.abc import Iterator, Sequence

from hansa.apps.billing.accrual import Accrued
from hansa.apps.billing.lifecycle import standing_sums
from hansa.apps.billing.messages import Agreement, Statement
from hansa.apps.billing.messages_life import ConfirmStatement, Invoice, Life, RecordInvoice
from hansa.client.accruals import accrued
from hansa.kernel import Action, Refusal, limits
from hansa.simulation.story import ACTIONS_AT_ONCE, Story, asking

Stated = tuple[Statement, Life]


def statements(story: Story, agreement: str) -> list[Stated]:
    """Statements of an agreement that can be confirmed, oldest first, each with its life."""
    ask = asking(story.world, "plant")
    found = []
    for statement in ask.one("billing.statements_of", list[Statement], agreement=agreement):
        life = ask.one(
            "billing.life_of", Life | None, agreement=agreement, period_ms=statement.period.from_ms
        )
        if life is not None:
            found.append((statement, life))
    return found


def confirm(story: Story, agreement: str) -> list[int]:
    """Both parties confirm what of an agreement is not confirmed yet; the gross sums of these statements."""
    found = [each for each in statements(story, agreement) if not each[1].confirmed_ms]
    if not found:
        return []
    for member in (found[0][0].provider, found[0][0].user):
        do_all(
            story,
            member,
            [
                ConfirmStatement(
                    agreement=agreement, period_ms=statement.period.from_ms, content=life.content
                )
                for statement, life in found
            ],
        )
        story.wait()
    return [statement.gross_minor for statement, _ in found]


def invoice(story: Story, agreement: str, series: int) -> int:
    """The provider records an invoice for every statement that asks for money and has none; how many."""
    found = statements(story, agreement)
    actions = list(_invoices(story, agreement, series, found))
    if actions:
        do_all(story, found[0][0].provider, actions)
        story.wait()
    return len(actions)


def _invoices(story: Story, agreement: str, series: int, found: Sequence[Stated]) -> Iterator[Action]:
    day = story.world.clock.now_ms // limits.DAY_MS
    for number, (statement, life) in enumerate(found, 1):
        sums = standing_sums(statement, life)
        if sums.gross_minor <= 0 or life.invoice is not None:
            continue
        printed = f"2632{series:04d}{number:012d}"
        yield RecordInvoice(
            agreement=agreement,
            period_ms=statement.period.from_ms,
            invoice=Invoice(
                kind="fapiao",
                number=printed,
                issued_day=day,
                net_minor=sums.net_minor,
                tax_minor=sums.tax_minor,
                gross_minor=sums.gross_minor,
                sha256=hashlib.sha256(printed.encode()).hexdigest(),
            ),
        )


def accruals(story: Story, agreement: str, day: int) -> list[Accrued]:
    """What of an agreement is not billed at the end of a local date; none where it cannot be reckoned."""
    ask = asking(story.world, "plant")
    agreed = ask.one("billing.agreement_of", Agreement, agreement=agreement)
    try:
        _, found = accrued(ask, agreement, agreed, day)
    except Refusal:
        return []
    return found


def do_all(story: Story, member: str, actions: Sequence[Action]) -> None:
    """A few in each transaction."""
    for start in range(0, len(actions), ACTIONS_AT_ONCE):
        story.client(member).do(*actions[start : start + ACTIONS_AT_ONCE])
