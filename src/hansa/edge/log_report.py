"""The report of a read log, for people: rows, feeds, gaps, falls, and every refused row with its reason."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice

from hansa.edge import log_limits as limits
from hansa.edge.log_errors import RefusedRow
from hansa.edge.log_model import FeedLog, Log, ReadReport

TEXTS: dict[str, tuple[str, str]] = {
    "device": (
        "设备 {device}：{files} 个文件，{rows} 行，{first} 至 {last}（UTC）",
        "Device {device}: {files} files, {rows} rows, {first} to {last} (UTC)",
    ),
    "empty": (
        "设备 {device}：{files} 个文件，{rows} 行，没有可用的行",
        "Device {device}: {files} files, {rows} rows, none of them usable",
    ),
    "duplicates": ("  与另一行完全相同的行：{n}", "  Rows that repeat another word for word: {n}"),
    "out_of_order": (
        "  时间早于上一行的行：{n}（已按时间排序）",
        "  Rows earlier than the one before: {n} (sorted by time)",
    ),
    "other": ("  未映射的行：{n}", "  Rows of items that are not mapped: {n}"),
    "asset": ("  刀具等资产行：{n}", "  Rows of assets: {n}"),
    "command": ("  适配器命令行：{n}", "  Rows of adapter commands: {n}"),
    "misdated": ("  因时间不可信而拒收的行：{n}", "  Rows refused for their time: {n}"),
    "malformed": ("  因无法读取而拒收的行：{n}", "  Rows refused as unreadable: {n}"),
    "row": ("    {place}：{reason}", "    {place}: {reason}"),
    "more": ("    …… 另有 {n} 项", "    … and {n} more"),
    "feed": (
        "{name}（{kind}，单位 {unit}）：{readings} 个读数，其中无信号标记 {lost} 个；上账 {records} 个",
        "{name} ({kind}, in {unit}): {readings} readings, {lost} of them marks of a lost signal; "
        "{records} become records",
    ),
    "range": ("  首个 {first}，最后 {last}，累加 {total}", "  First {first}, last {last}, risen by {total}"),
    "sum": ("  合计 {total} {unit}", "  In all {total} {unit}"),
    "states": ("  状态：{states}", "  States: {states}"),
    "not_wired": (
        "  从未增加，视为未接线：不能据此计费。若确已接线，请写 wired = true",
        "  It never rose: taken as not wired, so nothing can be billed by it. If it is, say wired = true",
    ),
    "falls": (
        "  下降 {n} 次（由账本判断是误读还是复位）：",
        "  {n} falls (the ledger decides: false readings or a reset):",
    ),
    "fall": ("    {at} 由 {before} 降到 {now}（{place}）", "    {at} from {before} to {now} ({place})"),
    "gaps": ("  缺口 {n} 段，共 {total}：", "  {n} gaps, {total} in all:"),
    "gap": ("    {first} 至 {last}（{span}，{reason}）", "    {first} to {last} ({span}, {reason})"),
    "lost": ("日志标明无信号", "the log says signal lost"),
    "silence": ("没有读数", "no readings"),
    "contradictions": (
        "  同一时刻数值不同 {n} 处，以文件顺序中最后一个为准：",
        "  {n} times two values at one time; the last in file order stands:",
    ),
    "contradiction": (
        "    {at}：{before}（{place}），采用 {now}（{stands}）",
        "    {at}: {before} ({place}), taken {now} ({stands})",
    ),
    "overtaken": (
        "  同一毫秒内被后一读数取代的读数：{n}",
        "  Readings followed by another within the same millisecond: {n}",
    ),
    "overlaps": (
        "  区间与前一区间重叠的读数：{n}，请核对 interval",
        "  Amounts whose interval overlaps the one before: {n}; check interval",
    ),
    "no_signal": ("无信号", "no signal"),
    "counter": ("累计计数", "counter"),
    "amount": ("区间量", "amount per interval"),
    "state": ("状态", "state"),
    "power": ("功率积分", "integrated power"),
}


def report_lines(log: Log, lang: str) -> list[str]:
    """What an import would do, line by line, in `zh` or (any other) `en`. Long lists show their first
    entries.
    """
    return list(_lines(log, 0 if lang == "zh" else 1))


def _text(key: str, lang: int, **params: str | int) -> str:
    shown = {name: f"{value:,}" if isinstance(value, int) else value for name, value in params.items()}
    return TEXTS[key][lang].format(**shown)


def _lines(log: Log, lang: int) -> Iterator[str]:
    report = log.report
    seen = any(feed.at_ms for feed in log.feeds) or report.last_ms > 0
    yield _text(
        "device" if seen else "empty",
        lang,
        device=log.device,
        files=len(log.files),
        rows=report.rows,
        first=spelled_time(report.first_ms),
        last=spelled_time(report.last_ms),
    )
    yield from _row_lines(report, lang)
    for feed in log.feeds:
        yield from _feed_lines(log, feed, lang)


def _row_lines(report: ReadReport, lang: int) -> Iterator[str]:
    counts = {"duplicates": report.duplicates, "out_of_order": report.out_of_order, **report.skipped}
    for key, count in counts.items():
        if count:
            yield _text(key, lang, n=count)
    refused = (
        ("misdated", report.misdated, report.misdated_rows),
        ("malformed", report.malformed, report.malformed_rows),
    )
    for key, count, rows in refused:
        if count:
            yield _text(key, lang, n=count)
            yield from _refused_lines(rows, count, lang)


def _refused_lines(rows: Sequence[RefusedRow], count: int, lang: int) -> Iterator[str]:
    """Rows that follow each other and share their reason stand in one line."""
    shown = start = 0
    for _ in range(limits.REFUSED_SHOWN_MAX):
        if start == len(rows):
            break
        first, end = rows[start], start + 1
        while end < len(rows) and rows[end] == first._replace(line=first.line + end - start):
            end += 1
        place = _place(first.file, first.line, first.column, lang, to_line=rows[end - 1].line)
        yield _text("row", lang, place=place, reason=(first.zh, first.en)[lang])
        shown, start = end, end
    if count > shown:
        yield _text("more", lang, n=count - shown)


def _feed_lines(log: Log, feed: FeedLog, lang: int) -> Iterator[str]:
    spec = feed.spec
    yield _text(
        "feed",
        lang,
        name=spec.name,
        kind=TEXTS[spec.kind][lang],
        unit=feed.base_unit,
        readings=len(feed.at_ms),
        lost=sum(feed.lost),
        records=len(feed.record),
    )
    good = [value for value, lost in zip(feed.value, feed.lost, strict=True) if not lost]
    if spec.kind == "state":
        yield _text("states", lang, states=", ".join(feed.states[1:]) or TEXTS["no_signal"][lang])
    elif spec.kind == "counter" and good:
        yield _text("range", lang, first=good[0], last=good[-1], total=good[-1] - good[0])
    elif good:
        yield _text("sum", lang, total=sum(good), unit=feed.base_unit)
    if not feed.wired:
        yield _text("not_wired", lang)
    yield from _fall_lines(log, feed, lang)
    yield from _gap_lines(log, feed, lang)
    yield from _double_lines(log, feed, lang)


def _fall_lines(log: Log, feed: FeedLog, lang: int) -> Iterator[str]:
    if feed.falls:
        yield _text("falls", lang, n=len(feed.falls))
        yield from _first((_fall_line(log, feed, index, lang) for index in feed.falls), len(feed.falls), lang)


def _fall_line(log: Log, feed: FeedLog, index: int, lang: int) -> str:
    before = next(i for i in range(index - 1, -1, -1) if not feed.lost[i])
    place = _place(log.files[feed.file[index]].name, feed.line[index], 0, lang)
    at = spelled_time(feed.at_ms[index])
    return _text("fall", lang, at=at, before=feed.value[before], now=feed.value[index], place=place)


def _gap_lines(log: Log, feed: FeedLog, lang: int) -> Iterator[str]:
    gaps = [gap for gap in log.report.gaps if gap.feed == feed.spec.name]
    if not gaps:
        return
    total = sum(gap.to_ms - gap.from_ms for gap in gaps)
    yield _text("gaps", lang, n=len(gaps), total=spelled_span(total, lang))
    longest = sorted(gaps, key=lambda gap: gap.from_ms - gap.to_ms)
    lines = (
        _text(
            "gap",
            lang,
            first=spelled_time(gap.from_ms),
            last=spelled_time(gap.to_ms),
            span=spelled_span(gap.to_ms - gap.from_ms, lang),
            reason=TEXTS[gap.reason][lang],
        )
        for gap in longest
    )
    yield from _first(lines, len(gaps), lang)


def _double_lines(log: Log, feed: FeedLog, lang: int) -> Iterator[str]:
    count = feed.contradiction_count
    if count:
        yield _text("contradictions", lang, n=count)

    def value(number: int) -> str:
        if number < 0:
            return TEXTS["no_signal"][lang]
        return feed.states[number] if feed.states else f"{number:,}"

    lines = (
        _text(
            "contradiction",
            lang,
            at=spelled_time(one.at_ms),
            before=value(one.value),
            place=_place(log.files[one.file].name, one.line, 0, lang),
            now=value(one.stands),
            stands=_place(log.files[one.stands_file].name, one.stands_line, 0, lang),
        )
        for one in feed.contradictions
    )
    yield from _first(lines, count, lang)
    if feed.overtaken:
        yield _text("overtaken", lang, n=feed.overtaken)
    if feed.overlaps:
        yield _text("overlaps", lang, n=len(feed.overlaps))


def _first(lines: Iterable[str], count: int, lang: int) -> Iterator[str]:
    yield from islice(lines, limits.REFUSED_SHOWN_MAX)
    if count > limits.REFUSED_SHOWN_MAX:
        yield _text("more", lang, n=count - limits.REFUSED_SHOWN_MAX)


def _place(file: str, line: int, column: int, lang: int, to_line: int = 0) -> str:
    lines = f"{line}–{to_line}" if to_line > line else str(line)
    if lang == 0:
        return f"{file} 第 {lines} 行" + (f"第 {column} 列" if column else "")
    return f"{file}, line{'s' * (to_line > line)} {lines}" + (f", column {column}" if column else "")


def row_place(row: RefusedRow, lang: int) -> str:
    """Where a refused row stands; `lang` 0 is zh, 1 is en."""
    return _place(row.file, row.line, row.column, lang)


def spelled_time(at_ms: int) -> str:
    """A time for people, UTC, to the second."""
    try:
        return datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return f"{at_ms} ms"


def spelled_span(span_ms: int, lang: int) -> str:
    """A span for people, in days and hours:minutes:seconds; spans below a second in ms."""
    if span_ms < 1000:
        return f"{span_ms} ms"
    days, rest_s = divmod(span_ms // 1000, 86_400)
    clock = f"{rest_s // 3600:02d}:{rest_s // 60 % 60:02d}:{rest_s % 60:02d}"
    return (f"{days} 天 {clock}" if lang == 0 else f"{days} d {clock}") if days else clock
