"""A breakdown: the plant reports it and asks for it at the maker's charge; the maker does not agree.

What nobody agrees on counts for nothing and is listed as disputed in the statement.
"""

from dataclasses import dataclass

from hansa.apps.billing.messages_claims import ClaimStop, ContestClaim
from hansa.apps.consortium.calendars import clip, period_at
from hansa.apps.leasing.messages import EndBreakdown, ReportBreakdown
from hansa.client.texts import Text
from hansa.edge.gateway import feed_name
from hansa.kernel import digest, limits
from hansa.simulation.play import LEASE, PROVIDER, USER, Play
from hansa.simulation.story import Story
from hansa.simulation.story_market import Deal

CLAIM = "breakdown-1"
REASON = "breakdown"
LONGEST_MS = 4 * limits.HOUR_MS
"""A longer stop is a night or a rest day, and no breakdown."""
SHORTEST_MS = 10 * limits.MINUTE_MS
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


def longest_stop(play: Play, deal: Deal) -> Stop | None:
    """The longest stop, of at most LONGEST_MS, that the tariff's rules attribute; the first of equals."""
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
    return max(found, key=lambda stop: (stop.to_ms - stop.from_ms, -stop.from_ms), default=None)


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
            lease=LEASE, breakdown=CLAIM, from_ms=stop.from_ms, reason=REASON, liable="provider"
        )
        repaired = EndBreakdown(lease=LEASE, breakdown=CLAIM, to_ms=stop.to_ms)
        story.client(USER).do(breakdown, repaired)
        story.tell("产线故障并已修复", "The line broke down, and works again")
    claim = ClaimStop(
        agreement=LEASE,
        claim=CLAIM,
        meter=stop.meter,
        from_ms=stop.from_ms,
        to_ms=stop.to_ms,
        reason=REASON,
        liable="provider",
        evidence=digest([CLAIM, "repair report"]),
    )
    story.client(USER).do(claim)
    story.tell("承租方申请认定停机由出租方负责", "The lessee claims the stop at the lessor's charge")
    contest = ContestClaim(
        agreement=LEASE,
        period_ms=stop.period_ms,
        claim=CLAIM,
        evidence=digest([CLAIM, "operating log"]),
    )
    story.client(PROVIDER).do(contest)
    story.tell("出租方提出异议：停机列为争议", "The lessor contests it: the stop is listed as disputed")
