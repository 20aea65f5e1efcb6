"""Statements that more than two settle, that pay out instead of in, that a prepayment pays, that dispute
themselves.
"""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hansa.apps.billing import closing, errors_life, lifecycle
from hansa.apps.billing.elements_trade import Payee, Split
from hansa.apps.billing.errors_energy import IndexMissing
from hansa.apps.billing.lifecycle import Leg, allot
from hansa.apps.billing.messages import Binding, Propose
from hansa.apps.billing.messages_life import Dispute, Part
from hansa.apps.billing.messages_prices import PublishIndex
from hansa.apps.billing.tariff import Cap
from hansa.apps.billing.terms import RateFloor, Terms
from hansa.apps.money import interface as money
from hansa.kernel import limits, replace
from tests.apps.ground import accept
from tests.apps.statements import DAY, GAP, MARCH_MS, PIECES, TERMS, TO_MS, Desk, owing

GROSS = 150_666
CREDITED = replace(
    PIECES, elements=(*PIECES.elements, Cap("at_most", "vat", ("base_fee", "service"), 120_000))
)
"""Line 4 counts for the user."""
SHARED = replace(
    PIECES,
    elements=(
        *PIECES.elements,
        Split("parts", "vat", ("base_fee",), (Payee("maker", 6_667), Payee("bank", 3_333))),
    ),
)


def owed(desk: Desk) -> list[tuple[str, str, int]]:
    """Who owes whom how much, as it stands."""
    return sorted((each.debtor, each.creditor, each.amount_minor) for each in desk.obligations().values())


def test_each_that_shares_a_revenue_is_owed_its_part() -> None:
    desk = Desk(tariff=SHARED)
    stated = desk.close()
    assert {share.creditor for share in stated.shares} == {"maker", "bank"}
    desk.confirm()
    bank_minor = next(share.gross_minor for share in stated.shares if share.creditor == "bank")
    assert owed(desk) == [("plant", "bank", bank_minor), ("plant", "maker", GROSS - bank_minor)]
    assert bank_minor == 37_663
    desk.pay_all()
    assert desk.life().settled_ms


def test_a_correction_of_shared_revenue_is_borne_by_all_in_proportion() -> None:
    desk = Desk(tariff=SHARED)
    stated = desk.close()
    desk.confirm()
    desk.concede("maker", l1=50_000)
    assert owing(desk) == GROSS - 50_000
    bank_minor = next(share.gross_minor for share in stated.shares if share.creditor == "bank")
    shares = {creditor: amount for _, creditor, amount in owed(desk)}
    assert abs(shares["bank"] * GROSS - (GROSS - 50_000) * bank_minor) < GROSS
    desk.pay_all()
    assert desk.life().settled_ms


@given(
    amounts=st.lists(st.integers(1, 10**9), min_size=1, max_size=6),
    share=st.integers(-(10**6), 10**6),
    sign=st.sampled_from([1, -1]),
)
def test_what_is_allotted_adds_up_and_the_whole_is_each_one_s_own(
    amounts: list[int], share: int, sign: int
) -> None:
    among = [Leg("plant", f"m{n}", sign * amount) for n, amount in enumerate(amounts)]
    whole = sign * sum(amounts)
    part = whole * share // 10**6
    assert sum(allot(part, among)) == part
    assert allot(whole, among) == [leg.gross_minor for leg in among]
    exact = [part * leg.gross_minor / whole for leg in among]
    assert all(abs(found - wanted) < 1.001 for found, wanted in zip(allot(part, among), exact, strict=True))


def test_a_statement_below_zero_is_owed_by_the_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    real = closing.close_statement

    def negated(included: bool, lines: Any) -> Any:
        return real(included, [replace(line, amount_minor=-line.amount_minor) for line in lines])

    monkeypatch.setattr(closing, "close_statement", negated)
    desk = Desk()
    assert desk.close().gross_minor == -GROSS
    desk.dispute("maker", 2)
    desk.confirm("plant")
    assert owed(desk) == [("maker", "plant", 113_000)]
    desk.withdraw("maker")
    assert owing(desk) == -GROSS
    # Now the lines count for the user: it is the one that may give them up.
    desk.concede("plant", l1=13_000)
    assert owing(desk) == 13_000 - GROSS
    desk.pay_all()
    assert desk.life().settled_ms


def prepaid(desk: Desk, amount_minor: int) -> str:
    """Plant paid so much in advance."""
    name = money.name_of("g-1", "prepayment")
    ctx = desk.context("plant")
    fund = money.Fund("prepayment", "plant", "maker", "CNY", amount_minor, desk.now_ms + DAY, "g-1")
    money.open_fund(ctx, name, fund)
    ctx.layer.merge_into(desk.layer)
    desk.pay(money.pay_in_of(name), amount_minor)
    return name


def test_a_prepayment_is_drawn_first() -> None:
    desk = Desk()
    pay_in = money.pay_in_of(prepaid(desk, 100_000))
    desk.close()
    desk.confirm()
    [statement] = [each for name, each in desk.obligations().items() if name != pay_in]
    assert (statement.paid_minor, statement.state) == (100_000, "open")
    desk.pay_all()
    assert desk.life().settled_ms


def test_a_prepayment_that_covers_a_statement_settles_it_at_once() -> None:
    desk = Desk()
    prepaid(desk, 400_000)
    desk.close()
    desk.confirm()
    assert desk.life().settled_ms == desk.now_ms
    desk.close(MARCH_MS)
    desk.confirm(period_ms=MARCH_MS)
    assert desk.life(MARCH_MS).settled_ms
    assert desk.open_items().unsettled == 0


def test_what_a_prepayment_paid_too_much_goes_back_as_any_payment() -> None:
    desk = Desk()
    prepaid(desk, 400_000)
    desk.close()
    desk.confirm()
    desk.concede("maker", l1=13_000)
    assert ("maker", "plant", 13_000) in owed(desk)


def test_lines_that_a_check_feed_contradicts_are_disputed_by_themselves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As the statement names them (`check_lines`); how they come to be named: test_check_feeds."""
    real = closing.reckon

    def contradicted(*arguments: Any) -> Any:
        found = real(*arguments)
        return found._replace(statement=replace(found.statement, check_lines=(1, 3)))

    monkeypatch.setattr(closing, "reckon", contradicted)
    desk = Desk()
    desk.close()
    [dispute] = desk.life().disputes
    assert (dispute.by, dispute.lines, dispute.automatic) == ("plant", (1,), True)
    assert not desk.life().user_ms
    desk.confirm()
    assert owing(desk) == GROSS - 113_000
    desk.withdraw("plant")
    assert owing(desk) == GROSS


def test_of_two_words_with_different_signs_nothing_is_agreed() -> None:
    desk = Desk()
    stated = desk.close()
    lines = (
        replace(stated.lines[0], number=1, gross_minor=100),
        replace(stated.lines[1], number=2, gross_minor=-80),
    )
    statement = replace(stated, lines=lines, gross_minor=20)
    life = desk.life()

    def agreed(*disputes: tuple[str, int]) -> int:
        said = tuple(Dispute(by, (line,), "x") for by, line in disputes)
        return lifecycle.agreed_minor(statement, replace(life, disputes=said))

    assert agreed() == 20
    assert agreed(("maker", 2)) == 20
    assert agreed(("plant", 1)) == 0
    assert agreed(("plant", 1), ("maker", 2)) == 0


def test_corrections_and_what_they_lead_to_have_an_end() -> None:
    desk = Desk()
    desk.close()
    desk.confirm()
    for _ in range(limits.CORRECTIONS_MAX):
        desk.concede("maker", l1=1)
    with pytest.raises(errors_life.TooManyCorrections):
        desk.concede("maker", l1=1)
    other = Desk(tariff=CREDITED)
    other.close()
    other.confirm()
    for _ in range(limits.LIFE_PARTS_MAX - 1):
        other.concede("plant", l4=1)
    assert len(other.life().parts) == limits.LIFE_PARTS_MAX
    with pytest.raises(errors_life.TooManyCorrections):
        other.concede("plant", l4=1)
    assert owing(other) == other.statement().gross_minor + limits.LIFE_PARTS_MAX - 1


def test_a_prepayment_that_ended_pays_nothing_more() -> None:
    desk = Desk()
    name = prepaid(desk, 400_000)
    ctx = desk.context("maker")
    money.return_fund(ctx, name)
    ctx.layer.merge_into(desk.layer)
    desk.close()
    desk.confirm()
    assert ("plant", "maker", GROSS) in owed(desk)
    assert not desk.life().settled_ms


def test_an_agreed_rate_of_interest_is_not_below_the_floor_that_the_terms_name() -> None:
    """The value in force when the other accepts decides, whatever it was when it was proposed."""
    floor = RateFloor("bank", "lpr-1y")
    desk = Desk()
    low, enough = (replace(TERMS, interest_bp=bp, interest_floor=floor) for bp in (310, 311))
    times = (TO_MS, TO_MS + 30 * DAY)
    with pytest.raises(IndexMissing):
        desk.propose(enough, "g-2", times)
    day = desk.now_ms // DAY
    desk.do("bank", PublishIndex("lpr-1y", day, 310_000_000))
    desk.propose(low, "g-2", times)
    desk.do("bank", PublishIndex("lpr-1y", day + 1, 310_000_001))
    desk.propose(low, "g-3", (times[0] + 40 * DAY, times[1] + 40 * DAY))
    desk.now_ms += DAY
    for name, settlement, refused in (("g-4", low, True), ("g-5", enough, False)):
        later = (times[0] + 80 * DAY, times[1] + 80 * DAY)
        if refused:
            with pytest.raises(errors_life.InterestBelowFloor) as caught:
                desk.propose(settlement, name, later)
            assert "3.1 % a year" in caught.value.en
            assert "3.10000001 %" in caught.value.zh
        else:
            desk.propose(settlement, name, later)


def test_the_floor_holds_when_the_other_accepts() -> None:
    desk = Desk()
    settlement = replace(TERMS, interest_bp=310, interest_floor=RateFloor("bank", "lpr-1y"))
    day = desk.now_ms // DAY
    desk.do("bank", PublishIndex("lpr-1y", day, 310_000_000))
    desk.do("bank", PublishIndex("lpr-1y", day + 1, 320_000_000))
    meters = (Binding("pieces", "plant", "pieces"),)
    terms = Terms(cut_off_ms=0, gaps=(GAP,), settlement=settlement)
    desk.do(
        "maker", Propose("g-2", "maker", "plant", "maker", "t-1", 1, meters, terms, TO_MS, TO_MS + 9 * DAY)
    )
    desk.now_ms += DAY
    with pytest.raises(errors_life.InterestBelowFloor):
        desk.do("plant", accept("g-2"))


def test_a_floor_without_a_rate_asks_nothing() -> None:
    desk = Desk(replace(TERMS, interest_floor=RateFloor("bank", "lpr-1y")))
    assert desk.close().gross_minor


@given(st.dictionaries(st.integers(1, 6), st.integers(-500, 500), min_size=1), st.sets(st.integers(1, 6)))
def test_what_waits_for_a_dispute_leaves_exactly_what_both_agree_is_owed(
    lines: dict[int, int], disputed: set[int]
) -> None:
    """As `agreed_minor` has it, by one line of arithmetic for each word."""
    in_dispute = sorted(number for number in disputed if number in lines)
    waiting = lifecycle.left_out(lines, in_dispute)
    owed = sum(amount for number, amount in lines.items() if number not in waiting)
    user = sum(lines.values()) - sum(lines[number] for number in in_dispute if lines[number] > 0)
    provider = sum(lines.values()) - sum(lines[number] for number in in_dispute if lines[number] < 0)
    assert owed == (user if user > 0 else provider if provider < 0 else 0)
    assert in_dispute or not waiting


def test_a_debt_remembers_when_it_was_lessened_and_no_more_often_than_it_may() -> None:
    part = Part("o-1", "plant", "maker", 1_000, 5)
    for at_ms in range(10, 10 + limits.LESSENINGS_MAX + 3):
        part = lifecycle.lessen(part, 2, at_ms)
    assert len(part.lessened) == limits.LESSENINGS_MAX
    assert part.amount_minor == 1_000 - 2 * (limits.LESSENINGS_MAX + 3)
    amounts = [lifecycle.part_at(part, at_ms).amount_minor for at_ms in (1, 10, 11, 1_000)]
    assert amounts == [1_000, 1_000, 998, part.amount_minor]
