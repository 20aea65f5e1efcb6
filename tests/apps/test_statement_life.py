"""What becomes of a statement: who says what of it, what is owed by then, and until when."""

import pytest

from hansa.apps.billing import errors_life as errors
from hansa.apps.billing import interface, lifecycle
from hansa.apps.billing.errors import AgreementUnknown, NotParty
from hansa.apps.billing.life import agreements_of
from hansa.apps.billing.lifecycle import content
from hansa.apps.billing.messages_life import ConfirmStatement
from hansa.apps.billing.terms import Settlement
from hansa.apps.money.messages import Reverse, Waive
from hansa.apps.money.tables import RECEIPTS
from hansa.kernel import Refusal, replace
from hansa.kernel.due import QUEUE
from tests.apps.statements import (
    APRIL_MS,
    DAY,
    FROM_MS,
    HASH,
    MARCH_MS,
    MAY_MS,
    TERMS,
    TO_MS,
    Act,
    Desk,
    owing,
)

GROSS = 113_000 + 37_666
"""Of a month without pieces: 1,130.00 and 376.66."""


def test_nothing_is_owed_before_both_confirmed_and_then_exactly_the_statement() -> None:
    desk = Desk()
    stated = desk.close()
    assert stated.gross_minor == GROSS
    assert desk.open_items().unsettled == 1
    desk.confirm("plant")
    assert desk.obligations() == {}
    desk.confirm("maker")
    [(name, owed)] = desk.obligations().items()
    assert (owed.debtor, owed.creditor, owed.amount_minor) == ("plant", "maker", GROSS)
    assert (owed.due_ms, owed.subject, owed.currency) == (MARCH_MS + 30 * DAY, "g-1", "CNY")
    desk.pay(name, GROSS)
    assert desk.life().settled_ms == desk.now_ms
    assert desk.open_items().unsettled == 0


def test_without_terms_of_settlement_nothing_follows_of_a_statement() -> None:
    desk = Desk(settlement=None)
    stated = desk.close()
    with pytest.raises(errors.NoSettlement):
        desk.do("plant", ConfirmStatement("g-1", FROM_MS, content(stated)))
    assert desk.ask(lambda ctx: list(QUEUE.scan(ctx)))
    assert not [name for name, _ in desk.tables("billing") if name in ("billing.lives", "billing.open")]


def test_silence_counts_only_if_agreed() -> None:
    patient = Desk()
    patient.close()
    patient.confirm("maker")
    patient.move_to(TO_MS - DAY)
    assert not patient.life().confirmed_ms
    brisk = Desk(replace(TERMS, silence_days=10))
    brisk.close()
    brisk.confirm("maker")
    brisk.move_to(MARCH_MS + 10 * DAY - 1)
    assert not brisk.life().confirmed_ms
    brisk.move_to(MARCH_MS + 10 * DAY)
    life = brisk.life()
    assert (life.user_ms, life.confirmed_ms, life.silent) == (MARCH_MS + 10 * DAY,) * 2 + (True,)
    assert owing(brisk) == GROSS


def test_silence_has_spoken_even_where_its_due_work_is_late() -> None:
    desk = Desk(replace(TERMS, silence_days=10))
    desk.close()
    desk.now_ms = MARCH_MS + 11 * DAY
    for act in (lambda: desk.confirm("plant"), lambda: desk.dispute("plant", 1)):
        with pytest.raises(errors.AlreadyConfirmed):
            act()


def test_the_undisputed_part_is_due_although_the_rest_is_not() -> None:
    desk = Desk()
    desk.close(pieces=50)
    gross = desk.statement().gross_minor
    desk.dispute("plant", 2, 4)
    assert desk.life().user_ms == desk.now_ms
    desk.confirm("maker")
    line2, line4 = desk.statement().lines[1], desk.statement().lines[3]
    assert owing(desk) == gross - line2.gross_minor - line4.gross_minor
    assert desk.open_items().disputed == 1
    desk.pay_all()
    assert not desk.life().settled_ms
    desk.now_ms += 3 * DAY
    desk.withdraw("plant")
    assert owing(desk) == gross
    due = [owed.due_ms for owed in desk.obligations().values()]
    assert due == [MARCH_MS + 30 * DAY] * 2
    desk.pay_all()
    assert desk.life().settled_ms == desk.now_ms
    assert desk.open_items() == desk.open_items().__class__()


def test_the_ledger_says_when_a_line_was_in_dispute_and_since_when_both_agree_on_it() -> None:
    desk = Desk()
    desk.close(pieces=50)
    desk.dispute("plant", 2, 4)
    opened_ms = desk.now_ms
    assert lifecycle.agreed_ms(desk.life(), 1) == 0
    going_on = [lifecycle.disputed_at(desk.life(), at_ms) for at_ms in (opened_ms - 1, opened_ms)]
    assert going_on == [(), (2, 4)]
    desk.now_ms += DAY
    desk.confirm("maker")
    confirmed_ms = desk.now_ms
    desk.now_ms += DAY
    desk.concede("maker", l2=37_666)
    conceded_ms = desk.now_ms
    desk.now_ms += DAY
    desk.withdraw("plant")
    life = desk.life()
    ended = [(each.by, each.lines, each.opened_ms, each.ended_ms) for each in life.ended]
    assert ended == [("plant", (2,), opened_ms, conceded_ms), ("plant", (4,), opened_ms, desk.now_ms)]
    assert [lifecycle.agreed_ms(life, line) for line in (1, 2, 4)] == [
        confirmed_ms, conceded_ms, desk.now_ms,
    ]  # fmt: skip
    at = (opened_ms - 1, opened_ms, conceded_ms - 1, conceded_ms, desk.now_ms - 1, desk.now_ms)
    disputed = [lifecycle.disputed_at(life, each) for each in at]
    assert disputed == [(), (2, 4), (2, 4), (4,), (4,), ()]


def test_what_waits_for_a_red_letter_is_in_dispute_until_that_comes() -> None:
    desk = Desk(replace(TERMS, silence_days=1))
    desk.close()
    desk.dispute("plant", 2)
    desk.confirm("maker")
    desk.invoice()
    desk.concede("maker", l2=37_666)
    assert lifecycle.agreed_ms(desk.life(), 2) == 0
    desk.now_ms += 5 * DAY
    desk.red_letter()
    assert lifecycle.agreed_ms(desk.life(), 2) == desk.now_ms


def test_what_is_wholly_conceded_is_in_dispute_no_more() -> None:
    desk = Desk()
    desk.close()
    desk.dispute("plant", 2)
    desk.concede("maker", l2=37_666)
    assert desk.life().disputes == ()
    desk.confirm("maker")
    assert owing(desk) == 113_000
    desk.pay_all()
    assert desk.life().settled_ms
    assert desk.corrections()[0].gross_minor == -37_666


def test_a_partial_concession_leaves_the_rest_in_dispute() -> None:
    desk = Desk()
    desk.close()
    desk.dispute("plant", 1)
    desk.confirm("maker")
    assert owing(desk) == 37_666
    desk.concede("maker", l1=13_000)
    assert owing(desk) == 37_666
    desk.withdraw("plant")
    assert owing(desk) == GROSS - 13_000


def test_a_concession_takes_the_tax_with_it_to_the_cent() -> None:
    desk = Desk()
    desk.close()
    line = desk.statement().lines[1]
    for part in (1, 10_000, 20_000, 7_665):
        desk.concede("maker", l2=part)
    corrections = desk.corrections()
    assert sum(each.gross_minor for each in corrections) == -line.gross_minor
    assert sum(each.tax_minor for each in corrections) == -line.tax_minor
    assert sum(each.net_minor for each in corrections) == -line.net_minor
    assert all(each.net_minor + each.tax_minor == each.gross_minor for each in corrections)


def test_a_correction_after_payment_goes_back() -> None:
    desk = Desk()
    desk.close()
    desk.confirm()
    desk.pay_all()
    desk.concede("maker", l1=13_000)
    back = [owed for owed in desk.obligations().values() if owed.debtor == "maker"]
    assert [owed.amount_minor for owed in back] == [13_000]
    assert owing(desk) == GROSS - 13_000
    assert not desk.life().settled_ms
    desk.pay_all()
    assert desk.life().settled_ms


def test_a_part_paid_statement_is_lessened_by_what_is_open_first() -> None:
    desk = Desk()
    desk.close()
    desk.confirm()
    [name] = desk.obligations()
    desk.pay(name, 100_000)
    desk.concede("maker", l1=60_000)
    sums = sorted((owed.debtor, owed.amount_minor) for owed in desk.obligations().values())
    assert sums == [("maker", 100_000 + 60_000 - GROSS), ("plant", 100_000)]
    assert owing(desk) == GROSS - 60_000
    desk.concede("maker", l1=13_000)
    assert owing(desk) == GROSS - 73_000
    desk.pay_all()
    assert desk.life().settled_ms


def test_an_invoice_is_what_the_statement_says_and_a_correction_then_waits_for_its_red_letter() -> None:
    desk = Desk()
    desk.close()
    desk.confirm()
    desk.invoice()
    desk.concede("maker", l1=13_000)
    assert owing(desk) == GROSS
    assert desk.life().waiting == 1
    desk.pay_all()
    assert not desk.life().settled_ms
    desk.red_letter()
    assert owing(desk) == GROSS - 13_000
    assert desk.corrections()[0].red_letter == "44030725051001117191"
    desk.pay_all()
    assert desk.life().settled_ms


def test_an_invoice_after_a_correction_is_of_the_corrected_sum() -> None:
    desk = Desk()
    desk.close()
    desk.confirm()
    desk.concede("maker", l1=13_000)
    desk.invoice()
    invoice = desk.life().invoice
    assert invoice is not None
    assert invoice.gross_minor == GROSS - 13_000


@pytest.mark.parametrize(
    ("settlement", "confirmed_ms", "due_ms"),
    [
        (TERMS, MARCH_MS + DAY, MARCH_MS + 30 * DAY),
        (replace(TERMS, payment_days=0), MARCH_MS + DAY, MARCH_MS),
        (replace(TERMS, runs_from="confirmation"), MARCH_MS + 5 * DAY, MARCH_MS + 35 * DAY),
        (replace(TERMS, payment_days=366), MARCH_MS, MARCH_MS + 366 * DAY),
    ],
)
def test_when_it_is_due(settlement: Settlement, confirmed_ms: int, due_ms: int) -> None:
    desk = Desk(settlement)
    desk.close()
    desk.now_ms = confirmed_ms
    desk.confirm()
    assert [owed.due_ms for owed in desk.obligations().values()] == [due_ms]


def test_where_days_run_from_the_invoice_nothing_is_owed_before_it() -> None:
    desk = Desk(replace(TERMS, runs_from="invoice"))
    desk.close()
    desk.confirm()
    assert desk.obligations() == {}
    desk.now_ms += 4 * DAY
    desk.invoice()
    assert [owed.due_ms for owed in desk.obligations().values()] == [MARCH_MS + 34 * DAY]


def test_a_protected_provider_is_owed_sixty_days_from_delivery_at_the_latest() -> None:
    late = Desk(replace(TERMS, runs_from="invoice"), sizes=("small", "large"))
    late.close()
    late.confirm()
    late.move_to(MARCH_MS + 60 * DAY - 1)
    assert late.obligations() == {}
    late.move_to(MARCH_MS + 60 * DAY)
    assert [owed.due_ms for owed in late.obligations().values()] == [MARCH_MS + 60 * DAY]
    stalled = Desk(replace(TERMS, runs_from="confirmation", payment_days=60), sizes=("micro", "large"))
    stalled.close()
    stalled.now_ms = MARCH_MS + 25 * DAY
    stalled.confirm()
    assert [owed.due_ms for owed in stalled.obligations().values()] == [MARCH_MS + 60 * DAY]


def test_a_reason_that_was_stated_lifts_the_latest_day() -> None:
    terms = replace(TERMS, payment_days=90, long_term_reason="industry_norm")
    desk = Desk(terms, sizes=("small", "large"))
    desk.close()
    desk.confirm()
    assert [owed.due_ms for owed in desk.obligations().values()] == [MARCH_MS + 90 * DAY]


def test_a_payment_undone_opens_the_statement_again() -> None:
    desk = Desk()
    desk.close()
    desk.confirm()
    desk.pay_all()
    [key] = [key for key, _ in RECEIPTS.scan(desk.context())]
    desk.do("maker", Reverse(entry=str(key[-1]), reason="bounced"))
    assert not desk.life().settled_ms
    assert desk.open_items().unsettled == 1
    desk.pay_all()
    assert desk.life().settled_ms


def test_what_the_creditor_waives_is_owed_no_more_and_never_again() -> None:
    desk = Desk()
    desk.close()
    desk.dispute("plant", 2)
    desk.confirm("maker")
    [name] = desk.obligations()
    desk.do("maker", Waive(name, 100_000, "goodwill"))
    desk.concede("maker", l1=1_000)
    desk.withdraw("plant")
    assert owing(desk) == GROSS - 101_000
    desk.concede("maker", l1=112_000)
    assert owing(desk) == 0
    assert desk.life().settled_ms


def test_a_statement_waived_whole_is_settled() -> None:
    desk = Desk()
    desk.close()
    desk.confirm()
    [name] = desk.obligations()
    desk.do("maker", Waive(name, GROSS, "goodwill"))
    assert desk.life().settled_ms
    assert owing(desk) == 0


def test_what_is_overdue_is_counted_until_it_is_paid() -> None:
    desk = Desk()
    desk.close()
    desk.confirm()
    desk.move_to(APRIL_MS + 5 * DAY)
    assert desk.open_items("g-1").overdue == 1
    desk.pay_all()
    assert desk.open_items("g-1").overdue == 0


def test_other_rooms_may_ask_how_an_agreement_stands() -> None:
    desk = Desk()
    for period_ms in (FROM_MS, MARCH_MS, APRIL_MS, MAY_MS):
        desk.close(period_ms)
        desk.dispute("plant", 1, period_ms=period_ms)
        desk.confirm("maker", period_ms=period_ms)
        assert desk.ask(interface.is_disputed, "g-1")
        desk.withdraw("plant", period_ms=period_ms)
        assert not desk.ask(interface.is_disputed, "g-1")
        assert not desk.ask(interface.statements_settled, "g-1")
    desk.move_to(TO_MS + 40 * DAY)
    assert desk.ask(interface.has_overdue, "g-1")
    desk.pay_all()
    desk.pay_all()
    assert not desk.ask(interface.has_overdue, "g-1")
    assert desk.ask(interface.statements_settled, "g-1")


REFUSALS: list[tuple[type[Refusal], str, Act]] = [
    (AgreementUnknown, "", lambda desk: desk.do("plant", ConfirmStatement("g-9", FROM_MS, HASH))),
    (NotParty, "", lambda desk: desk.confirm("bank")),
    (NotParty, "", lambda desk: desk.dispute("bank", 1)),
    (NotParty, "", lambda desk: desk.withdraw("bank")),
    (NotParty, "", lambda desk: desk.concede("bank", l1=1)),
    (errors.StatementUnknown, "", lambda desk: desk.do("plant", ConfirmStatement("g-1", MARCH_MS, HASH))),
    (errors.OtherStatement, "", lambda desk: desk.do("plant", ConfirmStatement("g-1", FROM_MS, HASH))),
    (errors.AlreadyConfirmed, "", lambda desk: desk.confirm("plant", "plant")),
    (errors.AlreadyConfirmed, "", lambda desk: (desk.confirm("plant"), desk.dispute("plant", 1))),
    (errors.AlreadyConfirmed, "", lambda desk: (desk.dispute("plant", 1), desk.dispute("plant", 2))),
    (errors.DisputeLines, "", lambda desk: desk.dispute("plant")),
    (errors.DisputeLines, "", lambda desk: desk.dispute("plant", *range(1, 60_000))),
    (errors.DisputeLines, "9", lambda desk: desk.dispute("plant", 9)),
    (errors.DisputeLines, "1", lambda desk: desk.dispute("plant", 1, 1)),
    (errors.DisputeInFavour, "1", lambda desk: desk.dispute("maker", 1)),
    (errors.DisputeInFavour, "3", lambda desk: desk.dispute("plant", 3)),
    (errors.DisputeNone, "", lambda desk: desk.withdraw("plant")),
    (errors.DisputeNone, "", lambda desk: (desk.dispute("plant", 1), desk.withdraw("maker"))),
    (errors.ConcessionLine, "", lambda desk: desk.concede("maker")),
    (errors.ConcessionLine, "9", lambda desk: desk.concede("maker", l9=1)),
    (errors.ConcessionLine, "1", lambda desk: desk.concede("plant", l1=1)),
    (errors.ConcessionTooLarge, "1", lambda desk: desk.concede("maker", l1=113_001)),
    (errors.ConcessionTooLarge, "1", lambda desk: [desk.concede("maker", l1=113_000) for _ in range(2)]),
    (errors.NotConfirmed, "", lambda desk: (desk.confirm("plant"), desk.invoice())),
    (errors.CorrectionUnknown, "", lambda desk: desk.red_letter()),
    (errors.CorrectionUnknown, "", lambda desk: (desk.concede("maker", l1=1), desk.red_letter())),
]


@pytest.mark.parametrize(
    ("kind", "clause", "act"), REFUSALS, ids=[f"{n}-{kind.code}" for n, (kind, _, _) in enumerate(REFUSALS)]
)
def test_what_is_refused(kind: type[Refusal], clause: str, act: Act) -> None:
    desk = Desk()
    desk.close()
    with pytest.raises(kind) as caught:
        act(desk)
    assert caught.value.clause == clause
    assert caught.value.zh
    assert caught.value.en


def test_agreements_of_a_party_are_told_in_pages() -> None:
    desk = Desk()
    for n in range(2, 7):
        times = (TO_MS + n * DAY, TO_MS + (n + 1) * DAY)
        desk.propose(TERMS, f"g-{n}", times)
    found: list[str] = []
    after = ""
    while True:
        rows, after = desk.ask(agreements_of, "plant", after, 2)
        assert len(rows) <= 2
        found += [name for name, _ in rows]
        if not after:
            break
    assert found == [f"g-{n}" for n in range(1, 7)]
    assert desk.ask(agreements_of, "bank") == ([], "")


def test_what_goes_back_goes_back_once_also_where_its_creditor_gave_some_of_it_up() -> None:
    desk = Desk()
    desk.close()
    desk.confirm()
    desk.pay_all()
    desk.concede("maker", l2=37_666)
    [back] = [name for name, owed in desk.obligations().items() if owed.creditor == "plant"]
    desk.do("plant", Waive(back, 666, "goodwill"))
    desk.concede("maker", l1=1_000)
    backs = [owed.amount_minor for owed in desk.obligations().values() if owed.creditor == "plant"]
    assert sorted(backs) == [1_000, 37_000]
    assert sorted(part.amount_minor for part in desk.life().parts if part.back_of) == [1_000, 37_000]
