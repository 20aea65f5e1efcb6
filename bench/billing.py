"""From readings to statements: readings anchored, a year rated, a period with a hundred gaps closed."""

import hashlib
import hmac
import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from bench.measure import Row, cpu_seconds
from hansa.apps.billing.messages import Agreement, Binding, Propose, PublishTariff
from hansa.apps.billing.recompute import Deal, periods, settle
from hansa.apps.billing.tariff import (
    Cap,
    Fixed,
    Meter,
    Minimum,
    Span,
    Tariff,
    Tax,
    TaxRate,
    Tier,
    Usage,
    Window,
)
from hansa.apps.billing.terms import GapRule, Terms
from hansa.apps.consortium.calendar_file import build_calendar
from hansa.apps.consortium.messages import PublishCalendar
from hansa.apps.metering.chain import Point
from hansa.apps.metering.messages import (
    AnchorReadings,
    Counters,
    Feed,
    LegalUse,
    RecordCounters,
    RegisterDevice,
    RegisterFeed,
)
from hansa.client.agreements import acceptance, proposed
from hansa.edge.gateway import declarations, deliveries
from hansa.edge.log_model import FeedLog, Log, LogFile, ReadReport
from hansa.edge.mapping_model import FeedSpec, LogFormat, Mapping
from hansa.kernel import limits, pack
from hansa.simulation.world import GATEWAY_KEY, METER_OWNER, found
from tests.consortium import Consortium

READINGS = 400_000
DAY = limits.DAY_MS
STEP_MS = 5 * limits.MINUTE_MS
START_MS = 20_454 * DAY - 8 * limits.HOUR_MS
"""2026-01-01 at midnight in Shanghai."""
END_MS = START_MS + 365 * DAY
YEAR = (END_MS - START_MS) // STEP_MS
"""105,120 five-minute records."""


# Readings anchored.


def machine_log() -> Log:
    """A counter read every second; every thousandth reading becomes a counter record."""
    spec = FeedSpec(name="pieces", kind="counter", unit="piece")
    count = range(READINGS)
    feed = FeedLog(
        spec=spec,
        base_unit="piece",
        wired=True,
        at_ms=[START_MS + 1_000 * n for n in count],
        span_ms=[0] * READINGS,
        value=[n // 7 for n in count],
        lost=bytearray(READINGS),
        file=[0] * READINGS,
        line=list(count),
        states=(),
        record=list(range(0, READINGS, 1_000)),
        falls=[],
        overlaps=[],
        duplicates=0,
        contradictions=[],
        contradiction_count=0,
        overtaken=0,
    )
    report = ReadReport(READINGS, READINGS, 0, 0, 0, 0, {}, (), (), (), START_MS, feed.at_ms[-1])
    return Log("press", (feed,), (LogFile("log", "0" * 64, READINGS, 0),), report)


def anchor_all(log: Log, folder: Path) -> None:
    """Salted, signed, batched, durable in the owner's store and on the ledger."""
    world = found(folder, START_MS - DAY)
    mapping = Mapping(log=LogFormat(device="press", format="long"), feeds=[log.feeds[0].spec])
    world.clients[METER_OWNER].do(*declarations(log, mapping, GATEWAY_KEY))
    for delivery in deliveries(log, DAY):
        world.clock.move_to(delivery.last_ms)
        world.gateway.client.submit(world.gateway.wires(log, delivery))
    world.close()


def hash_all() -> None:
    """What no implementation can save: an HMAC and a hash of each reading."""
    digest, sha256, data = hmac.digest, hashlib.sha256, b"r" * 80
    for n in range(READINGS):
        sha256(digest(b"s" * 32, n.to_bytes(8, "big"), "sha256") + data).digest()


def anchored() -> Iterator[Row]:
    log = machine_log()
    with tempfile.TemporaryDirectory() as name:
        runs = iter(range(9))
        took = cpu_seconds(lambda: anchor_all(log, Path(name) / str(next(runs))), 3)
    floor = cpu_seconds(hash_all, 3)
    detail = f"{took / floor:.1f} × an HMAC and a hash of each ({READINGS / floor:,.0f}/s)"
    yield Row("readings anchored", READINGS / took, "readings/s", 70_000, at_most=False, detail=detail)


# A lease of a machine for a year, by a counter.


def eight_elements() -> Tariff:
    def usage(clause: str, *windows: str) -> Usage:
        tiers = (Tier(350_000_000, 5_000), Tier(300_000_000, 9_000), Tier(285_000_000))
        return Usage(clause, "vat", "pieces", "piece", 1, tiers, "graduated", windows=windows)

    days = ("workday",), ("restday", "holiday")
    windows = (
        Window("peak", (Span(days[0], 480, 1_320),)),
        Window("flat", (Span(days[1], 480, 1_320),)),
        Window("valley", (Span(("all",), 1_320, 480),)),
    )
    elements = (
        Fixed("fee", "vat", 310_000),
        usage("peak", "peak"),
        usage("flat", "flat"),
        usage("valley", "valley"),
        usage("day", "peak", "flat"),
        usage("all"),
        Minimum("least", "vat", ("fee", "all"), 500_000),
        Cap("most", "vat", ("fee", "all", "least"), 9_000_000),
    )
    taxes = (Tax("vat", (TaxRate(0, 1_300),)),)
    meters = (Meter("pieces", "counter", "piece"),)
    return Tariff("lease", "internal", "CNY", "half_up", "month", meters, elements, taxes, windows)


FEED = Feed("press", "counter", "piece", "pieces", "on_change", LegalUse(grade="indicative"), wired=True)
CALENDAR = build_calendar("Asia/Shanghai", 2025, 2027, {})
BINDING = Binding(meter="pieces", owner="plant", feed="pieces")


class Lease:
    """A ledger on disk with an agreement for the year 2026."""

    def __init__(self, path: Path, gap: GapRule) -> None:
        self.node = Consortium(path, now_ms=START_MS - DAY)
        self.node.do("plant", RegisterDevice("press", "gateway-1"), RegisterFeed("pieces", FEED))
        self.node.do("plant", AnchorReadings("a-1", "0" * 64, limits.READINGS_PER_BATCH_MAX, 0, 0))
        self.node.do("maker", PublishCalendar("c-1", CALENDAR))
        self.node.do("maker", PublishTariff("t-1", 1, eight_elements(), "maker", "c-1"))
        terms = Terms(DAY, (gap,))
        self.node.do(
            "maker",
            Propose("g-1", "maker", "plant", "maker", "t-1", 1, (BINDING,), terms, START_MS, END_MS),
        )
        plant = self.node.client("plant")
        plant.do(acceptance("g-1", proposed(plant, "g-1")))

    def record(self, batches: Sequence[RecordCounters], times: Sequence[int]) -> None:
        """The batches as they come, each at its time; what falls due on the way is done."""
        client = self.node.client("plant", "gateway-1")
        for batch, at_ms in zip(batches, times, strict=True):
            self.node.clock.now_ms = max(at_ms, self.node.clock())
            client.submit([client.sign(batch)])

    def close(self) -> None:
        self.node.close()


def batches_of(points: Sequence[Point]) -> tuple[list[RecordCounters], list[int]]:
    """Records of 1,000 each, and the time of the last of each."""
    batches, times = [], []
    for start in range(0, len(points), limits.RECORDS_PER_BATCH_MAX):
        part = points[start : start + limits.RECORDS_PER_BATCH_MAX]
        counters = Counters(
            feed="pieces",
            generation=1,
            first_sequence=start + 1,
            at_ms=pack(point.at_ms for point in part),
            value=pack(point.value for point in part),
            lost=pack(n for n, point in enumerate(part) if point.lost),
        )
        batches.append(RecordCounters("plant", counters, "a-1", pack(range(len(part)))))
        times.append(part[-1].at_ms)
    return batches, times


def year() -> Iterator[Row]:
    points = [Point(START_MS + STEP_MS * n, 1, n + 1, 3 * n) for n in range(YEAR)]
    batches, times = batches_of(points)
    terms = Terms(DAY, (GapRule("pieces", DAY, "counter_difference"),))
    agreement = Agreement(
        "maker", "plant", "maker", "maker", "t-1", 1, (BINDING,), terms, START_MS, END_MS, "accepted"
    )
    deal = Deal(agreement, eight_elements(), CALENDAR, {"pieces": FEED})
    every = [{"pieces": points}, *({} for _ in periods(deal)[1:])]
    alone = cpu_seconds(lambda: settle(deal, every), 3)
    yield Row(f"{YEAR:,} records rated anew", alone, "s", 5, detail="recomputation from records alone")
    with tempfile.TemporaryDirectory() as name:
        lease = Lease(Path(name) / "ledger.db", terms.gaps[0])
        took = cpu_seconds(lambda: lease.record(batches, times))
        lease.node.clock.now_ms = END_MS + 2 * DAY
        took += cpu_seconds(lease.node.node.wake)
        assert len(lease.node.query("billing.statements_of", agreement="g-1")) == 12
        lease.close()
    detail = f"8 elements, 12 statements; {took / alone:.1f} × the recomputation"
    yield Row(f"{YEAR:,} records into the ledger, rated", took, "s", 5, detail=detail)


# A period with a hundred gaps.


def with_gaps(each_ms: int, gaps_a_month: int = 110) -> list[Point]:
    """Records of a year at a distance, with losses of twenty minutes: in February, too, a hundred."""
    every_ms = 30 * DAY // gaps_a_month
    points = []
    for n, at_ms in enumerate(range(START_MS, END_MS, each_ms)):
        lost = (at_ms - START_MS) % every_ms < 20 * limits.MINUTE_MS
        points.append(Point(at_ms, 1, n + 1, 0 if lost else 2 * n, 0, lost))
    return points


def closes(points: Sequence[Point], rule: GapRule) -> tuple[float, int]:
    """Median CPU seconds of closing a month, and how many gaps a statement lists."""
    batches, times = batches_of(points)
    took = []
    with tempfile.TemporaryDirectory() as name:
        lease = Lease(Path(name) / "ledger.db", rule)
        ahead = list(zip(batches, times, strict=True))
        while (due_ms := lease.node.node.next_due_ms()) is not None:
            now = [item for item in ahead if item[1] < due_ms]
            ahead = ahead[len(now) :]
            lease.record([batch for batch, _ in now], [at_ms for _, at_ms in now])
            lease.node.clock.now_ms = due_ms
            took.append(cpu_seconds(lease.node.node.wake))
        statements = lease.node.query("billing.statements_of", agreement="g-1")
        lease.close()
    return statistics.median(took), min(statement["gap_count"] for statement in statements)


def gaps() -> Iterator[Row]:
    for rule in (
        GapRule("pieces", 5 * limits.MINUTE_MS, "counter_difference"),
        GapRule("pieces", 5 * limits.MINUTE_MS, "last_rate"),
        GapRule("pieces", 5 * limits.MINUTE_MS, "average_day", 10),
    ):
        many, count = closes(with_gaps(150_000), rule)
        few, _ = closes(with_gaps(10 * limits.MINUTE_MS), rule)
        detail = f"{count} gaps or more, 210,240 records; {many / few:.2f} × the same with 52,560 records"
        yield Row(f"a month closed, gaps by {rule.rule}", 1_000 * many, "ms", 20, detail=detail)


PARTS: tuple[Callable[[], Iterator[Row]], ...] = (anchored, year, gaps)


def rows() -> Iterator[Row]:
    for part in PARTS:
        yield from part()
