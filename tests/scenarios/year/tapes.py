"""What the machines of the year report: real logs moved into the year, and made-up ones.

A real log that is shorter than the year is used again and again, as if the machine did the same once more:
its times are moved by whole days, and a declared reset of the counter stands where it begins anew.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from math import pi, sin
from pathlib import Path
from random import Random

from hansa.apps.metering.messages import Feed
from hansa.edge.gateway import declaration
from hansa.edge.log_model import FeedLog, Log
from hansa.edge.log_reader import read_log
from hansa.edge.mapping import load_mapping
from hansa.edge.mapping_model import Mapping
from hansa.kernel import limits, replace
from tests.apps.ground import feed

DAY, HOUR = limits.DAY_MS, limits.HOUR_MS
NOW_MS = 1_780_000_000_000
MAPPINGS = Path(__file__).resolve().parents[2] / "mappings"
Row = tuple[int, int | None, int]
"""read_ms, value (None: lost), span_ms."""


@dataclass(frozen=True)
class Reset:
    at_ms: int
    final: int
    start: int


@dataclass(frozen=True)
class Tape:
    """All that a feed reports in the year, in order of time."""

    declared: Feed
    rows: Sequence[Row]
    resets: Sequence[Reset] = ()

    def shown_at(self, at_ms: int) -> int:
        """What the counter really stands at: false readings and losses left out."""
        since = max((reset.at_ms for reset in self.resets if reset.at_ms <= at_ms), default=0)
        start = [reset.start for reset in self.resets if reset.at_ms == since]
        seen = [value for read_ms, value, _ in self.rows if since <= read_ms <= at_ms and value is not None]
        first = next(value for _, value, _ in self.rows if value is not None)
        return max([*start, *seen], default=first)


@dataclass(frozen=True)
class Machines:
    """What the three agreements are about; `start_ms`: the begin of the year, a local midnight."""

    start_ms: int
    year: int
    pieces: Tape
    energy: Tape
    reactive: Tape
    air: Tape


# ---- real logs ---------------------------------------------------------------------------------------------


@cache
def log_of(path: Path, mapping: str) -> tuple[Log, Mapping]:
    how = load_mapping(MAPPINGS / f"{mapping}.toml")
    return read_log(path, how, now_ms=NOW_MS), how


def rows_of(log: FeedLog) -> list[Row]:
    """What becomes a counter record, as the gateway sends it."""
    left_out = set(log.overlaps)
    return [
        (log.at_ms[n], None if log.lost[n] else log.value[n], log.span_ms[n])
        for n in log.record
        if n not in left_out
    ]


def again_and_again(rows: Sequence[Row], start_ms: int, end_ms: int) -> tuple[list[Row], list[Reset]]:
    """A counter's log moved to begin within a day of `start_ms`, and repeated until `end_ms`."""
    told = [(n, value) for n, (_, value, _) in enumerate(rows) if value is not None]
    final = max(value for _, value in told)
    (first, begin), last = told[0], next(n for n, value in told if value == final)
    rows = rows[first : last + 1]  # What it reports before the first count and after the last says nothing.
    length_ms = ((rows[-1][0] - rows[0][0]) // DAY + 1) * DAY
    shift_ms = -((rows[0][0] - start_ms) // DAY * DAY)
    out: list[Row] = []
    resets: list[Reset] = []
    for moved_ms in range(shift_ms, end_ms - rows[0][0], length_ms):
        if out:
            resets.append(Reset(rows[0][0] + moved_ms - 1, final, begin))
        out += [(at_ms + moved_ms, value, span) for at_ms, value, span in rows if at_ms + moved_ms < end_ms]
    return out, resets


def real(shared_data: Path) -> Machines:
    """A mill's part counter, and a year of a steel works."""
    machine_logs = shared_data / "machine-logs"
    steel, how = log_of(machine_logs / "steel-energy" / "Steel_industry_data.csv", "steel-two-part")
    mill, mill_how = log_of(machine_logs / "nist-sms-hurco01", "hurco01")
    start_ms = min(log.at_ms[0] - log.span_ms[0] for log in steel.feeds)
    end_ms = start_ms + 365 * DAY
    pieces = next(log for log in mill.feeds if log.spec.name == "pieces")
    rows, resets = again_and_again(rows_of(pieces), start_ms, end_ms)
    energy, reactive = (
        Tape(replace(declaration(steel.device, log, how), device="meter"), rows_of(log))
        for log in steel.feeds
    )
    year = 1970 + round((start_ms + 9 * HOUR) / (365.2425 * DAY))
    declared = replace(declaration(mill.device, pieces, mill_how), device="press")
    return Machines(start_ms, year, Tape(declared, rows, resets), energy, reactive, air(start_ms))


# ---- made up -----------------------------------------------------------------------------------------------


def made_up() -> Machines:
    """Twins of the real logs, so that the year is looked at where they are not."""
    year, start_ms = 2025, 20_089 * DAY - 9 * HOUR
    legal = replace(
        feed("amount").legal_use,
        grade="billing",
        certificate="TEST-1",
        valid_until_ms=start_ms + 900 * DAY,
        accuracy_class="0.5S",
        seal="S-1",
        ratio_primary=200,
        ratio_secondary=5,
    )
    declared = feed("amount", device="meter", carrier="electricity", legal_use=legal, reporting="periodic")
    active, reactive = (list(energy_rows(start_ms, seed)) for seed in (11, 12))
    pieces, resets = again_and_again(list(piece_rows(start_ms)), start_ms, start_ms + 365 * DAY)
    return Machines(
        start_ms,
        year,
        Tape(feed(), pieces, resets),
        Tape(declared, active),
        Tape(replace(declared, base_unit="varh", carrier="other"), reactive),
        air(start_ms),
    )


def piece_rows(start_ms: int) -> Iterator[Row]:
    """Half a year of a counter on change, with false zeros and losses of signal."""
    random, total, at_ms = Random(7), 2_000, start_ms + 31 * HOUR
    while at_ms < start_ms + 200 * DAY:
        odd = random.random()
        yield at_ms, None if odd < 0.05 else 0 if odd < 0.08 else total, 0
        at_ms += random.randint(1, 30) * HOUR + random.randint(0, 3_599_999)
        total += random.randint(0, 12)
    yield at_ms, total, 0


LOADS = (100, 95, 90, 83, 78, 72, 82, 86, 90, 95, 100, 88)
"""Per cent, by twelfths of the year: peaks beyond four fifths of the highest by much, by little, or not."""


def energy_rows(start_ms: int, seed: int) -> Iterator[Row]:
    """A year of hours, each with what fell in it; months of high and of low demand. On some days it is read
    every second hour only, and much: their peaks are estimated.
    """
    random, before = Random(seed), 0
    for hour in range(365 * 24):
        busy = (60_000 if 8 <= hour % 24 < 20 else 9_000) * LOADS[hour // 24 * 12 // 365] // 100
        counted = random.randint(busy // 2, busy) * 11 // seed
        if hour // 24 % 61 != 20:
            yield start_ms + (hour + 1) * HOUR, counted, HOUR
        elif hour % 2:
            yield start_ms + (hour + 1) * HOUR, (before + counted) * 5 // 4, 2 * HOUR
        before = counted


def air(start_ms: int) -> Tape:
    """A flow meter read every six hours or so, little in summer."""
    random, total, at_ms, rows = Random(5), 40_000_000, start_ms + 5 * HOUR, []
    while at_ms < start_ms + 370 * DAY:
        season = 1 + sin(2 * pi * (at_ms - start_ms) / (365 * DAY) + pi / 2) / 2
        rows.append((at_ms, None if random.random() < 0.02 else total, 0))
        at_ms += 6 * HOUR + random.randint(-900_000, 900_000)
        total += int(random.randint(600_000_000, 1_000_000_000) * season)
    return Tape(feed(device="compressor", base_unit="ml", carrier="other"), rows)
