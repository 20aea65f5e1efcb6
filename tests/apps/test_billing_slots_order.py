"""A lease with demand, power factor, series and index, in whatever order its records come: the ledger states
what anyone computes from the records, and no money is lost.
"""

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize

from hansa.apps.billing.books import deal_of, sources_of
from hansa.apps.billing.deal import periods
from hansa.apps.billing.elements import Index
from hansa.apps.billing.elements_energy import Demand, Series
from hansa.apps.billing.messages import PublishTariff
from hansa.apps.billing.messages_prices import DeclareSeries, PublishIndex, PublishSeries, SeriesForm
from hansa.apps.billing.settling import know
from hansa.apps.billing.tables import AGREEMENTS, SLOTS
from hansa.apps.billing.terms import GapRule
from hansa.apps.consortium.calendars import local_day
from hansa.apps.consortium.messages import PublishCalendar
from hansa.kernel import limits, replace
from tests.apps import test_billing_order as order
from tests.apps.ground import METERS, Ground, Reading, lease_feeds
from tests.apps.tariffs import ENERGY, HOURS, PIECE, TARIFF, calendar_of

CONTRACTED = Demand(
    "beyond", "vat", "contracted", "kW", 4_000_000_000, "energy", 30, ("peak",), 20_000, 0, 10_500, 20_000
)
SLOTTED = replace(
    TARIFF,
    purpose="internal",
    period="day",
    elements=(
        Demand("demand", "vat", "measured", "kW", 4_000_000_000, "energy", 15),
        CONTRACTED,
        Series("spot", "vat", "energy", "kWh", 1_000, 60, "bank", "day-ahead", 1, "after"),
        Series("hourly", "vat", "pieces", "piece", 1, 60, "bank", "pieces", 1, "after", 7_000_000),
        replace(PIECE, index=Index("bank", "copper", 200_000_000)),
        replace(ENERGY, clause="kwh", windows=()),
        HOURS,
    ),
)


def price_of(day: int, hour: int) -> int:
    """Some are below nothing."""
    return (day * 7 + hour * 3) % 11 * 10_000_000 - 20_000_000


def publish(ground: Ground) -> None:
    calendar = calendar_of("Asia/Shanghai")
    first = local_day(calendar, order.START_MS)
    ground.do("maker", PublishCalendar(id="c-1", calendar=calendar))
    for name, unit in (("day-ahead", "kWh"), ("pieces", "piece")):
        ground.do("bank", DeclareSeries(name, 1, SeriesForm(60, unit, "CNY", "maker", "c-1")))
    for day in range(order.DAYS + 1):
        prices = tuple(price_of(day, hour) for hour in range(24))
        ground.do("bank", PublishSeries("day-ahead", 1, first + day, prices))
        if day % 3:
            ground.do("bank", PublishSeries("pieces", 1, first + day, prices))
    for day in range(-2, order.DAYS, 5):
        ground.do("bank", PublishIndex("copper", first + day, 150_000_000 + day * 10_000_000))
    ground.do("maker", PublishTariff("t-1", 1, SLOTTED, calendar_owner="maker", calendar="c-1"))


class SlottedLease(order.Lease):
    """As the lease, with clauses that look at slots."""

    @initialize(
        counter=order.rules_of("counter"),
        amount=order.rules_of("amount"),
        state=order.rules_of("state"),
        periodic=st.booleans(),
    )
    def agree(self, periodic: bool, **rules: tuple[str, int]) -> None:
        self.ground = Ground(order.START_MS - 3 * order.DAY)
        reporting = "periodic" if periodic else "on_change"
        self.ground.register(**{n: replace(f, reporting=reporting) for n, f in lease_feeds().items()})
        publish(self.ground)
        gaps = (
            GapRule(METERS[kind], longer, name, 3 if name == "average_day" else 0)  # type: ignore[arg-type]
            for kind, (name, longer) in rules.items()
        )
        end_ms = order.START_MS + order.DAYS * order.DAY
        self.ground.agree(order.START_MS, end_ms, *gaps, cut_off_ms=order.CUT_OFF_MS)
        self.total = 0
        self.sequence: Counter[str] = Counter()
        self.held_back: list[tuple[str, int, Reading]] = []
        self.arrived = []
        self.last_amount_ms = self.ground.now_ms

    def teardown(self) -> None:
        super().teardown()
        if not hasattr(self, "arrived"):
            return
        ctx = self.ground.context()
        for key, row in SLOTS.scan(ctx, limit=limits.ALL_ROWS):
            assert len(row.counts) in (0, 24 if key[1] == "pieces" else 96)
            assert all(part <= whole for part, whole in zip(row.estimated, row.counts, strict=False))
        agreement = AGREEMENTS.get(ctx, ("g-1",))
        assert agreement is not None
        deal = deal_of(ctx, agreement)
        for period in periods(deal):
            known = know(deal, sources_of(ctx, "g-1", deal), period)
            for meter, slots in known.facts.slots.items():
                used = sum(quantity for (name, _, _), quantity in known.usage.items() if name == meter)
                assert sum(sum(date.counts) + date.loose for date in slots.days) == used


SlottedLease.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestSlottedLease = SlottedLease.TestCase
