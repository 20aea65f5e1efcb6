"""What each column or item of a sampled log seems to be, by its values first and its name second.

Guesses, not readings: floats are fine here.
"""

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import pairwise

from hansa.edge.mapping_model import LOST_DEFAULT
from hansa.edge.probe_words import CALENDAR, STATE_NAMES, STATE_VOCABULARY, no_quantity, says, unit_in

_LOST = {text.casefold() for text in LOST_DEFAULT}
FEW_FALLS = 0.005
NAMED_FALLS = 0.05
MANY_STATES = 20
TIME_UNITS = ("ms", "s", "min", "h")
ENERGY_UNITS = ("Wh", "kWh", "MWh")
POWER_UNITS = ("W", "kW", "MW")


@dataclass(slots=True)
class Values:
    """What was seen of one column or item: times in ms, and raw texts."""

    name: str
    at_ms: list[int] = field(default_factory=list)
    text: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Signal:
    """A guess about one column or item. `role`: counter, amount, state, power, availability, product, or
    maybe_state, ignored. `source` is its header, item, or column number from 1."""

    source: str | int
    name: str
    role: str
    zh: str
    en: str
    unit: str = ""
    unit_guessed: bool = False
    carrier: str = ""
    interval_ms: int = 0
    states: tuple[tuple[str, str], ...] = ()
    worded: bool = False
    """Of a state: its values are words that states of machines have."""
    empty_share: float = 0.0
    wired: bool = True


@dataclass(frozen=True, slots=True)
class Facts:
    """The numbers in a signal, in time order, counted."""

    count: int
    rises: int
    falls: int
    drops: int
    """Falls by more than a twentieth."""
    false_zeros: int
    low: float
    high: float
    whole: bool
    slope_per_s: float
    """The steepest usual rise per second of wall clock."""
    grid_ms: int
    """The spacing of at least nine in ten readings; 0 where there is none."""


def number(text: str, decimal: str, thousands: str) -> float | None:
    """The number that a raw text means; None where it is none."""
    plain = re.sub(r"[\s\u00a0\u202f]", "", text) if thousands == " " else text.replace(thousands, "")
    plain = plain.strip().replace(decimal, ".") if decimal != "." else plain.strip()
    if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", plain, re.ASCII):
        return None
    return float(plain)


def facts_of(pairs: list[tuple[int, float]]) -> Facts:
    """Falls leave out false zeros: those that a value at or above the last good one follows."""
    rises = falls = drops = zeros = 0
    last, last_at = pairs[0][1], pairs[0][0]
    slopes = []
    for index, (at, value) in enumerate(pairs[1:], 1):
        following = pairs[index + 1][1] if index + 1 < len(pairs) else value
        if value == 0 and last > 0 and following >= last:
            zeros += 1
            continue
        rises += value > last
        falls += value < last
        drops += value < last * 0.95
        if value > last and at > last_at:
            slopes.append((value - last) * 1000 / (at - last_at))
        last, last_at = value, at
    slopes.sort()
    values = [value for _, value in pairs]
    steps = Counter(b - a for (a, _), (b, _) in pairwise(pairs))
    step, times = steps.most_common(1)[0] if steps else (0, 0)
    return Facts(
        count=len(pairs),
        rises=rises,
        falls=falls,
        drops=drops,
        false_zeros=zeros,
        low=min(values),
        high=max(values),
        whole=all(value == int(value) for value in values),
        slope_per_s=slopes[len(slopes) // 2] if slopes else 0.0,
        grid_ms=step if times >= 0.9 * (len(pairs) - 1) else 0,
    )


def classify(source: str | int, values: Values, decimal: str, thousands: str, unit_hint: str) -> Signal:
    """The guess about one signal. `unit_hint`: text beside its name that may hold the unit."""
    name = values.name
    filled = [
        (at, text.strip())
        for at, text in zip(values.at_ms, values.text, strict=True)
        if text.strip().casefold() not in _LOST
    ]
    empty = sum(not text.strip() for text in values.text) / max(len(values.text), 1)
    if not filled:
        return Signal(source, name, "ignored", "没有数值", "no values seen", empty_share=empty)
    filled.sort(key=lambda pair: pair[0])
    numbers = [(at, n) for at, text in filled if (n := number(text, decimal, thousands)) is not None]
    seen = Counter(text for _, text in filled)
    if says(name, "state") and not says(name, "pieces") and len(seen) <= MANY_STATES:
        signal = _state_signal(source, name, seen)
    elif len(numbers) >= 0.98 * len(filled):
        signal = _number_signal(source, name, facts_of(numbers), unit_hint)
    elif len(numbers) < 0.5 * len(filled):
        signal = _text_signal(source, name, [text for _, text in filled])
    else:
        signal = Signal(source, name, "ignored", "文字与数字混杂", "numbers and words mixed")
    return replace(signal, empty_share=empty)


_PRODUCT = ("像产品、程序或工单", "looks like a product, program or order")


def _number_signal(source: str | int, name: str, facts: Facts, unit_hint: str) -> Signal:
    hinted = name + " " + unit_hint
    counted = says(name, "pieces") or says(name, "scrap") or says(name, "good")
    timed = says(hinted, "duration") or bool(unit_in(hinted, TIME_UNITS))
    carrier = next((c for c in ("gas", "water") if says(name, c)), "")
    energy = bool(unit_in(hinted, ENERGY_UNITS)) or (says(name, "energy") and not carrier)
    measured = bool(counted or timed or energy or carrier)
    if says(name, "product") and not measured:
        return Signal(source, name, "product", *_PRODUCT)
    if no_quantity(name) and not counted and not unit_in(name, (*POWER_UNITS, *ENERGY_UNITS)):
        return Signal(
            source, name, "ignored", "像设定值、比率或瞬时值", "a setting, ratio or momentary value"
        )
    if facts.low < 0:
        return Signal(source, name, "ignored", "有负数", "has negative numbers")
    if facts.high == 0 and counted:
        why = ("一直为 0：从未增加，视为未接线", "always 0: it never rose, so it is not wired")
        return _counter(source, name, "piece", *why, wired=False)
    if _rises_only(facts, measured=measured):
        return _counter_signal(
            source, name, facts, hinted, carrier, energy=energy, timed=timed, counted=counted
        )
    if unit_in(hinted, POWER_UNITS) or (says(name, "power") and not energy):
        unit = unit_in(hinted, POWER_UNITS)
        why = ("波动的非负数，名称像功率", "non-negative, goes up and down, named like power")
        return Signal(
            source, name, "power", *why, unit=unit or "kW", unit_guessed=not unit,
            carrier="electricity", interval_ms=facts.grid_ms,
        )  # fmt: skip
    if (energy or carrier) and facts.grid_ms:
        unit = unit_in(hinted, (*ENERGY_UNITS, "m3"))
        fallback = "m3" if carrier else "kWh"
        why = (
            f"波动的非负数，每 {facts.grid_ms // 1000} 秒一个，名称像能耗",
            f"non-negative, goes up and down, one each {facts.grid_ms // 1000} s, named like consumption",
        )
        return Signal(
            source, name, "amount", *why, unit=unit or fallback, unit_guessed=not unit,
            carrier=carrier or "electricity", interval_ms=facts.grid_ms,
        )  # fmt: skip
    return Signal(
        source, name, "ignored", "波动的数，名称没有提示", "goes up and down, and the name says nothing"
    )


def _rises_only(facts: Facts, *, measured: bool) -> bool:
    """Meters fall by a little now and then (late rows), and by much when they are replaced or reset:
    seldom.
    """
    if not measured:
        return facts.rises >= 5 and facts.falls == 0
    few = max(2 if facts.rises >= facts.falls else 0, FEW_FALLS * facts.count)
    return facts.rises > 0 and facts.drops <= few and facts.falls <= max(few, NAMED_FALLS * facts.count)


def _counter(
    source: str | int, name: str, unit: str, zh: str, en: str, *, guessed: bool = False, carrier: str = "",
    wired: bool = True,
) -> Signal:  # fmt: skip
    return Signal(
        source, name, "counter", zh, en, unit=unit, unit_guessed=guessed, carrier=carrier, wired=wired
    )


def _counter_signal(
    source: str | int, name: str, facts: Facts, hinted: str, carrier: str, *, energy: bool, timed: bool,
    counted: bool,
) -> Signal:  # fmt: skip
    zh = f"只升不降（{facts.count} 个数中下降 {facts.falls} 次，误零 {facts.false_zeros} 次）"
    en = f"rises only ({facts.falls} falls, {facts.false_zeros} false zeros in {facts.count} numbers)"
    if energy:
        unit = unit_in(hinted, ENERGY_UNITS)
        return _counter(source, name, unit or "kWh", zh, en, guessed=not unit, carrier="electricity")
    if carrier:
        unit = unit_in(hinted, ("m3",))
        return _counter(source, name, unit or "m3", zh, en, guessed=not unit, carrier=carrier)
    if timed and not counted:
        unit = unit_in(hinted, TIME_UNITS)
        return _counter(source, name, unit or _time_unit(facts.slope_per_s), zh, en, guessed=not unit)
    unit = "piece" if counted or facts.whole else "unit"
    return _counter(source, name, unit, zh, en, guessed=not counted)


def _time_unit(slope_per_s: float) -> str:
    """A counter of running time cannot outrun the clock: its rise per second tells its unit."""
    if slope_per_s > 20:
        return "ms"
    if slope_per_s > 0.1:
        return "s"
    return "min" if slope_per_s > 0.002 else "h"


def _text_signal(source: str | int, name: str, texts: list[str]) -> Signal:
    seen = Counter(texts)
    folded = {text.casefold() for text in seen}
    if says(name, "availability") and folded <= {"available", "unavailable", "1", "0", "online", "offline"}:
        return Signal(source, name, "availability", "设备是否在线", "says whether the device answers")
    if says(name, "product") and not (says(name, "state") and len(seen) <= MANY_STATES):
        return Signal(source, name, "product", *_PRODUCT)
    if len(seen) > MANY_STATES:
        return Signal(source, name, "ignored", f"{len(seen)} 种文字", f"{len(seen)} different texts")
    return _state_signal(source, name, seen)


def _state_signal(source: str | int, name: str, seen: Counter[str]) -> Signal:
    if all(CALENDAR.search(text) for text in seen):
        return Signal(source, name, "ignored", "日历信息", "tells the calendar")
    states = state_table(seen)
    worded = sum(count for text, count in seen.items() if text.casefold() in STATE_VOCABULARY)
    votes = says(name, "state") + (worded * 2 >= seen.total()) + (len(seen) > 1)
    if votes >= 2:
        zh, en = f"像状态，{len(seen)} 种取值", f"named or worded like states, different values: {len(seen)}"
        return Signal(source, name, "state", zh, en, states=states, worded=worded * 2 >= seen.total())
    if len(seen) == 1:
        return Signal(source, name, "ignored", "始终是同一文字", "always the same text")
    zh, en = f"也许是状态，{len(seen)} 种取值", f"perhaps a state, different values: {len(seen)}"
    return Signal(source, name, "maybe_state", zh, en, states=states)


def state_table(seen: Counter[str]) -> tuple[tuple[str, str], ...]:
    """Names for states that have no Latin letters, or a German or Chinese word that is known."""
    table = []
    for text in sorted(seen):
        known = STATE_NAMES.get(text.casefold())
        if known:
            table.append((text, known))
        elif not re.search(r"[A-Za-z0-9]", text):
            table.append((text, f"STATE_{len(table) + 1}"))
    return tuple(table)
