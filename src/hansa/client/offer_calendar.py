"""An offer's window week by week: what is free, what is reserved, what is taken."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from hansa.kernel.limits import HOUR_MS

FREE, PART, RESERVED, TAKEN, OUTSIDE = "·", "▒", "░", "█", " "
"""A day that is free, taken in part, reserved whole, taken whole, or not offered."""
DAYS_PER_WEEK = 7


class Taken(Protocol):
    """A stretch that is taken: a listed booking."""

    @property
    def from_ms(self) -> int: ...

    @property
    def to_ms(self) -> int: ...

    @property
    def until_ms(self) -> int: ...


@dataclass(frozen=True)
class Week:
    """A week from Monday on, a letter a day, and how many hours of it are free."""

    monday: date
    bar: str
    free_hours: int


def weeks(from_ms: int, to_ms: int, taken: list[Taken], zone: str) -> list[Week]:
    """The weeks of a window by a zone's calendar, Monday first. Stretches taken do not overlap."""
    first, last = _day(from_ms, zone), _day(to_ms - 1, zone)
    monday = first - timedelta(days=first.weekday())
    found = []
    while monday <= last:
        days = [monday + timedelta(days=n) for n in range(DAYS_PER_WEEK)]
        spans = [(_start_ms(day, zone), _start_ms(day + timedelta(days=1), zone)) for day in days]
        clipped = [(max(start, from_ms), min(end, to_ms)) for start, end in spans]
        letters = [_letter(start, end, taken) for start, end in clipped]
        free_ms = sum(_free_ms(start, end, taken) for start, end in clipped)
        found.append(Week(monday, "".join(letters), free_ms // HOUR_MS))
        monday += timedelta(days=DAYS_PER_WEEK)
    return found


def _letter(from_ms: int, to_ms: int, taken: list[Taken]) -> str:
    if from_ms >= to_ms:
        return OUTSIDE
    free_ms = _free_ms(from_ms, to_ms, taken)
    if free_ms == to_ms - from_ms:
        return FREE
    if free_ms:
        return PART
    firm = any(each.until_ms == 0 for each in taken if each.from_ms < to_ms and from_ms < each.to_ms)
    return TAKEN if firm else RESERVED


def _free_ms(from_ms: int, to_ms: int, taken: list[Taken]) -> int:
    covered = sum(max(0, min(each.to_ms, to_ms) - max(each.from_ms, from_ms)) for each in taken)
    return max(0, to_ms - from_ms) - covered


def _day(at_ms: int, zone: str) -> date:
    return datetime.fromtimestamp(at_ms / 1_000, ZoneInfo(zone)).date()


def _start_ms(day: date, zone: str) -> int:
    return int(datetime.combine(day, time(), ZoneInfo(zone)).timestamp() * 1_000)
