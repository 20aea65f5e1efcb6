"""The mapping file: what the columns or items of a machine's log mean. TOML, decoded strictly.

`docs/reference/mapping.toml` shows every key with its meaning. An unknown key is refused by name.
"""

import re
import tomllib
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import msgspec

from hansa.edge import log_limits as limits
from hansa.edge.log_errors import refusal, shown
from hansa.edge.log_time import compiled, zone_named
from hansa.edge.log_units import CLOCK_UNITS, UNITS, Unit, duration_ms, ratio, unit_named

Column = str | int
"""A column by its header, or by its number from 1."""
Values = str | list[str]

LOST_DEFAULT = (
    ["", "UNAVAILABLE", "NaN", "null", "None", "-", "--", "?", "N/A", "#N/A", "#NV", "#VALUE!", "#DIV/0!"]
    + ["#REF!", "#NAME?", "#NUM!", "#NULL!", "Bad", "NoData", "No Data", "无", "无效", "离线", "断线"]
)  # fmt: skip


class _Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every table of the mapping file."""


class Availability(_Strict, frozen=True):
    """The item or column that says whether the device answers at all. While it reads one of `lost`, no feed of
    the device has a signal: it counts from that moment to each feed's next reading."""

    item: str = ""
    column: Column = ""
    lost: list[str] = msgspec.field(default_factory=lambda: ["UNAVAILABLE"])


class LogFormat(_Strict, frozen=True):
    """How the files of one device are written."""

    device: str
    format: Literal["wide", "long", "shdr"]
    encoding: str = "auto"
    delimiter: str = ""
    sheet: str = ""
    header_line: int = 1
    first_row: int = 0
    comment: str = ""
    time: Column | list[Column] = ""
    item: Column = ""
    value: Column = ""
    time_format: Values = "year_first"
    time_zone: str = ""
    fold: Literal["file_order", "first", "second"] = "file_order"
    stamp: Literal["end", "start"] = "end"
    midnight: Literal["opens_day", "closes_day"] = "opens_day"
    decimal: str = "."
    thousands: str = ""
    lost: list[str] = msgspec.field(default_factory=lambda: list(LOST_DEFAULT))
    ignore: list[str] = msgspec.field(default_factory=list)
    where: dict[str, Values] = msgspec.field(default_factory=dict)
    availability: Availability | None = None
    not_before: date = date(*limits.NOT_BEFORE_DEFAULT)
    not_after: date | None = None
    clock_gap_days: int = 366
    clock_skew: str = "5min"
    keep_good_rows: bool = False

    @property
    def time_columns(self) -> list[Column]:
        return self.time if isinstance(self.time, list) else [self.time]

    @property
    def time_formats(self) -> tuple[str, ...]:
        return (self.time_format,) if isinstance(self.time_format, str) else tuple(self.time_format)

    @property
    def first_data_line(self) -> int:
        """Line of the first row of data, from 1."""
        return self.first_row or self.header_line + 1

    @property
    def clock_skew_ms(self) -> int:
        return duration_ms(self.clock_skew) or 0

    def day_start_ms(self, day: date) -> int:
        """The first ms of that day in the log's zone (UTC where the mapping names none)."""
        zone = zone_named(self.time_zone or "UTC")
        return round(datetime.combine(day, time(), zone).timestamp()) * 1000


class LegalUse(_Strict, frozen=True):
    """What the meter may be used for in trade. Billing grade names its certificate, class and seal."""

    grade: Literal["billing", "indicative"] = "indicative"
    certificate: str = ""
    valid_until: date | None = None
    class_: str = msgspec.field(default="", name="class")
    seal: str = ""
    ratio: str = "1"
    """Transformer ratio, stated for the record. It changes no value: `unit` and `scale` do."""


INDICATIVE = LegalUse()


class FeedSpec(_Strict, frozen=True):
    """One signal of the device that the ledger shall know."""

    name: str
    kind: Literal["counter", "amount", "state", "power"]
    item: str = ""
    column: Column = ""
    where: dict[str, Values] = msgspec.field(default_factory=dict)
    unit: str = ""
    scale: str | int = 1
    modulus: str | int = ""
    interval: str = ""
    hold_max: str = "15min"
    reporting: Literal["on_change", "periodic"] = "on_change"
    silence: str = ""
    record_every: str = "change"
    states: dict[str, str] = msgspec.field(default_factory=dict)
    wired: Literal["auto"] | bool = "auto"
    carrier: Literal["", "pieces", "time", "electricity", "gas", "water", "heat", "weight", "other"] = ""
    legal_use: LegalUse = INDICATIVE

    @property
    def written(self) -> Unit:
        """The unit of the raw value. States have none."""
        return unit_named(self.unit) or Unit("state", Fraction(1), "other")

    @property
    def base_unit(self) -> str:
        """What the feed's integers count: piece, ms, Wh, g, ml, …; `state` for states."""
        base = self.written.base
        return {"power": "Wh", "state": "state"}.get(self.kind, base)

    @property
    def factor(self) -> Fraction:
        """Base units (for power: W) in one raw unit, exactly."""
        return self.written.factor * (ratio(str(self.scale)) or 1)

    @property
    def modulus_base(self) -> int:
        """The value at which the counter starts again from 0, in base units; 0 for none."""
        return int((ratio(str(self.modulus)) or 0) * self.factor) if self.modulus else 0

    @property
    def interval_ms(self) -> int:
        """Length of the interval that a row speaks of; 0 for none, and for amounts `since_last`."""
        return duration_ms(self.interval) or 0

    @property
    def hold_max_ms(self) -> int:
        return duration_ms(self.hold_max) or 0

    @property
    def silence_ms(self) -> int:
        return duration_ms(self.silence) or 0

    @property
    def carries(self) -> str:
        """What flows: the mapping's carrier, else the usual one of the unit."""
        return self.carrier or self.written.carrier


class Oee(_Strict, frozen=True):
    """Inputs of OEE that no log holds. What is absent stays "not given"; nothing is assumed."""

    ideal_cycle: str = ""
    planned_per_day: str = ""
    state: str = ""
    running: list[str] = msgspec.field(default_factory=list)
    good: str = ""
    scrap: str = ""
    total: str = ""

    @property
    def ideal_cycle_ms(self) -> int:
        """Ideal time per piece; 0 when not given."""
        return duration_ms(self.ideal_cycle) or 0

    @property
    def planned_per_day_ms(self) -> int:
        """Planned time per calendar day; 0 when not given."""
        return duration_ms(self.planned_per_day) or 0


class Mapping(_Strict, frozen=True):
    """One device's log and its feeds. Checked: what `load_mapping` returns can be used as it stands."""

    log: LogFormat
    feeds: list[FeedSpec] = msgspec.field(name="feed")
    oee: Oee | None = None

    def valid_until_ms(self, feed: FeedSpec) -> int:
        """The first ms after the last day of the feed's legal use, in the log's zone; 0 when it names no day."""
        day = feed.legal_use.valid_until
        return self.log.day_start_ms(day + timedelta(days=1)) if day else 0


def load_mapping(path: Path) -> Mapping:
    """Reads and checks a mapping file. Raises EdgeRefusal, naming the key at fault."""
    try:
        if path.stat().st_size > limits.MAPPING_BYTES_MAX:
            raise refusal(
                "edge.file_too_large",
                "mapping",
                file=path.name,
                value=path.stat().st_size,
                limit=limits.MAPPING_BYTES_MAX,
            )
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        detail = error.strerror if isinstance(error, OSError) else "UTF-8"
        raise refusal("edge.mapping_unreadable", "mapping", file=path.name, detail=str(detail)) from None
    return parse_mapping(text, path.name)


def parse_mapping(text: str, name: str = "mapping.toml") -> Mapping:
    """The mapping in that TOML text. Raises EdgeRefusal, naming the key at fault."""
    try:
        raw = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise refusal("edge.mapping_syntax", "mapping", file=name, detail=shown(str(error), 120)) from None
    mapping = _converted(raw)
    _check_log(mapping.log)
    _check_feeds(mapping)
    _check_oee(mapping)
    return mapping


def _converted(raw: dict[str, Any]) -> Mapping:
    try:
        return msgspec.convert(raw, Mapping)
    except msgspec.ValidationError as error:
        message = str(error)
    where = re.search(r"at `(?:key in )?\$?\.?([^`]*)`", message)
    at = (where[1] if where else "").replace("[...]", "") or "mapping"
    key = re.search(r"(unknown|required) field `([^`]*)`", message)
    if key and key[1] == "unknown":
        raise refusal("edge.mapping_unknown_key", f"{at}.{key[2]}", at=f"[{at}]", key=shown(key[2]))
    if key:
        raise refusal("edge.mapping_missing_key", f"{at}.{key[2]}", at=f"[{at}]", key=key[2])
    raise refusal("edge.mapping_type", at, detail=shown(message.split(" - at")[0], 160))


def _need(holds: object, field: str, value: object, zh: str, en: str) -> None:
    if not holds:
        raise refusal("edge.mapping_value", field, value=shown(str(value)), need_zh=zh, need_en=en)


def _given(holds: object, field: str, zh: str, en: str) -> None:
    if not holds:
        raise refusal("edge.mapping_needs", field, need_zh=zh, need_en=en)


def _absent(value: object, field: str, zh: str, en: str) -> None:
    if value:
        raise refusal("edge.mapping_not_for", field, need_zh=zh, need_en=en)


def _duration(value: str, field: str) -> None:
    _need(duration_ms(value), field, value, "时长，如 15min、42.5 s", "a duration such as 15min or 42.5 s")


_NAME = re.compile(r"[a-z0-9_.-]{1,64}")
_STATE = re.compile(r"[A-Z0-9_]{1,64}|unknown")
_ENCODINGS = "auto, utf-8, utf-16, gb18030, cp1252, …"


def _encoding_known(name: str) -> bool:
    try:
        return name == "auto" or isinstance("".encode(name), bytes)
    except (LookupError, ValueError):
        return False


def _check_log(log: LogFormat) -> None:
    names = "小写字母、数字和 _ . -（最多 64 个）", "lower-case letters, digits and _ . - (at most 64)"
    _need(re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", log.device), "log.device", log.device, *names)
    _need(_encoding_known(log.encoding), "log.encoding", log.encoding, _ENCODINGS, _ENCODINGS)
    _need(
        log.header_line >= 0,
        "log.header_line",
        log.header_line,
        "行号，没有表头写 0",
        "a line number, 0 for none",
    )
    _need(log.first_row == 0 or log.format == "shdr" or log.first_row > log.header_line, "log.first_row", log.first_row,
          "表头之后的行号", "a line number after the header")  # fmt: skip
    if log.format != "shdr":
        _given(
            all(log.time_columns) and log.time_columns, "log.time", "时间在哪一列", "which column is the time"
        )
    if log.format == "long":
        _given(log.item, "log.item", "哪一列是测点名", "which column names the item")
        _given(log.value, "log.value", "哪一列是值", "which column holds the value")
    else:
        _absent(log.item, "log.item", "只用于 long 格式", "it belongs to format 'long'")
        _absent(log.value, "log.value", "只用于 long 格式", "it belongs to format 'long'")
    formats = "year_first, day_first, month_first, epoch_s, epoch_ms, excel, %d/%m/%Y %H:%M, …"
    for written in log.time_formats:
        _need(compiled(written) is not None, "log.time_format", written, formats, formats)
    _need(not log.time_zone or zone_named(log.time_zone), "log.time_zone", log.time_zone,
          "IANA 时区名、UTC 或 +08:00", "an IANA zone, UTC or +08:00")  # fmt: skip
    _need(log.decimal in (".", ","), "log.decimal", log.decimal, ". 或 ,", ". or ,")
    _need(log.thousands in ("", ",", ".", " ", "'", "’") and log.thousands != log.decimal, "log.thousands",
          log.thousands, "与小数点不同的 , . ' 或空格", "one of , . ' or a space, and not the decimal sign")  # fmt: skip
    _need(
        0 < log.clock_gap_days < 36_525, "log.clock_gap_days", log.clock_gap_days, "1 至 36524", "1 to 36524"
    )
    _duration(log.clock_skew, "log.clock_skew")
    for day, key in ((log.not_before, "not_before"), (log.not_after, "not_after")):
        _need(day is None or 1900 <= day.year < 2200, f"log.{key}", day, "1900 至 2199 年的日期",
              "a date from 1900 to 2199")  # fmt: skip
    if log.availability is not None:
        _check_source(log, log.availability.item, log.availability.column, "log.availability")
    if log.format == "shdr":
        _absent(log.where, "log.where", "SHDR 行没有其他列", "adapter lines have no other columns")
        _absent(log.delimiter, "log.delimiter", "SHDR 行总是用 |", "adapter lines always use |")


def _check_source(log: LogFormat, item: str, column: Column, field: str) -> None:
    if log.format == "wide":
        _given(column, f"{field}.column", "哪一列", "which column")
        _absent(item, f"{field}.item", "wide 格式用 column", "a wide log has columns: say column")
    else:
        _given(item, f"{field}.item", "哪个测点", "which item")
        _absent(
            column, f"{field}.column", "long 和 shdr 格式用 item", "long and shdr logs have items: say item"
        )


def _check_feeds(mapping: Mapping) -> None:
    feeds = mapping.feeds
    _need(0 < len(feeds) <= limits.FEEDS_MAX, "feed", len(feeds), f"1 至 {limits.FEEDS_MAX} 个 [[feed]]",
          f"1 to {limits.FEEDS_MAX} tables [[feed]]")  # fmt: skip
    seen: set[str] = set()
    for feed in feeds:
        field = f"feed[{feed.name}]"
        _need(_NAME.fullmatch(feed.name), "feed.name", feed.name, "小写字母、数字和 _ . -（最多 64 个）",
              "lower-case letters, digits and _ . - (at most 64)")  # fmt: skip
        _need(feed.name not in seen, "feed.name", feed.name, "不重复的名称", "a name used once")
        seen.add(feed.name)
        _check_source(mapping.log, feed.item, feed.column, field)
        if mapping.log.format == "shdr":
            _absent(feed.where, f"{field}.where", "SHDR 行没有其他列", "adapter lines have no other columns")
        _CHECKS[feed.kind](feed, field)
        _check_common(feed, field)


def _check_common(feed: FeedSpec, field: str) -> None:
    for key in ("hold_max", "silence"):
        if getattr(feed, key):
            _duration(getattr(feed, key), f"{field}.{key}")
    if feed.record_every not in ("change", "all"):
        _duration(feed.record_every, f"{field}.record_every")
    _need(ratio(str(feed.scale)), f"{field}.scale", feed.scale, "正的小数或比值，写成文本，如 \"0.001\"、\"1/3\"",
          "a positive decimal or ratio, as text: \"0.001\", \"1/3\"")  # fmt: skip
    if feed.kind != "counter":
        _absent(feed.modulus, f"{field}.modulus", "只用于 counter", "it belongs to counters")
        _absent(feed.wired is not True and feed.wired != "auto", f"{field}.wired", "只用于 counter",
                "it belongs to counters")  # fmt: skip
    if feed.kind != "state":
        _absent(feed.states, f"{field}.states", "只用于 state", "it belongs to states")
    _check_legal_use(feed, field)


def _check_unit(feed: FeedSpec, field: str) -> None:
    _given(
        feed.unit, f"{field}.unit", "原始值的单位，如 piece、s、kWh", "the raw value's unit: piece, s, kWh, …"
    )
    if unit_named(feed.unit) is None:
        known = ", ".join([*UNITS, *CLOCK_UNITS])
        raise refusal("edge.unit_unknown", f"{field}.unit", value=shown(feed.unit), known=known)
    if feed.kind == "power":
        _need(
            feed.written.base == "W",
            f"{field}.unit",
            feed.unit,
            "功率单位 W、kW、MW",
            "a unit of power: W, kW, MW",
        )
    else:
        _need(feed.written.base != "W", f"{field}.unit", feed.unit, "计量单位；功率请用 kind = \"power\"",
              "a unit of quantity; for power say kind = \"power\"")  # fmt: skip


def _check_counter(feed: FeedSpec, field: str) -> None:
    _check_unit(feed, field)
    _absent(feed.interval, f"{field}.interval", "累计计数没有区间", "a cumulative counter has no interval")
    if feed.modulus:
        size = ratio(str(feed.modulus))
        whole = size is not None and (size * feed.factor).denominator == 1
        _need(
            whole,
            f"{field}.modulus",
            feed.modulus,
            "换算后为整数的正数",
            "a positive number, whole in base units",
        )


def _check_amount(feed: FeedSpec, field: str) -> None:
    _check_unit(feed, field)
    _given(feed.interval, f"{field}.interval", "每行数量所属的区间长度，如 15min，或 since_last",
           "the length of a row's interval, such as 15min, or since_last")  # fmt: skip
    if feed.interval != "since_last":
        _duration(feed.interval, f"{field}.interval")
    _need(feed.record_every in ("change", "all"), f"{field}.record_every", feed.record_every,
          "不写：区间量全部记录", "left out: every amount is recorded")  # fmt: skip


def _check_state(feed: FeedSpec, field: str) -> None:
    _absent(feed.unit, f"{field}.unit", "状态没有单位", "a state has no unit")
    if feed.interval:
        _duration(feed.interval, f"{field}.interval")
    for raw, name in feed.states.items():
        _need(_STATE.fullmatch(name), f"{field}.states.{shown(raw)}", name, "大写字母、数字和 _，或 unknown",
              "upper-case letters, digits and _, or unknown")  # fmt: skip


def _check_power(feed: FeedSpec, field: str) -> None:
    _check_unit(feed, field)
    if feed.interval:
        _duration(feed.interval, f"{field}.interval")
    _need(feed.record_every in ("change", "all"), f"{field}.record_every", feed.record_every,
          "不写：积分所得的区间量全部记录", "left out: every amount is recorded")  # fmt: skip
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
    if use.grade != "billing":
        return
    for key, value in (
        ("certificate", use.certificate),
        ("valid_until", use.valid_until),
        ("class", use.class_),
        ("seal", use.seal),
    ):
        _given(value, f"{field}.legal_use.{key}", "贸易结算用计量须写明证书、有效期、准确度等级和封印",
               "billing grade names certificate, valid_until, class and seal")  # fmt: skip
    _need(ratio(use.ratio), f"{field}.legal_use.ratio", use.ratio, "变比，如 200/5", "a ratio such as 200/5")


def _check_oee(mapping: Mapping) -> None:
    oee = mapping.oee
    if oee is None:
        return
    for key in ("ideal_cycle", "planned_per_day"):
        if getattr(oee, key):
            _duration(getattr(oee, key), f"oee.{key}")
    kinds = {feed.name: feed.kind for feed in mapping.feeds}
    for key, kind in (("state", "state"), ("good", "counter"), ("scrap", "counter"), ("total", "counter")):
        name = getattr(oee, key)
        _need(not name or kinds.get(name) in (kind, "amount" if kind == "counter" else kind), f"oee.{key}", name,
              f"本映射中 {kind} 类 feed 的名称", f"the name of a {kind} feed of this mapping")  # fmt: skip
    _need(
        not oee.running or oee.state,
        "oee.running",
        oee.running,
        "与 oee.state 一起写",
        "given with oee.state",
    )
