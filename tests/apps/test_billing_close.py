"""Closing a period: when, on what, what is made good later, and what it may cost however old the ledger
is.
"""

from typing import Any

import pytest

from hansa.apps.billing import closing
from hansa.apps.billing.contract import late_of
from hansa.apps.billing.messages import Binding, Close, Held, Propose, PublishTariff, Statement
from hansa.apps.billing.tables import ACCOUNTS, USAGE
from hansa.apps.billing.terms import GapRule, GapRuleName, Terms
from hansa.apps.consortium.messages import PublishCalendar
from hansa.apps.metering.messages import (
    AnchorReadings,
    LegalUse,
    RecordCounters,
    RegisterDevice,
    RegisterFeed,
    RenewLegalUse,
)
from hansa.client.agreements import acceptance, proposed
from hansa.engines.replay import replay
from hansa.kernel import Context, encode, limits, pack, replace
from hansa.kernel.context import OverBudget
from hansa.kernel.due import PARKED
from hansa.kernel.messages import Event
from tests.apps.ground import ANCHOR, METERS, Ground, accept, counters, feed, lease_feeds
from tests.apps.tariffs import FEE, PIECE, TARIFF, calendar_of
from tests.consortium import Consortium

H, DAY = limits.HOUR_MS, limits.DAY_MS
START_MS = 20_150 * DAY - 8 * H
"""2025-03-03 at midnight in Shanghai."""
ONE_PIECE = replace(PIECE, included_base=0, tiers=PIECE.tiers[1:])
DAILY = replace(
    TARIFF, purpose="internal", period="day", windows=(), meters=TARIFF.meters[:1], elements=(ONE_PIECE,)
)
VERIFIED = LegalUse("billing", "C-1", START_MS + 365 * DAY, "1", "S-1")


def lease(
    days: int = 10,
    rule: GapRuleName = "zero",
    cut_off_ms: int = 0,
    tariff: Any = DAILY,
    **changes: Any,
) -> Ground:
    """Pieces at 3.00, day by day."""
    ground = Ground(START_MS - DAY)
    ground.register(pieces=feed(**changes))
    ground.publish(tariff, calendar_of("Asia/Shanghai"))
    gap = GapRule("pieces", H, rule, 3 if rule == "average_day" else 0)
    ground.agree(START_MS, START_MS + days * DAY, gap, cut_off_ms=cut_off_ms)
    return ground


def at(day: float) -> int:
    return START_MS + int(day * DAY)


def tell(ground: Ground, day: float, value: int | None, first: int, *, now: float | None = None) -> None:
    ground.move_to(at(day if now is None else now))
    ground.record("pieces", (at(day), value), first=first)


def pieces(statement: Statement) -> list[tuple[str, int, int]]:
    """(kind, pieces, minor units) of each line."""
    return [(line.kind, line.quantity_base, line.amount_minor) for line in statement.lines]


def events_of_next_wake(ground: Ground, to_ms: int, kind: type[Event]) -> list[bytes]:
    """Events of a kind that what falls due emits."""
    emitted: list[bytes] = []
    plain = Context.emit

    def emit(ctx: Context, event: Event) -> None:
        emitted.append(encode(event))
        plain(ctx, event)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Context, "emit", emit)
        ground.move_to(to_ms)
    tag = str(kind.__struct_config__.tag)
    return [data for data in emitted if data.startswith(b'{"_type":"' + tag.encode())]


def test_a_period_closes_by_itself_at_its_cut_off_and_not_before() -> None:
    ground = lease(cut_off_ms=2 * H)
    tell(ground, 0, 100, 1)
    tell(ground, 0.5, 107, 2)
    ground.move_to(at(1) + 2 * H - 1)
    assert ground.statements() == []
    ground.move_to(at(1) + 2 * H)
    (statement,) = ground.statements()
    assert pieces(statement) == [("usage", 7, 2_100)]
    assert (statement.closed_ms, statement.closed_by) == (at(1) + 2 * H, "")


def test_what_comes_before_the_cut_off_counts_and_what_comes_later_is_corrected() -> None:
    ground = lease(cut_off_ms=2 * H)
    tell(ground, 0, 100, 1)
    tell(ground, 0.5, 107, 2)
    tell(ground, 0.9, 109, 3, now=1 + 1 / 24)
    tell(ground, 0.95, 110, 4, now=1.5)
    assert ground.ask(late_of, "g-1").since_ms < at(1)
    tell(ground, 1.5, 114, 5, now=1.6)
    ground.move_to(at(2.2))
    first, second = ground.statements()
    assert pieces(first) == [("usage", 9, 2_700)]
    assert pieces(second) == [("usage", 4, 1_200), ("correction", 1, 300)]
    assert second.lines[1].corrects_from_ms == START_MS
    assert ground.ask(late_of, "g-1") is None


def test_a_count_read_at_midnight_is_of_the_day_that_ends() -> None:
    """It is booked at the instant before it is read (M9): in a period that is closed, so as a correction."""
    ground = lease()
    tell(ground, 0, 0, 1)
    tell(ground, 0.5, 5, 2)
    tell(ground, 1, 9, 3)
    ground.move_to(at(2))
    assert [pieces(s) for s in ground.statements()] == [
        [("usage", 5, 1_500)],
        [("usage", 0, 0), ("correction", 4, 1_200)],
    ]


def test_a_fall_that_turns_out_false_takes_back_what_its_open_gap_was_billed() -> None:
    """Nothing of the closed days' own records changes: what was known of their end does."""
    ground = lease(rule="last_rate")
    tell(ground, 0, 0, 1)
    tell(ground, 0.25, 60, 2)
    tell(ground, 0.5, 0, 3)  # a false zero, still pending at the close
    ground.move_to(at(1.1))
    assert pieces(ground.statements()[0]) == [("usage", 60 + 120, 54_000)]
    tell(ground, 1.25, 61, 4)
    ground.move_to(at(2))
    assert pieces(ground.statements()[1]) == [("usage", 1, 300), ("correction", -120, -36_000)]


def test_a_late_record_changes_the_rate_by_which_a_later_gap_was_filled() -> None:
    ground = lease(rule="last_rate")
    tell(ground, 0, 0, 1)
    tell(ground, 0.5, 120, 3)
    tell(ground, 1.5, None, 4)
    tell(ground, 1.75, 120, 5)
    ground.move_to(at(3))
    assert [line[1] for line in pieces(ground.statements()[1])] == [60]
    tell(ground, 0.25, 120, 2)  # all was made by six o'clock, nothing after
    ground.move_to(at(4))
    assert pieces(ground.statements()[3]) == [("usage", 0, 0), ("correction", -60, -18_000)]


def test_one_gap_over_many_closed_periods_is_made_good_twelve_periods_a_statement() -> None:
    """And a checker who computes alone stops where the ledger stopped."""
    days = 30
    ground = lease(days=days, rule="last_rate")
    tell(ground, 0, 0, 1)
    tell(ground, 0.25, 60, 2)
    tell(ground, 0.5, 0, 3)
    tell(ground, 24.5, 61, 4)
    ground.move_to(at(days))
    statements = ground.statements()
    corrected = [sum(line.kind == "correction" for line in s.lines) for s in statements]
    assert corrected == [0] * 24 + [12, 12] + [0] * 4
    assert statements[24].corrected_to_ms == at(12)
    assert [s.corrected_to_ms for s in statements[25:27]] == [at(24), 0]
    assert sum(line.quantity_base for s in statements for line in s.lines) == 61


def test_low_readings_around_a_close_stand_in_both_statements_as_they_were_known() -> None:
    ground = lease()
    for n, (day, value) in enumerate(((0, 5), (0.9, 1), (1.1, 2), (1.2, 9)), 1):
        tell(ground, day, value, n)
    ground.move_to(at(3))
    falls = [[(f.from_ms, f.readings, f.status) for f in s.falls] for s in ground.statements()]
    assert falls == [[(at(0.9), 1, "pending")], [(at(0.9), 2, "false_reading")], []]


def test_the_books_are_closed_with_the_last_statement() -> None:
    ground = lease(days=1)
    tell(ground, 0, 0, 1)
    tell(ground, 0.5, 5, 2)
    ground.move_to(at(1))
    before = ground.tables("billing")
    tell(ground, 0.75, 9, 3, now=2)
    assert ground.tables("billing") == before
    assert not list(ACCOUNTS.scan(ground.context()))


def test_a_period_is_held_while_a_meter_is_out_of_verification_and_closed_after_renewal() -> None:
    energy = feed("amount", carrier="electricity", legal_use=VERIFIED)
    ground = Ground(START_MS - DAY)
    ground.register(**lease_feeds() | {"energy": energy})
    ground.publish(replace(TARIFF, period="day"), calendar_of("Asia/Shanghai"))
    ground.agree(START_MS, at(5), *(GapRule(name, H, "zero") for name in METERS.values()))
    lapsed = RenewLegalUse("energy", replace(VERIFIED, valid_until_ms=at(0.5)))
    ground.do("plant", lapsed)
    (held,) = events_of_next_wake(ground, at(1), Held)
    assert b"billing.legal_use_expired" in held
    assert b'"clause":"energy"' in held
    ground.move_to(at(3))
    assert ground.statements() == []
    ground.do("plant", RenewLegalUse("energy", replace(VERIFIED, valid_until_ms=at(9))))
    ground.do("maker", Close("g-1"))
    assert len(ground.statements()) == 1
    ground.move_to(at(3) + 2)  # what was waiting behind it closes by itself
    assert len(ground.statements()) == 3


def test_a_sum_that_no_ledger_can_hold_is_held_by_name_and_nothing_is_half_written() -> None:
    """A reading gone mad is billed by nobody, and stops nothing but this agreement's close."""
    dear = replace(ONE_PIECE, tiers=(replace(ONE_PIECE.tiers[0], price_e8=10**15),))
    ground = lease(tariff=replace(DAILY, elements=(dear,)))
    tell(ground, 0, 0, 1)
    tell(ground, 0.5, 2**52, 2)
    before = ground.tables("billing")
    (held,) = events_of_next_wake(ground, at(1), Held)
    assert b"billing.amount_too_large" in held
    assert ground.tables("billing") == before
    assert not list(PARKED.scan(ground.context()))


def test_closing_once_by_hand_and_once_by_the_clock_makes_one_statement() -> None:
    ground = lease(days=3)
    tell(ground, 0, 0, 1)
    ground.now_ms = at(1)
    ground.do("plant", Close("g-1"))
    assert ground.statements()[0].closed_by
    ground.move_to(at(1) + 5)
    assert len(ground.statements()) == 1
    ground.move_to(at(3))
    assert [s.period.from_ms for s in ground.statements()] == [at(0), at(1), at(2)]


@pytest.mark.parametrize("records", [2_000, 16_000])
def test_a_close_costs_the_same_however_many_records_there_are(records: int) -> None:
    ground = lease(days=2, rule="average_day")
    step = DAY // (records + 1)
    ground.now_ms = at(1)
    for start in range(0, records, 1_000):
        batch = [
            (at(0) + n * step, n // 2 if n % (records // 100) else None) for n in range(start, start + 1_000)
        ]
        ground.record("pieces", *batch, first=start + 1)
    close = cost_of_close(ground)
    assert close < 2_000


def cost_of_close(ground: Ground) -> int:
    """Steps of the close that is asked for now."""
    ground.now_ms = max(ground.now_ms, at(1))
    return ground.do("plant", Close("g-1")).spent()[0]


def test_a_batch_of_1000_records_fits_on_a_feed_with_sixteen_agreements() -> None:
    """Each record ends a gap, for each agreement; and what does not fit any more is refused, to be split."""
    ground = Ground(START_MS - DAY)
    ground.register(pieces=feed(reporting="periodic"))
    ground.publish(DAILY, calendar_of("Asia/Shanghai"))
    binding = Binding(meter="pieces", owner="plant", feed="pieces")
    terms = Terms(0, (GapRule("pieces", 0, "average_day", 3),))
    for n in range(16):
        ground.join(f"m-{n}")
        parties = (f"m-{n}", "plant", "maker")
        proposal = Propose(f"g-{n}", *parties, "t-1", 1, (binding,), terms, START_MS, at(250))
        ground.do(f"m-{n}", proposal)
        ground.do("plant", accept(f"g-{n}"))
    ground.now_ms = at(260)
    ground.record("pieces", *((at(n / 8), n) for n in range(0, 2_000, 2)))
    ground.record("pieces", *((at(n / 8), n) for n in range(1, 800, 2)), first=1_001)
    with pytest.raises(OverBudget):
        ground.record("pieces", *((at(n / 8) + 1, n) for n in range(2_000)[::2]), first=1_501)


def test_appending_in_order_costs_the_same_on_an_old_feed() -> None:
    ground = lease(days=300)
    ground.now_ms = at(250)
    first = ground.record("pieces", (at(0), 1)).spent()[0]
    ground.record("pieces", *((at(0.1) + n, n) for n in range(1_000)), first=2)
    later = ground.record("pieces", (at(0.2), 1_000), first=1_002).spent()[0]
    assert later <= first + 8


def test_20000_pending_readings_are_settled_by_one_declaration() -> None:
    ground = lease()
    tell(ground, 0, 50_000, 1)
    ground.now_ms = at(0.9)
    low = limits.REFOLD_MAX - 1
    for start in range(0, low, 1_000):
        count = min(1_000, low - start)
        ground.record("pieces", *((at(0.1) + start + k, start + k) for k in range(count)), first=start + 2)
    ground.reset("pieces", at(0.1), 50_003, 0)
    counts = USAGE.get(ground.context(), ("g-1", "pieces", at(0)))
    assert counts is not None
    assert sum(counts.counts) == 3 + low - 1


def test_replaying_the_ledger_of_a_lease_leads_to_the_same_hashes(consortium: Consortium) -> None:
    start_ms = consortium.clock() + DAY
    consortium.do("plant", RegisterDevice("press", "gateway-1"), RegisterFeed("pieces", feed()))
    consortium.do("maker", PublishCalendar("c-1", calendar_of("Asia/Shanghai", 2026)))
    tariff = replace(DAILY, elements=(ONE_PIECE, replace(FEE, clause="fee")))
    consortium.do("maker", PublishTariff("t-1", 1, tariff, calendar_owner="maker", calendar="c-1"))
    binding = Binding(meter="pieces", owner="plant", feed="pieces")
    terms = Terms(0, (GapRule("pieces", H, "last_rate"),))
    to_ms = start_ms + 3 * DAY
    consortium.do(
        "plant", Propose("g-1", "maker", "plant", "maker", "t-1", 1, (binding,), terms, start_ms, to_ms)
    )
    consortium.do("maker", acceptance("g-1", proposed(consortium.client("bank"), "g-1")))
    consortium.do("plant", AnchorReadings(ANCHOR, "0" * 64, 9, 0, 0), key="gateway-1")
    for n, value in ((1, 5), (3, None), (2, 9), (4, 30)):
        consortium.clock.now_ms = max(consortium.clock(), start_ms + n * DAY // 2)
        told = counters("pieces", [(start_ms + n * DAY // 2, value)], first=n)
        record = RecordCounters(owner="plant", counters=told, anchor=ANCHOR, index=pack([0]))
        consortium.do("plant", record, key="gateway-1")
    consortium.pass_days(5)
    assert len(consortium.query("billing.statements_of", agreement="g-1")) >= 3
    replica = replay(consortium.node.ledger.store, encode(consortium.genesis), consortium.registry)
    assert (replica.height, replica.app_hash) == (consortium.node.height, consortium.node.app_hash)


def test_a_late_record_leaves_the_sums_as_if_it_had_come_in_time() -> None:
    """Nothing but what is counted lies in the tables: no row of zeros where usage moved to another day."""
    late, in_time = (lease(cut_off_ms=9 * DAY, rule="average_day") for _ in range(2))
    for ground, order in ((late, (0, 2, 1)), (in_time, (0, 1, 2))):
        ground.now_ms = at(3)
        for n in order:
            ground.record("pieces", (at(n * 0.7), min(9 * n, 9)), first=n + 1)
    assert late.tables("billing") == in_time.tables("billing")


def test_corrections_that_a_close_has_no_time_for_wait_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    ground = lease(cut_off_ms=0)
    for n in range(4):
        tell(ground, n, 10 * n, 2 * n + 1)
    ground.record("pieces", (at(0.5), 4), first=2)
    ground.record("pieces", (at(1.5), 13), first=4)
    monkeypatch.setattr(closing, "CORRECTION_STEPS_MAX", 0)
    ground.move_to(at(4))
    monkeypatch.undo()
    ground.move_to(at(5))
    statements = ground.statements()
    assert statements[3].corrected_to_ms == at(0)
    assert [line.kind for line in statements[3].lines] == ["usage"]
    assert statements[4].corrected_to_ms == 0
    assert sum(line.quantity_base for s in statements for line in s.lines) == 30


def test_cutting_a_long_silence_into_windows_is_paid_for() -> None:
    ground = lease(days=290, tariff=replace(DAILY, windows=TARIFF.windows))
    ground.now_ms = at(289)
    short = ground.record("pieces", (at(0), 0), (at(1), 1)).spent()[0]
    long = ground.record("pieces", (at(280), 2), first=3).spent()[0]
    assert long - short > 280 * 2 // 16 - 10
