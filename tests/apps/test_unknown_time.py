"""Who owns a feed hides no stop by losing the signal: unknown time is shown, claimed in, and bounded."""

from typing import Any

import pytest

from hansa.apps.billing import errors_attribution as errors
from hansa.apps.billing import errors_tariff, life
from hansa.apps.billing.attribution import StopLine
from hansa.apps.billing.books import deal_of
from hansa.apps.billing.claims import claims_of
from hansa.apps.billing.recompute import settle
from hansa.apps.billing.tables import AGREEMENTS
from hansa.apps.billing.terms import Settlement, check_terms
from hansa.apps.billing.unknown_time import UnknownBound, UnknownTime
from hansa.apps.metering.chain import Point
from hansa.kernel import Refusal, replace
from tests.apps.ground import REGISTRY, Ground
from tests.apps.test_attribution import (
    ACTIVE,
    CUT_OFF_MS,
    DAY,
    DOWN,
    SHEET,
    START_MS,
    H,
    at,
    contest,
    first,
    lease,
    stop,
    stops,
    sums,
    terms,
)

PHOTO = "ab" * 32
SETTLED = Settlement(payment_days=30, runs_from="period_end")
BOUND = UnknownBound("execution", 1_000)
"""A tenth of a day: 2.4 hours."""
CLAIM = stop(hours=(10, 16), reason="breakdown", liable="provider", evidence=PHOTO)


def silent(bound: UnknownBound | None = BOUND, hours: float = 6, last: bool = True, **changes: Any) -> Ground:
    """A hundred pieces, then the machine's state is lost at ten for some hours; down for one hour before."""
    found = terms(settlement=SETTLED, unknown=(bound,) if bound else ())
    ground = lease(terms=replace(found, **changes))
    ground.move_to(at(25))
    ground.record("pieces", (at(0), 0), (at(23), 100), (at(25), 100))
    ground.record("scrap", (at(0), 0), (at(25), 0))
    states = [(at(0), ACTIVE), (at(8), DOWN), (at(9), ACTIVE), (at(10), None), (at(10 + hours), ACTIVE)]
    ground.record("execution", *states, *([(at(25), ACTIVE)] if last else []))
    return ground


def disputes(ground: Ground) -> list[tuple[str, str, tuple[int, ...], bool]]:
    found = ground.ask(life.life_of, "g-1", START_MS)
    return [(each.by, each.reason, each.lines, each.automatic) for each in found.disputes]


@pytest.mark.parametrize(("hours", "beyond"), [(2.4, False), (2.5, True), (6, True)])
def test_beyond_the_bound_the_lines_that_rest_on_the_meter_dispute_themselves(
    hours: float, beyond: bool
) -> None:
    ground = silent(hours=hours)
    statement = first(ground)
    assert statement.unknown == (UnknownTime("execution", int(hours * H), beyond),)
    # Line 1 are the pieces, whose credit for availability goes by the meter; line 2 that credit: nothing.
    assert [line.clause for line in statement.lines[:2]] == ["per_piece", "uptime"]
    assert statement.unknown_lines == ((1, 2) if beyond else ())
    assert disputes(ground) == ([("plant", "unknown_time", (1,), True)] if beyond else [])


def test_unknown_time_is_shown_where_stops_matter_and_no_bound_disputes_nothing() -> None:
    ground = silent(bound=None)
    statement = first(ground)
    assert statement.unknown == (UnknownTime("execution", 6 * H),)
    assert (statement.unknown_lines, disputes(ground)) == ((), [])
    assert stops(statement) == {("breakdown", "provider"): H}


def test_an_unknown_stretch_too_short_for_a_gap_is_unknown_all_the_same() -> None:
    statement = first(silent(hours=0.5))
    assert (statement.unknown, statement.gap_count) == ((UnknownTime("execution", H // 2),), 0)


def test_what_no_record_shows_any_more_is_unknown_too() -> None:
    ground = silent(last=False)
    assert first(ground).unknown == (UnknownTime("execution", (6 + 8) * H, True),)


def test_a_claim_with_evidence_makes_unknown_time_a_stop() -> None:
    """It counts for the availability that was promised; what the gap rule rates stays."""
    plain, claimed = silent(), silent()
    claimed.do("plant", CLAIM)
    before, after = first(plain), first(claimed)
    assert stops(before) == {("breakdown", "provider"): H}
    assert after.stops == (StopLine("execution", "breakdown", "provider", 7 * H),)
    assert after.unknown == before.unknown
    assert (sums(before)["uptime"], sums(after)["uptime"]) == (0, -3_000)
    assert sums(before)["per_piece"] == sums(after)["per_piece"]


@pytest.mark.parametrize("changes", [{"evidence": ""}, {"hours": (11, 12)}])
def test_without_evidence_unknown_time_stays_unknown(changes: dict[str, Any]) -> None:
    ground = silent()
    hours = changes.pop("hours", (10, 16))
    ground.do("plant", replace(CLAIM, from_ms=at(hours[0]), to_ms=at(hours[1]), **changes))
    claimed = H if hours == (11, 12) else 0
    assert stops(first(ground)) == {("breakdown", "provider"): H + claimed}


def test_a_contested_claim_is_listed_with_what_it_would_change() -> None:
    ground = silent()
    ground.do("plant", replace(CLAIM, claim="c-1"))
    ground.do("maker", contest("c-1"))
    statement = first(ground)
    assert stops(statement) == {("breakdown", "provider"): H}
    assert [(each.claim, each.change_minor) for each in statement.claims] == [("c-1", -3_000)]


def test_records_that_come_late_count_and_not_the_claim() -> None:
    """What is known by then is no unknown time any more: the next statement takes back what it moved."""
    ground = silent(last=False)
    ground.do("plant", replace(CLAIM, from_ms=at(10), to_ms=at(24)))
    statement = first(ground)
    assert stops(statement) == {("breakdown", "provider"): 15 * H}
    assert sums(statement)["uptime"] == -3_000
    ground.record("execution", (at(10.1), ACTIVE), (at(25), ACTIVE), first=6)
    ground.move_to(START_MS + 2 * DAY + CUT_OFF_MS)
    [corrected] = [line for line in ground.statements()[1].lines if line.kind == "correction"]
    assert (corrected.clause, corrected.amount_minor) == ("uptime", 3_000)


def test_whoever_recomputes_a_statement_finds_the_same() -> None:
    ground = silent()
    ground.do("plant", CLAIM)
    statement = first(ground)
    ctx = ground.context()
    agreement = AGREEMENTS.get(ctx, ("g-1",))
    assert agreement is not None
    claims = ground.ask(claims_of, "g-1", START_MS)
    [again] = settle(deal_of(ctx, agreement), [points(ground)], claims={START_MS: claims})
    for name, value in again.listed.items():
        assert getattr(statement, name) == value, name
    assert again.totals.lines == statement.lines


def points(ground: Ground) -> dict[str, list[Point]]:
    out = {}
    for meter in ("pieces", "scrap", "execution"):
        rows = ground.ask(REGISTRY.queries["metering.records_of"], "plant", meter, 0, at(99), [], 1_000)
        out[meter] = [Point(*key, found.value, found.span_ms, found.lost) for key, found in rows]
    return out


@pytest.mark.parametrize(
    ("bounds", "kind"),
    [
        ((UnknownBound("pieces", 100),), errors.UnknownMeter),
        ((UnknownBound("nothing", 100),), errors.UnknownMeter),
        ((BOUND, BOUND), errors.UnknownMeter),
        ((UnknownBound("execution", 10_000),), errors.UnknownShare),
        ((UnknownBound("execution", 9_999),), None),
        ((UnknownBound("execution", 0),), None),
    ],
)
def test_a_bound_is_of_a_state_meter_once_and_below_the_whole(
    bounds: tuple[UnknownBound, ...], kind: type[Refusal] | None
) -> None:
    if kind is None:
        lease(terms=terms(unknown=bounds))
        return
    with pytest.raises(kind):
        lease(terms=terms(unknown=bounds))


def test_rules_1_know_no_bound() -> None:
    with pytest.raises(errors_tariff.NotYet):
        check_terms(SHEET, replace(terms(unknown=(BOUND,)), attribution=()), 1)


def test_corrections_of_earlier_periods_are_not_put_in_dispute() -> None:
    ground = lease(terms=terms(settlement=SETTLED, unknown=(BOUND,)))
    ground.move_to(at(25))
    ground.record("pieces", (at(0), 0), (at(23), 100))
    ground.record("scrap", (at(0), 0), (at(25), 0))
    ground.record("execution", (at(0), ACTIVE), (at(25), ACTIVE))
    assert first(ground).unknown == ()
    ground.record("pieces", (at(23.5), 150), first=3)
    ground.move_to(START_MS + 2 * DAY + CUT_OFF_MS)
    second = ground.statements()[1]
    assert second.unknown[0].beyond
    corrected = [line.number for line in second.lines if line.kind == "correction"]
    assert [second.lines[number - 1].clause for number in corrected] == ["per_piece"]
    assert second.unknown_lines == tuple(
        line.number
        for line in second.lines
        if line.clause in ("per_piece", "uptime") and line.kind != "correction"
    )


def test_before_a_feed_s_first_record_and_without_any_all_is_unknown() -> None:
    for records, claimed in (((), 6 * H), (((at(12), ACTIVE), (at(25), ACTIVE)), 2 * H)):
        ground = lease(terms=terms())
        ground.move_to(at(25))
        ground.record("pieces", (at(0), 0), (at(25), 100))
        ground.record("scrap", (at(0), 0), (at(25), 0))
        if records:
            ground.record("execution", *records)
        ground.do("plant", CLAIM)
        assert first(ground).stops == (StopLine("execution", "breakdown", "provider", claimed),)


def test_a_line_that_two_rules_put_in_dispute_is_disputed_once() -> None:
    ground = silent()
    statement = replace(first(ground), check_lines=(1,))
    ctx = ground.context()
    agreement = AGREEMENTS.get(ctx, ("g-1",))
    assert agreement is not None
    life.born(ctx, "g-1", agreement, statement)
    found = life.life_of(ctx, "g-1", START_MS)
    assert found is not None
    assert [(each.reason, each.lines) for each in found.disputes] == [("check_feed", (1,))]
