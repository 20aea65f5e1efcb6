"""A period's usage by slot: what was kept as records arrived, and what gaps count for (M18–M20). Pure."""

from collections.abc import Iterable, Mapping

from hansa.apps.billing.booking import Measure
from hansa.apps.billing.gaps import Share
from hansa.apps.billing.messages_prices import SlotRecord
from hansa.apps.billing.slots import DaySlots, SlotSums, SlotUsage, changed, date_at, slots_in
from hansa.apps.consortium.calendars import Period, start_of_day
from hansa.kernel.limits import MINUTE_MS

NOTHING = SlotRecord()


def period_days(of: Measure, period: Period) -> tuple[int, int]:
    """First local date of a period, and the first after it."""
    return date_at(of.calendar, period.from_ms)[2], date_at(of.calendar, period.to_ms - 1)[2] + 1


def slot_usage(
    of: Measure, kept: Mapping[int, SlotRecord], shares: Iterable[Share], period: Period, named: bool
) -> SlotUsage:
    """`kept`: normal usage by date; `shares`: what gaps count for; `named`: whether windows are asked for."""
    sums = SlotSums(of.calendar, of.slot_minutes)
    for share in shares:
        if share.quantity:
            sums.spread(share.quantity, share.from_ms, share.to_ms, period.from_ms, estimated=True)
    rows = sums.rows()
    days = []
    for day in sorted(dict.fromkeys((*kept, *rows))):
        from_ms, to_ms = start_of_day(of.calendar, day), start_of_day(of.calendar, day + 1)
        length = slots_in(to_ms - from_ms, of.slot_minutes)
        record = kept.get(day, NOTHING)
        counts, estimated, loose = rows.get(day, ({}, {}, 0))
        names = tuple(_windows(of, from_ms, length)) if named else ()
        days.append(
            DaySlots(
                from_ms,
                changed(record.counts, counts, length),
                changed(record.estimated, estimated, length),
                record.loose + loose,
                names,
            )
        )
    return SlotUsage(of.slot_minutes, tuple(days))


def _windows(of: Measure, from_ms: int, length: int) -> Iterable[str]:
    """Window of each slot's first instant."""
    step_ms = of.slot_minutes * MINUTE_MS
    stretch = (0, 0, 0)
    for number in range(length):
        at_ms = from_ms + number * step_ms
        if not stretch[0] <= at_ms < stretch[1]:
            stretch = of.scheme.stretch_at(at_ms)
        yield of.scheme.names[stretch[2]]
