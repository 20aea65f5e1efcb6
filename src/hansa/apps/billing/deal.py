"""An agreement with all that it refers to: what the contract, and whoever recomputes a statement, rates
by. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from hansa.apps.billing.booking import Measure
from hansa.apps.billing.check_feeds import check_name, main_name
from hansa.apps.billing.elements_energy import slot_minutes
from hansa.apps.billing.messages import Agreement, Binding
from hansa.apps.billing.pricing import NO_PRICES, Prices
from hansa.apps.billing.tariff import Tariff
from hansa.apps.billing.terms import GapRule
from hansa.apps.billing.windows import WindowScheme, windows_at
from hansa.apps.consortium.calendars import Calendar, Period, clip, period_at
from hansa.apps.metering.messages import Feed
from hansa.kernel import digest, replace

STRETCHES_MAX = 8_000
"""Unknown stretches of a period that gap rules are applied to, all meters together (G8)."""


@dataclass(frozen=True)
class Deal:
    """What the parties agreed on."""

    agreement: Agreement
    tariff: Tariff
    calendar: Calendar
    feeds: Mapping[str, Feed]
    """The declared feed of each meter of the tariff, and of its check feed under `check_name`."""
    prices: Prices = NO_PRICES
    """Where published series and indices are looked up."""

    @cached_property
    def scheme(self) -> WindowScheme:
        """The tariff's windows laid over the calendar."""
        return windows_at(self.tariff, self.calendar)


def content(name: str, deal: Deal) -> str:
    """What both parties sign: a digest of the agreement as proposed, of its tariff and its calendar."""
    agreement = deal.agreement
    proposed = replace(
        agreement,
        state="proposed",
        next_from_ms=0,
        from_ms=agreement.agreed_from_ms or agreement.from_ms,
        to_ms=agreement.agreed_to_ms or agreement.to_ms,
        agreed_from_ms=0,
        agreed_to_ms=0,
        signed="",
        provider_size="",
        user_size="",
    )
    return digest({"agreement": proposed, "calendar": deal.calendar, "name": name, "tariff": deal.tariff})


def bound(agreement: Agreement) -> tuple[Binding, ...]:
    """What an agreement counts: the feeds of its meters, then the check feeds under names of their own."""
    checks = (Binding(check_name(each.meter), each.owner, each.feed) for each in agreement.terms.checks)
    return (*agreement.meters, *checks)


def gap_rule(deal: Deal, meter: str) -> GapRule:
    """How gaps of a meter count, or of its check feed: by the same rule."""
    return next(gap for gap in deal.agreement.terms.gaps if gap.meter == main_name(meter))


def measure(deal: Deal, meter: str) -> Measure:
    """How a meter of the agreement, or its check feed, is booked."""
    rule, feed, agreement = gap_rule(deal, meter), deal.feeds[meter], deal.agreement
    return Measure(
        kind=feed.kind,
        reporting=feed.reporting,
        modulus=feed.modulus,
        states=feed.states,
        longer_than_ms=rule.longer_than_ms,
        daily=rule.rule == "average_day",
        scheme=deal.scheme,
        calendar=deal.calendar,
        length=deal.tariff.period,
        from_ms=agreement.from_ms,
        to_ms=agreement.to_ms,
        stretches_max=STRETCHES_MAX // len(bound(agreement)),
        slot_minutes=slot_minutes(deal.tariff.elements, meter),
    )


def period_from(deal: Deal, at_ms: int) -> Period:
    """The agreement's period that contains an instant of its time."""
    agreement = deal.agreement
    whole = period_at(deal.calendar, deal.tariff.period, at_ms)
    return clip(deal.calendar, whole, agreement.from_ms, agreement.to_ms)


def periods(deal: Deal) -> list[Period]:
    """The agreement's periods, first to last."""
    out = [period_from(deal, deal.agreement.from_ms)]
    while out[-1].to_ms < deal.agreement.to_ms:
        out.append(period_from(deal, out[-1].to_ms))
    return out
