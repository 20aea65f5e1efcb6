"""A probed log as the text of a mapping: guesses named as guesses, each with what it rests on."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from hansa.edge import log_limits as limits
from hansa.edge.log_units import spelled_duration
from hansa.edge.probe_sample import Sample
from hansa.edge.probe_signals import Signal
from hansa.edge.probe_words import feed_name, says

SPARSE = 0.3
"""Columns emptier than this say nothing in an empty cell; in fuller ones an empty cell is a lost signal."""
LEFT_OUT_SHOWN = 40


@dataclass(frozen=True, slots=True)
class Probe:
    """What a look at a log showed. `signals` holds every column or item but the time, with the guess about
    it.
    """

    sample: Sample
    format: str
    delimiter: str = ""
    header_line: int = 1
    first_row: int = 0
    time: tuple[str | int, ...] = ()
    time_format: str = "year_first"
    time_sure: bool = True
    zone: str = ""
    zone_sure: bool = True
    closes_day: bool = False
    stamp: str = "end"
    decimal: str = "."
    thousands: str = ""
    item: str | int = ""
    value: str | int = ""
    device_column: str | int = ""
    """The column that names the device, where the log holds several; `device` is the one looked at."""
    device: str = ""
    signals: tuple[Signal, ...] = ()

    @property
    def files(self) -> int:
        return self.sample.files

    @property
    def lines(self) -> int:
        """Lines of all files, header and blank ones included."""
        return self.sample.lines

    def by_role(self, role: str) -> list[Signal]:
        return [signal for signal in self.signals if signal.role == role]

    @property
    def feeds(self) -> list[Signal]:
        """The signals that become feeds."""
        return [signal for signal in self.signals if signal.role in ("counter", "amount", "state", "power")]


def mapping_text(probe: Probe) -> str:
    """A mapping in TOML, commented in zh and en. It loads, and works at once where the guesses are right.

    Where nothing looked like a meter it holds a feed that must be filled in, and loading names it.
    """
    return "\n".join(_mapping_lines(probe)) + "\n"


def _quoted(value: str | int) -> str:
    return (
        str(value)
        if isinstance(value, int)
        else json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    )


def _note(zh: str, en: str) -> str:
    clean = [re.sub(r"[\x00-\x1f\x7f]", " ", text) for text in (zh, en)]
    return f"# {clean[0]} / {clean[1]}"


def _guess(zh: str, en: str) -> str:
    return _note(f"猜测：{zh}", f"guess: {en}")


def _mapping_lines(probe: Probe) -> Iterator[str]:
    files = probe.files
    yield _note(
        f"由 hansa meter probe 生成：{files} 个文件，{probe.lines} 行。标“猜测”的请核对",
        f"written by hansa meter probe: {files} files, {probe.lines} lines. Check what is called a guess",
    )
    yield _note("全部可用的键见 docs/reference/mapping.toml", "docs/reference/mapping.toml shows every key")
    yield "[log]"
    yield from _log_lines(probe)
    for left in (probe.by_role("product"), probe.by_role("ignored")):
        yield from _left_out_lines(left)
    taken: set[str] = set()
    names = {}
    for signal in probe.feeds:
        names[signal.source] = feed_name(signal.name, signal.role, taken)
        yield from _feed_lines(probe, signal, names[signal.source], "")
    if not probe.feeds:
        yield from _empty_feed_lines()
    for signal in probe.by_role("maybe_state"):
        yield from _feed_lines(probe, signal, feed_name(signal.name, "state", taken), "# ")
    yield from _oee_lines(probe, names)


def _log_lines(probe: Probe) -> Iterator[str]:
    stem = re.sub(r"[^A-Za-z0-9]+", "-", probe.device or probe.sample.device).strip("-")[:40].lower()
    yield _guess("设备编号取自文件名", "the device id is taken from the file name")
    yield f"device = {_quoted(stem or 'machine')}"
    yield f'format = "{probe.format}"'
    if probe.sample.encoding not in ("utf-8", "utf-8-sig", "auto"):
        yield _guess("编码由字节推断", "the encoding is inferred from the bytes")
        yield f"encoding = {_quoted(probe.sample.encoding)}"
    if probe.format != "shdr":
        yield from _table_lines(probe)
    if probe.zone:
        yield _guess(
            "时间文字没有时区，请核对；夏令时按此时区处理",
            "times have no zone in the text; check this one, summer time follows it",
        )
        yield f"time_zone = {_quoted(probe.zone)}"
    if probe.by_role("amount"):
        yield _guess(
            "时间标在区间的开头还是结尾", "whether stamps stand at the start or the end of intervals"
        )
        yield f'stamp = "{probe.stamp}"'
    if probe.closes_day:
        yield _note(
            "0:00 排在当天最后：表示当天结束的那个午夜",
            "0:00 stands last of its day: it closes the day it names",
        )
        yield 'midnight = "closes_day"'
    sparse = [s for s in probe.feeds if s.empty_share > SPARSE]
    if sparse and probe.format == "wide":
        yield _guess(
            "许多单元格为空：空格视为没有新读数", "many cells are empty: an empty cell is no reading"
        )
        yield 'ignore = [""]'
    for signal in probe.by_role("availability")[:1]:
        yield _guess(signal.zh, signal.en)
        key = "column" if probe.format == "wide" else "item"
        yield f'availability = {{ {key} = {_quoted(signal.source)}, lost = ["UNAVAILABLE", "OFFLINE", "0"] }}'


def _table_lines(probe: Probe) -> Iterator[str]:
    if probe.delimiter:
        yield f"delimiter = {_quoted(probe.delimiter)}"
    yield f"header_line = {probe.header_line}"
    if probe.first_row:
        yield f"first_row = {probe.first_row}"
    times = [_quoted(source) for source in probe.time]
    yield f"time = {times[0] if len(times) == 1 else '[' + ', '.join(times) + ']'}"
    if probe.time_format != "year_first":
        if not probe.time_sure:
            yield _guess("日与月无法区分，请核对", "day and month cannot be told apart here; check")
        yield f"time_format = {_quoted(probe.time_format)}"
    if probe.device:
        yield _guess(
            "日志含有几台设备，这里只读一台", "the log holds several devices; this reads one of them"
        )
        yield f"where = {{ {_quoted(str(probe.device_column))} = {_quoted(probe.device)} }}"
    if probe.format == "long":
        yield f"item = {_quoted(probe.item)}"
        yield f"value = {_quoted(probe.value)}"
    if probe.decimal != ".":
        yield f"decimal = {_quoted(probe.decimal)}"
    if probe.thousands:
        yield f"thousands = {_quoted(probe.thousands)}"


def _left_out_lines(signals: list[Signal]) -> Iterator[str]:
    for signal in signals[:LEFT_OUT_SHOWN]:
        name = signal.name[:60]
        yield _note(f"未映射 {name}：{signal.zh}", f"not mapped {name}: {signal.en}")
    if len(signals) > LEFT_OUT_SHOWN:
        more = len(signals) - LEFT_OUT_SHOWN
        yield _note(f"另有 {more} 项未映射", f"{more} more are not mapped")


def _feed_lines(probe: Probe, signal: Signal, name: str, prefix: str) -> Iterator[str]:
    yield ""
    yield _guess(signal.zh, signal.en)
    yield f"{prefix}[[feed]]"
    yield f'{prefix}name = "{name}"'
    yield f'{prefix}kind = "{signal.role.removeprefix("maybe_")}"'
    yield f"{prefix}{'column' if probe.format == 'wide' else 'item'} = {_quoted(signal.source)}"
    if signal.unit:
        if signal.unit_guessed:
            yield _guess("单位请核对", "check the unit")
        yield f'{prefix}unit = "{signal.unit}"'
    if signal.role == "counter" and probe.lines > limits.THIN_FROM_LINES:
        yield _note(
            "密集日志：账本每 15 分钟记一条即可结算，全部读数仍作存证",
            "a dense log: a record each 15 minutes is enough for a bill, all readings are anchored",
        )
        yield f'{prefix}record_every = "15min"'
    if signal.role == "counter" or signal.role.endswith("state"):
        yield _note(
            "不变时也定期写入的信号，请取消下一行的注释：静默即为缺口",
            "written at intervals even when unchanged? Then uncomment the next line: silence is a gap",
        )
        yield '# reporting = "periodic"'
    if signal.role == "power":
        if signal.interval_ms > limits.POWER_INTERVAL_MS:
            yield f'{prefix}hold_max = "{spelled_duration(signal.interval_ms)}"'
    elif signal.interval_ms:
        yield f'{prefix}interval = "{spelled_duration(signal.interval_ms)}"'
    if signal.role.endswith("state") and probe.format == "wide":
        for amount in probe.by_role("amount")[:1]:
            yield _guess(
                "状态与区间量同行，说明的是同一区间", "it speaks of the same interval as the amount beside it"
            )
            yield f'{prefix}interval = "{spelled_duration(amount.interval_ms)}"'
    if signal.carrier:
        yield f'{prefix}carrier = "{signal.carrier}"'
    if signal.carrier and signal.role == "power":
        yield _note("功率积分得到的电量只能作参考", "energy integrated from power is always indicative")
    elif signal.carrier:
        yield _note(
            "用于贸易结算须填写 [feed.legal_use]（证书、有效期、等级、封印）",
            "for billing, fill in [feed.legal_use]: certificate, valid_until, class, seal",
        )
    if signal.states:
        table = ", ".join(f"{_quoted(raw)} = {_quoted(state)}" for raw, state in signal.states)
        yield f"{prefix}states = {{ {table} }}"


def _empty_feed_lines() -> Iterator[str]:
    yield ""
    yield _note("没有认出任何计量，请填写", "no meter was recognised; fill this in")
    yield "[[feed]]"
    yield 'name = ""'
    yield 'kind = "counter"'


def _oee_lines(probe: Probe, names: dict[str | int, str]) -> Iterator[str]:
    counters = [signal for signal in probe.by_role("counter") if signal.unit == "piece"]
    scrap = next((names[s.source] for s in counters if says(s.name, "scrap")), "")
    good = next((names[s.source] for s in counters if says(s.name, "good") and not says(s.name, "scrap")), "")
    states = sorted(probe.by_role("state"), key=lambda signal: (not signal.worded, says(signal.name, "mode")))
    state = next((names[signal.source] for signal in states), "")
    yield ""
    yield _note(
        "OEE 的输入；没有填写的因素显示为“未给出”", 'inputs of OEE; a factor without input is "not given"'
    )
    yield "# [oee]"
    yield '# ideal_cycle = "42.5 s"'
    yield '# planned_per_day = "16 h"'
    yield f'# state = "{state}"'
    yield '# running = ["ACTIVE"]'
    yield f'# good = "{good}"'
    yield f'# scrap = "{scrap}"'
