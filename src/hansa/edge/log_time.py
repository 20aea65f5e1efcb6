"""Times as logs write them, to ns since the epoch, UTC.

Formats: `year_first` (ISO 8601 and its many relatives, Chinese spelling, compact), `day_first`,
`month_first`, `epoch_s`, `epoch_ms`, `excel` (serial days), or a pattern with the `%` letters of strptime.
Digits need no padding; fractions of a second may have any length and are cut to ns; `24:00` is the next
midnight.

A text with a zone of its own (Z, +08:00) keeps it. Any other is local time in the mapping's zone, where
- a time that clocks show **twice** (autumn) is first taken for its first pass; `resolve_folds` moves
  readings to the second pass when their file has stepped back within that hour;
- a time that clocks **skip** (spring) is refused, save the very first moment skipped, which is the moment
  itself.
"""

import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from itertools import pairwise
from zoneinfo import ZoneInfo

from hansa.edge import log_limits as limits
from hansa.edge.log_errors import BadCell, shown

_SECONDS = {f"{n:02d}": n * limits.NS_PER_S for n in range(60)}
_TENS: list[int] = [10**n for n in range(10)]
_SIGNS = ("+", "-")
_NS_PER_MINUTE = 60 * limits.NS_PER_S
_NS_PER_DAY = limits.MS_PER_DAY * limits.NS_PER_MS
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_EXCEL_DAY = date(1899, 12, 30).toordinal()
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan",
            "feb",
            "mar mär mrz",
            "apr",
            "may mai",
            "jun",
            "jul",
            "aug",
            "sep",
            "oct okt",
            "nov",
            "dec dez",
        ),
        1,
    )
    for name in names.split()
}

_HALF = r"(?P<p>上午|下午|中午|晚上|凌晨|[AaPp]\.?[Mm]\.?)"
_CLOCK = (
    rf"(?:{_HALF.replace('<p>', '<q>')}\s*)?(?P<H>\d{{1,2}})\s*[:时點点]\s*(?P<M>\d{{1,2}})"
    rf"(?:\s*[:分]\s*(?P<S>\d{{1,2}})(?:[.,](?P<f>\d+))?)?\s*[分秒]?(?:\s*{_HALF})?"
)
_ZONE = r"(?:\s*(?P<z>Z|z|UTC|GMT|[+-]\d\d:?\d\d|[+-]\d\d))?"
_TAIL = rf"(?:(?:[T ,_]|(?<=日))\s*{_CLOCK}{_ZONE})?"
_YEAR = r"(?P<Y>\d{4})"
_DM = r"(?P<{}>\d{{1,2}})[-/.]\s*(?P<{}>\d{{1,2}})[-/.]\s*(?P<Y>\d{{4}}|\d{{2}})"

_DASHED = rf"{_YEAR}\s*[-/.年]\s*(?P<m>\d{{1,2}})\s*[-/.月]\s*(?P<d>\d{{1,2}})\s*日?{_TAIL}"
_COMPACT_CLOCK = r"[T ]?(?P<H>\d\d):?(?P<M>\d\d)(?::?(?P<S>\d\d)(?:[.,](?P<f>\d+))?)?"
_COMPACT = rf"{_YEAR}(?P<m>\d\d)(?P<d>\d\d)(?:{_COMPACT_CLOCK}{_ZONE})?"

FAMILIES: dict[str, tuple[re.Pattern[str], ...]] = {
    "year_first": (re.compile(_DASHED, re.ASCII), re.compile(_COMPACT, re.ASCII)),
    "day_first": (re.compile(_DM.format("d", "m") + _TAIL, re.ASCII),),
    "month_first": (re.compile(_DM.format("m", "d") + _TAIL, re.ASCII),),
}
NUMERIC = {
    "epoch_s": limits.NS_PER_S,
    "epoch_ms": limits.NS_PER_MS,
    "excel": limits.MS_PER_DAY * limits.NS_PER_MS,
}

_LETTERS = {
    "Y": r"(?P<Y>\d{4})",
    "y": r"(?P<Y>\d{2})",
    "m": r"(?P<m>\d{1,2})",
    "d": r"(?P<d>\d{1,2})",
    "b": r"(?P<b>[^\W\d_]{3,9})\.?",
    "H": r"(?P<H>\d{1,2})",
    "I": r"(?P<H>\d{1,2})",
    "M": r"(?P<M>\d{1,2})",
    "S": r"(?P<S>\d{1,2})",
    "f": r"(?P<f>\d+)",
    "p": _HALF,
    "z": r"(?P<z>Z|[+-]\d\d:?\d\d)",
    "%": "%",
}


def compiled(time_format: str) -> tuple[re.Pattern[str], ...] | None:
    """The patterns of a format of the mapping; empty for the numeric ones; None when it is no format."""
    if time_format in NUMERIC:
        return ()
    if time_format in FAMILIES:
        return FAMILIES[time_format]
    pieces = re.split(r"%(.)", time_format)
    if len(pieces) == 1 or any(letter not in _LETTERS for letter in pieces[1::2]):
        return None
    parts = [_LETTERS[p] if i % 2 else re.sub(r"(\\ )+", r"\\s+", re.escape(p)) for i, p in enumerate(pieces)]
    try:
        pattern = re.compile("".join(parts))
    except re.error:  # the same letter twice
        return None
    names = pattern.groupindex
    return (pattern,) if "Y" in names and "d" in names and ("m" in names or "b" in names) else None


def zone_named(name: str) -> tzinfo | None:
    """An IANA zone, `UTC`, or a fixed offset such as `+08:00`; None when there is none of that name."""
    fixed = re.fullmatch(r"([+-])(\d\d):?(\d\d)", name)
    if fixed:
        span = timedelta(hours=int(fixed[2]), minutes=int(fixed[3]))
        return timezone(span if fixed[1] == "+" else -span) if span < timedelta(hours=24) else None
    try:
        return UTC if name == "UTC" else ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return None


class TimeReader:
    """Reads the times of one log: the same text gives the same ns, whatever came before.

    `closes_day`: a stamp of exactly 0:00 means the midnight that ends the day it names.
    `folds` collects the stretches that local clocks showed twice: first ns of the first pass → length in ns.
    """

    def __init__(self, formats: tuple[str, ...], zone: tzinfo | None, *, closes_day: bool = False) -> None:
        self.folds: dict[int, int] = {}
        self._formats = formats
        # Year first means one thing only, and workbooks' date cells come so: understood beside any format.
        self._patterns = [(name, compiled(name) or ()) for name in (*formats, "year_first")]
        self._zone = zone
        self._closes_day = closes_day
        self._minutes: dict[str, int] = {}
        """Text up to the minute, and the zone written → ns of the minute."""
        self._texts: dict[str, int] = {}

    def read(self, text: str) -> int:
        """ns since the epoch, UTC. Raises BadCell (`edge.time_zone_missing` where neither text nor mapping
        has one).
        """
        # The hot path: the minute was seen before, so only seconds and fraction are new.
        if text[-1:] == "Z":
            head, _, rest = text[:-1].rpartition(":")
            minute = self._minutes.get(head + "Z")
        elif text[-3:-2] == ":" and text[-6:-5] in _SIGNS:
            head, _, rest = text[:-6].rpartition(":")
            minute = self._minutes.get(head + text[-6:])
        else:
            head, _, rest = text.rpartition(":")
            minute = self._minutes.get(head)
        if minute is not None:
            second = _SECONDS.get(rest[:2])
            if second is not None:
                if len(rest) == 2:
                    return minute + second
                part = rest[3:12]
                if rest[2] in ".," and rest[3:].isdecimal() and part.isascii():
                    return minute + second + int(part) * _TENS[9 - len(part)]
        known = self._texts.get(text)
        if known is None:
            known = self._read_slowly(text.strip())
            if len(self._texts) < limits.CACHE_MAX:
                self._texts[text] = known
        return known

    def _read_slowly(self, text: str) -> int:
        if len(text) <= limits.TIME_TEXT_MAX:
            for name, patterns in self._patterns:
                if not patterns and re.fullmatch(r"\d{1,19}([.,]\d{1,20})?", text, re.ASCII):
                    return self._from_number(name, text)
                for pattern in patterns:
                    found = pattern.fullmatch(text)
                    if found:
                        return self._from_parts(text, found)
        raise BadCell("edge.time_unreadable", value=shown(text), need=", ".join(self._formats))

    def _from_number(self, name: str, text: str) -> int:
        whole, _, part = text.replace(",", ".").partition(".")
        size = NUMERIC[name]
        at_ns = int(whole) * size + int(part or 0) * size // int("1" + "0" * len(part))
        if name != "excel":
            return at_ns
        # Serial days are local; a double holds them to about 1 µs, so the ms is what the sheet shows.
        at_ms = (at_ns + limits.NS_PER_MS // 2) // limits.NS_PER_MS
        return self._local(text, _EXCEL_DAY - _EPOCH_DAY, at_ms * limits.NS_PER_MS)[0]

    def _from_parts(self, text: str, found: re.Match[str]) -> int:
        parts = found.groupdict()
        day, clock_ns = _calendar(text, parts)
        if clock_ns == 0 and self._closes_day and parts.get("H") is not None:
            day += 1
        zone = parts.get("z")
        if zone is None:
            at_ns, skipped = self._local(text, day - _EPOCH_DAY, clock_ns)
        else:
            at_ns, skipped = (day - _EPOCH_DAY) * _NS_PER_DAY + clock_ns - _offset_ns(text, zone), False
        midnight = self._closes_day and clock_ns < _NS_PER_MINUTE
        if not skipped and not midnight and len(self._minutes) < limits.CACHE_MAX:
            self._remember_minute(text, found, zone or "", at_ns - clock_ns % _NS_PER_MINUTE)
        return at_ns

    def _remember_minute(self, text: str, found: re.Match[str], zone: str, minute_ns: int) -> None:
        """For texts that end in `:SS`, a fraction or none, and a zone that `read` can cut off."""
        parts = found.groupdict()
        if not parts.get("S") or parts.get("p") or parts.get("q") or zone not in ("", "Z", text[-6:]):
            return
        if re.fullmatch(r":\d\d(?:[.,]\d+)?", text[found.end("M") :].removesuffix(zone), re.ASCII):
            self._minutes[text[: found.end("M")] + zone] = minute_ns

    def _local(self, text: str, day: int, clock_ns: int) -> tuple[int, bool]:
        """ns of a local time, and whether clocks skip what follows it."""
        if self._zone is None:
            raise BadCell("edge.time_zone_missing", value=shown(text))
        local_ns = day * _NS_PER_DAY + clock_ns
        second, _ = divmod(local_ns, limits.NS_PER_S)
        try:
            local = datetime(1970, 1, 1) + timedelta(seconds=second)
            before = _utc_offset_ns(self._zone, local, fold=0)
            after = _utc_offset_ns(self._zone, local, fold=1)
        except OverflowError:
            raise BadCell("edge.time_impossible", value=shown(text)) from None
        at_ns = local_ns - before
        if before > after:
            self._note_fold(at_ns, before - after)
        elif before < after and not self._starts_gap(local):
            raise BadCell("edge.time_skipped", value=shown(text))
        return at_ns, before < after

    def _note_fold(self, at_ns: int, length_ns: int) -> None:
        """The clock goes back at `end`; the first pass began one length earlier."""
        assert self._zone is not None
        low, high = at_ns, at_ns + length_ns
        shift = datetime.fromtimestamp(low // limits.NS_PER_S, UTC).astimezone(self._zone).utcoffset()
        while high - low > limits.NS_PER_S:
            middle = (low + high) // 2
            moment = datetime.fromtimestamp(middle // limits.NS_PER_S, UTC).astimezone(self._zone)
            low, high = (middle, high) if moment.utcoffset() == shift else (low, middle)
        end_s = (high // limits.NS_PER_S + 30) // 60 * 60
        self.folds[end_s * limits.NS_PER_S - length_ns] = length_ns

    def _starts_gap(self, local: datetime) -> bool:
        earlier = local - timedelta(seconds=1)
        zone = self._zone
        assert zone is not None
        return _utc_offset_ns(zone, earlier, fold=0) == _utc_offset_ns(zone, earlier, fold=1)


def _calendar(text: str, parts: dict[str, str | None]) -> tuple[int, int]:
    """Proleptic day number and ns of the day; hour 24 stays 86,400 s. Raises BadCell."""
    year = int(parts["Y"] or 0)
    year += 2000 if len(parts["Y"] or "") == 2 else 0
    name = parts.get("b")
    month = _MONTHS.get(name[:3].lower(), 0) if name else int(parts["m"] or 0)
    hour, minute, second = (int(parts.get(letter) or 0) for letter in "HMS")
    half = (parts.get("p") or parts.get("q") or "").lower().replace(".", "")
    if half in ("pm", "下午", "晚上", "中午") and hour < 12 and not (half == "中午" and hour > 10):
        hour += 12
    elif half in ("am", "上午", "凌晨") and hour == 12:
        hour = 0
    last = hour == 24 and minute == second == 0
    try:
        day = date(year, month, int(parts["d"] or 0)).toordinal()
    except ValueError:
        raise BadCell("edge.time_impossible", value=shown(text)) from None
    if not (hour < 24 or last) or minute > 59 or second > 59:
        raise BadCell("edge.time_impossible", value=shown(text))
    part = (parts.get("f") or "")[:9]
    clock_ns = ((hour * 60 + minute) * 60 + second) * limits.NS_PER_S + int(part or 0) * _TENS[9 - len(part)]
    return day, clock_ns


def _offset_ns(text: str, zone: str) -> int:
    if zone[0] not in "+-":
        return 0
    hours, minutes = int(zone[1:3]), int(zone[3:].replace(":", "") or 0)
    if hours > 23 or minutes > 59:
        raise BadCell("edge.time_impossible", value=shown(text))
    return (hours * 60 + minutes) * 60 * limits.NS_PER_S * (1 if zone[0] == "+" else -1)


def _utc_offset_ns(zone: tzinfo, local: datetime, *, fold: int) -> int:
    offset = local.replace(tzinfo=zone, fold=fold).utcoffset() or timedelta()
    return round(offset.total_seconds()) * limits.NS_PER_S


def resolve_folds(
    at_ns: list[int], files: list[int], folds: dict[int, int], rule: str, *, repeats_step: bool
) -> None:
    """Moves readings of one feed, in file order, to the second pass of a repeated hour; changes `at_ns`.

    Rule `first` leaves all, `second` moves all, `file_order` moves a reading when its file has stepped back
    within that hour before it. With `repeats_step`, showing the same time again is a step back, too (amounts:
    a grid has each time once in each pass).
    """
    if not folds or rule == "first":
        return
    for start, length in folds.items():
        inside = [i for i, at in enumerate(at_ns) if start <= at < start + length]
        second_pass = {files[i] for i in inside} if rule == "second" else set[int]()
        for before, now in pairwise([-1, *inside]):
            if before >= 0 and files[before] == files[now]:
                step = at_ns[now] - (at_ns[before] - (length if files[now] in second_pass else 0))
                if step < 0 or (step == 0 and repeats_step):
                    second_pass.add(files[now])
            if files[now] in second_pass:
                at_ns[now] += length
