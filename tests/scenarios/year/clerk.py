"""What clerks do with a statement: confirm, dispute, concede, invoice, pay; told as plain data as well.

Debts have plain keys: (agreement, period_ms, n) is the n-th part of a statement's life, what goes back
included; ("pay-in", fund), ("return", fund); ("interest", key, n); ("refund", creditor, entry, n). A fund is
`<agreement>:<kind>`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hansa.apps.billing.lifecycle import content, standing_sums
from hansa.apps.billing.messages import Statement
from hansa.apps.billing.messages_life import (
    Concede,
    Concession,
    ConfirmStatement,
    DisputeStatement,
    Invoice,
    RecordInvoice,
    RecordRedLetter,
    WithdrawDispute,
)
from hansa.apps.money.interface import name_of, pay_in_of, return_of
from hansa.apps.money.messages import Allocation, Apply, Receive, Refund
from hansa.apps.money.queries import ListedObligation, ListedReceipt
from tests.scenarios.year.tapes import DAY
from tests.scenarios.year.town import Town

Key = tuple[Any, ...]


@dataclass
class Clerks:
    """Those of all companies."""

    town: Town
    entries: int = 0
    papers: int = 0

    # Names.

    def hansa_name(self, key: Key) -> str:
        """What a debt is called on the ledger."""
        match key:
            case ("pay-in", fund):
                return pay_in_of(name_of(*fund.split(":")))
            case ("return", fund):
                return return_of(name_of(*fund.split(":")))
            case ("interest", of, number):
                return name_of("interest", self.hansa_name(of), str(number))
            case ("refund", creditor, entry, number):
                return name_of("refund", creditor, entry, str(number))
            case (agreement, period_ms, number):
                return self.town.life(agreement, period_ms).parts[number].obligation
        raise KeyError(key)

    def owed(self, key: Key) -> ListedObligation:
        found: ListedObligation = self.town.ask(
            "money.obligation", ListedObligation, obligation=self.hansa_name(key)
        )
        return found

    # Words.

    def confirm(self, by: str, of: Statement) -> None:
        name, period_ms = of.agreement, of.period.from_ms
        self.town.do(by, ConfirmStatement(name, period_ms, content(of)))
        self.town.tell("confirm", agreement=name, period_ms=period_ms, by=by)

    def dispute(self, by: str, of: Statement, lines: Sequence[int]) -> None:
        name, period_ms = of.agreement, of.period.from_ms
        self.town.do(by, DisputeStatement(name, period_ms, tuple(lines), "wrong_count"))
        self.town.tell("dispute", agreement=name, period_ms=period_ms, by=by, lines=list(lines))

    def withdraw(self, by: str, of: Statement) -> None:
        name, period_ms = of.agreement, of.period.from_ms
        self.town.do(by, WithdrawDispute(name, period_ms))
        self.town.tell("withdraw", agreement=name, period_ms=period_ms, by=by)

    def concede(self, by: str, of: Statement, lines: Mapping[int, int]) -> None:
        """`lines`: gross given up, by number."""
        name, period_ms = of.agreement, of.period.from_ms
        given = tuple(Concession(number, gross) for number, gross in lines.items())
        self.town.do(by, Concede(name, period_ms, given, "agreed_by_phone"))
        self.town.tell("concede", agreement=name, period_ms=period_ms, by=by, gross=dict(lines))

    # Papers.

    def _number(self) -> str:
        self.papers += 1
        return f"{25_312_000_000_000_000_000 + self.papers:020d}"

    def invoice(self, of: Statement) -> None:
        name, period_ms = of.agreement, of.period.from_ms
        sums = standing_sums(of, self.town.life(name, period_ms))
        paper = Invoice(
            kind="fapiao",
            number=self._number(),
            issued_day=self.town.now_ms // DAY,
            net_minor=sums.net_minor,
            tax_minor=sums.tax_minor,
            gross_minor=sums.gross_minor,
            sha256="ab" * 32,
        )
        self.town.do(of.provider, RecordInvoice(name, period_ms, paper))
        self.town.tell("invoice", agreement=name, period_ms=period_ms)

    def red_letter(self, of: Statement, correction: int) -> None:
        name, period_ms = of.agreement, of.period.from_ms
        self.town.do(of.provider, RecordRedLetter(name, period_ms, correction, self._number()))
        self.town.tell("red_letter", agreement=name, period_ms=period_ms, correction=correction)

    # Money.

    def receive(self, creditor: str, payer: str, amount: int, pays: Mapping[Key, int], currency: str) -> str:
        """The creditor finds a payment on its bank statement, of today; its entry."""
        self.entries += 1
        entry, value_ms = f"{self.entries:064x}", self.town.now_ms // DAY * DAY
        named = tuple(Allocation(self.hansa_name(key), share) for key, share in pays.items())
        self.town.do(creditor, Receive(entry, currency, amount, value_ms, payer, named))
        self.town.tell(
            "receipt",
            entry=entry,
            creditor=creditor,
            payer=payer,
            amount=amount,
            value_day=value_ms // DAY,
            pays=dict(pays),
            currency=currency,
        )
        return entry

    def apply(self, creditor: str, entry: str, pays: Mapping[Key, int]) -> None:
        named = tuple(Allocation(self.hansa_name(key), share) for key, share in pays.items())
        self.town.do(creditor, Apply(entry, named))
        self.town.tell("apply", entry=entry, creditor=creditor, pays=dict(pays))

    def refund(self, creditor: str, entry: str, amount: int, due_ms: int) -> None:
        self.town.do(creditor, Refund(entry, amount, due_ms))
        self.town.tell("refund", entry=entry, creditor=creditor, amount=amount, due_ms=due_ms)

    def open_parts(self, of: Statement, debtor: str) -> dict[Key, tuple[str, int]]:
        """What a debtor still owes of a statement: creditor and amount by key."""
        name, period_ms = of.agreement, of.period.from_ms
        found: dict[Key, tuple[str, int]] = {}
        for number, part in enumerate(self.town.life(name, period_ms).parts):
            owed = self.owed((name, period_ms, number)).obligation
            if part.debtor == debtor and owed.state == "open":
                found[name, period_ms, number] = part.creditor, owed.amount_minor - owed.paid_minor
        return found

    def pay(self, debtor: str, of: Statement, share: tuple[int, int] = (1, 1), beyond: int = 0) -> list[str]:
        """Each creditor finds a transfer of such a share of what is open, and so much beyond; the entries."""
        open_parts = self.open_parts(of, debtor)
        entries = []
        for creditor in dict.fromkeys(creditor for creditor, _ in open_parts.values()):
            pays = {
                key: amount * share[0] // share[1]
                for key, (to, amount) in open_parts.items()
                if to == creditor
            }
            amount = sum(pays.values()) + beyond
            entries.append(self.receive(creditor, debtor, amount, pays, of.currency))
        return entries

    def use_rests(self, debtor: str, of: Statement) -> None:
        """The creditor applies what is unapplied of the debtor's receipts to what is open of a statement."""
        for key, (creditor, amount) in self.open_parts(of, debtor).items():
            for listed in self.town.ask(
                "money.unapplied", list[ListedReceipt], creditor=creditor, payer=debtor
            ):
                receipt = listed.receipt
                rest = receipt.amount_minor - receipt.applied_minor - receipt.refunded_minor
                share = min(rest, amount)
                if share > 0:
                    self.apply(creditor, listed.entry, {key: share})
                    amount -= share


Step = Callable[[Clerks, Statement], None]
"""What is done with a statement, some days after its close."""


def charged(of: Statement, *clauses: str) -> list[int]:
    """Numbers of lines that count against the user."""
    return [
        line.number for line in of.lines if line.gross_minor > 0 and line.clause in (clauses or line.clause)
    ]


def credited(of: Statement) -> list[int]:
    """Numbers of lines that count against the provider."""
    return [line.number for line in of.lines if line.gross_minor < 0]


def part_of(of: Statement, number: int, share: tuple[int, int]) -> dict[int, int]:
    """A share of a line, as it is conceded."""
    gross = abs(of.lines[number - 1].gross_minor)
    return {number: max(gross * share[0] // share[1], 1)}
