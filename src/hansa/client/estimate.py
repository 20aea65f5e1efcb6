"""What a lease by some tariff would come to for a quantity that is planned; nothing is measured or stored.

The same rating as that of statements, over the periods of the time in question. What a plan does not say is
counted as nothing and told: an estimate never passes for a statement.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hansa.apps.billing.elements import Usage
from hansa.apps.billing.elements_trade import Availability, ScrapCredit
from hansa.apps.billing.messages import PublishedTariff
from hansa.apps.billing.rating import close_statement, rate
from hansa.apps.billing.tariff import Meter, Tariff
from hansa.apps.billing.windows import WindowScheme, windows_at
from hansa.apps.consortium.calendars import Calendar, clip, period_at
from hansa.apps.leasing.messages_market import Capability
from hansa.client.texts import Text
from hansa.kernel.limits import HOUR_MS
from hansa.kernel.refusal import Refusal


class EstimateTime(Refusal, code="market.estimate_time", field="to_ms"):
    zh = "测算的结束时间须晚于开始时间。请更正起止时间。"
    en = "An estimate needs an end after its start. Correct the period."


@dataclass(frozen=True)
class Plan:
    """What is to be made in a time, and what is known beside: base units by meter of the tariff."""

    from_ms: int
    to_ms: int
    quantity: int
    given: Mapping[str, int]


@dataclass(frozen=True)
class Estimate:
    """Sums over all periods, and what had to be assumed."""

    currency: str
    net_minor: int
    tax_minor: int
    gross_minor: int
    assumed: tuple[Text, ...]


def estimate(published: PublishedTariff, calendar: Calendar, capability: Capability, plan: Plan) -> Estimate:
    """The plan rated by a tariff, spread evenly over its time. Raises EstimateTime, and what rating refuses:
    CalendarOutside, TaxBeforeFirst, AmountTooLarge, or elements that need what only metering can know.
    """
    if plan.from_ms >= plan.to_ms:
        raise EstimateTime()
    tariff = published.tariff
    totals, assumed = _planned(tariff, capability, plan)
    scheme = windows_at(tariff, calendar)
    net_minor = tax_minor = gross_minor = 0
    at_ms = plan.from_ms
    while at_ms < plan.to_ms:
        period = clip(calendar, period_at(calendar, tariff.period, at_ms), plan.from_ms, plan.to_ms)
        usage = _share(scheme, totals, plan, period.from_ms, period.to_ms)
        closed = close_statement(tariff.tax_included, rate(tariff, usage, period))
        net_minor += closed.net_minor
        tax_minor += closed.tax_minor
        gross_minor += closed.gross_minor
        at_ms = period.to_ms
    return Estimate(tariff.currency, net_minor, tax_minor, gross_minor, assumed)


def running_ms(capability: Capability, quantity: int) -> int:
    """How long a quantity takes at the capability's best rate."""
    return -(-quantity * HOUR_MS // capability.rate_per_hour)


def _planned(
    tariff: Tariff, capability: Capability, plan: Plan
) -> tuple[dict[tuple[str, str], int], tuple[Text, ...]]:
    """Base units in all by (meter, part), and what was assumed."""
    totals: dict[tuple[str, str], int] = {}
    assumed: list[Text] = []
    for meter in tariff.meters:
        part = _state_of(tariff, meter)
        if meter.name in plan.given:
            totals[meter.name, part] = plan.given[meter.name]
        elif meter.kind == "state" and part:
            totals[meter.name, part] = running_ms(capability, plan.quantity)
            hours = totals[meter.name, part] / HOUR_MS
            assumed.append(
                Text(
                    f"{meter.name}：按每小时 {capability.rate_per_hour} 计，{part} 为 {hours:.1f} 小时",
                    f"{meter.name}: {hours:.1f} h {part}, at {capability.rate_per_hour} an hour",
                )
            )
        elif meter.kind != "state" and meter.base_unit == capability.unit:
            totals[meter.name, part] = plan.quantity
        else:
            assumed.append(
                Text(f"{meter.name}：用量未知，按 0 计", f"{meter.name}: not known, counted as nothing")
            )
    return totals, (*assumed, *_credits(tariff))


def _credits(tariff: Tariff) -> Iterator[Text]:
    """Credits that rest on what only metering can say."""
    for element in tariff.elements:
        if isinstance(element, Availability | ScrapCredit):
            yield Text(
                f"{element.clause}：假定无停机、无废品扣减",
                f"{element.clause}: no credit for stops or scrap is assumed",
            )


def _state_of(tariff: Tariff, meter: Meter) -> str:
    """The state in which a plan's running time counts: the first one that the tariff prices."""
    for element in tariff.elements:
        if isinstance(element, Usage) and element.meter == meter.name and element.states:
            return element.states[0]
    return ""


def _share(
    scheme: WindowScheme, totals: Mapping[tuple[str, str], int], plan: Plan, from_ms: int, to_ms: int
) -> dict[tuple[str, str, str], int]:
    """What of the totals falls into a part of the time, by window; all parts add up to the whole."""
    length_ms = plan.to_ms - plan.from_ms
    pieces, _ = scheme.split(from_ms, to_ms)
    usage: dict[tuple[str, str, str], int] = {}
    for (meter, part), total in totals.items():
        for window, start_ms, end_ms in pieces:
            share = (end_ms - plan.from_ms) * total // length_ms
            share -= (start_ms - plan.from_ms) * total // length_ms
            at = (meter, part, scheme.names[window])
            usage[at] = usage.get(at, 0) + share
    return usage
