"""Published series and indices on the ledger: who may, what never changes, what a late publisher moves."""

from typing import Any

import pytest

from hansa.apps.billing import errors_energy as errors
from hansa.apps.billing.elements import Index
from hansa.apps.billing.elements_energy import Series
from hansa.apps.billing.messages import Close, PublishTariff
from hansa.apps.billing.messages_prices import DeclareSeries, PublishIndex, PublishSeries, SeriesForm
from hansa.apps.billing.prices import index_of, series_days_of, series_of
from hansa.apps.billing.tables import SLOTS
from hansa.apps.billing.tariff import Meter, Tariff
from hansa.apps.billing.terms import GapRule
from hansa.apps.consortium import errors_calendar
from hansa.apps.consortium.calendars import DAY_MAX, local_day
from hansa.apps.consortium.messages import PublishCalendar
from hansa.kernel import limits, replace
from hansa.kernel.messages import Action
from hansa.kernel.refusal import Refusal
from tests.apps.ground import REGISTRY, Ground, feed
from tests.apps.tariffs import ENERGY, TARIFF, calendar_of

H, DAY = limits.HOUR_MS, limits.DAY_MS
START_MS = 20_109 * DAY - 8 * H
"""2025-01-21 at midnight in Shanghai."""
CALENDAR = calendar_of("Asia/Shanghai")
FIRST = local_day(CALENDAR, START_MS)
FORM = SeriesForm(60, "kWh", "CNY", "maker", "c-1")
SPOT = Series("spot", "vat", "energy", "kWh", 1_000, 60, "bank", "day-ahead", 1, "after")
PRICES = tuple(number * 10_000_000 for number in range(24))
"""0.00 in the first hour, 0.10 in the second … 2.30 in the last."""
GAP = GapRule("energy", 2 * H, "zero")


def tariff_of(*elements: Any) -> Tariff:
    meters = (Meter("energy", "counter", "Wh"),)
    return replace(TARIFF, purpose="internal", period="day", windows=(), meters=meters, elements=elements)


def ground_of(*elements: Any, days: int = 2, cut_off_ms: int = H, agreed: bool = True) -> Ground:
    """Bank publishes, maker leases to plant from START_MS on."""
    ground = Ground(START_MS - 3 * DAY)
    ground.register(energy=feed(base_unit="Wh", carrier="electricity"))
    ground.do("maker", PublishCalendar(id="c-1", calendar=CALENDAR))
    ground.do("bank", DeclareSeries("day-ahead", 1, FORM))
    ground.do("bank", PublishIndex("copper", FIRST - 30, 200_000_000))
    if agreed:
        ground.do("maker", PublishTariff("t-1", 1, tariff_of(*elements), "maker", "c-1"))
        ground.agree(START_MS, START_MS + days * DAY, GAP, cut_off_ms=cut_off_ms)
    return ground


def publish(ground: Ground, day: int, prices: tuple[int, ...] = PRICES) -> None:
    ground.do("bank", PublishSeries("day-ahead", 1, FIRST + day, prices))


def run_a_day(ground: Ground, day: int, first: int, hourly: int = 1_000) -> None:
    """1 kWh an hour, read at each full hour."""
    readings = [(START_MS + day * DAY + hour * H, (day * 24 + hour) * hourly) for hour in range(25)]
    ground.now_ms = max(ground.now_ms, START_MS + day * DAY + 24 * H)
    ground.record("energy", *(readings if day == 0 else readings[1:]), first=first)


def refused(ground: Ground, kind: type[Refusal], member: str, action: Action) -> Refusal:
    before = dict(ground.layer.entries)
    with pytest.raises(kind) as caught:
        ground.do(member, action)
    assert ground.layer.entries == before
    assert "{" not in caught.value.zh + caught.value.en
    return caught.value


# What is published.


def test_what_is_published_is_there_and_stays() -> None:
    ground = ground_of(agreed=False)
    publish(ground, 0)
    refused(ground, errors.SeriesTaken, "bank", DeclareSeries("day-ahead", 1, FORM))
    refused(ground, errors.SeriesDayTaken, "bank", PublishSeries("day-ahead", 1, FIRST, PRICES[::-1]))
    assert ground.ask(series_of, "bank", "day-ahead", 1).form == FORM
    rows = ground.ask(series_days_of, "bank", "day-ahead", 1, 0, FIRST + 9)
    assert [(day, row.prices_e8) for day, row in rows] == [(FIRST, PRICES)]
    ground.do("bank", DeclareSeries("day-ahead", 2, FORM))
    ground.do("bank", PublishSeries("day-ahead", 2, FIRST, PRICES[::-1]))


def test_nobody_publishes_for_another() -> None:
    ground = ground_of(agreed=False)
    refused(ground, errors.SeriesUnknown, "maker", PublishSeries("day-ahead", 1, FIRST, PRICES))
    ground.do("maker", PublishIndex("copper", FIRST - 30, 999))
    assert [value.value_e8 for _, value in ground.ask(index_of, "bank", "copper")] == [200_000_000]


@pytest.mark.parametrize(("kind", "action"), [
    (errors.SlotLength, DeclareSeries("s", 1, replace(FORM, minutes=20))),
    (errors.SeriesCount, PublishSeries("day-ahead", 1, FIRST, PRICES[:-1])),
    (errors.SeriesCount, PublishSeries("day-ahead", 1, FIRST, ())),
    (errors.SeriesCount, PublishSeries("day-ahead", 1, FIRST, PRICES * 200)),
    (errors_calendar.CalendarOutside, PublishSeries("day-ahead", 1, 2**53 - 1, PRICES)),
    (errors_calendar.CalendarOutside, PublishSeries("day-ahead", 1, 0, PRICES)),
    (errors.SeriesUnknown, PublishSeries("day-ahead", 3, FIRST, PRICES)),
    (errors.IndexOrder, PublishIndex("copper", FIRST - 30, 1)),
    (errors.IndexOrder, PublishIndex("copper", 0, 1)),
    (errors.IndexDay, PublishIndex("copper", DAY_MAX + 1, 1)),
    (errors.IndexDay, PublishIndex("copper", 2**53 - 1, 1)),
])  # fmt: skip
def test_what_nobody_can_use_is_refused(kind: type[Refusal], action: Action) -> None:
    refused(ground_of(agreed=False), kind, "bank", action)


def test_a_series_names_a_calendar_that_is_there() -> None:
    ground = ground_of(agreed=False)
    with pytest.raises(Refusal):
        ground.do("bank", DeclareSeries("s", 1, replace(FORM, calendar="none")))


def test_rules_1_publish_nothing() -> None:
    billing = next(room for room in REGISTRY.rooms if room.name == "billing").at(1)
    assert PublishTariff in billing.actions
    assert not {DeclareSeries, PublishSeries, PublishIndex} & set(billing.actions)


@pytest.mark.parametrize("changes", [
    {"slot_minutes": 15}, {"unit": "Wh", "unit_base": 1},
])  # fmt: skip
def test_a_tariff_fits_the_series_that_it_names(changes: dict[str, Any]) -> None:
    ground = ground_of(agreed=False)
    tariff = tariff_of(replace(SPOT, **changes))
    refused(ground, errors.SeriesUnfit, "maker", PublishTariff("t-1", 1, tariff, "maker", "c-1"))
    dollars = replace(tariff_of(SPOT), currency="USD")
    refused(ground, errors.SeriesUnfit, "maker", PublishTariff("t-1", 1, dollars, "maker", "c-1"))
    ground.do("plant", PublishCalendar(id="c-2", calendar=CALENDAR))
    refused(ground, errors.SeriesUnfit, "maker", PublishTariff("t-1", 1, tariff_of(SPOT), "plant", "c-2"))
    unknown = tariff_of(replace(SPOT, version=9))
    refused(ground, errors.SeriesUnknown, "maker", PublishTariff("t-1", 1, unknown, "maker", "c-1"))


# What a period comes to.


def test_each_hour_at_its_price() -> None:
    """24 kWh, one each hour: 0.00 + 0.10 + … + 2.30 = 27.60."""
    ground = ground_of(SPOT)
    publish(ground, 0)
    run_a_day(ground, 0, 1)
    ground.move_to(START_MS + DAY + 2 * H)
    (statement,) = ground.statements()
    assert (statement.lines[0].quantity_base, statement.net_minor) == (24_000, 2_760)


def test_a_hole_in_the_series_holds_the_period_until_it_is_filled() -> None:
    ground = ground_of(SPOT)
    run_a_day(ground, 0, 1)
    ground.move_to(START_MS + DAY + 2 * H)
    assert ground.statements() == []
    refusal = refused(ground, errors.SeriesHole, "plant", Close("g-1"))
    assert refusal.clause == "spot"
    publish(ground, 0)
    ground.do("plant", Close("g-1"))
    assert ground.statements()[0].net_minor == 2_760


def test_a_price_that_came_late_is_not_that_of_a_sheet_that_wants_it_before() -> None:
    """Published at 12:00: the hours before cost 1.00 each, the hours from then on 1.20 + … + 2.30 = 21.00."""
    ground = ground_of(replace(SPOT, known="before", otherwise_e8=100_000_000))
    ground.move_to(START_MS + 12 * H)
    publish(ground, 0)
    run_a_day(ground, 0, 1)
    ground.move_to(START_MS + DAY + 2 * H)
    assert ground.statements()[0].net_minor == 1_200 + 2_100


def test_another_price_holds_where_none_came_by_the_close_and_for_ever() -> None:
    ground = ground_of(replace(SPOT, otherwise_e8=50_000_000))
    run_a_day(ground, 0, 1)
    ground.move_to(START_MS + DAY + 2 * H)
    assert ground.statements()[0].net_minor == 1_200
    publish(ground, 0)
    ground.now_ms = START_MS + DAY + 5 * H
    ground.record(
        "energy", (START_MS + 30 * limits.MINUTE_MS, 500), first=99
    )  # Changes nothing, but is late.
    run_a_day(ground, 1, 26)
    ground.move_to(START_MS + 3 * DAY)
    assert [line for line in ground.statements()[1].lines if line.kind == "correction"] == []


INDEXED = replace(
    ENERGY, tax="vat", windows=(), tiers=(replace(ENERGY.tiers[0], price_e8=100_000_000),),
    index=Index("bank", "copper", 200_000_000),
)  # fmt: skip


def test_a_price_follows_the_value_in_force_on_the_first_date() -> None:
    """2.00 at the base, 3.00 from the second day on: 24 kWh × 1.00, then 24 kWh × 1.50."""
    ground = ground_of(INDEXED)
    ground.do("bank", PublishIndex("copper", FIRST + 1, 300_000_000))
    run_a_day(ground, 0, 1)
    ground.move_to(START_MS + DAY + 2 * H)
    run_a_day(ground, 1, 26)
    ground.move_to(START_MS + 3 * DAY)
    assert [statement.net_minor for statement in ground.statements()] == [2_400, 3_600]


def test_a_publisher_cannot_touch_what_is_closed() -> None:
    """A value from the first day on, published after its close, corrects nothing, and holds later."""
    ground = ground_of(INDEXED)
    run_a_day(ground, 0, 1)
    ground.move_to(START_MS + DAY + 2 * H)
    ground.do("bank", PublishIndex("copper", FIRST, 900_000_000))
    ground.record("energy", (START_MS + 24 * H - 1, 24_000), first=99)
    ground.record("energy", (START_MS + 25 * H, 24_600), first=100)
    run_a_day(ground, 1, 27)
    ground.move_to(START_MS + 3 * DAY)
    first, second = ground.statements()
    assert first.net_minor == 2_400
    assert [line for line in second.lines if line.kind == "correction"] == []
    assert second.lines[0].price_e8 == 450_000_000


def test_no_agreement_on_an_index_without_a_value() -> None:
    ground = ground_of(agreed=False)
    later = replace(INDEXED, index=Index("bank", "steel", 200_000_000))
    ground.do("maker", PublishTariff("t-1", 1, tariff_of(later), "maker", "c-1"))
    with pytest.raises(errors.IndexMissing):
        ground.agree(START_MS, START_MS + DAY, GAP)
    ground.do("bank", PublishIndex("steel", FIRST + 1, 1))
    with pytest.raises(errors.IndexMissing):
        ground.agree(START_MS, START_MS + DAY, GAP, name="g-2")


def test_rows_of_slots_grow_as_records_arrive() -> None:
    """Each reading over an hour, late and out of order, and one over two days: estimated and loose add up."""
    ground = ground_of(replace(SPOT, otherwise_e8=0, slot_minutes=60), days=5)
    ground.now_ms = START_MS + 4 * DAY
    at = [START_MS + 90 * limits.MINUTE_MS * n for n in (1, 3, 0, 2)]
    for number, (at_ms, value) in enumerate(zip(at, (900, 2_700, 0, 1_800), strict=True), 1):
        ground.record("energy", (at_ms, value), first=number)
    row = SLOTS.get(ground.context(), ("g-1", "energy", FIRST))
    assert row is not None
    assert row.counts[:6] == row.estimated[:6] == (600, 600, 600, 600, 300, 0)
    ground.record("energy", (START_MS + 2 * DAY, 2_700 + 48), (START_MS + 4 * DAY - 1, 4_000), first=9)
    row = SLOTS.get(ground.context(), ("g-1", "energy", FIRST + 1))
    assert row is not None
    assert (row.counts, row.estimated, row.loose) == ((), (), 48)
    ground.record("energy", (START_MS + 2 * DAY - 1, 2_700 + 40), first=8)
    row = SLOTS.get(ground.context(), ("g-1", "energy", FIRST + 1))
    assert row is not None
    assert (row.counts[-1], row.estimated, row.loose) == (8, (), 40)
