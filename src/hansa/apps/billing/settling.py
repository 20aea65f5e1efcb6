"""What a period comes to: usage and gaps of each meter, rated by the tariff. Pure.

`Source` is all it needs to know of a meter's records: the contract answers from the sums it keeps, a checker
from the records themselves, and both rate by the same lines below.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

from hansa.apps.billing.attribution import (
    Claim,
    Claimed,
    DisputedClaim,
    ScrapLine,
    StopLine,
    disputed,
    of_meter,
    scrap_lines,
    stop_lines,
)
from hansa.apps.billing.carrying import NOTHING, Carry, carries, carry_after
from hansa.apps.billing.check_feeds import CheckResult, check_name, compare, is_check
from hansa.apps.billing.deal import Deal, bound, gap_rule, measure, period_from
from hansa.apps.billing.elements_energy import Demand, Series
from hansa.apps.billing.elements_trade import Availability
from hansa.apps.billing.facts import Facts
from hansa.apps.billing.gaps import GapLine, GapSource, book_gaps
from hansa.apps.billing.messages import FallLine
from hansa.apps.billing.messages_prices import SlotRecord
from hansa.apps.billing.pricing import indices_of, series_prices
from hansa.apps.billing.rating import Line, Totals, corrections, rate
from hansa.apps.billing.sharing_out import shares
from hansa.apps.billing.slots import SlotUsage
from hansa.apps.billing.slotting import period_days, slot_usage
from hansa.apps.billing.stops import MeterStops, attributed, planned, stops_of
from hansa.apps.billing.unknown_time import UnknownTime, doubtful_lines, unknown_time
from hansa.apps.consortium.calendars import Period
from hansa.apps.metering.chain import Interval, LowRun
from hansa.kernel.limits import CORRECTED_PERIODS_MAX, STATEMENT_GAPS_MAX, STATEMENT_STOPS_MAX

FALLS_COUNTED_MAX = STATEMENT_GAPS_MAX + 1
"""Low runs of a meter and a period that are looked for: one more than a statement lists."""


class Source(GapSource, Protocol):
    """What is known of one meter of an agreement."""

    def usage(self, period: Period) -> Mapping[tuple[int, int], int]:
        """Normal usage of a period: base units by (part, window)."""
        ...

    def falls(self, from_ms: int, to_ms: int, limit: int) -> Sequence[LowRun]:
        """Runs of low readings that touch from ≤ t < to, the pending one last; at most `limit`."""
        ...

    def intervals(self, from_ms: int, to_ms: int, limit: int) -> Sequence[Interval]:
        """Intervals that touch from ≤ t < to, in order, out of the first `limit` records from there on."""
        ...

    def slots(self, from_day: int, until_day: int) -> Mapping[int, SlotRecord]:
        """Normal usage by slot of the local dates from ≤ day < until, where it is kept."""
        ...


class Known(NamedTuple):
    """What the records of a period, and the claims about it, say; it may be rated more than once."""

    period: Period
    usage: Mapping[tuple[str, str, str], int]
    facts: Facts
    """All but what earlier periods leave to this one."""
    gaps: tuple[GapLine, ...]
    falls: tuple[FallLine, ...]
    stops: tuple[MeterStops, ...]
    checks: tuple[CheckResult, ...]
    unknown: tuple[UnknownTime, ...]


class Rated(NamedTuple):
    """A period by what is known of it."""

    lines: tuple[Line, ...]
    gaps: tuple[GapLine, ...]
    falls: tuple[FallLine, ...]


Claims = Sequence[tuple[str, Claim]]
"""All claims about a period, by their names."""


def rate_period(
    deal: Deal,
    sources: Mapping[str, Source],
    period: Period,
    claims: Claims = (),
    carry: Carry = NOTHING,
) -> Rated:
    """Lines, gaps and low readings of a period; `sources` by meter. Raises AmountTooLarge."""
    known = know(deal, sources, period, claims)
    return Rated(rate_known(deal, known, carry), known.gaps, known.falls)


def know(deal: Deal, sources: Mapping[str, Source], period: Period, claims: Claims = ()) -> Known:
    """Look up all that a period is rated by; `sources` by the names of `bound`."""
    terms = deal.agreement.terms
    sums: dict[str, dict[tuple[int, int], int]] = {}
    gaps: list[GapLine] = []
    falls: list[FallLine] = []
    stops: list[MeterStops] = []
    unknown: list[UnknownTime] = []
    slots: dict[str, SlotUsage] = {}
    named = any(isinstance(element, Demand) and element.windows for element in deal.tariff.elements)
    for binding in bound(deal.agreement):
        meter = binding.meter
        source, of = sources[meter], measure(deal, meter)
        booked = book_gaps(of, gap_rule(deal, meter), source, period.from_ms, period.to_ms)
        normal = source.usage(period)
        sums[meter] = _added(normal, *(gap.parts for gap in booked))
        if is_check(meter):
            continue
        if of.slot_minutes:
            kept = source.slots(*period_days(of, period))
            shares_of_gaps = [share for gap in booked for share in gap.shares]
            slots[meter] = slot_usage(of, kept, shares_of_gaps, period, named)
        gaps += [gap.line for gap in booked if gap.listed]
        if of.kind == "counter":
            runs = source.falls(period.from_ms, period.to_ms, FALLS_COUNTED_MAX)
            falls += [_fall(meter, run) for run in runs]
        if rules := of_meter(terms.attribution, meter):
            attributed_usage = normal if of.kind == "state" else sums[meter]
            closes_ms = period.to_ms + terms.cut_off_ms
            stops.append(stops_of(meter, of, rules, attributed_usage, source, claims, closes_ms))
        if of.kind == "state" and (rules or any(bound.meter == meter for bound in terms.unknown)):
            unknown.append(unknown_time(meter, normal, period, terms.unknown))
    usage, checks = _checked(deal, sums)
    promises = any(isinstance(element, Availability) for element in deal.tariff.elements)
    facts = Facts(
        attributed=attributed(stops),
        planned=planned(deal.scheme, period) if promises else {},
        slots=slots,
        prices=_prices(deal, slots, period.to_ms + terms.cut_off_ms),
        indices=indices_of(deal.prices, deal.tariff.elements, period, terms.cut_off_ms),
    )
    lost = tuple(each for each in unknown if each.unknown_ms)
    return Known(period, usage, facts, tuple(gaps), tuple(falls), tuple(stops), checks, lost)


def _prices(
    deal: Deal, slots: Mapping[str, SlotUsage], closes_ms: int
) -> dict[str, dict[int, tuple[int, ...]]]:
    """Prices by slot of the clauses that follow a series."""
    return {
        element.clause: series_prices(deal.prices, element, deal.calendar, slots[element.meter], closes_ms)
        for element in deal.tariff.elements
        if isinstance(element, Series)
    }


def rate_known(
    deal: Deal, known: Known, carry: Carry = NOTHING, also: Claimed | None = None
) -> tuple[Line, ...]:
    """The period's lines. `carry`: what the periods before leave; `also`: as if a disputed claim counted."""
    facts = replace(known.facts, carry=carry)
    if also is not None:
        facts = replace(facts, attributed=attributed(known.stops, also))
    return rate(deal.tariff, known.usage, known.period, facts)


def disputed_claims(
    deal: Deal, known: Known, carry: Carry, lines: Sequence[Line]
) -> tuple[DisputedClaim, ...]:
    """Claims that do not count, each with what it alone would change; `lines`: the period's."""
    amount_minor = sum(line.amount_minor for line in lines)
    return tuple(
        disputed(each, sum(line.amount_minor for line in rate_known(deal, known, carry, each)) - amount_minor)
        for stops in known.stops
        for each in stops.disputed
    )


def disputed_lines(known: Known, lines: Sequence[Line]) -> tuple[int, ...]:
    """K4: numbers of the period's own lines that are disputed by themselves; `lines`: numbered."""
    beyond = [check.meter for check in known.checks if check.beyond and check.rule == "dispute"]
    return tuple(line.number for line in lines if line.meter in beyond and not line.corrects_from_ms)


def listed(deal: Deal, known: Known, carry: Carry, lines: Sequence[Line], totals: Totals) -> dict[str, Any]:
    """What a statement lists beside its sums, by field; `lines`: the period's own, before tax."""
    stops: list[StopLine] = []
    scrap: list[ScrapLine] = []
    for found in known.stops:
        if found.of.kind == "state":
            stops += stop_lines(found.meter, found.causes())
        else:
            scrap += scrap_lines(found.meter, found.causes())
    agreement = deal.agreement
    return {
        "gaps": known.gaps[:STATEMENT_GAPS_MAX],
        "gap_count": len(known.gaps),
        "falls": known.falls[:STATEMENT_GAPS_MAX],
        "fall_count": len(known.falls),
        "stops": tuple(stops[:STATEMENT_STOPS_MAX]),
        "stop_count": len(stops),
        "scrap": tuple(scrap[:STATEMENT_STOPS_MAX]),
        "scrap_count": len(scrap),
        "claims": disputed_claims(deal, known, carry, lines),
        "checks": known.checks,
        "check_lines": disputed_lines(known, totals.lines),
        "unknown": known.unknown,
        "unknown_lines": doubtful_lines(deal.tariff, known.unknown, totals.lines),
        "shares": shares(deal.tariff.elements, agreement.provider, agreement.user, totals.lines),
    }


def _added(*all_sums: Mapping[tuple[int, int], int]) -> dict[tuple[int, int], int]:
    out: dict[tuple[int, int], int] = {}
    for sums in all_sums:
        for bucket, quantity in sums.items():
            out[bucket] = out.get(bucket, 0) + quantity
    return out


def _checked(
    deal: Deal, sums: Mapping[str, Mapping[tuple[int, int], int]]
) -> tuple[dict[tuple[str, str, str], int], tuple[CheckResult, ...]]:
    """Usage as it is rated, the check feeds compared (K2, K3)."""
    usage: dict[tuple[str, str, str], int] = {}
    for binding in deal.agreement.meters:
        parts, windows = measure(deal, binding.meter).parts(), deal.scheme.names
        for (part, window), quantity in sums[binding.meter].items():
            usage[binding.meter, parts[part], windows[window]] = quantity
    results: list[CheckResult] = []
    for check in deal.agreement.terms.checks:
        main, other = (
            {deal.scheme.names[window]: quantity for (_, window), quantity in sums[name].items()}
            for name in (check.meter, check_name(check.meter))
        )
        result, counted = compare(check, main, other)
        usage |= {(check.meter, "", window): quantity for window, quantity in counted.items()}
        results.append(result)
    return usage, tuple(results)


class Corrections(NamedTuple):
    """Lines by the earlier period that they correct, the oldest first."""

    found: list[tuple[Period, tuple[Line, ...]]]
    stopped_ms: int
    """Start of the first period that was not looked at; 0: all were."""
    carried: dict[int, Carry]
    """What the periods looked at leave to those after them, by their start."""

    def lines(self) -> tuple[Line, ...]:
        return tuple(line for _, lines in self.found for line in lines)


@dataclass(frozen=True)
class Past:
    """What is known of closed periods beside the records."""

    billed: Callable[[Period], Sequence[Line]]
    """Every line that statements carry for a period."""
    claims: Callable[[Period], Claims] = lambda period: ()
    carry: Callable[[int], tuple[int, Carry]] = lambda before_ms: (0, NOTHING)
    """Start of the last period before an instant, and what it left to those after it."""


def correct_earlier(
    deal: Deal,
    sources: Mapping[str, Source],
    past: Past,
    since_ms: int,
    until_ms: int,
    stop_ms: int = 0,
    enough: Callable[[int], bool] = lambda lines: False,
) -> Corrections:
    """C1: rate again the periods from that of `since_ms` up to `until_ms`, and compare with what was billed.

    What a period leaves to the next is reckoned anew on the way (C3). Stops after CORRECTED_PERIODS_MAX
    periods that differ, at the period of `stop_ms` (0: nowhere), or when so many lines are `enough`.
    """
    found: list[tuple[Period, tuple[Line, ...]]] = []
    carried: dict[int, Carry] = {}
    elements = deal.tariff.elements
    at_ms = max(since_ms, deal.agreement.from_ms)
    carry = NOTHING
    while at_ms < until_ms:
        period = period_from(deal, at_ms)
        count = sum(len(lines) for _, lines in found)
        if len(found) == CORRECTED_PERIODS_MAX or 0 < stop_ms <= period.from_ms or enough(count):
            return Corrections(found, period.from_ms, carried)
        if carries(elements) and not carried:
            carry = past.carry(period.from_ms)[1]
        rated = rate_period(deal, sources, period, past.claims(period), carry).lines
        if carries(elements):
            carry = carried[period.from_ms] = carry_after(elements, carry, rated)
        lines = corrections(rated, past.billed(period), period)
        if lines:
            found.append((period, lines))
        at_ms = period.to_ms
    return Corrections(found, 0, carried)


def carry_before(past: Past, earlier: Corrections, period: Period) -> Carry:
    """What the periods before one leave to it, as reckoned anew where they were."""
    last_ms, carry = past.carry(period.from_ms)
    return earlier.carried.get(last_ms, carry)


def _fall(meter: str, run: LowRun) -> FallLine:
    return FallLine(
        meter=meter,
        from_ms=run.first_ms,
        to_ms=run.last_ms,
        readings=run.readings,
        value_base=run.value,
        good_base=run.good_value,
        status=run.status,
    )
