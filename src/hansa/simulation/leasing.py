"""The main job: a maker leases a machine to a plant and is paid by what the machine's own log says.

Plays a log that was read against a replay clock: readings arrive at the time they carry, periods close at
their cut-off. Around it the business: offer and contract before, a sublease meanwhile, payment after. What a
log cannot carry of that is left out and told (`story.Step.why`); the statements are made all the same.
Reaches the ledger by clients only.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

from hansa.apps.billing.accrual import Accrued
from hansa.apps.billing.messages import Agreement, Propose, PublishTariff, Statement
from hansa.apps.billing.texts import money_text
from hansa.apps.consortium.calendars import local_day, period_at
from hansa.apps.consortium.messages import PublishCalendar
from hansa.apps.leasing.messages import Close
from hansa.apps.metering.messages import ReplaceDevice
from hansa.client.agreements import acceptance, proposed
from hansa.edge.gateway import Delivery, declarations, deliveries
from hansa.kernel import limits
from hansa.simulation import (
    story_downtime,
    story_handover,
    story_market,
    story_money,
    story_statements,
    story_sublease,
)
from hansa.simulation.cast import GATEWAY_KEY
from hansa.simulation.play import (
    AGREEMENT,
    CALENDAR,
    LEASE,
    PROVIDER,
    SUBLEASE,
    TARIFF,
    USER,
    NothingToSettle,
    Occurrence,
    Play,
    agreement_time,
    bind,
    start_ms,
)
from hansa.simulation.said import grouped
from hansa.simulation.story import Step, Story
from hansa.simulation.story_market import Deal
from hansa.simulation.story_sublease import SUBTENANT
from hansa.simulation.world import Progress, World, silent

HANDOVER_MS = 2 * limits.HOUR_MS
"""So long before its start the line is handed over, and after its end handed back."""
OFFICE_MS = 9 * limits.HOUR_MS
"""From midnight until somebody is at the office."""
PARTIES = (PROVIDER, USER)
MONTHS_MAX = 6
"""Periods that are paid before the lease is over, the last ones; with a long log those before them wait."""


@dataclass(frozen=True)
class Happening:
    """What happens during the replay, once the clock comes to it."""

    at_ms: int
    act: Callable[[], None]


@dataclass(frozen=True)
class Accrual:
    """What was not billed at the end of a local date (days since the epoch)."""

    day: int
    found: list[Accrued]


@dataclass
class Settled:
    """What came of a play: statements of the lease, oldest first, and the business around them."""

    statements: list[Statement]
    steps: list[Step]
    leased: bool = False
    """The agreement is a lease of the market; else it was proposed and accepted."""
    sublet: bool = False
    accruals: list[Accrual] = field(default_factory=list)
    """What was not billed at the ends of periods: of the last MONTHS_MAX, and at that of the lease."""
    bank_files: list[story_money.BankFile] = field(default_factory=list)


def settle(world: World, play: Play, progress: Progress = silent) -> Settled:
    """Register, lease, play the log, close every period, pay."""
    maker, plant = world.clients[PROVIDER], world.clients[USER]
    plant.do(*declarations(play.log, play.mapping, GATEWAY_KEY))
    maker.do(PublishCalendar(id=CALENDAR, calendar=play.sheet.calendar))
    maker.do(
        PublishTariff(
            id=TARIFF, version=1, tariff=play.sheet.tariff, calendar_owner=PROVIDER, calendar=CALENDAR
        )
    )
    story, deal = Story(world, progress), story_market.deal_of(play)
    settled = Settled([], story.steps)
    settled.leased = _lease(story, play, deal, settled)
    if not settled.leased:
        _agree(world, play, deal)
    happenings = _sublease(story, play, deal, settled) if settled.leased else []
    happenings += _downtime(story, play, deal, settled) + _months(story, play, deal, settled)
    _replay(world, play, progress, happenings, settled.leased)
    if settled.leased:
        _give_back(story, play, deal, settled)
    _close_all(world, progress)
    _accrue(story, play, settled, deal.to_ms)
    _end(story, play, settled)
    settled.statements = plant.query("billing.statements_of", list[Statement], agreement=AGREEMENT)
    return settled


def _lease(story: Story, play: Play, deal: Deal, settled: Settled) -> bool:
    """Whether the line was let by the market and handed over."""
    words = ("报盘、还价、签约", "Offer, bargain, contract")
    why = story_market.why_not(story, play, deal) or story_handover.why_not(play)
    if why is not None:
        story.leave_out(*words, why)
        return False

    def chapter() -> None:
        story_market.publish(story, play, deal)
        story_market.bargain(story, play, deal)
        story_market.sign(story, LEASE, PROVIDER, USER)

    if not story.attempt(*words, chapter):
        return False
    settled.bank_files += story_money.settle_open(story, "deposit", PARTIES)
    story.tell("保证金、预付款到账", "Security deposit and prepayment have come in")
    story.world.advance(deal.from_ms - HANDOVER_MS)
    story_handover.read_counters(story, play)
    story_handover.hand_over(story, LEASE, "in", PROVIDER, USER)
    story.tell(
        "产线交接，双方确认状况与计数器", "The line is handed over; both confirm condition and counters"
    )
    return True


def _agree(world: World, play: Play, deal: Deal) -> None:
    """The agreement alone: proposed by the maker, read and accepted by the plant."""
    maker, plant = world.clients[PROVIDER], world.clients[USER]
    maker.do(
        Propose(
            agreement=AGREEMENT,
            provider=PROVIDER,
            user=USER,
            tariff_owner=PROVIDER,
            tariff=TARIFF,
            tariff_version=1,
            meters=play.bindings,
            terms=deal.terms,
            from_ms=deal.from_ms,
            to_ms=deal.to_ms,
        )
    )
    read = proposed(plant, AGREEMENT)
    if (read.tariff, read.calendar) == (play.sheet.tariff, play.sheet.calendar):
        plant.do(acceptance(AGREEMENT, read))


def _sublease(story: Story, play: Play, deal: Deal, settled: Settled) -> list[Happening]:
    """What has to happen during the replay for a week to be sublet; nothing where the lease is too short."""
    words = ("转租一周", "Subletting a week")
    week = story_sublease.week_of(play.sheet.calendar, deal)
    if week is None:
        story.leave_out(*words, story_sublease.TOO_SHORT)
        return []

    def agree() -> None:
        settled.sublet = story.attempt(*words, lambda: story_sublease.agree(story, play, week))

    def take_over() -> None:
        if settled.sublet:
            settled.sublet = story.attempt(*words, lambda: story_sublease.take_over(story))

    def give_back() -> None:
        if settled.sublet:
            story.attempt(*words, lambda: story_sublease.give_back(story))

    return [
        Happening(week.from_ms - story_sublease.AHEAD_MS, agree),
        Happening(week.from_ms - HANDOVER_MS, take_over),
        Happening(week.to_ms + HANDOVER_MS, give_back),
    ]


def _downtime(story: Story, play: Play, deal: Deal, settled: Settled) -> list[Happening]:
    """A breakdown that the parties see differently; nothing where the log or the tariff has no stop."""
    words = ("故障与停机争议", "A breakdown, disputed")
    stops = story_downtime.stops(play, deal)
    stop, halt = story_downtime.breakdown_of(stops), story_downtime.halt_of(stops)
    if stop is None:
        story.leave_out(*words, story_downtime.NO_STOP)
        return []

    contested = False

    def dispute() -> None:
        nonlocal contested
        contested = story.attempt(*words, lambda: story_downtime.dispute(story, stop, settled.leased))

    def admit() -> None:
        if contested:
            story.attempt(*words, lambda: story_downtime.admit(story, stop))

    def disagree() -> None:
        if halt is not None:
            story.attempt(*words, lambda: story_downtime.disagree(story, halt))

    return [
        Happening(stop.to_ms + limits.DAY_MS, dispute),
        Happening(stop.to_ms + 2 * limits.DAY_MS, admit),
        *([Happening(halt.to_ms + limits.DAY_MS, disagree)] if halt else []),
    ]


def _months(story: Story, play: Play, deal: Deal, settled: Settled) -> list[Happening]:
    """What has been closed is confirmed, invoiced and paid before the lease is over; the rest after it."""

    def pay(to_ms: int) -> None:
        _accrue(story, play, settled, to_ms)
        _confirm(story, play, (AGREEMENT,))
        _pay(story, play, settled, PARTIES)

    calendar, length = play.sheet.calendar, play.sheet.tariff.period
    found, from_ms = [], deal.from_ms
    while (to_ms := period_at(calendar, length, from_ms).to_ms) < deal.to_ms:
        at_ms = to_ms + deal.terms.cut_off_ms + limits.DAY_MS + OFFICE_MS
        found.append(Happening(at_ms, partial(pay, to_ms)))
        from_ms = to_ms
    return found[-MONTHS_MAX:]


def _accrue(story: Story, play: Play, settled: Settled, to_ms: int) -> None:
    """What was not billed just before an instant, a local midnight."""
    day = local_day(play.sheet.calendar, to_ms - 1)
    settled.accruals.append(Accrual(day, story_statements.accruals(story, LEASE, day)))


def _replay(
    world: World, play: Play, progress: Progress, happenings: list[Happening], numbered_on: bool
) -> None:
    """Every delivery at its time. `numbered_on`: records were made before the log's first."""
    cuts = [occurrence.at_ms for occurrence in play.occurrences]
    replaced = [o.at_ms for o in play.occurrences if isinstance(o.action, ReplaceDevice)]
    sent = _order(list(deliveries(play.log, limits.DAY_MS, cuts, replaced)), play)
    waiting = [_declaration(world, occurrence) for occurrence in play.occurrences]
    waiting = sorted([*waiting, *happenings], key=lambda each: each.at_ms)
    for number, (delivery, again) in enumerate(sent, 1):
        while waiting and waiting[0].at_ms <= delivery.last_ms:
            _happen(world, waiting.pop(0))
        world.advance(delivery.last_ms)
        generation = 1 + sum(at_ms <= delivery.items[0].at_ms for at_ms in replaced)
        told = story_handover.after_handover(play, delivery, generation) if numbered_on else delivery
        wires = world.gateway.wires(play.log, told, generation)
        world.gateway.client.submit(wires)
        if again:  # A gateway that was not sure of its first try sends the same bytes once more.
            world.gateway.client.submit(wires)
        progress("回放机器日志", "Replaying the machine's log", number, len(sent))
    for happening in waiting:
        _happen(world, happening)


def _order(all_deliveries: list[Delivery], play: Play) -> list[tuple[Delivery, bool]]:
    """Deliveries in the order in which they arrive, and whether each comes twice."""
    late = dict(play.held_back)
    places = [(position + late.get(position, 0), position) for position in range(len(all_deliveries))]
    return [(all_deliveries[position], position in play.repeated) for _, position in sorted(places)]


def _declaration(world: World, occurrence: Occurrence) -> Happening:
    def declare() -> None:
        world.clients[USER].do(occurrence.action)

    return Happening(occurrence.declared_ms, declare)


def _happen(world: World, happening: Happening) -> None:
    world.advance(happening.at_ms)
    happening.act()


def _give_back(story: Story, play: Play, deal: Deal, settled: Settled) -> None:
    """The lease is over, and the line goes back."""
    story.world.advance(deal.to_ms + HANDOVER_MS)
    words = ("产线交还，双方确认状况与计数器", "The line is handed back; both confirm condition and counters")
    if story.attempt(*words, lambda: story_handover.hand_over(story, LEASE, "out", USER, PROVIDER)):
        story.tell(*words)


def _close_all(world: World, progress: Progress) -> None:
    """Let the clock run until the agreement's last period is closed or held."""
    world.stage.calm()
    while (due_ms := world.stage.next_due_ms()) is not None:
        world.clock.move_to(due_ms)
        world.stage.wake()
    progress("结算期已关账", "Periods closed", 1, 1)


def _confirm(story: Story, play: Play, agreements: Sequence[str]) -> None:
    """What is stated and not confirmed yet is confirmed by both, and the invoice's number recorded."""

    def chapter() -> None:
        for name in agreements:
            sums = story_statements.confirm(story, name)
            if sums:
                gross = _money(play, sums)
                story.tell(
                    f"{name}：双方确认 {len(sums)} 份结算单，价税合计 {gross}",
                    f"{name}: {_counted(len(sums), 'statement')} confirmed by both, {gross} with tax",
                )
            count = story_statements.invoice(story, name, 1 + (name == SUBLEASE))
            if count:
                story.tell(
                    f"{name}：登记 {count} 张发票号", f"{name}: {_counted(count, 'invoice number')} recorded"
                )

    story.attempt("对账确认、发票", "Confirmations and invoices", chapter)


def _pay(story: Story, play: Play, settled: Settled, members: Sequence[str]) -> None:
    """Whatever is open between members is paid and recorded."""

    def chapter() -> None:
        story.wait(limits.DAY_MS)
        day = datetime.fromtimestamp(story.world.clock.now_ms // 1_000, UTC)
        files = story_money.settle_open(story, f"statements-{day:%Y%m%d}", members)
        settled.bank_files += files
        sums = [payment.amount_minor for file in files for order in file.paid for payment in order.payments]
        if sums:
            story.tell(
                f"付款 {len(sums)} 笔共 {_money(play, sums)}：付款指令发出，银行流水导入并核销",
                f"{_counted(len(sums), 'payment')}, {_money(play, sums)} in all: ordered, found on the bank "
                "statements, recorded",
            )

    story.attempt("付款与匹配", "Payments and matching", chapter)


def _end(story: Story, play: Play, settled: Settled) -> None:
    """All is confirmed, invoiced, paid; deposit and what is left of the prepayment go back."""
    agreements = (AGREEMENT, SUBLEASE) if settled.sublet else (AGREEMENT,)
    members = (*PARTIES, SUBTENANT) if settled.sublet else PARTIES

    def end() -> None:
        for lease in reversed(agreements):
            story.client(USER).do(Close(lease=lease))
        settled.bank_files += story_money.settle_open(story, "returns", members)
        story.tell("租约结清，保证金退还", "The lease is closed, the security deposit returned")

    _confirm(story, play, agreements)
    _pay(story, play, settled, members)
    if settled.leased:
        story.attempt("结清与退还保证金", "Closing, deposit returned", end)


def _money(play: Play, sums: Sequence[int]) -> str:
    currency = play.sheet.tariff.currency
    return f"{grouped(money_text(sum(sums), currency))} {currency}"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def agreement_of(world: World) -> Agreement:
    return world.clients[USER].query("billing.agreement_of", Agreement, agreement=AGREEMENT)


__all__ = ["NothingToSettle", "Occurrence", "Play", "Settled", "agreement_time", "bind", "settle", "start_ms"]
