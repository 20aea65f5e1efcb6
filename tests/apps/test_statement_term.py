"""An agreement that was signed elsewhere, ends early or is extended: what rooms that lease ask of billing."""

from collections.abc import Callable
from typing import Any

import pytest

from hansa.apps.billing import errors, errors_life, interface
from hansa.apps.billing.books import deal_of
from hansa.apps.billing.deal import content
from hansa.apps.billing.messages import Agreement, Binding
from hansa.apps.billing.recompute import settle
from hansa.apps.billing.tables import ACCOUNTS, AGREEMENTS
from hansa.apps.billing.terms import GapRule, Settlement, Terms
from hansa.apps.consortium.errors_calendar import CalendarOutside
from hansa.apps.metering.chain import Point
from hansa.kernel import Refusal, limits, replace
from hansa.kernel.due import QUEUE
from tests.apps.ground import Ground, feed
from tests.apps.tariffs import PIECE, TARIFF, calendar_of

DAY = limits.DAY_MS
START_MS = 20_089 * DAY - 8 * limits.HOUR_MS
"""2025-01-01 at midnight in Shanghai."""
FROM_MS, TO_MS = START_MS + 31 * DAY, START_MS + 90 * DAY
AGREEMENT = Agreement(
    provider="maker",
    user="plant",
    proposer="maker",
    tariff_owner="maker",
    tariff="t-1",
    tariff_version=1,
    meters=(Binding("pieces", "plant", "pieces"),),
    terms=Terms(cut_off_ms=DAY, gaps=(GapRule("pieces", limits.HOUR_MS, "zero"),)),
    from_ms=FROM_MS,
    to_ms=TO_MS,
    state="proposed",
)
PIECES = replace(
    TARIFF,
    purpose="internal",
    meters=TARIFF.meters[:1],
    elements=(PIECE,),
    windows=(),
    taxes=TARIFF.taxes[:1],
)


@pytest.fixture
def ground() -> Ground:
    made = Ground(START_MS)
    made.register(pieces=feed(reporting="on_change"))
    made.publish(PIECES, calendar_of("Asia/Shanghai"))
    return made


def ask(ground: Ground, function: Callable[..., Any], *arguments: Any) -> None:
    """As another room would, within a transaction of its own."""
    ctx = ground.context("maker")
    function(ctx, *arguments)
    ctx.layer.merge_into(ground.layer)


def signed(ground: Ground, agreement: Agreement = AGREEMENT, name: str = "g-1") -> str:
    return content(name, deal_of(ground.context(), agreement))


def agreed(ground: Ground, agreement: Agreement = AGREEMENT, name: str = "g-1") -> None:
    ask(ground, interface.agree, name, agreement, signed(ground, agreement, name))


def agreement(ground: Ground) -> Agreement:
    found = AGREEMENTS.get(ground.context(), ("g-1",))
    assert found is not None
    return found


def test_what_was_signed_elsewhere_counts_as_if_proposed_and_accepted(ground: Ground) -> None:
    agreed(ground)
    other = Ground(START_MS)
    other.register(pieces=feed(reporting="on_change"))
    other.publish(PIECES, calendar_of("Asia/Shanghai"))
    other.agree(FROM_MS, TO_MS, *AGREEMENT.terms.gaps, cut_off_ms=DAY)
    assert agreement(ground).signed == signed(ground)
    without = [AGREEMENTS.name]
    assert ground.tables("billing", "kernel", without=without) == other.tables(
        "billing", "kernel", without=without
    )
    assert replace(agreement(ground), signed="") == agreement(other)


def test_an_early_end_closes_the_books_there_and_what_was_signed_stays_known(ground: Ground) -> None:
    agreed(ground)
    before = signed(ground)
    end_ms = FROM_MS + 40 * DAY
    points = [Point(FROM_MS + n * DAY, 1, n + 1, 10 * n) for n in range(30)]
    for number, point in enumerate(points, 1):
        ground.now_ms = point.at_ms
        ground.record("pieces", (point.at_ms, point.value), first=number)
    ask(ground, interface.end_early, "g-1", end_ms)
    assert signed(ground, agreement(ground)) == before
    late = [(FROM_MS + 35 * DAY, 400), (end_ms + DAY, 900)]
    ground.now_ms = end_ms + DAY
    ground.record("pieces", *late, first=31)
    ground.move_to(TO_MS + 2 * DAY)
    found = ground.statements()
    assert [statement.period.to_ms for statement in found] == [FROM_MS + 28 * DAY, end_ms]
    assert not list(ACCOUNTS.scan(ground.context()))
    assert not list(QUEUE.scan(ground.context()))
    deal = deal_of(ground.context(), agreement(ground))
    known = [*points, *(Point(at_ms, 1, 31 + n, value) for n, (at_ms, value) in enumerate(late))]
    first = [point for point in known if point.at_ms <= found[0].closed_ms]
    closed = settle(deal, [{"pieces": first}, {"pieces": [p for p in known if p not in first]}])
    assert [each.totals.lines for each in closed] == [statement.lines for statement in found]
    assert found[1].lines[0].quantity_base + found[1].lines[1].quantity_base == 400 - 280


def test_an_extension_moves_the_last_close_and_counts_what_comes_after(ground: Ground) -> None:
    agreed(ground, replace(AGREEMENT, to_ms=FROM_MS + 40 * DAY))
    ground.now_ms = FROM_MS
    ground.record("pieces", (FROM_MS, 0))
    ground.now_ms = FROM_MS + 35 * DAY
    ask(ground, interface.extend, "g-1", TO_MS)
    assert agreement(ground).agreed_to_ms == FROM_MS + 40 * DAY
    ground.now_ms = FROM_MS + 50 * DAY
    ground.record("pieces", (FROM_MS + 30 * DAY, 0), (FROM_MS + 50 * DAY, 70), first=2)
    ground.move_to(TO_MS + 2 * DAY)
    assert [statement.period.to_ms for statement in ground.statements()] == [FROM_MS + 28 * DAY, TO_MS]
    ask_again = [line.quantity_base for line in ground.statements()[1].lines]
    assert sum(ask_again) == 70


def test_an_end_that_moves_there_and_back_was_never_changed(ground: Ground) -> None:
    agreed(ground)
    before = ground.tables("billing", "kernel")
    ask(ground, interface.end_early, "g-1", TO_MS - DAY)
    ask(ground, interface.extend, "g-1", TO_MS)
    assert ground.tables("billing", "kernel") == before


def test_a_later_begin_forgets_what_was_booked_before(ground: Ground) -> None:
    agreed(ground)
    ground.now_ms = FROM_MS + DAY
    ground.record("pieces", (FROM_MS, 0), (FROM_MS + DAY, 50))
    assert "billing.usage" in [name for name, _ in ground.tables("billing")]
    ask(ground, interface.begin, "g-1", FROM_MS + 2 * DAY)
    assert agreement(ground).agreed_from_ms == FROM_MS
    assert "billing.usage" not in [name for name, _ in ground.tables("billing")]
    ground.now_ms = FROM_MS + 4 * DAY
    ground.record("pieces", (FROM_MS + 2 * DAY, 60), (FROM_MS + 4 * DAY, 95), first=3)
    ground.move_to(TO_MS + 2 * DAY)
    first, second = ground.statements()
    assert first.period.from_ms == FROM_MS + 2 * DAY
    assert sum(line.quantity_base for line in first.lines) == 35
    assert sum(line.quantity_base for line in second.lines) == 0


def test_what_ends_before_it_began_is_void(ground: Ground) -> None:
    agreed(ground)
    ground.now_ms = FROM_MS + DAY
    ground.record("pieces", (FROM_MS, 0), (FROM_MS + DAY, 50))
    ask(ground, interface.end_early, "g-1", FROM_MS)
    assert agreement(ground).state == "withdrawn"
    left = [name for name, _ in ground.tables("billing", "kernel") if "due" in name or "usage" in name]
    assert left == []
    assert not list(ACCOUNTS.scan(ground.context()))


def test_a_third_may_let_its_feed_be_used(ground: Ground) -> None:
    rented = replace(AGREEMENT, provider="maker", user="bank")
    ask(ground, interface.agree, "g-1", rented, "ab" * 32, ("plant",))
    assert agreement(ground).state == "accepted"


def late(ground: Ground) -> None:
    agreed(ground)
    ground.now_ms = FROM_MS + DAY
    ground.record("pieces", (FROM_MS + DAY + 1, 5))


def recorded(ground: Ground) -> None:
    late(ground)
    ask(ground, interface.end_early, "g-1", FROM_MS + DAY)


def recorded_past_the_end(ground: Ground) -> None:
    agreed(ground, replace(AGREEMENT, to_ms=FROM_MS + DAY))
    ground.now_ms = FROM_MS + DAY + 1
    ground.record("pieces", (FROM_MS + DAY + 1, 5))
    ask(ground, interface.extend, "g-1", TO_MS)


def ended(to_ms: int) -> Callable[[Ground], None]:
    def act(ground: Ground) -> None:
        agreed(ground)
        ground.now_ms = FROM_MS + 30 * DAY
        ask(ground, interface.end_early, "g-1", to_ms)

    return act


def extended(to_ms: int) -> Callable[[Ground], None]:
    def act(ground: Ground) -> None:
        agreed(ground)
        ask(ground, interface.extend, "g-1", to_ms)

    return act


def second(ground: Ground) -> None:
    agreed(ground, replace(AGREEMENT, to_ms=FROM_MS + 10 * DAY))
    agreed(ground, replace(AGREEMENT, from_ms=FROM_MS + 10 * DAY), "g-2")
    ask(ground, interface.extend, "g-1", FROM_MS + 10 * DAY + 1)


def closed(ground: Ground) -> None:
    agreed(ground)
    ground.move_to(TO_MS + 2 * DAY)
    ask(ground, interface.end_early, "g-1", TO_MS - 1)


def proposed(ground: Ground) -> None:
    ctx = ground.context("maker")
    AGREEMENTS.put(ctx, ("g-1",), AGREEMENT)
    ctx.layer.merge_into(ground.layer)
    ask(ground, interface.extend, "g-1", TO_MS + 1)


def begun(from_ms: int, now_ms: int = FROM_MS) -> Callable[[Ground], None]:
    def act(ground: Ground) -> None:
        agreed(ground)
        ground.move_to(now_ms)
        ask(ground, interface.begin, "g-1", from_ms)

    return act


def begun_among_records(ground: Ground) -> None:
    late(ground)
    ask(ground, interface.begin, "g-1", FROM_MS + DAY + 1)


def feed_of_a_third(ground: Ground) -> None:
    agreed(ground, replace(AGREEMENT, provider="maker", user="bank"))


REFUSALS: list[tuple[type[Refusal], Callable[[Ground], None]]] = [
    (errors.FeedOfOther, feed_of_a_third),
    (errors_life.BeginTime, begun(FROM_MS - 1)),
    (errors_life.BeginTime, begun(TO_MS)),
    (errors_life.BeginTime, begun(FROM_MS + 40 * DAY, FROM_MS + 30 * DAY)),
    (errors_life.TimeRecorded, begun_among_records),
    (errors.NotParty, lambda ground: agreed(ground, replace(AGREEMENT, proposer="bank"))),
    (errors.SameParty, lambda ground: agreed(ground, replace(AGREEMENT, user="nobody"))),
    (errors.AgreementTaken, lambda ground: (agreed(ground), agreed(ground))[1]),
    (errors.AgreementUnknown, lambda ground: ask(ground, interface.end_early, "g-1", TO_MS)),
    (errors.WrongState, proposed),
    (errors.NothingToClose, closed),
    (errors_life.EndTime, ended(FROM_MS + 28 * DAY)),
    (errors_life.EndTime, ended(FROM_MS + 30 * DAY - 1)),
    (errors_life.EndTime, ended(TO_MS)),
    (errors_life.EndTime, extended(TO_MS)),
    (errors_life.EndTime, extended(FROM_MS + limits.AGREEMENT_MAX_MS + 1)),
    (CalendarOutside, extended(START_MS + 366 * DAY)),
    (errors_life.TimeRecorded, recorded),
    (errors_life.TimeRecorded, recorded_past_the_end),
    (errors.Overlapping, second),
]


@pytest.mark.parametrize(
    ("kind", "act"), REFUSALS, ids=[f"{n}-{k.code}" for n, (k, _) in enumerate(REFUSALS)]
)
def test_what_is_refused(ground: Ground, kind: type[Refusal], act: Callable[[Ground], None]) -> None:
    with pytest.raises(kind) as caught:
        act(ground)
    assert caught.value.zh
    assert caught.value.en


def test_sizes_and_times_that_are_noted_later_are_no_part_of_what_was_signed(ground: Ground) -> None:
    terms = replace(AGREEMENT.terms, settlement=Settlement(payment_days=30, runs_from="period_end"))
    given = replace(AGREEMENT, terms=terms)
    before = signed(ground, given)
    agreed(ground, given)
    found = agreement(ground)
    assert (found.provider_size, found.user_size) == ("small", "small")
    ask(ground, interface.begin, "g-1", FROM_MS + DAY)
    ask(ground, interface.end_early, "g-1", TO_MS - DAY)
    assert signed(ground, agreement(ground)) == before
