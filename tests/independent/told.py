"""Acts on a ledger in memory, each told to the second opinion as well; and what both say of it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any

from independent.books import Books
from independent.debts import DAY_MS, Agreement, Key
from independent.journal import Chart, Entry, Voucher

from hansa.apps.billing.messages import Statement
from hansa.apps.billing.tariff import Tariff
from hansa.apps.billing.terms import Settlement
from hansa.apps.money import interface as money
from hansa.apps.money.messages import (
    Allocation,
    Apply,
    NoteInvoice,
    Owe,
    Receive,
    Refund,
    Reverse,
    SetOff,
    Waive,
)
from hansa.apps.money.tables import FUNDS
from hansa.client.journal import Voucher as HansaVoucher
from tests.apps.statements import FROM_MS, MARCH_MS, PIECES, TO_MS, Desk

Line = tuple[Any, ...]


class Told:
    """Maker and plant at a desk, and books that are told of all they do."""

    def __init__(
        self, settlement: Settlement, sizes: tuple[str, str] = ("small", "small"), tariff: Tariff = PIECES
    ) -> None:
        self.desk = Desk(settlement, tariff, sizes)
        agreement = Agreement(
            name="g-1",
            provider="maker",
            user="plant",
            payment_days=settlement.payment_days,
            runs_from=settlement.runs_from,
            silence_days=settlement.silence_days,
            interest_bp=settlement.interest_bp,
            interest_percent="13" if settlement.interest_tax else None,
            protected=sizes == ("small", "large"),
            to_ms=TO_MS,
        )
        self.books = Books([agreement])
        self.stated: set[int] = set()
        self.names: dict[str, Key] = {}
        self.entries = 0

    def tell(self, act: str, /, **what: Any) -> None:
        self.books.tell((self.desk.now_ms, act, what))
        self.look()

    def look(self) -> None:
        """Tell of statements that were closed, oldest first; and learn what debts are called."""
        for statement in self.desk.statements():
            period = statement.period
            if period.from_ms not in self.stated:
                self.stated.add(period.from_ms)
                what: dict[str, Any] = {
                    "agreement": "g-1",
                    "period_ms": period.from_ms,
                    "to_ms": period.to_ms,
                }
                what |= {"lines": lines_of(statement), "shares": shares_of(statement)}
                self.books.tell((statement.closed_ms, "stated", what))
        for period_ms in self.stated:
            for number, part in enumerate(self.desk.life(period_ms).parts):
                self.names[part.obligation] = ("g-1", period_ms, number)
        for name in self.books.funds:
            fund = fund_name(name)
            self.names[money.pay_in_of(fund)] = ("pay-in", name)
            self.names[money.return_of(fund)] = ("return", name)
            self.names[money.same_again_of(fund)] = ("same-again", name)
        for key in self.books.owed:
            if key[0] == "interest":
                debt = next(name for name, of in self.names.items() if of == key[1])
                self.names[money.name_of("interest", debt, str(key[2]))] = key
            elif key[0] == "refund":
                self.names[money.name_of("refund", *(str(each) for each in key[1:]))] = key
            elif key[0] == "own":
                self.names[money.name_of("owed", key[1], key[2])] = key

    # What the parties do: first on the ledger, which may refuse it.

    def close(self, period_ms: int, pieces: int) -> None:
        self.desk.close(period_ms, pieces=pieces)
        self.look()

    def wait(self, days: int) -> None:
        self.desk.move_to(self.desk.now_ms + days * DAY_MS)
        self.look()
        self.books.move_to(self.desk.now_ms)

    def confirm(self, by: str, period_ms: int) -> None:
        self.desk.confirm(by, period_ms=period_ms)
        self.tell("confirm", agreement="g-1", period_ms=period_ms, by=by)

    def dispute(self, by: str, period_ms: int, *lines: int) -> None:
        self.desk.dispute(by, *lines, period_ms=period_ms)
        self.tell("dispute", agreement="g-1", period_ms=period_ms, by=by, lines=lines)

    def withdraw(self, by: str, period_ms: int) -> None:
        self.desk.withdraw(by, period_ms)
        self.tell("withdraw", agreement="g-1", period_ms=period_ms, by=by)

    def concede(self, by: str, period_ms: int, line: int, gross: int) -> None:
        self.desk.concede(by, period_ms, **{f"l{line}": gross})
        self.tell("concede", agreement="g-1", period_ms=period_ms, by=by, gross={line: gross})

    def invoice(self, period_ms: int) -> None:
        number = f"2531200000{period_ms % 10**10:010d}"
        self.desk.invoice(period_ms, number=number)
        self.tell("invoice", agreement="g-1", period_ms=period_ms)

    def red_letter(self, period_ms: int, correction: int) -> None:
        self.desk.red_letter(correction, f"44{period_ms % 10**10:010d}{correction:08d}", period_ms=period_ms)
        self.tell("red_letter", agreement="g-1", period_ms=period_ms, correction=correction)

    def open_names(self, creditor: str) -> list[str]:
        return [
            n for n, one in self.desk.obligations().items() if (one.creditor, one.state) == (creditor, "open")
        ]

    def pay(self, creditor: str, payer: str, amount: int, names: Sequence[str], days_ago: int = 0) -> None:
        """What the debts take of it, in order; the rest stays unapplied."""
        pays = self._shared(amount, names)
        self.entries += 1
        entry, day = f"{self.entries:064x}", self.desk.now_ms // DAY_MS - days_ago
        allocations = tuple(Allocation(name, part) for name, part in pays.items())
        self.desk.do(creditor, Receive(entry, "CNY", amount, day * DAY_MS, payer, allocations))
        keys = {self.names[name]: part for name, part in pays.items()}
        what = {"entry": entry, "creditor": creditor, "payer": payer, "amount": amount}
        self.tell("receipt", **what, value_day=day, pays=keys)

    def apply(self, creditor: str, entry: str, amount: int, names: Sequence[str]) -> None:
        pays = self._shared(amount, names)
        allocations = tuple(Allocation(name, part) for name, part in pays.items())
        self.desk.do(creditor, Apply(entry, allocations))
        keys = {self.names[name]: part for name, part in pays.items()}
        self.tell("apply", entry=entry, creditor=creditor, pays=keys)

    def _shared(self, amount: int, names: Sequence[str]) -> dict[str, int]:
        pays = {}
        for name in names:
            one = self.desk.obligations()[name]
            part = min(amount, one.amount_minor - one.paid_minor)
            if part:
                pays[name] = part
                amount -= part
        return pays

    def undo(self, creditor: str, entry: str, *names: str) -> None:
        self.desk.do(creditor, Reverse(entry, "mistake", names))
        self.tell("undo", entry=entry, creditor=creditor, debts=[self.names[name] for name in names])

    def refund(self, creditor: str, entry: str, amount: int) -> None:
        due_ms = self.desk.now_ms + DAY_MS
        self.desk.do(creditor, Refund(entry, amount, due_ms))
        self.tell("refund", entry=entry, creditor=creditor, amount=amount, due_ms=due_ms)

    def waive(self, name: str, amount: int) -> None:
        creditor = self.desk.obligations()[name].creditor
        self.desk.do(creditor, Waive(name, amount, "goodwill"))
        self.tell("waive", key=self.names[name], amount=amount)

    def set_off(self, name: str, against: str, amount: int) -> None:
        creditor = self.desk.obligations()[name].creditor
        self.desk.do(creditor, SetOff(name, against, amount))
        self.tell("set_off", key=self.names[name], against=self.names[against], amount=amount)

    def owe(self, debtor: str, creditor: str, amount: int) -> None:
        self.entries += 1
        name, due_ms = f"own-{self.entries}", self.desk.now_ms + DAY_MS
        self.desk.do(debtor, Owe(name, creditor, "CNY", amount, due_ms))
        key = ("own", debtor, name)
        self.tell("owe", key=key, debtor=debtor, creditor=creditor, amount=amount, due_ms=due_ms)

    def open_fund(self, kind: Any, amount: int) -> None:
        """The plant is to pay it, the maker holds it."""
        name, due_ms = f"g-1:{kind}", self.desk.now_ms + DAY_MS
        secured = amount * 10 if kind == "earnest_money" else 0
        fund = money.Fund(kind, "plant", "maker", "CNY", amount, due_ms, "g-1", secured_minor=secured)
        self._of_a_room(money.open_fund, fund_name(name), fund)
        what = {"fund": name, "kind": kind, "payer": "plant", "holder": "maker", "amount": amount}
        self.tell("fund", **what, agreement="g-1", due_ms=due_ms)

    def note_invoice(self, fund: str) -> None:
        self.desk.do("maker", NoteInvoice(fund_name(fund), "25312000000012345678"))
        self.tell("note_invoice", fund=fund)

    def claim(self, fund: str, name: str, amount: int) -> None:
        self._of_a_room(money.claim_fund, fund_name(fund), amount, name)
        self.tell("claim", fund=fund, key=self.names[name], amount=amount)

    def end_fund(self, fund: str, how: str) -> None:
        ends = {"returned": money.return_fund, "forfeited": money.forfeit, "doubled": money.double}
        self._of_a_room(ends[how], fund_name(fund))
        self.tell("fund_end", fund=fund, how=how)

    def _of_a_room(self, act: Any, *arguments: Any) -> None:
        ctx = self.desk.context()
        act(ctx, *arguments)
        self.desk.keep(ctx)

    # What both say.

    def compare(self) -> None:
        """Debts and funds, one by one."""
        self.look()
        here = {
            self.names[name]: (
                one.debtor,
                one.creditor,
                one.amount_minor,
                one.paid_minor,
                one.due_ms,
                one.cause,
            )
            for name, one in self.desk.obligations().items()
        }
        there = {
            key: (one.debtor, one.creditor, one.amount, one.paid, one.due_ms, here[key][5])
            for key, one in self.books.owed.items()
        }
        assert here == there
        for name, fund in self.books.funds.items():
            found = FUNDS.get(self.desk.reading(), (fund_name(name),))
            assert found is not None
            ends = (found.returned_minor, found.forfeited_minor)
            assert (found.paid_in_minor, found.drawn_minor, *ends) == (
                fund.paid_in, fund.drawn, fund.returned, fund.forfeited,
            )  # fmt: skip


def fund_name(name: str) -> str:
    return money.name_of(*name.split(":"))


def lines_of(statement: Statement) -> list[dict[str, Any]]:
    return [
        {
            "number": line.number,
            "clause": line.clause,
            "kind": line.kind,
            "percent": Fraction(line.tax_rate_bp, 100),
            "net": line.net_minor,
            "tax": line.tax_minor,
            "gross": line.gross_minor,
        }
        for line in statement.lines
    ]


def shares_of(statement: Statement) -> list[tuple[str, str, int, int, int]]:
    return [
        (one.debtor, one.creditor, one.net_minor, one.tax_minor, one.gross_minor) for one in statement.shares
    ]


def chart_of(chart: Any) -> Chart:
    return Chart(chart.tax_at, chart.reversal, chart.prepayment_tax_bp, chart.timezone, chart.open_days)


def lines_here(member: str, vouchers: Iterable[HansaVoucher]) -> Counter[Line]:
    """Every journal line of Hansa's."""
    return Counter(
        (
            member, voucher.day, voucher.partner, voucher.agreement, voucher.currency, entry.role,
            entry.debit_minor, entry.credit_minor,
            Fraction(entry.tax_rate_bp, 100) if entry.tax_rate_bp >= 0 else None,
        )
        for voucher in vouchers
        for entry in voucher.entries
    )  # fmt: skip


def lines_there(vouchers: Iterable[Voucher]) -> Counter[Line]:
    """Every journal line of the second opinion's."""

    def of(voucher: Voucher, entry: Entry) -> Line:
        return (*voucher[:5], *entry)

    return Counter(of(voucher, entry) for voucher in vouchers for entry in voucher.entries)


PERIODS = (FROM_MS, MARCH_MS)
