"""Six made-up weeks of a packaging line, with the faults that real logs have; written as the line's own daily
files: twelve days of August, in which the lease begins, and September.

Labelled as made up wherever it is shown. The same seed gives the same bytes.
"""

import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from pathlib import Path

DEVICE = "line7"
ZONE = timezone(timedelta(hours=8))
FIRST, LAST = date(2026, 8, 20), date(2026, 9, 30)
REST_DAYS = {
    *(date(2026, 8, day) for day in (22, 23, 29, 30)),
    *(date(2026, 9, day) for day in (5, 6, 12, 13, 19, 25, 26, 27)),
}
"""Weekends, and the Mid-Autumn holiday; Sunday the 20th is worked in exchange (国办发明电〔2025〕7号)."""

STUCK_DAY, STUCK_DAYS = date(2026, 8, 26), 13
"""What the gateway read from that day's morning on stays there for so many days; meanwhile August closes."""
LOST_FROM, LOST_TO = datetime(2026, 9, 3, 10, 40), datetime(2026, 9, 3, 13, 10)
FALSE_ZEROS_AT = datetime(2026, 9, 8, 9, 0)
DISORDER_DAY = date(2026, 9, 9)
WRONG_CLOCK_DAY = date(2026, 9, 11)
BROKEN_FROM, BROKEN_TO = datetime(2026, 9, 10, 13, 0), datetime(2026, 9, 10, 16, 30)
"""The line breaks down; whose fault it was, its parties see differently."""
RESET_AT = datetime(2026, 9, 15, 12, 0)
REPLACED_AT = datetime(2026, 9, 17, 6, 0)
LOSS_NOTICED = timedelta(seconds=30)
ENERGY_HOLE_FROM, ENERGY_HOLE_TO = datetime(2026, 9, 28, 14, 0), datetime(2026, 9, 28, 16, 30)
LATE_DAY = date(2026, 9, 22)
REPEATED_DAY = date(2026, 9, 23)

ITEM_GOOD, ITEM_SCRAP, ITEM_STATE, ITEM_ENERGY = "良品计数", "废品计数", "运行状态", "用电量kWh"
HEADER = "时间;信号;数值"
STEP = timedelta(minutes=5)

MAPPING = f"""# A packaging line's daily files: long form, one row per value.
[log]
device = "{DEVICE}"
format = "long"
encoding = "utf-8"
delimiter = ";"
time = "时间"
item = "信号"
value = "数值"
time_zone = "Asia/Shanghai"
lost = ["失联"]

[[feed]]
name = "pieces_good"
kind = "counter"
item = "{ITEM_GOOD}"
unit = "piece"
record_every = "15min"

[[feed]]
name = "pieces_scrap"
kind = "counter"
item = "{ITEM_SCRAP}"
unit = "piece"
record_every = "15min"

[[feed]]
name = "execution"
kind = "state"
item = "{ITEM_STATE}"
states = {{ "运行" = "ACTIVE", "待机" = "READY", "停机" = "STOPPED" }}

[[feed]]
name = "energy"
kind = "amount"
item = "{ITEM_ENERGY}"
unit = "kWh"
interval = "15min"
reporting = "periodic"
[feed.legal_use]
grade = "billing"
certificate = "DEMO-JJG596-2024-0317"
valid_until = 2029-12-31
class = "0.5S"
seal = "DEMO-88231"
ratio = "100/1"

[oee]
ideal_cycle = "1.3 s"
planned_per_day = "16h"
state = "execution"
running = ["ACTIVE"]
good = "pieces_good"
scrap = "pieces_scrap"
"""


@dataclass
class Line:
    """The line as it runs. `rows` are (time, item, value) as the files hold them."""

    random: random.Random
    good: int = 184_220
    scrap: int = 2_961
    state: str = ""
    energy_wh: int = 0
    rows: list[tuple[datetime, str, str]] = field(default_factory=list)
    final_good: int = 0
    replaced_final: tuple[int, int] = (0, 0)


def write(folder: Path, seed: int = 7) -> tuple[Line, list[Path]]:
    """Write the files. Returns the line, which knows its counters' final values, and the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    line = Line(random.Random(seed))
    paths = []
    day = FIRST
    while day <= LAST:
        line.rows = []
        _run_day(line, day)
        text = "\n".join(
            [HEADER, *(f"{at:%Y-%m-%d %H:%M:%S};{item};{value}" for at, item, value in line.rows)]
        )
        path = folder / f"{DEVICE}-{day:%Y%m%d}.csv"
        path.write_text(text + "\n", encoding="utf-8")
        paths.append(path)
        day += timedelta(days=1)
    return line, paths


def _run_day(line: Line, day: date) -> None:
    at = datetime.combine(day, time())
    if day == FIRST:
        line.rows += [(at, ITEM_GOOD, str(line.good)), (at, ITEM_SCRAP, str(line.scrap))]
    while at.date() == day:
        _run_step(line, at, at + STEP)
        at += STEP
    if day == DISORDER_DAY:
        _disorder(line)
    if day == WRONG_CLOCK_DAY:
        wrong = datetime(2002, 1, 1, 4, 11)
        line.rows[:0] = [(wrong, ITEM_GOOD, "0"), (wrong, ITEM_SCRAP, "0"), (wrong, ITEM_STATE, "停机")]


def _run_step(line: Line, start: datetime, end: datetime) -> None:
    """Five minutes of the line: state, pieces, energy; and what the log shows of them."""
    if start == REPLACED_AT:
        line.replaced_final = (line.good, line.scrap)
        line.good = line.scrap = 0
    if start == RESET_AT:
        line.final_good, line.good = line.good, 0
    state = _state(line, start)
    lost = LOST_FROM <= start < LOST_TO
    if lost and start == LOST_FROM:
        line.rows += [(start + LOSS_NOTICED, item, "失联") for item in (ITEM_GOOD, ITEM_SCRAP, ITEM_STATE)]
    if not lost and (state != line.state or start == LOST_TO):
        line.rows.append((start, ITEM_STATE, state))
        line.state = state
    if state == "运行":
        made = line.random.randint(186, 214)
        bad = line.random.choice((0, 0, 1, 1, 2, 3))
        line.good += made - bad
        line.scrap += bad
        if not lost:
            false_zero = FALSE_ZEROS_AT <= start < FALSE_ZEROS_AT + 3 * STEP
            line.rows += [
                (end, ITEM_GOOD, "0" if false_zero else str(line.good)),
                (end, ITEM_SCRAP, str(line.scrap)),
            ]
    line.energy_wh += line.random.randint(1_900, 2_300) if state == "运行" else line.random.randint(240, 320)
    if end.minute % 15 == 0:
        if not ENERGY_HOLE_FROM <= start < ENERGY_HOLE_TO:
            line.rows.append((end, ITEM_ENERGY, f"{line.energy_wh // 1_000}.{line.energy_wh % 1_000:03d}"))
        line.energy_wh = 0


def _state(line: Line, at: datetime) -> str:
    if at.date() in REST_DAYS or not 6 <= at.hour < 22 or BROKEN_FROM <= at < BROKEN_TO:
        return "停机"
    # Stops come in stretches, not in single steps.
    if line.state == "待机":
        return "待机" if line.random.random() < 0.6 else "运行"
    return "待机" if line.random.random() < 0.05 else "运行"


def _disorder(line: Line) -> None:
    """The logger wrote a stretch twice, and another one late."""
    rows = line.rows
    middle = len(rows) // 2
    rows += rows[middle : middle + 40]
    line.rows = rows[:60] + rows[90:140] + rows[60:90] + rows[140:]


def instant_ms(local: datetime) -> int:
    """A local time of the line as ms since the epoch."""
    return int(local.replace(tzinfo=ZONE).astimezone(UTC).timestamp()) * 1000
