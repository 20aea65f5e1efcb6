"""A thousand agreements on electricity by the quarter of an hour: one day's records, then all of them closed.

Each is a meter of its own under a tariff with demand, sharp, peak, flat and valley; records come as meters
send them, one of each every quarter of an hour. `--agreements N` runs it with fewer.
"""

import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.measure import Row, cpu_seconds
from hansa.apps.billing.messages import Binding, Propose, PublishTariff
from hansa.apps.billing.sheet import parse_sheet
from hansa.apps.billing.tariff import Tariff
from hansa.apps.billing.terms import GapRule, Terms
from hansa.apps.consortium.calendar_file import build_calendar
from hansa.apps.consortium.messages import PublishCalendar
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
from hansa.client.tariff_templates import template
from hansa.kernel import Action, limits, pack, replace
from tests.consortium import Consortium

DAY, QUARTER = limits.DAY_MS, 15 * limits.MINUTE_MS
START_MS = 20_454 * DAY - 8 * limits.HOUR_MS
"""2026-01-01 at midnight in Shanghai."""
QUARTERS = 96
FEED = Feed("press", "counter", "Wh", "electricity", "periodic", LegalUse(grade="indicative"), wired=True)
TERMS = Terms(limits.HOUR_MS, (GapRule("energy", limits.HOUR_MS, "counter_difference"),))
PER_TRANSACTION = 50


def two_part() -> Tariff:
    """The shipped template without its reactive meter, settled by the day."""
    sheet = json.loads(template("two-part-electricity").data)
    del sheet["meters"]["reactive_energy"], sheet["terms"]["gaps"]["reactive_energy"]
    sheet["elements"] = [element for element in sheet["elements"] if element["kind"] != "power_factor"]
    tariff = parse_sheet(json.dumps(sheet).encode(), Path()).tariff
    return replace(tariff, purpose="internal", period="day")


class Meters:
    """A ledger on disk, with so many meters and as many agreements on them."""

    def __init__(self, path: Path, count: int) -> None:
        self.node = Consortium(path, now_ms=START_MS - DAY)
        self.count = count
        self.node.do("plant", RegisterDevice("press", "gateway-1"))
        self.node.do("plant", AnchorReadings("a-1", "0" * 64, limits.READINGS_PER_BATCH_MAX, 0, 0))
        self.node.do("maker", PublishCalendar("c-1", build_calendar("Asia/Shanghai", 2025, 2027, {})))
        self.node.do("maker", PublishTariff("t-1", 1, two_part(), "maker", "c-1"))
        names = range(count)
        self.do("plant", "person", [RegisterFeed(f"m-{number}", FEED) for number in names])
        self.do("maker", "person", [self._proposal(number) for number in names])
        plant = self.node.client("plant")
        self.do("plant", "person", [acceptance(f"g-{n}", proposed(plant, f"g-{n}")) for n in names])
        self.told = 0

    def _proposal(self, number: int) -> Propose:
        meters = (Binding("energy", "plant", f"m-{number}"),)
        end_ms = START_MS + 30 * DAY
        return Propose(f"g-{number}", "maker", "plant", "maker", "t-1", 1, meters, TERMS, START_MS, end_ms)

    def do(self, member: str, key: str, actions: Sequence[Action]) -> None:
        """Many actions, some to a transaction, as many transactions at once as there are."""
        client = self.node.client(member) if key == "person" else self.node.client(member, key)
        parts = [actions[at : at + PER_TRANSACTION] for at in range(0, len(actions), PER_TRANSACTION)]
        client.submit([client.sign(*part) for part in parts])

    def tell(self, number: int) -> None:
        """Every meter is read once, at the end of a quarter of an hour (0: before the first)."""
        at_ms = START_MS + number * QUARTER
        self.node.clock.now_ms = max(at_ms, self.node.clock())
        self.told += 1
        records = [
            RecordCounters("plant", self._reading(meter, at_ms, number), "a-1", pack([0]))
            for meter in range(self.count)
        ]
        self.do("plant", "gateway-1", records)

    def _reading(self, meter: int, at_ms: int, number: int) -> Counters:
        value = number * (5_000 + meter) + number * number * (meter % 7)
        return Counters(f"m-{meter}", 1, self.told, pack([at_ms]), pack([value]), pack([]))

    def tell_a_day(self) -> None:
        for number in range(QUARTERS + 1):
            self.tell(number)

    def close_all(self) -> None:
        self.node.clock.now_ms = START_MS + DAY + 2 * limits.HOUR_MS
        while (due_ms := self.node.node.next_due_ms()) is not None and due_ms <= self.node.clock():
            self.node.node.wake()


def rows(agreements: int = 1_000) -> Iterator[Row]:
    """One day's records of all agreements, and the close of all."""
    with tempfile.TemporaryDirectory() as name:
        meters = Meters(Path(name) / "ledger.db", agreements)
        took = cpu_seconds(meters.tell_a_day)
        records = agreements * (QUARTERS + 1)
        detail = f"{records:,} records, {1e6 * took / records:.0f} µs each; demand and four windows"
        yield Row(f"{agreements:,} agreements, a day by the quarter", took, "s", 60, detail=detail)
        took = cpu_seconds(meters.close_all)
        for number in (0, agreements - 1):
            stated = meters.node.query("billing.statements_of", agreement=f"g-{number}")
            assert len(stated) == 1
            assert stated[0]["lines"][0]["kind"] == "demand"
        each = f"{1e3 * took / agreements:.1f} ms each"
        yield Row(f"{agreements:,} agreements closed", took, "s", 10, detail=each)
        meters.node.close()
