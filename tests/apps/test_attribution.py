"""Stops and scrap: by rule, as claimed, as contested; who may say what, when, and what it changes."""

from collections.abc import Callable
from typing import Any

import pytest

from hansa.apps.billing import errors, errors_attribution, errors_tariff
from hansa.apps.billing.attribution import AttributionRule, ScrapLine, StopLine
from hansa.apps.billing.claims import claims_of
from hansa.apps.billing.contract import ROOM
from hansa.apps.billing.elements_trade import Availability, Band, ScrapCredit
from hansa.apps.billing.messages import Binding, Propose, Statement
from hansa.apps.billing.messages_claims import ClaimScrap, ClaimStop, ContestClaim, WithdrawClaim
from hansa.apps.billing.tariff import Meter
from hansa.apps.billing.terms import GapRule, Terms
from hansa.kernel import Refusal, limits, replace
from tests.apps.ground import Ground, accept, feed
from tests.apps.tariffs import PIECE, TARIFF, calendar_of

H, DAY = limits.HOUR_MS, limits.DAY_MS
START_MS = 20_150 * DAY - 8 * H
"""2025-03-03 at midnight in Shanghai."""
STATES = ("unknown", "ACTIVE", "DOWN", "IDLE")
ACTIVE, DOWN, IDLE = 1, 2, 3
DAYS = 4
CUT_OFF_MS = 2 * DAY
EACH = replace(PIECE, included_base=0, tiers=PIECE.tiers[1:])
UP = Availability("uptime", "vat", "execution", ("per_piece",), 9_500, (Band(9_500, 1_000),))
BAD = ScrapCredit("scrapped", "vat", "scrap", ("per_piece", "uptime"))
SHEET = replace(
    TARIFF,
    purpose="internal",
    period="day",
    windows=(),
    meters=(Meter("pieces", "counter", "piece"), Meter("scrap", "counter", "piece"), TARIFF.meters[1]),
    elements=(EACH, UP, BAD),
)
RULES = (
    AttributionRule("execution", "breakdown", "provider", ("DOWN",)),
    AttributionRule("execution", "no_material", "user", ("IDLE",)),
    AttributionRule("scrap", "tooling", "provider"),
)


def terms(**changes: Any) -> Terms:
    gaps = tuple(GapRule(meter, H, "zero") for meter in ("pieces", "scrap", "execution"))
    return replace(Terms(CUT_OFF_MS, gaps, attribution=RULES), **changes)


def proposal(**changes: Any) -> Propose:
    meters = tuple(Binding(meter, "plant", meter) for meter in ("pieces", "scrap", "execution"))
    to_ms = START_MS + DAYS * DAY
    made = Propose("g-1", "maker", "plant", "maker", "t-1", 1, meters, terms(), START_MS, to_ms)
    return replace(made, **changes)


def lease(**changes: Any) -> Ground:
    """A machine by the day, 3.00 a piece: 95 % promised, scrap of the maker's not paid for."""
    ground = Ground(START_MS - DAY)
    ground.register(pieces=feed(), scrap=feed(), execution=feed("state", states=STATES, carrier="time"))
    ground.publish(SHEET, calendar_of("Asia/Shanghai"))
    ground.do("maker", proposal(**changes))
    ground.do("plant", accept("g-1"))
    return ground


def at(hours: float) -> int:
    return START_MS + int(hours * H)


def run(ground: Ground) -> None:
    """The first day: 100 pieces, 8 of them scrap by noon; down 8–10 and 20–21, idle 12–13, then active."""
    ground.move_to(at(25))
    ground.record("pieces", (at(0), 0), (at(23), 100), (at(25), 100))
    ground.record("scrap", (at(0), 0), (at(6), 5), (at(12), 8), (at(25), 8))
    states = ((0, ACTIVE), (8, DOWN), (10, ACTIVE), (12, IDLE), (13, ACTIVE), (20, DOWN), (21, ACTIVE))
    ground.record("execution", *((at(hour), state) for hour, state in states), (at(25), IDLE))


def stop(name: str = "c-1", *, hours: tuple[float, float] = (8, 10), **changes: Any) -> ClaimStop:
    made = ClaimStop("g-1", name, "execution", at(hours[0]), at(hours[1]), "power_cut", "neither")
    return replace(made, **changes)


def scrap(name: str = "c-1", *, hours: tuple[float, float] = (0, 12), **changes: Any) -> ClaimScrap:
    made = ClaimScrap("g-1", name, "scrap", at(hours[0]), at(hours[1]), 5, "bad_blanks", "user")
    return replace(made, **changes)


def contest(name: str = "c-1") -> ContestClaim:
    return ContestClaim("g-1", START_MS, name)


def withdraw(name: str = "c-1") -> WithdrawClaim:
    return WithdrawClaim("g-1", START_MS, name)


def first(ground: Ground) -> Statement:
    ground.move_to(START_MS + DAY + CUT_OFF_MS)
    return ground.statements()[0]


def sums(statement: Statement) -> dict[str, int]:
    return {line.clause: line.amount_minor for line in statement.lines}


def stops(statement: Statement) -> dict[tuple[str, str], int]:
    return {(each.reason, each.liable): each.stopped_ms for each in statement.stops}


def pieces(statement: Statement) -> dict[tuple[str, str], int]:
    return {(each.reason, each.liable): each.pieces for each in statement.scrap}


# By rule, as claimed, as contested.


def test_stops_and_scrap_by_rule_alone() -> None:
    ground = lease()
    run(ground)
    statement = first(ground)
    assert statement.stops == (
        StopLine("execution", "breakdown", "provider", 3 * H),
        StopLine("execution", "no_material", "user", H),
    )
    assert statement.scrap == (ScrapLine("scrap", "tooling", "provider", 8),)
    # 3 h of 24 down: 87.5 %, 10 % back; of the 8 scrap pieces none is paid for.
    assert sums(statement) == {"per_piece": 30_000, "uptime": -3_000, "scrapped": -2_400}


def test_a_claim_that_nobody_contests_counts() -> None:
    ground = lease()
    run(ground)
    ground.do("maker", stop())
    ground.do("maker", scrap("c-2"))
    statement = first(ground)
    assert stops(statement) == {
        ("breakdown", "provider"): H, ("no_material", "user"): H, ("power_cut", "neither"): 2 * H,
    }  # fmt: skip
    assert pieces(statement) == {("tooling", "provider"): 3, ("bad_blanks", "user"): 5}
    # 1 h of 24 down: 95.8 %, as promised.
    assert sums(statement) == {"per_piece": 30_000, "uptime": 0, "scrapped": -900}
    assert statement.claims == ()


def test_a_contested_claim_leaves_the_rule_and_is_listed_with_what_it_would_change() -> None:
    ground = lease()
    run(ground)
    ground.do("maker", stop())
    ground.do("maker", scrap("c-2"))
    for name in ("c-1", "c-2"):
        ground.do("plant", contest(name))
    statement = first(ground)
    assert sums(statement) == {"per_piece": 30_000, "uptime": -3_000, "scrapped": -2_400}
    assert [(each.claim, each.by, each.contested, each.change_minor) for each in statement.claims] == [
        ("c-2", "maker", True, 1_500), ("c-1", "maker", True, 3_000),
    ]  # fmt: skip


def test_a_claim_over_running_time_moves_only_the_stops_within() -> None:
    ground = lease()
    run(ground)
    ground.do("maker", stop(hours=(9, 12.5)))
    assert stops(first(ground)) == {
        ("breakdown", "provider"): 2 * H,
        ("no_material", "user"): H // 2,
        ("power_cut", "neither"): H + H // 2,
    }


def test_what_is_unknown_is_no_stop_for_anybody() -> None:
    """The signal is lost in the middle of the breakdown: of that time nobody answers."""
    ground = lease()
    ground.move_to(at(25))
    ground.record(
        "execution", (at(0), ACTIVE), (at(8), DOWN), (at(9), None), (at(11), DOWN), (at(12), ACTIVE),
        (at(25), IDLE),
    )  # fmt: skip
    ground.do("maker", stop(hours=(8.5, 11.5)))
    assert stops(first(ground)) == {("breakdown", "provider"): H, ("power_cut", "neither"): H}


def test_a_claim_withdrawn_is_as_if_never_made() -> None:
    plain, withdrawn = lease(), lease()
    for ground in (plain, withdrawn):
        run(ground)
    withdrawn.do("maker", stop())
    withdrawn.do("maker", withdraw())
    assert sums(first(plain)) == sums(first(withdrawn))
    assert first(withdrawn).claims == ()


def test_who_contested_may_claim_the_same_time_and_both_are_then_disputed() -> None:
    ground = lease()
    run(ground)
    ground.do("maker", stop())
    ground.do("plant", contest())
    ground.do("plant", stop("c-2", reason="breakdown", liable="provider"))
    ground.do("maker", contest("c-2"))
    statement = first(ground)
    assert [each.claim for each in statement.claims] == ["c-1", "c-2"]
    assert sums(statement)["uptime"] == -3_000


def test_a_disputed_claim_is_weighed_in_place_of_what_stands_there() -> None:
    """The user's own claim over the same time stands; the maker's would take its place."""
    ground = lease()
    run(ground)
    ground.do("maker", stop())
    ground.do("plant", contest())
    ground.do("plant", stop("c-2", reason="worn", liable="provider"))
    statement = first(ground)
    assert [(each.claim, each.change_minor) for each in statement.claims] == [("c-1", 3_000)]
    assert stops(statement)["worn", "provider"] == 2 * H


def test_silence_of_a_periodic_feed_is_no_stop_for_a_claim() -> None:
    """It says nothing from 8 to 12: what is claimed of that time takes nothing from the stop at 20."""
    ground = Ground(START_MS - DAY)
    periodic = feed("state", states=STATES, carrier="time", reporting="periodic")
    ground.register(pieces=feed(), scrap=feed(), execution=periodic)
    ground.publish(SHEET, calendar_of("Asia/Shanghai"))
    ground.do("maker", proposal())
    ground.do("plant", accept("g-1"))
    ground.move_to(at(25))
    hours = [hour / 2 for hour in range(17)] + [hour / 2 for hour in range(24, 50)]
    ground.record("execution", *((at(hour), DOWN if hour in (8, 20) else ACTIVE) for hour in hours))
    ground.do("maker", stop(hours=(8, 12)))
    assert stops(first(ground)) == {("breakdown", "provider"): H // 2}


def test_a_gap_of_the_scrap_counter_is_moved_by_no_claim() -> None:
    """Its difference counts by the gap rule, and stays with the rule."""
    gaps = tuple(
        GapRule(meter, H, "counter_difference" if meter == "scrap" else "zero")
        for meter in ("pieces", "scrap", "execution")
    )
    ground = lease(terms=terms(gaps=gaps))
    ground.move_to(at(25))
    ground.record("scrap", (at(0), 0), (at(6), 5), (at(7), None), (at(12), 8), (at(13), 9))
    with pytest.raises(errors_attribution.ClaimPieces):
        ground.do("plant", scrap(hours=(6, 12), pieces=1))
    ground.do("maker", scrap(hours=(0, 24), pieces=6))
    found = pieces(first(ground))
    assert found == {("bad_blanks", "user"): 6, ("tooling", "provider"): 3}


def test_late_records_change_what_a_claim_moves_and_are_corrected() -> None:
    """The record that ends the breakdown early comes two days after the close."""
    ground = lease()
    run(ground)
    ground.do("maker", stop(hours=(8, 9)))
    assert sums(first(ground))["uptime"] == -3_000
    ground.move_to(START_MS + 3 * DAY + H)
    ground.record("execution", (at(8.5), ACTIVE), (at(9), DOWN), first=9)
    ground.move_to(START_MS + 2 * DAY + CUT_OFF_MS)
    second = ground.statements()[1]
    # Down still 9–10 and 20–21: 91.7 %.
    assert not [line for line in second.lines if line.corrects_from_ms]
    ground.record("execution", (at(20.25), ACTIVE), (at(20.75), ACTIVE), (at(9.25), ACTIVE), first=11)
    ground.move_to(START_MS + 3 * DAY + CUT_OFF_MS)
    third = ground.statements()[2]
    # Down 9–9:15 and 20–20:15: 97.9 %.
    corrected = [(line.clause, line.amount_minor) for line in third.lines if line.corrects_from_ms]
    assert corrected == [("uptime", 3_000)]


def test_a_claim_too_late_to_be_contested_counts_only_against_its_maker() -> None:
    ground = lease()
    run(ground)
    ground.move_to(START_MS + DAY + CUT_OFF_MS - limits.CLAIM_CONTEST_MS + 1)
    ground.do("maker", stop())
    ground.do("plant", stop("c-2", hours=(20, 21), reason="own_fault", liable="user"))
    statement = first(ground)
    assert stops(statement) == {
        ("breakdown", "provider"): 2 * H, ("no_material", "user"): H, ("own_fault", "user"): H,
    }  # fmt: skip
    assert [(each.claim, each.contested) for each in statement.claims] == [("c-1", False)]


def test_of_a_claim_with_too_many_records_the_first_count() -> None:
    """They came after it was made; what lies beyond stays with the rule."""
    ground = lease()
    run(ground)
    ground.do("maker", stop(hours=(14, 22)))
    many = limits.CLAIM_RECORDS_MAX
    flicker = [(at(14) + n * 60_000, (DOWN, ACTIVE)[n % 2]) for n in range(many + 100)]
    ground.record("execution", *flicker, first=100)
    found = stops(first(ground))
    assert found["power_cut", "neither"] == many // 2 * 60_000
    # Down 8–10, 20–21, and the 50 minutes of the flicker that were not looked at.
    assert found["breakdown", "provider"] == 3 * H + 50 * 60_000


# What is refused: by code, whoever tries.


def claimed(ground: Ground) -> None:
    ground.do("maker", stop())


def closed(ground: Ground) -> None:
    ground.do("maker", stop())
    ground.move_to(START_MS + DAY + CUT_OFF_MS)


def crowded(ground: Ground) -> None:
    for n in range(limits.CLAIMS_MAX):
        ground.do("maker", stop(f"c-{n}", hours=(n / 2, n / 2 + 0.4)))


def flickering(ground: Ground) -> None:
    ground.record(
        "execution", *((at(14) + n, (DOWN, ACTIVE)[n % 2]) for n in range(limits.CLAIM_RECORDS_MAX)), first=50
    )


def contested(ground: Ground) -> None:
    claimed(ground)
    ground.do("plant", contest())


def nothing(ground: Ground) -> None:
    del ground


CASES: list[tuple[type[Refusal], str, Any, Callable[[Ground], None]]] = [
    (errors.NotParty, "bank", stop(), nothing),
    (errors.NotParty, "bank", scrap(), nothing),
    (errors.NotParty, "bank", contest(), claimed),
    (errors.NotParty, "bank", withdraw(), claimed),
    (errors.AgreementUnknown, "maker", stop(agreement="g-9"), nothing),
    (errors_attribution.ClaimTime, "maker", stop(hours=(25, 30)), nothing),
    (errors_attribution.ClaimTime, "maker", stop(hours=(10, 8)), nothing),
    (errors_attribution.ClaimTime, "maker", stop(hours=(8, 8)), nothing),
    (errors_attribution.ClaimTime, "maker", stop(hours=(-1, 8)), nothing),
    (errors_attribution.ClaimTime, "maker", stop(hours=(23, 25)), nothing),
    (errors_attribution.ClaimTime, "maker", stop(to_ms=2**53 - 1), nothing),
    (errors_attribution.ClaimClosed, "maker", stop("c-2"), closed),
    (errors_attribution.ClaimClosed, "plant", contest(), closed),
    (errors_attribution.ClaimClosed, "maker", withdraw(), closed),
    (errors_attribution.ClaimMeter, "maker", stop(meter="pieces"), nothing),
    (errors_attribution.ClaimMeter, "maker", stop(meter="nothing"), nothing),
    (errors_attribution.ClaimKind, "maker", stop(meter="scrap"), nothing),
    (errors_attribution.ClaimKind, "maker", scrap(meter="execution"), nothing),
    (errors_attribution.ClaimTaken, "plant", stop(hours=(20, 21)), claimed),
    (errors_attribution.ClaimOverlaps, "maker", stop("c-2", hours=(9, 11)), claimed),
    (errors_attribution.ClaimOverlaps, "plant", stop("c-2", hours=(9.99, 11)), claimed),
    (errors_attribution.TooManyClaims, "maker", stop("more", hours=(20, 21)), crowded),
    (errors_attribution.ClaimTooLong, "maker", stop(hours=(14, 15)), flickering),
    (errors_attribution.ClaimPieces, "maker", scrap(pieces=9), nothing),
    (errors_attribution.ClaimPieces, "maker", scrap(hours=(0, 6), pieces=6), nothing),
    (errors_attribution.ClaimPieces, "maker", scrap(pieces=2**53 - 1), nothing),
    (errors_attribution.ClaimUnknown, "plant", contest("c-9"), claimed),
    (errors_attribution.ClaimUnknown, "maker", withdraw("c-9"), claimed),
    (errors_attribution.ClaimUnknown, "plant", replace(contest(), period_ms=START_MS + 1), claimed),
    (errors_attribution.ClaimOwn, "maker", contest(), claimed),
    (errors_attribution.ClaimOfOther, "plant", withdraw(), claimed),
    (errors_attribution.ClaimContested, "plant", contest(), contested),
]


@pytest.mark.parametrize(
    ("refusal", "member", "action", "before"),
    CASES,
    ids=[f"{n}-{case[0].code.split('.')[1]}" for n, case in enumerate(CASES)],
)
def test_what_nobody_may_claim(
    refusal: type[Refusal], member: str, action: Any, before: Callable[[Ground], None]
) -> None:
    ground = lease()
    run(ground)
    before(ground)
    kept = ground.tables("billing")
    with pytest.raises(refusal):
        ground.do(member, action)
    assert ground.tables("billing") == kept


def test_every_refusal_of_claims_is_met() -> None:
    met = [case[0] for case in CASES]
    names = [name for name in vars(errors_attribution) if name.startswith(("Claim", "TooManyClaims"))]
    missing = [name for name in names if getattr(errors_attribution, name) not in met]
    assert missing == ["ClaimNotRunning"]


def test_nothing_can_be_claimed_of_what_is_only_proposed() -> None:
    ground = Ground(START_MS - DAY)
    ground.register(pieces=feed(), scrap=feed(), execution=feed("state", states=STATES, carrier="time"))
    ground.publish(SHEET, calendar_of("Asia/Shanghai"))
    ground.do("maker", proposal())
    ground.move_to(at(25))
    with pytest.raises(errors_attribution.ClaimNotRunning):
        ground.do("maker", stop())


def test_a_million_overlapping_claims_leave_one() -> None:
    """The first stands; the rest cost their sender a transaction each and the ledger nothing."""
    ground = lease()
    run(ground)
    ground.do("maker", stop())
    costs = []
    for n in range(200):
        with pytest.raises(errors_attribution.ClaimOverlaps):
            ground.do("maker", stop(f"x-{n}"))
        costs.append(len(ground.tables("billing")))
    assert len(dict.fromkeys(costs)) == 1
    assert [name for name, _ in ground.ask(claims_of, "g-1", START_MS)] == ["c-1"]


def test_a_close_with_as_many_claims_as_there_may_be_fits() -> None:
    ground = lease()
    run(ground)
    for member, start in (("maker", 0), ("plant", 12)):
        for n in range(limits.CLAIMS_MAX):
            begin = start + n / 2.2
            ground.do(member, stop(f"{member}-{n}", hours=(begin, begin + 0.4)))
    for n in range(limits.CLAIMS_MAX):
        ground.do("plant", contest(f"maker-{n}"))
    many = [(at(0) + n * 20_000, (DOWN, ACTIVE)[n % 2]) for n in range(1, 4_000)]
    for start in range(0, len(many), 1_000):
        ground.record("execution", *many[start : start + 1_000], first=100 + start)
    statement = first(ground)
    assert len(statement.claims) == limits.CLAIMS_MAX


# What is refused in terms.


@pytest.mark.parametrize(
    ("refusal", "rules"),
    [
        (errors_attribution.AttributionMeter, (AttributionRule("nothing", "r", "user"),)),
        (errors_attribution.AttributionStates, (AttributionRule("execution", "r", "user"),)),
        (errors_attribution.AttributionStates, (AttributionRule("scrap", "r", "user", ("DOWN",)),)),
        (errors_attribution.AttributionUnknown, (AttributionRule("execution", "r", "user", ("unknown",)),)),
        (errors_attribution.AttributionTwice, (*RULES, AttributionRule("scrap", "r", "user"))),
        (errors_attribution.AttributionTwice, (*RULES, AttributionRule("execution", "r", "user", ("DOWN",)))),
        (errors_attribution.AttributionMissing, RULES[:2]),
        (errors_attribution.AttributionMissing, RULES[2:]),
        (errors_attribution.AttributionSize, RULES * 200),
        (errors.StateUnknown, (*RULES, AttributionRule("execution", "r", "user", ("STOPPED",)))),
    ],
)
def test_rules_of_attribution_that_cannot_be_applied(refusal: type[Refusal], rules: Any) -> None:
    with pytest.raises(refusal):
        lease(terms=terms(attribution=rules))


def test_rules_1_know_no_attribution() -> None:
    ground = Ground(START_MS - DAY, rules=1)
    ground.register(pieces=feed(), scrap=feed(), execution=feed("state", states=STATES, carrier="time"))
    ground.publish(replace(SHEET, elements=(EACH,)), calendar_of("Asia/Shanghai"))
    with pytest.raises(errors_tariff.NotYet):
        ground.do("maker", proposal())
    tags = [kind.__struct_config__.tag for kind in ROOM.at(1).actions]
    assert not [tag for tag in tags if "claim" in str(tag)]
