"""Usage by slot of the local day (docs/metering-rules.md, M18–M20), with nothing of Hansa in it."""

from collections import Counter
from collections.abc import Iterator, Sequence

from independent.elements import Slots
from independent.recompute import DAY, MINUTE_MS, Local
from independent.usage import Normal

DAY_MS = 1_440 * MINUTE_MS


def slots_of(
    local: Local, read: Sequence[Normal], filled: Sequence[Normal], since_ms: int, minutes: int
) -> Slots:
    """What was read, and what gaps count for, by slot; what has no slot (M19) is left out."""
    sums: Counter[int] = Counter()
    for n in (*(n for n in read if n.end - n.start <= DAY_MS), *filled):
        for start, end in cut(local, n, since_ms, minutes):
            length = max(n.end - n.start, 1)
            share = n.amount * (end - n.start) // length - n.amount * (start - n.start) // length
            sums[slot_at(local, start, minutes)] += n.amount if n.start == n.end else share
    return {at_ms: (sums[at_ms], local.window_at(at_ms)) for at_ms in sorted(sums)}


def cut(local: Local, n: Normal, since_ms: int, minutes: int) -> Iterator[tuple[int, int]]:
    """The parts of an interval by the slots that they lie in, from the period's begin on."""
    at_ms = max(n.start, since_ms)
    while at_ms < n.end or at_ms == n.start:
        day = local.date_of(at_ms)
        next_day_ms = local.begin_of(day + DAY)
        end_ms = min(slot_at(local, at_ms, minutes) + minutes * MINUTE_MS, next_day_ms, n.end)
        yield at_ms, end_ms
        if end_ms == at_ms:
            return
        at_ms = end_ms


def slot_at(local: Local, at_ms: int, minutes: int) -> int:
    """First instant of the slot: counted from the begin of the local date."""
    begin_ms = local.begin_of(local.date_of(at_ms))
    return at_ms - (at_ms - begin_ms) % (minutes * MINUTE_MS)
