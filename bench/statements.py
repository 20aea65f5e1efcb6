"""The life of a statement in the embedded node: closed, confirmed by both, paid; each alone in its block.

Two ledgers on disk in turn: one is young, the other has a thousand earlier statements of the same agreement,
all confirmed and paid, and ten thousand other agreements. What they differ in is what history costs.
"""

import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.billing import FEED, eight_elements
from bench.measure import Row, cpu_seconds
from hansa.apps.billing.lifecycle import content
from hansa.apps.billing.messages import Binding, Propose, PublishTariff, Statement
from hansa.apps.billing.messages_life import ConfirmStatement, Life
from hansa.apps.billing.terms import GapRule, Settlement, Terms
from hansa.apps.consortium.calendar_file import build_calendar
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
from tests.consortium import IN_MEMORY, Consortium

DAY = limits.DAY_MS
START_MS = 20_454 * DAY - 8 * limits.HOUR_MS
"""2026-01-01 at midnight in Shanghai."""
FEW_EARLIER, EARLIER = 10, 1_004
"""Days before those that are measured, which lie within one month each: 11 January 2026, 1 October 2028."""
FEW_OTHERS, OTHERS = 100, 10_000
MEASURED = 20
PROPOSERS = ("plant", "bank", "auditor")
PER_TRANSACTION = 20
CALENDAR = build_calendar("Asia/Shanghai", 2025, 2032, {})
BINDING = Binding(meter="pieces", owner="plant", feed="pieces")
STEPS = ("close", "confirm, provider", "confirm, user", "pay")
LONG = True


class Town:
    """An agreement by days on disk: a record every hour, eight elements."""

    def __init__(self, path: Path = IN_MEMORY, late: bool = False) -> None:
        self.late = late
        self.node = Consortium(path, now_ms=START_MS - DAY)
        do = self.node.do
        do("plant", RegisterDevice("press", "gateway-1"), RegisterFeed("pieces", FEED))
        do("plant", AnchorReadings("a-1", "0" * 64, limits.READINGS_PER_BATCH_MAX, 0, 0))
        do("maker", PublishCalendar("c-1", CALENDAR))
        do("maker", PublishTariff("t-1", 1, replace(eight_elements(), period="day"), "maker", "c-1"))
        do("maker", PublishTariff("t-2", 1, eight_elements(), "maker", "c-1"))
        self._agree("maker", "plant", {"g-1": BINDING}, "t-1", START_MS)

    def _agree(self, provider: str, user: str, meters: dict[str, Binding], tariff: str, from_ms: int) -> None:
        """Agreements by name, each on its own feed."""
        gap = GapRule("pieces", DAY, "counter_difference")
        terms = Terms(limits.HOUR_MS, (gap,), Settlement(payment_days=30, runs_from="period_end"))
        end_ms = from_ms + 3 * 366 * DAY
        one, other = self.node.client(provider), self.node.client(user)
        one.do(
            *(
                Propose(name, provider, user, "maker", tariff, 1, (meter,), terms, from_ms, end_ms)
                for name, meter in meters.items()
            )
        )
        other.do(*(acceptance(name, proposed(other, name)) for name in meters))

    def agree_with_others(self, count: int, day: int) -> None:
        """So many other agreements begin, a month at a time."""
        for first in range(0, count, PER_TRANSACTION):
            provider = PROPOSERS[first // PER_TRANSACTION % len(PROPOSERS)]
            user = "maker" if provider == "plant" else "plant"
            numbers = range(first, min(first + PER_TRANSACTION, count))
            self.node.do("plant", *(RegisterFeed(f"idle-{number}", FEED) for number in numbers))
            meters = {f"o-{number}": replace(BINDING, feed=f"idle-{number}") for number in numbers}
            self._agree(provider, user, meters, "t-2", START_MS + day * DAY)

    def record(self, day: int) -> None:
        """A record every hour; of the last hour of a day, where they are late, after its statement."""
        first = 24 * day + (1 if day and not self.late else 0)
        numbers = range(first, 24 * (day + 1) + (0 if self.late else 1))
        counters = Counters(
            feed="pieces",
            generation=1,
            first_sequence=numbers[0] + 1,
            at_ms=pack(START_MS + number * limits.HOUR_MS for number in numbers),
            value=pack(100 * number for number in numbers),
            lost=b"",
        )
        self.node.clock.now_ms = START_MS + (day + 1) * DAY
        client = self.node.client("plant", "gateway-1")
        client.do(RecordCounters("plant", counters, "a-1", pack(range(len(numbers)))))

    def live(self, day: int) -> list[float]:
        """CPU seconds of each step of a day's statement."""
        from_ms = START_MS + day * DAY
        self.record(day)
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


def folder_in(name: str, which: str) -> Path:
    """One directory serves one node."""
    folder = Path(name) / which
    folder.mkdir()
    return folder


def rows(earlier: int = EARLIER, others: int = OTHERS) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as name:
        young, old = (Town(folder_in(name, which) / "ledger.db") for which in ("young", "old"))
        for town, days, count in ((young, FEW_EARLIER, FEW_OTHERS), (old, earlier, others)):
            for day in range(days):
                town.live(day)
            town.agree_with_others(count, days)
        took = [(young.live(FEW_EARLIER + n), old.live(earlier + n)) for n in range(MEASURED)]
        late = Town(folder_in(name, "late") / "ledger.db", late=True)
        corrected = [late.live(day)[0] for day in range(MEASURED)]
        for town in (young, old, late):
            town.node.close()
    history = f"{earlier:,} earlier statements and {others:,} other agreements"
    for step, work in enumerate((*STEPS, "all four steps")):
        chosen = slice(step, step + 1) if step < len(STEPS) else slice(None)
        first, last = (statistics.median(sum(pair[town][chosen]) for pair in took) for town in (0, 1))
        detail = f"{history}: {last / first:.2f} × with {FEW_EARLIER} and {FEW_OTHERS}"
        yield Row(f"a statement: {work}", 1_000 * last, "ms", 5, detail=detail)
    work = "a statement: close, with a correction of the one before"
    yield Row(work, 1_000 * statistics.median(corrected), "ms", 5, detail="on a young ledger")
