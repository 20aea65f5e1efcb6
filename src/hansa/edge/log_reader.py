"""Reads the log of one machine into readings that can be signed: `read_log`.

Free-standing: knows nothing of ledger or network, and reads no clock of its own.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from hansa.edge import log_limits as limits
from hansa.edge.log_errors import EdgeRefusal, RefusedRow, refusal, texts
from hansa.edge.log_feeds import feed_log, loss_marks
from hansa.edge.log_files import digest, file_bytes, find_files
from hansa.edge.log_intake import Intake, TooManyMalformed, new_intake
from hansa.edge.log_model import FeedLog, Gap, Log, LogFile, ReadReport
from hansa.edge.log_report import report_lines, row_place
from hansa.edge.log_rows import take_file
from hansa.edge.log_units import spelled_duration
from hansa.edge.mapping import LogFormat, Mapping

__all__ = [
    "EdgeRefusal",
    "FeedLog",
    "Gap",
    "Log",
    "LogFile",
    "ReadReport",
    "RefusedRow",
    "read_log",
    "report_lines",
]


def read_log(
    paths: Sequence[Path] | Path | str,
    mapping: Mapping,
    *,
    now_ms: int,
    keep_good_rows: bool | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Log:
    """Reads files, folders or a glob by the mapping.

    `now_ms`: time of import, UTC; later rows (beyond `clock_skew`) are refused. `keep_good_rows` overrides
    the mapping. `progress(done, total)` hears bytes. Raises EdgeRefusal: what cannot be read, and malformed
    rows unless the good ones may be kept; then nothing is kept.
    """
    sources = find_files(paths)
    keep = mapping.log.keep_good_rows if keep_good_rows is None else keep_good_rows
    intake = new_intake(mapping, 0 if keep else limits.STOP_AFTER_MALFORMED)
    try:
        sizes = [source.path.stat().st_size for source in sources]
    except OSError as error:
        raise refusal(
            "edge.file_unreadable", "log", file=sources[0].name, detail=str(error.strerror)
        ) from None
    files, done = [], 0
    try:
        for source, size in zip(sources, sizes, strict=True):
            data = file_bytes(source)
            rows_before = intake.rows
            take_file(intake, source, data, mapping.log, _tick(progress, done, size, sum(sizes)))
            files.append(LogFile(source.name, digest(data), intake.rows - rows_before, len(data)))
            done += size
            if progress:
                progress(done, sum(sizes))
    except TooManyMalformed:
        raise _malformed(intake, "≥") from None
    if intake.malformed and not keep:
        raise _malformed(intake, "")
    return _finished(intake, mapping, tuple(files), now_ms)


def _tick(
    progress: Callable[[int, int], None] | None, done: int, size: int, total: int
) -> Callable[[float], None]:
    def tick(share: float) -> None:
        if progress:
            progress(done + int(size * share), total)

    return tick


def _malformed(intake: Intake, more: str) -> EdgeRefusal:
    first = intake.malformed_rows[0]
    some = intake.malformed_rows[: limits.REFUSED_SHOWN_MAX]
    zh = "\n".join(f"  {row_place(row, 0)}：{row.zh}" for row in some)
    en = "\n".join(f"  {row_place(row, 1)}: {row.en}" for row in some)
    count = intake.malformed
    zh = texts("edge.rows_malformed", file=first.file, count=count, more=more, rows=zh)[0]
    en = texts("edge.rows_malformed", file=first.file, count=count, more=more, rows=en)[1]
    return EdgeRefusal("edge.rows_malformed", "rows", zh, en, first.file, first.line, first.column)


def _finished(intake: Intake, mapping: Mapping, files: tuple[LogFile, ...], now_ms: int) -> Log:
    log = mapping.log
    row_ms = [at_ns // limits.NS_PER_MS for at_ns in intake.row_ns]
    window = clock_window(row_ms, log, now_ms)
    misdated, misdated_rows = _misdated(intake, row_ms, window, log, now_ms)
    inside = (window.first_ms, window.last_ms)
    losses = loss_marks(intake, log, inside)
    feeds = tuple(feed_log(intake, track, log, inside, losses) for track in intake.tracks)
    good = [at for at in row_ms if inside[0] <= at <= inside[1]] if misdated else row_ms
    first_ms, last_ms = (min(good), max(good)) if good else (0, 0)
    report = ReadReport(
        rows=intake.rows,
        readings=sum(len(feed.at_ms) for feed in feeds),
        duplicates=intake.compared - len(intake.distinct),
        out_of_order=_steps_back(intake, row_ms, inside),
        misdated=misdated,
        malformed=intake.malformed,
        skipped=dict(sorted(intake.skipped.items())),
        misdated_rows=misdated_rows,
        malformed_rows=tuple(intake.malformed_rows),
        gaps=tuple(gap for feed in feeds for gap in feed_gaps(feed, last_ms)),
        first_ms=first_ms,
        last_ms=last_ms,
    )
    return Log(log.device, feeds, files, report)


class ClockWindow(NamedTuple):
    """First and last ms that a row may carry, and the bounds that rest on the stretch rule alone."""

    first_ms: int
    last_ms: int
    apart_below_ms: int
    apart_above_ms: int


def clock_window(row_ms: list[int], log: LogFormat, now_ms: int) -> ClockWindow:
    """Which times are believed. A row is misdated when it lies
    - before the day `not_before` (2000-01-01 where the mapping says nothing) or after the day `not_after`,
    - after `now_ms` plus `clock_skew`,
    - on the far side of an empty stretch longer than `clock_gap_days` that less than 1 % of all rows lie
      beyond.
    """
    first_ms = log.day_start_ms(log.not_before)
    last_ms = now_ms + log.clock_skew_ms
    if log.not_after is not None:
        last_ms = min(last_ms, log.day_start_ms(log.not_after) + limits.MS_PER_DAY - 1)
    per_day = Counter(at // limits.MS_PER_DAY for at in row_ms if first_ms <= at <= last_ms)
    below, above = first_ms, last_ms
    days = sorted(per_day)
    bound = len(row_ms) * limits.FAR_SIDE_PERCENT
    seen = 0
    for day, following in pairwise(days):
        seen += per_day[day]
        if following - day > log.clock_gap_days and seen * 100 < bound:
            below = following * limits.MS_PER_DAY
    seen = 0
    for day, before in pairwise(reversed(days)):
        seen += per_day[day]
        if day - before > log.clock_gap_days and seen * 100 < bound:
            above = (before + 1) * limits.MS_PER_DAY - 1
    return ClockWindow(max(first_ms, below), min(last_ms, above), below, above)


def _misdated(
    intake: Intake, row_ms: list[int], window: ClockWindow, log: LogFormat, now_ms: int
) -> tuple[int, tuple[RefusedRow, ...]]:
    outside = [row for row, at in enumerate(row_ms) if not window.first_ms <= at <= window.last_ms]
    listed = []
    for row in outside[: limits.REFUSED_LISTED_MAX]:
        code, value = _clock_reason(row_ms[row], log, now_ms)
        zh, en = texts(code, value=value)
        name = intake.file_names[intake.file_of(row)]
        listed.append(RefusedRow(name, intake.row_line[row], 0, code, zh, en))
    return len(outside), tuple(listed)


def _clock_reason(at_ms: int, log: LogFormat, now_ms: int) -> tuple[str, str]:
    if at_ms < log.day_start_ms(log.not_before):
        return "edge.clock_before", log.not_before.isoformat()
    if at_ms > now_ms + log.clock_skew_ms:
        return "edge.clock_future", spelled_duration(log.clock_skew_ms)
    if log.not_after is not None and at_ms >= log.day_start_ms(log.not_after) + limits.MS_PER_DAY:
        return "edge.clock_after", log.not_after.isoformat()
    return "edge.clock_apart", str(log.clock_gap_days)


def _steps_back(intake: Intake, row_ms: list[int], window: tuple[int, int]) -> int:
    count = 0
    low, high = window
    bounds = [*intake.file_start, len(row_ms)]
    for start, end in pairwise(bounds):
        last = low
        for at in row_ms[start:end]:
            if low <= at <= high:
                count += at < last
                last = at
    return count


def feed_gaps(feed: FeedLog, log_end_ms: int) -> list[Gap]:
    """Lost stretches (from the loss to the next reading, or to the end of the log), missing intervals of
    amounts, and silences of periodic feeds: longer than `silence`, or than three times the usual spacing."""
    gaps: list[Gap] = []
    name, size = feed.spec.name, len(feed.at_ms)
    silence = _silence_ms(feed)
    lost_from = -1
    for index in range(size):
        at, lost = feed.at_ms[index], feed.lost[index]
        if lost:
            lost_from = at if lost_from < 0 else lost_from
            continue
        begins = at - feed.span_ms[index]
        if lost_from >= 0:
            if begins > lost_from or not feed.span_ms[index]:
                gaps.append(Gap(name, lost_from, max(begins, lost_from), "lost"))
            lost_from = -1
        elif index and begins - feed.at_ms[index - 1] > silence:
            gaps.append(Gap(name, feed.at_ms[index - 1], begins, "silence"))
    if lost_from >= 0:
        gaps.append(Gap(name, lost_from, max(log_end_ms, lost_from), "lost"))
    return gaps


def _silence_ms(feed: FeedLog) -> int:
    if feed.spec.silence:
        return feed.spec.silence_ms
    if feed.spec.kind in ("amount", "power"):
        return 0
    steps = sorted(b - a for a, b in pairwise(feed.at_ms))
    if feed.spec.reporting == "periodic" and steps:
        return steps[len(steps) // 2] * limits.SILENCE_FACTOR
    return limits.VALUE_MAX
