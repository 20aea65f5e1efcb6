"""What a period comes to: usage and gaps of each meter, rated by the tariff. Pure.

`Source` is all it needs to know of a meter's records: the contract answers from the sums it keeps, a checker
from the records themselves, and both rate by the same lines below.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from hansa.apps.billing.deal import Deal, gap_rule, measure, period_from
from hansa.apps.billing.gaps import GapLine, GapSource, book_gaps
from hansa.apps.billing.messages import FallLine
from hansa.apps.billing.rating import Line, corrections, rate
from hansa.apps.consortium.calendars import Period
from hansa.apps.metering.chain import LowRun
from hansa.kernel.limits import CORRECTED_PERIODS_MAX, STATEMENT_GAPS_MAX

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


class Rated(NamedTuple):
    """A period by what is known of it."""

    lines: tuple[Line, ...]
    gaps: tuple[GapLine, ...]
    falls: tuple[FallLine, ...]


def rate_period(deal: Deal, sources: Mapping[str, Source], period: Period) -> Rated:
    """Lines, gaps and low readings of a period; `sources` by meter. Raises AmountTooLarge."""
    usage: dict[tuple[str, str, str], int] = {}
    gaps: list[GapLine] = []
    falls: list[FallLine] = []
    for binding in deal.agreement.meters:
        meter = binding.meter
        source, of = sources[meter], measure(deal, meter)
        parts, windows = of.parts(), of.scheme.names
        booked = book_gaps(of, gap_rule(deal, meter), source, period.from_ms, period.to_ms)
        for sums in (source.usage(period), *(gap.parts for gap in booked)):
            for (part, window), quantity in sums.items():
                bucket = (meter, parts[part], windows[window])
                usage[bucket] = usage.get(bucket, 0) + quantity
        gaps += [gap.line for gap in booked if gap.listed]
        if of.kind == "counter":
            runs = source.falls(period.from_ms, period.to_ms, FALLS_COUNTED_MAX)
            falls += [_fall(meter, run) for run in runs]
    return Rated(rate(deal.tariff, usage, period), tuple(gaps), tuple(falls))


class Corrections(NamedTuple):
    """Lines by the earlier period that they correct, the oldest first."""

    found: list[tuple[Period, tuple[Line, ...]]]
    stopped_ms: int
    """Start of the first period that was not looked at; 0: all were."""

    def lines(self) -> tuple[Line, ...]:
        return tuple(line for _, lines in self.found for line in lines)


def correct_earlier(
    deal: Deal,
    sources: Mapping[str, Source],
    billed: Callable[[Period], Sequence[Line]],
    since_ms: int,
    until_ms: int,
    stop_ms: int = 0,
    enough: Callable[[int], bool] = lambda lines: False,
) -> Corrections:
    """C1: rate again the periods from that of `since_ms` up to `until_ms`, and compare with what was billed.

    `billed`: every line that statements carry for a period. Stops after CORRECTED_PERIODS_MAX
    periods that differ, at the period of `stop_ms` (0: nowhere), or when so many lines are `enough`.
    """
    found: list[tuple[Period, tuple[Line, ...]]] = []
    at_ms = max(since_ms, deal.agreement.from_ms)
    while at_ms < until_ms:
        period = period_from(deal, at_ms)
        count = sum(len(lines) for _, lines in found)
        if len(found) == CORRECTED_PERIODS_MAX or 0 < stop_ms <= period.from_ms or enough(count):
            return Corrections(found, period.from_ms)
        lines = corrections(rate_period(deal, sources, period).lines, billed(period), period)
        if lines:
            found.append((period, lines))
        at_ms = period.to_ms
    return Corrections(found, 0)


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
