"""The same usage under another tariff: computed from an evidence bundle, written nowhere."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hansa.apps.billing.check_feeds import is_check
from hansa.apps.billing.errors import MeterUnbound, MeterUnfit
from hansa.apps.billing.messages import Binding
from hansa.apps.billing.recompute import Closed, Deal, settle
from hansa.apps.billing.settling import Claims
from hansa.apps.billing.sheet import Sheet, read_sheet
from hansa.apps.consortium.calendars import Calendar
from hansa.client.verify import Report
from hansa.kernel import replace


@dataclass(frozen=True)
class Comparison:
    """Periods as they were stated and as they would have been. Late corrections are left out of both."""

    currency: str
    other_currency: str
    calendar: Calendar
    stated: tuple[Closed, ...]
    other: tuple[Closed, ...]


def under_tariff(report: Report, path: Path, chosen: dict[str, str] | None = None) -> Comparison:
    """Rate the usage of a checked bundle under the sheet at `path`.

    Each meter of the new tariff takes the records of the metered meter of the same name, of the one chosen,
    or of
    the only one that fits. Raises the sheet's refusals, MeterUnbound and MeterUnfit.
    """
    assert report.deal is not None
    deal = report.deal
    sheet = read_sheet(path)
    meters = {meter.name: _source(deal, sheet, meter.name, chosen or {}) for meter in sheet.tariff.meters}
    bindings = {binding.meter: binding for binding in deal.agreement.meters}
    agreement = replace(
        deal.agreement,
        terms=replace(sheet.terms, checks=()),
        meters=tuple(
            Binding(meter=name, owner=bindings[source].owner, feed=bindings[source].feed)
            for name, source in meters.items()
        ),
    )
    feeds = {name: deal.feeds[source] for name, source in meters.items()}
    other = Deal(agreement, sheet.tariff, sheet.calendar, feeds, deal.prices)
    points = {name: report.points.get(source, []) for name, source in meters.items()}
    same_periods = sheet.tariff.period == deal.tariff.period
    # All records at once, at the first close: so no period has late corrections.
    periods = len(report.closed) if same_periods else _PERIODS_MAX
    stated = settle(deal, [dict(report.points), *({} for _ in report.closed[1:])], claims=report.claims)
    claims = _renamed(report.claims, meters) if same_periods else {}
    others = settle(other, [points, *({} for _ in range(periods - 1))], claims=claims)
    until = report.closed[-1].period.to_ms
    return Comparison(
        currency=deal.tariff.currency,
        other_currency=sheet.tariff.currency,
        calendar=deal.calendar,
        stated=tuple(stated),
        other=tuple(closed for closed in others if closed.period.from_ms < until),
    )


_PERIODS_MAX = 4_000


def _renamed(claims: Mapping[int, Claims], meters: Mapping[str, str]) -> dict[int, Claims]:
    """The claims of each period, of the meters of the new tariff that stand for those claimed of."""
    return {
        period_ms: [
            (claim, replace(said, meter=name))
            for name, source in meters.items()
            for claim, said in found
            if said.meter == source
        ]
        for period_ms, found in claims.items()
    }


def _source(deal: Deal, sheet: Sheet, name: str, chosen: dict[str, str]) -> str:
    """The metered meter whose records stand for a meter of the new tariff."""
    wanted = next(meter for meter in sheet.tariff.meters if meter.name == name)
    fitting = [
        meter
        for meter, feed in deal.feeds.items()
        if not is_check(meter) and (feed.kind, feed.base_unit) == (wanted.kind, wanted.base_unit)
    ]
    source = chosen.get(name, name)
    if source not in deal.feeds or is_check(source):
        if len(fitting) != 1 or name in chosen:
            raise MeterUnbound(clause=name, meter=name)
        return fitting[0]
    if source not in fitting:
        feed = deal.feeds[source]
        raise MeterUnfit(
            clause=name,
            feed=source,
            kind=feed.kind,
            base_unit=feed.base_unit,
            meter=name,
            wanted_kind=wanted.kind,
            wanted_unit=wanted.base_unit,
        )
    return source
