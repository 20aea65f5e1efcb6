"""Tariffs and terms that the traffic's companies agree on. Every sum of theirs can be reckoned anew from
pieces counted.
"""

from hansa.apps.billing.attribution import AttributionRule
from hansa.apps.billing.elements_trade import Availability, Band, ScrapCredit
from hansa.apps.billing.messages import Binding
from hansa.apps.billing.tariff import Fixed, Meter, Tariff, Tax, TaxRate, Tier, Usage
from hansa.apps.billing.terms import GapRule, GapRuleName, Settlement, Terms
from hansa.kernel import limits, replace
from hansa.simulation.simulator.traffic.metering import PIECES, SCRAP, STATE
from hansa.simulation.simulator.traffic.mind import Mind

SIMPLE, FULL = "simple", "full"
"""A fee and a price for each piece; and one with hours, a promise of availability, scrap not paid for."""
PRICE_MINOR = 300
FEE_MINOR = 10_000
TAX_BP = 1_300
TAX = Tax("vat", (TaxRate(17_000, TAX_BP),))
"""Since 2016."""
EACH = Usage(
    clause="per_piece",
    tax="vat",
    meter=PIECES,
    unit="piece",
    unit_base=1,
    tiers=(Tier(PRICE_MINOR * 1_000_000),),
    tiering="graduated",
)
HOURS = Usage(
    clause="hours",
    tax="vat",
    meter=STATE,
    unit="h",
    unit_base=limits.HOUR_MS,
    tiers=(Tier(5_200_000_000),),
    tiering="graduated",
    states=("ACTIVE",),
)
FEE = Fixed(clause="fee", tax="vat", amount_minor=FEE_MINOR)
SIMPLE_TARIFF = Tariff(
    name="by_the_piece",
    purpose="internal",
    currency="CNY",
    rounding="half_up",
    period="day",
    meters=(Meter(PIECES, "counter", "piece"),),
    elements=(FEE, EACH),
    taxes=(TAX,),
)
FULL_TARIFF = replace(
    SIMPLE_TARIFF,
    name="with_a_promise",
    meters=(*SIMPLE_TARIFF.meters, Meter(SCRAP, "counter", "piece"), Meter(STATE, "state", "ms")),
    elements=(
        FEE,
        EACH,
        HOURS,
        Availability("uptime", "vat", STATE, ("per_piece",), 9_500, (Band(9_500, 1_000),)),
        ScrapCredit("scrapped", "vat", SCRAP, ("per_piece", "uptime")),
    ),
)
TARIFFS = {SIMPLE: SIMPLE_TARIFF, FULL: FULL_TARIFF}
ATTRIBUTION = (
    AttributionRule(STATE, "breakdown", "provider", ("DOWN",)),
    AttributionRule(STATE, "no_material", "user", ("IDLE",)),
    AttributionRule(SCRAP, "tooling", "provider"),
)
SETTLEMENTS = (
    Settlement(payment_days=0, runs_from="period_end"),
    Settlement(payment_days=0, runs_from="confirmation", silence_days=1, interest_bp=1_825),
    Settlement(payment_days=1, runs_from="invoice", silence_days=2, interest_bp=3_650, interest_tax="vat"),
)


def terms(mind: Mind, tariff: str, *, bank: str = "") -> Terms:
    """Gaps by a rule of chance; a settlement, now and then by claims on the bank."""
    meters = [meter.name for meter in TARIFFS[tariff].meters]
    longer_ms = mind.between(1, 12) * limits.HOUR_MS
    gaps = tuple(GapRule(meter, longer_ms, "zero" if meter == STATE else gap(mind)) for meter in meters)
    cut_off_ms = mind.one((0, 0, 2 * limits.HOUR_MS, 30 * limits.HOUR_MS))
    settlement = replace(mind.one(SETTLEMENTS), bank=bank)
    attribution = ATTRIBUTION if tariff == FULL else ()
    return Terms(cut_off_ms, gaps, settlement=settlement, attribution=attribution)


def gap(mind: Mind) -> GapRuleName:
    return mind.one(("counter_difference", "counter_difference", "zero", "last_rate", "dispute"))


def bindings(tariff: str, owner: str) -> tuple[Binding, ...]:
    """An owner's feeds for the meters of a tariff: they have the same names."""
    return tuple(Binding(meter.name, owner, meter.name) for meter in TARIFFS[tariff].meters)
