"""What people read of evidence: local times, quantities and money, each in zh and en."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from hansa.apps.billing.messages import Agreement
from hansa.apps.billing.texts import UNITS_EN, UNITS_ZH, money_text
from hansa.apps.consortium.calendars import Calendar, Period, date_text, segment_at
from hansa.kernel.limits import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS

Language = Literal["zh", "en"]

GAP_RULES_ZH = {
    "counter_difference": "按计数器差值",
    "last_rate": "按缺口前的速率",
    "zero": "计零",
    "average_day": "按同类日平均",
    "dispute": "列为争议，不计",
}
GAP_RULES_EN = {
    "counter_difference": "by the counter's difference",
    "last_rate": "as it went just before",
    "zero": "counts nothing",
    "average_day": "average of days of the same type",
    "dispute": "disputed, counts nothing",
}
FALLS_ZH = {"pending": "待定", "false_reading": "误读", "reset": "计数器清零"}
FALLS_EN = {"pending": "pending", "false_reading": "false readings", "reset": "reset of the counter"}


@dataclass(frozen=True)
class Text:
    zh: str
    en: str

    def of(self, lang: Language) -> str:
        return self.zh if lang == "zh" else self.en


NO_TEXT = Text("", "")


def both(text: str) -> Text:
    """A text that is the same in both languages: numbers, names."""
    return Text(text, text)


def words_of(pairs: Mapping[Any, tuple[str, str]]) -> dict[str, Text]:
    """Words that stand as (zh, en), as a column of a list has them."""
    return {name: Text(*pair) for name, pair in pairs.items()}


def instant_text(calendar: Calendar, at_ms: int) -> str:
    """`2017-02-13 18:10:40` by the calendar's local clock, with ms if any; UTC (`Z`) before its dates."""
    segment = segment_at(calendar, at_ms)
    offset_ms = calendar.offset_minutes[segment] * MINUTE_MS if segment >= 0 else 0
    day, in_day_ms = divmod(at_ms + offset_ms, DAY_MS)
    text = f"{date_text(day)} {_clock(in_day_ms)}"
    return text if segment >= 0 else f"{text}Z"


def _clock(length_ms: int, wide: int = 2) -> str:
    minutes_ms = length_ms % HOUR_MS
    seconds, rest_ms = divmod(minutes_ms % MINUTE_MS, SECOND_MS)
    text = f"{length_ms // HOUR_MS:0{wide}d}:{minutes_ms // MINUTE_MS:02d}:{seconds:02d}"
    return f"{text}.{rest_ms:03d}" if rest_ms else text


def stretch_text(calendar: Calendar, from_ms: int, to_ms: int) -> str:
    """From – to, local time; the date of the end only where it is another."""
    start, end = instant_text(calendar, from_ms), instant_text(calendar, to_ms)
    return f"{start} – {end[11:] if start[:10] == end[:10] and not end.endswith('Z') else end}"


def period_text(period: Period) -> str:
    """Local dates of a billing period, first and last."""
    first, last = date_text(period.first_day), date_text(period.last_day)
    return first if first == last else f"{first} – {last}"


def base_text(quantity: int, base_unit: str) -> Text:
    """A quantity in base units; ms as hours, minutes and seconds."""
    if base_unit == "ms":
        sign = "-" if quantity < 0 else ""
        return both(f"{sign}{_clock(abs(quantity), 1)} h")
    return Text(
        f"{quantity} {UNITS_ZH.get(base_unit, base_unit)}", f"{quantity} {UNITS_EN.get(base_unit, base_unit)}"
    )


def money(amount_minor: int, currency: str) -> str:
    """`385.00 CNY`."""
    return f"{money_text(amount_minor, currency)} {currency}"


def tariff_name(agreement: Agreement) -> Text:
    name = f"{agreement.tariff_owner}/{agreement.tariff}"
    return Text(
        f"资费 {name} 第 {agreement.tariff_version} 版", f"tariff {name}, version {agreement.tariff_version}"
    )
