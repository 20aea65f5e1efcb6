"""Overall equipment effectiveness (ISO 22400-2) from what the mapping gives. A factor without input is not
given:
it is never taken for 100 %.
"""

from hansa.apps.billing.texts import decimal_text
from hansa.apps.consortium.calendars import day_class, local_day, weekday
from hansa.console.report.data import Oee, OeeFactor, Text
from hansa.edge.gateway import feed_name
from hansa.edge.mapping_model import Oee as OeeInputs
from hansa.simulation.leasing import Play
from hansa.simulation.signals import Signal

PLACES = 10_000
NOTHING = Text(zh="", en="")


def oee_of(play: Play, signals: dict[str, Signal]) -> Oee:
    """The three factors and their product, each with how it was computed or what it needs."""
    inputs = play.mapping.oee or OeeInputs()
    running_ms = _running_ms(play, inputs, signals)
    good = _made(play, inputs.good, signals)
    scrap = _made(play, inputs.scrap, signals)
    total = _made(play, inputs.total, signals)
    if total is None and good is not None and scrap is not None:
        total = good + scrap
    availability = _availability(play, inputs, running_ms)
    performance = _performance(inputs, running_ms, total if total is not None else good)
    quality = _quality(good, total)
    factors = (availability, performance, quality)
    if all(factor.given for factor in factors):
        product = 1
        for factor in factors:
            product *= round(float(factor.value or 0) * PLACES)
        whole = OeeFactor(
            value=decimal_text(product, PLACES**3)[0][:6],
            given=True,
            how=Text(zh="可用率 × 性能率 × 合格率", en="availability × performance × quality"),
            needs=NOTHING,
        )
    else:
        whole = _not_given("三个因子都给出时才能计算", "needs all three factors")
    return Oee(availability=availability, performance=performance, quality=quality, oee=whole)


def _availability(play: Play, inputs: OeeInputs, running_ms: int | None) -> OeeFactor:
    if running_ms is None or not inputs.planned_per_day_ms:
        return _not_given(
            "需要状态信号、运行状态和每日计划时间（映射文件 [oee]:state、running、planned_per_day）",
            "needs a state signal, its running states, and the planned time per day "
            "(mapping [oee]: state, running, planned_per_day)",
        )
    days = _workdays(play)
    planned_ms = inputs.planned_per_day_ms * days
    if not planned_ms:
        return _not_given("日志期间没有工作日", "needs at least one working day in the log")
    running, planned = decimal_text(running_ms, 3_600_000)[0], decimal_text(planned_ms, 3_600_000)[0]
    return _given(
        running_ms,
        planned_ms,
        f"运行 {running} 小时 ÷ 计划 {planned} 小时（{days} 个工作日）",
        f"running {running} h ÷ planned {planned} h ({days} working days)",
    )


def _performance(inputs: OeeInputs, running_ms: int | None, made: int | None) -> OeeFactor:
    if not running_ms or made is None or not inputs.ideal_cycle_ms:
        return _not_given(
            "需要理想节拍（映射文件 [oee]:ideal_cycle）、产量和运行时间",
            "needs the ideal cycle time (mapping [oee]: ideal_cycle), the output and the running time",
        )
    return _given(
        inputs.ideal_cycle_ms * made,
        running_ms,
        f"理想节拍 {inputs.ideal_cycle} × {made:,} 件 ÷ 运行时间",
        f"ideal cycle {inputs.ideal_cycle} × {made:,} pieces ÷ running time",
    )


def _quality(good: int | None, total: int | None) -> OeeFactor:
    if good is None or not total:
        return _not_given(
            "需要良品和废品（或总数）计数（映射文件 [oee]:good、scrap 或 total）",
            "needs counts of good pieces and of scrap or all (mapping [oee]: good, scrap or total)",
        )
    return _given(
        good, total, f"良品 {good:,} 件 ÷ 总数 {total:,} 件", f"good {good:,} ÷ all {total:,} pieces"
    )


def _running_ms(play: Play, inputs: OeeInputs, signals: dict[str, Signal]) -> int | None:
    for feed in play.log.feeds:
        if inputs.state and feed.spec.name == inputs.state:
            signal = signals[feed_name(play.log.device, feed.spec)]
            return sum(
                ms for state, ms in zip(feed.states, signal.state_ms, strict=True) if state in inputs.running
            )
    return None


def _made(play: Play, name: str, signals: dict[str, Signal]) -> int | None:
    for feed in play.log.feeds:
        if name and feed.spec.name == name and feed.wired:
            return signals[feed_name(play.log.device, feed.spec)].made
    return None


def _workdays(play: Play) -> int:
    calendar = play.sheet.calendar
    report = play.log.report
    first, last = local_day(calendar, report.first_ms), local_day(calendar, report.last_ms - 1)

    def worked(day: int) -> bool:
        name = day_class(calendar, day)
        return name == "makeup" or (name != "holiday" and weekday(day) < 5)

    return sum(worked(day) for day in range(first, last + 1))


def _given(numerator: int, denominator: int, zh: str, en: str) -> OeeFactor:
    rounded = (numerator * PLACES + denominator // 2) // denominator
    value = f"{rounded // PLACES}.{rounded % PLACES:04d}"
    return OeeFactor(value=value, given=True, how=Text(zh=zh, en=en), needs=NOTHING)


def _not_given(zh: str, en: str) -> OeeFactor:
    return OeeFactor(value=None, given=False, how=NOTHING, needs=Text(zh=zh, en=en))
