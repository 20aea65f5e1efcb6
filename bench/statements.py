"""The life of a statement in the embedded node: closed, confirmed by both, paid; early and late."""

import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.billing import CALENDAR, FEED, eight_elements
from bench.measure import Row, cpu_seconds
from hansa.apps.billing.lifecycle import content
from hansa.apps.billing.messages import Binding, Propose, PublishTariff, Statement
from hansa.apps.billing.messages_life import ConfirmStatement, Life
from hansa.apps.billing.terms import GapRule, Settlement, Terms
from hansa.apps.consortium.messages import PublishCalendar
from hansa.apps.metering.messages import (
    AnchorReadings,
    Counters,
    RecordCounters,
    RegisterDevice,
    RegisterFeed,
)
from hansa.apps.money.messages import Allocation, Receive
from hansa.client.agreements import acceptance, proposed
from hansa.kernel import limits, pack, replace
from tests.consortium import Consortium

DAY = limits.DAY_MS
START_MS = 20_454 * DAY - 8 * limits.HOUR_MS
"""2026-01-01 at midnight in Shanghai."""
DAYS = 400
AT_ONCE = 50
"""Statements at the start, and at the end, that are compared."""
BINDING = Binding(meter="pieces", owner="plant", feed="pieces")
STEPS = ("close", "confirm, provider", "confirm, user", "pay")
LONG = True


class Town:
    """An agreement by days on disk: a record every hour, eight elements."""

    def __init__(self, path: Path) -> None:
        self.node = Consortium(path, now_ms=START_MS - DAY)
        do = self.node.do
        do("plant", RegisterDevice("press", "gateway-1"), RegisterFeed("pieces", FEED))
        do("plant", AnchorReadings("a-1", "0" * 64, limits.READINGS_PER_BATCH_MAX, 0, 0))
        do("maker", PublishCalendar("c-1", CALENDAR))
        tariff = replace(eight_elements(), period="day")
        do("maker", PublishTariff("t-1", 1, tariff, "maker", "c-1"))
        gap = GapRule("pieces", DAY, "counter_difference")
        terms = Terms(limits.HOUR_MS, (gap,), Settlement(payment_days=30, runs_from="period_end"))
        end_ms = START_MS + DAYS * DAY
        do("maker", Propose("g-1", "maker", "plant", "maker", "t-1", 1, (BINDING,), terms, START_MS, end_ms))
        plant = self.node.client("plant")
        plant.do(acceptance("g-1", proposed(plant, "g-1")))

    def record(self, day: int) -> None:
        count = range(24)
        counters = Counters(
            feed="pieces",
            generation=1,
            first_sequence=24 * day + 1,
            at_ms=pack(START_MS + day * DAY + n * limits.HOUR_MS for n in count),
            value=pack(100 * (24 * day + n) for n in count),
            lost=b"",
        )
        self.node.clock.now_ms = START_MS + day * DAY + 23 * limits.HOUR_MS
        client = self.node.client("plant", "gateway-1")
        client.do(RecordCounters("plant", counters, "a-1", pack(count)))

    def live(self, day: int) -> list[float]:
        """CPU seconds of each step of a day's statement."""
        from_ms = START_MS + day * DAY
        self.node.clock.now_ms = from_ms + DAY + limits.HOUR_MS
        took = [cpu_seconds(self.node.node.wake)]
        ask = self.node.client("plant").query
        stated = ask("billing.statement_of", Statement, agreement="g-1", period_ms=from_ms)
        confirm = ConfirmStatement("g-1", from_ms, content(stated))
        for member in ("maker", "plant"):
            client = self.node.client(member)
            took.append(cpu_seconds(lambda client=client: client.do(confirm)))  # type: ignore[misc]
        [part] = ask("billing.life_of", Life, agreement="g-1", period_ms=from_ms).parts
        paid = Receive(
            entry=f"{day:064x}",
            currency="CNY",
            amount_minor=part.amount_minor,
            value_ms=self.node.clock.now_ms,
            payer="plant",
            allocations=(Allocation(part.obligation, part.amount_minor),),
        )
        client = self.node.client("maker")
        took.append(cpu_seconds(lambda: client.do(paid)))
        assert ask("billing.life_of", Life, agreement="g-1", period_ms=from_ms).settled_ms
        return took


def rows(days: int = DAYS) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as name:
        town = Town(Path(name) / "ledger.db")
        took = []
        for day in range(days):
            town.record(day)
            took.append(town.live(day))
        town.node.close()
    for step, name in enumerate(STEPS):
        first, last = (
            statistics.median(one[step] for one in part) for part in (took[:AT_ONCE], took[-AT_ONCE:])
        )
        detail = f"alone in its block; {last / first:.2f} × the same {days - AT_ONCE} statements before"
        yield Row(f"a statement: {name}", 1_000 * last, "ms", 5, detail=detail)
