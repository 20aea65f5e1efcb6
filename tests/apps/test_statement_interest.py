"""Interest on late payments: a line of the next statement, or a debt of its own when none follows."""

from hansa.apps.billing.books import deal_of
from hansa.apps.billing.deal import Deal
from hansa.apps.billing.interest import CLAUSE
from hansa.apps.billing.recompute import settle
from hansa.apps.billing.tables import AGREEMENTS, INTEREST_DUE
from hansa.apps.billing.terms import Settlement
from hansa.apps.billing.texts import tariff_text
from hansa.apps.money.messages import Reverse
from hansa.apps.money.tables import RECEIPTS
from hansa.client.explain_line import late
from hansa.kernel import replace
from tests.apps.statements import APRIL_MS, DAY, FROM_MS, MARCH_MS, MAY_MS, PIECES, TERMS, TO_MS, Desk

GROSS = 150_666
WITH_INTEREST = replace(TERMS, payment_days=10, interest_bp=1_825)
"""0.05 % a day."""
DUE_MS = MARCH_MS + 10 * DAY


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
    assert not list(INTEREST_DUE.scan(desk.context()))


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
        assert tariff_text(line, "en") == "late_payment: interest, paid up to 8 days late"
        assert "逾期利息" in tariff_text(line, "zh")
        told = late(deal(desk), line)
        assert "2025-02-01" in told.text.en
        assert rule in told.text.en
        assert told.ok is None
