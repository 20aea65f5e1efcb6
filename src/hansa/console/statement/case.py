"""All that stands on the paper of a statement, as the ledger tells it."""

from dataclasses import dataclass
from typing import Any, Protocol

from hansa.apps.billing.lifecycle import content
from hansa.apps.billing.messages import Agreement, Statement
from hansa.apps.billing.messages_life import Correction, Life
from hansa.apps.consortium.calendars import Calendar
from hansa.apps.consortium.messages import Member
from hansa.apps.money.messages import Obligation
from hansa.apps.money.queries import ListedObligation
from hansa.client.agreements import priced_by
from hansa.kernel.refusal import Refusal


class StatementMissing(Refusal, code="statement.missing", field="period_ms"):
    zh = "协议 {agreement} 没有起始于 {period_ms} 的结算单。可用 hansa statement list 查看。"
    en = "Agreement {agreement} has no statement of the period from {period_ms}. See hansa statement list."


class Asks(Protocol):
    """A query of a node, its answer decoded as `kind`."""

    def one(self, name: str, kind: Any, **arguments: Any) -> Any: ...


@dataclass(frozen=True)
class Case:
    """A statement with what belongs to it. `parties`: by member id."""

    chain: str
    name: str
    """The agreement's id."""
    agreement: Agreement
    statement: Statement
    calendar: Calendar
    parties: dict[str, Member]
    life: Life | None = None
    corrections: tuple[Correction, ...] = ()
    obligations: tuple[tuple[str, Obligation], ...] = ()
    """(id, obligation) that followed of it, in order."""

    @property
    def evidence(self) -> str:
        """Digest of the statement: what the parties confirm, and what an evidence bundle proves."""
        return content(self.statement)


def gather(asks: Asks, chain: str, agreement: str, period_ms: int) -> Case:
    """A statement and what belongs to it, as they stand now. Raises StatementMissing."""
    found: Agreement | None = asks.one("billing.agreement_of", Agreement | None, agreement=agreement)
    statement: Statement | None = None
    if found is not None:
        statement = asks.one(
            "billing.statement_of", Statement | None, agreement=agreement, period_ms=period_ms
        )
    if found is None or statement is None:
        raise StatementMissing(agreement=agreement, period_ms=period_ms)
    _, calendar = priced_by(asks.one, found)
    life: Life | None = asks.one("billing.life_of", Life | None, agreement=agreement, period_ms=period_ms)
    corrections = asks.one(
        "billing.corrections_of", list[Correction], agreement=agreement, period_ms=period_ms
    )
    listed = [
        asks.one("money.obligation", ListedObligation, obligation=part.obligation)
        for part in (life.parts if life else ())
    ]
    names = [found.provider, found.user, *(one.obligation.debtor for one in listed)]
    names += [one.obligation.creditor for one in listed]
    return Case(
        chain=chain,
        name=agreement,
        agreement=found,
        statement=statement,
        calendar=calendar,
        parties={name: asks.one("consortium.member", Member, member=name) for name in dict.fromkeys(names)},
        life=life,
        corrections=tuple(corrections),
        obligations=tuple((one.id, one.obligation) for one in listed),
    )
