"""Vouchers recomputed from docs/bookkeeping-rules.md alone (J1–J13): nothing of Hansa in it.

`journal(books, chart)` gives the vouchers of all members, in the order of the ledger. `accrual` and
`accrual_vouchers` those of a month's end: when the books stand at the last instant of its date.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from fractions import Fraction
from typing import Any, NamedTuple

from independent.books import Books
from independent.debts import (
    DAY_MS,
    EPOCH,
    Agreement,
    Debt,
    Effect,
    Key,
    Receipt,
    Stated,
    allot,
    day_of,
    half_up,
)


class Chart(NamedTuple):
    """What a company's mapping file decides."""

    tax_at: str = "invoice"
    reversal: str = "red"
    prepayment_bp: int = 0
    zone: str = "Asia/Shanghai"
    open_days: int = 5


class Entry(NamedTuple):
    role: str
    debit: int
    credit: int
    percent: Fraction | None = None


class Voucher(NamedTuple):
    member: str
    day: int
    partner: str
    agreement: str
    currency: str
    entries: tuple[Entry, ...]


Sums = dict[tuple[bool, Fraction | None], tuple[int, int, int]]
"""(net, tax, tax that counts already) by whether it is interest, and rate."""
HELD = {
    "security_deposit": "deposit_held",
    "earnest_money": "deposit_held",
    "prepayment": "prepayment_received",
}
GIVEN = {"security_deposit": "deposit_paid", "earnest_money": "deposit_paid", "prepayment": "prepayment_paid"}
INCOME = {"interest": "interest_income", "damages": "other_income", "other": "to_decide"}
EXPENSE = {"interest": "interest_expense", "damages": "other_expense", "other": "to_decide"}


def journal(books: Books, chart: Chart) -> list[Voucher]:
    """All vouchers but those of accruals."""
    return list(_Journal(books, chart).vouchers())


class _Journal:
    def __init__(self, books: Books, chart: Chart) -> None:
        self.books, self.chart = books, chart
        self.booked: dict[tuple[str, int, int, str], Sums] = {}
        self.in_fund: dict[str, int] = {}
        self.taxed: dict[tuple[str, str], int] = {}

    def vouchers(self) -> Iterator[Voucher]:
        # Of a statement, what several acts at one instant change is one voucher (J2).
        last = {_instant(effect): effect for effect in self.books.effects if effect.kind == "statement"}
        for effect in self.books.effects:
            if effect.kind == "statement" and last[_instant(effect)] is not effect:
                continue
            made = list(getattr(self, f"_{effect.kind}")(effect, *effect.what))
            for voucher in made:
                entries = tuple(entry for entry in voucher.entries if entry.debit or entry.credit)
                if entries:
                    yield voucher._replace(entries=entries)

    def _voucher(self, effect: Effect, member: str, partner: str, about: Debt, *entries: Entry) -> Voucher:
        day = self._day(effect, about.agreement, member)
        return Voucher(member, day, partner, about.agreement, about.currency, entries)

    def _day(self, effect: Effect, agreement: str, member: str) -> int:
        """J7: by the calendar of an agreement that the member has a part in."""
        of = self.books.agreements.get(agreement)
        return day_of(effect.at_ms, of.zone if of and member in self._parties(of) else self.chart.zone)

    def _parties(self, of: Agreement) -> set[str]:
        own = [stated for (name, _), stated in self.books.stated.items() if name == of.name]
        return {of.provider, of.user, *(who for stated in own for leg in stated.legs() for who in leg[:2])}

    # ---- statements (J2–J5)

    def _statement(
        self, effect: Effect, stated: Stated, standing: Mapping[int, tuple[int, int]], waits: set[int],
        due_ms: Sequence[int],
    ) -> Iterator[Voucher]:  # fmt: skip
        of = stated.agreement
        for number, (debtor, creditor, _) in enumerate(stated.legs()):
            invoiced = creditor == of.provider and 0 < stated.invoice_ms <= effect.at_ms
            for member, partner in ((creditor, debtor), (debtor, creditor)):
                due = member == creditor and 0 < due_ms[number] <= effect.at_ms
                counts = self._counts(stated, due=due, invoiced=invoiced)
                sums = _sums(stated, standing, waits, counts)
                after = _of_leg(stated, sums, number)
                key = (of.name, stated.period_ms, number, member)
                before = self.booked.get(key, {})
                self.booked[key] = after
                entries = tuple(_entries(before, after, sells=member == creditor))
                day = day_of(effect.at_ms, of.zone)
                yield Voucher(member, day, partner, of.name, of.currency, entries)

    def _counts(self, stated: Stated, *, due: bool, invoiced: bool) -> str:
        """J4: what of the tax counts by now: of all lines, of what is booked, or none."""
        if not stated.agreement.settled or self.chart.tax_at == "confirmation":
            return "booked"
        if invoiced:
            return "all"
        return "booked" if due else "none"

    # ---- debts of their own (J9, J11, J12)

    def _owed(self, effect: Effect, key: Key, amount: int) -> Iterator[Voucher]:
        debt = self.books.owed[key]
        if debt.cause in INCOME:
            own, other = self._role(key, debt.creditor), self._role(key, debt.debtor)
            earned = (Entry(own, amount, 0), Entry(INCOME[debt.cause], 0, amount))
            spent = (Entry(EXPENSE[debt.cause], amount, 0), Entry(other, 0, amount))
            yield self._voucher(effect, debt.creditor, debt.debtor, debt, *earned)
            yield self._voucher(effect, debt.debtor, debt.creditor, debt, *spent)

    def _waived(self, effect: Effect, key: Key, amount: int) -> Iterator[Voucher]:
        debt = self.books.owed[key]
        if key[0] == "pay-in":
            return
        own, other = self._role(key, debt.creditor), self._role(key, debt.debtor)
        given = (Entry("relief_given", amount, 0), Entry(own, 0, amount))
        got = (Entry(other, amount, 0), Entry("relief_received", 0, amount))
        yield self._voucher(effect, debt.creditor, debt.debtor, debt, *given)
        yield self._voucher(effect, debt.debtor, debt.creditor, debt, *got)

    def _owed_after_all(self, effect: Effect, key: Key, amount: int) -> Iterator[Voucher]:
        """A correction of what was waived takes back the relief."""
        for voucher in self._waived(effect, key, amount):
            sides = tuple(entry._replace(debit=entry.credit, credit=entry.debit) for entry in voucher.entries)
            yield voucher._replace(entries=sides)

    def _set_off(self, effect: Effect, key: Key, against: Key, amount: int) -> Iterator[Voucher]:
        debt = self.books.owed[key]
        for member, partner, owes, owed in (
            (debt.creditor, debt.debtor, against, key),
            (debt.debtor, debt.creditor, key, against),
        ):
            entries = (Entry(self._role(owes, member), amount, 0), Entry(self._role(owed, member), 0, amount))
            yield self._voucher(effect, member, partner, debt, *entries)
        yield from self._moved(effect, {key: amount, against: amount}, 1)

    def _role(self, key: Key, member: str) -> str:
        """J9: the account on which a debt stands with one of its parties."""
        debt = self.books.owed[key]
        owed = debt.creditor == member
        if debt.cause == "statement":
            creditor = self.books.stated[key[0], key[1]].legs()[debt.leg][1]
            return "receivable" if member == creditor else "payable"
        if key[0] in ("pay-in", "return"):
            kind = self.books.funds[key[1]].kind
            holds = owed == (key[0] == "pay-in")
            return HELD[kind] if holds else GIVEN[kind]
        if debt.cause == "return":
            return "unapplied_paid" if owed else "unapplied_received"
        if debt.cause in ("interest", "damages"):
            return "other_receivable" if owed else "other_payable"
        return "receivable" if owed else "payable"

    # ---- payments (J7, J8)

    def _receipt(
        self, effect: Effect, made: Receipt, pays: Mapping[Key, int], amount: int
    ) -> Iterator[Voucher]:
        for voucher in self._paid(made, pays, Entry("bank", amount, 0), amount):
            yield voucher._replace(day=self._bank_day(effect, made, self._about(pays), voucher.member))
        for voucher in self._moved(effect, pays, 1):
            yield voucher._replace(day=self._bank_day(effect, made, voucher.agreement, voucher.member))

    def _applied(self, effect: Effect, made: Receipt, pays: Mapping[Key, int]) -> Iterator[Voucher]:
        amount = sum(pays.values())
        for voucher in self._paid(made, pays, Entry("unapplied_received", amount, 0), amount):
            yield voucher._replace(day=self._day(effect, self._about(pays), voucher.member))
        yield from self._moved(effect, pays, 1)

    def _undone(
        self, effect: Effect, made: Receipt, pays: Mapping[Key, int], whole: int
    ) -> Iterator[Voucher]:
        amount = whole or sum(pays.values())
        first = Entry("bank" if whole else "unapplied_received", amount, 0)
        for voucher in self._paid(made, pays, first, amount):
            taken_back = tuple(back(entry, self.chart) for entry in voucher.entries)
            day = self._day(effect, self._about(pays), voucher.member)
            yield voucher._replace(day=day, entries=taken_back)
        yield from self._moved(effect, pays, -1)

    def _paid(self, made: Receipt, pays: Mapping[Key, int], first: Entry, amount: int) -> Iterator[Voucher]:
        """The creditor's voucher, the payer's, and those of others whose debts it paid; not dated yet."""
        owed, about = self.books.owed, self._about(pays)
        rest = amount - sum(pays.values())
        own = [Entry(self._role(key, made.creditor), 0, part) for key, part in pays.items()]
        entries = (first, *own, Entry("unapplied_received", 0, rest))
        yield Voucher(made.creditor, 0, made.payer, about, made.currency, entries)
        paid = [
            Entry(
                self._role(key, made.payer) if owed[key].debtor == made.payer else "other_receivable", part, 0
            )
            for key, part in pays.items()
        ]
        last = Entry("bank" if first.role == "bank" else "unapplied_paid", 0, amount)
        if made.payer:
            entries = (*paid, Entry("unapplied_paid", rest, 0), last)
            yield Voucher(made.payer, 0, made.creditor, about, made.currency, entries)
        for key, part in pays.items():
            debtor = owed[key].debtor
            if debtor != made.payer:
                source = "other_payable" if made.payer else "bank"
                entries = (Entry(self._role(key, debtor), part, 0), Entry(source, 0, part))
                yield Voucher(debtor, 0, made.creditor, about, made.currency, entries)

    def _about(self, pays: Mapping[Key, int]) -> str:
        about = {self.books.owed[key].agreement for key in pays}
        return about.pop() if len(about) == 1 else ""

    def _bank_day(self, effect: Effect, made: Receipt, agreement: str, member: str) -> int:
        """J7."""
        recorded = self._day(effect, agreement, member)
        found = EPOCH + timedelta(days=recorded)
        month = found.replace(day=1)
        if found.day <= self.chart.open_days:
            month = (month - timedelta(days=1)).replace(day=1)
        value = min(made.value_ms // DAY_MS, recorded)
        return value if value >= (month - EPOCH).days else recorded

    # ---- funds (J10, J13)

    def _drawn(self, effect: Effect, fund: str, key: Key, amount: int) -> Iterator[Voucher]:
        of, debt = self.books.funds[fund], self.books.owed[key]
        held = (Entry(HELD[of.kind], amount, 0), Entry(self._role(key, of.holder), 0, amount))
        given = (Entry(self._role(key, of.payer), amount, 0), Entry(GIVEN[of.kind], 0, amount))
        yield self._voucher(effect, of.holder, of.payer, debt, *held)
        yield self._voucher(effect, of.payer, of.holder, debt, *given)
        self.in_fund[fund] = self.in_fund.get(fund, 0) - amount
        yield from self._fund_tax(effect, fund)

    def _fund_end(self, effect: Effect, fund: str, how: str, left: int) -> Iterator[Voucher]:
        of, debt = self.books.funds[fund], self.books.owed["pay-in", fund]
        if how == "forfeited":
            kept = (Entry(HELD[of.kind], left, 0), Entry("other_income", 0, left))
            lost = (Entry("other_expense", left, 0), Entry(GIVEN[of.kind], 0, left))
            yield self._voucher(effect, of.holder, of.payer, debt, *kept)
            yield self._voucher(effect, of.payer, of.holder, debt, *lost)

    def _noted(self, effect: Effect, fund: str) -> Iterator[Voucher]:
        yield from self._fund_tax(effect, fund, noted=True)

    def _moved(self, effect: Effect, pays: Mapping[Key, int], sign: int) -> Iterator[Voucher]:
        for key, amount in pays.items():
            if key[0] in ("pay-in", "return"):
                way = sign if key[0] == "pay-in" else -sign
                self.in_fund[key[1]] = self.in_fund.get(key[1], 0) + way * amount
                yield from self._fund_tax(effect, key[1])

    def _fund_tax(self, effect: Effect, fund: str, *, noted: bool = False) -> Iterator[Voucher]:
        of, rate = self.books.funds[fund], self.chart.prepayment_bp
        if of.kind != "prepayment" or not rate:
            return
        tax = half_up(Fraction(self.in_fund.get(fund, 0) * rate, 10_000 + rate))
        debt = self.books.owed["pay-in", fund]
        for member, partner, debit, credit in (
            (of.holder, of.payer, "prepayment_tax", "output_tax"),
            (of.payer, of.holder, "input_tax", "prepayment_tax"),
        ):
            if member == of.payer and not noted and (member, fund) not in self.taxed:
                continue
            change = tax - self.taxed.get((member, fund), 0)
            self.taxed[member, fund] = tax
            yield self._voucher(
                effect, member, partner, debt, Entry(debit, change, 0), Entry(credit, 0, change)
            )


def _instant(effect: Effect) -> tuple[str, int, int]:
    stated: Stated = effect.what[0]
    return stated.agreement.name, stated.period_ms, effect.at_ms


def _sums(stated: Stated, standing: Mapping[int, tuple[int, int]], waits: set[int], counts: str) -> Sums:
    found: Sums = {}
    for line in stated.lines:
        net, tax = standing[line["number"]]
        counted = tax if counts == "all" else 0
        if line["number"] in waits:
            net = tax = 0
        elif counts == "booked":
            counted = tax
        key = (line["kind"] == "interest", Fraction(line["percent"]))
        before = found.get(key, (0, 0, 0))
        found[key] = (before[0] + net, before[1] + tax, before[2] + counted)
    return found


def _of_leg(stated: Stated, sums: Sums, number: int) -> Sums:
    """J5."""
    if not stated.shares:
        return sums
    net, tax, counted = (sum(each[n] for each in sums.values()) for n in range(3))
    among = stated.legs()
    weights = [gross for _, _, gross in among]
    percents = {Fraction(line["percent"]) for line in stated.lines if line["gross"]}
    gross = allot(net + tax, weights)[number]
    whole = (sum(line["net"] for line in stated.lines), sum(line["tax"] for line in stated.lines))
    if (net, tax) == whole:
        own = sum(share[2] for share in stated.shares if share[:2] == among[number][:2])
    else:
        own = allot(net, weights)[number]
    moved = gross - own if counted == tax else allot(counted, weights)[number]
    return {(False, percents.pop() if len(percents) == 1 else None): (own, gross - own, moved)}


def _entries(before: Sums, after: Sums, *, sells: bool) -> Iterator[Entry]:
    """J3: what comes to what was booked."""
    gross = 0
    for key in {**before, **after}:
        interest, percent = key
        change = [
            new - old for new, old in zip(after.get(key, (0, 0, 0)), before.get(key, (0, 0, 0)), strict=True)
        ]
        net, tax, counted = change
        gross += net + tax
        if sells:
            yield Entry("interest_income" if interest else "revenue", 0, net, percent)
            yield Entry("output_tax", 0, counted, percent)
            yield Entry("output_tax_deferred", 0, tax - counted, percent)
        else:
            yield Entry("interest_expense" if interest else "cost", net, 0, percent)
            yield Entry("input_tax", counted, 0, percent)
            yield Entry("input_tax_pending", tax - counted, 0, percent)
    yield Entry("receivable", gross, 0) if sells else Entry("payable", 0, gross)


def back(entry: Entry, chart: Chart) -> Entry:
    """An entry taken back: in red, or with its sides changed."""
    if chart.reversal == "red":
        return entry._replace(debit=-entry.debit, credit=-entry.credit)
    return entry._replace(debit=entry.credit, credit=entry.debit)


# ---- accruals (Z1–Z7, J6)


class Item(NamedTuple):
    """Lines that are not booked yet, and why."""

    reason: str
    period_ms: int
    lines: list[dict[str, Any]]


def accrual(books: Books, agreement: str, until_ms: int, unstated: Iterable[Item] = ()) -> list[Item]:
    """Z2–Z5, as the books stand now. `unstated`: Z4, which is a matter of rating."""
    of = books.agreements[agreement]
    found = []
    for (name, period_ms), stated in books.stated.items():
        if name != agreement or not of.settled:
            continue
        waits = stated.waits() if stated.confirmed_ms else set(stated.standing)
        lines = [_standing(stated, line) for line in stated.lines if line["number"] in waits]
        if lines:
            found.append(Item("disputed" if stated.confirmed_ms else "unconfirmed", period_ms, lines))
    found += unstated
    by_period: dict[int, int] = {}
    for period_ms, _, gross, _ in books.interest_due(agreement, until_ms):
        by_period[period_ms] = by_period.get(period_ms, 0) + gross
    interest = [_interest_line(of, gross) for gross in by_period.values() if gross]
    if interest:
        if of.with_tax:  # The tax of a rate is rounded once.
            share = Fraction(interest[0]["percent"]) / (100 + Fraction(interest[0]["percent"]))
            tax = half_up(sum(line["gross"] for line in interest) * share)
            interest = [{**interest[0], "net": sum(line["gross"] for line in interest) - tax}]
        found.append(Item("interest", 0, interest))
    return found


def _standing(stated: Stated, line: Mapping[str, Any]) -> dict[str, Any]:
    net, tax = stated.standing[line["number"]]
    return {**line, "net": net, "tax": tax, "gross": net + tax}


def _interest_line(of: Agreement, gross: int) -> dict[str, Any]:
    percent = Fraction(of.interest_percent or 0)
    net = half_up(gross * 100 / (100 + percent))
    return {"clause": "late_payment", "kind": "interest", "percent": percent, "gross": gross, "net": net}


Split = Callable[[list[dict[str, Any]]], list[tuple[str, str, int]]]
"""(debtor, creditor, net) of lines, where a tariff shares revenue."""


def accrual_vouchers(
    of: Agreement, day: int, items: Iterable[Item], chart: Chart, split: Split | None = None
) -> list[Voucher]:
    """Z6, Z7, J6: of a date, and their reversals on the next."""
    groups: dict[tuple[bool, bool, bool], list[dict[str, Any]]] = {}
    for item in items:
        for line in item.lines:
            disputed = item.reason == "disputed"
            key = (line["kind"] == "interest", disputed, disputed and line["gross"] < 0)
            groups.setdefault(key, []).append(line)
    sums: dict[tuple[str, str, str, bool], int] = {}
    for (interest, disputed, _), lines in groups.items():
        whole = [(of.user, of.provider, sum(line["net"] for line in lines))]
        for debtor, creditor, net in split(lines) if split else whole:
            for member, partner, sells in ((creditor, debtor, True), (debtor, creditor, False)):
                if not disputed or sells == (net < 0):
                    role = _accrued_role(sells=sells, interest=interest)
                    sums[member, partner, role, sells] = sums.get((member, partner, role, sells), 0) + net
    made: dict[tuple[str, str], list[Entry]] = {}
    for (member, partner, role, sells), net in sums.items():
        if sells:
            entries = [Entry("accrued_receivable", net, 0), Entry(role, 0, net)]
        else:
            entries = [Entry(role, net, 0), Entry("accrued_payable", 0, net)]
        made.setdefault((member, partner), []).extend(entry for entry in entries if net)
    found = []
    for (member, partner), entries in made.items():
        if entries:
            taken_back = tuple(back(entry, chart) for entry in entries)
            found.append(Voucher(member, day, partner, of.name, of.currency, tuple(entries)))
            found.append(Voucher(member, day + 1, partner, of.name, of.currency, taken_back))
    return found


def _accrued_role(*, sells: bool, interest: bool) -> str:
    if sells:
        return "interest_income" if interest else "revenue"
    return "interest_expense" if interest else "cost"
