"""What a mapping file says, as frozen data. Checked by `mapping_checks`; units and durations are exact
integers.
"""

from datetime import date, datetime, time, timedelta
from fractions import Fraction
from typing import Literal

import msgspec

from hansa.edge import log_limits as limits
from hansa.edge.log_time import zone_named
from hansa.edge.log_units import Unit, duration_ms, ratio, unit_named

Column = str | int
"""A column by its header, or by its number from 1."""
Values = str | list[str]

LOST_DEFAULT = (
    *("", "UNAVAILABLE", "NaN", "null", "None", "-", "--", "?", "N/A", "Bad", "NoData", "No Data"),
    *("#N/A", "#NV", "#VALUE!", "#DIV/0!", "#REF!", "#NAME?", "#NUM!", "#NULL!"),
    *("无", "无效", "离线", "断线", "失联", "掉线", "通讯中断", "通信中断", "无信号"),
    *("offline", "disconnected", "no signal", "not available", "comm error"),
)
"""What logs write where there is no signal; upper and lower case are alike."""


class _Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every table of the mapping file."""


class Availability(_Strict, frozen=True):
    """The item or column that says whether the device answers at all. While it reads one of `lost`, no feed
    of the device has a signal: it counts from that moment to each feed's next reading."""

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
        """Line of the first row of data, from 1. Adapter lines have no header."""
        return self.first_row or (1 if self.format == "shdr" else self.header_line + 1)

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


class Reset(_Strict, frozen=True):
    """The owner's word that a counter began anew: it ended at `final` and began again from `start`, raw
    units.
    """

    at: datetime
    final: str | int
    start: str | int = 0


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
    resets: Literal["none", "every_fall"] | list[Reset] = "none"
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

    def instant_ms(self, at: datetime) -> int:
        """A time of the mapping file as ms since the epoch; one without a zone is in the log's (UTC if
        none).
        """
        zoned = at if at.tzinfo else at.replace(tzinfo=zone_named(self.log.time_zone or "UTC"))
        return round(zoned.timestamp() * 1000)

    def valid_until_ms(self, feed: FeedSpec) -> int:
        """The first ms after the last day of the feed's legal use, in the log's zone; 0 when it names no
        day.
        """
        day = feed.legal_use.valid_until
        return self.log.day_start_ms(day + timedelta(days=1)) if day else 0
