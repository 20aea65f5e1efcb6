"""What people read of demand, power factor and price series: one sentence each, in zh and en."""

from hansa.apps.billing.elements_energy import POWER_PER_UNIT, Demand, EnergyElement, PowerFactor, Series
from hansa.apps.billing.lines import PRICE_UNIT, Line
from hansa.apps.billing.tariff import Tariff
from hansa.apps.billing.texts_trade import Texts, decimal

BASES: dict[str, Texts] = {
    "measured": ("最大需量", "highest demand"),
    "contracted": ("合同最大需量", "contracted demand"),
    "capacity": ("合同容量", "contracted capacity"),
}


def energy_line_text(line: Line) -> Texts:
    """What a line of these kinds is for."""
    if line.kind == "power_factor":
        factor = decimal(line.quantity_base, 100)
        percent = f"{'-' if line.adjust_bp < 0 else ''}{decimal(abs(line.adjust_bp), 100)} %"
        return f"功率因数 {factor}，调整 {percent}", f"power factor {factor}, adjusted by {percent}"
    if line.kind == "series":
        return "按公布的分时价格", "at the published prices of each interval"
    if line.tier == 2:
        return "超出合同最大需量的部分", "demand beyond what is allowed"
    zh, en = BASES["capacity"] if not line.meter else BASES["contracted" if line.tier else "measured"]
    estimated = line.estimated_base or line.loose_base
    return zh + ("（含估算）" if estimated else ""), en + (" (partly estimated)" if estimated else "")


def energy_text(tariff: Tariff, element: EnergyElement) -> Texts:
    """What the sheet says of an element."""
    currency = tariff.currency
    match element:
        case Demand():
            price = f"{decimal(element.price_e8, PRICE_UNIT)} {currency}/{element.unit}"
            zh, en = BASES[element.basis]
            agreed = f"{decimal(element.agreed_base, POWER_PER_UNIT)} {element.unit}"
            minutes = element.slot_minutes
            slot_zh, slot_en = f"每 {minutes} 分钟平均", f"average of {minutes} minutes"
            if element.basis == "measured":
                return f"{zh}（{slot_zh}）{price}", f"{en} ({slot_en}) at {price}"
            if element.basis == "capacity":
                return f"{zh} {agreed}，{price}", f"{en} {agreed} at {price}"
            allowed, excess = (decimal(share, 100) for share in (element.allowed_bp, element.excess_bp))
            strip_zh, strip_en = (
                (f"；至 {allowed} % 的实际需量按单价计", f", up to {allowed} % of it at what was used")
                if element.strip
                else ("", "")
            )
            return (
                f"{zh} {agreed}，{price}{strip_zh}；{slot_zh}超过 {allowed} % 的部分按单价的 {excess} % 计",
                f"{en} {agreed} at {price}{strip_en}; beyond {allowed} % of it ({slot_en}) {excess} % of the "
                "price",
            )
        case PowerFactor():
            best = min(step.adjust_bp for step in element.steps)
            worst = max(step.adjust_bp for step in element.steps)
            of_zh, of_en = "、".join(element.of), ", ".join(element.of)
            low = f"{'-' if best < 0 else ''}{decimal(abs(best), 100)}"
            high = f"{'-' if worst < 0 else ''}{decimal(abs(worst), 100)}"
            return (
                f"{of_zh} 按功率因数调整，{low} % 至 {high} %",
                f"{of_en} adjusted by the power factor, {low} % to {high} %",
            )
        case Series():
            name = f"{element.owner}/{element.series} v{element.version}"
            return (
                f"{element.meter} 按 {name} 每 {element.slot_minutes} 分钟的价格计",
                f"{element.meter} at the prices of {name}, by {element.slot_minutes} minutes",
            )
