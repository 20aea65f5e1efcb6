"""What an accountant asks of a lease, and statements by what they depend on."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hansa.apps.billing.rating import close_statement, corrections, rate
from hansa.apps.consortium.calendars import clip, period_at
from hansa.apps.leasing.accounting import Finding, fixed_payments, sheet, split
from hansa.apps.leasing.messages import Lease
from hansa.kernel import limits, replace
from tests.apps.leasing import DAY, FROM_MS, lease_terms
from tests.apps.tariffs import FEE, LEAST, MOST, TARIFF, calendar_of

CALENDAR = calendar_of("Asia/Shanghai")
CJK = re.compile(r"[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]")
NO_CAP = replace(TARIFF, elements=tuple(each for each in TARIFF.elements if each != MOST))


def lease(**changes: Any) -> Lease:
    terms = lease_terms(**changes)
    return Lease(terms=terms, content="0" * 64, edition=1, state="running", end_ms=terms.to_ms)


def findings(**changes: Any) -> dict[str, Finding]:
    return {each.topic[1]: each for each in sheet(lease(**changes), TARIFF, CALENDAR)}


def test_every_question_has_an_answer_a_reason_in_both_languages_and_its_source() -> None:
    for changes in ({}, {"with_crew": True, "substitution_right": True, "extension_ms": DAY, "head": "l-0"}):
        for each in sheet(lease(**changes, early_end_notice_ms=DAY), TARIFF, CALENDAR):
            assert CJK.search(each.topic[0])
            assert CJK.search(each.reason[0])
            assert not CJK.search(each.topic[1] + each.reason[1])
            assert re.match(r"IFRS (16|9)", each.reference)
            assert "CAS" in each.reference


@pytest.mark.parametrize(
    ("topic", "changes", "answers"),
    [
        ("Substantive substitution right", {"substitution_right": True}, ("no", "judge")),
        ("Right to direct the use", {"with_crew": True}, ("yes", "judge")),
        ("Right to direct the use", {"nature": "service"}, ("yes", "judge")),
        ("Lessee's option to extend", {"extension_ms": DAY}, ("no", "judge")),
        ("Option to end early", {"early_end_notice_ms": DAY}, ("no", "judge")),
        ("Service component (crew)", {"with_crew": True}, ("no", "yes")),
        ("Sublease", {"head": "l-0"}, ("no", "yes")),
        ("Short-term lease (a hint)", {"extension_ms": 366 * DAY}, ("yes", "no")),
    ],
)
def test_what_the_terms_say_decides(topic: str, changes: dict[str, Any], answers: tuple[str, str]) -> None:
    assert (findings()[topic].answer, findings(**changes)[topic].answer) == answers


@given(st.integers(0, 120), st.integers(1, 120), st.integers(0, DAY - 1))
def test_fixed_payments_are_what_rating_no_use_at_all_comes_to(day: int, days: int, offset_ms: int) -> None:
    from_ms = FROM_MS + day * DAY + offset_ms
    to_ms = from_ms + days * DAY
    fixed = minimum = count = 0
    at_ms = from_ms
    while at_ms < to_ms:
        period = clip(CALENDAR, period_at(CALENDAR, TARIFF.period, at_ms), from_ms, to_ms)
        lines = rate(NO_CAP, {}, period)
        fixed += sum(line.amount_minor for line in lines if line.kind == "fixed")
        minimum += sum(line.amount_minor for line in lines if line.kind == "minimum")
        at_ms, count = period.to_ms, count + 1
    found = fixed_payments(NO_CAP, CALENDAR, from_ms, to_ms)
    assert (found.fixed_minor, found.minimum_minor, found.periods) == (fixed, minimum, count)


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.integers(0, 40 * limits.HOUR_MS))
def test_a_statement_comes_apart_without_loss(now: int, before: int, active_ms: int) -> None:
    """Corrections count with the clause that they correct."""
    period = period_at(CALENDAR, "month", FROM_MS)
    earlier = period_at(CALENDAR, "month", FROM_MS - DAY)
    usage = {("pieces", "", "peak"): now, ("execution", "ACTIVE", "peak"): active_ms}
    own = rate(TARIFF, usage, period)
    dearer = replace(
        TARIFF,
        elements=tuple(replace(each, amount_minor=1) if each == FEE else each for each in TARIFF.elements),
    )
    changed = corrections(
        rate(dearer, {("pieces", "", "peak"): before}, earlier), rate(TARIFF, {}, earlier), earlier
    )
    totals = close_statement(False, (*own, *changed))
    found = split(TARIFF, totals.lines)
    assert (
        found.fixed_minor + found.minimum_minor + found.variable_minor + found.other_minor == totals.net_minor
    )
    fixed = [line for line in totals.lines if line.clause == FEE.clause]
    least = [line for line in totals.lines if line.clause == LEAST.clause]
    assert found.fixed_minor == sum(line.net_minor for line in fixed)
    assert found.minimum_minor == sum(line.net_minor for line in least)


def test_interest_is_no_price_of_the_lease() -> None:
    line = rate(TARIFF, {}, period_at(CALENDAR, "month", FROM_MS))[0]
    interest = replace(line, clause="late", kind="interest", net_minor=7)
    assert split(TARIFF, [interest]).other_minor == 7
