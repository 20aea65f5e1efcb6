"""Looks at a log and guesses its mapping: `probe` and `mapping_text`. Every guess says what it rests on."""

import re
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from hansa.edge import log_limits as limits
from hansa.edge.log_errors import BadCell, refusal
from hansa.edge.log_time import TimeReader, zone_named
from hansa.edge.probe_sample import (
    Layout,
    Sample,
    body_rows,
    day_or_month,
    find_layout,
    is_adapter,
    take_sample,
    time_text,
)
from hansa.edge.probe_signals import Signal, Values, classify
from hansa.edge.probe_text import Probe, mapping_text
from hansa.edge.probe_words import says

__all__ = ["Probe", "Signal", "mapping_text", "probe"]

ITEMS_MAX = 2_000
DEVICES_MAX = 200
MIDNIGHT_MS = limits.MS_PER_DAY


def probe(path: Path) -> Probe:
    """Looks at a file, a folder or a glob: head, middle and tail of it, lines counted.

    Raises EdgeRefusal when there is no such file, it cannot be read, or has no time column.
    """
    sample = take_sample(path)
    if is_adapter(sample):
        return _probe_adapter(sample)
    layout = find_layout(sample)
    if layout is None:
        raise refusal("edge.probe_no_time", "log", file=sample.source.name)
    layout = _surer(sample, layout)
    table = _Table(sample, layout)
    item, value = _long_columns(table)
    if item >= 0:
        return _probe_long(table, item, value)
    return _probe_wide(table)


def _surer(sample: Sample, layout: Layout) -> Layout:
    """Day or month first, decided on all rows that were seen."""
    if layout.time_format not in ("day_first", "month_first"):
        return layout
    column = layout.time[0]
    found = day_or_month([row[column] for _, row in body_rows(sample, layout)])
    return replace(layout, time_format=found[0], sure=found[1]) if found else layout


class _Table:
    """The sampled rows whose time can be read: stretch by stretch, times in ms as if local were UTC."""

    def __init__(self, sample: Sample, layout: Layout) -> None:
        self.sample, self.layout = sample, layout
        self.rows: list[list[str]] = []
        self.at_ms: list[int] = []
        self.starts: list[bool] = []
        self.zoned = 0
        self.device_column, self.device = -1, ""
        reader = TimeReader((layout.time_format,), zone_named("UTC"))
        for starts, row in body_rows(sample, layout):
            text = time_text(row, layout.time)
            try:
                at_ns = reader.read(text)
            except BadCell:
                continue
            self.rows.append(row)
            self.at_ms.append(at_ns // limits.NS_PER_MS)
            self.starts.append(starts or not self.starts)
            self.zoned += bool(re.search(r"(Z|[+-]\d\d:?\d\d)$", text)) or layout.time_format.startswith(
                "epoch"
            )
        self._keep_one_device()

    def _keep_one_device(self) -> None:
        """Of a log of several devices, the rows of the one that has most."""
        for index in self.others:
            seen = Counter(row[index] for row in self.rows) if says(self.name(index), "device") else Counter()
            if 1 < len(seen) <= DEVICES_MAX and "" not in seen:
                self.device_column, self.device = index, seen.most_common(1)[0][0]
                kept = [number for number, row in enumerate(self.rows) if row[index] == self.device]
                self.rows = [self.rows[number] for number in kept]
                self.at_ms = [self.at_ms[number] for number in kept]
                self.starts = [self.starts[number] for number in kept]
                return

    def column(self, index: int) -> list[str]:
        return [row[index] for row in self.rows]

    def name(self, index: int) -> str:
        header = self.layout.header
        return header[index] if index < len(header) else ""

    def source(self, index: int) -> str | int:
        """The header where it names one column only, else the number from 1."""
        name = self.name(index)
        return name if name and self.layout.header.count(name) == 1 else index + 1

    @property
    def others(self) -> list[int]:
        return [index for index in range(self.layout.width) if index not in self.layout.time]


def number_style(cells: list[str], delimiter: str) -> tuple[str, str]:
    """Decimal sign and separator of thousands, by the numbers themselves."""
    commas = dots = 0
    comma_groups = dot_groups = spaces = 0
    for cell in cells:
        text = cell.strip()
        if not re.fullmatch(r"[+-]?\d[\d.,\s'’]*", text):
            continue
        last = max(text.rfind(","), text.rfind("."))
        if last >= 0:
            sign, other = text[last], "." if text[last] == "," else ","
            grouped = bool(re.fullmatch(rf"[+-]?\d{{1,3}}({re.escape(sign)}\d{{3}})+", text))
            comma_groups += (sign == "," and grouped) or ("," in text and other == ",")
            dot_groups += (sign == "." and grouped and text.count(".") > 1) or ("." in text and other == ".")
            commas += sign == "," and not grouped
            dots += sign == "." and not grouped
        spaces += bool(re.fullmatch(r"\d{1,3}(\s\d{3})+([.,]\d+)?", text))
    if commas and not dots:
        return ",", "." if dot_groups else (" " if spaces else "")
    if comma_groups and delimiter == ";" and not dots and not dot_groups:
        return ",", " " if spaces else ""
    return ".", "," if comma_groups else (" " if spaces else "")


def _long_columns(table: _Table) -> tuple[int, int]:
    """Columns of item and value where the log is long; −1 where it is wide."""
    if not table.rows:
        return -1, -1
    others = table.others
    named = [i for i in others if says(table.name(i), "item")]
    valued = [i for i in others if says(table.name(i), "value")]
    for item in [*named, *(i for i in others if i not in named)]:
        cells = table.column(item)
        seen = Counter(cells)
        words = all(re.search(r"[^\W\d]", cell) for cell in seen)
        if not words or len(seen) > max(1, min(ITEMS_MAX, len(cells) // 2)):
            continue
        rest = [i for i in others if i != item]
        value = next((i for i in valued if i != item), rest[0] if len(rest) == 1 else -1)
        if value >= 0 and (item in named or _kinds_differ(cells, table.column(value))):
            return item, value
    return -1, -1


def _kinds_differ(items: list[str], values: list[str]) -> bool:
    """Whether the values of some items are words and of others numbers."""
    numeric: dict[str, list[bool]] = {}
    for item, value in zip(items, values, strict=True):
        numeric.setdefault(item, []).append(bool(re.fullmatch(r"[+-]?[\d.,]+", value.strip())))
    shares = [sum(flags) / len(flags) for flags in numeric.values()]
    return min(shares) < 0.2 and max(shares) > 0.8


def _probe_wide(table: _Table) -> Probe:
    cells = [row[index] for index in table.others for row in table.rows[:2000]]
    decimal, thousands = number_style(cells, table.layout.delimiter)
    units = _unit_row(table)
    signals = []
    for index in table.others:
        values = Values(table.name(index) or f"column_{index + 1}", table.at_ms, table.column(index))
        signals.append(classify(table.source(index), values, decimal, thousands, units[index]))
    base = _base(table, "wide", signals)
    return replace(base, decimal=decimal, thousands=thousands)


def _unit_row(table: _Table) -> list[str]:
    """The row of units that may stand between header and data."""
    layout = table.layout
    empty = [""] * layout.width
    if not layout.header_line or layout.first_row != layout.header_line + 2 or table.sample.workbook:
        return empty
    line = table.sample.head[layout.first_row - 2]
    cells = line.split("\t" if layout.delimiter == "tab" else layout.delimiter)
    return cells if len(cells) == layout.width else empty


def _probe_long(table: _Table, item: int, value: int) -> Probe:
    decimal, thousands = number_style(table.column(value)[:20_000], table.layout.delimiter)
    found: dict[str, Values] = {}
    for at, row in zip(table.at_ms, table.rows, strict=True):
        name = row[item].strip()
        values = found.setdefault(name, Values(name))
        values.at_ms.append(at)
        values.text.append(row[value])
    hint = table.name(value)
    signals = [classify(name, values, decimal, thousands, hint) for name, values in sorted(found.items())]
    base = _base(table, "long", signals)
    return replace(
        base, decimal=decimal, thousands=thousands, item=table.source(item), value=table.source(value)
    )


def _probe_adapter(sample: Sample) -> Probe:
    reader = TimeReader(("year_first",), zone_named("UTC"))
    found: dict[str, Values] = {}
    zoned = rows = 0
    for line in (line for stretch in sample.stretches for line in stretch):
        time, *cells = line.split("|")
        try:
            at_ms = reader.read(time.partition("@")[0]) // limits.NS_PER_MS
        except BadCell:
            continue
        rows += 1
        zoned += time.endswith("Z")
        if not cells or cells[0].startswith("@"):
            continue
        condition = len(cells) == 6 and cells[1].casefold() in ("normal", "warning", "fault", "unavailable")
        pairs = zip(cells[0::2], cells[1::2], strict=False) if not condition else ()
        for name, text in pairs:
            if name:
                values = found.setdefault(name, Values(name))
                values.at_ms.append(at_ms)
                values.text.append(text)
    signals = [classify(name, values, ".", "", "") for name, values in sorted(found.items())]
    return Probe(sample, "shdr", signals=tuple(signals), zone="" if zoned else "UTC", zone_sure=False)


def _base(table: _Table, form: str, signals: list[Signal]) -> Probe:
    sample, layout = table.sample, table.layout
    zone, sure = ("", True) if table.zoned and table.zoned >= 0.9 * len(table.rows) else _zone(table)
    amounts = any(signal.role == "amount" for signal in signals)
    closes, stamp = _stamps(table) if amounts else (False, "end")
    return Probe(
        sample,
        form,
        delimiter=layout.delimiter,
        header_line=layout.header_line,
        first_row=layout.first_row if layout.first_row != layout.header_line + 1 else 0,
        time=tuple(table.source(index) for index in layout.time),
        time_format=layout.time_format,
        time_sure=layout.sure,
        zone=zone,
        zone_sure=sure,
        closes_day=closes,
        stamp=stamp,
        device_column=table.source(table.device_column) if table.device else "",
        device=table.device,
        signals=tuple(_with_a_state(signals)),
    )


def _with_a_state(signals: list[Signal]) -> list[Signal]:
    """Where nothing looks like a state, a column named as a kind of something is taken for one."""
    if any(signal.role == "state" for signal in signals):
        return signals
    likely = next((s for s in signals if s.role == "maybe_state" and says(s.name, "kind")), None)
    return [replace(s, role="state") if s is likely else s for s in signals]


def _zone(table: _Table) -> tuple[str, bool]:
    names = " ".join(table.layout.header)
    if re.search(r"utc|gmt", names, re.IGNORECASE):
        return "UTC", False
    text = names + " ".join(" ".join(row) for row in table.rows[:50])
    if re.search(r"[\u4e00-\u9fff]", text):
        return "Asia/Shanghai", False
    return ("Europe/Berlin", False) if re.search(r"[äöüßÄÖÜ]", text) else ("UTC", False)


def _stamps(table: _Table) -> tuple[bool, str]:
    """Whether 0:00 closes the day it names, and whether stamps stand at the start or the end of intervals."""
    closes = opens = 0
    for (before, now), starts in zip(pairwise(table.at_ms), table.starts[1:], strict=True):
        if not starts and now % MIDNIGHT_MS == 0:
            closes += now < before and before - now < MIDNIGHT_MS
            opens += now > before
    if closes > opens:
        return True, "end"
    header = [str(table.name(index)) for index in table.layout.time]
    if any(says(name, "interval_end") for name in header):
        return False, "end"
    first = table.at_ms[0] % MIDNIGHT_MS if table.at_ms else 1
    last = table.at_ms[-1] % MIDNIGHT_MS if table.at_ms else 0
    return False, "start" if first == 0 and last != 0 else "end"
