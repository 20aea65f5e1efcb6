"""Usage by slot of the local day (docs/metering-rules.md, M18–M20), with nothing of Hansa in it."""

from collections import Counter
from collections.abc import Iterator, Sequence

from independent.elements import Slots
from independent.recompute import DAY, MINUTE_MS, Local
from independent.usage import Normal

DAY_MS = 1_440 * MINUTE_MS


def slots_of(
    local: Local,
    read: Sequence[Normal],
    filled: Sequence[Normal],
    since_ms: int,
    minutes: int,
    booked_minutes: int,
) -> Slots:
    """What was read, and what gaps count for, by slots of so many minutes. `booked_minutes`: the shortest
    that any element asks of the meter, by which M20 tells what is estimated.
    """
    sums: Counter[int] = Counter()
    estimated: Counter[int] = Counter()
    short = [n for n in read if n.end - n.start <= DAY_MS]
    for n, is_read in (*((n, True) for n in short), *((n, False) for n in filled)):
        for start, end in cut(local, n, since_ms, minutes):
            length = max(n.end - n.start, 1)
            share = n.amount * (end - n.start) // length - n.amount * (start - n.start) // length
            share = n.amount if n.start == n.end else share
            at_ms = slot_at(local, start, minutes)
            sums[at_ms] += share
            if not is_read or n.end - n.start > booked_minutes * MINUTE_MS:
                estimated[at_ms] += share
    whole = sum(n.amount for n in (*read, *filled))
    by_slot = {at_ms: (sums[at_ms], local.window_at(at_ms), estimated[at_ms]) for at_ms in sorted(sums)}
    return Slots(by_slot, whole - sum(sums.values()))


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
