"""What a mapping must hold to be used. Each check names the key and what would be right."""

import re
from collections.abc import Callable
from fractions import Fraction

from hansa.edge import log_limits as limits
from hansa.edge.log_errors import refusal, shown
from hansa.edge.log_time import compiled, zone_named
from hansa.edge.log_units import CLOCK_UNITS, UNITS, duration_ms, ratio, unit_named
from hansa.edge.mapping_model import Column, FeedSpec, LogFormat, Mapping

NEEDS: dict[str, tuple[str, str]] = {
    "name": (
        "小写字母、数字和 _ . -（最多 64 个）",
        "lower-case letters, digits and _ . - (at most 64)",
    ),
    "once": ("不重复的名称", "a name used once"),
    "device": ("字母、数字和 _ . -（最多 64 个）", "letters, digits and _ . - (at most 64)"),
    "encoding": (
        "auto、utf-8、utf-16、gb18030、cp1252 等",
        "auto, utf-8, utf-16, gb18030, cp1252 or the like",
    ),
    "line": ("行号，没有表头写 0", "a line number, 0 for no header"),
    "after_header": ("表头之后的行号", "a line number after the header"),
    "which_time": ("时间在哪一列", "which column is the time"),
    "which_item_column": ("哪一列是测点名", "which column names the item"),
    "which_value": ("哪一列是值", "which column holds the value"),
    "which_column": ("哪一列", "which column"),
    "which_item": ("哪个测点", "which item"),
    "long_only": ("只用于 long 格式", "it belongs to format 'long'"),
    "no_columns": ("SHDR 行没有其他列", "adapter lines have no other columns"),
    "shdr_pipe": ("SHDR 行总是用 |", "adapter lines always use |"),
    "say_column": ("wide 格式用 column", "a wide log has columns: say column"),
    "say_item": ("long 和 shdr 格式用 item", "long and shdr logs have items: say item"),
    "time_format": (
        "year_first、day_first、month_first、epoch_s、epoch_ms、excel 或 %d/%m/%Y %H:%M 这样的写法",
        "year_first, day_first, month_first, epoch_s, epoch_ms, excel, or a pattern such as %d/%m/%Y %H:%M",
    ),
    "time_zone": ("IANA 时区名、UTC 或 +08:00", "an IANA zone, UTC or +08:00"),
    "decimal": (". 或 ,", ". or ,"),
    "thousands": ("与小数点不同的 , . ' 或空格", "one of , . ' or a space, and not the decimal sign"),
    "gap_days": ("1 至 36524", "1 to 36524"),
    "date": ("1900 至 2199 年的日期", "a date from 1900 to 2199"),
    "duration": ("时长，如 15min、42.5 s", "a duration such as 15min or 42.5 s"),
    "feeds": (f"1 至 {limits.FEEDS_MAX} 个 [[feed]]", f"1 to {limits.FEEDS_MAX} tables [[feed]]"),
    "scale": (
        '正的小数或比值，写成文本，如 "0.001"、"1/3"',
        'a positive decimal or ratio, as text: "0.001", "1/3"',
    ),
    "counter_only": ("只用于 counter", "it belongs to counters"),
    "state_only": ("只用于 state", "it belongs to states"),
    "unit": ("原始值的单位，如 piece、s、kWh", "the raw value's unit: piece, s, kWh, …"),
    "power_unit": ("功率单位 W、kW、MW", "a unit of power: W, kW, MW"),
    "quantity_unit": (
        '计量单位；功率请用 kind = "power"',
        'a unit of quantity; for power say kind = "power"',
    ),
    "no_interval": ("累计计数没有区间", "a cumulative counter has no interval"),
    "reset_value": ("不为负的数", "a number that is not negative"),
    "modulus": ("换算后为整数的正数", "a positive number, whole in base units"),
    "interval": (
        "每行数量所属的区间长度，如 15min，或 since_last",
        "the length of a row's interval, such as 15min, or since_last",
    ),
    "whole_record": ("不写：区间量全部记录", "left out: every amount is recorded"),
    "record_every": ("change、all 或时长，如 15min", "change, all, or a duration such as 15min"),
    "no_unit": ("状态没有单位", "a state has no unit"),
    "state_name": ("大写字母、数字和 _，或 unknown", "upper-case letters, digits and _, or unknown"),
    "billing": (
        "贸易结算用计量须写明证书、有效期、准确度等级和封印",
        "billing grade names certificate, valid_until, class and seal",
    ),
    "ratio": ("变比，如 200/5", "a ratio such as 200/5"),
    "oee_feed": ("本映射中同类 feed 的名称", "the name of a feed of this mapping, of the fitting kind"),
    "with_state": ("与 oee.state 一起写", "given together with oee.state"),
}

_NAME = re.compile(r"[a-z0-9_.-]{1,64}")
_DEVICE = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_STATE = re.compile(r"[A-Z0-9_]{1,64}|unknown")
_THOUSANDS = ("", ",", ".", " ", "'", "’")


def check_mapping(mapping: Mapping) -> None:
    """Raises EdgeRefusal for the first key that cannot be used, naming it."""
    _check_log(mapping.log)
    _check_availability(mapping.log)
    _need(0 < len(mapping.feeds) <= limits.FEEDS_MAX, "feed", len(mapping.feeds), "feeds")
    seen: set[str] = set()
    for feed in mapping.feeds:
        _need(_NAME.fullmatch(feed.name), "feed.name", feed.name, "name")
        _need(feed.name not in seen, "feed.name", feed.name, "once")
        seen.add(feed.name)
        _check_feed(mapping.log, feed, f"feed[{feed.name}]")
    _check_oee(mapping)


def _need(holds: object, field: str, value: object, need: str) -> None:
    if not holds:
        zh, en = NEEDS[need]
        raise refusal("edge.mapping_value", field, value=shown(str(value)), need_zh=zh, need_en=en)


def _given(value: object, field: str, need: str) -> None:
    if not value:
        zh, en = NEEDS[need]
        raise refusal("edge.mapping_needs", field, need_zh=zh, need_en=en)


def _absent(value: object, field: str, need: str) -> None:
    if value:
        zh, en = NEEDS[need]
        raise refusal("edge.mapping_not_for", field, need_zh=zh, need_en=en)


def _duration(value: str, field: str, need: str = "duration") -> None:
    _need(duration_ms(value), field, value, need)


def _encoding_known(name: str) -> bool:
    try:
        return name == "auto" or isinstance(b"a\0\0\0".decode(name), str)
    except (LookupError, ValueError):
        return False


def _check_log(log: LogFormat) -> None:
    _need(_DEVICE.fullmatch(log.device), "log.device", log.device, "device")
    _need(_encoding_known(log.encoding), "log.encoding", log.encoding, "encoding")
    _need(log.header_line >= 0, "log.header_line", log.header_line, "line")
    below = log.format == "shdr" or log.first_row > log.header_line
    _need(log.first_row == 0 or (log.first_row > 0 and below), "log.first_row", log.first_row, "after_header")
    if log.format == "long":
        _given(log.item, "log.item", "which_item_column")
        _given(log.value, "log.value", "which_value")
    else:
        _absent(log.item, "log.item", "long_only")
        _absent(log.value, "log.value", "long_only")
    if log.format == "shdr":
        _absent(log.where, "log.where", "no_columns")
        _absent(log.delimiter, "log.delimiter", "shdr_pipe")
    else:
        _given(log.time_columns and all(log.time_columns), "log.time", "which_time")
    _need(log.time_formats, "log.time_format", log.time_format, "time_format")
    for written in log.time_formats:
        _need(compiled(written) is not None, "log.time_format", written, "time_format")
    _need(not log.time_zone or zone_named(log.time_zone), "log.time_zone", log.time_zone, "time_zone")
    _need(log.decimal in (".", ","), "log.decimal", log.decimal, "decimal")
    grouped = log.thousands in _THOUSANDS and log.thousands != log.decimal
    _need(grouped, "log.thousands", log.thousands, "thousands")
    _need(0 < log.clock_gap_days < 36_525, "log.clock_gap_days", log.clock_gap_days, "gap_days")
    _duration(log.clock_skew, "log.clock_skew")
    for key, day in (("not_before", log.not_before), ("not_after", log.not_after)):
        _need(day is None or 1900 <= day.year < 2200, f"log.{key}", day, "date")


def _check_availability(log: LogFormat) -> None:
    if log.availability is not None:
        _check_source(log, log.availability.item, log.availability.column, "log.availability")


def _check_source(log: LogFormat, item: str, column: Column, field: str) -> None:
    if log.format == "wide":
        _absent(item, f"{field}.item", "say_column")
        _given(column, f"{field}.column", "which_column")
    else:
        _absent(column, f"{field}.column", "say_item")
        _given(item.strip(), f"{field}.item", "which_item")


def _check_feed(log: LogFormat, feed: FeedSpec, field: str) -> None:
    _check_source(log, feed.item, feed.column, field)
    if log.format == "shdr":
        _absent(feed.where, f"{field}.where", "no_columns")
    _CHECKS[feed.kind](feed, field)
    for key in ("hold_max", "silence"):
        if getattr(feed, key):
            _duration(getattr(feed, key), f"{field}.{key}")
    if feed.record_every not in ("change", "all"):
        _duration(feed.record_every, f"{field}.record_every", "record_every")
    _need(ratio(str(feed.scale)), f"{field}.scale", feed.scale, "scale")
    if feed.kind != "counter":
        _absent(feed.modulus, f"{field}.modulus", "counter_only")
        _absent(feed.wired != "auto", f"{field}.wired", "counter_only")
        _absent(feed.resets != "none", f"{field}.resets", "counter_only")
    if feed.kind != "state":
        _absent(feed.states, f"{field}.states", "state_only")
    _check_legal_use(feed, field)


def _check_unit(feed: FeedSpec, field: str) -> None:
    _given(feed.unit, f"{field}.unit", "unit")
    if unit_named(feed.unit) is None:
        known = ", ".join([*UNITS, *CLOCK_UNITS])
        raise refusal("edge.unit_unknown", f"{field}.unit", value=shown(feed.unit), known=known)
    if feed.kind == "power":
        _need(feed.written.base == "W", f"{field}.unit", feed.unit, "power_unit")
    else:
        _need(feed.written.base != "W", f"{field}.unit", feed.unit, "quantity_unit")


def _check_counter(feed: FeedSpec, field: str) -> None:
    _check_unit(feed, field)
    _absent(feed.interval, f"{field}.interval", "no_interval")
    if feed.modulus:
        size = ratio(str(feed.modulus))
        whole = size is not None and (size * feed.factor).denominator == 1
        _need(whole, f"{field}.modulus", feed.modulus, "modulus")
    for number, reset in enumerate(feed.resets if isinstance(feed.resets, list) else (), 1):
        for key in ("final", "start"):
            value = getattr(reset, key)
            size = ratio(str(value)) if str(value) != "0" else Fraction(0)
            whole = size is not None and size >= 0
            _need(whole, f"{field}.resets[{number}].{key}", value, "reset_value")


def _check_amount(feed: FeedSpec, field: str) -> None:
    _check_unit(feed, field)
    _given(feed.interval, f"{field}.interval", "interval")
    if feed.interval != "since_last":
        _duration(feed.interval, f"{field}.interval", "interval")
    _need(feed.record_every in ("change", "all"), f"{field}.record_every", feed.record_every, "whole_record")


def _check_state(feed: FeedSpec, field: str) -> None:
    _absent(feed.unit, f"{field}.unit", "no_unit")
    if feed.interval:
        _duration(feed.interval, f"{field}.interval")
    for raw, name in feed.states.items():
        _need(_STATE.fullmatch(name), f"{field}.states.{shown(raw)}", name, "state_name")


def _check_power(feed: FeedSpec, field: str) -> None:
    _check_unit(feed, field)
    if feed.interval:
        _duration(feed.interval, f"{field}.interval")
    _duration(feed.hold_max, f"{field}.hold_max")
    _need(feed.record_every in ("change", "all"), f"{field}.record_every", feed.record_every, "whole_record")
    if feed.legal_use.grade == "billing":
        raise refusal("edge.legal_use_power", f"{field}.legal_use.grade")


_CHECKS: dict[str, Callable[[FeedSpec, str], None]] = {
    "counter": _check_counter,
    "amount": _check_amount,
    "state": _check_state,
    "power": _check_power,
}


def _check_legal_use(feed: FeedSpec, field: str) -> None:
    use = feed.legal_use
    if use.grade == "billing":
        _given(use.certificate, f"{field}.legal_use.certificate", "billing")
        _given(use.valid_until, f"{field}.legal_use.valid_until", "billing")
        _given(use.class_, f"{field}.legal_use.class", "billing")
        _given(use.seal, f"{field}.legal_use.seal", "billing")
    _need(ratio(use.ratio), f"{field}.legal_use.ratio", use.ratio, "ratio")


def _check_oee(mapping: Mapping) -> None:
    oee = mapping.oee
    if oee is None:
        return
    for key in ("ideal_cycle", "planned_per_day"):
        if getattr(oee, key):
            _duration(getattr(oee, key), f"oee.{key}")
    kinds = {feed.name: feed.kind for feed in mapping.feeds}
    quantities = ("counter", "amount")
    for key, fitting in (("state", ("state",)), *((k, quantities) for k in ("good", "scrap", "total"))):
        name = getattr(oee, key)
        _need(not name or kinds.get(name) in fitting, f"oee.{key}", name, "oee_feed")
    _need(not oee.running or oee.state, "oee.running", ", ".join(oee.running), "with_state")
