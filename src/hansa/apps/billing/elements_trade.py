"""Elements of a tariff between trading partners: what is promised, made good, discounted, shared (E20–E25).

Take-or-pay, discount, availability credit, scrap credit, down payment, revenue split; their lines are made in
`rating_trade`. The law is docs/tariff-rules.md, section 6.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from hansa.apps.billing import errors_tariff
from hansa.apps.billing import errors_trade as errors
from hansa.apps.billing.elements import (
    Cap,
    Meter,
    Scope,
    Tiering,
    Usage,
    check_count,
    check_meter,
    check_of,
    check_once,
    check_range,
)
from hansa.kernel.types import INTEGER_MAX, BasisPoints, Id, MemberId, Natural, Positive, Struct

BANDS_MAX = 16
PAYEES_MAX = 16
CARRY_PERIODS_MAX = 120
INSTALMENTS_MAX = 520
"""Parts of a down payment: ten years of weeks."""
WHOLE_BP = 10_000


class TakeOrPay(Struct, tag_field="_type", tag="take_or_pay"):
    """At least so much per period is paid for, taken or not (照付不议); what was paid and not taken is
    credited against what later periods take beyond it (结转).
    """

    clause: Id
    tax: Id
    of: tuple[Id, ...]
    """First the usage clause whose quantity counts; then clauses that already credit it."""
    committed_base: Positive
    """Base units of that clause's meter per full period, pro rata for a clipped one."""
    price_e8: Natural
    """Of what is missing, per priced unit of that clause."""
    carry_periods: Natural = 0
    """For how many later periods a shortfall is credited; 0: never."""


class Stage(Struct):
    """From this amount on the discount has this rate."""

    from_minor: Natural
    """Sum of the clauses named, minor units."""
    rate_bp: BasisPoints


class Discount(Struct, tag_field="_type", tag="discount"):
    """A reduction (折扣) of the clauses named, by stages of their sum."""

    clause: Id
    tax: Id
    of: tuple[Id, ...]
    stages: tuple[Stage, ...]
    """Rising; one from 0 is a plain percentage."""
    tiering: Tiering
    """graduated: each part of the sum by its own stage; volume: all of it by the stage reached."""


class Band(Struct):
    """Below this availability the credit is so much."""

    below_bp: Positive
    """Basis points of planned time."""
    credit_bp: BasisPoints
    """Of the clauses named."""


class Availability(Struct, tag_field="_type", tag="availability"):
    """A credit (可用率扣减) if a machine was less available than promised; only what its provider answers for
    counts against it.
    """

    clause: Id
    tax: Id
    meter: Id
    """A state meter with rules of attribution."""
    of: tuple[Id, ...]
    target_bp: Positive
    """What is promised; the first band begins here or below."""
    bands: tuple[Band, ...]
    """Falling bounds, rising credits."""
    windows: tuple[Id, ...] = ()
    """Windows that make up the service time; none named: all time."""


class ScrapCredit(Struct, tag_field="_type", tag="scrap_credit"):
    """Scrap that the provider answers for is not paid for: the clause is rated as if it had not been made."""

    clause: Id
    tax: Id
    meter: Id
    """A counter of scrap with a rule of attribution."""
    of: tuple[Id, ...]
    """First the usage clause that charged for it; then clauses that already credit it."""


class DownPayment(Struct, tag_field="_type", tag="down_payment"):
    """An amount paid up front, credited in equal parts; what a period cannot bear is credited later."""

    clause: Id
    tax: Id
    of: tuple[Id, ...]
    """What it is credited against."""
    amount_minor: Positive
    periods: Positive
    """Over how many periods of the agreement, from its first on."""
    charged: bool = False
    """Whether the first statement charges the amount; else it was paid apart from the statements."""


class Payee(Struct):
    """Who gets a share of a revenue, in basis points."""

    member: MemberId
    share_bp: BasisPoints


class Split(Struct, tag_field="_type", tag="split"):
    """The clauses named are settled with several payees (收入分成); it changes no amount."""

    clause: Id
    tax: Id
    of: tuple[Id, ...]
    payees: tuple[Payee, ...]
    """Together 10,000 basis points."""


TradeElement = TakeOrPay | Discount | Availability | ScrapCredit | DownPayment | Split
Credit = TakeOrPay | Discount | Availability | ScrapCredit | DownPayment
"""Elements that may lower what their clauses come to."""


def check_trade(element: TradeElement, scope: Scope) -> None:
    """Refuse an element whose own fields do not fit together; what it says of others: `check_together`."""
    clause = element.clause
    check_of(clause, element.tax, element.of, scope)
    match element:
        case TakeOrPay():
            check_range(clause, "committed_base", element.committed_base, 1, INTEGER_MAX)
            check_range(clause, "price_e8", element.price_e8, 0, INTEGER_MAX)
            check_range(clause, "carry_periods", element.carry_periods, 0, CARRY_PERIODS_MAX)
        case Discount():
            _check_stages(element)
        case Availability():
            _check_availability(element, scope)
        case ScrapCredit():
            if check_meter(clause, element.meter, scope).kind != "counter":
                raise errors.MeterKind(clause=clause, element=clause, meter=element.meter, kind="counter")
        case DownPayment():
            check_range(clause, "amount_minor", element.amount_minor, 1, INTEGER_MAX)
            check_range(clause, "periods", element.periods, 1, INSTALMENTS_MAX)
        case Split():
            _check_payees(element)


def _check_stages(element: Discount) -> None:
    clause = element.clause
    check_count("stages", clause, len(element.stages), 1, BANDS_MAX)
    before = -1
    for stage in element.stages:
        check_range(clause, "from_minor", stage.from_minor, 0, INTEGER_MAX)
        check_range(clause, "rate_bp", stage.rate_bp, 0, WHOLE_BP)
        if stage.from_minor <= before:
            raise errors.StepsUnordered(clause=clause, element=clause, name="stages")
        before = stage.from_minor


def _check_availability(element: Availability, scope: Scope) -> None:
    clause = element.clause
    if check_meter(clause, element.meter, scope).kind != "state":
        raise errors.MeterKind(clause=clause, element=clause, meter=element.meter, kind="state")
    check_once("windows", clause, element.windows)
    for window in element.windows:
        if window not in scope.windows:
            raise errors_tariff.WindowUnknown(clause=clause, element=clause, window=window)
    check_range(clause, "target_bp", element.target_bp, 1, WHOLE_BP)
    check_count("bands", clause, len(element.bands), 1, BANDS_MAX)
    below_bp, credit_bp = element.target_bp + 1, -1
    for band in element.bands:
        check_range(clause, "credit_bp", band.credit_bp, 0, WHOLE_BP)
        if not (0 < band.below_bp < below_bp and band.credit_bp > credit_bp):
            raise errors.StepsUnordered(clause=clause, element=clause, name="bands")
        below_bp, credit_bp = band.below_bp, band.credit_bp


def _check_payees(element: Split) -> None:
    clause = element.clause
    check_count("payees", clause, len(element.payees), 1, PAYEES_MAX)
    check_once("payees", clause, (payee.member for payee in element.payees))
    for payee in element.payees:
        check_range(clause, "share_bp", payee.share_bp, 1, WHOLE_BP)
    total_bp = sum(payee.share_bp for payee in element.payees)
    if total_bp != WHOLE_BP:
        raise errors.SharesTotal(clause=clause, element=clause, total_bp=total_bp, whole_bp=WHOLE_BP)


def check_together(elements: Sequence[Any], meters: Mapping[str, Meter]) -> None:
    """Refuse elements that could together credit more than there is, or share a revenue twice."""
    usages = {element.clause: element for element in elements if isinstance(element, Usage)}
    credited: dict[str, list[str]] = {}
    shared: dict[str, str] = {}
    for element in elements:
        if isinstance(element, TakeOrPay | ScrapCredit):
            _check_first(element, usages, meters)
        if isinstance(element, Split):
            for name in element.of:
                if name in shared:
                    raise errors.SharedTwice(clause=element.clause, name=name, other=shared[name])
                shared[name] = element.clause
        if isinstance(element, Credit):
            for name in element.of:
                for other in credited.get(name, ()):
                    if other not in element.of:
                        raise errors.CreditedTwice(clause=element.clause, name=name, other=other)
        if isinstance(element, Credit | Cap):
            for name in element.of:
                credited.setdefault(name, []).append(element.clause)


def _check_first(
    element: TakeOrPay | ScrapCredit, usages: Mapping[str, Usage], meters: Mapping[str, Meter]
) -> None:
    """What is rated again with another quantity is a usage clause; scrap has no states and windows."""
    clause, first = element.clause, element.of[0]
    usage = usages.get(first)
    if usage is None or (isinstance(element, ScrapCredit) and (usage.windows or usage.states)):
        raise errors.NotUsage(clause=clause, element=clause, name=first)
    if isinstance(element, ScrapCredit):
        unit, other = meters[usage.meter].base_unit, meters[element.meter].base_unit
        if unit != other:
            raise errors.ScrapUnit(clause=clause, element=clause, name=first, unit=unit, other=other)
