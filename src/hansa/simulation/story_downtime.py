"""A breakdown and a shorter stop: the plant asks for both at the maker's charge, the maker contests both.

Of the breakdown the maker then admits the repair, and the plant takes its own claim back: that time counts.
On the shorter stop they never agree: it counts for nothing, and the statement lists it with what it would
change.
"""

from dataclasses import dataclass

from hansa.apps.billing.messages_claims import ClaimStop, ContestClaim, WithdrawClaim
from hansa.apps.consortium.calendars import clip, period_at
from hansa.apps.leasing.messages import EndBreakdown, ReportBreakdown
from hansa.client.texts import Text
from hansa.edge.gateway import feed_name
from hansa.kernel import digest, limits
from hansa.simulation.play import LEASE, PROVIDER, USER, Play
from hansa.simulation.story import Story
from hansa.simulation.story_market import Deal

BREAKDOWN, REPAIR, HALT = "breakdown-1", "repair-1", "halt-1"
"""The plant claims the breakdown, the maker admits the repair; the plant claims the other stop."""
REASONS = {BREAKDOWN: "breakdown", REPAIR: "drive_fault", HALT: "feed_jam"}
LONGEST_MS = 4 * limits.HOUR_MS
"""A longer stop is a night or a rest day, and no breakdown."""
SHORTEST_MS = 10 * limits.MINUTE_MS
ADMITTED_OF = (2, 3)
"""So much of it was repair, says the line's control; for the rest the line waited for the plant's crew."""
NO_STOP = Text(
    "资费没有停机归责规则，或日志中没有四小时以内的停机",
    "the tariff attributes no stops, or the log has none of four hours at most",
)


@dataclass(frozen=True)
class Stop:
    """A stretch in which a state meter showed a stop, and the period that it lies in."""

    meter: str
    from_ms: int
    to_ms: int
    period_ms: int

    @property
    def span_ms(self) -> int:
        return self.to_ms - self.from_ms


def stops(play: Play, deal: Deal) -> list[Stop]:
    """All stops, of at most LONGEST_MS, that the tariff's rules attribute; the longest first, of equals the
    earlier.
    """
    found: list[Stop] = []
    for rule in play.sheet.terms.attribution:
        binding = next(each for each in play.bindings if each.meter == rule.meter)
        for feed in play.log.feeds:
            if feed_name(play.log.device, feed.spec) != binding.feed:
                continue
            stopped = [place for place, state in enumerate(feed.states) if state in rule.states]
            shown = list(zip(feed.at_ms, feed.value, feed.lost, strict=True))
            since_ms = 0
            for at_ms, value, lost in shown:
                if since_ms and (lost or value not in stopped):
                    found += _within(play, deal, rule.meter, since_ms, at_ms)
                    since_ms = 0
                elif not since_ms and not lost and value in stopped:
                    since_ms = at_ms
    return sorted(found, key=lambda stop: (-stop.span_ms, stop.from_ms))


def breakdown_of(found: list[Stop]) -> Stop | None:
    """The longest stop."""
    return found[0] if found else None


def halt_of(found: list[Stop]) -> Stop | None:
    """The longest other stop of the breakdown's period."""
    return next((each for each in found[1:] if each.period_ms == found[0].period_ms), None)


def _within(play: Play, deal: Deal, meter: str, from_ms: int, to_ms: int) -> list[Stop]:
    """The stretch as a stop, if it is one, and lies in one period of the lease."""
    if not (deal.from_ms <= from_ms and to_ms <= deal.to_ms and SHORTEST_MS <= to_ms - from_ms <= LONGEST_MS):
        return []
    calendar = play.sheet.calendar
    whole = period_at(calendar, play.sheet.tariff.period, from_ms)
    period = clip(calendar, whole, deal.from_ms, deal.to_ms)
    return [Stop(meter, from_ms, to_ms, period.from_ms)] if to_ms <= period.to_ms else []


def dispute(story: Story, stop: Stop, leased: bool) -> None:
    """Reported and claimed by the plant, contested by the maker."""
    if leased:
        breakdown = ReportBreakdown(
            lease=LEASE,
            breakdown=BREAKDOWN,
            from_ms=stop.from_ms,
            reason=REASONS[BREAKDOWN],
            liable="provider",
        )
        repaired = EndBreakdown(lease=LEASE, breakdown=BREAKDOWN, to_ms=stop.to_ms)
        story.client(USER).do(breakdown, repaired)
        story.tell("产线故障并已修复", "The line broke down, and works again")
    _claim(story, USER, BREAKDOWN, stop)
    story.tell(
        f"承租方申请认定：{_hours(stop.span_ms)} 小时停机由出租方负责，附维修记录",
        f"The lessee claims {_hours(stop.span_ms)} h of stop at the lessor's charge, with the repair report",
    )
    _contest(story, BREAKDOWN, stop)
    story.tell(
        "出租方提出异议，附控制器记录：一部分时间产线在等操作人员",
        "The lessor contests it, with the control's log: part of the time the line waited for its crew",
    )


def admit(story: Story, stop: Stop) -> None:
    """The maker admits what was repair, the plant takes its own claim back."""
    part, whole = ADMITTED_OF
    minutes = stop.span_ms * part // whole // limits.MINUTE_MS
    repair = Stop(stop.meter, stop.from_ms, stop.from_ms + minutes * limits.MINUTE_MS, stop.period_ms)
    _claim(story, PROVIDER, REPAIR, repair)
    story.client(USER).do(WithdrawClaim(agreement=LEASE, period_ms=stop.period_ms, claim=BREAKDOWN))
    story.tell(
        f"双方谈妥：出租方承认其中 {_hours(repair.span_ms)} 小时由其负责，承租方撤回原申请",
        f"They agree: the lessor admits {_hours(repair.span_ms)} h of it, the lessee takes its claim back",
    )


def disagree(story: Story, stop: Stop) -> None:
    """Claimed by the plant, contested by the maker, and never agreed on."""
    _claim(story, USER, HALT, stop)
    _contest(story, HALT, stop)
    story.tell(
        f"另一次停机（{_hours(stop.span_ms)} 小时）：承租方申请、出租方异议，至关账未谈妥",
        f"Another stop ({_hours(stop.span_ms)} h): claimed, contested, and not agreed on until the close",
    )


def _claim(story: Story, by: str, name: str, stop: Stop) -> None:
    claim = ClaimStop(
        agreement=LEASE,
        claim=name,
        meter=stop.meter,
        from_ms=stop.from_ms,
        to_ms=stop.to_ms,
        reason=REASONS[name],
        liable="provider",
        evidence=digest([name, by, "report"]),
    )
    story.client(by).do(claim)


def _contest(story: Story, name: str, stop: Stop) -> None:
    contest = ContestClaim(
        agreement=LEASE, period_ms=stop.period_ms, claim=name, evidence=digest([name, "control log"])
    )
    story.client(PROVIDER).do(contest)


def _hours(span_ms: int) -> str:
    return f"{span_ms // limits.HOUR_MS}:{span_ms % limits.HOUR_MS // limits.MINUTE_MS:02d}"
