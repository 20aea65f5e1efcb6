"""Interval prices (分时价格) from CSV and xlsx files: whole local days, every fault named by its row.

Columns: `from`, `price`, and `to` if the file says it, in any order. Times without an offset are local ones
of the series' calendar, of a repeated hour the first comes first; with an offset they must be of that zone or
UTC. Nothing is guessed: a gap, an overlap, another step, a time that there was not are problems, and with a
problem nothing is published.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path

from hansa.apps.billing.messages_prices import PublishSeries, SeriesDay
from hansa.apps.billing.slots import date_at
from hansa.apps.consortium.calendars import Calendar, date_text, segment_at, start_of_day
from hansa.client import price_errors as errors
from hansa.client.market import Asking
from hansa.client.sheet_rows import Cell, Formula, Grid, read_grids, shown
from hansa.client.texts import instant_text
from hansa.kernel.limits import MINUTE_MS
from hansa.kernel.refusal import Refusal
from hansa.kernel.types import INTEGER_MAX

ROWS_MAX = 36_000
"""A year of quarters of an hour."""
PRICE_DIGITS = 8
DAYS_AT_ONCE = 366
HEADS = {
    "from": ("from", "start", "time", "开始", "起", "时间"),
    "to": ("to", "end", "结束", "止"),
    "price": ("price", "价格", "电价"),
}
TIME = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)?", re.ASCII)
NUMBER = re.compile(r"-?\d{1,12}(\.\d{1,16})?", re.ASCII)
EPOCH = datetime(1970, 1, 1)
HALF_A_SECOND = timedelta(milliseconds=500)


@dataclass(frozen=True)
class Problem:
    """What is wrong with a row; row 0: with the file as a whole."""

    row: int
    refusal: Refusal


@dataclass(frozen=True)
class Day:
    """The prices of a local date, one for each slot."""

    day: int
    prices_e8: tuple[int, ...]


@dataclass
class Read:
    """What files say. With problems it is not to be used."""

    days: list[Day] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


Slots = dict[int, tuple[int | None, int]]
"""Price (None: told as wrong) and row of each slot, by its first instant."""


def read_prices(paths: Sequence[Path], calendar: Calendar, minutes: int, per: int = 1) -> Read:
    """All prices of the files, by local date of the calendar; `per`: they are for so many units.

    Raises what `read_grids` refuses, and PriceNothing; all else is a problem.
    """
    read, slots = Read(), Slots()
    for grid in read_grids(paths, ROWS_MAX):
        heads = _heads(grid, read.problems)
        before_ms = -1
        for number, cells in grid.rows[1:] if heads else ():
            given = {name: cells[at] if at < len(cells) else None for name, at in heads.items()}
            try:
                from_ms = before_ms = _instant(given["from"], calendar, before_ms)
                if from_ms in slots:
                    there = instant_text(calendar, from_ms)
                    raise errors.PriceTwice(given=there, row=slots[from_ms][1])
                date_at(calendar, from_ms)  # Raises CalendarOutside.
                slots[from_ms] = (None, number)
                _check_slot(from_ms, given.get("to"), calendar, minutes)
                slots[from_ms] = (_price(given["price"], per), number)
            except Refusal as refusal:
                read.problems.append(Problem(number, refusal))
    if not slots and not read.problems:
        raise errors.PriceNothing()
    _fill(slots, calendar, minutes, read)
    return read


def plan_prices(ask: Asking, member: str, series: str, version: int, read: Read) -> list[PublishSeries]:
    """What publishes the days that are not published yet; those that say otherwise become problems."""
    there: dict[int, SeriesDay] = {}
    asked_until = -1
    for each in read.days:
        if each.day >= asked_until:
            asked_until = each.day + DAYS_AT_ONCE
            rows = ask(
                "billing.series_days_of", list[tuple[int, SeriesDay]], owner=member, series=series,
                version=version, from_day=each.day, until_day=asked_until,
            )  # fmt: skip
            there |= dict(rows)
    actions = []
    for each in read.days:
        if each.day not in there:
            actions.append(PublishSeries(series, version, each.day, each.prices_e8))
        elif there[each.day].prices_e8 != each.prices_e8:
            read.problems.append(Problem(0, errors.PriceOther(day=date_text(each.day))))
    return actions


def _heads(grid: Grid, problems: list[Problem]) -> dict[str, int]:
    """Columns by name, from the first row that holds anything; none where they do not do."""
    first = grid.rows[0][1] if grid.rows else ()
    found: dict[str, int] = {}
    unknown = []
    for at, cell in enumerate(first):
        text = "" if cell is None else shown(cell).strip().lower()
        name = next((name for name, texts in HEADS.items() if text in texts and name not in found), "")
        if name:
            found[name] = at
        elif text:
            unknown.append(text)
    if unknown or not {"from", "price"} <= found.keys():
        problems.append(Problem(1, errors.PriceColumns(file=grid.name, unknown=", ".join(unknown) or "—")))
        return {}
    return found


def _check_slot(from_ms: int, to: Cell, calendar: Calendar, minutes: int) -> None:
    """Whether a row is one slot. Raises PriceStep, PriceSlot."""
    if to is not None:
        to_ms = _instant(to, calendar, from_ms)
        if to_ms - from_ms != minutes * MINUTE_MS:
            raise errors.PriceStep(given=(to_ms - from_ms) // MINUTE_MS, minutes=minutes)
    start_ms, _, _ = date_at(calendar, from_ms)
    if (from_ms - start_ms) % (minutes * MINUTE_MS):
        raise errors.PriceSlot(given=instant_text(calendar, from_ms), minutes=minutes)


def _instant(cell: Cell, calendar: Calendar, after_ms: int) -> int:
    """An instant; of a local time that the clock showed twice the one that goes on from `after_ms`."""
    moment = _moment(cell)
    if moment.tzinfo is not None:
        at_ms = (moment - EPOCH.replace(tzinfo=UTC)) // timedelta(milliseconds=1)
        offset, expected = moment.utcoffset(), timedelta(minutes=_offset(calendar, at_ms))
        if offset not in (timedelta(0), expected):
            sign = "-" if expected < timedelta(0) else "+"
            hours, rest = divmod(int(abs(expected).total_seconds()) // 60, 60)
            raise errors.PriceZone(
                given=moment.isoformat(), zone=calendar.zone, expected=f"{sign}{hours:02d}:{rest:02d}"
            )
        return at_ms
    local_ms = (moment - EPOCH) // timedelta(milliseconds=1)
    tried = (local_ms - minutes * MINUTE_MS for minutes in dict.fromkeys(calendar.offset_minutes))
    found = sorted(at for at in tried if at + _offset(calendar, at) * MINUTE_MS == local_ms)
    if not found:
        raise errors.PriceSkipped(given=moment.isoformat(" "), zone=calendar.zone)
    return next((at for at in found if at > after_ms), found[0])


def _moment(cell: Cell) -> datetime:
    if isinstance(cell, datetime):
        return (cell + HALF_A_SECOND).replace(microsecond=0)  # A spreadsheet's times are fractions of a day.
    if not isinstance(cell, str) or not TIME.fullmatch(cell):
        raise errors.PriceTime(given="—" if cell is None or isinstance(cell, Formula) else shown(cell))
    try:
        return datetime.fromisoformat(cell)
    except ValueError:
        raise errors.PriceTime(given=shown(cell)) from None


def _offset(calendar: Calendar, at_ms: int) -> int:
    return calendar.offset_minutes[max(segment_at(calendar, at_ms), 0)]


def _price(cell: Cell, per: int) -> int:
    text = repr(cell) if isinstance(cell, float) else str(cell)
    try:
        number = Decimal(text) if isinstance(cell, int | float | str) and NUMBER.fullmatch(text) else None
        scaled = Decimal("NaN") if number is None else number.scaleb(PRICE_DIGITS) / per
    except InvalidOperation:
        scaled = Decimal("NaN")
    if not scaled.is_finite() or scaled != scaled.to_integral_value() or abs(scaled) > INTEGER_MAX:
        raise errors.PriceValue(given="—" if cell is None or isinstance(cell, Formula) else shown(cell))
    return int(scaled)


def _fill(slots: Slots, calendar: Calendar, minutes: int, read: Read) -> None:
    """The slots as days, each whole; what is missing between the first and the last becomes problems."""
    instants = sorted(slots)
    days = sorted({date_at(calendar, at_ms)[2] for at_ms in instants})
    missing: list[int] = []
    for day in range(days[0], days[-1] + 1) if days else ():
        wanted = range(start_of_day(calendar, day), start_of_day(calendar, day + 1), minutes * MINUTE_MS)
        missing += [at_ms for at_ms in wanted if at_ms not in slots]
        prices_e8 = [slots[at_ms][0] for at_ms in wanted if at_ms in slots]
        known = [price_e8 for price_e8 in prices_e8 if price_e8 is not None]
        if len(known) == len(wanted):
            read.days.append(Day(day, tuple(known)))
    for start_ms, end_ms in _stretches(missing, minutes * MINUTE_MS):
        before = bisect_left(instants, start_ms)
        row = slots[instants[before - 1]][1] if before else 1
        gap = errors.PriceGap(
            start=instant_text(calendar, start_ms),
            end=instant_text(calendar, end_ms),
            count=(end_ms - start_ms) // (minutes * MINUTE_MS),
        )
        read.problems.append(Problem(row, gap))
    read.problems.sort(key=lambda problem: problem.row)


def _stretches(instants: Sequence[int], step_ms: int) -> Iterator[tuple[int, int]]:
    """Runs of instants a step apart, as (first, end)."""
    start_ms = end_ms = -1
    for at_ms in instants:
        if at_ms != end_ms:
            if end_ms > start_ms:
                yield start_ms, end_ms
            start_ms = at_ms
        end_ms = at_ms + step_ms
    if end_ms > start_ms:
        yield start_ms, end_ms
