"""Stops and scrap of one period, meter by meter, and what they would be if a disputed claim counted. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hansa.apps.billing.attribution import (
    AttributionRule,
    Cause,
    Claim,
    Claimed,
    ClaimSource,
    attribute,
    claimed,
    counts,
)
from hansa.apps.billing.booking import Measure
from hansa.apps.billing.windows import WindowScheme
from hansa.apps.consortium.calendars import Period

Attributed = dict[tuple[str, str, str], int]
"""ms, or pieces of scrap, by (meter, liable party, window); of scrap the window is ""."""


@dataclass(frozen=True)
class MeterStops:
    """What is known of the stops, or the scrap, of one meter in a period."""

    meter: str
    of: Measure
    rules: tuple[AttributionRule, ...]
    usage: Mapping[tuple[int, int], int]
    standing: tuple[Claimed, ...]
    """Claims that count."""
    disputed: tuple[Claimed, ...]
    """Claims that do not."""

    def causes(self, also: Claimed | None = None) -> dict[Cause, int]:
        """By cause; `also`: as if that claim counted, and none that overlaps it did."""
        standing = self.standing
        if also is not None:
            standing = (*(found for found in standing if not _overlap(found.claim, also.claim)), also)
        return attribute(self.of, self.rules, self.usage, standing)


def _overlap(a: Claim, b: Claim) -> bool:
    return a.from_ms < b.to_ms and b.from_ms < a.to_ms


def stops_of(
    meter: str,
    of: Measure,
    rules: tuple[AttributionRule, ...],
    usage: Mapping[tuple[int, int], int],
    source: ClaimSource,
    claims: Sequence[tuple[str, Claim]],
    closes_ms: int,
) -> MeterStops:
    """Look up what each claim about a meter is about. `closes_ms`: the period's end plus cut-off."""
    found = [claimed(of, source, name, claim) for name, claim in claims if claim.meter == meter]
    standing = tuple(each for each in found if counts(each.claim, closes_ms))
    disputed = tuple(each for each in found if not counts(each.claim, closes_ms))
    return MeterStops(meter, of, rules, usage, standing, disputed)


def attributed(meters: Sequence[MeterStops], also: Claimed | None = None) -> Attributed:
    """Of all meters together; `also` as in `MeterStops.causes`."""
    out: Attributed = {}
    for stops in meters:
        own = also if also is not None and also.claim.meter == stops.meter else None
        for (_, liable, window), quantity in stops.causes(own).items():
            name = (stops.meter, liable, window)
            out[name] = out.get(name, 0) + quantity
    return out


def planned(scheme: WindowScheme, period: Period) -> dict[str, int]:
    """ms of a period by window."""
    out: dict[str, int] = {}
    for window, from_ms, to_ms in scheme.split(period.from_ms, period.to_ms)[0]:
        out[scheme.names[window]] = out.get(scheme.names[window], 0) + to_ms - from_ms
    return out
