"""What people read of a statement line: its text in zh and en, its quantity, price and money as decimals.

Texts are made from kind, meter, unit, states and windows alone: no free text reaches a statement.
"""

from math import gcd
from typing import Literal

from hansa.apps.billing.rating import PRICE_UNIT, Line, divide
from hansa.apps.billing.tariff import minor_digits
from hansa.apps.billing.texts_energy import energy_line_text
from hansa.apps.billing.texts_trade import LINES as TRADE_LINES
from hansa.apps.consortium.calendars import date_text

Language = Literal["zh", "en"]
ENERGY_KINDS = ("demand", "power_factor", "series")

ROUNDED_PLACES = 6
"""Decimals of a quantity whose decimal form does not end, such as 1 s in hours."""
EXACT_PLACES_MAX = 64

METERS_ZH = {
    "pieces": "产量", "pieces_good": "良品", "pieces_scrap": "废品", "machine_time": "机器工时",
    "execution": "运行状态", "energy": "电量",
    "reactive_energy": "无功电量", "sheets": "印张", "air": "压缩空气", "running_time": "运行时间",
    "visits": "上门服务", "response": "响应状态", "inspected": "检测", "repeated": "复检",
    "rejected": "不合格件报告", "calls": "调用", "pressure": "供气压力",
}  # fmt: skip
UNITS_ZH = {
    "piece": "件", "ms": "毫秒", "s": "秒", "min": "分钟", "h": "小时", "Wh": "瓦时", "kWh": "千瓦时",
    "MWh": "兆瓦时", "g": "克", "kg": "千克", "t": "吨", "ml": "毫升", "l": "升", "m3": "立方米",
    "kW": "千瓦", "kVA": "千伏安", "varh": "乏时", "kvarh": "千乏时", "Mvarh": "兆乏时",
    "call": "次", "inspection": "次", "thousand_calls": "千次", "thousand_sheets": "千张",
}  # fmt: skip
UNITS_EN = {"m3": "m³"}
WINDOWS_ZH = {"sharp": "尖", "peak": "峰", "flat": "平", "valley": "谷"}
STATES_ZH = {
    "ACTIVE": "运行", "READY": "就绪", "STOPPED": "停止", "INTERRUPTED": "中断", "FEED_HOLD": "进给保持",
    "PROGRAM_STOPPED": "程序停止", "PROGRAM_COMPLETED": "程序完成", "WAIT": "等待", "unknown": "未知",
    "CALLED": "已呼叫", "LATE": "逾时未到", "ON_SITE": "已到场", "LOW": "低压",
}  # fmt: skip


def tariff_text(line: Line, lang: Language) -> str:
    """What a line charges for, such as `per_piece: pieces, per piece, tier 2`."""
    return _zh(line) if lang == "zh" else _en(line)


def interest_text(line: Line) -> tuple[str, str]:
    """What a line of interest charges, zh and en: days that were not charged before."""
    days = line.quantity_base
    if days <= 0:
        return "逾期利息，冲减以前多计的部分", "interest, less what was charged too much before"
    return f"逾期利息，计 {days} 天", f"interest for {days} {'day' if days == 1 else 'days'} of delay"


def _zh(line: Line) -> str:
    if line.kind == "fixed":
        return f"{line.clause}：固定费用"
    if line.kind == "minimum":
        return f"{line.clause}：补足最低收费"
    if line.kind == "cap":
        return f"{line.clause}：超出封顶的减免"
    if line.kind == "interest":
        return f"{line.clause}：{interest_text(line)[0]}"
    if line.kind in TRADE_LINES:
        return f"{line.clause}：{TRADE_LINES[line.kind][0]}"
    if line.kind in ENERGY_KINDS:
        return f"{line.clause}：{energy_line_text(line)[0]}"
    parts = []
    if line.kind == "correction":
        parts.append(f"更正 {date_text(line.corrects_day)} 起的结算期")
    if line.meter:
        parts.append(METERS_ZH.get(line.meter, line.meter))
        parts.append(
            "免费额度" if line.kind == "included" else f"按{UNITS_ZH.get(line.unit, f' {line.unit} ')}计费"
        )
    if line.states:
        parts.append("状态 " + "、".join(STATES_ZH.get(state, state) for state in line.states))
    if line.windows:
        parts.append("时段 " + "、".join(WINDOWS_ZH.get(window, window) for window in line.windows))
    if line.tier:
        parts.append(f"第 {line.tier} 档")
    return f"{line.clause}：{'，'.join(parts)}"


def _en(line: Line) -> str:
    if line.kind == "fixed":
        return f"{line.clause}: fixed fee"
    if line.kind == "minimum":
        return f"{line.clause}: up to the minimum charge"
    if line.kind == "cap":
        return f"{line.clause}: reduction to the cap"
    if line.kind == "interest":
        return f"{line.clause}: {interest_text(line)[1]}"
    if line.kind in TRADE_LINES:
        return f"{line.clause}: {TRADE_LINES[line.kind][1]}"
    if line.kind in ENERGY_KINDS:
        return f"{line.clause}: {energy_line_text(line)[1]}"
    parts = []
    if line.kind == "correction":
        parts.append(f"correction of the period from {date_text(line.corrects_day)}")
    if line.meter:
        parts.append(line.meter.replace("_", " "))
        parts.append("included" if line.kind == "included" else f"per {UNITS_EN.get(line.unit, line.unit)}")
    if line.states:
        parts.append("in " + " or ".join(line.states))
    if line.windows:
        parts.append("window " + " and ".join(line.windows))
    if line.tier:
        parts.append(f"tier {line.tier}")
    return f"{line.clause}: {', '.join(parts)}"


def decimal_text(numerator: int, denominator: int, least_places: int = 0) -> tuple[str, bool]:
    """A ratio as a decimal, and whether it is exact.

    Exact, with as few places as it needs (but `least_places`), where the decimal form ends; else rounded half
    up to ROUNDED_PLACES. `denominator` is positive.
    """
    reduced = denominator // gcd(numerator, denominator)
    places = next((n for n in range(EXACT_PLACES_MAX + 1) if 10**n % reduced == 0), -1)
    exact = places >= 0
    places = max(places, least_places) if exact else ROUNDED_PLACES
    digits = divide(numerator * 10**places, denominator, "half_up")
    text = f"{abs(digits):0{places + 1}d}"
    if places:
        text = f"{text[:-places]}.{text[-places:]}"
    return ("-" if digits < 0 else "") + text, exact


def quantity_text(line: Line) -> tuple[str, bool]:
    """Quantity of a line in its priced unit, and whether it is exact (see `decimal_text`)."""
    return decimal_text(line.quantity_base, line.unit_base or 1)


def price_text(price_e8: int) -> str:
    """Price per priced unit in the currency's main unit, exact, at least two decimals."""
    return decimal_text(price_e8, PRICE_UNIT, 2)[0]


def money_text(amount_minor: int, currency: str) -> str:
    """Money in the currency's main unit, with the decimals of its minor unit."""
    places = minor_digits(currency)
    return decimal_text(amount_minor, 10**places, places)[0]
