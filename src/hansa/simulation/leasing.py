"""The main job: a maker leases a machine to a plant and is paid by what the machine's own log says.

Plays a log that was read against a replay clock: readings arrive at the time they carry, periods close at
their
cut-off. Reaches the ledger by clients only.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from hansa.apps.billing.errors import MeterUnbound
from hansa.apps.billing.messages import Agreement, Binding, Propose, PublishTariff, Statement
from hansa.apps.billing.sheet import Sheet
from hansa.apps.consortium.calendars import period_at
from hansa.apps.consortium.messages import PublishCalendar
from hansa.apps.metering.messages import DeclareReset, ReplaceDevice
from hansa.client.agreements import acceptance, proposed
from hansa.edge.gateway import Delivery, declarations, deliveries, feed_name
from hansa.edge.log_model import Log
from hansa.edge.mapping_model import Mapping as LogMapping
from hansa.kernel import Refusal, limits
from hansa.simulation.cast import GATEWAY_KEY, METER_OWNER
from hansa.simulation.world import Progress, World, silent

PROVIDER, USER = "maker", "plant"
CALENDAR, TARIFF = "calendar-1", "lease-1"
AGREEMENT = "lease-1"


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
    """The whole billing periods that the bound feeds' readings lie in, losses of signal apart.

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
    return first.from_ms, last.to_ms


def start_ms(log: Log) -> int:
    """An instant before all of the log's readings, at which the play can begin."""
    firsts = [feed.at_ms[0] - feed.span_ms[0] for feed in log.feeds if feed.at_ms]
    return max(min(firsts, default=0) - 40 * limits.DAY_MS, 0)


def settle(world: World, play: Play, progress: Progress = silent) -> list[Statement]:
    """Register, agree, play the log, close every period. Returns the statements, oldest first."""
    maker, plant = world.clients[PROVIDER], world.clients[USER]
    plant.do(*declarations(play.log, play.mapping, GATEWAY_KEY))
    maker.do(PublishCalendar(id=CALENDAR, calendar=play.sheet.calendar))
    maker.do(
        PublishTariff(
            id=TARIFF, version=1, tariff=play.sheet.tariff, calendar_owner=PROVIDER, calendar=CALENDAR
        )
    )
    from_ms, to_ms = agreement_time(play)
    maker.do(
        Propose(
            agreement=AGREEMENT,
            provider=PROVIDER,
            user=USER,
            tariff_owner=PROVIDER,
            tariff=TARIFF,
            tariff_version=1,
            meters=play.bindings,
            terms=play.sheet.terms,
            from_ms=from_ms,
            to_ms=to_ms,
        )
    )
    read = proposed(plant, AGREEMENT)
    if (read.tariff, read.calendar) == (play.sheet.tariff, play.sheet.calendar):
        plant.do(acceptance(AGREEMENT, read))
    _replay(world, play, progress)
    _close_all(world, progress)
    return plant.query("billing.statements_of", list[Statement], agreement=AGREEMENT)


def _replay(world: World, play: Play, progress: Progress) -> None:
    cuts = [occurrence.at_ms for occurrence in play.occurrences]
    replaced = [o.at_ms for o in play.occurrences if isinstance(o.action, ReplaceDevice)]
    sent = _order(list(deliveries(play.log, limits.DAY_MS, cuts, replaced)), play)
    waiting = sorted(play.occurrences, key=lambda occurrence: occurrence.declared_ms)
    for number, (delivery, again) in enumerate(sent, 1):
        while waiting and waiting[0].declared_ms <= delivery.last_ms:
            _declare(world, waiting.pop(0))
        world.advance(delivery.last_ms)
        generation = 1 + sum(at_ms <= delivery.items[0].at_ms for at_ms in replaced)
        wires = world.gateway.wires(play.log, delivery, generation)
        world.gateway.client.submit(wires)
        if again:  # A gateway that was not sure of its first try sends the same bytes once more.
            world.gateway.client.submit(wires)
        progress("回放机器日志", "Replaying the machine's log", number, len(sent))
    for occurrence in waiting:
        _declare(world, occurrence)


def _order(all_deliveries: list[Delivery], play: Play) -> list[tuple[Delivery, bool]]:
    """Deliveries in the order in which they arrive, and whether each comes twice."""
    late = dict(play.held_back)
    places = [(position + late.get(position, 0), position) for position in range(len(all_deliveries))]
    return [(all_deliveries[position], position in play.repeated) for _, position in sorted(places)]


def _declare(world: World, occurrence: Occurrence) -> None:
    world.advance(occurrence.declared_ms)
    world.clients[USER].do(occurrence.action)


def _close_all(world: World, progress: Progress) -> None:
    """Let the clock run until the agreement's last period is closed or held."""
    world.stage.calm()
    while (due_ms := world.stage.next_due_ms()) is not None:
        world.clock.move_to(due_ms)
        world.stage.wake()
    progress("结算期已关账", "Periods closed", 1, 1)


def agreement_of(world: World) -> Agreement:
    return world.clients[USER].query("billing.agreement_of", Agreement, agreement=AGREEMENT)
