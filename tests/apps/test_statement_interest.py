"""Interest on late payments: a line of the next statement, or a debt of its own when none follows."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hansa.apps.billing.books import deal_of
from hansa.apps.billing.deal import Deal
from hansa.apps.billing.elements_trade import Payee, Split
from hansa.apps.billing.errors_life import InterestNone, InterestOfOther, InterestUnknown, InterestWaits
from hansa.apps.billing.interest import CLAUSE
from hansa.apps.billing.interest import bears as debt_bears
from hansa.apps.billing.lifecycle import content
from hansa.apps.billing.messages import Binding, Propose
from hansa.apps.billing.messages_life import ChargeInterest, ConfirmStatement, Part
from hansa.apps.billing.recompute import settle
from hansa.apps.billing.tables import AGREEMENTS, LATE_DEBTS
from hansa.apps.billing.terms import Settlement, Terms
from hansa.apps.billing.texts import tariff_text
from hansa.apps.money.messages import Reverse, Waive
from hansa.apps.money.tables import RECEIPTS
from hansa.client.explain_line import late
from hansa.kernel import limits, replace
from tests.apps.ground import accept
from tests.apps.statements import APRIL_MS, DAY, FROM_MS, GAP, MARCH_MS, MAY_MS, PIECES, TERMS, TO_MS, Desk

GROSS = 150_666
WITH_INTEREST = replace(TERMS, payment_days=10, interest_bp=1_825)
"""0.05 % a day."""
DUE_MS = MARCH_MS + 10 * DAY
SHARED = Split(
    clause="shared", tax="vat", of=("service",), payees=(Payee("bank", 4_000), Payee("maker", 6_000))
)


def late_by(settlement: Settlement, days: int, tax_included: bool = False) -> Desk:
    """February's statement was paid so many days late."""
    desk = Desk(settlement, replace(PIECES, tax_included=tax_included))
    desk.close()
    desk.confirm()
    desk.move_to(DUE_MS + (days - 1) * DAY)
    desk.pay_all()
    return desk


def deal(desk: Desk) -> Deal:
    agreement = AGREEMENTS.get(desk.context(), ("g-1",))
    assert agreement is not None
    return deal_of(desk.context(), agreement)


def test_the_next_statement_charges_a_late_payment() -> None:
    desk = late_by(WITH_INTEREST, 8)
    statement = desk.close(MARCH_MS)
    line = statement.lines[-1]
    assert (line.kind, line.clause, line.quantity_base, line.corrects_from_ms) == (
        "interest", CLAUSE, 8, FROM_MS,
    )  # fmt: skip
    assert (line.gross_minor, line.tax_minor) == ((GROSS * 8 * 5 + 5_000) // 10_000, 0)
    assert statement.gross_minor == sum(line.gross_minor for line in statement.lines)
    following = desk.close(APRIL_MS)
    assert CLAUSE not in [line.clause for line in following.lines]
    assert not list(LATE_DEBTS.scan(desk.context()))


def test_interest_stays_out_of_what_a_period_is_corrected_by() -> None:
    desk = late_by(WITH_INTEREST, 8)
    desk.close(MARCH_MS)
    desk.produce(0, FROM_MS)
    desk.produce(50, MARCH_MS + DAY)
    corrected = desk.close(APRIL_MS)
    [line] = [line for line in corrected.lines if line.kind == "correction"]
    assert line.clause == "per_piece"


def test_an_outsider_recomputes_a_statement_with_interest() -> None:
    desk = late_by(replace(WITH_INTEREST, interest_tax="vat"), 8)
    desk.close(MARCH_MS)
    found = desk.statements()
    interest = {each.period.from_ms: [x for x in each.lines if x.kind == "interest"] for each in found}
    again = settle(deal(desk), [{} for _ in found], interest=interest)
    assert [each.totals.lines for each in again] == [each.lines for each in found]
    assert [each.totals.gross_minor for each in again] == [each.gross_minor for each in found]
    assert interest[MARCH_MS]


def test_tax_is_contained_in_interest_where_it_bears_any() -> None:
    for tax_included in (False, True):
        desk = late_by(replace(WITH_INTEREST, interest_tax="vat"), 20, tax_included)
        line = desk.close(MARCH_MS).lines[-1]
        gross = desk.statement().gross_minor
        assert line.tax_rate_bp == 1_300
        assert abs(line.gross_minor - (gross * 20 * 5 + 5_000) // 10_000) <= 1
        assert line.tax_minor > 0


def test_each_payment_bears_interest_for_its_own_days() -> None:
    desk = Desk(WITH_INTEREST)
    desk.close()
    desk.confirm()
    [name] = desk.obligations()
    desk.move_to(DUE_MS - 1)
    desk.pay(name, 100_000)
    desk.move_to(DUE_MS + 4 * DAY)
    desk.pay(name, 50_000)
    desk.move_to(DUE_MS + 9 * DAY)
    desk.pay(name, 666)
    line = desk.close(MARCH_MS).lines[-1]
    assert line.gross_minor == (50_000 * 5 * 5 + 5_000) // 10_000 + (666 * 10 * 5 + 5_000) // 10_000
    assert line.quantity_base == 10


def test_who_pays_in_time_pays_no_interest() -> None:
    desk = late_by(WITH_INTEREST, 0)
    assert CLAUSE not in [line.clause for line in desk.close(MARCH_MS).lines]


def test_the_law_sets_the_rate_where_a_protected_provider_agreed_on_none() -> None:
    for sizes, interest in ((("small", "large"), 753), (("small", "small"), 0)):
        desk = Desk(replace(TERMS, payment_days=10), sizes=sizes)
        desk.close()
        desk.confirm()
        desk.move_to(DUE_MS + 9 * DAY)
        desk.pay_all()
        charged = [line.gross_minor for line in desk.close(MARCH_MS).lines if line.clause == CLAUSE]
        assert charged == ([interest] if interest else [])


def test_after_the_last_statement_interest_is_owed_by_itself() -> None:
    desk = Desk(WITH_INTEREST)
    for period_ms in (FROM_MS, MARCH_MS, APRIL_MS):
        desk.close(period_ms)
        desk.confirm(period_ms=period_ms)
        desk.pay_all()
    desk.close(MAY_MS)
    desk.confirm(period_ms=MAY_MS)
    desk.move_to(TO_MS + 15 * DAY)
    desk.pay_all()
    [owed] = [owed for owed in desk.obligations().values() if owed.cause == "interest"]
    assert (owed.debtor, owed.amount_minor) == ("plant", (GROSS * 6 * 5 + 5_000) // 10_000)


def test_a_payment_undone_and_made_later_is_charged_the_difference() -> None:
    desk = late_by(WITH_INTEREST, 5)
    first = desk.close(MARCH_MS).lines[-1].gross_minor
    [key] = [key for key, _ in RECEIPTS.scan(desk.context())]
    desk.do("maker", Reverse(entry=str(key[-1]), reason="bounced"))
    desk.move_to(DUE_MS + 29 * DAY)
    desk.pay_all()
    second = desk.close(APRIL_MS).lines[-1]
    assert second.clause == CLAUSE
    assert first + second.gross_minor == (GROSS * 30 * 5 + 5_000) // 10_000


def test_a_line_of_interest_says_what_it_is_for() -> None:
    for settlement, rule in ((WITH_INTEREST, "18.25 % a year"), (replace(TERMS, payment_days=10), "by law")):
        desk = Desk(settlement, sizes=("small", "large"))
        desk.close()
        desk.confirm()
        desk.move_to(DUE_MS + 7 * DAY)
        desk.pay_all()
        line = desk.close(MARCH_MS).lines[-1]
        assert tariff_text(line, "en") == "late_payment: interest for 8 days of delay"
        assert "逾期利息" in tariff_text(line, "zh")
        told = late(deal(desk), line)
        assert "2025-02-01" in told.text.en
        assert rule in told.text.en
        assert told.ok is None


def interest_of(desk: Desk) -> list[tuple[int, int]]:
    """(amount, days) of every line of interest, statement by statement."""
    lines = [line for statement in desk.statements() for line in statement.lines if line.kind == "interest"]
    return [(line.gross_minor, line.quantity_base) for line in lines]


def bears(minor: int, days: int) -> int:
    return (minor * days * 5 + 5_000) // 10_000


def test_a_debt_never_paid_is_charged_by_every_statement_and_no_day_twice() -> None:
    desk = Desk(replace(WITH_INTEREST, silence_days=1))
    for period_ms in (FROM_MS, MARCH_MS, APRIL_MS):
        desk.close(period_ms)
    # February's debt: 21 days of March, 30 of April; March's, with that interest in it: 20 days of April.
    february = bears(GROSS, 21)
    march = bears(GROSS + february, 20)
    assert interest_of(desk) == [(february, 21), (bears(GROSS, 51) - february, 30), (march, 20)]


def test_what_is_paid_after_it_was_charged_is_charged_the_rest() -> None:
    desk = Desk(WITH_INTEREST)
    desk.close()
    desk.confirm()
    desk.close(MARCH_MS)
    assert interest_of(desk) == [(bears(GROSS, 21), 21)]
    desk.now_ms = APRIL_MS + 5 * DAY
    desk.pay_all()
    desk.close(APRIL_MS)
    assert interest_of(desk)[1:] == [(bears(GROSS, 27) - bears(GROSS, 21), 6)]
    assert not list(LATE_DEBTS.scan(desk.context()))


def test_a_payment_dated_back_behind_a_charge_takes_back_what_it_was_too_much() -> None:
    desk = Desk(WITH_INTEREST)
    desk.close()
    desk.confirm()
    desk.close(MARCH_MS)
    desk.now_ms = APRIL_MS + 2 * DAY
    desk.pay_all(DUE_MS + 2 * DAY)
    desk.close(APRIL_MS)
    assert interest_of(desk)[1:] == [(bears(GROSS, 3) - bears(GROSS, 21), 3 - 21)]


def test_what_is_corrected_or_given_up_bears_no_interest_and_what_was_charged_for_it_goes_back() -> None:
    for paid in (False, True):
        desk = Desk(WITH_INTEREST)
        desk.close()
        desk.confirm()
        if paid:
            desk.move_to(DUE_MS + 4 * DAY)
            desk.pay_all()
        desk.close(MARCH_MS)
        charged = bears(GROSS, 5 if paid else 21)
        assert [amount for amount, _ in interest_of(desk)] == [charged]
        desk.concede("maker", l1=100_000)
        if not paid:
            [(name, owed)] = [
                (name, each) for name, each in desk.obligations().items() if not each.paid_minor
            ]
            desk.do("maker", Waive(name, owed.amount_minor, "goodwill"))
        desk.close(APRIL_MS)
        left = bears(GROSS - 100_000, 5) if paid else 0
        assert sum(amount for amount, _ in interest_of(desk)) == left


def test_interest_of_a_third_that_shares_a_revenue_is_owed_by_itself_at_every_close() -> None:
    desk = Desk(WITH_INTEREST, replace(PIECES, elements=(*PIECES.elements, SHARED)))
    desk.close()
    desk.confirm()
    desk.close(MARCH_MS)
    desk.close(APRIL_MS)
    third = next(part for part in desk.life().parts if part.creditor == "bank")
    charged = [each for each in desk.obligations().values() if each.cause == "interest"]
    owed = [(each.creditor, each.amount_minor) for each in sorted(charged, key=lambda each: each.since_ms)]
    first = bears(third.amount_minor, 21)
    assert owed == [("bank", first), ("bank", bears(third.amount_minor, 51) - first)]
    # The statements charge what maker is owed, and nothing of the bank's.
    assert [days for _, days in interest_of(desk)] == [21, 30]


def test_debts_with_a_third_that_are_too_many_for_one_close_wait_for_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert 2 * limits.INTEREST_APART_MAX < limits.EVENTS_MAX // 2
    monkeypatch.setattr(limits, "INTEREST_APART_MAX", 1)
    desk = Desk(WITH_INTEREST, replace(PIECES, elements=(*PIECES.elements, SHARED)))
    thirds = []
    for period_ms in (FROM_MS, MARCH_MS, APRIL_MS, MAY_MS):
        desk.close(period_ms)
        desk.confirm(period_ms=period_ms)
        thirds.append(next(part for part in desk.life(period_ms).parts if part.creditor == "bank"))
    charged = [each for each in desk.obligations().values() if each.cause == "interest"]
    owed = [each.amount_minor for each in sorted(charged, key=lambda each: each.since_ms)]

    february, march, _, _ = (part.amount_minor for part in thirds)
    assert owed == [bears(february, 21), bears(february, 51) - bears(february, 21), bears(march, 51)]
    waiting = [str(key[2]) for key, _ in LATE_DEBTS.scan(desk.context(), ("g-1",))]
    assert {part.obligation for part in thirds} <= {*waiting}


def unpaid_at_the_end() -> tuple[Desk, str]:
    """May's statement is not paid, and no other follows."""
    desk = Desk(WITH_INTEREST)
    for period_ms in (FROM_MS, MARCH_MS, APRIL_MS):
        desk.close(period_ms)
        desk.confirm(period_ms=period_ms)
        desk.pay_all()
    desk.close(MAY_MS)
    desk.confirm(period_ms=MAY_MS)
    return desk, desk.life(MAY_MS).parts[0].obligation


def test_after_the_last_statement_the_creditor_has_interest_owed_when_it_wants() -> None:
    desk, name = unpaid_at_the_end()
    own = []
    for days in (15, 40):
        desk.move_to(TO_MS + (10 + days) * DAY - 1)
        desk.do("maker", ChargeInterest("g-1", name))
        own = [owed.amount_minor for owed in desk.obligations().values() if owed.cause == "interest"]
        assert sum(own) == bears(GROSS, days)
    assert len(own) == 2
    desk.now_ms += 1
    desk.pay(name, GROSS)
    own = [owed.amount_minor for owed in desk.obligations().values() if owed.cause == "interest"]
    assert sum(own) == bears(GROSS, 41)


def test_interest_is_charged_by_its_creditor_alone_after_the_last_statement_and_once() -> None:
    desk, name = unpaid_at_the_end()
    desk.move_to(TO_MS + 9 * DAY)
    for member, obligation, refused in (
        ("maker", name, InterestNone),
        ("plant", name, InterestOfOther),
        ("third", name, InterestOfOther),
        ("maker", "x" * 64, InterestUnknown),
    ):
        with pytest.raises(refused):
            desk.do(member, ChargeInterest("g-1", obligation))
    desk.propose(WITH_INTEREST, "g-2", (TO_MS + 20 * DAY, TO_MS + 50 * DAY))
    for other in ("g-2", "g-3"):
        with pytest.raises(InterestUnknown):
            desk.do("maker", ChargeInterest(other, name))
    desk.move_to(TO_MS + 12 * DAY)
    desk.do("maker", ChargeInterest("g-1", name))
    with pytest.raises(InterestNone):
        desk.do("maker", ChargeInterest("g-1", name))
    own = next(of for of, owed in desk.obligations().items() if owed.cause == "interest")
    with pytest.raises(InterestUnknown):
        desk.do("maker", ChargeInterest("g-1", own))


def test_while_statements_follow_nobody_charges_interest_by_hand() -> None:
    desk = Desk(WITH_INTEREST)
    desk.close()
    desk.confirm()
    desk.move_to(DUE_MS + 3 * DAY)
    with pytest.raises(InterestWaits):
        desk.do("maker", ChargeInterest("g-1", desk.life().parts[0].obligation))


def test_with_more_late_debts_than_a_close_looks_at_each_has_its_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "INTEREST_ITEMS_MAX", 1)
    desk = Desk(replace(WITH_INTEREST, silence_days=1, interest_bp=1))
    starts = []
    for period_ms in (FROM_MS, MARCH_MS, APRIL_MS, MAY_MS):
        desk.close(period_ms)
        lines = [line for line in desk.statement(period_ms).lines if line.kind == "interest"]
        starts.append([line.corrects_from_ms for line in lines])
    assert starts == [[], [FROM_MS], [FROM_MS], [MARCH_MS]]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(1, GROSS), st.integers(0, 70), st.integers(0, 12)), max_size=6))
def test_however_a_debt_is_paid_what_was_charged_is_what_it_bore(
    payments: list[tuple[int, int, int]],
) -> None:
    """Payments: (amount, day of the value date, days until it is recorded)."""
    desk = Desk(WITH_INTEREST)
    desk.close()
    desk.confirm()
    [name] = desk.obligations()
    left, whole = GROSS, 0
    closed = {APRIL_MS: MARCH_MS, MAY_MS: APRIL_MS}
    for amount, day, wait in [*sorted(payments, key=lambda paid: paid[1] + paid[2]), (GROSS, 75, 0)]:
        value_ms = MARCH_MS + day * DAY
        at_ms = max(value_ms + wait * DAY, desk.now_ms)
        for end_ms, period_ms in list(closed.items()):
            if end_ms <= at_ms:
                desk.close(period_ms)
                del closed[end_ms]
        desk.now_ms = max(desk.now_ms, at_ms)
        paid = min(amount, left)
        if paid:
            desk.pay(name, paid, value_ms)
            whole += bears(paid, max(day - 10 + 1, 0))
            left -= paid
    assert left == 0
    for period_ms in closed.values():
        desk.close(period_ms)
    desk.close(MAY_MS)
    assert sum(amount for amount, _ in interest_of(desk)) == whole


def test_what_falls_due_between_the_last_period_and_its_close_is_charged_with_it() -> None:
    """Cut off twenty days later: June's debt falls due, and is paid late, after the end of July."""
    desk = Desk()
    terms = Terms(cut_off_ms=20 * DAY, gaps=(GAP,), settlement=replace(WITH_INTEREST, payment_days=35))
    meters = (Binding("pieces", "plant", "pieces"),)
    july_ms, august_ms = TO_MS + 30 * DAY, TO_MS + 61 * DAY
    desk.do("maker", Propose("g-2", "maker", "plant", "maker", "t-1", 1, meters, terms, TO_MS, august_ms))
    desk.do("plant", accept("g-2"))
    desk.move_to(july_ms + 20 * DAY)
    for member in ("maker", "plant"):
        desk.do(member, ConfirmStatement("g-2", TO_MS, content(desk.statement(TO_MS, "g-2"))))
    [part] = desk.life(TO_MS, "g-2").parts
    assert part.due_ms == august_ms + 4 * DAY
    desk.now_ms = part.due_ms + 2 * DAY
    desk.pay(part.obligation, part.amount_minor)
    desk.move_to(august_ms + 20 * DAY)
    [line] = [line for line in desk.statement(july_ms, "g-2").lines if line.kind == "interest"]
    assert (line.corrects_from_ms, line.gross_minor) == (TO_MS, bears(part.amount_minor, 3))


def test_payments_count_from_the_earliest_up_to_what_is_owed_by_now() -> None:
    """Of 300 paid, 100 in time and 200 ten days late, 150 are owed since a correction: 50 came late."""
    desk = Desk(WITH_INTEREST)
    agreement = AGREEMENTS.get(desk.reading(), ("g-1",))
    assert agreement is not None
    part = Part("o-1", "plant", "maker", 150_000, DUE_MS)
    late_first = [(200_000, DUE_MS + 9 * DAY), (100_000, DUE_MS - 1)]
    for payments in (late_first, late_first[::-1]):
        found = debt_bears(agreement, WITH_INTEREST, part, payments, DUE_MS + 90 * DAY)
        assert found == (bears(50_000, 10), 10)


def test_a_payment_in_time_that_bounces_leaves_a_debt_that_bears_interest() -> None:
    desk = Desk(WITH_INTEREST)
    desk.close()
    desk.confirm()
    desk.pay_all()
    assert not list(LATE_DEBTS.scan(desk.context()))
    [key] = [key for key, _ in RECEIPTS.scan(desk.context())]
    desk.now_ms += DAY
    desk.do("maker", Reverse(entry=str(key[-1]), reason="bounced"))
    desk.close(MARCH_MS)
    assert interest_of(desk) == [(bears(GROSS, 21), 21)]


def test_what_does_not_go_back_in_time_bears_interest_too_and_the_user_is_credited() -> None:
    desk = Desk(WITH_INTEREST)
    desk.close()
    desk.confirm()
    desk.pay_all()
    desk.concede("maker", l1=100_000)
    # It is to go back within thirty days: by the 31st of March.
    desk.close(MARCH_MS)
    desk.close(APRIL_MS)
    days = (MAY_MS - desk.life().parts[1].due_ms) // DAY
    lines = [line for line in desk.statement(APRIL_MS).lines if line.corrects_from_ms == FROM_MS]
    charged = sum(amount for amount, _ in interest_of(desk))
    assert charged == -bears(100_000, days)
    assert len(lines) == 1


@pytest.mark.parametrize(
    ("settlement", "sizes", "listed"),
    [
        (replace(TERMS, payment_days=10), ("small", "small"), 0),
        (replace(TERMS, payment_days=10), ("small", "large"), 1),
        (WITH_INTEREST, ("small", "small"), 1),
    ],
)
def test_what_can_never_bear_interest_is_not_kept_for_it(
    settlement: Settlement, sizes: tuple[str, str], listed: int
) -> None:
    desk = Desk(settlement, sizes=sizes)
    desk.close()
    desk.confirm()
    assert len(list(LATE_DEBTS.scan(desk.context()))) == listed
