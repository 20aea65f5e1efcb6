"""What members, banks and other rooms may do with money, drawn by chance: the books add up after each step,
the lists name what they should, no fund serves another's purpose, and the same steps lead to the same bytes.
"""

from collections.abc import Callable
from random import Random
from typing import Any

from hansa.apps.money import interface as money
from hansa.apps.money.conservation import fund_left
from hansa.apps.money.interface import Fund, Overdue, Owed, Paid, Unpaid
from hansa.apps.money.messages import (
    Allocation,
    Apply,
    FundDrawn,
    FundRecord,
    Obligation,
    Owe,
    Receipt,
    Receive,
    Refund,
    Reverse,
    SetOff,
    Waive,
)
from hansa.apps.money.messages_bank import (
    AttestDeposit,
    AttestWithdrawal,
    Capture,
    Pay,
    RefuseWithdrawal,
    Release,
    RequestWithdrawal,
    SetAside,
    Transfer,
)
from hansa.apps.money.receipts import unapplied_minor
from hansa.apps.money.tables import (
    ALL,
    ASKED,
    FUNDS,
    HOLDS,
    HOLDS_OF,
    OBLIGATIONS,
    OWED_BY,
    OWED_TO,
    RECEIPTS,
    SHARES,
    UNAPPLIED,
    WITHDRAWALS,
)
from hansa.kernel import Action, Refusal, Table
from tests.apps.purse import DAY, Purse, entry

MEMBERS = ("maker", "plant", "plant", "third")
AMOUNTS = (1, 2, 3, 5, 10, 20, 20, 2**53 - 1)
CURRENCIES = ("CNY", "CNY", "CNY", "EUR")
PAIRS = (*[("plant", "maker")] * 4, *[("maker", "plant")] * 2, ("third", "maker"), ("plant", "plant"))
KINDS = ("security_deposit", "prepayment", "earnest_money")
MODES = ("external", "bank")


def payable(obligation: Obligation) -> bool:
    return obligation.state == "open" and obligation.mode == "external" and obligation.currency == "CNY"


class Walk:
    """One sequence of steps; each step draws what it needs from a source of chance."""

    def __init__(self) -> None:
        self.purse = Purse()
        self.steps: list[Callable[[Purse], Any]] = []
        self.attested: dict[str, int] = {}

    def take(self, step: Callable[[Purse], Any]) -> bool:
        """Try it: refused by name or done."""
        self.steps.append(step)
        return tried(self.purse, step)

    def act(self, member: str, action: Action) -> bool:
        return self.take(lambda purse: purse.do(member, action))

    def room(self, function: Callable[..., Any], *arguments: Any) -> bool:
        return self.take(lambda purse: purse.call(function, *arguments))

    def all_have_claims_and_debts(self) -> None:
        self.take(lambda purse: purse.open_claims(plant=500, maker=100))
        self.attested["CNY"] = 600
        self.owes("first", "plant", "maker", "CNY", 20, "external", 2)
        self.owes("second", "plant", "maker", "CNY", 20, "bank", 2)
        for kind in ("security_deposit", "prepayment", "earnest_money"):
            for mode in ("external", "bank"):
                self.opens(f"{kind}-{mode}", kind, "plant", "maker", 20, mode)

    def pick(self, luck: Random, table: Table[Any], fit: Callable[[Any], bool] = bool) -> Any:
        """A row that fits, most often; (key, record), or None where there is none."""
        rows = [(key, found) for key, found in self.purse.rows(table).items()]
        fitting = [row for row in rows if fit(row[1])]
        chosen = fitting if fitting and luck.random() < 0.85 else rows
        return luck.choice(chosen) if chosen else None

    def one_of(self, luck: Random, right: str) -> str:
        """The right member, most often."""
        return right if luck.random() < 0.85 else luck.choice(MEMBERS)

    # What other rooms do.

    def owe(self, luck: Random) -> None:
        name, days = f"o-{luck.randrange(40)}", luck.randrange(-2, 9)
        debtor, creditor = luck.choice(PAIRS)
        self.owes(
            name, debtor, creditor, luck.choice(CURRENCIES), luck.choice(AMOUNTS), luck.choice(MODES), days
        )

    def owes(
        self, name: str, debtor: str, creditor: str, currency: str, amount: int, mode: Any, days: int
    ) -> None:
        due_ms = self.purse.now_ms + days * DAY
        owed = Owed(debtor, creditor, currency, amount, due_ms, "statement", "lease-1", mode, "bank")
        self.room(money.owe, name, owed)

    def lessen(self, luck: Random) -> None:
        amount = luck.choice(AMOUNTS)
        (name,), _ = self.pick(luck, OBLIGATIONS)
        self.room(money.lessen, name, amount, "correction")

    def open_fund(self, luck: Random) -> None:
        payer, holder = luck.choice(PAIRS)
        name, amount = f"f-{luck.randrange(20)}", luck.choice(AMOUNTS)
        self.opens(name, luck.choice(KINDS), payer, holder, amount, luck.choice(MODES))

    def opens(self, name: str, kind: Any, payer: str, holder: str, amount: int, mode: Any) -> None:
        due_ms = self.purse.now_ms + DAY
        fund = Fund(kind, payer, holder, "CNY", amount, due_ms, "lease-1", mode, "bank", amount * 5)
        self.room(money.open_fund, name, fund)

    def use(self, luck: Random) -> None:
        amount, claimed = luck.choice(AMOUNTS), luck.random() < 0.5
        kind = "security_deposit" if claimed else "prepayment"
        (name,), fund = self.pick(luck, FUNDS, lambda f: f.kind == kind and fund_left(f) > 0)
        parties = (fund.payer, fund.holder)
        (owed,), _ = self.pick(
            luck,
            OBLIGATIONS,
            lambda o: o.state == "open" and (o.debtor, o.creditor) == parties and not o.fund,
        )
        self.room(money.claim_fund if claimed else money.draw, name, amount, owed)

    def end(self, luck: Random) -> None:
        how: Any = luck.choice((money.forfeit, money.double, money.return_fund))
        kinds = ["earnest_money"] if how is not money.return_fund else ["security_deposit", "prepayment"]
        (name,), _ = self.pick(luck, FUNDS, lambda f: f.kind in kinds and f.state == "open")
        self.room(how, name)

    # What members do.

    def acknowledge(self, luck: Random) -> None:
        (debtor, creditor), amount = luck.choice(PAIRS), luck.choice(AMOUNTS)
        self.act(debtor, Owe(f"d-{amount}", creditor, "CNY", amount, self.purse.now_ms + DAY))

    def receive(self, luck: Random) -> None:
        number, amount, days = luck.randrange(60), luck.choice(AMOUNTS), luck.randrange(4)
        payer = luck.choice(("", *MEMBERS))
        creditor, given = self.shares_of(luck, amount)
        value_ms = self.purse.now_ms - days * DAY
        self.act(creditor, Receive(entry(number), "CNY", amount, value_ms, payer, given))

    def receive_all_that_is_open(self, luck: Random) -> None:
        (name,), found = self.pick(luck, OBLIGATIONS, payable)
        amount = max(1, found.amount_minor - found.paid_minor)
        number = luck.randrange(60)
        given = (Allocation(str(name), amount),)
        value_ms = self.purse.now_ms
        self.act(found.creditor, Receive(entry(number), "CNY", amount, value_ms, found.debtor, given))

    def shares_of(self, luck: Random, amount: int) -> tuple[str, Any]:
        """(creditor, allocations) of obligations that one creditor may pay by so much."""
        (first,), found = self.pick(luck, OBLIGATIONS, payable)
        (second,), _ = self.pick(luck, OBLIGATIONS, lambda o: payable(o) and o.creditor == found.creditor)
        part = max(1, min(amount // 2, found.amount_minor - found.paid_minor))
        more = (Allocation(str(second), max(1, part // 2)),) if luck.random() < 0.5 else ()
        return self.one_of(luck, found.creditor), (Allocation(str(first), part), *more)

    def apply(self, luck: Random) -> None:
        amount = luck.choice(AMOUNTS)
        row = self.pick(luck, RECEIPTS, lambda r: unapplied_minor(r) > 0)
        if row is not None:
            (creditor, paid), found = row
            _, given = self.shares_of(luck, min(amount, max(1, unapplied_minor(found))))
            self.act(creditor, Apply(paid, given))

    def reverse(self, luck: Random) -> None:
        whole = luck.random() < 0.5
        row = self.pick(luck, SHARES if not whole else RECEIPTS)
        if row is not None:
            key, _ = row
            self.act(self.one_of(luck, key[0]), Reverse(key[1], "mistake", () if whole else (key[2],)))

    def refund(self, luck: Random) -> None:
        amount = luck.choice(AMOUNTS)
        row = self.pick(luck, RECEIPTS, lambda r: bool(r.payer) and unapplied_minor(r) > 0)
        if row is not None:
            (creditor, paid), _ = row
            self.act(creditor, Refund(paid, amount, self.purse.now_ms + DAY))

    def waive(self, luck: Random) -> None:
        amount = luck.choice(AMOUNTS)
        (name,), found = self.pick(luck, OBLIGATIONS, lambda o: o.state == "open")
        self.act(self.one_of(luck, found.creditor), Waive(str(name), amount, "kindness"))

    def set_off(self, luck: Random) -> None:
        (first,), owed = self.pick(
            luck, OBLIGATIONS, lambda o: o.state == "open" and o.due_ms <= self.purse.now_ms
        )

        def fit(o: Obligation) -> bool:
            return o.state == "open" and (o.debtor, o.creditor) == (owed.creditor, owed.debtor)

        (second,), _ = self.pick(luck, OBLIGATIONS, fit)
        self.act(self.one_of(luck, owed.creditor), SetOff(str(first), str(second), luck.choice(AMOUNTS)))

    # What banks and their customers do.

    def deposit(self, luck: Random) -> None:
        by, owner = luck.choice(("bank", "bank", "maker")), luck.choice(MEMBERS)
        amount, currency, reference = luck.choice(AMOUNTS), luck.choice(CURRENCIES), luck.randrange(60)
        if self.act(by, AttestDeposit(owner, currency, amount, f"R-{reference}")):
            self.attested[currency] = self.attested.get(currency, 0) + amount

    def ask_for_payout(self, luck: Random) -> None:
        amount, name = luck.choice(AMOUNTS), f"w-{luck.randrange(20)}"
        self.act(luck.choice(MEMBERS), RequestWithdrawal("bank", name, luck.choice(("CNY", "EUR")), amount))

    def answer(self, luck: Random) -> None:
        reference, refuses = luck.randrange(60), luck.random() < 0.4
        row = self.pick(luck, WITHDRAWALS, lambda w: w.state == "asked")
        if row is None:
            return
        (_, owner, name), asked = row
        if refuses:
            self.act("bank", RefuseWithdrawal(owner, name, "no"))
        elif self.act("bank", AttestWithdrawal(owner, name, f"R-{reference}")):
            self.attested[asked.currency] -= asked.amount_minor

    def transfer(self, luck: Random) -> None:
        payer, payee = luck.choice(MEMBERS), luck.choice((*MEMBERS, "bank"))
        self.act(payer, Transfer("bank", payee, luck.choice(CURRENCIES), luck.choice(AMOUNTS)))

    def pay(self, luck: Random) -> None:
        amount, all_of_it = luck.choice(AMOUNTS), luck.random() < 0.5
        (name,), found = self.pick(luck, OBLIGATIONS, lambda o: o.state == "open" and o.mode == "bank")
        left = found.amount_minor - found.paid_minor
        self.act(self.one_of(luck, found.debtor), Pay(str(name), left if all_of_it and left else amount))

    def hold(self, luck: Random) -> None:
        payer, payee = luck.choice(
            (("plant", "maker"), ("maker", "plant"), ("plant", "third"), ("maker",) * 2)
        )
        expires_ms = self.purse.now_ms + luck.randrange(10) * DAY
        amount, name = luck.choice(AMOUNTS), f"h-{luck.randrange(20)}"
        self.act(payer, SetAside(name, payee, "bank", "CNY", amount, expires_ms))

    def capture(self, luck: Random) -> None:
        amount, paying = luck.choice(AMOUNTS), luck.random() < 0.5
        row = self.pick(luck, HOLDS, lambda h: h.state == "open")
        if row is None:
            return
        (name,), found = row
        (owed,), _ = self.pick(
            luck,
            OBLIGATIONS,
            lambda o: o.state == "open" and o.mode == "bank" and o.creditor == found.payee,
        )
        self.act(self.one_of(luck, found.payee), Capture(name, amount, owed if paying else ""))

    def release(self, luck: Random) -> None:
        by_payer = luck.random() < 0.3
        row = self.pick(luck, HOLDS, lambda h: h.state == "open")
        if row is not None:
            (name,), found = row
            self.act(found.payer if by_payer else found.payee, Release(name))

    def days_pass(self, luck: Random) -> None:
        days, queue_works = luck.randrange(1, 3), luck.random() < 0.6

        def pass_them(purse: Purse) -> None:
            if queue_works:
                assert purse.move_to(purse.now_ms + days * DAY) == []
            else:
                purse.now_ms += days * DAY

        self.take(pass_them)

    # What always holds.

    def obligations(self) -> dict[str, Obligation]:
        return {str(key[0]): found for key, found in self.purse.rows(OBLIGATIONS).items()}  # type: ignore[misc]

    def every_sum_holds(self) -> None:
        assert self.purse.broken() == []

    def a_bank_owes_what_it_said_came_less_what_it_said_went(self) -> None:
        books = {each.currency: each.issued_minor for each in self.purse.ask("bank_books", bank="bank")}
        assert {name: found for name, found in books.items() if found} == {
            name: found for name, found in self.attested.items() if found
        }

    def lists_name_what_is_open_and_nothing_else(self) -> None:
        owed = {n: o for n, o in self.obligations().items() if o.state == "open"}
        to = {(o.creditor, o.due_ms, n): o.debtor for n, o in owed.items()}
        by = {(o.debtor, o.due_ms, n): o.creditor for n, o in owed.items()}
        assert {key: row.other for key, row in self.purse.rows(OWED_TO).items()} == to  # type: ignore[attr-defined]
        assert {key: row.other for key, row in self.purse.rows(OWED_BY).items()} == by  # type: ignore[attr-defined]
        receipts: Any = self.purse.rows(RECEIPTS)
        left = {(key[0], r.payer, key[1]) for key, r in receipts.items() if unapplied_minor(as_receipt(r))}
        assert set(self.purse.rows(UNAPPLIED)) == left
        held: Any = self.purse.rows(HOLDS)
        parties = {(m, key[0]) for key, h in held.items() if h.state == "open" for m in (h.payer, h.payee)}
        assert set(self.purse.rows(HOLDS_OF)) == parties
        asked: Any = self.purse.rows(WITHDRAWALS)
        assert set(self.purse.rows(ASKED)) == {key for key, w in asked.items() if w.state == "asked"}

    def no_fund_serves_another_purpose(self) -> None:
        """By what happened, not by what the records say."""
        found: dict[str, FundRecord] = {str(key[0]): f for key, f in self.purse.rows(FUNDS).items()}  # type: ignore[misc]
        drawn: dict[str, int] = {}
        for each in self.purse.emitted(FundDrawn):
            assert not self.obligations()[each.obligation].fund
            drawn[each.fund] = drawn.get(each.fund, 0) + each.amount_minor
        for name, fund in found.items():
            assert drawn.get(name, 0) == (0 if fund.kind == "earnest_money" else fund.drawn_minor)
            assert fund_left(fund) >= 0
            assert fund.paid_in_minor <= fund.agreed_minor

    def who_listens_knows_what_is_paid(self) -> None:
        """The last that was heard of an obligation is true; of the rest of a fund that ended nobody hears."""
        last: dict[str, Any] = {}
        for signal in self.purse.heard:
            if isinstance(signal, Paid | Unpaid):
                last[signal.obligation] = signal
        found = self.obligations()
        ended = {f.obligation for f in self.purse.rows(FUNDS).values() if f.state != "open"}  # type: ignore[attr-defined]
        for name, signal in last.items():
            assert name in ended or (found[name].state != "open") == isinstance(signal, Paid)
        for signal in self.purse.heard:
            if isinstance(signal, Overdue):
                assert found[signal.obligation].due_ms <= self.purse.now_ms

    def check(self) -> None:
        """What holds after every step."""
        self.every_sum_holds()
        self.a_bank_owes_what_it_said_came_less_what_it_said_went()
        self.lists_name_what_is_open_and_nothing_else()
        self.no_fund_serves_another_purpose()
        self.who_listens_knows_what_is_paid()

    def finish(self) -> None:
        """What holds at the end: the same steps lead to the same bytes, and nothing is forgotten."""
        again = Purse()
        for step in self.steps:
            tried(again, step)
        assert all(again.rows(table) == self.purse.rows(table) for table in ALL)
        assert again.events == self.purse.events
        self.everybody_is_told_of_what_is_overdue()

    def everybody_is_told_of_what_is_overdue(self) -> None:
        """Whatever stays open is told in the end; the queue was only late."""
        self.purse.move_to(self.purse.now_ms + 60 * DAY)
        assert self.purse.broken() == []
        told = {signal.obligation for signal in self.purse.heard if isinstance(signal, Overdue)}
        assert {name for name, found in self.obligations().items() if found.state == "open"} <= told
        assert all(found.state != "open" for found in self.purse.rows(HOLDS).values())  # type: ignore[attr-defined]


def as_receipt(found: Any) -> Receipt:
    assert isinstance(found, Receipt)
    return found


def tried(purse: Purse, step: Callable[[Purse], Any]) -> bool:
    try:
        step(purse)
    except Refusal:
        return False
    return True


STEPS: tuple[Callable[[Walk, Random], None], ...] = (
    Walk.owe,
    Walk.lessen,
    Walk.open_fund,
    Walk.use,
    Walk.use,
    Walk.end,
    Walk.acknowledge,
    Walk.receive,
    Walk.receive_all_that_is_open,
    Walk.receive_all_that_is_open,
    Walk.apply,
    Walk.reverse,
    Walk.refund,
    Walk.waive,
    Walk.set_off,
    Walk.deposit,
    Walk.ask_for_payout,
    Walk.answer,
    Walk.transfer,
    Walk.pay,
    Walk.pay,
    Walk.hold,
    Walk.capture,
    Walk.release,
    Walk.days_pass,
)
