"""Whether feeds can carry what an agreement bills by them: kind, unit, wiring, states, legal use."""

from collections.abc import Iterator

from hansa.apps.billing import errors, errors_attribution
from hansa.apps.billing.attribution import of_meter
from hansa.apps.billing.check_feeds import CheckFeed, check_name
from hansa.apps.billing.deal import Deal
from hansa.apps.billing.elements_energy import electric_meters
from hansa.apps.billing.messages import Agreement, Binding
from hansa.apps.billing.tables import TARIFFS
from hansa.apps.billing.tariff import Tariff, Usage
from hansa.apps.consortium.calendars import Period
from hansa.apps.metering.messages import Feed
from hansa.kernel import Context

LEGAL_CARRIERS = {
    "electricity": "电能",
    "gas": "燃气",
    "water": "水",
    "heat": "热能",
    "weight": "重量",
}
"""What may be settled in trade by verified meters only (rule 25), with its Chinese name."""


def check_bound(ctx: Context, agreement: Agreement, feeds_of: tuple[str, ...] = ()) -> None:
    """Each meter of the tariff has exactly one feed, and it is a party's, or of one that let it be used:
    nobody else's records bear the work.
    """
    published = TARIFFS.get(ctx, (agreement.tariff_owner, agreement.tariff, agreement.tariff_version))
    names = [meter.name for meter in published.tariff.meters] if published else []
    bound = [binding.meter for binding in agreement.meters]
    for name in dict.fromkeys((*bound, *names)):
        if published and (bound.count(name) != 1 or name not in names):
            raise errors.MeterUnbound(clause=name, meter=name)
    for binding in agreement.meters:
        if binding.owner not in (agreement.provider, agreement.user, *feeds_of):
            raise errors.FeedOfOther(clause=binding.meter, feed=binding.feed, owner=binding.owner)


def check_meters(deal: Deal) -> None:
    """Each feed can carry what is billed by it."""
    tariff = deal.tariff
    for binding in deal.agreement.meters:
        feed = deal.feeds[binding.meter]
        meter = next(meter for meter in tariff.meters if meter.name == binding.meter)
        if (feed.kind, feed.base_unit) != (meter.kind, meter.base_unit):
            raise errors.MeterUnfit(
                clause=meter.name,
                feed=binding.feed,
                kind=feed.kind,
                base_unit=feed.base_unit,
                meter=meter.name,
                wanted_kind=meter.kind,
                wanted_unit=meter.base_unit,
            )
        if not feed.wired:
            raise errors.NotWired(clause=meter.name, feed=binding.feed)
        _check_states(tariff, binding, feed)
        _check_stops(deal, binding, feed)
        _check_legal_use(deal, binding, feed)
    for check in deal.agreement.terms.checks:
        _check_other(deal, check)


def _check_states(tariff: Tariff, binding: Binding, feed: Feed) -> None:
    for element in tariff.elements:
        if isinstance(element, Usage) and element.meter == binding.meter:
            for state in element.states:
                if state not in feed.states:
                    raise errors.StateUnknown(
                        clause=element.clause, by=element.clause, state=state, feed=binding.feed
                    )


def _check_stops(deal: Deal, binding: Binding, feed: Feed) -> None:
    """States that are stops are the feed's."""
    for rule in of_meter(deal.agreement.terms.attribution, binding.meter):
        for state in rule.states:
            if state not in feed.states:
                raise errors.StateUnknown(
                    clause=binding.meter, by=rule.reason, state=state, feed=binding.feed
                )


def _check_other(deal: Deal, check: CheckFeed) -> None:
    """K1: a check feed is the other party's, and counts the same; what may be billed by it is verified."""
    agreement, feed = deal.agreement, deal.feeds[check_name(check.meter)]
    main = next(binding for binding in agreement.meters if binding.meter == check.meter)
    others = [party for party in (agreement.provider, agreement.user) if party != main.owner]
    if check.owner not in others:
        raise errors_attribution.CheckOwner(
            clause=check.meter,
            meter=check.meter,
            other=" / ".join(others),
            feed=check.feed,
            owner=check.owner,
        )
    kind, unit = deal.feeds[check.meter].kind, deal.feeds[check.meter].base_unit
    if (feed.kind, feed.base_unit) != (kind, unit) or not feed.wired:
        raise errors_attribution.CheckUnfit(clause=check.meter, meter=check.meter, feed=check.feed)
    if check.rule in ("mean", "lower"):
        _check_legal_use(deal, Binding(check.meter, check.owner, check.feed), feed)


def _legal_carrier(deal: Deal, binding: Binding, feed: Feed) -> str:
    """What of a meter's may be settled in trade by a verified one only; "" if nothing. Where demand or power
    factor are charged it is electricity, whatever the feed says (reactive energy too).
    """
    if deal.tariff.purpose != "trade_settlement":
        return ""
    if binding.meter in electric_meters(deal.tariff.elements):
        return "electricity"
    return feed.carrier if feed.carrier in LEGAL_CARRIERS else ""


def _check_legal_use(deal: Deal, binding: Binding, feed: Feed) -> None:
    carrier = _legal_carrier(deal, binding, feed)
    if not carrier:
        return
    if feed.legal_use.grade != "billing":
        raise errors.LegalUseMissing(
            clause=binding.meter,
            feed=binding.feed,
            carrier=carrier,
            carrier_zh=LEGAL_CARRIERS[carrier],
        )
    if feed.legal_use.valid_until_ms <= deal.agreement.from_ms:
        raise errors.LegalUseExpired(clause=binding.meter, feed=binding.feed)


def check_verified(deal: Deal, period: Period) -> None:
    """No meter's verification may end before the period to be closed does."""
    for binding, feed in _billed_by(deal):
        _check_legal_use(deal, binding, feed)
        if _legal_carrier(deal, binding, feed) and feed.legal_use.valid_until_ms < period.to_ms:
            raise errors.LegalUseExpired(clause=binding.meter, feed=binding.feed)


def _billed_by(deal: Deal) -> Iterator[tuple[Binding, Feed]]:
    """What may be paid by: the meters' feeds, and check feeds that may count in their place."""
    for binding in deal.agreement.meters:
        yield binding, deal.feeds[binding.meter]
    for check in deal.agreement.terms.checks:
        if check.rule in ("mean", "lower"):
            yield Binding(check.meter, check.owner, check.feed), deal.feeds[check_name(check.meter)]
