"""Debts, funds and interest recomputed from docs/bookkeeping-rules.md alone: nothing of Hansa in it.

`Books` is told what happened, in the order of the ledger, and keeps what is owed and what funds hold;
journal.py makes vouchers of it. Plain on purpose: all of a statement is reckoned anew after each act,
fractions instead of scaled integers, names of debts are tuples.

    books = Books([Agreement("g", "maker", "plant")])
    books.tell((at_ms, "stated", {"agreement": "g", ...}))
    books.owed["g", period_ms, 0].open

Input is taken as right.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from independent.debts import (
    DAY_MS,
    Agreement,
    Debt,
    Effect,
    Fund,
    Happening,
    Key,
    Receipt,
    Stated,
    allot,
    half_up,
    interest_on,
)


class Books:
    """All that follows of what was told."""

    def __init__(self, agreements: Sequence[Agreement]) -> None:
        self.agreements = {each.name: each for each in agreements}
        self.now_ms = 0
        self.stated: dict[tuple[str, int], Stated] = {}
        self.owed: dict[Key, Debt] = {}
        self.funds: dict[str, Fund] = {}
        self.receipts: dict[tuple[str, str], Receipt] = {}
        self.charged: dict[Key, tuple[int, int, int]] = {}
        """Interest charged so far of a debt, its days, how often."""
        self.effects: list[Effect] = []

    # ---- time and acts

    def move_to(self, at_ms: int) -> None:
        """What time alone does: silence, the law's latest day, tax that falls due."""
        while True:
            waking = [
                (wake_ms, name)
                for name, stated in self.stated.items()
                for wake_ms in self._wakes(stated)
                if self.now_ms < wake_ms <= at_ms
            ]
            if not waking:
                break
            self.now_ms, _ = min(waking)
            for name in dict.fromkeys(name for wake_ms, name in waking if wake_ms == self.now_ms):
                stated = self.stated[name]
                if self.now_ms == stated.silence_ms:
                    for member in (stated.agreement.provider, stated.agreement.user):
                        stated.words.setdefault(member, self.now_ms)
                self._carry_on(stated)
        self.now_ms = max(self.now_ms, at_ms)

    def _wakes(self, stated: Stated) -> list[int]:
        due_ms = [self.owed[key].due_ms for key in stated.parts]
        latest_ms = stated.latest_ms if stated.agreement.runs_from == "invoice" else 0
        silence_ms = 0 if stated.confirmed_ms else stated.silence_ms
        return [silence_ms, latest_ms, *due_ms]

    def tell(self, happening: Happening) -> None:
        """Kinds and their fields are those of the methods `_<kind>`."""
        at_ms, kind, what = happening
        self.move_to(at_ms)
        getattr(self, f"_{kind}")(**what)

    def _effect(self, kind: str, *what: Any) -> None:
        self.effects.append(Effect(self.now_ms, kind, what))

    # ---- a statement's life (O1–O9)

    def _stated(
        self,
        agreement: str,
        period_ms: int,
        to_ms: int,
        lines: list[dict[str, Any]],
        shares: Sequence[tuple[str, str, int, int, int]] = (),
        disputed_by_rule: Mapping[str, list[int]] | None = None,
    ) -> None:
        for _, key, gross, days in self.interest_due(agreement, to_ms):
            self._charge(key, gross, days)
        self._charge_apart(agreement, to_ms)
        made = Stated(self.agreements[agreement], period_ms, to_ms, self.now_ms, lines, list(shares))
        made.standing = {line["number"]: (line["net"], line["tax"]) for line in lines}
        made.disputes = {member: list(numbers) for member, numbers in (disputed_by_rule or {}).items()}
        if not made.agreement.settled:
            made.words = {made.agreement.provider: self.now_ms, made.agreement.user: self.now_ms}
        self.stated[agreement, period_ms] = made
        self._carry_on(made)

    def _confirm(self, agreement: str, period_ms: int, by: str) -> None:
        stated = self.stated[agreement, period_ms]
        stated.words[by] = self.now_ms
        self._carry_on(stated)

    def _dispute(self, agreement: str, period_ms: int, by: str, lines: Sequence[int]) -> None:
        self.stated[agreement, period_ms].disputes.setdefault(by, []).extend(lines)
        self._confirm(agreement, period_ms, by)

    def _withdraw(self, agreement: str, period_ms: int, by: str) -> None:
        stated = self.stated[agreement, period_ms]
        del stated.disputes[by]
        self._carry_on(stated)

    def _concede(self, agreement: str, period_ms: int, by: str, gross: Mapping[int, int]) -> None:
        """O3."""
        stated = self.stated[agreement, period_ms]
        lines = {line["number"]: line for line in stated.lines}
        changes = {}
        for number, given in gross.items():
            line = lines[number]
            before, taxed = stated.given.get(number, (0, 0))
            tax = half_up(Fraction(abs(line["tax"]) * (before + given), abs(line["gross"]))) - taxed
            stated.given[number] = (before + given, taxed + tax)
            sign = -1 if line["gross"] > 0 else 1
            changes[number] = (sign * (given - tax), sign * tax)
        stated.corrections.append(changes)
        if stated.invoice_ms and by == stated.agreement.provider:
            stated.waiting[len(stated.corrections)] = changes
        else:
            self._correct(stated, changes)

    def _red_letter(self, agreement: str, period_ms: int, correction: int) -> None:
        stated = self.stated[agreement, period_ms]
        self._correct(stated, stated.waiting.pop(correction))

    def _correct(self, stated: Stated, changes: Mapping[int, tuple[int, int]]) -> None:
        for number, (net, tax) in changes.items():
            before = stated.standing[number]
            stated.standing[number] = (before[0] + net, before[1] + tax)
        left = {by: [n for n in lines if stated.gross(n)] for by, lines in stated.disputes.items()}
        stated.disputes = {by: lines for by, lines in left.items() if lines}
        self._carry_on(stated)

    def _invoice(self, agreement: str, period_ms: int) -> None:
        stated = self.stated[agreement, period_ms]
        stated.invoice_ms = stated.invoice_ms or self.now_ms
        self._carry_on(stated)

    def _carry_on(self, stated: Stated) -> None:
        """O5, O8: bring each leg to what is agreed."""
        of = stated.agreement
        if not stated.confirmed_ms:
            return
        in_time = of.runs_from != "invoice" or stated.invoice_ms or 0 < stated.latest_ms <= self.now_ms
        among = stated.legs()
        if of.settled and in_time:
            wanted = allot(stated.agreed(), [gross for _, _, gross in among])
            for number, (debtor, creditor, _) in enumerate(among):
                change = wanted[number] - self._stands_for(stated, number, debtor)
                if change:
                    pair = (debtor, creditor) if change > 0 else (creditor, debtor)
                    self._bring(stated, number, *pair, abs(change))
        due_ms = [self._first_due_ms(stated, number) for number in range(len(among))]
        self._effect("statement", stated, dict(stated.standing), stated.waits(), due_ms)

    def _first_due_ms(self, stated: Stated, leg: int) -> int:
        parts = [self.owed[key] for key in stated.parts]
        return next((debt.due_ms for debt in parts if debt.leg == leg and not debt.back_of), 0)

    def _stands_for(self, stated: Stated, leg: int, debtor: str) -> int:
        found = [self.owed[key] for key in stated.parts if self.owed[key].back_of is None]
        own = [debt for debt in found if debt.leg == leg]
        return sum((debt.stands_for + debt.waived) * (1 if debt.debtor == debtor else -1) for debt in own)

    def _bring(self, stated: Stated, leg: int, debtor: str, creditor: str, amount: int) -> None:
        """So much more is owed by the debtor: what the creditor owes is lessened first."""
        of = stated.agreement
        for key in reversed(list(stated.parts)):
            debt = self.owed[key]
            if debt.leg != leg or debt.debtor != creditor or debt.back_of is not None:
                continue
            less = min(amount, debt.stands_for)
            waived = min(amount - less, debt.waived)
            debt.waived -= waived
            if waived:
                self._effect("owed_after_all", key, waived)
            amount -= less + waived
            cut = min(less, debt.open)
            debt.amount -= cut
            if less > cut:
                debt.backs += less - cut
                due_ms = self.now_ms + 30 * DAY_MS
                back = self._part(stated, debt.creditor, debt.debtor, less - cut, due_ms, leg)
                self.owed[back].back_of = key
            if less and not debt.open:
                self._settled(key)
        if amount:
            key = self._part(stated, debtor, creditor, amount, stated.due_ms(debtor, self.now_ms), leg)
            fund = self.funds.get(f"{of.name}:prepayment")
            if fund and not fund.ended and (debtor, creditor) == (of.user, of.provider):
                self._draw(f"{of.name}:prepayment", key, amount)

    def _part(self, stated: Stated, debtor: str, creditor: str, amount: int, due_ms: int, leg: int) -> Key:
        of = stated.agreement
        key = (of.name, stated.period_ms, len(stated.parts))
        self.owed[key] = Debt(debtor, creditor, of.currency, amount, due_ms, "statement", of.name, leg=leg)
        stated.parts.append(key)
        return key

    # ---- interest (O10; docs/tariff-rules.md, section 9)

    def interest_due(self, agreement: str, until_ms: int) -> list[tuple[int, Key, int, int]]:
        """(period, debt, gross, days) that a statement up to an instant charges; the user's is positive."""
        of = self.agreements[agreement]
        parts = [
            key for (name, _), stated in self.stated.items() if name == agreement for key in stated.parts
        ]
        between = {of.user, of.provider}
        own = [key for key in parts if {self.owed[key].debtor, self.owed[key].creditor} == between]
        due = [(key[1], key, *self._uncharged(of, key, until_ms)) for key in own]
        return [each for each in due if each[2]]

    def _uncharged(self, of: Agreement, key: Key, until_ms: int) -> tuple[int, int]:
        debt = self.owed[key]
        amount, days = interest_on(of, debt, until_ms)
        before, before_days, _ = self.charged.get(key, (0, 0, 0))
        return (amount if debt.debtor == of.user else -amount) - before, days - before_days

    def _charge(self, key: Key, gross: int, days: int) -> int:
        before, before_days, often = self.charged.get(key, (0, 0, 0))
        self.charged[key] = (before + gross, before_days + days, often + 1)
        return often

    def _charge_apart(self, agreement: str, until_ms: int) -> None:
        """At a close: debts with a third party, for which no statement has a line."""
        of = self.agreements[agreement]
        for key in self._parts_of(of):
            if not self._between_parties(of, key):
                self._owe_interest(of, key, until_ms)

    def _parts_of(self, of: Agreement) -> list[Key]:
        return [key for (name, _), stated in self.stated.items() if name == of.name for key in stated.parts]

    def _between_parties(self, of: Agreement, key: Key) -> bool:
        return {self.owed[key].debtor, self.owed[key].creditor} == {of.user, of.provider}

    def _settled(self, key: Key) -> None:
        """A part is paid, or lessened to nothing: where no statement follows, its interest is owed."""
        debt = self.owed[key]
        if debt.cause != "statement" or key[0] not in self.agreements:
            return
        of = self.agreements[key[0]]
        ended = of.to_ms and any(
            name == of.name and stated.to_ms >= of.to_ms for (name, _), stated in self.stated.items()
        )
        if ended or not self._between_parties(of, key):
            self._owe_interest(of, key, self.now_ms)

    def _charge_interest(self, key: Key) -> None:
        """Its creditor asks for it."""
        self._owe_interest(self.agreements[key[0]], key, self.now_ms)

    def _owe_interest(self, of: Agreement, key: Key, until_ms: int) -> None:
        gross, days = self._uncharged(of, key, until_ms)
        if not gross:
            return
        debt = self.owed[key]
        number = self._charge(key, gross, days)
        more = (gross > 0) == (debt.debtor == of.user)
        pair = (debt.debtor, debt.creditor) if more else (debt.creditor, debt.debtor)
        self._new(
            ("interest", key, number), *pair, debt.currency, abs(gross), self.now_ms, "interest", of.name
        )

    # ---- debts and payments (P1–P3)

    def _new(
        self, key: Key, debtor: str, creditor: str, currency: str, amount: int, due_ms: int, cause: str,
        agreement: str = "",
    ) -> None:  # fmt: skip
        self.owed[key] = Debt(debtor, creditor, currency, amount, due_ms, cause, agreement)
        self._effect("owed", key, amount)

    def _owe(
        self, key: Key, debtor: str, creditor: str, amount: int, due_ms: int, cause: str = "other",
        agreement: str = "", currency: str = "CNY",
    ) -> None:  # fmt: skip
        """A debt that no statement leads to."""
        self._new(key, debtor, creditor, currency, amount, due_ms, cause, agreement)

    def _pay(self, key: Key, source: Key, amount: int, value_ms: int) -> None:
        debt = self.owed[key]
        if debt.fund:
            self.funds[debt.fund].paid_in += amount
        # I2: what one source pays at one time is one payment.
        for number, (of, before, *when) in enumerate(debt.payments):
            if of == source and when == [value_ms, self.now_ms]:
                del debt.payments[number]
                amount += before
                break
        debt.payments.append((source, amount, value_ms, self.now_ms))
        if not debt.open:
            self._settled(key)

    def _receipt(
        self, entry: str, creditor: str, payer: str, amount: int, value_day: int, pays: Mapping[Key, int],
        currency: str = "CNY",
    ) -> None:  # fmt: skip
        made = Receipt(creditor, payer, currency, amount, value_day * DAY_MS, {})
        self.receipts[creditor, entry] = made
        self._effect("receipt", made, dict(pays), amount)
        self._allot(made, entry, pays)

    def _apply(self, entry: str, creditor: str, pays: Mapping[Key, int]) -> None:
        made = self.receipts[creditor, entry]
        self._effect("applied", made, dict(pays))
        self._allot(made, entry, pays)

    def _allot(self, made: Receipt, entry: str, pays: Mapping[Key, int]) -> None:
        for key, part in pays.items():
            made.pays[key] = made.pays.get(key, 0) + part
            self._pay(key, ("receipt", made.creditor, entry), part, made.value_ms)

    def _undo(self, entry: str, creditor: str, debts: Sequence[Key] = ()) -> None:
        """P2: the receipt; or what it paid of some debts."""
        made = self.receipts[creditor, entry]
        taken = {key: made.pays.pop(key) for key in (debts or list(made.pays))}
        made.undone = not debts
        self._effect("undone", made, taken, 0 if debts else made.amount)
        for key, part in taken.items():
            debt = self.owed[key]
            source = ("receipt", creditor, entry)
            debt.payments = [paid for paid in debt.payments if paid[0] != source]
            if debt.fund:
                self.funds[debt.fund].paid_in -= part

    def _refund(self, entry: str, creditor: str, amount: int, due_ms: int = 0) -> None:
        made = self.receipts[creditor, entry]
        made.refunded, made.refunds = made.refunded + amount, made.refunds + 1
        key = ("refund", creditor, entry, made.refunds)
        self._new(key, creditor, made.payer, made.currency, amount, due_ms, "return")

    def _waive(self, key: Key, amount: int) -> None:
        debt = self.owed[key]
        debt.amount -= amount
        debt.waived += amount
        self._effect("waived", key, amount)
        if not debt.open:
            self._settled(key)

    def _set_off(self, key: Key, against: Key, amount: int) -> None:
        self._effect("set_off", key, against, amount)
        self._pay(key, ("set_off", against), amount, self.now_ms)
        self._pay(against, ("set_off", key), amount, self.now_ms)

    # ---- funds (P4)

    def _fund(
        self, fund: str, kind: str, payer: str, holder: str, amount: int, agreement: str = "",
        due_ms: int = 0, currency: str = "CNY",
    ) -> None:  # fmt: skip
        self.funds[fund] = Fund(kind, payer, holder, currency, agreement)
        key = ("pay-in", fund)
        self._new(key, payer, holder, currency, amount, due_ms, kind, agreement)
        self.owed[key].fund = fund

    def _draw(self, fund: str, key: Key, amount: int) -> None:
        of, debt = self.funds[fund], self.owed[key]
        taken = min(amount, of.left, debt.open)
        if taken > 0:
            of.drawn += taken
            self._effect("drawn", fund, key, taken)
            self._pay(key, ("fund", fund), taken, self.now_ms)

    def _claim(self, fund: str, key: Key, amount: int) -> None:
        """A security deposit, on default."""
        self._draw(fund, key, amount)

    def _note_invoice(self, fund: str) -> None:
        self.funds[fund].invoiced = True
        self._effect("noted", fund)

    def _fund_end(self, fund: str, how: str, due_ms: int = 0) -> None:
        of, left = self.funds[fund], self.funds[fund].left
        of.ended = True
        pay_in = self.owed["pay-in", fund]
        pay_in.amount = pay_in.paid
        if how == "forfeited":
            of.forfeited = left
        else:
            of.returned = left
        self._effect("fund_end", fund, how, left)
        due_ms = due_ms or self.now_ms + 30 * DAY_MS
        if left and how != "forfeited":
            for name, cause in (("return", "return"), ("same-again", "damages")):
                if name == "return" or how == "doubled":
                    self._new(
                        (name, fund), of.holder, of.payer, of.currency, left, due_ms, cause, of.agreement
                    )
