"""Whatever the parties say and pay, in whatever order: what is owed is what both agree to."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hansa.apps.billing import lifecycle
from hansa.apps.billing.lawful import is_protected
from hansa.apps.billing.messages_life import Life, OpenItems
from hansa.apps.billing.tariff import Cap
from hansa.apps.billing.terms import Settlement
from hansa.apps.money.messages import Reverse, Waive
from hansa.apps.money.tables import RECEIPTS
from hansa.kernel import Action, Context, Refusal, limits, replace
from tests.apps.statements import APRIL_MS, DAY, FROM_MS, MARCH_MS, MAY_MS, PIECES, TERMS, Desk

MONTHS = (FROM_MS, MARCH_MS, APRIL_MS, MAY_MS)
CREDITED = replace(
    PIECES, elements=(*PIECES.elements, Cap("at_most", "vat", ("base_fee", "service"), 120_000))
)
"""Each month has a line that counts for the user: −150.66 gross."""
SETTLEMENTS = (
    TERMS,
    replace(TERMS, runs_from="invoice", interest_bp=1_825),
    replace(TERMS, runs_from="confirmation", silence_days=20, payment_days=5, interest_bp=365),
)
PARTIES = st.sampled_from(["maker", "plant"])
PERIODS = st.sampled_from((FROM_MS, FROM_MS, MARCH_MS, APRIL_MS))
LINES = st.integers(1, 6)


class Noted(Desk):
    """Keeps what was done, so that it can be done again."""

    def __init__(self, settlement: Settlement, sizes: tuple[str, str]) -> None:
        self.noted: list[tuple[Any, ...]] = []
        super().__init__(settlement, CREDITED, sizes)

    def do(self, member: str, action: Action) -> Context:
        self.noted.append((self.now_ms, member, action))
        return super().do(member, action)

    def move_to(self, now_ms: int) -> None:
        self.noted.append((now_ms,))
        super().move_to(now_ms)


class Town:
    """Both parties at their desks, after two months."""

    def __init__(self, settlement: Settlement, sizes: tuple[str, str]) -> None:
        self.given = (settlement, sizes)
        self.desk = Noted(*self.given)
        self.desk.produce(0, FROM_MS)
        self.desk.close(FROM_MS)
        self.desk.close(MARCH_MS)

    def tried(self, act: Any, *arguments: Any, **named: Any) -> None:
        """What is refused leaves nothing behind."""
        try:
            act(*arguments, **named)
        except Refusal:
            return

    def time_passes(self, pieces: int, days: int) -> None:
        if self.desk.now_ms < MAY_MS + 40 * DAY:
            self.desk.move_to(self.desk.now_ms + days * DAY)
            self.tried(self.desk.produce, pieces, self.desk.now_ms - DAY)

    def confirm(self, member: str, period_ms: int) -> None:
        if self.desk.life(period_ms):
            self.tried(self.desk.confirm, member, period_ms=period_ms)

    def dispute(self, member: str, period_ms: int, lines: list[int]) -> None:
        self.tried(self.desk.dispute, member, *lines, period_ms=period_ms)

    def withdraw(self, member: str, period_ms: int) -> None:
        self.tried(self.desk.withdraw, member, period_ms=period_ms)

    def concede(self, member: str, period_ms: int, line: int, gross_minor: int) -> None:
        self.tried(self.desk.concede, member, period_ms, **{f"l{line}": gross_minor})

    def invoice(self, period_ms: int) -> None:
        number = f"2531200000000000{MONTHS.index(period_ms):04}"
        if self.desk.life(period_ms):
            self.tried(self.desk.invoice, period_ms, number=number)

    def red_letter(self, period_ms: int, correction: int) -> None:
        number = f"440307250510011{MONTHS.index(period_ms):02}{correction:03}"
        self.tried(self.desk.red_letter, correction, number, period_ms=period_ms)

    def pay(self, part: int, at: int) -> None:
        owing = [name for name, owed in self.desk.obligations().items() if owed.state == "open"]
        if owing:
            name = owing[at % len(owing)]
            owed = self.desk.obligations()[name]
            left_minor = owed.amount_minor - owed.paid_minor
            self.desk.pay(name, max(1, left_minor // part))

    def pay_all(self) -> None:
        self.desk.pay_all()

    def waive(self, at: int, amount_minor: int) -> None:
        obligations = list(self.desk.obligations().items())
        if obligations:
            name, owed = obligations[at % len(obligations)]
            self.tried(self.desk.do, owed.creditor, Waive(name, amount_minor, "goodwill"))

    def bounce(self, at: int) -> None:
        keys = [key for key, _ in RECEIPTS.scan(self.desk.reading(), limit=limits.ALL_ROWS)]
        if keys:
            creditor, entry = keys[at % len(keys)]
            self.tried(self.desk.do, str(creditor), Reverse(entry=str(entry), reason="bounced"))

    def lives(self) -> dict[int, Life]:
        return {ms: life for ms in MONTHS if (life := self.desk.life(ms)) is not None}

    def what_is_owed_is_what_both_agree_to(self) -> None:
        settlement, (provider, user) = self.given
        obligations = self.desk.obligations()
        for period_ms, life in self.lives().items():
            statement = self.desk.statement(period_ms)
            gross_minor = statement.gross_minor + sum(
                each.gross_minor for each in self.desk.corrections(period_ms) if each.effective_ms
            )
            assert lifecycle.standing_sums(statement, life).gross_minor == gross_minor
            protected = is_protected(user, provider)
            owed_minor = 0
            for part in life.parts:
                found = obligations[part.obligation]
                assert found.amount_minor >= part.amount_minor
                sign = 1 if found.debtor == "plant" else -1
                if not part.back_of:
                    net_minor = found.agreed_minor - found.lessened_minor
                    assert net_minor == part.amount_minor
                    owed_minor += sign * (net_minor + part.waived_minor)
            if lifecycle.is_owed(settlement, statement, life, protected, self.desk.now_ms):
                assert owed_minor == lifecycle.agreed_minor(statement, life)
            else:
                assert not life.parts
            if not life.disputes and life.parts:
                assert owed_minor == gross_minor

    def what_is_open_is_counted(self) -> None:
        lives = self.lives().values()
        counted = OpenItems(
            unsettled=sum(not life.settled_ms for life in lives),
            disputed=sum(bool(life.disputes) for life in lives),
            overdue=sum(any(p.overdue and p.amount_minor for p in life.parts) for life in lives),
        )
        assert self.desk.open_items() == counted
        obligations = self.desk.obligations()
        for life in lives:
            if life.settled_ms:
                assert all(obligations[part.obligation].state != "open" for part in life.parts)

    def check_replay(self) -> None:
        """Done again, it leaves the same records."""
        again = Noted(*self.given)
        for now_ms, *what in self.desk.noted[len(again.noted) :]:
            if not what:
                again.move_to(now_ms)
                continue
            again.now_ms = now_ms
            try:
                again.do(*what)
            except Refusal:
                continue
        assert again.tables("billing", "money", "kernel") == self.desk.tables("billing", "money", "kernel")


def one(name: str, *arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.tuples(st.just(name), *arguments)


STEPS = st.one_of(
    one("time_passes", st.integers(0, 200), st.integers(1, 40)),
    one("confirm", PARTIES, PERIODS),
    one("confirm", PARTIES, PERIODS),
    one("dispute", PARTIES, PERIODS, st.lists(LINES, min_size=1, max_size=2)),
    one("withdraw", PARTIES, PERIODS),
    one("concede", PARTIES, PERIODS, LINES, st.sampled_from([1, 99, 15_066, 37_666])),
    one("invoice", PERIODS),
    one("red_letter", PERIODS, st.integers(1, 3)),
    one("pay", st.sampled_from([1, 1, 2, 3]), st.integers(0, 9)),
    one("waive", st.integers(0, 9), st.sampled_from([1, 5_000, 200_000])),
    one("pay_all"),
    one("bounce", st.integers(0, 9)),
)


BOTH = [("confirm", "plant", FROM_MS), ("confirm", "maker", FROM_MS)]
OPENINGS: list[list[tuple[Any, ...]]] = [
    [],
    BOTH,
    [*BOTH, ("invoice", FROM_MS), ("pay", 1, 0), ("concede", "maker", FROM_MS, 1, 15_066)],
    [*BOTH, ("pay", 1, 0), ("concede", "maker", FROM_MS, 2, 37_666)],
    [("dispute", "plant", FROM_MS, [1]), ("confirm", "maker", FROM_MS)],
    [("dispute", "plant", FROM_MS, [1, 2]), ("dispute", "maker", FROM_MS, [4])],
    [("dispute", "maker", FROM_MS, [4]), ("confirm", "plant", FROM_MS), ("pay", 2, 0)],
]


@settings(max_examples=100, deadline=None)
@given(
    settlement=st.sampled_from(SETTLEMENTS),
    sizes=st.sampled_from([("small", "large"), ("small", "small"), ("large", "small")]),
    opening=st.sampled_from(OPENINGS),
    steps=st.lists(STEPS, min_size=10, max_size=40),
)
def test_any_sequence_keeps_what_is_owed_and_can_be_done_again(
    settlement: Settlement,
    sizes: tuple[str, str],
    opening: list[tuple[Any, ...]],
    steps: list[tuple[Any, ...]],
) -> None:
    town = Town(settlement, sizes)
    for name, *arguments in (*opening, *steps):
        getattr(town, name)(*arguments)
        town.what_is_owed_is_what_both_agree_to()
        town.what_is_open_is_counted()
    town.check_replay()
