"""What the companies of the network demo do: a line's own counters, run by run, agreed, settled and paid.

The clock is the real one, since a network's blocks carry the time of their validators: the main run began
hours ago and ends within the minute; the sample runs after it take seconds, and are billed at the tariff's
minimum.
The line is made up, and labelled so.
"""

import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from hansa.apps.billing.messages import Binding, Propose, PublishTariff, Statement
from hansa.apps.billing.sheet import Sheet, parse_sheet
from hansa.apps.billing.terms import Settlement, Terms
from hansa.apps.consortium.messages import PublishCalendar
from hansa.client.agreements import acceptance, proposed
from hansa.edge.gateway import Delivery, Gateway, declarations, deliveries, feed_name
from hansa.edge.log_model import Log
from hansa.edge.log_reader import read_log
from hansa.edge.mapping import load_mapping
from hansa.edge.mapping_model import Mapping
from hansa.kernel import limits, replace
from hansa.simulation import story_money, story_statements
from hansa.simulation.cast import GATEWAY_KEY, METER_OWNER
from hansa.simulation.clocks import ReplayClock
from hansa.simulation.play import CALENDAR, PROVIDER, TARIFF, USER
from hansa.simulation.story import Story
from hansa.simulation.world import World

ZONE = timezone(timedelta(hours=8))
BEGAN_BEFORE_MS = 6 * limits.HOUR_MS
"""The main run began so long ago."""
COARSE_MS, FINE_MS = 5 * limits.MINUTE_MS, 5 * limits.SECOND_MS
"""How often the line tells its counter: in the past hours, and while the demo looks on."""
PIECES_PER_MINUTE = 240
CUT_OFF = "8s"
PAYMENT_DAYS = 30
MAIN, SAMPLE = "main-run", "sample-{number}"
MINIMUM = "300.00"
"""CNY without tax: what a run costs at least, since the line is set up for it."""
MAPPING = """# A made-up packaging line: long form, one row per value.
[log]
device = "line7"
format = "long"
encoding = "utf-8"
delimiter = ";"
time = "时间"
item = "信号"
value = "数值"
time_zone = "Asia/Shanghai"

[[feed]]
name = "pieces_good"
kind = "counter"
item = "良品计数"
unit = "piece"
record_every = "all"

[[feed]]
name = "execution"
kind = "state"
item = "运行状态"
states = { "运行" = "ACTIVE", "停机" = "STOPPED" }
"""


class RealClock(ReplayClock):
    """This machine's clock where the story asks for one that a play moves."""

    def __init__(self) -> None:
        super().__init__(0)

    @property
    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    @now_ms.setter
    def now_ms(self, now_ms: int) -> None:
        del now_ms


@dataclass
class RealWorld(World):
    """A play in which time passes by itself; `meanwhile` is done whenever its story waits."""

    meanwhile: Callable[[], None] = lambda: None

    def advance(self, to_ms: int) -> None:
        """Nobody moves this clock."""
        self.meanwhile()


@dataclass(frozen=True)
class RealStage:
    """Of a stage, what a story asks where the nodes are processes that others look after: its clock."""

    clock: ReplayClock


@dataclass(frozen=True)
class Run:
    """An agreement of its own, from when to when."""

    agreement: str
    from_ms: int
    to_ms: int


@dataclass(frozen=True)
class Line:
    """The line's log, what is agreed about it, and its readings in the order in which they come."""

    log: Log
    mapping: Mapping
    sheet: Sheet
    runs: tuple[Run, ...]
    coming: tuple[Delivery, ...]


def made_up_line(folder: Path, now_ms: int, lengths_s: Sequence[int], seed: int = 7) -> Line:
    """A line that has run for hours and will run on, for runs of these lengths from now."""
    start_ms = (now_ms - BEGAN_BEFORE_MS) // limits.MINUTE_MS * limits.MINUTE_MS
    runs, from_ms, to_ms = [], start_ms, -(-now_ms // FINE_MS) * FINE_MS
    for number, length_s in enumerate(lengths_s):
        to_ms += length_s * limits.SECOND_MS
        runs.append(Run(SAMPLE.format(number=number) if number else MAIN, from_ms, to_ms))
        from_ms = to_ms
    folder.mkdir(parents=True)
    (folder / "line7.csv").write_text(_rows(start_ms, now_ms, to_ms, seed), encoding="utf-8")
    mapping_file = folder / "mapping.toml"
    mapping_file.write_text(MAPPING, encoding="utf-8")
    mapping = load_mapping(mapping_file)
    log = read_log(folder / "line7.csv", mapping, now_ms=to_ms + limits.DAY_MS)
    # A reading at the end of a run is still of that run.
    cuts = [now_ms, *(run.to_ms + 1 for run in runs)]
    return Line(log, mapping, _sheet(now_ms), tuple(runs), tuple(deliveries(log, limits.DAY_MS, cuts)))


def _rows(start_ms: int, now_ms: int, end_ms: int, seed: int) -> str:
    chance, pieces, at_ms = random.Random(seed), 184_220, start_ms
    rows = ["时间;信号;数值", f"{_local(at_ms)};运行状态;运行", f"{_local(at_ms)};良品计数;{pieces}"]
    while at_ms < end_ms:
        step_ms = COARSE_MS if at_ms + COARSE_MS <= now_ms else FINE_MS
        at_ms = (at_ms // step_ms + 1) * step_ms
        pieces += max(0, PIECES_PER_MINUTE * step_ms // limits.MINUTE_MS + chance.randint(-1, 1))
        rows.append(f"{_local(at_ms)};良品计数;{pieces}")
    rows.append(f"{_local(end_ms)};运行状态;停机")
    return "\n".join(rows) + "\n"


def _local(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1_000, ZONE):%Y-%m-%d %H:%M:%S}"


def _sheet(now_ms: int) -> Sheet:
    year = datetime.fromtimestamp(now_ms / 1_000, UTC).year
    raw: dict[str, Any] = {
        "name": "run-tariff",
        "purpose": "trade_settlement",
        "currency": "CNY",
        "prices": "without_tax",
        "rounding": "half_up",
        "period": "month",
        "calendar": {"zone": "Asia/Shanghai", "from_year": year - 1, "to_year": year + 1},
        "taxes": {"vat": [{"from": "2019-04-01", "rate": "13%"}]},
        "meters": {
            "pieces_good": {"kind": "counter", "base_unit": "piece"},
            "execution": {"kind": "state", "base_unit": "ms"},
        },
        "elements": [
            {"kind": "usage", "clause": "per_piece", "tax": "vat", "meter": "pieces_good", "unit": "piece",
             "price": "0.055"},
            {"kind": "usage", "clause": "hours_active", "tax": "vat", "meter": "execution",
             "states": ["ACTIVE"], "unit": "h", "price": "38.00"},
            {"kind": "minimum", "clause": "at_least", "tax": "vat", "of": ["per_piece", "hours_active"],
             "amount": MINIMUM},
        ],
        "terms": {
            "cut_off": CUT_OFF,
            "gaps": {
                "pieces_good": {"gap_longer_than": "30min", "rule": "counter_difference"},
                "execution": {"gap_longer_than": "30min", "rule": "last_rate"},
            },
        },
    }  # fmt: skip
    return parse_sheet(json.dumps(raw).encode(), Path())


# The acts.


def agree(story: Story, line: Line) -> None:
    """The plant registers the line, the maker publishes its tariff; both agree on every run."""
    maker, plant = story.client(PROVIDER), story.client(USER)
    plant.do(*declarations(line.log, line.mapping, GATEWAY_KEY))
    maker.do(
        PublishCalendar(id=CALENDAR, calendar=line.sheet.calendar),
        PublishTariff(
            id=TARIFF, version=1, tariff=line.sheet.tariff, calendar_owner=PROVIDER, calendar=CALENDAR
        ),
    )
    maker.do(*(_proposal(line, run) for run in line.runs))
    read = [(run.agreement, proposed(plant, run.agreement)) for run in line.runs]
    plant.do(*(acceptance(name, found) for name, found in read))


def _proposal(line: Line, run: Run) -> Propose:
    return Propose(
        agreement=run.agreement,
        provider=PROVIDER,
        user=USER,
        tariff_owner=PROVIDER,
        tariff=TARIFF,
        tariff_version=1,
        meters=tuple(_bindings(line)),
        terms=_terms(line),
        from_ms=run.from_ms,
        to_ms=run.to_ms,
    )


def _bindings(line: Line) -> list[Binding]:
    return [
        Binding(meter=feed.spec.name, owner=METER_OWNER, feed=feed_name(line.log.device, feed.spec))
        for feed in line.log.feeds
    ]


def _terms(line: Line) -> Terms:
    return replace(
        line.sheet.terms, settlement=Settlement(payment_days=PAYMENT_DAYS, runs_from="confirmation")
    )


def record(gateway: Gateway, line: Line, sent: int) -> int:
    """Send what the line has told since; `sent` deliveries went before. How many have gone now."""
    now_ms = gateway.client.clock()
    while sent < len(line.coming) and line.coming[sent].last_ms <= now_ms:
        gateway.client.submit(gateway.wires(line.log, line.coming[sent]))
        sent += 1
    return sent


def statement_of(story: Story, agreement: str) -> Statement | None:
    """The statement of a run, once its agreement is closed."""
    found = story.client(USER).query("billing.statements_of", list[Statement], agreement=agreement)
    return found[0] if found else None


def settle(story: Story, run: Run, number: int) -> int:
    """Both confirm, the maker invoices, the plant pays: the gross sum in the currency's minor unit."""
    sums = story_statements.confirm(story, run.agreement)
    story_statements.invoice(story, run.agreement, number)
    story_money.settle_open(story, run.agreement, (PROVIDER, USER))
    return sum(sums)
