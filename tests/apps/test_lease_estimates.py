"""Of one counter, what subleases count is a part of what their head lease counts, estimates included."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hansa.apps.billing.check_feeds import CheckFeed
from hansa.apps.billing.deal import Deal, periods
from hansa.apps.billing.messages import Agreement, Binding
from hansa.apps.billing.recompute import meter_books
from hansa.apps.billing.settling import know
from hansa.apps.billing.terms import GapRule, GapRuleName, Terms
from hansa.apps.leasing import errors
from hansa.apps.leasing.messages import Sublet
from hansa.apps.leasing.tables_life import LEASES
from hansa.apps.metering.chain import Point
from hansa.kernel import replace
from tests.apps.ground import feed
from tests.apps.leases import DAILY as BY_DAY
from tests.apps.leases import DAY, FROM_MS, HOUR, TO_MS, World, refused, running, sublease
from tests.apps.leasing import TERMS
from tests.apps.tariffs import PIECE, TARIFF, calendar_of

DAILY = replace(
    TARIFF,
    purpose="internal",
    period="day",
    meters=TARIFF.meters[:1],
    elements=(PIECE,),
    windows=(),
    taxes=TARIFF.taxes[:1],
)
CALENDAR = calendar_of("Asia/Shanghai")


def deal(rule: GapRuleName, from_ms: int, to_ms: int, days: int = 0) -> Deal:
    agreement = Agreement(
        provider="maker",
        user="plant",
        proposer="maker",
        tariff_owner="maker",
        tariff="t-1",
        tariff_version=1,
        meters=(Binding("pieces", "maker", "m-pieces"),),
        terms=Terms(0, (GapRule("pieces", HOUR, rule, days),)),
        from_ms=from_ms,
        to_ms=to_ms,
        state="accepted",
    )
    return Deal(agreement, DAILY, CALENDAR, {"pieces": feed()})


def counted(of: Deal, points: list[Point]) -> dict[int, int]:
    """By first instant of the local date, what a lease counts of it."""
    books = meter_books(of)
    books["pieces"].add(points)
    return {period.full_from_ms: sum(know(of, books, period).usage.values()) for period in periods(of)}


Steps = st.lists(
    st.tuples(st.integers(1, 30 * HOUR), st.integers(0, 500), st.booleans()), min_size=1, max_size=40
)


@settings(max_examples=150, deadline=None)
@given(
    Steps,
    st.lists(st.integers(1, 7 * 24 - 1), min_size=2, max_size=6, unique=True),
    st.sampled_from(["counter_difference", "last_rate", "zero", "dispute"]),
)
def test_no_day_counts_more_in_subleases_than_in_the_head_lease(
    steps: list[tuple[int, int, bool]], hours: list[int], rule: GapRuleName
) -> None:
    points, at_ms, total = [], FROM_MS - DAY, 0
    for number, (step_ms, more, lost) in enumerate(steps, 1):
        at_ms, total = at_ms + step_ms, total + more
        points.append(Point(at_ms, 1, number, 0 if lost else total, 0, lost))
    head = counted(deal(rule, FROM_MS, TO_MS), points)
    sublet: dict[int, int] = {}
    borders = sorted(FROM_MS + hour * HOUR for hour in hours)
    for from_ms, to_ms in pairwise(borders):
        for day, quantity in counted(deal(rule, from_ms, to_ms), points).items():
            sublet[day] = sublet.get(day, 0) + quantity
    assert all(quantity <= head[day] for day, quantity in sublet.items())


def test_by_the_average_of_days_a_sublease_could_count_more_than_its_head_lease() -> None:
    """Why that rule is refused: each lease averages the days that it has."""
    monday_ms = FROM_MS + 2 * DAY
    made = (0, 0, 0, 1_000)  # Monday to Thursday; on Friday the signal is lost.
    points = [Point(monday_ms + k * DAY, 1, k + 1, sum(made[:k])) for k in range(5)]
    points.append(Point(monday_ms + 4 * DAY + 1, 1, 9, 0, 0, True))
    head, under = (
        counted(deal("average_day", monday_ms + first * DAY, monday_ms + 5 * DAY, 4), points)
        for first in (0, 3)
    )
    friday_ms = monday_ms + 4 * DAY
    assert under[friday_ms] > 900
    assert head[friday_ms] < 600


def ground(**terms: Any) -> World:
    made = running(terms=replace(TERMS, **terms))
    made.consent("maker")
    return made


def gaps(rule: GapRuleName, longer_than_ms: int = HOUR, days: int = 0) -> tuple[GapRule, ...]:
    return (GapRule("pieces", longer_than_ms, rule, days),)


@pytest.mark.parametrize(
    ("head", "under", "kind"),
    [
        (gaps("zero"), gaps("counter_difference"), errors.GapsUnlike),
        (gaps("counter_difference"), gaps("last_rate"), errors.GapsUnlike),
        (gaps("counter_difference"), gaps("counter_difference", 2 * HOUR), errors.GapsUnlike),
        (gaps("average_day", HOUR, 3), gaps("average_day", HOUR, 3), errors.GapsUnlike),
        (gaps("counter_difference"), gaps("counter_difference"), None),
        (gaps("dispute"), gaps("dispute"), None),
    ],
)
def test_a_sublease_counts_gaps_as_its_head_lease_does(head: Any, under: Any, kind: Any) -> None:
    made = ground(gaps=head)
    action = Sublet("s-1", sublease(2, 2, terms=replace(TERMS, gaps=under)))
    if kind is None:
        made.do("plant", action)
    else:
        refused(made, "plant", action, kind)


def test_both_estimate_only_by_the_same_periods() -> None:
    made = ground(gaps=gaps("last_rate"))
    monthly = sublease(2, 2, terms=replace(TERMS, gaps=gaps("last_rate")))
    refused(made, "plant", Sublet("s-1", replace(monthly, tariff_version=BY_DAY)), errors.PeriodsUnlike)
    made.do("plant", Sublet("s-1", monthly))


@pytest.mark.parametrize(
    ("rule", "fits"), [("mean", False), ("lower", False), ("main", True), ("dispute", True)]
)
def test_a_sublease_counts_by_the_main_feed_alone(rule: Any, fits: bool) -> None:
    made = ground()
    made.register(pieces=feed())
    check = CheckFeed("pieces", "plant", "pieces", 100, 0, rule)
    action = Sublet("s-1", sublease(2, 2, terms=replace(TERMS, checks=(check,))))
    if fits:
        made.do("plant", action)
    else:
        refused(made, "plant", action, errors.CheckedApart)


@pytest.mark.parametrize("rule", ["mean", "lower"])
def test_nor_is_sublet_what_the_head_lease_counts_by_two_feeds(rule: Any) -> None:
    made = ground()
    ctx = made.context()
    head = made.lease()
    checks = (CheckFeed("pieces", "plant", "pieces", 100, 0, rule),)
    terms = replace(head.terms, terms=replace(head.terms.terms, checks=checks))
    LEASES.put(ctx, ("l-1",), replace(head, terms=terms))
    ctx.layer.merge_into(made.layer)
    refused(made, "plant", Sublet("s-1", sublease(2, 2)), errors.CheckedApart)
