"""Elements between trading partners, attribution and check feeds as people write them in a tariff sheet.

Client side.
"""

from collections.abc import Mapping
from typing import Literal

from hansa.apps.billing.attribution import AttributionRule, Liable
from hansa.apps.billing.check_feeds import CheckFeed, CheckRule
from hansa.apps.billing.elements import Usage
from hansa.apps.billing.elements_trade import (
    Availability,
    Band,
    Discount,
    DownPayment,
    Payee,
    ScrapCredit,
    Split,
    Stage,
    TakeOrPay,
    TradeElement,
)
from hansa.apps.billing.errors_trade import NotUsage
from hansa.apps.billing.lines import PRICE_UNIT
from hansa.apps.billing.sheet_values import convert, percent_bp, scaled
from hansa.apps.billing.tariff import Element, minor_digits
from hansa.apps.billing.unknown_time import UnknownBound
from hansa.kernel.types import Id, MemberId, Natural, StateName, Struct


class SheetTakeOrPay(Struct, tag_field="kind", tag="take_or_pay"):
    clause: Id
    tax: Id
    of: tuple[Id, ...]
    committed: str
    """In the priced unit of the usage clause that `of` begins with."""
    price: str
    carry_periods: Natural = 0


class _Stage(Struct, rename={"start": "from"}):
    start: str
    rate: str


class SheetDiscount(Struct, tag_field="kind", tag="discount"):
    clause: Id
    tax: Id
    of: tuple[Id, ...]
    stages: tuple[_Stage, ...]
    tiering: Literal["graduated", "volume"]


class _Band(Struct):
    below: str
    credit: str


class SheetAvailability(Struct, tag_field="kind", tag="availability"):
    clause: Id
    tax: Id
    meter: Id
    of: tuple[Id, ...]
    target: str
    bands: tuple[_Band, ...]
    windows: tuple[Id, ...] = ()


class SheetScrapCredit(Struct, tag_field="kind", tag="scrap_credit"):
    clause: Id
    tax: Id
    meter: Id
    of: tuple[Id, ...]


class SheetDownPayment(Struct, tag_field="kind", tag="down_payment"):
    clause: Id
    tax: Id
    of: tuple[Id, ...]
    amount: str
    periods: Natural
    charged: bool = False


class SheetSplit(Struct, tag_field="kind", tag="split"):
    clause: Id
    tax: Id
    of: tuple[Id, ...]
    payees: dict[str, str]
    """Share by member."""


SheetTrade = (
    SheetTakeOrPay | SheetDiscount | SheetAvailability | SheetScrapCredit | SheetDownPayment | SheetSplit
)


class SheetAttribution(Struct):
    reason: Id
    liable: Liable
    states: tuple[StateName, ...] = ()


class SheetCheck(Struct):
    owner: MemberId
    feed: Id
    tolerance: str
    rule: CheckRule
    tolerance_base: Natural = 0


def trade_element(
    element: SheetTrade, path: str, currency: str, earlier: Mapping[str, Element]
) -> TradeElement:
    """What an entry stands for; `earlier`: the elements before it, by clause.

    Raises NotUsage, and the refusals of errors_sheet.
    """
    clause, tax, of = element.clause, element.tax, element.of
    money = 10 ** minor_digits(currency)
    match element:
        case SheetTakeOrPay():
            first = earlier.get(of[0]) if of else None
            if not isinstance(first, Usage):
                raise NotUsage(clause=clause, element=clause, name=of[0] if of else "—")
            return TakeOrPay(
                clause,
                tax,
                of,
                scaled(element.committed, f"{path}.committed", first.unit_base),
                scaled(element.price, f"{path}.price", PRICE_UNIT),
                element.carry_periods,
            )
        case SheetDiscount():
            stages = tuple(
                Stage(
                    scaled(stage.start, f"{path}.stages[{n}].from", money),
                    percent_bp(stage.rate, f"{path}.stages[{n}].rate"),
                )
                for n, stage in enumerate(element.stages)
            )
            return Discount(clause, tax, of, stages, element.tiering)
        case SheetAvailability():
            bands = tuple(
                Band(
                    percent_bp(band.below, f"{path}.bands[{n}].below"),
                    percent_bp(band.credit, f"{path}.bands[{n}].credit"),
                )
                for n, band in enumerate(element.bands)
            )
            target_bp = percent_bp(element.target, f"{path}.target")
            return Availability(clause, tax, element.meter, of, target_bp, bands, element.windows)
        case SheetScrapCredit():
            return ScrapCredit(clause, tax, element.meter, of)
        case SheetDownPayment():
            amount_minor = scaled(element.amount, f"{path}.amount", money)
            return DownPayment(clause, tax, of, amount_minor, element.periods, element.charged)
        case SheetSplit():
            payees = tuple(
                Payee(convert(member, Id, f"{path}.payees"), percent_bp(share, f"{path}.payees.{member}"))
                for member, share in element.payees.items()
            )
            return Split(clause, tax, of, payees)


def attribution_of(found: Mapping[str, tuple[SheetAttribution, ...]]) -> tuple[AttributionRule, ...]:
    """Rules by meter, as the terms hold them."""
    return tuple(
        AttributionRule(convert(meter, Id, "terms.attribution"), rule.reason, rule.liable, rule.states)
        for meter, rules in found.items()
        for rule in rules
    )


def checks_of(found: Mapping[str, SheetCheck]) -> tuple[CheckFeed, ...]:
    """Check feeds by meter, as the terms hold them."""
    return tuple(
        CheckFeed(
            convert(meter, Id, "terms.checks"),
            check.owner,
            check.feed,
            percent_bp(check.tolerance, f"terms.checks.{meter}.tolerance"),
            check.tolerance_base,
            check.rule,
        )
        for meter, check in found.items()
    )


def unknown_of(found: Mapping[str, str]) -> tuple[UnknownBound, ...]:
    """Bounds of unknown time by meter, as the terms hold them."""
    return tuple(
        UnknownBound(convert(meter, Id, "terms.unknown"), percent_bp(share, f"terms.unknown.{meter}"))
        for meter, share in found.items()
    )
