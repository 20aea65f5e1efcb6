"""Time of which nothing is known: shown apart from stops, and bounded where the parties agreed on a bound.

Whoever owns the feed could else hide a stop by losing the signal: unknown time is rated by the gap rule and
is no downtime. So a statement says how much there is, the other party may claim a stop within it with
evidence (attribution.py, A5), and beyond the bound the lines that rest on the meter are disputed by
themselves. The law is docs/tariff-rules.md, section 7 (A9, A10). Pure.
"""

from collections.abc import Iterable, Mapping, Sequence

from hansa.apps.billing import errors_attribution as errors
from hansa.apps.billing.elements import Meter
from hansa.apps.billing.elements_trade import Availability
from hansa.apps.billing.lines import Line
from hansa.apps.billing.tariff import Tariff
from hansa.apps.consortium.calendars import Period
from hansa.kernel.types import BasisPoints, DurationMs, Id, Struct

WHOLE_BP = 10_000


class UnknownBound(Struct):
    """How much of a period may be unknown of a state meter before its lines are disputed by themselves."""

    meter: Id
    bound_bp: BasisPoints
    """Of the period's time."""


class UnknownTime(Struct):
    """What of a period is unknown of a state meter, as a statement lists it."""

    meter: Id
    unknown_ms: DurationMs
    beyond: bool = False
    """It is more than the parties' bound."""


def check_bounds(bounds: Sequence[UnknownBound], meters: Mapping[str, Meter]) -> None:
    """Refuse bounds that no state meter has, or that a period could not keep (A10)."""
    names = [bound.meter for bound in bounds]
    for bound in bounds:
        meter = meters.get(bound.meter)
        if meter is None or meter.kind != "state" or names.count(bound.meter) > 1:
            raise errors.UnknownMeter(clause=bound.meter, meter=bound.meter)
        if not 0 <= bound.bound_bp < WHOLE_BP:
            raise errors.UnknownShare(clause=bound.meter, meter=bound.meter, bound_bp=bound.bound_bp)


def unknown_time(
    meter: str, usage: Mapping[tuple[int, int], int], period: Period, bounds: Sequence[UnknownBound]
) -> UnknownTime:
    """A9: what of a period no record says a state of; `usage`: ms by (state, window), known ones."""
    length_ms = period.to_ms - period.from_ms
    unknown_ms = length_ms - sum(usage.values())
    bound_bp = next((bound.bound_bp for bound in bounds if bound.meter == meter), WHOLE_BP)
    return UnknownTime(meter, unknown_ms, unknown_ms * WHOLE_BP > bound_bp * length_ms)


def doubtful_lines(tariff: Tariff, found: Iterable[UnknownTime], lines: Sequence[Line]) -> tuple[int, ...]:
    """A10: numbers of the period's own lines that are disputed by themselves; `lines`: numbered."""
    meters = [each.meter for each in found if each.beyond]
    clauses = [
        clause
        for element in tariff.elements
        if isinstance(element, Availability) and element.meter in meters
        for clause in (element.clause, *element.of)
    ]
    return tuple(
        line.number
        for line in lines
        if (line.meter in meters or line.clause in clauses) and not line.corrects_from_ms
    )
