"""A tariff as sentences, in both languages."""

from collections.abc import Iterator

from hansa.apps.billing.elements_energy import EnergyElement
from hansa.apps.billing.elements_trade import TradeElement
from hansa.apps.billing.tariff import Cap, Element, Fixed, Minimum, Tariff, Usage
from hansa.apps.billing.texts import (
    METERS_ZH,
    STATES_ZH,
    UNITS_ZH,
    WINDOWS_ZH,
    decimal_text,
    money_text,
    price_text,
)
from hansa.apps.billing.texts_energy import energy_text
from hansa.apps.billing.texts_trade import trade_text
from hansa.simulation.said import grouped


def tariff_lines(tariff: Tariff) -> Iterator[tuple[str, str]]:
    """(zh, en) per element, and one on tax."""
    for element in tariff.elements:
        yield _element(tariff, element)
    zh = "价格含税" if tariff.tax_included else "价格不含税"
    en = "prices include tax" if tariff.tax_included else "prices are without tax"
    rates = "; ".join(
        f"{tax.code} {decimal_text(tax.rates[-1].rate_bp, 100)[0]} %" for tax in tariff.taxes if tax.rates
    )
    yield f"{zh}；最新税率 {rates}", f"{en}; latest rates {rates}"


def _element(tariff: Tariff, element: Element) -> tuple[str, str]:
    currency = tariff.currency
    if isinstance(element, Fixed):
        money = f"{grouped(money_text(element.amount_minor, currency))} {currency}"
        return (
            f"{element.clause}：每期固定 {money}，不足一期按时间折算",
            f"{element.clause}: {money} per period, pro rata",
        )
    if isinstance(element, Minimum | Cap):
        money = f"{grouped(money_text(element.amount_minor, currency))} {currency}"
        of, of_zh = ", ".join(element.of), "、".join(element.of)
        if isinstance(element, Minimum):
            return (
                f"{element.clause}：{of_zh} 合计不低于 {money}",
                f"{element.clause}: {of} together at least {money}",
            )
        return (
            f"{element.clause}：{of_zh} 合计不超过 {money}",
            f"{element.clause}: {of} together at most {money}",
        )
    if isinstance(element, TradeElement):
        zh, en = trade_text(tariff, element)
        return f"{element.clause}：{zh}", f"{element.clause}: {en}"
    if isinstance(element, EnergyElement):
        zh, en = energy_text(tariff, element)
        return f"{element.clause}：{zh}", f"{element.clause}: {en}"
    return _usage(tariff, element)


def _usage(tariff: Tariff, element: Usage) -> tuple[str, str]:
    tiers_zh, tiers_en = [], []
    unit_zh = UNITS_ZH.get(element.unit, element.unit)
    for tier in element.tiers:
        price = f"{price_text(tier.price_e8)} {tariff.currency}/{element.unit}"
        price_zh = f"{price_text(tier.price_e8)} {tariff.currency}/{unit_zh}"
        if tier.up_to_base:
            bound = grouped(decimal_text(tier.up_to_base, element.unit_base)[0])
            tiers_zh.append(f"至 {bound} {unit_zh} 按 {price_zh}")
            tiers_en.append(f"up to {bound} {element.unit} at {price}")
        else:
            tiers_zh.append(("其余 " if tiers_zh else "") + price_zh)
            tiers_en.append(("then " if tiers_en else "") + price)
    zh = [f"{element.clause}：{METERS_ZH.get(element.meter, element.meter)}", *tiers_zh]
    en = [f"{element.clause}: {element.meter}", *tiers_en]
    if len(element.tiers) > 1:
        zh.append("分段累进" if element.tiering == "graduated" else "全量按所达档计价")
        en.append("graduated" if element.tiering == "graduated" else "all at the tier reached")
    if element.included_base:
        included = grouped(decimal_text(element.included_base, element.unit_base)[0])
        zh.append(f"免费额度 {included} {unit_zh}")
        en.append(f"{included} {element.unit} included")
    if element.states:
        zh.append("状态 " + "、".join(STATES_ZH.get(state, state) for state in element.states))
        en.append("in " + ", ".join(element.states))
    if element.windows:
        zh.append("时段 " + "、".join(WINDOWS_ZH.get(window, window) for window in element.windows))
        en.append(f"window{'s' if len(element.windows) > 1 else ''} " + ", ".join(element.windows))
    if element.index is not None:
        index, base = f"{element.index.owner}/{element.index.index}", price_text(element.index.base_e8)
        zh.append(f"单价随指数 {index} 浮动（基准 {base}）")
        en.append(f"prices follow the index {index} (base {base})")
    return "，".join(zh), ", ".join(en)
