"""What the story rests on: which log carries which chapter, and files as banks write them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from hansa.apps.billing.attribution import AttributionRule
from hansa.apps.consortium.calendars import local_day
from hansa.client.pay.accounts import check_account
from hansa.client.pay.camt import read_camt
from hansa.client.pay.items import BankLine
from hansa.client.pay.orders import Order, Payment
from hansa.edge.gateway import Delivery, Item
from hansa.kernel import limits
from hansa.simulation import demo as plays
from hansa.simulation.leasing import MONTHS_MAX, Settled, _months
from hansa.simulation.play import Play
from hansa.simulation.report_sales import _left
from hansa.simulation.story_downtime import LONGEST_MS, breakdown_of, halt_of
from hansa.simulation.story_downtime import stops as stops_of
from hansa.simulation.story_handover import after_handover, first_readings
from hansa.simulation.story_handover import why_not as not_handed_over
from hansa.simulation.story_market import LEAD_MS, Deal, deal_of
from hansa.simulation.story_market import why_not as not_offered
from hansa.simulation.story_money import STRAY_MINOR, accounts, camt_text, csv_text
from hansa.simulation.story_sublease import week_of

DAY = limits.DAY_MS
NOW_MS = int(datetime(2026, 6, 1, tzinfo=UTC).timestamp() * 1_000)
BEGIN = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
MAPPING = """
[log]
device = "press"
format = "long"
delimiter = ","
time = "time"
item = "item"
value = "value"

[[feed]]
name = "pieces"
kind = "counter"
item = "n"
unit = "piece"

[[feed]]
name = "execution"
kind = "state"
item = "s"
"""
STOPS_H = (0.1, 2, 3, 9)
"""Hours of stop, each after an hour of work."""


@pytest.fixture(scope="module")
def play(tmp_path_factory: pytest.TempPathFactory) -> Play:
    """A log whose counter first shows 40, with stops of several lengths."""
    folder = tmp_path_factory.mktemp("story")
    rows, at = ["time,item,value"], BEGIN
    for number, stop_h in enumerate(STOPS_H):
        rows += [f"{at:%Y-%m-%dT%H:%M:%SZ},n,{40 + 10 * number}", f"{at:%Y-%m-%dT%H:%M:%SZ},s,ACTIVE"]
        at += timedelta(hours=1)
        rows.append(f"{at:%Y-%m-%dT%H:%M:%SZ},s,STOPPED")
        at += timedelta(hours=stop_h)
    rows.append(f"{at:%Y-%m-%dT%H:%M:%SZ},s,ACTIVE")
    (folder / "log.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (folder / "map.toml").write_text(MAPPING, encoding="utf-8")
    return plays.foreign_play(str(folder / "log.csv"), folder / "map.toml", None, {}, False, NOW_MS)


def stops(play: Play, *states: str) -> Play:
    rule = AttributionRule(meter="execution", reason="waits", liable="user", states=states)
    terms = msgspec.structs.replace(play.sheet.terms, attribution=(rule,))
    return replace(play, sheet=replace(play.sheet, terms=terms))


def at_time(now_ms: int) -> Any:
    return SimpleNamespace(world=SimpleNamespace(clock=SimpleNamespace(now_ms=now_ms)))


def test_the_longest_stop_of_at_most_four_hours_is_the_breakdown(play: Play) -> None:
    found = stops_of(stops(play, "STOPPED"), deal_of(play))
    stop, halt = breakdown_of(found), halt_of(found)
    assert stop is not None
    assert halt is not None
    assert (stop.span_ms, halt.span_ms) == (3 * limits.HOUR_MS, 2 * limits.HOUR_MS)
    assert stop.span_ms < LONGEST_MS
    assert stop.period_ms == deal_of(play).from_ms


def test_a_stop_of_minutes_is_no_breakdown(play: Play) -> None:
    """The first stop lasts six minutes; a lease that ends after it knows no other."""
    until_ms = int((BEGIN + timedelta(hours=2)).timestamp() * 1_000)
    assert stops_of(stops(play, "STOPPED"), replace(deal_of(play), to_ms=until_ms)) == []


def test_without_a_rule_or_a_stop_there_is_no_breakdown(play: Play) -> None:
    for silent in (play, stops(play, "SETUP")):
        assert breakdown_of(stops_of(silent, deal_of(silent))) is None


def test_a_lease_needs_time_to_bargain_and_a_year_at_most(play: Play) -> None:
    deal = deal_of(play)
    assert not_offered(at_time(deal.from_ms - LEAD_MS), play, deal) is None
    assert not_offered(at_time(deal.from_ms - LEAD_MS + 1), play, deal) is not None
    year = replace(deal, to_ms=deal.from_ms + limits.OFFER_MAX_MS)
    assert not_offered(at_time(0), play, year) is None
    assert not_offered(at_time(0), play, replace(year, to_ms=year.to_ms + 1)) is not None


def test_a_tariff_silent_on_payment_is_settled_all_the_same(play: Play) -> None:
    assert play.sheet.terms.settlement is None
    settlement = deal_of(play).terms.settlement
    assert settlement is not None
    assert settlement.runs_from == "confirmation"


def test_the_week_that_is_sublet_lies_whole_within_the_lease(play: Play) -> None:
    calendar, deal = play.sheet.calendar, deal_of(play)
    week = week_of(calendar, deal)
    assert week is not None
    assert deal.from_ms < week.from_ms < week.to_ms < deal.to_ms
    assert local_day(calendar, week.to_ms) - local_day(calendar, week.from_ms) == 7


@pytest.mark.parametrize("days", [1, 7, 12])
def test_a_lease_of_less_than_a_fortnight_is_not_sublet(play: Play, days: int) -> None:
    deal = deal_of(play)
    assert week_of(play.sheet.calendar, Deal(deal.from_ms, deal.from_ms + days * DAY, deal.terms)) is None


def test_of_a_long_lease_only_the_last_months_are_paid_before_its_end(play: Play) -> None:
    deal = deal_of(play)
    year = replace(deal, to_ms=deal.from_ms + 300 * DAY)
    found = _months(at_time(0), play, year, Settled([], []))
    assert len(found) == MONTHS_MAX
    assert year.to_ms - 31 * DAY < found[-1].at_ms < year.to_ms + 31 * DAY
    month = replace(deal, to_ms=deal.from_ms + 31 * DAY)
    assert _months(at_time(0), play, month, Settled([], [])) == []


def test_what_is_left_of_an_offer_lies_between_its_bookings() -> None:
    offer = SimpleNamespace(from_ms=0, to_ms=40 * DAY)

    def left(*booked: tuple[int, int]) -> str:
        rows = [SimpleNamespace(from_ms=a * DAY, to_ms=b * DAY) for a, b in booked]
        look = SimpleNamespace(
            ask=SimpleNamespace(one=lambda *_, **__: rows), day=lambda at_ms: str(at_ms // DAY)
        )
        return _left(cast(Any, look), cast(Any, offer)).en

    assert left() == "Of this offer is left: 0 – 39."
    assert left((30, 40), (10, 20)) == "Of this offer is left: 0 – 9; 20 – 29."
    assert "nothing" in left((0, 25), (20, 40))


def test_counters_are_handed_over_as_the_log_first_shows_them(play: Play) -> None:
    (reading,) = first_readings(play)
    assert (reading.name, reading.value) == ("press.pieces", 40)
    assert not_handed_over(play) is None


def test_a_counter_without_a_reading_is_not_handed_over(play: Play) -> None:
    feeds = tuple(
        replace(feed, lost=type(feed.lost)([1] * len(feed.lost))) if feed.spec.kind == "counter" else feed
        for feed in play.log.feeds
    )
    blind = replace(play, log=replace(play.log, feeds=cast(Any, feeds)))
    why = not_handed_over(blind)
    assert why is not None
    assert "press.pieces" in why.en


def test_records_are_numbered_on_from_the_handover_in_the_first_life_only(play: Play) -> None:
    pieces = next(at for at, feed in enumerate(play.log.feeds) if feed.spec.kind == "counter")
    state = 1 - pieces
    items = (Item(1, pieces, 0, 1), Item(1, state, 0, 1), Item(2, pieces, 1, 0))
    told = after_handover(play, Delivery("d", items, 2), 1)
    assert [item.record for item in told.items] == [2, 1, 0]
    assert after_handover(play, Delivery("d", items, 2), 2).items == items


def payment(number: int, amount_minor: int, currency: str) -> Order:
    payer, payee = accounts()[:2]
    paid = Payment(
        obligation=f"o-{number}",
        to=payee,
        currency=currency,
        amount_minor=amount_minor,
        reference=f"RF18539007547{number:03d}",
        text="",
    )
    return Order(f"order-{number}", payer, currency, 20_000, (paid,))


@pytest.mark.parametrize("currency", ["CNY", "JPY", "KWD"])
def test_the_plays_bank_statement_reads_back_to_the_minor_unit(currency: str) -> None:
    came = [payment(1, 123_456, currency), payment(2, 1, currency)]
    lines: list[BankLine] = read_camt(camt_text("b", accounts()[1], came).encode(), "b.xml")
    assert [line.amount_minor for line in lines] == [123_456, 1, STRAY_MINOR]
    assert [line.references for line in lines[:2]] == [("RF18539007547001",), ("RF18539007547002",)]
    assert {line.payer for line in lines[:2]} == {accounts()[0].name}
    assert len({line.entry for line in lines}) == 3
    assert lines[2].references == ()
    assert csv_text(came).count("\r\n") == 3


def test_every_account_of_the_play_is_well_formed() -> None:
    for account in accounts():
        check_account(account)
    assert len({account.id for account in accounts()}) == len(accounts())


def test_a_chapter_that_is_left_out_says_why(tmp_path: Path, play: Play) -> None:
    done = plays.run(plays.prepare(tmp_path / "demo"), play)
    try:
        left_out = {step.text.en: step.why for step in done.settled.steps if step.why is not None}
        assert list(left_out) == ["A breakdown, disputed"]
        assert done.settled.leased
        assert done.report.ok
    finally:
        done.world.close()
