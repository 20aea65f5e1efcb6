"""What a play plays: a log with all that its settlement needs, and who plays it."""

from collections.abc import Mapping
from dataclasses import dataclass

from hansa.apps.billing.errors import MeterUnbound
from hansa.apps.billing.messages import Binding
from hansa.apps.billing.sheet import Sheet
from hansa.apps.consortium.calendars import period_at
from hansa.apps.metering.messages import DeclareReset, ReplaceDevice
from hansa.edge.gateway import feed_name
from hansa.edge.log_model import Log
from hansa.edge.mapping_model import Mapping as LogMapping
from hansa.kernel import Refusal, limits
from hansa.simulation.cast import METER_OWNER

PROVIDER, USER = "maker", "plant"
CALENDAR, TARIFF = "calendar-1", "lease-1"
AGREEMENT = LEASE = "lease-1"
SUBLEASE = "sublease-1"
"""A lease and its agreement have one name."""


class NothingToSettle(Refusal, code="play.nothing_to_settle", field="log"):
    zh = "设备 {device} 的日志中，资费所用的计量点没有任何读数。请检查映射文件。"
    en = "The log of {device} holds no reading of the feeds that the tariff counts. Check the mapping."


@dataclass(frozen=True)
class Occurrence:
    """What the owner of the meter declares during the play: a reset, or a replacement."""

    at_ms: int
    declared_ms: int
    action: DeclareReset | ReplaceDevice


@dataclass(frozen=True)
class Play:
    """A log with all that its settlement needs. `held_back` deliveries arrive late, `repeated` twice (by
    position).
    """

    log: Log
    mapping: LogMapping
    sheet: Sheet
    bindings: tuple[Binding, ...]
    occurrences: tuple[Occurrence, ...] = ()
    held_back: tuple[tuple[int, int], ...] = ()
    """(position of a delivery, how many deliveries later it is sent)."""
    repeated: tuple[int, ...] = ()
    from_ms: int = 0
    """The agreement begins here and not with the period of the first reading; 0: with that period."""
    made_up: bool = False
    """No machine wrote the log: the play itself did."""


def bind(log: Log, sheet: Sheet, chosen: Mapping[str, str] | None = None) -> tuple[Binding, ...]:
    """A feed for each meter of the tariff: the one chosen, else that of the same name, else the only one
    that fits.

    Raises MeterUnbound, whose clause names the meter.
    """
    out = []
    for meter in sheet.tariff.meters:
        fitting = [
            feed
            for feed in log.feeds
            if ("amount" if feed.spec.kind == "power" else feed.spec.kind) == meter.kind
            and (meter.kind == "state" or feed.base_unit == meter.base_unit)
        ]
        wanted = (chosen or {}).get(meter.name, meter.name)
        named = [feed for feed in log.feeds if wanted in (feed.spec.name, feed_name(log.device, feed.spec))]
        found = named or (fitting if len(fitting) == 1 and meter.name not in (chosen or {}) else [])
        if not found:
            raise MeterUnbound(clause=meter.name, meter=meter.name)
        feed = feed_name(log.device, found[0].spec)
        out.append(Binding(meter=meter.name, owner=METER_OWNER, feed=feed))
    return tuple(out)


def agreement_time(play: Play) -> tuple[int, int]:
    """The whole billing periods that the bound feeds' readings lie in, losses of signal apart; the first one
    only from where the play says.

    Raises NothingToSettle when there is no reading, CalendarOutside when the sheet's calendar is too short.
    """
    bound = {binding.feed for binding in play.bindings}
    feeds = [feed for feed in play.log.feeds if feed_name(play.log.device, feed.spec) in bound]
    told = [
        (at_ms - span_ms, max(at_ms - 1, 0))
        for feed in feeds
        for at_ms, span_ms, lost in zip(feed.at_ms, feed.span_ms, feed.lost, strict=True)
        if not lost
    ]
    if not told:
        raise NothingToSettle(device=play.log.device)
    calendar, length = play.sheet.calendar, play.sheet.tariff.period
    first = period_at(calendar, length, min(from_ms for from_ms, _ in told))
    last = period_at(calendar, length, max(last_ms for _, last_ms in told))
    return max(first.from_ms, play.from_ms), last.to_ms


def start_ms(log: Log) -> int:
    """An instant before all of the log's readings, at which the play can begin."""
    firsts = [feed.at_ms[0] - feed.span_ms[0] for feed in log.feeds if feed.at_ms]
    return max(min(firsts, default=0) - 40 * limits.DAY_MS, 0)
