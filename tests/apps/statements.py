"""A line that maker leases to plant, with terms of settlement: periods closed in a moment, for tests of what
becomes of their statements.
"""

from collections.abc import Callable
from typing import Any

from hansa.apps.billing.lifecycle import content
from hansa.apps.billing.messages import Binding, Propose, Statement
from hansa.apps.billing.messages_life import (
    Concede,
    Concession,
    ConfirmStatement,
    Correction,
    DisputeStatement,
    Invoice,
    Life,
    OpenItems,
    RecordInvoice,
    RecordRedLetter,
    WithdrawDispute,
)
from hansa.apps.billing.tariff import Fixed, Tariff
from hansa.apps.billing.terms import GapRule, Settlement, Terms
from hansa.apps.consortium.tables import MEMBERS
from hansa.apps.money.messages import Allocation, Obligation, Receive
from hansa.apps.money.tables import OBLIGATIONS
from hansa.kernel import Context, limits, replace
from tests.apps.ground import REGISTRY, Ground, accept, feed
from tests.apps.tariffs import PIECE, TARIFF, calendar_of

DAY = limits.DAY_MS
START_MS = 20_089 * DAY - 8 * limits.HOUR_MS
"""2025-01-01 at midnight in Shanghai."""
FROM_MS, TO_MS = START_MS + 31 * DAY, START_MS + 151 * DAY
"""February to May."""
MARCH_MS, APRIL_MS, MAY_MS = FROM_MS + 28 * DAY, FROM_MS + 59 * DAY, FROM_MS + 89 * DAY
FEE = Fixed(clause="base_fee", tax="vat", amount_minor=100_000)
SMALL = Fixed(clause="service", tax="vat", amount_minor=33_333)
PIECES = replace(
    TARIFF,
    purpose="internal",
    meters=TARIFF.meters[:1],
    elements=(FEE, SMALL, PIECE),
    windows=(),
    taxes=TARIFF.taxes[:1],
)
"""Each month: line 1 of 1,130.00 gross, line 2 of 376.66, line 3 (included) of nothing, then pieces."""
TERMS = Settlement(payment_days=30, runs_from="period_end")
HASH = "ab" * 32
GAP = GapRule("pieces", limits.HOUR_MS, "counter_difference")


class Desk(Ground):
    """Maker provides, plant uses, agreement g-1, months from February to May."""

    def __init__(
        self,
        settlement: Settlement | None = TERMS,
        tariff: Tariff = PIECES,
        sizes: tuple[str, str] = ("small", "small"),
    ) -> None:
        super().__init__(START_MS)
        for member, size in zip(("maker", "plant"), sizes, strict=True):
            self.resize(member, size)
        self.register(pieces=feed())
        self.publish(tariff, calendar_of("Asia/Shanghai"))
        self.propose(settlement)
        self.recorded = self.entries = self.total = 0

    def propose(
        self, settlement: Settlement | None, name: str = "g-1", times: tuple[int, int] = (FROM_MS, TO_MS)
    ) -> None:
        """Maker proposes, plant accepts."""
        meters = (Binding("pieces", "plant", "pieces"),)
        terms = Terms(cut_off_ms=0, gaps=(GAP,), settlement=settlement)
        self.do("maker", Propose(name, "maker", "plant", "maker", "t-1", 1, meters, terms, *times))
        self.do("plant", accept(name))

    def resize(self, member: str, size: Any) -> None:
        ctx = self.context()
        found = MEMBERS.get(ctx, (member,))
        assert found is not None
        MEMBERS.put(ctx, (member,), replace(found, size=size))
        ctx.layer.merge_into(self.layer)

    def produce(self, pieces: int, at_ms: int) -> None:
        """The counter stands so much higher at an instant."""
        self.recorded += 1
        self.total += pieces
        self.now_ms = max(self.now_ms, at_ms)
        self.record("pieces", (at_ms, self.total), first=self.recorded)

    def close(self, period_ms: int = FROM_MS, pieces: int = 0) -> Statement:
        """The month from `period_ms` is over, and was closed by itself."""
        following = {FROM_MS: MARCH_MS, MARCH_MS: APRIL_MS, APRIL_MS: MAY_MS, MAY_MS: TO_MS}
        if pieces:
            if not self.recorded:
                self.produce(0, period_ms)
            self.produce(pieces, following[period_ms] - DAY)
        self.move_to(following[period_ms])
        return self.statement(period_ms)

    def reading(self) -> Context:
        """To look at what is there; no block of its own."""
        ctx = self.context()
        self.height -= 1
        return ctx

    def ask(self, query: Callable[..., Any], *arguments: Any) -> Any:
        return query(self.reading(), *arguments)

    def one(self, name: str, kind: Any, **arguments: Any) -> Any:
        """A query as a client asks it."""
        return REGISTRY.queries[name](self.reading(), **arguments)

    def statement(self, period_ms: int = FROM_MS, name: str = "g-1") -> Statement:
        found: Statement = self.ask(REGISTRY.queries["billing.statement_of"], name, period_ms)
        return found

    def life(self, period_ms: int = FROM_MS, name: str = "g-1") -> Life:
        found: Life = self.ask(REGISTRY.queries["billing.life_of"], name, period_ms)
        return found

    def open_items(self, name: str = "g-1") -> OpenItems:
        found: OpenItems = self.ask(REGISTRY.queries["billing.open_of"], name)
        return found

    def corrections(self, period_ms: int = FROM_MS) -> list[Correction]:
        found: list[Correction] = self.ask(REGISTRY.queries["billing.corrections_of"], "g-1", period_ms)
        return found

    def obligations(self) -> dict[str, Obligation]:
        return {str(key[0]): found for key, found in OBLIGATIONS.scan(self.reading(), limit=limits.ALL_ROWS)}

    # What the parties do.

    def confirm(self, *members: str, period_ms: int = FROM_MS) -> None:
        for member in members or ("maker", "plant"):
            action = ConfirmStatement("g-1", period_ms, content(self.statement(period_ms)))
            self.do(member, action)

    def dispute(self, member: str, *lines: int, period_ms: int = FROM_MS) -> None:
        self.do(member, DisputeStatement("g-1", period_ms, lines, "wrong_count"))

    def withdraw(self, member: str, period_ms: int = FROM_MS) -> None:
        self.do(member, WithdrawDispute("g-1", period_ms))

    def concede(self, member: str, period_ms: int = FROM_MS, **lines: int) -> None:
        """`concede("maker", l1=500)` gives up 5.00 of line 1."""
        given = tuple(Concession(int(name[1:]), amount) for name, amount in lines.items())
        self.do(member, Concede("g-1", period_ms, given, "agreed_by_phone"))

    def invoice(self, period_ms: int = FROM_MS, replaces: str = "", **changes: Any) -> None:
        self.do("maker", RecordInvoice("g-1", period_ms, self.paper(period_ms, **changes), replaces))

    def paper(self, period_ms: int = FROM_MS, **changes: Any) -> Invoice:
        """The invoice that fits the statement."""
        statement, life = self.statement(period_ms), self.life(period_ms)
        fitting = Invoice(
            kind="fapiao",
            number="25312000000012345678",
            issued_day=self.now_ms // DAY,
            net_minor=statement.net_minor + life.corrected_net_minor,
            tax_minor=statement.tax_minor + life.corrected_tax_minor,
            gross_minor=statement.gross_minor + life.corrected_gross_minor,
            sha256=HASH,
        )
        return replace(fitting, **changes)

    def red_letter(self, correction: int = 1, number: str = "44030725051001117191", **at: Any) -> None:
        period_ms = at.get("period_ms", FROM_MS)
        self.do("maker", RecordRedLetter("g-1", period_ms, correction, number))

    def pay(self, obligation: str, amount_minor: int, value_ms: int = 0) -> None:
        """The creditor finds a payment on its bank statement."""
        owed = self.obligations()[obligation]
        self.entries += 1
        receipt = Receive(
            entry=f"{self.entries:064x}",
            currency=owed.currency,
            amount_minor=amount_minor,
            value_ms=value_ms or self.now_ms,
            payer=owed.debtor,
            allocations=(Allocation(obligation, amount_minor),),
        )
        self.do(owed.creditor, receipt)

    def pay_all(self, value_ms: int = 0) -> None:
        """Everything that is open is paid."""
        for name, owed in self.obligations().items():
            if owed.state == "open":
                self.pay(name, owed.amount_minor - owed.paid_minor, value_ms)


def owing(desk: Desk) -> int:
    """What is owed in all of g-1, by plant to maker, with what goes back."""
    return sum(
        owed.amount_minor if owed.debtor == "plant" else -owed.amount_minor
        for owed in desk.obligations().values()
    )


Act = Callable[[Desk], Any]
