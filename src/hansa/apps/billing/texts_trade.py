"""What people read of the elements between trading partners: one sentence each, in zh and en."""

from typing import Literal

from hansa.apps.billing.attribution import AttributionRule
from hansa.apps.billing.check_feeds import CheckFeed, CheckRule
from hansa.apps.billing.elements_trade import (
    Availability,
    Discount,
    DownPayment,
    ScrapCredit,
    Split,
    TakeOrPay,
    TradeElement,
)
from hansa.apps.billing.lines import PRICE_UNIT, divide
from hansa.apps.billing.tariff import Tariff, minor_digits
from hansa.apps.billing.unknown_time import UnknownBound

Texts = tuple[str, str]
"""(zh, en)."""
DECIMALS = 8

LINES: dict[str, Texts] = {
    "take_or_pay": ("照付不议", "take or pay"),
    "discount": ("折扣", "discount"),
    "availability": ("可用率扣减", "availability credit"),
    "down_payment": ("预付分摊", "down payment credited"),
    "scrap_credit": ("废品扣减", "scrap credit"),
    "split": ("收入分成", "revenue split"),
}
"""What a line of each kind is for."""

LIABLE: dict[Literal["provider", "user", "neither"], Texts] = {
    "provider": ("出租方/服务方负责", "the provider answers for it"),
    "user": ("承租方/使用方负责", "the user answers for it"),
    "neither": ("双方均无责", "neither answers for it"),
}


CHECK_RULES: dict[CheckRule, Texts] = {
    "main": ("以主表为准", "the main feed counts"),
    "mean": ("按两表平均值计", "the mean of both counts"),
    "lower": ("按两表中较小值计", "the lower of both counts"),
    "dispute": ("先按主表计，相关各行自动列为争议", "the main feed counts and its lines are disputed"),
}


def trade_text(tariff: Tariff, element: TradeElement) -> Texts:
    """What the element says, without its clause's name."""
    of_zh, of_en = "、".join(element.of), ", ".join(element.of)
    match element:
        case TakeOrPay():
            quantity, price = _committed(tariff, element)
            carried = element.carry_periods
            zh = f"{element.of[0]} 每期至少付 {quantity}，不足部分按 {price} 计"
            en = f"at least {quantity} of {element.of[0]} per period is paid for, what is missing at {price}"
            if carried:
                zh += f"，可在其后 {carried} 期的超出用量中抵扣"
                en += f", credited against what the next {carried} periods take beyond it"
            return zh, en
        case Discount():
            stages = [f"{_money(tariff, s.from_minor)} {_percent(s.rate_bp)}" for s in element.stages]
            whole = element.tiering == "volume"
            return (
                f"{of_zh} 合计自{'，自'.join(stages)} 折扣（{'全额' if whole else '分段'}）",
                f"discount on {of_en}, from {', from '.join(stages)} ({'of all' if whole else 'graduated'})",
            )
        case Availability():
            target = _percent(element.target_bp)
            bands = [(_percent(band.below_bp), _percent(band.credit_bp)) for band in element.bands]
            zh = "，".join(f"低于 {below} 扣减 {credit}" for below, credit in bands)
            en = ", ".join(f"below {below} {credit} back" for below, credit in bands)
            return (
                f"{element.meter} 承诺可用率 {target}：{of_zh} {zh}",
                f"{element.meter} is available {target} of the time: {en} of {of_en}",
            )
        case ScrapCredit():
            return (
                f"{element.meter} 中由提供方负责的废品不计入 {element.of[0]}",
                f"scrap on {element.meter} that the provider answers for is not paid for in {element.of[0]}",
            )
        case DownPayment():
            amount = _money(tariff, element.amount_minor)
            return (
                f"预付 {amount}，分 {element.periods} 期从 {of_zh} 中扣回",
                f"{amount} paid up front, credited against {of_en} over {element.periods} periods",
            )
        case Split():
            parts = [f"{payee.member} {_percent(payee.share_bp)}" for payee in element.payees]
            return (
                f"{of_zh} 的收入由 {'、'.join(parts)} 分成",
                f"the revenue of {of_en} is shared by {', '.join(parts)}",
            )


def attribution_text(rule: AttributionRule) -> Texts:
    """Who answers for what, unless somebody claims otherwise and is not contested."""
    zh, en = LIABLE[rule.liable]
    if not rule.states:
        return (
            f"{rule.meter} 计数的废品（{rule.reason}）：{zh}",
            f"scrap on {rule.meter} ({rule.reason}): {en}",
        )
    states_zh, states_en = "、".join(rule.states), ", ".join(rule.states)
    return (
        f"{rule.meter} 处于 {states_zh}（{rule.reason}）为停机：{zh}",
        f"{rule.meter} in {states_en} ({rule.reason}) is a stop: {en}",
    )


def check_text(check: CheckFeed) -> Texts:
    """What becomes of a difference between the two feeds of a meter."""
    zh, en = CHECK_RULES[check.rule]
    within = _percent(check.tolerance_bp)
    return (
        f"{check.meter} 以 {check.owner} 的计量点 {check.feed} 为副表，允差 {within} 或 "
        f"{check.tolerance_base} 个基本单位（取大者）；超差时{zh}",
        f"{check.meter} is checked by feed {check.feed} of {check.owner}, to {within} or "
        f"{check.tolerance_base} base units, whichever is more; beyond that {en}",
    )


def unknown_text(bound: UnknownBound) -> Texts:
    """What becomes of a period of which too much is unknown."""
    share = _percent(bound.bound_bp)
    return (
        f"{bound.meter} 未知的时间超过结算期的 {share} 的，以其为据的各行自动列为有争议",
        f"where more than {share} of a period is unknown on {bound.meter}, the lines that rest on it are "
        "disputed by themselves",
    )


def _committed(tariff: Tariff, element: TakeOrPay) -> Texts:
    """The committed quantity and the price, in the priced unit of the usage clause."""
    usage = next(each for each in tariff.elements if each.clause == element.of[0])
    size: int = getattr(usage, "unit_base", 1)
    unit: str = getattr(usage, "unit", "")
    quantity = decimal(element.committed_base, size)
    return f"{quantity} {unit}", f"{decimal(element.price_e8, PRICE_UNIT)} {tariff.currency}/{unit}"


def _money(tariff: Tariff, amount_minor: int) -> str:
    digits = minor_digits(tariff.currency)
    whole, rest = divmod(amount_minor, 10**digits)
    return f"{whole}.{rest:0{digits}d} {tariff.currency}" if digits else f"{whole} {tariff.currency}"


def _percent(rate_bp: int) -> str:
    return f"{decimal(rate_bp, 100)} %"


def decimal(numerator: int, denominator: int) -> str:
    """At most eight decimals, none that is not needed."""
    whole, rest = divmod(divide(numerator * 10**DECIMALS, denominator, "half_up"), 10**DECIMALS)
    if not rest:
        return str(whole)
    places = DECIMALS
    while not rest % 10:
        rest, places = rest // 10, places - 1
    return f"{whole}.{rest:0{places}d}"
